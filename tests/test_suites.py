"""The eight suites and the nine row groups: complete, consistent, and what they say of their cost."""

from __future__ import annotations

import numpy as np
import pytest

from angels_share import items, spec
from angels_share.costs import Cost, cost_of
from angels_share.observables import get_utility
from angels_share.taxonomy import HUB, ROWS, SCENARIOS

SUITES = list(SCENARIOS)


def built(name: str, level: int) -> list[items.Item]:
    measure = spec.task(name).measure
    return items.build(
        items.find_generator(spec.task_files()[name].parent, measure.generator),
        levels=[level],
        clusters=measure.clusters,
        per_cluster=measure.per_cluster,
        source=items.Source(0),
    )


def test_there_is_a_suite_for_every_scenario() -> None:
    assert sorted(spec.suites()) == sorted([*SCENARIOS, *(f"{name}{HUB}" for name in SCENARIOS)])


@pytest.mark.parametrize("name", SUITES)
def test_every_phrase_of_the_table_has_tasks_and_every_row_a_primary(name: str) -> None:
    suite = spec.suite(name)
    assert tuple(suite.stress_tests) == SCENARIOS[name].stress_tests
    assert all(suite.stress_tests.values())
    for row, critical in suite.rows.items():
        assert spec.task(critical.primary_task).measure.row == row
    assert sum(suite.weights.values()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("name", SUITES)
def test_chance_is_what_a_model_that_knows_nothing_scores(name: str) -> None:
    suite = spec.suite(name)
    for primary in filter(None, (suite.primary, suite.primary_in_words)):
        metric = get_utility(primary.metric)
        assert metric.observable == spec.task(primary.task).measure.observable
        for level in spec.LEVELS:
            chance = np.mean(metric.chance(built(primary.task, level)))
            assert primary.chance[level] == pytest.approx(chance, abs=0.002)
            assert primary.chance_on([level, level]) == primary.chance[level]


@pytest.mark.parametrize("name", SUITES)
def test_by_text_nothing_but_what_has_no_twin_needs_likelihoods(name: str) -> None:
    suite = spec.suite(name).seen_by("text")
    assert spec.task(suite.primary.task).measure.readout != "likelihood"
    assert suite.primary.task in suite.tasks
    for task in suite.tasks:
        if spec.task(task).measure.readout == "likelihood":
            assert f"{task}_text" not in spec.tasks()


def test_row_groups_hold_every_task_but_twins() -> None:
    assert list(spec.rows()) == list(ROWS)
    first = {name for name, task in spec.tasks().items() if not task.measure.first_stage}
    listed = [name for names in spec.rows().values() for name in names]
    assert len(listed) == len(set(listed))
    assert all(spec.task(name).measure.row == row for row, names in spec.rows().items() for name in names)
    assert set(listed) == first - {spec.in_words(name) for name in first if spec.in_words(name) != name}


def test_costs_are_counted_from_the_items() -> None:
    made = built("as_safety_policy", 0)
    assert len(made) == 480
    cost = cost_of(["as_safety_policy"], "toy", "standard")
    assert (cost.items, cost.requests, cost.tokens_written) == (480, 960, 0)
    words = sum(len(f"{item['prompt']} {option}".split()) for item in made for option in item["choices"])
    assert cost.tokens_read == pytest.approx(words, rel=0.05)


def test_costs_of_sampled_answers_count_every_repeat() -> None:
    cost = cost_of(["as_distribution_sample"], "small", "pilot")
    assert cost.requests > cost.items
    longest = spec.read_yaml(spec.task_files()["as_distribution_sample"])["generation_kwargs"]["max_gen_toks"]
    assert cost.tokens_written == cost.requests * longest


def test_time_is_set_by_the_slower_limit() -> None:
    cost = Cost(items=10, requests=20, tokens_read=900, tokens_written=100)
    assert cost.seconds(None, None) == 0
    assert cost.seconds(100, None) == 10
    assert cost.seconds(100, 1) == 20
    assert (cost + cost).seconds(100, 1) == 40
