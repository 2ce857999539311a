"""Planting a loss of known size in a teacher's log: what a dose is, and what all doses share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from angels_share.errors import MeasureError
from angels_share.items import Stream
from angels_share.logs import TaskLog
from angels_share.observables import Floats

T = TypeVar("T")
Plant = Callable[[TaskLog, float, Stream], TaskLog]

FLOOR = 1e-9
"""Least probability that is planted."""

STUDENT_SEED = -2
"""Sampling seed of a log in which something was planted."""


@dataclass(frozen=True)
class Dose:
    """A way of planting a loss, which takes a teacher's log, a dose in [0, 1] and a stream, and returns the student's.

    At dose 0 the student answers as the teacher. Doses are nested: with the same stream, what a dose changes is also
    changed by every larger one, and in the same way or further.

    Attributes
    ----------
    name : str
    about : str
        What is planted, the formula, and what the doses 0 and 1 mean.
    plant : callable
        ``(log, dose, stream) -> log``.
    drawn : bool
        Whether the stream chooses anything; two plantings of a dose that draws nothing are the same.
    """

    name: str
    about: str
    plant: Plant
    drawn: bool = True

    def __call__(self, log: TaskLog, amount: float, stream: Stream) -> TaskLog:
        """Return the student's log.

        Raises
        ------
        MeasureError
            If the dose lies outside [0, 1].
        """
        if not 0 <= amount <= 1:
            raise MeasureError(f"{self.name}: dose {amount} is not between 0 and 1")
        made = self.plant(log, amount, stream)
        return replace(made, settings=replace(made.settings, sampling_seed=STUDENT_SEED))


def dose(plant: Plant) -> Dose:
    """Make a dose of a function whose docstring says what is planted."""
    return Dose(plant.__name__, inspect.getdoc(plant) or "", plant)


def drawing_nothing(plant: Plant) -> Dose:
    """Make a dose of a function that has no use for its stream."""
    return replace(dose(plant), drawn=False)


def where(log: TaskLog, holds: Callable[[Mapping[str, Any]], bool]) -> list[int]:
    """Return the rows of the items of which something holds, in the order of the documents' hashes."""
    rows = [i for i, item in enumerate(log.items) if holds(item)]
    return sorted(rows, key=log.doc_hash.__getitem__)


def everywhere(log: TaskLog) -> list[int]:
    """Return all rows in the order of the documents' hashes, so that the order of a log changes no planting."""
    return where(log, lambda _: True)


def share_of(candidates: Sequence[T], amount: float, stream: Stream) -> list[T]:
    """Return a share of the candidates, drawn at random; a larger share begins with a smaller one.

    Examples
    --------
    >>> len(share_of(range(10), 0.2, Stream("a")))
    2
    >>> share_of(range(10), 0.4, Stream("a"))[:2] == share_of(range(10), 0.2, Stream("a"))
    True
    """
    return stream.shuffled(candidates)[: round(amount * len(candidates))]


def greatest(candidates: Sequence[int], amount: float, size: Callable[[int], float], stream: Stream) -> list[int]:
    """Return the share of the candidates whose size is greatest, ties in random order."""
    return sorted(stream.shuffled(candidates), key=lambda i: -size(i))[: round(amount * len(candidates))]


def likelihoods(log: TaskLog) -> Floats:
    """Return the log-likelihoods of a log."""
    return np.asarray(log.log_likelihoods)


def with_likelihoods(log: TaskLog, values: Floats) -> TaskLog:
    """Return the log with these log-likelihoods, none of them above 0."""
    return replace(log, log_likelihoods=np.minimum(values, 0.0))


def texts(log: TaskLog) -> list[list[str]]:
    """Return a copy of the texts of a log that may be changed."""
    return [list(row) for row in log.texts or ()]


def with_texts(log: TaskLog, rows: Sequence[Sequence[str]]) -> TaskLog:
    """Return the log with these texts."""
    return replace(log, texts=tuple(map(tuple, rows)))
