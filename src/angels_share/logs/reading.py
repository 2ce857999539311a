"""Reading run folders: which files belong together, and whether they are whole.

A run folder holds ``results_<date>.json`` files, each with the ``samples_<task>_<date>.jsonl`` files of its date
stamp, anywhere below it. Sample rows do not say how they are scored; the results file of the same date stamp does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import duckdb

from angels_share.canaries import logged_key
from angels_share.errors import LogError
from angels_share.items import REQUIRED_FIELDS
from angels_share.logs import stock
from angels_share.logs.columns import likelihood_columns, text_columns
from angels_share.logs.model import Run, Settings, TaskLog, document_hash
from angels_share.spec import ACCESS, Access, TaskSpec, task_spec

SAMPLE_COLUMNS = {"doc_id": "BIGINT", "filter": "VARCHAR", "doc_hash": "VARCHAR", "doc": "JSON", "resps": "JSON"}
"""The columns of a samples file that are always read, with their types."""

NO_COLUMNS: Mapping[str, str] = {}


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
        results = read_results(path)
        for name in _stress_tasks(results, path, only):
            if name in logs:
                raise LogError(
                    f"{folder}: two runs of {name}, {sources[name].name} and {path.name}; keep one of them, or give "
                    "the results file instead of the folder"
                )
            logs[name] = _read_task(path, results, name)
            sources[name] = path
            models.setdefault(model_name(results), path)
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


def samples_path(results: Path, task: str) -> Path:
    """Return the samples file of a task, which has the date stamp of its results file."""
    return results.with_name(f"samples_{task}_{results.stem.removeprefix('results_')}.jsonl")


def raw_results(run: Run, task: str) -> dict[str, Any]:
    """Return the whole results file of a task, for the fields that scoring does not need."""
    return read_results(run.sources[task])


def raw_rows(run: Run, task: str) -> list[dict[str, Any]]:
    """Return the whole rows of a task's samples file, in the order of the documents."""
    lines = samples_path(run.sources[task], task).read_text("utf-8").split("\n")
    return sorted((json.loads(line) for line in lines if line), key=lambda row: int(row["doc_id"]))


def model_name(results: Mapping[str, Any]) -> str:
    """Return the model's name as lm-eval was given it."""
    args = results["config"].get("model_args") or {}
    if isinstance(args, str):
        args = dict(part.split("=", 1) for part in args.split(",") if "=" in part)
    if not isinstance(args, dict):
        raise LogError(f"config.model_args is {type(args).__name__}, expected a mapping or text; the log is garbled")
    return str(args.get("pretrained") or args.get("model") or results.get("model_name") or results["config"]["model"])


def _read_task(path: Path, results: Mapping[str, Any], name: str) -> TaskLog:
    config = results["configs"][name]
    spec = task_spec(name, config["metadata"], str(path))
    samples = samples_path(path, name)
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
    try:
        settings = _settings(results, config, spec)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise LogError(f"{path}: the settings of {name} are garbled ({reason}); run the task again") from error
    own = bool(spec.measure.generator)
    rows = _read_samples(samples) if own else _read_samples(samples, stock.columns(spec.measure), spec.measure.filter)
    if len(rows) != counted["effective"]:
        raise LogError(
            f"{samples}: has {len(rows)} rows where the results file counts {counted['effective']}; "
            "the file is truncated or was appended to, run the task again"
        )
    documents = [json.loads(row[3]) for row in rows]
    if own:
        _check_items(spec, documents, str(samples))
    for i, (document, row) in enumerate(zip(documents, rows, strict=True)):
        if document_hash(document) != row[2]:
            raise LogError(f"{samples}, row {i + 1}: the document does not match its doc_hash; the log was edited")
    if not own:
        of = [stock.sample_of(document, row, str(samples)) for document, row in zip(documents, rows, strict=True)]
        return stock.log_of(spec, settings, of, str(samples))
    likelihood = spec.measure.readout == "likelihood"
    responses = [json.loads(row[4]) for row in rows]
    return TaskLog(
        spec=spec,
        settings=settings,
        items=tuple(documents),
        doc_hash=tuple(row[2] for row in rows),
        log_likelihoods=likelihood_columns(responses, documents, str(samples)) if likelihood else None,
        texts=None if likelihood else text_columns(responses, str(samples)),
    )


def _check_items(spec: TaskSpec, documents: Sequence[Any], place: str) -> None:
    needed = (*REQUIRED_FIELDS, *(["choices"] if spec.measure.readout == "likelihood" else []))
    for i, item in enumerate(documents):
        absent = [key for key in needed if not isinstance(item, dict) or key not in item]
        if absent:
            raise LogError(
                f"{place}, row {i + 1}: the document lacks {', '.join(absent)}; it is no item of {spec.name}"
            )


def _read_samples(
    path: Path, columns: Mapping[str, str] = NO_COLUMNS, only: str | None = None
) -> list[tuple[Any, ...]]:
    """Return these columns of each row, in the order of the documents, of one filter where there are several."""
    asked = {**SAMPLE_COLUMNS, **columns}
    types = "{" + ", ".join(f"{_quoted(k)}: '{v}'" for k, v in asked.items()) + "}"
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in asked)
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(
                f"SELECT {names} FROM read_json(?, columns={types}, "  # noqa: S608
                "format='newline_delimited', maximum_object_size=67108864) ORDER BY doc_id",
                [str(path)],
            ).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise LogError(f"{path}: garbled or truncated ({reason}); run the task again") from error
    filters = {row[1] for row in rows}
    if only is None and len(filters) > 1:
        raise LogError(f"{path}: holds {len(filters)} filters, {sorted(map(str, filters))}; a stress task has one")
    if only is not None and only not in filters:
        raise LogError(f"{path}: holds the filters {sorted(map(str, filters))}, expected {only} among them")
    rows = [row for row in rows if only in (None, row[1])]
    for i, row in enumerate(rows):
        if any(cell is None for cell in row[: len(SAMPLE_COLUMNS)]) or row[0] != i:
            raise LogError(f"{path}: document {i} is missing, repeated or lacks a field; run the task again")
    return rows


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


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
