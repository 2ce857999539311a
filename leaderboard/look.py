"""How numbers, verdicts and other fixed terms read on a page; no meaning rests on colour alone.

Everything here is this project's own wording. What a submitter wrote never passes through Markdown: pages hand it
to ``st.text``, to table cells and to chart labels, which show it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

MISSING = "not measured"
CAVEAT = (
    "Intervals are 95 % and hold for these checkpoints on these items, not for the method that made them. "
    "Comparing methods needs several training seeds."
)

AMBER, GREY, GRID = "#B0701F", "#857A6B", "#857A6B40"
"""Colours that stand out on light and on dark paper."""
INK, LIGHT_INK = "#2A2118", "#EFE6D8"
"""Colours of text on light and on dark paper."""


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
    if value is None:
        return MISSING
    return f"{100 * value:z.1f}".replace("-", "−")


def signed(value: float | None) -> str:
    """Return a difference ×100 with its sign.

    Examples
    --------
    >>> signed(0.0312), signed(-0.2), signed(0.0)
    ('+3.1', '−20.0', '0.0')
    """
    text = number(value)
    return f"+{text}" if value is not None and round(100 * value, 1) > 0 else text


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


def estimate(found: dict[str, float] | None, absent: str = MISSING, *, sign: bool = False) -> str:
    """Return a number with its interval, or a word where there is none.

    Examples
    --------
    >>> estimate({"value": 0.22, "low": 0.17, "high": 0.27}), estimate(None)
    ('22.0 [17.0, 27.0]', 'not measured')
    """
    if found is None:
        return absent
    return f"{(signed if sign else number)(found['value'])} {interval(found['low'], found['high'])}"


def reading(found: dict[str, float] | None, unit: str) -> str:
    """Return a displayed statistic in its unit with its interval: shares ×100, others to three digits.

    Examples
    --------
    >>> reading({"value": 0.5, "low": 0.4, "high": 0.6}, "share"), reading(None, "bits")
    ('50.0 [40.0, 60.0]', '')
    >>> reading({"value": 1.25, "low": -0.0625, "high": 2.0}, "bits")
    '1.25 [−0.0625, 2]'
    """
    if found is None:
        return ""
    if unit == "share":
        return estimate(found)
    value, low, high = (f"{found[key]:.3g}".replace("-", "−") for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def flag(name: str) -> str:
    """Return what a flag warns of; after a colon it names the task that it is about.

    Examples
    --------
    >>> flag("NOT LOCKED: as_boundary_ladder 1.0")
    "NOT LOCKED: as_boundary_ladder 1.0. The release does not pin this task's measure."
    """
    return f"{name}. {FLAGS.get(name.partition(':')[0], '')}".rstrip()


def task_name(task: str) -> str:
    """Return a task's name as a person says it.

    Examples
    --------
    >>> task_name("as_boundary_ladder")
    'boundary ladder'
    """
    return task.removeprefix("as_").replace("_", " ")


def verdict_of(task: dict[str, object]) -> str:
    """Return the key into :data:`VERDICTS` of a task's score."""
    gap = task["gap"]
    if isinstance(gap, dict):
        return "charged" if gap["side"] == "submitter" else "not_measurable"
    return str(task["verdict"]).lower()
