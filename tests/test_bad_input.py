"""Bad input that once got through: damaged logs, files and arguments are refused with a clear error."""

# ruff: noqa: F401, F811 - fixtures are imported by name

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from angels_share import harness, spec
from angels_share.errors import AngelsShareError, LogError, RunError, SpecError
from angels_share.harness import (
    ModelChoice,
    Role,
    Settings,
    adopt_teacher,
    lm_eval_config,
    plan,
    planning,
    run,
)
from angels_share.items import Source, find_generator, load, load_module
from angels_share.logs import document_hash, read_run
from commands import Outcome
from synthetic import make_items, noisy, write_run
from test_cli import RUN, Recorder, pair_folder, refused
from test_harness import (
    LADDER,
    SAMPLE,
    STUDENT,
    TASKS,
    TEACHER,
    TOY,
    Killer,
    adopting,
    digests,
    finished,
    held,
    made_up_backend,
    models,
    quick_environment,
    real,
    real_pair,
    room_for,
    small_plan,
    two_tasks,
    written,
)
from test_items import GENERATORS, MEASURE, SUITE, Package, forget, package
from test_logs import change_results, change_rows, ladder, results_file

pytestmark = pytest.mark.usefixtures("five_tasks")


def begin(planned: harness.PairRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a pair that is killed after its first task."""
    with monkeypatch.context() as patch:
        Killer(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            run(planned)


class TestLogs:
    @pytest.mark.parametrize("content", ["null", "3", '"configs config n-samples lm_eval_version"'])
    def test_results_that_are_no_mapping(self, ladder: Path, content: str) -> None:
        results_file(ladder).write_text(content, "utf-8")
        with pytest.raises(LogError, match="results_"):
            read_run(ladder)

    @pytest.mark.parametrize("key", ["configs", "config", "n-samples"])
    @pytest.mark.parametrize("value", [None, [], "text"])
    def test_results_with_a_part_of_the_wrong_kind(self, ladder: Path, key: str, value: object) -> None:
        change_results(ladder, lambda r: r.update({key: value}))
        with pytest.raises(LogError, match=key):
            read_run(ladder)

    @pytest.mark.parametrize("counts", [{}, {LADDER: None}, {LADDER: {}}])
    def test_results_that_do_not_count_a_task(self, ladder: Path, counts: dict[str, Any]) -> None:
        change_results(ladder, lambda r: r.update({"n-samples": counts}))
        with pytest.raises(LogError, match="n-samples"):
            read_run(ladder)

    @pytest.mark.parametrize(
        "change",
        [
            lambda r: r["configs"].update({LADDER: None}),
            lambda r: r["configs"][LADDER].update(metadata=["angels_share"]),
            lambda r: r["configs"][LADDER]["metadata"].update(as_seed="x"),
            lambda r: r["configs"][LADDER]["metadata"].update(as_seed=None),
            lambda r: r["configs"][LADDER].update(generation_kwargs="x"),
            lambda r: r["configs"][LADDER].update(num_fewshot="x"),
            lambda r: r["config"].update(model_args=["a"]),
        ],
    )
    def test_garbled_settings(self, ladder: Path, change: Callable[[dict[str, Any]], object]) -> None:
        change_results(ladder, change)
        with pytest.raises(AngelsShareError):
            read_run(ladder)

    def test_measure_block_of_another_readout(self, ladder: Path) -> None:
        block = {"readout": "likelihood", "observable": "option_distribution"}
        change_results(ladder, lambda r: r["configs"][LADDER]["metadata"]["angels_share"].update(block))
        with pytest.raises(LogError, match="choices"):
            read_run(ladder)

    def test_document_that_is_no_item(self, ladder: Path) -> None:
        foreign = {"doc": [1], "doc_hash": document_hash([1])}
        change_rows(ladder, lambda rows: [rows[0] | foreign, *rows[1:]])
        with pytest.raises(LogError, match="row 1"):
            read_run(ladder)

    def test_half_written_log_in_the_partial_folder_is_not_part_of_a_run(self, ladder: Path) -> None:
        half = ladder / ".partial" / "model"
        half.mkdir(parents=True)
        (half / "results_2026-03-03T00-00-00.json").write_text("{", "utf-8")
        assert list(read_run(ladder).tasks) == [LADDER]


class TestItems:
    @pytest.mark.parametrize(
        "content",
        [
            {"metadata": {}},
            {"task": "as_tiny"},
            {"task": "as_tiny", "metadata": None},
            {"task": ["as_tiny"], "metadata": {}},
        ],
    )
    def test_task_file_without_its_parts_is_named(self, package: Package, content: dict[str, Any]) -> None:
        package.write(package.task_file, content)
        with pytest.raises(SpecError, match=r"as_tiny\.yaml"):
            spec.tasks()

    @pytest.mark.parametrize(
        "content",
        [
            SUITE | {"metadata": None},
            {k: v for k, v in SUITE.items() if k != "group"},
            {k: v for k, v in SUITE.items() if k != "task"},
            SUITE | {"metadata": {"angels_share": SUITE["metadata"]["angels_share"]}},
            SUITE | {"metadata": {"version": 0.1, "angels_share": ["a"]}},
            SUITE | {"metadata": {"version": 0.1, "angels_share": SUITE["metadata"]["angels_share"] | {"name": "x"}}},
        ],
    )
    def test_suite_file_without_its_parts_is_named(self, package: Package, content: dict[str, Any]) -> None:
        package.write(package.suite_file, content)
        with pytest.raises(SpecError, match=r"tiny\.yaml"):
            spec.suites()

    def test_yaml_that_is_no_utf8_names_its_file(self, tmp_path: Path) -> None:
        path = tmp_path / "as_latin.yaml"
        path.write_bytes(b"task: caf\xe9")
        with pytest.raises(SpecError, match=r"as_latin\.yaml"):
            spec.read_yaml(path)

    @pytest.mark.parametrize("content", ["{", "[]", '{"as_tiny@0.1": 3}'])
    def test_garbled_lock_names_its_file(self, package: Package, content: str) -> None:
        package.lock_file.write_text(content, "utf-8")
        forget()
        with pytest.raises(SpecError, match=r"LOCK\.json"):
            spec.locked_digest(spec.task("as_tiny"))

    def test_generators_that_do_not_import_are_named(self, package: Package) -> None:
        path = package.task_file.parent / "generators.py"
        path.write_text("def words(:", "utf-8")
        for _ in range(2):
            with pytest.raises(SpecError, match=r"generators\.py.*(import|syntax)"):
                load_module(path)

    def test_generators_may_define_a_dataclass(self, tmp_path: Path) -> None:
        path = tmp_path / "generators.py"
        lines = [
            "from __future__ import annotations",
            "from dataclasses import dataclass",
            "@dataclass",
            "class A:",
            "    x: int",
        ]
        path.write_text("\n".join(lines), "utf-8")
        assert load_module(path).A(3).x == 3


class TestHarness:
    pytestmark = pytest.mark.usefixtures("made_up_backend", "quick_environment")

    @pytest.mark.parametrize("text", ["hf:=x", "hf:pretrained=a,pretrained=b"])
    def test_malformed_model(self, text: str) -> None:
        with pytest.raises(RunError, match=r"expected backend:key=value"):
            ModelChoice.parse(text)

    @pytest.mark.parametrize(
        ("settings", "backend", "message"),
        [
            (replace(TOY, track="toi"), "hf", r"Did you mean toy\?"),
            (replace(TOY, profile="pilott"), "hf", r"Did you mean pilot\?"),
            (TOY, "hff", "Did you mean hf"),
        ],
    )
    def test_config_of_unknown_names(self, settings: Settings, backend: str, message: str) -> None:
        with pytest.raises(AngelsShareError, match=message):
            lm_eval_config(settings, backend)

    @pytest.mark.parametrize("settings", [replace(TOY, item_seed=3), replace(TOY, track="small")])
    def test_a_refused_run_leaves_the_provenance_alone(self, held: Path, settings: Settings) -> None:
        before = {path.name: path.read_bytes() for path in held.glob("*.*")}
        with pytest.raises(RunError):
            run(small_plan(held, settings))
        assert {path.name: path.read_bytes() for path in held.glob("*.*")} == before

    @pytest.mark.parametrize("args", [{"dtype": "float16"}, {"revision": "old"}, {"peft": "adapter"}])
    def test_a_run_does_not_go_on_with_other_arguments_of_the_model(
        self, two_tasks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: dict[str, str]
    ) -> None:
        begin(small_plan(tmp_path), monkeypatch)
        with pytest.raises(RunError, match="use another --output"):
            run(small_plan(tmp_path, teacher=ModelChoice("made_up", {"pretrained": "one"} | args)))

    def test_a_run_does_not_go_on_with_another_system_instruction(
        self, two_tasks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin(small_plan(tmp_path), monkeypatch)
        with pytest.raises(RunError, match="use another --output"):
            run(small_plan(tmp_path, replace(TOY, system_instruction="Be brief.")))

    def test_another_teacher_is_not_mixed_into_an_adopted_one(
        self, two_tasks: None, finished: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        run(small_plan(other, teacher=ModelChoice("made_up", {"pretrained": "three"})))
        adopt_teacher(finished, adopting(tmp_path / "new"))
        with pytest.raises(RunError, match="use another --output"):
            adopt_teacher(other, adopting(tmp_path / "new"))
        assert read_run(tmp_path / "new" / "teacher").model == "one"

    def test_provenance_of_an_adopted_teacher_says_where_it_is_from(
        self, monkeypatch: pytest.MonkeyPatch, finished: Path, tmp_path: Path
    ) -> None:
        cut = spec.suite("high_risk").model_copy(update={"tasks": (LADDER, SAMPLE)})
        monkeypatch.setattr(planning, "suite", lambda name: cut)
        made = adopting(tmp_path)
        adopt_teacher(finished, made)
        run(made)
        record = json.loads((tmp_path / "run.json").read_text("utf-8"))
        assert record["roles"]["teacher"]["model_args"] == {"pretrained": "one"}

    def test_output_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine", "utf-8")
        with pytest.raises(RunError, match="file"):
            run(small_plan(tmp_path / "file"))
        assert (tmp_path / "file").read_text("utf-8") == "mine"

    def test_disk_that_is_full_from_the_start(self, two_tasks: None, tmp_path: Path) -> None:
        with room_for(10), pytest.raises(RunError, match="disk"):
            run(small_plan(tmp_path))

    def test_chat_template_that_the_model_lacks(self, two_tasks: None, tmp_path: Path) -> None:
        with pytest.raises(RunError, match="chat template"):
            run(small_plan(tmp_path, replace(TOY, apply_chat_template=True)))

    def test_disk_that_is_full_while_a_teacher_is_adopted_keeps_the_record(
        self, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        adopt_teacher(finished, adopting(tmp_path))
        before = (tmp_path / "run.json").read_text("utf-8")
        write = Path.write_text

        def half(path: Path, text: str, encoding: str) -> int:
            write(path, text[: len(text) // 2], encoding)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", half)
        with pytest.raises(RunError, match=r"teacher's run cannot be copied there: .*No space left"):
            adopt_teacher(finished, adopting(tmp_path))
        assert (tmp_path / "run.json").read_text("utf-8") == before

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["truncated weights", "config of wrong types"])
    def test_model_folder_that_does_not_load(self, two_tasks: None, models: Path, tmp_path: Path, how: str) -> None:
        shutil.copytree(models / "student", tmp_path / "student")
        if how == "truncated weights":
            weights = tmp_path / "student" / "model.safetensors"
            weights.write_bytes(weights.read_bytes()[:1000])
        else:
            path = tmp_path / "student" / "config.json"
            path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"hidden_size": "wide"}), "utf-8")
        broken = small_plan(tmp_path / "pair", teacher=real(models, "teacher"), student=real(tmp_path, "student"))
        with pytest.raises(RunError, match=r"student: hf could not load pretrained=.*Check the folder or name"):
            run(broken)
        assert set(digests(tmp_path / "pair" / "teacher")) == {LADDER, SAMPLE}

    @pytest.mark.slow
    def test_arguments_of_a_model_have_the_types_that_lm_eval_gives_them(
        self, models: Path, two_tasks: None, tmp_path: Path
    ) -> None:
        for name, args in (("plain", {}), ("typed", {"max_length": "512", "trust_remote_code": "False"})):
            teacher = real(models, "teacher", **args)
            run(small_plan(tmp_path / name, teacher=teacher, student=real(models, "student")))
        assert digests(tmp_path / "plain" / "teacher") == digests(tmp_path / "typed" / "teacher")

    def test_adopting_again_keeps_the_record_of_the_student(
        self, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cut = spec.suite("high_risk").model_copy(update={"tasks": (LADDER, SAMPLE)})
        monkeypatch.setattr(planning, "suite", lambda name: cut)
        adopt_teacher(finished, adopting(tmp_path))
        begin(adopting(tmp_path), monkeypatch)
        other = adopting(tmp_path, student=ModelChoice("made_up", {"pretrained": "two", "dtype": "float16"}))
        adopt_teacher(finished, other)
        with pytest.raises(RunError, match="use another --output"):
            run(other)

    @pytest.mark.parametrize("content", ['{"roles": []}', '{"roles": {"teacher": []}}', "[]", "3"])
    def test_record_of_a_run_that_is_garbled(self, two_tasks: None, tmp_path: Path, content: str) -> None:
        run(small_plan(tmp_path))
        (tmp_path / "run.json").write_text(content, "utf-8")
        with pytest.raises(AngelsShareError, match=r"run\.json"):
            run(small_plan(tmp_path))


class TestCli:
    def test_list_of_tasks_has_whole_names(self, command: Callable[..., Outcome]) -> None:
        outcome = command("list", "tasks")
        for name in spec.tasks():
            assert f" {name} " in outcome.out

    @pytest.mark.parametrize(
        "arguments",
        [("--track", "toi"), ("--profile", "pilott"), ("--backend", "hff")],
    )
    def test_config_of_unknown_names(self, command: Callable[..., Outcome], arguments: tuple[str, str]) -> None:
        refused(command("config", "--suite", "high_risk", *arguments), "Did you mean")

    def test_config_to_a_folder_that_is_not_there(self, command: Callable[..., Outcome], tmp_path: Path) -> None:
        path = tmp_path / "no" / "as.yaml"
        outcome = command("config", "--suite", "high_risk", "-o", path)
        assert outcome.code in (0, 2)
        assert (outcome.code == 0) == path.exists()

    def test_score_to_a_place_that_cannot_be_written(
        self, command: Callable[..., Outcome], tmp_path: Path, pair_folder: Path
    ) -> None:
        refused(command("score", pair_folder, "--resamples", 100, "-o", tmp_path), str(tmp_path))
        (tmp_path / "file").write_text("", "utf-8")
        refused(command("score", pair_folder, "--resamples", 100, "-o", tmp_path / "file" / "s.json"), "file")

    def test_run_into_a_file(self, command: Callable[..., Outcome], tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", "utf-8")
        outcome = command(*RUN, "--teacher", "dummy:pretrained=t", "--profile", "pilot", "-o", tmp_path / "file")
        assert outcome.code == 2
        assert outcome.err.splitlines()[-1].startswith("error: ")
