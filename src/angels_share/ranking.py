"""Ranks that say how much they know: simultaneous intervals, and places under other weights.

Pairs of one comparison answered the same items, whose resamples come from the items alone. So their replicates are
drawn together, and the difference of two pairs is formed within each resample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from angels_share.errors import MeasureError
from angels_share.estimate import Draws
from angels_share.score.model import SuiteScore

Floats = NDArray[np.float64]

LEVEL = 0.95
"""Probability with which all rank intervals of a comparison hold the true ranks at once."""

WEIGHTINGS = 1000
"""Random row weights under which pairs are placed."""

ROUNDING = 1e-12
"""Differences of sums below this are no differences."""


@dataclass(frozen=True)
class Ranks:
    """Where a pair stands among those that it is compared with; 1 is best."""

    rank_low: int
    """The rank: what it is at best."""
    rank_high: int
    rank_retention_low: int
    rank_retention_high: int
    """Ranks by retention alone, which counts for at most 1."""
    rank_share_low: int
    rank_share_high: int
    """Ranks by the angel's share alone."""
    place_low: int
    place_high: int
    """Places by the composite under random row weights: the middle 95 % of them."""
    place_kept: float
    """Share of the random weights under which the pair keeps the place that the suite's weights give it."""


def rank(suites: Sequence[SuiteScore]) -> list[Ranks]:
    """Return the ranks of several pairs in one suite, measured against one teacher on the same items.

    Raises
    ------
    MeasureError
        If a score has no composite or, read from a file, no replicates.
    """
    if not suites:
        return []
    drawn = [_draws(suite) for suite in suites]
    composites = [kept - share for kept, share in drawn]
    rows = [row.row for row in suites[0].rows]
    losses = [{row.row: row.loss.value for row in suite.rows if row.loss} for suite in suites]
    placed = places_under_random_weights([kept.point for kept, _ in drawn], losses, rows)
    own = places(np.array([draws.point for draws in composites]))
    low, high = np.quantile(placed, (0.025, 0.975), axis=0, method="inverted_cdf")
    clusters = min(suite.draws.clusters for suite in suites)
    intervals = zip(
        rank_intervals(composites, clusters),
        rank_intervals([kept for kept, _ in drawn], clusters),
        rank_intervals([share * -1.0 for _, share in drawn], clusters),
        strict=True,
    )
    return [
        Ranks(*both, *retention, *share, int(low[k]), int(high[k]), float((placed[:, k] == own[k]).mean()))
        for k, (both, retention, share) in enumerate(intervals)
    ]


def _draws(suite: SuiteScore) -> tuple[Draws, Draws]:
    if suite.draws.retention is None or suite.draws.angels_share is None:
        raise MeasureError(
            f"suite {suite.suite}: the score has no composite, or was read from a file, which holds no replicates; "
            "rank scores that were computed from the logs"
        )
    return suite.draws.retention, suite.draws.angels_share


def separated(draws: Sequence[Draws], clusters: int, level: float = LEVEL) -> NDArray[np.bool_]:
    """Tell which of several pairs are better than which, with one error probability for all comparisons together.

    Pair j is better than k where ``D_jk = x_j − x_k > c · SE_jk``, with ``SE_jk`` the standard deviation of the
    replicates of D_jk, and c the quantile of ``max |D*_jk − D_jk| / SE_jk`` over all two pairs (max-T: Romano and Wolf
    2005, Econometrica 73:1237). For G clusters c is widened to ``√(G / (G − 1)) t_{G−1}(Φ(c))``, as the intervals of
    single numbers are. Two pairs whose difference never varies are told apart by any difference.

    Parameters
    ----------
    draws : sequence of Draws
        The number that pairs are compared by, higher is better, from the same resamples.
    clusters : int
        The fewest clusters behind a task.
    level : float
        Probability that no two equal pairs are told apart.

    Returns
    -------
    array of shape (pairs, pairs)
        Whether the pair of the row is better than the pair of the column.

    Raises
    ------
    MeasureError
        If the numbers of replicates differ.

    Examples
    --------
    >>> noise = np.linspace(-0.1, 0.1, 101)
    >>> separated([Draws(0.9, 0.9 + noise), Draws(0.5, 0.5 - noise), Draws(0.88, 0.88 + noise / 2)], 40).tolist()
    [[False, True, False], [False, False, False], [False, True, False]]
    """
    if len({len(d.replicates) for d in draws}) > 1:
        raise MeasureError("the pairs have different numbers of resamples; score all of them with the same number")
    if len(draws) < 2:
        return np.zeros((len(draws), len(draws)), dtype=np.bool_)
    points, replicates = np.array([d.point for d in draws]), np.stack([d.replicates for d in draws])
    difference = points[:, None] - points
    error = np.zeros(difference.shape)
    largest = np.zeros(replicates.shape[1])
    for j in range(len(draws) - 1):
        drawn = replicates[j] - replicates[j + 1 :]
        error[j, j + 1 :] = error[j + 1 :, j] = spread = drawn.std(axis=1, ddof=1)
        off = np.abs(drawn - difference[j, j + 1 :, None])
        varies = spread > ROUNDING
        largest = np.maximum(largest, (off[varies] / spread[varies, None]).max(axis=0, initial=0.0))
    critical = stats.t.isf(stats.norm.sf(np.quantile(largest, level)), clusters - 1) * np.sqrt(
        clusters / (clusters - 1)
    )
    better: NDArray[np.bool_] = difference > np.maximum(critical * error, ROUNDING)
    return better


def rank_intervals(draws: Sequence[Draws], clusters: int, level: float = LEVEL) -> list[tuple[int, int]]:
    """Return the rank interval of each pair: [1 + number that are better, M − number that are worse].

    With the stated probability all M intervals hold the true ranks at once (Mogstad, Romano, Shaikh and Wilhelm 2024,
    doi 10.1093/restud/rdad006); equal pairs share all their ranks.
    """
    better = separated(draws, clusters, level)
    above, below = better.sum(axis=0), better.sum(axis=1)
    return [(1 + int(a), len(draws) - int(b)) for a, b in zip(above, below, strict=True)]


def random_weights(rows: Sequence[str], n: int = WEIGHTINGS) -> Floats:
    """Return weights drawn evenly from all that add up to 1, shape (n, rows); the same for the same rows."""
    seed = hashlib.sha256(f"angels-share/row-weights/1/{'/'.join(rows)}".encode()).hexdigest()[:16]
    return np.random.default_rng(int(seed, 16)).dirichlet(np.ones(len(rows)), n)


def places(scores: Floats) -> NDArray[np.int64]:
    """Return the place of each score in its line, shape as given: 1 + the number of higher ones.

    Examples
    --------
    >>> places(np.array([[0.5, 0.9, 0.5]])).tolist()
    [[2, 1, 2]]
    """
    ranked: NDArray[np.int64] = stats.rankdata(-scores.round(12), method="min", axis=-1).astype(np.int64)
    return ranked


def places_under_random_weights(
    retention: Sequence[float], losses: Sequence[Mapping[str, float]], rows: Sequence[str]
) -> NDArray[np.int64]:
    """Return the place of each pair by its composite under random row weights, shape (weightings, pairs).

    Parameters
    ----------
    retention : sequence of float
        At most 1, as in the composite.
    losses : sequence of mappings
        Loss of each charged row of each pair; the weights of the others are shared out, as in the score.
    rows : sequence of str
        The critical rows of the suite.
    """
    weights = random_weights(rows)
    loss = np.array([[pair.get(row, 0.0) for pair in losses] for row in rows])
    charged = np.array([[float(row in pair) for pair in losses] for row in rows])
    share = np.maximum((weights @ loss) / (weights @ charged), 0.0)
    return places(np.array(retention) - share)
