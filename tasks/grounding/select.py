"""Item generator of ``as_grounding_select``: which of several passages holds the answer."""

from __future__ import annotations

from typing import Any

from angels_share.caskworld import LANDS, NAMES, NUMBERS
from angels_share.items import Item, Source, Stream, row_module

FACTS = row_module("grounding", "facts")

STRATA = (("plain",), ("plain", "near"), ("plain", "near"), ("plain", "near"), ("plain", "near"))
"""Whether the other people are called like the one who is asked about, but for a letter, by level."""

PASSAGES = (3, 3, 3, 5, 10)
"""Passages that are shown, by level."""


def select(source: Source, level: int, n: int) -> list[Item]:
    """Questions whose answer stands in one of some passages, each under a name; its place takes turns."""
    return [_item(source, level, *divmod(i, len(STRATA[level]))) for i in range(n)]


def _item(source: Source, level: int, turn: int, kind: int) -> Item:
    stratum, gold = STRATA[level][kind], turn % PASSAGES[level]
    case = source.draw(lambda s: _case(s, stratum, level), FACTS.Story.key, "select", level, stratum, turn)
    s = source.stream("select-order", level, stratum, turn)
    told = [FACTS.passage(sentence, level, s) for sentence in case.sentences([gold])]
    marks = s.sample(NAMES if level < 3 else LANDS, len(told))
    return {
        "item_id": f"select-{level}-{stratum}-{turn}",
        "cluster_id": f"select-{level}-{stratum}-{turn}",
        "stratum": stratum,
        "level": level,
        "prompt": _prompt(source, case, _marked(marks, told), level, f"{stratum}-{turn}"),
        "choices": marks,
        "gold": gold,
    }


def _case(s: Stream, stratum: str, level: int) -> Any:
    if level == 0:
        values = s.sample(NUMBERS[10:], PASSAGES[0])
        return FACTS.Story(values[:1], values[1:], f"find {values[0]}", "", values[0], values)
    return FACTS.story(s, steps=1, beside=PASSAGES[level] - 1, near=stratum == "near")


def _marked(marks: list[str], told: list[str]) -> list[tuple[str, str]]:
    return list(zip(marks, told, strict=True))


def _prompt(source: Source, case: Any, passages: list[tuple[str, str]], level: int, name: str) -> str:
    if level == 0:
        return " , ".join([*(f"{mark} {value}" for mark, value in passages), case.question])
    shown = _shown(case, passages)
    if level == 1:
        return "\n".join([*_shots(source, [mark for mark, _ in passages], name), f"{shown}\nSource: passage"])
    return f"{shown} Which passage says so?\nAnswer: It is said in passage"


def _shown(case: Any, passages: list[tuple[str, str]]) -> str:
    return "\n".join([*(f"Passage {mark}: {text}" for mark, text in passages), f"Question: {case.question}"])


def _shots(source: Source, marks: list[str], name: str) -> list[str]:
    """Return two worked examples under other names than these, with the answer at two different places."""
    s = source.stream("select-shots", name)
    free = [mark for mark in NAMES if mark not in marks]
    shots = []
    for at in s.sample(range(PASSAGES[1]), 2):
        case = FACTS.story(s, steps=1, beside=PASSAGES[1] - 1, near=False)
        named = s.sample(free, PASSAGES[1])
        shots.append(f"{_shown(case, _marked(named, case.sentences([at])))}\nSource: passage {named[at]}")
    return shots
