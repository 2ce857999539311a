"""Running both models of a bundle on fresh items, and holding the scores against the bundle's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from scipy import stats

from angels_share import harness, logs
from angels_share.errors import RunError
from angels_share.logs import Run
from angels_share.score.model import SuiteScore
from angels_share.submission import Report
from angels_share.submission.model import RoleName
from angels_share.submission.scoring import rescore
from angels_share.verify.models import ModelRole, check_template, check_weights

Number = Literal["composite", "angel's share"]

MARGIN = 0.05
"""Scores whose difference lies within this agree."""


@dataclass(frozen=True)
class Agreement:
    """A suite's score on the bundle's items and on fresh ones."""

    suite: str
    number: Number
    bundle: float
    fresh: float
    low: float
    high: float
    """Interval of fresh minus bundle; those of all suites hold at once with 95 %."""

    @property
    def word(self) -> str:
        """``differs``, ``agrees`` within the margin, or that the items are too few to tell."""
        if self.low > 0 or self.high < 0:
            return "differs"
        return "agrees" if self.low > -MARGIN and self.high < MARGIN else "no evidence of a difference"

    def __str__(self) -> str:
        told = f"{self.suite}: {self.number} {self.bundle:.3f} in the bundle, {self.fresh:.3f} on fresh items, "
        return told + f"difference {self.fresh - self.bundle:+.3f} [{self.low:+.3f}, {self.high:+.3f}]: {self.word}"


def rerun(
    report: Report,
    output: Path,
    settings: harness.Settings,
    models: Mapping[ModelRole, harness.ModelChoice],
    say: Callable[[str], None] = lambda line: None,
) -> list[Agreement]:
    """Run both models on items that nobody has seen, and hold the scores against the bundle's.

    Both are scored on the tasks that both have, without second stages and, as their items follow a key, privacy tasks;
    what is missing is charged to both alike.

    Parameters
    ----------
    report : Report
        Of an accepted bundle.
    output : Path
        Folder of the run, which goes on where a killed one stopped.
    settings : Settings
        As :func:`settings_of` returns them, with another item seed.
    models : mapping
        Teacher and student at hand.
    say : callable
        Takes a line of progress.

    Raises
    ------
    RunError
        If the item seed is the bundle's, or a model does not load or was run otherwise.
    """
    if report.manifest is None or report.statement is None or report.score is None:
        raise RunError(f"{report.folder}: is no sound bundle; see `angels-share validate`")
    if settings.item_seed == report.score.key.item_seed:
        raise RunError(f"item seed {settings.item_seed} is the bundle's own; give another one")
    for role, model in models.items():
        check_template(report.runs[role], settings)
        check_weights(getattr(report.manifest, role).weights_sha256, model, role)
    planned = harness.plan(
        output,
        replace(settings, canaries=None),
        teacher=models["teacher"],
        student=models["student"],
        calibrate=False,
        second_stage=False,
        say=say,
    )
    harness.run(planned)
    fresh: dict[RoleName, Run] = {
        "teacher": logs.read_run(output / "teacher"),
        "student": logs.read_run(output / "student"),
    }
    kept: dict[RoleName, Run] = {role: report.runs[role] for role in fresh}
    shared = set.intersection(*(set(run.tasks) for run in (*fresh.values(), *kept.values())))
    scores = []
    for runs in (kept, fresh):
        held = {
            role: replace(run, tasks={name: log for name, log in run.tasks.items() if name in shared})
            for role, run in runs.items()
        }
        if "calibration" in report.runs:
            held["calibration"] = report.runs["calibration"]
        scores.append(rescore(held, report.statement, settings.suites).suites)
    pairs = list(zip(*scores, strict=True))
    return [found for one, other in pairs if (found := agreement(one, other, len(pairs))) is not None]


def agreement(bundle: SuiteScore, fresh: SuiteScore, suites: int = 1) -> Agreement | None:
    """Return how far the scores of two independent sets of items agree, None where one has none.

    ``D ± t · √(SE₁² + SE₂²)``, with the bootstrap standard errors, one degree of freedom less than the fewest clusters
    of a task, and 5 % shared out among the suites.
    """
    number: Number = "composite" if bundle.composite and fresh.composite else "angel's share"
    values, errors = [], []
    for draws in (bundle.draws, fresh.draws):
        if draws.angels_share is None:
            return None
        drawn = draws.angels_share
        if number == "composite" and draws.retention is not None:
            drawn = draws.retention - drawn
        values.append(drawn.point)
        errors.append(drawn.standard_error)
    clusters = min(bundle.draws.clusters, fresh.draws.clusters)
    half = float(stats.t.isf(0.025 / suites, clusters - 1)) * math.hypot(*errors)
    off = values[1] - values[0]
    return Agreement(bundle.suite, number, values[0], values[1], off - half, off + half)
