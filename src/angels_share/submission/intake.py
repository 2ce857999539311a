"""Looking at a pull request as data: what it adds, by whom, and whether that can be taken in.

The code that runs is that of the branch which the pull request asks to be merged into; the pull request itself is a
folder of files, of which none is run, imported or followed.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from angels_share.errors import BundleError
from angels_share.submission import files
from angels_share.submission.history import Event, read_history
from angels_share.submission.model import Finding, Manifest, RefusedError
from angels_share.submission.reporting import SHOWN, Examined, examine, grouped
from angels_share.submission.rules import finding
from angels_share.submission.validate import MANIFEST

SUBMISSIONS = "submissions"
TEACHERS = "teachers"

QUOTA = 5
"""Most submissions of one person that are accepted in a week."""

WEEK = dt.timedelta(days=7)

Entries = dict[str, os.DirEntry[str]]
"""Everything in a folder that is no folder, by its place."""

LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")


def intake(base: Path, head: Path, login: str, day: dt.date, most: int | None = SHOWN) -> Iterator[Examined]:
    """Yield what is to be said about a pull request as a whole, then about each bundle that it adds.

    Parameters
    ----------
    base : Path
        The project as it is; its teachers and its history count.
    head : Path
        The project as it would be with the pull request.
    login : str
        Who opened the pull request.
    day : date
        Today in UTC.
    most : int, optional
        Findings of one rule that are shown; None for all.

    Raises
    ------
    BundleError
        If there is no such project, its history cannot be read, or ``login`` is none.
    """
    for folder in (base, head):
        if not (folder / SUBMISSIONS).is_dir():
            raise BundleError(f"{folder}: holds no folder {SUBMISSIONS}; give the project before and with the change")
    if not LOGIN.fullmatch(login):
        raise BundleError(f"{login!r} is no login; expected letters, digits and hyphens")
    ours, theirs = _entries(base), _entries(head)
    before = {place.split("/")[1] for place in ours if place.startswith(f"{SUBMISSIONS}/")}
    new, findings = _changes(ours, theirs, before)
    events = read_history(base / SUBMISSIONS)
    findings += _check_quota(events, login, day, len(new))
    findings += _check_taken(base / SUBMISSIONS, head / SUBMISSIONS, before, new, events)
    groups = grouped(findings, most)
    yield Examined(
        folder="the pull request",
        accepted=not groups,
        trust=None,
        comparability=None,
        tasks=None,
        charged=None,
        groups=groups,
    )
    one = partial(examine, teachers=base / SUBMISSIONS / TEACHERS, most=most)
    for name in new[:QUOTA]:
        yield one(head / SUBMISSIONS / name, shown=f"{SUBMISSIONS}/{name}")


def _entries(root: Path) -> Entries:
    """Return everything below a folder that is no folder, by its place; links are not followed."""
    found: Entries = {}
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        with os.scandir(root / parent) as entries:
            for entry in entries:
                place = f"{parent}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if place != ".git":
                        waiting.append(f"{place}/")
                elif place != ".git":
                    found[place] = entry
    return found


def _changes(ours: Entries, theirs: Entries, before: set[str]) -> tuple[list[str], list[Finding]]:
    """Return the names of the folders that are new under ``submissions``, and every other change."""
    findings = [finding("AS-951", place, "is removed") for place in sorted(ours.keys() - theirs.keys())]
    for place in sorted(ours.keys() & theirs.keys()):
        if not _same(ours[place], theirs[place]):
            findings.append(finding("AS-951", place, "is changed"))
    new = set()
    for place in sorted(theirs.keys() - ours.keys()):
        top, _, rest = place.partition("/")
        name, _, inside = rest.partition("/")
        if top == SUBMISSIONS and inside and name not in before | {TEACHERS}:
            new.add(name)
        else:
            findings.append(finding("AS-951", place, "is added, and belongs to no new bundle"))
    if not new:
        findings.append(finding("AS-951", SUBMISSIONS, "no bundle is added"))
    return sorted(new), findings


def _same(ours: os.DirEntry[str], theirs: os.DirEntry[str]) -> bool:
    one, other = (entry.stat(follow_symlinks=False) for entry in (ours, theirs))
    if stat.S_IFMT(one.st_mode) != stat.S_IFMT(other.st_mode) or (one.st_mode ^ other.st_mode) & stat.S_IXUSR:
        return False
    if stat.S_ISLNK(one.st_mode):
        return Path(ours.path).readlink() == Path(theirs.path).readlink()
    return one.st_size == other.st_size and Path(ours.path).read_bytes() == Path(theirs.path).read_bytes()


def _check_quota(events: Sequence[Event], login: str, day: dt.date, added: int) -> list[Finding]:
    recent = [
        e for e in events if e.event == "accepted" and e.by.casefold() == login.casefold() and e.date > day - WEEK
    ]
    if len(recent) + added <= QUOTA:
        return []
    told = f"adds {added}, and {len(recent)} of {login} were accepted in the seven days up to {day}"
    return [finding("AS-952", SUBMISSIONS, f"{told}; at most {QUOTA} are taken in")]


def _check_taken(
    base: Path, head: Path, before: Iterable[str], new: Sequence[str], events: Sequence[Event]
) -> list[Finding]:
    """Compare names and pair ids of new bundles with those that are, that were, and with each other."""
    names = {name.casefold() for name in before}
    known = {e.pair_id: f"{e.folder}, {e.event} on {e.date}" for e in events}
    known |= {pair: name for name in before if (pair := _pair_id(base / name))}
    shared = Counter(name.casefold() for name in new)
    findings = []
    for name in new:
        if name.casefold() in names or shared[name.casefold()] > 1:
            findings.append(
                finding("AS-953", f"{SUBMISSIONS}/{name}", "another folder has this name, but for capitals")
            )
        pair = _pair_id(head / name)
        if pair in known:
            findings.append(finding("AS-953", f"{SUBMISSIONS}/{name}", f"pair {pair} is that of {known[pair]}"))
        elif pair:
            known[pair] = name
    return findings


def _pair_id(folder: Path) -> str | None:
    try:
        return files.read_file(Manifest, folder, MANIFEST).pair_id
    except RefusedError:
        return None
