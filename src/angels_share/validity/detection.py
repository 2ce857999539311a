"""Does a planted loss show in its row, and in no other? The detection matrix of the reference family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from angels_share.errors import PairingError
from angels_share.score.model import PairScore
from angels_share.spec import Strict
from angels_share.taxonomy import ROWS
from angels_share.validity.family import FAMILY
from angels_share.validity.literature.findings import seed_margin

LEAST_EXCESS = 0.05
"""By how much a row loss must exceed the siblings' mean."""

NO_ROOM = 0.95
"""Loss of a task at which an unplanted student has hardly anything left to lose."""

Scores = Mapping[str, PairScore]
"""The score of each member on one set of items."""


class Cell(Strict):
    """One planted student and one row, on one set of items."""

    items: str
    member: str
    planted: str
    """Row in which the student's loss was planted."""
    row: str
    """Row that is looked at."""
    loss: float
    """Row loss of the planted student: the mean of L over the row's measured tasks."""
    siblings: float
    """Mean row loss of the students that differ in nothing but the training seed."""
    excess: float
    """``loss − siblings``."""
    needed: float
    """The larger of :data:`LEAST_EXCESS` and the half width of the interval around a sibling that was not seen."""
    fires: bool


class Miss(Strict):
    """A planted loss that does not show on every set of items, with the reason."""

    row: str
    member: str
    fired: int
    of: int
    reason: str
    shown_by: tuple[str, ...]
    """Tasks of the row that fire on every set of items, each held against the siblings' losses in it alone."""


class Detection(Strict):
    """The detection matrix over all sets of items."""

    cells: tuple[Cell, ...]
    found: tuple[str, ...]
    """Rows whose planted loss shows on every set of items."""
    misses: tuple[Miss, ...]
    alarms: int
    """Cells off the diagonal that fire."""
    off_diagonal: int
    """Cells off the diagonal."""


def shared_tasks(scores: Scores) -> frozenset[str]:
    """Return the first-stage tasks that are measured for every student."""
    measured = (frozenset(task.task for task in score.tasks if task.loss is not None) for score in scores.values())
    return frozenset.intersection(*measured)


def row_losses(score: PairScore, among: frozenset[str]) -> dict[str, float]:
    """Return the mean loss L over some measured tasks, for each row that has one of them."""
    by_row: dict[str, list[float]] = {}
    for task in score.tasks:
        if task.task in among and task.loss is not None:
            by_row.setdefault(task.row, []).append(task.loss.value)
    return {row: fmean(by_row[row]) for row in ROWS if row in by_row}


def half_width(values: Sequence[float]) -> float:
    """Return how far from the siblings' mean another sibling may be: ``t₀.₉₇₅,ₙ₋₁ · s · √(1 + 1/n)``.

    This is the 95 % prediction interval of one more student of the same recipe, so it includes their spread.

    Raises
    ------
    PairingError
        If there are fewer than two siblings.

    Examples
    --------
    >>> round(half_width([0.2, 0.3, 0.4]), 3)
    0.497
    """
    margin = seed_margin(values)
    if margin is None:
        raise PairingError(f"{len(values)} siblings were measured, at least two show a spread; run more of them")
    return margin


def detect(measured: Mapping[str, Scores]) -> Detection:
    """Return which planted losses show in which rows.

    A row fires where the planted student's row loss exceeds the siblings' mean by at least :data:`LEAST_EXCESS` and by
    more than :func:`half_width`.

    Parameters
    ----------
    measured : mapping
        For each set of items, the score of each member; there are siblings and planted students among them.

    Raises
    ------
    PairingError
        If a planted student was measured beside fewer than two siblings.
    """
    cells = [cell for items, scores in measured.items() for cell in _cells(items, scores)]
    diagonal: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.row == cell.planted:
            diagonal.setdefault(cell.row, []).append(cell)
    apart = [cell for cell in cells if cell.row != cell.planted]
    missed = {row: own for row, own in diagonal.items() if not all(cell.fires for cell in own)}
    return Detection(
        cells=tuple(cells),
        found=tuple(row for row in diagonal if row not in missed),
        misses=tuple(_miss(own, measured) for own in missed.values()),
        alarms=sum(cell.fires for cell in apart),
        off_diagonal=len(apart),
    )


def _cells(items: str, scores: Scores) -> list[Cell]:
    among = shared_tasks(scores)
    siblings = [row_losses(score, among) for name, score in scores.items() if FAMILY[name].sibling]
    made = []
    for name, score in scores.items():
        planted = FAMILY[name].planted
        if planted is None:
            continue
        for row, loss in row_losses(score, among).items():
            usual = [losses[row] for losses in siblings]
            made.append(
                Cell(
                    items=items,
                    member=name,
                    planted=planted,
                    row=row,
                    loss=loss,
                    siblings=fmean(usual),
                    excess=loss - fmean(usual),
                    needed=max(LEAST_EXCESS, half_width(usual)),
                    fires=_fires(loss, usual),
                )
            )
    return made


def _fires(loss: float, siblings: Sequence[float]) -> bool:
    excess = loss - fmean(siblings)
    return excess >= LEAST_EXCESS and excess > half_width(siblings)


def _miss(cells: Sequence[Cell], measured: Mapping[str, Scores]) -> Miss:
    """Return why a planted loss does not show everywhere, from the numbers of the worst set of items."""
    worst = min(cells, key=lambda cell: cell.excess - cell.needed)
    losses = {items: _by_task(worst, scores) for items, scores in measured.items() if worst.member in scores}
    full = [task for task, (_, usual) in losses[worst.items].items() if fmean(usual) >= NO_ROOM]
    told = (
        f"on {worst.items} its row loss exceeds the siblings' {100 * worst.siblings:.1f} by {100 * worst.excess:.1f}, "
    )
    told += (
        f"less than the {100 * LEAST_EXCESS:.0f} that are asked for"
        if worst.excess < LEAST_EXCESS
        else f"less than the {100 * worst.needed:.1f} that their spread asks for"
    )
    if full:
        told += (
            f"; of its {len(losses[worst.items])} tasks, {', '.join(full)} have no room: the siblings lose all there"
        )
    return Miss(
        row=worst.row,
        member=worst.member,
        fired=sum(cell.fires for cell in cells),
        of=len(cells),
        reason=told,
        shown_by=tuple(
            task
            for task in losses[worst.items]
            if all(task in by_task and _fires(*by_task[task]) for by_task in losses.values())
        ),
    )


def _by_task(cell: Cell, scores: Scores) -> dict[str, tuple[float, list[float]]]:
    """Return the loss of a planted student in each task of a row, and those of the siblings."""
    among = shared_tasks(scores)

    def loss(score: PairScore) -> dict[str, float]:
        return {task.task: task.loss.value for task in score.tasks if task.task in among and task.loss is not None}

    siblings = [loss(score) for name, score in scores.items() if FAMILY[name].sibling]
    own = loss(scores[cell.member])
    rows = {task.task: task.row for task in scores[cell.member].tasks}
    return {name: (own[name], [usual[name] for usual in siblings]) for name in own if rows[name] == cell.row}
