"""Item generators of the row *calibration and abstention*: how sure, and when not to answer."""

from __future__ import annotations

import json
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from angels_share.caskworld import LANDS, NAMES, NUMBERS, TOWNS, UNKNOWN, invented
from angels_share.items import Item, Source, Stream, row_module

FAMES = ("head", "middle", "tail")
"""Thirds of the countries, by the number of names that are on record for their capitals."""


def confidence(source: Source, level: int, n: int) -> list[Item]:
    """Four options each: the five ladder families, and capitals of the world (of caskworld at level 0).

    Every other item asks for a capital, at level 4 for any fact of ``as_boundary_facts``; at level 0, where there are
    few capitals, every sixth.
    """
    ladder = row_module("boundary")
    every = len(ladder.FAMILIES) + 1 if level == 0 else 2
    items = []
    for i in range(n):
        turn, place = divmod(i, every)
        if place == every - 1:
            items.append(_near_fact(source, level, turn) if level > 3 else _capital(source, level, turn))
            continue
        index = turn * (every - 1) + place
        problem = ladder.problem_item(source, level, index, "confidence")
        order = source.stream("confidence-order", level, index)
        lap, rung = divmod(index // len(ladder.FAMILIES), len(ladder.rungs_of(level)))
        choices = _place(problem["answer"], problem["wrong"], order, lap + rung)
        items.append(
            {k: problem[k] for k in ("item_id", "cluster_id", "stratum", "rung", "level", "prompt")}
            | {"choices": choices, "gold": choices.index(problem["answer"])}
        )
    return items


def abstain(source: Source, level: int, n: int) -> list[Item]:
    """Minimal pairs: the passage with the fact that the question needs, and the same passage without it.

    At level 4 names have doubles that differ in one letter, and every other pair denies the fact instead.
    """
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
    triples = source.stream("capital-options", level, country).sample(list(combinations(pool, 3)), lap + 1)
    choices = _place(gold, list(triples[lap]), source.stream("capital-order", level, turn), turn)
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


def _near_fact(source: Source, level: int, turn: int) -> Item:
    """Ask for a capital, a country or an atomic number, with wrong answers that lie near the right one."""
    facts = row_module("boundary", "facts")
    known = facts.fact(source, level, turn, "confidence")
    row, choices = known.row, known.choices(0)
    return {
        "item_id": f"fact-{level}-{turn}",
        "cluster_id": f"{row['kind']}-{row['subject']}",
        "stratum": f"{row['kind']}_{row['fame']}",
        "rung": 1 + FAMES.index(row["fame"]),
        "level": level,
        "prompt": f"Question: {facts.QUESTIONS[row['kind']].format(row['subject'])}\nAnswer: The answer is",
        "choices": choices,
        "gold": choices.index(row["answer"]),
    }


def _abstain_item(source: Source, level: int, pair: int, *, removed: bool) -> Item:
    make = {0: _records, 1: _passage, 2: _passage, 3: _two_hops, 4: _doubles}[level]
    puzzle = source.draw(lambda s: make(s, pair), lambda p: (p.without(), p.question), "abstain", level, pair)
    told = " ".join(puzzle.without() if removed else puzzle.facts)
    question, answer = puzzle.question, puzzle.answer
    if level == 0:
        prompt = f"{told} {question}"
    elif level == 1:
        prompt = "\n".join([*_abstain_shots(source, pair), f"Passage: {told}\nQuestion: {question}\nAnswer:"])
    else:
        prompt = f"Passage: {told}\nQuestion: {question} If nobody can know, say {UNKNOWN}.\nAnswer: The answer is"
    choices = _place(answer, puzzle.wrong, source.stream("abstain-order", level, pair), pair // 3)
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


class Puzzle(NamedTuple):
    """A passage and a question that needs one of its sentences."""

    facts: list[str]
    needed: int
    """Place of the sentence that the question needs."""
    question: str
    answer: str
    wrong: list[str]
    """Wrong answers that the passage tempts with."""
    denial: str = ""
    """What stands in the needed sentence's place when it is gone; nothing unless the premise is to be false."""

    def without(self) -> list[str]:
        """Return the passage once the needed sentence is gone."""
        return [*self.facts[: self.needed], *[self.denial] * bool(self.denial), *self.facts[self.needed + 1 :]]


def _records(s: Stream, pair: int) -> Puzzle:
    keys, values = s.sample(NAMES, 2 + pair % 3), s.sample(NUMBERS[10:], 4)
    at = s.below(len(keys))
    facts = [f"{k} {v}" for k, v in zip(keys, values, strict=False)]
    others = [v for v in values if v != values[at]]
    return Puzzle(facts, at, f"find {keys[at]}", values[at], others[:2])


def _passage(s: Stream, pair: int) -> Puzzle:
    people, towns = invented(s, 4), invented(s, 5)
    size = 2 + pair % 3
    at = s.below(size)
    facts = [f"{who} works in the town of {where}." for who, where in zip(people[:size], towns, strict=False)]
    others = [t for t in towns if t != towns[at]]
    return Puzzle(facts, at, f"In which town does {people[at]} work?", towns[at], others[:2])


def _two_hops(s: Stream, pair: int) -> Puzzle:
    people, guilds, towns = invented(s, 4), invented(s, 4), invented(s, 4)
    size = 3 + pair % 2
    at = s.below(size)
    first, second = _guilds(people[:size], guilds[:size], towns)
    order = s.shuffled(range(2 * size))
    facts = [(first + second)[k] for k in order]
    needed = order.index(at + size * s.below(2))
    others = [t for t in towns if t != towns[at]]
    return Puzzle(facts, needed, f"In which town does the guild of {people[at]} meet?", towns[at], others[:2])


def _guilds(people: list[str], guilds: list[str], towns: list[str]) -> tuple[list[str], list[str]]:
    """Return who belongs to which guild, and where each guild meets."""
    members = [f"{p} is a member of the guild of {g}." for p, g in zip(people, guilds, strict=False)]
    return members, [f"The guild of {g} meets in {t}." for g, t in zip(guilds, towns, strict=False)]


def _doubles(s: Stream, pair: int) -> Puzzle:
    """Two steps among people and guilds with doubles: names that differ in one letter.

    Two guilds have no member in the passage, so that nothing can be found by exclusion. In every other pair, what is
    gone is denied: the person belongs to no guild, or the guild meets nowhere.
    """
    words = invented(s, 15)
    doubles: list[str] = []
    for word in words[:7]:
        doubles.append(_double(s, word, [*words, *doubles]))
    names = [name for twins in zip(words, doubles, strict=False) for name in s.shuffled(twins)]
    people, guilds, towns = names[:6], names[6:], words[7:]
    at, step = s.below(len(people)), s.below(2)
    members, places = _guilds(people, guilds, towns)
    order = s.shuffled(range(len(members) + len(places)))
    needed = order.index(at + step * len(members))
    denial = (f"{people[at]} belongs to no guild.", f"The guild of {guilds[at]} is no more and meets nowhere.")[step]
    return Puzzle(
        [[*members, *places][k] for k in order],
        needed,
        f"In which town does the guild of {people[at]} meet?",
        towns[at],
        [towns[at ^ 1], towns[s.between(6, 7)]],
        denial if pair % 2 else "",
    )


def _double(s: Stream, word: str, taken: list[str]) -> str:
    """Return a name that differs from this one in a single letter and is not taken."""
    while True:
        at = s.between(1, len(word) - 1)
        letter = s.choice("aeiou" if word[at] in "aeiou" else "bdfgklmnprstvz")
        made = word[:at] + letter + word[at + 1 :]
        if made != word and made not in taken:
            return made


def _abstain_shots(source: Source, pair: int) -> list[str]:
    """Two answerable and two unanswerable examples, in an order that varies."""
    shots = []
    for j, removed in enumerate(source.stream("abstain-shots", pair).shuffled([False, True, False, True])):
        example = _passage(source.stream("abstain-shot", pair, j), 0)
        told = " ".join(example.without() if removed else example.facts)
        shots.append(f"Passage: {told}\nQuestion: {example.question}\nAnswer: {UNKNOWN if removed else example.answer}")
    return shots
