"""The look inside two models: against plain float64 computations, by hand, and on documents that differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.regression import jensen_shannon_divergence, kl_divergence
from torchmetrics.functional.text import perplexity

from angels_share.errors import MeasureError
from angels_share.probe.divergence import CHUNK, COLUMNS, HEAD, compare
from angels_share.probe.similarity import Gram, matrix, near, summary


def logits(seed: int, tokens: int = 7, vocabulary: int = 50, scale: float = 3.0) -> torch.Tensor:
    return scale * torch.randn(tokens, vocabulary, generator=torch.Generator().manual_seed(seed))


def plain(teacher: torch.Tensor, student: torch.Tensor, following: torch.Tensor, head: int) -> dict[str, np.ndarray]:
    """Return the same in float64, set by set."""
    p, q = (x.double().softmax(-1).numpy() for x in (teacher, student))
    m = (p + q) / 2
    rows = range(len(p))
    out: dict[str, list[float]] = {name: [] for name in COLUMNS}
    for i in rows:
        x = int(following[i])
        top = np.argsort(-p[i])[:head]
        rest = np.setdiff1d(np.arange(p.shape[1]), top)
        out["kl"].append(np.sum(p[i] * np.log(p[i] / q[i])))
        out["kl_reverse"].append(np.sum(q[i] * np.log(q[i] / p[i])))
        out["js"].append(0.5 * np.sum(p[i] * np.log(p[i] / m[i])) + 0.5 * np.sum(q[i] * np.log(q[i] / m[i])))
        masses = [(p[i][s].sum(), q[i][s].sum()) for s in (top, rest)]
        out["kl_between"].append(sum(a * math.log(a / b) for a, b in masses))
        for name, s, (a, b) in zip(("kl_head", "kl_tail"), (top, rest), masses, strict=True):
            out[name].append(a * np.sum(p[i][s] / a * np.log((p[i][s] / a) / (q[i][s] / b))))
        out["same_top"].append(float(p[i].argmax() == q[i].argmax()))
        out["delta_p"].append(q[i][x] - p[i][x])
        out["surprisal_teacher"].append(-math.log(p[i][x]))
        out["surprisal_student"].append(-math.log(q[i][x]))
    return {name: np.array(values) for name, values in out.items()}


@pytest.mark.parametrize("head", [1, 5, 16])
def test_columns_agree_with_plain_float64(head: int) -> None:
    teacher, student, following = logits(1), logits(2), torch.arange(7)
    seen, expected = compare(teacher, student, following, head), plain(teacher, student, following, head)
    assert list(seen) == list(COLUMNS)
    for name in COLUMNS:
        np.testing.assert_allclose(seen[name], expected[name], atol=1e-5, err_msg=name)


def test_columns_of_a_large_vocabulary_agree_with_plain_float64() -> None:
    """Teacher and student are far apart, and there are more tokens than are compared at a time."""
    tokens = CHUNK + 3
    teacher, student = (logits(seed, tokens, vocabulary=50_000, scale=5.0) for seed in (1, 2))
    following = torch.arange(tokens)
    seen, expected = compare(teacher, student, following), plain(teacher, student, following, HEAD)
    for name in COLUMNS:
        np.testing.assert_allclose(seen[name], expected[name], atol=1e-5, err_msg=name)


def test_columns_are_those_of_torchmetrics() -> None:
    teacher, student, following = logits(1), logits(2), torch.arange(7)
    seen = compare(teacher, student, following)
    p, q = teacher.double().log_softmax(-1), student.double().log_softmax(-1)
    divergences = {
        "kl": kl_divergence(p, q, log_prob=True, reduction="none"),
        "kl_reverse": kl_divergence(q, p, log_prob=True, reduction="none"),
        "js": jensen_shannon_divergence(p, q, log_prob=True, reduction="none"),
    }
    for name, expected in divergences.items():
        np.testing.assert_allclose(seen[name], expected, atol=1e-5, err_msg=name)
    told = math.exp(seen["surprisal_student"].mean())
    assert told == pytest.approx(float(perplexity(student[None], following[None])), rel=1e-5)


def test_by_hand() -> None:
    teacher, student = torch.log(torch.tensor([[0.5, 0.25, 0.25]])), torch.log(torch.tensor([[0.25, 0.25, 0.5]]))
    seen = compare(teacher, student, torch.tensor([2]), head=1)
    assert seen["kl"][0] == pytest.approx(0.25 * math.log(2))
    assert seen["delta_p"][0] == pytest.approx(0.25)
    assert seen["same_top"][0] == 0
    assert seen["kl_between"][0] == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))


@given(st.integers(0, 10_000), st.integers(1, 60))
@settings(max_examples=40)
def test_the_chain_rule_splits_the_divergence_exactly(seed: int, head: int) -> None:
    seen = compare(logits(seed), logits(seed + 1), torch.zeros(7, dtype=torch.long), head)
    parts = seen["kl_between"] + seen["kl_head"] + seen["kl_tail"]
    np.testing.assert_allclose(parts, seen["kl"], atol=2e-5)
    assert (seen["kl"] > -1e-6).all()
    assert (seen["js"] <= math.log(2) + 1e-6).all()


def test_a_model_against_itself_differs_nowhere() -> None:
    seen = compare(logits(3), logits(3), torch.arange(7))
    for name in ("kl", "kl_reverse", "js", "kl_between", "kl_head", "kl_tail", "delta_p"):
        np.testing.assert_allclose(seen[name], 0, atol=1e-7)
    assert seen["same_top"].all()


def slow_cka(x: np.ndarray, y: np.ndarray) -> float:
    n = len(x)
    one = np.ones(n)

    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
        total = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
        return float((np.trace(k @ m) + total - 2 * (one @ k @ m @ one) / (n - 2)) / (n * (n - 3)))

    k, m = x @ x.T, y @ y.T
    return hsic(k, m) / math.sqrt(hsic(k, k) * hsic(m, m))


def test_cka_of_all_rows_and_of_all_but_a_group_is_the_slow_one() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 9)) + 3
    y = x @ rng.normal(size=(9, 5)) + rng.normal(size=(60, 5))
    group = np.arange(60) // 6
    values = matrix([Gram.of(x, group)], [Gram.of(y, group)])[:, 0, 0]
    expected = [slow_cka(x, y), *(slow_cka(x[group != g], y[group != g]) for g in range(10))]
    np.testing.assert_allclose(values, expected, atol=1e-9)


def test_cka_ignores_rotation_scale_and_shift() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 6))
    turned = 5 * x @ np.linalg.qr(rng.normal(size=(6, 6)))[0] - 2
    assert matrix([Gram.of(x)], [Gram.of(turned)])[0, 0, 0] == pytest.approx(1)


def test_unrelated_states_with_more_units_than_rows_are_not_alike() -> None:
    """The plain estimator would be near 1 here."""
    rng = np.random.default_rng(2)
    values = [
        matrix([Gram.of(rng.normal(size=(50, 400)))], [Gram.of(rng.normal(size=(50, 300)))])[0, 0, 0] for _ in range(30)
    ]
    assert abs(np.mean(values)) < 3 * np.std(values) / math.sqrt(30) + 0.01
    assert max(map(abs, values)) < 0.5


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(MeasureError, match="3 rows; debiased CKA needs at least 4"):
        Gram.of(np.zeros((3, 2)))


def test_only_layers_at_like_depth_count() -> None:
    values = np.array([[0.2, 0.9, 1.0], [0.5, 0.6, 0.1], [1.0, 0.3, 0.4]])
    assert near(3, 3).tolist() == np.eye(3, dtype=bool).tolist()
    assert summary(values) == pytest.approx((0.2 + 0.6 + 0.4) / 3)
