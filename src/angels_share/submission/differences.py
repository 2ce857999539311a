"""Where two JSON contents differ: the score in a bundle, and the one that its logs give."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ABSENT = object()
"""The value of what one of two contents lacks."""


@dataclass(frozen=True)
class Difference:
    """One place where what a bundle gives is not what its logs give."""

    place: str
    given: Any
    found: Any

    @property
    def size(self) -> float | None:
        """How far a number moved; None where a number is missing on either side."""
        return abs(self.found - self.given) if _is_number(self.given) and _is_number(self.found) else None

    def __str__(self) -> str:
        if self.given is ABSENT or self.found is ABSENT:
            return f"{self.place} is {'missing' if self.given is ABSENT else 'unknown'}"
        if isinstance(self.given, list) and isinstance(self.found, list):
            return f"{self.place} has {len(self.given)} entries, the logs give {len(self.found)}"
        return f"{self.place} is {_short(self.given)}, the logs give {_short(self.found)}"


def differences(given: Any, found: Any, place: str = "") -> Iterator[Difference]:
    """Yield where two JSON contents differ, by place. Structure and texts must be the same, numbers to nine digits.

    Examples
    --------
    >>> [str(d) for d in differences({"a": [1.0, 2.0], "b": 0}, {"a": [1.0, 2.5]})]
    ['a[1] is 2.0, the logs give 2.5', 'b is unknown']
    """
    if isinstance(given, dict) and isinstance(found, dict):
        for name in sorted(given.keys() | found.keys()):
            inner = f"{place}.{name}" if place else name
            if name in given and name in found:
                yield from differences(given[name], found[name], inner)
            else:
                yield Difference(inner, given.get(name, ABSENT), found.get(name, ABSENT))
    elif isinstance(given, list) and isinstance(found, list) and len(given) == len(found):
        for i, (one, other) in enumerate(zip(given, found, strict=True)):
            yield from differences(one, other, f"{place}[{i}]")
    elif not _same(given, found):
        yield Difference(place, given, found)


def settled(given: Any, found: Any) -> Any:
    """Return ``found`` with every number that is the same to nine digits as it was given, whatever machine found it.

    Examples
    --------
    >>> settled({"a": 0.1, "b": [1.0]}, {"a": 0.1 + 2e-16, "b": [2.0], "c": None})
    {'a': 0.1, 'b': [2.0], 'c': None}
    """
    if isinstance(given, dict) and isinstance(found, dict):
        return {name: settled(given.get(name, ABSENT), value) for name, value in found.items()}
    if isinstance(given, list) and isinstance(found, list) and len(given) == len(found):
        return [settled(one, other) for one, other in zip(given, found, strict=True)]
    return given if _same(given, found) else found


def _same(given: Any, found: Any) -> bool:
    if _is_number(given) and _is_number(found):
        return math.isclose(given, found, rel_tol=1e-9, abs_tol=1e-12)
    return type(given) is type(found) and bool(given == found)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return str(value)[:120]
