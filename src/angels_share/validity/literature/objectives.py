"""Claims of the literature about what a student learns from: objectives, and accuracy against fidelity.

Each function takes the pairs of a family on one item set and returns what it shows of one claim. Other claims stand in
:mod:`~angels_share.validity.literature.copied_errors`, :mod:`~angels_share.validity.literature.sizes` and
:mod:`~angels_share.validity.literature.traps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from angels_share.errors import MeasureError
from angels_share.score.model import Estimate
from angels_share.statement.wording import listed
from angels_share.taxonomy import ROWS
from angels_share.validity.family import FAMILY
from angels_share.validity.literature.findings import (
    Finding,
    Measured,
    by_chance,
    by_objective,
    estimated,
    existing,
    rows_said,
    seed_margin,
    sides,
)
from angels_share.validity.pairs import (
    BESIDE,
    TRUTH,
    Pairs,
    answers,
    levels,
    losses,
    mean,
    measured_tasks,
    row_losses,
    siblings_of,
    useful_tasks,
)
from angels_share.validity.stability import rank_correlation

POSITION = "Knowledge Distillation Must Account for What It Loses (arXiv 2604.25110)"
PARADOX = "On the Generalization vs Fidelity Paradox in Knowledge Distillation (arXiv 2505.15442)"

LEAKS = {
    "as_privacy_canary": "exposure_gained",
    "as_privacy_mia": "attack_loss",
    "as_privacy_extract": "extracted_beyond_guessing",
}
"""The statistic that says how much a student leaks, for each privacy task; more is worse."""

LEARNT_FROM = {
    "soft": "soft targets",
    "hot": "soft targets at a high temperature",
    "hard": "the teacher's answers",
    "reverse": "its own answers, judged by the teacher",
    "truth": "the right answers without the teacher",
}
"""What each objective learns from, in a phrase."""


# --- objectives ------------------------------------------------------------------------------------------------------


def objectives(pairs: Pairs) -> Finding:
    """Soft, hard and on-policy students on the same rows, canaries and texts.

    The paper's Table 2 asks of privacy-sensitive students for comparisons across soft and hard objectives, and its
    section on privacy holds that objectives leak differently. Every other objective is held against soft targets, the
    mean of the siblings, in the loss of each row and privacy task and in the leak itself.

    Raises
    ------
    MeasureError
        If there is no sibling or no other objective, or a score holds no replicates.
    """
    chosen = {name: pairs[name] for name in (*siblings_of(pairs), *BESIDE.values()) if name in pairs}
    if chosen.keys().isdisjoint(BESIDE.values()):
        raise MeasureError(f"none of {', '.join(BESIDE.values())} is in the family: there are no objectives to compare")
    tasks = measured_tasks(chosen)
    lost = {name: losses(pair) for name, pair in chosen.items()}
    rows = {name: row_losses(of, tasks) for name, of in lost.items()}
    told: list[Measured] = []
    for row in (row for row in ROWS if row in rows[next(iter(chosen))]):
        n = sum(task.n_items for task in tasks.values() if task.row == row)
        told += by_objective("loss", {name: of[row] for name, of in rows.items()}, n, part=row)
    private = [name for name, task in tasks.items() if task.row == "privacy"]
    for task in private:
        clusters = tasks[task].n_clusters
        told += by_objective(
            "loss", {name: of[task] for name, of in lost.items()}, tasks[task].n_items, clusters, part=task
        )
    for task in LEAKS:
        if (given := answers(chosen, task)) is not None:
            leaks = existing({name: given.statistic(LEAKS[task], name)[1] for name in given.seen})
            told += by_objective("leak", leaks, len(given.items), given.scheme.clusters, part=task)
    differences = [m for m in told if m.null is not None]
    unseen = [name for name in LEAKS if name not in private]
    return Finding(
        claim="objectives",
        source=POSITION,
        claimed="Objectives of distillation leak and lose different things, which task scores do not show.",
        definitions={
            "loss": "L of a privacy task, or the mean of L over the measured tasks of a row; of soft targets the mean "
            "of the siblings.",
            "difference in loss": "Loss of another objective less that of soft targets, from the same resamples.",
            "leak": "Of canaries the bits of exposure that insertion brought, of inserted texts the AUC of an attack "
            "by loss, of inserted documents the extraction that insertion brought.",
            "difference in leak": "Leak of another objective less that of soft targets.",
        },
        measured=tuple(told),
        can=" ".join(
            [
                f"{by_chance(differences)}.",
                *(_objective_said(objective, differences) for objective in BESIDE if BESIDE[objective] in chosen),
            ]
        ),
        cannot="All objectives but soft targets have one training seed, and all one student size, so a difference "
        "belongs to these students and not to their objectives; the on-policy student began with half of the soft "
        "targets" + (f"; nothing was charged for {listed(unseen)}." if unseen else "."),
    )


def _objective_said(objective: str, differences: Iterable[Measured]) -> str:
    mine = [m for m in differences if m.of == f"{objective} − soft"]
    rows = [m for m in mine if m.statistic == "difference in loss" and m.part in ROWS]
    leaks = [m for m in mine if m.statistic == "difference in leak"]
    lost, leaked = sides(rows), sides(leaks)
    said = (
        f"The student of {LEARNT_FROM[objective]} loses more than those of soft targets in "
        f"{rows_said(lost['above'], len(rows))} and less in {rows_said(lost['below'], len(rows))}"
    )
    if not leaks:
        return f"{said}."
    return (
        f"{said}; it leaks more in {listed([m.part for m in leaked['above']]) or 'no privacy task'} and less in "
        f"{listed([m.part for m in leaked['below']]) or 'no privacy task'}."
    )


# --- accuracy against fidelity ---------------------------------------------------------------------------------------


def fidelity(pairs: Pairs) -> Finding:
    """Whether students that gain in accuracy agree with their teacher.

    Ramesh, Sengupta and Chakraborty find that distillation improves accuracy without always keeping the teacher's
    reasoning. Agreement is ``1 − Δ/Δ₁``: it exists for every readout, needs no right answers, and 0 is a student that
    ignores its input. κ would exist for binary utilities alone. The contrast with the student that learnt from the
    right answers alone is theirs of distilled and merely trained students, as near as this family has it.

    Raises
    ------
    MeasureError
        If there are fewer than four students, no sibling, or no task with a utility was measured for all of them.
    """
    if len(pairs) < 4:
        raise MeasureError(f"a rank correlation over {len(pairs)} students says nothing; at least four are needed")
    tasks = useful_tasks(pairs)
    told: list[Measured] = []
    points: dict[str, tuple[float, float]] = {}
    for name, pair in pairs.items():
        scores = [t for t in pair.score.tasks if t.task in tasks]
        change = _combined([t.change for t in scores if t.change])
        fell = _combined([t.uncredited_loss for t in scores if t.uncredited_loss])
        agreed = fell.model_copy(update={"value": 1 - fell.value, "low": 1 - fell.high, "high": 1 - fell.low})
        points[name] = change.value, agreed.value
        told += [
            Measured(statistic="change in utility", of=name, estimate=change, null=0.0),
            Measured(statistic="agreement", of=name, estimate=agreed),
        ]
    unplanted = [name for name in pairs if FAMILY[name].planted is None]
    groups = {"all students": list(pairs), "students without a planted loss": unplanted}
    told += [
        Measured(statistic="rank correlation", of=of, estimate=found, null=0.0)
        for of, names in groups.items()
        if len(names) >= 4 and (found := rank_correlation([points[n] for n in names]))
    ]
    told += _against_truth(pairs, tasks)
    return Finding(
        claim="fidelity",
        source=PARADOX,
        claimed="Distillation raises accuracy, but what it raises is not agreement with the teacher.",
        definitions={
            "change in utility": "c(S) − c(T), the mean over tasks that have one net utility, without the privacy row.",
            "agreement": "1 − Δ/Δ₁, the mean over the same tasks: 1 answers as the teacher, 0 as a constant.",
            "rank correlation": "Spearman's ρ of the two over students, which are resampled; n is the students.",
            "gain in utility": "Change in utility less that of the student that learnt without the teacher, from the "
            "same resamples of items.",
            "gain in agreement": "The same for agreement.",
        },
        measured=tuple(told),
        can=_fidelity_said(told),
        cannot="The students are no sample of distilled models, and a loss was planted in "
        f"{len(pairs) - len(unplanted)} of them, so the correlation describes this family. A student that differs "
        "where the teacher is right loses both at once, so some correlation is arithmetic. That small models gain more "
        "cannot be asked: one size alone learnt without the teacher, and no student was measured before distillation.",
    )


def _combined(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean of independent estimates, its interval from the widths of theirs."""
    ends = np.array([[e.low, e.high] for e in estimates])
    value = float(np.mean([e.value for e in estimates]))
    reach = float(np.sqrt((np.diff(ends) ** 2).sum()) / 2 / len(estimates))
    return Estimate(
        value=value,
        low=value - reach,
        high=value + reach,
        n=sum(e.n for e in estimates),
        clusters=0,
        method=f"intervals of {len(estimates)} tasks combined",
    )


def _against_truth(pairs: Pairs, tasks: Iterable[str]) -> list[Measured]:
    """Return what each objective gains over the right answers alone, in utility and in agreement."""
    if TRUTH not in pairs:
        return []
    siblings = siblings_of(pairs)
    names = [*siblings, *(name for name in BESIDE.values() if name in pairs)]
    n, of_member = levels(pairs, tasks, names)
    told = []
    for k, statistic in enumerate(("gain in utility", "gain in agreement")):
        level = {name: of_member[name][k] for name in names}
        points = [level[name].point for name in siblings]
        soft = {"soft": (mean([level[name] for name in siblings]), seed_margin(points))}
        others = {o: (level[m], seed_margin(points, (1.0, -1.0))) for o, m in BESIDE.items() if m in level}
        told += [
            Measured(
                statistic=statistic,
                of=f"{objective} − truth",
                estimate=estimated(draws - level[TRUTH], n),
                null=0.0,
                seeds=margin,
            )
            for objective, (draws, margin) in (soft | others).items()
            if objective != "truth"
        ]
    return told


CORRELATED = {
    "above": "those that keep more utility also agree more with the teacher",
    "below": "those that keep more utility agree less with the teacher",
    "around": "utility and agreement with the teacher are not shown to go together",
}

QUADRANTS = {
    ("above", "above"): "raises both utility and agreement, so there is no paradox here",
    ("above", "around"): "raises utility and is not shown to raise agreement, as claimed",
    ("above", "below"): "raises utility and lowers agreement, as claimed",
    ("around", "above"): "raises agreement and is not shown to raise utility: not what is claimed",
    ("below", "above"): "raises agreement and lowers utility: the reverse of what is claimed",
    ("around", "around"): "is shown to move neither utility nor agreement",
    ("around", "below"): "lowers agreement and is not shown to move utility",
    ("below", "around"): "lowers utility and is not shown to move agreement",
    ("below", "below"): "lowers both utility and agreement",
}
"""What learning from the teacher does, by the sides of its gain in utility and in agreement."""


def _fidelity_said(told: Sequence[Measured]) -> str:
    said = [
        f"Over {m.of}, of whom there are {m.estimate.n}, {CORRELATED[m.side]}: ρ = {m}."
        for m in told
        if m.statistic == "rank correlation"
    ]
    gains = {(m.of, m.statistic): m for m in told}
    for objective in ("soft", *BESIDE):
        of = f"{objective} − truth"
        if (of, "gain in utility") in gains:
            utility, agreement = gains[of, "gain in utility"], gains[of, "gain in agreement"]
            said.append(
                f"Learning from {LEARNT_FROM[objective]} instead of the right answers alone "
                f"{QUADRANTS[utility.side, agreement.side]}: utility {utility}, agreement {agreement}."
            )
    return " ".join(said)
