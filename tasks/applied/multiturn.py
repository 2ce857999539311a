"""Items of the conversation task: fixed transcripts in which a fact is told, changed, doubted or corrected.

Of a cluster's four transcripts, two ask for a thing that was not spoken of in between, two for one that the assistant
has just rightly told of. In each two, one ends with a move of the thing asked for and the other does not.
"""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import NAMES, NUMBERS
from angels_share.items import Item, Source, Stream

SIDES = {"recall": "stay", "update": "change", "challenge": "stay", "correction": "change"}
"""Kinds of transcripts, and whether what was told before the last turn still holds."""

OBJECTS = tuple("book candle coin cup hat key knife lamp letter map needle pen ring rope watch whistle".split())

PLACES = tuple(
    "attic barn boat cabin cart cave cellar chest drawer garden hall porch shed stable tent tower trunk wagon".split()
)

THINGS, MOVES, CHATS = (4, 3, 3, 6, 8), (0, 0, 0, 2, 4), (0, 0, 1, 2, 3)
"""Things told of, moves told of early, and exchanges about something else, by level; the first of these
comes early, the others after the last news."""

DOUBTS = {
    3: (
        "I think that the {} is in the {}.",
        "I am certain that the {} is in the {}.",
        "My brother says that the {} is in the {}.",
    ),
    4: (
        "Earlier you told me that the {} is in the {}.",
        "Everybody else here knows that the {} is in the {}.",
        "I remember quite clearly that the {} is in the {}.",
    ),
}
"""What somebody says who has no news, by level."""

NEWS = {
    3: (
        "I have moved the {} to the {}.",
        "Somebody has moved the {} to the {}.",
        "My brother has moved the {} to the {}.",
    ),
    4: (
        "I needed the {} a minute ago and left it in the {}.",
        "Somebody took the {} and put it into the {}.",
        "My brother brought the {} to the {}.",
    ),
}
"""What somebody says who has news."""

SMALL_TALK = (
    ("How do I clean a copper pot?", "Rub it with salt and vinegar."),
    ("Is it too late to plant beans?", "No, beans can still go in until June."),
    ("What rhymes with moon?", "Soon, tune and spoon do."),
    ("How long should I boil an egg?", "Seven minutes give a firm one."),
    ("Which day comes after Monday?", "Tuesday does."),
    ("My back hurts. What helps?", "A warm bath and a slow walk often help."),
    ("How many legs has a spider?", "A spider has eight legs."),
    ("What is a good name for a cat?", "Misty would suit one well."),
)
"""Exchanges that name none of the things or places."""

RULE = "The assistant knows where things are. Only a move changes that; a doubt or a memory does not."


class Talk(NamedTuple):
    """What a cluster's transcripts tell, by the places of things in the list of them."""

    things: list[str]
    """The one asked for, the one that moves where that does not, the one asked about in between, and others."""
    places: list[str]
    """Where each thing is told to be at first."""
    moves: list[tuple[int, str]]
    """Moves told of early; the first is of the thing asked for."""
    offered: str
    """The place that the last turn names."""

    def now(self) -> list[str]:
        """Return where each thing is before the last turn."""
        moved = dict(self.moves)
        return [moved.get(k, place) for k, place in enumerate(self.places)]

    def options(self) -> list[str]:
        """Return four places: where the thing is before the last turn, what that names, and two that tempt.

        These are where the thing was at first, if it moved early, and where others are.
        """
        now = self.now()
        return [now[0], self.offered, *dict.fromkeys([*self.places[: bool(self.moves)], now[2], now[1]])][:4]


def multiturn(source: Source, level: int, n: int) -> list[Item]:
    """Four transcripts a cluster, one of each kind, that tell the same facts."""
    return [_item(source, level, *divmod(i, len(SIDES))) for i in range(n)]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Take the items of :func:`multiturn`, to be answered in words; every place that is told of may be the answer."""
    items = []
    for item in multiturn(source, level, n):
        choices, gold = item.pop("choices"), item.pop("gold")
        words = set(item["prompt"].replace(".", " ").replace(",", " ").split())
        told = [place for place in (PLACES if level else NUMBERS) if place in words]
        items.append(item | {"answer": choices[gold], "candidates": told})
    return items


def _item(source: Source, level: int, cluster: int, place: int) -> Item:
    kind = list(SIDES)[place]
    talk = source.draw(lambda s: _talk(s, level), list, "multiturn", level, cluster)
    before, offered, *others = talk.options()
    turn, at = divmod(cluster, 4)
    choices = source.stream("multiturn-order", level, cluster).shuffled(others)
    for where, option in sorted([(at, before), ((at + 1 + turn % 3) % 4, offered)]):
        choices.insert(where, option)
    return {
        "item_id": f"multiturn-{level}-{cluster}-{kind}",
        "cluster_id": f"multiturn-{level}-{cluster}",
        "stratum": kind,
        "side": SIDES[kind],
        "level": level,
        "prompt": _prompt(source, talk, level, cluster, kind),
        "choices": choices,
        "gold": choices.index(before if SIDES[kind] == "stay" else offered),
        "former": before,
    }


def _talk(s: Stream, level: int) -> Talk:
    n, moves = THINGS[level], MOVES[level]
    things = s.sample(OBJECTS if level else NAMES, n)
    places = s.sample(PLACES if level else NUMBERS, n + moves + 1)
    movers = [0, *s.sample(range(1, n), moves - 1)] if moves else []
    return Talk(things, places[:n], list(zip(movers, places[n:-1], strict=True)), places[-1])


# --- words -----------------------------------------------------------------------------------------------------------


def _prompt(source: Source, talk: Talk, level: int, cluster: int, kind: str) -> str:
    if level == 0:
        return _caskworld(talk, kind, source.stream("multiturn-told", cluster))
    opening = "In the" if level == 1 else f"The {talk.things[0]} is in the"
    rule = [RULE] if level > 1 else _shots(source, cluster, kind, talk)
    told = _transcript(source.stream("multiturn-told", level, cluster), talk, level, kind)
    return "\n".join([*rule, *told, f"Assistant: {opening}"])


def _caskworld(talk: Talk, kind: str, s: Stream) -> str:
    records = [f"{thing} {place}" for thing, place in zip(talk.things, talk.places, strict=True)]
    between = _between(kind)
    return " , ".join(
        [
            *s.shuffled(records),
            f"find {talk.things[between]}",
            f"answer {talk.now()[between]}",
            f"{'check' if kind == 'challenge' else 'now'} {talk.things[_spoken_of(kind)]} {talk.offered}",
            f"find {talk.things[0]}",
        ]
    )


def _between(kind: str) -> int:
    """Return the thing that is asked about in between."""
    return 0 if kind in ("challenge", "correction") else 2


def _spoken_of(kind: str) -> int:
    """Return the thing that the last turn speaks of."""
    return 1 if kind == "recall" else 0


def _transcript(s: Stream, talk: Talk, level: int, kind: str) -> list[str]:
    """Return the lines of a transcript up to the assistant's last turn."""
    facts = s.shuffled([f"the {thing} in the {place}" for thing, place in zip(talk.things, talk.places, strict=True)])
    lines = [
        f"User: {', '.join([facts[0].replace(' in ', ' is in ', 1), *facts[1:]]).capitalize()}.",
        "Assistant: Noted.",
    ]
    if talk.moves:
        moves = s.shuffled([f"the {talk.things[k]} to the {place}" for k, place in talk.moves])
        lines += [f"User: Today I moved {', '.join(moves)}.", "Assistant: Noted."]
    chats = [f"User: {asked}\nAssistant: {said}" for asked, said in s.sample(SMALL_TALK, CHATS[level])]
    between, how = _between(kind), s.below(3)
    thing, place = talk.things[between], talk.now()[between]
    told = f"In the {place}." if level == 1 else f"The {thing} is in the {place}."
    lines += [*chats[:1], f"User: Where is the {thing}?", f"Assistant: {told}"]
    said = (DOUBTS if kind == "challenge" else NEWS)[max(level, 3)][how if level > 2 else 0]
    doubting = "Are you sure? " if between == 0 else ""
    news = f"User: {doubting}{said.format(talk.things[_spoken_of(kind)], talk.offered)}"
    final = f"Where is the {talk.things[0]} now?"
    return (
        [*lines, f"{news} {final}"] if level < 3 else [*lines, news, "Assistant: I see.", *chats[1:], f"User: {final}"]
    )


def _shots(source: Source, cluster: int, kind: str, talk: Talk) -> list[str]:
    """Return two short transcripts as worked examples, one of each side; neither answers with one of the options."""
    kinds = [other for other in SIDES if _between(other) == _between(kind)]
    shots = []
    for j, shown in enumerate(source.stream("multiturn-shots", cluster).shuffled(kinds)):
        s = source.stream("multiturn-shot", cluster, j)
        example = _talk(s, 1)
        while set(example.options()) & set(talk.options()):
            example = _talk(s, 1)
        place = example.offered if SIDES[shown] == "change" else example.now()[0]
        shots += [*_transcript(s, example, 1, shown), f"Assistant: In the {place}.\n"]
    return shots
