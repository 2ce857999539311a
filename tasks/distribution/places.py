"""Item generator of the row *predictive distribution*: town names that several countries share."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from angels_share.caskworld import LANDS, TOWNS, invented
from angels_share.items import Item, Source, Stream

SHARED_BY = (2, 3, 4)
"""Strata of names by the number of countries that share them; the last stands for itself and more."""

OPTIONS = {0: 6, 1: 6, 2: 6, 3: 8, 4: 10}
"""Countries to choose from, by level; some of them have no town of the name."""

ORDERS = 3


class Place(NamedTuple):
    """A name with the countries that have a town of it, their shares of the people, and where else it occurs."""

    name: str
    countries: tuple[str, ...]
    shares: tuple[float, ...]
    elsewhere: tuple[str, ...] = ()


class Drawn(NamedTuple):
    """What the items of a cluster share: wrong countries, and who is asked about in each."""

    wrong: list[str]
    people: list[str]


def places(source: Source, level: int, n: int) -> list[Item]:
    """Three items a name with the options in other orders; strata take turns.

    Level 0 asks for a town of caskworld that lies in several lands. Levels 1, after four examples, and 2 say which
    countries share the name; 3 lists them among others that do not; 4 does so in other words, with more of them.
    """
    return [_item(source, level, i // ORDERS, i % ORDERS) for i in range(n)]


def _item(source: Source, level: int, cluster: int, turn: int) -> Item:
    turns = cluster // len(SHARED_BY)
    named = names(level)[SHARED_BY[cluster % len(SHARED_BY)]]
    lap, step = divmod(turns, len(named))
    place = source.stream("places-walk", level, cluster % len(SHARED_BY), lap).shuffled(named)[step]
    drawn = source.draw(
        lambda s: _draw(s, level, place), lambda d: [place.name, sorted(d.wrong), d.people], "places", level, cluster
    )
    s = source.stream("places-order", level, cluster, turn)
    likeliest = place.countries[0]
    choices = s.shuffled([*place.countries[1:], *drawn.wrong])
    choices.insert((turns + turn * 2) % OPTIONS[level], likeliest)
    start = source.stream("places-listed", level, cluster).below(len(place.countries)) + turn
    listed = [place.countries[(start + k) % len(place.countries)] for k in range(len(place.countries))]
    share = dict(zip(place.countries, place.shares, strict=True))
    return {
        "item_id": f"places-{level}-{cluster}-{turn}",
        "cluster_id": f"places-{level}-{cluster}",
        "stratum": f"countries_{len(place.countries)}" + "+" * (len(place.countries) == SHARED_BY[-1]),
        "level": level,
        "prompt": _prompt(s, level, place.name, drawn.people[turn], listed if level in (1, 2) else choices),
        "choices": choices,
        "truth": [share.get(c, 0.0) for c in choices],
        "gold": choices.index(likeliest),
    }


def _draw(s: Stream, level: int, place: Place) -> Drawn:
    """Draw wrong countries, and three people.

    Countries are drawn as often as they are right ones for other names. From level 1 on, how many of them have a longer
    name than the likeliest right one is uniform, as far as there are any, so that length tells nothing.
    """
    wrong: list[str] = []
    seats, size = OPTIONS[level] - len(place.countries), len(place.countries[0])
    longer = s.below(seats + 1)
    right = {*place.countries, *place.elsewhere}
    free = [c for c in _pool(level) if c not in right]
    while len(wrong) < seats:
        wanted = [c for c in free if (len(c) > size) == (len(wrong) < longer)] if level > 0 else free
        wrong.append(s.choice(wanted or free))
        free = [c for c in free if c != wrong[-1]]
    return Drawn(wrong, [""] * ORDERS if level == 0 else invented(s, ORDERS))


def _prompt(s: Stream, level: int, name: str, person: str, countries: list[str]) -> str:
    listed = ", ".join(countries)
    if level == 0:
        return f"draw {name} from {' '.join(countries)}"
    if level == 1:
        shots = [_example(s, shown) for shown in _others(s, name)]
        return "\n".join([*shots, _line(name, listed, person)])
    if level == 2:
        asked = (
            f"There are towns called {name} in these countries: {listed}. {person} was born in one of these towns; "
            f"nothing else is known. In which country was {person} born?"
        )
    elif level == 3:
        asked = (
            f"Some of these countries have a town called {name}: {listed}. {person} was chosen at random from all the "
            f"people who live in a town called {name} in one of these countries. In which country does {person} live?"
        )
    else:
        asked = (
            f"A parcel for {person} has come to a sorting office. The label says {name}, and the rest of it is torn "
            f"off. The office serves {listed}, and every inhabitant of these countries gets equally many parcels. "
            "To which country is this one addressed?"
        )
    return f"Question: {asked}\nAnswer: The answer is"


def _line(name: str, listed: str, person: str) -> str:
    return f"Countries with a town called {name}: {listed}. Country of {person}, who was born in {name}:"


def _example(s: Stream, place: Place) -> str:
    answer = s.weighted(place.countries, place.shares)
    (person,) = invented(s, 1)
    return f"{_line(place.name, ', '.join(s.shuffled(place.countries)), person)} {answer}"


def _others(s: Stream, name: str) -> list[Place]:
    return s.sample([p for named in names(1).values() for p in named if p.name != name], 4)


@cache
def _pool(level: int) -> list[str]:
    """Return each country as often as names of the level lie in it."""
    return [c for named in names(level).values() for place in named for c in place.countries]


@cache
def names(level: int) -> dict[int, list[Place]]:
    """Return the names of a level by the number of countries that share them; English levels have the same."""
    found: dict[int, list[Place]] = {n: [] for n in SHARED_BY}
    for place in [_caskworld(i) for i in range(len(TOWNS))] if level == 0 else map(_world, _rows()):
        found[len(place.countries)].append(place)
    return found


def _caskworld(index: int) -> Place:
    """Return the lands that share a town of caskworld, the same for every seed and split."""
    facts = Stream("places", TOWNS[index])
    lands = facts.sample(LANDS, SHARED_BY[index % len(SHARED_BY)])
    weights = sorted((facts.between(1, 9) for _ in lands), reverse=True)
    weights[0] += 1
    return Place(TOWNS[index], tuple(lands), tuple(w / sum(weights) for w in weights))


def _world(row: dict[str, Any]) -> Place:
    total = sum(row["people"])
    return Place(row["name"], tuple(row["countries"]), tuple(p / total for p in row["people"]), tuple(row["elsewhere"]))


def _rows() -> list[dict[str, Any]]:
    lines = (Path(__file__).parent / "data" / "places.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]
