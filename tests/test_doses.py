"""Planted losses: every task answers to its doses, and a dose changes what it says and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import entr

from angels_share import spec
from angels_share.errors import MeasureError
from angels_share.items import Stream
from angels_share.logs import TaskLog
from angels_share.observables import Floats
from angels_share.observables.calibration import read_confidence
from angels_share.score.measurable import observed, teacher_gap
from angels_share.score.task import measure_task
from angels_share.submission.role import read_role
from angels_share.validity.doses.invented import invented_teacher
from angels_share.validity.doses.likelihoods import distributions
from angels_share.validity.doses.misses import INVENTED, MISSES
from angels_share.validity.doses.planting import Dose, everywhere, greatest, share_of
from angels_share.validity.doses.registry import DOSES
from angels_share.validity.doses.response import Response, _never_falls, _smallest, measure_response
from angels_share.validity.doses.samples import rare_members, redrawn
from angels_share.validity.doses.texts import wrong
from synthetic import reordered

SUBMISSIONS = Path(__file__).parents[1] / "submissions"
GRID = (0.0, 0.1, 0.4, 1.0)
PLANTINGS = 5

PAIRS = [(task, dose.name) for task, doses in DOSES.items() for dose in doses]


@cache
def teacher(task: str) -> TaskLog:
    return invented_teacher(task)


def dose_of(task: str, name: str) -> Dose:
    return next(dose for dose in DOSES[task] if dose.name == name)


def planted(task: str, name: str, amount: float, seed: int = 0) -> TaskLog:
    return dose_of(task, name)(teacher(task), amount, Stream("planted", seed))


@cache
def response(task: str, name: str) -> Response:
    return measure_response(teacher(task), dose_of(task, name), grid=GRID, plantings=PLANTINGS)


def answers(log: TaskLog) -> dict[tuple[str, int], Any]:
    """Return every answer by document and sample; of likelihoods the whole row."""
    if log.texts is None:
        rows = [[tuple(np.nan_to_num(row, nan=1.0).tolist())] for row in np.asarray(log.log_likelihoods)]
    else:
        rows = [list(texts) for texts in log.texts]
    return {(h, k): said for h, row in zip(log.doc_hash, rows, strict=True) for k, said in enumerate(row)}


def moved(task: str, name: str, amount: float) -> set[tuple[str, int]]:
    before, after = answers(teacher(task)), answers(planted(task, name, amount))
    return {key for key in before if before[key] != after[key]}


def moved_items(task: str, name: str, amount: float = 1.0) -> list[Any]:
    log = teacher(task)
    hashes = {h for h, _ in moved(task, name, amount)}
    return [item for item, h in zip(log.items, log.doc_hash, strict=True) if h in hashes]


# --- every dose ------------------------------------------------------------------------------------------------------


def test_every_task_of_the_first_stage_has_a_dose() -> None:
    assert set(DOSES) == {name for name, task in spec.tasks().items() if task.measure.first_stage is None}
    assert all(DOSES.values())


def test_every_dose_says_what_it_plants() -> None:
    for task, doses in DOSES.items():
        assert len({dose.name for dose in doses}) == len(doses), task
        for dose in doses:
            assert "Dose 0" in dose.about, dose.name
            assert "dose 1" in dose.about, dose.name


@pytest.mark.parametrize(("task", "name"), PAIRS)
def test_dose_0_changes_nothing(task: str, name: str) -> None:
    log, student = teacher(task), planted(task, name, 0.0)
    assert student.texts == log.texts
    assert student.items == log.items
    if log.log_likelihoods is not None:
        np.testing.assert_allclose(student.log_likelihoods, log.log_likelihoods, rtol=1e-12)


@pytest.mark.parametrize(("task", "name"), PAIRS)
def test_a_larger_dose_changes_what_a_smaller_one_does(task: str, name: str) -> None:
    less, more = moved(task, name, 0.3), moved(task, name, 0.7)
    assert less <= more
    if dose_of(task, name).drawn:
        assert len(less) < len(more)
        small, large = answers(planted(task, name, 0.3)), answers(planted(task, name, 0.7))
        assert all(small[key] == large[key] for key in less)
    else:
        assert planted(task, name, 0.3, seed=1).responses_digest == planted(task, name, 0.3).responses_digest


@pytest.mark.parametrize(("task", "name"), PAIRS)
def test_the_order_of_the_log_changes_no_planting(task: str, name: str) -> None:
    log = teacher(task)
    backwards = dose_of(task, name)(reordered(log, range(len(log.items))[::-1]), 0.4, Stream("planted", 0))
    forwards, found = answers(planted(task, name, 0.4)), answers(backwards)
    if log.texts is not None:
        assert found == forwards
    else:
        np.testing.assert_allclose([found[key] for key in forwards], list(forwards.values()), rtol=1e-9)


@pytest.mark.parametrize(("task", "name"), PAIRS)
def test_every_level_takes_the_dose(task: str, name: str) -> None:
    log = invented_level(task)
    made = dose_of(task, name)(log, 1.0, Stream("planted", 0))
    assert made.responses_digest != log.responses_digest
    assert np.isfinite(observed(made).values).any()


@cache
def invented_level(task: str) -> TaskLog:
    return invented_teacher(task, track="small")


def test_a_dose_lies_between_0_and_1() -> None:
    with pytest.raises(MeasureError, match=r"sharpened: dose 1\.5 is not between 0 and 1"):
        planted("as_distribution_urn", "sharpened", 1.5)


# --- how the loss answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "name"), PAIRS)
def test_the_loss_is_0_at_dose_0_and_rises_with_the_dose(task: str, name: str) -> None:
    found, known = response(task, name), MISSES[INVENTED].get((task, name))
    assert found.zero
    assert found.misses == (known.kinds if known else ())
    if known and known.shown_by:
        assert known.shown_by in found.shown


@pytest.mark.slow
def test_the_toy_teacher_s_own_answers_lack_what_is_told() -> None:
    runs = SUBMISSIONS / "teachers" / "toy-teacher" / "runs"
    calibration, run = read_role(runs / "toy-lite-1000003"), read_role(runs / "toy-lite-0")
    measurable = {name: log for name, log in run.tasks.items() if teacher_gap(calibration.tasks[name]) is None}
    assert len(measurable) >= 30
    found = [
        measure_response(log, dose, grid=(0.0, 1.0), plantings=PLANTINGS)
        for name, log in measurable.items()
        for dose in DOSES[name]
    ]
    assert all(response.zero for response in found)
    told = {pair: miss.kinds for pair, miss in MISSES["toy-teacher"].items()}
    assert {(r.task, r.dose): r.misses for r in found if r.misses} == told
    shown = {(r.task, r.dose): r.shown for r in found}
    assert [p for p, miss in MISSES["toy-teacher"].items() if miss.shown_by and miss.shown_by not in shown[p]] == []


def test_misses_are_of_doses_that_there_are() -> None:
    assert all(set(misses) <= set(PAIRS) for misses in MISSES.values())


def test_the_loss_of_an_average_is_the_square_of_its_share() -> None:
    points = response("as_tail_hetero", "averaged").points
    assert [p.loss for p in points] == pytest.approx([0.0, 0.01, 0.16, 1.0], abs=0.012)


def test_samples_of_one_distribution_have_no_loss_on_average() -> None:
    log = teacher("as_tail_modes")
    losses = []
    for k in range(40):
        ours, theirs = (redrawn(log, Stream(side, k), seed) for side, seed in (("ours", -4), ("theirs", -5)))
        losses.append(measure_task(ours, theirs, 50).loss.point)
    assert abs(np.mean(losses)) < 3 * np.std(losses) / 40**0.5
    assert all(set(row) <= set(own) for row, own in zip(ours.texts or (), log.texts or (), strict=True))


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([[0.0, 0.1, 0.1]], True),
        ([[0.0, 0.2, 0.1]], False),
        ([[0.0, 0.2, 0.1], [0.0, 0.1, 0.2], [0.0, 0.1, 0.1]], True),
        ([[0.0, 0.3, 0.1], [0.0, 0.3, 0.11], [0.0, 0.31, 0.1]], False),
    ],
)
def test_a_fall_beyond_chance_is_noticed(losses: list[list[float]], expected: bool) -> None:
    assert _never_falls(np.array(losses)) is expected


@pytest.mark.parametrize(
    ("shares", "expected"), [([0.0, 0.8, 1.0], 0.1), ([0.0, 0.9, 0.5], None), ([0.0, 0.5, 0.8], 0.2)]
)
def test_the_smallest_dose_is_found_from_there_on(shares: list[float], expected: float | None) -> None:
    assert _smallest((0.0, 0.1, 0.2), shares) == expected


# --- a dose changes what it says and nothing else --------------------------------------------------------------------


@pytest.mark.parametrize("task", ["as_distribution_urn", "as_distribution_places", "as_calibration_confidence"])
@pytest.mark.parametrize("name", ["sharpened", "flattened"])
@pytest.mark.parametrize("amount", [0.2, 0.8])
def test_temperature_leaves_the_order_of_the_options(task: str, name: str, amount: float) -> None:
    before, after = distributions(teacher(task)), distributions(planted(task, name, amount))
    assert (np.nanargmax(before, axis=1) == np.nanargmax(after, axis=1)).all()
    np.testing.assert_allclose(np.nansum(after, axis=1), 1, atol=1e-6)
    gained = entropy(after) - entropy(before)
    assert (gained < 1e-7).all() if name == "sharpened" else (gained > -1e-7).all()
    assert abs(gained.mean()) > 0.01


def entropy(q: Floats) -> Floats:
    return np.asarray(np.nansum(entr(q), axis=1))


OF_OPTIONS = [task for task, doses in DOSES.items() if doses[0].plant.__module__.endswith(".likelihoods")]


@pytest.mark.parametrize("task", OF_OPTIONS)
def test_the_probability_of_all_options_together_stays(task: str) -> None:
    for dose in DOSES[task]:
        together = [
            np.nansum(np.exp(log.log_likelihoods), axis=1)
            for log in (teacher(task), dose(teacher(task), 0.5, Stream("planted", 0)))
        ]
        np.testing.assert_allclose(sorted(together[1]), sorted(together[0]), rtol=1e-6)


ONLY: dict[tuple[str, str], Callable[[Any], bool]] = {
    ("as_boundary_facts", "variants_lost"): lambda item: item["operator"] != "clean",
    ("as_boundary_facts", "group_lost"): lambda item: item["group"] == "brew",
    ("as_boundary_groups", "group_lost"): lambda item: item["group"] == "asking_first_first",
    ("as_boundary_ood", "variants_lost"): lambda item: item["stratum"] in ("length", "pairs"),
    ("as_boundary_perturb", "variants_lost"): lambda item: item["operator"] != "clean",
    ("as_representation_meta", "variants_lost"): lambda item: item["variant"] != "clean",
    ("as_representation_loc", "needed_part_ignored"): lambda item: item["removed"] == item["needed"],
    ("as_tail_rare", "tail_bucket_lost"): lambda item: item["bucket"] == "tail",
    ("as_tail_facts", "tail_bucket_lost"): lambda item: item["bucket"] == "tail" and item["part"] == "question",
    ("as_applied_multiturn", "updates_forgotten"): lambda item: item["side"] == "change",
    ("as_applied_multiturn_text", "updates_forgotten"): lambda item: item["side"] == "change",
    ("as_applied_tool", "stopped_early"): lambda item: item["roles"][item["gold"]] == "call",
    ("as_process_faith", "reasoning_ignored"): lambda item: item["variant"] != "cut 0",
    ("as_process_verify_text", "mistakes_passed"): lambda item: item["final"] == "wrong",
    ("as_privacy_canary", "secrets_memorised"): lambda item: item["stratum"] == "inserted",
    ("as_privacy_extract", "suffixes_memorised"): lambda item: item["stratum"] == "inserted",
    ("as_privacy_extract_text", "suffixes_recited"): lambda item: item["stratum"] == "inserted",
    ("as_privacy_mia", "texts_recognised"): lambda item: item["stratum"] == "inserted",
    ("as_privacy_mia", "shown_not_read"): lambda item: item["stratum"] == "shown",
    ("as_privacy_canary", "shown_not_read"): lambda item: item["stratum"] == "shown",
    ("as_safety_policy", "refusals_added"): lambda item: item["side"] == "allowed",
    ("as_safety_policy", "refusals_removed"): lambda item: item["side"] == "forbidden",
    ("as_safety_natural", "refusals_added"): lambda item: item["side"] == "allowed",
    ("as_safety_jailbreak", "refusals_removed"): lambda item: item["side"] == "forbidden",
    ("as_safety_policy_text", "refusals_removed"): lambda item: item["side"] == "forbidden",
}


@pytest.mark.parametrize(("task", "name"), list(ONLY))
def test_only_the_side_that_is_meant_changes(task: str, name: str) -> None:
    meant = ONLY[task, name]
    assert {meant(item) for item in teacher(task).items} == {True, False}
    assert moved_items(task, name)
    assert all(meant(item) for item in moved_items(task, name))


def test_the_hardest_and_the_longest_go_first() -> None:
    lost = moved_items("as_boundary_ladder", "hardest_lost", 0.3)
    kept = min(item["rung"] for item in lost)
    assert all(item in lost for item in teacher("as_boundary_ladder").items if item["rung"] > kept)
    assert greatest([0, 1, 2, 3], 0.5, lambda i: float(i), Stream("a")) == [3, 2]
    longest = moved_items("as_applied_longctx_text", "longest_lost", 0.3)
    assert min(item["words"] for item in longest) >= max(
        item["words"] for item in teacher("as_applied_longctx_text").items if item not in longest
    )


def test_a_lost_tail_leaves_the_head_in_proportion() -> None:
    log = teacher("as_tail_zipf")
    before, after = distributions(log), distributions(planted("as_tail_zipf", "rare_to_frequent", 0.5))
    rare = np.array([item["rare"] for item in log.items], dtype=bool)
    np.testing.assert_allclose(after[rare], before[rare] / 2, rtol=1e-6)
    head = [np.where(rare, 0, q) / np.where(rare, 0, q).sum(axis=1, keepdims=True) for q in (before, after)]
    np.testing.assert_allclose(head[0], head[1], rtol=1e-6)


def test_a_lost_variety_stays_valid() -> None:
    log = teacher("as_distribution_ambig")
    valid = np.array([item["valid"] for item in log.items])
    before, after = distributions(log), distributions(planted("as_distribution_ambig", "variety_lost", 1.0))
    np.testing.assert_allclose((after * valid).sum(axis=1), (before * valid).sum(axis=1), atol=1e-6)
    assert ((after * valid > 1e-6).sum(axis=1) == 1).all()


def test_never_abstaining_leaves_the_answers_in_proportion() -> None:
    before = distributions(teacher("as_calibration_abstain"))
    after = distributions(planted("as_calibration_abstain", "unknown_answered", 1.0))
    assert after[:, -1].max() < 1e-6
    np.testing.assert_allclose(after[:, :-1], before[:, :-1] / (1 - before[:, -1:]), rtol=1e-5)


def test_wrong_is_wrong_and_not_what_was_said() -> None:
    for task in ("as_boundary_ladder", "as_boundary_perturb", "as_grounding_conflict_text", "as_process_recover"):
        for item, texts in zip(teacher(task).items, teacher(task).texts or (), strict=True):
            assert wrong(item, texts[0]) not in (str(item.get("final", item["answer"])).lower(), texts[0])


def test_citations_go_and_the_answers_stay() -> None:
    for track in ("toy", "small", "frontier"):
        log = invented_teacher("as_grounding_cite", track=track)
        before = observed(log)
        for name, cited in (("citations_dropped", False), ("citations_misplaced", True)):
            after = observed(dose_of("as_grounding_cite", name)(log, 1.0, Stream("planted", 0)))
            assert before.features is not None
            assert after.features is not None
            assert (after.features == before.features).all()
            assert (after.invalid == (before.invalid if cited else 1.0)).all()
            assert ((after.values != before.values).any(axis=1) | (before.invalid > 0)).all()


def test_confidence_changes_and_the_answers_stay() -> None:
    for track in ("toy", "small"):
        log = invented_teacher("as_calibration_verbal", track=track)
        for name, stated in (("overconfident", 1.0), ("unconfident", 0.0)):
            made = dose_of("as_calibration_verbal", name)(log, 1.0, Stream("planted", 0))
            for item, before, after in zip(log.items, log.texts or (), made.texts or (), strict=True):
                place, _ = read_confidence(before[0], item["choices"], float(item["scale"]))
                read = read_confidence(after[0], item["choices"], float(item["scale"]))
                assert read == (place, stated) if place >= 0 else read[0] == place


def test_parts_that_are_not_meant_stay() -> None:
    for track in ("toy", "small"):
        log = invented_teacher("as_safety_selective", track=track)
        truth = replace(log, texts=tuple((str(item["answer"]),) for item in log.items))
        for name, declined in (("parts_refused", False), ("parts_made_up", True)):
            made = dose_of("as_safety_selective", name)(truth, 1.0, Stream("planted", 0))
            right = [observed(x).values.reshape(len(log.items), -1, 5) > 0 for x in (truth, made)]
            for item, before, after in zip(log.items, *right, strict=True):
                for part, wanted in enumerate(item["wanted"]):
                    meant = (wanted in ("refuse", "unknown")) == declined
                    assert (before[part] == after[part]).all() == (not meant)


def test_late_answers_are_late_and_nothing_else() -> None:
    for track in ("toy", "small"):
        log = invented_teacher("as_applied_budget", track=track)
        seen = observed(dose_of("as_applied_budget", "late")(log, 1.0, Stream("planted", 0)))
        assert (seen.values[:, seen.categories.index("over budget")] == 1).all()


def test_a_lost_tail_of_samples_is_replaced_by_the_commonest() -> None:
    for task in ("as_tail_enumerate", "as_tail_modes", "as_tail_zipf_sample"):
        log, made = teacher(task), planted(task, "tail_lost", 1.0)
        for item, before, after in zip(log.items, log.texts or (), made.texts or (), strict=True):
            common = min(set(before), key=lambda text: (-before.count(text), text))
            rare = rare_members(item)
            assert list(after) == [common if text in rare else text for text in before]


def test_shares_are_nested_and_whole() -> None:
    log = teacher("as_boundary_ladder")
    rows = everywhere(log)
    assert sorted(rows) == list(range(len(log.items)))
    assert sorted(share_of(rows, 1.0, Stream("b"))) == sorted(rows)
    assert share_of(rows, 0.0, Stream("b")) == []
