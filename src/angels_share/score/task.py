"""One stress task of a pair: how much of the teacher's behaviour the student leaves unexplained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from angels_share.discrepancies import get as get_discrepancy
from angels_share.discrepancies import total_variation
from angels_share.estimate import (
    Draws,
    Resampling,
    newcombe,
    p_difference,
    p_mcnemar,
    resampling,
    robust_standard_error,
    variation,
)
from angels_share.logs import TaskLog
from angels_share.observables import Observation, aligned, get_utility
from angels_share.pairing import pair
from angels_share.score.measurable import LEAST_DIVISOR, observed
from angels_share.score.model import Displayed, Estimate, Gap, SideScore, Stratum, TaskScore
from angels_share.spec import TaskSpec, tasks
from angels_share.statistics import shown

Floats = NDArray[np.float64]

SAME_UTILITY = 0.02
"""η: likelihood utilities that differ by no more count as equal."""

NUMERICAL_FLOOR = 1e-3
"""Mean discrepancies of likelihoods below this are rounding."""

TEXT_OBSERVABLES = ("word_probabilities", "step_probabilities", "document_likelihood", "extraction")
"""Observables of texts that are read, not chosen: how probable all of them are together says nothing."""

NET_CORRECTION_Z = 1.645
"""Standard errors by which improvement must exceed harm before any of it is credited."""

CEILING = 0.95
"""Teacher level above which its student's losses are the clearest of all."""

POWER_Z = 2.80
"""Standard errors that 80 % power at a two-sided 5 % asks of an effect: 1.96 + 0.84."""


@dataclass(frozen=True)
class Change:
    """Student's utility minus teacher's, over the items of one side or over all items."""

    draws: Draws
    error: float
    """Cluster-robust standard error."""
    clusters: int


@dataclass(frozen=True)
class Measurement:
    """Everything that the verdicts and the suites need of one measured task, as draws."""

    score: TaskScore
    """The numbers, without verdicts."""
    loss: Draws
    changes: tuple[Change, ...]
    """The change in utility on each side of the task, or on all of it; none without direction."""
    distance: Draws
    """Total variation, or where it cannot be formed the mean discrepancy."""
    squared: bool
    """Whether the distance is a squared one."""


def to_estimate(draws: Draws, scheme: Resampling, n: int) -> Estimate:
    """Return a point with its 95 % interval, which always holds the point."""
    low, high = draws.quantile(0.025, scheme.clusters), draws.quantile(0.975, scheme.clusters)
    return Estimate(
        value=draws.point,
        low=min(low, draws.point),
        high=max(high, draws.point),
        n=n,
        clusters=scheme.clusters,
        method=f"cluster bootstrap, {len(draws.replicates)} resamples",
    )


def without_numbers(spec: TaskSpec, log: TaskLog | None, gap: Gap | None = None) -> TaskScore:
    """Return what is known of a task before any number: what it measures, on which items, and why it was not measured.

    Parameters
    ----------
    spec : TaskSpec
    log : TaskLog or None
        A log of either model, where there is one.
    gap : Gap, optional
        Why there are no numbers, where that is final.
    """
    measure = spec.measure
    return TaskScore(
        task=spec.name,
        version=spec.version,
        row=measure.row,
        readout=measure.readout,
        observable=measure.observable,
        discrepancy=measure.discrepancy,
        utility=measure.utility,
        direction=measure.direction,
        levels=tuple(sorted({int(item["level"]) for item in log.items if item["level"] is not None})) if log else (),
        n_items=len(log.items) if log else 0,
        n_clusters=len(set(log.column("cluster_id").tolist())) if log else 0,
        repeats=(len(log.texts[0]) if log.texts else 1) if log else 0,
        gap=gap,
    )


def measure_task(teacher: TaskLog, student: TaskLog, resamples: int) -> Measurement:
    """Return the measurement of one task.

    Δ is the mean discrepancy; H, C and N are its parts on items where the student's utility is lower, higher or equal;
    ``G = max(0, (C − H) − 1.645 SE(C − H))``, or 0 where the utility earns no credit, and ``L = min(1, (Δ − G) / Δ₁)``,
    with Δ₁ taken as at least 10⁻³, so that a resample in which the teacher does not vary has a loss too. Where the task
    has sides, G is the sum of what each of them earns by itself, and each has its own change in utility. All come from
    one resampling.

    Raises
    ------
    PairingError
        If the two logs must not be compared.
    """
    logs = pair(teacher, student)
    log, measure = logs.teacher, logs.teacher.spec.measure
    discrepancy = get_discrepancy(measure.discrepancy)
    seen_t, seen_s = aligned(observed(log), observed(logs.student))
    scheme = resampling(log.column("cluster_id").tolist(), log.items_digest, resamples)
    n = len(log.items)
    d = discrepancy.between(seen_t.values, seen_s.values)
    rates = (0.0, 1.0) if measure.readout == "greedy" else None
    divergence = scheme.mean(d, rates)
    spread = variation(*discrepancy.spread(seen_t.values), scheme, sampled=discrepancy.sampled)
    flags = _flags(log, divergence, scheme)
    u_t, u_s, chance = _utilities(log, seen_t, seen_s)
    utility = get_utility(measure.utility) if measure.utility is not None else None
    eta = SAME_UTILITY if utility is not None and utility.smooth else 0.0
    harm, gain = d * (u_s < u_t - eta), d * (u_s > u_t + eta)
    harmful, corrective = scheme.mean(harm), scheme.mean(gain)
    sides = _sides(log)
    credited = utility is None or utility.credited
    earned = [_credit(harm * at, gain * at, scheme) * float(credited) for at in sides.values()]
    credit = sum(earned[1:], start=earned[0])
    unexplained = divergence - credit
    if "NUMERICAL_FLOOR" in flags:
        unexplained = unexplained * 0.0
    divisor = spread.at_least(LEAST_DIVISOR)
    loss = (unexplained / divisor).at_most(1.0)
    squared = discrepancy.sampled or not seen_t.distribution
    distance = divergence if squared else scheme.mean(total_variation(seen_t.values, seen_s.values), rates)
    directed = utility is not None
    binary = directed and bool(np.isin(np.concatenate([u_t, u_s]), (0.0, 1.0)).all())
    measured = [_side(name, u_t[at], u_s[at], scheme.within(at), binary=binary) for name, at in sides.items()]
    told, changes = zip(*measured, strict=True) if directed else ((), ())
    whole = told[0] if directed and measure.sides is None else None
    score = without_numbers(log.spec, log).model_copy(
        update={
            "divergence": to_estimate(divergence, scheme, n),
            "teacher_variation": to_estimate(spread, scheme, n),
            "total_variation": to_estimate(_root(distance) if squared else distance, scheme, n),
            "harmful": to_estimate(harmful, scheme, n),
            "corrective": to_estimate(corrective, scheme, n),
            "neutral": to_estimate(scheme.mean(d) - harmful - corrective, scheme, n),
            "net_correction": to_estimate(credit, scheme, n),
            "loss": to_estimate(loss, scheme, n),
            "uncredited_loss": to_estimate(divergence / divisor, scheme, n),
            "agreement_beyond_chance": _agreement(log, (seen_t, seen_s), (u_t, u_s) if binary else None),
            "teacher_level": whole.teacher_level if whole else None,
            "student_level": whole.student_level if whole else None,
            "change": whole.change if whole else None,
            "sides": () if whole else told,
            "chance_level": chance,
            "minimum_detectable_effect": POWER_Z * max(c.error for c in changes) if changes else None,
            "p_mcnemar": p_mcnemar(int((u_s < u_t).sum()), int((u_s > u_t).sum())) if binary and whole else None,
            "change_newcombe": _newcombe(u_t, u_s) if binary and whole and scheme.clusters == n else None,
            "invalid_teacher": float(seen_t.invalid.mean()),
            "invalid_student": float(seen_s.invalid.mean()),
            "statistics": _displayed(log, (seen_t, seen_s), scheme),
            "strata": _strata(log, d, u_t, u_s, scheme),
            "flags": (*flags, *(["CEILING"] if directed and u_t.mean() > CEILING else [])),
        }
    )
    return Measurement(score, loss, changes, distance, squared)


def _utilities(log: TaskLog, teacher: Observation, student: Observation) -> tuple[Floats, Floats, float | None]:
    name = log.spec.measure.utility
    if name is None:
        return np.zeros(len(log.items)), np.zeros(len(log.items)), None
    utility = get_utility(name)
    return (
        utility.of(log.items, teacher),
        utility.of(log.items, student),
        float(np.mean(utility.chance(log.items))),
    )


def _sides(log: TaskLog) -> dict[str, NDArray[np.bool_]]:
    """Return which items lie on each side of the task's boundary; all of them on one where there is none."""
    field = log.spec.measure.sides
    if field is None:
        return {"": np.ones(len(log.items), dtype=bool)}
    side = log.column(field)
    return {name: side == name for name in sorted(set(side.tolist()))}


def _credit(harm: Floats, gain: Floats, scheme: Resampling) -> Draws:
    net = scheme.mean(gain) - scheme.mean(harm)
    return (net - NET_CORRECTION_Z * net.standard_error).at_least(0.0)


def _side(name: str, u_t: Floats, u_s: Floats, scheme: Resampling, *, binary: bool) -> tuple[SideScore, Change]:
    """Return the levels of both models on one side, as estimates, and the change between them as draws."""
    level, difference = ((0.0, 1.0), (-1.0, 1.0)) if binary else (None, None)
    change = Change(scheme.mean(u_s - u_t, difference), robust_standard_error(u_s - u_t, scheme), scheme.clusters)
    side = SideScore(
        name=name,
        teacher_level=to_estimate(scheme.mean(u_t, level), scheme, len(u_t)),
        student_level=to_estimate(scheme.mean(u_s, level), scheme, len(u_s)),
        change=to_estimate(change.draws, scheme, len(u_t)),
    )
    return side, change


def _root(draws: Draws) -> Draws:
    return Draws(max(0.0, draws.point) ** 0.5, np.sqrt(np.maximum(0.0, draws.replicates)))


def _agreement(
    log: TaskLog, seen: tuple[Observation, Observation], binary: tuple[Floats, Floats] | None
) -> float | None:
    """Cohen's κ of which items teacher and student get right, ``(p − p_e) / (1 − p_e)``, in [−1, 1].

    p is the share of items that both get right or both wrong, p_e what it would be if the two were independent. An item
    is right where its most likely option is the gold one, ties going to the first as in ``accuracy``; where a task has
    no gold option, where u is 1, and wrong where u is 0. None where u has other values or the task no direction, where
    K answers are sampled, of which some may be right and others wrong, and where chance agreement is complete.
    """
    measure = log.spec.measure
    if measure.utility is None or measure.readout == "sampled":
        return None
    if get_utility(measure.utility).gold:
        right_t, right_s = (get_utility("accuracy").of(log.items, one) for one in seen)
    elif binary is not None:
        right_t, right_s = binary
    else:
        return None
    both = float((right_t == right_s).mean())
    t, s = float(right_t.mean()), float(right_s.mean())
    chance = t * s + (1 - t) * (1 - s)
    return None if chance == 1 else (both - chance) / (1 - chance)


def _flags(log: TaskLog, divergence: Draws, scheme: Resampling) -> list[str]:
    flags = []
    if log.log_likelihoods is not None:
        if abs(divergence.point) < NUMERICAL_FLOOR:
            flags.append("NUMERICAL_FLOOR")
        mass = np.nansum(np.exp(log.log_likelihoods), axis=1)
        if log.spec.measure.observable not in TEXT_OBSERVABLES and float(np.median(mass)) < NUMERICAL_FLOOR:
            flags.append("LOW_CHOICE_MASS")
    if scheme.clusters < 30:
        flags.append("FEW_CLUSTERS")
    return flags


def _newcombe(u_t: Floats, u_s: Floats) -> Estimate:
    low, high = newcombe(
        both=int((u_t * u_s).sum()),
        worse=int((u_t > u_s).sum()),
        better=int((u_t < u_s).sum()),
        neither=int(((1 - u_t) * (1 - u_s)).sum()),
    )
    n = len(u_t)
    return Estimate(value=float((u_s - u_t).mean()), low=low, high=high, n=n, clusters=n, method="Newcombe")


def _strata(log: TaskLog, d: Floats, u_t: Floats, u_s: Floats, scheme: Resampling) -> tuple[Stratum, ...]:
    names, measure = log.column("stratum"), log.spec.measure
    directed = measure.utility is not None
    out = []
    for name in sorted(set(names.tolist())):
        within = names == name
        part = scheme.within(within)
        change = (u_s - u_t)[within]
        tested = directed and measure.sides is None and part.clusters > 1
        out.append(
            Stratum(
                name=name,
                n=int(within.sum()),
                divergence=float(d[within].mean()),
                teacher_level=float(u_t[within].mean()) if directed else None,
                student_level=float(u_s[within].mean()) if directed else None,
                p_change=p_difference(float(change.mean()), robust_standard_error(change, part), part.clusters)
                if tested
                else None,
            )
        )
    return tuple(out)


def _displayed(log: TaskLog, seen: tuple[Observation, Observation], scheme: Resampling) -> tuple[Displayed, ...]:
    """Return the displayed statistics: those that the package names for the task now, else those of the log."""
    known = tasks().get(log.spec.name)
    names = (known if known and known.digest == log.spec.digest else log.spec).measure.statistics
    n = len(log.items)
    return tuple(
        Displayed(
            name=s.statistic.name,
            title=s.statistic.title,
            unit=s.statistic.unit,
            teacher=to_estimate(s.teacher, scheme, n) if s.teacher else None,
            student=to_estimate(s.student, scheme, n) if s.student else None,
            value=to_estimate(s.value, scheme, n),
        )
        for s in shown(names, log.items, *seen, scheme)
    )
