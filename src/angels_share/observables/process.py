"""Observables and utilities of the row *process*: verdicts on workings, and answers at the end of written-out steps.

A written-out working has the form ``step 1: … step 2: … answer: …``, on lines of its own or, in caskworld, one after
the other and without colons. :func:`steps_of` reads it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from angels_share.observables.categorical import answer, correct
from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility

VERDICTS = ("right", "wrong")

TOLD = ("full", "paraphrase", "hint")
"""Variants of a question whose reasoning leads to the right answer, so that there is one thing to say."""

NAMED, LOOP = 8, 4
"""Words of a passage, and how often it stands in a text that runs in a loop."""

MARK = re.compile(r"\b(?:step\s+(\d+)|answer)\b[ \t]*[:.]?", re.IGNORECASE)

FLAG = re.compile(r"\b(?:wrong|mistake|incorrect|error)\b", re.IGNORECASE)
"""Words with which a text calls a step wrong."""


# --- written-out workings --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One step of a working: its number, what it says, and where it ends in the text."""

    number: int
    text: str
    end: int


@dataclass(frozen=True)
class Working:
    """A working as it was read: its steps in the order of the text, and its final answer.

    Attributes
    ----------
    steps : tuple of Step
    answer : str
        What follows the last word "answer" on its line, or the whole text if that is a single word; else empty.
    end : int
        Where the answer ends in the text, so that ``text[:end]`` holds it; the length of the text if there is none.
    """

    steps: tuple[Step, ...]
    answer: str
    end: int


def steps_of(text: str) -> Working:
    r"""Read a working: each step runs from its mark ``step i`` to the next mark or the end of its line.

    The ends of the steps cut a text into beginnings, each one step longer, whose likelihoods can be compared.

    Examples
    --------
    >>> found = steps_of("step 1: 3 + 4 = 7\nstep 2: 7 + 1 = 8\nanswer: 8")
    >>> [step.text for step in found.steps], found.answer
    (['3 + 4 = 7', '7 + 1 = 8'], '8')
    """
    marks = list(MARK.finditer(text))
    steps: list[Step] = []
    final, end = "", len(text)
    for mark, following in zip(marks, [*(m.start() for m in marks[1:]), len(text)], strict=False):
        said = text[mark.end() : following]
        line = said.lstrip(" \t").split("\n", 1)[0].rstrip()
        stop = mark.end() + len(said) - len(said.lstrip(" \t")) + len(line)
        if mark[1]:
            steps.append(Step(int(mark[1]), line, stop))
        else:
            final, end = line, stop
    if not marks and len(text.split()) == 1:
        final = text.strip()
    return Working(tuple(steps), final, end)


def whole_text(item: Mapping[str, Any], text: str) -> str:
    """Return a generated text behind the beginning of it that the prompt already holds."""
    begun = item.get("begun", "")
    return f"{begun} {text.lstrip()}" if begun else text


def leading_valid(item: Mapping[str, Any], working: Working) -> int:
    """Return how many steps from the first on arrive where they should.

    Step i is valid if it is numbered i and the last of the item's candidates in it, or the last whole number where
    there are none, is ``item["steps"][i − 1]``.
    """
    words = set(item["candidates"])
    valid = 0
    for k, (step, wanted) in enumerate(zip(working.steps, item["steps"], strict=False)):
        found = re.findall(r"[a-z]+" if words else r"-?\d+", step.text.lower())
        named = [word for word in found if not words or word in words]
        if step.number != k + 1 or not named or named[-1] != wanted:
            break
        valid += 1
    return valid


def loops(text: str) -> bool:
    """Tell whether some passage of eight words stands in the text at least four times.

    Examples
    --------
    >>> loops("a b c d e f g h " * 4), loops("a b c d e f g h " * 3)
    (True, False)
    """
    words = text.split()
    passages = Counter(tuple(words[k : k + NAMED]) for k in range(len(words) - NAMED + 1))
    return max(passages.values(), default=0) >= LOOP


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
