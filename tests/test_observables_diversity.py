"""What counts as one answer to an open question, what is valid, and what a student gains by ignoring the question."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from angels_share.observables import INVALID, aligned, get_utility, observe
from angels_share.observables.diversity import canonical, folded

NAMES = {"jay": "jay", "blue jay": "blue jay", "finch": "finch", "cherry": "cherry", "muenchen": "munich"}
ITEMS = (
    {"choices": ["oak", "ash", "yew"], "aliases": [["esche", "ash"]]},
    {"choices": ["fig", "ash"], "aliases": []},
)


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("jay", "jay"),
        (" The jays.", "jay"),
        ("a Blue Jay, which is blue", "blue jay"),
        ("Finches and jays", "finch"),
        ("cherries", "cherry"),
        ("\n\n jay\nfinch", "jay"),
        ("**jay**", "jay"),
        ("- jay", "jay"),
        ("Münchën", "munchen"),
        ("muenchen", "munich"),
        ("red jay", "red jay"),
        ("jaybird", "jaybird"),
        ("great tit that sings", "great tit"),
        ("crow of the north", "crow"),
        ("of", INVALID),
        ("...", INVALID),
        ("", INVALID),
        (INVALID, INVALID),
    ],
)
def test_what_counts_as_one_answer(text: str, counted: str) -> None:
    assert canonical(text, NAMES) == counted


@given(st.text(max_size=300))
def test_any_text_has_a_form_that_stays(text: str) -> None:
    """Whatever is written, and what it is counted as is counted as itself."""
    counted = canonical(text, NAMES)
    assert counted == " ".join(folded(counted)) != ""
    assert canonical(counted, NAMES) == counted


def test_long_texts_are_not_read_to_the_end() -> None:
    assert canonical("x" * 10**6, NAMES) == "x" * 200


def test_answers_are_counted_by_name_and_members_by_place() -> None:
    seen = observe("member_counts", ITEMS, [["Oak", "esche", "ashes", "fir"], ["ash", "oak", "?", "fir"]])
    assert seen.categories == ("ash", "fir", "oak", INVALID)
    assert seen.values.tolist() == [[2, 1, 1, 0], [1, 1, 1, 1]]
    assert seen.features is not None
    assert seen.features.tolist() == [[1, 2, 0], [0, 1, 0]]
    assert seen.invalid.tolist() == [0, 0.25]


def test_different_wrong_answers_stay_different() -> None:
    teacher = observe("member_counts", ITEMS[:1], [["birch", "birch"]])
    student = observe("member_counts", ITEMS[:1], [["pine", "pine"]])
    one, other = aligned(teacher, student)
    assert one.categories == other.categories == ("birch", "pine", INVALID)
    assert (one.values * other.values).sum() == 0


def test_validity_is_the_share_of_members() -> None:
    utility = get_utility("validity")
    seen = observe("member_counts", ITEMS, [["Oak", "esche", "ashes", "fir"], ["ash", "oak", "?", "fir"]])
    assert utility.of(ITEMS, seen).tolist() == [0.75, 0.25]
    assert utility(ITEMS[0], [["oak", "fir"]]) == {"utility": 0.5}
    assert not utility.credited


def test_chance_is_the_best_constant() -> None:
    """`ash` is valid everywhere, so whoever always says it knows nothing."""
    utility = get_utility("validity")
    assert utility.chance(ITEMS).tolist() == [1.0, 1.0]
    apart = [{"choices": ["oak"], "aliases": []}, {"choices": ["fig", "elm"], "aliases": []}, {"choices": ["fig"]}]
    assert utility.chance(apart).tolist() == [0.0, 1.0, 1.0]
    constant = observe("member_counts", ITEMS, [["ash"] * 8] * 2)
    assert np.mean(utility.of(ITEMS, constant)) == 1.0


@given(st.lists(st.sampled_from(["oak", "ash", "fig", "fir", "", "the yew"]), min_size=2, max_size=9))
def test_counts_do_not_depend_on_the_order_of_answers(texts: list[str]) -> None:
    mixed = sorted(texts)
    one, other = (observe("member_counts", ITEMS, [t, t]) for t in (texts, mixed))
    assert one.categories == other.categories
    assert np.array_equal(one.values, other.values)
    assert (one.values.sum(axis=1) == len(texts)).all()
