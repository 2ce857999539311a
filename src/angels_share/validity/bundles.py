"""The pairs of the reference family, read from their submissions and scored again from their logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from angels_share.errors import BundleError
from angels_share.parallel import each
from angels_share.submission import validate
from angels_share.validity.pairs import Pair

MANIFEST = "submission.json"

Measured = Mapping[str, Mapping[str, Pair]]
"""For each set of items, named ``<profile>-<item seed>``, the pair of each student."""


def read_pairs(
    submissions: Path,
    students: Sequence[str],
    teacher: str,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Measured:
    """Return the pairs of some students by set of items, public items first, students in the order of their names.

    Every bundle is validated: its score is computed again from its logs.

    Parameters
    ----------
    submissions : Path
        Folder of bundles.
    students : sequence of str
        Names of the students to read; other bundles are passed over.
    teacher : str
        Canonical teacher that they must refer to; a bundle that only uses such a name is passed over.
    workers : int, optional
        Processes; None for one a core.
    progress : callable
        Takes how many bundles are read, and of how many.

    Raises
    ------
    BundleError
        If a bundle of one of these students is refused, or two are of one student on one set of items.
    """
    found = {path.parent: _student_of(path, teacher) for path in sorted(submissions.glob(f"*/{MANIFEST}"))}
    names = {folder: name for folder, name in found.items() if name in students}
    folders = list(names)
    read: list[tuple[str, Pair]] = []
    for folder, pair in zip(folders, each(read_pair, folders, workers), strict=True):
        read.append((names[folder], pair))
        progress(len(read), len(folders))
    measured: dict[str, dict[str, Pair]] = {}
    for name, pair in sorted(read, key=lambda found: (found[1].score.key.item_seed, students.index(found[0]))):
        items = f"{pair.score.key.profile}-{pair.score.key.item_seed}"
        if name in measured.setdefault(items, {}):
            raise BundleError(f"{submissions}: holds two submissions of {name} on {items}; remove one of them")
        measured[items][name] = pair
    return measured


def read_pair(folder: Path) -> Pair:
    """Return the pair of a bundle, scored again.

    Raises
    ------
    BundleError
        If the bundle is refused.
    """
    report = validate(folder)
    if report.score is None or report.manifest is None or not report.accepted:
        serious = "; ".join(str(f) for f in report.findings if f.severity == "error")
        raise BundleError(f"{folder}: is refused: {serious}")
    parameters = report.manifest.student.parameters
    return Pair(report.runs["teacher"], report.runs["student"], report.score, parameters)


def _student_of(manifest: Path, teacher: str) -> str:
    """Return the student's name where the bundle refers to this canonical teacher, else nothing."""
    try:
        said = json.loads(manifest.read_text("utf-8"))
        return str(said["student"]["name"]) if said["roles"]["teacher"]["canonical"] == teacher else ""
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
