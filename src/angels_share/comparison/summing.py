"""Two logs of one task, paired document by document, of which only sums are kept.

One chunk of both logs is in memory at a time. What stays of it are sums over at most 4 000 clusters or blocks of
clusters, whatever the number of items. Only where a field names the clusters, a hash of each of them, of 8 bytes, and
what it lost on balance in each metric, of 4 bytes, stay as well.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from angels_share.comparison.aggregation import AGGREGATIONS
from angels_share.comparison.reading import Log
from angels_share.comparison.sample import Clusters, Places, Sample
from angels_share.comparison.spooling import array, matrix
from angels_share.discrepancies import half_squared_distance, total_variation
from angels_share.errors import PairingError
from angels_share.observables.categorical import option_distribution, string_probabilities

Floats = NDArray[np.float64]


@dataclass
class MetricSums:
    """One metric of one model over all items."""

    aggregation: str
    tops: Floats
    """Sum of the values in each cluster or block."""
    bottoms: Floats
    """Sum of their weights, which are 1 unless a value is a pair."""
    missing: int = 0
    """Items without a number."""
    binary: bool = True
    """Whether all values are 0 or 1."""

    def add(self, rows: pa.Table, name: str, places: Places) -> Floats:
        """Add the values of these items, and return them without their weights."""
        parts = [array(rows.column(f"{name} {k}")) for k in range(1 + AGGREGATIONS[self.aggregation].pairs)]
        self.missing += int(np.isnan(parts).any(axis=0).sum())
        self.binary &= len(parts) == 1 and bool(np.isin(parts[0], (0, 1)).all())
        self.tops += np.bincount(places, parts[0], len(self.tops))
        self.bottoms += np.bincount(places, None if len(parts) == 1 else parts[1], len(self.tops))
        return parts[0]


@dataclass(frozen=True)
class Changes:
    """Right and wrong items of both models, counted, and what clusters lost on balance."""

    counts: tuple[int, int, int, int]
    """Both right, lost, gained, both wrong."""
    balances: Counter[int]
    """How many clusters lost so many more items than they gained."""


class ChangeSums:
    """Changes, summed up over chunks."""

    def __init__(self, clusters: int | None) -> None:
        self._counts = np.zeros(4, dtype=np.int64)
        self._balances = None if clusters is None else np.zeros(clusters, dtype=np.int32)

    def add(self, right_t: NDArray[np.bool_], right_s: NDArray[np.bool_], clusters: Places | None) -> None:
        """Add items; ``clusters`` has the number of each one's cluster, None where each item is its own."""
        lost, gained = right_t & ~right_s, ~right_t & right_s
        self._counts += [chosen.sum() for chosen in (right_t & right_s, lost, gained, ~right_t & ~right_s)]
        if self._balances is not None and clusters is not None:
            np.add.at(self._balances, clusters[lost], 1)
            np.add.at(self._balances, clusters[gained], -1)

    def changes(self) -> Changes:
        """Return what was found of all items."""
        both, lost, gained, neither = self._counts.tolist()
        if self._balances is None:
            return Changes((both, lost, gained, neither), Counter({1: lost, -1: gained}))
        values, counts = np.unique(self._balances, return_counts=True)
        balances = Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        return Changes((both, lost, gained, neither), balances)


@dataclass(frozen=True)
class Paired:
    """What is kept of the items of two logs; sums are over the clusters or blocks of ``sample``."""

    sample: Sample
    n: int
    n_clusters: int
    teacher: Mapping[str, MetricSums]
    student: Mapping[str, MetricSums]
    changes: Mapping[str, Changes]
    """Of metrics that may be 0 or 1 throughout, and of which lm-eval says whether higher is better."""
    alike: Mapping[str, Floats]
    """Sums of each measure of :class:`~angels_share.comparison.model.Answers` that the logs allow."""
    same_prompts: bool


def pair(teacher: Log, student: Log, chunks: int, resamples: int) -> Paired:
    """Return what two runs of a task have in their samples, paired row by row.

    Raises
    ------
    PairingError
        If the runs differ in a setting, in their documents or in the options of a document.
    MeasureError
        If there are fewer than two clusters.
    """
    _check_settings(teacher, student)
    hashes = teacher.clusters
    n_clusters = teacher.spool.rows if hashes is None else len(hashes)
    clusters = Clusters(n_clusters)
    sums = [
        {name: MetricSums(of.aggregation, *np.zeros((2, clusters.width))) for name, of in log.metrics.items()}
        for log in (teacher, student)
    ]
    right = {
        name: float(of.higher_is_better)
        for name, of in teacher.metrics.items()
        if of.higher_is_better is not None and of.aggregation == "mean" and name in student.metrics
    }
    changes = {name: ChangeSums(None if hashes is None else n_clusters) for name in right}
    alike: dict[str, Floats] = {}
    digest = hashlib.sha256()
    same_prompts = True
    for ours, theirs in _aligned(teacher, student, chunks):
        keys = ours.column("key")
        digest.update(("\n" if clusters.sizes.any() else "").encode() + "\n".join(keys.to_pylist()).encode())
        places = clusters.places(keys if hashes is None else ours.column("cluster"))
        own = None if hashes is None else np.searchsorted(hashes, array(ours.column("cluster_hash")))
        values = [
            {name: column.add(rows, name, places) for name, column in side.items()}
            for side, rows in zip(sums, (ours, theirs), strict=True)
        ]
        for name, of in changes.items():
            right_t, right_s = (side[name] == right[name] for side in values)
            of.add(right_t, right_s, own)
        for name, found in _alike(teacher, student, ours, theirs):
            of_name = alike.setdefault(name, np.zeros(clusters.width))
            of_name += np.bincount(places, found, clusters.width)
        same_prompts &= ours.column("prompt").equals(theirs.column("prompt"))
    filled = clusters.filled
    for side in sums:
        for column in side.values():
            column.tops, column.bottoms = column.tops[filled], column.bottoms[filled]
    return Paired(
        sample=clusters.sample(digest.hexdigest(), resamples),
        n=teacher.spool.rows,
        n_clusters=n_clusters,
        teacher=sums[0],
        student=sums[1],
        changes={name: of.changes() for name, of in changes.items()},
        alike={name: of[filled] for name, of in alike.items()},
        same_prompts=same_prompts,
    )


def _check_settings(teacher: Log, student: Log) -> None:
    for name in sorted(teacher.settings.keys() | student.settings.keys()):
        ours, theirs = teacher.settings.get(name), student.settings.get(name)
        if ours != theirs:
            raise PairingError(f"teacher was run with {name} {ours!r}, student with {theirs!r}; run both alike")


def _aligned(teacher: Log, student: Log, chunks: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield the rows of both logs chunk by chunk; equal keys mean equal documents row by row."""
    lacking, more = 0, 0
    same_options = True
    for number in range(chunks):
        ours, theirs = teacher.spool.chunk(number), student.spool.chunk(number)
        if not ours.column("key").equals(theirs.column("key")):
            mine, others = (set(rows.column("key").to_pylist()) for rows in (ours, theirs))
            lacking, more = lacking + len(mine - others), more + len(others - mine)
        elif teacher.has_options and not _lengths(ours).equals(_lengths(theirs)):
            same_options = False
        elif len(ours) and not (lacking or more) and same_options:
            yield ours, theirs
    if lacking or more:
        raise PairingError(
            f"{lacking} documents are only in the teacher's log, {more} only in the student's; run both on the same "
            "items"
        )
    if not same_options:
        raise PairingError("a document has more options in one log than in the other; run both alike")


def _lengths(rows: pa.Table) -> pa.ChunkedArray:
    return pc.list_value_length(rows.column("options"))


def _alike(teacher: Log, student: Log, ours: pa.Table, theirs: pa.Table) -> Iterator[tuple[str, Floats]]:
    """Yield how alike each item's answers are, by what the output type says that answers are."""
    if teacher.has_options:
        width = len(teacher.spool.options) - 1
        read = option_distribution if teacher.choice else string_probabilities
        p, q = (read([], matrix(rows.column("options"), width)).values for rows in (ours, theirs))
        yield "option_distance", half_squared_distance.between(p, q)
        yield "total_variation", total_variation(p, q)
        if teacher.choice:
            yield "agreement", (p.argmax(axis=1) == q.argmax(axis=1)).astype(np.float64)
    elif not (teacher.spool.unanswered or student.spool.unanswered) and teacher.output_type == "generate_until":
        same = pc.equal(ours.column("answer"), theirs.column("answer"))
        yield "agreement", array(same.cast(pa.float64()))
