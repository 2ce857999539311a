"""Stack programs: words that change a pile of names, which is written from the bottom to the top.

``push oak`` puts a name on top, ``pop`` takes the top off, ``swap`` exchanges the top two, ``copy`` puts the top's
name on top once more, and ``turn`` turns the pile over. Commas between operations mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from angels_share.interpreter.outcome import FailedProgramError, Outcome, RefusedProgramError, outcome

MOST_OPERATIONS, MOST_NAMES = 32, 64
"""Operations of a program, and names of a pile."""

Pile = tuple[str, ...]
Operation = tuple[str, str]
"""An operation, and the name that it pushes, empty for the others."""

OPERATIONS: dict[str, tuple[int, Callable[[Pile], Pile]]] = {
    "pop": (1, lambda pile: pile[:-1]),
    "swap": (2, lambda pile: (*pile[:-2], pile[-1], pile[-2])),
    "copy": (1, lambda pile: (*pile, pile[-1])),
    "turn": (0, lambda pile: pile[::-1]),
}
"""Each operation but ``push``: how many names it needs, and what it does."""


def parse(text: str) -> tuple[Operation, ...]:
    """Return the operations of a program, or refuse it.

    Examples
    --------
    >>> parse("push oak, swap")
    (('push', 'oak'), ('swap', ''))
    """
    if not re.fullmatch(r"[a-z\s,]*", text):
        raise RefusedProgramError("a stack program holds small letters, spaces and commas only")
    words = iter(re.findall("[a-z]+", text))
    found: list[Operation] = []
    for word in words:
        name = next(words, "") if word == "push" else ""
        if (word != "push" and word not in OPERATIONS) or (word == "push" and name in ("", "push", *OPERATIONS)):
            raise RefusedProgramError(f"{word!r}: expected push with a name, {', '.join(OPERATIONS)}")
        found.append((word, name))
    if not 0 < len(found) <= MOST_OPERATIONS:
        raise RefusedProgramError(f"{len(found)} operations; a program has 1 to {MOST_OPERATIONS}")
    return tuple(found)


def run(program: Sequence[Operation], pile: Sequence[str]) -> Outcome:
    """Return the pile that a program leaves, as its names with spaces.

    Examples
    --------
    >>> str(run(parse("push oak swap"), ("elm", "fir"))), str(run(parse("pop pop"), ("elm",)))
    ('elm oak fir', 'fails: IndexError')
    """
    return outcome(lambda: " ".join(_after(program, tuple(pile))))


def _after(program: Sequence[Operation], pile: Pile) -> Pile:
    for operation, name in program:
        if operation == "push":
            pile = (*pile, name)
        else:
            needed, change = OPERATIONS[operation]
            if len(pile) < needed:
                raise FailedProgramError("IndexError")
            pile = change(pile)
        if len(pile) > MOST_NAMES:
            raise FailedProgramError("size")
    return pile
