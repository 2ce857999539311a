"""The answer that a text gives within a budget: what stands beyond its first words or bytes does not count."""

from __future__ import annotations

import re

import numpy as np

from angels_share.observables.categorical import answer, correct
from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility
from angels_share.reading import MARK, steps_of

LATE = "over budget"
"""The category of a text that is longer than its budget and has given no answer within it."""


def within(text: str, most: int, unit: str) -> str:
    """Return the beginning of a text that fits in a budget of words, or of bytes in UTF-8, without a word cut in two.

    White space around the text does not count.

    Examples
    --------
    >>> within(" answer: 1234", 10, "bytes"), within("step 1 7 answer 7", 3, "words")
    ('answer: ', 'step 1 7')
    """
    text = text.strip()
    if unit == "words":
        return text if len(text.split()) <= most else " ".join(text.split()[:most])
    begun = text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
    cut_in_two = re.match(r"\w", text[len(begun) : len(begun) + 1])
    return re.sub(r"\w+$", "", begun) if cut_in_two else begun


@observable
def answer_within_budget(items: Items, responses: Floats | Texts) -> Observation:
    """Read the one answer given within the item's ``budget``, a number of its ``unit``: ``words`` or ``bytes``.

    The text is cut as by :func:`within`. What is left is read behind its last word "answer"; if it has neither that
    word nor steps, as a whole, by the rules of :func:`~angels_share.observables.categorical.answer`. φ is a one-hot row
    over all answers of the run, ``over budget`` where only a text without an answer is left of a longer one, and
    ``invalid`` where the whole text fits and cannot be parsed.

    Examples
    --------
    >>> items = [{"budget": most, "unit": "bytes", "candidates": []} for most in (8, 64)]
    >>> seen = answer_within_budget(items, [["step 1: 3 + 4 = 7; answer: 7"]] * 2)
    >>> seen.categories, seen.values.argmax(axis=1).tolist()
    (('7', 'over budget', 'invalid'), [1, 0])
    """
    texts = [str(row[0]).strip() for row in responses]
    kept = [within(text, item["budget"], item["unit"]) for text, item in zip(texts, items, strict=True)]
    seen = answer(items, [[steps_of(text).answer if MARK.search(text) else text] for text in kept])
    late = seen.invalid * np.array([text != begun for text, begun in zip(texts, kept, strict=True)])
    values = np.column_stack([seen.values[:, :-1], late, seen.invalid - late])
    return Observation(values, (*seen.categories[:-1], LATE, INVALID), values[:, -1].copy())


@utility("answer_within_budget", correct.chance, smooth=False)
def right_within_budget(items: Items, seen: Observation) -> Floats:
    """One where the answer given within the budget is the right one, else zero.

    Chance is one in as many as the item has candidates, 0 where any number may be the answer.
    """
    given = [seen.categories[k] for k in seen.values.argmax(axis=1)]
    return np.array([float(g == str(item["final"]).lower()) for g, item in zip(given, items, strict=True)])
