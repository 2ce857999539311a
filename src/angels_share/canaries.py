"""Texts with known membership: what is put into training data, and the key by which the privacy tasks find it again.

A key holds a seed; everything else is made from it again. It says which texts went into the training data and which
texts, made alike, did not. Without such knowledge nothing about memorisation can be measured, and the tasks refuse to
load.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from angels_share import items, spec
from angels_share.errors import SpecError

KINDS = ("canary", "mia", "extract")
"""Files of generators in ``tasks/privacy``, each with a task of its name."""

OF_DOCUMENTS = ("mia", "extract")
"""Those that can make their items of a user's own documents."""

FOLDS = 10
"""Parts of the cross-validation of the blind guess."""

CERTAIN = 2.576
"""Standard errors of a two-sided 99 % interval."""


class Key(spec.Strict):
    """What the tasks must know to make the inserted texts again."""

    format: Literal[1] = 1
    seed: Annotated[int, Field(ge=0, lt=2**53)]
    levels: Annotated[tuple[int, ...], Field(max_length=len(spec.LEVELS))]
    profile: Annotated[str, Field(max_length=20)]
    digest: Annotated[str, Field(max_length=64)]
    """SHA-256 of both lists, so that a release whose generators changed does not take others for the inserted texts."""

    @property
    def content(self) -> dict[str, Any]:
        """The key as ``as_canaries`` and a key file hold it."""
        return self.model_dump(mode="json")


def needs_key(task: spec.TaskSpec) -> bool:
    """Tell whether the items of a task follow a key: nothing of this row can be measured without known membership."""
    return task.measure.row == "privacy"


def lists(seed: int, levels: Sequence[int], profile: str) -> tuple[list[items.Item], list[items.Item]]:
    """Return the texts to insert, each with how often, and those made alike that must not be inserted.

    Parameters
    ----------
    seed : int
    levels : sequence of int
        Each gets as many texts as a track of this level alone has.
    profile : str
        The largest profile that will be asked for.
    """
    inserted: list[items.Item] = []
    held_out: list[items.Item] = []
    repetitions = items.row_module("privacy", "pairs").repetitions
    for kind in KINDS:
        of_cluster = items.row_module("privacy", kind).of_cluster
        source = items.Source(seed)
        for level in levels:
            for k in range(items.n_clusters(spec.task(f"as_privacy_{kind}").measure.clusters, profile)):
                first, second = of_cluster(source, level, k)
                inserted.append({"task": kind, "level": level, "repetitions": repetitions(k), "text": first})
                held_out.append({"task": kind, "level": level, "text": second})
    return inserted, held_out


@cache
def key_of(seed: int, levels: tuple[int, ...], profile: str) -> Key:
    """Return the key of the lists of a seed."""
    unknown = [level for level in levels if level not in spec.LEVELS]
    if unknown or not levels or len(set(levels)) != len(levels):
        raise SpecError(f"levels {list(levels)}: expected one or more of {', '.join(map(str, spec.LEVELS))}, each once")
    inserted, held_out = lists(seed, levels, profile)
    return Key(seed=seed, levels=levels, profile=profile, digest=items.digest([*inserted, *held_out]))


def read_key(given: str | Path | Mapping[str, Any]) -> Key:
    """Return a key from its file or its content, after making sure that the texts can be made again.

    Raises
    ------
    SpecError
        If it cannot be read, or this release makes other texts from it.
    """
    place = "as_canaries" if isinstance(given, Mapping) else str(given)
    try:
        key = Key.model_validate(given if isinstance(given, Mapping) else json.loads(Path(given).read_text("utf-8")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
        reason = str(error).replace("\n", " ")
        raise SpecError(f"{place}: is no key of `angels-share canaries make` ({reason})") from error
    _check_texts(key, place)
    return key


def _check_texts(key: Key, place: str) -> None:
    if key_of(key.seed, key.levels, key.profile).digest != key.digest:
        raise SpecError(
            f"{place}: this release makes other texts from seed {key.seed} than the inserted ones; "
            "evaluate with the release that made the key"
        )


def check_key(key: Key, track: str, profile: str) -> None:
    """Refuse a key that inserted too little for a track and a profile, or whose texts this release cannot make again.

    Raises
    ------
    SpecError
    """
    lacking = [level for level in items.levels_of(track) if level not in key.levels]
    if lacking:
        raise SpecError(f"track {track} asks for level {lacking[0]}, but the key inserted {list(key.levels)}")
    if items.n_clusters(1000, profile) > items.n_clusters(1000, key.profile):
        raise SpecError(f"profile {profile} asks for more texts than the key inserted, those of {key.profile}")
    _check_texts(key, "as_canaries")


def logged_key(task: spec.TaskSpec, metadata: Mapping[str, Any]) -> Key | str | None:
    """Return the key that a task's items followed, from the metadata of its log: the key, or the name of its file.

    None where the task needs no key, or was run on the user's own documents.

    Raises
    ------
    ValueError
        If what the log says is no key.
    """
    given = metadata.get("as_canaries")
    documents = (
        _takes_documents(task.measure.generator) and metadata.get("as_members") and metadata.get("as_nonmembers")
    )
    if given is None or documents or not needs_key(task):
        return None
    return given if isinstance(given, str) else Key.model_validate(given)


def _takes_documents(generator: str) -> bool:
    return generator.partition(".")[0] in OF_DOCUMENTS


def load(
    *,
    config_source: str,
    angels_share: Mapping[str, Any],
    as_track: str = "small",
    as_profile: str = "standard",
    as_canaries: str | Mapping[str, Any] | None = None,
    as_members: str | None = None,
    as_nonmembers: str | None = None,
    **_: object,
) -> dict[str, Any]:
    """Return the items of a privacy task as lm-evaluation-harness asks for them (``custom_dataset``).

    The items follow the key, not ``as_seed``: which texts were inserted cannot be drawn anew.

    Parameters
    ----------
    config_source, angels_share, as_track, as_profile
        As for :func:`angels_share.items.load`.
    as_canaries
        The key, as a file or as its content.
    as_members, as_nonmembers
        JSONL files with the field ``text``, of a random split of one's own documents of which the first part was
        trained on. Where a task can take them, they go before the key.

    Raises
    ------
    SpecError
        If membership is not known, or does not fit what is asked for.
    """
    folder = Path(config_source).parent
    own = _takes_documents(angels_share["generator"])
    if own and as_members and as_nonmembers:
        return _of_documents(folder, angels_share, Path(as_members), Path(as_nonmembers), as_track, as_profile)
    if as_canaries is None:
        others = " or, for a random split of your own documents, as_members and as_nonmembers" if own else ""
        raise SpecError(
            f"{Path(config_source).stem}: it is not known what was in the training data, and without known membership "
            "the row privacy is unmeasured. Insert what `angels-share canaries make` writes before training and pass "
            f'the key: --canaries key.json, or lm-eval\'s --metadata \'{{"as_canaries": "key.json"}}\'{others}'
        )
    key = read_key(as_canaries)
    check_key(key, as_track, as_profile)
    return items.load(
        config_source=config_source,
        angels_share=angels_share,
        as_track=as_track,
        as_profile=as_profile,
        as_seed=key.seed,
    )


def _of_documents(
    folder: Path, measure: Mapping[str, Any], members: Path, others: Path, track: str, profile: str
) -> dict[str, Any]:
    """Return items made of the user's documents, at the highest level of the track."""
    from datasets import Dataset

    level, wanted = items.levels_of(track)[-1], items.n_clusters(measure["clusters"], profile)
    file, _, function = measure["generator"].partition(".")
    module = items.load_module(folder / f"{file}.py")
    inserted, held_out = (read_documents(path, module.words(level), wanted) for path in (members, others))
    if both := set(inserted) & set(held_out):
        raise SpecError(
            f"{members}, {others}: {len(both)} texts begin alike in both; a text was trained on or it was not"
        )
    check_split([*inserted, *held_out], [True] * wanted + [False] * wanted, f"{members}, {others}")
    pairs = list(zip(inserted, held_out, strict=True))
    made = module.text_of_pairs(pairs, level) if function == "text" else module.of_pairs(pairs, level)

    def given(source: items.Source, level: int, n: int) -> list[items.Item]:
        return list(made[:n])

    built = items.build(
        given, levels=[level], clusters=wanted, per_cluster=measure["per_cluster"], source=items.Source(0)
    )
    return {"test": Dataset.from_list(built)}


def read_documents(path: Path, words: int, wanted: int) -> list[str]:
    """Return the first words of as many documents as are wanted, one of ``{"text": …}`` a line.

    Raises
    ------
    SpecError
        If there are fewer documents, or one is shorter.
    """
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        texts = [str(row["text"]).split() for row in rows[:wanted]]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise SpecError(f'{path}: expected lines of {{"text": …}} ({type(error).__name__}: {error})') from error
    if len(texts) < wanted:
        raise SpecError(f"{path}: {len(texts)} documents, {wanted} are needed; choose a smaller profile")
    for line, text in enumerate(texts, 1):
        if len(text) < words:
            raise SpecError(f"{path}, document {line}: {len(text)} words, {words} are needed; choose a lower track")
    return [" ".join(text[:words]) for text in texts]


def check_split(texts: Sequence[str], inserted: Sequence[bool], place: str) -> None:
    """Refuse a split that a bag of words sees through: what looks like memorisation would be another kind of text.

    Raises
    ------
    SpecError
        If the 99 % interval of the blind guess's AUC lies above one half.
    """
    scores, member = blind_scores(texts, inserted), np.array(inserted)
    above = np.sign(scores[member][:, None] - scores[~member][None, :]) / 2 + 0.5
    variance = above.mean(axis=1).var(ddof=1) / member.sum() + above.mean(axis=0).var(ddof=1) / (~member).sum()
    low = float(above.mean() - CERTAIN * np.sqrt(variance))
    if low > 0.5:
        raise SpecError(
            f"{place}: a bag of words that no model was asked for tells members from non-members (AUC "
            f"{above.mean():.2f}, 99 % interval from {low:.2f}), so this is no random split and the row privacy is "
            "unmeasured"
        )


def blind_scores(texts: Sequence[str], inserted: Sequence[bool]) -> NDArray[np.float64]:
    """Return how much each text looks like an inserted one to a classifier that sees only words of other texts.

    A naive Bayes classifier of which words occur, ``Σ ln((a + 1)/(A + 2)) − ln((b + 1)/(B + 2))`` over a text's words,
    with a and b the inserted and other texts of the nine other folds that have the word, and A and B their numbers.
    """
    words = [sorted(set(re.findall(r"\w+", text.lower()))) for text in texts]
    places: dict[str, int] = {}
    for own in words:
        for word in own:
            places.setdefault(word, len(places))
    rows = [np.array([places[word] for word in own], dtype=np.int64) for own in words]
    member = np.array(inserted)
    fold = np.zeros(len(texts), dtype=np.int64)
    for side in (member, ~member):
        fold[side] = np.arange(side.sum()) % FOLDS
    scores = np.zeros(len(texts))
    for k in range(FOLDS):
        odds = np.zeros(len(places))
        for side, sign in ((member, 1), (~member, -1)):
            taught = np.flatnonzero(side & (fold != k))
            counts = np.zeros(len(places))
            for i in taught:
                counts[rows[i]] += 1
            odds += sign * np.log((counts + 1) / (len(taught) + 2))
        for i in np.flatnonzero(fold == k):
            scores[i] = odds[rows[i]].sum()
    return scores


def write(folder: Path, key: Key) -> None:
    """Write the lists of a key as ``IN.jsonl`` and ``OUT.jsonl``, and the key as ``key.json``, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in zip(("IN", "OUT"), lists(key.seed, key.levels, key.profile), strict=True):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    (folder / "key.json").write_text(key.model_dump_json(indent=1) + "\n", "utf-8")
