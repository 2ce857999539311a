"""Observables and utilities of windows and documents, and how their likelihoods are read from logs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from angels_share.discrepancies import get
from angels_share.errors import LogError
from angels_share.logs import likelihood_columns, read_run
from angels_share.observables import get_utility, observe
from angels_share.observables.sequences import surprisals, text_bytes, word_table
from synthetic import write_run

DISTANCE = get("half_squared_distance")

probabilities = st.lists(st.lists(st.floats(0.001, 1.0), min_size=3, max_size=3), min_size=2, max_size=6)


def windows(n: int, words: int = 3) -> list[dict[str, Any]]:
    text = ["fir", "is", "tall", "ok"][:words]
    return [{"choices": [" ".join(text[: k + 1]) for k in range(words)]} for _ in range(n)]


def seen_words(p: Any) -> Any:
    p = np.asarray(p, dtype=np.float64)
    return observe("word_probabilities", windows(len(p), p.shape[1]), np.cumsum(np.log(p), axis=1))


def test_word_probabilities_by_hand() -> None:
    logs = np.log([[0.5, 0.25, 0.025]])
    seen = observe("word_probabilities", windows(1), logs)
    assert word_table(windows(1), seen) == pytest.approx(np.array([[0.5, 0.5, 0.1]]))
    assert seen.values[0] == pytest.approx(np.array([0.5, 0.5, 0.1, 0.5, 0.5, 0.9]) / math.sqrt(3))
    assert not seen.distribution
    assert seen.invalid.tolist() == [0]
    assert surprisals(windows(1), seen)[0] == pytest.approx([1, 1, math.log2(10)])


def test_discrepancy_is_the_mean_squared_change() -> None:
    one, two = seen_words([[1.0, 0.5, 0.2]]), seen_words([[0.4, 0.5, 0.1]])
    assert DISTANCE.between(one.values, two.values) == pytest.approx([(0.36 + 0 + 0.01) / 3])


@given(probabilities)
def test_discrepancy_of_windows_lies_in_the_unit_interval(p: list[list[float]]) -> None:
    seen, turned = seen_words(p), seen_words(p[::-1])
    gap = np.asarray(p) - np.asarray(p[::-1])
    d = DISTANCE.between(seen.values, turned.values)
    assert np.allclose(d, (gap**2).mean(axis=1))
    assert np.all((d >= 0) & (d <= 1))
    assert np.all(DISTANCE.between(seen.values, seen.values) == 0)
    assert np.allclose(turned.values[::-1], seen.values)


def test_a_beginning_cannot_be_less_likely_than_the_whole() -> None:
    seen = observe("word_probabilities", windows(1), np.array([[-1.0, -0.9, -2.0]]))
    assert word_table(windows(1), seen)[0] == pytest.approx([math.exp(-1), 1.0, math.exp(-1.1)])


def test_windows_of_different_length_count_their_own_words() -> None:
    items = [*windows(1, 2), *windows(1, 4)]
    logs = np.log([[0.5, 0.25, np.nan, np.nan], [0.5, 0.25, 0.125, 0.0625]])
    seen = observe("word_probabilities", items, logs)
    other = observe("word_probabilities", items, np.where(np.isnan(logs), np.nan, 0.0))
    assert DISTANCE.between(seen.values, other.values) == pytest.approx([0.25, 0.25])
    assert np.isnan(word_table(items, seen)).tolist() == np.isnan(logs).tolist()
    bytes_each = [len("fir is"), len("fir is tall ok")]
    assert get_utility("predictability").of(items, seen) == pytest.approx([2 ** (-2 / bytes_each[0]), 2 ** (-4 / 14)])


def test_predictability_of_a_window() -> None:
    seen = seen_words([[1.0, 1.0, 1.0], [0.5, 0.5, 0.25]])
    assert get_utility("predictability").of(windows(2), seen) == pytest.approx([1, 2 ** (-4 / 11)])
    assert get_utility("predictability").chance(windows(2)).tolist() == [2**-8] * 2
    hopeless = observe("word_probabilities", windows(1), np.array([[-2000.0, -4000.0, -6000.0]]))
    assert 0 <= get_utility("predictability").of(windows(1), hopeless)[0] < 1e-9


@given(st.lists(st.floats(-3000, 0), min_size=2, max_size=5))
def test_documents(logs: list[float]) -> None:
    items = [{"choices": ["é" * (k + 1) + "abc"]} for k in range(len(logs))]
    seen = observe("document_likelihood", items, np.array(logs)[:, None])
    size = [2 * (k + 1) + 3 for k in range(len(logs))]
    assert text_bytes(items).tolist() == size
    u = get_utility("compression").of(items, seen)
    bits_per_byte = [-x / math.log(2) / b for x, b in zip(logs, size, strict=True)]
    assert u == pytest.approx([2**-x for x in bits_per_byte])
    assert np.allclose(seen.values.sum(axis=1), 1)
    other = observe("document_likelihood", items, np.zeros((len(items), 1)))
    assert DISTANCE.between(seen.values, other.values) == pytest.approx((1 - u) ** 2)
    assert get_utility("compression").chance(items).tolist() == [2**-8] * len(items)


def test_utilities_take_what_lm_eval_passes_on() -> None:
    document = {"choices": ["oak "]}
    assert get_utility("compression")(document, [math.log(1 / 16)]) == {"utility": pytest.approx(0.5)}
    window = windows(1)[0]
    results = [(math.log(p), False) for p in (0.5, 0.25, 0.0625)]
    assert get_utility("predictability")(window, results) == {"utility": pytest.approx(2 ** (-4 / 11))}


# --- logs ------------------------------------------------------------------------------------------------------------

BOTH = [{"choices": ["a b"]}, {"choices": ["c d"]}]


def test_document_likelihoods_are_read() -> None:
    assert likelihood_columns([[["-12.5"]], [["-0.0"]]], BOTH, "here").tolist() == [[-12.5], [0.0]]


@pytest.mark.parametrize(
    "row",
    [
        [],
        [[]],
        ["-1.0"],
        "-1.0",
        None,
        -1.0,
        [["-1.0", "-2.0"]],
        [["-1.0"], ["-2.0"]],
        [["0", "0"]],
        [["much"]],
        [[None]],
        [["nan"]],
        [["-inf"]],
        [["1.5"]],
        {"0": ["-1.0"]},
    ],
)
def test_garbled_document_likelihoods_are_refused(row: Any) -> None:
    with pytest.raises(LogError, match=r"here, row 2: "):
        likelihood_columns([[["-12.5"]], row], BOTH, "here")


def test_a_document_where_options_are_expected_is_refused() -> None:
    with pytest.raises(LogError, match="row 1"):
        likelihood_columns([[["-1.5"], ["-2.5"]]], [{"choices": ["a", "b"]}], "here")


def test_a_log_of_documents_is_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path, ["as_distribution_bpb"], lambda spec, item: [-float(len(item["choices"][0]))])
    log = read_run(folder).tasks["as_distribution_bpb"]
    assert log.log_likelihoods is not None
    assert log.log_likelihoods[:, 0].tolist() == [-float(len(i["choices"][0])) for i in log.items]
