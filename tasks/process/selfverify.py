"""Items of the self-verification task: workings that the two models wrote themselves, to be called right or wrong."""

from __future__ import annotations

from collections.abc import Sequence

from angels_share.items import Item, Source, row_module
from angels_share.reading import answer_in, steps_of, whole_text

ROLLOUT = row_module("process", "rollout")

VERDICTS = ("right", "wrong")


def selfverify(source: Source, level: int, n: int) -> list[Item]:
    """Two items a cluster, made from made-up workings: what the task looks like before there are any."""
    return of_answers(source, level, ROLLOUT.made_up(source, level, -(-n // 2)))[:n]


def of_answers(source: Source, level: int, answered: Sequence[ROLLOUT.Answered]) -> list[Item]:
    """Two items a cluster: one working of the teacher and one of the student for the same problem.

    Clusters take turns in preferring a working with the right answer and one with a wrong one, at each rung alike;
    where a model wrote only one kind, it is that.
    """
    return [
        _item(
            source, level, k, item, author, _chosen(item, said[author], wanted=sum(ROLLOUT.turn_of(k, level)) % 2 == 0)
        )
        for k, (item, said) in enumerate(answered)
        for author in ROLLOUT.AUTHORS
    ]


def _chosen(item: Item, texts: Sequence[str], *, wanted: bool) -> str:
    read: list[str] = ROLLOUT.kept(texts)
    return next((text for text in read if _is_right(item, text) == wanted), read[0])


def _is_right(item: Item, text: str) -> bool:
    return answer_in(steps_of(text).answer, item["candidates"]) == item["final"]


def _item(source: Source, level: int, cluster: int, item: Item, author: str, text: str) -> Item:
    return {
        "item_id": f"selfverify-{level}-{cluster}-{author}",
        "cluster_id": f"selfverify-{level}-{cluster}",
        "stratum": f"by {author}",
        "level": level,
        "prompt": "".join([*_shots(source, level, cluster, item), _laid_out(item, text)]),
        "choices": list(VERDICTS),
        "gold": int(not _is_right(item, text)),
        "author": author,
        "family": item["stratum"],
    }


def _shots(source: Source, level: int, cluster: int, item: Item) -> list[str]:
    """Return a right and a wrong working of the same family, in random order, at level 1."""
    shots = []
    for j, slipped in enumerate(source.stream("selfverify-shots", cluster).shuffled([False, True]) * (level == 1)):
        told = ROLLOUT.example(source.stream("selfverify-shot", cluster, j), item["stratum"], slipped=slipped)
        shots.append(f"{told}\nThe answer is {VERDICTS[slipped]}.\n\n")
    return shots


def _laid_out(item: Item, text: str) -> str:
    """Return a problem with a working up to its last answer, and the question for a verdict."""
    written = whole_text(item, text)
    working = written[: steps_of(written).end].strip()
    if item["level"] == 0:
        return f"check {item['question'].removesuffix(' is')} {working} is"
    asked = "\nIs that answer right or wrong?\nAnswer: It is" if item["level"] > 1 else "\nThe answer is"
    return f"Question: {item['question']}\n{working}{asked}"
