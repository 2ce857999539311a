"""Programs made at random: the same results as CPython on what both accept, and no way past the limits."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angels_share.interpreter import FailedProgramError, python
from angels_share.interpreter.budget import MOST_STEPS
from angels_share.interpreter.grammar import ALLOWED, FUNCTIONS, METHODS
from angels_share.interpreter.machine import Machine
from programs import ARGUMENTS, OWN, cpython, refused, says

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
