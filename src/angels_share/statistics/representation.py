"""Displayed statistics of the row *representation*: likeness of two similarity structures, and broken invariances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from angels_share.observables import Floats, Items, Observation
from angels_share.observables.relations import answers_of_pairs, similarities
from angels_share.statistics.registry import in_each, statistic, weighted_mean

Flags = NDArray[np.bool_]

CONSISTENT = 0.1
"""Violation below which an answer counts as having stayed the same."""


# --- likeness of two similarity structures ---------------------------------------------------------------------------


@statistic("debiased CKA of teacher and student", "0 to 1", paired=True)
def debiased_cka(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Debiased linear CKA of the two models' features, at most 1, about 0 for unrelated ones.

    ``HSIC(K, L) / √(HSIC(K, K) HSIC(L, L))`` with the Gram matrices K and L of the features and the unbiased estimate
    of HSIC (Song et al. 2012, JMLR 13:1393; CKA: Kornblith et al. 2019, arXiv 1905.00414). In a resample, an item that
    appears twice is no pair with itself: sums run over pairs, triples and quadruples of different items, each weighted
    by the product of how often its items appear. NaN where either model's features do not vary.
    """
    if teacher.features is None or student.features is None:
        return np.full(len(weights), np.nan)
    K, L = (_gram(seen.features) for seen in (teacher, student))
    cross, own_t, own_s = (_hsic(a, b, weights) for a, b in ((K, L), (K, K), (L, L)))
    with np.errstate(invalid="ignore", divide="ignore"):
        cka: Floats = np.where((own_t > 0) & (own_s > 0), cross / np.sqrt(own_t * own_s), np.nan)
    return cka


def _gram(features: Floats | None) -> Floats:
    x = np.asarray(features)
    gram: Floats = x @ x.T
    np.fill_diagonal(gram, 0.0)
    return gram


def _hsic(K: Floats, L: Floats, w: Floats) -> Floats:
    """Unbiased HSIC of two Gram matrices with diagonals 0, for each row of item weights.

    ``E[K_ij L_ij] + E[K_ij L_qr] − 2 E[K_ij L_iq]``, each a weighted mean over different items.
    """
    off = 1 - np.eye(len(K))
    sums, counts = _tuple_sums(K, L, w), _tuple_sums(off, off, w)
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs, triples, quadruples = (s / c for s, c in zip(sums, counts, strict=True))
    hsic: Floats = pairs + quadruples - 2 * triples
    return hsic


def _tuple_sums(K: Floats, L: Floats, w: Floats) -> tuple[Floats, Floats, Floats]:
    """Weighted sums of ``K_ij L_ij``, ``K_ij L_iq`` and ``K_ij L_qr`` over different i, j, q and r."""
    a, b, squares = w @ K, w @ L, w**2
    product = K * L
    paths = a * b - squares @ product
    pairs = (w * (w @ product)).sum(axis=1)
    triples = (w * paths).sum(axis=1)
    sharing_one = (squares * paths).sum(axis=1)
    sharing_both = (squares * (squares @ product)).sum(axis=1)
    quadruples = (w * a).sum(axis=1) * (w * b).sum(axis=1) - 4 * sharing_one - 2 * sharing_both
    return pairs, triples, quadruples


@statistic("rank correlation of all similarities (RSA)", "−1 to 1", paired=True)
def similarity_correlation(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Spearman's ρ between the two models' cosine similarities of all pairs of stimuli of a level, in [−1, 1].

    In a resample a pair counts as often as the product of the counts of its two items, and no item is a pair with
    itself. Source: Kriegeskorte, Mur and Bandettini 2008, doi 10.3389/neuro.06.004.2008.
    """
    if teacher.features is None or student.features is None:
        return np.full(len(weights), np.nan)
    levels = np.array([int(item["level"]) for item in items])
    one, other = np.triu_indices(len(items), 1)
    within = levels[one] == levels[other]
    one, other = one[within], other[within]
    values = [similarities(seen.features)[one, other] for seen in (teacher, student) if seen.features is not None]
    places = [np.unique(v, return_inverse=True)[1] for v in values]

    def of(w: Floats) -> float:
        weight = w[one] * w[other]
        first, second = (_mid_ranks(place, weight) for place in places)
        spread = (weight @ first**2) * (weight @ second**2)
        return float(weight @ (first * second) / np.sqrt(spread)) if spread > 0 else np.nan

    return in_each(weights, of)


def _mid_ranks(place: NDArray[np.int64], weight: Floats) -> Floats:
    """Weighted average ranks, with weighted mean 0, of values whose order is given by ``place``."""
    mass = np.bincount(place, weights=weight)
    middle = np.cumsum(mass) - mass / 2
    ranks: Floats = (middle - mass.sum() / 2)[place]
    return ranks


# --- broken invariances ----------------------------------------------------------------------------------------------


def _violation(items: Items, seen: Observation) -> Floats:
    """Return the total variation between the answers to the clean item and to a variant; NaN for clean items.

    ``v = 1 − Σ_k min(q_k(clean), q_k(variant))`` over the options; an unreadable answer agrees with nothing.
    """
    clean, variant = answers_of_pairs(items, seen)
    v: Floats = 1 - np.minimum(clean, variant).sum(axis=1)
    v[[item["variant"] == "clean" for item in items]] = np.nan
    return v


@statistic("violation, mean of the transformations", "share")
def violation(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean total variation between the answer before a transformation and after undoing it, in [0, 1].

    The variants have equal numbers of items, so this is the mean over the transformations.
    """
    return weighted_mean(_violation(items, seen), weights)


@statistic("violation, worst transformation", "share")
def worst_violation(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean violation under the transformation where it is greatest, in [0, 1]; a maximum, so resamples lie above it."""
    v = _violation(items, seen)
    names = np.array([str(item["variant"]) for item in items])
    means = [weighted_mean(np.where(names == name, v, np.nan), weights) for name in sorted({*names} - {"clean"})]
    worst: Floats = np.max(means, axis=0)
    return worst


@statistic("consistent in the teacher, broken in the student", "share", paired=True)
def broken_consistency(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Share of the variants on which the teacher stays consistent and the student does not, in [0, 1].

    Consistent: violation below 0.1 and the same likeliest option before and after.
    """
    broken = _consistent(items, teacher) & ~_consistent(items, student)
    transformed = np.array([item["variant"] != "clean" for item in items])
    return weighted_mean(np.where(transformed, broken.astype(np.float64), np.nan), weights)


def _consistent(items: Items, seen: Observation) -> Flags:
    clean, variant = answers_of_pairs(items, seen)
    gap: Floats = 1 - np.minimum(clean, variant).sum(axis=1)
    consistent: Flags = (gap < CONSISTENT) & (clean.argmax(axis=1) == variant.argmax(axis=1))
    return consistent
