"""Items of second stages: golds by solvers, texts of the author that is named, and answers of any kind survived."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angels_share import spec
from angels_share.caskworld import NAMES, VOCABULARY
from angels_share.items import Item, Source, build, digest, find_generator, load_module, row_module
from angels_share.reading import steps_of
from prompt_solvers import SOLVERS

LEVELS = (0, 1, 2, 3, 4)
TASKS = sorted(name for name, task in spec.tasks().items() if task.measure.first_stage)
CLUSTERS = 72
AUTHORS = ("teacher", "student")
ROLLOUT, URN_CROSS = row_module("process", "rollout"), row_module("distribution", "cross")
CROSS = row_module("process", "cross")

each_task = pytest.mark.parametrize("name", TASKS)
each_level = pytest.mark.parametrize("level", LEVELS)

GARBAGE = (
    "", " ", "\n\t", "step", "answer", "answer:", "step 1:", "step 1: step 2: step 3:", "7", "oak", "((", "\x00",
    "\ud800 oak", "answer: 5 step 1 oak answer: oak", "step 999999999999 oak", "Ω ≠ ½", "x" * 5000, "oak " * 3000,
    "step 1: 3\n" * 500, "answer 8 step 1 " * 300, "no steps at all, and no answer", "4 + 5 = 9\n\n\n", '"', "\\", "-",
)  # fmt: skip


def first_stage(name: str, level: int, n: int) -> tuple[Item, ...]:
    task = spec.task(str(spec.task(name).measure.first_stage))
    generator = find_generator(spec.task_files()[task.name].parent, task.measure.generator)
    return tuple(generator(Source(0), level, n))


@cache
def made(name: str, level: int, seed: int = 0, split: str = "test", clusters: int = CLUSTERS) -> tuple[Item, ...]:
    measure = spec.task(name).measure
    generator = find_generator(spec.task_files()[name].parent, measure.generator)
    return tuple(generator(Source(seed, split), level, clusters * measure.per_cluster))


def of_answers(name: str, level: int, answered: list[tuple[Item, dict[str, list[str]]]]) -> list[Item]:
    """Return the items that answers give, as the loader builds them."""
    measure = spec.task(name).measure
    module = load_module(spec.task_files()[name].parent / f"{measure.generator.partition('.')[0]}.py")
    return build(
        lambda source, of_level, _: list(module.of_answers(source, of_level, answered)),
        levels=[level],
        clusters=len(answered),
        per_cluster=measure.per_cluster,
        source=Source(0),
    )


def clusters(name: str, level: int) -> list[tuple[Item, ...]]:
    items, size = made(name, level), spec.task(name).measure.per_cluster
    return [items[k : k + size] for k in range(0, len(items), size)]


def own_part(item: Item) -> str:
    """Return the last problem of a prompt, without examples before it and the form that is asked for."""
    return re.sub(r"\nWrite each step[^\n]*", "", item["prompt"].split("\n\n")[-1])


def question_of(item: Item) -> str:
    """Return the problem of a prompt as the solvers read it."""
    text = own_part(item)
    if item["level"]:
        return text.removeprefix("Question: ").split("\n")[0]
    text = re.split(r" (?:step|answer)\b", text.removeprefix("check "))[0]
    return text if item["family"] == "hops" else f"{text} is"


def results(family: str, question: str) -> list[str]:
    """Return what each step of a problem arrives at, from its text alone."""
    if family == "addition":
        numbers = [int(n) for n in re.findall(r"\d+", question)]
        return [str(sum(numbers[: k + 2])) for k in range(len(numbers) - 1)]
    if family == "stack":
        moves = re.findall(r"(?:push|put) \w+|pop|take one off", question)
        return [SOLVERS["stack"](", ".join(moves[: k + 1])) for k in range(len(moves))]
    steps = int(re.findall(r"(?:after|go) (\d+)", question)[0])
    again = [re.sub(r"(after|go) \d+( steps?)?", rf"\1 {k + 1}\2", question) for k in range(steps)]
    return [SOLVERS["hops"](re.sub(r"(after \d+) steps?", r"\1 steps", text)) for text in again]


# --- all of them -----------------------------------------------------------------------------------------------------


@each_task
@each_level
def test_same_answers_same_items_and_smaller_profiles_are_prefixes(name: str, level: int) -> None:
    again, size = made.__wrapped__(name, level), spec.task(name).measure.per_cluster
    assert digest(again) == digest(made(name, level)) != digest(made(name, level, seed=1))
    assert made.__wrapped__(name, level, clusters=10) == made(name, level)[: 10 * size]


@each_task
def test_all_levels_have_the_same_fields(name: str) -> None:
    shapes = {tuple((k, type(v)) for k, v in item.items()) for level in LEVELS for item in made(name, level)}
    assert len(shapes) == 1


@each_task
@each_level
def test_strata_are_balanced_within_clusters_and_families_take_turns(name: str, level: int) -> None:
    for cluster in clusters(name, level):
        assert len({item["cluster_id"] for item in cluster}) == 1
        assert len({item["stratum"] for item in cluster}) == len(cluster)
    field = "family" if "family" in made(name, level)[0] else "stratum"
    kinds = Counter(cluster[0][field] for cluster in clusters(name, level))
    assert len(kinds) == 3
    assert len(set(kinds.values())) == 1


@each_task
def test_level_0_is_the_closed_language(name: str) -> None:
    for item in made(name, 0):
        assert {word for text in (item["prompt"], *item["choices"]) for word in text.split()} <= set(VOCABULARY)
        assert len(f"{item['prompt']} {item['choices'][-1]}".split()) <= 64


@each_task
@each_level
@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_any_answer_gives_items(name: str, level: int, text: str) -> None:
    check_survival(name, level, [text] * 8, [text])


@each_task
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_arbitrary_answers_give_items(name: str, data: st.DataObject) -> None:
    words = st.sampled_from(["step", "answer", ":", "1", "2", "step 1:", "\n", " ", "oak", "ash", "12", "=", "."])
    texts = st.lists(st.text() | st.lists(words, max_size=30).map(" ".join), max_size=4)
    check_survival(name, data.draw(st.sampled_from(LEVELS)), data.draw(texts), data.draw(texts))


def check_survival(name: str, level: int, teacher: list[str], student: list[str]) -> None:
    firsts = first_stage(name, level, 3)
    items = of_answers(name, level, [(item, {"teacher": teacher, "student": student}) for item in firsts])
    assert len(items) == 3 * spec.task(name).measure.per_cluster
    assert digest(items)
    for item in items:
        assert len(item["prompt"]) <= max(len(first["prompt"]) for first in firsts) + 2 * ROLLOUT.LONGEST
        assert all(choice.strip() == choice != "" for choice in item["choices"])
        assert len(set(item["choices"])) == len(item["choices"])
        assert len(item["choices"][-1]) <= ROLLOUT.LONGEST
        assert 0 <= item["gold"] < len(item["choices"])


@pytest.mark.parametrize("name", [name for name in TASKS if "process" in name])
@each_level
def test_texts_are_the_named_authors(name: str, level: int) -> None:
    answered = []
    for item in first_stage(name, level, 9):
        right = item["answer"]
        answered.append((item, {author: [f"by{author} {right}"] * 8 for author in AUTHORS}))
    for item in of_answers(name, level, answered):
        found = set(re.findall("by(teacher|student)", " ".join([item["prompt"], *item["choices"]])))
        assert found <= {item["author"]}
        assert found or item["stratum"].startswith("cut")


@each_task
def test_prompts_of_both_splits_and_seeds_differ(name: str) -> None:
    public = {own_part(item) for item in made(name, 0)}
    for seed, split in ((1, "test"), (0, "train"), (1, "train")):
        assert public.isdisjoint(own_part(item) for item in made(name, 0, seed, split))


# --- self-verification -----------------------------------------------------------------------------------------------


@each_level
def test_verdicts_are_those_of_a_solver(level: int) -> None:
    for item in made("as_process_selfverify", level):
        working = re.split(r"\n(?:Is that|The answer is)| is$", own_part(item))[0]
        said = re.findall(r"answer:? (\w+)", working)[-1]
        right = said == SOLVERS[item["family"]](question_of(item))
        assert item["choices"][item["gold"]] == ("right" if right else "wrong"), item["prompt"]


@each_level
def test_both_verdicts_at_every_size(level: int) -> None:
    items = made("as_process_selfverify", level)
    assert 0.35 < sum(item["gold"] for item in items) / len(items) < 0.65
    by_size: dict[tuple[str, int], set[int]] = {}
    for item in items:
        by_size.setdefault((item["family"], len(results(item["family"], question_of(item)))), set()).add(item["gold"])
    assert sum(golds == {0, 1} for golds in by_size.values()) >= 0.7 * len(by_size)
    assert {frozenset(g) for (family, _), g in by_size.items() if family != "stack"} == {frozenset({0, 1})}


def test_examples_of_verdicts_are_right() -> None:
    for item in made("as_process_selfverify", 1):
        *shots, _ = item["prompt"].split("\n\n")
        found = []
        for shot in shots:
            question, _, working = shot.removeprefix("Question: ").partition("\n")
            right = steps_of(working.split("\nThe answer")[0]).answer == SOLVERS[item["family"]](question)
            assert working.endswith(f"\nThe answer is {'right' if right else 'wrong'}.")
            found.append(right)
        assert sorted(found) == [False, True]


def test_a_working_without_an_answer_is_wrong() -> None:
    item = first_stage("as_process_selfverify", 1, 1)[0]
    texts = {"teacher": ["4 + 5 = 9"], "student": [item["answer"]]}
    assert [i["gold"] for i in of_answers("as_process_selfverify", 1, [(item, texts)])] == [1, 0]


# --- on-policy faithfulness ------------------------------------------------------------------------------------------


@each_level
def test_tellings_show_what_they_say(level: int) -> None:
    cue = " answer" if level == 0 else "\nanswer:"
    for cluster in clusters("as_process_faith_onpolicy", level):
        assert len({str(item["choices"]) for item in cluster}) == 1
        alone, *told = cluster
        assert (alone["author"], alone["variant"]) == ("nobody", "cut 0")
        assert SOLVERS[alone["family"]](question_of(alone)) == alone["choices"][alone["gold"]]
        assert alone["mistaken"] != alone["gold"]
        for author in AUTHORS:
            by = {item["variant"]: item["prompt"].removesuffix(cue) for item in told if item["author"] == author}
            whole = by["full"]
            steps = steps_of(own_part({"prompt": whole})).steps
            for variant, quarters in (("cut 25", 1), ("cut 50", 2), ("cut 75", 3), ("full", 4)):
                assert whole.startswith(by[variant])
                assert len(steps_of(own_part({"prompt": by[variant]})).steps) == len(steps) * quarters // 4
            wrong = alone["choices"][alone["mistaken"]]
            changed = steps_of(own_part({"prompt": by["corrupted"]})).steps
            assert changed[:-1] == steps[:-1]
            assert re.findall(r"\d+|[a-z]+", changed[-1].text.removesuffix(" on top"))[-1] == wrong


def test_the_working_told_is_the_first_with_a_step() -> None:
    item = first_stage("as_process_faith_onpolicy", 0, 1)[0]
    texts = {"teacher": ["", item["answer"]], "student": ["", " "]}
    items = of_answers("as_process_faith_onpolicy", 0, [(item, texts)])
    whole = {i["author"]: i["prompt"] for i in items if i["variant"] == "full"}
    assert whole["teacher"] == f"{item['prompt']} {item['answer'].rsplit(' answer', 1)[0]} answer"
    assert whole["student"] == f"{item['prompt']} answer"


# --- cross-scoring of workings ---------------------------------------------------------------------------------------


@each_level
def test_beginnings_are_of_the_working_and_end_at_marks(level: int) -> None:
    answered = ROLLOUT.made_up(Source(0), level, CLUSTERS)
    for (first, said), cluster in zip(answered, clusters("as_process_cross", level), strict=True):
        for item in cluster[:2]:
            text = said[item["author"]][0]
            assert (item["kind"], item["drawn"], item["prompt"]) == ("steps", True, first["prompt"])
            assert item["choices"][-1] == text
            assert len(item["choices"]) == item["steps"] + 1 == len(first["steps"]) + 1
            *marked, _ = item["choices"]
            for k, choice in enumerate(marked):
                assert text.startswith(choice)
                mark = f"step {k + 2}" if k + 1 < len(marked) else "answer"
                assert choice.endswith(mark if level == 0 else f"{mark}:")


@each_level
def test_right_next_steps_by_a_solver(level: int) -> None:
    for cluster in clusters("as_process_cross", level):
        for item in cluster[2:]:
            wanted = results(item["family"], question_of(cluster[0]))
            assert (item["kind"], item["steps"]) == ("next", len(wanted))
            (option,) = item["choices"]
            last = item["shown"] == len(wanted)
            assert re.findall(r"\w+", option.removesuffix(" on top"))[-1] == [*wanted, wanted[-1]][item["shown"]]
            cue = "answer" if last else f"step {item['shown'] + 1}"
            assert item["prompt"].endswith(cue if level == 0 else f"\n{cue}:")
            assert len([step for step in steps_of(own_part(item)).steps if step.text]) == item["shown"]


@each_level
def test_shown_steps_take_turns(level: int) -> None:
    shown: dict[tuple[str, int], Counter[int]] = {}
    for item in made("as_process_cross", level, clusters=200):
        if item["kind"] == "next":
            shown.setdefault((item["family"], item["steps"]), Counter())[item["shown"]] += 1
    for (family, steps), counts in shown.items():
        assert set(counts) <= set(range(1, steps + 1))
        if family != "stack" and sum(counts.values()) > 4 * steps:
            assert set(counts) == set(range(1, steps + 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9 step 2 12 answer 12", ["9 step 2", "9 step 2 12 answer", "9 step 2 12 answer 12"]),
        ("9 answer 12 step 1 3 answer 4", ["9 answer", "9 answer 12"]),
        ("9 and so on", ["9 and so on"]),
        ("answer: 5\nand more", ["answer:", "answer: 5"]),
        ("answer", ["answer"]),
        ("9\nstep 2:  ", ["9\nstep 2:"]),
    ],
)
def test_beginnings_by_hand(text: str, expected: list[str]) -> None:
    assert CROSS.beginnings(text) == expected


def test_the_longest_right_working_is_scored_to_its_answer() -> None:
    longest = max(first_stage("as_process_cross", 4, 400), key=lambda item: len(item["steps"]))
    assert CROSS.beginnings(longest["answer"])[-1] == longest["answer"]
    assert len(CROSS.beginnings("1 " + " ".join(f"step {k} 1" for k in range(2, 90)))) == CROSS.MOST_STEPS


def test_short_workings_ask_for_the_step_after_them() -> None:
    first = next(item for item in first_stage("as_process_cross", 3, 30) if item["stratum"] == "hops")
    for text, told in (("", 0), ("oak to ash", 1), ("answer: oak", 0)):
        items = of_answers("as_process_cross", 3, [(first, {"teacher": [text], "student": [first["answer"]]})])
        steps, following = items[0], items[2]
        assert steps["drawn"] == bool(text)
        assert steps["choices"][-1] == (text or first["answer"])
        assert following["shown"] == told
        assert following["prompt"] == first["prompt"] + f" {text}\nstep 2:" * told
        assert following["choices"][0].endswith(f" to {first['steps'][told]}")


# --- cross-scoring of draws ------------------------------------------------------------------------------------------


@each_level
def test_draws_are_counted_for_their_author(level: int) -> None:
    firsts = first_stage("as_distribution_cross", level, 3)
    answered: list[Any] = []
    for item in firsts:
        own = item["choices"]
        texts = [f" {own[0]}, {own[1]}", own[0], "Zeal is", "", "**", own[1].title()]
        answered.append((item, {"teacher": texts, "student": ["", "\n", own[2], "Zeal", f"{own[2]}.", "zoo"]}))
    for first, item in zip(firsts, of_answers("as_distribution_cross", level, answered), strict=True):
        own = first["choices"]
        assert item["prompt"] == first["prompt"]
        assert item["own"] == len(own)
        assert item["choices"] == [*own, "Zeal", "**", own[1].title(), "zoo"]
        ours, theirs = (
            Counter({own[0]: 2, "Zeal": 1, "**": 1, own[1].title(): 1}),
            Counter({own[2]: 2, "Zeal": 1, "zoo": 1}),
        )
        assert item["by_teacher"] == [*(ours[c] for c in item["choices"]), 1]
        assert item["by_student"] == [*(theirs[c] for c in item["choices"]), 2]


def test_what_is_offered_is_bounded() -> None:
    first = first_stage("as_distribution_cross", 0, 1)[0]
    words = [f"w{k}" for k in range(20)]
    (item,) = of_answers("as_distribution_cross", 0, [(first, {"teacher": [*words, "w7"], "student": ["w7", "w9"]})])
    others = item["choices"][item["own"] :]
    assert others == ["w7", "w9", "w0", "w1", "w10", "w11", "w12", "w13"]
    assert len(others) == URN_CROSS.MOST_OTHERS
    assert (sum(item["by_teacher"]), sum(item["by_student"])) == (21, 2)
    assert (item["by_teacher"][-1], item["by_student"][-1]) == (12, 0)


def test_made_up_draws_are_of_all_kinds() -> None:
    items = made("as_distribution_cross", 0)
    assert any(item["by_teacher"][-1] for item in items)
    assert any(len(item["choices"]) > item["own"] for item in items)
    assert all(set(item["choices"]) <= set(NAMES) for item in items)
    assert all(sum(item["by_teacher"]) == sum(item["by_student"]) == URN_CROSS.REPEATS for item in items)
