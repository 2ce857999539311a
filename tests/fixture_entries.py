"""Index entries with made-up numbers, for the tests of the index and of the leaderboard.

No model was run for these: names begin with ``fixture`` so that nobody mistakes them for results.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from angels_share.claims import Claim
from angels_share.estimate import Draws
from angels_share.index import Entry
from angels_share.score.model import (
    AngelsShare,
    ComparisonKey,
    Estimate,
    Gap,
    PairScore,
    Retention,
    RowScore,
    SideScore,
    Stratum,
    SuiteDraws,
    SuiteScore,
    TaskScore,
    Verdict,
)
from angels_share.statement import Method, Statement, SuiteStatement, check
from angels_share.statement.draft import computed_items
from angels_share.statement.model import Family
from angels_share.submission.model import Canonical, Key, Manifest, ModelFacts, SuitePin
from angels_share.taxonomy import STATEMENT_ITEMS

TEACHER = "fixture-teacher-2m"
KEY = ComparisonKey(track="toy", profile="pilot", item_seed=0, levels=(0,), access="likelihood")
TASKS: dict[str, str] = {
    "as_distribution_urn": "distribution",
    "as_distribution_sample": "distribution",
    "as_boundary_groups": "boundary",
    "as_tail_rare": "tail",
    "as_tail_facts": "tail",
}


def estimate(value: float, half: float = 0.05) -> Estimate:
    """Return a number with a symmetric interval."""
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        n=120,
        clusters=40,
        method="cluster bootstrap, 2000 resamples",
    )


def drawn(value: float, half: float) -> Draws:
    """Return a number with normal replicates, of which 95 % lie within this much of it."""
    noise = np.random.default_rng(int(1e6 * abs(value))).normal(0, half / 1.96, 2000)
    return Draws(value, value + noise)


def task_score(
    task: str, loss: float, verdict: Verdict, *, flags: tuple[str, ...] = (), half: float = 0.05
) -> TaskScore:
    """Return the score of a measured task whose loss is this."""
    directed = TASKS[task] != "distribution"
    return TaskScore(
        **_design(task),
        divergence=estimate(loss * 0.4, half * 0.4),
        teacher_variation=estimate(0.4, 0.02),
        total_variation=estimate(loss * 0.5, half * 0.5),
        harmful=estimate(loss * 0.3, half * 0.3),
        corrective=estimate(loss * 0.1, half * 0.1),
        neutral=estimate(0.0, 0.0),
        net_correction=estimate(0.0, 0.0),
        loss=estimate(loss, half),
        uncredited_loss=estimate(loss, half),
        teacher_level=estimate(0.9, 0.04) if directed else None,
        student_level=estimate(0.9 - loss / 2, 0.05) if directed else None,
        change=estimate(-loss / 2, half / 2) if directed else None,
        chance_level=0.25 if directed else None,
        minimum_detectable_effect=0.06 if directed else None,
        p_change=loss / 90 if directed else None,
        p_holm=loss / 30 if directed else None,
        q_change=loss / 60 if directed else None,
        p_equivalence=1 - loss if directed else None,
        verdict=verdict,
        verdict_author=verdict,
        invalid_teacher=0.0,
        invalid_student=0.01,
        strata=(Stratum(name="one digit", n=40, divergence=0.1, teacher_level=0.95, student_level=0.9),),
        flags=flags,
    )


def two_sided(found: TaskScore) -> TaskScore:
    """Return the score with 20 lost on one side of a boundary and 10 gained on the other."""
    sides = (
        _side("allowed", 0.9, 0.7, p_change=0.011, p_holm=0.033, q_change=0.022),
        _side("forbidden", 0.6, 0.7, p_change=0.26, p_holm=0.52, q_change=0.39),
    )
    whole = ("teacher_level", "student_level", "change", "p_change", "p_holm", "q_change")
    return found.model_copy(update={"sides": sides} | dict.fromkeys(whole))


def _side(name: str, teacher: float, student: float, **tests: float) -> SideScore:
    levels = {"teacher_level": estimate(teacher), "student_level": estimate(student)}
    return SideScore(name=name, change=estimate(round(student - teacher, 3)), **levels, **tests)


def gap(task: str, side: str, reason: str) -> TaskScore:
    """Return the score of a task that was not measured."""
    return TaskScore(**_design(task), gap=Gap(side=side, reason=reason))


def _design(task: str) -> dict[str, Any]:
    directed = TASKS[task] != "distribution"
    return {
        "task": task,
        "version": 1.0,
        "row": TASKS[task],
        "readout": "likelihood",
        "observable": "choice_distribution",
        "discrepancy": "half_squared",
        "utility": "probability_of_gold" if directed else None,
        "direction": "higher" if directed else "none",
        "levels": KEY.levels,
        "n_items": 120,
        "n_clusters": 40,
        "repeats": 1,
    }


def suite_score(tasks: list[TaskScore], retention: float, undisclosed: float = 0.0, **changes: Any) -> SuiteScore:
    """Return the suite's score from its tasks: rows weigh the same, a submitter's gap counts as 1."""
    rows = []
    for row in ("tail", "boundary", "distribution"):
        charged = [t for t in tasks if t.row == row and (t.gap is None or t.gap.side == "submitter")]
        loss = sum(t.loss.value if t.loss else 1.0 for t in charged) / len(charged) if charged else None
        rows.append(
            RowScore(
                row=row,
                weight=1 / 3 if charged else 0.0,
                loss=estimate(loss) if loss is not None else None,
                tasks=tuple(t.task for t in tasks if t.row == row),
                coverage=len(charged) / sum(t.row == row for t in tasks),
            )
        )
    total = sum(r.weight * r.loss.value for r in rows if r.loss)
    missing = sum(
        r.weight / len(r.tasks) for r in rows for t in tasks if t.row == r.row and t.gap and t.gap.side == "submitter"
    )
    content: dict[str, Any] = {
        "suite": "synthetic_data",
        "version": "1.0",
        "digest": hashlib.sha256(b"fixture suite").hexdigest(),
        "primary": Retention(
            task="as_tail_rare",
            metric="accuracy",
            chance=0.25,
            teacher=estimate(0.88),
            student=estimate(0.25 + retention * 0.63),
            retention=estimate(retention),
        ),
        "rows": tuple(rows),
        "angels_share": AngelsShare(
            total=estimate(total, 0.03),
            accounted=max(0.0, total - missing - undisclosed),
            undisclosed=undisclosed,
            unmeasured=missing,
        ),
        "composite": estimate(min(retention, 1.0) - total, 0.06),
        "draws": SuiteDraws(drawn(min(retention, 1.0), 0.05), drawn(total, 0.03), 40),
        "coverage": 1.0,
        "rankable": True,
        "reasons": (),
    }
    return SuiteScore(**(content | changes))


def entry(
    name: str,
    method: Family,
    tasks: list[TaskScore],
    suites: tuple[SuiteScore, ...],
    *,
    texts: dict[str, str] | None = None,
    claims: tuple[Claim, ...] = (),
    **of_score: Any,
) -> Entry:
    """Return the entry of a pair of this name; its claims are checked for real."""
    pinned = hashlib.sha256(name.encode()).hexdigest()
    provenance = {"angels_share": "0.1.0", "lm_eval": ["0.4.13"], "student": {"dtype": "float32", "batch_size": "8"}}
    content: dict[str, Any] = {
        "key": KEY,
        "teacher": TEACHER,
        "student": name,
        "teacher_digest": hashlib.sha256(TEACHER.encode()).hexdigest(),
        "student_digest": pinned,
        "resamples": 2000,
        "tasks": tuple(tasks),
        "suites": suites,
        "calibration": "calibration run",
        "provenance": provenance,
    }
    score = PairScore(**(content | of_score))
    filled = computed_items(score, suites[0]) if suites else {}
    items = {key: f"Fixture text on {item.title.lower()}." for key, item in STATEMENT_ITEMS.items()}
    statement = Statement(
        teacher=TEACHER,
        student=name,
        method=Method(family=method, description="Made up for the tests; no model was run."),
        suites={"synthetic_data": SuiteStatement(items=items | filled | (texts or {}), claims=claims)},
    )
    manifest = Manifest(
        pair_id=pinned[:16],
        slug=name,
        teacher=ModelFacts(name=TEACHER, parameters=2_000_000),
        student=ModelFacts(name=name, parameters=700_000),
        method=method,
        suites=(SuitePin(name="synthetic_data", version="1.0", digest=pinned),),
        key=Key(track=KEY.track, profile=KEY.profile, item_seed=KEY.item_seed),
        roles={"teacher": Canonical(canonical=TEACHER), "student": Canonical(canonical=name)},
        files={"statement.json": pinned, "score.json": pinned},
        submitter="the fixture's author",
        digest=pinned,
    )
    return Entry(manifest, statement, score, check(statement, score))


def distilled() -> Entry:
    """Return a distilled pair with one verdict of nearly every kind, and one task left out by the submitter."""
    tasks = [
        task_score("as_distribution_urn", 0.22, "SHIFTED"),
        gap("as_distribution_sample", "submitter", "the student's log of this task is missing"),
        task_score("as_boundary_groups", 0.41, "HARMFUL", half=0.09),
        task_score("as_tail_rare", 0.06, "PRESERVED", flags=("CEILING",)),
        task_score("as_tail_facts", 0.12, "INCONCLUSIVE", flags=("CANNOT CERTIFY AT THIS N",)),
    ]
    claims = (
        Claim(row="tail", task="as_tail_rare", kind="preserved"),
        Claim(
            row="boundary",
            task="as_boundary_groups",
            kind="accepted",
            justification="The product checks these labels by hand.",
        ),
        Claim(row="distribution", task="as_distribution_urn", kind="lost"),
        Claim(row="distribution", task="as_distribution_sample", kind="unmeasured"),
    )
    texts = {
        "deployment_context": "A fixture for people who try the leaderboard.\nIt labels the rows of a table.",
        "accepted_losses": "Labels of one group may fail: the product checks them by hand.",
        "deployment_implication": "",
    }
    suite = suite_score(tasks, retention=0.93, undisclosed=0.02)
    return entry("fixture-student-700k", "logit-kd", tasks, (suite,), texts=texts, claims=claims)


def pruned() -> Entry:
    """Return a pruned pair, which is no distillation, loses much, and cannot be ranked for want of a claim."""
    tasks = [
        task_score("as_distribution_urn", 0.71, "SHIFTED"),
        task_score("as_distribution_sample", 0.64, "SHIFTED"),
        task_score("as_boundary_groups", 0.83, "HARMFUL"),
        task_score("as_tail_rare", 0.58, "HARMFUL"),
        gap("as_tail_facts", "teacher", "the teacher's level 0.310 is too near chance 0.250 (least: 0.400)"),
    ]
    claims = (
        Claim(row="boundary", kind="lost"),
        Claim(row="tail", task="as_tail_rare", kind="preserved"),
        Claim(row="tail", task="as_tail_rare", kind="lost"),
        Claim(row="distribution", task="as_distribution_urn", kind="lost"),
    )
    reason = "as_distribution_sample is SHIFTED and the statement does not say so"
    suite = suite_score(tasks, 0.47, undisclosed=0.64 / 6, coverage=5 / 6, rankable=False, reasons=(reason,))
    return entry("fixture-teacher-2m-minus-2-layers", "pruning", tasks, (suite,), claims=claims)


def control() -> Entry:
    """Return the teacher against itself."""
    tasks = [task_score(name, 0.0, "PRESERVED", half=0.01) for name in TASKS]
    return entry("fixture-teacher-2m-again", "control", tasks, (suite_score(tasks, retention=1.0),))
