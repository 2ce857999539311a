"""How numbers, verdicts and other fixed terms read on a page; no meaning rests on colour alone.

Everything here is this project's own wording. What a submitter wrote never passes through Markdown: pages hand it
to ``st.text``, to table cells and to chart labels, which show it as it is.
"""

from __future__ import annotations

import streamlit as st

from angels_share.statement import wording
from angels_share.statement.plots import INK, LIGHT_INK
from angels_share.statement.wording import Bounded

MISSING = "not measured"
CAVEAT = (
    "Intervals are 95 % and hold for these checkpoints on these items, not for the method that made them. "
    "Comparing methods needs several training seeds."
)

CLAIMS: dict[str, str] = {
    "supported": "✓ supported",
    "contradicted": "✗ contradicted",
    "over-declared": "○ over-declared",
    "undisclosed": "▼ undisclosed",
}
"""What the measurement says of a claim, or of the lack of one."""

CLAIM_KINDS: dict[str, str] = {
    "preserved": "kept",
    "lost": "lost",
    "unmeasured": "not measured",
    "accepted": "an accepted loss",
    "corrective": "an improvement",
}
"""What a claim says of its task."""

FLAGS: dict[str, str] = {
    "CEILING": "The teacher is nearly perfect here, so what its student loses shows clearly.",
    "CANNOT CERTIFY AT THIS N": "Too few items to certify that the behaviour is kept, however well the student does.",
    "NUMERICAL_FLOOR": "The difference is within rounding and counts as zero.",
    "LOW_CHOICE_MASS": "The options hold almost none of the model's probability: it would answer something else.",
    "FEW_CLUSTERS": "Fewer than 30 independent clusters: the interval is a rough one.",
    "NOT LOCKED": "The release does not pin this task's measure.",
    "DIFFERENT TEMPLATES": "Teacher and student were asked with different chat templates.",
    "IDENTICAL RESPONSES": "The student answered exactly as the teacher did.",
}
"""What a flag beside a number warns of."""

METHODS: dict[str, tuple[str, str]] = {
    "logit-kd": ("distillation from logits", ""),
    "seq-kd": ("distillation on the teacher's texts", ""),
    "on-policy": ("on-policy distillation", ""),
    "feature": ("distillation from hidden states", ""),
    "sft": ("supervised fine-tuning", ""),
    "pruning": ("pruning", "Parts of the teacher were removed. This is no distillation."),
    "quantization": ("quantization", "The teacher's weights were rounded. This is no distillation."),
    "control": ("control", "A control, run to test the tasks. This is no distillation, and it has no rank."),
    "other": ("another method", ""),
}
"""How a student came from its teacher, and a remark where that is no distillation."""


def number(value: float | None) -> str:
    """Return a fraction ×100 with one decimal.

    Examples
    --------
    >>> number(0.8621), number(-0.00001), number(None)
    ('86.2', '0.0', 'not measured')
    """
    return MISSING if value is None else wording.hundred(value)


def interval(low: float | None, high: float | None) -> str:
    """Return the ends of an interval ×100.

    Examples
    --------
    >>> interval(0.801, 0.91), interval(None, None)
    ('[80.1, 91.0]', 'not measured')
    """
    return MISSING if low is None or high is None else f"[{number(low)}, {number(high)}]"


def rank(low: int | None, high: int | None, kind: str) -> str:
    """Return a rank with its interval, or a word where there is none.

    Examples
    --------
    >>> rank(1, 3, "pair"), rank(2, 2, "pair"), rank(None, None, "control"), rank(None, None, "pair")
    ('1 [1–3]', '2', 'control', 'not ranked')
    """
    if low is None:
        return "control" if kind == "control" else "not ranked"
    return str(low) if low == high else f"{low} [{low}–{high}]"


def count(number: int, noun: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> count(1, "bundle"), count(3, "bundle")
    ('1 bundle', '3 bundles')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def estimate(found: Bounded | None, absent: str = MISSING, *, sign: bool = False) -> str:
    """Return a number with its interval, or a word where there is none.

    Examples
    --------
    >>> from angels_share.statement.wording import Interval
    >>> estimate(Interval(0.22, 0.17, 0.27)), estimate(None)
    ('22.0 [17.0, 27.0]', 'not measured')
    """
    if found is None:
        return absent
    return wording.change(found) if sign else wording.interval(found)


def flag(name: str) -> str:
    """Return what a flag warns of; after a colon it names the task that it is about.

    Examples
    --------
    >>> flag("NOT LOCKED: as_boundary_ladder 1.0")
    "NOT LOCKED: as_boundary_ladder 1.0. The release does not pin this task's measure."
    """
    return f"{name}. {FLAGS.get(name.partition(':')[0], '')}".rstrip()


def ink() -> str:
    """Return the colour of texts in charts, as the page is light or dark."""
    return LIGHT_INK if st.context.theme.type == "dark" else INK
