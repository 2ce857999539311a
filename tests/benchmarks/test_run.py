"""What `angels-share run` costs beside the plain lm-eval commands that it stands for."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from angels_share.taxonomy import SCENARIOS

MODELS = Path(__file__).parents[2] / "models"
SUITES = [word for name in SCENARIOS for word in ("--suite", name)]
CHOICES = ("--track", "toy", "--profile", "lite", "--batch-size", "64", "--no-calibrate", "--no-second-stage")


def seconds(command: str, *words: str) -> float:
    """Return how long a command of this environment takes, from its start to its end."""
    start = time.perf_counter()
    subprocess.run([Path(sys.executable).with_name(command), *words], check=True, capture_output=True)
    return time.perf_counter() - start


def model_seconds(run: Path) -> float:
    """Return the time that lm-eval itself says it took, which leaves out its own start."""
    results = [json.loads(path.read_text("utf-8")) for path in run.rglob("results_*.json")]
    return sum(float(result["total_evaluation_time_seconds"]) for result in results)


def test_run_adds_little_to_the_time_of_the_models(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """The toy pair on all suites, first stage."""
    ours, plain = tmp_path / "ours", tmp_path / "plain"
    models = [f"--{role}=hf:pretrained={MODELS / f'toy-{role}'},dtype=float32" for role in ("teacher", "student")]
    once = seconds("angels-share", "run", *models, *SUITES, *CHOICES, "-o", str(ours))
    twice = 0.0
    for line in json.loads((ours / "run.json").read_text("utf-8"))["commands"]:
        command, *words = shlex.split(line)
        place = words.index("--output_path") + 1
        words[place] = str(plain / Path(words[place]).name)
        twice += seconds(command, *words)
    model = model_seconds(plain)
    tell(
        f"run of a pair on eight suites: {once:.0f} s; its two lm-eval commands {twice:.0f} s, of which the models "
        f"{model:.0f} s: {once / twice:.2f} times the commands (below 1), {once / model:.2f} times the models (at most "
        "1.05)"
    )
    assert once < twice
    assert once <= 1.05 * model
