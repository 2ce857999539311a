"""Second stages: items made from both models' first-stage answers, refused where these do not belong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from angels_share import second_stage, spec
from angels_share.cli.scoring import print_score
from angels_share.errors import PairingError, SpecError
from angels_share.items import Item, Stream
from angels_share.logs import Run, TaskLog, document_hash, read_run
from angels_share.score import score_pair
from synthetic import Response, noisy, write_run

FIRST, SECOND = "as_distribution_sample", "as_distribution_cross"
URN = "as_distribution_urn"
"""A task of the first stage that has likelihoods, without which a pair is one of text alone."""

STAGES = [(task.measure.first_stage, name) for name, task in spec.tasks().items() if task.measure.first_stage]

pytestmark = pytest.mark.usefixtures("five_tasks")


def answers(seed: int) -> Any:
    """Return a made-up model that draws with a seed of its own, workings in the form of its items' answers."""

    def answer(task: spec.TaskSpec, item: Item) -> Response:
        if task.measure.readout == "sampled" and "answer" in item:
            s = Stream("attempts", seed, item["item_id"])
            return [item["answer"] if s.below(2) else f"{s.choice(item['choices'])} answer 3" for _ in range(8)]
        return noisy(seed)(task, item)

    return answer


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the first-stage runs of a pair, and of a third model."""
    root = tmp_path_factory.mktemp("first")
    names = [*dict.fromkeys(first for first, _ in STAGES), URN]
    return {
        role: write_run(root / role, names, answers(seed), model=role, sampling_seed=seed)
        for seed, role in enumerate(("teacher", "student", "stranger"), start=1)
    }


def loaded(name: str, teacher: Path | None, student: Path | None, **given: Any) -> list[Item]:
    """Return the items that lm-eval would get, in the settings of the first stages unless others are given."""
    path = spec.task_files()[name]
    block = spec.read_yaml(path)["metadata"]["angels_share"]
    stages = {"as_stage1_teacher": teacher and str(teacher), "as_stage1_student": student and str(student)}
    settings = {"as_track": "toy", "as_profile": "pilot", "as_seed": 0} | stages | given
    return list(second_stage.load(config_source=str(path), angels_share=block, **settings)["test"])


@pytest.mark.parametrize(("first", "second"), STAGES)
def test_items_are_those_that_the_logs_give(folders: dict[str, Path], first: str, second: str) -> None:
    made = loaded(second, folders["teacher"], folders["student"], pretrained="student")
    logs = [read_run(folders[role], only=[first]).tasks[first] for role in ("teacher", "student")]
    again = second_stage.items_of(spec.task(second), spec.task_files()[second].parent, *logs)
    assert [document_hash(item) for item in made] == [document_hash(item) for item in again]
    other = read_run(folders["stranger"], only=[first]).tasks[first]
    different = second_stage.items_of(spec.task(second), spec.task_files()[second].parent, logs[0], other)
    assert {document_hash(item) for item in made} != {document_hash(item) for item in different}


def test_without_first_stages_it_says_what_to_do() -> None:
    with pytest.raises(SpecError, match=f"Run {FIRST} with both models, then name the two run folders"):
        loaded(SECOND, None, None)


def test_run_without_the_first_stage(folders: dict[str, Path], tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", [URN], noisy(1), model="student")
    with pytest.raises(SpecError, match=f"{SECOND}: .*holds none of the tasks {FIRST}"):
        loaded(SECOND, folders["teacher"], other)


@pytest.mark.parametrize(
    "given", [{"as_seed": 5}, {"as_track": "small"}, {"as_profile": "lite"}], ids=["seed", "track", "profile"]
)
def test_first_stages_of_other_settings_are_refused(folders: dict[str, Path], given: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"was run with track toy, profile pilot, item seed 0, but .* are asked for"):
        loaded(SECOND, folders["teacher"], folders["student"], **given)


def test_first_stages_of_another_version_are_refused(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    newer = spec.task(FIRST).model_copy(update={"version": 9.5})
    monkeypatch.setattr(spec, "task", lambda name: newer)
    with pytest.raises(SpecError, match=r"was run in version .* this release has version 9\.5"):
        loaded(SECOND, folders["teacher"], folders["student"])


def test_model_that_is_neither_of_the_pair_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(SpecError, match="stranger is evaluated, but the first stages are of teacher and student"):
        loaded(SECOND, folders["teacher"], folders["student"], pretrained="stranger")


def test_one_run_for_both_models_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(SpecError, match=r"do not belong together: .*COUPLED"):
        loaded(SECOND, folders["teacher"], folders["teacher"])


# --- scoring ---------------------------------------------------------------------------------------------------------


def with_second_stage(folders: dict[str, Path], root: Path, teacher: str, student: str) -> Iterator[Run]:
    """Yield both runs with their first stages and the second stage that these give."""
    made = loaded(SECOND, folders[teacher], folders[student])
    for role in (teacher, student):
        first = read_run(folders[role], only=[FIRST, URN])
        place = write_run(root / role, [SECOND], noisy(1), model=role, items={SECOND: made})
        yield replace(first, tasks={**first.tasks, **read_run(place).tasks})


def test_second_stage_is_displayed_and_not_charged(folders: dict[str, Path], tmp_path: Path) -> None:
    teacher, student = with_second_stage(folders, tmp_path, "teacher", "student")
    score = score_pair(teacher, student, suites=["high_risk"], resamples=200)
    (found,) = score.second_stage
    assert (found.task, found.gap) == (SECOND, None)
    assert found.divergence is not None
    assert found.divergence.value == 0
    assert found.statistics
    assert SECOND not in [task.task for task in score.tasks]
    without = {name: log for name, log in student.tasks.items() if name != SECOND}
    left_out = score_pair(teacher, replace(student, tasks=without), suites=["high_risk"], resamples=200)
    assert left_out.suites == score.suites
    assert left_out.second_stage[0].gap is not None


def test_second_stage_is_printed_apart(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, student = with_second_stage(folders, tmp_path, "teacher", "student")
    print_score(score_pair(teacher, student, suites=["high_risk"], resamples=200))
    printed = capsys.readouterr().out
    assert f"second stage, displayed and never charged: {SECOND}\n" in printed
    assert printed.count(SECOND) == 2
    print_score(score_pair(*(replace(r, tasks={FIRST: r.tasks[FIRST]}) for r in (teacher, student)),
                           suites=["high_risk"], resamples=200))  # fmt: skip
    assert SECOND not in capsys.readouterr().out


def test_second_stage_of_another_pair_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    teacher, student = with_second_stage(folders, tmp_path, "teacher", "student")
    stranger = read_run(folders["stranger"], only=[FIRST])
    swapped = replace(student, tasks={**student.tasks, **stranger.tasks})
    with pytest.raises(PairingError, match="it belongs to another pair or to an earlier first stage"):
        score_pair(teacher, swapped, suites=["high_risk"], resamples=200)


def test_second_stage_without_its_first_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    teacher, student = with_second_stage(folders, tmp_path, "teacher", "student")
    cut: dict[str, TaskLog] = {SECOND: student.tasks[SECOND]}
    with pytest.raises(PairingError, match=f"the student's run lacks {FIRST}"):
        score_pair(teacher, replace(student, tasks=cut), suites=["high_risk"], resamples=200)
