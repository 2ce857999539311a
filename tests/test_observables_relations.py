"""Observables of relations between items: hand-computed cases, independent references, laws, and unearned losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity

from angels_share import spec
from angels_share.discrepancies import half_squared_distance
from angels_share.errors import MeasureError
from angels_share.observables import Floats, get_utility, observe
from angels_share.observables.categorical import probability_of_gold
from angels_share.observables.registry import mean_over_items
from angels_share.observables.relations import (
    answers_of_pairs,
    category_separation,
    mass_on_needed,
    right_and_invariant,
)
from angels_share.score.controls import constant, oracle, shuffled, uniform
from angels_share.score.measurable import teacher_gap
from angels_share.score.task import measure_task
from synthetic import log_of, noisy

law = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)

TASKS = sorted(name for name in spec.tasks() if name.startswith("as_representation_"))


def stimuli(n: int, levels: int = 1, categories: int = 3) -> list[dict[str, Any]]:
    return [{"item_id": f"i{k:03}", "level": k % levels, "category": f"c{k // 2 % categories}"} for k in range(n)]


def probed(seed: int, n: int, probes: int = 6) -> Floats:
    return np.random.default_rng(seed).normal(0, 2, (n, probes))


# --- similarity_ranks and category_separation ------------------------------------------------------------------------


@law
@given(seeds, st.integers(6, 20))
def test_distance_of_rank_profiles_is_half_of_one_less_spearman(seed: int, n: int) -> None:
    ours, theirs = probed(seed, n), probed(seed + 1, n)
    rows = [observe("similarity_ranks", stimuli(n), logs).values for logs in (ours, theirs)]
    d = half_squared_distance.between(*rows)
    alike = []
    for logs in (ours, theirs):
        x = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
        alike.append(cosine_similarity(x - x.mean(axis=0)))
    others = ~np.eye(n, dtype=bool)
    rho = [spearmanr(a[o], b[o]).statistic for a, b, o in zip(*alike, others, strict=True)]
    assert d == pytest.approx(0.5 * (1 - np.array(rho)), abs=1e-9)


def test_levels_are_ranked_apart_and_columns_are_items() -> None:
    items, logs = stimuli(12, levels=2), probed(0, 12)
    whole = observe("similarity_ranks", items, logs)
    assert whole.categories == tuple(item["item_id"] for item in items)
    assert not whole.distribution
    assert (whole.values[::2, 1::2] == 0).all()
    assert (np.diag(whole.values) == 0).all()
    alone = observe("similarity_ranks", items[::2], logs[::2])
    assert whole.values[::2, ::2] == pytest.approx(alone.values)
    assert (whole.values**2).sum(axis=1) == pytest.approx(np.full(12, 0.5))


@law
@given(seeds)
def test_order_of_stimuli_and_prior_of_probes_change_nothing(seed: int) -> None:
    items, logs = stimuli(10), probed(seed, 10)
    plain = observe("similarity_ranks", items, logs)
    order = np.random.default_rng(seed).permutation(10)
    moved = observe("similarity_ranks", [items[k] for k in order], logs[order])
    assert moved.categories == plain.categories
    assert moved.values == pytest.approx(plain.values[order])
    u = category_separation.of(items, plain)
    assert category_separation.of([items[k] for k in order], moved) == pytest.approx(u[order])


def test_answering_everything_alike_makes_no_similarity() -> None:
    items = stimuli(8)
    seen = observe("similarity_ranks", items, np.tile(probed(3, 1), (8, 1)))
    assert (seen.values == 0).all()
    assert (category_separation.of(items, seen) == 0.5).all()


@law
@given(seeds)
def test_category_separation_is_the_area_under_the_curve(seed: int) -> None:
    items, logs = stimuli(14), probed(seed, 14)
    seen = observe("similarity_ranks", items, logs)
    x = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    alike = cosine_similarity(x - x.mean(axis=0))
    category = np.array([item["category"] for item in items])
    expected = []
    for i in range(14):
        others = np.arange(14) != i
        expected.append(roc_auc_score(category[others] == category[i], alike[i, others]))
    assert category_separation.of(items, seen) == pytest.approx(expected)


def test_separated_categories_reach_one_and_few_items_stay_finite() -> None:
    items = stimuli(12)
    logs = np.array([np.eye(3)[int(i["category"][1])] * 5 for i in items]) + probed(1, 12, 3) / 100
    assert category_separation.of(items, observe("similarity_ranks", items, logs)).tolist() == [1.0] * 12
    for few in (1, 2, 3):
        assert np.isfinite(
            category_separation.of(items[:few], observe("similarity_ranks", items[:few], logs[:few]))
        ).all()


# --- answer_pair and right_and_invariant -----------------------------------------------------------------------------

PAIR = [
    {"cluster_id": "a", "variant": "clean", "choices": ["x", "y"], "gold": 0},
    {"cluster_id": "a", "variant": "swap", "choices": ["y", "x"], "gold": 0},
    {"cluster_id": "b", "variant": "rename", "choices": ["p", "q"], "gold": 1},
    {"cluster_id": "b", "variant": "clean", "choices": ["x", "y"], "gold": 1},
]
PAIR_Q = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9], [0.5, 0.5]])


def test_answer_pairs_by_hand() -> None:
    seen = observe("answer_pair", PAIR, np.log(PAIR_Q))
    assert seen.categories[1] == "option 1, option 2"
    assert seen.values == pytest.approx(
        np.array([[0.64, 0.16, 0.16, 0.04], [0.48, 0.32, 0.12, 0.08], [0.05, 0.45, 0.05, 0.45], [0.25] * 4])
    )
    assert right_and_invariant.of(PAIR, seen) == pytest.approx([0.64, 0.48, 0.45, 0.25])
    assert right_and_invariant.chance(PAIR).tolist() == [0.25] * 4
    clean, variant = answers_of_pairs(PAIR, seen)
    assert clean == pytest.approx(PAIR_Q[[0, 0, 3, 3]])
    assert variant == pytest.approx(PAIR_Q)


def test_answer_pairs_of_texts_by_hand() -> None:
    items = [
        {"cluster_id": "a", "variant": "clean", "answer": "ash", "candidates": ["ash", "oak"]},
        {"cluster_id": "a", "variant": "swap", "answer": "oak", "candidates": ["oak", "ash"]},
        {"cluster_id": "a", "variant": "rename", "answer": "elm", "candidates": ["elm", "fir"]},
    ]
    seen = observe("answer_pair", items, [[" Ash."], ["oak"], ["beech"]])
    assert [seen.categories[k] for k in seen.values.argmax(axis=1)] == [
        "option 1, option 1",
        "option 1, option 1",
        "option 1, invalid",
    ]
    assert seen.values.sum(axis=1).tolist() == [1, 1, 1]
    assert seen.invalid.tolist() == [0, 0, 1]
    assert right_and_invariant.of(items, seen).tolist() == [1, 1, 0]


def test_a_variant_without_its_clean_item_is_refused() -> None:
    with pytest.raises(MeasureError, match="clean item is missing"):
        observe("answer_pair", PAIR[1:], np.log(PAIR_Q[1:]))


# --- localisation and mass_on_needed ---------------------------------------------------------------------------------


def text(name: str, needed: int, gold: int = 0) -> list[dict[str, Any]]:
    return [{"cluster_id": name, "removed": j, "needed": needed, "gold": gold} for j in range(-1, 2)]


def test_localisation_by_hand() -> None:
    """Without part 1 the right answer falls from 0.8 to 0.2, without part 2 it stays: masses 4 and 1."""
    items = [*text("a", 0), *text("b", 1, gold=1)]
    q = np.array([[0.8, 0.2], [0.2, 0.8], [0.8, 0.2], [0.4, 0.6], [0.4, 0.6], [0.9, 0.1]])
    seen = observe("localisation", items, np.log(q))
    assert seen.values[:3] == pytest.approx(np.tile([0.8, 0.2], (3, 1)))
    assert seen.values[3:] == pytest.approx(np.tile([1 / 7, 6 / 7], (3, 1)))
    assert mass_on_needed.of(items, seen) == pytest.approx([0.8] * 3 + [6 / 7] * 3)
    assert mass_on_needed.chance(items).tolist() == [0.5] * 6
    order = [4, 2, 0, 5, 1, 3]
    assert observe("localisation", [items[k] for k in order], np.log(q)[order]).values == pytest.approx(
        seen.values[order]
    )


def test_impossible_answers_are_localised_without_overflow() -> None:
    seen = observe("localisation", text("a", 0), np.array([[0.0, -1e5], [-1e5, 0.0], [0.0, -1e5]]))
    assert seen.values[0] == pytest.approx([1, 0], abs=1e-9)


def test_an_incomplete_text_is_refused() -> None:
    with pytest.raises(MeasureError, match="cluster b"):
        observe("localisation", [*text("a", 0), *text("b", 0)[1:]], np.zeros((5, 2)))


# --- probability_of_gold ---------------------------------------------------------------------------------------------


def test_probability_of_gold_by_hand() -> None:
    items = [{"choices": ["a", "b"], "gold": 1}, {"choices": ["a", "b", "c"], "gold": 0}]
    seen = observe("option_distribution", items, np.log([[0.25, 0.75, np.nan], [0.5, 0.25, 0.25]]))
    assert probability_of_gold.of(items, seen) == pytest.approx([0.75, 0.5])
    assert probability_of_gold.chance(items) == pytest.approx([1 / 2, 1 / 3])


# --- the tasks: nothing is won by ignoring the item ------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_controls_lose_everything_and_the_teacher_nothing(name: str) -> None:
    teacher = log_of(name, noisy(1, 0.85))
    assert teacher_gap(teacher) is None
    for control in (constant, uniform, shuffled):
        found = measure_task(teacher, control(teacher), 100).score
        assert found.loss is not None
        assert found.loss.value >= 0.9, control
        assert found.net_correction is not None
        assert found.net_correction.value == 0
    itself = measure_task(teacher, teacher, 100).score.loss
    assert itself is not None
    assert itself.value == 0


@pytest.mark.parametrize("name", TASKS)
def test_weaker_students_lose_more(name: str) -> None:
    teacher = log_of(name, noisy(1, 0.9))
    far = []
    for skill in (0.85, 0.7, 0.4):
        found = measure_task(teacher, log_of(name, noisy(1, skill)), 100).score
        assert found.divergence is not None
        assert len(found.statistics) == len(teacher.spec.measure.statistics)
        far.append(found.divergence.value)
    assert 0 < far[0] < far[1] < far[2]


@pytest.mark.parametrize("name", TASKS)
def test_knowing_the_answers_is_a_correction(name: str) -> None:
    teacher = log_of(name, noisy(1, 0.8))
    found = measure_task(teacher, oracle(teacher), 100).score
    assert found.net_correction is not None
    assert found.loss is not None
    assert found.uncredited_loss is not None
    assert found.net_correction.value > 0
    assert found.loss.value < found.uncredited_loss.value


@pytest.mark.parametrize("name", TASKS)
def test_lm_eval_prints_the_mean_of_the_utility(name: str) -> None:
    teacher = log_of(name, noisy(1, 0.8), "pilot")
    utility = get_utility(str(teacher.spec.measure.utility))
    responses: Any = teacher.log_likelihoods if teacher.texts is None else teacher.texts
    expected = utility.of(teacher.items, observe(utility.observable, teacher.items, responses)).mean()
    entries = []
    for item, answers in zip(teacher.items, responses, strict=True):
        results = [answers[0]] if teacher.texts else [(float(v), False) for v in answers]
        entries.append(utility(item, results)["utility"])
    printed = mean_over_items(entries) if utility.joint else np.mean(entries)
    assert printed == pytest.approx(expected, abs=1e-12)
    if utility.joint:
        assert np.isfinite(mean_over_items(entries[: teacher.spec.measure.per_cluster]))
