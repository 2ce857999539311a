"""The tests can fail: small errors, written into copies of the scorer's functions, are noticed by checks of it.

Each mutation replaces one piece of one function by a wrong one. The checks are tests of the scorer that need no run,
and a few here on intervals; unmutated, all of them pass.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import test_ranking
import test_score
from angels_share import estimate, ranking
from angels_share.estimate import Draws
from angels_share.logs import Run, TaskLog
from angels_share.ranking import separated
from angels_share.score import controls, suite, task, verdict
from angels_share.score.model import Estimate, PairScore

pytestmark = pytest.mark.usefixtures("five_tasks")

Check = Callable[[], None]


# --- checks ----------------------------------------------------------------------------------------------------------


def logs(wrong: int, n: int = 300) -> TaskLog:
    """Return likelihoods of four options: right on five items of six, less a few."""
    rng = np.random.default_rng(0)
    gold = test_score.golds(n)
    erring = (np.arange(n) % 6 == 0) | (np.arange(n) % 6 == 1) & (np.arange(n) < 6 * wrong)
    return test_score.answered(rng.normal(0, 0.5, (n, 4)) + 4 * np.where(erring[:, None], np.roll(gold, 1, 1), gold))


def scored(teacher: TaskLog, student: TaskLog) -> PairScore:
    ours, theirs = (Run(place="here", model="m", tasks={test_score.CONFIDENCE: x}) for x in (teacher, student))
    return test_score.score(ours, theirs)


def width(found: Estimate | None) -> float:
    assert found is not None
    return found.high - found.low


def the_teacher_itself_is_certain() -> None:
    """What does not differ at all cannot vary: resampled apart, its intervals would be those of two models."""
    made = scored(logs(0), logs(0))
    found = test_score.by_task(made)[test_score.CONFIDENCE]
    for number in (found.change, found.loss, found.divergence, made.suites[0].primary.retention):
        assert width(number) == 0
    assert found.p_change == 1
    assert found.verdict == "PRESERVED"


def a_student_that_errs_a_little_more_is_nearly_certain() -> None:
    """Six items of 300 are lost: the rate has a standard error of 0.022, the paired difference one of 0.008."""
    made = scored(logs(0), logs(6))
    found, primary = test_score.by_task(made)[test_score.CONFIDENCE], made.suites[0].primary
    assert found.change is not None
    assert primary.retention is not None
    assert found.change.value < 0
    assert width(found.change) < 4.5 * 0.008
    assert width(primary.teacher) > 3.5 * 0.022
    assert primary.retention.value == pytest.approx((250 - 6 - 75) / (250 - 75))
    assert width(primary.retention) < 4.5 * 0.008 / (5 / 6 - 0.25)
    assert found.p_change is not None
    assert 0.001 < found.p_change < 0.05, "unpaired, it would not be found"


def the_best_constant_is_nearly_certain() -> None:
    """Resampled as the variation is, its divergence follows that of the best constant to within a part in a hundred."""
    log = logs(0)
    found = test_score.compare(log, controls.constant(log)).loss
    assert found is not None
    assert found.high == pytest.approx(1, abs=1e-9)
    assert found.low > 0.99


def a_better_student_ranks_higher() -> None:
    better = separated([Draws(0.9, np.linspace(0.89, 0.91, 9)), Draws(0.5, np.linspace(0.49, 0.51, 9))], 40)
    assert better.tolist() == [[False, True], [False, False]]


def losing_more_lowers_the_composite() -> None:
    made = scored(logs(0), logs(30)).suites[0]
    assert made.composite is not None
    assert made.angels_share is not None
    assert made.primary.retention is not None
    assert made.composite.value == pytest.approx(made.primary.retention.value - made.angels_share.total.value)


CHECKS: tuple[Check, ...] = (
    test_score.test_planted_parts_are_recovered_exactly,
    test_score.test_only_correction_beyond_noise_is_credited,
    test_score.test_churn_earns_nothing,
    test_score.test_harm_on_one_side_is_not_netted_against_improvement_on_the_other,
    test_score.test_holm_keeps_a_lone_marginal_effect_from_being_harmful,
    test_score.test_few_items_cannot_certify,
    test_ranking.test_hand_computed,
    test_ranking.test_what_pairs_share_does_not_keep_them_together,
    the_teacher_itself_is_certain,
    a_student_that_errs_a_little_more_is_nearly_certain,
    the_best_constant_is_nearly_certain,
    a_better_student_ranks_higher,
    losing_more_lowers_the_composite,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_unmutated_every_check_passes(check: Check) -> None:
    check()


# --- mutations -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutation:
    """One piece of a function's source, and the wrong one in its place."""

    function: Callable[..., Any]
    right: str
    wrong: str


def elsewhere(scheme: estimate.Resampling) -> estimate.Resampling:
    """Return other resamples of the same clusters."""
    order = np.random.default_rng(0).permutation(len(scheme.multiplicity))
    return estimate.Resampling(scheme.of_item, scheme.multiplicity[order], scheme.clusters, scheme.pseudo[order])


SIGNS = {
    "harm is gain": Mutation(
        task.measure_task,
        "d * (u_s < u_t - eta), d * (u_s > u_t + eta)",
        "d * (u_s > u_t + eta), d * (u_s < u_t - eta)",
    ),
    "change is teacher less student": Mutation(
        task._side, "scheme.mean(u_s - u_t, difference)", "scheme.mean(u_t - u_s, difference)"
    ),
    "credit is charged": Mutation(task.measure_task, "divergence - credit", "divergence + credit"),
    "loss raises the composite": Mutation(suite.score_suite, "kept - total if", "kept + total if"),
    "harm is better": Mutation(
        verdict._verdict, "change.high < 0 and change.value < -", "change.low > 0 and change.value > "
    ),
    "worse ranks higher": Mutation(ranking.separated, "points[:, None] - points", "points - points[:, None]"),
}

UNPAIRED = {
    "change": Mutation(
        task._side, "scheme.mean(u_s - u_t, difference)", "scheme.mean(u_s, level) - elsewhere(scheme).mean(u_t, level)"
    ),
    "error of the change": Mutation(
        task._side,
        "robust_standard_error(u_s - u_t, scheme)",
        "(robust_standard_error(u_s, scheme) ** 2 + robust_standard_error(u_t, scheme) ** 2) ** 0.5",
    ),
    "retention": Mutation(
        suite.retention, "ratio = (m_s - chance)", "ratio = (Draws(m_s.point, m_s.replicates[::-1]) - chance)"
    ),
    "loss and variation": Mutation(
        task.measure_task, "scheme, sampled=discrepancy.sampled", "elsewhere(scheme), sampled=discrepancy.sampled"
    ),
    "ranks": Mutation(ranking.separated, "replicates[j] - replicates", "replicates[j, ::-1] - replicates"),
}

GUARDS = {
    "noise is credited": Mutation(task._credit, "net - NET_CORRECTION_Z * net.standard_error", "net"),
    "net harm is credited": Mutation(task._credit, ".at_least(0.0)", ""),
    "gain is credited whatever the harm": Mutation(task._credit, " - scheme.mean(harm)", ""),
    "sides are netted": Mutation(
        task.measure_task, "for at in sides.values()]", "for at in (np.ones(n, dtype=bool),)]"
    ),
    "no account of many tasks": Mutation(verdict.judge, "test.p_holm < SIGNIFICANT", "test.p_change < SIGNIFICANT"),
}

MUTATIONS = {
    f"{kind}: {name}": mutation
    for kind, group in {"sign": SIGNS, "unpaired": UNPAIRED, "guard": GUARDS}.items()
    for name, mutation in group.items()
}


def mutated(mutation: Mutation) -> Callable[..., Any]:
    """Return a copy of a function with one piece of its source replaced."""
    function = mutation.function
    assert isinstance(function, FunctionType)
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(mutation.right) == 1, f"{function.__name__} holds {mutation.right!r} not once"
    names = {**function.__globals__, "elsewhere": elsewhere}
    exec(compile(source.replace(mutation.right, mutation.wrong), f"mutated {function.__name__}", "exec"), names)  # noqa: S102
    changed: Callable[..., Any] = names[function.__name__]
    return changed


def install(mutation: Mutation, patch: pytest.MonkeyPatch) -> None:
    """Put the mutated function wherever the right one is named."""
    changed = mutated(mutation)
    here = ("angels_share", "test_score", "test_ranking", __name__)
    for module in [m for name, m in sys.modules.items() if name.startswith(here)]:
        for name, held in list(vars(module).items()):
            if held is mutation.function:
                patch.setattr(module, name, changed)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(MUTATIONS[name], monkeypatch)
    noticed = []
    for check in CHECKS:
        try:
            check()
        except AssertionError:
            noticed.append(check.__name__)
    assert noticed


def test_a_mutation_that_changes_nothing_is_not_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machinery itself breaks no check."""
    for function, same in ((task.measure_task, "divergence - credit"), (task._credit, ".at_least(0.0)")):
        install(Mutation(function, same, same), monkeypatch)
    for check in CHECKS:
        check()
