"""Item generator of ``as_boundary_facts``: facts about the world, asked cleanly and in seven disturbed forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from angels_share.caskworld import KINDS, LANDS, NAMES, NUMBERS, REGIONS, TOWNS, invented
from angels_share.items import Item, Source, Stream

Row = dict[str, Any]

FAMES = ("head", "middle", "tail")
"""Thirds of the facts of a kind, from well known to little known."""

QUESTIONS = {
    "capital": "What is the capital of {}?",
    "city": "In which country is the city of {}?",
    "element": "What is the atomic number of {}?",
}

PARAPHRASES = {
    "capital": (
        "Which city is the capital of {}?",
        "Tell me the name of the capital of {}.",
        "Which capital does {} have?",
        "What city serves as the capital of {}?",
        "As for {}, what is its capital called?",
    ),
    "city": (
        "To which country does the city of {} belong?",
        "Tell me the name of the country in which {} lies.",
        "Which country would you visit to see the city of {}?",
        "The city of {} is part of which country?",
        "As for {}, in what country is that city?",
    ),
    "element": (
        "Which atomic number does {} have?",
        "Tell me the atomic number of the element {}.",
        "What is the number of {} in the periodic table?",
        "How many protons are there in one atom of {}?",
        "As for {}, what is its atomic number?",
    ),
}

MENTIONS = {
    "capital": "{} once spent a long winter in {}.",
    "city": "{} bought a brass clock from a merchant of {}.",
    "element": "{} drew a fish on page {} of the ledger.",
}
"""How the passage of level 4 brings in the options, all four alike."""

ASIDES = (
    "{who} keeps seven goats behind the mill.",
    "{who} tarred the {wood} door of the old barn twice.",
    "It rained all week, so {who} mended the {wood} fence.",
    "{who} forgot a hat on the bench near the river.",
    "{who} and {other} rolled the {wood} casks into the yard.",
    "After supper {who} played the fiddle for {other}.",
    "{who} swept the cellar before {other} came home.",
    "The dog of {who} slept under the {wood} table.",
)
"""Sentences that have nothing to do with any question."""

SENTENCES = 28
"""Sentences in the passage of level 4, besides those that mention the options."""

ASKED = {"capital": "capital of {} is", "land": "region of {} is", "town": "region of {} is", "name": "kind of {} is"}
"""Questions of caskworld."""

REASKED = ("find {1} of {0}", "{0} , {1} is", "find {0} {1}", "from {0} find {1}", "{1} , {0} is")
"""Other wordings of a question of caskworld, from what is asked about and what is asked for."""


class Fact(NamedTuple):
    """A fact with the options that it is asked with."""

    row: Row
    wrong: list[str]
    turn: int
    """How often its stratum had its turn before."""

    def choices(self, form: int) -> list[str]:
        """Return the options of a form; the right one moves from turn to turn and from form to form."""
        place = (self.turn + form) % (len(self.wrong) + 1)
        return [*self.wrong[:place], str(self.row["answer"]), *self.wrong[place:]]


def facts(source: Source, level: int, n: int) -> list[Item]:
    """Facts in eight forms each: capitals, countries of cities and atomic numbers; at level 0 facts of caskworld."""
    forms = TOY_FORMS if level == 0 else FORMS
    return [item for index in range(-(-n // len(forms))) for item in _base(source, level, index)][:n]


def fact(source: Source, level: int, index: int, task: str) -> Fact:
    """Return fact ``index`` of a task: kinds alternate fastest, then thirds; each fact once a lap of its stratum.

    Even levels begin half-way through a lap, so that the two levels of a track share no fact before they must.
    """
    kinds = sorted(QUESTIONS if level else ASKED)
    kind, fame = kinds[index % len(kinds)], FAMES[index // len(kinds) % 3]
    turn = index // (len(kinds) * 3)
    rows = _of_kind(kind, toy=level == 0)
    third = [row for row in rows if row["fame"] == fame]
    lap, step = divmod(turn, len(third))
    start = 0 if level % 2 else len(third) // 2
    row = source.stream(task, "walk", kind, fame, lap).shuffled(third)[(start + step) % len(third)]
    stream = source.stream(task, "options", level, kind, row["subject"])
    pool = (
        _numbers(stream, int(row["answer"]), near=level > 2)
        if kind == "element"
        else _pool(kind, row["subject"], level)
    )
    return Fact(row, _ordered_triple(pool, stream, lap), turn)


@cache
def facts_of_the_world() -> tuple[Row, ...]:
    """Return the rows of ``data/facts.jsonl``."""
    lines = (Path(__file__).parent / "data" / "facts.jsonl").read_text("utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


@cache
def facts_of_caskworld() -> tuple[Row, ...]:
    """Return the capitals and regions of the lands, the regions of the towns, and the kinds of the names."""
    rows = []
    for i, (land, town) in enumerate(zip(LANDS, TOWNS, strict=True)):
        region = REGIONS[i % len(REGIONS)]
        for kind, subject, answer in (("capital", land, town), ("land", land, region), ("town", town, region)):
            rows.append({"kind": kind, "subject": subject, "answer": answer, "group": region, "fame": FAMES[i // 8]})
    for kind, names in KINDS.items():
        for i, name in enumerate(names):
            rows.append({"kind": "name", "subject": name, "answer": kind, "group": kind, "fame": FAMES[i // 2]})
    return tuple(rows)


@cache
def _of_kind(kind: str, *, toy: bool) -> tuple[Row, ...]:
    return tuple(row for row in (facts_of_caskworld() if toy else facts_of_the_world()) if row["kind"] == kind)


@cache
def _pool(kind: str, subject: str, level: int) -> list[str]:
    """Return what the wrong options of a place or a name are taken from.

    At levels 1 and 2 they are far from the answer, on other continents; from level 3 on near it, in the same country
    or next to it. Where too few are near, the same continent fills up.
    """
    rows = _of_kind(kind, toy=level == 0)
    row = next(r for r in rows if r["subject"] == subject)
    answer, near = row["answer"], row["near"] if level > 2 else []
    if level == 0 or len(near) >= 3:
        return near or sorted({r["answer"] for r in rows} - {answer})

    def apart(other: Row) -> tuple[Any, ...]:
        same_part = other["group"] == row["group"]
        strange = not same_part if level > 2 else same_part or other["fame"] != row["fame"]
        return strange, abs(len(other["answer"]) - len(answer)), other["answer"]

    found = dict.fromkeys(r["answer"] for r in sorted(rows, key=apart) if r["answer"] not in (answer, *near))
    return [*near, *found][: 6 if level > 2 else 12]


def _numbers(s: Stream, gold: int, *, near: bool) -> list[str]:
    """Return atomic numbers with as many digits as the right one: six around it, or all but those near it.

    The right one is about as often the smallest or the largest of its options as it is in between.
    """
    low, high, gap = {1: (1, 9, 2), 2: (10, 99, 6), 3: (100, 118, 4)}[len(str(gold))]
    if not near:
        return [str(v) for v in range(low, high + 1) if abs(v - gold) >= gap]
    first = min(max(gold - s.below(7), low), high - 6)
    return [str(v) for v in range(first, first + 7) if v != gold]


def _ordered_triple(pool: list[str], s: Stream, lap: int) -> list[str]:
    """Return three of the pool, in order; different ones or differently ordered from lap to lap."""
    left = list(pool)
    number = s.below(10**6) + 7919 * lap
    chosen = []
    for _ in range(3):
        number, place = divmod(number, len(left))
        chosen.append(left.pop(place))
    return chosen


def _base(source: Source, level: int, index: int) -> list[Item]:
    """Return a fact in all its forms."""
    known = fact(source, level, index, "facts")
    row = known.row
    before, after = _frame(source, level, index, known)
    items = []
    for form, (operator, disturbed) in enumerate((TOY_FORMS if level == 0 else FORMS).items()):
        choices = known.choices(form)
        asked = disturbed(source.stream("facts", operator, level, index), row, choices)
        items.append(
            {
                "item_id": f"facts-{level}-{index}-{operator}",
                "cluster_id": f"facts-{row['kind']}-{row['subject']}",
                "stratum": f"{row['kind']}_{row['fame']}",
                "level": level,
                "prompt": f"{before}{asked}{after}",
                "choices": choices,
                "gold": choices.index(row["answer"]),
                "operator": operator,
                "group": row["group"],
            }
        )
    return items


def _frame(source: Source, level: int, index: int, known: Fact) -> tuple[str, str]:
    """Return what stands before and after a question at its level, the same in all forms of a fact."""
    if level == 0:
        return "", ""
    kind, options = known.row["kind"], [*known.wrong, known.row["answer"]]
    if level == 1:
        famous = [r for r in _of_kind(kind, toy=False) if r["fame"] == FAMES[0] and r["answer"] not in options]
        shots = source.stream("facts", "shots", index).sample(famous, 4)
        told = [f"Question: {QUESTIONS[kind].format(shot['subject'])}\nAnswer: {shot['answer']}\n" for shot in shots]
        return f"{''.join(told)}Question: ", "\nAnswer:"
    if level < 4:
        return "Question: ", "\nAnswer: The answer is"
    s = source.stream("facts", "passage", index)
    told = [_aside(s) for _ in range(SENTENCES)]
    told += [MENTIONS[kind].format(invented(s, 1)[0], option) for option in options]
    return f"{' '.join(s.shuffled(told))}\nQuestion: ", "\nAnswer: The answer is"


# --- forms: what is done to a question -------------------------------------------------------------------------------


def _clean(s: Stream, row: Row, choices: list[str]) -> str:
    return QUESTIONS[row["kind"]].format(row["subject"])


def _typos(rate: float) -> Callable[[Stream, Row, list[str]], str]:
    """Misspell a question: an edit for each 1 / rate of its characters, at most one in a word.

    The first letter of a word stays, and the name that is asked about stays nearer to itself than to any other.
    """

    def misspelt(s: Stream, row: Row, choices: list[str]) -> str:
        clean = _clean(s, row, choices)
        words = clean.split()
        others = [r["subject"] for r in _of_kind(row["kind"], toy=False) if r is not row]
        long = [place for place, word in enumerate(words) if len(word.strip("?")) > 2]
        while True:
            made = list(words)
            for place in s.sample(long, max(1, round(rate * len(clean)))):
                made[place] = _misspelt(s, words[place])
            named = " ".join(made[-len(row["subject"].split()) :]).rstrip("?")
            if not any(_within_one_edit(named, other) for other in others):
                return " ".join(made)

    return misspelt


def _misspelt(s: Stream, word: str) -> str:
    """Return a word with one letter doubled, left out, replaced, or exchanged with the next."""
    core = word.rstrip("?")
    while True:
        at = s.between(1, len(core) - 1)
        head, letter, tail = core[:at], core[at], core[at + 1 :]
        made = s.choice(
            (
                head + letter * 2 + tail,
                head + tail,
                head + s.choice("abcdefghijklmnopqrstuvwxyz") + tail,
                head + tail[:1] + letter + tail[1:],
            )
        )
        if made != core:
            return made + word[len(core) :]


def _within_one_edit(one: str, other: str) -> bool:
    """Tell whether two names are the same but for one letter added, left out, replaced, or exchanged with the next."""
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[at:], other[at:]
    return a == b or a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[2:] == b[2:] and a[:2] == b[:2][::-1])


def _casing(s: Stream, row: Row, choices: list[str]) -> str:
    """Write a question in capitals, or each letter large or small by chance."""
    loud = _clean(s, row, choices).upper()
    return s.choice((loud, "".join(s.choice((c, c.lower())) for c in loud)))


def _paraphrase(s: Stream, row: Row, choices: list[str]) -> str:
    return s.choice(PARAPHRASES[row["kind"]]).format(row["subject"])


def _reordered(s: Stream, row: Row, choices: list[str]) -> str:
    """Name the options in the question, in the order that they have in this form."""
    return f"{_clean(s, row, choices)} The choices are {', '.join(choices[:-1])} and {choices[-1]}."


def _irrelevant(s: Stream, row: Row, choices: list[str]) -> str:
    return f"{_aside(s)} {_clean(s, row, choices)}"


def _other_name(s: Stream, row: Row, choices: list[str]) -> str:
    return QUESTIONS[row["kind"]].format(s.choice(row["other_names"]))


def _aside(s: Stream) -> str:
    who, other = invented(s, 2)
    return s.choice(ASIDES).format(who=who, other=other, wood=s.choice(NAMES))


FORMS = {
    "clean": _clean,
    "typos_5": _typos(0.05),
    "typos_10": _typos(0.1),
    "casing": _casing,
    "paraphrase": _paraphrase,
    "reordered": _reordered,
    "irrelevant": _irrelevant,
    "other_name": _other_name,
}
"""Forms of a question by operator, from level 1 on."""


def _toy(row: Row) -> list[str]:
    return ASKED[row["kind"]].format(row["subject"]).split()


def _toy_clean(s: Stream, row: Row, choices: list[str]) -> str:
    return " ".join(_toy(row))


def _stray(count: int) -> Callable[[Stream, Row, list[str]], str]:
    """Put numbers that do not belong there among the words."""

    def strayed(s: Stream, row: Row, choices: list[str]) -> str:
        words = _toy(row)
        for number in s.sample(NUMBERS, count):
            words.insert(s.below(len(words)), number)
        return " ".join(words)

    return strayed


def _doubled(s: Stream, row: Row, choices: list[str]) -> str:
    return " ".join(word for word in _toy(row) for _ in range(2))


def _dropped(s: Stream, row: Row, choices: list[str]) -> str:
    gone = s.choice(("of", "is"))
    return " ".join(word for word in _toy(row) if word != gone)


def _toy_paraphrase(s: Stream, row: Row, choices: list[str]) -> str:
    return s.choice(REASKED).format(row["subject"], _toy(row)[0])


def _toy_reordered(s: Stream, row: Row, choices: list[str]) -> str:
    return _before(choices, row)


def _toy_irrelevant(s: Stream, row: Row, choices: list[str]) -> str:
    others = [name for name in NAMES if name != row["subject"]]
    return _before([f"{name} {s.choice(NUMBERS)}" for name in s.sample(others, 2)], row)


def _before(parts: Sequence[str], row: Row) -> str:
    return " , ".join([*parts, " ".join(_toy(row))])


TOY_FORMS = {
    "clean": _toy_clean,
    "stray_1": _stray(1),
    "stray_2": _stray(2),
    "doubled": _doubled,
    "paraphrase": _toy_paraphrase,
    "reordered": _toy_reordered,
    "irrelevant": _toy_irrelevant,
    "dropped": _dropped,
}
"""Forms of a question by operator, at level 0."""
