"""Displayed statistics of code: chances over several answers, answers that only seem right, and the strata."""

from __future__ import annotations

import numpy as np

from angels_share.observables import Floats, Items, Observation
from angels_share.observables.code import passing
from angels_share.statistics.boundary import column
from angels_share.statistics.process import pass_all, pass_at
from angels_share.statistics.registry import statistic, weighted_mean

DRAWS = 5
"""Answers k of pass@k and pass^k."""


@statistic("solved by one of 5 samples", "share")
def passed_once(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of pass@5 over items; see :func:`~angels_share.statistics.process.pass_at`. Pass@1 is the task's level."""
    return weighted_mean(pass_at(passing(items, seen), seen.values.sum(axis=1), DRAWS), weights)


@statistic("solved by all of 5 samples", "share")
def passed_always(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Mean of pass^5 over items; see :func:`~angels_share.statistics.process.pass_all`."""
    return weighted_mean(pass_all(passing(items, seen), seen.values.sum(axis=1), DRAWS), weights)


@statistic("programs that pass the shown tests alone", "share")
def visible_only(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of answers that pass the tests in the prompt and fail a hidden one, in [0, 1]; written tests aside."""
    if seen.features is None:
        return np.full(len(weights), np.nan)
    share = seen.features.mean(axis=1) - passing(items, seen) / seen.values.sum(axis=1)
    return weighted_mean(np.where(column(items, "stratum") == "testgen", np.nan, share), weights)


@statistic("answers that repeat what was shown to fail", "share")
def repeats_failure(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of answers that behave as the faulty program or the failed repair in the prompt, where there is one."""
    shown = [i["choices"].index(i["attempt"]) if i["attempt"] else -1 for i in items]
    share = seen.values[np.arange(len(items)), shown] / seen.values.sum(axis=1)
    return weighted_mean(np.where(np.array(shown) < 0, np.nan, share), weights)


def _level(items: Items, seen: Observation, weights: Floats, stratum: str) -> Floats:
    share = passing(items, seen) / seen.values.sum(axis=1)
    return weighted_mean(np.where(column(items, "stratum") == stratum, share, np.nan), weights)


@statistic("programs repaired", "share")
def debug_level(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of right answers where a program fails a test."""
    return _level(items, seen, weights, "debug")


@statistic("programs written", "share")
def hidden_level(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of right answers where a program is described and tried on hidden tests."""
    return _level(items, seen, weights, "hidden")


@statistic("tests written", "share")
def testgen_level(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of tests that the right program passes and the faulty one fails."""
    return _level(items, seen, weights, "testgen")


@statistic("failed repairs mended", "share")
def failed_level(items: Items, seen: Observation, weights: Floats) -> Floats:
    """Share of right answers after a repair that failed."""
    return _level(items, seen, weights, "failed")
