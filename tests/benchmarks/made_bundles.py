"""Sound bundles of any size: every suite at its largest, with generated answers that go on longer than they need to."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from angels_share import canaries, spec, statement, submission
from angels_share.items import CALIBRATION_SEED, Item, levels_of
from angels_share.logs import Run, TaskLog, document_hash
from angels_share.score import score_pair
from angels_share.submission.model import RoleName
from angels_share.taxonomy import SCENARIOS, STATEMENT_ITEMS
from synthetic import SETTINGS, Answer, make_items, noisy

TRACK, PROFILE = "frontier", "full"
SAMPLER = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
VOCABULARY = 20_000
"""Words that the padding is drawn from, the k-th with a probability in proportion to 1 / k."""

PADDING = 1 << 24
"""Characters of padding that a run's answers are cut from."""

ROLES: dict[RoleName, tuple[str, Answer, int]] = {
    "teacher": ("teacher", noisy(1, 0.95), 0),
    "student": ("student", noisy(2, 0.6), 0),
    "teacher_repeat": ("teacher", noisy(3, 0.95), 0),
    "calibration": ("teacher", noisy(4, 0.95), CALIBRATION_SEED),
}
"""Model, answers and item seed of every run of a pair."""


def write_bundle(place: Path, padding: int) -> Path:
    """Write a bundle of a made-up pair into a folder, and return the bundle's own folder.

    Parameters
    ----------
    place : Path
    padding : int
        Characters that go on behind each generated answer.
    """
    names = list(dict.fromkeys(task for suite in SCENARIOS for task in spec.suite(suite).tasks))
    runs = {role: _run(names, TRACK, PROFILE, role, padding) for role in ROLES}
    return submission.pack(
        runs["teacher"],
        runs["student"],
        _statement(names),
        place,
        suites=list(SCENARIOS),
        repeat=runs["teacher_repeat"],
        calibration=runs["calibration"],
    )


def _run(names: list[str], track: str, profile: str, role: RoleName, padding: int) -> Run:
    model, answer, item_seed = ROLES[role]
    sampling_seed = list(ROLES).index(role) + 1
    rng = np.random.default_rng(sampling_seed)
    filler = _filler(rng) if padding else ""
    key = canaries.key_of(7, levels_of(track), profile)
    logs = {}
    for name in names:
        task = spec.task(name)
        private = canaries.needs_key(task)
        items = _items(name, track, profile, key.seed if private else item_seed)
        settings = replace(
            SETTINGS,
            track=track,
            profile=profile,
            item_seed=item_seed,
            sampling_seed=sampling_seed,
            generation_kwargs=SAMPLER if task.measure.readout == "sampled" else {},
            canaries=key if private else None,
        )
        log = TaskLog(task, settings, items, tuple(map(document_hash, items)))
        given = [answer(task, item) for item in items]
        if task.measure.readout == "likelihood":
            values = np.full((len(items), max(map(len, given))), np.nan)
            for row, said in zip(values, given, strict=True):
                row[: len(said)] = said
            logs[name] = replace(log, log_likelihoods=values)
            continue
        texts = [(said,) if isinstance(said, str) else said for said in given]
        starts = iter(rng.integers(0, max(1, len(filler) - padding), sum(map(len, texts))).tolist())
        logs[name] = replace(
            log,
            texts=tuple(
                tuple(f"{text}\n{filler[(at := next(starts)) : at + padding]}" for text in row) for row in texts
            ),
        )
    return Run(place=role, model=model, tasks=logs)


@cache
def _items(name: str, track: str, profile: str, seed: int) -> tuple[Item, ...]:
    return tuple(make_items(name, track, profile, seed))


def _filler(rng: np.random.Generator) -> str:
    """Return words of made-up letters, the common ones short and often, as in a text."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    lengths = 2 + np.minimum(rng.poisson(3, VOCABULARY), 12)
    words = np.array(["".join(rng.choice(letters, n)) for n in lengths])
    chances = 1 / np.arange(1, VOCABULARY + 1)
    return " ".join(words[rng.choice(VOCABULARY, PADDING // 5, p=chances / chances.sum())].tolist())


def _statement(names: list[str]) -> statement.Statement:
    """Return a statement without claims; packing fills in what the score answers."""
    runs = [_run(names, "toy", "pilot", role, 0) for role in ("teacher", "student")]
    drafted = statement.draft(
        score_pair(*runs, suites=list(SCENARIOS), resamples=2), method=statement.Method(family="logit-kd")
    )
    author = {key: "Said." for key, item in STATEMENT_ITEMS.items() if item.by_author}
    suites = {
        name: part.model_copy(update={"items": part.items | author, "claims": ()})
        for name, part in drafted.suites.items()
    }
    return drafted.model_copy(update={"suites": suites})
