"""The displayed statistics of the row *grounding and provenance*: by hand, and against independent ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from angels_share import spec
from angels_share.observables import Floats, Items, Observation, observe
from angels_share.statistics import get, grounding
from angels_share.statistics.registry import Statistic

CITING = ("answer_accuracy", "right_source_given_right_answer", "format_rate", "citation_f1_given_format")
PLACES = ("source_in_first_third", "source_in_middle_third", "source_in_last_third")
CONDUCT = (
    "refusal_f1", "answerable_f1", "grounded_macro_f1", "refusing_with_evidence", "answering_from_related",
    "answering_from_part", "retrieval_policy",
)  # fmt: skip
CONFLICTS = ("overruled_followed", "world_followed", "order_followed")
ACTIONS = ["answer", "search", "abstain"]


def shown(name: str, items: Items, seen: Observation, weights: Any = None) -> Floats:
    weights = np.ones((1, len(items))) if weights is None else np.asarray(weights, dtype=np.float64)
    values: Floats = get(name).of(items, seen, weights)
    return values


def given(rows: Any) -> Observation:
    rows = np.asarray(rows, dtype=np.float64)
    return Observation(rows, tuple(f"option {k}" for k in range(rows.shape[1])), np.zeros(len(rows)))


def cited() -> tuple[list[dict[str, Any]], Observation]:
    items = [
        {"level": 2, "passages": 3, "support": [k], "value": "Tomar", "candidates": ["Tomar", "Belin"]}
        for k in (1, 2, 3, 1)
    ]
    texts = ["Tomar [1]", "Tomar [1][2]", "Belin [3]", "Tomar"]
    return items, observe("cited_passages", items, [[text] for text in texts])


def placed(n: int = 60, seed: int = 0) -> tuple[list[dict[str, Any]], Observation]:
    rng = np.random.default_rng(seed)
    items = [{"choices": list("abcde"), "gold": int(rng.integers(5))} for _ in range(n)]
    return items, given(rng.dirichlet(np.ones(5), n))


def conducted(n: int = 60, seed: int = 0) -> tuple[list[dict[str, Any]], Observation]:
    """Return items of all kinds of evidence and policies in turn, and what a model does about them."""
    rng = np.random.default_rng(seed)
    kinds = [("sufficient", 0), ("related", 1), ("partial", 1), ("sufficient", 0), ("related", 2), ("partial", 2)]
    items = [
        {"choices": ACTIONS, "gold": gold, "evidence": kind, "side": "unanswerable" if gold else "answerable"}
        for kind, gold in (kinds[k % 6] for k in range(n))
    ]
    return items, given(rng.dirichlet(np.ones(3), n))


def conflicting(n: int = 60, seed: int = 0) -> tuple[list[dict[str, Any]], Observation]:
    rng = np.random.default_rng(seed)
    roles = ["context", "rival", "other"]
    items = [
        {
            "choices": list("abc"),
            "stratum": ("dated", "world", "injected")[k % 3],
            "roles": roles[k % 2 :] + roles[: k % 2],
        }
        for k in range(n)
    ]
    return items, given(rng.dirichlet(np.ones(3), n))


DRAWN = (
    dict.fromkeys(CITING, cited)
    | dict.fromkeys(PLACES, placed)
    | dict.fromkeys(CONDUCT, conducted)
    | dict.fromkeys(CONFLICTS, conflicting)
)


def test_every_statistic_is_tested_and_declared() -> None:
    registered = {v.name for v in vars(grounding).values() if isinstance(v, Statistic)}
    declared = {s for name, t in spec.tasks().items() if name.startswith("as_grounding_") for s in t.measure.statistics}
    assert registered == declared == set(DRAWN)


def test_citing_by_hand() -> None:
    """Of three right answers one cites its source alone, one another too, one nothing; a wrong one cites its source."""
    items, seen = cited()
    assert shown("answer_accuracy", items, seen) == pytest.approx([3 / 4])
    assert shown("right_source_given_right_answer", items, seen) == pytest.approx([1 / 3])
    assert shown("format_rate", items, seen) == pytest.approx([3 / 4])
    assert shown("citation_f1_given_format", items, seen) == pytest.approx([(1 + 2 / 3 + 1) / 3])
    assert math.isnan(shown("right_source_given_right_answer", items, seen, [[0, 0, 1, 0]])[0])


def test_places_by_hand() -> None:
    """Of five passages the first two are the first third, the next two the middle one, the fifth the last."""
    items = [{"choices": list("abcde"), "gold": k} for k in range(5)]
    seen = given(np.diag([0.1, 0.2, 0.3, 0.4, 0.5]))
    assert [shown(name, items, seen)[0] for name in PLACES] == pytest.approx([0.15, 0.35, 0.5])
    assert [shown(name, items[:1], given(seen.values[:1]))[0] for name in PLACES] == pytest.approx(
        [0.1, math.nan, math.nan], nan_ok=True
    )


def test_conduct_by_hand() -> None:
    items, _ = conducted(6)
    seen = given([[0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [0, 1, 0], [1, 0, 0], [0.2, 0.4, 0.4], [0, 0.5, 0.5]])
    assert shown("refusing_with_evidence", items, seen) == pytest.approx([0.1])
    assert shown("answering_from_related", items, seen) == pytest.approx([0.35])
    assert shown("answering_from_part", items, seen) == pytest.approx([0.0])
    refused = 0.2 + 0.5 + 1 + 0 + 0.8 + 1
    assert shown("refusal_f1", items, seen) == pytest.approx([2 * 3.3 / (refused + 4)])
    assert shown("answerable_f1", items, seen) == pytest.approx([2 * 1.8 / (6 - refused + 2)])
    assert shown("retrieval_policy", items, seen) == pytest.approx([(0.3 + 1 + 0.4 + 0.5) / 3.3])
    for weights, missing in (([1, 0, 0, 1, 0, 0], "refusal_f1"), ([0, 1, 1, 0, 1, 1], "answerable_f1")):
        assert math.isnan(shown(missing, items, seen, [weights])[0])
        assert math.isnan(shown("grounded_macro_f1", items, seen, [weights])[0])


@pytest.mark.parametrize("seed", [0, 1])
def test_f1_of_decided_actions_against_sklearn(seed: int) -> None:
    items, seen = conducted(seed=seed)
    picked = seen.values.argmax(axis=1)
    decided = given(np.eye(3)[picked])
    due = np.array([item["side"] == "answerable" for item in items])
    weights = np.random.default_rng(seed).integers(0, 3, len(items)).astype(np.float64)
    answering = f1_score(due, picked == 0, sample_weight=weights)
    refusing = f1_score(~due, picked != 0, sample_weight=weights)
    assert shown("answerable_f1", items, decided, [weights]) == pytest.approx([answering])
    assert shown("refusal_f1", items, decided, [weights]) == pytest.approx([refusing])
    assert shown("grounded_macro_f1", items, decided, [weights]) == pytest.approx([(answering + refusing) / 2])


def test_actions_in_words_are_read_alike_and_unreadable_ones_are_no_refusal() -> None:
    items, seen = conducted()
    said = [
        {k: v for k, v in item.items() if k not in ("choices", "gold")}
        | {"candidates": ACTIONS, "answer": ACTIONS[item["gold"]]}
        for item in items
    ]
    picked = seen.values.argmax(axis=1)
    named = observe("answer", said, [[f"{ACTIONS[k].upper()}."] for k in picked])
    for name in CONDUCT:
        assert shown(name, said, named) == pytest.approx(shown(name, items, given(np.eye(3)[picked])))
    silent = observe("answer", said, [["well"]] * len(said))
    assert shown("refusal_f1", said, silent) == shown("refusing_with_evidence", said, silent) == pytest.approx([0.0])
    assert math.isnan(shown("retrieval_policy", said, silent)[0])


def test_conflicts_by_hand() -> None:
    roles = ["rival", "context", "other"]
    strata = ("dated", "world", "injected", "first")
    items = [{"choices": list("abc"), "stratum": s, "roles": roles} for s in strata]
    seen = given([[0.5, 0.4, 0.1], [0.2, 0.7, 0.1], [0.3, 0.7, 0.0], [0.9, 0.1, 0.0]])
    assert [shown(name, items, seen)[0] for name in CONFLICTS] == pytest.approx([0.7, 0.2, 0.3])
    words = [{"candidates": ["oslo", "rome", "lima"], "stratum": s, "roles": roles} for s in strata]
    named = observe("answer", words, [["Rome"], ["Oslo."], ["in Oslo"], ["nowhere"]])
    assert [shown(name, words, named)[0] for name in CONFLICTS] == pytest.approx([0.0, 1.0, 1.0])


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_weights_repeat_items_and_their_order_changes_nothing(name: str) -> None:
    items, seen = DRAWN[name]()
    rng = np.random.default_rng(4)
    weights = rng.integers(1, 4, len(items)).astype(np.float64)
    value = shown(name, items, seen, weights[None, :])[0]
    assert 0 <= value <= 1

    def taken(order: Any) -> Observation:
        features = None if seen.features is None else seen.features[order]
        return Observation(seen.values[order], seen.categories, seen.invalid[order], features=features)

    order = rng.permutation(len(items))
    assert shown(name, [items[k] for k in order], taken(order), weights[None, order])[0] == pytest.approx(value)
    copies = np.repeat(np.arange(len(items)), weights.astype(int))
    assert shown(name, [items[k] for k in copies], taken(copies))[0] == pytest.approx(value)
    assert math.isnan(shown(name, items, seen, np.zeros((1, len(items))))[0])
