"""Item generators of the row *predictive distribution*: completions whose true distribution is known."""

from __future__ import annotations

from fractions import Fraction

from angels_share.caskworld import NAMES, invented
from angels_share.items import Item, Source, Stream

SHAPES = {"sharp": (9, 1), "skewed": (6, 1), "flat": (9, 9)}
"""Strata of urns by the share of their most frequent kind: at least 3/4, between 1/2 and 3/4, at most 1/2. The numbers
weigh the first two kinds: in a flat urn two kinds lead, so that a uniform choice is far from the truth there too."""


def urn(source: Source, level: int, n: int) -> list[Item]:
    """Urns of known composition, three items an urn with the labels rotated over the same pattern.

    Level 0 shows the staves one by one in caskworld; 1 lists them in English, with four draws as examples; 2 tells the
    same as a story; 3 states the counts and draws twice without replacement, or from one of two casks; 4 states the
    shares in prose among numbers that do not matter, and says of some casks that they bear a seal.
    """
    return [_urn_item(source, level, i // 3, i % 3) for i in range(n)]


def sample(source: Source, level: int, n: int) -> list[Item]:
    """Take the urns of :func:`urn`, one label assignment each, to be answered by drawing."""
    return [_urn_item(source, level, i, 0) for i in range(n)]


def _urn_item(source: Source, level: int, cluster: int, rotation: int) -> Item:
    shape = list(SHAPES)[cluster % 3]
    pattern, names = source.draw(
        lambda s: _pattern(s, shape, level), lambda drawn: _composition(*drawn), "urn", level, cluster
    )
    kinds = len(names)
    cooper = invented(source.stream("cooper", level, cluster), 1)[0]
    turned = [names[(k + rotation) % kinds] for k in range(kinds)]
    if level == 3:
        prompt, truth = _two_stage(pattern, turned, cooper, source.stream("two-stage", cluster))
    elif level == 4:
        prompt, truth = _base_rates(pattern, turned, cooper, source.stream("base-rates", cluster))
    else:
        counts = [pattern.count(k) for k in range(kinds)]
        truth = {turned[k]: Fraction(counts[k], len(pattern)) for k in range(kinds)}
        shown = [turned[k] for k in pattern]
        s = source.stream("urn-draws", level, cluster, rotation)
        staves, drawn = ", ".join(shown), ", ".join(s.choice(shown) for _ in range(4))
        prompt = {
            0: f"cask {' '.join(shown)} draw",
            1: f"Staves in the cask: {staves}. Drawn at random, each put back: {drawn},",
            2: f"{cooper} has a cask with these staves: {staves}. {cooper} draws one at random, puts it back, and "
            f"draws again. {cooper} draws {drawn},",
        }[level]
    choices = sorted(truth)
    likeliest = [choice for choice in choices if truth[choice] == max(truth.values())]
    return {
        "item_id": f"urn-{level}-{cluster}-{rotation}",
        "cluster_id": f"urn-{level}-{cluster}",
        "stratum": shape,
        "level": level,
        "prompt": prompt,
        "choices": choices,
        "truth": [float(truth[c]) for c in choices],
        "gold": choices.index(source.stream("gold", level, cluster, rotation).choice(likeliest)),
    }


def _pattern(s: Stream, shape: str, level: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Draw the kinds of the staves in the order shown, and the names of the kinds.

    The three rotations of the labels give three different urns.
    """
    while True:
        kinds = 3 if level == 0 else 4
        total = s.between(5, 12) if level == 0 else 20
        weights = [s.between(1, 9) * lead for lead in (*SHAPES[shape], 1, 1)[:kinds]]
        counts = [1 + round((total - kinds) * w / sum(weights)) for w in weights]
        top = Fraction(max(counts), sum(counts))
        fits = {
            "sharp": top >= Fraction(3, 4),
            "skewed": Fraction(1, 2) < top < Fraction(3, 4),
            "flat": top <= Fraction(1, 2),
        }
        turns = {tuple(counts[(k + turn) % kinds] for k in range(kinds)) for turn in range(3)}
        if fits[shape] and len(turns) == 3:
            staves = s.shuffled([k for k in range(kinds) for _ in range(counts[k])])
            return tuple(staves), tuple(s.sample(NAMES, kinds))


def _composition(staves: tuple[int, ...], names: tuple[str, ...]) -> tuple[object, ...]:
    """Return what an urn and its relabellings share."""
    return *sorted(staves.count(k) for k in set(staves)), *sorted(names)


def _two_stage(pattern: tuple[int, ...], names: list[str], cooper: str, s: Stream) -> tuple[str, dict[str, Fraction]]:
    """Ask for a second draw without replacement, or for a draw from one of two casks chosen by a coin."""
    kinds = range(len(names))
    counts = [pattern.count(k) for k in kinds]

    def stock(c: list[int]) -> str:
        return " and ".join(f"{c[k]} of {names[k]}" for k in sorted(kinds, key=lambda k: names[k]))

    if s.below(2):
        gone = s.weighted(kinds, counts)
        left = [counts[k] - (k == gone) for k in kinds]
        prompt = (
            f"{cooper} builds a cask from {len(pattern)} staves: {stock(counts)}. One stave is drawn at random and put "
            f"aside; it is of {names[gone]}. A second stave is drawn at random from the rest. "
            "Of which wood is the second stave? Answer with one word.\nAnswer:"
        )
        return prompt, {names[k]: Fraction(left[k], sum(left)) for k in kinds}
    other = [s.between(1, 6) for _ in kinds]
    prompt = (
        f"{cooper} builds one cask from {stock(counts)}, and another from {stock(other)}. A fair coin "
        "chooses one of the two casks, and one stave is drawn from it at random. "
        "Of which wood is the stave? Answer with one word.\nAnswer:"
    )
    halves = {names[k]: (Fraction(counts[k], sum(counts)) + Fraction(other[k], sum(other))) / 2 for k in kinds}
    return prompt, halves


def _base_rates(pattern: tuple[int, ...], names: list[str], cooper: str, s: Stream) -> tuple[str, dict[str, Fraction]]:
    """Ask for a random cask of a cellar, any or one that bears a seal, among numbers that do not matter."""
    kinds = range(len(names))
    counts, sealed = [pattern.count(k) for k in kinds], [s.between(1, 9) for _ in kinds]
    order = sorted(kinds, key=lambda k: names[k])
    told = ", ".join(f"{counts[k]} are of {names[k]}" for k in order)
    seals = ", ".join(f"on {sealed[k]} in 10 of those of {names[k]}" for k in order)
    racks, rows, litres, year = s.between(3, 9), s.between(11, 40), 10 * s.between(3, 30), s.between(1781, 1969)
    guess, guesses, sold = s.between(2, 5), s.between(6, 9), 5 * s.between(2, 19)
    story = (
        f"The cellar of {cooper} was dug in {year} and lies {s.between(4, 19)} metres below the street. On its {racks} "
        f"racks stand {racks * rows * len(pattern)} casks of {litres} litres each. Of every {len(pattern)} casks, "
        f"{told}. The keeper has put a seal on some of the casks: {seals}. A guest who tasted from {guesses} casks "
        f"named the wood of {guess} of them rightly. One cask costs {s.between(12, 95)} crowns; who buys {sold} "
        "gets one more for nothing."
    )
    if s.below(2):
        weights = [Fraction(counts[k] * sealed[k]) for k in kinds]
        asked = "One cask is chosen at random from all those that bear the seal."
    else:
        weights = [Fraction(counts[k]) for k in kinds]
        asked = "One cask is chosen at random from all casks, with or without a seal."
    prompt = f"{story} {asked} Of which wood is it? Answer with one word.\nAnswer:"
    return prompt, {names[k]: weights[k] / sum(weights) for k in kinds}
