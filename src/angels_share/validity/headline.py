"""What headline scores hide: students that keep the primary metric while a critical row is lost.

The paper's equation 8: ``m(S) ≈ m(T)`` while ``Δ_c(T, S; D_c) ≫ 0`` for a critical capability c.
"""

from __future__ import annotations

from collections.abc import Mapping

from angels_share.score.model import PairScore, SuiteScore
from angels_share.spec import Strict
from angels_share.validity.detection import Scores

KEPT = 0.95
"""Retention from which a headline is called kept."""

LOST = 0.05
"""Row loss that the lower end of its 95 % interval must exceed for the row to be called lost."""


class Headline(Strict):
    """One student in one suite."""

    items: str
    suite: str
    student: str
    primary: str
    """Task of the primary metric."""
    retention: float
    angels_share: float
    lost: tuple[str, ...]
    """Critical rows that are lost beyond doubt."""
    hidden: bool
    """Whether the headline is kept and a row is lost."""


class Hidden(Strict):
    """What the headlines of all students hide."""

    headlines: tuple[Headline, ...]
    kept: int
    """Headlines that are kept."""
    hiding: int
    """Of those, headlines behind which a critical row is lost."""


def hidden(measured: Mapping[str, Scores]) -> Hidden:
    """Return retention and angel's share of every student in every suite where the teacher has a retention.

    A headline is kept where ``R ≥`` :data:`KEPT`; a row is lost where the lower end of its loss exceeds :data:`LOST`.
    """
    headlines = [
        headline
        for items, scores in measured.items()
        for score in scores.values()
        for suite in score.suites
        if (headline := _headline(items, score, suite)) is not None
    ]
    return Hidden(
        headlines=tuple(headlines),
        kept=sum(h.retention >= KEPT for h in headlines),
        hiding=sum(h.hidden for h in headlines),
    )


def _headline(items: str, score: PairScore, suite: SuiteScore) -> Headline | None:
    kept = suite.primary.retention
    if kept is None or suite.angels_share is None:
        return None
    lost = tuple(row.row for row in suite.rows if row.loss is not None and row.loss.low > LOST)
    return Headline(
        items=items,
        suite=suite.suite,
        student=score.student,
        primary=suite.primary.task,
        retention=kept.value,
        angels_share=suite.angels_share.total.value,
        lost=lost,
        hidden=kept.value >= KEPT and bool(lost),
    )
