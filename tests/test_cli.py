"""The command line: what it writes where, its exit codes, and its words for bad input."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from angels_share import canaries, harness, items, spec
from angels_share.cli import app
from angels_share.cli import scoring as scoring_commands
from angels_share.costs import cost_of
from angels_share.harness import planning
from angels_share.items import n_clusters, package_folder
from angels_share.logs import Run, TaskLog, read_run
from angels_share.score import PairScore, score_pair
from angels_share.score.model import Estimate
from commands import Outcome
from synthetic import FIVE_TASKS, SETTINGS, noisy, write_run

SUITES = spec.suites()
"""The suites of the package, whatever stands in the place of one."""

TASKS = FIVE_TASKS.tasks
LADDER, SAMPLE = "as_boundary_ladder", "as_distribution_sample"

pytestmark = pytest.mark.usefixtures("five_tasks")


@pytest.fixture(scope="module")
def pair_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run of a made-up pair: its four roles, as ``angels-share run`` names them."""
    folder = tmp_path_factory.mktemp("pair")
    write_run(folder / "teacher", TASKS, noisy(1, 0.9), sampling_seed=1, model="teacher-model")
    write_run(folder / "student", TASKS, noisy(2, 0.6), sampling_seed=2, model="student-model")
    write_run(folder / "teacher_repeat", TASKS, noisy(3, 0.9), sampling_seed=3, model="teacher-model")
    calibration = {"sampling_seed": 4, "item_seed": items.CALIBRATION_SEED, "model": "teacher-model"}
    write_run(folder / "teacher_calibration", TASKS, noisy(4, 0.9), **calibration)
    return folder


def refused(outcome: Outcome, *words: str) -> None:
    """Check that a command could not run, said why in a line on standard error, and wrote no data."""
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert "Traceback" not in outcome.err
    assert outcome.err.count("\n") == 1
    for word in words:
        assert word in outcome.err


def unwrapped(text: str) -> str:
    return " ".join(text.split())


# --- the command itself ----------------------------------------------------------------------------------------------


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    for name in ("list", "config", "run", "score", "statement", "lock", "leaderboard", "models"):
        assert name in shown.stdout


@pytest.mark.parametrize("name", ["list", "config", "run", "score", "statement", "lock", "leaderboard", "models"])
def test_every_command_explains_itself(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    assert len(shown.stdout.split()) > 10


@pytest.mark.parametrize(
    "arguments",
    [
        ["scroe"],
        ["score"],
        ["score", "x", "--no-such-option"],
        ["config"],
        ["run", "--suite", "high_risk"],
        ["score", "x", "--resamples", "many"],
        ["score", "x", "--resamples", "99"],
        ["config", "--suite", "high_risk", "--seed", "zero"],
    ],
)
def test_wrong_usage(command: Callable[..., Outcome], arguments: list[str]) -> None:
    outcome = command(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "Usage: " in outcome.err
    assert "Traceback" not in outcome.err


# --- list ------------------------------------------------------------------------------------------------------------


def test_list_of_suites(command: Callable[..., Outcome]) -> None:
    outcome = command("list")
    assert outcome == command("list", "suites")
    assert (outcome.code, outcome.err) == (0, "")
    for name, suite in spec.suites().items():
        for word in (name, suite.version, *suite.rows, suite.primary.metric):
            assert word in outcome.out


def test_list_of_tasks(command: Callable[..., Outcome]) -> None:
    outcome = command("list", "tasks", "--track", "toy")
    assert (outcome.code, outcome.err) == (0, "")
    rows = [line for line in outcome.out.splitlines() if line.startswith("│ as_")]
    assert len(rows) == len(spec.tasks())
    for row, (name, task) in zip(rows, spec.tasks().items(), strict=True):
        measure = task.measure
        assert row.split()[1].startswith(name[:16])
        assert measure.row in row
        assert ("likelihoods" if measure.readout == "likelihood" else "text") in row
        size = n_clusters(measure.clusters, "standard") * measure.per_cluster
        assert f" {size:,} " in row or measure.first_stage


def test_list_of_rows(command: Callable[..., Outcome]) -> None:
    outcome = command("list", "rows", "--track", "toy", "--profile", "pilot")
    assert (outcome.code, outcome.err) == (0, "")
    for row, names in spec.rows().items():
        (line,) = (line for line in outcome.out.splitlines() if line.startswith(f"│ {row} "))
        assert f" {len(names)} " in line


def test_list_tells_the_time_for_a_speed(command: Callable[..., Outcome]) -> None:
    arguments = ("list", "suites", "--track", "toy", "--profile", "pilot")
    assert "time" not in command(*arguments).out
    requests = cost_of(spec.suite("privacy").tasks, "toy", "pilot").requests
    assert requests > 3600
    for rate in (1, 1000):
        shown = command(*arguments, "--requests-per-second", rate).out
        (line,) = (line for line in shown.splitlines() if line.startswith("│ privacy "))
        minutes = math.ceil(requests / rate / 60)
        told = f"{minutes // 60} h {minutes % 60:02} min" if rate == 1 else f"{minutes} min"
        assert line.split("│")[-2].strip() == told


def test_list_by_text_counts_what_can_be_run(command: Callable[..., Outcome]) -> None:
    whole, text = (command("list", "rows", "--track", "toy", "--access", access).out for access in spec.ACCESS)
    privacy = [out.split("│ privacy ")[1].splitlines()[0] for out in (whole, text)]
    assert privacy[0] != privacy[1]


def test_list_of_something_else(command: Callable[..., Outcome]) -> None:
    refused(command("list", "models"), "cannot list 'models'; choose suites, rows or tasks")


# --- config ----------------------------------------------------------------------------------------------------------

CONFIG = ("config", "--suite", "high_risk", "--track", "toy", "--profile", "pilot", "--seed", 3, "--batch-size", 16)


def test_config_on_standard_output_is_yaml_and_nothing_else(command: Callable[..., Outcome]) -> None:
    outcome = command(*CONFIG)
    assert (outcome.code, outcome.err) == (0, "")
    content = yaml.safe_load(outcome.out)
    assert content["tasks"] == ["as_suite_high_risk"]
    assert content["include_path"] == [str(package_folder("tasks")), str(package_folder("suites"))]
    assert content["metadata"] == {"as_track": "toy", "as_profile": "pilot", "as_seed": 3}
    assert (content["model"], content["batch_size"]) == ("hf", 16)


def test_config_in_a_file(command: Callable[..., Outcome], tmp_path: Path) -> None:
    shown, kept = command(*CONFIG), command(*CONFIG, "-o", tmp_path / "as.yaml")
    assert (kept.code, kept.out) == (0, "")
    assert unwrapped(kept.err) == f"wrote {tmp_path / 'as.yaml'}"
    assert (tmp_path / "as.yaml").read_text("utf-8") == shown.out


def test_config_of_an_unknown_suite(command: Callable[..., Outcome]) -> None:
    refused(
        command("config", "--suite", "high_rsk"),
        "suite 'high_rsk' is unknown. Did you mean high_risk or high_risk_hub?",
    )


# --- the key of the privacy tasks ------------------------------------------------------------------------------------

SECRETS = "as_privacy_canary"


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a suite with a privacy task in the place of the suite."""
    cut = spec.suite("high_risk").model_copy(update={"tasks": (LADDER, SECRETS)})
    monkeypatch.setattr(planning, "suite", lambda name: cut)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    canaries.write(tmp_path / "lists", canaries.key_of(7, (0,), "pilot"))
    return tmp_path / "lists" / "key.json"


def test_config_with_a_key_has_its_content(command: Callable[..., Outcome], private: None, key: Path) -> None:
    outcome = command(*CONFIG, "--canaries", key)
    assert (outcome.code, outcome.err) == (0, "")
    assert yaml.safe_load(outcome.out)["metadata"]["as_canaries"] == json.loads(key.read_text("utf-8"))
    assert yaml.safe_load(outcome.out)["tasks"] == ["as_suite_high_risk"]
    assert str(key.parent) not in outcome.out


def test_config_without_a_key_leaves_privacy_out_and_says_so(command: Callable[..., Outcome], private: None) -> None:
    outcome = command(*CONFIG)
    assert outcome.code == 0
    assert yaml.safe_load(outcome.out)["tasks"] == [LADDER]
    assert outcome.err.count("\n") == 1
    assert SECRETS in outcome.err
    assert "--canaries" in outcome.err
    assert f"# {outcome.err.strip()}" in outcome.out.splitlines()


def test_run_hands_the_key_on(
    command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, private: None, tmp_path: Path, key: Path
) -> None:
    recorder = Recorder(monkeypatch)
    given = (*RUN, "--teacher", "hf:pretrained=t", "-o", tmp_path / "new")
    with_key, without = command(*given, "--canaries", key), command(*given)
    assert (with_key.code, without.code) == (0, 0)
    assert [planned.settings.tasks for planned in recorder.runs] == [(LADDER, SECRETS), (LADDER,)]
    assert recorder.runs[0].settings.canaries == canaries.read_key(key)
    assert "left out" not in with_key.err
    assert without.err.splitlines()[0].startswith(f"left out, and charged as unmeasured: {SECRETS};")
    assert str(key) not in with_key.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--canaries", "nowhere.json"), ("nowhere.json: is no key of `angels-share canaries make`",)),
        (("--canaries", "{key}", "--track", "small"), ("track small asks for level 1, but the key inserted [0]",)),
        (("--canaries", "{key}", "--profile", "full"), ("profile full asks for more texts than the key inserted",)),
    ],
)
@pytest.mark.parametrize("name", ["run", "config"])
def test_key_that_cannot_be_used(
    command: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    key: Path,
    name: str,
    arguments: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    recorder = Recorder(monkeypatch)
    begin = (*RUN, "--teacher", "hf:pretrained=t", "-o", tmp_path / "new") if name == "run" else CONFIG
    refused(command(*begin, *(word.format(key=key) for word in arguments)), *words)
    assert recorder.runs == []
    assert not (tmp_path / "new").exists()


# --- run -------------------------------------------------------------------------------------------------------------


class Recorder:
    """Stands in for running models and remembers what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs: list[harness.PairRun] = []
        self.adopted: list[Path] = []
        monkeypatch.setattr(harness, "run", self.runs.append)
        monkeypatch.setattr(harness, "adopt_teacher", lambda folder, planned: self.adopted.append(folder))


RUN = ("run", "--suite", "high_risk", "--student", "hf:pretrained=s,dtype=float32", "--track", "toy")


def test_run_hands_every_option_on(
    command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recorder = Recorder(monkeypatch)
    given = (
        *("--teacher", "vllm:pretrained=t", "-o", tmp_path, "--profile", "lite", "--seed", 5, "--repeat"),
        *("--no-calibrate", "--batch-size", "auto", "--device", "cpu", "--apply-chat-template"),
        *("--system-instruction", "Be brief.", "--teacher-seed", 21, "--student-seed", 22),
        "--no-second-stage",
    )
    outcome = command(*RUN, *given)
    assert (outcome.code, outcome.out) == (0, "")
    (planned,) = recorder.runs
    assert planned.output == tmp_path
    assert planned.settings == harness.Settings(
        ("high_risk",), "toy", "lite", 5, "auto", "cpu", apply_chat_template=True, system_instruction="Be brief."
    )
    assert [(role.name, role.model.backend, role.sampling_seed) for role in planned.roles] == [
        ("teacher", "vllm", 21),
        ("student", "hf", 22),
        ("teacher_repeat", "vllm", 13),
    ]
    assert outcome.err.count("lm-eval run ") == 3
    assert f"Next: angels-share score {tmp_path}" in outcome.err


def test_run_calibrates_unless_told_otherwise(
    command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recorder = Recorder(monkeypatch)
    assert command(*RUN, "--teacher", "hf:pretrained=t", "-o", tmp_path).code == 0
    first = ["teacher", "student", "teacher_calibration"]
    assert [role.label for role in recorder.runs[0].roles] == [*first, "teacher_stage2", "student_stage2"]
    assert recorder.adopted == []


def test_run_with_a_finished_teacher(
    command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pair_folder: Path
) -> None:
    recorder = Recorder(monkeypatch)
    assert command(*RUN, "--teacher-run", pair_folder, "-o", tmp_path).code == 0
    assert recorder.adopted == [pair_folder]
    assert [role.name for role in recorder.runs[0].roles] == ["student"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["--teacher", "hf"], ("model 'hf': expected backend:key=value,…",)),
        (["--teacher", "hff:pretrained=t"], ("lm-eval has no backend 'hff'", "Did you mean hf")),
        (["--teacher", "hf:pretrained=t", "--track", "toi"], ("track 'toi' is unknown. Did you mean toy?",)),
        (["--teacher", "hf:pretrained=t", "--profile", "lit"], ("profile 'lit' is unknown. Did you mean lite?",)),
        (["--teacher", "hf:pretrained=t", "--suite", "risk"], ("suite 'risk' is unknown. Did you mean high_risk?",)),
        (["--teacher", "hf:pretrained=t", "--student-seed", 11], ("teacher and student have one sampling seed, 11",)),
        ([], ("give either --teacher or --teacher-run",)),
        (["--teacher", "hf:pretrained=t", "--teacher-run", "x"], ("give either --teacher or --teacher-run",)),
    ],
)
def test_run_that_cannot_start(
    command: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    changed: list[object],
    words: tuple[str, ...],
) -> None:
    recorder = Recorder(monkeypatch)
    refused(command(*RUN, "-o", tmp_path / "new", *changed), *words)
    assert recorder.runs == []
    assert not (tmp_path / "new").exists()


def test_run_with_a_teacher_that_ran_otherwise(
    command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path
) -> None:
    outcome = command(*RUN, "--teacher-run", pair_folder, "-o", tmp_path / "new", "--seed", 9)
    assert (outcome.code, outcome.out) == (2, "")
    last = outcome.err.splitlines()[-1]
    assert last.startswith(f"error: {pair_folder / 'teacher'}: as_")
    assert "'as_seed': 0}, but now" in last
    assert not (tmp_path / "new").exists()


# --- score -----------------------------------------------------------------------------------------------------------


def scored(folder: Path, **changed: Any) -> PairScore:
    runs = {name: read_run(folder / name) for name in harness.DEFAULT_SEEDS}
    given: dict[str, Any] = {
        "suites": ["high_risk"],
        "repeat": runs["teacher_repeat"],
        "calibration": runs["teacher_calibration"],
        "resamples": 100,
    }
    return score_pair(runs["teacher"], runs["student"], **(given | changed))


def test_score_of_a_pair_in_a_file_is_the_model(
    command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path
) -> None:
    path = tmp_path / "deep" / "score.json"
    outcome = command("score", pair_folder, "--resamples", 100, "-o", path)
    assert outcome.code == 0
    assert unwrapped(outcome.err) == f"wrote {path}"
    assert PairScore.model_validate_json(path.read_text("utf-8")) == scored(pair_folder)


def test_score_prints_every_task_and_suite(command: Callable[..., Outcome], pair_folder: Path) -> None:
    outcome = command("score", pair_folder, "--resamples", 100)
    assert (outcome.code, outcome.err) == (0, "")
    made = scored(pair_folder)
    assert "student-model ← teacher-model   track toy, pilot, item seed 0" in outcome.out
    lines = {line.split()[0]: line for line in outcome.out.splitlines() if line.strip()}
    for task in made.tasks:
        assert task.verdict in lines[task.task]
        if task.loss is not None:
            assert " ".join(told(task.loss)) in lines[task.task]
    (suite,) = made.suites
    assert suite.angels_share is not None
    assert f"{100 * suite.angels_share.total.value:.1f} [" in lines["angel's"]
    for flag in made.flags:
        assert f"flag: {flag}" in outcome.out


@pytest.fixture
def better_pair(tmp_path: Path, pair_folder: Path) -> Path:
    """Return the run of another student of the same teacher."""
    folder = tmp_path / "better"
    shutil.copytree(pair_folder, folder, ignore=shutil.ignore_patterns("student"))
    write_run(folder / "student", TASKS, noisy(5, 0.9), sampling_seed=5, model="better-student")
    return folder


def test_rank_puts_the_better_student_first(
    command: Callable[..., Outcome], pair_folder: Path, better_pair: Path
) -> None:
    outcome = command("rank", pair_folder, better_pair, "--suite", "high_risk", "--resamples", 200)
    assert outcome.code == 0
    assert f"{better_pair}: better-student ← teacher-model" in outcome.out
    assert "teachers differ" not in outcome.out
    lines = [line.split() for line in outcome.out.splitlines()]
    ranked = [words for words in lines if words and words[0] in ("1", "2")]
    assert [words[0] for words in ranked] == ["1", "2"]
    assert ranked[0][1][:5] == str(better_pair)[:5]
    runs = [read_run(folder / "student") for folder in (better_pair, pair_folder)]
    ours, decided = read_run(pair_folder / "teacher"), read_run(pair_folder / "teacher_calibration")
    for run, words in zip(runs, ranked, strict=True):
        made = score_pair(ours, run, suites=["high_risk"], calibration=decided, resamples=200)
        assert told(made.suites[0].composite) == words[8:11]


def test_rank_needs_pairs_on_the_same_items(command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path) -> None:
    refused(command("rank", pair_folder, "--suite", "high_risk"), "is one pair; give the folders of two or more")
    write_run(tmp_path / "teacher", TASKS, noisy(1, 0.9), sampling_seed=1, item_seed=5)
    write_run(tmp_path / "student", TASKS, noisy(2, 0.6), sampling_seed=2, item_seed=5)
    outcome = command("rank", pair_folder, tmp_path, "--suite", "high_risk", "--resamples", 200)
    refused(outcome, f"{tmp_path}: item_seed is 5, but 0 in {pair_folder}; only pairs on the same items are ranked")


def test_score_prints_the_ends_of_the_scale(command: Callable[..., Outcome], pair_folder: Path) -> None:
    outcome = command("score", pair_folder, "--suite", "high_risk", "--resamples", 100, "--controls")
    assert outcome.code == 0
    told = {
        name: next(line for line in outcome.out.splitlines() if line.split()[:1] == ["high_risk"] and words in line)
        for name, words in scoring_commands.CONTROLS.items()
    }
    composites = {name: float(line.replace("[", " ").replace("−", "-").split()[-3]) for name, line in told.items()}
    assert composites["oracle"] > 0 > max(composites[name] for name in ("constant", "uniform", "shuffled"))


def test_brief_score_is_one_line_a_suite(command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path) -> None:
    """Most of the second suite was not run, its primary task among it: that suite has no retention."""
    path = tmp_path / "score.json"
    names = ("high_risk", "synthetic_data")
    asked = [word for name in names for word in ("--suite", name)]
    outcome = command("score", pair_folder, *asked, "--resamples", 100, "--brief", "-o", path)
    assert outcome.code == 0
    made = PairScore.model_validate_json(path.read_text("utf-8"))
    assert tuple(suite.suite for suite in made.suites) == names
    lines = [line.split() for line in outcome.out.splitlines() if line.split()[:1] and line.split()[0] in names]
    assert [line[0] for line in lines] == list(names)
    for line, suite in zip(lines, made.suites, strict=True):
        assert suite.angels_share is not None
        assert line[1:] == [
            *told(suite.primary.retention),
            *told(suite.angels_share.total),
            *told(suite.composite),
            f"{suite.coverage:.0%}",
            *("no,", str(len(suite.reasons)), "reasons"),
        ]
    assert made.suites[0].primary.retention is not None
    assert made.suites[1].primary.retention is None
    assert lines[1][1] == "none"
    assert not [task.task for task in made.tasks if task.task in outcome.out]


def told(estimate: Estimate | None) -> list[str]:
    """Return the words that a table has for a number."""
    if estimate is None:
        return ["none"]
    text = f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
    return text.replace("-", "−").split()


def answered_nothing(names: Sequence[str]) -> Run:
    """Return a run of which it matters only which tasks it holds, and whether any has likelihoods."""
    logs = {name: TaskLog(spec.task(name), SETTINGS, (), ()) for name in names}
    likelihoods = np.zeros((0, 2))
    return Run(
        place="here",
        model="m",
        tasks={
            name: replace(log, log_likelihoods=likelihoods)
            if log.spec.measure.readout == "likelihood"
            else replace(log, texts=())
            for name, log in logs.items()
        },
    )


@pytest.mark.parametrize("name", ["reasoning", "rag", "synthetic_data", "code_tools"])
def test_suite_of_a_pair_that_was_run_by_text_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What needs likelihoods and has no twin in words cannot have been run, and is no part that is missing."""
    monkeypatch.setattr(spec, "suites", lambda: SUITES)
    seen = spec.suite(name).seen_by("text")
    readable = [task for task in seen.tasks if spec.readable(task, "text")]
    assert 0 < len(readable) < len(seen.tasks)
    run = answered_nothing(readable)
    assert scoring_commands._covered(run, run) == [name]
    more = answered_nothing([*readable, *spec.suite(name).tasks])
    assert scoring_commands._covered(more, more) == [name]


def test_suite_of_which_most_was_run() -> None:
    whole = spec.suite("rag").tasks
    assert scoring_commands._covered(answered_nothing(whole[:-1]), answered_nothing(whole[:-2])) == ["rag"]
    assert scoring_commands._covered(answered_nothing([]), answered_nothing([])) == []


def test_scoring_twice_gives_the_same_bytes(command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path) -> None:
    for name in ("one.json", "two.json"):
        assert command("score", pair_folder, "--resamples", 100, "-o", tmp_path / name).code == 0
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_score_of_two_folders(command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path) -> None:
    path = tmp_path / "score.json"
    folders = (pair_folder / "teacher", pair_folder / "student")
    assert command("score", *folders, "--suite", "high_risk", "--resamples", 100, "-o", path).code == 0
    written = PairScore.model_validate_json(path.read_text("utf-8"))
    assert written == scored(pair_folder, repeat=None, calibration=None)
    extra = ("--repeat", pair_folder / "teacher_repeat", "--calibration", pair_folder / "teacher_calibration")
    assert command("score", *folders, *extra, "--resamples", 100, "-o", path).code == 0
    assert PairScore.model_validate_json(path.read_text("utf-8")) == scored(pair_folder)


def test_score_says_what_was_not_measured(command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path) -> None:
    some = write_run(tmp_path / "student", TASKS[:-1], noisy(2, 0.6), sampling_seed=2)
    outcome = command("score", pair_folder / "teacher", some, "--resamples", 100)
    assert outcome.code == 0
    assert f"{TASKS[-1]} was not measured (charged in full): the student's run lacks this task" in outcome.out


def spoil_samples(folder: Path) -> None:
    path = next(folder.rglob(f"samples_{LADDER}_*.jsonl"))
    path.write_bytes(path.read_bytes()[:-50])


def spoil_results(folder: Path) -> None:
    path = next(folder.rglob("results_*.json"))
    path.write_bytes(path.read_bytes()[:-50])


def limit(folder: Path) -> None:
    path = next(folder.rglob("results_*.json"))
    content = json.loads(path.read_text("utf-8"))
    content["config"]["limit"] = 10
    path.write_text(json.dumps(content), "utf-8")


def remove_samples(folder: Path) -> None:
    next(folder.rglob(f"samples_{LADDER}_*.jsonl")).unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_samples, ("samples_as_boundary_ladder", "garbled or truncated", "run the task again")),
        (spoil_results, ("results_2026", "cannot be read as JSON", "was the run killed")),
        (limit, ("--limit 10", "a cut run cannot be scored")),
        (remove_samples, ("samples_as_boundary_ladder", "missing; run lm-eval with --log_samples")),
    ],
)
def test_score_of_a_damaged_log(
    command: Callable[..., Outcome],
    tmp_path: Path,
    pair_folder: Path,
    spoil: Callable[[Path], None],
    words: tuple[str, ...],
) -> None:
    student = write_run(tmp_path / "student", [LADDER], noisy(2), sampling_seed=2)
    spoil(student)
    path = tmp_path / "score.json"
    refused(command("score", pair_folder / "teacher", student, "-o", path), *words)
    assert not path.exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"item_seed": 5}, ("teacher has item_seed 0, student 5", "--metadata as_seed")),
        ({"profile": "lite"}, ("teacher has profile pilot, student lite", "--metadata as_profile")),
        ({"track": "small"}, ("teacher has track toy, student small", "--metadata as_track")),
    ],
)
def test_score_of_runs_of_other_items(
    command: Callable[..., Outcome],
    tmp_path: Path,
    pair_folder: Path,
    changed: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    student = write_run(tmp_path / "student", [LADDER], noisy(2), sampling_seed=2, **changed)
    refused(command("score", pair_folder / "teacher", student), *words)


def test_score_of_runs_with_other_versions(command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path) -> None:
    student = write_run(tmp_path / "student", [LADDER], noisy(2), sampling_seed=2)
    path = next(student.rglob("results_*.json"))
    content = json.loads(path.read_text("utf-8"))
    content["configs"][LADDER]["metadata"]["version"] = 7.0
    path.write_text(json.dumps(content), "utf-8")
    refused(command("score", pair_folder / "teacher", student), "version 0.1", "version 7.0", "same release")


def test_score_with_a_calibration_of_another_model(command: Callable[..., Outcome], pair_folder: Path) -> None:
    folders = (pair_folder / "teacher", pair_folder / "student")
    outcome = command("score", *folders, "--calibration", pair_folder / "student")
    refused(outcome, "the calibration run is of student-model, the teacher's of teacher-model")


def test_score_of_runs_that_mix_settings(command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path) -> None:
    student = write_run(tmp_path / "student", [LADDER], noisy(2), sampling_seed=2)
    teacher = write_run(tmp_path / "teacher", [LADDER], noisy(1))
    write_run(tmp_path / "other", [SAMPLE], noisy(1), item_seed=5)
    for path in (tmp_path / "other" / "model").iterdir():
        path.rename(teacher / "model" / path.name.replace("2026-01", "2026-02"))
    outcome = command("score", teacher, student, "--resamples", 100)
    refused(outcome, "the logs mix several settings", "item seed 0", "item seed 5", "with the same ones")


def test_score_of_one_sampling_seed_is_charged_not_refused(
    command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path
) -> None:
    student = write_run(tmp_path / "student", TASKS, noisy(2, 0.6), sampling_seed=1)
    outcome = command("score", pair_folder / "teacher", student, "--resamples", 100)
    assert outcome.code == 0
    assert f"{SAMPLE} was not measured (charged in full): COUPLED" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ("nowhere: holds no run of the teacher or the student; see `angels-share run`",)),
        (["nowhere", "elsewhere"], ("nowhere: no such folder; give the --output_path of an lm-eval run",)),
        (["{pair}", "--suite", "high_rsk"], ("suite 'high_rsk' is unknown. Did you mean high_risk or high_risk_hub?",)),
        (["{pair}", "--repeat", "nowhere"], ("nowhere: no such folder",)),
        (["{pair}", "--statement", "nowhere.yaml"], ("nowhere.yaml",)),
    ],
)
def test_score_of_what_is_not_there(
    command: Callable[..., Outcome], pair_folder: Path, arguments: list[str], words: tuple[str, ...]
) -> None:
    refused(command("score", *(word.format(pair=pair_folder) for word in arguments)), *words)


def test_score_with_a_statement_uses_its_claims_and_margins(
    command: Callable[..., Outcome], pair_folder: Path, tmp_path: Path
) -> None:
    score_file, stated = tmp_path / "score.json", tmp_path / "statement.json"
    assert command("score", pair_folder, "-o", score_file, "--resamples", 100).code == 0
    without = PairScore.model_validate_json(score_file.read_text("utf-8"))
    assert command("statement", score_file, "-o", stated).code == 0
    content = json.loads(stated.read_text("utf-8"))
    content["suites"]["high_risk"]["epsilon"] = 0.9
    stated.write_text(json.dumps(content), "utf-8")
    assert command("score", pair_folder, "-o", score_file, "--statement", stated, "--resamples", 100).code == 0
    made = PairScore.model_validate_json(score_file.read_text("utf-8"))
    assert (without.epsilon_author, made.epsilon_author) == (None, 0.9)
    assert {t.verdict for t in made.tasks} >= {"HARMFUL"}
    assert "HARMFUL" not in {t.verdict_author for t in made.tasks}
    share = made.suites[0].angels_share
    assert share is not None
    assert share.accounted > 0
    content["suites"] = {"rag": content["suites"]["high_risk"]}
    stated.write_text(json.dumps(content), "utf-8")
    refused(
        command("score", pair_folder, "--statement", stated, "--suite", "high_risk"), "says nothing of suite high_risk"
    )


def test_statement_of_something_that_is_no_score(command: Callable[..., Outcome], tmp_path: Path) -> None:
    path = tmp_path / "score.json"
    refused(command("statement", path, "-o", tmp_path / "s.yaml"), f"{path}: cannot be read")
    path.write_text('{"schema_version": 1}', "utf-8")
    refused(
        command("statement", path, "-o", tmp_path / "s.yaml"), "is no score of this release", "score the pair again"
    )
    assert not (tmp_path / "s.yaml").exists()


# --- lock ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tasks_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put an empty folder in the place of the package's tasks, for the lock only; item digests are made up."""

    def made() -> dict[str, dict[str, Any]]:
        return {"as_one@0.1": {"measure": "m1", "items": {"0": "i1"}}, "as_two@0.1": {"measure": "m2", "items": {}}}

    monkeypatch.setattr(scoring_commands, "package_folder", lambda name: tmp_path)
    monkeypatch.setattr(spec, "package_folder", lambda name: tmp_path)
    monkeypatch.setattr(spec, "make_lock", made)
    spec.lock.cache_clear()
    yield tmp_path
    spec.lock.cache_clear()


def change_lock(folder: Path, change: Callable[[dict[str, Any]], object]) -> bytes:
    path = folder / "LOCK.json"
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")
    spec.lock.cache_clear()
    return path.read_bytes()


def test_lock_is_written_and_then_holds(command: Callable[..., Outcome], tasks_folder: Path) -> None:
    first = command("lock")
    assert (first.code, first.out) == (0, "")
    assert "2 new, 2 in all" in unwrapped(first.err)
    assert json.loads((tasks_folder / "LOCK.json").read_text("utf-8")) == spec.make_lock()
    spec.lock.cache_clear()
    assert command("lock", "--check") == Outcome(0, "", "")


def test_check_of_a_task_that_is_not_locked(command: Callable[..., Outcome], tasks_folder: Path) -> None:
    assert command("lock").code == 0
    before = change_lock(tasks_folder, lambda held: held.pop("as_two@0.1"))
    outcome = command("lock", "--check")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "as_two@0.1: is not locked yet; run angels-share lock\n"
    assert (tasks_folder / "LOCK.json").read_bytes() == before


@pytest.mark.parametrize("option", [[], ["--check"]])
@pytest.mark.parametrize("part", [{"measure": "other"}, {"items": {"0": "other"}}])
def test_changed_task_is_never_locked_over(
    command: Callable[..., Outcome], tasks_folder: Path, option: list[str], part: dict[str, Any]
) -> None:
    assert command("lock").code == 0
    before = change_lock(tasks_folder, lambda held: held["as_one@0.1"].update(part))
    outcome = command("lock", *option)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "as_one@0.1: changed since it was locked; raise the version in its YAML\n"
    assert (tasks_folder / "LOCK.json").read_bytes() == before


def test_lock_keeps_earlier_versions(command: Callable[..., Outcome], tasks_folder: Path) -> None:
    assert command("lock").code == 0
    earlier = {"measure": "old", "items": {}}
    change_lock(tasks_folder, lambda held: held.update({"as_one@0.0": earlier}))
    outcome = command("lock")
    assert "0 new, 3 in all" in unwrapped(outcome.err)
    assert json.loads((tasks_folder / "LOCK.json").read_text("utf-8"))["as_one@0.0"] == earlier


def test_lock_that_holds(command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "make_lock", spec.lock)
    assert command("lock", "--check") == Outcome(0, "", "")
