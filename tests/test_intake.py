"""Intake of pull requests: what one may change, how many it may add, and the workflows that run it."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from angels_share.errors import BundleError
from angels_share.statement import wording
from angels_share.submission import files, intake, reporting
from angels_share.submission.history import Event
from angels_share.submission.model import Manifest
from angels_share.submission.reporting import COMMENT, Examined
from commands import Outcome

ROOT = Path(__file__).parents[1]
(GOOD,) = (ROOT / "submissions").glob("smollm2-135m-instruct-q4-1-control-*")
(OTHER,) = (ROOT / "submissions").glob("toy-teacher-uniform-control-*")
DAY = dt.date(2026, 11, 23)
LOGIN = "Somebody"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return a small project with one bundle, a teacher, a workflow and some code."""
    root = tmp_path / "base"
    for place in ("README.md", ".github/workflows/intake.yml", "src/code.py", "submissions/teachers/t/teacher.json"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(f"{place}\n", "utf-8")
    shutil.copytree(OTHER, root / "submissions" / OTHER.name)
    (root / ".git").write_text("gitdir: elsewhere\n", "utf-8")
    return root


@pytest.fixture
def head(base: Path, tmp_path: Path) -> Path:
    """Return the same with another bundle."""
    root = Path(shutil.copytree(base, tmp_path / "head"))
    shutil.rmtree(root / ".git", ignore_errors=True)
    shutil.copytree(GOOD, root / "submissions" / GOOD.name)
    return root


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Take every bundle for examined, and return the folders that were to be."""
    asked: list[Path] = []

    def examine(folder: Path, teachers: Path, most: int | None, shown: str) -> Examined:
        asked.append(folder)
        assert teachers.parents[1].name == "base"
        return Examined(
            folder=shown, accepted=True, trust="recomputed", comparability=None, tasks=1, charged=0, groups=()
        )

    monkeypatch.setattr(intake, "examine", examine)
    return asked


def found(base: Path, head: Path, login: str = LOGIN, day: dt.date = DAY) -> list[tuple[str, str, str]]:
    """Return rule, place and message of everything that is wrong with a pull request as a whole."""
    whole = next(iter(intake.intake(base, head, login, day, most=None)))
    assert whole.accepted == (not whole.groups)
    return [(group.rule, one.place, one.message) for group in whole.groups for one in group.shown]


def write_history(base: Path, *events: tuple[dt.date, str, str, str]) -> None:
    """Write events of a day, a kind, a person and a pair id."""
    before, lines = b"", []
    manifest = json.loads((GOOD / "submission.json").read_text("utf-8"))
    for day, kind, by, pair in events:
        event = Event.model_validate(
            {
                "date": day,
                "event": kind,
                "pair_id": pair,
                "folder": GOOD.name,
                "digest": manifest["digest"],
                "answers": "0" * 64,
                "teacher": "t",
                "student": "s",
                "suites": ("rag",),
                "release": "0.1.0",
                "by": by,
                "previous": files.sha256(before),
            }
        )
        before = files.canonical(event.model_dump(mode="json"))
        lines.append(before + b"\n")
    (base / "submissions" / "HISTORY.jsonl").write_bytes(b"".join(lines))


def test_a_new_bundle_alone_is_taken_in(base: Path, head: Path, unread: list[Path]) -> None:
    whole, bundle = intake.intake(base, head, LOGIN, DAY)
    assert (whole.accepted, whole.groups) == (True, ())
    assert reporting.verdict(whole) == "accepted: nothing is wrong"
    assert bundle.folder == f"submissions/{GOOD.name}"
    assert unread == [head / "submissions" / GOOD.name]


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


CHANGES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a workflow": (".github/workflows/intake.yml", change),
    "a new workflow": (".github/workflows/other.yml", lambda path: path.write_text("on: push", "utf-8")),
    "code": ("src/code.py", change),
    "code removed": ("src/code.py", Path.unlink),
    "code made executable": ("src/code.py", lambda path: path.chmod(0o755)),
    "code made a link": ("src/code.py", lambda path: (path.unlink(), path.symlink_to("/etc/passwd"))),
    "another bundle": (f"submissions/{OTHER.name}/score.json", change),
    "a file more in another bundle": (f"submissions/{OTHER.name}/x.json", lambda path: path.write_text("{}", "utf-8")),
    "another bundle removed": (f"submissions/{OTHER.name}/score.json", Path.unlink),
    "a teacher": ("submissions/teachers/t/teacher.json", change),
    "a new teacher": ("submissions/teachers/u.json", lambda path: path.write_text("{}", "utf-8")),
    "the history": ("submissions/HISTORY.jsonl", lambda path: path.write_text("{}\n", "utf-8")),
    "a file beside the bundles": ("submissions/x.json", lambda path: path.write_text("{}", "utf-8")),
    "a link beside the bundles": ("submissions/linked", lambda path: path.symlink_to("/etc")),
    "a pipe": ("pipe", os.mkfifo),
    "a name of no text": (os.fsdecode(b"\xff\n::error::x"), lambda path: path.write_text("", "utf-8")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_other_change_is_refused(base: Path, head: Path, unread: list[Path], what: str) -> None:
    place, spoil = CHANGES[what]
    spoil(head / place)
    ((rule, where, _),) = found(base, head)
    assert rule == "AS-951"
    assert where == wording.line(place)


def test_nothing_added_is_nothing_to_take_in(base: Path) -> None:
    assert [(rule, place) for rule, place, _ in found(base, base)] == [("AS-951", "submissions")]


def test_five_submissions_in_seven_days(base: Path, head: Path, unread: list[Path]) -> None:
    ids = [f"{k:016x}" for k in range(9)]
    late = [(DAY - dt.timedelta(days=6), "accepted", LOGIN.lower(), ids[k]) for k in range(4)]
    others = [(DAY - dt.timedelta(days=7), "accepted", LOGIN, ids[5])]
    since = [(DAY, "withdrawn", LOGIN, ids[0]), (DAY, "accepted", "else", ids[6])]
    write_history(base, *others, *late, *since)
    shutil.copy(base / "submissions" / "HISTORY.jsonl", head / "submissions")
    assert found(base, head) == []
    write_history(base, *others, *late, (DAY, "accepted", LOGIN, ids[7]))
    shutil.copy(base / "submissions" / "HISTORY.jsonl", head / "submissions")
    ((rule, _, message),) = found(base, head)
    assert rule == "AS-952"
    assert "adds 1, and 5 of Somebody were accepted" in message
    assert found(base, head, day=DAY + dt.timedelta(days=1)) == []


def test_more_than_five_at_once_are_not_examined(base: Path, head: Path, unread: list[Path]) -> None:
    for k in range(7):
        (head / "submissions" / f"more-{k}").mkdir()
        (head / "submissions" / f"more-{k}" / "submission.json").write_text("{}", "utf-8")
    told = list(intake.intake(base, head, LOGIN, DAY))
    assert [group.rule for group in told[0].groups] == ["AS-952"]
    assert len(unread) == len(told) - 1 == 5


def renamed(head: Path, name: str) -> None:
    (head / "submissions" / GOOD.name).rename(head / "submissions" / name)


def test_names_and_pairs_are_taken_once(base: Path, head: Path, unread: list[Path]) -> None:
    pair = Manifest.model_validate_json((GOOD / "submission.json").read_bytes()).pair_id
    shutil.copytree(GOOD, head / "submissions" / "again")
    ((rule, _, message),) = found(base, head)
    assert rule == "AS-953"
    assert f"pair {pair} is that of again" in message
    shutil.rmtree(head / "submissions" / "again")

    write_history(base, (DAY, "accepted", "else", pair), (DAY, "withdrawn", "else", pair))
    shutil.copy(base / "submissions" / "HISTORY.jsonl", head / "submissions")
    ((rule, _, message),) = found(base, head)
    assert rule == "AS-953"
    assert "withdrawn on 2026-11-23" in message
    (base / "submissions" / "HISTORY.jsonl").unlink()
    (head / "submissions" / "HISTORY.jsonl").unlink()

    renamed(head, OTHER.name.upper())
    assert [(rule, "capitals" in message) for rule, _, message in found(base, head)] == [("AS-953", True)]


@pytest.mark.parametrize("login", ["", "a b", "-x", "a" * 40, "a\n", "$(id)"])
def test_what_is_no_login(base: Path, head: Path, login: str) -> None:
    with pytest.raises(BundleError, match="is no login"):
        next(intake.intake(base, head, login, DAY))


def test_a_broken_history_takes_nothing_in(command: Callable[..., Outcome], base: Path, head: Path) -> None:
    (base / "submissions" / "HISTORY.jsonl").write_text("{}\n", "utf-8")
    outcome = command("intake", "--base", base, "--head", head, "--login", LOGIN)
    assert outcome.code == 2
    assert "HISTORY.jsonl, line 1" in outcome.err


def test_intake_as_continuous_integration_runs_it(
    command: Callable[..., Outcome], base: Path, head: Path, tmp_path: Path
) -> None:
    for root in (base, head):
        shutil.rmtree(root / "submissions" / "teachers")
        (root / "submissions" / "teachers").symlink_to(ROOT / "submissions" / "teachers", target_is_directory=True)
    report = tmp_path / "report.md"
    arguments = ("intake", "--base", base, "--head", head, "--login", LOGIN, "-o", report)
    outcome = command(*arguments)
    assert outcome.code == 0, outcome.out
    assert "accepted: recomputed" in " ".join(outcome.out.split())
    assert "**accepted: recomputed" in report.read_text("utf-8").replace("\\", "")

    hostile = head / "submissions" / "::set-env name=x::y @maintainer"
    hostile.mkdir()
    (hostile / "submission.json").write_text('{"<img src=x>": "@maintainer"}', "utf-8")
    (head / "src" / "code.py").unlink()
    shutil.rmtree(head / "submissions" / GOOD.name)
    outcome = command(*arguments, "--format", "github")
    assert outcome.code == 1
    assert all(re.match(r"::(error|warning|notice) ", line) for line in outcome.out.splitlines())
    assert "::error file=src/code.py,line=1,title=AS-951::" in outcome.out
    written = report.read_text("utf-8")
    assert len(written) <= COMMENT
    assert "AS-951" in written
    outside = re.sub(r"`` .*? ``", "", written)
    assert "maintainer" not in outside
    assert "<img" not in outside


# --- workflows -------------------------------------------------------------------------------------------------------


def workflow(name: str) -> dict[Any, Any]:
    return dict(yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8")))


WORKFLOWS = sorted(path.name for path in (ROOT / ".github" / "workflows").iterdir())


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_grants_nothing_beyond_its_need(name: str) -> None:
    made = workflow(name)
    assert made["permissions"] == {}
    allowed = {"intake.yml": {"contents": "read"}, "intake-comment.yml": {"actions": "read", "pull-requests": "write"}}
    for job in made["jobs"].values():
        assert job["permissions"] == allowed[name]
        assert job["timeout-minutes"] <= 30
        assert "secrets" not in json.dumps(job)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_runs_pinned_actions_without_caches(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / name).read_text("utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action) for action, _ in used)
    assert all(re.fullmatch(r" # v\d+\.\d+\.\d+", version) for _, version in used)
    assert "cache" not in re.sub(r"#.*", "", text)
    assert sum("uses" in step for step in steps(name)) == len(used)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_of_an_event_is_pasted_into_a_script(name: str) -> None:
    """What a stranger wrote, such as the name of a branch, reaches a script as a variable and never as its text."""
    for step in steps(name):
        assert "${{" not in step.get("run", "")


def test_the_triggers_give_strangers_no_rights() -> None:
    assert {name: list(workflow(name)[True]) for name in WORKFLOWS} == {
        "intake.yml": ["pull_request"],
        "intake-comment.yml": ["workflow_run"],
    }
    assert workflow("intake-comment.yml")[True]["workflow_run"]["workflows"] == [workflow("intake.yml")["name"]]
    assert not any("uses" in step for step in steps("intake-comment.yml"))
    (fetched,) = (step for step in steps("intake.yml") if "checkout" in step.get("uses", ""))
    assert fetched["with"] == {"path": "head", "fetch-depth": 2, "persist-credentials": False}
    scripts = " ".join(step.get("run", "") for step in steps("intake.yml"))
    assert "head/" not in scripts, "nothing of the pull request is run or installed"


FAKE_GH = r"""#!/usr/bin/env python3
import json, pathlib, sys
asked, answers = " ".join(sys.argv[1:]), json.loads(pathlib.Path("answers").read_text())
if asked.startswith("run download"):
    pathlib.Path("report").mkdir()
    pathlib.Path("report/report.md").write_text(answers["report"], "utf-8")
elif asked.startswith("pr comment"):
    file = sys.argv[sys.argv.index("--body-file") + 1]
    pathlib.Path("posted").write_text(asked + "\n" + pathlib.Path(file).read_text("utf-8"), "utf-8")
else:
    for part in ("artifacts", "changed_files", "/files?", "head.sha", "number"):
        if part in asked:
            print(answers[part])
            break
"""

USUAL = {
    "number": 7,
    "changed_files": 2,
    "/files?": "submissions/a/submission.json\nsubmissions/a/score.json",
    "head.sha": "a" * 40,
    "artifacts": 2000,
    "report": "- accepted\n",
}


@pytest.mark.parametrize(
    ("answers", "posted"),
    [
        ({}, "- accepted"),
        ({"/files?": "submissions/a/score.json\n.github/workflows/intake.yml"}, "outside of"),
        ({"/files?": "submissions/intake.yml\n.github/workflows/intake.yml"}, "outside of"),
        ({"changed_files": 3001}, "outside of"),
        ({"head.sha": "b" * 40}, None),
        ({"number": ""}, None),
        ({"number": "7; id"}, None),
        ({"artifacts": ""}, None),
        ({"artifacts": 900_000}, None),
        ({"report": "é" * 60_001}, None),
        ({"report": "é" * 59_999 + "\n"}, "é"),
    ],
)
def test_the_script_that_comments(tmp_path: Path, answers: dict[str, Any], posted: str | None) -> None:
    (tmp_path / "gh").write_text(FAKE_GH, "utf-8")
    (tmp_path / "gh").chmod(0o755)
    (step,) = steps("intake-comment.yml")
    given = {"REPO": "owner/project", "RUN": "1", "SHA": "a" * 40, "BRANCH": "somebody:$(id)", "LC_ALL": "C.UTF-8"}
    given |= {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    (tmp_path / "answers").write_text(json.dumps(USUAL | answers), "utf-8")
    subprocess.run(["bash", "-c", step["run"]], cwd=tmp_path, env=given, check=True, timeout=60, capture_output=True)
    told = (tmp_path / "posted").read_text("utf-8") if (tmp_path / "posted").exists() else None
    assert (told is None) == (posted is None)
    if told is not None and posted is not None:
        command, _, body = told.partition("\n")
        assert command.startswith("pr comment 7 --repo owner/project")
        assert posted in body
        assert (posted == "outside of") == ("accepted" not in body and "é" not in body)


def test_the_template_asks_for_the_declarations() -> None:
    text = (ROOT / ".github" / "pull_request_template.md").read_text("utf-8")
    assert text.count("- [ ]") >= 5
    assert "declarations" in text
