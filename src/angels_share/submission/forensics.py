"""Signs that a log is not what it seems: flags with a value and what to hold it against, and never a ban.

What was measured on the committed submissions, controls apart: the two students have 23 % and 61 % of their
answers in common with their teachers, and log-likelihoods that are off by 43 and 99 at most; the probabilities of an
item's options add up to 0.9998 at most; of 7 654 items none has a greedy option that cannot be it; 2 of 18 and 0 of 29
tasks are answered with one answer throughout. A teacher that ran again has all its answers in common with itself and
log-likelihoods that are off by 6e-6 at most in single precision; in half precision by 0.9, with 97.6 % of the answers.
A forger who keeps probabilities possible and changes few answers shows none of these signs; running some items again,
as `angels-share verify` does, finds him.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from angels_share.items import Item
from angels_share.logs import Run, TaskLog
from angels_share.submission import files
from angels_share.submission.model import Files, Finding, Manifest, Report
from angels_share.submission.role import sample_path
from angels_share.submission.rules import finding

CONTROL = "control"

IDENTICAL = 0.995
"""Share of identical answers from which on two models are one."""

EQUAL = 1e-4
"""Log-likelihoods that differ by less are those of one model."""

LEAST_ANSWERS = 200
"""Answers in common below which identity says little."""

LARGEST_SUM = 1.02
"""Sum of the probabilities of options that exclude each other; what is above 1 is rounding in half precision."""

LIKELY = 0.51
"""An option with a higher probability is the greedy one: every token of it is more likely than not."""

CONSTANT = 0.25
"""Share of the tasks, of those on which the teacher gives several answers, that a student may answer with a single
one."""


def signals(report: Report) -> list[Finding]:
    """Return the signs that one pair shows. A control, whose answers are made up on purpose, shows none.

    Parameters
    ----------
    report : Report
        With the runs of the pair, which :func:`angels_share.submission.validate` has read.
    """
    manifest = report.manifest
    if manifest is None or manifest.method == CONTROL or not {"teacher", "student"} <= report.runs.keys():
        return []
    teacher, student = report.runs["teacher"], report.runs["student"]
    shared = [name for name, log in student.tasks.items() if name in teacher.tasks and _said(log)]
    return [
        *_identity(manifest, teacher, student, shared),
        *_impossible(report.folder, manifest, student),
        *_constant(teacher, student, shared),
    ]


def _said(log: TaskLog) -> dict[str, str]:
    """Return what a model answered, by the item: the place of the likeliest option that excludes others, or a text.

    Sampled answers, which differ from run to run, are left out.
    """
    if log.spec.measure.readout == "sampled":
        return {}
    if log.texts is not None:
        return {h: texts[0] for h, texts in zip(log.doc_hash, log.texts, strict=True)}
    best = np.nan_to_num(np.asarray(log.log_likelihoods), nan=-np.inf).argmax(axis=1)
    rows = zip(log.doc_hash, log.items, best, strict=True)
    return {h: str(k) for h, item, k in rows if _exclusive(item)}


def _identity(manifest: Manifest, teacher: Run, student: Run, shared: Sequence[str]) -> Iterator[Finding]:
    ours, theirs = manifest.teacher.weights_sha256, manifest.student.weights_sha256
    if ours is not None and ours == theirs:
        yield finding("AS-801", "submission.json", f"teacher and student have one weights_sha256, {ours[:12]}…")
    same = count = 0
    largest = 0.0
    for name in shared:
        one, other = teacher.tasks[name], student.tasks[name]
        said = _said(one)
        same += sum(said.get(h) == answer for h, answer in _said(other).items())
        count += len(said)
        if one.log_likelihoods is not None and other.log_likelihoods is not None and one.doc_hash == other.doc_hash:
            off = np.abs(one.log_likelihoods - other.log_likelihoods)
            largest = max(largest, float(np.nanmax(off, initial=0.0)))
    if count >= LEAST_ANSWERS and same >= IDENTICAL * count and largest < EQUAL:
        told = f"{same / count:.2%} of {count} answers are the teacher's, and no log-likelihood is off by more than "
        told += f"{largest:.1g}; flagged from {IDENTICAL:.1%} on where all are within {EQUAL:g}, as of one model"
        yield finding("AS-801", "student", told)


def _exclusive(item: Item) -> bool:
    """Tell whether at most one of an item's options can be what a text goes on with: none begins another."""
    ordered = sorted(map(str, item.get("choices", ())))
    return len(ordered) > 1 and not any(later.startswith(one) for one, later in pairwise(ordered))


def _impossible(folder: Path, manifest: Manifest, student: Run) -> Iterator[Finding]:
    """Yield, for each task, how many items have log-likelihoods that no model gives."""
    content = manifest.roles.get("student")
    listed = content.files if isinstance(content, Files) else {}
    for name, log in student.tasks.items():
        if log.log_likelihoods is None:
            continue
        apart = {h: _exclusive(item) for h, item in zip(log.doc_hash, log.items, strict=True)}
        total = np.nansum(np.exp(log.log_likelihoods), axis=1)[[*apart.values()]]
        place = f"student/{sample_path(name)}"
        if (many := int((total > LARGEST_SUM).sum())) > 0:
            told = f"{many} of {len(total)} items have options whose probabilities add up to more than {LARGEST_SUM}, "
            yield finding("AS-802", place, told + f"to {total.max():.3g} at most; a model's to at most 1")
        if place in listed and (many := sum(_greedy_elsewhere(folder / place, place, apart))) > 0:
            told = f"{many} of {len(total)} items have a greedy option that cannot be it: two are, or another has a "
            yield finding("AS-802", place, told + f"probability above {LIKELY}; a model has none")


def _greedy_elsewhere(path: Path, place: str, apart: Mapping[str, bool]) -> Iterator[bool]:
    """Yield of each item whose options exclude each other whether lm-eval's mark of the greedy one cannot be right."""
    for line in files.read_lines(path, place, files.Budget()):
        row = json.loads(line)
        options = [option[0] for option in row["resps"]]
        if apart.get(row["doc_hash"]) and all(len(option) == 2 for option in options):
            marked = [option[1] == "True" for option in options]
            likely = [float(option[0]) > np.log(LIKELY) for option in options]
            yield sum(marked) > 1 or any(p and not m for p, m in zip(likely, marked, strict=True))


def _constant(teacher: Run, student: Run, shared: Sequence[str]) -> Iterator[Finding]:
    varied = [name for name in shared if len({*_said(teacher.tasks[name]).values()}) > 1]
    constant = [name for name in varied if len({*_said(student.tasks[name]).values()}) == 1]
    if len(constant) > CONSTANT * len(varied):
        told = f"{len(constant)} of {len(varied)} tasks to which the teacher gives several answers have one answer to "
        yield finding("AS-804", "student", told + f"all items, such as {constant[0]}; flagged above {CONSTANT:.0%}")


@dataclass(frozen=True)
class Answers:
    """What a pair's student answered, short enough to be held against every other student of its teacher."""

    pair_id: str
    teacher: str
    student: str
    control: bool
    tasks: Mapping[str, NDArray[np.uint64]]
    """A number for each answer of a task, by the task's name and the digest of its items."""


def answers_of(report: Report) -> Answers | None:
    """Return the answers of a pair's student, None where the report holds none."""
    manifest, run = report.manifest, report.runs.get("student")
    if manifest is None or run is None:
        return None
    told = {}
    for name, said in ((name, _said(log)) for name, log in run.tasks.items()):
        items = hashlib.sha256("".join(sorted(said)).encode()).hexdigest()
        told[f"{name}/{items}"] = np.array([_number(said[h]) for h in sorted(said)], dtype=np.uint64)
    facts = (manifest.teacher.name, manifest.student.name, manifest.method == CONTROL)
    return Answers(manifest.pair_id, *facts, told)


def _number(answer: str) -> int:
    return int.from_bytes(hashlib.sha256(answer.encode(errors="surrogatepass")).digest()[:8], "big")


def repeated(pairs: Sequence[Answers]) -> list[tuple[str, Finding]]:
    """Return where two students of one teacher give the same answers to the same items, controls apart.

    The likeliest options are compared, not log-likelihoods, so that noise on these hides nothing.

    Returns
    -------
    list of (str, Finding)
        One for each of the two pairs, by its id.
    """
    found = []
    for one, other in combinations([pair for pair in pairs if not pair.control], 2):
        if one.teacher != other.teacher:
            continue
        shared = one.tasks.keys() & other.tasks.keys()
        count = sum(len(one.tasks[name]) for name in shared)
        same = sum(int((one.tasks[name] == other.tasks[name]).sum()) for name in shared)
        if count >= LEAST_ANSWERS and same >= IDENTICAL * count:
            for pair, twin in ((one, other), (other, one)):
                told = f"{same / count:.2%} of {count} answers are those of {twin.student} in pair {twin.pair_id}; "
                told += f"flagged from {IDENTICAL:.1%} on"
                found.append((pair.pair_id, finding("AS-803", "student", told)))
    return found
