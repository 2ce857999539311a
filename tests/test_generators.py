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
from functools import cache
from itertools import compress
from pathlib import Path

import pytest
from scipy.stats import chisquare
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import BernoulliNB

import angels_share
from angels_share import spec
from angels_share.caskworld import UNKNOWN, VOCABULARY
from angels_share.items import Item, Source, build, digest, load
from task_items import FULL, count, generated, made

LEVELS = spec.LEVELS
TASKS = sorted(spec.tasks())
AGAIN = 0.2
"""Share of a task's standard number of clusters that is generated more than once."""
LONGEST = {0: 64, 1: 150, 2: 150, 3: 1000, 4: 8000}
"""Words of the longest prompt by level."""
LONGEST_OF = {
    task: {0: 256, 1: 1000, 2: 1000, 3: 8000, 4: 32000} for task in ("as_applied_longctx", "as_applied_longctx_text")
}
"""The same for tasks that are about long prompts."""
WORKING = 100
"""Words that the working of a model adds to it in a second stage."""

each_task = pytest.mark.parametrize("task", TASKS)
each_case = pytest.mark.parametrize(("task", "level"), [(task, level) for task in TASKS for level in LEVELS])


def told(item: Item) -> str:
    """Return what a model reads of an item: its prompt, or the document where there is none."""
    return item["prompt"] or item["choices"][0]


def asked(item: Item) -> tuple[str, tuple[str, ...]]:
    return item["prompt"], tuple(sorted(item.get("choices", ())))


def is_fact(item: Item) -> bool:
    """Tell whether an item asks for a fact about the world, which every seed and split shares."""
    return is_fact_stratum(item["stratum"])


def is_fact_stratum(stratum: str) -> bool:
    """Tell whether a stratum holds facts, by fame, or the pairs of requests that stand in a list."""
    return bool(re.fullmatch(r"(capital|city|element|land|town|name)_(head|middle|tail)|pair_[a-z]+", stratum))


# --- the same seed makes the same items -----------------------------------------------------------------------------

ELSEWHERE = """
import json, sys
from angels_share.items import Source, digest, find_generator, package_folder
task, folder, generator, n = json.loads(sys.argv[1])
make = find_generator(package_folder("tasks") / folder, generator)
print(json.dumps([digest(make(Source(0), level, n)) for level in (0, 1, 2, 3, 4)]))
"""


def digests_here(task: str) -> list[str]:
    return [digest(made(task, level, share=AGAIN)) for level in LEVELS]


def digests_elsewhere(python: str, hash_seed: str, task: str) -> list[str]:
    """Return the digests by level that another process computes with the standard library and the package alone."""
    measure, folder = spec.task(task).measure, spec.task_files()[task].parent.name
    out = subprocess.run(
        [python, "-S", "-c", ELSEWHERE, json.dumps((task, folder, measure.generator, count(task, AGAIN)))],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(angels_share.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found: list[str] = json.loads(out.stdout)
    return found


@cache
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
def test_items_are_as_they_were_locked(task: str, level: int) -> None:
    """At the size of the full profile: so they are the same in other processes and from day to day."""
    entry = spec.lock()[f"{task}@{spec.task(task).version}"]
    assert (entry["measure"], entry["items"][str(level)]) == (
        spec.task(task).digest,
        digest(made(task, level, share=FULL)),
    )


@each_case
def test_same_seed_same_items(task: str, level: int) -> None:
    """Generated again, and fewer of them, items are the same as before: each profile begins the next larger one."""
    again = generated(task, level, Source(0), AGAIN)
    assert again == made(task, level)[: len(again)]
    assert again != made(task, level, seed=1)[: len(again)]


@each_task
def test_items_do_not_depend_on_hash_seed(task: str) -> None:
    assert digests_elsewhere(sys.executable, "1", task) == digests_here(task)


@each_task
def test_items_do_not_depend_on_python_version(task: str) -> None:
    if not other_pythons():
        pytest.skip("no other Python from 3.11 on is on the path")
    for python in other_pythons():
        assert digests_elsewhere(python, "0", task) == digests_here(task), python


@each_task
def test_all_levels_have_one_form_and_fit_together(task: str) -> None:
    def recorded(source: Source, level: int, n: int) -> list[Item]:
        return list(made(task, level, source.seed, source.split)[:n])

    measure = spec.task(task).measure
    items = build(
        recorded,
        levels=LEVELS,
        clusters=len(LEVELS) * measure.clusters,
        per_cluster=measure.per_cluster,
        source=Source(0),
    )
    assert len({tuple((field, type(value)) for field, value in item.items()) for item in items}) == 1


def test_loader_gives_what_the_switch_asks() -> None:
    path = spec.task_files()["as_distribution_urn"]
    block = spec.task("as_distribution_urn").measure.model_dump()
    got = load(
        config_source=str(path), angels_share=block, as_track="toy", as_profile="pilot", as_seed=7, pretrained="x"
    )
    assert list(got) == ["test"]
    assert got["test"].to_list() == list(made("as_distribution_urn", 0, seed=7, share=1.0)[: 40 * 3])


# --- no item twice, in two seeds or in two splits --------------------------------------------------------------------


@each_case
def test_items_are_unique(task: str, level: int) -> None:
    items = made(task, level, share=FULL)
    counts = Counter(json.dumps({k: v for k, v in i.items() if k != "item_id"}, sort_keys=True) for i in items)
    assert [text for text, n in counts.items() if n > 1] == []
    assert len({i["item_id"] for i in items}) == len(items)


@each_case
def test_fresh_seed_shares_no_item(task: str, level: int) -> None:
    public = {asked(i) for i in made(task, level, share=FULL)}
    assert [told(i) for i in made(task, level, seed=1) if asked(i) in public and not is_fact(i)] == []


@each_case
def test_train_shares_no_prompt_with_test(task: str, level: int) -> None:
    """Facts about the world are exempt: a model can only know them if training taught them. Models train on level 0."""
    tested = {told(i) for i in (*made(task, level, share=FULL), *made(task, level, seed=1)) if not is_fact(i)}
    seeds, share = ((0, 1), 2.0) if level == 0 else ((0,), 1.0)
    taught = (told(i) for seed in seeds for i in made(task, level, seed, "train", share))
    assert sorted(tested.intersection(taught)) == []


# --- nothing gives the answer away -----------------------------------------------------------------------------------


def options(item: Item) -> list[str]:
    """Return the options among which a place or a length could give the answer away: all but abstaining."""
    return [c for c in item["choices"] if c != UNKNOWN]


@cache
def with_gold_among_options(task: str, level: int) -> dict[int, list[Item]]:
    """Return the items of a task that have options and an answer among them, by the number of options.

    Those of a second stage are left out: what is right of what two models wrote is up to the models.
    """
    found: dict[int, list[Item]] = {}
    measure = spec.task(task).measure
    if measure.first_stage or measure.observable in ("word_probabilities", "document_likelihood", "extraction"):
        return found
    for item in made(task, level, share=FULL):
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
    for item in made(task, level, 0, "train"):
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
    items = made(task, level, share=FULL)
    whole = len({i["stratum"] for i in items[: measure.per_cluster]}) == 1
    strata = [i["stratum"] for i in (items[:: measure.per_cluster] if whole else items)]
    facts = [s for s in strata if is_fact_stratum(s)]
    assert_balanced([s for s in strata if s not in facts])
    assert_balanced(facts)


TWO_SIDED = [task for task in TASKS if spec.task(task).measure.sides]


@pytest.mark.parametrize(("task", "level"), [(task, level) for task in TWO_SIDED for level in LEVELS])
def test_both_sides_have_their_share_of_every_profile(task: str, level: int) -> None:
    measure = spec.task(task).measure
    for share in (0.1, FULL):
        items = made(task, level, share=share)
        counts = Counter(item[str(measure.sides)] for item in items)
        assert len(counts) == 2
        assert min(counts.values()) / len(items) >= 0.25


def assert_balanced(strata: list[str]) -> None:
    counts = dict.fromkeys(strata, 0)
    for stratum in strata:
        counts[stratum] += 1
        assert max(counts.values()) - min(counts.values()) <= 1


@each_case
def test_prompts_are_short_and_options_distinct(task: str, level: int) -> None:
    longest = LONGEST_OF.get(task, LONGEST)[level] + WORKING * bool(spec.task(task).measure.first_stage and level)
    for item in made(task, level, share=FULL):
        assert len(item["prompt"].split()) <= longest
        if "choices" in item:
            assert len(set(item["choices"])) == len(item["choices"])


@each_task
def test_level_0_is_the_closed_language(task: str) -> None:
    assert len(set(VOCABULARY)) == len(VOCABULARY) < 300
    for item in made(task, 0, share=FULL):
        answers = [*item.get("choices", ()), *([item["answer"]] if "answer" in item else [])]
        words = {*item["prompt"].split(), *(word for answer in answers for word in answer.split())}
        assert words <= set(VOCABULARY), words - set(VOCABULARY)
