"""Commands around submissions: pack, teacher, validate, rescore, index, reference, leaderboard."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from angels_share.cli.shell import app, err, out, pair_folders, tell, write_text
from angels_share.errors import RunError, did_you_mean
from angels_share.items import package_folder

if TYPE_CHECKING:
    from angels_share.submission import Rescored
    from angels_share.submission.reporting import Examined

Form = Literal["rich", "json", "github", "md"]
"""How findings are shown."""

STYLES = {"error": "red", "warning": "yellow"}
"""Colours of what is told about a finding of this severity."""


@app.command()
def pack(
    run: Annotated[Path, typer.Argument(help="Folder of a pair's run, or the teacher's run folder.")],
    statement: Annotated[Path, typer.Option(help="Loss statement with the author's parts filled in.")],
    student: Annotated[
        Path | None, typer.Argument(help="The student's run folder, where RUN is the teacher's.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of submissions.")] = Path("submissions"),
    repeat: Annotated[Path | None, typer.Option(help="Run folder of the teacher's repeat.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="Run folder of the teacher on calibration items.")] = None,
    canonical: Annotated[
        str | None, typer.Option(help="Name of the canonical teacher to refer to instead of copying the teacher's log.")
    ] = None,
    teacher_weights: Annotated[Path | None, typer.Option(help="Folder of the teacher's weights, to hash.")] = None,
    student_weights: Annotated[Path | None, typer.Option(help="Folder of the student's weights, to hash.")] = None,
    teacher_licence: Annotated[str | None, typer.Option(help="SPDX id.")] = None,
    student_licence: Annotated[str | None, typer.Option(help="SPDX id.")] = None,
    submitter: Annotated[str, typer.Option()] = "",
    trained_on_items: Annotated[
        str, typer.Option(help="Was either model trained on evaluated items? no, yes or unknown.")
    ] = "unknown",
    variants_tried: Annotated[int | None, typer.Option(min=1, help="Students made before this one was chosen.")] = None,
    notes: Annotated[str, typer.Option()] = "",
    digits: Annotated[
        int | None, typer.Option(min=3, max=17, help="Decimals of log-likelihoods; fewer make a smaller bundle.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle of the same pair.")] = False,
) -> None:
    """Pack a pair and its statement into a submission bundle."""
    from pydantic import ValidationError

    from angels_share import statement as statements
    from angels_share import submission

    folders = pair_folders(run, student, repeat, calibration)
    try:
        declared = submission.Declarations.model_validate(
            {"trained_on_evaluated_items": trained_on_items, "n_variants_tried": variants_tried}
        )
    except ValidationError as error:
        raise RunError(f"--trained-on-items {trained_on_items}: say no, yes or unknown") from error
    made = submission.pack(
        folders[0],
        folders[1],
        statement,
        output,
        suites=list(statements.read(statement).suites),
        repeat=None if canonical else folders[2],
        calibration=None if canonical else folders[3],
        canonical=output / "teachers" / canonical if canonical else None,
        teacher_folder=teacher_weights,
        student_folder=student_weights,
        teacher_licence=teacher_licence,
        student_licence=student_licence,
        declarations=declared,
        submitter=submitter,
        notes=notes,
        digits=digits,
        force=force,
    )
    typer.echo(made)


@app.command()
def teacher(
    run: Annotated[Path, typer.Argument(help="Folder of a pair's run, whose teacher to keep.")],
    name: Annotated[str, typer.Option(help="Name under which pairs refer to the teacher.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of submissions.")] = Path("submissions"),
    weights: Annotated[Path | None, typer.Option(help="Folder of the weights, to hash.")] = None,
    licence: Annotated[str | None, typer.Option(help="SPDX id.")] = None,
) -> None:
    """Register a canonical teacher: its logs are kept once, and pairs refer to them."""
    from angels_share.submission import register_teacher

    ours, _, again, decided = pair_folders(run, None, None, None)
    made = register_teacher(
        ours, output / "teachers", name, calibration=decided, repeat=again, folder=weights, licence=licence
    )
    typer.echo(made)


@app.command()
def validate(
    paths: Annotated[list[Path] | None, typer.Argument(help="Bundles, or folders of bundles.")] = None,
    form: Annotated[
        Form, typer.Option("--format", help="For a terminal, as JSON, as annotations of GitHub, or as a comment.")
    ] = "rich",
    explain: Annotated[str | None, typer.Option(help="Say what a rule means, such as AS-101.")] = None,
    max_findings: Annotated[
        int | None, typer.Option(min=1, help="Findings of one rule that are shown; default 5, and all as json.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes, by default one a core.")] = None,
) -> None:
    """Check submission bundles: structure, hashes, items and the score, which is computed again from the logs.

    Exit code 0: no bundle has an error; 1: a bundle is refused; 2: a bundle could not be validated.
    """
    from angels_share.submission import rules
    from angels_share.submission.reporting import SHOWN, examine_all

    if explain is not None:
        rule = explain.upper()
        if rule not in rules():
            raise RunError(f"rule {explain!r} is unknown. {did_you_mean(rule, rules())}")
        typer.echo(f"{rule}: {rules()[rule]}")
        return
    if not paths:
        raise RunError("give a bundle or a folder of bundles, or --explain a rule")
    bundles = [bundle for path in paths for bundle in _bundles(path)]
    most = max_findings or (None if form == "json" else SHOWN)
    raise typer.Exit(print_examined(examine_all(bundles, most=most, workers=workers), form))


def print_examined(bundles: Iterable[Examined], form: Form) -> int:
    """Print what was found, bundle by bundle where the form allows it, and return the exit code."""
    from angels_share.submission import reporting

    told = []
    for examined in bundles:
        told.append(examined)
        if form == "rich":
            _print_lines(examined)
        elif form == "github":
            typer.echo("\n".join(reporting.as_github(examined)))
    if form in ("json", "md"):
        typer.echo(reporting.as_json(told) if form == "json" else reporting.as_markdown(told))
    if any(examined.broken for examined in told):
        return 2
    return int(not all(examined.accepted for examined in told))


def _print_lines(examined: Examined) -> None:
    from angels_share.submission.reporting import as_lines

    width = min(max(shutil.get_terminal_size().columns, 40), 100)
    for severity, line in as_lines(examined, width):
        out.print(line, style=STYLES.get(severity or "", ""), markup=False, highlight=False, soft_wrap=True)


@app.command()
def rescore(
    path: Annotated[Path, typer.Argument(help="A bundle, or a folder of bundles.")] = Path("submissions"),
) -> None:
    """Write the score that a bundle's own logs give, after a release that changes numbers; refuse any other fault."""
    from angels_share.submission import rescore_bundle

    refused = False
    for bundle in _bundles(path):
        made = rescore_bundle(bundle)
        for finding in made.refused:
            tell(f"{bundle.name}: {finding}")
        refused |= bool(made.refused)
        word = "refused" if made.refused else "rescored" if made.written else "unchanged"
        told = f": {_told(made)}" if made.written else ""
        out.print(f"{word:9}  {bundle.name}{told}", markup=False, highlight=False, soft_wrap=True)
    if refused:
        raise typer.Exit(1)


def _bundles(path: Path) -> list[Path]:
    """Return a bundle, or those that a folder holds."""
    if not path.is_dir():
        raise RunError(f"{path}: there is no such folder; give a bundle or a folder of bundles")
    if any((path / name).exists() for name in ("submission.json", "statement.json", "score.json", "student")):
        return [path]
    found = sorted(p for p in path.iterdir() if p.is_dir() and p.name != "teachers" and not p.name.startswith("."))
    if not found:
        raise RunError(f"{path}: holds no bundle; `angels-share pack` makes one")
    return found


def _told(made: Rescored) -> str:
    """Say how much of a score changed, and which number most."""
    moved = [(change.size, str(change)) for change in made.changes if change.size is not None]
    told = f"{len(made.changes)} values changed"
    told += ", a number at most by {:.2g}: {}".format(*max(moved)) if moved else ", none from one number to another"
    return told + (", the statement with them" if "statement.json" in made.written else "")


@app.command()
def index(
    submissions: Annotated[Path, typer.Argument(help="Folder of bundles.")] = Path("submissions"),
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the index.")] = Path("index"),
    validity: Annotated[
        Path, typer.Option(help="Validity report for the methods page; left out where the file is missing.")
    ] = Path("validity/report.json"),
) -> None:
    """Validate every submission and build the tables that the leaderboard reads."""
    from rich.progress import Progress

    from angels_share.index import build_index
    from angels_share.validity import writing

    beside = {"validity.json": writing.read(validity).model_dump_json().encode()} if validity.exists() else {}
    with Progress(console=err, transient=True) as progress:
        bar = progress.add_task("validating submissions")
        summary = build_index(
            submissions,
            output,
            lambda done, total: progress.update(bar, completed=done, total=total),
            beside,
            workers=None,
        )
    for entry in summary.left_out:
        tell(f"left out: {entry.folder}: {'; '.join(entry.reasons)}")
    tell(f"wrote {output}")
    if summary.left_out:
        raise typer.Exit(1)


@app.command()
def reference(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the project.")] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit 1 if a file is out of date.")] = False,
) -> None:
    """Write the JSON Schemas of a bundle's files, and the list of the rules: schemas/ and docs/RULES.md."""
    from angels_share.submission.schemas import reference as made

    old = []
    for place, content in made().items():
        path = output / place
        if not check:
            write_text(path, content)
        elif not path.exists() or path.read_text("utf-8") != content:
            old.append(path)
            tell(f"{path}: is out of date; run `angels-share reference`")
    if old:
        raise typer.Exit(1)


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
