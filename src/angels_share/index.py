"""From submissions to the index that the leaderboard reads: two tables, one document a pair, and their hashes.

::

    index/
    ├── CURRENT.json               which folder is current, the SHA-256 of each file in it, and what was left out
    └── 3f0c…/                     named by its content
        ├── board.parquet          one row a pair and suite: what the board shows, with ranks
        ├── tasks.parquet          one row a pair and task: every number of the task's score
        ├── pairs/<pair id>.json   manifest, statement, score, claim checks, findings and history of one pair
        ├── history.json           every event of every pair, those that are gone included, where there is a history
        └── validity.json          the validity report, where there is one

A new index is written beside the old one, and CURRENT.json, replaced last and in one step, switches to it. A reader
sees the old index or the new one, never a mixture. The same submissions give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from angels_share.errors import AngelsShareError, BundleError
from angels_share.parallel import each
from angels_share.ranking import Ranks, rank
from angels_share.score import report
from angels_share.score.model import PairScore, SuiteScore, TaskScore
from angels_share.score.report import Row, interval
from angels_share.statement import ClaimCheck, Statement, sentence
from angels_share.submission import validate
from angels_share.submission.forensics import Answers, answers_of, repeated
from angels_share.submission.history import ENDED, Event, Trust, answers_digest, read_history, standing, trust
from angels_share.submission.model import Finding, Manifest
from angels_share.taxonomy import ROWS

SCHEMA = "angels-share/index/1"
PAIR_SCHEMA = "angels-share/index-pair/1"
RANK_METHOD = "simultaneous 95 % intervals (max-T)"
CONTROL = "control"

_VERDICTS = ("preserved", "harmful", "corrective", "shifted", "inconclusive", "charged", "not_measurable")
_RANKS = tuple(field.name for field in fields(Ranks))
_FOLDER = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Entry:
    """An accepted submission."""

    manifest: Manifest
    statement: Statement
    score: PairScore
    checks: tuple[ClaimCheck, ...] = ()
    findings: tuple[Finding, ...] = ()
    history: tuple[Event, ...] = ()
    """The events of this pair, oldest first."""
    answers: Answers | None = field(default=None, compare=False)
    """What the student answered, to be held against other students."""

    @property
    def pair_id(self) -> str:
        """Stable name of the pair."""
        return self.manifest.pair_id

    @property
    def kind(self) -> str:
        """``control`` for a null control, which is shown but never ranked, else ``pair``."""
        return CONTROL if self.manifest.method == CONTROL else "pair"

    @property
    def trust(self) -> Trust:
        """What stands behind the score: at least that the project computed it from the submitted logs."""
        return trust(self.history, answers_digest(self.manifest))

    @property
    def bars(self) -> tuple[str, ...]:
        """Why the pair has no rank in any suite, besides the reasons of its suites."""
        told = [f.message for f in self.findings if f.rule in ("AS-506", "AS-801")]
        last = standing(self.history).get(self.pair_id)
        if last is not None and last.event in ENDED:
            told.append(f"{last.event} on {last.date}: {last.reason}")
        return tuple(told)


@dataclass(frozen=True)
class LeftOut:
    """A bundle that is not in the index, and why."""

    folder: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class IndexSummary:
    """What was written."""

    folder: Path
    """The new current folder."""
    pairs: int
    rows: int
    """Rows of the board: one a pair and suite."""
    left_out: tuple[LeftOut, ...]


def _fields(kind: pa.DataType, *names: str) -> list[pa.Field]:
    return [pa.field(name, kind) for name in names]


def _interval_fields(name: str) -> list[pa.Field]:
    return _fields(pa.float64(), name, f"{name}_low", f"{name}_high")


BOARD_SCHEMA = pa.schema(
    [
        *_fields(pa.string(), "pair_id", "slug", "suite", "suite_version", "teacher", "student", "method", "kind"),
        *_fields(pa.string(), "trust", "track", "profile", "access", "canaries"),
        *_fields(pa.list_(pa.int32()), "levels"),
        *_fields(pa.int64(), "item_seed"),
        *_interval_fields("retention"),
        *_fields(pa.float64(), "teacher_primary", "student_primary", "chance"),
        *_interval_fields("angels_share"),
        *_fields(pa.float64(), "kept", "accounted", "undisclosed", "unmeasured"),
        *_interval_fields("composite"),
        *_fields(pa.float64(), *(f"loss_{row}" for row in ROWS)),
        *_fields(pa.int32(), *(f"n_{verdict}" for verdict in _VERDICTS)),
        *_fields(pa.float64(), "coverage"),
        *_fields(pa.bool_(), "rankable"),
        *_fields(pa.list_(pa.string()), "reasons"),
        *(pa.field(name, pa.float64() if name == "place_kept" else pa.int32()) for name in _RANKS),
        *_fields(pa.string(), "rank_method"),
    ]
)
"""Columns of ``board.parquet``."""

_SIDE = pa.struct(
    [
        pa.field("name", pa.string()),
        *(field for name in report.SIDE_ESTIMATES for field in _interval_fields(name)),
        *_fields(pa.float64(), *report.SIDE_NUMBERS),
    ]
)

TASKS_SCHEMA = pa.schema(
    [
        *_fields(pa.string(), "pair_id", "task", "row", "readout", "access", "observable", "discrepancy", "utility"),
        *_fields(pa.string(), "direction"),
        *_fields(pa.float64(), "version"),
        *_fields(pa.list_(pa.int32()), "levels"),
        *_fields(pa.int64(), "n_items", "n_clusters", "repeats"),
        *_fields(pa.string(), "gap_side", "gap_reason", "verdict", "verdict_author"),
        *(field for name in report.ESTIMATES for field in _interval_fields(name)),
        *(field for name in report.FLOORED for field in _interval_fields(f"{name}_floor")),
        *_fields(pa.float64(), *report.NUMBERS, "epsilon", "tau"),
        *_fields(pa.list_(pa.string()), "flags"),
        *_fields(pa.list_(_SIDE), "sides"),
    ]
)
"""Columns of ``tasks.parquet``; strata and statistics are in the pair's document only."""


def _verdict(task: TaskScore) -> str:
    if task.gap:
        return "charged" if task.gap.side == "submitter" else "not_measurable"
    return task.verdict.lower()


def _board_row(entry: Entry, suite: SuiteScore) -> Row:
    score, share = entry.score, suite.angels_share
    in_suite = {name for row in suite.rows for name in row.tasks}
    verdicts = Counter(_verdict(task) for task in score.tasks if task.task in in_suite)
    losses = {row.row: row.loss.value for row in suite.rows if row.loss}
    primary = suite.primary
    return {
        "pair_id": entry.pair_id,
        "slug": entry.manifest.slug,
        "suite": suite.suite,
        "suite_version": suite.version,
        "teacher": score.teacher,
        "student": score.student,
        "method": entry.manifest.method,
        "kind": entry.kind,
        "trust": entry.trust,
        **score.key.model_dump(mode="json"),
        "canaries": score.key.canaries if any(row.row == "privacy" for row in suite.rows) else None,
        **interval("retention", primary.retention),
        "teacher_primary": primary.teacher.value if primary.teacher else None,
        "student_primary": primary.student.value if primary.student else None,
        "chance": primary.chance,
        **interval("angels_share", share.total if share else None),
        "kept": 1 - share.total.value if share else None,
        "accounted": share.accounted if share else None,
        "undisclosed": share.undisclosed if share else None,
        "unmeasured": share.unmeasured if share else None,
        **interval("composite", suite.composite),
        **{f"loss_{row}": losses.get(row) for row in ROWS},
        **{f"n_{verdict}": verdicts[verdict] for verdict in _VERDICTS},
        "coverage": suite.coverage,
        "rankable": suite.rankable and not entry.bars,
        "reasons": [*suite.reasons, *entry.bars],
    }


def _comparison_key(row: Row) -> tuple[Any, ...]:
    """Return what two rows must share to be ranked against each other."""
    setting = (row["track"], row["profile"], tuple(row["levels"]), row["item_seed"], row["access"])
    return row["suite"], row["suite_version"], *setting, row["canaries"] or "", row["teacher"]


def with_ranks(held: Sequence[tuple[Row, SuiteScore]]) -> list[Row]:
    """Return the rows of one comparison key with their ranks, best first; see :func:`angels_share.ranking.rank`.

    Controls and unrankable rows come last and have no rank.
    """
    ranked = [(row, suite) for row, suite in held if _has_rank(row)]
    ranks = {
        row["pair_id"]: {**vars(found), "rank_method": RANK_METHOD}
        for (row, _), found in zip(ranked, rank([suite for _, suite in ranked]), strict=True)
    }
    none = dict.fromkeys((*_RANKS, "rank_method"))
    return sorted(({**row, **ranks.get(row["pair_id"], none)} for row, _ in held), key=_board_order)


def _has_rank(row: Row) -> bool:
    return bool(row["rankable"]) and row["kind"] != CONTROL and row["composite"] is not None


def _board_order(row: Row) -> tuple[Any, ...]:
    composite = -row["composite"] if row["composite"] is not None else float("inf")
    return row["kind"] == CONTROL, row["rank_low"] is None, row["rank_low"] or 0, composite, row["pair_id"]


def board_rows(entries: Sequence[Entry]) -> list[Row]:
    """Return the rows of the board, one a pair and suite, ranked within each comparison key."""
    held = [(_board_row(entry, suite), suite) for entry in entries for suite in entry.score.suites]
    held.sort(key=lambda row_and_suite: _comparison_key(row_and_suite[0]))
    grouped = groupby(held, key=lambda row_and_suite: _comparison_key(row_and_suite[0]))
    return [row for _, same_key in grouped for row in with_ranks(list(same_key))]


def task_rows(entries: Sequence[Entry]) -> list[Row]:
    """Return one row a pair and task, with every number of the task's score."""
    ordered = sorted(entries, key=lambda e: e.pair_id)
    return [{"pair_id": e.pair_id, **row} for e in ordered for row in report.reporting_rows(e.score)]


def pair_document(entry: Entry) -> dict[str, Any]:
    """Return everything that the page of one pair shows."""
    statement = entry.statement
    told = [suite.suite for suite in entry.score.suites if suite.suite in statement.suites]
    return {
        "schema_version": PAIR_SCHEMA,
        "pair_id": entry.pair_id,
        "kind": entry.kind,
        "trust": entry.trust,
        "history": [event.model_dump(mode="json") for event in entry.history],
        "manifest": entry.manifest.model_dump(mode="json"),
        "statement": statement.model_dump(mode="json"),
        "sentences": {suite: sentence(statement, suite) for suite in told},
        "score": entry.score.model_dump(mode="json"),
        "checks": [check.model_dump(mode="json") for check in entry.checks],
        "findings": [finding.model_dump(mode="json") for finding in entry.findings],
    }


def _judge(folder: Path, teachers: Path) -> Entry | LeftOut:
    try:
        report = validate(folder, teachers)
    except AngelsShareError as error:
        return LeftOut(folder.name, (str(error),))
    if not report.accepted or report.manifest is None or report.statement is None or report.score is None:
        return LeftOut(folder.name, tuple(str(found) for found in report.findings if found.severity == "error"))
    answers = answers_of(report)
    return Entry(report.manifest, report.statement, report.score, report.checks, report.findings, answers=answers)


def read_entries(
    submissions: Path, advance: Callable[[int, int], None] | None = None, workers: int | None = 1
) -> tuple[list[Entry], list[LeftOut]]:
    """Validate every bundle under ``submissions``; return what was accepted, and what was not.

    Parameters
    ----------
    submissions : Path
        Folder with one folder a bundle, and the canonical teachers under ``teachers``.
    advance : callable, optional
        Called after each bundle with the number done and the number of all, for a progress bar.
    workers : int, optional
        Processes; None for one a core.
    """
    if not submissions.is_dir():
        raise BundleError(
            f"{submissions}: no such folder; expected one with a folder for each bundle, as `pack` writes"
        )
    events = read_history(submissions)
    teachers = submissions / "teachers"
    folders = sorted(f for f in submissions.iterdir() if f.is_dir() and f != teachers and not f.name.startswith("."))
    entries: dict[str, Entry] = {}
    left_out = []
    judge = partial(_judge, teachers=teachers)
    for done, (folder, judged) in enumerate(zip(folders, each(judge, folders, workers), strict=True), start=1):
        if isinstance(judged, LeftOut):
            left_out.append(judged)
        elif judged.pair_id in entries:
            left_out.append(LeftOut(folder.name, (f"pair {judged.pair_id} was submitted in another folder already",)))
        else:
            entries[judged.pair_id] = judged
        if advance:
            advance(done, len(folders))
    return _beside_each_other(list(entries.values()), events), left_out


def _beside_each_other(entries: Sequence[Entry], events: Sequence[Event]) -> list[Entry]:
    """Return the entries with their history, and with the findings that only several pairs together show."""
    found = repeated([entry.answers for entry in entries if entry.answers is not None])
    return [
        replace(
            entry,
            findings=(*entry.findings, *(one for pair, one in found if pair == entry.pair_id)),
            history=tuple(event for event in events if event.pair_id == entry.pair_id),
        )
        for entry in entries
    ]


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def _parquet(rows: Sequence[Row], schema: pa.Schema) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _files(entries: Sequence[Entry]) -> Iterator[tuple[str, bytes]]:
    yield "board.parquet", _parquet(board_rows(entries), BOARD_SCHEMA)
    yield "tasks.parquet", _parquet(task_rows(entries), TASKS_SCHEMA)
    for entry in entries:
        yield f"pairs/{entry.pair_id}.json", _json(pair_document(entry))


def write_index(
    entries: Sequence[Entry], left_out: Sequence[LeftOut], out: Path, beside: Mapping[str, bytes] | None = None
) -> IndexSummary:
    """Write the index of these entries into the folder ``out`` and make it the current one.

    Files ``beside`` the entries' own, by name, become part of it.
    """
    hashes = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".building-") as building:
            for name, content in (*_files(entries), *(beside or {}).items()):
                path = Path(building, "index", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                hashes[name] = hashlib.sha256(content).hexdigest()
            current = out / hashlib.sha256(_json(hashes)).hexdigest()[:16]
            if current.exists():
                current.rename(Path(building, "replaced"))
            Path(building, "index").rename(current)
            pointer = {
                "schema_version": SCHEMA,
                "folder": current.name,
                "files": hashes,
                "left_out": [asdict(bundle) for bundle in left_out],
            }
            Path(building, "CURRENT.json").write_bytes(_json(pointer))
            Path(building, "CURRENT.json").replace(out / "CURRENT.json")
        for folder in out.iterdir():
            if folder.is_dir() and _FOLDER.fullmatch(folder.name) and folder != current:
                shutil.rmtree(folder)
    except OSError as error:
        raise BundleError(
            f"{out}: the index cannot be written: {error}; the index before it is still in place"
        ) from error
    rows = sum(len(entry.score.suites) for entry in entries)
    return IndexSummary(folder=current, pairs=len(entries), rows=rows, left_out=tuple(left_out))


def build_index(
    submissions: Path,
    out: Path,
    advance: Callable[[int, int], None] | None = None,
    beside: Mapping[str, bytes] | None = None,
    workers: int | None = 1,
) -> IndexSummary:
    """Validate every bundle under ``submissions`` and write the index of those accepted into ``out``.

    Parameters
    ----------
    submissions : Path
        Folder with one folder a bundle, and the canonical teachers under ``teachers``.
    out : Path
        Folder of the index; made where it is missing.
    advance : callable, optional
        Called after each bundle with the number done and the number of all, for a progress bar.
    beside : mapping, optional
        Other files of the index, by name, such as the validity report.
    workers : int, optional
        Processes; None for one a core.

    Returns
    -------
    IndexSummary
        What was written, and which bundles were left out and why.
    """
    entries, left_out = read_entries(submissions, advance, workers)
    events = [event.model_dump(mode="json") for event in read_history(submissions)]
    history = {"history.json": _json(events)} if events else {}
    return write_index(entries, left_out, out, {**history, **(beside or {})})
