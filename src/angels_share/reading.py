"""Reading generated text: an answer in it, or a working written out step by step.

A written-out working has the form ``step 1: … step 2: … answer: …``, on lines of its own or, in caskworld, one after
the other and without colons. :func:`steps_of` reads it. Generators of second stages use this module too, so it imports
nothing but the standard library.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

NAMED, LOOP = 8, 4
"""Words of a passage, and how often it stands in a text that runs in a loop."""

MARK = re.compile(r"\b(?:step\s+(\d{1,9})|answer)\b[ \t]*[:.]?", re.IGNORECASE)


def answer_in(text: str, candidates: Collection[str]) -> str | None:
    """Return the first of these lower-case words in a text; without any the first integer behind the last equals sign.

    Examples
    --------
    >>> answer_in("It is Oak.", ["ash", "oak"]), answer_in("3 + 4 = 7.", []), answer_in("none", [])
    ('oak', '7', None)
    """
    if candidates:
        return first_named(text, candidates)
    found = re.search(r"-?\d+", text.rsplit("=", 1)[-1].replace(",", ""))
    return found.group(0) if found else None


def first_named(text: str, words: Collection[str]) -> str | None:
    """Return the first of these lower-case words that occurs in the text as a whole word."""
    return next((word for word in re.findall(r"[a-z0-9]+", text.lower()) if word in words), None)


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
