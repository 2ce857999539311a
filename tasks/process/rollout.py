"""Items of the rollout task: ladder problems that are chains of steps, to be worked out in lines of a fixed form."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from angels_share.items import Item, Source, Stream, row_module

LADDER = row_module("boundary")

FAMILIES = ("addition", "hops", "stack")
"""The families of the ladder whose rungs are numbers of steps."""

LINES = {"addition": "step 1: 4 + 5 = 9", "hops": "step 1: oak to ash", "stack": "step 1: oak on top"}
"""How a line looks, for level 2 on."""

Step = tuple[str, str]
"""What a step says, and the number or name that it arrives at."""

Slip = tuple[int, Callable[[str], str]]
"""A step, from 0, and what a careless hand makes of the result that it arrives at."""

Answered = tuple[Item, dict[str, list[str]]]
"""An item, and what each model said to it."""

AUTHORS = ("teacher", "student")

REPEATS = 8
"""Made-up answers of a model to an item."""

LONGEST = 1000
"""Characters of a generated text that a second stage reads."""


def rollout(source: Source, level: int, n: int) -> list[Item]:
    """Three families of ladder problems in rungs; the rungs are those of ``as_boundary_ladder``."""
    return [_item(source, level, i) for i in range(n)]


def _item(source: Source, level: int, index: int) -> Item:
    family, rungs = FAMILIES[index % len(FAMILIES)], LADDER.rungs_of(level)
    lap, at = turn_of(index, level)
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
        "question": question,
        "prompt": _prompt(source, level, index, family, question, begun),
        "begun": begun,
        "answer": told(steps, level).removeprefix(f"{begun} "),
        "final": final,
        "candidates": [] if final.isdigit() else _names(question),
        "choices": choices,
        "gold": choices.index(final),
        "steps": [result for _, result in steps],
    }


def worked(family: str, question: str, level: int, slip: Slip | None = None) -> list[Step]:
    """Return the steps that lead to the answer of a ladder problem, from its text; after a slip, those that follow."""

    def written(step: int, result: str) -> str:
        return slip[1](result) if slip and slip[0] == step else result

    steps: list[Step] = []
    if family == "addition":
        total, *rest = map(int, re.findall(r"\d+", question))
        for k, number in enumerate(rest):
            result = written(k, str(total + number))
            steps.append((f"{total} + {number} = {result}" if level else result, result))
            total = int(result)
    elif family == "hops":
        links = dict(re.findall(r"([a-z]+) to ([a-z]+)" if level else r"([a-z]+) ([a-z]+)(?: ,|(?= go))", question))
        (at,) = re.findall(r"Starting from ([a-z]+)" if level else r"from ([a-z]+)", question)
        for k in range(int(re.findall(r"after (\d+)" if level else r"go (\d+)", question)[0])):
            result = written(k, links.get(at, at))
            steps.append((f"{at} to {result}" if level else result, result))
            at = result
    else:
        pile: list[str] = []
        for k, name in enumerate(re.findall(r"(?:push|put) ([a-z]+)|pop|take one off", question)):
            pile = [*pile, name] if name else pile[:-1]
            pile[-1] = written(k, pile[-1])
            steps.append((f"{pile[-1]} on top" if level else pile[-1], pile[-1]))
    return steps


def made_up(source: Source, level: int, n: int) -> list[Answered]:
    """Return items with made-up answers of both models, half of them with a slip: what a second stage rehearses on."""
    return [
        (item, {author: _attempts(source, item, author) for author in AUTHORS}) for item in rollout(source, level, n)
    ]


def _attempts(source: Source, item: Item, author: str) -> list[str]:
    streams = [source.stream("rollout-attempt", item["item_id"], author, k) for k in range(REPEATS)]
    return [_attempt(s, item) for s in streams]


def _attempt(s: Stream, item: Item) -> str:
    at = s.below(len(item["steps"])) if s.below(2) else None
    slip = None if at is None else (at, _careless(s, item["candidates"]))
    steps = worked(item["stratum"], item["question"], item["level"], slip)
    return told(steps, item["level"]).removeprefix(f"{item['begun']} ")


def _careless(s: Stream, candidates: list[str]) -> Callable[[str], str]:
    """Return what makes a wrong result of a right one: another name, or a number near it."""

    def careless(result: str) -> str:
        if candidates:
            return s.choice([name for name in candidates if name != result])
        return str(int(result) + s.choice((1, 2) if int(result) < 2 else (-2, -1, 1, 2)))

    return careless


def kept(texts: Sequence[str]) -> list[str]:
    """Return what a second stage reads of a model's texts: at least one, none too long, all of them valid UTF-8."""
    return [text[:LONGEST].encode("utf-8", "replace").decode("utf-8") for text in texts] or [""]


def turn_of(cluster: int, level: int) -> tuple[int, int]:
    """Return how often all rungs and families have had their turn before a cluster, and the place of its rung."""
    return divmod(cluster // len(FAMILIES), len(LADDER.rungs_of(level)))


def example(s: Stream, family: str, *, slipped: bool = False) -> str:
    """Return a small problem of level 1 with its working, right or with a slip in the last step."""
    question, final, *_ = LADDER.FAMILIES[family](s, 1, 1)
    steps = worked(family, question, 1)
    if slipped:
        steps = worked(family, question, 1, (len(steps) - 1, _careless(s, [] if final.isdigit() else _names(question))))
    return f"Question: {question}\n{told(steps, 1)}"


def told(steps: list[Step], level: int) -> str:
    """Return steps with the final answer in the form that is asked for."""
    mark, gap = (":", "\n") if level else ("", " ")
    lines = [f"step {k + 1}{mark} {line}" for k, (line, _) in enumerate(steps)]
    return gap.join([*lines, f"answer{mark} {steps[-1][1]}"])


def _names(question: str) -> list[str]:
    return list(dict.fromkeys(name for name in re.findall("[a-z]+", question) if name in LADDER.NAMES))


def _prompt(source: Source, level: int, index: int, family: str, question: str, begun: str) -> str:
    if level == 0:
        return f"{question.removesuffix(' is')} {begun}"
    if level == 1:
        streams = [source.stream("rollout-shot", family, index, j) for j in range(2)]
        shots = [f"{example(s, family)}\n\n" for s in streams]
        return "".join([*shots, f"Question: {question}\n{begun}"])
    form = f'Write each step on a line such as "{LINES[family]}", and at the end a line with "answer:" and the answer.'
    return f"Question: {question}\n{form}\n{begun}"
