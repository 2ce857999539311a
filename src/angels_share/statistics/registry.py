"""The registry of displayed statistics, and how they get their intervals.

A statistic says something about a task that no mean of a per-item discrepancy or utility can say, such as the accuracy
of the worst subgroup. It is shown beside the loss and never charged. Each is one function of the items, of what was
observed and of item weights; the weights of a resample are how often it holds each item's cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from angels_share.errors import MeasureError, did_you_mean, refuse_taken
from angels_share.estimate import Draws, Resampling
from angels_share.observables import Floats, Items, Observation

RESAMPLES = 400
"""Resamples behind the interval of a displayed statistic."""


@dataclass(frozen=True)
class Statistic:
    """A displayed statistic.

    Attributes
    ----------
    name : str
    title : str
        What a reader sees, such as "worst subgroup's accuracy".
    unit : str
        Unit of the value: ``share``, ``nats``, ``bits`` and so on.
    of : callable
        ``(items, seen, weights) -> values`` for one model, or ``(items, teacher, student, weights) -> values`` for a
        pair, with weights of shape (resamples, items) and values of shape (resamples,); NaN where it does not exist.
    paired : bool
        Whether it is a statistic of the pair; else it is one of each model, and their difference is shown.
    sided : bool
        Whether ``of`` one model is told, as a last argument, which of the two it is: ``teacher`` or ``student``.
    """

    name: str
    title: str
    unit: str
    of: Callable[..., Floats]
    paired: bool
    sided: bool = False


_STATISTICS: dict[str, Statistic] = {}


def statistic(
    title: str, unit: str, *, paired: bool = False, sided: bool = False
) -> Callable[[Callable[..., Floats]], Statistic]:
    """Register a function as the statistic of its name."""

    def register(function: Callable[..., Floats]) -> Statistic:
        made = Statistic(function.__name__, title, unit, function, paired, sided)
        refuse_taken(made.name, _STATISTICS)
        _STATISTICS[made.name] = made
        return made

    return register


def get(name: str) -> Statistic:
    """Return the statistic of this name, or say which names are near."""
    if name not in _STATISTICS:
        raise MeasureError(f"statistic {name!r} is unknown. {did_you_mean(name, _STATISTICS)}")
    return _STATISTICS[name]


@dataclass(frozen=True)
class Shown:
    """One statistic of a scored pair: of each model where it has one, and of the pair or their difference."""

    statistic: Statistic
    teacher: Draws | None
    student: Draws | None
    value: Draws


def shown(
    names: Sequence[str], items: Items, teacher: Observation, student: Observation, scheme: Resampling
) -> list[Shown]:
    """Return the named statistics of a pair, each from the same resamples.

    Those that do not exist are left out: where a number is not finite, or an item lacks a field that it needs.
    """
    if not names:
        return []
    weights = np.vstack([np.ones(len(items)), scheme.multiplicity[:RESAMPLES][:, scheme.of_item]])
    made = []
    for statistic in map(get, names):
        with suppress(KeyError):
            made.append(_shown(statistic, items, teacher, student, weights))
    return [one for one in made if np.isfinite(one.value.point)]


def _shown(statistic: Statistic, items: Items, teacher: Observation, student: Observation, weights: Floats) -> Shown:
    if statistic.paired:
        return Shown(statistic, None, None, _draws(statistic.of(items, teacher, student, weights)))
    of_teacher, of_student = (
        statistic.of(items, seen, weights, *[side] * statistic.sided)
        for side, seen in (("teacher", teacher), ("student", student))
    )
    return Shown(statistic, _draws(of_teacher), _draws(of_student), _draws(of_student - of_teacher))


def _draws(values: Floats) -> Draws:
    return Draws(float(values[0]), values[1:][np.isfinite(values[1:])])


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of item values for each row of weights, items with NaN left out.

    Parameters
    ----------
    values : array of shape (items,)
    weights : array of shape (resamples, items)

    Returns
    -------
    array of shape (resamples,)
        NaN where no item has any weight.

    Examples
    --------
    >>> weighted_mean(np.array([1.0, 3.0, np.nan]), np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 5.0]])).tolist()
    [2.0, 1.0]
    """
    known = np.isfinite(values)
    total = weights @ np.where(known, values, 0.0)
    with np.errstate(invalid="ignore"):
        mean: Floats = total / (weights @ known.astype(np.float64))
    return mean


def in_each(weights: Floats, of: Callable[[Floats], float]) -> Floats:
    """Return a statistic of one row of weights for each row; for those that cannot be written for all rows at once."""
    return np.array([of(row) for row in weights])
