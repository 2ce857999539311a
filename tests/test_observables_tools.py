"""Calls that are read from words, hand-computed cases, and losses that nobody earns."""

from __future__ import annotations

import pytest

from angels_share import observables
from angels_share.items import Item
from angels_share.observables.tools import call_in
from angels_share.score.controls import constant, oracle, shuffled, uniform
from angels_share.score.measurable import teacher_gap
from angels_share.score.task import measure_task
from synthetic import log_of, noisy

TASKS = ["as_applied_mutants", "as_applied_spec", "as_applied_spec_text", "as_applied_tool", "as_applied_tool_text"]

TOOLS = {"tools": ["get_order", "finish"], "arguments": [2, 1]}


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("get_order(K41, N2)", "get_order k41 n2"),
        ("I would use Get_Order(order=K41, zone = N2) now", "get_order k41 n2"),
        ("finish(R22)", "finish r22"),
        ("finish", None),
        ("get_order(K41)", None),
        ("order(K41, N2)", None),
        ("", None),
    ],
)
def test_calls_are_read(text: str, call: str | None) -> None:
    assert call_in(text, TOOLS["tools"], TOOLS["arguments"]) == call  # type: ignore[arg-type]


def asked_in_words() -> list[Item]:
    calls = ["get_order(K41, N2)", "get_order(K40, N2)", "finish(K41)"]
    shared = TOOLS | {"calls": calls, "roles": ["call", "repeat", "stop"]}
    return [
        shared | {"answer": calls[0], "stratum": "retry"},
        shared | {"answer": calls[0], "stratum": "first"},
        shared | {"answer": calls[2], "stratum": "done"},
    ]


def test_right_calls_count_with_their_arguments() -> None:
    utility = observables.get_utility("right_call")
    said = [["get_order(K40, N2)"], ["get_order(K41, N2)"], ["no idea"]]
    assert utility.over(asked_in_words(), said).tolist() == [0.0, 1.0, 0.0]
    assert observables.observe("tool_call", asked_in_words(), said).invalid.tolist() == [0.0, 0.0, 1.0]
    assert utility.chance(asked_in_words()).tolist() == [0.0] * 3


# --- unearned losses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_controls_lose_everything_and_the_teacher_nothing(name: str) -> None:
    teacher = log_of(name, noisy(1, 0.85), "standard")
    assert teacher_gap(teacher) is None
    for control in (constant, uniform, shuffled):
        found = measure_task(teacher, control(teacher), 100).score.loss
        assert found is not None
        assert found.value >= 0.9, control
    itself = measure_task(teacher, teacher, 100).score.loss
    assert itself is not None
    assert itself.value == 0


@pytest.mark.parametrize("name", TASKS)
def test_knowing_the_answers_is_a_correction(name: str) -> None:
    teacher = log_of(name, noisy(1, 0.7), "standard")
    found = measure_task(teacher, oracle(teacher), 100).score.net_correction
    assert found is not None
    assert found.value > 0
