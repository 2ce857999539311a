"""Holding the author's claims against the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from angels_share.claims import Claim, Kind, addressed
from angels_share.errors import did_you_mean
from angels_share.score.model import PairScore, TaskScore
from angels_share.spec import Strict
from angels_share.statement import wording
from angels_share.statement.model import Statement

Status = Literal["supported", "contradicted", "over-declared", "undisclosed"]
"""What the score says of a claim, or of the lack of one."""


class ClaimCheck(Strict):
    """A claim held against the verdicts, or a loss that no claim addresses."""

    suite: str
    row: str
    task: str | None
    kind: Kind | None
    """None where nothing was claimed: the status is then ``undisclosed``."""
    status: Status
    reason: str


Found = tuple[Status, str]


def check(statement: Statement, score: PairScore) -> tuple[ClaimCheck, ...]:
    """Return what the score says of every claim, and every loss that the claims do not address.

    A claim about a row speaks of all its tasks: ``preserved``, ``unmeasured`` and ``corrective`` must hold for each
    of them, ``lost`` and ``accepted`` for at least one. ``undisclosed`` is a harmful or shifted task, or a task that
    the submitter did not measure, that no claim owns up to.
    """
    checks: list[ClaimCheck] = []
    for suite in score.suites:
        if suite.suite not in statement.suites:
            continue
        claims, tasks = statement.suites[suite.suite].claims, wording.tasks_of(score, suite.suite)
        for claim in claims:
            status, reason = _check_claim(claim, tasks)
            checks.append(
                ClaimCheck(
                    suite=suite.suite, row=claim.row, task=claim.task, kind=claim.kind, status=status, reason=reason
                )
            )
        checks += [
            ClaimCheck(
                suite=suite.suite,
                row=task.row,
                task=task.task,
                kind=None,
                status="undisclosed",
                reason=f"{_told(task)}, and no claim says so",
            )
            for task in tasks
            if _is_gap(task) and not addressed(claims, task.row, task.task)
        ]
    return tuple(checks)


def _is_gap(task: TaskScore) -> bool:
    return task.verdict in {"HARMFUL", "SHIFTED"} or (task.gap is not None and task.gap.side == "submitter")


def hints_at_loss(task: TaskScore) -> bool:
    """Tell whether a task without a conclusive verdict has a loss whose 95 % interval lies above zero."""
    return task.verdict == "INCONCLUSIVE" and task.loss is not None and task.loss.low > 0


def _told(task: TaskScore) -> str:
    return f"{task.task} is {wording.unmeasured(task.gap) if task.gap else task.verdict.lower()}"


def _check_claim(claim: Claim, tasks: Sequence[TaskScore]) -> Found:
    if claim.kind == "accepted" and not claim.justification.strip():
        return "contradicted", "a loss is accepted for a reason, and none is given"
    meant = [task for task in tasks if claim.covers(task.row, task.task)]
    if not meant:
        hint = did_you_mean(claim.task or claim.row, [t.task for t in tasks] if claim.task else {t.row for t in tasks})
        return "contradicted", f"the suite has no such {'task in this row' if claim.task else 'row'}. {hint}"
    found = [_CHECKS[claim.kind](task) for task in meant]
    wanted: tuple[Status, ...] = ("supported",) if claim.kind in {"lost", "accepted"} else ("contradicted",)
    return next((f for f in found if f[0] in wanted), found[0])


def _preserved(task: TaskScore) -> Found:
    if task.verdict == "PRESERVED":
        return "supported", _told(task)
    if task.verdict == "INCONCLUSIVE" and task.verdict_author == "PRESERVED":
        return "supported", f"{_told(task)} under the suite's margins and preserved under the author's"
    if task.verdict == "INCONCLUSIVE":
        return "contradicted", f"{_told(task)}: preservation must be shown, not assumed"
    return "contradicted", _told(task)


def _lost(task: TaskScore) -> Found:
    return ("supported" if task.verdict in {"HARMFUL", "SHIFTED"} or hints_at_loss(task) else "over-declared"), _told(
        task
    )


def _unmeasured(task: TaskScore) -> Found:
    return ("supported" if task.gap else "contradicted"), _told(task)


def _accepted(task: TaskScore) -> Found:
    differs = _is_gap(task) or hints_at_loss(task) or task.verdict == "CORRECTIVE"
    return ("supported" if differs else "over-declared"), _told(task)


def _corrective(task: TaskScore) -> Found:
    if task.net_correction is not None and task.net_correction.value > 0:
        return "supported", f"{task.task}: corrections outweigh harm beyond noise"
    return "contradicted", f"{_told(task)}: corrections do not outweigh harm beyond noise"


_CHECKS: dict[Kind, Callable[[TaskScore], Found]] = {
    "preserved": _preserved,
    "lost": _lost,
    "unmeasured": _unmeasured,
    "accepted": _accepted,
    "corrective": _corrective,
}
