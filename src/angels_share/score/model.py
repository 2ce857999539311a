"""What a scored pair consists of, as frozen pydantic models; the JSON file of a score is :class:`PairScore`.

Numbers keep full precision. A number that does not exist is ``None``, and a sibling field says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, InstanceOf

from angels_share.estimate import Draws
from angels_share.spec import Access, Direction, Readout, Strict

Verdict = Literal["PRESERVED", "HARMFUL", "CORRECTIVE", "SHIFTED", "INCONCLUSIVE", "UNMEASURED"]
"""What the evidence says about one task, in the words of the scoring rules."""

Side = Literal["teacher", "submitter", "access"]
"""Whose gap an unmeasured task is: the teacher has nothing to lose there, the submitter left it out, or it needs
likelihoods and the pair is compared by text alone."""


class Estimate(Strict):
    """A number with its uncertainty."""

    value: float
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end of the 95 % interval."""
    n: int
    """Items behind the number."""
    clusters: int
    """Independent clusters behind the number."""
    method: str
    """How the interval was made, such as ``cluster bootstrap, 2000 resamples``."""


class Gap(Strict):
    """Why a task has no measurement."""

    side: Side
    reason: str


class Stratum(Strict):
    """Displayed numbers of one stratum of a task's items; they enter no verdict."""

    name: str
    n: int
    divergence: float
    teacher_level: float | None
    student_level: float | None
    p_change: float | None = None
    """p-value of a change in utility within the stratum; None where the task has sides or the stratum one cluster."""
    q_change: float | None = None
    """The same, adjusted over the strata of all tasks (Benjamini-Hochberg): exploratory."""


class SideScore(Strict):
    """One side of a task's boundary, such as the requests that must be refused; no side is netted against another."""

    name: str
    teacher_level: Estimate
    student_level: Estimate
    change: Estimate
    p_change: float | None = None
    p_holm: float | None = None
    q_change: float | None = None
    """As those of a task without sides."""


class Displayed(Strict):
    """A displayed statistic of a task; it enters no verdict and no loss."""

    name: str
    title: str
    unit: str
    teacher: Estimate | None
    student: Estimate | None
    """None where the statistic is one of the pair."""
    value: Estimate
    """The statistic of the pair, or student minus teacher."""


class TaskScore(Strict):
    """One stress task, teacher against student."""

    task: str
    version: float
    row: str
    readout: Readout
    observable: str
    discrepancy: str
    utility: str | None
    direction: Direction
    levels: tuple[int, ...]
    n_items: int
    n_clusters: int
    repeats: int
    """Answers sampled per item and model; 1 where the readout is deterministic."""
    gap: Gap | None = None
    """Set where the task is unmeasured; every number below is then None."""
    divergence: Estimate | None = None
    """Δ, the mean discrepancy between teacher and student."""
    teacher_variation: Estimate | None = None
    """Δ₁, the divergence of the best student that ignores its input."""
    total_variation: Estimate | None = None
    """Mean total variation between the answer distributions, for reading; where answers are sampled or are
    no distributions the square root of the mean discrepancy."""
    harmful: Estimate | None = None
    corrective: Estimate | None = None
    neutral: Estimate | None = None
    """H, C and N: the parts of Δ on items where the student's utility is lower, higher or equal; H + C + N = Δ."""
    net_correction: Estimate | None = None
    """G, the credited improvement, the sum over the sides where there are any."""
    loss: Estimate | None = None
    """L = (Δ − G) / Δ₁, at most 1: 0 behaves as the teacher, 1 is no closer to it than a constant."""
    uncredited_loss: Estimate | None = None
    """Δ / Δ₁."""
    agreement_beyond_chance: float | None = None
    """κ, agreement beyond chance of which items are right, for display; of options the most likely one is judged."""
    teacher_level: Estimate | None = None
    student_level: Estimate | None = None
    change: Estimate | None = None
    """c(T), c(S) and δ = c(S) − c(T); None where the task has sides."""
    sides: tuple[SideScore, ...] = ()
    """The same for each side, where the task has sides that must not be netted."""
    chance_level: float | None = None
    """Utility of a model that ignores the items."""
    change_newcombe: Estimate | None = None
    """δ of a binary utility with Newcombe's interval, which needs no resampling: a check of ``change``. None where
    items share clusters or the task has sides."""
    minimum_detectable_effect: float | None = None
    """Smallest |δ| found with 80 % power at this N, on each side."""
    p_change: float | None = None
    """p-value of the two-sided cluster-robust t-test that δ = 0; on each side apart where there are sides."""
    p_holm: float | None = None
    """The same, adjusted for the number of changes in the suite (Holm): what HARMFUL and CORRECTIVE rest on. The
    smallest of all suites that hold the task, so that scoring another suite takes no finding away."""
    q_change: float | None = None
    """The same, adjusted over all tasks of the pair (Benjamini-Hochberg): exploratory, no verdict rests on it."""
    p_equivalence: float | None = None
    """p-value of the two one-sided tests that |δ| < ε, on each side."""
    p_mcnemar: float | None = None
    """McNemar mid-p where the utility is binary and there are no sides."""
    verdict: Verdict = "UNMEASURED"
    verdict_author: Verdict = "UNMEASURED"
    """Verdict under the margins that the author declares for the deployment; equal to ``verdict`` where none are."""
    invalid_teacher: float | None = None
    invalid_student: float | None = None
    """Share of answers that could not be parsed."""
    strata: tuple[Stratum, ...] = ()
    statistics: tuple[Displayed, ...] = ()
    flags: tuple[str, ...] = ()
    """Weaknesses of the numbers, such as ``CEILING`` or ``CANNOT CERTIFY AT THIS N``."""


class Retention(Strict):
    """Headline retention R = (m(S) − m₀) / (m(T) − m₀) on the suite's primary metric."""

    task: str
    metric: str
    chance: float | None
    """None where neither model was run on the task."""
    teacher: Estimate | None
    student: Estimate | None
    retention: Estimate | None
    reason: str | None = None
    """Why there is no retention, where there is none."""


class RowScore(Strict):
    """One critical row of a suite."""

    row: str
    weight: float
    """Weight in the angel's share, after the weights of rows that this teacher cannot show were shared out."""
    loss: Estimate | None
    """Mean of L over the row's charged tasks; a submitter's gap counts as 1. None where no task is charged."""
    tasks: tuple[str, ...]
    coverage: float
    """Share of the row's tasks that the teacher can show."""


class AngelsShare(Strict):
    """A, the weighted loss over the suite's critical rows, and the parts that it adds up from."""

    total: Estimate
    accounted: float
    """Part that was measured and that the statement owns up to."""
    undisclosed: float
    """Part that was measured and that the statement does not mention."""
    unmeasured: float
    """Part that is charged because the submitter did not measure it."""


@dataclass(frozen=True)
class SuiteDraws:
    """What the intervals of a suite were made from, for comparing pairs that answered the same items.

    It stays in memory: files do not hold it, and two scores that differ in nothing else are equal.
    """

    retention: Draws | None = field(default=None, compare=False)
    """At most 1, as in the composite."""
    angels_share: Draws | None = field(default=None, compare=False)
    clusters: int = field(default=2, compare=False)
    """The fewest behind any of its tasks."""
    losses: Mapping[str, Draws] = field(default_factory=dict, compare=False)
    """Of each measured task."""


class SuiteScore(Strict):
    """One deployment scenario."""

    suite: str
    version: str
    digest: str
    primary: Retention
    rows: tuple[RowScore, ...]
    angels_share: AngelsShare | None
    composite: Estimate | None
    """R − A."""
    coverage: float
    """Share of the row weights that the teacher can show."""
    rankable: bool
    reasons: tuple[str, ...]
    """Why the pair cannot be ranked in this suite; empty where it can."""
    draws: InstanceOf[SuiteDraws] = Field(default=SuiteDraws(), exclude=True, repr=False)


class ComparisonKey(Strict):
    """What two pairs must share to be ranked against each other."""

    track: str
    profile: str
    item_seed: int
    levels: tuple[int, ...]
    access: Access
    canaries: str | None = None
    """Digest of the key that the items of privacy tasks follow, where there are any."""


class PairScore(Strict):
    """A scored pair: the content of ``score.json``."""

    schema_version: Literal["angels-share/score/1"] = "angels-share/score/1"
    key: ComparisonKey
    teacher: str
    student: str
    """Names of the models."""
    teacher_digest: str
    student_digest: str
    """SHA-256 over the responses that were scored."""
    resamples: int
    tasks: tuple[TaskScore, ...]
    suites: tuple[SuiteScore, ...]
    epsilon: float | None = None
    tau: float | None = None
    """Margins of the suites: of ``verdict`` and ``p_equivalence``."""
    epsilon_author: float | None = None
    tau_author: float | None = None
    """Margins that the author declares for the deployment: of ``verdict_author``."""
    calibration: str
    """Where measurability was decided: ``calibration run`` or ``the scored run itself``."""
    repeat: tuple[TaskScore, ...] = Field(default=())
    """The teacher against its own repeat, where there is one: the test of every task."""
    second_stage: tuple[TaskScore, ...] = ()
    """Tasks on items made from both models' own answers: displayed and never charged, since no two pairs share them."""
    flags: tuple[str, ...] = ()
    provenance: dict[str, Any] = Field(default_factory=dict)
    """Versions of the package, lm-eval and the models as the logs state them."""
