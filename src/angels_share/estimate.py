"""Numbers with their uncertainty: resampling of clusters, draws, intervals and tests.

Items of a cluster are not independent of each other, so clusters are resampled, not items. The same resampled
clusters serve teacher, student and every statistic of a task, so that differences and ratios are formed within each
resample. A number travels as :class:`Draws`, a point with its replicates; it becomes an interval only in files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

from angels_share.errors import MeasureError

Floats = NDArray[np.float64]

RESAMPLES = 2000
"""Resamples B, unless the caller says otherwise."""

MOST_CLUSTERS = 4000
"""Above this number clusters are hashed into fixed blocks, and blocks are resampled."""

BLOCKS = MOST_CLUSTERS // 2


LEAST_MEAN = 1e-12
"""A mean variation below this is rounding."""


@dataclass(frozen=True)
class Draws:
    """A point estimate with its bootstrap replicates; arithmetic works on both at once.

    Examples
    --------
    >>> a, b = Draws(1.0, np.array([0.9, 1.1])), Draws(2.0, np.array([2.0, 2.0]))
    >>> (a / b).point, (a / b).replicates.tolist()
    (0.5, [0.45, 0.55])
    """

    point: float
    replicates: Floats

    def __add__(self, other: Draws | float) -> Draws:
        point, replicates = _parts(other)
        return Draws(self.point + point, self.replicates + replicates)

    def __sub__(self, other: Draws | float) -> Draws:
        point, replicates = _parts(other)
        return Draws(self.point - point, self.replicates - replicates)

    def __mul__(self, other: Draws | float) -> Draws:
        point, replicates = _parts(other)
        return Draws(self.point * point, self.replicates * replicates)

    def __truediv__(self, other: Draws | float) -> Draws:
        point, replicates = _parts(other)
        return Draws(self.point / point, self.replicates / replicates)

    def at_most(self, bound: float) -> Draws:
        """Return the draws, clipped above at a bound in the point and in each replicate."""
        return Draws(min(self.point, bound), np.minimum(self.replicates, bound))

    def at_least(self, bound: float) -> Draws:
        """Return the draws, clipped below at a bound in the point and in each replicate."""
        return Draws(max(self.point, bound), np.maximum(self.replicates, bound))

    @property
    def standard_error(self) -> float:
        """Standard deviation of the replicates, which is the bootstrap standard error."""
        return float(self.replicates.std(ddof=1))

    def quantile(self, level: float, clusters: int) -> float:
        """Return a bootstrap quantile, widened for a finite number of clusters.

        The level is moved outwards to ``Φ(√(G / (G − 1)) t_{G−1}(level))``, which undoes the narrowness of the
        percentile interval at small G (expanded percentile interval, Hesterberg 2015, The American Statistician 69).
        """
        return float(np.quantile(self.replicates, _expanded(level, clusters)))


@cache
def _expanded(level: float, clusters: int) -> float:
    spread = np.sqrt(clusters / (clusters - 1)) * special.stdtrit(clusters - 1, level)
    return float(special.ndtr(spread))


def _parts(other: Draws | float) -> tuple[float, Floats | float]:
    return (other.point, other.replicates) if isinstance(other, Draws) else (other, other)


@dataclass(frozen=True)
class Resampling:
    """How the clusters of one item set are resampled.

    Attributes
    ----------
    of_item : array of shape (items,)
        Number of each item's cluster (or block).
    multiplicity : array of shape (resamples, clusters)
        How often each cluster appears in each resample.
    clusters : int
        Number of clusters resampled.
    pseudo : array of shape (resamples, 2)
        Gamma(½) weights, in clusters, of the two pseudo-clusters that :meth:`mean` may add.
    """

    of_item: NDArray[np.int64]
    multiplicity: Floats
    clusters: int
    pseudo: Floats

    def sums(self, values: Floats) -> Floats:
        """Return the sum of item values in each cluster, shape (clusters,) or (clusters, columns)."""
        out = np.empty((self.clusters, *values.shape[1:]))
        columns = values.reshape(len(values), -1).T
        for summed, column in zip(out.reshape(self.clusters, -1).T, columns, strict=True):
            summed[:] = np.bincount(self.of_item, column, self.clusters)
        return out

    @cached_property
    def sizes(self) -> Floats:
        """Number of items in each cluster."""
        return np.bincount(self.of_item, minlength=self.clusters).astype(np.float64)

    @cached_property
    def items_drawn(self) -> Floats:
        """Number of items in each resample."""
        return self.multiplicity @ self.sizes

    def within(self, chosen: NDArray[np.bool_]) -> Resampling:
        """Return the same resamples of some of the items, without the clusters that hold none of them."""
        kept, of_item = np.unique(self.of_item[chosen], return_inverse=True)
        return Resampling(of_item.astype(np.int64), self.multiplicity[:, kept], len(kept), self.pseudo)

    def mean(self, values: Floats, extremes: tuple[float, float] | None = None) -> Draws:
        """Return the mean of one value per item.

        Where values are counts of rare events, no resample can show an event that the sample lacks, and percentile
        intervals near 0 and 1 are too short. ``extremes``, the least and greatest value that an item can take, adds to
        each resample half a cluster of each on average, with Gamma(½) weights: the Jeffreys prior in the Bayesian
        bootstrap (Rubin 1981, doi 10.1214/aos/1176345338). The point stays the plain mean.
        """
        total, weight = self.multiplicity @ self.sums(values), self.items_drawn
        if extremes is not None:
            prior = self.pseudo * self.sizes.mean()
            total, weight = total + prior @ np.array(extremes), weight + prior.sum(axis=1)
        return Draws(float(values.mean()), total / weight)


def resampling(clusters: Sequence[str], items_digest: str, resamples: int = RESAMPLES) -> Resampling:
    """Return the resampling of an item set, the same for every pair that answered it.

    Clusters are numbered in the order of their names and the seed comes from the digest of the item set alone, so
    neither the order of items nor the pair changes a resample.

    Raises
    ------
    MeasureError
        If there are fewer than two clusters.
    """
    names = list(clusters)
    labels = blocks(names) if len(set(names)) > MOST_CLUSTERS else np.array(names)
    unique, of_item = np.unique(labels, return_inverse=True)
    if len(unique) < 2:
        raise MeasureError(f"{len(unique)} cluster of items: an interval needs at least two")
    seed = int(hashlib.sha256(f"angels-share/resampling/1/{items_digest}".encode()).hexdigest()[:16], 16)
    share = np.full(len(unique), 1 / len(unique))
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(unique), share, size=resamples).astype(np.float64)
    return Resampling(of_item.astype(np.int64), drawn, len(unique), generator.gamma(0.5, size=(resamples, 2)))


def blocks(names: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of each cluster's block in the order of the blocks' names, the numbers as text."""
    places = np.argsort(sorted(range(BLOCKS), key=str))
    found: NDArray[np.int64] = places[[int.from_bytes(hashlib.sha256(c.encode()).digest()) % BLOCKS for c in names]]
    return found


def variation(self_terms: Floats, profiles: Floats, scheme: Resampling, *, sampled: bool) -> Draws:
    """Teacher variation Δ₁: the divergence of the best student that gives every item the same answer.

    With exact distributions p_i the best constant is their mean, and ``Δ₁ = ½ (mean ‖p_i‖² − ‖mean p_i‖²)``. With
    sampled ones it is half the mean of the unbiased discrepancy over pairs of items from different clusters, which
    estimates the same. Range [0, ½]. A resample holds some clusters twice and so varies less than the sample, by one
    cluster's share; exact replicates are scaled to have the point as their mean, or ratios to them would be too large.

    Parameters
    ----------
    self_terms, profiles
        From :attr:`angels_share.discrepancies.Discrepancy.spread`, shapes (items,) and (items, categories).
    scheme
        Resampling of the items.
    sampled
        Whether the profiles are shares of sampled answers.
    """
    own, mass = scheme.sums(self_terms), scheme.sums(profiles)
    weights = np.vstack([np.ones(scheme.clusters), scheme.multiplicity])
    total = weights @ scheme.sizes
    centre = weights @ mass
    if not sampled:
        values = 0.5 * ((weights @ own) / total - ((centre / total[:, None]) ** 2).sum(axis=1))
        mean = values[1:].mean()
        values[1:] *= values[0] / mean if mean > LEAST_MEAN else 1.0
    else:
        square = weights**2
        pairs = total**2 - square @ scheme.sizes**2
        selves = total * (weights @ own) - square @ (scheme.sizes * own)
        crosses = (centre**2).sum(axis=1) - square @ (mass**2).sum(axis=1)
        values = 0.5 * (selves - crosses) / pairs
    return Draws(float(values[0]), values[1:])


def robust_standard_error(values: Floats, scheme: Resampling) -> float:
    """Cluster-robust standard error of a mean.

    ``SE² = G / (G − 1) · Σ_g (Σ_{i∈g} (x_i − x̄))² / n²`` (Miller 2024, arXiv 2411.00640, with the factor for a finite
    number of clusters).
    """
    residuals = scheme.sums(values - values.mean())
    return float(np.sqrt(scheme.clusters / (scheme.clusters - 1) * (residuals**2).sum()) / len(values))


def p_equivalence(mean: float, standard_error: float, margin: float, clusters: int) -> float:
    """p-value of the two one-sided t-tests that a mean lies within ±margin (Schuirmann 1987).

    Examples
    --------
    >>> p_equivalence(0.0, 0.0, 0.05, 40)
    0.0
    >>> round(p_equivalence(0.0, 0.05, 0.05, 10**6), 3)
    0.159
    """
    if standard_error == 0:
        return 0.0 if abs(mean) < margin else 1.0
    return float(special.stdtr(clusters - 1, (abs(mean) - margin) / standard_error))


def p_difference(mean: float, standard_error: float, clusters: int) -> float:
    """Two-sided p-value of a t-test that a mean is 0, with one degree of freedom less than clusters."""
    if standard_error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * special.stdtr(clusters - 1, -abs(mean) / standard_error))


def p_mcnemar(worse: int, better: int) -> float:
    """McNemar mid-p of a paired binary comparison (Fagerland, Lydersen and Laake 2013, doi 10.1186/1471-2288-13-91).

    Examples
    --------
    >>> p_mcnemar(0, 0)
    1.0
    >>> round(p_mcnemar(0, 5), 5)
    0.03125
    """
    n = worse + better
    if n == 0:
        return 1.0
    low = min(worse, better)
    below = special.bdtr(low - 1, n, 0.5) if low else 0.0
    return float(min(1.0, special.bdtr(low, n, 0.5) + below))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number by Holm's step-down method (Holm 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, at in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[int(at)] = running
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted to the false discovery rate at which each would be found (Benjamini and Hochberg 1995).

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    p = np.array(p_values)
    falling = np.argsort(-p, kind="stable")
    ranks = np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[falling] = np.minimum.accumulate(p[falling] * (len(p) / ranks))
    return [min(1.0, float(q)) for q in adjusted]


def newcombe(both: int, worse: int, better: int, neither: int) -> tuple[float, float]:
    """95 % interval of a paired difference of two rates, ``(better − worse) / n``, without resampling.

    Wilson's intervals of the two rates, combined with their correlation φ, which is corrected for continuity where it
    is positive: method 10 of Newcombe (1998, Statistics in Medicine 17:2635), for independent items. The ends lie in
    [−1, 1], and the interval has width even where no item differs.

    Parameters
    ----------
    both, neither : int
        Items on which both models are right, or both wrong.
    worse, better : int
        Items on which only the teacher is right, or only the student.

    Examples
    --------
    >>> [round(end, 4) for end in newcombe(36, 2, 12, 0)]
    [0.0569, 0.3404]
    """
    n = both + worse + better + neither
    ours, theirs = both + worse, both + better
    product = both * neither - worse * better
    spread = np.sqrt(float(ours * (n - ours)) * float(theirs * (n - theirs)))
    phi = (max(product - n / 2, 0.0) if product > 0 else product) / spread if spread else 0.0
    low_t, high_t = _wilson(ours, n)
    low_s, high_s = _wilson(theirs, n)
    difference = (theirs - ours) / n
    down = np.array([theirs / n - low_s, high_t - ours / n])
    up = np.array([high_s - theirs / n, ours / n - low_t])
    return (
        float(difference - np.sqrt(down @ down - 2 * phi * down.prod())),
        float(difference + np.sqrt(up @ up - 2 * phi * up.prod())),
    )


def _wilson(k: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of the rate k / n (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    z = float(special.ndtri(0.975))
    centre, reach = (k + z**2 / 2) / (n + z**2), z * np.sqrt(k * (n - k) / n + z**2 / 4) / (n + z**2)
    return 0.0 if k == 0 else float(centre - reach), 1.0 if k == n else float(centre + reach)
