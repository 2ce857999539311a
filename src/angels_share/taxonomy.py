"""The nine rows of off-metric loss, the eight deployment scenarios and the eight items of a loss statement, as data.

Rows, scenarios and items follow Tables 1 to 3 of "Knowledge Distillation Must Account for What It Loses"
(arXiv 2604.25110); the wording is this project's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Row:
    """A kind of teacher behaviour that a primary metric can fail to see."""

    title: str
    """Name in the paper's Table 1."""
    at_stake: str
    """What a student can lose, in one phrase."""


@dataclass(frozen=True)
class Scenario:
    """A deployment of a student, and what its preservation has to be tested on."""

    title: str
    """The paper's name for it in Table 2."""
    stress_tests: tuple[str, ...]
    """Phrases of the table's fourth column."""


@dataclass(frozen=True)
class StatementItem:
    """One of the eight questions of a Distillation Loss Statement."""

    title: str
    question: str
    by_author: bool
    """Whether only the author can answer; the other items are filled in from the scores."""


ROWS: dict[str, Row] = {
    "distribution": Row("Predictive distribution", "soft probabilities, alternatives, entropy"),
    "representation": Row("Representation and relation", "invariances, relations, localisation"),
    "boundary": Row("Capability boundary", "robustness, subgroups, the edge of what is solved"),
    "privacy": Row("Privacy and memorisation", "what leaks about the training data"),
    "calibration": Row("Calibration and abstention", "how sure it is, and when it does not answer"),
    "process": Row("Process and on-policy stability", "verification, recovery, stable rollouts"),
    "grounding": Row("Grounding and provenance", "evidence, citation, honesty about missing evidence"),
    "safety": Row("Safety boundary", "the line between over- and under-refusal"),
    "tail": Row("Long tail and diversity", "rare modes, minority classes, variety"),
}
"""The nine rows, in the paper's order; keys are the names of the folders under ``tasks/``."""

SCENARIOS: dict[str, Scenario] = {
    "reasoning": Scenario(
        "Reasoning students",
        (
            "multi-sample teacher behaviour",
            "verifier scores",
            "failed traces",
            "hard and near-boundary problems",
            "tests of reasoning faithfulness",
        ),
    ),
    "code_tools": Scenario(
        "Code and tool agents",
        (
            "tool traces",
            "execution logs",
            "failed patches",
            "student-generated rollouts",
            "ambiguous specifications",
            "hidden-test stress cases",
        ),
    ),
    "rag": Scenario(
        "RAG and domain QA",
        (
            "retrieved documents",
            "selected evidence",
            "attribution alignment",
            "insufficient-evidence cases",
            "citation-support checks",
        ),
    ),
    "high_risk": Scenario(
        "High-risk domain assistants",
        (
            "confidence and uncertainty estimates",
            "abstention labels",
            "risk categories",
            "incomplete-context cases",
            "shifted or ambiguous cases",
        ),
    ),
    "privacy": Scenario(
        "Privacy-sensitive students",
        (
            "membership-inference probes",
            "exposure or canary tests",
            "memorisation probes",
            "comparisons across soft and hard objectives",
        ),
    ),
    "safety": Scenario(
        "Safety and refusal students",
        (
            "near-boundary unsafe requests",
            "benign hard requests",
            "multilingual jailbreaks",
            "selective-refusal evaluations",
        ),
    ),
    "synthetic_data": Scenario(
        "Synthetic-data pipelines",
        (
            "rare-class coverage",
            "diversity measures",
            "human-anchor ratios",
            "comparisons to real-data tails",
        ),
    ),
    "on_device": Scenario(
        "On-device students",
        (
            "resource-constrained stress tests",
            "calibration probes",
            "safety boundary tests",
            "long-context or multi-turn probes",
        ),
    ),
}
"""The eight deployment scenarios, in the paper's order; keys are the names of the files under ``suites/``."""

HUB = "_hub"
"""Ending of the name of a suite of lm-eval's own tasks."""

STATEMENT_ITEMS: dict[str, StatementItem] = {
    "deployment_context": StatementItem("Deployment context", "What is the student for, and how is it used?", True),
    "primary_metric": StatementItem("Primary metric", "Which score claims that distillation succeeded?", False),
    "critical_capabilities": StatementItem(
        "Critical off-metric capabilities", "What else of the teacher matters in this context?", False
    ),
    "preservation_targets": StatementItem(
        "Preservation targets", "Which teacher signals were used to keep those capabilities?", True
    ),
    "stress_distributions": StatementItem("Stress distributions", "On which cases was preservation tested?", False),
    "observed_losses": StatementItem(
        "Observed or unmeasured losses", "Where does the student differ, and what was not measured?", False
    ),
    "accepted_losses": StatementItem(
        "Accepted losses or intended divergences", "Which losses are acceptable or corrective, and why?", True
    ),
    "deployment_implication": StatementItem(
        "Deployment implication", "What should a user, reviewer or deployer conclude?", True
    ),
}
"""The eight items of a Distillation Loss Statement, in the paper's order."""


def scenario_of(suite: str) -> Scenario:
    """Return the scenario of a suite, whether it asks this project's items or those of data sets of the Hub.

    Examples
    --------
    >>> scenario_of("rag_hub").title
    'RAG and domain QA, on data sets of the Hub'
    """
    scenario = SCENARIOS[suite.removesuffix(HUB)]
    return replace(scenario, title=f"{scenario.title}, on data sets of the Hub") if suite.endswith(HUB) else scenario
