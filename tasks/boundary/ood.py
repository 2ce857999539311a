"""Shifted regimes of the row *capability boundary*: pairs of a usual problem and one of its kind outside the regime."""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

from angels_share.caskworld import NAMES, NUMBERS, TOWNS, invented
from angels_share.items import Item, Source, Stream, row_module

USUAL = "none"
"""The shift of items in the usual regime, the only one that the training split shows."""

SIZES = {0: (3, 4), 1: (2, 3), 2: (2, 3), 3: (5, 6, 7), 4: (10, 11, 12)}
"""Records or links of a usual problem by level; the shift ``length`` doubles them."""

STEPS = {0: 1, 1: 1, 2: 1, 3: 3, 4: 5}
"""Links to follow in a usual problem by level; the shift ``length`` doubles them."""

BASES = {6: "six", 7: "seven", 8: "eight", 9: "nine"}
"""Counting bases beside ten."""

Problem = tuple[str, str, list[str], str]
"""Question, answer, the words that may be answers, and how a spoken answer would begin."""

Pair = tuple[Problem, Problem]
"""A usual problem and its shifted partner."""


def ood(source: Source, level: int, n: int) -> list[Item]:
    """Pairs of a usual and a shifted problem; in the split ``train`` both are usual.

    Level 0 doubles the length of lists and joins symbols that are never joined in training; 1 and 2 double the length
    and bring invented words; 3 doubles longer lists, turns the alphabet round and counts in another base; 4 does so
    with lists of up to 24, shuffles the alphabet, and writes numbers backwards as well.
    """
    items = []
    shown = 2 if level == 1 else 0
    for pair in range(-(-n // 2)):
        kinds = list(KINDS[level])
        kind, turn = kinds[pair % len(kinds)], pair // len(kinds)
        usual, other = _draw(source, level, kind, turn, pair)
        shifted = USUAL if source.split == "train" else kind
        examples = [KINDS[level][kind](source.stream("ood-shot", pair, j), level, turn)[0] for j in range(shown)]
        shots = [(asked, f"{begun} {answer}.") for asked, answer, _, begun in examples]
        for shift, (question, answer, candidates, opening) in ((USUAL, usual), (shifted, other)):
            items.append(
                {
                    "item_id": f"ood-{level}-{pair}-{len(items) % 2}",
                    "cluster_id": f"ood-{level}-{pair}",
                    "stratum": f"{kind}_usual" if shift == USUAL else kind,
                    "shift": shift,
                    "level": level,
                    "prompt": row_module("boundary").framed(level, shots, question, opening),
                    "answer": answer,
                    "candidates": candidates,
                }
            )
    return items[:n]


def _draw(source: Source, level: int, kind: str, turn: int, pair: int) -> Pair:
    """Return a pair of which this split admits both questions; to ``train`` it shows two usual ones."""

    def make(s: Stream) -> Pair:
        while True:
            usual, other = KINDS[level][kind](s, level, turn)
            if source.split == "train":
                other = KINDS[level][kind](s, level, turn)[0]
            if source.admits(json.dumps(other[0])) and other[0] != usual[0]:
                return usual, other

    return source.draw(make, lambda made: made[0][0], "ood", level, kind, pair)


@cache
def unseen(first: str, second: str) -> bool:
    """Tell whether these two symbols are never joined in the usual regime: one pair in four, by a hash of its names."""
    return Stream("never joined", first, second).below(4) == 0


@cache
def _joined_with(first: str, pool: tuple[str, ...], *, new: bool) -> tuple[str, ...]:
    """Return what of the pool makes an unseen, or a seen pair with a symbol."""
    return tuple(p for p in pool if unseen(first, p) == new)


# --- lists: longer ones, unseen pairs, new words ---------------------------------------------------------------------


def _partners(s: Stream, firsts: Sequence[str], pool: tuple[str, ...], *, new: bool) -> list[str]:
    """Return a different partner from the pool for each of some symbols, of unseen or of seen pairs only."""
    found: list[str] = []
    while len(found) < len(firsts):
        free = [p for p in _joined_with(firsts[len(found)], pool, new=new) if p not in found]
        found = [*found, s.choice(free)] if free else []
    return found


def _chain(s: Stream, start: str, length: int, *, new: bool) -> list[str]:
    """Return towns from a start on, each joined with the next by an unseen, or by a seen pair."""
    nodes = [start]
    while len(nodes) <= length:
        free = [town for town in _joined_with(nodes[-1], TOWNS, new=new) if town not in nodes]
        nodes = [*nodes, s.choice(free)] if free else [start]
    return nodes


def _symbols(s: Stream, level: int, n: int) -> list[str]:
    return invented(s, n) if level == 4 else s.sample(NAMES, n)


def _lookup(s: Stream, level: int, records: Sequence[tuple[str, str]], asked: int) -> Problem:
    key, value = records[asked]
    told = s.shuffled(records)
    if level == 0:
        return f"{' '.join(f'{k} {v}' for k, v in told)} find {key}", value, [], ""
    question = f"In the ledger, {', '.join(f'{k} holds {v}' for k, v in told)}. How many does {key} hold?"
    return question, value, [], f"{key} holds"


def _hops(s: Stream, level: int, nodes: Sequence[str], steps: int) -> Problem:
    told, answer = s.shuffled(list(pairwise(nodes))), nodes[steps].lower()
    candidates = sorted(node.lower() for node in nodes)
    if level == 0:
        return f"{' , '.join(f'{a} {b}' for a, b in told)} go {steps} from {nodes[0]}", answer, candidates, ""
    walk = "1 step" if steps == 1 else f"{steps} steps"
    question = (
        f"Roads lead from {', '.join(f'{a} to {b}' for a, b in told)}. "
        f"Starting from {nodes[0]}, where do you arrive after {walk}?"
    )
    return question, answer, candidates, f"{walk} from {nodes[0]} lies"


def _length(s: Stream, level: int, turn: int) -> Pair:
    """Double the records, or the links and steps."""
    size, steps = SIZES[level][turn // 2 % len(SIZES[level])], STEPS[level]
    if turn % 2:
        nodes = _chain(s, s.choice(TOWNS), 2 * size, new=False) if level == 0 else _symbols(s, level, 2 * size + 1)
        return _hops(s, level, nodes[: size + 1], steps), _hops(s, level, nodes, 2 * steps)
    if level == 0:
        keys = s.sample(TOWNS, 2 * size)
        values = _partners(s, keys, NUMBERS[10:], new=False)
    else:
        keys, values = _symbols(s, level, 2 * size), [str(v) for v in s.sample(range(10, 100), 2 * size)]
    records = list(zip(keys, values, strict=True))
    asked = s.below(size)
    return _lookup(s, level, records[:size], asked), _lookup(s, level, records, asked)


def _pairs(s: Stream, level: int, turn: int) -> Pair:
    """Join the same towns with numbers that never stand with them in training, or lay roads between such towns."""
    size, steps = SIZES[level][turn // 2 % len(SIZES[level])], STEPS[level]
    if turn % 2:
        start = s.choice(TOWNS)
        usual, other = (_hops(s, level, _chain(s, start, size, new=new), steps) for new in (False, True))
        return usual, other
    keys, asked = s.sample(TOWNS, size), s.below(size)
    values = (_partners(s, keys, NUMBERS[10:], new=new) for new in (False, True))
    usual, other = (_lookup(s, level, list(zip(keys, v, strict=True)), asked) for v in values)
    return usual, other


def _novel_words(s: Stream, level: int, turn: int) -> Pair:
    """Put invented words in place of names."""
    size = SIZES[level][turn // 2 % len(SIZES[level])] + turn % 2
    known, new = s.sample(NAMES, size), [word.lower() for word in invented(s, size)]
    if turn % 2:
        return _hops(s, level, known, STEPS[level]), _hops(s, level, new, STEPS[level])
    values, asked = [str(v) for v in s.sample(range(10, 100), size)], s.below(size)
    usual, other = (_lookup(s, level, list(zip(words, values, strict=True)), asked) for words in (known, new))
    return usual, other


# --- conventions that the prompt states ------------------------------------------------------------------------------


def _first(words: list[str], order: str, told: str) -> Problem:
    answer = min(words, key=lambda word: order.index(word[0]))
    question = f"{told} In this order, which of the words {', '.join(words)} comes first?"
    return question, answer, sorted(words), "The first word is"


def _alphabet(s: Stream, level: int, turn: int) -> Pair:
    """Turn the alphabet round; at level 4 shuffle it, and spell the order out for both."""
    letters = string.ascii_lowercase
    words: list[str] = []
    for name in s.shuffled(NAMES):
        if len(words) < (4 if level < 4 else 8) and name[0] not in {word[0] for word in words}:
            words.append(name)
    if level < 4:
        return (
            _first(words, letters, "Take the letters in the usual order, from a to z."),
            _first(words, letters[::-1], "Take the letters in reverse order, from z to a."),
        )
    while True:
        order = "".join(s.shuffled(letters))
        usual, other = (_first(words, o, f"Take the letters in the order {' '.join(o)}.") for o in (letters, order))
        if usual[1] != other[1]:
            return usual, other


def _written(number: int, base: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, base)
        digits = str(digit) + digits
    return digits


def _base(s: Stream, level: int, turn: int) -> Pair:
    """Add the same digits in base ten and in a smaller one; at level 4 the latter are also written backwards."""
    base = list(BASES)[turn % len(BASES)]
    ends = -1 if level > 3 else 1
    while True:
        numerals = ["".join(str(s.between(1, base - 1)) for _ in range(3)) for _ in range(2 if level < 4 else 3)]
        in_ten = str(sum(map(int, numerals)))
        in_base = _written(sum(int(numeral[::ends], base) for numeral in numerals), base)[::ends]
        if in_ten != in_base and not in_base.startswith("0"):
            break
    units = (", with the units at the end", ", with the units at the front") if level > 3 else ("", "")
    total = " + ".join(numerals)
    usual, other = (
        (f"Numbers are written in base {word}{place}. What is {total}?", answer, [], f"{total} =")
        for word, place, answer in (("ten", units[0], in_ten), (BASES[base], units[1], in_base))
    )
    return usual, other


KINDS: dict[int, dict[str, Callable[[Stream, int, int], Pair]]] = {
    0: {"length": _length, "pairs": _pairs},
    1: {"length": _length, "novel_words": _novel_words},
    2: {"length": _length, "novel_words": _novel_words},
    3: {"length": _length, "alphabet": _alphabet, "base": _base},
    4: {"length": _length, "alphabet": _alphabet, "base": _base},
}
"""Kinds of shift by level; they take turns."""
