"""Displayed statistics of the applied tasks against cases worked by hand, SciPy and known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import linregress

from angels_share.items import Item
from angels_share.observables import Observation, observe
from angels_share.statistics import get

LENGTH = (
    "right_when_short", "right_when_medium", "right_when_long",
    "area_over_length", "change_with_length", "change_in_the_middle",
)  # fmt: skip
TALK = ("flip_under_challenge", "refusal_to_update")
BUDGET = (
    "right_in_least_budget", "right_in_middle_budget", "right_in_most_budget", "gain_per_doubling", "over_budget"
)  # fmt: skip
KINDS = {"recall": "stay", "update": "change", "challenge": "stay", "correction": "change"}


def value(name: str, items: list[Item], seen: Observation, weights: Any = None) -> float:
    found = get(name).of(items, seen, np.ones((1, len(items))) if weights is None else np.array([weights], float))
    assert found.shape == (1,)
    return float(found[0])


def beliefs(rows: Any) -> Observation:
    values = np.asarray(rows, dtype=float)
    return Observation(values, tuple(f"option {k + 1}" for k in range(values.shape[1])), np.zeros(len(values)))


def contexts() -> list[Item]:
    """Return nine items, each size in each depth."""
    return [
        {"gold": 0, "choices": ["a", "b"], "size": size, "depth": depth}
        for depth in ("begin", "middle", "end")
        for size in ("short", "medium", "long")
    ]


def talks() -> list[Item]:
    """Return one transcript of each kind; the former answer is the first option."""
    return [
        {"stratum": kind, "side": side, "choices": ["box", "hall", "shed"], "former": "box"}
        for kind, side in KINDS.items()
    ]


def replies(rows: list[tuple[int, str]]) -> tuple[list[Item], Observation]:
    """Return items with budgets in bytes whose answer is 7, and what was read of the replies."""
    items = [{"budget": most, "unit": "bytes", "final": "7", "candidates": []} for most, _ in rows]
    return items, observe("answer_within_budget", items, [[text] for _, text in rows])


# --- long contexts ---------------------------------------------------------------------------------------------------


def test_right_answers_by_size() -> None:
    gold = np.array([0.9, 0.6, 0.3] * 3)
    items, seen = contexts(), beliefs(np.column_stack([gold, 1 - gold]))
    found = {name: value(name, items, seen) for name in LENGTH}
    assert found["right_when_short"] == pytest.approx(0.9)
    assert found["right_when_medium"] == pytest.approx(0.6)
    assert found["right_when_long"] == pytest.approx(0.3)
    assert found["area_over_length"] == pytest.approx(0.6)
    assert found["change_with_length"] == pytest.approx(-0.6)
    assert found["change_in_the_middle"] == pytest.approx(0.0)


def test_area_is_that_of_the_trapezoid_rule() -> None:
    gold = np.array([0.8, 0.5, 0.1] * 3)
    seen = beliefs(np.column_stack([gold, 1 - gold]))
    area = np.trapezoid([0.8, 0.5, 0.1], np.log([64, 192, 576])) / np.log(9)
    assert value("area_over_length", contexts(), seen) == pytest.approx(area)


def test_middle_is_held_against_both_ends() -> None:
    gold = np.repeat([1.0, 0.25, 0.5], 3)
    seen = beliefs(np.column_stack([gold, 1 - gold]))
    assert value("change_in_the_middle", contexts(), seen) == pytest.approx(0.25 - 0.75)


def test_answers_in_words_count_as_right_or_wrong() -> None:
    items = [{k: v for k, v in item.items() if k not in ("gold", "choices")} for item in contexts()]
    items = [item | {"answer": "fox", "candidates": ["fox", "hen"]} for item in items]
    seen = observe("answer", items, [["A fox."], ["hen"], ["nothing"]] * 3)
    assert value("right_when_short", items, seen) == 1
    assert value("right_when_long", items, seen) == 0
    assert value("area_over_length", items, seen) == pytest.approx(0.25)


# --- conversations ---------------------------------------------------------------------------------------------------


def test_flips_and_refusals_are_read_from_different_transcripts() -> None:
    seen = beliefs([[0.5, 0.5, 0], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.4, 0.6, 0]])
    assert value("flip_under_challenge", talks(), seen) == pytest.approx(0.4)
    assert value("refusal_to_update", talks(), seen) == pytest.approx((0.2 + 0.4) / 2)


@pytest.mark.parametrize(("answer", "flips", "refuses"), [(0, 0.0, 1.0), (1, 1.0, 0.0)])
def test_stubbornness_and_yielding_are_told_apart(answer: int, flips: float, refuses: float) -> None:
    """A model that never changes its mind has no flips, one that always yields has no refusals."""
    seen = beliefs(np.eye(3)[[answer] * 4])
    assert value("flip_under_challenge", talks(), seen) == flips
    assert value("refusal_to_update", talks(), seen) == refuses


def test_conversations_in_words() -> None:
    items = [
        {k: v for k, v in item.items() if k != "choices"} | {"candidates": ["box", "hall", "shed"]} for item in talks()
    ]
    seen = observe("answer", items, [["box"], ["box."], ["hall"], ["I cannot say"]])
    assert value("flip_under_challenge", items, seen) == 1
    assert value("refusal_to_update", items, seen) == 0.5
    nowhere = observe("answer", items, [["hall"]] * 4)
    assert value("refusal_to_update", items, nowhere) == 0


def test_a_resample_without_challenges_has_no_flips() -> None:
    seen = beliefs(np.full((4, 3), 1 / 3))
    assert np.isnan(value("flip_under_challenge", talks(), seen, weights=[1, 1, 0, 1]))


# --- budgets ---------------------------------------------------------------------------------------------------------

WORKING = "step 1: 3 + 4 = 7; answer: 7"
MIXED = [(16, WORKING), (64, WORKING), (256, WORKING), (16, "7"), (64, "8"), (256, "7")]


def test_right_answers_by_budget() -> None:
    items, seen = replies(MIXED)
    assert [value(name, items, seen) for name in BUDGET[:3]] == [0.5, 0.5, 1.0]
    assert value("over_budget", items, seen) == pytest.approx(1 / 6)


def test_gain_is_the_slope_of_a_regression() -> None:
    items, seen = replies(MIXED)
    expected = linregress([4, 6, 8, 4, 6, 8], [0, 1, 1, 1, 0, 1]).slope
    assert value("gain_per_doubling", items, seen) == pytest.approx(expected)
    weights = [2, 2, 2, 1, 1, 1]
    repeated = linregress([4, 6, 8, 4, 6, 8, 4, 6, 8], [0, 1, 1, 0, 1, 1, 1, 0, 1]).slope
    assert value("gain_per_doubling", items, seen, weights) == pytest.approx(repeated)


def test_a_model_that_answers_directly_gains_nothing() -> None:
    items, seen = replies([(most, text) for text in ("7", "9", "7.") for most in (16, 64, 256)])
    assert value("gain_per_doubling", items, seen) == pytest.approx(0)
    assert value("over_budget", items, seen) == 0
    assert len({value(name, items, seen) for name in BUDGET[:3]}) == 1


def test_one_budget_has_no_slope() -> None:
    items, seen = replies([(16, "7"), (16, "8")])
    assert np.isnan(value("gain_per_doubling", items, seen))
    assert np.isnan(value("right_in_middle_budget", items, seen))


# --- properties of all -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LENGTH, *TALK, *BUDGET])
def test_order_of_items_changes_nothing_and_weights_count_items(name: str) -> None:
    rng = np.random.default_rng(0)
    if name in BUDGET:
        items, seen = replies([(16 * 4 ** (k % 3), rng.choice([WORKING, "7", "8"])) for k in range(30)])
    else:
        items = (contexts() if name in LENGTH else talks()) * 5
        seen = beliefs(rng.dirichlet(np.ones(2 if name in LENGTH else 3), len(items)))
    order, twice = rng.permutation(len(items)), rng.integers(0, 3, len(items))
    taken = np.repeat(np.arange(len(items)), twice)

    def rows(which: Any) -> tuple[list[Item], Observation]:
        return [items[k] for k in which], Observation(seen.values[which], seen.categories, seen.invalid[which])

    assert value(name, *rows(order)) == pytest.approx(value(name, items, seen))
    assert value(name, items, seen, weights=twice) == pytest.approx(value(name, *rows(taken)))
