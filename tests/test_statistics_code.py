"""Displayed statistics of code by hand and by counting subsets of samples."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from angels_share.items import Item
from angels_share.observables import Observation, observe
from angels_share.statistics import get

NAMES = (
    "passed_once", "passed_always", "visible_only", "repeats_failure", "debug_level", "hidden_level", "testgen_level",
    "failed_level",
)  # fmt: skip
BASE: dict[str, Any] = {
    "language": "stack", "level": 1, "begun": "", "gold": 0, "program": "copy", "shown": "push ash", "visible": 1,
    "tests": [["elm", "elm elm"], ["fir", "fir fir"]], "choices": ["copy", "push ash", "push elm", "turn"],
}  # fmt: skip
TEST = {"choices": ["elm gives elm elm", "elm gives elm ash", "elm gives fir", "elm gives oak"]}
ANSWERS = {
    "debug": ["copy"] * 4 + ["push elm"] * 2 + ["push ash"] + ["nonsense"],
    "hidden": ["copy"] * 8,
    "testgen": ["elm gives elm elm"] * 2 + ["elm gives fir"] * 6,
    "failed": ["push ash"] * 6 + ["turn"] * 2,
}


def observed() -> tuple[list[Item], Observation]:
    items = [
        BASE
        | {"stratum": name, "attempt": "push ash" if name in ("debug", "failed") else ""}
        | (TEST if name == "testgen" else {})
        for name in ANSWERS
    ]
    return items, observe("code_behaviours", items, list(ANSWERS.values()))


def value(name: str, weights: Any = None) -> float:
    items, seen = observed()
    found = get(name).of(items, seen, np.ones((1, len(items))) if weights is None else np.array([weights], dtype=float))
    assert found.shape == (1,)
    return float(found[0])


def test_strata_by_hand() -> None:
    assert [value(f"{name}_level") for name in ANSWERS] == [0.5, 1.0, 0.25, 0.0]


def test_chances_over_five_samples_are_those_of_all_subsets() -> None:
    once, always = [], []
    for right in (4, 8, 2, 0):
        drawn = list(combinations([True] * right + [False] * (8 - right), 5))
        once.append(np.mean([any(d) for d in drawn]))
        always.append(np.mean([all(d) for d in drawn]))
    assert value("passed_once") == pytest.approx(np.mean(once))
    assert value("passed_always") == pytest.approx(np.mean(always))


def test_programs_that_fit_the_shown_test_alone() -> None:
    """Two of eight in one item of three; a written test is not among them."""
    assert value("visible_only") == pytest.approx(np.mean([2 / 8, 0, 0]))


def test_repeated_failures() -> None:
    assert value("repeats_failure") == pytest.approx(np.mean([1 / 8, 6 / 8]))


@pytest.mark.parametrize("name", NAMES)
def test_weights_count_items(name: str) -> None:
    items, seen = observed()
    weights = np.array([[1.0, 2.0, 3.0, 1.0]])
    order = [0, 1, 1, 2, 2, 2, 3]
    again = Observation(seen.values[order], seen.categories, seen.invalid[order], features=seen.features[order])
    plain = get(name).of([items[k] for k in order], again, np.ones((1, 7)))
    assert get(name).of(items, seen, weights) == pytest.approx(plain)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_no_number(name: str) -> None:
    assert np.isnan(value(name, [0, 0, 0, 0]))


def test_without_features_there_is_no_share_of_programs_that_seem_right() -> None:
    items, seen = observed()
    bare = Observation(seen.values, seen.categories, seen.invalid)
    assert np.isnan(get("visible_only").of(items, bare, np.ones((1, 4)))).all()
