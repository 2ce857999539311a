"""Groups of tasks, with the weights that give what lm-eval printed of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from angels_share.comparison.measuring import Measured, answers_of
from angels_share.comparison.metrics import combined, metric_of, weighted
from angels_share.comparison.model import GroupComparison, GroupMetric, Weighting
from angels_share.errors import MeasureError
from angels_share.logs.folders import Folder, part_of

Tasks = Mapping[tuple[str, str], Measured]
"""What was measured, by task and filter."""


def compare_groups(teacher: Folder, tasks: Tasks, epsilon: float) -> tuple[list[GroupComparison], dict[str, str]]:
    """Return the comparison of each group of the teacher's run, and why other groups have none.

    lm-eval logs which tasks a group has, and not how it weighs them. So the weights, by items or by tasks, are those
    that give the value that it printed of the teacher; a group of which it printed none is left out.
    """
    found: list[GroupComparison] = []
    left_out: dict[str, str] = {}
    for path, results in teacher.results.items():
        subtasks = {k: v for k, v in part_of(results, path, "group_subtasks").items() if isinstance(v, list)}
        for group in (name for name, members in subtasks.items() if members):
            printed = part_of(results, path, "results", group)
            members = _below(group, subtasks)
            missing = [name for name in members if name not in {task for task, _ in tasks}]
            if missing:
                left_out[group] = f"not all of its tasks were compared: {', '.join(missing)}"
                continue
            filters = sorted({of for _, of in tasks if all((name, of) in tasks for name in members)})
            made = [_compare(printed, group, of, [tasks[name, of] for name in members], epsilon) for of in filters]
            told = [one for one in made if one.metrics or one.left_out]
            found += told
            if not told:
                left_out[group] = "lm-eval printed no value of it, so nothing says how its tasks are weighed"
    return found, left_out


def _below(group: str, subtasks: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the tasks below a group, through the groups that it holds."""
    out: list[str] = []
    waiting, seen = list(subtasks[group]), {group}
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in subtasks:
            waiting = [*subtasks[name], *waiting]
        else:
            out.append(name)
    return out


def _compare(
    printed: Mapping[str, Any], group: str, of: str, members: Sequence[Measured], epsilon: float
) -> GroupComparison:
    metrics: list[GroupMetric] = []
    left_out: dict[str, str] = {}
    for key, value in printed.items():
        name, _, its = str(key).rpartition(",")
        if name and its == of and not name.endswith("_stderr"):
            try:
                metrics.append(_metric(name, value, members, epsilon))
            except MeasureError as error:
                left_out[name] = str(error)
    n = [member.comparison.n_items for member in members]
    shared = [name for name in members[0].answers if all(name in member.answers for member in members)]
    absent = {name: why for member in members for name, why in member.comparison.answers.absent.items()}
    shares = [size / sum(n) for size in n]
    clusters = sum(member.comparison.n_clusters for member in members)
    return GroupComparison(
        group=group,
        filter=of,
        tasks=tuple(member.comparison.task for member in members),
        n_items=sum(n),
        n_clusters=clusters,
        metrics=tuple(metrics),
        left_out=left_out,
        answers=answers_of(
            {name: weighted([member.answers[name] for member in members], shares) for name in shared},
            absent,
            sum(n),
            clusters,
        ),
    )


def _metric(name: str, printed: object, members: Sequence[Measured], epsilon: float) -> GroupMetric:
    lacking = [member.comparison.task for member in members if name not in member.parts]
    if lacking:
        raise MeasureError(f"not compared for {', '.join(lacking)}")
    parts = [member.parts[name] for member in members]
    kinds = {(m.aggregation, m.higher_is_better) for of in members for m in of.comparison.metrics if m.name == name}
    if len(kinds) > 1:
        raise MeasureError("its tasks define it differently")
    (kind,) = kinds
    total = sum(part.n for part in parts)
    schemes: dict[Weighting, list[float]] = {
        "items": [part.n / total for part in parts],
        "tasks": [1 / len(parts)] * len(parts),
    }
    for weighting, weights in schemes.items():
        together = combined(parts, weights)
        if isinstance(printed, int | float) and math.isclose(together.teacher.point, printed, rel_tol=1e-6):
            if weighting == "items":
                return GroupMetric(**dict(metric_of(name, *kind, together, epsilon)), weighting=weighting)
            made = metric_of(name, *kind, replace(together, flips=None), epsilon)
            absent = made.absent | {"flips": "each task counts the same, whatever its number of items"}
            return GroupMetric(**dict(made) | {"absent": absent}, weighting=weighting)
    raise MeasureError(f"lm-eval printed {printed}, which is the mean neither over its items nor over its tasks")
