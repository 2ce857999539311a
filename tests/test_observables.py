"""Observables and utilities: parsing, hand-computed values, independent references, chance, and lm-eval's form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import brier_score_loss

from angels_share import spec
from angels_share.discrepancies import half_squared_distance
from angels_share.errors import MeasureError
from angels_share.observables import Floats, Observation, aligned, get_utility, observe
from angels_share.observables.categorical import (
    accuracy,
    answer,
    brier,
    closeness,
    correct,
    expected_payoff,
    option_counts,
    option_distribution,
    sampled_closeness,
)
from angels_share.observables.registry import mean_over_items
from synthetic import make_items

law = settings(deadline=None, max_examples=50)
seeds = st.integers(0, 2**32 - 1)

MIXED: list[dict[str, Any]] = [
    {"choices": ["a", "b"], "gold": 1, "truth": [0.25, 0.75], "payoffs": [0.5, 1.0]},
    {"choices": ["a", "b", "c"], "gold": 0, "truth": [0.5, 0.25, 0.25], "payoffs": [1.0, 0.0, 0.5]},
    {"choices": ["a", "b", "c", "d"], "gold": 3, "truth": [0.1, 0.2, 0.3, 0.4], "payoffs": [0.0, 0.0, 0.0, 1.0]},
]
"""Items with different numbers of options, as the columns of a log hold them."""

MIXED_Q = [[0.5, 0.5], [0.6, 0.3, 0.1], [0.1, 0.1, 0.2, 0.6]]


def logs_of(rows: Sequence[Sequence[float]]) -> Floats:
    """Return log-likelihoods with these probabilities, NaN beyond an item's own options."""
    out = np.full((len(rows), max(map(len, rows))), np.nan)
    for into, row in zip(out, rows, strict=True):
        into[: len(row)] = np.log(row)
    return out


def seen(rows: Sequence[Sequence[float]] = MIXED_Q) -> Observation:
    return option_distribution(MIXED[: len(rows)], logs_of(rows))


# --- option_distribution ---------------------------------------------------------------------------------------------


@law
@given(seeds, st.integers(2, 6), st.floats(-2000, 0))
def test_option_distribution_is_a_softmax(seed: int, width: int, shift: float) -> None:
    logs = np.random.default_rng(seed).normal(shift, 5, (7, width))
    q = option_distribution([{}] * 7, logs)
    assert q.values == pytest.approx(softmax(logs, axis=1), abs=1e-12)
    assert q.values.sum(axis=1) == pytest.approx(np.ones(7))
    assert (q.invalid == 0).all()


def test_options_that_an_item_lacks_have_probability_0() -> None:
    q = seen()
    assert q.categories == ("option 1", "option 2", "option 3", "option 4")
    assert q.values[0] == pytest.approx([0.5, 0.5, 0, 0])
    assert q.values[1] == pytest.approx([0.6, 0.3, 0.1, 0])
    assert q.values[2] == pytest.approx([0.1, 0.1, 0.2, 0.6])


def test_impossible_likelihoods_do_not_overflow() -> None:
    q = option_distribution([{}] * 2, np.array([[-1e5, -1e5 - 1.0], [0.0, -1e5]]))
    assert q.values[0] == pytest.approx([1 / (1 + math.exp(-1)), 1 / (1 + math.e)])
    assert q.values[1].tolist() == [1.0, 0.0]


# --- answer ----------------------------------------------------------------------------------------------------------


OPEN: dict[str, Any] = {"candidates": []}
NAMED: dict[str, Any] = {"candidates": ["oak", "ash", "elm", "7"]}


@pytest.mark.parametrize(
    ("text", "item", "parsed"),
    [
        ("7", OPEN, "7"),
        (" 7.", OPEN, "7"),
        ("3 + 4 = 7.", OPEN, "7"),
        ("1 + 1 = 2, 2 + 2 = 4", OPEN, "4"),
        ("1,234 casks", OPEN, "1234"),
        ("-5", OPEN, "-5"),
        ("It is 8, not 9", OPEN, "8"),
        ("4 = four", OPEN, "invalid"),
        ("seven", OPEN, "invalid"),
        ("", OPEN, "invalid"),
        (" Oak.", NAMED, "oak"),
        ("OAK", NAMED, "oak"),
        ("“oak” it is", NAMED, "oak"),
        ("it leads to ash, then elm", NAMED, "ash"),
        ("yew", NAMED, "invalid"),
        ("oaken", NAMED, "invalid"),
        ("oak2 ash", NAMED, "ash"),
        ("= 7", NAMED, "7"),
        ("...", NAMED, "invalid"),
        ("", NAMED, "invalid"),
    ],
)
def test_answer_is_parsed(text: str, item: dict[str, Any], parsed: str) -> None:
    made = answer([item], [[text]])
    assert made.categories[made.values[0].argmax()] == parsed
    assert made.values.sum() == 1
    assert made.invalid.tolist() == [float(parsed == "invalid")]


def test_answers_of_a_run_share_their_categories() -> None:
    made = answer([NAMED] * 4, [["oak"], ["ash"], ["?"], ["Oak"]])
    assert made.categories == ("ash", "oak", "invalid")
    assert made.values.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert made.invalid.tolist() == [0, 0, 1, 0]


def test_aligned_answers_are_comparable() -> None:
    items = [NAMED] * 3
    ours, theirs = aligned(answer(items, [["oak"], ["ash"], ["?"]]), answer(items, [["elm"], ["ash"], ["!"]]))
    assert ours.categories == theirs.categories == ("ash", "elm", "oak", "invalid")
    assert half_squared_distance.between(ours.values, theirs.values).tolist() == [1, 0, 0]
    assert (ours.values.sum(axis=1) == 1).all()
    assert ours.invalid.tolist() == theirs.invalid.tolist() == [0, 0, 1]


def test_alignment_leaves_options_alone() -> None:
    one, two = seen(), seen([[0.9, 0.1], [0.2, 0.2, 0.6], [0.25] * 4])
    assert aligned(one, two) == (one, two)


# --- option_counts ---------------------------------------------------------------------------------------------------


def test_option_counts_by_hand() -> None:
    items = [{"choices": ["oak", "ash", "elm"]}, {"choices": ["Oak", "yew"]}]
    texts = [
        ["oak", " Ash.", "not ash but oak", "OAK, elm", "oaken", ""],
        ["yew!", "the yew", "oak", "elm", "42", "yews"],
    ]
    made = option_counts(items, texts)
    assert made.categories == ("option 1", "option 2", "option 3", "invalid")
    assert made.values.tolist() == [[2, 2, 0, 2], [1, 2, 0, 3]]
    assert made.invalid.tolist() == [2 / 6, 3 / 6]


@settings(law, max_examples=20)
@given(st.lists(st.text(max_size=9), min_size=1, max_size=5))
def test_every_sample_is_counted_once(texts: list[str]) -> None:
    made = option_counts([{"choices": ["oak", "ash"]}], [texts])
    assert made.values.sum() == len(texts)
    assert made.invalid[0] == made.values[0, -1] / len(texts)


# --- utilities -------------------------------------------------------------------------------------------------------


def test_utilities_by_hand() -> None:
    assert brier.of(MIXED, seen()) == pytest.approx([0.75, 1 - 0.5 * 0.26, 1 - 0.5 * 0.22])
    assert closeness.of(MIXED, seen()) == pytest.approx([0.75, 0.85, 0.8])
    assert expected_payoff.of(MIXED, seen()) == pytest.approx([0.75, 0.65, 0.6])
    assert accuracy.of(MIXED, seen([[0.4, 0.6], [0.3, 0.4, 0.3], [0.1, 0.1, 0.1, 0.7]])).tolist() == [1, 0, 1]


def test_tied_options_are_the_first_one() -> None:
    assert accuracy.of(MIXED, seen([[0.5, 0.5], [0.4, 0.4, 0.2], [0.25] * 4])).tolist() == [0, 1, 0]


@law
@given(seeds)
def test_brier_is_one_less_the_brier_score(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, gold = rng.random(40) * 0.998 + 0.001, rng.integers(0, 2, 40)
    items = [{"choices": ["no", "yes"], "gold": int(g)} for g in gold]
    u = brier.of(items, option_distribution(items, np.log(np.column_stack([1 - p, p]))))
    assert u.mean() == pytest.approx(1 - brier_score_loss(gold, p))


@law
@given(seeds)
def test_smooth_utilities_against_their_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [rng.dirichlet(np.ones(len(item["choices"]))).tolist() for item in MIXED]
    made = seen(rows)
    for k, (item, q) in enumerate(zip(MIXED, rows, strict=True)):
        options = range(len(q))
        assert brier.of(MIXED, made)[k] == pytest.approx(
            1 - 0.5 * sum((q[j] - (j == item["gold"])) ** 2 for j in options), abs=1e-12
        )
        assert closeness.of(MIXED, made)[k] == pytest.approx(sum(min(q[j], item["truth"][j]) for j in options))
        assert expected_payoff.of(MIXED, made)[k] == pytest.approx(sum(q[j] * item["payoffs"][j] for j in options))
    for utility in (brier, closeness, expected_payoff):
        assert (utility.of(MIXED, made) >= 0).all()
        assert (utility.of(MIXED, made) <= 1 + 1e-12).all()


@law
@given(seeds)
def test_no_report_beats_the_truth_under_brier(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, report = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4))

    def expected(q: Floats) -> float:
        items = [{"choices": list("abcd"), "gold": k} for k in range(4)]
        return float(truth @ brier.of(items, option_distribution(items, np.log(np.tile(q, (4, 1))))))

    assert expected(report) <= expected(truth) + 1e-12


def test_correct_by_hand() -> None:
    items = [{"answer": "7", **OPEN}] * 2 + [
        {"answer": "Oak", **NAMED},
        {"answer": "oak", **NAMED},
        {"answer": "oak", **NAMED},
    ]
    made = answer(items, [["3 + 4 = 7"], ["17"], ["oak"], [" OAK."], ["?"]])
    assert correct.of(items, made).tolist() == [1, 0, 1, 1, 0]


def outcomes(p: Sequence[float], repeats: int) -> list[tuple[float, list[int]]]:
    """Return every sequence of answers with its probability."""
    return [(math.prod(p[k] for k in drawn), list(drawn)) for drawn in product(range(len(p)), repeat=repeats)]


def expectation(item: dict[str, Any], p: Sequence[float], repeats: int) -> float:
    """Return the mean of ``sampled_closeness`` over all samples; beyond the options lie answers that name none."""
    words = [*item["choices"], "nothing"]
    weights, drawn = zip(*outcomes(p, repeats), strict=True)
    items = [item] * len(drawn)
    made = option_counts(items, [[words[k] for k in places] for places in drawn])
    return float(np.array(weights) @ sampled_closeness.of(items, made))


@pytest.mark.parametrize("p", [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.2, 0.3, 0.1, 0.4]])
def test_sampled_closeness_is_unbiased(p: list[float]) -> None:
    """Over all samples of four answers its mean is ``1 − ½ ‖q − p*‖²``, with an unparsable answer as a category."""
    item = MIXED[1]
    truth = [*item["truth"], 0.0]
    true = 1 - 0.5 * sum((q - t) ** 2 for q, t in zip([*p, 0.0], truth, strict=False))
    assert expectation(item, p, 4) == pytest.approx(true)


def test_sampled_closeness_by_hand() -> None:
    """Two oaks of two: ``1 − ½ (1 − 2 · ½ + 3/8)``; one oak, one ash: ``1 − ½ (0 − 3/4 + 3/8)``."""
    made = option_counts([MIXED[1]] * 2, [["a", "a"], ["a", "b"]])
    assert sampled_closeness.of([MIXED[1]] * 2, made) == pytest.approx([1 - 0.1875, 1 + 0.1875])


# --- chance ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("utility", [brier, closeness])
def test_chance_is_the_utility_of_equal_probabilities(utility: Any) -> None:
    flat = option_distribution(MIXED, logs_of([[0.1] * len(item["choices"]) for item in MIXED]))
    assert utility.chance(MIXED) == pytest.approx(utility.of(MIXED, flat))


def test_chance_of_payoffs_is_that_of_the_best_constant() -> None:
    """Abstaining throughout earns 1 and 0.5 by turns; a uniform choice would earn less."""
    pair = [
        {"choices": ["a", "b", "unknown"], "payoffs": [1.0, 0.0, 0.5]},
        {"choices": ["a", "b", "unknown"], "payoffs": [0.0, 0.0, 1.0]},
    ]
    assert expected_payoff.chance(pair).tolist() == [0.5, 1.0]


def test_chance_of_accuracy_is_the_mean_over_all_choices() -> None:
    for item, chance in zip(MIXED, accuracy.chance(MIXED), strict=True):
        n = len(item["choices"])
        every = option_distribution([item] * n, np.log(np.eye(n) * 0.9 + 0.01))
        assert chance == pytest.approx(accuracy.of([item] * n, every).mean())


def test_chance_of_sampled_closeness_is_the_mean_over_all_samples() -> None:
    chance = sampled_closeness.chance(MIXED)
    assert chance == pytest.approx([expectation(i, [1 / len(i["choices"])] * len(i["choices"]), 4) for i in MIXED])


def test_chance_of_an_open_answer_is_0() -> None:
    named = [{"answer": "7", "candidates": []}, {"answer": "oak", "candidates": ["oak", "ash"]}]
    assert correct.chance(named).tolist() == [0, 0.5]


# --- what lm-eval calls ----------------------------------------------------------------------------------------------


def responses_for(task: spec.TaskSpec, items: list[dict[str, Any]]) -> Any:
    rng = np.random.default_rng(0)
    if task.measure.readout == "likelihood":
        return logs_of([rng.dirichlet(np.ones(len(item["choices"]))).tolist() for item in items])
    if task.measure.readout == "greedy":
        return [[f" {item['answer']}." if rng.random() < 0.5 else "nothing"] for item in items]
    return [rng.choice([*item["choices"], "nothing"], 8).tolist() for item in items]


DIRECTED = sorted(name for name, task in spec.tasks().items() if task.measure.utility)


@pytest.mark.parametrize("name", DIRECTED)
def test_lm_eval_prints_the_utility_that_is_scored(name: str) -> None:
    """The filtered answers of one document: one (log-likelihood, is greedy) an option, one text, or a list of texts."""
    task, items = spec.task(name), make_items(name)
    assert task.measure.utility is not None
    utility = get_utility(task.measure.utility)
    assert utility.observable == task.measure.observable
    responses = responses_for(task, items)
    batch = utility.of(items, observe(task.measure.observable, items, responses))
    printed = []
    for item, row in zip(items, responses, strict=True):
        if spec.read_yaml(spec.task_files()[name])["output_type"] == "loglikelihood_rolling":
            results: list[Any] = [float(row[0])]
        elif task.measure.readout == "likelihood":
            results = [(float(v), bool(v == np.nanmax(row))) for v in row[: len(item["choices"])]]
        else:
            results = [row[0]] if task.measure.readout == "greedy" else [row]
        printed.append(utility(item, results)["utility"])
    if utility.joint:
        assert mean_over_items(printed) == pytest.approx(batch.mean())
    else:
        assert printed == pytest.approx(batch.tolist(), abs=1e-12)


@pytest.mark.parametrize("name", DIRECTED)
def test_chance_of_real_items_leaves_room(name: str) -> None:
    utility, items = get_utility(str(spec.task(name).measure.utility)), make_items(name)
    chance = utility.chance(items)
    assert chance.shape == (len(items),)
    assert (chance >= 0).all()
    assert chance.mean() < 0.95


# --- the registry ----------------------------------------------------------------------------------------------------


def test_unknown_names_are_refused_with_a_hint() -> None:
    with pytest.raises(MeasureError, match="Did you mean option_counts"):
        observe("option_count", [], [])
    with pytest.raises(MeasureError, match="Did you mean brier"):
        get_utility("briar")
