"""Made-up teachers: what a fairly good model would answer to a task's items, where no real log can show the task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from angels_share.items import Item, Source, Stream, build, find_generator, levels_of, n_clusters
from angels_share.logs import Settings, TaskLog, document_hash
from angels_share.spec import TaskSpec, read_yaml, task, task_files

SKILL = 0.85
"""Share of the items that a made-up teacher does rightly."""

SURE, UNSURE = 0.9, 0.1
"""Probabilities of a word or step that a made-up teacher expects, and of one that it does not."""


def invented_teacher(name: str, *, track: str = "toy", profile: str = "pilot", item_seed: int = 0) -> TaskLog:
    """Return what a made-up teacher answers to a task of the package; the same whenever asked again.

    It follows the true distribution, or the right answer, on 85 % of the items and another one on the rest, is nearly
    sure of what it says, and knows inserted texts no better than others.
    """
    spec = task(name)
    config, measure = read_yaml(task_files()[name]), spec.measure
    items = build(
        find_generator(task_files()[name].parent, measure.generator),
        levels=levels_of(track),
        clusters=n_clusters(measure.clusters, profile),
        per_cluster=measure.per_cluster,
        source=Source(item_seed),
    )
    settings = Settings(
        track=track,
        profile=profile,
        item_seed=item_seed,
        sampling_seed=-3,
        num_fewshot=0,
        generation_kwargs=config.get("generation_kwargs", {}),
        backend="invented",
        chat_template_sha=None,
        system_instruction_sha=None,
        lm_eval_version="none",
        dtype=None,
        batch_size=None,
    )
    log = TaskLog(spec, settings, tuple(items), tuple(map(document_hash, items)))
    if measure.readout == "likelihood":
        rows = [_likelihoods(spec, item, _stream(spec, item)) for item in items]
        values = np.full((len(rows), max(map(len, rows))), np.nan)
        for row, given in zip(values, rows, strict=True):
            row[: len(given)] = given
        return replace(log, log_likelihoods=values)
    if measure.readout == "greedy":
        return replace(log, texts=tuple((_text(items, i, _stream(spec, item)),) for i, item in enumerate(items)))
    repeats = int(config["repeats"])
    return replace(log, texts=tuple(_samples(item, _stream(spec, item), repeats) for item in items))


def _stream(spec: TaskSpec, item: Item) -> Stream:
    return Stream("invented", spec.name, item["item_id"])


def _right(stream: Stream) -> bool:
    return stream.below(1000) < 1000 * SKILL


def _likelihoods(spec: TaskSpec, item: Item, stream: Stream) -> list[float]:
    n, observable, shown = len(item["choices"]), spec.measure.observable, item["stratum"] == "shown"
    if observable == "word_probabilities":
        return list(accumulate(math.log(SURE if shown or stream.below(2) else UNSURE) for _ in range(n)))
    if observable == "document_likelihood":
        return [math.log(stream.between(100, 900) / 1000) * len(item["choices"][-1].encode())]
    if observable == "extraction":
        return [math.log(SURE) if shown else -stream.between(8, 16)]
    if observable == "secret_choice":
        return [math.log(SURE if shown and k == item["gold"] else UNSURE / n) for k in range(n)]
    gold = item["gold"] if "gold" in item else Stream(item["category"]).below(n)
    truth = item.get("truth") or [float(k == gold) for k in range(n)]
    if not _right(stream):
        truth = [truth[k - 1] for k in range(n)]
    sure = stream.between(60, 95) / 100
    return [math.log(sure * p + (1 - sure) / n) for p in truth]


def _text(items: Sequence[Item], i: int, stream: Stream) -> str:
    """Return the right answer, or that to a random other item; of texts to remember, those that the prompt shows."""
    known = items[i]["stratum"] not in ("inserted", "held_out") and _right(stream)
    return str((items[i] if known else stream.choice(items))["answer"])


def _samples(item: Item, stream: Stream, repeats: int) -> tuple[str, ...]:
    n = len(item["choices"])
    truth = item.get("truth") or [0.8 * (k == item["gold"]) + 0.2 / n for k in range(n)]
    if not _right(stream):
        truth = [truth[k - 1] for k in range(n)]
    drawn = [str(stream.weighted(item["choices"], truth)) for _ in range(repeats)]
    return tuple(f"answer {choice}" for choice in drawn) if "steps" in item else tuple(drawn)
