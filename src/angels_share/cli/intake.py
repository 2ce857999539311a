"""What continuous integration runs on a pull request: intake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from angels_share.cli.history import DateOption, day_of
from angels_share.cli.shell import app, write_text
from angels_share.cli.submitting import Form, print_examined


@app.command()
def intake(
    base: Annotated[Path, typer.Option(help="Folder of the project as it is.")],
    head: Annotated[Path, typer.Option(help="Folder of the project with the pull request; read as data alone.")],
    login: Annotated[str, typer.Option(help="Who opened the pull request.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File for the report as a comment.")] = None,
    form: Annotated[Form, typer.Option("--format", help="How the report is printed.")] = "rich",
    date: DateOption = None,
) -> None:
    """Check a pull request that adds submissions: what it changes, how many it adds, and every bundle in it."""
    from angels_share.submission.intake import intake as examine
    from angels_share.submission.reporting import as_markdown

    told = list(examine(base, head, login, day_of(date)))
    if output is not None:
        write_text(output, as_markdown(told))
    raise typer.Exit(print_examined(told, form))
