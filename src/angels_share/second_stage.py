"""Second stages: tasks whose items are made from what both models answered in a first stage.

The loader reads the two first-stage runs that ``--metadata`` names; scoring and validation make the same items again
from the first-stage logs that they hold, so the items of a second stage can be checked like any others. They differ
from pair to pair, so a second stage is displayed and never charged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from angels_share import items, logs, spec
from angels_share.errors import LogError, PairingError, SpecError
from angels_share.pairing import pair
from angels_share.spec import Measure, TaskSpec

Item = items.Item


def load(
    *,
    config_source: str,
    angels_share: Mapping[str, Any],
    as_track: str = "small",
    as_profile: str = "standard",
    as_seed: int = 0,
    as_stage1_teacher: str | None = None,
    as_stage1_student: str | None = None,
    pretrained: str | None = None,
    model: str | None = None,
    **_: object,
) -> dict[str, Any]:
    """Return the items of a second-stage task as lm-evaluation-harness asks for them (``custom_dataset``).

    Parameters
    ----------
    config_source, angels_share, as_track, as_profile, as_seed
        As for :func:`angels_share.items.load`.
    as_stage1_teacher, as_stage1_student
        Run folders of the first stage.
    pretrained, model
        Name of the model that is evaluated, which lm-eval passes on; it must be one of the two.

    Raises
    ------
    SpecError
        If a run is not named, or is of another task version, track, profile, item seed or pair.
    """
    from datasets import Dataset

    name = Path(config_source).stem
    measure = Measure.model_validate(dict(angels_share))
    first = str(measure.first_stage)
    if as_stage1_teacher is None or as_stage1_student is None:
        raise SpecError(
            f"{name}: its items are made from both models' answers to {first}. Run {first} with both models, then name "
            'the two run folders: --metadata \'{"as_stage1_teacher": "runs/teacher", "as_stage1_student": '
            '"runs/student"}\''
        )
    answered = {}
    for folder in (as_stage1_teacher, as_stage1_student):
        try:
            run = logs.read_run(Path(folder), only=[first])
        except LogError as error:
            raise SpecError(f"{name}: {error}") from error
        _check_run(run.tasks[first], folder, (as_track, as_profile, as_seed))
        answered[folder] = run
    teacher, student = answered[as_stage1_teacher], answered[as_stage1_student]
    evaluated = pretrained or model
    if evaluated is not None and not any(_same_model(evaluated, run.model) for run in (teacher, student)):
        raise SpecError(
            f"{name}: {evaluated} is evaluated, but the first stages are of {teacher.model} and {student.model}; "
            "a second stage is of the same pair"
        )
    task = TaskSpec(name=name, version=0, measure=measure)
    try:
        made = items_of(task, Path(config_source).parent, teacher.tasks[first], student.tasks[first])
    except PairingError as error:
        raise SpecError(f"{name}: the first stages do not belong together: {error}") from error
    return {"test": Dataset.from_list(made)}


def _check_run(log: logs.TaskLog, folder: str, wanted: tuple[str, str, int]) -> None:
    known = spec.task(log.spec.name)
    if (log.spec.version, log.spec.digest) != (known.version, known.digest):
        raise SpecError(
            f"{folder}: {known.name} was run in version {log.spec.version} or with another measure block, this release "
            f"has version {known.version}; run the first stage again"
        )
    found = (log.settings.track, log.settings.profile, log.settings.item_seed)
    if found != wanted:
        told = "track {}, profile {}, item seed {}"
        raise SpecError(
            f"{folder}: {known.name} was run with {told.format(*found)}, but {told.format(*wanted)} are asked for; "
            "a second stage has the settings of its first"
        )


def _same_model(one: str, other: str) -> bool:
    return one == other or Path(one).resolve() == Path(other).resolve()


def items_of(task: TaskSpec, folder: Path, teacher: logs.TaskLog, student: logs.TaskLog) -> list[Item]:
    """Return the items of a second-stage task that two logs of its first stage give.

    Parameters
    ----------
    task : TaskSpec
    folder : Path
        Folder of the task's row, with its generators.
    teacher, student : TaskLog
        Both models' answers to the first stage, of the same items.

    Raises
    ------
    PairingError
        If the two logs must not be compared, or hold too few items.
    SpecError
        If the profile or the track is unknown.
    """
    pair(teacher, student)
    theirs = dict(zip(student.doc_hash, student.texts or (), strict=True))
    by_level: dict[int, list[tuple[Item, dict[str, list[str]]]]] = defaultdict(list)
    for item, key, ours in zip(teacher.items, teacher.doc_hash, teacher.texts or (), strict=True):
        by_level[item["level"]].append((item, {"teacher": list(ours), "student": list(theirs[key])}))
    measure = task.measure
    of_answers = items.load_module(folder / f"{measure.generator.partition('.')[0]}.py").of_answers
    settings = teacher.settings

    def made(source: items.Source, level: int, n: int) -> list[Item]:
        clusters = n // measure.per_cluster
        if len(by_level[level]) < clusters:
            raise PairingError(
                f"{task.name}: the first stage has {len(by_level[level])} items of level {level}, {clusters} are needed"
            )
        found: list[Item] = of_answers(source, level, by_level[level][:clusters])
        return found

    return items.build(
        made,
        levels=items.levels_of(settings.track),
        clusters=items.n_clusters(measure.clusters, settings.profile),
        per_cluster=measure.per_cluster,
        source=items.Source(settings.item_seed),
    )


def check(log: logs.TaskLog, teacher: logs.TaskLog | None, student: logs.TaskLog | None) -> None:
    """Refuse a second-stage log whose items are not those that the pair's own first stages give.

    Raises
    ------
    PairingError
        If a first stage is missing, or gives other items.
    """
    name, first = log.spec.name, log.spec.measure.first_stage
    if teacher is None or student is None:
        side = "teacher's" if teacher is None else "student's"
        raise PairingError(f"{name}: the {side} run lacks {first}, from whose answers the items are made")
    made = items_of(log.spec, spec.task_files()[name].parent, teacher, student)
    if sorted(map(logs.document_hash, made)) != sorted(log.doc_hash):
        raise PairingError(
            f"{name}: its items are not made from these runs' answers to {first}; it belongs to another pair or to an "
            "earlier first stage, run it again"
        )


def first_stages(names: Sequence[str]) -> tuple[str, ...]:
    """Return the tasks that these second-stage tasks are made from, each once."""
    return tuple(dict.fromkeys(str(spec.task(name).measure.first_stage) for name in names))
