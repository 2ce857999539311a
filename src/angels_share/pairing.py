"""Aligning two runs of a task item by item, with every reason for refusing to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from angels_share.errors import PairingError
from angels_share.logs import Settings, TaskLog

SHARED_SETTINGS = {
    "track": "--metadata as_track",
    "profile": "--metadata as_profile",
    "item_seed": "--metadata as_seed",
    "canaries": "--metadata as_canaries",
    "num_fewshot": "--num_fewshot",
}
"""Settings that both runs must share, with the switch that sets them."""


class CoupledError(PairingError):
    """Two sampled runs share their random numbers, which would make the student look better than the teacher."""


@dataclass(frozen=True)
class TaskPair:
    """Two logs of one task in the same item order: row i of both is the same document."""

    teacher: TaskLog
    student: TaskLog


def pair(teacher: TaskLog, student: TaskLog) -> TaskPair:
    """Return the two logs in the order of their document hashes.

    Raises
    ------
    PairingError
        If task, version, measure, track, profile, item seed, shots, sampler or item set differ.
    CoupledError
        If a sampled task was run with one sampling seed on both sides, or the samples are identical.
    """
    name = teacher.spec.name
    if student.spec.name != name:
        raise PairingError(f"teacher's task is {name}, student's is {student.spec.name}; pair one task with itself")
    if teacher.spec.version != student.spec.version:
        raise PairingError(
            f"{name}: teacher ran version {teacher.spec.version}, student version {student.spec.version}; "
            "run both with the same release of angels-share"
        )
    if teacher.spec.measure != student.spec.measure:
        raise PairingError(f"{name}: the logs carry different measure blocks; was metadata.angels_share replaced?")
    for field, switch in SHARED_SETTINGS.items():
        ours, theirs = getattr(teacher.settings, field), getattr(student.settings, field)
        if ours != theirs:
            raise PairingError(f"{name}: teacher has {field} {ours}, student {theirs}; run both with the same {switch}")
    _same_sampler(name, teacher.settings, student.settings)
    _same_items(name, teacher, student)
    if teacher.spec.measure.readout == "sampled":
        _independent(name, teacher, student)
    return TaskPair(_ordered(teacher), _ordered(student))


def _same_sampler(name: str, teacher: Settings, student: Settings) -> None:
    def sampler(settings: Settings) -> dict[str, object]:
        return {k: v for k, v in settings.generation_kwargs.items() if k not in ("until", "top_k")}

    ours, theirs = sampler(teacher), sampler(student)
    if ours != theirs:
        differing = sorted(k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k))
        raise PairingError(
            f"{name}: the samplers differ in {', '.join(differing)}; run both with the same --gen_kwargs"
        )


def _same_items(name: str, teacher: TaskLog, student: TaskLog) -> None:
    for side, log in (("teacher", teacher), ("student", student)):
        repeated = [h for h, k in Counter(log.doc_hash).items() if k > 1]
        if repeated:
            raise PairingError(f"{name}: the {side}'s log holds document {repeated[0][:12]} twice; run the task again")
    ours, theirs = set(teacher.doc_hash), set(student.doc_hash)
    if ours != theirs:
        raise PairingError(
            f"{name}: the item sets differ ({len(ours - theirs)} only in the teacher's log, {len(theirs - ours)} only "
            "in the student's); run both with the same release, track, profile and item seed"
        )


def _independent(name: str, teacher: TaskLog, student: TaskLog) -> None:
    ours, theirs = teacher.settings.sampling_seed, student.settings.sampling_seed
    if ours is not None and ours == theirs:
        raise CoupledError(
            f"{name}: COUPLED: teacher and student were sampled with one seed ({ours}); "
            "run one of them again with another --seed"
        )
    said = [[sorted(texts) for texts in _ordered(log).texts or ()] for log in (teacher, student)]
    if said[0] == said[1]:
        raise CoupledError(f"{name}: COUPLED: every sampled answer of the two logs is the same; they are one run")


def _ordered(log: TaskLog) -> TaskLog:
    order = sorted(range(len(log.doc_hash)), key=log.doc_hash.__getitem__)
    return replace(
        log,
        items=tuple(log.items[i] for i in order),
        doc_hash=tuple(log.doc_hash[i] for i in order),
        log_likelihoods=None if log.log_likelihoods is None else np.asarray(log.log_likelihoods)[order],
        texts=None if log.texts is None else tuple(log.texts[i] for i in order),
    )
