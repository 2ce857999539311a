"""JSON Schemas of every file of a bundle, and the list of the rules, for whoever reads or writes them without Python.

They are made from the models that validation itself uses, so the two cannot differ. Validation is stricter: it also
holds the files against each other, against the items and against the score.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from angels_share.claims import TEXT_LIMIT
from angels_share.score.model import PairScore
from angels_share.spec import Measure
from angels_share.statement import Statement
from angels_share.statement.model import FILLED_LIMIT
from angels_share.submission.model import Manifest, Results, Row, Teacher
from angels_share.submission.reporting import Validation
from angels_share.submission.rules import RULES
from angels_share.taxonomy import HUB, ROWS, SCENARIOS, STATEMENT_ITEMS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

MODELS: dict[str, type[BaseModel]] = {
    "submission-1": Manifest,
    "statement-1": Statement,
    "score-1": PairScore,
    "results-1": Results,
    "row-1": Row,
    "teacher-1": Teacher,
    "validation-1": Validation,
}
"""What each schema describes, by its name and the number of its version."""

Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """Return every schema by its name; all objects are closed."""
    return {name: _schema(name, model) for name, model in MODELS.items()}


def _schema(name: str, model: type[BaseModel]) -> Schema:
    made: Schema = {
        "$schema": DIALECT,
        "$id": f"urn:angels-share:{name}",
        **model.model_json_schema(mode="serialization"),
    }
    definitions: Schema = made.get("$defs", {})
    parts = {**definitions, made["title"]: made}
    for of, fields in _NARROWER.items():
        if of in parts:
            parts[of]["properties"] |= fields
    if "TaskRun" in definitions:
        definitions["Measure"] = Measure.model_json_schema(mode="serialization")
    for part in parts.values():
        _close(part)
    return made


def _close(node: Any) -> None:
    """Let an object whose keys follow a pattern have no other keys."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node.setdefault("additionalProperties", False)
        for value in node.values():
            _close(value)
    elif isinstance(node, list):
        for value in node:
            _close(value)


def _text(limit: int) -> Schema:
    return {"type": "string", "maxLength": limit}


_WORDS: Schema = {"type": "array", "items": {"type": "string"}}
_CONDITIONS: Schema = {"type": "object", "propertyNames": {"pattern": "^[a-z_]+$"}, "additionalProperties": _WORDS}
_LIKELIHOOD: Schema = {**_WORDS, "minItems": 1, "maxItems": 2}
_ANSWERS: Schema = {"type": "array", "items": {"anyOf": [{"type": "string"}, _LIKELIHOOD]}}

_NARROWER: dict[str, Schema] = {
    "Row": {"resps": {"type": "array", "items": _ANSWERS}},
    "TaskRun": {"measure": {"$ref": "#/$defs/Measure"}},
    "Measure": {"row": {"enum": list(ROWS)}},
    "Claim": {"row": {"enum": list(ROWS)}},
    "Statement": {
        "suites": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"enum": [name + end for name in SCENARIOS for end in ("", HUB)]},
            "additionalProperties": {"$ref": "#/$defs/SuiteStatement"},
        }
    },
    "SuiteStatement": {
        "items": {
            "type": "object",
            "properties": {
                key: _text(TEXT_LIMIT if item.by_author else FILLED_LIMIT) for key, item in STATEMENT_ITEMS.items()
            },
            "required": list(STATEMENT_ITEMS),
            "additionalProperties": False,
        }
    },
    "PairScore": {
        "provenance": {
            "type": "object",
            "properties": {
                "angels_share": {"type": "string"},
                "lm_eval": _WORDS,
                "teacher": _CONDITIONS,
                "student": _CONDITIONS,
            },
            "additionalProperties": False,
        }
    },
}
"""What the models check by code, or leave open, said as schemas."""


def rules_page() -> str:
    """Return the list of all rules as a page in Markdown."""
    lines = [
        "# Rules",
        "",
        "Written by `angels-share reference`; `angels-share validate --explain AS-101` shows one. A bundle with an",
        "error is refused; one with warnings and notes is accepted.",
        "",
        "| rule | severity | what is asked | otherwise |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {of.severity} | {_cell(of.asks)} | {_cell(of.hint)}. |" for name, of in sorted(RULES.items())
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("<", "&lt;").replace("|", r"\|")


def reference() -> dict[str, str]:
    """Return the content of every generated file, by its path within the project."""
    pages = {f"schemas/{name}.json": json.dumps(schema, indent=1) + "\n" for name, schema in schemas().items()}
    return {**pages, "docs/RULES.md": rules_page()}
