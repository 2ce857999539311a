"""Items of the verification task: a working, right or with one slip that all later steps follow."""

from __future__ import annotations

from angels_share.items import Item, Source, row_module

TRACES = row_module("process", "traces")

STEPS = (2, 2, 3, 8, 16)
"""Steps of a working by level."""

VERDICTS = ("right", "wrong")

CUE = "The working is"


def verify(source: Source, level: int, n: int) -> list[Item]:
    """Two items a cluster: the right working of a problem, and the same with a slip.

    Workings have two steps in caskworld at level 0, two in English after two examples at 1, three alone at 2, eight at
    3 and sixteen at 4.
    """
    return [item for cluster in range(-(-n // 2)) for item in _items(source, level, cluster)][:n]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Take the items of :func:`verify`, to be answered in words: the verdict, and the step that is wrong."""
    items = []
    for item in verify(source, level, n):
        choices, gold = item.pop("choices"), item.pop("gold")
        items.append(item | {"answer": _told(item["error"], level), "final": choices[gold], "candidates": choices})
    return items


def _items(source: Source, level: int, cluster: int) -> list[Item]:
    steps = STEPS[level]
    right, wrong, at = TRACES.pair(source, level, cluster, "verify", steps, slips=steps, telling=False)
    return [_item(source, shown, cluster, error) for shown, error in ((right, 0), (wrong, at + 1))]


def _item(source: Source, shown: TRACES.Trace, cluster: int, error: int) -> Item:
    level = shown.level
    return {
        "item_id": f"verify-{level}-{cluster}-{'slip' if error else 'clean'}",
        "cluster_id": f"verify-{level}-{cluster}",
        "stratum": shown.family,
        "level": level,
        "prompt": _prompt(source, shown, cluster),
        "choices": list(VERDICTS),
        "gold": int(error > 0),
        "error": error,
        "steps": STEPS[level],
    }


def _told(error: int, level: int) -> str:
    return f"{VERDICTS[1]}{' in' if level else ''} step {error}" if error else VERDICTS[0]


def _prompt(source: Source, shown: TRACES.Trace, cluster: int) -> str:
    if shown.level == 0:
        return f"check {shown.problem()} {shown.working()} is"
    shots = []
    for j, slipped in enumerate(source.stream("verify-shots", cluster).shuffled([False, True])):
        if shown.level == 1:
            s = source.stream("verify-shot", cluster, j)
            at = s.below(STEPS[1])
            example = TRACES.example(s, shown.family, 1, STEPS[1], at)[slipped]
            shots.append(f"{_laid_out(example)} {_told(slipped * (at + 1), 1)}.\n\n")
    return "".join([*shots, _laid_out(shown)])


def _laid_out(shown: TRACES.Trace) -> str:
    asked = "\nIs every step right? If not, which step is the first wrong one?\nAnswer:" if shown.level > 1 else "\n"
    return f"{shown.problem()}\n{shown.working()}{asked}{' ' if shown.level > 1 else ''}{CUE}"
