"""Run folders of lm-evaluation-harness, read into columns. The only module that knows lm-eval's files.

A run folder holds ``results_<date>.json`` files, each with the ``samples_<task>_<date>.jsonl`` files of its date
stamp, anywhere below it. Sample rows do not say how they are scored; the results file of the same date stamp does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import duckdb
import numpy as np
from numpy.typing import NDArray

from angels_share.canaries import Key, logged_key
from angels_share.errors import LogError
from angels_share.items import REQUIRED_FIELDS, Item
from angels_share.spec import ACCESS, Access, TaskSpec, task_spec

SAMPLE_COLUMNS = {"doc_id": "BIGINT", "doc": "JSON", "resps": "JSON", "filter": "VARCHAR", "doc_hash": "VARCHAR"}
"""The columns of a samples file that are read, with their types."""


@dataclass(frozen=True)
class Settings:
    """How one task was run; two runs of a pair must agree on all but the sampling seed and the templates."""

    track: str
    profile: str
    item_seed: int
    sampling_seed: int | None
    num_fewshot: int
    generation_kwargs: Mapping[str, Any]
    backend: str
    chat_template_sha: str | None
    system_instruction_sha: str | None
    lm_eval_version: str
    dtype: str | None
    batch_size: str | None
    canaries: Key | str | None = None
    """Key that the items of a privacy task followed, or the name of its file where the log says no more."""
    access: Access = "likelihood"
    """What the run gives out, as its ``--metadata`` declares with ``as_access``; it does not choose the items."""

    @property
    def switch(self) -> dict[str, Any]:
        """The run-time switch that chose the items, as ``--metadata`` takes it."""
        chosen = {"as_track": self.track, "as_profile": self.profile, "as_seed": self.item_seed}
        if self.canaries is None:
            return chosen
        return chosen | {"as_canaries": self.canaries.content if isinstance(self.canaries, Key) else self.canaries}


@dataclass(frozen=True)
class TaskLog:
    """The answers of one model to one task, row ``i`` of every column being the same item."""

    spec: TaskSpec
    settings: Settings
    items: tuple[Item, ...]
    """The documents, as the generator made them."""
    doc_hash: tuple[str, ...]
    """SHA-256 of each document, the key of pairing."""
    log_likelihoods: NDArray[np.float64] | None = None
    """Natural-log likelihood of each option, shape (items, most options), NaN beyond an item's own options."""
    texts: tuple[tuple[str, ...], ...] | None = None
    """The K generated answers of each item."""

    def column(self, name: str) -> NDArray[np.str_]:
        """Return one field of the items as an array of strings."""
        return np.array([str(item[name]) for item in self.items])

    @property
    def responses_digest(self) -> str:
        """SHA-256 over item hashes and responses, in the order of the hashes."""
        rows = self.texts if self.texts is not None else np.asarray(self.log_likelihoods).tolist()
        lines = sorted(json.dumps([h, r]) for h, r in zip(self.doc_hash, rows, strict=True))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def items_digest(self) -> str:
        """SHA-256 of the item set, whatever its order."""
        return hashlib.sha256("\n".join(sorted(self.doc_hash)).encode()).hexdigest()


@dataclass(frozen=True)
class Run:
    """Everything that one model answered, task by task."""

    place: str
    """Folder that the run was read from."""
    model: str
    """Name of the model as lm-eval recorded it."""
    tasks: Mapping[str, TaskLog]
    sources: Mapping[str, Path] = field(default_factory=dict)
    """Results file of each task."""


def document_hash(doc: Item) -> str:
    """Return lm-eval's hash of a document: SHA-256 of its indented JSON.

    Examples
    --------
    >>> document_hash({"a": 1})[:8]
    '81646698'
    """
    return hashlib.sha256(json.dumps(doc, indent=2, ensure_ascii=False).encode()).hexdigest()


def read_run(folder: Path, only: Sequence[str] | None = None) -> Run:
    """Read a run folder that ``lm-eval run --output_path … --log_samples`` or ``angels-share run`` wrote.

    Parameters
    ----------
    folder : Path
        The run folder, or a results file in it.
    only : sequence of str, optional
        Names of the tasks to read; others in the folder are left alone.

    Raises
    ------
    LogError
        If there is no results file, a samples file is missing, truncated or garbled, the run was cut with
        ``--limit``, or the folder mixes two runs of a task or two models.
    """
    if not folder.exists():
        raise LogError(f"{folder}: no such folder; give the --output_path of an lm-eval run")
    files = [folder] if folder.is_file() else results_files(folder)
    if not files:
        raise LogError(f"{folder}: no results_*.json below it; was lm-eval run with --output_path?")
    logs: dict[str, TaskLog] = {}
    sources: dict[str, Path] = {}
    models: dict[str, Path] = {}
    for path in files:
        results = _read_results(path)
        for name in _stress_tasks(results, path, only):
            if name in logs:
                raise LogError(
                    f"{folder}: two runs of {name}, {sources[name].name} and {path.name}; keep one of them, or give "
                    "the results file instead of the folder"
                )
            logs[name] = _read_task(path, results, name)
            sources[name] = path
            models.setdefault(_model_name(results), path)
    if only and not logs:
        raise LogError(f"{folder}: holds none of the tasks {', '.join(only)}")
    if not logs:
        raise LogError(f"{folder}: holds no task with a metadata.angels_share block; see `angels-share list`")
    if len(models) > 1:
        told = " and ".join(f"{m} in {p.name}" for m, p in models.items())
        raise LogError(f"{folder}: mixes the runs of several models: {told}; use one folder a model")
    return Run(place=str(folder), model=next(iter(models)), tasks=logs, sources=sources)


def results_files(folder: Path) -> list[Path]:
    """Return the results files below a folder, but those that are still being written."""
    return sorted(p for p in folder.rglob("results_*.json") if ".partial" not in p.relative_to(folder).parts)


def _stress_tasks(results: Mapping[str, Any], path: Path, only: Sequence[str] | None) -> list[str]:
    """Return the tasks of a results file that say how they are scored."""
    names = []
    for name, config in results["configs"].items():
        if only is not None and name not in only:
            continue
        metadata = config.get("metadata") or {} if isinstance(config, dict) else None
        if not isinstance(metadata, dict):
            raise LogError(f"{path}: configs.{name} is no task's configuration; it is garbled, run the task again")
        if "angels_share" in metadata:
            names.append(name)
    return names


def _read_results(path: Path) -> dict[str, Any]:
    try:
        results: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise LogError(f"{path}: cannot be read as JSON ({error}); was the run killed while writing it?") from error
    if not isinstance(results, dict):
        raise LogError(f"{path}: holds {type(results).__name__}, expected a mapping; it is no results file of lm-eval")
    wrong = [key for key in ("configs", "config", "n-samples") if not isinstance(results.get(key), dict)]
    if "lm_eval_version" not in results:
        wrong.append("lm_eval_version")
    if wrong:
        raise LogError(f"{path}: lacks {', '.join(wrong)}; it is not a results file of lm-eval 0.4.13 or newer")
    return results


def _samples_path(results: Path, task: str) -> Path:
    return results.with_name(f"samples_{task}_{results.stem.removeprefix('results_')}.jsonl")


def raw_results(run: Run, task: str) -> dict[str, Any]:
    """Return the whole results file of a task, for the fields that scoring does not need."""
    return _read_results(run.sources[task])


def raw_rows(run: Run, task: str) -> list[dict[str, Any]]:
    """Return the whole rows of a task's samples file, in the order of the documents."""
    lines = _samples_path(run.sources[task], task).read_text("utf-8").split("\n")
    return sorted((json.loads(line) for line in lines if line), key=lambda row: int(row["doc_id"]))


def _model_name(results: Mapping[str, Any]) -> str:
    args = results["config"].get("model_args") or {}
    if isinstance(args, str):
        args = dict(part.split("=", 1) for part in args.split(",") if "=" in part)
    if not isinstance(args, dict):
        raise LogError(f"config.model_args is {type(args).__name__}, expected a mapping or text; the log is garbled")
    return str(args.get("pretrained") or args.get("model") or results.get("model_name") or results["config"]["model"])


def _read_task(path: Path, results: Mapping[str, Any], name: str) -> TaskLog:
    config = results["configs"][name]
    spec = task_spec(name, config["metadata"], str(path))
    samples = _samples_path(path, name)
    if not samples.exists():
        raise LogError(f"{samples}: missing; run lm-eval with --log_samples, and keep both files together")
    counted = results["n-samples"].get(name)
    if not isinstance(counted, dict) or "effective" not in counted:
        raise LogError(f"{path}: n-samples does not count the items of {name}; it is garbled, run the task again")
    if results["config"].get("limit") is not None or counted.get("original") != counted.get("effective"):
        raise LogError(
            f"{path}: {name} was run on {counted.get('effective')} of {counted.get('original')} items "
            f"(--limit {results['config'].get('limit')}); a cut run cannot be scored, choose a smaller profile instead"
        )
    rows = _read_samples(samples)
    if len(rows) != counted["effective"]:
        raise LogError(
            f"{samples}: has {len(rows)} rows where the results file counts {counted['effective']}; "
            "the file is truncated or was appended to, run the task again"
        )
    items = tuple(json.loads(row[0]) for row in rows)
    needed = (*REQUIRED_FIELDS, *(["choices"] if spec.measure.readout == "likelihood" else []))
    for i, (item, row) in enumerate(zip(items, rows, strict=True)):
        absent = [key for key in needed if not isinstance(item, dict) or key not in item]
        if absent:
            raise LogError(f"{samples}, row {i + 1}: the document lacks {', '.join(absent)}; it is no item of {name}")
        if document_hash(item) != row[2]:
            raise LogError(f"{samples}, row {i + 1}: the document does not match its doc_hash; the log was edited")
    responses = [json.loads(row[1]) for row in rows]
    place = str(samples)
    likelihood = spec.measure.readout == "likelihood"
    try:
        settings = _settings(results, config, spec)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise LogError(f"{path}: the settings of {name} are garbled ({reason}); run the task again") from error
    return TaskLog(
        spec=spec,
        settings=settings,
        items=items,
        doc_hash=tuple(row[2] for row in rows),
        log_likelihoods=likelihood_columns(responses, items, place) if likelihood else None,
        texts=None if likelihood else text_columns(responses, place),
    )


def _read_samples(path: Path) -> list[tuple[str, str, str]]:
    """Return (document, responses, document hash) of each row, in the order of the documents."""
    columns = "{" + ", ".join(f"'{k}': '{v}'" for k, v in SAMPLE_COLUMNS.items()) + "}"
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(
                f"SELECT doc, resps, doc_hash, doc_id, filter FROM read_json(?, columns={columns}, "  # noqa: S608
                "format='newline_delimited', maximum_object_size=67108864) ORDER BY doc_id",
                [str(path)],
            ).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise LogError(f"{path}: garbled or truncated ({reason}); run the task again") from error
    filters = {row[4] for row in rows}
    if len(filters) > 1:
        raise LogError(f"{path}: holds {len(filters)} filters, {sorted(map(str, filters))}; a stress task has one")
    for i, row in enumerate(rows):
        if any(cell is None for cell in row[:4]) or row[3] != i:
            raise LogError(f"{path}: document {i} is missing, repeated or lacks a field; run the task again")
    return [(row[0], row[1], row[2]) for row in rows]


def _settings(results: Mapping[str, Any], config: Mapping[str, Any], spec: TaskSpec) -> Settings:
    metadata = config["metadata"]
    run = results["config"]
    return Settings(
        track=str(metadata.get("as_track", "small")),
        profile=str(metadata.get("as_profile", "standard")),
        item_seed=int(metadata.get("as_seed", 0)),
        sampling_seed=run.get("torch_seed"),
        num_fewshot=int(config.get("num_fewshot") or 0),
        generation_kwargs=dict(config.get("generation_kwargs") or {}),
        backend=str(run.get("model")),
        chat_template_sha=results.get("chat_template_sha"),
        system_instruction_sha=results.get("system_instruction_sha"),
        lm_eval_version=str(results["lm_eval_version"]),
        dtype=str(run["model_dtype"]) if run.get("model_dtype") else None,
        batch_size=str(run["batch_size"]) if run.get("batch_size") is not None else None,
        canaries=logged_key(spec, metadata),
        access=_access(metadata, spec),
    )


def _access(metadata: Mapping[str, Any], spec: TaskSpec) -> Access:
    declared = metadata.get("as_access", "likelihood")
    if declared not in ACCESS:
        raise LogError(f"{spec.name}: --metadata as_access is {str(declared)[:80]!r}; it is one of {', '.join(ACCESS)}")
    return cast(Access, declared)


def likelihood_columns(responses: Sequence[Any], items: Sequence[Item], place: str) -> NDArray[np.float64]:
    """Return the log-likelihoods of each row: those of its options, or the one of its document.

    lm-eval logs options as ``[[["-0.26", "False"]], …]``, and a whole document, which is an item with one option, as
    ``[["-123.4"]]``.

    Raises
    ------
    LogError
        If a row has another number of options than its item, or a value that is no finite number at most 0.
    """
    out = np.full((len(items), max(len(item["choices"]) for item in items)), np.nan)
    for i, (row, item) in enumerate(zip(responses, items, strict=True)):
        try:
            whole = len(item["choices"]) == 1 and _is_of_document(row)
            values = [float(row[0][0])] if whole else [_of_option(option) for option in row]
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise LogError(f"{place}, row {i + 1}: responses {str(row)[:80]!r} are no log-likelihoods") from error
        if len(values) != len(item["choices"]):
            raise LogError(f"{place}, row {i + 1}: {len(values)} responses for {len(item['choices'])} options")
        if not np.all(np.isfinite(values)) or max(values) > 1e-6:
            raise LogError(f"{place}, row {i + 1}: log-likelihoods {values} are not finite numbers at most 0")
        out[i, : len(values)] = values
    return out


def _of_option(option: Any) -> float:
    """Return the log-likelihood of an option, logged as a pair in a list."""
    if isinstance(option[0], str):
        raise TypeError("a text where a pair was expected")
    return float(option[0][0])


def _is_of_document(row: Any) -> bool:
    """Tell whether a row has the form of a whole document's one log-likelihood."""
    return isinstance(row, list) and len(row) == 1 and isinstance(row[0], list) and [*map(type, row[0])] == [str]


def text_columns(responses: Sequence[Any], place: str) -> tuple[tuple[str, ...], ...]:
    """Return the generated answers of each row, from lm-eval's ``[["first", "second", …]]``.

    Raises
    ------
    LogError
        If a row is no list of texts, or the rows have different numbers of them.
    """
    out: list[tuple[str, ...]] = []
    for i, row in enumerate(responses):
        if not (isinstance(row, list) and len(row) == 1 and isinstance(row[0], list)):
            raise LogError(f"{place}, row {i + 1}: responses {str(row)[:80]!r} are no list of texts")
        if not row[0] or not all(isinstance(text, str) for text in row[0]):
            raise LogError(f"{place}, row {i + 1}: responses {str(row)[:80]!r} are not all texts")
        if out and len(row[0]) != len(out[0]):
            raise LogError(f"{place}, row {i + 1}: {len(row[0])} repeats where the first row has {len(out[0])}")
        out.append(tuple(row[0]))
    return tuple(out)
