"""Items of the rollout task: ladder problems that are chains of steps, to be worked out in lines of a fixed form."""

from __future__ import annotations

import re
from itertools import accumulate

from angels_share.items import Item, Source, row_module

LADDER = row_module("boundary")

FAMILIES = ("addition", "hops", "stack")
"""The families of the ladder whose rungs are numbers of steps."""

LINES = {"addition": "step 1: 4 + 5 = 9", "hops": "step 1: oak to ash", "stack": "step 1: oak on top"}
"""How a line looks, for level 2 on."""

Step = tuple[str, str]
"""What a step says, and the number or name that it arrives at."""


def rollout(source: Source, level: int, n: int) -> list[Item]:
    """Three families of ladder problems in rungs; the rungs are those of ``as_boundary_ladder``."""
    return [_item(source, level, i) for i in range(n)]


def _item(source: Source, level: int, index: int) -> Item:
    family, rungs = FAMILIES[index % len(FAMILIES)], LADDER.rungs_of(level)
    lap, at = divmod(index // len(FAMILIES), len(rungs))
    question, final, wrong, _ = source.draw(
        lambda s: LADDER.FAMILIES[family](s, rungs[at], level), lambda p: p[0], "rollout", level, index
    )
    steps = worked(family, question, level)
    choices = source.stream("rollout-order", level, index).shuffled(wrong)
    choices.insert((lap + at) % 4, final)
    begun = "step 1:" if level else "step 1"
    return {
        "item_id": f"rollout-{level}-{index}",
        "cluster_id": f"rollout-{level}-{index}",
        "stratum": family,
        "rung": rungs[at],
        "level": level,
        "prompt": _prompt(source, level, index, family, rungs[at], question, begun),
        "begun": begun,
        "answer": told(steps, level).removeprefix(f"{begun} "),
        "final": final,
        "candidates": [] if final.isdigit() else list(dict.fromkeys(_names(question))),
        "choices": choices,
        "gold": choices.index(final),
        "steps": [result for _, result in steps],
    }


def worked(family: str, question: str, level: int) -> list[Step]:
    """Return the steps that lead to the answer of a ladder problem, from its text."""
    if family == "addition":
        numbers = list(map(int, re.findall(r"\d+", question)))
        totals = list(accumulate(numbers))
        sums = zip(totals, numbers[1:], totals[1:], strict=False)
        return [(f"{a} + {b} = {c}" if level else str(c), str(c)) for a, b, c in sums]
    if family == "hops":
        links = dict(re.findall(r"([a-z]+) to ([a-z]+)" if level else r"([a-z]+) ([a-z]+)(?: ,|(?= go))", question))
        (at,) = re.findall(r"Starting from ([a-z]+)" if level else r"from ([a-z]+)", question)
        steps = []
        for _ in range(int(re.findall(r"after (\d+)" if level else r"go (\d+)", question)[0])):
            steps.append((f"{at} to {links[at]}" if level else links[at], links[at]))
            at = links[at]
        return steps
    pile, steps = [], []
    for name in re.findall(r"(?:push|put) ([a-z]+)|pop|take one off", question):
        pile = [*pile, name] if name else pile[:-1]
        steps.append((f"{pile[-1]} on top" if level else pile[-1], pile[-1]))
    return steps


def told(steps: list[Step], level: int) -> str:
    """Return steps with the final answer in the form that is asked for."""
    mark, gap = (":", "\n") if level else ("", " ")
    lines = [f"step {k + 1}{mark} {line}" for k, (line, _) in enumerate(steps)]
    return gap.join([*lines, f"answer{mark} {steps[-1][1]}"])


def _names(question: str) -> list[str]:
    return [name for name in re.findall("[a-z]+", question) if name in LADDER.NAMES]


def _prompt(source: Source, level: int, index: int, family: str, rung: int, question: str, begun: str) -> str:
    if level == 0:
        return f"{question.removesuffix(' is')} {begun}"
    if level == 1:
        shots = []
        for j in range(2):
            asked, *_ = LADDER.FAMILIES[family](source.stream("rollout-shot", family, rung, index, j), 1, 1)
            shots.append(f"Question: {asked}\n{told(worked(family, asked, 1), 1)}\n\n")
        return "".join([*shots, f"Question: {question}\n{begun}"])
    form = f'Write each step on a line such as "{LINES[family]}", and at the end a line with "answer:" and the answer.'
    return f"Question: {question}\n{form}\n{begun}"
