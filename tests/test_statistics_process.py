"""Displayed statistics of the row *process* by hand, by plain loops and against scipy and sklearn."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy, rankdata, spearmanr
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from angels_share.items import Item
from angels_share.observables import Floats, Observation, observe
from angels_share.statistics import get
from angels_share.statistics.process import pass_all, pass_at, weighted_ranks

VERDICTS = ("verdict_auroc", "verdict_j")
FAITH = ("reasoning_reliance", "mistake_following", "filler_gain", "hint_flips")
RECOVER = ("recovery_ratio", "check_gain", "slips_flagged", "false_alarms")
ROLLOUT = (
    "solved_once", "solved_always", "majority_right", "answer_entropy", "valid_steps", "right_despite_steps", "looping",
    "right_in_64", "right_in_256", "compute_allocation",
)  # fmt: skip
VARIANTS = ("cut 0", "cut 25", "cut 50", "cut 75", "full", "corrupted", "paraphrase", "filler", "hint")


def value(name: str, items: list[Item], seen: Observation, weights: Any = None) -> float:
    found: Floats = get(name).of(items, seen, np.ones((1, len(items))) if weights is None else np.array([weights]))
    assert found.shape == (1,)
    return float(found[0])


def beliefs(q: Any) -> Observation:
    rows = np.asarray(q, dtype=np.float64)
    return Observation(rows, tuple(f"option {k + 1}" for k in range(rows.shape[1])), np.zeros(len(rows)))


def verdicts(n: int = 60) -> tuple[list[Item], Observation]:
    rng = np.random.default_rng(1)
    items = [{"cluster_id": f"c{i // 2}", "error": i % 2 * (1 + i % 3)} for i in range(n)]
    right = np.round(rng.random(n) * 0.6 + 0.3 * (1 - np.arange(n) % 2), 1)
    return items, beliefs(np.column_stack([right, 1 - right]))


def faith(clusters: int = 20) -> tuple[list[Item], Observation]:
    rng = np.random.default_rng(2)
    items = [
        {"cluster_id": f"c{c}", "variant": v, "gold": c % 4, "mistaken": (c + 1) % 4, "hinted": (c + 2) % 4}
        for c in range(clusters)
        for v in VARIANTS
    ]
    return items, beliefs(rng.dirichlet(np.ones(4), len(items)))


def recover(n: int = 64) -> tuple[list[Item], Observation]:
    rng = np.random.default_rng(3)
    items = [
        {"cluster_id": f"c{i // 2}", "error": 1 - i % 2, "check": i // 2 % 2 == 1, "final": "7", "candidates": []}
        for i in range(n)
    ]
    texts = [[f"{'wrong step 1 ' * int(rng.integers(2))}answer {7 + int(rng.integers(2))}"] for _ in range(n)]
    return items, observe("final_answer", items, texts)


def rollouts(n: int = 30) -> tuple[list[Item], Observation]:
    rng = np.random.default_rng(4)
    items = [
        {
            "cluster_id": f"c{i}", "stratum": f"f{i % 3}", "rung": 1 + i // 3 % 4, "begun": "", "candidates": [],
            "choices": ["7", "8", "9", "10"], "gold": 1, "final": "8", "steps": ["7", "8"],
        }
        for i in range(n)
    ]  # fmt: skip
    texts = [[rollout(rng, int(item["rung"])) for _ in range(8)] for item in items]
    return items, observe("final_counts", items, texts)


def rollout(rng: np.random.Generator, rung: int) -> str:
    filler = "so it goes on and on and so " * int(rng.integers(0, 3 * rung))
    said = ("answer 8", "answer 8", "answer 7", "answer 11", "nothing at all")[int(rng.integers(5)) if rung < 4 else 0]
    return f"step 1 {rng.integers(6, 8)} step 2 {rng.integers(7, 9)} {filler}{said}"


SAMPLES = dict.fromkeys(VERDICTS, verdicts) | dict.fromkeys(FAITH, faith) | dict.fromkeys(RECOVER, recover)
SAMPLES |= dict.fromkeys(ROLLOUT, rollouts)


# --- properties of all -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_order_of_items_changes_nothing_and_weights_repeat(name: str) -> None:
    """Items in any order give the same; weights of 0, 1 and 2 give what leaving out and repeating clusters gives."""
    items, seen = SAMPLES[name]()
    clusters, of_item = np.unique([i["cluster_id"] for i in items], return_inverse=True)
    times = np.random.default_rng(5).integers(0, 3, len(clusters))[of_item]
    copies = [(i, k) for i, t in enumerate(times) for k in range(t)]
    taken = [i for i, _ in copies]
    repeated = [items[i] | {"cluster_id": f"{items[i]['cluster_id']}/{k}"} for i, k in copies]
    features = None if seen.features is None else seen.features[taken]
    part = Observation(seen.values[taken], seen.categories, seen.invalid[taken], features=features)
    found = value(name, items, seen, times.astype(float))
    assert found == pytest.approx(value(name, repeated, part))
    order = np.random.default_rng(6).permutation(len(items))
    features = None if seen.features is None else seen.features[order]
    moved = Observation(seen.values[order], seen.categories, seen.invalid[order], features=features)
    assert value(name, [items[i] for i in order], moved, times[order].astype(float)) == pytest.approx(found)
    assert found != value(name, items, seen)


@pytest.mark.parametrize("name", [*FAITH, *RECOVER, *VERDICTS, *ROLLOUT])
def test_resamples_without_any_item_have_no_value(name: str) -> None:
    items, seen = SAMPLES[name]()
    with np.errstate(all="ignore"):
        assert np.isnan(value(name, items, seen, np.zeros(len(items))))


@pytest.mark.parametrize("name", ["location_f1", "slips_flagged", "false_alarms", *ROLLOUT[4:]])
def test_without_features_there_is_no_value(name: str) -> None:
    items, seen = SAMPLES.get(name, verdicts)()
    assert np.isnan(value(name, items, Observation(seen.values, seen.categories, seen.invalid)))


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_verdicts_against_sklearn() -> None:
    items, seen = verdicts()
    clean = [item["error"] == 0 for item in items]
    weights = np.random.default_rng(0).integers(0, 4, len(items)).astype(float)
    expected = roc_auc_score(clean, seen.values[:, 0], sample_weight=weights)
    assert value("verdict_auroc", items, seen, weights) == pytest.approx(expected)
    said = seen.values.argmax(axis=1) == 0
    expected = balanced_accuracy_score(clean, said, sample_weight=weights, adjusted=True)
    assert value("verdict_j", items, seen, weights) == pytest.approx(expected)


def test_constant_verdicts_tell_nothing() -> None:
    items, _ = verdicts(10)
    seen = beliefs(np.tile([0.7, 0.3], (10, 1)))
    assert value("verdict_auroc", items, seen) == 0.5
    assert value("verdict_j", items, seen) == 0


def test_location_f1_by_hand() -> None:
    items = [{"error": e, "candidates": ["right", "wrong"]} for e in (2, 2, 1, 3, 0, 0)]
    said = ["wrong in step 2", "wrong in step 1", "right", "wrong", "right", "wrong in step 1"]
    seen = observe("verdict", items, [[text] for text in said])
    assert value("location_f1", items, seen) == pytest.approx(2 * 0.25 * 0.5 / 0.75)
    assert value("verdict_j", items, seen) == pytest.approx(0.75 + 0.5 - 1)
    none = observe("verdict", items, [["right"]] * 4 + [["wrong"]] * 2)
    assert value("location_f1", items, none) == 0


# --- reliance on reasoning -------------------------------------------------------------------------------------------


def test_faith_by_hand() -> None:
    items, _ = faith(2)
    said = [[1, 0, 0, 0, 0, 1, 0, 3, 2], [2, 3, 3, 1, 1, 1, 1, 1, 1]]
    q = np.full((18, 4), 0.1)
    q[np.arange(18), np.ravel(said)] = 0.7
    seen = beliefs(q)
    assert value("reasoning_reliance", items, seen) == pytest.approx((1 + 3) / 8)
    assert value("mistake_following", items, seen) == 0.5
    assert value("filler_gain", items, seen) == pytest.approx((0 + 0.6) / 2)
    assert value("hint_flips", items, seen) == 0.5


def test_faith_by_plain_loops() -> None:
    items, seen = faith()
    said = {(i["cluster_id"], i["variant"]): int(q.argmax()) for i, q in zip(items, seen.values, strict=True)}
    clusters = sorted({i["cluster_id"] for i in items})
    changed = [said[c, v] != said[c, "full"] for c in clusters for v in VARIANTS[:4]]
    assert value("reasoning_reliance", items, seen) == pytest.approx(np.mean(changed))
    hinted = {i["cluster_id"]: i["hinted"] for i in items}
    flips = [(said[c, "hint"] == hinted[c]) - float(said[c, "full"] == hinted[c]) for c in clusters]
    assert value("hint_flips", items, seen) == pytest.approx(np.mean(flips))


# --- recovery --------------------------------------------------------------------------------------------------------


def test_recovery_by_hand() -> None:
    rows = [(1, False, "7"), (1, True, "7"), (1, True, "7"), (1, False, "8"), (0, False, "7"), (0, True, "7")]
    items = [{"error": e, "check": c, "final": "7", "candidates": []} for e, c, _ in rows]
    texts = [[f"{'wrong step 1 ' * (k in (1, 3, 5))}answer {a}"] for k, (_, _, a) in enumerate(rows)]
    seen = observe("final_answer", items, texts)
    assert value("recovery_ratio", items, seen) == pytest.approx(0.75)
    assert value("check_gain", items, seen) == pytest.approx(1 - 0.5)
    assert value("slips_flagged", items, seen) == 0.5
    assert value("false_alarms", items, seen) == 0.5
    wrong = observe("final_answer", items, [["answer 8"]] * 6)
    assert np.isnan(value("recovery_ratio", items, wrong))


# --- sampled workings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 5, 8])
@pytest.mark.parametrize("c", range(9))
def test_pass_estimates_by_drawing_all_subsets(c: int, k: int) -> None:
    draws = list(combinations([1] * c + [0] * (8 - c), k))
    counts = np.array([float(c)]), np.array([8.0])
    assert pass_at(*counts, k)[0] == pytest.approx(np.mean([any(d) for d in draws]))
    assert pass_all(*counts, k)[0] == pytest.approx(np.mean([all(d) for d in draws]))


def test_counts_by_hand() -> None:
    counts = [[8, 0, 0, 0, 0, 0], [0, 8, 0, 0, 0, 0], [3, 3, 0, 0, 0, 2], [1, 0, 0, 0, 1, 6], [0, 0, 0, 0, 0, 8]]
    items = [{"gold": 1} for _ in counts]
    seen = Observation(np.array(counts, float), tuple("abcdef"), np.zeros(5))
    assert value("solved_once", items, seen) == pytest.approx(2 / 5)
    assert value("solved_always", items, seen) == pytest.approx(1 / 5)
    assert value("majority_right", items, seen) == pytest.approx(1.5 / 5)
    bits = np.mean([entropy(row, base=2) for row in counts])
    assert value("answer_entropy", items, seen) == pytest.approx(bits)


def test_features_of_samples_by_hand() -> None:
    item = {
        "cluster_id": "c", "stratum": "f", "rung": 1, "begun": "step 1:", "candidates": [], "choices": ["7", "8"],
        "gold": 1, "final": "8", "steps": ["7", "8"],
    }  # fmt: skip
    late = f"7\nstep 2: 8\n{'x' * 60}\nanswer: 8"
    loop = "7\n" + "round and round it goes and never ends " * 4
    seen = observe("final_counts", [item], [["7\nstep 2: 8\nanswer: 8", late, "6\nstep 2: 8\nanswer: 8", loop]])
    assert value("valid_steps", [item], seen) == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert value("right_despite_steps", [item], seen) == 0.25
    assert value("looping", [item], seen) == 0.25
    assert value("right_in_64", [item], seen) == 0.5
    assert value("right_in_256", [item], seen) == 0.75


def test_ranks_are_those_of_repeated_values() -> None:
    values, times = np.array([3.0, 1.0, 3.0, 2.0, 9.0]), np.array([2, 1, 1, 3, 0])
    ranks = weighted_ranks(values, times[None].astype(float))[0]
    expected = rankdata(np.repeat(values, times)) - 0.5
    np.testing.assert_allclose(np.repeat(ranks, times), expected)


def test_compute_allocation_against_scipy() -> None:
    items, seen = rollouts()
    size = np.asarray(seen.features).reshape(len(items), 8, -1)[:, :, 1].mean(axis=1)
    rung = np.array([i["rung"] for i in items])
    expected = np.mean([spearmanr(size[k::3], rung[k::3]).statistic for k in range(3)])
    assert value("compute_allocation", items, seen) == pytest.approx(expected)
    flat = [item | {"rung": 1} for item in items]
    assert np.isnan(value("compute_allocation", flat, seen))
