"""What an author claims about a row or a task: the part of a loss statement that a score looks at."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from angels_share.errors import did_you_mean
from angels_share.spec import Strict
from angels_share.taxonomy import ROWS

Kind = Literal["preserved", "lost", "unmeasured", "accepted", "corrective"]
"""What is claimed: kept, lost, not measured, lost for a good reason, or changed for the better."""

DISCLOSING: frozenset[Kind] = frozenset({"lost", "unmeasured", "accepted", "corrective"})
"""Kinds of claim that own up to a difference."""

TEXT_LIMIT = 2000
"""Most characters in any text by an author."""


def plain(text: str) -> str:
    """Return a text, or refuse it if it holds characters that hide or reorder what is shown.

    Examples
    --------
    >>> plain("ok")
    'ok'
    """
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs"} and character not in "\n\t\u200c\u200d":
            raise ValueError(f"the invisible character U+{ord(character):04X} is not allowed")
    return text


PlainText = Annotated[str, Field(max_length=TEXT_LIMIT), AfterValidator(plain)]
"""Text by an author: at most 2000 characters, and none that hides or reorders the others."""


class Claim(Strict):
    """One statement of fact about a row or about one of its tasks."""

    row: str
    """Key of :data:`angels_share.taxonomy.ROWS`."""
    task: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
    """Name of the task, or None for every task of the row."""
    kind: Kind
    justification: PlainText = ""
    """Why; ``accepted`` is nothing without it."""

    @field_validator("row")
    @classmethod
    def _known_row(cls, value: str) -> str:
        if value not in ROWS:
            raise ValueError(f"row {value[:80]!r} is unknown. {did_you_mean(value[:80], ROWS)}")
        return value

    def covers(self, row: str, task: str) -> bool:
        """Tell whether the claim is about this task, by its name or by its row."""
        return self.row == row and self.task in (None, task)


Claims = Mapping[str, Sequence[Claim]]
"""The claims for each suite, by its name."""


def addressed(claims: Sequence[Claim], row: str, task: str) -> bool:
    """Tell whether some claim owns up to a difference in this task, by its name or by its row.

    Examples
    --------
    >>> claims = [Claim(row="boundary", task="as_boundary_ladder", kind="lost")]
    >>> addressed(claims, "boundary", "as_boundary_ladder")
    True
    >>> addressed(claims, "boundary", "as_boundary_typos")
    False
    """
    return any(claim.kind in DISCLOSING and claim.covers(row, task) for claim in claims)
