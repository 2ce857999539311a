"""Logs of any lm-eval task, read into columns by DuckDB: no Python object a sample."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from duckdb import DuckDBPyRelation
from numpy.typing import NDArray

from angels_share.comparison.aggregation import AGGREGATIONS, DEFAULTS
from angels_share.comparison.spooling import BYTES_A_CHUNK, ROWS_A_BATCH, Spool, spooled
from angels_share.errors import LogError
from angels_share.logs.folders import (
    Folder,
    Results,
    check_count,
    part_of,
    query,
    samples_of,
    samples_path,
    sql_name,
    sql_text,
)

OUTPUT_TYPES = ("multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until")
"""What lm-eval asks of a model. The output type, and nothing else, says what a task's responses are."""

FIXED = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics")
"""Keys of a sample that are no metric; so are those that end in ``_hash``."""

OPTION_SCORES = ("acc", "acc_norm", "acc_bytes", "acc_mutual_info")
"""lm-eval's own metrics of options that are 1 where the right one scores best: guessing gives one in as many as there
are."""


@dataclass(frozen=True)
class LoggedMetric:
    """One of lm-eval's metrics, as a run tells of it."""

    aggregation: str
    higher_is_better: bool | None
    printed: float | None
    """The value of the task in the results file."""


@dataclass(frozen=True)
class Log:
    """One task under one filter: what a run tells of it, and where its samples are."""

    task: str
    filter: str
    settings: Mapping[str, Any]
    """What both runs must share."""
    sampling_seed: int | None
    """Seed of the sampled answers; None where answers are not sampled."""
    original: int
    """Items of the whole task."""
    metrics: Mapping[str, LoggedMetric]
    config: Mapping[str, Any]
    """Of the task, in the results file."""
    spool: Spool
    """The samples: ``key``, which is the SHA-256 of the document, with a number from its second occurrence on;
    ``prompt`` and ``answer``, hashes of 64 bits, the answer None where the filter left no single text; ``options``,
    their log-likelihoods, or that of the one continuation; ``cluster``; and each metric's values."""
    clusters: NDArray[np.uint64] | None
    """Hashes of all clusters, in their order; None where each document is its own."""

    @property
    def output_type(self) -> str:
        """What lm-eval asked of the model."""
        return str(self.settings["output_type"])

    def chance(self, name: str, *, binary: bool) -> float | None:
        """Return what guessing gives in a metric, or None where the log does not tell.

        Of free answers it is nothing, of options, one of which is right, it is one in as many as there are. What a
        task's own function makes of them is known only where that is 0 or 1 for free answers.
        """
        own = self.config.get("process_results") is not None
        if self.output_type in ("generate_until", "loglikelihood"):
            return 0.0 if not own or binary else None
        told = self.config.get("metric_list") and name in OPTION_SCORES and not self.spool.several
        if own or not self.has_options or not told:
            return None
        numbers = np.arange(1, len(self.spool.options))
        return float(self.spool.options[1:] / self.spool.rows @ (1 / numbers))

    @property
    def has_options(self) -> bool:
        """Whether the log has likelihoods, of options or of one continuation."""
        return _has_options(self.output_type)

    @property
    def choice(self) -> bool:
        """Whether items have several options to choose from."""
        return self.output_type == "multiple_choice" and len(self.spool.options) > 2


def chunks_of(folder: Folder, task: str) -> int:
    """Return into how many chunks the samples of a task are divided."""
    samples = samples_path(folder.tasks[task], task)
    return 1 + (samples.stat().st_size if samples.exists() else 0) // BYTES_A_CHUNK


def read_logs(folder: Folder, task: str, cluster: str | None, file: Path, chunks: int = 1) -> dict[str, Log]:
    """Return the logs of a task, by filter.

    Parameters
    ----------
    folder : Folder
    task : str
    cluster : str or None
        Field of the documents that names the cluster. A task of which no document has it is read without clusters.
    file : Path
        Where the samples are spooled.
    chunks : int
        Into how many chunks, the same for two logs that are to be paired.

    Raises
    ------
    LogError
        If the samples are missing, cut or garbled, or some of the documents lack the field.
    """
    path = folder.tasks[task]
    results = folder.results[path]
    config = results["configs"][task]
    samples, counted = samples_of(path, results, task)
    settings = _settings(results, task, path)
    printed = _printed(part_of(results, path, "results", task))
    declared = _declared(results, task)
    how = {name: declared.get(name, "mean") for name in sorted({name for name, _ in printed})}
    types, chosen = _columns(settings["output_type"], how, cluster, halved="acc_mutual_info" in declared)
    chosen.append(f"COALESCE(TRY_CAST('0x' || doc_hash[:8] AS BIGINT), 0) * {chunks} >> 32 AS chunk")

    def fetch(rows: DuckDBPyRelation) -> dict[str, Spool]:
        return spooled(rows.project(", ".join(chosen)).to_arrow_reader(ROWS_A_BATCH), samples, file)

    spools = query(samples, types, fetch)
    better = part_of(results, path, "higher_is_better", task)
    out = {}
    for of, spool in sorted(spools.items()):
        check_count(samples, spool.rows, counted)
        if _has_options(settings["output_type"]):
            _check_options(spool, samples)
        out[of] = Log(
            task=task,
            filter=of,
            settings=settings,
            sampling_seed=results["config"].get("torch_seed") if _sampled(settings) else None,
            original=counted["original"] if isinstance(counted.get("original"), int) else spool.rows,
            metrics={
                name: LoggedMetric(
                    aggregation=how[name],
                    higher_is_better=better[name] if isinstance(better.get(name), bool) else None,
                    printed=printed[name, of],
                )
                for name in how
                if (name, of) in printed
            },
            config=config,
            spool=spool,
            clusters=_clusters(spool, cluster, samples),
        )
    return out


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


def _has_options(kind: str) -> bool:
    return kind in ("multiple_choice", "loglikelihood")


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


def _columns(
    kind: str, metrics: Mapping[str, str], cluster: str | None, *, halved: bool
) -> tuple[dict[str, str], list[str]]:
    """Return the types of the columns of a samples file that are read, and the expressions of what is kept."""
    types = {"doc_id": "BIGINT", "filter": "VARCHAR", "doc_hash": "VARCHAR", "prompt_hash": "VARCHAR"}
    chosen = ["doc_id", "filter", "doc_hash", "hash(prompt_hash) AS prompt"]
    types |= dict.fromkeys(metrics, "JSON")
    for metric, how in metrics.items():
        parts = [f"{sql_name(metric)}->{k}" for k in (0, 1)] if AGGREGATIONS[how].pairs else [sql_name(metric)]
        chosen += [f"{_number(part)} AS {sql_name(f'{metric} {k}')}" for k, part in enumerate(parts)]
    if _has_options(kind):
        types |= {"resps": "VARCHAR[][][]", "target": "VARCHAR"}
        asked = "resps[:len(resps) // 2]" if halved else "resps"
        values = f"[{_number('x[1][1]')} FOR x IN {asked}]"
        chosen += [f"COALESCE({values}, []) AS options", "target[1] = '[' AS several"]
    if _generates(kind):
        types["filtered_resps"] = "JSON"
        one = "json_array_length(filtered_resps) = 1 AND json_type(filtered_resps->0) = 'VARCHAR'"
        chosen.append(f"CASE WHEN {one} THEN hash(filtered_resps->>0) END AS answer")
    if cluster is not None:
        types["doc"] = "JSON"
        pointer = "/" + cluster.replace("~", "~0").replace("/", "~1")
        name = f"json_extract_string(doc, {sql_text(pointer)})"
        chosen += [f"{name} AS cluster", f"hash({name}) AS cluster_hash"]
    return types, chosen


def _number(value: str) -> str:
    """Return the expression of SQL for a value as a number, NaN where it is none."""
    return f"COALESCE(TRY_CAST({value} AS DOUBLE), 'NaN')"


def _check_options(spool: Spool, samples: Path) -> None:
    if spool.options[0] or not math.isfinite(spool.greatest):
        raise LogError(f"{samples}: a row's resps are no finite log-likelihoods; run the task again")
    if spool.greatest > 1e-6:
        raise LogError(f"{samples}: a log-likelihood is {spool.greatest}, expected at most 0; run the task again")


def _clusters(spool: Spool, cluster: str | None, samples: Path) -> NDArray[np.uint64] | None:
    if cluster is None or spool.unclustered == spool.rows:
        return None
    if spool.unclustered:
        raise LogError(
            f"{samples}: {spool.unclustered} of {spool.rows} documents have no field {cluster!r}; name one that all "
            "have, or none"
        )
    return np.unique(np.concatenate(spool.clusters))
