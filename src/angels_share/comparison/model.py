"""What a comparison of two runs of any lm-eval tasks found: the content of the file that it writes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from angels_share.score.model import Estimate
from angels_share.spec import Strict

Finding = Literal["better", "worse", "different", "equivalent", "unclear"]
"""What the evidence says of a metric: the change lies within the margin; else it is one, for better or worse, or
merely different where lm-eval does not say which way is better; else there are too few items to say."""

Weighting = Literal["items", "tasks"]
"""Whether each item or each task of a group counts the same."""


class Flips(Strict):
    """Items of a metric that is 0 or 1, by which of the models has them right; right is 0 where lower is better."""

    both_right: int
    lost: int
    """Right with the teacher, wrong with the student."""
    gained: int
    """Wrong with the teacher, right with the student."""
    both_wrong: int
    p_mcnemar: float
    """Mid-p of McNemar's test that as many are lost as gained, of whole clusters where items are clustered."""


class Metric(Strict):
    """One of lm-eval's own metrics, in its own unit."""

    name: str
    aggregation: str
    """How lm-eval makes it from items: ``mean``, ``perplexity``, ``weighted_perplexity`` or ``bits_per_byte``."""
    higher_is_better: bool | None
    """None where lm-eval does not say."""
    teacher: Estimate
    student: Estimate
    change: Estimate
    """Student minus teacher."""
    standard_error: float
    """Of the change, robust to clusters."""
    chance: float | None
    """What guessing gives, where the log tells: one in as many as an item has options, 0 for free answers."""
    retention: Estimate | None
    """(student − chance) / (teacher − chance)."""
    flips: Flips | None
    p_difference: float
    """Of the t-test that there is no change, on the cluster-robust standard error."""
    p_equivalence: float
    """Of the two one-sided t-tests that the change lies within ±ε, on the same standard error."""
    equivalent: bool
    """Whether these tests reject at 5 % and the 90 % bootstrap interval of the change lies within ±ε as well."""
    p_adjusted: float | None = None
    """McNemar's p where there are flips, else the t-test's, adjusted for the number of metrics (Holm)."""
    finding: Finding = "unclear"
    absent: dict[str, str] = Field(default_factory=dict)
    """Why ``retention`` or ``flips`` are not there."""


class GroupMetric(Metric):
    """A metric that lm-eval printed of a group."""

    weighting: Weighting
    """The one that gives what lm-eval printed."""


class Answers(Strict):
    """How alike the two models' answers are, whatever is right."""

    agreement: Estimate | None
    """Share of items with the same likeliest option, or the same filtered answer."""
    option_distance: Estimate | None
    """Mean of ``½ ‖p − q‖²`` between the distributions over options, in [0, 1]."""
    total_variation: Estimate | None
    """Mean of ``½ Σ |p − q|`` between them: the share of probability that is elsewhere."""
    absent: dict[str, str] = Field(default_factory=dict)
    """Why any of these is not there."""


class TaskComparison(Strict):
    """Two runs of one task under one filter."""

    task: str
    filter: str
    version: str
    output_type: str
    n_items: int
    n_clusters: int
    metrics: tuple[Metric, ...]
    left_out: dict[str, str]
    """Metrics that could not be compared, with the reason."""
    answers: Answers
    flags: tuple[str, ...] = ()
    """Weaknesses of the numbers, such as ``DIFFERENT PROMPTS`` or ``FEW CLUSTERS``."""


class GroupComparison(Strict):
    """Two runs of the tasks below a group, under one filter."""

    group: str
    filter: str
    tasks: tuple[str, ...]
    n_items: int
    n_clusters: int
    metrics: tuple[GroupMetric, ...]
    left_out: dict[str, str]
    answers: Answers
    """Over all items of the group."""


class Comparison(Strict):
    """Two runs of any lm-eval tasks, paired item by item."""

    schema_version: Literal["angels-share/comparison/1"] = "angels-share/comparison/1"
    teacher: str
    student: str
    """Names of the models."""
    cluster_field: str | None
    """Field of the documents that names the cluster; None where each document is its own."""
    epsilon: float
    """Margin of equivalence, in the unit of each metric."""
    resamples: int
    tasks: tuple[TaskComparison, ...]
    groups: tuple[GroupComparison, ...]
    left_out: dict[str, str]
    """Tasks and groups that could not be compared, with the reason."""
