"""Secrets and personal data in what a bundle would publish.

A log says more than its author means to: the token in an argument, the home folder in a path, an address in a text.
Every byte of a bundle is looked at, unpacked but not decoded, in pieces of bounded size.

A credential is an error wherever it stands, for whoever reads the bundle could use it. An address or a home folder is
an error in what people and programs write of a run. In a model's answer it is a warning: models make them up, the
submitter has not written it, and the answer cannot be taken out without losing the item.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from angels_share.submission import files
from angels_share.submission.model import Finding
from angels_share.submission.rules import finding

PIECE = 1 << 20
"""Bytes that are looked at in one go."""

OVERLAP = 512
"""Bytes of a piece that are looked at again with the next; no pattern needs more."""


def _starts(literal: str) -> str:
    r"""Return a pattern for a literal that begins a word, also after an escape such as the ``\n`` of a JSON text."""
    return rf"{literal}(?:(?<![A-Za-z0-9_.-]{literal})|(?<=\\[nrtbf]{literal}))"


_CREDENTIALS = {
    "a Hugging Face token": _starts("hf_") + r"[A-Za-z0-9]{30,100}",
    "an API key": _starts("sk-") + r"(?=[A-Za-z_-]{0,80}[0-9])[A-Za-z0-9_-]{20,200}",
    "a Google key": _starts("AIza") + r"[A-Za-z0-9_-]{35}",
    "a GitHub token": _starts("gh") + r"[pousr]_[A-Za-z0-9]{36}",
    "a GitHub access token": _starts("github_pat_") + r"[A-Za-z0-9_]{22}",
    "a GitLab token": _starts("glpat-") + r"[A-Za-z0-9_-]{20}",
    "an AWS key": _starts("A") + r"(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "a Slack token": _starts("xox") + r"[abeoprs]-[A-Za-z0-9-]{10,200}",
    "a JSON web token": _starts("eyJ") + r"[A-Za-z0-9_-]{8,160}\.eyJ[A-Za-z0-9_-]{8,160}\.[A-Za-z0-9_-]{8}",
    "a private key": r"BEGIN (?:[A-Z]{2,12} ){0,3}PRIVATE KEY",
}
_PERSONAL = {
    "an e-mail address": r"@(?<=[A-Za-z0-9_+-]@)(?<!\\[nrtbf]@)(?!example\.(?:com|net|org))"
    r"(?:[A-Za-z0-9-]{1,63}\.){1,6}(?!(?:example|invalid|test)\b)[A-Za-z]{2,24}(?![A-Za-z0-9-]|\.[A-Za-z0-9])",
    "a home folder": _starts("/") + r"(?:home|Users|root)/[A-Za-z0-9._-]",
    "a home folder on Windows": r":\\{1,4}Users\\{1,4}[A-Za-z0-9._-]",
}
_KINDS = (*_CREDENTIALS, *_PERSONAL)
_PATTERN = re.compile("|".join(f"{p}()" for p in (_CREDENTIALS | _PERSONAL).values()).encode())
"""Each pattern begins with a literal, for then the engine skips what none begins with, and ends with a group that
says which it was."""


def scan(folder: Path) -> list[Finding]:
    """Return the secrets and personal data in the files of a bundle: the first of each file and kind, and how many.

    What was found is never repeated. More than a bundle may hold is not looked at.

    Parameters
    ----------
    folder : Path
        A folder whose entries are known to be plain files.
    """
    found: list[Finding] = []
    left = files.TOTAL_LIMIT
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        seen = _Seen()
        for piece in _pieces(path, left):
            seen.look(piece)
            left -= len(piece)
        found += seen.findings(path.relative_to(folder).as_posix())
    return found


class _Seen:
    """What the pieces of one file hold."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.first: dict[str, int] = {}
        self.begins, self.line, self.kept, self.last = 0, 1, b"", -1

    def look(self, piece: bytes) -> None:
        window = self.kept + piece
        for hit in _PATTERN.finditer(window):
            if self.begins + hit.start() > self.last:
                self.last = self.begins + hit.start()
                kind = _KINDS[(hit.lastindex or 1) - 1]
                self.count[kind] += 1
                if kind not in self.first:
                    self.first[kind] = self.line + window.count(b"\n", 0, hit.start())
        self.kept = window[-OVERLAP:]
        done = len(window) - len(self.kept)
        self.begins += done
        self.last = max(self.last, self.begins)  # what begins there was seen whole, and with what is before it
        self.line += window.count(b"\n", 0, done)

    def findings(self, place: str) -> Iterator[Finding]:
        for kind, found in self.count.items():
            rule = "AS-215" if place.endswith(".gz") and kind in _PERSONAL else "AS-214"
            more = f", and {found - 1} more" if found > 1 else ""
            yield finding(rule, f"{place}, line {self.first[kind]}", f"holds what looks like {kind}{more}")


def _pieces(path: Path, most: int) -> Iterator[bytes]:
    """Yield the first unpacked bytes of a file; a damaged one is refused where its rows are read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            while most > 0 and (piece := stream.read(min(PIECE, most))):
                most -= len(piece)
                yield piece
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return
