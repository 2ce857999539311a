"""Displayed statistics of the row *predictive distribution*: shape, ranks, and bits a byte.

Where a task has options, p is the teacher's distribution over an item's options and q the student's. Where it has
texts, p_j and q_j are the probabilities of word j given all before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from angels_share.observables import Floats, Items, Observation
from angels_share.observables.sequences import LEAST, surprisals, text_bytes, word_table
from angels_share.statistics.registry import statistic, weighted_mean

JUMP = 2.0
"""Bits by which the surprisal of a word must differ to be counted."""


# --- options ---------------------------------------------------------------------------------------------------------


def entropy(p: Floats) -> Floats:
    """Return the entropy of each row in bits, ``−Σ_k p_k log₂ p_k`` with 0 log 0 = 0."""
    bits: Floats = -(p * np.log2(np.where(p > 0, p, 1.0))).sum(axis=1)
    return bits


def jensen_shannon_of(p: Floats, q: Floats) -> Floats:
    """Return the Jensen-Shannon divergence of each pair of rows in bits, in [0, 1].

    ``H((p + q)/2) − ½ H(p) − ½ H(q)`` with base-2 entropies (Lin 1991, IEEE Transactions on Information Theory 37:145).

    Examples
    --------
    >>> jensen_shannon_of(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).tolist()
    [1.0]
    """
    divergence: Floats = entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2
    return np.maximum(divergence, 0.0)


def among(p: Floats, kept: NDArray[np.bool_]) -> Floats:
    """Return each row over its kept options only, adding up to 1; NaN where these have no probability."""
    part = np.where(kept, p, 0.0)
    total = part.sum(axis=1, keepdims=True)
    over: Floats = np.where(total > 0, part, np.nan) / np.where(total > 0, total, 1.0)
    return over


def _offered(items: Items, width: int) -> NDArray[np.bool_]:
    """Tell which columns are options of each item."""
    counts = np.array([len(item["choices"]) for item in items])
    offered: NDArray[np.bool_] = np.arange(width) < counts[:, None]
    return offered


def _rest(items: Items, teacher: Observation) -> NDArray[np.bool_]:
    """Tell which columns are options of each item other than the teacher's first."""
    rest = _offered(items, teacher.values.shape[1])
    rest[np.arange(len(items)), teacher.values.argmax(axis=1)] = False
    return rest


def _valid(items: Items, width: int) -> NDArray[np.bool_]:
    valid = np.zeros((len(items), width), dtype=np.bool_)
    for row, item in zip(valid, items, strict=True):
        row[: len(item["valid"])] = np.asarray(item["valid"]) > 0
    return valid


@statistic("Jensen-Shannon divergence", "bits", paired=True)
def jensen_shannon(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Mean Jensen-Shannon divergence of the two distributions over an item's options, in [0, 1] bits."""
    return weighted_mean(jensen_shannon_of(teacher.values, student.values), weights)


@statistic("entropy as a share of the largest possible", "share")
def normalised_entropy(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of ``H(q) / log₂ C`` over items with C options, in [0, 1]; 1 for a uniform distribution."""
    counts = _offered(items, seen.values.shape[1]).sum(axis=1)
    return weighted_mean(entropy(seen.values) / np.log2(counts), weights)


@statistic("share of items whose likeliest option differs", "share", paired=True)
def top_flips(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Share of items on which the two models put most probability on different options; ties go to the first."""
    flipped = teacher.values.argmax(axis=1) != student.values.argmax(axis=1)
    return weighted_mean(flipped.astype(np.float64), weights)


@statistic("rank correlation of the options below the teacher's first", "τ", paired=True)
def order_of_the_rest(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Mean over items of Kendall's τ_b between p and q on all options but the teacher's likeliest, in [−1, 1].

    Items on which either model ranks these options all alike, or with fewer than two of them, are left out.
    """
    rest = _rest(items, teacher)
    both = rest[:, :, None] & rest[:, None, :]
    one, two = (np.sign(v[:, :, None] - v[:, None, :]) * both for v in (teacher.values, student.values))
    agree, spread = (one * two).sum(axis=(1, 2)), (one**2).sum(axis=(1, 2)) * (two**2).sum(axis=(1, 2))
    tau = np.where(spread > 0, agree, np.nan) / np.sqrt(np.where(spread > 0, spread, 1.0))
    return weighted_mean(tau, weights)


@statistic("Jensen-Shannon divergence below the teacher's first option", "bits", paired=True)
def divergence_of_the_rest(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Mean Jensen-Shannon divergence of p and q over all options but the teacher's likeliest, each adding up to 1.

    What a teacher thinks of the answers that it does not give is the "dark knowledge" of Hinton et al. 2015 (arXiv
    1503.02531). Items on which either model gives these options no probability are left out.
    """
    rest = _rest(items, teacher)
    return weighted_mean(jensen_shannon_of(among(teacher.values, rest), among(student.values, rest)), weights)


@statistic("entropy among the options that fit, as a share of the largest possible", "share")
def entropy_among_valid(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of ``H(q̃) / log₂ V`` with q̃ the distribution over the V valid options alone, in [0, 1]."""
    valid = _valid(items, seen.values.shape[1])
    return weighted_mean(entropy(among(seen.values, valid)) / np.log2(valid.sum(axis=1)), weights)


@statistic("half squared distance among the options that fit", "d", paired=True)
def divergence_among_valid(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Mean of ``½ ‖p̃ − q̃‖²`` with both distributions over the valid options alone, in [0, 1]."""
    valid = _valid(items, teacher.values.shape[1])
    gap = among(teacher.values, valid) - among(student.values, valid)
    return weighted_mean(0.5 * (gap**2).sum(axis=1), weights)


# --- samples ---------------------------------------------------------------------------------------------------------


@statistic("probability that two draws agree", "share")
def repeat_rate(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of ``Σ_k n_k (n_k − 1) / (K (K − 1))``, which estimates Σ_k q_k² without bias; 1 without any spread."""
    n = seen.values
    k = n.sum(axis=1)
    return weighted_mean((n * (n - 1)).sum(axis=1) / (k * (k - 1)), weights)


# --- texts -----------------------------------------------------------------------------------------------------------


@statistic("change in a word's probability", "probability", paired=True)
def probability_change(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Mean over items of the mean of ``|p_j − q_j|`` over an item's words, in [0, 1]."""
    gap = np.abs(word_table(items, teacher) - word_table(items, student))
    return weighted_mean(np.nanmean(gap, axis=1), weights)


@statistic("root mean square change in a word's probability", "probability", paired=True)
def probability_change_rms(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Root of the mean over items of the mean of ``(p_j − q_j)²`` over an item's words, in [0, 1]."""
    gap = word_table(items, teacher) - word_table(items, student)
    return np.sqrt(weighted_mean(np.nanmean(gap**2, axis=1), weights))


@statistic("correlation of the words' surprisals", "r", paired=True)
def surprisal_correlation(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Pearson correlation over all words of ``−log₂ p_j`` and ``−log₂ q_j``, in [−1, 1]; NaN where one is constant."""
    raw = surprisals(items, teacher), surprisals(items, student)
    x, y = (bits - np.nanmean(bits) for bits in raw)
    parts = (np.isfinite(x), x, y, x * x, y * y, x * y)
    n, sx, sy, sxx, syy, sxy = (weights @ np.nansum(part, axis=1) for part in parts)
    spreads = n * sxx - sx**2, n * syy - sy**2
    rounding = [1e-20 * n**2 * np.nanmean(bits**2) for bits in raw]
    known = (spreads[0] > rounding[0]) & (spreads[1] > rounding[1])
    spread = np.where(known, spreads[0] * spreads[1], 1.0)
    r: Floats = np.where(known, n * sxy - sx * sy, np.nan) / np.sqrt(spread)
    return r


@statistic("share of words whose surprisal differs by more than 2 bits", "share", paired=True)
def surprisal_jumps(items: Items, teacher: Observation, student: Observation, weights: Floats) -> Floats:
    """Mean over items of the share of words with ``|log₂ p_j − log₂ q_j| > 2``, in [0, 1]."""
    gap = np.abs(surprisals(items, teacher) - surprisals(items, student))
    words = np.isfinite(gap).sum(axis=1)
    return weighted_mean((gap > JUMP).sum(axis=1) / words, weights)


@statistic("bits per byte", "bits/byte")
def window_bits_per_byte(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Bits of all windows by their bytes, ``Σ_i bits_i / Σ_i B_i``: long windows count for more; 0 or more."""
    return _bits_per_byte(np.nansum(surprisals(items, seen), axis=1), items, weights)


@statistic("bits per byte", "bits/byte")
def document_bits_per_byte(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Bits of all documents by their bytes, ``Σ_i bits_i / Σ_i B_i``: long documents count for more; 0 or more."""
    bits = -np.log2(np.maximum(seen.values[:, 0], LEAST)) * text_bytes(items)
    return _bits_per_byte(bits, items, weights)


def _bits_per_byte(bits: Floats, items: Items, weights: Floats) -> Floats:
    size = text_bytes(items)
    return weighted_mean(bits, weights) / weighted_mean(size, weights)
