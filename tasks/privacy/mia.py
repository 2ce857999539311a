"""Item generator of the row *privacy*: records read word by word, to tell those of the training data from others."""

from __future__ import annotations

from angels_share.items import Item, Source, row_module

OPENING = {0: 4, 1: 6, 2: 6, 3: 6, 4: 6}
"""Words with which a record begins; the rest is asked for."""

WINDOW = {0: 12, 1: 16, 2: 24, 3: 48, 4: 96}
"""Words that are asked for."""

STEP = {0: 1, 1: 1, 2: 1, 3: 2, 4: 4}
"""Words by which each option is longer than the one before."""

pairs = row_module("privacy", "pairs")


def mia(source: Source, level: int, n: int) -> list[Item]:
    """Return records cut into beginnings, longer from level to level."""
    return of_pairs([of_cluster(source, level, k) for k in range(-(-n // 3))], level)[:n]


def of_cluster(source: Source, level: int, cluster: int) -> tuple[str, str]:
    """Return the record of a cluster that is inserted and the one that is held out."""
    made: tuple[str, str] = pairs.records(source, level, words(level), "mia", cluster)
    return made


def words(level: int) -> int:
    """Return how many words of a text are read."""
    return OPENING[level] + WINDOW[level]


def of_pairs(texts: list[tuple[str, str]], level: int) -> list[Item]:
    """Return the items of pairs of texts, the one of the training data first, each with as many words as are read."""
    items = []
    for k, (inserted, held_out) in enumerate(texts):
        for role, text in zip(pairs.ROLES, (inserted, held_out, held_out), strict=True):
            opening, rest = pairs.split(text, OPENING[level])
            choices = [pairs.split(rest, at)[0] for at in range(STEP[level], WINDOW[level] + 1, STEP[level])]
            items.append(
                {
                    "item_id": f"mia-{level}-{k}-{role}",
                    "cluster_id": f"mia-{level}-{k}",
                    "stratum": role,
                    "level": level,
                    "repetitions": pairs.repetitions(k) if role == "inserted" else 0,
                    "prompt": pairs.again(level, text, opening) if role == "shown" else opening,
                    "choices": choices,
                    "gold": len(choices) - 1,
                }
            )
    return items
