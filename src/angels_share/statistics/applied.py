"""Displayed statistics of the applied tasks: long contexts, conversations, and budgets for a reply.

Items say what they are in fields: ``size`` and ``depth`` of a context, ``stratum``, ``side`` and ``former`` of a
conversation, and ``budget``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from angels_share.observables import Floats, Items, Observation, get_utility
from angels_share.observables.budget import LATE
from angels_share.statistics.boundary import column, contrast
from angels_share.statistics.registry import statistic, weighted_mean

SIZES = ("short", "medium", "long")
"""Lengths of a context. Each is about as many times the one before as that is of the first."""


def _credit(items: Items, seen: Observation) -> Floats:
    """Return the probability of the right option, or whether the answer given is right."""
    return get_utility("probability_of_gold" if "gold" in items[0] else "correct").of(items, seen)


def _where(values: Floats, taken: NDArray[np.bool_], weights: Floats) -> Floats:
    """Return the mean value of some of the items, shape (resamples,)."""
    return weighted_mean(np.where(taken, values, np.nan), weights)


# --- long contexts ---------------------------------------------------------------------------------------------------


def _by_size(items: Items, seen: Observation, weights: Floats, sizes: Sequence[str] = SIZES) -> list[Floats]:
    """Return the mean credit in contexts of each size."""
    credit, size = _credit(items, seen), column(items, "size")
    return [_where(credit, size == one, weights) for one in sizes]


@statistic("right answers in short contexts", "share")
def right_when_short(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean credit, the probability of the right answer or whether it is given, where the context is short."""
    return _by_size(items, seen, weights)[0]


@statistic("right answers in contexts of medium length", "share")
def right_when_medium(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean credit where the context is of medium length."""
    return _by_size(items, seen, weights)[1]


@statistic("right answers in long contexts", "share")
def right_when_long(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean credit where the context is long."""
    return _by_size(items, seen, weights)[2]


@statistic("area under the curve of right answers by length", "share")
def area_over_length(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Area under the mean credit by the logarithm of the context's length, over its range: ``(a₁ + 2 a₂ + a₃) / 4``.

    The trapezoid rule; lengths grow by one factor from size to size, so the three points are evenly spaced. In [0, 1],
    and the credit itself where it does not depend on length.
    """
    short, medium, long = _by_size(items, seen, weights)
    area: Floats = (short + 2 * medium + long) / 4
    return area


@statistic("change from short to long contexts", "share")
def change_with_length(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean credit in long contexts less that in short ones; below 0 where length does harm."""
    short, long = _by_size(items, seen, weights, ("short", "long"))
    change: Floats = long - short
    return change


@statistic("change for what stands in the middle of a context", "share")
def change_in_the_middle(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean credit where the answer stands in the middle third less that where it stands at the beginning or the end.

    Below 0 for a model that overlooks the middle (Liu et al. 2023, arXiv 2307.03172).
    """
    return contrast(_credit(items, seen), column(items, "depth") == "middle", weights)


# --- conversations ---------------------------------------------------------------------------------------------------


def _on_former(items: Items, seen: Observation) -> Floats:
    """Return the probability of what held before the last turn, or whether that is answered, shape (items,)."""
    if "choices" in items[0]:
        place = [item["choices"].index(item["former"]) for item in items]
    else:
        known = {name: k for k, name in enumerate(seen.categories)}
        place = [known.get(item["former"], -1) for item in items]
    q: Floats = np.where(np.array(place) < 0, 0.0, seen.values[np.arange(len(items)), place])
    return q


@statistic("giving up a right answer under doubt", "share")
def flip_under_challenge(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Probability of another answer than the right one that was given and then doubted without any reason."""
    return _where(1 - _on_former(items, seen), column(items, "stratum") == "challenge", weights)


@statistic("holding on to what no longer holds", "share")
def refusal_to_update(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Probability of the former answer where the last turn has brought news, with or without a doubt."""
    return _where(_on_former(items, seen), column(items, "side") == "change", weights)


# --- budgets ---------------------------------------------------------------------------------------------------------


def _budgets(items: Items) -> Floats:
    return np.array([float(item["budget"]) for item in items])


def _right_in_budget(items: Items, seen: Observation, weights: Floats, rank: int) -> Floats:
    """Return the accuracy in the budget of this rank, from the least."""
    right, budgets = get_utility("right_within_budget").of(items, seen), _budgets(items)
    known = np.unique(budgets)
    return _where(right, budgets == known[rank], weights) if len(known) == 3 else np.full(len(weights), np.nan)


@statistic("right answers in the least budget", "share")
def right_in_least_budget(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy where a reply may hold 16 bytes, at level 0 two words."""
    return _right_in_budget(items, seen, weights, 0)


@statistic("right answers in the middle budget", "share")
def right_in_middle_budget(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy where a reply may hold 64 bytes, at level 0 six words."""
    return _right_in_budget(items, seen, weights, 1)


@statistic("right answers in the largest budget", "share")
def right_in_most_budget(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy where a reply may hold 256 bytes, at level 0 sixteen words."""
    return _right_in_budget(items, seen, weights, 2)


@statistic("gain in right answers from doubling the budget", "share")
def gain_per_doubling(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Slope of accuracy over the binary logarithm of the budget, by least squares; 0 for a model that needs no room.

    ``Σ w (x − x̄)(u − ū) / Σ w (x − x̄)²`` with x the logarithm; NaN where there is only one budget.
    """
    right, x = get_utility("right_within_budget").of(items, seen), np.log2(_budgets(items))
    centred = x - weighted_mean(x, weights)[:, None]
    spread = (weights * centred**2).sum(axis=1)
    slope: Floats = (weights * centred) @ right / np.where(spread > 0, spread, np.nan)
    return slope


@statistic("replies without an answer within their budget", "share")
def over_budget(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of replies that are longer than their budget and give no answer within it."""
    return weighted_mean(seen.values[:, seen.categories.index(LATE)], weights)
