"""The archive of submissions: every committed bundle validates, and every canonical teacher passes its controls."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from angels_share import spec
from angels_share.index import build_index
from angels_share.items import package_folder
from angels_share.logs import Run
from angels_share.score import score_pair
from angels_share.score.controls import control_run
from angels_share.score.measurable import teacher_gap
from angels_share.submission import read_role, validate
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


@each_bundle
def test_bundle_is_accepted(bundle: Path) -> None:
    report = validate(bundle)
    assert [str(f) for f in report.findings if f.severity == "error"] == []
    assert report.accepted


@each_bundle
def test_bundle_is_small(bundle: Path) -> None:
    assert sum(p.stat().st_size for p in bundle.rglob("*") if p.is_file()) <= LIMIT


def test_index_leaves_nothing_out(tmp_path: Path) -> None:
    summary = build_index(SUBMISSIONS, tmp_path / "index")
    assert summary.left_out == ()
    assert summary.pairs == len(BUNDLES)


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
        score = validate(bundle).score
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


@each_bundle
def test_control_pair_covers_zero(bundle: Path) -> None:
    """A pair that is declared as a control is the teacher itself: every measured loss covers zero.

    Greedy answers have a floor: in half precision another batch size alone changes one now and then.
    """
    if json.loads((bundle / "statement.json").read_text("utf-8"))["method"]["family"] != "control":
        pytest.skip("not a control")
    score = validate(bundle).score
    assert score is not None
    assert any(task.loss is not None for task in score.tasks)
    for task in score.tasks:
        if task.loss is not None:
            if task.readout == "greedy":
                assert task.loss.value < 0.1, task.task
            else:
                assert task.loss.low <= 0 <= task.loss.high, task.task
