"""Displayed statistics of the row *boundary*: the edge of what is solved, robustness, subgroups and other regimes.

Items say what they are in fields: ``rung`` and ``stratum`` (the family) on a ladder, ``operator`` under perturbation,
``group``, and ``shift``. What is chosen by the data, such as the worst group or the rungs near the boundary, is chosen
on one half of the clusters and measured on the other, both ways, so that choosing does not flatter or blacken it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from angels_share.observables import Floats, Items, Observation, get_utility
from angels_share.statistics.registry import statistic, weighted_mean

CLEAN, UNSHIFTED = "clean", "none"
"""The value of ``operator`` on items that nothing was done to, and of ``shift`` on those of the usual regime."""

NEAR = (0.25, 0.75)
"""Between these accuracies of the teacher, both included, a cell of a ladder is near its boundary."""

Labels = NDArray[np.str_]


def column(items: Items, name: str) -> Labels:
    """Return a field of every item as text, shape (items,)."""
    return np.array([str(item[name]) for item in items])


def halves(names: Sequence[str] | Labels) -> NDArray[np.int64]:
    """Return 0 or 1 for every item: even or odd rank of its name among the different names, in their order.

    Examples
    --------
    >>> halves(["b", "a", "a", "c"]).tolist()
    [1, 0, 0, 0]
    """
    rank: NDArray[np.int64] = np.unique(np.asarray(names), return_inverse=True)[1]
    return rank % 2


def _members(labels: Labels) -> Floats:
    """Return which label each item has as a table of zeros and ones, shape (items, labels in their order)."""
    table: Floats = (labels[:, None] == np.unique(labels)).astype(np.float64)
    return table


def _means(values: Floats, members: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of each column's members, shape (resamples, columns); NaN where there are none."""
    with np.errstate(invalid="ignore"):
        mean: Floats = (weights @ (members * values[:, None])) / (weights @ members)
    return mean


def _by_half(values: Floats, items: Items, labels: Labels, weights: Floats) -> tuple[Floats, Floats]:
    """Return the mean of each label's items in each half of the clusters; NaN in both where one half has none."""
    members, half = _members(labels), halves(column(items, "cluster_id"))[:, None]
    even, odd = (_means(values, members * (half == side), weights) for side in (0, 1))
    alone = np.isnan(even + odd)
    return np.where(alone, np.nan, even), np.where(alone, np.nan, odd)


def contrast(values: Floats, changed: NDArray[np.bool_], weights: Floats) -> Floats:
    """Return the mean over changed items minus the mean over the others, shape (resamples,).

    Of a utility of one model, this is its change under perturbation or shift; the student's less the teacher's is the
    difference in differences ``ρ = [c_S(x′) − c_S(x)] − [c_T(x′) − c_T(x)]``.

    Examples
    --------
    >>> contrast(np.array([1.0, 0.0, 1.0]), np.array([False, True, True]), np.ones((1, 3))).tolist()
    [-0.5]
    """
    return weighted_mean(np.where(changed, values, np.nan), weights) - weighted_mean(
        np.where(changed, np.nan, values), weights
    )


def worst_of(values: Floats, clusters: Labels, taken: NDArray[np.bool_], weights: Floats) -> Floats:
    """Return the mean over clusters of the least value among a cluster's taken items, shape (resamples,).

    The per-instance worst case of HELM (Liang et al. 2022, arXiv 2211.09110).

    Examples
    --------
    >>> worst_of(np.array([1.0, 0.0, 1.0]), np.array(["a", "a", "b"]), np.array([True] * 3), np.ones((1, 3))).tolist()
    [0.5]
    """
    _, first, of_item = np.unique(clusters, return_index=True, return_inverse=True)
    least = np.full(len(first), np.inf)
    np.minimum.at(least, of_item[taken], values[taken])
    return weighted_mean(np.where(np.isinf(least), np.nan, least), weights[:, first])


def extreme_group(values: Floats, items: Items, groups: Labels, weights: Floats, *, best: bool = False) -> Floats:
    """Return the mean value of the worst (or best) group, shape (resamples,).

    The plain minimum of noisy group means lies below the true one. Here the group is the worst of one half of the
    clusters and its mean is taken in the other half, both ways, averaged; with no true difference between groups the
    expectation is the overall mean. Groups that one half lacks are left out; NaN where none remains.
    """
    even, odd = _by_half(values, items, groups, weights)
    sign = -1.0 if best else 1.0
    ends = []
    for choosing, measuring in ((even, odd), (odd, even)):
        chosen = np.where(np.isnan(choosing), np.inf, sign * choosing).argmin(axis=1)
        ends.append(measuring[np.arange(len(measuring)), chosen])
    mean: Floats = (ends[0] + ends[1]) / 2
    return mean


def uneven(change: Floats, items: Items, groups: Labels, weights: Floats) -> Floats:
    """Return how unevenly a change is spread over groups, shape (resamples,).

    Estimates ``U = Σ_g w_g |D_g − D̄|`` with ``D_g = a_S,g − a_T,g`` and w_g the group's share of the items. The plain
    sum of absolute values is positive by noise alone. Here the sign of each group's deviation comes from one half of
    the clusters and its size from the other, both ways, averaged: zero in expectation if the change is even, near U
    once deviations exceed their noise, and never above U in expectation. It can come out negative.
    """
    share = weights @ _members(groups)
    even, odd = _by_half(change, items, groups, weights)
    share = np.where(np.isnan(even), 0.0, share)
    total = share.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        share = share / total
    one, two = (np.nan_to_num(d) - (share * np.nan_to_num(d)).sum(axis=1, keepdims=True) for d in (even, odd))
    crossed: Floats = (share * (np.sign(one) * two + np.sign(two) * one)).sum(axis=1) / 2
    return crossed


def _right(items: Items, seen: Observation) -> Floats:
    return get_utility("correct").of(items, seen)


def _of_gold(items: Items, seen: Observation) -> Floats:
    """Return the probability of the right option, shape (items,)."""
    q: Floats = seen.values[np.arange(len(items)), [int(item["gold"]) for item in items]]
    return q


# --- ladders ---------------------------------------------------------------------------------------------------------


@statistic("place of the boundary on the ladder", "share")
def boundary_place(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Where accuracy falls off, from 0 at the lowest rung to 1 at the highest; student less teacher is the shift.

    The estimator of Spearman and Kärber for the threshold θ of a psychometric function that falls from 1 to 0: the area
    under the curve of accuracy P by rung r, ``θ = r₁ − ½ + Σ_r P(r)`` for consecutive rungs r₁ … r_R, with P the mean
    over families; shown is ``(θ − r₁) / (R − 1)``. It assumes no shape of the curve. Above 1 (by at most half a rung)
    all of the ladder is solved, below 0 none of it.
    """
    rungs = np.array([int(item["rung"]) for item in items])
    families = column(items, "stratum")
    right = _right(items, seen)
    by_rung = []
    for rung in np.unique(rungs):
        at = rungs == rung
        cells = _means(right[at], _members(families[at]), weights[:, at])
        present = np.isfinite(cells)
        with np.errstate(invalid="ignore"):
            by_rung.append(np.where(present, cells, 0.0).sum(axis=1) / present.sum(axis=1))
    place: Floats = (np.sum(by_rung, axis=0) - 0.5) / max(1, len(by_rung) - 1)
    return place


def _change_between(
    items: Items, teacher: Observation, student: Observation, weights: Floats, low: float, high: float
) -> Floats:
    """Return the change in accuracy on cells where the teacher's accuracy lies between two bounds, both included.

    A cell is a rung of a family at a level. The teacher's accuracy is that on one half of a cell's items; the change is
    measured on the other half, both ways.
    """
    u_t, u_s = _right(items, teacher), _right(items, student)
    cell = np.array([f"{i['level']}/{i['rung']}/{i['stratum']}" for i in items])
    half = halves([f"{c}/{i['cluster_id']}" for c, i in zip(cell, items, strict=True)])[:, None]
    members = _members(cell)
    sides = [members * (half == side) for side in (0, 1)]
    change, count = 0.0, 0.0
    for choosing, measuring in (sides, sides[::-1]):
        accuracy = _means(u_t, choosing, weights)
        taken = (accuracy >= low) & (accuracy <= high)
        change = change + (taken * (weights @ (measuring * (u_s - u_t)[:, None]))).sum(axis=1)
        count = count + (taken * (weights @ measuring)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(change / np.asarray(count), dtype=np.float64)


@statistic("change near the teacher's boundary", "share", paired=True)
def change_near_boundary(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Change in accuracy on rungs where the teacher is right on 25 % to 75 % of the other half of the items."""
    return _change_between(items, teacher, student, weights, *NEAR)


@statistic("change where the teacher is safe", "share", paired=True)
def change_on_easy(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Change in accuracy on rungs where the teacher is right on more than 75 % of the other half of the items."""
    return _change_between(items, teacher, student, weights, np.nextafter(NEAR[1], 1), 1.0)


@statistic("change beyond the teacher's boundary", "share", paired=True)
def change_on_hard(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Change in accuracy on rungs where the teacher is right on less than 25 % of the other half of the items."""
    return _change_between(items, teacher, student, weights, 0.0, np.nextafter(NEAR[0], 0))


# --- perturbations and other regimes ---------------------------------------------------------------------------------


@statistic("change under perturbation", "share")
def change_under_perturbation(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy on perturbed items less accuracy on clean ones; student less teacher is the robustness contrast ρ."""
    return contrast(_right(items, seen), column(items, "operator") != CLEAN, weights)


@statistic("accuracy under the worst perturbation of each problem", "share")
def worst_of_perturbations(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of base problems that are answered rightly under every operator."""
    perturbed = column(items, "operator") != CLEAN
    return worst_of(_right(items, seen), column(items, "cluster_id"), perturbed, weights)


@statistic("change on perturbed problems that both solve when clean", "share", paired=True)
def change_where_both_solve(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Accuracy of the student less that of the teacher on perturbed items of bases that both solve when clean.

    A student with nothing left to lose looks robust; here both start from the same place. Descriptive: the bases are
    chosen by the answers to the clean items, so the two models' luck on these plays a part.
    """
    u_t, u_s = _right(items, teacher), _right(items, student)
    clean, cluster = column(items, "operator") == CLEAN, column(items, "cluster_id")
    solved = np.isin(cluster, cluster[clean & (u_t == 1) & (u_s == 1)])
    return weighted_mean(np.where(solved & ~clean, u_s - u_t, np.nan), weights)


@statistic("change outside the usual regime", "share")
def change_under_shift(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy on shifted items less accuracy on their partners in the usual regime."""
    return contrast(_right(items, seen), column(items, "shift") != UNSHIFTED, weights)


# --- subgroups -------------------------------------------------------------------------------------------------------


@statistic("accuracy in the worst group", "share")
def worst_group(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy in the group that is worst in the other half of the clusters; see :func:`extreme_group`."""
    return extreme_group(_right(items, seen), items, column(items, "group"), weights)


@statistic("accuracy gap between the best and the worst group", "share")
def group_gap(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy in the best group less that in the worst, both as in :func:`extreme_group`; about 0 if all are equal."""
    right, groups = _right(items, seen), column(items, "group")
    return extreme_group(right, items, groups, weights, best=True) - extreme_group(right, items, groups, weights)


@statistic("unevenness of the change over groups", "share", paired=True)
def uneven_loss(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """How unevenly the change in accuracy is spread over groups; see :func:`uneven`."""
    return uneven(_right(items, student) - _right(items, teacher), items, column(items, "group"), weights)


# --- facts: the same, from the probability of the right option -------------------------------------------------------


@statistic("change in the right answer's probability under perturbation", "share")
def facts_change_under_perturbation(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean q(gold) on perturbed items less that on clean ones."""
    return contrast(_of_gold(items, seen), column(items, "operator") != CLEAN, weights)


@statistic("probability of the right answer in the worst group", "share")
def facts_worst_group(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean q(gold) in the group that is worst in the other half of the clusters; see :func:`extreme_group`."""
    return extreme_group(_of_gold(items, seen), items, column(items, "group"), weights)


@statistic("unevenness over groups of the change in the right answer's probability", "share", paired=True)
def facts_uneven_loss(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """How unevenly the change in q(gold) is spread over groups; see :func:`uneven`."""
    return uneven(_of_gold(items, student) - _of_gold(items, teacher), items, column(items, "group"), weights)
