"""Items of the row *process*: every working redone by a solver that reads only the prompt, and known differences."""

from __future__ import annotations

import re
from collections import Counter

import pytest

import task_items
from angels_share import spec
from angels_share.caskworld import NAMES
from angels_share.items import Item
from angels_share.observables import get_utility, observe
from angels_share.reading import leading_valid, steps_of, whole_text
from prompt_solvers import SOLVERS

LEVELS = (0, 1, 2, 3, 4)
TASKS = ("verify", "verify_text", "faith", "recover", "rollout")
FAMILIES = ("sum", "list", "stack", "rewrite")

each_level = pytest.mark.parametrize("level", LEVELS)

State = list[str]


def made(task: str, level: int) -> tuple[Item, ...]:
    return task_items.made(f"as_process_{task}", level)


def clusters(task: str, level: int) -> list[tuple[Item, ...]]:
    items, size = made(task, level), spec.task(f"as_process_{task}").measure.per_cluster
    return [items[k : k + size] for k in range(0, len(items), size)]


# --- a solver of workings --------------------------------------------------------------------------------------------

OPENINGS = {
    "sum": r"^(?:total ([\d ]+)|start with (\d+))$",
    "list": r"^(?:first ([a-z ]+) last|the row is ([a-z, ]+))$",
    "stack": r"^(?:top ([\d ]+)|the stack is ([\d, ]+), the top first)$",
    "rewrite": r"^(?:go ([a-z ]+)|the words are ([a-z, ]+))$",
}
MOVES = {
    "sum": (
        (r"(?:add )?(\d+)", lambda s, n: [str(int(s[0]) + int(n))]),
        (r"take away (\d+)", lambda s, n: [str(int(s[0]) - int(n))]),
        (r"multiply by (\d+)", lambda s, n: [str(int(s[0]) * int(n))]),
    ),
    "list": (
        (r"(?:push|put) (\w+) first", lambda s, x: [x, *s]),
        (r"(?:push|put) (\w+) last", lambda s, x: [*s, x]),
        (r"(?:pop|drop the) first", lambda s: s[1:]),
        (r"(?:pop|drop the) last", lambda s: s[:-1]),
        (r"turn the row around", lambda s: s[::-1]),
    ),
    "stack": (
        (r"push (\d+)", lambda s, n: [n, *s]),
        (r"pop|drop the top", lambda s: s[1:]),
        (r"total|add the top two", lambda s: [str(int(s[0]) + int(s[1])), *s[2:]]),
    ),
    "rewrite": ((r"(?:change )?(\w+) to (\w+)", lambda s, x, y: [y if w == x else w for w in s]),),
}


def states(problem: str) -> tuple[str, list[State]]:
    """Return the family of a problem, and its state before the first step and after each."""
    if problem.endswith("."):
        start, rest = problem.lower().rstrip(".").split(". ")
        told = rest.split(", ")
    else:
        start, *told = problem.split(" , ")
    family, hit = next((f, h) for f, pattern in OPENINGS.items() if (h := re.match(pattern, start)))
    found = [re.split(r",? ", next(group for group in hit.groups() if group))]
    for move in told:
        act, args = next((act, h.groups()) for p, act in MOVES[family] if (h := re.fullmatch(p, move)))
        found.append(act(found[-1], *args))
    return family, found


def problem_of(text: str) -> str:
    """Return the problem of a text, without what is asked about it."""
    if "\n" not in text and not text.endswith("."):
        text = re.split(r" (?:step|answer|is \w+ or not)\b", text.removeprefix("check "))[0]
        return re.sub(r"( ,)+$", "", text)
    return re.sub(r"( Wh[^?]+\?.*)$", "", text.split("\n")[0])


def follows(family: str, before: State, after: State, problem: str, k: int) -> bool:
    """Tell whether step k of a problem makes one state of another."""
    told = problem.lower().rstrip(".").split(". ")[1].split(", ") if problem.endswith(".") else problem.split(" , ")[1:]
    act, args = next((act, h.groups()) for p, act in MOVES[family] if (h := re.fullmatch(p, told[k])))
    return bool(act(before, *args) == after)


def written(text: str) -> list[State]:
    """Return the states that the steps of a text write down."""
    return [re.split(r",? ", step.text.rpartition("= ")[2].removesuffix(" is")) for step in steps_of(text).steps]


def first_wrong(problem: str, shown: list[State]) -> int:
    """Return the number of the first step that does not follow from the one before, 0 if all do."""
    family, right = states(problem)
    wrong = [
        k + 1
        for k, (before, after) in enumerate(zip([right[0], *shown], shown, strict=False))
        if not follows(family, before, after, problem, k)
    ]
    assert len(wrong) <= 1, "later steps follow from the slip"
    return wrong[0] if wrong else 0


def own_part(item: Item) -> str:
    """Return the last problem of a prompt, without examples and rules before it."""
    return str(item["prompt"].split("\n\n")[-1])


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_all_levels_have_the_same_fields(task: str) -> None:
    shapes = {tuple((k, type(v)) for k, v in item.items()) for level in LEVELS for item in made(task, level)}
    assert len(shapes) == 1


@pytest.mark.parametrize("task", TASKS)
@each_level
def test_prompts_are_as_short_as_their_level_asks(task: str, level: int) -> None:
    longest = {0: 64, 1: 150, 2: 150, 3: 1000, 4: 1000}[level]
    for item in made(task, level):
        assert len(item["prompt"].split()) <= longest
        assert level > 0 or len(item.get("answer", "").split()) <= 64


# --- verify ----------------------------------------------------------------------------------------------------------


@each_level
def test_verdicts_are_right_and_errors_where_they_are_said(level: int) -> None:
    for item in made("verify", level):
        text = own_part(item)
        shown = written(text.split("\nIs every")[0].split("\nThe working")[0])
        assert len(shown) == item["steps"]
        assert item["error"] == first_wrong(problem_of(text), shown), item["prompt"]
        assert item["choices"][item["gold"]] == ("wrong" if item["error"] else "right")


@each_level
def test_pairs_differ_from_the_slip_on(level: int) -> None:
    places: Counter[int] = Counter()
    for clean, wrong in clusters("verify", level):
        assert (clean["error"], wrong["error"] > 0) == (0, True)
        assert {k: clean[k] for k in ("cluster_id", "stratum", "choices")} == {
            k: wrong[k] for k in ("cluster_id", "stratum", "choices")
        }
        one, two = (written(own_part(item).split("\nIs every")[0].split("\nThe w")[0]) for item in (clean, wrong))
        differ = [k + 1 for k, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
        assert differ[0] == wrong["error"]
        assert [len(a) for a in one] == [len(b) for b in two]
        places[wrong["error"]] += 1
    assert set(places) == set(range(1, made("verify", level)[0]["steps"] + 1))
    assert max(places.values()) - min(places.values()) <= len(FAMILIES)


@each_level
def test_text_twins_ask_the_same(level: int) -> None:
    for item, twin in zip(made("verify", level), made("verify_text", level), strict=True):
        assert {k: twin[k] for k in item if k not in ("choices", "gold")} == {
            k: v for k, v in item.items() if k not in ("choices", "gold")
        }
        assert (twin["final"], twin["candidates"]) == (item["choices"][item["gold"]], item["choices"])
    answers = [[item["answer"]] for item in made("verify_text", level)]
    seen = observe("verdict", made("verify_text", level), answers)
    assert get_utility("right_verdict").of(made("verify_text", level), seen).min() == 1
    assert seen.features is not None
    assert seen.features[:, 0].tolist() == [item["error"] for item in made("verify_text", level)]


def test_examples_of_verdicts_are_right() -> None:
    for item in made("verify", 1)[::2]:
        *shots, _ = item["prompt"].split("\n\n")
        found = []
        for shot in shots:
            working, _, said = shot.partition("\nThe working is ")
            error = first_wrong(problem_of(shot), written(working))
            assert said == (f"wrong in step {error}." if error else "right.")
            found.append(error > 0)
        assert sorted(found) == [False, True]


# --- faith -----------------------------------------------------------------------------------------------------------


@each_level
def test_options_of_a_question(level: int) -> None:
    places: Counter[int] = Counter()
    for cluster in clusters("faith", level):
        by = {item["variant"]: item for item in cluster}
        assert len(by) == len({item["prompt"] for item in cluster}) == 9
        whole = by["full"]
        family, right = states(problem_of(own_part(whole)))
        assert family == whole["family"]
        choices, gold = whole["choices"], whole["gold"]
        assert choices[gold] == right[-1][0]
        assert len({gold, whole["mistaken"], whole["hinted"]}) == 3
        for item in cluster:
            assert {k: item[k] for k in ("choices", "gold", "mistaken", "hinted", "error")} == {
                k: whole[k] for k in ("choices", "gold", "mistaken", "hinted", "error")
            }
            taught = {k for k, p in enumerate(item["truth"]) if p}
            assert taught == ({gold, item["mistaken"]} if item["variant"] == "corrupted" else {gold})
        slipped = written(own_part(by["corrupted"]).removesuffix(" answer"))
        assert slipped[-1][0] == choices[whole["mistaken"]]
        assert first_wrong(problem_of(own_part(whole)), slipped) == whole["error"]
        places[gold] += 1
    assert max(places.values()) - min(places.values()) <= 6


@each_level
def test_tellings_show_what_they_say(level: int) -> None:
    for cluster in clusters("faith", level):
        by = {item["variant"]: own_part(item) for item in cluster}
        _, right = states(problem_of(by["full"]))
        steps = len(right) - 1
        for variant, quarters in (("cut 0", 0), ("cut 25", 1), ("cut 50", 2), ("cut 75", 3), ("full", 4), ("hint", 4)):
            shown = written(by[variant].removesuffix(" answer"))
            assert shown == right[1 : 1 + steps * quarters // 4]
        hint = re.search(r" is (\w+) or not | I think the answer is (\w+)\.", by["hint"])
        assert hint
        assert (hint[1] or hint[2]) == cluster[0]["choices"][cluster[0]["hinted"]]
        plain = by["hint"].replace(hint[0], " " if level == 0 else "")
        assert plain == by["full"]
        assert not steps_of(by["paraphrase"]).steps
        told = [", ".join(state) if level else " ".join(state) for state in right[1:]]
        at = -1
        for state in told:
            at = by["paraphrase"].find(state, at + 1)
            assert at > 0
        length = len(by["full"].split()) - len(by["cut 0"].split())
        assert len(by["filler"].split()) == len(by["full"].split())
        assert Counter(by["filler"].split())["..." if level else ","] >= length


# --- recover ---------------------------------------------------------------------------------------------------------


@each_level
def test_beginnings_checks_and_continuations(level: int) -> None:
    for slipped, clean in clusters("recover", level):
        assert slipped["error"] > 0 == clean["error"]
        assert (slipped["final"], slipped["check"]) == (clean["final"], clean["check"])
        for item in (slipped, clean):
            text = own_part(item)
            problem = problem_of(text)
            _, right = states(problem)
            begun = re.split(r"\ncheck:| check \d| ,$", text.rstrip("\n").removesuffix(" ,"))[0]
            shown = written(begun)
            assert first_wrong(problem, shown) == item["error"]
            assert item["final"] == right[-1][0]
            check = re.search(r"check(?:: step)? (\d+) is ([\w, ]+?)(?: ,)?\n?$", text)
            assert bool(check) == item["check"]
            if check:
                assert int(check[1]) == slipped["error"]
                assert re.split(r",? ", check[2]) == right[int(check[1])]
            flagged = re.match(r"wrong step (\d+)\b", item["answer"])
            assert (int(flagged[1]) if flagged else 0) == item["error"]
            rest = written(item["answer"].removeprefix(flagged[0] if flagged else ""))
            assert rest == right[item["error"] if flagged else len(shown) + 1 :]
            assert item["candidates"] == [] or item["final"] in item["candidates"]
            assert set(item["candidates"]) <= set(NAMES)
    checked = sum(item["check"] for item in made("recover", level))
    assert abs(checked - len(made("recover", level)) / 2) <= 8


@each_level
def test_right_continuations_are_read_as_right(level: int) -> None:
    items = made("recover", level)
    seen = observe("final_answer", items, [[item["answer"]] for item in items])
    assert get_utility("final_right").of(items, seen).min() == 1
    assert seen.features is not None
    assert seen.features[:, 0].tolist() == [float(item["error"] > 0) for item in items]


# --- rollout ---------------------------------------------------------------------------------------------------------


def question_of(item: Item) -> str:
    if item["level"]:
        return str(item["prompt"].rpartition("Question: ")[2].split("\n")[0])
    text = item["prompt"].removesuffix(" step 1")
    return text if item["stratum"] == "hops" else f"{text} is"


@each_level
def test_right_workings_are_right(level: int) -> None:
    items = made("rollout", level)
    for item in items:
        assert item["final"] == SOLVERS[item["stratum"]](question_of(item)) == item["steps"][-1]
        assert item["choices"][item["gold"]] == item["final"]
        assert len(set(item["choices"])) == 4
        working = steps_of(whole_text(item, item["answer"]))
        assert working.answer == item["final"]
        assert leading_valid(item, working) == len(item["steps"]) == len(working.steps)
        assert item["candidates"] == [] or set(item["choices"]) <= set(item["candidates"])
    seen = observe("final_counts", items, [[item["answer"]] * 8 for item in items])
    assert get_utility("share_right").of(items, seen).min() == 1


@each_level
def test_steps_are_those_of_the_problem(level: int) -> None:
    for item in made("rollout", level):
        question, steps = question_of(item), item["steps"]
        if item["stratum"] == "addition":
            numbers = [int(n) for n in re.findall(r"\d+", question)]
            assert [int(s) for s in steps] == [sum(numbers[: k + 2]) for k in range(len(numbers) - 1)]
        elif item["stratum"] == "hops":
            again = [re.sub(r"(after|go) \d+ ?", rf"\1 {k + 1} ", question) for k in range(len(steps))]
            fixed = [re.sub(r"(after \d+) steps?", r"\1 steps", text) for text in again]
            assert steps == [SOLVERS["hops"](text) for text in fixed]
        else:
            moves = re.findall(r"(?:push|put) \w+|pop|take one off", question)
            tops = [SOLVERS["stack"](", ".join(moves[: k + 1])) for k in range(len(moves))]
            assert steps == tops


def test_worked_examples_are_right_and_new() -> None:
    for item in made("rollout", 1):
        shots = item["prompt"].split("\n\n")[:-1]
        assert len(shots) == 2
        for shot in shots:
            question, _, working = shot.removeprefix("Question: ").partition("\n")
            assert steps_of(working).answer == SOLVERS[item["stratum"]](question)
            assert question != question_of(item)
