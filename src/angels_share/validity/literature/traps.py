"""What failed distillation is said to look like: confident errors, lost self-correction, answers that fall apart.

The three are named in the abstract of "Distillation Traps and Guards: A Calibration Knob for LLM Distillability" (arXiv
2604.18963), which does not say how to measure them; each function states the reading taken here. All are changes from
teacher to student, and differences between objectives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from angels_share.errors import MeasureError
from angels_share.estimate import Draws
from angels_share.items import Item
from angels_share.observables import Floats, Observation
from angels_share.statement.wording import listed
from angels_share.statistics.calibration import named
from angels_share.statistics.registry import weighted_mean
from angels_share.validity.literature.findings import (
    Finding,
    Measured,
    by_chance,
    by_objective,
    estimated,
    existing,
    students,
)
from angels_share.validity.pairs import BESIDE, SIBLINGS, Pairs, TaskAnswers, answers, drawn

SOURCE = "Distillation Traps and Guards: A Calibration Knob for LLM Distillability (arXiv 2604.18963)"

CONFIDENT = 0.9
"""Confidence from which an error counts as a confident one."""

Mask = NDArray[np.bool_]
Measure = Callable[[TaskAnswers, Observation], Draws]


def overconfidence(pairs: Pairs) -> Finding:
    """Whether students are surer of their wrong answers than their teacher is of its own.

    Read off the task of option confidence, over items with one right answer: the mean probability of a wrong answer
    that is given, and the share of items with an error at a confidence of 0.9 or more. The first says how sure a model
    is where it errs, the second also how often that happens.

    Raises
    ------
    MeasureError
        If nobody was asked.
    """
    given = _asked(pairs, "as_calibration_confidence")
    changes = {
        "confidence in errors": {name: _each(given, name, _confidence_in_errors) for name in given.seen},
        "confident errors": {name: _each(given, name, _confident_errors) for name in given.seen},
    }
    settled = int(_settled(given.items).sum())
    told = [one for statistic, values in changes.items() for one in _changes(statistic, values, settled, given)]
    return Finding(
        claim="overconfidence",
        source=SOURCE,
        claimed="Failed distillation shows in overconfident hallucinations.",
        definitions={
            "confidence in errors": "Mean probability of the likeliest option where it is wrong, student less teacher, "
            "each over its own errors.",
            "confident errors": f"Share of items answered wrongly with a probability of {CONFIDENT} or more, student "
            "less teacher.",
            **_differences(changes),
        },
        measured=tuple(told),
        can=_said(
            told,
            {
                "confidence in errors": ("are surer of their errors than the teacher of its own", "less sure"),
                "confident errors": ("make more confident errors", "fewer"),
            },
        ),
        cannot="Options of caskworld stand for hallucinations here: nothing is made up, one of four answers is chosen. "
        "The models err on different items, and a student that errs on easier ones may be surer for that reason."
        + _seeds(told),
    )


def _settled(items: Sequence[Item]) -> Mask:
    """Tell which items have one right answer."""
    return np.array([max(item["odds"]) == 1 for item in items])


def _confidence_in_errors(given: TaskAnswers, seen: Observation) -> Draws:
    place, confidence = named(given.items, seen)
    wrong = _wrong(given, place)
    return drawn(weighted_mean(np.where(wrong, confidence, np.nan), given.weights))


def _confident_errors(given: TaskAnswers, seen: Observation) -> Draws:
    place, confidence = named(given.items, seen)
    sure = (_wrong(given, place) & (confidence >= CONFIDENT)).astype(np.float64)
    return drawn(weighted_mean(np.where(_settled(given.items), sure, np.nan), given.weights))


def _wrong(given: TaskAnswers, place: NDArray[np.int64]) -> Mask:
    wrong: Mask = place != np.array([int(item["gold"]) for item in given.items])
    return wrong & _settled(given.items)


SLIPS: Mapping[str, tuple[str, str]] = {
    "as_process_recover": ("a slip in the working", "a right working"),
    "as_applied_tool": ("a wrong call", "none"),
    "as_applied_code": ("a failed repair", "a failing program"),
}
"""What a model must get over in a task, and what it is held against."""

ROLLOUT = "as_process_rollout"


def self_correction(pairs: Pairs) -> Finding:
    """Whether students lose more where something went wrong before than where nothing did.

    The change in utility, student less teacher, on items that begin with a slip, less that on items of the same task
    that begin without; and for workings also less that on rollouts, which begin with nothing. Because a teacher that
    recovers seldom leaves little to lose, the ratio of the accuracies with and without a slip is told beside it.

    Raises
    ------
    MeasureError
        If nobody was asked to recover.
    """
    recover = _asked(pairs, "as_process_recover")
    told = []
    for task in SLIPS:
        given = recover if task == recover.spec.name else answers(pairs, task)
        if given is not None:
            values = {name: _after_slips(given, name) for name in given.seen}
            told += _changes("change after slips", values, len(given.items), given, part=task)
    told += _against_rollouts(pairs, recover)
    ratios = {name: recover.statistic("recovery_ratio", name) for name in recover.seen}
    change = {name: student - teacher for name, (teacher, student) in ratios.items()}
    told += _changes("recovery ratio", change, len(recover.items), recover, part=recover.spec.name)
    statistics = ("change after slips", "change after slips against rollouts", "recovery ratio")
    return Finding(
        claim="self_correction",
        source=SOURCE,
        claimed="Failed distillation shows in a collapse of self-correction.",
        definitions={
            "change after slips": "Change in utility, student less teacher, after something went wrong, less that "
            f"without, in one task: {listed([f'{slip} against {clean}' for slip, clean in SLIPS.values()])}. Negative "
            "where correction is lost.",
            "change after slips against rollouts": "Change in utility on workings with a slip less that on rollouts.",
            "recovery ratio": "Accuracy on workings with a slip by that on right ones, student less teacher.",
            **_differences(statistics),
        },
        measured=tuple(told),
        can=_said(
            told,
            {
                "change after slips": ("lose less after that than without", "lose more"),
                "change after slips against rollouts": ("lose less after a slip than in rollouts", "lose more"),
                "recovery ratio": ("recover a greater share of what they can do", "a smaller share"),
            },
            {task: slip for task, (slip, _) in SLIPS.items()},
        ),
        cannot="The slips are written into the prompt: whether a student finds mistakes of its own is not seen, and "
        "answers of a few words leave no room for second thoughts. What the teacher does not get over nobody can lose; "
        f"{_teacher_recovers(recover)}.{_seeds(told)}",
    )


def _slipped(given: TaskAnswers) -> tuple[Mask, Mask]:
    """Return which items of a task begin with something that went wrong, and which they are held against."""
    if given.spec.name == "as_process_recover":
        slipped = np.array([int(item["error"]) > 0 for item in given.items])
        return slipped, ~slipped
    stratum = np.array([str(item["stratum"]) for item in given.items])
    if given.spec.name == "as_applied_tool":
        return stratum == "retry", np.isin(stratum, ("first", "chained"))
    return stratum == "failed", stratum == "debug"


def _part(given: TaskAnswers, values: Floats, part: Mask) -> Draws:
    return drawn(weighted_mean(np.where(part, values, np.nan), given.weights))


def _after_slips(given: TaskAnswers, member: str) -> Draws:
    teacher, student = given.utilities(member)
    slipped, clean = (_part(given, student - teacher, part) for part in _slipped(given))
    return slipped - clean


def _against_rollouts(pairs: Pairs, recover: TaskAnswers) -> list[Measured]:
    rollouts = answers(pairs, ROLLOUT)
    if rollouts is None:
        return []
    values = {}
    for name in (name for name in recover.seen if name in rollouts.seen):
        slipped, rolled = (given.utilities(name) for given in (recover, rollouts))
        after = _part(recover, slipped[1] - slipped[0], _slipped(recover)[0])
        values[name] = after - rollouts.scheme.mean(rolled[1] - rolled[0])
    return _changes("change after slips against rollouts", values, len(recover.items) + len(rollouts.items), None)


def _teacher_recovers(recover: TaskAnswers) -> str:
    teacher, _ = recover.utilities(next(iter(recover.seen)))
    slipped, clean = (teacher[part].mean() for part in _slipped(recover))
    return f"its accuracy is {slipped:.2f} with a slip and {clean:.2f} without"


def decoding(pairs: Pairs) -> Finding:
    """Whether students' own sampled answers fall apart where their teacher's do not.

    The abstract does not define local decoding degradation. Taken here as damage that shows in the text itself,
    whatever the answer is worth: rollouts that run in a loop, whose answer cannot be read, or whose steps stop being
    valid. The last also counts errors of reasoning.

    Raises
    ------
    MeasureError
        If nobody was asked for rollouts.
    """
    given = _asked(pairs, ROLLOUT)
    changes = {"unreadable answers": {name: _each(given, name, _unreadable) for name in given.seen}}
    for statistic, registered in (("looping", "looping"), ("valid steps", "valid_steps")):
        both = {name: given.statistic(registered, name) for name in given.seen}
        changes[statistic] = {name: student - teacher for name, (teacher, student) in both.items()}
    told = [one for name, values in changes.items() for one in _changes(name, values, len(given.items), given)]
    return Finding(
        claim="decoding",
        source=SOURCE,
        claimed="Failed distillation shows in local degradation of decoding.",
        definitions={
            "unreadable answers": "Share of sampled rollouts without a final answer that can be read, student less "
            "teacher.",
            "looping": "Share of sampled rollouts in which eight words stand four times, student less teacher.",
            "valid steps": "Share of a problem's steps before the first invalid one, student less teacher.",
            **_differences(changes),
        },
        measured=tuple(told),
        can=_said(
            told,
            {
                "unreadable answers": ("give more answers that cannot be read", "fewer"),
                "looping": ("loop more", "less"),
                "valid steps": ("keep more steps valid", "fewer"),
            },
        ),
        cannot="Rollouts of caskworld are a few words long, so that a loop of eight words four times over hardly fits, "
        "and no likelihoods of the samples are kept, so whether single tokens were badly chosen is not seen."
        + _seeds(told),
    )


def _unreadable(given: TaskAnswers, seen: Observation) -> Draws:
    return given.scheme.mean(seen.invalid)


# --- what the three share --------------------------------------------------------------------------------------------


def _asked(pairs: Pairs, task: str) -> TaskAnswers:
    given = answers(pairs, task)
    if given is None:
        raise MeasureError(f"no pair holds answers to {task}, from which this is read; measure a suite that has it")
    return given


def _each(given: TaskAnswers, member: str, of: Measure) -> Draws:
    """Return a number of the student less that of the teacher."""
    teacher, student = (of(given, seen) for seen in given.seen[member])
    return student - teacher


def _changes(
    statistic: str, values: Mapping[str, Draws], n: int, given: TaskAnswers | None, part: str = ""
) -> list[Measured]:
    """Return the change of each student that has one, and the differences between objectives where there are any."""
    clusters = given.scheme.clusters if given is not None else 0
    values = existing(values)
    told = [
        Measured(statistic=statistic, of=name, part=part, estimate=estimated(draws, n, clusters), null=0.0)
        for name, draws in values.items()
    ]
    if values.keys().isdisjoint(SIBLINGS) or values.keys().isdisjoint(BESIDE.values()):
        return told
    compared = by_objective(statistic, values, n, clusters, part)
    return told + [m for m in compared if m.statistic != statistic]


def _differences(statistics: Mapping[str, object] | Sequence[str]) -> dict[str, str]:
    return {
        f"difference in {name}": "That of another objective less that of soft targets, the mean of the siblings."
        for name in statistics
    }


def _said(
    told: Sequence[Measured], verbs: Mapping[str, tuple[str, str]], after: Mapping[str, str] | None = None
) -> str:
    """Return a sentence about the students for each statistic and part, and one about objectives that differ.

    Parameters
    ----------
    told : sequence of Measured
    verbs : mapping
        What students do whose number lies above 0, and below it, for each statistic.
    after : mapping, optional
        What a part is about.
    """
    said = []
    for statistic, (above, below) in verbs.items():
        for part in dict.fromkeys(m.part for m in told if m.statistic == statistic):
            mine = [m for m in told if (m.statistic, m.part) == (statistic, part)]
            about = f"After {after[part]}" if after and part in after else f"As to {statistic}"
            said.append(f"{about}, {students(mine, above, below)}; {by_chance(mine)}.")
            differing = [m for m in told if (m.statistic, m.part) == (f"difference in {statistic}", part)]
            if found := [f"{m.of} {m}" for m in differing if m.side != "around"]:
                said.append(f"Objectives differ: {listed(found)}.")
    return " ".join(said)


def _seeds(told: Sequence[Measured]) -> str:
    """Return what cannot be said of objectives."""
    compared = any(m.seeds is not None for m in told)
    return " Each objective but soft targets has one training seed." if compared else ""
