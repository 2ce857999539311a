"""Estimators of rare mass and of variety: by counting all cases, against SciPy, and as properties."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from angels_share.observables import Floats, Items, Observation, observe
from angels_share.statistics import get
from angels_share.statistics.diversity import chance_of_none, rarefied, simpson

counts_of_a_row = st.lists(st.integers(0, 4), min_size=2, max_size=5).filter(lambda row: sum(row) >= 2)


def answers(row: list[int]) -> list[int]:
    return [k for k, count in enumerate(row) for _ in range(count)]


def observed(rows: list[list[str]], choices: str = "oak ash elm fir") -> tuple[Items, Observation]:
    items = [{"choices": choices.split(), "aliases": [], "rare": [0, 0, 1, 1]} for _ in rows]
    return items, observe("member_counts", items, rows)


def alone(name: str, items: Items, seen: Observation) -> float:
    return float(get(name).of(items, seen, np.ones((1, len(items))))[0])


def paired(name: str, items: Items, teacher: Observation, student: Observation) -> float:
    return float(get(name).of(items, teacher, student, np.ones((1, len(items))))[0])


# --- estimators ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 12), st.integers(1, 12), st.integers(0, 12))
def test_chance_of_none_is_hypergeometric(count: int, more: int, drawn: int) -> None:
    total = count + more
    drawn = min(drawn, total)
    found = chance_of_none(np.array([float(count)]), np.array([float(total)]), np.array([float(drawn)]))
    assert found[0] == pytest.approx(hypergeom(total, count, drawn).pmf(0), abs=1e-9)


@given(counts_of_a_row, st.integers(1, 5))
def test_rarefied_counts_every_draw(row: list[int], drawn: int) -> None:
    found = rarefied(np.array([row], dtype=float), np.array([float(drawn)]))[0]
    if sum(row) < drawn:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(np.mean([len(set(draw)) for draw in combinations(answers(row), drawn)]))


@given(counts_of_a_row)
def test_simpson_counts_every_pair(row: list[int]) -> None:
    pairs = [one != other for one, other in combinations(answers(row), 2)]
    assert simpson(np.array([row], dtype=float))[0] == pytest.approx(np.mean(pairs))


def test_simpson_and_rarefaction_do_not_depend_on_the_number_of_answers_in_expectation() -> None:
    """Unlike plain counts of different answers, which grow with every answer."""
    rng, p = np.random.default_rng(0), np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
    few, many = (rng.multinomial(k, p, size=20_000).astype(float) for k in (8, 32))
    assert simpson(few).mean() == pytest.approx(1 - (p**2).sum(), abs=0.005)
    assert simpson(many).mean() == pytest.approx(1 - (p**2).sum(), abs=0.005)
    eight = np.full(20_000, 8.0)
    assert rarefied(few, eight).mean() == pytest.approx((1 - (1 - p) ** 8).sum(), abs=0.02)
    assert rarefied(many, eight).mean() == pytest.approx((1 - (1 - p) ** 8).sum(), abs=0.02)
    assert (few > 0).sum(axis=1).mean() + 1 < (many > 0).sum(axis=1).mean()


def test_too_few_answers_have_no_diversity() -> None:
    assert np.isnan(simpson(np.array([[1.0, 0.0], [0.0, 0.0]]))).all()


# --- statistics ------------------------------------------------------------------------------------------------------


def test_tail_of_likelihoods() -> None:
    items = [
        {"choices": ["oak", "ash", "elm"], "truth": [0.8, 0.1, 0.1], "rare": [0, 1, 1]},
        {"choices": ["fir", "yew"], "truth": [0.25, 0.75], "rare": [1, 0]},
    ]
    teacher = observe("option_distribution", items, np.log([[0.8, 0.2, 1e-300], [0.5, 0.5, np.nan]]))
    student = observe("option_distribution", items, np.log([[0.95, 0.05, 1e-300], [0.125, 0.875, np.nan]]))
    assert alone("tail_mass", items, teacher) == pytest.approx((0.2 + 0.5) / 2)
    assert alone("tail_mass", items, student) == pytest.approx((0.05 + 0.125) / 2)
    assert alone("tail_utility", items, teacher) == pytest.approx(1.0)
    assert alone("tail_utility", items, student) == pytest.approx((0.25 + 0.5) / 2)
    assert paired("tail_shift", items, teacher, student) == pytest.approx((0.15 + 0.375) / 2)
    assert paired("tail_shift", items, teacher, teacher) == 0


def test_tail_of_sampled_options_and_of_open_answers_agree() -> None:
    """Both count valid answers only; an answer outside the list changes neither."""
    rows = [["oak"] * 5 + ["elm"] * 2 + ["fir", "what"], ["ash"] * 9]
    items, seen = observed(rows)
    options = observe("option_counts", items, rows)
    for name in ("tail_mass", "tail_coverage"):
        assert alone(name, items, seen) == pytest.approx(alone(name, items, options))
    assert alone("tail_mass", items, seen) == pytest.approx(3 / 17)
    assert alone("tail_coverage", items, seen) == pytest.approx((1.0 + 0.0) / 2), "all eight valid answers are drawn"


def test_coverage_is_rarefied_to_eight() -> None:
    rows = [["oak"] * 8 + ["elm"] * 4]
    items, seen = observed(rows)
    met = np.mean(["elm" in draw for draw in combinations(rows[0], 8)])
    assert alone("tail_coverage", items, seen) == pytest.approx(met / 2)
    assert alone("distinct_of_eight", items, seen) == pytest.approx(1 + met)


def test_variety_is_that_of_valid_answers() -> None:
    items, seen = observed([["oak", "oak", "ash", "ash", "what", "else", "is", "new"]])
    assert alone("simpson_diversity", items, seen) == pytest.approx(2 / 3)
    assert np.isnan(alone("distinct_of_eight", items, seen))


def test_distinct_answers_are_compared_at_equal_numbers() -> None:
    """A student with half as many valid answers of the same variety is not called less varied."""
    items, teacher = observed([["oak", "ash", "elm", "fir"] * 8])
    _, half = observed([(["oak", "ash", "elm", "fir"] * 4) + ["what"] * 16])
    _, collapsed = observed([["oak"] * 32])
    assert paired("distinct_retained", items, teacher, half) == pytest.approx(4 / 4, abs=0.02)
    assert paired("distinct_retained", items, teacher, collapsed) == pytest.approx(1 / 4)
    assert paired("distinct_retained", items, teacher, teacher) == pytest.approx(1.0)


def by_all_halves(teacher: list[str], student: list[str]) -> tuple[float, float]:
    """Return the recall by the student and by the other half of the teacher, over all halves of either."""
    half = len(teacher) // 2
    modes, repeated = 0, 0
    met = 0.0
    places = range(len(teacher))
    drawn = [set(draw) for draw in combinations(student, half)]
    for part in combinations(places, half):
        one = [teacher[k] for k in part]
        rest = {teacher[k] for k in places if k not in part}
        once = [a for a in set(one) if one.count(a) == 1]
        modes += len(once)
        repeated += sum(a in rest for a in once)
        met += sum(np.mean([a in other for other in drawn]) for a in once)
    return met / modes, repeated / modes


@pytest.mark.parametrize("student", ["oak oak ash ash elm fir", "oak oak oak oak oak oak", "oak ash ash fir fir fir"])
def test_recall_of_what_the_teacher_says_seldom(student: str) -> None:
    said = "oak oak oak ash ash elm".split()
    items, teacher = observed([said])
    seen = observed([student.split()])[1]
    recall, repeat = by_all_halves(said, student.split())
    assert paired("tail_recall", items, teacher, seen) == pytest.approx(recall)
    assert paired("tail_recall_of_repeat", items, teacher, seen) == pytest.approx(repeat)


def test_a_repeat_of_the_teacher_recalls_as_its_own_other_half() -> None:
    rng = np.random.default_rng(1)
    names = [f"w{chr(97 + k)}" for k in range(20)]
    p: Floats = 1 / np.arange(1, 21)
    draw = [[[str(x) for x in rng.choice(names, 32, p=p / p.sum())] for _ in range(400)] for _ in range(2)]
    items = [{"choices": names, "aliases": []} for _ in range(400)]
    teacher, repeat = (observe("member_counts", items, rows) for rows in draw)
    floor = paired("tail_recall_of_repeat", items, teacher, repeat)
    assert 0.3 < floor < 0.8, "far below 1 for the teacher itself"
    assert paired("tail_recall", items, teacher, repeat) == pytest.approx(floor, abs=0.02)


def test_weights_repeat_items_and_order_does_not_matter() -> None:
    rows = [["oak"] * 6 + ["ash", "elm"], ["ash", "elm"] * 4]
    items, seen = observed(rows)
    for name in ("tail_mass", "tail_coverage", "simpson_diversity", "distinct_of_eight"):
        twice = observed([rows[0], rows[1], rows[1]])
        weighed = get(name).of(items, seen, np.array([[1.0, 2.0]]))[0]
        assert weighed == pytest.approx(alone(name, *twice))
        assert alone(name, *observed(rows[::-1])) == pytest.approx(alone(name, items, seen))


def test_without_any_valid_answer_nothing_is_shown() -> None:
    items, seen = observed([["what"] * 8])
    for name in ("tail_mass", "tail_coverage", "simpson_diversity", "distinct_of_eight"):
        assert np.isnan(alone(name, items, seen)), name
    for name in ("distinct_retained", "tail_recall", "tail_recall_of_repeat"):
        assert np.isnan(paired(name, items, seen, seen)), name
