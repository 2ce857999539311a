"""Items of the budget task: problems of the ladder, each to be answered in few, some and many words or bytes."""

from __future__ import annotations

import re

from angels_share.items import Item, Source, Stream, row_module

LADDER = row_module("boundary")
ROLLOUT = row_module("process", "rollout")

BUDGETS = {"words": (2, 6, 16), "bytes": (16, 64, 256)}
"""How long a reply may be, in words of caskworld or in bytes of UTF-8."""


def budget(source: Source, level: int, n: int) -> list[Item]:
    """Three items a cluster, one a budget, that ask a problem of ``as_boundary_ladder``."""
    return [_item(source, level, *divmod(i, 3)) for i in range(n)]


def _item(source: Source, level: int, cluster: int, place: int) -> Item:
    families, rungs = list(LADDER.FAMILIES), LADDER.rungs_of(level)
    family, rung = families[cluster % len(families)], rungs[cluster // len(families) % len(rungs)]
    question, final, _, opening = source.draw(
        lambda s: LADDER.FAMILIES[family](s, rung, level), lambda problem: problem[0], "ladder", level, cluster
    )
    unit = "bytes" if level else "words"
    most = BUDGETS[unit][place]
    return {
        "item_id": f"budget-{level}-{cluster}-{most}",
        "cluster_id": f"budget-{level}-{cluster}",
        "stratum": f"{most} {unit}",
        "family": family,
        "rung": rung,
        "level": level,
        "prompt": _prompt(source, level, cluster, family, most, question, opening),
        "budget": most,
        "unit": unit,
        "answer": _reply(family, question, final, level, most),
        "final": final,
        "candidates": [] if final.isdigit() else [w for w in LADDER.NAMES if w in re.findall("[a-z]+", question)],
    }


def _reply(family: str, question: str, final: str, level: int, most: int) -> str:
    """Return the working of a problem if it has one that fits in the budget, else the bare answer."""
    if family in ROLLOUT.FAMILIES:
        working: str = ROLLOUT.told(ROLLOUT.worked(family, question, level), level).replace("\n", "; ")
        if (len(working.encode()) if level else len(working.split())) <= most:
            return working
    return f"answer: {final}" if level else final


# --- words -----------------------------------------------------------------------------------------------------------


def _prompt(source: Source, level: int, cluster: int, family: str, most: int, question: str, opening: str) -> str:
    if level == 0:
        return f"reply {most} , {question}"
    asked = f"Question: {question}\n"
    if level == 1:
        streams = [source.stream("budget-shot", family, cluster, j) for j in range(2)]
        return "".join([*(_shot(s, family, most) for s in streams), asked, f"Reply in at most {most} bytes:"])
    if level == 2:
        return f"{asked}Answer in at most {most} bytes: {opening}"
    form = 'Work it out first if that fits, and end with "answer:" and the answer.'
    return f"{asked}Reply in one line of at most {most} bytes. {form}\nReply:"


def _shot(s: Stream, family: str, most: int) -> str:
    """Return a small problem with the reply that the budget leaves room for."""
    question, final, *_ = LADDER.FAMILIES[family](s, 1, 1)
    return f"Question: {question}\nReply in at most {most} bytes: {_reply(family, question, final, 1, most)}\n"
