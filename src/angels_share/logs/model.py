"""What a run folder holds, in columns: the answers of one model, task by task."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from angels_share.canaries import Key
from angels_share.items import Item
from angels_share.spec import Access, TaskSpec


@dataclass(frozen=True)
class Settings:
    """How one task was run; two runs of a pair must agree on all but the sampling seed and the templates."""

    track: str
    profile: str
    item_seed: int
    sampling_seed: int | None
    num_fewshot: int
    generation_kwargs: Mapping[str, Any]
    backend: str
    chat_template_sha: str | None
    system_instruction_sha: str | None
    lm_eval_version: str
    dtype: str | None
    batch_size: str | None
    canaries: Key | str | None = None
    """Key that the items of a privacy task followed, or the name of its file where the log says no more."""
    access: Access = "likelihood"
    """What the run gives out, as its ``--metadata`` declares with ``as_access``; it does not choose the items."""

    @property
    def switch(self) -> dict[str, Any]:
        """The run-time switch that chose the items, as ``--metadata`` takes it."""
        chosen = {"as_track": self.track, "as_profile": self.profile, "as_seed": self.item_seed}
        if self.canaries is None:
            return chosen
        return chosen | {"as_canaries": self.canaries.content if isinstance(self.canaries, Key) else self.canaries}


@dataclass(frozen=True)
class TaskLog:
    """The answers of one model to one task, row ``i`` of every column being the same item."""

    spec: TaskSpec
    settings: Settings
    items: tuple[Item, ...]
    """The documents, as the generator made them."""
    doc_hash: tuple[str, ...]
    """SHA-256 of each document, the key of pairing."""
    log_likelihoods: NDArray[np.float64] | None = None
    """Natural-log likelihood of each option, shape (items, most options), NaN beyond an item's own options."""
    texts: tuple[tuple[str, ...], ...] | None = None
    """The K generated answers of each item; for tasks of lm-eval's own the filtered answer and, as a text too, what
    their metric made of it."""

    def column(self, name: str) -> NDArray[np.str_]:
        """Return one field of the items as an array of strings."""
        return np.array([str(item[name]) for item in self.items])

    @property
    def responses_digest(self) -> str:
        """SHA-256 over item hashes and responses, in the order of the hashes."""
        rows = self.texts if self.texts is not None else np.asarray(self.log_likelihoods).tolist()
        lines = sorted(json.dumps([h, r]) for h, r in zip(self.doc_hash, rows, strict=True))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def items_digest(self) -> str:
        """SHA-256 of the item set, whatever its order."""
        return hashlib.sha256("\n".join(sorted(self.doc_hash)).encode()).hexdigest()


@dataclass(frozen=True)
class Run:
    """Everything that one model answered, task by task."""

    place: str
    """Folder that the run was read from."""
    model: str
    """Name of the model as lm-eval recorded it."""
    tasks: Mapping[str, TaskLog]
    sources: Mapping[str, Path] = field(default_factory=dict)
    """Results file of each task."""


def document_hash(doc: Item) -> str:
    """Return lm-eval's hash of a document: SHA-256 of its indented JSON.

    Examples
    --------
    >>> document_hash({"a": 1})[:8]
    '81646698'
    """
    return hashlib.sha256(json.dumps(doc, indent=2, ensure_ascii=False).encode()).hexdigest()
