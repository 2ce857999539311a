"""Displayed statistics of the row *calibration and abstention*: how far confidence can be believed, and what it tells.

Confidence f is the probability of the likeliest option, or the one that the model states; r is one where that answer is
right, else zero. Items whose answer cannot be read are left out. Weights stand for repeated items throughout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.special import ndtri

from angels_share.caskworld import UNKNOWN
from angels_share.observables import Floats, Items, Observation
from angels_share.statistics.boundary import column
from angels_share.statistics.registry import statistic, weighted_mean

WAVES = 256
"""Cosines, and points, that a smoothed error is computed with: enough for bandwidths down to 0.007."""

HALVINGS = 12
"""Steps in the search for a bandwidth; it is found to within 2⁻¹³."""

BINS = 10
"""Bins of equal mass."""


def named(items: Items, seen: Observation) -> tuple[NDArray[np.int64], Floats]:
    """Return the place of each item's answer among its options and the confidence in it, both of shape (items,).

    The place is that of the likeliest option, or the one named in words; −1 with a confidence of NaN where none is.
    """
    if seen.features is not None:
        return seen.features[:, 0].astype(np.int64), seen.features[:, 1]
    return seen.values.argmax(axis=1), seen.values.max(axis=1)


def known(items: Items, seen: Observation, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Return confidence f and rightness r of the items with a readable answer, and their weights."""
    place, confidence = named(items, seen)
    right = (place == np.array([int(item["gold"]) for item in items])).astype(np.float64)
    read = np.isfinite(confidence)
    return confidence[read], right[read], weights[:, read]


# --- how far confidence is from accuracy -----------------------------------------------------------------------------


def smooth_error(confidence: Floats, right: Floats, weights: Floats) -> Floats:
    """Return the smooth calibration error for each row of weights, shape (resamples,), in [0, 1].

    ``smECE_σ = ∫ |Σ_i w_i (r_i − f_i) K_σ(t, f_i)| dt / Σ_i w_i`` with K a Gaussian of bandwidth σ reflected at 0 and
    1, at the one σ that equals it (Błasiok and Nakkiran 2023, arXiv 2309.12236). The reflected Gaussian is
    ``1 + 2 Σ_k exp(−½ σ² π² k²) cos(πk f) cos(πk t)``, so smoothing scales the cosines of the residuals. Above 0 by
    noise alone: about 0.03 for 1000 items of a perfectly calibrated model.

    Examples
    --------
    >>> smooth_error(np.array([0.5, 0.5]), np.array([1.0, 0.0]), np.ones((1, 2))).round(3).tolist()
    [0.0]
    """
    waves = np.pi * np.arange(WAVES)
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        cosines = (weights * (right - confidence)) @ np.cos(np.outer(confidence, waves)) / total
    low, high = np.zeros_like(total), np.ones_like(total)
    for _ in range(HALVINGS):
        width = (low + high) / 2
        smoothed = dct(cosines * np.exp(-0.5 * (width * waves) ** 2), type=3)
        wider = np.abs(smoothed).mean(axis=1, keepdims=True) >= width
        low, high = np.where(wider, width, low), np.where(wider, high, width)
    error: Floats = np.where(np.isfinite(total) & (total > 0), (low + high) / 2, np.nan)[:, 0]
    return error


@statistic("smooth calibration error", "share")
def smooth_calibration_error(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Smoothed distance of confidence from accuracy, without bins; see :func:`smooth_error`."""
    return smooth_error(*known(items, seen, weights))


def squared_error(confidence: Floats, right: Floats, clusters: NDArray[np.str_], weights: Floats) -> Floats:
    """Return the squared calibration error in bins of equal mass, without bias for fixed bins, shape (resamples,).

    ``Σ_b p_b E_b`` with p_b the mass of bin b and E_b the mean of ``(r_i − f_i)(r_j − f_j)`` over pairs of the bin's
    items from different clusters. Where confidence is constant in a bin and each item its own cluster, E_b is
    ``(f_b − a_b)² − a_b (1 − a_b) / (n_b − 1)`` with a_b the accuracy of the bin's n_b items, the debiased estimator of
    Kumar et al. 2019 (arXiv 1909.10155). Unlike the plug-in it stays in place when clusters are resampled. About 0 for
    a calibrated model, and below 0 by noise. Equal confidences share a bin; bins of one cluster are left out.
    """
    _, first, of_item = np.unique(clusters, return_index=True, return_inverse=True)
    order = np.unique(confidence, return_inverse=True, return_counts=True)
    middle = (np.cumsum(order[2]) - order[2] / 2)[order[1]] / len(confidence)
    bins = np.minimum((BINS * middle).astype(np.int64), BINS - 1)
    residuals, counts = np.zeros((len(first), BINS)), np.zeros((len(first), BINS))
    np.add.at(residuals, (of_item, bins), right - confidence)
    np.add.at(counts, (of_item, bins), 1.0)
    w = weights[:, first]
    products = (w @ residuals) ** 2 - w**2 @ residuals**2
    mass = w @ counts
    pairs = mass**2 - w**2 @ counts**2
    there = pairs > 0
    per_bin = np.where(there, mass * products, 0.0) / np.where(there, pairs, 1.0)
    taken = np.where(there, mass, 0.0).sum(axis=1)
    error: Floats = per_bin.sum(axis=1) / np.where(taken > 0, taken, np.nan)
    return error


@statistic("squared calibration error, debiased", "share²")
def squared_calibration_error(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean squared distance of confidence from accuracy over ten bins of equal mass; see :func:`squared_error`."""
    read = np.isfinite(named(items, seen)[1])
    confidence, right, kept = known(items, seen, weights)
    return squared_error(confidence, right, column(items, "cluster_id")[read], kept)


@statistic("confidence beyond accuracy", "share")
def overconfidence(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean confidence less accuracy, in [−1, 1]; positive where the model is surer than it is right."""
    confidence, right, kept = known(items, seen, weights)
    return weighted_mean(confidence - right, kept)


@statistic("confidence beyond the odds, where an answer is drawn", "share")
def overconfidence_on_draws(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of confidence less the true probability of the answer, over items whose answer is drawn, in [−1, 1]."""
    place, confidence = named(items, seen)
    odds = np.array([item["odds"][max(k, 0)] for item, k in zip(items, place, strict=True)])
    drawn = np.array([max(item["odds"]) < 1 for item in items])
    return weighted_mean(np.where(drawn, confidence - odds, np.nan), weights)


# --- whether confidence tells right answers from wrong ones ----------------------------------------------------------


def _by_value(values: Floats, parts: Floats) -> Floats:
    """Return the sums of columns with equal values, in rising order of the value, shape (resamples, values)."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    sums: Floats = np.add.reduceat(parts[:, order], starts, axis=1)
    return sums


def separation(values: Floats, positive: NDArray[np.bool_], weights: Floats) -> Floats:
    """Return the area under the ROC curve of values for a class, shape (resamples,), in [0, 1].

    The probability that a positive item has a higher value than a negative one, ties counted half; ½ where the values
    tell nothing, NaN where a class is missing.

    Examples
    --------
    >>> separation(np.array([0.2, 0.4, 0.4]), np.array([False, True, False]), np.ones((1, 3))).tolist()
    [0.75]
    """
    if not len(values):
        return np.full(len(weights), np.nan)
    yes, no = (_by_value(values, weights * mask) for mask in (positive, ~positive))
    below = np.cumsum(no, axis=1) - no / 2
    pairs = yes.sum(axis=1) * no.sum(axis=1)
    area: Floats = (yes * below).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)
    return area


@statistic("separation of right from wrong answers by confidence", "AUROC")
def confidence_separation(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Probability that a right answer has more confidence than a wrong one; see :func:`separation`."""
    confidence, right, kept = known(items, seen, weights)
    return separation(confidence, right > 0, kept)


def risk_of_selection(confidence: Floats, right: Floats, weights: Floats) -> Floats:
    """Return the area under the risk-coverage curve, shape (resamples,), in [0, 1]; the lower the better.

    ``∫₀¹ R(c) dc`` with R(c) the share of wrong answers among the share c of items with most confidence (Geifman and
    El-Yaniv 2017, arXiv 1705.08500). Among equal confidences errors are spread evenly, so from coverage a to b with
    errors E(a) before and a rate s of errors there, the part is ``(E(a) − s a) ln(b / a) + s (b − a)``.

    Examples
    --------
    >>> risk_of_selection(np.array([0.9, 0.6]), np.array([1.0, 0.0]), np.ones((1, 2))).round(4).tolist()
    [0.1534]
    """
    if not len(confidence):
        return np.full(len(weights), np.nan)
    mass, wrong = (_by_value(-confidence, weights * part) for part in (np.ones_like(right), 1 - right))
    total = mass.sum(axis=1, keepdims=True)
    total = np.where(total > 0, total, np.nan)
    mass, wrong = mass / total, wrong / total
    end, errors = np.cumsum(mass, axis=1), np.cumsum(wrong, axis=1)
    start, before = end - mass, errors - wrong
    rate = wrong / np.where(mass > 0, mass, 1.0)
    later = (start > 1e-12) & (mass > 0)
    ratio = np.where(later, end, 1.0) / np.where(later, start, 1.0)
    area: Floats = ((before - rate * start) * np.log(ratio) + rate * mass).sum(axis=1)
    return area


@statistic("risk over coverage", "share")
def risk_coverage(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of wrong answers, averaged over how many of the surest are kept; see :func:`risk_of_selection`."""
    return risk_of_selection(*known(items, seen, weights))


# --- abstaining ------------------------------------------------------------------------------------------------------


def _abstention(items: Items, seen: Observation) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the probability of the abstaining option, and whether it is the right one."""
    place = [item["choices"].index(UNKNOWN) for item in items]
    p: Floats = seen.values[np.arange(len(items)), place]
    return p, np.array([int(item["gold"]) == k for item, k in zip(items, place, strict=True)])


def z_scores(p: Floats, due: NDArray[np.bool_], weights: Floats) -> tuple[Floats, Floats]:
    """Return z of the hit rate and of the false-alarm rate, each shape (resamples,).

    Rates are mean probabilities p of an action over W items where it is due and where it is not, taken as
    ``(Σ w p + ½) / (W + 1)`` (Hautus 1995, Behavior Research Methods 27:46), so that z exists for rates of 0 and 1.
    """
    z = []
    for mask in (due, ~due):
        count = weights @ mask.astype(np.float64)
        z.append(ndtri(np.where(count > 0, (weights @ (p * mask) + 0.5) / (count + 1), np.nan)))
    return z[0], z[1]


@statistic("sensitivity of abstaining", "d′")
def abstention_sensitivity(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Return ``d′ = z(H) − z(F)``: H and F are the rates of abstaining where it is due and where it is not.

    z is the inverse of the normal distribution function. 0 where the model cannot tell the two apart.
    """
    hit, alarm = z_scores(*_abstention(items, seen), weights)
    return hit - alarm


@statistic("reluctance to abstain", "z")
def abstention_criterion(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Return the criterion ``c = −½ (z(H) + z(F))``: 0 without a leaning, positive for a model that rarely abstains."""
    hit, alarm = z_scores(*_abstention(items, seen), weights)
    return -0.5 * (hit + alarm)


@statistic("separation of unanswerable questions by abstaining", "AUROC")
def abstention_separation(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Probability that abstaining is likelier on an unanswerable question than on an answerable one."""
    p, due = _abstention(items, seen)
    return separation(p, due, weights)


# --- escalating ------------------------------------------------------------------------------------------------------


def _escalation(items: Items, seen: Observation) -> tuple[Floats, NDArray[np.int64]]:
    """Return the probability of each action, from the least to the most grave, and the place of the right one."""
    if "choices" in items[0]:
        return seen.values, np.array([int(item["gold"]) for item in items])
    actions = items[0]["candidates"]
    rows = [seen.values[:, seen.categories.index(a)] if a in seen.categories else np.zeros(len(items)) for a in actions]
    return np.stack(rows, axis=1), np.array([actions.index(item["answer"]) for item in items])


@statistic("probability of doing too little", "share")
def under_escalation(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean probability of the actions that are less grave than the right one, over items that have such."""
    q, right = _escalation(items, seen)
    less = (q * (np.arange(q.shape[1]) < right[:, None])).sum(axis=1)
    return weighted_mean(np.where(right > 0, less, np.nan), weights)


@statistic("probability of doing too much", "share")
def over_escalation(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean probability of the actions that are graver than the right one, over items that have such."""
    q, right = _escalation(items, seen)
    more = (q * (np.arange(q.shape[1]) > right[:, None])).sum(axis=1)
    return weighted_mean(np.where(right < q.shape[1] - 1, more, np.nan), weights)
