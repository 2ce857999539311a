"""The samples of a log on disk, in chunks that are small enough to be sorted and paired in memory.

DuckDB reads a samples file once, in batches, with buffers of 32 MB for each of its threads. The rows of a batch go to a
temporary file, sorted into chunks by the first digits of the documents' hashes, so that two logs have the same
documents in the same chunk. The file holds of a row its numbers and hashes and the name of its cluster, some 200 bytes;
in memory there stays :class:`Spool`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from angels_share.errors import LogError

Floats = NDArray[np.float64]

BYTES_A_CHUNK = 2**25
"""Bytes of the teacher's log of which a chunk is made, on average."""

ROWS_A_BATCH = 2**15
"""Rows that are read at a time."""


@dataclass
class Spool:
    """The rows of one filter."""

    file: Path
    places: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Batches of the file that hold the rows of each chunk."""
    rows: int = 0
    options: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    """How many rows have 0, 1, 2, … options."""
    greatest: float = -np.inf
    """Log-likelihood of an option; NaN or infinite if any is."""
    several: bool = False
    """Whether a row has several right options."""
    unanswered: int = 0
    """Rows that are not left with one answer."""
    unclustered: int = 0
    """Rows without a cluster."""
    clusters: list[NDArray[np.uint64]] = field(default_factory=list)
    """Hashes of the clusters that were met, each at least once."""

    def add(self, rows: pa.RecordBatch) -> None:
        """Take note of some of the rows."""
        self.rows += len(rows)
        if "options" in rows.schema.names:
            of_rows = np.bincount(array(pc.list_value_length(rows["options"])))
            self.options = np.pad(self.options, (0, max(0, len(of_rows) - len(self.options))))
            self.options[: len(of_rows)] += of_rows
            values = array(pc.list_flatten(rows["options"]))
            if len(values):
                worst = values.max() if np.isfinite(values).all() else np.nan
                self.greatest = float(np.maximum(self.greatest, worst))
            self.several |= bool(pc.any(rows["several"]).as_py())
        if "answer" in rows.schema.names:
            self.unanswered += rows["answer"].null_count
        if "cluster" in rows.schema.names:
            self.unclustered += rows["cluster"].null_count
            self.clusters.append(np.unique(array(rows["cluster_hash"])))

    def chunk(self, number: int) -> pa.Table:
        """Return the rows of a chunk in the order of their keys."""
        with pa.OSFile(str(self.file)) as file, pa.ipc.open_file(file) as reader:
            batches = [reader.get_batch(place) for place in self.places.get(number, ())]
            return _by_key(pa.Table.from_batches(batches, reader.schema))


def spooled(batches: pa.RecordBatchReader, samples: Path, file: Path) -> dict[str, Spool]:
    """Write the rows of a log into a file, and return where they are, by filter.

    Parameters
    ----------
    batches : pa.RecordBatchReader
        With the column ``chunk`` beside what is kept.
    samples : Path
        Where the rows come from.
    file : Path
        Is made anew.

    Raises
    ------
    LogError
        If a row lacks its filter, doc_id or doc_hash, or there is no row.
    duckdb.Error
        If the log cannot be read.
    """
    found: dict[str, Spool] = {}
    lacking = False
    written = 0
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, batches.schema) as writer:
        for unsorted in _read(batches):
            lacking |= any(unsorted[name].null_count for name in ("filter", "doc_id", "doc_hash"))
            if lacking:
                continue
            batch = unsorted.sort_by([("filter", "ascending"), ("chunk", "ascending")])
            for of, rows in _runs(batch, "filter"):
                spool = found.setdefault(of, Spool(file))
                spool.add(rows)
                for number, part in _runs(rows, "chunk"):
                    writer.write_batch(part)
                    spool.places[number].append(written)
                    written += 1
    if lacking or not found:
        raise LogError(f"{samples}: a row lacks its filter, doc_id or doc_hash, or there is none; run the task again")
    return found


def _read(batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield the batches; what DuckDB finds wrong with a file reaches Arrow as an error of the system."""
    try:
        yield from batches
    except OSError as error:
        raise duckdb.Error(str(error)) from error


def _runs(rows: pa.RecordBatch, name: str) -> Iterator[tuple[Any, pa.RecordBatch]]:
    """Yield the rows of each value of a column, which stand together."""
    start = 0
    for found in pc.value_counts(rows[name]).to_pylist():
        yield found["values"], rows.slice(start, found["counts"])
        start += found["counts"]


def array(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Return a column of numbers without nulls as an array; unlike ``to_numpy`` it does not import pandas."""
    return np.from_dlpack(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)


def matrix(column: pa.ChunkedArray, width: int) -> Floats:
    """Return lists of numbers as an array of shape (rows, width), NaN beyond the end of a list."""
    out = np.full((len(column), width), np.nan)
    out[np.arange(width) < array(pc.list_value_length(column))[:, None]] = array(pc.list_flatten(column))
    return out


def _by_key(table: pa.Table) -> pa.Table:
    """Return rows in the order of their keys, which are the documents' hashes, numbered from a second one on."""
    table = table.sort_by([("doc_hash", "ascending"), ("doc_id", "ascending")])
    hashes = table.column("doc_hash").combine_chunks()
    repeated = pc.equal(hashes[1:], hashes[:-1])
    if not pc.any(repeated).as_py():
        return table.append_column("key", hashes)
    nth = 1
    keys = []
    for doc_hash, again in zip(hashes.to_pylist(), [False, *repeated.to_pylist()], strict=True):
        nth = nth + 1 if again else 1
        keys.append(f"{doc_hash}-{nth}" if nth > 1 else doc_hash)
    return table.append_column("key", pa.array(keys)).sort_by("key")
