"""Comparing two runs of any lm-eval tasks item by item."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from angels_share.comparison.model import Comparison, Flips, GroupMetric, Metric, TaskComparison
from angels_share.comparison.reading import Columns, Folder, open_folder, paired, read_columns
from angels_share.discrepancies import half_squared_distance, total_variation
from angels_share.errors import LogError
from angels_share.estimate import (
    RESAMPLES,
    Draws,
    Resampling,
    p_difference,
    p_equivalence,
    p_mcnemar,
    resampling,
    robust_standard_error,
)
from angels_share.observables.categorical import option_distribution
from angels_share.score.model import Estimate
from angels_share.score.task import to_estimate

Floats = NDArray[np.float64]

EPSILON = 0.05
"""Margin on the change of a metric within which two models count as equivalent. A default, not a standard."""


def compare_runs(
    teacher: Path,
    student: Path,
    *,
    cluster: str | None = None,
    epsilon: float = EPSILON,
    resamples: int = RESAMPLES,
    progress: Callable[[str], None] = lambda task: None,
) -> Comparison:
    """Return the comparison of two run folders, for every task that both logged.

    Nothing is assumed of a task but what lm-eval logs: likelihoods of options come from its output type, and what
    counts as good from its own metrics.

    Parameters
    ----------
    teacher, student : Path
        Run folders, or results files in them.
    cluster : str, optional
        Field of the documents that names the cluster; without it each document is its own.
    epsilon : float
        Margin of equivalence, in units of each metric.
    resamples : int
        Bootstrap resamples.
    progress : callable
        Told the name of each task.

    Raises
    ------
    LogError
        If a folder holds no runs, or both have no task in common.
    """
    ours, theirs = open_folder(teacher), open_folder(student)
    common = [name for name in ours.tasks if name in theirs.tasks]
    if not common:
        raise LogError(
            f"{teacher} and {student} have no task in common: {', '.join(ours.tasks)} and {', '.join(theirs.tasks)}"
        )
    left_out = {name: "only the teacher's run has it" for name in ours.tasks if name not in theirs.tasks}
    left_out |= {name: "only the student's run has it" for name in theirs.tasks if name not in ours.tasks}
    found: list[TaskComparison] = []
    draws: dict[tuple[str, str, str], tuple[Draws, Draws, int]] = {}
    for name in common:
        progress(name)
        try:
            pairs = _matching(ours, theirs, name, cluster)
        except LogError as error:
            left_out[name] = str(error)
            continue
        for first, second in pairs:
            if reason := paired(first, second):
                left_out[f"{name}, {first.filter}"] = reason
                continue
            one, levels = compare_columns(first, second, epsilon, resamples)
            found.append(one)
            draws |= {(name, first.filter, metric): of for metric, of in levels.items()}
    return Comparison(
        teacher=ours.model,
        student=theirs.model,
        cluster_field=cluster,
        epsilon=epsilon,
        resamples=resamples,
        tasks=tuple(found),
        groups=tuple(_groups(ours, draws)),
        left_out=left_out,
    )


def _matching(ours: Folder, theirs: Folder, name: str, cluster: str | None) -> list[tuple[Columns, Columns]]:
    first, second = (read_columns(folder, name, cluster) for folder in (ours, theirs))
    by_filter = {of.filter: of for of in second}
    return [(of, by_filter[of.filter]) for of in first if of.filter in by_filter]


def compare_columns(
    teacher: Columns, student: Columns, epsilon: float, resamples: int
) -> tuple[TaskComparison, dict[str, tuple[Draws, Draws, int]]]:
    """Return the comparison of one task, and the levels of both models for each metric as draws, with the items."""
    labels = teacher.keys if teacher.clusters is None else teacher.clusters
    digest = hashlib.sha256("\n".join(teacher.keys.to_pylist()).encode()).hexdigest()
    scheme = resampling(labels.to_pylist(), digest, resamples)
    n = len(teacher.keys)
    metrics, levels = [], {}
    for name, u_t in teacher.metrics.items():
        u_s = student.metrics.get(name)
        if u_s is None or not (np.isfinite(u_t).all() and np.isfinite(u_s).all()):
            continue
        made, *drawn = _metric(name, u_t, u_s, scheme, teacher, epsilon)
        metrics.append(made)
        levels[name] = (drawn[0], drawn[1], n)
    agreement = distance = variation = None
    if teacher.log_likelihoods is not None and student.log_likelihoods is not None:
        if teacher.log_likelihoods.shape[1] > 1:
            p, q = (option_distribution([], logs).values for logs in (teacher.log_likelihoods, student.log_likelihoods))
            agreement = _mean((p.argmax(axis=1) == q.argmax(axis=1)).astype(np.float64), scheme, binary=True)
            distance = _mean(half_squared_distance.between(p, q), scheme)
            variation = _mean(total_variation(p, q), scheme)
    elif teacher.answers is not None and student.answers is not None:
        same = pc.equal(teacher.answers, student.answers).to_numpy(zero_copy_only=False)
        agreement = _mean(same.astype(np.float64), scheme, binary=True)
    flags = [] if teacher.prompts.equals(student.prompts) else ["DIFFERENT PROMPTS"]
    flags += ["CLUSTERED IN BLOCKS"] if scheme.clusters < len(set(labels.to_pylist())) else []
    one = TaskComparison(
        task=teacher.task,
        filter=teacher.filter,
        version=teacher.version,
        output_type=teacher.output_type,
        n_items=n,
        n_clusters=len(pc.unique(labels)),
        metrics=tuple(metrics),
        agreement=agreement,
        option_distance=distance,
        total_variation=variation,
        flags=tuple(flags),
    )
    return one, levels


def _metric(
    name: str, u_t: Floats, u_s: Floats, scheme: Resampling, of: Columns, epsilon: float
) -> tuple[Metric, Draws, Draws]:
    binary = bool(np.isin(u_t, (0, 1)).all() and np.isin(u_s, (0, 1)).all())
    level, difference = ((0.0, 1.0), (-1.0, 1.0)) if binary else (None, None)
    teacher, student = scheme.mean(u_t, level), scheme.mean(u_s, level)
    change, error = scheme.mean(u_s - u_t, difference), robust_standard_error(u_s - u_t, scheme)
    better = of.higher_is_better.get(name)
    kept = None
    if better and teacher.quantile(0.025, scheme.clusters) > 0:
        kept = to_estimate(student / teacher, scheme, len(u_t))
    made = Metric(
        name=name,
        higher_is_better=better,
        teacher=to_estimate(teacher, scheme, len(u_t)),
        student=to_estimate(student, scheme, len(u_t)),
        change=to_estimate(change, scheme, len(u_t)),
        standard_error=error,
        retention=kept,
        flips=_flips(u_t > 0, u_s > 0, clustered=of.clusters is not None) if binary else None,
        p_difference=p_difference(change.point, error, scheme.clusters),
        p_equivalence=p_equivalence(change.point, error, epsilon, scheme.clusters),
    )
    return made, teacher, student


def _flips(right_t: NDArray[np.bool_], right_s: NDArray[np.bool_], *, clustered: bool) -> Flips:
    lost, gained = int((right_t & ~right_s).sum()), int((~right_t & right_s).sum())
    return Flips(
        both_right=int((right_t & right_s).sum()),
        lost=lost,
        gained=gained,
        both_wrong=int((~right_t & ~right_s).sum()),
        p_mcnemar=None if clustered else p_mcnemar(lost, gained),
    )


def _mean(values: Floats, scheme: Resampling, *, binary: bool = False) -> Estimate:
    return to_estimate(scheme.mean(values, (0.0, 1.0) if binary else None), scheme, len(values))


def _groups(folder: Folder, draws: Mapping[tuple[str, str, str], tuple[Draws, Draws, int]]) -> list[GroupMetric]:
    """Return each group's metrics over all items of its tasks, whose resamples are independent of each other."""
    out = []
    for group in folder.groups:
        members = _tasks_of(folder, group)
        held = {task for task, _, _ in draws}
        if len(members) < 2 or not set(members) <= held:
            continue
        shared = [k for k in {(f, m) for _, f, m in draws} if all((task, *k) in draws for task in members)]
        for of, metric in sorted(shared):
            parts = [draws[task, of, metric] for task in members]
            total = sum(n for _, _, n in parts)
            teacher, student = (_pooled([(part[side], part[2]) for part in parts], total) for side in (0, 1))
            out.append(
                GroupMetric(
                    group=group,
                    metric=metric,
                    filter=of,
                    n_items=total,
                    n_tasks=len(members),
                    teacher=_over_tasks(teacher, total),
                    student=_over_tasks(student, total),
                    change=_over_tasks(student - teacher, total),
                )
            )
    return out


def _tasks_of(folder: Folder, group: str) -> list[str]:
    """Return the tasks below a group, through the groups that it holds."""
    out: list[str] = []
    for name in folder.groups[group]:
        out += _tasks_of(folder, name) if name in folder.groups else [name]
    return list(dict.fromkeys(out))


def _pooled(parts: list[tuple[Draws, int]], total: int) -> Draws:
    point = sum(draws.point * n for draws, n in parts) / total
    replicates: Floats = np.sum([draws.replicates * n for draws, n in parts], axis=0) / total
    return Draws(point, replicates)


def _over_tasks(draws: Draws, n: int) -> Estimate:
    low, high = np.quantile(draws.replicates, (0.025, 0.975))
    method = f"replicates of the tasks pooled, {len(draws.replicates)} resamples"
    return Estimate(
        value=draws.point,
        low=min(float(low), draws.point),
        high=max(float(high), draws.point),
        n=n,
        clusters=0,
        method=method,
    )
