"""Solvers of the stress items that read nothing but the prompt, written apart from the generators."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import cache

from angels_share.caskworld import LANDS, TOWNS, UNKNOWN
from angels_share.items import Item, package_folder


def last_question(item: Item) -> str:
    """Return the question of an item as a person would read it, without examples before it."""
    if item["level"] == 0:
        return str(item["prompt"])
    return str(item["prompt"].rpartition("Question: ")[2].partition("\nAnswer:")[0])


def group(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, f"{pattern!r} not in {text!r}"
    return match[1]


def solve_addition(question: str) -> str:
    if question.startswith("total"):
        return str(sum(int(w) for w in question.split() if w.isdigit()))
    return str(sum(map(int, group(r"casks counts ([\d +]+)\. What is the total\?", question).split(" + "))))


def solve_lookup(question: str) -> str:
    if " find " in question:
        told, _, key = question.partition(" find ")
        words = told.split()
        return dict(zip(words[::2], words[1::2], strict=True))[key]
    return dict(re.findall(r"(\w+) holds (\d+)", question))[group(r"How many does (\w+) hold\?", question)]


def solve_hops(question: str) -> str:
    if not question.startswith("Roads"):
        links = dict(pair.split() for pair in question.partition(" go ")[0].split(" , "))
        at, steps = group(r"from (\w+)$", question), int(group(r"go (\d+) from", question))
    else:
        links = dict(re.findall(r"(\w+) to (\w+)", question))
        at, steps = group(r"Starting from (\w+),", question), int(group(r"after (\d+) steps?\?", question))
    for _ in range(steps):
        at = links[at]
    return at


def solve_stack(question: str) -> str:
    pile: list[str] = []
    for pushed in re.findall(r"push (\w+)|pop|put (\w+)|take one off", question):
        name = "".join(pushed)
        if name:
            pile.append(name)
        else:
            pile.pop()
    return pile[-1]


def solve_sort(question: str) -> str:
    numbers = sorted(map(int, re.findall(r"\d+", question)))
    if re.search(r"smallest( is|\?)", question):
        return str(numbers[0])
    if re.search(r"largest( is|\?)", question):
        return str(numbers[-1])
    assert re.search(r"middle is|in the middle when they are sorted\?", question), question
    return str(numbers[len(numbers) // 2])


SOLVERS: dict[str, Callable[[str], str]] = {
    "addition": solve_addition,
    "lookup": solve_lookup,
    "hops": solve_hops,
    "stack": solve_stack,
    "sort": solve_sort,
}


def solve_fact(question: str) -> str:
    if question.startswith("capital of"):
        return TOWNS[LANDS.index(question.split()[2])]
    if question.startswith("What is the capital of"):
        return capitals()[group(r"What is the capital of (.+)\?", question)]
    return facts()[group(r"(?:the city|the atomic number) of (.+)\?", question)]


@cache
def facts() -> dict[str, str]:
    lines = (package_folder("tasks") / "boundary" / "data" / "facts.jsonl").read_text("utf-8").splitlines()
    return {row["subject"]: row["answer"] for row in map(json.loads, lines)}


@cache
def capitals() -> dict[str, str]:
    lines = (package_folder("tasks") / "calibration" / "data" / "capitals.jsonl").read_text("utf-8").splitlines()
    return {row["country"]: row["capital"] for row in map(json.loads, lines)}


def solve_passage(question: str) -> str:
    """Answer from a passage, or with the abstaining word if it does not say."""
    if not question.startswith("Passage: "):
        told, _, key = question.partition("find ")
        words = told.split()
        return dict(zip(words[::2], words[1::2], strict=True)).get(key, UNKNOWN)
    works = dict(re.findall(r"(\w+) works in the town of (\w+)\.", question))
    if works:
        return works.get(group(r"In which town does (\w+) work\?", question), UNKNOWN)
    guilds = dict(re.findall(r"(\w+) is a member of the guild of (\w+)\.", question))
    meets = dict(re.findall(r"The guild of (\w+) meets in (\w+)\.", question))
    return meets.get(guilds.get(group(r"In which town does the guild of (\w+) meet\?", question), ""), UNKNOWN)


def last_passage(item: Item) -> str:
    _, passage, last = item["prompt"].rpartition("Passage: ")
    return str(passage + last)


def shares(counts: dict[str, int]) -> dict[str, Fraction]:
    return {kind: Fraction(n, sum(counts.values())) for kind, n in counts.items()}


def stock(text: str) -> dict[str, int]:
    return {kind: int(n) for n, kind in re.findall(r"(\d+) of (\w+)", text)}


def stock_of_every(prompt: str) -> dict[str, int]:
    told = group(r"Of every \d+ casks, (.+?)\. The keeper", prompt)
    held = {wood: int(n) for n, wood in re.findall(r"(\d+) are of (\w+)", told)}
    assert sum(held.values()) == int(group(r"Of every (\d+) casks", prompt))
    return held


def true_distribution(item: Item) -> dict[str, Fraction]:
    """Return the distribution of the drawn stave, from the words of the prompt."""
    prompt = item["prompt"]
    if item["level"] == 0:
        return shares(Counter(prompt.removeprefix("cask ").removesuffix(" draw").split()))
    if item["level"] < 3:
        return shares(Counter(group(r"(?:in the cask|these staves): ([\w, ]+)\.", prompt).split(", ")))
    if "Of every" in prompt:
        held = stock_of_every(prompt)
        rates = {wood: int(n) for n, wood in re.findall(r"on (\d) in 10 of those of (\w+)", prompt)}
        sealed = "from all those that bear the seal" in prompt
        assert sealed != ("with or without a seal" in prompt)
        return shares({wood: n * (rates[wood] if sealed else 1) for wood, n in held.items()})
    if "A fair coin" in prompt:
        one, two = (stock(group(p, prompt)) for p in (r"builds one cask from (.+?), and", r"another from (.+?)\."))
        return {kind: (shares(one)[kind] + shares(two)[kind]) / 2 for kind in one}
    counts = stock(group(r"staves: (.+?)\.", prompt))
    assert sum(counts.values()) == int(group(r"cask from (\d+) staves", prompt))
    if "put aside" in prompt:
        counts[group(r"put aside; it is of (\w+)\.", prompt)] -= 1
    return shares(counts)


def sentences(item: Item) -> list[str]:
    text = last_passage(item)
    if item["level"] == 0:
        words, question = text.partition("find ")[0].split(), text.partition("find ")[2]
        return [*(" ".join(pair) for pair in zip(words[::2], words[1::2], strict=True)), question]
    passage, _, question = text.removeprefix("Passage: ").partition("\nQuestion: ")
    return [*(f"{s.rstrip('.')}." for s in passage.split(". ")), question]
