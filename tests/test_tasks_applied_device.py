"""The stress tasks for small devices: long contexts, conversations and budgets, solved from their prompts alone."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby, pairwise

import pytest

import task_items
from angels_share.items import Item
from prompt_solvers import SOLVERS, group
from task_items import FULL

every_level = pytest.mark.parametrize("level", range(5))
in_english = pytest.mark.parametrize("level", range(1, 5))


def made(task: str, level: int, seed: int = 0, split: str = "test", share: float = 1.0) -> tuple[Item, ...]:
    return task_items.made(f"as_applied_{task}", level, seed, split, share)


def clusters(task: str, level: int, share: float = 1.0) -> list[list[Item]]:
    return [list(items) for _, items in groupby(made(task, level, share=share), key=lambda i: i["cluster_id"])]


def right(item: Item) -> str:
    return str(item["choices"][item["gold"]])


@pytest.mark.parametrize("task", ["longctx", "multiturn"])
@every_level
def test_the_text_twin_asks_the_same(task: str, level: int) -> None:
    for item, twin in zip(made(task, level), made(f"{task}_text", level), strict=True):
        same = item.keys() - {"choices", "gold"}
        assert {k: twin[k] for k in same} == {k: item[k] for k in same}
        assert twin["answer"] == right(item)
        assert set(item["choices"]) <= set(twin["candidates"])
        assert len(set(twin["candidates"])) == len(twin["candidates"])


# --- long contexts ---------------------------------------------------------------------------------------------------


def entries(item: Item) -> list[str]:
    """Return the entries of the ledger that is asked about."""
    if item["level"] == 0:
        return list(item["prompt"].split(" , ")[:-1])
    ledger = item["prompt"].rpartition("Ledger: ")[2].partition("\nQuestion: ")[0]
    return [str(entry).strip() for entry in re.findall(r"[^.]+\.", ledger)]


def look_up(told: list[str], question: str) -> tuple[str, list[int]]:
    """Return what a question about a ledger asks for, and at which of its entries the answer is found."""
    homes, kept = {}, {}
    for k, entry in enumerate(told):
        if found := re.fullmatch(r"\s*(\w+) (?:lives at house|from) (\w+)\.?", entry):
            homes[found[1]] = found[2], k
        else:
            found = re.fullmatch(r"\s*(?:House )?(\w+) (?:keeps a )?(\w+)\.?", entry)
            assert found, entry
            kept[found[1]] = found[2], k
    assert len(homes) + len(kept) == len(told)
    asked = re.search(r"find from (\w+)|house where (\w+) lives|(?:find|does house) (\w+)", question)
    assert asked
    person, house = asked[1] or asked[2], asked[3]
    at = []
    if person:
        house, place = homes[person]
        at = [place]
    return kept[house][0], [*at, kept[house][1]]


def question_of(item: Item) -> str:
    return str(item["prompt"].split(" , ")[-1] if item["level"] == 0 else item["prompt"].rpartition("Question: ")[2])


@every_level
def test_the_ledger_holds_the_answer_in_the_third_that_is_named(level: int) -> None:
    for item in made("longctx", level, share=FULL):
        told = entries(item)
        answer, at = look_up(told, question_of(item))
        assert answer == right(item)
        assert len(at) == item["hops"]
        assert {3 * place // len(told) for place in at} == {("begin", "middle", "end").index(item["depth"])}
        assert item["stratum"] == f"{item['depth']}_{item['size']}"
        assert item["words"] == len(item["prompt"].split())


@every_level
def test_every_option_is_kept_by_some_house_and_none_stands_out(level: int) -> None:
    """Options have one length, and stand in the ledger equally often but for one time."""
    for item in made("longctx", level):
        told = Counter(entry.rstrip(".").split()[-1] for entry in entries(item) if "lives" not in entry)
        times = [told[option] for option in item["choices"]]
        assert min(times) >= 1
        assert max(times) - min(times) <= 1
        if level:
            assert len({len(option) for option in item["choices"]}) == 1


@every_level
def test_ledgers_of_a_cluster_hold_one_another_and_grow_by_one_factor(level: int) -> None:
    for items in clusters("longctx", level):
        assert [i["size"] for i in items] == ["short", "medium", "long"]
        assert len({(i["depth"], i["hops"], right(i), tuple(sorted(i["choices"]))) for i in items}) == 1
        assert len({question_of(i) for i in items}) == 1
        ledgers = [set(entries(i)) for i in items]
        assert ledgers[0] < ledgers[1] < ledgers[2]
        assert len(ledgers[1]) / len(ledgers[0]) == len(ledgers[2]) / len(ledgers[1]) >= 2


@every_level
def test_depths_and_steps_take_turns(level: int) -> None:
    items = made("longctx", level)[::3]
    assert [i["depth"] for i in items] == [("begin", "middle", "end")[k % 3] for k in range(len(items))]
    assert [i["hops"] for i in items] == [1 + k // 3 % 2 for k in range(len(items))]


def test_worked_examples_of_longctx_are_right_and_new() -> None:
    for item in made("longctx", 1):
        shown = re.findall(r"Ledger: (.+)\nQuestion: (.+)\nAnswer: .+ keeps a (\w+)\.\n", item["prompt"])
        assert len(shown) == 2
        for ledger, question, answer in shown:
            told = [str(entry) for entry in re.findall(r"[^.]+\.", ledger)]
            found, at = look_up(told, question)
            assert (found, len(at)) == (answer, item["hops"])
            assert not set(item["choices"]) & set(re.findall(r"\w+", ledger))
            assert question not in question_of(item)


@in_english
def test_prompts_of_longctx_open_the_answer(level: int) -> None:
    for item in made("longctx", level):
        question, opening = question_of(item).split("\nAnswer: ")
        asked = question.removeprefix("What does ").removesuffix(" keep?")
        assert opening == (f"{asked[0].upper()}{asked[1:]} keeps a" if level < 3 else "It is a")


# --- conversations ---------------------------------------------------------------------------------------------------

KINDS = ("recall", "update", "challenge", "correction")
MOVED = (
    r"(?:I|Somebody|My brother) (?:have|has) moved the (\w+) to the (\w+)\.",
    r"I needed the (\w+) a minute ago and left it in the (\w+)\.",
    r"Somebody took the (\w+) and put it into the (\w+)\.",
    r"My brother brought the (\w+) to the (\w+)\.",
)
CLAIMED = r"(?:think|certain|says|told me|knows|remember quite clearly) that the (\w+) is in the (\w+)\."


def follow(talk: str) -> tuple[str, dict[str, str], list[str]]:
    """Return where the thing that a transcript asks for last is, where all are, and what is claimed without news."""
    where: dict[str, str] = {}
    claims: list[str] = []
    for line in talk.strip().split("\n"):
        said = line.removeprefix("User: ")
        if said == line:
            continue
        where |= re.findall(r"\b(?:the|The) (\w+)(?: is)? in the (\w+)", said) if said.startswith("The ") else {}
        where |= re.findall(r"the (\w+) to the (\w+)", said) if said.startswith("Today") else {}
        for pattern in MOVED:
            where |= re.findall(pattern, said)
        claims += [place for _, place in re.findall(CLAIMED, said)]
        asked = re.findall(r"Where is the (\w+)", said)
    return where[asked[0]], where, claims


def follow_words(prompt: str) -> str:
    where: dict[str, str] = {}
    *told, question = prompt.split(" , ")
    for words in map(str.split, told):
        if words[0] not in ("find", "answer", "check"):
            where[words[-2]] = words[-1]
    return where[question.removeprefix("find ")]


def last_talk(item: Item) -> str:
    return str(item["prompt"].rpartition("\n\n")[2])


@every_level
def test_conversations_end_as_the_moves_that_were_told(level: int) -> None:
    for item in made("multiturn", level, share=FULL):
        if level == 0:
            assert right(item) == follow_words(item["prompt"])
            continue
        answer, where, claims = follow(last_talk(item))
        assert right(item) == answer
        assert len(claims) == (item["stratum"] == "challenge")
        assert all(claim in item["choices"] and claim != answer for claim in claims)
        assert where


@every_level
def test_the_former_answer_holds_on_one_side_and_not_on_the_other(level: int) -> None:
    for items in clusters("multiturn", level):
        assert [i["stratum"] for i in items] == list(KINDS)
        assert [i["side"] for i in items] == ["stay", "change"] * 2
        assert len({(i["former"], tuple(i["choices"])) for i in items}) == 1
        answers = [right(i) for i in items]
        assert answers == [items[0]["former"], answers[1]] * 2
        assert answers[0] != answers[1]


@every_level
def test_the_answer_given_in_a_transcript_is_right(level: int) -> None:
    """What the assistant says before the last turn is where the thing then is, and is asked for again or is not."""
    for item in made("multiturn", level):
        kind = item["stratum"]
        if level == 0:
            told, _, rest = item["prompt"].partition(" , find ")
            thing, said, _, last = rest.split(" , ")
            again = thing == last.removeprefix("find ")
            given = said.removeprefix("answer ")
            assert given == follow_words(f"{told} , find {thing}")
        else:
            talk = last_talk(item)
            before, _, rest = talk.partition("User: Where is the ")
            thing, given = re.match(r"(\w+)\?\nAssistant: (?:In|The \w+ is in) the (\w+)\.", rest).groups()  # type: ignore[union-attr]
            assert given == follow(f"{before}User: Where is the {thing}?")[1][thing]
            again = rest.count(f"Where is the {thing} now?") == 1
        assert again == (kind in ("challenge", "correction"))
        assert (given == item["former"]) == again


@every_level
def test_transcripts_of_two_sides_differ_in_what_the_last_news_says(level: int) -> None:
    for recall, update, challenge, correction in clusters("multiturn", level):
        one, two = recall["prompt"].split(), update["prompt"].split()
        assert sum(a != b for a, b in zip(one, two, strict=True)) == 1
        if level == 0:
            one, two = challenge["prompt"].split(), correction["prompt"].split()
            assert [(a, b) for a, b in zip(one, two, strict=True) if a != b] == [("check", "now")]
            continue
        lines = zip(challenge["prompt"].split("\n"), correction["prompt"].split("\n"), strict=True)
        (differing,) = [(a, b) for a, b in lines if a != b]
        assert all(line.startswith("User: Are you sure? ") for line in differing)
        assert len({re.split(r"[.?] ", line)[-1] for line in differing}) == 1 or level > 2
        offered = right(correction)
        assert all(f"the {offered}" in line for line in differing)


@in_english
def test_conversations_have_two_to_eight_turns(level: int) -> None:
    turns = {last_talk(item).count("User: ") for item in made("multiturn", level)}
    assert turns == {{1: 3, 2: 4, 3: 7, 4: 8}[level]}


def test_early_moves_tempt_with_where_the_thing_was() -> None:
    for level in (3, 4):
        for item in made("multiturn", level):
            told, _, moved = item["prompt"].partition("Today I moved")
            thing = re.findall(r"Where is the (\w+) now", moved)[0]
            first = group(rf"[Tt]he {thing}(?: is)? in the (\w+)", told)
            assert first in item["choices"]
            assert first not in (right(item), item["former"])


def test_worked_examples_of_multiturn_are_right_and_new() -> None:
    for item in made("multiturn", 1):
        *shown, _ = item["prompt"].split("\n\n")
        assert len(shown) == 2
        answers = [re.findall(r"Assistant: In the (\w+)\.", talk) for talk in shown]
        assert [given[-1] for given in answers] == [follow(talk)[0] for talk in shown]
        assert not {given[-1] for given in answers} & set(item["choices"])
        doubted = item["stratum"] in ("challenge", "correction")
        assert [given[0] == given[-1] for given in answers].count(True) == int(doubted)
        assert all(("Are you sure?" in talk) == doubted for talk in shown)


# --- budgets ---------------------------------------------------------------------------------------------------------


def asked_in(item: Item) -> str:
    if item["level"] == 0:
        return group(r"^reply \d+ , (.+)$", item["prompt"])
    return str(item["prompt"].rpartition("Question: ")[2].partition("\n")[0])


def size(text: str, unit: str) -> int:
    return len(text.split()) if unit == "words" else len(text.encode())


@every_level
def test_budget_answers(level: int) -> None:
    for item in made("budget", level):
        assert item["final"] == SOLVERS[item["family"]](asked_in(item)), item["prompt"]
        assert item["final"] in item["candidates"] or (item["final"].isdigit() and item["candidates"] == [])


@every_level
def test_the_expected_reply_fits_its_budget_and_ends_in_the_answer(level: int) -> None:
    for item in made("budget", level):
        assert size(item["answer"], item["unit"]) <= item["budget"]
        assert item["answer"].split()[-1] == item["final"]
        assert str(item["budget"]) in item["prompt"].split()


@every_level
def test_a_problem_is_asked_in_three_budgets(level: int) -> None:
    ladder = task_items.made("as_boundary_ladder", level)
    for items, problem in zip(clusters("budget", level), ladder, strict=False):
        assert [i["budget"] for i in items] == ([16, 64, 256] if level else [2, 6, 16])
        assert [i["stratum"] for i in items] == [f"{i['budget']} {i['unit']}" for i in items]
        assert {(i["final"], i["family"], i["rung"]) for i in items} == {
            (problem["answer"], problem["stratum"], problem["rung"])
        }
        assert asked_in(items[0]) in problem["prompt"]
        if level != 1:
            told = [i["prompt"].split() for i in items]
            (differing,) = [words for words in zip(*told, strict=True) if len(set(words)) > 1]
            assert differing == tuple(str(i["budget"]) for i in items)
        replies = [size(i["answer"], i["unit"]) for i in items]
        assert all(a <= b for a, b in pairwise(replies))


@every_level
def test_room_is_used_where_there_is_a_working(level: int) -> None:
    """A pile takes too many moves for sixteen words, and at the highest rungs for 256 bytes."""
    *_, most = {i["budget"]: i for i in made("budget", level)}
    worked = {i["family"] for i in made("budget", level) if i["budget"] == most and "step 1" in i["answer"]}
    assert worked == {"addition", "hops", "stack"} - ({"stack"} if level in (0, 4) else set())
    assert not any(
        "step" in i["answer"] for i in made("budget", level) if i["budget"] in (2, 16) and i["budget"] < most
    )


def test_worked_examples_of_budget_are_right_fit_and_are_new() -> None:
    for item in made("budget", 1):
        shown = re.findall(r"Question: (.+)\nReply in at most (\d+) bytes: (.+)\n", item["prompt"])
        assert len(shown) == 2
        for question, most, reply in shown:
            assert int(most) == item["budget"] >= len(reply.encode())
            assert reply.endswith(f"answer: {SOLVERS[item['family']](question)}")
            assert question != asked_in(item)
            for one, sign, other, total in re.findall(r"(\d+) (\+) (\d+) = (\d+)", reply):
                assert sign == "+"
                assert int(one) + int(other) == int(total)
