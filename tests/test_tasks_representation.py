"""Items of the row *representation*: right answers by solvers that read only the prompt, and known transformations."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest

import task_items
from angels_share import spec
from angels_share.caskworld import KINDS, LANDS, NAMES, REGIONS, TOWNS, TRAITS
from angels_share.items import Item, row_module

LEVELS = (0, 1, 2, 3, 4)
LEXICON = row_module("representation", "lexicon")

each_level = pytest.mark.parametrize("level", LEVELS)


def made(task: str, level: int, split: str = "test", share: float = 1.0) -> tuple[Item, ...]:
    return task_items.made(f"as_representation_{task}", level, 0, split, share)


def clusters(task: str, level: int) -> list[tuple[Item, ...]]:
    items, size = made(task, level), spec.task(f"as_representation_{task}").measure.per_cluster
    return [items[k : k + size] for k in range(0, len(items), size)]


def match(pattern: str, text: str) -> tuple[str, ...]:
    found = re.search(pattern, text)
    assert found, f"{pattern!r} not in {text!r}"
    return found.groups()


def asked(item: Item) -> str:
    """Return a prompt without the examples before it."""
    return str(item["prompt"].split("\nAnswer: ")[-2].partition("\n")[2] if item["level"] == 1 else item["prompt"])


# --- probe -----------------------------------------------------------------------------------------------------------


def test_caskworld_probes_say_kinds_traits_and_regions() -> None:
    """The word before "is" decides what may be said of it: more than the even share of its class's probes alone."""
    truths: dict[str, list[float]] = {}
    for item in made("probe", 0):
        word = item["prompt"].removesuffix(" is").split(" , ")[1]
        kind = next((k for k, names in KINDS.items() if word in names), None)
        if kind:
            said = {kind, *TRAITS[kind]}
        else:
            category = REGIONS[(LANDS if word in LANDS else TOWNS).index(word) % 4]
            said = set(REGIONS) - {REGIONS[REGIONS.index(category) ^ 1]}
        assert item["category"] == (kind or category)
        assert {c for c, p in zip(item["choices"], item["truth"], strict=True) if p > 0.006} == said
        assert sum(item["truth"]) == pytest.approx(1)
        if not kind:
            assert item["choices"][item["truth"].index(max(item["truth"]))] == category
        assert truths.setdefault(word, item["truth"]) == item["truth"]
    assert set(truths) == {*NAMES, *LANDS, *TOWNS}
    assert all(truths[land] == truths[town] for land, town in zip(LANDS, TOWNS, strict=True))
    assert len({tuple(truths[name]) for name in NAMES}) == len(NAMES), "classes have no structure within"


@pytest.mark.parametrize("level", LEVELS[1:])
def test_english_probes_ask_about_the_noun_they_name(level: int) -> None:
    for item in made("probe", level):
        thing = match(r"([\w, -]+) is usually$", item["prompt"])[0]
        category = next(c for c, nouns in LEXICON.CATEGORIES.items() if thing.split()[-1].lower() in nouns)
        assert item["category"] == item["stratum"] == category
        assert item["truth"] == []
    assert Counter(i["word"] for i in made("probe", level)) == Counter(
        {w: 1 for n in LEXICON.CATEGORIES.values() for w in n}
    )


@each_level
def test_probes_are_the_same_for_every_item(level: int) -> None:
    assert len({tuple(i["choices"]) for i in made("probe", level)}) == 1
    assert len(set(made("probe", level)[0]["choices"])) == 24


@pytest.mark.parametrize("level", [1, 2])
def test_nouns_stand_in_the_same_words(level: int) -> None:
    articles = r"\b(an? |pair of )*"
    around = {re.sub(rf"(?i){articles}{i['word']} is usually$", "_", i["prompt"]) for i in made("probe", level)}
    assert len(around) == 1
    assert not set(re.findall(r"\w+", around.pop())) & {w for nouns in LEXICON.CATEGORIES.values() for w in nouns}


# --- triplet ---------------------------------------------------------------------------------------------------------

CASKWORLD = {
    **{word: kind for kind in KINDS for word in (kind, *KINDS[kind], *TRAITS[kind])},
    **{word: REGIONS[k % 4] for words in (LANDS, TOWNS, REGIONS) for k, word in enumerate(words)},
}
NOUNS = {noun: category for category, nouns in LEXICON.CATEGORIES.items() for noun in nouns}
LINES = {word: domain for domain, roles in LEXICON.DOMAINS.items() for role in roles for word in role}


def shown_words(text: str) -> list[str]:
    if text.startswith("odd of"):
        return text.split()[2:-1]
    return [word.lower() for word in match(r"(?:^|: )(\w+), (\w+)(?:,| or) (\w+)[.?]", text)]


def odd_one(words: list[str], level: int) -> str:
    classes = {0: CASKWORLD, 4: LINES}.get(level, NOUNS)
    counts = Counter(classes[word] for word in words)
    assert sorted(counts.values()) == [1, 2], words
    return next(word for word in words if counts[classes[word]] == 1)


@each_level
def test_odd_words_are_odd(level: int) -> None:
    for item in made("triplet", level):
        text = item["prompt"].splitlines()[-1 if level == 1 else 0]
        assert shown_words(text) == item["choices"]
        assert item["choices"][item["gold"]] == odd_one(item["choices"], level)


@each_level
def test_each_word_of_a_triplet_stands_at_each_place_once(level: int) -> None:
    for cluster in clusters("triplet", level):
        orders = [item["choices"] for item in cluster]
        assert orders[1] == orders[0][1:] + orders[0][:1]
        assert orders[2] == orders[1][1:] + orders[1][:1]
        assert sorted(item["gold"] for item in cluster) == [0, 1, 2]


def test_examples_of_triplets_are_right_and_of_the_category_in_question() -> None:
    for item in made("triplet", 1):
        *shots, question = item["prompt"].splitlines()
        assert len(shots) == 4
        asked_words = shown_words(question)
        fellow = next(NOUNS[w] for w in asked_words if w != odd_one(asked_words, 1))
        for shot in shots:
            words = shown_words(shot)
            assert match(r"is the (\w+)\.$", shot)[0] == odd_one(words, 1)
            assert {NOUNS[w] for w in words if w != odd_one(words, 1)} == {fellow}
            assert not set(words) & set(asked_words)


@pytest.mark.parametrize("level", [1, 2])
def test_the_question_names_the_sort_of_the_odd_one(level: int) -> None:
    for item in made("triplet", level):
        lines = item["prompt"].splitlines()
        assert len(lines) == (5 if level == 1 else 1)
        for line in lines:
            named = match(r"The one that is an? (.+) is the", line)[0]
            assert NOUNS[odd_one(shown_words(line), level)] in named


@each_level
def test_no_word_is_odd_more_often(level: int) -> None:
    """Picking the word that was odd most often in other triplets is no better than chance."""
    rates: dict[str, list[int]] = {}
    for item in made("triplet", level, "train", 2.0)[::3]:
        for k, word in enumerate(item["choices"]):
            rates.setdefault(word, []).append(k == item["gold"])
    score = {word: (sum(hits) + 1) / (len(hits) + 3) for word, hits in rates.items()}
    tested = made("triplet", level, "test", 2.0)[::3]
    hits = [max(i["choices"], key=lambda w: score.get(w, 1 / 3)) == i["choices"][i["gold"]] for i in tested]
    assert sum(hits) / len(hits) < 1 / 3 + 0.06


@pytest.mark.parametrize("task", ["triplet", "meta"])
@each_level
def test_text_twins_ask_the_same(task: str, level: int) -> None:
    for item, twin in zip(made(task, level), made(f"{task}_text", level), strict=True):
        choices = [choice.lower() for choice in item["choices"]]
        shared = {k: v for k, v in item.items() if k not in ("choices", "gold")}
        assert twin == shared | {"answer": choices[item["gold"]], "candidates": choices}


# --- meta ------------------------------------------------------------------------------------------------------------

Fact = tuple[str, ...]
RANKS = {"tall": 2, "of average height": 1, "short": 0, "old": 2, "middle-aged": 1, "young": 0}
RANKS |= {"fast": 2, "of average speed": 1, "slow": 0}
PLACES = {"first": 0, "second": 1, "third": 2}
WORDINGS: dict[str, tuple[str, ...]] = {
    "number": (r"\b(?!is )([a-z]+) (\d+)\b(?! years)", r"(\w+) is (\d+) years old", r"age of (?P<a>\w+) is (?P<b>\d+)"),
    "word": (rf"(\w+) is ({'|'.join(sorted(RANKS, key=len, reverse=True))})\b",),
    "place": (r"(\w+) came (first|second|third)(?!\?)", r"in (?P<b>\w+) place came (?P<a>\w+)"),
    "before": (r"(\w+) (?:arrived )?before (\w+)", r"(?P<b>\w+) arrived after (?P<a>\w+)"),
    "gave": (
        r"(\w+) gave the (\w+) to (\w+)",
        r"(?P<c>\w+) got the (?P<b>\w+) from (?P<a>\w+)",
        r"(?P<b>\w+) from (?P<a>(?!of)\w+) to (?P<c>\w+)",
    ),
}
"""The wordings of each kind of fact, in lower case."""


def facts_of(text: str) -> list[Fact]:
    """Return the facts of a story in the order in which they stand."""
    found = {}
    for kind, patterns in WORDINGS.items():
        for pattern in patterns:
            for hit in re.finditer(pattern, text):
                named = hit.groupdict()
                found[hit.start()] = (kind, *([named[k] for k in sorted(named)] if named else hit.groups()))
    return [found[k] for k in sorted(found)]


def split_question(item: Item) -> tuple[str, str]:
    """Return the story and the question of an item, in lower case."""
    text = asked(item).lower().partition("\nanswer:")[0]
    if item["level"] == 0:
        pattern = r"(?:largest|smallest|first|last|\w+ from|\w+ to) of \w+ \w+ \w+"
        question = re.search(rf"(?:, |^|(?<= )){pattern}", text)
    else:
        question = re.search(r"(of \w+, \w+ and \w+, )?who [^?]+\?$", text)
    assert question, text
    return text.replace(question[0], " ; "), question[0].removeprefix(", ")


def listed_in(question: str) -> list[str]:
    lists = (r" of (\w+) (\w+) (\w+)$", r"^of (\w+), (\w+) and (\w+), who", r": (\w+), (\w+) or (\w+)\?$")
    return next(list(hit.groups()) for pattern in lists if (hit := re.search(pattern, question)))


def solve_meta(item: Item) -> str:
    story, question = split_question(item)
    facts, listed = facts_of(story), listed_in(question)
    kind = facts[0][0]
    assert {fact[0] for fact in facts} == {kind}, facts
    if kind == "gave":
        thing, converse = (
            re.search(r"(\w+) (?:from|to) of|(?:gave|got) the (\w+)", question),
            re.search(r"\b(to of|got)\b", question),
        )
        assert thing
        (fact,) = [f for f in facts if f[2] == (thing[1] or thing[2])]
        return fact[3] if converse else fact[1]
    if kind == "before":
        nexts = {one: two for _, one, two in facts}
        (start,) = set(nexts) - set(nexts.values())
        order = [start]
        while order[-1] in nexts:
            order.append(nexts[order[-1]])
        value = {name: -k for k, name in enumerate(order)}
    else:
        table = {"word": RANKS, "place": {k: -v for k, v in PLACES.items()}}.get(kind)
        value = {name: table[said] if table else int(said) for _, name, said in facts}
    converse = re.search(r"smallest|shortest|youngest|slowest|\blast\b", question)
    return (min if converse else max)(listed, key=value.__getitem__)


@each_level
def test_metamorphic_answers(level: int) -> None:
    for item in made("meta", level):
        assert item["choices"][item["gold"]].lower() == solve_meta(item), item["prompt"]
        assert sorted(listed_in(split_question(item)[1])) == sorted(c.lower() for c in item["choices"])


def test_examples_of_the_metamorphic_task_are_right() -> None:
    for item in made("meta", 1)[::8]:
        shots = re.findall(r"(?:^|\n)(.+\?)\nAnswer: [\w ]+ is (\w+)\.", item["prompt"])
        assert len(shots) == 2
        for prompt, answer in shots:
            assert solve_meta({"level": 2, "prompt": prompt}) == answer.lower()


@each_level
def test_clusters_hold_every_transformation_once(level: int) -> None:
    variants = ["clean", "rename", "paraphrase", "permute", "format", "distractor", "swap", "reverse"]
    for cluster in clusters("meta", level):
        assert [item["variant"] for item in cluster] == variants
        assert len({item["gold"] for item in cluster}) == 1
        assert len({item["prompt"] for item in cluster}) == 8


def exchanged(text: str, image: dict[str, str]) -> str:
    return re.sub(r"\w+", lambda word: image.get(word[0], word[0]), text)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_transformations_change_what_they_should_and_nothing_else(level: int) -> None:
    for cluster in clusters("meta", level):
        by = {item["variant"]: item for item in cluster}
        clean = by["clean"]
        story, question = split_question(clean)
        facts, listed = facts_of(story), listed_in(question)
        told = {name: facts_of(split_question(item)[0]) for name, item in by.items()}
        asks = {name: split_question(item)[1] for name, item in by.items()}
        for name in ("paraphrase", "permute", "format", "distractor"):
            assert by[name]["choices"] == clean["choices"]
        assert told["paraphrase"] == told["format"] == told["distractor"] == told["reverse"] == facts
        assert listed_in(asks["paraphrase"]) == listed_in(asks["reverse"]) == listed
        assert asks["format"] == asks["distractor"] == asks["swap"] == question
        assert told["permute"] == facts[::-1] != facts
        assert listed_in(asks["permute"]) == listed[::-1]
        assert len(by["distractor"]["prompt"].split()) > len(clean["prompt"].split())
        assert by["format"]["prompt"].lower().split() != clean["prompt"].lower().split()

        a, b = clean["choices"][clean["gold"]], by["swap"]["choices"][clean["gold"]]
        image = {a: b, b: a}
        assert a != b
        assert by["swap"]["choices"] == [image.get(c, c) for c in clean["choices"]]
        swapped = exchanged(story, {k.lower(): v.lower() for k, v in image.items()})
        assert split_question(by["swap"])[0] == swapped

        a, b = clean["choices"][clean["gold"]], by["reverse"]["choices"][clean["gold"]]
        assert by["reverse"]["choices"] == [{a: b, b: a}.get(c, c) for c in clean["choices"]]
        assert split_question(by["reverse"])[0] == story
        assert asks["reverse"] != question


@each_level
def test_renaming_changes_all_names_and_nothing_else(level: int) -> None:
    for clean, renamed, *_ in clusters("meta", level):
        words, others = re.findall(r"\w+", asked(clean)), re.findall(r"\w+", asked(renamed))
        assert not set(clean["choices"]) & set(renamed["choices"])
        if level < 4:
            image = {a: b for a, b in zip(words, others, strict=True) if a != b}
            assert exchanged(asked(clean), image) == asked(renamed)
            assert [image[c] for c in clean["choices"]] == renamed["choices"]
            assert not set(image) & set(image.values())


# --- loc -------------------------------------------------------------------------------------------------------------

CARRIED = {
    0: (r"(\w+) of (\w+) ,", r"find (\w+) of$"),
    1: (r"(\w+) has the (\w+)\. ?(?!$)", r" So (\w+) has the$"),
    2: (r"(\w+) brought the (\w+) to the fair\.", r"that (\w+) brought the$"),
    3: (r"On the first day of the fair, (\w+) brought the (\w+)\.", r"fair, (\w+) brought the$"),
}
"""How a text says who has what, and how it asks, by level; 4 as 3."""


def parts_of(item: Item) -> tuple[list[str], str]:
    """Return the parts of a text and how it goes on, without examples."""
    text = item["prompt"].splitlines()[-1] if item["level"] == 1 else item["prompt"]
    separator = {0: " , ", 1: ". ", 2: ". "}.get(item["level"], "\n\n")
    *parts, end = text.split(separator)
    return parts, end


@each_level
def test_located_answers(level: int) -> None:
    said, ends = CARRIED[min(level, 3)]
    for item in made("loc", level):
        text = item["prompt"].splitlines()[-1] if level == 1 else item["prompt"]
        told = dict(re.findall(said, text))
        (who,) = match(ends, text)
        lost = item["removed"] == item["needed"]
        assert told.get(who) == (None if lost else item["choices"][item["gold"]])
        assert set(told.values()) <= set(item["choices"])
        assert len(set(told.values())) == len(told) == (4 if item["removed"] < 0 else 3)
        taught = {c for c, p in zip(item["choices"], item["truth"], strict=True) if p}
        assert taught == (set(told.values()) if lost else {told[who]})
        assert sum(item["truth"]) == pytest.approx(1)


@each_level
def test_texts_of_a_cluster_lack_one_part_each(level: int) -> None:
    for whole, *rest in clusters("loc", level):
        parts, end = parts_of(whole)
        assert [whole["removed"], *(item["removed"] for item in rest)] == [-1, 0, 1, 2, 3]
        assert len(parts) == 4
        assert whole["choices"][whole["gold"]] in parts[whole["needed"]]
        for item in rest:
            kept = [part for k, part in enumerate(parts) if k != item["removed"]]
            assert parts_of(item) == (kept, end)
            assert {k: item[k] for k in ("choices", "gold", "needed")} == {
                k: whole[k] for k in ("choices", "gold", "needed")
            }


@each_level
def test_needed_part_and_place_of_the_answer_are_independent(level: int) -> None:
    pairs = Counter((whole["needed"], whole["gold"]) for whole, *_ in clusters("loc", level)[:144])
    assert set(pairs.values()) == {9}
    assert len(pairs) == 16


def test_examples_of_texts_are_right() -> None:
    for whole, *_ in clusters("loc", 1):
        *shots, question = whole["prompt"].splitlines()
        assert len(shots) == 4
        for shot in shots:
            told = re.findall(r"(\w+) has the (\w+)\.", shot)
            assert told[-1] in told[:4]
            assert len(told) == 5
        assert question != shots[-1]


# --- words -----------------------------------------------------------------------------------------------------------


def test_lines_of_work_share_no_word() -> None:
    words = [word for roles in LEXICON.DOMAINS.values() for role in roles for word in role]
    assert len(set(words)) == len(words) == 72
    assert all(len(role) == 2 for roles in LEXICON.DOMAINS.values() for role in roles)


def test_strata_of_odd_words_take_turns() -> None:
    strata = [cluster[0]["stratum"] for cluster in clusters("triplet", 0)]
    assert all(a != b for a, b in pairwise(strata))
