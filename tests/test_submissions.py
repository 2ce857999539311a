"""The archive of submissions: every committed bundle validates, and every canonical teacher passes its controls."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from angels_share import index, spec
from angels_share.items import load_module, package_folder
from angels_share.logs import Run
from angels_share.score import PairScore, score_pair
from angels_share.score.controls import control_run
from angels_share.score.measurable import teacher_gap
from angels_share.submission import Report, read_role, validate
from angels_share.submission.role import role_files
from angels_share.taxonomy import HUB

SUBMISSIONS = Path(__file__).parents[1] / "submissions"
TEACHERS = SUBMISSIONS / "teachers"
BUNDLES = sorted(p for p in SUBMISSIONS.iterdir() if p.is_dir() and p != TEACHERS)
RUNS = sorted(p for p in TEACHERS.glob("*/runs/*") if p.is_dir())
LIMIT = 2_000_000
"""Most bytes in a bundle."""

each_bundle = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda p: p.name)
each_run = pytest.mark.parametrize("folder", RUNS, ids=lambda p: f"{p.parents[1].name}-{p.name}")


@cache
def run_of(folder: Path) -> Run:
    return read_role(folder)


@cache
def report_of(bundle: Path) -> Report:
    return validate(bundle, TEACHERS)


@each_bundle
def test_bundle_is_accepted(bundle: Path) -> None:
    report = report_of(bundle)
    assert [str(f) for f in report.findings if f.severity == "error"] == []
    assert report.accepted


@each_bundle
def test_bundle_is_small(bundle: Path) -> None:
    assert sum(p.stat().st_size for p in bundle.rglob("*") if p.is_file()) <= LIMIT


def test_index_leaves_nothing_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "validate", lambda bundle, _: report_of(bundle))
    summary = index.build_index(SUBMISSIONS, tmp_path / "index")
    assert summary.left_out == ()
    assert summary.pairs == len(BUNDLES)
    for row in pq.read_table(summary.folder / "board.parquet").to_pylist():
        assert (row["kind"] == "control") == (row["method"] == "control")
        assert row["kind"] == "pair" or (row["rank_low"], row["rank_high"]) == (None, None)


def test_toy_teacher_shows_every_task_but_those_out_of_its_reach() -> None:
    told = (package_folder("models") / "README.md").read_text("utf-8")
    runs = [r for r in RUNS if r.parents[1].name == "toy-teacher"]
    assert runs
    for folder in runs:
        logs = run_of(folder).tasks
        sure = [name for name in logs if f"`{name}`: on the edge" not in told]
        shown = {name for name in sure if teacher_gap(logs[name]) is None}
        assert shown == {name for name in sure if f"`{name}`: out of reach" not in told}
        own = [suite for suite in spec.suites().values() if not suite.name.endswith(HUB)]
        assert logs.keys() == {task for suite in own for task in suite.tasks}


def test_smollm2_loses_what_it_can_show_when_it_is_cut() -> None:
    """The control loses next to nothing, the same model without a fifth of its layers half of it and more."""
    (cut,) = (b for b in BUNDLES if "cut24" in b.name)
    (control,) = (b for b in BUNDLES if "smollm2" in b.name and "control" in b.name)
    losses = []
    for bundle in (control, cut):
        score = report_of(bundle).score
        assert score is not None
        losses.append({task.task: task.loss for task in score.tasks if task.loss is not None})
    of_control, of_cut = losses
    assert set(of_control) == set(of_cut)
    assert len(of_cut) >= 3
    for task, loss in of_cut.items():
        assert loss.value > of_control[task].high + 0.4, task
        assert loss.low > of_control[task].high, task


def held(run: Run) -> list[str]:
    """Return the suites of which a run holds a task."""
    return [name for name, suite in spec.suites().items() if run.tasks.keys() & set(suite.tasks)]


@each_run
@pytest.mark.parametrize("control", ["constant", "uniform", "shuffled"])
def test_control_loses_nearly_everything(folder: Path, control: str) -> None:
    """No task can be won without looking at the items, on the answers of any real teacher."""
    teacher = run_of(folder)
    score = score_pair(teacher, control_run(control, teacher), suites=held(teacher), resamples=200)
    for task in score.tasks:
        if task.loss is not None:
            noise = task.loss.high - task.loss.value if task.readout == "sampled" else 0.0
            assert task.loss.value + noise >= 0.9, task.task
            assert task.loss.value >= 0.6, task.task


@each_run
def test_teacher_against_its_own_log_loses_nothing(folder: Path) -> None:
    teacher = run_of(folder)
    score = score_pair(teacher, teacher, suites=held(teacher), resamples=200)
    for task in score.tasks:
        if task.readout != "sampled" and task.loss is not None:
            assert task.loss.value == 0
            assert task.divergence is not None
            assert task.divergence.value == 0
            assert task.change is not None or task.sides
            assert all(change.value == 0 for change in (task.change, *(s.change for s in task.sides)) if change)


def same_weights(bundle: Path) -> bool:
    """Tell whether a bundle's student is the teacher itself."""
    facts = json.loads((bundle / "submission.json").read_text("utf-8"))
    weights = [facts[role]["weights_sha256"] for role in ("teacher", "student")]
    return weights[0] is not None and weights[0] == weights[1]


@pytest.mark.parametrize("bundle", [b for b in BUNDLES if same_weights(b)], ids=lambda p: p.name)
def test_teacher_as_a_student_covers_zero(bundle: Path) -> None:
    """Greedy answers have a floor: in half precision another batch size alone changes one now and then."""
    score = report_of(bundle).score
    assert score is not None
    assert any(task.loss is not None for task in score.tasks)
    for task in score.tasks:
        if task.loss is not None:
            if task.readout == "greedy":
                assert task.loss.value < 0.1, task.task
            else:
                assert task.loss.low <= 0 <= task.loss.high, task.task


CONTROLS = load_module(package_folder("models") / "pack_controls.py")


def control(name: str) -> Path:
    """Return the bundle of a control of the toy teacher."""
    (found,) = SUBMISSIONS.glob(f"toy-teacher-{name}-control-*")
    return found


@cache
def scored(name: str) -> PairScore:
    return PairScore.model_validate_json((control(name) / "score.json").read_bytes())


def test_controls_of_the_toy_teacher_come_in_their_order() -> None:
    """By mean loss over the tasks that all of them measure: the teacher, whoever is always right, who never looks."""
    losses = {
        name: {task.task: task.loss.value for task in scored(name).tasks if task.loss is not None}
        for name in CONTROLS.SAID
    }
    measured = sorted(set.intersection(*map(set, losses.values())))
    assert len(measured) == 28
    mean = {name: np.mean([found[task] for task in measured]) for name, found in losses.items()}
    assert mean["copy"] == 0
    assert mean["repeat"] == pytest.approx(0, abs=0.01)
    assert 0.05 < mean["oracle"] < 0.5
    assert all(mean[name] > 0.99 for name in ("constant", "uniform", "shuffled"))


def test_the_oracle_corrects_and_a_copied_sample_is_no_sample() -> None:
    verdicts = Counter(task.verdict for task in scored("oracle").tasks if task.loss is not None)
    assert verdicts["CORRECTIVE"] > verdicts.total() / 2
    assert {task.row for task in scored("oracle").tasks if task.verdict == "HARMFUL"} == {"privacy"}
    coupled = [task for task in scored("copy").tasks if task.gap is not None and task.gap.side == "submitter"]
    measured = [task for task in scored("copy").tasks if task.loss is not None]
    assert all("COUPLED" in task.gap.reason for task in coupled if task.gap)
    assert {task.readout for task in coupled} == {"sampled"}
    assert "sampled" not in {task.readout for task in measured}


@pytest.mark.parametrize("name", CONTROLS.SAID)
def test_control_answers_as_its_bundle_says(name: str) -> None:
    for place, content in role_files(CONTROLS.made(name, TEACHERS)).items():
        kept = (control(name) / "student" / place).read_bytes()
        assert unpacked(place, kept) == unpacked(place, content), place


def unpacked(place: str, content: bytes) -> bytes:
    return gzip.decompress(content) if place.endswith(".gz") else content


def test_control_is_packed_again_as_it_is(tmp_path: Path) -> None:
    """Its score is compared by validation, to nine digits; all else is the same to the letter."""
    kept, made = control("oracle"), CONTROLS.pack_control("oracle", TEACHERS, tmp_path)
    assert made.name == kept.name
    assert (made / "statement.json").read_bytes() == (kept / "statement.json").read_bytes()
    assert {p.relative_to(made) for p in made.rglob("*")} == {p.relative_to(kept) for p in kept.rglob("*")}
