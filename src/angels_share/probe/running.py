"""Running two models side by side over documents, one document at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from angels_share import __version__
from angels_share.errors import RunError
from angels_share.estimate import RESAMPLES, resampling
from angels_share.models import weights_digest
from angels_share.probe.divergence import COLUMNS, HEAD, Columns, compare
from angels_share.probe.model import PERCENTILES, Column, Divergence, Probe, Similarity
from angels_share.probe.similarity import LEAST_ROWS, Gram, matrix, summary
from angels_share.score.model import Estimate
from angels_share.score.task import to_estimate

WORDS_PER_DOCUMENT = 5
"""Words of a document whose hidden states are compared: neighbours are much alike, documents are not."""

GROUPS = 20
"""Groups of documents that the jackknife leaves out one by one."""


@dataclass(frozen=True)
class Loaded:
    """A model with its tokenizer."""

    name: str
    model: Any
    tokenizer: Any
    most_tokens: int
    """Longest input; longer documents are cut there."""

    @property
    def vocabulary(self) -> dict[str, int]:
        """Every token with its number."""
        found: dict[str, int] = self.tokenizer.get_vocab()
        return found


@dataclass
class _Seen:
    """What has been gathered so far."""

    tokens: list[Columns] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    states: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = field(default_factory=lambda: ([], []))
    """Of teacher and student, one array (layers, words, units) a document."""


def load(name: str, dtype: str = "float32", device: str = "cpu") -> Loaded:
    """Return a causal language model of a folder or of the Hub.

    Raises
    ------
    RunError
        If it cannot be loaded, or its tokenizer does not tell which characters a token stands for.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForCausalLM.from_pretrained(name, dtype=dtype).to(device).eval()
    except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        raise RunError(
            f"{name}: cannot be loaded ({str(error).strip().splitlines()[0]}); give a folder or Hub name"
        ) from error
    if not tokenizer.is_fast:
        raise RunError(f"{name}: its tokenizer does not tell which characters a token stands for; use a fast one")
    longest = int(getattr(model.config, "max_position_embeddings", 0) or tokenizer.model_max_length)
    return Loaded(name, model, tokenizer, longest)


def probe(
    teacher: Loaded,
    student: Loaded,
    documents: Sequence[str],
    source: str,
    *,
    head: int = HEAD,
    resamples: int = RESAMPLES,
    progress: Callable[[Iterable[str]], Iterable[str]] = lambda texts: texts,
) -> Probe:
    """Return the comparison of two models on documents.

    Memory holds one document's logits, 40 bytes a token and the hidden states of five words a document.

    Parameters
    ----------
    teacher, student : Loaded
    documents : sequence of str
    source : str
        Where the documents came from, for the report.
    head : int
        Number of tokens in the teacher's head.
    resamples : int
        Bootstrap resamples of documents.
    progress : callable
        Wraps the documents, to show how far it is.

    Raises
    ------
    RunError
        If there are fewer than two documents with two tokens.
    """
    reason = _why_incomparable(teacher, student)
    seen = _Seen()
    for text in progress(documents):
        _read(teacher, student, text, seen, head, tokens=reason is None)
    if len(seen.states[0]) < 2:
        raise RunError(f"{source}: {len(seen.states[0])} documents hold two words or more; at least 2 are needed")
    digest = hashlib.sha256("\n".join(json.dumps(text) for text in documents).encode()).hexdigest()
    similarity = _similarity(seen)
    return Probe(
        teacher=Path(teacher.name).name,
        student=Path(student.name).name,
        teacher_weights=_digest(teacher.name),
        student_weights=_digest(student.name),
        texts=source,
        texts_digest=digest,
        divergence=None if reason else _divergence(seen, digest, head, resamples),
        divergence_reason=reason,
        similarity=similarity,
        similarity_reason=None if similarity else f"fewer than {LEAST_ROWS} words, or states that do not vary",
        versions={"angels-share": __version__} | {name: version(name) for name in ("torch", "transformers")},
    )


def _why_incomparable(teacher: Loaded, student: Loaded) -> str | None:
    """Return why the two say nothing of the same tokens, or None where they do."""
    ours, theirs = teacher.vocabulary, student.vocabulary
    if ours == theirs:
        return None
    differing = len(set(ours.items()) ^ set(theirs.items()))
    return (
        f"the vocabularies differ in {differing} entries ({len(ours)} and {len(theirs)} tokens), so there is no "
        "divergence over tokens; as_distribution_prefix and as_distribution_bpb compare texts whatever the tokenizer"
    )


def _digest(name: str) -> str | None:
    return weights_digest(Path(name)) if Path(name).is_dir() else None


def _read(teacher: Loaded, student: Loaded, text: str, seen: _Seen, head: int, *, tokens: bool) -> None:
    """Run both models on a document and keep what is compared."""
    import torch

    with torch.inference_mode():
        runs = [_run(loaded, text) for loaded in (teacher, student)]
    if runs[0].ids.shape[0] < 2:
        return
    if tokens:
        n = len(teacher.vocabulary)
        ours, theirs = (run.logits[:-1, :n] for run in runs)
        seen.tokens.append(compare(ours, theirs, runs[0].ids[1:], head))
        seen.counts.append(len(runs[0].ids) - 1)
    words = _words(text, min(run.ends[-1] for run in runs))
    if words:
        for states, run in zip(seen.states, runs, strict=True):
            states.append(run.at(words))


@dataclass(frozen=True)
class _Run:
    """What one model made of a document."""

    ids: Any
    logits: Any
    layers: tuple[Any, ...]
    ends: list[int]
    """Where the characters of each token end; tokens without characters end where the one before does."""

    def at(self, words: Sequence[int]) -> NDArray[np.float32]:
        """Return the states of every layer at the tokens that hold these characters' ends, (layers, words, units)."""
        places = np.searchsorted(self.ends, words)
        return np.stack([np.asarray(layer[places].float().cpu(), dtype=np.float32) for layer in self.layers])


def _run(loaded: Loaded, text: str) -> _Run:
    given = loaded.tokenizer(text, return_offsets_mapping=True, truncation=True, max_length=loaded.most_tokens)
    import torch

    ids = torch.tensor([given["input_ids"]], device=loaded.model.device)
    out = loaded.model(input_ids=ids, output_hidden_states=True, use_cache=False)
    ends = np.maximum.accumulate([end for _, end in given["offset_mapping"]] or [0]).tolist()
    return _Run(ids[0], out.logits[0], tuple(layer[0] for layer in out.hidden_states), ends)


def _words(text: str, read: int) -> list[int]:
    """Return where some words end, evenly spread over what both models read."""
    ends = [end for end in _word_ends(text) if end <= read]
    if len(ends) <= WORDS_PER_DOCUMENT:
        return ends
    places = np.linspace(0, len(ends) - 1, WORDS_PER_DOCUMENT).round().astype(int)
    return [ends[k] for k in places]


def _word_ends(text: str) -> Iterator[int]:
    for k, char in enumerate(text):
        if not char.isspace() and (k + 1 == len(text) or text[k + 1].isspace()):
            yield k + 1


def _divergence(seen: _Seen, digest: str, head: int, resamples: int) -> Divergence:
    of_token = np.repeat(np.arange(len(seen.counts)), seen.counts)
    scheme = resampling([str(k) for k in of_token], digest, resamples)
    columns = []
    for name, meaning in COLUMNS.items():
        values = np.concatenate([document[name] for document in seen.tokens]).astype(np.float64)
        spread = zip(PERCENTILES, np.percentile(values, PERCENTILES).tolist(), strict=True)
        columns.append(
            Column(
                name=name,
                meaning=meaning,
                mean=to_estimate(scheme.mean(values), scheme, len(values)),
                root_mean_square=float(np.sqrt(np.mean(values**2))),
                percentiles={str(percent): value for percent, value in spread},
                largest=float(np.abs(values).max()),
            )
        )
    return Divergence(tokens=len(of_token), documents=len(seen.counts), head=head, columns=tuple(columns))


def _similarity(seen: _Seen) -> Similarity | None:
    """Return CKA of all layers, with a delete-a-group jackknife over documents for the summary."""
    counts = [states.shape[1] for states in seen.states[0]]
    of_word = np.repeat(np.arange(len(counts)), counts)
    teacher, student = (np.concatenate(states, axis=1) for states in seen.states)
    if len(of_word) < LEAST_ROWS:
        return None
    groups = min(GROUPS, len(counts))
    group = of_word * groups // len(counts)
    values = matrix(*([Gram.of(layer, group) for layer in layers] for layers in (teacher, student)))
    if not np.isfinite(values).all():
        return None
    point, *left = (summary(v) for v in values)
    error = float(np.sqrt((groups - 1) / groups * np.sum((np.array(left) - np.mean(left)) ** 2)))
    reach = float(special.stdtrit(groups - 1, 0.975)) * error
    return Similarity(
        words=len(of_word),
        documents=len(counts),
        cka=tuple(tuple(map(float, row)) for row in values[0]),
        summary=Estimate(
            value=point,
            low=point - reach,
            high=min(point + reach, 1.0),
            n=len(of_word),
            clusters=len(counts),
            method=f"jackknife over {groups} groups of documents",
        ),
    )
