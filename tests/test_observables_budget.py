"""Answers within a budget: what counts of a text, and what is read from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angels_share.observables import get_utility, observe
from angels_share.observables.budget import LATE, within


def read(text: str, most: int, unit: str = "bytes", candidates: tuple[str, ...] = ()) -> str:
    item: dict[str, Any] = {"budget": most, "unit": unit, "candidates": list(candidates)}
    seen = observe("answer_within_budget", [item], [[text]])
    assert seen.values.sum() == 1
    assert seen.invalid.tolist() == [float(seen.categories[int(seen.values.argmax())] == "invalid")]
    return seen.categories[int(seen.values.argmax())]


@given(st.text(), st.integers(1, 40), st.sampled_from(["bytes", "words"]))
def test_what_is_kept_is_a_beginning_within_the_budget(text: str, most: int, unit: str) -> None:
    kept = within(text, most, unit)
    if unit == "bytes":
        assert len(kept.encode("utf-8", "replace")) <= most
        assert text.strip().encode("utf-8", "replace").startswith(kept.encode("utf-8", "replace"))
    else:
        assert kept.split() == text.split()[:most]
    assert within(text, 10**6, unit) == text.strip()


def test_a_character_of_several_bytes_is_not_cut() -> None:
    assert within("déjà", 2, "bytes") == ""
    assert within("— — —", 5, "bytes") == "— "


@pytest.mark.parametrize(
    ("text", "most", "answer"),
    [
        (" 1234", 16, "1234"),
        ("answer: 1234", 16, "1234"),
        ("answer: 1234", 10, LATE),  # the number would be cut in two
        ("answer: 12 and more", 10, "12"),
        ("step 1: 3 + 4 = 7; answer: 7", 16, LATE),  # a step is no answer
        ("step 1: 3 + 4 = 7; answer: 7", 28, "7"),
        ("step 1: 3 + 4 = 7; step 2: 7 + 5 = 12; answer: 12", 64, "12"),
        ("The answer is 12, since 5 + 7 = 12", 64, "12"),
        ("I would rather not", 64, "invalid"),
        ("I would rather not say", 10, LATE),
        ("step 1: 3 + 4 = 7", 64, "invalid"),  # there was room, and no answer came
        ("", 16, "invalid"),
    ],
)
def test_numbers(text: str, most: int, answer: str) -> None:
    assert read(text, most) == answer


@pytest.mark.parametrize(
    ("text", "most", "answer"),
    [
        ("ash", 2, "ash"),
        ("step 1 oak answer ash", 5, "ash"),
        ("step 1 oak answer ash", 4, LATE),
        ("answer Ash", 2, "ash"),
        ("elm", 2, "invalid"),
    ],
)
def test_words(text: str, most: int, answer: str) -> None:
    assert read(text, most, "words", ("oak", "ash")) == answer


def test_late_answers_count_as_wrong_and_are_no_failure_to_parse() -> None:
    items = [{"budget": most, "unit": "bytes", "candidates": [], "final": "7"} for most in (16, 64)]
    seen = observe("answer_within_budget", items, [["step 1: 3 + 4 = 7; answer: 7"]] * 2)
    utility = get_utility("right_within_budget")
    assert utility.of(items, seen).tolist() == [0, 1]
    assert seen.invalid.tolist() == [0, 0]
    assert utility.chance([*items, {"candidates": ["oak", "ash"]}]).tolist() == [0, 0, 0.5]
