"""Reading the stress tasks of a run folder, and whether their logs are whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from angels_share.canaries import logged_key
from angels_share.errors import LogError
from angels_share.items import REQUIRED_FIELDS
from angels_share.logs import stock
from angels_share.logs.columns import likelihood_columns, text_columns
from angels_share.logs.folders import check_count, open_folder, query, read_results, samples_of, samples_path
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
    found = open_folder(folder, lambda results, path: _stress_tasks(results, path, only))
    if only and not found.tasks:
        raise LogError(f"{folder}: holds none of the tasks {', '.join(only)}")
    if not found.tasks:
        raise LogError(f"{folder}: holds no task with a metadata.angels_share block; see `angels-share list`")
    logs = {name: _read_task(path, found.results[path], name) for name, path in found.tasks.items()}
    return Run(place=str(folder), model=found.model, tasks=logs, sources=found.tasks)


def has_stress_tasks(folder: Path) -> bool:
    """Tell whether a run folder holds a task that says how it is scored.

    Raises
    ------
    LogError
        If it is no run folder.
    """
    return bool(open_folder(folder, lambda results, path: _stress_tasks(results, path, None)).tasks)


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


def raw_results(run: Run, task: str) -> dict[str, Any]:
    """Return the whole results file of a task, for the fields that scoring does not need."""
    return read_results(run.sources[task])


def raw_rows(run: Run, task: str) -> list[dict[str, Any]]:
    """Return the whole rows of a task's samples file, in the order of the documents."""
    lines = samples_path(run.sources[task], task).read_text("utf-8").split("\n")
    return sorted((json.loads(line) for line in lines if line), key=lambda row: int(row["doc_id"]))


def _read_task(path: Path, results: Mapping[str, Any], name: str) -> TaskLog:
    config = results["configs"][name]
    spec = task_spec(name, config["metadata"], str(path))
    samples, counted = samples_of(path, results, name)
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
    check_count(samples, len(rows), counted)
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
    rows = query(path, asked, lambda samples: samples.order("doc_id").fetchall())
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
