"""The command that says whether the benchmark measures what it claims: validity."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from angels_share.cli.shell import app, err, out, tell
from angels_share.errors import RunError


@app.command()
def validity(
    submissions: Annotated[Path, typer.Argument(help="Folder of bundles, with the reference family's.")] = Path(
        "submissions"
    ),
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the report.")] = Path("validity"),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
) -> None:
    """Write the validity report: which losses the benchmark finds that are known to be there, and which it misses."""
    from rich.progress import Progress

    from angels_share.validity import report, writing

    with Progress(console=err, transient=True) as progress:
        bar = progress.add_task("scoring the reference family")
        found = report.validity(
            submissions,
            workers=workers,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    try:
        writing.write(found, output)
    except OSError as error:
        raise RunError(f"{output}: cannot be written: {error}; is it a file, or is the disk full?") from error
    for miss in found.detection.misses:
        out.print(f"missed: {miss.row}: {miss.reason}", markup=False, soft_wrap=True)
    detection = found.detection
    planted = len(detection.found) + len(detection.misses)
    out.print(
        f"{len(detection.found)} of {planted} planted losses are found on every set of items; "
        f"{detection.alarms} of {detection.off_diagonal} other cells fire."
    )
    tell(f"wrote {output}")
