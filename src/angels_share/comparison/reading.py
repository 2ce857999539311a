"""Logs of any lm-eval task, read into columns by DuckDB: no Python object a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from angels_share.comparison.aggregation import AGGREGATIONS, DEFAULTS
from angels_share.errors import LogError, PairingError
from angels_share.logs.folders import Folder, Results, check_count, part_of, query, samples_of, sql_name, sql_text

Floats = NDArray[np.float64]

OUTPUT_TYPES = ("multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until")
"""What lm-eval asks of a model. The output type, and nothing else, says what a task's responses are."""

FIXED = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics")
"""Keys of a sample that are no metric; so are those that end in ``_hash``."""

OPTION_SCORES = ("acc", "acc_norm", "acc_bytes", "acc_mutual_info")
"""lm-eval's own metrics of options that are 1 where the right one scores best: guessing gives one in as many as there
are."""


@dataclass(frozen=True)
class MetricColumn:
    """One of lm-eval's metrics, before it is aggregated."""

    aggregation: str
    higher_is_better: bool | None
    values: Floats
    """Shape (items,), or (items, 2) where an item's value is a pair; NaN where the log has no number."""
    printed: float | None
    """The value of the task in the results file."""
    chance: float | None


@dataclass(frozen=True)
class Columns:
    """The samples of one task under one filter, in the order of their keys."""

    task: str
    filter: str
    settings: Mapping[str, Any]
    """What both runs must share."""
    sampling_seed: int | None
    """Seed of the sampled answers; None where answers are not sampled."""
    original: int
    """Items of the whole task."""
    keys: pa.Array
    """SHA-256 of each document, with a number from its second occurrence on."""
    prompts: pa.Array
    """A number for each prompt, the same for the same prompt."""
    clusters: pa.Array | None
    log_likelihoods: Floats | None
    """Of the options, or of the one continuation, shape (items, most options), NaN beyond an item's own."""
    answers: pa.Array | None
    """What the filter left of each generated answer; None where that is not one text."""
    metrics: Mapping[str, MetricColumn]

    @property
    def output_type(self) -> str:
        """What lm-eval asked of the model."""
        return str(self.settings["output_type"])


def read_columns(folder: Folder, task: str, cluster: str | None) -> list[Columns]:
    """Return the samples of a task, one object for each of its filters.

    Parameters
    ----------
    folder : Folder
    task : str
    cluster : str or None
        Field of the documents that names the cluster. A task of which no document has it is read without clusters.

    Raises
    ------
    LogError
        If the samples are missing, cut or garbled, or some of the documents lack the field.
    """
    path = folder.tasks[task]
    results = folder.results[path]
    samples, counted = samples_of(path, results, task)
    settings = _settings(results, task, path)
    printed = _printed(part_of(results, path, "results", task))
    names = sorted({name for name, _ in printed})
    declared = _declared(results, task)
    how = {name: declared.get(name, "mean") for name in names}
    table = _query(samples, settings["output_type"], how, cluster, halved="acc_mutual_info" in declared)
    if table.num_rows == 0 or any(table.column(name).null_count for name in ("filter", "doc_id", "doc_hash")):
        raise LogError(f"{samples}: a row lacks its filter, doc_id or doc_hash, or there is none; run the task again")
    table = _by_key(table)
    better = part_of(results, path, "higher_is_better", task)
    out = []
    for of, rows in _of_filters(table):
        check_count(samples, len(rows), counted)
        options = _options(rows.column("options"), samples) if "options" in table.column_names else None
        several = options is None or pc.any(rows.column("several")).as_py()
        values = {name: _values(rows, name, how[name]) for name in names if (name, of) in printed}
        out.append(
            Columns(
                task=task,
                filter=of,
                settings=settings,
                sampling_seed=results["config"].get("torch_seed") if _sampled(settings) else None,
                original=counted["original"] if isinstance(counted.get("original"), int) else len(rows),
                keys=rows.column("key").combine_chunks(),
                prompts=rows.column("prompt").combine_chunks(),
                clusters=_clusters(rows, cluster, samples),
                log_likelihoods=options,
                answers=_answers(rows),
                metrics={
                    name: MetricColumn(
                        aggregation=how[name],
                        higher_is_better=better[name] if isinstance(better.get(name), bool) else None,
                        values=of_items,
                        printed=printed[name, of],
                        chance=_chance(results["configs"][task], name, of_items, None if several else options),
                    )
                    for name, of_items in values.items()
                },
            )
        )
    return out


def check_pair(teacher: Columns, student: Columns) -> None:
    """Refuse two runs of a task that must not be compared.

    Rows are in the order of their keys, so that equal keys mean equal documents row by row.

    Raises
    ------
    PairingError
        If the runs differ in a setting, in their documents or in the options of a document.
    """
    for name in sorted(teacher.settings.keys() | student.settings.keys()):
        ours, theirs = teacher.settings.get(name), student.settings.get(name)
        if ours != theirs:
            raise PairingError(f"teacher was run with {name} {ours!r}, student with {theirs!r}; run both alike")
    if not teacher.keys.equals(student.keys):
        mine, others = set(teacher.keys.to_pylist()), set(student.keys.to_pylist())
        raise PairingError(
            f"{len(mine - others)} documents are only in the teacher's log, {len(others - mine)} only in the "
            "student's; run both on the same items"
        )
    if teacher.log_likelihoods is not None and student.log_likelihoods is not None:
        places, others_places = np.isnan(teacher.log_likelihoods), np.isnan(student.log_likelihoods)
        if places.shape != others_places.shape or (places != others_places).any():
            raise PairingError("a document has more options in one log than in the other; run both alike")


def _settings(results: Results, task: str, path: Path) -> dict[str, Any]:
    config = results["configs"][task]
    kind = config.get("output_type")
    if kind not in OUTPUT_TYPES:
        raise LogError(f"{path}: {task} has output type {kind!r}, expected one of {', '.join(OUTPUT_TYPES)}")
    sampler = part_of(results, path, "configs", task, "generation_kwargs")
    shared = {
        "version": str(part_of(results, path, "versions").get(task)),
        "output_type": kind,
        "num_fewshot": config.get("num_fewshot") or 0,
        "repeats": config.get("repeats") or 1,
    }
    return shared | ({f"generation_kwargs.{key}": value for key, value in sampler.items()} if _generates(kind) else {})


def _generates(kind: str) -> bool:
    return kind == "generate_until"


def _sampled(settings: Mapping[str, Any]) -> bool:
    """Tell whether answers are drawn at random, as lm-eval's models read its generation settings."""
    chosen = settings.get("generation_kwargs.do_sample")
    temperature = settings.get("generation_kwargs.temperature", 1.0 if chosen else 0.0)
    return _generates(settings["output_type"]) and chosen is not False and temperature != 0


def _printed(values: Mapping[str, Any]) -> dict[tuple[str, str], float | None]:
    """Return the values that lm-eval printed of a task, by metric and filter; None for what is no number."""
    out: dict[tuple[str, str], float | None] = {}
    for key, value in values.items():
        name, comma, of = str(key).rpartition(",")
        if comma and not name.endswith("_stderr") and name not in FIXED:
            out[name, of] = float(value) if isinstance(value, int | float) else None
    return out


def _declared(results: Results, task: str) -> dict[str, str]:
    """Return the aggregation of each metric that the task lists; ``mean`` stands for those of another form.

    What was taken wrongly for a mean is found out where its value is not the one that lm-eval printed.
    """
    listed = results["configs"][task].get("metric_list") or []
    out = {}
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and "metric" in entry:
            name = str(entry["metric"])
            how = entry.get("aggregation") or DEFAULTS.get(name, "mean")
            out[name] = how if isinstance(how, str) and how in AGGREGATIONS else "mean"
    return out


def _query(samples: Path, kind: str, metrics: Mapping[str, str], cluster: str | None, *, halved: bool) -> pa.Table:
    types = {"doc_id": "BIGINT", "filter": "VARCHAR", "doc_hash": "VARCHAR", "prompt_hash": "VARCHAR"}
    chosen = ["doc_id", "filter", "doc_hash", "hash(prompt_hash) AS prompt"]
    types |= dict.fromkeys(metrics, "JSON")
    for metric, how in metrics.items():
        parts = [f"{sql_name(metric)}->{k}" for k in (0, 1)] if AGGREGATIONS[how].pairs else [sql_name(metric)]
        chosen += [f"{_number(part)} AS {sql_name(f'{metric} {k}')}" for k, part in enumerate(parts)]
    if kind in ("multiple_choice", "loglikelihood"):
        types |= {"resps": "VARCHAR[][][]", "target": "VARCHAR"}
        asked = "resps[:len(resps) // 2]" if halved else "resps"
        values = f"[{_number('x[1][1]')} FOR x IN {asked}]"
        chosen += [f"COALESCE({values}, []) AS options", "target[1] = '[' AS several"]
    if _generates(kind):
        types["filtered_resps"] = "JSON"
        one = "json_array_length(filtered_resps) = 1 AND json_type(filtered_resps->0) = 'VARCHAR'"
        chosen.append(f"CASE WHEN {one} THEN filtered_resps->>0 END AS answer")
    if cluster is not None:
        types["doc"] = "JSON"
        pointer = "/" + cluster.replace("~", "~0").replace("/", "~1")
        chosen.append(f"json_extract_string(doc, {sql_text(pointer)}) AS cluster")
    found: pa.Table = query(samples, types, lambda rows: rows.project(", ".join(chosen)).to_arrow_table())
    return found


def _number(value: str) -> str:
    """Return the expression of SQL for a value as a number, NaN where it is none."""
    return f"COALESCE(TRY_CAST({value} AS DOUBLE), 'NaN')"


def _by_key(table: pa.Table) -> pa.Table:
    """Return the rows of each filter in the order of their keys."""
    table = table.sort_by([("filter", "ascending"), ("doc_hash", "ascending"), ("doc_id", "ascending")])
    filters, hashes = (table.column(name).combine_chunks() for name in ("filter", "doc_hash"))
    repeated = pc.and_(pc.equal(hashes[1:], hashes[:-1]), pc.equal(filters[1:], filters[:-1]))
    if not pc.any(repeated).as_py():
        return table.append_column("key", hashes)
    nth = 1
    keys = []
    for doc_hash, again in zip(hashes.to_pylist(), [False, *repeated.to_pylist()], strict=True):
        nth = nth + 1 if again else 1
        keys.append(f"{doc_hash}-{nth}" if nth > 1 else doc_hash)
    return table.append_column("key", pa.array(keys)).sort_by([("filter", "ascending"), ("key", "ascending")])


def _of_filters(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each filter, which stand together."""
    start = 0
    for found in pc.value_counts(table.column("filter")).to_pylist():
        yield found["values"], table.slice(start, found["counts"]).combine_chunks()
        start += found["counts"]


def floats(column: pa.Array | pa.ChunkedArray) -> Floats:
    """Return a column without nulls as an array; unlike ``to_numpy`` it does not import pandas."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.from_dlpack(whole).astype(np.float64, copy=False)


def _values(rows: pa.Table, name: str, how: str) -> Floats:
    parts = [floats(rows.column(f"{name} {k}")) for k in range(1 + AGGREGATIONS[how].pairs)]
    return np.column_stack(parts) if len(parts) > 1 else parts[0]


def _options(column: pa.ChunkedArray, samples: Path) -> Floats:
    """Return lists of log-likelihoods as an array, NaN beyond the end of a list."""
    values = floats(pc.list_flatten(column))
    lengths = floats(pc.list_value_length(column))
    if not lengths.all() or not np.isfinite(values).all():
        raise LogError(f"{samples}: a row's resps are no finite log-likelihoods; run the task again")
    if values.max() > 1e-6:
        raise LogError(f"{samples}: a log-likelihood is {values.max()}, expected at most 0; run the task again")
    out = np.full((len(lengths), int(lengths.max())), np.nan)
    out[np.arange(out.shape[1]) < lengths[:, None]] = values
    return out


def _answers(rows: pa.Table) -> pa.Array | None:
    if "answer" not in rows.column_names or rows.column("answer").null_count:
        return None
    return rows.column("answer").combine_chunks()


def _clusters(rows: pa.Table, cluster: str | None, samples: Path) -> pa.Array | None:
    if cluster is None:
        return None
    column = rows.column("cluster")
    if 0 < column.null_count < len(column):
        raise LogError(
            f"{samples}: {column.null_count} of {len(column)} documents have no field {cluster!r}; name one that all "
            "have, or none"
        )
    return None if column.null_count else column.combine_chunks()


def _chance(config: Mapping[str, Any], name: str, values: Floats, options: Floats | None) -> float | None:
    """Return what guessing gives in a metric, or None where the log does not tell.

    Of free answers it is nothing, of options, one of which is right, it is one in as many as there are. What a task's
    own function makes of them is known only where that is 0 or 1 for free answers.
    """
    own = config.get("process_results") is not None
    if config["output_type"] in ("generate_until", "loglikelihood"):
        return 0.0 if not own or bool(np.isin(values, (0, 1)).all()) else None
    if own or options is None or not config.get("metric_list") or name not in OPTION_SCORES:
        return None
    return float((1 / (~np.isnan(options)).sum(axis=1)).mean())
