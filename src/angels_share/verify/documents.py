"""Asking a model some documents of a bundle again.

The documents follow from the bundle's digest and a nonce that becomes known after the bundle is frozen, so that nobody
can choose them. Log-likelihoods must agree within the numerical floor, greedy texts to the letter. Sampled texts, and
second stages, whose items follow from both models' logs, cannot be compared one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from angels_share import harness, logs
from angels_share.errors import RunError
from angels_share.harness.sampling import answer
from angels_share.logs import Run, TaskLog
from angels_share.submission import Report
from angels_share.verify.models import ModelRole, check_template, check_weights

TOLERANCE = 1e-3
"""Log-likelihoods in single precision differ by less between batch sizes and machines; 8e-6 was measured on one."""


@dataclass(frozen=True)
class Floor:
    """What may differ between two runs of one model."""

    log_likelihood: float
    """Most by which a log-likelihood may be off."""
    texts: float
    """Share of the greedy texts that may differ."""


@dataclass(frozen=True)
class Difference:
    """A document that the model at hand answers otherwise."""

    task: str
    item_id: str
    told: str


@dataclass(frozen=True)
class Check:
    """What came of asking a model again."""

    role: ModelRole
    nonce: str
    likelihoods: int
    """Documents whose log-likelihoods were compared."""
    texts: int
    """Documents whose greedy texts were compared."""
    off: tuple[Difference, ...]
    """Documents with a log-likelihood beyond the floor."""
    otherwise: tuple[Difference, ...]
    """Documents with another greedy text."""
    floor: Floor
    left_out: tuple[str, ...]
    """Tasks of which no document can be compared."""

    @property
    def documents(self) -> int:
        """How many documents were compared."""
        return self.likelihoods + self.texts

    @property
    def allowed(self) -> int:
        """How many texts may differ: no more do in 999 of 1000 checks where each differs with the floor's share."""
        return int(stats.binom.ppf(0.999, self.texts, self.floor.texts)) if self.texts and self.floor.texts else 0

    @property
    def passed(self) -> bool:
        """Whether the model at hand answers as the bundle says."""
        return not self.off and len(self.otherwise) <= self.allowed

    def __str__(self) -> str:
        told = f"{self.role}: {self.documents} documents, nonce {self.nonce}: {len(self.off)} of {self.likelihoods} "
        told += f"with a log-likelihood off by more than {self.floor.log_likelihood:g}, {len(self.otherwise)} of "
        return told + f"{self.texts} with another text where {self.allowed} may have"


def caught(share: float, documents: int) -> float:
    """Return the least probability that a check meets one of the documents that were tampered with.

    ``1 − (1 − f)^k`` for the share f of the documents and k that are drawn; a little more, as none is drawn twice.

    Examples
    --------
    >>> round(caught(0.03, 100), 3)
    0.952
    """
    return 1 - (1 - share) ** documents


def comparable(log: TaskLog) -> bool:
    """Tell whether the answers to a task can be compared one by one."""
    return log.spec.measure.readout != "sampled" and log.spec.measure.first_stage is None


def draw(run: Run, digest: str, nonce: str, count: int) -> dict[str, list[int]]:
    """Return the numbers of the documents to ask again, by task: those with the lowest hash.

    Parameters
    ----------
    run : Run
    digest : str
        The manifest's.
    nonce : str
        What nobody could know when the bundle was packed.
    count : int
        How many; all where there are fewer.
    """
    seed = hashlib.sha256(f"{digest}{nonce}".encode()).hexdigest()
    pool = [
        (hashlib.sha256(f"{seed}/{task}/{h}".encode()).digest(), task, number)
        for task, log in run.tasks.items()
        if comparable(log)
        for number, h in enumerate(log.doc_hash)
    ]
    drawn: dict[str, list[int]] = {}
    for _, task, number in sorted(pool)[:count]:
        drawn.setdefault(task, []).append(number)
    return drawn


def floor_of(runs: Mapping[Any, Run], *, half: bool) -> Floor:
    """Return what may differ: next to nothing in single precision, else twice what the teacher's repeat differs by.

    Raises
    ------
    RunError
        If half precision was used and the bundle holds no repeat of the teacher.
    """
    if not half:
        return Floor(TOLERANCE, 0.0)
    if "teacher_repeat" not in runs:
        raise RunError(
            "half precision, and the bundle has no repeat of the teacher to tell what it does; give --tolerance and "
            "--differing"
        )
    largest, differing, texts = TOLERANCE / 2, 0, 0
    for name, again in runs["teacher_repeat"].tasks.items():
        log = runs["teacher"].tasks.get(name)
        if log is None or not comparable(log) or log.doc_hash != again.doc_hash:
            continue
        if log.log_likelihoods is not None and again.log_likelihoods is not None:
            largest = max(largest, float(np.nanmax(np.abs(log.log_likelihoods - again.log_likelihoods))))
        elif log.texts is not None and again.texts is not None:
            differing += sum(one != other for one, other in zip(log.texts, again.texts, strict=True))
            texts += len(log.texts)
    return Floor(2 * largest, min(2 * differing / texts, 1.0) if texts else 0.0)


def compare(
    role: ModelRole,
    run: Run,
    drawn: Mapping[str, Sequence[int]],
    answers: Mapping[str, Mapping[str, Any]],
    floor: Floor,
    nonce: str = "",
) -> Check:
    """Hold the answers to some documents against those in a bundle.

    Parameters
    ----------
    role : str
    run : Run
        The bundle's.
    drawn : mapping
        Numbers of the documents, by task.
    answers : mapping
        Responses by the document's hash, by task, as :func:`angels_share.harness.sampling.answer` returns them.
    floor : Floor
        What may differ.
    nonce : str
        For the record.

    Raises
    ------
    RunError
        If a document was not answered.
    """
    off, otherwise = [], []
    likelihoods = texts = 0
    for task, number in ((task, number) for task, numbers in drawn.items() for number in numbers):
        log = run.tasks[task]
        item, place = log.items[number], f"{task}, document {number}"
        response = answers.get(task, {}).get(log.doc_hash[number])
        if response is None:
            raise RunError(f"{place}: the model was not asked; lm-eval made other items than those of the bundle")
        if log.log_likelihoods is not None:
            likelihoods += 1
            said = logs.likelihood_columns([response], [item], place)[0]
            most = float(np.abs(said - log.log_likelihoods[number, : len(said)]).max())
            if most > floor.log_likelihood:
                off.append(Difference(task, item["item_id"], f"a log-likelihood is off by {most:.4g}"))
        elif log.texts is not None:
            texts += 1
            (said_text,), (kept,) = logs.text_columns([response], place)[0], log.texts[number]
            if said_text != kept:
                otherwise.append(Difference(task, item["item_id"], f"says {said_text[:60]!r}, not {kept[:60]!r}"))
    left_out = tuple(name for name, log in run.tasks.items() if not comparable(log))
    return Check(role, nonce, likelihoods, texts, tuple(off), tuple(otherwise), floor, left_out)


def spot_check(
    report: Report,
    role: ModelRole,
    model: harness.ModelChoice,
    settings: harness.Settings,
    *,
    nonce: str,
    count: int = 100,
    floor: Floor | None = None,
) -> Check:
    """Ask a model some documents of an accepted bundle again.

    Parameters
    ----------
    report : Report
        Of the bundle.
    role : str
        Whose answers.
    model : ModelChoice
        The model at hand.
    settings : Settings
        As :func:`settings_of` returns them.
    nonce : str
        What nobody could know when the bundle was packed.
    count : int
        How many documents.
    floor : Floor, optional
        What may differ; by default :func:`floor_of` decides.

    Raises
    ------
    RunError
        If the model does not load, was run otherwise in the bundle, or has other weights than the bundle names.
    """
    manifest = report.manifest
    if manifest is None or role not in report.runs:
        raise RunError(f"{report.folder}: is no sound bundle; see `angels-share validate`")
    run = report.runs[role]
    check_template(run, settings)
    check_weights(getattr(manifest, role).weights_sha256, model, role)
    if floor is None:
        dtypes = {str(log.settings.dtype) for log in run.tasks.values()} | {model.args.get("dtype", "")}
        floor = floor_of(report.runs, half=any("float16" in dtype for dtype in dtypes))
    drawn = draw(run, manifest.digest, nonce, count)
    if not drawn:
        raise RunError(f"{report.folder}: every task of the {role} is sampled; nothing can be compared one by one")
    asked = harness.Role(role, model, harness.DEFAULT_SEEDS[role], settings.batch_size)
    answers = answer(harness.PairRun(Path(), settings, (asked,)), drawn)
    return compare(role, run, drawn, answers, floor, nonce)
