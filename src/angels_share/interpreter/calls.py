"""The builtin functions and methods of the language, each within the budget of the run that calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from angels_share.interpreter.budget import LAZY, ROUGHLY, Budget
from angels_share.interpreter.grammar import FUNCTIONS, METHODS
from angels_share.interpreter.outcome import FailedProgramError

COMPARING = frozenset({"count", "index", "remove", "sort"})
"""Methods of a list that compare its elements."""


def method(budget: Budget, owner: Any, name: str) -> Callable[..., Any]:
    """Return a method of a value, if the language has it for values of its type."""
    if name not in METHODS.get(type(owner), set()):
        raise FailedProgramError("unsupported") if hasattr(owner, name) else AttributeError

    def call(*arguments: Any, **keywords: Any) -> Any:
        given = [list(budget.each(a)) if name in ("extend", "join") and isinstance(a, LAZY) else a for a in arguments]
        if isinstance(owner, str):
            budget.spend(sum(len(text) for text in (owner, *given) if isinstance(text, str)) // ROUGHLY)
        elif name in COMPARING:
            budget.weigh([owner, *given])
        result = getattr(owner, name)(*given, **keywords)
        if isinstance(owner, list):
            budget.fits(owner)
        return result

    return call


def _extreme(of: Callable[..., Any]) -> Callable[..., Any]:
    def call(budget: Budget, *arguments: Any) -> Any:
        return of(budget.weighed(arguments[0])) if len(arguments) == 1 else of(*map(budget.weigh, arguments))

    return call


def _sum(budget: Budget, values: Any, start: Any = 0) -> Any:
    if not isinstance(start, int):
        raise FailedProgramError("unsupported")
    return sum(budget.each(values), start)


def _sorted(budget: Budget, values: Any, *, reverse: Any = False) -> Any:
    return sorted(budget.weighed(values), reverse=reverse)


_BUILTINS: dict[str, Callable[..., Any]] = {
    "len": lambda budget, value: len(value),
    "range": lambda budget, *bounds: range(*bounds),
    "sum": _sum,
    "min": _extreme(min),
    "max": _extreme(max),
    "abs": lambda budget, value: abs(value),
    "sorted": _sorted,
    "reversed": lambda budget, values: reversed(values),
    "enumerate": lambda budget, values, *start: enumerate(budget.iterable(values), *start),
    "zip": lambda budget, *rows: zip(*map(budget.iterable, rows), strict=False),
    "int": lambda budget, *value: int(*value),
    "str": lambda budget, *value: str(*map(budget.weigh, value)),
    "bool": lambda budget, *value: bool(*value),
    "list": lambda budget, *values: list(*map(budget.each, values)),
    "tuple": lambda budget, *values: tuple(*map(budget.each, values)),
    "any": lambda budget, values: any(budget.each(values)),
    "all": lambda budget, values: all(budget.each(values)),
    "ord": lambda budget, value: ord(value),
    "chr": lambda budget, value: chr(value),
}


def function(budget: Budget, name: str) -> Callable[..., Any]:
    """Return a builtin function, which takes no more arguments than the language has for it."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        if len(arguments) > FUNCTIONS[name]:
            raise FailedProgramError("unsupported")
        return _BUILTINS[name](budget, *arguments, **keywords)

    return call
