"""The interpreters: the same results as CPython on what both accept, and no way out of the list or past the limits."""

from __future__ import annotations

import ast
import random
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angels_share.interpreter import FailedProgramError, Outcome, RefusedProgramError, python, stack
from angels_share.interpreter.budget import MOST_STEPS
from angels_share.interpreter.grammar import ALLOWED, FUNCTIONS, METHODS
from angels_share.interpreter.machine import EXPRESSIONS, STATEMENTS, Machine

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


# --- by hand ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("return x + 1", "4"),
        ("return x // 2 * 2 + x % 2 - (x ** 2)", "-6"),
        ("return [i * i for i in range(x) if i % 2 == 0 or i == 1]", "[0, 1, 4]"),
        ("return sum(i for i in [1, 2, x] if i > 1)", "5"),
        ("a, b = 1, x\n    a, b = b, a\n    return [a, b]", "[3, 1]"),
        ("t = []\n    for i in range(x):\n        if i == 1: continue\n        t.append(i)\n    return t", "[0, 2]"),
        ("while True:\n        x -= 1\n        if x < 0:\n            break\n    return x", "-1"),
        ("return 'big' if x > 2 else 'small'", "'big'"),
        ("return 1 < x <= 3 and not x == 2", "True"),
        ("return f(x - 1) + x if x > 0 else 0", "6"),
        ("return sorted([2, x, 1], reverse=True)[::-1]", "[1, 2, 3]"),
        ("return ' '.join(['a', 'b'] * 2).upper()", "'A B A B'"),
        ("ys = [1]\n    zs = ys\n    zs += [x]\n    return ys", "[1, 3]"),
        ("ys = [1]\n    zs = ys\n    zs *= 2\n    return ys", "[1, 1]"),
        ("return [(i, c) for i, c in enumerate('ab')]", "[(0, 'a'), (1, 'b')]"),
        ("return list(zip([1, 2], reversed([3, 4])))", "[(1, 4), (2, 3)]"),
        ("return None is None", "True"),
        ("sum = 0\n    for max in [x]:\n        sum += max\n    return sum", "3"),
        ("pass", "None"),
        ("return y", "fails: NameError"),
        ("return [1][x]", "fails: IndexError"),
        ("return x // 0", "fails: ZeroDivisionError"),
        ("return x + 'a'", "fails: TypeError"),
        ("return x.append(1)", "fails: AttributeError"),
        ("return [1].index(x)", "fails: ValueError"),
        ("sum = 1\n    return sum([1])", "fails: TypeError"),
        ("return f()", "fails: TypeError"),
        ("return sum([[1], [2]], [])", "fails: unsupported"),
        ("return (i for i in [1])", "fails: unsupported"),
    ],
)  # fmt: skip
def test_results_by_hand_and_in_cpython(body: str, value: str) -> None:
    source = f"def f(x):\n    {body}\n"
    assert says(source, 3) == value
    if "unsupported" not in value:
        assert cpython(source, (3,)) == value


def test_arguments_are_not_changed() -> None:
    given = [3, [1]]
    assert says("def f(xs):\n    xs[1].append(2)\n    xs.pop(0)\n    return xs", given) == "[[1, 2]]"
    assert given == [3, [1]]


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "def f(x):\n    import os",
        "def f(x): return __import__('os')",
        "def f(x): return x.__class__",
        "def f(x): return x.__class__()",
        "def f(x): return [].__init__()",
        "def f(x): return eval('1')",
        "def f(x): return open('/etc/passwd')",
        "def f(x): return getattr(x, 'a')",
        "def f(x): return len",
        "def f(x): return (lambda: 1)()",
        "def f(x): return print",
        "def f(x): return '{0.__class__}'.format(x)",
        "def f(x): return f'{x}'",
        "def f(x): return 1.5",
        "def f(x): return x / 2",
        "def f(x): return {1: 2}",
        "def f(x): return {1}",
        "def f(x):\n    global y\n    y = 1",
        "def f(x):\n    def g(): return 1\n    return g()",
        "class f: pass",
        "def f(x):\n    try:\n        return 1\n    except Exception:\n        return 2",
        "def f(x):\n    with x: pass",
        "def f(x): yield 1",
        "async def f(x): return 1",
        "def f(*x): return x",
        "def f(x=1): return x",
        "def f(x, x): return x",
        "@f\ndef f(x): return x",
        "def f(x: open): return x",
        "def f(x): return x\nf(1)",
        "def f(x): return x\ndef g(x): return x",
        "def f(x): break",
        "def f(x):\n    for len in x: pass\n    return [len for len in x]",
        "def f(x): return (y := 1)",
        "def f(x): return [*x]",
        "def f(x): return f(*x)",
        "def f(x): return x is 1",
        "def f(x): return sorted(x, key=x)",
        "def f(x): del x",
        "def f(x): assert x",
        "def f(x):\n    __debug__ = 1",
        "def len(x): return x",
        "def f(x): return 99999999999999999999999",
        "def f(x): return ...",
        "def f(x): return b'a'",
        "def f(x): return '" + "a" * 1500 + "'",
        "def f(x): return " + "(" * 300 + "x" + ")" * 300,
        "def f(x): return " + "[" * 300,
        "def f(x): return " + "-" * 900 + "1",
        "def f(x): return " + "+".join(["1"] * 400),
        "def f(x): return " + "not " * 200 + "x",
        "def f(x): return x" + "[0]" * 200,
        "def f(x): return " + "9" * 5000,
        "def f(x): return '\\d' + \x00",
        "def f(x): return '\ud800'",
        "def f(x):\nreturn x",
        "",
        "x" * 10**6,
    ],
)  # fmt: skip
def test_what_is_not_on_the_list_is_refused(source: str) -> None:
    assert refused(source), says(source, 1)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("while True: pass", "steps"),
        ("while True: x = x", "steps"),
        ("return 9**9**9", "size"),
        ("return 2**100", "size"),
        ("return 10**15 * 10", "size"),
        ("return 'a' * 10**9", "size"),
        ("return [0] * 10**9", "size"),
        ("return 10**9 * (1, 2)", "size"),
        ("return list(range(10**12))", "size"),
        ("return 'a' in range(10**12)", "size"),
        ("return int('9' * 900)", "size"),
        ("return ('a' * 900).replace('a', 'a' * 900)", "size"),
        ("return ('a' * 900).join(['a' * 900] * 900)", "size"),
        ("while True: x = x + x", "size"),
        ("x = 'a'\n    while True: x += x", "size"),
        ("x = []\n    while True: x.append(1)", "steps"),
        ("x = []\n    for i in [0]: x.append(x)\n    return x", "size"),
        ("x = []\n    for i in [0]: x.append(x)\n    return x == x", "size"),
        ("x = [0]\n    for i in x: x.append(i)", "steps"),
        ("x = [0]\n    for i in range(60): x = [x, x]\n    return x", "size"),
        ("x = [0]\n    y = [0]\n    for i in range(60): x, y = [x, x], [y, y]\n    return x == y", "size"),
        ("x = [0]\n    for i in range(60): x = [x, x]\n    return str(x)", "size"),
        ("return f(x)", "depth"),
        ("return f(f(x))", "depth"),
        ("return [f(i) for i in range(3)]", "depth"),
        ("return [1 for a in range(99) for b in range(99) for c in range(99) for d in range(99)]", "steps"),
        ("return sum(1 for a in range(999) for b in range(999))", "steps"),
        ("return max([[0] * 900] * 900)", "steps"),
        ("x = (i for i in [1])\n    for i in range(550): x = (j for j in x)\n    return list(x)", "depth"),
        ("return '%1000000000d' % 1", "unsupported"),
    ],
)  # fmt: skip
def test_every_bomb_meets_a_limit_at_once(body: str, kind: str) -> None:
    source = f"def f(x):\n    {body}\n"
    start = time.process_time()
    assert says(source, 3) == f"fails: {kind}"
    assert time.process_time() - start < 1


def test_every_allowed_node_is_interpreted_and_no_other() -> None:
    kinds = {node for node in ALLOWED if issubclass(node, ast.stmt | ast.expr)}
    apart = {ast.FunctionDef, ast.Attribute}
    assert set(STATEMENTS) | set(EXPRESSIONS) == kinds - apart
    for name in FUNCTIONS:
        assert refused(f"def f(x): return {name}")


def test_steps_are_counted() -> None:
    machine = Machine(python.parse("def f(x): return x"))
    assert machine.result([1]) == "1"
    assert 0 < machine.steps < 10


def test_literals_and_equations() -> None:
    assert python.literal(" [1, -2, (True, None), 'a'] ") == [1, -2, (True, None), "a"]
    assert python.equation("f([1], 'a') == -3", "f") == ([[1], "a"], -3)
    for wrong in (
        "f(1)",
        "g(1) == 1",
        "f(1) == 1 == 1",
        "f(x) == 1",
        "f(1) == g(1)",
        "f(1) < 2",
        "f(*[1]) == 1",
        "1 == f(1)",
    ):
        with pytest.raises(RefusedProgramError):
            python.equation(wrong, "f")
    for wrong in ("x", "1 + 1", "-'a'", "-True", "[" * 99, "", "1.0", "{1}"):
        with pytest.raises(RefusedProgramError):
            python.literal(wrong)


# --- fuzz ------------------------------------------------------------------------------------------------------------

NAMES = ("xs", "n", "s", "a", "b", "i")
SMALL = ("0", "1", "2", "-1", "7", "True", "''", "'a'", "'ab c'", "[]", "[1, 2]", "[[1], 2]", "None", "(1, 2)")


class Grammar:
    """Random programs that mean something more often than not."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.kinds = self.kinds_of()

    def program(self) -> str:
        lines = ["def f(xs, n, s):", "    a, b, i = 0, [], 1"][: 2 if self.r.random() < 0.9 else 1]
        return "\n".join([*lines, *self.block(1, 3), f"    return {self.expression(3)}"]) + "\n"

    def block(self, level: int, most: int, *, looped: bool = False) -> list[str]:
        return [line for _ in range(self.r.randint(1, most)) for line in self.statement(level, looped=looped)]

    def statement(self, level: int, *, looped: bool) -> list[str]:
        pad, e = "    " * level, self.expression
        kind = self.r.choice(("asssummfiwt" if level < 4 else "asum") + "b" * looped)
        if kind == "a":
            return [f"{pad}{self.target()} = {e(2)}" if self.r.random() < 0.5 else f"{pad}a = {self.number(2)}"]
        if kind == "u":
            return [f"{pad}{self.target(plain=True)} {self.r.choice('+-*%')}= {e(1)}"]
        if kind == "m":
            return [
                f"{pad}{self.r.choice(('xs', 'b'))}.append({e(2)})",
                f"{pad}{self.r.choice(('xs', 'b'))}.{self.method(list)}",
            ]
        if kind == "f":
            targets = self.r.choice(("a", "i", "i, a"))
            return [f"{pad}for {targets} in {self.many(2)}:", *self.block(level + 1, 2, looped=True)]
        if kind == "w":
            return [f"{pad}while {e(2)}:", *self.block(level + 1, 2, looped=True), f"{pad}    n -= 1"]
        if kind == "i":
            orelse = [f"{pad}else:", *self.block(level + 1, 1)] if self.r.random() < 0.5 else []
            return [f"{pad}if {e(2)}:", *self.block(level + 1, 2, looped=looped), *orelse]
        if kind == "b":
            return [f"{pad}if {e(2)}:", f"{pad}    {self.r.choice(('break', 'continue'))}"]
        if kind == "t":
            return [f"{pad}if {e(1)}:", f"{pad}    return {e(2)}"]
        return [f"{pad}{self.r.choice('ai')} = {self.number(3)}", f"{pad}b = [{self.number(1)} for i in xs]"]

    def target(self, *, plain: bool = False) -> str:
        return self.r.choice(("a", "b", "i", "xs[0]", "b[a]", "xs[i]", *(() if plain else ("a, b", "a = i"))))

    def method(self, owner: type) -> str:
        name = self.r.choice(sorted(METHODS[owner]))
        n = {"insert": 2, "replace": 2, "clear": 0, "copy": 0, "reverse": 0, "sort": 0}.get(name)
        n = self.r.choice((0, 1)) if n is None and owner is str else 1 if n is None else n
        return f"{name}({', '.join(self.expression(1) for _ in range(n))})"

    def many(self, depth: int) -> str:
        e = self.expression
        return self.r.choice(
            ("xs", "b", "s", f"range({e(1)})", f"enumerate({e(1)})", f"zip(xs, {e(1)})", f"reversed({e(1)})",
             f"xs[{e(0)}:]", f"({e(1)} for i in xs)", e(depth))
        )  # fmt: skip

    def number(self, depth: int) -> str:
        """Return an expression that is a whole number, unless the program has given a name something else."""
        r = self.r
        if depth <= 0 or r.random() < 0.4:
            return r.choice(
                ("n", "a", "i", "len(xs)", "len(s)", "sum(xs)", "max(xs)", "xs[0]", "xs[-1]", "2", "7", "-1")
            )
        return f"({self.number(depth - 1)} {r.choice(('+', '-', '*', '//', '%'))} {self.number(depth - 1)})"

    def expression(self, depth: int) -> str:
        r = self.r
        if depth <= 0 or r.random() < 0.2:
            return r.choice((*NAMES, *NAMES, *SMALL))
        return r.choice(self.kinds)(depth - 1)

    def kinds_of(self) -> list[Callable[[int], str]]:
        r, e = self.r, self.expression
        return [
            self.number,
            self.number,
            lambda d: f"({e(d)} {r.choice(('+', '-', '*', '//', '%', '**'))} {e(d)})",
            lambda d: f"({self.number(d)} {r.choice(('<', '<=', '>', '>=', '==', '!='))} {self.number(d)})",
            lambda d: f"({e(d)} {r.choice(('<', '>=', '==', '!=', 'in', 'not in'))} {e(d)})",
            lambda d: f"({e(d)} {r.choice(('<', '=='))} {e(d)} {r.choice(('<', '==', 'in'))} {e(0)})",
            lambda d: f"({e(d)} {r.choice(('and', 'or'))} {e(d)})",
            lambda d: f"({r.choice(('not ', '-', '+'))}{e(d)})",
            lambda d: f"{r.choice(('xs', 's', e(d)))}[{r.choice(('i', 'a', '0', '-1', ':1', '::-1', e(0) + ':'))}]",
            lambda d: f"[{', '.join(e(d) for _ in range(r.randint(0, 3)))}]",
            lambda d: f"[{e(d)} for {r.choice(('i', 'a', 'i, a'))} in {self.many(d)} if {e(d)}]",
            lambda d: f"{r.choice(('sum', 'max', 'min', 'any', 'all', 'list', 'sorted'))}({e(d)} for i in xs)",
            lambda d: f"({e(d)} if {e(d)} else {e(d)})",
            lambda d: f"xs.{self.method(list)}",
            lambda d: f"s.{self.method(str)}",
            lambda d: (
                f"{r.choice(sorted(FUNCTIONS))}({', '.join(self.many(d) for _ in range(r.choice((1, 1, 1, 2))))})"
            ),
        ]


def fuzzed(seeds: range) -> dict[str, int]:
    """Compare both interpreters on programs of the grammar; return how many had a value, failed, or met a limit."""
    found = {"value": 0, "failure": 0, "limit": 0, "refused": 0}
    for seed in seeds:
        source = Grammar(seed).program()
        if refused(source):
            found["refused"] += 1
            continue
        said = says(source, *ARGUMENTS)
        if said.removeprefix("fails: ") in OWN:
            found["limit"] += 1
            continue
        found["failure" if said.startswith("fails") else "value"] += 1
        assert said == cpython(source, ARGUMENTS), source
    return found


def test_same_as_cpython_on_generated_programs() -> None:
    found = fuzzed(range(800))
    assert found["value"] > 100, found
    assert found["failure"] > 200, found
    assert found["refused"] < 80, found


@pytest.mark.slow
def test_same_as_cpython_on_ten_thousand_programs() -> None:
    assert fuzzed(range(10_000, 20_000))["value"] > 2000


WORDS = (
    *NAMES, *SMALL, *FUNCTIONS, "for", "in", "if", "else", "while", "return", "def", "lambda", "import", "os", "eval",
    "__class__", "__import__", "exec", "yield", "await", "(", ")", "[", "]", "{", "}", ":", ",", ".", "=", "+", "*",
    "**", "//", "\n    ", "\n", "9" * 20, "'" + "a" * 50 + "'", "*", ":=", "@", "...", "\\", "\x00", "é", "\ud800",
    "f'{x}'",
)  # fmt: skip


def mutated(seed: int) -> str:
    """Return a program of the grammar with some of its characters or words exchanged for others."""
    r = random.Random(seed)
    source = Grammar(seed).program()
    for _ in range(r.randint(1, 4)):
        at, to = sorted((r.randrange(len(source)), min(len(source), r.randrange(len(source)) + 1)))
        cut = source[at : min(to, at + 4)]
        source = source[:at] + r.choice((r.choice(WORDS), chr(r.randrange(128)), "", cut * 2)) + source[at + len(cut) :]
    return source


def test_mutated_programs_are_refused_or_end_the_same() -> None:
    accepted = 0
    for seed in range(1500):
        source = mutated(seed)
        if refused(source):
            continue
        accepted += 1
        said = says(source, *ARGUMENTS)
        nodes = {type(node) for node in ast.walk(ast.parse(source))}
        assert nodes <= {*ALLOWED, ast.Module}, source
        if said.removeprefix("fails: ") not in OWN:
            assert said == cpython(source, ARGUMENTS), source
    assert 50 < accepted < 1450


@settings(max_examples=50)
@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)))
def test_any_text_is_refused_or_runs(text: str) -> None:
    for source in (text, f"def f(xs, n, s):\n    {text}", f"def f(xs, n, s): return {text}"):
        if not refused(source):
            python.run(python.parse(source), ARGUMENTS)


def test_no_program_takes_more_steps_than_there_are() -> None:
    for seed in range(100):
        source = Grammar(seed).program()
        if not refused(source):
            machine = Machine(python.parse(source))
            with suppress(FailedProgramError):
                machine.result([list(ARGUMENTS[0]), *ARGUMENTS[1:]])
            assert machine.steps < MOST_STEPS + 20_000


# --- stack programs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "pile", "left"),
    [
        ("push oak", "", "oak"),
        ("push oak push ash swap pop", "elm", "elm ash"),
        ("copy, turn", "fir elm", "elm elm fir"),
        ("pop pop", "elm fir yew", "elm"),
        ("turn", "elm fir yew", "yew fir elm"),
        ("pop pop", "elm", "fails: IndexError"),
        ("swap", "elm", "fails: IndexError"),
        ("copy", "", "fails: IndexError"),
        (" ".join(["copy"] * 32), " ".join(["elm"] * 60), "fails: size"),
    ],
)
def test_stack_programs_by_hand(program: str, pile: str, left: str) -> None:
    assert str(stack.run(stack.parse(program), pile.split())) == left


@pytest.mark.parametrize(
    "text", ["", "push", "push swap", "oak", "push oak ash", "Push oak", "push oak; pop", "pop " * 33, "push 3", "é"]
)
def test_what_is_no_stack_program_is_refused(text: str) -> None:
    with pytest.raises(RefusedProgramError):
        stack.parse(text)


def test_an_outcome_is_a_value_or_a_failure() -> None:
    assert str(Outcome(value="")) == ""
    assert str(Outcome(failure="steps")) == "fails: steps"
