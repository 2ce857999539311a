"""One suite's statement as a single paragraph, in plain text."""

from __future__ import annotations

from angels_share import spec
from angels_share.spec import SuiteSpec
from angels_share.statement import wording
from angels_share.statement.model import Family, Statement, SuiteStatement

FAMILIES: dict[Family, str] = {
    "logit-kd": "distillation from its logits",
    "seq-kd": "distillation from its texts",
    "on-policy": "on-policy distillation",
    "feature": "distillation from its features",
    "sft": "supervised fine-tuning",
    "pruning": "pruning, which is no distillation",
    "quantization": "quantization, which is no distillation",
    "other": "another method",
}
"""How a student was made, in words."""


def sentence(statement: Statement, suite: str) -> str:
    """Return one suite's statement as a single paragraph, in plain text.

    The author's four answers are quoted; what was lost, kept and not measured comes from the claims.
    """
    part, scenario = statement.suites[suite], spec.suite(suite)
    rows = wording.listed([wording.row_title(row) for row in scenario.rows])
    told = [
        f"{_made(statement)} It is meant for this: {_stated(part, 'deployment_context')}",
        f"Its success is measured by {scenario.primary.metric} on {scenario.primary.task}.",
        f"Beyond that score, {rows} matter here. What was done to keep them: {_stated(part, 'preservation_targets')}",
        f"They were tested on {wording.listed(scenario.tasks)}.",
        *_claimed(part, scenario),
        f"Accepted or intended: {_stated(part, 'accepted_losses')}",
        f"Conclusion: {_stated(part, 'deployment_implication')}",
    ]
    return " ".join(told)


def _made(statement: Statement) -> str:
    if statement.method.family == "control":
        return f"{statement.student} stands beside {statement.teacher} as a control."
    return f"{statement.student} was made from {statement.teacher} by {FAMILIES[statement.method.family]}."


def _stated(part: SuiteStatement, key: str) -> str:
    text = " ".join(part.items[key].split())
    if not text:
        return "not stated."
    return text if text[-1] in ".!?…" else f"{text}."


def _claimed(part: SuiteStatement, scenario: SuiteSpec) -> list[str]:
    """Return one sentence for each kind of claim, and one for the tasks that no claim is about."""
    words = {
        "lost": "Lost: {}.",
        "accepted": "Lost, and accepted: {}.",
        "corrective": "Changed for the better: {}.",
        "preserved": "Preserved: {}.",
        "unmeasured": "Not measured: {}.",
    }
    claims = {
        kind: [c.task or f"all of {wording.row_title(c.row)}" for c in part.claims if c.kind == kind] for kind in words
    }
    silent = [t for t in scenario.tasks if not any(c.covers(spec.task(t).measure.row, t) for c in part.claims)]
    told = [words[kind].format(wording.listed(names)) for kind, names in claims.items() if names]
    return told + ([f"Nothing is claimed about {wording.listed(silent)}."] if silent else [])
