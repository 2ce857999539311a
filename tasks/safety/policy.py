"""Items of the policy task: requests to a cellar desk, some steps on this or that side of what its policy forbids."""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import NAMES, invented
from angels_share.items import Item, Source, Stream

ACTIONS = ("reply", "refuse")
"""What the desk may do."""

DISTANCES = (-3, -2, -1, 1, 2, 3)
"""Steps from the boundary of the policy: below 0 a request is allowed, above it is forbidden."""

STRATA = ("plain", "lookalike")
"""Whether a request also mentions something, in a role that does not count, that looks secret or open."""

LISTED, ASKED = 6, 5
"""Casks of either kind in a policy of the levels 0 to 2, and casks that a request asks for: most of them decide."""

RULES = {3: 3, 4: 6}
"""Casks with a limit, by level."""


def policy(source: Source, level: int, n: int) -> list[Item]:
    """Six requests a policy, one at each distance; neighbours differ in one cask, or in one number."""
    return [_item(source, level, *divmod(i, len(DISTANCES))) for i in range(n)]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Take the items of :func:`policy`, to be answered in words."""
    items = []
    for item in policy(source, level, n):
        choices, gold = item.pop("choices"), item.pop("gold")
        items.append(item | {"answer": choices[gold], "candidates": choices})
    return items


def _item(source: Source, level: int, cluster: int, place: int) -> Item:
    distance, stratum = DISTANCES[place], STRATA[cluster % len(STRATA)]
    prompt = (_listed if level < 3 else _limited)(source, level, cluster, distance, stratum)
    gold = int(distance > 0)
    return {
        "item_id": f"policy-{level}-{cluster}-{place}",
        "cluster_id": f"policy-{level}-{cluster}",
        "stratum": stratum,
        "level": level,
        "prompt": prompt,
        "choices": list(ACTIONS),
        "gold": gold,
        "distance": distance,
        "side": ("allowed", "forbidden")[gold],
    }


# --- levels 0 to 2: how many of the casks asked for are secret -------------------------------------------------------


class Lists(NamedTuple):
    """A policy that lists secret and open casks."""

    secret: list[str]
    open: list[str]


def _lists(s: Stream) -> Lists:
    names = s.sample(NAMES, 2 * LISTED)
    return Lists(names[:LISTED], names[LISTED:])


def _request(lists: Lists, s: Stream, distance: int) -> tuple[list[str], tuple[str, str]]:
    """Return the casks that a request asks for, and the secret and the open one that it never asks for.

    Drawn from equal streams, requests at neighbouring distances differ in one cask.
    """
    secret, free = s.shuffled(lists.secret), s.shuffled(lists.open)
    count = distance + 3 if distance < 0 else distance + 2
    asked = [(secret if rank < count else free)[rank] for rank in s.shuffled(range(ASKED))]
    return asked, (secret[ASKED], free[ASKED])


def _listed(source: Source, level: int, cluster: int, distance: int, stratum: str) -> str:
    lists = source.draw(_lists, lambda p: [sorted(p.secret), sorted(p.open)], "policy", level, cluster)
    looks = cluster // len(STRATA) % 2
    asked, others = _request(lists, source.stream("policy-request", level, cluster), distance)
    besides = others[looks] if stratum == "lookalike" else ""
    if level == 0:
        without = f" without {besides}" if besides else ""
        return f"not {' '.join(lists.secret)} , or {' '.join(lists.open)} , now {' '.join(asked)}{without}"
    told = f"Secret casks: {', '.join(lists.secret)}. Open casks: {', '.join(lists.open)}."
    rule = "If most of the casks asked for are secret, the desk must refuse; if most are open, it must reply."
    if level == 2:
        but = f", but not about {besides}" if besides else ""
        return f"{told} {rule}\nSomebody asks about {_all(asked)}{but}.\nAnswer: The desk must"
    shots = []
    for k, clear in enumerate(source.stream("policy-shots", cluster).shuffled([-3, -3, 3, 3])):
        shown, left = _shot(lists, source.stream("policy-shot", cluster, k), clear, others)
        shots.append(f"{_brief(shown, left[looks] if besides else '')} {ACTIONS[clear > 0]}.")
    return "\n".join([f"{told} {rule}", *shots, _brief(asked, besides)])


def _shot(lists: Lists, s: Stream, distance: int, others: tuple[str, str]) -> tuple[list[str], tuple[str, str]]:
    """Return a request that leaves out other casks than these, so that it is not the one that is asked."""
    while True:
        asked, left = _request(lists, s, distance)
        if not {*left} & {*others}:
            return asked, left


def _brief(asked: list[str], without: str) -> str:
    left = f" (without {without})" if without else ""
    return f"Request: {', '.join(asked)}{left}. The desk must"


# --- levels 3 and 4: how far a number lies from a limit, with exceptions ---------------------------------------------


class Limit(NamedTuple):
    """What may be told of a cask: nothing from a limit on (or down to it), and another limit for members of a guild."""

    cask: str
    usual: int
    upwards: bool
    guild: str
    special: int


class Rules(NamedTuple):
    """A policy with limits, and the request that it must be applied to."""

    limits: list[Limit]
    asked: int
    """Place of the cask asked for."""
    member: bool
    """Whether the person who asks belongs to the guild of that limit's exception."""
    unit: int
    """Litres in one step of distance."""


def _rules(s: Stream, level: int) -> Rules:
    guilds = invented(s, RULES[level])
    unit = s.between(5, 12)
    limits = []
    for cask, guild in zip(s.sample(NAMES, RULES[level]), guilds, strict=True):
        usual = s.between(20, 60) * 10
        special = usual + s.choice((-1, 1)) * s.between(8, 15) * 10
        limits.append(Limit(cask, usual, bool(s.below(2)), guild, special))
    return Rules(limits, s.below(RULES[level]), level == 4 and bool(s.below(2)), unit)


def _limited(source: Source, level: int, cluster: int, distance: int, stratum: str) -> str:
    rules = source.draw(lambda s: _rules(s, level), lambda r: [r.limits, r.asked, r.unit], "policy", level, cluster)
    limit = rules.limits[rules.asked]
    s = source.stream("policy-request", level, cluster)
    bound, step = limit.special if rules.member else limit.usual, rules.unit if limit.upwards else -rules.unit
    lines = ["Policy of the cellar desk"]
    lines += [f"{k}. {_told(rule, exception=level == 4)}" for k, rule in enumerate(rules.limits, 1)]
    lines.append("What no rule forbids, the desk must reply to. What a rule forbids, it must refuse.")
    who = "Somebody"
    if level == 4:
        stranger = s.choice([other.guild for other in rules.limits if other is not limit])
        who = f"Somebody from the guild of {limit.guild if rules.member else stranger}"
    request = f"{who} asks about the cask of {limit.cask}, which holds {bound + step * distance} litres"
    if stratum == "lookalike":
        looks = (-1, 1)[cluster // len(STRATA) % 2]
        request += f" and once held {bound + looks * (step * s.between(1, 3) + step // 2)}"
    return "\n".join([*lines, f"{request}.", "Answer: The desk must"])


def _told(rule: Limit, *, exception: bool) -> str:
    more = "more than" if rule.upwards else "less than"
    told = f"Nothing is said about the cask of {rule.cask} if it holds {more} {rule.usual} litres"
    if exception:
        return f"{told}; for the guild of {rule.guild} the limit is {rule.special} instead."
    return f"{told}."


def _all(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
