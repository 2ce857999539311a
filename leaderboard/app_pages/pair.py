"""The page of one pair: its headline, its Distillation Loss Statement, its tasks and its runs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import data
import look
import pandas as pd
import streamlit as st

from angels_share import spec
from angels_share.score.model import Displayed, PairScore, TaskScore
from angels_share.statement import Statement, Weights, plots, wording
from angels_share.statement.page import weights_told
from angels_share.taxonomy import ROWS, STATEMENT_ITEMS, scenario_of

CHECKS_BESIDE = {
    "critical_capabilities": ("preserved",),
    "observed_losses": ("lost", "unmeasured", None),
    "accepted_losses": ("accepted", "corrective"),
}  # beside which item of the statement a claim is checked, by its kind; None is a loss that nobody claimed


def not_found() -> None:
    """Say that there is no such pair, and show the way back."""
    st.title("No such pair")
    st.warning(
        "The address names no pair of this index: it may be mistyped, or the pair may have been left out.",
        icon=":material/search_off:",
    )
    back_to_board()


def back_to_board() -> None:
    """Show the link to the board."""
    st.page_link("app_pages/board.py", label="Back to the board", icon=":material/arrow_back:")


def header(document: data.Row) -> None:
    """Show who is measured against whom, and how the student was made."""
    score = document["score"]
    word, remark = look.METHODS[document["manifest"]["method"]]
    st.title("A student and its teacher")
    with st.grid(2, min_column_width=150):
        card("Student", score["student"])
        card("Teacher", score["teacher"])
    card("Method", "\n".join(filter(None, (word, document["statement"]["method"]["description"]))))
    if remark:
        st.warning(remark, icon=":material/info:")


def card(title: str, text: str) -> None:
    """Show a short text under a title; the text is taken as it is."""
    with st.container(border=True, gap="xsmall", height="stretch"):
        st.caption(title)
        st.text(text)


def headline(suite: data.Row, row: data.Row) -> None:
    """Show the pair's three numbers, and the bar of what was kept and what was lost."""
    primary, share = suite["primary"], suite["angels_share"]
    with st.grid(4, min_column_width=150):
        for label, name, help_text in (
            ("Composite", "composite", "Retention (at most 100) minus the angel's share. Higher is better."),
            ("Retention", "retention", "The headline score above chance that is kept. Higher is better."),
            ("Angel's share", "angels_share", "What was lost off the headline metric. Lower is better."),
        ):
            with st.container(border=True, gap="xsmall", height="stretch"):
                st.metric(label, look.number(row[name]), help=help_text)
                st.caption(f"95 %: {look.interval(row[f'{name}_low'], row[f'{name}_high'])}")
        with st.container(border=True, gap="xsmall", height="stretch"):
            st.metric(
                "Rank",
                look.rank(row["rank_low"], row["rank_high"], row["kind"]),
                help="Among pairs of this teacher measured on the same items.",
            )
            st.caption(f"by {row['rank_method']}; {row['trust']}" if row["rank_method"] else row["trust"])
    if row["reasons"]:
        with st.container(border=True, gap="xsmall"):
            st.markdown("**Why it is not ranked**")
            for reason in row["reasons"]:
                st.text(reason)
    if primary["teacher"] and primary["student"]:
        st.caption(
            f"Headline metric: {primary['metric']}, student {look.number(primary['student']['value'])}, "
            f"teacher {look.number(primary['teacher']['value'])}, chance {look.number(primary['chance'])}."
        )
    if share:
        st.subheader("What was kept, and what evaporated")
        st.altair_chart(
            plots.bar({part: row[part] for part in plots.PARTS}),
            alt="The parts of the teacher's behaviour; the numbers stand below",
        )
        with st.grid(4, min_column_width=150):
            for part, term in plots.PARTS.items():
                st.metric(f"{term.symbol} {term.word}", look.number(row[part]), help=term.meaning)


def statement(document: data.Row, suite: str) -> None:
    """Show the eight items in order, each with the checks of the claims that belong to it."""
    st.header("Distillation Loss Statement", divider="orange")
    part = document["statement"]["suites"].get(suite)
    if part is None:
        st.info("The statement does not speak of this suite, so every loss in it is undisclosed.")
        return
    st.text(document["sentences"][suite])
    claims = {(c["row"], c["task"], c["kind"]): c["justification"] for c in part["claims"]}
    checks = [c for c in document["checks"] if c["suite"] == suite]
    for place, (key, item) in enumerate(STATEMENT_ITEMS.items(), start=1):
        beside = [c for c in checks if c["kind"] in CHECKS_BESIDE.get(key, ())]
        with st.container(border=True):
            left, right = st.columns([3, 2], gap="medium") if beside else (st.container(), st.container())
            with left.container(gap="small"):
                st.markdown(f"**{place}. {item.title}**")
                st.caption(f"{item.question} *{'By the author.' if item.by_author else 'Filled in from the scores.'}*")
                st.text(part["items"][key] or "Not stated.")
            for check in beside:
                with right.container(gap="xsmall"):
                    show_check(check, claims.get((check["row"], check["task"], check["kind"]), ""))


def show_check(check: data.Row, justification: str) -> None:
    """Show what the measurement says of a claim, or of a loss that nobody claimed."""
    subject = plots.task_name(check["task"]) if check["task"] else ROWS[check["row"]].title
    claim = f"claimed as {look.CLAIM_KINDS[check['kind']]}" if check["kind"] else "not claimed"
    st.markdown(f"**{look.CLAIMS[check['status']]}**")
    st.text(f"{subject}, {claim}: {check['reason']}.")
    if justification:
        st.text(f"“{justification}”")


def task_table(tasks: list[TaskScore]) -> pd.DataFrame:
    """Return what the page shows of each task."""
    return pd.DataFrame(task_cells(task) for task in tasks)


def task_cells(task: TaskScore) -> data.Row:
    """Return one row of the table of tasks."""
    verdict = plots.VERDICTS[plots.verdict_of(task)]
    absent = "no better or worse" if task.direction == "none" and task.loss else look.MISSING
    divergence = " of ".join(look.number(e.value) for e in (task.divergence, task.teacher_variation) if e)
    return {
        "Task": plots.task_name(task.task),
        "Verdict": str(verdict),
        "Loss": look.estimate(task.loss),
        "Change δ": by_side(task, "change", absent, sign=True),
        "Δ against Δ₁": divergence if task.loss else look.MISSING,
        "Teacher c(T)": by_side(task, "teacher_level", absent),
        "Student c(S)": by_side(task, "student_level", absent),
        "Row": ROWS[task.row].title,
        "Items": task.n_items,
        "Flags": ", ".join(task.flags) or "none",
    }


def by_side(task: TaskScore, name: str, absent: str, *, sign: bool = False) -> str:
    """Return an estimate of the task, or those of its sides one after the other."""
    told = [f"{side.name} {look.estimate(getattr(side, name), sign=sign)}" for side in task.sides]
    return "; ".join(told) or look.estimate(getattr(task, name), absent, sign=sign)


def tasks_of(score: PairScore, suite: str) -> list[TaskScore]:
    """Return the scores of the suite's tasks, row by row in the order of the paper."""
    rows = next(found.rows for found in score.suites if found.suite == suite)
    names = [name for row in sorted(rows, key=lambda r: list(ROWS).index(r.row)) for name in row.tasks]
    scored = {task.task: task for task in score.tasks}
    return [scored[name] for name in names]


def second_stage_section(tasks: list[TaskScore]) -> None:
    """Show what was measured on items made from both models' own answers, where there is anything."""
    if not tasks:
        return
    st.header("Second stage", divider="orange")
    st.markdown(
        "Measured on items made from what the two models themselves answered. The items differ from pair to pair, so "
        "nothing here is charged or ranked."
    )
    measured = [task for task in tasks if not task.gap]
    if measured:
        task_notes(measured)
        statistics_section(measured)
    for task in tasks:
        if task.gap:
            st.text(f"{plots.task_name(task.task)}: not measured: {task.gap.reason}")


def tasks_section(tasks: list[TaskScore]) -> None:
    """Show the loss of each task as a chart and every number as a table, with the flags in words."""
    st.header("Task by task", divider="orange")
    st.markdown(
        "The **loss** of a task is the share of the teacher's behaviour that the student leaves unexplained: "
        "0 behaves as the teacher, 100 is no closer to it than a constant answer. Lower is better. The grey bar below "
        "is the teacher's own variation: how far that constant answer is from it."
    )
    st.altair_chart(
        plots.profile(tasks, look.ink()),
        alt="Loss of each task beside the teacher's own variation; the numbers are in the table below",
    )
    task_notes(tasks)


def task_notes(tasks: list[TaskScore]) -> None:
    """Show every number of the tasks as a table, with the verdicts, gaps and flags in words."""
    st.dataframe(
        task_table(tasks),
        hide_index=True,
        column_config={name: st.column_config.TextColumn(help=text) for name, text in TASK_HELP.items()},
        alt="Every task with its verdict, loss, change and levels",
    )
    found = {plots.verdict_of(task) for task in tasks}
    st.caption("  \n".join(f"{term}: {term.meaning}" for key, term in plots.VERDICTS.items() if key in found))
    for task in tasks:
        notes = [task.gap.reason] if task.gap else []
        notes += [look.flag(flag) for flag in task.flags]
        for note in notes:
            st.text(f"{plots.task_name(task.task)}: {note}")


def statistics_section(tasks: list[TaskScore]) -> None:
    """Show what else was computed of each task, where there is anything."""
    table = [
        {
            "Task": plots.task_name(task.task),
            "Statistic": shown.title,
            "Unit": "×100" if shown.unit == "share" else shown.unit,
            **readings(shown),
        }
        for task in tasks
        for shown in task.statistics
    ]
    if table:
        st.subheader("Beside the loss")
        st.caption(
            "What a mean over items cannot say. Nothing here is charged. Pair: student minus teacher, or a statistic "
            "that only the two together have."
        )
        st.dataframe(pd.DataFrame(table), hide_index=True, alt="Displayed statistics of each task")


def readings(shown: Displayed) -> dict[str, str]:
    """Return a displayed statistic of teacher, student and pair in its unit; what there is none of stays empty."""
    found = {"Teacher": shown.teacher, "Student": shown.student, "Pair": shown.value}
    return {who: wording.reading(number, shown.unit) if number else "" for who, number in found.items()}


def weights_section(weights: Weights | None) -> None:
    """Show what the author declares of the two sets of weights, where there is anything."""
    if weights is None:
        return
    st.header("From the weights", divider="orange")
    st.markdown("**Declared by the author**, displayed and never charged.")
    st.text(weights_told(weights))
    table = [
        {"Access": weights.access, "Statistic": shown.title, "Unit": shown.unit, **readings(shown)}
        for shown in weights.rows
    ]
    if table:
        st.dataframe(pd.DataFrame(table), hide_index=True, alt="What the weights of the two models say of each other")


def runs(document: data.Row, row: data.Row) -> None:
    """Show under which conditions the numbers were made, and offer all of it as one file."""
    st.header("Runs and provenance", divider="orange")
    score, manifest = document["score"], document["manifest"]
    facts = {
        "pair": document["pair_id"],
        "track and profile": f"{row['track']}, {row['profile']}",
        "item levels": ", ".join(f"L{level}" for level in row["levels"]),
        "item seed": f"{row['item_seed']} ({'public items' if row['item_seed'] == 0 else 'fresh items'})",
        "access": row["access"],
        "canary key, SHA-256": row["canaries"] or "none",
        "measurability decided on": score["calibration"],
        "resamples": score["resamples"],
        "teacher responses, SHA-256": score["teacher_digest"],
        "student responses, SHA-256": score["student_digest"],
        "flags": " ".join(look.flag(flag) for flag in score["flags"]) or "none",
        "submitter": manifest["submitter"] or "not stated",
        "notes": manifest["notes"] or "none",
        **dict(flat("", score["provenance"])),
        **dict(flat("declared", manifest["declarations"])),
    }
    st.dataframe(
        pd.DataFrame({"What": list(facts), "Value": [str(value) for value in facts.values()]}),
        hide_index=True,
        height="content",
        column_config={"What": st.column_config.TextColumn(width=220)},
        alt="Conditions under which the numbers were made",
    )
    if document["findings"]:
        st.subheader("Findings of the validation")
        for finding in document["findings"]:
            st.text(f"{finding['severity']} {finding['rule']}, {finding['place']}: {finding['message']}")
    st.download_button(
        "All of this as JSON",
        json.dumps(document, ensure_ascii=False, indent=1),
        file_name=f"{document['pair_id']}.json",
        mime="application/json",
        icon=":material/download:",
    )


def flat(prefix: str, content: data.Row) -> Iterator[tuple[str, object]]:
    """Return nested facts as a list, each with the path to it."""
    for key, value in content.items():
        name = f"{prefix} {key.replace('_', ' ')}".strip()
        if isinstance(value, dict):
            yield from flat(name, value)
        elif isinstance(value, list):
            yield name, ", ".join(map(str, value))
        else:
            yield name, "not stated" if value is None else value


TASK_HELP = {
    "Task": "The stress task.",
    "Row": "The kind of off-metric loss that it looks for.",
    "Verdict": "What the evidence says, within the suite's margins. They are defaults, not standards.",
    "Loss": "0 behaves as the teacher, 100 is no closer to it than a constant. Lower is better.",
    "Change δ": "Student's level minus teacher's level. Higher is better.",
    "Δ against Δ₁": "Divergence from the teacher, of the divergence of the best student that ignores its input.",
    "Teacher c(T)": "The teacher's level on the task. Higher is better.",
    "Student c(S)": "The student's level on the task. Higher is better.",
    "Flags": "Weaknesses of the numbers; explained below the table.",
}

index = data.current()
document = data.pair(index, st.query_params.get("id", ""))
if document is None:
    not_found()
else:
    rows = {row["suite"]: row for row in data.board(index) if row["pair_id"] == document["pair_id"]}
    scores = {suite["suite"]: suite for suite in document["score"]["suites"]}
    back_to_board()
    header(document)
    name = next(iter(scores))
    if len(scores) > 1:
        name = st.segmented_control(
            "Suite", list(scores), default=name, required=True, key="suite", bind="query-params"
        )
    st.subheader(f"{scenario_of(name).title}, suite {name} {scores[name]['version']}")
    headline(scores[name], rows[name])
    statement(document, name)
    found = PairScore.model_validate(document["score"])
    tasks_section(tasks_of(found, name))
    statistics_section(tasks_of(found, name))
    displayed = spec.suite(name).second_stage
    second_stage_section([task for task in found.second_stage if task.task in displayed])
    weights_section(Statement.model_validate(document["statement"]).weights)
    runs(document, rows[name])
