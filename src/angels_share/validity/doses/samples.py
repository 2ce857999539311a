"""Doses in K sampled texts an item: what is changed is a share of the samples.

Teacher and student must be drawn independently, or the same chance would help the student. :func:`redrawn` gives both
of them, so that the truth at dose 0 is known: the same distribution.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from angels_share.items import Stream
from angels_share.logs import TaskLog
from angels_share.validity.doses.planting import dose, everywhere, share_of, texts, with_texts

NO_MEMBER = "nonesuch"
"""A word that no list holds."""

TAIL = 0.25
"""Most that the rarest options have together, where an item does not say which are rare."""


def redrawn(log: TaskLog, stream: Stream, seed: int) -> TaskLog:
    """Return a log whose samples are drawn from each item's K samples, with replacement, by a run of this seed."""
    rows = texts(log)
    for i in everywhere(log):
        rows[i] = [stream.choice(rows[i]) for _ in rows[i]]
    return replace(with_texts(log, rows), settings=replace(log.settings, sampling_seed=seed))


def _resampled(
    log: TaskLog,
    amount: float,
    stream: Stream,
    write: Callable[[int, str], str],
    concerned: Callable[[Mapping[str, Any], str], bool] = lambda *_: True,
) -> TaskLog:
    """Return the log in which a share of the samples concerned is written anew."""
    rows = texts(log)
    places = [(i, k) for i in everywhere(log) for k, t in enumerate(rows[i]) if concerned(log.items[i], t)]
    made = {(i, k): write(i, rows[i][k]) for i, k in share_of(places, amount, stream)}
    return with_texts(log, [[made.get((i, k), t) for k, t in enumerate(row)] for i, row in enumerate(rows)])


def _commonest(log: TaskLog) -> list[str]:
    """Return the commonest sample of each item, of several the first by name."""
    return [min(Counter(row).items(), key=lambda entry: (-entry[1], entry[0]))[0] for row in texts(log)]


@dose
def agreement_collapsed(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Replace a share of the samples by the commonest one of their item.

    Dose 0 changes no sample, dose 1 always says the same; the commonest answer stays the commonest.
    """
    common = _commonest(log)
    return _resampled(log, amount, stream, lambda i, _: common[i])


@dose
def guessed(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Replace a share of the samples by a uniform choice among the item's options.

    Dose 0 changes no sample, dose 1 guesses all of them.
    """
    return _resampled(log, amount, stream, lambda i, _: str(stream.choice(log.items[i]["choices"])))


@dose
def answered_as_another(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Replace a share of the samples by a sample of a random other item of the task.

    Dose 0 changes no sample, dose 1 answers every item alike.
    """
    rows = texts(log)
    items = everywhere(log)
    return _resampled(log, amount, stream, lambda *_: stream.choice(rows[stream.choice(items)]))


@dose
def fixes_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Replace a share of the samples by one of the item's faulty answers, chosen at random.

    Dose 0 changes no sample, dose 1 solves nothing.
    """

    def faulty(i: int, _: str) -> str:
        item = log.items[i]
        return str(stream.choice([c for k, c in enumerate(item["choices"]) if k != item["gold"]]))

    return _resampled(log, amount, stream, faulty)


@dose
def agreement_broken(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """End a share of the sampled workings in one of the item's wrong answers, chosen at random.

    Dose 0 changes no sample, dose 1 is right in none.
    """

    def wrong(i: int, _: str) -> str:
        item = log.items[i]
        return f"answer {stream.choice([c for k, c in enumerate(item['choices']) if k != item['gold']])}"

    return _resampled(log, amount, stream, wrong)


def rare_members(item: Mapping[str, Any]) -> frozenset[str]:
    """Return the rare options of an item: those it marks, else the rarest, with a quarter together at most."""
    if "rare" in item:
        return frozenset(c for c, rare in zip(item["choices"], item["rare"], strict=True) if rare)
    rare, together = set(), 0.0
    for share, choice in sorted(zip(item["truth"], item["choices"], strict=True)):
        together += share
        if together > TAIL:
            break
        rare.add(choice)
    return frozenset(rare)


@dose
def tail_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Replace a share of the samples that name a rare option by the commonest sample of their item.

    Dose 0 changes no sample, dose 1 leaves the tail only where the commonest sample names it.
    """
    common = _commonest(log)
    rare = {item["item_id"]: "|".join(map(re.escape, sorted(rare_members(item)))) or "(?!)" for item in log.items}

    def names_rare(item: Mapping[str, Any], text: str) -> bool:
        return re.search(rf"\b(?:{rare[item['item_id']]})\b", text, re.IGNORECASE) is not None

    return _resampled(log, amount, stream, lambda i, _: common[i], names_rare)


@dose
def members_made_up(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Replace a share of the samples by a word that no list holds. Dose 0 changes no sample, dose 1 all of them."""
    return _resampled(log, amount, stream, lambda *_: NO_MEMBER)
