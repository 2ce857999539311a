"""Displayed statistics of the row *boundary* against cases worked by hand, plain loops and known answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from angels_share.items import Item
from angels_share.observables import Observation, observe
from angels_share.statistics import boundary, get
from angels_share.statistics.boundary import contrast, extreme_group, halves, uneven, worst_of

LADDER = ("boundary_place", "change_near_boundary", "change_on_easy", "change_on_hard")
PERTURB = ("change_under_perturbation", "worst_of_perturbations", "change_where_both_solve")
GROUPS = ("worst_group", "group_gap", "uneven_loss")
FACTS = ("facts_change_under_perturbation", "facts_worst_group", "facts_uneven_loss")
HALVED = (*LADDER[1:], *GROUPS, *FACTS[1:])
"""Statistics that choose on one half of the clusters and measure on the other."""
ALL = (*LADDER, *PERTURB, *GROUPS, "change_under_shift", *FACTS)


def items_with(n: int, **fields: Any) -> list[Item]:
    """Return n items whose answer is 1, each a cluster of its own unless told otherwise."""
    base = {"answer": "1", "candidates": [], "level": 0, "stratum": "f", "gold": 0, "choices": ["a", "b"]}
    made = [base | {"cluster_id": f"c{i:05d}"} for i in range(n)]
    return [item | {field: values[i] for field, values in fields.items()} for i, item in enumerate(made)]


def answers(right: Any) -> Observation:
    """Return greedy answers that are right where the argument is 1."""
    given = [["1"] if r else ["2"] for r in right]
    return observe("answer", items_with(len(given)), given)


def beliefs(gold: Any) -> Observation:
    """Return option distributions with these probabilities of the right option."""
    q = np.asarray(gold, dtype=float)
    return Observation(np.column_stack([q, 1 - q]), ("option 1", "option 2"), np.zeros(len(q)))


def value(name: str, items: list[Item], *seen: Observation, weights: Any = None) -> float:
    found = get(name).of(items, *seen, np.ones((1, len(items))) if weights is None else np.array([weights], float))
    assert found.shape == (1,)
    return float(found[0])


def sample(n_clusters: int, seed: int = 0) -> tuple[list[Item], Observation, Observation]:
    """Return items with every field, eight a cluster, and two models' random answers."""
    rng = np.random.default_rng(seed)
    n = 8 * n_clusters
    items = items_with(
        n,
        cluster_id=[f"c{i // 8}" for i in range(n)],
        stratum=[f"f{i // 8 % 5}" for i in range(n)],
        rung=[1 + i % 8 for i in range(n)],
        operator=[["clean", "a", "b", "c", "d", "e", "f", "trap"][i % 8] for i in range(n)],
        group=[f"g{i % 8}" for i in range(n)],
        shift=[["none", "length"][i % 2] for i in range(n)],
    )
    return items, answers(rng.random(n) < 0.7), answers(rng.random(n) < 0.5)


def seen_by(name: str, *seen: Observation) -> tuple[Observation, ...]:
    """Return what a statistic takes: both models or the first, as distributions for facts."""
    taken = seen if get(name).paired else seen[:1]
    if name.startswith("facts_"):
        return tuple(beliefs(np.linspace(0.1, 0.9, len(s.values)) * (0.5 + s.values[:, 0] / 2)) for s in taken)
    return taken


# --- properties of all -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_order_of_items_changes_nothing(name: str) -> None:
    items, teacher, student = sample(60)
    seen = seen_by(name, teacher, student)
    weights = np.repeat(np.random.default_rng(1).integers(0, 3, (20, 60)), 8, axis=1).astype(float)
    order = np.random.default_rng(2).permutation(len(items))
    moved = [Observation(s.values[order], s.categories, s.invalid[order]) for s in seen]
    before = get(name).of(items, *seen, weights)
    after = get(name).of([items[i] for i in order], *moved, weights[:, order])
    np.testing.assert_allclose(after, before, atol=1e-12)
    assert np.unique(before).size > 1


@pytest.mark.parametrize("name", [n for n in ALL if n not in HALVED])
def test_a_resample_is_the_same_as_repeating_its_clusters(name: str) -> None:
    """Weights of 0, 1 and 2 give what clusters left out, kept and listed twice give."""
    items, teacher, student = sample(40)
    seen = seen_by(name, teacher, student)
    times = np.repeat(np.random.default_rng(3).integers(0, 3, 40), 8)
    copies = [(i, k) for i, n in enumerate(times) for k in range(n)]
    taken = [i for i, _ in copies]
    repeated = [items[i] | {"cluster_id": f"{items[i]['cluster_id']}/{k}"} for i, k in copies]
    part = [Observation(s.values[taken], s.categories, s.invalid[taken]) for s in seen]
    assert value(name, items, *seen, weights=times) == pytest.approx(value(name, repeated, *part))


@pytest.mark.parametrize("name", ALL)
def test_weights_count_in_proportion(name: str) -> None:
    items, teacher, student = sample(40)
    seen = seen_by(name, teacher, student)
    times = np.repeat(np.random.default_rng(3).integers(0, 3, 40), 8)
    assert value(name, items, *seen, weights=3 * times) == pytest.approx(value(name, items, *seen, weights=times))
    assert value(name, items, *seen, weights=times) != pytest.approx(value(name, items, *seen))


@pytest.mark.parametrize("name", [n for n in ALL if get(n).paired])
def test_paired_statistics_are_zero_for_equal_models(name: str) -> None:
    items, teacher, _ = sample(40)
    (seen, _) = seen_by(name, teacher, teacher)
    found = get(name).of(items, seen, seen, np.ones((3, len(items))))
    assert np.all((found == 0) | np.isnan(found))
    assert name == "change_on_hard" or np.isfinite(found).all()


@pytest.mark.parametrize("name", ALL)
def test_missing_subgroups_give_no_warning_and_no_infinity(name: str) -> None:
    items, teacher, student = sample(4)
    weights = np.zeros((2, len(items)))
    weights[0, :8] = 1
    found = get(name).of(items, *seen_by(name, teacher, student), weights)
    assert not np.isinf(found).any()
    assert np.isnan(found[1])


@pytest.mark.parametrize("name", ALL)
def test_four_hundred_resamples_are_cheap(name: str) -> None:
    items, teacher, student = sample(150)
    seen = seen_by(name, teacher, student)
    weights = np.random.default_rng(0).integers(0, 3, (401, len(items))).astype(float)
    start = time.process_time()
    get(name).of(items, *seen, weights)
    assert time.process_time() - start < 1.0


# --- ladders ---------------------------------------------------------------------------------------------------------


class TestBoundaryPlace:
    def test_by_hand(self) -> None:
        """Four rungs with accuracies 1, 1, ½ and 0: the area is 2.5, the boundary at rung 3, place 2/3."""
        items = items_with(8, rung=[1, 1, 2, 2, 3, 3, 4, 4])
        assert value("boundary_place", items, answers([1, 1, 1, 1, 1, 0, 0, 0])) == pytest.approx(2 / 3)

    def test_step_at_a_rung_and_a_half(self) -> None:
        items = items_with(5, rung=[1, 2, 3, 4, 5])
        assert value("boundary_place", items, answers([1, 1, 0, 0, 0])) == pytest.approx((2.5 - 1) / 4)

    def test_families_count_alike(self) -> None:
        items = items_with(5, rung=[1, 2, 1, 1, 2], stratum=["a", "a", "b", "b", "b"])
        assert value("boundary_place", items, answers([1, 1, 0, 0, 0])) == pytest.approx(1 - 0.5)

    def test_recovers_the_threshold_of_a_logistic_curve(self) -> None:
        rng = np.random.default_rng(0)
        rung = np.tile(np.arange(1, 11), 4000)
        right = rng.random(len(rung)) < 1 / (1 + np.exp((rung - 5.2) / 0.8))
        place = value("boundary_place", items_with(len(rung), rung=rung.tolist()), answers(right))
        assert 1 + 9 * place == pytest.approx(5.2, abs=0.05)


class TestChangeAlongTheLadder:
    def test_by_hand(self) -> None:
        """The teacher is right on all of rung 1, on half of rung 2 in either half, and on nothing of rung 3."""
        items = items_with(12, rung=[1] * 4 + [2] * 4 + [3] * 4)
        teacher = answers([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
        student = answers([1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1])
        assert value("change_on_easy", items, teacher, student) == pytest.approx(-1 / 4)
        assert value("change_near_boundary", items, teacher, student) == pytest.approx(-1 / 4)
        assert value("change_on_hard", items, teacher, student) == pytest.approx(1 / 4)

    def test_rungs_are_chosen_on_the_other_half(self) -> None:
        """One half is solved, the other not: each is judged by the other, so the solved half counts as hard."""
        items = items_with(4, rung=[1] * 4)
        teacher, student = answers([1, 0, 1, 0]), answers([0, 0, 0, 0])
        assert value("change_on_hard", items, teacher, student) == -1.0
        assert value("change_on_easy", items, teacher, student) == 0.0
        assert np.isnan(value("change_near_boundary", items, teacher, student))

    def test_no_regression_to_the_mean(self) -> None:
        """Of two models of the same accuracy everywhere, neither looks better near the other's boundary."""
        rng = np.random.default_rng(0)
        found = []
        for _ in range(200):
            items = items_with(200, rung=[1 + i % 10 for i in range(200)])
            found.append(
                value("change_near_boundary", items, answers(rng.random(200) < 0.7), answers(rng.random(200) < 0.7))
            )
        assert abs(np.nanmean(found)) < 3 * np.nanstd(found) / np.sqrt(200)

    def test_levels_are_told_apart(self) -> None:
        items = items_with(8, rung=[4] * 8, level=[2, 2, 2, 2, 3, 3, 3, 3])
        teacher, student = answers([1, 1, 1, 1, 0, 0, 0, 0]), answers([0] * 8)
        assert value("change_on_easy", items, teacher, student) == -1.0


# --- perturbations and shifts ----------------------------------------------------------------------------------------


class TestContrast:
    def test_by_hand(self) -> None:
        items = items_with(6, operator=["clean", "a", "b"] * 2)
        assert value("change_under_perturbation", items, answers([1, 0, 1, 1, 0, 0])) == pytest.approx(0.25 - 1)

    def test_student_less_teacher_is_the_difference_in_differences(self) -> None:
        items = items_with(4, operator=["clean", "a"] * 2)
        teacher, student = answers([1, 1, 1, 0]), answers([1, 0, 0, 0])
        rho = value("change_under_perturbation", items, student) - value("change_under_perturbation", items, teacher)
        assert rho == pytest.approx((0 - 0.5) - (0.5 - 1))

    def test_shift(self) -> None:
        items = items_with(4, shift=["none", "length"] * 2)
        assert value("change_under_shift", items, answers([1, 0, 1, 1])) == -0.5

    def test_facts_use_probabilities(self) -> None:
        items = items_with(4, operator=["clean", "a"] * 2)
        found = value("facts_change_under_perturbation", items, beliefs([0.9, 0.4, 0.7, 0.6]))
        assert found == pytest.approx(0.5 - 0.8)

    def test_nothing_changed_is_no_number(self) -> None:
        assert np.isnan(contrast(np.ones(2), np.array([False, False]), np.ones((1, 2)))[0])


class TestWorstOf:
    def test_by_hand(self) -> None:
        """The second base fails under one operator; its clean item does not count, nor does that of the third."""
        items = items_with(
            9, operator=["clean", "a", "b"] * 3, cluster_id=["x", "x", "x", "y", "y", "y", "z", "z", "z"]
        )
        seen = answers([1, 1, 1, 1, 0, 1, 0, 1, 1])
        assert value("worst_of_perturbations", items, seen) == pytest.approx(2 / 3)
        assert value("worst_of_perturbations", items, seen, weights=[2] * 3 + [1] * 3 + [0] * 3) == pytest.approx(2 / 3)

    def test_never_above_the_mean(self) -> None:
        values, clusters = np.random.default_rng(0).random(60), np.repeat([f"c{k}" for k in range(10)], 6)
        found = worst_of(values, clusters, np.ones(60, dtype=bool), np.ones((1, 60)))[0]
        assert found == pytest.approx(values.reshape(10, 6).min(axis=1).mean())


class TestWhereBothSolve:
    def test_by_hand(self) -> None:
        """Only the first base is solved clean by both: there the teacher keeps both items and the student one."""
        items = items_with(9, operator=["clean", "a", "b"] * 3, cluster_id=["x"] * 3 + ["y"] * 3 + ["z"] * 3)
        teacher, student = answers([1, 1, 1, 1, 1, 1, 0, 1, 1]), answers([1, 0, 1, 0, 0, 0, 1, 0, 0])
        assert value("change_where_both_solve", items, teacher, student) == -0.5

    def test_nothing_solved_is_no_number(self) -> None:
        items = items_with(2, operator=["clean", "a"], cluster_id=["x", "x"])
        assert np.isnan(value("change_where_both_solve", items, answers([1, 1]), answers([0, 0])))


# --- groups ----------------------------------------------------------------------------------------------------------


def grouped(n_clusters: int, n_groups: int) -> list[Item]:
    """Return items with one group each, all groups in every cluster."""
    n = n_clusters * n_groups
    return items_with(
        n,
        cluster_id=[f"c{i // n_groups:05d}" for i in range(n)],
        group=[f"g{i % n_groups}" for i in range(n)],
    )


class TestWorstGroup:
    def test_by_hand(self) -> None:
        """Halves: clusters 0 and 2 against 1 and 3. In the first group a is worse, in the second b."""
        items = grouped(4, 2)
        seen = answers([0, 1, 1, 0, 0, 1, 1, 1])
        assert value("worst_group", items, seen) == pytest.approx((1.0 + 1.0) / 2)
        assert value("group_gap", items, seen) == pytest.approx(((0.5 + 0.0) - (1.0 + 1.0)) / 2)

    def test_a_true_difference_is_found(self) -> None:
        items = grouped(4, 3)
        seen = answers([1, 0, 1] * 4)
        assert value("worst_group", items, seen) == 0.0
        assert value("group_gap", items, seen) == 1.0

    def test_equal_groups_are_not_blackened(self) -> None:
        """The plain minimum of eight group means lies well below the accuracy that all share; this one does not."""
        rng = np.random.default_rng(0)
        items = grouped(40, 8)
        found, plain = [], []
        for _ in range(200):
            right = rng.random(320) < 0.6
            found.append(value("worst_group", items, answers(right)))
            plain.append(right.reshape(40, 8).mean(axis=0).min())
        assert abs(np.mean(found) - 0.6) < 3 * np.std(found) / np.sqrt(200)
        assert np.mean(plain) < 0.52

    def test_groups_that_a_half_lacks_are_left_out(self) -> None:
        items = items_with(4, cluster_id=["a", "b", "c", "d"], group=["x", "x", "y", "x"])
        assert value("worst_group", items, answers([1, 1, 0, 1])) == 1.0

    def test_facts_use_probabilities(self) -> None:
        assert value("facts_worst_group", grouped(2, 2), beliefs([0.2, 0.9, 0.4, 0.8])) == pytest.approx(0.3)


class TestUneven:
    def test_by_hand(self) -> None:
        """The student loses all of one group and nothing of the other: deviations −½ and ½, U = ½."""
        items = grouped(4, 2)
        assert value("uneven_loss", items, answers([1, 1] * 4), answers([0, 1] * 4)) == pytest.approx(0.5)

    def test_even_loss_is_zero(self) -> None:
        items = grouped(4, 2)
        assert value("uneven_loss", items, answers([1, 1] * 4), answers([0, 0] * 4)) == 0.0

    def test_groups_weigh_by_their_items(self) -> None:
        """Three items in four are of group x: D = −1 there, mean −¾, U = ¾·¼ + ¼·¾."""
        items = items_with(8, cluster_id=["a"] * 4 + ["b"] * 4, group=["x", "x", "x", "y"] * 2)
        change = np.array([-1.0, -1, -1, 0] * 2)
        found = uneven(change, items, np.array(["x", "x", "x", "y"] * 2), np.ones((1, 8)))
        assert found[0] == pytest.approx(0.375)

    def test_noise_alone_averages_to_zero(self) -> None:
        rng = np.random.default_rng(0)
        items, weights = grouped(40, 8), np.ones((1, 320))
        groups = np.array([i["group"] for i in items])
        found = [uneven(rng.normal(size=320), items, groups, weights)[0] for _ in range(400)]
        assert abs(np.mean(found)) < 3 * np.std(found) / 20

    def test_near_the_plain_sum_for_large_differences(self) -> None:
        rng = np.random.default_rng(0)
        items, weights = grouped(300, 4), np.ones((1, 1200))
        groups = np.array([i["group"] for i in items])
        change = np.tile([-0.4, 0.0, 0.1, -0.1], 300) + rng.normal(size=1200) * 0.3
        assert uneven(change, items, groups, weights)[0] == pytest.approx(0.15, abs=0.02)

    def test_facts_use_probabilities(self) -> None:
        items = grouped(2, 2)
        found = value("facts_uneven_loss", items, beliefs([0.8] * 4), beliefs([0.4, 0.8] * 2))
        assert found == pytest.approx(0.2)


def test_halves_follow_the_names() -> None:
    assert halves(["d", "a", "c", "b", "a"]).tolist() == [1, 0, 0, 1, 0]


@pytest.mark.parametrize("pick", [min, max])
def test_extreme_group_against_a_loop(pick: Callable[..., str]) -> None:
    rng = np.random.default_rng(5)
    items, values = grouped(30, 5), rng.random(150)
    groups = np.array([i["group"] for i in items])
    half = np.repeat(np.arange(30) % 2, 5)
    means = [{g: values[(groups == g) & (half == side)].mean() for g in np.unique(groups)} for side in (0, 1)]
    expected = np.mean([means[1 - side][pick(means[side], key=means[side].__getitem__)] for side in (0, 1)])
    found = extreme_group(values, items, groups, np.ones((1, 150)), best=pick is max)
    assert found[0] == pytest.approx(expected)


def test_every_statistic_of_the_row_is_tested() -> None:
    registered = {v.name for v in vars(boundary).values() if hasattr(v, "paired")}
    assert registered == set(ALL)
