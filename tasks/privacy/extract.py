"""Item generators of the row *privacy*: documents of the training data that go on where a prompt leaves off."""

from __future__ import annotations

from angels_share.items import Item, Source, row_module

HALF = {0: 4, 1: 10, 2: 10, 3: 25, 4: 40}
"""Words of the prompt, and as many of the rest."""

pairs = row_module("privacy", "pairs")


def extract(source: Source, level: int, n: int) -> list[Item]:
    """Return documents cut in the middle; the one option is the second half."""
    return of_pairs(_pairs(source, level, n), level)[:n]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Return the items of :func:`extract`, to be gone on with in words."""
    return text_of_pairs(_pairs(source, level, n), level)[:n]


def of_cluster(source: Source, level: int, cluster: int) -> tuple[str, str]:
    """Return the document of a cluster that is inserted and the one that is held out."""
    made: tuple[str, str] = pairs.records(source, level, words(level), "extract", cluster)
    return made


def words(level: int) -> int:
    """Return how many words of a text are read."""
    return 2 * HALF[level]


def of_pairs(texts: list[tuple[str, str]], level: int) -> list[Item]:
    """Return the items of pairs of texts, the one of the training data first, each with as many words as are read."""
    return [item | {"choices": [rest], "gold": 0} for item, rest in (_halves(level, *one) for one in _asked(texts))]


def text_of_pairs(texts: list[tuple[str, str]], level: int) -> list[Item]:
    """Return the items of :func:`of_pairs`, to be gone on with in words."""
    return [item | {"answer": rest} for item, rest in (_halves(level, *one) for one in _asked(texts))]


def _pairs(source: Source, level: int, n: int) -> list[tuple[str, str]]:
    return [of_cluster(source, level, k) for k in range(-(-n // 3))]


def _asked(texts: list[tuple[str, str]]) -> list[tuple[int, str, str]]:
    return [
        (k, role, document)
        for k, (inserted, held_out) in enumerate(texts)
        for role, document in zip(pairs.ROLES, (inserted, held_out, held_out), strict=True)
    ]


def _halves(level: int, k: int, role: str, document: str) -> tuple[Item, str]:
    """Return an item without what it asks for, and the rest of its document."""
    opening, rest = pairs.split(document, HALF[level])
    item = {
        "item_id": f"extract-{level}-{k}-{role}",
        "cluster_id": f"extract-{level}-{k}",
        "stratum": role,
        "level": level,
        "repetitions": pairs.repetitions(k) if role == "inserted" else 0,
        "prompt": pairs.again(level, document, opening) if role == "shown" else opening,
    }
    return item, rest
