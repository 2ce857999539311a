"""Reads the index that ``angels-share index`` writes; every file is held against its hash before it is used."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import streamlit as st
from pydantic import ValidationError

from angels_share.validity.report import Validity

SCHEMA = "angels-share/index/1"
VALIDITY = "validity.json"
PAIR_ID = re.compile(r"[0-9a-f]{8,64}")

Row = dict[str, Any]


class IndexProblemError(Exception):
    """The index cannot be shown: what is wrong with it, and what to do."""

    def __init__(self, title: str, advice: str) -> None:
        super().__init__(title)
        self.title = title
        self.advice = advice


@dataclass(frozen=True)
class Index:
    """The current index, as its pointer file describes it."""

    folder: Path
    digest: str
    """SHA-256 of the pointer file, which holds the hash of every other file."""
    files: dict[str, str]
    left_out: tuple[Row, ...]


def index_folder() -> Path:
    """Return the folder named after ``--`` on the command line, ``index`` where none is."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--index", type=Path, default=Path("index"))
    known, _ = parser.parse_known_args(sys.argv[1:])
    folder: Path = known.index
    return folder


def current() -> Index:
    """Return the current index of the folder that the command line names."""
    root = index_folder()
    pointer = root / "CURRENT.json"
    if not pointer.is_file():
        raise IndexProblemError(
            "There is no index yet",
            "Write one with `angels-share index`, then load this page again. "
            "Another folder is given as `streamlit run leaderboard/app.py -- --index FOLDER`.",
        )
    content = pointer.read_bytes()
    try:
        found = json.loads(content)
        if found["schema_version"] != SCHEMA:
            raise IndexProblemError("The index was written by another version", "Write it again: `angels-share index`.")
        folder, files, left_out = str(found["folder"]), dict(found["files"]), tuple(found["left_out"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged("CURRENT.json") from error
    if not re.fullmatch(r"[0-9a-f]{16}", folder):
        raise _damaged("CURRENT.json")
    return Index(root / folder, hashlib.sha256(content).hexdigest(), files, left_out)


def read(index: Index, name: str) -> bytes:
    """Return the bytes of a file of the index, if they are the bytes that were written."""
    try:
        content = (index.folder / name).read_bytes()
    except OSError as error:
        raise _damaged(name) from error
    if hashlib.sha256(content).hexdigest() != index.files.get(name):
        raise _damaged(name)
    return content


def board(index: Index) -> list[Row]:
    """Return the rows of the board, best first within each comparison; a missing number is None."""
    return _board(index.digest, index)


def pair(index: Index, pair_id: str) -> Row | None:
    """Return the document of a pair, or None where the index has no such pair."""
    if not PAIR_ID.fullmatch(pair_id) or f"pairs/{pair_id}.json" not in index.files:
        return None
    document: Row = json.loads(read(index, f"pairs/{pair_id}.json"))
    return document


def validity(index: Index) -> Validity | None:
    """Return the validity report, or None where the index holds none."""
    return _validity(index.digest, index) if VALIDITY in index.files else None


@st.cache_resource(max_entries=2, show_spinner=False)
def _validity(digest: str, _index: Index) -> Validity:
    try:
        return Validity.model_validate_json(read(_index, VALIDITY))
    except ValidationError as error:
        raise IndexProblemError(
            "The validity report is of another version", "Write both again: `angels-share validity`, then `index`."
        ) from error


@st.cache_resource(max_entries=2, show_spinner=False)
def _board(digest: str, _index: Index) -> list[Row]:
    rows: list[Row] = pq.read_table(io.BytesIO(read(_index, "board.parquet"))).to_pylist()
    return rows


def _damaged(name: str) -> IndexProblemError:
    return IndexProblemError(
        f"The index is damaged: {name} is not what was written",
        "Nothing of it is shown, because its numbers could be wrong. Write it again: `angels-share index`.",
    )
