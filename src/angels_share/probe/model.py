"""What a probe found: the content of the file that ``angels-share probe -o`` writes."""

from __future__ import annotations

from typing import Literal

from angels_share.score.model import Estimate
from angels_share.spec import Strict

PERCENTILES = (0.1, 1, 5, 25, 50, 75, 95, 99, 99.9)
"""Percentiles that are reported of each column, in percent of the tokens."""


class Column(Strict):
    """One measure of the tokens: its mean with a 95 % interval over documents, and its distribution."""

    name: str
    meaning: str
    mean: Estimate
    root_mean_square: float
    percentiles: dict[str, float]
    """By percent of the tokens, such as ``99.9``."""
    largest: float


class Divergence(Strict):
    """Two models with one vocabulary, token by token."""

    tokens: int
    documents: int
    head: int
    """Number of tokens in the teacher's head."""
    columns: tuple[Column, ...]


class Similarity(Strict):
    """Hidden states of two models, layer by layer."""

    words: int
    documents: int
    cka: tuple[tuple[float, ...], ...]
    """Debiased linear CKA, teacher's layers by student's; the first of each is the embedding."""
    summary: Estimate
    """Mean over the teacher's layers of the best CKA with a student's layer at like depth."""


class Probe(Strict):
    """A white-box comparison of two sets of weights."""

    schema_version: Literal["angels-share/probe/1"] = "angels-share/probe/1"
    access: Literal["weights"] = "weights"
    teacher: str
    student: str
    teacher_weights: str | None
    """SHA-256 of the weights, where they lie in a folder."""
    student_weights: str | None
    texts: str
    """Where the documents came from."""
    texts_digest: str
    """SHA-256 of the documents, one a line of JSON."""
    divergence: Divergence | None = None
    divergence_reason: str | None = None
    """Why tokens could not be compared."""
    similarity: Similarity | None = None
    similarity_reason: str | None = None
    versions: dict[str, str]
