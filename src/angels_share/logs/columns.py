"""Responses as lm-eval logs them, read into columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from angels_share.errors import LogError
from angels_share.items import Item


def likelihood_columns(responses: Sequence[Any], items: Sequence[Item], place: str) -> NDArray[np.float64]:
    """Return the log-likelihoods of each row: those of its options, or the one of its document.

    lm-eval logs options as ``[[["-0.26", "False"]], …]``, and a whole document, which is an item with one option, as
    ``[["-123.4"]]``.

    Raises
    ------
    LogError
        If a row has another number of options than its item, or a value that is no finite number at most 0.
    """
    out = np.full((len(items), max(len(item["choices"]) for item in items)), np.nan)
    for i, (row, item) in enumerate(zip(responses, items, strict=True)):
        try:
            whole = len(item["choices"]) == 1 and _is_of_document(row)
            values = [float(row[0][0])] if whole else [_of_option(option) for option in row]
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise LogError(f"{place}, row {i + 1}: responses {str(row)[:80]!r} are no log-likelihoods") from error
        if len(values) != len(item["choices"]):
            raise LogError(f"{place}, row {i + 1}: {len(values)} responses for {len(item['choices'])} options")
        if not np.all(np.isfinite(values)) or max(values) > 1e-6:
            raise LogError(f"{place}, row {i + 1}: log-likelihoods {values} are not finite numbers at most 0")
        out[i, : len(values)] = values
    return out


def _of_option(option: Any) -> float:
    """Return the log-likelihood of an option, logged as a pair in a list."""
    if isinstance(option[0], str):
        raise TypeError("a text where a pair was expected")
    return float(option[0][0])


def _is_of_document(row: Any) -> bool:
    """Tell whether a row has the form of a whole document's one log-likelihood."""
    return isinstance(row, list) and len(row) == 1 and isinstance(row[0], list) and [*map(type, row[0])] == [str]


def text_columns(responses: Sequence[Any], place: str) -> tuple[tuple[str, ...], ...]:
    """Return the generated answers of each row, from lm-eval's ``[["first", "second", …]]``.

    Raises
    ------
    LogError
        If a row is no list of texts, or the rows have different numbers of them.
    """
    out: list[tuple[str, ...]] = []
    for i, row in enumerate(responses):
        if not (isinstance(row, list) and len(row) == 1 and isinstance(row[0], list)):
            raise LogError(f"{place}, row {i + 1}: responses {str(row)[:80]!r} are no list of texts")
        if not row[0] or not all(isinstance(text, str) for text in row[0]):
            raise LogError(f"{place}, row {i + 1}: responses {str(row)[:80]!r} are not all texts")
        if out and len(row[0]) != len(out[0]):
            raise LogError(f"{place}, row {i + 1}: {len(row[0])} repeats where the first row has {len(out[0])}")
        out.append(tuple(row[0]))
    return tuple(out)
