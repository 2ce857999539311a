"""From two run folders to a validated bundle in three commands: statement, pack, validate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from angels_share.statement.model import missing, read
from angels_share.taxonomy import STATEMENT_ITEMS
from commands import Outcome
from synthetic import FIVE_TASKS, noisy, write_run

pytestmark = pytest.mark.usefixtures("five_tasks")


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Return the run folders of a teacher and its student."""
    given = {"teacher": (noisy(1, 0.95), 1), "student": (noisy(2, 0.6), 2)}
    made = [
        write_run(tmp_path / name, FIVE_TASKS.tasks, answer, model=f"org/{name}", sampling_seed=seed)
        for name, (answer, seed) in given.items()
    ]
    return made[0], made[1]


def test_from_two_runs_to_a_validated_bundle(
    command: Callable[..., Outcome], runs: tuple[Path, Path], tmp_path: Path
) -> None:
    said, out = tmp_path / "statement.yaml", tmp_path / "submissions"
    outcome = command("statement", *runs, "--suite", "high_risk", "-o", said)
    assert outcome.code == 0, outcome.err
    for gap in missing(read(said)):
        assert gap in outcome.err
    assert outcome.err.count("?") >= len(missing(read(said)))

    content = yaml.safe_load(said.read_text("utf-8"))
    content["method"]["family"] = "logit-kd"
    part = content["suites"]["high_risk"]["items"]
    part |= {key: "Said." for key, item in STATEMENT_ITEMS.items() if item.by_author}
    said.write_text(yaml.safe_dump(content), "utf-8")

    outcome = command("pack", *runs, "--statement", said, "-o", out)
    assert outcome.code == 0, outcome.err
    outcome = command("validate", out)
    assert outcome.code == 0, outcome.out
    assert "accepted: recomputed, same prompts" in " ".join(outcome.out.split())


def test_a_score_takes_no_options_of_runs(
    command: Callable[..., Outcome], runs: tuple[Path, Path], tmp_path: Path
) -> None:
    score = tmp_path / "score.json"
    score.write_text("{}", "utf-8")
    outcome = command("statement", score, runs[1], "-o", tmp_path / "s.yaml")
    assert outcome.code == 2
    assert "is no run folder" in outcome.err
