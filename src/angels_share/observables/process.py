"""Observables and utilities of the row *process*: verdicts on workings, and the answers that workings end in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from angels_share.observables.categorical import answer, correct, probability_of_gold
from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility
from angels_share.reading import leading_valid, loops, steps_of, whole_text

VERDICTS = ("right", "wrong")

TOLD = ("full", "paraphrase", "hint")
"""Variants of a question whose reasoning leads to the right answer, so that there is one thing to say."""

FLAG = re.compile(r"\b(?:wrong|mistake|incorrect|error)\b", re.IGNORECASE)
"""Words with which a text calls a step wrong."""


def answers_read(items: Items, texts: Sequence[str]) -> list[str]:
    """Return the final answer of one text an item, parsed as :func:`~angels_share.observables.categorical.answer`."""
    seen = answer(items, [[steps_of(text).answer] for text in texts])
    return [seen.categories[k] for k in seen.values.argmax(axis=1)]


# --- verdicts --------------------------------------------------------------------------------------------------------


@observable
def verdict(items: Items, responses: Floats | Texts) -> Observation:
    """Read a verdict from one greedy answer: a one-hot row over right, wrong and ``invalid``.

    The verdict is the first of the two words that the answer names. The features are one column: the step that an
    answer "wrong" names, 0 for none.

    Examples
    --------
    >>> seen = verdict([{"candidates": ["right", "wrong"]}], [["wrong in step 2."]])
    >>> seen.values.tolist(), seen.features.tolist()
    ([[0.0, 1.0, 0.0]], [[2.0]])
    """
    texts = [str(row[0]) for row in responses]
    given = answer(items, [[text] for text in texts])
    columns = (*VERDICTS, INVALID)
    values, places = np.zeros((len(items), len(columns))), np.zeros((len(items), 1))
    for row, place, k, text in zip(values, places, given.values.argmax(axis=1), texts, strict=True):
        row[columns.index(given.categories[k])] = 1.0
        named = re.search(r"\bstep\s+(\d+)", text.lower())
        if row[1] and named:
            place[0] = int(named[1])
    return Observation(values, columns, values[:, -1].copy(), features=places)


@utility("verdict", lambda items: np.full(len(items), 0.5), smooth=False)
def right_verdict(items: Items, seen: Observation) -> Floats:
    """One where the verdict is the right one, else zero; a constant verdict is right on half of the items."""
    given = [seen.categories[k] for k in seen.values.argmax(axis=1)]
    return np.array([float(g == str(item["final"])) for g, item in zip(given, items, strict=True)])


def _best_constant_verdict(items: Items) -> Floats:
    """Return one where the verdict that is right most often is right, else zero."""
    gold = np.array([int(item["gold"]) for item in items])
    right: Floats = (gold == np.bincount(gold).argmax()).astype(np.float64)
    return right


@utility("option_distribution", _best_constant_verdict, smooth=True, gold=True)
def probability_of_verdict(items: Items, seen: Observation) -> Floats:
    """Probability of the right verdict, ``u = q_gold``, in [0, 1]; chance is that of the best constant verdict.

    Of workings that models wrote themselves, more or fewer than half may be wrong.
    """
    return probability_of_gold.of(items, seen)


# --- answers after a given reasoning ---------------------------------------------------------------------------------


def _directed(items: Items) -> Floats:
    return np.array([float(item["variant"] in TOLD) for item in items])


def _chance_where_told(items: Items) -> Floats:
    chance: Floats = 1 - _directed(items) * (1 - np.array([1 / len(item["choices"]) for item in items]))
    return chance


@utility("option_distribution", _chance_where_told, smooth=True)
def right_where_told(items: Items, seen: Observation) -> Floats:
    """Probability of the right option where the reasoning shown leads to it, and one elsewhere, in [0, 1].

    Where the reasoning is cut short, filled with dots or holds a slip, going by it and going by the question are both
    defensible, so no answer is better than another there and no change is a harm or a correction.
    """
    q = seen.values[np.arange(len(items)), [int(item["gold"]) for item in items]]
    u: Floats = 1 - _directed(items) * (1 - q)
    return u


# --- final answers of generated workings -----------------------------------------------------------------------------


@observable
def final_answer(items: Items, responses: Floats | Texts) -> Observation:
    """Read the final answer of one greedy text, as a one-hot row over all answers of the run and ``invalid``.

    It stands behind the last word "answer"; see :func:`steps_of`. The features are one column: whether the text calls
    a step wrong.
    """
    texts = [str(row[0]) for row in responses]
    seen = answer(items, [[steps_of(text).answer] for text in texts])
    flagged = np.array([[float(bool(FLAG.search(text)))] for text in texts])
    return Observation(seen.values, seen.categories, seen.invalid, features=flagged)


@utility("final_answer", correct.chance, smooth=False)
def final_right(items: Items, seen: Observation) -> Floats:
    """One where the final answer is the right one, else zero; chance is one in as many as the item has candidates."""
    given = [seen.categories[k] for k in seen.values.argmax(axis=1)]
    return np.array([float(g == str(item["final"]).lower()) for g, item in zip(given, items, strict=True)])


SAMPLE_FEATURES = ("right", "bytes", "answered", "valid", "loops")
"""What is kept of every sampled working: whether its answer is right, its bytes, the bytes up to the end of its answer
(not a number without one), the share of the item's steps that are valid from the first on, and whether it loops."""


@observable
def final_counts(items: Items, responses: Floats | Texts) -> Observation:
    """How often each option was the final answer of K sampled workings, then any other answer, then ``invalid``.

    Columns are places in the item's options. The features are :data:`SAMPLE_FEATURES` of every sample, one sample after
    the other; :func:`samples` gives them back.
    """
    texts = [[str(text) for text in row] for row in responses]
    repeats, width = len(texts[0]), max(len(item["choices"]) for item in items)
    counts = np.zeros((len(items), width + 2))
    features = np.zeros((len(items), repeats, len(SAMPLE_FEATURES)))
    for k in range(repeats):
        read = answers_read(items, [row[k] for row in texts])
        for i, (item, said) in enumerate(zip(items, read, strict=True)):
            options = [str(choice).lower() for choice in item["choices"]]
            place = options.index(said) if said in options else width + (said == INVALID)
            counts[i, place] += 1
            features[i, k] = _features(item, texts[i][k], right=place == item["gold"], read=said != INVALID)
    categories = (*(f"option {k + 1}" for k in range(width)), "other", INVALID)
    return Observation(counts, categories, counts[:, -1] / repeats, features=features.reshape(len(items), -1))


def _features(item: Mapping[str, Any], text: str, *, right: bool, read: bool) -> list[float]:
    whole = whole_text(item, text)
    valid = leading_valid(item, steps_of(whole)) / len(item["steps"])
    answered = float(len(text[: steps_of(text).end].encode("utf-8"))) if read else np.nan
    return [float(right), float(len(text.encode("utf-8"))), answered, valid, float(loops(whole))]


def samples(seen: Observation) -> Floats:
    """Return the features of :func:`final_counts`, shape (items, samples, features); no samples where they are lost."""
    n = len(seen.values)
    kept = np.zeros((n, 0)) if seen.features is None else seen.features
    return kept.reshape(n, -1, len(SAMPLE_FEATURES))


@utility("final_counts", correct.chance, smooth=False)
def share_right(items: Items, seen: Observation) -> Floats:
    """Share of the K final answers that are right, an unbiased estimate of the probability, in [0, 1]."""
    right = seen.values[np.arange(len(items)), [int(item["gold"]) for item in items]]
    share: Floats = right / seen.values.sum(axis=1)
    return share
