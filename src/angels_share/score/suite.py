"""A scenario's numbers: row losses, retention of the primary metric, angel's share and composite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from angels_share.claims import Claim, addressed
from angels_share.errors import PairingError
from angels_share.estimate import Draws, resampling
from angels_share.logs import TaskLog
from angels_share.observables import get_utility
from angels_share.pairing import CoupledError, pair
from angels_share.score.measurable import observed
from angels_share.score.model import (
    AngelsShare,
    Estimate,
    Gap,
    PairScore,
    Retention,
    RowScore,
    SuiteDraws,
    SuiteScore,
    TaskScore,
)
from angels_share.score.task import to_estimate
from angels_share.spec import SuiteSpec, suite

LEAST_HEADROOM = 0.10
"""The teacher's primary metric must be this far above chance, at the lower 95 % end, for retention to mean anything."""

LEAST_SHARED = 2 / 3
"""Share of a suite's weight that two teachers must both show for their pairs to be compared."""


def score_suite(
    spec: SuiteSpec,
    tasks: Mapping[str, TaskScore],
    losses: Mapping[str, Draws],
    primary: tuple[Retention, Draws | None],
    claims: Sequence[Claim],
    resamples: int,
) -> SuiteScore:
    """Return the score of one suite.

    ``A = Σ_r w_r ℓ_r`` with ℓ_r the mean loss of the row's charged tasks, where a task that the submitter left out
    counts 1, and one that the teacher or the access cannot show does not count; the weights of rows without any charged
    task are shared out among the others. The composite is ``min(R, 1) − A``.

    Parameters
    ----------
    spec
        The suite.
    tasks
        Score of each of its tasks, by name.
    losses
        Loss draws of the measured ones.
    primary
        Retention, and its draws where it exists.
    claims
        The author's claims for this suite.
    resamples
        Number of replicates in the draws.
    """
    rows, shares = _rows(spec, tasks, losses, resamples)
    shown = sum(spec.weights[r.row] * r.coverage for r in rows)
    retention, retention_draws = primary
    reasons = [retention.reason] if retention.reason else []
    reasons += _undisclosed(spec, tasks, claims)
    charged = [row for row in rows if row.loss is not None]
    if not charged:
        reasons.append("the teacher can show no task of this suite, so nothing can be lost on it")
    total = _sum(shares, resamples).at_least(0.0) if charged else None
    kept = retention_draws.at_most(1.0) if retention_draws is not None else None
    composite = kept - total if total is not None and kept is not None else None
    n_items = sum(t.n_items for t in tasks.values())
    return SuiteScore(
        suite=spec.name,
        version=spec.version,
        digest=suite(spec.name).digest,
        primary=retention,
        rows=tuple(rows),
        angels_share=_parts(total, shares, tasks, claims, n_items) if total is not None else None,
        composite=_over_tasks(composite, n_items) if composite is not None else None,
        coverage=shown,
        rankable=not reasons,
        reasons=tuple(reasons),
        draws=SuiteDraws(kept, total, _fewest_clusters(tasks, retention), losses),
    )


def on_shared_tasks(pairs: Sequence[PairScore], name: str) -> list[SuiteScore]:
    """Return the scores of several pairs in one suite on the tasks that every one of their teachers can show.

    So are pairs compared that have different teachers: what one teacher cannot show counts for none of them, and its
    weight is shared out as always. The parts of the angel's share are those without a statement.

    Raises
    ------
    PairingError
        If the tasks that are left carry less than two thirds of the suite's weight.
    """
    scenario = suite(name).seen_by(pairs[0].key.access)
    unshown = {found.task for pair_score in pairs for found in pair_score.tasks if not _charged(found.gap)}
    unseen = Gap(side="teacher", reason="another pair's teacher cannot show it")
    made = []
    for pair_score in pairs:
        held = next(found for found in pair_score.suites if found.suite == name)
        tasks = {
            found.task: found.model_copy(update={"gap": unseen}) if found.task in unshown else found
            for found in pair_score.tasks
            if found.task in scenario.tasks
        }
        primary = (held.primary, held.draws.retention)
        made.append(score_suite(scenario, tasks, held.draws.losses, primary, (), pair_score.resamples))
    if made[0].coverage < LEAST_SHARED:
        raise PairingError(
            f"{name}: the teachers have tasks in common that carry {made[0].coverage:.0%} of the suite's weight, at "
            "least two thirds are needed; compare pairs of one teacher"
        )
    return made


def _fewest_clusters(tasks: Mapping[str, TaskScore], retention: Retention) -> int:
    estimates = [task.loss for task in tasks.values()] + [retention.retention]
    return min((found.clusters for found in estimates if found is not None), default=2)


def _rows(
    spec: SuiteSpec, tasks: Mapping[str, TaskScore], losses: Mapping[str, Draws], resamples: int
) -> tuple[list[RowScore], dict[str, Draws]]:
    """Return the row scores, and what each charged task adds to the angel's share."""
    members = {row: [t for t in spec.tasks if tasks[t].row == row] for row in spec.rows}
    charged = {row: [t for t in names if _charged(tasks[t].gap)] for row, names in members.items()}
    weight = sum(spec.weights[row] for row, names in charged.items() if names)
    rows, shares = [], {}
    for row, names in charged.items():
        scaled = spec.weights[row] / weight if names else 0.0
        drawn = [losses.get(t, _constant(1.0, resamples)) for t in names]
        for name, draws in zip(names, drawn, strict=True):
            shares[name] = draws * (scaled / len(names))
        mean = _sum(dict(zip(names, drawn, strict=True)), resamples) * (1 / len(names)) if names else None
        rows.append(
            RowScore(
                row=row,
                weight=scaled,
                loss=_over_tasks(mean, sum(tasks[t].n_items for t in names)) if mean is not None else None,
                tasks=tuple(members[row]),
                coverage=len(names) / len(members[row]),
            )
        )
    return rows, shares


def _charged(gap: Gap | None) -> bool:
    return gap is None or gap.side == "submitter"


def _constant(value: float, resamples: int) -> Draws:
    return Draws(value, np.full(resamples, value))


def _sum(parts: Mapping[str, Draws], resamples: int) -> Draws:
    total = _constant(0.0, resamples)
    for draws in parts.values():
        total = total + draws
    return total


def _over_tasks(draws: Draws, n: int) -> Estimate:
    """Return an estimate that combines several tasks, whose item sets are resampled independently."""
    low, high = np.quantile(draws.replicates, (0.025, 0.975))
    return Estimate(
        value=draws.point,
        low=min(float(low), draws.point),
        high=max(float(high), draws.point),
        n=n,
        clusters=0,
        method=f"replicates of the tasks combined, {len(draws.replicates)} resamples",
    )


def _parts(
    total: Draws, shares: Mapping[str, Draws], tasks: Mapping[str, TaskScore], claims: Sequence[Claim], n: int
) -> AngelsShare:
    parts = {"accounted": 0.0, "undisclosed": 0.0, "unmeasured": 0.0}
    for name, share in shares.items():
        parts[_part_of(tasks[name], claims)] += share.point
    if total.point == 0:
        parts = dict.fromkeys(parts, 0.0)
    return AngelsShare(total=_over_tasks(total, n), **parts)


def _part_of(task: TaskScore, claims: Sequence[Claim]) -> str:
    if task.gap is not None:
        return "unmeasured"
    kept = task.verdict == "PRESERVED" and any(c.kind == "preserved" and c.covers(task.row, task.task) for c in claims)
    return "accounted" if kept or addressed(claims, task.row, task.task) else "undisclosed"


def _undisclosed(spec: SuiteSpec, tasks: Mapping[str, TaskScore], claims: Sequence[Claim]) -> list[str]:
    """Return a reason for each task whose loss the statement would have to address before the pair can be ranked."""
    reasons = []
    for name in spec.tasks:
        task = tasks[name]
        lost = task.verdict in ("HARMFUL", "SHIFTED") or (task.gap is not None and task.gap.side == "submitter")
        if lost and not addressed(claims, task.row, name):
            found = task.verdict if task.gap is None else f"unmeasured ({task.gap.reason})"
            reasons.append(f"{name} is {found} and the statement does not say so")
    return reasons


def retention(
    spec: SuiteSpec, teacher: TaskLog | None, student: TaskLog | None, calibration: TaskLog | None, resamples: int
) -> tuple[Retention, Draws | None]:
    """Return headline retention ``R = (m(S) − m₀) / (m(T) − m₀)``, with its draws where it exists.

    Whether the teacher is far enough above chance is decided on its calibration run where there is one.
    """
    primary = spec.primary
    levels = [item["level"] for log in (teacher, student) if log for item in log.items]
    chance = primary.chance_on(levels) if levels else None
    empty = Retention(
        task=primary.task, metric=primary.metric, chance=chance, teacher=None, student=None, retention=None
    )
    if teacher is None or student is None or chance is None:
        side = "teacher" if teacher is None else "student"
        reason = f"the {side}'s run lacks the primary task {primary.task}"
        return empty.model_copy(update={"reason": reason}), None
    try:
        logs = pair(teacher, student)
    except CoupledError as error:
        return empty.model_copy(update={"reason": str(error)}), None
    metric = get_utility(primary.metric)
    items = logs.teacher.items
    scheme = resampling(logs.teacher.column("cluster_id").tolist(), logs.teacher.items_digest, resamples)
    m_t, m_s = (
        scheme.mean(metric.of(items, observed(log, metric.observable)), (0.0, 1.0))
        for log in (logs.teacher, logs.student)
    )
    shown = empty.model_copy(
        update={
            "teacher": to_estimate(m_t, scheme, len(items)),
            "student": to_estimate(m_s, scheme, len(items)),
        }
    )
    low = _primary_low(calibration, spec, resamples) if calibration else m_t.quantile(0.025, scheme.clusters)
    if low - chance <= LEAST_HEADROOM:
        reason = (
            f"the teacher's {primary.metric} is not clearly above chance: lower 95 % end {low:.3f}, "
            f"chance {chance:.3f}, needed more than {chance + LEAST_HEADROOM:.3f}"
        )
        return shown.model_copy(update={"reason": reason}), None
    ratio = (m_s - chance) / (m_t - chance)
    return shown.model_copy(update={"retention": to_estimate(ratio, scheme, len(items))}), ratio


def _primary_low(log: TaskLog, spec: SuiteSpec, resamples: int) -> float:
    metric = get_utility(spec.primary.metric)
    scheme = resampling(log.column("cluster_id").tolist(), log.items_digest, resamples)
    return scheme.mean(metric.of(log.items, observed(log, metric.observable)), (0.0, 1.0)).quantile(
        0.025, scheme.clusters
    )
