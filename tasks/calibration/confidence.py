"""Items of the confidence task: questions from easy to out of reach, draws of known odds, and questions out of line."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from angels_share.caskworld import LANDS, NAMES, TOWNS, invented
from angels_share.items import Item, Source, Stream, row_module

LADDER = row_module("boundary")

FAMES = ("head", "middle", "tail")
"""Thirds of the countries, by the number of names that are on record for their capitals."""

PROBLEMS = (*LADDER.FAMILIES, "ambiguous", "longer", "renamed")
"""Strata beside the facts: the ladder's families, draws from a cask, and look-ups in longer lists or of new words."""

LONGER = {0: (4, 5, 6), 1: (4, 5, 6), 2: (4, 5, 6), 3: (9, 10, 11), 4: (11, 12)}
"""Rungs of the look-ups in longer lists, beyond those that the level holds."""

TENTHS = (4, 5, 6, 7)
"""Share of the likeliest wood in a cask, in tenths."""

STAVES = (10, 10, 10, 40, 100)
"""Staves, or casks, that a draw is from, by level."""


class Asked(NamedTuple):
    """A question with four options.

    Attributes
    ----------
    question : str
    opening : str
        How a spoken answer would begin.
    choices : list of str
    gold : int
        Place of the right option; where the answer is drawn, of the one that was.
    odds : list of float
        Probability of each option before the draw; all on the right one where nothing is drawn.
    """

    question: str
    opening: str
    choices: list[str]
    gold: int
    odds: list[float]


class Query(NamedTuple):
    """A question with what it is to be called, and worked examples of its kind."""

    name: str
    cluster: str
    stratum: str
    rung: int
    asked: Asked
    shots: list[Asked]


def confidence(source: Source, level: int, n: int) -> list[Item]:
    """Four options each: problems of the ladder, draws, shifted look-ups, and facts."""
    items = []
    for query in queries(source, level, n):
        asked = query.asked
        shots = [
            (s.question, f"{s.opening} {s.choices[s.gold]}." if s.opening else s.choices[s.gold]) for s in query.shots
        ]
        prompt = LADDER.framed(level, shots, asked.question, asked.opening).rstrip()
        items.append(fields(query, level, prompt))
    return items


def fields(query: Query, level: int, prompt: str) -> Item:
    """Return the item that asks a query with this prompt."""
    return {
        "item_id": query.name,
        "cluster_id": query.cluster,
        "stratum": query.stratum,
        "rung": query.rung,
        "level": level,
        "prompt": prompt,
        "choices": query.asked.choices,
        "gold": query.asked.gold,
        "odds": query.asked.odds,
    }


def queries(source: Source, level: int, n: int) -> list[Query]:
    """Return the first n questions of a level.

    Every other one asks for a capital, at level 4 for any fact of ``as_boundary_facts``; at level 0, where there are
    few capitals, every sixth.
    """
    every = 6 if level == 0 else 2
    made = []
    for i in range(n):
        turn, place = divmod(i, every)
        if place < every - 1:
            made.append(_problem(source, level, turn * (every - 1) + place))
        else:
            made.append(_near_fact(source, level, turn) if level > 3 else _capital(source, level, turn))
    return made


def placed(gold: str, wrong: list[str], s: Stream, turn: int) -> list[str]:
    """Return the options with the right one at a place that rotates from turn to turn."""
    options = s.shuffled(wrong)
    options.insert(turn % (len(wrong) + 1), gold)
    return options


def _sure(question: str, opening: str, choices: list[str], answer: str) -> Asked:
    return Asked(question, opening, choices, choices.index(answer), [float(c == answer) for c in choices])


# --- problems --------------------------------------------------------------------------------------------------------


def _problem(source: Source, level: int, index: int) -> Query:
    turn, kind = divmod(index, len(PROBLEMS))
    stratum = PROBLEMS[kind]
    rungs = TENTHS if stratum == "ambiguous" else LADDER.rungs_of(level)
    if stratum == "longer" and source.split != "train":
        rungs = LONGER[level]
    lap, step = divmod(turn, len(rungs))
    order = source.stream("confidence-order", level, index)
    shots = [source.stream("confidence-shots", stratum, level, index, j) for j in range(2 if level == 1 else 0)]
    if stratum == "ambiguous":
        shown = [draw(s, s.choice(TENTHS), level) for s in shots]
        asked = source.draw(
            lambda s: draw(s, rungs[step], level),
            lambda a: sorted(zip(a.odds, a.choices, strict=True)),
            "confidence", stratum, level, turn,
        )  # fmt: skip
        drawn = asked.choices[asked.gold]
        odds = dict(zip(asked.choices, asked.odds, strict=True))
        choices = placed(drawn, [c for c in odds if c != drawn], order, lap + step)
        asked = asked._replace(choices=choices, gold=choices.index(drawn), odds=[odds[c] for c in choices])
    else:
        family = stratum if stratum in LADDER.FAMILIES else "lookup"
        new = stratum == "renamed" and source.split != "train"
        shown = [_of_ladder(s, family, 1, level, s.below(4)) for s in shots]
        asked = source.draw(
            lambda s: _of_ladder(s, family, rungs[step], level, lap + step, new=new),
            lambda a: a.question,
            "confidence", stratum, level, turn,
        )  # fmt: skip
    name = f"confidence-{level}-{index}"
    return Query(name, name, stratum, rungs[step], asked, shown)


def _of_ladder(s: Stream, family: str, rung: int, level: int, place: int, *, new: bool = False) -> Asked:
    """Return a problem of the ladder; with ``new``, its names give way to others that a ledger has never held."""
    question, answer, wrong, opening = LADDER.FAMILIES[family](s, rung, level)
    if new:
        names = dict(zip(NAMES, LANDS if level == 0 else map(str.lower, invented(s, len(NAMES))), strict=True))
        question, opening = (re.sub("[a-z]+", lambda m: names.get(m[0], m[0]), text) for text in (question, opening))
    return _sure(question, opening, placed(answer, wrong, s, place), answer)


def draw(s: Stream, tenths: int, level: int) -> Asked:
    """Return a draw from a cask whose likeliest wood has a share of so many tenths, and what was drawn."""
    total = STAVES[level]
    counts: list[int] = []
    while not counts or max(counts[1:]) >= counts[0] or min(counts) < 1:
        left = total - tenths * total // 10
        one, two = sorted((s.between(1, left - 1), s.between(1, left - 1)))
        counts = [total - left, one, two - one, left - two]
    woods = s.sample(NAMES, 4)
    staves = s.shuffled([wood for wood, count in zip(woods, counts, strict=True) for _ in range(count)])
    told = ", ".join(f"{counts[k]} of {woods[k]}" for k in s.shuffled(range(4)))
    asked = "One of them is drawn at random. Of which wood is it?"
    if level == 0:
        question = f"cask {' '.join(staves)} draw"
    elif level < 3:
        question = f"The staves of a cask are {', '.join(staves)}. {asked}"
    elif level == 3:
        question = f"A cask is built of {total} staves: {told}. {asked}"
    else:
        question = (
            f"The cellar of {invented(s, 1)[0]} was dug in {s.between(1781, 1969)} and lies {s.between(4, 19)} metres "
            f"below the street. On its {s.between(3, 9)} racks stand {total} casks: {told}. In the last "
            f"{s.between(2, 9)} years {s.between(11, 40)} of them have leaked, and a guest who tasted from "
            f"{s.between(6, 9)} named the wood of {s.between(2, 5)} rightly. {asked}"
        )
    odds = [count / total for count in counts]
    return Asked(question, "It is of" if level else "", woods, woods.index(s.choice(staves)), odds)


# --- facts -----------------------------------------------------------------------------------------------------------


def _walk(source: Source, size: int, fame: str, place: int) -> tuple[int, int]:
    """Return which country of a third is asked for, each once a lap of the third in random order, and the lap."""
    lap, step = divmod(place, size)
    return source.stream("capital-walk", fame, lap).shuffled(range(size))[step], lap


@cache
def capitals_of_the_world() -> tuple[dict[str, Any], ...]:
    """Return the rows of ``data/capitals.jsonl``, ordered by fame within their third."""
    lines = (Path(__file__).parent / "data" / "capitals.jsonl").read_text("utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def _capital(source: Source, level: int, turn: int) -> Query:
    fame, place = FAMES[turn % 3], turn // 3
    shots = []
    if level == 0:
        step, lap = _walk(source, 8, fame, place)
        country, gold = (words[FAMES.index(fame) * 8 + step] for words in (LANDS, TOWNS))
        pool = [t for t in TOWNS if t != gold]
        question = f"capital of {country} is"
    else:
        third = [r for r in capitals_of_the_world() if r["fame"] == fame]
        step, lap = _walk(source, len(third), fame, place)
        row = third[step]
        country, gold, pool = row["country"], row["capital"], _near_capitals(row)
        if level > 2:
            pool = [*row["cities"], *pool[:9]]
        question = _capital_question(country)
        if level == 1:
            known = [r for r in capitals_of_the_world() if r["country"] != country]
            s = source.stream("capital-shots", turn)
            for shot in s.sample(known, 4):
                choices = placed(shot["capital"], s.sample(_near_capitals(shot), 3), s, s.below(4))
                shots.append(_sure(_capital_question(shot["country"]), "", choices, shot["capital"]))
    triples = source.stream("capital-options", level, country).sample(list(combinations(pool, 3)), lap + 1)
    choices = placed(gold, list(triples[lap]), source.stream("capital-order", level, turn), turn)
    asked = _sure(question, "", choices, gold)
    return Query(
        f"capital-{level}-{turn}", f"capital-{country}", f"capital_{fame}", 1 + FAMES.index(fame), asked, shots
    )


def _capital_question(country: str) -> str:
    return f"What is the capital of {country}?"


def _near_capitals(row: dict[str, Any]) -> list[str]:
    """Return the twelve other capitals of the continent whose names are most nearly as long."""
    others = [r["capital"] for r in capitals_of_the_world() if r["continent"] == row["continent"] and r is not row]
    return sorted(others, key=lambda capital: abs(len(capital) - len(row["capital"])))[:12]


def _near_fact(source: Source, level: int, turn: int) -> Query:
    """Ask for a capital, a country or an atomic number, with wrong answers that lie near the right one."""
    facts = row_module("boundary", "facts")
    known = facts.fact(source, level, turn, "confidence")
    row = known.row
    kind, fame, subject = row["kind"], row["fame"], row["subject"]
    asked = _sure(facts.QUESTIONS[kind].format(subject), "The answer is", known.choices(0), row["answer"])
    return Query(f"fact-{level}-{turn}", f"{kind}-{subject}", f"{kind}_{fame}", 1 + FAMES.index(fame), asked, [])
