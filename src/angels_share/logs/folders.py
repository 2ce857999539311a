"""Which files of a run folder belong together, and what each of them holds.

A run folder holds ``results_<date>.json`` files, each with the ``samples_<task>_<date>.jsonl`` files of its date
stamp, anywhere below it. Sample rows do not say how they are scored; the results file of the same date stamp does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from angels_share.errors import LogError

Results = Mapping[str, Any]
"""The content of a results file."""

Fetched = TypeVar("Fetched")

LONGEST = 2**26
"""Bytes of a row that can be read."""


@dataclass(frozen=True)
class Folder:
    """The results files of one model's run, before any samples are read."""

    place: Path
    model: str
    """Name of the model as lm-eval recorded it; empty where the folder holds no task that was asked for."""
    tasks: Mapping[str, Path]
    """Results file of each task."""
    results: Mapping[Path, Results]


def every_task(results: Results, path: Path) -> list[str]:
    """Return the names of all tasks of a results file.

    Raises
    ------
    LogError
        If the entry of a task is not its configuration.
    """
    for name, config in results["configs"].items():
        if not isinstance(config, dict):
            raise LogError(f"{path}: configs.{name} is no task's configuration; it is garbled, run the task again")
    return list(results["configs"])


def open_folder(place: Path, chosen: Callable[[Results, Path], Sequence[str]] = every_task) -> Folder:
    """Return what a run folder holds, without reading samples.

    Parameters
    ----------
    place : Path
        The run folder, or a results file in it.
    chosen : callable
        Returns the names of the tasks of a results file that are asked for; others are left alone.

    Raises
    ------
    LogError
        If there is no results file, or the folder mixes two runs of a task or two models.
    """
    if not place.exists():
        raise LogError(f"{place}: no such folder; give the --output_path of an lm-eval run")
    files = [place] if place.is_file() else results_files(place)
    if not files:
        raise LogError(f"{place}: no results_*.json below it; was lm-eval run with --output_path?")
    contents = {path: read_results(path) for path in files}
    tasks: dict[str, Path] = {}
    models: dict[str, Path] = {}
    for path, results in contents.items():
        for name in chosen(results, path):
            if name in tasks:
                raise LogError(
                    f"{place}: two runs of {name}, {tasks[name].name} and {path.name}; keep one of them, or give "
                    "the results file instead of the folder"
                )
            tasks[name] = path
            models.setdefault(model_name(results), path)
    if len(models) > 1:
        told = " and ".join(f"{m} in {p.name}" for m, p in models.items())
        raise LogError(f"{place}: mixes the runs of several models: {told}; use one folder a model")
    return Folder(place, next(iter(models), ""), tasks, contents)


def results_files(folder: Path) -> list[Path]:
    """Return the results files below a folder, but those that are still being written."""
    return sorted(p for p in folder.rglob("results_*.json") if ".partial" not in p.relative_to(folder).parts)


def read_results(path: Path) -> dict[str, Any]:
    """Return a results file of lm-eval, or say what is wrong with it."""
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


def model_name(results: Results) -> str:
    """Return the model's name as lm-eval was given it."""
    args = results["config"].get("model_args") or {}
    if isinstance(args, str):
        args = dict(part.split("=", 1) for part in args.split(",") if "=" in part)
    if not isinstance(args, dict):
        raise LogError(f"config.model_args is {type(args).__name__}, expected a mapping or text; the log is garbled")
    return str(args.get("pretrained") or args.get("model") or results.get("model_name") or results["config"]["model"])


def samples_path(results: Path, task: str) -> Path:
    """Return the samples file of a task, which has the date stamp of its results file."""
    return results.with_name(f"samples_{task}_{results.stem.removeprefix('results_')}.jsonl")


def samples_of(path: Path, results: Results, task: str) -> tuple[Path, Mapping[str, Any]]:
    """Return the samples file of a task, and how many items its results file counts: ``original``, ``effective``.

    Raises
    ------
    LogError
        If the file is missing, or the items are not counted.
    """
    samples = samples_path(path, task)
    if not samples.exists():
        raise LogError(f"{samples}: missing; run lm-eval with --log_samples, and keep both files together")
    counted = results["n-samples"].get(task)
    if not isinstance(counted, dict) or "effective" not in counted:
        raise LogError(f"{path}: n-samples does not count the items of {task}; it is garbled, run the task again")
    return samples, counted


def part_of(results: Results, path: Path, *keys: str) -> dict[str, Any]:
    """Return the mapping below these keys of a results file, empty where there is none.

    Raises
    ------
    LogError
        If something else stands there.
    """
    found: Any = results
    for key in keys:
        found = found.get(key) or {}
        if not isinstance(found, dict):
            place = ".".join(keys)
            raise LogError(f"{path}: {place} is no mapping; it is garbled, run the task again")
    return dict(found)


def check_count(samples: Path, rows: int, counted: Mapping[str, Any]) -> None:
    """Refuse a samples file, or one filter's part of it, that has another number of rows than were counted.

    Raises
    ------
    LogError
    """
    if rows != counted["effective"]:
        raise LogError(
            f"{samples}: has {rows} rows where the results file counts {counted['effective']}; "
            "the file is truncated or was appended to, run the task again"
        )


def query(
    path: Path, columns: Mapping[str, str], fetch: Callable[[duckdb.DuckDBPyRelation], Fetched], longest: int = 2**24
) -> Fetched:
    """Return what ``fetch`` takes out of a samples file.

    Parameters
    ----------
    path : Path
    columns : mapping
        The columns that are read, with their types.
    fetch : callable
        Takes the table of these columns, in their order, of which nothing has been read yet. Called again where the
        file turns out to hold longer rows.
    longest : int
        Bytes of the longest row, which DuckDB holds several times; raised to :data:`LONGEST` where that is needed.

    Raises
    ------
    LogError
        If the file is garbled or truncated.
    """
    types = ", ".join(f"{sql_text(name)}: {sql_text(kind)}" for name, kind in columns.items())
    read = f"read_json({sql_text(str(path))}, columns={{{types}}}, format='newline_delimited'"
    try:
        with _database().cursor() as connection:
            return fetch(connection.sql(f"FROM {read}, maximum_object_size={longest})"))
    except duckdb.Error as error:
        if "maximum_object_size" in str(error) and longest < LONGEST:
            return query(path, columns, fetch, LONGEST)
        raise LogError(f"{path}: garbled or truncated ({str(error).splitlines()[0]}); run the task again") from error


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Return the one database of this process, which lives in memory: starting one takes longer than reading a log."""
    return duckdb.connect()


def sql_text(value: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
