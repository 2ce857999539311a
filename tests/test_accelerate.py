"""Several processes on one suite: what they find together is what one of them finds alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from angels_share import spec
from angels_share.harness import Settings, lm_eval_config
from angels_share.items import package_folder
from angels_share.logs import Run, read_run
from angels_share.score import score_pair

SUITE = "rag"

TWO_DEVICES = """
import sys, torch
counted = torch.cuda.device_count

def device_count():
    # lm-eval 0.4.13 shares the work out only where it counts several devices; nothing else may see them
    return 2 if sys._getframe(1).f_globals["__name__"] == "lm_eval.models.huggingface" else counted()

torch.cuda.device_count = device_count
from lm_eval.__main__ import cli_evaluate
cli_evaluate()
"""

LAUNCH = (
    "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
    "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0",
)  # fmt: skip
"""The launcher of several GPUs, which ``ACCELERATE_USE_CPU`` keeps on processors: with ``--cpu`` accelerate starts one
process only, unless there is MPI."""

pytestmark = pytest.mark.slow


def lm_eval(folder: Path, name: str, model: str, *launcher: str, told: str = "") -> Run:
    """Return what lm-eval made of the suite with a model, and see to it that it told what it should."""
    config, output = folder / "as.yaml", folder / name
    config.write_text(lm_eval_config(Settings((SUITE,), "toy", "pilot", batch_size="32"), "hf"), "utf-8")
    arguments = ["--config", str(config), "--model", "hf", "--output_path", str(output), "--seed", "1", "--model_args"]
    done = subprocess.run(
        [sys.executable, *launcher, "run", *arguments, f"pretrained={package_folder('models') / model},dtype=float32"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert told in done.stderr
    return read_run(output)


def test_two_processes_give_the_scores_of_one(tmp_path: Path) -> None:
    driver = tmp_path / "two_devices.py"
    driver.write_text(TWO_DEVICES, "utf-8")
    one = lm_eval(tmp_path, "one", "toy-teacher", "-m", "lm_eval")
    two = lm_eval(tmp_path, "two", "toy-teacher", *LAUNCH, str(driver), told="on rank 1")
    assert set(one.tasks) == set(two.tasks) == set(spec.suite(SUITE).tasks)
    for name, log in one.tasks.items():
        other = two.tasks[name]
        assert log.doc_hash == other.doc_hash
        if log.texts is not None:
            assert log.texts == other.texts
        else:
            np.testing.assert_allclose(np.asarray(log.log_likelihoods), other.log_likelihoods, atol=1e-4)
    student = lm_eval(tmp_path, "student", "toy-student", "-m", "lm_eval")
    alone, together = (score_pair(teacher, student, suites=[SUITE], resamples=100) for teacher in (one, two))
    for ours, theirs in zip(alone.tasks, together.tasks, strict=True):
        assert ours.verdict == theirs.verdict
        assert (ours.loss is None) == (theirs.loss is None)
        if ours.loss and theirs.loss:
            assert ours.loss.value == pytest.approx(theirs.loss.value, abs=1e-4)
