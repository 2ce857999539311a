"""Holding a bundle against the rules, stage by stage, and scoring it again.

The stages: container (which entries there are) · form (JSON and its fields) · hashes · coverage (every item answered
once) · comparability · recomputation · statement · forensic signals. A stage reports all that it finds; the next one
begins only where it can. Nothing in a bundle is run, imported or believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from angels_share import statement as statements
from angels_share.errors import AngelsShareError, SpecError
from angels_share.logs import Run
from angels_share.score import PairScore
from angels_share.statement import ClaimCheck, Statement
from angels_share.submission import files, secrets
from angels_share.submission.comparability import check_names, check_prompts, check_teacher, registered
from angels_share.submission.differences import Difference, differences
from angels_share.submission.forensics import signals
from angels_share.submission.model import (
    Canonical,
    Files,
    Finding,
    Manifest,
    ModelFacts,
    RefusedError,
    Report,
    RoleName,
)
from angels_share.submission.role import examine_role, other_key
from angels_share.submission.rules import finding
from angels_share.submission.scoring import (
    SECOND_STAGES,
    Runs,
    canary_digests,
    expected_key,
    first_stage,
    joined,
    manifest_digest,
    pair_id,
    pin,
    rescore,
    restricted,
)
from angels_share.submission.teachers import canonical_run, open_teacher
from angels_share.submission.timing import TIME_LIMIT, OutOfTimeError, within
from angels_share.taxonomy import HUB

MANIFEST, STATEMENT, SCORE = "submission.json", "statement.json", "score.json"
_TASK = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}"
ALLOWED = (
    re.compile(r"(submission|statement|score)\.json"),
    re.compile(
        rf"(student|teacher|teacher_repeat|calibration|student_stage2|teacher_stage2)/(results\.json|samples/{_TASK}\.jsonl\.gz)"
    ),
)
"""What a bundle may hold."""

_NEEDED: tuple[RoleName, ...] = ("teacher", "student")

M = TypeVar("M", bound=BaseModel)


def validate(folder: Path, teachers: Path | None = None, workers: int | None = 1) -> Report:
    """Return everything that is to be said about a bundle; a bad bundle is a report with errors, not an exception.

    Parameters
    ----------
    folder : Path
        The bundle's folder.
    teachers : Path, optional
        Folder of the canonical teachers, by default ``teachers`` beside the bundle.
    workers : int, optional
        Processes that make the items of a large profile again; None for one a core. More than one need a main module
        that other processes can import.
    """
    try:
        with within(TIME_LIMIT):
            return _examine(folder, teachers, workers)
    except OutOfTimeError:
        told = f"validating it takes more than {TIME_LIMIT:.0f} seconds of processor time"
        return Report(folder, (finding("AS-108", ".", told),))


def _examine(folder: Path, teachers: Path | None, workers: int | None) -> Report:
    if not folder.is_dir() or folder.is_symlink():
        return Report(folder, (finding("AS-101", ".", f"{folder} is no folder"),))
    findings = files.walk(folder, ALLOWED)
    if findings:
        return Report(folder, tuple(findings))
    findings = secrets.scan(folder)
    manifest = _read(Manifest, folder, MANIFEST, findings)
    statement = _read(Statement, folder, STATEMENT, findings)
    _read(PairScore, folder, SCORE, findings)
    if manifest is not None:
        findings += _check_manifest(folder, manifest)
    if statement is not None:
        findings += [finding("AS-701", STATEMENT, f"{gap} is empty") for gap in statements.missing(statement)]
    if manifest is None or statement is None:
        return Report(folder, tuple(findings), manifest, statement)
    teachers = teachers or folder.absolute().parent / "teachers"
    known = registered(teachers)
    findings += _check_names(manifest, statement)
    findings += check_names(manifest.teacher, manifest.student, known)
    findings += check_teacher(manifest.teacher, manifest.key, manifest.roles, known)
    if _serious(findings):
        return Report(folder, tuple(findings), manifest, statement)
    runs, found = _read_roles(folder, manifest, teachers, workers)
    findings += found
    if _serious(found):
        return Report(folder, tuple(findings), manifest, statement)
    findings += _check_key(manifest, runs) + _check_identity(manifest, runs) + check_prompts(runs)
    if _serious(findings):
        return Report(folder, tuple(findings), manifest, statement)
    score, found = _recompute(manifest, statement, runs)
    findings += found
    if score is None:
        return Report(folder, tuple(findings), manifest, statement)
    checks = statements.check(statement, score)
    findings += (
        _check_score(folder, score) + _check_items(statement, score) + _check_claims(checks) + _weaknesses(score)
    )
    report = Report(folder, tuple(findings), manifest, statement, score, checks, runs)
    return replace(report, findings=(*findings, *signals(report)))


def _serious(findings: list[Finding]) -> bool:
    """Return whether anything is wrong besides the score, without which the logs can still be scored."""
    return any(f.severity == "error" and f.place != SCORE for f in findings)


def _read(model: type[M], folder: Path, place: str, findings: list[Finding]) -> M | None:
    """Return a file's content, or None after adding why it cannot be read."""
    try:
        return files.read_file(model, folder, place)
    except RefusedError as error:
        findings.append(error.finding)
        return None


def _check_manifest(folder: Path, manifest: Manifest) -> list[Finding]:
    """Compare the manifest with the files that are there, and with this release."""
    findings = []
    written = files.dump(manifest.model_dump(mode="json"))
    if manifest.digest != manifest_digest(manifest) or (folder / MANIFEST).read_bytes() != written:
        findings.append(finding("AS-301", MANIFEST, "was changed after it was packed: its own digest does not fit"))
    if folder.absolute().name != manifest.folder_name:
        findings.append(finding("AS-212", ".", f"the folder's name is not {manifest.folder_name}"))
    findings += [finding("AS-101", MANIFEST, f"names no {role}") for role in _NEEDED if role not in manifest.roles]
    return findings + _check_files(folder, manifest) + _check_suites(manifest)


def _check_files(folder: Path, manifest: Manifest) -> list[Finding]:
    """Compare the files that are there with those that are listed, and their hashes."""
    findings = []
    listed: dict[str, str] = {str(place): digest for place, digest in manifest.files.items()}
    for role, content in manifest.roles.items():
        if isinstance(content, Files):
            listed |= content.files
            if not all(place.startswith(f"{role}/") for place in content.files):
                findings.append(finding("AS-302", MANIFEST, f"the {role} lists files outside its folder"))
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {MANIFEST}
    findings += [finding("AS-302", place, f"is not listed in {MANIFEST}") for place in sorted(present - listed.keys())]
    return findings + files.check_hashes(folder, listed)


def _check_suites(manifest: Manifest) -> list[Finding]:
    """Compare the suites with those of this release."""
    findings = []
    for suite in manifest.suites:
        if suite.name.endswith(HUB):
            told = f"suite {suite.name} asks data sets of the Hub, whose items cannot be made again here"
            findings.append(finding("AS-401", MANIFEST, told))
            continue
        try:
            current = pin(suite.name)
        except SpecError as error:
            findings.append(finding("AS-401", MANIFEST, str(error)))
            continue
        if suite != current:
            told = f"suite {suite.name} is {suite.version} ({suite.digest[:12]}…)"
            told += f", this release has {current.version} ({current.digest[:12]}…)"
            findings.append(finding("AS-401", MANIFEST, told))
    return findings


def _check_names(manifest: Manifest, statement: Statement) -> list[Finding]:
    """Compare what manifest and statement say of the pair."""
    pairs = {
        "teacher": (manifest.teacher.name, statement.teacher),
        "student": (manifest.student.name, statement.student),
        "method": (manifest.method, statement.method.family),
        "suites": (sorted(s.name for s in manifest.suites), sorted(statement.suites)),
    }
    if statement.weights:
        for role, facts in (("teacher", manifest.teacher), ("student", manifest.student)):
            declared = getattr(statement.weights, f"{role}_weights")
            if declared and facts.weights_sha256:
                pairs[f"weights.{role}_weights"] = (facts.weights_sha256, declared)
    return [
        finding("AS-212", STATEMENT, f"{name} is {theirs}, {MANIFEST} says {ours}")
        for name, (ours, theirs) in pairs.items()
        if ours != theirs
    ]


def _read_roles(
    folder: Path, manifest: Manifest, teachers: Path, workers: int | None
) -> tuple[dict[RoleName, Run], list[Finding]]:
    """Return the runs of the pair, restricted to its suites, and what is wrong with them."""
    findings: list[Finding] = []
    runs: dict[RoleName, Run] = {}
    budget = files.Budget()
    for role in sorted(manifest.roles, key=lambda role: role in SECOND_STAGES):
        content = manifest.roles[role]
        if isinstance(content, Canonical):
            run, found = canonical_run(teachers / content.canonical, role, manifest.key)
            if run is not None:
                found = [*found, *_check_canonical(teachers / content.canonical, manifest, role)]
        else:
            key = expected_key(role, manifest.key)
            first = first_stage(role, runs)
            run, found = examine_role(folder / role, role, first, key=key, budget=budget, workers=workers)
        findings += [f for f in found if f not in findings]
        if run is not None:
            runs[role] = restricted(run, [s.name for s in manifest.suites])
    return joined(runs), findings


def _check_canonical(folder: Path, manifest: Manifest, role: RoleName) -> list[Finding]:
    known: ModelFacts = open_teacher(folder).facts
    if role == "student" or role in SECOND_STAGES:
        return [finding("AS-502", MANIFEST, "only a teacher's first stage can be a canonical run")]
    if known != manifest.teacher:
        return [finding("AS-212", MANIFEST, f"the teacher is not described as {folder.name}/teacher.json describes it")]
    return []


def _check_key(manifest: Manifest, runs: Runs) -> list[Finding]:
    """Compare the settings of every run with the pair's key."""
    findings = []
    for role, run in runs.items():
        wanted = expected_key(role, manifest.key)
        findings += [
            finding("AS-501", str(role), told)
            for name, log in run.tasks.items()
            if (told := other_key(name, log.settings, wanted))
        ]
    if len(canary_digests(runs)) > 1:
        findings.append(finding("AS-501", ".", "the runs follow several canary keys"))
    return findings


def _check_identity(manifest: Manifest, runs: Runs) -> list[Finding]:
    """Compare the pair's id, and the names in its runs, with what they must be."""
    findings = []
    expected = pair_id(manifest.teacher, manifest.student, manifest.key, runs)
    if manifest.pair_id != expected:
        findings.append(finding("AS-212", MANIFEST, f"pair_id is {manifest.pair_id}, models and seeds give {expected}"))
    for role, run in runs.items():
        name = manifest.student.name if role == "student" else manifest.teacher.name
        if run.model != name:
            findings.append(finding("AS-212", f"{role}/results.json", f"model is {run.model}, {MANIFEST} says {name}"))
    return findings


def _recompute(manifest: Manifest, statement: Statement, runs: Runs) -> tuple[PairScore | None, list[Finding]]:
    """Return the score that the logs give, or why they give none."""
    try:
        return rescore(runs, statement, [s.name for s in manifest.suites]), []
    except AngelsShareError as error:
        return None, [finding("AS-503", ".", str(error))]


def changes(given: dict[str, Any], score: PairScore) -> Iterator[Difference]:
    """Yield where the content of a bundle's ``score.json`` is not the score that its logs give.

    ``provenance`` is not compared: it names the release that scored the pair, and a later one may be validating it.
    """
    yield from differences(given | {"provenance": None}, score.model_dump(mode="json") | {"provenance": None})


def submitted(folder: Path) -> dict[str, Any]:
    """Return the content of a bundle's ``score.json``, empty where it is missing or garbled."""
    try:
        content = files.parse(files.read_bytes(folder / SCORE, SCORE), SCORE)
    except RefusedError:
        return {}
    return content if isinstance(content, dict) else {}


def _check_score(folder: Path, score: PairScore) -> list[Finding]:
    """Return the first difference; what cannot be read was found wrong before."""
    given = submitted(folder)
    first = next(changes(given, score), None) if given else None
    return [finding("AS-601", SCORE, str(first))] if first else []


def _check_items(statement: Statement, score: PairScore) -> list[Finding]:
    """Compare the answers that the score gives with those in the statement."""
    expected = statements.refresh(statement, score)
    return [
        finding("AS-702", STATEMENT, f"{suite}: {key} is not what the score gives")
        for suite, part in statement.suites.items()
        for key, text in part.items.items()
        if text != expected.suites[suite].items[key]
    ]


def _check_claims(checks: tuple[ClaimCheck, ...]) -> list[Finding]:
    rule = {"contradicted": "AS-703", "over-declared": "AS-704", "undisclosed": "AS-705"}
    return [
        finding(
            rule[check.status],
            STATEMENT,
            f"{check.suite}: {f'{check.kind} {check.task or check.row}: ' if check.kind else ''}{check.reason}",
        )
        for check in checks
        if check.status in rule
    ]


def _weaknesses(score: PairScore) -> list[Finding]:
    """Return what was not measured, and why a suite cannot be ranked whatever the statement says."""
    findings = [
        finding("AS-706", task.task, f"is not measured and charged in full: {task.gap.reason}")
        for task in score.tasks
        if task.gap is not None and task.gap.side == "submitter"
    ]
    for suite in score.suites:
        if suite.primary.reason:
            findings.append(finding("AS-707", suite.suite, f"there is no retention: {suite.primary.reason}"))
        if suite.angels_share is None:
            findings.append(finding("AS-707", suite.suite, "the teacher can show no task of this suite"))
    return findings
