"""The reporting row: one flat row a task, with every number under a name of its own."""

from __future__ import annotations

from typing import Any

from angels_share.score.model import Estimate, PairScore, SideScore, TaskScore
from angels_share.taxonomy import ROWS

Row = dict[str, Any]

ESTIMATES = tuple(name for name, field in TaskScore.model_fields.items() if field.annotation == Estimate | None)
"""Numbers of a task that come with an interval; its ends are the columns ``…_low`` and ``…_high``."""

NUMBERS = tuple(name for name, field in TaskScore.model_fields.items() if field.annotation == float | None)
"""Numbers of a task without one."""

SIDE_ESTIMATES = tuple(name for name, field in SideScore.model_fields.items() if field.annotation == Estimate)
SIDE_NUMBERS = tuple(name for name, field in SideScore.model_fields.items() if field.annotation == float | None)

FLOORED = ("divergence", "harmful", "corrective", "neutral", "uncredited_loss")
"""Numbers that stand beside what the teacher scores against its own repeat, their floor: columns ``…_floor``."""

_PLAIN = (
    *("task", "version", "row", "readout", "observable", "discrepancy", "utility", "direction", "levels"),
    *("n_items", "n_clusters", "repeats", "verdict", "verdict_author", "flags"),
)


def interval(name: str, estimate: Estimate | None) -> Row:
    """Return the three cells of a number with its interval; None where there is no number."""
    value, low, high = (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def reporting_rows(score: PairScore) -> list[Row]:
    """Return one row a task of the suites, in the order of the rows of the taxonomy.

    Each holds the task and its level; items, clusters and answers an item; by what it was read and compared; levels
    and change with its interval, tests and margin; divergence with its floor (the teacher against its repeat, where it
    was run) and its ceiling ``teacher_variation``; the loss with and without credit; harmful, corrective and neutral
    parts with their floors; what could have been detected; unparsable shares; both verdicts, or why there is none.
    """
    floors = {task.task: task for task in score.repeat}
    order = list(ROWS)
    return [
        _row(score, task, floors.get(task.task))
        for task in sorted(score.tasks, key=lambda t: (order.index(t.row), t.task))
    ]


def _row(score: PairScore, task: TaskScore, repeat: TaskScore | None) -> Row:
    row: Row = {name: getattr(task, name) for name in (*_PLAIN, *NUMBERS)}
    for name in ESTIMATES:
        row |= interval(name, getattr(task, name))
    for name in FLOORED:
        row |= interval(f"{name}_floor", getattr(repeat, name) if repeat else None)
    return row | {
        "access": score.key.access,
        "epsilon": score.epsilon,
        "tau": score.tau,
        "gap_side": task.gap.side if task.gap else None,
        "gap_reason": task.gap.reason if task.gap else None,
        "sides": [_side(side) for side in task.sides],
    }


def _side(side: SideScore) -> Row:
    row: Row = {"name": side.name} | {name: getattr(side, name) for name in SIDE_NUMBERS}
    for name in SIDE_ESTIMATES:
        row |= interval(name, getattr(side, name))
    return row
