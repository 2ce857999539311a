"""Running pairs: plans, configurations, resuming, and what is refused before anything is lost.

The fast tests run lm-eval with a made-up backend; the slow ones with its ``hf`` backend on tiny random models.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from angels_share import __version__, canaries, harness, spec
from angels_share.errors import AngelsShareError, LogError, RunError, SpecError
from angels_share.harness import (
    ModelChoice,
    PairRun,
    Role,
    Settings,
    adopt_teacher,
    commands,
    finished_tasks,
    lm_eval_config,
    plan,
    planning,
    roles_of,
    run,
    running,
)
from angels_share.items import CALIBRATION_SEED, load_module, package_folder
from angels_share.logs import Run, TaskLog, read_run
from angels_share.models import weights_digest
from angels_share.observables import get_utility, observe
from angels_share.score import score_pair
from synthetic import FIVE_TASKS, make_items, noisy, write_run

HIGH_RISK = spec.suite("high_risk")
"""The suite of the package, whatever stands in its place."""

TASKS = FIVE_TASKS.tasks
LADDER, SAMPLE = "as_boundary_ladder", "as_distribution_sample"
TOY = Settings(("high_risk",), "toy", "pilot")
TEACHER, STUDENT = ModelChoice("made_up", {"pretrained": "one"}), ModelChoice("made_up", {"pretrained": "two"})

pytestmark = pytest.mark.usefixtures("five_tasks")


# --- a backend without a model ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def made_up_backend() -> None:
    """Register a backend that answers at random, from the seeds that lm-eval sets."""
    from lm_eval.api.model import LM
    from lm_eval.api.registry import model_registry, register_model

    if "made_up" in model_registry:
        return

    @register_model("made_up")
    class MadeUp(LM):
        def __init__(self, pretrained: str, batch_size: str = "1", **others: object) -> None:
            super().__init__()
            if pretrained == "broken":
                raise OSError("no weights\nand a second line")
            self.name = pretrained

        def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            return [(-5 * random.random(), False) for _ in requests]

        def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
            return [random.choice(["oak", "ash", "7", f"{self.name} says"]) for _ in requests]

        def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
            raise NotImplementedError


@pytest.fixture(autouse=True)
def quick_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the second that lm-eval spends on describing the machine after each task."""
    import torch.utils.collect_env

    monkeypatch.setattr(torch.utils.collect_env, "get_pretty_env_info", lambda: "a machine")


@pytest.fixture
def two_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the suite down to a greedy and a sampled task."""
    suite = spec.suite("high_risk")
    cut = suite.model_copy(update={"tasks": (LADDER, SAMPLE), "second_stage": ()})
    monkeypatch.setattr(planning, "suite", lambda name: cut)


def small_plan(output: Path, settings: Settings = TOY, **changed: Any) -> PairRun:
    given: dict[str, Any] = {
        "teacher": TEACHER,
        "student": STUDENT,
        "calibrate": False,
        "second_stage": False,
    } | changed
    return plan(output, settings, **given | changed)


def written(folder: Path) -> dict[str, int]:
    """Return the modification time of every log file below a folder, in nanoseconds."""
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*_*.json*")}


def digests(folder: Path) -> dict[str, str]:
    return {name: log.responses_digest for name, log in read_run(folder).tasks.items()}


class Killer:
    """Runs tasks until a number of them is done, then behaves as Ctrl-C does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tasks: int) -> None:
        self.done = 0
        self._real = running._run_task
        self._tasks = tasks
        monkeypatch.setattr(running, "_run_task", self)

    def __call__(self, *args: Any) -> None:
        if self.done == self._tasks:
            raise KeyboardInterrupt
        self._real(*args)
        self.done += 1


# --- models as text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "backend", "args"),
    [
        ("hf:pretrained=models/toy-teacher", "hf", {"pretrained": "models/toy-teacher"}),
        ("hf:pretrained=a,dtype=float32", "hf", {"pretrained": "a", "dtype": "float32"}),
        ("vllm:pretrained=org/name,", "vllm", {"pretrained": "org/name"}),
        ("local-completions:base_url=http://x:8000/v1?a=b", "local-completions", {"base_url": "http://x:8000/v1?a=b"}),
        ("hf:pretrained=C:\\models\\a", "hf", {"pretrained": "C:\\models\\a"}),
    ],
)
def test_model_is_read(text: str, backend: str, args: dict[str, str]) -> None:
    parsed = ModelChoice.parse(text)
    assert (parsed.backend, parsed.args) == (backend, args)
    assert ModelChoice.parse(f"{backend}:{parsed.args_text}") == parsed


@pytest.mark.parametrize("text", ["", "hf", "hf:", ":pretrained=a", "models/toy", "hf:models/toy", "hf:pretrained=a,b"])
def test_malformed_model(text: str) -> None:
    with pytest.raises(RunError, match=r"expected backend:key=value,…, such as hf:pretrained=.*") as caught:
        ModelChoice.parse(text)
    assert str(caught.value).startswith(f"model {text!r}: ")


# --- plans -----------------------------------------------------------------------------------------------------------


def test_roles_of_a_plan(tmp_path: Path) -> None:
    made = small_plan(tmp_path, calibrate=True, repeat=True)
    assert [(r.name, r.model, r.sampling_seed, r.batch_size) for r in made.roles] == [
        ("teacher", TEACHER, 11, "8"),
        ("student", STUDENT, 12, "8"),
        ("teacher_repeat", TEACHER, 13, "4"),
        ("teacher_calibration", TEACHER, 14, "8"),
    ]


@pytest.mark.parametrize("batch_size", ["1", "2", "4", "8", "auto"])
def test_repeat_has_another_batch_size(tmp_path: Path, batch_size: str) -> None:
    made = plan(tmp_path, replace(TOY, batch_size=batch_size), teacher=TEACHER, student=STUDENT, repeat=True)
    sizes = {role.name: role.batch_size for role in made.roles}
    assert sizes["teacher"] == sizes["student"] == batch_size
    assert sizes["teacher_repeat"] != batch_size


def test_plan_without_a_teacher_runs_the_student_only(tmp_path: Path) -> None:
    made = plan(tmp_path, TOY, teacher=None, student=STUDENT, repeat=True)
    assert [role.name for role in made.roles] == ["student"]


def test_tasks_of_several_suites_are_run_once() -> None:
    assert Settings(("high_risk", "as_suite_high_risk"), "toy", "pilot").tasks == TASKS


def test_calibration_has_items_of_its_own() -> None:
    seeds = {role: replace(TOY, item_seed=5).metadata(role)["as_seed"] for role in harness.DEFAULT_SEEDS}
    assert seeds == {"teacher": 5, "student": 5, "teacher_repeat": 5, "teacher_calibration": CALIBRATION_SEED}


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ({"student": 11}, "teacher and student have one sampling seed, 11; their samples would be coupled, give each"),
        ({"teacher": 12}, "teacher and student have one sampling seed, 12"),
        ({"teacher": 13}, "teacher and teacher_repeat have one sampling seed, 13"),
        ({"teacher_calibration": 12}, "student and teacher_calibration have one sampling seed, 12"),
    ],
)
def test_equal_sampling_seeds(tmp_path: Path, seeds: dict[str, int], message: str) -> None:
    with pytest.raises(RunError, match=message):
        plan(tmp_path, TOY, teacher=TEACHER, student=STUDENT, repeat=True, seeds=seeds)


def test_seed_of_a_role_that_does_not_run_is_free(tmp_path: Path) -> None:
    plan(tmp_path, TOY, teacher=TEACHER, student=STUDENT, seeds={"student": 13})


@pytest.mark.parametrize(
    ("backend", "hint"), [("hff", r"Did you mean hf\b"), ("vlm", "Did you mean vllm"), ("zzzz", r"Known: .*hf, .*vllm")]
)
@pytest.mark.parametrize("side", ["teacher", "student"])
def test_unknown_backend(tmp_path: Path, backend: str, hint: str, side: str) -> None:
    models = {"teacher": TEACHER, "student": STUDENT, side: ModelChoice(backend, {"pretrained": "a"})}
    with pytest.raises(RunError, match=rf"lm-eval has no backend '{backend}'\. {hint}"):
        plan(tmp_path, TOY, **models)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            Settings(("high_rsk",), "toy", "pilot"),
            r"suite 'high_rsk' is unknown\. Did you mean high_risk or high_risk_hub\?",
        ),
        (Settings(("high_risk",), "toi", "pilot"), r"track 'toi' is unknown\. Did you mean toy\?"),
        (Settings(("high_risk",), "toy", "pillot"), r"profile 'pillot' is unknown\. Did you mean pilot\?"),
    ],
)
def test_unknown_names_in_a_plan(tmp_path: Path, settings: Settings, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        plan(tmp_path, settings, teacher=TEACHER, student=STUDENT)


def test_plan_without_a_suite(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nothing to run: no suite was named"):
        plan(tmp_path, Settings((), "toy", "pilot"), teacher=TEACHER, student=STUDENT)


def test_a_refused_plan_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(AngelsShareError):
        plan(tmp_path / "out", TOY, teacher=TEACHER, student=STUDENT, seeds={"student": 11})
    assert list(tmp_path.iterdir()) == []


# --- configurations and commands for plain lm-eval -------------------------------------------------------------------


def config(settings: Settings = TOY, backend: str = "hf") -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(lm_eval_config(settings, backend))
    return content


def test_config_names_the_folders_the_group_and_the_switch() -> None:
    assert config(Settings(("high_risk",), "small", "lite", 7)) == {
        "include_path": [str(package_folder("tasks")), str(package_folder("suites"))],
        "tasks": ["as_suite_high_risk"],
        "model": "hf",
        "batch_size": 8,
        "log_samples": True,
        "metadata": {"as_track": "small", "as_profile": "lite", "as_seed": 7},
        "model_args": {"dtype": "float32"},
        "gen_kwargs": {"top_k": 0, "top_p": 1.0},
    }


@pytest.mark.parametrize(("backend", "top_k"), [("hf", 0), ("vllm", -1), ("sglang", -1)])
def test_config_switches_truncation_off(backend: str, top_k: int) -> None:
    assert config(backend=backend)["gen_kwargs"] == {"top_k": top_k, "top_p": 1.0}


def test_config_of_another_backend_has_no_sampler_of_its_own() -> None:
    assert "gen_kwargs" not in config(backend="local-completions")
    assert "model_args" not in config(backend="local-completions")


def test_config_takes_over_what_was_chosen() -> None:
    chosen = replace(
        TOY, batch_size="auto", device="cuda:1", apply_chat_template=True, system_instruction="Be “brief”."
    )
    made = config(chosen)
    assert (made["batch_size"], made["device"]) == ("auto", "cuda:1")
    assert made["apply_chat_template"] is True
    assert made["system_instruction"] == "Be “brief”."


def test_config_of_an_unknown_suite() -> None:
    with pytest.raises(SpecError, match=r"Did you mean high_risk or high_risk_hub\?"):
        lm_eval_config(Settings(("hgh_risk",), "toy", "pilot"), "hf")


def test_config_is_taken_by_lm_eval(tmp_path: Path) -> None:
    from lm_eval.config.evaluate_config import EvaluatorConfig

    path = tmp_path / "as.yaml"
    path.write_text(lm_eval_config(TOY, "hf") + f"output_path: {tmp_path}\n", "utf-8")
    taken = EvaluatorConfig.from_config(path)
    assert taken.include_path == [str(package_folder("tasks")), str(package_folder("suites"))]
    assert taken.gen_kwargs == {"top_k": 0, "top_p": 1.0}
    assert taken.metadata["as_track"] == "toy"


def test_commands_say_everything_a_role_needs(tmp_path: Path) -> None:
    made = small_plan(tmp_path / "a run", replace(TOY, item_seed=3), calibrate=True, repeat=True)
    lines = [shlex.split(line) for line in commands(made)]
    assert len(lines) == 4
    for line, role in zip(lines, made.roles, strict=True):
        assert line[:2] == ["lm-eval", "run"]
        options = dict(zip(line[2::2], line[3::2], strict=True))
        assert options == {
            "--config": str(tmp_path / "a run" / f"{role.name}.yaml"),
            "--tasks": ",".join(TASKS),
            "--model": "made_up",
            "--model_args": f"pretrained={role.model.args['pretrained']}",
            "--batch_size": role.batch_size,
            "--seed": str(role.sampling_seed),
            "--metadata": json.dumps(made.settings.metadata(role.name)),
            "--output_path": str(tmp_path / "a run" / role.name),
        }


def test_commands_of_a_hub_suite_name_its_group_and_the_seed_of_the_examples(tmp_path: Path) -> None:
    """lm-eval's own tasks have their measures in the group alone, and the same examples for both models."""
    made = small_plan(tmp_path / "run", replace(TOY, suites=("high_risk", "rag_hub", "code_tools_hub")), repeat=True)
    asked = []
    for words in map(shlex.split, commands(made)):
        options = dict(zip(words[2::2], words[3::2], strict=True))
        role = Path(options["--output_path"]).name
        assert options["--config"] == str(tmp_path / "run" / f"{role}.yaml")
        asked.append((role, options["--tasks"], options["--seed"]))
    assert asked == [
        (role, tasks, seeds)
        for role, seed in (("teacher", 11), ("student", 12), ("teacher_repeat", 13))
        for tasks, seeds in (
            (",".join(TASKS), str(seed)),
            ("as_suite_rag_hub", f"{seed},{seed},{seed},1234"),
            ("as_suite_code_tools_hub", f"{seed},{seed},{seed},1234"),
        )
    ]


def test_commands_of_a_hub_suite_alone(tmp_path: Path) -> None:
    made = small_plan(tmp_path, replace(TOY, suites=("rag_hub",)))
    words = [shlex.split(line) for line in commands(made)]
    assert [line[line.index("--tasks") + 1] for line in words] == ["as_suite_rag_hub"] * 2
    assert [line[line.index("--seed") + 1] for line in words] == ["11,11,11,1234", "12,12,12,1234"]
    assert config(made.settings)["tasks"] == ["as_suite_rag_hub"]


@pytest.mark.parametrize(("suites", "seeds"), [(("high_risk",), "11"), (("high_risk", "rag_hub"), "11,11,11,1234")])
def test_config_says_with_which_seeds_to_run_it(suites: tuple[str, ...], seeds: str) -> None:
    header = lm_eval_config(replace(TOY, suites=suites), "hf").splitlines()[0]
    assert header.endswith(f" --seed {seeds}")


def test_hub_suites_are_not_compared_by_text(tmp_path: Path) -> None:
    settings = replace(TOY, suites=("high_risk", "rag_hub"), access="text")
    for ask in (lambda: small_plan(tmp_path / "new", settings), lambda: lm_eval_config(settings, "hf")):
        with pytest.raises(RunError, match=r"rag_hub is run whole.*without _hub"):
            ask()


def test_config_of_a_hub_suite_beside_another_names_its_group(tmp_path: Path) -> None:
    """The tasks of the other suite are named one by one, once each."""
    assert config(replace(TOY, suites=("high_risk", "rag_hub")))["tasks"] == [*TASKS, "as_suite_rag_hub"]


# --- runs ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a whole run of a pair, the teacher's repeat and calibration included."""
    output = tmp_path_factory.mktemp("finished") / "pair"
    with pytest.MonkeyPatch.context() as patch:
        import torch.utils.collect_env

        patch.setattr(torch.utils.collect_env, "get_pretty_env_info", lambda: "a machine")
        run(small_plan(output, calibrate=True, repeat=True))
    return output


def test_every_role_has_every_task_once(finished: Path) -> None:
    assert set(roles_of(finished)) == set(harness.DEFAULT_SEEDS)
    for name, folder in roles_of(finished).items():
        held = read_run(folder)
        assert set(held.tasks) == set(TASKS)
        assert held.model == ("two" if name == "student" else "one")
        for log in held.tasks.values():
            assert log.settings.sampling_seed == harness.DEFAULT_SEEDS[name]
            assert log.settings.item_seed == (CALIBRATION_SEED if name == "teacher_calibration" else 0)
            assert (log.settings.track, log.settings.profile, log.settings.backend) == ("toy", "pilot", "made_up")
        assert not (folder / ".partial").exists()


def test_documents_are_those_of_the_generators(finished: Path, tmp_path: Path) -> None:
    made = read_run(write_run(tmp_path, TASKS, noisy(1)))
    held = read_run(finished / "teacher")
    for name in TASKS:
        assert held.tasks[name].items == made.tasks[name].items
        assert held.tasks[name].items_digest == made.tasks[name].items_digest


def test_provenance_says_what_was_run(finished: Path) -> None:
    record = json.loads((finished / "run.json").read_text("utf-8"))
    assert record["schema_version"] == "angels-share/run/1"
    assert record["tasks"] == list(TASKS)
    assert record["suites"] == {"high_risk": spec.suite("high_risk").digest}
    assert (record["track"], record["profile"], record["item_seed"]) == ("toy", "pilot", 0)
    assert record["versions"]["angels-share"] == __version__
    assert set(record["versions"]) >= {"lm_eval", "torch", "transformers"}
    assert record["roles"]["student"] == {
        "backend": "made_up",
        "model_args": {"pretrained": "two"},
        "sampling_seed": 12,
        "batch_size": "8",
        "apply_chat_template": False,
        "system_instruction": None,
        "weights": None,
    }
    assert len(record["commands"]) == 4
    for name in harness.DEFAULT_SEEDS:
        assert yaml.safe_load((finished / f"{name}.yaml").read_text("utf-8"))["model"] == "made_up"


def test_configuration_of_the_calibration_asks_for_its_items(finished: Path) -> None:
    line = next(
        line
        for line in json.loads((finished / "run.json").read_text("utf-8"))["commands"]
        if "teacher_calibration" in line
    )
    assert f'"as_seed": {CALIBRATION_SEED}' in line


def test_run_of_a_pair_can_be_scored(finished: Path) -> None:
    folders = roles_of(finished)
    scored = score_pair(
        read_run(folders["teacher"]),
        read_run(folders["student"]),
        suites=["high_risk"],
        repeat=read_run(folders["teacher_repeat"]),
        calibration=read_run(folders["teacher_calibration"]),
        resamples=100,
    )
    assert {task.task for task in scored.tasks} == set(TASKS)


def test_a_second_run_changes_no_log(finished: Path) -> None:
    said: list[str] = []
    before = written(finished)
    run(small_plan(finished, calibrate=True, repeat=True, say=said.append))
    assert written(finished) == before
    assert said == [f"{role}: 5 of 5 tasks are there already" for role in harness.DEFAULT_SEEDS]


def test_progress_is_told(two_tasks: None, tmp_path: Path) -> None:
    said: list[str] = []
    run(small_plan(tmp_path, say=said.append))
    assert said == [
        "teacher: loading pretrained=one",
        f"teacher: task 1 of 2, {LADDER}",
        f"teacher: task 2 of 2, {SAMPLE}",
        "student: loading pretrained=two",
        f"student: task 1 of 2, {LADDER}",
        f"student: task 2 of 2, {SAMPLE}",
    ]


@pytest.mark.parametrize("killed_after", [0, 1, 2, 3])
def test_killed_run_goes_on_with_the_tasks_it_lacks(
    two_tasks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    run(small_plan(whole))
    with monkeypatch.context() as patch:
        killer = Killer(patch, killed_after)
        with pytest.raises(KeyboardInterrupt):
            run(small_plan(resumed))
        assert killer.done == killed_after
    before = written(resumed)
    assert len(before) == 2 * killed_after
    said: list[str] = []
    run(small_plan(resumed, say=said.append))
    after = written(resumed)
    assert {name: after[name] for name in before} == before
    assert len(after) == 8
    assert sum("task " in line for line in said) == 4 - killed_after
    for role in ("teacher", "student"):
        assert digests(resumed / role) == digests(whole / role)


def test_a_log_that_a_kill_left_half_written_is_thrown_away(two_tasks: None, tmp_path: Path) -> None:
    half = tmp_path / "teacher" / ".partial" / "one"
    half.mkdir(parents=True)
    (half / "results_2026-01-01T00-00-00.json").write_text('{"configs": {', "utf-8")
    run(small_plan(tmp_path))
    assert not (tmp_path / "teacher" / ".partial").exists()
    assert set(digests(tmp_path / "teacher")) == {LADDER, SAMPLE}


@pytest.mark.parametrize("moved", ["samples", "none"])
def test_a_kill_between_writing_and_keeping_a_log_costs_one_task(
    two_tasks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: str
) -> None:
    """The samples file is moved before its results file, so that what is kept is never half a log."""
    real = Path.replace

    def move(self: Path, target: Path) -> Path:
        if moved == "none" or self.name.startswith("results_"):
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", move)
        with pytest.raises(KeyboardInterrupt):
            run(small_plan(tmp_path))
    run(small_plan(tmp_path))
    assert set(digests(tmp_path / "teacher")) == {LADDER, SAMPLE}


def test_roles_are_sampled_apart(finished: Path) -> None:
    texts = {name: read_run(folder).tasks[SAMPLE].texts for name, folder in roles_of(finished).items()}
    assert len(set(texts.values())) == 4


# --- what a folder may hold ------------------------------------------------------------------------------------------


@pytest.fixture
def held(two_tasks: None, tmp_path: Path) -> Path:
    """Return the folder of a finished run of two tasks."""
    run(small_plan(tmp_path / "held"))
    return tmp_path / "held"


@pytest.mark.parametrize(
    ("settings", "seeds", "message"),
    [
        (
            replace(TOY, item_seed=3),
            {},
            r"'as_seed': 0} and sampling seed 11, but now .*'as_seed': 3} and 11 are asked",
        ),
        (replace(TOY, profile="lite"), {}, "'as_profile': 'pilot'.* but now .*'as_profile': 'lite'"),
        (replace(TOY, track="small"), {}, "'as_track': 'toy'.* but now .*'as_track': 'small'"),
        (TOY, {"teacher": 21}, "sampling seed 11, but now .* and 21 are asked for; use another --output, or move the"),
    ],
)
def test_folder_of_a_run_with_other_settings(
    held: Path, settings: Settings, seeds: dict[str, int], message: str
) -> None:
    before = written(held)
    with pytest.raises(RunError, match=message) as caught:
        run(small_plan(held, settings, seeds=seeds))
    assert str(caught.value).startswith(f"{held / 'teacher'}: holds as_")
    assert written(held) == before


def test_folder_of_another_model(held: Path) -> None:
    before = written(held)
    with pytest.raises(RunError, match=r"teacher: holds a run of one, but three is asked for; use another --output"):
        run(small_plan(held, teacher=ModelChoice("made_up", {"pretrained": "three"})))
    assert written(held) == before


def test_folder_with_a_damaged_log_is_not_written_over(held: Path) -> None:
    damaged = next((held / "teacher").rglob("samples_*.jsonl"))
    damaged.write_text("garbage", "utf-8")
    with pytest.raises(LogError, match="garbled or truncated"):
        run(small_plan(held))
    assert damaged.read_text("utf-8") == "garbage"


def test_folder_without_a_run_is_no_finished_run(tmp_path: Path) -> None:
    role = Role("teacher", TEACHER, 11, "8")
    assert finished_tasks(tmp_path / "nowhere", TOY, role) == {}
    assert finished_tasks(tmp_path, TOY, role) == {}


def test_finished_tasks_are_read(held: Path) -> None:
    role = Role("teacher", TEACHER, 11, "8")
    assert set(finished_tasks(held / "teacher", TOY, role)) == {LADDER, SAMPLE}


@pytest.mark.parametrize(
    ("present", "message"),
    [
        ((), "holds no run of the teacher or the student; see `angels-share run`"),
        (("teacher",), "holds no run of the student;"),
        (("student", "teacher_repeat"), "holds no run of the teacher;"),
    ],
)
def test_folder_that_is_no_run_of_a_pair(tmp_path: Path, present: Sequence[str], message: str) -> None:
    for name in present:
        (tmp_path / name).mkdir()
    with pytest.raises(LogError, match=message):
        roles_of(tmp_path)


# --- privacy tasks and their key -------------------------------------------------------------------------------------

RECITED = "as_privacy_extract_text"
KEY = canaries.key_of(7, (0,), "pilot")
OTHER = canaries.key_of(8, (0,), "pilot")
KEYED = replace(TOY, canaries=KEY)


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a suite of a task and a privacy task in the place of the suite."""
    cut = spec.suite("high_risk").model_copy(update={"tasks": (LADDER, RECITED)})
    monkeypatch.setattr(planning, "suite", lambda name: cut)


def test_without_a_key_privacy_tasks_are_left_out_and_the_user_is_told(private: None, tmp_path: Path) -> None:
    said: list[str] = []
    made = small_plan(tmp_path, say=said.append)
    assert (made.settings.tasks, made.settings.without_key) == ((LADDER,), (RECITED,))
    assert said == [*made.settings.notices]
    assert RECITED in said[0]
    assert "--canaries" in said[0]
    assert all(RECITED not in line for line in commands(made))
    text = lm_eval_config(TOY, "hf")
    assert f"# {said[0]}" in text.splitlines()
    assert yaml.safe_load(text)["tasks"] == [LADDER]


def test_with_a_key_nothing_is_left_out(private: None, tmp_path: Path) -> None:
    said: list[str] = []
    made = small_plan(tmp_path, KEYED, say=said.append)
    assert (made.settings.tasks, said) == ((LADDER, RECITED), [])
    content = config(KEYED)
    assert content["tasks"] == ["as_suite_high_risk"]
    assert content["metadata"] == {
        "as_track": "toy", "as_profile": "pilot", "as_seed": 0, "as_canaries": KEY.content,
    }  # fmt: skip
    for line in commands(made):
        switch = json.loads(shlex.split(line)[shlex.split(line).index("--metadata") + 1])
        assert switch["as_canaries"] == KEY.content


def test_by_text_both_models_answer_in_words(tmp_path: Path) -> None:
    said: list[str] = []
    settings = replace(TOY, suites=("reasoning",), access="text")
    made = small_plan(tmp_path, settings, say=said.append)
    assert all(spec.task(name).measure.readout != "likelihood" for role in made.roles for name in made.tasks(role))
    assert "as_process_verify_text" in made.settings.tasks
    assert "as_calibration_confidence" in said[0]
    assert said[0].endswith("they need likelihoods")
    assert config(settings)["tasks"] == list(settings.tasks)
    assert config(settings)["metadata"]["as_access"] == "text"
    assert "as_access" not in config(TOY)["metadata"]


def test_a_chat_interface_is_refused_where_likelihoods_are_needed(tmp_path: Path) -> None:
    chat = ModelChoice("local-chat-completions", {"model": "m", "base_url": "http://localhost:1/v1/chat/completions"})
    with pytest.raises(RunError, match=r"student: local-chat-completions gives no likelihoods.*--access text"):
        plan(tmp_path, TOY, teacher=TEACHER, student=chat)
    assert plan(tmp_path, replace(TOY, access="text"), teacher=TEACHER, student=chat).roles


def test_suite_of_privacy_tasks_needs_a_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cut = spec.suite("high_risk").model_copy(update={"tasks": (RECITED,)})
    monkeypatch.setattr(planning, "suite", lambda name: cut)
    for ask in (lambda: small_plan(tmp_path / "new"), lambda: lm_eval_config(TOY, "hf")):
        with pytest.raises(RunError, match=f"nothing to run: left out.*{RECITED}.*canaries make"):
            ask()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (replace(KEYED, track="small"), r"track small asks for level 1, but the key inserted \[0\]"),
        (replace(KEYED, profile="lite"), "profile lite asks for more texts than the key inserted, those of pilot"),
        (replace(TOY, canaries=KEY.model_copy(update={"digest": "0"})), "makes other texts from seed 7"),
    ],
)
def test_key_that_does_not_fit_is_refused_before_a_model_is_loaded(
    private: None, tmp_path: Path, settings: Settings, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        small_plan(tmp_path / "new", settings)
    with pytest.raises(SpecError, match=message):
        lm_eval_config(settings, "hf")
    assert not (tmp_path / "new").exists()


def test_logs_carry_the_key_and_the_items_follow_it(private: None, tmp_path: Path) -> None:
    run(small_plan(tmp_path, replace(KEYED, item_seed=3)))
    held = read_run(tmp_path / "student").tasks
    assert held[RECITED].settings.canaries == KEY
    assert held[LADDER].settings.canaries is None
    assert list(held[RECITED].items) == make_items(RECITED, seed=7)
    assert list(held[LADDER].items) == make_items(LADDER, seed=3)
    assert json.loads((tmp_path / "run.json").read_text("utf-8"))["canaries"] == KEY.content


def test_run_goes_on_with_its_own_key_only(private: None, tmp_path: Path) -> None:
    run(small_plan(tmp_path))
    assert set(digests(tmp_path / "teacher")) == {LADDER}
    run(small_plan(tmp_path, KEYED))
    assert set(digests(tmp_path / "teacher")) == {LADDER, RECITED}
    before = written(tmp_path)
    run(small_plan(tmp_path, KEYED))
    for settings in (replace(TOY, canaries=OTHER), TOY):
        with pytest.raises(RunError, match=f"holds {RECITED} with .*'seed': 7.* use another --output"):
            run(small_plan(tmp_path, settings))
        with pytest.raises(RunError, match=f"{RECITED} was run with .*'seed': 7"):
            adopt_teacher(tmp_path, adopting(tmp_path / "new", settings))
    adopt_teacher(tmp_path, adopting(tmp_path / "new", KEYED))
    assert written(tmp_path / "new" / "teacher") == written(tmp_path / "teacher")
    assert {name: time for name, time in written(tmp_path).items() if not name.startswith("new")} == before


def test_teacher_that_cannot_be_copied_is_said(private: None, tmp_path: Path) -> None:
    run(small_plan(tmp_path / "old", KEYED))
    (tmp_path / "new").write_text("no folder")
    with pytest.raises(RunError, match="new: the teacher's run cannot be copied there"):
        adopt_teacher(tmp_path / "old", adopting(tmp_path / "new", KEYED))


def test_teacher_that_ran_without_a_key_lacks_the_task(private: None, tmp_path: Path) -> None:
    run(small_plan(tmp_path / "old"))
    with pytest.raises(RunError, match=f"the teacher's run lacks {RECITED}"):
        adopt_teacher(tmp_path / "old", adopting(tmp_path / "new", KEYED))


# --- the second stage ------------------------------------------------------------------------------------------------

CROSS = "as_distribution_cross"


@pytest.fixture
def two_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the suite down to a sampled task and the second stage that follows it."""
    suite = spec.suite("high_risk")
    cut = suite.model_copy(update={"tasks": (SAMPLE,), "second_stage": (CROSS,)})
    monkeypatch.setattr(planning, "suite", lambda name: cut)


def staged(output: Path, **changed: Any) -> PairRun:
    return small_plan(output, second_stage=True, **changed)


def test_second_stage_follows_both_first_ones(two_stages: None, tmp_path: Path) -> None:
    pair = staged(tmp_path / "run", repeat=True, calibrate=True)
    labels = [role.label for role in pair.roles]
    assert labels[-2:] == ["teacher_stage2", "student_stage2"]
    assert {pair.tasks(role) for role in pair.roles[:-2]} == {(SAMPLE,)}
    run(pair)
    folders = [tmp_path / "run" / name / "second_stage" for name in ("teacher", "student")]
    logs = [read_run(folder).tasks for folder in folders]
    assert [set(held) for held in logs] == [{CROSS}, {CROSS}]
    assert logs[0][CROSS].doc_hash == logs[1][CROSS].doc_hash
    whole = [read_run(tmp_path / "run" / name) for name in ("teacher", "student")]
    assert [set(held.tasks) for held in whole] == [{SAMPLE, CROSS}] * 2
    score = score_pair(*whole, suites=["high_risk"], resamples=100)
    assert [(task.task, task.gap) for task in score.second_stage] == [(CROSS, None)]
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert set(record["roles"]) == set(labels)
    before = written(tmp_path / "run")
    run(pair)
    assert written(tmp_path / "run") == before


def test_second_stage_can_be_left_out(two_stages: None, tmp_path: Path) -> None:
    assert [role.label for role in staged(tmp_path).roles if role.second_stage]
    assert not [role for role in small_plan(tmp_path).roles if role.second_stage]


def test_commands_name_the_first_stages(two_stages: None, tmp_path: Path) -> None:
    words = shlex.split(commands(staged(tmp_path / "run"))[-1])
    metadata = json.loads(words[words.index("--metadata") + 1])
    assert metadata["as_stage1_teacher"] == str(tmp_path / "run" / "teacher")
    assert metadata["as_stage1_student"] == str(tmp_path / "run" / "student")
    assert words[words.index("--tasks") + 1] == CROSS
    assert words[words.index("--output_path") + 1] == str(tmp_path / "run" / "student" / "second_stage")


def test_second_stage_of_earlier_first_ones_is_not_gone_on_with(two_stages: None, tmp_path: Path) -> None:
    run(staged(tmp_path / "run"))
    other = ModelChoice("made_up", {"pretrained": "three"})
    run(staged(tmp_path / "other", student=other))
    shutil.rmtree(tmp_path / "run" / "student" / "second_stage")
    kept = tmp_path / "run" / "teacher" / "second_stage"
    shutil.rmtree(kept)
    shutil.copytree(tmp_path / "other" / "teacher" / "second_stage", kept)
    with pytest.raises(RunError, match=r"belongs to another pair or to an earlier first stage.*move the folder away"):
        run(staged(tmp_path / "run"))


def test_adopted_teacher_runs_the_second_stage_of_the_new_pair(two_stages: None, tmp_path: Path) -> None:
    run(staged(tmp_path / "run"))
    other = ModelChoice("made_up", {"pretrained": "three"})
    adopted = harness.teacher_of(tmp_path / "run")
    assert adopted == TEACHER
    pair = staged(tmp_path / "new", teacher=None, adopted=adopted, student=other)
    adopt_teacher(tmp_path / "run", pair)
    assert not (tmp_path / "new" / "teacher" / "second_stage").exists()
    run(pair)
    whole = [read_run(tmp_path / "new" / name) for name in ("teacher", "student")]
    assert [held.model for held in whole] == ["one", "three"]
    assert score_pair(*whole, suites=["high_risk"], resamples=100).second_stage[0].gap is None


def test_teacher_that_nobody_can_load_has_no_second_stage(two_stages: None, tmp_path: Path) -> None:
    said: list[str] = []
    pair = staged(tmp_path, teacher=None, say=said.append)
    assert [role.label for role in pair.roles] == ["student"]
    assert f"left out, and not charged: {CROSS}" in said[0]


# --- a finished run as teacher ---------------------------------------------------------------------------------------


def adopting(output: Path, settings: Settings = TOY, **changed: Any) -> PairRun:
    return small_plan(output, settings, **({"teacher": None, "calibrate": True, "seeds": {"student": 42}} | changed))


def test_adopted_teacher_is_not_run_again(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "suite", lambda name: spec.suite(name).model_copy(update={"tasks": (LADDER, SAMPLE)}))
    made = adopting(tmp_path)
    adopt_teacher(finished, made)
    run(made)
    for name in ("teacher", "teacher_repeat", "teacher_calibration"):
        assert digests(tmp_path / name) == digests(finished / name)
    assert set(digests(tmp_path / "student")) == {LADDER, SAMPLE}
    assert read_run(tmp_path / "student").tasks[SAMPLE].settings.sampling_seed == 42


def test_adopting_from_itself_changes_nothing(finished: Path) -> None:
    before = written(finished)
    adopt_teacher(finished, adopting(finished))
    assert written(finished) == before


@pytest.mark.parametrize(
    ("settings", "changed", "message"),
    [
        (replace(TOY, item_seed=9), {}, r"was run with .*'as_seed': 0}, but now .*'as_seed': 9} is asked for"),
        (replace(TOY, profile="lite"), {}, r"was run with .*'pilot'.*, but now .*'lite'"),
        (replace(TOY, track="small"), {}, r"was run with .*'toy'.*, but now .*'small'"),
        (TOY, {"seeds": {"student": 11}}, "the teacher has sampling seed 11, as the student would; give another --st"),
    ],
)
def test_teacher_that_ran_otherwise(
    finished: Path, tmp_path: Path, settings: Settings, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(RunError, match=message):
        adopt_teacher(finished, adopting(tmp_path / "new", settings, **changed))
    assert not (tmp_path / "new").exists()


def test_teacher_that_lacks_a_task(held: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "suite", spec.suite)
    with pytest.raises(RunError, match=r"the teacher's run lacks as_calibration_confidence, .*; run it with the same"):
        adopt_teacher(held, adopting(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_adopting_from_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="holds no run of the teacher or the student"):
        adopt_teacher(tmp_path, adopting(tmp_path / "new"))


# --- models that do not load, disks that are full --------------------------------------------------------------------


@pytest.mark.parametrize("side", ["teacher", "student"])
def test_model_that_does_not_load(two_tasks: None, tmp_path: Path, side: str) -> None:
    models = {"teacher": TEACHER, "student": STUDENT, side: ModelChoice("made_up", {"pretrained": "broken"})}
    message = rf"{side}: made_up could not load pretrained=broken: no weights\. Check the folder or name"
    with pytest.raises(RunError, match=message):
        run(small_plan(tmp_path, **models))
    if side == "student":
        assert set(digests(tmp_path / "teacher")) == {LADDER, SAMPLE}


def test_finished_logs_serve_when_the_model_loads_again(two_tasks: None, tmp_path: Path) -> None:
    with pytest.raises(RunError):
        run(small_plan(tmp_path, student=ModelChoice("made_up", {"pretrained": "broken"})))
    before = written(tmp_path)
    run(small_plan(tmp_path))
    assert before.items() <= written(tmp_path).items()


def test_unknown_argument_of_a_backend(two_tasks: None, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"teacher: made_up could not load name=one: .*pretrained"):
        run(small_plan(tmp_path, teacher=ModelChoice("made_up", {"name": "one"})))


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: writing more fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [3000, 20_000], ids=["results", "samples"])
def test_full_disk(two_tasks: None, tmp_path: Path, size: int) -> None:
    message = rf"teacher, {LADDER}: the log was not written whole; is the disk full\?"
    with room_for(size), pytest.raises(RunError, match=message):
        run(small_plan(tmp_path))
    assert not any(".partial" not in name for name in written(tmp_path))
    run(small_plan(tmp_path))
    assert set(digests(tmp_path / "teacher")) == {LADDER, SAMPLE}


def test_full_disk_keeps_what_was_finished(two_tasks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        Killer(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            run(small_plan(tmp_path))
    before = written(tmp_path)
    with room_for(3000), pytest.raises(RunError, match=rf"teacher, {SAMPLE}: .* is the disk full\?"):
        run(small_plan(tmp_path))
    run(small_plan(tmp_path))
    assert len(before) == 2
    assert before.items() <= written(tmp_path).items()


# --- real models -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two Llama models of random weights, ``teacher`` and ``student``, that read caskworld."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    words = load_module(package_folder("models") / "train_toy.py").tokenizer()
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("teacher", "student")):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(words),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=512,
                initializer_range=0.4,
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=1,
            )
        )
        model.save_pretrained(folder / name)
        words.save_pretrained(folder / name)
    return folder


def real(models: Path, name: str, **args: str) -> ModelChoice:
    return ModelChoice("hf", {"pretrained": str(models / name), "dtype": "float32"} | args)


@dataclass(frozen=True)
class RealPair:
    """A run of real models that was killed after some tasks and then finished."""

    plan: PairRun
    left: dict[str, int]
    """Log files that the kill left, with their modification times."""


@pytest.fixture(scope="module")
def real_pair(models: Path, tmp_path_factory: pytest.TempPathFactory) -> RealPair:
    made = plan(
        tmp_path_factory.mktemp("real") / "pair",
        TOY,
        teacher=real(models, "teacher"),
        student=real(models, "student"),
        calibrate=False,
        second_stage=False,
    )
    with pytest.MonkeyPatch.context() as patch:
        Killer(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            run(made)
    left = written(made.output)
    run(made)
    return RealPair(made, left)


def lm_eval(*arguments: str) -> None:
    """Run plain lm-eval in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", "run", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]


def assert_same_answers(ours: TaskLog, plain: TaskLog) -> None:
    """Check that two logs hold the same documents and samples, likelihoods up to the rounding of other batches."""
    assert plain.items == ours.items
    assert plain.doc_hash == ours.doc_hash
    assert plain.texts == ours.texts
    if ours.log_likelihoods is not None:
        assert plain.log_likelihoods is not None
        np.testing.assert_allclose(plain.log_likelihoods, ours.log_likelihoods, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_killed_run_of_real_models_goes_on(real_pair: RealPair) -> None:
    after = written(real_pair.plan.output)
    assert len(real_pair.left) == 4
    assert real_pair.left.items() <= after.items()
    assert len(after) == 20


@pytest.mark.slow
def test_real_answers_vary_and_depend_on_the_model(real_pair: RealPair) -> None:
    ours, theirs = (read_run(real_pair.plan.output / name) for name in ("teacher", "student"))
    for run_ in (ours, theirs):
        assert len({text for texts in run_.tasks[SAMPLE].texts or () for text in texts}) > 20
    for name in TASKS:
        assert ours.tasks[name].responses_digest != theirs.tasks[name].responses_digest


@pytest.mark.slow
def test_provenance_of_real_models_has_their_weights(real_pair: RealPair, models: Path) -> None:
    roles = json.loads((real_pair.plan.output / "run.json").read_text("utf-8"))["roles"]
    for name in ("teacher", "student"):
        assert roles[name]["weights"] == weights_digest(models / name)
    assert roles["teacher"]["weights"] != roles["student"]["weights"]


@pytest.mark.slow
@pytest.mark.parametrize("role", ["teacher", "student"])
def test_printed_command_gives_the_same_answers(real_pair: RealPair, tmp_path: Path, role: str) -> None:
    place = [r.name for r in real_pair.plan.roles].index(role)
    words = shlex.split(commands(real_pair.plan)[place])
    assert words[:2] == ["lm-eval", "run"]
    lm_eval(*words[2:], "--output_path", str(tmp_path))
    ours, plain = read_run(real_pair.plan.output / role), read_run(tmp_path)
    assert set(plain.tasks) == set(TASKS)
    for name in TASKS:
        assert_same_answers(ours.tasks[name], plain.tasks[name])
        assert plain.tasks[name].settings == ours.tasks[name].settings


def run_of_config(folder: Path, model: ModelChoice, *arguments: str) -> Run:
    """Return what plain lm-eval answers with the written configuration."""
    path = folder / "as.yaml"
    path.write_text(lm_eval_config(TOY, "hf"), "utf-8")
    lm_eval("--config", str(path), *arguments, "--model_args", model.args_text, "--output_path", str(folder / "out"))
    return read_run(folder / "out")


@pytest.mark.slow
def test_written_config_gives_the_same_answers_of_a_sampled_task(real_pair: RealPair, tmp_path: Path) -> None:
    ours = read_run(real_pair.plan.output / "teacher")
    plain = run_of_config(tmp_path, real_pair.plan.roles[0].model, "--tasks", SAMPLE, "--seed", "11")
    assert set(plain.tasks) == {SAMPLE}
    assert_same_answers(ours.tasks[SAMPLE], plain.tasks[SAMPLE])


@pytest.mark.slow
def test_written_config_gives_the_same_answers_of_a_suite(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration names the group, which lm-eval reads from the package: the suite is the package's own here."""
    monkeypatch.setattr(spec, "suites", lambda: {HIGH_RISK.name: HIGH_RISK})
    model = real(models, "teacher")
    run(plan(tmp_path / "ours", TOY, teacher=None, student=model))
    ours = read_run(tmp_path / "ours" / "student")
    plain = run_of_config(tmp_path, model, "--seed", "12")
    assert set(plain.tasks) == set(ours.tasks) == set(HIGH_RISK.tasks)
    for name, log in plain.tasks.items():
        assert_same_answers(ours.tasks[name], log)


@pytest.mark.slow
def test_lm_eval_prints_the_mean_of_each_utility(real_pair: RealPair) -> None:
    held = read_run(real_pair.plan.output / "teacher")
    for name, log in held.tasks.items():
        utility = get_utility(str(log.spec.measure.utility))
        seen = observe(utility.observable, log.items, log.texts or log.log_likelihoods)
        printed = json.loads(held.sources[name].read_text("utf-8"))["results"][name]
        value = next(v for k, v in printed.items() if k.startswith("utility,"))
        assert value == pytest.approx(utility.of(log.items, seen).mean(), abs=1e-9)


@pytest.mark.slow
def test_cut_log_of_plain_lm_eval_is_refused(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "as.yaml"
    path.write_text(lm_eval_config(TOY, "hf"), "utf-8")
    model = f"pretrained={models / 'teacher'},dtype=float32"
    output = str(tmp_path / "out")
    lm_eval("--config", str(path), "--tasks", LADDER, "--model_args", model, "--output_path", output, "--limit", "5")
    with pytest.raises(LogError, match=rf"{LADDER} was run on 5 of 60 items \(--limit 5"):
        read_run(tmp_path / "out")


def spoil(model: Path, how: str) -> None:
    """Damage a model's folder."""
    if how == "empty":
        shutil.rmtree(model)
        model.mkdir()
    elif how == "gone":
        shutil.rmtree(model)
    elif how == "garbled config":
        (model / "config.json").write_text('{"architectures": [', "utf-8")
    elif how == "unknown architecture":
        (model / "config.json").write_text('{"model_type": "no_such_thing"}', "utf-8")
    elif how == "no weights":
        (model / "model.safetensors").unlink()
    elif how == "no tokenizer":
        for path in model.glob("*token*"):
            path.unlink()


NOT_LOADED = r"student: hf could not load pretrained=.*student.*Check the folder or name"
NO_WEIGHTS = r"student: holds no \*\.safetensors, pytorch_model\*\.bin, \*\.gguf"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("gone", NOT_LOADED),
        ("empty", NO_WEIGHTS),
        ("no weights", NO_WEIGHTS),
        ("garbled config", NOT_LOADED),
        ("unknown architecture", NOT_LOADED),
        ("no tokenizer", NOT_LOADED),
    ],
)
def test_model_folder_that_does_not_load(
    real_pair: RealPair, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, message: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    shutil.copytree(real_pair.plan.output, tmp_path / "pair")
    shutil.rmtree(tmp_path / "pair" / "student")
    shutil.copytree(models / "student", tmp_path / "student")
    spoil(tmp_path / "student", how)
    before = written(tmp_path / "pair")
    broken = small_plan(tmp_path / "pair", teacher=real(models, "teacher"), student=real(tmp_path, "student"))
    with pytest.raises(RunError, match=message):
        run(broken)
    assert written(tmp_path / "pair") == before
