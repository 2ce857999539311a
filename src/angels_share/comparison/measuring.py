"""One task: two models' answers to the same items, paired row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from angels_share.comparison.metrics import Part, interval, metric_of, part_of, unusable, with_prior
from angels_share.comparison.model import Answers, Metric, TaskComparison
from angels_share.comparison.reading import Log
from angels_share.comparison.summing import Paired
from angels_share.errors import MeasureError
from angels_share.estimate import Draws

DISTANCES = ("option_distance", "total_variation")

FEW_CLUSTERS = 30
"""Below this number of clusters, intervals and tests rest on little."""

NO_CLUSTER_FIELD = "NO CLUSTER FIELD"
"""Flag of a task whose documents lack the field that was asked for, so that each is its own cluster."""


@dataclass(frozen=True)
class Measured:
    """One task under one filter, with what its groups need of it."""

    comparison: TaskComparison
    parts: Mapping[str, Part]
    """Of each metric."""
    answers: Mapping[str, Draws]
    """Mean of each measure of :class:`~angels_share.comparison.model.Answers` that the task has."""


def measure(teacher: Log, student: Log, found: Paired, epsilon: float, *, clustered: bool) -> Measured:
    """Return the comparison of two runs of a task, of what :func:`~angels_share.comparison.summing.pair` found."""
    metrics, left_out, parts = _metrics(teacher, student, found, epsilon)
    alike = {name: found.sample.mean(of, (0, 1) if name == "agreement" else None) for name, of in found.alike.items()}
    clusters = found.sample.scheme.clusters
    comparison = TaskComparison(
        task=teacher.task,
        filter=teacher.filter,
        version=str(teacher.settings["version"]),
        output_type=teacher.output_type,
        n_items=found.n,
        n_clusters=found.n_clusters,
        metrics=metrics,
        left_out=left_out,
        answers=answers_of(alike, _absent(teacher, found), found.n, clusters),
        flags=_flags(teacher, student, found, clustered=clustered),
    )
    return Measured(comparison, parts, {name: found.sample.mean(of) for name, of in found.alike.items()})


def _metrics(
    teacher: Log, student: Log, found: Paired, epsilon: float
) -> tuple[tuple[Metric, ...], dict[str, str], dict[str, Part]]:
    metrics: list[Metric] = []
    parts: dict[str, Part] = {}
    left_out = {name: "the teacher's log lacks it" for name in student.metrics if name not in teacher.metrics}
    for name, logged in teacher.metrics.items():
        if name not in student.metrics:
            left_out[name] = "the student's log lacks it"
            continue
        ours, theirs = found.teacher[name], found.student[name]
        if reason := unusable((logged, student.metrics[name]), (ours, theirs), found.n):
            left_out[name] = reason
            continue
        chance = teacher.chance(name, binary=ours.binary)
        try:
            part = part_of(ours, theirs, chance, found.changes.get(name), found.n, found.sample)
        except MeasureError as error:
            left_out[name] = str(error)
            continue
        parts[name] = part
        shown = with_prior(part, ours, theirs, found.sample)
        metrics.append(metric_of(name, logged.aggregation, logged.higher_is_better, shown, epsilon))
    return tuple(metrics), left_out, parts


def _absent(teacher: Log, found: Paired) -> dict[str, str]:
    """Return why the logs do not tell how alike answers are."""
    if teacher.has_options:
        reasons = {"agreement": "one continuation an item: there is nothing to choose between"}
    elif teacher.output_type == "generate_until":
        reasons = dict.fromkeys(DISTANCES, "lm-eval logs no likelihoods of generated answers")
        reasons["agreement"] = "the filter leaves several answers of an item, or none"
    else:
        reasons = dict.fromkeys(("agreement", *DISTANCES), "whole documents have no options")
    return {name: reason for name, reason in reasons.items() if name not in found.alike}


def answers_of(means: Mapping[str, Draws], absent: Mapping[str, str], n: int, clusters: int) -> Answers:
    """Return how alike answers are, as intervals."""
    found = {name: interval(draws, n, clusters) for name, draws in means.items()}
    return Answers(
        agreement=found.get("agreement"),
        option_distance=found.get("option_distance"),
        total_variation=found.get("total_variation"),
        absent=dict(absent),
    )


def _flags(teacher: Log, student: Log, found: Paired, *, clustered: bool) -> tuple[str, ...]:
    seeds = (teacher.sampling_seed, student.sampling_seed)
    flags = {
        "DIFFERENT PROMPTS": not found.same_prompts,
        f"CUT TO {found.n} OF {teacher.original} ITEMS": found.n < teacher.original,
        "SAMPLED WITH ONE SEED": seeds[0] is not None and seeds[0] == seeds[1],
        NO_CLUSTER_FIELD: clustered and teacher.clusters is None,
        "FEW CLUSTERS": found.sample.scheme.clusters < FEW_CLUSTERS,
    }
    return tuple(flag for flag, holds in flags.items() if holds)
