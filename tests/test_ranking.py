"""Ranks: what is told apart, against the definition and the studentized range; places under other weights."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import fixture_entries as fixture
from angels_share.errors import MeasureError
from angels_share.estimate import Draws, Floats, resampling
from angels_share.ranking import (
    Ranks,
    places,
    places_under_random_weights,
    random_weights,
    rank,
    rank_intervals,
    separated,
)
from angels_share.score.model import RowScore, SuiteDraws, SuiteScore

MANY = 10**7
"""Clusters, of which more make no difference."""


def normal(points: list[float], error: float, resamples: int = 2000, seed: int = 0) -> list[Draws]:
    noise = np.random.default_rng(seed).normal(0, error, (len(points), resamples))
    return [Draws(x, x + row) for x, row in zip(points, noise, strict=True)]


def suite(retention: float, losses: dict[str, float], error: float = 0.01, seed: int = 0) -> SuiteScore:
    """Return a suite's score whose rows weigh the same."""
    rows = tuple(
        RowScore(row=row, weight=1 / len(losses), loss=fixture.estimate(loss), tasks=(f"as_{row}",), coverage=1.0)
        for row, loss in losses.items()
    )
    share = sum(losses.values()) / len(losses)
    kept, lost = normal([retention, share], error, seed=seed)
    return fixture.distilled().score.suites[0].model_copy(update={"rows": rows, "draws": SuiteDraws(kept, lost, 100)})


# --- rank intervals --------------------------------------------------------------------------------------------------


def test_hand_computed() -> None:
    """Replicates in step: differences of a to c, and of b to c, vary by ±0.1, those of a to b not at all."""
    steps = np.linspace(-0.1, 0.1, 201)
    a, b, c = Draws(0.9, 0.9 + steps), Draws(0.8, 0.8 + steps), Draws(0.75, np.full(201, 0.75))
    assert separated([a, b, c], MANY).tolist() == [
        [False, True, True],  # a − b = 0.1 without any doubt; a − c = 0.15 against at most 0.1
        [False, False, False],  # b − c = 0.05 against 0.095 at the 95 % point
        [False, False, False],
    ]
    assert rank_intervals([a, b, c], MANY) == [(1, 1), (2, 3), (2, 3)]
    assert rank_intervals([a], MANY) == [(1, 1)]
    assert rank_intervals([], MANY) == []


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7))
def test_is_the_definition(seed: int, pairs: int) -> None:
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=300)
    points = rng.normal(0, 1.5, pairs)
    draws = [Draws(x, x + 0.5 * shared + rng.normal(0, rng.uniform(0.1, 1), 300)) for x in points]
    largest = np.zeros(300)
    for a, b in combinations(draws, 2):
        d = a - b
        largest = np.maximum(largest, abs(d.replicates - d.point) / d.standard_error)
    critical = np.quantile(largest, 0.95)
    better = [[(a - b).point > critical * max((a - b).standard_error, 1e-9) for b in draws] for a in draws]
    assert separated(draws, MANY).tolist() == better
    for k, (low, high) in enumerate(rank_intervals(draws, MANY)):
        assert low == 1 + sum(row[k] for row in better)
        assert high == pairs - sum(better[k])
        assert low <= 1 + sum(points > points[k]) <= high


@pytest.mark.parametrize("pairs", [2, 4, 10])
def test_critical_value_is_that_of_the_studentized_range(pairs: int) -> None:
    """For independent normal pairs of one variance max-T is Tukey's range, whose limits SciPy knows."""
    limit = stats.studentized_range.ppf(0.95, pairs, np.inf)
    draws = normal([0.0] * pairs, 1.0, 60_000)
    for gap, apart in ((0.97 * limit, False), (1.03 * limit, True)):
        moved = [Draws(gap, gap + draws[0].replicates), *draws[1:]]
        found = separated(moved, MANY)
        assert found[0, 1:].all() if apart else not found.any()


@pytest.mark.parametrize("clusters", [5, 40])
def test_two_pairs_of_few_clusters_are_held_to_the_interval_of_their_difference(clusters: int) -> None:
    """With normal replicates the widened interval of a difference and max-T of two pairs agree."""
    noise = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    width = Draws(0.0, noise).quantile(0.975, clusters)
    for gap, apart in ((0.98 * width, False), (1.02 * width, True)):
        found = separated([Draws(gap, gap + noise), Draws(0.0, np.zeros(20_000))], clusters)
        assert found.tolist() == [[False, apart], [False, False]]


def test_more_pairs_are_told_apart_less_easily() -> None:
    two = normal([2.5, 0.0], 0.8, seed=1)
    assert rank_intervals(two, MANY) == [(1, 1), (2, 2)]
    many = [*two, *normal([0.0] * 18, 0.8, seed=2)]
    assert rank_intervals(many, MANY)[0] == (1, 20)


def test_what_pairs_share_does_not_keep_them_together() -> None:
    """Both vary by 0.2 over resamples, but together; separate intervals would overlap."""
    shared = np.random.default_rng(0).normal(0, 0.2, 2000)
    own = np.random.default_rng(1).normal(0, 0.01, (2, 2000))
    draws = [Draws(x, x + shared + row) for x, row in zip((0.6, 0.5), own, strict=True)]
    assert rank_intervals(draws, MANY) == [(1, 1), (2, 2)]


def test_equal_pairs_share_all_ranks() -> None:
    one, other = normal([0.5, 0.9], 0.01)
    same = Draws(one.point, one.replicates.copy())
    assert rank_intervals([one, same], MANY) == [(1, 2), (1, 2)]
    assert rank_intervals([one, other, same], MANY) == [(2, 3), (1, 1), (2, 3)]
    nearly = Draws(one.point + 1e-15, one.replicates + 1e-15)
    assert rank_intervals([one, nearly], MANY) == [(1, 2), (1, 2)], "rounding is no difference"


def test_a_difference_that_never_varies_is_one() -> None:
    """Two submitters who measured nothing, of whom one left out more: there is no doubt which is charged more."""
    assert rank_intervals([Draws(-0.5, np.full(9, -0.5)), Draws(-0.6, np.full(9, -0.6))], MANY) == [(1, 1), (2, 2)]


@given(st.integers(0, 2**32 - 1))
def test_order_of_pairs_changes_nothing(seed: int) -> None:
    draws = normal(np.random.default_rng(seed).normal(0, 2, 6).tolist(), 0.5, 200, seed)
    order = np.random.default_rng(seed).permutation(6)
    ranks = rank_intervals(draws, MANY)
    assert rank_intervals([draws[k] for k in order], MANY) == [ranks[k] for k in order]


def test_other_numbers_of_resamples_cannot_be_paired() -> None:
    with pytest.raises(MeasureError, match="different numbers of resamples"):
        separated([Draws(0.0, np.zeros(200)), Draws(0.0, np.zeros(300))], MANY)


def test_replicates_of_equal_items_are_paired() -> None:
    """Two students of the same items: the difference of their means varies as their paired differences do."""
    rng = np.random.default_rng(0)
    common, own = rng.normal(0, 1, 300), rng.normal(0, 0.1, (2, 300))
    clusters = [f"c{k}" for k in range(300)]
    one, two = (resampling(clusters, "items", 2000).mean(common + row) for row in own)
    assert (one - two).standard_error == pytest.approx((own[0] - own[1]).std() / math.sqrt(300), rel=0.1)
    assert (one - two).standard_error < 0.2 * one.standard_error


# --- places under other weights --------------------------------------------------------------------------------------


def test_places_with_ties() -> None:
    scores = np.array([[0.3, 0.9, 0.3, 0.1], [0.2, 0.2, 0.2, 0.2]])
    assert places(scores).tolist() == [[2, 1, 2, 4], [1, 1, 1, 1]]


def test_weights_are_even_over_the_simplex_and_fixed() -> None:
    weights = random_weights(("boundary", "tail", "safety"))
    assert weights.shape == (1000, 3)
    assert weights.sum(axis=1) == pytest.approx(np.ones(1000))
    assert (weights >= 0).all()
    assert weights.mean(axis=0) == pytest.approx(np.full(3, 1 / 3), abs=0.03)
    assert weights.var(axis=0) == pytest.approx(np.full(3, 1 / 18), abs=0.01), "of Dirichlet(1, 1, 1)"
    assert (weights == random_weights(("boundary", "tail", "safety"))).all()


def placed(retention: list[float], losses: list[dict[str, float]], rows: tuple[str, ...]) -> Floats:
    return places_under_random_weights(retention, losses, rows).astype(np.float64)


def test_places_depend_on_weights_only_where_rows_disagree() -> None:
    rows = ("boundary", "tail")
    losses = [{"boundary": 0.1, "tail": 0.5}, {"boundary": 0.5, "tail": 0.1}, {"boundary": 0.9, "tail": 0.9}]
    found = placed([0.9] * 3, losses, rows)
    assert (found[:, 2] == 3).all(), "worse on every row, so last under any weights"
    first = random_weights(rows)[:, 0] > 0.5
    assert (found[:, 0] == np.where(first, 1, 2)).all()
    assert (found[:, 1] == np.where(first, 2, 1)).all()


def test_a_row_that_is_not_charged_takes_no_weight() -> None:
    rows = ("boundary", "tail")
    found = placed([0.9, 0.9], [{"boundary": 0.3}, {"boundary": 0.2, "tail": 0.2}], rows)
    assert (found[:, 0] == 2).all()
    negative = placed([0.5, 0.5], [{"boundary": -0.3}, {"boundary": 0.0}], ("boundary",))
    assert (negative == 1).all(), "the angel's share is at least 0"


def test_ranks_of_suites() -> None:
    """The first keeps more and loses less; the others are told apart by neither."""
    suites = [
        suite(0.95, {"boundary": 0.1, "tail": 0.1}, seed=1),
        suite(0.80, {"boundary": 0.2, "tail": 0.4}, seed=2),
        suite(0.80, {"boundary": 0.4, "tail": 0.2}, seed=3),
    ]
    first, second, third = rank(suites)
    assert first == Ranks(1, 1, 1, 1, 1, 1, 1, 1, 1.0)
    half = float((random_weights(("boundary", "tail"))[:, 0] > 0.5).mean())
    assert second == Ranks(2, 3, 2, 3, 2, 3, 2, 3, half)
    assert third.place_kept == pytest.approx(1 - half)
    assert rank([]) == []


def test_a_score_from_a_file_has_no_replicates() -> None:
    read = SuiteScore.model_validate_json(fixture.distilled().score.suites[0].model_dump_json())
    assert read == fixture.distilled().score.suites[0]
    with pytest.raises(MeasureError, match="read from a file"):
        rank([read])
