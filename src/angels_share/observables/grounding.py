"""Observables and utilities of grounded answers: which passages an answer cites, and whether they support it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility
from angels_share.reading import whole_text

CITATION = re.compile(r"\[\s*(\d{1,3}(?:\s*(?:,|;|and)\s*\d{1,3})*)\s*\]")
"""Numbers in brackets: one, or several with a comma, a semicolon or "and" between them."""

TOY_CITATION = re.compile(r"\bfrom (\d{1,3}(?: \d{1,3})*)\b")
"""The same in caskworld: the numbers behind the word "from"."""

ELSEWHERE = "no such passage"
"""Column of cited numbers that no passage has."""


@observable
def cited_passages(items: Items, responses: Floats | Texts) -> Observation:
    """Read the set Z of passages that an answer cites, as the unit vector ``z / √|Z|`` with z one at each of them.

    So half the squared distance of two rows is ``½ ‖φ_T − φ_S‖² = 1 − |Z_T ∩ Z_S| / √(|Z_T| |Z_S|)``: one minus the
    cosine similarity of two sets (Ochiai's coefficient), in [0, 1], 0 for the same set and 1 where nothing is shared.
    Jaccard's ``1 − |Z_T ∩ Z_S| / |Z_T ∪ Z_S|`` orders pairs of sets nearly alike, but as half a squared distance it
    would take a coordinate for every possible set. Columns are the passages by number, one for all numbers that the
    item has no passage for, and ``invalid``, which is 1 where nothing is cited. The feature is one where the answer
    itself is right: where the first of the item's ``candidates`` in the text is its ``value``.

    Examples
    --------
    >>> item = {"level": 1, "passages": 3, "candidates": ["Tomar", "Belin"], "value": "Tomar"}
    >>> seen = cited_passages([item], [["Tomar [1][3]"]])
    >>> seen.values.round(2).tolist(), seen.features.tolist()
    ([[0.71, 0.0, 0.71, 0.0, 0.0]], [[1.0]])
    """
    width = max(int(item["passages"]) for item in items)
    values, right = np.zeros((len(items), width + 2)), np.zeros((len(items), 1))
    for k, (item, texts) in enumerate(zip(items, responses, strict=True)):
        text = whole_text(item, str(texts[0]))
        for number in cited_numbers(text, toy=item["level"] == 0):
            values[k, number - 1 if 1 <= number <= int(item["passages"]) else width] = 1.0
        values[k, -1] = not values[k].any()
        right[k] = first_said(text, item["candidates"]) == item["value"]
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    categories = (*(f"passage {j + 1}" for j in range(width)), ELSEWHERE, INVALID)
    return Observation(values, categories, values[:, -1].copy(), distribution=False, features=right)


def cited_numbers(text: str, *, toy: bool) -> set[int]:
    """Return the numbers that a text cites: in brackets, or in caskworld behind "from".

    Examples
    --------
    >>> sorted(cited_numbers("Tomar [1][3, 4]", toy=False)), cited_numbers("35 from 2", toy=True)
    ([1, 3, 4], {2})
    """
    found = (TOY_CITATION if toy else CITATION).findall(text)
    return {int(number) for numbers in found for number in re.findall(r"\d+", numbers)}


def first_said(text: str, candidates: Sequence[str]) -> str | None:
    """Return the candidate that a text says first, as a whole word or amount whatever the case, or None.

    Examples
    --------
    >>> first_said("It is $1,500.", ["$1", "$1,500"])
    '$1,500'
    """
    found = [
        (match.start(), candidate)
        for candidate in candidates
        if (match := re.search(rf"(?<![\w$.,]){re.escape(candidate)}(?![\w%]|[.,]\d)", text, re.IGNORECASE))
    ]
    return min(found)[1] if found else None


def cites_support(items: Items, seen: Observation) -> Floats:
    """Return one where exactly the passages that support the right answer are cited, else zero."""
    exact = [_cited(row) == set(item["support"]) for row, item in zip(seen.values, items, strict=True)]
    return np.array(exact, dtype=np.float64)


def _cited(row: Floats) -> set[int]:
    """Return the numbers of the cited passages, 0 among them where a number has no passage."""
    named = {int(j) + 1 for j in np.flatnonzero(row[:-2])}
    return named | {0} if row[-2] > 0 else named


def _one_of_candidates(items: Items) -> Floats:
    return np.array([1 / len(item["candidates"]) for item in items])


@utility("cited_passages", _one_of_candidates, smooth=False)
def answer_right(items: Items, seen: Observation) -> Floats:
    """Return one where the answer is right, whatever is cited, else zero."""
    return right_answers(seen).astype(np.float64)


def right_answers(seen: Observation) -> NDArray[np.bool_]:
    """Return whether each answer is right, which :func:`cited_passages` keeps as a feature."""
    return np.zeros(len(seen.values), dtype=bool) if seen.features is None else seen.features[:, 0] > 0


def _f1_of_all(items: Items) -> Floats:
    """Return the F1 of citing every passage: the best that can be done without reading any."""
    return np.array([2 * len(i["support"]) / (len(i["support"]) + int(i["passages"])) for i in items])


@utility("cited_passages", _f1_of_all, smooth=False)
def citation_f1(items: Items, seen: Observation) -> Floats:
    """Return the F1 of the citations by the rule of ALCE (Gao et al. 2023, arXiv 2305.14627), in [0, 1].

    Recall is one where the cited passages together state the right answer, and zero where they do not, where nothing
    is cited, or where a cited number has no passage. Precision is the share of cited passages that count: those
    without which the others would not state it, or which state it alone, given that all together do. Here support is
    known: the passages of ``support`` state the answer together and no other passage helps, so with S of them among Z
    cited ones ``u = 2 |S| / (|S| + |Z|)`` where S ⊆ Z, else 0. Whether the answer itself is right does not enter.
    """
    return np.array([_f1(_cited(row), set(item["support"])) for row, item in zip(seen.values, items, strict=True)])


def _f1(cited: set[int], support: set[int]) -> float:
    if 0 in cited or not support <= cited:
        return 0.0
    return 2 * len(support) / (len(support) + len(cited))
