"""Whether a task can be measured for a teacher: a property of the teacher alone, decided before any student."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from angels_share.discrepancies import get as get_discrepancy
from angels_share.estimate import resampling, variation
from angels_share.logs import TaskLog
from angels_share.observables import Observation, get_utility, observe
from angels_share.score.model import Gap

LEAST_VARIATION = 0.05
"""Below this Δ₁ the teacher answers everything alike."""

LEAST_DIVISOR = 0.001
"""Below this Δ₁ on the scored items no loss can be formed, whatever the calibration run said."""

LEAST_SKILL = 0.2
"""Below this share of the way from chance to perfect there is nothing to lose: 0.40 for four options."""

MOST_INVALID = 0.2
"""Above this share of unparsable answers the teacher does not do the task."""

UNTRUNCATED: Mapping[str, tuple[Any, ...]] = {
    "do_sample": (True,),
    "temperature": (1.0,),
    "top_k": (None, 0, -1),
    "top_p": (None, 1.0),
    "min_p": (None, 0.0),
}
"""What each sampler argument may be where the whole distribution is sampled; None for not given."""

UNTRUNCATED_HF: Mapping[str, tuple[Any, ...]] = {**UNTRUNCATED, "top_k": (0,), "top_p": (1.0,)}
"""The same for ``hf``, which cuts to the 50 likeliest tokens where nothing is said."""

LEAST_REPEATS = 8
"""Sampled answers that an item needs."""


def responses_of(log: TaskLog) -> Any:
    """Return the responses of a log in the form that its observable takes."""
    return log.texts if log.log_likelihoods is None else log.log_likelihoods


def observed(log: TaskLog, observable: str | None = None) -> Observation:
    """Return φ of every item of a log, by the task's own observable unless another is named."""
    return observe(observable or log.spec.measure.observable, log.items, responses_of(log))


def teacher_gap(log: TaskLog) -> Gap | None:
    """Return why this teacher cannot show this task, or None where it can.

    The reasons: its answers do not vary (Δ₁ < 0.05), its level is within a fifth of the way from chance to perfect,
    its repeats are all the same, or it cannot be parsed on more than a fifth of its answers.
    """
    measure = log.spec.measure
    seen = observed(log)
    if measure.readout == "sampled" and log.texts is not None and all(len(set(texts)) == 1 for texts in log.texts):
        return Gap(side="teacher", reason="all sampled answers to each item are the same, so nothing was sampled")
    invalid = float(seen.invalid.mean())
    if invalid > MOST_INVALID:
        return Gap(side="teacher", reason=f"{invalid:.0%} of the teacher's answers cannot be parsed (most: 20 %)")
    if gap := variation_gap(log, seen):
        return gap
    if measure.utility is not None:
        utility = get_utility(measure.utility)
        level = float(utility.of(log.items, seen).mean())
        chance = float(np.mean(utility.chance(log.items)))
        if level < chance + LEAST_SKILL * (1 - chance):
            needed = chance + LEAST_SKILL * (1 - chance)
            return Gap(
                side="teacher",
                reason=f"the teacher's level {level:.3f} is too near chance {chance:.3f} (least: {needed:.3f})",
            )
    return None


def variation_gap(log: TaskLog, seen: Observation, least: float = LEAST_VARIATION) -> Gap | None:
    """Return that the teacher's answers hardly vary over these items, or None where they do."""
    discrepancy = get_discrepancy(log.spec.measure.discrepancy)
    scheme = resampling(log.column("cluster_id").tolist(), log.items_digest, resamples=2)
    spread = variation(*discrepancy.spread(seen.values), scheme, sampled=discrepancy.sampled).point
    if spread >= least:
        return None
    return Gap(side="teacher", reason=f"the teacher's answers hardly vary: variation {spread:.3f} (least: {least})")


def sampler_gap(log: TaskLog) -> Gap | None:
    """Return why the generated answers of a log cannot be used, or None.

    One answer must be greedy; sampled ones must be at least eight, at temperature 1, from the whole distribution.
    """
    given, readout = log.settings.generation_kwargs, log.spec.measure.readout
    if readout == "greedy" and given.get("do_sample"):
        return Gap(side="submitter", reason="wrong sampler: one sampled answer is no readout; run with do_sample=False")
    if readout != "sampled" or log.texts is None:
        return None
    repeats = len(log.texts[0])
    if repeats < LEAST_REPEATS:
        return Gap(
            side="submitter", reason=f"{repeats} samples an item were drawn; at least {LEAST_REPEATS} are needed"
        )
    if log.settings.backend.endswith("completions") and all(len(set(texts)) == 1 for texts in log.texts):
        reason = (
            "all sampled answers to each item are the same: lm-eval sends one seed with every request, and this "
            "interface follows it; sample through a backend that draws anew"
        )
        return Gap(side="submitter", reason=reason)
    needed = UNTRUNCATED_HF if log.settings.backend.startswith("hf") else UNTRUNCATED
    wrong = [f"{k}={given.get(k, 'unset')}" for k, allowed in needed.items() if given.get(k) not in allowed]
    if wrong:
        return Gap(
            side="submitter",
            reason=f"wrong sampler: {', '.join(wrong)}; sample at temperature 1 without top_k, top_p and min_p",
        )
    return None
