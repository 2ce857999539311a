"""Writing the validity report: JSON to go on with, Markdown to read, plots as SVG."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from angels_share.errors import SpecError
from angels_share.statement.markdown import block, escape
from angels_share.statement.page import Block, Table
from angels_share.statement.plots import svg
from angels_share.validity.plots import chart
from angels_share.validity.report import Validity
from angels_share.validity.telling import ALTERNATIVES, INTRODUCTION, sections

REPORT = "report.json"


def paragraph(given: Block) -> str:
    """Return a part of a section as Markdown, a table under its title."""
    return f"*{escape(given.title)}*\n\n{block(given)}" if isinstance(given, Table) else block(given)


def to_markdown(found: Validity) -> str:
    """Return the report as a Markdown page whose plots lie beside it."""
    lines = ["# Validity report", escape(INTRODUCTION)]
    for section in sections(found):
        lines.append(f"## {escape(section.title)}")
        if section.plot:
            lines.append(f"![{ALTERNATIVES[section.plot]}]({section.plot}.svg)")
        lines += map(paragraph, section.blocks)
    return "\n\n".join(lines) + "\n"


def write(found: Validity, folder: Path) -> None:
    """Write ``report.json``, ``README.md`` and the plots into a folder.

    Raises
    ------
    BundleError
        If vl-convert-python, which draws, is not installed.
    OSError
        If the folder cannot be written.
    """
    drawn = {f"{s.plot}.svg": svg(chart(found, s.plot)) for s in sections(found) if s.plot}
    texts = {REPORT: found.model_dump_json(indent=1) + "\n", "README.md": to_markdown(found)} | drawn
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")


def read(path: Path) -> Validity:
    """Return a report that was written before.

    Raises
    ------
    SpecError
        If the file is no validity report of this release.
    """
    try:
        return Validity.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise SpecError(f"{path}: is no validity report ({first}); write it again: angels-share validity") from error
