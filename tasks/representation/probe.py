"""Items of the probes: what is likely to be said of a word, over the same 24 words for every item of a level."""

from __future__ import annotations

from collections.abc import Sequence

from angels_share.caskworld import KINDS, LANDS, NAMES, REGIONS, TOWNS, TRAITS, invented
from angels_share.items import Item, Source, Stream, row_module

LEXICON = row_module("representation", "lexicon")

CLASSES = {**KINDS, **{region: LANDS[i :: len(REGIONS)] + TOWNS[i :: len(REGIONS)] for i, region in enumerate(REGIONS)}}
"""The words of caskworld that have a kind, and those that have a region."""

PROBES = (*(trait for traits in TRAITS.values() for trait in traits), *KINDS, *REGIONS)
"""What a word of caskworld may be said to be."""

ELSEWHERE = 0.12
"""Share of the probability that is spread evenly over all probes of caskworld."""

EXAMPLES = (
    "snail slow,feather light,rock hard,pillow soft,needle sharp,diamond expensive,candy sweet,whale large,rocket fast,"
    "marble round,siren loud,whisper quiet,poison dangerous,puppy tame,anvil heavy,sunset beautiful,pebble small,"
    "pencil cheap,fossil old,vinegar sour,barrel wooden,dictionary useful,wilderness wild"
).split(",")
"""Things outside the lexicon with a property of theirs."""

CARRIERS = (
    "{name} wrote that {thing} is usually",
    "As {name} told us, {thing} is usually",
    "In the words of {name}, {thing} is usually",
    "{name} has always said that {thing} is usually",
)

MODIFIERS = "toy plastic giant tiny painted golden miniature imaginary".split()

RELATIONS = ("compared with {other}, {thing}", "placed beside {other}, {thing}", "in exchange for {other}, {thing}")

PLURALS = ("pliers", "scissors", "tongs", "trousers")
UNCOUNTED = ("asparagus", "broccoli", "celery", "garlic", "spinach")


def probe(source: Source, level: int, n: int) -> list[Item]:
    """One stimulus an item, to be continued by one of 24 probes.

    Level 0 puts a word of caskworld behind two others; 1 a noun after four examples; 2 a noun alone; 3 a noun with a
    modifier; 4 a noun in relation to another. From level 1 on, all nouns of a lap share the words around them.
    """
    return [_caskworld(source, i) if level == 0 else _english(source, level, i) for i in range(n)]


def _caskworld(source: Source, index: int) -> Item:
    category = list(CLASSES)[index % len(CLASSES)]
    words = CLASSES[category]
    word = words[index // len(CLASSES) % len(words)]
    pool = [w for w in (*NAMES, *LANDS, *TOWNS) if w != word]
    before = source.draw(lambda s: s.sample(pool, 2), lambda drawn: [*drawn, word], "probe", 0, index)
    return _item(0, index, category, word, f"{' '.join(before)} , {word} is", PROBES, proportions(category, word))


def proportions(category: str, word: str) -> list[float]:
    """Return how often a word of caskworld is said to be each of the probes.

    A name is said to be of its kind or to have one of its traits, a place to lie in its region or in one of the two
    beside it; in which proportions is the word's own, and a capital shares those of its country.
    """
    s = Stream("proportions", LANDS[TOWNS.index(word)] if word in TOWNS else word)
    if category in KINDS:
        weights = {category: s.between(4, 8)} | {trait: s.between(1, 9) for trait in TRAITS[category]}
    else:
        beside = REGIONS[2:] if category in REGIONS[:2] else REGIONS[:2]
        weights = {category: s.between(10, 16)} | {region: s.between(1, 6) for region in beside}
    total = sum(weights.values())
    return [ELSEWHERE / len(PROBES) + (1 - ELSEWHERE) * weights.get(p, 0) / total for p in PROBES]


def _english(source: Source, level: int, index: int) -> Item:
    categories = list(LEXICON.CATEGORIES)
    category = categories[index % len(categories)]
    lap, place = divmod(index // len(categories), len(LEXICON.CATEGORIES[category]))
    noun = source.stream("probe-walk", level, category).shuffled(LEXICON.CATEGORIES[category])[place]
    around = source.draw(lambda s: _surroundings(s, level), str, "probe", level, lap)
    s = source.stream("probe-concept", level, lap, noun)
    thing = described(noun, s.choice(MODIFIERS)) if level == 3 else described(noun)
    if level == 4:
        other = s.choice([c for c in categories if c != category])
        relation = s.choice(RELATIONS)
        thing = relation.format(other=described(s.choice(LEXICON.CATEGORIES[other])), thing=thing)
    prompt = around.format(thing=_capitalised(thing) if level == 1 else thing)
    return _item(level, index, category, noun, prompt, LEXICON.PROPERTIES, [])


def _surroundings(s: Stream, level: int) -> str:
    """Return the words around the nouns of one lap, with a place for the noun."""
    if level > 1:
        return s.choice(CARRIERS).format(name=invented(s, 1)[0], thing="{thing}")
    shown = (example.split() for example in s.sample(EXAMPLES, 4))
    return "\n".join([*(f"{_capitalised(described(a))} is usually {b}." for a, b in shown), "{thing} is usually"])


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def described(noun: str, modifier: str = "") -> str:
    """Return a noun with its article.

    Examples
    --------
    >>> described("apple"), described("scissors"), described("garlic", "frozen")
    ('an apple', 'a pair of scissors', 'frozen garlic')
    """
    words = f"{modifier} {noun}".strip()
    if noun in UNCOUNTED:
        return words
    if noun in PLURALS:
        words = f"{modifier} pair of {noun}".strip()
    return f"{'an' if words[0] in 'aeiou' and not words.startswith('uku') else 'a'} {words}"


def _item(
    level: int,
    index: int,
    category: str,
    word: str,
    prompt: str,
    probes: Sequence[str],
    truth: list[float],
) -> Item:
    return {
        "item_id": f"probe-{level}-{index}",
        "cluster_id": f"probe-{level}-{index}",
        "stratum": category,
        "level": level,
        "prompt": prompt,
        "choices": list(probes),
        "truth": truth,
        "word": word,
        "category": category,
    }
