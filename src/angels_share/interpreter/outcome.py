"""What comes of a program: it is refused, it fails, or it has a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class RefusedProgramError(Exception):
    """A text is no program of the language: it is never run. The message says what was found and what is allowed."""


class FailedProgramError(Exception):
    """A program failed while it ran.

    Attributes
    ----------
    kind : str
        The name of Python's exception, such as ``IndexError``, or the limit that was reached: ``steps``, ``size`` or
        ``depth``.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Outcome:
    """The result of a program as a literal, or how it failed; one of the two is empty.

    Examples
    --------
    >>> str(Outcome(value="[1, 2]")), str(Outcome(failure="IndexError"))
    ('[1, 2]', 'fails: IndexError')
    """

    value: str = ""
    failure: str = ""

    def __str__(self) -> str:
        return f"fails: {self.failure}" if self.failure else self.value


def outcome(of: Callable[[], str]) -> Outcome:
    """Return what comes of running a program."""
    try:
        return Outcome(value=of())
    except FailedProgramError as failed:
        return Outcome(failure=failed.kind)
