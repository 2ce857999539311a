"""Items of the row *privacy*: pairs made alike, what is shown is all that is known, and nobody wins by not reading."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

import task_items
from angels_share import canaries, spec
from angels_share.items import Item, Source, Stream, row_module
from angels_share.logs import Run, read_run
from angels_share.score import controls
from angels_share.score.measurable import teacher_gap
from angels_share.score.model import Estimate
from angels_share.score.task import measure_task
from synthetic import Response, write_run

LEVELS = (0, 1, 2, 3, 4)
TASKS = ("canary", "mia", "extract", "extract_text")
PAIRS = row_module("privacy", "pairs")
MIA = row_module("privacy", "mia")
EXTRACT = row_module("privacy", "extract")

each = pytest.mark.parametrize(("task", "level"), [(task, level) for task in TASKS for level in LEVELS])
each_level = pytest.mark.parametrize("level", LEVELS)


def made(task: str, level: int) -> tuple[Item, ...]:
    return task_items.made(f"as_privacy_{task}", level)


def clusters(task: str, level: int) -> list[tuple[Item, Item, Item]]:
    items = made(task, level)
    return [(items[k], items[k + 1], items[k + 2]) for k in range(0, len(items), 3)]


@cache
def texts(task: str, level: int) -> tuple[dict[str, int], set[str]]:
    """Return the inserted texts of a task with their counts, and the held-out ones."""
    inserted, held_out = canaries.lists(0, [level], "standard")
    kind = task.removesuffix("_text")
    ours = {row["text"]: row["repetitions"] for row in inserted if row["task"] == kind}
    return ours, {row["text"] for row in held_out if row["task"] == kind}


def rest(item: Item) -> str:
    """Return what goes on behind a prompt, as a person would say it."""
    return str(item["answer"] if "answer" in item else item["choices"][item["gold"]])


def whole(item: Item) -> str:
    """Return the text that an item which shows nothing asks for."""
    end = "." if item["item_id"].startswith("canary") and item["level"] else ""
    return f"{item['prompt']} {rest(item)}{end}"


@each
def test_clusters_are_a_pair_and_the_held_out_text_shown(task: str, level: int) -> None:
    inserted_texts, held_out_texts = texts(task, level)
    assert not set(inserted_texts) & held_out_texts
    for inserted, held_out, shown in clusters(task, level):
        assert [i["stratum"] for i in (inserted, held_out, shown)] == list(PAIRS.ROLES)
        assert len({i["cluster_id"] for i in (inserted, held_out, shown)}) == 1
        assert inserted_texts[whole(inserted)] == inserted["repetitions"]
        assert whole(held_out) in held_out_texts
        assert shown["prompt"].startswith(whole(held_out))
        assert shown["prompt"].endswith(held_out["prompt"])
        assert rest(shown) == rest(held_out)
        assert held_out["repetitions"] == shown["repetitions"] == 0


@each
def test_what_was_shown_can_be_read_off(task: str, level: int) -> None:
    """Copying what followed the last words of the prompt where they stood before gives the answer."""
    for _, held_out, shown in clusters(task, level):
        before, _, _ = shown["prompt"].rpartition(held_out["prompt"])
        following = before.partition(held_out["prompt"])[2]
        following = following.strip().removesuffix(" ,")
        assert (following.removesuffix(".") if task == "canary" else following) == rest(shown)
        assert rest(held_out) not in held_out["prompt"]


@each
def test_counts_take_turns_and_openings_differ(task: str, level: int) -> None:
    counts = Counter(i["repetitions"] for i in made(task, level) if i["stratum"] == "inserted")
    assert set(counts) == {1, 4, 16, 64}
    assert max(counts.values()) - min(counts.values()) <= 1
    openings = Counter(i["prompt"] for i in made(task, level))
    assert max(openings.values()) == 1


@each
def test_coin_inserts_either_of_a_pair(task: str, level: int) -> None:
    """The text that was drawn first is inserted about as often as the other, and which does not follow the text."""
    n = len(clusters(task, level))
    kind = task.removesuffix("_text")
    heads = sum(Source(0).stream("coin", kind, level, k).below(2) for k in range(n))
    assert abs(heads - n / 2) < 4 * math.sqrt(n / 4)


@each
def test_texts_alone_do_not_tell_what_was_inserted(task: str, level: int) -> None:
    hidden = [i for i in made(task, level) if i["stratum"] != "shown"]
    canaries.check_split([whole(i) for i in hidden], [i["stratum"] == "inserted" for i in hidden], "here")


@each_level
def test_secrets_are_drawn_like_their_alternatives(level: int) -> None:
    symbols, golds = Counter[str](), Counter[str]()
    for item in made("canary", level):
        assert len(item["choices"]) == len(set(item["choices"])) == 32
        assert {len(c.split()) for c in item["choices"]} == {{0: 3, 1: 4, 2: 6}.get(level, 8)}
        if item["stratum"] == "shown":
            continue
        for k, choice in enumerate(item["choices"]):
            (golds if k == item["gold"] else symbols).update(choice.split())
    known = sorted(symbols)
    assert set(golds) <= set(known)
    share = np.array([symbols[s] for s in known]) / sum(symbols.values())
    assert chisquare([golds[s] for s in known], share * sum(golds.values())).pvalue > 1e-3


@each_level
def test_secret_is_at_every_place_in_every_role(level: int) -> None:
    for role in PAIRS.ROLES:
        places = Counter(i["gold"] for i in made("canary", level) if i["stratum"] == role)
        assert set(places) == set(range(32))
        assert max(places.values()) - min(places.values()) <= 1


@each_level
def test_windows_grow_by_the_same_number_of_words(level: int) -> None:
    for item in made("mia", level):
        lengths = [len(c.split()) for c in item["choices"]]
        assert lengths == [MIA.STEP[level] * (k + 1) for k in range(len(lengths))]
        assert lengths[-1] == MIA.WINDOW[level]
        assert all(item["choices"][-1].startswith(c) for c in item["choices"])
        assert item["gold"] == len(lengths) - 1


@each_level
def test_text_twin_asks_the_same(level: int) -> None:
    for item, twin in zip(made("extract", level), made("extract_text", level), strict=True):
        assert item["choices"] == [twin["answer"]]
        assert {k: v for k, v in item.items() if k not in ("choices", "gold")} == {
            k: v for k, v in twin.items() if k != "answer"
        }
        assert len(twin["answer"].split()) == EXTRACT.HALF[level]


# --- what made-up models score ---------------------------------------------------------------------------------------


def model(known: frozenset[str], *, reads: bool = True) -> controls.Callable[..., Response]:
    """Return a model that knows texts of these roles, and recalls what it is shown if it reads."""

    def answer(task: spec.TaskSpec, item: Item) -> Response:
        role = item["stratum"]
        sure = reads if role == "shown" else role in known and item["repetitions"] != 1
        luck = Stream("luck", task.name, item["item_id"])
        if task.measure.readout == "greedy":
            return rest(item) if sure else "no such thing is known to me at all"
        n = len(item["choices"])
        if task.measure.observable == "secret_choice":
            q = [(30.0 if sure and k == item["gold"] else 0.0) + (0.5 + luck.below(100) / 100) / n for k in range(n)]
            return [math.log(p / sum(q)) for p in q]
        each_word = 0.97 if sure else 0.2
        steps = n if n > 1 else 4
        logs = np.cumsum([math.log(each_word * (0.8 + 0.2 * luck.below(100) / 100)) for _ in range(steps)])
        return [float(v) for v in (logs if n > 1 else logs[-1:])]

    return answer


MODELS = {
    "memorised": (frozenset({"inserted"}), True),
    "private": (frozenset[str](), True),
    "illiterate": (frozenset[str](), False),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("privacy")
    names = [f"as_privacy_{task}" for task in TASKS]
    return {
        name: read_run(write_run(Path(folder / name), names, model(known, reads=reads), sampling_seed=k))
        for k, (name, (known, reads)) in enumerate(MODELS.items())
    }


def score(runs: dict[str, Run], task: str, teacher: str, student: str) -> tuple[float, Estimate]:
    name = f"as_privacy_{task}"
    made = measure_task(runs[teacher].tasks[name], runs[student].tasks[name], 300).score
    assert made.loss is not None
    assert made.change is not None
    return made.loss.value, made.change


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("teacher", ["memorised", "private"])
def test_teacher_that_reads_can_be_measured_whatever_it_memorised(
    runs: dict[str, Run], task: str, teacher: str
) -> None:
    assert teacher_gap(runs[teacher].tasks[f"as_privacy_{task}"]) is None
    assert teacher_gap(runs["illiterate"].tasks[f"as_privacy_{task}"]) is not None


@pytest.mark.parametrize("task", TASKS)
def test_keeping_what_the_teacher_gave_away_is_a_correction(runs: dict[str, Run], task: str) -> None:
    loss, change = score(runs, task, "memorised", "private")
    assert change.low > 0.05
    assert loss < 0.3


@pytest.mark.parametrize("task", TASKS)
def test_giving_away_what_the_teacher_kept_is_a_harm(runs: dict[str, Run], task: str) -> None:
    loss, change = score(runs, task, "private", "memorised")
    assert change.high < -0.05
    assert loss > 0.3


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("teacher", ["memorised", "private"])
@pytest.mark.parametrize("control", ["constant", "uniform", "shuffled"])
def test_knowing_nothing_is_no_merit(runs: dict[str, Run], task: str, teacher: str, control: str) -> None:
    """Whoever ignores the items knows no secret and still loses all, whether the teacher memorised or not."""
    log = runs[teacher].tasks[f"as_privacy_{task}"]
    loss = measure_task(log, controls.CONTROLS[control](log), 300).score.loss
    assert loss is not None
    assert loss.value >= 0.9


@pytest.mark.parametrize("task", TASKS)
def test_illiterate_student_is_not_credited(runs: dict[str, Run], task: str) -> None:
    loss, change = score(runs, task, "memorised", "illiterate")
    assert change.high < 0
    assert loss >= 0.9
