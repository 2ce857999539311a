"""What a statement tells its reader, in order and without any markup: each rendering only lays it out.

Every number becomes words here, once. Texts are as they were written, hostile ones too: a rendering escapes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from angels_share import spec
from angels_share.score.model import Displayed, Estimate, PairScore, SuiteScore, TaskScore
from angels_share.statement import wording
from angels_share.statement.check import ClaimCheck
from angels_share.statement.draft import computed_items
from angels_share.statement.model import Statement, SuiteStatement, Weights
from angels_share.statement.sentence import sentence
from angels_share.taxonomy import STATEMENT_ITEMS, scenario_of

CAVEATS = (
    "Intervals are for these two checkpoints on these items. They do not speak of the method that made the student: "
    "that would take several students, trained with several seeds.",
    "Loss is the share of the teacher's variation that the student leaves unexplained, with credit for improvement "
    "that outweighs harm beyond noise: 0 behaves as the teacher, 100 is no closer to it than a constant answer.",
    "The answers were rescored, but nobody watched the models give them.",
)

Row = tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    tone: Literal["plain", "strong", "aside", "quote"] = "plain"


@dataclass(frozen=True)
class Points:
    """Short facts, one a line."""

    lines: tuple[str, ...]
    lead: str = ""


@dataclass(frozen=True)
class Table:
    """Facts in columns; the first column says what a row is about."""

    title: str
    head: Row
    rows: tuple[Row, ...]
    marked: frozenset[int] = frozenset()
    """Rows that a reader must not miss."""


Block = Text | Points | Table


@dataclass(frozen=True)
class Answer:
    """One of the eight items of a suite's statement."""

    number: int
    title: str
    question: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Part:
    """The statement for one suite."""

    suite: str
    title: str
    blocks: tuple[Block, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Page:
    """A whole statement."""

    title: str
    facts: Table
    legend: str
    parts: tuple[Part, ...]
    caveats: Points


def page(statement: Statement, score: PairScore, checks: Sequence[ClaimCheck]) -> Page:
    """Return what is to be told: the eight items of each suite in order, the numbers and the checks.

    Parameters
    ----------
    statement : Statement
        The author's parts and claims, and what was declared of the weights.
    score : PairScore
        Every other number, and the answers to items 2, 3, 5 and 6, come from here.
    checks : sequence of ClaimCheck
        What :func:`angels_share.statement.check` found.
    """
    key = score.key
    method = statement.method.family + (f": {statement.method.description}" if statement.method.description else "")
    facts = (
        ("Student", statement.student),
        ("Method", method),
        ("Items", f"track {key.track}, {wording.levels(key.levels)}, profile {key.profile}, item seed {key.item_seed}"),
        ("Measurable tasks", f"decided on {'a ' if score.calibration == 'calibration run' else ''}{score.calibration}"),
    )
    return Page(
        title=f"Distillation Loss Statement: {statement.student}",
        facts=Table("The pair", ("Teacher", statement.teacher), facts),
        legend="Numbers are ×100. Brackets hold 95 % intervals.",
        parts=tuple(_part(statement, score, s, checks) for s in score.suites if s.suite in statement.suites),
        caveats=Points((*CAVEATS, _margins(statement, score)), lead="How to read this"),
    )


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


def _part(statement: Statement, score: PairScore, suite: SuiteScore, checks: Sequence[ClaimCheck]) -> Part:
    said, computed = statement.suites[suite.suite], computed_items(score, suite)
    beside = {
        "observed_losses": _measured(statement, score, suite.suite),
        "accepted_losses": _claims(said, [c for c in checks if c.suite == suite.suite]),
    }
    answers = []
    for number, (name, item) in enumerate(STATEMENT_ITEMS.items(), start=1):
        told: Iterator[Block] = iter([Points(_lines(computed[name]))]) if name in computed else _said(said.items[name])
        answers.append(Answer(number, item.title, item.question, (*told, *beside.get(name, ()))))
    return Part(
        suite=suite.suite,
        title=f"{scenario_of(suite.suite).title} (suite {suite.suite} {suite.version})",
        blocks=(*_headline(suite), Text(sentence(statement, suite.suite), "quote")),
        answers=tuple(answers),
    )


def _lines(text: str) -> Row:
    return tuple(line for line in text.splitlines() if line.strip())


def _said(text: str) -> Iterator[Text]:
    """Yield an author's text, paragraph by paragraph."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    yield from map(Text, paragraphs)
    if not paragraphs:
        yield Text("Not stated by the author.", "aside")


def _headline(suite: SuiteScore) -> Iterator[Block]:
    share = suite.angels_share
    head = ("Retention (higher is better)", "Angel's share (lower is better)", "Composite (higher is better)")
    numbers = (suite.primary.retention, share.total if share else None, suite.composite)
    yield Table("The pair in three numbers", head, (tuple(map(_number, numbers)),))
    if share:
        yield Text(
            f"Of the angel's share, {wording.hundred(share.accounted)} is accounted for below, "
            f"{wording.hundred(share.undisclosed)} is undisclosed, and {wording.hundred(share.unmeasured)} is charged "
            "because it was not measured."
        )
    if suite.coverage < 1:
        yield Text(f"This teacher can show {wording.hundred(suite.coverage)} % of the suite's weight.")
    if not suite.rankable:
        yield Points(suite.reasons, lead="Not rankable.")


def _number(estimate: Estimate | None) -> str:
    return wording.interval(estimate) if estimate else "not available"


def _measured(statement: Statement, score: PairScore, suite: str) -> tuple[Block, ...]:
    """Return the tables of item 6: tasks, displayed statistics, rows of the weights, and the second stage."""
    tasks, second = wording.tasks_of(score, suite), wording.second_stage_of(score, suite)
    return (
        *_tasks("Losses task by task", tasks),
        *_tests("Tests of the changes in utility", tasks),
        *_statistics("Displayed beside the losses", tasks, score.key.access, statement.weights),
        *_second_stage(second, score.key.access),
    )


def _tasks(title: str, tasks: Sequence[TaskScore]) -> Iterator[Block]:
    """Yield the table of the tasks' numbers, and the weaknesses of these numbers."""
    head = ("Task", "Verdict", "Loss ↓", "Change in utility ↑", "Divergence ↓", "Teacher's own variation")
    yield Table(title, head, tuple(map(_task_row, tasks)))
    flags = tuple(
        f"{task.task}: {wording.listed([wording.FLAGS.get(f, f) for f in task.flags])}" for task in tasks if task.flags
    )
    if flags:
        yield Points(flags, lead="To be read with care:")


def _task_row(task: TaskScore) -> Row:
    if task.gap:
        return task.task, wording.unmeasured(task.gap), "–", "–", "–", "–"
    own = "" if task.verdict_author == task.verdict else f" (author's margins: {task.verdict_author.lower()})"
    numbers = (_number(task.loss), wording.changes(task), _number(task.divergence), _number(task.teacher_variation))
    return task.task, f"{task.verdict.lower()}{own}", *numbers


def _tests(title: str, tasks: Sequence[TaskScore]) -> Iterator[Block]:
    """Yield the table of what the evidence says of each change in utility, by side where a task has sides."""
    rows = [row for task in tasks if task.p_change is not None or task.sides for row in _test_rows(task)]
    if rows:
        yield Text(
            "No change: adjusted by Holm over the suite, which the verdicts rest on, and by Benjamini and Hochberg "
            "over all tasks, which is exploratory. Too large a change: two one-sided tests against the margin ε, on "
            "the worse of two sides. κ: whether both are right on the same items, 0 being what chance gives and 100 "
            "always; it is never charged, and stands where one answer is right."
        )
        head = (
            *("Task", "p of no change", "q of no change", "p of too large a change", "Smallest change found at 80 %"),
            "Agreement beyond chance (κ)",
        )
        yield Table(title, head, tuple(rows))


def _test_rows(task: TaskScore) -> Iterator[Row]:
    parts = [(f"{task.task}: {side.name}", side.p_holm, side.q_change) for side in task.sides]
    for name, p, q in parts or [(task.task, task.p_holm, task.q_change)]:
        adjusted = (wording.probability(value) for value in (p, q, task.p_equivalence))
        kappa = task.agreement_beyond_chance
        yield (
            name,
            *adjusted,
            wording.hundred(task.minimum_detectable_effect or 0.0),
            "–" if kappa is None else wording.hundred(kappa),
        )


def _statistics(title: str, tasks: Sequence[TaskScore], access: str, weights: Weights | None = None) -> Iterator[Block]:
    """Yield the table of what is displayed and never charged, where there is any; the rows of the weights come last."""
    rows = [_shown(task.task, access, shown) for task in tasks for shown in task.statistics]
    if weights:
        rows += [_shown(weights.texts, weights.access, shown) for shown in weights.rows]
    if not rows and not weights:
        return
    yield Text("Displayed and never charged. Pair: student minus teacher, or a statistic of the two together.")
    if weights:
        yield Text(weights_told(weights))
    if rows:
        yield Table(title, ("Task or texts", "Access", "Statistic", "Teacher", "Student", "Pair"), tuple(rows))


def _shown(what: str, access: str, shown: Displayed) -> Row:
    unit = "" if shown.unit in {"share", "1"} else f" ({shown.unit})"
    values = (wording.reading(e, shown.unit) if e else "" for e in (shown.teacher, shown.student, shown.value))
    return what, access, f"{shown.title}{unit}", *values


def weights_told(weights: Weights) -> str:
    """Return on what the rows of the weights were measured, and who vouches for them."""
    tokens = "" if weights.tokens is None else f" with {weights.tokens:,} tokens"
    told = (
        f"Rows with access weights compare the two sets of weights on {weights.documents:,} documents{tokens} "
        f"({weights.texts}; SHA-256 {weights.texts_digest[:12]}…). They are declared by the author: nobody can compute "
        "them again from the answers."
    )
    return " ".join([told, *(f"Not compared: {reason.rstrip('.')}." for reason in weights.reasons)])


def _second_stage(tasks: Sequence[TaskScore], access: str) -> Iterator[Block]:
    """Yield what was measured on items made from both models' own answers, where there are such tasks."""
    measured = [task for task in tasks if task.gap is None]
    absent = tuple(f"{task.task}: not measured: {task.gap.reason}" for task in tasks if task.gap)
    if not tasks:
        return
    yield Text("Second stage", "strong")
    yield Text(
        "On items made from what the two models themselves answered. The items differ from pair to pair, so nothing "
        "here is charged or ranked."
    )
    if measured:
        yield from _tasks("Second stage, task by task", measured)
        yield from _statistics("Displayed of the second stage", measured, access)
    if absent:
        yield Points(absent)


def _claims(part: SuiteStatement, checks: Sequence[ClaimCheck]) -> tuple[Block, ...]:
    """Return the claims in order, each with its check, and after them what no claim addresses."""
    if not checks:
        return (Text("No claims."),)
    reasons = [claim.justification for claim in part.claims]
    claimed = [c for c in checks if c.kind is not None]
    rows = [
        (*_what(check), why or "–", f"{check.status}: {check.reason}")
        for check, why in zip(claimed, reasons, strict=False)
    ]
    silent = [(*_what(c), "–", f"undisclosed: {c.reason}") for c in checks if c.kind is None]
    marked = {k for k, check in enumerate(claimed) if check.status == "contradicted"}
    return (
        Table(
            "Claims, held against the score",
            ("Row or task", "Claim", "Justification", "Check"),
            (*rows, *silent),
            frozenset(marked | set(range(len(rows), len(rows) + len(silent)))),
        ),
    )


def _what(check: ClaimCheck) -> tuple[str, str]:
    return check.task or f"all of {wording.row_title(check.row)}", check.kind or "none"
