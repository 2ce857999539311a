"""The validity report: everything that the reference family, the controls and the doses show about the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from angels_share.errors import BundleError, MeasureError
from angels_share.items import CALIBRATION_SEED
from angels_share.logs import Run, TaskLog
from angels_share.score import score_pair
from angels_share.score.measurable import teacher_gap
from angels_share.score.model import PairScore, Verdict
from angels_share.spec import Strict
from angels_share.submission import read_role
from angels_share.validity.bundles import Measured, read_pairs
from angels_share.validity.detection import Detection, detect
from angels_share.validity.doses.response import Response, measure_responses
from angels_share.validity.family import FAMILY
from angels_share.validity.headline import Hidden, hidden
from angels_share.validity.literature.copied_errors import copied_errors
from angels_share.validity.literature.findings import Finding
from angels_share.validity.literature.objectives import fidelity, objectives
from angels_share.validity.literature.sizes import self_distillation, size_gap
from angels_share.validity.literature.traps import decoding, overconfidence, self_correction
from angels_share.validity.pairs import Pair, Pairs
from angels_share.validity.stability import Agreement, agreements, at_profile

TEACHER = "toy-teacher"

CONTROLS = ("repeat", "copy", "oracle", "constant", "uniform", "shuffled")
"""Students whose loss is known beforehand, by the ending of their names."""

CLAIMS: tuple[Callable[[Pairs], Finding], ...] = (
    objectives,
    fidelity,
    copied_errors,
    size_gap,
    self_distillation,
    overconfidence,
    self_correction,
    decoding,
)
"""What the literature claims, in the order in which it is told."""

UNMOVED: tuple[Verdict, ...] = ("PRESERVED", "INCONCLUSIVE")
"""Verdicts that the teacher may get against itself."""

PILOT = "pilot"


class Student(Strict):
    """A member of the family as it was measured."""

    name: str
    objective: str
    parameters: int | None
    planted: str | None
    items: tuple[str, ...]
    """Sets of items that it was measured on."""


class Repeat(Strict):
    """The teacher against itself."""

    tasks: int
    moved: tuple[str, ...]
    """Tasks whose verdict is neither ``PRESERVED`` nor ``INCONCLUSIVE``."""


class Control(Strict):
    """A control in one suite."""

    name: str
    suite: str
    retention: float | None
    angels_share: float | None
    composite: float | None


class Validity(Strict):
    """The whole report: the content of ``validity/report.json``."""

    schema_version: Literal["angels-share/validity/1"] = "angels-share/validity/1"
    teacher: str
    public: str
    """Set of items on which every member is to be measured; the claims of the literature are put to it."""
    students: tuple[Student, ...]
    missing: dict[str, tuple[str, ...]]
    """For each set of items, the members that were to be measured on it and were not; they are not in the numbers."""
    detection: Detection
    responses: tuple[Response, ...]
    repeat: Repeat | None
    controls: tuple[Control, ...]
    stability: tuple[Agreement, ...]
    hidden: Hidden
    findings: tuple[Finding, ...]
    unasked: tuple[str, ...]
    """Claims that these students cannot be asked about, with the reason."""


def validity(
    submissions: Path, *, workers: int | None = None, progress: Callable[[int, int], None] = lambda done, total: None
) -> Validity:
    """Return the validity report of the submissions of the reference family and of the controls.

    Parameters
    ----------
    submissions : Path
        Folder of bundles, with the canonical teacher's logs under ``teachers``.
    workers, progress
        As :func:`~angels_share.validity.bundles.read_pairs` takes them.

    Raises
    ------
    BundleError
        If a submission is refused, or the family has none.
    PairingError
        If a planted student was measured on a set of items beside fewer than two siblings.
    """
    controls = {f"{TEACHER}-{name}": name for name in CONTROLS}
    read = read_pairs(submissions, (*FAMILY, *controls), TEACHER, workers=workers, progress=progress)
    family = {items: of for items, pairs in read.items() if (of := {n: p for n, p in pairs.items() if n in FAMILY})}
    if not family:
        raise BundleError(f"{submissions}: holds no submission of the reference family; measure it first: make family")
    beside = {controls[name]: pair for pairs in read.values() for name, pair in pairs.items() if name in controls}
    scores = {items: {name: pair.score for name, pair in pairs.items()} for items, pairs in family.items()}
    items, pairs = next(iter(family.items()))
    teacher = next(iter(pairs.values())).teacher
    key = next(iter(pairs.values())).score.key
    runs = submissions / "teachers" / TEACHER / "runs"
    calibration = read_role(runs / f"{key.track}-{key.profile}-{CALIBRATION_SEED}")
    findings, unasked = _asked(pairs)
    return Validity(
        teacher=TEACHER,
        public=items,
        students=tuple(_student(name, family) for name in FAMILY if any(name in of for of in family.values())),
        missing={
            on: tuple(
                name for name, member in FAMILY.items() if name not in of and (on == items or member.on_fresh_items)
            )
            for on, of in family.items()
        },
        detection=detect(scores),
        responses=measure_responses(_shown(calibration, teacher)),
        repeat=_repeat(beside.get("repeat")),
        controls=tuple(control for name, pair in beside.items() for control in _controls(name, pair.score)),
        stability=tuple(agreements({**scores, f"{items} as {PILOT}": _smaller(pairs, calibration, scores[items])})),
        hidden=hidden(scores),
        findings=findings,
        unasked=unasked,
    )


def _student(name: str, family: Measured) -> Student:
    member = FAMILY[name]
    on = [items for items, pairs in family.items() if name in pairs]
    return Student(
        name=name,
        objective=member.objective,
        parameters=family[on[0]][name].parameters,
        planted=member.planted,
        items=tuple(on),
    )


def _shown(calibration: Run, teacher: Run) -> dict[str, TaskLog]:
    """Return the logs of the tasks that the teacher can show."""
    return {name: log for name, log in teacher.tasks.items() if teacher_gap(calibration.tasks[name]) is None}


def _smaller(pairs: Pairs, calibration: Run, scores: Mapping[str, PairScore]) -> dict[str, PairScore]:
    """Return the scores of the pairs on the part of their items that the smallest profile holds."""
    decided = at_profile(calibration, PILOT)
    suites = [suite.suite for suite in next(iter(scores.values())).suites]
    return {
        name: score_pair(
            at_profile(pair.teacher, PILOT), at_profile(pair.student, PILOT), suites=suites, calibration=decided
        )
        for name, pair in pairs.items()
    }


def _repeat(pair: Pair | None) -> Repeat | None:
    if pair is None:
        return None
    measured = [task for task in pair.score.tasks if task.loss is not None]
    return Repeat(tasks=len(measured), moved=tuple(task.task for task in measured if task.verdict not in UNMOVED))


def _controls(name: str, score: PairScore) -> list[Control]:
    return [
        Control(
            name=name,
            suite=suite.suite,
            retention=suite.primary.retention.value if suite.primary.retention else None,
            angels_share=suite.angels_share.total.value if suite.angels_share else None,
            composite=suite.composite.value if suite.composite else None,
        )
        for suite in score.suites
    ]


def _asked(pairs: Pairs) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return what the pairs show of each claim, and the claims that they cannot be asked about."""
    found, unasked = [], []
    for claim in CLAIMS:
        try:
            found.append(claim(pairs))
        except MeasureError as error:
            unasked.append(f"{claim.__name__.replace('_', ' ')}: {error}")
    return tuple(found), tuple(unasked)
