"""The statement as a page in Markdown.

Everything that an author wrote, and every name, is escaped: it is shown as it was typed, and can neither format the
page nor link, load or run anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from angels_share.statement import wording
from angels_share.statement.page import Block, Page, Points, Table, Text

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
    line = wording.line(text)
    line = re.sub(
        r"[\\`*|~$#{}]|\](?=[(\[:])|(?<!\w)_|_(?!\w)|:(?=\S)|(?<=www)\.", r"\\\g<0>", line, flags=re.IGNORECASE
    )
    line = re.sub(r"[&<>@]", lambda m: _ENTITIES[m[0]], line)
    line = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line)
    return re.sub(r"^[-+=](?=\s|$)|^[-=]{2,}", r"\\\g<0>", line)


def to_markdown(page: Page) -> str:
    """Return a statement as a Markdown page."""
    return "\n\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield f"# {escape(page.title)}"
    yield block(page.facts)
    yield escape(page.legend)
    for part in page.parts:
        yield f"## {escape(part.title)}"
        yield from map(block, part.blocks)
        for answer in part.answers:
            yield f"### {answer.number}. {escape(answer.title)}"
            yield f"*{escape(answer.question)}*"
            yield from map(block, answer.blocks)
    yield f"## {escape(page.caveats.lead)}"
    yield _bullets(page.caveats.lines)


_TONES = {"plain": "{}", "strong": "**{}**", "aside": "*{}*", "quote": "> {}"}


def block(given: Block) -> str:
    """Return a paragraph, a list or a table as Markdown."""
    match given:
        case Text(text, tone):
            return _TONES[tone].format(escape(text))
        case Points(lines, lead):
            return f"**{escape(lead)}**\n\n{_bullets(lines)}" if lead else _bullets(lines)
        case Table(_, head, rows, marked):
            cells = [[f"**{escape(c)}**" if k in marked else escape(c) for c in row] for k, row in enumerate(rows)]
            return _table([escape(cell) for cell in head], cells)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escape(line)}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
