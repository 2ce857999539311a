"""Methods: what the benchmark finds of losses that are known to be there, and what it misses."""

from __future__ import annotations

import data
import look
import streamlit as st

from angels_share.statement.markdown import block, escape
from angels_share.statement.page import Table
from angels_share.validity.plots import chart
from angels_share.validity.telling import ALTERNATIVES, INTRODUCTION, sections
from angels_share.validity.writing import paragraph

LONG = 12
"""Rows of a table above which it stays folded."""

st.title("Does it measure what it claims?")
index = data.current()
report = data.validity(index)
if report is None:
    st.info(
        "This index holds no validity report. Write one with `angels-share validity`, and index the submissions again.",
        icon=":material/info:",
    )
else:
    st.markdown(escape(INTRODUCTION))
    for section in sections(report):
        st.header(escape(section.title), divider="orange")
        if section.plot:
            st.altair_chart(chart(report, section.plot, look.ink()), alt=ALTERNATIVES[section.plot])
        for part in section.blocks:
            if isinstance(part, Table) and len(part.rows) > LONG:
                with st.expander(escape(part.title)):
                    st.markdown(block(part))
            else:
                st.markdown(paragraph(part))
