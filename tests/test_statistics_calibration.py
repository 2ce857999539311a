"""The displayed statistics of the row *calibration and abstention*: by hand, and against slow or independent ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from relplot import smECE
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from angels_share.caskworld import UNKNOWN
from angels_share.observables import Floats, Items, Observation, observe
from angels_share.statistics import get
from angels_share.statistics.calibration import risk_of_selection, separation, smooth_error, squared_error

CONFIDENCE = (
    "smooth_calibration_error", "squared_calibration_error", "overconfidence", "confidence_separation", "risk_coverage",
)  # fmt: skip
ABSTENTION = ("abstention_sensitivity", "abstention_criterion", "abstention_separation")
ESCALATION = ("under_escalation", "over_escalation")


def shown(name: str, items: Items, seen: Observation, weights: Any = None) -> Floats:
    weights = np.ones((1, len(items))) if weights is None else np.asarray(weights, dtype=np.float64)
    values: Floats = get(name).of(items, seen, weights)
    return values


def given(rows: Any) -> Observation:
    rows = np.asarray(rows, dtype=np.float64)
    return Observation(rows, tuple(f"option {k}" for k in range(rows.shape[1])), np.zeros(len(rows)))


def drawn(n: int = 60, seed: int = 0) -> tuple[list[dict[str, Any]], Observation]:
    """Return items on which confidence says something, with ties, and one cluster for each two items."""
    rng = np.random.default_rng(seed)
    q = rng.dirichlet(np.ones(4), n).round(1)
    q[:, 0] += 1 - q.sum(axis=1)
    choices = [["a", "b", "c", UNKNOWN] for _ in range(n)]
    gold = [int(rng.choice(4, p=np.abs(row) / np.abs(row).sum())) for row in q]
    items = [
        {"cluster_id": f"c{k // 2}", "choices": c, "gold": g, "odds": [0.25] * 4}
        for k, (c, g) in enumerate(zip(choices, gold, strict=True))
    ]
    return items, given(q)


def parts(items: Items, seen: Observation) -> tuple[Floats, Floats]:
    right = [float(row.argmax() == item["gold"]) for row, item in zip(seen.values, items, strict=True)]
    return seen.values.max(axis=1), np.array(right)


def slow_smooth_error(f: Floats, r: Floats, points: int = 400) -> float:
    """Return the smooth calibration error from its definition, with the Gaussian folded at 0 and 1."""
    t = (np.arange(points) + 0.5) / points
    folds = [f + 2 * k for k in range(-3, 4)] + [-f + 2 * k for k in range(-3, 4)]

    def at(sigma: float) -> float:
        kernel = sum(norm.pdf(t[:, None], fold[None, :], sigma) for fold in folds)
        return float(np.abs(kernel @ (r - f)).mean() / len(f))

    low, high = 1e-3, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle) >= middle else (low, middle)
    return (low + high) / 2


@pytest.mark.parametrize(("shift", "n"), [(0.0, 300), (0.1, 300), (-0.3, 120)])
def test_smooth_error_against_its_definition_and_relplot(shift: float, n: int) -> None:
    rng = np.random.default_rng(n)
    f = rng.beta(3, 1.5, n)
    r = (rng.random(n) < np.clip(f + shift, 0, 1)).astype(np.float64)
    found = smooth_error(f, r, np.ones((1, n)))[0]
    assert found == pytest.approx(slow_smooth_error(f, r), abs=1e-3)
    assert found == pytest.approx(smECE(f, r), abs=5e-4)


def test_smooth_error_by_hand() -> None:
    """At a single confidence, smoothing over all of [0, 1] leaves the gap to the accuracy; 0 without a gap."""
    right = np.array([1.0] * 7 + [0.0] * 3)
    for f, gap in ((0.7, 0.0), (0.9, 0.2), (0.1, 0.6)):
        assert smooth_error(np.full(10, f), right, np.ones((1, 10)))[0] == pytest.approx(gap, abs=1e-3)


def test_squared_error_by_hand() -> None:
    """One bin, f = 0.9, 3 of 4 right: (0.9 − 0.75)² − 0.75 · 0.25 / 3."""
    f, r, names = np.full(4, 0.9), np.array([1.0, 1.0, 0.0, 1.0]), np.array(list("abcd"))
    assert squared_error(f, r, names, np.ones((1, 4)))[0] == pytest.approx(0.15**2 - 0.75 * 0.25 / 3)
    together = squared_error(f, r, np.array(list("aabb")), np.ones((1, 4)))[0]
    assert together == pytest.approx(2 * (0.2 * -0.8) / (2 * 4))
    assert math.isnan(squared_error(f, r, np.array(list("aaaa")), np.ones((1, 4)))[0])


def test_squared_error_against_all_pairs() -> None:
    rng = np.random.default_rng(2)
    n = 200
    f = rng.random(n)
    r, clusters = (rng.random(n) < f**2).astype(np.float64), np.array([f"c{k}" for k in rng.integers(0, 90, n)])
    ranks = f.argsort().argsort()
    w = rng.integers(0, 3, 90)[[int(c[1:]) for c in clusters]].astype(np.float64)
    total = mass = 0.0
    for b in range(10):
        members = np.flatnonzero(ranks * 10 // n == b)
        pairs = [(i, j) for i in members for j in members if clusters[i] != clusters[j]]
        products = sum(w[i] * w[j] * (r[i] - f[i]) * (r[j] - f[j]) for i, j in pairs)
        total += w[members].sum() * products / sum(w[i] * w[j] for i, j in pairs)
        mass += w[members].sum()
    assert squared_error(f, r, clusters, w[None, :])[0] == pytest.approx(total / mass)


def test_squared_error_is_zero_in_expectation_and_stays_when_resampled() -> None:
    rng = np.random.default_rng(3)
    n, found, moved = 400, [], []
    for _ in range(60):
        f = rng.random(n)
        r = (rng.random(n) < f).astype(np.float64)
        weights = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), 40)])
        values = squared_error(f, r, np.arange(n).astype(str), weights)
        found.append(values[0])
        moved.append(values[1:].mean() - values[0])
    for values in (found, moved):
        assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(len(values))
    assert np.std(found) < 0.01


@pytest.mark.parametrize("seed", [0, 1])
def test_separation_against_sklearn(seed: int) -> None:
    items, seen = drawn(seed=seed)
    f, r = parts(items, seen)
    weights = np.random.default_rng(seed).integers(0, 3, (5, len(items))).astype(np.float64)
    expected = [roc_auc_score(r, f, sample_weight=w) for w in weights]
    assert separation(f, r > 0, weights) == pytest.approx(expected)
    due = [item["gold"] == 3 for item in items]
    assert shown("abstention_separation", items, seen) == pytest.approx([roc_auc_score(due, seen.values[:, 3])])
    assert math.isnan(separation(f, np.ones(len(f), dtype=bool), weights)[0])


def test_risk_of_selection_by_hand_and_by_integration() -> None:
    """Right at 0.9, wrong at 0.6: the risk is (c − ½) / c beyond half coverage, whose integral is ½ − ½ ln 2."""
    expected = 0.5 - 0.5 * math.log(2)
    assert risk_of_selection(np.array([0.6, 0.9]), np.array([0.0, 1.0]), np.ones((1, 2))) == pytest.approx([expected])
    assert risk_of_selection(np.full(4, 0.5), np.array([0.0, 1, 1, 1]), np.ones((1, 4))) == pytest.approx([0.25])
    items, seen = drawn(40)
    f, r = parts(items, seen)
    copies = 200
    order = np.argsort(-f, kind="stable")
    errors = np.concatenate([np.full(copies * int((f == v).sum()), 1 - r[f == v].mean()) for v in np.unique(f)[::-1]])
    assert len(errors) == copies * len(order)
    slow = np.mean(np.cumsum(errors) / np.arange(1, len(errors) + 1))
    assert risk_of_selection(f, r, np.ones((1, len(f))))[0] == pytest.approx(slow, abs=1e-3)


def test_confidence_by_hand() -> None:
    items = [{"gold": 0, "odds": [1.0, 0.0]}, {"gold": 1, "odds": [0.6, 0.4]}, {"gold": 0, "odds": [0.7, 0.3]}]
    seen = given([[0.8, 0.2], [0.9, 0.1], [0.6, 0.4]])
    assert shown("overconfidence", items, seen) == pytest.approx([(0.8 + 0.9 + 0.6 - 2) / 3])
    assert shown("overconfidence_on_draws", items, seen) == pytest.approx([(0.3 - 0.1) / 2])


def test_stated_confidence_counts_for_the_option_named_and_unreadable_answers_are_left_out() -> None:
    items = [
        {"cluster_id": str(k), "choices": ["oak", "ash", "elm", "fir"], "gold": 0, "odds": [0.4, 0.3, 0.2, 0.1],
         "scale": 10} for k in range(3)
    ]  # fmt: skip
    seen = observe("stated_confidence", items, [["oak 1"], ["ash 8"], ["nothing"]])
    assert shown("overconfidence", items, seen) == pytest.approx([(0.1 + 0.8 - 1) / 2])
    assert shown("overconfidence_on_draws", items, seen) == pytest.approx([(0.1 - 0.4 + 0.8 - 0.3) / 2])
    assert shown("confidence_separation", items, seen) == pytest.approx([0.0])


def test_abstention_by_hand_and_against_scipy() -> None:
    """One unanswerable item with p = 0.8 and two answerable ones with 0.2 and 0: rates 1.3 / 2 and 0.7 / 3."""
    items = [{"choices": ["a", UNKNOWN], "gold": g} for g in (1, 0, 0)]
    seen = given([[0.2, 0.8], [0.8, 0.2], [1.0, 0.0]])
    hit, alarm = norm.ppf(1.3 / 2), norm.ppf(0.7 / 3)
    assert shown("abstention_sensitivity", items, seen) == pytest.approx([hit - alarm])
    assert shown("abstention_criterion", items, seen) == pytest.approx([-(hit + alarm) / 2])
    assert shown("abstention_separation", items, seen) == pytest.approx([1.0])
    for name in ABSTENTION:
        assert math.isnan(shown(name, items, seen, [[1, 0, 0]])[0])
        assert np.isfinite(shown(name, items, given([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]))).all()


def test_escalation_by_hand() -> None:
    actions = ["reply", "query", "refer", "alarm"]
    items = [{"choices": actions, "gold": 0}, {"choices": actions, "gold": 2}, {"choices": actions, "gold": 3}]
    seen = given([[0.7, 0.1, 0.1, 0.1], [0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 0.5, 0.5]])
    assert shown("under_escalation", items, seen) == pytest.approx([(0.3 + 0.5) / 2])
    assert shown("over_escalation", items, seen) == pytest.approx([(0.3 + 0.4) / 2])
    said = [{"candidates": actions, "answer": actions[item["gold"]]} for item in items]
    named = observe("answer", said, [["reply"], ["alarm"], ["Refer."]])
    assert shown("under_escalation", said, named) == pytest.approx([(0 + 1) / 2])
    assert shown("over_escalation", said, named) == pytest.approx([(0 + 1) / 2])


@pytest.mark.parametrize("name", [*CONFIDENCE, "overconfidence_on_draws", *ABSTENTION, *ESCALATION])
def test_weights_repeat_clusters_and_the_order_of_items_changes_nothing(name: str) -> None:
    """Weights of two are two copies, but for the squared error, where copies of a cluster make no pair."""
    items, seen = drawn(60)
    rng = np.random.default_rng(4)
    weights = np.repeat(rng.integers(0, 3, 30), 2).astype(np.float64)
    value = shown(name, items, seen, weights[None, :])[0]
    order = rng.permutation(60)
    again = shown(name, [items[k] for k in order], given(seen.values[order]), weights[None, order])[0]
    assert again == pytest.approx(value, abs=1e-9)
    if name != "squared_calibration_error":
        copies = np.repeat(np.arange(60), weights.astype(int))
        assert shown(name, [items[k] for k in copies], given(seen.values[copies]))[0] == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("name", [*CONFIDENCE, *ABSTENTION, *ESCALATION])
def test_a_resample_without_items_gives_no_number(name: str) -> None:
    items, seen = drawn(20)
    values = shown(name, items, seen, np.vstack([np.ones(20), np.zeros(20)]))
    assert np.isfinite(values[0])
    assert math.isnan(values[1])
