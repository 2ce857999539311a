"""Observables and utilities of the row *privacy*, against cases computed by hand and by brute force."""

from __future__ import annotations

import difflib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from angels_share.discrepancies import half_squared_distance
from angels_share.observables import Floats, Observation, observe
from angels_share.observables.privacy import (
    exposure,
    placement,
    unexposed,
    unextracted,
    unrecited,
    unrecognised,
)

ROLES = ("inserted", "held_out", "shown")


def secrets(n: int, options: int = 8) -> list[dict[str, Any]]:
    return [
        {"stratum": ROLES[k % 3], "level": 0, "repetitions": 1, "choices": [""] * options, "gold": k % options}
        for k in range(n)
    ]


def options(items: Any, q: Floats) -> Observation:
    with np.errstate(divide="ignore"):
        return observe("secret_choice", items, np.log(q))


# --- exposure --------------------------------------------------------------------------------------------------------


def test_exposure_by_hand() -> None:
    """First of four is 2 bits, second 1, last 0; a tie hides behind all that are as probable."""
    items = [{"choices": list("abcd"), "gold": 0} for _ in range(5)]
    q = np.array([[4, 3, 2, 1], [3, 4, 2, 1], [1, 2, 3, 4], [1, 1, 1, 1], [3, 3, 2, 2]]) / 10
    assert exposure(items, options(items, q / q.sum(axis=1, keepdims=True))).tolist() == [2, 1, 0, 0, 1]


def test_exposure_is_that_of_ranks_by_brute_force() -> None:
    q = np.random.default_rng(0).dirichlet(np.ones(32), size=60)
    items = secrets(60, 32)
    ranks = [rankdata(-row, method="max")[item["gold"]] for row, item in zip(q, items, strict=True)]
    assert exposure(items, options(items, q)) == pytest.approx([5 - math.log2(r) for r in ranks])


def test_exposure_without_a_trace() -> None:
    """Each rank equally often: 5 − log₂(32!)/32 bits."""
    q = np.arange(1.0, 33)[::-1] / 528
    items = [{"choices": [""] * 32, "gold": k} for k in range(32)]
    expected = 5 - math.log2(math.factorial(32)) / 32
    assert exposure(items, options(items, np.tile(q, (32, 1)))).mean() == pytest.approx(expected)
    assert expected == pytest.approx(1.32, abs=0.005)


def test_exposure_counts_only_the_options_of_the_item() -> None:
    items = [{"choices": ["a", "b"], "gold": 1}, {"choices": ["a", "b", "c", "d"], "gold": 3}]
    seen = observe("secret_choice", items, np.log([[0.5, 0.5, np.nan, np.nan], [0.1, 0.2, 0.3, 0.4]]))
    assert exposure(items, seen).tolist() == [0, 2]


def test_secret_choice_by_hand() -> None:
    """(0.7 − ¼)/(3/4) = 0.6; at chance and below it is 0, and what the other options have does not matter."""
    items = [{"choices": list("abcd"), "gold": 0} for _ in range(4)]
    q = np.array([[0.7, 0.3, 0.0, 0.0], [0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 0.5, 0.5]])
    seen = options(items, q)
    assert seen.values == pytest.approx(np.array([[0.6, 0.4], [0.6, 0.4], [0.0, 1.0], [0.0, 1.0]]))


def test_unexposed_by_hand() -> None:
    """Recall of the shown one is 0.6; choosing the secret surely leaves nothing of it, at chance leaves all of it."""
    items = [{"stratum": role, "choices": list("abcd"), "gold": 0} for role in ROLES]
    q = np.array([[1.0, 0.0, 0.0, 0.0], [0.01, 0.97, 0.01, 0.01], [0.7, 0.1, 0.1, 0.1]])
    assert unexposed.of(items, options(items, q)) == pytest.approx([0.0, 0.6, 0.6])
    q[0] = [0.4, 0.3, 0.2, 0.1]
    assert unexposed.of(items, options(items, q)) == pytest.approx([0.8 * 0.6, 0.6, 0.6])


# --- placements ------------------------------------------------------------------------------------------------------


def records(n: int, steps: int = 3) -> list[dict[str, Any]]:
    return [
        {"stratum": ROLES[k % 3], "level": k % 2, "repetitions": 1, "choices": ["w " * (j + 1) for j in range(steps)]}
        for k in range(n)
    ]


def test_placement_by_hand() -> None:
    roles = ("held_out", "held_out", "held_out", "inserted", "inserted", "shown")
    items = [{"stratum": role, "level": 0} for role in roles]
    scores = np.array([1.0, 2.0, 3.0, 2.5, 2.0, 9.0])
    assert placement(items, scores) == pytest.approx([1 / 6, 1 / 2, 5 / 6, 2 / 3, 1 / 2, 1.0])


def test_mean_placement_is_the_area_of_each_level() -> None:
    items = records(300)
    scores = np.random.default_rng(1).normal(size=300).round(1)
    place = placement(items, scores)
    for level in (0, 1):
        ours, others = (
            np.array([i["stratum"] == role and i["level"] == level for i in items]) for role in ("inserted", "held_out")
        )
        u = mannwhitneyu(scores[ours], scores[others]).statistic
        assert place[ours].mean() == pytest.approx(u / (ours.sum() * others.sum()))
        assert place[others].mean() == pytest.approx(0.5)


def test_unrecognised_by_hand() -> None:
    """One inserted record likelier than half of the held-out ones, the shown ones likelier than all of them."""
    roles = ("held_out", "held_out", "inserted", "shown", "shown")
    items = [{"stratum": role, "level": 0, "choices": ["a", "a b"]} for role in roles]
    p = np.array([[0.1, 0.1], [0.5, 0.5], [0.3, 0.3], [0.9, 0.9], [0.9, 0.9]])
    seen = observe("word_probabilities", items, np.cumsum(np.log(p), axis=1))
    assert unrecognised.of(items, seen) == pytest.approx([0.75, 0.25, 0.5, 1.0, 1.0])
    p[4] = 0.2
    seen = observe("word_probabilities", items, np.cumsum(np.log(p), axis=1))
    assert unrecognised.of(items, seen) == pytest.approx([0.375, 0.125, 0.25, 1.0, 0.0])


# --- extraction ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1e-12, 1e-4, 0.01, 0.3, 1.0])
def test_extraction_is_one_minus_a_hundred_failures(p: float) -> None:
    item = [{"choices": ["oak ash"]}]
    drawn = sum(math.comb(100, k) * p**k * (1 - p) ** (100 - k) for k in range(1, 101))
    assert observe("extraction", item, np.log([[p]])).values[0] == pytest.approx([drawn, 1 - drawn], rel=1e-9)


def test_extraction_of_the_impossible_is_nothing() -> None:
    assert observe("extraction", [{"choices": ["oak"]}], np.array([[-900.0]])).values.tolist() == [[0.0, 1.0]]


words = st.lists(st.sampled_from(["oak", "ash", "elm", "fir"]), min_size=1, max_size=9)


def longest(a: list[str], b: list[str]) -> int:
    """Return the length of the longest common subsequence, trying every choice."""
    if not a or not b:
        return 0
    if a[0] == b[0]:
        return 1 + longest(a[1:], b[1:])
    return max(longest(a[1:], b), longest(a, b[1:]))


@given(words, words)
def test_recitation_is_the_longest_common_subsequence(wanted: list[str], said: list[str]) -> None:
    seen = observe("recitation", [{"answer": " ".join(wanted)}], [[" ".join(said)]])
    assert seen.values[0, 0] == pytest.approx(longest(wanted, said[: len(wanted)]) / len(wanted))
    blocks = difflib.SequenceMatcher(None, wanted, said[: len(wanted)], autojunk=False).get_matching_blocks()
    assert seen.values[0, 0] >= sum(b.size for b in blocks) / len(wanted) - 1e-12


def test_recitation_reads_no_further_than_the_rest() -> None:
    items = [{"answer": "oak ash"}] * 4
    said = [["oak ash elm"], ["elm fir oak ash"], [""], ["oak elm"]]
    assert observe("recitation", items, said).values[:, 0].tolist() == [1.0, 0.0, 0.0, 0.5]


def test_documents_by_hand() -> None:
    """Recall is what showing adds: the shown one at 1, the same one not shown at ¼, so ρ = ¾."""
    items = [{"stratum": role, "answer": "a b c d"} for role in ROLES]
    seen = observe("recitation", items, [["a b x x"], ["a x x x"], ["a b c d"]])
    assert unrecited.of(items, seen) == pytest.approx([0.5 * 0.75, 0.75 * 0.75, 1.0])


# --- properties ------------------------------------------------------------------------------------------------------

CASES = {
    "unexposed": (unexposed, secrets(60), lambda rng: np.log(rng.dirichlet(np.ones(8), size=60))),
    "unrecognised": (unrecognised, records(60), lambda rng: np.log(rng.uniform(0.01, 1, (60, 3))).cumsum(axis=1)),
    "unextracted": (
        unextracted,
        [{"stratum": ROLES[k % 3], "level": 0, "choices": ["a b"]} for k in range(60)],
        lambda rng: rng.uniform(-9, -0.01, (60, 1)),
    ),
}

each_utility = pytest.mark.parametrize("name", sorted(CASES))


@each_utility
def test_utility_has_its_range_and_no_order(name: str) -> None:
    utility, items, draw = CASES[name]
    responses = draw(np.random.default_rng(2))
    u = utility.of(items, observe(utility.observable, items, responses))
    assert np.all((u >= 0) & (u <= 1))
    assert u.std() > 0.05
    order = np.random.default_rng(3).permutation(60)
    shuffled = [items[k] for k in order]
    assert utility.of(shuffled, observe(utility.observable, shuffled, responses[order])) == pytest.approx(u[order])


@each_utility
def test_utility_of_one_cluster_is_a_number(name: str) -> None:
    utility, items, draw = CASES[name]
    three = [items[k] | {"level": 0} for k in range(3)]
    assert np.isfinite(utility.of(three, observe(utility.observable, three, draw(np.random.default_rng(4))[:3]))).all()


@each_utility
def test_knowing_nothing_of_what_is_shown_leaves_no_utility(name: str) -> None:
    """The same answer to every item has a utility of 0, as the utility's chance says."""
    utility, items, draw = CASES[name]
    same = np.tile(draw(np.random.default_rng(5))[:1], (60, 1))
    if name == "unexposed":
        same[:] = 0.0
    u = utility.of(items, observe(utility.observable, items, same))
    hidden = np.array([i["stratum"] != "shown" for i in items])
    assert u[hidden] == pytest.approx(utility.chance(items)[hidden], abs=1e-12)


@pytest.mark.parametrize("observable", ["extraction", "recitation"])
def test_discrepancy_is_the_squared_difference(observable: str) -> None:
    items = [{"choices": ["oak ash"], "answer": "oak ash"}]
    one: Any = np.log([[0.005]]) if observable == "extraction" else [["oak elm"]]
    other: Any = np.log([[0.02]]) if observable == "extraction" else [["oak ash"]]
    t, s = (observe(observable, items, r).values for r in (one, other))
    assert half_squared_distance.between(t, s) == pytest.approx((t[:, 0] - s[:, 0]) ** 2)
    assert half_squared_distance.between(t, t).tolist() == [0.0]
