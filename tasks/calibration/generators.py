"""Item generators of the row *calibration and abstention*: how sure, and when not to answer."""

from __future__ import annotations

import json
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from angels_share.caskworld import LANDS, NAMES, NUMBERS, TOWNS, UNKNOWN, invented
from angels_share.items import Item, Source, Stream, row_generators

FAMES = ("head", "middle", "tail")
"""Thirds of the countries, by the number of names that are on record for their capitals."""


def confidence(source: Source, level: int, n: int) -> list[Item]:
    """Four options each: the five ladder families, and capitals of the world (of caskworld at level 0).

    Every other item asks for a capital; at level 0, where there are few capitals, every sixth.
    """
    ladder = row_generators("boundary")
    every = len(ladder.FAMILIES) + 1 if level == 0 else 2
    items = []
    for i in range(n):
        turn, place = divmod(i, every)
        if place == every - 1:
            items.append(_capital(source, level, turn))
            continue
        index = turn * (every - 1) + place
        problem = ladder.problem_item(source, level, index, "confidence")
        order = source.stream("confidence-order", level, index)
        choices = _place(problem["answer"], problem["wrong"], order, index // len(ladder.FAMILIES))
        items.append(
            {k: problem[k] for k in ("item_id", "cluster_id", "stratum", "rung", "level", "prompt")}
            | {"choices": choices, "gold": choices.index(problem["answer"])}
        )
    return items


def abstain(source: Source, level: int, n: int) -> list[Item]:
    """Minimal pairs: the passage with the fact that the question needs, and the same passage without it."""
    return [_abstain_item(source, level, i // 2, removed=bool(i % 2)) for i in range(n)]


def _place(gold: str, wrong: list[str], s: Stream, turn: int) -> list[str]:
    """Return the options with the right one at a place that rotates from turn to turn."""
    options = s.shuffled(wrong)
    options.insert(turn % (len(wrong) + 1), gold)
    return options


def _walk(source: Source, size: int, fame: str, place: int) -> tuple[int, int]:
    """Return which country of a third is asked for, each once a lap of the third in random order, and the lap."""
    lap, step = divmod(place, size)
    return source.stream("capital-walk", fame, lap).shuffled(range(size))[step], lap


@cache
def capitals_of_the_world() -> tuple[dict[str, Any], ...]:
    """Return the rows of ``data/capitals.jsonl``, ordered by fame within their third."""
    lines = (Path(__file__).parent / "data" / "capitals.jsonl").read_text("utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def _capital(source: Source, level: int, turn: int) -> Item:
    fame, place = FAMES[turn % 3], turn // 3
    if level == 0:
        step, lap = _walk(source, 8, fame, place)
        country, gold = (words[FAMES.index(fame) * 8 + step] for words in (LANDS, TOWNS))
        pool = [t for t in TOWNS if t != gold]
        prompt = f"capital of {country} is"
    else:
        third = [r for r in capitals_of_the_world() if r["fame"] == fame]
        step, lap = _walk(source, len(third), fame, place)
        row = third[step]
        country, gold = row["country"], row["capital"]
        others = [r for r in capitals_of_the_world() if r["continent"] == row["continent"] and r["capital"] != gold]
        near = sorted(others, key=lambda r: abs(len(r["capital"]) - len(gold)))[:12]
        pool = [r["capital"] for r in near]
        if level > 2:
            pool = [*row["cities"], *pool[:9]]
        asked = "Question: What is the capital of {}?\nAnswer:"
        shots = []
        if level == 1:
            known = [r for r in capitals_of_the_world() if r["country"] != country]
            for shot in source.stream("capital-shots", turn).sample(known, 4):
                shots.append(f"{asked.format(shot['country'])} {shot['capital']}\n")
        prompt = "".join([*shots, asked.format(country)])
    triples = source.stream("capital-options", level, country).shuffled(list(combinations(pool, 3)))
    wrong = list(triples[lap])
    choices = _place(gold, wrong, source.stream("capital-order", level, turn), turn)
    return {
        "item_id": f"capital-{level}-{turn}",
        "cluster_id": f"capital-{country}",
        "stratum": f"capital_{fame}",
        "rung": 1 + FAMES.index(fame),
        "level": level,
        "prompt": prompt,
        "choices": choices,
        "gold": choices.index(gold),
    }


def _abstain_item(source: Source, level: int, pair: int, *, removed: bool) -> Item:
    make = {0: _records, 1: _passage, 2: _passage, 3: _two_hops}[level]
    facts, needed, question, answer, wrong = source.draw(
        lambda s: make(s, pair), lambda made: (_without(made[0], made[1]), made[2]), "abstain", level, pair
    )
    told = " ".join(_without(facts, needed) if removed else facts)
    if level == 0:
        prompt = f"{told} {question}"
    elif level == 1:
        prompt = "\n".join([*_abstain_shots(source, pair), f"Passage: {told}\nQuestion: {question}\nAnswer:"])
    else:
        prompt = f"Passage: {told}\nQuestion: {question} If nobody can know, say {UNKNOWN}.\nAnswer: The answer is"
    choices = _place(answer, wrong, source.stream("abstain-order", level, pair), pair // 3)
    return {
        "item_id": f"abstain-{level}-{pair}-{'removed' if removed else 'present'}",
        "cluster_id": f"abstain-{level}-{pair}",
        "stratum": "removed" if removed else "present",
        "level": level,
        "prompt": prompt,
        "choices": [*choices, UNKNOWN],
        "gold": len(choices) if removed else choices.index(answer),
        "payoffs": [float(not removed and c == answer) for c in choices] + [1.0 if removed else 0.5],
    }


Facts = tuple[list[str], int, str, str, list[str]]
"""Sentences, place of the needed one, question, answer, wrong answers that the passage tempts with."""


def _without(facts: list[str], needed: int) -> list[str]:
    return facts[:needed] + facts[needed + 1 :]


def _records(s: Stream, pair: int) -> Facts:
    keys, values = s.sample(NAMES, 2 + pair % 3), s.sample(NUMBERS[10:], 4)
    at = s.below(len(keys))
    facts = [f"{k} {v}" for k, v in zip(keys, values, strict=False)]
    others = [v for v in values if v != values[at]]
    return facts, at, f"find {keys[at]}", values[at], others[:2]


def _passage(s: Stream, pair: int) -> Facts:
    people, towns = invented(s, 4), invented(s, 5)
    size = 2 + pair % 3
    at = s.below(size)
    facts = [f"{who} works in the town of {where}." for who, where in zip(people[:size], towns, strict=False)]
    others = [t for t in towns if t != towns[at]]
    return facts, at, f"In which town does {people[at]} work?", towns[at], others[:2]


def _two_hops(s: Stream, pair: int) -> Facts:
    people, guilds, towns = invented(s, 4), invented(s, 4), invented(s, 4)
    size = 3 + pair % 2
    at = s.below(size)
    first = [f"{p} is a member of the guild of {g}." for p, g in zip(people[:size], guilds, strict=False)]
    second = [f"The guild of {g} meets in {t}." for g, t in zip(guilds[:size], towns, strict=False)]
    order = s.shuffled(range(2 * size))
    facts = [(first + second)[k] for k in order]
    needed = order.index(at + size * s.below(2))
    others = [t for t in towns if t != towns[at]]
    return facts, needed, f"In which town does the guild of {people[at]} meet?", towns[at], others[:2]


def _abstain_shots(source: Source, pair: int) -> list[str]:
    """Two answerable and two unanswerable examples, in an order that varies."""
    shots = []
    for j, removed in enumerate(source.stream("abstain-shots", pair).shuffled([False, True, False, True])):
        facts, needed, question, answer, _ = _passage(source.stream("abstain-shot", pair, j), 0)
        told = " ".join(_without(facts, needed) if removed else facts)
        shots.append(f"Passage: {told}\nQuestion: {question}\nAnswer: {UNKNOWN if removed else answer}")
    return shots
