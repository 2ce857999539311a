"""The statement as one HTML file: it loads nothing, runs nothing, and shows what an author wrote as it was typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape as _escape

from angels_share.statement import wording
from angels_share.statement.page import Answer, Block, Page, Part, Points, Table, Text

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser is told: nothing but the styles in the file itself."""

STYLE = """
:root { color-scheme: light; --ink: #2a2118; --soft: #6f6557; --line: #ddd2bd; --paper: #fbf8f2; --accent: #96560d; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; overflow-wrap: break-word; }
h1, h2, h3 { font-family: Georgia, "Liberation Serif", serif; line-height: 1.25; margin: 0 0 .4rem; }
h1 { font-size: 2rem; }
h2 { font-size: 1.5rem; margin-top: 3rem; padding-bottom: .3rem; border-bottom: 2px solid var(--accent); }
h3 { font-size: 1.15rem; margin-top: 2rem; }
p, ul, blockquote, figure { margin: .5rem 0 .9rem; max-width: 46rem; }
.aside { color: var(--soft); font-style: italic; }
.lead { font-weight: 600; margin-bottom: .2rem; }
blockquote { padding: .6rem 1rem; border-left: 3px solid var(--accent); background: #f2ebdd; }
ul { padding-left: 1.2rem; }
li { margin: .2rem 0; }
a { color: #834a08; }
.scroll { overflow-x: auto; margin: .8rem 0 1.2rem; }
.scroll:focus-visible, figure:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
tbody th { font-weight: 400; min-width: 11rem; }
.long { min-width: 16rem; }
.marked { background: #f7e3da; font-weight: 600; }
.marked th { font-weight: 600; }
figure { width: fit-content; max-width: 100%; padding: .8rem; background: white; border: 1px solid var(--line);
  border-radius: 6px; overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; }
figcaption { font-size: .875rem; color: var(--soft); max-width: 46rem; }
@media (max-width: 40rem) { figure svg { max-width: none; } }
@media print { body { max-width: none; padding: 0; background: white; } .scroll, figure { overflow: visible; }
  tr, figure { break-inside: avoid; } }
"""


def escape(text: str) -> str:
    """Return text on one line that HTML shows as it was typed, in an element or an attribute.

    Examples
    --------
    >>> escape('<img src=x onerror="alert(1)">')
    '&lt;img src=x onerror=&quot;alert(1)&quot;&gt;'
    """
    return _escape(wording.line(text))


def to_html(page: Page, plots: Mapping[str, tuple[str, str]]) -> str:
    """Return a statement as an HTML file.

    Parameters
    ----------
    page : Page
    plots : mapping of str to (str, str)
        By the name of a suite, its losses drawn as SVG and a line on how to read them; under the empty name the
        suites beside each other.
    """
    return "\n".join(_lines(page, plots)) + "\n"


def _lines(page: Page, plots: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(page.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>"
    yield f"<h1>{escape(page.title)}</h1>"
    yield _facts(page.facts)
    yield f"<p>{escape(page.legend)}</p>"
    if len(page.parts) > 1:
        links = (f'<li><a href="#{escape(part.suite)}">{escape(part.title)}</a></li>' for part in page.parts)
        yield f'<nav aria-label="Suites"><ul>{"".join(links)}</ul></nav>'
    yield "</header>\n<main>"
    if "" in plots:
        yield _figure(*plots[""])
    for part in page.parts:
        yield from _part(part, plots)
    yield f"<section>\n<h2>{escape(page.caveats.lead)}</h2>"
    yield _list(page.caveats.lines)
    yield "</section>\n</main>\n</body>\n</html>"


def _part(part: Part, plots: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    yield f'<section id="{escape(part.suite)}">\n<h2>{escape(part.title)}</h2>'
    yield from map(_block, part.blocks)
    if part.suite in plots:
        yield _figure(*plots[part.suite])
    for answer in part.answers:
        yield from _answer(answer)
    yield "</section>"


def _answer(answer: Answer) -> Iterator[str]:
    yield f'<h3>{answer.number}. {escape(answer.title)}</h3>\n<p class="aside">{escape(answer.question)}</p>'
    yield from map(_block, answer.blocks)


def _figure(svg: str, told: str) -> str:
    return f'<figure tabindex="0">\n{svg}\n<figcaption>{escape(told)}</figcaption>\n</figure>'


def _block(block: Block) -> str:
    match block:
        case Text(text, "quote"):
            return f"<blockquote>{escape(text)}</blockquote>"
        case Text(text, "strong"):
            return f'<p class="lead">{escape(text)}</p>'
        case Text(text, "aside"):
            return f'<p class="aside">{escape(text)}</p>'
        case Text(text):
            return f"<p>{escape(text)}</p>"
        case Points(lines, lead):
            return f'<p class="lead">{escape(lead)}</p>\n{_list(lines)}' if lead else _list(lines)
        case Table():
            return _table(block)


def _list(lines: Iterable[str]) -> str:
    return "<ul>\n" + "\n".join(f"<li>{escape(line)}</li>" for line in lines) + "\n</ul>"


def _facts(table: Table) -> str:
    """Return a table of two columns without a head row: names and values."""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="long">{escape(value)}</td></tr>'
        for name, value in (table.head, *table.rows)
    )
    title = escape(table.title)
    return f'<div class="scroll"><table>\n<caption>{title}</caption>\n<tbody>\n{rows}\n</tbody>\n</table></div>'


def _table(table: Table) -> str:
    long = [max(len(row[k]) for row in table.rows) > 40 for k in range(len(table.head))]
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    body = "\n".join(_row(row, long, marked=k in table.marked) for k, row in enumerate(table.rows))
    title = escape(table.title)
    return (
        f'<div class="scroll" role="region" aria-label="{title}" tabindex="0"><table>\n<caption>{title}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _row(cells: tuple[str, ...], long: list[bool], *, marked: bool) -> str:
    first, *others = cells
    columns = (
        f'<td class="long">{escape(c)}</td>' if wide else f"<td>{escape(c)}</td>"
        for c, wide in zip(others, long[1:], strict=True)
    )
    row = '<tr class="marked">' if marked else "<tr>"
    return f'{row}<th scope="row">{escape(first)}</th>{"".join(columns)}</tr>'
