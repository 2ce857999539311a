"""What became of every pair that was ever accepted: ``submissions/HISTORY.jsonl``, written by maintainers.

One event a line, each line holding the SHA-256 of the line before, so that a line that is removed, moved or edited
breaks the chain; lines cut off at the end do not, and show only beside an older copy of the file (``since``). A pair
that was withdrawn or superseded stays as its lines: what it was, and why it is gone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from angels_share import __version__
from angels_share.claims import PlainText
from angels_share.errors import BundleError, did_you_mean
from angels_share.parallel import each
from angels_share.spec import Strict
from angels_share.submission import files
from angels_share.submission.model import Finding, Manifest, Name, RefusedError, Sha256, Word
from angels_share.submission.rules import finding
from angels_share.submission.validate import MANIFEST, validate

HISTORY = "HISTORY.jsonl"

Kind = Literal[
    "accepted",
    "rescored",
    "superseded",
    "withdrawn",
    "spot-checked",
    "spot-check failed",
    "re-run",
    "re-run failed",
]
"""``rescored``: the same answers, with another score or statement."""

Trust = Literal["self-reported", "recomputed", "spot-checked", "re-run"]
"""What stands behind a score, from least to most: the submitter's word, the project's own computation from the
submitted logs, some answers got again from the model, all of the suite run again."""

STANDING = ("accepted", "rescored", "superseded", "withdrawn")
"""Events that decide whether a pair stands."""

ENDED = ("superseded", "withdrawn")

PairId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Event(Strict):
    """One line of the history."""

    schema_version: Literal["angels-share/history/1"] = "angels-share/history/1"
    date: dt.date
    """Day of the event in UTC."""
    event: Kind
    pair_id: PairId
    folder: Name
    digest: Sha256
    """Digest of the bundle's manifest, which stands for every byte of the bundle."""
    answers: Sha256
    """The same of the logs alone, which a rescoring leaves as they are."""
    teacher: Name
    student: Name
    suites: tuple[Word, ...]
    release: Word
    """Version of this package that accepted the pair."""
    by: Word
    """Who did it."""
    reason: PlainText = ""
    successor: PairId | None = None
    """The pair that superseded this one."""
    previous: Sha256
    """SHA-256 of the line before; of nothing before the first."""


@dataclass(frozen=True)
class Outcome:
    """What came of a bundle that was to be accepted."""

    folder: str
    word: str
    """``accepted`` or ``rescored`` where a line was written; else ``unchanged``, ``withdrawn``, ``superseded`` or
    ``refused``."""
    findings: tuple[Finding, ...] = ()
    """Why it was refused."""


def answers_digest(manifest: Manifest) -> Sha256:
    """Return what tells the logs of a bundle from other logs, whatever its score and statement say."""
    return files.sha256(files.canonical({role: of.model_dump(mode="json") for role, of in manifest.roles.items()}))


def read_history(submissions: Path) -> tuple[Event, ...]:
    """Return every event, oldest first; none where there is no history.

    Raises
    ------
    RefusedError
        If a line is no event, or does not follow from the line before.
    """
    path = submissions / HISTORY
    return tuple(_events(files.read_bytes(path, HISTORY))) if path.exists() else ()


def _events(content: bytes) -> Iterable[Event]:
    before, last = b"", dt.date.min
    for number, line in enumerate(content.splitlines(), start=1):
        place = f"{HISTORY}, line {number}"
        try:
            event = files.read(Event, line, place)
        except RefusedError as error:
            raise RefusedError(finding("AS-901", place, error.finding.message)) from error
        if event.previous != files.sha256(before):
            raise RefusedError(finding("AS-901", place, "does not follow from the line before"))
        if event.date < last:
            raise RefusedError(finding("AS-901", place, f"is dated {event.date}, the line before {last}"))
        before, last = line, event.date
        yield event


def standing(events: Iterable[Event]) -> dict[str, Event]:
    """Return the event that last decided whether a pair stands, by the pair's id."""
    return {event.pair_id: event for event in events if event.event in STANDING}


def trust(events: Iterable[Event], answers: Sha256) -> Trust:
    """Return what stands behind the score of a pair with these answers; a failed check takes nothing away.

    Parameters
    ----------
    events : iterable of Event
        Those of the pair. Checks of other answers do not count.
    answers : str
        As :func:`answers_digest` gives it.
    """
    passed = {event.event for event in events if event.answers == answers}
    return "re-run" if "re-run" in passed else "spot-checked" if "spot-checked" in passed else "recomputed"


def check(submissions: Path, since: bytes = b"") -> list[Finding]:
    """Return where the history is broken, and where it and the bundles that are there tell different stories.

    Parameters
    ----------
    submissions : Path
        Folder of the bundles.
    since : bytes
        An older copy of the history, which this one must go on from.
    """
    path = submissions / HISTORY
    try:
        events = read_history(submissions)
        now = files.read_bytes(path, HISTORY).splitlines() if path.exists() else []
    except RefusedError as error:
        return [error.finding]
    for number, line in enumerate(since.splitlines(), start=1):
        if now[number - 1 : number] != [line]:
            return [finding("AS-901", f"{HISTORY}, line {number}", "is missing, or is not the line that it was")]
    findings = []
    known = {event.folder: event for event in standing(events).values()}
    for name, event in known.items():
        folder = submissions / name
        if event.event in ENDED:
            if folder.exists():
                findings.append(finding("AS-905", name, f"was {event.event} on {event.date} and is still there"))
        elif not folder.exists():
            findings.append(finding("AS-902", name, f"was {event.event} on {event.date} and is gone"))
        elif (digest := _digest(folder)) != event.digest:
            told = f"has digest {digest[:12]}…, it was {event.event} with {event.digest[:12]}…"
            findings.append(finding("AS-902", name, told))
    present = [bundle.name for bundle in bundles_of(submissions)]
    findings += [finding("AS-903", name, "is in no line of the history") for name in present if name not in known]
    return findings


def bundles_of(folder: Path) -> list[Path]:
    """Return the bundles that a folder holds, by name."""
    return sorted(path.parent for path in folder.glob(f"[!.]*/{MANIFEST}"))


def _digest(folder: Path) -> str:
    try:
        return files.read_file(Manifest, folder, MANIFEST).digest
    except RefusedError:
        return "unreadable"


def accept(
    bundles: Sequence[Path], *, by: str, day: dt.date, reason: str = "", workers: int | None = None
) -> list[Outcome]:
    """Write an event for each bundle that validates and that the history does not hold as it is.

    A pair that is known with the same answers and another digest is ``rescored``; one with other answers is refused
    until the old one is withdrawn or superseded; one that was withdrawn stays so.

    Parameters
    ----------
    bundles : sequence of Path
        Folders that lie beside each other, and beside the history.
    by, reason : str
        Who accepts them, and why or on what grounds.
    day : date
        Today in UTC.
    workers : int, optional
        Processes that validate; by default one a core.

    Raises
    ------
    BundleError
        If the bundles lie in several folders, or the history is broken or cannot be written.
    """
    folders = {bundle.absolute().parent for bundle in bundles}
    if len(folders) != 1:
        raise BundleError(f"bundles lie in {len(folders)} folders; accept those of one folder, which has one history")
    submissions = folders.pop()
    known = standing(read_history(submissions))
    outcomes = {bundle: _as_known(bundle, known) for bundle in bundles}
    new = [bundle for bundle, outcome in outcomes.items() if outcome is None]
    examine = partial(_validated, teachers=submissions / "teachers")
    for bundle, judged in zip(new, each(examine, new, workers), strict=True):
        made = _judged(judged, known)
        if isinstance(made, Manifest):
            word: Kind = "rescored" if _stands(known.get(made.pair_id)) else "accepted"
            known[made.pair_id] = record(submissions, made, word, by=by, day=day, reason=reason)
            outcomes[bundle] = Outcome(bundle.name, word)
        else:
            outcomes[bundle] = Outcome(bundle.name, "refused", made)
    return [outcome for outcome in outcomes.values() if outcome is not None]


def _as_known(bundle: Path, known: Mapping[str, Event]) -> Outcome | None:
    """Return what there is to say of a bundle that the history settles already, None for another."""
    try:
        manifest = files.read_file(Manifest, bundle, MANIFEST)
    except RefusedError as error:
        return Outcome(bundle.name, "refused", (error.finding,))
    event = known.get(manifest.pair_id)
    if event is None or event.folder != bundle.name:
        return None
    if event.event in ENDED and event.answers == answers_digest(manifest):
        return Outcome(bundle.name, event.event)
    return Outcome(bundle.name, "unchanged") if _stands(event) and event.digest == manifest.digest else None


def _stands(event: Event | None) -> bool:
    return event is not None and event.event not in ENDED


def _validated(bundle: Path, teachers: Path) -> Manifest | tuple[Finding, ...]:
    report = validate(bundle, teachers)
    if report.accepted and report.manifest is not None:
        return report.manifest
    return tuple(found for found in report.findings if found.severity == "error")


def _judged(judged: Manifest | tuple[Finding, ...], known: Mapping[str, Event]) -> Manifest | tuple[Finding, ...]:
    """Return the manifest of a bundle that may be written into the history, or why it may not."""
    if not isinstance(judged, Manifest):
        return judged
    event = known.get(judged.pair_id)
    if event is None or not _stands(event):
        return judged
    if event.folder != judged.folder_name:
        return (finding("AS-904", ".", f"the pair stands as {event.folder}"),)
    if event.answers != answers_digest(judged):
        return (finding("AS-904", ".", f"its logs are not those that were {event.event} on {event.date}"),)
    return judged


def record(submissions: Path, manifest: Manifest, event: Kind, *, by: str, day: dt.date, reason: str) -> Event:
    """Write an event of a bundle at the end of the history, and return it.

    Raises
    ------
    RefusedError
        If the history is broken, or its last event is of a later day.
    BundleError
        If the event does not fit its form, or the file cannot be written.
    """
    return _append(
        submissions,
        date=day,
        event=event,
        pair_id=manifest.pair_id,
        folder=manifest.folder_name,
        digest=manifest.digest,
        answers=answers_digest(manifest),
        teacher=manifest.teacher.name,
        student=manifest.student.name,
        suites=tuple(suite.name for suite in manifest.suites),
        release=__version__,
        by=by,
        reason=reason,
    )


def end(submissions: Path, pair: str, *, by: str, day: dt.date, reason: str, successor: str | None = None) -> Event:
    """Withdraw a pair, or supersede it by another that stands, and return the event.

    Parameters
    ----------
    submissions : Path
    pair, successor : str
        Pair id or name of the folder, which may be gone already.
    by, reason : str
    day : date

    Raises
    ------
    BundleError
        If a pair is unknown to the history or does not stand, or it cannot be written.
    """
    known = standing(read_history(submissions))
    old = _find(known, pair)
    new = _find(known, successor).pair_id if successor else None
    if not reason.strip():
        raise BundleError(f"{old.folder}: say why, with --reason; the line is all that stays of the pair")
    if new == old.pair_id:
        raise BundleError(f"{old.folder}: cannot supersede itself; name the pair that takes its place")
    word = "superseded" if new else "withdrawn"
    changes = {"date": day, "event": word, "by": by, "reason": reason, "successor": new, "release": __version__}
    return _append(submissions, **{**old.model_dump(exclude={"previous"}), **changes})


def _find(known: Mapping[str, Event], name: str) -> Event:
    event = known.get(name) or {event.folder: event for event in known.values()}.get(name)
    if event is None:
        names = [event.folder for event in known.values()]
        raise BundleError(f"{HISTORY} knows no pair {name!r}. {did_you_mean(name, names) if names else 'It is empty.'}")
    if not _stands(event):
        raise BundleError(f"{event.folder} was {event.event} on {event.date}; only a pair that stands can be named")
    return event


def _append(submissions: Path, **fields: Any) -> Event:
    path = submissions / HISTORY
    content = files.read_bytes(path, HISTORY) if path.exists() else b""
    before = (content.splitlines() or [b""])[-1]
    try:
        event = Event.model_validate({**fields, "previous": files.sha256(before)})
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise BundleError(f"{path}: the event does not fit its form: {'; '.join(lines)}") from error
    line = files.canonical(event.model_dump(mode="json")) + b"\n"
    list(_events(content + line))
    try:
        with path.open("ab") as stream:
            stream.write(line)
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {error}") from error
    return event
