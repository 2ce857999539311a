"""Level 4 of the calibration tasks, and what their cards say of the lower levels."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from itertools import pairwise

import pytest

from angels_share.caskworld import UNKNOWN
from angels_share.items import Item, Source, find_generator, package_folder
from prompt_solvers import SOLVERS, last_passage, last_question, sentences, solve_passage

FOLDER = package_folder("tasks")
QUESTIONS = {
    "capital": r"What is the capital of (.+)\?",
    "city": r"In which country is the city of (.+)\?",
    "element": r"What is the atomic number of (.+)\?",
}


@cache
def made(task: str, level: int, seed: int = 0) -> tuple[Item, ...]:
    n = {"confidence": 1000, "abstain": 600}[task]
    return tuple(find_generator(FOLDER / "calibration", task)(Source(seed), level, n))


@cache
def facts() -> dict[tuple[str, str], dict[str, object]]:
    lines = (FOLDER / "boundary" / "data" / "facts.jsonl").read_text("utf-8").splitlines()
    return {(row["kind"], row["subject"]): row for row in map(json.loads, lines)}


def fact_of(item: Item) -> dict[str, object] | None:
    """Return the fact that an item asks for, read from its question, or None where it asks for no fact."""
    for kind, pattern in QUESTIONS.items():
        if found := re.fullmatch(pattern, last_question(item)):
            return facts()[kind, found[1]]
    return None


def pairs(level: int, seed: int = 0) -> list[tuple[Item, Item]]:
    items = made("abstain", level, seed)
    return list(zip(items[::2], items[1::2], strict=True))


# --- confidence ------------------------------------------------------------------------------------------------------


def test_confidence_answers_at_level_4() -> None:
    for item in made("confidence", 4):
        row = fact_of(item)
        right = row["answer"] if row else SOLVERS[item["stratum"]](last_question(item))
        assert item["choices"][item["gold"]] == right, item["prompt"]
        assert len(set(item["choices"])) == 4


def test_every_other_item_asks_for_a_fact() -> None:
    for level in (1, 2, 3, 4):
        asks = [fact_of(item) is not None for item in made("confidence", level)]
        assert asks == [bool(i % 2) for i in range(len(asks))]
    toy = [item["prompt"].startswith("capital of ") for item in made("confidence", 0)]
    assert toy == [i % 6 == 5 for i in range(len(toy))]


def test_facts_of_level_4_are_balanced_and_have_near_wrong_options() -> None:
    asked = [(item, row) for item in made("confidence", 4) if (row := fact_of(item))]
    counts = Counter(item["stratum"] for item, _ in asked)
    assert len(counts) == 9
    assert max(counts.values()) - min(counts.values()) <= 1
    for item, row in asked:
        assert item["stratum"] == f"{row['kind']}_{row['fame']}"
        assert item["rung"] == 1 + ("head", "middle", "tail").index(str(row["fame"]))
        wrong = [c for c in item["choices"] if c != row["answer"]]
        if row["kind"] == "element":
            assert max(abs(int(c) - int(str(row["answer"]))) for c in wrong) <= 6
        elif len(row["near"]) >= 3:
            assert set(wrong) <= set(row["near"])


def test_level_4_of_confidence_repeats_nothing_and_shares_no_problem_with_a_fresh_seed() -> None:
    items = made("confidence", 4)
    assert len({json.dumps({k: v for k, v in i.items() if k != "item_id"}) for i in items}) == len(items)
    problems = [{i["prompt"] for i in made("confidence", 4, seed) if fact_of(i) is None} for seed in (0, 1)]
    assert problems[0].isdisjoint(problems[1])


def test_level_4_of_confidence_has_the_fields_of_the_others() -> None:
    assert {tuple((k, type(v)) for k, v in i.items()) for level in (3, 4) for i in made("confidence", level)} == {
        tuple((k, type(v)) for k, v in made("confidence", 3)[0].items())
    }


# --- abstaining ------------------------------------------------------------------------------------------------------


def test_abstention_answers_at_level_4() -> None:
    for item in made("abstain", 4):
        answer = solve_passage(last_passage(item).partition("\nAnswer:")[0])
        assert item["choices"][item["gold"]] == answer, item["prompt"]
        assert (answer != UNKNOWN) == (item["stratum"] == "present")
        assert item["choices"][-1] == UNKNOWN
        assert len(set(item["choices"])) == 4
        hedge = 0.5 if answer != UNKNOWN else 1.0
        assert item["payoffs"] == [hedge if c == UNKNOWN else float(c == answer) for c in item["choices"]]


def test_pairs_of_level_4_differ_in_the_needed_sentence() -> None:
    """It is left out in every other pair, and denied in the others."""
    denials = []
    for number, (present, removed) in enumerate(pairs(4)):
        assert present["choices"] == removed["choices"]
        told, left = sentences(present), sentences(removed)
        (gone,) = [s for s in told if s not in left]
        new = [s for s in left if s not in told]
        assert left == [t for s in told for t in (new if s == gone else [s])]
        assert len(new) == number % 2
        denials += [(gone, *new)] if new else []
    for gone, denial in denials:
        who, guild = re.match(r"(?:The guild of )?(\w+) (?:is a member of the guild of (\w+))?", gone).groups()  # type: ignore[union-attr]
        expected = f"{who} belongs to no guild." if guild else f"The guild of {who} is no more and meets nowhere."
        assert denial == expected
    assert {denial.startswith("The guild") for _, denial in denials} == {True, False}


def distance(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True)) if len(one) == len(other) else len(one + other)


def test_the_asked_person_and_guild_have_doubles_that_tempt() -> None:
    """The town of the double is among the wrong options, and stands in the passage with and without the fact."""
    for present, removed in pairs(4):
        text = last_passage(present)
        person = re.search(r"does the guild of (\w+) meet", text)[1]  # type: ignore[index]
        guilds = dict(re.findall(r"(\w+) is a member of the guild of (\w+)\.", text))
        towns = dict(re.findall(r"The guild of (\w+) meets in (\w+)\.", text))
        assert len(guilds) == 6
        doubles = [p for p in guilds if distance(p, person) == distance(guilds[p], guilds[person]) == 1]
        assert any(towns[guilds[p]] in present["choices"] for p in doubles)
        for wrong in set(removed["choices"][:-1]) - {towns[guilds[person]]}:
            assert wrong in last_passage(removed)
        assert len(set(towns) - set(guilds.values())) == 2


def test_level_4_of_abstention_rotates_the_answer_and_repeats_nothing() -> None:
    places = Counter(present["gold"] for present, _ in pairs(4))
    assert max(places.values()) - min(places.values()) <= 3
    assert set(places) == {0, 1, 2}
    prompts = [{item["prompt"] for item in made("abstain", 4, seed)} for seed in (0, 1)]
    assert len(prompts[0]) == len(made("abstain", 4))
    assert prompts[0].isdisjoint(prompts[1])


def test_passages_grow_from_level_to_level() -> None:
    sizes = [sum(len(sentences(present)) for present, _ in pairs(level)) for level in (2, 3, 4)]
    assert all(smaller < larger for smaller, larger in pairwise(sizes))
    assert max(len(item["prompt"].split()) for item in made("abstain", 4)) < 1000


@pytest.mark.parametrize("level", [2, 3, 4])
def test_zero_shot_prompts_ask_for_unknown_and_open_the_answer(level: int) -> None:
    ending = " If nobody can know, say unknown.\nAnswer: The answer is"
    assert all(item["prompt"].endswith(ending) for item in made("abstain", level))
