"""What packing and validating a bundle have in common: who the pair is, and how it is scored again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from angels_share import canaries, spec
from angels_share.errors import BundleError
from angels_share.estimate import RESAMPLES
from angels_share.items import CALIBRATION_SEED
from angels_share.logs import Run
from angels_share.score import PairScore, score_pair
from angels_share.statement import Statement
from angels_share.statement.model import Family
from angels_share.submission import files
from angels_share.submission.model import Key, Manifest, ModelFacts, RoleName, SuitePin

Runs = Mapping[RoleName, Run]

SECOND_STAGES: Mapping[RoleName, RoleName] = {"teacher_stage2": "teacher", "student_stage2": "student"}
"""The roles that hold a second stage, and whose it is."""


def key_of(run: Run) -> Key:
    """Return the track, profile and item seed of a run.

    Raises
    ------
    BundleError
        If its tasks were run with several of them.
    """
    keys = {(log.settings.track, log.settings.profile, log.settings.item_seed) for log in run.tasks.values()}
    if len(keys) != 1:
        told = "; ".join(f"track {t}, profile {p}, item seed {s}" for t, p, s in sorted(keys)) or "no task"
        raise BundleError(f"{run.place}: mixes several settings ({told}); run every task with the same --metadata")
    track, profile, item_seed = keys.pop()
    return Key(track=track, profile=profile, item_seed=item_seed)


def expected_key(role: RoleName, key: Key) -> Key:
    """Return the settings that a role must have in a pair with this key."""
    return key.model_copy(update={"item_seed": CALIBRATION_SEED}) if role == "calibration" else key


def first_stage(role: RoleName, runs: Runs) -> tuple[Run | None, Run | None] | None:
    """Return the runs of teacher and student that a second stage was made from, None for another role."""
    return (runs.get("teacher"), runs.get("student")) if role in SECOND_STAGES else None


def split(run: Run) -> tuple[Run, Run]:
    """Return the first-stage and the second-stage tasks of a run apart."""
    second = {name: log for name, log in run.tasks.items() if log.spec.measure.first_stage}
    first = {name: log for name, log in run.tasks.items() if name not in second}
    return replace(run, tasks=first), replace(run, tasks=second)


def joined(runs: Runs) -> dict[RoleName, Run]:
    """Return the runs with each second stage put to its model's first."""
    whole = {role: run for role, run in runs.items() if role not in SECOND_STAGES}
    for role, of in SECOND_STAGES.items():
        if role in runs and of in whole:
            whole[of] = replace(whole[of], tasks={**whole[of].tasks, **runs[role].tasks})
    return whole


def canary_digests(runs: Runs) -> list[str]:
    """Return the digests of the canary keys that the runs of a pair followed; it is one at most in a sound pair."""
    logged = {log.settings.canaries for run in runs.values() for log in run.tasks.values()}
    return sorted(key.digest for key in logged if isinstance(key, canaries.Key))


def run_name(role: RoleName, key: Key) -> str:
    """Return the name of a canonical teacher's run, such as ``toy-pilot-0-repeat``."""
    of = expected_key(role, key)
    return f"{of.track}-{of.profile}-{of.item_seed}" + ("-repeat" if role == "teacher_repeat" else "")


def restricted(run: Run, suites: Iterable[str]) -> Run:
    """Return the run with the tasks of these suites only."""
    wanted = {
        task
        for name in suites
        for access in spec.ACCESS
        for task in (*spec.suite(name).seen_by(access).tasks, *spec.suite(name).second_stage)
    }
    return replace(run, tasks={name: log for name, log in run.tasks.items() if name in wanted})


def pin(suite: str) -> SuitePin:
    """Return a suite as it is in this release."""
    found = spec.suite(suite)
    return SuitePin(name=found.name, version=found.version, digest=found.digest)


def pair_id(teacher: ModelFacts, student: ModelFacts, key: Key, runs: Runs) -> str:
    """Return the id of a pair: the same models, items and sampling seeds always have the same one."""
    seeds = {
        role: sorted({str(log.settings.sampling_seed) for log in runs[role].tasks.values()})
        for role in ("teacher", "student")
    }
    of = {
        "teacher": [teacher.name, teacher.weights_sha256],
        "student": [student.name, student.weights_sha256],
        "key": key.model_dump(),
        "sampling_seeds": seeds,
    }
    if digests := canary_digests(runs):
        of["canaries"] = digests
    return files.sha256(files.canonical(of))[:16]


def slug(teacher: str, student: str, method: Family) -> str:
    """Return a readable name for a pair.

    Examples
    --------
    >>> slug("toy-teacher", "Toy_Student", "logit-kd"), slug("t", "t", "control")
    ('toy-student-from-toy-teacher', 't-control')
    """
    name = f"{student}-control" if method == "control" else f"{student}-from-{teacher}"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:120].rstrip("-")


def manifest_digest(manifest: Manifest) -> str:
    """Return the SHA-256 of everything else that a manifest says."""
    return files.sha256(files.canonical(manifest.model_dump(mode="json", exclude={"digest"})))


def rescore(runs: Runs, statement: Statement, suites: Iterable[str], resamples: int = RESAMPLES) -> PairScore:
    """Return the score of a pair from its runs, and the claims and margins of its statement.

    Raises
    ------
    AngelsShareError
        If the runs cannot be compared or scored, or the statement does not speak of a suite.
    """
    names = list(suites)
    if silent := [name for name in names if name not in statement.suites]:
        known = ", ".join(statement.suites)
        raise BundleError(f"the statement says nothing of suite {silent[0]}; it speaks of {known}")
    parts = [statement.suites[name] for name in names]
    epsilons, taus = {part.epsilon for part in parts}, {part.tau for part in parts}
    if len(epsilons) > 1 or len(taus) > 1:
        raise BundleError("the statement's suites have different author's margins; one pair has one epsilon and tau")
    return score_pair(
        runs["teacher"],
        runs["student"],
        suites=names,
        repeat=runs.get("teacher_repeat"),
        calibration=runs.get("calibration"),
        claims={name: statement.suites[name].claims for name in names},
        epsilon_author=epsilons.pop(),
        tau_author=taus.pop(),
        resamples=resamples,
    )
