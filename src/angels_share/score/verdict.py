"""The verdict on each task: the first claim whose evidence is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from angels_share.estimate import benjamini_hochberg, holm, p_difference, p_equivalence
from angels_share.score.model import Stratum, TaskScore, Verdict
from angels_share.score.task import Measurement

SIGNIFICANT = 0.05
"""Adjusted p-value below which a change in utility counts as found."""


@dataclass(frozen=True)
class Margins:
    """Within what a task counts as preserved: ε on the change in utility, τ on total variation."""

    epsilon: float
    tau: float


@dataclass(frozen=True)
class Tested:
    """The test that one change in utility is 0, as it is and adjusted for the number of tests."""

    p_change: float
    p_holm: float
    q_change: float


def judge(
    measurements: Sequence[Measurement],
    suite: Margins,
    author: Margins | None,
    families: Sequence[Collection[str]] | None = None,
) -> list[TaskScore]:
    """Return the scores with their verdicts, the harmful and corrective ones adjusted for their number (Holm).

    The sides of a task count one by one: it is harmful if any side is, corrective if some side is and none is harmful,
    and as good as the teacher only if every side is. Beside the tests that verdicts rest on stand exploratory ones:
    the same over all tasks, and one a stratum, adjusted by Benjamini and Hochberg.

    Parameters
    ----------
    measurements : sequence of Measurement
    suite, author : Margins
        Of the two verdicts; without the author's, both have the suite's.
    families : sequence of collections of str, optional
        The tasks of each suite, which are tested together; by default all tasks are one suite.
    """
    tests = _tests(measurements, families or [[m.score.task for m in measurements]])
    strata = _tested_strata(measurements)
    out = []
    for m in measurements:
        tested = tests[m.score.task]
        found = [test.p_holm < SIGNIFICANT for test in tested]
        uncertain = any(1.645 * change.error >= suite.epsilon for change in m.changes)
        equivalent = [p_equivalence(c.draws.point, c.error, suite.epsilon, c.clusters) for c in m.changes]
        shown = (
            {"sides": tuple(side.model_copy(update=vars(t)) for side, t in zip(m.score.sides, tested, strict=True))}
            if m.score.sides
            else {name: value for test in tested for name, value in vars(test).items()}
        )
        out.append(
            m.score.model_copy(
                update={
                    **shown,
                    "verdict": _verdict(m, suite, found),
                    "verdict_author": _verdict(m, author or suite, found),
                    "p_equivalence": max(equivalent, default=None),
                    "strata": tuple(next(strata) for _ in m.score.strata),
                    "flags": (*m.score.flags, *(["CANNOT CERTIFY AT THIS N"] if uncertain else [])),
                }
            )
        )
    return out


def _tests(
    measurements: Sequence[Measurement], families: Sequence[Collection[str]]
) -> Mapping[str, tuple[Tested, ...]]:
    """Return the tests of each task's changes; of a task in several families the smallest p-value by Holm."""
    raw = {m.score.task: [p_difference(c.draws.point, c.error, c.clusters) for c in m.changes] for m in measurements}
    by_holm = {task: [1.0] * len(p_values) for task, p_values in raw.items()}
    for family in families:
        together = [task for task in raw if task in family]
        adjusted = iter(holm([p for task in together for p in raw[task]]))
        for task in together:
            by_holm[task] = [min(before, next(adjusted)) for before in by_holm[task]]
    rates = iter(benjamini_hochberg([p for p_values in raw.values() for p in p_values]))
    return {
        task: tuple(Tested(p, h, next(rates)) for p, h in zip(p_values, by_holm[task], strict=True))
        for task, p_values in raw.items()
    }


def _tested_strata(measurements: Sequence[Measurement]) -> Iterator[Stratum]:
    """Yield the strata of all tasks in order, with their tests adjusted together."""
    strata = [stratum for m in measurements for stratum in m.score.strata]
    rates = iter(benjamini_hochberg([s.p_change for s in strata if s.p_change is not None]))
    for stratum in strata:
        yield stratum if stratum.p_change is None else stratum.model_copy(update={"q_change": next(rates)})


def _verdict(m: Measurement, margins: Margins, found: Sequence[bool]) -> Verdict:
    """Return the first verdict whose evidence is there; see the scoring rules for the order."""
    told = [m.score.change] if m.score.change else [side.change for side in m.score.sides]
    moved = [change for change, significant in zip(told, found, strict=True) if significant]
    if any(change.high < 0 and change.value < -margins.epsilon for change in moved):
        return "HARMFUL"
    if any(change.low > 0 and change.value > margins.epsilon for change in moved):
        return "CORRECTIVE"
    same_level = all(
        c.draws.quantile(0.05, c.clusters) > -margins.epsilon and c.draws.quantile(0.95, c.clusters) < margins.epsilon
        for c in m.changes
    )
    clusters, bound = m.score.n_clusters, (2 * margins.tau) ** 2 if m.squared else margins.tau
    if same_level and m.distance.quantile(0.05, clusters) > bound:
        return "SHIFTED"
    if same_level and m.distance.quantile(0.95, clusters) < bound:
        return "PRESERVED"
    return "INCONCLUSIVE"
