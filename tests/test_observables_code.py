"""The observable of code: how programs, patches and tests are read from answers, and what counts as the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from angels_share.discrepancies import get as get_discrepancy
from angels_share.interpreter import RefusedProgramError
from angels_share.observables import get_utility, observe
from angels_share.observables.code import OTHERS, behaviour, function_in, patched

STACK: dict[str, Any] = {
    "stratum": "debug", "language": "stack", "level": 1, "begun": "", "visible": 1, "gold": 1,
    "program": "push oak, swap", "shown": "push ash, swap", "attempt": "push ash, swap",
    "tests": [["elm", "oak elm"], ["elm fir", "elm oak fir"]],
    "choices": ["push ash, swap", "push oak, swap", "push oak", "push oak, turn"],
}  # fmt: skip
WRONG = "def f(xs):\n    total = 0\n    for x in xs:\n        total -= x\n    return total"
DEBUG: dict[str, Any] = STACK | {
    "language": "python", "level": 3, "begun": "line", "shown": WRONG, "program": WRONG.replace("-=", "+="),
    "tests": [["[2]", "2"], ["[]", "0"], ["[1, 2]", "3"]],
    "choices": ["4: total -= x", "4: total += x", "4: total = x", "4: total += 1"],
}  # fmt: skip
HIDDEN: dict[str, Any] = DEBUG | {
    "stratum": "hidden", "begun": "def f(xs):", "shown": "", "attempt": "",
    "choices": [" return 2", " return sum(xs)", " return len(xs)", " return xs[0]"],
}  # fmt: skip
TEST: dict[str, Any] = DEBUG | {
    "stratum": "testgen", "begun": "f(", "visible": 0,
    "choices": ["[2]) == -2", "[2]) == 2", "[2]) == 3", "[2]) == 4"],
}  # fmt: skip


def share(item: dict[str, Any], *answers: str) -> float:
    return float(get_utility("share_passing").over([item], [list(answers)])[0])


@pytest.mark.parametrize(
    ("item", "answer"),
    [
        (STACK, "push oak, swap"),
        (STACK, " push oak swap. That is all."),
        (STACK, "\n`push oak, swap`\nBecause"),
        (DEBUG, " 4: total += x"),
        (DEBUG, "Line 4: total += x\nThat mends it.\n2: total = 7"),
        (DEBUG, "The line is\n4:         total = total + x`"),
        (DEBUG, "4. total += x"),
        (HIDDEN, "\n    return sum(xs)\n\nExample:"),
        (HIDDEN, "```python\ndef f(numbers):\n    return sum(numbers)\n```\nreturn 4"),
        (HIDDEN, "\n    t = 0\n    for x in xs:\n        t += x\n    return t\nprint(f([1]))"),
        (TEST, "[2]) == 2"),
        (TEST, " [1, 1, 4]) == 6\nbecause"),
        (TEST, "assert f([5]) == 5"),
        (TEST, "`f([5]) == 5`."),
    ],
)
def test_right_answers_in_many_forms(item: dict[str, Any], answer: str) -> None:
    assert share(item, answer) == 1.0


@pytest.mark.parametrize(
    ("item", "answer"),
    [
        (STACK, ""),
        (STACK, "The program is push oak, swap"),
        (STACK, "push oak ash"),
        (DEBUG, ""),
        (DEBUG, "total += x"),
        (DEBUG, "9: total += x"),
        (DEBUG, "0: total += x"),
        (DEBUG, "4: import os"),
        (DEBUG, "4: total += x.__class__"),
        (HIDDEN, ""),
        (HIDDEN, "\n    return open('x').read()"),
        (HIDDEN, "\nreturn sum(xs)"),
        (TEST, ""),
        (TEST, "[2]) > 1"),
        (TEST, "xs) == 2"),
        (TEST, "__import__('os')) == 2"),
    ],
)
def test_what_is_no_program_is_invalid(item: dict[str, Any], answer: str) -> None:
    with pytest.raises(RefusedProgramError):
        behaviour(item, answer)
    seen = observe("code_behaviours", [item], [[answer] * 8])
    assert seen.invalid.tolist() == [1.0]
    assert seen.values[0, -1] == 8
    assert share(item, answer) == 0.0


def test_behaviours_by_hand() -> None:
    assert behaviour(STACK, "pop pop") == ("fails: IndexError", "")
    assert behaviour(DEBUG, "4: total = xs[1]") == ("fails: IndexError", "0", "2")
    assert behaviour(DEBUG, "4: total += 1") == ("1", "0", "2")
    assert behaviour(HIDDEN, "\n    while True: pass") == ("fails: steps",) * 3
    assert behaviour(TEST, "[2]) == 2") == ("passes", "fails", "")
    assert behaviour(TEST, "[]) == 0") == ("passes", "passes", "")
    assert behaviour(TEST, "[2]) == -2") == ("fails", "passes", "")
    assert behaviour(TEST, "[2]) == 7") == ("fails", "fails", "7")


def test_a_test_of_a_stack_program() -> None:
    item = STACK | {"stratum": "testgen", "program": "push oak", "shown": "push ash"}
    assert behaviour(item, "elm, fir gives elm, fir, oak") == ("passes", "fails", "")
    assert behaviour(item | {"level": 0}, "elm is elm ash") == ("fails", "passes", "")
    with pytest.raises(RefusedProgramError):
        behaviour(item, "elm is elm oak")


def test_counts_by_hand() -> None:
    answers = [
        "push oak swap",
        "push oak, turn",
        "push ash swap",
        "push yew",
        "push fir",
        "nonsense",
        "push oak swap",
        "",
    ]
    seen = observe("code_behaviours", [STACK], [answers])
    assert seen.values[0, :4].tolist() == [1, 2, 0, 1]
    assert seen.values[0, 4 : 4 + OTHERS].sum() == 2
    assert seen.values[0, -1] == 2
    assert len(seen.categories) == seen.values.shape[1] == 4 + OTHERS + 1
    assert seen.features is not None
    assert seen.features.tolist() == [[1, 1, 0, 0, 0, 0, 1, 0]]
    assert share(STACK, *answers) == 2 / 8


def test_programs_that_do_the_same_are_the_same() -> None:
    same = observe(
        "code_behaviours",
        [HIDDEN] * 2,
        [[" return sum(xs)"] * 8, ["\n    t = 0\n    for x in xs: t = t + x\n    return t"] * 8],
    )
    between = get_discrepancy("half_squared_distance_sampled").between
    assert between(same.values[:1], same.values[1:]).tolist() == [0.0]
    other = observe("code_behaviours", [HIDDEN], [[" return 5"] * 8])
    assert between(same.values[:1], other.values).tolist() == [1.0]


def test_wrong_behaviours_spread_over_the_columns() -> None:
    used = [
        int(observe("code_behaviours", [HIDDEN], [[f" return {k}"] * 8]).values[0].argmax()) for k in range(100, 200)
    ]
    counts = np.bincount(used, minlength=4 + OTHERS + 1)[4 : 4 + OTHERS]
    assert counts.sum() == 100
    assert (counts > 0).sum() > 12


def test_lines_are_put_in_their_place() -> None:
    assert patched(WRONG, "4: total += x\n5: return -total") == WRONG.replace("-=", "+=").replace(
        "return t", "return -t"
    )
    assert function_in("    return 1\nelse", "def f(xs):\n") == "def f(xs):\n    return 1"
