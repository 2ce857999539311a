"""Estimation: resampling, intervals and tests, against brute force, independent libraries and simulation."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from angels_share.discrepancies import half_squared_distance, half_squared_distance_sampled
from angels_share.errors import MeasureError
from angels_share.estimate import (
    Draws,
    Floats,
    benjamini_hochberg,
    holm,
    newcombe,
    p_difference,
    p_equivalence,
    p_mcnemar,
    resampling,
    robust_standard_error,
    variation,
)

law = settings(deadline=None, max_examples=50)
seeds = st.integers(0, 2**32 - 1)


def names(clusters: int, per_cluster: int = 1) -> list[str]:
    return [f"cluster {g}" for g in range(clusters) for _ in range(per_cluster)]


def correlated(rng: np.random.Generator, rate: float, clusters: int, per_cluster: int, correlation: float) -> Floats:
    """Return events of this rate whose items share their cluster's fate, with this intra-cluster correlation."""
    shared = rng.random((clusters, 1)) < rate
    own = rng.random((clusters, per_cluster)) < rate
    follows = rng.random((clusters, per_cluster)) < math.sqrt(correlation)
    return np.where(follows, shared, own).astype(np.float64).ravel()


# --- draws -----------------------------------------------------------------------------------------------------------


def test_draws_do_arithmetic_on_point_and_replicates_alike() -> None:
    a, b = Draws(3.0, np.array([2.0, 4.0])), Draws(2.0, np.array([1.0, 4.0]))
    for made, point, replicates in [
        (a + b, 5.0, [3.0, 8.0]),
        (a - b, 1.0, [1.0, 0.0]),
        (a * b, 6.0, [2.0, 16.0]),
        (a / b, 1.5, [2.0, 1.0]),
        (a - 1.0, 2.0, [1.0, 3.0]),
        (a * 0.5, 1.5, [1.0, 2.0]),
        (a.at_most(2.5), 2.5, [2.0, 2.5]),
        (a.at_least(3.5), 3.5, [3.5, 4.0]),
    ]:
        assert made.point == point
        assert made.replicates.tolist() == replicates
    assert a.standard_error == pytest.approx(math.sqrt(2))


def test_quantile_is_wider_than_the_percentile_and_tends_to_it() -> None:
    draws = Draws(0.0, np.random.default_rng(0).normal(size=20_000))
    ends = [draws.quantile(0.975, clusters) for clusters in (5, 20, 100, 10**7)]
    assert all(wide > narrow for wide, narrow in pairwise(ends))
    assert ends[-1] == pytest.approx(np.quantile(draws.replicates, 0.975), abs=1e-4)
    assert ends[1] == pytest.approx(math.sqrt(20 / 19) * 2.093, abs=0.1)
    assert draws.quantile(0.025, 20) == pytest.approx(-ends[1], abs=0.1)


# --- resampling ------------------------------------------------------------------------------------------------------


def test_resampling_is_deterministic_and_depends_only_on_the_item_set() -> None:
    one, two, other = (resampling(names(50, 3), digest, 200) for digest in ("items", "items", "other items"))
    assert (one.multiplicity == two.multiplicity).all()
    assert (one.pseudo == two.pseudo).all()
    assert (one.of_item == two.of_item).all()
    assert (one.multiplicity != other.multiplicity).any()
    assert (one.pseudo != other.pseudo).any()


def test_replicates_do_not_depend_on_what_was_measured() -> None:
    scheme = resampling(names(30, 2), "items", 200)
    a, b = np.random.default_rng(0).random((2, 60))
    difference = scheme.mean(a) - scheme.mean(b)
    assert difference.replicates == pytest.approx(scheme.mean(a - b).replicates)


@law
@given(seeds)
def test_order_of_items_changes_no_replicate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clusters, values = np.array(names(20, 3)), rng.random(60)
    order = rng.permutation(60)
    one = resampling(clusters.tolist(), "items", 50)
    two = resampling(clusters[order].tolist(), "items", 50)
    for extremes in (None, (0.0, 1.0)):
        a, b = one.mean(values, extremes), two.mean(values[order], extremes)
        assert a.point == pytest.approx(b.point, abs=1e-12)
        assert a.replicates == pytest.approx(b.replicates, abs=1e-12)


def test_whole_clusters_are_resampled() -> None:
    """Each resample has as many clusters as the sample, and its mean is that of the items of those clusters."""
    rng = np.random.default_rng(0)
    clusters = [f"c{g}" for g in range(12) for _ in range(1 + g % 4)]
    values = rng.random(len(clusters))
    scheme = resampling(clusters, "items", 40)
    assert (scheme.multiplicity.sum(axis=1) == 12).all()
    replicates = scheme.mean(values).replicates
    for drawn, replicate in zip(scheme.multiplicity, replicates, strict=True):
        items = np.repeat(values, drawn[scheme.of_item].astype(int))
        assert replicate == pytest.approx(items.mean())


def test_extremes_add_half_a_cluster_each_on_average_and_leave_the_point() -> None:
    values = np.zeros(90)
    scheme = resampling(names(30, 3), "items", 20_000)
    plain, drawn = scheme.mean(values), scheme.mean(values, (0.0, 1.0))
    assert (plain.replicates == 0).all()
    assert drawn.point == 0
    low, high = scheme.pseudo.T
    assert drawn.replicates == pytest.approx(high / (30 + low + high))
    assert scheme.pseudo.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.03)
    assert drawn.quantile(0.95, 10**7) == pytest.approx(1.921 / 30.5, abs=0.006), "Gamma(½) has its 95 % point at 1.921"


def test_many_clusters_are_hashed_into_fixed_blocks() -> None:
    for clusters, blocks in ((4000, 4000), (4001, 2000), (20_000, 2000)):
        scheme = resampling(names(clusters), "items", 2)
        assert scheme.clusters <= blocks
        assert scheme.clusters > 0.8 * blocks
        assert scheme.of_item.max() < scheme.clusters
    forward, back = names(9000, 2), names(9000, 2)[::-1]
    one, two = resampling(forward, "items", 2).of_item, resampling(back, "items", 2).of_item[::-1]
    assert (one == two).all()
    assert (one[::2] == one[1::2]).all(), "items of a cluster stay in one block"


def test_blocks_are_those_of_earlier_releases() -> None:
    """By SHA-256, and numbered in the order of their names as texts."""
    clusters = names(5000)
    block = [str(int(hashlib.sha256(c.encode()).hexdigest(), 16) % 2000) for c in clusters]
    _, expected = np.unique(block, return_inverse=True)
    assert (resampling(clusters, "items", 2).of_item == expected).all()


def test_blocks_give_the_error_that_clusters_give() -> None:
    values = correlated(np.random.default_rng(0), 0.3, 6000, 2, 0.5)
    scheme = resampling(names(6000, 2), "items", 2000)
    by_cluster = values.reshape(-1, 2).mean(axis=1).std(ddof=1) / math.sqrt(6000)
    assert scheme.mean(values).standard_error == pytest.approx(by_cluster, rel=0.1)


def test_one_cluster_is_refused() -> None:
    with pytest.raises(MeasureError, match="1 cluster"):
        resampling(["a", "a"], "items")


# --- variation -------------------------------------------------------------------------------------------------------


@law
@given(seeds, st.integers(2, 5))
def test_exact_variation_is_that_of_the_best_constant(seed: int, width: int) -> None:
    """No constant does better: neither the mean nor any single answer of the teacher, nor any other."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(width, 0.5), 24)
    scheme = resampling(names(12, 2), "items", 30)
    drawn = variation(*half_squared_distance.spread(p), scheme, sampled=False)
    constants = np.vstack([p.mean(axis=0), p, rng.dirichlet(np.ones(width), 50)])
    divergences = [half_squared_distance.between(p, np.tile(a, (24, 1))).mean() for a in constants]
    assert drawn.point == pytest.approx(min(divergences), abs=1e-12)
    assert divergences[0] == pytest.approx(min(divergences), abs=1e-12)
    assert 0 <= drawn.point <= 0.5


@pytest.mark.parametrize("sampled", [False, True])
def test_variation_of_a_resample_is_that_of_its_items(sampled: bool) -> None:
    """Exact: each replicate is the variation of the resampled items, but for a common factor that gives them the point
    as their mean; sampled: over pairs from different clusters.
    """
    rng = np.random.default_rng(0)
    clusters = np.array([f"c{g}" for g in range(8) for _ in range(1 + g % 3)])
    n = len(clusters)
    p = rng.dirichlet(np.ones(3), n)
    rows = np.vstack([rng.multinomial(8, x) for x in p]).astype(np.float64) if sampled else p
    kind = half_squared_distance_sampled if sampled else half_squared_distance
    scheme = resampling(clusters.tolist(), "items", 25)
    drawn = variation(*kind.spread(rows), scheme, sampled=sampled)
    expected = []
    for weights in [np.ones(8), *scheme.multiplicity]:
        w = weights[scheme.of_item]
        d = np.array([[kind.between(rows[[i]], rows[[j]])[0] for j in range(n)] for i in range(n)])
        pairs = np.outer(w, w)
        if sampled:
            pairs *= clusters[:, None] != clusters[None, :]
        else:
            np.fill_diagonal(d, 0.0)
        expected.append(0.5 * (pairs * d).sum() / pairs.sum())
    point, replicates = expected[0], np.array(expected[1:])
    assert drawn.point == pytest.approx(point)
    assert drawn.replicates == pytest.approx(replicates * (1.0 if sampled else point / replicates.mean()))
    assert sampled or replicates.mean() < point


def test_sampled_variation_is_unbiased() -> None:
    """Over items and answers drawn anew, the mean is half the mean ``½ ‖p_i − p_j‖²`` of independent items."""
    rng = np.random.default_rng(1)
    kinds = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]])
    true = 0.5 * ((kinds**2).sum(axis=1).mean() - (kinds.mean(axis=0) ** 2).sum())
    scheme = resampling(names(40, 2), "items", 2)
    points = []
    for _ in range(1500):
        p = np.repeat(kinds[rng.integers(0, 3, 40)], 2, axis=0)
        rows = rng.multinomial(8, p).astype(np.float64)
        points.append(variation(*half_squared_distance_sampled.spread(rows), scheme, sampled=True).point)
    error = np.std(points) / math.sqrt(len(points))
    assert abs(np.mean(points) - true) < 4 * error
    assert error < 0.01 * true


def test_a_constant_teacher_does_not_vary() -> None:
    scheme = resampling(names(20), "items", 20)
    same = np.tile([[0.25, 0.75]], (20, 1))
    drawn = variation(*half_squared_distance.spread(same), scheme, sampled=False)
    assert drawn.point == pytest.approx(0, abs=1e-15)
    assert drawn.replicates == pytest.approx(np.zeros(20), abs=1e-15)


# --- standard errors and tests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(1,), (3,), (1, 2, 5)])
def test_robust_error_is_that_of_a_regression_on_a_constant(sizes: tuple[int, ...]) -> None:
    """Statsmodels corrects by ``G / (G − 1) · (n − 1) / (n − 1)`` where the intercept is the only coefficient."""
    rng = np.random.default_rng(0)
    clusters = [f"c{g}" for g in range(25) for _ in range(sizes[g % len(sizes)])]
    scheme = resampling(clusters, "items", 2)
    values = rng.normal(size=len(clusters)) + rng.normal(size=25)[scheme.of_item]
    model = sm.OLS(values, np.ones(len(values)))
    error = robust_standard_error(values, scheme)
    for corrected, factor in ((True, 1.0), (False, math.sqrt(25 / 24))):
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": scheme.of_item, "use_correction": corrected})
        assert error == pytest.approx(fit.bse[0] * factor)


def test_robust_error_agrees_with_the_bootstrap() -> None:
    values = correlated(np.random.default_rng(0), 0.4, 200, 3, 0.3)
    scheme = resampling(names(200, 3), "items", 4000)
    assert robust_standard_error(values, scheme) == pytest.approx(scheme.mean(values).standard_error, rel=0.05)


@pytest.mark.parametrize("mean", [-0.2, -0.04, 0.0, 0.03, 0.049])
def test_equivalence_is_the_larger_of_two_one_sided_t_tests(mean: float) -> None:
    values = np.random.default_rng(0).normal(mean, 0.2, 150)
    scheme = resampling(names(150), "items", 2)
    error = robust_standard_error(values, scheme)
    expected = DescrStatsW(values).ttost_mean(-0.05, 0.05)[0]
    assert p_equivalence(float(values.mean()), error, 0.05, 150) == pytest.approx(expected)


def test_difference_is_a_t_test() -> None:
    values = np.random.default_rng(0).normal(0.02, 0.2, 150)
    error = robust_standard_error(values, resampling(names(150), "items", 2))
    assert p_difference(float(values.mean()), error, 150) == pytest.approx(DescrStatsW(values).ttest_mean(0)[1])


def test_certainty_needs_no_t_test() -> None:
    assert p_equivalence(0.04, 0.0, 0.05, 40) == 0
    assert p_equivalence(-0.05, 0.0, 0.05, 40) == 1
    assert p_difference(0.0, 0.0, 40) == 1
    assert p_difference(-0.01, 0.0, 40) == 0


def test_adjusted_p_values_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    for k in (1, 2, 3, 5, 8, 12):
        p_values = rng.choice([0.0, 0.004, 0.01, 0.02, 0.2, 1.0, *rng.random(6) ** 4], k).tolist()
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())
        assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1].tolist())


def test_no_tests_no_adjusted_p_values() -> None:
    assert holm([]) == benjamini_hochberg([]) == []


@pytest.mark.parametrize(
    ("worse", "better", "expected"),
    [
        (0, 0, 1.0),
        (0, 1, 0.5),  # 2 · ½ − ½
        (1, 1, 1.0),  # 2 · ¾ − ½
        (1, 4, 12 / 32 - 5 / 32),  # n = 5: P(≤ 1) = 6/32
        (2, 8, 112 / 1024 - 45 / 1024),  # n = 10: P(≤ 2) = 56/1024
        (10, 0, 1 / 1024),
    ],
)
def test_mcnemar_mid_p_by_hand(worse: int, better: int, expected: float) -> None:
    assert p_mcnemar(worse, better) == pytest.approx(expected)
    assert p_mcnemar(better, worse) == pytest.approx(expected)


@pytest.mark.parametrize(("worse", "better"), [(1, 4), (3, 17), (30, 41), (0, 9)])
def test_mcnemar_mid_p_is_the_exact_test_less_one_point(worse: int, better: int) -> None:
    exact = mcnemar([[50, worse], [better, 20]], exact=True).pvalue
    assert p_mcnemar(worse, better) == pytest.approx(exact - stats.binom.pmf(min(worse, better), worse + better, 0.5))


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_is_a_probability(worse: int, better: int) -> None:
    assert 0 <= p_mcnemar(worse, better) <= 1


tables = st.tuples(*[st.integers(0, 60)] * 4).filter(lambda table: sum(table) > 0)


@given(tables)
def test_newcombe_holds_the_difference_and_mirrors(table: tuple[int, int, int, int]) -> None:
    both, worse, better, neither = table
    low, high = newcombe(both, worse, better, neither)
    assert low + 1e-12 >= -1
    assert high - 1e-12 <= 1
    assert low <= (better - worse) / sum(table) <= high
    assert newcombe(both, better, worse, neither) == pytest.approx((-high, -low))
    assert newcombe(neither, worse, better, both) == pytest.approx((low, high))


def test_newcombe_of_a_certain_teacher_joins_two_wilson_intervals() -> None:
    """Where the teacher is always right nothing correlates, and the ends lie a hypotenuse away."""
    sure, _ = sm.stats.proportion_confint(100, 100, method="wilson")
    low, high = sm.stats.proportion_confint(90, 100, method="wilson")
    expected = (-0.1 - (0.9 - low), -0.1 + math.hypot(high - 0.9, 1 - sure))
    assert newcombe(both=90, worse=10, better=0, neither=0) == pytest.approx(expected)


def test_intervals_of_a_mean_are_those_of_scipy() -> None:
    """Of many clusters of one item each; two bootstraps of 9 999 resamples differ by their own noise."""
    values = np.random.default_rng(0).exponential(size=400)
    drawn = resampling(names(400), "items", 9999).mean(values)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=9999, method="percentile", random_state=1)
    assert drawn.standard_error == pytest.approx(theirs.standard_error, rel=0.03)
    for level, end in zip((0.025, 0.975), theirs.confidence_interval, strict=True):
        assert drawn.quantile(level, 400) == pytest.approx(end, abs=0.006)
