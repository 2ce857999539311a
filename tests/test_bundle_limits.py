"""What a bundle may cost: bytes, rows, values, memory and time are bounded, whatever is in it."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angels_share import logs, submission
from angels_share.items import Item
from angels_share.submission import documents, files, timing
from angels_share.submission.answers import read_answers, read_row
from angels_share.submission.files import Budget
from angels_share.submission.model import Key, RefusedError, Results, Row
from angels_share.submission.role import examine_role, role_files, sample_path
from angels_share.submission.validate import ALLOWED
from synthetic import SETTINGS, log_of, make_items, noisy

URN, LADDER = "as_distribution_urn", "as_boundary_ladder"
PLACE = "student/samples/task.jsonl.gz"
HASH = "0" * 64


def refused(rule: str, call: Any, *arguments: Any, **options: Any) -> str:
    """Return what a call is refused with, which must be under this rule."""
    with pytest.raises(RefusedError) as error:
        call(*arguments, **options)
    assert error.value.finding.rule == rule, str(error.value)
    return error.value.finding.message


def unpacked(data: bytes, budget: Budget | None = None, *, folder: Path) -> list[bytes]:
    path = folder / "task.jsonl.gz"
    path.write_bytes(data)
    return list(files.read_lines(path, PLACE, budget or Budget()))


# --- bytes -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([b"a", b"{}", b"\n", b"\r", b"\r\n", b"\x0b", b"\xc2\x85"])))
def test_lines_are_those_of_the_whole_text(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    assert files.unpack_lines(gzip.compress(text), PLACE) == text.splitlines()


def test_a_file_of_several_members_is_one_text() -> None:
    assert files.unpack_lines(gzip.compress(b"a\nb") + gzip.compress(b"c\n"), PLACE) == [b"a", b"bc"]


def test_what_is_unpacked_counts_and_not_what_the_file_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "UNPACKED_LIMIT", 1000)
    packed = gzip.compress(b"row\n" * 251)
    lying = packed[:-4] + (8).to_bytes(4, "little")
    assert "more than 1000 bytes" in refused("AS-104", unpacked, lying, folder=tmp_path)
    assert len(unpacked(gzip.compress(b"row\n" * 250), folder=tmp_path)) == 250


def test_nothing_is_unpacked_beyond_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a file that would unpack to a gigabyte, no more than the limit and a buffer is read."""
    path = tmp_path / "task.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" * 1_000_000) * 1000)
    monkeypatch.setattr(files, "UNPACKED_LIMIT", 5000)
    budget = Budget()
    refused("AS-104", list, files.read_lines(path, PLACE, budget))
    assert files.TOTAL_LIMIT - budget.unpacked == 5001


def test_a_long_file_may_not_be_packed_too_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = b"0123456789\n" * 2000
    packed = gzip.compress(text)
    assert len(text) > 50 * len(packed)
    assert len(unpacked(packed, folder=tmp_path)) == 2000
    monkeypatch.setattr(files, "FREE", 1000)
    monkeypatch.setattr(files, "RATIO_LIMIT", 50)
    assert f"more than {50 * len(packed)} bytes" in refused("AS-104", unpacked, packed, folder=tmp_path)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_longest_line_is_read_and_a_longer_one_is_not(end: bytes, tmp_path: Path) -> None:
    longest = b"x" * files.LINE_LIMIT
    assert unpacked(gzip.compress(longest + end), folder=tmp_path) == [longest]
    assert "a line of more than" in refused("AS-104", unpacked, gzip.compress(longest + b"x" + end), folder=tmp_path)


def test_all_files_of_a_bundle_share_a_budget(tmp_path: Path) -> None:
    budget, packed = Budget(unpacked=100), gzip.compress(b"x" * 59 + b"\n")
    assert len(unpacked(packed, budget, folder=tmp_path)) == 1
    assert "for the whole bundle" in refused("AS-104", unpacked, packed, budget, folder=tmp_path)


def test_the_size_of_a_file_depends_on_its_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "DOCUMENT_LIMIT", 10)
    monkeypatch.setattr(files, "FILE_LIMIT", 20)
    (tmp_path / "score.json").write_bytes(b"x" * 11)
    (tmp_path / "student/samples").mkdir(parents=True)
    for name, size in (("a", 20), ("b", 21)):
        (tmp_path / f"student/samples/{name}.jsonl.gz").write_bytes(b"x" * size)
    found = {f.place: f.rule for f in files.walk(tmp_path, ALLOWED)}
    assert found == {"score.json": "AS-104", "student/samples/b.jsonl.gz": "AS-104"}
    assert "11 bytes" in refused("AS-104", files.read_bytes, tmp_path / "score.json", "score.json")


def test_the_number_of_files_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "FILES_LIMIT", 5)
    for name in range(9):
        (tmp_path / f"{name}").write_text("")
    found = files.walk(tmp_path, ALLOWED)
    assert [f.rule for f in found] == [*["AS-102"] * 5, "AS-104"]


@pytest.mark.parametrize("text", [b'{"suites":[%s0]}', b'{"roles":{%s"x":0}}'])
def test_a_document_of_many_mistakes_is_not_told_of_each(text: bytes) -> None:
    many = text % b"".join(b'"%x":0,' % k if b"roles" in text else b"0," for k in range(files.VALUES_LIMIT))
    assert "at most 200000 are allowed" in refused("AS-104", files.parse, many, "submission.json")


# --- rows ------------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
leaves = st.one_of(texts, st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats())
responses = st.one_of(
    st.lists(st.lists(texts, max_size=3), max_size=3),
    st.lists(st.lists(st.lists(texts, max_size=3), max_size=3), max_size=3),
    st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=6),
)
rows = st.fixed_dictionaries(
    {"doc_hash": st.sampled_from([HASH, "a" * 64, "A" * 64, "0"]), "resps": responses},
    optional={"doc_id": st.integers(-2, 2**60), "more": st.just(0)},
)
SIGNS = b'"\\[]{},: \t\r\x00\x7f\xff0'
WORDS = [b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"NaN", b"1e999", b"/**/"]
pieces = st.sampled_from([*(bytes([sign]) for sign in SIGNS), *WORDS, b'"doc_id":1,', b'"resps":[],'])


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """Draw a line as packing writes it, or one with something put in or taken out at a place or two."""
    row, ascii_only = draw(rows), draw(st.booleans())
    line = json.dumps(row, ensure_ascii=ascii_only, sort_keys=True, separators=(",", ":")).encode("utf-8", "replace")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(line)))
        line = line[:at] + draw(pieces | st.just(b"")) + line[at + draw(st.integers(0, 2)) :]
    return line


def outcome(read: Any) -> Any:
    """Return the fields of the row that was read, or the finding."""
    try:
        row = read()
    except RefusedError as error:
        return error.finding
    return [(type(value), value) for value in (row.doc_id, row.doc_hash, row.resps)]


@settings(max_examples=1500)
@given(lines(), st.booleans())
def test_fast_and_strict_reading_agree(line: bytes, generated: bool) -> None:
    """What is read at once is what is read strictly, and so is what is wrong with it."""
    assert outcome(lambda: read_row(line, PLACE, texts=generated)) == outcome(lambda: files.read(Row, line, PLACE))


@pytest.mark.parametrize("resps", [[["one", 'tw"o\\\n', "\u2028🜛"]], [[["-0.5", "True"]], [["-1e-3", "False"]]]])
def test_packed_rows_are_read_at_once(resps: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    line = files.canonical({"doc_id": 3, "doc_hash": HASH, "resps": resps})
    monkeypatch.delattr(files, "read")
    row = read_row(line, PLACE, texts=isinstance(resps[0][0], str))
    assert (row.doc_id, row.doc_hash, row.resps) == (3, HASH, resps)


def items_of(name: str) -> tuple[list[Item], list[str]]:
    items = make_items(name)
    return items, [logs.document_hash(item) for item in items]


def packed_lines(hashes: list[str], response: Any) -> Iterator[bytes]:
    for i, doc_hash in enumerate(hashes):
        yield files.canonical({"doc_id": i, "doc_hash": doc_hash, "resps": response})


def test_no_row_is_read_beyond_the_items() -> None:
    items, hashes = items_of(LADDER)

    def endless() -> Iterator[bytes]:
        yield from packed_lines(hashes, [["x"]])
        yield files.canonical({"doc_id": 0, "doc_hash": hashes[0], "resps": [["x"]]})
        yield b"is not looked at"
        raise AssertionError("read on")

    answers, found = read_answers(endless(), PLACE, items, hashes, Budget(), texts=True)
    assert answers is None
    assert [f.rule for f in found] == ["AS-405", "AS-404"]
    assert f"more than {len(items) + 1} rows for {len(items)} items" in found[1].message


def test_the_order_of_rows_does_not_matter() -> None:
    items, hashes = items_of(URN)
    values = [[-float(i + k) for k in range(len(item["choices"]))] for i, item in enumerate(items)]
    made = [
        files.canonical({"doc_id": i, "doc_hash": h, "resps": [[[str(v), "False"]] for v in row]})
        for i, (h, row) in enumerate(zip(hashes, values, strict=True))
    ]
    answers, found = read_answers(reversed(made), PLACE, items, hashes, Budget(), texts=False)
    assert found == []
    assert isinstance(answers, np.ndarray)
    assert [row[~np.isnan(row)].tolist() for row in answers] == values


def test_a_wrong_row_is_named_by_its_item() -> None:
    items, hashes = items_of(LADDER)
    made = [*packed_lines(hashes, [["x"]])]
    made[7] = files.canonical({"doc_id": 7, "doc_hash": hashes[7], "resps": [["x", 1]]})
    made[9] = files.canonical({"doc_id": 9, "doc_hash": hashes[9], "resps": []})
    _, (found,) = read_answers(reversed(made), PLACE, items, hashes, Budget(), texts=True)
    assert (found.rule, found.message) == ("AS-406", "row 8: responses \"[['x', 1]]\" are not all texts")
    made[7:10] = [*packed_lines(hashes, [["x", "y"]])][7:10]
    _, (found,) = read_answers(made, PLACE, items, hashes, Budget(), texts=True)
    assert "2 repeats where the first row has 1" in found.message


# --- memory and time -------------------------------------------------------------------------------------------------


def test_the_length_of_an_answer_is_bounded() -> None:
    items, hashes = items_of(LADDER)
    longest = "é" * files.ANSWER_LIMIT
    _, found = read_answers(packed_lines(hashes, [[longest]]), PLACE, items, hashes, Budget(), texts=True)
    assert found == []
    told = refused(
        "AS-107", read_answers, packed_lines(hashes, [[longest + "é"]]), PLACE, items, hashes, Budget(), texts=True
    )
    assert "more than 32768 characters" in told


def test_answers_are_counted_as_they_lie_in_memory() -> None:
    """One rare sign makes every character of a text take four bytes."""
    items, hashes = items_of(LADDER)
    spent = []
    for sign in ("x", "🜛"):
        budget = Budget()
        read_answers(packed_lines(hashes, [["x" * 10_000 + sign]]), PLACE, items, hashes, budget, texts=True)
        spent.append(files.HELD_LIMIT - budget.held)
    assert spent[0] > 10_000 * len(items)
    assert spent[1] > 3.9 * spent[0]
    few, again = Budget(held=spent[0] // 2), packed_lines(hashes, [["x" * 10_000]])
    told = refused("AS-107", read_answers, again, PLACE, items, hashes, few, texts=True)
    assert "for all answers of the bundle" in told


@pytest.fixture
def role(tmp_path: Path) -> Path:
    """Return a role's folder with one task."""
    run = logs.Run("made", "model", {LADDER: log_of(LADDER, noisy(1), "pilot")})
    for place, content in role_files(run).items():
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(content)
    return tmp_path


def test_a_role_is_read_within_its_budget(role: Path) -> None:
    run, found = examine_role(role, "student")
    assert run is not None
    assert found == []
    size = len(gzip.decompress((role / sample_path(LADDER)).read_bytes()))
    assert examine_role(role, "student", budget=Budget(unpacked=size))[1] == []
    _, (short,) = examine_role(role, "student", budget=Budget(unpacked=size - 1))
    assert (short.rule, short.place) == ("AS-104", f"student/{sample_path(LADDER)}")


def test_no_items_are_made_for_another_key(role: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Key(track=SETTINGS.track, profile=SETTINGS.profile, item_seed=SETTINGS.item_seed)
    assert examine_role(role, "student", key=key)[1] == []
    monkeypatch.delattr("angels_share.items.build")
    results = Results.model_validate_json((role / "results.json").read_bytes())
    results.tasks[LADDER] = results.tasks[LADDER].model_copy(update={"item_seed": 77})
    (role / "results.json").write_bytes(files.dump(results.model_dump()))
    _, (found,) = examine_role(role, "student", key=key)
    assert (found.rule, found.place) == ("AS-501", f"student/results.json, {LADDER}")
    assert "item seed 77" in found.message


def burn(seconds: float) -> None:
    start = time.process_time()
    while time.process_time() < start + seconds:
        pass


def test_what_takes_too_long_is_stopped() -> None:
    start = time.process_time()
    with pytest.raises(timing.OutOfTimeError), timing.within(0.2):
        burn(20)
    assert 0.1 < time.process_time() - start < 10
    with timing.within(30):
        burn(0)


def test_a_bundle_that_takes_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "walk", lambda *_: burn(20))
    monkeypatch.setitem(submission.validate.__globals__, "TIME_LIMIT", 0.2)
    report = submission.validate(tmp_path)
    assert not report.accepted
    assert [f.rule for f in report.findings] == ["AS-108"]


# --- items -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[documents.Asked, documents.Made]:
    """Return the items that are kept, none to begin with."""
    monkeypatch.setattr(documents, "_kept", {})
    return documents._kept


def test_items_are_kept_as_far_as_there_is_room(
    kept: dict[documents.Asked, documents.Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [(LADDER, "toy", "pilot", seed) for seed in range(4)]
    count = len(make_items(LADDER))
    monkeypatch.setattr(documents, "KEPT", 2 * count)
    first = documents.made(asked[0])
    assert documents.made(asked[0]) is first
    for one in asked[1:]:
        documents.made(one)
    assert list(kept) == asked[2:]
    assert documents.made(asked[0]) == first


def test_many_items_are_made_by_other_processes(
    kept: dict[documents.Asked, documents.Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [(name, "toy", "pilot", 3) for name in (LADDER, URN, LADDER)]
    started: list[int | None] = []

    def each(make: Any, things: Any, workers: int | None) -> Any:
        started.append(workers)
        return map(make, things)

    monkeypatch.setattr(documents, "each", each)
    documents.prepare(asked, None)
    monkeypatch.setattr(documents, "WORTH", 1)
    documents.prepare(asked, 1)
    assert not kept
    assert not started
    documents.prepare(asked, 2)
    assert started == [2]
    assert kept.keys() == set(asked)
    prepared = dict(kept)
    kept.clear()
    assert {one: documents.made(one) for one in asked} == prepared
    documents.prepare(asked, 2)
    assert started == [2]
