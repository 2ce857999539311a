"""The command that ranks several pairs: rank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from angels_share.cli.scoring import read_runs, score_suites, three_numbers
from angels_share.cli.shell import SuiteOption, app, err, out, pair_folders
from angels_share.errors import PairingError, RunError

if TYPE_CHECKING:
    from angels_share.score.model import PairScore


@app.command()
def rank(
    runs: Annotated[list[Path], typer.Argument(help="Folders of pairs' runs, two or more.")],
    suite: SuiteOption,
    resamples: Annotated[int, typer.Option(min=100)] = 2000,
) -> None:
    """Rank several pairs that answered the same items, as the leaderboard does, but without their statements."""
    if len(runs) < 2:
        raise RunError(f"{runs[0]}: is one pair; give the folders of two or more")
    scores = []
    with err.status("scoring") as status:
        for run in runs:
            status.update(f"scoring {run}")
            scores.append(score_suites(read_runs(pair_folders(run, None, None, None)), suite, None, resamples))
    _check_alike(runs, scores)
    for run, made in zip(runs, scores, strict=True):
        out.print(f"{run}: {made.student} ← {made.teacher}", markup=False, soft_wrap=True)
    if _several_teachers(scores):
        out.print("The teachers differ: only tasks that all of them can show count.")
    for name in dict.fromkeys(suite):
        _print_ranks(name, runs, scores)
    out.print(
        "All rank intervals of a table hold at once, with 95 %. Other weights: places under 1 000 random row weights."
    )


def _several_teachers(scores: list[PairScore]) -> bool:
    return len({(score.teacher, score.teacher_digest) for score in scores}) > 1


def _check_alike(runs: list[Path], scores: list[PairScore]) -> None:
    first = scores[0].key.model_dump()
    for run, score in zip(runs[1:], scores[1:], strict=True):
        for name, value in score.key.model_dump().items():
            if value != first[name]:
                raise PairingError(
                    f"{run}: {name} is {value}, but {first[name]} in {runs[0]}; only pairs on the same items are ranked"
                )


def _print_ranks(name: str, runs: list[Path], scores: list[PairScore]) -> None:
    from angels_share.ranking import rank as ranks_of
    from angels_share.score.suite import on_shared_tasks

    if _several_teachers(scores):
        held = on_shared_tasks(scores, name)
    else:
        held = [next(found for found in score.suites if found.suite == name) for score in scores]
    ranked = [(run, found) for run, found in zip(runs, held, strict=True) if found.composite is not None]
    if ranked:
        table = Table(
            box=box.SIMPLE, padding=(0, 1), title=f"{name} {held[0].version}, coverage {held[0].coverage:.0%}"
        )
        table.add_column("rank", no_wrap=True)
        table.add_column("run", overflow="fold")
        for heading in ("retention", "angel's share", "composite", "by retention", "by share", "other weights"):
            table.add_column(heading, no_wrap=True)
        placed = zip(ranks_of([found for _, found in ranked]), ranked, strict=True)
        for ranks, (run, found) in sorted(placed, key=lambda one: (one[0].rank_low, one[0].rank_high)):
            table.add_row(
                _interval(ranks.rank_low, ranks.rank_high),
                str(run),
                *three_numbers(found),
                _interval(ranks.rank_retention_low, ranks.rank_retention_high),
                _interval(ranks.rank_share_low, ranks.rank_share_high),
                _interval(ranks.place_low, ranks.place_high),
            )
        out.print(table)
    for run, found in zip(runs, held, strict=True):
        if found.composite is None:
            why = found.primary.reason or "its teacher can show no task of this suite"
            out.print(f"{name}: {run} has no rank: {why}", markup=False, soft_wrap=True)


def _interval(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"
