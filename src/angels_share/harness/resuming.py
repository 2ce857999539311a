"""What a folder holds already: finished tasks to go on from, and a finished teacher to use again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from angels_share.errors import LogError, PairingError, RunError
from angels_share.harness.planning import DEFAULT_SEEDS, PairRun, Role, Settings
from angels_share.harness.provenance import conditions, earlier_roles, write_record
from angels_share.logs import TaskLog, read_run, results_files
from angels_share.second_stage import check


def finished_tasks(folder: Path, settings: Settings, role: Role) -> dict[str, TaskLog]:
    """Return the logs of the tasks that a role's folder already holds.

    Raises
    ------
    RunError
        If they were made with other settings or another model, so that going on would mix two runs.
    LogError
        If a log in the folder is damaged.
    """
    if not results_files(folder):
        return {}
    held = read_run(folder)
    tasks = {name: log for name, log in held.tasks.items() if bool(log.spec.measure.first_stage) == role.second_stage}
    for name, log in tasks.items():
        had, wanted = log.settings.switch, settings.switch(role.name, log.spec)
        if had != wanted or log.settings.sampling_seed != role.sampling_seed:
            raise RunError(
                f"{folder}: holds {name} with {had} and sampling seed {log.settings.sampling_seed}, but now {wanted} "
                f"and {role.sampling_seed} are asked for; use another --output, or move the folder away"
            )
    model = role.model.args.get("pretrained") or role.model.args.get("model")
    if model is not None and held.model != model:
        raise RunError(f"{folder}: holds a run of {held.model}, but {model} is asked for; use another --output")
    return tasks


def check_conditions(pair: PairRun, begun: Sequence[str]) -> None:
    """Refuse to go on with roles that began under other conditions than the ones asked for now."""
    before, now = earlier_roles(pair.output), {role.label: conditions(pair, role) for role in pair.roles}
    for name in begun:
        for key, value in before.get(name, {}).items():
            if key in now[name] and now[name][key] != value:
                raise RunError(
                    f"{pair.output}: {name} was begun with {key} {value}, but now {now[name][key]} is asked for; "
                    "use another --output, or move the folder away"
                )


def check_second_stage(pair: PairRun) -> None:
    """Refuse to go on with a second stage that was made from other first stages than those that are there now."""
    for role in (role for role in pair.roles if role.second_stage):
        folder = pair.folder(role)
        if not results_files(folder):
            continue
        logs = read_run(folder).tasks
        first = list(dict.fromkeys(str(log.spec.measure.first_stage) for log in logs.values()))
        try:
            teacher, student = (read_run(pair.output / name, only=first) for name in ("teacher", "student"))
            for log in logs.values():
                of = str(log.spec.measure.first_stage)
                check(log, teacher.tasks.get(of), student.tasks.get(of))
        except (LogError, PairingError) as error:
            raise RunError(f"{folder}: {error}; move the folder away") from error


def adopt_teacher(finished: Path, pair: PairRun) -> None:
    """Copy the teacher's logs of a finished run of a pair into this one, so that the teacher need not run again.

    Raises
    ------
    RunError
        If the teacher there ran with other settings, lacks a task, or has the student's sampling seed.
    """
    folder = roles_of(finished)["teacher"]
    held = read_run(folder)
    student = next(role for role in pair.roles if role.name == "student")
    missing = [task for task in pair.settings.tasks if task not in held.tasks]
    if missing:
        raise RunError(f"{folder}: the teacher's run lacks {', '.join(missing)}; run it with the same suites")
    for name, log in held.tasks.items():
        wanted = pair.settings.switch("teacher", log.spec)
        if log.settings.switch != wanted:
            raise RunError(f"{folder}: {name} was run with {log.settings.switch}, but now {wanted} is asked for")
        if log.settings.sampling_seed == student.sampling_seed:
            raise RunError(
                f"{folder}: the teacher has sampling seed {student.sampling_seed}, as the student would; "
                "give another --student-seed"
            )
    target = pair.output / "teacher"
    if target.is_dir() and target.resolve() != folder.resolve() and (there := read_run(target).model) != held.model:
        raise RunError(f"{target}: holds a run of {there}, but {held.model} is to be adopted; use another --output")
    if pair.output.resolve() == finished.resolve():
        return
    roles = {name: record for name, record in earlier_roles(finished).items() if name in DEFAULT_SEEDS}
    roles.pop("student", None)
    record = {"roles": earlier_roles(pair.output) | roles}
    try:
        for name, source in roles_of(finished).items():
            if name != "student":
                own = shutil.ignore_patterns("second_stage")
                shutil.copytree(source, pair.output / name, ignore=own, dirs_exist_ok=True)
        write_record(pair.output, record)
    except OSError as error:
        raise RunError(f"{pair.output}: the teacher's run cannot be copied there: {error}") from error


def roles_of(output: Path) -> dict[str, Path]:
    """Return the folder of each role that a pair's run holds.

    Raises
    ------
    LogError
        If the teacher or the student is missing.
    """
    found = {name: output / name for name in DEFAULT_SEEDS if (output / name).is_dir()}
    missing: Sequence[str] = [name for name in ("teacher", "student") if name not in found]
    if missing:
        raise LogError(f"{output}: holds no run of the {' or the '.join(missing)}; see `angels-share run`")
    return found
