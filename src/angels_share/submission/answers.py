"""Reading the answers to one task: row by row, and of each row no more than scoring needs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from angels_share import logs
from angels_share.errors import LogError
from angels_share.items import Item
from angels_share.submission import files
from angels_share.submission.files import Budget
from angels_share.submission.model import Finding, Row
from angels_share.submission.rules import finding

Texts = tuple[tuple[str, ...], ...]

_HEAD = re.compile(rb'\{"doc_hash":"([0-9a-f]{64})","doc_id":(0|[1-9][0-9]{0,14}),"resps":')
_TEXTS: TypeAdapter[list[Any]] = TypeAdapter(list[list[str]])
_OPTIONS: TypeAdapter[list[Any]] = TypeAdapter(list[list[list[str]]])


def read_row(line: bytes, place: str, *, texts: bool) -> Row:
    """Return one line of a samples file, of generated texts or of log-likelihoods.

    The form in which :func:`angels_share.submission.pack` writes a row, with nothing but texts in its responses, can
    hold no key twice, no number and no nesting that is not looked for; so it is parsed at once, by a fast reader that
    refuses what the strict one refuses. Every other line is left to the strict one.

    Raises
    ------
    RefusedError
        If it is no strict JSON, or no row.
    """
    head = _HEAD.match(line)
    if head and line.endswith(b"}"):
        try:
            responses = (_TEXTS if texts else _OPTIONS).validate_json(line[head.end() : -1], strict=True)
        except ValidationError:
            pass
        else:
            return Row.model_construct(doc_id=int(head[2]), doc_hash=head[1].decode(), resps=responses)
    return files.read(Row, line, place)


def read_answers(
    lines: Iterable[bytes], place: str, items: Sequence[Item], hashes: Sequence[str], budget: Budget, *, texts: bool
) -> tuple[NDArray[np.float64] | Texts | None, list[Finding]]:
    """Return the answers to the items of a task in the items' order, or what keeps them from it.

    Parameters
    ----------
    lines : iterable of bytes
        The rows of the samples file, in any order. No more than one beyond the number of items is read.
    place : str
        Where the file is in the bundle.
    items : sequence of items
    hashes : sequence of str
        The hash of each item.
    budget : Budget
        What the answers may still take of memory.
    texts : bool
        Whether the answers are generated texts, not log-likelihoods.

    Raises
    ------
    RefusedError
        If a line is no row, or an answer goes beyond a limit.
    """
    number = {h: i for i, h in enumerate(hashes)}
    seen: list[tuple[int, str]] = []
    answered: dict[int, Any] = {}
    wrong: dict[int, str] = {}
    for line in lines:
        if len(seen) > len(items):
            told = f"has more than {len(items) + 1} rows for {len(items)} items; the others were not read"
            return None, [*_foreign(place, seen, items, number), finding("AS-404", place, told)]
        row = read_row(line, f"{place}, row {len(seen) + 1}", texts=texts)
        seen.append((row.doc_id, row.doc_hash))
        at = number.get(row.doc_hash)
        if at is None:
            continue
        try:
            answered[at] = _answer(row.resps, items[at], place, texts=texts)
        except LogError as error:
            wrong[at] = str(error).removeprefix(f"{place}, row 1: ")
        else:
            if texts:
                budget.hold(answered[at], place)
    if findings := _absent(place, seen, items, number) + _foreign(place, seen, items, number):
        return None, findings
    if wrong:
        at = min(wrong)
        return None, [finding("AS-406", place, f"row {at + 1}: {wrong[at]}")]
    try:
        return _table([answered[i] for i in range(len(items))], place, texts=texts), []
    except LogError as error:
        return None, [finding("AS-406", place, str(error).removeprefix(f"{place}, "))]


def _answer(responses: Any, item: Item, place: str, *, texts: bool) -> Any:
    if texts:
        return logs.text_columns([responses], place)[0]
    return logs.likelihood_columns([responses], [item], place)[0]


def _table(rows: Sequence[Any], place: str, *, texts: bool) -> NDArray[np.float64] | Texts:
    """Return the answers to all items, which must be of the same number where they are texts."""
    if texts:
        return logs.text_columns([[list(row)] for row in rows], place)
    table = np.full((len(rows), max(map(len, rows))), np.nan)
    for values, row in zip(table, rows, strict=True):
        values[: len(row)] = row
    return table


def _absent(
    place: str, seen: Sequence[tuple[int, str]], items: Sequence[Item], number: dict[str, int]
) -> list[Finding]:
    """Return that items have no answer."""
    given = {doc_hash for _, doc_hash in seen}
    absent = [items[i]["item_id"] for h, i in number.items() if h not in given]
    told = f"{len(absent)} of {len(number)} items have no answer: {_some(absent)}"
    return [finding("AS-403", place, told)] if absent else []


def _foreign(
    place: str, seen: Sequence[tuple[int, str]], items: Sequence[Item], number: dict[str, int]
) -> list[Finding]:
    """Return that rows answer no item, one that was answered before, or one with another number."""
    counted = Counter(doc_hash for _, doc_hash in seen)
    foreign = [doc_hash[:12] for _, doc_hash in seen if doc_hash not in number]
    repeated = [items[number[h]]["item_id"] for h, k in counted.items() if k > 1 and h in number]
    misplaced = [doc_id for doc_id, doc_hash in seen if number.get(doc_hash, doc_id) != doc_id]
    findings = []
    if foreign:
        told = f"{len(foreign)} rows answer no item of this task, with doc_hash {_some(foreign)}"
        findings.append(finding("AS-404", place, told))
    if repeated:
        findings.append(finding("AS-405", place, f"{len(repeated)} items are answered repeatedly: {_some(repeated)}"))
    if misplaced:
        told = f"{len(misplaced)} rows have another item's doc_id: {_some(misplaced)}"
        findings.append(finding("AS-404", place, told))
    return findings


def _some(names: Sequence[object]) -> str:
    return ", ".join(map(str, names[:3])) + (", …" if len(names) > 3 else "")
