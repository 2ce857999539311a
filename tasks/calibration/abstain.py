"""Items of the abstention task: minimal pairs of a question that can be answered and one that nobody can answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from angels_share.caskworld import LANDS, NAMES, NUMBERS, TOWNS, UNKNOWN, invented
from angels_share.items import Item, Source, Stream, row_module

CONFIDENCE = row_module("calibration", "confidence")

KINDS = ("removed", "denied", "invented")
"""Why nobody can know: the fact is not told, the question presupposes what is denied, or the place does not exist."""

EXISTING = frozenset({"Benin", "Gabon", "Nepal", "Poland", "Sudan"})
"""Countries that invented names could hit."""


class Pair(NamedTuple):
    """A passage with a question that can be answered, and its twin."""

    facts: list[str]
    lacking: list[str]
    """The passage of the twin."""
    question: str
    asked: str
    """The question of the twin."""
    answer: str
    wrong: list[str]
    """Wrong answers that tempt, two or more."""

    def shared(self) -> list[str]:
        """Return what the twins have in common."""
        return [*(f for f in self.facts if f in self.lacking), *[self.question] * (self.question == self.asked)]


def abstain(source: Source, level: int, n: int) -> list[Item]:
    """Pairs of a question that can be answered and one that cannot, of three kinds that take turns."""
    return [_item(source, level, i // 2, lacks=bool(i % 2)) for i in range(n)]


def _item(source: Source, level: int, number: int, *, lacks: bool) -> Item:
    turn, place = divmod(number, len(KINDS))
    kind = KINDS[place]
    pair = source.draw(lambda s: _pair(s, level, turn, kind), Pair.shared, "abstain", level, kind, turn)
    told, question = " ".join(pair.lacking if lacks else pair.facts), pair.asked if lacks else pair.question
    if level == 0:
        prompt = f"{told} {question}"
    elif level == 1:
        shots = _shots(source, number, kind, pair.answer)
        prompt = "\n".join([*shots, f"Passage: {told}\nQuestion: {question}\nAnswer:"])
    else:
        prompt = f"Passage: {told}\nQuestion: {question} If nobody can know, say {UNKNOWN}.\nAnswer: The answer is"
    order = source.stream("abstain-order", level, number)
    choices = CONFIDENCE.placed(pair.answer, pair.wrong[:2], order, turn // 3)
    return {
        "item_id": f"abstain-{level}-{number}-{'lacks' if lacks else 'present'}",
        "cluster_id": f"abstain-{level}-{number}",
        "stratum": kind if lacks else f"{kind}_present",
        "level": level,
        "prompt": prompt,
        "choices": [*choices, UNKNOWN],
        "gold": len(choices) if lacks else choices.index(pair.answer),
        "payoffs": [float(not lacks and c == pair.answer) for c in choices] + [1.0 if lacks else 0.5],
    }


def _shots(source: Source, number: int, kind: str, answer: str) -> list[str]:
    """Return two answerable and two unanswerable examples, in an order that varies, none with this answer."""
    shots = []
    for j, lacks in enumerate(source.stream("abstain-shots", number).shuffled([False, True, False, True])):
        s = source.stream("abstain-shot", number, j)
        example = _pair(s, 1, 0, kind)
        while example.answer == answer:
            example = _pair(s, 1, 0, kind)
        told, asked = (example.lacking, example.asked) if lacks else (example.facts, example.question)
        said = UNKNOWN if lacks else example.answer
        shots.append(f"Passage: {' '.join(told)}\nQuestion: {asked}\nAnswer: {said}")
    return shots


def _pair(s: Stream, level: int, turn: int, kind: str) -> Pair:
    make: Callable[[Stream, int, str], Pair]
    if kind == "invented":
        make = (_lands, _capitals, _capitals, _origins, _origins_with_doubles)[level]
    else:
        make = (_records, _passage, _passage, _two_hops, _doubles)[level]
    return make(s, turn, kind)


def _without(
    facts: list[str], at: int, denial: str, kind: str, *, question: str, answer: str, wrong: list[str]
) -> Pair:
    """Return a pair whose twin lacks a sentence, or denies it."""
    lacking = [*facts[:at], *[denial] * (kind == "denied"), *facts[at + 1 :]]
    return Pair(facts, lacking, question, question, answer, wrong)


# --- a fact that is not told, or denied ------------------------------------------------------------------------------


def _records(s: Stream, turn: int, kind: str) -> Pair:
    keys, values = s.sample(NAMES, 2 + turn % 3), s.sample(NUMBERS[10:], 4)
    at = s.below(len(keys))
    facts = [f"{k} {v}" for k, v in zip(keys, values, strict=False)]
    wrong = [v for v in values if v != values[at]]
    return _without(facts, at, f"{keys[at]} not", kind, question=f"find {keys[at]}", answer=values[at], wrong=wrong)


def _passage(s: Stream, turn: int, kind: str) -> Pair:
    people, towns = invented(s, 4), invented(s, 5)
    size = 2 + turn % 3
    at = s.below(size)
    facts = _work(people[:size], towns)
    question, denial = f"In which town does {people[at]} work?", f"{people[at]} works in no town."
    wrong = [t for t in towns if t != towns[at]]
    return _without(facts, at, denial, kind, question=question, answer=towns[at], wrong=wrong)


def _work(people: list[str], towns: list[str]) -> list[str]:
    return [f"{who} works in the town of {where}." for who, where in zip(people, towns, strict=False)]


def _two_hops(s: Stream, turn: int, kind: str) -> Pair:
    people, guilds, towns = invented(s, 4), invented(s, 4), invented(s, 4)
    size = 3 + turn % 2
    at = s.below(size)
    wrong = [t for t in towns if t != towns[at]]
    return _guilds(s, kind, people[:size], guilds[:size], towns, at, wrong)


def _doubles(s: Stream, turn: int, kind: str) -> Pair:
    """Two steps among people and guilds with doubles: names that differ in one letter.

    Two guilds have no member in the passage, so that nothing can be found by exclusion.
    """
    words = invented(s, 15)
    names = _with_doubles(s, words[:7], words)
    people, guilds, towns = names[:6], names[6:], words[7:]
    at = s.below(len(people))
    return _guilds(s, kind, people, guilds, towns, at, [towns[at ^ 1], towns[s.between(6, 7)]])


def _guilds(
    s: Stream, kind: str, people: list[str], guilds: list[str], towns: list[str], at: int, wrong: list[str]
) -> Pair:
    """Tell who belongs to which guild and where each guild meets; one of the two steps is gone or denied."""
    members = [f"{p} is a member of the guild of {g}." for p, g in zip(people, guilds, strict=False)]
    places = [f"The guild of {g} meets in {t}." for g, t in zip(guilds, towns, strict=False)]
    step = s.below(2)
    order = s.shuffled(range(len(members) + len(places)))
    needed = order.index(at + step * len(members))
    denial = (f"{people[at]} belongs to no guild.", f"The guild of {guilds[at]} is no more and meets nowhere.")[step]
    facts = [[*members, *places][k] for k in order]
    question = f"In which town does the guild of {people[at]} meet?"
    return _without(facts, needed, denial, kind, question=question, answer=towns[at], wrong=wrong)


def _with_doubles(s: Stream, words: list[str], taken: list[str]) -> list[str]:
    """Return each word beside a double of it, in random order of the two."""
    doubles: list[str] = []
    for word in words:
        doubles.append(_double(s, word, [*taken, *doubles]))
    return [name for twins in zip(words, doubles, strict=True) for name in s.shuffled(twins)]


def _double(s: Stream, word: str, taken: list[str]) -> str:
    """Return a name that differs from this one in a single letter and is not taken."""
    while True:
        at = s.between(1, len(word) - 1)
        letter = s.choice("aeiou" if word[at] in "aeiou" else "bdfgklmnprstvz")
        made = word[:at] + letter + word[at + 1 :]
        if made != word and made not in taken:
            return made


# --- a place that does not exist -------------------------------------------------------------------------------------


def _lands(s: Stream, turn: int, kind: str) -> Pair:
    """Ask for the capital of a land of the well-known third, or of a name that is no land."""
    records = _records(s, turn, "removed")
    held = {fact.split()[0] for fact in records.facts}
    lands = s.sample(range(len(LANDS) // 3), 3)
    nowhere = s.choice([name for name in NAMES if name not in held])
    towns = [TOWNS[k] for k in lands]
    asked = [f"capital of {land} is" for land in (LANDS[lands[0]], nowhere)]
    return Pair(records.facts, records.facts, asked[0], asked[1], towns[0], towns[1:])


def _capitals(s: Stream, turn: int, kind: str) -> Pair:
    """Ask for the capital of a country, or of one that does not exist, after a passage that says of neither."""
    facts = _passage(s, turn, "removed").facts
    rows = s.sample(CONFIDENCE.capitals_of_the_world(), 3)
    asked = [f"What is the capital of {country}?" for country in (rows[0]["country"], _nowhere(s))]
    capitals = [row["capital"] for row in rows]
    return Pair(facts, facts, asked[0], asked[1], capitals[0], capitals[1:])


def _origins(s: Stream, turn: int, kind: str) -> Pair:
    """Tell where people come from, and ask for the capital of one's country, which may not exist."""
    return _capital_of_origin(s, invented(s, 4 + turn % 2))


def _origins_with_doubles(s: Stream, turn: int, kind: str) -> Pair:
    """Tell the same of ten people, each with a double, and where they work."""
    words = invented(s, 15)
    people = _with_doubles(s, words[:5], words)
    return _capital_of_origin(s, people, _work(people, words[5:]))


def _capital_of_origin(s: Stream, people: list[str], besides: list[str] | None = None) -> Pair:
    rows = s.sample(CONFIDENCE.capitals_of_the_world(), len(people))
    at = s.below(len(people))
    facts = [f"{who} comes from {row['country']}." for who, row in zip(people, rows, strict=True)]
    twin = [*facts[:at], f"{people[at]} comes from {_nowhere(s)}.", *facts[at + 1 :]]
    order = s.shuffled(range(len(facts) + len(besides or ())))
    told, lacking = ([[*those, *(besides or ())][k] for k in order] for those in (facts, twin))
    question = f"What is the capital of the country that {people[at]} comes from?"
    others = [rows[at ^ 1 if at ^ 1 < len(rows) else 0], rows[at - 2]]
    return Pair(told, lacking, question, question, rows[at]["capital"], [row["capital"] for row in others])


def _nowhere(s: Stream) -> str:
    """Return the name of a country that does not exist."""
    real = EXISTING | {row["country"] for row in CONFIDENCE.capitals_of_the_world()}
    while (name := invented(s, 1)[0]) in real:
        pass
    return name
