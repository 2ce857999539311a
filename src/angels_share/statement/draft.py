"""Filling in what the scores answer: items 2, 3, 5 and 6 of a statement, and a first list of claims."""

from __future__ import annotations

import re
from collections.abc import Sequence

from angels_share import spec
from angels_share.claims import Claim, Kind
from angels_share.score.model import PairScore, SuiteScore, TaskScore, Verdict
from angels_share.statement import wording
from angels_share.statement.check import hints_at_loss
from angels_share.statement.model import Method, Statement, SuiteStatement, Weights
from angels_share.taxonomy import ROWS, STATEMENT_ITEMS

CLAIM_OF_VERDICT: dict[Verdict, Kind] = {
    "HARMFUL": "lost",
    "SHIFTED": "lost",
    "PRESERVED": "preserved",
    "CORRECTIVE": "corrective",
    "UNMEASURED": "unmeasured",
}
"""What a verdict lets an author claim."""


def draft(
    score: PairScore, earlier: Statement | None = None, method: Method | None = None, weights: Weights | None = None
) -> Statement:
    """Return a statement with everything that the score answers, and with what the author wrote earlier.

    Parameters
    ----------
    score : PairScore
        The scored pair.
    earlier : Statement, optional
        A statement to go on from: its author's parts, margins, accepted losses and justifications are kept.
    method : Method, optional
        How the student was made; taken from ``earlier`` where it is not given.
    weights : Weights, optional
        What a probe of the pair found; taken from ``earlier`` where it is not given.
    """
    return Statement(
        teacher=short_name(score.teacher),
        student=short_name(score.student),
        method=method or (earlier.method if earlier else Method()),
        suites={
            s.suite: _draft_suite(score, s, earlier.suites.get(s.suite) if earlier else None) for s in score.suites
        },
        weights=weights or (earlier.weights if earlier else None),
    )


def refresh(statement: Statement, score: PairScore) -> Statement:
    """Return the statement with the items that the score answers written anew, and nothing else changed."""
    suites = {
        s.suite: statement.suites[s.suite].model_copy(
            update={"items": statement.suites[s.suite].items | computed_items(score, s)}
        )
        for s in score.suites
        if s.suite in statement.suites
    }
    return statement.model_copy(update={"suites": statement.suites | suites})


def with_items(statement: Statement, items: dict[str, str]) -> Statement:
    """Return the statement with these answers, by the key of their question, in every suite."""
    suites = {name: part.model_copy(update={"items": part.items | items}) for name, part in statement.suites.items()}
    return statement.model_copy(update={"suites": suites})


def short_name(model: str) -> str:
    """Return the last part of a model's name or path, so that no local folder is published.

    Examples
    --------
    >>> short_name("/home/me/models/student/"), short_name("org/teacher-135m")
    ('student', 'teacher-135m')
    """
    return [part for part in re.split(r"[/\\]", model) if part][-1]


def _draft_suite(score: PairScore, suite: SuiteScore, earlier: SuiteStatement | None) -> SuiteStatement:
    written = earlier.items if earlier else dict.fromkeys(STATEMENT_ITEMS, "")
    return SuiteStatement(
        items=written | computed_items(score, suite),
        claims=_draft_claims(wording.tasks_of(score, suite.suite), earlier.claims if earlier else ()),
        epsilon=earlier.epsilon if earlier else None,
        tau=earlier.tau if earlier else None,
    )


def computed_items(score: PairScore, suite: SuiteScore) -> dict[str, str]:
    """Return items 2, 3, 5 and 6 of a suite's statement, one fact a line."""
    tasks = wording.tasks_of(score, suite.suite)
    key = score.key
    setting = f"Track {key.track} ({wording.levels(key.levels)}), profile {key.profile}, item seed {key.item_seed}."
    return {
        "primary_metric": _primary(suite),
        "critical_capabilities": "\n".join(_capability(suite, row) for row in spec.suite(suite.suite).rows),
        "stress_distributions": "\n".join([setting, *map(_stress, tasks)]),
        "observed_losses": "\n".join(map(_observed, tasks)),
    }


def _primary(suite: SuiteScore) -> str:
    p = suite.primary
    chance = "" if p.chance is None else f", where chance is {wording.hundred(p.chance)}"
    lines = [f"{p.metric.capitalize()} on {p.task}{chance}."]
    if p.teacher and p.student:
        lines.append(f"Teacher {wording.interval(p.teacher)}, student {wording.interval(p.student)}.")
    if p.retention:
        lines.append(f"Of what the teacher has above chance, the student keeps {wording.interval(p.retention)}.")
    else:
        lines.append(f"Retention cannot be given: {p.reason or 'no reason stated'}.")
    return "\n".join(lines)


def _capability(suite: SuiteScore, row: str) -> str:
    told = f"{ROWS[row].title}: {ROWS[row].at_stake}."
    scored = next((r for r in suite.rows if r.row == row), None)
    if scored is None or scored.coverage == 0:
        return f"{told} Not measurable with this teacher."
    part = f" {wording.hundred(scored.coverage)} % of its tasks can be measured with this teacher."
    return f"{told} Weight {wording.hundred(scored.weight)} %.{part if scored.coverage < 1 else ''}"


def _stress(task: TaskScore) -> str:
    if task.gap:
        return f"{task.task}: {wording.unmeasured(task.gap)}."
    amount = (
        f"{task.n_items} items in {task.n_clusters} clusters"
        if task.n_clusters < task.n_items
        else (f"{task.n_items} items")
    )
    return f"{task.task}: {wording.levels(task.levels)}, {wording.readout(task)}, {amount}."


def _observed(task: TaskScore) -> str:
    head = f"{task.task} ({wording.row_title(task.row)})"
    if task.gap:
        return f"{head}: {wording.unmeasured(task.gap)}: {task.gap.reason.rstrip('.')}."
    numbers = [f"loss {wording.interval(task.loss)}"] if task.loss else []
    if task.change or task.sides:
        numbers.append(f"change in utility {wording.changes(task)}")
    return f"{head}: {task.verdict.lower()}, {wording.VERDICTS[task.verdict]}; {', '.join(numbers)}."


def _claimable(task: TaskScore) -> Kind | None:
    """Return what the evidence lets an author claim.

    A correction must outweigh harm beyond noise; without a verdict, a loss may be claimed where its interval is above
    zero.
    """
    if hints_at_loss(task):
        return "lost"
    if task.verdict == "CORRECTIVE" and not (task.net_correction and task.net_correction.value > 0):
        return None
    return CLAIM_OF_VERDICT.get(task.verdict)


def _draft_claims(tasks: Sequence[TaskScore], earlier: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return a claim for every conclusive verdict, after what the author claimed of whole rows."""
    claims = [claim for claim in earlier if claim.task is None]
    for task in tasks:
        old = [claim for claim in earlier if claim.task == task.task]
        accepted = [claim for claim in old if claim.kind == "accepted"]
        others = [claim for claim in old if claim.kind != "accepted"]
        kind = _claimable(task)
        claims += accepted
        if kind is None:
            claims += [claim for claim in others if claim.justification]
        elif others or not accepted:
            justification = next((claim.justification for claim in others if claim.justification), "")
            claims.append(Claim(row=task.row, task=task.task, kind=kind, justification=justification))
    return tuple(claims)
