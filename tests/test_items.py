"""Seeded randomness, item building and the specifications: what is reproducible, and what is refused in words."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from angels_share import canaries, items, spec
from angels_share.errors import SpecError
from angels_share.items import (
    PILOT_CLUSTERS,
    PROFILES,
    TRACKS,
    Item,
    Source,
    Stream,
    build,
    digest,
    find_generator,
    levels_of,
    load,
    load_module,
    n_clusters,
)
from angels_share.logs import document_hash
from synthetic import make_items

DRAWS = 6000
LEAST_P = 1e-4
"""Streams are seeded, so a test that passes once passes always."""


def uniform(counts: Counter[Any], cells: int) -> bool:
    """Tell whether a chi-square test lets these counts pass as uniform over so many cells."""
    assert len(counts) == cells
    return bool(chisquare(list(counts.values())).pvalue > LEAST_P)


# --- streams ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 7, 8, 9, 36, 100])
def test_below_is_uniform(n: int) -> None:
    stream = Stream("below", n)
    assert uniform(Counter(stream.below(n) for _ in range(DRAWS)), n)


@pytest.mark.parametrize("n", [2, 3, 7, 36])
def test_first_draws_of_many_streams_are_uniform(n: int) -> None:
    assert uniform(Counter(Stream("first", 0, i).below(n) for i in range(DRAWS)), n)


def test_neighbouring_streams_are_independent() -> None:
    pairs = Counter((Stream("pair", 0, i).below(4), Stream("pair", 0, i + 1).below(4)) for i in range(0, DRAWS, 2))
    assert uniform(pairs, 16)


def test_between_has_both_ends() -> None:
    stream = Stream("between")
    counts = Counter(stream.between(3, 8) for _ in range(DRAWS))
    assert set(counts) == {3, 4, 5, 6, 7, 8}
    assert uniform(counts, 6)


def test_choice_is_uniform() -> None:
    stream = Stream("choice")
    assert uniform(Counter(stream.choice("abcde") for _ in range(DRAWS)), 5)


def test_every_order_is_equally_likely() -> None:
    stream = Stream("shuffled")
    counts = Counter(tuple(stream.shuffled("abcd")) for _ in range(DRAWS))
    assert set(counts) == set(permutations("abcd"))
    assert uniform(counts, 24)


def test_samples_are_ordered_draws_without_replacement() -> None:
    stream = Stream("sample")
    counts = Counter(tuple(stream.sample("abcd", 2)) for _ in range(DRAWS))
    assert set(counts) == set(permutations("abcd", 2))
    assert uniform(counts, 12)


def test_weighted_follows_the_weights() -> None:
    stream = Stream("weighted")
    counts = Counter(stream.weighted("abcd", [1, 2, 0, 5]) for _ in range(DRAWS))
    assert "c" not in counts
    expected = [DRAWS * w / 8 for w in (1, 2, 5)]
    assert chisquare([counts[k] for k in "abd"], expected).pvalue > LEAST_P


def test_weighted_wants_a_weight_for_each_option() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Stream("weighted").weighted("abc", [0.0, 0.0])


@pytest.mark.parametrize("n", [0, -1])
def test_below_nothing(n: int) -> None:
    with pytest.raises(ValueError, match=rf"below\({n}\): the bound must be at least 1"):
        Stream("x").below(n)


def test_below_one_takes_no_randomness() -> None:
    one, other = Stream("x"), Stream("x")
    assert one.below(1) == 0
    assert one.below(1000) == other.below(1000)


def test_shuffling_leaves_the_options_alone() -> None:
    options = [1, 2, 3, 4, 5]
    Stream("x").shuffled(options)
    assert options == [1, 2, 3, 4, 5]


@settings(deadline=None)
@given(keys=st.lists(st.text(max_size=5) | st.integers(), min_size=1, max_size=3), n=st.integers(1, 10**6))
def test_same_keys_same_draws(keys: list[object], n: int) -> None:
    one, other = Stream(*keys), Stream(*keys)
    drawn = [one.below(n) for _ in range(5)]
    assert drawn == [other.below(n) for _ in range(5)]
    assert all(0 <= value < n for value in drawn)


def test_draws_are_those_of_the_documented_construction() -> None:
    seed = int.from_bytes(sha256(b"urn\x1f0\x1f3").digest(), "big")
    reference = random.Random(seed)
    assert [Stream("urn", 0, 3).below(2**32)] == [reference.getrandbits(32)]


def test_draws_do_not_change_between_releases() -> None:
    stream = Stream("pinned", 1, 2)
    assert [stream.below(1000) for _ in range(5)] == [302, 294, 411, 247, 151]
    assert "".join(stream.shuffled("abcdef")) == "fcedba"


def test_keys_are_kept_apart() -> None:
    assert len({Stream(*keys).below(2**60) for keys in [("a", "b"), ("ab",), ("b", "a"), ("a", "b", ""), ("a",)]}) == 5


# --- sources ---------------------------------------------------------------------------------------------------------


def test_splits_and_seeds_have_streams_of_their_own() -> None:
    sources = [Source(0), Source(1), Source(0, "train"), Source(1, "train")]
    assert len({source.stream("a").below(2**60) for source in sources}) == 4


def test_one_key_in_five_is_held_out_half_of_them_for_the_public_seed() -> None:
    keys = range(5000)
    public, fresh, other, train = (
        {key for key in keys if source.admits("key", key)}
        for source in (Source(0), Source(1), Source(7), Source(0, "train"))
    )
    assert fresh == other
    assert train == {key for key in keys if Source(7, "train").admits("key", key)}
    assert not public & fresh
    assert train == set(keys) - public - fresh
    assert 400 < len(public) < 600
    assert 400 < len(fresh) < 600


def test_draw_gives_admitted_candidates_once() -> None:
    source = Source(0)
    drawn = [source.draw(lambda s: s.below(500), lambda v: v, "number", i) for i in range(40)]
    assert len(set(drawn)) == 40
    assert all(source.admits(json.dumps(value)) for value in drawn)


def test_same_keys_share_their_draw() -> None:
    source = Source(0)
    made: list[int] = []

    def make(stream: Stream) -> int:
        made.append(stream.below(10**6))
        return made[-1]

    first = source.draw(make, lambda v: v, "cluster", 1)
    calls = len(made)
    assert source.draw(make, lambda v: v, "cluster", 1) == first
    assert len(made) == calls
    assert source.draw(make, lambda v: v, "cluster", 2) != first


def test_splits_and_the_public_seed_share_no_candidate() -> None:
    sources = Source(0), Source(3), Source(0, "train")
    drawn = [{source.draw(lambda s: s.below(4000), lambda v: v, i) for i in range(200)} for source in sources]
    assert len(set.union(*drawn)) == sum(map(len, drawn))


def test_draws_under_other_keys_do_not_count_as_taken() -> None:
    both, alone = Source(0), Source(0)
    for i in range(40):
        both.draw(lambda s: s.below(500), lambda v: v, "level", 1, i)
    second = [both.draw(lambda s: s.below(500), lambda v: v, "level", 2, i) for i in range(40)]
    assert second == [alone.draw(lambda s: s.below(500), lambda v: v, "level", 2, i) for i in range(40)]


def test_draw_of_an_exhausted_space() -> None:
    source = Source(0)
    admitted = {v for v in range(60) if source.admits(json.dumps(v))}
    drawn = [source.draw(lambda s: s.below(60), lambda v: v, "small", i) for i in range(len(admitted))]
    assert set(drawn) == admitted
    with pytest.raises(SpecError, match=r"\('small', 99\): no new item for split test in 1000 draws; widen the gen"):
        source.draw(lambda s: s.below(60), lambda v: v, "small", 99)


# --- building --------------------------------------------------------------------------------------------------------


def numbers(source: Source, level: int, n: int) -> list[Item]:
    """Return n small items, two a cluster."""
    return [
        {
            "item_id": f"n-{level}-{i}",
            "cluster_id": f"n-{level}-{i // 2}",
            "stratum": "odd" if i % 2 else "even",
            "level": level,
            "prompt": f"{i % 2} {source.draw(lambda s: s.below(10**9), lambda v: v, level, i // 2)}",
        }
        for i in range(n)
    ]


@settings(deadline=None)
@given(few=st.integers(1, 20), more=st.integers(1, 20), seed=st.integers(0, 5))
def test_fewer_clusters_are_a_prefix_of_each_level(few: int, more: int, seed: int) -> None:
    made = [build(numbers, levels=[1, 2], clusters=k, per_cluster=2, source=Source(seed)) for k in (few, few + more)]
    for level in (1, 2):
        short, long = ([item for item in all_ if item["level"] == level] for all_ in made)
        assert long[: len(short)] == short


@pytest.mark.parametrize("levels", [(0,), (1, 2), (1, 2, 3)])
@pytest.mark.parametrize("clusters", [1, 5, 9, 40])
def test_levels_get_equal_shares(levels: tuple[int, ...], clusters: int) -> None:
    made = build(numbers, levels=levels, clusters=clusters, per_cluster=2, source=Source(0))
    assert len(made) == 2 * clusters
    shares = [sum(item["level"] == level for item in made) // 2 for level in levels]
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)
    assert [item["level"] for item in made] == sorted(item["level"] for item in made)


def test_wrong_number_of_items() -> None:
    with pytest.raises(SpecError, match="short: asked for 10 items, got 9"):
        build(short, levels=[0], clusters=10, per_cluster=1, source=Source(0))


def short(source: Source, level: int, n: int) -> list[Item]:
    return numbers(source, level, n)[:-1]


@pytest.mark.parametrize("field", items.REQUIRED_FIELDS)
def test_item_without_a_field(field: str) -> None:
    def lacking(source: Source, level: int, n: int) -> list[Item]:
        return [{k: v for k, v in item.items() if k != field} for item in numbers(source, level, n)]

    with pytest.raises(SpecError, match=rf"lacking: item (n-0-0|\?) lacks {field}"):
        build(lacking, levels=[0], clusters=2, per_cluster=1, source=Source(0))


def test_item_with_other_fields_than_the_first() -> None:
    def uneven(source: Source, level: int, n: int) -> list[Item]:
        made = numbers(source, level, n)
        return [*made[:-1], made[-1] | {"hint": "none"}]

    with pytest.raises(SpecError, match="uneven: item n-0-2 has other fields than n-0-0"):
        build(uneven, levels=[0], clusters=3, per_cluster=1, source=Source(0))


def test_item_that_repeats_another_under_a_new_name() -> None:
    def repeating(source: Source, level: int, n: int) -> list[Item]:
        made = numbers(source, level, n)
        return [*made[:-1], made[0] | {"item_id": "new"}]

    with pytest.raises(SpecError, match="repeating: item new repeats an earlier item"):
        build(repeating, levels=[0], clusters=3, per_cluster=1, source=Source(0))


def test_digest_sees_content_and_order_but_not_the_order_of_fields() -> None:
    one: list[Item] = [{"a": 1, "b": "é"}, {"a": 2, "b": "x"}]
    assert digest(one) == sha256('{"a":1,"b":"é"}\n{"a":2,"b":"x"}\n'.encode()).hexdigest()
    assert digest([{"b": "é", "a": 1}, one[1]]) == digest(one)
    assert digest(one[::-1]) != digest(one)
    assert digest([one[0] | {"a": 3}, one[1]]) != digest(one)


# --- tracks, profiles and generators by name -------------------------------------------------------------------------


@pytest.mark.parametrize(("profile", "expected"), [("pilot", 40), ("lite", 120), ("standard", 300), ("full", 600)])
def test_clusters_of_a_profile(profile: str, expected: int) -> None:
    assert n_clusters(300, profile) == expected


def test_no_profile_asks_for_fewer_than_the_least() -> None:
    assert [n_clusters(40, profile) for profile in PROFILES] == [40, 40, 40, 80]
    assert PILOT_CLUSTERS == 40


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("standart", r"profile 'standart' is unknown\. Did you mean standard\?"),
        ("ful", r"profile 'ful' is unknown\. Did you mean full\?"),
        ("", r"profile '' is unknown\. Known: full, lite, pilot, standard\."),
    ],
)
def test_unknown_profile(name: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        n_clusters(300, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smal", r"track 'smal' is unknown\. Did you mean small\?"),
        ("stadnard", r"track 'stadnard' is unknown\. Did you mean standard\?"),
        ("zzz", r"track 'zzz' is unknown\. Known: .*small, standard, toy\."),
    ],
)
def test_unknown_track(name: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        levels_of(name)


def test_levels_of_tracks() -> None:
    assert [levels_of(track) for track in ("toy", "small", "standard")] == [(0,), (1, 2), (2, 3)]
    assert {level for levels in TRACKS.values() for level in levels} == set(spec.LEVELS)


# --- a package of one task -------------------------------------------------------------------------------------------

GENERATORS = '''
def words(source, level, n):
    """Return n words."""
    return [
        {"item_id": f"w-{level}-{i}", "cluster_id": f"w-{level}-{i}", "stratum": "all", "level": level,
         "prompt": f"{source.stream(level, i).below(10**9)}"}
        for i in range(n)
    ]
'''

MEASURE: dict[str, Any] = {
    "schema_version": 1,
    "row": "tail",
    "generator": "words",
    "clusters": 40,
    "per_cluster": 1,
    "readout": "greedy",
    "observable": "answer",
    "discrepancy": "disagreement",
    "utility": "correct",
    "direction": "higher",
}

SUITE: dict[str, Any] = {
    "group": "as_suite_tiny",
    "task": ["as_tiny"],
    "metadata": {
        "version": 0.1,
        "angels_share": {
            "scenario": "A scenario.",
            "for_whom": "Somebody.",
            "primary": {"task": "as_tiny", "metric": "correct", "chance": [0.0] * 5},
            "rows": {"tail": {"weight": 1.0, "primary_task": "as_tiny"}},
            "stress_tests": {"rare things": ["as_tiny"]},
        },
    },
}


class Package:
    """A folder with tasks and suites, in place of the installed ones."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.task_file = root / "tasks" / "tail" / "as_tiny.yaml"
        self.suite_file = root / "suites" / "tiny.yaml"
        self.lock_file = root / "tasks" / "LOCK.json"
        for path in (self.task_file, self.suite_file):
            path.parent.mkdir(parents=True)
        (self.task_file.parent / "generators.py").write_text(GENERATORS, "utf-8")
        self.write_task()
        self.write_suite()

    def write_task(self, version: float = 0.1, **changed: Any) -> None:
        metadata = {"version": version, "angels_share": MEASURE | changed}
        self.write(self.task_file, {"task": "as_tiny", "metadata": metadata})

    def write_suite(self, **changed: Any) -> None:
        block = {**SUITE["metadata"]["angels_share"], **changed}
        self.write(self.suite_file, SUITE | {"metadata": {"version": 0.1, "angels_share": block}})

    def write(self, path: Path, content: object) -> None:
        path.write_text(yaml.safe_dump(content), "utf-8")
        forget()


def forget() -> None:
    for cached in (
        spec.task_files,
        spec.tasks,
        spec.suites,
        spec.rows,
        spec.hub_entries,
        spec._hub_tasks,
        spec.lock,
    ):
        cached.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    monkeypatch.setattr(spec, "package_folder", lambda name: tmp_path / name)
    yield Package(tmp_path)
    forget()


def test_package_is_read(package: Package) -> None:
    assert spec.task("as_tiny").measure.model_dump() == MEASURE | {
        "statistics": (),
        "first_stage": None,
        "sides": None,
        **spec.OF_STOCK,
    }
    assert spec.task("as_tiny").version == 0.1
    assert spec.suite("tiny").tasks == ("as_tiny",)
    assert spec.suite("tiny").weights == {"tail": 1.0}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("as_boundary_lader", r"task 'as_boundary_lader' is unknown\. Did you mean as_boundary_ladder"),
        ("zzz", r"task 'zzz' is unknown\. Known: anli_r3, .*as_applied_budget, .*as_tail_zipf_sample, .*wikitext\."),
    ],
)
def test_unknown_task(name: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec.task(name)


@pytest.mark.parametrize("name", ["high_rsk", "as_suite_high_rsk", "hgh_risk"])
def test_unknown_suite_with_a_near_name(name: str) -> None:
    with pytest.raises(SpecError, match=rf"suite '{name}' is unknown\. Did you mean high_risk or high_risk_hub\?"):
        spec.suite(name)


def test_unknown_suite_far_from_all() -> None:
    with pytest.raises(SpecError, match=r"suite 'zzz' is unknown\. Known: .*high_risk"):
        spec.suite("zzz")


def test_suite_by_its_name_and_by_its_group() -> None:
    assert spec.suite("high_risk") == spec.suite("as_suite_high_risk")


def test_weights_add_up_to_one(package: Package) -> None:
    rows = {"tail": {"weight": 0.75, "primary_task": "as_tiny"}, "safety": {"weight": 0.25, "primary_task": "as_tiny"}}
    package.write_suite(rows=rows)
    assert spec.suite("tiny").weights == {"tail": 0.75, "safety": 0.25}


def test_loader_is_told_of_its_file_and_its_switch(package: Package) -> None:
    given_ = {"config_source": str(package.task_file), "angels_share": MEASURE, "pretrained": "ignored"}
    made = load(**given_, as_track="toy", as_profile="full", as_seed=3)["test"]
    generator = find_generator(package.task_file.parent, "words")
    assert list(made) == build(generator, levels=[0], clusters=80, per_cluster=1, source=Source(3))
    default = load(**given_)["test"]
    assert (len(default), {item["level"] for item in default}) == (40, {1, 2})


@pytest.mark.parametrize("switch", [{"as_track": "smal"}, {"as_profile": "lit"}])
def test_loader_refuses_an_unknown_switch(package: Package, switch: dict[str, str]) -> None:
    with pytest.raises(SpecError, match="Did you mean"):
        load(config_source=str(package.task_file), angels_share=MEASURE, **switch)


def test_unknown_generator(package: Package) -> None:
    with pytest.raises(SpecError, match=r"tail/generators\.py: no generator 'wrds'\. Did you mean words\?"):
        find_generator(package.task_file.parent, "wrds")


def test_folder_without_generators(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"generators\.py: no such file of generators"):
        load_module(tmp_path / "generators.py")


def test_a_generator_file_is_imported_once(package: Package) -> None:
    path = package.task_file.parent / "generators.py"
    assert load_module(path) is load_module(path.parent / ".." / "tail" / "generators.py")


@pytest.mark.parametrize("track", TRACKS)
def test_lm_eval_gets_the_very_documents_of_the_generators(track: str) -> None:
    from lm_eval.tasks import TaskManager

    names = [name for name, task in spec.tasks().items() if not task.measure.first_stage]
    switch: dict[str, Any] = {"as_track": track, "as_profile": "pilot", "as_seed": 3}
    switch["as_canaries"] = canaries.key_of(3, levels_of(track), "pilot").content
    manager = TaskManager(include_path=str(items.package_folder("tasks")), include_defaults=False, metadata=switch)
    for name, task in manager.load(names)["tasks"].items():
        made = make_items(name, track, "pilot", 3)
        assert [document_hash(document) for document in task.eval_docs] == [document_hash(item) for item in made]


# --- files that do not fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("task: [", "cannot be read as YAML"),
        ("- a\n- b\n", "expected a mapping, found list"),
        ("", "expected a mapping, found NoneType"),
        ("just words", "expected a mapping, found str"),
        ("a: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
    ],
)
def test_yaml_that_is_no_mapping_names_its_file(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "as_bad.yaml"
    path.write_text(content, "utf-8")
    with pytest.raises(SpecError, match=message) as caught:
        spec.read_yaml(path)
    assert str(caught.value).startswith(str(path))


def test_missing_yaml_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"as_gone\.yaml: cannot be read as YAML: .*No such file"):
        spec.read_yaml(tmp_path / "as_gone.yaml")


def test_functions_stay_names(tmp_path: Path) -> None:
    path = tmp_path / "as_f.yaml"
    path.write_text("custom_dataset: !function no_such_module.load\n", "utf-8")
    assert spec.read_yaml(path) == {"custom_dataset": "no_such_module.load"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"row": "bondary"}, r"row: .*row 'bondary' is unknown\. Did you mean boundary\?"),
        ({"clusters": 39}, "a generator makes at least 40 clusters of at least one item"),
        ({"per_cluster": 0}, "a generator makes at least 40 clusters of at least one item"),
        ({"clusters": -1}, "clusters: Input should be greater than or equal to 0"),
        ({"cluster_field": "topic"}, "cluster_field, filter and metric are for tasks of lm-eval's own"),
        ({"filter": "strict"}, "cluster_field, filter and metric are for tasks of lm-eval's own"),
        ({"metric": "acc"}, "cluster_field, filter and metric are for tasks of lm-eval's own"),
        ({"utility": "logged_metric"}, "the utility logged_metric is lm-eval's metric; name both or neither"),
        ({"readout": "guessed"}, "readout: Input should be 'likelihood', 'greedy' or 'sampled'"),
        ({"schema_version": 2}, "schema_version: Input should be 1"),
        ({"unknown_key": 1}, "unknown_key: Extra inputs are not permitted"),
        ({"utility": None}, "a task with a utility has direction 'higher', a task without one has 'none'"),
        ({"direction": "none"}, "a task with a utility has direction 'higher'"),
        ({"direction": "lower"}, "direction: Input should be 'higher' or 'none'"),
    ],
)
def test_task_that_does_not_fit_names_its_file(package: Package, changed: dict[str, Any], message: str) -> None:
    package.write_task(**changed)
    with pytest.raises(SpecError, match=message) as caught:
        spec.task("as_tiny")
    assert str(caught.value).startswith(f"{package.task_file}: metadata.angels_share of as_tiny: ")


def test_measure_block_without_a_field(package: Package) -> None:
    block = {k: v for k, v in MEASURE.items() if k != "observable"}
    package.write(package.task_file, {"task": "as_tiny", "metadata": {"version": 0.1, "angels_share": block}})
    with pytest.raises(SpecError, match="observable: Field required"):
        spec.tasks()


def test_task_without_a_measure_block(package: Package) -> None:
    package.write(package.task_file, {"task": "as_tiny", "metadata": {"version": 0.1}})
    with pytest.raises(SpecError, match=r"as_tiny\.yaml: task as_tiny has no metadata\.angels_share block, so nothing"):
        spec.tasks()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rows": {"tial": {"weight": 1, "primary_task": "as_tiny"}}}, r"unknown row 'tial'\. Did you mean tail\?"),
        (
            {"rows": {"tail": {"weight": 1, "primary_task": "as_other"}}},
            "as_other is a primary task but not in the suite's list",
        ),
        (
            {"primary": {"task": "as_other", "metric": "x", "chance": [0] * 5}},
            "as_other is a primary task but not in the",
        ),
        (
            {"primary": {"task": "as_tiny", "metric": "x", "chance": [1] * 5}},
            r"chance\.0: Input should be less",
        ),
        (
            {"primary": {"task": "as_tiny", "metric": "x", "chance": [0]}},
            r"chance: Tuple should have at least 5",
        ),
        ({"rows": {"tail": {"weight": 0, "primary_task": "as_tiny"}}}, r"rows\.tail\.weight: Input should be greater"),
        (
            {"rows": {"tail": {"weight": 0.9, "primary_task": "as_tiny"}}},
            r"add up to 0\.9, expected 1",
        ),
        (
            {"stress_tests": {"rare things": ["as_tinny"]}},
            "'rare things' names as_tinny, which is not in",
        ),
        ({"stress_tests": {"rare things": []}}, "the stress test 'rare things' names no task"),
        ({"epsilon": 0}, "epsilon: Input should be greater than 0"),
        ({"tau": 1}, "tau: Input should be less than 1"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_suite_that_does_not_fit_names_its_file(package: Package, changed: dict[str, Any], message: str) -> None:
    package.write_suite(**changed)
    with pytest.raises(SpecError, match=message) as caught:
        spec.suites()
    assert str(caught.value).startswith(str(package.suite_file))


def test_suite_that_names_a_task_twice(package: Package) -> None:
    package.write(package.suite_file, SUITE | {"task": ["as_tiny", "as_tiny"]})
    with pytest.raises(SpecError, match=r"tiny\.yaml: .*a task is named twice"):
        spec.suites()


def test_suite_without_its_block(package: Package) -> None:
    package.write(package.suite_file, {"group": "as_suite_tiny", "task": ["as_tiny"]})
    with pytest.raises(SpecError, match=r"tiny\.yaml: metadata\.angels_share is missing; a suite names its rows"):
        spec.suites()


# --- digests and the lock --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"row": "safety"},
        {"generator": "other"},
        {"clusters": 41},
        {"per_cluster": 2},
        {"readout": "sampled"},
        {"observable": "option_counts"},
        {"discrepancy": "other"},
        {"utility": "other"},
        {"utility": None, "direction": "none"},
    ],
)
def test_changed_measure_block_changes_the_digest(changed: dict[str, Any]) -> None:
    before = spec.task_spec("as_tiny", {"version": 0.1, "angels_share": MEASURE}, "here")
    after = spec.task_spec("as_tiny", {"version": 0.1, "angels_share": MEASURE | changed}, "here")
    assert before.digest != after.digest


def test_digest_does_not_depend_on_the_order_of_keys() -> None:
    turned = dict(reversed(MEASURE.items()))
    one, other = (spec.task_spec("as_tiny", {"version": 0.1, "angels_share": m}, "here") for m in (MEASURE, turned))
    assert one.digest == other.digest


@pytest.mark.parametrize(
    "changed",
    [
        {"tau": 0.1},
        {"epsilon": 0.1},
        {"primary": {"task": "as_tiny", "metric": "correct", "chance": 0.1}},
        {"primary_in_words": {"task": "as_tiny", "metric": "correct", "chance": 0}},
        {"rows": {row: {"weight": 0.5, "primary_task": "as_tiny"} for row in ("tail", "safety")}},
    ],
)
def test_changed_suite_changes_its_digest(package: Package, changed: dict[str, Any]) -> None:
    before = spec.suite("tiny").digest
    package.write_suite(**changed)
    assert spec.suite("tiny").digest != before


@pytest.mark.parametrize("changed", [{"scenario": "Another."}, {"for_whom": "Others."}, {"stress_tests": {}}])
def test_words_about_a_suite_leave_its_digest(package: Package, changed: dict[str, Any]) -> None:
    before = spec.suite("tiny").digest
    package.write_suite(**changed)
    assert spec.suite("tiny").digest == before


def test_without_a_lock_nothing_is_pinned(package: Package) -> None:
    assert spec.lock() == {}
    assert spec.locked_digest(spec.task("as_tiny")) is None


def test_lock_pins_the_measure_and_the_items_of_every_level(package: Package) -> None:
    made = spec.make_lock()
    assert set(made) == {"as_tiny@0.1"}
    entry = made["as_tiny@0.1"]
    assert entry["measure"] == spec.task("as_tiny").digest
    generator = find_generator(package.task_file.parent, "words")
    assert entry["items"] == {str(level): digest(generator(Source(0), level, 80)) for level in spec.LEVELS}


def test_locked_digest_is_that_of_task_and_version(package: Package) -> None:
    package.lock_file.write_text(json.dumps(spec.make_lock()), "utf-8")
    forget()
    locked = spec.task("as_tiny")
    assert spec.locked_digest(locked) == locked.digest
    assert spec.locked_digest(locked.model_copy(update={"version": 0.2})) is None
    assert spec.locked_digest(locked.model_copy(update={"name": "as_other"})) is None


def test_lock_shows_a_changed_measure(package: Package) -> None:
    package.lock_file.write_text(json.dumps(spec.make_lock()), "utf-8")
    package.write_task(discrepancy="other")
    changed = spec.task("as_tiny")
    assert spec.locked_digest(changed) not in (None, changed.digest)


def test_lock_shows_changed_items(package: Package) -> None:
    before = spec.make_lock()["as_tiny@0.1"]
    package.write_task(clusters=50)
    assert spec.make_lock()["as_tiny@0.1"]["items"] != before["items"]
