"""Numbers and verdicts in words: ×100, one decimal, and 95 % intervals in brackets."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from angels_share import spec
from angels_share.score.model import Gap, PairScore, TaskScore, Verdict
from angels_share.taxonomy import ROWS

VERDICTS: dict[Verdict, str] = {
    "PRESERVED": "equivalent to the teacher within the margins",
    "HARMFUL": "worse than the teacher by more than the margin",
    "CORRECTIVE": "better than the teacher by more than the margin",
    "SHIFTED": "neither better nor worse, but it answers differently",
    "INCONCLUSIVE": "this many items show neither a loss nor preservation",
    "UNMEASURED": "no measurement",
}
"""What each verdict means, after the words "the student is"."""

FLAGS = {
    "CANNOT CERTIFY AT THIS N": "too few items to show preservation",
    "CEILING": "the teacher is near perfect",
    "FEW_CLUSTERS": "few independent clusters",
    "LOW_CHOICE_MASS": "the options are improbable answers to the teacher",
    "NUMERICAL_FLOOR": "no difference beyond rounding",
}
"""What the weaknesses of a number mean."""


class Bounded(Protocol):
    """A number between the ends of its 95 % interval."""

    @property
    def value(self) -> float:
        """The number itself."""

    @property
    def low(self) -> float:
        """Lower end."""

    @property
    def high(self) -> float:
        """Upper end."""


class Interval(NamedTuple):
    """A number and its 95 % interval, where nothing else is known of it."""

    value: float
    low: float
    high: float


def line(text: str) -> str:
    r"""Return a text on one line, with a mark in the place of characters that hide or reorder the others.

    Examples
    --------
    >>> line("two\n lines"), line("abc\u202edef\x00")
    ('two lines', 'abc�def�')
    """
    kept = " ".join(text.split())
    return "".join("\ufffd" if unicodedata.category(c) in _HIDING and c not in "\u200c\u200d" else c for c in kept)


_HIDING = {"Cc", "Cf", "Cn", "Co", "Cs"}


def hundred(value: float) -> str:
    """Return a number times 100 with one decimal.

    Examples
    --------
    >>> hundred(0.1234), hundred(-0.05), hundred(-0.0001)
    ('12.3', '−5.0', '0.0')
    """
    return f"{100 * value:z.1f}".replace("-", "−")


def signed(value: float) -> str:
    """Return a difference times 100 with one decimal and its sign.

    Examples
    --------
    >>> signed(0.05), signed(-0.05), signed(0.0)
    ('+5.0', '−5.0', '0.0')
    """
    text = hundred(value)
    return text if text == "0.0" or text.startswith("−") else f"+{text}"


def interval(estimate: Bounded) -> str:
    """Return a number and its 95 % interval, such as ``12.3 [8.1, 16.6]``."""
    return f"{hundred(estimate.value)} [{hundred(estimate.low)}, {hundred(estimate.high)}]"


def change(estimate: Bounded) -> str:
    """Return a difference and its 95 % interval, such as ``−4.5 [−7.0, −2.1]``."""
    return f"{signed(estimate.value)} [{signed(estimate.low)}, {signed(estimate.high)}]"


def probability(p: float | None) -> str:
    """Return a p-value to three decimals.

    Examples
    --------
    >>> probability(0.0312), probability(0.00001), probability(None)
    ('0.031', '<0.001', '–')
    """
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def changes(task: TaskScore) -> str:
    """Return the change in utility of a task, or of each of its sides, which are never added up."""
    if task.change:
        return change(task.change)
    return "; ".join(f"{side.name} {change(side.change)}" for side in task.sides) or "no better or worse"


def reading(estimate: Bounded, unit: str) -> str:
    """Return a displayed statistic in its unit: shares ×100, others to three digits.

    Examples
    --------
    >>> found = Interval(1.25, -0.0625, 2.0)
    >>> reading(found, "share"), reading(found, "bits")
    ('125.0 [−6.2, 200.0]', '1.25 [−0.0625, 2]')
    """
    if unit == "share":
        return interval(estimate)
    value, low, high = (f"{x:.3g}".replace("-", "−") for x in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def levels(numbers: Sequence[int]) -> str:
    """Return difficulty levels in words, such as ``levels 1 and 2``."""
    return f"{'level' if len(numbers) == 1 else 'levels'} {listed([str(n) for n in numbers])}"


def readout(task: TaskScore) -> str:
    """Return in words how the answers of a task were read."""
    return {
        "likelihood": "likelihoods of the options",
        "greedy": "one greedy answer an item",
        "sampled": f"{task.repeats} sampled answers an item",
    }[task.readout]


def row_title(row: str) -> str:
    """Return the name of a row inside a sentence, such as ``capability boundary``."""
    return ROWS[row].title[:1].lower() + ROWS[row].title[1:]


def unmeasured(gap: Gap) -> str:
    """Return in words whose gap an unmeasured task is, without the reason."""
    return {
        "submitter": "not measured (charged)",
        "teacher": "not measurable with this teacher",
        "access": "not measurable without likelihoods",
    }[gap.side]


def tasks_of(score: PairScore, suite: str) -> list[TaskScore]:
    """Return the scored tasks of a suite, in the order of the suite."""
    scored = {task.task: task for task in score.tasks}
    return [scored[name] for name in spec.suite(suite).seen_by(score.key.access).tasks if name in scored]


def second_stage_of(score: PairScore, suite: str) -> list[TaskScore]:
    """Return the scored second-stage tasks of a suite, in the order of the suite."""
    scored = {task.task: task for task in score.second_stage}
    return [scored[name] for name in spec.suite(suite).second_stage if name in scored]
