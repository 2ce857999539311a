"""The command that holds a bundle against the models themselves: verify."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from angels_share.claims import TEXT_LIMIT
from angels_share.cli.history import ByOption, DateOption, day_of
from angels_share.cli.shell import app, err, out, tell
from angels_share.errors import RunError

if TYPE_CHECKING:
    from angels_share.harness import ModelChoice, Settings
    from angels_share.submission import Report
    from angels_share.submission.history import Kind
    from angels_share.verify import Floor
    from angels_share.verify.models import ModelRole

TAMPERED = (0.01, 0.03, 0.1)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="An accepted bundle.")],
    student: Annotated[str | None, typer.Option(help="The student at hand, as for `run`.")] = None,
    teacher: Annotated[str | None, typer.Option(help="The teacher at hand, likewise.")] = None,
    nonce: Annotated[
        str | None,
        typer.Option(help="Public text that nobody could know when the bundle was packed, such as a beacon's."),
    ] = None,
    documents: Annotated[int, typer.Option(min=1, help="How many documents to ask again.")] = 100,
    tolerance: Annotated[
        float | None, typer.Option(min=0, help="Most by which a log-likelihood may be off.", show_default=False)
    ] = None,
    differing: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of greedy texts that may differ.", show_default=False)
    ] = None,
    fresh_seed: Annotated[
        int | None, typer.Option(min=0, help="Run both models on the items of this seed instead.", show_default=False)
    ] = None,
    suite: Annotated[list[str] | None, typer.Option("--suite", help="With --fresh-seed: only these suites.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="With --fresh-seed: folder of the run.")] = None,
    batch_size: Annotated[str, typer.Option()] = "8",
    device: Annotated[str | None, typer.Option()] = None,
    apply_chat_template: Annotated[bool, typer.Option("--apply-chat-template")] = False,
    system_instruction: Annotated[str | None, typer.Option()] = None,
    record: Annotated[
        Path | None, typer.Option(help="Folder of submissions in whose history to note what came out.")
    ] = None,
    by: ByOption = "maintainers",
    date: DateOption = None,
) -> None:
    """Ask the models behind a bundle again: some of its documents, or with --fresh-seed its suites on other items."""
    from angels_share.harness import ModelChoice
    from angels_share.submission import history, validate
    from angels_share.verify import settings_of

    given: dict[ModelRole, str | None] = {"teacher": teacher, "student": student}
    models = {role: ModelChoice.parse(text) for role, text in given.items() if text}
    if not models:
        raise RunError("give --student, --teacher, or both")
    if fresh_seed is None and not nonce:
        raise RunError("give --nonce, from which it follows which documents are asked again, or --fresh-seed")
    with err.status("validating"):
        report = validate(bundle)
    settings = settings_of(
        report,
        suite or (),
        batch_size=batch_size,
        device=device,
        apply_chat_template=apply_chat_template,
        system_instruction=system_instruction,
        **({} if fresh_seed is None else {"item_seed": fresh_seed}),
    )
    if record is not None:
        _check_recordable(record, report, models)
    word: Kind
    if fresh_seed is not None:
        passed, told = _on_fresh_items(report, settings, models, output)
        word = "re-run" if passed else "re-run failed"
    else:
        passed, told = _on_documents(report, settings, models, nonce or "", documents, _floor(tolerance, differing))
        word = "spot-checked" if passed else "spot-check failed"
    if record is not None and report.manifest is not None:
        history.record(record, report.manifest, word, by=by, day=day_of(date), reason=told[:TEXT_LIMIT])
        tell(f"noted in {record / history.HISTORY}: {word}")
    if not passed:
        raise typer.Exit(1)


def _floor(tolerance: float | None, differing: float | None) -> Floor | None:
    from angels_share.verify import Floor
    from angels_share.verify.documents import TOLERANCE

    if tolerance is None and differing is None:
        return None
    return Floor(TOLERANCE if tolerance is None else tolerance, differing or 0.0)


def _check_recordable(submissions: Path, report: Report, models: Mapping[ModelRole, ModelChoice]) -> None:
    """Refuse to note a check that the trust of the pair could not rest on."""
    from angels_share.submission.history import answers_digest, read_history, standing

    if "student" not in models:
        raise RunError("what stands behind a pair is its student's answers; give --student, or leave --record out")
    held = standing(read_history(submissions))
    manifest = report.manifest
    if manifest is None or manifest.pair_id not in held or held[manifest.pair_id].answers != answers_digest(manifest):
        raise RunError(
            f"{report.folder}: is not in the history of {submissions} with these answers; run "
            "`angels-share history accept` first, or leave --record out"
        )


def _on_documents(
    report: Report,
    settings: Settings,
    models: Mapping[ModelRole, ModelChoice],
    nonce: str,
    documents: int,
    floor: Floor | None,
) -> tuple[bool, str]:
    from angels_share.verify import caught, spot_check

    checks = []
    for role, model in models.items():
        check = spot_check(report, role, model, settings, nonce=nonce, count=documents, floor=floor)
        checks.append(check)
        for found in (*check.off, *check.otherwise):
            tell(f"{check.role}: {found.task}, {found.item_id}: {found.told}")
        for name in check.left_out:
            tell(f"{check.role}: not compared: {name}, whose answers are sampled or are of a second stage")
        out.print(f"{'passed' if check.passed else 'failed'}  {check}", markup=False, highlight=False, soft_wrap=True)
        chances = ", ".join(f"{share:.0%} with {caught(share, check.documents):.0%}" for share in TAMPERED)
        out.print(
            f"Had a share of the documents been tampered with, this would have met one of them: {chances}.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    return all(check.passed for check in checks), "; ".join(map(str, checks))


def _on_fresh_items(
    report: Report, settings: Settings, models: Mapping[ModelRole, ModelChoice], output: Path | None
) -> tuple[bool, str]:
    from angels_share.verify import rerun

    if len(models) < 2:
        raise RunError("fresh items are asked of both models; give --teacher and --student")
    with tempfile.TemporaryDirectory() as scratch:
        found = rerun(report, output or Path(scratch), settings, models, tell)
    if not found:
        raise RunError(f"{report.folder}: none of the suites has a score on both sets of items")
    for one in found:
        out.print(str(one), markup=False, highlight=False, soft_wrap=True)
    told = "; ".join(map(str, found))
    return all(one.word != "differs" for one in found), f"item seed {settings.item_seed}: {told}"
