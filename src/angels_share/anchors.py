"""Human answers as an anchor: questions of the user's own, to which is known how people answered.

``as_tail_hetero`` asks them instead of its made-up ones where ``as_anchor`` names a file. Nobody else has the file, so
such a run can be scored but not submitted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from angels_share import items, spec
from angels_share.errors import SpecError

STRATUM = "anchor"
"""Stratum of questions to which people's own answers are known."""

SAME_TOTAL = 1e-3
"""By how much shares, often rounded, may miss a total of 1."""

Text = Annotated[str, Field(min_length=1, max_length=20_000)]


class Anchor(spec.Strict):
    """One line of the file: a question, its possible answers in their order, and the share of people who gave each."""

    prompt: Text
    options: Annotated[tuple[Text, ...], Field(min_length=2, max_length=100)]
    shares: tuple[Annotated[float, Field(ge=0, le=1)], ...]

    @model_validator(mode="after")
    def _is_a_distribution(self) -> Anchor:
        if len(self.shares) != len(self.options) or len(set(self.options)) != len(self.options):
            raise ValueError(f"{len(self.shares)} shares of {len(set(self.options))} different options; give one each")
        if not math.isclose(sum(self.shares), 1, abs_tol=SAME_TOTAL):
            raise ValueError(f"the shares add up to {sum(self.shares)}, expected 1")
        return self


def read_anchors(path: Path, level: int) -> list[items.Item]:
    """Return one item for each line ``{"prompt": …, "options": […], "shares": […]}`` of a file, each its own cluster.

    Raises
    ------
    SpecError
        If a line is of another form, or there are fewer than two.
    """
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read ({error}); as_anchor names a JSONL file") from error
    made = [_item(path, number, line, level) for number, line in enumerate(lines, start=1)]
    if len(made) < 2:
        raise SpecError(f"{path}: {len(made)} questions; an interval needs at least two")
    return made


def _item(path: Path, number: int, line: str, level: int) -> items.Item:
    try:
        anchor = Anchor.model_validate(json.loads(line))
    except (json.JSONDecodeError, ValidationError) as error:
        reason = str(error).replace("\n", " ")
        raise SpecError(
            f'{path}, question {number}: expected {{"prompt": …, "options": […], "shares": […]}} ({reason})'
        ) from error
    truth = [share / sum(anchor.shares) for share in anchor.shares]
    return {
        "item_id": f"anchor-{number}",
        "cluster_id": f"anchor-{number}",
        "stratum": STRATUM,
        "level": level,
        "prompt": anchor.prompt,
        "choices": list(anchor.options),
        "truth": truth,
        "gold": truth.index(max(truth)),
    }


def load(*, as_anchor: str | None = None, as_track: str = "small", **others: Any) -> Mapping[str, Any]:
    """Return the items of a task as lm-evaluation-harness asks for them (``custom_dataset``).

    Parameters
    ----------
    as_anchor : str, optional
        File of questions with human answers; without it the task makes its items as :func:`angels_share.items.load`.
    as_track
        Its highest level is written into the items; the questions are the same on every track.
    others
        The other switches of :func:`angels_share.items.load`.
    """
    if as_anchor is None:
        return items.load(as_track=as_track, **others)
    from datasets import Dataset

    return {"test": Dataset.from_list(read_anchors(Path(as_anchor), items.levels_of(as_track)[-1]))}
