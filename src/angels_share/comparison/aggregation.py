"""From the values of items to the one value that lm-eval prints of a task.

Every aggregation here is a function g of a ratio of means, ``g(mean a / mean b)``. The mean of a score is one with
b = 1; the perplexity of documents is ``exp(−Σ log-likelihood / Σ words)``. Aggregations of another form, such as F1
or BLEU, have no value for an item alone and are not compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from angels_share.comparison.sample import Sample
from angels_share.errors import MeasureError
from angels_share.estimate import Draws

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Aggregation:
    """A function g of a ratio of means."""

    value: Callable[[Floats], Floats]
    slope: Callable[[float], float]
    """Derivative of g."""
    pairs: bool = False
    """Whether an item's value is a pair, a and its weight b."""


def _identity(ratio: Floats) -> Floats:
    return ratio


def _perplexity(ratio: Floats) -> Floats:
    return np.exp(-ratio)


def _bits(ratio: Floats) -> Floats:
    return -ratio / math.log(2)


AGGREGATIONS = {
    "mean": Aggregation(_identity, lambda ratio: 1.0),
    "perplexity": Aggregation(_perplexity, lambda ratio: -math.exp(-ratio)),
    "weighted_perplexity": Aggregation(_perplexity, lambda ratio: -math.exp(-ratio), pairs=True),
    "bits_per_byte": Aggregation(_bits, lambda ratio: -1 / math.log(2), pairs=True),
}
"""lm-eval's aggregations by their names in a task's ``metric_list``."""

DEFAULTS = {
    "perplexity": "perplexity",
    "word_perplexity": "weighted_perplexity",
    "byte_perplexity": "weighted_perplexity",
    "bits_per_byte": "bits_per_byte",
}
"""What lm-eval takes for a metric whose task names no aggregation; for all others here it is the mean."""


@dataclass(frozen=True)
class Level:
    """The value of a metric for one model on one task."""

    draws: Draws
    influence: Floats
    """How the value moves with each cluster: the mean is 0, and the robust standard error of that mean is the one of
    the value (the delta method)."""


def aggregate(tops: Floats, bottoms: Floats, name: str) -> float:
    """Return what lm-eval prints for items, or sums over some of them; not finite where they have no such value.

    Examples
    --------
    >>> aggregate(np.array([1.0, 0.0]), np.array([1.0, 1.0]), "mean")
    0.5
    >>> round(aggregate(np.array([-2.0, -6.0]), np.array([4.0, 4.0]), "weighted_perplexity"), 4)  # exp(8 / 8)
    2.7183
    """
    weight = bottoms.sum()
    if not weight > 0:
        return math.nan
    with np.errstate(over="ignore"):
        return float(AGGREGATIONS[name].value(np.asarray(tops.sum() / weight)))


def level(tops: Floats, bottoms: Floats, name: str, sample: Sample) -> Level:
    """Return the value with its replicates and influences.

    Parameters
    ----------
    tops, bottoms : arrays of shape (clusters,)
        Sums of a and of its weight b over the items of each cluster or block.
    name : str
        One of :data:`AGGREGATIONS`.
    sample : Sample
        Resampling of these.

    Raises
    ------
    MeasureError
        If some resample has no such value.
    """
    how = AGGREGATIONS[name]
    with np.errstate(all="ignore"):
        ratio = sample.scheme.mean(tops) / sample.scheme.mean(bottoms) if how.pairs else sample.mean(tops)
        draws = Draws(float(how.value(np.asarray(ratio.point))), how.value(ratio.replicates))
    if not (math.isfinite(draws.point) and np.isfinite(draws.replicates).all()):
        raise MeasureError("its value is not finite in every resample")
    return Level(draws, how.slope(ratio.point) * (tops - ratio.point * bottoms) / bottoms.mean())
