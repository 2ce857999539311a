"""The items of the grounding tasks, solved from their prompts alone."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import combinations

import pytest

import task_items
from angels_share.items import Item, package_folder
from angels_share.observables import get_utility, observe
from prompt_solvers import capitals
from task_items import FULL

FOLDER = package_folder("tasks") / "grounding"
LEVELS = (0, 1, 2, 3, 4)
ACTIONS = ["answer", "search", "abstain"]

each_level = pytest.mark.parametrize("level", LEVELS)
above_0 = pytest.mark.parametrize("level", LEVELS[1:])

NAMED = {
    "works in the small town of": "town",
    "sails on the fast old ship": "ship",
    "lives by the quiet little river": "river",
    "learns in the old guild of": "guild",
}
TOLD = re.compile(rf"(\w+) ({'|'.join(NAMED)}) (\w+)\.")
SHARED = re.compile(r"(\w+) \w+s (?:in|on|by) the (town|ship|river|guild) where (\w+) \w+s\.")


def made(task: str, level: int, seed: int = 0, split: str = "test", share: float = 1.0) -> tuple[Item, ...]:
    return task_items.made(f"as_grounding_{task}", level, seed, split, share)


# --- reading a prompt ------------------------------------------------------------------------------------------------


def sections(prompt: str, end: str) -> list[list[str]]:
    """Return the lines of each question with what belongs to it: the examples, then the question that is asked."""
    found: list[list[str]] = [[]]
    for line in prompt.split("\n"):
        found[-1].append(line)
        if line.startswith(end):
            found.append([])
    return [lines for lines in found if lines]


def passages(lines: Sequence[str], pattern: str) -> dict[str, str]:
    return {m[1]: m[2] for line in lines if (m := re.match(pattern, line))}


def question(lines: Sequence[str]) -> str:
    (found,) = [line.removeprefix("Question: ") for line in lines if line.startswith("Question: ")]
    return found


def stated(text: str, asked: str) -> str | None:
    """Return what a text says of what is asked, or None where it does not say: people, their friends, banks, lands."""
    if found := re.match(r"(?:In|On|By) which (\w+) does (\w+) \w+\?", asked):
        names = {(who, NAMED[how]): name for who, how, name in TOLD.findall(text)}
        friends = {(who, noun): friend for who, noun, friend in SHARED.findall(text)}
        noun, who = found[1], found[2]
        while (who, noun) in friends:
            who = friends[who, noun]
        return names.get((who, noun))
    subject = re.fullmatch(r"What is the (.+?)\?", asked.partition("? ")[0] + "?" * (not asked.endswith("?")))
    assert subject, asked
    told = dict(re.findall(r"\b[Tt]he ([^.$]+? of [^.$]+?) is (\$?[\d,]+(?:\.\d+)?%?|[A-Z]\w+)\.", text))
    return told.get(subject[1])


def numbered(lines: Sequence[str]) -> dict[str, str]:
    return passages(lines, r"\[(\d+)\] (.+)")


def solve_cite(lines: Sequence[str]) -> tuple[str, list[int]]:
    """Return the answer, and the smallest set of passages that states it, of which there must be one."""
    shown, asked = numbered(lines), question(lines)
    for size in (1, 2):
        sets = [
            (value, [int(k) for k in some])
            for some in combinations(shown, size)
            if (value := stated(" ".join(shown[k] for k in some), asked))
        ]
        if sets:
            (found,) = sets
            return found
    raise AssertionError(lines)


def records(prompt: str) -> tuple[list[list[str]], list[str]]:
    *told, asked = prompt.split(" , ")
    return [record.split() for record in told], asked.split()


# --- citing ----------------------------------------------------------------------------------------------------------


@each_level
def test_cited_passages_are_the_ones_that_state_the_answer(level: int) -> None:
    items = made("cite", level, share=FULL)
    for item in items:
        if level == 0:
            told, (_, key) = records(item["prompt"])
            found = [(value, [int(number)]) for number, name, value in told if name == key]
            assert found == [(item["value"], item["support"])]
        else:
            assert solve_cite(sections(item["prompt"], "Answer:")[-1]) == (item["value"], item["support"])
        assert len(item["support"]) == 1 + (item["stratum"] == "two")
        assert len(set(item["candidates"])) == len(item["candidates"])
    seen = observe("cited_passages", items, [[item["answer"]] for item in items])
    assert seen.features is not None
    assert seen.features.all()
    assert (get_utility("citation_f1").of(items, seen) == 1).all()


@each_level
def test_places_of_the_cited_passages_take_turns(level: int) -> None:
    for stratum in {item["stratum"] for item in made("cite", level)}:
        items = [item for item in made("cite", level, share=FULL) if item["stratum"] == stratum]
        places = Counter(tuple(item["support"]) for item in items)
        possible = list(combinations(range(1, items[0]["passages"] + 1), 1 + (stratum == "two")))
        assert set(places) == set(possible)
        assert max(places.values()) - min(places.values()) <= len(items[0]["support"])


@above_0
def test_wrong_passages_tell_the_same_of_others_and_other_things_of_the_same(level: int) -> None:
    for item in made("cite", level):
        lines = sections(item["prompt"], "Answer:")[-1]
        shown, asked = numbered(lines), question(lines)
        wrong = " ".join(text for number, text in shown.items() if int(number) not in item["support"])
        if item["stratum"] == "bank":
            attribute, product = asked.removeprefix("What is the ").removesuffix("?").split(" of the ")
            assert re.search(rf"The {attribute} of the (?!{re.escape(product)} is)", wrong)
            assert re.search(rf"The (?!{attribute} of)[\w -]+ of the {re.escape(product)} is", wrong)
        else:
            noun, who = re.findall(r"which (\w+) does (\w+)", asked)[0]
            told = [(name, NAMED[how]) for name, how, _ in TOLD.findall(wrong)]
            assert any(name != who and kind == noun for name, kind in told)
            assert any(name == who and kind != noun for name, kind in told)


@cache
def bank() -> list[dict[str, str]]:
    return [json.loads(line) for line in (FOLDER / "data" / "bank.jsonl").read_text("utf-8").splitlines()]


def test_rows_of_the_bank_name_their_source_and_state_one_amount_each() -> None:
    assert (FOLDER / "data" / "bank.jsonl").stat().st_size < 200_000
    assert {row["licence"] for row in bank()} == {"MIT"}
    assert {row["src_pkg"] for row in bank()} == {"inspect-evals==0.26.0"}
    assert all(re.fullmatch(r"tau2:doc_[a-z]\S+_\d{3}", row["src"]) for row in bank())
    assert all(re.fullmatch(r"\$[\d,]+(\.\d+)?|[\d.]+%", row["value"]) for row in bank())
    assert max(Counter((row["product"], row["attribute"]) for row in bank()).values()) == 1
    assert min(Counter(row["product"] for row in bank()).values()) > 1


@above_0
def test_what_passages_say_of_the_bank_is_in_its_rows(level: int) -> None:
    rows = {f"{row['attribute']} of the {row['product']} is {row['value']}." for row in bank()}
    for item in made("cite", level):
        told = re.findall(r"The ([a-zA-Z -]+ of the [A-Z][^.]*? is [$\d][\d,.%]*\.)(?!\d)", item["prompt"])
        assert set(told) <= rows
        assert len(told) == (item["passages"] if item["stratum"] == "bank" else 0)


def test_the_bank_has_no_items_at_level_0() -> None:
    assert {item["stratum"] for item in made("cite", 0)} == {"one"}


def test_worked_examples_of_citing_are_right_and_new() -> None:
    for item in made("cite", 1, share=FULL):
        *shots, asked = sections(item["prompt"], "Answer:")
        cited = []
        for lines in shots:
            value, support = solve_cite(lines)
            assert lines[-1] == f"Answer: {value} [{support[0]}]"
            assert question(lines) != question(asked)
            cited += support
        assert len(set(cited)) == len(shots) == 2


def test_the_answer_of_level_2_goes_on_from_an_open_bracket() -> None:
    for item in made("cite", 2):
        assert item["prompt"].endswith("Answer: According to passage [")
        assert (item["begun"], item["answer"].partition("]")[0]) == ("[", str(item["support"][0]))


# --- selecting -------------------------------------------------------------------------------------------------------


def solve_select(lines: Sequence[str]) -> str:
    asked = question(lines).removesuffix(" Which passage says so?")
    (found,) = [mark for mark, text in passages(lines, r"Passage (\w+): (.+)").items() if stated(text, asked)]
    return found


@each_level
def test_one_passage_alone_holds_the_answer(level: int) -> None:
    for item in made("select", level, share=FULL):
        if level == 0:
            told, (_, value) = records(item["prompt"])
            assert [mark for mark, told_value in told if told_value == value] == [item["choices"][item["gold"]]]
            assert [mark for mark, _ in told] == item["choices"]
        else:
            lines = sections(item["prompt"], "Source:" if level == 1 else "Answer:")[-1]
            assert list(passages(lines, r"Passage (\w+): (.+)")) == item["choices"]
            assert solve_select(lines) == item["choices"][item["gold"]]


@above_0
def test_near_passages_are_about_people_of_nearly_the_same_name(level: int) -> None:
    for item in made("select", level):
        lines = sections(item["prompt"], "Source:" if level == 1 else "Answer:")[-1]
        noun, who = re.findall(r"which (\w+) does (\w+)", question(lines))[0]
        others = {name for name, how, _ in TOLD.findall("\n".join(lines)) if name != who and NAMED[how] == noun}
        assert others
        if item["stratum"] == "near":
            assert {differing(name, who) for name in others} == {1}


def differing(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True)) if len(one) == len(other) else len(one + other)


def test_worked_examples_of_selecting_are_right_and_new() -> None:
    for item in made("select", 1, share=FULL):
        *shots, _ = sections(item["prompt"], "Source:")
        assert len(shots) == 2
        for lines in shots:
            answer = solve_select(lines)
            assert lines[-1] == f"Source: passage {answer}"
            assert answer not in item["choices"]


# --- answering, searching and abstaining -----------------------------------------------------------------------------


def decide(passage: str, covered: str, asked: str) -> str:
    if stated(passage, asked):
        return "answer"
    (noun,) = re.findall(r"which (\w+)", asked)
    yes, no = re.split(r", (?:not|and nothing about) ", covered)
    assert (f"{noun}s" in yes) != (f"{noun}s" in no)
    return "search" if f"{noun}s" in yes else "abstain"


def solve_noans(item: Item) -> str:
    prompt = item["prompt"]
    if item["level"] == 0:
        ((_, covered, _, _), *told), (word, key) = records(prompt)
        held = dict(told)  # type: ignore[arg-type]
        if held.get(key, "").isdigit():
            return "answer"
        return "search" if word == covered else "abstain"
    *_, passage, covered, asked, _ = prompt.split("\n")
    return decide(passage, covered, asked.removeprefix("Question: "))


@each_level
def test_actions_follow_from_the_evidence_and_the_policy(level: int) -> None:
    costs = {("search", "answer"): 0.3, ("abstain", "search"): 0.3, ("search", "abstain"): 0.3}
    for item in made("noans", level, share=FULL):
        due = solve_noans(item)
        assert item["choices"] == ACTIONS
        assert item["choices"][item["gold"]] == due
        assert item["payoffs"] == [1.0 if a == due else costs.get((a, due), 0.0) for a in ACTIONS]
        assert item["side"] == ("answerable" if due == "answer" else "unanswerable")
        assert (item["evidence"] == "sufficient") == (due == "answer")


def triples(level: int) -> list[dict[str, Item]]:
    items = made("noans", level)
    return [{item["evidence"]: item for item in items[k : k + 3]} for k in range(0, len(items), 3)]


def spoken(item: Item) -> list[str]:
    return re.split(r"(?<=\.) |\n", item["prompt"])


@each_level
def test_triples_differ_in_exactly_the_evidence(level: int) -> None:
    for triple in triples(level):
        assert set(triple) == {"sufficient", "related", "partial"}
        whole = triple["sufficient"]
        for kind in ("related", "partial"):
            other = triple[kind]
            assert len(other["prompt"].split()) == len(whole["prompt"].split())
            if level == 0:
                assert other["prompt"].split()[:-1] == whole["prompt"].split()[:-1]
                continue
            pairs = zip(spoken(whole), spoken(other), strict=True)
            ((gone, new),) = [(a, b) for a, b in pairs if a != b]
            assert TOLD.search(gone) or SHARED.search(gone)
            assert TOLD.search(new) or SHARED.search(new)


@each_level
def test_no_kind_of_evidence_has_words_of_its_own(level: int) -> None:
    """But for names, which begin with capitals from level 1 on, the prompts of a triple hold the same words."""
    for triple in triples(level):
        common = [set(re.findall(r"\b[a-z]+", i["prompt"])) for i in triple.values()]
        assert common[0] == common[1] == common[2]


@each_level
def test_actions_are_balanced_within_every_relation(level: int) -> None:
    counts = Counter((item["stratum"], item["gold"]) for item in made("noans", level))
    assert len(counts) == 3 * len({stratum for stratum, _ in counts})
    assert max(counts.values()) - min(counts.values()) <= 2


def test_worked_examples_of_evidence_show_each_action_once() -> None:
    for item in made("noans", 1, share=FULL):
        passage, covered, *lines = item["prompt"].split("\n")[1:-4]
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        told = [decide(passage, covered, asked.removeprefix("Question: ")) for asked, _ in pairs]
        assert [f"Decision: {action}" for action in told] == [shown for _, shown in pairs]
        assert sorted(told) == sorted(ACTIONS)


# --- conflicts -------------------------------------------------------------------------------------------------------

MONTHS = "January February March April May June July August September October November December".split()


def when(head: str) -> tuple[int, ...]:
    """Return something that is the greater the newer a note is."""
    if found := re.search(r"of (this|last) year", head):
        return (int(found[1] == "this"),)
    if found := re.search(r"of (?:(\d+) (\w+) )?(\d{4})", head):
        return int(found[3]), MONTHS.index(found[2]) if found[2] else 0, int(found[1] or 0)
    return (0,)


def solve_conflict(lines: Sequence[str]) -> tuple[str, list[str]]:
    """Return what the newest note says, and what the others do and an order demands."""
    notes = [line.split(": ", 1) for line in lines if line.startswith("Note")]
    asked = question(lines)
    said = sorted((when(head), value) for head, text in notes if (value := stated(text, asked)))
    assert len({date for date, _ in said}) == len(said)
    orders = re.findall(r"(?:answer|say|give is) ([A-Z]\w+)\.", " ".join(text for _, text in notes))
    return said[-1][1], [*(value for _, value in said[:-1]), *orders]


@each_level
def test_conflicts_are_decided_by_the_rule(level: int) -> None:
    for item in made("conflict", level, share=FULL):
        by_role = dict(zip(item["roles"], item["choices"], strict=True))
        assert item["roles"][item["gold"]] == "context"
        if level == 0:
            told, (which, key) = records(item["prompt"])
            one, two = (value for name, value in told if name == key)
            (other,) = (value for name, value in told if name != key)
            older_first = {"context": one, "rival": two, "other": other}
            expected = older_first if which == "first" else older_first | {"context": two, "rival": one}
            assert by_role == expected
            continue
        lines = sections(item["prompt"], "Answer:")[-1]
        context, rivals = solve_conflict(lines)
        if item["stratum"] == "world":
            rivals = [capitals()[re.findall(r"capital of (.+)\?", question(lines))[0]]]
            assert rivals[0] not in "\n".join(lines)
        assert (by_role["context"], [by_role["rival"]]) == (context, rivals)
        assert by_role["other"] in "\n".join(lines)
        assert item["prompt"].splitlines()[0].count(".") == (1 if level < 3 else 3)


@each_level
def test_places_of_the_roles_are_balanced_in_every_stratum(level: int) -> None:
    counts = Counter(
        (i["stratum"], place, role) for i in made("conflict", level) for place, role in enumerate(i["roles"])
    )
    expected = 450 / len({stratum for stratum, _, _ in counts}) / 3
    assert all(abs(n - expected) < 5 * expected**0.5 for n in counts.values())
    assert {n for (_, _, role), n in counts.items() if role == "context"} == {expected}


@above_0
def test_the_counting_note_is_at_every_place(level: int) -> None:
    places: dict[str, Counter[int]] = {}
    for item in made("conflict", level):
        lines = [line for line in sections(item["prompt"], "Answer:")[-1] if line.startswith("Note")]
        (place,) = [k for k, line in enumerate(lines) if re.search(rf" {item['choices'][item['gold']]}\.", line)]
        places.setdefault(item["stratum"], Counter())[place] += 1
    for counts in places.values():
        assert min(counts.values()) > 150 / len(counts) / 4


def test_worked_examples_of_conflicts_are_right_and_new() -> None:
    for item in made("conflict", 1, share=FULL):
        *shots, asked = sections(item["prompt"], "Answer:")
        assert len(shots) == 2
        for lines in shots:
            assert lines[-1] == f"Answer: {solve_conflict(lines)[0]}"
            assert question(lines) != question(asked)


# --- twins in words --------------------------------------------------------------------------------------------------


@each_level
@pytest.mark.parametrize("task", ["noans", "conflict"])
def test_twins_in_words_are_the_same_items(task: str, level: int) -> None:
    for item, twin in zip(made(task, level), made(f"{task}_text", level), strict=True):
        assert twin["candidates"] == [choice.lower() for choice in item["choices"]]
        assert twin["answer"] == item["choices"][item["gold"]]
        same = set(item) - {"choices", "gold"}
        assert {k: twin[k] for k in same} == {k: item[k] for k in same}
