"""One model's run inside a bundle: how it was run, and what it answered, item by item.

The items are not in the bundle. They are made again from the package's own generators, so that nobody can hand in
easier ones, and joined with the answers by their hash.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from angels_share import canaries, items, logs, second_stage, spec
from angels_share.errors import BundleError, PairingError, SpecError
from angels_share.spec import Measure, TaskSpec
from angels_share.statement.draft import short_name
from angels_share.submission import documents, files
from angels_share.submission.answers import read_answers
from angels_share.submission.model import Finding, Key, RefusedError, Results, Row, Seeds, TaskRun
from angels_share.submission.rules import finding

RESULTS = "results.json"
FirstStage = tuple[logs.Run | None, logs.Run | None]


def sample_path(task: str) -> str:
    """Return where a role keeps the answers to a task."""
    return f"samples/{task}.jsonl.gz"


def role_files(run: logs.Run, name: str | None = None, digits: int | None = None) -> dict[str, bytes]:
    """Return the files that publish a run, by their path: only what scoring needs, and nothing of the machine.

    Parameters
    ----------
    run : Run
        A run that :func:`angels_share.logs.read_run` read, or one that was made otherwise, such as a control's.
    name : str, optional
        Name to publish the model under; by default the last part of the one in the log.
    digits : int, optional
        Decimals to which log-likelihoods are rounded; by default they stay as they were logged.

    Raises
    ------
    BundleError
        If something in the log does not fit the form of ``results.json``, or a task was run on documents of the
        submitter's own, which nobody else could make again.
    """
    contents: dict[str, bytes] = {}
    tasks: dict[str, Any] = {}
    for task, log in run.tasks.items():
        logged, rows = _logged(run, task)
        tasks[task] = _task_run(log, logged) | {"canaries": _key(log, run.place)}
        if digits is not None and log.log_likelihoods is not None:
            rows = [row | {"resps": _rounded(row["resps"], digits)} for row in rows]
        contents[sample_path(task)] = files.pack_rows({key: row[key] for key in Row.model_fields} for row in rows)
    try:
        results = Results.model_validate({"model": name or short_name(run.model), "tasks": tasks})
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise BundleError(f"{run.place}: the log cannot be published as it is: {'; '.join(lines)}") from error
    return {RESULTS: files.dump(results.model_dump())} | contents


def _logged(run: logs.Run, task: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a task's results file and its rows as lm-eval wrote them, or in that form where lm-eval had no part."""
    if task in run.sources:
        return logs.raw_results(run, task), logs.raw_rows(run, task)
    log = run.tasks[task]
    if log.texts is not None:
        responses: list[Any] = [[list(texts)] for texts in log.texts]
    else:
        values = np.asarray(log.log_likelihoods).tolist()
        responses = [[[[str(value)]] for value in row if not math.isnan(value)] for row in values]
    rows = [
        {"doc_id": i, "doc_hash": doc_hash, "resps": answered}
        for i, (doc_hash, answered) in enumerate(zip(log.doc_hash, responses, strict=True))
    ]
    return {"config": {"torch_seed": log.settings.sampling_seed}}, rows


def _rounded(responses: list[Any], digits: int) -> list[Any]:
    """Return the responses of one item with rounded log-likelihoods: a document's own one, an option's first entry."""

    def rounded(logged: Any) -> Any:
        return f"{float(logged):.{digits}f}" if isinstance(logged, str) else [rounded(logged[0]), *logged[1:]]

    return [[rounded(logged) for logged in option] for option in responses]


def _task_run(log: logs.TaskLog, results: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of :class:`TaskRun` from a log and the results file that it was read from."""
    config, settings = results["config"], log.settings
    count = config.get("model_num_parameters")
    return {
        "version": log.spec.version,
        "track": settings.track,
        "profile": settings.profile,
        "item_seed": settings.item_seed,
        "measure": log.spec.measure.model_dump(),
        "generation_kwargs": dict(settings.generation_kwargs),
        "num_fewshot": settings.num_fewshot,
        "repeats": 1 if log.texts is None else len(log.texts[0]),
        "seeds": {seed: config.get(seed) for seed in Seeds.model_fields},
        "access": settings.access,
        "backend": settings.backend,
        "dtype": settings.dtype,
        "batch_size": settings.batch_size,
        "lm_eval_version": settings.lm_eval_version,
        "transformers_version": results.get("transformers_version"),
        "chat_template_sha": settings.chat_template_sha,
        "system_instruction_sha": settings.system_instruction_sha,
        "max_length": results.get("max_length"),
        "model_num_parameters": count if isinstance(count, int) and count > 0 else None,
    }


def _key(log: logs.TaskLog, place: str) -> canaries.Key | None:
    """Return the key that the items of a log followed, where the task needs one."""
    name, logged = log.spec.name, log.settings.canaries
    if logged is None and canaries.needs_key(log.spec):
        raise BundleError(
            f"{place}: {name} was run on documents of your own, which nobody else can make again; leave the task out "
            "of the run folders, or run it with --canaries"
        )
    if not isinstance(logged, str):
        return logged
    try:
        return canaries.read_key(logged)
    except SpecError as error:
        raise BundleError(
            f"{place}: the log of {name} names its canary key by a file, and the file cannot be read: {error}"
        ) from error


def read_role(folder: Path) -> logs.Run:
    """Return the run that a role's folder holds, with its items made again.

    Raises
    ------
    BundleError
        If anything is wrong with it; the message holds every finding.
    """
    run, findings = examine_role(folder, folder.name)
    serious = [str(f) for f in findings if f.severity == "error"]
    if run is None or serious:
        raise BundleError(f"{folder}: {'; '.join(serious)}")
    return run


def examine_role(
    folder: Path,
    place: str,
    first: FirstStage | None = None,
    *,
    key: Key | None = None,
    budget: files.Budget | None = None,
    workers: int | None = 1,
) -> tuple[logs.Run | None, list[Finding]]:
    """Return the run that a role's folder holds, where it can be read, and everything that is wrong with it.

    Parameters
    ----------
    folder : Path
        Folder with ``results.json`` and ``samples/``.
    place : str
        The folder's path within the bundle, for the findings.
    first : tuple, optional
        The first-stage runs of teacher and student, where the folder holds a second stage.
    key : Key, optional
        The track, profile and item seed that the pair asks for; no items are made for others.
    budget : Budget, optional
        What is left for the samples of the bundle that the folder is in; by default that of a whole bundle.
    workers : int, optional
        Processes that make the items again where they are many; None for one a core.
    """
    budget = budget or files.Budget()
    results_place = f"{place}/{RESULTS}"
    try:
        results = files.read(Results, files.read_bytes(folder / RESULTS, results_place), results_place)
    except RefusedError as error:
        return None, [error.finding]
    findings = [
        finding("AS-302", f"{place}/samples/{path.name}", f"{RESULTS} says nothing of this task")
        for path in sorted((folder / "samples").glob("*"))
        if path.name.removesuffix(".jsonl.gz") not in results.tasks
    ]
    sound: list[tuple[TaskRun, TaskSpec]] = []
    for name, run in results.tasks.items():
        found, known = _check_task(name, run, key, results_place)
        findings += found
        if known is not None:
            sound.append((run, known))
    asked = [
        (known.name, run.track, run.profile, run.item_seed)
        for run, known in sound
        if known.measure.generator and not (known.measure.first_stage or canaries.needs_key(known))
    ]
    documents.prepare(asked, workers)
    tasks: dict[str, logs.TaskLog] = {}
    for run, known in sound:
        name = known.name
        try:
            made = _made(known, run, first, f"{results_place}, {name}")
            log, found = _join(folder, place, run, known, made, budget)
        except SpecError as error:
            findings.append(finding("AS-401", f"{results_place}, {name}", str(error)))
        except RefusedError as error:
            findings.append(error.finding)
        else:
            findings += found
            if log is not None:
                tasks[name] = log
    return logs.Run(place=place, model=results.model, tasks=tasks), findings


def _check_task(name: str, run: TaskRun, key: Key | None, place: str) -> tuple[list[Finding], TaskSpec | None]:
    """Return what is wrong with the declaration of a task, and the package's own specification where nothing is."""
    where = f"{place}, {name}"
    try:
        known = spec.task(name)
    except SpecError as error:
        return [finding("AS-401", where, str(error))], None
    if run.version != known.version:
        told = f"the task was run in version {run.version}; this release has version {known.version}"
        return [finding("AS-401", where, told)], None
    try:
        same = Measure.model_validate({**run.measure, "statistics": known.measure.statistics}) == known.measure
    except ValidationError:
        same = False
    if not same:
        block = known.measure.model_dump(exclude={"statistics"})
        keys = sorted(k for k, v in block.items() if run.measure.get(k) != v)
        told = f"the measure block is not the one of {name} {known.version}"
        return [finding("AS-402", where, told + (f": it differs in {', '.join(keys)}" if keys else ""))], None
    try:
        items.levels_of(run.track), items.n_clusters(known.measure.clusters, run.profile)
    except SpecError as error:
        return [finding("AS-401", where, str(error))], None
    if key is not None and (other := other_key(name, run, key)):
        return [finding("AS-501", where, other)], None
    pinned = spec.locked_digest(known)
    if pinned is None:
        return [finding("AS-407", "tasks/LOCK.json", f"{name} {known.version} is not pinned")], known
    if pinned != known.digest:
        return [finding("AS-402", where, "the measure block is not the one that tasks/LOCK.json pins")], None
    return [], known


def other_key(name: str, run: TaskRun | logs.Settings, key: Key) -> str | None:
    """Return where a task was run with another track, profile or item seed than these, None where it was not."""
    found, wanted = (run.track, run.profile, run.item_seed), (key.track, key.profile, key.item_seed)
    if found == wanted:
        return None
    told = f"{name} was run with track {found[0]}, profile {found[1]}, item seed {found[2]}"
    return f"{told}, expected {wanted[0]}, {wanted[1]}, {wanted[2]}"


def _made(known: TaskSpec, run: TaskRun, first: FirstStage | None, place: str) -> documents.Made:
    """Return the items of a task, made again, and the hash of each.

    Raises
    ------
    RefusedError
        If they cannot be made from what the bundle holds.
    """
    if (known.measure.first_stage is None) != (first is None):
        told = "a second-stage task among those of a first stage" if first is None else "no second-stage task"
        raise RefusedError(finding("AS-409", place, told))
    if first is None:
        return documents.made((known.name, run.track, run.profile, _seed(known, run, place)))
    teacher, student = (of.tasks.get(str(known.measure.first_stage)) if of else None for of in first)
    if teacher is None or student is None:
        told = f"made from both models' answers to {known.measure.first_stage}, of which the bundle lacks one"
        raise RefusedError(finding("AS-409", place, told))
    try:
        made = second_stage.items_of(known, spec.task_files()[known.name].parent, teacher, student)
    except PairingError as error:
        raise RefusedError(finding("AS-409", place, str(error))) from error
    return tuple(made), tuple(logs.document_hash(item) for item in made)


def _seed(known: TaskSpec, run: TaskRun, place: str) -> int:
    """Return the seed that the items of a task follow: the item seed, or that of the canary key.

    Raises
    ------
    RefusedError
        If a key is missing, superfluous, or not one that this release and the run's track and profile can do with.
    """
    if canaries.needs_key(known) != (run.canaries is not None):
        told = "names no canary key" if run.canaries is None else "names a canary key, which its items do not follow"
        raise RefusedError(finding("AS-408", place, told))
    if run.canaries is None:
        return run.item_seed
    try:
        canaries.check_key(run.canaries, run.track, run.profile)
    except SpecError as error:
        raise RefusedError(finding("AS-408", place, str(error))) from error
    return run.canaries.seed


def _join(
    folder: Path, role: str, run: TaskRun, known: TaskSpec, made: documents.Made, budget: files.Budget
) -> tuple[logs.TaskLog | None, list[Finding]]:
    """Return the log of a task, the answers being put beside their items, or what keeps them apart."""
    asked, hashes = made
    path = sample_path(known.name)
    place = f"{role}/{path}"
    lines = files.read_lines(folder / path, place, budget)
    generated = known.measure.readout != "likelihood"
    answers, findings = read_answers(lines, place, asked, hashes, budget, texts=generated)
    if answers is None:
        return None, findings
    given = len(answers[0]) if generated else 1
    if given != run.repeats or (given != 1 and known.measure.readout == "greedy"):
        told = f"each item has {given} answers, results.json says {run.repeats}, the readout is {known.measure.readout}"
        return None, [finding("AS-406", place, told)]
    log = logs.TaskLog(
        spec=known,
        settings=_settings(run),
        items=asked,
        doc_hash=hashes,
        log_likelihoods=None if isinstance(answers, tuple) else answers,
        texts=answers if isinstance(answers, tuple) else None,
    )
    return log, []


def _settings(run: TaskRun) -> logs.Settings:
    return logs.Settings(
        track=run.track,
        profile=run.profile,
        item_seed=run.item_seed,
        sampling_seed=run.seeds.torch_seed,
        num_fewshot=run.num_fewshot,
        generation_kwargs=run.generation_kwargs,
        backend=run.backend,
        chat_template_sha=run.chat_template_sha,
        system_instruction_sha=run.system_instruction_sha,
        lm_eval_version=run.lm_eval_version,
        dtype=run.dtype,
        batch_size=run.batch_size,
        canaries=run.canaries,
        access=run.access,
    )
