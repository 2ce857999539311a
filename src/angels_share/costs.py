"""What it costs to run tasks: requests and tokens, known before anything is run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from angels_share import items, spec

BYTES_PER_TOKEN = 4.0
"""Rule of thumb for English and today's tokenizers; on level 0, whose models know whole words, a word is a token."""


@dataclass(frozen=True)
class Cost:
    """What one model does for some tasks."""

    items: int = 0
    requests: int = 0
    tokens_read: float = 0.0
    """Prompts and options, each option with its prompt: at most, since backends share prompts between options."""
    tokens_written: float = 0.0
    """At most: as if every answer were as long as allowed."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.items + other.items,
            self.requests + other.requests,
            self.tokens_read + other.tokens_read,
            self.tokens_written + other.tokens_written,
        )

    @property
    def tokens(self) -> float:
        """Tokens read and written."""
        return self.tokens_read + self.tokens_written

    def seconds(self, tokens_per_second: float | None, requests_per_second: float | None) -> float:
        """Return the time that the slower of two limits asks for; None is no limit.

        Examples
        --------
        >>> Cost(10, 20, 900.0, 100.0).seconds(100, 1)
        20.0
        """
        limits = ((self.tokens, tokens_per_second), (self.requests, requests_per_second))
        return max((amount / rate for amount, rate in limits if rate), default=0.0)


def costs_known(name: str) -> bool:
    """Tell whether the items of a task can be made now: not where they are answers, or documents of a data set."""
    measure = spec.task(name).measure
    return bool(measure.generator) and measure.first_stage is None


def cost_of(names: Iterable[str], track: str, profile: str) -> Cost:
    """Return what one model does for tasks of the first stage, estimated from the first items of each.

    Raises
    ------
    SpecError
        If a task, the track or the profile is unknown.
    """
    return sum((_cost(name, track, profile) for name in names), Cost())


@cache
def _cost(name: str, track: str, profile: str) -> Cost:
    measure, path = spec.task(name).measure, spec.task_files()[name]
    shown = items.build(
        items.find_generator(path.parent, measure.generator),
        levels=items.levels_of(track),
        clusters=items.PILOT_CLUSTERS,
        per_cluster=measure.per_cluster,
        source=items.Source(0),
    )
    settings = spec.read_yaml(path)
    repeats = int(settings.get("repeats", 1))
    longest = float(settings.get("generation_kwargs", {}).get("max_gen_toks", 0))
    generated = settings["output_type"] == "generate_until"
    asked = [[""] * repeats if generated else item["choices"] for item in shown]
    read = sum(_tokens(item, option) for item, options in zip(shown, asked, strict=True) for option in options)
    requests = sum(map(len, asked))
    n_items = items.n_clusters(measure.clusters, profile) * measure.per_cluster
    times = n_items / len(shown)
    return Cost(n_items, round(requests * times), read * times, longest * requests * times if generated else 0.0)


def _tokens(item: items.Item, option: Any) -> float:
    text = f"{item['prompt']} {option}"
    return len(text.split()) if item["level"] == 0 else len(text.encode()) / BYTES_PER_TOKEN
