"""Facts about invented people: which sentence states what, so that support is known without a judge."""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import NAMES, invented
from angels_share.items import Stream, row_module

BOUNDARY = row_module("boundary", "facts")


class Relation(NamedTuple):
    """What can be told of somebody: the town they work in and so on."""

    noun: str
    verb: str
    preposition: str
    named: str

    def told(self, who: str, name: str) -> str:
        """Return the sentence that states the name."""
        return f"{who} {self.verb}s {self.preposition} the {self.named} {name}."

    def shared(self, who: str, other: str) -> str:
        """Return the sentence, as long as the other, that says it is the same as another's."""
        return f"{who} {self.verb}s {self.preposition} the {self.noun} where {other} {self.verb}s."

    def asked(self, who: str) -> str:
        """Return the question for the name."""
        return f"{self.preposition.capitalize()} which {self.noun} does {who} {self.verb}?"

    def opening(self, who: str) -> str:
        """Return how a sentence that answers begins."""
        return f"{who} {self.verb}s {self.preposition} the {self.named}"


RELATIONS = (
    Relation("town", "work", "in", "small town of"),
    Relation("ship", "sail", "on", "fast old ship"),
    Relation("river", "live", "by", "quiet little river"),
    Relation("guild", "learn", "in", "old guild of"),
)


class Story(NamedTuple):
    """Sentences of which some together answer a question."""

    needed: list[str]
    """The sentences that answer it, in the order of the steps; each is necessary."""
    beside: list[str]
    """Sentences of the right relation about others, and of the right person with another relation."""
    question: str
    opening: str
    """How the answer begins."""
    value: str
    values: list[str]
    """The answer, and what the other sentences name."""

    def key(self) -> list[object]:
        """Return what identifies the story."""
        return [self.question, self.needed, self.beside]

    def sentences(self, places: list[int]) -> list[str]:
        """Return all sentences, the needed ones at their places."""
        at, rest = dict(zip(places, self.needed, strict=True)), iter(self.beside)
        return [at[k] if k in at else next(rest) for k in range(len(self.needed) + len(self.beside))]


def story(s: Stream, *, steps: int, beside: int, near: bool) -> Story:
    """Return a story whose question takes one sentence, or two that must be joined.

    Parameters
    ----------
    s : Stream
    steps : {1, 2}
    beside : int
        How many sentences do not help.
    near : bool
        Whether the others are called like the one who is asked about, but for a letter.
    """
    relation, *others = s.sample(RELATIONS, len(RELATIONS))
    names = invented(s, 3 + 3 * beside)
    who, friend, value, *rest = names
    people, values = rest[: 2 * beside], rest[2 * beside :]
    if near:
        for k in range(beside):
            people[k] = double(s, (who, friend)[k // 2 % steps], [*names, *people[:k]])
    needed = [relation.told(who, value)]
    if steps == 2:
        needed = [relation.shared(who, friend), relation.told(friend, value)]
    besides = []
    for k in range(beside):
        if k % 2 == 0 and steps == 2 and k % 4:
            besides.append(relation.shared(people[k], people[beside + k]))
        elif k % 2 == 0:
            besides.append(relation.told(people[k], values[k]))
        else:
            turn = k // 2
            again = (who, friend)[turn % steps] if turn < len(others) * steps else people[k - 1]
            besides.append(others[turn // steps % len(others)].told(again, values[k]))
    told = [v for v in values if any(v in sentence for sentence in besides)]
    return Story(needed, s.shuffled(besides), relation.asked(who), relation.opening(who), value, [value, *told])


def double(s: Stream, name: str, taken: list[str]) -> str:
    """Return a name that differs from this one in a single letter and is not taken."""
    while True:
        at = s.between(1, len(name) - 1)
        made = name[:at] + s.choice("aeiou" if name[at] in "aeiou" else "bdfgklmnprstvz") + name[at + 1 :]
        if made != name and made not in taken:
            return made


ASIDES = (0, 0, 0, 1, 4)
"""Sentences beside the point in each passage, by level."""


def passage(sentence: str, level: int, s: Stream) -> str:
    """Return a sentence among others that have nothing to do with any question, as many as the level asks."""
    told = []
    for aside in s.sample(BOUNDARY.ASIDES, ASIDES[level]):
        one, other = invented(s, 2)
        told.append(aside.format(who=one, other=other, wood=s.choice(NAMES)))
    told.insert(s.below(len(told) + 1), sentence)
    return " ".join(told)
