"""Commands of maintainers around the history: history accept, supersede, withdraw, check."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from angels_share.cli.shell import app, out, tell
from angels_share.errors import RunError

history_app = typer.Typer(
    help="For maintainers: what was accepted, and what became of it. Lines are added and never changed.",
    no_args_is_help=True,
)
app.add_typer(history_app, name="history")

ByOption = Annotated[str, typer.Option(help="Who does it: a name without spaces.")]
DateOption = Annotated[
    dt.datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Day in UTC; default: today.")
]
SubmissionsOption = Annotated[Path, typer.Option(help="Folder of bundles, which holds HISTORY.jsonl.")]
PairArgument = Annotated[str, typer.Argument(help="Pair id, or name of the bundle's folder, which may be gone.")]


def day_of(given: dt.datetime | None) -> dt.date:
    """Return the day that was given, else today in UTC."""
    return (given or dt.datetime.now(dt.UTC)).date()


@history_app.command()
def accept(
    path: Annotated[list[Path], typer.Argument(help="Bundles, or one folder of bundles.")],
    by: ByOption = "maintainers",
    reason: Annotated[str, typer.Option(help="Such as the pull request, or the release that changed the score.")] = "",
    date: DateOption = None,
) -> None:
    """Accept bundles that validate; one that is known with the same answers and another score is noted as rescored."""
    from angels_share.submission.history import accept as accept_bundles
    from angels_share.submission.history import bundles_of

    bundles = [bundle for given in path for bundle in bundles_of(given) or [given]]
    outcomes = accept_bundles(bundles, by=by, day=day_of(date), reason=reason)
    for outcome in outcomes:
        for finding in outcome.findings:
            tell(f"{outcome.folder}: {finding}")
        out.print(f"{outcome.word:10}  {outcome.folder}", markup=False, highlight=False, soft_wrap=True)
    if any(outcome.findings for outcome in outcomes):
        raise typer.Exit(1)


@history_app.command()
def supersede(
    pair: PairArgument,
    successor: Annotated[str, typer.Argument(help="The accepted pair that takes its place, likewise.")],
    reason: Annotated[str, typer.Option()],
    by: ByOption = "maintainers",
    date: DateOption = None,
    submissions: SubmissionsOption = Path("submissions"),
) -> None:
    """Note that another pair takes a pair's place; its folder may then be removed, its lines stay."""
    from angels_share.submission.history import end

    event = end(submissions, pair, by=by, day=day_of(date), reason=reason, successor=successor)
    out.print(f"{event.event}  {event.folder}", markup=False, highlight=False, soft_wrap=True)


@history_app.command()
def withdraw(
    pair: PairArgument,
    reason: Annotated[str, typer.Option()],
    by: ByOption = "maintainers",
    date: DateOption = None,
    submissions: SubmissionsOption = Path("submissions"),
) -> None:
    """Note that a pair is withdrawn; its folder may then be removed, its lines stay."""
    from angels_share.submission.history import end

    event = end(submissions, pair, by=by, day=day_of(date), reason=reason)
    out.print(f"{event.event}  {event.folder}", markup=False, highlight=False, soft_wrap=True)


@history_app.command()
def check(
    submissions: Annotated[Path, typer.Argument(help="Folder of bundles.")] = Path("submissions"),
    since: Annotated[
        Path | None, typer.Option(help="Older copy of HISTORY.jsonl, which this one must go on from.")
    ] = None,
) -> None:
    """Hold the history against itself, against an older copy, and against the bundles that are there."""
    from angels_share.submission.history import check as check_history

    if not submissions.is_dir():
        raise RunError(f"{submissions}: no such folder; give a folder of bundles")
    try:
        before = since.read_bytes() if since else b""
    except OSError as error:
        raise RunError(f"{since}: cannot be read: {error}") from error
    findings = check_history(submissions, before)
    for finding in findings:
        tell(str(finding))
    broken = any(finding.severity == "error" for finding in findings)
    out.print("broken" if broken else "whole", markup=False)
    if broken:
        raise typer.Exit(1)
