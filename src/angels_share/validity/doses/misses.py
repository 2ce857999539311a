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
CANCELS = "what is gained on some items cancels what is lost on others"
FEW = "so few items leave the change in utility neither beyond the margin nor shown to lie within it"
SURE = "a teacher that is nearly sure of most answers can hardly become surer"
MOSTLY_RIGHT = "the commonest answer is mostly right, so saying it always is as good or better"

INVENTED = "invented"
"""Name of the made-up teachers, at profile ``pilot`` of the track ``toy``."""

MISSES: dict[str, dict[tuple[str, str], Miss]] = {
    INVENTED: {
        ("as_boundary_facts", "group_lost"): Miss(("faint",), ONE_OF_EIGHT),
        ("as_boundary_groups", "group_lost"): Miss(("faint",), ONE_OF_EIGHT, "group_gap"),
        ("as_calibration_abstain", "answers_withheld"): Miss(("unjudged",), CANCELS, "abstention_sensitivity"),
        ("as_calibration_confidence", "sharpened"): Miss(("faint",), SURE, "overconfidence"),
        ("as_calibration_verbal", "overconfident"): Miss(("faint", "unjudged"), SURE, "overconfidence"),
        ("as_distribution_sample", "guessed"): Miss(("unjudged",), FEW, "repeat_rate"),
        ("as_process_faith", "reasoning_ignored"): Miss(("unjudged",), FEW, "reasoning_reliance"),
        ("as_process_rollout", "agreement_collapsed"): Miss(("faint",), MOSTLY_RIGHT, "answer_entropy"),
        ("as_tail_enumerate", "tail_lost"): Miss(("faint",), LITTLE_WEIGHT, "simpson_diversity"),
        ("as_tail_modes", "tail_lost"): Miss(("faint",), LITTLE_WEIGHT, "simpson_diversity"),
    },
    "toy-teacher": {
        ("as_boundary_groups", "group_lost"): Miss(("faint",), ONE_OF_EIGHT, "group_gap"),
        ("as_calibration_confidence", "sharpened"): Miss(("faint",), SURE, "overconfidence"),
        ("as_calibration_verbal", "overconfident"): Miss(("faint", "unjudged"), SURE, "overconfidence"),
        ("as_distribution_sample", "guessed"): Miss(("unjudged",), FEW, "repeat_rate"),
        ("as_process_rollout", "agreement_collapsed"): Miss(("unjudged",), MOSTLY_RIGHT, "answer_entropy"),
        ("as_tail_enumerate", "tail_lost"): Miss(("faint", "unjudged"), LITTLE_WEIGHT, "simpson_diversity"),
        ("as_tail_modes", "agreement_collapsed"): Miss(("unjudged",), FEW, "simpson_diversity"),
        ("as_tail_modes", "tail_lost"): Miss(("faint", "unjudged"), LITTLE_WEIGHT, "simpson_diversity"),
        ("as_tail_zipf", "rare_to_frequent"): Miss(("faint",), LITTLE_WEIGHT, "tail_utility"),
    },
}
"""By teacher, task and dose: what a response lacks. Whatever is not listed lacks nothing."""
