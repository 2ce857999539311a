"""Rare classes, people who differ and little-known facts: their items, solved from the prompts alone."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

import task_items
from angels_share import spec
from angels_share.caskworld import KINDS, LANDS, NAMES, REGIONS, TOWNS
from angels_share.items import Item, package_folder
from angels_share.logs import TaskLog, document_hash
from angels_share.observables import Floats, get_utility, observe
from angels_share.observables.registry import mean_over_items
from angels_share.score.controls import CONTROLS
from angels_share.score.measurable import teacher_gap
from angels_share.score.task import measure_task
from prompt_solvers import facts as facts_of_the_world
from synthetic import SETTINGS

LEVELS = (0, 1, 2, 3, 4)
BUCKETS = ("head", "middle", "tail")
SCALE = ("awful", "poor", "fair", "good", "great")
LIKELIHOOD = ("as_tail_facts", "as_tail_rare", "as_tail_hetero")

each_level = pytest.mark.parametrize("level", LEVELS)


def made(task: str, level: int, seed: int = 0, split: str = "test", share: float = 1.0) -> tuple[Item, ...]:
    return task_items.made(f"as_tail_{task}", level, seed, split, share)


def clusters(task: str, level: int) -> list[tuple[Item, ...]]:
    items, size = made(task, level), spec.task(f"as_tail_{task}").measure.per_cluster
    return [items[k : k + size] for k in range(0, len(items), size)]


def gold(item: Item) -> str:
    return str(item["choices"][item["gold"]])


# --- rare classes ----------------------------------------------------------------------------------------------------

RECORD = {
    0: r"(?P<wood>\w+) (?P<key>\w+) (?P<label>\d+)",
    1: r"^(?P<wood>\w+) (?P<key>\w+): (?P<label>\w+)$",
    2: r"(?P<key>\w+) on (?P<wood>\w+), (?P<label>\w+)",
    3: r"^(?P<wood>\w+ from \w+), (?P<key>\w+): (?P<label>\w+)$",
    4: r"^(?P<wood>\w+ from \w+), (?P<key>\w+, \w+ hoops): (?P<label>\w+)$",
}
ASKED = {
    0: r"find (?P<wood>\w+) (?P<key>\w+)$",
    1: r"^(?P<wood>\w+) (?P<key>\w+):\Z",
    2: r"cask of (?P<wood>\w+) with the mark (?P<key>\w+)\.",
    3: r"^Next: (?P<wood>\w+ from \w+), (?P<key>\w+)$",
    4: r"^Next: (?P<wood>\w+ from \w+), (?P<key>\w+, \w+ hoops)$",
}


def records(item: Item) -> list[dict[str, str]]:
    return [m.groupdict() for m in re.finditer(RECORD[item["level"]], item["prompt"], re.MULTILINE)]


def asked(item: Item) -> dict[str, str]:
    found = re.search(ASKED[item["level"]], item["prompt"], re.MULTILINE)
    assert found, item["prompt"]
    return found.groupdict()


@each_level
def test_rare_labels_follow_from_the_examples(level: int) -> None:
    for item in made("rare", level):
        told = records(item)
        (label,) = {r["label"] for r in told if r["key"] == asked(item)["key"]}
        assert label == gold(item)
        shown = Counter(r["label"] for r in told)
        assert item["counts"] == [shown[c] for c in item["choices"]]
        assert set(shown) == set(item["choices"])
        by_key = {r["key"]: r["label"] for r in told}
        assert len(by_key) == len(set(by_key.values())) == len(shown)


@each_level
def test_rare_buckets_are_what_was_shown(level: int) -> None:
    """A third of the classes each, and the further from the head, the rarer."""
    for item in made("rare", level):
        head, middle, tail = sorted(set(item["counts"]), reverse=True)
        assert tail == 1
        assert Counter(item["counts"]) == dict.fromkeys((head, middle, tail), len(item["choices"]) // 3)
        assert item["counts"][item["gold"]] == (head, middle, tail)[BUCKETS.index(item["bucket"])]
        assert item["stratum"] == f"{item['bucket']}_classes"


@each_level
def test_casks_of_a_cellar_differ_in_what_decides_alone(level: int) -> None:
    for three in clusters("rare", level):
        assert tuple(item["bucket"] for item in three) == BUCKETS
        assert len({gold(item) for item in three}) == 3
        frames = set()
        for item in three:
            before, found, after = item["prompt"].rpartition(asked(item)["key"])
            assert found
            frames.add((before, after))
        assert len(frames) == 1


@each_level
def test_wood_tells_nothing(level: int) -> None:
    """Up to level 2 the wood was not shown; later it has no more to do with the right class than its frequency."""
    hits, expected = 0.0, 0.0
    for item in made("rare", level):
        wood = asked(item)["wood"].split()[0]
        with_it = Counter(r["label"] for r in records(item) if r["wood"].split()[0] == wood)
        if level < 3:
            assert not with_it
        hits += with_it[gold(item)]
        expected += item["counts"][item["gold"]] / len(NAMES)
    if level > 2:
        assert hits == pytest.approx(expected, abs=4 * expected**0.5)


def test_neither_mark_nor_hoops_alone_tell_at_level_4() -> None:
    for item in made("rare", 4):
        told = records(item)
        for part in (0, 1):
            one = asked(item)["key"].split(", ")[part]
            labels = {r["label"]: item["counts"][item["choices"].index(r["label"])] for r in told if one in r["key"]}
            assert len(labels) == (3, 6)[part]
            if part == 0:
                assert len(set(labels.values())) == 3


@each_level
def test_every_class_of_a_bucket_is_asked_for_in_every_place(level: int) -> None:
    for bucket in BUCKETS:
        places = Counter(i["gold"] for i in made("rare", level, share=2.0) if i["bucket"] == bucket)
        assert max(places.values()) - min(places.values()) <= len(made("rare", level)[0]["choices"]) // 3


# --- people who differ -----------------------------------------------------------------------------------------------


def preferences(item: Item) -> dict[tuple[str, str], list[Fraction]]:
    """Return the shares of the five points by person and sort, as the prompt tells them."""
    scale = list(item["choices"])
    told: dict[tuple[str, str], Counter[str]] = {}
    steps: dict[tuple[str, str], tuple[str, int]] = {}
    prompt = item["prompt"]
    if item["level"] == 0:
        for record in prompt.split(" , ")[:-1]:
            who, what, *points = record.split()
            told[who, what] = Counter(points)
    elif item["level"] == 1:
        for who, what, points in re.findall(r"(\w+) rates (\w+) casks ([\w, ]+)\.", prompt):
            told[who, what] = Counter(points.split(", "))
    else:
        for line in prompt.splitlines()[1:-2]:
            who, _, rest = line.removesuffix(".").partition(": ")
            for part in rest.split("; "):
                if found := re.fullmatch(r"(\w+) casks one step (better|worse) than (\w+) does", part):
                    steps[who, found[1]] = found[3], 1 if found[2] == "better" else -1
                elif found := re.fullmatch(r"of (\d+) (\w+) casks (.+)", part):
                    counted = re.findall(r"(\d+) (\w+)", found[3])
                    told[who, found[2]] = Counter({word: int(n) for n, word in counted})
                    assert told[who, found[2]].total() == int(found[1])
                else:
                    what, _, points = part.partition(" ")
                    told[who, what] = Counter(points.split(", "))
    shares = {key: [Fraction(c[p], c.total()) for p in scale] for key, c in told.items()}
    for (who, what), (other, step) in steps.items():
        base = shares[other, what]
        moved = [base[k - step] if 0 <= k - step < len(scale) else Fraction(0) for k in range(len(scale))]
        assert sum(moved) == 1
        shares[who, what] = moved
    return shares


def question(item: Item) -> tuple[str, str]:
    """Return who is asked about, and about which sort."""
    if item["level"] == 0:
        who, what = item["prompt"].rpartition(" , now ")[2].split()
        return who, what
    if item["level"] == 1:
        found = re.search(r"Today (\w+) tried a (\w+) cask and found it\Z", item["prompt"])
    else:
        found = re.search(r"Now (\w+) tries one more (\w+) cask\.\nAnswer: \1 finds it\Z", item["prompt"])
    assert found, item["prompt"]
    return found[1], found[2]


@each_level
def test_hetero_truth_is_what_is_told_of_the_person(level: int) -> None:
    for item in made("hetero", level):
        known = preferences(item)[question(item)]
        assert item["truth"] == [float(p) for p in known]
        assert sum(item["truth"]) == 1
        assert item["gold"] == known.index(max(known))
        assert known.count(max(known)) == 1
        assert len([p for p in known if p]) == (2 if item["stratum"] == "narrow" else 3)
        assert item["choices"] == (["1", "2", "3", "4", "5"] if level == 0 else list(SCALE))


@each_level
def test_people_of_a_panel_differ_in_their_name_alone(level: int) -> None:
    for four in clusters("hetero", level):
        people = [question(item)[0] for item in four]
        assert len(set(people)) == 4
        assert len({question(item)[1] for item in four}) == 1
        assert len({item["gold"] for item in four}) == 4
        ends = {last_part(item).replace(who, "X") for item, who in zip(four, people, strict=True)}
        assert len(ends) == 1
        assert len({item["prompt"].removesuffix(last_part(item)) for item in four}) == 1
        assert len({who for who, _ in preferences(four[0])}) == (4, 4, 10, 40, 40)[level]


def last_part(item: Item) -> str:
    """Return the end of a prompt, in which the items of a panel differ."""
    prompt = str(item["prompt"])
    if item["level"] < 2:
        return prompt[max(prompt.rfind("\n"), prompt.rfind(" , ")) :]
    return "\n".join(prompt.splitlines()[-2:])


def test_worked_examples_of_hetero_follow_what_is_told_of_another_sort() -> None:
    for item in made("hetero", 1):
        shown = re.findall(r"Today (\w+) tried a (\w+) cask and found it (\w+)\.", item["prompt"])
        assert len(shown) == len({who for who, _, _ in shown}) == 2
        for who, what, rating in shown:
            assert what != question(item)[1]
            assert preferences(item)[who, what][SCALE.index(rating)] > 0


def test_level_4_asks_about_people_who_are_told_by_others() -> None:
    for item in made("hetero", 4):
        who, what = question(item)
        assert re.search(rf"^{who}: .*{what} casks one step (better|worse) than \w+ does", item["prompt"], re.MULTILINE)


@each_level
def test_every_point_is_the_favourite_alike(level: int) -> None:
    places = Counter((i["stratum"], i["gold"]) for i in made("hetero", level))
    assert len(places) == 10
    assert max(places.values()) - min(places.values()) <= 1


def test_samples_are_drawn_of_the_same_items() -> None:
    for level in LEVELS:
        assert made("hetero_sample", level) == made("hetero", level)


# --- facts -----------------------------------------------------------------------------------------------------------


@cache
def rows() -> tuple[dict[str, Any], ...]:
    lines = (package_folder("tasks") / "boundary" / "data" / "facts.jsonl").read_text("utf-8").splitlines()
    return tuple(map(json.loads, lines))


def solve_fact(item: Item) -> str:
    if item["level"] == 0:
        asked_for, _, subject, _ = item["prompt"].split()
        if asked_for == "capital":
            return TOWNS[LANDS.index(subject)]
        if asked_for == "kind":
            return next(kind for kind, names in KINDS.items() if subject in names)
        return REGIONS[(LANDS if subject in LANDS else TOWNS).index(subject) % 4]
    text = item["prompt"].rpartition("Question: ")[2].partition("\n")[0]
    if item["level"] < 4:
        found = re.search(r"(?:the capital|the city|the atomic number) of (.+)\?", text)
        assert found, text
        return facts_of_the_world()[found[1]]
    named = {name: str(r["answer"]) for r in rows() for name in r["other_names"]}
    inside = [name for name in named if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    assert inside, text
    return named[max(inside, key=len)]


@each_level
def test_facts_are_right_and_priors_say_nothing(level: int) -> None:
    opening = ("is", "Answer:", *["Answer: The answer is"] * 3)[level]
    for one, prior in clusters("facts", level):
        assert gold(one) == gold(prior) == solve_fact(one)
        assert one["truth"] == [float(k == one["gold"]) for k in range(4)]
        assert prior["truth"] == [0.25] * 4
        assert prior["prompt"] == opening
        assert one["prompt"].endswith(opening)
        assert (one["part"], prior["part"]) == ("question", "prior")
        same = ("choices", "gold", "cluster_id", "pair", "bucket", "stratum", "level")
        assert [one[field] for field in same] == [prior[field] for field in same]
        assert one["stratum"].endswith(f"_{one['bucket']}")


def test_each_pair_is_asked_once() -> None:
    for level in LEVELS:
        assert set(Counter(i["pair"] for i in made("facts", level, share=2.0)).values()) == {2}


def test_worked_examples_of_facts_are_right_and_well_known() -> None:
    famous = {(str(r["subject"]), str(r["answer"])) for r in rows() if r["fame"] == "head"}
    for item in made("facts", 1):
        if item["part"] == "question":
            shown = re.findall(r"(?:of|of the city of) ([^?]+)\?\nAnswer: (.+)\n", item["prompt"])
            assert len(set(shown)) == 4
            assert set(shown) <= famous
            assert not {answer for _, answer in shown} & set(item["choices"])


@each_level
def test_thirds_of_fame_are_balanced_within_kinds(level: int) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for item in made("facts", level):
        counts[item["stratum"].partition("_")[0]][item["bucket"]] += 1
    for of_kind in counts.values():
        assert set(of_kind) == set(BUCKETS)
        assert max(of_kind.values()) - min(of_kind.values()) <= 2


# --- nothing is won by ignoring the item -----------------------------------------------------------------------------


def answers(item: Item, skill: float, rng: np.random.Generator) -> list[float]:
    """Return log-likelihoods near the truth, in more or less noise; rare options are less likely beforehand."""
    n = len(item["choices"])
    truth = np.array(item.get("truth") or [float(k == item["gold"]) for k in range(n)])
    noise = rng.dirichlet(np.ones(n))
    return [float(v) for v in np.log(skill * truth + (1 - skill) * noise + 1e-6)]


def log_of(task: str, level: int, skill: float, seed: int = 0) -> TaskLog:
    items, rng = made(task.removeprefix("as_tail_"), level, share=0.4), np.random.default_rng(seed)
    logs = np.array([answers(item, skill, rng) for item in items])
    return TaskLog(spec.task(task), SETTINGS, items, tuple(map(document_hash, items)), log_likelihoods=logs)


def loss(teacher: TaskLog, student: TaskLog) -> float:
    found = measure_task(teacher, student, 100).score
    assert found.loss is not None
    assert len(found.statistics) == len(teacher.spec.measure.statistics) - (teacher.spec.name == "as_tail_hetero")
    return found.loss.value


@pytest.mark.parametrize("task", LIKELIHOOD)
@pytest.mark.parametrize("level", [0, 2])
def test_only_who_reads_the_item_keeps_anything(task: str, level: int) -> None:
    teacher = log_of(task, level, 0.8)
    assert teacher_gap(teacher) is None
    assert loss(teacher, teacher) == 0
    for control in ("constant", "uniform", "shuffled"):
        assert loss(teacher, CONTROLS[control](teacher)) >= 0.9, control
    found = measure_task(teacher, CONTROLS["oracle"](teacher), 100).score
    assert found.net_correction is not None
    assert found.net_correction.value > 0
    near, far = (loss(teacher, log_of(task, level, skill, seed=1)) for skill in (0.7, 0.4))
    assert 0 < near < far


def test_naming_the_frequent_classes_pays_nothing() -> None:
    """Who answers by how often a label was shown is right as often as chance, and loses everything."""
    teacher = log_of("as_tail_rare", 2, 0.8)
    counts: Floats = np.array([item["counts"] for item in teacher.items], dtype=np.float64)
    student = TaskLog(teacher.spec, SETTINGS, teacher.items, teacher.doc_hash, log_likelihoods=np.log(counts / 99))
    found = measure_task(teacher, student, 100).score
    assert found.student_level is not None
    assert found.loss is not None
    assert found.student_level.value == pytest.approx(1 / 12)
    assert found.loss.value >= 0.9


def test_one_voice_for_everybody_loses_everything() -> None:
    """Who gives each person of a panel the panel's average has heard the panel and lost its people."""
    teacher = log_of("as_tail_hetero", 2, 1.0)
    q = observe("option_distribution", teacher.items, np.asarray(teacher.log_likelihoods)).values
    average = q.reshape(-1, 4, 5).mean(axis=1).repeat(4, axis=0)
    student = TaskLog(teacher.spec, SETTINGS, teacher.items, teacher.doc_hash, log_likelihoods=np.log(average))
    found = measure_task(teacher, student, 100).score
    assert found.loss is not None
    assert found.loss.value > 0.8
    (share,) = [s for s in found.statistics if s.name == "between_person_share"]
    assert share.teacher is not None
    assert share.student is not None
    assert share.teacher.value > 0.6
    assert share.student.value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("task", LIKELIHOOD)
def test_lm_eval_prints_the_mean_of_the_utility(task: str) -> None:
    teacher = log_of(task, 1, 0.8)
    utility = get_utility(str(teacher.spec.measure.utility))
    logs = np.asarray(teacher.log_likelihoods)
    expected = utility.of(teacher.items, observe(utility.observable, teacher.items, logs)).mean()
    entries = [
        utility(item, [(float(v), False) for v in row])["utility"]
        for item, row in zip(teacher.items, logs, strict=True)
    ]
    printed = mean_over_items(entries) if utility.joint else np.mean(entries)
    assert printed == pytest.approx(expected, abs=1e-12)
