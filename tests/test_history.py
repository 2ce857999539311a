"""The history of submissions: its chain, what may be written into it, and what it notices."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fixture_entries as fixture
from angels_share import index
from angels_share.errors import BundleError
from angels_share.index import Entry
from angels_share.submission import files, history
from angels_share.submission.history import HISTORY, accept, answers_digest, check, end, read_history, record, trust
from angels_share.submission.model import Canonical, Manifest, RefusedError, Report
from angels_share.submission.rules import finding

SUBMISSIONS = Path(__file__).parents[1] / "submissions"
DAY = dt.date(2026, 11, 23)
SIGNED = {"by": "maintainers", "day": DAY}

SEALED = {9: "c6ea1e15e4abbd67", 58: "afba6609736160d3"}
"""First digits of the SHA-256 of some committed lines: all lines up to these can never change."""


@pytest.fixture
def entries() -> list[Entry]:
    return [fixture.distilled(), fixture.pruned(), fixture.control()]


@pytest.fixture
def submissions(tmp_path: Path, entries: list[Entry], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of three bundles, of which validation reads no more than the manifest; ``bad`` ones fail it."""
    for entry in entries:
        put(tmp_path, entry.manifest)
    by_pair = {entry.pair_id: entry for entry in entries}

    def validate(folder: Path, teachers: Path) -> Report:
        assert teachers == tmp_path / "teachers"
        manifest = files.read_file(Manifest, folder, "submission.json")
        entry = by_pair[manifest.pair_id]
        wrong = (finding("AS-601", "score.json", "is another"),) if manifest.notes == "bad" else ()
        return Report(folder, wrong, manifest, entry.statement, entry.score)

    monkeypatch.setattr(history, "validate", validate)
    monkeypatch.setattr(index, "validate", validate)
    return tmp_path


def put(submissions: Path, manifest: Manifest, **changes: Any) -> Manifest:
    """Write a bundle's manifest, with another digest where something in it is changed."""
    if changes:
        manifest = manifest.model_copy(update={**changes, "digest": files.sha256(repr(changes).encode())})
    folder = submissions / manifest.folder_name
    folder.mkdir(exist_ok=True)
    (folder / "submission.json").write_bytes(files.dump(manifest.model_dump(mode="json")))
    return manifest


def accept_all(submissions: Path, **changes: Any) -> dict[str, str]:
    outcomes = accept(history.bundles_of(submissions), workers=1, **{**SIGNED, **changes})
    return {outcome.folder: outcome.word for outcome in outcomes}


def lines(submissions: Path) -> list[bytes]:
    return (submissions / HISTORY).read_bytes().splitlines()


def rules(findings: list[Any]) -> list[str]:
    return [found.rule for found in findings]


class TestCommitted:
    def test_nothing_accepted_has_disappeared(self) -> None:
        assert [str(found) for found in check(SUBMISSIONS)] == []

    @pytest.mark.parametrize("number", SEALED)
    def test_lines_stay_as_they_were(self, number: int) -> None:
        assert files.sha256(lines(SUBMISSIONS)[number - 1]).startswith(SEALED[number])

    @pytest.mark.parametrize("number", [min(SEALED)])
    def test_every_line_counts(self, number: int, tmp_path: Path) -> None:
        """Whichever line is removed or edited, and whichever bundle, it is noticed."""
        kept = lines(SUBMISSIONS)[:number]
        path = tmp_path / HISTORY
        for k in range(number):
            for changed in ([], [kept[k].replace(b"maintainers", b"maintainerz")]):
                path.write_bytes(b"\n".join([*kept[:k], *changed, *kept[k + 1 :]]) + b"\n")
                assert "AS-901" in rules(check(tmp_path, b"\n".join(kept)))
        path.write_bytes(b"\n".join(kept) + b"\n")
        assert rules(check(tmp_path)) == ["AS-902"] * number


class TestAccepting:
    def test_bundles_become_a_chain(self, submissions: Path, entries: list[Entry]) -> None:
        assert set(accept_all(submissions, reason="all of them").values()) == {"accepted"}
        events = read_history(submissions)
        assert {event.pair_id for event in events} == {entry.pair_id for entry in entries}
        assert events[0].previous == files.sha256(b"")
        assert [event.previous for event in events[1:]] == [files.sha256(line) for line in lines(submissions)[:-1]]
        first = next(event for event in events if event.pair_id == entries[0].pair_id)
        assert (first.date, first.by, first.reason, first.release) == (DAY, "maintainers", "all of them", "0.1.0")
        assert (first.teacher, first.student) == (fixture.TEACHER, "fixture-student-700k")
        assert first.digest == entries[0].manifest.digest
        assert check(submissions) == []

    def test_accepting_again_changes_nothing_and_validates_nothing(
        self, submissions: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        accept_all(submissions)
        before = lines(submissions)
        monkeypatch.setattr(history, "validate", None)
        assert set(accept_all(submissions, day=DAY + dt.timedelta(1)).values()) == {"unchanged"}
        assert lines(submissions) == before

    def test_what_validation_refuses_is_refused(self, submissions: Path, entries: list[Entry]) -> None:
        bad = put(submissions, entries[0].manifest, notes="bad")
        outcomes = accept(history.bundles_of(submissions), workers=1, **SIGNED)
        refused = next(outcome for outcome in outcomes if outcome.folder == bad.folder_name)
        assert (refused.word, rules(list(refused.findings))) == ("refused", ["AS-601"])
        assert bad.pair_id not in {event.pair_id for event in read_history(submissions)}
        assert rules(check(submissions)) == ["AS-903"]

    def test_a_garbled_manifest_is_refused(self, submissions: Path, entries: list[Entry]) -> None:
        folder = submissions / entries[0].manifest.folder_name
        (folder / "submission.json").write_bytes(b'{"pair_id": 1e999}')
        assert accept_all(submissions)[folder.name] == "refused"

    def test_the_same_answers_with_another_score_are_rescored(self, submissions: Path, entries: list[Entry]) -> None:
        accept_all(submissions)
        manifest = put(submissions, entries[0].manifest, files={"score.json": "1" * 64, "statement.json": "2" * 64})
        assert rules(check(submissions)) == ["AS-902"]
        assert accept_all(submissions)[manifest.folder_name] == "rescored"
        assert check(submissions) == []
        assert read_history(submissions)[-1].digest == manifest.digest

    def test_other_answers_wait_until_the_accepted_ones_are_withdrawn(
        self, submissions: Path, entries: list[Entry]
    ) -> None:
        accept_all(submissions)
        roles = {"teacher": Canonical(canonical="other"), "student": Canonical(canonical="other")}
        manifest = put(submissions, entries[0].manifest, roles=roles)
        (outcome,) = accept([submissions / manifest.folder_name], workers=1, **SIGNED)
        assert rules(list(outcome.findings)) == ["AS-904"]
        end(submissions, manifest.folder_name, reason="run anew", **SIGNED)
        assert accept_all(submissions)[manifest.folder_name] == "accepted"
        assert [event.event for event in read_history(submissions)[-2:]] == ["withdrawn", "accepted"]

    def test_one_pair_cannot_stand_in_two_folders(self, submissions: Path, entries: list[Entry]) -> None:
        manifest = put(submissions, entries[0].manifest, slug="another-slug")
        outcomes = accept_all(submissions)
        assert sorted(outcomes.values()) == ["accepted", "accepted", "accepted", "refused"]
        assert "refused" in (outcomes[manifest.folder_name], outcomes[entries[0].manifest.folder_name])

    def test_bundles_of_two_folders_have_two_histories(self, submissions: Path, tmp_path: Path) -> None:
        with pytest.raises(BundleError, match="bundles lie in 2 folders"):
            accept([submissions / "a", submissions / "b" / "c"], workers=1, **SIGNED)


class TestEnding:
    def test_a_withdrawn_pair_is_a_tombstone(self, submissions: Path, entries: list[Entry]) -> None:
        accept_all(submissions)
        event = end(submissions, entries[0].pair_id, reason="trained on the items", **SIGNED)
        assert (event.event, event.student, event.digest) == (
            "withdrawn",
            "fixture-student-700k",
            entries[0].manifest.digest,
        )
        assert rules(check(submissions)) == ["AS-905"]
        assert accept_all(submissions)[event.folder] == "withdrawn"
        shutil.rmtree(submissions / event.folder)
        assert check(submissions) == []

    def test_a_superseded_pair_names_its_successor(self, submissions: Path, entries: list[Entry]) -> None:
        accept_all(submissions)
        old, new = entries[0].manifest, entries[1].manifest
        event = end(submissions, old.folder_name, successor=new.folder_name, reason="better", **SIGNED)
        assert (event.event, event.successor) == ("superseded", new.pair_id)
        with pytest.raises(BundleError, match=f"{old.folder_name} was superseded on 2026-11-23"):
            end(submissions, old.folder_name, reason="again", **SIGNED)

    @pytest.mark.parametrize(
        ("pair", "changes", "told"),
        [
            ("nobody", {}, "knows no pair 'nobody'"),
            (None, {"reason": " "}, "say why"),
            (None, {"successor": "nobody"}, "knows no pair 'nobody'"),
            (None, {"successor": "itself"}, "cannot supersede itself"),
            (None, {"by": "two words"}, "by: String should match pattern"),
            (None, {"reason": "a \u202e b"}, "invisible character U\\+202E"),
            (None, {"day": DAY - dt.timedelta(1)}, "is dated 2026-11-22, the line before 2026-11-23"),
        ],
    )
    def test_what_cannot_be_written_is_said(
        self, submissions: Path, entries: list[Entry], pair: str | None, changes: dict[str, Any], told: str
    ) -> None:
        accept_all(submissions)
        before = lines(submissions)
        name = pair or entries[0].pair_id
        changes = {key: name if value == "itself" else value for key, value in changes.items()}
        with pytest.raises(BundleError, match=told):
            end(submissions, name, **{"reason": "said", **SIGNED, **changes})
        assert lines(submissions) == before


class TestChain:
    @pytest.mark.parametrize(
        ("change", "line"),
        [
            (lambda kept: kept[1:], 1),
            (lambda kept: [kept[0], kept[2]], 2),
            (lambda kept: [kept[1], kept[0], kept[2]], 1),
            (lambda kept: [kept[0], kept[1].replace(b"maintainers", b"nobody"), kept[2]], 3),
            (lambda kept: [*kept, kept[-1]], 4),
            (lambda kept: [*kept, b""], 4),
            (lambda kept: [*kept, b"[" * 100_000], 4),
            (lambda kept: [*kept, b'{"date": "2026-13-45"}'], 4),
            (lambda kept: [*kept[:2], kept[2][:-20]], 3),
            (lambda kept: [*kept[:2], kept[2].replace(b'"by"', b'"by":"x","by"')], 3),
        ],
        ids=["first", "middle", "order", "edited", "twice", "empty", "deep", "date", "torn", "keys"],
    )
    def test_a_broken_chain_is_found(
        self, submissions: Path, change: Callable[[list[bytes]], list[bytes]], line: int
    ) -> None:
        accept_all(submissions)
        (submissions / HISTORY).write_bytes(b"\n".join(change(lines(submissions))) + b"\n")
        (found,) = check(submissions)
        assert (found.rule, found.place) == ("AS-901", f"{HISTORY}, line {line}")
        with pytest.raises(RefusedError, match="AS-901"):
            accept_all(submissions)
        with pytest.raises(BundleError, match="AS-901"):
            index.build_index(submissions, submissions / "index")

    def test_lines_cut_off_the_end_show_beside_an_older_copy(self, submissions: Path) -> None:
        accept_all(submissions)
        older = (submissions / HISTORY).read_bytes()
        (submissions / HISTORY).write_bytes(b"\n".join(lines(submissions)[:2]) + b"\n")
        assert rules(check(submissions)) == ["AS-903"]
        (found,) = check(submissions, older)
        assert (found.rule, found.place) == ("AS-901", f"{HISTORY}, line 3")

    def test_a_link_is_no_history(self, submissions: Path, tmp_path: Path) -> None:
        (submissions / HISTORY).symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere").write_bytes(b"")
        assert rules(check(submissions)) == ["AS-101"]

    def test_without_a_history_every_bundle_waits(self, submissions: Path) -> None:
        assert rules(check(submissions)) == ["AS-903"] * 3


class TestTrust:
    def test_words(self, submissions: Path, entries: list[Entry]) -> None:
        manifest = entries[0].manifest
        answers = answers_digest(manifest)

        def word() -> str:
            return trust(read_history(submissions), answers)

        assert word() == "recomputed"
        record(submissions, manifest, "spot-check failed", reason="3 of 100 differ", **SIGNED)
        assert word() == "recomputed"
        record(submissions, manifest, "spot-checked", reason="", **SIGNED)
        assert word() == "spot-checked"
        record(submissions, manifest, "re-run", reason="", **SIGNED)
        record(submissions, manifest, "spot-check failed", reason="", **SIGNED)
        assert word() == "re-run"

    def test_a_check_is_of_the_answers_and_outlives_a_rescoring(self, submissions: Path, entries: list[Entry]) -> None:
        manifest = entries[0].manifest
        record(submissions, manifest, "spot-checked", reason="", **SIGNED)
        rescored = manifest.model_copy(update={"digest": "1" * 64})
        other = manifest.model_copy(update={"roles": {"student": Canonical(canonical="other")}})
        events = read_history(submissions)
        assert trust(events, answers_digest(rescored)) == "spot-checked"
        assert trust(events, answers_digest(other)) == "recomputed"

    def test_the_index_shows_word_history_and_tombstones(self, submissions: Path, entries: list[Entry]) -> None:
        accept_all(submissions)
        checked, gone, _ = (entry.manifest for entry in entries)
        record(submissions, checked, "spot-checked", reason="100 documents", **SIGNED)
        end(submissions, gone.pair_id, reason="trained on the items", **SIGNED)
        found, _ = index.read_entries(submissions)
        rows = {row["pair_id"]: row for row in index.board_rows(found)}
        assert (rows[checked.pair_id]["trust"], rows[checked.pair_id]["rank_low"]) == ("spot-checked", 1)
        assert rows[gone.pair_id]["trust"] == "recomputed"
        assert "withdrawn on 2026-11-23: trained on the items" in rows[gone.pair_id]["reasons"]
        assert (rows[gone.pair_id]["rankable"], rows[gone.pair_id]["rank_low"]) == (False, None)
        document = next(index.pair_document(entry) for entry in found if entry.pair_id == checked.pair_id)
        assert [(event["event"], event["date"]) for event in document["history"]] == [
            ("accepted", "2026-11-23"),
            ("spot-checked", "2026-11-23"),
        ]
        shutil.rmtree(submissions / gone.folder_name)
        folder = index.build_index(submissions, submissions / ".index").folder
        events = json.loads((folder / "history.json").read_bytes())
        assert [event["event"] for event in events if event["pair_id"] == gone.pair_id] == ["accepted", "withdrawn"]
        assert not (folder / "pairs" / f"{gone.pair_id}.json").exists()


class TestCommands:
    def test_accept_check_and_withdraw(
        self, command: Any, submissions: Path, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(history, "each", lambda function, things, workers: map(function, things))
        monkeypatch.setattr(history, "_validated", lambda bundle, teachers: _manifest(bundle))
        outcome = command("history", "accept", submissions, "--by", "ada", "--date", "2026-11-23")
        assert (outcome.code, outcome.out.count("accepted ")) == (0, 3)
        assert {(event.by, event.date) for event in read_history(submissions)} == {("ada", DAY)}
        assert command("history", "check", submissions).out == "whole\n"
        name = entries[0].manifest.folder_name
        said = ("--reason", "wrong model", "--date", "2026-11-24", "--submissions", submissions)
        assert command("history", "withdraw", name, *said).out == f"withdrawn  {name}\n"
        outcome = command("history", "check", submissions)
        assert (outcome.code, outcome.out) == (0, "whole\n")
        assert "AS-905" in outcome.err
        shutil.rmtree(submissions / entries[1].manifest.folder_name)
        outcome = command("history", "check", submissions)
        assert (outcome.code, outcome.out) == (1, "broken\n")
        assert "AS-902" in outcome.err

    def test_today_is_the_default(self, command: Any, submissions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(history, "each", lambda function, things, workers: map(function, things))
        monkeypatch.setattr(history, "_validated", lambda bundle, teachers: _manifest(bundle))
        command("history", "accept", submissions)
        today = dt.datetime.now(dt.UTC).date()
        assert {(today - event.date).days in (0, 1) for event in read_history(submissions)} == {True}

    def test_no_bundle(self, command: Any, tmp_path: Path) -> None:
        outcome = command("history", "accept", tmp_path / "nothing")
        assert outcome.code == 1
        assert "AS-101" in outcome.err


def _manifest(bundle: Path) -> Manifest:
    return files.read_file(Manifest, bundle, "submission.json")
