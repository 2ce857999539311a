"""Bundles: packing a pair, holding the bundle against the rules, and canonical teachers."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from angels_share import canaries, logs, second_stage, spec, statement, submission
from angels_share.errors import AngelsShareError, BundleError, LogError
from angels_share.items import CALIBRATION_SEED
from angels_share.score import score_pair
from angels_share.submission import files
from angels_share.submission.differences import differences
from angels_share.submission.model import Manifest
from angels_share.submission.role import examine_role, role_files
from angels_share.submission.scoring import manifest_digest
from angels_share.taxonomy import STATEMENT_ITEMS
from synthetic import FIVE_TASKS, likelihoods, make_items, noisy, write_run
from test_canaries import change_metadata, write_privacy

TASKS = FIVE_TASKS.tasks
URN, LADDER, SAMPLE = "as_distribution_urn", "as_boundary_ladder", "as_distribution_sample"
SAMPLES = f"student/samples/{URN}.jsonl.gz"

pytestmark = pytest.mark.usefixtures("five_tasks")


@dataclass(frozen=True)
class Inputs:
    """Run folders and a filled-in statement of one pair."""

    teacher: Path
    student: Path
    calibration: Path
    repeat: Path
    statement: Path


def drifted(answer: Any, by: float) -> Any:
    """Return an answerer whose log-likelihoods are all off by a little."""

    def answered(spec: Any, item: Any) -> Any:
        said = answer(spec, item)
        return [value + by for value in said] if isinstance(said[0], float) else said

    return answered


def write_statement(path: Path, teacher: Path, student: Path, calibration: Path | None, **texts: str) -> Path:
    """Write the drafted statement of a pair with the author's parts filled in."""
    runs = [logs.read_run(folder) for folder in (teacher, student)]
    decided = logs.read_run(calibration) if calibration else None
    scored = score_pair(*runs, suites=["high_risk"], calibration=decided)
    drafted = statement.draft(scored, method=statement.Method(family="logit-kd"))
    author = {key: "Said." for key, item in STATEMENT_ITEMS.items() if item.by_author}
    part = drafted.suites["high_risk"]
    part = part.model_copy(update={"items": part.items | author | texts})
    statement.write(drafted.model_copy(update={"suites": {"high_risk": part}}), path)
    return path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    root = tmp_path_factory.mktemp("runs")
    able, weak = noisy(1, 0.95), noisy(2, 0.6)
    teacher = write_run(root / "teacher", TASKS, able, model="/home/someone/teacher", sampling_seed=1)
    student = write_run(root / "student", TASKS, weak, model="org/student", sampling_seed=2)
    repeat = write_run(root / "repeat", TASKS, noisy(3, 0.95), model="/home/someone/teacher", sampling_seed=3)
    calibration = write_run(
        root / "calibration", TASKS, able, model="/home/someone/teacher", item_seed=CALIBRATION_SEED
    )
    said = write_statement(root / "statement.yaml", teacher, student, calibration)
    return Inputs(teacher, student, calibration, repeat, said)


def pack(inputs: Inputs, out: Path, **options: Any) -> Path:
    options = {"suites": ["high_risk"], "calibration": inputs.calibration, **options}
    return submission.pack(inputs.teacher, inputs.student, inputs.statement, out, **options)


@pytest.fixture(scope="module")
def packed(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(inputs, tmp_path_factory.mktemp("submissions"), repeat=inputs.repeat)


@pytest.fixture
def bundle(packed: Path, tmp_path: Path) -> Path:
    """Return a copy of a good bundle, to be spoilt."""
    return Path(shutil.copytree(packed, tmp_path / packed.name))


@pytest.fixture(scope="module")
def registered(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("registered") / "teachers"
    return submission.register_teacher(
        inputs.teacher, out, "big-teacher", calibration=inputs.calibration, repeat=inputs.repeat, licence="Apache-2.0"
    )


def test_runs_in_memory_are_packed_as_their_folders_are(inputs: Inputs, packed: Path, tmp_path: Path) -> None:
    """A run that lm-eval did not write keeps its answers, and what of its settings scoring knows."""
    read = [logs.read_run(folder) for folder in (inputs.teacher, inputs.student)]
    said = statement.read(inputs.statement)
    beside = {"suites": ["high_risk"], "calibration": inputs.calibration, "repeat": inputs.repeat}
    made = submission.pack(*read, said, tmp_path / "read", **beside)
    written = [{p.relative_to(b): p.read_bytes() for p in b.rglob("*") if p.is_file()} for b in (made, packed)]
    assert written[0] == written[1]
    made = submission.pack(*(replace(run, sources={}) for run in read), said, tmp_path / "made", **beside)
    assert (made / "score.json").read_bytes() == (packed / "score.json").read_bytes()
    assert made.name == packed.name
    assert submission.validate(made).accepted


def seal(folder: Path) -> None:
    """Give every file its right hash again, as a forger would."""
    path = folder / "submission.json"
    content = json.loads(path.read_text("utf-8"))
    for role in content["roles"].values():
        for place in role.get("files", {}):
            role["files"][place] = files.sha256((folder / place).read_bytes())
    for place in content["files"]:
        content["files"][place] = files.sha256((folder / place).read_bytes())
    manifest = Manifest.model_validate(content)
    manifest = manifest.model_copy(update={"digest": manifest_digest(manifest)})
    path.write_bytes(files.dump(manifest.model_dump(mode="json")))


def edit_json(path: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_bytes(files.dump(content))


def edit_rows(path: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    change(rows)
    path.write_bytes(files.pack_rows(rows))


def rows_of(path: Path) -> list[Any]:
    """Return the responses of each item in a samples file."""
    return [json.loads(line)["resps"] for line in gzip.decompress(path.read_bytes()).splitlines()]


def errors(report: submission.Report) -> dict[str, str]:
    """Return the message of the first error under each rule."""
    found: dict[str, str] = {}
    for f in report.findings:
        if f.severity == "error":
            found.setdefault(f.rule, f"{f.place}: {f.message}")
    return found


def rejected(folder: Path, rule: str, teachers: Path | None = None) -> str:
    """Return what a spoilt bundle is rejected with, which must be this rule."""
    report = submission.validate(folder, teachers)
    assert not report.accepted
    assert rule in errors(report), [str(f) for f in report.findings]
    return errors(report)[rule]


class TestPack:
    def test_a_packed_pair_is_accepted(self, packed, inputs):
        report = submission.validate(packed)
        assert errors(report) == {}
        assert report.accepted
        runs = {name: logs.read_run(getattr(inputs, name)) for name in ("teacher", "student", "calibration", "repeat")}
        assert report.statement is not None
        assert report.score is not None
        claims = {"high_risk": report.statement.suites["high_risk"].claims}
        expected = score_pair(
            runs["teacher"],
            runs["student"],
            suites=["high_risk"],
            claims=claims,
            repeat=runs["repeat"],
            calibration=runs["calibration"],
        )
        names = {"teacher": "teacher", "student": "student"}
        assert report.score.model_dump() == expected.model_copy(update=names).model_dump()
        assert {check.status for check in report.checks} == {"supported"}

    def test_folder_is_named_after_the_pair(self, packed):
        manifest = json.loads((packed / "submission.json").read_text("utf-8"))
        assert packed.name == f"student-from-teacher-{manifest['pair_id'][:8]}"

    def test_same_inputs_give_the_same_bytes(self, inputs, packed, tmp_path):
        again = pack(inputs, tmp_path, repeat=inputs.repeat)
        for path in sorted(p for p in packed.rglob("*") if p.is_file()):
            assert (again / path.relative_to(packed)).read_bytes() == path.read_bytes(), path

    def test_log_likelihoods_can_be_rounded(self, inputs, packed, tmp_path):
        made = pack(inputs, tmp_path, repeat=inputs.repeat, digits=3)
        assert submission.validate(made).accepted
        logged = [
            [float(value) for row in rows_of(folder / "student/samples" / f"{URN}.jsonl.gz") for ((value, *_),) in row]
            for folder in (packed, made)
        ]
        assert logged[1] == [round(value, 3) for value in logged[0]]
        assert logged[1] != logged[0]

    def test_log_likelihoods_of_whole_documents_can_be_rounded(self, tmp_path):
        run = logs.read_run(write_run(tmp_path, ["as_distribution_bpb"], lambda spec, item: [-231.229309]))
        made = role_files(run, digits=3)["samples/as_distribution_bpb.jsonl.gz"]
        assert {str(json.loads(line)["resps"]) for line in gzip.decompress(made).splitlines()} == {"[['-231.229']]"}

    def test_publishes_nothing_of_the_machine(self, packed):
        for path in packed.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                text = gzip.decompress(content) if path.suffix == ".gz" else content
                assert b"/home" not in text, path
                assert b"secret machine" not in text, path

    def test_a_row_keeps_item_and_answers_alone(self, packed, inputs):
        rows = [json.loads(line) for line in gzip.decompress((packed / SAMPLES).read_bytes()).splitlines()]
        logged = next(inputs.student.rglob(f"samples_{URN}_*.jsonl")).read_text("utf-8").splitlines()
        keys = ("doc_id", "doc_hash", "resps")
        assert rows == [{key: json.loads(line)[key] for key in keys} for line in logged]

    def test_keeps_the_order_of_rows_whatever_the_order_in_the_log(self, packed, inputs, tmp_path):
        shuffled = Path(shutil.copytree(inputs.student, tmp_path / "student"))
        path = next(shuffled.rglob(f"samples_{URN}_*.jsonl"))
        path.write_text("\n".join(reversed(path.read_text("utf-8").splitlines())) + "\n", "utf-8")
        again = submission.pack(
            inputs.teacher, shuffled, inputs.statement, tmp_path / "out", suites=["high_risk"],
            calibration=inputs.calibration, repeat=inputs.repeat,
        )  # fmt: skip
        assert (again / SAMPLES).read_bytes() == (packed / SAMPLES).read_bytes()

    def test_lists_every_missing_part_of_the_author(self, inputs, tmp_path):
        said = statement.read(inputs.statement)
        part = said.suites["high_risk"]
        empty = part.model_copy(update={"items": part.items | {"deployment_context": "", "accepted_losses": " "}})
        statement.write(said.model_copy(update={"suites": {"high_risk": empty}}), tmp_path / "statement.yaml")
        with pytest.raises(BundleError, match=r"2 parts: high_risk: deployment_context; high_risk: accepted_losses"):
            submission.pack(
                inputs.teacher, inputs.student, tmp_path / "statement.yaml", tmp_path / "out", suites=["high_risk"]
            )
        assert not (tmp_path / "out").exists()

    def test_refuses_a_contradicted_claim_and_leaves_nothing(self, inputs, tmp_path):
        said = statement.read(inputs.statement)
        part = said.suites["high_risk"]
        claims = tuple(c.model_copy(update={"kind": "preserved"}) for c in part.claims)
        wrong = said.model_copy(update={"suites": {"high_risk": part.model_copy(update={"claims": claims})}})
        statement.write(wrong, tmp_path / "statement.json")
        with pytest.raises(BundleError, match=r"contradicts: high_risk: preserved as_calibration_confidence"):
            submission.pack(
                inputs.teacher, inputs.student, tmp_path / "statement.json", tmp_path / "out", suites=["high_risk"]
            )
        assert list((tmp_path / "out").iterdir()) == []

    def test_refuses_the_statement_of_another_pair(self, inputs, tmp_path):
        said = statement.read(inputs.statement).model_copy(update={"student": "other"})
        statement.write(said, tmp_path / "statement.json")
        with pytest.raises(BundleError, match="the statement's student is other, the run's is student"):
            submission.pack(
                inputs.teacher, inputs.student, tmp_path / "statement.json", tmp_path / "out", suites=["high_risk"]
            )

    def test_refuses_to_overwrite_unless_told_to(self, inputs, packed, tmp_path):
        first = pack(inputs, tmp_path, notes="first")
        with pytest.raises(BundleError, match="exists already"):
            pack(inputs, tmp_path, notes="second")
        assert json.loads((first / "submission.json").read_text())["notes"] == "first"
        assert pack(inputs, tmp_path, notes="second", force=True) == first
        assert json.loads((first / "submission.json").read_text())["notes"] == "second"
        assert [path.name for path in tmp_path.iterdir()] == [first.name]

    def test_refuses_a_calibration_run_on_other_items(self, inputs, tmp_path):
        with pytest.raises(BundleError, match="item_seed=1000003"):
            pack(inputs, tmp_path, calibration=inputs.repeat)

    def test_refuses_a_bundle_that_is_too_large(self, inputs, tmp_path, monkeypatch):
        monkeypatch.setitem(submission.pack.__globals__, "PAIR_LIMIT", 50_000)
        with pytest.raises(BundleError, match=r"at most 50000\. Largest: score\.json"):
            pack(inputs, tmp_path)

    def test_says_what_cannot_be_written(self, inputs, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(BundleError, match="cannot be written"):
            pack(inputs, tmp_path / "file")

    def test_passes_on_what_is_wrong_with_a_run(self, inputs, tmp_path):
        with pytest.raises(LogError, match="no such folder"):
            submission.pack(inputs.teacher, tmp_path / "none", inputs.statement, tmp_path / "out", suites=["high_risk"])

    def test_refuses_a_replaced_measure_block(self, inputs, tmp_path):
        student = Path(shutil.copytree(inputs.student, tmp_path / "student"))

        def forge(results: Any) -> None:
            results["configs"][LADDER]["metadata"]["angels_share"]["utility"] = "brier"

        edit_json(next(student.rglob("results_*.json")), forge)
        with pytest.raises(BundleError, match=r"AS-402.*differs in utility"):
            submission.pack(
                inputs.teacher, student, inputs.statement, tmp_path / "out", suites=["high_risk"],
                calibration=inputs.calibration,
            )  # fmt: skip

    def test_a_task_left_out_is_charged_and_noted(self, inputs, tmp_path):
        student = write_run(
            tmp_path / "student", [t for t in TASKS if t != SAMPLE], noisy(2, 0.6), model="student", sampling_seed=2
        )
        said = write_statement(tmp_path / "statement.yaml", inputs.teacher, student, inputs.calibration)
        folder = submission.pack(
            inputs.teacher, student, said, tmp_path / "out", suites=["high_risk"], calibration=inputs.calibration
        )
        report = submission.validate(folder)
        assert report.accepted
        assert [f.place for f in report.findings if f.rule == "AS-706"] == [SAMPLE]
        assert report.score is not None
        assert report.score.suites[0].angels_share is not None
        assert report.score.suites[0].angels_share.unmeasured == pytest.approx(1 / 6)


class TestReadRole:
    def test_gives_back_the_answers_of_the_log(self, packed, inputs):
        run, logged = submission.read_role(packed / "student"), logs.read_run(inputs.student)
        assert run.model == "student"
        assert run.tasks.keys() == logged.tasks.keys()
        for name, log in run.tasks.items():
            assert log.responses_digest == logged.tasks[name].responses_digest
            assert log.items == logged.tasks[name].items
            assert log.settings == logged.tasks[name].settings

    def test_raises_with_what_is_wrong(self, bundle):
        edit_rows(bundle / SAMPLES, lambda rows: rows.pop())
        with pytest.raises(BundleError, match="AS-403"):
            submission.read_role(bundle / "student")


def bundle_files() -> list[str]:
    roles = ("student", "teacher", "teacher_repeat", "calibration")
    return ["submission.json", "statement.json", "score.json"] + [
        f"{role}/{place}" for role in roles for place in ("results.json", *(f"samples/{t}.jsonl.gz" for t in TASKS))
    ]


class TestContainer:
    def test_the_list_of_files_is_complete(self, packed):
        present = {p.relative_to(packed).as_posix() for p in packed.rglob("*") if p.is_file()}
        assert present == set(bundle_files())

    @pytest.mark.parametrize("place", bundle_files())
    def test_one_flipped_bit_is_found(self, bundle, place):
        content = bytearray((bundle / place).read_bytes())
        content[len(content) // 2] ^= 1
        (bundle / place).write_bytes(bytes(content))
        if place == "submission.json":
            assert errors(submission.validate(bundle)).keys() & {"AS-301", "AS-201", "AS-202", "AS-203", "AS-211"}
        else:
            assert place in rejected(bundle, "AS-301")

    def test_every_byte_of_the_manifest_counts(self, bundle):
        path = bundle / "submission.json"
        original = path.read_bytes()
        for at in range(0, len(original), 41):
            path.write_bytes(original[:at] + bytes([original[at] ^ 2]) + original[at + 1 :])
            assert not submission.validate(bundle).accepted, original[max(0, at - 20) : at + 20]

    @pytest.mark.parametrize("place", ["submission.json", "statement.json", "score.json", SAMPLES])
    def test_a_missing_file_is_found(self, bundle, place):
        (bundle / place).unlink()
        assert place in rejected(bundle, "AS-101")

    @pytest.mark.parametrize(
        "place",
        ["README.md", "student/evil.py", "student/samples/a.jsonl", "other/results.json", ".hidden", "a/b/c/d/e/f"],
    )
    def test_a_foreign_file_is_found(self, bundle, place):
        (bundle / place).parent.mkdir(parents=True, exist_ok=True)
        (bundle / place).write_text("")
        assert rejected(bundle, "AS-102")

    def test_an_unlisted_file_is_found(self, bundle):
        shutil.copy(bundle / SAMPLES, bundle / "student/samples/as_other.jsonl.gz")
        assert "as_other" in rejected(bundle, "AS-302")

    def test_links_are_refused(self, bundle, tmp_path):
        (tmp_path / "target").write_bytes((bundle / SAMPLES).read_bytes())
        (bundle / SAMPLES).unlink()
        (bundle / SAMPLES).symlink_to(tmp_path / "target")
        assert SAMPLES in rejected(bundle, "AS-103")

    def test_a_linked_folder_is_refused(self, bundle, tmp_path):
        shutil.move(bundle / "student", tmp_path / "student")
        (bundle / "student").symlink_to(tmp_path / "student")
        assert "student" in rejected(bundle, "AS-103")

    def test_sizes_are_bounded(self, bundle):
        (bundle / SAMPLES).write_bytes(b"0" * (files.FILE_LIMIT + 1))
        assert SAMPLES in rejected(bundle, "AS-104")

    def test_a_gzip_bomb_is_not_unpacked(self, bundle):
        (bundle / SAMPLES).write_bytes(gzip.compress(b"0" * (files.LINE_LIMIT + 1), mtime=0))
        seal(bundle)
        assert "line of more than" in rejected(bundle, "AS-104")

    @pytest.mark.parametrize(
        ("change", "rule"),
        [(lambda _: b"plain", "AS-105"), (lambda whole: whole[:-9], "AS-105"), (lambda _: b"", "AS-403")],
    )
    def test_a_broken_gzip_file_is_found(self, bundle, change, rule):
        (bundle / SAMPLES).write_bytes(change((bundle / SAMPLES).read_bytes()))
        seal(bundle)
        assert SAMPLES in rejected(bundle, rule)

    def test_no_folder_is_a_finding(self, tmp_path):
        assert rejected(tmp_path / "none", "AS-101")

    def test_an_empty_folder_is_a_finding(self, tmp_path):
        assert rejected(tmp_path, "AS-101")


class TestForm:
    @pytest.mark.parametrize(
        ("rule", "text"),
        [
            ("AS-201", b"{"),
            ("AS-201", b"\xff{}"),
            ("AS-201", b"[" * 100_000),
            ("AS-201", b"[" * 40 + b"]" * 40),
            ("AS-202", b'{"a": 1, "a": 2}'),
            ("AS-203", b'{"a": NaN}'),
            ("AS-203", b'{"a": -Infinity}'),
            ("AS-203", b'{"a": 1e999}'),
            ("AS-203", b'{"a": 123456789012345678901234567890}'),
            ("AS-211", b"{}"),
            ("AS-211", b"[]"),
            ("AS-211", b"null"),
        ],
    )
    @pytest.mark.parametrize("place", ["submission.json", "statement.json", "score.json", "student/results.json"])
    def test_only_strict_json_that_fits_is_read(self, bundle, place, rule, text):
        (bundle / place).write_bytes(text)
        if place != "submission.json":
            seal(bundle)
        assert place in rejected(bundle, rule)

    @pytest.mark.parametrize("line", [b'{"doc_id": 0, "doc_id": 1}', b'{"doc_id": NaN}', b"{}", b'{"doc_id": "0"}'])
    def test_rows_are_read_as_strictly(self, bundle, line):
        lines = gzip.decompress((bundle / SAMPLES).read_bytes()).splitlines()
        (bundle / SAMPLES).write_bytes(gzip.compress(b"\n".join([line, *lines[1:]]), mtime=0))
        seal(bundle)
        found = errors(submission.validate(bundle))
        assert any(f"{SAMPLES}, row 1" in message for message in found.values())

    def test_text_is_no_number(self, bundle):
        def quote(content: Any) -> None:
            content["tasks"][LADDER]["num_fewshot"] = "0"

        edit_json(bundle / "student/results.json", quote)
        seal(bundle)
        assert "num_fewshot" in rejected(bundle, "AS-211")

    def test_the_folder_has_the_pairs_name(self, bundle):
        renamed = bundle.rename(bundle.with_name("another-name"))
        assert "student-from-teacher" in rejected(renamed, "AS-212")

    def test_statement_and_manifest_speak_of_one_pair(self, bundle):
        edit_json(bundle / "statement.json", lambda content: content.update(student="other"))
        seal(bundle)
        assert "student is other" in rejected(bundle, "AS-212")

    def test_the_pair_id_follows_from_the_pair(self, bundle):
        edit_json(bundle / "submission.json", lambda content: content["student"].update(weights_sha256="0" * 64))
        seal(bundle)
        assert "pair_id" in rejected(bundle, "AS-212")

    def test_another_suite_version_is_refused(self, bundle):
        edit_json(bundle / "submission.json", lambda content: content["suites"][0].update(version="0.0"))
        seal(bundle)
        assert "suite high_risk is 0.0" in rejected(bundle, "AS-401")


class TestCoverage:
    def test_a_dropped_row_is_found(self, bundle):
        edit_rows(bundle / SAMPLES, lambda rows: rows.pop(3))
        seal(bundle)
        assert "1 of 120 items have no answer" in rejected(bundle, "AS-403")

    def test_a_duplicate_row_is_found(self, bundle):
        edit_rows(bundle / SAMPLES, lambda rows: rows.append(rows[0]))
        seal(bundle)
        assert "1 items are answered repeatedly" in rejected(bundle, "AS-405")

    def test_an_extra_row_is_found(self, bundle):
        edit_rows(bundle / SAMPLES, lambda rows: rows.append(rows[0] | {"doc_id": 120, "doc_hash": "a" * 64}))
        seal(bundle)
        assert "1 rows answer no item" in rejected(bundle, "AS-404")

    def test_exchanged_row_numbers_are_found(self, bundle):
        def exchange(rows: list[dict[str, Any]]) -> None:
            rows[0]["doc_id"], rows[1]["doc_id"] = rows[1]["doc_id"], rows[0]["doc_id"]

        edit_rows(bundle / SAMPLES, exchange)
        seal(bundle)
        assert "2 rows have another item's doc_id" in rejected(bundle, "AS-404")

    def test_another_item_seed_means_other_items(self, bundle):
        def reseed(content: Any) -> None:
            content["tasks"][URN]["item_seed"] = 7

        edit_json(bundle / "student/results.json", reseed)
        seal(bundle)
        assert "item seed 7, expected toy, pilot, 0" in rejected(bundle, "AS-501")

    @pytest.mark.parametrize(
        "resps", [[["x"]], [], [[["0.5", "True"]]], [[["-1", "True"]], [["nan", "False"]], [["-1", "False"]]]]
    )
    def test_answers_are_what_the_readout_asks_for(self, bundle, resps):
        edit_rows(bundle / SAMPLES, lambda rows: rows[0].update(resps=resps))
        seal(bundle)
        assert "row 1" in rejected(bundle, "AS-406")

    def test_the_number_of_samples_is_the_declared_one(self, bundle):
        def repeat_less(content: Any) -> None:
            content["tasks"][SAMPLE]["repeats"] = 4

        edit_json(bundle / "student/results.json", repeat_less)
        seal(bundle)
        assert "each item has 8 answers, results.json says 4" in rejected(bundle, "AS-406")

    @pytest.mark.parametrize("change", [{"utility": "brier"}, {"per_cluster": 2}, {"row": "nowhere"}, {"bonus": 1}])
    def test_a_forged_measure_block_is_found(self, bundle, change):
        edit_json(bundle / "student/results.json", lambda content: content["tasks"][LADDER]["measure"].update(change))
        seal(bundle)
        assert LADDER in rejected(bundle, "AS-402")

    @pytest.mark.parametrize(("field", "value"), [("version", 9.0), ("track", "tiny"), ("profile", "huge")])
    def test_an_unknown_version_track_or_profile_is_found(self, bundle, field, value):
        edit_json(bundle / "student/results.json", lambda content: content["tasks"][LADDER].update({field: value}))
        seal(bundle)
        assert LADDER in rejected(bundle, "AS-401")

    def test_an_unknown_task_is_found(self, bundle):
        def rename(content: Any) -> None:
            content["tasks"]["as_boundary_lader"] = content["tasks"].pop(LADDER)

        edit_json(bundle / "student/results.json", rename)
        seal(bundle)
        assert f"Did you mean {LADDER}" in rejected(bundle, "AS-401")


class TestRecomputation:
    def test_a_better_score_is_rejected_with_both_values(self, bundle):
        original = json.loads((bundle / "score.json").read_text("utf-8"))["suites"][0]["composite"]["value"]

        def improve(content: Any) -> None:
            content["suites"][0]["composite"]["value"] = original + 1e-6

        edit_json(bundle / "score.json", improve)
        seal(bundle)
        message = rejected(bundle, "AS-601")
        assert "suites[0].composite.value" in message
        assert str(original) in message
        assert str(original + 1e-6) in message

    def test_better_answers_are_rejected_by_the_score(self, bundle):
        def answer_well(rows: list[dict[str, Any]]) -> None:
            for row in rows:
                row["resps"] = [
                    [[str(v), "True"]] for v in likelihoods({"choices": row["resps"], "gold": 0}, right=True)
                ]

        edit_rows(bundle / SAMPLES, answer_well)
        seal(bundle)
        assert rejected(bundle, "AS-601")

    def test_a_removed_task_is_rejected(self, bundle):
        edit_json(bundle / "score.json", lambda content: content["tasks"].pop())
        seal(bundle)
        assert "tasks has 4 entries, the logs give 5" in rejected(bundle, "AS-601")

    def test_rounding_in_the_tenth_digit_is_allowed(self, bundle):
        def nudge(content: Any) -> None:
            content["suites"][0]["composite"]["value"] *= 1 + 1e-12

        edit_json(bundle / "score.json", nudge)
        seal(bundle)
        assert submission.validate(bundle).accepted

    @pytest.mark.parametrize(
        ("given", "found", "told"),
        [
            ({"a": 1}, {"a": 1.0}, None),
            ({"a": True}, {"a": 1}, "a is True, the logs give 1"),
            ({"a": None}, {"a": 0.0}, "a is None, the logs give 0.0"),
            ({"a": 1}, {}, "a is unknown"),
            ({}, {"a": 1}, "a is missing"),
            ({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]}, "a[0].b is x, the logs give y"),
            ({"a": 1e-15}, {"a": 0.0}, None),
            ({"a": 0.1}, {"a": 0.1000001}, "a is 0.1, the logs give 0.1000001"),
        ],
    )
    def test_names_the_first_difference(self, given, found, told):
        assert next(map(str, differences(given, found)), None) == told

    def test_runs_of_other_settings_are_not_compared(self, inputs, bundle):
        shutil.rmtree(bundle / "calibration")
        shutil.copytree(bundle / "teacher", bundle / "calibration")

        def relist(content: Any) -> None:
            content["roles"]["calibration"]["files"] = dict.fromkeys(content["roles"]["calibration"]["files"], "0" * 64)

        edit_json(bundle / "submission.json", relist)
        seal(bundle)
        assert "item seed 0, expected toy, pilot, 1000003" in rejected(bundle, "AS-501")

    def test_what_cannot_be_scored_is_a_finding(self, bundle):
        def shots(content: Any) -> None:
            content["tasks"][LADDER]["num_fewshot"] = 3

        edit_json(bundle / "student/results.json", shots)
        seal(bundle)
        assert "num_fewshot" in rejected(bundle, "AS-503")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class TestRescore:
    @staticmethod
    def worsen(content: Any) -> None:
        content["suites"][0]["composite"]["value"] += 0.5
        content["tasks"][0]["loss"]["value"] += 0.25
        del content["tasks"][0]["agreement_beyond_chance"]

    def test_another_score_is_made_the_one_of_the_logs(self, bundle, packed):
        edit_json(bundle / "score.json", self.worsen)
        seal(bundle)
        made = submission.rescore_bundle(bundle)
        assert made.refused == ()
        assert made.written == ("score.json", "submission.json")
        assert sorted(change.place for change in made.changes) == [
            "suites[0].composite.value",
            "tasks[0].agreement_beyond_chance",
            "tasks[0].loss.value",
        ]
        assert sorted(change.size for change in made.changes if change.size) == pytest.approx([0.25, 0.5])
        assert bytes_of(bundle) == bytes_of(packed)
        assert [p.name for p in bundle.parent.iterdir()] == [bundle.name]

    @pytest.mark.parametrize(
        "content", [None, b"{", b"[]", b'{"a": NaN}', b"{}"], ids=["none", "cut", "list", "nan", "{}"]
    )
    def test_a_score_that_cannot_be_read_is_made_again(self, bundle, packed, content):
        place = bundle / "score.json"
        place.unlink() if content is None else place.write_bytes(content)
        assert not submission.validate(bundle).accepted
        assert submission.rescore_bundle(bundle).written
        assert bytes_of(bundle) == bytes_of(packed)

    def test_a_sound_bundle_is_not_written(self, bundle, monkeypatch):
        monkeypatch.setattr(Path, "write_bytes", lambda *_: pytest.fail("a file was written"))
        assert submission.rescore_bundle(bundle) == submission.Rescored()

    def test_numbers_that_are_the_same_to_nine_digits_stay(self, bundle):
        def nudge(content: Any) -> None:
            self.worsen(content)
            content["tasks"][1]["loss"]["value"] *= 1 + 1e-13

        edit_json(bundle / "score.json", nudge)
        seal(bundle)
        nudged = json.loads((bundle / "score.json").read_text("utf-8"))["tasks"][1]
        submission.rescore_bundle(bundle)
        assert json.loads((bundle / "score.json").read_text("utf-8"))["tasks"][1] == nudged
        assert submission.rescore_bundle(bundle) == submission.Rescored()

    def test_items_that_the_score_answers_follow_it_and_the_authors_words_stay(self, bundle, packed):
        edit_json(bundle / "score.json", self.worsen)
        edit_json(
            bundle / "statement.json", lambda c: c["suites"]["high_risk"]["items"].update(stress_distributions="Old.")
        )
        seal(bundle)
        assert submission.rescore_bundle(bundle).written == ("score.json", "statement.json", "submission.json")
        assert bytes_of(bundle) == bytes_of(packed)

    def spoil(self, bundle: Path, fault: str) -> None:
        if fault == "log":
            edit_rows(bundle / SAMPLES, lambda rows: rows[0].update(resps=rows[1]["resps"]))
        elif fault == "sealed log":
            edit_rows(bundle / SAMPLES, lambda rows: rows.pop())
            seal(bundle)
        elif fault == "statement":
            edit_json(bundle / "statement.json", lambda c: c["suites"]["high_risk"]["items"].update(accepted_losses=""))
            seal(bundle)
        elif fault == "manifest":
            edit_json(bundle / "submission.json", lambda c: c.update(submitter="someone else"))
        else:
            (bundle / "note.txt").write_text("hello", "utf-8")

    @pytest.mark.parametrize(
        ("fault", "rule"),
        [
            ("log", "AS-301"),
            ("sealed log", "AS-403"),
            ("statement", "AS-701"),
            ("manifest", "AS-301"),
            ("another file", "AS-102"),
        ],
    )
    def test_what_is_wrong_otherwise_is_refused(self, bundle, fault, rule):
        edit_json(bundle / "score.json", self.worsen)
        seal(bundle)
        self.spoil(bundle, fault)
        before = bytes_of(bundle)
        made = submission.rescore_bundle(bundle)
        assert made.written == made.changes == ()
        assert rule in {finding.rule for finding in made.refused}
        assert bytes_of(bundle) == before

    def test_a_rewritten_statement_is_refused_where_the_score_is_right(self, bundle):
        edit_json(bundle / "statement.json", lambda c: c["suites"]["high_risk"]["items"].update(primary_metric="Fine."))
        seal(bundle)
        assert [finding.rule for finding in submission.rescore_bundle(bundle).refused] == ["AS-702"]

    def test_a_link_in_the_place_of_the_score_is_refused(self, bundle, tmp_path):
        outside = tmp_path / "outside.json"
        (bundle / "score.json").rename(outside)
        (bundle / "score.json").symlink_to(outside)
        assert [finding.rule for finding in submission.rescore_bundle(bundle).refused] == ["AS-103"]
        assert (bundle / "score.json").is_symlink()

    def test_command_says_of_each_bundle_what_changed(self, bundle, command):
        edit_json(bundle / "score.json", self.worsen)
        seal(bundle)
        broken = Path(shutil.copytree(bundle, bundle.parent / "broken"))
        done = command("rescore", bundle.parent)
        assert done.code == 1
        one, other = done.out.splitlines()
        assert one == "refused    broken"
        assert "error AS-212 .: the folder's name is not" in done.err
        assert other.startswith(
            f"rescored   {bundle.name}: 3 values changed, a number at most by 0.5: suites[0].compos"
        )
        shutil.rmtree(broken)
        again = command("rescore", bundle)
        assert (again.code, again.out, again.err) == (0, f"unchanged  {bundle.name}\n", "")

    def test_a_full_disk_changes_nothing(self, bundle, monkeypatch):
        edit_json(bundle / "score.json", self.worsen)
        seal(bundle)
        before, write = bytes_of(bundle), Path.write_bytes

        def full(path: Path, content: bytes) -> int:
            if path.name == "submission.json":
                raise OSError(28, "No space left on device")
            return write(path, content)

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(BundleError, match=r"new score cannot be written: .*No space left.*rescore again"):
            submission.rescore_bundle(bundle)
        assert bytes_of(bundle) == before


class TestStatementStage:
    def change(self, bundle: Path, change: Callable[[Any], None]) -> None:
        edit_json(bundle / "statement.json", lambda content: change(content["suites"]["high_risk"]))
        seal(bundle)

    def test_every_missing_part_of_the_author_is_found(self, bundle):
        self.change(bundle, lambda part: part["items"].update(deployment_context="", accepted_losses=""))
        report = submission.validate(bundle)
        told = [f.message for f in report.findings if f.rule == "AS-701"]
        assert told == ["high_risk: deployment_context is empty", "high_risk: accepted_losses is empty"]
        assert not report.accepted

    def test_what_the_score_says_cannot_be_rewritten(self, bundle):
        self.change(bundle, lambda part: part["items"].update(observed_losses="None at all."))
        assert "observed_losses" in rejected(bundle, "AS-702")

    def test_a_contradicted_claim_is_found(self, bundle):
        self.change(bundle, lambda part: part["claims"][0].update(kind="preserved"))
        assert "preserved as_calibration_confidence" in rejected(bundle, "AS-703")

    def test_an_undisclosed_loss_is_a_warning_and_keeps_the_pair_from_ranking(self, inputs, tmp_path):
        said = statement.read(inputs.statement)
        part = said.suites["high_risk"]
        silent = part.model_copy(update={"claims": part.claims[1:]})
        statement.write(said.model_copy(update={"suites": {"high_risk": silent}}), tmp_path / "statement.json")
        folder = submission.pack(
            inputs.teacher, inputs.student, tmp_path / "statement.json", tmp_path / "out", suites=["high_risk"],
            calibration=inputs.calibration,
        )  # fmt: skip
        report = submission.validate(folder)
        assert report.accepted
        assert [(f.rule, f.severity) for f in report.findings if f.rule == "AS-705"] == [("AS-705", "warning")]
        assert report.score is not None
        assert not report.score.suites[0].rankable


class TestCanonicalTeachers:
    def test_a_pair_refers_to_the_registered_log(self, inputs, registered):
        folder = pack(inputs, registered.parents[1], calibration=None, canonical=registered)
        manifest = json.loads((folder / "submission.json").read_text("utf-8"))
        assert manifest["roles"]["teacher"] == {"canonical": "big-teacher"}
        assert manifest["roles"].keys() == {"student", "teacher", "teacher_repeat", "calibration"}
        assert manifest["teacher"]["licence"] == "Apache-2.0"
        assert sorted(p.name for p in folder.iterdir()) == [
            "score.json", "statement.json", "student", "submission.json",
        ]  # fmt: skip
        report = submission.validate(folder)
        assert report.accepted
        assert report.score is not None
        assert report.score.calibration == "calibration run"
        assert report.score.teacher == "big-teacher"
        assert report.score.repeat

    def test_runs_are_named_after_their_items(self, registered):
        assert sorted(path.name for path in (registered / "runs").iterdir()) == [
            "toy-pilot-0", "toy-pilot-0-repeat", "toy-pilot-1000003",
        ]  # fmt: skip

    @pytest.fixture
    def referring(self, inputs: Inputs, registered: Path, tmp_path: Path) -> Path:
        """Return a bundle that refers to its own copy of the registered teacher."""
        copy = Path(shutil.copytree(registered, tmp_path / "teachers" / registered.name))
        return pack(inputs, tmp_path, calibration=None, canonical=copy)

    def test_an_unknown_teacher_is_found(self, referring):
        shutil.move(referring.parent / "teachers/big-teacher", referring.parent / "teachers/big-teacher-2")
        assert "big-teacher is registered as big-teacher-2" in rejected(referring, "AS-504")

    def test_no_teachers_at_all_is_a_finding(self, referring, tmp_path):
        assert "None is registered" in rejected(referring, "AS-502", tmp_path / "nowhere")

    def test_a_missing_run_is_found(self, referring):
        folder = referring.parent / "teachers/big-teacher"
        edit_json(folder / "teacher.json", lambda content: content["runs"].pop("toy-pilot-0-repeat"))
        assert "without a teacher_repeat run" in rejected(referring, "AS-504")

    def test_a_flipped_byte_in_a_registered_log_is_found(self, referring):
        path = referring.parent / f"teachers/big-teacher/runs/toy-pilot-0/samples/{URN}.jsonl.gz"
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(bytes(content))
        assert URN in rejected(referring, "AS-301")

    def test_another_description_of_the_teacher_is_found(self, referring):
        folder = referring.parent / "teachers/big-teacher"
        edit_json(folder / "teacher.json", lambda content: content["facts"].update(licence="MIT"))
        assert "teacher.json" in rejected(referring, "AS-212")

    def test_registering_the_same_again_changes_nothing(self, inputs, registered, tmp_path):
        copy = Path(shutil.copytree(registered, tmp_path / "teachers" / registered.name))
        before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
        again = submission.register_teacher(inputs.teacher, tmp_path / "teachers", "big-teacher")
        assert again == copy
        assert {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()} == before

    def test_a_different_log_is_refused_and_nothing_is_lost(self, inputs, registered, tmp_path):
        copy = Path(shutil.copytree(registered, tmp_path / "teachers" / registered.name))
        before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
        with pytest.raises(BundleError, match="registered with other answers"):
            submission.register_teacher(inputs.student, tmp_path / "teachers", "big-teacher")
        assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before

    def test_another_licence_is_refused(self, inputs, registered, tmp_path):
        shutil.copytree(registered, tmp_path / "teachers" / registered.name)
        with pytest.raises(BundleError, match=r"registered with licence Apache-2\.0, now it is MIT"):
            submission.register_teacher(inputs.teacher, tmp_path / "teachers", "big-teacher", licence="MIT")

    def test_a_task_can_be_added_later(self, inputs, tmp_path):
        some = write_run(tmp_path / "some", [URN], noisy(1, 0.95), model="teacher")
        folder = submission.register_teacher(some, tmp_path / "teachers", "big-teacher")
        submission.register_teacher(inputs.teacher, tmp_path / "teachers", "big-teacher")
        assert submission.read_role(folder / "runs/toy-pilot-0").tasks.keys() == set(TASKS)

    def test_a_run_with_other_answers_cannot_refer_to_it(self, inputs, registered, tmp_path):
        said = write_statement(tmp_path / "s.yaml", inputs.repeat, inputs.student, inputs.calibration)
        with pytest.raises(BundleError, match=f"{SAMPLE}: the canonical teacher is registered with other answers"):
            submission.pack(
                inputs.repeat, inputs.student, said, tmp_path / "out", suites=["high_risk"], canonical=registered
            )

    def test_a_run_on_another_machine_can_refer_to_it(self, inputs, registered, tmp_path):
        """Another machine adds in another order; what is scored are the registered answers."""
        elsewhere = write_run(tmp_path / "t", TASKS, drifted(noisy(1, 0.95), 1e-5), model="/home/someone/teacher")
        said = write_statement(tmp_path / "s.yaml", elsewhere, inputs.student, inputs.calibration)
        given = {"suites": ["high_risk"], "canonical": registered}
        made = submission.pack(elsewhere, inputs.student, said, registered.parent.parent, **given, force=True)
        here = pack(inputs, registered.parent.parent, canonical=registered, calibration=None, force=True)
        assert (made / "score.json").read_bytes() == (here / "score.json").read_bytes()
        farther = write_run(tmp_path / "f", TASKS, drifted(noisy(1, 0.95), 0.01), model="/home/someone/teacher")
        with pytest.raises(BundleError, match="registered with other answers"):
            submission.pack(farther, inputs.student, said, tmp_path / "out", **given)

    def test_a_canonical_teacher_brings_its_own_calibration(self, inputs, registered, tmp_path):
        with pytest.raises(BundleError, match="brings its own calibration run"):
            pack(inputs, tmp_path, canonical=registered)


CONFIDENCE, SECRETS, RECITED = "as_calibration_confidence", "as_privacy_canary", "as_privacy_extract_text"
KEY = canaries.key_of(7, (0,), "pilot")


def write_keyed(folder: Path, tasks: list[str], answer: Any, key: canaries.Key = KEY, **options: Any) -> Path:
    """Write a run of a task that follows the item seed and of privacy tasks that follow a key."""
    write_run(folder, [CONFIDENCE], answer, **options)
    return write_privacy(folder, tasks, answer, key, **options)


@pytest.fixture(scope="class")
def private() -> Iterator[None]:
    """Put a privacy task beside the primary one of the suite."""
    block = spec.suite("high_risk").model_dump()
    rows = {
        "calibration": {"weight": 0.5, "primary_task": CONFIDENCE},
        "privacy": {"weight": 0.5, "primary_task": SECRETS},
    }
    cut = spec.SuiteSpec.model_validate(block | {"tasks": (CONFIDENCE, SECRETS), "second_stage": (), "rows": rows})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spec, "suites", lambda: {"high_risk": cut})
        yield


@pytest.fixture(scope="class")
def keyed(private: None, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    root = tmp_path_factory.mktemp("keyed")
    able, name = noisy(1, 0.95), "/home/someone/teacher"
    teacher = write_keyed(root / "teacher", [SECRETS], able, model=name, sampling_seed=1)
    student = write_keyed(root / "student", [SECRETS], noisy(2, 0.6), model="student", sampling_seed=2)
    repeat = write_keyed(root / "repeat", [SECRETS], able, model=name, sampling_seed=3)
    calibration = write_keyed(root / "calibration", [SECRETS], able, model=name, item_seed=CALIBRATION_SEED)
    said = write_statement(root / "statement.yaml", teacher, student, calibration)
    return Inputs(teacher, student, calibration, repeat, said)


@pytest.fixture(scope="class")
def sound(keyed: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(keyed, tmp_path_factory.mktemp("sound"))


@pytest.mark.usefixtures("private")
class TestCanaries:
    @pytest.fixture
    def role(self, sound: Path, tmp_path: Path) -> Path:
        """Return a copy of the student's part of a good bundle, to be spoilt."""
        return Path(shutil.copytree(sound / "student", tmp_path / "student"))

    def found(self, role: Path, **changed: Any) -> dict[str, str]:
        """Return what is found where a privacy task was declared otherwise."""
        edit_json(role / "results.json", lambda content: content["tasks"][SECRETS].update(changed))
        return {f.rule: f.message for f in examine_role(role, "student")[1] if f.severity == "error"}

    def test_items_are_made_again_from_the_key(self, keyed, sound):
        report = submission.validate(sound)
        assert errors(report) == {}
        assert report.accepted
        log = submission.read_role(sound / "student").tasks[SECRETS]
        assert log.settings == logs.read_run(keyed.student).tasks[SECRETS].settings
        assert list(log.items) == make_items(SECRETS, seed=7)
        declared = json.loads((sound / "student/results.json").read_text("utf-8"))["tasks"]
        assert (declared[SECRETS]["canaries"], declared[CONFIDENCE]["canaries"]) == (KEY.content, None)

    def test_results_without_the_field_stay_valid(self, role):
        edit_json(role / "results.json", lambda content: content["tasks"][CONFIDENCE].pop("canaries"))
        assert submission.read_role(role).tasks.keys() == {CONFIDENCE, SECRETS}

    def test_another_key_is_another_pair(self, keyed, sound, tmp_path):
        other = canaries.key_of(8, (0,), "pilot")
        folders = {
            "teacher": write_keyed(tmp_path / "t", [SECRETS], noisy(1, 0.95), other, model="teacher"),
            "student": write_keyed(tmp_path / "s", [SECRETS], noisy(2, 0.6), other, model="student", sampling_seed=2),
        }
        said = write_statement(tmp_path / "statement.yaml", folders["teacher"], folders["student"], None)
        again = submission.pack(*folders.values(), said, tmp_path / "out", suites=["high_risk"])
        ids = {json.loads((folder / "submission.json").read_text())["pair_id"] for folder in (sound, again)}
        assert len(ids) == 2

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"canaries": None}, "names no canary key"),
            ({"canaries": KEY.content | {"digest": "0" * 64}}, "makes other texts from seed 7"),
            ({"canaries": KEY.content | {"levels": [9]}}, "asks for level 0, but the key inserted [9]"),
            ({"canaries": KEY.content | {"levels": [0, 9]}}, "levels [0, 9]: expected one or more of"),
            ({"canaries": KEY.content | {"levels": [0, 0]}}, "levels [0, 0]: expected one or more of"),
            ({"canaries": KEY.content | {"profile": "huge"}}, "profile 'huge' is unknown"),
            ({"profile": "lite"}, "asks for more texts than the key inserted"),
            ({"track": "small"}, "track small asks for level 1"),
        ],
    )
    def test_a_key_that_will_not_do_is_found(self, role, changed, message):
        assert message in self.found(role, **changed)["AS-408"]

    @pytest.mark.parametrize(
        "change",
        [
            {"seed": -1},
            {"seed": "7"},
            {"seed": 7.5},
            {"seed": 2**53},
            {"levels": list(range(10_000))},
            {"levels": [0] * 6},
            {"levels": 0},
            {"profile": "p" * 10_000},
            {"digest": "0" * 65},
            {"digest": None},
            {"format": 2},
            {"path": "/etc/passwd"},
        ],
    )
    def test_what_is_no_key_is_never_followed(self, role, monkeypatch, change):
        monkeypatch.setattr(canaries, "lists", None)
        assert SECRETS in self.found(role, canaries=KEY.content | change)["AS-211"]

    @pytest.mark.parametrize("given", ["key.json", [], 7, {}])
    def test_what_is_no_mapping_of_a_key(self, role, given):
        assert SECRETS in self.found(role, canaries=given)["AS-211"]

    def test_a_key_of_another_seed_means_other_items(self, role):
        found = self.found(role, canaries=canaries.key_of(8, (0,), "pilot").content)
        assert "120 of 120 items have no answer" in found["AS-403"]

    def test_a_key_that_nothing_follows_is_found(self, role):
        edit_json(role / "results.json", lambda content: content["tasks"][CONFIDENCE].update(canaries=KEY.content))
        (found,) = (f for f in examine_role(role, "student")[1] if f.severity == "error")
        assert (found.rule, found.message) == ("AS-408", "names a canary key, which its items do not follow")

    def test_one_role_follows_one_key(self, role):
        def another(content: Any) -> None:
            key = canaries.key_of(8, (0,), "pilot").content
            content["tasks"][RECITED] = content["tasks"][SECRETS] | {"canaries": key}

        edit_json(role / "results.json", another)
        run, (found,) = examine_role(role, "student")
        assert run is None
        assert found.rule == "AS-211"
        assert "several canary keys" in found.message

    def test_one_pair_follows_one_key(self, sound, tmp_path):
        """A longer key of the same seed gives the same items, but says that more was inserted."""
        folder = Path(shutil.copytree(sound, tmp_path / sound.name))
        longer = canaries.key_of(7, (0,), "lite").content
        edit_json(folder / "calibration/results.json", lambda c: c["tasks"][SECRETS].update(canaries=longer))
        seal(folder)
        assert "several canary keys" in rejected(folder, "AS-501")

    def test_pair_of_two_keys_is_not_packed(self, keyed, tmp_path):
        student = write_keyed(
            tmp_path / "s", [SECRETS], noisy(2, 0.6), canaries.key_of(7, (0,), "lite"), model="student"
        )
        with pytest.raises(BundleError, match="several canary keys"):
            submission.pack(keyed.teacher, student, keyed.statement, tmp_path / "out", suites=["high_risk"])
        assert list((tmp_path / "out").iterdir()) == []

    def test_documents_of_ones_own_are_scored_but_not_packed(self, tmp_path):
        runs = []
        for seed, name in enumerate(("teacher", "student"), 1):
            folder = write_keyed(tmp_path / name, [RECITED], noisy(seed, 1 / seed), model=name, sampling_seed=seed)
            path = next(p for p in folder.rglob("results_*.json") if RECITED in p.read_text("utf-8"))
            change_metadata(path, as_canaries=None, as_members="/home/in.jsonl", as_nonmembers="/home/out.jsonl")
            runs.append(logs.read_run(folder))
        assert score_pair(*runs, suites=["high_risk"], resamples=100).tasks
        with pytest.raises(BundleError, match=f"{RECITED} was run on documents of your own, .* leave the task out"):
            role_files(runs[0])

    def test_a_key_that_the_log_names_by_its_file_is_published_by_its_content(self, tmp_path):
        folder = write_privacy(tmp_path / "run", [SECRETS], noisy(1), KEY)
        canaries.write(tmp_path / "lists", KEY)
        path = tmp_path / "lists" / "key.json"
        change_metadata(next(folder.rglob("results_*.json")), as_canaries=str(path))
        published = json.loads(role_files(logs.read_run(folder))["results.json"])
        assert published["tasks"][SECRETS]["canaries"] == KEY.content
        path.unlink()
        with pytest.raises(BundleError, match=f"the log of {SECRETS} names its canary key by a file, .*key.json"):
            role_files(logs.read_run(folder))


class TestModelFacts:
    def test_weights_are_described_from_the_models_folder(self, inputs, tmp_path):
        from safetensors.numpy import save_file

        (tmp_path / "weights").mkdir()
        save_file({"a": np.zeros((3, 4), np.float16)}, tmp_path / "weights/model.safetensors")
        folder = pack(inputs, tmp_path / "out", student_folder=tmp_path / "weights", student_licence="MIT")
        student = json.loads((folder / "submission.json").read_text("utf-8"))["student"]
        assert student["weights_sha256"] == files.sha256((tmp_path / "weights/model.safetensors").read_bytes())
        assert (student["name"], student["parameters"], student["licence"]) == ("student", 12, "MIT")

    def test_a_folder_without_weights_is_refused(self, inputs, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(AngelsShareError, match="empty"):
            pack(inputs, tmp_path / "out", teacher_folder=tmp_path / "empty")


def test_every_rule_says_what_it_asks_and_what_to_do():
    known = submission.rules()
    assert all(text.count("Otherwise (") == 1 and text.endswith(".") for text in known.values())
    assert list(known) == sorted(known)


CROSS = "as_distribution_cross"


@pytest.fixture(scope="module")
def staged(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Return the pair's runs with their second stage in them."""
    root = tmp_path_factory.mktemp("staged")
    folders = {role: Path(shutil.copytree(getattr(inputs, role), root / role)) for role in ("teacher", "student")}
    runs = {role: logs.read_run(folder) for role, folder in folders.items()}
    made = second_stage.items_of(
        spec.task(CROSS), spec.task_files()[CROSS].parent, *(run.tasks[SAMPLE] for run in runs.values())
    )
    for seed, (role, run) in enumerate(runs.items(), start=1):
        place = folders[role] / "second_stage"
        write_run(place, [CROSS], noisy(seed), model=run.model, sampling_seed=seed, items={CROSS: made})
    return replace(inputs, **folders)


@pytest.fixture(scope="module")
def second(staged: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(staged, tmp_path_factory.mktemp("second"))


class TestSecondStage:
    @pytest.fixture
    def spoilt(self, second: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(second, tmp_path / second.name))

    def test_second_stages_are_kept_apart_and_scored(self, second, staged, packed):
        report = submission.validate(second)
        assert errors(report) == {}
        assert report.accepted
        assert report.manifest is not None
        assert {"teacher_stage2", "student_stage2"} <= set(report.manifest.roles)
        assert sorted(p.name for p in (second / "student_stage2/samples").iterdir()) == [f"{CROSS}.jsonl.gz"]
        assert not (second / "student/samples" / f"{CROSS}.jsonl.gz").exists()
        assert report.score is not None
        assert [(task.task, task.gap) for task in report.score.second_stage] == [(CROSS, None)]
        without = submission.validate(packed).score
        assert without is not None
        assert without.suites == report.score.suites
        assert without.second_stage[0].gap is not None

    def test_a_canonical_teacher_has_no_second_stage_of_its_own(self, staged, tmp_path):
        out = tmp_path / "submissions"
        kept = submission.register_teacher(staged.teacher, out / "teachers", "big-teacher")
        assert CROSS not in (kept / "runs/toy-pilot-0/results.json").read_text("utf-8")
        made = pack(staged, out, canonical=kept, calibration=None)
        manifest = json.loads((made / "submission.json").read_text("utf-8"))
        assert manifest["roles"]["teacher"] == {"canonical": "big-teacher"}
        assert "files" in manifest["roles"]["teacher_stage2"]
        report = submission.validate(made)
        assert errors(report) == {}
        assert report.score is not None
        assert report.score.second_stage[0].gap is None

    def test_another_first_stage_gives_other_items(self, spoilt):
        def other(rows):
            for row in rows:
                row["resps"] = [[f"{text} x" for text in row["resps"][0][1:]] + ["cobalt"]]

        edit_rows(spoilt / f"student/samples/{SAMPLE}.jsonl.gz", other)
        seal(spoilt)
        assert "items have no answer" in rejected(spoilt, "AS-403")

    def test_first_stage_that_is_missing(self, spoilt):
        (spoilt / f"student/samples/{SAMPLE}.jsonl.gz").unlink()
        edit_json(spoilt / "student/results.json", lambda content: content["tasks"].pop(SAMPLE))
        edit_json(
            spoilt / "submission.json",
            lambda content: content["roles"]["student"]["files"].pop(f"student/samples/{SAMPLE}.jsonl.gz"),
        )
        seal(spoilt)
        assert f"answers to {SAMPLE}, of which the bundle lacks one" in rejected(spoilt, "AS-409")

    @pytest.mark.parametrize(
        ("task", "source", "target", "message"),
        [
            (CROSS, "student_stage2", "student", "a second-stage task among those of a first stage"),
            (URN, "student", "student_stage2", "no second-stage task"),
        ],
    )
    def test_stages_that_are_mixed(self, spoilt, task, source, target, message):
        content = json.loads((spoilt / source / "results.json").read_text("utf-8"))["tasks"][task]
        edit_json(spoilt / target / "results.json", lambda results: results["tasks"].update({task: content}))
        shutil.copy(spoilt / f"{source}/samples/{task}.jsonl.gz", spoilt / f"{target}/samples/{task}.jsonl.gz")
        edit_json(
            spoilt / "submission.json",
            lambda manifest: manifest["roles"][target]["files"].update({f"{target}/samples/{task}.jsonl.gz": "0" * 64}),
        )
        seal(spoilt)
        assert message in rejected(spoilt, "AS-409")
