"""Python functions for levels 3 and 4 of the code task, with their mutants and what is told of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from angels_share.interpreter import python
from angels_share.items import Stream

OPENING = "def f(xs):"
FEWEST, MOST, LENGTHS = -3, 12, (0, 1, 3, 4, 5, 6)
"""The numbers in the lists that a function is tested on, and the lengths of these lists."""

SHOWN = {"debug": 1, "hidden": 2, "testgen": 0, "failed": 1}
"""Tests that a prompt shows, by stratum."""

COMPARED, SIGNS, DIGITS = (">", "<", ">=", "<="), ("+", "-"), (1, 2, 3, 4, 5, 6, 7, 8, 9)
SMALL, LARGE, PARITY = (2, 3, 4, 5), (12, 14, 16, 18, 20, 22), ("==", "!=")
WORDS = {
    ">": "greater than", "<": "less than", ">=": "at least", "<=": "at most", "+": "plus", "-": "minus", "==": "is",
    "!=": "is not", "max": "larger", "min": "smaller",
}  # fmt: skip
"""How the values of slots are told where they are no numbers."""


class Stage(NamedTuple):
    """A part of a function: lines with slots, and what they do in words; ``a`` is the list read, ``b`` the one made."""

    lines: tuple[str, ...]
    told: str
    slots: dict[str, tuple[Any, ...]]


MAPS = (
    Stage(
        ("{b} = []", "for x in {a}:", "    if x {c} {n}:", "        {b}.append(x {s} {m})", "    else:",
         "        {b}.append(x {t} {p})"),
        "Make the list {b} from {a}, in order: a number {c} {n} goes in {s} {m}, any other number {t} {p}.",
        {"c": COMPARED, "n": DIGITS, "s": SIGNS, "m": DIGITS, "t": SIGNS, "p": DIGITS},
    ),
    Stage(
        ("{b} = []", "for x in {a}:", "    if x % {d} {e} {r}:", "        {b}.append(x * {m} {s} {n})"),
        "Make the list {b} from {a}, in order: a number whose remainder by {d} {e} {r} goes in times {m} {s} {n}, and "
        "others are left out.",
        {"d": SMALL, "e": PARITY, "r": (0, 1), "m": SMALL, "s": SIGNS, "n": DIGITS},
    ),
    Stage(
        ("{b} = []", "for i in range({k}, len({a})):", "    {b}.append({a}[i] {s} {a}[i - 1] * {m})"),
        "Make the list {b}: for each place of {a} from {k} on, counted from 0, the number there {s} {m} times the one "
        "before it.",
        {"k": (1, 2), "s": SIGNS, "m": SMALL},
    ),
)  # fmt: skip
"""Stages that make a list of a list."""

FOLDS = (
    Stage(
        ("total = {z}", "for x in {a}:", "    if x {c} {n}:", "        total {s}= x", "    else:",
         "        total {t}= {m}", "if total {g} {q}:", "    total = {w}", "return total"),
        "Begin with a total of {z} and go through {a}: for a number {c} {n}, the total becomes itself {s} the number; "
        "for any other, itself {t} {m}. A total that ends {g} {q} becomes {w}. Return the total.",
        {"z": DIGITS, "c": COMPARED, "n": DIGITS, "s": SIGNS, "t": SIGNS, "m": DIGITS, "g": COMPARED, "q": LARGE,
         "w": DIGITS},
    ),
    Stage(
        ("best = {z}", "for x in {a}:", "    if x % {d} {e} {r}:", "        best = {h}(best, x {s} {m})",
         "return best * {k} {t} {n}"),
        "Begin with a best of {z} and go through {a}: for a number whose remainder by {d} {e} {r}, the best becomes "
        "the {h} of itself and the number {s} {m}. Return the best times {k} {t} {n}.",
        {"z": DIGITS, "d": SMALL, "e": PARITY, "r": (0, 1), "h": ("max", "min"), "s": SIGNS, "m": DIGITS, "k": SMALL,
         "t": SIGNS, "n": DIGITS},
    ),
    Stage(
        ("count = {z}", "for x in {a}:", "    if x {c} {n}:", "        count += {m}", "    if count {g} {q}:",
         "        break", "return count {s} {k}"),
        "Begin with a count of {z} and go through {a}: for a number {c} {n}, add {m} to the count; then, whatever the "
        "number, stop if the count is {g} {q}. Return the count {s} {k}.",
        {"z": DIGITS, "c": COMPARED, "n": DIGITS, "m": SMALL, "g": (">", ">="), "q": LARGE, "s": SIGNS, "k": DIGITS},
    ),
)  # fmt: skip
"""Stages that end a function."""

Values = dict[str, Any]


class Program(NamedTuple):
    """A function: its stages, and the values of their slots."""

    stages: tuple[Stage, ...]
    values: tuple[Values, ...]

    def lines(self) -> list[str]:
        """Return its lines with their indentation."""
        told = [line.format(**self._lists(k), **self.values[k]) for k, s in enumerate(self.stages) for line in s.lines]
        return [OPENING, *(f"    {line}" for line in told)]

    def source(self) -> str:
        """Return its text."""
        return "\n".join(self.lines())

    def spec(self) -> str:
        """Return in words what it does."""
        told = [
            stage.told.format(**self._lists(k), **{name: WORDS.get(v, v) for name, v in self.values[k].items()})
            for k, stage in enumerate(self.stages)
        ]
        return " ".join(["The function f takes a list xs of whole numbers.", *told])

    def results(self, inputs: list[str]) -> tuple[str, ...]:
        """Return what it makes of each list."""
        source = self.source()
        return tuple(_result(source, text) for text in inputs)

    def with_value(self, stage: int, slot: str, value: Any) -> Program:
        """Return the function with another value in one slot."""
        changed = self.values[stage] | {slot: value}
        return self._replace(values=(*self.values[:stage], changed, *self.values[stage + 1 :]))

    def _lists(self, stage: int) -> dict[str, str]:
        return {"a": ("xs", "ys", "zs")[stage], "b": ("ys", "zs", "")[stage]}


@lru_cache(maxsize=4096)
def _result(source: str, text: str) -> str:
    return str(python.run(_parsed(source), [_argument(text)]))


@lru_cache(maxsize=512)
def _argument(text: str) -> Any:
    return python.literal(text)


@lru_cache(maxsize=512)
def _parsed(source: str) -> python.Program:
    return python.parse(source)


def problem(s: Stream, level: int, stratum: str, admits: Callable[[str], bool]) -> dict[str, Any]:
    """Return what an item of a stratum holds, the right one of its choices first; it is about an admitted program."""
    while True:
        right = _program(s, level, stratum)
        if not admits(json.dumps(right.source())):
            continue
        inputs = [str(_numbers(s, length)) for length in s.shuffled(LENGTHS)]
        results = right.results(inputs)
        if len(set(results)) < len(LENGTHS) // 2 or any(r.startswith("fails") for r in results):
            continue
        made = MAKERS[stratum](s, level, right, inputs)
        if made:
            tests = [[text, result] for text, result in zip(made["inputs"], right.results(made["inputs"]), strict=True)]
            return {"about": right.source(), "program": right.source(), "tests": tests, **made}


def _program(s: Stream, level: int, stratum: str) -> Program:
    maps = 0 if level == 3 else 1 if stratum == "hidden" else 2
    stages = (*(s.choice(MAPS) for _ in range(maps)), s.choice(FOLDS))
    return Program(stages, tuple({name: s.choice(domain) for name, domain in stage.slots.items()} for stage in stages))


def _numbers(s: Stream, length: int) -> list[int]:
    return [s.between(FEWEST, MOST) for _ in range(length)]


def _mutant(s: Stream, program: Program) -> Program:
    """Return the function with one slot filled wrongly."""
    stage = s.below(len(program.stages))
    slot = s.choice(list(program.stages[stage].slots))
    others = [value for value in program.stages[stage].slots[slot] if value != program.values[stage][slot]]
    return program.with_value(stage, slot, s.choice(others))


def _changed(a: Program, b: Program) -> list[int]:
    """Return the numbers of the lines in which two functions differ, from 1."""
    return [k for k, (x, y) in enumerate(zip(a.lines(), b.lines(), strict=True), 1) if x != y]


def _patch(program: Program, numbers: list[int]) -> str:
    """Return what to write instead in these lines to make this function."""
    return "\n".join(f"{k}: {program.lines()[k - 1].strip()}" for k in numbers)


def _repairs(s: Stream, level: int, right: Program, inputs: list[str]) -> list[Program] | None:
    """Return functions that differ from the right one in one or two lines: the faulty one, then two bad repairs of it.

    At level 3 the repairs write something else in the line of the mistake, at level 4 they mend one mistake of two.
    """
    first = _mutant(s, right)
    if level == 3:
        at = _changed(right, first)
        found = [first, *(p for p in (_mutant(s, right) for _ in range(40)) if _changed(right, p) == at)]
    else:
        second = _mutant(s, right)
        if _changed(right, first) == _changed(right, second):
            return None
        slots = zip(right.values, first.values, second.values, strict=True)
        found = [right._replace(values=tuple(_merged(*values) for values in slots)), first, second]
    kept = _distinct(right, found, inputs)
    return kept if len(kept) == 3 and kept[0] is found[0] else None


def _distinct(right: Program, found: Iterable[Program], inputs: list[str]) -> list[Program]:
    """Return the first three functions that all do something different, and not what is right."""
    known = {right.results(inputs): right}
    for program in found:
        known.setdefault(program.results(inputs), program)
        if len(known) > 3:
            break
    return list(known.values())[1:]


def _merged(right: Values, first: Values, second: Values) -> Values:
    return {name: first[name] if first[name] != value else second[name] for name, value in right.items()}


def _told_first(inputs: list[str], right: Program, wrong: list[Program], *, passing: int) -> list[str] | None:
    """Return the inputs with those first that all the wrong functions fail, or that ``passing`` of them pass."""
    wanted = right.results(inputs)
    seen = [program.results(inputs) for program in wrong]
    alike = [all(r[k] == wanted[k] if passing else r[k] != wanted[k] for r in seen) for k in range(len(inputs))]
    if sum(alike) < max(passing, 1):
        return None
    order = sorted(range(len(inputs)), key=lambda k: not alike[k])
    return [inputs[k] for k in order]


def _numbered(program: Program) -> str:
    return "\n".join(f"{k} {line}" for k, line in enumerate(program.lines(), 1))


def _repair(s: Stream, level: int, right: Program, inputs: list[str], *, tried: bool) -> dict[str, Any] | None:
    repairs = _repairs(s, level, right, inputs)
    first = repairs and _told_first(inputs, right, repairs[: 1 + tried], passing=0)
    if not repairs or not first:
        return None
    wrong, attempt = repairs[0], repairs[1 if tried else 0]
    numbers, (wanted, *_) = _changed(right, wrong), right.results(first)
    lines = "line has a mistake" if len(numbers) == 1 else f"{len(numbers)} lines have a mistake each"
    answer = "the line" if len(numbers) == 1 else "the lines, each on a line of its own,"
    told = [
        f"{right.spec()} In this version of it, {lines if len(numbers) > 1 else 'one ' + lines}:",
        _numbered(wrong),
        f"f({first[0]}) should be {wanted}, but it is {wrong.results(first)[0]}.",
    ]
    if tried:
        told.append(
            f"Somebody wrote instead:\n{_patch(attempt, numbers)}\nThen f({first[0]}) is {attempt.results(first)[0]}."
        )
    told.append(f"Say what {answer} must be, with the number, as in 1: {OPENING}\nAnswer: line")
    return {
        "told": "\n".join(told),
        "begun": "line",
        "inputs": first,
        "shown": wrong.source(),
        "attempt": _patch(attempt, numbers),
        "choices": [_patch(program, numbers) for program in (right, *repairs)],
    }


def _debug(s: Stream, level: int, right: Program, inputs: list[str]) -> dict[str, Any] | None:
    return _repair(s, level, right, inputs, tried=False)


def _failed(s: Stream, level: int, right: Program, inputs: list[str]) -> dict[str, Any] | None:
    return _repair(s, level, right, inputs, tried=True)


def _hidden(s: Stream, level: int, right: Program, inputs: list[str]) -> dict[str, Any] | None:
    others = _distinct(right, (_mutant(s, right) for _ in range(6)), inputs)
    first = _told_first(inputs, right, others[:1], passing=SHOWN["hidden"]) if len(others) == 3 else None
    if not first:
        return None
    shown = zip(first[: SHOWN["hidden"]], right.results(first), strict=False)
    examples = " and ".join(f"f({text}) is {result}" for text, result in shown)
    told = f"{right.spec()} For example, {examples}. Write it in plain Python without imports.\n{OPENING}"
    return {
        "told": told,
        "begun": OPENING,
        "inputs": first,
        "choices": [program.source().removeprefix(OPENING) for program in (right, *others)],
    }


def _testgen(s: Stream, level: int, right: Program, inputs: list[str]) -> dict[str, Any] | None:
    repairs = _repairs(s, level, right, inputs)
    first = repairs and _told_first(inputs, right, repairs[:1], passing=0)
    if not repairs or not first:
        return None
    results = [program.results(first)[0] for program in (right, *repairs)]
    if len(set(results)) < 4:
        return None
    numbers = _changed(right, repairs[0])
    told = [
        "This function is right:",
        _numbered(right),
        f"A faulty copy of it has instead:\n{_patch(repairs[0], numbers)}",
        "Write one test that the right function passes and the faulty copy fails, as in f([1]) == 2.\nAnswer: f(",
    ]
    return {
        "told": "\n".join(told),
        "begun": "f(",
        "inputs": first,
        "shown": repairs[0].source(),
        "choices": [f"{first[0]}) == {result}" for result in results],
    }


MAKERS = {"debug": _debug, "hidden": _hidden, "testgen": _testgen, "failed": _failed}
"""What makes the items of each stratum; None where a function will not do."""
