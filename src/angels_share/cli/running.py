"""Commands that run models: list, config, run, models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import JustifyMethod
from rich.table import Table

from angels_share import spec
from angels_share.canaries import read_key
from angels_share.cli.shell import (
    AccessOption,
    CanariesOption,
    ProfileOption,
    SeedOption,
    SuiteOption,
    TrackOption,
    app,
    err,
    models_app,
    out,
    tell,
    write_text,
)
from angels_share.costs import cost_of, costs_known
from angels_share.errors import RunError
from angels_share.items import levels_of
from angels_share.taxonomy import ROWS

COSTS = ("items", "requests", "tokens", "time")


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="suites, rows or tasks")] = "suites",
    track: TrackOption = "small",
    profile: ProfileOption = "standard",
    access: AccessOption = "likelihood",
    tokens_per_second: Annotated[float | None, typer.Option(min=0.001, help="How fast the model is.")] = None,
    requests_per_second: Annotated[float | None, typer.Option(min=0.001, help="How fast its interface is.")] = None,
) -> None:
    """List suites, rows or tasks, with what each costs to run for one model, first stage."""
    speed = (tokens_per_second, requests_per_second)
    costs = COSTS if any(speed) else COSTS[:-1]
    if what == "suites":
        table = _table("suite", "version", "rows", "tasks", "by text", "primary metric", *costs)
        for suite in (found.seen_by(access) for found in spec.suites().values()):
            metric = f"{suite.primary.metric} of\n{suite.primary.task}"
            sizes = _costs(suite.tasks, track, profile, access, speed)
            table.add_row(suite.name, suite.version, ", ".join(suite.rows), *_counted(suite.tasks), metric, *sizes)
    elif what == "rows":
        table = _table("row", "at stake", "tasks", "by text", *costs)
        for row, names in spec.rows().items():
            seen = tuple(map(spec.in_words, names)) if access == "text" else names
            table.add_row(row, ROWS[row].at_stake, *_counted(seen), *_costs(seen, track, profile, access, speed))
    elif what == "tasks":
        table = _table("task", "version", "row", "needs", "observable", "utility", *costs)
        for task in spec.tasks().values():
            m = task.measure
            needs = _needs(task.name)
            told = (str(task.version), m.row, needs, m.observable, m.utility or "none")
            table.add_row(task.name, *told, *_costs([task.name], track, profile, access, speed))
    else:
        raise RunError(f"cannot list {what!r}; choose suites, rows or tasks")
    levels = " and ".join(map(str, levels_of(track)))
    table.title = f"One model, track {track} (levels {levels}), profile {profile}"
    table.caption = (
        "Requests and tokens are estimates, at most so many; second stages come on top, and what a data set of the Hub "
        "holds is not known before it is loaded."
    )
    out.print(table)


def _table(*headings: str) -> Table:
    table = Table()
    for k, heading in enumerate(headings):
        justify: JustifyMethod = "right" if heading in COSTS else "left"
        table.add_column(heading, no_wrap=k == 0 or heading == "primary metric", justify=justify, overflow="fold")
    return table


def _needs(name: str) -> str:
    return "text" if spec.readable(name, "text") else "likelihoods"


def _counted(names: Sequence[str]) -> tuple[str, str]:
    """Return how many tasks there are, and how many of them, or their twins, can be run on text alone."""
    readable = sum(_needs(spec.in_words(name)) == "text" for name in names)
    return str(len(names)), str(readable)


def _costs(
    names: Sequence[str], track: str, profile: str, access: spec.Access, speed: tuple[float | None, float | None]
) -> tuple[str, ...]:
    """Return the cells of what tasks cost; those that the access cannot run cost nothing."""
    names = [name for name in names if spec.readable(name, access)]
    if any(not costs_known(name) for name in names):
        return "", "", "", *([""] * any(speed))
    cost = cost_of(names, track, profile)
    told = (f"{cost.items:,}", f"{cost.requests:,}", _rounded(cost.tokens))
    return (*told, _duration(cost.seconds(*speed))) if any(speed) else told


def _rounded(count: float) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k"


def _duration(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


@app.command()
def config(
    suite: SuiteOption,
    track: TrackOption = "small",
    profile: ProfileOption = "standard",
    seed: SeedOption = 0,
    backend: Annotated[str, typer.Option(help="lm-eval's name of the backend.")] = "hf",
    batch_size: Annotated[str, typer.Option()] = "8",
    device: Annotated[str | None, typer.Option()] = None,
    canaries: CanariesOption = None,
    access: AccessOption = "likelihood",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write; else standard output.")] = None,
) -> None:
    """Write a configuration file with which plain lm-eval runs suites."""
    from angels_share.harness import Settings, lm_eval_config

    key = read_key(canaries) if canaries else None
    settings = Settings(tuple(suite), track, profile, seed, batch_size, device, canaries=key, access=access)
    text = lm_eval_config(settings, backend)
    for notice in settings.notices:
        tell(notice)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text(output, text)
        tell(f"wrote {output}")


@app.command()
def run(
    student: Annotated[str, typer.Option(help="backend:key=value,…, such as hf:pretrained=FOLDER,dtype=float32.")],
    suite: SuiteOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the pair's run.")],
    teacher: Annotated[str | None, typer.Option(help="As --student; or give --teacher-run.")] = None,
    teacher_run: Annotated[
        Path | None, typer.Option(help="Folder of a finished pair run whose teacher to use.")
    ] = None,
    track: TrackOption = "small",
    profile: ProfileOption = "pilot",
    seed: SeedOption = 0,
    repeat: Annotated[bool, typer.Option(help="Also run the teacher again: the test of every task.")] = False,
    calibrate: Annotated[
        bool, typer.Option(help="Also run the teacher on the calibration items, which decide what can be measured.")
    ] = True,
    second_stage: Annotated[
        bool, typer.Option(help="Also run the tasks that are made from both models' own answers.")
    ] = True,
    batch_size: Annotated[str, typer.Option()] = "8",
    device: Annotated[str | None, typer.Option()] = None,
    apply_chat_template: Annotated[bool, typer.Option("--apply-chat-template")] = False,
    system_instruction: Annotated[str | None, typer.Option()] = None,
    canaries: CanariesOption = None,
    access: AccessOption = "likelihood",
    teacher_seed: Annotated[int | None, typer.Option(help="Sampling seed of the teacher.")] = None,
    student_seed: Annotated[int | None, typer.Option(help="Sampling seed of the student.")] = None,
) -> None:
    """Run a teacher and a student through suites, each task once; goes on where a killed run stopped."""
    from angels_share import harness

    if (teacher is None) == (teacher_run is None):
        raise RunError("give either --teacher or --teacher-run")
    given = {"teacher": teacher_seed, "student": student_seed}
    planned = harness.plan(
        output,
        harness.Settings(
            tuple(suite),
            track,
            profile,
            seed,
            batch_size,
            device,
            apply_chat_template,
            system_instruction,
            read_key(canaries) if canaries else None,
            access,
        ),
        teacher=harness.ModelChoice.parse(teacher) if teacher else None,
        student=harness.ModelChoice.parse(student),
        repeat=repeat,
        calibrate=calibrate,
        second_stage=second_stage,
        adopted=harness.teacher_of(teacher_run) if teacher_run else None,
        seeds={k: v for k, v in given.items() if v is not None},
        say=tell,
    )
    err.print("The same with plain lm-eval:")
    for line in harness.commands(planned):
        tell(f"  {line}")
    if teacher_run is not None:
        harness.adopt_teacher(teacher_run, planned)
    harness.run(planned)
    tell(f"done: {output}. Next: angels-share score {output}")


@models_app.command("list")
def models_list() -> None:
    """List the models that the project ships or names."""
    from angels_share.models import MODELS

    table = Table("model", "what it is", "licence")
    for name, model in MODELS.items():
        table.add_row(name, model.title, model.licence)
    out.print(table)


@models_app.command("get")
def models_get(
    name: Annotated[str, typer.Argument()],
    to: Annotated[Path | None, typer.Option("--to", help="Target folder; default: the user's cache.")] = None,
) -> None:
    """Get a model, check it, and print its folder."""
    from angels_share.models import get

    typer.echo(get(name, to, progress=tell))
