"""What is a program: the part of Python that is allowed, checked on the syntax tree before anything runs."""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from angels_share.interpreter.outcome import RefusedProgramError

MOST_CHARACTERS, MOST_BRACKETS, MOST_NODES, MOST_NESTING = 2000, 20, 800, 30
"""Characters of a program, brackets open at once, nodes of its tree, and levels of the tree."""

MOST_INTEGER, MOST_ELEMENTS = 10**15, 1000
"""Largest magnitude of an integer, and most elements of a list or characters of a string."""

FUNCTIONS = {
    "len": 1, "range": 3, "sum": 2, "min": 8, "max": 8, "abs": 1, "sorted": 1, "reversed": 1, "enumerate": 2, "zip": 4,
    "int": 1, "str": 1, "bool": 1, "list": 1, "tuple": 1, "any": 1, "all": 1, "ord": 1, "chr": 1,
}  # fmt: skip
"""Builtin functions, and how many arguments they take at most."""

METHODS: dict[type, set[str]] = {
    list: {"append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"},
    str: {
        "count", "endswith", "find", "index", "isalpha", "isdigit", "islower", "isupper", "join", "lower", "lstrip",
        "replace", "rstrip", "split", "startswith", "strip", "upper",
    },
}  # fmt: skip
"""Methods by the type of what they are called on."""

ALLOWED: tuple[type[ast.AST], ...] = (
    ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.For, ast.While, ast.If,
    ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.BoolOp, ast.And, ast.Or, ast.BinOp, ast.Add, ast.Sub, ast.Mult,
    ast.FloorDiv, ast.Mod, ast.Pow, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.IfExp, ast.ListComp,
    ast.GeneratorExp, ast.comprehension, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is,
    ast.IsNot, ast.In, ast.NotIn, ast.Call, ast.keyword, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice,
    ast.Name, ast.List, ast.Tuple, ast.Load, ast.Store,
)  # fmt: skip
"""Nodes that a program may hold; no import, class, second function, lambda, exception, deletion or true division."""

BUILTINS = frozenset(vars(builtins))
ANNOTATIONS = frozenset({"int", "bool", "str", "list", "tuple"})


@dataclass(frozen=True)
class Program:
    """One function that was found to be allowed.

    Attributes
    ----------
    name : str
    parameters : tuple of str
    body : tuple of ast.stmt
    local : frozenset of str
        The names that the function assigns, its parameters among them.
    """

    name: str
    parameters: tuple[str, ...]
    body: tuple[ast.stmt, ...]
    local: frozenset[str]


def parse(source: str) -> Program:
    """Return the one function of a text, or refuse it.

    Examples
    --------
    >>> parse("def f(x): return x + 1").parameters
    ('x',)
    """
    tree = _tree(source, "exec")
    assert isinstance(tree, ast.Module)  # noqa: S101 - what the mode says
    if len(tree.body) != 1 or not isinstance(function := tree.body[0], ast.FunctionDef):
        raise RefusedProgramError("expected one function and nothing else")
    parameters = _parameters(function)
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    targets = {id(name) for n in nodes if isinstance(n, ast.comprehension) for name in ast.walk(n.target)}
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and id(n) not in targets}
    inner = {n.id for n in nodes if id(n) in targets and isinstance(n, ast.Name)}
    _check_names({function.name, *parameters, *stored, *inner})
    if reserved := (inner & {*BUILTINS, function.name}) | ({function.name} & BUILTINS):
        raise RefusedProgramError(
            f"{min(reserved)}: a builtin's name, or the function's own, means something else here"
        )
    local = frozenset({*parameters, *stored})
    for statement in function.body:
        _check(statement, local, looped=False)
    return Program(function.name, parameters, tuple(function.body), local)


def parse_expression(text: str) -> ast.expr:
    """Return the tree of one expression of the language, or refuse it."""
    tree = _tree(text, "eval")
    assert isinstance(tree, ast.Expression)  # noqa: S101 - what the mode says
    return tree.body


def _tree(source: str, mode: str) -> ast.AST:
    """Return the syntax tree of a text, of which every node is allowed and that is not too large."""
    if len(source) > MOST_CHARACTERS:
        raise RefusedProgramError(f"{len(source)} characters; a program has at most {MOST_CHARACTERS}")
    if _open_at_once(source) > MOST_BRACKETS:
        raise RefusedProgramError(f"more than {MOST_BRACKETS} brackets are open at once")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, mode=mode)
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
        raise RefusedProgramError(f"no Python ({type(error).__name__})") from None
    level: list[ast.AST] = [tree]
    size = 0
    for _ in range(MOST_NESTING):
        size += len(level)
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if wrong := next((node for node in level if not isinstance(node, ALLOWED)), None):
            raise RefusedProgramError(f"{type(wrong).__name__} is not allowed")
    if level or size > MOST_NODES:
        raise RefusedProgramError(f"larger than {MOST_NODES} nodes in {MOST_NESTING} levels")
    return tree


def _open_at_once(source: str) -> int:
    depth = most = 0
    for character in source:
        depth += (character in "([{") - (character in ")]}" and depth > 0)
        most = max(most, depth)
    return most


def _parameters(function: ast.FunctionDef) -> tuple[str, ...]:
    given = function.args
    others = [given.posonlyargs, given.kwonlyargs, given.defaults, given.vararg, given.kwarg, function.decorator_list]
    names = tuple(argument.arg for argument in given.args)
    if any(others) or getattr(function, "type_params", None) or len(set(names)) != len(names):
        raise RefusedProgramError("a function has plain parameters of different names, and no decorator")
    for annotation in (function.returns, *(argument.annotation for argument in given.args)):
        nodes = ast.walk(annotation) if annotation else ()
        if any(not isinstance(n, ast.Name | ast.Subscript | ast.Load) or _unknown_type(n) for n in nodes):
            raise RefusedProgramError(f"annotations may name {', '.join(sorted(ANNOTATIONS))}")
    return names


def _unknown_type(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return not isinstance(node.value, ast.Name) or node.value.id != "list"
    return isinstance(node, ast.Name) and node.id not in ANNOTATIONS


def _check_names(names: set[str]) -> None:
    if wrong := [name for name in sorted(names) if name.startswith("__")]:
        raise RefusedProgramError(f"{wrong[0]}: names do not begin with two underscores")


def _check(node: ast.AST, local: frozenset[str], *, looped: bool) -> None:
    """Refuse what is allowed by its node but not where it stands or with what it holds."""
    rule = COMPLAINTS.get(type(node))
    if rule and (complaint := rule(node, local, looped)):
        raise RefusedProgramError(complaint)
    for child in _rest(node):
        _check(child, local, looped=looped or isinstance(node, ast.For | ast.While))


def _rest(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children of a node that are still to be checked: of a call, not the name of what is called."""
    if not isinstance(node, ast.Call):
        yield from ast.iter_child_nodes(node)
        return
    if isinstance(node.func, ast.Attribute):
        yield node.func.value
    yield from node.args
    yield from (keyword.value for keyword in node.keywords)


def _of_call(node: Any, local: frozenset[str], looped: bool) -> str:
    called = node.func
    if isinstance(called, ast.Attribute):
        name, known = called.attr, any(called.attr in names for names in METHODS.values())
    elif isinstance(called, ast.Name):
        name, known = called.id, called.id in local or called.id in FUNCTIONS or called.id not in BUILTINS
        known = known and not name.startswith("__")
    else:
        return "only functions and methods are called by name"
    if [k.arg for k in node.keywords] not in ([], ["reverse"]) or (node.keywords and name not in ("sorted", "sort")):
        return f"{name} is called with a keyword"
    return "" if known else f"{name} is no function or method of the language"


def _of_constant(node: Any, local: frozenset[str], looped: bool) -> str:
    value = node.value
    if isinstance(value, bool | None):
        return ""
    if isinstance(value, int):
        return "" if value <= MOST_INTEGER else "a number is too large"
    if isinstance(value, str):
        return "" if len(value) <= MOST_ELEMENTS else "a text is too long"
    return f"a constant of type {type(value).__name__}"


def _of_name(node: Any, local: frozenset[str], looped: bool) -> str:
    unknown = node.id.startswith("__") or (node.id in BUILTINS and node.id not in local)
    return f"{node.id} stands where a value is expected" if unknown else ""


def _of_compare(node: Any, local: frozenset[str], looped: bool) -> str:
    pairs = zip(node.ops, node.comparators, strict=True)
    wrong = any(
        isinstance(op, ast.Is | ast.IsNot) and not (isinstance(v, ast.Constant) and v.value is None) for op, v in pairs
    )
    return "only None is compared with is" if wrong else ""


def _assignable(target: ast.expr) -> bool:
    """Tell whether this can be assigned to: a name, an element of a list, or names with commas."""
    if isinstance(target, ast.Tuple):
        return all(isinstance(part, ast.Name) for part in target.elts)
    return isinstance(target, ast.Name) or (
        isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice | ast.Tuple)
    )


def _assigned(targets: list[ast.expr]) -> str:
    return "" if all(map(_assignable, targets)) else "only names and elements of lists are assigned"


COMPLAINTS: dict[type[ast.AST], Any] = {
    ast.FunctionDef: lambda node, local, looped: "a function within the function",
    ast.Attribute: lambda node, local, looped: "an attribute that is not called",
    ast.Break: lambda node, local, looped: "" if looped else "break outside a loop",
    ast.Continue: lambda node, local, looped: "" if looped else "continue outside a loop",
    ast.For: lambda node, local, looped: "else after a loop" if node.orelse else _assigned([node.target]),
    ast.While: lambda node, local, looped: "else after a loop" if node.orelse else "",
    ast.comprehension: lambda node, local, looped: "async" if node.is_async else _assigned([node.target]),
    ast.Assign: lambda node, local, looped: _assigned(node.targets),
    ast.AugAssign: lambda node, local, looped: _assigned([node.target]),
    ast.Call: _of_call,
    ast.Constant: _of_constant,
    ast.Name: _of_name,
    ast.Compare: _of_compare,
}
"""What is wrong with a node by its type: ``(node, local names, whether it stands in a loop) -> complaint or empty``."""
