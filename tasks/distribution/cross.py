"""Items of the cross-scoring task: urns with everything that either model drew from them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from angels_share.caskworld import NAMES
from angels_share.items import Item, Source, Stream, row_module

URNS = row_module("distribution")

Answered = tuple[Item, dict[str, list[str]]]
"""An item, and what each model said to it."""

AUTHORS = ("teacher", "student")

REPEATS = 8
"""Made-up draws of a model from an urn."""

MOST_OTHERS = 8
"""Words offered beside those of the urn."""

LONGEST = 40
"""Characters of a word that is offered."""


def cross(source: Source, level: int, n: int) -> list[Item]:
    """One item an urn, made from made-up draws: what the task looks like before there are any."""
    return of_answers(source, level, [_made_up(source, item) for item in URNS.sample(source, level, n)])


def _made_up(source: Source, item: Item) -> Answered:
    return item, {author: _draws(source.stream("cross-draws", item["item_id"], author), item) for author in AUTHORS}


def _draws(s: Stream, item: Item) -> list[str]:
    """Return made-up draws: most from the urn, some of any name, some empty."""
    kinds = [item["choices"][k] for k in range(len(item["choices"])) for _ in range(round(60 * item["truth"][k]))]
    return [s.choice([*kinds, *NAMES[:4], ""]) for _ in range(REPEATS)]


def of_answers(source: Source, level: int, answered: Sequence[Answered]) -> list[Item]:
    """One item an urn: its prompt, and as options its own words and the first words of what the models drew else.

    Other words are offered in the order of how often both models together drew them, then of the alphabet. The fields
    ``by_teacher`` and ``by_student`` say how often each option was drawn; their last entry counts everything else.
    """
    read = ((item, {author: list(map(first_word, said[author])) for author in AUTHORS}) for item, said in answered)
    return [_item(item, cluster, words) for cluster, (item, words) in enumerate(read)]


def first_word(text: str) -> str:
    """Return the first word of a draw, or the signs that stand in its place; nothing of an empty one.

    Examples
    --------
    >>> first_word(" Oak, and"), first_word("** oak"), first_word(" ")
    ('Oak', '**', '')
    """
    found = re.match(r"\w+|[^\w\s]+", text.strip())
    return found.group(0)[:LONGEST].encode("utf-8", "replace").decode("utf-8") if found else ""


def _item(item: Item, cluster: int, words: dict[str, list[str]]) -> Item:
    own, drawn = item["choices"], {author: Counter(words[author]) for author in AUTHORS}
    both = drawn["teacher"] + drawn["student"]
    others = sorted((word for word in both if word and word not in own), key=lambda word: (-both[word], word))
    choices = [*own, *others[:MOST_OTHERS]]
    counts = {author: [drawn[author][choice] for choice in choices] for author in AUTHORS}
    return {
        "item_id": f"cross-{item['level']}-{cluster}",
        "cluster_id": f"cross-{item['level']}-{cluster}",
        "stratum": item["stratum"],
        "level": item["level"],
        "prompt": item["prompt"],
        "choices": choices,
        "gold": item["gold"],
        "own": len(own),
        **{f"by_{author}": [*counts[author], len(words[author]) - sum(counts[author])] for author in AUTHORS},
    }
