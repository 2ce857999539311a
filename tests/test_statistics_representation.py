"""Statistics of the row *representation*, against definitions written out and independent libraries."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from angels_share.observables import Floats, Observation, observe
from angels_share.observables.relations import similarities
from angels_share.statistics.representation import (
    broken_consistency,
    debiased_cka,
    similarity_correlation,
    violation,
    worst_violation,
)


def stimuli(n: int, levels: int = 1) -> list[dict[str, Any]]:
    return [{"item_id": f"i{k:03}", "level": k % levels, "category": "c"} for k in range(n)]


def seen(features: Floats) -> Observation:
    n = len(features)
    return Observation(np.zeros((n, n)), tuple(map(str, range(n))), np.zeros(n), False, features)


def cloud(seed: int, n: int, width: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width))


def cka(ours: Floats, theirs: Floats, weights: Floats) -> list[float]:
    found: list[float] = debiased_cka.of(stimuli(len(ours)), seen(ours), seen(theirs), weights).tolist()
    return found


# --- debiased CKA ----------------------------------------------------------------------------------------------------


def textbook_hsic(K: Floats, L: Floats) -> float:
    n, one = len(K), np.ones(len(K))
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    total = np.trace(K @ L) + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2)) - 2 * one @ K @ L @ one / (n - 2)
    return float(total / (n * (n - 3)))


def test_cka_is_the_textbook_formula() -> None:
    x, y = cloud(0, 15, 4), cloud(1, 15, 7) + 3 * cloud(0, 15, 7)
    K, L = x @ x.T, y @ y.T
    expected = textbook_hsic(K, L) / np.sqrt(textbook_hsic(K, K) * textbook_hsic(L, L))
    assert cka(x, y, np.ones((1, 15))) == [pytest.approx(expected)]


def written_out(K: Floats, L: Floats, w: Floats) -> float:
    """HSIC as means over different items, each weighted by the product of their weights."""
    sums = np.zeros((3, 2))
    for i, j, q, r in permutations(range(len(K)), 4):
        mass = w[i] * w[j] * w[q] * w[r]
        sums[2] += mass * np.array([K[i, j] * L[q, r], 1])
    for i, j, q in permutations(range(len(K)), 3):
        sums[1] += w[i] * w[j] * w[q] * np.array([K[i, j] * L[i, q], 1])
    for i, j in permutations(range(len(K)), 2):
        sums[0] += w[i] * w[j] * np.array([K[i, j] * L[i, j], 1])
    pairs, triples, quadruples = sums[:, 0] / sums[:, 1]
    return float(pairs + quadruples - 2 * triples)


def test_cka_of_a_resample_counts_no_item_as_a_pair_with_itself() -> None:
    x, y = cloud(2, 8, 3), cloud(3, 8, 3)
    y += x
    weights = np.array([[1.0] * 8, [2, 0, 1, 1, 3, 0, 1, 0], [1, 1, 2, 1, 0, 1, 1, 1]])
    K, L = x @ x.T, y @ y.T
    expected = [written_out(K, L, w) / np.sqrt(written_out(K, K, w) * written_out(L, L, w)) for w in weights]
    assert cka(x, y, weights) == pytest.approx(expected)


def test_cka_knows_no_rotation_scale_or_shift_and_is_0_for_strangers() -> None:
    x = cloud(4, 60, 5)
    turned = 3 * x @ np.linalg.qr(cloud(5, 5, 5))[0] + 7
    ones = np.ones((1, 60))
    assert cka(x, turned, ones) == [pytest.approx(1)]
    strangers = [cka(cloud(k, 60, 5), cloud(1000 + k, 60, 24), ones)[0] for k in range(50)]
    assert abs(np.mean(strangers)) < 0.01


def test_cka_of_features_that_do_not_vary_does_not_exist() -> None:
    assert np.isnan(cka(np.zeros((9, 3)), cloud(0, 9, 3), np.ones((2, 9)))).all()


# --- RSA -------------------------------------------------------------------------------------------------------------


def test_rsa_is_spearman_of_the_upper_triangles() -> None:
    x, y = cloud(6, 20, 4), cloud(7, 20, 4)
    items = stimuli(20, levels=2)
    one, other = np.triu_indices(20, 1)
    within = one % 2 == other % 2
    a, b = (similarities(z)[one, other][within] for z in (x, y))
    found = similarity_correlation.of(items, seen(x), seen(y), np.ones((1, 20)))
    assert found == pytest.approx([spearmanr(a, b).statistic])


def test_rsa_of_a_resample_repeats_pairs_of_different_items() -> None:
    x, y = cloud(8, 9, 3), cloud(9, 9, 3)
    w = np.array([2, 0, 1, 1, 3, 0, 1, 0, 1])
    one, other = np.triu_indices(9, 1)
    times = w[one] * w[other]
    a, b = (np.repeat(similarities(z)[one, other], times) for z in (x, y))
    found = similarity_correlation.of(stimuli(9), seen(x), seen(y), w[None, :].astype(float))
    assert found == pytest.approx([spearmanr(a, b).statistic])


def test_rsa_of_equal_and_of_missing_structure() -> None:
    x, ones = cloud(10, 12, 3), np.ones((1, 12))
    assert similarity_correlation.of(stimuli(12), seen(x), seen(2 * x), ones) == pytest.approx([1])
    assert np.isnan(similarity_correlation.of(stimuli(12), seen(x), seen(np.zeros((12, 3))), ones)).all()


def test_features_come_with_the_observation() -> None:
    logs = cloud(11, 16, 6)
    made = observe("similarity_ranks", stimuli(16), logs)
    assert debiased_cka.of(stimuli(16), made, made, np.ones((1, 16))) == pytest.approx([1])


# --- broken invariances ----------------------------------------------------------------------------------------------

VARIANTS = [
    {"cluster_id": c, "variant": v, "choices": ["x", "y"], "gold": 0}
    for c in ("a", "b")
    for v in ("clean", "swap", "rename")
]
TEACHER = np.log([[0.9, 0.1], [0.85, 0.15], [0.4, 0.6], [0.2, 0.8], [0.2, 0.8], [0.25, 0.75]])
STUDENT = np.log([[0.5, 0.5], [0.3, 0.7], [0.5, 0.5], [0.8, 0.2], [0.8, 0.2], [0.3, 0.7]])
WEIGHTS = np.array([[1.0] * 6, [2.0] * 3 + [0.0] * 3])


def pairs(logs: Floats) -> Observation:
    return observe("answer_pair", VARIANTS, logs)


def test_violations_by_hand() -> None:
    """Teacher: 0.05 and 0.5 in the first cluster, 0 and 0.05 in the second."""
    assert violation.of(VARIANTS, pairs(TEACHER), WEIGHTS) == pytest.approx([0.15, 0.275])
    assert worst_violation.of(VARIANTS, pairs(TEACHER), WEIGHTS) == pytest.approx([0.275, 0.5])
    assert violation.of(VARIANTS, pairs(STUDENT), WEIGHTS) == pytest.approx([0.175, 0.1])


def test_broken_consistency_by_hand() -> None:
    """The teacher is consistent on three of four variants; the student breaks the swap of a and the renaming of b."""
    found = broken_consistency.of(VARIANTS, pairs(TEACHER), pairs(STUDENT), WEIGHTS)
    assert found == pytest.approx([2 / 4, 1 / 2])
    assert broken_consistency.of(VARIANTS, pairs(TEACHER), pairs(TEACHER), WEIGHTS).tolist() == [0, 0]


def test_small_moves_across_the_middle_are_inconsistent() -> None:
    wavering = np.log([[0.52, 0.48], [0.48, 0.52], [0.52, 0.48]] * 2)
    steady = np.log([[0.52, 0.48]] * 6)
    found = broken_consistency.of(VARIANTS, pairs(steady), pairs(wavering), WEIGHTS)
    assert found == pytest.approx([0.5, 0.5])


def test_unreadable_answers_agree_with_nothing() -> None:
    items = [
        {"cluster_id": "a", "variant": v, "answer": "ash", "candidates": ["ash", "oak"]}
        for v in ("clean", "swap", "format")
    ]
    ones = np.ones((1, 3))
    for texts, expected in (([["ash"], ["oak"], ["ash"]], 0.5), ([["?"], ["?"], ["?"]], 1.0)):
        assert violation.of(items, observe("answer_pair", items, texts), ones) == pytest.approx([expected])


def test_a_resample_without_a_transformation_has_no_number() -> None:
    assert np.isnan(violation.of(VARIANTS, pairs(TEACHER), np.array([[1.0, 0, 0, 1, 0, 0]]))).all()
