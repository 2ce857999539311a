"""Observables of the row *long tail*: by hand, and laws of pointwise mutual information."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angels_share.discrepancies import half_squared_distance
from angels_share.errors import MeasureError
from angels_share.observables import Floats, observe
from angels_share.observables.tail import pmi_of_gold

law = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)


def pairs(n: int, options: int = 4) -> list[dict[str, Any]]:
    return [
        {"item_id": f"i{k}-{part}", "pair": f"0-{k}", "part": part, "choices": ["x"] * options, "gold": k % options}
        for k in range(n)
        for part in ("question", "prior")
    ]


def drawn(seed: int, n: int, options: int = 4) -> Floats:
    return np.random.default_rng(seed).normal(-5, 2, (2 * n, options))


def test_pmi_by_hand() -> None:
    """Probabilities .5, .1 after the question over .5, .02 before it are in the ratio 1 to 5."""
    seen = observe("pmi_distribution", pairs(1, 2), np.log([[0.5, 0.1], [0.5, 0.02]]))
    assert seen.values == pytest.approx(np.array([[1 / 6, 5 / 6]] * 2))
    assert seen.features == pytest.approx(np.array([[5 / 6, 1 / 6]] * 2))
    assert pmi_of_gold.of(pairs(1, 2), seen) == pytest.approx([1 / 6, 1 / 6])
    assert pmi_of_gold.chance(pairs(1, 2)) == pytest.approx([0.5, 0.5])


def test_places_beyond_the_options_stay_empty() -> None:
    logs = np.log([[0.5, 0.25, np.nan], [0.5, 0.5, np.nan]])
    assert observe("pmi_distribution", pairs(1, 2), logs).values == pytest.approx(np.array([[2 / 3, 1 / 3, 0.0]] * 2))


@law
@given(seeds, st.integers(1, 6))
def test_rows_are_distributions_and_what_is_likely_anyhow_does_not_count(seed: int, n: int) -> None:
    logs = drawn(seed, n)
    seen = observe("pmi_distribution", pairs(n), logs)
    assert seen.values.sum(axis=1) == pytest.approx(np.ones(2 * n))
    assert seen.features is not None
    assert seen.features.sum(axis=1) == pytest.approx(np.ones(2 * n))
    taste = np.random.default_rng(seed + 1).normal(0, 3, (n, 4)).repeat(2, axis=0)
    assert observe("pmi_distribution", pairs(n), logs + taste).values == pytest.approx(seen.values)
    flat = logs.copy()
    flat[1::2] = -1.0
    assert observe("pmi_distribution", pairs(n), flat).values == pytest.approx(seen.features)


@law
@given(seeds, st.integers(2, 6))
def test_order_of_items_changes_nothing(seed: int, n: int) -> None:
    items, logs = pairs(n), drawn(seed, n)
    order = np.random.default_rng(seed).permutation(2 * n)
    moved = observe("pmi_distribution", [items[k] for k in order], logs[order])
    assert moved.values == pytest.approx(observe("pmi_distribution", items, logs).values[order])


@law
@given(seeds)
def test_distance_is_between_0_and_1_and_0_for_the_same(seed: int) -> None:
    one, other = (observe("pmi_distribution", pairs(5), drawn(seed + k, 5)).values for k in (0, 1))
    assert half_squared_distance.between(one, one) == pytest.approx(np.zeros(10))
    d = half_squared_distance.between(one, other)
    assert ((d >= 0) & (d <= 1)).all()
    assert d == pytest.approx(half_squared_distance.between(other, one))


@pytest.mark.parametrize("missing", [0, 1])
def test_half_a_pair_is_refused(missing: int) -> None:
    items = [item for k, item in enumerate(pairs(1)) if k != missing]
    with pytest.raises(MeasureError, match=rf"pair 0-0: its {('question', 'prior')[missing]} is missing"):
        observe("pmi_distribution", items, drawn(0, 1)[:1])
