"""The project's own interpreters of what models write: stack programs, and a small part of Python.

Nothing that a model wrote is ever compiled or handed to ``exec`` or ``eval``. A text is parsed, checked against a list
of what is allowed, and interpreted step by step within limits. A text outside the list is refused
(:class:`RefusedProgramError`); a program that runs has an :class:`Outcome`, its result or how it failed. Generators of
tasks use this package too, so it imports nothing but the standard library.
"""

from angels_share.interpreter import python, stack
from angels_share.interpreter.outcome import FailedProgramError, Outcome, RefusedProgramError

__all__ = ["FailedProgramError", "Outcome", "RefusedProgramError", "python", "stack"]
