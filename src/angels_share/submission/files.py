"""Files of a bundle: writing them so that same content means same bytes, and reading them without trusting them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import re
import stat
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from angels_share.submission.model import Finding, RefusedError, Sha256
from angels_share.submission.rules import finding

BUNDLE_LIMIT = 20_000_000
FILE_LIMIT = 8_000_000
UNPACKED_LIMIT = 64_000_000
LINE_LIMIT = 1 << 20
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
    total = 0
    waiting = [folder]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            place = path.relative_to(folder).as_posix()
            status = path.lstat()
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
            elif status.st_size > FILE_LIMIT:
                findings.append(
                    finding("AS-104", place, f"has {status.st_size} bytes; at most {FILE_LIMIT} are allowed")
                )
            total += status.st_size
    if total > BUNDLE_LIMIT:
        findings.append(finding("AS-104", ".", f"all files together have {total} bytes; at most {BUNDLE_LIMIT}"))
    return findings


def _kind(mode: int) -> str:
    return "link" if stat.S_ISLNK(mode) else "special file"


def check_hashes(folder: Path, files: dict[str, str]) -> list[Finding]:
    """Return the files that are absent or have another SHA-256."""
    findings = []
    for place, expected in sorted(files.items()):
        path = folder / place
        if not path.is_file():
            findings.append(finding("AS-101", place, "is listed in submission.json but not there"))
        elif (found := sha256(path.read_bytes())) != expected:
            told = f"has SHA-256 {found[:12]}…, submission.json says {expected[:12]}…"
            findings.append(finding("AS-301", place, told))
    return findings


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
        If they are no strict JSON: bad UTF-8 or syntax, a key twice, a number that is not finite, too much nesting.
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
    if _depth(content) > DEPTH_LIMIT:
        raise RefusedError(finding("AS-201", place, f"is nested more than {DEPTH_LIMIT} deep"))
    return content


def _depth(content: object) -> int:
    depth, level = 0, [content]
    while level := [value for value in level if isinstance(value, (dict, list))]:
        depth += 1
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
    return depth


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
        lines = [f"{'.'.join(map(str, e['loc'])) or '(whole)'}: {e['msg']}" for e in error.errors()]
        more = f" (and {len(lines) - 5} more)" if len(lines) > 5 else ""
        raise RefusedError(finding("AS-211", place, f"does not fit its form: {'; '.join(lines[:5])}{more}")) from error


def read_file(model: type[M], folder: Path, place: str) -> M:
    """Return the content of one JSON file of a bundle as ``model``."""
    return read(model, read_bytes(folder / place, place), place)


def read_bytes(path: Path, place: str) -> bytes:
    """Return the bytes of a plain file of bounded size."""
    if not path.is_file() or path.is_symlink():
        raise RefusedError(finding("AS-101", place, "is missing"))
    if path.stat().st_size > FILE_LIMIT:
        raise RefusedError(
            finding("AS-104", place, f"has {path.stat().st_size} bytes; at most {FILE_LIMIT} are allowed")
        )
    return path.read_bytes()


def unpack_lines(data: bytes, place: str) -> list[bytes]:
    """Return the lines of gzipped bytes, unpacking no more than the limit.

    Raises
    ------
    RefusedError
        If the bytes are no whole gzip file, or unpack to too much.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            unpacked = stream.read(UNPACKED_LIMIT + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RefusedError(finding("AS-105", place, f"is no whole gzip file: {error}")) from error
    if len(unpacked) > UNPACKED_LIMIT:
        raise RefusedError(finding("AS-104", place, f"unpacks to more than {UNPACKED_LIMIT} bytes"))
    lines = unpacked.splitlines()
    if any(len(line) > LINE_LIMIT for line in lines):
        raise RefusedError(finding("AS-104", place, f"has a line of more than {LINE_LIMIT} bytes"))
    return lines
