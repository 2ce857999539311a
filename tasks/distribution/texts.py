"""Texts of several kinds, from ones that repeat themselves to ones that nobody can foretell.

Each kind is a function ``(stream, level) -> (opening, resumption, rest)``. The opening shows what kind of text it is,
and fixes what stays the same in it; the rest goes on with it. Between the two a text of level 2 or higher says
something else, after which the resumption leads back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from angels_share.caskworld import FIRST_VOCABULARY, KINDS, LANDS, NAMES, NUMBERS, TOWNS, TRAITS, invented
from angels_share.items import Stream, row_module

Parts = tuple[str, str, str]

CATEGORIES: dict[str, tuple[str, ...]] = row_module("representation", "lexicon").CATEGORIES

STORY = (
    "Before breakfast the {profession} went to the {building} to look for the {tool}.",
    "The {animal} was already there, asleep beside the {furniture}, and did not move.",
    "On the way back the {profession} met the {animal} and stopped for a moment.",
    "Somebody had put the {tool} on the {furniture}, where nobody could miss it.",
    "By noon the {vehicle} had arrived, and the {profession} carried the {tool} out of the {building}.",
    "The {animal} followed the {vehicle} as far as the bridge and then turned round.",
    "It began to rain, so the {profession} waited in the {building} until the evening.",
    "In the end the {furniture} was too heavy, and the {vehicle} left without it.",
    "The {profession} sat down on the {furniture} and told the {animal} about the day.",
    "Nobody in the {building} could say where the {animal} had come from.",
)
"""Sentences of a story about the same few things, in any order."""

ASIDES = (
    "In another town a friend of the {profession} had found the {instrument} under the {furniture}.",
    "Some people kept their {clothing} in the {building} during the winter.",
    "The children drew the {fruit} and the {bird} on the wall with yellow chalk.",
    "There was always {vegetable} soup on Fridays, and on Sundays there was {fruit} cake.",
    "A letter about the {vehicle} lay on the table for a week before it was opened.",
    "Late in the year the {building} was painted green, which pleased the {profession} next door.",
    "The {insect} had come in through the open window and would not leave.",
    "They talked about the {tool} and the {clothing} until the lamp went out.",
    "Two old photographs of the {animal} hung above the stairs.",
    "Of all the music they heard that summer, the {instrument} was what they remembered.",
    "One can see the {building} from the river when the air is clear.",
    "The newspaper wrote about the {profession} and forgot the {vehicle}.",
    "Every spring the {bird} came back to the same roof.",
    "My cousin would rather have had the {furniture} than the {tool}.",
    "At the market the price of every {fruit} and every {vegetable} had gone up.",
    "Nobody had asked the {profession} what the {insect} looked like.",
)
"""Sentences that have nothing to do with each other."""

MEETINGS = (
    "{} of {} met {} and {} near {}, before {} reached {}.",
    "From {} to {} rode {}, {} and {}, but {} stayed in {}.",
    "{}, {} and {} sold {} to {}, while {} bought {}.",
)
"""Sentences that are mostly names."""

GAPS = {1: 0, 2: 30, 3: 120, 4: 220}
"""Least number of words between the opening and the rest."""


PERIODS = {0: 6, 1: 6, 2: 10, 3: 16, 4: 30}
"""Words after which a repeated document begins again."""


def fill(s: Stream, template: str) -> str:
    """Return a template with a noun of each category that it names."""
    return re.sub(r"\{(\w+)\}", lambda named: s.choice(CATEGORIES[named[1]]), template)


def asides(s: Stream, words: int) -> str:
    """Return sentences with at least this many words, none of which has to do with another."""
    told: list[str] = []
    left = words
    while True:
        for template in s.shuffled(ASIDES):
            if left <= 0:
                return " ".join(told)
            told.append(fill(s, template))
            left -= told[-1].count(" ") + 1


def prose(s: Stream, level: int) -> Parts:
    """Tell a story about a few things that come up again and again; at level 0 names with traits of their kinds."""
    if level == 0:
        return _words(_traits(s), 25)
    cast = {name: s.choice(nouns) for name, nouns in CATEGORIES.items()}
    told = [sentence.format(**cast) for sentence in s.shuffled(STORY)]
    return " ".join(told[:4]), "", " ".join(told[4:])


def table(s: Stream, level: int) -> Parts:
    """Lines in which a number grows by the same step; in English the names come round in a circle too."""
    if level == 0:
        step, first, size = s.between(1, 2), s.below(8), len(NUMBERS)
        return _words((w for k in range(20) for w in (s.choice(NAMES), NUMBERS[(first + k * step) % size], ",")), 21)
    circle, step, first = s.sample(NAMES, min(level + 1, 4)), s.between(2, 9), s.between(1, 60)
    lines = [f"Cask {first + k}: {circle[k % len(circle)]}, {(k + 1) * step} litres" for k in range(40)]
    rest = "\n".join(lines[9:]).removeprefix("Cask ")
    return "\n".join(lines[:9]), "The list goes on.\nCask", rest


def code(s: Stream, level: int) -> Parts:
    """Functions of one form with other names; at level 0 what is pushed on a pile and popped from it."""
    if level == 0:
        return _words(_pile(s), 24)
    amount, verb, store = s.between(2, 99), s.choice(("fill", "count", "move")), s.choice(("cellar", "stock", "store"))
    parts = [
        f"def {verb}_{name}({store}):\n    {store}.{name} = {store}.{name} + {amount}\n    return {store}"
        for name in s.sample(NAMES, 24)
    ]
    return "\n\n".join(parts[:5]), "The program goes on.\n\ndef", "\n\n".join(parts[5:]).removeprefix("def ")


def repeated(s: Stream, level: int) -> Parts:
    """Give a passage of 20 words that begins again after its end; only the second copy can be foretold."""
    copy = passage(s, level, 20)
    start, rest = " ".join(copy[:4]), " ".join([*copy[4:], *copy])
    return " ".join(copy), start if level == 0 else f"Once more: {start}", rest


def passage(s: Stream, level: int, words: int) -> list[str]:
    """Return the words of a passage to be repeated, in random order."""
    return [s.choice(FIRST_VOCABULARY) for _ in range(words)] if level == 0 else _mixed(s, words)


def shuffled(s: Stream, level: int) -> Parts:
    """Words in random order."""
    if level == 0:
        return _words((s.choice(FIRST_VOCABULARY) for _ in range(60)), 24)
    return _words(_mixed(s, 130), 40)


def rare(s: Stream, level: int) -> Parts:
    """Sentences full of names that were never heard before; at level 0 towns and lands by chance."""
    if level == 0:
        return _words((word for _ in range(30) for word in (s.choice(TOWNS), s.choice(LANDS))), 24)
    told = [s.choice(MEETINGS).format(*invented(s, 7)) for _ in range(12)]
    return " ".join(told[:3]), "", " ".join(told[3:])


def noise(s: Stream, level: int) -> Parts:
    """Letters and digits by chance; at level 0 numbers."""
    if level == 0:
        return _words((s.choice(NUMBERS) for _ in range(60)), 24)
    signs = "abcdefghijklmnopqrstuvwxyz0123456789"
    return _words(("".join(s.choice(signs) for _ in range(s.between(3, 7))) for _ in range(140)), 40)


Kind = Callable[[Stream, int], Parts]
KINDS_OF_TEXT: dict[str, Kind] = {
    "repeated": repeated, "shuffled": shuffled, "table": table, "rare": rare, "code": code, "prose": prose,
    "noise": noise,
}  # fmt: skip
"""Every kind of text by name; those that can be foretold and those that cannot take turns."""


def prompt_and_rest(s: Stream, level: int, kind: str) -> tuple[str, str]:
    """Return what is shown of a text, up to where the rest goes on, and the rest."""
    opening, resumption, rest = KINDS_OF_TEXT[kind](s, level)
    if level == 0:
        return f"{opening} {resumption}".strip(), rest
    between = asides(s, GAPS[level]) if GAPS[level] else ""
    return "\n".join(filter(None, (opening, between, resumption))), rest


def document(s: Stream, level: int, kind: str, words: int) -> str:
    """Return a whole text of this many words, without anything in between."""
    if kind == "repeated":
        return cut(" ".join(passage(s, level, PERIODS[level]) * words), words)
    opening, resumption, rest = KINDS_OF_TEXT[kind](s, level)
    lead = resumption.partition("\n")[2].strip()
    between = {"code": "\n\n", "table": "\n"}.get(kind, " ") if level else " "
    return cut(between.join((opening, f"{lead} {rest}".strip())), words)


def beginnings(text: str, words: int) -> list[str]:
    """Return the text's first word, first two words and so on, with whatever space is between them.

    Raises
    ------
    ValueError
        If the text has fewer words.
    """
    ends = [match.end() for match in re.finditer(r"\S+", text)][:words]
    if len(ends) < words:
        raise ValueError(f"{text!r} has fewer than {words} words")
    return [text[:end] for end in ends]


def cut(text: str, words: int) -> str:
    """Return the text's first words."""
    return beginnings(text, words)[-1]


def _words(source: Iterator[str] | list[str], at: int) -> Parts:
    """Cut words into an opening of so many and the rest."""
    words = list(source)
    return " ".join(words[:at]), "", " ".join(words[at:])


def _mixed(s: Stream, words: int) -> list[str]:
    """Return words of English sentences in random order."""
    return s.sample(re.findall("[A-Za-z]+", asides(s, words + 60).lower()), words)


def _traits(s: Stream) -> Iterator[str]:
    for _ in range(13):
        kind = s.choice(list(KINDS))
        for _ in range(2):
            yield s.choice(TRAITS[kind])
            yield s.choice(KINDS[kind])
        yield ","


def _pile(s: Stream) -> Iterator[str]:
    pile: list[str] = []
    for _ in range(30):
        if pile and s.below(2):
            yield from ("pop", pile.pop())
        else:
            pile.append(s.choice(NAMES))
            yield from ("push", pile[-1])
