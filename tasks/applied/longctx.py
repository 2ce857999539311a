"""Items of the long-context task: a ledger of growing length, and a question that one or two of its entries answer."""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import LANDS, NAMES, NUMBERS, TOWNS, invented
from angels_share.items import Item, Source, Stream

PEOPLE = ((6, 12, 24), (4, 12, 36), (4, 12, 36), (12, 36, 108), (40, 120, 360))
"""People in the short, the medium and the long ledger, by level; each holds twice as many houses."""

SIZES = ("short", "medium", "long")

DEPTHS = ("begin", "middle", "end")
"""The third of the ledger in which the entries stand that answer the question."""

KEPT = tuple(
    "bear bell bird boat book bowl box bull calf cat chair clock coat cow crow crown cup deer dog drum duck fan fish "
    "flag flute fox frog goat goose harp hawk hen horse jar kite knife lamp lion lute mask mule pan pear pig pipe "
    "pot rat ring robe rope saw sheep ship spoon sword table vase wheel wolf".split()
)
"""What houses keep: words of three to five letters."""


class Asked(NamedTuple):
    """What identifies a cluster: a person, the house that the person lives at, and four things kept by houses."""

    person: str
    house: str
    options: list[str]
    """What this house keeps, and what three others keep."""


class Ledger(NamedTuple):
    """A ledger; house ``k`` keeps ``kept[k]``, and person ``i`` lives at house ``homes[i]``."""

    people: list[str]
    houses: list[str]
    homes: list[int]
    kept: list[str]

    def cut(self, people: int) -> Ledger:
        """Return the part of the ledger with the first people and the first two houses for each."""
        return Ledger(self.people[:people], self.houses[: 2 * people], self.homes[:people], self.kept[: 2 * people])


def longctx(source: Source, level: int, n: int) -> list[Item]:
    """Three ledgers a cluster, each within the next, with one question; depths take turns, then one and two steps."""
    return [item for cluster in range(-(-n // len(SIZES))) for item in _cluster(source, level, cluster)][:n]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Take the items of :func:`longctx`, to be answered in words; anything that houses keep may be the answer."""
    items = []
    for item in longctx(source, level, n):
        choices, gold = item.pop("choices"), item.pop("gold")
        words = set(item["prompt"].replace(".", " ").split())
        told = [thing for thing in (KEPT if level else NUMBERS) if thing in words]
        items.append(item | {"answer": choices[gold], "candidates": told})
    return items


def _cluster(source: Source, level: int, cluster: int) -> list[Item]:
    asked = source.draw(lambda s: _asked(s, level), list, "longctx", level, cluster)
    ledger = _ledger(source.stream("longctx-ledger", level, cluster), asked, level, PEOPLE[level][-1])
    turn, place = divmod(cluster, len(DEPTHS))
    hops, depth = 1 + turn % 2, DEPTHS[place]
    items = []
    for k, (size, people) in enumerate(zip(SIZES, PEOPLE[level], strict=True)):
        s = source.stream("longctx-order", level, cluster, size)
        told = _told(s, ledger.cut(people), level, hops, place)
        prompt = "\n".join([*_shots(source, level, cluster, hops, asked), _prompt(told, asked, level, hops)])
        choices = s.shuffled(asked.options[1:])
        choices.insert((turn // 2 + k) % 4, asked.options[0])
        items.append(
            {
                "item_id": f"longctx-{level}-{cluster}-{size}",
                "cluster_id": f"longctx-{level}-{cluster}",
                "stratum": f"{depth}_{size}",
                "level": level,
                "prompt": prompt,
                "choices": choices,
                "gold": choices.index(asked.options[0]),
                "size": size,
                "depth": depth,
                "hops": hops,
                "words": len(prompt.split()),
            }
        )
    return items


def _asked(s: Stream, level: int) -> Asked:
    if level == 0:
        return Asked(s.choice(NAMES), s.choice(LANDS + TOWNS), s.sample(NUMBERS, 4))
    return _asked_in_english(s, KEPT)


def _asked_in_english(s: Stream, things: tuple[str, ...]) -> Asked:
    """Return a question with four options of one length among these things."""
    person, house = invented(s, 2)
    length = s.between(3, 5)
    return Asked(person, house, s.sample([thing for thing in things if len(thing) == length], 4))


def _ledger(s: Stream, asked: Asked, level: int, people: int, things: tuple[str, ...] = KEPT) -> Ledger:
    """Return a ledger in which the first person lives at the first house; things are kept equally often, give or take.

    The four options are what the first four houses keep, so that every ledger of the cluster holds them.
    """
    if level == 0:
        things = NUMBERS
        others = s.shuffled([name for name in NAMES if name != asked.person])[: people - 1]
        houses = s.shuffled([place for place in LANDS + TOWNS if place != asked.house])[: 2 * people - 1]
    else:
        made = dict.fromkeys([asked.person, asked.house])
        while len(made) < 3 * people:
            made[invented(s, 1)[0]] = None
        fresh = list(made)[2:]
        others, houses = fresh[: people - 1], fresh[people - 1 :]
    homes = [0, *(2 * i + s.below(2) for i in range(1, people))]
    kept = [*asked.options, *s.shuffled([thing for thing in things if thing not in asked.options])]
    while len(kept) < 2 * people:
        kept += s.shuffled(things)
    return Ledger([asked.person, *others], [asked.house, *houses], homes, kept[: 2 * people])


def _told(s: Stream, ledger: Ledger, level: int, hops: int, third: int) -> list[str]:
    """Return the entries of a ledger in random order, with those that answer the question in one third of it."""
    lives, keeps = ("{} from {}", "{} {}") if level == 0 else ("{} lives at house {}.", "House {} keeps a {}.")
    members = [lives.format(who, ledger.houses[k]) for who, k in zip(ledger.people, ledger.homes, strict=True)]
    holdings = [keeps.format(*pair) for pair in zip(ledger.houses, ledger.kept, strict=True)]
    needed = [holdings[0], *members[: hops - 1]]
    rest = s.shuffled([*members[hops - 1 :], *holdings[1:]])
    size = len(members)
    for at, entry in sorted(zip(s.sample(range(third * size, (third + 1) * size), hops), needed, strict=True)):
        rest.insert(at, entry)
    return rest


# --- words -----------------------------------------------------------------------------------------------------------


def _prompt(told: list[str], asked: Asked, level: int, hops: int) -> str:
    if level == 0:
        return " , ".join([*told, f"find {asked.house}" if hops == 1 else f"find from {asked.person}"])
    if hops == 1:
        whose, opening = f"house {asked.house}", f"House {asked.house} keeps a"
    else:
        whose, opening = f"the house where {asked.person} lives", f"The house where {asked.person} lives keeps a"
    if level > 2:
        opening = "It is a"
    return f"Ledger: {' '.join(told)}\nQuestion: What does {whose} keep?\nAnswer: {opening}"


def _shots(source: Source, level: int, cluster: int, hops: int, asked: Asked) -> list[str]:
    """Return two worked examples from small ledgers that keep none of the options, at level 1."""
    things = tuple(thing for thing in KEPT if thing not in asked.options)
    shots = []
    for j in range(2 if level == 1 else 0):
        s = source.stream("longctx-shot", cluster, j)
        example = _asked_in_english(s, things)
        told = _told(s, _ledger(s, example, level, 2, things), level, hops, s.below(len(DEPTHS)))
        shots.append(f"{_prompt(told, example, level, hops)} {example.options[0]}.")
    return shots
