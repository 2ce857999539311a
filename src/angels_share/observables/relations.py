"""Observables and utilities of the row *representation*: relations between items, not answers to them.

Each φ needs other items of the task: which stimuli are alike, whether an answer stays the same under a transformation,
and on which part of a text it rests. The utilities are joint, so that lm-eval prints their mean over the whole task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from angels_share.errors import MeasureError
from angels_share.observables.categorical import answer, option_distribution
from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility

SAME_SIMILARITY = 9
"""Decimals of a cosine similarity that count: similarities that agree in these are ties."""

LEAST_NORM = 1e-6
"""Features shorter than this are rounding: their stimulus is like no other."""

LEAST_PROBABILITY = 1e-12
"""Option probabilities below this are taken for it, so that their logarithm is finite."""


# --- which stimuli are alike -----------------------------------------------------------------------------------------


@observable
def similarity_ranks(items: Items, responses: Floats | Texts) -> Observation:
    """Rank the other stimuli of an item's level by how alike the model takes them to be.

    The features of a stimulus are the log-probabilities of its probes, ``x_ik = ln q_ik`` with q normalised over the
    probes, less their mean over the stimuli of the level, which removes how likely a probe is anyhow. Row i holds the
    ranks of the cosine similarities ``cos(x_i, x_j)`` among all j ≠ i of the level, average ranks for ties, with mean 0
    and length 1/√2; so ``½ ‖φ_T − φ_S‖² = ½ (1 − ρ)``, with Spearman's ρ of the two models' similarities, in [0, 1].
    Columns are the items of the task by name, 0 for the item itself and those of other levels. A row is 0 where all
    similarities are equal. The features are kept beside the rows. Source: second-order similarity as in
    representational similarity analysis (Kriegeskorte, Mur and Bandettini 2008, doi 10.3389/neuro.06.004.2008).
    """
    logs = np.log(np.maximum(option_distribution(items, responses).values, LEAST_PROBABILITY))
    names = sorted(str(item["item_id"]) for item in items)
    place = {name: k for k, name in enumerate(names)}
    columns = np.array([place[str(item["item_id"])] for item in items])
    levels = np.array([int(item["level"]) for item in items])
    features, values = np.zeros_like(logs), np.zeros((len(items), len(items)))
    for level in np.unique(levels):
        (rows,) = np.nonzero(levels == level)
        features[rows] = logs[rows] - logs[rows].mean(axis=0)
        values[np.ix_(rows, columns[rows])] = _rank_profiles(similarities(features[rows]))
    return Observation(values, tuple(names), np.zeros(len(items)), distribution=False, features=features)


def similarities(features: Floats) -> Floats:
    """Return the cosine similarity of each pair of rows, rounded so that equal ones are equal; 0 for rows of no length.

    Examples
    --------
    >>> similarities(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])).round(3).tolist()
    [[1.0, 0.707, 0.0], [0.707, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = np.where(lengths > LEAST_NORM, features / np.maximum(lengths, LEAST_NORM), 0.0)
    found: Floats = (unit @ unit.T).round(SAME_SIMILARITY)
    return found


def _rank_profiles(similar: Floats) -> Floats:
    others = ~np.eye(len(similar), dtype=bool)
    ranks = np.array([_ranks(row) for row in similar[others].reshape(len(similar), -1)])
    ranks -= len(similar) / 2
    lengths = np.linalg.norm(ranks, axis=1, keepdims=True)
    profiles = np.zeros_like(similar)
    profiles[others] = (ranks / np.where(lengths > 0, lengths * np.sqrt(2), 1.0)).ravel()
    return profiles


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value from 1 on; equal values share the mean of theirs."""
    order = np.sort(values)
    ranks: Floats = (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right") + 1) / 2
    return ranks


@utility("similarity_ranks", lambda items: np.full(len(items), 0.5), smooth=True, joint=True)
def category_separation(items: Items, seen: Observation) -> Floats:
    """How well similarity tells an item's own category from the others.

    ``u_i`` is the chance that a random item of i's level and category is more like i than a random one of another
    category, ties counting half: the area under the ROC curve, in [0, 1]; ½ where either kind of item is missing.
    """
    column = {name: k for k, name in enumerate(seen.categories)}
    profiles = seen.values[:, [column[str(item["item_id"])] for item in items]]
    levels, categories = (np.array([str(item[field]) for item in items]) for field in ("level", "category"))
    u = np.full(len(items), 0.5)
    for i in range(len(items)):
        others = (levels == levels[i]) & (np.arange(len(items)) != i)
        same = categories[others] == categories[i]
        alike, unlike = same.sum(), (~same).sum()
        if alike and unlike:
            ranks = _ranks(profiles[i, others].round(SAME_SIMILARITY))
            u[i] = (ranks[same].sum() - alike * (alike + 1) / 2) / (alike * unlike)
    return u


# --- whether an answer stays under transformations -------------------------------------------------------------------


@observable
def answer_pair(items: Items, responses: Floats | Texts) -> Observation:
    """Probability of each pair of answers: to the clean item of a cluster, and to this variant of it.

    ``φ_jk = q_j(clean) · q_k(variant)``. Option k of a variant is the image of option k of the clean item, so the pair
    (k, k) says that the answer moved as it should. The clean item is paired with itself. Responses are option
    likelihoods, or one greedy answer, which is one-hot over the item's ``candidates`` and ``invalid``. Columns are the
    pairs (1, 1), (1, 2), …; rows add up to 1.
    """
    q, invalid = _answers(items, responses)
    clean = {str(item["cluster_id"]): k for k, item in enumerate(items) if item["variant"] == "clean"}
    try:
        origin = [clean[str(item["cluster_id"])] for item in items]
    except KeyError as error:
        raise MeasureError(f"cluster {error}: its clean item is missing, so nothing can be compared with it") from error
    pairs: Floats = q[origin][:, :, None] * q[:, None, :]
    width = q.shape[1]
    names = [*(f"option {k + 1}" for k in range(options_of(items))), INVALID][:width]
    categories = tuple(f"{one}, {other}" for one in names for other in names)
    return Observation(pairs.reshape(len(items), -1), categories, invalid)


def _answers(items: Items, responses: Floats | Texts) -> tuple[Floats, Floats]:
    """Return the probability of each option, and of an unreadable answer where answers are texts."""
    if "candidates" not in items[0]:
        seen = option_distribution(items, responses)
        return seen.values, seen.invalid
    given = answer(items, responses)
    q = np.zeros((len(items), options_of(items) + 1))
    for row, item, k in zip(q, items, given.values.argmax(axis=1), strict=True):
        said = given.categories[k]
        row[item["candidates"].index(said) if said != INVALID else -1] = 1.0
    return q, given.invalid


def options_of(items: Items) -> int:
    """Return the greatest number of possible answers that an item has."""
    return max(len(_options(item)) for item in items)


def _options(item: Mapping[str, Any]) -> list[str]:
    options: list[str] = item["candidates"] if "candidates" in item else item["choices"]
    return options


def answers_of_pairs(items: Items, seen: Observation) -> tuple[Floats, Floats]:
    """Return the two answers that each pair is made of, over the options: to the clean item, and to the variant.

    Parameters
    ----------
    items : sequence of items
    seen : Observation
        What :func:`answer_pair` returned.

    Returns
    -------
    two arrays of shape (items, options)
        The mass on unreadable answers is left out.
    """
    width = round(len(seen.categories) ** 0.5)
    pairs = seen.values.reshape(-1, width, width)
    options = options_of(items)
    return pairs.sum(axis=2)[:, :options], pairs.sum(axis=1)[:, :options]


@utility("answer_pair", lambda items: np.array([len(_options(i)) ** -2.0 for i in items]), smooth=True, joint=True)
def right_and_invariant(items: Items, seen: Observation) -> Floats:
    """Probability that both answers are right, ``u = q_gold(clean) · q_gold(variant)``, in [0, 1].

    A model that always answers the same is invariant but not right, so it stays at chance, 1 / options².
    """
    clean, variant = answers_of_pairs(items, seen)
    rows = np.arange(len(items))
    gold = [int(i["gold"]) if "gold" in i else i["candidates"].index(str(i["answer"]).lower()) for i in items]
    u: Floats = clean[rows, gold] * variant[rows, gold]
    return u


# --- on which part of a text an answer rests -------------------------------------------------------------------------


@observable
def localisation(items: Items, responses: Floats | Texts) -> Observation:
    """On which part of a text the right answer rests.

    A cluster holds a text and the text without each of its m parts (``removed``, −1 for none). With the
    log-probability ℓ of the right option among the options, in nats, part j carries ``s_j = ℓ(whole) − ℓ(without j)``
    and ``φ = softmax(s)``. Every item of a cluster has the same φ, so a mean over items is one over texts.
    """
    q = option_distribution(items, responses).values
    logs = np.log(np.maximum(q[np.arange(len(items)), [int(i["gold"]) for i in items]], LEAST_PROBABILITY))
    names, texts = np.unique([str(item["cluster_id"]) for item in items], return_inverse=True)
    removed = np.array([int(item["removed"]) for item in items])
    level = np.full((len(names), removed.max() + 2), np.nan)
    level[texts, removed + 1] = logs
    if np.isnan(level).any():
        name = names[np.isnan(level).any(axis=1)][0]
        raise MeasureError(f"cluster {name}: the whole text or one without a part is missing")
    carried = level[:, :1] - level[:, 1:]
    mass = np.exp(carried - carried.max(axis=1, keepdims=True))
    phi: Floats = (mass / mass.sum(axis=1, keepdims=True))[texts]
    return Observation(phi, tuple(f"part {j + 1}" for j in range(phi.shape[1])), np.zeros(len(items)))


@utility(
    "localisation",
    lambda items: np.full(len(items), 1 / (max(int(item["removed"]) for item in items) + 1)),
    smooth=True,
    joint=True,
)
def mass_on_needed(items: Items, seen: Observation) -> Floats:
    """Share of the answer that rests on the part that holds it, ``u = φ_needed``, in [0, 1]; chance is 1 / m."""
    u: Floats = seen.values[np.arange(len(items)), [int(item["needed"]) for item in items]]
    return u
