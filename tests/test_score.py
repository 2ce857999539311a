"""What a scored pair must satisfy: known students come out at their known loss, and nothing can be gained by hiding."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.multitest import multipletests

from angels_share import spec
from angels_share.claims import Claim
from angels_share.errors import PairingError
from angels_share.estimate import Draws, Floats, newcombe, p_difference
from angels_share.items import Item, Stream
from angels_share.logs import Run, TaskLog, document_hash, read_run
from angels_share.observables import get_utility, observe
from angels_share.score import PairScore, score_pair
from angels_share.score.controls import constant, control_run
from angels_share.score.model import Estimate, SuiteScore, TaskScore
from angels_share.score.suite import on_shared_tasks
from angels_share.score.task import measure_task
from angels_share.score.verdict import Margins, judge
from angels_share.spec import suite, task, tasks
from synthetic import FIVE_TASKS, SETTINGS, log_of, make_items, noisy, reordered, write_run

CONFIDENCE, ABSTAIN, LADDER = "as_calibration_confidence", "as_calibration_abstain", "as_boundary_ladder"
URN, SAMPLE = "as_distribution_urn", "as_distribution_sample"
TASKS = FIVE_TASKS.tasks
LIKELIHOOD = [name for name in TASKS if task(name).measure.readout == "likelihood"]
GOLD = [
    name
    for name, spec in tasks().items()
    if spec.measure.utility and get_utility(spec.measure.utility).gold and not spec.measure.first_stage
]
DETERMINISTIC = [name for name in TASKS if task(name).measure.readout != "sampled"]
RESAMPLES = 200
MARGINS = Margins(0.05, 0.05)

pytestmark = pytest.mark.usefixtures("five_tasks")


# --- runs and logs to score ------------------------------------------------------------------------------------------


def made_up(folder: Path, profile: str) -> tuple[Run, Run]:
    """Return a competent teacher and a weaker student of it."""
    ours, theirs = folder / "teacher", folder / "student"
    write_run(ours, TASKS, noisy(2, 0.9), profile=profile)
    write_run(theirs, TASKS, noisy(3, 0.6), profile=profile, sampling_seed=2, model="student")
    return read_run(ours), read_run(theirs)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    return made_up(tmp_path_factory.mktemp("lite"), "lite")


@pytest.fixture(scope="module")
def teacher(pair: tuple[Run, Run]) -> Run:
    return pair[0]


@pytest.fixture(scope="module")
def student(pair: tuple[Run, Run]) -> Run:
    return pair[1]


@pytest.fixture(scope="module")
def scored(teacher: Run, student: Run) -> PairScore:
    return score(teacher, student)


@pytest.fixture(scope="module")
def small_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    return made_up(tmp_path_factory.mktemp("pilot"), "pilot")


@pytest.fixture(scope="module")
def large_teacher(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("standard"), TASKS, noisy(2, 0.9), profile="standard"))


def score(teacher: Run, student: Run, **options: Any) -> PairScore:
    return score_pair(teacher, student, suites=["high_risk"], resamples=RESAMPLES, **options)


def by_task(scored: PairScore) -> dict[str, TaskScore]:
    return {t.task: t for t in scored.tasks}


def value(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.value


def share(scored: PairScore) -> float:
    made = scored.suites[0].angels_share
    assert made is not None
    return made.total.value


def changed(run: Run, name: str, change: Callable[[TaskLog], TaskLog]) -> Run:
    return replace(run, tasks={**run.tasks, name: change(run.tasks[name])})


def without(run: Run, *names: str) -> Run:
    return replace(run, tasks={k: v for k, v in run.tasks.items() if k not in names})


def with_settings(run: Run, name: str, **settings: Any) -> Run:
    return changed(run, name, lambda log: replace(log, settings=replace(log.settings, **settings)))


def resampled(log: TaskLog, probabilities: Callable[[Item], Sequence[float]], seed: int, k: int = 8) -> TaskLog:
    """Return a sampled log with new answers, drawn from these probabilities of each item's options."""
    rng = np.random.default_rng(seed)
    texts = tuple(tuple(rng.choice(i["choices"], k, p=probabilities(i)).tolist()) for i in log.items)
    return replace(log, texts=texts, settings=replace(log.settings, sampling_seed=seed))


def true_draws(log: TaskLog, seed: int) -> TaskLog:
    return resampled(log, lambda item: item["truth"], seed)


def true_teacher(run: Run) -> Run:
    """Return the run with a teacher of the sampled task that draws from the truth, so that a re-sample is known."""
    return changed(run, SAMPLE, lambda log: true_draws(log, 104))


@cache
def quiz(n: int, width: int = 4) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Return items with this many options each, and their hashes; the right option rotates."""
    items = tuple(
        {
            "item_id": f"i{k}",
            "cluster_id": f"c{k}",
            "stratum": "all",
            "level": 0,
            "prompt": f"question {k}",
            "choices": list("abcdef"[:width]),
            "gold": k % width,
        }
        for k in range(n)
    )
    return items, tuple(document_hash(item) for item in items)


def golds(n: int, width: int = 4) -> Floats:
    return np.eye(width)[np.arange(n) % width]


def answered(logits: Floats, name: str = CONFIDENCE) -> TaskLog:
    """Return a log of four-option items whose options have these logits."""
    items, hashes = quiz(*logits.shape)
    top = logits.max(axis=1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    spec = task(CONFIDENCE).model_copy(update={"name": name})
    return TaskLog(spec=spec, settings=SETTINGS, items=items, doc_hash=hashes, log_likelihoods=logs)


def spoken(answers: Sequence[str], name: str = LADDER) -> TaskLog:
    """Return a greedy log with these answers to questions whose answer is always a number from 0 to 4."""
    items = tuple(
        {
            "item_id": f"i{k}",
            "cluster_id": f"c{k}",
            "stratum": "all",
            "level": 0,
            "prompt": f"question {k}",
            "answer": str(k % 5),
            "candidates": [],
        }
        for k in range(len(answers))
    )
    spec = task(LADDER).model_copy(update={"name": name})
    hashes = tuple(document_hash(item) for item in items)
    return TaskLog(spec=spec, settings=SETTINGS, items=items, doc_hash=hashes, texts=tuple((a,) for a in answers))


def compare(teacher: TaskLog, student: TaskLog) -> TaskScore:
    """Return the score of one task with its verdict."""
    return judge([measure_task(teacher, student, RESAMPLES)], MARGINS, None)[0]


# --- the teacher itself ----------------------------------------------------------------------------------------------


def test_the_teacher_itself_loses_exactly_nothing(teacher: Run) -> None:
    made = score(teacher, teacher)
    for name in DETERMINISTIC:
        found = by_task(made)[name]
        for number in ("divergence", "loss", "uncredited_loss", "change", "harmful", "corrective", "neutral"):
            assert value(getattr(found, number)) == 0, (name, number)
        assert found.verdict == "PRESERVED"
    assert value(made.suites[0].primary.retention) == 1
    assert "IDENTICAL RESPONSES" in made.flags


def test_rounding_of_likelihoods_is_no_loss(teacher: Run) -> None:
    def rounded(log: TaskLog) -> TaskLog:
        noise = np.random.default_rng(0).normal(-0.01, 1e-4, (len(log.items), 6))
        logs = np.asarray(log.log_likelihoods)
        return replace(log, log_likelihoods=logs + noise[:, : logs.shape[1]])

    for name in LIKELIHOOD:
        found = compare(teacher.tasks[name], rounded(teacher.tasks[name]))
        assert "NUMERICAL_FLOOR" in found.flags
        assert found.loss is not None
        assert (found.loss.value, found.loss.low, found.loss.high) == (0, 0, 0)
        assert found.verdict == "PRESERVED"


def test_an_independent_resample_of_the_teacher_covers_0(teacher: Run) -> None:
    teacher = true_teacher(teacher)
    again = changed(teacher, SAMPLE, lambda log: true_draws(log, 101))
    made = score(teacher, again, repeat=again)
    for found in (by_task(made)[SAMPLE], {t.task: t for t in made.repeat}[SAMPLE]):
        for estimate in (found.divergence, found.loss, found.change):
            assert estimate is not None
            assert estimate.low < 0 < estimate.high
    assert [t.task for t in made.repeat] == list(TASKS)


def test_resamples_of_the_teacher_lose_nothing_on_average(teacher: Run) -> None:
    log = true_draws(teacher.tasks[SAMPLE], 100)
    losses, covered = [], 0
    for seed in range(200, 230):
        found = measure_task(true_draws(log, 1000 + seed), true_draws(log, seed), 100).score
        losses.append(value(found.loss))
        covered += found.loss is not None and found.loss.low <= 0 <= found.loss.high
    assert abs(np.mean(losses)) < 4 * np.std(losses) / math.sqrt(30)
    assert covered >= 25


# --- students that ignore the question -------------------------------------------------------------------------------


@pytest.mark.parametrize("control", ["constant", "uniform", "shuffled"])
def test_controls_lose_everything(large_teacher: Run, control: str) -> None:
    made = by_task(score(large_teacher, control_run(control, large_teacher)))
    for name in DETERMINISTIC:
        assert value(made[name].loss) >= 0.9, name
        assert made[name].verdict == "HARMFUL"
        assert value(made[name].net_correction) == 0
    sampled = made[SAMPLE].loss
    assert sampled is not None
    assert sampled.value >= 0.75
    assert sampled.high >= 0.9


def test_controls_of_a_sampled_task_lose_everything_on_average(teacher: Run) -> None:
    """One control's loss has a standard error near 0.1 at 200 items of 8 samples; its mean is that of exact answers."""
    log = true_draws(teacher.tasks[SAMPLE], 100)
    truth = np.array([item["truth"] for item in log.items])
    variation = 0.5 * ((truth**2).sum(axis=1).mean() - (truth.mean(axis=0) ** 2).sum())
    place = {item["item_id"]: k for k, item in enumerate(log.items)}

    def by_item(rows: Floats) -> Callable[[Item], Sequence[float]]:
        return lambda item: rows[place[item["item_id"]]].tolist()

    for control in (
        np.tile(truth.mean(axis=0), (len(truth), 1)),
        np.full_like(truth, 1 / 3),
        np.roll(truth, 1, axis=0),
    ):
        true = 0.5 * ((truth - control) ** 2).sum(axis=1).mean()
        assert true > 0.99 * variation
        found = []
        for seed in range(300, 330):
            pupil = resampled(log, by_item(control), seed)
            found.append(value(measure_task(true_draws(log, 1000 + seed), pupil, 2).score.divergence))
        assert abs(np.mean(found) - true) < 4 * np.std(found) / math.sqrt(30)


@pytest.mark.parametrize("name", LIKELIHOOD)
def test_the_best_constant_loses_exactly_everything(teacher: Run, name: str) -> None:
    log = teacher.tasks[name]
    found = compare(log, constant(log))
    assert value(found.loss) == pytest.approx(1, abs=1e-9)
    assert value(found.uncredited_loss) == pytest.approx(1, abs=1e-6)
    assert value(found.divergence) == pytest.approx(value(found.teacher_variation), abs=1e-7)


def test_any_constant_greedy_answer_loses_everything(teacher: Run) -> None:
    log = teacher.tasks[LADDER]
    for answer in ("7", "oak", "", str(log.items[0]["answer"])):
        found = compare(log, replace(log, texts=tuple((answer,) for _ in log.items)))
        assert value(found.loss) == 1


@pytest.mark.parametrize("name", LIKELIHOOD)
def test_a_teacher_that_hardly_varies_has_finite_losses(teacher: Run, name: str) -> None:
    """All but four items are answered alike, so some resamples show no variation at all."""
    log = teacher.tasks[name]
    alike = constant(log)
    assert log.log_likelihoods is not None
    assert alike.log_likelihoods is not None
    hardly = replace(log, log_likelihoods=np.vstack([log.log_likelihoods[:4], alike.log_likelihoods[4:]]))
    for student in (log, alike):
        found = compare(hardly, student)
        assert found.loss is not None
        assert found.uncredited_loss is not None
        ends = [found.loss.low, found.loss.high, found.uncredited_loss.low, found.uncredited_loss.high]
        assert np.isfinite(ends).all()
        assert found.uncredited_loss.low >= 0


def test_no_student_moves_the_teacher_variation(teacher: Run, student: Run) -> None:
    for name in TASKS:
        log = teacher.tasks[name]
        spreads = {
            compare(log, other).teacher_variation
            for other in (student.tasks[name], *(control_run(c, teacher).tasks[name] for c in ("constant", "uniform")))
        }
        assert len(spreads) == 1


def test_controls_come_in_their_order(teacher: Run) -> None:
    """By composite: the teacher again loses nothing, the oracle a little, and whoever never looks the most."""
    teacher = true_teacher(teacher)
    blind = ("constant", "uniform", "shuffled")
    runs = {name: control_run(name, teacher) for name in ("oracle", *blind)}
    runs["teacher again"] = changed(teacher, SAMPLE, lambda log: true_draws(log, 101))
    composites = {name: value(score(teacher, run).suites[0].composite) for name, run in runs.items()}
    assert composites["teacher again"] > composites["oracle"] > 0
    assert all(composites[name] < 0 for name in blind)


# --- students that differ in a known way -----------------------------------------------------------------------------


def test_other_wrong_answers_are_a_shift_not_a_harm() -> None:
    """The teacher errs on a third of its items, the student on the same ones with other answers."""
    right = [str(k % 5) for k in range(600)]
    ours = [str((k + 1) % 5) if k % 3 == 0 else a for k, a in enumerate(right)]
    theirs = [str((k + 2) % 5) if k % 3 == 0 else a for k, a in enumerate(right)]
    found = compare(spoken(ours), spoken(theirs))
    assert found.verdict == "SHIFTED"
    assert value(found.change) == 0
    assert value(found.divergence) == value(found.neutral) == pytest.approx(1 / 3)
    assert found.p_mcnemar == 1


def test_other_wrong_options_are_a_shift_not_a_harm() -> None:
    logits = np.random.default_rng(0).normal(0, 1.5, (1000, 4))
    logits[golds(1000) == 1] = 1.0
    moved = logits.copy()
    for row, gold in zip(moved, golds(1000).argmax(axis=1), strict=True):
        wrong = [k for k in range(4) if k != gold]
        row[wrong] = row[np.roll(wrong, 1)]
    found = compare(answered(logits), answered(moved))
    assert found.verdict == "SHIFTED"
    assert value(found.change) == pytest.approx(0, abs=1e-12)
    assert value(found.neutral) == pytest.approx(value(found.divergence))
    assert value(found.loss) > 0.1


@pytest.mark.parametrize("factor", [0.4, 2.5])
def test_sharpening_and_flattening_move_confidence_but_not_accuracy(teacher: Run, factor: float) -> None:
    def tempered(log: TaskLog) -> TaskLog:
        q = observe("option_distribution", log.items, np.asarray(log.log_likelihoods)).values ** factor
        return replace(log, log_likelihoods=np.log(q / q.sum(axis=1, keepdims=True)))

    changed_run = replace(teacher, tasks={n: tempered(x) if n in LIKELIHOOD else x for n, x in teacher.tasks.items()})
    made = score(teacher, changed_run)
    for name in LIKELIHOOD:
        found = by_task(made)[name]
        assert "NUMERICAL_FLOOR" not in found.flags
        assert value(found.loss) > 0.002
        assert abs(value(found.change)) > 0.005
    primary = made.suites[0].primary
    assert value(primary.retention) == 1
    assert value(primary.teacher) == value(primary.student)
    rows = {row.row: row for row in made.suites[0].rows}
    assert value(rows["boundary"].loss) == 0
    assert value(rows["calibration"].loss) > 0.002
    assert value(rows["distribution"].loss) > 0.002


def test_the_oracle_is_corrective_and_its_divergence_is_seen(teacher: Run) -> None:
    made = score(teacher, control_run("oracle", teacher))
    for name in DETERMINISTIC:
        found = by_task(made)[name]
        assert found.verdict == "CORRECTIVE"
        assert value(found.harmful) == 0
        assert value(found.uncredited_loss) > 2 * value(found.loss)
        assert value(found.uncredited_loss) > 0.1
        assert 0 < value(found.net_correction) < value(found.corrective)
    assert value(made.suites[0].primary.retention) > 1
    assert value(made.suites[0].composite) == pytest.approx(1 - share(made)), "R counts for at most 1"


def test_a_near_copy_at_a_two_sided_boundary_is_measured_and_loses_little() -> None:
    """Comply or refuse, half of each: the teacher answers every item as it should, the student all but 2 %."""
    sides = golds(1000, 2) * 6 - 3
    copy = sides.copy()
    copy[::50] *= -1
    made = compare(answered(sides), answered(copy))
    assert made.verdict == "PRESERVED"
    assert 0.02 < value(made.loss) < 0.1
    assert "CEILING" in made.flags
    ours, theirs = (Run(place="here", model="m", tasks={CONFIDENCE: answered(x)}) for x in (sides, copy))
    assert by_task(score(ours, theirs))[CONFIDENCE].gap is None


def test_planted_parts_are_recovered_exactly() -> None:
    """Five kinds of item, a fifth each: the same, worse, better, moved among the wrong options, and hardly better."""
    ours = np.array([0.6, 0.3, 0.05, 0.05])
    kinds = np.array(
        [
            [0.6, 0.3, 0.05, 0.05],
            [0.3, 0.6, 0.05, 0.05],
            [0.85, 0.05, 0.05, 0.05],
            [0.6, 0.05, 0.3, 0.05],
            [0.61, 0.29, 0.05, 0.05],
        ]
    )
    n = 200
    turned_t = np.array([np.roll(ours, k % 4) for k in range(n)])
    turned_s = np.array([np.roll(kinds[k % 5], k % 4) for k in range(n)])
    found = compare(answered(np.log(turned_t)), answered(np.log(turned_s)))
    harm, gain, moved, slight = 0.09, 0.0625, 0.0625, 0.0001
    assert value(found.harmful) == pytest.approx(harm / 5, abs=1e-12)
    assert value(found.corrective) == pytest.approx(gain / 5, abs=1e-12)
    assert value(found.neutral) == pytest.approx((moved + slight) / 5, abs=1e-12)
    assert value(found.divergence) == pytest.approx((harm + gain + moved + slight) / 5, abs=1e-12)
    assert value(found.teacher_variation) == pytest.approx(0.5 * (0.455 - 0.25), abs=1e-12)
    assert value(found.net_correction) == 0
    assert value(found.loss) == pytest.approx((harm + gain + moved + slight) / 5 / 0.1025, abs=1e-12)
    assert found.chance_level == 0.625


def test_only_correction_beyond_noise_is_credited() -> None:
    """On 500 greedy items, 90 better and 10 worse: ``C − H = 0.16``, less 1.645 of its standard error 0.0184."""
    answers = [str(k % 5) for k in range(500)]
    ours = [str((int(a) + 1) % 5) if k % 5 == 1 else a for k, a in enumerate(answers)]
    theirs = list(answers)
    for k in (*range(0, 100, 10), *range(1, 51, 5)):
        theirs[k] = str((k + 2) % 5)
    made = compare(spoken(ours), spoken(theirs))
    assert value(made.harmful) == 10 / 500
    assert value(made.corrective) == 90 / 500
    assert value(made.neutral) == pytest.approx(10 / 500)
    net = np.repeat([1.0, -1.0, 0.0], [90, 10, 400])
    assert value(made.net_correction) == pytest.approx(0.16 - 1.645 * net.std() / math.sqrt(500), abs=0.005)
    credited = (value(made.divergence) - value(made.net_correction)) / value(made.teacher_variation)
    assert value(made.loss) == pytest.approx(credited)
    assert made.verdict == "CORRECTIVE"


def test_churn_earns_nothing() -> None:
    """As many items better as worse: all of it is loss."""
    answers = [str(k % 5) for k in range(500)]
    wrong = [str((k + 1) % 5) for k in range(500)]
    ours = [w if k % 10 < 3 else a for k, (a, w) in enumerate(zip(answers, wrong, strict=True))]
    theirs = [w if 1 <= k % 10 < 4 else a for k, (a, w) in enumerate(zip(answers, wrong, strict=True))]
    found = compare(spoken(ours), spoken(theirs))
    assert value(found.harmful) == value(found.corrective) == 0.1
    assert value(found.net_correction) == 0
    assert value(found.loss) == value(found.uncredited_loss) == pytest.approx(0.2 / value(found.teacher_variation))


# --- the scale -------------------------------------------------------------------------------------------------------


def known_students(seed: int) -> dict[str, tuple[Floats, Floats]]:
    """Return students of a teacher with logits N(0, 1.5²) plus 2 on the right one of four options."""
    rng = np.random.default_rng(seed)
    gold = golds(1000)
    ours, other = rng.normal(0, 1.5, (2, 1000, 4)) + 2 * gold
    mean = np.exp(np.asarray(answered(ours).log_likelihoods)).mean(axis=0)
    students = {
        "noise 0.2": ours + rng.normal(0, 0.2, ours.shape),
        "noise 0.5": ours + rng.normal(0, 0.5, ours.shape),
        "noise 1": ours + rng.normal(0, 1, ours.shape),
        "doubled": ours * 2,
        "halved": ours / 2,
        "one in ten unrelated": np.where(np.arange(1000)[:, None] % 10 == 3, other, ours),
        "unrelated": other,
        "uniform": ours * 0,
        "constant": np.tile(np.log(mean), (1000, 1)),
        "shuffled": ours[rng.permutation(1000)],
        "nat better": ours + gold,
        "nat worse": ours - gold,
        "oracle": 50 * gold,
    }
    return {name: (ours, logits) for name, logits in students.items()}


KNOWN_SCALE = {
    "noise 0.2": 0.01,
    "noise 0.5": 0.08,
    "noise 1": 0.32,
    "doubled": 0.10,
    "halved": 0.15,
    "one in ten unrelated": 0.12,
    "unrelated": 1.0,
    "uniform": 1.0,
    "constant": 1.0,
    "shuffled": 1.0,
    "nat better": 0.01,
    "nat worse": 0.15,
    "oracle": 0.09,
}


@pytest.mark.parametrize(("name", "loss"), KNOWN_SCALE.items())
def test_known_scale(name: str, loss: float) -> None:
    ours, theirs = known_students(0)[name]
    found = compare(answered(ours), answered(theirs))
    assert value(found.loss) == pytest.approx(loss, abs=0.05)
    if name == "oracle":
        assert value(found.uncredited_loss) == pytest.approx(1.46, abs=0.15)
        assert found.verdict == "CORRECTIVE"


# --- sides -----------------------------------------------------------------------------------------------------------


def two_sided(wrong: Callable[[int], bool]) -> TaskLog:
    """Return 200 answers, right but where told, to questions of which every other lies on the other side."""
    log = spoken(["9" if wrong(k) else str(k % 5) for k in range(200)])
    items = tuple({**item, "side": ("allowed", "forbidden")[k % 2]} for k, item in enumerate(log.items))
    spec = log.spec.model_copy(update={"measure": log.spec.measure.model_copy(update={"sides": "side"})})
    return replace(log, spec=spec, items=items, doc_hash=tuple(document_hash(item) for item in items))


def test_harm_on_one_side_is_not_netted_against_improvement_on_the_other() -> None:
    """As many answers become wrong on one side as become right on the other: netted, nothing would have changed."""
    teacher, student = two_sided(lambda k: k % 8 == 1), two_sided(lambda k: k % 8 == 0)
    whole = [replace(log, spec=task(LADDER)) for log in (teacher, student)]
    netted, found = compare(*whole), compare(teacher, student)
    assert (value(netted.change), netted.verdict, netted.sides) == (0, "INCONCLUSIVE", ())
    assert found.verdict == "HARMFUL"
    assert (found.change, found.teacher_level, found.student_level, found.p_mcnemar) == (None, None, None, None)
    assert [side.name for side in found.sides] == ["allowed", "forbidden"]
    assert [side.change.value for side in found.sides] == [-0.25, 0.25]
    assert [(side.teacher_level.value, side.student_level.value) for side in found.sides] == [(1, 0.75), (0.75, 1)]
    assert value(found.divergence) == value(netted.divergence) == 0.25
    assert value(netted.net_correction) == 0
    assert 0 < value(found.net_correction) < 0.125
    assert value(found.loss) > 0.125 / value(found.teacher_variation)


def test_a_task_is_preserved_only_if_each_side_is() -> None:
    same = compare(two_sided(lambda k: False), two_sided(lambda k: False))
    assert same.verdict == "PRESERVED"
    assert same.p_equivalence == 0
    better = compare(two_sided(lambda k: k % 8 == 1), two_sided(lambda k: False))
    assert better.verdict == "CORRECTIVE"
    assert better.p_equivalence is not None
    assert better.p_equivalence > 0.99


def test_a_side_is_measured_as_if_it_were_alone() -> None:
    teacher, student = two_sided(lambda k: k % 3 == 0), two_sided(lambda k: k % 4 == 0)
    alone = compare(*(reordered(log, range(1, 200, 2)) for log in (teacher, student)))
    (_, forbidden), (only,) = compare(teacher, student).sides, alone.sides
    assert forbidden.change.n == only.change.n == 100
    assert forbidden.change.clusters == only.change.clusters == 100
    for name in ("teacher_level", "student_level", "change"):
        first, second = getattr(forbidden, name), getattr(only, name)
        assert first.value == second.value
        assert first.high - first.low == pytest.approx(second.high - second.low, rel=0.25)


# --- access ----------------------------------------------------------------------------------------------------------


def spoken_only(run: Run) -> Run:
    return with_settings(without(run, *LIKELIHOOD), SAMPLE, access="text")


def test_a_model_without_likelihoods_makes_the_pair_one_of_text(teacher: Run, student: Run) -> None:
    """What needs likelihoods is nobody's fault: it is not charged, whatever the teacher's run holds of it."""
    for ours in (teacher, spoken_only(teacher)):
        made = score(ours, spoken_only(student))
        assert made.key.access == "text"
        for name, found in by_task(made).items():
            assert (found.gap is not None and found.gap.side == "access") == (name in LIKELIHOOD), name
        rows = {row.row: row for row in made.suites[0].rows}
        assert rows["calibration"].loss is None
        assert rows["boundary"].weight == rows["distribution"].weight == 0.5
        assert made.suites[0].coverage == pytest.approx((1 + 0.5) / 3)
        assert made.suites[0].primary.retention is None
    assert score(teacher, student).key.access == "likelihood"


@pytest.mark.parametrize("kept", [0, 1], ids=["all", "all but one"])
def test_leaving_likelihoods_out_without_a_word_is_charged(teacher: Run, student: Run, kept: int) -> None:
    made = score(teacher, without(student, *LIKELIHOOD[kept:]))
    assert made.key.access == "likelihood"
    assert {t.gap.side for t in made.tasks if t.gap} == {"submitter"}


def test_by_text_a_task_is_replaced_by_its_twin() -> None:
    seen = suite("reasoning").seen_by("text")
    assert "as_process_verify_text" in seen.tasks
    assert "as_process_verify" not in seen.tasks
    assert len(seen.tasks) == len(suite("reasoning").tasks) == len(set(seen.tasks))
    assert suite("reasoning").seen_by("likelihood") == suite("reasoning")


# --- verdicts --------------------------------------------------------------------------------------------------------


def marginal(name: str) -> tuple[TaskLog, TaskLog]:
    """Return a pair that loses nine items of a hundred and gains one."""
    answers = [str(k % 5) for k in range(100)]
    ours = ["9" if k == 0 else a for k, a in enumerate(answers)]
    theirs = ["9" if 1 <= k <= 9 else a for k, a in enumerate(answers)]
    return spoken(ours, name), spoken(theirs, name)


def test_holm_keeps_a_lone_marginal_effect_from_being_harmful() -> None:
    hurt = measure_task(*marginal("hurt"), RESAMPLES)
    (change,) = hurt.changes
    assert change.draws.point == pytest.approx(-0.08)
    assert 0.01 < p_difference(change.draws.point, change.error, 100) < 0.05
    quiet = [measure_task(marginal(f"quiet {k}")[0], marginal(f"quiet {k}")[0], RESAMPLES) for k in range(4)]
    assert judge([hurt], MARGINS, None)[0].verdict == "HARMFUL"
    verdicts = [t.verdict for t in judge([quiet[0], hurt, *quiet[1:]], MARGINS, None)]
    assert verdicts[1] == "INCONCLUSIVE"
    assert "HARMFUL" not in verdicts


def test_suites_are_adjusted_apart_and_another_suite_takes_no_finding_away() -> None:
    """One marginal effect: found in a suite of its own, not among four others that do not change at all."""
    hurt = measure_task(*marginal("hurt"), RESAMPLES)
    quiet = [measure_task(marginal(f"quiet {k}")[0], marginal(f"quiet {k}")[0], RESAMPLES) for k in range(4)]
    large = [m.score.task for m in (hurt, *quiet)]
    (change,) = hurt.changes
    p = p_difference(change.draws.point, change.error, 100)
    for families, factor in (([large], 5), ([large, ["hurt"]], 1), ([["hurt", "quiet 0"], large], 2)):
        found = judge([hurt, *quiet], MARGINS, None, families)[0]
        assert found.p_change == pytest.approx(p)
        assert found.p_holm == pytest.approx(factor * p)
        assert found.q_change == pytest.approx(5 * p), "over all tasks, whatever the suites"
        assert found.verdict == ("HARMFUL" if factor * p < 0.05 else "INCONCLUSIVE")


def test_exploratory_tests_stand_beside_those_of_verdicts(scored: PairScore) -> None:
    tests = [t for t in scored.tasks if t.p_change is not None]
    p_values = [t.p_change for t in tests]
    assert [t.p_holm for t in tests] == pytest.approx(multipletests(p_values, method="holm")[1])
    assert [t.q_change for t in tests] == pytest.approx(multipletests(p_values, method="fdr_bh")[1])
    strata = [s for t in scored.tasks for s in t.strata if s.p_change is not None]
    assert len(strata) > len(tests)
    expected = multipletests([s.p_change for s in strata], method="fdr_bh")[1]
    assert [s.q_change for s in strata] == pytest.approx(expected)


def test_a_stratum_is_tested_as_if_it_were_alone(teacher: Run, student: Run, scored: PairScore) -> None:
    ours, theirs = teacher.tasks[LADDER], student.tasks[LADDER]
    stratum = by_task(scored)[LADDER].strata[0]
    place = {h: k for k, h in enumerate(theirs.doc_hash)}
    at = [k for k, item in enumerate(ours.items) if item["stratum"] == stratum.name]
    alone = compare(reordered(ours, at), reordered(theirs, [place[ours.doc_hash[k]] for k in at]))
    assert stratum.n == len(at) == alone.n_items
    assert stratum.p_change == pytest.approx(alone.p_change)


def test_sides_are_tested_one_by_one() -> None:
    found = compare(two_sided(lambda k: k % 8 == 1), two_sided(lambda k: k % 8 == 0))
    assert (found.p_change, found.p_holm, found.q_change, found.change_newcombe) == (None, None, None, None)
    assert all(s.p_change is None for s in found.strata)
    assert found.sides[0].p_change == pytest.approx(found.sides[1].p_change)
    for side in found.sides:
        assert side.p_change is not None
        assert side.p_holm == pytest.approx(2 * side.p_change)
        assert side.q_change == pytest.approx(side.p_change)


def lost_share(found: SuiteScore) -> float:
    assert found.angels_share is not None
    return found.angels_share.total.value


def test_pairs_of_two_teachers_are_compared_on_what_both_can_show(teacher: Run, student: Run) -> None:
    """The other teacher gives every urn the same answer: the urn counts for neither pair."""
    other = changed(teacher, URN, constant)
    scores = [score(teacher, student), score(other, student)]
    first, second = on_shared_tasks(scores, "high_risk")
    losses = {name: value(found.loss) for name, found in by_task(scores[0]).items()}
    by_row = (0.5 * (losses[CONFIDENCE] + losses[ABSTAIN]), losses[LADDER], losses[SAMPLE])
    assert lost_share(first) == pytest.approx(sum(by_row) / 3)
    assert first.coverage == second.coverage == pytest.approx(5 / 6)
    assert lost_share(second) == pytest.approx(share(scores[1]))
    assert first.primary == scores[0].suites[0].primary


def test_pairs_of_one_teacher_keep_their_scores(teacher: Run, student: Run) -> None:
    """What the submitter left out is charged as before."""
    scores = [score(teacher, student), score(teacher, without(student, URN))]
    for found, whole in zip(on_shared_tasks(scores, "high_risk"), scores, strict=True):
        assert lost_share(found) == pytest.approx(share(whole))
        assert found.coverage == 1


def test_teachers_with_little_in_common_are_not_compared(teacher: Run, student: Run) -> None:
    other = changed(changed(teacher, URN, constant), LADDER, constant)
    scores = [score(teacher, student), score(other, student)]
    with pytest.raises(PairingError, match="tasks in common that carry 50% of the suite's weight"):
        on_shared_tasks(scores, "high_risk")


def test_agreement_beyond_chance_is_cohens() -> None:
    right = np.random.default_rng(0).random((2, 300)) < 0.7
    logs = [spoken([str(k % 5) if hit else "9" for k, hit in enumerate(row)]) for row in right]
    assert compare(*logs).agreement_beyond_chance == pytest.approx(cohen_kappa_score(*right))


def test_agreement_beyond_chance_is_krippendorffs_for_models_that_are_right_equally_often() -> None:
    """Then both know the same chance agreement, but for one count in the number of pairable values."""
    n = 300
    first = np.arange(n) % 10 < 7
    right = np.array([first, np.roll(first, 2)])
    found = compare(*(spoken([str(k % 5) if hit else "9" for k, hit in enumerate(row)]) for row in right))
    alpha = krippendorff.alpha(reliability_data=right.astype(int), level_of_measurement="nominal")
    assert found.agreement_beyond_chance == pytest.approx(1 - (1 - alpha) * 2 * n / (2 * n - 1))


def scores(log: TaskLog) -> Floats:
    assert log.log_likelihoods is not None
    return log.log_likelihoods


def test_agreement_of_likelihoods_is_that_of_the_likeliest_options() -> None:
    """By hand: the teacher is right on two of four items, the student on one of these: (3/4 − 1/2) / (1 − 1/2)."""
    gold, other = golds(4), np.roll(golds(4), 1, axis=1)
    teacher = np.where([[True], [True], [False], [False]], gold, other)
    student = np.where([[True], [False], [False], [False]], gold, other)
    assert compare(answered(0.1 * teacher), answered(9 * student)).agreement_beyond_chance == pytest.approx(0.5)


@pytest.mark.parametrize("name", [CONFIDENCE, ABSTAIN])
def test_agreement_of_likelihoods_is_cohens(teacher: Run, student: Run, name: str) -> None:
    logs = teacher.tasks[name], student.tasks[name]
    right = [[item["gold"] == k for item, k in zip(log.items, scores(log).argmax(axis=1), strict=True)] for log in logs]
    assert 0 < np.mean(right) < 1
    assert compare(*logs).agreement_beyond_chance == pytest.approx(cohen_kappa_score(*right))


def test_agreement_on_facts_is_that_of_what_the_question_adds() -> None:
    logs = [log_of("as_tail_facts", noisy(seed, skill)) for seed, skill in ((1, 0.8), (2, 0.5))]
    right = []
    for log in logs:
        said = {(item["pair"], item["part"]): row for item, row in zip(log.items, scores(log), strict=True)}
        adds = [said[item["pair"], "question"] - said[item["pair"], "prior"] for item in log.items]
        right.append([item["gold"] == np.argmax(row) for item, row in zip(log.items, adds, strict=True)])
    assert 0 < np.mean(right) < 1
    assert compare(*logs).agreement_beyond_chance == pytest.approx(cohen_kappa_score(*right))


def test_ties_between_options_go_to_the_first_of_them() -> None:
    """As ``accuracy`` has it: a model that prefers no option is right where the gold one is the first."""
    flat, gold = np.zeros((40, 4)), golds(40)
    first = np.tile(np.eye(4)[0], (40, 1))
    assert compare(answered(first), answered(flat)).agreement_beyond_chance == 1
    assert compare(answered(gold), answered(flat)).agreement_beyond_chance == 0
    assert compare(answered(gold), answered(gold)).agreement_beyond_chance is None


@pytest.mark.parametrize("name", [URN, "as_distribution_ambig", "as_process_faith", "as_distribution_prefix"])
def test_no_agreement_where_no_single_option_is_right(name: str) -> None:
    found = compare(log_of(name, noisy(1, 0.9), "pilot"), log_of(name, noisy(2, 0.6), "pilot"))
    assert found.divergence is not None
    assert found.agreement_beyond_chance is None


def test_no_agreement_of_sampled_answers() -> None:
    """Not even where all answers to an item happen to be right or all of them wrong."""

    def sure(luck: int) -> TaskLog:
        def answer(_: object, item: Item) -> list[str]:
            return [str(item["answer"]) if Stream(luck, item["item_id"]).below(2) else "answer ?"] * 8

        log = log_of("as_process_rollout", answer, "pilot")
        return replace(log, settings=replace(SETTINGS, sampling_seed=luck))

    found = compare(sure(1), sure(2))
    assert found.p_mcnemar is not None
    assert found.agreement_beyond_chance is None


@pytest.mark.parametrize("name", GOLD)
def test_gold_option_alone_is_right(name: str) -> None:
    for item in make_items(name):
        assert item["gold"] in range(len(item["choices"]))
        if "payoffs" in item:
            best, second, *_ = sorted(item["payoffs"], reverse=True)
            assert item["payoffs"][item["gold"]] == best > second


def test_newcombes_interval_stands_beside_the_bootstrap() -> None:
    found = compare(*marginal("few"))
    beside = found.change_newcombe
    assert found.change is not None
    assert beside is not None
    assert beside.value == found.change.value == pytest.approx(-0.08)
    assert (beside.low, beside.high) == newcombe(both=90, worse=9, better=1, neither=0)
    assert (beside.low, beside.high) == pytest.approx((found.change.low, found.change.high), abs=0.02)


def test_a_harm_within_the_margin_is_not_harmful() -> None:
    hurt = measure_task(*marginal("hurt"), RESAMPLES)
    assert judge([hurt], Margins(0.07, 0.05), None)[0].verdict == "HARMFUL"
    assert judge([hurt], Margins(0.09, 0.05), None)[0].verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("squared", "low", "high", "verdict"),
    [
        (False, 0.06, 0.07, "SHIFTED"),
        (False, 0.03, 0.04, "PRESERVED"),
        (False, 0.04, 0.06, "INCONCLUSIVE"),
        (True, 0.011, 0.012, "SHIFTED"),
        (True, 0.008, 0.009, "PRESERVED"),
        (True, 0.009, 0.011, "INCONCLUSIVE"),
    ],
)
def test_the_bound_on_distance(squared: bool, low: float, high: float, verdict: str) -> None:
    """τ bounds total variation; samples give ``½ ‖p − q‖²``, whose root is held against twice τ."""
    answers = spoken([str(k % 5) for k in range(100)])
    same = measure_task(answers, answers, RESAMPLES)
    distance = Draws((low + high) / 2, np.linspace(low, high, RESAMPLES))
    assert judge([replace(same, distance=distance, squared=squared)], MARGINS, None)[0].verdict == verdict


def test_the_author_has_margins_of_their_own(teacher: Run, student: Run) -> None:
    made = score(teacher, student, epsilon_author=0.9, tau_author=0.9)
    assert {t.verdict_author for t in made.tasks} == {"PRESERVED"}
    assert {t.verdict for t in made.tasks if t.task != SAMPLE} == {"HARMFUL"}
    assert all(t.verdict == t.verdict_author for t in score(teacher, student).tasks)


def test_few_items_cannot_certify() -> None:
    ours, theirs = marginal("few")
    found = compare(ours, theirs)
    assert "CANNOT CERTIFY AT THIS N" in found.flags
    error = np.std(np.repeat([-1.0, 1.0, 0.0], [9, 1, 90]), ddof=1) / 10
    assert found.minimum_detectable_effect == pytest.approx(2.8 * error)
    assert found.p_mcnemar == pytest.approx(2 * (1 + 10) / 1024 - 10 / 1024)
    assert "CANNOT CERTIFY AT THIS N" not in compare(ours, ours).flags


def test_a_weaker_student_is_harmful(scored: PairScore) -> None:
    made = by_task(scored)
    for name in DETERMINISTIC:
        found = made[name]
        assert found.verdict == "HARMFUL"
        assert found.gap is None
        assert value(found.corrective) == 0
        assert value(found.harmful) == pytest.approx(value(found.divergence))
        assert value(found.change) == pytest.approx(value(found.student_level) - value(found.teacher_level))
        assert sum(s.n for s in found.strata) == found.n_items == len(make_items(name, "toy", "lite"))
        assert sum(s.n * s.divergence for s in found.strata) == pytest.approx(found.n_items * value(found.divergence))
    assert scored.suites[0].rankable is False


def test_every_interval_holds_its_point(scored: PairScore) -> None:
    for found in scored.tasks:
        for number in (getattr(found, field) for field in TaskScore.model_fields):
            if isinstance(number, Estimate):
                assert number.low <= number.value <= number.high
                assert number.clusters == found.n_clusters


# --- from tasks to the angel's share ---------------------------------------------------------------------------------


def test_rows_are_means_of_tasks_and_parts_add_up(scored: PairScore) -> None:
    made, losses = scored.suites[0], {t.task: value(t.loss) for t in scored.tasks}
    for row in made.rows:
        assert value(row.loss) == pytest.approx(np.mean([losses[name] for name in row.tasks]))
        assert row.weight == pytest.approx(1 / 3)
        assert row.coverage == 1
    total = made.angels_share
    assert total is not None
    assert total.total.value == pytest.approx(np.mean([value(row.loss) for row in made.rows]))
    assert total.accounted + total.undisclosed + total.unmeasured == pytest.approx(total.total.value)
    assert total.accounted == total.unmeasured == 0
    retention = value(made.primary.retention)
    assert retention == pytest.approx((value(made.primary.student) - 0.25) / (value(made.primary.teacher) - 0.25))
    assert value(made.composite) == pytest.approx(retention - total.total.value)
    assert made.coverage == 1


def test_rows_weigh_as_the_suite_says(
    teacher: Run, student: Run, scored: PairScore, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {"calibration": 0.5, "boundary": 0.3, "distribution": 0.2}
    rows = {row: held.model_copy(update={"weight": weights[row]}) for row, held in FIVE_TASKS.rows.items()}
    uneven = FIVE_TASKS.model_copy(update={"rows": rows})
    monkeypatch.setattr(spec, "suites", lambda: {"high_risk": uneven})
    losses = {row.row: value(row.loss) for row in scored.suites[0].rows}
    made = score(teacher, student)
    assert {row.row: row.weight for row in made.suites[0].rows} == pytest.approx(weights)
    assert share(made) == pytest.approx(sum(weights[row] * losses[row] for row in weights))
    mute = score(changed(teacher, LADDER, lambda log: replace(log, texts=tuple(("7",) for _ in log.items))), student)
    shown = {row.row: row.weight for row in mute.suites[0].rows}
    assert shown == pytest.approx({"calibration": 5 / 7, "boundary": 0, "distribution": 2 / 7})
    assert share(mute) == pytest.approx((5 * losses["calibration"] + 2 * losses["distribution"]) / 7)
    assert mute.suites[0].coverage == pytest.approx(0.7)


@pytest.mark.parametrize("pupil", ["weaker", "shuffled", "oracle"])
def test_measuring_a_task_never_costs_more_than_leaving_it_out(small_pair: tuple[Run, Run], pupil: str) -> None:
    teacher, student = small_pair
    whole = student if pupil == "weaker" else control_run(pupil, teacher)
    shares = {
        left: share(score_pair(teacher, without(whole, *left), suites=["high_risk"], resamples=2))
        for k in range(3)
        for left in combinations(TASKS, k)
    }
    for left, cost in shares.items():
        for name in set(TASKS) - set(left):
            more = tuple(t for t in TASKS if t in left or t == name)
            if more in shares:
                assert cost <= shares[more] + 1e-12, f"measuring {name} beside {set(TASKS) - set(more)}"


def test_what_the_submitter_leaves_out_is_charged_in_full(teacher: Run, student: Run, scored: PairScore) -> None:
    made = score(teacher, without(student, URN))
    found = by_task(made)[URN]
    assert found.verdict == "UNMEASURED"
    assert found.gap is not None
    assert found.gap.side == "submitter"
    rows = {row.row: row for row in made.suites[0].rows}
    sampled = value(by_task(scored)[SAMPLE].loss)
    assert value(rows["distribution"].loss) == pytest.approx((1 + sampled) / 2)
    parts = made.suites[0].angels_share
    assert parts is not None
    assert parts.unmeasured == pytest.approx(1 / 6)
    assert parts.accounted + parts.undisclosed + parts.unmeasured == pytest.approx(parts.total.value)
    assert made.suites[0].coverage == 1
    assert any(URN in reason and "unmeasured" in reason for reason in made.suites[0].reasons)


def test_what_the_teacher_cannot_show_is_not_charged(teacher: Run, student: Run, scored: PairScore) -> None:
    def dull(log: TaskLog) -> TaskLog:
        return replace(log, texts=tuple(("7",) for _ in log.items))

    made = score(changed(teacher, LADDER, dull), student)
    found, whole = by_task(made)[LADDER], made.suites[0]
    assert found.gap is not None
    assert found.gap.side == "teacher"
    rows = {row.row: row for row in whole.rows}
    assert rows["boundary"].loss is None
    assert (rows["boundary"].weight, rows["boundary"].coverage) == (0, 0)
    assert rows["calibration"].weight == rows["distribution"].weight == pytest.approx(0.5)
    assert whole.coverage == pytest.approx(2 / 3)
    before = {row.row: value(row.loss) for row in scored.suites[0].rows}
    assert share(made) == pytest.approx((before["calibration"] + before["distribution"]) / 2)
    assert not any(LADDER in reason for reason in whole.reasons)


def test_part_of_a_row_that_the_teacher_cannot_show(teacher: Run, student: Run, scored: PairScore) -> None:
    def same(log: TaskLog) -> TaskLog:
        return replace(log, log_likelihoods=np.log(np.tile([[0.25] * 4], (len(log.items), 1))))

    made = score(changed(teacher, ABSTAIN, same), student)
    row = next(row for row in made.suites[0].rows if row.row == "calibration")
    assert value(row.loss) == pytest.approx(value(by_task(scored)[CONFIDENCE].loss))
    assert row.weight == pytest.approx(1 / 3)
    assert row.coverage == 0.5
    assert made.suites[0].coverage == pytest.approx(5 / 6)


def test_a_teacher_that_shows_nothing_leaves_nothing_to_score(teacher: Run) -> None:
    blank = control_run("uniform", teacher)
    blank = changed(blank, LADDER, lambda log: replace(log, texts=tuple(("7",) for _ in log.items)))
    blank = changed(blank, SAMPLE, lambda log: replace(log, texts=tuple(("",) * 8 for _ in log.items)))
    made = score(blank, teacher).suites[0]
    assert made.angels_share is None
    assert made.composite is None
    assert made.coverage == 0
    assert not made.rankable


# --- gaps ------------------------------------------------------------------------------------------------------------


def gap_of(made: PairScore, name: str) -> tuple[str, str]:
    gap = by_task(made)[name].gap
    assert gap is not None
    return gap.side, gap.reason


def test_one_sampling_seed_on_both_sides_is_coupled(teacher: Run, student: Run) -> None:
    made = score(teacher, with_settings(student, SAMPLE, sampling_seed=1))
    side, reason = gap_of(made, SAMPLE)
    assert side == "submitter"
    assert reason.startswith("COUPLED")
    assert any(SAMPLE in reason for reason in made.suites[0].reasons)
    assert by_task(made)[LADDER].gap is None, "deterministic tasks have no seed to share"


def test_the_same_samples_are_coupled_whatever_their_seed(teacher: Run) -> None:
    copied = with_settings(teacher, SAMPLE, sampling_seed=9)
    side, reason = gap_of(score(teacher, copied), SAMPLE)
    assert (side, reason[:7]) == ("submitter", "COUPLED")


@pytest.mark.parametrize("kwargs", [{}, {"top_p": 1.0}, {"top_k": 50, "top_p": 1.0}, {"top_k": 0, "top_p": 0.9}])
def test_a_truncated_sampler_is_the_wrong_one(teacher: Run, student: Run, kwargs: dict[str, Any]) -> None:
    for ours, theirs in [
        (teacher, with_settings(student, SAMPLE, generation_kwargs=kwargs)),
        (with_settings(teacher, SAMPLE, generation_kwargs=kwargs), student),
    ]:
        side, reason = gap_of(score(ours, theirs), SAMPLE)
        assert side == "submitter"
        assert "wrong sampler" in reason


def test_an_interface_that_repeats_itself_has_sampled_nothing(teacher: Run, student: Run) -> None:
    """lm-eval sends one seed with every request, so an interface that follows it draws the same answer again."""

    def repeating(log: TaskLog) -> TaskLog:
        return replace(log, texts=tuple((row[0],) * len(row) for row in log.texts or ()))

    collapsed = changed(student, SAMPLE, repeating)
    assert by_task(score(teacher, collapsed))[SAMPLE].gap is None
    side, reason = gap_of(score(teacher, with_settings(collapsed, SAMPLE, backend="local-completions")), SAMPLE)
    assert side == "submitter"
    assert "one seed with every request" in reason


def test_few_samples_are_no_distribution(teacher: Run, student: Run) -> None:
    def cut(log: TaskLog) -> TaskLog:
        return replace(log, texts=tuple(row[:7] for row in log.texts or ()))

    side, reason = gap_of(score(teacher, changed(student, SAMPLE, cut)), SAMPLE)
    assert side == "submitter"
    assert "7 samples" in reason


def test_a_missing_task_is_the_submitters(teacher: Run, student: Run) -> None:
    for ours, theirs, whose in [
        (teacher, without(student, ABSTAIN), "student's run lacks"),
        (without(teacher, ABSTAIN), student, "teacher's run lacks"),
        (without(teacher, ABSTAIN), without(student, ABSTAIN), "teacher's and the student's runs lack"),
    ]:
        side, reason = gap_of(score(ours, theirs), ABSTAIN)
        assert side == "submitter"
        assert whose in reason


def test_what_a_teacher_cannot_show(teacher: Run, student: Run) -> None:
    def with_texts(name: str, texts: Callable[[Item], Sequence[str]]) -> Run:
        return changed(teacher, name, lambda log: replace(log, texts=tuple(tuple(texts(i)) for i in log.items)))

    uniform = control_run("uniform", teacher)
    shuffled = control_run("shuffled", teacher)
    for ours, name, why in [
        (with_texts(LADDER, lambda item: [item["answer"] if item["rung"] == 1 else ""]), LADDER, "cannot be parsed"),
        (with_texts(LADDER, lambda item: [(item["candidates"] or ["7"])[0]]), LADDER, "too near chance"),
        (with_texts(SAMPLE, lambda item: [item["choices"][item["gold"]]] * 8), SAMPLE, "are the same"),
        (replace(teacher, tasks={**teacher.tasks, URN: uniform.tasks[URN]}), URN, "hardly vary"),
        (replace(teacher, tasks={**teacher.tasks, CONFIDENCE: shuffled.tasks[CONFIDENCE]}), CONFIDENCE, "near chance"),
    ]:
        side, reason = gap_of(score(ours, student), name)
        assert side == "teacher"
        assert why in reason


def test_a_calibration_run_decides_what_can_be_measured(teacher: Run, student: Run) -> None:
    def elsewhere(run: Run) -> Run:
        return replace(
            run,
            tasks={n: replace(x, settings=replace(x.settings, item_seed=1_000_003)) for n, x in run.tasks.items()},
        )

    def flatter(log: TaskLog) -> TaskLog:
        return replace(log, log_likelihoods=np.asarray(log.log_likelihoods) * 0.3)

    dull = changed(teacher, URN, flatter)
    assert gap_of(score(dull, student), URN)[0] == "teacher"
    made = score(teacher, student, calibration=elsewhere(dull))
    assert gap_of(made, URN)[0] == "teacher"
    assert made.calibration == "calibration run"
    assert by_task(score(dull, student, calibration=elsewhere(teacher)))[URN].gap is None
    with pytest.raises(PairingError, match="item seed"):
        score(teacher, student, calibration=dull)
    with pytest.raises(PairingError, match="calibration run is of"):
        score(teacher, student, calibration=elsewhere(student))


def test_chance_is_unknown_where_nobody_ran_the_primary_task(teacher: Run, student: Run) -> None:
    made = score(*(without(run, CONFIDENCE) for run in (teacher, student))).suites[0]
    assert made.primary.chance is None
    assert made.primary.reason == f"the teacher's run lacks the primary task {CONFIDENCE}"


def test_retention_needs_a_teacher_above_chance(teacher: Run, student: Run) -> None:
    def unsure(log: TaskLog) -> TaskLog:
        rows = np.asarray(log.log_likelihoods).copy()
        half = len(rows) * 4 // 5
        rows[:half] = np.roll(rows[:half], 1, axis=1)
        return replace(log, log_likelihoods=rows)

    made = score(changed(teacher, CONFIDENCE, unsure), student).suites[0]
    assert made.primary.retention is None
    assert made.primary.reason is not None
    assert "not clearly above chance" in made.primary.reason
    assert made.primary.reason in made.reasons
    assert made.composite is None
    assert made.angels_share is not None


# --- claims ----------------------------------------------------------------------------------------------------------


def stripped(made: PairScore) -> dict[str, Any]:
    """Return everything about a score that no claim may change."""
    content = made.model_dump()
    for part in content["suites"]:
        for field in ("rankable", "reasons"):
            del part[field]
        for field in ("accounted", "undisclosed"):
            del part["angels_share"][field]
    return content


def test_claims_move_losses_to_accounted_and_change_no_number(teacher: Run, student: Run, scored: PairScore) -> None:
    before = scored.suites[0].angels_share
    claims = [
        Claim(row="boundary", task=LADDER, kind="lost"),
        Claim(row="calibration", kind="accepted", justification="The students never see these questions."),
    ]
    made = score(teacher, student, claims={"high_risk": claims})
    after = made.suites[0].angels_share
    assert before is not None
    assert after is not None
    assert stripped(made) == stripped(scored)
    rows = {row.row: value(row.loss) / 3 for row in made.suites[0].rows}
    assert after.accounted == pytest.approx(rows["boundary"] + rows["calibration"])
    assert after.undisclosed == pytest.approx(rows["distribution"])
    assert after.accounted + after.undisclosed == pytest.approx(before.accounted + before.undisclosed)
    assert not made.suites[0].rankable
    assert all("as_distribution" in reason for reason in made.suites[0].reasons)
    whole = score(teacher, student, claims={"high_risk": [*claims, Claim(row="distribution", kind="lost")]})
    assert whole.suites[0].rankable
    assert whole.suites[0].reasons == ()
    other = score(teacher, student, claims={"some other suite": claims})
    assert other.model_dump_json() == scored.model_dump_json()


def test_a_claim_of_preservation_hides_no_loss(teacher: Run, student: Run, scored: PairScore) -> None:
    kept = [Claim(row=row, kind="preserved") for row in ("calibration", "boundary", "distribution")]
    made = score(teacher, student, claims={"high_risk": kept})
    assert made.suites[0].angels_share == scored.suites[0].angels_share
    assert made.suites[0].reasons == scored.suites[0].reasons


def test_a_statement_may_own_up_to_what_was_not_measured(teacher: Run, student: Run) -> None:
    claims = [
        Claim(row="distribution", task=URN, kind="unmeasured"),
        *(Claim(row=row, kind="lost") for row in ("calibration", "boundary", "distribution")),
    ]
    made = score(teacher, without(student, URN), claims={"high_risk": claims})
    parts = made.suites[0].angels_share
    assert parts is not None
    assert parts.unmeasured == pytest.approx(1 / 6)
    assert parts.undisclosed == 0
    assert made.suites[0].rankable


# --- same inputs, same bytes -----------------------------------------------------------------------------------------


def permuted(run: Run, seed: int) -> Run:
    """Return the same run with its tasks and the items of each in another order."""

    def moved(log: TaskLog) -> TaskLog:
        return reordered(log, np.random.default_rng(seed).permutation(len(log.items)).tolist())

    return replace(run, tasks={name: moved(log) for name, log in reversed([*run.tasks.items()])})


def test_same_inputs_same_bytes_whatever_the_order_of_items(teacher: Run, student: Run, scored: PairScore) -> None:
    assert score(teacher, student).model_dump_json() == scored.model_dump_json()
    assert score(permuted(teacher, 1), permuted(student, 2)).model_dump_json() == scored.model_dump_json()
    assert PairScore.model_validate_json(scored.model_dump_json()) == scored


def test_order_of_rows_and_files_changes_nothing(tmp_path: Path) -> None:
    answers = {"teacher": noisy(2, 0.9), "student": noisy(3, 0.6)}
    some = (CONFIDENCE, LADDER, SAMPLE)
    runs: dict[str, dict[str, Run]] = {"whole": {}, "parts": {}}
    for seed, (role, answer) in enumerate(answers.items()):
        whole, parts = tmp_path / f"{role}-whole", tmp_path / f"{role}-parts"
        write_run(whole, some, answer, sampling_seed=seed)
        for k, name in enumerate(reversed(some)):
            write_run(parts / str(k), [name], answer, sampling_seed=seed)
        for path in parts.rglob("samples_*.jsonl"):
            path.write_text("".join(reversed(path.read_text("utf-8").splitlines(keepends=True))), "utf-8")
        runs["whole"][role], runs["parts"][role] = read_run(whole), read_run(parts)
    one, two = (score(made["teacher"], made["student"]).model_dump_json() for made in runs.values())
    assert one == two


def test_numbers_are_not_rounded_and_finite(scored: PairScore) -> None:
    content = scored.model_dump_json()
    assert "NaN" not in content
    assert "Infinity" not in content
    long = [x for x in json.dumps(json.loads(content)).replace(",", " ").split() if len(x) > 15 and x[0] == "0"]
    assert len(long) > 50
