"""Item generators of the row *predictive distribution*: texts read word by word, or as a whole."""

from __future__ import annotations

from angels_share.items import Item, Source, row_module

WORDS = 16
"""Words of a window."""

DOCUMENT_WORDS = {0: 48, 1: 60, 2: 80, 3: 100, 4: 120}
"""Words of a document by level."""

WINDOWS = ("repeated", "shuffled", "table", "rare", "code", "prose")
"""Kinds of text that windows are taken from."""

texts = row_module("distribution", "texts")


def window(source: Source, level: int, n: int) -> list[Item]:
    """Windows of 16 words after an opening of the same text; the options are the beginnings of the window.

    Level 0 is in caskworld. From level 1 to 4 ever more other words stand between the opening, which fixes what can be
    foretold, and the window: none, at least 30, 120 and 220.
    """
    return [_item(source, level, i, "prefix", WINDOWS[i % len(WINDOWS)]) for i in range(n)]


def document(source: Source, level: int, n: int) -> list[Item]:
    """Whole documents of the same kinds, and of letters and digits by chance; longer from level to level."""
    kinds = list(texts.KINDS_OF_TEXT)
    return [_item(source, level, i, "bpb", kinds[i % len(kinds)]) for i in range(n)]


def _item(source: Source, level: int, index: int, task: str, kind: str) -> Item:
    if task == "prefix":
        prompt, text = source.draw(lambda s: texts.prompt_and_rest(s, level, kind), tuple, task, level, index)
        choices = texts.beginnings(text, WORDS)
    else:
        words = DOCUMENT_WORDS[level]
        prompt, text = "", source.draw(lambda s: texts.document(s, level, kind, words), str, task, level, index)
        choices = [text]
    return {
        "item_id": f"{task}-{level}-{index}",
        "cluster_id": f"{task}-{level}-{index}",
        "stratum": kind,
        "level": level,
        "prompt": prompt,
        "choices": choices,
        "gold": len(choices) - 1,
    }
