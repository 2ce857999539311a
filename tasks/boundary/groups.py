"""Matched groups of the row *capability boundary*: one problem told in eight ways that should not matter."""

from __future__ import annotations

from dataclasses import dataclass, replace

from angels_share.caskworld import NAMES, NUMBERS, invented
from angels_share.items import Item, Source, Stream, row_module

SIZES = {0: (2, 3), 1: (2, 3), 2: (2, 3), 3: (6, 7, 8), 4: (10, 13, 16)}
"""How many people, or keys, a problem tells of, by level."""

FAMILIES = ("value", "key")
"""Whether the number of somebody is asked for, or who has some number."""

DIALECTS = {
    "plain": ("{key} {value}", "{records} find {asked}"),
    "asking_first": ("{key} {value}", "find {asked} from {records} is"),
    "value_first": ("{value} {key}", "{records} find {asked}"),
    "seeking": ("{key} {value}", "{records} seek {asked}"),
}
"""Record and prompt in four dialects of caskworld that say the same."""

CLASSES = {"first": NAMES[:12], "second": NAMES[12:]}
"""The first and the second dozen of names; each dialect is spoken with both."""

PEOPLE = {
    "arabic": "Ahmed Fatima Omar Layla Hassan Amina Khalid Zainab Tariq Noor Yusuf Salma",
    "chinese": "Wei Mei Jun Xiu Hao Lan Feng Ying Ming Qing Bao Hui",
    "english": "James Emily Oliver Alice Henry Emma George Lucy Edward Sarah Thomas Hannah",
    "indian": "Arjun Priya Rahul Ananya Vikram Lakshmi Sanjay Kavita Rohan Deepa Anil Meera",
    "japanese": "Hiroshi Yuki Kenji Sakura Takeshi Haruka Satoshi Akiko Daiki Aiko Kenta Emiko",
    "slavic": "Ivan Olga Dmitri Svetlana Pavel Irina Milan Katarina Boris Ludmila Stefan Jelena",
    "spanish": "Carlos Maria Diego Lucia Javier Carmen Miguel Beatriz Pablo Rosa Alejandro Isabel",
    "west_african": "Kwame Ama Kofi Abena Chidi Ngozi Emeka Adaeze Sekou Aminata Babatunde Yetunde",
}
"""Given names of women and men by the region of the world that they are associated with, twelve each."""


@dataclass(frozen=True)
class Phrases:
    """How a form of a language says things; ``{n}`` stands for a name and ``{v}`` for a number."""

    record: str
    value: str
    key: str
    value_opening: str = "{n} has"
    key_opening: str = "The person who has {v} apples is called"
    frame: str = "Question: {text}\nAnswer: {opening}"


STANDARD = Phrases("{n} has {v} apples.", "How many apples does {n} have?", "Who has {v} apples?")

VARIETIES = {
    "african_american": Phrases("{n} got {v} apples.", "How many apples {n} got?", "Who got {v} apples?"),
    "indian": Phrases("{n} is having {v} apples.", "How many apples {n} is having?", "Who is having {v} apples?"),
    "irish": Phrases(
        "It's {v} apples that {n} has.", "How many apples is it that {n} has?", "Who is it that has {v} apples?"
    ),
    "scottish": Phrases("{n} has got {v} wee apples.", "How many wee apples has {n} got?", "Who's got {v} wee apples?"),
    "singapore": Phrases("{n} have {v} apples lah.", "{n} have how many apples ah?", "Who have {v} apples ah?"),
    "southern_us": Phrases(
        "{n} done picked {v} apples.",
        "How many apples y'all reckon {n} done picked?",
        "Who y'all reckon done picked {v} apples?",
    ),
    "standard": STANDARD,
    "welsh": Phrases("{v} apples {n} has.", "How many apples has {n}, then?", "Who has {v} apples, then?"),
}
"""Varieties of English, each by one or two of its well-described features of grammar."""

GERMAN = Phrases(
    "{n} hat {v} Äpfel.",
    "Wie viele Äpfel hat {n}?",
    "Wer hat {v} Äpfel?",
    "{n} hat",
    "Die Person, die {v} Äpfel hat, heißt",
    "Frage: {text}\nAntwort: {opening}",
)

SPANISH = Phrases(
    "{n} tiene {v} manzanas.",
    "¿Cuántas manzanas tiene {n}?",
    "¿Quién tiene {v} manzanas?",
    "{n} tiene",
    "La persona que tiene {v} manzanas se llama",
    "Pregunta: {text}\nRespuesta: {opening}",
)

LANGUAGES = {
    "english": STANDARD,
    "french": Phrases(
        "{n} a {v} pommes.",
        "Combien de pommes a {n} ?",
        "Qui a {v} pommes ?",
        "{n} a",
        "La personne qui a {v} pommes s'appelle",
        "Question : {text}\nRéponse : {opening}",
    ),
    "german": GERMAN,
    "italian": Phrases(
        "{n} ha {v} mele.",
        "Quante mele ha {n}?",
        "Chi ha {v} mele?",
        "{n} ha",
        "La persona che ha {v} mele si chiama",
        "Domanda: {text}\nRisposta: {opening}",
    ),
    "portuguese": Phrases(
        "{n} tem {v} maçãs.",
        "Quantas maçãs tem {n}?",
        "Quem tem {v} maçãs?",
        "{n} tem",
        "A pessoa que tem {v} maçãs se chama",
        "Pergunta: {text}\nResposta: {opening}",
    ),
    "spanish": SPANISH,
    "told_in_english_asked_in_spanish": replace(SPANISH, record=STANDARD.record),
    "told_in_german_asked_in_english": replace(STANDARD, record=GERMAN.record),
}
"""Six languages, and two mixed forms that tell in one and ask in another."""

FORMS = {
    0: tuple(f"{dialect}_{names}" for dialect in DIALECTS for names in CLASSES),
    1: tuple(PEOPLE),
    2: tuple(PEOPLE),
    3: tuple(VARIETIES),
    4: tuple(LANGUAGES),
}
"""The eight groups of each level."""


@dataclass(frozen=True)
class Problem:
    """What the eight items of a cluster share: who is meant, by place in a list of twelve, and what each has."""

    places: tuple[int, ...]
    strangers: tuple[str, ...]
    """Invented names, in place of people's from level 3 on."""
    values: tuple[str, ...]
    at: int
    """Which of the records is asked for."""


def groups(source: Source, level: int, n: int) -> list[Item]:
    """Eight items a problem, one for each group; they differ in nothing else.

    Level 0 has eight dialects of caskworld; 1 and 2 names of people from eight regions of the world; 3 eight varieties
    of English; 4 six languages and two mixed forms.
    """
    forms = FORMS[level]
    items = []
    for i in range(n):
        index, at = divmod(i, len(forms))
        family, size = FAMILIES[index % 2], SIZES[level][index // 2 % len(SIZES[level])]
        problem = source.draw(
            lambda s, size=size: _problem(s, size, level), lambda p: repr(p), "groups", level, family, index
        )
        items.append(_item(source, level, index, family, forms[at], problem))
    return items


def _problem(s: Stream, size: int, level: int) -> Problem:
    places = tuple(s.sample(range(12), size)) if level < 3 else ()
    strangers = tuple(invented(s, size)) if level > 2 else ()
    return Problem(places, strangers, tuple(s.sample(NUMBERS[10:], size)), s.below(size))


def _item(source: Source, level: int, index: int, family: str, group: str, problem: Problem) -> Item:
    if level == 0:
        dialect, _, kind = group.rpartition("_")
        names = [CLASSES[kind][place] for place in problem.places]
        prompt = _in_caskworld(DIALECTS[dialect], names, problem, family)
    else:
        phrases = {3: VARIETIES, 4: LANGUAGES}.get(level, {}).get(group, STANDARD)
        names = [PEOPLE[group].split()[place] for place in problem.places] or list(problem.strangers)
        prompt = _in_words(source, level, index, phrases, names, problem, family)
    answers = [name.lower() for name in names] if family == "key" else problem.values
    return {
        "item_id": f"groups-{level}-{index}-{group}",
        "cluster_id": f"groups-{level}-{index}",
        "stratum": group,
        "group": group,
        "family": family,
        "level": level,
        "prompt": prompt,
        "answer": answers[problem.at],
        "candidates": answers if family == "key" else [],
    }


def _in_caskworld(dialect: tuple[str, str], names: list[str], problem: Problem, family: str) -> str:
    record, prompt = dialect
    records = [record.format(key=key, value=value) for key, value in zip(names, problem.values, strict=True)]
    asked = names[problem.at] if family == "value" else problem.values[problem.at]
    return prompt.format(records=" ".join(records), asked=asked)


def _in_words(
    source: Source, level: int, index: int, phrases: Phrases, names: list[str], problem: Problem, family: str
) -> str:
    """Return a prompt in words; the worked examples of level 1 name nobody, and are the same for all groups."""
    text, opening = _text(phrases, names, problem, family), _opening(phrases, names, problem, family)
    if level > 1:
        return phrases.frame.format(text=text, opening=opening)
    shots = []
    for j in range(2):
        s = source.stream("groups-shot", index, j)
        shown, people = _problem(s, 2, level), invented(s, 2)
        answers = people if family == "key" else shown.values
        said = f"{_opening(STANDARD, people, shown, family)} {answers[shown.at]}."
        shots.append((_text(STANDARD, people, shown, family), said))
    return str(row_module("boundary").framed(level, shots, text, opening))


def _opening(phrases: Phrases, names: list[str], problem: Problem, family: str) -> str:
    """Return how a spoken answer would begin."""
    opening = phrases.value_opening if family == "value" else phrases.key_opening
    return opening.format(n=names[problem.at], v=problem.values[problem.at])


def _text(phrases: Phrases, names: list[str], problem: Problem, family: str) -> str:
    """Return what is told and asked."""
    told = [phrases.record.format(n=n, v=v) for n, v in zip(names, problem.values, strict=True)]
    asked = phrases.value if family == "value" else phrases.key
    return " ".join([*told, asked.format(n=names[problem.at], v=problem.values[problem.at])])
