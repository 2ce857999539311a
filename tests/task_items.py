"""The items of the package's tasks: generated once in a process, and shared by all tests that read them."""

from __future__ import annotations

from angels_share import spec
from angels_share.items import Item, Source, find_generator

FULL = 2.0
"""Share of a task's standard number of clusters that ``tasks/LOCK.json`` pins at each level, for the public seed."""

_held: dict[tuple[str, int, int, str], tuple[Item, ...]] = {}


def made(task: str, level: int, seed: int = 0, split: str = "test", share: float = 1.0) -> tuple[Item, ...]:
    """Return the items of one level of a task, for a share of its standard number of clusters.

    Nobody may change them: every other test reads the same ones. Fewer items are the beginning of more, which
    ``tests/test_generators.py`` checks by generating some of them again.
    """
    key, n = (task, level, seed, split), count(task, share)
    if len(_held.get(key, ())) < n:
        most = FULL if (seed, split) == (0, "test") else 1.0
        _held[key] = generated(task, level, Source(seed, split), max(share, most))
    return _held[key][:n]


def generated(task: str, level: int, source: Source, share: float) -> tuple[Item, ...]:
    """Return what the generator of a task makes now."""
    make = find_generator(spec.task_files()[task].parent, spec.task(task).measure.generator)
    return tuple(make(source, level, count(task, share)))


def count(task: str, share: float) -> int:
    """Return how many items of a level are a share of a task's standard number."""
    measure = spec.task(task).measure
    return round(measure.clusters * share) * measure.per_cluster
