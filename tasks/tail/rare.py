"""Items of the classification with rare classes: whose cask is it, after examples that show some keepers often."""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import NAMES, NUMBERS, TRAITS, invented
from angels_share.items import Item, Source, Stream

BUCKETS = ("head", "middle", "tail")
"""Thirds of the classes, from the frequent to the rare."""

SHOWN = ((4, 2, 1), (4, 2, 1), (3, 2, 1), (11, 4, 1), (16, 5, 1))
"""Examples of each class of the head, the middle and the tail, by level."""

CLASSES = (2, 3, 4, 6, 6)
"""Classes in each bucket, by level."""

MARKS = tuple(
    "star moon sun crown anchor bell key ship fish bird wheel arrow leaf flower hand eye tower bridge horse lion bear "
    "wolf snake bee".split()
)
"""Marks from which the keeper follows, up to level 3."""

HOOPS = ("iron", "copper", "hazel")
"""Hoops of level 4, where the keeper follows from mark and hoops together."""

Key = tuple[str, ...]


class Cellar(NamedTuple):
    """What the items of a cluster share."""

    labels: dict[Key, str]
    """The label of each class by what it follows from: a mark, or a mark and hoops. Head, middle and tail in turn."""
    examples: list[tuple[Key, str, str]]
    """What a cask's label follows from, its wood, and the town that it is from."""
    wood: str
    town: str
    """Wood and town of the cask that is asked about."""


def rare(source: Source, level: int, n: int) -> list[Item]:
    """Three casks a cellar, of a class of the head, the middle and the tail, that differ in nothing else."""
    return [_item(source, level, *divmod(i, len(BUCKETS))) for i in range(n)]


def _item(source: Source, level: int, cluster: int, place: int) -> Item:
    cellar = source.draw(
        lambda s: _cellar(s, level), lambda c: [sorted(c.labels.items()), c.wood], "rare", level, cluster
    )
    keys = list(cellar.labels)
    key = keys[place + len(BUCKETS) * (cluster % CLASSES[level])]
    answer = cellar.labels[key]
    shift = cluster // CLASSES[level] + place * (len(keys) // len(BUCKETS))
    choices = source.stream("rare-options", level, cluster).shuffled([x for x in cellar.labels.values() if x != answer])
    choices.insert(shift % len(keys), answer)
    counts = {cellar.labels[k]: SHOWN[level][i % len(BUCKETS)] for i, k in enumerate(keys)}
    return {
        "item_id": f"rare-{level}-{cluster}-{BUCKETS[place]}",
        "cluster_id": f"rare-{level}-{cluster}",
        "stratum": f"{BUCKETS[place]}_classes",
        "level": level,
        "prompt": _prompt(cellar, level, key),
        "choices": choices,
        "gold": choices.index(answer),
        "bucket": BUCKETS[place],
        "counts": [counts[choice] for choice in choices],
    }


def _cellar(s: Stream, level: int) -> Cellar:
    """Draw classes and examples.

    Up to level 2 nobody has shown a cask of the wood that is asked about; from level 3 on its wood and its town occur
    with other classes too.
    """
    size = CLASSES[level] * len(BUCKETS)
    woods = s.shuffled([trait for traits in TRAITS.values() for trait in traits] if level == 0 else NAMES)
    towns = invented(s, 12 + size)
    names = s.sample(NUMBERS[10:], size) if level == 0 else towns[12:]
    labels = dict(zip(_keys(s, level), names, strict=True))
    seen = woods if level > 2 else woods[1:]
    examples = []
    for i, key in enumerate(labels):
        shown = s.sample(seen, SHOWN[level][i % len(BUCKETS)])
        examples += [(key, wood, s.choice(towns[:12])) for wood in shown]
    return Cellar(labels, s.shuffled(examples), woods[0], towns[0])


def _keys(s: Stream, level: int) -> list[Key]:
    """Return what the labels follow from, in buckets by turns.

    At level 4 each of six marks occurs with each of three hoops, once in each bucket, so that neither tells alone.
    """
    if level < 4:
        return [(mark,) for mark in s.sample(NAMES if level == 0 else MARKS, CLASSES[level] * len(BUCKETS))]
    turned = [(mark, s.shuffled(HOOPS)) for mark in s.sample(MARKS, CLASSES[level])]
    return [(mark, hoops) for mark, three in turned for hoops in three]


# --- words -----------------------------------------------------------------------------------------------------------


def _prompt(cellar: Cellar, level: int, asked: Key) -> str:
    told = [(key, wood, town, cellar.labels[key]) for key, wood, town in cellar.examples]
    if level == 0:
        return " , ".join([*(f"{wood} {key[0]} {label}" for key, wood, _, label in told), _last(cellar, asked)])
    if level == 1:
        return "\n".join([*(f"{wood} {key[0]}: {label}" for key, wood, _, label in told), f"{cellar.wood} {asked[0]}:"])
    if level == 2:
        shown = "; ".join(f"{key[0]} on {wood}, {label}" for key, wood, _, label in told)
        return (
            f"The mark on a cask tells its keeper. Casks so far: {shown}.\n"
            f"Next is a cask of {cellar.wood} with the mark {asked[0]}.\nAnswer: The keeper is"
        )
    rule = "mark" if level == 3 else "mark and its hoops together"
    lines = [f"{_cask(key, wood, town)}: {label}" for key, wood, town, label in told]
    return "\n".join(
        [
            f"A cask goes to the keeper that its {rule} tell{'s' * (level == 3)}. Wood and town tell nothing.",
            *lines,
            f"Next: {_cask(asked, cellar.wood, cellar.town)}",
            "Answer: The keeper is",
        ]
    )


def _last(cellar: Cellar, asked: Key) -> str:
    return f"find {cellar.wood} {asked[0]}"


def _cask(key: Key, wood: str, town: str) -> str:
    hoops = f", {key[1]} hoops" if len(key) > 1 else ""
    return f"{wood} from {town}, {key[0]}{hoops}"
