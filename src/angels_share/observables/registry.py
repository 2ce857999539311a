"""The registries of observables and utilities, and what an observation is.

An observable turns the responses of a task into one row of numbers per item, φ. A utility u says how good each row is,
between 0 and 1. Both are looked up by the name under which they are registered. A utility is also what plain lm-eval
calls as ``process_results``, so the number that lm-eval prints is the mean of the utility that the scorer uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from angels_share.errors import MeasureError, did_you_mean, refuse_taken

Floats = NDArray[np.float64]
Items = Sequence[Mapping[str, Any]]
Texts = Sequence[Sequence[str]]

INVALID = "invalid"
"""The category of an answer that cannot be parsed: a measurement, never a missing value."""


@dataclass(frozen=True)
class Observation:
    """φ of every item, one row of numbers each.

    Attributes
    ----------
    values : array of shape (items, categories)
        Probabilities (rows add up to 1), counts of sampled answers (rows add up to K), or for observables that are no
        answers the coordinates in which half the squared distance of two rows is the discrepancy.
    categories : tuple of str
        What each column stands for, the same for both models of a pair; the last may be ``invalid``.
    invalid : array of shape (items,)
        Share of each item's answers that could not be parsed.
    distribution : bool
        Whether the rows are distributions over answers, between which a total variation exists.
    features : array of shape (items, features), optional
        What the rows were made from, where a displayed statistic needs more than the rows keep.
    """

    values: Floats
    categories: tuple[str, ...]
    invalid: Floats
    distribution: bool = True
    features: Floats | None = None


Observe = Callable[[Items, "Floats | Texts"], Observation]
_OBSERVABLES: dict[str, Observe] = {}
_UTILITIES: dict[str, Utility] = {}


def observable(function: Observe) -> Observe:
    """Register a function as the observable of its name."""
    refuse_taken(function.__name__, _OBSERVABLES)
    _OBSERVABLES[function.__name__] = function
    return function


@dataclass(frozen=True)
class Utility:
    """A utility u ∈ [0, 1], higher is better, with the observable that it is read from.

    Attributes
    ----------
    name : str
    of : callable
        ``(items, observation) -> array of shape (items,)``.
    chance : callable
        ``(items) -> array of shape (items,)``, the expected utility of a model that ignores the item: of a uniform
        choice, or of the best constant answer where that is better.
    observable : str
    smooth : bool
        Whether u varies continuously with likelihoods, so that differences up to 0.02 count as equal.
    joint : bool
        Whether φ or u of an item depends on other items of the task. Such a task names :func:`mean_over_items` as its
        aggregation.
    credited : bool
        Whether improvement may outweigh harm. Not where a student that ignores the item can improve u on average.
    gold : bool
        Whether φ is a distribution over the item's options, of which its ``gold`` alone is right.
    """

    name: str
    of: Callable[[Items, Observation], Floats]
    chance: Callable[[Items], Floats]
    observable: str
    smooth: bool
    joint: bool = False
    credited: bool = True
    gold: bool = False

    def __call__(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """Return this utility of one document, in the form that lm-eval's ``process_results`` wants."""
        answers = _answers(results)
        if self.joint:
            return {"utility": {"name": self.name, "doc": dict(doc), "answers": answers}}
        return {"utility": float(self.over([doc], [answers])[0])}

    def over(self, items: Items, answers: Sequence[Sequence[float] | Sequence[str]]) -> Floats:
        """Return u of every item from lm-eval's answers: log-likelihoods of its options, or generated texts."""
        if isinstance(answers[0][0], str):
            return self.of(items, observe(self.observable, items, answers))  # type: ignore[arg-type]
        logs = np.full((len(answers), max(map(len, answers))), np.nan)
        for row, values in zip(logs, answers, strict=True):
            row[: len(values)] = values
        return self.of(items, observe(self.observable, items, logs))


def _answers(results: Sequence[Any]) -> list[float] | list[str]:
    """Return what a model answered to one document, from any of the forms in which lm-eval passes it on."""
    first = results[0]
    if isinstance(first, str):
        return [first]
    if isinstance(first, float | int):
        return [float(first)]
    if isinstance(first[0], str):
        return list(first)
    return [float(log_likelihood) for log_likelihood, _ in results]


def mean_over_items(entries: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean of a joint utility over all documents of a task: an aggregation for lm-eval."""
    of = get_utility(entries[0]["name"])
    return float(of.over([e["doc"] for e in entries], [e["answers"] for e in entries]).mean())


def utility(
    observable: str,
    chance: Callable[[Items], Floats],
    *,
    smooth: bool,
    joint: bool = False,
    credited: bool = True,
    gold: bool = False,
) -> Callable[..., Utility]:
    """Register a function ``(items, observation) -> u`` as the utility of its name."""

    def register(function: Callable[[Items, Observation], Floats]) -> Utility:
        made = Utility(function.__name__, function, chance, observable, smooth, joint, credited, gold)
        refuse_taken(made.name, _UTILITIES)
        _UTILITIES[made.name] = made
        return made

    return register


def observe(name: str, items: Items, responses: Floats | Texts) -> Observation:
    """Return φ of every item by the observable of this name."""
    if name not in _OBSERVABLES:
        raise MeasureError(f"observable {name!r} is unknown. {did_you_mean(name, _OBSERVABLES)}")
    return _OBSERVABLES[name](items, responses)


def get_utility(name: str) -> Utility:
    """Return the utility of this name, or say which names are near."""
    if name not in _UTILITIES:
        raise MeasureError(f"utility {name!r} is unknown. {did_you_mean(name, _UTILITIES)}")
    return _UTILITIES[name]


def aligned(teacher: Observation, student: Observation) -> tuple[Observation, Observation]:
    """Return both observations over the same categories, those of either, with 0 where one lacks a category."""
    if teacher.categories == student.categories:
        return teacher, student
    union = (*sorted((set(teacher.categories) | set(student.categories)) - {INVALID}), INVALID)

    def spread(seen: Observation) -> Observation:
        values = np.zeros((len(seen.values), len(union)))
        values[:, [union.index(c) for c in seen.categories]] = seen.values
        return Observation(values, union, seen.invalid, seen.distribution, seen.features)

    return spread(teacher), spread(student)
