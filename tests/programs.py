"""Running a program by the interpreter, and by CPython where this test suite made the program itself."""

from __future__ import annotations

import warnings
from typing import Any

from angels_share.interpreter import RefusedProgramError, python

OWN = {"steps", "size", "depth", "unsupported"}
"""Kinds of failure that are limits of the interpreter and no exceptions of Python."""

ARGUMENTS = ([3, 1, -2, 3], 2, "ab c")
"""What the programs of the fuzz take."""


def says(source: str, *arguments: Any) -> str:
    return str(python.run(python.parse(source), arguments))


def refused(source: str) -> bool:
    try:
        python.parse(source)
    except RefusedProgramError:
        return True
    return False


def cpython(source: str, arguments: tuple[Any, ...]) -> str:
    """Return what CPython makes of a program that this file has made and that is known to end."""
    scope: dict[str, Any] = {}
    copies = [list(a) if isinstance(a, list) else a for a in arguments]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(source, "fuzz", "exec"), scope)  # noqa: S102 - a program of this file, not of a model
            return repr(scope["f"](*copies))
    except Exception as error:  # noqa: BLE001 - any exception of the program is its outcome
        name = type(error).__name__
        return f"fails: {'NameError' if name == 'UnboundLocalError' else name}"
