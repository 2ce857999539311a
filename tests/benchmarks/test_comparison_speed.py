"""How fast, and in how much memory, two logs of any lm-eval task are compared, beside plain readings of the files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_logs import samples_file, write_pair
from workloads import least

MOST_MEMORY = 1500.0
"""In MB."""

MOST_BYTES_A_PAIR = 100.0
"""By which the memory may grow with each pair of samples. It grows by none, but measurements of it vary by 20 MB."""

Tell = Callable[[str], None]


@contextmanager
def pair(place: Path, samples: int, context: int) -> Iterator[tuple[Path, Path]]:
    """Write a pair of logs, and remove it again."""
    expected = 2 * samples * (1000 + 6 * context)
    if shutil.disk_usage(place).free < 2 * expected:
        pytest.skip(f"{place} has no room for logs of {expected / 1e9:.1f} GB")
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield write_pair(Path(folder), samples, context)


def megabytes(*files: Path) -> float:
    return sum(file.stat().st_size for file in files) / 1e6


def test_comparison_takes_little_longer_than_reading(tmp_path: Path, tell: Tell) -> None:
    """Two logs of 200 000 samples, about 400 MB each."""
    with pair(tmp_path, 200_000, context=230) as folders:
        files = [samples_file(folder) for folder in folders]
        ours, duckdb = least("compare", *folders, times=5), least("scan", *files, times=5)
        plain = least("parse", *files, times=1)
        tell(
            f"comparison of two logs of 200 000 samples, {megabytes(*files):.0f} MB: {ours.seconds:.2f} s, "
            f"{ours.peak:.0f} MB of memory; DuckDB's reading {duckdb.seconds:.2f} s, json.loads {plain.seconds:.1f} s: "
            f"{ours.seconds / duckdb.seconds:.2f} times DuckDB (at most 3), {plain.seconds / ours.seconds:.1f} times "
            "faster than json.loads (at least 8)"
        )
    assert ours.seconds <= 3 * duckdb.seconds
    assert 8 * ours.seconds <= plain.seconds
    assert ours.peak < MOST_MEMORY
    assert not ours.heavy


def test_comparison_is_linear(tmp_path: Path, tell: Tell) -> None:
    """From 10⁵ to 10⁶ samples, time and memory."""
    costs = {}
    for samples in (100_000, 1_000_000):
        with pair(tmp_path, samples, context=60) as folders:
            size = megabytes(*map(samples_file, folders))
            costs[samples] = least("compare", *folders)
            tell(
                f"comparison of two logs of {samples} samples, {size:.0f} MB: {costs[samples].seconds:.2f} s, "
                f"{costs[samples].peak:.0f} MB of memory"
            )
    few, many = costs.values()
    growth = many.seconds / few.seconds / 10
    held = (many.peak - few.peak) * 1e6 / 900_000
    tell(
        f"time of a sample among 1 000 000 to one among 100 000: {growth:.2f} (at most 1.15); memory of each further "
        f"pair of samples: {held:.0f} bytes (at most {MOST_BYTES_A_PAIR:.0f})"
    )
    assert growth <= 1.15
    assert held <= MOST_BYTES_A_PAIR
    assert many.peak < MOST_MEMORY
