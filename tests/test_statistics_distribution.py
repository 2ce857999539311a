"""The displayed statistics of the row *predictive distribution*, by hand and against scipy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, kendalltau, pearsonr

from angels_share.observables import Floats, Items, Observation, observe
from angels_share.statistics import get

OPTIONS = ("jensen_shannon", "normalised_entropy", "top_flips", "order_of_the_rest", "divergence_of_the_rest")
VALID = ("entropy_among_valid", "divergence_among_valid")
TEXTS = (
    "probability_change", "probability_change_rms", "surprisal_correlation", "surprisal_jumps", "window_bits_per_byte",
)  # fmt: skip


def shown(name: str, items: Items, one: Observation, two: Observation | None = None, weights: Any = None) -> Floats:
    statistic = get(name)
    weights = np.ones((1, len(items))) if weights is None else np.asarray(weights, dtype=np.float64)
    assert statistic.paired == (two is not None), name
    values: Floats = statistic.of(items, one, two, weights) if two else statistic.of(items, one, weights)
    return values


def given_options(rows: Any) -> Observation:
    rows = np.asarray(rows, dtype=np.float64)
    return Observation(rows, tuple(f"option {k}" for k in range(rows.shape[1])), np.zeros(len(rows)))


def option_items(n: int, options: int = 5) -> list[dict[str, Any]]:
    return [{"choices": list("abcdefgh"[:options]), "valid": [1.0, 0.0, 1.0, 1.0, 0.0][:options]} for _ in range(n)]


def drawn(n: int, options: int = 5, seed: int = 0) -> tuple[list[dict[str, Any]], Observation, Observation]:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(options), n), rng.dirichlet(np.ones(options), n)
    return option_items(n, options), given_options(p), given_options(q)


def words(p: Any) -> tuple[list[dict[str, Any]], Observation]:
    p = np.asarray(p, dtype=np.float64)
    text = [f"word{j}" for j in range(p.shape[1])]
    items = [{"choices": [" ".join(text[: j + 1]) for j in range(p.shape[1])]} for _ in p]
    return items, observe("word_probabilities", items, np.cumsum(np.log(p), axis=1))


def test_option_statistics_against_scipy() -> None:
    items, teacher, student = drawn(40)
    p, q = teacher.values, student.values
    js = np.mean([jensenshannon(a, b, base=2) ** 2 for a, b in zip(p, q, strict=True)])
    assert shown("jensen_shannon", items, teacher, student) == pytest.approx([js])
    assert shown("normalised_entropy", items, teacher) == pytest.approx([np.mean(entropy(p, base=5, axis=1))])
    flips = np.mean(p.argmax(axis=1) != q.argmax(axis=1))
    assert shown("top_flips", items, teacher, student) == pytest.approx([flips])
    rest = [np.delete(np.stack([a, b]), a.argmax(), axis=1) for a, b in zip(p, q, strict=True)]
    tau = np.mean([kendalltau(*r).statistic for r in rest])
    assert shown("order_of_the_rest", items, teacher, student) == pytest.approx([tau])
    dark = np.mean([jensenshannon(*r, base=2) ** 2 for r in rest])
    assert shown("divergence_of_the_rest", items, teacher, student) == pytest.approx([dark])


def test_ties_count_as_in_kendalls_tau_b() -> None:
    teacher, student = given_options([[0.5, 0.2, 0.2, 0.1]]), given_options([[0.1, 0.4, 0.3, 0.2]])
    expected = kendalltau([0.2, 0.2, 0.1], [0.4, 0.3, 0.2]).statistic
    assert shown("order_of_the_rest", option_items(1, 4), teacher, student) == pytest.approx([expected])


def test_options_that_an_item_lacks_do_not_count() -> None:
    items = [*option_items(1, 3), *option_items(1, 5)]
    teacher = given_options([[0.5, 0.3, 0.2, 0, 0], [0.2] * 5])
    student = given_options([[0.5, 0.2, 0.3, 0, 0], [0.2] * 5])
    assert shown("normalised_entropy", items, teacher) == pytest.approx([(entropy([0.5, 0.3, 0.2], base=3) + 1) / 2])
    assert shown("order_of_the_rest", items, teacher, student) == pytest.approx([-1]), "the second item is all ties"


def test_statistics_among_valid_options_by_hand() -> None:
    items = option_items(1)
    teacher, student = given_options([[0.2, 0.5, 0.2, 0.0, 0.1]]), given_options([[0.1, 0.0, 0.0, 0.1, 0.8]])
    assert shown("entropy_among_valid", items, teacher) == pytest.approx([1 / math.log2(3)])
    assert shown("divergence_among_valid", items, teacher, student) == pytest.approx([0.5 * (0.25 + 0.25)])
    blind = given_options([[0.0, 1.0, 0.0, 0.0, 0.0]])
    assert np.isnan(shown("entropy_among_valid", items, blind)).all()
    assert np.isnan(shown("divergence_among_valid", items, teacher, blind)).all()


def test_equal_models_differ_in_nothing() -> None:
    items, teacher, _ = drawn(20)
    for name in ("jensen_shannon", "top_flips", "divergence_of_the_rest", "divergence_among_valid"):
        assert shown(name, items, teacher, teacher) == pytest.approx([0], abs=1e-12), name
    assert shown("order_of_the_rest", items, teacher, teacher) == pytest.approx([1])
    texts, seen = words(np.random.default_rng(1).uniform(0.01, 1, (9, 4)))
    for name in ("probability_change", "probability_change_rms", "surprisal_jumps"):
        assert shown(name, texts, seen, seen) == pytest.approx([0], abs=1e-12), name
    assert shown("surprisal_correlation", texts, seen, seen) == pytest.approx([1])


def test_word_statistics_by_hand_and_against_scipy() -> None:
    rng = np.random.default_rng(2)
    p, q = rng.uniform(0.01, 1, (30, 4)), rng.uniform(0.01, 1, (30, 4))
    (items, teacher), (_, student) = words(p), words(q)
    assert shown("probability_change", items, teacher, student) == pytest.approx([np.abs(p - q).mean()])
    assert shown("probability_change_rms", items, teacher, student) == pytest.approx([((p - q) ** 2).mean() ** 0.5])
    r = pearsonr(np.log(p).ravel(), np.log(q).ravel()).statistic
    assert shown("surprisal_correlation", items, teacher, student) == pytest.approx([r])
    jumps = (np.abs(np.log2(p) - np.log2(q)) > 2).mean()
    assert shown("surprisal_jumps", items, teacher, student) == pytest.approx([jumps])
    size = 30 * len("word0 word1 word2 word3")
    assert shown("window_bits_per_byte", items, teacher) == pytest.approx([-np.log2(p).sum() / size])


def test_a_constant_model_has_no_correlation() -> None:
    items, teacher = words(np.full((5, 3), 0.25))
    _, student = words(np.random.default_rng(0).uniform(0.1, 1, (5, 3)))
    assert np.isnan(shown("surprisal_correlation", items, teacher, student)).all()


def test_bits_per_byte_of_documents_weigh_bytes() -> None:
    items = [{"choices": ["abcd"]}, {"choices": ["é" * 8]}]
    seen = observe("document_likelihood", items, np.log([[2.0**-8], [2.0**-8]]))
    assert shown("document_bits_per_byte", items, seen) == pytest.approx([16 / 20])
    assert shown("document_bits_per_byte", items, seen, weights=[[1, 0], [0, 2]]) == pytest.approx([2, 0.5])


def test_repeat_rate_by_hand() -> None:
    counts = given_options([[2.0, 2.0], [4.0, 0.0]])
    assert shown("repeat_rate", option_items(2, 2), counts) == pytest.approx([(4 / 12 + 1) / 2])


@pytest.mark.parametrize("name", [*OPTIONS, *VALID, *TEXTS])
def test_weights_repeat_items_and_their_order_changes_nothing(name: str) -> None:
    if name in TEXTS:
        rng = np.random.default_rng(5)
        (items, one), (_, two) = words(rng.uniform(0.01, 1, (6, 4))), words(rng.uniform(0.01, 1, (6, 4)))
    else:
        items, one, two = drawn(6, seed=3)

    def over(order: list[int], weights: Any = None) -> Floats:
        moved = [Observation(o.values[order], o.categories, o.invalid[order], o.distribution) for o in (one, two)]
        return shown(name, [items[k] for k in order], *moved[: 1 + get(name).paired], weights=weights)

    weights = [[1, 1, 1, 1, 1, 1], [2, 0, 1, 0, 3, 0], [0] * 6]
    whole, resampled, none = over([0, 1, 2, 3, 4, 5], weights)
    assert over([5, 3, 1, 0, 2, 4]) == pytest.approx([whole])
    assert over([0, 0, 2, 4, 4, 4]) == pytest.approx([resampled])
    assert np.isnan(none) or none == 0
