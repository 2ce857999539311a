"""The pairs of the reference family, read from their submissions and scored again from their logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from angels_share.errors import BundleError
from angels_share.logs import Run
from angels_share.score.model import PairScore
from angels_share.submission import validate
from angels_share.validity.family import FAMILY

MANIFEST = "submission.json"


@dataclass(frozen=True)
class Pair:
    """One student beside the teacher, on one set of items."""

    student: str
    description: str
    """How the student was made, as its statement says."""
    teacher: Run
    answers: Run
    """What the student answered."""
    score: PairScore
    """Computed from the two."""

    @property
    def items(self) -> str:
        """Name of the set of items: ``<profile>-<item seed>``."""
        return f"{self.score.key.profile}-{self.score.key.item_seed}"


Measured = Mapping[str, Mapping[str, Pair]]
"""For each set of items, the pair of each student."""


def read_pairs(
    submissions: Path, names: Sequence[str] = tuple(FAMILY), *, workers: int = 2, progress: Callable[[int, int], None]
) -> Measured:
    """Return the pairs of these students by set of items, public items first, students in the order of their names.

    Every bundle is validated: its score is computed again from its logs.

    Parameters
    ----------
    submissions : Path
        Folder of bundles.
    names : sequence of str
        Students to read; the others are passed over.
    workers : int
        Processes.
    progress : callable
        Takes how many bundles are read, and of how many.

    Raises
    ------
    BundleError
        If a bundle of one of these students is refused, or there is none.
    """
    folders = [path.parent for path in sorted(submissions.glob(f"*/{MANIFEST}")) if _student_of(path) in names]
    if not folders:
        raise BundleError(f"{submissions}: holds no submission of {', '.join(names[:3])} …; measure the family first")
    pairs = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done, pair in enumerate(pool.map(read_pair, folders), 1):
            pairs.append(pair)
            progress(done, len(folders))
    measured: dict[str, dict[str, Pair]] = {}
    for pair in sorted(pairs, key=lambda p: (p.score.key.item_seed, p.items, names.index(p.student))):
        measured.setdefault(pair.items, {})[pair.student] = pair
    return measured


def read_pair(folder: Path) -> Pair:
    """Return the pair of a bundle, scored again.

    Raises
    ------
    BundleError
        If the bundle is refused.
    """
    report = validate(folder)
    if report.score is None or report.statement is None or not report.accepted:
        serious = "; ".join(str(f) for f in report.findings if f.severity == "error")
        raise BundleError(f"{folder}: is refused: {serious}")
    return Pair(
        report.statement.student,
        report.statement.method.description,
        report.runs["teacher"],
        report.runs["student"],
        report.score,
    )


def _student_of(manifest: Path) -> str:
    try:
        return str(json.loads(manifest.read_text("utf-8"))["student"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
