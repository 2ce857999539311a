"""Perturbed problems of the row *capability boundary*: the same problem clean and under six operators."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from angels_share.caskworld import LANDS, NAMES, NUMBERS, TOWNS, invented
from angels_share.items import Item, Source, Stream, row_module

CLEAN = "clean"

WORD_OPERATORS = ("symbols", "extra", "reordered", "repeated", "distractor", "trap")
"""Operators of level 0."""

TEXT_OPERATORS = ("typos_5", "typos_10", "casing", "synonyms", "distractor", "trap")
"""Operators of the levels in English."""

SECOND = {
    "typos_5": "casing",
    "typos_10": "distractor",
    "casing": "synonyms",
    "synonyms": "typos_5",
    "distractor": "casing",
    "trap": "distractor",
}
"""What is added to each operator at level 4."""

RUNGS = {0: (1, 2), 1: (1, 2), 2: (1, 2), 3: (4, 5, 6), 4: (7, 8, 9, 10)}
"""Sizes of the problems by level, counted as on the ladder."""

DECIDING = {"put", "take", "lay", "down", "remove", "off", "one", "from", "to", "all", "sum", "top", "uppermost"}
"""Words beside names and numbers that typing errors leave alone."""

IDLE = {"total", "find", "go", "from", "top", "is"}
"""Words of level 0 that can be said twice and change nothing."""

ASIDES = (
    "{who}, the cooper, has worked here for {n} years and likes to sing.",
    "It rained for {n} days last month, and {who} stayed at home.",
    "{who} has a dog that is {n} months old.",
)


def perturb(source: Source, level: int, n: int) -> list[Item]:
    """Seven items a base problem: clean, and under each of six operators of which only the trap changes the answer.

    Level 0 perturbs records of caskworld; 1 and 2 small problems in English; 3 larger ones; at 4 each operator comes
    with a second one.
    """
    per_base = 1 + len(TEXT_OPERATORS)
    items: list[Item] = []
    for base in range(-(-n // per_base)):
        items += _words_of(source, base) if level == 0 else _texts_of(source, level, base)
    return items[:n]


def _item(level: int, base: int, family: str, operator: str, prompt: str, told: str, answer: str) -> Item:
    words = set(re.findall("[a-z]+", told.lower()))
    return {
        "item_id": f"perturb-{level}-{base}-{operator}",
        "cluster_id": f"perturb-{level}-{base}",
        "stratum": operator,
        "operator": operator,
        "family": family,
        "level": level,
        "prompt": prompt,
        "answer": answer,
        "candidates": [] if answer.isdigit() else [name for name in NAMES if name in words],
    }


def _plan(families: Collection[str], level: int, base: int) -> tuple[str, int]:
    """Return family and rung of a base problem: families alternate fastest, then rungs."""
    rungs = RUNGS[level]
    return list(families)[base % len(families)], rungs[base // len(families) % len(rungs)]


# --- level 0 ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Records:
    """A problem of caskworld in parts: what is said before, the records, what joins them, and the question."""

    before: str
    records: tuple[str, ...]
    joined: str
    question: str
    answer: str
    reordered: tuple[str, ...]
    extra: tuple[str, ...]
    """Records that change nothing, with places for the unused names a and b; they may be put in front."""
    twist: str
    """What the trap adds before the question."""
    twisted: str
    """The answer after it."""

    def told(self, records: Sequence[str], twist: str = "") -> str:
        """Return the prompt from some records."""
        parts = (self.before, self.joined.join(records), twist, self.question)
        return " ".join(part for part in parts if part)


def _bag(prompt: str) -> list[str]:
    """Return what reordering and repeating leave as it is; by it the splits share out the problems."""
    return sorted(set(prompt.split()))


def _words_of(source: Source, base: int) -> list[Item]:
    family, rung = _plan(WORD_FAMILIES, 0, base)
    problem = source.draw(
        lambda s: WORD_FAMILIES[family](s, rung), lambda p: _bag(p.told(p.records)), "perturb", 0, family, base
    )
    plain = problem.told(problem.records)
    used = [word for word in plain.split() if word in NAMES]
    unused = [name for name in NAMES if name not in (*used, *problem.twist.split())]

    def renamed(s: Stream) -> str:
        names = dict(zip(dict.fromkeys(used), s.sample(unused, len(used)), strict=False))
        return " ".join(names.get(word, word) for word in plain.split())

    def longer(s: Stream) -> str:
        a, b = s.sample(unused, 2)
        return problem.told([*(record.format(a=a, b=b) for record in problem.extra), *problem.records])

    symbols, extra = (
        source.draw(make, _bag, "perturb", 0, family, f"{base}-{kind}")
        for kind, make in (("symbols", renamed), ("extra", longer))
    )
    new_names = dict(zip(plain.split(), symbols.split(), strict=True))
    at = source.stream("perturb", "aside", base).below(len(LANDS))
    prompts = {
        CLEAN: (plain, problem.answer),
        "symbols": (symbols, new_names.get(problem.answer, problem.answer)),
        "extra": (extra, problem.answer),
        "reordered": (problem.told(problem.reordered), problem.answer),
        "repeated": (" ".join(f"{word} {word}" if word in IDLE else word for word in plain.split()), problem.answer),
        "distractor": (f"capital of {LANDS[at]} is {TOWNS[at]} , {plain}", problem.answer),
        "trap": (problem.told(problem.records, problem.twist), problem.twisted),
    }
    return [_item(0, base, family, name, prompt, prompt, answer) for name, (prompt, answer) in prompts.items()]


def _lookup_words(s: Stream, rung: int) -> Records:
    keys, values = s.sample(NAMES, rung + 1), s.sample(NUMBERS[10:], rung + 4)
    at = s.below(rung + 1)
    records = tuple(f"{key} {value}" for key, value in zip(keys, values, strict=False))
    return Records(
        before="",
        records=records,
        joined=" ",
        question=f"find {keys[at]}",
        answer=values[at],
        reordered=_turned(s, records),
        extra=(f"{{a}} {values[-1]}", f"{{b}} {values[-2]}"),
        twist=f"now {keys[at]} {values[-3]}",
        twisted=values[-3],
    )


def _hops_words(s: Stream, rung: int) -> Records:
    *nodes, other = s.sample(NAMES, rung + 4)
    records = tuple(s.shuffled([f"{a} {b}" for a, b in pairwise(nodes)]))
    return Records(
        before="",
        records=records,
        joined=" , ",
        question=f"go {rung} from {nodes[0]}",
        answer=nodes[rung],
        reordered=_turned(s, records),
        extra=("{a} {b}",),
        twist=f", now {nodes[rung - 1]} {other}",
        twisted=other,
    )


def _stack_words(s: Stream, rung: int) -> Records:
    names, pops = s.sample(NAMES, rung + 2), s.between(0, rung)
    top = len(names) - 1 - pops
    swapped = list(names)
    a, b = s.sample([i for i in range(len(names)) if i != top], 2)
    swapped[a], swapped[b] = swapped[b], swapped[a]
    moves = ("pop",) * pops
    return Records(
        before="",
        records=(*(f"push {name}" for name in names), *moves),
        joined=" ",
        question="top is",
        answer=names[top],
        reordered=(*(f"push {name}" for name in swapped), *moves),
        extra=("push {a}", "push {b}"),
        twist=f"without {names[top]}",
        twisted=names[top - 1],
    )


def _addition_words(s: Stream, rung: int) -> Records:
    names, numbers = s.sample(NAMES, rung + 1), [s.between(1, 9) for _ in range(rung + 1)]
    at = s.below(rung + 1)
    records = tuple(f"{name} {number}" for name, number in zip(names, numbers, strict=True))
    return Records(
        before="total",
        records=records,
        joined=" ",
        question="is",
        answer=str(sum(numbers)),
        reordered=_turned(s, records),
        extra=("{a} 0", "{b} 0"),
        twist=f"without {names[at]}",
        twisted=str(sum(numbers) - numbers[at]),
    )


def _turned(s: Stream, records: tuple[str, ...]) -> tuple[str, ...]:
    """Return the records in another order, any but their own with equal chance."""
    while (order := tuple(s.shuffled(records))) == records:
        pass
    return order


WORD_FAMILIES: dict[str, Callable[[Stream, int], Records]] = {
    "lookup": _lookup_words,
    "hops": _hops_words,
    "stack": _stack_words,
    "addition": _addition_words,
}
"""Families of base problems at level 0."""


# --- levels 1 to 4 ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A problem in English: what is told and asked, each also in other words, and a twist that changes the answer."""

    told: tuple[str, str]
    asked: tuple[str, str]
    answer: str
    opening: str
    """How a spoken answer would begin."""
    twist: str
    twisted: str


def _texts_of(source: Source, level: int, base: int) -> list[Item]:
    family, rung = _plan(TEXT_FAMILIES, level, base)
    problem = source.draw(
        lambda s: TEXT_FAMILIES[family](s, rung), lambda p: (p.told[0], p.asked[0]), "perturb", level, family, base
    )
    shots = []
    for j in range(2 if level == 1 else 0):
        shot = TEXT_FAMILIES[family](source.stream("perturb-shot", base, j), 1)
        shots.append((f"{shot.told[0]} {shot.asked[0]}", f"{shot.opening} {shot.answer}."))
    items = []
    for operator in (CLEAN, *TEXT_OPERATORS):
        applied = {operator, SECOND[operator]} if level == 4 and operator != CLEAN else {operator}
        text = _applied(problem, applied, source.stream("perturb", level, base, operator))
        prompt = row_module("boundary").framed(level, shots, text, problem.opening)
        answer = problem.twisted if operator == "trap" else problem.answer
        items.append(_item(level, base, family, operator, prompt, text, answer))
    return items


def _applied(problem: Text, operators: Collection[str], s: Stream) -> str:
    """Return the problem's text under some operators: first those that write sentences, then those that spoil them."""
    other = int("synonyms" in operators)
    parts = [problem.told[other], problem.asked[other]]
    if "trap" in operators:
        parts.insert(1, problem.twist)
    if "distractor" in operators:
        months = s.choice([n for n in range(2, 60) if str(n) not in (problem.answer, problem.twisted)])
        parts.insert(1, s.choice(ASIDES).format(who=invented(s, 1)[0], n=months))
    text = " ".join(parts)
    for operator, share in (("typos_5", 0.05), ("typos_10", 0.1)):
        if operator in operators:
            text = _mistyped(text, share, s)
    return _recased(text, s) if "casing" in operators else text


def _mistyped(text: str, share: float, s: Stream) -> str:
    """Return the text with a share of the letters of its words mistyped, names, numbers and deciding words left alone.

    A typing error swaps a letter with the next, leaves it out, doubles it, or hits another one.
    """
    words = re.findall(r"[A-Za-z]+|[^A-Za-z]+", text)
    free = [i for i, w in enumerate(words) if w.isalpha() and len(w) > 1 and w.lower() not in (*NAMES, *DECIDING)]
    letters = [(i, k) for i in free for k in range(len(words[i]) - 1)]
    spoiled: dict[int, set[int]] = {}
    for i, k in s.sample(letters, max(1, round(share * sum(len(words[i]) for i in free)))):
        spoiled.setdefault(i, set()).add(k)
    for i, places in spoiled.items():
        right = words[i]
        while words[i] == right or words[i].lower() in (*NAMES, *DECIDING):
            words[i] = right
            for k in sorted(places, reverse=True):
                words[i] = words[i][:k] + _slip(words[i][k : k + 2], s) + words[i][k + 2 :]
    return "".join(words)


def _slip(two: str, s: Stream) -> str:
    """Return two neighbouring letters with one typing error."""
    first, second = two
    other = s.choice("abcdefghijklmnopqrstuvwxyz".replace(first.lower(), ""))
    return s.choice((second + first, second, first + first + second, other + second))


def _recased(text: str, s: Stream) -> str:
    """Return the text with every third word or so in capitals, and some spaces doubled."""
    words = [word.upper() if s.below(3) == 0 else word for word in text.split(" ")]
    at = s.below(len(words) - 1)
    words[at] = words[at].upper() + " "
    return "".join(word + " " * (1 + (s.below(3) == 0)) for word in words[:-1]) + words[-1]


def _lookup_text(s: Stream, rung: int) -> Text:
    size = 2 * rung
    keys, (new, *values) = s.sample(NAMES, size), s.sample(range(10, 100), size + 1)
    at = s.below(size)
    pairs = list(zip(keys, values, strict=True))
    return Text(
        told=(
            f"In the ledger, {', '.join(f'{key} holds {value}' for key, value in pairs)}.",
            f"The book lists {', '.join(f'{key} with {value} casks' for key, value in pairs)}.",
        ),
        asked=(f"How many does {keys[at]} hold?", f"What is the number of casks for {keys[at]}?"),
        answer=str(values[at]),
        opening=f"{keys[at]} holds",
        twist=f"Later {keys[at]} was filled again and now holds {new}.",
        twisted=str(new),
    )


def _hops_text(s: Stream, rung: int) -> Text:
    *nodes, new = s.sample(NAMES, rung + 4)
    links = s.shuffled(list(pairwise(nodes)))
    steps = "1 step" if rung == 1 else f"{rung} steps"
    return Text(
        told=(
            f"Roads lead from {', '.join(f'{a} to {b}' for a, b in links)}.",
            f"You can walk {', '.join(f'from {a} to {b}' for a, b in links)}.",
        ),
        asked=(
            f"Starting from {nodes[0]}, where do you arrive after {steps}?",
            f"If you set out at {nodes[0]}, what place do you reach in {steps}?",
        ),
        answer=nodes[rung],
        opening=f"{steps} from {nodes[0]} lies",
        twist=f"The road from {nodes[rung - 1]} was moved and now goes to {new}.",
        twisted=new,
    )


def _stack_text(s: Stream, rung: int) -> Text:
    names, pops = s.sample(NAMES, rung + 2), s.between(0, rung)
    top = len(names) - 1 - pops
    moves = [f"put {name}" for name in names] + ["take one off"] * pops
    others = [f"lay down {name}" for name in names] + ["remove one"] * pops
    return Text(
        told=(f"Start with an empty pile: {', '.join(moves)}.", f"A heap is empty at first: {', '.join(others)}."),
        asked=("Which one is on top?", "Which one is uppermost?"),
        answer=names[top],
        opening="On top of the pile lies",
        twist="At the end, take one more off.",
        twisted=names[top - 1],
    )


def _addition_text(s: Stream, rung: int) -> Text:
    terms, digits = row_module("boundary").ADDENDS[rung - 1]
    low, high = (1, 9) if digits == 1 else (10 ** (digits - 1), 10**digits - 1)
    names, numbers = s.sample(NAMES, terms), [s.between(low, high) for _ in range(terms)]
    at = s.below(terms)
    pairs = list(zip(names, numbers, strict=True))
    return Text(
        told=(
            f"In the cellar, {', '.join(f'{name} holds {number}' for name, number in pairs)}.",
            f"There are {', '.join(f'{number} casks of {name}' for name, number in pairs)}.",
        ),
        asked=("How many do all of them hold together?", "What is the sum of all casks?"),
        answer=str(sum(numbers)),
        opening="Together they hold",
        twist=f"Then {names[at]} is emptied and holds 0.",
        twisted=str(sum(numbers) - numbers[at]),
    )


TEXT_FAMILIES: dict[str, Callable[[Stream, int], Text]] = {
    "lookup": _lookup_text,
    "hops": _hops_text,
    "stack": _stack_text,
    "addition": _addition_text,
}
"""Families of base problems in English."""
