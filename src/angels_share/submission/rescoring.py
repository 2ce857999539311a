"""Scoring a sound bundle again, for a release that changes what the same logs give."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from angels_share import statement as statements
from angels_share.errors import BundleError
from angels_share.submission import files
from angels_share.submission.differences import Difference, settled
from angels_share.submission.model import Finding
from angels_share.submission.scoring import manifest_digest
from angels_share.submission.validate import MANIFEST, SCORE, STATEMENT, changes, submitted, validate


@dataclass(frozen=True)
class Rescored:
    """What became of a bundle."""

    written: tuple[str, ...] = ()
    """The files that were written anew: none where the score is what the logs give, or the bundle is refused."""
    changes: tuple[Difference, ...] = ()
    """Where the new ``score.json`` differs from the one before."""
    refused: tuple[Finding, ...] = ()
    """What is wrong besides the score."""


def rescore_bundle(folder: Path, teachers: Path | None = None) -> Rescored:
    """Write the score that a bundle's own logs give into the bundle, where it holds another.

    Besides ``score.json``, that changes the items of the statement that the score answers, and the digests in
    ``submission.json``. Logs, declarations and the author's words stay.

    Parameters
    ----------
    folder : Path
        The bundle's folder.
    teachers : Path, optional
        Folder of the canonical teachers, by default ``teachers`` beside the bundle.

    Raises
    ------
    BundleError
        If the files cannot be written.
    """
    report = validate(folder, teachers)
    errors = [f for f in report.findings if f.severity == "error"]
    of_score = [f for f in errors if f.place == SCORE]
    refused = [f for f in errors if f.place != SCORE and not (of_score and f.rule == "AS-702")]
    if report.manifest is None or report.statement is None or report.score is None:
        return Rescored(refused=tuple(errors))
    if refused or not of_score:
        return Rescored(refused=tuple(refused))
    before = submitted(folder)
    contents = {SCORE: files.dump(settled(before, report.score.model_dump(mode="json")))}
    said = statements.refresh(report.statement, report.score)
    if said != report.statement:
        contents[STATEMENT] = files.dump(said.model_dump(mode="json"))
    digests = {place: files.sha256(content) for place, content in contents.items()}
    manifest = report.manifest.model_copy(update={"files": report.manifest.files | digests})
    manifest = manifest.model_copy(update={"digest": manifest_digest(manifest)})
    contents[MANIFEST] = files.dump(manifest.model_dump(mode="json"))
    _replace(folder, contents)
    return Rescored(tuple(contents), tuple(changes(before, report.score)))


def _replace(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put files into the place of others once all of them are written."""
    try:
        with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=".rescoring-") as staging:
            for place, content in contents.items():
                Path(staging, place).write_bytes(content)
            for place in contents:
                Path(staging, place).replace(folder / place)
    except OSError as error:
        raise BundleError(
            f"{folder}: the new score cannot be written: {error}; make room or give leave to write, and rescore again"
        ) from error
