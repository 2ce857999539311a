"""Whether students take over their teacher's errors: one wrong answer more often than chance, and than without it.

An error is a readable wrong answer to an item that has three options or more, or any number of answers; with two
options two wrong answers are always the same. Items whose right answer is drawn, tasks without one, and sampled answers
are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from angels_share.errors import MeasureError
from angels_share.estimate import Draws
from angels_share.items import Item
from angels_share.observables import INVALID, Floats
from angels_share.observables.budget import LATE
from angels_share.statistics.registry import RESAMPLES
from angels_share.validity.literature.findings import Finding, Measured, by_chance, estimated, seed_margin, students
from angels_share.validity.pairs import SIBLINGS, TRUTH, Pairs, TaskAnswers, answers, drawn

SOURCE = (
    "Rethinking Knowledge Distillation: A Data Dependent Regulariser With a Negative Asymmetric Payoff "
    "(arXiv 2510.12615)"
)

CHOSEN = ("probability_of_gold", "brier", "expected_payoff", "pmi_of_gold")
"""Utilities of tasks whose likeliest option is the answer, ``gold`` being the right one."""

SAID = {"correct": "answer", "payoff": "answer", "final_right": "final", "right_within_budget": "final"}
"""Field of the right answer, for the utilities of tasks that are answered in words."""

LEAST_OPTIONS = 3

Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Sums:
    """Numbers of items over all tasks, each in every resample."""

    copied: Draws
    """Items on which both models give one wrong answer."""
    expected: Draws
    """Those expected by chance."""
    errors: Draws
    """Items on which both are wrong."""
    wrong: Draws
    """Items on which the teacher is wrong."""
    wrong_agreed: Draws
    """Those of them to which the student gives the teacher's answer."""
    right: Draws
    right_agreed: Draws

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(one + two for one, two in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def rate(self) -> Draws:
        """Share of common errors that are copied."""
        return self.copied / self.errors

    @property
    def beyond_chance(self) -> Draws:
        """The same less what chance allows."""
        return (self.copied - self.expected) / self.errors

    @property
    def skew(self) -> Draws:
        """Agreement with the teacher where it is wrong less that where it is right."""
        return self.wrong_agreed / self.wrong - self.right_agreed / self.right


def copied_errors(pairs: Pairs) -> Finding:
    """Whether students repeat their teacher's wrong answers, beyond chance and beyond a student that never saw it.

    Mason-Williams, Mason-Williams and Yannakoudakis report an asymmetric transfer of negative knowledge: students come
    to agree with their teacher's wrong answers more than with its right ones, against controls that were trained
    without it. Chance is two models that err independently, with the frequencies of their wrong answers: see
    :func:`matched_by_chance`. Models without contact also share the errors that the items suggest, so the student that
    learnt from the right answers alone is the reference.

    Raises
    ------
    MeasureError
        If no task has an error that teacher and student share.
    """
    logs = {task: log for pair in pairs.values() for task, log in pair.student.tasks.items()}
    found: dict[str, list[Sums]] = {}
    for task, log in logs.items():
        asks = log.spec.measure.utility in CHOSEN or log.spec.measure.utility in SAID
        if asks and (given := answers(pairs, task)) is not None:
            for name in given.seen:
                found.setdefault(name, []).append(_counted(given, name))
    sums = {name: sum(others, start=first) for name, (first, *others) in found.items()}
    sums = {name: of for name, of in sums.items() if of.errors.point > 0 and of.wrong.point > 0 and of.right.point > 0}
    if not sums:
        raise MeasureError("no task with three options or more was answered wrongly by a teacher and its student")
    told = [one for name, of in sums.items() for one in _alone(name, of)]
    told += _against_reference(sums)
    return Finding(
        claim="copied_errors",
        source=SOURCE,
        claimed="Students take over their teacher's errors more readily than what it knows.",
        definitions={
            "errors copied": "Share of the items that both models answer wrongly on which they give one wrong answer.",
            "copied beyond chance": "The same less the share expected of two models that err independently with the "
            "frequencies of their own wrong answers, within each task.",
            "copied beyond the reference": "The same less that of the student that learnt without the teacher.",
            "asymmetry of transfer": "Agreement with the teacher beyond the reference's, where the teacher is wrong, "
            "less that where it is right.",
        },
        measured=tuple(told),
        can=_said(told),
        cannot=_unsaid(told),
    )


def _alone(name: str, of: Sums) -> list[Measured]:
    n = int(of.errors.point)
    return [
        Measured(statistic="errors copied", of=name, estimate=estimated(of.rate, n)),
        Measured(statistic="copied beyond chance", of=name, estimate=estimated(of.beyond_chance, n), null=0.0),
    ]


def _against_reference(sums: Mapping[str, Sums]) -> list[Measured]:
    """Return what each student copies beyond the reference, and how much more it agrees on errors than on the rest."""
    if TRUTH not in sums:
        return []
    reference = sums[TRUTH]
    differences = {
        name: {
            "copied beyond the reference": of.beyond_chance - reference.beyond_chance,
            "asymmetry of transfer": of.skew - reference.skew,
        }
        for name, of in sums.items()
        if name != TRUTH
    }
    told = []
    counted: dict[str, Callable[[Sums], Draws]] = {
        "copied beyond the reference": lambda of: of.errors,
        "asymmetry of transfer": lambda of: of.wrong + of.right,
    }
    for statistic, items in counted.items():
        margin = seed_margin([differences[n][statistic].point for n in SIBLINGS if n in differences], (1.0, -1.0))
        told += [
            Measured(
                statistic=statistic,
                of=name,
                estimate=estimated(of[statistic], int(items(sums[name]).point)),
                null=0.0,
                seeds=margin,
            )
            for name, of in differences.items()
        ]
    return told


# --- one task --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What both models answered to one task, one entry an item in each array."""

    asked: Mask
    """Whether the item counts, and the teacher's answer can be read."""
    read: Mask
    """Whether the student's answer can be read."""
    wrong: tuple[Mask, Mask]
    """Whether the teacher is wrong, and the student."""
    codes: tuple[Codes, Codes]
    """The answers: of options and candidates the place after the right one, else the number of the word."""
    groups: Codes
    """Items whose errors may be paired: with one number of options, and one right answer where all items of the task
    have the same options or candidates."""


def _counted(given: TaskAnswers, member: str) -> Sums:
    """Return the sums of one task for one member."""
    chosen = given.spec.measure.utility in CHOSEN
    said = _options_said(given, member) if chosen else _words_said(given, member)
    wrong, student_wrong = said.wrong
    same = (said.codes[0] == said.codes[1]) & said.read
    masks = (wrong, wrong & same, ~wrong, ~wrong & same)
    return Sums(
        *matched_by_chance(given, said.asked & wrong & student_wrong & said.read, said.codes, said.groups),
        *(_total(given, said.asked & mask) for mask in masks),
    )


def _options_said(given: TaskAnswers, member: str) -> Said:
    items = given.items
    gold = np.array([int(item["gold"]) for item in items])
    options = np.array([len(item["choices"]) for item in items])
    alike = len({tuple(item["choices"]) for item in items}) == 1
    teacher, student = ((seen.values.argmax(axis=1) - gold) % options for seen in given.seen[member])
    return Said(
        asked=(options >= LEAST_OPTIONS) & np.array([_settled(item) for item in items]),
        read=np.ones(len(items), dtype=bool),
        wrong=(teacher != 0, student != 0),
        codes=(teacher, student),
        groups=gold if alike else options,
    )


def _words_said(given: TaskAnswers, member: str) -> Said:
    items, seen = given.items, given.seen[member]
    right = [str(item[SAID[str(given.spec.measure.utility)]]).lower() for item in items]
    candidates = [tuple(str(c).lower() for c in item["candidates"]) for item in items]
    alike = len(set(candidates)) == 1 and bool(candidates[0])
    words = np.array(seen[0].categories)
    said = [of.values.argmax(axis=1) for of in seen]
    unread = np.isin(words, (INVALID, LATE))
    teacher, student = (
        np.array([_place(str(words[k]), int(k), c, r) for k, c, r in zip(answered, candidates, right, strict=True)])
        for answered in said
    )
    return Said(
        asked=np.array([not c or len(c) >= LEAST_OPTIONS for c in candidates]) & ~unread[said[0]],
        read=~unread[said[1]],
        wrong=(words[said[0]] != np.array(right), words[said[1]] != np.array(right)),
        codes=(teacher, student),
        groups=np.unique(right, return_inverse=True)[1] if alike else np.array([len(c) for c in candidates]),
    )


def _place(word: str, number: int, candidates: tuple[str, ...], right: str) -> int:
    """Return the place of an answer after the right one among the candidates, or its number where it is none."""
    if word not in candidates or right not in candidates:
        return number
    return (candidates.index(word) - candidates.index(right)) % len(candidates)


def _settled(item: Item) -> bool:
    """Tell whether an item has one right answer and is no prior of another."""
    return bool(max(item.get("odds", [1.0])) == 1 and item.get("part", "question") == "question")


def _multiplicity(given: TaskAnswers) -> Floats:
    """Return how often each cluster counts, shape (1 + resamples, clusters), once in the first row."""
    return np.vstack([np.ones(given.scheme.clusters), given.scheme.multiplicity[:RESAMPLES]])


def _total(given: TaskAnswers, mask: Mask) -> Draws:
    return drawn(_multiplicity(given) @ given.scheme.sums(mask.astype(np.float64)))


def matched_by_chance(
    given: TaskAnswers, both: Mask, codes: tuple[Codes, Codes], groups: Codes
) -> tuple[Draws, Draws, Draws]:
    """Return how many errors are the same, how many chance allows, and how many there are.

    Chance pairs the teacher's error on one item with the student's on an item of another cluster, both of one group:
    ``Σ_g N_g · P(a_i = b_j)``. So its expectation is that of independent errors with these frequencies, without the
    bias of multiplying frequencies of the same items. Groups within one cluster are left out.

    Parameters
    ----------
    given : TaskAnswers
    both : array of shape (items,)
        Whether both models are wrong.
    codes : two arrays of shape (items,)
        The answers of teacher and student.
    groups : array of shape (items,)
    """
    weights = _multiplicity(given)
    copied, expected, errors = (np.zeros(len(weights)) for _ in range(3))
    for group in np.unique(groups[both]):
        here = np.flatnonzero(both & (groups == group))
        clusters, of_item = np.unique(given.scheme.of_item[here], return_inverse=True)
        w = weights[:, clusters]
        ours, theirs = (code[here] for code in codes)
        a, b = (np.zeros((len(clusters), max(ours.max(), theirs.max()) + 1)) for _ in range(2))
        np.add.at(a, (of_item, ours), 1.0)
        np.add.at(b, (of_item, theirs), 1.0)
        size = a.sum(axis=1)
        n = w @ size
        matched = ((w @ a) * (w @ b)).sum(axis=1) - w**2 @ (a * b).sum(axis=1)
        paired = n**2 - w**2 @ size**2
        known = paired > 0
        errors += np.where(known, n, 0.0)
        copied += np.where(known, w @ np.bincount(of_item, ours == theirs, len(clusters)), 0.0)
        expected += np.where(known, n * matched, 0.0) / np.where(known, paired, 1.0)
    return drawn(copied), drawn(expected), drawn(errors)


# --- wording ---------------------------------------------------------------------------------------------------------


def _said(told: list[Measured]) -> str:
    alone = [m for m in told if m.statistic == "copied beyond chance" and m.of != TRUTH]
    said = [f"Against chance, {students(alone, 'share more wrong answers with the teacher', 'share fewer')}."]
    reference = [m for m in told if m.statistic == "copied beyond chance" and m.of == TRUTH]
    if not reference:
        return said[0]
    shares = {
        "above": "shares more than chance allows too, which the items must suggest",
        "below": "shares fewer than chance allows",
        "around": "is not told from chance",
    }[reference[0].side]
    said.append(f"The student that never saw the teacher {shares}: {reference[0]}.")
    beyond = [m for m in told if m.statistic == "copied beyond the reference"]
    said.append(f"Against it, {students(beyond, 'share more', 'share fewer')}; {by_chance(beyond)}.")
    skewed = [m for m in told if m.statistic == "asymmetry of transfer"]
    said.append(
        f"As to what was taken over, {students(skewed, 'took errors more readily than right answers', 'less readily')}."
    )
    return " ".join(said)


def _unsaid(told: list[Measured]) -> str:
    if not any(m.statistic == "copied beyond the reference" for m in told):
        return (
            "No student learnt without the teacher, so errors that the items suggest cannot be told from copied ones."
        )
    return (
        "The reference has one training seed and its own rate of errors, and students of one size began from the same "
        "weights. Where the teacher is right nearly everyone agrees with it, which leaves less room for transfer than "
        "where it is wrong and so favours an asymmetry."
    )
