"""Observables and utilities of the row *long tail*: what a question adds to how likely its options are anyhow."""

from __future__ import annotations

import numpy as np

from angels_share.errors import MeasureError
from angels_share.observables.categorical import option_distribution
from angels_share.observables.registry import Floats, Items, Observation, Texts, observable, utility

QUESTION, PRIOR = "question", "prior"
"""The two parts of a pair: a question, and the opening of its answer alone."""


@observable
def pmi_distribution(items: Items, responses: Floats | Texts) -> Observation:
    """Distribution over the options by how much likelier the question makes each of them.

    A pair, named by the field ``pair``, has two items with the same options: in one ``part`` the question, in the other
    only the opening of the answer, its prior. With the log-likelihoods ℓ of option k in nats,
    ``φ_k ∝ exp(ℓ_k(question) − ℓ_k(prior))``, the exponential of the pointwise mutual information of question and
    option, normalised over the options. A rare name loses nothing by being rare. Both items of a pair have the same φ,
    so a mean over items is one over pairs. The features are the distribution over the options without the prior.
    Source: domain-conditional PMI (Holtzman et al. 2021, arXiv 2104.08315).

    Examples
    --------
    >>> items = [{"item_id": "a", "pair": "1", "part": part} for part in ("question", "prior")]
    >>> pmi_distribution(items, np.log([[0.4, 0.4], [0.6, 0.2]])).values.round(3).tolist()
    [[0.25, 0.75], [0.25, 0.75]]
    """
    logs = np.asarray(responses, dtype=np.float64)
    place = {(str(item["pair"]), str(item["part"])): k for k, item in enumerate(items)}
    try:
        question, prior = ([place[str(item["pair"]), part] for item in items] for part in (QUESTION, PRIOR))
    except KeyError as error:
        pair, part = error.args[0]
        raise MeasureError(
            f"pair {pair}: its {part} is missing, so what the question adds cannot be told; run whole pairs"
        ) from error
    seen = option_distribution(items, logs[question] - logs[prior])
    raw = option_distribution(items, logs[question]).values
    return Observation(seen.values, seen.categories, seen.invalid, features=raw)


@utility(
    "pmi_distribution",
    lambda items: np.array([1 / len(i["choices"]) for i in items]),
    smooth=True,
    joint=True,
    gold=True,
)
def pmi_of_gold(items: Items, seen: Observation) -> Floats:
    """Share of the right option by pointwise mutual information, ``u = φ_gold``, in [0, 1]; chance is 1 / options."""
    u: Floats = seen.values[np.arange(len(items)), [int(item["gold"]) for item in items]]
    return u
