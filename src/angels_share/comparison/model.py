"""What a comparison of two runs of any lm-eval tasks found: the content of the file that it writes."""

from __future__ import annotations

from typing import Literal

from angels_share.score.model import Estimate
from angels_share.spec import Strict


class Flips(Strict):
    """Items of a metric that is 0 or 1, by what teacher and student make of them."""

    both_right: int
    lost: int
    """The teacher has 1 and the student 0."""
    gained: int
    both_wrong: int
    p_mcnemar: float | None
    """Mid-p of McNemar's test; None where items are clustered, which the test does not know of."""


class Metric(Strict):
    """One of lm-eval's own metrics, item by item."""

    name: str
    higher_is_better: bool | None
    teacher: Estimate
    student: Estimate
    change: Estimate
    """Student minus teacher."""
    standard_error: float
    """Of the change, robust to clusters."""
    retention: Estimate | None
    """Student's level over the teacher's, where higher is better and the teacher's is surely above 0. Of the plain
    metric: chance is not known."""
    flips: Flips | None
    p_difference: float
    p_equivalence: float
    """Of the two one-sided tests that the change lies within ±ε."""


class TaskComparison(Strict):
    """Two runs of one task under one filter."""

    task: str
    filter: str
    version: str
    output_type: str
    n_items: int
    n_clusters: int
    metrics: tuple[Metric, ...]
    agreement: Estimate | None
    """Share of items with the same likeliest option, or the same filtered answer."""
    option_distance: Estimate | None
    """Mean of ``½ ‖p − q‖²`` between the distributions over options, in [0, 1]."""
    total_variation: Estimate | None
    """Mean of ``½ Σ |p − q|`` between them: the share of probability that is elsewhere."""
    flags: tuple[str, ...] = ()


class GroupMetric(Strict):
    """A metric that all tasks of a group have, over all their items."""

    group: str
    metric: str
    filter: str
    n_items: int
    n_tasks: int
    teacher: Estimate
    student: Estimate
    change: Estimate


class Comparison(Strict):
    """Two runs of any lm-eval tasks, paired item by item."""

    schema_version: Literal["angels-share/comparison/1"] = "angels-share/comparison/1"
    teacher: str
    student: str
    cluster_field: str | None
    epsilon: float
    resamples: int
    tasks: tuple[TaskComparison, ...]
    groups: tuple[GroupMetric, ...]
    left_out: dict[str, str]
    """Tasks that could not be compared, with the reason."""
