"""Writing a finished statement in the form that a file's ending names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from angels_share.errors import BundleError
from angels_share.score.model import PairScore, SuiteScore
from angels_share.statement import wording
from angels_share.statement.check import check
from angels_share.statement.model import Statement
from angels_share.statement.page import page
from angels_share.taxonomy import scenario_of

if TYPE_CHECKING:
    from angels_share.statement.plots import Point

RENDERED = (".md", ".tex", ".html", ".svg")
"""Endings of the files that are for readers."""

LOSSES = "Dot: loss, 0 as the teacher, 100 no closer to it than a constant answer. Grey: the teacher's own variation."
TRADE_OFF = "Retention against angel's share: upper right is best. Lines are 95 % intervals."
"""How to read the plots."""


def render(statement: Statement, score: PairScore, suffix: str) -> str:
    """Return a finished statement in one of the forms of :data:`RENDERED`.

    Raises
    ------
    BundleError
        If there is no such form, or plots are asked for and cannot be drawn.
    """
    told = page(statement, score, check(statement, score))
    match suffix:
        case ".md":
            from angels_share.statement.markdown import to_markdown

            return to_markdown(told)
        case ".tex":
            from angels_share.statement.latex import to_latex

            return to_latex(told)
        case ".html":
            from angels_share.statement.html import to_html

            return to_html(told, _plots(statement, score))
        case ".svg":
            return _drawn(statement, score)
    raise BundleError(f"a statement cannot be rendered as {suffix!r}; known are {', '.join(RENDERED)}")


def _plots(statement: Statement, score: PairScore) -> dict[str, tuple[str, str]]:
    """Return the losses of each suite as SVG and how to read them; under the empty name, the suites side by side."""
    from angels_share.statement import plots

    figures = {
        s.suite: (plots.svg(plots.profile(wording.tasks_of(score, s.suite))), LOSSES) for s in _told(statement, score)
    }
    if points := _points(statement, score):
        figures[""] = plots.svg(plots.trade_off(points)), TRADE_OFF
    return figures


def _drawn(statement: Statement, score: PairScore) -> str:
    """Return both plots as one SVG."""
    from angels_share.statement import plots

    names, points = f"{statement.student} ← {statement.teacher}", _points(statement, score)
    tasks = {t.task: t for s in _told(statement, score) for t in wording.tasks_of(score, s.suite)}
    charts = [("What was retained, and what evaporated", TRADE_OFF, plots.trade_off(points))] if points else []
    charts.append(("What was lost, task by task", LOSSES, plots.profile(list(tasks.values()))))
    return plots.svg(plots.beneath(names, charts))


def _told(statement: Statement, score: PairScore) -> list[SuiteScore]:
    return [suite for suite in score.suites if suite.suite in statement.suites]


def _points(statement: Statement, score: PairScore) -> list[Point]:
    """Return the suites that have both numbers."""
    from angels_share.statement.plots import Point

    kind = "control" if statement.method.family == "control" else "pair"
    return [
        Point(scenario_of(s.suite).title, kind, s.primary.retention, s.angels_share.total)
        for s in _told(statement, score)
        if s.primary.retention and s.angels_share
    ]
