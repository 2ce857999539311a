"""The leaderboard: ``streamlit run leaderboard/app.py -- --index FOLDER``.

It shows an index that was made before and computes no score.
"""

from __future__ import annotations

from pathlib import Path

import data
import look
import streamlit as st

DROP = Path(__file__).with_name("drop.svg")

st.set_page_config(page_title="Angel's Share", page_icon=DROP, layout="wide")
st.logo(DROP)
page = st.navigation(
    [
        st.Page(
            "app_pages/board.py",
            title="Board",
            icon=":material/leaderboard:",
            default=True,
            help="Every pair of teacher and student, ranked by what the student kept and what it lost.",
        ),
        st.Page(
            "app_pages/methods.py",
            title="Methods",
            icon=":material/science:",
            help="What the benchmark finds of losses that are known to be there, and what it misses.",
        ),
        st.Page(
            "app_pages/pair.py",
            title="Pair",
            icon=":material/compare_arrows:",
            visibility="hidden",
            help="One student: its Distillation Loss Statement, its tasks and its runs.",
        ),
    ],
    position="top",
)

try:
    page.run()
    st.divider()
    st.caption(f"{look.CAVEAT} Index {data.current().digest[:12]}.")
except data.IndexProblemError as problem:
    st.error(problem.advice, title=problem.title, icon=":material/warning:")
