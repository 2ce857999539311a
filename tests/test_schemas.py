"""JSON Schemas and the list of rules: up to date, closed, and true of every committed submission."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from angels_share.submission import rules
from angels_share.submission.reporting import as_json, examine
from angels_share.submission.schemas import MODELS, reference, schemas
from commands import Outcome

ROOT = Path(__file__).parents[1]
SUBMISSIONS = ROOT / "submissions"

FILES = {
    "submission-1": "*/submission.json",
    "statement-1": "*/statement.json",
    "score-1": "*/score.json",
    "results-1": "**/results.json",
    "teacher-1": "teachers/*/teacher.json",
}
"""Where the files of each form lie."""

each_form = pytest.mark.parametrize("name", FILES)


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((ROOT / "schemas" / f"{name}.json").read_text("utf-8")))


def contents(name: str) -> Iterator[tuple[Path, Any]]:
    for path in sorted(SUBMISSIONS.glob(FILES[name])):
        yield path, json.loads(path.read_text("utf-8"))


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a schema that is an object."""
    if isinstance(schema, dict):
        yield schema
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from nodes(part)


@pytest.mark.parametrize("place", sorted(reference()))
def test_generated_files_are_up_to_date(place: str) -> None:
    assert (ROOT / place).read_text("utf-8") == reference()[place], "run `angels-share reference`"


def test_nothing_else_lies_among_them() -> None:
    assert {p.name for p in (ROOT / "schemas").iterdir()} == {f"{name}.json" for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
def test_schema_is_sound_closed_and_versioned(name: str) -> None:
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"].endswith(f":{name}")
    version = schema["properties"].get("schema_version")
    assert version is None or version["const"] == f"angels-share/{name.replace('-', '/')}"
    assert (version is None) == (name == "row-1")
    for node in nodes(schema):
        if node.get("type") == "object":
            further = node.get("additionalProperties")
            named = "propertyNames" in node or "patternProperties" in node or not node.get("properties")
            assert further is False or (isinstance(further, dict) and further and named), node


@each_form
def test_committed_submissions_conform(name: str) -> None:
    found = list(contents(name))
    assert found
    for path, content in found:
        assert [f"{path}: {e.json_path}: {e.message}"[:300] for e in validator(name).iter_errors(content)] == []


def test_committed_rows_conform() -> None:
    check = validator("row-1")
    files = sorted(SUBMISSIONS.rglob("*.jsonl.gz"))
    assert files
    for path in files:
        lines = gzip.decompress(path.read_bytes()).splitlines()
        assert all(check.is_valid(json.loads(line)) for line in (*lines[:3], *lines[-3:])), path


@each_form
def test_no_object_takes_an_unknown_key(name: str) -> None:
    """One key too many, wherever a file has an object, is refused."""
    check = validator(name)
    for path, content in list(contents(name))[:2]:
        for k, node in enumerate(nodes(content)):
            if k % 7 == 0 or k < 20:
                node["<unknown>"] = 1
                assert not check.is_valid(content), f"{path}: {sorted(node)}"
                del node["<unknown>"]


def test_the_report_of_a_validation_conforms(tmp_path: Path) -> None:
    told = json.loads(as_json([examine(tmp_path)]))
    assert list(validator("validation-1").iter_errors(told)) == []
    told["bundles"][0]["accepted"] = "yes"
    assert not validator("validation-1").is_valid(told)


def test_reference_is_written_and_compared(command: Callable[..., Outcome], tmp_path: Path) -> None:
    assert command("reference", "-o", tmp_path).code == 0
    assert command("reference", "-o", tmp_path, "--check").code == 0
    (tmp_path / "docs" / "RULES.md").write_text("old", "utf-8")
    outcome = command("reference", "-o", tmp_path, "--check")
    assert outcome.code == 1
    assert "out of date" in outcome.err


def test_every_rule_is_listed() -> None:
    page = (ROOT / "docs" / "RULES.md").read_text("utf-8")
    assert [line.split(" | ")[0].strip("| ") for line in page.splitlines() if line.startswith("| AS-")] == sorted(
        rules()
    )
