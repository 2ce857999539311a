"""What the benchmarks time, each piece of work in a process of its own, so that none finds what another left behind.

As a script it does one of them and prints what that cost, as JSON: ``python workloads.py compare TEACHER STUDENT``.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

HEAVY = ("torch", "transformers", "datasets", "lm_eval", "streamlit", "altair", "pandas", "scipy.stats", "scipy.signal")
"""Modules that take long to import, and that scoring can do without."""


@dataclass(frozen=True)
class Cost:
    """What a piece of work took."""

    seconds: float
    peak: float
    """Most memory that the process held and, as if at the same time, a process on each core that it started, in MB."""
    heavy: list[str]
    """Which of the heavy modules it imported."""
    processor: float = 0.0
    """Seconds of processor time, of the processes that it started too."""


def cost(work: str, *arguments: Path | str) -> Cost:
    """Return what a piece of work costs in a fresh process."""
    words = [sys.executable, __file__, work, *map(str, arguments)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def least(work: str, *arguments: Path | str, times: int = 3) -> Cost:
    """Return the quickest of several: what else the machine does only ever adds."""
    return min((cost(work, *arguments) for _ in range(times)), key=lambda one: one.seconds)


def compare(teacher: str, student: str) -> Callable[[], object]:
    """Compare two runs as ``angels-share score --any`` does."""
    from angels_share.comparison import compare_runs

    return lambda: compare_runs(Path(teacher), Path(student))


def scan(*files: str) -> Callable[[], object]:
    """Read the columns that a comparison needs with DuckDB alone."""
    import duckdb

    types = {"doc_id": "BIGINT", "acc": "DOUBLE", "acc_norm": "DOUBLE", "resps": "VARCHAR[][][]"}
    types |= dict.fromkeys(("filter", "doc_hash", "prompt_hash", "target"), "VARCHAR")
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in types.items())

    def read(file: str) -> object:
        made = f"FROM read_json('{file}', format='newline_delimited', columns={{{columns}}})"
        with duckdb.connect() as connection:
            return connection.sql(made).to_arrow_table()

    return lambda: [read(file) for file in files]


def parse(*files: str) -> Callable[[], object]:
    """Read the rows of each file with ``json.loads``, one file after the other."""

    def read(file: str) -> int:
        with Path(file).open(encoding="utf-8") as lines:
            return len([json.loads(line) for line in lines])

    return lambda: [read(file) for file in files]


def load() -> Callable[[], object]:
    """Import the command line."""

    def imported() -> None:
        import angels_share.cli  # noqa: F401

    return imported


def unpack(*files: str) -> Callable[[], object]:
    """Unpack the rows of each file and read them with ``json.loads``, one after the other."""

    def read(file: str) -> int:
        with gzip.open(file) as lines:
            return sum(len(json.loads(line)) for line in lines)

    return lambda: [read(file) for file in files]


def validate(bundle: str) -> Callable[[], object]:
    """Validate a bundle, from the imports to its report."""

    def validated() -> None:
        from angels_share.submission import validate as examine

        report = examine(Path(bundle))
        if not report.accepted:
            raise RuntimeError("\n".join(map(str, report.findings)))

    return validated


def score(*words: str) -> Callable[[], object]:
    """Run ``angels-share score``, from the imports to the table that it prints."""

    def scored() -> None:
        from angels_share.cli import app

        app(["score", *words], standalone_mode=False)

    return scored


def main() -> None:
    """Do the work that the command line names, and print what it cost."""
    made = {work.__name__: work for work in (compare, scan, parse, unpack, load, score, validate)}
    work = made[sys.argv[1]](*sys.argv[2:])
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    unit = 1e6 if sys.platform == "darwin" else 1e3
    own, others = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    peak = (own.ru_maxrss + (os.cpu_count() or 1) * others.ru_maxrss) / unit
    processor = sum(one.ru_utime + one.ru_stime for one in (own, others))
    found = Cost(seconds, peak, [name for name in HEAVY if name in sys.modules], processor)
    sys.stdout.write(json.dumps(asdict(found)) + "\n")


if __name__ == "__main__":
    main()
