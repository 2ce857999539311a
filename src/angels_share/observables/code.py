"""Observables and utilities of code: what the programs and tests that a model writes do when they are interpreted.

An item holds a right ``program``, ``tests`` as pairs of an input and what the right program makes of it, of which the
prompt shows the first ``visible``, and ``shown``, the faulty program of its prompt if there is one. In the stratum
``testgen`` a model writes a test; in the others a program, or lines to put in place of some lines of ``shown``. What a
model wrote is never executed; see :mod:`angels_share.interpreter`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from angels_share.interpreter import RefusedProgramError, python, stack
from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility

OTHERS = 16
"""Columns over which wrong behaviours are spread that none of the item's choices has."""

LINE = re.compile(r"^\s*(?:line\s+)?(\d{1,3})\s*[:.]\s*(\S.*?)\s*$", re.IGNORECASE)
"""A line to write instead, behind its number."""

Behaviour = tuple[str, ...]


def behaviour(item: Mapping[str, Any], text: str) -> Behaviour:
    """Return what an answer does, or refuse it.

    Of a program, its outcome on each test of the item. Of a test, whether the right program and the faulty one pass it
    and, where neither does, what it states.
    """
    if item["stratum"] == "testgen":
        return _of_test(item, text)
    inputs = [str(test[0]) for test in item["tests"]]
    if item["language"] == "stack":
        words = stack.parse(_line(text))
        return tuple(str(stack.run(words, pile.split())) for pile in inputs)
    begun = item["begun"] if item["stratum"] == "hidden" else ""
    program = python.parse(function_in(text, begun) if begun else patched(item["shown"], text))
    return tuple(str(python.run(program, _arguments(given))) for given in inputs)


def _of_test(item: Mapping[str, Any], text: str) -> Behaviour:
    programs = (item["program"], item["shown"])
    if item["language"] == "stack":
        start, gives, wanted = (
            re.sub(r"[\s,]+", " ", _line(text)).strip().partition(" gives " if item["level"] else " is ")
        )
        if not gives or not re.fullmatch("[a-z ]+", start) or not re.fullmatch("[a-z ]+", wanted):
            raise RefusedProgramError("expected a pile, the word between, and a pile")
        made = [str(stack.run(stack.parse(program), start.split())) for program in programs]
    else:
        line = _line(text).removeprefix("assert ").strip()
        given, value = python.equation(line if line.startswith(item["begun"]) else item["begun"] + line, "f")
        made, wanted = [str(python.run(python.parse(program), given)) for program in programs], repr(value)
    passed = [result == wanted for result in made]
    return *("passes" if p else "fails" for p in passed), "" if any(passed) else wanted


def _line(text: str) -> str:
    """Return the first line of an answer, without marks around it and what follows its end."""
    line = next((line for line in text.splitlines() if line.strip(" `\t")), "")
    return re.split(r"\.(?:\s|$)", line)[0].strip(" `\t")


@lru_cache(maxsize=4096)
def _arguments(text: str) -> list[Any]:
    return [python.literal(text)]


def patched(source: str, text: str) -> str:
    r"""Return a program with the lines that an answer gives in place of its own, which keep their indentation.

    Examples
    --------
    >>> patched("def f(x):\n    return x", "line 2: return x + 1")
    'def f(x):\n    return x + 1'
    """
    lines, changed = source.splitlines(), False
    for line in text.strip().strip("`").splitlines():
        found = LINE.match(line)
        if not found:
            if changed:
                break
            continue
        at = int(found[1]) - 1
        if not 0 <= at < len(lines):
            raise RefusedProgramError(f"line {at + 1} of {len(lines)}")
        lines[at] = lines[at][: len(lines[at]) - len(lines[at].lstrip())] + found[2].rstrip("`")
        changed = True
    if not changed:
        raise RefusedProgramError("expected the number of a line and the line")
    return "\n".join(lines)


def function_in(text: str, begun: str) -> str:
    r"""Return the function of an answer: from its own ``def`` on, or behind the beginning that the prompt holds.

    Examples
    --------
    >>> function_in("\n    return x\n\nThat is all.", "def f(x):")
    'def f(x):\n    return x\n'
    """
    own = re.search(r"^def ", text, re.MULTILINE)
    first, *rest = (text[own.start() :] if own else begun + text).split("```")[0].split("\n")
    end = next((k for k, line in enumerate(rest) if line.strip() and not line[0].isspace()), len(rest))
    return "\n".join([first, *rest[:end]])


@observable
def code_behaviours(items: Items, responses: Floats | Texts) -> Observation:
    """How often K sampled answers behave as each of the item's choices, in another way, or cannot be parsed.

    Columns are places in the item's choices, then :data:`OTHERS` columns over which other behaviours are spread by
    their SHA-256, then ``invalid``. Two different wrong behaviours share a column one time in sixteen. The features are
    one column a sample: whether it passes the tests that the prompt shows.
    """
    texts = [[str(text) for text in row] for row in responses]
    width, repeats = max(len(item["choices"]) for item in items), len(texts[0])
    counts = np.zeros((len(items), width + OTHERS + 1))
    visible = np.zeros((len(items), repeats))
    for i, (item, row) in enumerate(zip(items, texts, strict=True)):
        seen = {text: _tried(item, text) for text in {*item["choices"], *row}}
        place: dict[Behaviour, int] = {}
        for k, choice in enumerate(item["choices"]):
            place.setdefault(seen[choice] or (INVALID,), k)
        for k, text in enumerate(row):
            did = seen[text]
            counts[i, -1 if did is None else place.get(did, width + _bucket(did))] += 1
            visible[i, k] = did is not None and passes_visible(item, did)
    categories = (*(f"option {k + 1}" for k in range(width)), *(f"other {k + 1}" for k in range(OTHERS)), INVALID)
    return Observation(counts, categories, counts[:, -1] / repeats, features=visible)


def _tried(item: Mapping[str, Any], text: str) -> Behaviour | None:
    try:
        return behaviour(item, text)
    except RefusedProgramError:
        return None


def _bucket(did: Sequence[str]) -> int:
    return hashlib.sha256("\x1f".join(did).encode("utf-8", "backslashreplace")).digest()[0] % OTHERS


def passes_visible(item: Mapping[str, Any], did: Behaviour) -> bool:
    """Tell whether a program passes the tests that the prompt shows; of a test, whether the right program passes it."""
    if item["stratum"] == "testgen":
        return did[0] == "passes"
    return all(result == test[1] for result, test in zip(did[: item["visible"]], item["tests"], strict=False))


@utility("code_behaviours", lambda items: np.zeros(len(items)), smooth=False)
def share_passing(items: Items, seen: Observation) -> Floats:
    """Share of the K answers that do what the right one does, in [0, 1].

    A program passes all tests, shown or hidden; a test is passed by the right program and failed by the faulty one. An
    answer that is the same for all items passes next to none: chance is 0.
    """
    share: Floats = passing(items, seen) / seen.values.sum(axis=1)
    return share


def passing(items: Items, seen: Observation) -> Floats:
    """Return how many of the answers to each item do what the right one does."""
    right: Floats = seen.values[np.arange(len(items)), [int(item["gold"]) for item in items]]
    return right
