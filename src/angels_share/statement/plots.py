"""The plots of a pair, as Altair specifications: the leaderboard shows them, a statement draws them as SVG.

No meaning rests on colour alone: every verdict and part has a symbol and a word as well.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import altair as alt
import pandas as pd

from angels_share.errors import BundleError
from angels_share.score.model import TaskScore
from angels_share.statement import wording
from angels_share.statement.wording import Bounded
from angels_share.taxonomy import ROWS

AMBER, GREY, GRID = "#B0701F", "#857A6B", "#857A6B40"
"""Colours that stand out on light and on dark paper."""
INK, LIGHT_INK = "#2A2118", "#EFE6D8"
"""Colours of text on light and on dark paper."""

NAMED = 8
"""Points of a chart that carry a name; more would hide each other."""

ABOVE, BELOW = -14, 18
"""Where the name of a point stands, in pixels from it."""

Layers = alt.LayerChart | alt.FacetChart
"""What Altair calls a chart of several layers."""

WIDTH = 560
"""Width of a plot drawn as SVG, in pixels, without its labels."""


@dataclass(frozen=True)
class Term:
    """A fixed term: a symbol and a word for it, a colour of medium lightness, and what it means."""

    symbol: str
    word: str
    colour: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.symbol} {self.word}"


VERDICTS: dict[str, Term] = {
    "preserved": Term("✓", "kept", "#3F8069", "Equivalent to the teacher, within the margin."),
    "harmful": Term("▼", "lost", "#B9503A", "Clearly worse than the teacher."),
    "shifted": Term("↔", "shifted", "#7A6BB0", "As good as the teacher, but it answers differently."),
    "corrective": Term("▲", "better", "#3E7CB1", "Clearly better than the teacher."),
    "inconclusive": Term("?", "inconclusive", "#857A6B", "Too few items to say whether it is kept or lost."),
    "charged": Term("○", "charged, not measured", "#A9742B", "The submitter did not measure it: charged in full."),
    "not_measurable": Term("–", "not measurable", "#857A6B", "This teacher has nothing to lose here: not charged."),
}
"""Verdicts on a task, by their names in the index."""

PARTS: dict[str, Term] = {
    "kept": Term("■", "kept", "#3F8069", "What the student still does as the teacher does."),
    "accounted": Term("▤", "accounted for", "#A9742B", "Lost, measured, and named in the statement."),
    "undisclosed": Term("▼", "undisclosed", "#B9503A", "Lost and measured, but not mentioned in the statement."),
    "unmeasured": Term("○", "charged, not measured", "#857A6B", "Not measured by the submitter, so charged in full."),
}
"""Parts of the bar that the angel's share is drawn in; all but the first add up to the angel's share."""


@dataclass(frozen=True)
class Point:
    """What one pair kept and lost in one suite."""

    name: str
    kind: str
    """``pair`` or ``control``."""
    retention: Bounded
    share: Bounded


def verdict_of(task: TaskScore) -> str:
    """Return the key into :data:`VERDICTS` of a task's score."""
    if task.gap:
        return "charged" if task.gap.side == "submitter" else "not_measurable"
    return task.verdict.lower()


def task_name(task: str) -> str:
    """Return a task's name as a person says it.

    Examples
    --------
    >>> task_name("as_boundary_ladder")
    'boundary ladder'
    """
    return task.removeprefix("as_").replace("_", " ")


def profile(tasks: Sequence[TaskScore], ink: str = INK) -> Layers:
    """Return the chart of losses: two lines a task, its loss and below it the teacher's own variation.

    Both are ×100 with 95 % intervals. A charged task stands at 100, one that is not measurable nowhere.

    Parameters
    ----------
    tasks : sequence of TaskScore
        At least one. They are drawn row by row, in the order of the paper.
    ink : str
        Colour of the numbers.
    """
    marks = pd.DataFrame(_loss_marks(tasks))
    ends = [100 * end for task in tasks if task.loss for end in (task.loss.low, task.loss.high)]
    variations = [100 * task.teacher_variation.high for task in tasks if task.teacher_variation]
    right = max([100, *ends, *(end + 12 for end in variations)]) + 2
    terms = [VERDICTS[name] for name in sorted({verdict_of(task) for task in tasks})]
    palette = alt.Scale(domain=[term.word for term in terms], range=[term.colour for term in terms])
    reach = alt.Scale(domain=[min([0, *ends]) - 2, right], nice=False)
    ticks = alt.Axis(gridColor=GRID, values=[0, 25, 50, 75, 100])
    x = alt.X("value:Q", title="Loss, less is better", scale=reach, axis=ticks)
    names = alt.Axis(
        labelExpr="split(datum.label, '|')",
        labelLimit=170,
        labelFontSize=12,
        labelPadding=6,
        labelOffset=-7,
        ticks=False,
    )
    y = alt.Y("label:N", title=None, sort=marks["label"].tolist(), axis=names)
    told = alt.Description("told:N")
    base = alt.Chart(marks).encode(y=y)
    coloured = base.encode(color=alt.Color("verdict:N", legend=None, scale=palette))
    measured, charged = coloured.transform_filter("datum.measured"), coloured.transform_filter("!datum.measured")
    number = base.transform_filter("datum.measured").encode(x=x, text="loss:N")
    left = number.transform_filter("datum.value <= 50").mark_text(align="left", dx=-4, dy=-12, color=ink, aria=False)
    return alt.layer(
        base.mark_rule(strokeWidth=5, yOffset=13, color=GREY, opacity=0.45, aria=False).encode(
            x=alt.X("zero:Q"), x2="variation:Q"
        ),
        base.mark_rule(strokeWidth=1.5, yOffset=13, color=GREY, aria=False).encode(
            x=alt.X("variation_low:Q"), x2="variation_high:Q"
        ),
        base.transform_filter("datum.measured")
        .mark_text(align="left", dx=5, dy=13, fontSize=10, color=ink, aria=False)
        .encode(x=alt.X("variation_high:Q"), text="teacher:N"),
        coloured.mark_rule(strokeWidth=3, aria=False).encode(x=alt.X("value_low:Q"), x2="value_high:Q"),
        measured.mark_point(filled=True, size=110, opacity=1).encode(x=x, description=told),
        charged.mark_point(filled=False, size=110, strokeWidth=2).encode(x=x, description=told),
        left,
        number.transform_filter("datum.value > 50").mark_text(align="right", dx=4, dy=-12, color=ink, aria=False),
    ).properties(height=alt.Step(50))


def _loss_marks(tasks: Sequence[TaskScore]) -> Iterator[dict[str, Any]]:
    """Return what the profile draws of each task."""
    for task in sorted(tasks, key=lambda task: list(ROWS).index(task.row)):
        term = VERDICTS[verdict_of(task)]
        charged = {"value": 100.0} if verdict_of(task) == "charged" else {}
        numbers = {
            "loss": task.loss,
            "divergence": task.divergence,
            "teacher's own variation": task.teacher_variation,
        }
        told = [f"{task.task}: {term.word}"]
        told += [f"change in utility {wording.changes(task)}"] if task.loss else []
        told += [f"{name} {wording.interval(number)}" for name, number in numbers.items() if number]
        yield {
            "label": f"{task_name(task.task)}|{term}",
            "verdict": term.word,
            "measured": task.loss is not None,
            "zero": 0.0,
            **_ends_of("value", task.loss),
            **_ends_of("variation", task.teacher_variation),
            **charged,
            "loss": wording.interval(task.loss) if task.loss else "",
            "teacher": wording.interval(task.teacher_variation) if task.teacher_variation else "",
            "told": ", ".join(told),
        }


def _ends_of(name: str, interval: Bounded | None) -> dict[str, float | None]:
    """Return a number and the ends of its interval ×100, as columns."""
    value, low, high = (interval.value, interval.low, interval.high) if interval else (None, None, None)
    found = {name: value, f"{name}_low": low, f"{name}_high": high}
    return {key: None if x is None else 100 * x for key, x in found.items()}


def trade_off(points: Sequence[Point], ink: str = INK) -> Layers:
    """Return the chart of retention against angel's share; the best corner is the upper right.

    Parameters
    ----------
    points : sequence of Point
        At least one; the first :data:`NAMED` are named.
    ink : str
        Colour of the names.
    """
    content = pd.DataFrame(_point_marks(points))
    kinds = ["pair", "control"]
    axis = alt.Axis(gridColor=GRID, tickCount=6)
    x = alt.X("retention:Q", title="Retention, more is better →", scale=alt.Scale(zero=False, padding=12), axis=axis)
    y = alt.Y("share:Q", title="Angel's share, less is better →", scale=alt.Scale(reverse=True), axis=axis)
    base = alt.Chart(content).encode(
        color=alt.Color("kind:N", legend=None, scale=alt.Scale(domain=kinds, range=[AMBER, GREY])),
        tooltip=[
            alt.Tooltip("name:N", title="Name"),
            alt.Tooltip("retention:Q", title="Retention", format=".1f"),
            alt.Tooltip("share:Q", title="Angel's share", format=".1f"),
        ],
    )
    shape = alt.Shape("kind:N", legend=None, scale=alt.Scale(domain=kinds, range=["circle", "diamond"]))
    name = alt.Chart(content.head(NAMED)).encode(x=x, y=y, text="name:N", color=alt.value(ink))
    sides: dict[Literal["left", "right"], int] = {"left": -2, "right": 2}
    names = [
        name.transform_filter(f"datum.align == '{align}' && {'' if below else '!'}datum.below").mark_text(
            align=align, dx=dx, dy=BELOW if below else ABOVE, fontSize=12, limit=200, aria=False
        )
        for align, dx in sides.items()
        for below in (False, True)
    ]
    return alt.layer(
        base.mark_rule(aria=False).encode(x=x, y=alt.Y("share_low:Q"), y2="share_high:Q"),
        base.mark_rule(aria=False).encode(x=alt.X("retention_low:Q"), x2="retention_high:Q", y=y),
        base.mark_point(filled=True, size=110, opacity=1).encode(x=x, y=y, shape=shape, description="told:N"),
        *names,
    ).properties(height=340)


def _point_marks(points: Sequence[Point]) -> Iterator[dict[str, Any]]:
    """Return what the chart draws of each point; its name stands where the chart has room for it."""
    retentions, below = [point.retention.value for point in points], _named_below(points)
    middle = (min(retentions) + max(retentions)) / 2
    for k, point in enumerate(points):
        retention, share = wording.interval(point.retention), wording.interval(point.share)
        yield {
            "name": point.name,
            "kind": point.kind,
            **_ends_of("retention", point.retention),
            **_ends_of("share", point.share),
            "align": "left" if point.retention.value <= middle else "right",
            "below": k in below,
            "told": f"{point.name}: retention {retention}, angel's share {share}",
        }


def _named_below(points: Sequence[Point]) -> set[int]:
    """Return the points whose names stand below them, because the point above is so near that they would cover it."""
    reach_x = max(p.retention.high for p in points) - min(p.retention.low for p in points)
    reach_y = max(p.share.high for p in points) - min(p.share.low for p in points)
    below: set[int] = set()
    for over, under in pairwise(sorted(range(len(points)), key=lambda k: points[k].share.value)):
        a, b = points[over], points[under]
        near = b.share.value - a.share.value < reach_y / 12
        if near and abs(a.retention.value - b.retention.value) < reach_x / 3 and over not in below:
            below.add(under)
    return below


def bar(parts: Mapping[str, float]) -> alt.Chart:
    """Return the horizontal bar of what was kept and of the parts of the angel's share.

    Parameters
    ----------
    parts : mapping of str to float
        The share of each of :data:`PARTS`; they add up to 1.
    """
    content = pd.DataFrame(
        {"part": term.word, "value": 100 * parts[part], "order": order}
        for order, (part, term) in enumerate(PARTS.items())
    )
    colours = alt.Scale(domain=[term.word for term in PARTS.values()], range=[term.colour for term in PARTS.values()])
    bars: alt.Chart = (
        alt.Chart(content)
        .mark_bar(height=26)
        .encode(
            x=alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(grid=False, tickCount=5)),
            color=alt.Color("part:N", scale=colours, legend=None),
            order="order:O",
            tooltip=[alt.Tooltip("part:N", title="Part"), alt.Tooltip("value:Q", title="Of 100", format=".1f")],
        )
        .properties(height=70)
    )
    return bars


def beneath(title: str, charts: Sequence[tuple[str, str, Layers]]) -> alt.VConcatChart:
    """Return charts one beneath the other, each with a title and a line that says how to read it."""
    drawn: alt.VConcatChart = alt.vconcat(
        *(
            chart.properties(
                width=WIDTH, title=alt.Title(heading, subtitle=line, anchor="start", frame="group", offset=14)
            )
            for heading, line, chart in charts
        ),
        title=alt.Title(wording.line(title), anchor="start", fontSize=18, offset=20, limit=WIDTH),
        spacing=36,
    )
    apart: alt.VConcatChart = drawn.resolve_scale(color="independent", shape="independent")
    return apart


def svg(chart: Layers | alt.VConcatChart) -> str:
    """Return a chart drawn as SVG on white paper; texts stay texts, and nothing in it is loaded or run.

    Raises
    ------
    BundleError
        If vl-convert-python, which draws, is not installed.
    """
    if importlib.util.find_spec("vl_convert") is None:
        raise BundleError(
            "plots cannot be drawn: vl-convert-python is not installed; pip install 'angels-share[plots]', or write "
            "the statement as .md or .tex"
        )
    sized = chart if isinstance(chart, alt.VConcatChart) else chart.properties(width=WIDTH)
    out = io.StringIO()
    sized.configure(
        background="white",
        font="Helvetica, Arial, Liberation Sans, sans-serif",
        padding=12,
        axis=alt.AxisConfig(labelColor=INK, titleColor=INK, titleFontWeight="normal", domainColor=GREY, tickColor=GREY),
        view=alt.ViewConfig(stroke=None),
        title=alt.TitleConfig(color=INK, subtitleColor=INK, fontSize=15, subtitleFontSize=12),
    ).save(out, format="svg")
    return out.getvalue()
