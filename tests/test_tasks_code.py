"""Items of the code task: each solved from its prompt alone, by a stack machine and a reading of the words of its own.

Python functions of the items are written by this project's generator, so these tests may run them in CPython.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import pytest

from angels_share import spec
from angels_share.caskworld import NAMES
from angels_share.items import Item, Source, Stream
from angels_share.logs import TaskLog
from angels_share.observables import get_utility, observe
from angels_share.observables.code import behaviour
from angels_share.score.controls import CONTROLS
from angels_share.score.task import measure_task
from synthetic import SETTINGS, noisy
from task_items import generated

TASK = "as_applied_code"
STRATA = ("debug", "hidden", "testgen", "failed")

each_level = pytest.mark.parametrize("level", [0, 1, 2, 3, 4])


@cache
def items_of(level: int) -> tuple[Item, ...]:
    return generated(TASK, level, Source(0), 0.25)


def right(items: tuple[Item, ...], answers: list[str]) -> list[float]:
    seen = observe("code_behaviours", items, [[answer] * 8 for answer in answers])
    return get_utility("share_passing").of(items, seen).tolist()


# --- a solver of stack programs --------------------------------------------------------------------------------------

SAID = {
    r"put (\w+) on top|(?!odd|not|last)(\w+) last": "push {}",
    r"take off the top|not last": "pop",
    r"exchange the top two|odd last": "swap",
    r"double the top|last last": "copy",
    r"turn the pile over|last first": "turn",
}


def after(program: str, pile: str) -> str:
    """Return what a stack program leaves; the top is the end of a list."""
    names = pile.split()
    for op, name in re.findall(r"(push|pop|swap|copy|turn) ?((?<=push )\w+)?", program):
        if op == "push":
            names.append(name)
        elif op == "pop":
            names.pop()
        elif op == "swap":
            names[-1], names[-2] = names[-2], names[-1]
        elif op == "copy":
            names.append(names[-1])
        else:
            names.reverse()
    return " ".join(names)


def operations(program: str) -> list[str]:
    return re.findall(r"push \w+|pop|swap|copy|turn", program)


def repaired(wrong: str, start: str, wanted: str) -> list[str]:
    """Return every program that differs in one operation and leads from the one pile to the other."""
    found, known = [], operations(wrong)
    pushes = [f"push {name}" for name in {*wanted.split(), *start.split()}]
    for k, op in product(range(len(known)), ("pop", "swap", "copy", "turn", *pushes)):
        program = " ".join([*known[:k], op, *known[k + 1 :]])
        try:
            if op != known[k] and after(program, start) == wanted:
                found.append(program)
        except IndexError:
            continue
    return found


def translated(told: str) -> str:
    made = []
    for part in re.split(r" ?, ", told):
        pattern, said = next((p, s) for p, s in SAID.items() if re.fullmatch(p, part))
        named = next((group for group in re.fullmatch(pattern, part).groups() if group), "")
        made.append(said.format(named))
    return " ".join(made)


DESCRIBED = (r"seek (.+) , [a-z ]+ is [a-z ]+ , right$", r"Do this: (.+?)\. From", r"that does this: (.+?)\. For")
REPAIRED = (
    r"^(?P<start>[a-z ]+) is (?P<wanted>[a-z ]+) , wrong (?P<wrong>[a-z ]+?) is",
    r"^From (?P<start>[a-z ]+) to (?P<wanted>[a-z ]+)\. Wrong: (?P<wrong>[a-z, ]+)\.",
    r"The pile is (?P<start>[a-z ]+) and must become (?P<wanted>[a-z ]+)\. This program is wrong: "
    r"(?P<wrong>[a-z, ]+)\.",
)
TESTED = (
    r"^right (?P<right>[a-z ]+) , wrong (?P<wrong>[a-z ]+) , check$",
    r"^Right: (?P<right>[a-z, ]+)\. Wrong: (?P<wrong>[a-z, ]+)\. A test of the right one:",
    r"right program is (?P<right>[a-z, ]+)\. A wrong one is (?P<wrong>[a-z, ]+)\.",
)


def solved_stack(told: str, level: int, stratum: str) -> list[str]:
    """Return the answers that a problem admits."""
    if stratum == "hidden":
        return [translated(re.search(DESCRIBED[level], told)[1])]
    if stratum == "testgen":
        found = re.search(TESTED[level], told)
        piles = (f"{a} {b}" for a, b in product(NAMES[:5], NAMES[5:9]))
        pile = next(p for p in piles if after(found["right"], p) != after(found["wrong"], p))
        return [f"{pile} {'gives' if level else 'is'} {after(found['right'], pile)}"]
    found = re.search(REPAIRED[level], told)
    return repaired(found["wrong"], found["start"], found["wanted"])


# --- a solver of Python functions ------------------------------------------------------------------------------------

LIST = r"Make the list (?P<b>\w+)"
SIGN = {"plus": "+", "minus": "-", "is": "==", "is not": "!=", "larger": "max", "smaller": "min"}
SIGN |= {"greater than": ">", "less than": "<", "at least": ">=", "at most": "<="}
AS, IF, TO = r"(greater than|less than|at least|at most)", r"(is not|is)", r"(plus|minus)"
SENTENCES: tuple[tuple[str, str], ...] = (
    (
        rf"{LIST} from (?P<a>\w+), in order: a number {AS} (\d) goes in {TO} (\d), any other number {TO} (\d)\.",
        "{b} = []\nfor x in {a}:\n    if x {0} {1}:\n        {b}.append(x {2} {3})\n    else:\n"
        "        {b}.append(x {4} {5})",
    ),
    (
        rf"{LIST} from (?P<a>\w+), in order: a number whose remainder by (\d) {IF} (\d) goes in times (\d) {TO} (\d), "
        r"and others are left out\.",
        "{b} = []\nfor x in {a}:\n    if x % {0} {1} {2}:\n        {b}.append(x * {3} {4} {5})",
    ),
    (
        rf"{LIST}: for each place of (?P<a>\w+) from (\d) on, counted from 0, the number there {TO} (\d) times the one "
        r"before it\.",
        "{b} = []\nfor i in range({0}, len({a})):\n    {b}.append({a}[i] {1} {a}[i - 1] * {2})",
    ),
    (
        rf"Begin with a total of (\d) and go through (?P<a>\w+): for a number {AS} (\d), the total becomes itself {TO} "
        rf"the number; for any other, itself {TO} (\d)\. A total that ends {AS} (\d+) becomes (\d)\. "
        r"Return the total\.",
        "total = {0}\nfor x in {a}:\n    if x {1} {2}:\n        total {3}= x\n    else:\n        total {4}= {5}\n"
        "if total {6} {7}:\n    total = {8}\nreturn total",
    ),
    (
        rf"Begin with a best of (\d) and go through (?P<a>\w+): for a number whose remainder by (\d) {IF} (\d), the "
        rf"best becomes the (larger|smaller) of itself and the number {TO} (\d)\. "
        rf"Return the best times (\d) {TO} (\d)\.",
        "best = {0}\nfor x in {a}:\n    if x % {1} {2} {3}:\n        best = {4}(best, x {5} {6})\n"
        "return best * {7} {8} {9}",
    ),
    (
        rf"Begin with a count of (\d) and go through (?P<a>\w+): for a number {AS} (\d), add (\d) to the count; then, "
        rf"whatever the number, stop if the count is {AS} (\d+)\. Return the count {TO} (\d)\.",
        "count = {0}\nfor x in {a}:\n    if x {1} {2}:\n        count += {3}\n    if count {4} {5}:\n        break\n"
        "return count {6} {7}",
    ),
)  # fmt: skip


def written(told: str) -> str:
    """Return the function that a description asks for."""
    found = []
    for pattern, code in SENTENCES:
        for hit in re.finditer(pattern, told):
            named = hit.groupdict()
            slots = [g for k, g in enumerate(hit.groups(), 1) if k not in hit.re.groupindex.values()]
            found.append((hit.start(), code.format(*(SIGN.get(g, g) for g in slots), **named)))
    lines = "\n".join(code for _, code in sorted(found)).split("\n")
    return "\n".join(["def f(xs):", *(f"    {line}" for line in lines)])


def shown_program(prompt: str) -> str:
    return "\n".join(re.findall(r"^\d+ (.*)$", prompt, re.MULTILINE))


def runner(source: str) -> Callable[[list[int]], Any]:
    scope: dict[str, Any] = {}
    exec(compile(source, "item", "exec"), scope)  # noqa: S102 - a program of the generator, not of a model
    return scope["f"]


def replaced(source: str, patch: str) -> str:
    lines = source.split("\n")
    for number, line in re.findall(r"^(\d+): (.*)$", patch, re.MULTILINE):
        old = lines[int(number) - 1]
        lines[int(number) - 1] = " " * (len(old) - len(old.lstrip())) + line
    return "\n".join(lines)


def solved_python(prompt: str, stratum: str) -> str:
    if stratum == "hidden":
        return written(prompt).removeprefix("def f(xs):")
    if stratum == "testgen":
        source = shown_program(prompt)
        patch = prompt.partition("has instead:\n")[2].partition("\nWrite")[0]
        good, bad = runner(source), runner(replaced(source, patch))
        s = Stream("lists")
        lists = ([s.between(-9, 15) for _ in range(s.below(8))] for _ in range(100_000))
        given = next(xs for xs in lists if good(xs) != bad(xs))
        return f"{given}) == {good(given)}"
    wanted, wrong = written(prompt).split("\n"), shown_program(prompt).split("\n")
    assert len(wanted) == len(wrong)
    pairs = enumerate(zip(wanted, wrong, strict=True), 1)
    return "\n".join(f"{k}: {a.strip()}" for k, (a, b) in pairs if a != b)


# --- every item ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1, 2])
def test_stack_items_are_solved_from_the_prompt_alone(level: int) -> None:
    for item in items_of(level):
        told = item["prompt"].split("\n")[-1]
        answers = solved_stack(told, level, item["stratum"])
        assert answers, item["prompt"]
        assert right((item,) * len(answers), answers) == [1.0] * len(answers), item["prompt"]


@pytest.mark.parametrize("level", [3, 4])
def test_python_items_are_solved_from_the_prompt_alone(level: int) -> None:
    items = items_of(level)
    answers = [solved_python(item["prompt"], item["stratum"]) for item in items]
    assert right(items, answers) == [1.0] * len(items)


@pytest.mark.parametrize("level", [3, 4])
def test_cpython_agrees_with_every_test_of_an_item(level: int) -> None:
    for item in items_of(level):
        run = runner(item["program"])
        assert [repr(run(ast.literal_eval(given))) for given, _ in item["tests"]] == [out for _, out in item["tests"]]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_another_stack_machine_agrees_with_every_test_of_an_item(level: int) -> None:
    for item in items_of(level):
        assert [after(item["program"], given) for given, _ in item["tests"]] == [out for _, out in item["tests"]]


@each_level
def test_choices_behave_differently_and_one_is_right(level: int) -> None:
    for item in items_of(level):
        did = [behaviour(item, choice) for choice in item["choices"]]
        assert len(set(did)) == 4
        assert item["choices"][item["gold"]] == item["answer"]
        if item["stratum"] == "testgen":
            assert did[item["gold"]] == ("passes", "fails", "")
            assert ("fails", "passes", "") in did
        else:
            assert list(did[item["gold"]]) == [wanted for _, wanted in item["tests"]]
            assert (item["attempt"] in item["choices"]) is (item["stratum"] != "hidden")
            assert item["attempt"] != item["answer"]


@each_level
def test_what_the_prompt_calls_wrong_fails_the_test_that_it_shows(level: int) -> None:
    for item in items_of(level):
        if item["stratum"] in ("debug", "failed"):
            did = behaviour(item, item["attempt"])
            assert did[0] != item["tests"][0][1]
            assert re.search(rf"(?<!\w){re.escape(did[0])}(?!\w)", item["prompt"])
            assert item["tests"][0][0] in item["prompt"]
            assert item["attempt"] in item["prompt"] or item["stratum"] == "debug"


@each_level
def test_a_program_that_fits_the_shown_tests_alone_is_among_the_choices(level: int) -> None:
    """Where a program is described, hidden tests find out what the shown ones do not."""
    fits = []
    for item in items_of(level):
        if item["stratum"] == "hidden":
            shown = [wanted for _, wanted in item["tests"]][: item["visible"] if level > 2 else 1]
            did = [list(behaviour(item, c)) for k, c in enumerate(item["choices"]) if k != item["gold"]]
            fits.append(any(d[: len(shown)] == shown for d in did))
    assert sum(fits) >= (1.0 if level != 1 else 0.5) * len(fits)


@pytest.mark.parametrize("level", [3, 4])
def test_faulty_functions_differ_in_the_lines_that_are_asked_for(level: int) -> None:
    for item in items_of(level):
        if item["shown"]:
            pairs = zip(item["program"].split("\n"), item["shown"].split("\n"), strict=True)
            assert sum(a != b for a, b in pairs) == level - 2
        longest = max(len(line) for line in item["program"].split("\n"))
        assert longest < 60
        assert item["program"].count("\n") < (10 if level == 3 else 25)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_faulty_stack_programs_differ_in_one_operation(level: int) -> None:
    for item in items_of(level):
        if item["shown"]:
            a, b = operations(item["program"]), operations(item["shown"])
            assert len(a) == len(b) == (3, 4, 6)[level]
            assert sum(x != y for x, y in zip(a, b, strict=True)) == 1


def test_worked_examples_are_right_and_new() -> None:
    for item in items_of(1):
        _, *shots, told = item["prompt"].split("\n\n")
        assert len(shots) == (1 if item["stratum"] == "failed" else 2)
        for shot in shots:
            mark = "A test of the right one:" if item["stratum"] == "testgen" else "Right:"
            question, _, answer = shot.rpartition(f"{mark} ")
            if item["stratum"] == "testgen":
                pair = re.search(TESTED[1], shot)
                start, _, wanted = answer.partition(" gives ")
                assert after(pair["right"], start) == wanted != after(pair["wrong"], start)
            else:
                answers = solved_stack(f"{question}{mark}", 1, item["stratum"])
                assert answer.replace(",", "") in answers
            assert question not in told


@each_level
def test_strata_take_turns_and_items_are_small(level: int) -> None:
    for k, item in enumerate(items_of(level)):
        assert item["stratum"] == STRATA[k % 4]
        assert len(str(item["tests"])) < 600
        assert (
            item["visible"] == {"debug": 1, "hidden": 2 if level > 2 else 1, "testgen": 0, "failed": 1}[item["stratum"]]
        )


@each_level
def test_no_answer_is_right_for_many_items(level: int) -> None:
    """Chance is 0: whatever is said to every item, few say that it is right."""
    items = items_of(level)[:20]
    for answer in {item["answer"] for item in items}:
        assert sum(right(items, [answer] * len(items))) <= 2


@each_level
def test_copying_what_is_shown_is_never_right(level: int) -> None:
    tried = tuple(item for item in items_of(level) if item["attempt"])
    assert right(tried, [item["attempt"] for item in tried]) == [0.0] * len(tried)


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("control", ["constant", "uniform", "shuffled"])
def test_students_that_ignore_the_item_lose_everything(level: int, control: str) -> None:
    measured, items = spec.task(TASK), generated(TASK, level, Source(0), 1.0)
    texts = tuple(tuple(map(str, noisy(3)(measured, item))) for item in items)
    log = TaskLog(measured, SETTINGS, items, tuple(str(i["item_id"]) for i in items), texts=texts)
    found = measure_task(log, CONTROLS[control](log), 100).score
    assert found.loss is not None
    assert found.loss.value >= 0.85
    assert found.loss.high >= 0.9


def test_solver_finds_nothing_in_a_changed_description() -> None:
    """The solver reads the words: with another number in them, it writes another function."""
    told = next(i["prompt"] for i in items_of(3) if i["stratum"] == "hidden" and "total" in i["prompt"])
    changed = re.sub(r"total of (\d)", lambda m: f"total of {int(m[1]) % 9 + 1}", told)
    differing = [x for x in difflib.ndiff(written(told).split("\n"), written(changed).split("\n")) if x[0] == "+"]
    assert len(differing) == 1
