"""Running lm-evaluation-harness for a pair, task by task and resumable. The only module that imports lm-eval.

A run of a pair is a folder::

    <output>/run.json                      provenance: commands, versions, settings, weights
    <output>/teacher/<model>/              results and samples files, exactly as lm-eval writes them
    <output>/student/<model>/
    <output>/teacher_repeat/<model>/       optional: the teacher again, other sampling seed and batch size
    <output>/teacher_calibration/<model>/  optional: the teacher on the calibration items

Each task is evaluated on its own with all seeds set anew, so a killed run goes on with the tasks it lacks, and each
role holds what ``lm-eval run --tasks <task>`` gives for the same seed.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from angels_share import __version__
from angels_share.errors import LogError, RunError, did_you_mean
from angels_share.items import CALIBRATION_SEED, PILOT_CLUSTERS, levels_of, n_clusters, package_folder
from angels_share.logs import TaskLog, read_run, results_files
from angels_share.spec import suite

SAMPLERS: Mapping[str, Mapping[str, Any]] = {
    "hf": {"top_k": 0, "top_p": 1.0},
    "vllm": {"top_k": -1, "top_p": 1.0},
    "sglang": {"top_k": -1, "top_p": 1.0},
}
"""Generation arguments that switch a backend's own truncation of samples off."""

DEFAULT_SEEDS: Mapping[str, int] = {"teacher": 11, "student": 12, "teacher_repeat": 13, "teacher_calibration": 14}
"""Sampling seed of each role; they must differ from each other."""

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
"""What lm-eval's backends raise when a model cannot be loaded."""


@dataclass(frozen=True)
class ModelChoice:
    """A model as lm-eval is told of it: a backend and its arguments."""

    backend: str
    args: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> ModelChoice:
        """Read ``backend:key=value,key=value``, such as ``hf:pretrained=models/toy-teacher,dtype=float32``."""
        backend, colon, rest = text.partition(":")
        pairs = [part.partition("=") for part in rest.split(",") if part]
        keys = [key for key, _, _ in pairs]
        whole = all(key and sign for key, sign, _ in pairs) and len(set(keys)) == len(keys)
        if not colon or not backend or not pairs or not whole:
            raise RunError(
                f"model {text!r}: expected backend:key=value,…, such as hf:pretrained=models/toy-teacher,dtype=float32"
            )
        return cls(backend, {key: value for key, _, value in pairs})

    @property
    def args_text(self) -> str:
        """The arguments as ``--model_args`` takes them."""
        return ",".join(f"{k}={v}" for k, v in self.args.items())


@dataclass(frozen=True)
class Settings:
    """What both models of a pair share."""

    suites: tuple[str, ...]
    track: str
    profile: str
    item_seed: int = 0
    batch_size: str = "8"
    device: str | None = None
    """None for :data:`DEFAULT_DEVICE`."""
    apply_chat_template: bool = False
    system_instruction: str | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task of the suites, each once."""
        return tuple(dict.fromkeys(task for name in self.suites for task in suite(name).tasks))

    def metadata(self, role: str) -> dict[str, Any]:
        """Return the run-time switch of lm-eval's ``--metadata`` for a role."""
        seed = CALIBRATION_SEED if role == "teacher_calibration" else self.item_seed
        return {"as_track": self.track, "as_profile": self.profile, "as_seed": seed}


@dataclass(frozen=True)
class Role:
    """One model in one part of a pair's run."""

    name: str
    model: ModelChoice
    sampling_seed: int
    batch_size: str


@dataclass(frozen=True)
class PairRun:
    """A planned run of a pair."""

    output: Path
    settings: Settings
    roles: tuple[Role, ...]
    say: Callable[[str], None] = field(default=lambda line: None, compare=False)
    """Where progress is told."""


def plan(
    output: Path,
    settings: Settings,
    *,
    teacher: ModelChoice | None,
    student: ModelChoice,
    repeat: bool = False,
    calibrate: bool = True,
    seeds: Mapping[str, int] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> PairRun:
    """Return the plan of a pair's run, checked as far as it can be before a model is loaded.

    Parameters
    ----------
    output : Path
        Folder of the pair's run.
    settings : Settings
        What both models share.
    teacher : ModelChoice or None
        None where a finished run of the teacher is used again.
    student : ModelChoice
    repeat, calibrate : bool
        Whether the teacher also runs with another sampling seed and batch size, and on the calibration items.
    seeds : mapping, optional
        Sampling seeds that replace :data:`DEFAULT_SEEDS`.
    say : callable
        Takes a line of progress.

    Raises
    ------
    RunError
        If a backend is unknown or two roles share a sampling seed.
    SpecError
        If a suite, track or profile is unknown.
    """
    _check_names(settings)
    if not settings.tasks:
        raise RunError("no suite was named, so there is nothing to run")
    chosen = dict(DEFAULT_SEEDS) | dict(seeds or {})
    other_batch = "4" if settings.batch_size != "4" else "2"
    roles = [Role("student", student, chosen["student"], settings.batch_size)]
    if teacher is not None:
        roles.insert(0, Role("teacher", teacher, chosen["teacher"], settings.batch_size))
        if repeat:
            roles.append(Role("teacher_repeat", teacher, chosen["teacher_repeat"], other_batch))
        if calibrate:
            roles.append(Role("teacher_calibration", teacher, chosen["teacher_calibration"], settings.batch_size))
    by_seed: dict[int, str] = {}
    for role in roles:
        if role.sampling_seed in by_seed:
            raise RunError(
                f"{by_seed[role.sampling_seed]} and {role.name} have one sampling seed, {role.sampling_seed}; their "
                "samples would be coupled, give each role its own"
            )
        by_seed[role.sampling_seed] = role.name
        _check_backend(role.model.backend)
    return PairRun(output, settings, tuple(roles), say)


def _check_names(settings: Settings) -> None:
    levels_of(settings.track)
    n_clusters(PILOT_CLUSTERS, settings.profile)


def _check_backend(name: str) -> None:
    import lm_eval.models  # noqa: F401 - fills the registry
    from lm_eval.api.registry import model_registry

    known = list(model_registry)
    if name not in known:
        raise RunError(f"lm-eval has no backend {name!r}. {did_you_mean(name, known)}")


def run(pair: PairRun) -> None:
    """Run every task that the folder lacks, one model after the other, and write the provenance.

    Raises
    ------
    RunError
        If a model does not load, or a log was not written whole.
    """
    held = {role.name: finished_tasks(pair.output / role.name, pair.settings, role) for role in pair.roles}
    _check_conditions(pair, [name for name, tasks in held.items() if tasks])
    try:
        pair.output.mkdir(parents=True, exist_ok=True)
        write_provenance(pair)
    except OSError as error:
        raise RunError(f"{pair.output}: cannot be written ({error}); is it a file, or is the disk full?") from error
    for role in pair.roles:
        folder = pair.output / role.name
        shutil.rmtree(folder / ".partial", ignore_errors=True)
        done = held[role.name]
        open_tasks = [task for task in pair.settings.tasks if task not in done]
        if done:
            pair.say(f"{role.name}: {len(done)} of {len(pair.settings.tasks)} tasks are there already")
        if not open_tasks:
            continue
        pair.say(f"{role.name}: loading {role.model.args_text}")
        model = _load(role, pair.settings)
        for number, task in enumerate(open_tasks, len(done) + 1):
            pair.say(f"{role.name}: task {number} of {len(pair.settings.tasks)}, {task}")
            _run_task(model, task, role, pair.settings, folder)


def _check_conditions(pair: PairRun, begun: Sequence[str]) -> None:
    """Refuse to go on with roles that began under other conditions than the ones asked for now."""
    before, now = _earlier_roles(pair.output), {role.name: _conditions(pair, role) for role in pair.roles}
    for name in begun:
        for key, value in before.get(name, {}).items():
            if key in now[name] and now[name][key] != value:
                raise RunError(
                    f"{pair.output / name}: was begun with {key} {value}, but now {now[name][key]} is asked for; "
                    "use another --output, or move the folder away"
                )


def _conditions(pair: PairRun, role: Role) -> dict[str, Any]:
    """Return everything besides the items that decides a role's answers."""
    return {
        "backend": role.model.backend,
        "model_args": dict(role.model.args),
        "sampling_seed": role.sampling_seed,
        "batch_size": role.batch_size,
        "apply_chat_template": pair.settings.apply_chat_template,
        "system_instruction": pair.settings.system_instruction,
    }


def _earlier_roles(output: Path) -> dict[str, dict[str, Any]]:
    """Return what ``run.json`` says of the roles that a folder holds."""
    path = output / "run.json"
    if not path.exists():
        return {}
    try:
        roles: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))["roles"]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise RunError(
            f"{path}: is no record of a run ({error}); move it away, the logs beside it are whole"
        ) from error
    if not isinstance(roles, dict) or not all(isinstance(record, dict) for record in roles.values()):
        raise RunError(f"{path}: is no record of a run (roles is garbled); move it away, the logs beside it are whole")
    return roles


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


def _run_task(model: Any, task: str, role: Role, settings: Settings, folder: Path) -> None:
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    partial = folder / ".partial"
    tracker = EvaluationTracker(output_path=str(partial))
    results = simple_evaluate(
        model=model,
        tasks=[task],
        task_manager=TaskManager(
            include_path=str(package_folder("tasks")),
            include_defaults=False,
            metadata={**role.model.args, **settings.metadata(role.name)},
        ),
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
        fewshot_random_seed=role.sampling_seed,
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
        raise RunError(f"{role.name}, {task}: the log was not written whole; is the disk full? {error}") from error
    for written in sorted(partial.rglob("*.json*"), key=lambda path: path.name, reverse=True):
        target = folder / written.relative_to(partial)
        target.parent.mkdir(parents=True, exist_ok=True)
        written.replace(target)
    shutil.rmtree(partial)


def finished_tasks(folder: Path, settings: Settings, role: Role) -> dict[str, TaskLog]:
    """Return the logs of the tasks that a role's folder already holds.

    Raises
    ------
    RunError
        If they were made with other settings or another model, so that going on would mix two runs.
    LogError
        If a log in the folder is damaged.
    """
    if not results_files(folder):
        return {}
    held = read_run(folder)
    wanted = settings.metadata(role.name)
    for name, log in held.tasks.items():
        had = log.settings.switch
        if had != wanted or log.settings.sampling_seed != role.sampling_seed:
            raise RunError(
                f"{folder}: holds {name} with {had} and sampling seed {log.settings.sampling_seed}, but now {wanted} "
                f"and {role.sampling_seed} are asked for; use another --output, or move the folder away"
            )
    model = role.model.args.get("pretrained") or role.model.args.get("model")
    if model is not None and held.model != model:
        raise RunError(f"{folder}: holds a run of {held.model}, but {model} is asked for; use another --output")
    return dict(held.tasks)


def adopt_teacher(finished: Path, pair: PairRun) -> None:
    """Copy the teacher's logs of a finished run of a pair into this one, so that the teacher need not run again.

    Raises
    ------
    RunError
        If the teacher there ran with other settings, lacks a task, or has the student's sampling seed.
    """
    folder = roles_of(finished)["teacher"]
    held = read_run(folder)
    student = next(role for role in pair.roles if role.name == "student")
    wanted = pair.settings.metadata("teacher")
    missing = [task for task in pair.settings.tasks if task not in held.tasks]
    if missing:
        raise RunError(f"{folder}: the teacher's run lacks {', '.join(missing)}; run it with the same suites")
    for name, log in held.tasks.items():
        if log.settings.switch != wanted:
            raise RunError(f"{folder}: {name} was run with {log.settings.switch}, but now {wanted} is asked for")
        if log.settings.sampling_seed == student.sampling_seed:
            raise RunError(
                f"{folder}: the teacher has sampling seed {student.sampling_seed}, as the student would; "
                "give another --student-seed"
            )
    target = pair.output / "teacher"
    if target.is_dir() and target.resolve() != folder.resolve() and (there := read_run(target).model) != held.model:
        raise RunError(f"{target}: holds a run of {there}, but {held.model} is to be adopted; use another --output")
    if pair.output.resolve() == finished.resolve():
        return
    for name, source in roles_of(finished).items():
        if name != "student":
            shutil.copytree(source, pair.output / name, dirs_exist_ok=True)
    roles = {name: record for name, record in _earlier_roles(finished).items() if name != "student"}
    record = {"roles": _earlier_roles(pair.output) | roles}
    (pair.output / "run.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", "utf-8")


def lm_eval_config(settings: Settings, backend: str) -> str:
    """Return the content of an lm-eval configuration file that runs these suites with plain lm-eval."""
    _check_names(settings)
    _check_backend(backend)
    content: dict[str, Any] = {
        "include_path": [str(package_folder("tasks")), str(package_folder("suites"))],
        "tasks": [suite(name).group for name in settings.suites] if len(settings.suites) == 1 else list(settings.tasks),
        "model": backend,
        "batch_size": int(settings.batch_size) if settings.batch_size.isdigit() else settings.batch_size,
        "log_samples": True,
        "metadata": settings.metadata("teacher"),
    }
    if backend == "hf":
        content["model_args"] = {"dtype": "float32"}
    if backend in SAMPLERS:
        content["gen_kwargs"] = dict(SAMPLERS[backend])
    if settings.device:
        content["device"] = settings.device
    if settings.apply_chat_template:
        content["apply_chat_template"] = True
    if settings.system_instruction:
        content["system_instruction"] = settings.system_instruction
    return (
        "# lm-eval run --config THIS_FILE --model_args pretrained=…,dtype=float32 --output_path runs/t --seed 11\n"
        "# Give the student another --seed: sampled tasks need independent samples.\n"
        + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    )


def commands(pair: PairRun) -> list[str]:
    """Return the plain lm-eval commands that this run stands for, one a role."""
    lines = []
    for role in pair.roles:
        words = ["lm-eval", "run", "--config", str(pair.output / f"{role.name}.yaml"), "--tasks"]
        words += [",".join(pair.settings.tasks), "--model", role.model.backend, "--model_args", role.model.args_text]
        words += ["--batch_size", role.batch_size, "--seed", str(role.sampling_seed)]
        words += ["--metadata", json.dumps(pair.settings.metadata(role.name)), "--output_path"]
        words.append(str(pair.output / role.name))
        lines.append(shlex.join(words))
    return lines


def write_provenance(pair: PairRun) -> None:
    """Write ``run.json`` and the configuration files that its commands name."""
    for role in pair.roles:
        (pair.output / f"{role.name}.yaml").write_text(lm_eval_config(pair.settings, role.model.backend), "utf-8")
    record = {
        "schema_version": "angels-share/run/1",
        "commands": commands(pair),
        "tasks": list(pair.settings.tasks),
        "suites": {name: suite(name).digest for name in pair.settings.suites},
        "track": pair.settings.track,
        "profile": pair.settings.profile,
        "item_seed": pair.settings.item_seed,
        "roles": _earlier_roles(pair.output)
        | {role.name: _conditions(pair, role) | {"weights": _weights(role.model)} for role in pair.roles},
        "versions": {"angels-share": __version__}
        | {name: version(name) for name in ("lm_eval", "torch", "transformers")},
    }
    (pair.output / "run.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", "utf-8")


def _weights(model: ModelChoice) -> str | None:
    """Return the digest of the weights where they lie in a local folder."""
    from angels_share.models import weights_digest

    folder = Path(model.args.get("pretrained", ""))
    return weights_digest(folder) if model.args.get("pretrained") and folder.is_dir() else None


def roles_of(output: Path) -> dict[str, Path]:
    """Return the folder of each role that a pair's run holds.

    Raises
    ------
    LogError
        If the teacher or the student is missing.
    """
    found = {name: output / name for name in DEFAULT_SEEDS if (output / name).is_dir()}
    missing: Sequence[str] = [name for name in ("teacher", "student") if name not in found]
    if missing:
        raise LogError(f"{output}: holds no run of the {' or the '.join(missing)}; see `angels-share run`")
    return found
