"""Running models on tasks, each task on its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from angels_share.errors import LogError, RunError
from angels_share.harness.planning import PairRun, Role, Settings
from angels_share.harness.provenance import SAMPLERS, write_provenance
from angels_share.harness.resuming import check_conditions, check_second_stage, finished_tasks
from angels_share.items import package_folder
from angels_share.logs import read_run
from angels_share.spec import hub_entries

DEFAULT_DEVICE = "cuda:0"
"""lm-eval's own default on the command line; its ``hf`` backend goes over to the CPU where there is no such device."""

LOADING_ERRORS = (
    OSError,
    ValueError,
    RuntimeError,
    TypeError,
    ImportError,
    LookupError,
    AttributeError,
    AssertionError,
)
"""What lm-eval's backends raise when a model cannot be loaded, and its tasks when their data set cannot be."""

ALLOW_CODE = "HF_ALLOW_CODE_EVAL"
"""Variable of the environment, of Hugging Face's ``evaluate``, that must be 1 where programs of models may be run."""

SHOTS_SEED = 1234
"""lm-eval's own default: what is drawn as examples into a prompt is the same for both models."""


def run(pair: PairRun) -> None:
    """Run every task that the folder lacks, one model after the other, and write the provenance.

    Raises
    ------
    RunError
        If a model or a data set does not load, a task would run programs of models without leave, or a log was not
        written whole.
    """
    check_second_stage(pair)
    held = {role.label: finished_tasks(pair.folder(role), pair.settings, role) for role in pair.roles}
    check_conditions(pair, [name for name, tasks in held.items() if tasks])
    _check_stock_tasks(task for role in pair.roles for task in pair.tasks(role) if task not in held[role.label])
    try:
        pair.output.mkdir(parents=True, exist_ok=True)
        write_provenance(pair)
    except OSError as error:
        raise RunError(f"{pair.output}: cannot be written ({error}); is it a file, or is the disk full?") from error
    for role in pair.roles:
        folder, tasks, done = pair.folder(role), pair.tasks(role), held[role.label]
        shutil.rmtree(folder / ".partial", ignore_errors=True)
        open_tasks = [task for task in tasks if task not in done]
        if done:
            pair.say(f"{role.label}: {len(done)} of {len(tasks)} tasks are there already")
        if not open_tasks:
            continue
        pair.say(f"{role.label}: loading {role.model.args_text}")
        model = _load(role, pair.settings)
        for number, task in enumerate(open_tasks, len(done) + 1):
            pair.say(f"{role.label}: task {number} of {len(tasks)}, {task}")
            _run_task(model, task, role, pair)


def _load(role: Role, settings: Settings) -> Any:
    from huggingface_hub.errors import StrictDataclassError
    from lm_eval.api.registry import get_model
    from safetensors import SafetensorError

    unloadable = (*LOADING_ERRORS, SafetensorError, StrictDataclassError)
    shared = {"batch_size": role.batch_size, "max_batch_size": None, "device": settings.device or DEFAULT_DEVICE}
    try:
        model = get_model(role.model.backend).create_from_arg_string(role.model.args_text, shared)
        if settings.apply_chat_template:
            model.apply_chat_template([{"role": "user", "content": "Hello"}])
    except unloadable as error:
        raise RunError(
            f"{role.name}: {role.model.backend} could not load {role.model.args_text}: "
            f"{str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}. "
            "Check the folder or name, that lm-eval's extra for this backend is installed, and with "
            "--apply-chat-template that the model has a chat template"
        ) from error
    return model


@cache
def _stock_index() -> Mapping[str, Any]:
    """Return where lm-eval keeps each task of its own, by name; reading all its files takes some seconds."""
    from lm_eval.tasks import TaskManager

    index: Mapping[str, Any] = TaskManager().task_index
    return index


def _check_stock_tasks(names: Iterable[str]) -> None:
    """Refuse tasks that lm-eval does not have, and ones that run what a model writes where nobody allowed it."""
    for name in dict.fromkeys(name for name in names if name in hub_entries()):
        if name not in _stock_index():
            raise RunError(f"the installed lm-eval has no task {name}; install the version that the package asks for")
        if _stock_index()[name].cfg.get("unsafe_code") and not _code_allowed():
            raise RunError(
                f"{name} runs the programs that the models write, on this machine and as you; if you want that, best "
                f"in a container without network, set {ALLOW_CODE}=1 and run again, else leave its suite out"
            )


def _code_allowed() -> bool:
    return os.environ.get(ALLOW_CODE) == "1"


def _stock_task(name: str, metadata: Mapping[str, Any]) -> Any:
    """Return a task of lm-eval's own with the metadata of its hub suite.

    lm-eval lays what is said of a task over the task's own file only where it stands in a group's list.
    """
    from lm_eval.tasks import TaskManager

    folder = _stock_index()[name].yaml_path.parent
    manager = TaskManager(include_path=str(folder), include_defaults=False, metadata=dict(metadata))
    try:
        return manager.load([{"group": f"{name} alone", "task": [hub_entries()[name]]}])["tasks"][name]
    except LOADING_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RunError(
            f"{name}: lm-eval could not load it: {reason}. Check that its data set can be had from the Hugging Face "
            "Hub or lies in the cache, and that lm-eval's extra for this task is installed"
        ) from error


def _run_task(model: Any, task: str, role: Role, pair: PairRun) -> None:
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    folder, settings = pair.folder(role), pair.settings
    partial = folder / ".partial"
    metadata = {**role.model.args, **pair.metadata(role)}
    tracker = EvaluationTracker(output_path=str(partial))
    results = simple_evaluate(
        model=model,
        tasks=[_stock_task(task, metadata) if task in hub_entries() else task],
        task_manager=TaskManager(include_path=str(package_folder("tasks")), include_defaults=False, metadata=metadata),
        batch_size=role.batch_size,
        device=settings.device,
        gen_kwargs=dict(SAMPLERS.get(role.model.backend, {})) or None,
        apply_chat_template=settings.apply_chat_template,
        system_instruction=settings.system_instruction,
        evaluation_tracker=tracker,
        bootstrap_iters=0,
        log_samples=True,
        random_seed=role.sampling_seed,
        numpy_random_seed=role.sampling_seed,
        torch_random_seed=role.sampling_seed,
        fewshot_random_seed=SHOTS_SEED,
        confirm_run_unsafe_code=_code_allowed(),
    )
    if results is None:
        return
    results["config"] |= {"model": role.model.backend, "model_args": dict(role.model.args)}
    tracker.general_config_tracker.log_experiment_args(
        model_source=role.model.backend,
        model_args=role.model.args_text,
        system_instruction=settings.system_instruction or "",
        chat_template=model.chat_template(True) if settings.apply_chat_template else "",
        fewshot_as_multiturn=False,
    )
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    tracker.save_results_samples(task_name=task, samples=samples[task])
    try:
        read_run(partial, only=[task])
    except LogError as error:
        raise RunError(f"{role.label}, {task}: the log was not written whole; is the disk full? {error}") from error
    for written in sorted(partial.rglob("*.json*"), key=lambda path: path.name, reverse=True):
        target = folder / written.relative_to(partial)
        target.parent.mkdir(parents=True, exist_ok=True)
        written.replace(target)
    shutil.rmtree(partial)
