"""Observables and utilities of categorical answers: one of some options, or one word or number.

φ is a distribution over the possible answers, read from option likelihoods, from one greedy answer or from K samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility
from angels_share.reading import answer_in, first_named


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
def string_probabilities(items: Items, responses: Floats | Texts) -> Observation:
    """Probability with which a text begins with each option, ``p_k = exp(ℓ_k)``, and with none of them.

    Unlike :func:`option_distribution`, which asks what the answer is given that it is an option, the rest is a category
    of its own. Where the options together get more than 1, because one begins another, they are scaled to 1. The
    features are the log-likelihoods in nats, NaN beyond an item's options.

    Examples
    --------
    >>> string_probabilities([{"choices": ["oak", "ash"]}], np.log([[0.5, 0.25]])).values.tolist()
    [[0.5, 0.25, 0.25]]
    """
    logs = np.asarray(responses, dtype=np.float64)
    p = np.where(np.isnan(logs), 0.0, np.exp(np.minimum(logs, 0.0)))
    p /= np.maximum(p.sum(axis=1, keepdims=True), 1.0)
    values = np.hstack([p, np.maximum(1 - p.sum(axis=1, keepdims=True), 0.0)])
    categories = (*(f"option {k + 1}" for k in range(p.shape[1])), "another text")
    return Observation(values, categories, np.zeros(len(items)), features=logs)


def mass_on_options(_: Mapping[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Return what plain lm-eval prints of options without a utility: how probable all of them are together."""
    return {"mass_on_options": float(sum(np.exp(log_likelihood) for log_likelihood, _ in results))}


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
    parsed = [
        answer_in(str(texts[0]), item["candidates"]) or INVALID for item, texts in zip(items, responses, strict=True)
    ]
    return one_hot(parsed)


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
            named = first_named(str(text), place)
            row[width if named is None else place[named]] += 1
    categories = (*(f"option {k + 1}" for k in range(width)), INVALID)
    return Observation(counts, categories, counts[:, -1] / counts.sum(axis=1))


def one_hot(answers: Sequence[str]) -> Observation:
    """Return one answer an item as one-hot rows over all answers given and ``invalid``."""
    categories = (*sorted(set(answers) - {INVALID}), INVALID)
    place = {name: k for k, name in enumerate(categories)}
    values = np.zeros((len(answers), len(categories)))
    values[np.arange(len(answers)), [place[a] for a in answers]] = 1.0
    return Observation(values, categories, values[:, -1].copy())


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


@utility("option_distribution", lambda items: 1 - 0.5 * (1 - 1 / _n_options(items)), smooth=True, gold=True)
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


@utility("option_distribution", _payoff_of_best_constant, smooth=True, gold=True)
def expected_payoff(items: Items, seen: Observation) -> Floats:
    """Return the expected payoff ``u = Σ_k q_k π_k`` of an answer drawn from q, with payoffs π ∈ [0, 1]."""
    u: Floats = (seen.values * _padded(items, "payoffs", seen.values.shape[1])).sum(axis=1)
    return u


@utility("option_distribution", lambda items: np.array([np.mean(i["valid"]) for i in items]), smooth=True)
def valid_mass(items: Items, seen: Observation) -> Floats:
    """Probability on the options that fit, ``u = Σ_k q_k v_k`` with v one for a valid option and else zero."""
    u: Floats = (seen.values * _padded(items, "valid", seen.values.shape[1])).sum(axis=1)
    return u


@utility("option_distribution", lambda items: 1 / _n_options(items), smooth=False, gold=True)
def accuracy(items: Items, seen: Observation) -> Floats:
    """One where the most probable option is the right one, else zero; ties go to the first."""
    u: Floats = (seen.values.argmax(axis=1) == np.array([int(item["gold"]) for item in items])).astype(np.float64)
    return u


@utility("option_distribution", lambda items: 1 / _n_options(items), smooth=True, gold=True)
def probability_of_gold(items: Items, seen: Observation) -> Floats:
    """Probability on the right option, ``u = q_gold``, in [0, 1]."""
    u: Floats = (seen.values * _gold(items, seen.values.shape[1])).sum(axis=1)
    return u


def _guess(items: Items) -> Floats:
    """Return one in as many as the item names as possible answers, 0 where any number may be the answer."""
    return np.array([1 / len(item["candidates"]) if item["candidates"] else 0.0 for item in items])


@utility("answer", _guess, smooth=False)
def correct(items: Items, seen: Observation) -> Floats:
    """One where the answer given is the right one, else zero; chance is one in as many as the item has candidates."""
    given = [seen.categories[k] for k in seen.values.argmax(axis=1)]
    return np.array([float(g == str(item["answer"]).lower()) for g, item in zip(given, items, strict=True)])
