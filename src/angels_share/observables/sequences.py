"""Observables and utilities of texts read word by word or step by step: windows, workings and whole documents.

None depends on how a model cuts text into tokens. A window's options are its beginnings, one word longer each, so that
differences of their log-likelihoods are log-probabilities of words, and likewise of the steps of a working; a document
has one log-likelihood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from angels_share.observables.registry import Floats, Items, Observation, Texts, observable, utility

LEAST = 1e-300
"""Least probability that a logarithm is taken of."""

BYTE = 2.0**-8
"""Probability of a byte where all 256 are alike: eight bits a byte."""


@observable
def word_probabilities(items: Items, responses: Floats | Texts) -> Observation:
    """Probability of each word of a window given all before it, from the likelihoods of the window's beginnings.

    ``p_j = exp(ℓ_j − ℓ_{j−1})`` with ℓ_j the log-likelihood (nats) of the first j words and ℓ_0 = 0; where rounding or
    a tokeniser makes a longer beginning likelier than a shorter one, p_j is 1. The row of an item with W words is
    ``(p_1, …, p_W, 1 − p_1, …, 1 − p_W) / √W``, so that half the squared distance of two rows is the mean of
    ``(Δp_j)²`` over the words, in [0, 1].

    Examples
    --------
    >>> word_probabilities([{"choices": ["oak", "oak is"]}], np.log([[0.5, 0.125]])).values.round(3).tolist()
    [[0.354, 0.177, 0.354, 0.53]]
    """
    logs = np.asarray(responses, dtype=np.float64)
    p = np.exp(np.minimum(np.diff(logs, axis=1, prepend=0.0), 0.0))
    known = np.isfinite(logs)
    rows = np.hstack([np.where(known, p, 0.0), np.where(known, 1 - p, 0.0)]) / np.sqrt(known.sum(axis=1))[:, None]
    width = logs.shape[1]
    categories = (*(f"word {j + 1}" for j in range(width)), *(f"not word {j + 1}" for j in range(width)))
    return Observation(rows, categories, np.zeros(len(items)), distribution=False)


def word_table(items: Items, seen: Observation) -> Floats:
    """Return the word probabilities behind :func:`word_probabilities`, shape (items, words), NaN beyond a window."""
    words = np.array([len(item["choices"]) for item in items])
    width = seen.values.shape[1] // 2
    p = seen.values[:, :width] * np.sqrt(words)[:, None]
    return np.where(np.arange(width) < words[:, None], np.clip(p, 0.0, 1.0), np.nan)


@observable
def step_probabilities(items: Items, responses: Floats | Texts) -> Observation:
    """Probability of each step of a working given all before it, from the likelihoods of the working's beginnings.

    ``p_j = exp(ℓ_j − ℓ_{j−1})`` as in :func:`word_probabilities`. Rows hold one number a step, NaN beyond a working,
    and belong with the discrepancy ``mean_squared_difference``, because workings differ in length. The features are the
    log-probabilities ``ℓ_j − ℓ_{j−1}`` in nats.

    Examples
    --------
    >>> step_probabilities([{"choices": ["9 step 2", "9 step 2 10"]}], np.log([[0.5, 0.125]])).values.round(3).tolist()
    [[0.5, 0.25]]
    """
    gains = np.diff(np.asarray(responses, dtype=np.float64), axis=1, prepend=0.0)
    p = np.exp(np.minimum(gains, 0.0))
    categories = tuple(f"step {j + 1}" for j in range(p.shape[1]))
    return Observation(p, categories, np.zeros(len(items)), distribution=False, features=gains)


def likelihood_per_byte(doc: Mapping[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Return what plain lm-eval prints of workings without a utility: ``exp(ℓ / B)`` of the longest beginning."""
    log_likelihood, _ = results[-1]
    return {"likelihood_per_byte": float(np.exp(log_likelihood / text_bytes([doc])[0]))}


def text_bytes(items: Items) -> Floats:
    """Return the length of each item's whole window or document in bytes of UTF-8, shape (items,)."""
    return np.array([float(len(item["choices"][-1].encode("utf-8"))) for item in items])


def surprisals(items: Items, seen: Observation) -> Floats:
    """Return the surprisal of each word of the windows in bits, shape (items, words), NaN beyond a window."""
    bits: Floats = -np.log2(np.maximum(word_table(items, seen), LEAST))
    return bits


@observable
def document_likelihood(items: Items, responses: Floats | Texts) -> Observation:
    """Likelihood of a whole document per byte: ``u = exp(ℓ / B)``, ℓ its log-likelihood (nats), B its bytes of UTF-8.

    This is 2 to the power of minus bits per byte, the geometric mean of the bytes' probabilities. The row of an item is
    ``(u, 1 − u)``, so that half the squared distance of two rows is ``(Δu)²``, in [0, 1].

    Examples
    --------
    >>> document_likelihood([{"choices": ["oak "]}], np.log([[0.5**8]])).values.tolist()
    [[0.25, 0.75]]
    """
    logs = np.asarray(responses, dtype=np.float64)[:, 0]
    u = np.exp(np.minimum(logs, 0.0) / text_bytes(items))
    rows = np.stack([u, 1 - u], axis=1)
    return Observation(rows, ("likelihood per byte", "rest"), np.zeros(len(items)), distribution=False)


def _chance(items: Items) -> Floats:
    return np.full(len(items), BYTE)


@utility("word_probabilities", _chance, smooth=True, credited=False)
def predictability(items: Items, seen: Observation) -> Floats:
    """Two to the power of minus the window's bits per byte, ``u = 2^(Σ_j log₂ p_j / B)``, in [0, 1]; chance 2⁻⁸.

    It earns no credit: a student that gives each word the teacher's mean probability has more bits per byte right than
    the teacher, because the geometric mean of a mean is larger than the mean of geometric means.
    """
    u: Floats = np.exp2(-np.nansum(surprisals(items, seen), axis=1) / text_bytes(items))
    return u


@utility("document_likelihood", _chance, smooth=True)
def compression(items: Items, seen: Observation) -> Floats:
    """Two to the power of minus the document's bits per byte, ``u = exp(ℓ / B)``, in [0, 1]; chance 2⁻⁸."""
    u: Floats = seen.values[:, 0].copy()
    return u
