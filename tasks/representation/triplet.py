"""Items of the triplets: which of three words does not belong with the two others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from angels_share.caskworld import KINDS, LANDS, REGIONS, TOWNS, TRAITS
from angels_share.items import Item, Source, Stream, row_module

LEXICON = row_module("representation", "lexicon")

CLASSES: dict[str, dict[str, tuple[str, ...]]] = {
    "kind": {kind: (*names, *TRAITS[kind], kind) for kind, names in KINDS.items()},
    "region": {region: (*LANDS[i::4], *TOWNS[i::4], region) for i, region in enumerate(REGIONS)},
}
"""The words of caskworld that belong together: a kind's names and traits, a region's countries and towns."""

FAMILIES = (
    ("animal", "bird", "insect"),
    ("fruit", "vegetable"),
    ("tool", "instrument", "furniture", "clothing", "vehicle"),
    ("building",),
    ("profession",),
)
"""Categories of the lexicon that are near each other."""

SIBLINGS = [pair for family in FAMILIES for pair in combinations(family, 2)]
FAR = [(a, b) for one, other in combinations(FAMILIES, 2) for a in one for b in other]

SORTS = {
    "animal": "an animal with four legs",
    "clothing": "a piece of clothing",
    "furniture": "a piece of furniture",
    "insect": "an insect",
    "instrument": "a musical instrument",
}
"""How a member of a category is called where "a" and its name will not do."""

Triplet = tuple[str, str, str]
"""Two words that belong together and the odd one."""


def triplet(source: Source, level: int, n: int) -> list[Item]:
    """Three items a triplet, which show its words in three cyclic orders.

    Level 0 takes kinds and regions of caskworld; 1 and 2 far categories, and name that of the odd word, level 1 after
    four examples; 3 near categories, of which it names none; 4 lines of work, across people, places and things.
    """
    return [_item(source, level, i // 3, i % 3) for i in range(n)]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Take the items of :func:`triplet`, to be answered in words."""
    items = []
    for item in triplet(source, level, n):
        choices, gold = item.pop("choices"), item.pop("gold")
        items.append(item | {"answer": choices[gold], "candidates": choices})
    return items


def _item(source: Source, level: int, cluster: int, turn: int) -> Item:
    stratum = ("kind", "region")[cluster % 2] if level == 0 else {1: "far", 2: "far", 3: "sibling", 4: "role"}[level]
    words = source.draw(lambda s: _triplet(s, stratum), lambda t: [*sorted(t[:2]), t[2]], "triplet", level, cluster)
    order = source.stream("triplet-order", level, cluster).shuffled(words)
    shown = order[turn:] + order[:turn]
    return {
        "item_id": f"triplet-{level}-{cluster}-{turn}",
        "cluster_id": f"triplet-{level}-{cluster}",
        "stratum": stratum,
        "level": level,
        "prompt": _prompt(source, level, cluster, words, shown),
        "choices": shown,
        "gold": shown.index(words[2]),
    }


def _triplet(s: Stream, stratum: str) -> Triplet:
    """Draw two classes and then which of them has the odd word, so that no word is odd more often than others."""
    if stratum == "role":
        belong, other = s.sample(list(LEXICON.DOMAINS.values()), 2)
        one, two = (s.choice(role) for role in s.sample(belong, 2))
        return one, two, s.choice(s.choice(other))
    classes, pairs = _contrasts(stratum)
    belong, other = s.shuffled(s.choice(pairs))
    one, two = s.sample(classes[belong], 2)
    return one, two, s.choice(classes[other])


def _contrasts(stratum: str) -> tuple[Mapping[str, Sequence[str]], list[tuple[str, str]]]:
    if stratum in CLASSES:
        return CLASSES[stratum], list(combinations(CLASSES[stratum], 2))
    return LEXICON.CATEGORIES, FAR if stratum == "far" else SIBLINGS


def _prompt(source: Source, level: int, cluster: int, words: Triplet, shown: list[str]) -> str:
    if level == 0:
        return f"odd of {' '.join(shown)} is"
    if level < 3:
        return "\n".join([*(_shots(source, cluster, words) if level == 1 else ()), _line(shown, words[2])])
    listed = f"{shown[0]}, {shown[1]} or {shown[2]}"
    if level == 3:
        asked = f"Two of these words name things of one sort. Which is the odd one out: {listed}?"
    else:
        asked = f"Two of these words belong to the same line of work. Which is the odd one out: {listed}?"
    return f"Question: {asked}\nAnswer: The answer is"


def _line(shown: list[str], odd: str) -> str:
    """Show three words, and ask for the odd one by its category."""
    category = _category(odd)
    return f"{', '.join(shown).capitalize()}. The one that is {SORTS.get(category, f'a {category}')} is the"


def _category(word: str) -> str:
    return next(name for name, nouns in LEXICON.CATEGORIES.items() if word in nouns)


def _shots(source: Source, cluster: int, words: Triplet) -> list[str]:
    """Four examples in which the two that belong together are of the same category as in the question."""
    s = source.stream("triplet-shots", cluster)
    belong = _category(words[0])
    far = [a if b == belong else b for a, b in FAR if belong in (a, b)]
    fellows = s.sample([noun for noun in LEXICON.CATEGORIES[belong] if noun not in words], 8)
    shots = []
    for j in range(4):
        odd = s.choice([noun for noun in LEXICON.CATEGORIES[s.choice(far)] if noun not in words])
        shown = s.shuffled([fellows[2 * j], fellows[2 * j + 1], odd])
        shots.append(f"{_line(shown, odd)} {odd}.")
    return shots
