"""What is read of lm-eval's own tasks: the answer as their filter left it, and their own metric on it."""

from __future__ import annotations

import numpy as np

from angels_share.observables.categorical import one_hot
from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility

FALLBACK = "[invalid]"
"""What lm-eval's filters leave of an answer in which they find nothing."""


@observable
def filtered_answer(items: Items, responses: Floats | Texts) -> Observation:
    """Read the filtered answer as a one-hot row over all answers of the run and ``invalid``.

    Letter case and space at the ends do not count. Two answers that say the same in other words count as different, so
    this is for filters that leave the bare result. The feature is the task's own metric.

    Examples
    --------
    >>> filtered_answer([{}, {}], [["18", "1.0"], ["[invalid]", "0.0"]]).values.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    told = (str(texts[0]).strip().casefold() for texts in responses)
    seen = one_hot([INVALID if text in ("", FALLBACK) else text for text in told])
    return Observation(seen.values, seen.categories, seen.invalid, features=_metric(responses))


@observable
def metric_value(items: Items, responses: Floats | Texts) -> Observation:
    """Read nothing of an answer but the task's own metric m, as the distribution (m, 1 − m) over right and wrong.

    For answers that are right in many wordings, such as programs.

    Examples
    --------
    >>> metric_value([{}, {}], [["return 1", "1.0"], ["return 2", "0.25"]]).values.tolist()
    [[1.0, 0.0], [0.25, 0.75]]
    """
    metric = _metric(responses)
    return Observation(np.hstack([metric, 1 - metric]), ("right", "wrong"), np.zeros(len(items)), features=metric)


def _metric(responses: Floats | Texts) -> Floats:
    return np.array([[float(texts[1])] for texts in responses])


@utility("filtered_answer", lambda items: np.zeros(len(items)), smooth=False)
def logged_metric(items: Items, seen: Observation) -> Floats:
    """Return what lm-eval's own metric made of each answer, in [0, 1]; chance is taken to be 0."""
    return np.zeros(len(items)) if seen.features is None else seen.features[:, 0]
