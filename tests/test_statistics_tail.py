"""The displayed statistics of the row *long tail*: by hand, against slow or independent ones, and their laws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from angels_share import spec
from angels_share.anchors import load, read_anchors
from angels_share.errors import SpecError
from angels_share.logs import TaskLog, document_hash
from angels_share.observables import Floats, Items, Observation
from angels_share.score.task import measure_task
from angels_share.statistics import get
from angels_share.statistics.tail import TOLERANCE, spread_of_people, tail_of
from synthetic import SETTINGS

BUCKETS = ("head", "middle", "tail")


def shown(name: str, items: Items, *seen: Observation, weights: Any = None) -> Floats:
    weights = np.ones((1, len(items))) if weights is None else np.asarray(weights, dtype=np.float64)
    values: Floats = get(name).of(items, *seen, weights)
    return values


def given(rows: Any, features: Any = None) -> Observation:
    rows = np.asarray(rows, dtype=np.float64)
    names = tuple(f"option {k}" for k in range(rows.shape[1]))
    return Observation(rows, names, np.zeros(len(rows)), features=features)


# --- accuracy from head to tail --------------------------------------------------------------------------------------


def classes(n: int, seed: int = 0) -> tuple[list[dict[str, Any]], Observation]:
    """Return items of six classes shown 4, 4, 2, 2, 1 and 1 times, all asked for equally often."""
    rng = np.random.default_rng(seed)
    items = [
        {
            "bucket": BUCKETS[k % 3],
            "gold": 2 * (k % 3) + k // 3 % 2,
            "counts": [4, 4, 2, 2, 1, 1],
            "choices": [*"abcdef"],
        }
        for k in range(n)
    ]
    return items, given(rng.dirichlet(np.ones(6), n))


def test_accuracies_against_scikit_learn() -> None:
    items, seen = classes(120)
    gold, named = [i["gold"] for i in items], seen.values.argmax(axis=1)
    recall = recall_score(gold, named, average=None, labels=range(6))
    for k, bucket in enumerate(BUCKETS):
        assert shown(f"accuracy_in_{bucket}", items, seen)[0] == pytest.approx(recall[2 * k : 2 * k + 2].mean())
    assert shown("macro_accuracy", items, seen)[0] == pytest.approx(balanced_accuracy_score(gold, named))
    gap = recall[:2].mean() - recall[4:].mean()
    assert shown("head_tail_gap", items, seen)[0] == pytest.approx(gap)
    frequent = np.array([4, 4, 2, 2, 1, 1]) / 14
    assert shown("micro_accuracy", items, seen)[0] == pytest.approx((frequent * recall).sum())


def test_weights_stand_for_repeated_items() -> None:
    items, seen = classes(30)
    w = np.random.default_rng(1).integers(0, 3, 30)
    again = [k for k in range(30) for _ in range(w[k])]
    for name in ("macro_accuracy", "micro_accuracy", "accuracy_in_tail", "head_tail_gap", "mass_on_tail"):
        twice = shown(name, [items[k] for k in again], given(seen.values[again]))
        assert shown(name, items, seen, weights=[w]) == pytest.approx(twice), name


def test_predicted_shares_by_hand() -> None:
    """One model spreads evenly; the other names a class of the head, whatever is asked."""
    items, _ = classes(6)
    even, head = given(np.full((6, 6), 1 / 6)), given(np.tile([1.0, 0, 0, 0, 0, 0], (6, 1)))
    assert shown("mass_on_tail", items, even)[0] == pytest.approx(1 / 3)
    assert shown("mass_on_tail", items, head)[0] == 0
    assert shown("prediction_marginal_shift", items, even, head)[0] == pytest.approx(2 / 3)
    assert shown("prediction_marginal_shift", items, even, even)[0] == 0


def test_items_with_fewer_options_have_no_share_beyond_them() -> None:
    items = [{"counts": [3, 2, 1], "gold": 0}, {"counts": [1, 2, 3, 1, 2, 3], "gold": 0}]
    seen = given([[0.5, 0.3, 0.2, 0, 0, 0], [0.1, 0.2, 0.3, 0.1, 0.1, 0.2]])
    assert shown("mass_on_tail", items, seen)[0] == pytest.approx((0.2 + 0.2) / 2)


def test_accuracy_with_and_without_the_prior() -> None:
    items = [{"bucket": b, "gold": 0} for b in ("head", "head", "middle", "tail")]
    seen = given([[0.9, 0.1]] * 4, features=np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.2, 0.8]]))
    assert shown("head_tail_gap", items, seen)[0] == 0
    assert shown("raw_head_tail_gap", items, seen)[0] == 1
    found = [shown(f"raw_accuracy_in_{bucket}", items, seen)[0] for bucket in BUCKETS]
    assert found == [1, 1, 0]


# --- how much people differ ------------------------------------------------------------------------------------------


def panels(n: int, people: int = 4) -> list[dict[str, Any]]:
    return [
        {"cluster_id": f"c{k:03}", "stratum": "narrow", "choices": [*"12345"]} for k in range(n) for _ in range(people)
    ]


def test_share_between_people_by_hand() -> None:
    """Two people, means 1 and 3, variances 0 and 1: B = 1, W = ½."""
    seen = given([[1.0, 0, 0, 0, 0], [0.0, 0.5, 0, 0.5, 0]])
    assert shown("between_person_share", panels(1, 2), seen)[0] == pytest.approx(1 / 1.5)
    assert shown("within_person_entropy", panels(1, 2), seen)[0] == pytest.approx(0.5)
    one_voice = given([[0.25, 0.25, 0, 0.5, 0]] * 2)
    assert shown("between_person_share", panels(1, 2), one_voice)[0] == pytest.approx(0)
    assert shown("between_person_shift", panels(1, 2), seen, one_voice)[0] == pytest.approx(1 / 1.5)
    assert shown("between_person_shift", panels(1, 2), one_voice, seen)[0] == pytest.approx(1 / 1.5)


def test_variances_of_a_panel_add_up_to_that_of_all_its_answers() -> None:
    rng = np.random.default_rng(0)
    q = rng.dirichlet(np.ones(5), 40)
    between, within = spread_of_people(panels(10), given(q))
    scores = np.arange(1, 6)
    for k in range(10):
        mixed = q[4 * k : 4 * k + 4].mean(axis=0)
        total = mixed @ scores**2 - (mixed @ scores) ** 2
        assert between[4 * k : 4 * k + 4] + within[4 * k : 4 * k + 4] == pytest.approx([total] * 4)


def test_resampled_panels_and_order() -> None:
    rng = np.random.default_rng(1)
    items, q = panels(6), rng.dirichlet(np.ones(5), 24)
    w = np.array([2, 0, 1, 1, 3, 0]).repeat(4)
    again = [k for k in range(24) for _ in range(w[k])]
    copies = [{**items[k], "cluster_id": f"{items[k]['cluster_id']}-{again[:j].count(k)}"} for j, k in enumerate(again)]
    found = shown("between_person_share", items, given(q), weights=[w])
    assert found == pytest.approx(shown("between_person_share", copies, given(q[again])))
    order = rng.permutation(24)
    moved = shown("between_person_share", [items[k] for k in order], given(q[order]))
    assert moved == pytest.approx(shown("between_person_share", items, given(q)))


def test_share_of_sampled_answers_is_that_of_the_distributions() -> None:
    """Sixteen answers a person: plainly counted, their noise would look like differences between people."""
    rng = np.random.default_rng(2)
    items, q = panels(400), rng.dirichlet(np.ones(5), 100).repeat(16, axis=0)
    exact = spread_of_people(items, given(q))
    counts = np.array([rng.multinomial(16, row) for row in q])
    unread = np.hstack([counts, np.zeros((1600, 1))])
    drawn = spread_of_people(items, given(unread))
    for one, other in zip(exact, drawn, strict=True):
        by_panel = (other - one)[::4]
        assert abs(by_panel.mean()) < 4 * by_panel.std() / 20
    share = shown("between_person_share", items, given(unread))[0]
    assert abs(share - shown("between_person_share", items, given(q))[0]) < 0.02


def test_panels_that_cannot_be_read_are_left_out() -> None:
    counts = np.array([[8, 0, 0, 0, 8, 0], [0, 0, 16, 0, 0, 0], [1, 0, 0, 0, 0, 15], [0, 16, 0, 0, 0, 0]])
    items = panels(2, 2)
    between, within = spread_of_people(items, given(counts))
    assert np.isfinite(between[:2]).all()
    assert np.isnan([*between[2:], *within[2:]]).all()
    alone = shown("between_person_share", items[:1], given(counts[:1]))
    assert np.isnan(alone).all()


# --- human anchors ---------------------------------------------------------------------------------------------------


def anchors(*truths: list[float]) -> list[dict[str, Any]]:
    return [{"stratum": "anchor", "truth": t, "choices": ["x"] * len(t)} for t in truths]


def test_tail_of_a_distribution() -> None:
    assert tail_of(np.array([0.1, 0.6, 0.1, 0.2])).tolist() == [True, False, True, False]
    assert tail_of(np.full(5, 0.2)).tolist() == [True, False, False, False, False]
    assert not tail_of(np.array([0.5, 0.5])).any()


def test_anchor_ratio_by_hand() -> None:
    """The tail of .1 and .1 has got nothing: D = .1, so that a fifth of the way must remain."""
    items, seen = anchors([0.8, 0.1, 0.1]), given([[1.0, 0.0, 0.0]])
    assert shown("human_anchor_ratio", items, seen)[0] == pytest.approx(1 - TOLERANCE / 0.1)
    assert shown("human_anchor_ratio", items, given([[0.8, 0.1, 0.1]]))[0] == 0
    assert np.isnan(shown("human_anchor_ratio", panels(1), given(np.full((4, 5), 0.2)))).all()


def test_anchor_ratio_is_the_least_mixture_within_the_tolerance() -> None:
    rng = np.random.default_rng(3)
    r, q = rng.dirichlet(np.ones(5) / 2, 30), rng.dirichlet(np.ones(5), 30)
    items = anchors(*r.tolist())
    alpha = shown("human_anchor_ratio", items, given(q))[0]
    assert 0 < alpha < 1

    def distance(share: float) -> float:
        mixed = share * r + (1 - share) * q
        tails = np.array([tail_of(row) for row in r])
        return float((np.abs(mixed - r) * tails).sum(axis=1)[tails.any(axis=1)].mean() / 2)

    assert distance(alpha) == pytest.approx(TOLERANCE)
    assert distance(alpha - 0.01) > TOLERANCE


GOOD = {"prompt": "How often do you cook?", "options": ["never", "daily"], "shares": [0.3, 0.7]}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def test_anchors_are_read_as_items_of_the_task(tmp_path: Path) -> None:
    thirds = GOOD | {"options": ["a", "b", "c"], "shares": [0.333, 0.333, 0.333]}
    path = write(tmp_path / "people.jsonl", GOOD, thirds)
    block = spec.task("as_tail_hetero").measure.model_dump()
    source = str(spec.task_files()["as_tail_hetero"])
    rows = load(config_source=source, angels_share=block, as_track="small", as_anchor=str(path))["test"].to_list()
    assert rows == read_anchors(path, 2)
    usual = load(config_source=source, angels_share=block, as_track="toy", as_profile="pilot")["test"].to_list()
    assert [list(row) for row in rows] == [list(usual[0])] * 2
    assert len(usual) == 160
    assert [row["truth"] for row in rows] == [[0.3, 0.7], pytest.approx([1 / 3] * 3)]
    assert [row["gold"] for row in rows] == [1, 0]
    assert {row["stratum"] for row in rows} == {"anchor"}
    assert len({row["cluster_id"] for row in rows}) == 2


def test_a_pair_is_scored_on_human_answers(tmp_path: Path) -> None:
    """The student has lost most of the rare answers that the teacher gives as people do."""
    people = np.random.default_rng(4).dirichlet([8, 4, 2, 0.6, 0.6], 40)
    lines = [
        GOOD | {"prompt": f"Question {k}:", "options": [*"abcde"], "shares": r.tolist()} for k, r in enumerate(people)
    ]
    items = tuple(read_anchors(write(tmp_path / "people.jsonl", *lines), 2))
    narrow = people * np.where([tail_of(r) for r in people], 0.2, 1.0)
    teacher, student = (
        TaskLog(
            spec.task("as_tail_hetero"), SETTINGS, items, tuple(map(document_hash, items)), log_likelihoods=np.log(q)
        )
        for q in (people, narrow / narrow.sum(axis=1, keepdims=True))
    )
    found = {s.name: s for s in measure_task(teacher, student, 100).score.statistics}
    assert set(found) == {"within_person_entropy", "human_anchor_ratio"}
    ratio = found["human_anchor_ratio"]
    assert ratio.teacher is not None
    assert ratio.teacher.value == 0
    assert ratio.value.low > 0


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (GOOD | {"shares": [0.3, 0.3]}, r"question 2: .* add up to 0\.6"),
        (GOOD | {"shares": [1.0]}, "question 2: .* 1 shares of 2 different options"),
        (GOOD | {"shares": [float("nan"), 1.0]}, "question 2"),
        (GOOD | {"shares": [-0.5, 1.5]}, "question 2"),
        (GOOD | {"options": ["never", "never"]}, "1 different options"),
        (GOOD | {"prompt": ""}, "question 2"),
        (GOOD | {"extra": 1}, "question 2"),
        ([], "question 2"),
    ],
)
def test_other_lines_are_refused(tmp_path: Path, row: Any, told: str) -> None:
    with pytest.raises(SpecError, match=told):
        read_anchors(write(tmp_path / "people.jsonl", GOOD, row), 2)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read_anchors(tmp_path / "absent.jsonl", 2)
    with pytest.raises(SpecError, match="1 questions"):
        read_anchors(write(tmp_path / "one.jsonl", GOOD), 2)
