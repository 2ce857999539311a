"""Commands that run models: list, config, run, models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
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
from angels_share.errors import RunError


@app.command("list")
def list_(what: Annotated[str, typer.Argument(help="suites or tasks")] = "suites") -> None:
    """List the suites with their tasks, or the tasks with what they measure."""
    if what == "suites":
        table = Table("suite", "version", "rows", "tasks", "primary metric", title=None)
        for suite in spec.suites().values():
            rows = ", ".join(suite.rows)
            metric = f"{suite.primary.metric} of {suite.primary.task}"
            table.add_row(suite.name, suite.version, rows, "\n".join(suite.tasks), metric)
    elif what == "tasks":
        table = Table()
        for heading in ("task", "version", "row", "readout", "observable", "utility", "clusters × items (standard)"):
            table.add_column(heading, no_wrap=heading == "task")
        for task in spec.tasks().values():
            m = task.measure
            size = f"{m.clusters} × {m.per_cluster}"
            table.add_row(task.name, str(task.version), m.row, m.readout, m.observable, m.utility or "none", size)
    else:
        raise RunError(f"cannot list {what!r}; choose suites or tasks")
    out.print(table)


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
