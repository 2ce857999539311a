"""What is said of a claim from the literature: numbers with intervals, and the sentences that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from angels_share.errors import MeasureError
from angels_share.estimate import Draws
from angels_share.score.model import Estimate
from angels_share.spec import Strict
from angels_share.statement.wording import listed
from angels_share.validity.pairs import BESIDE, mean, siblings_of

Side = Literal["above", "below", "around"]


class Measured(Strict):
    """One number of a finding."""

    statistic: str
    of: str
    """A member, an objective, or a difference such as ``hard − soft``."""
    part: str = ""
    """The row or task that it is measured on; empty for all of them."""
    estimate: Estimate
    null: float | None = None
    """The value at which there is nothing to find, where there is one."""
    seeds: float | None = None
    """How far another training seed would move the number from ``null`` in 19 cases of 20, by the spread of the
    siblings; None where it is no difference from them or there are fewer than two."""

    @property
    def side(self) -> Side:
        """On which side of ``null`` the interval lies; ``around`` where it holds it."""
        null = self.null or 0.0
        return "above" if self.estimate.low > null else "below" if self.estimate.high < null else "around"

    @property
    def beyond_seeds(self) -> bool:
        """Whether the number is further from ``null`` than another training seed would explain."""
        return self.seeds is not None and abs(self.estimate.value - (self.null or 0.0)) > self.seeds

    def __str__(self) -> str:
        e = self.estimate
        return f"{e.value:+.3f} ({e.low:+.3f} to {e.high:+.3f})".replace("-", "−")


class Finding(Strict):
    """A claim of the literature, and what a family shows of it."""

    claim: str
    """Key, such as ``size``."""
    source: str
    """Where it is made: title and arXiv id."""
    claimed: str
    """What is said there, in this project's words."""
    definitions: dict[str, str]
    """What each statistic is, by its name."""
    measured: tuple[Measured, ...]
    can: str
    """What this family says about the claim; it follows from the numbers."""
    cannot: str
    """What it cannot say."""


# --- estimates -------------------------------------------------------------------------------------------------------


def estimated(draws: Draws, n: int, clusters: int = 0) -> Estimate:
    """Return a point with its 95 % interval; without clusters, of tasks that are resampled independently.

    Replicates in which the number does not exist are left out.

    Raises
    ------
    MeasureError
        If the number itself does not exist.
    """
    if not np.isfinite(draws.point):
        raise MeasureError("a statistic does not exist on these items, so it has no interval")
    known = Draws(draws.point, draws.replicates[np.isfinite(draws.replicates)])
    ends = (0.025, 0.975)
    low, high = (
        known.quantile(end, clusters) if clusters else float(np.quantile(known.replicates, end)) for end in ends
    )
    how = "cluster bootstrap" if clusters else "replicates of the tasks combined"
    return Estimate(
        value=draws.point,
        low=min(low, draws.point),
        high=max(high, draws.point),
        n=n,
        clusters=clusters,
        method=f"{how}, {len(known.replicates)} resamples",
    )


def existing(values: Mapping[str, Draws]) -> dict[str, Draws]:
    """Return the numbers that exist; that of a model may not, such as its confidence in errors that it never makes."""
    return {name: draws for name, draws in values.items() if np.isfinite(draws.point)}


def seed_margin(points: Sequence[float], weights: Sequence[float] = (1.0,)) -> float | None:
    """Return how far training seeds alone move a weighted sum of students from their siblings' mean, 19 times in 20.

    ``t_{k−1}(0.975) s √(Σ w² + (Σ w)² / k)`` with s the standard deviation of the k siblings and w the weights of the
    other students, of which each has one seed. None for fewer than two siblings.

    Examples
    --------
    >>> round(seed_margin([0.1, 0.2, 0.3]), 3)
    0.497
    """
    k = len(points)
    if k < 2:
        return None
    w = np.array(weights)
    spread = np.std(points, ddof=1) * np.sqrt((w**2).sum() + w.sum() ** 2 / k)
    return float(stdtrit(k - 1, 0.975) * spread)


def by_objective(
    statistic: str, values: Mapping[str, Draws], n: int, clusters: int = 0, part: str = ""
) -> list[Measured]:
    """Return the level of each objective and its difference from soft targets, which is the mean of the siblings.

    Parameters
    ----------
    statistic : str
        Name of the levels; that of the differences is ``difference in`` it.
    values : mapping
        The number of each member.
    n, clusters : int
        Items and clusters behind them.
    part : str
        Row or task.
    """
    siblings = [values[name] for name in siblings_of(values)]
    soft = mean(siblings)
    margin = seed_margin([draws.point for draws in siblings])
    levels = {"soft": soft} | {objective: values[name] for objective, name in BESIDE.items() if name in values}
    told = [
        Measured(statistic=statistic, of=objective, part=part, estimate=estimated(draws, n, clusters))
        for objective, draws in levels.items()
    ]
    return told + [
        Measured(
            statistic=f"difference in {statistic}",
            of=f"{objective} − soft",
            part=part,
            estimate=estimated(draws - soft, n, clusters),
            null=0.0,
            seeds=margin,
        )
        for objective, draws in levels.items()
        if objective != "soft"
    ]


# --- wording ---------------------------------------------------------------------------------------------------------


def sides(measured: Iterable[Measured]) -> dict[Side, list[Measured]]:
    """Return numbers apart by the side of their ``null`` on which their intervals lie."""
    found: dict[Side, list[Measured]] = {"above": [], "below": [], "around": []}
    for one in measured:
        found[one.side].append(one)
    return found


def by_chance(measured: Sequence[Measured]) -> str:
    """Return how many of these intervals leave out their ``null``, and how many would by chance."""
    found = [m for m in measured if m.side != "around"]
    said = f"{len(found)} of {len(measured)} intervals leave out 0, where {0.05 * len(measured):.1f} would by chance"
    if found and any(m.seeds is not None for m in measured):
        said += f", {sum(m.beyond_seeds for m in found)} of them beyond what another training seed explains"
    return said


MOST_NAMED = 4
"""Students that are named in a sentence; of more only the number is told."""


def students(measured: Sequence[Measured], above: str, below: str) -> str:
    """Return how many students' intervals lie above 0 and how many below, and which, without a full stop.

    Examples
    --------
    >>> students([], "gained", "lost")
    'of 0 students, 0 gained and 0 lost'
    """
    found = sides(measured)
    up, down = _counted(found["above"], above), _counted(found["below"], below)
    return f"of {len(measured)} students, {up} and {down}"


def _counted(found: Sequence[Measured], verb: str) -> str:
    names = f" ({listed([m.of for m in found])})" if 0 < len(found) <= MOST_NAMED else ""
    return f"{len(found)} {verb}{names}"


def rows_said(measured: Sequence[Measured], among: int) -> str:
    """Return the parts of some numbers as an enumeration: ``no row``, their names, or ``every row``."""
    return "every row" if len(measured) == among else listed([m.part for m in measured]) or "no row"
