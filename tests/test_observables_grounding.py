"""What an answer cites: cases by hand, the laws of the distance, ALCE's rule step by step, and unearned losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angels_share import spec
from angels_share.discrepancies import half_squared_distance
from angels_share.estimate import resampling, variation
from angels_share.observables import Floats, Observation, get_utility, observe
from angels_share.observables.grounding import citation_f1, cited_numbers, cites_support, first_said
from angels_share.score.controls import constant, oracle, shuffled, uniform
from angels_share.score.measurable import teacher_gap
from angels_share.score.task import measure_task
from synthetic import log_of, noisy

TASKS = sorted(name for name in spec.tasks() if name.startswith("as_grounding_"))

law = settings(deadline=None, max_examples=60)
sets = st.sets(st.integers(1, 5))


def item(support: list[int], passages: int = 5, level: int = 3, begun: str = "") -> dict[str, Any]:
    values = ["Tomar", "Belin", "$1,500", "0.5%"]
    return {
        "level": level, "passages": passages, "support": support, "begun": begun, "value": "Tomar", "candidates": values
    }  # fmt: skip


def citing(cited: set[int], answer: str = "Tomar") -> str:
    return answer + "".join(f" [{k}]" for k in sorted(cited))


def seen_of(items: list[dict[str, Any]], texts: list[str]) -> Observation:
    return observe("cited_passages", items, [[text] for text in texts])


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Tomar [2]", {2}),
        ("Tomar [2][4].", {2, 4}),
        ("Tomar [ 2, 4 ] and [3 and 5]", {2, 3, 4, 5}),
        ("Tomar [2][2]", {2}),
        ("Tomar (2), passage 2, [2", set()),
        ("Tomar [two] []", set()),
        ("Tomar [12345678901]", set()),
    ],
)
def test_cited_numbers(text: str, numbers: set[int]) -> None:
    assert cited_numbers(text, toy=False) == numbers


def test_cited_numbers_of_caskworld_stand_behind_from() -> None:
    assert cited_numbers("35 from 2", toy=True) == {2}
    assert cited_numbers("35 from 2 3", toy=True) == {2, 3}
    assert cited_numbers("35 2", toy=True) == cited_numbers("35 [2]", toy=True) == set()


def test_an_answer_may_go_on_from_the_bracket_that_the_prompt_opens() -> None:
    seen = seen_of([item([2], begun="[")] * 3, ["2], Tomar", "[2] Tomar", "Tomar"])
    assert seen.values.argmax(axis=1).tolist() == [1, 1, 6]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tomar, not Belin", "Tomar"),
        ("Belin and Tomar", "Belin"),
        ("Tomarin", None),
        ("It is $1,500.", "$1,500"),
        ("It is $1,500.50", None),
        ("It is 0.5%, [1]", "0.5%"),
        ("It is 10.5%", None),
        ("", None),
    ],
)
def test_first_said(text: str, said: str | None) -> None:
    assert first_said(text, item([1])["candidates"]) == said


def test_observation_by_hand() -> None:
    seen = seen_of([item([1, 3])] * 4, ["Tomar [1][3]", "Belin [7]", "Tomar", "[2][9]"])
    half = 0.5**0.5
    expected = [
        [half, 0, half, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, half, 0, 0, 0, half, 0],
    ]
    assert seen.values == pytest.approx(np.array(expected))
    assert seen.invalid.tolist() == [0, 0, 1, 0]
    assert seen.features is not None
    assert seen.features[:, 0].tolist() == [1, 0, 1, 0]
    assert citation_f1.of([item([1, 3])] * 4, seen).tolist() == [1, 0, 0, 0]
    assert cites_support([item([1, 3])] * 4, seen).tolist() == [1, 0, 0, 0]


def test_a_number_that_this_item_has_no_passage_for_is_elsewhere() -> None:
    seen = seen_of([item([1], passages=3), item([1])], ["Tomar [4]", "Tomar [4]"])
    assert seen.values.argmax(axis=1).tolist() == [5, 3]


@pytest.mark.parametrize("text", ["[" * 20_000, "[1" + " " * 20_000, "[1," * 10_000, "\x00[1]\ud800", "from " * 9000])
@pytest.mark.parametrize("level", [0, 3])
def test_odd_texts_are_read_quickly(text: str, level: int) -> None:
    seen = seen_of([item([1], level=level)], [text])
    assert np.linalg.norm(seen.values) == pytest.approx(1)


# --- the distance ----------------------------------------------------------------------------------------------------


@law
@given(sets, sets)
def test_distance_is_one_minus_the_cosine_of_the_sets(ours: set[int], theirs: set[int]) -> None:
    rows = [seen_of([item([1])], [citing(cited)]).values for cited in (ours, theirs)]
    d = half_squared_distance.between(*rows)[0]
    if ours and theirs:
        assert d == pytest.approx(1 - len(ours & theirs) / (len(ours) * len(theirs)) ** 0.5, abs=1e-12)
    else:
        assert d == pytest.approx(float(ours != theirs))
    assert -1e-12 <= d <= 1 + 1e-12
    assert d == pytest.approx(half_squared_distance.between(*rows[::-1])[0])


@law
@given(st.lists(sets, min_size=2, max_size=12))
def test_variation_is_half_the_mean_distance_of_all_pairs(cited: list[set[int]]) -> None:
    rows = seen_of([item([1])] * len(cited), [citing(c) for c in cited]).values
    scheme = resampling([str(k) for k in range(len(cited))], "x", 2)
    found = variation(*half_squared_distance.spread(rows), scheme, sampled=False).point
    pairs = [half_squared_distance.between(a[None], b[None])[0] for a in rows for b in rows]
    assert found == pytest.approx(np.mean(pairs) / 2, abs=1e-9)


# --- the utility -----------------------------------------------------------------------------------------------------


def alce(cited: set[int], entails: Callable[[set[int]], bool], passages: int) -> float:
    """Return the F1 of recall and precision of one statement, with the entailment asked step by step."""
    if not cited or max(cited) > passages or not entails(cited):
        return 0.0
    counted = [k for k in cited if entails({k}) or not entails(cited - {k})]
    precision = len(counted) / len(cited)
    return 2 * precision / (1 + precision)


@law
@given(st.sets(st.integers(1, 6)), st.sets(st.integers(1, 5), min_size=1, max_size=2))
def test_citation_f1_is_the_rule_of_alce(cited: set[int], support: set[int]) -> None:
    items = [item(sorted(support))]
    found = citation_f1.of(items, seen_of(items, [citing(cited)]))[0]
    assert found == pytest.approx(alce(cited, lambda some: support <= some, 5))


@pytest.mark.parametrize(("passages", "needed"), [(3, 1), (5, 1), (10, 1), (5, 2), (8, 2)])
def test_no_constant_set_is_better_than_citing_everything(passages: int, needed: int) -> None:
    """With the needed passages at all places alike, as they are."""
    numbers = range(1, passages + 1)
    items = [item(list(support), passages) for support in combinations(numbers, needed)]
    chance = citation_f1.chance(items).mean()
    constants = [set(some) for size in numbers for some in combinations(numbers, size)]
    levels = [citation_f1.of(items, seen_of(items, [citing(c)] * len(items))).mean() for c in constants[-200:]]
    assert max(levels) == pytest.approx(chance)
    assert chance == pytest.approx(2 * needed / (needed + passages))


def test_the_answer_does_not_enter_the_utility() -> None:
    items = [item([2])]
    right, wrong = (citation_f1.of(items, seen_of(items, [f"{word} [2]"])) for word in ("Tomar", "Belin"))
    assert right.tolist() == wrong.tolist() == [1.0]
    assert citation_f1.chance(items).tolist() == pytest.approx([1 / 3])


# --- unearned losses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_controls_lose_everything_and_the_teacher_nothing(name: str) -> None:
    teacher = log_of(name, noisy(1, 0.85), "standard")
    assert teacher_gap(teacher) is None
    for control in (constant, uniform, shuffled):
        found = measure_task(teacher, control(teacher), 100).score
        assert found.loss is not None
        assert found.loss.value >= 0.9, control
    itself = measure_task(teacher, teacher, 100).score.loss
    assert itself is not None
    assert itself.value == 0


def test_citing_everything_loses_everything() -> None:
    teacher = log_of("as_grounding_cite", noisy(1, 0.85), "standard")
    everything = replace(teacher, texts=tuple(("7 from 1 2 3",) for _ in teacher.items))
    found = measure_task(teacher, everything, 100).score.loss
    assert found is not None
    assert found.value == 1


@pytest.mark.parametrize("name", TASKS)
def test_weaker_students_lose_more_and_knowing_the_answers_is_a_correction(name: str) -> None:
    teacher = log_of(name, noisy(1, 0.85), "standard")
    far: list[Floats | float] = []
    for skill in (0.8, 0.6, 0.3):
        found = measure_task(teacher, log_of(name, noisy(1, skill), "standard"), 100).score
        assert found.divergence is not None
        far.append(found.divergence.value)
    assert 0 < far[0] < far[1] < far[2]
    better = measure_task(teacher, oracle(teacher), 100).score.net_correction
    assert better is not None
    assert better.value > 0


@pytest.mark.parametrize("name", TASKS)
def test_lm_eval_prints_the_mean_of_the_utility(name: str) -> None:
    teacher = log_of(name, noisy(1, 0.8), "pilot")
    utility = get_utility(str(teacher.spec.measure.utility))
    responses: Any = teacher.log_likelihoods if teacher.texts is None else teacher.texts
    expected = utility.of(teacher.items, observe(utility.observable, teacher.items, responses)).mean()
    printed = []
    for doc, row in zip(teacher.items, responses, strict=True):
        results = list(row) if isinstance(row[0], str) else [(float(v), False) for v in row]
        printed.append(utility(doc, results)["utility"])
    assert np.mean(printed) == pytest.approx(expected)
