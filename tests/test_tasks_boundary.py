"""The stress tasks of the row *boundary*: answers by solvers that read the prompt, and what pairs may differ in."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby

import numpy as np
import pytest

import task_items
from angels_share.caskworld import NAMES, TOWNS
from angels_share.items import Item, load_module, package_folder
from prompt_solvers import SOLVERS, last_question
from task_items import FULL

FOLDER = package_folder("tasks") / "boundary"
TASKS = ("ladder", "perturb", "groups", "ood")
NAME = "|".join(NAMES)

every_level = pytest.mark.parametrize("level", range(5))
in_english = pytest.mark.parametrize("level", range(1, 5))


def made(task: str, level: int, seed: int = 0, split: str = "test", share: float = 1.0) -> tuple[Item, ...]:
    return task_items.made(f"as_boundary_{task}", level, seed, split, share)


def clusters(task: str, level: int) -> list[list[Item]]:
    return [list(items) for _, items in groupby(made(task, level), key=lambda i: i["cluster_id"])]


def shots(item: Item) -> str:
    return item["prompt"].removesuffix(item["prompt"].rpartition("Question: ")[2])


@pytest.mark.parametrize("task", TASKS)
@every_level
def test_answer_is_a_candidate_or_a_number(task: str, level: int) -> None:
    for item in made(task, level):
        assert item["answer"] in item["candidates"] or (item["answer"].isdigit() and item["candidates"] == [])
        assert all(word == word.lower() and word in item["prompt"].lower() for word in item["candidates"])


@pytest.mark.parametrize("task", TASKS)
@every_level
def test_no_answer_is_frequent(task: str, level: int) -> None:
    counts = Counter(item["answer"] for item in made(task, level))
    assert max(counts.values()) < 0.15 * counts.total()


# --- ladder ----------------------------------------------------------------------------------------------------------


@every_level
def test_ladder_answers(level: int) -> None:
    for item in made("ladder", level, share=FULL):
        solver = SOLVERS[item["stratum"]]
        assert item["answer"] == solver(last_question(item)), item["prompt"]
        assert item["answer"] not in item["wrong"]
        assert item["answer"] in item["candidates"] or (item["answer"].isdigit() and item["candidates"] == [])


def test_highest_rungs() -> None:
    items = made("ladder", 4)
    assert {i["rung"] for i in items} == {7, 8, 9, 10}
    assert all(len({i["answer"], *i["wrong"]}) == 4 for i in items)


def test_worked_examples_are_right_and_new() -> None:
    """The examples of a level-1 prompt answer their own questions, which are not the one asked."""
    for item in made("ladder", 1, share=FULL):
        solver = SOLVERS[item["stratum"]]
        examples = re.findall(r"Question: (.+)\nAnswer: (.+)\n", item["prompt"])
        assert len(examples) == 2
        assert all(answer.endswith(f" {solver(question)}.") for question, answer in examples)
        assert last_question(item) not in [question for question, _ in examples]


# --- perturb ---------------------------------------------------------------------------------------------------------


def deciding(text: str) -> list[str]:
    """Return the names and numbers of a text, in their order."""
    return re.findall(rf"\b(?:{NAME}|\d+)\b", text.lower())


def without_asides(text: str) -> str:
    """Return a text without the sentences that hold a number and no name."""
    found = re.findall(r"[^.?]+[.?]", " ".join(text.lower().split()))
    return " ".join(s.strip() for s in found if not re.search(r"\d", s) or re.search(rf"\b({NAME})\b", s))


def solve_text(question: str) -> str:
    """Solve a problem in English from names, numbers and the few words that decide."""
    text = without_asides(question)
    links = re.findall(rf"\b({NAME}) to ({NAME})\b", text)
    moves = re.findall(rf"\b(?:put|lay down) ({NAME})\b|(?:take one|take one more) off|remove one", text)
    if links:
        roads = dict(links) | dict(re.findall(r"from (\w+) was moved and now goes to (\w+)", text))
        at = [word for word in deciding(text) if not word.isdigit()][-1]
        for _ in range(int(re.findall(r"\d+", text)[-1])):
            at = roads[at]
        return at
    if moves:
        pile: list[str] = []
        for name in moves:
            pile = [*pile, name] if name else pile[:-1]
        return pile[-1]
    told = deciding(text)
    asked = None if len(told) % 2 == 0 else told.pop()
    order = 1 if told[0].isalpha() else -1
    table = dict((told[k : k + 2][::order]) for k in range(0, len(told), 2) if told[k].isdigit() == told[0].isdigit())
    return table[asked] if asked else str(sum(map(int, table.values())))


def solve_words(prompt: str) -> str:
    """Solve a problem of caskworld, with whatever was done to it."""
    words = re.sub(r"^capital of \w+ is \w+ , ", "", prompt)
    words = re.sub(r"\b((?!pop\b)[a-z]+) \1\b", r"\1", words)
    if words.startswith("total"):
        told, _, gone = words.removeprefix("total ").removesuffix(" is").partition(" without ")
        table = dict(re.findall(r"([a-z]+) (\d+)", told))
        return str(sum(int(v) for k, v in table.items() if k != gone))
    if words.startswith("push"):
        told, _, gone = words.removesuffix(" top is").partition(" without ")
        pile: list[str] = []
        for name in re.findall(r"push (\w+)|pop", told):
            pile = [*pile, name] if name else pile[:-1]
        return next(name for name in reversed(pile) if name != gone)
    if " go " in words:
        told, _, asked = words.partition(" go ")
        steps, at = asked.split(" from ")
        links = dict(link.removeprefix("now ").split() for link in told.split(" , "))
        for _ in range(int(steps)):
            at = links[at]
        return at
    told, _, key = words.partition(" find ")
    return dict(re.findall(r"([a-z]+) (\d+)", told.replace("now ", "")))[key]


@every_level
def test_perturbed_answers(level: int) -> None:
    for item in made("perturb", level):
        solved = solve_words(item["prompt"]) if level == 0 else solve_text(last_question(item))
        assert item["answer"] == solved, item["prompt"]


@every_level
def test_only_the_trap_changes_the_answer(level: int) -> None:
    for clean, *others in clusters("perturb", level):
        assert clean["operator"] == "clean"
        assert len({i["operator"] for i in (clean, *others)}) == 7
        assert len({i["prompt"] for i in (clean, *others)}) == 7
        for item in others:
            if item["operator"] != "symbols":
                assert (item["answer"] != clean["answer"]) == (item["operator"] == "trap"), item["prompt"]


def test_new_symbols_are_a_renaming() -> None:
    for clean, symbols, *_ in clusters("perturb", 0):
        pairs = set(zip(clean["prompt"].split(), symbols["prompt"].split(), strict=True))
        assert all((old in NAMES and new in NAMES) if old != new else old not in NAMES for old, new in pairs)
        assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)
        assert dict(pairs).get(clean["answer"], clean["answer"]) == symbols["answer"]


def test_records_are_reordered_repeated_or_more() -> None:
    for clean, _, extra, reordered, repeated, distractor, trap in clusters("perturb", 0):
        words = clean["prompt"].split()
        assert sorted(reordered["prompt"].split()) == sorted(words)
        assert [w for w, _ in groupby(repeated["prompt"].split())] == [w for w, _ in groupby(words)]
        assert len(repeated["prompt"].split()) > len(words)
        assert distractor["prompt"].endswith(f" , {clean['prompt']}")
        for longer in (extra, trap):
            assert not Counter(words) - Counter(longer["prompt"].split())


@in_english
def test_typing_errors_spare_what_decides(level: int) -> None:
    changed = {"typos_5": 0, "typos_10": 0}
    for clean, *others in clusters("perturb", level):
        for item in others:
            if item["operator"] in changed and level < 4:
                asked = last_question(item)
                assert deciding(asked) == deciding(last_question(clean))
                changed[item["operator"]] += sum(
                    a != b for a, b in zip(asked.split(), last_question(clean).split(), strict=True)
                )
    assert level == 4 or 1.4 * changed["typos_5"] < changed["typos_10"]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_case_distractor_and_trap_leave_the_words(level: int) -> None:
    for clean, *others in clusters("perturb", level):
        told = last_question(clean)
        by_operator = {item["operator"]: last_question(item) for item in others}
        assert by_operator["casing"].lower().split() == told.lower().split()
        assert by_operator["casing"].split() != told.split()
        assert "  " in by_operator["casing"]
        for operator in ("distractor", "trap"):
            longer = re.findall(r"[^.?]+[.?]", by_operator[operator])
            assert "".join([longer[0], *longer[2:]]) == told
        assert deciding(by_operator["synonyms"])[-1:] == deciding(told)[-1:] or clean["family"] == "addition"


@in_english
def test_items_of_a_base_differ_in_the_question_only(level: int) -> None:
    for items in clusters("perturb", level):
        assert len({shots(i) for i in items}) == 1
        assert len({i["prompt"].rpartition("\nAnswer:")[2] for i in items}) == 1


# --- groups ----------------------------------------------------------------------------------------------------------

FORMS = load_module(FOLDER / "groups.py")
NO_NAMES = {"How", "Who", "It", "Wie", "Wer", "Combien", "Qui", "Quante", "Chi", "Quantas", "Quem", "Cuántas", "Quién"}


def names_in(text: str) -> list[str]:
    return [word for word in re.findall(r"[A-Z]\w+", text) if word not in NO_NAMES]


def grouped_question(item: Item) -> str:
    """Return what is told and asked, in any language."""
    return str(re.split(r"(?:Question|Frage|Domanda|Pregunta|Pergunta) ?: ", item["prompt"])[-1].partition("\n")[0])


def solve_grouped(item: Item) -> str:
    if item["level"] == 0:
        asked = re.search(r"(?:find|seek) (\w+)", item["prompt"])
        assert asked
        told = re.findall(r"\w+", re.sub(r"\b(find|seek) \w+|\bfrom\b|\bis\b", "", item["prompt"]))
        pairs = [told[k : k + 2] for k in range(0, len(told), 2)]
        (found,) = [pair for pair in pairs if asked[1] in pair]
        return next(word for word in found if word != asked[1])
    *records, question = re.findall(r"[^.?]+[.?]", grouped_question(item))
    pairs = [[*names_in(r), *re.findall(r"\d+", r)] for r in records]
    (asked_for,) = [*names_in(question), *re.findall(r"\d+", question)]
    (found,) = [pair for pair in pairs if asked_for in pair]
    return next(word for word in found if word != asked_for).lower()


@every_level
def test_grouped_answers(level: int) -> None:
    for item in made("groups", level):
        assert item["answer"] == solve_grouped(item), item["prompt"]


@every_level
def test_a_problem_is_the_same_in_every_group(level: int) -> None:
    for items in clusters("groups", level):
        assert [i["group"] for i in items] == list(FORMS.FORMS[level])
        questions = [grouped_question(i) for i in items]
        numbers = [re.findall(r"\d+", q) for q in questions]
        assert all(sorted(n) == sorted(numbers[0]) if level == 0 else n == numbers[0] for n in numbers)
        if level == 0:
            lists = [(FORMS.CLASSES[i["group"].rpartition("_")[2]], deciding(i["prompt"])) for i in items]
            lists = [(names, [word for word in found if word.isalpha()]) for names, found in lists]
        elif level < 3:
            lists = [(FORMS.PEOPLE[i["group"]].split(), names_in(q)) for i, q in zip(items, questions, strict=True)]
        else:
            assert all(sorted(names_in(q)) == sorted(names_in(questions[0])) for q in questions)
            continue
        places = [sorted(names.index(name) for name in found) for names, found in lists]
        assert all(p == places[0] for p in places)
        assert len({shots(i) for i in items}) == 1


def test_lists_of_people() -> None:
    people = [name for names in FORMS.PEOPLE.values() for name in names.split()]
    assert {len(names.split()) for names in FORMS.PEOPLE.values()} == {12}
    assert len(set(people)) == len(people) == 96
    assert all(name.isascii() and name.isalpha() and name.lower() not in NAMES for name in people)


# --- ood -------------------------------------------------------------------------------------------------------------

REGIMES = load_module(FOLDER / "ood.py")
BASES = {"six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def solve_regime(question: str) -> str:
    if base := re.search(r"written in base (\w+)", question):
        turn = -1 if "at the front" in question else 1
        terms = [int(term[::turn], BASES[base[1]]) for term in re.findall(r"\d+", question)]
        return np.base_repr(sum(terms), BASES[base[1]])[::turn]
    if listed := re.search(r"which of the words (.+) comes first", question):
        spelt = re.search(r"in the order ((?:[a-z] ?){26})\.", question)
        order = spelt[1].replace(" ", "") if spelt else LETTERS[::-1] if "from z to a" in question else LETTERS
        return sorted(listed[1].split(", "), key=lambda word: [order.index(c) for c in word])[0]
    return SOLVERS["hops" if question.startswith("Roads") or " go " in question else "lookup"](question)


def joined(prompt: str) -> list[tuple[str, str]]:
    """Return the pairs of symbols that a problem of level 0 joins."""
    told = re.sub(r" (find|go) .*", "", prompt).replace(" ,", "").split()
    return list(zip(told[::2], told[1::2], strict=True))


@every_level
def test_regime_answers(level: int) -> None:
    for item in made("ood", level):
        assert item["answer"] == solve_regime(last_question(item)).lower(), item["prompt"]


@every_level
def test_pairs_are_usual_and_shifted(level: int) -> None:
    kinds = list(REGIMES.KINDS[level])
    for turn, (usual, shifted) in enumerate(clusters("ood", level)):
        assert (usual["shift"], shifted["shift"]) == ("none", kinds[turn % len(kinds)])
        assert (usual["stratum"], shifted["stratum"]) == (f"{shifted['shift']}_usual", shifted["shift"])
        assert shots(usual) == shots(shifted)


@every_level
def test_length_is_doubled_and_the_problem_kept(level: int) -> None:
    for usual, shifted in clusters("ood", level):
        if shifted["shift"] != "length":
            continue
        short, long = (re.findall(r"\w+ (?:holds|to) \w+", last_question(i)) for i in (usual, shifted))
        if level == 0:
            short, long = joined(usual["prompt"]), joined(shifted["prompt"])
        assert len(long) == 2 * len(short)
        assert set(short) < set(long)


@pytest.mark.parametrize("level", [3, 4])
def test_ignoring_the_convention_is_wrong(level: int) -> None:
    for usual, shifted in clusters("ood", level):
        if shifted["shift"] != "length":
            assert usual["answer"] != shifted["answer"]
            assert usual["candidates"] == shifted["candidates"]


def test_training_shows_the_usual_regime_only() -> None:
    """Of level 0, on which toys are trained: no pair that is kept apart, and no list longer than the usual ones."""
    longest = {"find": 0, "go": 0}
    for seed in (0, 1):
        for item in made("ood", 0, seed, "train", 2.0):
            assert item["shift"] == "none"
            pairs, verb = joined(item["prompt"]), "find" if "find" in item["prompt"] else "go"
            assert not any(REGIMES.unseen(a, b) for a, b in pairs), item["prompt"]
            longest[verb] = max(longest[verb], len(pairs))
    for item in made("ood", 0):
        new = [REGIMES.unseen(a, b) for a, b in joined(item["prompt"])]
        assert all(new) if item["shift"] == "pairs" else not any(new)
        verb = "find" if "find" in item["prompt"] else "go"
        assert (len(new) > longest[verb]) == (item["shift"] == "length")


def test_pairs_are_kept_apart_evenly() -> None:
    kept = np.array([[REGIMES.unseen(a, b) for b in TOWNS] for a in TOWNS])
    assert 0.2 < kept.mean() < 0.3
    assert kept.sum(axis=1).min() >= 3
