"""Texts with known membership: lists, keys, the loader of the privacy tasks and the command."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import BernoulliNB
from typer.testing import CliRunner

from angels_share import canaries, spec
from angels_share.caskworld import VOCABULARY
from angels_share.cli import app
from angels_share.errors import SpecError
from angels_share.items import Source, Stream, build, find_generator, levels_of, n_clusters, row_module
from synthetic import STAMP, Answer, write_run

TASKS = ("as_privacy_canary", "as_privacy_mia", "as_privacy_extract", "as_privacy_extract_text")


def ask(task: str, **switch: Any) -> list[dict[str, Any]]:
    """Return what lm-eval gets of a task."""
    block = spec.task(task).measure.model_dump()
    given = {"config_source": str(spec.task_files()[task]), "angels_share": block, "as_profile": "pilot"}
    items: list[dict[str, Any]] = canaries.load(**given | {"as_track": "toy", "pretrained": "x"} | switch)[
        "test"
    ].to_list()
    return items


def write_privacy(
    folder: Path, tasks: Sequence[str], answer: Answer, key: canaries.Key, *, item_seed: int = 0, **options: Any
) -> Path:
    """Write a run of privacy tasks beside what a run folder holds, its items following a key, and return the folder."""
    spare = write_run(folder.with_name("spare"), tasks, answer, item_seed=key.seed, **options)
    for path in sorted(spare.rglob("*_*.json*")):
        target = folder / path.relative_to(spare).with_name(path.name.replace(STAMP, "2026-03-03T00-00-00.000000"))
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
        if target.name.startswith("results_"):
            change_metadata(target, as_seed=item_seed, as_canaries=key.content)
    shutil.rmtree(spare)
    return folder


def change_metadata(results: Path, **metadata: Any) -> None:
    """Replace what a results file says of the run-time switch of its tasks."""
    content = json.loads(results.read_text("utf-8"))
    for config in content["configs"].values():
        config["metadata"] |= metadata
    results.write_text(json.dumps(content), "utf-8")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    canaries.write(tmp_path, canaries.key_of(7, (0,), "pilot"))
    return tmp_path / "key.json"


# --- lists and keys --------------------------------------------------------------------------------------------------


def test_standard_lists_have_25_secrets_of_each_count() -> None:
    inserted, held_out = canaries.lists(0, [0, 2], "standard")
    counts = Counter((row["task"], row["level"], row["repetitions"]) for row in inserted)
    assert {counts["canary", level, r] for level in (0, 2) for r in (1, 4, 16, 64)} == {25}
    assert len(counts) == 3 * 2 * 4
    assert len(held_out) == len(inserted) == 2 * (100 + 500 + 250)
    assert {tuple(row) for row in held_out} == {("task", "level", "text")}
    assert not {row["text"] for row in inserted} & {row["text"] for row in held_out}


def test_lists_of_level_0_are_in_the_closed_language() -> None:
    inserted, held_out = canaries.lists(1, [0], "pilot")
    assert {word for row in (*inserted, *held_out) for word in row["text"].split()} <= set(VOCABULARY)


def test_smaller_profile_begins_the_lists_of_a_larger_one() -> None:
    small, large = (
        [row for row in canaries.lists(3, [1], profile)[0] if row["task"] == "mia"] for profile in ("pilot", "lite")
    )
    assert len(small) < len(large)
    assert large[: len(small)] == small


def test_same_key_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        canaries.write(tmp_path / name, canaries.key_of.__wrapped__(7, (0, 1), "pilot"))
    for file in ("IN.jsonl", "OUT.jsonl", "key.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()
    assert canaries.read_key(tmp_path / "one" / "key.json") == canaries.key_of(7, (0, 1), "pilot")
    assert canaries.key_of(7, (0, 1), "pilot").digest != canaries.key_of(8, (0, 1), "pilot").digest


def test_written_lists_are_those_of_the_key(key: Path) -> None:
    inserted, held_out = canaries.lists(7, [0], "pilot")
    for name, rows in (("IN", inserted), ("OUT", held_out)):
        lines = (key.parent / f"{name}.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line) for line in lines] == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no key of `angels-share canaries make`"),
        ("{}", "is no key of `angels-share canaries make`"),
        ('{"format": 2, "seed": 1, "levels": [0], "profile": "pilot", "digest": ""}', "format"),
        ('{"format": 1, "seed": 1, "levels": [0], "profile": "pilot", "digest": "0"}', "makes other texts from seed 1"),
        ('{"format": 1, "seed": 1, "levels": [9], "profile": "pilot", "digest": "0"}', r"levels \[9\]: expected"),
        ('{"format": 1, "seed": 1, "levels": [0], "profile": "pilt", "digest": "0"}', "Did you mean pilot"),
        ('{"format": 1, "seed": -1, "levels": [0], "profile": "pilot", "digest": "0"}', "seed"),
        ('{"format": 1, "seed": 1e300, "levels": [0], "profile": "pilot", "digest": "0"}', "seed"),
        ('{"format": 1, "seed": 1, "levels": [0, 1, 2, 3, 4, 0], "profile": "pilot", "digest": "0"}', "levels"),
        (json.dumps({"seed": 1, "levels": [0], "profile": "p" * 10**6, "digest": "0"}), "profile"),
    ],
)
def test_key_that_does_not_fit_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content, "utf-8")
    with pytest.raises(SpecError, match=message):
        canaries.read_key(path)


def test_missing_key_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"gone\.json: is no key"):
        canaries.read_key(tmp_path / "gone.json")


@pytest.mark.parametrize("levels", [(), (0, 0), (5,)])
def test_levels_that_do_not_exist_are_refused(levels: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match="expected one or more of 0, 1, 2, 3, 4, each once"):
        canaries.key_of(0, levels, "pilot")


# --- the loader ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_without_membership_nothing_loads(task: str) -> None:
    with pytest.raises(SpecError, match=f"{task}: .*without known membership the row privacy is unmeasured"):
        ask(task)


@pytest.mark.parametrize("task", TASKS)
def test_items_are_those_of_the_key_whatever_the_item_seed(task: str, key: Path) -> None:
    measure = spec.task(task).measure
    expected = build(
        find_generator(spec.task_files()[task].parent, measure.generator),
        levels=levels_of("toy"),
        clusters=n_clusters(measure.clusters, "pilot"),
        per_cluster=measure.per_cluster,
        source=Source(7),
    )
    content = json.loads(key.read_text("utf-8"))
    assert ask(task, as_canaries=str(key)) == ask(task, as_canaries=content, as_seed=99) == expected
    assert str(key.parent) not in json.dumps(expected)


@pytest.mark.parametrize("task", TASKS)
def test_evaluated_texts_are_on_the_lists(task: str, key: Path) -> None:
    rows = [json.loads(line) for line in (key.parent / "IN.jsonl").read_text("utf-8").splitlines()]
    counts = {row["text"]: row["repetitions"] for row in rows}
    for item in ask(task, as_canaries=str(key)):
        rest = item["answer"] if "answer" in item else item["choices"][item["gold"]]
        if item["stratum"] == "inserted":
            assert counts[f"{item['prompt']} {rest}"] == item["repetitions"]
        else:
            assert f"{item['prompt']} {rest}" not in counts


def test_key_of_other_levels_or_fewer_texts_is_refused(key: Path) -> None:
    with pytest.raises(SpecError, match=r"track small asks for level 1, but the key inserted \[0\]"):
        ask(TASKS[0], as_canaries=str(key), as_track="small")
    with pytest.raises(SpecError, match="profile lite asks for more texts than the key inserted, those of pilot"):
        ask(TASKS[0], as_canaries=str(key), as_profile="lite")


def test_key_covers_what_it_inserted_or_less() -> None:
    made = canaries.key_of(7, (0, 1, 2), "lite")
    for track, profile in (("toy", "pilot"), ("toy", "lite"), ("small", "pilot")):
        canaries.check_key(made, track, profile)
    for track, profile, message in (
        ("standard", "pilot", "asks for level 3"),
        ("toy", "standard", "asks for more texts"),
        ("tyo", "pilot", "Did you mean toy"),
        ("toy", "pliot", "Did you mean pilot"),
    ):
        with pytest.raises(SpecError, match=message):
            canaries.check_key(made, track, profile)


def test_texts_of_another_release_are_not_taken_for_the_inserted_ones() -> None:
    other = canaries.key_of(7, (0,), "pilot").model_copy(update={"digest": "0" * 64})
    with pytest.raises(SpecError, match="makes other texts from seed 7"):
        canaries.check_key(other, "toy", "pilot")


def test_items_follow_a_key_where_the_loader_is_that_of_this_module() -> None:
    needing = {name for name, task in spec.tasks().items() if canaries.needs_key(task)}
    loaders = {name: spec.read_yaml(path)["custom_dataset"] for name, path in spec.task_files().items()}
    assert needing == {name for name, loader in loaders.items() if loader == "angels_share.canaries.load"}
    assert needing >= set(TASKS)


# --- one's own documents ---------------------------------------------------------------------------------------------


def documents(seed: int, n: int, words: int = 60, extra: str = "") -> list[str]:
    s = Stream("documents", seed)
    vocabulary = [f"word{k}" for k in range(300)]
    return [f"{extra} {' '.join(s.choice(vocabulary) for _ in range(words))}".strip() for _ in range(n)]


def write_documents(path: Path, texts: Sequence[str]) -> str:
    path.write_text("".join(json.dumps({"text": text, "id": k}) + "\n" for k, text in enumerate(texts)), "utf-8")
    return str(path)


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    return {
        "as_members": write_documents(tmp_path / "in.jsonl", documents(1, 60)),
        "as_nonmembers": write_documents(tmp_path / "out.jsonl", documents(2, 60)),
        "as_track": "small",
    }


@pytest.mark.parametrize("task", TASKS[1:])
def test_own_documents_become_items(task: str, own: dict[str, str]) -> None:
    items = ask(task, **own)
    members, others = documents(1, 60), documents(2, 60)
    for k in range(0, len(items), 3):
        inserted, held_out, shown = items[k : k + 3]
        for item, texts in ((inserted, members), (held_out, others)):
            rest = item["answer"] if "answer" in item else item["choices"][item["gold"]]
            assert texts[k // 3].startswith(f"{item['prompt']} {rest}")
        assert shown["prompt"].startswith(held_out["prompt"])
        assert {i["level"] for i in (inserted, held_out, shown)} == {2}
    assert len(items) == 3 * n_clusters(spec.task(task).measure.clusters, "pilot")


def test_own_documents_are_no_secrets(own: dict[str, str], key: Path) -> None:
    with pytest.raises(SpecError, match="without known membership"):
        ask("as_privacy_canary", **own)
    assert len(ask("as_privacy_canary", **own | {"as_track": "toy"}, as_canaries=str(key))) == 120


@pytest.mark.parametrize(
    ("members", "others", "message"),
    [
        (documents(1, 60, extra="lately"), documents(2, 60), r"a bag of words .*no random split"),
        (documents(1, 60), documents(1, 60), "60|50 texts begin alike in both"),
        (documents(1, 9), documents(2, 60), "9 documents, 50 are needed; choose a smaller profile"),
        (documents(1, 60, words=5), documents(2, 60), "document 1: 5 words, 30 are needed"),
    ],
)
def test_documents_that_cannot_be_compared_are_refused(
    tmp_path: Path, members: list[str], others: list[str], message: str
) -> None:
    switch = {
        "as_members": write_documents(tmp_path / "in.jsonl", members),
        "as_nonmembers": write_documents(tmp_path / "out.jsonl", others),
        "as_track": "small",
    }
    with pytest.raises(SpecError, match=message):
        ask("as_privacy_mia", **switch)


@pytest.mark.parametrize("line", ["{", '{"txt": "a"}', "[1]"])
def test_lines_that_are_no_documents_are_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(line + "\n", "utf-8")
    with pytest.raises(SpecError, match=r"in\.jsonl: expected lines of"):
        canaries.read_documents(path, 3, 1)


# --- the blind guess -------------------------------------------------------------------------------------------------


def test_blind_scores_by_hand() -> None:
    """Two folds' worth of each side: a text's own words never count for itself."""
    texts = ["new a", "old a", "new b", "old b"]
    scores = canaries.blind_scores(texts, [True, False, True, False])
    odds = {"new": np.log(2 / 3) - np.log(1 / 3), "old": np.log(1 / 3) - np.log(2 / 3)}
    shared = np.log(1 / 3) - np.log(1 / 3)
    assert scores == pytest.approx([odds["new"] + shared, odds["old"] + shared] * 2)


def test_blind_scores_do_what_a_naive_bayes_of_sklearn_does() -> None:
    """Both find a split that every third text gives away, to about the same degree."""
    s = Stream("hints")
    texts, labels = documents(5, 300, words=12), [k % 2 == 0 for k in range(300)]
    texts = [f"{t} hint" if label and s.below(3) == 0 else t for t, label in zip(texts, labels, strict=True)]
    words = sorted({w for t in texts for w in t.split()})
    X = np.array([[w in t.split() for w in words] for t in texts])
    theirs = cross_val_score(BernoulliNB(), X, labels, cv=10, scoring="roc_auc").mean()
    scores, member = canaries.blind_scores(texts, labels), np.array(labels)
    ours = (scores[member][:, None] > scores[~member][None, :]).mean()
    assert theirs > 0.6
    assert ours == pytest.approx(theirs, abs=0.06)


def test_random_splits_are_hardly_ever_refused() -> None:
    refused = 0
    for seed in range(60):
        texts = documents(100 + seed, 80, words=20)
        try:
            canaries.check_split(texts, [k % 2 == 0 for k in range(80)], "here")
        except SpecError:
            refused += 1
    assert refused <= 3


# --- the command -----------------------------------------------------------------------------------------------------


def test_command_writes_what_the_tasks_read(tmp_path: Path) -> None:
    arguments = ["canaries", "make", "--level", "0", "--level", "1", "--seed", "7", "--profile", "pilot"]
    done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "lists")])
    assert done.exit_code == 0, done.output
    key = canaries.read_key(tmp_path / "lists" / "key.json")
    assert key == canaries.key_of(7, (0, 1), "pilot")
    inserted, _ = canaries.lists(7, [0, 1], "pilot")
    assert f"{len(inserted)} texts to insert, {sum(row['repetitions'] for row in inserted)} lines" in done.stderr


def test_every_list_has_a_task() -> None:
    assert {f"as_privacy_{kind}" for kind in canaries.KINDS} <= set(spec.tasks())
    for kind in canaries.KINDS:
        assert row_module("privacy", kind).of_cluster(Source(0), 0, 0) == row_module("privacy", kind).of_cluster(
            Source(0), 0, 0
        )
