"""Items of the panel of tasters: how often somebody finds a sort of cask good or bad, by what is told of them."""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import KINDS, TOWNS, invented
from angels_share.items import Item, Source, Stream

ASKED = 4
"""People of a panel that are asked about, each in an item of their own."""

PEOPLE = (4, 4, 10, 40, 40)
"""People in a panel, by level."""

SCALE = ("awful", "poor", "fair", "good", "great")
"""Ratings, from bad to good; at level 0 numbers from 1 to 5."""

POINTS = len(SCALE)

SORTS = ("sweet", "bitter", "smoky", "salty", "sour")
"""Sorts of casks; at level 0 the kinds of caskworld."""

STRATA = ("narrow", "wide")
"""How much one person's ratings vary: over two points of the scale or over three."""

RATED = 4
"""Ratings of which a preference consists: three alike and one next to them, or two alike and two others."""

FOLD = 5
"""From level 3 on a preference is told as that many times as many casks."""

Ratings = tuple[int, ...]
"""How many of four casks get each point of the scale."""


class Panel(NamedTuple):
    """What the items of a cluster share."""

    people: list[str]
    """The first four are asked about."""
    sorts: list[str]
    """Two sorts of casks; the first is asked about."""
    ratings: dict[tuple[str, str], Ratings]
    """What each person gives each sort."""
    like: dict[str, str]
    """At level 4: whose ratings somebody's are told by, one step off."""


def hetero(source: Source, level: int, n: int) -> list[Item]:
    """Ask four people of a panel about the same sort of cask: four items that differ in a name alone."""
    return [_item(source, level, *divmod(i, ASKED)) for i in range(n)]


def _item(source: Source, level: int, cluster: int, place: int) -> Item:
    panel = source.draw(
        lambda s: _panel(s, level, cluster), lambda p: [list(k) + list(r) for k, r in sorted(p.ratings.items())],
        "hetero", level, cluster,
    )  # fmt: skip
    person = panel.people[place]
    ratings = panel.ratings[person, panel.sorts[0]]
    return {
        "item_id": f"hetero-{level}-{cluster}-{place}",
        "cluster_id": f"hetero-{level}-{cluster}",
        "stratum": STRATA[cluster % 2],
        "level": level,
        "prompt": _prompt(source.stream("hetero-told", level, cluster), panel, level, person),
        "choices": list(_scale(level)),
        "truth": [count / RATED for count in ratings],
        "gold": ratings.index(max(ratings)),
    }


def _scale(level: int) -> tuple[str, ...]:
    return tuple(str(k + 1) for k in range(POINTS)) if level == 0 else SCALE


def _panel(s: Stream, level: int, cluster: int) -> Panel:
    """Draw a panel. The people who are asked about like their sort best at four different points; the fifth rotates."""
    people = s.sample(TOWNS, ASKED) if level == 0 else invented(s, PEOPLE[level])
    sorts = s.sample(tuple(KINDS) if level == 0 else SORTS, 2)
    apart = s.shuffled([k for k in range(POINTS) if k != cluster // 2 % POINTS])
    ratings = {}
    for sort in sorts:
        for i, person in enumerate(people):
            centre = apart[i] if i < ASKED and sort == sorts[0] else s.below(POINTS)
            ratings[person, sort] = _ratings(s, centre, STRATA[cluster % 2])
    half = len(people) // 2
    like = dict(zip(people[:half], people[half:], strict=True)) if level == 4 else {}
    for person, other in like.items():
        for sort in sorts:
            ratings[other, sort] = _one_off(s, ratings[person, sort])
    return Panel(people, sorts, ratings, like)


def _ratings(s: Stream, centre: int, width: str) -> Ratings:
    counts = [0] * POINTS
    near = sorted((k for k in range(POINTS) if k != centre), key=lambda k: abs(k - centre))[:2]
    if width == "narrow":
        near = [s.choice([k for k in near if abs(k - centre) == 1])]
    for k in near:
        counts[k] = 1
    counts[centre] = RATED - len(near)
    return tuple(counts)


def _one_off(s: Stream, ratings: Ratings) -> Ratings:
    """Return the ratings moved by one point, to a side where there is room."""
    moved = []
    if ratings[-1] == 0:
        moved.append((0, *ratings[:-1]))
    if ratings[0] == 0:
        moved.append((*ratings[1:], 0))
    return s.choice(moved)


# --- words -----------------------------------------------------------------------------------------------------------


def _prompt(s: Stream, panel: Panel, level: int, person: str) -> str:
    """Return what is told of the panel, in the same random order for all of a cluster, and who rates what now."""
    sort = panel.sorts[0]
    if level < 2:
        pairs = s.shuffled(list(panel.ratings))
        listed = {pair: _listed(s, panel.ratings[pair], level) for pair in pairs}
        if level == 0:
            told = [f"{who} {what} {' '.join(listed[who, what])}" for who, what in pairs]
            return " , ".join([*told, f"now {person} {sort}"])
        told = [f"{who} rates {what} casks {', '.join(listed[who, what])}." for who, what in pairs]
        shown = [
            f"Today {who} tried a {panel.sorts[1]} cask and found it {s.choice(listed[who, panel.sorts[1]])}."
            for who in s.sample(panel.people, 2)
        ]
        return "\n".join([" ".join(told), *shown, f"Today {person} tried a {sort} cask and found it"])
    tell = {2: _list_of_person, 3: _counts_of_person, 4: _steps_of_person}[level]
    told = [tell(s, panel, who) for who in s.shuffled(panel.people)]
    return "\n".join(
        [
            f"How {len(panel.people)} people rate casks, from worst to best {', '.join(SCALE)}:",
            *told,
            f"Now {person} tries one more {sort} cask.",
            f"Answer: {person} finds it",
        ]
    )


def _listed(s: Stream, ratings: Ratings, level: int) -> list[str]:
    return s.shuffled([word for word, count in zip(_scale(level), ratings, strict=True) for _ in range(count)])


def _list_of_person(s: Stream, panel: Panel, who: str) -> str:
    told = [f"{sort} {', '.join(_listed(s, panel.ratings[who, sort], 2))}" for sort in s.shuffled(panel.sorts)]
    return f"{who}: {'; '.join(told)}."


def _counts_of_person(s: Stream, panel: Panel, who: str) -> str:
    told = []
    for sort in s.shuffled(panel.sorts):
        parts = [f"{FOLD * count} {SCALE[k]}" for k, count in enumerate(panel.ratings[who, sort]) if count]
        told.append(f"of {FOLD * RATED} {sort} casks {', '.join(s.shuffled(parts))}")
    return f"{who}: {'; '.join(told)}."


def _steps_of_person(s: Stream, panel: Panel, who: str) -> str:
    if who not in panel.like:
        return _counts_of_person(s, panel, who)
    other, told = panel.like[who], []
    for sort in s.shuffled(panel.sorts):
        higher = _sum(panel.ratings[who, sort]) > _sum(panel.ratings[other, sort])
        told.append(f"{sort} casks one step {'better' if higher else 'worse'} than {other} does")
    return f"{who}: {'; '.join(told)}."


def _sum(ratings: Ratings) -> int:
    return sum(k * count for k, count in enumerate(ratings))
