"""Canonical teachers: their logs are kept once under ``submissions/teachers/`` and pairs refer to them.

A pair that brings its own teacher log could bring a weak one, and retention would go up. Whoever refers to a canonical
teacher is compared with the same log as everybody else.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from angels_share import logs
from angels_share.errors import BundleError, did_you_mean
from angels_share.submission import files, secrets
from angels_share.submission.model import Files, Finding, Key, ModelFacts, RefusedError, Results, RoleName, Teacher
from angels_share.submission.role import RESULTS, examine_role, role_files
from angels_share.submission.rules import finding
from angels_share.submission.scoring import expected_key, key_of, run_name, split

TEACHER = "teacher.json"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}"
ALLOWED = (
    re.compile(r"teacher\.json"),
    re.compile(rf"runs/{_NAME}/(results\.json|samples/{_NAME}\.jsonl\.gz)"),
)
"""What a canonical teacher's folder may hold."""


def model_facts(name: str, folder: Path | None, licence: str | None) -> ModelFacts:
    """Return what is known of a model: its name and, where its folder is given, its weights.

    Raises
    ------
    BundleError
        If the name or the licence holds anything but ASCII letters, digits and a few signs.
    """
    weights: dict[str, str | int | None] = {}
    if folder is not None:
        from angels_share import models

        weights = {"weights_sha256": models.weights_digest(folder), "parameters": models.parameters(folder)}
    try:
        return ModelFacts.model_validate({"name": name, "licence": licence, **weights})
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise BundleError(f"model {name!r} cannot be described: {'; '.join(lines)}") from error


def register_teacher(
    run: Path,
    out: Path,
    name: str,
    *,
    calibration: Path | None = None,
    repeat: Path | None = None,
    folder: Path | None = None,
    licence: str | None = None,
) -> Path:
    """Keep a teacher's runs under ``out/<name>`` and return that folder; runs and tasks that are there already stay.

    Parameters
    ----------
    run : Path
        Folder of the run to register.
    out : Path
        The ``submissions/teachers`` folder.
    name : str
        Name of the teacher, under which pairs refer to it.
    calibration : Path, optional
        The same with item seed 1000003, on which it is decided what can be measured.
    repeat : Path, optional
        The same again with another sampling seed and batch size.
    folder : Path, optional
        Folder of the model, for the digest of its weights.
    licence : str, optional
        SPDX id of the model's licence.

    Raises
    ------
    BundleError
        If the teacher is registered with other answers or weights, or a run cannot be published.
    LogError
        If a run cannot be read.
    """
    facts = model_facts(name, folder, licence)
    main, _ = split(logs.read_run(run))
    key = key_of(main)
    runs: dict[RoleName, logs.Run] = {"teacher": main}
    if repeat is not None:
        runs["teacher_repeat"], _ = split(logs.read_run(repeat))
    if calibration is not None:
        runs["calibration"], _ = split(logs.read_run(calibration))
    for role, given in runs.items():
        if key_of(given) != expected_key(role, key):
            raise BundleError(f"{given.place}: is a run of {key_of(given)}, expected {expected_key(role, key)}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".registering-") as staging:
            made = Path(staging, name)
            if (out / name).exists():
                shutil.copytree(out / name, made)
                facts = _agreeing(open_teacher(made).facts, facts)
            for role, given in runs.items():
                _merge(made / "runs" / run_name(role, key), role_files(given, name))
            _seal(made, facts)
            if (out / name).exists():
                (out / name).rename(Path(staging, "replaced"))
            made.rename(out / name)
    except OSError as error:
        raise BundleError(f"{out / name}: cannot be written: {error}") from error
    return out / name


def _agreeing(old: ModelFacts, new: ModelFacts) -> ModelFacts:
    """Return what is known of a model from before and now, which must not differ."""
    before, now = old.model_dump(exclude_none=True), new.model_dump(exclude_none=True)
    for field in before.keys() & now.keys():
        if before[field] != now[field]:
            raise BundleError(
                f"teacher {old.name} is registered with {field} {before[field]}, now it is {now[field]}; "
                "another model needs another name"
            )
    return ModelFacts.model_validate(before | now)


def _merge(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Add the files of a run to those that are there; an answer that is there must be the same."""
    results = files.read(Results, contents[RESULTS], RESULTS)
    if (folder / RESULTS).exists():
        results = results.model_copy(update={"tasks": results.tasks | files.read_file(Results, folder, RESULTS).tasks})
    for place, content in contents.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if place == RESULTS:
            path.write_bytes(files.dump(results.model_dump()))
        elif not path.exists():
            path.write_bytes(content)
        elif files.unpack_lines(path.read_bytes(), place) != files.unpack_lines(content, place):
            raise BundleError(
                f"{folder.name}/{place}: the teacher is registered with other answers; a canonical log never changes, "
                "register the new one under another name"
            )


def _seal(folder: Path, facts: ModelFacts) -> None:
    """Read the runs back, and write ``teacher.json`` with their hashes."""
    sealed = {}
    for run in sorted((folder / "runs").iterdir()):
        _, findings = examine_role(run, run.name)
        if serious := [str(f) for f in (*findings, *secrets.scan(run)) if f.severity == "error"]:
            raise BundleError(f"the run cannot be registered: {'; '.join(serious)}")
        places = sorted(path for path in run.rglob("*") if path.is_file())
        sealed[run.name] = Files(
            files={path.relative_to(folder).as_posix(): files.sha256(path.read_bytes()) for path in places}
        )
    teacher = Teacher(facts=facts, runs=sealed)
    (folder / TEACHER).write_bytes(files.dump(teacher.model_dump(mode="json")))


def open_teacher(folder: Path) -> Teacher:
    """Return what a canonical teacher's folder says of it.

    Raises
    ------
    RefusedError
        If there is no such teacher, or its folder holds something else.
    """
    if not folder.is_dir() or folder.is_symlink():
        known = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
        hint = did_you_mean(folder.name, known) if known else "None is registered."
        raise RefusedError(finding("AS-502", "submission.json", f"teacher {folder.name!r} is not registered. {hint}"))
    wrong = files.walk(folder, ALLOWED)
    if wrong:
        raise RefusedError(wrong[0])
    return files.read_file(Teacher, folder, TEACHER)


def canonical_run(folder: Path, role: RoleName, key: Key) -> tuple[logs.Run | None, list[Finding]]:
    """Return one run of a canonical teacher, and everything that is wrong with it."""
    try:
        teacher = open_teacher(folder)
    except RefusedError as error:
        return None, [error.finding]
    name = run_name(role, key)
    if name not in teacher.runs:
        told = f"teacher {folder.name!r} has no run {name}. {did_you_mean(name, teacher.runs)}"
        return None, [finding("AS-502", "submission.json", told)]
    wrong = files.check_hashes(folder, teacher.runs[name].files)
    if wrong:
        return None, wrong
    run, findings = _examined(folder.absolute(), name, tuple(sorted(teacher.runs[name].files.items())))
    return run, list(findings)


@lru_cache(maxsize=16)
def _examined(
    folder: Path, name: str, _digests: tuple[tuple[str, str], ...]
) -> tuple[logs.Run | None, tuple[Finding, ...]]:
    """Return a run whose files have these hashes, read once for all the pairs that refer to it."""
    run, findings = examine_role(folder / "runs" / name, f"{folder.name}/runs/{name}")
    return run, tuple(findings)
