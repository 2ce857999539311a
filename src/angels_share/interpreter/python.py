"""Programs in a small part of Python: :func:`parse` checks one function, :func:`run` interprets it within limits.

The result is what CPython would give, as a literal, or the name of the exception. Beyond the limits, and where CPython
would do what the language lacks, a program fails with the kind ``steps``, ``size``, ``depth`` or ``unsupported``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from angels_share.interpreter.grammar import MOST_INTEGER, Program, parse, parse_expression
from angels_share.interpreter.machine import Machine
from angels_share.interpreter.outcome import Outcome, RefusedProgramError, outcome

__all__ = ["Program", "equation", "literal", "parse", "run"]


def run(program: Program, arguments: Sequence[Any]) -> Outcome:
    """Return what a function gives for these arguments, which it cannot change.

    Examples
    --------
    >>> str(run(parse("def f(xs): return xs[0] + 1"), [[4]])), str(run(parse("def f(xs): return xs[0]"), [[]]))
    ('5', 'fails: IndexError')
    """
    return outcome(lambda: Machine(program).result([_copied(value) for value in arguments]))


def _copied(value: Any) -> Any:
    return [_copied(part) for part in value] if isinstance(value, list) else value


def literal(text: str) -> Any:
    """Return the value of a literal: numbers, truth values, texts, None, and lists and tuples of them.

    Examples
    --------
    >>> literal("[1, -2, 'a']")
    [1, -2, 'a']
    """
    return _value(parse_expression(text.strip()))


def equation(text: str, name: str) -> tuple[list[Any], Any]:
    """Return the arguments and the expected value of a test of the form ``name(…) == …``.

    Examples
    --------
    >>> equation("f([1, 2]) == 3", "f")
    ([[1, 2]], 3)
    """
    test = parse_expression(text.strip())
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        raise RefusedProgramError(f"expected {name}(…) == …")
    call = test.left
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != name or call.keywords:
        raise RefusedProgramError(f"expected {name}(…) == …")
    return [_value(argument) for argument in call.args], _value(test.comparators[0])


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.List | ast.Tuple):
        parts = [_value(part) for part in node.elts]
        return parts if isinstance(node, ast.List) else tuple(parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand)
        if type(value) is int:
            return -value
    elif isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, str | bool | None) or (type(value) is int and value <= MOST_INTEGER):
            return value
    raise RefusedProgramError("expected a literal")
