"""Logs of one made-up multiple-choice task in lm-evaluation-harness's own form, as many samples as are asked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

TASK = "cellar"
STAMP = "2026-01-01T00-00-00.000000"
OPTIONS = 4
WORDS = (
    "oak ash elm fir hop lime plum fern casks cellar counts holds barrels share cooper stave hoop spirit age".split()
)
BATCH = 10_000
"""Samples that are made at a time."""


def write_pair(folder: Path, samples: int, context: int) -> tuple[Path, Path]:
    """Write the runs of a teacher and of a student that moved away from it, and return their folders.

    Parameters
    ----------
    folder : Path
    samples : int
    context : int
        Characters of each question, which a sample holds once in its document and once for each option.
    """
    folders = (folder / "teacher", folder / "student")
    for place in folders:
        place.mkdir(parents=True)
    means = np.zeros((2, 2))
    with (
        samples_file(folders[0]).open("w", encoding="utf-8") as teacher,
        samples_file(folders[1]).open("w", encoding="utf-8") as student,
    ):
        for start in range(0, samples, BATCH):
            rng = np.random.default_rng(start)
            n = min(BATCH, samples - start)
            gold = rng.integers(OPTIONS, size=n)
            logits = rng.normal(-40, 1.5, size=(n, OPTIONS)) + 2 * (np.arange(OPTIONS) == gold[:, None])
            shared = [_question(start + i, context, int(gold[i])) for i in range(n)]
            for side, (file, values) in enumerate(
                ((teacher, logits), (student, logits + rng.normal(0, 0.8, size=logits.shape)))
            ):
                right = (
                    np.column_stack([values.argmax(axis=1), (values * (1.0, 1.1, 0.9, 1.2)).argmax(axis=1)])
                    == gold[:, None]
                )
                file.writelines(map(_line, shared, values.tolist(), right.tolist()))
                means[side] += right.sum(axis=0)
    for place, sums in zip(folders, means / samples, strict=True):
        results = json.dumps(_results(place.name, samples, *map(float, sums)), indent=2)
        (place / f"results_{STAMP}.json").write_text(results, "utf-8")
    return folders


def samples_file(folder: Path) -> Path:
    """Return where a run keeps its samples."""
    return folder / f"samples_{TASK}_{STAMP}.jsonl"


def _question(i: int, context: int, gold: int) -> tuple[str, str]:
    """Return what both models' rows of a document have in common: what stands before the responses, and the hashes."""
    start = f"Question {i}: {' '.join(WORDS[(i // 7**k + k) % len(WORDS)] for k in range(8))}"
    question = (start + " of the cellar's oldest oak casks" * (1 + context // 30))[:context]
    options = [WORDS[(i + 3 * k) % len(WORDS)] for k in range(OPTIONS)]
    listed = ", ".join(f'"{option}"' for option in options)
    asked = ", ".join(f'"gen_args_{k}": {{"arg_0": "{question}", "arg_1": " {o}"}}' for k, o in enumerate(options))
    head = (
        f'{{"doc_id": {i}, "doc": {{"id": "cellar-{i}", "question": "{question}", "choices": [{listed}], '
        f'"gold": {gold}}}, "target": "{gold}", "arguments": {{{asked}}}, "resps": '
    )
    digest = hashlib.sha256(question.encode()).hexdigest()
    return head, f'"doc_hash": "{digest}", "prompt_hash": "{digest[::-1]}", "target_hash": "{digest}"'


def _line(shared: tuple[str, str], values: list[float], right: list[bool]) -> str:
    best = max(values)
    pairs = [f'["{value}", "{value == best}"]' for value in values]
    return (
        f'{shared[0]}[{", ".join(f"[{pair}]" for pair in pairs)}], "filtered_resps": [{", ".join(pairs)}], '
        f'"filter": "none", "metrics": ["acc", "acc_norm"], {shared[1]}, '
        f'"acc": {float(right[0])}, "acc_norm": {float(right[1])}}}\n'
    )


def _results(model: str, samples: int, acc: float, acc_norm: float) -> dict[str, Any]:
    """Return a results file of lm-eval 0.4.13."""
    seeds = dict.fromkeys(("random_seed", "numpy_seed", "torch_seed", "fewshot_seed"), 1234)
    return {
        "results": {
            TASK: {
                "name": TASK,
                "alias": TASK,
                "sample_len": samples,
                "acc,none": acc,
                "acc_stderr,none": (acc * (1 - acc) / samples) ** 0.5,
                "acc_norm,none": acc_norm,
                "acc_norm_stderr,none": (acc_norm * (1 - acc_norm) / samples) ** 0.5,
            }
        },
        "group_subtasks": {},
        "configs": {
            TASK: {
                "task": TASK,
                "test_split": "test",
                "doc_to_text": "{{question}}",
                "doc_to_target": "{{gold}}",
                "unsafe_code": False,
                "doc_to_choice": "{{choices}}",
                "description": "",
                "target_delimiter": " ",
                "fewshot_delimiter": "\n\n",
                "num_fewshot": 0,
                "metric_list": [
                    {"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")
                ],
                "output_type": "multiple_choice",
                "repeats": 1,
                "should_decontaminate": False,
                "metadata": {"version": 1.0, "pretrained": model},
            }
        },
        "versions": {TASK: 1.0},
        "n-shot": {TASK: 0},
        "higher_is_better": {TASK: {"acc": True, "acc_norm": True}},
        "n-samples": {TASK: {"original": samples, "effective": samples}},
        "config": {
            "model": "hf",
            "model_args": {"pretrained": model},
            "batch_size": "64",
            "limit": None,
            "bootstrap_iters": 0,
            "gen_kwargs": {},
            **seeds,
        },
        "date": 0.0,
        "lm_eval_version": "0.4.13",
        "model_name": model,
        "chat_template_sha": None,
        "system_instruction_sha": None,
    }
