"""Discrepancies: by hand, by brute force, by simulation, and the laws that they obey."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angels_share import spec
from angels_share.discrepancies import (
    Discrepancy,
    Floats,
    disagreement,
    discrepancy,
    get,
    half_squared_distance,
    half_squared_distance_sampled,
    total_variation,
)
from angels_share.errors import MeasureError

EXACT = (half_squared_distance, disagreement)
EVERY = (*EXACT, half_squared_distance_sampled)
law = settings(deadline=None, max_examples=60)
seeds = st.integers(0, 2**32 - 1)
widths = st.integers(2, 6)


def distributions(seed: int, width: int, n: int = 12) -> Floats:
    """Return rows that add up to 1, from nearly flat to nearly certain."""
    rng = np.random.default_rng(seed)
    return np.vstack([rng.dirichlet(np.full(width, 10.0 ** rng.uniform(-1.5, 1.5))) for _ in range(n)])


def one_hot(seed: int, width: int, n: int = 12) -> Floats:
    return np.eye(width)[np.random.default_rng(seed).integers(0, width, n)]


def counts(seed: int, width: int, repeats: int = 8, n: int = 12) -> Floats:
    rng = np.random.default_rng(seed)
    return np.vstack([rng.multinomial(repeats, p) for p in distributions(seed, width, n)]).astype(np.float64)


def rows_for(kind: Discrepancy, seed: int, width: int) -> Floats:
    if kind.sampled:
        return counts(seed, width)
    return one_hot(seed, width) if kind is disagreement else distributions(seed, width)


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_half_squared_distance_by_hand() -> None:
    p = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    q = np.array([[1.0, 0.0, 0.0], [0.5, 0.3, 0.2], [0.0, 0.0, 1.0], [1 / 3, 1 / 3, 1 / 3]])
    assert half_squared_distance.between(p, q) == pytest.approx([0.25, 0.09, 1.0, 0.0])
    assert total_variation(p, q) == pytest.approx([0.5, 0.3, 1.0, 0.0])


def test_disagreement_by_hand() -> None:
    given_t, given_s = np.eye(3)[[0, 1, 2, 2]], np.eye(3)[[0, 2, 2, 1]]
    assert disagreement.between(given_t, given_s).tolist() == [0.0, 1.0, 0.0, 1.0]


def test_sampled_by_hand() -> None:
    """Three and two samples a side: ``½ (1/3 + 0) − 1/3``, and four and two: ``½ (1/2 + 0) − 1/2``."""
    between = half_squared_distance_sampled.between
    assert between(np.array([[2.0, 1, 0]]), np.array([[1.0, 1, 1]])) == pytest.approx([-1 / 6])
    assert between(np.array([[3.0, 1]]), np.array([[1.0, 1]])) == pytest.approx([-0.25])
    assert between(np.array([[8.0, 0]]), np.array([[8.0, 0]])) == pytest.approx([0.0])
    assert between(np.array([[8.0, 0]]), np.array([[0.0, 8]])) == pytest.approx([1.0])


@pytest.mark.parametrize(("k", "m"), [(2, 2), (8, 8), (3, 7)])
def test_sampled_is_the_mean_over_pairs_of_samples(k: int, m: int) -> None:
    """The U-statistic, pair by pair: how often two answers of one side, and one of each side, are the same."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 4, k), rng.integers(0, 4, m)
        own_a = np.mean([x == y for x, y in combinations(a, 2)])
        own_b = np.mean([x == y for x, y in combinations(b, 2)])
        across = np.mean([x == y for x, y in product(a, b)])
        seen = [np.bincount(x, minlength=4)[None].astype(np.float64) for x in (a, b)]
        assert half_squared_distance_sampled.between(*seen) == pytest.approx([(own_a + own_b) / 2 - across])


# --- laws ------------------------------------------------------------------------------------------------------------


@law
@given(seeds, widths)
def test_exact_ones_are_zero_on_the_same_rows_and_lie_between_0_and_1(seed: int, width: int) -> None:
    for kind in EXACT:
        p, q = rows_for(kind, seed, width), rows_for(kind, seed + 1, width)
        assert (kind.between(p, p) == 0).all()
        d = kind.between(p, q)
        assert (d >= 0).all()
        assert (d <= 1 + 1e-12).all()


@law
@given(seeds, widths)
def test_all_are_symmetric_and_blind_to_order_and_labels(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    for kind in EVERY:
        p, q = rows_for(kind, seed, width), rows_for(kind, seed + 1, width)
        d = kind.between(p, q)
        rows, columns = rng.permutation(len(p)), rng.permutation(width)
        assert kind.between(q, p) == pytest.approx(d, abs=1e-12)
        assert kind.between(p[rows], q[rows]) == pytest.approx(d[rows], abs=1e-12)
        assert kind.between(p[:, columns], q[:, columns]) == pytest.approx(d, abs=1e-12)


@law
@given(seeds, widths)
def test_disagreement_is_half_the_squared_distance_of_greedy_answers(seed: int, width: int) -> None:
    p, q = one_hot(seed, width), one_hot(seed + 1, width)
    assert (disagreement.between(p, q) == half_squared_distance.between(p, q)).all()


@law
@given(seeds, widths, st.integers(2, 12), st.integers(2, 12))
def test_sampled_is_the_plain_distance_less_its_bias(seed: int, width: int, k: int, m: int) -> None:
    """``½ ‖p̂ − q̂‖²`` overstates by half of ``(1 − ‖p̂‖²) / (K − 1) + (1 − ‖q̂‖²) / (M − 1)``."""
    a, b = counts(seed, width, k), counts(seed + 1, width, m)
    p, q = a / k, b / m
    bias = 0.5 * ((1 - (p**2).sum(axis=1)) / (k - 1) + (1 - (q**2).sum(axis=1)) / (m - 1))
    d = half_squared_distance_sampled.between(a, b)
    assert d == pytest.approx(half_squared_distance.between(p, q) - bias, abs=1e-12)
    assert (d <= 1 + 1e-12).all()


@law
@given(seeds, widths)
def test_total_variation_bounds_the_charged_discrepancy(seed: int, width: int) -> None:
    p, q = distributions(seed, width), distributions(seed + 1, width)
    d, tv = half_squared_distance.between(p, q), total_variation(p, q)
    assert (d <= tv + 1e-12).all()
    assert (d >= 2 * tv**2 / width - 1e-12).all()


@law
@given(seeds, widths)
def test_spread_gives_the_discrepancy_of_any_two_items(seed: int, width: int) -> None:
    for kind in EVERY:
        rows = rows_for(kind, seed, width)
        own, profiles = kind.spread(rows)
        for i, j in combinations(range(len(rows)), 2):
            d = kind.between(rows[[i]], rows[[j]])
            assert d == pytest.approx([0.5 * (own[i] + own[j]) - profiles[i] @ profiles[j]], abs=1e-12)


# --- by simulation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("same", [True, False])
def test_sampled_is_unbiased(same: bool) -> None:
    rng = np.random.default_rng(1)
    p = np.full(10, 0.1) if same else rng.dirichlet(np.ones(10))
    q = p if same else rng.dirichlet(np.ones(10))
    ours, theirs = (rng.multinomial(8, x, 40_000).astype(np.float64) for x in (p, q))
    d = half_squared_distance_sampled.between(ours, theirs)
    true = 0.5 * ((p - q) ** 2).sum()
    assert abs(d.mean() - true) < 4 * d.std() / 200
    assert d.std() / 200 < 0.001
    assert d.min() < 0


def test_sampled_tends_to_the_exact_one() -> None:
    rng = np.random.default_rng(2)
    p, q = distributions(3, 4), distributions(4, 4)
    a, b = (np.vstack([rng.multinomial(10**6, row) for row in rows]).astype(np.float64) for rows in (p, q))
    assert half_squared_distance_sampled.between(a, b) == pytest.approx(half_squared_distance.between(p, q), abs=0.005)


# --- the registry ----------------------------------------------------------------------------------------------------


def test_every_task_names_a_discrepancy_that_fits_its_readout() -> None:
    for task in spec.tasks().values():
        kind = get(task.measure.discrepancy)
        assert kind.name == task.measure.discrepancy
        assert kind.sampled == (task.measure.readout == "sampled")


def test_a_second_measure_of_one_name_is_refused() -> None:
    def disagreement(teacher: Floats, student: Floats) -> Floats:
        return teacher - student

    with pytest.raises(MeasureError, match="'disagreement' is registered already"):
        discrepancy(get("disagreement").spread)(disagreement)
    assert get("disagreement").between(np.eye(2), np.eye(2)).tolist() == [0, 0]


def test_unknown_name_is_refused_with_a_hint() -> None:
    with pytest.raises(MeasureError, match="Did you mean disagreement"):
        get("disagrement")
