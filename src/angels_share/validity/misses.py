"""Planted losses to which the scorer answers less than a reader may expect, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MissKind = Literal["unmoved", "falls", "faint", "unjudged"]
"""What is missing: the loss does not rise with the dose; it falls somewhere; it is small where all of it is planted; or
the commonest verdict finds nothing even then."""

LEAST_CHARGED = 0.3
"""A loss below this where all of it is planted is faint."""


@dataclass(frozen=True)
class Miss:
    """A dose with something missing in its response.

    Attributes
    ----------
    kinds : tuple of str
    reason : str
    shown_by : str, optional
        A displayed statistic whose change shows the loss nevertheless.
    """

    kinds: tuple[MissKind, ...]
    reason: str
    shown_by: str | None = None


ONE_OF_EIGHT = "one group of eight is an eighth of the items, and the loss is a mean over items"
LITTLE_WEIGHT = "what is said rarely has little weight in the squared distance of two distributions"

MISSES: dict[tuple[str, str], Miss] = {
    ("as_boundary_facts", "group_lost"): Miss(("faint",), ONE_OF_EIGHT),
    ("as_boundary_groups", "group_lost"): Miss(("faint",), ONE_OF_EIGHT, "group_gap"),
    ("as_calibration_abstain", "answers_withheld"): Miss(
        ("unjudged",),
        "always abstaining gains on half of the items nearly what it loses on the others, so the change in utility is "
        "neither beyond the margin nor shown to lie within it; the loss is 1",
        "abstention_sensitivity",
    ),
    ("as_calibration_confidence", "sharpened"): Miss(
        ("faint",), "a teacher that is nearly sure of most answers can hardly become surer", "overconfidence"
    ),
    ("as_calibration_verbal", "overconfident"): Miss(
        ("faint", "unjudged"), "a teacher that states nine tenths moves by one tenth", "overconfidence"
    ),
    ("as_distribution_sample", "guessed"): Miss(
        ("unjudged",), "forty items of eight samples are too few for a verdict; the loss is near 1", "repeat_rate"
    ),
    ("as_process_faith", "reasoning_ignored"): Miss(
        ("unjudged",),
        "a teacher that is right without reasoning too loses little utility, neither beyond the margin nor shown to "
        "lie within it; the loss is 0.8",
        "reasoning_reliance",
    ),
    ("as_process_rollout", "agreement_collapsed"): Miss(
        ("faint",), "the commonest answer is mostly right, so saying it always is a correction", "answer_entropy"
    ),
    ("as_tail_enumerate", "tail_lost"): Miss(("faint",), LITTLE_WEIGHT, "simpson_diversity"),
    ("as_tail_modes", "tail_lost"): Miss(("faint",), LITTLE_WEIGHT, "simpson_diversity"),
}
"""Task and dose, with what the response of the made-up teachers lacks at profile ``pilot``. All others lack nothing."""
