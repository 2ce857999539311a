"""Claims of the literature: each statistic by hand, what is planted is found, what is not is not, and it is said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

from angels_share.errors import MeasureError
from angels_share.estimate import Draws, Resampling
from angels_share.items import Item, Stream
from angels_share.logs import Run, TaskLog
from angels_share.score import PairScore, score_pair
from angels_share.score.model import Estimate, SuiteDraws, SuiteScore, TaskScore
from angels_share.spec import TaskSpec
from angels_share.validity.literature.copied_errors import copied_errors, matched_by_chance
from angels_share.validity.literature.findings import Finding, Measured, by_chance, by_objective, estimated, seed_margin
from angels_share.validity.literature.objectives import QUADRANTS, _fidelity_said, fidelity, objectives
from angels_share.validity.literature.sizes import _self_said, _size_said, self_distillation, size_gap
from angels_share.validity.literature.traps import decoding, overconfidence, self_correction
from angels_share.validity.pairs import Pair, TaskAnswers, answers
from synthetic import Answer, Response, log_of, noisy, reordered

RESAMPLES = 200
SOFT = ("toy-soft-1", "toy-soft-2", "toy-soft-3")


# --- made-up families ------------------------------------------------------------------------------------------------


def unscored() -> PairScore:
    return PairScore.model_construct(resamples=RESAMPLES, tasks=(), suites=(), student="made up")


def run(*logs: TaskLog, seed: int = 1) -> Run:
    seeded = [replace(log, settings=replace(log.settings, sampling_seed=seed)) for log in logs]
    return Run("nowhere", "made up", {log.spec.name: log for log in seeded})


def pairs_of(teacher: Sequence[TaskLog], students: Mapping[str, Sequence[TaskLog]]) -> dict[str, Pair]:
    ours = run(*teacher)
    return {name: Pair(ours, run(*logs, seed=k + 2), unscored()) for k, (name, logs) in enumerate(students.items())}


def lost(losses: Mapping[str, float], *, noise: float = 0.0, **known: Any) -> Pair:
    """Return a pair of which only the losses are known; tasks are named after their row."""
    wave = noise * np.linspace(-1, 1, RESAMPLES)
    draws = {name: Draws(value, value + wave) for name, value in losses.items()}
    tasks = tuple(
        TaskScore.model_construct(task=name, row=name.split("/")[0], gap=None, n_items=10, n_clusters=10, change=None)
        for name in losses
    )
    suite = SuiteScore.model_construct(suite="made up", draws=SuiteDraws(losses=draws))
    score = PairScore.model_construct(resamples=RESAMPLES, tasks=tasks, suites=(suite,), student="made up")
    return Pair(run(), run(), score, **known)


def told(finding: Finding) -> dict[tuple[str, str, str], Measured]:
    return {(m.statistic, m.of, m.part): m for m in finding.measured}


def value(statistic: str, of: str, low: float, high: float, part: str = "", **known: Any) -> Measured:
    middle = Estimate(value=(low + high) / 2, low=low, high=high, n=10, clusters=10, method="made up")
    return Measured(statistic=statistic, of=of, part=part, estimate=middle, null=0.0, **known)


SIDES = {"above": (0.1, 0.3), "below": (-0.3, -0.1), "around": (-0.1, 0.2)}


# --- numbers and their wording ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "ends"), SIDES.items())
def test_side_of_the_null(side: str, ends: tuple[float, float]) -> None:
    assert value("loss", "a", *ends).side == side


def test_interval_that_ends_at_the_null_holds_it() -> None:
    assert value("loss", "a", 0.0, 0.2).side == value("loss", "a", -0.2, 0.0).side == "around"


def test_seed_margin_is_the_two_sample_t_of_one_seed_against_the_siblings() -> None:
    points = [0.2, 0.3, 0.7]
    spread = np.std(points, ddof=1)
    assert seed_margin(points) == pytest.approx(stats.t.ppf(0.975, 2) * spread * np.sqrt(1 + 1 / 3))
    assert seed_margin(points, (1.0, -1.0)) == pytest.approx(stats.t.ppf(0.975, 2) * spread * np.sqrt(2))
    assert seed_margin([0.2]) is None


def test_seed_margin_covers_another_seed_in_19_cases_of_20() -> None:
    seeds = np.random.default_rng(0).normal(size=(4000, 4))
    covered = [abs(row[3] - row[:3].mean()) <= (seed_margin(row[:3]) or 0) for row in seeds]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.012)


def test_objectives_are_held_against_the_mean_of_the_siblings() -> None:
    wave = np.linspace(-0.01, 0.01, RESAMPLES)
    levels = {"toy-soft-1": 0.1, "toy-soft-2": 0.3, "toy-hard": 0.5, "toy-planted-tail": 0.9}
    found = by_objective("loss", {name: Draws(x, x + wave) for name, x in levels.items()}, 10, 10)
    by_name = {(m.statistic, m.of): m for m in found}
    assert by_name["loss", "soft"].estimate.value == pytest.approx(0.2)
    difference = by_name["difference in loss", "hard − soft"]
    assert difference.estimate.value == pytest.approx(0.3)
    assert difference.estimate.low == pytest.approx(difference.estimate.high)  # one wave in all of them
    assert difference.side == "above"
    assert not difference.beyond_seeds  # t with one degree of freedom: the siblings lie far apart
    assert len(found) == 3


def test_chance_is_told_beside_what_was_found() -> None:
    found = [value("x", "a", 0.1, 0.3, seeds=0.15), value("x", "b", 0.1, 0.3, seeds=0.25), value("x", "c", -1, 1)]
    said = by_chance(found)
    assert said == (
        "2 of 3 intervals leave out 0, where 0.2 would by chance, 1 of them beyond what another training seed explains"
    )


def test_number_that_does_not_exist_has_no_interval() -> None:
    with pytest.raises(MeasureError, match="does not exist"):
        estimated(Draws(np.nan, np.zeros(3)), 3)


def test_replicates_without_a_number_are_left_out() -> None:
    found = estimated(Draws(0.5, np.array([0.4, np.nan, 0.6])), 3)
    assert (found.low, found.high) == pytest.approx((0.405, 0.595))
    assert found.method.endswith("2 resamples")


def test_family_has_one_teacher() -> None:
    students = {name: [chooser(k)] for k, name in enumerate(SOFT)}
    made = pairs_of([chooser(9)], students)
    other = made | {"toy-truth": pairs_of([chooser(10)], {"toy-truth": [chooser(5)]})["toy-truth"]}
    assert answers(made, "as_applied_longctx") is not None
    assert answers(made, "as_applied_tool") is None
    with pytest.raises(MeasureError, match="one teacher"):
        answers(other, "as_applied_longctx")


# --- objectives ------------------------------------------------------------------------------------------------------


def test_row_losses_are_means_of_tasks_and_privacy_tasks_stand_alone() -> None:
    made = {
        "toy-soft-1": lost({"tail/a": 0.1, "tail/b": 0.3, "privacy/c": 0.2}),
        "toy-soft-2": lost({"tail/a": 0.2, "tail/b": 0.4, "privacy/c": 0.4}),
        "toy-hard": lost({"tail/a": 0.5, "tail/b": 0.7, "privacy/c": 0.1}),
    }
    found = told(objectives(made))
    assert found["loss", "soft", "tail"].estimate.value == pytest.approx(0.25)
    assert found["difference in loss", "hard − soft", "tail"].estimate.value == pytest.approx(0.35)
    assert found["difference in loss", "hard − soft", "privacy/c"].estimate.value == pytest.approx(-0.2)
    assert found["difference in loss", "hard − soft", "privacy/c"].estimate.clusters == 10
    assert found["loss", "soft", "tail"].estimate.n == 20


def test_objectives_are_said_by_row() -> None:
    made = {name: lost({"tail/a": 0.1, "safety/b": 0.5}) for name in SOFT}
    made |= {"toy-hard": lost({"tail/a": 0.3, "safety/b": 0.2}), "toy-hot": lost({"tail/a": 0.1, "safety/b": 0.5})}
    finding = objectives(made)
    assert "the teacher's answers loses more than those of soft targets in tail and less in safety." in finding.can
    assert "high temperature loses more than those of soft targets in no row and less in no row." in finding.can
    assert finding.can.startswith("2 of 4 intervals leave out 0, where 0.2 would by chance")
    assert "as_privacy_mia" in finding.cannot


def test_tasks_that_one_student_lacks_are_left_out() -> None:
    made = {name: lost({"tail/a": 0.1, "safety/b": 0.5}) for name in SOFT} | {"toy-hard": lost({"tail/a": 0.3})}
    assert {m.part for m in objectives(made).measured} == {"tail"}


def memory(strength: float) -> Answer:
    """Return a model that knows inserted secrets and all that it is shown."""

    def answer(spec: TaskSpec, item: Item) -> Response:
        n = len(item["choices"])
        sure = {"inserted": strength, "shown": 0.9}.get(item["stratum"], 0.0)
        return [float(np.log(sure * (k == item["gold"]) + (1 - sure) / n)) for k in range(n)]

    return answer


def test_leak_of_memorised_secrets_is_found() -> None:
    canaries = {strength: log_of("as_privacy_canary", memory(strength)) for strength in (0.0, 0.5, 0.9)}
    teacher = [canaries[0.9]]
    students = {key: [canaries[0.0]] for key in SOFT} | {"toy-hard": [canaries[0.5]], "toy-truth": [canaries[0.0]]}
    made = {
        name: Pair(pair.teacher, pair.student, lost({"tail/a": 0.1}).score)
        for name, pair in pairs_of(teacher, students).items()
    }
    finding = objectives(made)
    found = told(finding)
    assert found["leak", "soft", "as_privacy_canary"].estimate.value == pytest.approx(0.0)
    assert found["difference in leak", "hard − soft", "as_privacy_canary"].side == "above"
    assert found["difference in leak", "truth − soft", "as_privacy_canary"].side == "around"
    assert "it leaks more in as_privacy_canary and less in no privacy task" in finding.can


def test_objectives_need_siblings_others_and_replicates() -> None:
    with pytest.raises(MeasureError, match="toy-soft-1"):
        objectives({"toy-hard": lost({"tail/a": 0.1})})
    with pytest.raises(MeasureError, match="no objectives to compare"):
        objectives({"toy-soft-1": lost({"tail/a": 0.1})})
    with pytest.raises(MeasureError, match="no replicates"):
        objectives({name: Pair(run(), run(), unscored()) for name in ("toy-soft-1", "toy-hard")})


# --- accuracy against fidelity ---------------------------------------------------------------------------------------


@cache
def scored_family() -> dict[str, Pair]:
    """Return students that answer as the teacher on a share of the items, which agree as far as they keep utility."""
    names = ("as_calibration_confidence", "as_boundary_ladder", "as_distribution_urn")
    teacher = run(*(log_of(name, noisy(0, 0.9), "pilot") for name in names))
    skills = {
        "toy-soft-1": 0.8,
        "toy-soft-2": 0.8,
        "toy-hard": 0.7,
        "toy-truth": 0.5,
        "toy-small": 0.3,
        "toy-self": 0.9,
    }
    made = {}
    for name, skill in skills.items():
        student = run(*(log_of(task, noisy(0, skill), "pilot") for task in names), seed=2)
        made[name] = Pair(
            teacher, student, score_pair(teacher, student, suites=["high_risk"], resamples=RESAMPLES), parameters=1000
        )
    return made


@pytest.mark.usefixtures("five_tasks")
def test_utility_and_agreement_fall_together() -> None:
    finding = fidelity(scored_family())
    found = told(finding)
    scores = {t.task: t for t in scored_family()["toy-hard"].score.tasks if t.change}
    assert found["change in utility", "toy-hard", ""].estimate.value == pytest.approx(
        np.mean([t.change.value for t in scores.values() if t.change])
    )
    assert found["agreement", "toy-hard", ""].estimate.value == pytest.approx(
        1 - np.mean([t.uncredited_loss.value for t in scores.values() if t.uncredited_loss])
    )
    assert found["agreement", "toy-self", ""].estimate.value == pytest.approx(1.0)
    assert found["rank correlation", "all students", ""].estimate.value == pytest.approx(1.0)
    assert found["rank correlation", "all students", ""].estimate.n == 6
    gain, hard, truth = (
        found[key].estimate.value
        for key in (
            ("gain in utility", "hard − truth", ""),
            ("change in utility", "toy-hard", ""),
            ("change in utility", "toy-truth", ""),
        )
    )
    assert gain == pytest.approx(hard - truth)
    assert "those that keep more utility also agree more" in finding.can
    assert "raises both utility and agreement, so there is no paradox here" in finding.can


@pytest.mark.usefixtures("five_tasks")
def test_rank_correlation_needs_four_students() -> None:
    with pytest.raises(MeasureError, match="at least four"):
        fidelity(dict(list(scored_family().items())[:3]))


@pytest.mark.parametrize("utility", SIDES)
@pytest.mark.parametrize("agreement", SIDES)
def test_every_quadrant_has_its_sentence(utility: Any, agreement: Any) -> None:
    found = [
        value("gain in utility", "hard − truth", *SIDES[utility]),
        value("gain in agreement", "hard − truth", *SIDES[agreement]),
    ]
    assert QUADRANTS[utility, agreement] in _fidelity_said(found)
    assert ("as claimed" in _fidelity_said(found)) == (utility == "above" and agreement != "above")


@pytest.mark.parametrize(
    ("side", "said"),
    [("above", "also agree more"), ("below", "agree less"), ("around", "are not shown to go together")],
)
def test_correlation_is_said_by_its_side(side: str, said: str) -> None:
    assert said in _fidelity_said([value("rank correlation", "all students", *SIDES[side])])


# --- size and self-distillation --------------------------------------------------------------------------------------


def test_slope_is_that_of_least_squares_over_sizes() -> None:
    large = {name: lost({"tail/a": x}, parameters=4000) for name, x in zip(SOFT, (0.1, 0.2, 0.3), strict=True)}
    others = {
        "toy-small": lost({"tail/a": 0.6}, parameters=1000),
        "toy-middle": lost({"tail/a": 0.5}, parameters=2000),
        "toy-self": lost({"tail/a": 0.1}, parameters=8000),
    }
    finding = size_gap(large | others)
    found = told(finding)["loss per halving", "4 sizes", "tail"]
    x, y = [2, 1, 0, -1], [0.6, 0.5, 0.2, 0.1]
    line = stats.linregress(x, y)
    assert found.estimate.value == pytest.approx(line.slope)
    w = (np.array(x) - np.mean(x)) / ((np.array(x) - np.mean(x)) ** 2).sum()
    error = 0.1 * np.sqrt(w[0] ** 2 + w[1] ** 2 + w[3] ** 2 + w[2] ** 2 / 3)
    assert found.seeds == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert finding.can.startswith("The mean loss grows with every halving of the parameters, as claimed")
    assert "which training seeds alone can do" in finding.can


@pytest.mark.parametrize(
    ("side", "said"), [("above", "as claimed"), ("below", "against the claim"), ("around", "is not shown to change")]
)
def test_slope_is_said_by_its_side(side: str, said: str) -> None:
    slopes = [value("loss per halving", "4 sizes", *SIDES[side], seeds=0.05)]
    slopes += [value("loss per halving", "4 sizes", *SIDES["above"], part="tail")]
    assert said in _size_said(slopes)
    assert ("more than another training seed explains" in _size_said(slopes)) == (side != "around")
    assert "grows in every row and falls in no row" in _size_said(slopes)


def test_slope_needs_sizes_and_parameters() -> None:
    with pytest.raises(MeasureError, match="one size"):
        size_gap({name: lost({"tail/a": 0.1}) for name in SOFT})
    with pytest.raises(MeasureError, match="toy-small: the number of parameters"):
        size_gap({"toy-soft-1": lost({"tail/a": 0.1}, parameters=1), "toy-small": lost({"tail/a": 0.1})})


@pytest.mark.usefixtures("five_tasks")
def test_self_distilled_student_is_held_against_teacher_and_siblings() -> None:
    finding = self_distillation(scored_family())
    found = told(finding)
    assert found["change in utility", "self", ""].estimate.value == pytest.approx(0.0)
    assert found["difference in change in utility", "self − soft", ""].side == "above"
    assert found["loss", "self", ""].estimate.value == pytest.approx(0.0)
    assert found["difference in loss", "self − soft", ""].side == "below"
    assert "is not shown to differ from its teacher" in finding.can
    assert "is more than what the smaller siblings keep" in finding.can
    assert "is less than what they lose" in finding.can
    with pytest.raises(MeasureError, match="teacher's size"):
        self_distillation({"toy-soft-1": scored_family()["toy-soft-1"]})


@pytest.mark.parametrize(
    ("side", "said"), [("above", "as claimed"), ("below", "against the claim"), ("around", "not shown to differ")]
)
def test_self_distillation_is_said_by_its_side(side: str, said: str) -> None:
    found = [
        value("change in utility", "self", *SIDES[side]),
        value("difference in change in utility", "self − soft", *SIDES["below"]),
        value("difference in loss", "self − soft", *SIDES["above"]),
    ]
    assert said in _self_said(found).split(":")[0]
    assert "is less than what the smaller siblings keep" in _self_said(found)


# --- copied errors ---------------------------------------------------------------------------------------------------


@cache
def longctx() -> TaskLog:
    return log_of("as_applied_longctx", noisy(0))


def chosen(places: Sequence[int], log: TaskLog) -> TaskLog:
    """Return a log in which these options are likeliest."""
    values = np.full(np.shape(log.log_likelihoods), np.log(0.1))
    values[np.arange(len(places)), places] = np.log(0.7)
    return replace(log, log_likelihoods=values)


def erring(stream: np.random.Generator, wrong: float = 0.5) -> np.ndarray[Any, Any]:
    """Return answers that err on a share of the items, in any way."""
    gold = np.array([item["gold"] for item in longctx().items])
    step = stream.integers(1, 4, len(gold))
    return (gold + np.where(stream.random(len(gold)) < wrong, step, 0)) % 4


def chooser(seed: int) -> TaskLog:
    return chosen(erring(np.random.default_rng(seed)).tolist(), longctx())


def given_items(clusters: Sequence[int]) -> TaskAnswers:
    n = max(clusters) + 1
    scheme = Resampling(np.array(clusters), np.ones((3, n)), n, np.ones((3, 2)))
    return TaskAnswers(longctx().spec, longctx().items[: len(clusters)], scheme, {})


@pytest.mark.parametrize(
    ("clusters", "expected"), [((0, 1, 2, 3), 4 * 4 / 12), ((0, 0, 1, 1), 4 * 3 / 8)], ids=["apart", "in twos"]
)
def test_chance_pairs_errors_of_different_clusters(clusters: Sequence[int], expected: float) -> None:
    codes = np.array([1, 1, 2, 3]), np.array([1, 2, 2, 1])
    found = matched_by_chance(given_items(clusters), np.ones(4, dtype=bool), codes, np.zeros(4, dtype=np.int64))
    assert [draws.point for draws in found] == pytest.approx([2, expected, 4])
    assert found[1].replicates.tolist() == pytest.approx([expected] * 3)


def test_chance_keeps_groups_apart_and_leaves_out_those_of_one_cluster() -> None:
    codes = np.array([1, 1, 2, 2, 1]), np.array([1, 1, 2, 2, 1])
    groups = np.array([0, 0, 1, 1, 2])
    found = matched_by_chance(given_items((0, 1, 2, 3, 4)), np.ones(5, dtype=bool), codes, groups)
    assert [draws.point for draws in found] == [4, 4, 4]  # within each group all errors are one


def test_copied_errors_are_told_from_independent_ones() -> None:
    stream = np.random.default_rng(1)
    theirs, own = erring(stream), erring(stream)
    gold = np.array([item["gold"] for item in longctx().items])
    copies = np.where((stream.random(len(gold)) < 0.7) & (theirs != gold) & (own != gold), theirs, own)
    students = {"toy-truth": [chooser(7)]} | {key: [chosen(copies.tolist(), longctx())] for key in SOFT}
    finding = copied_errors(pairs_of([chosen(theirs.tolist(), longctx())], students))
    found = told(finding)
    both = (theirs != gold) & (copies != gold)
    assert found["errors copied", "toy-soft-1", ""].estimate.value == pytest.approx((theirs == copies)[both].mean())
    assert found["errors copied", "toy-soft-1", ""].estimate.n == both.sum()
    assert found["copied beyond chance", "toy-soft-1", ""].estimate.low > 0.2
    assert found["copied beyond chance", "toy-truth", ""].side == "around"
    assert found["copied beyond the reference", "toy-soft-1", ""].side == "above"
    assert found["asymmetry of transfer", "toy-soft-1", ""].side == "above"
    assert "of 3 students, 3 share more wrong answers with the teacher and 0 share fewer" not in finding.can
    assert "of 3 students, 3 share more wrong answers with the teacher (" in finding.can
    assert "never saw the teacher is not told from chance" in finding.can


def test_independent_errors_are_no_copies() -> None:
    """The interval holds 0 in about 19 of 20 families, and the excess is 0 on average."""
    excess, covered = [], 0
    for seed in range(60):
        made = pairs_of([chooser(1000 + seed)], {"toy-soft-1": [chooser(2000 + seed)]})
        found = told(copied_errors(made))["copied beyond chance", "toy-soft-1", ""]
        excess.append(found.estimate.value)
        covered += found.side == "around"
    assert covered >= 53  # of 60 with 0.95 each, 53 or more in 98 of 100 cases
    assert abs(np.mean(excess)) < 3 * np.std(excess) / np.sqrt(60)


@pytest.mark.parametrize("task", ["as_boundary_ladder", "as_process_recover"])
def test_guesses_among_candidates_are_no_copies(task: str) -> None:
    """Candidates differ from item to item, so two guessers agree far more often than two words drawn from all items."""

    def guesser(by: int) -> Answer:
        return lambda _, item: Stream("guess", by, item["item_id"]).choice(item["candidates"] or ["7", "8"])

    excess = []
    for seed in range(12):
        teacher, student = (log_of(task, guesser(2 * seed + k)) for k in range(2))
        found = told(copied_errors(pairs_of([teacher], {"toy-soft-1": [student]})))
        excess.append(found["copied beyond chance", "toy-soft-1", ""].estimate.value)
    assert abs(np.mean(excess)) < 0.05


def test_favourite_errors_are_chance() -> None:
    """Two models that err independently but both prefer one wrong place are not told from chance."""
    gold = np.array([item["gold"] for item in longctx().items])
    covered = 0
    for seed in range(20):
        stream = np.random.default_rng(seed)
        theirs, own = ((gold + np.where(stream.random(len(gold)) < 0.7, 1, 2)) % 4 for _ in range(2))
        theirs[:9] = gold[:9]
        made = pairs_of([chosen(theirs.tolist(), longctx())], {"toy-soft-1": [chosen(own.tolist(), longctx())]})
        found = told(copied_errors(made))
        covered += found["copied beyond chance", "toy-soft-1", ""].side == "around"
        assert found["errors copied", "toy-soft-1", ""].estimate.value > 0.4
    assert covered >= 17


def test_words_that_cannot_be_read_are_no_errors() -> None:
    whole = log_of("as_boundary_ladder", lambda _, item: str(item["answer"]))
    ladder = reordered(whole, [k for k, item in enumerate(whole.items) if not item["candidates"]])
    n = len(ladder.items)
    wrong = [("97",)] * 20 + [("98",)] * 20 + [("what ?",)] * 10
    right = [(str(item["answer"]),) for item in ladder.items[50:]]
    assert right
    teacher = replace(ladder, texts=tuple(wrong + right))
    same = replace(teacher)
    mute = replace(ladder, texts=(("what ?",),) * n)
    finding = copied_errors(pairs_of([teacher], {"toy-soft-1": [same], "toy-soft-2": [mute]}))
    found = told(finding)
    assert found["errors copied", "toy-soft-1", ""].estimate.n == 40
    assert found["errors copied", "toy-soft-1", ""].estimate.value == 1.0
    expected = (20 * 19 + 20 * 19) / (40 * 39)
    assert found["copied beyond chance", "toy-soft-1", ""].estimate.value == pytest.approx(1 - expected)
    assert ("errors copied", "toy-soft-2", "") not in found
    assert "No student learnt without the teacher" in finding.cannot


def test_no_common_error_is_an_error() -> None:
    gold = chosen([item["gold"] for item in longctx().items], longctx())
    with pytest.raises(MeasureError, match="three options"):
        copied_errors(pairs_of([gold], {"toy-soft-1": [gold]}))


# --- traps -----------------------------------------------------------------------------------------------------------


def sure(confidence: float) -> Answer:
    """Return a model that is wrong on the items of three strata, with this confidence."""

    def answer(spec: TaskSpec, item: Item) -> Response:
        wrong = item["stratum"] in ("addition", "lookup", "ambiguous")
        place = (item["gold"] + wrong) % 4
        return [float(np.log(confidence if k == place else (1 - confidence) / 3)) for k in range(4)]

    return answer


def test_confidence_in_errors_is_that_of_settled_items() -> None:
    logs = {c: log_of("as_calibration_confidence", sure(c), "pilot") for c in (0.5, 0.8, 0.95)}
    students = {key: [logs[0.8]] for key in SOFT} | {"toy-hard": [logs[0.95]], "toy-truth": [logs[0.5]]}
    finding = overconfidence(pairs_of([logs[0.8]], students))
    found = told(finding)
    settled = [item for item in logs[0.5].items if max(item["odds"]) == 1]
    wrong = np.mean([item["stratum"] in ("addition", "lookup") for item in settled])
    assert found["confidence in errors", "toy-soft-1", ""].estimate.value == 0.0
    assert found["confidence in errors", "toy-hard", ""].estimate.value == pytest.approx(0.15)
    assert found["difference in confidence in errors", "truth − soft", ""].estimate.value == pytest.approx(-0.3)
    assert found["confident errors", "toy-hard", ""].estimate.value == pytest.approx(wrong)
    assert found["confident errors", "toy-truth", ""].estimate.value == 0.0
    assert found["confident errors", "toy-hard", ""].estimate.n == len(settled)
    assert (
        "1 are surer of their errors than the teacher of its own (toy-hard) and 1 less sure (toy-truth)" in finding.can
    )
    assert "Objectives differ: truth − soft −0.300" in finding.can


def recovering(slips: bool) -> Answer:
    """Return a model that is right on two families of four without a slip, with a slip on one of them or on none."""

    def answer(spec: TaskSpec, item: Item) -> Response:
        able = item["stratum"] in (("sum", "list") if not item["error"] else ("sum",) if slips else ())
        return str(item["answer"]) if able else "answer 99"

    return answer


def test_lost_self_correction_is_told_from_lost_skill() -> None:
    able, unable, bad = (
        log_of("as_process_recover", answer, "pilot")
        for answer in (recovering(True), recovering(False), lambda _, __: "answer 99")
    )
    rollouts = log_of("as_process_rollout", noisy(3), "pilot")
    students = {key: [able, rollouts] for key in SOFT} | {"toy-hard": [unable, rollouts], "toy-truth": [bad, rollouts]}
    others = log_of("as_process_rollout", noisy(4), "pilot")
    finding = self_correction(pairs_of([able, others], students))
    found = told(finding)
    at = "as_process_recover"
    assert found["change after slips", "toy-hard", at].estimate.value == pytest.approx(-0.25)
    assert found["change after slips", "toy-soft-1", at].estimate.value == 0.0
    assert found["change after slips", "toy-truth", at].estimate.value == pytest.approx(0.25)  # it lost the rest too
    assert found["recovery ratio", "toy-hard", at].estimate.value == pytest.approx(-0.5)
    assert ("recovery ratio", "toy-truth", at) not in found
    assert found["difference in change after slips", "hard − soft", at].side == "below"
    rolled = found["change after slips against rollouts", "toy-soft-1", ""].estimate
    share = found["change after slips against rollouts", "toy-hard", ""].estimate.value - rolled.value
    assert share == pytest.approx(-0.25)
    assert "1 lose less after that than without (toy-truth) and 1 lose more (toy-hard)" in finding.can
    assert "its accuracy is 0.25 with a slip and 0.50 without" in finding.cannot


def test_texts_that_fall_apart_are_found() -> None:
    def told_plainly(by: str) -> Answer:
        def answer(spec: TaskSpec, item: Item) -> Response:
            stream = Stream("plain", by, item["item_id"])
            return [f"{item['answer']}{' ' * stream.below(3)}" for _ in range(8)]

        return answer

    def falling_apart(spec: TaskSpec, item: Item) -> Response:
        return [str(item["answer"])] * 4 + ["so and so on and on we go " * 6] * 4

    answers = (told_plainly("one"), told_plainly("another"), falling_apart)
    sound, again, broken = (log_of("as_process_rollout", answer, "pilot") for answer in answers)
    finding = decoding(pairs_of([sound], {key: [again] for key in SOFT} | {"toy-reverse": [broken]}))
    found = told(finding)
    assert found["looping", "toy-reverse", ""].estimate.value == pytest.approx(0.5)
    assert found["unreadable answers", "toy-reverse", ""].side == "above"
    assert found["valid steps", "toy-reverse", ""].estimate.value == pytest.approx(-0.5)
    assert found["looping", "toy-soft-1", ""].estimate.value == 0.0
    assert "As to looping, of 4 students, 1 loop more (toy-reverse) and 0 less" in finding.can
    with pytest.raises(MeasureError, match="no pair holds answers to as_process_rollout"):
        decoding(pairs_of([longctx()], {"toy-soft-1": [longctx()]}))


def test_finding_is_json_and_back() -> None:
    made = {name: lost({"tail/a": 0.1}) for name in SOFT} | {"toy-hard": lost({"tail/a": 0.3})}
    finding = objectives(made)
    assert Finding.model_validate_json(finding.model_dump_json()) == finding
    assert {m.statistic for m in finding.measured} <= finding.definitions.keys()
