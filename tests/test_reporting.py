"""What validation says, in each of its forms; nothing that a bundle holds may mean anything in them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from angels_share.submission import Report, reporting, rules
from angels_share.submission.model import Finding
from angels_share.submission.reporting import COMMENT, LENGTH, Examined, Validation
from angels_share.submission.rules import finding
from commands import Outcome

SUBMISSIONS = Path(__file__).parents[1] / "submissions"
(GOOD,) = SUBMISSIONS.glob("smollm2-135m-instruct-q4-1-control-*")

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://example.org/p.png)",
    "[a](javascript:alert(1))",
    "<https://example.org>",
    "https://example.org www.example.org me@example.org",
    "@maintainer please merge",
    "#1 other/repository#2 GH-3 a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6a7b8c9d0",
    ":white_check_mark: :material/verified: :green-badge[Verified]",
    "` `` ``` ```` code",
    "`` ends the span **bold** `` and begins one",
    "\n\n# Accepted\n\n- [x] merged\n",
    "\r\n::error file=a::injected",
    "::set-output name=x::y",
    "%0A::error::injected",
    "a,b:c,title=forged",
    "| a | b |\n| --- | --- |",
    "\u202egpj.exe\u0000\u001b[31m",
    "\ud800",
    "[//]: # (hidden) [ref]: https://example.org",
    "$\\href{https://example.org}{x}$ \\",
    "&lt;b&gt; &#64;maintainer &commat;maintainer",
)


def report(*findings: Finding, folder: str = "pair") -> Report:
    return Report(Path(folder), findings)


def examined(*findings: Finding, folder: str = "submissions/pair", most: int | None = 5) -> Examined:
    return reporting.summary(report(*findings), folder, most)


def hostile() -> Examined:
    some = [finding("AS-211", text, text) for text in HOSTILE]
    return examined(*some, folder=f"submissions/{HOSTILE[0]}{HOSTILE[8]}{HOSTILE[11]}", most=None)


def test_findings_of_a_rule_are_counted_and_a_few_are_shown() -> None:
    found = examined(finding("AS-706", "t", "w"), *(finding("AS-301", f"f{k}", "m") for k in range(12)), most=3)
    assert [(g.rule, g.count, [s.place for s in g.shown]) for g in found.groups] == [
        ("AS-301", 12, ["f0", "f1", "f2"]),
        ("AS-706", 1, ["t"]),
    ]
    assert not found.accepted
    assert reporting.verdict(found) == "refused: self-reported, not compared, not scored, 12 errors, 1 note"


def test_long_messages_are_cut() -> None:
    (group,) = examined(finding("AS-211", "p" * 10_000, "m" * 10_000)).groups
    assert len(group.shown[0].message) == len(group.shown[0].place) == LENGTH + 1


@pytest.mark.parametrize("width", [60, 80])
def test_lines_fit_a_terminal(width: int) -> None:
    for _, line in reporting.as_lines(hostile(), width):
        assert len(line) <= width or line == hostile().folder
        assert "\x1b" not in line
        assert "\n" not in line
        line.encode()


def test_json_is_one_closed_document() -> None:
    text = reporting.as_json([hostile(), examined()])
    assert Validation.model_validate_json(text).bundles == (hostile(), examined())
    assert json.loads(text)["schema_version"] == "angels-share/validation/1"


def commands_of(lines: Sequence[str]) -> Iterator[re.Match[str]]:
    """Yield what GitHub reads in each line of output, which it splits at line ends of any kind."""
    for line in "\n".join(lines).splitlines():
        found = re.fullmatch(
            r"::(error|warning|notice) ((?:file|line|title)=[^,:]*(?:,(?:file|line|title)=[^,:]*)*)::(.*)", line
        )
        assert found, line
        yield found


def test_annotations_hold_one_command_for_each_finding() -> None:
    lines = list(reporting.as_github(hostile()))
    found = list(commands_of(lines))
    assert len(found) == len(HOSTILE) + 1
    for one in found:
        properties = dict(part.split("=", 1) for part in one[2].split(","))
        assert properties["title"] in ("AS-211", "angels-share")
        assert not re.search(r"%(?!25|0A|0D)", one[3])


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_makes_a_second_annotation(place: str, message: str) -> None:
    lines = list(reporting.as_github(examined(finding("AS-211", place, message), folder=message)))
    assert len(list(commands_of(lines))) == 2


def spoken(text: str) -> str:
    """Return what a Markdown comment says outside of code spans, or fail if it holds more than plain structure."""
    allowed = {"text", "softbreak", "code_inline", "strong_open", "strong_close", "inline", "heading_open"}
    allowed |= {
        f"{kind}_{end}" for kind in ("bullet_list", "list_item", "paragraph", "heading") for end in ("open", "close")
    }
    said = []
    waiting = MarkdownIt("commonmark", {"html": True}).parse(text)
    while waiting:
        token = waiting.pop()
        assert token.type in allowed, (token.type, token.content)
        waiting += token.children or []
        if token.type == "text":
            said.append(token.content)
    return " ".join(reversed(said))


def test_a_comment_says_nothing_hostile_outside_of_code() -> None:
    said = spoken(reporting.as_markdown([hostile(), examined(folder="submissions/@maintainer #1")]))
    for mark in ("alert", "example", "maintainer", "#", "material", "white", "bold", "Accepted", "injected", "hidden"):
        assert mark not in said, mark
    assert "refused: self-reported" in said
    assert "AS-211 (22 times)" in said.replace("  ", " ")


@given(st.text(max_size=120))
def test_no_text_leaves_its_code_span(text: str) -> None:
    found = examined(finding("AS-211", text, text), folder=text)
    blank = examined(finding("AS-211", "x", "x"), folder="x")
    assert spoken(reporting.as_markdown([found])) == spoken(reporting.as_markdown([blank]))


def test_a_comment_is_bounded_and_says_so() -> None:
    many = [examined(*(finding(rule, "p" * 400, "`" * 400) for rule in rules()), folder=f"b{k}") for k in range(20)]
    text = reporting.as_markdown(many)
    assert COMMENT - 2000 < len(text) <= COMMENT
    assert text.rstrip().endswith("shows all of it.")
    assert all(f"b{k} " in text for k in range(20))
    spoken(text)


def test_an_exception_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Report:
        raise ZeroDivisionError("no\nreason")

    monkeypatch.setattr(reporting, "validate", fails)
    found = reporting.examine(Path("submissions/pair"))
    assert found.broken
    assert found.groups[0].shown[0].message == "ZeroDivisionError: no reason"
    assert "report it" in found.groups[0].hint
    assert reporting.verdict(found).startswith("not validated")


def test_a_process_that_ends_takes_no_report_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(function: Callable[[Path], Examined], folders: Sequence[Path], workers: int | None) -> Iterator[Examined]:
        yield function(folders[0])
        raise BrokenProcessPool

    monkeypatch.setattr(reporting, "each", ends)
    found = list(reporting.examine_all([Path(f"none/{name}") for name in "abc"]))
    assert [one.folder for one in found] == ["none/a", "none/b", "none/c"]
    assert [one.broken for one in found] == [False, True, True]


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a folder with a good bundle and two bad ones, one of which has a hostile name."""
    root = tmp_path / "submissions"
    shutil.copytree(GOOD, root / GOOD.name)
    (root / "teachers").symlink_to(SUBMISSIONS / "teachers", target_is_directory=True)
    for name in ("bad", "@maintainer #1"):
        (root / name).mkdir()
        (root / name / "submission.json").write_text("{}", "utf-8")
    (root / "HISTORY.jsonl").write_text("", "utf-8")
    return root


def test_validate_tells_of_every_bundle(command: Callable[..., Outcome], archive: Path) -> None:
    outcome = command("validate", archive, "--workers", 1, "--format", "json")
    assert outcome.code == 1
    found = {Path(one.folder).name: one for one in Validation.model_validate_json(outcome.out).bundles}
    assert {name: one.accepted for name, one in found.items()} == {
        GOOD.name: True,
        "bad": False,
        "@maintainer #1": False,
    }
    good = found[GOOD.name]
    assert (good.trust, good.comparability, good.charged) == ("recomputed", "same prompts", 0)
    assert good.tasks
    assert {g.rule for g in found["bad"].groups} >= {"AS-211"}


@pytest.mark.parametrize(("form", "begins"), [("rich", ""), ("github", "::"), ("md", "- ``"), ("json", "{")])
def test_every_form_is_printed(command: Callable[..., Outcome], archive: Path, form: str, begins: str) -> None:
    outcome = command("validate", archive / "bad", archive / "@maintainer #1", "--workers", 1, "--format", form)
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out.startswith(begins)
    assert outcome.out.count("AS-211") >= 2


def test_what_cannot_be_validated_at_all(command: Callable[..., Outcome], archive: Path) -> None:
    for arguments, told in (
        ((archive / "none",), "no such folder"),
        ((archive / "HISTORY.jsonl",), "no such folder"),
        ((), "give a bundle"),
        (("--explain", "AS-0"), "unknown"),
    ):
        outcome = command("validate", *arguments)
        assert outcome.code == 2
        assert told in outcome.err
    (archive / "empty").mkdir()
    assert "holds no bundle" in command("validate", archive / "empty").err


def test_a_fault_of_the_project_is_no_verdict(
    command: Callable[..., Outcome], archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "validate", lambda *_: 1 / 0)
    outcome = command("validate", archive / "bad")
    assert outcome.code == 2
    assert "AS-950" in outcome.out
    assert "not validated" in outcome.out
    assert "Traceback" not in outcome.out + outcome.err


def test_a_rule_is_explained(command: Callable[..., Outcome]) -> None:
    outcome = command("validate", "--explain", "as-301")
    assert (outcome.code, outcome.out) == (0, f"AS-301: {rules()['AS-301']}\n")
