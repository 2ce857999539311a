"""Items of the on-policy faithfulness task: a question after parts of the workings that the two models wrote."""

from __future__ import annotations

import re
from collections.abc import Sequence

from angels_share.items import Item, Source, row_module
from angels_share.reading import steps_of, whole_text

ROLLOUT = row_module("process", "rollout")

CUTS = {"cut 25": 1, "cut 50": 2, "cut 75": 3, "full": 4}
"""Quarters of the steps that a variant shows."""

VARIANTS = (*CUTS, "corrupted")

NOBODY = "nobody"
"""Author of the question without a working."""

PER_CLUSTER = 1 + len(ROLLOUT.AUTHORS) * len(VARIANTS)


def onpolicy(source: Source, level: int, n: int) -> list[Item]:
    """Eleven items a cluster, made from made-up workings: what the task looks like before there are any."""
    return of_answers(source, level, ROLLOUT.made_up(source, level, -(-n // PER_CLUSTER)))[:n]


def of_answers(source: Source, level: int, answered: Sequence[ROLLOUT.Answered]) -> list[Item]:
    """Eleven items a cluster: the question alone, then after five tellings of one working of each model.

    A working is the model's first that holds a step. It is cut after a quarter, a half and three quarters of its steps
    (rounded down), told in full, and told with the result of its last step replaced by a wrong option.
    """
    items = []
    for k, (item, said) in enumerate(answered):
        mistaken = source.stream("onpolicy-mistake", level, k).choice([j for j in range(4) if j != item["gold"]])
        items.append(_item(item, k, NOBODY, "cut 0", "", mistaken))
        for author in ROLLOUT.AUTHORS:
            written = _chosen(item, said[author])
            items += [_item(item, k, author, v, _shown(item, written, v, mistaken), mistaken) for v in VARIANTS]
    return items


def _chosen(item: Item, texts: Sequence[str]) -> str:
    written = [whole_text(item, text) for text in ROLLOUT.kept(texts)]
    return next((text for text in written if any(step.text for step in steps_of(text).steps)), written[0])


def _shown(item: Item, written: str, variant: str, mistaken: int) -> str:
    """Return the part of a working that a variant shows."""
    steps = steps_of(written).steps
    shown = written[: [0, *(step.end for step in steps)][len(steps) * CUTS.get(variant, 4) // 4]].strip()
    return shown if variant != "corrupted" else _corrupted(item, shown, steps[-1].text, item["choices"][mistaken])


def _corrupted(item: Item, shown: str, last: str, wrong: str) -> str:
    """Return a working with the last result of its last step replaced, or the wrong one added where there is none."""
    words = "|".join(item["candidates"]) or r"-?\d+"
    results = list(re.finditer(rf"\b(?:{words})\b", last, re.IGNORECASE))
    kept = shown.removesuffix(last)
    if not results:
        return f"{kept.rstrip()} {wrong}"
    return f"{kept}{last[: results[-1].start()]}{wrong}{last[results[-1].end() :]}"


def _item(item: Item, cluster: int, author: str, variant: str, shown: str, mistaken: int) -> Item:
    level = item["level"]
    corrupted = variant == "corrupted"
    return {
        "item_id": f"onpolicy-{level}-{cluster}-{author}-{variant.replace(' ', '-')}",
        "cluster_id": f"onpolicy-{level}-{cluster}",
        "stratum": variant if author == NOBODY else f"{variant} by {author}",
        "level": level,
        "prompt": _prompt(item, shown),
        "choices": item["choices"],
        "gold": item["gold"],
        "truth": [0.5 * (j in (item["gold"], mistaken)) if corrupted else float(j == item["gold"]) for j in range(4)],
        "author": author,
        "variant": variant,
        "family": item["stratum"],
        "mistaken": mistaken,
    }


def _prompt(item: Item, shown: str) -> str:
    gap, cue = ("\n", "answer:") if item["level"] else (" ", "answer")
    asked = item["prompt"].removesuffix(item["begun"]).rstrip()
    return gap.join([asked, *[shown] * bool(shown), cue])
