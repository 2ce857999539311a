"""Stress items: seeded randomness, levels and profiles, and the loader that lm-evaluation-harness calls.

A generator is a function ``(source, level, n) -> items`` in a Python file beside the task's YAML. It imports nothing
but the standard library, this module and :mod:`angels_share.caskworld`. Item ``i`` (or cluster ``i``) is drawn from
its own stream, so the first ``k`` of ``n`` items do not depend on ``n``: a smaller profile is a prefix of a larger one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from angels_share.errors import SpecError, did_you_mean

T = TypeVar("T")
Item = dict[str, Any]
Generator = Callable[["Source", int, int], list[Item]]

TRACKS: dict[str, tuple[int, ...]] = {"toy": (0,), "small": (1, 2), "standard": (2, 3), "frontier": (3, 4)}
"""Difficulty levels of each track."""

PROFILES: dict[str, float] = {"pilot": 0.1, "lite": 0.4, "standard": 1.0, "full": 2.0}
"""Share of a task's standard number of clusters that each profile asks for."""

PILOT_CLUSTERS = 40
"""No profile asks for fewer clusters than this."""

CALIBRATION_SEED = 1_000_003
"""Item seed on which it is decided, once, whether a task can be measured for a teacher."""

REQUIRED_FIELDS = ("item_id", "cluster_id", "stratum", "level", "prompt")
"""Every item has these fields, whatever its task."""


class Stream:
    """Reproducible randomness from a tuple of keys.

    Uses only ``random()`` and ``getrandbits()`` of :class:`random.Random`, whose outputs Python keeps stable across
    versions; ``shuffle`` and ``choice`` of the standard library carry no such promise.

    Examples
    --------
    >>> Stream("urn", 0).below(1000) == Stream("urn", 0).below(1000)
    True
    >>> sorted(Stream("a").sample([1, 2, 3], 3))
    [1, 2, 3]
    """

    def __init__(self, *keys: object) -> None:
        digest = hashlib.sha256("\x1f".join(map(str, keys)).encode()).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))
        self._bits = self._random.getrandbits

    def below(self, n: int) -> int:
        """Return an integer drawn uniformly from 0, …, n − 1."""
        if n < 1:
            raise ValueError(f"below({n}): the bound must be at least 1")
        if n == 1:
            return 0
        bits = (n - 1).bit_length()
        value = self._bits(bits)
        while value >= n:
            value = self._bits(bits)
        return value

    def between(self, low: int, high: int) -> int:
        """Return an integer drawn uniformly from low, …, high, both included."""
        return low + self.below(high - low + 1)

    def choice(self, options: Sequence[T]) -> T:
        """Return one of the options, drawn uniformly."""
        return options[self.below(len(options))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in uniformly random order."""
        out = list(options)
        for i in range(len(out) - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return out

    def sample(self, options: Sequence[T], k: int) -> list[T]:
        """Return k different options in uniformly random order, those of a larger sample first."""
        out = list(options)
        for i in range(min(k, len(out) - 1)):
            j = i + self.below(len(out) - i)
            out[i], out[j] = out[j], out[i]
        return out[:k]

    def weighted(self, options: Sequence[T], weights: Sequence[float]) -> T:
        """Return one of the options, drawn in proportion to its weight."""
        point = self._random.random() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            point -= weight
            if point < 0:
                return option
        return options[-1]


@dataclass(frozen=True)
class Source:
    """Where items come from: a split and a seed.

    Evaluated items come from the split ``test``; toy models learn from ``train``. The two share no item: a
    generator that asks :meth:`admits` for each candidate's key keeps one key in five for ``test``: half of these for
    the public seed 0, half for all fresh seeds.
    """

    seed: int
    split: str = "test"
    _drawn: dict[tuple[object, ...], Any] = field(default_factory=dict, repr=False, compare=False)
    _taken: dict[tuple[object, ...], set[str]] = field(default_factory=dict, repr=False, compare=False)

    def stream(self, *keys: object) -> Stream:
        """Return the stream of these keys within this split and seed."""
        return Stream(self.split, self.seed, *keys)

    def admits(self, *key: object) -> bool:
        """Tell whether the item with this key may appear in this split."""
        fifth, half = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()[:2]
        if self.split != "test":
            return fifth % 5 != 0
        return fifth % 5 == 0 and half % 2 == (self.seed != 0)

    def draw(self, make: Callable[[Stream], T], key: Callable[[T], object], *keys: object) -> T:
        """Return the first candidate of ``make`` that this split admits and that was not drawn before.

        Asked again with the same keys, it returns the same candidate: the items of a cluster share their draw. What
        was drawn before counts only under the same keys but the last, so that levels do not influence each other.

        Raises
        ------
        SpecError
            After 1000 candidates, none of which will do: the generator's space is too small.
        """
        if keys in self._drawn:
            drawn: T = self._drawn[keys]
            return drawn
        taken = self._taken.setdefault(keys[:-1], set())
        for attempt in range(1000):
            candidate = make(self.stream(*keys, attempt))
            fingerprint = json.dumps(key(candidate))
            if self.admits(fingerprint) and fingerprint not in taken:
                taken.add(fingerprint)
                self._drawn[keys] = candidate
                return candidate
        raise SpecError(f"{keys}: no new item for split {self.split} in 1000 draws; widen the generator's parameters")


def package_folder(name: str) -> Path:
    """Return the folder of tasks, suites, data cards, models or the leaderboard, installed or in a checkout.

    Parameters
    ----------
    name : {"tasks", "suites", "data_cards", "leaderboard", "models"}
    """
    installed = Path(__file__).parent / "_data" / name
    return installed if installed.is_dir() else Path(__file__).parents[2] / name


def load_module(path: Path) -> ModuleType:
    """Import the Python file at ``path`` once, under a name made from its folder."""
    name = f"angels_share_tasks_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise SpecError(f"{path}: no such file of generators")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except (ImportError, SyntaxError, NameError, AttributeError, OSError) as error:
            del sys.modules[name]
            raise SpecError(f"{path}: cannot be imported ({type(error).__name__}, {error})") from error
    return sys.modules[name]


def row_module(row: str, name: str = "generators") -> ModuleType:
    """Return a file of a row's generators, for tasks that build on another row's items."""
    return load_module(package_folder("tasks") / row / f"{name}.py")


def find_generator(folder: Path, name: str) -> Generator:
    """Return a generator of the tasks in ``folder``: ``file.function``, or a function of ``generators.py``."""
    file, _, function = name.rpartition(".")
    path = folder / f"{file or 'generators'}.py"
    module = load_module(path)
    generator: Generator | None = getattr(module, function, None)
    if generator is None:
        known = [k for k, v in vars(module).items() if callable(v) and not k.startswith("_")]
        raise SpecError(f"{path}: no generator {function!r}. {did_you_mean(function, known)}")
    return generator


def n_clusters(standard: int, profile: str) -> int:
    """Return how many clusters a profile asks of a task with this standard number.

    Examples
    --------
    >>> n_clusters(300, "pilot"), n_clusters(300, "lite"), n_clusters(1000, "full")
    (40, 120, 2000)
    """
    if profile not in PROFILES:
        raise SpecError(f"profile {profile!r} is unknown. {did_you_mean(profile, PROFILES)}")
    return max(PILOT_CLUSTERS, round(standard * PROFILES[profile]))


def levels_of(track: str) -> tuple[int, ...]:
    """Return the levels of a track, or say which tracks there are."""
    if track not in TRACKS:
        raise SpecError(f"track {track!r} is unknown. {did_you_mean(track, TRACKS)}")
    return TRACKS[track]


def build(
    generator: Generator, *, levels: Sequence[int], clusters: int, per_cluster: int, source: Source
) -> list[Item]:
    """Return the items of a task: an equal share of the clusters from each level, level by level.

    Raises
    ------
    SpecError
        If an item lacks a required field, has other fields than the first, repeats another one, or the generator
        returned another number of items.
    """
    items: list[Item] = []
    for i, level in enumerate(levels):
        share = clusters // len(levels) + (i < clusters % len(levels))
        made = generator(source, level, share * per_cluster)
        if len(made) != share * per_cluster:
            raise SpecError(f"{generator.__name__}: asked for {share * per_cluster} items, got {len(made)}")
        items += made
    seen: set[str] = set()
    for item in items:
        missing = [f for f in REQUIRED_FIELDS if f not in item]
        if missing:
            raise SpecError(f"{generator.__name__}: item {item.get('item_id', '?')} lacks {', '.join(missing)}")
        if list(item) != list(items[0]):
            raise SpecError(f"{generator.__name__}: item {item['item_id']} has other fields than {items[0]['item_id']}")
        fingerprint = json.dumps({k: v for k, v in item.items() if k != "item_id"}, sort_keys=True)
        if fingerprint in seen:
            raise SpecError(f"{generator.__name__}: item {item['item_id']} repeats an earlier item")
        seen.add(fingerprint)
    return items


def digest(items: Sequence[Mapping[str, Any]]) -> str:
    """Return the SHA-256 of items in canonical JSON, one a line."""
    h = hashlib.sha256()
    for item in items:
        h.update(json.dumps(item, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return h.hexdigest()


def load(
    *,
    config_source: str,
    angels_share: Mapping[str, Any],
    as_track: str = "small",
    as_profile: str = "standard",
    as_seed: int = 0,
    **_: object,
) -> dict[str, Any]:
    """Return the items of one task as lm-evaluation-harness asks for them (``custom_dataset``).

    Parameters
    ----------
    config_source : str
        Path of the task's YAML file; its generator is looked up beside it.
    angels_share : Mapping
        The measure block of the task's metadata.
    as_track, as_profile, as_seed
        The run-time switch, from ``--metadata '{"as_track": …, "as_profile": …, "as_seed": …}'``.

    Returns
    -------
    dict
        ``{"test": items}``, the items as a :class:`datasets.Dataset`.
    """
    from datasets import Dataset

    generator = find_generator(Path(config_source).parent, angels_share["generator"])
    items = build(
        generator,
        levels=levels_of(as_track),
        clusters=n_clusters(angels_share["clusters"], as_profile),
        per_cluster=angels_share["per_cluster"],
        source=Source(as_seed),
    )
    return {"test": Dataset.from_list(items)}
