"""Forensic signals: what they flag, what they leave alone, and that pairs that are flagged have no rank."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fixture_entries as fixture
from angels_share import index
from angels_share.items import Item
from angels_share.logs import Run, TaskLog
from angels_share.spec import TaskSpec
from angels_share.submission import files
from angels_share.submission.forensics import _exclusive, answers_of, repeated, signals
from angels_share.submission.model import Files, Report
from angels_share.submission.role import sample_path
from synthetic import Answer, log_of, noisy

URN, CONFIDENCE, LADDER, SAMPLE = (
    "as_distribution_urn",
    "as_calibration_confidence",
    "as_boundary_ladder",
    "as_distribution_sample",
)
TASKS = (URN, CONFIDENCE, LADDER, SAMPLE)
Change = Callable[[TaskLog], TaskLog]


def run_of(answer: Answer, change: Change = lambda log: log) -> Run:
    return Run(place="run", model="model", tasks={name: change(log_of(name, answer)) for name in TASKS})


TEACHER = run_of(noisy(1, 0.9))
STUDENT = run_of(noisy(2, 0.5))


def report_of(student: Run, name: str = "fixture-student", teacher: Run = TEACHER, **facts: Any) -> Report:
    """Return a report as validation gives it; nothing but the runs is looked at."""
    manifest = fixture.entry(name, "logit-kd", [], ()).manifest.model_copy(update=facts)
    return Report(Path(), (), manifest, runs={"teacher": teacher, "student": student})


def found(report: Report) -> list[str]:
    return [one.rule for one in signals(report)]


def off(by: float, *, texts: int = 0) -> Change:
    """Return a change of log-likelihoods by a little, and of the first texts."""

    def change(log: TaskLog) -> TaskLog:
        if log.log_likelihoods is not None:
            return replace(log, log_likelihoods=log.log_likelihoods - by)
        assert log.texts is not None
        return replace(log, texts=tuple(("other",) if k < texts else said for k, said in enumerate(log.texts)))

    return change


def bumped(share: float, by: float) -> Change:
    """Return a change that makes the right option of a share of the items likelier."""

    def change(log: TaskLog) -> TaskLog:
        if log.spec.name != CONFIDENCE or log.log_likelihoods is None:
            return log
        values = log.log_likelihoods.copy()
        for k in range(int(share * len(values))):
            values[k, log.items[k]["gold"]] = min(values[k, log.items[k]["gold"]] + by, 0.0)
        return replace(log, log_likelihoods=values)

    return change


def constant(spec: TaskSpec, item: Item) -> Any:
    if spec.measure.readout == "likelihood":
        return [math.log(0.9 if k == 0 else 0.01) for k in range(len(item["choices"]))]
    return "oak" if spec.measure.readout == "greedy" else ["oak"] * 8


class TestIdentity:
    def test_an_honest_pair_shows_nothing(self) -> None:
        assert signals(report_of(STUDENT)) == []

    @pytest.mark.parametrize("change", [off(0.0), off(5e-5), off(5e-5, texts=1)])
    def test_the_teacher_under_another_name(self, change: Change) -> None:
        """T8: a copy of the logs, with noise or a few other answers."""
        (one,) = signals(report_of(run_of(noisy(1, 0.9), change)))
        assert (one.rule, one.severity, one.place) == ("AS-801", "warning", "student")
        assert "answers are the teacher's" in one.message

    @pytest.mark.parametrize("change", [off(1e-3), off(0.0, texts=60)])
    def test_a_student_that_is_nearly_its_teacher_is_none(self, change: Change) -> None:
        assert found(report_of(run_of(noisy(1, 0.9), change))) == []

    def test_equal_weights(self) -> None:
        report = report_of(STUDENT)
        assert report.manifest is not None
        facts = report.manifest.teacher.model_copy(update={"weights_sha256": "a" * 64})
        manifest = report.manifest.model_copy(update={"teacher": facts, "student": facts})
        (one,) = signals(replace(report, manifest=manifest))
        assert (one.rule, one.place) == ("AS-801", "submission.json")

    def test_a_control_is_meant_to_be_the_teacher(self) -> None:
        assert found(report_of(TEACHER, method="control")) == []

    def test_a_flagged_pair_has_no_rank(self) -> None:
        honest = fixture.distilled()
        twin = fixture.entry("fixture-twin", "logit-kd", [], honest.score.suites)
        twin = replace(twin, findings=tuple(signals(report_of(run_of(noisy(1, 0.9))))))
        rows = {row["student"]: row for row in index.board_rows([honest, twin])}
        assert rows["fixture-student-700k"]["rank_low"] == 1
        assert (rows["fixture-twin"]["rankable"], rows["fixture-twin"]["rank_low"]) == (False, None)
        assert "answers are the teacher's" in rows["fixture-twin"]["reasons"][-1]


class TestImpossible:
    def test_probabilities_add_up_to_at_most_one(self) -> None:
        """T2: right options made likelier without making the others less likely."""
        (one,) = signals(report_of(run_of(noisy(2, 0.5), bumped(0.03, 3.0))))
        assert (one.rule, one.place) == ("AS-802", f"student/{sample_path(CONFIDENCE)}")
        assert "add up to more than 1.02" in one.message

    def test_options_that_begin_another_may_add_up_to_more(self) -> None:
        assert _exclusive({"choices": ["oak", "ash"]})
        assert not _exclusive({"choices": ["step 1", "elm", "step 1: 2"]})
        assert not _exclusive({"choices": ["oak", "oak"]})
        assert not _exclusive({"choices": ["oak"]})
        assert not _exclusive({})

    @pytest.mark.parametrize(
        ("options", "flagged"),
        [
            ([("-0.1", "True"), ("-3.0", "False")], False),
            ([("-0.9", "False"), ("-1.2", "True")], False),
            ([("-0.9", "False"), ("-1.2", "False")], False),
            ([("-0.5", "False"), ("-3.0", "False")], True),
            ([("-0.5", "False"), ("-1.2", "True")], True),
            ([("-0.9", "True"), ("-1.2", "True")], True),
        ],
    )
    def test_the_greedy_option(self, options: list[tuple[str, str]], flagged: bool, tmp_path: Path) -> None:
        """An option likelier than not is greedy, and only one is; less likely ones of several tokens may be."""
        log = log_of(CONFIDENCE, noisy(2, 0.5))
        rest = [("-9.0", "False")] * (len(log.items[0]["choices"]) - 2)
        row = {"doc_hash": log.doc_hash[0], "doc_id": 0, "resps": [[list(option)] for option in (*options, *rest)]}
        place = f"student/{sample_path(CONFIDENCE)}"
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(files.pack_rows([row]))
        report = report_of(STUDENT, roles={"student": Files(files={place: "0" * 64})})
        assert found(replace(report, folder=tmp_path)) == ["AS-802"] * flagged


class TestConstant:
    def test_one_answer_to_everything(self) -> None:
        (one,) = signals(report_of(run_of(constant)))
        assert (one.rule, one.place) == ("AS-804", "student")
        assert "3 of 3 tasks" in one.message

    def test_a_teacher_that_gives_one_answer_too(self) -> None:
        told = found(report_of(run_of(constant, off(1e-3)), teacher=run_of(constant)))
        assert told == []


class TestRepeated:
    def named(self, name: str, student: Run, **facts: Any) -> Any:
        return answers_of(report_of(student, name, **facts))

    def test_the_same_answers_under_another_name(self) -> None:
        """T23: noise on the log-likelihoods hides nothing."""
        one, twin = self.named("one", STUDENT), self.named("twin", run_of(noisy(2, 0.5), off(0.01)))
        other = self.named("other", run_of(noisy(3, 0.7)))
        flagged = dict(repeated([one, other, twin]))
        assert set(flagged) == {one.pair_id, twin.pair_id}
        assert {finding.rule for finding in flagged.values()} == {"AS-803"}
        assert f"those of twin in pair {twin.pair_id}" in flagged[one.pair_id].message

    def test_controls_other_teachers_and_other_items_are_left_alone(self) -> None:
        one = self.named("one", STUDENT)
        control = self.named("control", STUDENT, method="control")
        facts = fixture.entry("x", "other", [], ()).manifest.teacher.model_copy(update={"name": "another"})
        elsewhere = answers_of(replace_teacher(report_of(STUDENT, "elsewhere"), facts))
        assert elsewhere is not None
        few = Run(place="run", model="model", tasks={})
        assert repeated([one, control, elsewhere, self.named("few", few)]) == []

    def test_sampled_answers_and_single_options_do_not_count(self) -> None:
        one = self.named("one", STUDENT)
        held = {name.partition("/")[0]: len(numbers) for name, numbers in one.tasks.items()}
        assert held[SAMPLE] == 0
        assert held[LADDER] == len(STUDENT.tasks[LADDER].items)

    def test_the_index_flags_both(self) -> None:
        entries = [fixture.distilled(), fixture.pruned()]
        made = [
            replace(
                entry, answers=replace(self.named("one", STUDENT), pair_id=entry.pair_id, student=entry.score.student)
            )
            for entry in entries
        ]
        flagged = index._beside_each_other(made, [])
        assert [[finding.rule for finding in entry.findings] for entry in flagged] == [["AS-803"], ["AS-803"]]
        assert "AS-803" in json.dumps(index.pair_document(flagged[0]))
        assert index.board_rows(flagged)[0]["rank_low"] == 1


def replace_teacher(report: Report, facts: Any) -> Report:
    assert report.manifest is not None
    return replace(report, manifest=report.manifest.model_copy(update={"teacher": facts}))


def test_answers_of_a_bundle_that_was_not_read() -> None:
    assert answers_of(Report(Path(), ())) is None
    assert signals(Report(Path(), ())) == []
