"""The command itself, where it writes, and the options that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from angels_share.errors import AngelsShareError, RunError
from angels_share.items import PROFILES, TRACKS
from angels_share.spec import Access

app = typer.Typer(
    help="What did the student lose? Runs, scores and documents pairs of a teacher and its student.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
models_app = typer.Typer(help="Get and check the models that the project ships or names.", no_args_is_help=True)
app.add_typer(models_app, name="models")

out = Console(width=max(140, Console().width))
err = Console(stderr=True, highlight=False)

SuiteOption = Annotated[list[str], typer.Option("--suite", help="Name of a suite; may be given several times.")]
TrackOption = Annotated[str, typer.Option(help=f"Difficulty: {', '.join(TRACKS)}.")]
ProfileOption = Annotated[str, typer.Option(help=f"Number of items: {', '.join(PROFILES)}.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Item seed; 0 is the public set.")]
AccessOption = Annotated[
    Access,
    typer.Option(help="What both models are read by: text for a model behind an interface that gives no likelihoods."),
]
CanariesOption = Annotated[
    Path | None,
    typer.Option(
        "--canaries", help="Key that `angels-share canaries make` wrote; without it privacy tasks are left out."
    ),
]


def main() -> None:
    """Run the command line; expected errors are told in a line, without a traceback."""
    try:
        app()
    except AngelsShareError as error:
        err.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)


def tell(line: str) -> None:
    """Write a line to standard error as it is."""
    err.print(line, markup=False, soft_wrap=True)


def write_text(path: Path, text: str) -> None:
    """Write a file, making its folder, or say why it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error})") from error


def pair_folders(
    teacher: Path, student: Path | None, repeat: Path | None, calibration: Path | None
) -> tuple[Path, Path, Path | None, Path | None]:
    """Return the run folders of teacher, student, repeat and calibration, given apart or as the run of a pair."""
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
