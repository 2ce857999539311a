"""How fast the toy pair is scored on all eight suites, and how long that takes to import.

The targets are seconds of a machine with two cores that reads 55 MB of logs a second with ``json.loads``, or 400 MB at
once in 10 s, as the rows that are kept slow it down. That reading is the clock: what is asserted is the ratio to it,
taken in the same run on the same machine.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_logs import samples_file, write_pair
from workloads import least

from angels_share.items import Item
from angels_share.logs import Run
from angels_share.spec import TaskSpec
from angels_share.submission.role import examine_role, read_role
from angels_share.taxonomy import SCENARIOS
from synthetic import Response, write_run

SUBMISSIONS = Path(__file__).parents[2] / "submissions"
RUNS = SUBMISSIONS / "teachers" / "toy-teacher" / "runs"
MEGABYTES_A_SECOND = 55.0
"""What ``json.loads`` reads of 20 000 samples on the machine of the targets."""

Tell = Callable[[str], None]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Return how long this machine takes for what takes a second on the machine of the targets."""
    with tempfile.TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as place:
        files = [samples_file(folder) for folder in write_pair(Path(place), 20_000, context=230)]
        size = sum(file.stat().st_size for file in files) / 1e6
        return least("parse", *files).seconds / (size / MEGABYTES_A_SECOND)


@pytest.fixture(scope="module")
def toy_pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the submitted answers of the toy pair as lm-eval would have logged them; return the folder of each role."""
    (bundle,) = SUBMISSIONS.glob("toy-student-from-toy-teacher-*")
    (calibration,) = RUNS.glob("toy-*-1000003")
    (repeat,) = RUNS.glob("toy-*-0-repeat")
    teacher = read_role(repeat.with_name(repeat.name.removesuffix("-repeat")))
    student = read_role(bundle / "student")
    place = tmp_path_factory.mktemp("toy")
    folders = {
        "teacher": write(place / "teacher", teacher),
        "student": write(place / "student", student),
        "--repeat": write(place / "repeat", read_role(repeat)),
        "--calibration": write(place / "calibration", read_role(calibration)),
    }
    for role in ("teacher", "student"):
        second_stage, _ = examine_role(bundle / f"{role}_stage2", role, (teacher, student))
        assert second_stage is not None
        write(folders[role] / "second_stage", second_stage)
    return folders


def write(folder: Path, run: Run) -> Path:
    """Write a run folder with the answers of a run."""
    settings = next(iter(run.tasks.values())).settings
    answers: dict[tuple[str, str], Response] = {}
    for name, log in run.tasks.items():
        for i, item in enumerate(log.items):
            if log.texts is None:
                row = np.asarray(log.log_likelihoods)[i]
                answers[name, item["item_id"]] = row[~np.isnan(row)].tolist()
            else:
                answers[name, item["item_id"]] = log.texts[i] if len(log.texts[i]) > 1 else log.texts[i][0]

    def answer(spec: TaskSpec, item: Item) -> Response:
        return answers[spec.name, item["item_id"]]

    return write_run(
        folder,
        list(run.tasks),
        answer,
        track=settings.track,
        profile=settings.profile,
        item_seed=settings.item_seed,
        sampling_seed=int(settings.sampling_seed or 0),
        model=run.model,
        items={name: log.items for name, log in run.tasks.items()},
    )


def test_all_suites_are_scored_in_20_seconds(
    toy_pair: dict[str, Path], second: float, tmp_path: Path, tell: Tell
) -> None:
    output = tmp_path / "score.json"
    options = [str(word) for name, folder in toy_pair.items() if name.startswith("--") for word in (name, folder)]
    ours = least("score", toy_pair["teacher"], toy_pair["student"], *options, "--brief", "-o", output)
    score = json.loads(output.read_text("utf-8"))
    assert {suite["suite"] for suite in score["suites"]} == set(SCENARIOS)
    assert all(task["loss"] is not None or task["gap"]["side"] == "teacher" for task in score["tasks"])
    assert any(task["loss"] is not None for task in score["second_stage"])
    tell(
        f"score of the toy pair, {len(score['tasks'])} tasks in eight suites, with repeat, calibration and second "
        f"stage: {ours.seconds:.1f} s, {ours.peak:.0f} MB of memory; {ours.seconds / second:.1f} seconds of the "
        "machine of the targets (at most 20)"
    )
    assert ours.seconds <= 20 * second
    assert not ours.heavy


def test_imports_take_a_second(second: float, tell: Tell) -> None:
    ours = least("load", times=5)
    tell(
        f"imports of the command line: {ours.seconds:.2f} s; {ours.seconds / second:.2f} seconds of the machine of the "
        "targets (at most 1)"
    )
    assert not ours.heavy
    assert ours.seconds <= second
