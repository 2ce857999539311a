"""The plots of the validity report, as Altair specifications: the leaderboard shows them, the report keeps them as SVG.

No meaning rests on colour alone: what fires carries a symbol, and every mark can be read aloud.
"""

from __future__ import annotations

from statistics import fmean

import altair as alt
import pandas as pd

from angels_share.statement.plots import AMBER, GREY, GRID, INK, Layers, task_name
from angels_share.statement.wording import hundred
from angels_share.taxonomy import ROWS
from angels_share.validity.detection import Detection
from angels_share.validity.doses.response import Response
from angels_share.validity.headline import KEPT, Hidden
from angels_share.validity.report import Validity
from angels_share.validity.telling import Plot, excess

STEP = 56
"""Width and height of a cell of the matrix, in pixels."""

Responses = tuple[Response, ...]


def chart(found: Validity, plot: Plot, ink: str = INK) -> Layers | alt.VConcatChart:
    """Return a plot of the report."""
    if plot == "matrix":
        return matrix(found.detection, ink)
    return responses(found.responses, ink) if plot == "responses" else headlines(found.hidden, ink)


def matrix(detection: Detection, ink: str = INK) -> Layers:
    """Return the detection matrix: planted students down, rows across, the excess over the siblings ×100 in each cell.

    ● fires on all sets of items, ◐ on some. The number is the mean over the sets.
    """
    found = pd.DataFrame(
        {
            "planted": planted,
            "row": row,
            "excess": 100 * fmean(cell.excess for cell in cells),
            "told": excess(cells),
        }
        for planted in ROWS
        for row in ROWS
        if (cells := [cell for cell in detection.cells if (cell.planted, cell.row) == (planted, row)])
    )
    reach = float(found["excess"].abs().max())
    axis = alt.Axis(labelAngle=-40, orient="top", domain=False, ticks=False)
    base = alt.Chart(found).encode(
        x=alt.X("row:N", sort=list(ROWS), title="Row that is looked at", axis=axis),
        y=alt.Y("planted:N", sort=list(ROWS), title="Planted in", axis=alt.Axis(domain=False, ticks=False)),
    )
    colour = alt.Color(
        "excess:Q", legend=None, scale=alt.Scale(domain=[-reach, 0, reach], range=["#3E7CB1", "#00000000", AMBER])
    )
    cells = base.mark_rect(stroke=GRID).encode(color=colour, description="told:N")
    return alt.layer(cells, base.mark_text(color=ink, fontSize=11, aria=False).encode(text="told:N")).properties(
        height=STEP * found["planted"].nunique() / 1.5
    )


def responses(found: Responses, ink: str = INK) -> alt.VConcatChart:
    """Return the measured loss against the planted dose, one small chart a row, one line a task and dose."""
    points = pd.DataFrame(
        {
            "row": ROWS[response.row].title,
            "line": f"{task_name(response.task)}, {response.dose.replace('_', ' ')}",
            "dose": point.dose,
            "loss": 100 * point.loss,
            "told": f"{task_name(response.task)}, dose {point.dose:g}: loss {hundred(point.loss)}",
        }
        for response in found
        for point in response.points
    )
    lines = alt.Chart(points).encode(
        x=alt.X("dose:Q", title="Planted dose", axis=alt.Axis(gridColor=GRID, tickCount=3)),
        y=alt.Y("loss:Q", title="Loss", axis=alt.Axis(gridColor=GRID, tickCount=5)),
        detail="line:N",
        tooltip=[alt.Tooltip("told:N", title=" ")],
    )
    drawn = alt.layer(
        lines.mark_line(color=AMBER, opacity=0.7, strokeWidth=1.5, aria=False),
        lines.mark_point(color=AMBER, filled=True, size=22, opacity=0.9).encode(description="told:N"),
    ).properties(width=165, height=120)
    titles = [row.title for row in ROWS.values() if row.title in set(points["row"])]
    header = alt.Header(labelColor=ink, labelFontSize=12)
    chart: alt.VConcatChart = alt.vconcat(
        drawn.facet(alt.Facet("row:N", sort=titles, title=None, header=header), columns=3)
    )
    return chart


def headlines(hidden: Hidden, ink: str = INK) -> Layers:
    """Return retention against angel's share of every student in every suite; a line marks what counts as kept."""
    points = pd.DataFrame(
        {
            "retention": 100 * h.retention,
            "share": 100 * h.angels_share,
            "kind": "hides a lost row" if h.hidden else "kept" if h.retention >= KEPT else "headline lost",
            "told": f"{h.student}, {h.suite}, {h.items}: retention {hundred(h.retention)}, "
            f"angel's share {hundred(h.angels_share)}",
        }
        for h in hidden.headlines
    )
    kinds = ["hides a lost row", "kept", "headline lost"]
    axis = alt.Axis(gridColor=GRID, tickCount=6)
    marks = (
        alt.Chart(points)
        .mark_point(filled=True, size=60, opacity=0.75)
        .encode(
            x=alt.X("retention:Q", title="Retention of the primary metric, more is better →", axis=axis),
            y=alt.Y("share:Q", title="Angel's share, less is better →", scale=alt.Scale(reverse=True), axis=axis),
            color=alt.Color(
                "kind:N", title=None, scale=alt.Scale(domain=kinds, range=[AMBER, "#3F8069", GREY]),
                legend=alt.Legend(orient="top", labelColor=ink),
            ),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=["triangle-down", "circle", "cross"])),
            tooltip=[alt.Tooltip("told:N", title=" ")],
            description="told:N",
        )
    )  # fmt: skip
    limit = alt.Chart(pd.DataFrame({"retention": [100 * KEPT]})).mark_rule(color=GREY, strokeDash=[4, 4], aria=False)
    return alt.layer(limit.encode(x="retention:Q"), marks).properties(height=360)
