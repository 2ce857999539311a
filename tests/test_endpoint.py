"""A student behind an interface that gives out text alone, such as the completions of an OpenAI-compatible server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from angels_share import canaries, spec
from angels_share.items import package_folder
from angels_share.logs import Run, read_run
from angels_share.score import score_pair
from angels_share.score.measurable import sampler_gap
from angels_share.score.task import measure_task
from angels_share.taxonomy import ROWS
from synthetic import make_items, noisy

pytestmark = pytest.mark.slow

BY_TEXT = sorted(
    name for name, task in spec.tasks().items() if task.measure.readout != "likelihood" and not task.measure.first_stage
)
KEY = canaries.key_of(0, (0,), "pilot").content
SWITCH = {"as_track": "toy", "as_profile": "pilot", "as_seed": 0, "as_canaries": KEY, "as_access": "text"}


class Interface(ThreadingHTTPServer):
    """Completions of a made-up model, which answers a prompt that is asked again with its next draw."""

    def __init__(self, seed: int, skill: float) -> None:
        super().__init__(("127.0.0.1", 0), Completions)
        self.answer, self.asked, self.refused = noisy(seed, skill), Counter[str](), 0
        self.known = {
            item["prompt"]: (spec.task(name), item) for name in BY_TEXT for item in make_items(name, "toy", "pilot")
        }

    def complete(self, prompt: str) -> str:
        """Return the next answer to a prompt."""
        self.asked[prompt] += 1
        given = self.answer(*self.known[prompt])
        return given if isinstance(given, str) else str(given[self.asked[prompt] % len(given)])


class Completions(BaseHTTPRequestHandler):
    """``POST /v1/completions`` without likelihoods."""

    server: Interface

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompts = [asked["prompt"]] if isinstance(asked["prompt"], str) else asked["prompt"]
        if asked.get("echo") or asked.get("logprobs"):
            self.server.refused += 1
            self.send_error(400, "this model gives out no likelihoods")
            return
        choices = [{"index": k, "text": self.server.complete(prompt)} for k, prompt in enumerate(prompts)]
        body = json.dumps({"choices": choices}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


def asked_through(interface: Interface, output: Path, seed: int) -> Run:
    address = f"http://127.0.0.1:{interface.server_port}/v1/completions"
    done = subprocess.run(
        [
            sys.executable, "-m", "lm_eval", "run", "--include_path", str(package_folder("tasks")),
            "--tasks", ",".join(BY_TEXT), "--metadata", json.dumps(SWITCH), "--log_samples", "--seed", str(seed),
            "--output_path", str(output), "--model", "local-completions", "--model_args",
            f"model=made-up,base_url={address},tokenizer_backend=None,tokenized_requests=False",
        ],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "no_proxy": "127.0.0.1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert interface.refused == 0
    return read_run(output)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    runs = []
    for seed, skill in ((1, 0.9), (2, 0.7)):
        with Interface(seed, skill) as interface:
            threading.Thread(target=interface.serve_forever, daemon=True).start()
            runs.append(asked_through(interface, tmp_path_factory.mktemp("asked"), seed))
            interface.shutdown()
    return runs[0], runs[1]


def test_tasks_read_from_text_cover_every_row() -> None:
    assert {spec.task(name).measure.row for name in BY_TEXT} == set(ROWS)


def test_every_text_task_is_run_and_measured_through_the_interface(pair: tuple[Run, Run]) -> None:
    teacher, student = pair
    assert sorted(teacher.tasks) == sorted(student.tasks) == BY_TEXT
    for name in BY_TEXT:
        assert sampler_gap(student.tasks[name]) is None
        loss = measure_task(teacher.tasks[name], student.tasks[name], 100).score.loss
        assert loss is not None
        assert np.isfinite([loss.low, loss.value, loss.high]).all()


def test_pair_is_compared_by_text_with_twins_on_both_sides(pair: tuple[Run, Run]) -> None:
    score = score_pair(*pair, suites=["reasoning"], resamples=100)
    assert score.key.access == "text"
    found = {task.task: task for task in score.tasks}
    assert found["as_process_verify_text"].loss is not None
    assert "as_process_verify" not in found
    needing = {name for name in found if spec.task(name).measure.readout == "likelihood"}
    assert needing == {name for name, task in found.items() if task.gap and task.gap.side == "access"} != set()
    assert all("likelihoods" in task.gap.reason for name, task in found.items() if name in needing and task.gap)
