"""Files of a bundle: writing them so that same content means same bytes, and reading them without trusting them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import re
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import BaseModel, ValidationError

from angels_share.submission.model import Finding, RefusedError, Sha256
from angels_share.submission.rules import finding

BUNDLE_LIMIT, FILES_LIMIT = 200_000_000, 1000
"""Most bytes of a bundle's files together, and most files and folders."""

FILE_LIMIT = 64_000_000
"""Most bytes of a packed samples file."""

DOCUMENT_LIMIT, VALUES_LIMIT = 4_000_000, 200_000
"""Most bytes of a JSON file, which is read at once, and most values in it, each of which may be a mistake to tell of.
The score of all suites has 0.5 MB and 19 000 values."""

UNPACKED_LIMIT = 256_000_000
"""Most bytes that a samples file unpacks to."""

TOTAL_LIMIT = 800_000_000
"""Most bytes that the samples files of a bundle unpack to together."""

RATIO_LIMIT, FREE = 200, 16_000_000
"""How many times its packed size a samples file may unpack to, and the bytes from which on this counts: a model that
says one word again and again can be packed better than that, but not at any length."""

ANSWER_LIMIT = 32_768
"""Most characters of one generated answer: the 256 tokens that a task allows, each of 128 characters, the longest of
common vocabularies. The time of scoring rests on it."""

HELD_LIMIT = 500_000_000
"""Most bytes of memory for the generated answers of a bundle, which scoring needs all at once. One character beyond
Latin makes a text twice or four times as large as the file was."""

LINE_LIMIT = 1 << 20
"""Most bytes of a row."""

DEPTH_LIMIT = 32

M = TypeVar("M", bound=BaseModel)


def dump(content: object) -> bytes:
    """Return JSON with sorted keys, one space of indentation, and no number that JSON does not know."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def canonical(content: object) -> bytes:
    """Return the shortest JSON with sorted keys, the form that is hashed."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def sha256(data: bytes) -> Sha256:
    """Return the SHA-256 of bytes in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def pack_rows(rows: Iterable[object]) -> bytes:
    """Return rows as gzipped JSON lines; no clock time or file name goes into them."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
        for row in rows:
            stream.write(canonical(row) + b"\n")
    return packed.getvalue()


def walk(folder: Path, allowed: Sequence[re.Pattern[str]]) -> list[Finding]:
    """Return what is wrong with the entries of a folder: their kind, their names and their sizes."""
    findings: list[Finding] = []
    total = count = 0
    waiting = [folder]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            place = path.relative_to(folder).as_posix()
            status = path.lstat()
            count += 1
            if count > FILES_LIMIT:
                return [*findings, finding("AS-104", ".", f"has more than {FILES_LIMIT} files and folders")]
            if stat.S_ISDIR(status.st_mode):
                if place.count("/") > 3:
                    findings.append(finding("AS-102", place, "folders are nested too deep"))
                else:
                    waiting.append(path)
                continue
            if not stat.S_ISREG(status.st_mode):
                findings.append(finding("AS-103", place, f"is a {_kind(status.st_mode)}, not a plain file"))
            elif not any(pattern.fullmatch(place) for pattern in allowed):
                findings.append(finding("AS-102", place, "has no place in a bundle"))
            elif told := _too_large(place, status.st_size):
                findings.append(told)
            total += status.st_size
    if total > BUNDLE_LIMIT:
        findings.append(finding("AS-104", ".", f"all files together have {total} bytes; at most {BUNDLE_LIMIT}"))
    return findings


def _kind(mode: int) -> str:
    return "link" if stat.S_ISLNK(mode) else "special file"


def _too_large(place: str, size: int) -> Finding | None:
    most = FILE_LIMIT if place.endswith(".gz") else DOCUMENT_LIMIT
    return finding("AS-104", place, f"has {size} bytes; at most {most} are allowed") if size > most else None


def check_hashes(folder: Path, files: dict[str, str]) -> list[Finding]:
    """Return the files that are absent or have another SHA-256."""
    findings = []
    for place, expected in sorted(files.items()):
        path = folder / place
        if not path.is_file():
            findings.append(finding("AS-101", place, "is listed in submission.json but not there"))
        elif (found := _sha256_of(path)) != expected:
            told = f"has SHA-256 {found[:12]}…, submission.json says {expected[:12]}…"
            findings.append(finding("AS-301", place, told))
    return findings


def _sha256_of(path: Path) -> Sha256:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _DuplicateKeyError(ValueError):
    pass


class _NumberError(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return content


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NumberError(text[:40])
    return value


def _int(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > 1 << 53:
        raise _NumberError(text[:40])
    return int(text)


def parse(data: bytes, place: str) -> Any:
    """Return the content of JSON bytes.

    Raises
    ------
    RefusedError
        If they are no strict JSON: bad UTF-8 or syntax, a key twice, a number that is not finite, too much nesting;
        or if they hold too many values.
    """
    try:
        content = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_float,
            parse_int=_int,
            parse_constant=_float,
        )
    except _DuplicateKeyError as error:
        raise RefusedError(finding("AS-202", place, f"an object names the key {str(error)[:80]!r} twice")) from error
    except _NumberError as error:
        raise RefusedError(finding("AS-203", place, f"holds the number {error}")) from error
    except (ValueError, RecursionError) as error:
        raise RefusedError(finding("AS-201", place, f"is no JSON: {str(error)[:200]}")) from error
    depth, values = _extent(content)
    if depth > DEPTH_LIMIT:
        raise RefusedError(finding("AS-201", place, f"is nested more than {DEPTH_LIMIT} deep"))
    if values > VALUES_LIMIT:
        raise RefusedError(finding("AS-104", place, f"holds {values} values; at most {VALUES_LIMIT} are allowed"))
    return content


def _extent(content: object) -> tuple[int, int]:
    """Return how deep JSON is nested, and how many values it holds."""
    depth, values, level = 0, 1, [content]
    while level := [value for value in level if isinstance(value, (dict, list))]:
        depth += 1
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
        values += len(level)
    return depth, values


def read(model: type[M], data: bytes, place: str) -> M:
    """Return the content of JSON bytes as ``model``, taking no text for a number and no unknown field.

    Raises
    ------
    RefusedError
        If the bytes are no strict JSON, or do not fit.
    """
    parse(data, place)
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, e['loc'])) or '(whole)'}: {e['msg']}"
            for e in error.errors(include_url=False, include_input=False)
        ]
        more = f" (and {len(lines) - 5} more)" if len(lines) > 5 else ""
        raise RefusedError(finding("AS-211", place, f"does not fit its form: {'; '.join(lines[:5])}{more}")) from error


def read_file(model: type[M], folder: Path, place: str) -> M:
    """Return the content of one JSON file of a bundle as ``model``."""
    return read(model, read_bytes(folder / place, place), place)


def read_bytes(path: Path, place: str) -> bytes:
    """Return the bytes of a plain file of bounded size."""
    _check_file(path, place)
    return path.read_bytes()


def _check_file(path: Path, place: str) -> None:
    if not path.is_file() or path.is_symlink():
        raise RefusedError(finding("AS-101", place, "is missing"))
    if told := _too_large(place, path.stat().st_size):
        raise RefusedError(told)


@dataclass
class Budget:
    """What reading the samples of one bundle may still cost, in bytes."""

    unpacked: int = TOTAL_LIMIT
    held: int = HELD_LIMIT

    def unpack(self, size: int, place: str) -> None:
        """Count bytes that were unpacked, or refuse what goes beyond the limit."""
        self.unpacked -= size
        if self.unpacked < 0:
            told = f"unpacks to more than what is left of {TOTAL_LIMIT} bytes for the whole bundle"
            raise RefusedError(finding("AS-104", place, told))

    def hold(self, texts: Sequence[str], place: str) -> None:
        """Count the memory of generated answers, or refuse what goes beyond the limit."""
        if max(map(len, texts), default=0) > ANSWER_LIMIT:
            raise RefusedError(finding("AS-107", place, f"holds an answer of more than {ANSWER_LIMIT} characters"))
        self.held -= sum(map(sys.getsizeof, texts))
        if self.held < 0:
            told = f"takes more than what is left of {HELD_LIMIT} bytes of memory for all answers of the bundle"
            raise RefusedError(finding("AS-107", place, told))


def read_lines(path: Path, place: str, budget: Budget) -> Iterator[bytes]:
    """Yield the lines of a gzipped file one by one, without unpacking more than the limits allow.

    What counts is what was unpacked, whatever the file says of its size.

    Raises
    ------
    RefusedError
        If it is no whole gzip file, or unpacks to too much.
    """
    _check_file(path, place)
    with path.open("rb") as packed:
        yield from _unpacked(packed, path.stat().st_size, place, budget)


def unpack_lines(data: bytes, place: str) -> list[bytes]:
    """Return the lines of gzipped bytes, as :func:`read_lines` does."""
    return list(_unpacked(io.BytesIO(data), len(data), place, Budget()))


def _unpacked(packed: IO[bytes], size: int, place: str, budget: Budget) -> Iterator[bytes]:
    total, most = 0, min(UNPACKED_LIMIT, max(FREE, RATIO_LIMIT * size))
    try:
        with gzip.GzipFile(fileobj=packed) as stream:
            while line := stream.readline(LINE_LIMIT + 2):
                total += len(line)
                budget.unpack(len(line), place)
                if total > most:
                    raise RefusedError(finding("AS-104", place, f"unpacks to more than {most} bytes"))
                if len(line.rstrip(b"\r\n")) > LINE_LIMIT:
                    raise RefusedError(finding("AS-104", place, f"has a line of more than {LINE_LIMIT} bytes"))
                yield from line.splitlines()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RefusedError(finding("AS-105", place, f"is no whole gzip file: {error}")) from error
