"""Stability: how alike other items, or fewer of them, order the students."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from angels_share.estimate import resampling
from angels_share.items import n_clusters
from angels_share.logs import Run, TaskLog
from angels_share.observables import Floats
from angels_share.score.model import Estimate, PairScore, SuiteScore
from angels_share.spec import Strict
from angels_share.statistics.process import weighted_ranks
from angels_share.validity.detection import Scores
from angels_share.validity.literature.findings import estimated
from angels_share.validity.pairs import drawn

LEAST_STUDENTS = 5
"""Fewer say nothing about an order."""


class Agreement(Strict):
    """How alike two sets of items order the students of one suite."""

    suite: str
    first: str
    second: str
    """Names of the two sets of items."""
    number: str
    """What the students are ordered by: ``composite``, or ``angels_share`` where the teacher has no retention."""
    students: int
    correlation: float
    """Spearman's ρ."""
    low: float
    high: float
    """95 % bootstrap interval over the students."""


def agreements(measured: Mapping[str, Scores]) -> list[Agreement]:
    """Return the rank correlation of each suite's number between all pairs of sets of items.

    Parameters
    ----------
    measured : mapping
        For each set of items, the score of each student; controls are to be left out, since they would make any order
        look stable.
    """
    suites = dict.fromkeys(s.suite for scores in measured.values() for score in scores.values() for s in score.suites)
    found = (
        _agreement(suite, (first, measured[first]), (second, measured[second]))
        for first, second in combinations(measured, 2)
        for suite in suites
    )
    return [agreement for agreement in found if agreement is not None]


def at_profile(run: Run, profile: str) -> Run:
    """Return the part of a run that a smaller profile holds: profiles are prefixes of each other on every level.

    Parameters
    ----------
    run : Run
        First-stage logs whose items are in the order in which the generators make them.
    profile : str
    """
    return replace(run, tasks={name: _prefix(log, profile) for name, log in run.tasks.items()})


def _prefix(log: TaskLog, profile: str) -> TaskLog:
    measure = log.spec.measure
    places: dict[int, list[int]] = {}
    for place, item in enumerate(log.items):
        places.setdefault(item["level"], []).append(place)
    clusters = n_clusters(measure.clusters, profile)
    kept: list[int] = []
    for k, of_level in enumerate(places.values()):
        share = clusters // len(places) + (k < clusters % len(places))
        kept += of_level[: share * measure.per_cluster]
    return replace(
        log,
        settings=replace(log.settings, profile=profile),
        items=tuple(log.items[k] for k in kept),
        doc_hash=tuple(log.doc_hash[k] for k in kept),
        log_likelihoods=None if log.log_likelihoods is None else log.log_likelihoods[kept],
        texts=None if log.texts is None else tuple(log.texts[k] for k in kept),
    )


def _agreement(suite: str, first: tuple[str, Scores], second: tuple[str, Scores]) -> Agreement | None:
    for number in ("composite", "angels_share"):
        pairs = [
            (mine, other)
            for name, score in first[1].items()
            if name in second[1]
            and (mine := _number(score, suite, number)) is not None
            and (other := _number(second[1][name], suite, number)) is not None
        ]
        found = rank_correlation(pairs) if len(pairs) >= LEAST_STUDENTS else None
        if found is not None:
            return Agreement(
                suite=suite,
                first=first[0],
                second=second[0],
                number=number,
                students=len(pairs),
                correlation=found.value,
                low=found.low,
                high=found.high,
            )
    return None


def _number(score: PairScore, suite: str, number: str) -> float | None:
    found: SuiteScore | None = next((s for s in score.suites if s.suite == suite), None)
    if found is None:
        return None
    if number == "composite":
        return found.composite.value if found.composite is not None else None
    return found.angels_share.total.value if found.angels_share is not None else None


def rank_correlation(points: Sequence[tuple[float, float]]) -> Estimate | None:
    """Return Spearman's ρ of pairs of numbers with a 95 % bootstrap interval; None where one of the two is constant.

    Examples
    --------
    >>> rank_correlation([(1.0, 2.0), (2.0, 4.0), (3.0, 9.0), (4.0, 16.0)]).value
    1.0
    """
    scheme = resampling([f"{k:04}" for k in range(len(points))], "students")
    weights = np.vstack([np.ones(len(points)), scheme.multiplicity[:, scheme.of_item]])
    x, y = (weighted_ranks(np.array(column), weights) for column in zip(*points, strict=True))
    found = _correlation(x, y, weights)
    return None if np.isnan(found[0]) else estimated(drawn(found), len(points), len(points))


def _correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return the weighted Pearson correlation of each row of two tables; NaN where one is constant."""
    share = weights / weights.sum(axis=1, keepdims=True)
    x, y = (z - (share * z).sum(axis=1, keepdims=True) for z in (x, y))
    spread = np.sqrt((share * x**2).sum(axis=1) * (share * y**2).sum(axis=1))
    rho: Floats = (share * x * y).sum(axis=1) / np.where(spread > 0, spread, np.nan)
    return rho
