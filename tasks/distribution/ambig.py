"""Item generator of the row *predictive distribution*: beginnings that several continuations fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from angels_share.caskworld import KINDS, NAMES, invented
from angels_share.items import Item, Source, Stream, row_module

VALID, INVALID = 3, 5
"""Options of an item that fit and that do not."""

WEIGHTS = (12, 6, 3, 2, 1, 1)
"""How often the six names of a kind of caskworld are said, from its first to its last."""

CATEGORIES: dict[str, tuple[str, ...]] = {
    category: tuple(noun for noun in nouns if 3 <= len(noun) <= 9)
    for category, nouns in row_module("representation", "lexicon").CATEGORIES.items()
}
"""Nouns of like length by category."""

NOUNS = tuple(noun for nouns in CATEGORIES.values() for noun in nouns)
ALL_NOUNS = frozenset(NOUNS)
BY_LETTER = {letter: tuple(noun for noun in NOUNS if noun[0] == letter) for letter in sorted({n[0] for n in NOUNS})}
LETTERS = tuple(letter for letter, nouns in BY_LETTER.items() if len(nouns) >= VALID + 2)
"""First letters that enough nouns share."""

KIN = ({"animal", "bird", "insect"}, {"fruit", "vegetable"}, {"tool", "instrument"})
"""Categories whose nouns are no fair wrong answers for each other."""

SPOKEN = {
    "clothing": "a piece of clothing",
    "furniture": "a piece of furniture",
    "instrument": "a musical instrument",
}
"""Categories whose name alone is no name of a thing."""

STRATA = {
    0: ("one", "either", "neither"),
    1: ("category", "letter"),
    2: ("category", "letter"),
    3: ("category_without_letter", "either_category", "letters_without_category"),
    4: ("three_constraints", "two_exclusions"),
}
"""What an item asks of its answer, by level."""

Rule = tuple[str, frozenset[str], frozenset[str]]
"""A constraint in words, the nouns that meet it and those that fail it; neither holds those one could argue about."""


class Drawn(NamedTuple):
    """What an item consists of."""

    prompt: str
    valid: list[str]
    invalid: list[str]


def ambig(source: Source, level: int, n: int) -> list[Item]:
    """Eight options, three of which fit; which places they take is random.

    Level 0 asks for a name of some kind out of those in a cask, where names are said with fixed frequencies. Levels 1,
    after four examples, and 2 ask for a noun of a category or with a first letter. Level 3 sets two constraints, level
    4 three, some of them negative.
    """
    return [_item(source, level, i) for i in range(n)]


def _item(source: Source, level: int, index: int) -> Item:
    stratum = STRATA[level][index % len(STRATA[level])]
    drawn = source.draw(lambda s: DRAWS[level](s, stratum), lambda d: d.prompt, "ambig", level, index)
    order = source.stream("ambig-order", level, index)
    choices = order.shuffled([*drawn.valid, *drawn.invalid])
    weights = [_weight(level, c) * (c in drawn.valid) for c in choices]
    return {
        "item_id": f"ambig-{level}-{index}",
        "cluster_id": f"ambig-{level}-{index}",
        "stratum": stratum,
        "level": level,
        "prompt": drawn.prompt,
        "choices": choices,
        "valid": [float(c in drawn.valid) for c in choices],
        "truth": [w / sum(weights) for w in weights],
        "gold": choices.index(order.choice(drawn.valid)),
    }


def _weight(level: int, name: str) -> int:
    if level > 0:
        return 1
    return next(WEIGHTS[names.index(name)] for names in KINDS.values() if name in names)


def _cask(s: Stream, stratum: str) -> Drawn:
    """Ask for a name of one kind, of either of two or of neither, among the eight that a cask holds."""
    kinds = s.sample(list(KINDS), 1 if stratum == "one" else 2)
    inside = [name for kind in kinds for name in KINDS[kind]]
    outside = [name for name in NAMES if name not in inside]
    fitting, others = (outside, inside) if stratum == "neither" else (inside, outside)
    valid, invalid = s.sample(fitting, VALID), s.sample(others, INVALID)
    asked = {"one": kinds[0], "either": " or ".join(kinds), "neither": "not " + " or ".join(kinds)}[stratum]
    return Drawn(f"from {' '.join(s.shuffled([*valid, *invalid]))} find {asked} such as", valid, invalid)


def _simple(s: Stream, stratum: str) -> tuple[str, list[str], list[str]]:
    """Draw a category or first letter, three nouns that fit and five that do not."""
    if stratum == "letter":
        asked, *others = s.sample(LETTERS, INVALID + 1)
        pools = [BY_LETTER[letter] for letter in (asked, *others)]
    else:
        asked = s.choice(list(CATEGORIES))
        others = s.sample([c for c in CATEGORIES if c not in _kin(asked)], INVALID)
        pools = [CATEGORIES[c] for c in (asked, *others)]
    return asked, s.sample(pools[0], VALID), [s.choice(pool) for pool in pools[1:]]


def _few_shot(s: Stream, stratum: str) -> Drawn:
    """Draw five such questions that ask for different things, and answer all but the last."""
    drawn: dict[str, tuple[list[str], list[str]]] = {}
    while len(drawn) < 5:
        asked, valid, invalid = _simple(s, stratum)
        drawn[asked] = valid, invalid
    *shots, (asked, (valid, invalid)) = drawn.items()
    lines = [_cloze(stratum, shown, s.choice(fits)) for shown, (fits, _) in shots]
    return Drawn("\n".join([*lines, _cloze(stratum, asked, "").rstrip(" .")]), valid, invalid)


def _cloze(stratum: str, asked: str, answer: str) -> str:
    if stratum == "letter":
        return f"One word that begins with the letter {asked} is {answer}."
    return f"One thing that is {_spoken(asked)} is the {answer}."


def _zero_shot(s: Stream, stratum: str) -> Drawn:
    asked, valid, invalid = _simple(s, stratum)
    (name,) = invented(s, 1)
    if stratum == "letter":
        told = f"{name} thinks of a word. It begins with the letter {asked}. The word that {name} thinks of is"
    else:
        kind = _spoken(asked)
        told = f"On the first page of the book, {name} saw a picture of {kind}. It was a picture of the"
    return Drawn(told, valid, invalid)


def _constrained(s: Stream, stratum: str) -> Drawn:
    """Draw constraints until enough nouns meet them all, and for each constraint one fails only that."""
    while True:
        rules = RULES[stratum](s)
        fitting = _meeting(rules)
        if len(fitting) < VALID:
            continue
        failing = [_meeting([r for r in rules if r is not rule]) & rule[2] for rule in rules]
        if all(len(pool) * len(rules) >= INVALID for pool in failing):
            break
    pools = [sorted(pool) for pool in failing]
    invalid: list[str] = []
    for k in range(INVALID):
        invalid.append(s.choice([noun for noun in pools[k % len(rules)] if noun not in invalid]))
    (name,) = invented(s, 1)
    told = ", ".join(f"it {rule[0]}" for rule in rules[:-1]) + f", and it {rules[-1][0]}"
    prompt = f"{name} thinks of a word. These things are known of the word: {told}. The word that {name} thinks of is"
    return Drawn(prompt, s.sample(sorted(fitting), VALID), invalid)


def _kin(category: str) -> set[str]:
    return next((kin for kin in KIN if category in kin), {category})


def _spoken(category: str) -> str:
    return SPOKEN.get(category, f"{'an' if category[0] in 'aeiou' else 'a'} {category}")


@cache
def _in(*categories: str) -> Rule:
    inside = frozenset(noun for c in categories for noun in CATEGORIES[c])
    outside = frozenset(noun for c, nouns in CATEGORIES.items() if not _kin(c) & {*categories} for noun in nouns)
    return f"names {' or '.join(map(_spoken, categories))}", inside, outside


@cache
def _not_in(category: str) -> Rule:
    _, inside, outside = _in(category)
    return f"does not name {_spoken(category)}", outside, inside


@cache
def _begins(*letters: str) -> Rule:
    inside = frozenset(noun for letter in letters for noun in BY_LETTER[letter])
    return f"begins with {' or '.join(letters)}", inside, ALL_NOUNS - inside


@cache
def _begins_not(letter: str) -> Rule:
    _, inside, outside = _begins(letter)
    return f"does not begin with {letter}", outside, inside


def _meeting(rules: list[Rule]) -> frozenset[str]:
    """Return the nouns that meet all these rules."""
    return frozenset.intersection(*(rule[1] for rule in rules))


def _apart(s: Stream, k: int) -> list[str]:
    """Return k categories, no two of which are kin."""
    chosen: list[str] = []
    for category in s.shuffled(list(CATEGORIES)):
        if len(chosen) < k and not any(category in _kin(c) for c in chosen):
            chosen.append(category)
    return chosen


RULES: dict[str, Callable[[Stream], list[Rule]]] = {
    "category_without_letter": lambda s: [_in(*_apart(s, 1)), _begins_not(s.choice(LETTERS))],
    "either_category": lambda s: [_in(*_apart(s, 2)), _begins_not(s.choice(LETTERS))],
    "letters_without_category": lambda s: [_begins(*s.sample(LETTERS, 2)), _not_in(*_apart(s, 1))],
    "three_constraints": lambda s: [_in(*_apart(s, 2)), *map(_begins_not, s.sample(LETTERS, 2))],
    "two_exclusions": lambda s: [_begins(*s.sample(LETTERS, 3)), *map(_not_in, _apart(s, 2))],
}
"""What items of levels 3 and 4 demand, by stratum."""

DRAWS: dict[int, Callable[[Stream, str], Drawn]] = {
    0: _cask, 1: _few_shot, 2: _zero_shot, 3: _constrained, 4: _constrained,
}  # fmt: skip
