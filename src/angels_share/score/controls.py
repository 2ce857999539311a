"""Students whose loss is known beforehand, made from a teacher's log: they show that a task cannot be won unseen.

A constant, a uniform choice and the teacher's own answers shuffled over the items must come out at a loss near 1 on
every charged task; the teacher itself at 0; a gold oracle as a correction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from angels_share.estimate import RESAMPLES
from angels_share.items import Stream
from angels_share.logs import Run, TaskLog
from angels_share.observables import Floats, observe
from angels_share.observables.sequences import text_bytes, word_table
from angels_share.score.measurable import observed
from angels_share.score.model import PairScore
from angels_share.score.pair import score_pair

FLOOR = 1e-9
"""Least probability of an option in a made-up likelihood."""

CONTROL_SEED = -1
"""Sampling seed that no run has."""

BY_ANSWER = ("member_counts",)
"""Observables of open questions: their columns are answers, and not places among an item's options."""


def constant(log: TaskLog) -> TaskLog:
    """Return the student that answers every item with the teacher's average, whatever is asked.

    Of windows that is the mean probability of the first word, of the second and so on, of documents the mean
    likelihood per byte, of workings the mean probability of a step.
    """
    if log.log_likelihoods is not None:
        form = _form(log)
        rows = form.read(log)
        return _with_likelihoods(log, form.write(log, np.tile(form.average(rows), (len(rows), 1))))
    pool = [text for texts in _texts(log) for text in texts]
    if log.spec.measure.readout == "greedy":
        common = max(sorted(set(pool)), key=pool.count)
        return _with_texts(log, [[common]] * len(log.items))
    stream = Stream("constant")
    if log.spec.measure.observable in BY_ANSWER:
        return _with_texts(log, [[stream.choice(pool) for _ in texts] for texts in _texts(log)])
    counts = observed(log).values.sum(axis=0)
    drawn = []
    for item in log.items:
        places = [stream.weighted(range(len(counts)), counts.tolist()) for _ in _texts(log)[0]]
        choices = [*item["choices"], *[""] * (len(counts) - len(item["choices"]))]
        drawn.append([choices[place] for place in places])
    return _with_texts(log, drawn)


def uniform(log: TaskLog) -> TaskLog:
    """Return the student that chooses among the possible answers without looking at the item.

    In texts it gives every different word of the whole task the same probability.
    """
    if log.log_likelihoods is not None:
        form = _form(log)
        return _with_likelihoods(log, form.write(log, form.uniform(log)))
    stream = Stream("uniform")
    if log.spec.measure.readout == "greedy":
        pool = sorted({str(item["answer"]) for item in log.items})
        return _with_texts(log, [[stream.choice(pool)] for _ in log.items])
    repeats = len(_texts(log)[0])
    if log.spec.measure.observable in BY_ANSWER:
        pool = sorted({str(choice) for item in log.items for choice in item["choices"]})
        return _with_texts(log, [[stream.choice(pool) for _ in range(repeats)] for _ in log.items])
    return _with_texts(log, [[stream.choice(item["choices"]) for _ in range(repeats)] for item in log.items])


def shuffled(log: TaskLog) -> TaskLog:
    """Return the student that gives the teacher's answers to other items, in raw answer coordinates."""
    order = Stream("shuffled").shuffled(range(len(log.items)))
    if log.log_likelihoods is not None:
        form = _form(log)
        return _with_likelihoods(log, form.write(log, form.read(log)[order]))
    texts = _texts(log)
    if log.spec.measure.readout == "greedy" or log.spec.measure.observable in BY_ANSWER:
        return _with_texts(log, [list(texts[i]) for i in order])
    counts = observed(log).values
    moved = []
    for item, i in zip(log.items, order, strict=True):
        choices = [*item["choices"], *[""] * (counts.shape[1] - len(item["choices"]))]
        moved.append([choices[k] for k in range(counts.shape[1]) for _ in range(int(counts[i, k]))])
    return _with_texts(log, moved)


def oracle(log: TaskLog) -> TaskLog:
    """Return the student that knows the right answer, the true distribution where that is asked, or the whole text."""
    if log.log_likelihoods is not None:
        form = _form(log)
        return _with_likelihoods(log, form.write(log, form.oracle(log)))
    if log.spec.measure.readout == "greedy":
        return _with_texts(log, [[str(item["answer"])] for item in log.items])
    stream = Stream("oracle")
    repeats = len(_texts(log)[0])
    drawn = [
        [stream.weighted(item["choices"], row.tolist()[: len(item["choices"])]) for _ in range(repeats)]
        for item, row in zip(log.items, _truth(log), strict=True)
    ]
    return _with_texts(log, drawn)


CONTROLS: dict[str, Callable[[TaskLog], TaskLog]] = {
    "constant": constant,
    "uniform": uniform,
    "shuffled": shuffled,
    "oracle": oracle,
}
"""Every control, by name."""


def control_run(name: str, teacher: Run) -> Run:
    """Return the run of a control student, made from the teacher's logs."""
    make = CONTROLS[name]
    return Run(place=f"control {name}", model=f"control-{name}", tasks={k: make(v) for k, v in teacher.tasks.items()})


def score_controls(
    teacher: Run, *, suites: Sequence[str], calibration: Run | None = None, resamples: int = RESAMPLES
) -> dict[str, PairScore]:
    """Return the score of every control on these suites, by name: the ends of the scale with this teacher.

    Second stages are left out: their items are made from a pair's own answers.
    """
    tasks = {task: log for task, log in teacher.tasks.items() if log.spec.measure.first_stage is None}
    first = replace(teacher, tasks=tasks)
    return {
        name: score_pair(first, control_run(name, first), suites=suites, calibration=calibration, resamples=resamples)
        for name in CONTROLS
    }


def _texts(log: TaskLog) -> tuple[tuple[str, ...], ...]:
    return log.texts or ()


@dataclass(frozen=True)
class Form:
    """How answers of one kind are read from likelihoods, and written as likelihoods again.

    Attributes
    ----------
    read : callable
        ``(log) -> rows``: probabilities of the options, of the words of a window, of the steps of a working (one after
        the other, from the first again where other workings are longer), or of a document's bytes, all in [0, 1].
    write : callable
        ``(log, rows) -> log-likelihoods``.
    uniform, oracle : callable
        ``(log) -> rows`` of the student that chooses blindly and of the one that knows.
    average : callable
        ``(rows) -> row``: what all items have in common.
    """

    read: Callable[[TaskLog], Floats]
    write: Callable[[TaskLog, Floats], Floats]
    uniform: Callable[[TaskLog], Floats]
    oracle: Callable[[TaskLog], Floats]
    average: Callable[[Floats], Floats] = lambda rows: np.asarray(np.nanmean(rows, axis=0))


def _form(log: TaskLog) -> Form:
    return FORMS.get(log.spec.measure.observable, OPTIONS)


def _floored_log(rows: Floats) -> Floats:
    return np.log(np.maximum(rows, FLOOR))


def _truth(log: TaskLog) -> Floats:
    rows = np.zeros((len(log.items), max(len(item["choices"]) for item in log.items)))
    for row, item in zip(rows, log.items, strict=True):
        if "truth" in item:
            row[: len(item["truth"])] = item["truth"]
        else:
            row[int(item["gold"])] = 1.0
    return rows


def _one_word_alike(log: TaskLog) -> float:
    """Return one by the number of different words in all texts of a task."""
    return 1 / len({word for item in log.items for word in item["choices"][-1].split()})


def _words_of_documents(log: TaskLog) -> Floats:
    return np.array([[float(len(item["choices"][-1].split()))] for item in log.items])


def _offered(log: TaskLog) -> Floats:
    """Return the number of options of each item, shape (items, 1)."""
    return np.array([[float(len(item["choices"]))] for item in log.items])


def _steps(log: TaskLog) -> Floats:
    """Return the probabilities of the steps of each working, from the first again where others are longer."""
    p = observe("step_probabilities", log.items, _likelihoods(log)).values
    return np.array([row[np.arange(len(row)) % np.isfinite(row).sum()] for row in p])


OPTIONS = Form(
    read=lambda log: observe("option_distribution", log.items, _likelihoods(log)).values,
    write=lambda log, rows: _floored_log(rows),
    uniform=lambda log: np.ones(_likelihoods(log).shape),
    oracle=_truth,
)
"""Probabilities of options."""

WORDS = Form(
    read=lambda log: word_table(log.items, observe("word_probabilities", log.items, _likelihoods(log))),
    write=lambda log, rows: np.cumsum(_floored_log(rows), axis=1),
    uniform=lambda log: np.full(_likelihoods(log).shape, _one_word_alike(log)),
    oracle=lambda log: np.ones(_likelihoods(log).shape),
)
"""Probabilities of the words of a window; a whole continuation is a window of one."""

STEPS = replace(
    WORDS,
    read=_steps,
    average=lambda rows: np.full(rows.shape[1], rows.mean()),
)
"""Probabilities of the steps of a working."""

STRINGS = replace(
    OPTIONS,
    read=lambda log: observe("string_probabilities", log.items, _likelihoods(log)).values[:, :-1],
    uniform=lambda log: np.ones(_likelihoods(log).shape) / _offered(log),
)
"""Probabilities of options among all texts."""

DOCUMENTS = Form(
    read=lambda log: observe("document_likelihood", log.items, _likelihoods(log)).values[:, :1],
    write=lambda log, rows: _floored_log(rows) * text_bytes(log.items)[:, None],
    uniform=lambda log: _one_word_alike(log) ** (_words_of_documents(log) / text_bytes(log.items)[:, None]),
    oracle=lambda log: np.ones(_likelihoods(log).shape),
)
"""Likelihoods per byte."""

FORMS = {
    "word_probabilities": WORDS,
    "extraction": WORDS,
    "step_probabilities": STEPS,
    "string_probabilities": STRINGS,
    "document_likelihood": DOCUMENTS,
}
"""Forms of the observables whose likelihoods are not those of options."""


def _likelihoods(log: TaskLog) -> Floats:
    return np.asarray(log.log_likelihoods)


def _with_likelihoods(log: TaskLog, values: Floats) -> TaskLog:
    values = values - np.maximum(values.max(axis=1, keepdims=True), 0.0)
    return replace(log, log_likelihoods=np.where(np.isnan(_likelihoods(log)), np.nan, values))


def _with_texts(log: TaskLog, texts: list[list[str]]) -> TaskLog:
    return replace(
        log,
        texts=tuple(tuple(row) for row in texts),
        settings=replace(log.settings, sampling_seed=CONTROL_SEED),
    )
