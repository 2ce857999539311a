"""Items of the code task: programs to repair, to write and to test, stack programs first and then Python functions."""

from __future__ import annotations

from typing import Any

from angels_share.items import Item, Source, Stream, row_module

STACK, PYTHON = row_module("applied", "code_stack"), row_module("applied", "code_python")

STRATA = ("debug", "hidden", "testgen", "failed")
"""A failing program to repair; one to write; a test to write that tells two programs apart; a failed repair to mend."""

EXAMPLES = {"debug": 2, "hidden": 2, "testgen": 2, "failed": 1}
"""Worked examples at level 1."""


def code(source: Source, level: int, n: int) -> list[Item]:
    """Four kinds of work on programs, which take turns; of stack programs, the operations that are no push vary."""
    return [_item(source, level, i) for i in range(n)]


def _item(source: Source, level: int, index: int) -> Item:
    turn, place = divmod(index, len(STRATA))
    stratum = STRATA[place]

    def make(s: Stream) -> dict[str, Any]:
        if level > 2:
            return dict(PYTHON.problem(s, level, stratum, source.admits))
        rungs = STACK.RUNGS[level]
        return dict(STACK.problem(s, level, stratum, rungs[turn // 4 % len(rungs)], source.admits))

    made = source.draw(make, lambda problem: problem["about"], "code", level, stratum, index)
    right, *others = made["choices"]
    choices = source.stream("code-order", level, index).shuffled(others)
    choices.insert(turn % 4, right)
    return {
        "item_id": f"code-{level}-{index}-{stratum}",
        "cluster_id": f"code-{level}-{index}",
        "stratum": stratum,
        "level": level,
        "prompt": _prompt(source, level, index, stratum, made["told"]),
        "begun": made.get("begun", ""),
        "language": "stack" if level < 3 else "python",
        "program": made["program"],
        "shown": made.get("shown", ""),
        "attempt": made.get("attempt", ""),
        "tests": made["tests"],
        "visible": (STACK if level < 3 else PYTHON).SHOWN[stratum],
        "answer": right,
        "choices": choices,
        "gold": choices.index(right),
    }


def _prompt(source: Source, level: int, index: int, stratum: str, told: str) -> str:
    if level in (0, 3, 4):
        return told
    if level == 2:
        return f"{STACK.RULES} {told}"
    streams = [source.stream("code-shot", index, j) for j in range(EXAMPLES[stratum])]
    return "\n\n".join([STACK.RULES, *(STACK.example(s, stratum) for s in streams), told])
