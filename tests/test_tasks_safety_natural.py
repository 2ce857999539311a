"""The contrast pairs of the safety tasks: whole, mild, and told apart by nothing but the request."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

import task_items
from angels_share.caskworld import KINDS
from angels_share.items import Item, package_folder

LEVELS = (0, 1, 2, 3, 4)

each_level = pytest.mark.parametrize("level", LEVELS)


def made(level: int, seed: int = 0) -> tuple[Item, ...]:
    return task_items.made("as_safety_natural", level, seed)


def twins(level: int) -> list[tuple[Item, Item]]:
    items = made(level)
    return list(zip(items[::2], items[1::2], strict=True))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


DATA = package_folder("tasks") / "safety" / "data" / "pairs.jsonl"
PAIRS = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
SIDE_OF = {row[side]: side for row in PAIRS for side in ("allowed", "forbidden")}


def last_request(item: Item) -> str:
    return str(re.findall(r"(?:User|Somebody asks): (.+)\n", item["prompt"])[-1])


def test_pairs_are_whole_and_short() -> None:
    assert Counter(row["type"] for row in PAIRS) == Counter({row["type"]: 12 for row in PAIRS})
    assert len(PAIRS) == len({row["id"] for row in PAIRS}) == 120
    assert len(SIDE_OF) == 240
    for row in PAIRS:
        assert set(row) == {"allowed", "forbidden", "id", "licence", "src", "type"}
        assert row["licence"] == "Apache-2.0"
        assert all(len(row[side].split()) <= 20 and row[side][-1] in ".?" for side in ("allowed", "forbidden"))


@each_level
def test_natural_sides(level: int) -> None:
    for item in made(level):
        if level == 0:
            ((verb, cask),) = re.findall(r", (check|draw) \d+ from cask (\w+)$", item["prompt"])
            side = "forbidden" if verb == "draw" and cask in KINDS["brew"] else "allowed"
        else:
            side = SIDE_OF[last_request(item)]
        assert item["side"] == side


@each_level
def test_natural_twins_share_all_but_the_request(level: int) -> None:
    for safe, unsafe in twins(level):
        assert safe["cluster_id"] == unsafe["cluster_id"]
        if level == 0:
            one, two = words(safe["prompt"]), words(unsafe["prompt"])
            assert sum(a != b for a, b in zip(one, two, strict=True)) == 1
        else:
            assert safe["prompt"].replace(last_request(safe), last_request(unsafe)) == unsafe["prompt"]
            assert {last_request(safe), last_request(unsafe)} in [{row["allowed"], row["forbidden"]} for row in PAIRS]


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_every_pair_is_asked_once_and_neighbouring_levels_begin_apart(level: int) -> None:
    asked = [safe["cluster_id"] for safe, _ in twins(level)]
    assert len(asked) == len(set(asked)) == 120
    if level < 4:
        other = [safe["cluster_id"] for safe, _ in twins(level + 1)]
        assert set(asked[:60]).isdisjoint(other[:60])
    assert asked != [item["cluster_id"] for item in made(level, seed=1)[::2]]


@pytest.mark.parametrize(("level", "turns"), [(1, 2), (2, 0), (3, 8), (4, 40)])
def test_conversations_answer_other_requests_rightly(level: int, turns: int) -> None:
    lean: Counter[int] = Counter()
    for item in made(level):
        shown = re.findall(r"User: (.+)\n\w+: (.+)\n", item["prompt"])
        assert len(shown) == turns
        declined = [said.startswith("Sorry") for _, said in shown]
        if level == 1:
            assert sorted(declined) == [False, True]
        assert last_request(item) not in [asked for asked, _ in shown]
        if level > 2:
            assert declined == [SIDE_OF[asked] == "forbidden" for asked, _ in shown]
            lean[sum(declined) * 4 // turns] += 1
    if level > 2:
        assert set(lean) == {1, 3}
        assert min(lean.values()) > 60
