"""One metric of two models: levels, change, retention, flips and tests, for a task or for a group of tasks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from angels_share.comparison.aggregation import aggregate, level
from angels_share.comparison.mcnemar import p_mcnemar_clustered
from angels_share.comparison.model import Finding, Flips, Metric
from angels_share.comparison.reading import LoggedMetric
from angels_share.comparison.sample import Sample
from angels_share.comparison.summing import Changes, MetricSums
from angels_share.estimate import Draws, p_difference, p_equivalence, robust_standard_error
from angels_share.score.model import Estimate

SIGNIFICANT = 0.05
"""Adjusted p-value below which a change counts as found, and level of each equivalence test."""

UNDIRECTED = "lm-eval does not say whether higher is better"
NO_FLIPS = "its values are not all 0 or 1"


@dataclass(frozen=True)
class Part:
    """A metric of two models on the items of a task or group, before it becomes intervals."""

    teacher: Draws
    student: Draws
    change: Draws
    standard_error: float
    """Of the change, robust to clusters."""
    chance: float | None
    least: float
    """The teacher's level in the resample where it is lowest, without pseudo-clusters."""
    flips: Changes | None
    n: int
    freedom: int
    """Clusters less one for each task."""


def part_of(
    teacher: MetricSums, student: MetricSums, chance: float | None, changes: Changes | None, n: int, sample: Sample
) -> Part:
    """Return a metric of two models on the n items of one task.

    Raises
    ------
    MeasureError
        If some resample has no value.
    """
    ours, theirs = (level(side.tops, side.bottoms, side.aggregation, sample) for side in (teacher, student))
    return Part(
        teacher=ours.draws,
        student=theirs.draws,
        change=theirs.draws - ours.draws,
        standard_error=robust_standard_error(theirs.influence - ours.influence, sample.scheme),
        chance=chance,
        least=float(ours.draws.replicates.min()),
        flips=changes if teacher.binary and student.binary else None,
        n=n,
        freedom=sample.scheme.clusters - 1,
    )


def with_prior(part: Part, teacher: MetricSums, student: MetricSums, sample: Sample) -> Part:
    """Return a metric that is 0 or 1 with the pseudo-clusters of :meth:`Resampling.mean` in its replicates.

    A task shown alone needs them near 0 and 1; in the sum over the tasks of a group they would add up to a bias.
    """
    if not (teacher.binary and student.binary and teacher.aggregation == "mean"):
        return part
    return replace(
        part,
        teacher=sample.mean(teacher.tops, (0, 1)),
        student=sample.mean(student.tops, (0, 1)),
        change=sample.mean(student.tops - teacher.tops, (-1, 1)),
    )


def combined(parts: Sequence[Part], weights: Sequence[float]) -> Part:
    """Return a metric over several tasks, whose resamples are independent of each other, with these weights."""
    flips = [part.flips for part in parts if part.flips is not None]
    chances = [part.chance for part in parts if part.chance is not None]
    together = None
    if len(flips) == len(parts):
        both, lost, gained, neither = np.sum([f.counts for f in flips], axis=0).tolist()
        together = Changes((both, lost, gained, neither), sum((f.balances for f in flips), Counter()))
    teacher = weighted([part.teacher for part in parts], weights)
    return Part(
        teacher=teacher,
        student=weighted([part.student for part in parts], weights),
        change=weighted([part.change for part in parts], weights),
        standard_error=math.hypot(*(w * part.standard_error for part, w in zip(parts, weights, strict=True))),
        chance=float(np.dot(chances, weights)) if len(chances) == len(parts) else None,
        least=float(teacher.replicates.min()),
        flips=together,
        n=sum(part.n for part in parts),
        freedom=sum(part.freedom for part in parts),
    )


def weighted(draws: Sequence[Draws], weights: Sequence[float]) -> Draws:
    """Return the weighted sum of draws."""
    total = draws[0] * weights[0]
    for one, weight in zip(draws[1:], weights[1:], strict=True):
        total += one * weight
    return total


def metric_of(name: str, aggregation: str, better: bool | None, part: Part, epsilon: float) -> Metric:
    """Return what is reported of a metric; ``p_adjusted`` and ``finding`` need all metrics, see :func:`judged`."""
    clusters = part.freedom + 1
    retention, absent = _retention(part, better=better)
    if part.flips is None:
        absent["flips"] = UNDIRECTED if better is None else NO_FLIPS
    p_equal = p_equivalence(part.change.point, part.standard_error, epsilon, clusters)
    inside = part.change.quantile(0.05, clusters) > -epsilon and part.change.quantile(0.95, clusters) < epsilon
    return Metric(
        name=name,
        aggregation=aggregation,
        higher_is_better=better,
        teacher=interval(part.teacher, part.n, clusters),
        student=interval(part.student, part.n, clusters),
        change=interval(part.change, part.n, clusters),
        standard_error=part.standard_error,
        chance=part.chance,
        retention=retention,
        flips=None if part.flips is None else _flips(part.flips),
        p_difference=p_difference(part.change.point, part.standard_error, clusters),
        p_equivalence=p_equal,
        equivalent=p_equal < SIGNIFICANT and inside,
        absent=absent,
    )


def _flips(of: Changes) -> Flips:
    both, lost, gained, neither = of.counts
    p = p_mcnemar_clustered(of.balances)
    return Flips(both_right=both, lost=lost, gained=gained, both_wrong=neither, p_mcnemar=p)


def _retention(part: Part, *, better: bool | None) -> tuple[Estimate | None, dict[str, str]]:
    reason = None
    if better is None:
        reason = UNDIRECTED
    elif not better:
        reason = "lower is better: a ratio of it is no share that was kept"
    elif part.chance is None:
        reason = "what guessing gives is not known"
    elif part.least <= part.chance:
        reason = f"the teacher is not surely better than guessing, which gives {part.chance:.3g}"
    if reason is not None or part.chance is None:
        return None, {"retention": str(reason)}
    kept = (part.student - part.chance) / (part.teacher - part.chance)
    return interval(kept, part.n, part.freedom + 1), {}


def interval(draws: Draws, n: int, clusters: int) -> Estimate:
    """Return a point with its 95 % interval, which always holds the point."""
    low, high = draws.quantile(0.025, clusters), draws.quantile(0.975, clusters)
    return Estimate(
        value=draws.point,
        low=min(low, draws.point),
        high=max(high, draws.point),
        n=n,
        clusters=clusters,
        method=f"cluster bootstrap, {len(draws.replicates)} resamples",
    )


def judged(metric: Metric, p_adjusted: float) -> Metric:
    """Return a metric with its adjusted p-value and what the evidence says."""
    finding: Finding = "unclear"
    if metric.equivalent:
        finding = "equivalent"
    elif p_adjusted < SIGNIFICANT:
        up = metric.change.value > 0
        finding = "better" if up == metric.higher_is_better else "worse"
        if metric.higher_is_better is None:
            finding = "different"
    return metric.model_copy(update={"p_adjusted": p_adjusted, "finding": finding})


def unusable(logged: tuple[LoggedMetric, LoggedMetric], sums: tuple[MetricSums, MetricSums], n: int) -> str | None:
    """Return why a metric of teacher and student cannot be compared item by item, or None where it can."""
    for side, of, found in zip(("teacher", "student"), logged, sums, strict=True):
        if found.missing:
            return f"{found.missing} of {n} items of the {side}'s log have no number of it"
        made = aggregate(found.tops, found.bottoms, of.aggregation)
        if of.printed is None or not math.isclose(made, of.printed, rel_tol=1e-6, abs_tol=1e-9):
            told = "no number" if of.printed is None else f"{of.printed:.6g}"
            return (
                f"the {of.aggregation} of the {side}'s items is {made:.6g}, lm-eval printed {told}: it is "
                "aggregated in another way"
            )
    teacher, student = logged
    if teacher.aggregation != student.aggregation or teacher.higher_is_better != student.higher_is_better:
        return "the logs define it differently"
    return None
