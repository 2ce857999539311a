"""Making a bundle from two runs and a statement."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from angels_share import logs, spec
from angels_share import statement as statements
from angels_share.errors import BundleError
from angels_share.statement import Statement
from angels_share.statement.draft import short_name
from angels_share.submission import files, secrets
from angels_share.submission.comparability import check_names, check_prompts, check_teacher, registered
from angels_share.submission.model import Canonical, Declarations, Files, Finding, Key, Manifest, ModelFacts, RoleName
from angels_share.submission.role import examine_role, role_files
from angels_share.submission.scoring import (
    SECOND_STAGES,
    Runs,
    canary_digests,
    expected_key,
    first_stage,
    joined,
    key_of,
    manifest_digest,
    pair_id,
    pin,
    rescore,
    restricted,
    run_name,
    slug,
    split,
)
from angels_share.submission.teachers import canonical_run, model_facts, open_teacher
from angels_share.taxonomy import HUB

PAIR_LIMIT = files.BUNDLE_LIMIT
"""Most bytes in a packed pair."""

ROUNDING = 1e-3
"""Most by which a log-likelihood may differ from the canonical one: another machine adds in another order."""


def pack(
    teacher: Path | logs.Run,
    student: Path | logs.Run,
    statement: Path | Statement,
    out: Path,
    *,
    suites: Sequence[str],
    repeat: Path | None = None,
    calibration: Path | None = None,
    canonical: Path | None = None,
    teacher_folder: Path | None = None,
    student_folder: Path | None = None,
    teacher_licence: str | None = None,
    student_licence: str | None = None,
    declarations: Declarations | None = None,
    submitter: str = "",
    notes: str = "",
    digits: int | None = None,
    force: bool = False,
) -> Path:
    """Write a pair's bundle into the folder ``out`` and return the bundle's own folder.

    Same inputs give the same bytes. What is written is read back and scored, so the score in the bundle is what a
    validator will find.

    Parameters
    ----------
    teacher, student : Path or Run
        Run folders, or runs that were read or made before.
    statement : Path or Statement
        The statement, with the author's parts filled in; the parts that the score answers are written anew.
    out : Path
        The ``submissions`` folder.
    suites : sequence of str
        The suites that the pair is scored on.
    repeat, calibration : Path, optional
        The teacher again with another sampling seed, and the teacher on item seed 1000003. A canonical teacher brings
        its own.
    canonical : Path, optional
        Folder of a canonical teacher, to refer to instead of copying the teacher's log.
    teacher_folder, student_folder : Path, optional
        Folders of the models, for the digests of their weights.
    teacher_licence, student_licence : str, optional
        SPDX ids of the models' licences.
    declarations : Declarations, optional
        What only the submitter can know.
    submitter, notes : str
        Who submits, and anything else to say.
    digits : int, optional
        Decimals of the bundle's log-likelihoods; fewer make it smaller. It is scored as it is written.
    force : bool
        Replace a bundle of the same pair.

    Raises
    ------
    BundleError
        If author's parts are missing, a claim is contradicted, the bundle is too large or exists already, the runs
        are not those that the statement speaks of, cannot be compared, or hold a secret.
    LogError, PairingError
        If a run cannot be read, or the two must not be compared.
    """
    names = [spec.suite(name).name for name in suites]
    if foreign := [name for name in names if name.endswith(HUB)]:
        raise BundleError(
            f"{foreign[0]} asks data sets of the Hub, whose items validation cannot make again; publish its score and "
            f"statement as they are, and pack {foreign[0].removesuffix(HUB)} for the leaderboard"
        )
    said = _read_statement(statement, names)
    given = _read_runs(names, teacher=teacher, student=student, repeat=repeat, calibration=calibration)
    key = key_of(given["teacher"])
    facts = {"student": model_facts(short_name(given["student"].model), student_folder, student_licence)}
    if canonical is None:
        facts["teacher"] = model_facts(short_name(given["teacher"].model), teacher_folder, teacher_licence)
    else:
        facts["teacher"] = _canonical_facts(canonical, given)
    said = _same_models(said, given, facts)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".packing-") as staging:
            folder = Path(staging, "bundle")
            roles, runs = _write_roles(folder, given, canonical, key, digits)
            runs = {role: restricted(run, names) for role, run in runs.items()}
            _same_answers(given, runs)
            if len(canary_digests(runs)) > 1:
                raise BundleError("the runs of the pair follow several canary keys; run all with the same --canaries")
            known = registered(out / "teachers")
            _no_errors(
                check_names(facts["teacher"], facts["student"], known)
                + check_teacher(facts["teacher"], key, roles, known)
                + check_prompts(runs)
            )
            score = rescore(runs, said, names)
            said = statements.refresh(said, score)
            _no_contradiction(said, statements.check(said, score))
            contents = {
                "statement.json": files.dump(said.model_dump(mode="json")),
                "score.json": files.dump(score.model_dump(mode="json")),
            }
            manifest = _manifest(
                pair_id=pair_id(facts["teacher"], facts["student"], key, runs),
                slug=slug(facts["teacher"].name, facts["student"].name, said.method.family),
                teacher=facts["teacher"],
                student=facts["student"],
                method=said.method.family,
                suites=tuple(pin(name) for name in names),
                key=key,
                roles=roles,
                files={name: files.sha256(content) for name, content in contents.items()},
                declarations=declarations or Declarations(),
                submitter=submitter,
                notes=notes,
            )
            contents["submission.json"] = files.dump(manifest.model_dump(mode="json"))
            _write(folder, contents)
            _no_errors(secrets.scan(folder))
            _check_size(folder)
            return _move(folder, out / manifest.folder_name, force=force)
    except OSError as error:
        raise BundleError(f"{out}: the bundle cannot be written: {error}") from error


def _read_statement(given: Path | Statement, suites: Sequence[str]) -> Statement:
    said, place = (given, "the statement") if isinstance(given, Statement) else (statements.read(given), given)
    if set(said.suites) != set(suites):
        raise BundleError(
            f"{place}: speaks of {', '.join(said.suites)}, the pair is packed for {', '.join(suites)}; "
            "draft the statement again for the same suites"
        )
    if gaps := statements.missing(said):
        raise BundleError(f"{place}: the author has still to write {len(gaps)} parts: {'; '.join(gaps)}")
    return said


def _read_runs(
    suites: Sequence[str],
    *,
    teacher: Path | logs.Run,
    student: Path | logs.Run,
    repeat: Path | None,
    calibration: Path | None,
) -> dict[RoleName, logs.Run]:
    of = [spec.suite(name) for name in suites]
    tasks = list(dict.fromkeys(task for suite in of for task in (*suite.tasks, *suite.second_stage)))
    places: dict[RoleName, Path | logs.Run | None] = {
        "student": student,
        "teacher": teacher,
        "teacher_repeat": repeat,
        "calibration": calibration,
    }
    runs = {
        role: restricted(place, suites) if isinstance(place, logs.Run) else logs.read_run(place, only=tasks)
        for role, place in places.items()
        if place is not None
    }
    key = key_of(runs["teacher"])
    for role, run in runs.items():
        if key_of(run) != expected_key(role, key):
            raise BundleError(f"{run.place}: the {role} is a run of {key_of(run)}, expected {expected_key(role, key)}")
    return runs


def _canonical_facts(canonical: Path, given: Mapping[RoleName, logs.Run]) -> ModelFacts:
    for role in ("teacher_repeat", "calibration"):
        if role in given:
            raise BundleError(
                f"{given[role].place}: a canonical teacher brings its own {role} run; register it with the teacher"
            )
    return open_teacher(canonical).facts


def _same_models(said: Statement, given: Mapping[RoleName, logs.Run], facts: Mapping[str, ModelFacts]) -> Statement:
    """Return the statement under the models' published names, if it is about these models."""
    for role, name in (("teacher", said.teacher), ("student", said.student)):
        known = {facts[role].name, short_name(given["teacher" if role == "teacher" else "student"].model)}
        if name not in known:
            raise BundleError(
                f"the statement's {role} is {name}, the run's is {' or '.join(sorted(known))}; "
                "this is the statement of another pair"
            )
    return said.model_copy(update={"teacher": facts["teacher"].name, "student": facts["student"].name})


def _write_roles(
    folder: Path, given: Mapping[RoleName, logs.Run], canonical: Path | None, key: Key, digits: int | None
) -> tuple[dict[RoleName, Files | Canonical], dict[RoleName, logs.Run]]:
    """Write the runs that the bundle keeps; return every role, and its run as a validator will read it."""
    roles: dict[RoleName, Files | Canonical] = {}
    runs: dict[RoleName, logs.Run] = {}
    for role, run in _staged(given).items():
        if role == "teacher" and canonical is not None:
            continue
        contents = {f"{role}/{place}": content for place, content in role_files(run, digits=digits).items()}
        _write(folder, contents)
        roles[role] = Files(files={place: files.sha256(content) for place, content in contents.items()})
    if canonical is not None:
        registered = open_teacher(canonical).runs
        for role in ("teacher", "teacher_repeat", "calibration"):
            if role == "teacher" or run_name(role, key) in registered:
                roles[role] = Canonical(canonical=canonical.name)
                runs[role] = _sound(role, *canonical_run(canonical, role, key))
    for role in sorted(roles.keys() - runs.keys(), key=lambda role: role in SECOND_STAGES):
        runs[role] = _sound(role, *examine_role(folder / role, role, first_stage(role, runs)))
    return roles, joined(runs)


def _staged(given: Mapping[RoleName, logs.Run]) -> dict[RoleName, logs.Run]:
    """Return the runs with each model's second stage, where it has one, as a role of its own."""
    apart = dict(given)
    for role, of in SECOND_STAGES.items():
        apart[of], second = split(given[of])
        if second.tasks:
            apart[role] = second
    return apart


def _sound(role: str, run: logs.Run | None, findings: Sequence[Finding]) -> logs.Run:
    serious = [str(f) for f in findings if f.severity == "error"]
    if run is None or serious:
        raise BundleError(f"the {role}'s run cannot be packed: {'; '.join(serious)}")
    return run


def _no_errors(findings: Sequence[Finding]) -> None:
    if serious := [str(f) for f in findings if f.severity == "error"]:
        raise BundleError(f"the pair cannot be packed: {'; '.join(serious)}")


def _same_answers(given: Mapping[RoleName, logs.Run], runs: Runs) -> None:
    """Refuse a canonical teacher whose registered answers are not, but for rounding, those of the teacher's run."""
    for name, log in given["teacher"].tasks.items():
        kept = runs["teacher"].tasks.get(name)
        if kept is None or not _agree(log, kept):
            found = "no answers" if kept is None else "other answers"
            raise BundleError(
                f"{given['teacher'].place}: {name}: the canonical teacher is registered with {found}; "
                "use the registered log as the teacher's, or pack the pair with its own"
            )


def _agree(ours: logs.TaskLog, kept: logs.TaskLog) -> bool:
    """Tell whether two logs hold the same texts, or log-likelihoods that differ by rounding alone."""
    if sorted(ours.doc_hash) != sorted(kept.doc_hash) or (ours.texts is None) != (kept.texts is None):
        return False
    if ours.texts is not None and kept.texts is not None:
        said = dict(zip(ours.doc_hash, ours.texts, strict=True))
        return said == dict(zip(kept.doc_hash, kept.texts, strict=True))
    found, expected = (np.asarray(log.log_likelihoods)[np.argsort(log.doc_hash)] for log in (ours, kept))
    return np.allclose(found, expected, rtol=0, atol=ROUNDING, equal_nan=True)


def _no_contradiction(said: Statement, checks: Sequence[statements.ClaimCheck]) -> None:
    wrong = [f"{c.suite}: {c.kind} {c.task or c.row}: {c.reason}" for c in checks if c.status == "contradicted"]
    if wrong:
        raise BundleError(f"the statement of {said.student} claims what the score contradicts: {'; '.join(wrong)}")


def _manifest(**fields: object) -> Manifest:
    try:
        manifest = Manifest.model_validate({**fields, "digest": "0" * 64})
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise BundleError(f"the bundle cannot be described: {'; '.join(lines)}") from error
    return manifest.model_copy(update={"digest": manifest_digest(manifest)})


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    for place, content in contents.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _check_size(folder: Path) -> None:
    sizes = {p.relative_to(folder).as_posix(): p.stat().st_size for p in folder.rglob("*") if p.is_file()}
    if sum(sizes.values()) > PAIR_LIMIT:
        largest = sorted(sizes.items(), key=lambda entry: -entry[1])[:5]
        told = ", ".join(f"{place} {size}" for place, size in largest)
        raise BundleError(
            f"the bundle has {sum(sizes.values())} bytes; a pair has at most {PAIR_LIMIT}. Largest: {told}. "
            "Round the log-likelihoods (--digits 6), choose a smaller profile, or register the teacher and refer to it"
        )


def _move(folder: Path, target: Path, *, force: bool) -> Path:
    if target.exists():
        if not force:
            raise BundleError(f"{target}: exists already; remove it, or pack with force to replace it")
        target.rename(folder.parent / "replaced")
    folder.rename(target)
    return target
