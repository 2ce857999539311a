"""A family as one mapping from a member's name to its pair, all with one teacher on one item set.

Resamples are the same for all members, so differences between members are formed within each resample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from angels_share import statistics
from angels_share.discrepancies import get as get_discrepancy
from angels_share.errors import MeasureError
from angels_share.estimate import Draws, Resampling, resampling, variation
from angels_share.items import Item
from angels_share.logs import Run, TaskLog
from angels_share.observables import Floats, Observation, aligned, get_utility
from angels_share.pairing import pair as paired
from angels_share.score.measurable import LEAST_DIVISOR, observed
from angels_share.score.model import PairScore, TaskScore
from angels_share.spec import TaskSpec
from angels_share.taxonomy import ROWS
from angels_share.validity.family import FAMILY

SIBLINGS = tuple(member.name for member in FAMILY.values() if member.sibling)
"""The plainest students, which differ in nothing but the training seed."""

BESIDE = {
    member.objective: member.name
    for member in FAMILY.values()
    if member.objective != "soft" and member.size == "large" and member.planted is None
}
"""The student of each other objective, alike in all else."""

TRUTH = BESIDE["truth"]
"""The student that learnt without the teacher."""


@dataclass(frozen=True)
class Pair:
    """A member of a family beside its teacher, on one item set."""

    teacher: Run
    student: Run
    score: PairScore
    """As computed from the runs; read from a file it would hold no replicates."""
    parameters: int | None = None
    """Parameters of the student."""
    _answered: dict[str, tuple[TaskLog, Observation]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def answered(self, task: str) -> tuple[TaskLog, Observation]:
        """Return the teacher's log of a task and what was observed of the student, in one order of the items.

        Raises
        ------
        PairingError
            If the two runs must not be compared.
        """
        if task not in self._answered:
            both = paired(self.teacher.tasks[task], self.student.tasks[task])
            self._answered[task] = both.teacher, observed(both.student)
        return self._answered[task]


Pairs = Mapping[str, Pair]
"""The pairs of a family by the name of the member, as :data:`~angels_share.validity.family.FAMILY` has it."""


def siblings_of(pairs: Mapping[str, object]) -> list[str]:
    """Return the siblings among some members.

    Raises
    ------
    MeasureError
        If there are none.
    """
    found = [name for name in SIBLINGS if name in pairs]
    if not found:
        raise MeasureError(
            f"none of {', '.join(SIBLINGS)} is among {', '.join(pairs)}; the others are held against them"
        )
    return found


def total(draws: Iterable[Draws]) -> Draws:
    """Return the sum of some draws."""
    first, *others = draws
    return sum(others, start=first)


def mean(draws: Sequence[Draws]) -> Draws:
    """Return the mean of some draws."""
    return total(draws) * (1 / len(draws))


# --- what a family answered ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TaskAnswers:
    """What a family answered to one task, in one order of the items."""

    spec: TaskSpec
    items: tuple[Item, ...]
    scheme: Resampling
    seen: Mapping[str, tuple[Observation, Observation]]
    """What was observed of the teacher and of the student, by the name of the member."""

    @cached_property
    def weights(self) -> Floats:
        """Weights of the items, shape (1 + resamples, items): all alike in the first row, then as resampled."""
        return np.vstack([np.ones(len(self.items)), self.scheme.multiplicity[:, self.scheme.of_item]])

    def utilities(self, member: str) -> tuple[Floats, Floats]:
        """Return the utility of each item, of the teacher's answers and of the student's."""
        utility = get_utility(str(self.spec.measure.utility))
        teacher, student = (utility.of(self.items, seen) for seen in self.seen[member])
        return teacher, student

    def statistic(self, name: str, member: str) -> tuple[Draws, Draws]:
        """Return a registered statistic of one model, of the teacher and of the student."""
        of = statistics.get(name).of
        teacher, student = (drawn(of(self.items, seen, self.weights)) for seen in self.seen[member])
        return teacher, student


def drawn(values: Floats) -> Draws:
    """Return as draws what was computed for each row of :attr:`TaskAnswers.weights`."""
    return Draws(float(values[0]), values[1:])


def answers(pairs: Pairs, task: str, names: Iterable[str] | None = None) -> TaskAnswers | None:
    """Return what members answered to a task, those of whom it was asked; None where it was asked of none.

    Raises
    ------
    MeasureError
        If the pairs do not share the teacher's answers.
    PairingError
        If two runs must not be compared.
    """
    asked = [
        name
        for name in (pairs if names is None else names)
        if task in pairs[name].teacher.tasks and task in pairs[name].student.tasks
    ]
    if not asked:
        return None
    found = {name: pairs[name].answered(task) for name in asked}
    log, _ = found[asked[0]]
    if any(not _same(log, other) for other, _ in found.values()):
        raise MeasureError(f"{task}: the pairs have different teachers' answers; a family has one teacher")
    seen = observed(log)
    first = next(iter(pairs.values()))
    scheme = resampling(log.column("cluster_id").tolist(), log.items_digest, first.score.resamples)
    return TaskAnswers(
        spec=log.spec,
        items=log.items,
        scheme=scheme,
        seen={name: aligned(seen, student) for name, (_, student) in found.items()},
    )


def _same(one: TaskLog, other: TaskLog) -> bool:
    if one.doc_hash != other.doc_hash or one.texts != other.texts:
        return False
    return one.texts is not None or np.array_equal(
        np.asarray(one.log_likelihoods), np.asarray(other.log_likelihoods), equal_nan=True
    )


# --- losses ----------------------------------------------------------------------------------------------------------


def measured_tasks(pairs: Pairs, among: Callable[[TaskScore], bool] = lambda _: True) -> dict[str, TaskScore]:
    """Return the tasks that were measured for every pair, as the first pair's score tells them."""
    first, *others = [{t.task: t for t in pair.score.tasks if t.gap is None} for pair in pairs.values()]
    return {name: t for name, t in first.items() if among(t) and all(name in other for other in others)}


def losses(pair: Pair) -> dict[str, Draws]:
    """Return the loss of each measured task.

    Raises
    ------
    MeasureError
        If the score holds no replicates.
    """
    found = {name: draws for suite in pair.score.suites for name, draws in suite.draws.losses.items()}
    if not found:
        raise MeasureError(
            f"{pair.score.student}: the score was read from a file, which holds no replicates; score again"
        )
    return found


def row_losses(lost: Mapping[str, Draws], tasks: Mapping[str, TaskScore]) -> dict[str, Draws]:
    """Return the loss of each row, the mean over its tasks; rows without a measured task are left out."""
    members = {row: [lost[name] for name, task in tasks.items() if task.row == row] for row in ROWS}
    return {row: mean(draws) for row, draws in members.items() if draws}


def useful_tasks(pairs: Pairs) -> dict[str, TaskScore]:
    """Return the measured tasks with one net utility that is no leak.

    Raises
    ------
    MeasureError
        If there are none.
    """
    tasks = measured_tasks(pairs, lambda task: task.change is not None and task.row != "privacy")
    if not tasks:
        raise MeasureError("no task with a utility was measured for all students; they need one that all were asked")
    return tasks


def levels(pairs: Pairs, tasks: Iterable[str], names: Sequence[str]) -> tuple[int, dict[str, tuple[Draws, Draws]]]:
    """Return the number of items, and each member's mean change in utility and agreement over some tasks."""
    found: dict[str, list[tuple[Draws, Draws]]] = {name: [] for name in names}
    n = 0
    for task in tasks:
        given = answers(pairs, task, names)
        if given is None:
            continue
        n += len(given.items)
        for name in names:
            found[name].append((_change(given, name), _agreement(given, name)))
    return n, {name: (mean([c for c, _ in levels]), mean([a for _, a in levels])) for name, levels in found.items()}


def _change(given: TaskAnswers, member: str) -> Draws:
    teacher, student = given.utilities(member)
    return given.scheme.mean(student - teacher)


def _agreement(given: TaskAnswers, member: str) -> Draws:
    """Return ``1 − Δ/Δ₁``."""
    discrepancy = get_discrepancy(given.spec.measure.discrepancy)
    teacher, student = (seen.values for seen in given.seen[member])
    spread = variation(*discrepancy.spread(teacher), given.scheme, sampled=discrepancy.sampled)
    share = given.scheme.mean(discrepancy.between(teacher, student)) / spread.at_least(LEAST_DIVISOR)
    return share * -1.0 + 1.0
