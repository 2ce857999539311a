"""Students whose loss is known beforehand, made from a teacher's log: they show that a task cannot be won unseen.

A constant, a uniform choice and the teacher's own answers shuffled over the items must come out at a loss near 1 on
every charged task; the teacher itself at 0; a gold oracle as a correction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from angels_share.items import Stream
from angels_share.logs import Run, TaskLog
from angels_share.observables import observe

FLOOR = 1e-9
"""Least probability of an option in a made-up likelihood."""

CONTROL_SEED = -1
"""Sampling seed that no run has."""


def constant(log: TaskLog) -> TaskLog:
    """Return the student that answers every item with the teacher's average, whatever is asked."""
    if log.log_likelihoods is not None:
        mean = observe("option_distribution", log.items, log.log_likelihoods).values.mean(axis=0)
        return _with_likelihoods(log, np.tile(mean, (len(log.items), 1)))
    pool = [text for texts in _texts(log) for text in texts]
    if log.spec.measure.readout == "greedy":
        common = max(sorted(set(pool)), key=pool.count)
        return _with_texts(log, [[common]] * len(log.items))
    counts = observe("option_counts", log.items, _texts(log)).values.sum(axis=0)
    stream = Stream("constant")
    drawn = []
    for item in log.items:
        places = [stream.weighted(range(len(counts)), counts.tolist()) for _ in _texts(log)[0]]
        choices = [*item["choices"], *[""] * (len(counts) - len(item["choices"]))]
        drawn.append([choices[place] for place in places])
    return _with_texts(log, drawn)


def uniform(log: TaskLog) -> TaskLog:
    """Return the student that chooses among the possible answers without looking at the item."""
    if log.log_likelihoods is not None:
        return _with_likelihoods(log, np.ones_like(log.log_likelihoods))
    stream = Stream("uniform")
    if log.spec.measure.readout == "greedy":
        pool = sorted({str(item["answer"]) for item in log.items})
        return _with_texts(log, [[stream.choice(pool)] for _ in log.items])
    repeats = len(_texts(log)[0])
    return _with_texts(log, [[stream.choice(item["choices"]) for _ in range(repeats)] for item in log.items])


def shuffled(log: TaskLog) -> TaskLog:
    """Return the student that gives the teacher's answers to other items, in raw answer coordinates."""
    order = Stream("shuffled").shuffled(range(len(log.items)))
    if log.log_likelihoods is not None:
        values = observe("option_distribution", log.items, log.log_likelihoods).values
        return _with_likelihoods(log, values[order])
    texts = _texts(log)
    if log.spec.measure.readout == "greedy":
        return _with_texts(log, [list(texts[i]) for i in order])
    counts = observe("option_counts", log.items, texts).values
    moved = []
    for item, i in zip(log.items, order, strict=True):
        choices = [*item["choices"], *[""] * (counts.shape[1] - len(item["choices"]))]
        moved.append([choices[k] for k in range(counts.shape[1]) for _ in range(int(counts[i, k]))])
    return _with_texts(log, moved)


def oracle(log: TaskLog) -> TaskLog:
    """Return the student that knows the right answer, or the true distribution where that is what is asked."""
    if log.log_likelihoods is not None:
        width = log.log_likelihoods.shape[1]
        rows = np.zeros((len(log.items), width))
        for row, item in zip(rows, log.items, strict=True):
            if "truth" in item:
                row[: len(item["truth"])] = item["truth"]
            else:
                row[int(item["gold"])] = 1.0
        return _with_likelihoods(log, rows)
    if log.spec.measure.readout == "greedy":
        return _with_texts(log, [[str(item["answer"])] for item in log.items])
    stream = Stream("oracle")
    repeats = len(_texts(log)[0])
    drawn = [[stream.weighted(item["choices"], item["truth"]) for _ in range(repeats)] for item in log.items]
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


def _texts(log: TaskLog) -> tuple[tuple[str, ...], ...]:
    return log.texts or ()


def _with_likelihoods(log: TaskLog, probabilities: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> TaskLog:
    values = np.log(np.maximum(probabilities, FLOOR))
    values = values - np.maximum(values.max(axis=1, keepdims=True), 0.0)
    return replace(log, log_likelihoods=np.where(np.isnan(np.asarray(log.log_likelihoods)), np.nan, values))


def _with_texts(log: TaskLog, texts: list[list[str]]) -> TaskLog:
    return replace(
        log,
        texts=tuple(tuple(row) for row in texts),
        settings=replace(log.settings, sampling_seed=CONTROL_SEED),
    )
