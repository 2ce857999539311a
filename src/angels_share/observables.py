"""What is observed of a model on an item: observables φ and utilities u.

An observable turns the responses of a task into one row of numbers per item. A utility says how good each row is,
between 0 and 1. Both are looked up by the name under which they are registered. A utility is also what plain lm-eval
calls as ``process_results``, so the number that lm-eval prints is the mean of the utility that the scorer uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from angels_share.errors import MeasureError, did_you_mean

Floats = NDArray[np.float64]
Items = Sequence[Mapping[str, Any]]
Texts = Sequence[Sequence[str]]

INVALID = "invalid"
"""The category of an answer that cannot be parsed: a measurement, never a missing value."""


@dataclass(frozen=True)
class Observation:
    """φ of every item: the answer distribution, in one of two forms.

    Attributes
    ----------
    values : array of shape (items, categories)
        Probabilities (rows add up to 1), or counts of sampled answers (rows add up to K).
    categories : tuple of str
        What each column stands for, the same for both models of a pair; the last may be ``invalid``.
    invalid : array of shape (items,)
        Share of each item's answers that could not be parsed.
    """

    values: Floats
    categories: tuple[str, ...]
    invalid: Floats


Observe = Callable[[Items, "Floats | Texts"], Observation]
_OBSERVABLES: dict[str, Observe] = {}
_UTILITIES: dict[str, Utility] = {}


def observable(function: Observe) -> Observe:
    """Register a function as the observable of its name."""
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
    """

    name: str
    of: Callable[[Items, Observation], Floats]
    chance: Callable[[Items], Floats]
    observable: str
    smooth: bool

    def __call__(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, float]:
        """Return this utility of one document, in the form that lm-eval's ``process_results`` wants."""
        responses: Floats | Texts
        if isinstance(results[0], str):
            responses = [[results[0]]]
        elif isinstance(results[0][0], str):
            responses = [list(results[0])]
        else:
            responses = np.array([[float(log_likelihood) for log_likelihood, _ in results]])
        return {"utility": float(self.of([doc], observe(self.observable, [doc], responses))[0])}


def utility(observable: str, chance: Callable[[Items], Floats], *, smooth: bool) -> Callable[..., Utility]:
    """Register a function ``(items, observation) -> u`` as the utility of its name."""

    def register(function: Callable[[Items, Observation], Floats]) -> Utility:
        _UTILITIES[function.__name__] = Utility(function.__name__, function, chance, observable, smooth)
        return _UTILITIES[function.__name__]

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


@observable
def option_distribution(items: Items, responses: Floats | Texts) -> Observation:
    """Probability of each option given that one of them is the answer, from raw log-likelihoods.

    ``q_k = exp(ℓ_k) / Σ_j exp(ℓ_j)`` over the item's own options, ℓ in nats. Columns are places in the item's list of
    options; places beyond it have probability 0. Raw string likelihoods can be compared across tokenisers.

    Examples
    --------
    >>> items = [{"choices": ["a", "b"]}]
    >>> option_distribution(items, np.log([[0.2, 0.6]])).values.round(3).tolist()
    [[0.25, 0.75]]
    """
    logs = np.asarray(responses, dtype=np.float64)
    shifted = np.exp(logs - np.nanmax(logs, axis=1, keepdims=True))
    shifted[np.isnan(shifted)] = 0.0
    q = shifted / shifted.sum(axis=1, keepdims=True)
    return Observation(q, tuple(f"option {k + 1}" for k in range(q.shape[1])), np.zeros(len(items)))


@observable
def answer(items: Items, responses: Floats | Texts) -> Observation:
    """Read the one answer given, as a one-hot row over all answers of the run and ``invalid``.

    Where the item has ``candidates``, the answer is the first of these words that the text names; else it is the first
    integer, behind the last equals sign if there is one. Letter case and punctuation do not count.

    Examples
    --------
    >>> answer([{"candidates": []}, {"candidates": ["oak", "ash"]}], [["3 + 4 = 7."], ["It is Oak"]]).categories
    ('7', 'oak', 'invalid')
    """
    parsed = [_parse(str(texts[0]), item["candidates"]) for item, texts in zip(items, responses, strict=True)]
    return _one_hot(parsed)


@observable
def option_counts(items: Items, responses: Floats | Texts) -> Observation:
    """How often each option was among K sampled answers; the last column counts those that name no option.

    An answer names the first of the item's options that occurs in it as a whole word.

    Examples
    --------
    >>> option_counts([{"choices": ["oak", "ash"]}], [["oak", " Ash.", "elm"]]).values.tolist()
    [[1.0, 1.0, 1.0]]
    """
    width = max(len(item["choices"]) for item in items)
    counts = np.zeros((len(items), width + 1))
    for row, item, texts in zip(counts, items, responses, strict=True):
        place = {str(choice).lower(): k for k, choice in enumerate(item["choices"])}
        for text in texts:
            named = _first_named(str(text), place)
            row[width if named is None else place[named]] += 1
    categories = (*(f"option {k + 1}" for k in range(width)), INVALID)
    return Observation(counts, categories, counts[:, -1] / counts.sum(axis=1))


def _parse(text: str, candidates: Sequence[str]) -> str:
    if candidates:
        return _first_named(text, candidates) or INVALID
    found = re.search(r"-?\d+", text.rsplit("=", 1)[-1].replace(",", ""))
    return found.group(0) if found else INVALID


def _first_named(text: str, words: Collection[str]) -> str | None:
    """Return the first of these lower-case words that occurs in the text as a whole word."""
    return next((word for word in re.findall(r"[a-z0-9]+", text.lower()) if word in words), None)


def _one_hot(answers: Sequence[str]) -> Observation:
    categories = (*sorted(set(answers) - {INVALID}), INVALID)
    place = {name: k for k, name in enumerate(categories)}
    values = np.zeros((len(answers), len(categories)))
    values[np.arange(len(answers)), [place[a] for a in answers]] = 1.0
    return Observation(values, categories, values[:, -1].copy())


def aligned(teacher: Observation, student: Observation) -> tuple[Observation, Observation]:
    """Return both observations over the same categories, those of either, with 0 where one lacks a category."""
    if teacher.categories == student.categories:
        return teacher, student
    union = (*sorted((set(teacher.categories) | set(student.categories)) - {INVALID}), INVALID)

    def spread(seen: Observation) -> Observation:
        values = np.zeros((len(seen.values), len(union)))
        values[:, [union.index(c) for c in seen.categories]] = seen.values
        return Observation(values, union, seen.invalid)

    return spread(teacher), spread(student)


def _padded(items: Items, name: str, width: int) -> Floats:
    """Return a list-valued field of the items as an array of shape (items, width), 0 beyond each list."""
    out = np.zeros((len(items), width))
    for row, item in zip(out, items, strict=True):
        row[: len(item[name])] = item[name]
    return out


def _gold(items: Items, width: int) -> Floats:
    out = np.zeros((len(items), width))
    out[np.arange(len(items)), [int(item["gold"]) for item in items]] = 1.0
    return out


def _n_options(items: Items) -> Floats:
    return np.array([float(len(item["choices"])) for item in items])


def _closeness_of_uniform(items: Items) -> Floats:
    return np.array([1 - 0.5 * sum(abs(1 / len(i["truth"]) - p) for p in i["truth"]) for i in items])


def _quadratic_closeness_of_uniform(items: Items) -> Floats:
    return np.array([1 - 0.5 * sum((1 / len(i["truth"]) - p) ** 2 for p in i["truth"]) for i in items])


@utility("option_distribution", _closeness_of_uniform, smooth=True)
def closeness(items: Items, seen: Observation) -> Floats:
    """One minus the total variation to the true distribution: ``u = 1 − ½ Σ_k |q_k − p*_k|``, in [0, 1]."""
    u: Floats = 1 - 0.5 * np.abs(seen.values - _padded(items, "truth", seen.values.shape[1])).sum(axis=1)
    return u


@utility("option_counts", _quadratic_closeness_of_uniform, smooth=False)
def sampled_closeness(items: Items, seen: Observation) -> Floats:
    """Estimate the closeness to the true distribution from K samples, without bias for ``1 − ½ ‖q − p*‖²``.

    ``u = 1 − ½ [Σ_k n_k (n_k − 1) / (K (K − 1)) − 2 Σ_k p*_k n_k / K + Σ_k p*_k²]``. The mean lies in [0, 1]; one
    item's value can exceed 1.
    """
    n = seen.values
    k = n.sum(axis=1)
    truth = _padded(items, "truth", n.shape[1])
    own = (n * (n - 1)).sum(axis=1) / (k * (k - 1))
    cross = (truth * n).sum(axis=1) / k
    distance: Floats = own - 2 * cross + (truth**2).sum(axis=1)
    return 1 - 0.5 * distance


@utility("option_distribution", lambda items: 1 - 0.5 * (1 - 1 / _n_options(items)), smooth=True)
def brier(items: Items, seen: Observation) -> Floats:
    """Brier utility ``u = 1 − ½ Σ_k (q_k − y_k)²`` with y one at the right option, in [0, 1]; proper (Brier 1950)."""
    gap = seen.values - _gold(items, seen.values.shape[1])
    u: Floats = 1 - 0.5 * (gap**2).sum(axis=1)
    return u


def _payoff_of_best_constant(items: Items) -> Floats:
    """Return the payoffs of the one place among the options that pays most on average, such as always abstaining."""
    payoffs = _padded(items, "payoffs", max(len(item["choices"]) for item in items))
    best: Floats = payoffs[:, payoffs.mean(axis=0).argmax()]
    return best


@utility("option_distribution", _payoff_of_best_constant, smooth=True)
def expected_payoff(items: Items, seen: Observation) -> Floats:
    """Return the expected payoff ``u = Σ_k q_k π_k`` of an answer drawn from q, with payoffs π ∈ [0, 1]."""
    u: Floats = (seen.values * _padded(items, "payoffs", seen.values.shape[1])).sum(axis=1)
    return u


@utility("option_distribution", lambda items: 1 / _n_options(items), smooth=False)
def accuracy(items: Items, seen: Observation) -> Floats:
    """One where the most probable option is the right one, else zero; ties go to the first."""
    u: Floats = (seen.values.argmax(axis=1) == np.array([int(item["gold"]) for item in items])).astype(np.float64)
    return u


@utility("answer", lambda items: np.zeros(len(items)), smooth=False)
def correct(items: Items, seen: Observation) -> Floats:
    """One where the answer given is the right one, else zero."""
    given = [seen.categories[k] for k in seen.values.argmax(axis=1)]
    return np.array([float(g == str(item["answer"]).lower()) for g, item in zip(given, items, strict=True)])
