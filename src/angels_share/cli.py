"""The ``angels-share`` command. The only module that prints or exits.

Data goes to standard output, messages to standard error. Exit code 0: done, warnings allowed; 1: errors were found in
what was examined; 2: the command could not run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from angels_share import spec
from angels_share.errors import AngelsShareError, RunError
from angels_share.items import PROFILES, TRACKS, package_folder
from angels_share.score.model import Estimate, PairScore, TaskScore

app = typer.Typer(
    help="What did the student lose? Runs, scores and documents pairs of a teacher and its student.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
models_app = typer.Typer(help="Get and check the models that the project ships or names.", no_args_is_help=True)
app.add_typer(models_app, name="models")

out = Console(width=max(130, Console().width))
err = Console(stderr=True, highlight=False)

SuiteOption = Annotated[list[str], typer.Option("--suite", help="Name of a suite; may be given several times.")]
TrackOption = Annotated[str, typer.Option(help=f"Difficulty: {', '.join(TRACKS)}.")]
ProfileOption = Annotated[str, typer.Option(help=f"Number of items: {', '.join(PROFILES)}.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Item seed; 0 is the public set.")]


def main() -> None:
    """Run the command line; expected errors are told in a line, without a traceback."""
    try:
        app()
    except AngelsShareError as error:
        err.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)


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
        table = Table("task", "version", "row", "readout", "observable", "utility", "clusters × items (standard)")
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
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write; else standard output.")] = None,
) -> None:
    """Write a configuration file with which plain lm-eval runs suites."""
    from angels_share.harness import Settings, lm_eval_config

    settings = Settings(tuple(suite), track, profile, seed, batch_size, device)
    text = lm_eval_config(settings, backend)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")
        err.print(f"wrote {output}")


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
    batch_size: Annotated[str, typer.Option()] = "8",
    device: Annotated[str | None, typer.Option()] = None,
    apply_chat_template: Annotated[bool, typer.Option("--apply-chat-template")] = False,
    system_instruction: Annotated[str | None, typer.Option()] = None,
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
            tuple(suite), track, profile, seed, batch_size, device, apply_chat_template, system_instruction
        ),
        teacher=harness.ModelChoice.parse(teacher) if teacher else None,
        student=harness.ModelChoice.parse(student),
        repeat=repeat,
        calibrate=calibrate,
        seeds={k: v for k, v in given.items() if v is not None},
        say=lambda line: err.print(line, markup=False, soft_wrap=True),
    )
    err.print("The same with plain lm-eval:")
    for line in harness.commands(planned):
        err.print(f"  {line}", markup=False, soft_wrap=True)
    if teacher_run is not None:
        harness.adopt_teacher(teacher_run, planned)
    harness.run(planned)
    err.print(f"done: {output}. Next: angels-share score {output}", markup=False, soft_wrap=True)


@app.command()
def score(
    teacher: Annotated[Path, typer.Argument(help="Folder of a pair's run, or the teacher's run folder.")],
    student: Annotated[Path | None, typer.Argument(help="The student's run folder.")] = None,
    suite: Annotated[
        list[str] | None, typer.Option("--suite", help="Default: every suite that the runs cover.")
    ] = None,
    repeat: Annotated[Path | None, typer.Option(help="Run folder of the teacher's repeat.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="Run folder of the teacher on calibration items.")] = None,
    statement: Annotated[Path | None, typer.Option(help="Loss statement with the author's claims and margins.")] = None,
    resamples: Annotated[int, typer.Option(min=100)] = 2000,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File for the score as JSON.")] = None,
) -> None:
    """Score a pair: what the student kept, lost, changed, and what nobody measured."""
    from angels_share.logs import read_run
    from angels_share.score import score_pair
    from angels_share.statement import read as read_statement

    folders = _pair_folders(teacher, student, repeat, calibration)
    ours, theirs, again, decided = (read_run(folder) if folder else None for folder in folders)
    made = read_statement(statement) if statement else None
    covered = [s.name for s in spec.suites().values() if ours and ours.tasks.keys() & set(s.tasks)]
    names = suite or list(made.suites if made else covered)
    if ours is None or theirs is None or not names:
        raise RunError(f"{teacher}: holds no task of any suite; see `angels-share list tasks`")
    result = score_pair(
        ours,
        theirs,
        suites=names,
        repeat=again,
        calibration=decided,
        claims={name: part.claims for name, part in made.suites.items()} if made else None,
        resamples=resamples,
    )
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(result.model_dump_json(indent=1) + "\n", "utf-8")
        err.print(f"wrote {output}")
    print_score(result)


def _pair_folders(
    teacher: Path, student: Path | None, repeat: Path | None, calibration: Path | None
) -> tuple[Path, Path, Path | None, Path | None]:
    if student is not None:
        return teacher, student, repeat, calibration
    from angels_share.harness import roles_of

    found = roles_of(teacher)
    return (
        found["teacher"],
        found["student"],
        repeat or found.get("teacher_repeat"),
        calibration or found.get("teacher_calibration"),
    )


@app.command("statement")
def statement_(
    score_file: Annotated[Path, typer.Argument(help="Score as `angels-share score -o` writes it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Statement to write: .yaml, .json or .md.")],
    earlier: Annotated[Path | None, typer.Option(help="Statement whose author's parts are kept.")] = None,
) -> None:
    """Draft a Distillation Loss Statement from a score, or render a finished one as Markdown."""
    from angels_share import statement

    made = read_score(score_file)
    before = statement.read(earlier) if earlier else None
    if output.suffix == ".md":
        if before is None:
            raise RunError("a Markdown statement needs the author's parts; give the filled-in file with --earlier")
        output.write_text(statement.to_markdown(before, made, statement.check(before, made)), "utf-8")
    else:
        statement.write(statement.draft(made, before), output)
    err.print(f"wrote {output}")


def read_score(path: Path) -> PairScore:
    """Return a score file, or say what is wrong with it."""
    from pydantic import ValidationError

    try:
        return PairScore.model_validate_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RunError(f"{path}: is no score of this release: {place}: {first['msg']}; score the pair again") from error


@app.command()
def lock(
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit 1 if something changed.")] = False,
) -> None:
    """Pin the digests of every task's items and measure block in tasks/LOCK.json."""
    from angels_share.spec import make_lock

    path = package_folder("tasks") / "LOCK.json"
    held = spec.lock()
    made = make_lock()
    changed = [key for key, entry in made.items() if key in held and held[key] != entry]
    for key in changed:
        err.print(f"{key}: changed since it was locked; raise the version in its YAML", style="red")
    new = [key for key in made if key not in held]
    if changed or (check and new):
        for key in new:
            err.print(f"{key}: is not locked yet; run angels-share lock", style="red")
        raise typer.Exit(1)
    if not check:
        path.write_text(json.dumps(held | made, indent=1, sort_keys=True) + "\n", "utf-8")
        err.print(f"wrote {path}: {len(new)} new, {len(held | made)} in all")


@app.command()
def leaderboard(
    index: Annotated[Path, typer.Option(help="Folder that `angels-share index` wrote.")] = Path("index"),
    port: Annotated[int, typer.Option()] = 8501,
) -> None:
    """Serve the leaderboard until stopped."""
    shell = package_folder("leaderboard") / "app.py"
    err.print(f"Leaderboard: http://localhost:{port}  (Ctrl-C stops it)")
    command = [sys.executable, "-m", "streamlit", "run", str(shell), "--server.port", str(port)]
    command += [
        "--server.headless",
        "true",
        "--browser.gatherUsageStats",
        "false",
        "--",
        "--index",
        str(index.resolve()),
    ]
    raise typer.Exit(subprocess.call(command, cwd=shell.parent, env=dict(os.environ)))


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

    typer.echo(get(name, to, progress=lambda line: err.print(line, markup=False, soft_wrap=True)))


def print_score(score: PairScore) -> None:
    """Print a score as tables: numbers ×100, with their 95 % intervals."""
    key = score.key
    out.print(
        f"[bold]{score.student}[/] ← {score.teacher}   track {key.track}, {key.profile}, item seed {key.item_seed}"
    )
    table = Table(box=box.SIMPLE, padding=(0, 1))
    for heading in ("task", "verdict", "loss L", "Δ / Δ₁", "teacher", "student", "change δ"):
        table.add_column(heading, no_wrap=True)
    for task in score.tasks:
        table.add_row(task.task, *_task_cells(task))
    out.print(table)
    for task in score.tasks:
        if task.gap is not None:
            charged = "charged in full" if task.gap.side == "submitter" else "not charged"
            out.print(f"{task.task} was not measured ({charged}): {task.gap.reason}", markup=False, soft_wrap=True)
    for suite in score.suites:
        share = suite.angels_share
        parts = (
            f" = {_x100(share.accounted)} accounted + {_x100(share.undisclosed)} undisclosed "
            f"+ {_x100(share.unmeasured)} unmeasured"
            if share
            else ""
        )
        out.print(f"[bold]{suite.suite}[/] {suite.version}")
        out.print(f"  retention     {_interval(suite.primary.retention) or suite.primary.reason}")
        out.print(f"  angel's share {_interval(share.total) if share else 'none'}{parts}")
        out.print(f"  composite     {_interval(suite.composite) or 'none'}   coverage {suite.coverage:.0%}")
        for reason in suite.reasons:
            out.print(f"  not rankable: {reason}", markup=False, soft_wrap=True)
    for flag in score.flags:
        out.print(f"flag: {flag}", markup=False)
    if score.repeat:
        moved = [t.task for t in score.repeat if t.verdict in ("HARMFUL", "CORRECTIVE", "SHIFTED")]
        told = f"differs on {', '.join(moved)}" if moved else "agrees with the teacher on every measured task"
        out.print(f"teacher's repeat: {told}")
    out.print("Intervals are 95 %, for these checkpoints on these items, not for the method that made the student.")


def _task_cells(task: TaskScore) -> tuple[str, ...]:
    if task.gap is not None:
        return task.verdict, "", "", "", "", ""
    ratio = f"{_x100(task.divergence.value)} / {_x100(task.teacher_variation.value)}" if (
        task.divergence and task.teacher_variation
    ) else ""  # fmt: skip
    return (
        task.verdict,
        _interval(task.loss),
        ratio,
        _x100(task.teacher_level.value) if task.teacher_level else "",
        _x100(task.student_level.value) if task.student_level else "",
        _interval(task.change),
    )


def _x100(value: float) -> str:
    return f"{100 * value + 0.0:.1f}"


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{_x100(estimate.value)} \\[{_x100(estimate.low)}, {_x100(estimate.high)}]"
