"""Displayed statistics of agents: whether they ask, call and stop when they should.

All are mean probabilities: of an item's options by their likelihoods, or of the one answer given in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from angels_share.observables import Floats, Items, Observation
from angels_share.observables.tools import call_in
from angels_share.statistics.boundary import column
from angels_share.statistics.registry import statistic, weighted_mean


def _masses(items: Items, seen: Observation) -> Floats:
    """Return the probability of each option of an item, shape (items, options)."""
    if "choices" in items[0]:
        return seen.values
    place: dict[str | None, int] = {name: k for k, name in enumerate(seen.categories)}
    padded = np.hstack([seen.values, np.zeros((len(items), 1))])
    found = [[place.get(name, -1) for name in _names(item)] for item in items]
    masses: Floats = np.take_along_axis(padded, np.array(found), axis=1)
    return masses


def _names(item: Mapping[str, Any]) -> list[str | None]:
    """Return what the options of an item that is answered in words are called among the categories."""
    if "calls" in item:
        return [call_in(call, item["tools"], item["arguments"]) for call in item["calls"]]
    return list(item["candidates"])


def _right(item: Mapping[str, Any]) -> int:
    """Return the place of the right option."""
    if "gold" in item:
        return int(item["gold"])
    options: list[str] = item["calls" if "calls" in item else "candidates"]
    return options.index(item["answer"])


def _where(values: Floats, taken: NDArray[np.bool_], weights: Floats) -> Floats:
    return weighted_mean(np.where(taken, values, np.nan), weights)


# --- asking ----------------------------------------------------------------------------------------------------------


@statistic("probability of a needless question", "share")
def over_asking(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean probability of asking, any option but the first, where the request is complete."""
    return _where(_masses(items, seen)[:, 1:].sum(axis=1), column(items, "side") == "complete", weights)


@statistic("probability of building on a guess", "share")
def under_asking(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean probability of asking nothing, the first option, where the request is ambiguous."""
    return _where(_masses(items, seen)[:, 0], column(items, "side") == "ambiguous", weights)


@statistic("probability of asking about the wrong thing", "share")
def wrong_question(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean probability of a question about another choice than the open one, where the request is ambiguous."""
    masses, right = _masses(items, seen), [_right(item) for item in items]
    asked = masses[:, 1:].sum(axis=1) - masses[np.arange(len(items)), right]
    return _where(asked, column(items, "side") == "ambiguous", weights)


# --- calling ---------------------------------------------------------------------------------------------------------


def _of_role(items: Items, seen: Observation, role: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the probability of the options with a role, and whether the right one has it."""
    has = np.array([[name == role for name in item["roles"]] for item in items])
    due: NDArray[np.bool_] = has[np.arange(len(items)), [_right(item) for item in items]]
    return (_masses(items, seen) * has).sum(axis=1), due


@statistic("probability of stopping too early", "share")
def premature_stop(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean probability of ending the job, over items in which another call is due."""
    stops, due = _of_role(items, seen, "stop")
    return _where(stops, ~due, weights)


@statistic("probability of going on when done", "share")
def missed_stop(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean probability of anything but ending the job, over items in which the goal is reached."""
    stops, due = _of_role(items, seen, "stop")
    return _where(1 - stops, due, weights)


@statistic("probability of making a failed call again", "share")
def repeated_call(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean probability of the call that has just failed, over items after an error."""
    repeats, _ = _of_role(items, seen, "repeat")
    return _where(repeats, np.isin(column(items, "stratum"), ["switch", "retry"]), weights)
