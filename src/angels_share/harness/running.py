"""Running models on tasks, each task on its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from angels_share.errors import LogError, RunError
from angels_share.harness.planning import PairRun, Role, Settings
from angels_share.harness.provenance import SAMPLERS, SHOTS_SEED, write_provenance
from angels_share.harness.resuming import check_conditions, check_second_stage, finished_tasks
from angels_share.harness.stock import LOADING_ERRORS, check_stock_tasks, code_allowed, stock_task
from angels_share.items import package_folder
from angels_share.logs import read_run
from angels_share.spec import hub_entries

DEFAULT_DEVICE = "cuda:0"
"""lm-eval's own default on the command line; its ``hf`` backend goes over to the CPU where there is no such device."""


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
    check_stock_tasks(task for role in pair.roles for task in pair.tasks(role) if task not in held[role.label])
    try:
        pair.output.mkdir(parents=True, exist_ok=True)
        write_provenance(pair)
    except OSError as error:
        raise RunError(f"{pair.output}: cannot be written ({error}); is it a file, or is the disk full?") from error
    for role in pair.roles:
        folder, tasks, done = pair.folder(role), pair.tasks(role), held[role.label]
        shutil.rmtree(folder / ".partial", ignore_errors=True)
        open_tasks = [task for task in tasks if task not in done]
        there = len(tasks) - len(open_tasks)
        if there:
            pair.say(f"{role.label}: {there} of {len(tasks)} tasks are there already")
        if not open_tasks:
            continue
        pair.say(f"{role.label}: loading {role.model.args_text}")
        model, manager = load(role, pair.settings), task_manager(role, pair)
        with _environment_read_once():
            for number, task in enumerate(open_tasks, there + 1):
                pair.say(f"{role.label}: task {number} of {len(tasks)}, {task}")
                _run_task(model, manager, task, role, pair)


def load(role: Role, settings: Settings) -> Any:
    """Return the model of a role as lm-eval loads it, or say why it cannot be loaded."""
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


def _metadata(role: Role, pair: PairRun) -> dict[str, Any]:
    return {**role.model.args, **pair.metadata(role)}


def task_manager(role: Role, pair: PairRun) -> Any:
    """Return lm-eval's manager of the package's tasks, with the items that a role answers."""
    from lm_eval.tasks import TaskManager

    folder = str(package_folder("tasks"))
    return TaskManager(include_path=folder, include_defaults=False, metadata=_metadata(role, pair))


@contextmanager
def _environment_read_once() -> Iterator[None]:
    """Let lm-eval, which describes the machine in every log, look at it a single time: that takes a second."""
    from lm_eval import evaluator

    described: dict[str, Any] = {}
    describe = evaluator.add_env_info

    def add_env_info(storage: dict[str, Any]) -> None:
        if not described:
            describe(described)
        storage.update(described)

    with patch.object(evaluator, "add_env_info", add_env_info):
        yield


def _run_task(model: Any, manager: Any, task: str, role: Role, pair: PairRun) -> None:
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.loggers import EvaluationTracker

    folder, settings = pair.folder(role), pair.settings
    partial = folder / ".partial"
    tracker = EvaluationTracker(output_path=str(partial))
    results = simple_evaluate(
        model=model,
        tasks=[stock_task(task, _metadata(role, pair)) if task in hub_entries() else task],
        task_manager=manager,
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
        confirm_run_unsafe_code=code_allowed(),
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
