"""Verifying: which documents are asked again, what may differ, and what a check or fresh items say."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import fixture_entries as fixture
from angels_share import harness, logs, statement, submission
from angels_share.errors import RunError
from angels_share.estimate import Draws
from angels_share.items import package_folder
from angels_share.logs import Run, TaskLog
from angels_share.score import score_pair
from angels_share.submission import history, read_role
from angels_share.submission.history import read_history, record
from angels_share.submission.model import Report
from angels_share.verify import Floor, caught, floor_of, settings_of, spot_check
from angels_share.verify import documents as asking
from angels_share.verify.documents import TOLERANCE, compare, draw
from angels_share.verify.fresh import Agreement, agreement, rerun
from synthetic import FIVE_TASKS, SETTINGS, log_of, noisy, write_run

ROOT = Path(__file__).parents[1]
MODELS = package_folder("models")
BUNDLE = ROOT / "submissions" / "toy-student-from-toy-teacher-a1c62309"

URN, LADDER, SAMPLE, CROSS = (
    "as_distribution_urn",
    "as_boundary_ladder",
    "as_distribution_sample",
    "as_distribution_cross",
)
STRICT = Floor(TOLERANCE, 0.0)
HALF = replace(SETTINGS, dtype="torch.bfloat16")
MODEL = harness.ModelChoice.parse("hf:pretrained=somewhere,dtype=float32")


def run_of(seed: int = 1, skill: float = 0.8, **settings: Any) -> Run:
    tasks = {name: log_of(name, noisy(seed, skill)) for name in (URN, LADDER, SAMPLE)}
    tasks = {name: replace(log, settings=replace(log.settings, **settings)) for name, log in tasks.items()}
    return Run(place="student", model="model", tasks=tasks)


RUN = run_of()


def answers_of(run: Run, off: float = 0.0, other_texts: int = 0) -> dict[str, dict[str, Any]]:
    """Return what a model answers that gave a run, with log-likelihoods off by a little and some other texts."""
    return {
        name: dict(zip(log.doc_hash, responses(log, off, other_texts), strict=True)) for name, log in run.tasks.items()
    }


def responses(log: TaskLog, off: float, other_texts: int) -> list[Any]:
    if log.log_likelihoods is not None:
        kept = ([value for value in row if not np.isnan(value)] for row in np.asarray(log.log_likelihoods))
        return [[[[str(value - off), "False"]] for value in row] for row in kept]
    assert log.texts is not None
    return [[["other" if k < other_texts else text for text in said]] for k, said in enumerate(log.texts)]


def report_of(run: Run, teacher: Run = RUN, **runs: Run) -> Report:
    entry = fixture.distilled()
    given: Any = {"teacher": teacher, "student": run, **runs}
    return Report(Path("bundle"), (), entry.manifest, entry.statement, entry.score, runs=given)


@pytest.fixture
def honest(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Sequence[int]]]:
    """Let the model at hand be the one that gave ``RUN``, and return what it is asked."""
    asked: list[Mapping[str, Sequence[int]]] = []

    def answer(pair: harness.PairRun, documents: Mapping[str, Sequence[int]]) -> dict[str, dict[str, Any]]:
        asked.append(documents)
        return answers_of(RUN)

    monkeypatch.setattr(asking, "answer", answer)
    return asked


class TestDrawing:
    def test_follows_from_digest_and_nonce(self) -> None:
        drawn = draw(RUN, "a" * 64, "beacon", 20)
        assert sum(map(len, drawn.values())) == 20
        assert drawn == draw(RUN, "a" * 64, "beacon", 20)
        assert drawn != draw(RUN, "b" * 64, "beacon", 20)
        assert drawn != draw(RUN, "a" * 64, "later", 20)

    def test_more_documents_are_those_and_others(self) -> None:
        few, many = (draw(RUN, "a" * 64, "beacon", count) for count in (20, 60))
        assert all(set(numbers) <= set(many[task]) for task, numbers in few.items())

    def test_whatever_can_be_compared_is_drawn_and_nothing_else(self) -> None:
        drawn = draw(RUN, "a" * 64, "beacon", 10**6)
        assert {task: sorted(numbers) for task, numbers in drawn.items()} == {
            name: list(range(len(RUN.tasks[name].items))) for name in (URN, LADDER)
        }

    @pytest.mark.parametrize(("share", "documents", "chance"), [(0.03, 100, 0.952), (0.01, 100, 0.634), (1.0, 1, 1.0)])
    def test_chance_of_meeting_what_was_tampered_with(self, share: float, documents: int, chance: float) -> None:
        assert caught(share, documents) == pytest.approx(chance, abs=5e-4)

    def test_that_chance_is_what_drawing_gives(self) -> None:
        """Of 200 nonces, the share that meets one of 5 % of the documents is 1 − 0.95^20 = 64 %, give or take 7 %."""
        pool = [(task, number) for task in (URN, LADDER) for number in range(len(RUN.tasks[task].items))]
        tampered = set(pool[::20])
        met = 0
        for k in range(200):
            drawn = draw(RUN, "a" * 64, str(k), 20)
            met += any((task, number) in tampered for task, numbers in drawn.items() for number in numbers)
        assert met / 200 == pytest.approx(caught(len(tampered) / len(pool), 20), abs=0.1)


class TestComparing:
    def test_the_same_model(self) -> None:
        drawn = draw(RUN, "a" * 64, "beacon", 50)
        check = compare("student", RUN, drawn, answers_of(RUN, off=TOLERANCE / 2), STRICT)
        assert check.passed
        assert (check.documents, check.off, check.otherwise) == (50, (), ())
        assert check.likelihoods == len(drawn[URN])
        assert check.left_out == (SAMPLE,)

    def test_log_likelihoods_beyond_the_floor(self) -> None:
        drawn = draw(RUN, "a" * 64, "beacon", 50)
        check = compare("student", RUN, drawn, answers_of(RUN, off=2 * TOLERANCE), STRICT)
        assert not check.passed
        assert len(check.off) == check.likelihoods > 0
        assert check.off[0].task == URN
        assert "off by 0.002" in check.off[0].told

    def test_bumped_answers_are_met(self) -> None:
        """T2: the right option made likelier on 30 % of the items in the bundle, and the model as it was."""
        log = RUN.tasks[URN]
        values = np.asarray(log.log_likelihoods).copy()
        values[: int(0.3 * len(values)), 0] += 0.3
        tampered = replace(RUN, tasks={**RUN.tasks, URN: replace(log, log_likelihoods=np.minimum(values, 0))})
        drawn = draw(tampered, "a" * 64, "beacon", 100)
        check = compare("student", tampered, drawn, answers_of(RUN), STRICT)
        assert not check.passed
        assert {found.item_id for found in check.off} <= {
            item["item_id"] for item in log.items[: int(0.3 * len(values))]
        }

    def test_texts_are_compared_to_the_letter_in_single_precision(self) -> None:
        drawn = {LADDER: list(range(100))}
        check = compare("student", RUN, drawn, answers_of(RUN, other_texts=1), STRICT)
        assert (check.passed, check.allowed, len(check.otherwise)) == (False, 0, 1)
        assert "says 'other', not" in check.otherwise[0].told

    @pytest.mark.parametrize(("other", "passed"), [(7, True), (8, False)])
    def test_in_half_precision_a_share_may_differ(self, other: int, passed: bool) -> None:
        """Of 100 texts that differ with 2 % each, more than 7 do in 0.09 % of all checks, and more than 6 in 0.4 %."""
        drawn = {LADDER: list(range(100))}
        check = compare("student", RUN, drawn, answers_of(RUN, other_texts=other), Floor(1.0, 0.02))
        assert (check.allowed, check.passed) == (7, passed)

    def test_a_document_without_an_answer(self) -> None:
        with pytest.raises(RunError, match=f"{URN}, document 0: the model was not asked"):
            compare("student", RUN, {URN: [0]}, {}, STRICT)


class TestFloor:
    def test_single_precision(self) -> None:
        assert floor_of({}, half=False) == STRICT

    def test_half_precision_follows_the_teachers_repeat(self) -> None:
        log = RUN.tasks[LADDER]
        assert log.texts is not None
        texts = (("other",), ("other",), *log.texts[2:])
        again = {
            URN: replace(RUN.tasks[URN], log_likelihoods=np.asarray(RUN.tasks[URN].log_likelihoods) - 0.25),
            LADDER: replace(log, texts=texts),
        }
        floor = floor_of({"teacher": RUN, "teacher_repeat": replace(RUN, tasks=again)}, half=True)
        assert floor.log_likelihood == pytest.approx(0.5)
        assert floor.texts == pytest.approx(4 / len(log.texts))

    def test_half_precision_without_a_repeat(self) -> None:
        with pytest.raises(RunError, match=r"no repeat of the teacher.* give --tolerance"):
            floor_of({"teacher": RUN}, half=True)

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_the_model_at_hand_may_be_the_one_in_half_precision(self, honest: list[Any], dtype: str) -> None:
        model = harness.ModelChoice.parse(f"hf:pretrained=somewhere,dtype={dtype}")
        with pytest.raises(RunError, match="half precision"):
            spot_check(report_of(RUN), "student", model, settings_of(report_of(RUN)), nonce="n")
        assert honest == []


class TestSpotCheck:
    def test_an_honest_bundle_passes(self, honest: list[Any]) -> None:
        report = report_of(RUN)
        check = spot_check(report, "student", MODEL, settings_of(report), nonce="n", count=30)
        assert (check.passed, check.documents) == (True, 30)
        assert honest == [draw(RUN, report.manifest.digest if report.manifest else "", "n", 30)]

    def test_another_models_answers_fail(self, honest: list[Any]) -> None:
        report = report_of(run_of(2, 0.4))
        assert not spot_check(report, "student", MODEL, settings_of(report), nonce="n", count=30).passed

    @pytest.mark.parametrize(
        ("logged", "asked", "told"),
        [
            ({"chat_template_sha": "1" * 64}, {}, "was run with a chat template"),
            ({}, {"apply_chat_template": True}, "was run with no chat template"),
            ({}, {"system_instruction": "Be brief."}, "another system instruction"),
            ({"system_instruction_sha": hashlib.sha256(b"Be brief.").hexdigest()}, {}, "another system instruction"),
        ],
    )
    def test_a_model_that_would_be_asked_otherwise(
        self, honest: list[Any], logged: dict[str, Any], asked: dict[str, Any], told: str
    ) -> None:
        report = report_of(run_of(**logged))
        with pytest.raises(RunError, match=told):
            spot_check(report, "student", MODEL, settings_of(report, **asked), nonce="n")
        assert honest == []

    def test_the_same_system_instruction(self, honest: list[Any]) -> None:
        report = report_of(run_of(system_instruction_sha=hashlib.sha256(b"Be brief.").hexdigest()))
        settings = settings_of(report, system_instruction="Be brief.")
        assert spot_check(report, "student", MODEL, settings, nonce="n").passed

    def test_other_weights_than_the_bundle_names(self, honest: list[Any]) -> None:
        report = report_of(RUN)
        assert report.manifest is not None
        facts = report.manifest.student.model_copy(update={"weights_sha256": "a" * 64})
        report = replace(report, manifest=report.manifest.model_copy(update={"student": facts}))
        model = harness.ModelChoice("hf", {"pretrained": str(MODELS / "toy-student")})
        with pytest.raises(RunError, match="the bundle's student has aaaaaaaaaaaa"):
            spot_check(report, "student", model, settings_of(report), nonce="n")

    def test_nothing_to_compare(self, honest: list[Any]) -> None:
        run = replace(RUN, tasks={SAMPLE: RUN.tasks[SAMPLE]})
        with pytest.raises(RunError, match="every task of the student is sampled"):
            spot_check(report_of(run), "student", MODEL, settings_of(report_of(run)), nonce="n")


class TestSettings:
    def test_are_those_of_the_bundle(self) -> None:
        settings = settings_of(report_of(RUN), item_seed=7, batch_size="2")
        assert (settings.suites, settings.track, settings.profile) == (("synthetic_data",), "toy", "pilot")
        assert (settings.item_seed, settings.batch_size, settings.canaries) == (7, "2", None)

    def test_a_suite_that_the_bundle_lacks(self) -> None:
        with pytest.raises(RunError, match="has no suite 'rag'; it has synthetic_data"):
            settings_of(report_of(RUN), ["rag"])

    def test_a_bundle_that_is_not_accepted(self) -> None:
        with pytest.raises(RunError, match="is no sound bundle"):
            settings_of(replace(report_of(RUN), score=None))


class TestAgreement:
    @pytest.mark.parametrize(
        ("low", "high", "word"),
        [(-0.04, 0.03, "agrees"), (-0.2, 0.1, "no evidence of a difference"), (0.01, 0.04, "differs")],
    )
    def test_words(self, low: float, high: float, word: str) -> None:
        assert Agreement("rag", "composite", 0.5, 0.5, low, high).word == word

    def test_interval(self) -> None:
        """Standard errors of 0.03 and 0.04 make one of 0.05, and 1.96 of them with many clusters."""
        suite = fixture.distilled().score.suites[0]
        made = []
        for point, error in ((0.3, 0.03), (0.4, 0.04)):
            drawn = fixture.drawn(point, 1.96 * error)
            exact = Draws(point, point + (drawn.replicates - point) * error / drawn.standard_error)
            held = replace(suite.draws, retention=Draws(1.0, np.ones(2000)), angels_share=exact, clusters=10**6)
            made.append(suite.model_copy(update={"draws": held}))
        found = agreement(*made)
        assert found is not None
        assert (found.number, found.bundle, found.fresh) == ("composite", pytest.approx(0.7), pytest.approx(0.6))
        assert (found.low, found.high) == (pytest.approx(-0.198, abs=1e-3), pytest.approx(-0.002, abs=1e-3))
        assert found.word == "differs"
        wider = agreement(*made, suites=8)
        assert wider is not None
        assert wider.word == "no evidence of a difference"

    def test_a_suite_without_a_share(self) -> None:
        suite = fixture.distilled().score.suites[0]
        none = suite.model_copy(update={"draws": replace(suite.draws, angels_share=None)})
        assert agreement(none, suite) is None

    def test_the_bundles_own_items_are_not_fresh(self, tmp_path: Path) -> None:
        report = report_of(RUN)
        with pytest.raises(RunError, match="item seed 0 is the bundle's own"):
            rerun(report, tmp_path, settings_of(report), {"teacher": MODEL, "student": MODEL})


class TestFreshItems:
    @pytest.fixture
    def runs(self, five_tasks: None, tmp_path: Path) -> dict[str, Run]:
        """Runs of a teacher and of a student that is right on nine items of ten, on the bundle's items."""
        folders = {
            "teacher": written(tmp_path / "bundle" / "t", 0.95),
            "student": written(tmp_path / "bundle" / "s", 0.9),
        }
        return {role: logs.read_run(folder) for role, folder in folders.items()}

    @pytest.mark.parametrize(("skill", "differs"), [(0.9, False), (0.4, True)])
    def test_scores_are_held_against_the_bundles(
        self, runs: dict[str, Run], skill: float, differs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The student at hand is as good as the bundle says, or far worse."""
        score = score_pair(**runs, suites=["high_risk"])
        said = statement.draft(score, method=statement.Method(family="logit-kd"))
        report = Report(Path("bundle"), (), fixture.distilled().manifest, said, score, runs=cast(Any, runs))

        def run(planned: harness.Settings) -> None:
            assert (planned.item_seed, planned.canaries) == (5, None)
            written(tmp_path / "teacher", 0.95, 5)
            written(tmp_path / "student", skill, 5)

        monkeypatch.setattr(harness, "plan", lambda output, settings, **others: settings)
        monkeypatch.setattr(harness, "run", run)
        models: Any = {"teacher": MODEL, "student": MODEL}
        (found,) = rerun(report, tmp_path, settings_of(report, item_seed=5), models)
        assert (found.suite, found.number) == ("high_risk", "composite")
        assert (found.word == "differs") is differs
        assert score.suites[0].composite is not None
        assert found.bundle == pytest.approx(score.suites[0].composite.value)


def written(folder: Path, skill: float, item_seed: int = 0) -> Path:
    seed = int(1000 * skill) + item_seed
    return write_run(folder, FIVE_TASKS.tasks, noisy(seed, skill), item_seed=item_seed, sampling_seed=seed)


class TestCommand:
    NONCE = ("--nonce", "beacon 7", "--documents", "30")
    AT_HAND = ("--student", "hf:pretrained=somewhere,dtype=float32")

    @pytest.fixture(autouse=True)
    def validated(self, monkeypatch: pytest.MonkeyPatch, honest: list[Any]) -> None:
        monkeypatch.setattr(submission, "validate", lambda folder: report_of(RUN))

    def test_a_check_that_passes(self, command: Any) -> None:
        outcome = command("verify", "bundle", *self.NONCE, *self.AT_HAND)
        assert outcome.code == 0
        assert outcome.out.startswith("passed  student: 30 documents, nonce beacon 7: 0 of ")
        assert "1% with 26%, 3% with 60%, 10% with 96%" in outcome.out
        assert f"not compared: {SAMPLE}" in outcome.err

    def test_what_came_out_is_noted(self, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        manifest = fixture.distilled().manifest
        noted = ("--record", tmp_path, "--date", "2026-11-24", "--by", "ada")
        outcome = command("verify", "bundle", *self.NONCE, *self.AT_HAND, *noted)
        assert (outcome.code, "is not in the history" in outcome.err) == (2, True)
        record(tmp_path, manifest, "accepted", by="ada", day=dt.date(2026, 11, 23), reason="")
        assert command("verify", "bundle", *self.NONCE, *self.AT_HAND, *noted).code == 0
        monkeypatch.setattr(asking, "answer", lambda pair, documents: answers_of(RUN, off=0.5))
        assert command("verify", "bundle", *self.NONCE, *self.AT_HAND, *noted).code == 1
        events = read_history(tmp_path)
        assert [event.event for event in events] == ["accepted", "spot-checked", "spot-check failed"]
        assert "30 documents, nonce beacon 7: 0 of " in events[1].reason
        assert history.trust(events, events[0].answers) == "spot-checked"

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ((), "give --student, --teacher, or both"),
            (AT_HAND, "give --nonce"),
            ((*NONCE, "--teacher", "hf:pretrained=t", "--record", "x"), "give --student, or leave --record out"),
            ((*AT_HAND, "--fresh-seed", "5"), "give --teacher and --student"),
        ],
    )
    def test_what_is_missing(self, command: Any, arguments: tuple[str, ...], told: str) -> None:
        outcome = command("verify", "bundle", *arguments)
        assert outcome.code == 2
        assert told in " ".join(outcome.err.split())


@pytest.mark.slow
def test_the_committed_toy_student_answers_as_its_bundle_says() -> None:
    """One run of the model serves an honest check and T2: bumped answers on a third of the documents."""
    run = read_role(BUNDLE / "student")
    tasks = (URN, "as_calibration_confidence", "as_applied_budget", "as_tail_facts", "as_representation_loc")
    run = replace(run, tasks={name: run.tasks[name] for name in tasks})
    drawn = draw(run, "a" * 64, "beacon", 20)
    model = harness.ModelChoice.parse(f"hf:pretrained={MODELS / 'toy-student'},dtype=float32")
    settings = harness.Settings(("high_risk",), "toy", "lite")
    answers = asking.answer(harness.PairRun(Path(), settings, (harness.Role("student", model, 12, "8"),)), drawn)
    check = compare("student", run, drawn, answers, STRICT)
    assert (check.passed, check.documents) == (True, 20)
    assert check.likelihoods > 0
    bumped = {}
    for name, log in run.tasks.items():
        if log.log_likelihoods is not None:
            values = np.asarray(log.log_likelihoods).copy()
            values[::3, 0] = np.minimum(values[::3, 0] + 0.5, 0.0) - 0.01
            log = replace(log, log_likelihoods=values)
        bumped[name] = log
    check = compare("student", replace(run, tasks=bumped), drawn, answers, STRICT)
    assert not check.passed
    assert {found.item_id for found in check.off} == {
        run.tasks[name].items[number]["item_id"]
        for name, numbers in drawn.items()
        for number in numbers
        if number % 3 == 0 and run.tasks[name].log_likelihoods is not None
    }
