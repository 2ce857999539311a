"""How alike the hidden states of two models are: debiased linear CKA between layers.

Rows are the same words of the same documents for both models; columns are hidden units, of which each model has a
number of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from angels_share.errors import MeasureError

Floats = NDArray[np.float64]

LIKE_DEPTH = 0.25
"""Layers whose relative depths differ by no more than this are compared with each other."""

LEAST_ROWS = 4
"""The estimator divides by n (n − 3)."""


@dataclass(frozen=True)
class Gram:
    """What the estimator needs of one layer's states X of shape (rows, units): nothing of size rows × rows.

    Attributes
    ----------
    parts : list of arrays of shape (rows of a group, units)
        The states, group by group of documents, shifted by their mean.
    squares : array of shape (rows,)
        Squared norm of each row, the diagonal of the Gram matrix ``K = X Xᵀ``.
    row_sums : array of shape (groups + 1, rows)
        Sums of the rows of K without its diagonal: over all rows, then over all but those of each group.
    kept : array of shape (groups + 1, rows)
        Which rows are counted: all, then all but those of each group.
    """

    parts: list[Floats]
    squares: Floats
    row_sums: Floats
    kept: NDArray[np.bool_]

    @classmethod
    def of(cls, states: NDArray[np.floating[Any]], group: NDArray[np.integer[Any]] | None = None) -> Gram:
        """Return the parts for states of shape (rows, units) and the group of each row, 0, 1, … in ascending order.

        Raises
        ------
        MeasureError
            If fewer than four rows are left without the largest group.
        """
        x = np.asarray(states, dtype=np.float64)
        x = x - x.mean(axis=0)
        places = np.zeros(0, dtype=int) if group is None else np.asarray(group)
        numbers = np.unique(places)
        kept = np.vstack([np.ones(len(x), dtype=bool), *(places != g for g in numbers)])
        if kept.sum(axis=1).min() < LEAST_ROWS:
            raise MeasureError(f"{kept.sum(axis=1).min()} rows; debiased CKA needs at least {LEAST_ROWS}")
        squares = (x**2).sum(axis=1)
        sums = np.stack([x[rows].sum(axis=0) for rows in kept])
        parts = [x[places == g] for g in numbers] if len(numbers) else [x]
        return cls(parts, squares, np.where(kept, sums @ x.T - squares, 0.0), kept)


def hsic(a: Gram, b: Gram) -> Floats:
    """Return the unbiased Hilbert-Schmidt independence criterion of two linear kernels on the same rows.

    ``HSIC₁ = [tr(K̃L̃) + (1ᵀK̃1)(1ᵀL̃1) / ((n − 1)(n − 2)) − 2 · 1ᵀK̃L̃1 / (n − 2)] / (n (n − 3))`` with K̃ and L̃ the Gram
    matrices without their diagonals (Song et al. 2012, JMLR 13:1393). Its expectation is 0 for independent rows, and a
    shift of all rows changes nothing. Shape (groups + 1,): of all rows, then of all but those of each group.
    """
    crossed = np.stack([x.T @ y for x, y in zip(a.parts, b.parts, strict=True)])
    whole = crossed.sum(axis=0)
    left = [whole, *(whole - part for part in crossed)] if len(a.kept) > 1 else [whole]
    n = a.kept.sum(axis=1).astype(np.float64)
    traces = np.array([(c**2).sum() for c in left]) - a.kept @ (a.squares * b.squares)
    totals = a.row_sums.sum(axis=1) * b.row_sums.sum(axis=1)
    rows = (a.row_sums * b.row_sums).sum(axis=1)
    values: Floats = (traces + totals / ((n - 1) * (n - 2)) - 2 * rows / (n - 2)) / (n * (n - 3))
    return values


def matrix(teacher: list[Gram], student: list[Gram]) -> Floats:
    """Return debiased linear CKA of every pair of layers, ``HSIC₁(K, L) / √(HSIC₁(K, K) HSIC₁(L, L))``.

    It is 1 for equal geometry and about 0 for none. The plain estimator is near 1 for any two layers with more units
    than rows (Murphy et al. 2024, arXiv 2405.01012); this one is not, and may fall a little below 0. Shape (groups + 1,
    teacher's layers, student's layers): of all rows, then of all but those of each group.

    Examples
    --------
    >>> x = np.arange(12.0).reshape(6, 2) ** 2
    >>> matrix([Gram.of(x)], [Gram.of(3 * x + 1)]).round(6).tolist()
    [[[1.0]]]
    """
    own_t, own_s = ([hsic(g, g) for g in layers] for layers in (teacher, student))
    crossed = np.array([[hsic(a, b) for b in student] for a in teacher])
    own = np.array([[p * q for q in own_s] for p in own_t])
    with np.errstate(divide="ignore", invalid="ignore"):
        values: Floats = np.where(own > 0, crossed / np.sqrt(np.maximum(own, 0.0)), np.nan)
    return np.moveaxis(values, -1, 0)


def near(teacher: int, student: int) -> NDArray[np.bool_]:
    """Return which pairs of layers lie at like depth, shape (teacher's layers, student's layers).

    Layers count from 0, the embedding, to 1, the last; like is a difference of at most a quarter.

    Examples
    --------
    >>> near(3, 2).tolist()
    [[True, False], [True, False], [False, True]]
    """
    depth_t, depth_s = (np.linspace(0, 1, n) if n > 1 else np.ones(1) for n in (teacher, student))
    alike: NDArray[np.bool_] = np.abs(depth_t[:, None] - depth_s[None, :]) <= LIKE_DEPTH + 1e-9
    closest = np.abs(depth_t[:, None] - depth_s[None, :]).argmin(axis=1)
    alike[np.arange(teacher), closest] = True
    return alike


def summary(values: Floats) -> float:
    """Return the mean over the teacher's layers of the best CKA with a student's layer at like depth."""
    return float(np.where(near(*values.shape), values, -np.inf).max(axis=1).mean())
