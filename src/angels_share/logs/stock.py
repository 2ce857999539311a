"""Logs of lm-eval's own tasks, brought into the form of stress tasks.

Nothing but the log says what such a task asks: the options of an item and which of them is right, or the text that the
task's filter left of an answer and what lm-eval's own metric made of it. Documents keep their hash; one that occurs
again is told from the first by a number.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from angels_share.errors import LogError
from angels_share.items import Item, Stream
from angels_share.logs.columns import likelihood_columns
from angels_share.logs.model import Settings, TaskLog
from angels_share.spec import Measure, TaskSpec


def columns(measure: Measure) -> dict[str, str]:
    """Return the columns of a samples file that such a task needs beside those of every task, with their types."""
    wanted = {"arguments": "JSON", "target": "VARCHAR", "filtered_resps": "JSON"}
    return wanted | ({measure.metric: "DOUBLE"} if measure.metric else {})


@dataclass(frozen=True)
class Sample:
    """What lm-eval logged of one document."""

    doc_hash: str
    document: Mapping[str, Any]
    responses: Any
    options: tuple[str, ...]
    """The continuations whose likelihoods were asked for, or the one document."""
    target: str
    filtered: Any
    metric: float | None
    """Value of the metric that is the utility, where there is one."""


def sample_of(document: Any, row: Sequence[Any], place: str) -> Sample:
    """Return the sample of a row that holds the columns of every task and those of :func:`columns`.

    Raises
    ------
    LogError
        If the row is not what lm-eval writes.
    """
    _, _, doc_hash, _, responses, arguments, target, filtered, *metric = row
    try:
        asked = json.loads(arguments)
        options = tuple(str(request.get("arg_1", request["arg_0"])) for request in asked.values())
        return Sample(
            doc_hash,
            document,
            json.loads(responses),
            options,
            str(target).strip(),
            json.loads(filtered),
            *metric or [None],
        )
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise LogError(f"{place}: arguments or filtered_resps are not as lm-eval writes them ({error})") from error


def log_of(spec: TaskSpec, settings: Settings, samples: Sequence[Sample], place: str) -> TaskLog:
    """Return the log in the form of a stress task's.

    Raises
    ------
    LogError
        If a document lacks the field of its cluster, a target names no option, the filter left no text, or the metric
        is no number from 0 to 1.
    """
    measure, keys = spec.measure, _keys(samples)
    items = _items(samples, keys, measure.cluster_field, place)
    if measure.readout == "likelihood":
        items, log_likelihoods = _with_options(items, samples, place)
        return TaskLog(spec=spec, settings=settings, items=items, doc_hash=keys, log_likelihoods=log_likelihoods)
    return TaskLog(
        spec=spec, settings=settings, items=items, doc_hash=keys, texts=_texts(samples, measure.metric, place)
    )


def _keys(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Return the key of pairing of each sample: its document's hash, with a number from the second occurrence on."""
    seen: Counter[str] = Counter()
    out = []
    for sample in samples:
        seen[sample.doc_hash] += 1
        n = seen[sample.doc_hash]
        out.append(sample.doc_hash if n == 1 else f"{sample.doc_hash}-{n}")
    return tuple(out)


def _items(samples: Sequence[Sample], keys: Sequence[str], cluster: str | None, place: str) -> tuple[Item, ...]:
    out = []
    for key, sample in zip(keys, samples, strict=True):
        if cluster is not None and cluster not in sample.document:
            raise LogError(f"{place}: a document has no field {cluster!r}, by which the task is clustered")
        of = key if cluster is None else str(sample.document[cluster])
        out.append({"item_id": key, "cluster_id": of, "stratum": "all", "level": None, "prompt": ""})
    return tuple(out)


def _with_options(
    items: Sequence[Item], samples: Sequence[Sample], place: str
) -> tuple[tuple[Item, ...], NDArray[np.float64]]:
    """Return items with their options and the right one, and the likelihoods in the same order.

    Where all documents have the same options, such as letters or yes and no, an option stands for itself. Where each
    has its own, its place means nothing and may even give the answer away, as where the right one is always the first;
    so the order is drawn from the document's hash, the same for every model.
    """
    shared = all(sample.options == samples[0].options for sample in samples)
    raw = likelihood_columns([s.responses for s in samples], [{"choices": s.options} for s in samples], place)
    made, ordered = [], np.full_like(raw, np.nan)
    for k, (item, sample) in enumerate(zip(items, samples, strict=True)):
        places = list(range(len(sample.options)))
        order = places if shared else Stream("stock-options", item["item_id"]).shuffled(places)
        gold = order.index(_gold(sample, f"{place}, row {k + 1}"))
        made.append({**item, "choices": [sample.options[j] for j in order], "gold": gold})
        ordered[k, : len(order)] = raw[k, order]
    return tuple(made), ordered


def _gold(sample: Sample, place: str) -> int:
    """Return the place of the right option: lm-eval logs it as a number, or as the option's text."""
    if len(sample.options) == 1:
        return 0
    if sample.target.isdigit() and int(sample.target) < len(sample.options):
        return int(sample.target)
    told = [option.strip() for option in sample.options]
    if sample.target in told:
        return told.index(sample.target)
    raise LogError(f"{place}: the target {sample.target[:80]!r} is none of the {len(sample.options)} options")


def _texts(samples: Sequence[Sample], metric: str | None, place: str) -> tuple[tuple[str, ...], ...]:
    """Return what the task's filter left of each answer, and what the metric made of it."""
    for k, sample in enumerate(samples):
        if not isinstance(sample.filtered, list) or [*map(type, sample.filtered)] != [str]:
            raise LogError(f"{place}, row {k + 1}: the filter left {str(sample.filtered)[:80]!r}, expected one text")
        if metric and (sample.metric is None or not 0 <= sample.metric <= 1):
            raise LogError(f"{place}, row {k + 1}: {metric} is {sample.metric}, expected a number from 0 to 1")
    return tuple((str(s.filtered[0]), *([repr(s.metric)] if metric else [])) for s in samples)
