"""Fuzzers of `validate`: whatever a bundle holds, no exception, no long wait, and no other score is accepted.

The bundle is small: two tasks, a registered teacher, few resamples on both sides of the comparison. Spoilt files get
their right hashes again in most cases, as a forger would give them, so that the stages behind the hashes are reached.
"""

from __future__ import annotations

import gzip
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from angels_share import spec, submission
from angels_share.items import CALIBRATION_SEED
from angels_share.submission import files
from angels_share.submission.differences import differences
from angels_share.submission.model import Manifest
from angels_share.submission.scoring import manifest_digest, rescore
from synthetic import FIVE_TASKS, noisy, write_run
from test_submission import write_statement

LIKELIHOOD, SAMPLED = "as_calibration_confidence", "as_distribution_sample"
TWO_TASKS = spec.SuiteSpec.model_validate(
    FIVE_TASKS.model_dump()
    | {
        "tasks": (LIKELIHOOD, SAMPLED),
        "second_stage": (),
        "rows": {
            "calibration": {"weight": 0.5, "primary_task": LIKELIHOOD},
            "distribution": {"weight": 0.5, "primary_task": SAMPLED},
        },
    }
)
RESAMPLES = 20
STRUCTURED, BYTES = 1800, 3600
LONGEST = 10.0
"""Seconds of computing that no case may take; validation waits for nothing."""

Contents = dict[str, bytes]


class Fuzzed:
    """A good bundle on disk whose files are replaced for one case and put back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.good: Contents = {
            p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
        }
        self.parsed: dict[str, Any] = {place: decoded(place, content) for place, content in self.good.items()}
        report = submission.validate(folder)
        assert report.accepted, [str(found) for found in report.findings]
        self.score = meaning(report)
        self.outcomes: Counter[str] = Counter()

    def examine(self, spoilt: Contents, *, sealed: bool) -> None:
        """Validate the bundle with these files in the place of its own."""
        contents = sealing(self.good | spoilt) if sealed else self.good | spoilt
        changed = [place for place, content in contents.items() if content != self.good[place]]
        if not changed:
            return
        try:
            for place in changed:
                (self.folder / place).write_bytes(contents[place])
            begun = time.process_time()
            report = submission.validate(self.folder)
            assert time.process_time() - begun < LONGEST
        finally:
            for place in changed:
                (self.folder / place).write_bytes(self.good[place])
        found = next((f.rule for f in report.findings if f.severity == "error"), "accepted")
        self.outcomes[found] += 1
        assert report.accepted == (found == "accepted")
        if report.accepted:
            assert next(differences(meaning(report), self.score), None) is None


def meaning(report: submission.Report) -> dict[str, Any]:
    """Return the recomputed score without its provenance, which holds digests of the logs."""
    assert report.score is not None
    return report.score.model_dump(mode="json") | {"provenance": None}


def decoded(place: str, content: bytes) -> Any:
    if place.endswith(".gz"):
        return [json.loads(line) for line in gzip.decompress(content).splitlines()]
    return json.loads(content)


def encoded(place: str, content: Any) -> bytes:
    """Return any content as the file would hold it, numbers that JSON does not know included."""
    if not place.endswith(".gz"):
        return (
            json.dumps(content, sort_keys=True, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass") + b"\n"
        )
    lines = content if isinstance(content, list) else [content]
    text = "".join(json.dumps(line, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    return gzip.compress(text.encode("utf-8", "surrogatepass"), compresslevel=1, mtime=0)


def sealing(contents: Contents) -> Contents:
    """Return the files with their hashes in the manifest, where the manifest is still one."""
    with suppress(ValueError, AttributeError, KeyError, TypeError, RecursionError):
        manifest = json.loads(contents["submission.json"])
        for held in (manifest["files"], *(role.get("files", {}) for role in manifest["roles"].values())):
            held |= {place: files.sha256(contents[place]) for place in held if place in contents}
        with suppress(ValidationError):
            checked = Manifest.model_validate_json(json.dumps(manifest))
            manifest = checked.model_copy(update={"digest": manifest_digest(checked)}).model_dump(mode="json")
        return contents | {"submission.json": files.dump(manifest)}
    return contents


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    root = tmp_path_factory.mktemp("fuzz")
    read, quick = spec._suite, partial(rescore, resamples=RESAMPLES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spec, "_suite", lambda name, path: TWO_TASKS if name == TWO_TASKS.name else read(name, path))
        spec.suites.cache_clear()
        for user in (submission.pack, submission.validate):
            patch.setitem(user.__globals__, "rescore", quick)
        able, weak = noisy(1, 0.95), noisy(2, 0.6)
        teacher = write_run(root / "t", TWO_TASKS.tasks, able, model="teacher", sampling_seed=1)
        student = write_run(root / "s", TWO_TASKS.tasks, weak, model="student", sampling_seed=2)
        calibration = write_run(root / "c", TWO_TASKS.tasks, able, model="teacher", item_seed=CALIBRATION_SEED)
        registered = submission.register_teacher(
            teacher, root / "submissions" / "teachers", "teacher", calibration=calibration
        )
        said = write_statement(root / "statement.yaml", teacher, student, calibration)
        yield Fuzzed(
            submission.pack(teacher, student, said, root / "submissions", suites=["high_risk"], canonical=registered)
        )
    spec.suites.cache_clear()


def places(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value; of long lists only to the first and the last entries."""
    entries = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in entries:
        if isinstance(key, str) or key < 3 or key >= len(content) - 2:
            yield (*at, key)
            yield from places(value, (*at, key))


def replaced(parent: Any, key: Any, value: Any) -> None:
    parent[key] = value


def removed(parent: Any, key: Any, _: Any) -> None:
    del parent[key]


def renamed(parent: Any, key: Any, value: Any) -> None:
    if isinstance(parent, dict):
        parent[value if isinstance(value, str) else f"{key}_"] = parent.pop(key)
    else:
        parent.reverse()


def added(parent: Any, key: Any, value: Any) -> None:
    if isinstance(parent, dict):
        parent[f"{key}2"] = value
    else:
        parent.insert(key, value)


def doubled(parent: Any, key: Any, _: Any) -> None:
    if isinstance(parent, list):
        parent.append(parent[key])
    else:
        parent[key] = [parent[key], parent[key]]


def exchanged(parent: Any, key: Any, _: Any) -> None:
    other = next(iter(parent)) if isinstance(parent, dict) else 0
    parent[key], parent[other] = parent[other], parent[key]


def nudged(parent: Any, key: Any, _: Any) -> None:
    value = parent[key]
    if isinstance(value, bool) or value is None:
        parent[key] = not value
    elif isinstance(value, int):
        parent[key] = value + 1
    elif isinstance(value, float):
        parent[key] = value * (1 + 1e-6) + 1e-7
    elif isinstance(value, str):
        parent[key] = f"{value[:-1]}0"


def value_at(content: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        content = content[key]
    return content


def nested(depth: int) -> Any:
    content: Any = []
    for _ in range(depth):
        content = [content]
    return content


NASTY = (
    *(None, True, 0, -1, 2**53, 2**53 + 1, -(10**400), 0.1, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", "nan", "-inf", "1e999", "=1+1", "../../x", "\ud800", "\u202e", "\x00", "a" * 5000, "student", "0" * 64),
    *([], {}, [[]], [[["-1", "True"]]], [["x"] * 8], {"files": {}}, {"canonical": "teacher"}, nested(31), nested(900)),
)
OPERATIONS = (*(replaced, removed, renamed, added), *(nudged, doubled, exchanged) * 3)
"""More of those that keep the form than of those that break it, which is found at once."""


@dataclass(frozen=True)
class Elsewhere:
    """A value of the same kind that stands elsewhere in the file."""

    number: int


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.sampled_from(NASTY) | st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
SAMPLES = tuple(f"student/samples/{task}.jsonl.gz" for task in TWO_TASKS.tasks)
FILES = ("submission.json", "statement.json", "score.json", "student/results.json", *SAMPLES)
PLACE = st.integers(0, 2**20)
MUTATION = st.tuples(PLACE, st.sampled_from(OPERATIONS), VALUES | PLACE.map(Elsewhere))


def test_spoilt_content_is_refused_or_means_the_same(fuzzed: Fuzzed) -> None:
    ways = {place: list(places(content)) for place, content in fuzzed.parsed.items()}
    kinds: dict[str, dict[type, list[tuple[Any, ...]]]] = {place: defaultdict(list) for place in ways}
    for place, found in ways.items():
        for way in found:
            kinds[place][type(value_at(fuzzed.parsed[place], way))].append(way)
    assert tuple(sorted(FILES)) == tuple(sorted(fuzzed.good))

    @settings(
        max_examples=STRUCTURED,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(FILES + SAMPLES),
        st.lists(MUTATION, min_size=1, max_size=2),
        st.sampled_from((True, True, True, False)),
    )
    def case(place: str, mutations: list[tuple[int, Callable[..., None], Any]], sealed: bool) -> None:
        content = json.loads(json.dumps(fuzzed.parsed[place]))
        for number, operation, value in mutations:
            way = ways[place][number % len(ways[place])]
            with suppress(KeyError, IndexError, TypeError):
                if isinstance(value, Elsewhere):
                    same = kinds[place].get(type(value_at(content, way)), ways[place])
                    value = value_at(fuzzed.parsed[place], same[value.number % len(same)])
                operation(value_at(content, way[:-1]), way[-1], deepcopy(value))
        fuzzed.examine({place: encoded(place, content)}, sealed=sealed)

    fuzzed.outcomes.clear()
    case()
    assert fuzzed.outcomes.total() >= STRUCTURED * 0.9
    assert {
        "AS-201",
        "AS-203",
        "AS-211",
        "AS-301",
        "AS-402",
        "AS-403",
        "AS-405",
        "AS-406",
        "AS-601",
        "accepted",
    } <= set(fuzzed.outcomes)


def spoilt(content: bytes, draw: random.Random) -> bytes:
    """Return bytes with one bit flipped, a few inserted, removed, repeated or replaced, or all after a place cut."""
    at, length = draw.randrange(len(content) + 1), draw.choice((1, 1, 2, 7, 100))
    head, there, tail = content[:at], content[at : at + length], content[at + length :]
    match draw.randrange(6):
        case 0:
            return (
                head + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :] if at < len(content) else head
            )
        case 1:
            return head + draw.randbytes(length) + there + tail
        case 2:
            return head + tail
        case 3:
            return head + there + there + tail
        case 4:
            return head + bytes(draw.choices(b'0123456789-.eE"{}[],:\\n tfu', k=len(there))) + tail
        case _:
            return head


def test_spoilt_bytes_are_refused_or_mean_the_same(fuzzed: Fuzzed) -> None:
    draw = random.Random(20260101)
    fuzzed.outcomes.clear()
    while fuzzed.outcomes.total() < BYTES:
        place = draw.choice(FILES)
        unpacked = place.endswith(".gz") and draw.random() < 0.7
        content = gzip.decompress(fuzzed.good[place]) if unpacked else fuzzed.good[place]
        for _ in range(draw.choice((1, 1, 1, 2, 8))):
            content = spoilt(content, draw)
        content = gzip.compress(content, compresslevel=1, mtime=0) if unpacked else content
        fuzzed.examine({place: content}, sealed=draw.random() < (0.5 if place == "submission.json" else 0.85))
    assert {"AS-105", "AS-201", "AS-211", "AS-301", "AS-403", "AS-406", "AS-601", "accepted"} <= set(fuzzed.outcomes)
