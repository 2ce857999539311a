"""How many items a comparison needs, from a pilot run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from angels_share import items, spec
from angels_share.score.model import TaskScore
from angels_share.score.task import POWER_Z

POWER = 0.8
"""Chance of finding what is there, on which all numbers rest."""

CERTIFY_Z = float(stats.norm.ppf(0.95) + stats.norm.ppf(1 - (1 - POWER) / 2))
"""1.645 + 1.282: a difference of 0 is shown to lie within ±ε with 80 % power where ε is this many standard errors."""


@dataclass(frozen=True)
class Plan:
    """What a task can show at a planned size."""

    task: str
    clusters: int
    """In the pilot run."""
    planned: int
    """Clusters that are planned."""
    detectable: float
    """Smallest change in utility that the planned size finds with 80 % power."""
    needed: int
    """Clusters with which a change of 0 is certified to lie within ±ε with 80 % power."""
    profile: str | None
    """Smallest profile with as many; None where even the largest has fewer."""


def plan(task: TaskScore, profile: str, epsilon: float) -> Plan | None:
    """Return what a task can show at a profile, or None where it has no change in utility.

    The standard error of the change is taken to fall with the square root of the number of clusters:
    ``MDE(n) = (z₀.₉₇₅ + z₀.₈) · SE · √(n₀ / n)`` and ``n = n₀ · ((z₀.₉₅ + z₀.₉) · SE / ε)²`` with SE from n₀ clusters.
    Of a pilot of few clusters both are rough.

    Raises
    ------
    SpecError
        If the task or the profile is unknown.
    """
    if task.minimum_detectable_effect is None:
        return None
    standard = spec.task(task.task).measure.clusters
    error = task.minimum_detectable_effect / POWER_Z
    planned = items.n_clusters(standard, profile)
    needed = max(math.ceil(task.n_clusters * (CERTIFY_Z * error / epsilon) ** 2), 2)
    enough = [name for name in items.PROFILES if items.n_clusters(standard, name) >= needed]
    return Plan(
        task=task.task,
        clusters=task.n_clusters,
        planned=planned,
        detectable=task.minimum_detectable_effect * math.sqrt(task.n_clusters / planned),
        needed=needed,
        profile=enough[0] if enough else None,
    )
