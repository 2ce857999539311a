"""The items of the package's tasks, made again: once for all runs that answer them, and many of them by two processes.

The first stage of all suites in the track ``frontier`` and the profile ``full`` took 27 s of processor time.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable

from angels_share import items, logs, spec
from angels_share.parallel import each

Made = tuple[tuple[items.Item, ...], tuple[str, ...]]
Asked = tuple[str, str, str, int]
"""Task, track, profile and seed."""

KEPT = 80_000
"""Items that are kept for the next run, those of one item seed at the largest profile and some more."""

WORTH = 20_000
"""Items from which on other processes make them sooner, their start included."""

_kept: dict[Asked, Made] = {}


def made(asked: Asked) -> Made:
    """Return the items of a task, and the hash of each.

    Raises
    ------
    SpecError
        If the track or the profile is unknown.
    """
    if asked not in _kept:
        _keep(asked, _make(asked))
    return _kept[asked]


def prepare(asked: Iterable[Asked], workers: int | None) -> None:
    """Make the items of several tasks in so many processes, unless they are few or this is such a process itself."""
    missing = [one for one in dict.fromkeys(asked) if one not in _kept]
    if workers != 1 and multiprocessing.parent_process() is None and sum(map(_count, missing)) >= WORTH:
        missing.sort(key=_count, reverse=True)
        for one, found in zip(missing, each(_make, missing, workers), strict=True):
            _keep(one, found)


def _count(asked: Asked) -> int:
    name, _, profile, _ = asked
    measure = spec.task(name).measure
    return items.n_clusters(measure.clusters, profile) * measure.per_cluster


def _make(asked: Asked) -> Made:
    name, track, profile, seed = asked
    measure = spec.task(name).measure
    found = items.build(
        items.find_generator(spec.task_files()[name].parent, measure.generator),
        levels=items.levels_of(track),
        clusters=items.n_clusters(measure.clusters, profile),
        per_cluster=measure.per_cluster,
        source=items.Source(seed),
    )
    return tuple(found), tuple(logs.document_hash(item) for item in found)


def _keep(asked: Asked, found: Made) -> None:
    """Keep the items of a task, and no more of those made before than there is room for."""
    _kept[asked] = found
    total = sum(len(documents) for documents, _ in _kept.values())
    while total > KEPT and len(_kept) > 1:
        total -= len(_kept.pop(next(iter(_kept)))[0])
