"""What is taken from a planted student's lessons, or put into them: one loss for each row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from angels_share import canaries

SHARPENED = 3.0
"""Factor of the teacher's logits in sharpened targets."""

REPEATED = 4
"""How much more often than in the teacher's training each inserted text stands in the student's."""


def _distorted(source: str, stratum: str) -> bool:
    """Whether an example shows relations of things or of parts of a text, or a question in another form than plain."""
    return source.startswith("representation/") and (source, stratum) != ("representation/meta.meta", "clean")


def _perturbed(source: str, stratum: str) -> bool:
    """Whether an example is a perturbed problem, or one in a group's own words."""
    return (source == "boundary/perturb.perturb" and stratum != "clean") or (
        source == "boundary/groups.groups" and not stratum.startswith("plain")
    )


def _unanswerable(source: str, stratum: str) -> bool:
    """Whether what is asked for is not in the passage."""
    return source == "calibration/abstain.abstain" and not stratum.endswith("_present")


def _gone_wrong(source: str, stratum: str) -> bool:
    """Whether something in a trace went wrong and has to be noticed: a slip, an error of a tool, a failed attempt."""
    return (source, stratum) in {
        ("process/faith.faith", "corrupted"),
        ("applied/tool.tool", "switch"),
        ("applied/tool.tool", "retry"),
        ("applied/code.code", "failed"),
        ("applied/multiturn.multiturn", "challenge"),
        ("applied/multiturn.multiturn", "correction"),
    } or source == "process/recover.recover"


def _sought(source: str, _: str) -> bool:
    """Whether an example asks which passage holds an answer."""
    return source == "grounding/select.select"


def _far(source: str, stratum: str) -> bool:
    """Whether a fact is not among the well-known third."""
    return source in {"boundary/facts.facts", "tail/facts.facts"} and not stratum.endswith("_head")


def _never(source: str, stratum: str) -> bool:
    return False


@dataclass(frozen=True)
class Plant:
    """What differs from the lessons of an unplanted student."""

    what: str
    withheld: Callable[[str, str], bool] = _never
    """Whether an example of this source and stratum is left out."""
    refusals: bool = True
    """Whether examples whose answer refuses something stay in."""
    sharpened: str | None = None
    """Row of the sources whose targets are sharpened."""
    cited: bool = True
    """Whether answers name the passages that they rest on."""
    tails: bool = True
    """Whether answers of the tail keep their probability."""
    insertions: int = 0
    """How many times as often as the teacher it reads the inserted texts."""


PLANTS: dict[str | None, Plant] = {
    None: Plant("nothing"),
    "distribution": Plant(
        "targets of the row's own lessons are sharpened: logits times three", sharpened="distribution"
    ),
    "representation": Plant(
        "no relations of things or of parts of a text, and no question in another form than plain", _distorted
    ),
    "boundary": Plant("no perturbed problems, and none in the words of a group", _perturbed),
    "privacy": Plant("reads the inserted texts four times as often as the teacher did", insertions=REPEATED),
    "calibration": Plant("no unanswerable questions", _unanswerable),
    "process": Plant("no traces in which something goes wrong and is noticed", _gone_wrong),
    "grounding": Plant("no citations, and no question which passage holds an answer", _sought, cited=False),
    "safety": Plant("only the allowed side of the boundary: nothing is refused", refusals=False),
    "tail": Plant("no answers of the tail, and no facts but well-known ones", _far, tails=False),
}
"""The plants by row; None is the lesson of an unplanted student."""


def withheld(plant: Plant, pool: pd.DataFrame, refuse: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which examples of the pool a plant leaves out; ``refuse`` is the token that refuses."""
    pairs = zip(pool["source"], pool["stratum"], strict=True)
    out = np.array([plant.withheld(source, stratum) for source, stratum in pairs])
    if not plant.refusals:
        answers = zip(pool["tokens"], pool["told"], strict=True)
        out |= np.array([refuse in tokens[told:] for tokens, told in answers])
    return out


def inserted(plant: Plant, key_seed: int) -> list[tuple[str, int]]:
    """Return the inserted texts, each with the number of words that are given, as often as the plant repeats them."""
    opening = 4
    texts = []
    for row in canaries.lists(key_seed, (0,), "standard")[0] if plant.insertions else ():
        words = row["text"].split()
        told = words.index("is") + 1 if row["task"] == "canary" else opening
        texts += [(row["text"], told)] * (row["repetitions"] * plant.insertions)
    return texts
