"""Statistics of second stages against exact enumeration; observables, discrepancy and controls that go with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angels_share.discrepancies import mean_squared_difference
from angels_share.estimate import resampling, variation
from angels_share.items import Item
from angels_share.logs import TaskLog, document_hash
from angels_share.observables import Floats, Observation, get_utility, observe
from angels_share.observables.categorical import mass_on_options
from angels_share.observables.sequences import likelihood_per_byte
from angels_share.score.controls import CONTROLS
from angels_share.score.task import measure_task
from angels_share.spec import task
from angels_share.statistics import get, shown
from angels_share.statistics.second_stage import bounded
from synthetic import SETTINGS, make_items, noisy

WORKINGS = ("step_total_variation", "working_kl_forward", "working_kl_reverse", "working_bound", "excess_regret")
DRAWS = ("draw_total_variation", "draw_kl_forward", "draw_kl_reverse")
SECOND = ("as_process_selfverify", "as_process_faith_onpolicy", "as_process_cross", "as_distribution_cross")
VARIANTS = ("cut 25", "cut 50", "cut 75", "full", "corrupted")


def value(name: str, items: list[Item], *rest: Any, weights: Any = None) -> float:
    seen = [x for x in rest if isinstance(x, Observation)]
    side = [x for x in rest if isinstance(x, str)]
    w = np.ones((1, len(items))) if weights is None else np.array([weights], dtype=float)
    found: Floats = get(name).of(items, *seen, w, *side)
    assert found.shape == (1,)
    return float(found[0])


def padded(rows: list[list[float]]) -> Floats:
    out = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, values in zip(out, rows, strict=True):
        row[: len(values)] = values
    return out


# --- two small chains, enumerated ------------------------------------------------------------------------------------

Chain = dict[str, dict[str, float]]
END, MOST = "end", 4
T: Chain = {
    "": {"a": 0.6, "bb": 0.3, END: 0.1},
    "a": {"a": 0.2, "bb": 0.5, END: 0.3},
    "bb": {"a": 0.7, "bb": 0.1, END: 0.2},
}
S: Chain = {
    "": {"a": 0.3, "bb": 0.5, END: 0.2},
    "a": {"a": 0.4, "bb": 0.2, END: 0.4},
    "bb": {"a": 0.5, "bb": 0.3, END: 0.2},
}


def sequences(chain: Chain, before: tuple[str, ...] = ()) -> dict[tuple[str, ...], float]:
    """Return every text of a chain with its probability: up to the end, or four steps."""
    if len(before) == MOST or before[-1:] == (END,):
        return {before: 1.0}
    rows = chain[before[-1] if before else ""]
    return {y: p * q for step, p in rows.items() for y, q in sequences(chain, (*before, step)).items()}


def logs(chain: Chain, text: tuple[str, ...]) -> list[float]:
    """Return the log-likelihoods of a text's beginnings."""
    total, out = 0.0, []
    for before, step in zip(("", *text), text, strict=False):
        total += math.log(chain[before][step])
        out.append(total)
    return out


def workings(texts: list[tuple[str, tuple[str, ...]]]) -> tuple[list[Item], Observation, Observation]:
    items = [
        {
            "choices": [" ".join(text[: k + 1]) for k in range(len(text))],
            "kind": "steps",
            "author": a,
            "drawn": True,
            "steps": 1,
        }
        for a, text in texts
    ]
    teacher, student = (
        observe("step_probabilities", items, padded([logs(chain, text) for _, text in texts])) for chain in (T, S)
    )
    return items, teacher, student


def exact(author: Chain, other: Chain) -> tuple[float, float]:
    """Return the expected total variation per step and divergence per byte, from the chains alone."""
    tv, steps, kl = 0.0, 0.0, 0.0

    def visit(state: str, depth: int, reached: float) -> None:
        nonlocal tv, steps, kl
        if depth == MOST or state == END:
            return
        p, q = author[state], other[state]
        steps += reached
        tv += reached * sum(abs(p[k] - q[k]) for k in p) / 2
        kl += reached * sum(p[k] * math.log(p[k] / q[k]) for k in p)
        for step, chance in p.items():
            visit(step, depth + 1, reached * chance)

    visit("", 0, 1.0)
    size = sum(p * len(" ".join(y).encode()) for y, p in sequences(author).items())
    return tv / steps, kl / size


def test_every_text_weighted_by_its_probability_gives_the_exact_distances() -> None:
    """Weights are probabilities, so a weighted sum is an expectation: the estimates are right without any sampling."""
    ours, theirs = sequences(T), sequences(S)
    assert sum(ours.values()) == pytest.approx(1)
    items, teacher, student = workings([*(("teacher", y) for y in ours), *(("student", y) for y in theirs)])
    weights = [*ours.values(), *theirs.values()]
    forward, reverse = exact(T, S), exact(S, T)
    found = {name: value(name, items, teacher, student, weights=weights) for name in WORKINGS[:4]}
    assert found["step_total_variation"] == pytest.approx((forward[0] + reverse[0]) / 2, abs=1e-12)
    assert found["working_kl_forward"] == pytest.approx(forward[1], abs=1e-12)
    assert found["working_kl_reverse"] == pytest.approx(reverse[1], abs=1e-12)
    assert found["working_bound"] == pytest.approx(math.sqrt(1 - math.exp(-4 * (forward[1] + reverse[1]))))


def test_samples_of_the_chains_come_near_the_exact_distances() -> None:
    rng = np.random.default_rng(0)
    texts: list[tuple[str, tuple[str, ...]]] = []
    for author, chain in (("teacher", T), ("student", S)):
        every = sequences(chain)
        drawn = rng.choice(len(every), 4000, p=list(every.values()))
        texts += [(author, list(every)[k]) for k in drawn]
    items, teacher, student = workings(texts)
    forward, reverse = exact(T, S), exact(S, T)
    assert value("step_total_variation", items, teacher, student) == pytest.approx(
        (forward[0] + reverse[0]) / 2, abs=0.01
    )
    assert value("working_kl_forward", items, teacher, student) == pytest.approx(forward[1], abs=0.02)
    assert value("working_kl_reverse", items, teacher, student) == pytest.approx(reverse[1], abs=0.02)


def test_stand_ins_and_next_steps_are_no_samples() -> None:
    items, teacher, student = workings([("teacher", ("a", END)), ("student", ("bb", END)), ("teacher", ("bb", "bb"))])
    before = [value(name, items[:2], *part(2, teacher, student)) for name in WORKINGS[:4]]
    for changed in ({"drawn": False}, {"kind": "next"}):
        items[2] = items[2] | changed
        assert [value(name, items, teacher, student) for name in WORKINGS[:4]] == before
    none = [item | {"drawn": False} for item in items]
    assert np.isnan(value("step_total_variation", none, teacher, student))


def part(n: int, *seen: Observation) -> list[Observation]:
    return [Observation(x.values[:n], x.categories, x.invalid[:n], False, np.asarray(x.features)[:n]) for x in seen]


def test_draws_weighted_by_their_probability_give_the_exact_distances() -> None:
    p, q, options = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.7, 0.1]), ["oak", "ash", "birch"]
    blank = [0, 0, 0, 0]
    once = [[int(k == j) for j in range(3)] + [0] for k in range(3)]
    items: list[Item] = [{"choices": options, "own": 2, "by_teacher": row, "by_student": blank} for row in once]
    items += [{"choices": options, "own": 2, "by_teacher": blank, "by_student": row} for row in once]
    items.append({"choices": options, "own": 2, "by_teacher": [0, 0, 0, 8], "by_student": [0, 0, 0, 8]})
    teacher, student = (observe("string_probabilities", items, np.log(np.tile(x, (7, 1)))) for x in (p, q))
    weights = [*p, *q, 1]
    size = np.array([3, 3, 5])
    assert value("draw_total_variation", items, teacher, student, weights=weights) == pytest.approx(
        abs(p - q).sum() / 2
    )
    forward, reverse = (p * np.log(p / q)).sum() / (p @ size), (q * np.log(q / p)).sum() / (q @ size)
    assert value("draw_kl_forward", items, teacher, student, weights=weights) == pytest.approx(forward)
    assert value("draw_kl_reverse", items, teacher, student, weights=weights) == pytest.approx(reverse)


def test_unnamed_draws_by_hand() -> None:
    items = [
        {
            "choices": ["oak", "ash", "Oak", "zoo"],
            "own": 2,
            "by_teacher": [3, 1, 2, 1, 1],
            "by_student": [8, 0, 0, 0, 0],
        },
        {"choices": ["elm", "fir"], "own": 2, "by_teacher": [0, 0, 8], "by_student": [4, 0, 4]},
    ]
    seen = observe("string_probabilities", items, padded([[-1.0] * 4, [-1.0] * 2]))
    assert value("unnamed_draws", items, seen, "teacher") == pytest.approx((0.25 + 1) / 2)
    assert value("unnamed_draws", items, seen, "student") == pytest.approx((0 + 0.5) / 2)


def test_regret_by_hand() -> None:
    """One problem of two steps and one of one; a step has four bytes."""
    rows = [("teacher", 2, 0.4), ("student", 2, 1.2), ("teacher", 1, 0.8), ("student", 1, 0.4)]
    items = [{"choices": ["oak!"], "kind": "next", "author": a, "drawn": True, "steps": n} for a, n, _ in rows]
    teacher = observe("step_probabilities", items, np.full((4, 1), -1.0))
    student = observe("step_probabilities", items, np.array([[-1.0 - gap] for _, _, gap in rows]))
    base, own = (2 * 0.1 + 1 * 0.2) / 2, (2 * 0.3 + 1 * 0.1) / 2
    assert value("excess_regret", items, teacher, student) == pytest.approx((own - base) / 1.5)
    assert value("exposure_accumulation", items, teacher, student) == pytest.approx((own - base) / base)
    assert np.isnan(value("exposure_accumulation", items, student, teacher))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_the_bound_is_above_the_total_variation(seed: int) -> None:
    """Over eight bytes, that is with k an eighth of the divergence (Bretagnolle and Huber)."""
    p, q = np.random.default_rng(seed).dirichlet(np.full(4, 0.4), 2) + 1e-9
    k = np.array([(p * np.log(p / q)).sum() / 8])
    assert abs(p - q).sum() / 2 <= bounded(k)[0] + 1e-6
    assert bounded(np.array([-0.1]))[0] == 0


# --- sides -----------------------------------------------------------------------------------------------------------


def beliefs(rows: Any) -> Observation:
    q = np.asarray(rows, dtype=float)
    return Observation(q, tuple(f"option {k + 1}" for k in range(q.shape[1])), np.zeros(len(q)))


def test_self_verification_by_hand() -> None:
    rows = [("teacher", 1, 0.9), ("teacher", 1, 0.2), ("teacher", 0, 0.4), ("student", 1, 0.7), ("student", 0, 0.6)]
    items = [{"cluster_id": f"c{k}", "author": a, "gold": g} for k, (a, g, _) in enumerate(rows)]
    seen = beliefs([[1 - w, w] for *_, w in rows])
    assert value("verdict_accuracy", items, seen) == pytest.approx(3 / 5)
    assert (
        value("own_errors_caught", items, seen, "teacher")
        == value("others_errors_caught", items, seen, "student")
        == 0.5
    )
    assert value("self_verification_bias", items, seen, "teacher") == -0.5
    assert value("self_verification_bias", items, seen, "student") == 0.5
    assert value("verdict_auroc", items, seen) == pytest.approx(4 / 6)
    scheme = resampling([item["cluster_id"] for item in items], "digest", 50)
    (found,) = shown(["self_verification_bias"], items, seen, seen, scheme)
    assert found.teacher is not None
    assert found.student is not None
    assert (found.teacher.point, found.student.point, found.value.point) == (-0.5, 0.5, 1.0)


def test_own_reliance_by_hand() -> None:
    told = [("nobody", "cut 0", 0), *(("teacher", v, s) for v, s in zip(VARIANTS, (0, 1, 1, 1, 2), strict=True))]
    told += [("student", v, s) for v, s in zip(VARIANTS, (3, 3, 3, 3, 3), strict=True)]
    items = [
        {"cluster_id": "c", "author": a, "variant": v, "mistaken": 2, "gold": 1, "prompt": f"{a} {v}"}
        for a, v, _ in told
    ]
    seen = beliefs(np.eye(4)[[said for *_, said in told]])
    assert value("own_reliance", items, seen, "teacher") == value("others_reliance", items, seen, "student") == 0.5
    assert value("own_reliance", items, seen, "student") == value("others_reliance", items, seen, "teacher") == 0.25
    assert value("own_mistakes_followed", items, seen, "teacher") == 1
    assert value("others_mistakes_followed", items, seen, "teacher") == 0
    items[5]["prompt"] = items[4]["prompt"]
    assert np.isnan(value("own_mistakes_followed", items, seen, "teacher"))


# --- observables and discrepancy -------------------------------------------------------------------------------------


def test_steps_are_read_like_words() -> None:
    items = [{"choices": ["a", "a b", "a b c"]}, {"choices": ["d"]}]
    found = observe("step_probabilities", items, padded([[-1.0, -1.5, -1.4], [-0.5]]))
    expected = [math.exp(-1), math.exp(-0.5), 1.0, math.exp(-0.5)]
    assert found.values[np.isfinite(found.values)] == pytest.approx(expected)
    assert np.isnan(found.values[1, 1:]).all()
    assert not found.distribution
    assert likelihood_per_byte(items[0], [(-1.0, False), (-1.5, False), (-2.5, False)]) == {
        "likelihood_per_byte": pytest.approx(math.exp(-0.5))
    }


def test_strings_keep_their_probability() -> None:
    items = [{"choices": ["a", "b"]}, {"choices": ["a", "b", "ab"]}]
    found = observe("string_probabilities", items, np.log(padded([[0.1, 0.2], [0.6, 0.5, 0.4]])))
    assert found.values[0] == pytest.approx([0.1, 0.2, 0.0, 0.7])
    assert found.values[1] == pytest.approx([0.4, 1 / 3, 4 / 15, 0.0])
    assert mass_on_options(items[0], [(math.log(0.1), False), (math.log(0.2), False)]) == {
        "mass_on_options": pytest.approx(0.3)
    }


def test_chance_of_a_verdict_is_the_best_constant() -> None:
    utility = get_utility("probability_of_verdict")
    items = [{"gold": g, "choices": ["right", "wrong"]} for g in (1, 1, 0, 1)]
    assert utility.chance(items).tolist() == [1, 1, 0, 1]
    always = beliefs([[0.0, 1.0]] * 4)
    assert utility.of(items, always).mean() == utility.chance(items).mean() == 0.75


def test_squared_difference_by_hand_and_its_variation_by_search() -> None:
    rng = np.random.default_rng(0)
    p = np.where(np.arange(5) < rng.integers(1, 6, 30)[:, None], rng.random((30, 5)), np.nan)
    q = np.where(np.isnan(p), np.nan, rng.random((30, 5)))
    d = mean_squared_difference.between(p, q)
    by_hand = [np.mean([(a - b) ** 2 for a, b in zip(x, y, strict=True) if a == a]) for x, y in zip(p, q, strict=True)]
    assert d == pytest.approx(by_hand)
    assert mean_squared_difference.between(p, p).tolist() == [0.0] * 30
    selves, profiles = mean_squared_difference.spread(p)
    between = 0.5 * (selves[0] + selves[1]) - profiles[0] @ profiles[1]
    pairs = [(a - b) ** 2 for a in p[0][np.isfinite(p[0])] for b in p[1][np.isfinite(p[1])]]
    assert between == pytest.approx(np.mean(pairs))
    scheme = resampling([str(k) for k in range(30)], "digest", 2)
    found = variation(selves, profiles, scheme, sampled=False).point
    constants = [mean_squared_difference.between(p, p * 0 + c).mean() for c in np.linspace(0, 1, 2001)]
    assert found == pytest.approx(min(constants), abs=1e-6)


# --- real items ------------------------------------------------------------------------------------------------------


def made_up(name: str, seed: int, skill: float) -> TaskLog:
    items, answer = tuple(make_items(name)), noisy(seed, skill)
    rows = [[float(v) for v in answer(task(name), item)] for item in items]
    return TaskLog(task(name), SETTINGS, items, tuple(map(document_hash, items)), log_likelihoods=padded(rows))


@pytest.mark.parametrize("control", ["constant", "uniform", "shuffled"])
@pytest.mark.parametrize("name", SECOND)
def test_controls_lose_everything_and_the_teacher_nothing(name: str, control: str) -> None:
    log = made_up(name, 1, 0.85)
    loss = measure_task(log, CONTROLS[control](log), 100).score.loss
    same = measure_task(log, log, 100).score
    assert loss is not None
    assert same.loss is not None
    assert loss.value >= 0.9
    assert (same.loss.value, same.loss.high) == (0, 0)


@pytest.mark.parametrize("name", SECOND)
def test_all_statistics_exist_and_a_pair_of_twins_has_none(name: str) -> None:
    ours, theirs = made_up(name, 1, 0.9), made_up(name, 2, 0.5)
    names = set(task(name).measure.statistics)
    found = {s.name: s for s in measure_task(ours, theirs, 50).score.statistics}
    assert names - {"exposure_accumulation"} <= set(found) <= names
    assert not {s.title for s in found.values()} & {"", None}
    twins = {s.name: s.value.value for s in measure_task(ours, ours, 50).score.statistics}
    paired = [s for s in names if get(s).paired and s != "exposure_accumulation"]
    assert [twins[s] for s in paired] == [0.0] * len(paired)
    assert "exposure_accumulation" not in twins


@pytest.mark.parametrize(
    "name", [s for n in SECOND for s in task(n).measure.statistics if s != "exposure_accumulation"]
)
def test_order_of_items_changes_nothing_and_weights_repeat(name: str) -> None:
    holder = next(n for n in SECOND if name in task(n).measure.statistics)
    logs_of = [made_up(holder, seed, skill) for seed, skill in ((1, 0.9), (2, 0.6))]
    items = list(logs_of[0].items)
    seen = [observe(task(holder).measure.observable, items, np.asarray(log.log_likelihoods)) for log in logs_of]
    seen = seen if get(name).paired else seen[:1]
    side = ["student"] if get(name).sided else []
    times = np.random.default_rng(3).integers(0, 3, len(items) + 1)
    times = times[np.unique([i["cluster_id"] for i in items], return_inverse=True)[1]]
    found = value(name, items, *seen, *side, weights=times)
    order = np.random.default_rng(4).permutation(len(items))
    moved = [taken(x, order) for x in seen]
    assert value(name, [items[k] for k in order], *moved, *side, weights=times[order]) == pytest.approx(found)
    copies = [(k, j) for k, t in enumerate(times) for j in range(t)]
    rows = np.array([k for k, _ in copies])
    repeated = [items[k] | {"cluster_id": f"{items[k]['cluster_id']}/{j}"} for k, j in copies]
    assert value(name, repeated, *(taken(x, rows) for x in seen), *side) == pytest.approx(found)


def taken(seen: Observation, rows: Any) -> Observation:
    features = None if seen.features is None else seen.features[rows]
    return Observation(seen.values[rows], seen.categories, seen.invalid[rows], seen.distribution, features)
