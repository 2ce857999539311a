"""From the result of ``angels-share probe`` to the rows of a statement whose access is ``weights``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from angels_share.errors import BundleError
from angels_share.score.model import Displayed, Estimate, PairScore
from angels_share.statement.draft import short_name
from angels_share.statement.model import Weights

if TYPE_CHECKING:
    from angels_share.probe.model import Probe

TITLES = {
    "kl": ("KL(T‖S) of the next token", "nats"),
    "kl_between": ("part of KL(T‖S) between the teacher's head and tail", "nats"),
    "kl_head": ("part of KL(T‖S) within the head", "nats"),
    "kl_tail": ("part of KL(T‖S) within the tail", "nats"),
    "kl_reverse": ("KL(S‖T) of the next token", "nats"),
    "js": ("Jensen-Shannon divergence of the next token", "nats"),
    "same_top": ("the same token is likeliest", "share"),
    "delta_p": ("change in the probability of the true next token", "share"),
}
"""Columns of a probe that a statement shows, with their titles and units; the others stay in the probe's file."""


def from_probe(probe: Probe) -> Weights:
    """Return what a statement carries of a probe; the folder of its texts is not published.

    Raises
    ------
    BundleError
        If it found nothing.
    """
    tokens, states = probe.divergence, probe.similarity
    columns = {column.name: column.mean for column in tokens.columns} if tokens else {}
    rows = [_row(name, *TITLES[name], columns[name]) for name in TITLES if name in columns]
    if states:
        rows.append(_row("cka", "debiased CKA of the best layer at like depth", "1", states.summary))
    if tokens is None and states is None:
        raise BundleError("the probe compared neither tokens nor hidden states; there is nothing to state")
    reasons = {"tokens": probe.divergence_reason, "hidden states": probe.similarity_reason}
    return Weights(
        teacher=short_name(probe.teacher),
        student=short_name(probe.student),
        teacher_weights=probe.teacher_weights,
        student_weights=probe.student_weights,
        texts=short_name(probe.texts),
        texts_digest=probe.texts_digest,
        documents=max(found.documents for found in (tokens, states) if found),
        tokens=tokens.tokens if tokens else None,
        rows=tuple(rows),
        reasons=tuple(f"{what}: {reason}" for what, reason in reasons.items() if reason),
        versions=probe.versions,
    )


def _row(name: str, title: str, unit: str, value: Estimate) -> Displayed:
    return Displayed(name=name, title=title, unit=unit, teacher=None, student=None, value=value)


def of_pair(weights: Weights, score: PairScore) -> Weights:
    """Return the weights' rows if they are about the models of the score.

    Raises
    ------
    BundleError
        If they are about other models.
    """
    found, scored = (weights.teacher, weights.student), (short_name(score.teacher), short_name(score.student))
    if found == scored:
        return weights
    hint = (
        "teacher and student are the wrong way round; probe them again"
        if found == scored[::-1]
        else "probe the models of the score, under the same names"
    )
    raise BundleError(
        f"the weights are those of student {found[1]} and teacher {found[0]}, the score is one of student {scored[1]} "
        f"and teacher {scored[0]}; {hint}"
    )
