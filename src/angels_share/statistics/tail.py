"""Displayed statistics of the row *long tail*: rare classes, little-known facts, and how much people differ.

Items say in ``bucket`` whether they are about the ``head``, the ``middle`` or the ``tail``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from angels_share import anchors
from angels_share.observables import Floats, Items, Observation
from angels_share.statistics.boundary import column
from angels_share.statistics.distribution import entropy
from angels_share.statistics.registry import statistic, weighted_mean

HEAD, MIDDLE, TAIL = "head", "middle", "tail"

TAIL_MASS = 0.2
"""The tail of a human distribution: its rarest answers, as many as have no more than this together."""

TOLERANCE = 0.02
"""Distance from people's answers that a tail may have before human answers are needed; a choice of this project."""


def _first_is_right(items: Items, q: Floats) -> Floats:
    """Return one where the likeliest option is the right one, else zero, shape (items,)."""
    right: Floats = (q.argmax(axis=1) == [int(item["gold"]) for item in items]).astype(np.float64)
    return right


def _in(items: Items, bucket: str, values: Floats, weights: Floats) -> Floats:
    """Return the mean over the items of a bucket, shape (resamples,)."""
    return weighted_mean(np.where(column(items, "bucket") == bucket, values, np.nan), weights)


def _gap(items: Items, q: Floats, weights: Floats) -> Floats:
    right = _first_is_right(items, q)
    gap: Floats = _in(items, HEAD, right, weights) - _in(items, TAIL, right, weights)
    return gap


def _raw(seen: Observation) -> Floats:
    """Return the distribution over options without a prior taken off, where φ is by mutual information."""
    return seen.values if seen.features is None else seen.features


# --- accuracy from head to tail --------------------------------------------------------------------------------------


@statistic("accuracy in the head", "share")
def accuracy_in_head(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of the items of the head whose likeliest option is right."""
    return _in(items, HEAD, _first_is_right(items, seen.values), weights)


@statistic("accuracy in the middle", "share")
def accuracy_in_middle(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of the items of the middle whose likeliest option is right."""
    return _in(items, MIDDLE, _first_is_right(items, seen.values), weights)


@statistic("accuracy in the tail", "share")
def accuracy_in_tail(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of the items of the tail whose likeliest option is right; of classes, the recall of the rare ones."""
    return _in(items, TAIL, _first_is_right(items, seen.values), weights)


@statistic("accuracy in the head beyond that in the tail", "share")
def head_tail_gap(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy in the head less that in the tail, in [−1, 1]; student less teacher is what the tail lost beyond it."""
    return _gap(items, seen.values, weights)


@statistic("accuracy in the head, prior not taken off", "share")
def raw_accuracy_in_head(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of the items of the head where the right option is the likeliest after the question."""
    return _in(items, HEAD, _first_is_right(items, _raw(seen)), weights)


@statistic("accuracy in the middle, prior not taken off", "share")
def raw_accuracy_in_middle(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of the items of the middle where the right option is the likeliest after the question."""
    return _in(items, MIDDLE, _first_is_right(items, _raw(seen)), weights)


@statistic("accuracy in the tail, prior not taken off", "share")
def raw_accuracy_in_tail(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of the items of the tail where the right option is the likeliest after the question."""
    return _in(items, TAIL, _first_is_right(items, _raw(seen)), weights)


@statistic("accuracy in the head beyond that in the tail, prior not taken off", "share")
def raw_head_tail_gap(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy in the head less that in the tail, of the likeliest options after the question."""
    return _gap(items, _raw(seen), weights)


# --- classes of different frequency ----------------------------------------------------------------------------------


def _frequencies(items: Items, width: int) -> Floats:
    """Return how often each option was shown before, 0 beyond an item's options, shape (items, width)."""
    counts = np.zeros((len(items), width))
    for row, item in zip(counts, items, strict=True):
        row[: len(item["counts"])] = item["counts"]
    return counts


def _share_of_buckets(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Return the mean probability of the classes of the head, the middle and the tail, shape (resamples, 3).

    The classes of a bucket were shown equally often, those of the head most often.
    """
    counts = _frequencies(items, seen.values.shape[1])
    most = counts.max(axis=1, keepdims=True)
    least = np.where(counts > 0, counts, np.inf).min(axis=1, keepdims=True)
    head, tail = counts == most, counts == least
    buckets = (head, (counts > 0) & ~head & ~tail, tail)
    parts = [weighted_mean((seen.values * bucket).sum(axis=1), weights) for bucket in buckets]
    return np.stack(parts, axis=1)


@statistic("accuracy, all classes alike", "share")
def macro_accuracy(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of the accuracies in head, middle and tail, which have equally many classes."""
    right = _first_is_right(items, seen.values)
    mean: Floats = np.mean([_in(items, bucket, right, weights) for bucket in (HEAD, MIDDLE, TAIL)], axis=0)
    return mean


@statistic("accuracy, classes as frequent as shown", "share")
def micro_accuracy(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy if questions came as the examples do: each item counts by the share of its class among the examples."""
    counts = _frequencies(items, seen.values.shape[1])
    share = counts[np.arange(len(items)), [int(item["gold"]) for item in items]] / counts.sum(axis=1)
    right = _first_is_right(items, seen.values)
    accuracy: Floats = (weights @ (share * right)) / (weights @ share)
    return accuracy


@statistic("probability of the classes of the tail", "share")
def mass_on_tail(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean probability of the rarest classes, whatever is asked; a third where it is as often right as given."""
    mass: Floats = _share_of_buckets(items, seen, weights)[:, 2]
    return mass


@statistic("total variation of what is predicted overall", "share", paired=True)
def prediction_marginal_shift(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Total variation between the two models' mean probabilities of head, middle and tail, in [0, 1].

    A student can be as accurate and still name the frequent classes more often. Above 0 by noise alone.
    """
    one, two = (_share_of_buckets(items, seen, weights) for seen in (teacher, student))
    shift: Floats = np.abs(one - two).sum(axis=1) / 2
    return shift


# --- how much people differ ------------------------------------------------------------------------------------------


def _points(items: Items, seen: Observation) -> tuple[Floats, Floats]:
    """Return the answers to each item as probabilities or counts of the points of a scale, and how many there are.

    Likelihoods are the whole distribution, as if from infinitely many answers.
    """
    points = seen.values[:, : max(len(item["choices"]) for item in items)]
    if seen.values.sum(axis=1).max() < 1.5:
        return points, np.full(len(items), np.inf)
    return points, points.sum(axis=1)


def spread_of_people(items: Items, seen: Observation) -> tuple[Floats, Floats]:
    """Return the variance between the people of each item's cluster, and the mean variance within one of them.

    Scores are 1, 2, … in the order of the options. Of K sampled answers of each of P people, the variances are without
    bias: within by ``K / (K − 1)``, and between less ``(1 − 1/P)`` of the mean of ``within / K``.

    Parameters
    ----------
    items : sequence of items
        The people of a cluster are asked the same.
    seen : Observation

    Returns
    -------
    two arrays of shape (items,)
        Every item of a cluster has the same values; NaN where one person was asked alone, or has fewer than two
        readable answers.
    """
    points, answers = _points(items, seen)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = points / points.sum(axis=1, keepdims=True)
        scores = np.arange(1, points.shape[1] + 1)
        mean = p @ scores
        within = (p @ scores**2 - mean**2) * np.where(np.isinf(answers), 1.0, answers / (answers - 1))
        within[answers < 2] = np.nan
        noise = within / answers
    _, of_item, people = np.unique(column(items, "cluster_id"), return_inverse=True, return_counts=True)

    def averaged(values: Floats) -> Floats:
        total: Floats = np.bincount(of_item, weights=values)[of_item] / people[of_item]
        return total

    between = averaged((mean - averaged(mean)) ** 2) - (1 - 1 / people[of_item]) * averaged(noise)
    alone = people[of_item] < 2
    return np.where(alone, np.nan, between), np.where(alone, np.nan, averaged(within))


def _share_between(items: Items, seen: Observation, weights: Floats) -> Floats:
    between, within = spread_of_people(items, seen)
    one, other = weighted_mean(between, weights), weighted_mean(within, weights)
    share: Floats = one / np.where(one + other > 0, one + other, np.nan)
    return share


@statistic("share of variance between people", "share")
def between_person_share(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of the variance of ratings that lies between people asked the same, ``η² = B / (B + W)``, in [0, 1].

    B and W are the means of the variances between and within people; see :func:`spread_of_people`. A model that lends
    everybody one voice has 0. Sampled answers can give values slightly below 0.
    """
    return _share_between(items, seen, weights)


@statistic("difference in the share of variance between people", "share", paired=True)
def between_person_shift(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Absolute difference ``|η²_S − η²_T|``, in [0, 1]; above 0 by noise alone."""
    shift: Floats = np.abs(_share_between(items, student, weights) - _share_between(items, teacher, weights))
    return shift


@statistic("entropy of one person's ratings", "bits")
def within_person_entropy(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean entropy of the distribution over the scale for one person, ``−Σ_k q_k log₂ q_k``."""
    return weighted_mean(entropy(seen.values), weights)


def tail_of(shares: Floats) -> NDArray[np.bool_]:
    """Tell which answers are the tail of a distribution: the rarest, as many as have at most a fifth together.

    Examples
    --------
    >>> tail_of(np.array([0.5, 0.05, 0.3, 0.15])).tolist()
    [False, True, False, True]
    """
    order = np.argsort(shares, kind="stable")
    tail = np.zeros(len(shares), dtype=np.bool_)
    tail[order] = np.cumsum(shares[order]) <= TAIL_MASS + 1e-9
    return tail


@statistic("human answers needed for the tail", "share")
def human_anchor_ratio(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Least share α of human answers that, mixed into a model's, brings the tail within the tolerance, in [0, 1].

    With r the people's distribution, q the model's and D the mean over questions of ``½ Σ_{k in tail} |q_k − r_k|``,
    the mixture ``α r + (1 − α) q`` has a distance of ``(1 − α) D``, so ``α* = max(0, 1 − t / D)`` with t = 0.02. The
    tail of a question is that of r (:func:`tail_of`). Only questions of the stratum ``anchor`` count, whose ``truth``
    is what people answered; NaN without any.
    """
    distance = np.full(len(items), np.nan)
    for k, (item, q) in enumerate(zip(items, seen.values, strict=True)):
        if item["stratum"] == anchors.STRATUM:
            r = np.array(item["truth"])
            tail = tail_of(r)
            distance[k] = 0.5 * np.abs(q[: len(r)] - r)[tail].sum() if tail.any() else np.nan
    mean = weighted_mean(distance, weights)
    with np.errstate(divide="ignore"):
        ratio: Floats = np.where(np.isnan(mean), np.nan, np.maximum(0.0, 1 - TOLERANCE / mean))
    return ratio
