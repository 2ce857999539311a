"""What a loss statement consists of, and its files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, field_validator

from angels_share.claims import TEXT_LIMIT, Claim, PlainText, plain
from angels_share.errors import BundleError, did_you_mean
from angels_share.score.model import Displayed
from angels_share.spec import Strict
from angels_share.taxonomy import HUB, SCENARIOS, STATEMENT_ITEMS

Family = Literal["logit-kd", "seq-kd", "on-policy", "feature", "sft", "pruning", "quantization", "control", "other"]
"""How the student was made from the teacher; not all of these are distillation, and the word says which."""

FILLED_LIMIT = 10_000
"""Most characters in an item that the scores fill in: one line a task."""

FILE_LIMIT = 1_000_000
"""Most bytes in a statement file."""

NODE_LIMIT = 20_000
"""Most nodes in a statement that is written as YAML."""

DEPTH_LIMIT = 20
"""Most lists and mappings within each other in a statement that is written as YAML."""

Margin = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(plain)]


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _readable(shown: Displayed) -> Displayed:
    """Return a displayed statistic, or refuse it if it cannot be shown: its words too long, its numbers not finite."""
    for text in (shown.name, shown.title, shown.unit):
        if not 0 < len(plain(text)) <= 200:
            raise ValueError(f"{text[:80]!r} has {len(text)} characters; a row's words have 1 to 200")
    for found in filter(None, (shown.teacher, shown.student, shown.value)):
        if not all(map(math.isfinite, (found.value, found.low, found.high))):
            raise ValueError(f"{shown.name}: {found.value} [{found.low}, {found.high}] is not finite")
    return shown


class Method(Strict):
    """How the student was made."""

    family: Family = "other"
    description: PlainText = ""


class SuiteStatement(Strict):
    """The statement for one deployment scenario."""

    items: dict[str, str]
    """Answers to the eight questions of :data:`angels_share.taxonomy.STATEMENT_ITEMS`."""
    claims: Annotated[tuple[Claim, ...], Field(max_length=200)] = ()
    epsilon: Margin | None = None
    """The author's margin on the change in utility for this deployment, if it is not the suite's."""
    tau: Margin | None = None
    """The author's margin on total variation for this deployment, if it is not the suite's."""

    @field_validator("items")
    @classmethod
    def _eight_texts(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = [key for key in value if key not in STATEMENT_ITEMS]
        if unknown:
            raise ValueError(f"{unknown[0][:80]!r} is no item. {did_you_mean(unknown[0][:80], STATEMENT_ITEMS)}")
        absent = [key for key in STATEMENT_ITEMS if key not in value]
        if absent:
            raise ValueError(f"lacks {', '.join(absent)}")
        for key, text in value.items():
            limit = TEXT_LIMIT if STATEMENT_ITEMS[key].by_author else FILLED_LIMIT
            if len(plain(text)) > limit:
                raise ValueError(f"{key} has {len(text)} characters; at most {limit} are allowed")
        return value


class Weights(Strict):
    """What two sets of weights say of each other: displayed, never charged, and declared by the author.

    Nobody can compute it again from the answers. It is what ``angels-share probe`` found, without its details.
    """

    access: Literal["weights"] = "weights"
    teacher: Name
    student: Name
    teacher_weights: Sha256 | None
    student_weights: Sha256 | None
    """SHA-256 of the weights, where they were read from a folder."""
    texts: Name
    """Which documents both models read."""
    texts_digest: Sha256
    documents: Annotated[int, Field(ge=1)]
    tokens: Annotated[int, Field(ge=1)] | None
    """None where the tokens could not be compared."""
    rows: Annotated[tuple[Annotated[Displayed, AfterValidator(_readable)], ...], Field(max_length=40)]
    reasons: Annotated[tuple[PlainText, ...], Field(max_length=4)] = ()
    """What could not be compared, and why."""
    versions: Annotated[dict[Name, Name], Field(max_length=10)] = Field(default_factory=dict)


class Statement(Strict):
    """A Distillation Loss Statement: the content of ``statement.json``."""

    schema_version: Literal["angels-share/statement/1"] = "angels-share/statement/1"
    teacher: Name
    student: Name
    method: Method = Method()
    suites: dict[str, SuiteStatement] = Field(min_length=1)
    weights: Weights | None = None

    @field_validator("suites")
    @classmethod
    def _known_scenarios(cls, value: dict[str, SuiteStatement]) -> dict[str, SuiteStatement]:
        for name in value:
            if name.removesuffix(HUB) not in SCENARIOS:
                raise ValueError(f"{name[:80]!r} is no suite. {did_you_mean(name[:80], SCENARIOS)}")
        return value


def missing(statement: Statement) -> list[str]:
    """Return what the author has still to write, such as ``high_risk: deployment_context``."""
    gaps = [
        f"{suite}: {key}"
        for suite, part in statement.suites.items()
        for key, item in STATEMENT_ITEMS.items()
        if item.by_author and not part.items[key].strip()
    ]
    if statement.method.family == "other" and not statement.method.description.strip():
        gaps.insert(0, "method: description")
    return gaps


class _Loader(yaml.SafeLoader):
    """Reads plain data of bounded size and depth: no tags, no aliases, no key twice."""

    nodes = depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        self.nodes, self.depth = self.nodes + 1, self.depth + 1
        wrong = {
            "an alias; write the text out": isinstance(event, yaml.AliasEvent),
            "a tag; a statement is plain data": getattr(event, "tag", None) is not None,
            f"more than {NODE_LIMIT} nodes": self.nodes > NODE_LIMIT,
            f"nested more than {DEPTH_LIMIT} deep": self.depth > DEPTH_LIMIT,
        }
        _refuse(event, *(problem for problem, found in wrong.items() if found))
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        known: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                _refuse(key, "a key that is no text")
            elif key.value in known:
                _refuse(key, f"the key {key.value!r} twice")
            known.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _refuse(place: Any, *problems: str) -> None:
    """Raise the first of the problems, if there is one, with its place in the file."""
    if problems:
        raise yaml.MarkedYAMLError(problem=problems[0], problem_mark=place.start_mark)


def read(path: Path) -> Statement:
    """Read a statement from YAML (``.yaml``, ``.yml``) or JSON.

    YAML is for authors: it is data alone, without aliases, and never part of a bundle.

    Raises
    ------
    BundleError
        If the file cannot be read, is too large, or does not fit; the message names the field.
    """
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise BundleError(f"{path}: has {path.stat().st_size} bytes; a statement has at most {FILE_LIMIT}")
        text = path.read_text("utf-8")
        content: Any = _Loader(text).get_single_data() if path.suffix in {".yaml", ".yml"} else json.loads(text)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read as a statement: {error}") from error
    try:
        return Statement.model_validate(content)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or '(whole)'}: {e['msg']}" for e in error.errors()]
        raise BundleError(f"{path}: does not fit the statement's form: {'; '.join(lines)}") from error


class _Dumper(yaml.SafeDumper):
    """Writes long and many-line texts as blocks, so that an author can edit them."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else ">" if len(text) > 80 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _block)


def write(statement: Statement, path: Path) -> None:
    """Write a statement as YAML (``.yaml``, ``.yml``) or JSON; :func:`read` returns the same statement.

    Raises
    ------
    BundleError
        If the file cannot be written.
    """
    content = statement.model_dump(mode="json")
    if path.suffix in {".yaml", ".yml"}:
        text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    else:
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise BundleError(f"{path}: the statement cannot be written: {error}") from error
