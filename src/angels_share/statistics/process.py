"""Displayed statistics of the row *process*: verdicts, reliance on reasoning, recovery, and sampled workings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

from angels_share.observables import Floats, Items, Observation
from angels_share.observables.process import SAMPLE_FEATURES, samples
from angels_share.statistics.boundary import column
from angels_share.statistics.registry import statistic, weighted_mean

Flags = NDArray[np.bool_]

CUTS = ("cut 0", "cut 25", "cut 50", "cut 75")
"""Variants that show part of the reasoning."""

DRAWS = 8
"""Samples k of pass@k and pass^k."""


def share_where(flags: Flags, among: Flags, weights: Floats) -> Floats:
    """Return the weighted share of flagged items among some, shape (resamples,); NaN where there are none."""
    return weighted_mean(np.where(among, flags.astype(np.float64), np.nan), weights)


# --- verdicts --------------------------------------------------------------------------------------------------------


def _clean(items: Items) -> Flags:
    """Tell which workings are right: those without an error, or of those without that field, by the right verdict."""
    return np.array([int(item["error"] if "error" in item else item["gold"]) == 0 for item in items])


@statistic("area under the ROC curve of the verdict", "share")
def verdict_auroc(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Chance that a right working gets a higher probability of "right" than a wrong one, ties counting half.

    ``Σ w_i w_j (1{q_i > q_j} + ½ 1{q_i = q_j}) / Σ w_i w_j`` over right i and wrong j, in [0, 1]; ½ for one that cannot
    tell. NaN where a resample lacks either.
    """
    clean = _clean(items)
    scores, of_item = np.unique(seen.values[:, 0], return_inverse=True)
    right, wrong = np.zeros((len(weights), len(scores))), np.zeros((len(weights), len(scores)))
    for table, taken in ((right, clean), (wrong, ~clean)):
        np.add.at(table.T, of_item[taken], weights.T[taken])
    below = np.cumsum(wrong, axis=1) - wrong / 2
    with np.errstate(invalid="ignore"):
        area: Floats = (right * below).sum(axis=1) / (right.sum(axis=1) * wrong.sum(axis=1))
    return area


@statistic("Youden's J of the verdict", "J")
def verdict_j(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of right workings called right plus share of wrong ones called wrong, less one, in [−1, 1] (Youden 1950).

    The verdict is the likelier of the two, or the one given. A constant verdict has 0.
    """
    said, clean = seen.values.argmax(axis=1), _clean(items)
    return share_where(said == 0, clean, weights) + share_where(said == 1, ~clean, weights) - 1


@statistic("F1 of finding the wrong step", "F1")
def location_f1(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Harmonic mean of two shares: wrong workings whose wrong step is named, right workings called right; in [0, 1].

    As in ProcessBench (Zheng et al. 2024, arXiv 2412.06559). Zero where both are.
    """
    if seen.features is None:
        return np.full(len(weights), np.nan)
    clean = _clean(items)
    error = np.array([int(item["error"]) for item in items])
    located = share_where(seen.features[:, 0] == error, ~clean, weights)
    passed = share_where(seen.values[:, 0] == 1, clean, weights)
    total = located + passed
    f1: Floats = 2 * located * passed / np.where(total == 0, 1.0, total)
    return f1


# --- reliance on reasoning -------------------------------------------------------------------------------------------


def _in_cluster(items: Items, values: NDArray[np.generic], variant: str) -> Floats:
    """Return for every item the value of its cluster's item of a variant; NaN where there is none."""
    of = {str(i["cluster_id"]): float(v) for i, v in zip(items, values, strict=True) if i["variant"] == variant}
    return np.array([of.get(str(item["cluster_id"]), np.nan) for item in items])


@statistic("reliance on the reasoning", "share")
def reasoning_reliance(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Area over the curve of early answers, ``1 − mean_f 1{argmax q_f = argmax q_1}``, in [0, 1].

    Over the cuts f = 0, ¼, ½ and ¾ of the reasoning; 0 where the answer never depends on how much of it is read. After
    Lanham et al. 2023 (arXiv 2307.13702). More is neither better nor worse.
    """
    said = seen.values.argmax(axis=1)
    whole = _in_cluster(items, said, "full")
    changed = np.where(np.isnan(whole), np.nan, said != whole)
    return weighted_mean(np.where(np.isin(column(items, "variant"), CUTS), changed, np.nan), weights)


@statistic("answers that follow a slip in the reasoning", "share")
def mistake_following(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of questions whose answer, after reasoning with a slip, is what follows from the slip."""
    mistaken = np.array([int(item["mistaken"]) for item in items])
    return share_where(seen.values.argmax(axis=1) == mistaken, column(items, "variant") == "corrupted", weights)


@statistic("gain in the right answer's probability from filler", "share")
def filler_gain(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of q(right) after filler of the length of the reasoning less that without any reasoning, in [−1, 1]."""
    gold = seen.values[np.arange(len(items)), [int(item["gold"]) for item in items]]
    gain = gold - _in_cluster(items, gold, "cut 0")
    return weighted_mean(np.where(column(items, "variant") == "filler", gain, np.nan), weights)


@statistic("answers moved to a wrong hint", "share")
def hint_flips(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of questions answered with the hint where it is given less the share without, in [−1, 1].

    Both with the whole reasoning, which leads elsewhere. After Turpin et al. 2023 (arXiv 2305.04388).
    """
    named = seen.values.argmax(axis=1) == np.array([int(item["hinted"]) for item in items])
    variant = column(items, "variant")
    return share_where(named, variant == "hint", weights) - share_where(named, variant == "full", weights)


# --- recovery --------------------------------------------------------------------------------------------------------


def _right(items: Items, seen: Observation) -> Flags:
    given = [seen.categories[k] for k in seen.values.argmax(axis=1)]
    return np.array([g == str(item["final"]).lower() for g, item in zip(given, items, strict=True)])


@statistic("accuracy after a slip by accuracy without", "ratio")
def recovery_ratio(items: Items, seen: Observation, weights: Floats) -> Floats:
    """``accuracy(slip) / accuracy(clean)``: 1 where a slip does no harm, 0 where nothing is recovered."""
    right, clean = _right(items, seen), _clean(items)
    without = share_where(right, clean, weights)
    ratio: Floats = share_where(right, ~clean, weights) / np.where(without > 0, without, np.nan)
    return ratio


@statistic("gain in accuracy after a slip from a check", "share")
def check_gain(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Accuracy on workings with a slip that a check contradicts, less that on those without a check, in [−1, 1]."""
    right, slipped = _right(items, seen), ~_clean(items)
    check = np.array([bool(item["check"]) for item in items])
    return share_where(right, slipped & check, weights) - share_where(right, slipped & ~check, weights)


def _flagged(seen: Observation) -> Floats:
    flagged: Floats = np.full(len(seen.values), np.nan) if seen.features is None else seen.features[:, 0]
    return flagged


@statistic("slips that are called wrong", "share")
def slips_flagged(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of continuations of a working with a slip that call a step wrong, whichever."""
    return weighted_mean(np.where(_clean(items), np.nan, _flagged(seen)), weights)


@statistic("false alarms", "share")
def false_alarms(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of continuations of a right working that call a step wrong."""
    return weighted_mean(np.where(_clean(items), _flagged(seen), np.nan), weights)


# --- sampled workings ------------------------------------------------------------------------------------------------


def pass_at(c: Floats, K: Floats, k: int) -> Floats:
    """Return the unbiased estimate of the chance that one of k samples is right, ``1 − C(K − c, k) / C(K, k)``.

    With c right of K ≥ k samples (Chen et al. 2021, arXiv 2107.03374).

    Examples
    --------
    >>> pass_at(np.array([1.0]), np.array([4.0]), 2).tolist()
    [0.5]
    """
    estimate: Floats = 1 - np.asarray(comb(K - c, k), dtype=np.float64) / comb(K, k)
    return estimate


def pass_all(c: Floats, K: Floats, k: int) -> Floats:
    """Return the unbiased estimate of the chance that all of k samples are right, ``C(c, k) / C(K, k)``.

    With c right of K ≥ k samples (pass^k of τ-bench, Yao et al. 2024, arXiv 2406.12045).

    Examples
    --------
    >>> pass_all(np.array([3.0]), np.array([4.0]), 2).tolist()
    [0.5]
    """
    estimate: Floats = np.asarray(comb(c, k), dtype=np.float64) / comb(K, k)
    return estimate


def _counts(items: Items, seen: Observation) -> tuple[Floats, Floats]:
    """Return the number of right samples and of all samples, each of shape (items,)."""
    return seen.values[np.arange(len(items)), [int(item["gold"]) for item in items]], seen.values.sum(axis=1)


@statistic("solved by one of 8 samples", "share")
def solved_once(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of pass@8 over items; see :func:`pass_at`."""
    return weighted_mean(pass_at(*_counts(items, seen), DRAWS), weights)


@statistic("solved by all of 8 samples", "share")
def solved_always(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of pass^8 over items; see :func:`pass_all`."""
    return weighted_mean(pass_all(*_counts(items, seen), DRAWS), weights)


@statistic("accuracy of the majority", "share")
def majority_right(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of items whose most frequent final answer is right; of m answers that tie, each counts 1/m.

    Unreadable answers have no vote; answers that are none of the options vote together.
    """
    votes = seen.values[:, :-1]
    top = (votes == votes.max(axis=1, keepdims=True)) & (votes > 0)
    right, _ = _counts(items, seen)
    won = (right == votes.max(axis=1)) & (right > 0)
    return weighted_mean(won / np.maximum(top.sum(axis=1), 1), weights)


@statistic("entropy of the final answers", "bits")
def answer_entropy(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean over items of the entropy of the K final answers, ``−Σ_k (n_k/K) log₂ (n_k/K)``.

    Unreadable answers are one category. It lies below the entropy of the distribution behind the samples, the more so
    the fewer they are.
    """
    share = seen.values / seen.values.sum(axis=1, keepdims=True)
    bits = -(share * np.log2(np.where(share > 0, share, 1.0))).sum(axis=1)
    return weighted_mean(bits, weights)


def _mean_of_samples(seen: Observation, of: Callable[..., Floats], weights: Floats) -> Floats:
    """Return the mean over items of the mean over samples of a function of their features; NaN where they are lost."""
    kept = samples(seen)
    if not kept.shape[1]:
        return np.full(len(weights), np.nan)
    values = of(**{name: kept[:, :, k] for k, name in enumerate(SAMPLE_FEATURES)})
    return weighted_mean(values.mean(axis=1), weights)


@statistic("steps that are valid from the first on", "share")
def valid_steps(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean share of the steps of a problem that a sample gets right before its first invalid step, in [0, 1]."""
    return _mean_of_samples(seen, lambda valid, **_: valid, weights)


@statistic("right answers after an invalid step", "share")
def right_despite_steps(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of samples whose final answer is right although a step is missing or invalid, in [0, 1]."""
    return _mean_of_samples(seen, lambda right, valid, **_: right * (valid < 1), weights)


@statistic("samples that run in a loop", "share")
def looping(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of samples in which a passage of eight words stands at least four times, in [0, 1]."""
    return _mean_of_samples(seen, lambda loops, **_: loops, weights)


@statistic("accuracy within 64 bytes", "share")
def right_in_64(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of samples that have given their right final answer when the text is cut after 64 bytes."""
    return _mean_of_samples(seen, lambda right, answered, **_: right * (answered <= 64), weights)


@statistic("accuracy within 256 bytes", "share")
def right_in_256(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of samples that have given their right final answer when the text is cut after 256 bytes."""
    return _mean_of_samples(seen, lambda right, answered, **_: right * (answered <= 256), weights)


def weighted_ranks(values: Floats, weights: Floats) -> Floats:
    """Return the mid-ranks of values when each counts as often as its weight says, shape (resamples, items)."""
    distinct, of_item = np.unique(values, return_inverse=True)
    mass = np.zeros((len(distinct), len(weights)))
    np.add.at(mass, of_item, weights.T)
    ranks: Floats = (np.cumsum(mass, axis=0) - mass / 2).T[:, of_item]
    return ranks


@statistic("rank correlation of length and difficulty", "ρ")
def compute_allocation(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Spearman's ρ of an item's mean bytes and its rung, averaged over the families of problems, in [−1, 1].

    Families in which either does not vary are left out; NaN where none remains.
    """
    kept = samples(seen)
    if not kept.shape[1]:
        return np.full(len(weights), np.nan)
    size = kept[:, :, SAMPLE_FEATURES.index("bytes")].mean(axis=1)
    rungs, families = np.array([float(item["rung"]) for item in items]), column(items, "stratum")
    total, count = np.zeros(len(weights)), np.zeros(len(weights))
    for family in np.unique(families):
        within = families == family
        long, hard = (weighted_ranks(v[within], weights[:, within]) for v in (size, rungs))
        rho = _correlation(long, hard, weights[:, within])
        total, count = total + np.nan_to_num(rho), count + np.isfinite(rho)
    return np.where(count > 0, total, np.nan) / np.maximum(count, 1)


def _correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return the weighted Pearson correlation of each row of two tables; NaN where one is constant."""
    mass = np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    dx, dy = (v - (weights * v).sum(axis=1, keepdims=True) / mass for v in (x, y))
    spread = (weights * dx**2).sum(axis=1) * (weights * dy**2).sum(axis=1)
    r: Floats = (weights * dx * dy).sum(axis=1) / np.sqrt(np.where(spread > 1e-9, spread, np.nan))
    return r
