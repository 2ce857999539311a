"""Logs of any lm-eval task, read into columns by DuckDB: no Python object a sample."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from angels_share.errors import LogError
from angels_share.logs.reading import model_name, read_results, results_files, samples_path

Floats = NDArray[np.float64]

CHOICES = ("multiple_choice", "loglikelihood")
"""Output types whose responses are the likelihoods of continuations."""

FIXED = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics")
"""Keys of a sample that are no metric; so are those that end in ``_hash``."""


@dataclass(frozen=True)
class Columns:
    """The samples of one task under one filter, in the order of their documents' hashes."""

    task: str
    filter: str
    version: str
    output_type: str
    num_fewshot: int
    higher_is_better: Mapping[str, bool]
    keys: pa.Array
    """SHA-256 of each document, with a number from its second occurrence on."""
    prompts: pa.Array
    """SHA-256 of each prompt."""
    clusters: pa.Array | None
    log_likelihoods: Floats | None
    """Of the options, shape (items, most options), NaN beyond an item's own."""
    answers: pa.Array | None
    """What the filter left of each generated answer, as JSON."""
    metrics: Mapping[str, Floats]


@dataclass(frozen=True)
class Folder:
    """A run folder: where each task's results are, and which tasks each group has."""

    place: Path
    model: str
    tasks: Mapping[str, Path]
    groups: Mapping[str, tuple[str, ...]]


def open_folder(place: Path) -> Folder:
    """Return what a run folder holds, without reading samples.

    Raises
    ------
    LogError
        If it holds no results, two runs of a task, or two models.
    """
    files = [place] if place.is_file() else results_files(place) if place.is_dir() else []
    if not files:
        raise LogError(f"{place}: no results_*.json below it; was lm-eval run with --output_path?")
    tasks: dict[str, Path] = {}
    models: dict[str, Path] = {}
    groups: dict[str, tuple[str, ...]] = {}
    for path in files:
        results = read_results(path)
        models.setdefault(model_name(results), path)
        groups |= {name: tuple(members) for name, members in (results.get("group_subtasks") or {}).items() if members}
        for name in results["configs"]:
            if name in tasks:
                told = f"{tasks[name].name} and {path.name}"
                raise LogError(f"{place}: two runs of {name}, {told}; keep one of them, or give the results file")
            tasks[name] = path
    if len(models) > 1:
        told = " and ".join(f"{name} in {path.name}" for name, path in models.items())
        raise LogError(f"{place}: mixes the runs of several models: {told}; use one folder a model")
    return Folder(place, next(iter(models)), tasks, groups)


def read_columns(folder: Folder, task: str, cluster: str | None) -> list[Columns]:
    """Return the samples of a task, one object for each of its filters.

    Parameters
    ----------
    folder : Folder
    task : str
    cluster : str or None
        Field of the documents that names the cluster.

    Raises
    ------
    LogError
        If the samples are missing, cut or garbled, or lack the field.
    """
    path = folder.tasks[task]
    results = read_results(path)
    config = results["configs"][task]
    samples = samples_path(path, task)
    if not samples.exists():
        raise LogError(f"{samples}: missing; run lm-eval with --log_samples, and keep both files together")
    counted = results["n-samples"].get(task) or {}
    if counted.get("original") != counted.get("effective"):
        raise LogError(f"{path}: {task} was run on {counted.get('effective')} of {counted.get('original')} items")
    kind = str(config.get("output_type"))
    names = _metric_names(samples)
    table = _query(samples, kind, names, cluster)
    out = []
    for of in sorted(set(table.column("filter").to_pylist())):
        rows = table.filter(pc.equal(table.column("filter"), of)).combine_chunks()
        if len(rows) != counted["effective"]:
            raise LogError(
                f"{samples}: {len(rows)} rows of filter {of}, the results file counts {counted['effective']}"
            )
        if cluster is not None and rows.column("cluster").null_count:
            raise LogError(f"{samples}: a document of {task} has no field {cluster!r}; name one that all have")
        out.append(
            Columns(
                task=task,
                filter=str(of),
                version=str((results.get("versions") or {}).get(task, "")),
                output_type=kind,
                num_fewshot=int(config.get("num_fewshot") or 0),
                higher_is_better=dict((results.get("higher_is_better") or {}).get(task) or {}),
                keys=rows.column("key").combine_chunks(),
                prompts=rows.column("prompt_hash").combine_chunks(),
                clusters=None if cluster is None else rows.column("cluster").combine_chunks(),
                log_likelihoods=_options(rows.column("options").combine_chunks()) if kind in CHOICES else None,
                answers=rows.column("answer").combine_chunks() if kind == "generate_until" else None,
                metrics={name: rows.column(f"metric {name}").to_numpy() for name in names},
            )
        )
    return out


def _metric_names(samples: Path) -> list[str]:
    """Return the metrics of a samples file, from its first row."""
    try:
        with samples.open(encoding="utf-8") as file:
            first = json.loads(file.readline())
        return [str(name) for name in first["metrics"]]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise LogError(f"{samples}: its first row is no sample of lm-eval ({error}); run the task again") from error


def _query(samples: Path, kind: str, metrics: Sequence[str], cluster: str | None) -> pa.Table:
    types = {"doc_id": "BIGINT", "filter": "VARCHAR", "doc_hash": "VARCHAR", "prompt_hash": "VARCHAR"}
    chosen = ["filter", "doc_hash || CASE WHEN nth > 1 THEN '-' || nth ELSE '' END AS key", "prompt_hash"]
    if kind in CHOICES:
        types["resps"] = "VARCHAR[][][]"
        chosen.append("[TRY_CAST(x[1][1] AS DOUBLE) FOR x IN resps] AS options")
    if kind == "generate_until":
        types["filtered_resps"] = "JSON"
        chosen.append("CAST(filtered_resps AS VARCHAR) AS answer")
    types |= dict.fromkeys(metrics, "JSON")
    chosen += [f"TRY_CAST({_name(m)} AS DOUBLE) AS {_name(f'metric {m}')}" for m in metrics]
    if cluster is not None:
        types["doc"] = "JSON"
        chosen.append(f"json_extract_string(doc, {_text('$.' + json.dumps(cluster))}) AS cluster")
    given = "{" + ", ".join(f"{_text(key)}: '{of}'" for key, of in types.items()) + "}"
    try:
        with duckdb.connect() as connection:
            found: pa.Table = connection.sql(
                f"SELECT {', '.join(chosen)} FROM (SELECT *, row_number() OVER "  # noqa: S608 - names are quoted
                f"(PARTITION BY filter, doc_hash ORDER BY doc_id) AS nth FROM read_json(?, columns={given}, "
                "format='newline_delimited', maximum_object_size=67108864)) ORDER BY filter, key",
                params=[str(samples)],
            ).to_arrow_table()
    except duckdb.Error as error:
        raise LogError(f"{samples}: garbled or truncated ({str(error).splitlines()[0]}); run the task again") from error
    return found


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _options(column: pa.ListArray) -> Floats:
    """Return lists of numbers as an array, NaN beyond the end of a list."""
    lengths = np.diff(column.offsets.to_numpy())
    values = column.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    out = np.full((len(lengths), int(lengths.max(initial=1))), np.nan)
    out[np.arange(out.shape[1]) < lengths[:, None]] = values
    return out


def paired(teacher: Columns, student: Columns) -> str | None:
    """Return why two runs of a task must not be compared, or None where they may.

    Rows are in one order, so that equal keys mean equal documents row by row.
    """
    for name in ("version", "output_type", "num_fewshot"):
        ours, theirs = getattr(teacher, name), getattr(student, name)
        if ours != theirs:
            return f"teacher ran with {name} {ours}, student with {theirs}"
    if not teacher.keys.equals(student.keys):
        ours, theirs = set(teacher.keys.to_pylist()), set(student.keys.to_pylist())
        return (
            f"{len(ours - theirs)} documents are only in the teacher's log, {len(theirs - ours)} only in the student's"
        )
    return None
