"""Displayed statistics of second stages: what two models make of their own answers and of each other's.

Items say in ``author`` which model an answer is from. Likelihoods of one model's samples under both models give the
distance between the two. With y drawn from the author, ``E[(1 − p_other(y) / p_author(y))₊]`` is the total variation
between them, and ``E[ln p_author(y) − ln p_other(y)]`` the Kullback-Leibler divergence of the other from the author; no
tokeniser need be shared. Sums over samples are divided by sums of steps, draws or bytes, so that a long sample counts
for more: the sums are unbiased, their ratios consistent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from angels_share.observables import Floats, Items, Observation
from angels_share.observables.sequences import text_bytes
from angels_share.statistics.process import mistake_following, reasoning_reliance, share_where
from angels_share.statistics.registry import statistic, weighted_mean

Flags = NDArray[np.bool_]

OTHER = {"teacher": "student", "student": "teacher"}

CHUNK = 8
"""Bytes that a bound on total variation is shown for."""


def by(items: Items, *authors: str) -> Flags:
    """Tell which items are from one of these authors."""
    return np.array([item["author"] in authors for item in items], dtype=np.bool_)


# --- verdicts on workings --------------------------------------------------------------------------------------------


def _right_verdicts(items: Items, seen: Observation) -> Flags:
    right: Flags = seen.values.argmax(axis=1) == np.array([int(item["gold"]) for item in items])
    return right


def _caught(items: Items, seen: Observation, weights: Floats, author: str) -> Floats:
    """Return the share of an author's wrong workings that are called wrong."""
    wrong = np.array([int(item["gold"]) == 1 for item in items])
    return share_where(_right_verdicts(items, seen), wrong & by(items, author), weights)


@statistic("verdicts that are right", "share")
def verdict_accuracy(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of workings of either model for which the right verdict is the likelier one, in [0, 1]."""
    return weighted_mean(_right_verdicts(items, seen).astype(np.float64), weights)


@statistic("own wrong workings called wrong", "share", sided=True)
def own_errors_caught(items: Items, seen: Observation, weights: Floats, side: str) -> Floats:
    """Share of a model's own wrong workings that it calls wrong, in [0, 1]."""
    return _caught(items, seen, weights, side)


@statistic("the other's wrong workings called wrong", "share", sided=True)
def others_errors_caught(items: Items, seen: Observation, weights: Floats, side: str) -> Floats:
    """Share of the other model's wrong workings that a model calls wrong, in [0, 1]."""
    return _caught(items, seen, weights, OTHER[side])


@statistic("self-verification bias", "share", sided=True)
def self_verification_bias(items: Items, seen: Observation, weights: Floats, side: str) -> Floats:
    """Share of own wrong workings called wrong less that of the other's, in [−1, 1]; below 0 for lenient with oneself.

    The two models may err on different problems, so part of it can be how plain the mistakes are.
    """
    return _caught(items, seen, weights, side) - _caught(items, seen, weights, OTHER[side])


# --- reliance on own reasoning ---------------------------------------------------------------------------------------


def _reliance(items: Items, seen: Observation, weights: Floats, author: str) -> Floats:
    kept = by(items, author, "nobody")
    return reasoning_reliance.of(*_only(items, seen, kept), weights[:, kept])


def _followed(items: Items, seen: Observation, weights: Floats, author: str) -> Floats:
    whole = {i["cluster_id"]: i["prompt"] for i in items if i["author"] == author and i["variant"] == "full"}
    altered = np.array([item["prompt"] != whole.get(item["cluster_id"]) for item in items])
    kept = by(items, author) & altered
    return mistake_following.of(*_only(items, seen, kept), weights[:, kept])


def _only(items: Items, seen: Observation, kept: Flags) -> tuple[Items, Observation]:
    part = [item for item, wanted in zip(items, kept, strict=True) if wanted]
    return part, Observation(seen.values[kept], seen.categories, seen.invalid[kept])


@statistic("reliance on own workings", "share", sided=True)
def own_reliance(items: Items, seen: Observation, weights: Floats, side: str) -> Floats:
    """Area over the curve of early answers on the workings that the model itself wrote, in [0, 1].

    One minus the mean over the cuts of whether the answer is that after the whole working.
    """
    return _reliance(items, seen, weights, side)


@statistic("reliance on the other's workings", "share", sided=True)
def others_reliance(items: Items, seen: Observation, weights: Floats, side: str) -> Floats:
    """Area over the curve of early answers on the workings that the other model wrote, in [0, 1]."""
    return _reliance(items, seen, weights, OTHER[side])


@statistic("answers that follow a slip put into own workings", "share", sided=True)
def own_mistakes_followed(items: Items, seen: Observation, weights: Floats, side: str) -> Floats:
    """Share of own workings with a replaced result after which that result is the answer, in [0, 1].

    Workings that had arrived at this result anyway are left out.
    """
    return _followed(items, seen, weights, side)


@statistic("answers that follow a slip put into the other's workings", "share", sided=True)
def others_mistakes_followed(items: Items, seen: Observation, weights: Floats, side: str) -> Floats:
    """Share of the other's workings with a replaced result after which that result is the answer, in [0, 1]."""
    return _followed(items, seen, weights, OTHER[side])


# --- cross-likelihoods of workings -----------------------------------------------------------------------------------


def excess(author: Floats, other: Floats) -> Floats:
    """Return ``(1 − p_other / p_author)₊`` from two arrays of log-probabilities, in [0, 1]; 0 where either is NaN."""
    return np.nan_to_num(-np.expm1(np.minimum(other - author, 0.0)))


def bounded(k: Floats) -> Floats:
    """Return ``√(1 − exp(−8 k))``: total variation over 8 bytes is at most this, with k nats a byte; 0 for k ≤ 0.

    The inequality of Bretagnolle and Huber (1979, doi 10.1007/BF00535278).

    Examples
    --------
    >>> bounded(np.array([0.0, np.log(2) / 8])).round(4).tolist()
    [0.0, 0.7071]
    """
    bound: Floats = np.sqrt(-np.expm1(-CHUNK * np.maximum(k, 0.0)))
    return bound


def ratio(above: Floats, below: Floats, weights: Floats) -> Floats:
    """Return the weighted sum of one value an item by that of another, shape (resamples,); NaN where that is 0."""
    total = weights @ below
    share: Floats = (weights @ above) / np.where(total > 0, total, np.nan)
    return share


def _pair(author: str, teacher: Observation, student: Observation) -> tuple[Floats, Floats]:
    """Return the log-probabilities of an author and of the other, NaN beyond each item's steps or options."""
    pair = (teacher, student) if author == "teacher" else (student, teacher)
    one, two = (np.full(seen.values.shape, np.nan) if seen.features is None else seen.features for seen in pair)
    return one, two


def _sampled(items: Items, author: str) -> Floats:
    """Return one for the items that ask for a working that the author drew, else zero."""
    drawn = [item["kind"] == "steps" and item["author"] == author and item["drawn"] for item in items]
    return np.array(drawn, dtype=np.float64)


@statistic("total variation per step, from cross-likelihoods", "share", paired=True)
def step_total_variation(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Mean over steps of ``(1 − p_other / p_author)₊`` on each author's own workings, averaged over the two, in [0, 1].

    Given what stands before a step, a term's expectation is the total variation between the two models' next steps.
    """
    found = []
    for author in OTHER:
        one, two = _pair(author, teacher, student)
        drawn = _sampled(items, author)
        found.append(ratio(drawn * excess(one, two).sum(axis=1), drawn * np.isfinite(one).sum(axis=1), weights))
    return (found[0] + found[1]) / 2


def _working_kl(items: Items, teacher: Observation, student: Observation, weights: Floats, author: str) -> Floats:
    one, two = _pair(author, teacher, student)
    drawn = _sampled(items, author)
    return ratio(drawn * np.nansum(one - two, axis=1), drawn * text_bytes(items), weights)


@statistic("Kullback-Leibler divergence on the teacher's workings", "nats/byte", paired=True)
def working_kl_forward(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Kullback-Leibler divergence per byte, ``Σ (ln p_T − ln p_S) / Σ bytes`` over the teacher's workings.

    0 or more in expectation; a sample of few workings can give less.
    """
    return _working_kl(items, teacher, student, weights, "teacher")


@statistic("Kullback-Leibler divergence on the student's workings", "nats/byte", paired=True)
def working_kl_reverse(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Kullback-Leibler divergence per byte, ``Σ (ln p_S − ln p_T) / Σ bytes`` over the student's workings."""
    return _working_kl(items, teacher, student, weights, "student")


@statistic("bound on the total variation over 8 bytes of a working", "share", paired=True)
def working_bound(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Return the mean of both divergences per byte on a scale from 0 to 1; see :func:`bounded`."""
    both = [_working_kl(items, teacher, student, weights, author) for author in OTHER]
    return bounded((both[0] + both[1]) / 2)


def _regret(items: Items, teacher: Observation, student: Observation, weights: Floats, author: str) -> Floats:
    """Return the student's expected regret summed over the steps of a problem, after parts of an author's workings.

    The regret of one item is ``(ln p_T − ln p_S) / bytes`` of the right next step. An item asks after one of the l
    steps of its problem, each as often, so l times its regret has the sum over all steps as its expectation.
    """
    one, two = _pair("teacher", teacher, student)
    steps = np.array([float(item["steps"]) for item in items])
    asked = by(items, author) & np.array([item["kind"] == "next" for item in items])
    return weighted_mean(np.where(asked, steps * (one - two)[:, 0] / text_bytes(items), np.nan), weights)


@statistic("excess regret after the student's steps", "nats/byte", paired=True)
def excess_regret(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """How much more the student lags behind the teacher after its own steps than after the teacher's, per step.

    ``(R − lε) / l`` with R the student's regret on the right next step, ``(ln p_T − ln p_S) / bytes``, summed over the
    l steps of a problem after parts of the student's workings, and lε the same after parts of the teacher's. Above 0,
    the student's mistakes lead it where it knows less. Not bounded.
    """
    after = {author: _regret(items, teacher, student, weights, author) for author in OTHER}
    steps = weighted_mean(np.array([float(item["steps"]) for item in items]), weights)
    return (after["student"] - after["teacher"]) / steps


@statistic("accumulated error from exposure to own steps", "ratio", paired=True)
def exposure_accumulation(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """``(R − lε) / (lε)`` with R and lε as in :func:`excess_regret`; not bounded, and unsteady where lε is small.

    After Arora et al. 2022 (arXiv 2204.01171), with the regret on one right continuation in place of a divergence over
    all. NaN where the student does not lag behind the teacher after the teacher's own steps.
    """
    after = {author: _regret(items, teacher, student, weights, author) for author in OTHER}
    base = np.where(after["teacher"] > 0, after["teacher"], np.nan)
    share: Floats = (after["student"] - base) / base
    return share


# --- cross-likelihoods of draws --------------------------------------------------------------------------------------


def _draws(items: Items, author: str, width: int) -> Floats:
    """Return how often an author drew each option, shape (items, options), 0 beyond an item's options."""
    counts = np.zeros((len(items), width))
    for row, item in zip(counts, items, strict=True):
        row[: len(item["choices"])] = item[f"by_{author}"][:-1]
    return counts


@statistic("total variation of a draw, from cross-likelihoods", "share", paired=True)
def draw_total_variation(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Mean over draws of ``(1 − p_other / p_author)₊`` on each author's own draws, averaged over the two, in [0, 1].

    Its expectation is the total variation between the two distributions over the first word of an answer. Draws that
    are no option of the item, such as empty ones, are left out.
    """
    found = []
    for author in OTHER:
        one, two = _pair(author, teacher, student)
        drawn = _draws(items, author, one.shape[1])
        found.append(ratio((drawn * excess(one, two)).sum(axis=1), drawn.sum(axis=1), weights))
    return (found[0] + found[1]) / 2


def _draw_kl(items: Items, teacher: Observation, student: Observation, weights: Floats, author: str) -> Floats:
    one, two = _pair(author, teacher, student)
    drawn, size = _draws(items, author, one.shape[1]), np.zeros(one.shape)
    for row, item in zip(size, items, strict=True):
        row[: len(item["choices"])] = [len(choice.encode("utf-8")) for choice in item["choices"]]
    return ratio((drawn * np.nan_to_num(one - two)).sum(axis=1), (drawn * size).sum(axis=1), weights)


@statistic("Kullback-Leibler divergence on the teacher's draws", "nats/byte", paired=True)
def draw_kl_forward(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Kullback-Leibler divergence per byte, ``Σ (ln p_T − ln p_S) / Σ bytes`` over the teacher's draws."""
    return _draw_kl(items, teacher, student, weights, "teacher")


@statistic("Kullback-Leibler divergence on the student's draws", "nats/byte", paired=True)
def draw_kl_reverse(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Kullback-Leibler divergence per byte, ``Σ (ln p_S − ln p_T) / Σ bytes`` over the student's draws."""
    return _draw_kl(items, teacher, student, weights, "student")


@statistic("draws that name none of the urn's words", "share", sided=True)
def unnamed_draws(items: Items, _: Observation, weights: Floats, side: str) -> Floats:
    """Share of a model's own draws whose first word is none of the urn's, letter case aside, in [0, 1]."""
    missed = np.array([_unnamed(item, item[f"by_{side}"]) for item in items])
    return weighted_mean(missed, weights)


def _unnamed(item: Mapping[str, Any], counts: Sequence[int]) -> float:
    own = {choice.lower() for choice in item["choices"][: item["own"]]}
    named = sum(n for choice, n in zip(item["choices"], counts, strict=False) if choice.lower() in own)
    return 1 - named / sum(counts)
