"""What ``angels-share score`` does with tasks of lm-eval's own: compares them item by item, in their own metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from angels_share.cli.shell import err, out, tell, write_text

if TYPE_CHECKING:
    from angels_share.comparison import Comparison, Metric
    from angels_share.comparison.model import Answers
    from angels_share.score.model import Estimate

wide = Console(width=max(144, out.width))
"""Where the table is printed: long names of tasks and metrics get what the numbers leave of a line."""


def compare(
    teacher: Path, student: Path, cluster_field: str | None, epsilon: float | None, resamples: int, output: Path | None
) -> None:
    """Compare two run folders, print what was found, and write it where a file is given."""
    from angels_share.comparison import EPSILON, compare_runs

    with err.status("reading") as status:
        found = compare_runs(
            teacher,
            student,
            cluster_field=cluster_field,
            epsilon=EPSILON if epsilon is None else epsilon,
            resamples=resamples,
            progress=lambda task: status.update(f"comparing {task}"),
        )
    if output is not None:
        write_text(output, found.model_dump_json(indent=1) + "\n")
        tell(f"wrote {output}")
    print_comparison(found)


def print_comparison(found: Comparison) -> None:
    """Print a comparison as a table, in the unit of each metric, with its 95 % intervals."""
    out.print(f"{found.student} ← {found.teacher}", markup=False, soft_wrap=True)
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("task", overflow="fold")
    table.add_column("metric", overflow="fold")
    table.add_column("items", no_wrap=True, justify="right")
    table.add_column("teacher\n→ student", no_wrap=True)
    table.add_column("change", no_wrap=True)
    for heading in ("kept", "lost /\ngained", "agree", "TV", "p"):
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("finding", no_wrap=True)
    for task in found.tasks:
        _add_rows(table, task.task, task.filter, task.n_items, task.metrics, task.answers)
    if found.groups:
        table.add_section()
    for group in found.groups:
        _add_rows(table, group.group, group.filter, group.n_items, group.metrics, group.answers)
    wide.print(table)
    for one in found.tasks:
        if one.flags:
            out.print(f"{one.task}, {one.filter}: {', '.join(one.flags)}", markup=False, soft_wrap=True)
    compared = {f"{one.task}, {one.filter}": one.left_out for one in found.tasks}
    compared |= {f"{one.group}, {one.filter}": one.left_out for one in found.groups}
    for place, left_out in compared.items():
        for metric, reason in left_out.items():
            out.print(f"{place}: {metric} was not compared: {reason}", markup=False, soft_wrap=True)
    for name, reason in found.left_out.items():
        out.print(f"{name} was not compared: {reason}", markup=False, soft_wrap=True)
    clusters = f"documents that share {found.cluster_field}" if found.cluster_field else "single documents"
    out.print(
        f"Intervals are 95 %, over {clusters}; p is adjusted for the number of metrics. Equivalent: the change lies "
        f"within ±{found.epsilon:g}, in the metric's own unit.",
        markup=False,
        soft_wrap=True,
    )


def _add_rows(table: Table, name: str, of: str, items: int, metrics: Sequence[Metric], answers: Answers) -> None:
    """Add a row for each metric; what does not depend on the metric stands in the first."""
    from angels_share.statement import wording

    first = (name, str(items), _percent(answers.agreement), _percent(answers.total_variation))
    for metric in metrics:
        told, n, agreement, variation = first
        change, flips, p = metric.change, metric.flips, metric.p_adjusted
        table.add_row(
            told,
            metric.name if of == "none" else f"{metric.name}, {of}",
            n,
            f"{_number(metric.teacher.value)} → {_number(metric.student.value)}",
            f"{_number(change.value)} \\[{_number(change.low)}, {_number(change.high)}]",
            _percent(metric.retention),
            f"{flips.lost} / {flips.gained}" if flips else "",
            agreement,
            variation,
            "" if p is None else wording.probability(p),
            metric.finding,
        )
        first = ("", "", "", "")
    if not metrics:
        told, n, agreement, variation = first
        table.add_row(told, "", n, "", "", "", "", agreement, variation)


def _number(value: float) -> str:
    """Return a value of any unit in a few digits."""
    return f"{value + 0.0:.3f}" if abs(value) < 100 else f"{value:.4g}"


def _percent(estimate: Estimate | None) -> str:
    return f"{100 * estimate.value:.0f}%" if estimate else ""
