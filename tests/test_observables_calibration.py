"""Stated confidence and chosen actions: how words are read, and what they earn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angels_share.discrepancies import get as get_discrepancy
from angels_share.observables import get_utility, observe
from angels_share.observables.calibration import read_confidence

WOODS = ["oak", "ash", "elm", "fir"]


@pytest.mark.parametrize(
    ("text", "choices", "scale", "expected"),
    [
        ("oak 9", WOODS, 10, (0, 0.9)),
        ("9 7", ["8", "9"], 10, (1, 0.7)),
        (" Ash. Confidence: 80%", WOODS, 100, (1, 0.8)),
        ("elm\nconfidence 65", WOODS, 100, (2, 0.65)),
        ("fir, CONFIDENCE: 0.4", WOODS, 100, (3, 0.4)),
        ("12. Confidence: 12.5%", ["12", "125"], 100, (0, 0.125)),
        ("3 + 4 = 7, so 7. Confidence: 100%", ["7", "17"], 100, (0, 1.0)),
        ("Papua New Guinea. Confidence: 30%", ["Guinea", "Papua New Guinea"], 100, (1, 0.3)),
        ("ash or oak, 90%", WOODS, 100, (1, 0.9)),
        ("oak. Confidence: 90%\nQuestion: elm 3", WOODS, 100, (0, 0.9)),
    ],
)
def test_answers_are_read(text: str, choices: list[str], scale: float, expected: tuple[int, float]) -> None:
    assert read_confidence(text, choices, scale) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "oak", "oak. Confidence: high", "Confidence: 90%", "oaks 90%", "oak. Confidence: 120%", "90%"]
)
def test_what_cannot_be_read_is_invalid_and_earns_nothing(text: str) -> None:
    items = [{"choices": WOODS, "scale": 100, "gold": 0}]
    seen = observe("stated_confidence", items, [[text]])
    assert seen.values.tolist() == [[0, 0, 0, 0, 1]]
    assert seen.invalid.tolist() == [1]
    assert get_utility("stated_brier").of(items, seen).tolist() == [0]


def test_brier_by_hand() -> None:
    items = [{"choices": WOODS, "scale": 10, "gold": g} for g in (0, 1)]
    seen = observe("stated_confidence", items, [["oak 7"], ["oak 7"]])
    assert seen.values == pytest.approx(np.array([[0.7, 0.1, 0.1, 0.1, 0.0]] * 2))
    assert get_utility("stated_brier").of(items, seen) == pytest.approx([1 - 0.06, 1 - 0.5 * (0.49 + 0.81 + 0.02)])


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(WOODS), st.integers(0, 10), st.sampled_from(WOODS), st.integers(0, 10), st.integers(0, 3))
def test_utility_and_distance_are_shares(one: str, sure: int, other: str, unsure: int, gold: int) -> None:
    items = [{"choices": WOODS, "scale": 10, "gold": gold}]
    seen = [observe("stated_confidence", items, [[text]]) for text in (f"{one} {sure}", f"{other} {unsure}")]
    assert seen[0].values.sum() == pytest.approx(1)
    assert 0 <= get_utility("stated_brier").of(items, seen[0])[0] <= 1
    d = get_discrepancy("half_squared_distance").between(seen[0].values, seen[1].values)[0]
    assert 0 <= d <= 1
    assert (d < 1e-12) == ((one, sure) == (other, unsure))


def test_stating_a_quarter_is_chance() -> None:
    items = [{"choices": WOODS, "scale": 100, "gold": k} for k in range(4)]
    seen = observe("stated_confidence", items, [["oak. Confidence: 25%"]] * 4)
    utility = get_utility("stated_brier")
    assert utility.of(items, seen) == pytest.approx(utility.chance(items))


def test_the_best_calibrated_statement_earns_most() -> None:
    """Of ten draws with six oaks, saying oak with 60 % earns more than any other tenth."""
    items = [{"choices": WOODS[:2], "scale": 10, "gold": int(k >= 6)} for k in range(10)]
    earned = [
        get_utility("stated_brier").of(items, observe("stated_confidence", items, [[f"oak {t}"]] * 10)).mean()
        for t in range(11)
    ]
    assert int(np.argmax(earned)) == 6


def test_payoffs_of_actions_by_hand() -> None:
    actions = ["reply", "query", "refer", "alarm"]
    rows = [[1.0, 0.8, 0.7, 0.7], [0.0, 0.0, 0.0, 1.0]]
    items = [{"candidates": actions, "payoffs": row} for row in rows]
    utility = get_utility("payoff")
    for texts, expected in (
        ([["The desk must reply."], ["Alarm"]], [1.0, 1.0]),
        ([["query"], ["refer it"]], [0.8, 0.0]),
        ([["nothing"], ["alarms"]], [0.0, 0.0]),
    ):
        assert utility.of(items, observe("answer", items, texts)) == pytest.approx(expected)
    assert utility.chance(items) == pytest.approx([0.7, 1.0])
