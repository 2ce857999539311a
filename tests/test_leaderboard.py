"""The leaderboard's pages, run without a browser."""

from __future__ import annotations

import doctest
import importlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Dataframe, Node

import fixture_entries as fixture
from angels_share.claims import Claim
from angels_share.index import Entry, LeftOut, write_index
from angels_share.score.model import Gap, PairScore
from angels_share.statement import check
from angels_share.submission.model import Finding

LEADERBOARD = Path(__file__).parents[1] / "leaderboard"
HOSTILE = (
    ":green-badge[Verified]",
    "![x](https://e/p.png)",
    "<script>alert(1)</script>",
    "[a](javascript:1)",
    ":material/verified: $x$ **bold**",
)
PLAIN = {"text", "dataframe"}
"""Elements that show strings as they are."""

Open = Callable[..., AppTest]


def elements(node: Node) -> Iterator[Node]:
    """Return every element and block of a page."""
    yield node
    if isinstance(node, Block):
        for child in node.children.values():
            yield from elements(child)


def shown(app: AppTest) -> str:
    """Return everything that a page shows as text, tables included."""
    parts = []
    for node in elements(app.main):
        if isinstance(node, Dataframe):
            parts.append(node.value.to_csv())
        elif getattr(node, "proto", None) is not None:
            content = {k: v for k, v in MessageToDict(node.proto).items() if k not in ("id", "spec")}
            parts.append(json.dumps(content, ensure_ascii=False))
    return "\n".join(parts)


def titles(app: AppTest) -> list[str]:
    return [title.value for title in app.title]


def table(app: AppTest) -> list[dict[str, Any]]:
    return app.dataframe[0].value.to_dict("records")


def test_examples_of_the_wording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(LEADERBOARD)
    found = doctest.testmod(importlib.import_module("look"))
    assert found.attempted > 5
    assert found.failed == 0


class TestStates:
    def test_no_index(self, open_app: Open) -> None:
        app = open_app()
        assert [error.proto.title for error in app.error] == ["There is no index yet"]
        assert "angels-share index" in app.error[0].value

    def test_empty_index(self, open_app: Open, index: Path) -> None:
        write_index([], [LeftOut("broken-1234", ("error AS-301 score.json: another hash",))], index)
        app = open_app()
        assert [info.proto.title for info in app.info] == ["No pair has been accepted yet"]
        assert "AS-301" in shown(app)

    def test_one_pair(self, open_app: Open, index: Path) -> None:
        write_index([fixture.distilled()], [], index)
        (row,) = table(open_app())
        assert row["Student ← teacher"] == "fixture-student-700k ← fixture-teacher-2m"
        assert row["Rank"] == "1"

    @pytest.mark.parametrize("name", ["board.parquet", "tasks.parquet", "CURRENT.json"])
    def test_a_flipped_byte_on_the_board(self, open_app: Open, index: Path, name: str) -> None:
        folder = write_index([fixture.distilled()], [], index).folder
        flip(index / name if name == "CURRENT.json" else folder / name)
        app = open_app()
        assert [error.proto.title for error in app.error] == [f"The index is damaged: {name} is not what was written"]
        assert titles(app) == ["Angel's Share"]

    def test_a_flipped_byte_in_a_pair(self, open_app: Open, index: Path) -> None:
        entry = fixture.distilled()
        folder = write_index([entry], [], index).folder
        flip(folder / "pairs" / f"{entry.pair_id}.json")
        app = open_app(entry.pair_id)
        assert f"pairs/{entry.pair_id}.json" in app.error[0].proto.title

    def test_an_index_of_another_version(self, open_app: Open, index: Path) -> None:
        index.mkdir()
        (index / "CURRENT.json").write_text('{"schema_version": "angels-share/index/0"}')
        assert [error.proto.title for error in open_app().error] == ["The index was written by another version"]

    @pytest.mark.parametrize("pair", ["0123456789abcdef", "../../CURRENT", "", "<script>", "a" * 500])
    def test_an_unknown_pair(self, open_app: Open, index: Path, pair: str) -> None:
        write_index([fixture.distilled()], [], index)
        app = open_app(pair)
        assert titles(app) == ["No such pair"]
        assert "Back to the board" in shown(app)
        assert not pair or pair not in shown(app)


def flip(path: Path) -> None:
    """Change one bit in the middle of a file; of CURRENT.json, the first brace."""
    content = bytearray(path.read_bytes())
    content[0 if path.name == "CURRENT.json" else len(content) // 2] ^= 1
    path.write_bytes(content)


class TestBoard:
    @pytest.fixture(autouse=True)
    def three_pairs(self, index: Path) -> None:
        write_index([fixture.distilled(), fixture.pruned(), fixture.control()], [], index)

    def test_rows(self, open_app: Open) -> None:
        rows = {row["Student ← teacher"].split(" ← ")[0]: row for row in table(open_app(controls="true"))}
        assert list(rows) == ["fixture-student-700k", "fixture-teacher-2m-minus-2-layers", "fixture-teacher-2m-again"]
        student, pruned, control = rows.values()
        assert student["Method"] == "distillation from logits"
        assert (student["Composite"], student["Composite 95 %"]) == (56.0, "[50.0, 62.0]")
        assert student["Its parts"] == "18.3 + 2.0 + 16.7"
        assert student["Verdicts"] == "1 kept · 1 lost · 1 shifted · 1 inconclusive · 1 charged, not measured"
        assert (student["Trust"], student["Coverage"]) == ("recomputed", "100 %")
        assert pruned["Rank"].startswith("not ranked: as_distribution_sample is SHIFTED")
        assert control["Rank"] == "control"

    def test_selecting_a_row_opens_its_pair(self, open_app: Open) -> None:
        app = open_app()
        app.session_state[app.dataframe[0].key] = {"selection": {"rows": [1], "columns": [], "cells": []}}
        app.run()
        assert app.query_params["id"] == fixture.pruned().pair_id
        assert "fixture-teacher-2m-minus-2-layers" in [text.value for text in app.text]

    def test_choosing_a_pair_opens_it(self, open_app: Open) -> None:
        app = open_app(controls="true")
        app.selectbox[-1].select(fixture.control().pair_id).run()
        assert app.query_params["id"] == fixture.control().pair_id

    def test_the_choice_of_suite_and_setting_is_in_the_address(self, open_app: Open, index: Path) -> None:
        small = fixture.KEY.model_copy(update={"track": "small", "levels": (1, 2)})
        other = fixture.distilled()
        other = fixture.entry("fixture-small", "logit-kd", list(other.score.tasks), other.score.suites, key=small)
        write_index([fixture.distilled(), other], [], index)
        assert [row["Student ← teacher"].split(" ")[0] for row in table(open_app())] == ["fixture-small"]
        app = open_app(setting="toy-pilot-0")
        assert [row["Student ← teacher"].split(" ")[0] for row in table(app)] == ["fixture-student-700k"]
        assert app.selectbox(key="setting").options == ["small-pilot-0", "toy-pilot-0"]
        assert len(table(open_app(suite="nonsense", setting="nonsense"))) == 1

    def test_items_of_another_seed_stand_on_another_board(self, open_app: Open, index: Path) -> None:
        fresh = fixture.distilled()
        key = fixture.KEY.model_copy(update={"item_seed": 5})
        fresh = fixture.entry("fixture-fresh", "logit-kd", list(fresh.score.tasks), fresh.score.suites, key=key)
        write_index([fixture.distilled(), fresh], [], index)
        assert [row["Student ← teacher"].split(" ")[0] for row in table(open_app())] == ["fixture-student-700k"]
        app = open_app(setting="toy-pilot-5")
        assert [row["Student ← teacher"].split(" ")[0] for row in table(app)] == ["fixture-fresh"]

    def test_controls_are_shown_when_asked_for(self, open_app: Open, index: Path) -> None:
        names = [row["Student ← teacher"].split(" ")[0] for row in table(open_app())]
        assert names == ["fixture-student-700k", "fixture-teacher-2m-minus-2-layers"]
        app = open_app()
        app.toggle(key="controls").set_value(True).run()
        assert [row["Rank"] for row in table(app)][2:] == ["control"]
        write_index([fixture.control()], [], index)
        assert len(table(open_app())) == 1, "nothing else is there to be shown"

    def test_a_control_needs_no_reason_for_having_no_rank(self, open_app: Open, index: Path) -> None:
        control = fixture.control()
        suite = control.score.suites[0].model_copy(update={"rankable": False, "reasons": ("nobody ran it",)})
        score = control.score.model_copy(update={"suites": (suite,)})
        write_index([fixture.distilled(), replace(control, score=score)], [], index)
        app = open_app(controls="true")
        assert [row["Rank"] for row in table(app)] == ["1", "control"]
        assert "nobody ran it" not in shown(app)


class TestPair:
    def test_statement_in_order(self, open_app: Open, index: Path) -> None:
        entry = fixture.distilled()
        write_index([entry], [], index)
        app = open_app(entry.pair_id)
        items = [mark.value for mark in app.markdown if mark.value.startswith(tuple(f"**{n}. " for n in range(1, 9)))]
        assert [item[2:4] for item in items] == [f"{n}." for n in range(1, 9)]
        texts = [text.value for text in app.text]
        assert entry.statement.suites["synthetic_data"].items["deployment_context"] in texts
        assert texts.count("Not stated.") == 1
        assert "boundary groups, claimed as an accepted loss: as_boundary_groups is harmful." in texts
        assert "“The product checks these labels by hand.”" in texts
        metrics = {metric.label: metric.value for metric in app.metric}
        assert metrics["Retention"] == "93.0"
        assert metrics["Angel's share"] == "37.0"
        assert metrics["○ charged, not measured"] == "16.7"

    def test_tasks(self, open_app: Open, index: Path) -> None:
        entry = fixture.distilled()
        write_index([entry], [], index)
        rows = {row["Task"]: row for row in table(open_app(entry.pair_id))}
        assert rows["boundary groups"]["Verdict"] == "▼ lost"
        assert rows["boundary groups"]["Loss"] == "41.0 [32.0, 50.0]"
        assert rows["boundary groups"]["Change δ"] == "−20.5 [−25.0, −16.0]"
        assert rows["distribution urn"]["Change δ"] == "no better or worse"
        assert rows["distribution sample"]["Verdict"] == "○ charged, not measured"
        assert rows["distribution sample"]["Loss"] == "not measured"

    def test_sides_are_shown_one_by_one(self, open_app: Open, index: Path) -> None:
        entry = fixture.distilled()
        tasks = tuple(fixture.two_sided(t) if t.task == "as_boundary_groups" else t for t in entry.score.tasks)
        write_index([replace(entry, score=entry.score.model_copy(update={"tasks": tasks}))], [], index)
        row = next(row for row in table(open_app(entry.pair_id)) if row["Task"] == "boundary groups")
        assert row["Change δ"] == "allowed −20.0 [−25.0, −15.0]; forbidden +10.0 [+5.0, +15.0]"
        assert row["Teacher c(T)"] == "allowed 90.0 [85.0, 95.0]; forbidden 60.0 [55.0, 65.0]"

    def test_pruning_and_controls_are_no_distillation(self, open_app: Open, index: Path) -> None:
        write_index([fixture.distilled(), fixture.pruned(), fixture.control()], [], index)
        remarks = {
            entry.manifest.method: [warning.value for warning in open_app(entry.pair_id).warning]
            for entry in (fixture.distilled(), fixture.pruned(), fixture.control())
        }
        assert remarks["logit-kd"] == []
        assert all("This is no distillation" in remarks[method][0] for method in ("pruning", "control"))

    def test_contradicted_and_undisclosed_are_said(self, open_app: Open, index: Path) -> None:
        write_index([fixture.pruned()], [], index)
        text = shown(open_app(fixture.pruned().pair_id))
        assert "✗ contradicted" in text
        assert "▼ undisclosed" in text
        assert "as_distribution_sample is SHIFTED and the statement does not say so" in text

    def test_missing_numbers_are_words(self, open_app: Open, index: Path) -> None:
        entry = fixture.distilled()
        suite = entry.score.suites[0]
        nothing = {"retention": None, "teacher": None, "student": None, "reason": "the teacher is at chance"}
        empty = {"angels_share": None, "composite": None, "rankable": False, "reasons": ("the teacher is at chance",)}
        bare = suite.model_copy(update={**empty, "primary": suite.primary.model_copy(update=nothing)})
        tasks = tuple(fixture.gap(task, "teacher", "its answers hardly vary") for task in fixture.TASKS)
        entry = replace(entry, score=entry.score.model_copy(update={"suites": (bare,), "tasks": tasks}))
        write_index([entry], [], index)
        for app in (open_app(), open_app(entry.pair_id)):
            assert "not measured" in shown(app)
            assert re.findall(r".*\b(?:NaN|nan|None|null)\b.*", shown(app)) == []


class TestHostileStrings:
    @pytest.mark.parametrize("hostile", HOSTILE)
    def test_none_reaches_markdown(self, open_app: Open, index: Path, hostile: str) -> None:
        entry = everywhere(fixture.distilled(), hostile)
        write_index([entry, fixture.control()], [LeftOut(hostile, (hostile,))], index)
        for app in (open_app(), open_app(entry.pair_id)):
            for node in elements(app.main):
                proto = getattr(node, "proto", None)
                if proto is None or node.type in PLAIN:
                    continue
                content = MessageToDict(proto)
                if node.type == "selectbox":
                    content.pop("options", None)
                assert hostile not in json.dumps(content, ensure_ascii=False), node.type
            assert hostile in shown(app)

    def test_what_was_written_is_shown_as_it_is(self, open_app: Open, index: Path) -> None:
        entry = everywhere(fixture.distilled(), HOSTILE[0])
        write_index([entry], [], index)
        assert table(open_app())[0]["Student ← teacher"] == f"{HOSTILE[0]} ← {HOSTILE[0]}"
        texts = [text.value for text in open_app(entry.pair_id).text]
        assert texts.count(HOSTILE[0]) >= 10  # both names and eight items


def everywhere(entry: Entry, text: str) -> Entry:
    """Return the entry with this text in every field that comes from a submitter or repeats one that does."""
    score = entry.score
    charged = score.tasks[1].model_copy(update={"gap": Gap(side="submitter", reason=text)})
    tasks = [task.model_copy(update={"flags": (text,)}) for task in (score.tasks[0], charged, *score.tasks[2:])]
    suites = [suite.model_copy(update={"reasons": (text,), "rankable": False}) for suite in score.suites]
    score = PairScore.model_validate(
        score.model_dump()
        | {
            "teacher": text,
            "student": text,
            "tasks": [task.model_dump() for task in tasks],
            "suites": [suite.model_dump() for suite in suites],
            "flags": (text,),
            "provenance": {text: text, "nested": {text: [text]}},
        }
    )
    part = entry.statement.suites["synthetic_data"]
    claims = (*part.claims, Claim(row="tail", kind="accepted", justification=text))
    part = part.model_copy(update={"items": dict.fromkeys(part.items, text), "claims": claims})
    statement = entry.statement.model_copy(
        update={
            "teacher": text,
            "student": text,
            "method": entry.statement.method.model_copy(update={"description": text}),
            "suites": {"synthetic_data": part},
        }
    )
    checks = tuple(one.model_copy(update={"reason": text}) for one in check(statement, score))
    finding = Finding(rule="AS-704", severity="warning", place=text, message=text, hint=text)
    manifest = entry.manifest.model_copy(update={"submitter": text, "notes": text})
    return Entry(manifest, statement, score, checks, (finding,))
