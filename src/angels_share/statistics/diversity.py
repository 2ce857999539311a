"""Displayed statistics of the row *long tail and diversity*: how much of the rare is left, and how varied answers are.

Diversity is never netted with validity: these statistics look at valid answers only, at equal numbers of them, and how
many answers are valid is the utility. Members of an item's list are ``rare`` as the item says.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from angels_share.observables import Floats, Items, Observation
from angels_share.observables.diversity import counts_of_members
from angels_share.statistics.registry import statistic, weighted_mean

EQUAL = 8
"""Valid answers of an item that variety is looked for in; the more answers, the more different ones."""


def chance_of_none(count: Floats, total: Floats, drawn: Floats) -> Floats:
    """Return the probability that none of ``count`` marked of ``total`` things is among ``drawn`` without replacement.

    ``C(total − count, drawn) / C(total, drawn)``: the hypergeometric distribution at 0.

    Examples
    --------
    >>> chance_of_none(np.array([1.0, 3.0]), np.array([4.0, 4.0]), np.array([2.0, 2.0])).round(9).tolist()
    [0.5, 0.0]
    """
    left = total - count
    possible = left >= drawn
    safe = np.where(possible, left, drawn)
    log = gammaln(safe + 1) - gammaln(safe - drawn + 1) - gammaln(total + 1) + gammaln(total - drawn + 1)
    chance: Floats = np.where(possible, np.exp(log), 0.0)
    return chance


def rarefied(counts: Floats, drawn: Floats) -> Floats:
    """Return how many different things are expected among ``drawn`` of those counted in each row; NaN with fewer.

    ``Σ_k 1 − C(n − n_k, m) / C(n, m)``, with n_k of n answers the same: rarefaction (Hurlbert 1971, doi
    10.2307/1934145), unbiased for m draws.

    Examples
    --------
    >>> rarefied(np.array([[2.0, 2.0]]), np.array([2.0])).round(3).tolist()
    [1.667]
    """
    total = counts.sum(axis=1)
    enough = total >= drawn
    m = np.where(enough, drawn, 0.0)
    different = (1 - chance_of_none(counts, total[:, None], m[:, None])).sum(axis=1)
    return np.where(enough, different, np.nan)


def simpson(counts: Floats) -> Floats:
    """Return the probability that two answers of a row differ, ``1 − Σ n(n − 1) / (N(N − 1))``; NaN with fewer than 2.

    Unbiased for ``1 − Σ p²`` (Simpson 1949, doi 10.1038/163688a0).

    Examples
    --------
    >>> simpson(np.array([[2.0, 2.0]])).round(3).tolist()
    [0.667]
    """
    total = counts.sum(axis=1)
    same = (counts * (counts - 1)).sum(axis=1)
    diversity: Floats = 1 - np.where(total > 1, same, np.nan) / np.where(total > 1, total * (total - 1), 1.0)
    return diversity


def _rare(items: Items, width: int) -> Floats:
    out = np.zeros((len(items), width))
    for row, item in zip(out, items, strict=True):
        row[: len(item["rare"])] = item["rare"]
    return out


def _truth_of_rare(items: Items) -> Floats:
    return np.array([np.dot(item["truth"], item["rare"]) for item in items])


def _on_rare(items: Items, seen: Observation) -> Floats:
    """Return the probability, or the count, of each item's rare members together."""
    held = counts_of_members(seen)
    on_rare: Floats = (held * _rare(items, held.shape[1])).sum(axis=1)
    return on_rare


def _over(part: Floats, whole: Floats) -> Floats:
    """Return part by whole, NaN where the whole is nothing."""
    share: Floats = np.where(whole > 0, part, np.nan) / np.where(whole > 0, whole, 1.0)
    return share


# --- the tail --------------------------------------------------------------------------------------------------------


@statistic("share of valid answers that are rare members", "share")
def tail_mass(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Probability, or number, of rare members by that of all members, each summed over items; in [0, 1]."""
    return _over(weights @ _on_rare(items, seen), weights @ counts_of_members(seen).sum(axis=1))


@statistic("rare members' probability as a share of what it should be", "share")
def tail_utility(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean over items of ``min(1, Q(tail) / p*(tail))``, in [0, 1]; 1 where no rare member is given too little.

    For likelihoods only: of counts, the minimum would be too small by noise alone.
    """
    return weighted_mean(np.minimum(1.0, _over(_on_rare(items, seen), _truth_of_rare(items))), weights)


@statistic("change in the rare members' probability", "probability", paired=True)
def tail_shift(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Mean over items of ``|Q_T(tail) − Q_S(tail)|``, in [0, 1]; for likelihoods only."""
    return weighted_mean(np.abs(_on_rare(items, teacher) - _on_rare(items, student)), weights)


@statistic("share of the rare members that eight answers name", "share")
def tail_coverage(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean over items of how many rare members are expected among eight valid answers, by how many there are.

    Rarefied as in :func:`rarefied`, so that models with different numbers of valid answers compare; items with fewer
    than eight are left out.
    """
    counts = counts_of_members(seen)
    rare, total = _rare(items, counts.shape[1]), counts.sum(axis=1)
    m = np.where(total >= EQUAL, float(EQUAL), 0.0)
    met = (rare * (1 - chance_of_none(counts, total[:, None], m[:, None]))).sum(axis=1)
    return weighted_mean(_over(np.where(total >= EQUAL, met, np.nan), rare.sum(axis=1)), weights)


# --- variety ---------------------------------------------------------------------------------------------------------


@statistic("probability that two valid answers differ", "share")
def simpson_diversity(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of :func:`simpson` over items with at least two valid answers, in [0, 1]; 0 for a collapsed model."""
    return weighted_mean(simpson(counts_of_members(seen)), weights)


@statistic("different answers among eight valid ones", "answers")
def distinct_of_eight(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of :func:`rarefied` to eight over items with at least eight valid answers, in [1, 8]."""
    counts = counts_of_members(seen)
    return weighted_mean(rarefied(counts, np.full(len(counts), float(EQUAL))), weights)


@statistic("student's different valid answers by the teacher's, at equal numbers", "ratio", paired=True)
def distinct_retained(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Different valid answers of the student by those of the teacher, each summed over items; 1 for equal variety.

    Both are rarefied to the smaller of the two models' numbers of valid answers to the item. Items to which either gave
    fewer than two are left out.
    """
    one, other = counts_of_members(teacher), counts_of_members(student)
    fewer = np.minimum(one.sum(axis=1), other.sum(axis=1))
    kept = weights * (fewer >= 2)
    return _over(kept @ rarefied(other, fewer), kept @ rarefied(one, fewer))


# --- whether what the teacher says seldom is said at all -------------------------------------------------------------


def _once(counts: Floats, draws: float, half: float) -> Floats:
    """Return the probability that each answer stands exactly once in a random part of the draws."""
    again = np.maximum(counts - 1, 0.0)
    others = chance_of_none(again, np.full_like(counts, draws - 1), np.full_like(counts, half - 1))
    once: Floats = np.where(counts > 0, counts * half / draws * others, 0.0)
    return once


def _recall(weights: Floats, once: Floats, met: Floats) -> Floats:
    return _over(weights @ (once * met).sum(axis=1), weights @ once.sum(axis=1))


def _parts(teacher: Observation, student: Observation) -> tuple[float, float, float]:
    """Return the draws of teacher and student an item, and the half of them that is compared."""
    drawn, other = float(teacher.values[0].sum()), float(student.values[0].sum())
    return drawn, other, min(drawn // 2, other)


@statistic("share of the teacher's rare valid answers that the student gives", "share", paired=True)
def tail_recall(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Share of the valid answers given once in half of the teacher's draws that stand in as many of the student's.

    In expectation over all halves, so nothing depends on the order of draws: an answer that the teacher gave n times in
    K stands once in a half of h with probability ``n C(K − n, h − 1) / C(K, h)``. Far below 1 even for the teacher
    itself, which seldom says twice what it seldom says: compare :func:`tail_recall_of_repeat`.
    """
    drawn, other, half = _parts(teacher, student)
    said = counts_of_members(student)
    met = 1 - chance_of_none(said, np.full_like(said, other), np.full_like(said, half))
    return _recall(weights, _once(counts_of_members(teacher), drawn, half), met)


@statistic("the same share in the other half of the teacher's own draws", "share", paired=True)
def tail_recall_of_repeat(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Say what :func:`tail_recall` is for the teacher asked again: found in draws of its own beside the half."""
    drawn, _, half = _parts(teacher, student)
    counts = counts_of_members(teacher)
    rest, again = np.full_like(counts, drawn - half), np.maximum(counts - 1, 0.0)
    met = 1 - chance_of_none(np.minimum(again, rest), rest, np.full_like(counts, half))
    return _recall(weights, _once(counts, drawn, half), met)
