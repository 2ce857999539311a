"""The machine that interprets a checked function, node by node, within its budget."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from angels_share.interpreter.budget import LAZY, Budget
from angels_share.interpreter.calls import function, method
from angels_share.interpreter.grammar import FUNCTIONS, MOST_ELEMENTS, MOST_INTEGER, Program
from angels_share.interpreter.outcome import FailedProgramError

Scopes = tuple[dict[str, Any], ...]
"""Names and their values: of the innermost comprehension first, of the function last."""

ARITHMETIC: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
SIGNS: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
RELATIONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
BREAK, CONTINUE = object(), object()
"""How a block ends that leaves its loop, or the loop's turn; one that returns ends with a tuple of the value."""

RAISED = (TypeError, ValueError, IndexError, ZeroDivisionError, AttributeError, OverflowError)
"""What Python's own operations raise on values of the language; MemoryError cannot come up within the limits."""


class Machine(Budget):
    """One run of a function."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program

    def result(self, arguments: Sequence[Any]) -> str:
        """Return what the function gives for the arguments, as a literal."""
        try:
            value = self._call_function(arguments)
            self.weigh(value)
            return repr(value)
        except RecursionError:
            raise FailedProgramError("depth") from None
        except RAISED as error:
            raise FailedProgramError(type(error).__name__) from None

    # --- statements --------------------------------------------------------------------------------------------------

    def _call_function(self, arguments: Sequence[Any]) -> Any:
        if len(arguments) != len(self.program.parameters):
            raise TypeError
        self.deeper()
        names = dict(zip(self.program.parameters, arguments, strict=True))
        ended = self._block(self.program.body, (names,))
        self.depth -= 1
        return ended[0] if isinstance(ended, tuple) else None

    def _block(self, body: Iterable[ast.stmt], scopes: Scopes) -> Any:
        """Run statements and return how they end: None, BREAK, CONTINUE, or a tuple of the value returned."""
        self.deeper()
        ended = None
        for statement in body:
            self.spend()
            ended = STATEMENTS[type(statement)](self, statement, scopes)
            if ended is not None:
                break
        self.depth -= 1
        return ended

    def _return(self, node: ast.Return, scopes: Scopes) -> Any:
        return (self._of(node.value, scopes) if node.value else None,)

    def _assignment(self, node: ast.Assign, scopes: Scopes) -> None:
        value = self._of(node.value, scopes)
        for target in node.targets:
            self._assign(target, value, scopes)

    def _assign(self, target: ast.expr, value: Any, scopes: Scopes) -> None:
        if isinstance(target, ast.Name):
            scopes[0][target.id] = value
        elif isinstance(target, ast.Tuple):
            values = list(islice(self.each(value), len(target.elts) + 1))
            for name, part in zip(target.elts, values, strict=True):
                self._assign(name, part, scopes)
        elif isinstance(target, ast.Subscript):
            self._of(target.value, scopes)[self._of(target.slice, scopes)] = value

    def _augmented(self, node: ast.AugAssign, scopes: Scopes) -> None:
        if isinstance(node.target, ast.Name):
            old = self._name(ast.Name(node.target.id, ast.Load()), scopes)
            scopes[0][node.target.id] = self._changed(old, node, scopes)
        elif isinstance(node.target, ast.Subscript):
            held, place = self._of(node.target.value, scopes), self._of(node.target.slice, scopes)
            held[place] = self._changed(held[place], node, scopes)

    def _changed(self, old: Any, node: ast.AugAssign, scopes: Scopes) -> Any:
        """Return the new value of an augmented assignment; a list changes in place."""
        value = self._of(node.value, scopes)
        if not isinstance(old, list) or not isinstance(node.op, ast.Add | ast.Mult):
            return self._arithmetic(node.op, old, value)
        if isinstance(node.op, ast.Add):
            old += list(self.each(value))
        else:
            old[:] = self._arithmetic(node.op, old, value)
        return self.within(old)

    def _if(self, node: ast.If, scopes: Scopes) -> Any:
        return self._block(node.body if self._of(node.test, scopes) else node.orelse, scopes)

    def _for(self, node: ast.For, scopes: Scopes) -> Any:
        for value in self.each(self._of(node.iter, scopes)):
            self._assign(node.target, value, scopes)
            ended = self._block(node.body, scopes)
            if ended is BREAK:
                return None
            if isinstance(ended, tuple):
                return ended
        return None

    def _while(self, node: ast.While, scopes: Scopes) -> Any:
        while self._of(node.test, scopes):
            ended = self._block(node.body, scopes)
            if ended is BREAK:
                return None
            if isinstance(ended, tuple):
                return ended
        return None

    def _expression(self, node: ast.Expr, scopes: Scopes) -> None:
        self._of(node.value, scopes)

    # --- expressions -------------------------------------------------------------------------------------------------

    def _of(self, node: ast.expr, scopes: Scopes) -> Any:
        """Return the value of an expression."""
        self.deeper()
        value = EXPRESSIONS[type(node)](self, node, scopes)
        self.depth -= 1
        return value

    def _name(self, node: ast.Name, scopes: Scopes) -> Any:
        for scope in scopes:
            if node.id in scope:
                return scope[node.id]
        raise FailedProgramError("NameError")

    def _both(self, node: ast.BoolOp, scopes: Scopes) -> Any:
        stops = isinstance(node.op, ast.Or)
        value = None
        for part in node.values:
            value = self._of(part, scopes)
            if bool(value) is stops:
                break
        return value

    def _binary(self, node: ast.BinOp, scopes: Scopes) -> Any:
        return self._arithmetic(node.op, self._of(node.left, scopes), self._of(node.right, scopes))

    def _arithmetic(self, op: ast.operator, a: Any, b: Any) -> Any:
        """Return the value of an operation whose size is known to be within limits before it is made."""
        if isinstance(op, ast.Mod) and isinstance(a, str):
            raise FailedProgramError("unsupported")
        if isinstance(a, int) and isinstance(b, int):
            if isinstance(op, ast.Pow):
                if b < 0:
                    raise FailedProgramError("unsupported")
                if abs(a) > 1 and b * a.bit_length() > 2 * MOST_INTEGER.bit_length():
                    raise FailedProgramError("size")
        elif isinstance(op, ast.Mult):
            sequence, times = (b, a) if isinstance(a, int) else (a, b)
            sized = isinstance(sequence, str | list | tuple) and isinstance(times, int)
            if sized and len(sequence) * times > MOST_ELEMENTS:
                raise FailedProgramError("size")
        return self.within(ARITHMETIC[type(op)](a, b))

    def _sign(self, node: ast.UnaryOp, scopes: Scopes) -> Any:
        return SIGNS[type(node.op)](self._of(node.operand, scopes))

    def _choice(self, node: ast.IfExp, scopes: Scopes) -> Any:
        return self._of(node.body if self._of(node.test, scopes) else node.orelse, scopes)

    def _comparison(self, node: ast.Compare, scopes: Scopes) -> Any:
        left, value = self._of(node.left, scopes), None
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self._of(right_node, scopes)
            if not isinstance(op, ast.Is | ast.IsNot):
                self.weigh(left)
            if isinstance(op, ast.In | ast.NotIn) and isinstance(right, LAZY):
                right = self.weighed(right)
            elif not isinstance(op, ast.Is | ast.IsNot):
                self.weigh(right)
            value = RELATIONS[type(op)](left, right)
            if not value:
                break
            left = right
        return value

    def _call(self, node: ast.Call, scopes: Scopes) -> Any:
        if isinstance(node.func, ast.Attribute):
            called = method(self, self._of(node.func.value, scopes), node.func.attr)
        elif isinstance(node.func, ast.Name):
            called = self._function(node.func, scopes)
        arguments = [self._of(argument, scopes) for argument in node.args]
        keywords = {str(keyword.arg): self._of(keyword.value, scopes) for keyword in node.keywords}
        return self.within(called(*arguments, **keywords))

    def _function(self, node: ast.Name, scopes: Scopes) -> Callable[..., Any]:
        """Return what a name calls: the function itself or a builtin, and nothing that the function assigns."""
        if node.id in self.program.local:
            self._name(node, scopes)
            return _not_callable
        if node.id == self.program.name:
            return lambda *arguments: self._call_function(arguments)
        if node.id not in FUNCTIONS:
            raise FailedProgramError("NameError")
        return function(self, node.id)

    def _constant(self, node: ast.Constant, scopes: Scopes) -> Any:
        return node.value

    def _list(self, node: ast.List, scopes: Scopes) -> Any:
        return [self._of(part, scopes) for part in node.elts]

    def _tuple(self, node: ast.Tuple, scopes: Scopes) -> Any:
        return tuple(self._of(part, scopes) for part in node.elts)

    def _part(self, node: ast.Subscript, scopes: Scopes) -> Any:
        return self.within(self._of(node.value, scopes)[self._of(node.slice, scopes)])

    def _slice(self, node: ast.Slice, scopes: Scopes) -> Any:
        return slice(*(part and self._of(part, scopes) for part in (node.lower, node.upper, node.step)))

    def _list_of(self, node: ast.ListComp, scopes: Scopes) -> Any:
        return self.within(list(self._generator(node, scopes)))

    def _generator(self, node: ast.ListComp | ast.GeneratorExp, scopes: Scopes) -> Iterator[Any]:
        """Return the elements of a comprehension, whose first source is looked at now and the rest when asked for."""
        return self._elements(node, 0, self.iterable(self._of(node.generators[0].iter, scopes)), ({}, *scopes))

    def _elements(self, node: ast.ListComp | ast.GeneratorExp, at: int, values: Any, scopes: Scopes) -> Iterator[Any]:
        rule = node.generators[at]
        for value in self.each(values):
            self._assign(rule.target, value, scopes)
            if not all(self._of(test, scopes) for test in rule.ifs):
                continue
            if at + 1 < len(node.generators):
                yield from self._elements(node, at + 1, self._of(node.generators[at + 1].iter, scopes), scopes)
            else:
                yield self._of(node.elt, scopes)


def _not_callable(*arguments: Any, **keywords: Any) -> Any:
    raise TypeError


STATEMENTS: dict[type[ast.AST], Callable[[Machine, Any, Scopes], Any]] = {
    ast.Return: Machine._return,
    ast.Assign: Machine._assignment,
    ast.AugAssign: Machine._augmented,
    ast.If: Machine._if,
    ast.For: Machine._for,
    ast.While: Machine._while,
    ast.Expr: Machine._expression,
    ast.Pass: lambda machine, node, scopes: None,
    ast.Break: lambda machine, node, scopes: BREAK,
    ast.Continue: lambda machine, node, scopes: CONTINUE,
}
EXPRESSIONS: dict[type[ast.AST], Callable[[Machine, Any, Scopes], Any]] = {
    ast.Constant: Machine._constant,
    ast.Name: Machine._name,
    ast.BoolOp: Machine._both,
    ast.BinOp: Machine._binary,
    ast.UnaryOp: Machine._sign,
    ast.IfExp: Machine._choice,
    ast.Compare: Machine._comparison,
    ast.Call: Machine._call,
    ast.List: Machine._list,
    ast.Tuple: Machine._tuple,
    ast.Subscript: Machine._part,
    ast.Slice: Machine._slice,
    ast.ListComp: Machine._list_of,
    ast.GeneratorExp: Machine._generator,
}
"""How each kind of statement and expression is interpreted; what is not among them was refused before."""
