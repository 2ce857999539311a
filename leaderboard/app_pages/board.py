"""The board: every pair of one suite and setting, ranked by what the student kept and what it lost."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import data
import look
import pandas as pd
import streamlit as st

from angels_share.statement import plots, wording
from angels_share.taxonomy import scenario_of

INTERVAL_HELP = "95 % interval, by resampling the items."
COLUMNS = {
    "Rank": ("A rank interval such as 1 [1–2] says that the pair may stand anywhere in it.", 100),
    "Student ← teacher": ("The student that was measured, and the teacher it was measured against.", 290),
    "Method": ("How the student came from the teacher.", 160),
    "Composite": ("Retention (at most 100) minus the angel's share. Higher is better.", 85),
    "Composite 95 %": (INTERVAL_HELP, 108),
    "Retention": ("The headline score above chance that the student keeps, of the teacher's. Higher is better.", 80),
    "Retention 95 %": (INTERVAL_HELP, 102),
    "Angel's share": ("What was lost off the headline metric, over the suite's rows. Lower is better.", 100),
    "Share 95 %": (INTERVAL_HELP, 98),
    "Its parts": ("Accounted for in the statement + undisclosed + charged because nobody measured it.", 140),
    "Verdicts": ("How many of the suite's tasks ended in which verdict.", 330),
    "Coverage": ("Share of the suite's weight that this teacher can show at all.", 80),
    "Trust": ("Recomputed: the project computed every number from the submitted logs.", 95),
    "Items": ("Pairs are compared only on the same items, read out in the same way.", 140),
}


def pair_title(row: data.Row) -> str:
    """Return the names of a pair, student first."""
    return f"{row['student']} ← {row['teacher']}"


def setting_of(row: data.Row) -> str:
    """Return the track, profile and item seed of a pair; only pairs that share them stand on one board."""
    return f"{row['track']}-{row['profile']}-{row['item_seed']}"


def rank_of(row: data.Row) -> str:
    """Return the rank of a pair, with the first reason where it has none; a control needs no reason."""
    rank = look.rank(row["rank_low"], row["rank_high"], row["kind"])
    return rank if is_control(row) else ": ".join([rank, *row["reasons"][:1]])


def is_control(row: data.Row) -> bool:
    """Tell whether a row is a control, whose loss is known beforehand and which has no rank."""
    return bool(row["kind"] == "control")


def percent(value: float | None) -> float | None:
    """Return a fraction as it is shown in a column of numbers."""
    return None if value is None else round(100 * value, 1)


def as_table(rows: list[data.Row]) -> pd.DataFrame:
    """Return what the board shows of each row."""
    table = [
        {
            "Rank": rank_of(row),
            "Student ← teacher": pair_title(row),
            "Method": look.METHODS[row["method"]][0],
            "Composite": percent(row["composite"]),
            "Composite 95 %": look.interval(row["composite_low"], row["composite_high"]),
            "Retention": percent(row["retention"]),
            "Retention 95 %": look.interval(row["retention_low"], row["retention_high"]),
            "Angel's share": percent(row["angels_share"]),
            "Share 95 %": look.interval(row["angels_share_low"], row["angels_share_high"]),
            "Its parts": " + ".join(look.number(row[part]) for part in ("accounted", "undisclosed", "unmeasured")),
            "Verdicts": " · ".join(
                f"{row[f'n_{k}']} {term.word}" for k, term in plots.VERDICTS.items() if row[f"n_{k}"]
            ),
            "Coverage": f"{100 * row['coverage']:.0f} %",
            "Trust": row["trust"],
            "Items": f"{'public' if row['item_seed'] == 0 else 'fresh'}, {row['access']}",
        }
        for row in rows
    ]
    numbers = ["Composite", "Retention", "Angel's share"]
    return pd.DataFrame(table, columns=list(COLUMNS)).astype(dict.fromkeys(numbers, "float64"))


def column_config() -> dict[str, Any]:
    """Return width and help of each column."""
    config: dict[str, Any] = {}
    for name, (text, width) in COLUMNS.items():
        if name in ("Composite", "Retention", "Angel's share"):
            config[name] = st.column_config.NumberColumn(help=text, width=width, format="%.1f")
        else:
            label = "95 %" if name.endswith("95 %") else None
            config[name] = st.column_config.TextColumn(label, help=text, width=width)
    return config


def point(row: data.Row) -> plots.Point:
    """Return where a pair stands in the chart of retention against angel's share."""
    retention, share = (
        wording.Interval(row[name], row[f"{name}_low"], row[f"{name}_high"]) for name in ("retention", "angels_share")
    )
    return plots.Point(row["student"], row["kind"], retention, share)


st.title("Angel's Share")
st.markdown(
    "What did the student lose? Each row is a **student** measured against its **teacher**: the headline score that "
    "it retains, and the *angel's share*, what evaporated off that score. The **composite** is the first minus the "
    "second; pairs that the evidence does not separate share their ranks. All numbers are out of 100."
)
index = data.current()
every_row = data.board(index)
if not every_row:
    st.info(
        "Measure a pair with `angels-share run`, pack it with `angels-share pack`, then write the index again with "
        "`angels-share index`.",
        title="No pair has been accepted yet",
        icon=":material/hourglass_empty:",
    )
else:
    suites = sorted({f"{row['suite']}-{row['suite_version']}" for row in every_row})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        suite = st.selectbox("Suite", suites, key="suite", bind="query-params", width=240)
        in_suite = [row for row in every_row if f"{row['suite']}-{row['suite_version']}" == suite]
        counts = Counter(map(setting_of, in_suite))
        setting = st.selectbox(
            "Track, profile and item seed",
            sorted(counts),
            key="setting",
            bind="query-params",
            help="Track: how hard the items are. Profile: how many. Item seed: which ones; 0 is the public set.",
            width=240,
        )
        rows = [row for row in in_suite if setting_of(row) == setting]
        if any(map(is_control, rows)) and not all(map(is_control, rows)):
            with_controls = st.toggle(
                "Show controls",
                key="controls",
                bind="query-params",
                help="Students whose loss is known beforehand, such as one that always gives the same answer. They "
                "stand below the pairs and have no rank.",
            )
            rows = [row for row in rows if with_controls or not is_control(row)]
    if len(counts) > 1:
        told = ", ".join(f"{look.count(counts[name], 'pair')} on {name}" for name in sorted(counts) if name != setting)
        st.caption(f"Not shown: {told}. Pairs measured on different items are not compared.")
    st.subheader(scenario_of(rows[0]["suite"]).title)
    table = as_table(rows)
    fingerprint = hashlib.sha256(table.to_json().encode()).hexdigest()[:12]
    chosen = st.dataframe(
        table,
        hide_index=True,
        column_config=column_config(),
        placeholder=look.MISSING,
        on_select="rerun",
        selection_mode="single-row",
        key=f"board-{fingerprint}",
        alt="The board: one row a pair, best first",
    )
    titles = {row["pair_id"]: f"{pair_title(row)} · {row['pair_id'][:8]}" for row in rows}
    picked = st.selectbox(
        "Open a pair",
        list(titles),
        index=None,
        format_func=lambda pair_id: titles[pair_id],
        placeholder="Choose a pair, or tick its row above",
        key=f"open-{fingerprint}",
    )
    selected = [rows[position]["pair_id"] for position in chosen.selection.rows]
    for pair_id in [*selected, picked]:
        if pair_id:
            st.switch_page("app_pages/pair.py", query_params={"id": pair_id})

    unranked = [row for row in rows if row["reasons"] and not is_control(row)]
    if unranked:
        with st.expander(f"Why {look.count(len(unranked), 'pair')} cannot be ranked"):
            for row in unranked:
                st.text(f"{pair_title(row)}: {'; '.join(row['reasons'])}.")

    charted = [row for row in rows if row["retention"] is not None and row["angels_share"] is not None]
    if charted:
        st.subheader("What was retained, and what evaporated")
        st.altair_chart(
            plots.trade_off(list(map(point, charted)), look.ink()),
            alt="Retention against angel's share; the numbers are in the table",
        )
        named = (
            f" The first {plots.NAMED} are named; point at another for its name." if len(charted) > plots.NAMED else ""
        )
        controls = ", diamonds are controls" if any(map(is_control, charted)) else ""
        st.caption(f"Upper right is best. Lines are 95 % intervals{controls}.{named}")

    with st.container(horizontal=True):
        for label, name in (("Board as Parquet", "board.parquet"), ("All tasks as Parquet", "tasks.parquet")):
            st.download_button(label, data.read(index, name), file_name=name, icon=":material/download:")

if index.left_out:
    with st.expander(f"{look.count(len(index.left_out), 'bundle')} left out of the index"):
        st.dataframe(
            pd.DataFrame({"Folder": b["folder"], "Why": "; ".join(b["reasons"])} for b in index.left_out),
            hide_index=True,
            alt="Bundles that were not accepted, and why",
        )
