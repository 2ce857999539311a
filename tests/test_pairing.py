"""Aligning two runs: rows in any order, and every reason for refusing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angels_share import spec
from angels_share.errors import PairingError
from angels_share.logs import Run, TaskLog, read_run
from angels_share.pairing import SHARED_SETTINGS, CoupledError, pair
from synthetic import noisy, reordered, write_run

LADDER, CONFIDENCE, SAMPLE = "as_boundary_ladder", "as_calibration_confidence", "as_distribution_sample"
TASKS = (LADDER, CONFIDENCE, SAMPLE)

each_task = pytest.mark.parametrize("name", TASKS)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("teacher"), TASKS, noisy(1), sampling_seed=1))


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("student"), TASKS, noisy(2, 0.6), sampling_seed=2))


def with_settings(log: TaskLog, **changed: Any) -> TaskLog:
    return replace(log, settings=replace(log.settings, **changed))


def rows(log: TaskLog) -> dict[str, Any]:
    """Return the responses of a log by document."""
    responses = log.texts if log.texts is not None else [tuple(r) for r in np.asarray(log.log_likelihoods).tolist()]
    return dict(zip(log.doc_hash, responses, strict=True))


# --- what is aligned -------------------------------------------------------------------------------------------------


@each_task
def test_rows_are_the_same_documents_with_their_own_responses(teacher: Run, student: Run, name: str) -> None:
    ours, theirs = teacher.tasks[name], student.tasks[name]
    aligned = pair(ours, theirs)
    assert aligned.teacher.doc_hash == aligned.student.doc_hash == tuple(sorted(ours.doc_hash))
    assert aligned.teacher.items == aligned.student.items
    assert rows(aligned.teacher) == rows(ours)
    assert rows(aligned.student) == rows(theirs)
    assert rows(ours) != rows(theirs)


@settings(deadline=None)
@given(data=st.data())
def test_order_of_rows_does_not_matter(teacher: Run, student: Run, data: st.DataObject) -> None:
    for name in TASKS:
        ours, theirs = teacher.tasks[name], student.tasks[name]
        expected = pair(ours, theirs)
        places = range(len(ours.items))
        first, second = (data.draw(st.permutations(places)) for _ in range(2))
        found = pair(reordered(ours, first), reordered(theirs, second))
        for side in ("teacher", "student"):
            was, now = getattr(expected, side), getattr(found, side)
            assert (now.items, now.doc_hash, now.texts) == (was.items, was.doc_hash, was.texts)
            np.testing.assert_array_equal(now.log_likelihoods, was.log_likelihoods)


def test_a_deterministic_task_pairs_with_itself(teacher: Run) -> None:
    for name in (LADDER, CONFIDENCE):
        aligned = pair(teacher.tasks[name], teacher.tasks[name])
        assert rows(aligned.teacher) == rows(aligned.student)


@pytest.mark.parametrize(
    "changed",
    [
        {"batch_size": "1"},
        {"dtype": "torch.float16"},
        {"backend": "vllm"},
        {"lm_eval_version": "0.4.14"},
        {"chat_template_sha": "c0ffee"},
        {"system_instruction_sha": "c0ffee"},
    ],
)
@each_task
def test_conditions_that_may_differ(teacher: Run, student: Run, name: str, changed: dict[str, str]) -> None:
    assert pair(teacher.tasks[name], with_settings(student.tasks[name], **changed)).student.settings != (
        teacher.tasks[name].settings
    )


# --- what is refused -------------------------------------------------------------------------------------------------


def test_different_tasks(teacher: Run, student: Run) -> None:
    with pytest.raises(PairingError, match=f"teacher's task is {LADDER}, student's is {CONFIDENCE}; pair one task"):
        pair(teacher.tasks[LADDER], student.tasks[CONFIDENCE])


def test_different_versions(teacher: Run, student: Run) -> None:
    theirs = student.tasks[LADDER]
    newer = replace(theirs, spec=theirs.spec.model_copy(update={"version": 0.2}))
    with pytest.raises(PairingError, match=f"{LADDER}: teacher ran version 0.1, student version 0.2; run both with"):
        pair(teacher.tasks[LADDER], newer)


def test_different_measure_blocks(teacher: Run, student: Run) -> None:
    theirs = student.tasks[LADDER]
    measure = theirs.spec.measure.model_copy(update={"discrepancy": "kinder"})
    other = replace(theirs, spec=theirs.spec.model_copy(update={"measure": measure}))
    with pytest.raises(PairingError, match=r"different measure blocks; was metadata\.angels_share replaced\?"):
        pair(teacher.tasks[LADDER], other)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("track", "small", "teacher has track toy, student small; run both with the same --metadata as_track"),
        ("profile", "lite", "teacher has profile pilot, student lite; run both with the same --metadata as_profile"),
        ("item_seed", 4, "teacher has item_seed 0, student 4; run both with the same --metadata as_seed"),
        ("canaries", "k", "teacher has canaries None, student k; run both with the same --metadata as_canaries"),
        ("num_fewshot", 3, "teacher has num_fewshot 0, student 3; run both with the same --num_fewshot"),
    ],
)
@each_task
def test_different_settings(teacher: Run, student: Run, name: str, field: str, value: Any, message: str) -> None:
    with pytest.raises(PairingError, match=f"{name}: {message}"):
        pair(teacher.tasks[name], with_settings(student.tasks[name], **{field: value}))


def test_every_shared_setting_is_tested() -> None:
    assert set(SHARED_SETTINGS) == {"track", "profile", "item_seed", "canaries", "num_fewshot"}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"temperature": 0.7}, "temperature"),
        ({"do_sample": False}, "do_sample"),
        ({"top_p": 0.9}, "top_p"),
        ({"max_gen_toks": 9}, "max_gen_toks"),
        ({"min_p": 0.1}, "min_p"),
        ({"temperature": 0.7, "top_p": 0.9}, "temperature, top_p"),
    ],
)
def test_different_samplers(teacher: Run, student: Run, changed: dict[str, Any], named: str) -> None:
    theirs = student.tasks[SAMPLE]
    other = with_settings(theirs, generation_kwargs={**theirs.settings.generation_kwargs, **changed})
    message = f"{SAMPLE}: the samplers differ in {named}; run both with the same --gen_kwargs"
    with pytest.raises(PairingError, match=message):
        pair(teacher.tasks[SAMPLE], other)
    with pytest.raises(PairingError, match=message):
        pair(other, teacher.tasks[SAMPLE])


def test_how_a_backend_says_untruncated_and_where_it_stops_may_differ(teacher: Run, student: Run) -> None:
    theirs = student.tasks[SAMPLE]
    kwargs = {**theirs.settings.generation_kwargs, "top_k": -1, "until": ["\n"]}
    pair(teacher.tasks[SAMPLE], with_settings(theirs, generation_kwargs=kwargs))


def test_items_of_one_side_only(teacher: Run, student: Run) -> None:
    ours, theirs = teacher.tasks[LADDER], student.tasks[LADDER]
    with pytest.raises(PairingError, match=r"item sets differ \(2 only in the teacher's log, 0 only in the student's"):
        pair(ours, reordered(theirs, range(2, 60)))
    with pytest.raises(PairingError, match=r"item sets differ \(3 only in the teacher's log, 1 only in the student's"):
        pair(reordered(ours, range(1, 60)), reordered(theirs, [0, *range(4, 60)]))


@pytest.mark.parametrize("side", ["teacher", "student"])
def test_item_twice(teacher: Run, student: Run, side: str) -> None:
    logs = {"teacher": teacher.tasks[LADDER], "student": student.tasks[LADDER]}
    repeated = logs[side].doc_hash[0][:12]
    logs[side] = reordered(logs[side], [0, *range(59)])
    with pytest.raises(PairingError, match=f"the {side}'s log holds document {repeated} twice; run the task again"):
        pair(logs["teacher"], logs["student"])


@pytest.mark.parametrize(
    ("switch", "message"),
    [
        ({"item_seed": 3}, "item_seed 0, student 3"),
        ({"profile": "lite"}, "profile pilot, student lite"),
        ({"track": "small"}, "track toy, student small"),
    ],
)
def test_runs_of_other_items(tmp_path: Path, teacher: Run, switch: dict[str, Any], message: str) -> None:
    other = read_run(write_run(tmp_path, [LADDER], noisy(2), **switch))
    with pytest.raises(PairingError, match=message):
        pair(teacher.tasks[LADDER], other.tasks[LADDER])


def test_items_of_another_release_under_the_same_switch(tmp_path: Path, teacher: Run, student: Run) -> None:
    other = read_run(write_run(tmp_path, [LADDER], noisy(2), item_seed=3)).tasks[LADDER]
    with pytest.raises(PairingError, match=r"\(60 only in the teacher's log, 60 only in the student's\)"):
        pair(teacher.tasks[LADDER], with_settings(other, item_seed=0))


# --- coupled samples -------------------------------------------------------------------------------------------------


def test_samples_of_one_seed_are_coupled(teacher: Run, student: Run) -> None:
    same = with_settings(student.tasks[SAMPLE], sampling_seed=1)
    with pytest.raises(CoupledError, match=r"COUPLED: teacher and student were sampled with one seed \(1\); .* --seed"):
        pair(teacher.tasks[SAMPLE], same)


def test_identical_samples_are_coupled_whatever_the_seeds_say(teacher: Run) -> None:
    ours = teacher.tasks[SAMPLE]
    copied = reordered(with_settings(ours, sampling_seed=99), range(len(ours.items) - 1, -1, -1))
    with pytest.raises(CoupledError, match="COUPLED: every sampled answer of the two logs is the same; they are one"):
        pair(ours, copied)


def test_shuffled_samples_are_the_same_samples(teacher: Run) -> None:
    """Without order a copy would look better than the teacher's own repeat."""
    ours = teacher.tasks[SAMPLE]
    assert ours.texts is not None
    copied = replace(with_settings(ours, sampling_seed=99), texts=tuple(texts[::-1] for texts in ours.texts))
    assert copied.texts != ours.texts
    with pytest.raises(CoupledError, match="they are one run"):
        pair(ours, copied)


def test_one_different_sample_is_enough(teacher: Run) -> None:
    ours = teacher.tasks[SAMPLE]
    assert ours.texts is not None
    texts = (("another", *ours.texts[0][1:]), *ours.texts[1:])
    pair(ours, replace(with_settings(ours, sampling_seed=99), texts=texts))


def test_unknown_seeds_are_not_taken_for_equal(teacher: Run, student: Run) -> None:
    ours, theirs = (with_settings(run.tasks[SAMPLE], sampling_seed=None) for run in (teacher, student))
    pair(ours, theirs)


@pytest.mark.parametrize("name", [LADDER, CONFIDENCE])
def test_seeds_do_not_matter_where_nothing_is_sampled(teacher: Run, student: Run, name: str) -> None:
    assert spec.task(name).measure.readout != "sampled"
    pair(teacher.tasks[name], with_settings(student.tasks[name], sampling_seed=1))


def test_a_coupled_pair_is_a_refused_pair() -> None:
    assert issubclass(CoupledError, PairingError)
