"""What a run may use: steps, depth, and the sizes of values."""

from __future__ import annotations

from collections.abc import Iterator
from types import GeneratorType
from typing import Any

from angels_share.interpreter.grammar import MOST_ELEMENTS, MOST_INTEGER
from angels_share.interpreter.outcome import FailedProgramError

MOST_STEPS, MOST_DEPTH, MOST_WEIGHT = 5000, 120, 10_000
"""Steps of a run, levels of evaluation within each other, and elements and characters of a value with all its parts."""

ROUGHLY = 10
"""Elements or characters that are handled at once for one step."""

LAZY: tuple[type, ...] = (
    GeneratorType,
    enumerate,
    zip,
    reversed,
    type(reversed([])),
    type(reversed(range(0))),
    type(reversed(range(10**30))),
)
"""Types that are iterated once and have no literal."""

ITERABLE = (str, list, tuple, range, *LAZY)


class Budget:
    """Limits of one run. Every node costs a step, and so does every tenth element that an operation handles."""

    def __init__(self) -> None:
        self.steps = self.depth = 0

    def spend(self, steps: int = 1) -> None:
        """Take steps off what is left."""
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise FailedProgramError("steps")

    def deeper(self) -> None:
        """Go one level down for a step; whoever comes back takes one off the depth."""
        self.spend()
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise FailedProgramError("depth")

    def within(self, value: Any) -> Any:
        """Return a value that an operation has made, if it is not too large."""
        if isinstance(value, int):
            if abs(value) > MOST_INTEGER:
                raise FailedProgramError("size")
        elif isinstance(value, str | list | tuple | range):
            self.fits(value)
            self.spend(len(value) // ROUGHLY)
        return value

    def fits(self, value: str | list[Any] | tuple[Any, ...] | range) -> None:
        """Fail if a value has too many elements or characters."""
        if len(value) > MOST_ELEMENTS:
            raise FailedProgramError("size")

    def weigh(self, value: Any) -> Any:
        """Return a value that is compared or written down, if with all its parts it is not too large."""
        if value is None or isinstance(value, int):
            return value
        left, weight = [value], 0
        while left:
            part = left.pop()
            weight += 1
            if isinstance(part, str):
                weight += len(part)
            elif isinstance(part, list | tuple):
                left += part
            elif isinstance(part, LAZY):
                raise FailedProgramError("unsupported")
            if weight + len(left) > MOST_WEIGHT:
                raise FailedProgramError("size")
        self.spend(weight // ROUGHLY)
        return value

    def each(self, values: Any) -> Iterator[Any]:
        """Yield the elements of a value, each for a step."""
        for value in self.iterable(values):
            self.spend()
            yield value

    def weighed(self, values: Any) -> Iterator[Any]:
        """Yield elements that are to be compared with each other."""
        return map(self.weigh, self.each(values))

    def iterable(self, values: Any) -> Any:
        """Return values that can be iterated over, or fail as Python does."""
        if not isinstance(values, ITERABLE):
            raise TypeError
        return values
