"""A whole pair: every task of the suites, the suites, and the test of the tasks against the teacher's repeat."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from angels_share import __version__, second_stage
from angels_share.canaries import Key, needs_key
from angels_share.claims import Claims
from angels_share.errors import MeasureError, PairingError
from angels_share.estimate import RESAMPLES
from angels_share.logs import Run, TaskLog
from angels_share.pairing import CoupledError
from angels_share.score.measurable import LEAST_DIVISOR, observed, responses_of, sampler_gap, teacher_gap, variation_gap
from angels_share.score.model import ComparisonKey, Gap, PairScore, TaskScore
from angels_share.score.suite import retention, score_suite
from angels_share.score.task import Measurement, measure_task, without_numbers
from angels_share.score.verdict import Margins, judge
from angels_share.spec import Access, SuiteSpec, locked_digest, readable, suite
from angels_share.spec import task as task_spec


def score_pair(
    teacher: Run,
    student: Run,
    *,
    suites: Sequence[str],
    repeat: Run | None = None,
    calibration: Run | None = None,
    claims: Claims | None = None,
    resamples: int = RESAMPLES,
    epsilon_author: float | None = None,
    tau_author: float | None = None,
) -> PairScore:
    """Return the score of a pair on one or more suites.

    Parameters
    ----------
    teacher, student : Run
        The two runs, of the same track, profile and item seed.
    suites : sequence of str
        Names of the suites to score.
    repeat : Run, optional
        The teacher run again with another sampling seed and batch size; it tests the tasks and enters no loss.
    calibration : Run, optional
        The teacher on other items, on which it is decided what can be measured. Without it the scored run decides.
    claims : mapping, optional
        The author's claims for each suite.
    resamples : int
        Bootstrap resamples.
    epsilon_author, tau_author : float, optional
        Margins that the author declares for the deployment.

    Raises
    ------
    PairingError
        If the runs must not be compared, or the suites' margins differ.
    SpecError
        If a suite is unknown.
    """
    access = access_of(teacher, student)
    specs = [suite(name).seen_by(access) for name in suites]
    names = list(dict.fromkeys(name for spec in specs for name in spec.tasks))
    margins = {Margins(spec.epsilon, spec.tau) for spec in specs}
    if len(margins) != 1:
        raise PairingError(f"suites {', '.join(suites)} have different margins; score them one by one")
    if calibration is not None:
        _check_calibration(teacher, calibration)
    gaps, measured = _measure(names, teacher, student, calibration, resamples, access)
    author = None
    default = margins.pop()
    if epsilon_author is not None or tau_author is not None:
        author = Margins(
            default.epsilon if epsilon_author is None else epsilon_author,
            default.tau if tau_author is None else tau_author,
        )
    families = [spec.tasks for spec in specs]
    tasks = {t.task: t for t in (*gaps, *judge(list(measured.values()), default, author, families))}
    losses = {name: m.loss for name, m in measured.items()}
    repeated: list[TaskScore] = []
    if repeat is not None:
        again, found = _measure(names, teacher, repeat, calibration, resamples, access)
        repeated = [*again, *judge(list(found.values()), default, None, families)]
    return PairScore(
        key=_comparison_key(teacher, student, tasks, access),
        teacher=teacher.model,
        student=student.model,
        teacher_digest=_digest(teacher, names),
        student_digest=_digest(student, names),
        resamples=resamples,
        tasks=tuple(tasks[name] for name in names),
        suites=tuple(
            score_suite(
                spec,
                {name: tasks[name] for name in spec.tasks},
                losses,
                retention(
                    spec,
                    teacher.tasks.get(spec.primary.task),
                    student.tasks.get(spec.primary.task),
                    calibration.tasks.get(spec.primary.task) if calibration is not None else None,
                    resamples,
                ),
                (claims or {}).get(spec.name, ()),
                resamples,
            )
            for spec in specs
        ),
        epsilon=default.epsilon,
        tau=default.tau,
        epsilon_author=epsilon_author,
        tau_author=tau_author,
        calibration="calibration run" if calibration is not None else "the scored run itself",
        repeat=tuple(sorted(repeated, key=lambda t: names.index(t.task))),
        second_stage=_second_stage(specs, teacher, student, default, author, resamples, access),
        flags=_pair_flags(teacher, student, names),
        provenance={
            "angels_share": __version__,
            "lm_eval": sorted(
                {log.settings.lm_eval_version for run in (teacher, student) for log in run.tasks.values()}
            ),
            "teacher": _conditions(teacher, names),
            "student": _conditions(student, names),
        },
    )


def access_of(teacher: Run, student: Run) -> Access:
    """Return by what a pair is compared: by text where the run of a model declares that it gives out nothing else.

    It is declared and never inferred: what a run lacks without a declaration is missing, and charged.
    """
    declared = {log.settings.access for run in (teacher, student) for log in run.tasks.values()}
    return "text" if "text" in declared else "likelihood"


def _measure(
    names: Sequence[str], teacher: Run, student: Run, calibration: Run | None, resamples: int, access: Access
) -> tuple[list[TaskScore], dict[str, Measurement]]:
    gaps: list[TaskScore] = []
    measured: dict[str, Measurement] = {}
    for name in names:
        if not readable(name, access):
            unseen = Gap(side="access", reason="it needs likelihoods, and this pair is compared by text alone")
            gaps.append(without_numbers(task_spec(name), None, unseen))
            continue
        ours, theirs = teacher.tasks.get(name), student.tasks.get(name)
        if ours is None or theirs is None:
            gaps.append(_absent(name, ours, theirs))
            continue
        decided = calibration.tasks.get(name) if calibration is not None else ours
        gap = (teacher_gap(decided) if decided is not None else None) or sampler_gap(ours) or sampler_gap(theirs)
        gap = gap or variation_gap(ours, observed(ours), LEAST_DIVISOR)
        if gap is not None:
            gaps.append(without_numbers(ours.spec, ours, gap))
            continue
        try:
            measured[name] = measure_task(ours, theirs, resamples)
        except CoupledError as error:
            gap = Gap(side="submitter", reason=str(error).removeprefix(f"{name}: "))
            gaps.append(without_numbers(ours.spec, ours, gap))
    return gaps, measured


def _second_stage(
    specs: Sequence[SuiteSpec],
    teacher: Run,
    student: Run,
    margins: Margins,
    author: Margins | None,
    resamples: int,
    access: Access,
) -> tuple[TaskScore, ...]:
    """Return the scores of the suites' second-stage tasks; the scored run itself decides what can be measured."""
    names = list(dict.fromkeys(name for spec in specs for name in spec.second_stage))
    for name in names:
        first = str(task_spec(name).measure.first_stage)
        for run in (teacher, student):
            if name in run.tasks:
                second_stage.check(run.tasks[name], teacher.tasks.get(first), student.tasks.get(first))
    gaps, measured = _measure(names, teacher, student, None, resamples, access)
    families = [spec.second_stage for spec in specs]
    found = {t.task: t for t in (*gaps, *judge(list(measured.values()), margins, author, families))}
    return tuple(found[name] for name in names)


def _absent(name: str, teacher: TaskLog | None, student: TaskLog | None) -> TaskScore:
    side = "teacher's and the student's runs lack" if teacher is student else (
        "teacher's run lacks" if teacher is None else "student's run lacks"
    )  # fmt: skip
    present = teacher or student
    spec = present.spec if present else task_spec(name)
    reason = f"the {side} this task"
    if needs_key(spec):
        reason += ", which needs texts of known membership: see `angels-share canaries make` and --canaries"
    return without_numbers(spec, present, Gap(side="submitter", reason=reason))


def _check_calibration(teacher: Run, calibration: Run) -> None:
    if teacher.model != calibration.model:
        raise PairingError(f"the calibration run is of {calibration.model}, the teacher's of {teacher.model}")
    for name in teacher.tasks.keys() & calibration.tasks.keys():
        ours, theirs = teacher.tasks[name].settings, calibration.tasks[name].settings
        if ours.track != theirs.track:
            raise PairingError(
                f"{name}: the calibration run is of track {theirs.track}, the scored one of {ours.track}"
            )
        if ours.item_seed == theirs.item_seed:
            raise PairingError(f"{name}: the calibration run has the scored run's item seed {ours.item_seed}")


def _comparison_key(teacher: Run, student: Run, tasks: Mapping[str, TaskScore], access: Access) -> ComparisonKey:
    settings = {
        (log.settings.track, log.settings.profile, log.settings.item_seed)
        for run in (teacher, student)
        for name, log in run.tasks.items()
        if name in tasks
    }
    if not settings:
        raise MeasureError("neither run holds a task of the suites; see `angels-share list`")
    if len(settings) > 1:
        told = "; ".join(f"track {t}, profile {p}, item seed {s}" for t, p, s in sorted(settings))
        raise PairingError(f"the logs mix several settings ({told}); run every task of both models with the same ones")
    keys = {
        log.settings.canaries.digest if isinstance(log.settings.canaries, Key) else log.settings.canaries
        for run in (teacher, student)
        for name, log in run.tasks.items()
        if name in tasks and log.settings.canaries is not None
    }
    if len(keys) > 1:
        raise PairingError("the logs mix several canary keys; run every privacy task of both models with the same one")
    track, profile, item_seed = settings.pop()
    levels = sorted({level for task in tasks.values() for level in task.levels})
    return ComparisonKey(
        track=track,
        profile=profile,
        item_seed=item_seed,
        levels=tuple(levels),
        access=access,
        canaries=next(iter(keys), None),
    )


def _digest(run: Run, names: Sequence[str]) -> str:
    parts = [f"{name}:{run.tasks[name].responses_digest}" for name in sorted(names) if name in run.tasks]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _pair_flags(teacher: Run, student: Run, names: Sequence[str]) -> tuple[str, ...]:
    flags = []
    shared = [n for n in names if n in teacher.tasks and n in student.tasks]
    for name in shared:
        spec = teacher.tasks[name].spec
        pinned = locked_digest(spec)
        if pinned != spec.digest:
            flags.append(f"NOT LOCKED: {name} {spec.version}")
        if teacher.tasks[name].settings.chat_template_sha != student.tasks[name].settings.chat_template_sha:
            flags.append(f"DIFFERENT TEMPLATES: {name}")
    deterministic = [n for n in shared if teacher.tasks[n].spec.measure.readout != "sampled"]
    if deterministic and all(_identical(teacher.tasks[n], student.tasks[n]) for n in deterministic):
        flags.append("IDENTICAL RESPONSES")
    return tuple(flags)


def _identical(teacher: TaskLog, student: TaskLog) -> bool:
    """Tell whether two logs give the same answers to the same items, whatever the order of their rows."""
    if set(teacher.doc_hash) != set(student.doc_hash):
        return False
    rows = [dict(zip(log.doc_hash, responses_of(log), strict=True)) for log in (teacher, student)]
    if teacher.texts is not None:
        return bool(rows[0] == rows[1])
    ours, theirs = (np.array([row[key] for key in sorted(row)]) for row in rows)
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, atol=1e-4, rtol=0, equal_nan=True))


def _conditions(run: Run, names: Sequence[str]) -> dict[str, object]:
    """Return the conditions of a run that a reader may want to compare, as the logs state them."""
    logs = [run.tasks[n] for n in names if n in run.tasks]
    fields = ("backend", "dtype", "batch_size", "sampling_seed", "chat_template_sha", "system_instruction_sha")
    return {f: sorted({str(getattr(log.settings, f)) for log in logs}) for f in fields}
