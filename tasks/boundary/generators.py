"""Item generators of the row *capability boundary*: problem ladders from easy to out of reach."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from angels_share.caskworld import NAMES
from angels_share.items import Item, Source, Stream

Problem = tuple[str, str, list[str], str]
"""Question, answer, three wrong answers of the same kind, and how a spoken answer would begin."""

ADDENDS = ((2, 1), (3, 1), (2, 2), (3, 2), (2, 3), (3, 3), (4, 3), (5, 3))
"""Terms and digits of the sums, by rung."""


def ladder(source: Source, level: int, n: int) -> list[Item]:
    """Five families of problems in rungs of growing size; the rungs are the levels."""
    return [problem_item(source, level, i, "ladder") for i in range(n)]


def problem_item(source: Source, level: int, index: int, task: str) -> Item:
    """Return item ``index`` of a ladder: families alternate fastest, then rungs."""
    families, rungs = list(FAMILIES), rungs_of(level)
    family = families[index % len(families)]
    rung = rungs[index // len(families) % len(rungs)]
    question, answer, wrong, opening = source.draw(
        lambda s: FAMILIES[family](s, rung, level), lambda p: p[0], task, level, index
    )
    return {
        "item_id": f"{task}-{level}-{index}",
        "cluster_id": f"{task}-{level}-{index}",
        "stratum": family,
        "rung": rung,
        "level": level,
        "prompt": frame(source, level, family, rung, question, opening, index),
        "answer": answer,
        "candidates": [] if answer.isdigit() else [name for name in NAMES if name in re.findall("[a-z]+", question)],
        "wrong": wrong,
    }


def rungs_of(level: int) -> tuple[int, ...]:
    """Return the rungs that a level holds."""
    return {0: (1, 2, 3), 1: (1, 2, 3), 2: (1, 2, 3), 3: (4, 5, 6, 7, 8)}[level]


def frame(source: Source, level: int, family: str, rung: int, question: str, opening: str, index: int) -> str:
    """Put a question into the form of its level: bare, or with the answer begun, at level 1 after two examples."""
    if level == 0:
        return question
    shots = []
    if level == 1:
        for j in range(2):
            asked, answer, _, begun = FAMILIES[family](source.stream("shots", family, rung, index, j), 1, level)
            shots.append(f"Question: {asked}\nAnswer: {begun} {answer}.\n")
    return "".join([*shots, f"Question: {question}\nAnswer: {opening}"])


def _wrong_numbers(s: Stream, gold: int, near: list[int], most: int) -> list[str]:
    """Return three numbers from 0 to ``most`` that are not the answer, first from those that tempt."""
    beside = [gold + sign * step for step in range(1, 5) for sign in (1, -1)]
    pool = dict.fromkeys([*s.shuffled(near), *beside])
    return [str(v) for v in pool if v != gold and 0 <= v <= most][:3]


def _addition(s: Stream, rung: int, level: int) -> Problem:
    if level == 0:
        numbers = [s.below(10) for _ in range(rung + 1)]
        total = sum(numbers)
        named = " ".join(f"{name} {v}" for name, v in zip(s.sample(NAMES, rung + 1), numbers, strict=True))
        near = list(range(total - 4, total + 5))
        return f"total {named} is", str(total), _wrong_numbers(s, total, near, 36), ""
    terms, digits = ADDENDS[rung - 1]
    low, high = (1, 9) if digits == 1 else (10 ** (digits - 1), 10**digits - 1)
    numbers = [s.between(low, high) for _ in range(terms)]
    total = sum(numbers)
    near = [total + d for d in (-20, -10, -2, -1, 1, 2, 10, 20)] if total > 20 else list(range(total - 4, total + 5))
    names = s.sample(NAMES, 2)
    asked = f"A cellar of {names[0]} and {names[1]} casks counts {' + '.join(map(str, numbers))}. What is the total?"
    return asked, str(total), _wrong_numbers(s, total, near, 10 * total), "The total is"


def _lookup(s: Stream, rung: int, level: int) -> Problem:
    size = rung + 1 if level == 0 else 2 * rung
    keys = s.sample(NAMES, size)
    values = s.sample(range(10, 37), max(size, 4)) if level == 0 else s.sample(range(10, 100), max(size, 4))
    at = s.below(size)
    wrong = [str(v) for i, v in enumerate(values) if i != at][:3]
    if level == 0:
        records = " ".join(f"{k} {v}" for k, v in zip(keys, values, strict=False))
        return f"{records} find {keys[at]}", str(values[at]), wrong, ""
    records = ", ".join(f"{k} holds {v}" for k, v in zip(keys, values, strict=False))
    return f"In the ledger, {records}. How many does {keys[at]} hold?", str(values[at]), wrong, f"{keys[at]} holds"


def _hops(s: Stream, rung: int, level: int) -> Problem:
    nodes = s.sample(NAMES, rung + 3)
    links = s.shuffled(list(pairwise(nodes)))
    answer, wrong = nodes[rung], s.sample([x for x in nodes if x != nodes[rung]], 3)
    if level == 0:
        told = " , ".join(f"{a} {b}" for a, b in links)
        return f"{told} go {rung} from {nodes[0]}", answer, wrong, ""
    told = ", ".join(f"{a} to {b}" for a, b in links)
    steps = "1 step" if rung == 1 else f"{rung} steps"
    asked = f"Roads lead from {told}. Starting from {nodes[0]}, where do you arrive after {steps}?"
    return asked, answer, wrong, f"{steps.capitalize()} from {nodes[0]} lies"


def _stack(s: Stream, rung: int, level: int) -> Problem:
    names = s.sample(NAMES, rung + 3)
    pile: list[str] = []
    moves: list[str] = []
    pops = rung
    for name in names:
        while pops and len(pile) > 1 and s.below(2):
            pile.pop()
            moves.append("pop")
            pops -= 1
        pile.append(name)
        moves.append(f"push {name}")
    while pops and len(pile) > 1:
        pile.pop()
        moves.append("pop")
        pops -= 1
    answer, wrong = pile[-1], s.sample([x for x in names if x != pile[-1]], 3)
    if level == 0:
        return f"{' '.join(moves)} top is", answer, wrong, ""
    told = ", ".join("take one off" if m == "pop" else f"put {m[5:]}" for m in moves)
    return f"Start with an empty pile: {told}. Which one is on top?", answer, wrong, "On top of the pile lies"


def _sort(s: Stream, rung: int, level: int) -> Problem:
    size = 2 * rung + 1
    numbers = s.sample(range(37), size) if level == 0 else s.sample(range(10, 10 ** (2 if rung < 6 else 3)), size)
    which = s.choice(("smallest", "middle", "largest"))
    ordered = sorted(numbers)
    answer = {"smallest": ordered[0], "middle": ordered[size // 2], "largest": ordered[-1]}[which]
    wrong = _wrong_numbers(s, answer, numbers, 36 if level == 0 else 10 * answer)
    if level == 0:
        return f"sort {' '.join(map(str, numbers))} {which} is", str(answer), wrong, ""
    place = "in the middle when they are sorted" if which == "middle" else which
    asked = f"Of the numbers {', '.join(map(str, numbers))}, which one is {place}?"
    return asked, str(answer), wrong, f"The {which} number is"


FAMILIES: dict[str, Callable[[Stream, int, int], Problem]] = {
    "addition": _addition,
    "lookup": _lookup,
    "hops": _hops,
    "stack": _stack,
    "sort": _sort,
}
"""Problem families by name."""
