"""Item generator of ``as_grounding_cite``: questions to be answered from numbered passages, naming the sources."""

from __future__ import annotations

import json
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

from angels_share.caskworld import NAMES, NUMBERS
from angels_share.items import Item, Source, Stream, row_module

FACTS = row_module("grounding", "facts")

STRATA = (("one",), ("one", "bank"), ("one", "bank"), ("one", "two", "bank"), ("one", "two", "bank"))
"""Kinds of questions by level: one invented fact, two that must be joined, one of the bank's."""

PASSAGES = (3, 3, 3, 5, 10)
"""Passages that are shown, by level."""

STRIDE = 7
"""Step from one pair of places to the next among all pairs; it shares no factor with 20 or 90, their numbers."""

ASK = (
    "Answer from the passages. After the answer, give in brackets the number of every passage that it rests on, "
    "such as [12] or [12][15], and no other number."
)


def cite(source: Source, level: int, n: int) -> list[Item]:
    """Questions with numbered passages; the kinds take turns, and so do the places of the passages that are needed."""
    return [_item(source, level, *divmod(i, len(STRATA[level]))) for i in range(n)]


def _item(source: Source, level: int, turn: int, kind: int) -> Item:
    stratum = STRATA[level][kind]
    case = source.draw(lambda s: _case(s, stratum, level), FACTS.Story.key, "cite", level, stratum, turn)
    s = source.stream("cite-order", level, stratum, turn)
    places = [*permutations(range(PASSAGES[level]), len(case.needed))]
    at = list(places[turn * STRIDE % len(places)])
    support = sorted(k + 1 for k in at)
    told = [FACTS.passage(p, level, s) for p in case.sentences(at)]
    cited = "".join(f"[{k}]" for k in support)
    answers = (
        f"{case.value} from {support[0]}",
        f"{case.value} {cited}",
        f"{support[0]}], {case.opening} {case.value}.",
        f"{case.value} {cited}",
        f"{case.value} {cited}",
    )
    return {
        "item_id": f"cite-{level}-{stratum}-{turn}",
        "cluster_id": f"cite-{level}-{stratum}-{turn}",
        "stratum": stratum,
        "level": level,
        "prompt": _prompt(source, case, told, level, f"{stratum}-{turn}"),
        "begun": "[" if level == 2 else "",
        "answer": answers[level],
        "value": case.value,
        "candidates": case.values,
        "support": support,
        "passages": len(told),
    }


def _case(s: Stream, stratum: str, level: int) -> Any:
    if level == 0:
        return _records(s)
    beside = PASSAGES[level] - 1 - (stratum == "two")
    if stratum == "bank":
        return _bank(s, beside)
    return FACTS.story(s, steps=1 + (stratum == "two"), beside=beside, near=level == 4)


def _records(s: Stream) -> Any:
    keys, values = s.sample(NAMES, PASSAGES[0]), s.sample(NUMBERS[10:], PASSAGES[0])
    first, *others = (f"{k} {v}" for k, v in zip(keys, values, strict=True))
    return FACTS.Story([first], others, f"find {keys[0]}", "", values[0], values)


# --- the bank --------------------------------------------------------------------------------------------------------


@cache
def facts_of_the_bank() -> tuple[dict[str, str], ...]:
    """Return the rows of ``data/bank.jsonl``."""
    lines = (Path(__file__).parent / "data" / "bank.jsonl").read_text("utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def _bank(s: Stream, beside: int) -> Any:
    """Return a fact of the bank beside the same attribute of other products and other attributes of the product.

    No two amounts are equal. Where a product has too few other attributes, other products fill up.
    """
    rows = facts_of_the_bank()
    while True:
        asked = s.choice(rows)
        alike = s.shuffled([r for r in rows if r["attribute"] == asked["attribute"] and r != asked])
        same = s.shuffled([r for r in rows if r["product"] == asked["product"] and r != asked])
        mixed = [r for pair in zip(alike, same, strict=False) for r in pair]
        shorter = min(len(alike), len(same))
        chosen = [asked]
        for row in [*mixed, *alike[shorter:], *same[shorter:], *s.shuffled(rows)]:
            if len(chosen) <= beside and _amount(row) not in map(_amount, chosen):
                chosen.append(row)
        if {"attribute", "product"} == {f for r in chosen[1:] for f in ("attribute", "product") if r[f] == asked[f]}:
            break
    needed, *others = (f"The {_name(r)} is {r['value']}." for r in chosen)
    question, opening = f"What is the {_name(asked)}?", f"The {_name(asked)} is"
    return FACTS.Story([needed], s.shuffled(others), question, opening, asked["value"], [r["value"] for r in chosen])


def _amount(row: dict[str, str]) -> float:
    return float(row["value"].strip("$%").replace(",", ""))


def _name(row: dict[str, str]) -> str:
    return f"{row['attribute']} of the {row['product']}"


# --- words -----------------------------------------------------------------------------------------------------------


def _prompt(source: Source, case: Any, told: list[str], level: int, name: str) -> str:
    if level == 0:
        return " , ".join([*(f"{k} {record}" for k, record in enumerate(told, 1)), case.question])
    shown = f"{_numbered(told)}\nQuestion: {case.question}"
    if level == 1:
        return "\n".join([*_shots(source, name), f"{shown}\nAnswer:"])
    if level == 2:
        return f"{shown}\nAnswer: According to passage ["
    return f"{ASK}\n{shown}\nAnswer: {case.opening}"


def _numbered(told: list[str]) -> str:
    return "\n".join(f"[{k}] {text}" for k, text in enumerate(told, 1))


def _shots(source: Source, name: str) -> list[str]:
    """Return two worked examples, with the needed passage at two different places."""
    shots = []
    s = source.stream("cite-shots", name)
    for at in s.sample(range(PASSAGES[1]), 2):
        case = FACTS.story(s, steps=1, beside=PASSAGES[1] - 1, near=False)
        told = case.sentences([at])
        shots.append(f"{_numbered(told)}\nQuestion: {case.question}\nAnswer: {case.value} [{at + 1}]")
    return shots
