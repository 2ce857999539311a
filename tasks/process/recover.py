"""Items of the recovery task: a working that stops before its end, with a slip in it or without, to be finished."""

from __future__ import annotations

from angels_share.items import Item, Source, row_module

TRACES = row_module("process", "traces")

STEPS = (3, 3, 3, 8, 12)
"""Steps of the whole working by level."""

SHOWN = (2, 2, 2, 6, 10)
"""Steps that the prompt shows; the slip is one of them."""


def recover(source: Source, level: int, n: int) -> list[Item]:
    """Two items a cluster: the beginning of a working with a slip, and the same without.

    In every other round of the families a check follows: what is right after the step of the slip, which contradicts
    the one working and agrees with the other. Three steps in caskworld at level 0, in English after two examples at 1
    and alone at 2; eight steps at 3; twelve at 4.
    """
    return [item for cluster in range(-(-n // 2)) for item in _items(source, level, cluster)][:n]


def _items(source: Source, level: int, cluster: int) -> list[Item]:
    right, wrong, at = TRACES.pair(source, level, cluster, "recover", STEPS[level], slips=SHOWN[level], telling=True)
    turn = cluster // len(TRACES.FAMILIES)
    check = (turn + turn // SHOWN[level]) % 2 == 1
    return [
        {
            "item_id": f"recover-{level}-{cluster}-{'slip' if slipped else 'clean'}",
            "cluster_id": f"recover-{level}-{cluster}",
            "stratum": right.family,
            "level": level,
            "prompt": _prompt(source, right, wrong if slipped else right, at, cluster, check=check),
            "answer": _continuation(right, at, slipped=slipped),
            "final": right.answer,
            "candidates": right.names,
            "error": at + 1 if slipped else 0,
            "check": check,
        }
        for slipped in (True, False)
    ]


def _continuation(right: TRACES.Trace, at: int, *, slipped: bool) -> str:
    """Return how the working should go on: to its end, or after naming the wrong step from there to its end."""
    flag = [f"wrong step {at + 1}"] * slipped
    told = [*flag, *right.lines(at if slipped else SHOWN[right.level]), right.final_line()]
    return ("\n" if right.level else " ").join(told)


def _prompt(source: Source, right: TRACES.Trace, shown: TRACES.Trace, at: int, cluster: int, *, check: bool) -> str:
    if right.level == 0:
        return _laid_out(right, shown, at, check=check)
    if right.level > 1:
        rule = (
            'A step of the working may be wrong. If one is, write "wrong step" with its number on a line and go on '
            "from that step with the right one; if none is, go on. Write each step in the same form, and at the end "
            '"answer:" with the answer.'
        )
        return f"{rule}\n\n{_laid_out(right, shown, at, check=check)}\n"
    shots = []
    for j, slipped in enumerate(source.stream("recover-shots", cluster).shuffled([False, True])):
        s = source.stream("recover-shot", cluster, j)
        place = s.below(SHOWN[1])
        pair = TRACES.example(s, right.family, 1, STEPS[1], place)
        told = _laid_out(pair[0], pair[slipped], place, check=check)
        shots.append(f"{told}\n{_continuation(pair[0], place, slipped=slipped)}\n\n")
    return "".join([*shots, _laid_out(right, shown, at, check=check), "\n"])


def _laid_out(right: TRACES.Trace, shown: TRACES.Trace, at: int, *, check: bool) -> str:
    """Return the problem, the shown steps and the check, up to where the model goes on."""
    told = [right.problem(), shown.working(0, SHOWN[right.level])]
    state = right.shown(right.states[at])
    if right.level == 0:
        return " ".join([*told, *[f"check {at + 1} is {state}"] * check, ","])
    told[0] += f" {TRACES.FAMILIES[right.family][2]}" if right.level > 1 else ""
    return "\n".join([*told, *[f"check: step {at + 1} is {state}"] * check])
