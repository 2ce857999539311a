"""Items of the localisation task: a text of four parts of which one holds the answer, and the text without each."""

from __future__ import annotations

from angels_share.caskworld import NAMES, TOWNS, invented
from angels_share.items import Item, Source, Stream, row_module

LEXICON = row_module("representation", "lexicon")

PARTS = 4
"""Parts of every text: records, sentences or paragraphs."""

TRADES = "baker butcher carpenter plumber tailor painter dentist mechanic librarian electrician".split()

Story = tuple[list[str], list[str]]
"""Who is in the text, and what each of them has."""


def loc(source: Source, level: int, n: int) -> list[Item]:
    """Five items a text: the whole text, and the text without each of its four parts.

    Parts are records of caskworld at level 0; sentences after four examples at 1, alone at 2; paragraphs at 3; and at 4
    paragraphs that name the things of the others and people with nearly the same names.
    """
    return [_item(source, level, i // (PARTS + 1), i % (PARTS + 1) - 1) for i in range(n)]


def _item(source: Source, level: int, cluster: int, removed: int) -> Item:
    needed, place = cluster % PARTS, cluster // PARTS % PARTS
    people, things = source.draw(lambda s: _story(s, level), list, "loc", level, cluster)
    choices = source.stream("loc-options", level, cluster).shuffled([x for x in things if x != things[needed]])
    choices.insert(place, things[needed])
    parts = _parts(people, things, level, source.stream("loc-parts", level, cluster))
    kept = [part for k, part in enumerate(parts) if k != removed]
    return {
        "item_id": f"loc-{level}-{cluster}-{'full' if removed < 0 else removed + 1}",
        "cluster_id": f"loc-{level}-{cluster}",
        "stratum": f"part {needed + 1}",
        "level": level,
        "prompt": _prompt(source, level, cluster, kept, people[needed]),
        "choices": choices,
        "gold": place,
        "truth": _taught(place, lost=removed == needed),
        "needed": needed,
        "removed": removed,
    }


def _taught(gold: int, *, lost: bool) -> list[float]:
    """Return what a model is taught to answer: the right option, or where its part is gone any that is left."""
    return [float(k != gold) / (PARTS - 1) if lost else float(k == gold) for k in range(PARTS)]


def _story(s: Stream, level: int) -> Story:
    if level == 0:
        return s.sample(NAMES, PARTS), s.sample(TOWNS, PARTS)
    categories = s.sample([c for c in LEXICON.CATEGORIES if c not in ("profession", "building")], PARTS)
    things = [s.choice(LEXICON.CATEGORIES[category]) for category in categories]
    if level < 4:
        return invented(s, PARTS), things
    stems = list(dict.fromkeys(name[:4] for name in invented(s, 2 * PARTS)))[: PARTS // 2]
    return s.shuffled([stem + end for stem in stems for end in s.sample(("l", "n", "r", "s"), 2)]), things


def _parts(people: list[str], things: list[str], level: int, s: Stream) -> list[str]:
    """Return the parts of a text, each about one person; ``s`` decides what does not matter."""
    pairs = list(zip(people, things, strict=True))
    if level == 0:
        return [f"{who} of {what}" for who, what in pairs]
    if level == 1:
        return [f"{who} has the {what}." for who, what in pairs]
    if level == 2:
        return [f"{who} brought the {what} to the fair." for who, what in pairs]
    trades, towns = s.sample(TRADES, PARTS), invented(s, PARTS)
    parts = []
    for k, (who, what) in enumerate(pairs):
        told = [
            f"{who} is a {trades[k]} from {towns[k]}, who is known there for staying up late.",
            f"On the first day of the fair, {who} brought the {what}.",
        ]
        if level == 4:
            rival, coveted = pairs[k - 1]
            told.insert(1, f"{who} had long admired the {coveted} of a neighbour, and said so to everybody.")
            told.append(f"Some people later claimed that it had been {rival} who came with the {what}.")
        parts.append(" ".join([*told, f"{who} went home to {towns[k]} before dark."]))
    return parts


def _prompt(source: Source, level: int, cluster: int, parts: list[str], who: str) -> str:
    if level == 0:
        return f"{' , '.join(parts)} , find {who} of"
    if level == 1:
        shots = []
        for j in range(4):
            s = source.stream("loc-shot", cluster, j)
            people, things = _story(s, level)
            told, at = _parts(people, things, level, s), s.below(PARTS)
            shots.append(f"{' '.join(told)} So {people[at]} has the {things[at]}.")
        return "\n".join([*shots, f"{' '.join(parts)} So {who} has the"])
    if level == 2:
        return f"{' '.join(parts)} Everyone remembers that {who} brought the"
    told = "\n\n".join(parts)
    return f"{told}\n\nTo sum up: on the first day of the fair, {who} brought the"
