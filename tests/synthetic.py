"""Run folders in the layout of lm-evaluation-harness, with made-up answers to real items.

Tests write a run in a few milliseconds instead of running a model, and know what every answer was.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from angels_share.items import Item, Source, Stream, build, find_generator, levels_of, n_clusters
from angels_share.logs import Settings, TaskLog, document_hash
from angels_share.spec import SuiteSpec, TaskSpec, read_yaml, suite, task, task_files

Response = Sequence[float] | str | Sequence[str]
"""Log-likelihoods of the options, one greedy text, or the K sampled texts: whatever the task's readout asks for."""

Answer = Callable[[TaskSpec, Item], Response]

STAMP = "2026-01-01T00-00-00.000000"

SETTINGS = Settings(
    track="toy",
    profile="pilot",
    item_seed=0,
    sampling_seed=1,
    num_fewshot=0,
    generation_kwargs={},
    backend="hf",
    chat_template_sha=None,
    system_instruction_sha=None,
    lm_eval_version="0.4.13",
    dtype=None,
    batch_size=None,
)
"""How a log that is made without a run folder was run."""

FIVE_TASKS = SuiteSpec.model_validate(
    suite("high_risk").model_dump()
    | {
        "tasks": (
            "as_calibration_confidence",
            "as_calibration_abstain",
            "as_boundary_ladder",
            "as_distribution_urn",
            "as_distribution_sample",
        ),
        "second_stage": ("as_distribution_cross",),
        "primary": {"task": "as_calibration_confidence", "metric": "accuracy", "chance": 0.25},
        "primary_in_words": None,
        "rows": {
            "calibration": {"weight": 1 / 3, "primary_task": "as_calibration_confidence"},
            "boundary": {"weight": 1 / 3, "primary_task": "as_boundary_ladder"},
            "distribution": {"weight": 1 / 3, "primary_task": "as_distribution_urn"},
        },
        "stress_tests": {},
    }
)
"""A suite with a task of each readout, with and without a utility, in rows that weigh the same; ``five_tasks`` of the
``conftest`` puts it in the place of ``high_risk``. What scoring does with a suite is computed by hand on this one."""


def write_run(
    folder: Path,
    tasks: Sequence[str],
    answer: Answer,
    *,
    track: str = "toy",
    profile: str = "pilot",
    item_seed: int = 0,
    sampling_seed: int = 1,
    model: str = "model",
    items: Mapping[str, Sequence[Item]] | None = None,
) -> Path:
    """Write ``folder`` as ``lm-eval run --output_path folder --log_samples`` would, and return it.

    Parameters
    ----------
    tasks : sequence of str
        Names of tasks of this package.
    answer : callable
        Gives the response of the model to an item of a task.
    model : str
        ``pretrained=`` of the model; a path stays a path, as in real logs.
    items : mapping, optional
        Items of tasks whose generator does not make them alone.
    """
    place = folder / model.replace("/", "__")
    place.mkdir(parents=True, exist_ok=True)
    runtime = {"as_track": track, "as_profile": profile, "as_seed": item_seed, "pretrained": model, "dtype": "float32"}
    configs: dict[str, Any] = {}
    counts: dict[str, Any] = {}
    for name in tasks:
        config = read_yaml(task_files()[name])
        rows = [
            _row(i, item, task(name), answer(task(name), item))
            for i, item in enumerate((items or {}).get(name) or make_items(name, track, profile, item_seed))
        ]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (place / f"samples_{name}_{STAMP}.jsonl").write_text(lines, "utf-8")
        untruncated = {"top_k": 0, "top_p": 1.0} if task(name).measure.readout == "sampled" else {}
        configs[name] = {
            **config,
            "generation_kwargs": config.get("generation_kwargs", {}) | untruncated,
            "custom_dataset": "def load(): ...",
            "num_fewshot": 0,
            "repeats": config.get("repeats", 1),
            "metadata": {**config["metadata"], **runtime, "config_source": str(task_files()[name])},
        }
        counts[name] = {"original": len(rows), "effective": len(rows)}
    results = _results(configs, counts, sampling_seed, model)
    (place / f"results_{STAMP}.json").write_text(json.dumps(results, indent=2, ensure_ascii=False), "utf-8")
    return folder


def make_items(name: str, track: str = "toy", profile: str = "pilot", seed: int = 0) -> list[Item]:
    """Return the items of one of the package's tasks."""
    measure = task(name).measure
    return build(
        find_generator(task_files()[name].parent, measure.generator),
        levels=levels_of(track),
        clusters=n_clusters(measure.clusters, profile),
        per_cluster=measure.per_cluster,
        source=Source(seed),
    )


def log_of(name: str, answer: Answer, profile: str = "lite") -> TaskLog:
    """Return what a made-up model answers to the items of a task at level 0."""
    spec, items = task(name), make_items(name, "toy", profile)
    given: list[Any] = [answer(spec, item) for item in items]
    bare = TaskLog(spec, SETTINGS, tuple(items), tuple(map(document_hash, items)))
    if spec.measure.readout == "likelihood":
        return replace(bare, log_likelihoods=np.array(given))
    return replace(bare, texts=tuple((text,) if isinstance(text, str) else tuple(text) for text in given))


def reordered(log: TaskLog, order: Sequence[int]) -> TaskLog:
    """Return the log with its rows in this order; an index may be missing or repeated."""
    return replace(
        log,
        items=tuple(log.items[i] for i in order),
        doc_hash=tuple(log.doc_hash[i] for i in order),
        log_likelihoods=None if log.log_likelihoods is None else log.log_likelihoods[list(order)],
        texts=None if log.texts is None else tuple(log.texts[i] for i in order),
    )


def noisy(seed: int, skill: float = 0.8) -> Answer:
    """Return a made-up model: right on about ``skill`` of the items, the same ones whenever asked again.

    Two models of different skill share their luck, so that the weaker one errs wherever the stronger one does.
    """

    def answer(spec: TaskSpec, item: Item) -> Response:
        key = (spec.name, item["item_id"], item["prompt"])
        right = Stream("luck", *key).below(1000) < 1000 * skill
        s = Stream("draw", seed, *key)
        if spec.measure.observable == "step_probabilities":
            return steps(item, s, right=right)
        if spec.measure.readout == "likelihood":
            return likelihoods(item, right=right)
        if spec.measure.readout == "greedy":
            return str(item["answer"]) if right else "nonsense"
        return [sampled(item, s, right=right) for _ in range(8)]

    return answer


def sampled(item: Item, s: Stream, *, right: bool) -> str:
    """Return a draw from the truth, else from a uniform choice; of a working the right one, now and then another."""
    n = len(item["choices"])
    truth = item.get("truth") or [0.8 * (k == item["gold"]) + 0.2 / n for k in range(n)]
    drawn: str = s.weighted(item["choices"], truth if right else [1.0] * n)
    if "steps" not in item:
        return drawn
    return str(item["answer"]) if drawn == item["final"] else f"answer {drawn}"


def steps(item: Item, s: Stream, *, right: bool) -> list[float]:
    """Return log-likelihoods of beginnings: each step is likely where the item is done rightly, with some unlikely."""
    p = [0.9 if right and s.below(3) else 0.1 for _ in item["choices"]]
    return list(accumulate(math.log(x) for x in p))


def likelihoods(item: Item, *, right: bool) -> list[float]:
    """Return option log-likelihoods near the truth where it is known, else in favour of the gold option.

    A wrong answer is the right one moved to the next option.
    """
    n = len(item["choices"])
    gold = item["gold"] if "gold" in item else Stream(item["category"]).below(n)
    truth = item.get("truth") or [float(k == gold) for k in range(n)]
    if not right:
        truth = [truth[k - 1] for k in range(n)]
    return [math.log(0.9 * p + 0.1 / n) for p in truth]


def _row(i: int, item: Item, spec: TaskSpec, response: Response) -> dict[str, Any]:
    """Return one line of a samples file; lm-eval writes every response, and the target, as text."""
    if spec.measure.readout == "likelihood":
        pairs = [[str(float(v)), str(float(v) == max(map(float, response)))] for v in response]
        resps, filtered = ([[pairs[0][0]]] if len(pairs) == 1 else [[pair] for pair in pairs]), pairs
        arguments = {
            f"gen_args_{k}": {"arg_0": item["prompt"], "arg_1": f" {c}"} for k, c in enumerate(item["choices"])
        }
    else:
        texts = [response] if isinstance(response, str) else list(map(str, response))
        resps, filtered = [texts], texts[:1]
        arguments = {"gen_args_0": {"arg_0": item["prompt"], "arg_1": {"until": ["\n"]}}}
    target = str(item.get("answer", item.get("gold")))
    return {
        "doc_id": i,
        "doc": item,
        "target": target,
        "arguments": arguments,
        "resps": resps,
        "filtered_resps": filtered,
        "filter": "none",
        "metrics": ["utility"],
        "doc_hash": document_hash(item),
        "prompt_hash": hashlib.sha256(item["prompt"].encode()).hexdigest(),
        "target_hash": hashlib.sha256(target.encode()).hexdigest(),
        "utility": 0.0,
    }


def _results(configs: dict[str, Any], counts: dict[str, Any], sampling_seed: int, model: str) -> dict[str, Any]:
    """Return a results file: the settings that matter, and the private facts that lm-eval logs beside them."""
    return {
        "results": {name: {"alias": name, "utility,none": 0.0} for name in configs},
        "group_subtasks": {},
        "configs": configs,
        "versions": {name: config["metadata"]["version"] for name, config in configs.items()},
        "n-shot": dict.fromkeys(configs, 0),
        "higher_is_better": {name: {"utility": True} for name in configs},
        "n-samples": counts,
        "config": {
            "model": "hf",
            "model_args": {"pretrained": model, "dtype": "float32"},
            "model_num_parameters": 1000,
            "model_dtype": "torch.float32",
            "model_revision": "main",
            "model_sha": "",
            "batch_size": "16",
            "batch_sizes": [],
            "device": "cpu",
            "use_cache": None,
            "limit": None,
            "bootstrap_iters": 0,
            "gen_kwargs": {},
            "random_seed": 0,
            "numpy_seed": 1234,
            "torch_seed": sampling_seed,
            "fewshot_seed": 1234,
        },
        "git_hash": "0000000",
        "date": 0.0,
        "pretty_env_info": "OS: the secret machine of /home/someone",
        "transformers_version": "5.0.0",
        "lm_eval_version": "0.4.13",
        "upper_git_hash": None,
        "task_hashes": {},
        "model_source": "hf",
        "model_name": model,
        "model_name_sanitized": model.replace("/", "__"),
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": False,
        "chat_template": None,
        "chat_template_sha": None,
        "max_length": 512,
        "total_evaluation_time_seconds": "1.0",
    }
