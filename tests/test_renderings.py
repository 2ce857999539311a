"""The renderings of a loss statement, hostile texts in them, and the rows that two sets of weights give."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

import fixture_entries as fixture
from angels_share import statement
from angels_share.cli import app as commands
from angels_share.errors import BundleError
from angels_share.index import Entry, write_index
from angels_share.probe.model import Column, Divergence, Probe, Similarity
from angels_share.score.model import Displayed, Gap, PairScore
from angels_share.statement import Method, Statement, latex, plots, wording
from angels_share.statement.html import escape as html_escape
from angels_share.statement.model import Weights

TEXTS = (".md", ".tex", ".html")
HOSTILE = (
    r"\input{/etc/passwd} \write18{id} $x^2$ % & # _ ~ { } \\ ``''--,, ^^41 [*] ?`!` |",
    "<script>alert(1)</script><img src=x onerror=alert(1)> ]]> -->",
    '" onload="alert(1)" x=\'y\' javascript:alert(1) &lt;b&gt;',
    "</title></style></svg><svg onload=alert(1)>",
    "*[also] a row's beginning",
    "中文 emoji 🥃 Ωμέγα combining n̈ e\u0301 ǆ ﬁ",
    "hidden\u202eorder\u200b\x1b[31m\x00",
)


def estimate(value: float) -> Any:
    return fixture.estimate(value)


def with_statistics(entry: Entry) -> Entry:
    """Return the entry with a displayed statistic, a task with sides and one that the teacher cannot show."""
    shown = Displayed(
        name="x",
        title="ratio of odds",
        unit="bits",
        teacher=estimate(2.5),
        student=estimate(1.25),
        value=estimate(-1.25),
    )
    first, second, third, *others = entry.score.tasks
    tasks = (
        first.model_copy(update={"statistics": (shown,)}),
        second,
        fixture.two_sided(third).model_copy(update={"agreement_beyond_chance": 0.4321}),
        *others[:-1],
        fixture.gap("as_tail_facts", "teacher", "it guesses"),
    )
    return Entry(entry.manifest, entry.statement, entry.score.model_copy(update={"tasks": tasks}), entry.checks)


def weights(**changes: Any) -> Weights:
    return statement.from_probe(probe(**changes))


def probe(**changes: Any) -> Probe:
    """Return what a made-up probe of the fixture's pair found."""
    spread = {"root_mean_square": 1.0, "percentiles": {"50": 0.1}, "largest": 2.0}
    columns = {"kl": 0.125, "same_top": 0.875, "surprisal_teacher": 3.0}
    content: dict[str, Any] = {
        "teacher": fixture.TEACHER,
        "student": "fixture-student-700k",
        "teacher_weights": "a" * 64,
        "student_weights": None,
        "texts": "/home/me/texts.jsonl",
        "texts_digest": "b" * 64,
        "divergence": Divergence(
            tokens=31_250,
            documents=200,
            head=16,
            columns=tuple(Column(name=n, meaning=n, mean=estimate(v), **spread) for n, v in columns.items()),
        ),
        "similarity": Similarity(words=900, documents=199, cka=((1.0,),), summary=estimate(0.75)),
        "versions": {"torch": "2.13.0"},
    }
    return Probe(**(content | changes))


@pytest.fixture(scope="module")
def pair() -> tuple[Statement, PairScore]:
    entry = with_statistics(fixture.distilled())
    return entry.statement.model_copy(update={"weights": weights()}), entry.score


def hostile(text: str) -> tuple[Statement, PairScore]:
    """Return a pair with this text wherever an author or a submitter can write."""
    said, score = fixture.distilled().statement, fixture.distilled().score
    part = said.suites["synthetic_data"]
    claims = tuple(claim.model_copy(update={"justification": text}) for claim in part.claims)
    part = part.model_copy(update={"items": dict.fromkeys(part.items, f"{text}\n\n{text}"), "claims": claims})
    shown = Displayed(name=text, title=text, unit=text, teacher=None, student=None, value=estimate(0.5))
    found = weights().model_copy(update={"texts": text, "rows": (shown,), "reasons": (text,)})
    names = {"teacher": text, "student": text, "weights": found}
    said = said.model_copy(
        update={
            **names,
            "method": Method(family="other").model_copy(update={"description": text}),
            "suites": {"synthetic_data": part},
        }
    )
    first, second, *others = score.tasks
    first = first.model_copy(update={"flags": (text,), "statistics": (shown,)})
    second = second.model_copy(update={"gap": Gap(side="submitter", reason=text)})
    suite = score.suites[0].model_copy(update={"rankable": False, "reasons": (text,)})
    return said, score.model_copy(update={"tasks": (first, second, *others), "suites": (suite,)})


# --- every rendering says the same -----------------------------------------------------------------------------------


class Words(HTMLParser):
    """Gathers what a reader of a page sees, and which elements and attributes it consists of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self.inside:
            self.seen.append(data)


def read(text: str, suffix: str) -> str:
    """Return the words of a rendering as a reader sees them."""
    if suffix == ".html":
        return " ".join(" ".join(Words(text).seen).split())
    if suffix == ".tex":
        for shown, written in ((" ", r"\allowbreak{}"), ("–", r"\textendash{}")):
            text = text.replace(written, "" if shown == " " else shown)
        text = re.sub(r"\\([_%&#$])", r"\1", text)
        return text.replace("$-$", "−").replace("{}", "")
    return text.replace("\\", "")


def drawing(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314


def numbers(score: PairScore) -> Iterator[str]:
    """Return every number that the statement shows of each task, in words."""
    for task in score.tasks:
        if task.gap is None:
            assert task.loss
            assert task.divergence
            assert task.teacher_variation
            yield from map(wording.interval, (task.loss, task.divergence, task.teacher_variation))
            yield wording.changes(task)
            for tested in task.sides or (task,):
                yield from map(wording.probability, (tested.p_holm, tested.q_change, task.p_equivalence))
            if task.agreement_beyond_chance is not None:
                yield wording.hundred(task.agreement_beyond_chance)
        for shown in task.statistics:
            yield from (wording.reading(e, shown.unit) for e in (shown.teacher, shown.student, shown.value) if e)


@pytest.mark.parametrize("suffix", TEXTS)
def test_every_number_of_every_task_is_there(pair: tuple[Statement, PairScore], suffix: str) -> None:
    text = read(statement.render(*pair, suffix), suffix)
    assert [number for number in numbers(pair[1]) if number not in text] == []
    assert [task.task for task in pair[1].tasks if task.task not in text] == []
    for told in ("93.0 [88.0, 98.0]", "not measured (charged)", "not measurable with this teacher", "Not stated by"):
        assert told in text


def test_the_plots_hold_every_loss_and_say_the_rest_aloud(pair: tuple[Statement, PairScore]) -> None:
    tree = drawing(statement.render(*pair, ".svg"))
    texts = [node.text for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    labels = " ".join(node.get("aria-label", "") for node in tree.iter())
    measured = [task for task in pair[1].tasks if task.loss and task.teacher_variation]
    assert len(measured) == 3
    for task in measured:
        assert wording.interval(task.loss) in texts  # type: ignore[arg-type]
        assert wording.interval(task.teacher_variation) in texts  # type: ignore[arg-type]
        assert f"change in utility {wording.changes(task)}" in labels
    assert "retention 93.0 [88.0, 98.0], angel's share 37.0 [34.0, 40.0]" in labels
    assert "fixture-student-700k ← fixture-teacher-2m" in texts


@pytest.mark.parametrize("suffix", statement.RENDERED)
def test_the_same_statement_gives_the_same_bytes(pair: tuple[Statement, PairScore], suffix: str) -> None:
    assert statement.render(*pair, suffix) == statement.render(*pair, suffix)


def test_an_unknown_form_is_refused(pair: tuple[Statement, PairScore]) -> None:
    with pytest.raises(BundleError, match=r"'\.pdf'; known are \.md, \.tex, \.html, \.svg"):
        statement.render(*pair, ".pdf")


def test_without_the_drawing_library_it_says_what_to_install(
    pair: tuple[Statement, PairScore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    with pytest.raises(BundleError, match=r"pip install 'angels-share\[plots\]'"):
        statement.render(*pair, ".svg")
    assert statement.render(*pair, ".tex")


# --- hostile texts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_hostile_text_and_runs_none(text: str) -> None:
    words = Words(statement.render(*hostile(text), ".html"))
    tags = {tag for tag, _ in words.elements}
    assert not tags & {"script", "img", "iframe", "object", "embed", "link", "form", "base", "image", "foreignobject"}
    assert [names for _, names in words.elements if any(name.startswith("on") for name in names)] == []
    assert wording.line(text) in " ".join(" ".join(words.seen).split())


def test_html_loads_nothing() -> None:
    page = statement.render(*hostile(HOSTILE[1]), ".html")
    assert "default-src 'none'" in page
    addresses = re.findall(r"""(?:src|href|action|url)\s*[=(]\s*["']?([^"')\s>]+)""", re.sub(r"&\w+;", "", page))
    assert {a for a in addresses if not a.startswith("#")} <= {"x"}  # what the hostile text shows, in no attribute
    assert "src" not in {name for _, names in Words(page).elements for name in names}


def test_html_can_be_read_aloud(pair: tuple[Statement, PairScore]) -> None:
    page = statement.render(*pair, ".html")
    assert '<html lang="en">' in page
    assert page.count("<table") == page.count("<caption") == page.count("</table>")
    assert page.count("<figure") == page.count("<figcaption") == 2
    headings = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))


@pytest.mark.parametrize("text", HOSTILE)
def test_svg_is_sound_and_holds_no_script(text: str) -> None:
    tree = drawing(statement.render(*hostile(text), ".svg"))
    kinds = {node.tag.rpartition("}")[2] for node in tree.iter()}
    assert kinds <= {"svg", "g", "path", "line", "rect", "text", "tspan"}
    assert not [name for node in tree.iter() for name in node.attrib if name.startswith("on") or "href" in name]


def test_svg_shows_names_as_typed() -> None:
    tree = drawing(statement.render(*hostile("<b>&amp;</b>"), ".svg"))
    assert "<b>&amp;</b> ← <b>&amp;</b>" in [node.text for node in tree.iter()]


@given(st.text(max_size=60))
def test_html_shows_any_text_as_typed(text: str) -> None:
    assert "".join(Words(f'<p title="{html_escape(text)}">{html_escape(text)}</p>').seen) == wording.line(text)


COMMANDS = re.compile(
    r"\\(?:text(?:backslash|ascii(?:tilde|circum)|less|greater|bar|en?dash|emdash|quote(?:dbl)?(?:left|right)|quoteleft"
    r"|quoteright)\{\}|allowbreak\{\}|ldots\{\}|[{}$&#%_|]|[`'^~=.\"urHvc]\{[A-Za-z]\}|(?:ss|ae|AE|oe|OE|o|O|l|L)\{\}"
    r"|asglyph\{[0-9A-F]{4,6}\}\{.\})|\{\\char(?:34|96)\}|\$(?:-|\^2|'|\\[a-zA-Z]+|\\\|)\$|\{\}",
    re.DOTALL,
)
"""Everything that escaping may write besides plain characters."""


@given(st.text(max_size=60))
def test_latex_is_given_no_command_of_anybody_else(text: str) -> None:
    rest = COMMANDS.sub("", latex.escape(text))
    assert re.findall(r"[\\{}$&#%_^~<>|\"`]|[^\x20-\x7e]", rest) == []
    assert re.findall(r"--|''|,,", latex.escape(text)) == []


PREAMBLE = r"\documentclass{article}\usepackage{array,booktabs,longtable}\begin{document}"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("text", [*HOSTILE, None])
def test_latex_compiles(tmp_path: Path, pair: tuple[Statement, PairScore], text: str | None) -> None:
    content = statement.render(*(pair if text is None else hostile(text)), ".tex")
    (tmp_path / "statement.tex").write_text(content, "utf-8")
    (tmp_path / "paper.tex").write_text(rf"{PREAMBLE}\section{{One}}\input{{statement}}After it.\end{{document}}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    out = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300)
    assert out.returncode == 0, out.stdout.decode("utf-8", "replace")[-2000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000
    assert b"root:" not in out.stdout


# --- the app draws the same charts -----------------------------------------------------------------------------------


def charts(app: AppTest) -> list[dict[str, Any]]:
    """Return the specifications of the charts on a page, without their data and what Streamlit adds."""
    return [bare(json.loads(node.proto.spec)) for node in app.main if node.type == "vega_lite_chart"]


def bare(content: Any) -> Any:
    """Return a specification without data, which Streamlit ships apart, and without names that count charts."""
    if isinstance(content, dict):
        left_out = {"data", "datasets", "name", "config", "autosize", "$schema", "usermeta", "padding"}
        return {key: bare(value) for key, value in content.items() if key not in left_out}
    return [bare(value) for value in content] if isinstance(content, list) else content


def test_app_and_statement_draw_from_the_same_specification(
    index: Path, open_app: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = fixture.distilled()
    write_index([entry], [], index)
    score = entry.score
    drawn: list[Any] = []
    draw = plots.svg
    monkeypatch.setattr(plots, "svg", lambda chart: (drawn.append(bare(chart.to_dict())), draw(chart))[1])
    page = statement.render(entry.statement, score, ".html")
    assert "<svg" in page
    profile, trade_off = drawn
    assert charts(open_app()) == [trade_off]
    of_pair = charts(open_app(entry.pair_id))
    assert of_pair == [bare(plots.bar(dict.fromkeys(plots.PARTS, 0.25)).to_dict()), profile]


def test_app_shows_what_is_declared_of_the_weights(index: Path, open_app: Callable[..., AppTest]) -> None:
    entry = fixture.distilled()
    said = entry.statement.model_copy(update={"weights": weights()})
    write_index([Entry(entry.manifest, said, entry.score, entry.checks)], [], index)
    app = open_app(entry.pair_id)
    assert any("200 documents with 31,250 tokens" in text.value for text in app.text)
    rows = app.dataframe[-2].value.to_dict("records")
    assert {row["Access"] for row in rows} == {"weights"}
    assert [row["Pair"] for row in rows] == ["0.125 [0.075, 0.175]", "87.5 [82.5, 92.5]", "0.75 [0.7, 0.8]"]


def test_names_of_points_that_lie_close_stand_above_and_below() -> None:
    interval = wording.Interval
    points = [
        plots.Point(name, "pair", interval(x, x - 0.1, x + 0.1), interval(y, y - 0.2, y + 0.2))
        for name, x, y in (("lower", 0.9, 0.31), ("upper", 0.9, 0.3), ("far", 0.9, 0.6))
    ]
    assert {row["name"]: row["below"] for row in plots._point_marks(points)} == {
        "lower": True,
        "upper": False,
        "far": False,
    }


# --- rows of the weights ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", TEXTS)
def test_rows_of_the_weights_stand_beside_the_others(pair: tuple[Statement, PairScore], suffix: str) -> None:
    text = read(statement.render(*pair, suffix), suffix)
    for told in ("200 documents", "31,250 tokens", "texts.jsonl", "bbbbbbbbbbbb", "declared by the author", "weights"):
        assert told in text
    for number in ("0.125 [0.075, 0.175]", "87.5 [82.5, 92.5]", "0.75 [0.7, 0.8]", "likelihood"):
        assert number in text
    assert "/home" not in text


def test_weights_are_kept_in_drafts_and_files(tmp_path: Path) -> None:
    entry = fixture.distilled()
    said = statement.draft(entry.score, entry.statement, weights=weights())
    assert said.weights == weights()
    for name in ("s.yaml", "s.json"):
        statement.write(said, tmp_path / name)
        assert statement.read(tmp_path / name) == said
    assert statement.draft(entry.score, said).weights == weights()
    assert statement.refresh(said, entry.score).weights == weights()


def test_weights_change_no_number_and_no_check() -> None:
    entry = fixture.distilled()
    said = entry.statement.model_copy(update={"weights": weights()})
    assert statement.check(said, entry.score) == statement.check(entry.statement, entry.score)
    assert statement.sentence(said, "synthetic_data") == statement.sentence(entry.statement, "synthetic_data")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"student": "another"}, "student another"),
        ({"teacher": "fixture-student-700k", "student": fixture.TEACHER}, "the wrong way round"),
    ],
)
def test_weights_of_other_models_are_refused(names: dict[str, str], told: str) -> None:
    with pytest.raises(BundleError, match=told):
        statement.of_pair(weights(**names), fixture.distilled().score)
    assert statement.of_pair(weights(), fixture.distilled().score) == weights()


def test_what_could_not_be_compared_is_said() -> None:
    found = weights(divergence=None, divergence_reason="the vocabularies differ in 3 entries")
    assert (found.documents, found.tokens, [row.name for row in found.rows]) == (199, None, ["cka"])
    entry = fixture.distilled()
    text = statement.render(entry.statement.model_copy(update={"weights": found}), entry.score, ".md")
    assert "Not compared: tokens: the vocabularies differ in 3 entries." in text
    with pytest.raises(BundleError, match="neither tokens nor hidden states"):
        weights(divergence=None, similarity=None)


@pytest.mark.parametrize(
    "change",
    [
        {"access": "likelihood"},
        {"documents": 0},
        {"texts": "a\u202eb"},
        {"texts_digest": "x"},
        {"rows": ({"name": "x", "title": "x" * 201, "unit": "1", "value": None},)},
        {"rows": ({**weights().rows[0].model_dump(), "value": estimate(0.1).model_dump() | {"high": float("nan")}},)},
        {"reasons": ("x" * 2001,)},
        {"unknown": 1},
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Weights.model_validate(weights().model_dump() | change)


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_writes_what_the_ending_says(tmp_path: Path) -> None:
    entry, runner = fixture.distilled(), CliRunner()
    score, said, found = tmp_path / "score.json", tmp_path / "statement.yaml", tmp_path / "probe.json"
    score.write_text(entry.score.model_dump_json(), "utf-8")
    found.write_text(probe().model_dump_json(), "utf-8")
    command = ["statement", str(score), "-o"]
    assert runner.invoke(commands, [*command, str(said), "--probe", str(found)]).exit_code == 0
    assert statement.read(said).weights == weights()
    for suffix, start in ((".md", "# "), (".tex", "% "), (".html", "<!doctype html>"), (".svg", "<svg")):
        page = tmp_path / f"page{suffix}"
        assert runner.invoke(commands, [*command, str(page), "--earlier", str(said)]).exit_code == 0
        assert page.read_text("utf-8").startswith(start)
    assert "31,250 tokens" in (tmp_path / "page.md").read_text("utf-8")
    alone = runner.invoke(commands, [*command, str(tmp_path / "alone.html")]).exception
    assert "needs the author's parts" in str(alone)
    found.write_text(probe(student="another").model_dump_json(), "utf-8")
    assert "student another" in str(runner.invoke(commands, [*command, str(said), "--probe", str(found)]).exception)
    found.write_text(score.read_text("utf-8"), "utf-8")
    assert "is no probe of this release" in str(
        runner.invoke(commands, [*command, str(said), "--probe", str(found)]).exception
    )
