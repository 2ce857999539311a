"""Run the reference family on all suites, siblings and planted students over three item seeds, and pack every pair.

Run from the project's root: ``python models/measure_family.py`` measures every member that has weights; with names it
measures those. What is there already stays; a killed run goes on where it stopped. Runs lie under ``runs/family``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from family_plants import PLANTS
from pack_controls import SUITES, TEACHER
from train_toy import HERE

from angels_share import harness, logs, submission
from angels_share import statement as statements
from angels_share.canaries import read_key
from angels_share.errors import RunError
from angels_share.items import CALIBRATION_SEED
from angels_share.score import score_pair
from angels_share.statement import Statement
from angels_share.statement.model import Family, Method
from angels_share.validity.family import FAMILY, OBJECTIVES, SIZES, Member


@dataclass(frozen=True)
class Items:
    """Which items the family is measured on."""

    profile: str
    seed: int

    def __str__(self) -> str:
        """Return the name of their folder."""
        return f"{self.profile}-{self.seed}"


PUBLIC = Items("lite", 0)

FRESH = (Items("pilot", 1), Items("pilot", 2))
"""Other sets, for the planted students and their siblings."""

DIGITS = 6
"""Decimals of log-likelihoods in submissions: half the bytes, and less than any machine agrees with another."""


def items_of(member: Member) -> tuple[Items, ...]:
    """Return the sets of items that a member is measured on."""
    return (PUBLIC, *FRESH) if member.on_fresh_items else (PUBLIC,)


FAMILIES: dict[str, Family] = {
    "soft": "logit-kd",
    "hot": "logit-kd",
    "hard": "seq-kd",
    "reverse": "on-policy",
    "truth": "sft",
}
"""What a statement calls each objective."""

CONTEXT = (
    "None. The student belongs to the reference family, which exists to show what the benchmark finds and what it "
    "misses. It speaks caskworld, a language of fewer than 200 words."
)

IMPLICATION = "Conclude nothing about real models: what is shown is the benchmark, not the student."


def measure(member: Member, items: Items, models: Path, work: Path, submissions: Path) -> None:
    """Run a member on all suites, and pack it with the canonical teacher, unless that was done."""
    folder = work / str(items) / member.name
    packed = folder / "packed"
    if packed.exists():
        return
    teachers = submissions / "teachers"
    registered = teachers / TEACHER / "runs"
    alone = (registered / f"toy-{items}").exists()
    decided = (registered / f"toy-{items.profile}-{CALIBRATION_SEED}").exists()
    planned = harness.plan(
        folder,
        harness.Settings(
            SUITES, "toy", items.profile, items.seed, "64", canaries=read_key(HERE / TEACHER / "canaries.json")
        ),
        teacher=None if alone else _model(HERE / TEACHER),
        student=_model(models / member.name),
        calibrate=not alone and not decided,
        second_stage=False,
        say=lambda line: print(f"{items} {member.name}: {line}", flush=True),
    )
    harness.run(planned)
    if not alone:
        calibration = None if decided else folder / "teacher_calibration"
        submission.register_teacher(folder / "teacher", teachers, TEACHER, calibration=calibration)
    bundle = _pack(member, items, folder, models, submissions)
    packed.write_text(f"{bundle.name}\n")


def _model(folder: Path) -> harness.ModelChoice:
    return harness.ModelChoice.parse(f"hf:pretrained={folder},dtype=float32")


def _pack(member: Member, items: Items, folder: Path, models: Path, submissions: Path) -> Path:
    runs = submissions / "teachers" / TEACHER / "runs"
    teacher = submission.read_role(runs / f"toy-{items}")
    calibration = submission.read_role(runs / f"toy-{items.profile}-{CALIBRATION_SEED}")
    student = logs.read_run(folder / "student")
    score = score_pair(teacher, student, suites=SUITES, calibration=calibration)
    method = Method(family=FAMILIES[member.objective], description=described(member))
    return submission.pack(
        teacher,
        student,
        filled(statements.draft(score, method=method), member),
        submissions,
        suites=SUITES,
        canonical=submissions / "teachers" / TEACHER,
        student_folder=models / member.name,
        student_licence="Apache-2.0",
        declarations=submission.Declarations(trained_on_evaluated_items="no", n_variants_tried=1),
        submitter="Angel's Share",
        notes="Reference family.",
        digits=DIGITS,
        force=True,
    )


def described(member: Member) -> str:
    """Return how a member was made, in a few sentences."""
    size = SIZES[member.size]
    planted = f" Planted: {PLANTS[member.planted].what}." if member.planted else ""
    return (
        f"A Llama of {size.layers} layers of {size.hidden}, which had learnt to look things up, then learnt from "
        f"{OBJECTIVES[member.objective]}.{planted} Training seed {member.seed}; models/train_family.py trains it."
    )


def filled(drafted: Statement, member: Member) -> Statement:
    """Return a drafted statement with the author's parts."""
    planted = PLANTS[member.planted]
    said = {
        "deployment_context": CONTEXT,
        "deployment_implication": IMPLICATION,
        "preservation_targets": f"It learns from {OBJECTIVES[member.objective]}. No other signal is given.",
        "accepted_losses": "All losses named above are accepted, because nothing is deployed.",
    }
    if member.planted:
        said["preservation_targets"] += f" Left out or distorted on purpose: {planted.what}."
        said["accepted_losses"] += f" Losses in row {member.planted} are intended: they were planted."
    return statements.with_items(drafted, said)


def measure_all(names: list[str], models: Path, work: Path, submissions: Path, workers: int) -> None:
    """Measure the members that have weights on all items, the first of them alone: it may bring the teacher's runs."""
    command = [
        sys.executable,
        __file__,
        "--models",
        str(models),
        "--work",
        str(work),
        "--submissions",
        str(submissions),
    ]

    def start(name: str) -> None:
        subprocess.run([*command, "--single", name], check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})

    trained = [name for name in names if (models / name).exists()]
    if not trained:
        raise RunError(f"{models}: holds none of {', '.join(names[:3])} …; train them first: make family")
    first, *others = sorted(trained, key=lambda name: not FAMILY[name].on_fresh_items)
    start(first)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(start, others))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=list(FAMILY), metavar="NAME", help="members; all by default")
    arguments.add_argument("--models", type=Path, default=HERE / "family", help="folder of the members' weights")
    arguments.add_argument("--work", type=Path, default=HERE.parent / "runs" / "family" / "runs", help="folder of runs")
    arguments.add_argument("--submissions", type=Path, default=HERE.parent / "submissions")
    arguments.add_argument("--workers", type=int, default=2, help="members that are run at a time")
    arguments.add_argument("--single", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.single:
        for chosen in items_of(FAMILY[given.names[0]]):
            measure(FAMILY[given.names[0]], chosen, given.models, given.work, given.submissions)
    else:
        measure_all(given.names, given.models, given.work, given.submissions, given.workers)
