"""The statement as a page for readers, in Markdown.

Everything that an author wrote, and every name, is escaped: it is shown as it was typed, and can neither format the
page nor link, load or run anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from angels_share import spec
from angels_share.score.model import Estimate, PairScore, SuiteScore, TaskScore
from angels_share.spec import SuiteSpec
from angels_share.statement import wording
from angels_share.statement.check import ClaimCheck
from angels_share.statement.draft import computed_items
from angels_share.statement.model import Family, Statement, SuiteStatement
from angels_share.taxonomy import STATEMENT_ITEMS, scenario_of

NOT_STATED = "*Not stated by the author.*"

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

CAVEATS = (
    "Intervals are for these two checkpoints on these items. They do not speak of the method that made the student: "
    "that would take several students, trained with several seeds.",
    "Loss is the share of the teacher's variation that the student leaves unexplained, with credit for improvement "
    "that outweighs harm beyond noise: 0 behaves as the teacher, 100 is no closer to it than a constant answer.",
    "The answers were rescored, but nobody watched the models give them.",
)

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}


def escape(text: str) -> str:
    r"""Return text on one line that Markdown and HTML show as it was typed.

    Examples
    --------
    >>> escape("**<b>sure</b>** | ![x](http://e)")
    '\\*\\*&lt;b&gt;sure&lt;/b&gt;\\*\\* \\| ![x\\](http\\://e)'
    >>> escape("as_boundary_ladder: 3.5 - fine")
    'as_boundary_ladder: 3.5 - fine'
    """
    line = " ".join(text.split())
    line = re.sub(
        r"[\\`*|~$#{}]|\](?=[(\[:])|(?<!\w)_|_(?!\w)|:(?=\S)|(?<=www)\.", r"\\\g<0>", line, flags=re.IGNORECASE
    )
    line = re.sub(r"[&<>@]", lambda m: _ENTITIES[m[0]], line)
    line = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line)
    return re.sub(r"^[-+=](?=\s|$)|^[-=]{2,}", r"\\\g<0>", line)


def _paragraphs(text: str) -> str:
    """Return an author's text escaped, paragraph by paragraph."""
    paragraphs = [escape(part) for part in re.split(r"\n\s*\n", text) if part.strip()]
    return "\n\n".join(paragraphs) or NOT_STATED


def _bullets(text: str) -> str:
    return "\n".join(f"- {escape(line)}" for line in text.splitlines() if line.strip())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


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


def to_markdown(statement: Statement, score: PairScore, checks: Sequence[ClaimCheck]) -> str:
    """Return the statement as a Markdown page: the eight items of each suite in order, the numbers and the checks.

    Parameters
    ----------
    statement : Statement
        The author's parts and claims.
    score : PairScore
        Every number on the page, and the answers to items 2, 3, 5 and 6, come from here.
    checks : sequence of ClaimCheck
        What :func:`angels_share.statement.check` found.
    """
    key = score.key
    method = statement.method.family + (f": {statement.method.description}" if statement.method.description else "")
    setting = f"track {key.track}, {wording.levels(key.levels)}, profile {key.profile}, item seed {key.item_seed}"
    facts = [
        ("Teacher", escape(statement.teacher)),
        ("Student", escape(statement.student)),
        ("Method", escape(method)),
        ("Items", escape(setting)),
        ("Measurable tasks", f"decided on {'a ' if score.calibration == 'calibration run' else ''}{score.calibration}"),
    ]
    parts = [
        f"# Distillation Loss Statement: {escape(statement.student)}",
        _table(facts[0], facts[1:]),
        "Numbers are ×100. Brackets hold 95 % intervals.",
        *(_suite(statement, score, s, checks) for s in score.suites if s.suite in statement.suites),
        "## How to read this",
        "\n".join(f"- {line}" for line in (*CAVEATS, _margins(statement, score))),
    ]
    return "\n\n".join(parts) + "\n"


def _margins(statement: Statement, score: PairScore) -> str:
    """Return what the margins are and where they come from."""
    texts = []
    for suite in score.suites:
        scenario, own = spec.suite(suite.suite), statement.suites.get(suite.suite)
        text = f"{suite.suite} ε = {scenario.epsilon} on the change in utility, τ = {scenario.tau} on total variation"
        if own and (own.epsilon or own.tau):
            text += f" (the author's: ε = {own.epsilon or scenario.epsilon}, τ = {own.tau or scenario.tau})"
        texts.append(text)
    return f"Margins, which are defaults and not a standard: {'; '.join(texts)}."


def _suite(statement: Statement, score: PairScore, suite: SuiteScore, checks: Sequence[ClaimCheck]) -> str:
    part = statement.suites[suite.suite]
    computed = computed_items(score, suite)
    tasks = wording.tasks_of(score, suite.suite)
    sections = [
        f"## {scenario_of(suite.suite).title} (suite {suite.suite} {escape(suite.version)})",
        _headline(suite),
        f"> {escape(sentence(statement, suite.suite))}",
    ]
    for number, (name, item) in enumerate(STATEMENT_ITEMS.items(), start=1):
        sections += [f"### {number}. {item.title}", f"*{item.question}*"]
        sections.append(_bullets(computed[name]) if name in computed else _paragraphs(part.items[name]))
        if name == "observed_losses":
            sections += [*_task_table(tasks), *_statistics_table(tasks)]
            sections += _second_stage(wording.second_stage_of(score, suite.suite))
        if name == "accepted_losses":
            sections.append(_claim_table(part, [c for c in checks if c.suite == suite.suite]))
    return "\n\n".join(sections)


def _headline(suite: SuiteScore) -> str:
    share = suite.angels_share
    table = _table(
        ("Retention (higher is better)", "Angel's share (lower is better)", "Composite (higher is better)"),
        [(_number(suite.primary.retention), _number(share.total if share else None), _number(suite.composite))],
    )
    lines = [table]
    if share:
        lines.append(
            f"Of the angel's share, {wording.hundred(share.accounted)} is accounted for below, "
            f"{wording.hundred(share.undisclosed)} is undisclosed, and {wording.hundred(share.unmeasured)} is charged "
            "because it was not measured."
        )
    if suite.coverage < 1:
        lines.append(f"This teacher can show {wording.hundred(suite.coverage)} % of the suite's weight.")
    if not suite.rankable:
        lines.append("**Not rankable.**\n\n" + _bullets("\n".join(suite.reasons)))
    return "\n\n".join(lines)


def _number(estimate: Estimate | None) -> str:
    return wording.interval(estimate) if estimate else "not available"


def _task_table(tasks: Sequence[TaskScore]) -> list[str]:
    """Return the table of the tasks' numbers, and the weaknesses of these numbers."""
    head = ("Task", "Verdict", "Loss ↓", "Change in utility ↑", "Divergence ↓", "Teacher's own variation")
    flags = "\n".join(
        f"{task.task}: {wording.listed([wording.FLAGS.get(f, f) for f in task.flags])}" for task in tasks if task.flags
    )
    table = _table(head, [_task_row(task) for task in tasks])
    return [table, f"To be read with care:\n\n{_bullets(flags)}"] if flags else [table]


def _statistics_table(tasks: Sequence[TaskScore]) -> list[str]:
    """Return the table of the displayed statistics, where there are any."""
    head = ("Task", "Statistic", "Teacher", "Student", "Pair")
    rows = [
        (
            escape(task.task),
            escape(shown.title if shown.unit == "share" else f"{shown.title} ({shown.unit})"),
            *(wording.reading(e, shown.unit) if e else "" for e in (shown.teacher, shown.student, shown.value)),
        )
        for task in tasks
        for shown in task.statistics
    ]
    intro = "Displayed and never charged. Pair: student minus teacher, or a statistic of the two together."
    return [intro, _table(head, rows)] if rows else []


def _second_stage(tasks: Sequence[TaskScore]) -> list[str]:
    """Return what was measured on items made from both models' own answers, where there are such tasks."""
    measured = [task for task in tasks if task.gap is None]
    absent = [f"{task.task}: not measured: {task.gap.reason}" for task in tasks if task.gap]
    if not tasks:
        return []
    intro = (
        "**Second stage**, on items made from what the two models themselves answered. The items differ from pair to "
        "pair, so nothing here is charged or ranked."
    )
    tables = [*_task_table(measured), *_statistics_table(measured)] if measured else []
    return [intro, *tables, *([_bullets("\n".join(absent))] if absent else [])]


def _task_row(task: TaskScore) -> tuple[str, ...]:
    if task.gap:
        return (escape(task.task), wording.unmeasured(task.gap), "–", "–", "–", "–")
    own = "" if task.verdict_author == task.verdict else f" (author's margins: {task.verdict_author.lower()})"
    numbers = (_number(task.loss), wording.changes(task), _number(task.divergence), _number(task.teacher_variation))
    return (escape(task.task), f"{task.verdict.lower()}{own}", *numbers)


def _claim_table(part: SuiteStatement, checks: Sequence[ClaimCheck]) -> str:
    """Return the claims in order, each with its check, and after them what no claim addresses."""
    if not checks:
        return "No claims."
    reasons = [claim.justification for claim in part.claims]
    claimed = [c for c in checks if c.kind is not None]
    rows = [
        (*_what(check), escape(why) or "–", f"{check.status}: {escape(check.reason)}")
        for check, why in zip(claimed, reasons, strict=False)
    ]
    rows += [(*_what(c), "–", f"**undisclosed**: {escape(c.reason)}") for c in checks if c.kind is None]
    return _table(("Row or task", "Claim", "Justification", "Check"), rows)


def _what(check: ClaimCheck) -> tuple[str, str]:
    return escape(check.task or f"all of {wording.row_title(check.row)}"), check.kind or "none"
