"""The leaderboard's index: its tables, its ranks, and how it is swapped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import fixture_entries as fixture
from angels_share import index
from angels_share.errors import BundleError, LogError
from angels_share.estimate import Draws
from angels_share.index import (
    Entry,
    LeftOut,
    board_rows,
    build_index,
    pair_document,
    task_rows,
    with_ranks,
    write_index,
)
from angels_share.score.model import SuiteDraws, SuiteScore
from angels_share.submission.model import Finding, Report

ERROR = Finding(rule="AS-301", severity="error", place="score.json", message="another hash", hint="Pack again.")
NOTE = Finding(rule="AS-407", severity="note", place="score.json", message="not pinned", hint="Nothing to do.")


def held(name: str, composite: float, **changes: object) -> tuple[index.Row, SuiteScore]:
    """Return a row of the board and its suite: all is retained, and the loss has a standard error near 0.026."""
    suite = fixture.distilled().score.suites[0]
    rows = (suite.rows[0].model_copy(update={"loss": fixture.estimate(1 - composite), "weight": 1.0}),)
    drawn = SuiteDraws(Draws(1.0, np.ones(2000)), fixture.drawn(1 - composite, 0.05), 400)
    row = {"pair_id": name, "kind": "pair", "rankable": True, "composite": composite, **changes}
    return row, suite.model_copy(update={"rows": rows, "draws": drawn})


def ranks(pairs: list[tuple[index.Row, SuiteScore]]) -> dict[str, tuple[int | None, int | None]]:
    return {row["pair_id"]: (row["rank_low"], row["rank_high"]) for row in with_ranks(pairs)}


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def entries() -> list[Entry]:
    return [fixture.distilled(), fixture.pruned(), fixture.control()]


class TestRanks:
    def test_best_first(self) -> None:
        """Differences have a standard error near 0.036, so 0.2 is told apart and 0.05 is not."""
        pairs = [held("a", 0.65), held("b", 0.70), held("c", 0.15), held("d", 0.35)]
        assert ranks(pairs) == {"a": (1, 2), "b": (1, 2), "c": (4, 4), "d": (3, 3)}
        rows = with_ranks(pairs)
        assert [row["pair_id"] for row in rows] == ["b", "a", "d", "c"]
        assert {row["rank_method"] for row in rows} == {"simultaneous 95 % intervals (max-T)"}
        assert [(row["rank_retention_low"], row["rank_retention_high"]) for row in rows] == [(1, 4)] * 4
        assert [row["rank_share_low"] for row in rows] == [1, 1, 3, 4]
        assert [(row["place_low"], row["place_high"], row["place_kept"]) for row in rows] == [
            (k, k, 1.0) for k in (1, 2, 3, 4)
        ], "there is one row only, so weights change nothing"

    def test_controls_and_unrankable_rows_have_no_rank_and_take_none(self) -> None:
        pairs = [held("a", 0.1), held("control", 0.9, kind="control"), held("unrankable", 0.8, rankable=False)]
        assert ranks(pairs) == {"a": (1, 1), "unrankable": (None, None), "control": (None, None)}
        rows = with_ranks(pairs)
        assert [row["pair_id"] for row in rows] == ["a", "unrankable", "control"]
        assert [row["place_kept"] for row in rows] == [1.0, None, None]

    def test_other_teachers_and_items_are_ranked_apart(self) -> None:
        first = fixture.distilled()
        teacher = fixture.entry("fixture-b", "logit-kd", [], first.score.suites, teacher="fixture-other-teacher")
        items = fixture.entry(
            "fixture-c", "logit-kd", [], first.score.suites, key=fixture.KEY.model_copy(update={"item_seed": 5})
        )
        rows = board_rows([first, teacher, items])
        assert [(row["rank_low"], row["rank_high"]) for row in rows] == [(1, 1)] * 3


class TestTables:
    def test_board(self, entries: list[Entry]) -> None:
        rows = {row["student"]: row for row in board_rows(entries)}
        row = rows["fixture-student-700k"]
        # rows weigh a third each: (0.06 + 0.12) / 2, 0.41, and (0.22 + 1) / 2 with the task that was left out
        assert row["angels_share"] == pytest.approx((0.09 + 0.41 + 0.61) / 3)
        assert row["kept"] == pytest.approx(1 - row["angels_share"])
        parts = row["accounted"] + row["undisclosed"] + row["unmeasured"]
        assert parts == pytest.approx(row["angels_share"])
        assert (row["loss_tail"], row["loss_boundary"]) == pytest.approx((0.09, 0.41))
        assert row["loss_privacy"] is None
        counts = {name: row[f"n_{name}"] for name in ("preserved", "harmful", "shifted", "inconclusive", "charged")}
        assert counts == {"preserved": 1, "harmful": 1, "shifted": 1, "inconclusive": 1, "charged": 1}
        assert row["n_not_measurable"] == 0
        assert (row["track"], row["profile"], row["item_seed"], row["levels"]) == ("toy", "pilot", 0, [0])
        assert (row["trust"], row["kind"], row["method"]) == ("recomputed", "pair", "logit-kd")
        assert rows["fixture-teacher-2m-again"]["kind"] == "control"
        assert rows["fixture-teacher-2m-minus-2-layers"]["n_not_measurable"] == 1
        assert rows["fixture-teacher-2m-minus-2-layers"]["reasons"]

    def test_a_pair_without_a_result_has_nulls(self, tmp_path: Path) -> None:
        nothing = {"angels_share": None, "composite": None, "rankable": False, "reasons": ("nothing was measured",)}
        suite = fixture.distilled().score.suites[0].model_copy(update=nothing)
        entry = fixture.entry("fixture-empty", "other", [], (suite,))
        written = write_index([entry], [], tmp_path)
        (row,) = pq.read_table(written.folder / "board.parquet").to_pylist()
        assert [row[name] for name in ("angels_share", "kept", "composite_low", "rank_low")] == [None] * 4
        assert row["reasons"] == ["nothing was measured"]

    def test_tasks_hold_every_number(self, entries: list[Entry]) -> None:
        rows = task_rows(entries)
        assert len(rows) == 15
        row = next(r for r in rows if r["pair_id"] == entries[0].pair_id and r["task"] == "as_boundary_groups")
        task = next(t for t in entries[0].score.tasks if t.task == "as_boundary_groups")
        assert task.loss is not None
        assert task.change is not None
        assert (row["loss"], row["loss_low"], row["loss_high"]) == (task.loss.value, task.loss.low, task.loss.high)
        assert (row["change"], row["change_high"]) == (task.change.value, task.change.high)
        assert (row["verdict"], row["flags"], row["minimum_detectable_effect"]) == ("HARMFUL", (), 0.06)
        gap = next(r for r in rows if r["gap_side"] == "submitter")
        assert (gap["loss"], gap["gap_reason"]) == (None, "the student's log of this task is missing")
        absent = set(type(task).model_fields) - set(row) - {"gap", "statistics", "strata"}
        assert absent == set()

    def test_the_teachers_repeat_is_the_floor(self, entries: list[Entry], tmp_path: Path) -> None:
        again = fixture.task_score("as_boundary_groups", 0.02, "PRESERVED")
        score = entries[0].score.model_copy(update={"repeat": (again,), "epsilon": 0.05, "tau": 0.04})
        summary = write_index([replace(entries[0], score=score)], [], tmp_path)
        rows = {r["task"]: r for r in pq.read_table(summary.folder / "tasks.parquet").to_pylist()}
        row, other = rows["as_boundary_groups"], rows["as_tail_rare"]
        assert again.divergence is not None
        floor = (row["divergence_floor"], row["divergence_floor_low"], row["divergence_floor_high"])
        assert floor == (again.divergence.value, again.divergence.low, again.divergence.high)
        assert (row["harmful_floor"], row["uncredited_loss_floor"]) == (0.006, 0.02)
        assert (other["divergence_floor"], other["neutral_floor_low"]) == (None, None)
        assert (row["epsilon"], row["tau"], row["access"]) == (0.05, 0.04, "likelihood")

    def test_sides_stay_apart(self, entries: list[Entry], tmp_path: Path) -> None:
        first = entries[0]
        tasks = tuple(fixture.two_sided(t) if t.task == "as_boundary_groups" else t for t in first.score.tasks)
        summary = write_index([replace(first, score=first.score.model_copy(update={"tasks": tasks}))], [], tmp_path)
        rows = pq.read_table(summary.folder / "tasks.parquet").to_pylist()
        sides = {row["task"]: row["sides"] for row in rows}
        assert [(side["name"], side["change"]) for side in sides.pop("as_boundary_groups")] == [
            ("allowed", -0.2),
            ("forbidden", 0.1),
        ]
        assert not any(sides.values())


class TestWriting:
    def test_files_and_hashes(self, entries: list[Entry], tmp_path: Path) -> None:
        summary = write_index(entries, [LeftOut("broken", ("no score",))], tmp_path)
        assert (summary.pairs, summary.rows) == (3, 3)
        current = json.loads((tmp_path / "CURRENT.json").read_bytes())
        assert current["folder"] == summary.folder.name
        assert current["left_out"] == [{"folder": "broken", "reasons": ["no score"]}]
        files = files_of(summary.folder)
        assert {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} == current["files"]
        pairs = {f"pairs/{entry.pair_id}.json" for entry in entries}
        assert set(files) == {"board.parquet", "tasks.parquet", *pairs}
        document = json.loads(files[f"pairs/{entries[0].pair_id}.json"])
        assert document["score"] == entries[0].score.model_dump(mode="json")
        assert document["statement"] == entries[0].statement.model_dump(mode="json")
        assert "fixture-student-700k" in document["sentences"]["synthetic_data"]
        statuses = {check["status"] for check in document["checks"]}
        assert statuses == {"supported"}

    def test_a_statement_on_a_suite_that_was_not_scored(self, entries: list[Entry]) -> None:
        part = entries[0].statement.suites["synthetic_data"]
        wider = entries[0].statement.model_copy(update={"suites": {"synthetic_data": part, "rag": part}})
        assert set(pair_document(replace(entries[0], statement=wider))["sentences"]) == {"synthetic_data"}

    def test_same_entries_same_bytes_in_any_order(self, entries: list[Entry], tmp_path: Path) -> None:
        write_index(entries, [], tmp_path / "a")
        write_index(entries[::-1], [], tmp_path / "b")
        assert files_of(tmp_path / "a") == files_of(tmp_path / "b")

    def test_a_new_index_replaces_the_old_one(self, entries: list[Entry], tmp_path: Path) -> None:
        old = write_index(entries[:1], [], tmp_path)
        new = write_index(entries, [], tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["CURRENT.json", new.folder.name])
        assert old.folder != new.folder

    def test_writing_again_repairs_a_damaged_file(self, entries: list[Entry], tmp_path: Path) -> None:
        folder = write_index(entries, [], tmp_path).folder
        sound = files_of(tmp_path)
        (folder / "board.parquet").write_bytes(b"damaged")
        write_index(entries, [], tmp_path)
        assert files_of(tmp_path) == sound

    def test_a_full_disk_leaves_the_old_index(
        self, entries: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_index(entries[:1], [], tmp_path)
        sound = files_of(tmp_path)

        def full(_: object) -> Iterator[tuple[str, bytes]]:
            yield "board.parquet", b"half of it"
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(index, "_files", full)
        with pytest.raises(BundleError, match="No space left on device"):
            write_index(entries, [], tmp_path)
        assert files_of(tmp_path) == sound

    def test_an_index_without_pairs(self, tmp_path: Path) -> None:
        summary = write_index([], [], tmp_path)
        assert (summary.pairs, summary.rows) == (0, 0)
        assert pq.read_table(summary.folder / "board.parquet").num_rows == 0


class TestBuilding:
    def test_only_accepted_bundles(self, entries: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        submissions = tmp_path / "submissions"
        for name in ("a-good", "b-refused", "c-unreadable", "d-again", "teachers", ".git"):
            (submissions / name).mkdir(parents=True)
        good = Report(tmp_path, (NOTE,), entries[0].manifest, entries[0].statement, entries[0].score)

        def validate(folder: Path, teachers: Path) -> Report:
            assert teachers == submissions / "teachers"
            if folder.name == "c-unreadable":
                raise LogError("line 3 is garbled")
            return good if folder.name in ("a-good", "d-again") else replace(good, findings=(NOTE, ERROR))

        monkeypatch.setattr(index, "validate", validate)
        steps: list[tuple[int, int]] = []
        summary = build_index(submissions, tmp_path / "index", lambda done, of: steps.append((done, of)))
        assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
        assert (summary.pairs, summary.rows) == (1, 1)
        assert summary.left_out == (
            LeftOut("b-refused", (str(ERROR),)),
            LeftOut("c-unreadable", ("line 3 is garbled",)),
            LeftOut("d-again", (f"pair {entries[0].pair_id} was submitted in another folder already",)),
        )
        document = json.loads((summary.folder / "pairs" / f"{entries[0].pair_id}.json").read_bytes())
        assert [finding["rule"] for finding in document["findings"]] == ["AS-407"]

    def test_a_missing_folder_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(BundleError, match="no such folder"):
            build_index(tmp_path / "submissions", tmp_path / "index")
        assert not (tmp_path / "index").exists()
