"""The interpreters: the same results as CPython on what both accept, and no way out of the list or past the limits."""

from __future__ import annotations

import ast
import time

import pytest

from angels_share.interpreter import Outcome, RefusedProgramError, python, stack
from angels_share.interpreter.grammar import ALLOWED, FUNCTIONS
from angels_share.interpreter.machine import EXPRESSIONS, STATEMENTS, Machine
from programs import cpython, refused, says

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
