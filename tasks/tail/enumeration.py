"""Items of the task on coverage: to name one more member of a large set, such as a kind of bird or a city in Peru."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from angels_share.caskworld import LANDS, REGIONS, TOWNS
from angels_share.items import Item, Source, Stream

WEIGHTS = {"head": 10, "middle": 3, "tail": 1}
"""How much oftener a well-known member is named than a rare one, in training and by the control that knows all."""

TOY_STRATA, STRATA = ("land", "town"), ("kind", "city")

SHOWN = {0: (2, 4), 1: (3, 3), 2: (2, 3), 3: (6, 6), 4: (4, 4)}
"""Least and greatest number of members that a question names, by level; they no longer count."""

LEAST = 5
"""Members that must be left at level 4."""


class Group(NamedTuple):
    """A set with its members by fame, the well-known ones that questions name, and other names of members."""

    kind: str
    name: str
    known: tuple[str, ...]
    fame: dict[str, str]
    aliases: tuple[tuple[str, str], ...]


class Question(NamedTuple):
    """A set, the members that a question names, and the letters that a name must and must not contain."""

    group: Group
    shown: list[str]
    letters: tuple[str, str]
    prompt: str

    def members(self) -> list[str]:
        """Return the right answers, the well-known ones first."""
        out = {name.lower() for name in self.shown}
        held, lacked = self.letters
        left = [m for m in self.group.fame if m not in out and held in m and not (lacked and lacked in m)]
        return sorted(left, key=lambda m: (list(WEIGHTS).index(self.group.fame[m]), m))


def enumeration(source: Source, level: int, n: int) -> list[Item]:
    """One question an item; strata take turns.

    Level 0 goes on with the lands or towns of a region of caskworld. Level 1 goes on with a list, after two others; 2
    asks for a member other than two or three; 3 rules out six well-known ones; 4 rules out four, and asks for one
    letter and against another.
    """
    return [_item(source, level, i) for i in range(n)]


def _item(source: Source, level: int, cluster: int) -> Item:
    strata = TOY_STRATA if level == 0 else STRATA
    stratum = strata[cluster % len(strata)]
    question = source.draw(lambda s: _draw(s, level, stratum), lambda q: q.prompt, "enumeration", level, cluster)
    members, fame = question.members(), question.group.fame
    weights = {m: WEIGHTS[fame[m]] for m in members}
    total = sum(weights.values())
    return {
        "item_id": f"enumerate-{level}-{cluster}",
        "cluster_id": f"enumerate-{level}-{cluster}",
        "stratum": stratum,
        "level": level,
        "prompt": question.prompt,
        "choices": members,
        "aliases": [[other, m] for other, m in question.group.aliases if m in weights],
        "truth": [weights[m] / total for m in members],
        "rare": [int(fame[m] == "tail") for m in members],
    }


def _draw(s: Stream, level: int, stratum: str) -> Question:
    """Draw a question that leaves enough members, some of them rare."""
    while True:
        group = s.choice(groups(level)[stratum])
        shown = s.sample(group.known, s.between(*SHOWN[level]))
        held, lacked = s.sample("aeilnorst", 2) if level == 4 else ("", "")
        question = Question(group, shown, (held, lacked), _prompt(s, level, group, shown, (held, lacked)))
        left = question.members()
        if len(left) >= (LEAST if level else 1) and any(group.fame[m] == "tail" for m in left):
            return question


def _prompt(s: Stream, level: int, group: Group, shown: list[str], letters: tuple[str, str]) -> str:
    if level == 0:
        return f"region {group.name} such as {' , '.join(shown)} ,"
    if level == 1:
        others = s.sample([g for named in groups(1).values() for g in named if g.name != group.name], 2)
        lists = [f"{_called(g, 'Kinds of', 'Cities in')}: {', '.join(s.sample(g.known, 6))}" for g in others]
        return "\n".join([*lists, f"{_called(group, 'Kinds of', 'Cities in')}: {', '.join(shown)},"])
    one, told = _called(group, "kind of", "city in"), f"{', '.join(shown[:-1])} and {shown[-1]}"
    which = f", whose name contains the letter {letters[0]} but not the letter {letters[1]}" if level == 4 else ""
    return f"Question: Name one {one} other than {told}{which}.\nAnswer: Another {one} is"


def _called(group: Group, kind: str, city: str) -> str:
    return f"{kind if group.kind == 'kind' else city} {group.name}"


# --- the sets --------------------------------------------------------------------------------------------------------


@cache
def groups(level: int) -> dict[str, list[Group]]:
    """Return the sets by stratum; English levels have the same."""
    found: dict[str, list[Group]] = {}
    for group in _caskworld() if level == 0 else _world():
        found.setdefault(group.kind, []).append(group)
    return found


def _caskworld() -> list[Group]:
    """Return the lands and the towns of each region; a third of each is well known, a third rare."""
    made = []
    for kind, names in zip(TOY_STRATA, (LANDS, TOWNS), strict=True):
        for k, region in enumerate(REGIONS):
            fame = {name: list(WEIGHTS)[i * 3 // len(names)] for i, name in enumerate(names) if i % len(REGIONS) == k}
            made.append(Group(kind, region, tuple(fame), fame, ()))
    return made


def _world() -> list[Group]:
    lines = (Path(__file__).parent / "data" / "enumerate.jsonl").read_text("utf-8").splitlines()
    return [
        Group(
            row["kind"],
            row["name"],
            tuple(row["known"]),
            {member: fame for fame in WEIGHTS for member in row["members"][fame]},
            tuple((other, member) for other, member in row["aliases"]),
        )
        for row in map(json.loads, lines)
    ]
