"""Stack programs for levels 0 to 2 of the code task, with their mutants and what is told of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from angels_share.caskworld import NAMES
from angels_share.interpreter import stack
from angels_share.items import Stream

Program = tuple[stack.Operation, ...]

LENGTH = (3, 4, 6)
"""Operations of a program by level."""

RUNGS = ((1, 2), (0, 1, 2), (1, 2, 3))
"""Operations of a program other than push, by level."""

PILES = (2, 3, 2, 4, 2)
"""Names of the piles that a program is tested on; the first is shown."""

SHOWN = {"debug": 1, "hidden": 1, "testgen": 0, "failed": 1}
"""Tests that a prompt shows, by stratum."""

KINDS = tuple(stack.OPERATIONS)

TOY_SPEC = {"push": "{} last", "pop": "not last", "swap": "odd last", "copy": "last last", "turn": "last first"}
SPEC = {
    "push": "put {} on top",
    "pop": "take off the top",
    "swap": "exchange the top two",
    "copy": "double the top",
    "turn": "turn the pile over",
}
"""What operations do, in words that are not their names."""

RULES = (
    "A pile is written from the bottom to the top. push puts a name on top, pop takes off the top, swap exchanges the "
    "top two, copy doubles the top, turn turns the pile over."
)


class Case(NamedTuple):
    """A program with the piles that it is tested on."""

    program: Program
    piles: tuple[tuple[str, ...], ...]

    def results(self, program: Program) -> tuple[str, ...]:
        """Return what a program makes of each pile."""
        return tuple(str(stack.run(program, pile)) for pile in self.piles)

    def shown(self, program: Program) -> str:
        """Return what a program makes of the first pile, which the shown test is about."""
        return str(stack.run(program, self.piles[0]))


def problem(s: Stream, level: int, stratum: str, rung: int, admits: Callable[[str], bool]) -> dict[str, Any]:
    """Return what an item of a stratum holds, the right one of its choices first; it is about what is admitted.

    That is the pile shown with what becomes of it; or the right program, where that is shown.
    """
    while True:
        case = _case(s, level, rung)
        if not case:
            continue
        results = case.results(case.program)
        about = written(case.program, level) if stratum == "testgen" else f"{' '.join(case.piles[0])} to {results[0]}"
        made = MAKERS[stratum](s, level, case) if admits(json.dumps(about)) else None
        if made:
            tests = [[" ".join(pile), result] for pile, result in zip(case.piles, results, strict=True)]
            return {"about": about, "program": written(case.program, level), "tests": tests, **made}


def written(program: Program, level: int) -> str:
    """Return a program as it is told, with commas above level 0."""
    return (", " if level else " ").join(f"{op} {name}".strip() for op, name in program)


def _case(s: Stream, level: int, rung: int) -> Case | None:
    """Draw a program and piles, all of which it takes, or None where one of its operations does nothing."""
    names = s.sample(NAMES, LENGTH[level] + sum(PILES))
    kinds = s.shuffled(["push"] * (LENGTH[level] - rung) + [s.choice(KINDS) for _ in range(rung)])
    program = tuple((kind, names[k] if kind == "push" else "") for k, kind in enumerate(kinds))
    piles = tuple(tuple(s.sample(NAMES, size)) for size in PILES)
    case = Case(program, piles)
    results = case.results(program)
    shorter = [case.results(program[:k] + program[k + 1 :]) for k in range(len(program))]
    sound = results not in shorter and all(r and not r.startswith("fails") for r in results)
    return case if sound else None


def edits(program: Program, names: list[str]) -> list[Program]:
    """Return every program that differs in one operation, with these names to push."""
    operations: list[stack.Operation] = [*((kind, "") for kind in KINDS), *(("push", name) for name in names)]
    return [
        (*program[:k], operation, *program[k + 1 :])
        for k in range(len(program))
        for operation in operations
        if operation != program[k]
    ]


def _mutants(s: Stream, case: Case) -> list[Program]:
    """Return programs with one wrong operation, in random order, that run and that all do something different."""
    pushed = [name for _, name in case.program if name]
    pool = s.sample([*pushed, *case.piles[0], *s.sample(NAMES, 2)], 4)
    found = {case.results(case.program): case.program}
    for mutant in s.shuffled(edits(case.program, list(dict.fromkeys(pool)))):
        results = case.results(mutant)
        if all(r and not r.startswith("fails") for r in results):
            found.setdefault(results, mutant)
    return list(found.values())[1:]


def _failing(case: Case, programs: list[Program]) -> list[Program]:
    """Return the programs that fail the shown test."""
    wanted = case.shown(case.program)
    return [program for program in programs if case.shown(program) != wanted]


def _clear(case: Case, wrong: Program) -> bool:
    """Tell whether every change of one operation that passes the shown test is right on all of them."""
    right = case.results(case.program)
    names = dict.fromkeys([*(name for _, name in wrong if name), *case.piles[0], *right[0].split()])
    repairs = (program for program in edits(wrong, list(names)) if case.shown(program) == right[0])
    return all(case.results(program) == right for program in repairs)


def _debug(s: Stream, level: int, case: Case) -> dict[str, Any] | None:
    failing = _failing(case, _mutants(s, case))
    if len(failing) < 3 or not _clear(case, failing[0]):
        return None
    wrong = written(failing[0], level)
    return {
        "told": _told(case, level, [failing[0]]),
        "shown": wrong,
        "attempt": wrong,
        "choices": [written(program, level) for program in (case.program, *failing[:3])],
    }


def _failed(s: Stream, level: int, case: Case) -> dict[str, Any] | None:
    failing = _failing(case, _mutants(s, case))
    if len(failing) < 3 or not _clear(case, failing[0]):
        return None
    second = next((p for p in failing[1:] if sum(a != b for a, b in zip(p, failing[0], strict=True)) == 1), failing[1])
    third = next(p for p in failing[1:] if p != second)
    return {
        "told": _told(case, level, [failing[0], second]),
        "shown": written(failing[0], level),
        "attempt": written(second, level),
        "choices": [written(program, level) for program in (case.program, failing[0], second, third)],
    }


def _told(case: Case, level: int, wrong: list[Program]) -> str:
    """Return what is wanted, and the programs that do not do it with what they do."""
    start, wanted = " ".join(case.piles[0]), case.shown(case.program)
    tried = [(written(program, level), case.shown(program)) for program in wrong]
    if level == 0:
        return " , ".join([f"{start} is {wanted}", *(f"wrong {p} is {got}" for p, got in tried), "right"])
    if level == 1:
        return " ".join([f"From {start} to {wanted}.", *(f"Wrong: {p}. It gives {got}." for p, got in tried), "Right:"])
    told = [f"This program is wrong: {tried[0][0]}. It leaves {tried[0][1]}."]
    told += [f"This change of it is wrong too: {p}. It leaves {got}." for p, got in tried[1:]]
    opening = "One operation is wrong. Answer: The right program is"
    return " ".join([f"The pile is {start} and must become {wanted}.", *told, opening])


def _hidden(s: Stream, level: int, case: Case) -> dict[str, Any] | None:
    mutants, wanted = _mutants(s, case), case.shown(case.program)
    passing = [program for program in mutants if case.shown(program) == wanted]
    if len(mutants) < 3 or (not passing and any(op != "push" for op, _ in case.program)):
        return None
    others = [*passing[:1], *(program for program in mutants if program not in passing[:1])][:3]
    spec, start = TOY_SPEC if level == 0 else SPEC, " ".join(case.piles[0])
    steps = [spec[op].format(name) for op, name in case.program]
    if level == 0:
        told = " , ".join([f"seek {steps[0]}", *steps[1:], f"{start} is {wanted}", "right"])
    elif level == 1:
        told = f"Do this: {', '.join(steps)}. From {start} to {wanted}. Right:"
    else:
        told = (
            f"Write the program that does this: {', '.join(steps)}. For example, it turns {start} into {wanted}. "
            "Answer: The right program is"
        )
    return {"told": told, "choices": [written(program, level) for program in (case.program, *others)]}


def _testgen(s: Stream, level: int, case: Case) -> dict[str, Any] | None:
    failing = _failing(case, _mutants(s, case))
    results = list(dict.fromkeys(case.shown(program) for program in failing))
    if len(results) < 3:
        return None
    right, wrong = written(case.program, level), written(failing[0], level)
    if level == 0:
        told = f"right {right} , wrong {wrong} , check"
    elif level == 1:
        told = f"Right: {right}. Wrong: {wrong}. A test of the right one:"
    else:
        told = (
            f"The right program is {right}. A wrong one is {wrong}. Write a test that only the right one passes: a "
            "pile, the word gives, and the pile that the right program makes of it. Answer: The test is that"
        )
    gives, start = "gives" if level else "is", " ".join(case.piles[0])
    return {
        "told": told,
        "shown": wrong,
        "choices": [f"{start} {gives} {r}" for r in (case.shown(case.program), *results[:3])],
    }


MAKERS = {"debug": _debug, "hidden": _hidden, "testgen": _testgen, "failed": _failed}
"""What makes the items of each stratum; None where a case will not do."""


def example(s: Stream, stratum: str) -> str:
    """Return a problem of level 1 with its answer."""
    made = problem(s, 1, stratum, s.choice(RUNGS[1]), lambda about: True)
    return f"{made['told']} {made['choices'][0]}"
