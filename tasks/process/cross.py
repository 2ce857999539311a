"""Items of the cross-scoring task: both models' workings step by step, and the right step after a part of them."""

from __future__ import annotations

from collections.abc import Sequence

from angels_share.items import Item, Source, row_module
from angels_share.reading import MARK, steps_of, whole_text

ROLLOUT = row_module("process", "rollout")

MOST_STEPS = 24
"""Steps of a working that are scored, its answer included: as many as the longest right one has."""

PER_CLUSTER = 2 * len(ROLLOUT.AUTHORS)


def cross(source: Source, level: int, n: int) -> list[Item]:
    """Four items a cluster, made from made-up workings: what the task looks like before there are any."""
    return of_answers(source, level, ROLLOUT.made_up(source, level, -(-n // PER_CLUSTER)))[:n]


def of_answers(source: Source, level: int, answered: Sequence[ROLLOUT.Answered]) -> list[Item]:
    """Four items a cluster: one working of each model step by step, and the right next step after a part of each.

    A working is the model's first that is not empty; where all are, the right one stands in for it and says so in
    ``drawn``. How many steps are shown before the next one takes turns, in an order drawn for each family and rung.
    """
    items = []
    for k, (item, said) in enumerate(answered):
        lap, rung = ROLLOUT.turn_of(k, level)
        steps = len(item["steps"])
        order = source.stream("cross-turns", level, item["stratum"], rung).shuffled(range(1, steps + 1))
        texts = {author: _chosen(said[author]) for author in ROLLOUT.AUTHORS}
        begun = {author: beginnings(text) if text else [] for author, text in texts.items()}
        items += [_steps(item, k, author, found) for author, found in begun.items()]
        items += [_next(item, k, author, found, order[lap % steps]) for author, found in begun.items()]
    return items


def _chosen(texts: Sequence[str]) -> str:
    return next((text.strip() for text in ROLLOUT.kept(texts) if text.strip()), "")


def beginnings(text: str) -> list[str]:
    r"""Return the beginnings of a working, one step longer each, the last with the first answer that it gives.

    A step ends with the mark of the next, which belongs to it: so a beginning is written by chance exactly as often as
    its likelihood says, and nothing behind it matters.

    Examples
    --------
    >>> beginnings("4 + 5 = 9\nstep 2: 9 + 1 = 10\nanswer: 10\nstep 1")
    ['4 + 5 = 9\nstep 2:', '4 + 5 = 9\nstep 2: 9 + 1 = 10\nanswer:', '4 + 5 = 9\nstep 2: 9 + 1 = 10\nanswer: 10']
    """
    ends = []
    for mark in list(MARK.finditer(text))[:MOST_STEPS]:
        ends.append(mark.end())
        if not mark[1]:
            rest = text[mark.end() :]
            following = MARK.search(rest)
            said = rest[: following.start()] if following else rest
            ends.append(mark.end() + len(said) - len(said.lstrip()) + len(said.lstrip().split("\n", 1)[0]))
            break
    else:
        ends.append(len(text))
    found = [text[:end].rstrip() for end in ends]
    return list(dict.fromkeys(found))[:MOST_STEPS]


def _steps(item: Item, cluster: int, author: str, found: list[str]) -> Item:
    """Return the item that asks for a whole working, step by step."""
    choices = found or beginnings(item["answer"])
    return _item(item, cluster, "steps", author, item["prompt"], choices, drawn=bool(found), shown=0)


def _next(item: Item, cluster: int, author: str, found: list[str], wanted: int) -> Item:
    """Return the item that asks for the right step after as many of a working as wanted, or as many as it has."""
    level = item["level"]
    right = ROLLOUT.worked(item["stratum"], item["question"], level)
    written = whole_text(item, found[-1] if found else "")
    told = [step.end for step in steps_of(written).steps if step.text]
    shown = min(wanted, len(told))
    mark, gap = (":", "\n") if level else ("", " ")
    asked = item["prompt"]
    if shown:
        cue = f"step {shown + 1}" if shown < len(right) else "answer"
        asked = f"{asked.removesuffix(item['begun'])}{written[: told[shown - 1]]}{gap}{cue}{mark}"
    option = right[shown][0] if shown < len(right) else right[-1][1]
    return _item(item, cluster, "next", author, asked, [option], drawn=bool(found), shown=shown)


def _item(
    item: Item, cluster: int, kind: str, author: str, prompt: str, choices: list[str], *, drawn: bool, shown: int
) -> Item:
    level = item["level"]
    return {
        "item_id": f"cross-{level}-{cluster}-{kind}-{author}",
        "cluster_id": f"cross-{level}-{cluster}",
        "stratum": f"{kind} by {author}",
        "level": level,
        "prompt": prompt,
        "choices": choices,
        "gold": len(choices) - 1,
        "kind": kind,
        "author": author,
        "drawn": drawn,
        "shown": shown,
        "steps": len(item["steps"]),
        "family": item["stratum"],
    }
