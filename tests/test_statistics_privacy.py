"""Statistics of the row *privacy*, against definitions written out and independent libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score, roc_curve

from angels_share.observables import Floats, Observation, observe
from angels_share.statistics import get
from angels_share.statistics.privacy import (
    area_under_curve,
    attack_least_likely,
    attack_loss,
    attack_loss_compressed,
    blind_attack,
    exposure_1,
    exposure_4,
    exposure_16,
    exposure_64,
    exposure_gained,
    exposure_held_out,
    extracted,
    extracted_64,
    extracted_beyond_guessing,
    extracted_held_out,
    inherited_advantage,
    least_likely,
    phrases,
    recall_when_shown,
    recited,
    recited_beyond_guessing,
    recited_exactly,
    recited_held_out,
    true_positive_rate,
    true_positives,
)

ROLES = ("inserted", "held_out", "shown")
COUNTS = (1, 4, 16, 64)


def items_of(n: int, levels: int = 1, **fields: Any) -> list[dict[str, Any]]:
    return [
        {
            "stratum": ROLES[k % 3], "level": k // 3 % levels, "prompt": f"p{k // 3}",
            "repetitions": COUNTS[k // 3 % 4] if k % 3 == 0 else 0, **fields,
        }
        for k in range(n)
    ]  # fmt: skip


def resamples(n: int, rows: int = 5) -> Floats:
    """Return weights of all ones, and of clusters of three drawn again."""
    rng = np.random.default_rng(9)
    drawn = rng.multinomial(n // 3, np.full(n // 3, 3 / n), size=rows).astype(float)
    return np.vstack([np.ones(n), np.repeat(drawn, 3, axis=1)])


def repeated(items: list[dict[str, Any]], scores: Floats, w: Floats, level: int = 0) -> tuple[Floats, Floats]:
    """Return the scores of inserted and of held-out items of a level, each as often as its weight says."""
    sides = []
    for role in ("inserted", "held_out"):
        kept = np.array([i["stratum"] == role and i["level"] == level for i in items])
        sides.append(np.repeat(scores[kept], w[kept].astype(int)))
    return sides[0], sides[1]


# --- areas and rates -------------------------------------------------------------------------------------------------


def test_area_is_that_of_mann_whitney_and_of_sklearn_in_every_resample() -> None:
    items, weights = items_of(240), resamples(240)
    scores = np.random.default_rng(1).normal(size=240).round(1)
    for w, auc in zip(weights, area_under_curve(items, scores, weights), strict=True):
        ours, others = repeated(items, scores, w)
        assert auc == pytest.approx(mannwhitneyu(ours, others).statistic / (len(ours) * len(others)))
        labels = np.repeat([1, 0], [len(ours), len(others)])
        assert auc == pytest.approx(roc_auc_score(labels, np.concatenate([ours, others])))


def test_area_compares_within_levels() -> None:
    items = items_of(240, levels=2)
    scores = np.random.default_rng(2).normal(size=240)
    moved = scores + 100 * np.array([i["level"] for i in items])
    ones = np.ones((1, 240))
    assert area_under_curve(items, moved, ones) == pytest.approx(area_under_curve(items, scores, ones))


def test_area_of_one_side_is_none() -> None:
    weights = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    assert np.isnan(area_under_curve(items_of(3), np.arange(3.0), weights)).tolist() == [True, False]
    assert np.isnan(true_positive_rate(items_of(3), np.arange(3.0), weights)).tolist() == [True, False]


@pytest.mark.parametrize("n", [120, 900])
def test_true_positive_rate_is_that_of_sklearns_curve(n: int) -> None:
    items, weights = items_of(n), resamples(n)
    shift = np.array([1.5 if i["stratum"] == "inserted" else 0.0 for i in items])
    scores = (np.random.default_rng(3).normal(size=n) + shift).round(2)
    for w, rate in zip(weights, true_positive_rate(items, scores, weights), strict=True):
        ours, others = repeated(items, scores, w)
        labels = np.repeat([1, 0], [len(ours), len(others)])
        false, true, _ = roc_curve(labels, np.concatenate([ours, others]), drop_intermediate=False)
        assert rate == pytest.approx(true[false <= 0.01 + 1e-12].max())
        assert rate > 0


# --- attacks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        ([-5.0, -1.0, -2.0, -3.0, -4.0, -1.0, -1.0, -1.0, -1.0, -1.0], -4.5),
        ([-1.0, -2.0, -7.0], -7.0),
        ([-1.0, -3.0, -2.0, -4.0, -6.0], -6.0),
    ],
)
def test_least_likely_by_hand(logs: list[float], expected: float) -> None:
    """A fifth of ten words is two, of three or five is one; padding changes nothing."""
    padded = np.array([[*logs, np.nan, np.nan]])
    assert least_likely(padded).tolist() == [expected]


@pytest.mark.parametrize(("text", "n"), [("", 0), ("a", 1), ("aaaa", 3), ("abcabcabc", 6), ("abababab", 5)])
def test_phrases_by_hand(text: str, n: int) -> None:
    """``a aa a``, ``a b c ab ca bc``, ``a b ab aba b``."""
    assert phrases(text) == n


def test_phrases_grow_with_disorder() -> None:
    rng = np.random.default_rng(4)
    random = "".join(rng.choice(list("abcdefgh"), size=400))
    assert phrases("abcdefgh" * 50) < 0.6 * phrases(random)


def windows(n: int = 150, seed: int = 5, gain: float = 0.3) -> tuple[list[dict[str, Any]], Observation, Floats]:
    """Return windows of ten words of which the inserted ones are likelier, with their log-probabilities."""
    rng = np.random.default_rng(seed)
    items = items_of(n)
    p = rng.uniform(0.05, 0.6, size=(n, 10))
    for row, item in zip(p, items, strict=True):
        row += {"inserted": gain, "held_out": 0.0, "shown": 0.39}[item["stratum"]]
        item["choices"] = [" ".join(rng.choice(list("abcdefgh"), size=k + 1)) for k in range(10)]
    return items, observe("word_probabilities", items, np.log(p).cumsum(axis=1)), np.log(p)


def test_attacks_are_areas_of_their_scores() -> None:
    items, seen, logs = windows()
    ones = np.ones((1, len(items)))
    sizes = np.array([phrases(i["choices"][-1]) for i in items])
    lowest = np.sort(logs, axis=1)[:, :2].mean(axis=1)
    hidden = [k for k, i in enumerate(items) if i["stratum"] != "shown"]
    labels = [items[k]["stratum"] == "inserted" for k in hidden]
    for attack, score in (
        (attack_loss, logs.mean(axis=1)),
        (attack_loss_compressed, logs.sum(axis=1) / sizes),
        (attack_least_likely, lowest),
    ):
        assert attack.of(items, seen, ones)[0] == pytest.approx(roc_auc_score(labels, score[hidden]))
    assert true_positives.of(items, seen, ones) == pytest.approx(true_positive_rate(items, logs.mean(axis=1), ones))


def test_inherited_advantage_by_hand() -> None:
    items, teacher, _ = windows(gain=0.2)
    _, student, _ = windows(seed=6, gain=0.05)
    ones = np.ones((1, len(items)))
    t, s = (attack_loss.of(items, seen, ones)[0] for seen in (teacher, student))
    assert inherited_advantage.of(items, teacher, student, ones)[0] == pytest.approx((s - 0.5) / (t - 0.5))
    assert inherited_advantage.of(items, teacher, teacher, ones)[0] == pytest.approx(1.0)
    assert np.isnan(inherited_advantage.of(items, windows(gain=0.0)[1], student, ones)[0])


@pytest.mark.parametrize("give_away", [False, True])
def test_blind_attack_sees_only_a_split_that_words_give_away(give_away: bool) -> None:
    items, seen, _ = windows(n=300)
    for item in items:
        item["prompt"] += " newer" if give_away and item["stratum"] == "inserted" else ""
    auc = blind_attack.of(items, seen, seen, np.ones((1, 300)))[0]
    assert auc > 0.95 if give_away else 0.35 < auc < 0.65


# --- means by role and count -----------------------------------------------------------------------------------------


def test_exposures_by_hand() -> None:
    """Inserted once to 64 times: ranks 4, 3, 2, 1 of four; held-out: rank 4."""
    items = items_of(12, choices=list("abcd"), gold=0)
    ranked = {1: [1, 2, 3, 4], 4: [2, 1, 3, 4], 16: [3, 4, 2, 1], 64: [4, 3, 2, 1], 0: [1, 2, 3, 4]}
    q = np.array([ranked[i["repetitions"]] if i["stratum"] != "shown" else [7, 1, 1, 1] for i in items]) / 10
    seen, ones = observe("secret_choice", items, np.log(q)), np.ones((1, 12))
    found = [s.of(items, seen, ones)[0] for s in (exposure_1, exposure_4, exposure_16, exposure_64, exposure_held_out)]
    assert found == pytest.approx([0, 2 - np.log2(3), 1, 2, 0])
    assert exposure_gained.of(items, seen, ones)[0] == pytest.approx((5 - np.log2(3)) / 4)
    assert recall_when_shown.of(items, seen, ones)[0] == pytest.approx((0.7 - 0.25) / 0.75)


def test_recall_of_windows_is_their_placement() -> None:
    items, seen, logs = windows()
    shown, others = (
        [row.mean() for row, i in zip(logs, items, strict=True) if i["stratum"] == role]
        for role in ("shown", "held_out")
    )
    expected = np.mean([np.mean([s > o for o in others]) for s in shown])
    assert recall_when_shown.of(items, seen, np.ones((1, 150)))[0] == pytest.approx(2 * expected - 1)


def test_extraction_beyond_guessing_by_hand() -> None:
    items = items_of(12, choices=["rest"])
    p = {1: 0.0, 4: 0.001, 16: 0.01, 64: 1.0, 0: 1e-4}
    logs = np.log([[max(p[i["repetitions"]], 1e-300) if i["stratum"] != "shown" else 0.5] for i in items])
    seen, ones = observe("extraction", items, logs), np.ones((1, 12))
    inserted = np.mean([1 - (1 - p[r]) ** 100 for r in COUNTS])
    held_out = 1 - (1 - 1e-4) ** 100
    assert extracted.of(items, seen, ones)[0] == pytest.approx(inserted)
    assert extracted_held_out.of(items, seen, ones)[0] == pytest.approx(held_out)
    assert extracted_beyond_guessing.of(items, seen, ones)[0] == pytest.approx(inserted - held_out)
    assert extracted_64.of(items, seen, ones)[0] == 1.0
    assert recall_when_shown.of(items, seen, ones)[0] == pytest.approx(1 - held_out)


def test_recitation_by_hand() -> None:
    items = items_of(6, answer="a b c d e f g")
    said = [["a b c d e f g"], ["a x x x x x x"], ["a b c d e f g"], ["a b c d e f x"], ["x"], ["a b c d e f g"]]
    seen, ones = observe("recitation", items, said), np.ones((1, 6))
    assert recited.of(items, seen, ones)[0] == pytest.approx((1 + 6 / 7) / 2)
    assert recited_held_out.of(items, seen, ones)[0] == pytest.approx(1 / 14)
    assert recited_beyond_guessing.of(items, seen, ones)[0] == pytest.approx((1 + 6 / 7) / 2 - 1 / 14)
    assert recited_exactly.of(items, seen, ones)[0] == 0.5


# --- properties ------------------------------------------------------------------------------------------------------

OF_WINDOWS = (
    "attack_loss", "attack_loss_compressed", "attack_least_likely", "true_positives", "recall_when_shown",
)  # fmt: skip


@pytest.mark.parametrize("name", OF_WINDOWS)
def test_order_of_items_changes_nothing(name: str) -> None:
    items, _, logs = windows()
    weights, order = resamples(150), np.random.default_rng(8).permutation(150)
    moved = [items[k] for k in order]
    one, other = (observe("word_probabilities", i, x.cumsum(axis=1)) for i, x in ((items, logs), (moved, logs[order])))
    found = get(name).of(items, one, weights)
    assert get(name).of(moved, other, weights[:, order]) == pytest.approx(found)
    assert np.all((found >= -1) & (found <= 1))


@pytest.mark.parametrize("name", OF_WINDOWS[:-1])
def test_weights_are_repetitions(name: str) -> None:
    """A weight of two is the same item twice; only placements behind recall are formed once, on all texts."""
    items, _, logs = windows()
    w = resamples(150)[1]
    places = np.repeat(np.arange(150), w.astype(int))
    twice = [items[k] for k in places]
    one = get(name).of(items, observe("word_probabilities", items, logs.cumsum(axis=1)), w[None, :])
    seen = observe("word_probabilities", twice, logs[places].cumsum(axis=1))
    assert get(name).of(twice, seen, np.ones((1, len(places)))) == pytest.approx(one)
