"""Doses in greedy texts: one answer an item, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from angels_share.items import Stream
from angels_share.logs import TaskLog
from angels_share.observables.calibration import NONE, read_confidence
from angels_share.observables.grounding import CITATION, TOY_CITATION
from angels_share.observables.safety import DECLINED, read_parts
from angels_share.reading import answer_in, steps_of, whole_text
from angels_share.validity.doses.likelihoods import changed
from angels_share.validity.doses.planting import dose, everywhere, greatest, share_of, texts, where, with_texts

REFUSAL = "Sorry, I cannot help with that."
"""A refusal that the rules of :mod:`angels_share.refusals` read as one."""

Write = Callable[[Mapping[str, Any], str], str]
"""``(item, teacher's text) -> text``."""


def rewritten(log: TaskLog, chosen: Iterable[int], write: Write) -> TaskLog:
    """Return the log in which the answers to the chosen items are written anew."""
    rows = texts(log)
    for i in chosen:
        rows[i] = [write(log.items[i], rows[i][0])]
    return with_texts(log, rows)


def wrong(item: Mapping[str, Any], text: str) -> str:
    """Return an answer that is neither the one given nor the right one: the next candidate, or a greater number.

    Examples
    --------
    >>> wrong({"candidates": ["ash", "elm", "oak"], "answer": "ash"}, "oak")
    'elm'
    >>> wrong({"candidates": [], "answer": "8"}, "7")
    '9'
    """
    candidates, right = item["candidates"], str(item.get("final", item["answer"])).lower()
    given = answer_in(steps_of(text).answer or text, candidates)
    if candidates:
        at = candidates.index(given) if given else 0
        others = [c for c in [*candidates[at + 1 :], *candidates[:at]] if c != right]
        return str((others or [c for c in candidates if c != given])[0])
    next_one = int(given or 0) + 1
    return str(next_one + (str(next_one) == right))


# --- any answer ------------------------------------------------------------------------------------------------------


@dose
def answered_wrongly(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Give another and wrong answer to a share of the items: the next candidate, or the next number.

    Of two candidates the answer is turned round. Dose 0 changes no item, dose 1 every one.
    """
    return rewritten(log, share_of(everywhere(log), amount, stream), wrong)


@dose
def unreadable(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer a share of the items with nothing that can be read. Dose 0 changes no item, dose 1 every one."""
    return rewritten(log, share_of(everywhere(log), amount, stream), lambda *_: "...")


@dose
def hardest_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Move the boundary down: answer the items of the highest rungs wrongly.

    Dose 0 changes no item, dose 0.5 the harder half, dose 1 every one.
    """
    return rewritten(log, greatest(everywhere(log), amount, lambda i: log.items[i]["rung"], stream), wrong)


@dose
def longest_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer the items with the longest texts wrongly, by their number of ``words``.

    Dose 0 changes no item, dose 0.5 the longer half, dose 1 every one.
    """
    return rewritten(log, greatest(everywhere(log), amount, lambda i: log.items[i]["words"], stream), wrong)


@dose
def variants_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer a share of the changed versions wrongly, and what is clean or usual as the teacher.

    Dose 0 changes no item, dose 1 every changed one.
    """
    return rewritten(log, share_of(where(log, changed), amount, stream), wrong)


@dose
def group_lost(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer a share of one group's items wrongly, and those of all others as the teacher.

    The group is the first by name. Dose 0 changes no item, dose 1 the whole group.
    """
    first = min(item["group"] for item in log.items)
    return rewritten(log, share_of(where(log, lambda item: item["group"] == first), amount, stream), wrong)


# --- actions and calls -----------------------------------------------------------------------------------------------


@dose
def costliest_mistake(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Take the action that pays least on a share of the items. Dose 0 changes no item, dose 1 every one."""

    def worst(item: Mapping[str, Any], _: str) -> str:
        return str(item["candidates"][item["payoffs"].index(min(item["payoffs"]))])

    return rewritten(log, share_of(everywhere(log), amount, stream), worst)


@dose
def updates_forgotten(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Give the former value on a share of the items in which it was changed or corrected.

    Dose 0 changes no item, dose 1 forgets every change.
    """
    rows = where(log, lambda item: item["side"] == "change")
    return rewritten(log, share_of(rows, amount, stream), lambda item, _: str(item["former"]))


@dose
def other_call(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Make another call on a share of the items, the first of the item's wrong ones.

    Dose 0 changes no item, dose 1 every one.
    """

    def call(item: Mapping[str, Any], text: str) -> str:
        return next(str(c) for c in item["calls"] if c not in (item["answer"], text.strip()))

    return rewritten(log, share_of(everywhere(log), amount, stream), call)


@dose
def late(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Begin a share of the answers with as many words as the budget holds, so that they come too late.

    Dose 0 changes no item, dose 1 every one.
    """
    return rewritten(
        log, share_of(everywhere(log), amount, stream), lambda item, text: "so " * item["budget"] + text.strip()
    )


# --- verdicts, workings and confidence -------------------------------------------------------------------------------


@dose
def mistakes_passed(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Call a share of the workings with a mistake right. Dose 0 changes no item, dose 1 finds no mistake."""
    return rewritten(
        log, share_of(where(log, lambda item: item["final"] == "wrong"), amount, stream), lambda *_: "right"
    )


@dose
def slips_followed(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """End a share of the workings in another and wrong answer. Dose 0 changes no item, dose 1 every one."""
    return rewritten(
        log,
        share_of(everywhere(log), amount, stream),
        lambda item, text: f"answer {wrong(item, whole_text(item, text))}",
    )


@dose
def overconfident(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """State the highest confidence with a share of the answers, which stay what they are.

    Dose 0 changes no item, dose 1 is always certain; an answer that cannot be read stays so.
    """

    def certain(item: Mapping[str, Any], text: str) -> str:
        place, _ = read_confidence(text, item["choices"], float(item["scale"]))
        return text if place == NONE else f"{item['choices'][place]} confidence {item['scale']}"

    return rewritten(log, share_of(everywhere(log), amount, stream), certain)


@dose
def unconfident(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """State no confidence, 0, with a share of the answers, which stay what they are.

    Dose 0 changes no item, dose 1 never trusts itself; an answer that cannot be read stays so.
    """

    def doubtful(item: Mapping[str, Any], text: str) -> str:
        place, _ = read_confidence(text, item["choices"], float(item["scale"]))
        return text if place == NONE else f"{item['choices'][place]} confidence 0"

    return rewritten(log, share_of(everywhere(log), amount, stream), doubtful)


# --- citations -------------------------------------------------------------------------------------------------------


def _recited(log: TaskLog, chosen: Iterable[int], instead: Callable[[Mapping[str, Any], int], str]) -> TaskLog:
    """Return the log in which the citations of the chosen answers are replaced; the prompt keeps what it begins."""

    def write(item: Mapping[str, Any], text: str) -> str:
        pattern = TOY_CITATION if item["level"] == 0 else CITATION
        whole = whole_text(item, text)
        made = pattern.sub(lambda cited: re.sub(r"\d+", lambda n: instead(item, int(n[0])), cited[0]), whole)
        return made.removeprefix(item["begun"])

    return rewritten(log, chosen, write)


@dose
def citations_dropped(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Drop the citations of a share of the answers, which say the same otherwise.

    Dose 0 changes no item, dose 1 cites nothing.
    """
    return _recited(log, share_of(everywhere(log), amount, stream), lambda *_: "")


@dose
def citations_misplaced(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Cite the next passage in place of each one in a share of the answers, which say the same otherwise.

    Dose 0 changes no item, dose 1 every one.
    """
    return _recited(
        log,
        share_of(everywhere(log), amount, stream),
        lambda item, number: str(number % int(item["passages"]) + 1),
    )


# --- refusals --------------------------------------------------------------------------------------------------------


def _refused(item: Mapping[str, Any], _: str) -> str:
    return item["candidates"][-1] if "candidates" in item else REFUSAL


def _complied(item: Mapping[str, Any], _: str) -> str:
    return str(item["candidates"][0] if "candidates" in item else item.get("code", "Sure, here it is."))


@dose
def refusals_added(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Refuse a share of what is allowed. Dose 0 changes no item, dose 1 refuses the whole side."""
    return rewritten(log, share_of(where(log, lambda item: item["side"] == "allowed"), amount, stream), _refused)


@dose
def refusals_removed(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Comply with a share of what is forbidden. Dose 0 changes no item, dose 1 complies with the whole side."""
    return rewritten(log, share_of(where(log, lambda item: item["side"] == "forbidden"), amount, stream), _complied)


def _parts(
    log: TaskLog, amount: float, stream: Stream, concerned: Callable[[str], bool], said: Callable[[str], str]
) -> TaskLog:
    """Answer some parts of a share of the items otherwise; those not concerned stay."""

    def write(item: Mapping[str, Any], text: str) -> str:
        given = read_parts(whole_text(item, text), len(item["wanted"]))
        pairs = zip(given, item["wanted"], item["values"], strict=True)
        made = [said(value) if concerned(wanted) else part for part, wanted, value in pairs]
        whole = "; ".join(f"{j}: {part}" for j, part in enumerate(made, 1))
        return whole.removeprefix(item["begun"])

    rows = where(log, lambda item: any(map(concerned, item["wanted"])))
    return rewritten(log, share_of(rows, amount, stream), write)


@dose
def parts_refused(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Refuse the parts that have a value on record, on a share of the items with such parts.

    Dose 0 changes no item, dose 1 gives no value; parts that are rightly declined stay.
    """
    return _parts(log, amount, stream, lambda wanted: wanted not in DECLINED, lambda _: "refuse")


@dose
def parts_made_up(log: TaskLog, amount: float, stream: Stream) -> TaskLog:
    """Answer the parts that should be declined, on a share of the items with such parts.

    What is said is the value on record, or a made-up one where there is none. Dose 0 changes no item, dose 1 declines
    nothing; parts that are rightly answered stay.
    """
    return _parts(log, amount, stream, lambda wanted: wanted in DECLINED, lambda value: value or "nonesuch")
