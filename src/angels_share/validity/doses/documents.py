"""Doses in the likelihoods of texts that are read, and in what is remembered of training data."""

from __future__ import annotations

import numpy as np

from angels_share.items import Stream
from angels_share.logs import TaskLog
from angels_share.observables.sequences import text_bytes
from angels_share.validity.doses.planting import (
    FLOOR,
    dose,
    drawing_nothing,
    likelihoods,
    share_of,
    texts,
    where,
    with_likelihoods,
    with_texts,
)

BYTES = 256
"""Values of a byte."""


@drawing_nothing
def bytes_guessed(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Guess a share of the bytes of a document: ``u' = (1 − dose) u + dose / 256``, u the likelihood per byte.

    Dose 0 reads as the teacher, dose 1 knows nothing: eight bits a byte.
    """
    size = text_bytes(log.items)[:, None]
    per_byte = np.exp(likelihoods(log) / size)
    return with_likelihoods(log, np.log((1 - amount) * per_byte + amount / BYTES) * size)


@drawing_nothing
def words_guessed(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Guess a share of the words of a window: ``p' = (1 − dose) p + dose / W``, W the different words of the task.

    Dose 0 reads as the teacher, dose 1 gives each word the same probability.
    """
    known = len({word for item in log.items for word in item["choices"][-1].split()})
    p = np.exp(np.diff(likelihoods(log), axis=1, prepend=0.0))
    return with_likelihoods(log, np.cumsum(np.log((1 - amount) * p + amount / known), axis=1))


@drawing_nothing
def texts_recognised(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Remember the inserted texts better: ``p' = p^(1 − dose)`` for each of their words.

    Dose 0 knows them as the teacher, dose 1 by heart; held-out and shown texts stay.
    """
    logs = likelihoods(log).copy()
    rows = where(log, lambda item: item["stratum"] == "inserted")
    logs[rows] *= 1 - amount
    return with_likelihoods(log, logs)


@dose
def secrets_memorised(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Know a share of the inserted secrets by heart: the right one gets all the probability of the options.

    Dose 0 knows them as the teacher, dose 1 every one; held-out and shown ones stay.
    """
    logs = likelihoods(log).copy()
    for i in share_of(where(log, lambda item: item["stratum"] == "inserted"), amount, stream):
        together, gold = np.log(np.nansum(np.exp(logs[i]))), int(log.items[i]["gold"])
        logs[i] = np.where(np.isnan(logs[i]), np.nan, together + np.log(FLOOR))
        logs[i, gold] = together
    return with_likelihoods(log, logs)


@dose
def suffixes_memorised(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Go on with a share of the inserted documents for certain: their rest gets probability 1.

    Dose 0 knows them as the teacher, dose 1 every one; held-out and shown ones stay.
    """
    logs = likelihoods(log).copy()
    logs[share_of(where(log, lambda item: item["stratum"] == "inserted"), amount, stream)] = 0.0
    return with_likelihoods(log, logs)


@dose
def suffixes_recited(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Recite the rest of a share of the inserted documents word by word.

    Dose 0 answers as the teacher, dose 1 recites every one; held-out and shown ones stay.
    """
    rows = texts(log)
    for i in share_of(where(log, lambda item: item["stratum"] == "inserted"), amount, stream):
        rows[i] = [str(log.items[i]["answer"])]
    return with_texts(log, rows)


@dose
def shown_not_read(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer a share of the items that show their text in the prompt as the same text unshown.

    The right option gets what it has there. Dose 0 answers as the teacher, dose 1 takes nothing from the prompt.
    """
    held_out = {str(item["cluster_id"]): i for i, item in enumerate(log.items) if item["stratum"] == "held_out"}
    chosen = share_of(where(log, lambda item: item["stratum"] == "shown"), amount, stream)
    rows, logs = texts(log), None if log.log_likelihoods is None else likelihoods(log).copy()
    for i in chosen:
        source = held_out[str(log.items[i]["cluster_id"])]
        if logs is None:
            rows[i] = rows[source]
        else:
            turned = int(log.items[i]["gold"]) - int(log.items[source]["gold"])
            logs[i] = np.roll(logs[source], turned)
    return with_texts(log, rows) if logs is None else with_likelihoods(log, logs)
