"""Doses in the likelihoods of options.

``q`` is the teacher's distribution over the options of an item. The probability that all of them have together stays
as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from scipy.special import logsumexp

from angels_share.items import Stream
from angels_share.logs import TaskLog
from angels_share.observables import Floats
from angels_share.validity.doses.planting import (
    FLOOR,
    dose,
    drawing_nothing,
    everywhere,
    greatest,
    likelihoods,
    share_of,
    where,
    with_likelihoods,
)

MOST_SHARPENED = 0.999
"""Doses of sharpening above this are taken for it, so that the exponent is finite."""


def distributions(log: TaskLog) -> Floats:
    """Return the distribution over the options of each item, NaN beyond them."""
    logs = likelihoods(log)
    return np.asarray(np.exp(logs - _together(logs)))


def _together(logs: Floats) -> Floats:
    return np.asarray(logsumexp(np.where(np.isnan(logs), -np.inf, logs), axis=1, keepdims=True))


def _with(log: TaskLog, q: Floats) -> TaskLog:
    """Return the log with these distributions; rows that are the teacher's keep its likelihoods to the bit."""
    logs = likelihoods(log)
    made = np.log(np.maximum(q, FLOOR)) + _together(logs)
    same = np.isclose(q, distributions(log), rtol=0, atol=1e-15, equal_nan=True).all(axis=1, keepdims=True)
    return with_likelihoods(log, np.where(same, logs, made))


def _normalised(q: Floats) -> Floats:
    return np.asarray(q / np.nansum(q, axis=1, keepdims=True))


# --- how sure the model is -------------------------------------------------------------------------------------------


@drawing_nothing
def sharpened(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Make the student surer: ``q' ∝ q^(1 / (1 − dose))``.

    The likeliest option stays the likeliest. Dose 0 leaves q as it is, dose 1 puts everything on the likeliest option.
    """
    q = distributions(log)
    return _with(log, _normalised((q / np.nanmax(q, axis=1, keepdims=True)) ** (1 / (1 - min(amount, MOST_SHARPENED)))))


@drawing_nothing
def flattened(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Make the student less sure: ``q' ∝ q^(1 − dose)``.

    The order of the options stays. Dose 0 leaves q as it is, dose 1 is a uniform choice.
    """
    return _with(log, _normalised(distributions(log) ** (1 - amount)))


# --- other answers ---------------------------------------------------------------------------------------------------


@dose
def answered_as_another(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer a share of the items as the teacher answers a random other item with as many options.

    Options are taken by their place. Dose 0 changes no item, dose 1 every one.
    """
    q = distributions(log)
    made, offered = q.copy(), np.isfinite(q).sum(axis=1)
    rows = everywhere(log)
    alike = {n: [i for i in rows if offered[i] == n] for n in set(offered.tolist())}
    for i in share_of(rows, amount, stream):
        made[i] = q[stream.choice(alike[offered[i]])]
    return _with(log, made)


@drawing_nothing
def averaged(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Ignore the item in part: ``q' = (1 − dose) q + dose q̄``, q̄ the mean over the items with as many options.

    Dose 0 leaves q as it is, dose 1 answers every item alike. Where d is half a squared distance the loss is dose² by
    construction.
    """
    q = distributions(log)
    made, offered = q.copy(), np.isfinite(q).sum(axis=1)
    for n in set(offered.tolist()):
        rows = offered == n
        made[rows] = (1 - amount) * q[rows] + amount * q[rows].mean(axis=0)
    return _with(log, made)


def rolled(log: TaskLog, rows: Iterable[int]) -> TaskLog:
    """Return the log in which each option of these items has the probability of the one before it."""
    q = distributions(log)
    for i in rows:
        n = int(np.isfinite(q[i]).sum())
        q[i, :n] = np.roll(q[i, :n], 1)
    return _with(log, q)


@dose
def answered_wrongly(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Give each option of a share of the items the probability of the one before it, so that right becomes wrong.

    Of two options the answer is turned round. Dose 0 changes no item, dose 1 every one.
    """
    return rolled(log, share_of(everywhere(log), amount, stream))


@dose
def variants_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer a share of the changed versions of an item wrongly, and the clean ones as the teacher.

    Dose 0 changes no item, dose 1 every one whose ``variant`` or ``operator`` is not ``clean``.
    """
    return rolled(log, share_of(where(log, changed), amount, stream))


def changed(item: Mapping[str, Any]) -> bool:
    """Tell whether an item is another version of a clean one, or lies beyond what is usual."""
    kind = item.get("variant") or item.get("operator") or item["stratum"]
    return kind != "clean" and not str(kind).endswith("_usual")


@dose
def group_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer a share of one group's items wrongly, and those of all others as the teacher.

    The group is the first by name. Dose 0 changes no item, dose 1 the whole group.
    """
    first = min(item["group"] for item in log.items)
    return rolled(log, share_of(where(log, lambda item: item["group"] == first), amount, stream))


@dose
def tail_bucket_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer a share of the items on rare things wrongly, and those on others as the teacher.

    Rare is what has the ``bucket`` ``tail``; of a question and its prior the question is changed.
    Dose 0 changes no item, dose 1 the whole tail.
    """
    rare = where(log, lambda item: item["bucket"] == "tail" and item.get("part") != "prior")
    return rolled(log, share_of(rare, amount, stream))


@dose
def longest_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer the items with the longest texts wrongly, by their number of ``words``.

    Dose 0 changes no item, dose 0.5 the longer half, dose 1 every one.
    """
    return rolled(log, greatest(everywhere(log), amount, lambda i: log.items[i]["words"], stream))


@dose
def refusals_added(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Turn the answers round on a share of what is allowed. Dose 0 changes no item, dose 1 the whole side."""
    return rolled(log, share_of(where(log, lambda item: item["side"] == "allowed"), amount, stream))


@dose
def refusals_removed(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Turn the answers round on a share of what is forbidden. Dose 0 changes no item, dose 1 the whole side."""
    return rolled(log, share_of(where(log, lambda item: item["side"] == "forbidden"), amount, stream))


# --- probability that goes elsewhere ---------------------------------------------------------------------------------


def moved(log: TaskLog, amount: float, route: Callable[[Mapping[str, Any], Floats], tuple[Floats, Floats]]) -> TaskLog:
    """Return the log in which a share of the probability of some options goes to others.

    Parameters
    ----------
    route : callable
        ``(item, q) -> (given, taking)`` of shape (options,): one for each option that gives probability away, and the
        shares in which the others take it; zero everywhere where the item stays as it is.
    """
    made = distributions(log)
    for row, item in zip(made, log.items, strict=True):
        q = row[: len(item["choices"])]
        given, taking = route(item, q)
        if given.any() and taking.any():
            lost = amount * q * given
            row[: len(q)] = q - lost + lost.sum() * taking / taking.sum()
    return _with(log, made)


def _one(n: int, at: int | None) -> Floats:
    out = np.zeros(n)
    if at is not None:
        out[at] = 1.0
    return out


@drawing_nothing
def rare_to_frequent(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Move a share of the tail to the head: ``q'_k = (1 − dose) q_k`` for rare options.

    The other options take it in proportion. Rare are those that the item's ``rare`` marks.
    Dose 0 leaves q as it is, dose 1 leaves the tail nothing.
    """

    def route(item: Mapping[str, Any], q: Floats) -> tuple[Floats, Floats]:
        rare = np.array(item["rare"], dtype=np.float64)
        return rare, q * (1 - rare)

    return moved(log, amount, route)


@drawing_nothing
def variety_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Move a share of what all other valid options have to the likeliest valid one, so that what is said stays valid.

    Dose 0 leaves q as it is, dose 1 leaves one valid option.
    """

    def route(item: Mapping[str, Any], q: Floats) -> tuple[Floats, Floats]:
        valid = np.array(item["valid"])
        best = _one(len(q), int(np.argmax(q * valid)))
        return valid - best, best

    return moved(log, amount, route)


@drawing_nothing
def invalid_said(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Move a share of the probability of the valid options to the others, evenly.

    Dose 0 leaves q as it is, dose 1 says only what does not fit.
    """
    return moved(log, amount, lambda item, q: (np.array(item["valid"]), 1 - np.array(item["valid"])))


@drawing_nothing
def unknown_answered(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Move a share of the probability of the last option, which abstains, to the others in proportion.

    Dose 0 leaves q as it is, dose 1 never abstains.
    """
    return moved(log, amount, lambda item, q: (_one(len(q), len(q) - 1), q * (1 - _one(len(q), len(q) - 1))))


@drawing_nothing
def answers_withheld(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Move a share of the probability of all other options to the last one, which abstains.

    Dose 0 leaves q as it is, dose 1 always abstains.
    """
    return moved(log, amount, lambda item, q: (1 - _one(len(q), len(q) - 1), _one(len(q), len(q) - 1)))


@drawing_nothing
def costliest_mistake(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Move a share of the probability of the action that pays most to the one that pays least.

    Dose 0 leaves q as it is, dose 1 leaves the best action nothing.
    """

    def route(item: Mapping[str, Any], q: Floats) -> tuple[Floats, Floats]:
        pays = np.array(item["payoffs"])
        return _one(len(q), int(pays.argmax())), _one(len(q), int(pays.argmin()))

    return moved(log, amount, route)


@drawing_nothing
def rival_followed(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Move a share of the probability of what the text says (role ``context``) to what it should not (role ``rival``).

    Dose 0 leaves q as it is, dose 1 leaves the text's answer nothing.
    """

    def route(item: Mapping[str, Any], q: Floats) -> tuple[Floats, Floats]:
        roles = item["roles"]
        return _one(len(q), roles.index("context")), _one(len(q), roles.index("rival"))

    return moved(log, amount, route)


@drawing_nothing
def updates_forgotten(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Where something was changed or corrected, move a share of the new value's probability to the former value.

    Dose 0 leaves q as it is, dose 1 forgets every change; what did not change stays.
    """

    def route(item: Mapping[str, Any], q: Floats) -> tuple[Floats, Floats]:
        if item["side"] != "change":
            return np.zeros(len(q)), np.zeros(len(q))
        return _one(len(q), int(item["gold"])), _one(len(q), item["choices"].index(item["former"]))

    return moved(log, amount, route)


@drawing_nothing
def stopped_early(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Where a call is due, move a share of its probability to the first option that ends the work.

    Dose 0 leaves q as it is, dose 1 never makes the call that is due; what is done stays.
    """

    def route(item: Mapping[str, Any], q: Floats) -> tuple[Floats, Floats]:
        roles, gold = item["roles"], int(item["gold"])
        due = roles[gold] == "call" and "stop" in roles
        return _one(len(q), gold if due else None), _one(len(q), roles.index("stop") if due else None)

    return moved(log, amount, route)


@drawing_nothing
def mistakes_passed(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Move a share of the probability of the verdict "wrong" to "right".

    Dose 0 leaves q as it is, dose 1 finds no mistake.
    """
    return moved(
        log, amount, lambda item, q: (_one(2, item["choices"].index("wrong")), _one(2, item["choices"].index("right")))
    )


# --- what an answer rests on -----------------------------------------------------------------------------------------


def _as_in(log: TaskLog, chosen: Iterable[int], source: Mapping[tuple[str, str], int], part: str) -> TaskLog:
    """Return the log in which the chosen items are answered as another item of their cluster."""
    logs = likelihoods(log).copy()
    for i in chosen:
        logs[i] = likelihoods(log)[source[str(log.items[i]["cluster_id"]), part]]
    return with_likelihoods(log, logs)


@dose
def reasoning_ignored(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer a share of the items that show some reasoning as the one of their cluster that shows none.

    Dose 0 changes no item, dose 1 answers as if no reasoning were ever shown.
    """
    place = {(str(item["cluster_id"]), str(item["variant"])): i for i, item in enumerate(log.items)}
    shown = where(log, lambda item: item["variant"] != "cut 0")
    return _as_in(log, share_of(shown, amount, stream), place, "cut 0")


@dose
def needed_part_ignored(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """In a share of the texts, answer without the part that holds the answer as with it.

    Dose 0 changes no text, dose 1 rests no answer on the part that it should rest on.
    """
    place = {(str(item["cluster_id"]), str(item["removed"])): i for i, item in enumerate(log.items)}
    needed = where(log, lambda item: item["removed"] == item["needed"])
    return _as_in(log, share_of(needed, amount, stream), place, "-1")
