"""Observables and utilities of calibration that are read from words: confidence that is stated, and actions."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility

NONE = -1
"""Place of an answer that names no option."""


@observable
def stated_confidence(items: Items, responses: Floats | Texts) -> Observation:
    """Read an answer and the confidence stated with it as the distribution over the options that the two imply.

    Of C options, the one named gets the stated confidence c and each other ``(1 − c) / (C − 1)``. The answer is the
    first option named, before the word "confidence" if that occurs. The confidence is the first number behind that
    word, or else behind the answer: a percentage, a fraction such as 0.7, or a number of the item's ``scale`` (10 for
    tenths, 100 for percent). Where either is missing, or the confidence is more than 1, all mass is on ``invalid``.
    Columns are places in the item's list of options and ``invalid``; features are the place named, −1 for none, and c.

    Examples
    --------
    >>> items = [{"choices": ["oak", "ash", "elm"], "scale": 100}]
    >>> stated_confidence(items, [["Ash. Confidence: 80%"]]).values.round(3).tolist()
    [[0.1, 0.8, 0.1, 0.0]]
    """
    width = max(len(item["choices"]) for item in items)
    values, features = np.zeros((len(items), width + 1)), np.full((len(items), 2), np.nan)
    for row, read, item, texts in zip(values, features, items, responses, strict=True):
        place, confidence = read_confidence(str(texts[0]), item["choices"], float(item["scale"]))
        read[:] = place, confidence
        if place == NONE:
            row[-1] = 1.0
            continue
        options = len(item["choices"])
        row[:options] = (1 - confidence) / (options - 1)
        row[place] = confidence
    categories = (*(f"option {k + 1}" for k in range(width)), INVALID)
    return Observation(values, categories, values[:, -1].copy(), features=features)


def read_confidence(text: str, choices: Sequence[str], scale: float) -> tuple[int, float]:
    """Return the place of the option that a text names and the confidence that it states, or −1 and NaN.

    Examples
    --------
    >>> read_confidence("elm 7", ["oak", "elm"], 10)
    (1, 0.7)
    """
    answer, *behind = re.split("confidence", text, maxsplit=1, flags=re.IGNORECASE)
    found = [
        (match.start(), -len(choice), k, match.end())
        for k, choice in enumerate(choices)
        if (match := re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", answer, re.IGNORECASE))
    ]
    if not found:
        return NONE, float("nan")
    _, _, place, end = min(found)
    number = re.search(r"(\d+(?:\.\d+)?)\s*(%?)", behind[0] if behind else answer[end:])
    if number is None:
        return NONE, float("nan")
    written, percent = number.groups()
    fraction = "." in written and not percent and float(written) <= 1
    confidence = float(written) / (1.0 if fraction else 100.0 if percent else scale)
    return (place, confidence) if confidence <= 1 else (NONE, float("nan"))


@utility("stated_confidence", lambda items: np.array([0.5 + 0.5 / len(i["choices"]) for i in items]), smooth=True)
def stated_brier(items: Items, seen: Observation) -> Floats:
    """Brier utility of the implied distribution, ``u = 1 − ½ Σ_k (q_k − y_k)²`` with y one at the right option.

    In [0, 1], and 0 where the answer cannot be read. Chance is that of a uniform distribution, ``½ + 1 / (2 C)``, which
    is what stating a confidence of one in C amounts to.
    """
    gap = seen.values.copy()
    gap[np.arange(len(items)), [int(item["gold"]) for item in items]] -= 1.0
    u: Floats = 1 - 0.5 * (gap**2).sum(axis=1)
    return np.where(seen.values[:, -1] > 0, 0.0, u)


def _best_constant_action(items: Items) -> Floats:
    """Return the payoffs of the action that pays most on average."""
    payoffs = np.array([item["payoffs"] for item in items], dtype=np.float64)
    best: Floats = payoffs[:, payoffs.mean(axis=0).argmax()]
    return best


@utility("stated_confidence", lambda items: np.array([1 / len(i["choices"]) for i in items]), smooth=False)
def stated_accuracy(items: Items, seen: Observation) -> Floats:
    """Return one where the option that the answer names is right, however sure it says to be, else zero."""
    places = np.full(len(items), NONE) if seen.features is None else seen.features[:, 0]
    right: Floats = (places == np.array([item["gold"] for item in items])).astype(np.float64)
    return right


@utility("answer", _best_constant_action, smooth=False)
def payoff(items: Items, seen: Observation) -> Floats:
    """Return the payoff π ∈ [0, 1] of the action named, 0 where none is.

    The item's ``payoffs`` stand in the order of its ``candidates``. Chance is the mean payoff of the best constant.
    """
    given = [seen.categories[k] for k in seen.values.argmax(axis=1)]
    return np.array(
        [
            item["payoffs"][item["candidates"].index(word)] if word in item["candidates"] else 0.0
            for word, item in zip(given, items, strict=True)
        ]
    )
