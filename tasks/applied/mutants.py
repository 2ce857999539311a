"""Items of the mutants task: a right program against one with a single edit that a test notices."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from angels_share.caskworld import NAMES
from angels_share.items import Item, Source, Stream

KINDS = ("arithmetic", "condition", "number")
"""Kinds of edits in programs: an operator, a comparison or truth value, a constant."""

TOY_KINDS = ("name", "operation")
"""Kinds of edits in stack programs: another name is pushed, or a pop stands for a push."""

LETTERS = tuple("abcdeghijkmnpqrstuvwxyz")
"""Names of variables, besides those of woods. The function itself is ``f``."""

BRIEF = {1: 42, 2: 95}
"""Words of a function with its test at most, where the levels ask for short ones."""

EXAMPLE = 26
"""Words of a worked example at most."""

GAP = "?"
"""Stands for the missing line."""

Row = dict[str, Any]


class Mutant(NamedTuple):
    """A program with two forms of one line, under names of its own."""

    task: str
    before: str
    indent: str
    after: str
    right: str
    wrong: str
    test: str

    def version(self, line: str) -> str:
        """Return the whole program with this line."""
        return "\n".join(part for part in (self.before, f"{self.indent}{line}", self.after) if part)


def mutants(source: Source, level: int, n: int) -> list[Item]:
    """Two forms of a line, or two versions of a function, of which one passes a test; kinds of edits take turns."""
    return [_toy(source, i) if level == 0 else _item(source, level, i) for i in range(n)]


# --- stack programs --------------------------------------------------------------------------------------------------


def _toy(source: Source, index: int) -> Item:
    turn, place = divmod(index, len(TOY_KINDS))
    kind = TOY_KINDS[place]
    prompt, right, wrong = source.draw(
        lambda s: _program(s, kind, popped=bool(turn // 2 % 2)), lambda made: made[0], "mutants", 0, kind, turn
    )
    return _fields(f"mutants-0-{index}", kind, 0, index, prompt, _placed(right, wrong, turn))


def _program(s: Stream, kind: str, *, popped: bool) -> tuple[str, str, str]:
    """Return a stack program with a step left out, asked for by what is on top at the end, and two such steps."""
    pushed = s.sample(NAMES, s.between(2, 4))
    one, other, spare = s.sample([name for name in NAMES if name not in pushed], 3)
    if kind == "operation" and popped:
        top, right, wrong = pushed[-2], "pop", f"push {one}"
    else:
        top, right, wrong = one, f"push {one}", "pop" if kind == "operation" else f"push {other}"
    told = [*(f"push {name}" for name in pushed), "step", *[f"push {spare} pop"] * s.below(2)]
    return f"check top {top} , {' '.join(told)} , step is", right, wrong


# --- programs --------------------------------------------------------------------------------------------------------


def _item(source: Source, level: int, index: int) -> Item:
    turn, place = divmod(index, len(KINDS))
    kind = KINDS[place]
    mutant, twin = source.draw(
        lambda s: _drawn(s, level, kind), lambda pair: _asked(*pair, level), "mutants", level, kind, turn
    )
    if level > 2:
        placed = ["A", "B"], turn % 2
        prompt = _asked(mutant, twin, level, turned=bool(turn % 2))
    else:
        placed = _placed(mutant.right, mutant.wrong, turn)
        told = "One line of the function is missing. With the right line it passes the test."
        before = [told] if level == 2 else _shots(source, index, mutant.task)
        prompt = "\n\n".join([*before, _asked(mutant, twin, level)])
    return _fields(f"mutants-{level}-{index}", kind, level, mutant.task, prompt, placed)


def _fields(name: str, kind: str, level: int, cluster: object, prompt: str, placed: tuple[list[str], int]) -> Item:
    return {
        "item_id": name,
        "cluster_id": f"mutants-{cluster}",
        "stratum": kind,
        "level": level,
        "prompt": prompt,
        "choices": placed[0],
        "gold": placed[1],
    }


def _placed(right: str, wrong: str, turn: int) -> tuple[list[str], int]:
    """Return both options and the place of the right one, which changes from turn to turn."""
    return ([right, wrong], 0) if turn % 2 == 0 else ([wrong, right], 1)


def _shots(source: Source, index: int, task: str) -> list[str]:
    """Return two worked examples from other problems."""
    s = source.stream("mutants-shots", index)
    rows = [row for row in _problems() if row["task_id"] != task]
    short = [(row, edit) for row in rows for edit in row["mutants"] if _size(row, edit) <= EXAMPLE]
    shots: list[Mutant] = []
    while len(shots) < 2:
        row, edit = s.choice(short)
        if row["task_id"] not in [shot.task for shot in shots]:
            shots.append(_renamed(row, edit, s.sample(_unused(row), len(row["names"])), s.choice(edit["tests"])))
    return [f"{_gapped(shot)} {shot.right}" for shot in shots]


def _drawn(s: Stream, level: int, kind: str) -> tuple[Mutant, Mutant]:
    """Return an edit of this kind, under two sets of names that share none."""
    row, edit = s.choice(_edits(level, kind))
    names, test = s.sample(_unused(row), 2 * len(row["names"])), s.choice(edit["tests"])
    return _renamed(row, edit, names[::2], test), _renamed(row, edit, names[1::2], test)


def _unused(row: Row) -> list[str]:
    """Return the names that do not stand in a problem's function."""
    used = re.findall(r"\w+", row["source"])
    return [name for name in (*LETTERS, *NAMES) if name not in used]


def _renamed(row: Row, edit: Row, names: list[str], test: str) -> Mutant:
    """Return an edit with these names in place of the problem's."""
    lines = row["source"].split("\n")
    old, k = lines[edit["line"]], edit["line"]
    indent = old[: len(old) - len(old.lstrip())]
    parts = ["\n".join(lines[:k]), indent, "\n".join(lines[k + 1 :]), edit["right"], edit["wrong"]]
    new = dict(zip(row["names"], names, strict=True))
    pattern = re.compile(rf"\b({'|'.join(row['names'])})\b")
    return Mutant(row["task_id"], *(pattern.sub(lambda m: new[m[1]], part) for part in parts), test)


@cache
def _edits(level: int, kind: str) -> list[tuple[Row, Row]]:
    """Return the problems with their edits of a kind that a level asks for."""
    found = [(row, edit) for row in _problems() for edit in row["mutants"] if edit["kind"] == kind]
    if level in BRIEF:
        return [(row, edit) for row, edit in found if _size(row, edit) <= BRIEF[level]]
    return [(row, edit) for row, edit in found if row["description"] or level < 4]


def _size(row: Row, edit: Row) -> int:
    """Return the words of a function with the longest of its tests and the missing line."""
    return len(f"{row['source']} {edit['right']}".split()) + max(len(test.split()) for test in edit["tests"])


@cache
def _problems() -> list[Row]:
    lines = (Path(__file__).parent / "data" / "mutants.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


# --- words -----------------------------------------------------------------------------------------------------------


def _gapped(mutant: Mutant) -> str:
    return f"Test: {mutant.test}\n{mutant.version(GAP)}\nThe missing line is:"


def _asked(mutant: Mutant, twin: Mutant, level: int, *, turned: bool = False) -> str:
    """Return the question: for a line of the mutant's function, or for one of two versions, the right one first."""
    if level < 3:
        return _gapped(mutant)
    versions = [mutant.version(mutant.right), twin.version(twin.wrong)]
    named = zip("AB", reversed(versions) if turned else versions, strict=True)
    shown = "\n".join(f"Version {name}:\n{version}" for name, version in named)
    if level == 3:
        told = f"One of two versions passes the test, the other fails.\nTest: {mutant.test}"
        return f"{told}\n{shown}\nAnswer: The version that passes is"
    row = next(row for row in _problems() if row["task_id"] == mutant.task)
    head = row["source"].partition(":\n")[0].removeprefix("def ")
    told = f"One of two versions does what is asked, the other does not.\nAsked of {head}: {row['description']}"
    return f"{told}\n{shown}\nAnswer: The version that does what is asked is"
