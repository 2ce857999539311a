"""Asking, stopping and repeating, against hand-computed cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from angels_share import observables, statistics
from angels_share.items import Item
from test_observables_tools import asked_in_words


def of(name: str, items: list[Item], responses: Any, observable: str) -> float:
    seen = observables.observe(observable, items, responses)
    return float(statistics.get(name).of(items, seen, np.ones((1, len(items))))[0])


def test_stopping_and_repeating_in_words() -> None:
    said = [["get_order(K40, N2)"], ["finish(K41)"], ["finish(K41)"]]
    found = [of(n, asked_in_words(), said, "tool_call") for n in ("premature_stop", "missed_stop", "repeated_call")]
    assert found == [0.5, 0.0, 1.0]


def test_stopping_and_repeating_by_likelihood() -> None:
    roles = ["call", "repeat", "stop", "stop"]
    items: list[Item] = [
        {"choices": list("abcd"), "roles": roles, "gold": 0, "stratum": "switch"},
        {"choices": list("abcd"), "roles": roles, "gold": 2, "stratum": "done"},
    ]
    logs = np.log([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
    found = [of(n, items, logs, "option_distribution") for n in ("premature_stop", "missed_stop", "repeated_call")]
    assert found == pytest.approx([0.3, 0.3, 0.3])


def test_asking_too_much_and_too_little_are_told_apart() -> None:
    options = ["nothing", "font", "unit"]
    items: list[Item] = [
        {"choices": options, "gold": 0, "side": "complete"},
        {"choices": options, "gold": 1, "side": "ambiguous"},
        {"choices": options, "gold": 2, "side": "ambiguous"},
    ]
    logs = np.log([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])
    names = ("over_asking", "under_asking", "wrong_question")
    assert [of(n, items, logs, "option_distribution") for n in names] == pytest.approx([0.3, 0.3, 0.2])
    worded = [{"candidates": options, "answer": options[i["gold"]], "side": i["side"]} for i in items]
    said = [["the font"], ["nothing"], ["the font"]]
    assert [of(n, worded, said, "answer") for n in names] == [1.0, 0.5, 0.5]
    assert [of(n, worded, [["no idea"]] * 3, "answer") for n in names] == [0.0, 0.0, 0.0]
