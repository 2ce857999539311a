"""Items of the task on rare kinds: a next draw from a source in which few kinds are frequent and many are rare."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from angels_share.caskworld import NAMES, invented
from angels_share.items import Item, Source, Stream

EXPONENTS = {"shallow": (140, 160), "middle": (180, 200), "steep": (220, 250)}
"""Strata by the exponent of Zipf's law, in hundredths: the k-th most frequent kind weighs k to the minus it."""

KINDS, TOTALS = (8, 16, 16, 20, 20), (32, 60, 60, 200, 200)
"""Kinds of a source, and draws that tell their shares, by level."""

RARE = Fraction(1, 4)
"""Rare kinds have no more than this of the probability together."""

ON_FIRST = 4
"""Faces of the die that lead to the first of two sources, of six."""


class Drawn(NamedTuple):
    """One or two sources over the same kinds: how often each kind stands in them, and the order of telling."""

    counts: dict[str, int]
    other: dict[str, int]


def zipf(source: Source, level: int, n: int) -> list[Item]:
    """One item a source; strata take turns.

    Level 0 shows the draws one by one in caskworld; 1 lists them in English with four more as examples; 2 tells the
    same as a question; 3 states how often each kind occurs; 4 does so for two sources and lets a die choose.
    """
    return [_item(source, level, i) for i in range(n)]


def _item(source: Source, level: int, cluster: int) -> Item:
    stratum = list(EXPONENTS)[cluster % len(EXPONENTS)]
    drawn = source.draw(
        lambda s: _draw(s, level, stratum),
        lambda d: [sorted(d.counts.items()), sorted(d.other.items())],
        "zipf", level, cluster,
    )  # fmt: skip
    shares = _shares(drawn.counts)
    if drawn.other:
        first, other = Fraction(ON_FIRST, 6), _shares(drawn.other)
        shares = {kind: first * share + (1 - first) * other[kind] for kind, share in shares.items()}
    choices = sorted(shares)
    return {
        "item_id": f"zipf-{level}-{cluster}",
        "cluster_id": f"zipf-{level}-{cluster}",
        "stratum": stratum,
        "level": level,
        "prompt": _prompt(source.stream("zipf-told", level, cluster), level, drawn),
        "choices": choices,
        "truth": [float(shares[c]) for c in choices],
        "gold": choices.index(max(choices, key=lambda c: shares[c])),
        "rare": [int(sum(s for s in shares.values() if s <= shares[c]) <= RARE) for c in choices],
    }


def _draw(s: Stream, level: int, stratum: str) -> Drawn:
    """Draw sources until one kind leads and some are rare; kinds are in random order."""
    while True:
        names = s.sample(NAMES, KINDS[level])
        counts = _counts(s, level, stratum)
        first = dict(zip(s.shuffled(names), counts, strict=True))
        other = dict(zip(s.shuffled(names), _counts(s, level, stratum), strict=True)) if level == 4 else {}
        together = sorted(ON_FIRST * first[k] + (6 - ON_FIRST) * other.get(k, 0) for k in names)
        if together[-1] > together[-2] and together.count(together[0]) * together[0] <= RARE * sum(together):
            return Drawn({k: first[k] for k in names}, {k: other[k] for k in names} if other else {})


def _counts(s: Stream, level: int, stratum: str) -> list[int]:
    """Return how often each kind occurs, the most frequent first: once each, and the rest by Zipf's law.

    What is left of rounding down goes to the kinds that lost most by it.
    """
    kinds, total = KINDS[level], TOTALS[level]
    exponent = s.between(*EXPONENTS[stratum]) / 100
    weights = [round(1_000_000 * k**-exponent) for k in range(1, kinds + 1)]
    free = total - kinds
    counts = [1 + free * w // sum(weights) for w in weights]
    lost = sorted(range(kinds), key=lambda k: -(free * weights[k] % sum(weights)))
    for k in lost[: total - sum(counts)]:
        counts[k] += 1
    return counts


def _shares(counts: dict[str, int]) -> dict[str, Fraction]:
    return {kind: Fraction(count, sum(counts.values())) for kind, count in counts.items()}


# --- words -----------------------------------------------------------------------------------------------------------


def _prompt(s: Stream, level: int, drawn: Drawn) -> str:
    shown = s.shuffled([kind for kind, count in drawn.counts.items() for _ in range(count)])
    if level == 0:
        return f"cask {' '.join(shown)} draw"
    keeper, listed = invented(s, 1)[0], ", ".join(shown)
    if level == 1:
        picked = ", ".join(s.choice(shown) for _ in range(4))
        return f"Orders in the book: {listed}. Picked at random, each put back: {picked},"
    if level == 2:
        told = (
            f"{keeper} keeps a book of {len(shown)} orders for staves: {listed}. One of these {len(shown)} orders is "
            "picked at random. Of which wood are its staves?"
        )
    elif level == 3:
        told = (
            f"{keeper} keeps a book of {len(shown)} orders for staves. {_stated(drawn.counts)}. One of these orders is "
            "picked at random. Of which wood are its staves?"
        )
    else:
        told = (
            f"{keeper} keeps two books of orders for staves, with {len(shown)} orders each, in a house built in "
            f"{s.between(1701, 1969)}. In the red book, {_stated(drawn.counts)}. In the black book, "
            f"{_stated(drawn.other)}. A fair die with six faces is rolled: from 1 to {ON_FIRST} it chooses the red "
            f"book, above {ON_FIRST} the black one. Then one order of the chosen book is picked at random; an order "
            f"costs {s.between(12, 95)} crowns. Of which wood are its staves?"
        )
    return f"Question: {told}\nAnswer: The staves are of"


def _stated(counts: dict[str, int]) -> str:
    told = [f"{count} {'is' if count == 1 else 'are'} for {kind}" for kind, count in counts.items()]
    return f"{', '.join(told[:-1])} and {told[-1]}"
