"""How the loss of a task answers to a loss that was planted: its dose-response curve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special

from angels_share.items import Stream
from angels_share.logs import TaskLog
from angels_share.observables import Floats
from angels_share.score.model import Verdict
from angels_share.score.task import Measurement, measure_task
from angels_share.score.verdict import Margins, judge
from angels_share.spec import Readout, Strict
from angels_share.validity.doses.misses import LEAST_CHARGED, MissKind
from angels_share.validity.doses.planting import Dose
from angels_share.validity.doses.registry import DOSES
from angels_share.validity.doses.samples import redrawn

GRID = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
"""Doses at which the loss is measured."""

PLANTINGS = 10
"""Times that a dose which draws something is planted, each with a stream of its own."""

POWER = 0.8
"""Share of the plantings that must be found for a dose to count as detected."""

RESAMPLES = 500

TEACHER_SEED = -4
"""Sampling seed of a teacher that is drawn anew."""

MARGINS = Margins(epsilon=0.05, tau=0.05)
"""The suites' default margins."""

FINDINGS = ("HARMFUL", "SHIFTED", "CORRECTIVE")
"""Verdicts that say that the student is not as the teacher."""

BY_CHANCE = 0.01
"""Probability below which chance explains nothing."""

ROUNDING = 1e-9
"""Differences of losses below this are rounding."""


class Point(Strict):
    """What was measured at one dose: means over the plantings."""

    dose: float
    loss: float
    low: float
    """Lower end of the loss's 95 % interval."""
    high: float
    uncredited_loss: float
    """The loss without credit for what became better."""
    seen: float
    """Share of the plantings in which the interval of the loss lies above 0."""
    judged: float
    """Share of the plantings with a verdict that finds a difference: ``HARMFUL``, ``SHIFTED`` or ``CORRECTIVE``."""
    verdict: Verdict
    """The commonest verdict."""


class Response(Strict):
    """The loss of one task as a function of a planted dose."""

    task: str
    row: str
    readout: Readout
    dose: str
    n_items: int
    plantings: int
    points: tuple[Point, ...]
    zero: bool
    """Whether the loss at dose 0 is exactly 0; of sampled answers, whether its 95 % interval misses 0 no more often
    than chance would explain once in a hundred times."""
    monotone: bool
    """Whether the loss falls nowhere: no step's mean over the plantings lies below 0 by more than 1.96 standard
    errors."""
    rises: bool
    """Whether the loss is seen at the greatest dose in at least 80 % of the plantings, and greater there than at 0."""
    smallest_seen: float | None
    """Smallest dose from which on the interval of the loss lies above 0 in at least 80 % of the plantings. Without
    sampling there is no noise, so this is the smallest dose that moves anything beyond rounding."""
    smallest_judged: float | None
    """Smallest dose from which on at least 80 % of the plantings get a verdict that finds a difference."""
    shown: tuple[str, ...]
    """Displayed statistics that both models have and whose change has an interval without 0, at the greatest dose and
    in at least 80 % of the plantings."""

    @property
    def misses(self) -> tuple[MissKind, ...]:
        """What a reader may expect of a response and does not find in this one; of the greatest dose as all of it."""
        last = self.points[-1]
        lacks: dict[MissKind, bool] = {
            "unmoved": not self.rises,
            "falls": not self.monotone,
            "faint": last.loss < LEAST_CHARGED,
            "unjudged": last.verdict not in FINDINGS,
        }
        return tuple(kind for kind, lacking in lacks.items() if lacking)


def measure_response(
    teacher: TaskLog,
    dose: Dose,
    *,
    grid: Sequence[float] = GRID,
    plantings: int = PLANTINGS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Response:
    """Return how the loss of a teacher's task answers to a dose.

    Of sampled answers both sides are drawn anew from the teacher's own samples in each planting, so that at dose 0 they
    have the same distribution.

    Parameters
    ----------
    teacher : TaskLog
    dose : Dose
    grid : sequence of float
        Doses in [0, 1], rising from 0.
    plantings : int
        How often the dose is planted; once where neither the dose nor the readout draws anything.
    resamples : int
    seed : int
        Of the streams.
    """
    times = plantings if dose.drawn or _sampled(teacher) else 1
    measured = [_planted(teacher, dose, grid, (seed, k), resamples) for k in range(times)]
    points = tuple(_point(amount, column) for amount, column in zip(grid, zip(*measured, strict=True), strict=True))
    losses = np.array([[m.loss.point for m in row] for row in measured])
    return Response(
        task=teacher.spec.name,
        row=teacher.spec.measure.row,
        readout=teacher.spec.measure.readout,
        dose=dose.name,
        n_items=len(teacher.items),
        plantings=times,
        points=points,
        zero=_holds_zero([row[0] for row in measured]) if _sampled(teacher) else bool((losses[:, 0] == 0).all()),
        monotone=_never_falls(losses),
        rises=points[-1].seen >= POWER and points[-1].loss > points[0].loss,
        smallest_seen=_smallest(grid, [p.seen for p in points]),
        smallest_judged=_smallest(grid, [p.judged for p in points]),
        shown=_shown([row[-1] for row in measured]),
    )


def measure_responses(logs: Mapping[str, TaskLog], *, plantings: int = PLANTINGS) -> tuple[Response, ...]:
    """Return the responses of all tasks of the first stage among these logs, to all doses that are named for them."""
    return tuple(
        measure_response(logs[task], dose, plantings=plantings)
        for task in sorted(DOSES.keys() & logs.keys())
        for dose in DOSES[task]
    )


def _sampled(log: TaskLog) -> bool:
    return log.spec.measure.readout == "sampled"


def _planted(
    teacher: TaskLog, dose: Dose, grid: Sequence[float], key: tuple[int, int], resamples: int
) -> list[Measurement]:
    """Return the measurement at each dose of one planting."""
    ours = theirs = teacher
    if _sampled(teacher):
        ours = redrawn(teacher, Stream("teacher", *key), TEACHER_SEED)
        theirs = redrawn(teacher, Stream("student", *key), TEACHER_SEED)
    return [measure_task(ours, dose(theirs, amount, Stream("dose", *key)), resamples) for amount in grid]


def _point(amount: float, measured: Sequence[Measurement]) -> Point:
    loss = [m.score.loss for m in measured if m.score.loss]
    verdicts = [judge([m], MARGINS, None)[0].verdict for m in measured]
    return Point(
        dose=amount,
        loss=_mean([e.value for e in loss]),
        low=_mean([e.low for e in loss]),
        high=_mean([e.high for e in loss]),
        uncredited_loss=_mean([m.score.uncredited_loss.value for m in measured if m.score.uncredited_loss]),
        seen=_mean([e.low > 0 for e in loss]),
        judged=_mean([verdict in FINDINGS for verdict in verdicts]),
        verdict=max(sorted(set(verdicts)), key=verdicts.count),
    )


def _shown(measured: Sequence[Measurement]) -> tuple[str, ...]:
    found = Counter(
        s.name for m in measured for s in m.score.statistics if s.student and not s.value.low <= 0 <= s.value.high
    )
    return tuple(sorted(name for name, times in found.items() if times >= POWER * len(measured)))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _holds_zero(measured: Sequence[Measurement]) -> bool:
    missed = sum(not m.score.loss.low <= 0 <= m.score.loss.high for m in measured if m.score.loss)
    return bool(special.bdtrc(missed - 1, len(measured), 0.05) >= BY_CHANCE)


def _never_falls(losses: Floats) -> bool:
    """Tell whether no mean step between neighbouring doses is a fall beyond chance, from shape (plantings, doses)."""
    steps = np.diff(losses, axis=1)
    error = steps.std(axis=0, ddof=1) / np.sqrt(len(steps)) if len(steps) > 1 else 0.0
    return bool((steps.mean(axis=0) >= -1.96 * error - ROUNDING).all())


def _smallest(grid: Sequence[float], found: Sequence[float]) -> float | None:
    """Return the smallest dose from which on enough plantings are found at every dose, or None."""
    smallest = None
    for amount, share in reversed(list(zip(grid, found, strict=True))):
        if share < POWER:
            break
        smallest = amount
    return smallest
