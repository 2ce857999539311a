"""Discrepancies d between what two models do on the same items: aligned arrays in, one value per item out.

The charged discrepancy of every categorical observable is half the squared distance ``½ ‖p − q‖²`` of the two answer
distributions, whatever the readout: from likelihoods directly, from K samples a side without bias, and from one
greedy answer a side as plain disagreement. Texts are compared step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from angels_share.errors import MeasureError, did_you_mean, refuse_taken

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Discrepancy:
    """A discrepancy with the variation that belongs to it.

    Attributes
    ----------
    name : str
    between : callable
        ``(teacher, student) -> d`` of shape (items,), from two arrays of shape (items, categories).
    spread : callable
        ``(teacher) -> (self terms, profiles)`` of shapes (items,) and (items, categories), such that the discrepancy
        of items i and j of one model is ``½ (self_i + self_j) − profile_i · profile_j``.
    sampled : bool
        Whether the arrays are counts of sampled answers.
    """

    name: str
    between: Callable[[Floats, Floats], Floats]
    spread: Callable[[Floats], tuple[Floats, Floats]]
    sampled: bool


_DISCREPANCIES: dict[str, Discrepancy] = {}


def discrepancy(
    spread: Callable[[Floats], tuple[Floats, Floats]], *, sampled: bool = False
) -> Callable[[Callable[[Floats, Floats], Floats]], Discrepancy]:
    """Register a function ``(teacher, student) -> d`` as the discrepancy of its name."""

    def register(function: Callable[[Floats, Floats], Floats]) -> Discrepancy:
        refuse_taken(function.__name__, _DISCREPANCIES)
        _DISCREPANCIES[function.__name__] = Discrepancy(function.__name__, function, spread, sampled)
        return _DISCREPANCIES[function.__name__]

    return register


def get(name: str) -> Discrepancy:
    """Return the discrepancy of this name, or say which names are near."""
    if name not in _DISCREPANCIES:
        raise MeasureError(f"discrepancy {name!r} is unknown. {did_you_mean(name, _DISCREPANCIES)}")
    return _DISCREPANCIES[name]


def _exact_spread(p: Floats) -> tuple[Floats, Floats]:
    return (p**2).sum(axis=1), p


def _sampled_spread(n: Floats) -> tuple[Floats, Floats]:
    k = n.sum(axis=1)
    return (n * (n - 1)).sum(axis=1) / (k * (k - 1)), n / k[:, None]


@discrepancy(_exact_spread)
def half_squared_distance(teacher: Floats, student: Floats) -> Floats:
    """Half the squared Euclidean distance of two distributions, ``d = ½ Σ_k (p_k − q_k)²``, in [0, 1].

    Examples
    --------
    >>> half_squared_distance.between(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).tolist()
    [1.0]
    """
    d: Floats = 0.5 * ((teacher - student) ** 2).sum(axis=1)
    return d


@discrepancy(_exact_spread)
def disagreement(teacher: Floats, student: Floats) -> Floats:
    """One where two one-hot answers differ, else zero: ``½ ‖p − q‖²`` of greedy answers."""
    d: Floats = (teacher.argmax(axis=1) != student.argmax(axis=1)).astype(np.float64)
    return d


def _stepwise_spread(p: Floats) -> tuple[Floats, Floats]:
    return 2 * np.nanmean(p**2, axis=1), np.sqrt(2) * np.nanmean(p, axis=1, keepdims=True)


@discrepancy(_stepwise_spread)
def mean_squared_difference(teacher: Floats, student: Floats) -> Floats:
    """Mean over an item's steps of ``(p_j − q_j)²``, in [0, 1]; entries beyond its steps are NaN.

    Items have different numbers of steps, so between two of them the mean is over all pairs of their steps, and the
    best constant, behind the variation, gives every step the same probability.

    Examples
    --------
    >>> mean_squared_difference.between(np.array([[1.0, 0.5, np.nan]]), np.array([[0.0, 0.5, np.nan]])).tolist()
    [0.5]
    """
    d: Floats = np.nanmean((teacher - student) ** 2, axis=1)
    return d


@discrepancy(_sampled_spread, sampled=True)
def half_squared_distance_sampled(teacher: Floats, student: Floats) -> Floats:
    """``½ ‖p − q‖²`` from K ≥ 2 independent samples a side, without bias.

    ``d = ½ [Σ n(n − 1) / (K(K − 1)) + Σ m(m − 1) / (M(M − 1)) − 2 Σ n m / (K M)]`` with counts n of the teacher and m
    of the student: the U-statistic of the squared maximum mean discrepancy under the identity kernel (Gretton et al.
    2012, JMLR 13:723). The expectation lies in [0, 1] and is 0 for equal distributions; one item's value can be
    negative and must not be clipped.

    Examples
    --------
    >>> half_squared_distance_sampled.between(np.array([[2.0, 0.0]]), np.array([[0.0, 2.0]])).tolist()
    [1.0]
    """
    own_t, p = _sampled_spread(teacher)
    own_s, q = _sampled_spread(student)
    d: Floats = 0.5 * (own_t + own_s) - (p * q).sum(axis=1)
    return d


def total_variation(teacher: Floats, student: Floats) -> Floats:
    """Total variation ``½ Σ_k |p_k − q_k|``, in [0, 1]: the share of probability that is elsewhere."""
    tv: Floats = 0.5 * np.abs(teacher - student).sum(axis=1)
    return tv
