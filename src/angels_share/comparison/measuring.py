"""One task: two models' answers to the same items, paired row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from angels_share.comparison.metrics import Part, interval, metric_of, part_of, unusable
from angels_share.comparison.model import Answers, Metric, TaskComparison
from angels_share.comparison.reading import Columns, floats
from angels_share.discrepancies import half_squared_distance, total_variation
from angels_share.errors import MeasureError
from angels_share.estimate import Draws, Resampling, resampling
from angels_share.observables.categorical import option_distribution, string_probabilities

Floats = NDArray[np.float64]

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


def measure(teacher: Columns, student: Columns, epsilon: float, resamples: int, *, clustered: bool) -> Measured:
    """Return the comparison of two runs of a task that :func:`~angels_share.comparison.reading.check_pair` lets pass.

    Raises
    ------
    MeasureError
        If there are fewer than two clusters.
    """
    keys = teacher.keys.to_pylist()
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()
    scheme = resampling(keys if teacher.clusters is None else teacher.clusters.to_pylist(), digest, resamples)
    clusters = np.arange(len(keys)) if teacher.clusters is None else _numbered(teacher.clusters)
    metrics, left_out, parts = _metrics(teacher, student, scheme, clusters, epsilon)
    values, absent = _alike(teacher, student)
    alike = {name: of.mean(scheme, prior=True) for name, of in values.items()}
    comparison = TaskComparison(
        task=teacher.task,
        filter=teacher.filter,
        version=str(teacher.settings["version"]),
        output_type=teacher.output_type,
        n_items=len(keys),
        n_clusters=int(clusters.max()) + 1,
        metrics=metrics,
        left_out=left_out,
        answers=answers_of(alike, absent, len(keys), scheme.clusters),
        flags=_flags(teacher, student, scheme, clustered=clustered),
    )
    return Measured(comparison, parts, {name: of.mean(scheme, prior=False) for name, of in values.items()})


def _numbered(labels: pa.Array) -> NDArray[np.int64]:
    return floats(labels.dictionary_encode().indices).astype(np.int64)


def _metrics(
    teacher: Columns, student: Columns, scheme: Resampling, clusters: NDArray[np.int64], epsilon: float
) -> tuple[tuple[Metric, ...], dict[str, str], dict[str, Part]]:
    metrics: list[Metric] = []
    parts: dict[str, Part] = {}
    left_out = {name: "the teacher's log lacks it" for name in student.metrics if name not in teacher.metrics}
    for name, ours in teacher.metrics.items():
        theirs = student.metrics.get(name)
        if (reason := unusable(ours, theirs)) or theirs is None:
            left_out[name] = str(reason)
            continue
        try:
            shown = part_of(ours, theirs, scheme, clusters, prior=True)
            parts[name] = part_of(ours, theirs, scheme, clusters, prior=False)
        except MeasureError as error:
            left_out[name] = str(error)
            continue
        metrics.append(metric_of(name, ours.aggregation, ours.higher_is_better, shown, epsilon))
    return tuple(metrics), left_out, parts


@dataclass(frozen=True)
class _Values:
    """One value per item in [0, 1]."""

    values: Floats
    binary: bool = False

    def mean(self, scheme: Resampling, *, prior: bool) -> Draws:
        return scheme.mean(self.values, (0.0, 1.0) if prior and self.binary else None)


def _alike(teacher: Columns, student: Columns) -> tuple[dict[str, _Values], dict[str, str]]:
    """Return how alike each item's answers are, by what the output type says that answers are."""
    values: dict[str, _Values] = {}
    absent: dict[str, str] = {}
    distances = ("option_distance", "total_variation")
    if teacher.log_likelihoods is not None and student.log_likelihoods is not None:
        choice = teacher.output_type == "multiple_choice" and teacher.log_likelihoods.shape[1] > 1
        read = option_distribution if choice else string_probabilities
        p, q = (read([], logs).values for logs in (teacher.log_likelihoods, student.log_likelihoods))
        values["option_distance"] = _Values(half_squared_distance.between(p, q))
        values["total_variation"] = _Values(total_variation(p, q))
        if choice:
            values["agreement"] = _Values((p.argmax(axis=1) == q.argmax(axis=1)).astype(np.float64), binary=True)
        else:
            absent["agreement"] = "one continuation an item: there is nothing to choose between"
    elif teacher.output_type == "generate_until":
        absent = dict.fromkeys(distances, "lm-eval logs no likelihoods of generated answers")
        if teacher.answers is None or student.answers is None:
            absent["agreement"] = "the filter leaves several answers of an item, or none"
        else:
            same = pc.equal(teacher.answers, student.answers).cast(pa.float64())
            values["agreement"] = _Values(floats(same), binary=True)
    else:
        absent = dict.fromkeys(("agreement", *distances), "whole documents have no options")
    return values, absent


def answers_of(means: Mapping[str, Draws], absent: Mapping[str, str], n: int, clusters: int) -> Answers:
    """Return how alike answers are, as intervals."""
    found = {name: interval(draws, n, clusters) for name, draws in means.items()}
    return Answers(
        agreement=found.get("agreement"),
        option_distance=found.get("option_distance"),
        total_variation=found.get("total_variation"),
        absent=dict(absent),
    )


def _flags(teacher: Columns, student: Columns, scheme: Resampling, *, clustered: bool) -> tuple[str, ...]:
    seeds = (teacher.sampling_seed, student.sampling_seed)
    found = {
        "DIFFERENT PROMPTS": not teacher.prompts.equals(student.prompts),
        f"CUT TO {len(teacher.keys)} OF {teacher.original} ITEMS": len(teacher.keys) < teacher.original,
        "SAMPLED WITH ONE SEED": seeds[0] is not None and seeds[0] == seeds[1],
        NO_CLUSTER_FIELD: clustered and teacher.clusters is None,
        "FEW CLUSTERS": scheme.clusters < FEW_CLUSTERS,
    }
    return tuple(flag for flag, holds in found.items() if holds)
