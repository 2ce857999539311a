r"""The statement as LaTeX tables for a paper's appendix, to be read in with ``\input``.

It needs the packages array, booktabs and longtable and a page of one column. Everything that an author wrote, and every
name, is escaped: it is shown as it was typed and can run no command. Characters that pdfLaTeX may lack stand there as
their code points, and as themselves where the engine reads Unicode.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from angels_share.statement import wording
from angels_share.statement.page import Block, Page, Part, Points, Table, Text

LINE = 78
"""Characters of a line, roughly."""

Cells = tuple[str, ...]
"""Escaped texts, side by side."""

HEAD = r"""% A Distillation Loss Statement as tables. In the preamble:
%   \usepackage{array,booktabs,longtable}
% and where it belongs, on a page of one column:
%   \input{FILE}
\providecommand{\asglyph}[2]{\ifdefined\Umathcode #2\else\texttt{U+#1}\fi}% a character that pdfLaTeX may not have
"""

_GREEK = (
    "α alpha β beta γ gamma δ delta ε varepsilon η eta θ theta κ kappa λ lambda μ mu π pi ρ rho σ sigma τ tau "
    "φ varphi ω omega Δ Delta Σ Sigma"
)

_NAMED = {
    **{letter: rf"$\{name}$" for letter, name in zip(*[iter(_GREEK.split())] * 2, strict=True)},
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_\allowbreak{}",
    "/": r"/\allowbreak{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
    "`": r"{\char96}",
    "−": r"$-$",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\ldots{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "‖": r"$\|$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "′": r"$'$",
    "·": r"$\cdot$",
    "²": r"$^2$",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
}
"""Characters that LaTeX reads as commands, joins with their neighbours or knows by a name."""

_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip


def escape(text: str) -> str:
    r"""Return text on one line that LaTeX sets as it was typed.

    Examples
    --------
    >>> print(escape(r"50 % of \input{x}"))
    50 \% of \textbackslash{}input\{x\}
    >>> print(escape("é 中"))
    \'{e} \asglyph{4E2D}{中}
    """
    shown = "".join(map(_character, unicodedata.normalize("NFC", wording.line(text))))
    return re.sub(r"(['\-,])(?=\1)", r"\1{}", shown)


def _character(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if character.isascii():
        return character
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        return f"\\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"\\asglyph{{{ord(character):04X}}}{{{character}}}"


def to_latex(page: Page) -> str:
    """Return a statement as LaTeX tables: for each suite one of the eight items, and those of its numbers."""
    return HEAD + "\n".join(_lines(page))


def _lines(page: Page) -> Iterator[str]:
    yield r"\begingroup\footnotesize\setlength{\tabcolsep}{3pt}"
    yield _longtable(page.title, (0.23, 0.77), None, [_cells(row) for row in (page.facts.head, *page.facts.rows)])
    for part in page.parts:
        yield _items(part)
        for table in _tables(part):
            yield _numbers(part, table)
    notes = " ".join(escape(line) for line in (page.legend, *page.caveats.lines))
    yield rf"\par\noindent\textbf{{{escape(page.caveats.lead)}.}} {notes}\par"
    yield "\\endgroup\n"


def _tables(part: Part) -> Iterator[Table]:
    blocks = (*part.blocks, *(block for answer in part.answers for block in answer.blocks))
    yield from (block for block in blocks if isinstance(block, Table))


def _items(part: Part) -> str:
    """Return the table of the eight items; each line of an answer is a row, so that the table can break there."""
    rows = _beside("In short", _texts(part.blocks))
    for answer in part.answers:
        (first, line), *others = _beside(f"{answer.number}. {answer.title}", _texts(answer.blocks))
        rows += [(rf"\addlinespace {first}", line), *others]
    return _longtable(part.title, (0.23, 0.77), None, rows)


def _beside(name: str, lines: Iterable[str]) -> list[Cells]:
    """Return rows of which only the first is named."""
    return [_cells((name if k == 0 else "", line)) for k, line in enumerate(lines)]


def _texts(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield the lines of all blocks that are no tables."""
    for block in blocks:
        match block:
            case Text(text):
                yield text
            case Points(lines, lead):
                yield from (f"{lead} {line}" if k == 0 and lead else line for k, line in enumerate(lines))


def _numbers(part: Part, table: Table) -> str:
    rows = [
        tuple(rf"\textbf{{{cell}}}" for cell in _cells(row)) if k in table.marked else _cells(row)
        for k, row in enumerate(table.rows)
    ]
    return _longtable(f"{table.title}: suite {part.suite}", _widths(table), _cells(table.head), rows)


def _widths(table: Table) -> list[float]:
    """Return the share of the line that each column gets: its longest word first, then by its longest cell."""
    columns = list(zip(table.head, *table.rows, strict=True))
    words = [max(len(word) for cell in column for word in re.split(r"[ _/]", cell)) + 1 for column in columns]
    wishes = [min(max(map(len, column)), 40) - word for column, word in zip(columns, words, strict=True)]
    spare = max(LINE - sum(words), 0) / max(sum(max(wish, 0) for wish in wishes), 1)
    widths = [word + spare * max(wish, 0) for word, wish in zip(words, wishes, strict=True)]
    return [width / sum(widths) for width in widths]


def _cells(texts: Sequence[str]) -> Cells:
    return tuple(map(escape, texts))


def _longtable(title: str, widths: Sequence[float], head: Cells | None, rows: Sequence[Cells]) -> str:
    columns = "".join(
        rf">{{\raggedright\arraybackslash}}p{{\dimexpr {width:.4f}\linewidth-2\tabcolsep\relax}}" for width in widths
    )
    lines = [rf"\begin{{longtable}}{{{columns}}}", rf"\caption{{{escape(title)}}}\tabularnewline"]
    top = [r"\toprule", *([_row(head), r"\midrule"] if head else [])]
    lines += [*top, r"\endfirsthead", *top, r"\endhead", r"\bottomrule", r"\endlastfoot"]
    return "\n".join([*lines, *map(_row, rows), r"\end{longtable}"])


def _row(cells: Cells) -> str:
    r"""Return a row; ``[`` and ``*`` at its beginning would be read as an argument of the row before."""
    guard = "{}" if cells[0].startswith(("[", "*")) else ""
    return guard + " & ".join(cells) + r" \tabularnewline"
