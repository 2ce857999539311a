"""Commands that turn logs into numbers and words: score, statement, power, lock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, get_args

import typer
from rich import box
from rich.table import Table

from angels_share import spec
from angels_share.cli.shell import ProfileOption, app, err, out, pair_folders, tell, write_text
from angels_share.errors import RunError
from angels_share.estimate import RESAMPLES
from angels_share.items import package_folder
from angels_share.logs import Run
from angels_share.score.model import Estimate, PairScore, SuiteScore, TaskScore
from angels_share.spec import Strict
from angels_share.statement import wording
from angels_share.taxonomy import STATEMENT_ITEMS

if TYPE_CHECKING:
    from angels_share.probe.model import Probe
    from angels_share.statement import Statement

Result = TypeVar("Result", bound=Strict)
"""What a file of an earlier command holds."""


@app.command()
def score(
    teacher: Annotated[Path, typer.Argument(help="Folder of a pair's run, or the teacher's run folder.")],
    student: Annotated[Path | None, typer.Argument(help="The student's run folder.")] = None,
    suite: Annotated[
        list[str] | None, typer.Option("--suite", help="Default: those that were run whole, else the nearest.")
    ] = None,
    repeat: Annotated[Path | None, typer.Option(help="Run folder of the teacher's repeat.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="Run folder of the teacher on calibration items.")] = None,
    statement: Annotated[Path | None, typer.Option(help="Loss statement with the author's claims and margins.")] = None,
    resamples: Annotated[int, typer.Option(min=100)] = RESAMPLES,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File for the score as JSON.")] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Print one line a suite.")] = False,
    controls: Annotated[
        bool, typer.Option("--controls", help="Print what students of known loss, made from the teacher's log, get.")
    ] = False,
    any_task: Annotated[
        bool, typer.Option("--any", help="Compare any lm-eval tasks item by item, in their own metrics.")
    ] = False,
    cluster_field: Annotated[
        str | None, typer.Option(help="With --any: field of the documents that names what belongs together.")
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(min=0.0, help="With --any: margin of equivalence in a metric's unit, default 0.05.")
    ] = None,
) -> None:
    """Score a pair: what the student kept, lost, changed, and what nobody measured.

    Two runs that hold no task of this project are compared as with --any: item by item, in lm-eval's own metrics.
    """
    from angels_share.cli.comparing import compare
    from angels_share.logs import has_stress_tasks

    folders = pair_folders(teacher, student, repeat, calibration)
    for_scores = {"--suite": suite, "--repeat": repeat, "--calibration": calibration, "--statement": statement}
    scored = [name for name, given in {**for_scores, "--brief": brief, "--controls": controls}.items() if given]
    if any_task or not (scored or any(map(has_stress_tasks, folders[:2]))):
        if scored:
            raise RunError(f"{', '.join(scored)}: belongs to a score by suites; leave it out, or --any")
        compare(*folders[:2], cluster_field, epsilon, resamples, output)
        return
    if cluster_field is not None or epsilon is not None:
        raise RunError("--cluster-field and --epsilon belong to a comparison of any tasks; add --any")
    runs = read_runs(folders)
    result = score_suites(runs, suite, statement, resamples)
    beside = _score_controls(runs, result) if controls else {}
    if output is not None:
        write_text(output, result.model_dump_json(indent=1) + "\n")
        tell(f"wrote {output}")
    if brief:
        print_suites(result)
    else:
        print_score(result)
    if beside:
        print_controls(beside)


Runs = tuple[Run, Run, Run | None, Run | None]
"""Teacher, student, repeat and calibration."""


def read_runs(folders: tuple[Path, Path, Path | None, Path | None]) -> Runs:
    """Return the runs of teacher, student, repeat and calibration."""
    from angels_share.logs import read_run

    ours, theirs = (read_run(folder) for folder in folders[:2])
    again, decided = (read_run(folder) if folder else None for folder in folders[2:])
    return ours, theirs, again, decided


def score_suites(
    runs: Runs,
    suites: list[str] | None,
    statement: Path | None,
    resamples: int,
) -> PairScore:
    """Return the score of teacher, student, repeat and calibration by suites."""
    from angels_share.score import score_pair
    from angels_share.statement import read as read_statement
    from angels_share.submission.model import RoleName
    from angels_share.submission.scoring import rescore

    ours, theirs, again, decided = runs
    made = read_statement(statement) if statement else None
    names = suites or list(made.suites if made else _covered(ours, theirs))
    if not names:
        raise RunError(f"{ours.place}: holds no task of any suite; see `angels-share list tasks`")
    if made is None:
        return score_pair(ours, theirs, suites=names, repeat=again, calibration=decided, resamples=resamples)
    given: dict[RoleName, Run | None]
    given = {"teacher": ours, "student": theirs, "teacher_repeat": again, "calibration": decided}
    held = {role: run for role, run in given.items() if run is not None}
    return rescore(held, made, names, resamples)


CONTROLS = {
    "oracle": "knows every right answer",
    "constant": "always answers as the teacher on average",
    "uniform": "chooses blindly",
    "shuffled": "answers as the teacher to other items",
}
"""What each control student does."""


def _score_controls(runs: Runs, result: PairScore) -> dict[str, PairScore]:
    from angels_share.score.controls import score_controls

    teacher, _, _, calibration = runs
    suites = [suite.suite for suite in result.suites]
    return score_controls(teacher, suites=suites, calibration=calibration, resamples=result.resamples)


def _covered(teacher: Run, student: Run) -> list[str]:
    """Return the suites of which every task that the pair's access can run was run, else the nearest one."""
    from angels_share.score.pair import access_of

    held = teacher.tasks.keys() | student.tasks.keys()
    access = access_of(teacher, student)
    shares = {}
    for name, suite in spec.suites().items():
        wanted = [task for task in suite.seen_by(access).tasks if spec.readable(task, access)]
        shares[name] = len(held & set(wanted)) / max(len(wanted), 1)
    most = max(shares.values())
    best = [name for name, share in shares.items() if share == most > 0]
    return best if most == 1 else best[:1]


@app.command("statement")
def statement_(
    scored: Annotated[
        Path,
        typer.Argument(help="Score as `angels-share score -o` writes it, a pair's run, or the teacher's run folder."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A draft as .yaml or .json, or a page as .md, .tex, .html or .svg.")
    ],
    student: Annotated[Path | None, typer.Argument(help="The student's run folder.")] = None,
    suite: Annotated[
        list[str] | None, typer.Option("--suite", help="Of runs. Default: those run whole, else the nearest.")
    ] = None,
    repeat: Annotated[Path | None, typer.Option(help="Run folder of the teacher's repeat.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="Run folder of the teacher on calibration items.")] = None,
    earlier: Annotated[Path | None, typer.Option(help="Statement whose author's parts are kept.")] = None,
    probe: Annotated[
        Path | None, typer.Option(help="What `angels-share probe -o` found of the pair: rows with access weights.")
    ] = None,
) -> None:
    """Draft a Distillation Loss Statement from a score or from runs, or render a finished one for readers."""
    from angels_share import statement

    if scored.is_dir():
        made = score_suites(read_runs(pair_folders(scored, student, repeat, calibration)), suite, earlier, RESAMPLES)
    elif student or suite or repeat or calibration:
        raise RunError(f"{scored}: is no run folder; a score needs none of STUDENT, --suite, --repeat, --calibration")
    else:
        made = read_score(scored)
    before = statement.read(earlier) if earlier else None
    weights = statement.from_probe(read_probe(probe)) if probe else before.weights if before else None
    if weights is not None:
        statement.of_pair(weights, made)
    if output.suffix not in statement.RENDERED:
        drafted = statement.draft(made, before, weights=weights)
        statement.write(drafted, output)
        tell(f"wrote {output}")
        _tell_gaps(drafted)
    elif before is None:
        raise RunError(
            f"a statement as {output.suffix} needs the author's parts; give the filled-in file with --earlier"
        )
    else:
        write_text(output, statement.render(before.model_copy(update={"weights": weights}), made, output.suffix))
        tell(f"wrote {output}")


def _tell_gaps(drafted: Statement) -> None:
    """Say which parts of a draft are the author's, with the question that each answers."""
    from angels_share.statement import missing
    from angels_share.statement.model import Family

    gaps = missing(drafted)
    if gaps:
        tell("What is left for its author:")
    for gap in gaps:
        item = STATEMENT_ITEMS.get(gap.rpartition(": ")[2])
        asked = item.question if item else f"How was the student made? family is one of {', '.join(get_args(Family))}."
        tell(f"  {gap}: {asked}")


def read_score(path: Path) -> PairScore:
    """Return a score file, or say what is wrong with it."""
    return _read(PairScore, path, "score", "score the pair again")


def read_probe(path: Path) -> Probe:
    """Return the file of a probe, or say what is wrong with it."""
    from angels_share.probe.model import Probe

    return _read(Probe, path, "probe", "probe the models again")


def _read(model: type[Result], path: Path, what: str, advice: str) -> Result:
    from pydantic import ValidationError

    try:
        return model.model_validate_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RunError(f"{path}: is no {what} of this release: {place}: {first['msg']}; {advice}") from error


@app.command()
def power(
    score_file: Annotated[Path, typer.Argument(help="Score of a pilot run, as `angels-share score -o` writes it.")],
    profile: ProfileOption = "standard",
    epsilon: Annotated[float, typer.Option(min=0.001, max=0.5, help="Margin to certify.")] = 0.05,
) -> None:
    """Say what a larger run could show: the smallest change that it finds, and what certifies preservation."""
    from angels_share.power import plan

    plans = [found for task in read_score(score_file).tasks if (found := plan(task, profile, epsilon))]
    if not plans:
        raise RunError(f"{score_file}: holds no task with a change in utility; nothing can be planned from it")
    table = Table(box=box.SIMPLE, padding=(0, 1))
    for heading in ("task", "clusters", f"at {profile}", "detectable δ", f"to certify ε = {epsilon:g}", "profile"):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "task" else "right")
    for p in plans:
        needed = (f"{p.needed:,}", p.profile or "more than full")
        table.add_row(p.task, str(p.clusters), f"{p.planned:,}", wording.hundred(p.detectable), *needed)
    out.print(table)
    out.print("Power 80 %. The fewer clusters the pilot had, the rougher.")


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
        write_text(path, json.dumps(held | made, indent=1, sort_keys=True) + "\n")
        tell(f"wrote {path}: {len(new)} new, {len(held | made)} in all")


def print_suites(score: PairScore) -> None:
    """Print one line a suite: numbers ×100, with their 95 % intervals."""
    table = Table(box=box.SIMPLE, padding=(0, 1), title=f"{score.student} ← {score.teacher}")
    for heading in ("suite", "retention", "angel's share", "composite", "coverage", "can be ranked"):
        table.add_column(heading, no_wrap=True)
    for suite in score.suites:
        table.add_row(
            suite.suite,
            *three_numbers(suite),
            f"{suite.coverage:.0%}",
            "yes" if suite.rankable else f"no, {len(suite.reasons)} reason{'s' * (len(suite.reasons) != 1)}",
        )
    out.print(table)


def print_controls(scores: dict[str, PairScore]) -> None:
    """Print what each control gets in each suite."""
    table = Table(box=box.SIMPLE, padding=(0, 1), title="Students of known loss, made from the teacher's log; no ranks")
    for heading in ("suite", "student that", "retention", "angel's share", "composite"):
        table.add_column(heading, no_wrap=True)
    for suites in zip(*(score.suites for score in scores.values()), strict=True):
        for name, suite in zip(scores, suites, strict=True):
            table.add_row(suite.suite, CONTROLS[name], *three_numbers(suite))
        table.add_section()
    out.print(table)


def three_numbers(suite: SuiteScore) -> tuple[str, str, str]:
    """Return retention, angel's share and composite ×100 with their intervals, or ``none``."""
    numbers = (suite.primary.retention, suite.angels_share.total if suite.angels_share else None, suite.composite)
    retention, share, composite = (_interval(number) or "none" for number in numbers)
    return retention, share, composite


def print_score(score: PairScore) -> None:
    """Print a score as tables: numbers ×100, with their 95 % intervals."""
    key = score.key
    out.print(
        f"[bold]{score.student}[/] ← {score.teacher}   track {key.track}, {key.profile}, item seed {key.item_seed}"
    )
    _print_tasks(score)
    for task in score.tasks:
        if task.gap is not None:
            charged = "charged in full" if task.gap.side == "submitter" else "not charged"
            out.print(f"{task.task} was not measured ({charged}): {task.gap.reason}", markup=False, soft_wrap=True)
    for suite in score.suites:
        share = suite.angels_share
        parts = (
            f" = {wording.hundred(share.accounted)} accounted + {wording.hundred(share.undisclosed)} undisclosed "
            f"+ {wording.hundred(share.unmeasured)} unmeasured"
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


def _print_tasks(score: PairScore) -> None:
    """Print the table of the tasks, those of the second stage last."""
    table = Table(box=box.SIMPLE, padding=(0, 1))
    for heading in ("task", "verdict", "loss L", "Δ / Δ₁", "teacher", "student", "change δ"):
        table.add_column(heading, no_wrap=True)
    for task in score.tasks:
        table.add_row(task.task, *_task_cells(task))
    second_stage = [task for task in score.second_stage if task.gap is None]
    if second_stage:
        table.add_section()
    for task in second_stage:
        table.add_row(task.task, *_task_cells(task))
    out.print(table)
    if second_stage:
        names = ", ".join(task.task for task in second_stage)
        out.print(f"second stage, displayed and never charged: {names}", markup=False, soft_wrap=True)


def _task_cells(task: TaskScore) -> tuple[str, ...]:
    if task.gap is not None:
        return task.verdict, "", "", "", "", ""
    ratio = f"{wording.hundred(task.divergence.value)} / {wording.hundred(task.teacher_variation.value)}" if (
        task.divergence and task.teacher_variation
    ) else ""  # fmt: skip
    return (
        task.verdict,
        _interval(task.loss),
        ratio,
        *(_by_side(task, name) for name in ("teacher_level", "student_level", "change")),
    )


def _by_side(task: TaskScore, name: str) -> str:
    """Return an estimate of a task, or a line for each of its sides, which the change names."""
    if not task.sides:
        whole: Estimate | None = getattr(task, name)
        return _interval(whole) if name == "change" else wording.hundred(whole.value) if whole else ""
    told = [(side.name, getattr(side, name)) for side in task.sides]
    return "\n".join(f"{_interval(e)} {side}" if name == "change" else wording.hundred(e.value) for side, e in told)


def _interval(estimate: Estimate | None) -> str:
    return wording.interval(estimate) if estimate else ""
