"""Every task through plain lm-evaluation-harness: a dummy model at levels 1 to 4, the toy teacher at level 0."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from angels_share import canaries, second_stage, spec
from angels_share.items import levels_of, package_folder
from angels_share.logs import Run, TaskLog, read_run
from angels_share.observables import Floats, get_utility
from angels_share.score.controls import CONTROLS
from angels_share.score.measurable import observed, teacher_gap
from angels_share.score.task import measure_task
from synthetic import make_items, noisy, reordered, write_run

TASKS = sorted(spec.tasks())
FIRST = [name for name in TASKS if not spec.task(name).measure.first_stage]
SECOND = [name for name in TASKS if name not in FIRST]
SAMPLED = [name for name in TASKS if spec.task(name).measure.readout == "sampled"]
EXACT = [name for name in TASKS if name not in SAMPLED]

pytestmark = pytest.mark.slow


def key(track: str) -> dict[str, Any]:
    """Return the key of what the toy teacher was trained on, or one made for the levels of another track."""
    if track != "toy":
        return canaries.key_of(0, levels_of(track), "pilot").content
    return canaries.read_key(package_folder("models") / "toy-teacher" / "canaries.json").content


def lm_eval(
    tasks: list[str],
    track: str,
    output: Path,
    *arguments: str,
    item_seed: int = 0,
    first: tuple[Path, Path] | None = None,
) -> Run:
    """Run plain lm-eval in a process of its own, check that it cut no prompt, and read what it wrote.

    ``first`` names the folders of the first stages, for tasks of a second one.
    """
    switch = {"as_track": track, "as_profile": "pilot", "as_seed": item_seed, "as_canaries": key(track)}
    if first:
        switch |= {"as_stage1_teacher": str(first[0]), "as_stage1_student": str(first[1])}
    done = subprocess.run(
        [
            sys.executable, "-m", "lm_eval", "run", "--include_path", str(package_folder("tasks")),
            "--tasks", ",".join(tasks), "--metadata", json.dumps(switch), "--log_samples",
            "--output_path", str(output), *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "runcat" not in done.stderr
    return read_run(output)


@pytest.mark.parametrize("track", ["small", "frontier"])
def test_every_task_runs_at_every_level(track: str, tmp_path: Path) -> None:
    run = lm_eval(FIRST, track, tmp_path, "--model", "dummy", "--seed", "1")
    assert sorted(run.tasks) == FIRST
    for name, log in run.tasks.items():
        assert list(log.items) == make_items(name, track)


@pytest.mark.parametrize("track", ["small", "frontier"])
def test_every_second_stage_runs_at_every_level(track: str, tmp_path: Path) -> None:
    names = list(second_stage.first_stages(SECOND))
    teacher, student = (
        write_run(tmp_path / f"first {seed}", names, noisy(seed), track=track, sampling_seed=seed) for seed in (1, 2)
    )
    run = lm_eval(SECOND, track, tmp_path / "second", "--model", "dummy", first=(teacher, student))
    first = [read_run(folder) for folder in (teacher, student)]
    assert sorted(run.tasks) == SECOND
    for log in run.tasks.values():
        second_stage.check(log, *(of.tasks[str(log.spec.measure.first_stage)] for of in first))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, again: Run) -> Run:
    """Return what the toy teacher answers, in the second stage to items made from two of its samples."""
    output = tmp_path_factory.mktemp("toy")
    first = toy_run(output, FIRST, seed=1)
    second = toy_run(tmp_path_factory.mktemp("second"), SECOND, seed=1, first=(output, Path(again.place)))
    return replace(first, tasks={**first.tasks, **second.tasks})


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return toy_run(tmp_path_factory.mktemp("again"), SAMPLED, seed=2)


def toy_run(
    output: Path, tasks: list[str], seed: int, item_seed: int = 0, first: tuple[Path, Path] | None = None
) -> Run:
    model = f"pretrained={package_folder('models') / 'toy-teacher'},dtype=float32"
    settings = ("--model", "hf", "--model_args", model, "--batch_size", "64", "--seed", str(seed))
    return lm_eval(tasks, "toy", output, *settings, item_seed=item_seed, first=first)


def losses(teacher: TaskLog, student: TaskLog) -> tuple[float, float, float]:
    loss = measure_task(teacher, student, 500).score.loss
    assert loss is not None
    return loss.low, loss.value, loss.high


def test_toy_teacher_shows_the_tasks_that_its_description_says(toy: Run) -> None:
    """The tasks out of its reach are named in the description of the toy models, with the reason."""
    told = (package_folder("models") / "README.md").read_text("utf-8")
    sure = [name for name in FIRST if f"`{name}`: on the edge" not in told]
    shown = {name for name in sure if teacher_gap(toy.tasks[name]) is None}
    assert {name for name in sure if f"`{name}`: out of reach" not in told} == shown


@pytest.mark.parametrize("name", EXACT)
def test_teacher_against_itself_loses_nothing(toy: Run, name: str) -> None:
    score = measure_task(toy.tasks[name], toy.tasks[name], 500).score
    assert (score.change is None) == (score.utility is None or bool(score.sides))
    for exact in filter(None, (score.divergence, score.loss, score.change, *(side.change for side in score.sides))):
        assert exact.value == 0
        assert exact.low <= 0 <= exact.high
        assert exact.high == 0 or score.readout == "greedy"


@pytest.mark.parametrize("name", TASKS)
def test_order_of_rows_changes_nothing_and_the_parts_add_up(toy: Run, name: str) -> None:
    teacher, student = toy.tasks[name], CONTROLS["shuffled"](toy.tasks[name])
    order = np.random.default_rng(0).permutation(len(teacher.items)).tolist()
    score = measure_task(teacher, student, 200).score
    assert measure_task(reordered(teacher, order), reordered(student, order[::-1]), 200).score == score
    parts = [part.value for part in (score.harmful, score.corrective, score.neutral) if part is not None]
    assert score.divergence is not None
    assert sum(parts) == pytest.approx(score.divergence.value, abs=1e-12)


KNOWING = [n for n in EXACT if spec.task(n).measure.utility and not canaries.needs_key(spec.task(n))]
"""Tasks on which knowing is good; what a model should not remember, it had better not know."""


@pytest.mark.parametrize("name", KNOWING)
def test_who_knows_the_answers_does_no_harm_and_is_seen_to_differ(toy: Run, name: str) -> None:
    """Only where a chance is stated can a guess be luckier, on an item with two answers."""
    score = measure_task(toy.tasks[name], CONTROLS["oracle"](toy.tasks[name]), 200).score
    assert score.harmful is not None
    assert score.harmful.value < (5e-3 if score.utility == "stated_brier" else 1e-3)
    assert score.loss is not None
    assert score.uncredited_loss is not None
    assert score.uncredited_loss.value >= score.loss.value


@pytest.mark.parametrize("name", SAMPLED)
def test_teacher_against_another_sample_covers_zero(toy: Run, again: Run, name: str) -> None:
    assert again.tasks[name].texts != toy.tasks[name].texts
    low, _, high = losses(toy.tasks[name], again.tasks[name])
    assert low <= 0 <= high


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return toy_run(tmp_path_factory.mktemp("fresh"), FIRST, seed=1, item_seed=7)


@pytest.mark.parametrize("name", FIRST)
def test_fresh_items_are_as_hard(toy: Run, fresh: Run, name: str) -> None:
    """The teacher's level on items of another seed differs by noise: less than four standard errors.

    What was inserted into training data cannot be drawn anew: those items stay the same.
    """
    if canaries.needs_key(spec.task(name)):
        assert toy.tasks[name].items == fresh.tasks[name].items
        return
    levels = [utility_by_cluster(run.tasks[name]) for run in (toy, fresh)]
    assert set(toy.tasks[name].column("item_id")) == set(fresh.tasks[name].column("item_id"))
    error = sum(level.var(ddof=1) / len(level) for level in levels) ** 0.5
    assert abs(levels[0].mean() - levels[1].mean()) < 4 * error + 1e-6


def utility_by_cluster(log: TaskLog) -> Floats:
    u = get_utility(str(log.spec.measure.utility)).of(log.items, observed(log))
    _, of_item = np.unique(log.column("cluster_id"), return_inverse=True)
    means: Floats = np.bincount(of_item, u) / np.bincount(of_item)
    return means


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("control", ["constant", "uniform", "shuffled"])
def test_who_ignores_the_items_keeps_nothing(toy: Run, name: str, control: str) -> None:
    teacher = toy.tasks[name]
    if gap := teacher_gap(teacher):
        pytest.skip(gap.reason)
    _, value, high = losses(teacher, CONTROLS[control](teacher))
    assert (high if name in SAMPLED else value) >= 0.9
