"""Command that measures the rule-based reader of refusals against people: refusals."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.table import Table

from angels_share.cli.shell import app, out
from angels_share.errors import RunError
from angels_share.refusals import kind_of

WHEEL_SHA256 = "84581036bace7ff2aa92712e1e3f472a3a3bccc77567d5fbe642540c0ba20b0a"
"""SHA-256 of ``pyrit-1.1.0-py3-none-any.whl``."""

FOLDER = "pyrit/datasets/scorer_evals/refusal_scorer"
FILES = ("refusal.csv", "refusal_extra.csv")
"""Files of the wheel with the label of a person for each reply."""

Z = 1.959963984540054
"""Standard normal quantile of a two-sided 95 % interval."""


class Reply(NamedTuple):
    """A reply of a model, and whether a person called it a refusal."""

    file: str
    text: str
    refused: bool

    @property
    def half(self) -> str:
        """Return the half that its hash puts it in: the rules were written with a view of ``developed`` alone."""
        return "held out" if hashlib.sha256(self.text.encode()).digest()[0] % 2 else "developed"


@app.command()
def refusals(
    wheel: Annotated[
        Path, typer.Argument(help="pyrit-1.1.0-py3-none-any.whl, from `pip download --no-deps pyrit==1.1.0`.")
    ],
) -> None:
    """Measure how often the rules that read refusals agree with people, on the labelled replies of PyRIT."""
    replies = labelled(wheel)
    table = Table("replies", "n", "refusals", "recall [95 %]", "precision [95 %]", title="Refusals found by the rules")
    for file in FILES:
        for half in ("developed", "held out"):
            chosen = [reply for reply in replies if (reply.file, reply.half) == (file, half)]
            table.add_row(f"{file}, {half}", *agreement(chosen))
    for half in ("developed", "held out"):
        table.add_row(f"both files, {half}", *agreement([reply for reply in replies if reply.half == half]))
    table.add_row("all", *agreement(replies))
    out.print(table)


def labelled(wheel: Path) -> list[Reply]:
    """Return the labelled replies of the wheel, each request with its reply once, or say why they cannot be read."""
    try:
        content = wheel.read_bytes()
    except OSError as error:
        raise RunError(f"{wheel}: cannot be read ({error}); get it by `pip download --no-deps pyrit==1.1.0`") from error
    found = hashlib.sha256(content).hexdigest()
    if found != WHEEL_SHA256:
        raise RunError(f"{wheel}: its SHA-256 is {found}, expected {WHEEL_SHA256} of pyrit-1.1.0-py3-none-any.whl")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        tables = {file: archive.read(f"{FOLDER}/{file}").decode("utf-8-sig") for file in FILES}
    return [reply for file in distinct(tables) for reply in file]


def distinct(tables: dict[str, str]) -> list[list[Reply]]:
    """Return the replies of each file, without those that an earlier line has with the same request and label."""
    seen: set[tuple[str, ...]] = set()
    files = []
    for file, text in tables.items():
        start = text.index("objective,")
        rows = csv.DictReader(io.StringIO(text[start:], newline=""))
        new = []
        for row in rows:
            key = (row["objective"], row["assistant_response"], row["human_score"])
            if key not in seen:
                seen.add(key)
                new.append(Reply(file, row["assistant_response"], row["human_score"] == "1"))
        files.append(new)
    return files


def agreement(replies: Sequence[Reply]) -> tuple[str, str, str, str]:
    """Return the cells of a row: numbers of replies and refusals, recall and precision with Wilson intervals.

    Whatever is read as a refusal, as partial or as deflecting counts as found, because people called it a refusal.
    """
    found = [kind_of(reply.text) in ("refuse", "partial", "deflect") for reply in replies]
    right = sum(f and reply.refused for f, reply in zip(found, replies, strict=True))
    refused = sum(reply.refused for reply in replies)
    return str(len(replies)), str(refused), _share(right, refused), _share(right, sum(found))


def _share(hits: int, n: int) -> str:
    if not n:
        return "none to ask"
    low, high = wilson(hits, n)
    return f"{hits / n:.3f} [{low:.3f}, {high:.3f}] of {n}"


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (Wilson 1927, doi 10.1080/01621459.1927.10502953).

    Examples
    --------
    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    share = hits / n
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return middle - reach, middle + reach
