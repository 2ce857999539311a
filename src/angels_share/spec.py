"""Task and suite specifications: what the YAML files under ``tasks/`` and ``suites/`` declare, read and checked.

The measure block of a task (``metadata.angels_share``) travels inside lm-eval's logs, so that a log says by itself
how it is scored. ``--metadata`` could replace it at run time; ranking therefore asks for the block that
``tasks/LOCK.json`` pins for this task and version (:func:`locked_digest`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from angels_share.errors import SpecError, did_you_mean
from angels_share.items import Source, build, digest, find_generator, n_clusters, package_folder
from angels_share.taxonomy import HUB, ROWS

LEVELS = (0, 1, 2, 3, 4)
"""Difficulty levels of every task."""

SECOND_STAGE = "_stage2"
"""Ending of the file, and of the lm-eval group, that lists the second-stage tasks of a suite."""

Readout = Literal["likelihood", "greedy", "sampled"]
Direction = Literal["higher", "none"]
Access = Literal["likelihood", "text"]
"""What both models of a pair give out: likelihoods of given texts, or nothing but the texts that they generate."""

ACCESS: tuple[Access, ...] = ("likelihood", "text")

TWINS = ("_text", "_sample")
"""Endings of the name of a task that asks the items of another one in words: once, or again and again."""


LEAST_CLUSTERS = 40
"""No task has fewer clusters at profile ``standard``."""

OF_STOCK: Mapping[str, Any] = {"cluster_field": None, "filter": "none", "metric": None}
"""Fields of a measure block that tasks of lm-eval's own have, as they are where nothing is said."""


class Strict(BaseModel):
    """A frozen model that takes no unknown field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Measure(Strict):
    """The measure block of a stress task: what is observed, compared and credited."""

    schema_version: Literal[1]
    row: str
    """Row of off-metric loss, a key of :data:`angels_share.taxonomy.ROWS`."""
    generator: str = ""
    """What makes the items: ``file.function`` of the task's folder, or a function of its ``generators.py``; empty for
    a task of lm-eval's own, whose items are the documents of a data set."""
    clusters: int = Field(default=0, ge=0)
    """Number of clusters at profile ``standard``, at least 40."""
    per_cluster: int = Field(default=0, ge=0)
    """Items in each cluster, as the generator lays them out."""
    readout: Readout
    """How the answer distribution is read: option likelihoods, one greedy answer, or K sampled answers."""
    observable: str
    """φ, a name registered in :mod:`angels_share.observables`."""
    discrepancy: str
    """d, a name registered in :mod:`angels_share.discrepancies`."""
    utility: str | None = None
    """u, a name registered in :mod:`angels_share.observables`; none where the behaviour has no better and worse."""
    direction: Direction
    """``higher`` where a higher utility is better, ``none`` where there is no utility."""

    statistics: tuple[str, ...] = ()
    """What is displayed beside the loss, names registered in :mod:`angels_share.statistics`; it is never charged."""
    first_stage: str | None = None
    """The task whose answers, of both models, the items are made from; none where the generator makes them alone."""
    sides: str | None = None
    """Field of the items that names the side of a boundary on which an item lies, such as what must be refused and what
    must not: harm on one side is never netted against improvement on another. None where there are no sides."""
    cluster_field: str | None = None
    """Of lm-eval's own tasks: field of the documents that names the cluster; without it each document is its own."""
    filter: str = "none"
    """Of lm-eval's own tasks: name of the filter whose answers are compared."""
    metric: str | None = None
    """Of lm-eval's own tasks: the metric on generated answers that is the utility ``logged_metric``."""

    @field_validator("row")
    @classmethod
    def _known_row(cls, value: str) -> str:
        if value not in ROWS:
            raise ValueError(f"row {value!r} is unknown. {did_you_mean(value, ROWS)}")
        return value

    @model_validator(mode="after")
    def _utility_has_direction(self) -> Measure:
        if (self.utility is None) != (self.direction == "none"):
            raise ValueError("a task with a utility has direction 'higher', a task without one has 'none'")
        return self

    @model_validator(mode="after")
    def _has_items(self) -> Measure:
        if self.generator and (self.clusters < LEAST_CLUSTERS or not self.per_cluster):
            raise ValueError(f"a generator makes at least {LEAST_CLUSTERS} clusters of at least one item")
        if self.generator and (self.cluster_field or self.metric or self.filter != "none"):
            raise ValueError("cluster_field, filter and metric are for tasks of lm-eval's own; a generator needs none")
        if (self.metric is None) != (self.utility != "logged_metric"):
            raise ValueError("the utility logged_metric is lm-eval's metric; name both or neither")
        return self


class TaskSpec(Strict):
    """A stress task: its name, its version and its measure block."""

    name: str
    version: float
    measure: Measure

    @property
    def digest(self) -> str:
        """SHA-256 of the measure block in canonical JSON, without the statistics, which move no score."""
        block = self.measure.model_dump(exclude={"statistics"})
        for later, unset in (("first_stage", None), ("sides", None), *OF_STOCK.items()):
            if block[later] == unset:
                del block[later]
        return hashlib.sha256(json.dumps(block, sort_keys=True).encode()).hexdigest()


class Primary(Strict):
    """The primary metric of a suite: the headline score that distillation claims to retain."""

    task: str
    metric: str
    """A name registered in :mod:`angels_share.observables` as a per-item score in [0, 1]."""
    direction: Literal["higher"] = "higher"
    chance: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = Field(min_length=len(LEVELS), max_length=len(LEVELS))
    """m₀, the score of a model that knows nothing, on the items of each level; one number where all are alike."""

    @field_validator("chance", mode="before")
    @classmethod
    def _same_on_all(cls, value: Any) -> Any:
        return (value,) * len(LEVELS) if isinstance(value, int | float) else value

    def chance_on(self, levels: Iterable[int | None]) -> float:
        """Return the mean chance of items of these levels, one level an item; None for items without one."""
        return fmean(self.chance[level or 0] for level in levels)


class CriticalRow(Strict):
    """A row that the scenario must preserve, with its weight in the angel's share."""

    weight: float = Field(gt=0, le=1)
    """Share of the row; those of a suite add up to 1."""
    primary_task: str
    """The task that stands for the row where one must."""


class SuiteSpec(Strict):
    """A deployment scenario as an lm-eval group: tasks, critical rows, weights and primary metric."""

    name: str
    """Key of the scenario, such as ``high_risk``."""
    group: str
    """Name of the lm-eval group, such as ``as_suite_high_risk``."""
    version: str
    scenario: str
    """The scenario in this project's words."""
    for_whom: str
    tasks: tuple[str, ...]
    second_stage: tuple[str, ...] = ()
    """Tasks whose items are made from both models' answers to the suite's tasks; displayed, never charged."""
    primary: Primary
    primary_in_words: Primary | None = None
    """What stands for the primary metric where there are no likelihoods and the primary task needs them."""
    rows: dict[str, CriticalRow]
    stress_tests: dict[str, tuple[str, ...]] = {}
    """The tasks behind each stress test that the paper's Table 2 asks of the scenario."""
    epsilon: float = Field(default=0.05, gt=0, lt=1)
    """Margin on the change in utility within which a task counts as preserved. A default, not a standard."""
    tau: float = Field(default=0.05, gt=0, lt=1)
    """Margin on total variation within which a task counts as preserved. A default, not a standard."""

    @model_validator(mode="after")
    def _consistent(self) -> SuiteSpec:
        unknown = [row for row in self.rows if row not in ROWS]
        if unknown:
            raise ValueError(f"unknown row {unknown[0]!r}. {did_you_mean(unknown[0], ROWS)}")
        if len(set(self.tasks)) != len(self.tasks):
            raise ValueError("a task is named twice")
        if abs(total := sum(row.weight for row in self.rows.values()) - 1) > 1e-9:
            raise ValueError(f"the weights of the rows add up to {1 + total:g}, expected 1")
        for primary in (self.primary.task, *(r.primary_task for r in self.rows.values())):
            if primary not in self.tasks:
                raise ValueError(f"{primary} is a primary task but not in the suite's list of tasks")
        for name in self.second_stage:
            first = task(name).measure.first_stage
            if first not in self.tasks:
                raise ValueError(f"{name} is made from answers to {first}, which is not in the suite's list of tasks")
        known = {*self.tasks, *self.second_stage}
        for told, names in self.stress_tests.items():
            if not names or (absent := [name for name in names if name not in known]):
                found = f"names {absent[0]}, which is not in the suite" if names else "names no task"
                raise ValueError(f"the stress test {told!r} {found}")
        return self

    def seen_by(self, access: Access) -> SuiteSpec:
        """Return the suite as it is run with this access: by text, tasks stand with their twins in words.

        A task that needs likelihoods and has no twin stays in the list; nobody can run it.
        """
        if access == "likelihood":
            return self
        rows = {k: row.model_copy(update={"primary_task": in_words(row.primary_task)}) for k, row in self.rows.items()}
        primary = self.primary_in_words or self.primary
        tasks = tuple(dict.fromkeys(in_words(name) for name in (*self.tasks, primary.task)))
        return self.model_copy(update={"tasks": tasks, "rows": rows, "primary": primary})

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each critical row in the angel's share; they add up to 1."""
        return {row: r.weight for row, r in self.rows.items()}

    @property
    def digest(self) -> str:
        """SHA-256 of what is charged and how, in canonical JSON."""
        charged = self.model_dump(exclude={"second_stage", "scenario", "for_whom", "stress_tests"})
        return hashlib.sha256(json.dumps(charged, sort_keys=True).encode()).hexdigest()

    @property
    def second_stage_group(self) -> str:
        """Name of the lm-eval group of the second stage."""
        return f"{self.group}{SECOND_STAGE}"


class _Loader(yaml.SafeLoader):
    """Reads lm-eval's YAML without importing what ``!function`` names."""


def _function_name(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_constructor("!function", _function_name)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a task or suite file as a mapping; function references stay strings."""
    try:
        content = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - derives from SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpecError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise SpecError(f"{path}: expected a mapping, found {type(content).__name__}")
    return content


def _complaint(place: str, error: ValidationError) -> SpecError:
    lines = [f"{'.'.join(map(str, e['loc'])) or '(whole)'}: {e['msg']}" for e in error.errors()]
    return SpecError(f"{place}: {'; '.join(lines)}")


def task_spec(name: str, metadata: Mapping[str, Any], place: str) -> TaskSpec:
    """Return the specification in the metadata of a task file or of a log's task configuration.

    Parameters
    ----------
    name : str
        Name of the task.
    metadata : Mapping
        Its ``metadata``, with ``version`` and ``angels_share``.
    place : str
        Where the metadata was read, for the error message.
    """
    if "angels_share" not in metadata:
        raise SpecError(f"{place}: task {name} has no metadata.angels_share block, so nothing says how to score it")
    try:
        measure = Measure.model_validate(metadata["angels_share"])
        return TaskSpec(name=name, version=metadata.get("version", 0), measure=measure)
    except ValidationError as error:
        raise _complaint(f"{place}: metadata.angels_share of {name}", error) from error


def _metadata(path: Path) -> dict[str, Any]:
    content = read_yaml(path).get("metadata")
    if not isinstance(content, dict):
        raise SpecError(f"{path}: metadata is {type(content).__name__}, expected a mapping")
    return content


@cache
def task_files() -> dict[str, Path]:
    """Return the YAML file of every task of the package, by task name."""
    files: dict[str, Path] = {}
    for path in sorted(package_folder("tasks").glob("*/as_*.yaml")):
        name = read_yaml(path).get("task")
        if not isinstance(name, str):
            raise SpecError(f"{path}: task is {name!r}, expected the task's name")
        files[name] = path
    return files


@cache
def tasks() -> dict[str, TaskSpec]:
    """Return the specification of every task of the package, by name."""
    return {name: task_spec(name, _metadata(path), str(path)) for name, path in task_files().items()}


def task(name: str) -> TaskSpec:
    """Return the task of this name, the package's or one of a hub suite, or say which names are near."""
    known = {**tasks(), **_hub_tasks()}
    if name not in known:
        raise SpecError(f"task {name!r} is unknown. {did_you_mean(name, known)}")
    return known[name]


@cache
def suites() -> dict[str, SuiteSpec]:
    """Return every suite of the package by name; those of lm-eval's own tasks are named ``<scenario>_hub``."""
    folder = package_folder("suites")
    files = {path.stem: path for path in sorted(folder.glob("*.yaml")) if not path.stem.endswith(SECOND_STAGE)}
    files |= {f"{path.stem}{HUB}": path for path in sorted((folder / "hub").glob("*.yaml"))}
    return {name: _suite(name, path) for name, path in files.items()}


def _suite(name: str, path: Path) -> SuiteSpec:
    content = read_yaml(path)
    metadata = content.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(block := metadata.get("angels_share"), dict):
        raise SpecError(f"{path}: metadata.angels_share is missing; a suite names its rows and primary there")
    absent = [key for key in ("group", "task") if key not in content] + ["version"] * ("version" not in metadata)
    if absent or (doubled := sorted({"name", "group", "version", "tasks", "second_stage"} & block.keys())):
        told = f"lacks {', '.join(absent)}" if absent else f"states {', '.join(doubled)} twice"
        raise SpecError(f"{path}: {told}; see the other suites")
    try:
        return SuiteSpec(
            name=name,
            group=content["group"],
            version=str(metadata["version"]),
            tasks=_listed(path),
            second_stage=_second_stage(path),
            **block,
        )
    except ValidationError as error:
        raise _complaint(str(path), error) from error


@cache
def hub_entries() -> dict[str, dict[str, Any]]:
    """Return what the suites of lm-eval's own tasks say of each of them, as lm-eval takes it in a group's list.

    Raises
    ------
    SpecError
        If two suites measure one task in two ways: its log could not say which suite it was run for.
    """
    entries: dict[str, dict[str, Any]] = {}
    for path in sorted((package_folder("suites") / "hub").glob("*.yaml")):
        for entry in read_yaml(path)["task"]:
            if not isinstance(entry, dict) or "task" not in entry or "metadata" not in entry:
                raise SpecError(f"{path}: {str(entry)[:80]!r} is no task with its metadata; see the other hub suites")
            if entries.setdefault(entry["task"], entry) != entry:
                raise SpecError(f"{path}: {entry['task']} has another entry in another hub suite; make them equal")
    return entries


@cache
def _hub_tasks() -> dict[str, TaskSpec]:
    return {name: task_spec(name, entry["metadata"], f"suites/hub, {name}") for name, entry in hub_entries().items()}


@cache
def rows() -> dict[str, tuple[str, ...]]:
    """Return the first-stage tasks of each row, in the paper's order, from the groups ``as_row_…``."""
    folder = package_folder("suites") / "rows"
    return {row: _listed(folder / f"{row}.yaml") for row in ROWS}


def _second_stage(path: Path) -> tuple[str, ...]:
    """Return the second-stage tasks of a suite's file, from the file beside it where there is one."""
    beside = path.with_stem(f"{path.stem}{SECOND_STAGE}")
    return _listed(beside) if beside.exists() else ()


def _listed(path: Path) -> tuple[str, ...]:
    """Return the names of the tasks that a group's file lists."""
    listed = read_yaml(path).get("task")
    if not isinstance(listed, list):
        raise SpecError(f"{path}: task is {listed!r}, expected a list of tasks")
    return tuple(entry["task"] if isinstance(entry, dict) else entry for entry in listed)


def in_words(name: str) -> str:
    """Return the twin in words of a task that needs likelihoods, or the task itself where there is none."""
    if task(name).measure.readout != "likelihood":
        return name
    return next((twin for ending in TWINS if (twin := f"{name}{ending}") in tasks()), name)


def readable(name: str, access: Access) -> bool:
    """Tell whether a task can be run with this access."""
    return access == "likelihood" or task(name).measure.readout != "likelihood"


def suite(name: str) -> SuiteSpec:
    """Return the suite of this name (``high_risk`` or ``as_suite_high_risk``), or say which names are near."""
    key = name.removeprefix("as_suite_")
    if key not in suites():
        raise SpecError(f"suite {name!r} is unknown. {did_you_mean(key, suites())}")
    return suites()[key]


@cache
def lock() -> dict[str, dict[str, Any]]:
    """Return ``tasks/LOCK.json``: for each ``task@version`` its measure digest and item digests by level."""
    path = package_folder("tasks") / "LOCK.json"
    try:
        content: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SpecError(f"{path}: cannot be read as JSON ({error}); restore it from the repository") from error
    if not isinstance(content, dict) or not all(isinstance(e, dict) and "measure" in e for e in content.values()):
        raise SpecError(f"{path}: is no lock file; restore it from the repository")
    return content


def locked_digest(spec: TaskSpec) -> str | None:
    """Return the measure digest that LOCK.json pins for this task and version, or None where it pins none."""
    entry = lock().get(f"{spec.name}@{spec.version}")
    return entry["measure"] if entry else None


def make_lock() -> dict[str, dict[str, Any]]:
    """Return what LOCK.json would pin now: for each task its measure digest and its items at ``full``, seed 0."""
    made: dict[str, dict[str, Any]] = {}
    for name, spec in tasks().items():
        measure = spec.measure
        generator = find_generator(task_files()[name].parent, measure.generator)
        items = {
            str(level): digest(
                build(
                    generator,
                    levels=[level],
                    clusters=n_clusters(measure.clusters, "full"),
                    per_cluster=measure.per_cluster,
                    source=Source(0),
                )
            )
            for level in LEVELS
        }
        made[f"{name}@{spec.version}"] = {"measure": spec.digest, "items": items}
    return made | {f"{name}@{of.version}": {"measure": of.digest, "items": {}} for name, of in _hub_tasks().items()}
