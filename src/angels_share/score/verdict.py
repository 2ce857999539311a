"""The verdict on each task: the first claim whose evidence is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from angels_share.estimate import holm, p_difference, p_equivalence
from angels_share.score.model import TaskScore, Verdict
from angels_share.score.task import Measurement

SIGNIFICANT = 0.05
"""Adjusted p-value below which a change in utility counts as found."""


@dataclass(frozen=True)
class Margins:
    """Within what a task counts as preserved: ε on the change in utility, τ on total variation."""

    epsilon: float
    tau: float


def judge(measurements: Sequence[Measurement], suite: Margins, author: Margins | None) -> list[TaskScore]:
    """Return the scores with their verdicts, the harmful and corrective ones adjusted for their number (Holm).

    The sides of a task count one by one: it is harmful if any side is, corrective if some side is and none is harmful,
    and as good as the teacher only if every side is.
    """
    raw = [p_difference(c.draws.point, c.error, c.clusters) for m in measurements for c in m.changes]
    adjusted = iter(holm(raw))
    out = []
    for m in measurements:
        found = [next(adjusted) < SIGNIFICANT for _ in m.changes]
        uncertain = any(1.645 * change.error >= suite.epsilon for change in m.changes)
        equivalent = [p_equivalence(c.draws.point, c.error, suite.epsilon, c.clusters) for c in m.changes]
        out.append(
            m.score.model_copy(
                update={
                    "verdict": _verdict(m, suite, found),
                    "verdict_author": _verdict(m, author or suite, found),
                    "p_equivalence": max(equivalent, default=None),
                    "flags": (*m.score.flags, *(["CANNOT CERTIFY AT THIS N"] if uncertain else [])),
                }
            )
        )
    return out


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
