"""Reading run folders: every column comes back as it was written, and every defect is refused in words."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from angels_share import canaries, spec
from angels_share.errors import AngelsShareError, LogError, SpecError
from angels_share.items import Item, Source, find_generator
from angels_share.logs import (
    Run,
    Settings,
    TaskLog,
    document_hash,
    likelihood_columns,
    raw_results,
    raw_rows,
    read_run,
    text_columns,
)
from synthetic import FIVE_TASKS, STAMP, make_items, noisy, write_run
from test_canaries import change_metadata, write_privacy

LADDER, CONFIDENCE, SAMPLE = "as_boundary_ladder", "as_calibration_confidence", "as_distribution_sample"
TASKS = FIVE_TASKS.tasks
OTHER_STAMP = "2026-02-02T00-00-00.000000"

Rows = list[dict[str, Any]]


def results_file(folder: Path) -> Path:
    return next(folder.rglob("results_*.json"))


def samples_file(folder: Path, task: str = LADDER) -> Path:
    return next(folder.rglob(f"samples_{task}_*.jsonl"))


def change_results(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(results_file(folder).read_text("utf-8"))
    change(content)
    results_file(folder).write_text(json.dumps(content), "utf-8")


def change_rows(folder: Path, change: Callable[[Rows], Rows], task: str = LADDER) -> None:
    path = samples_file(folder, task)
    rows = change([json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]])
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def second_run(folder: Path, **changed: Any) -> Path:
    """Write another run, with a later date stamp, into the folder of a first one; return its results file."""
    spare = folder.with_name("spare")
    write_run(spare, [LADDER], noisy(2), **changed)
    place = next(folder.iterdir())
    for path in sorted(spare.rglob("*_*")):
        path.rename(place / path.name.replace(STAMP, OTHER_STAMP))
    shutil.rmtree(spare)
    return place / f"results_{OTHER_STAMP}.json"


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    """Return a run of one greedy task."""
    return write_run(tmp_path / "run", [LADDER], noisy(1))


@pytest.fixture
def likely(tmp_path: Path) -> Path:
    """Return a run of one likelihood task."""
    return write_run(tmp_path / "run", [CONFIDENCE], noisy(1))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of the whole suite."""
    return write_run(tmp_path_factory.mktemp("whole"), TASKS, noisy(1), model="models/toy-teacher", sampling_seed=11)


@pytest.fixture(scope="module")
def read(whole: Path) -> Run:
    return read_run(whole)


# --- what is read ----------------------------------------------------------------------------------------------------


def test_every_task_is_read_with_its_model_and_source(read: Run, whole: Path) -> None:
    assert tuple(read.tasks) == TASKS
    assert read.model == "models/toy-teacher"
    assert read.place == str(whole)
    assert set(read.sources.values()) == {results_file(whole)}


@pytest.mark.parametrize("name", TASKS)
def test_items_and_responses_are_those_written(read: Run, name: str) -> None:
    log, items, answer = read.tasks[name], make_items(name), noisy(1)
    written = [answer(spec.task(name), item) for item in items]
    assert log.spec == spec.task(name)
    assert list(log.items) == items
    assert log.doc_hash == tuple(document_hash(item) for item in items)
    if log.spec.measure.readout == "likelihood":
        assert log.texts is None
        assert log.log_likelihoods is not None
        for row, values in zip(log.log_likelihoods, written, strict=True):
            assert row[: len(values)].tolist() == list(values)
            assert np.isnan(row[len(values) :]).all()
    else:
        assert log.log_likelihoods is None
        assert log.texts == tuple((text,) if isinstance(text, str) else tuple(text) for text in written)


def test_settings_are_those_of_the_run(tmp_path: Path) -> None:
    folder = write_run(
        tmp_path, [LADDER, SAMPLE], noisy(1), track="small", profile="lite", item_seed=7, sampling_seed=5
    )
    change_results(folder, lambda r: r.update(chat_template_sha="c0ffee", system_instruction_sha="5e7"))
    log = read_run(folder).tasks[SAMPLE]
    assert (log.settings.track, log.settings.profile, log.settings.item_seed) == ("small", "lite", 7)
    assert (log.settings.sampling_seed, log.settings.num_fewshot, log.settings.backend) == (5, 0, "hf")
    assert (log.settings.dtype, log.settings.batch_size, log.settings.lm_eval_version) == (
        "torch.float32",
        "16",
        "0.4.13",
    )
    assert (log.settings.chat_template_sha, log.settings.system_instruction_sha) == ("c0ffee", "5e7")
    assert log.settings.generation_kwargs["temperature"] == 1.0
    assert log.settings.generation_kwargs["top_k"] == 0
    assert len(log.items) == spec.task(SAMPLE).measure.clusters * 0.4


def test_switch_that_was_not_set_has_lm_evals_defaults(ladder: Path) -> None:
    def forget(results: dict[str, Any]) -> None:
        for key in ("as_track", "as_profile", "as_seed"):
            del results["configs"][LADDER]["metadata"][key]
        del results["config"]["torch_seed"], results["config"]["model_dtype"], results["config"]["batch_size"]

    change_results(ladder, forget)
    log = read_run(ladder).tasks[LADDER]
    assert (log.settings.track, log.settings.profile, log.settings.item_seed) == ("small", "standard", 0)
    assert (log.settings.sampling_seed, log.settings.dtype, log.settings.batch_size) == (None, None, None)


def test_access_is_what_the_run_declares(ladder: Path) -> None:
    assert read_run(ladder).tasks[LADDER].settings.access == "likelihood"
    change_metadata(results_file(ladder), as_access="text")
    assert read_run(ladder).tasks[LADDER].settings.access == "text"
    change_metadata(results_file(ladder), as_access="words")
    with pytest.raises(LogError, match=f"{LADDER}: --metadata as_access is 'words'; it is one of likelihood, text"):
        read_run(ladder)


SECRETS, RECITED = "as_privacy_canary", "as_privacy_extract_text"
KEY = canaries.key_of(7, (0,), "pilot")


def test_log_of_a_privacy_task_carries_its_key(tmp_path: Path) -> None:
    log = read_run(write_privacy(tmp_path / "run", [SECRETS], noisy(1), KEY, item_seed=3)).tasks[SECRETS]
    assert log.settings.canaries == KEY
    assert log.settings.item_seed == 3
    assert log.settings.switch == {
        "as_track": "toy", "as_profile": "pilot", "as_seed": 3, "as_canaries": KEY.content,
    }  # fmt: skip
    assert list(log.items) == make_items(SECRETS, seed=7)


def test_key_means_nothing_to_other_tasks(ladder: Path) -> None:
    change_metadata(results_file(ladder), as_canaries=KEY.content)
    log = read_run(ladder).tasks[LADDER]
    assert log.settings.canaries is None
    assert log.settings.switch == {"as_track": "toy", "as_profile": "pilot", "as_seed": 0}


def test_key_that_plain_lm_eval_was_given_as_a_file_stays_its_name(tmp_path: Path) -> None:
    folder = write_privacy(tmp_path / "run", [SECRETS], noisy(1), KEY)
    change_metadata(results_file(folder), as_canaries="there/key.json")
    settings = read_run(folder).tasks[SECRETS].settings
    assert settings.canaries == settings.switch["as_canaries"] == "there/key.json"


def test_documents_of_ones_own_go_before_the_key_where_the_task_takes_them(tmp_path: Path) -> None:
    folder = write_privacy(tmp_path / "run", [SECRETS, RECITED], noisy(1), KEY)
    change_metadata(results_file(folder), as_members="in.jsonl", as_nonmembers="out.jsonl")
    held = read_run(folder).tasks
    assert (held[SECRETS].settings.canaries, held[RECITED].settings.canaries) == (KEY, None)


@pytest.mark.parametrize("given", [3, [], {}, {"seed": 7}, KEY.content | {"path": "/home"}, KEY.content | {"seed": -1}])
def test_garbled_key(tmp_path: Path, given: object) -> None:
    folder = write_privacy(tmp_path / "run", [SECRETS], noisy(1), KEY)
    change_metadata(results_file(folder), as_canaries=given)
    with pytest.raises(LogError, match=f"the settings of {SECRETS} are garbled") as caught:
        read_run(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"model_args": "pretrained=org/model,dtype=float32"}, "org/model"),
        ({"model_args": {"model": "gpt-x"}}, "gpt-x"),
        ({"model_args": {}}, "recorded"),
        ({"model_args": None}, "recorded"),
        ({"model_args": "dtype=float32"}, "recorded"),
    ],
)
def test_model_is_named_from_its_arguments(ladder: Path, config: dict[str, Any], name: str) -> None:
    change_results(ladder, lambda r: (r["config"].update(config), r.update(model_name="recorded")))
    assert read_run(ladder).model == name


def test_rows_in_any_order_are_put_in_order(ladder: Path) -> None:
    before = read_run(ladder).tasks[LADDER]
    change_rows(ladder, lambda rows: rows[30:] + rows[:30][::-1])
    after = read_run(ladder).tasks[LADDER]
    assert (after.items, after.texts, after.doc_hash) == (before.items, before.texts, before.doc_hash)


def test_folder_names_with_pattern_characters_are_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run [old] *?{a,b}", [LADDER], noisy(1))
    assert len(read_run(folder).tasks[LADDER].items) == 60


def test_results_file_instead_of_its_folder(ladder: Path) -> None:
    later = second_run(ladder)
    earlier = results_file(ladder).with_name(f"results_{STAMP}.json")
    first, second = (read_run(path).tasks[LADDER] for path in (earlier, later))
    assert first.responses_digest == read_noisy(1).responses_digest
    assert second.responses_digest == read_noisy(2).responses_digest


def read_noisy(seed: int) -> TaskLog:
    """Return the log of ``noisy(seed)`` on the ladder, without a file."""
    items = tuple(make_items(LADDER))
    conditions = Settings("toy", "pilot", 0, 1, 0, {}, "hf", None, None, "0.4.13", None, None)
    return TaskLog(
        spec.task(LADDER),
        conditions,
        items,
        doc_hash=tuple(document_hash(item) for item in items),
        texts=tuple((str(noisy(seed)(spec.task(LADDER), item)),) for item in items),
    )


def test_only_the_tasks_asked_for(whole: Path) -> None:
    assert list(read_run(whole, only=[LADDER]).tasks) == [LADDER]
    assert list(read_run(whole, only=[LADDER, "as_not_there"]).tasks) == [LADDER]


def test_only_leaves_damaged_tasks_alone(tmp_path: Path) -> None:
    folder = write_run(tmp_path, [LADDER, CONFIDENCE], noisy(1))
    samples_file(folder, CONFIDENCE).write_text("garbage", "utf-8")
    assert list(read_run(folder, only=[LADDER]).tasks) == [LADDER]


def test_foreign_tasks_are_left_alone(ladder: Path) -> None:
    foreign = {"arc_easy": {"metadata": {"version": 1.0}}, "old_task": {"metadata": None}, "bare": {}}
    change_results(ladder, lambda r: r["configs"].update(foreign))
    assert list(read_run(ladder).tasks) == [LADDER]


def test_raw_rows_and_results_are_as_lm_eval_wrote_them(ladder: Path) -> None:
    change_rows(ladder, lambda rows: [row | {"extra": "a\u2028b"} for row in rows[::-1]])
    run = read_run(ladder)
    rows = raw_rows(run, LADDER)
    assert [row["doc_id"] for row in rows] == list(range(60))
    assert [row["doc"] for row in rows] == list(run.tasks[LADDER].items)
    assert {row["extra"] for row in rows} == {"a\u2028b"}
    assert raw_results(run, LADDER) == json.loads(results_file(ladder).read_text("utf-8"))


# --- hashes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("level", spec.LEVELS)
def test_document_hash_is_lm_evals(name: str, level: int) -> None:
    from lm_eval.utils import handle_non_serializable, hash_string

    measure = spec.task(name).measure
    generator = find_generator(spec.task_files()[name].parent, measure.generator)
    for item in generator(Source(0), level, 12):
        text = json.dumps(item, indent=2, default=handle_non_serializable, ensure_ascii=False)
        assert document_hash(item) == hash_string(text)


def test_document_hash_sees_every_change() -> None:
    docs: list[Item] = [{"a": 1}, {"a": 2}, {"a": "1"}, {"b": 1}, {"a": 1, "b": None}, {"a": "é"}, {"a": "\\u00e9"}]
    assert len({document_hash(doc) for doc in docs}) == len(docs)


def test_digests_do_not_depend_on_the_order_of_rows(read: Run) -> None:
    for log in read.tasks.values():
        turned = TaskLog(
            spec=log.spec,
            settings=log.settings,
            items=log.items[::-1],
            doc_hash=log.doc_hash[::-1],
            log_likelihoods=None if log.log_likelihoods is None else log.log_likelihoods[::-1],
            texts=None if log.texts is None else log.texts[::-1],
        )
        assert turned.items_digest == log.items_digest
        assert turned.responses_digest == log.responses_digest


def test_responses_digest_sees_one_changed_answer(ladder: Path) -> None:
    before = read_run(ladder).tasks[LADDER]
    change_rows(ladder, lambda rows: [rows[0] | {"resps": [["another"]]}, *rows[1:]])
    after = read_run(ladder).tasks[LADDER]
    assert after.responses_digest != before.responses_digest
    assert after.items_digest == before.items_digest


def test_responses_digest_sees_to_whom_an_answer_was_given(ladder: Path) -> None:
    change_rows(ladder, lambda rows: [row | {"resps": [[str(i)]]} for i, row in enumerate(rows)])
    before = read_run(ladder).tasks[LADDER]

    def swap(rows: Rows) -> Rows:
        rows[0]["resps"], rows[1]["resps"] = rows[1]["resps"], rows[0]["resps"]
        return rows

    change_rows(ladder, swap)
    assert read_run(ladder).tasks[LADDER].responses_digest != before.responses_digest


def test_column_reads_a_field_of_the_items(read: Run) -> None:
    log = read.tasks[LADDER]
    assert log.column("stratum").tolist() == [item["stratum"] for item in log.items]
    assert log.column("level").tolist() == ["0"] * 60


# --- values survive the file -----------------------------------------------------------------------------------------

AWKWARD = ["", " ", "\n", "\r\n", "\0", "\x85", "\u2028", '"', "\\", "\\n", "😀", "null", "[]", "é", "e\u0301"]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(ANY_TEXT, min_size=60, max_size=60))
@example(texts=AWKWARD * 4)
def test_any_text_survives(ladder: Path, texts: list[str]) -> None:
    change_rows(ladder, lambda rows: [row | {"resps": [[text]]} for row, text in zip(rows, texts, strict=True)])
    assert read_run(ladder).tasks[LADDER].texts == tuple((text,) for text in texts)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=st.lists(st.floats(max_value=0, allow_infinity=False, allow_nan=False), min_size=4, max_size=4))
def test_any_log_likelihood_survives_to_the_last_bit(likely: Path, values: list[float]) -> None:
    resps = [[[str(v), "False"]] for v in values]
    change_rows(likely, lambda rows: [rows[0] | {"resps": resps}, *rows[1:]], CONFIDENCE)
    read = read_run(likely).tasks[CONFIDENCE].log_likelihoods
    assert read is not None
    assert read[0].tolist() == values


def test_fewer_options_than_others_leave_nan() -> None:
    rows = [[[["-1.0", "True"]], [["-2.0", "False"]]], [[["-3.0", "True"]]]]
    items: list[Item] = [{"choices": ["a", "b"]}, {"choices": ["a"]}]
    read = likelihood_columns(rows, items, "here")
    assert read[0].tolist() == [-1.0, -2.0]
    assert read[1, 0] == -3.0
    assert math.isnan(read[1, 1])


# --- what is refused: folders and results files ----------------------------------------------------------------------


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"nowhere: no such folder; give the --output_path of an lm-eval run"):
        read_run(tmp_path / "nowhere")


def test_folder_without_results(tmp_path: Path) -> None:
    (tmp_path / "samples_x.jsonl").write_text("{}", "utf-8")
    with pytest.raises(LogError, match=r"no results_\*\.json below it; was lm-eval run with --output_path"):
        read_run(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b'{"configs": {', b"\xff\xfe\x00", b"not json at all"])
def test_unreadable_results(ladder: Path, content: bytes) -> None:
    path = results_file(ladder)
    path.write_bytes(content)
    with pytest.raises(LogError, match=r"cannot be read as JSON .*was the run killed while writing it") as caught:
        read_run(ladder)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_truncated_results(ladder: Path, keep: float) -> None:
    path = results_file(ladder)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(LogError, match="cannot be read as JSON"):
        read_run(ladder)


@pytest.mark.parametrize("key", ["configs", "config", "n-samples", "lm_eval_version"])
def test_results_without_a_part(ladder: Path, key: str) -> None:
    change_results(ladder, lambda r: r.pop(key))
    with pytest.raises(LogError, match=rf"lacks {key}; it is not a results file of lm-eval 0\.4\.13 or newer"):
        read_run(ladder)


def test_no_stress_task_in_the_folder(ladder: Path) -> None:
    change_results(ladder, lambda r: r["configs"][LADDER]["metadata"].pop("angels_share"))
    with pytest.raises(LogError, match=r"holds no task with a metadata\.angels_share block; see `angels-share list`"):
        read_run(ladder)


def test_none_of_the_tasks_asked_for(ladder: Path) -> None:
    with pytest.raises(LogError, match=f"holds none of the tasks {CONFIDENCE}, {SAMPLE}"):
        read_run(ladder, only=[CONFIDENCE, SAMPLE])


def test_two_runs_of_a_task(ladder: Path) -> None:
    second_run(ladder)
    with pytest.raises(LogError, match=f"two runs of {LADDER}, results_2026-01.*json and results_2026-02.*json; keep"):
        read_run(ladder)


def test_two_models(tmp_path: Path) -> None:
    write_run(tmp_path, [LADDER], noisy(1), model="first")
    write_run(tmp_path, [CONFIDENCE], noisy(1), model="second")
    with pytest.raises(LogError, match=r"mixes the runs of several models: first in results_.* and second in results_"):
        read_run(tmp_path)


def test_measure_block_that_does_not_fit(ladder: Path) -> None:
    change_results(ladder, lambda r: r["configs"][LADDER]["metadata"]["angels_share"].update(readout="guess"))
    with pytest.raises(SpecError, match=rf"metadata\.angels_share of {LADDER}: readout: ") as caught:
        read_run(ladder)
    assert str(results_file(ladder)) in str(caught.value)


# --- what is refused: samples files ----------------------------------------------------------------------------------


def test_missing_samples_file(ladder: Path) -> None:
    path = samples_file(ladder)
    path.unlink()
    with pytest.raises(LogError, match="missing; run lm-eval with --log_samples, and keep both files") as caught:
        read_run(ladder)
    assert str(caught.value).startswith(str(path))


def test_samples_file_of_another_date(ladder: Path) -> None:
    path = samples_file(ladder)
    path.rename(path.with_name(path.name.replace(STAMP, OTHER_STAMP)))
    with pytest.raises(LogError, match="missing; run lm-eval with --log_samples"):
        read_run(ladder)


@pytest.mark.parametrize("cut", [1, 7, 100])
def test_row_cut_in_its_middle(ladder: Path, cut: int) -> None:
    path = samples_file(ladder)
    path.write_bytes(path.read_bytes()[: -1 - cut])
    with pytest.raises(LogError, match=r"garbled or truncated \(.*\); run the task again") as caught:
        read_run(ladder)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("kept", [0, 1, 59])
def test_rows_missing_at_the_end(ladder: Path, kept: int) -> None:
    change_rows(ladder, lambda rows: rows[:kept])
    with pytest.raises(LogError, match=rf"has {kept} rows where the results file counts 60; the file is truncated"):
        read_run(ladder)


@pytest.mark.parametrize("line", ["xx", "[1, 2]", '{"doc_id": 3', '"text"'])
def test_garbled_row(ladder: Path, line: str) -> None:
    path = samples_file(ladder)
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines[:3], line, *lines[4:]]) + "\n", "utf-8")
    with pytest.raises(LogError, match="garbled or truncated"):
        read_run(ladder)


def test_appended_rows(ladder: Path) -> None:
    change_rows(ladder, lambda rows: [*rows, rows[-1] | {"doc_id": 60}])
    with pytest.raises(LogError, match=r"has 61 rows where the results file counts 60; .* or was appended to"):
        read_run(ladder)


def test_run_appended_to_itself(ladder: Path) -> None:
    change_rows(ladder, lambda rows: rows + rows)
    with pytest.raises(LogError, match="document 1 is missing, repeated or lacks a field; run the task again"):
        read_run(ladder)


def test_document_in_place_of_another(ladder: Path) -> None:
    change_rows(ladder, lambda rows: [*rows[:5], rows[4], *rows[6:]])
    with pytest.raises(LogError, match="document 5 is missing, repeated or lacks a field"):
        read_run(ladder)


@pytest.mark.parametrize("key", ["doc_id", "doc", "resps", "doc_hash"])
def test_row_without_a_field(ladder: Path, key: str) -> None:
    change_rows(ladder, lambda rows: [{k: v for k, v in row.items() if k != key or i} for i, row in enumerate(rows)])
    with pytest.raises(LogError, match=r"document \d+ is missing, repeated or lacks a field"):
        read_run(ladder)


def test_log_with_limit(ladder: Path) -> None:
    change_results(ladder, lambda r: (r["config"].update(limit=10.0), r["n-samples"][LADDER].update(effective=10)))
    change_rows(ladder, lambda rows: rows[:10])
    with pytest.raises(LogError, match=rf"{LADDER} was run on 10 of 60 items \(--limit 10\.0\); .*choose a smaller"):
        read_run(ladder)


def test_log_with_a_limit_that_cut_nothing(ladder: Path) -> None:
    change_results(ladder, lambda r: r["config"].update(limit=1000))
    with pytest.raises(LogError, match=r"was run on 60 of 60 items \(--limit 1000\)"):
        read_run(ladder)


def test_log_of_chosen_samples(ladder: Path) -> None:
    change_results(ladder, lambda r: r["n-samples"][LADDER].update(effective=3))
    change_rows(ladder, lambda rows: rows[:3])
    with pytest.raises(LogError, match="was run on 3 of 60 items"):
        read_run(ladder)


def test_edited_document(ladder: Path) -> None:
    change_rows(ladder, lambda rows: [*rows[:7], rows[7] | {"doc": rows[7]["doc"] | {"answer": "0"}}, *rows[8:]])
    with pytest.raises(LogError, match=r"row 8: the document does not match its doc_hash; the log was edited"):
        read_run(ladder)


def test_several_filters(ladder: Path) -> None:
    change_rows(ladder, lambda rows: rows + [row | {"filter": "strict"} for row in rows])
    with pytest.raises(LogError, match=r"holds 2 filters, \['none', 'strict'\]; a stress task has one"):
        read_run(ladder)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "0.1", "3"])
def test_log_likelihood_out_of_range(likely: Path, value: str) -> None:
    def change(rows: Rows) -> Rows:
        rows[4]["resps"][1] = [[value, "False"]]
        return rows

    change_rows(likely, change, CONFIDENCE)
    with pytest.raises(LogError, match=r"row 5: log-likelihoods \[.*\] are not finite numbers at most 0"):
        read_run(likely)


@pytest.mark.parametrize("count", [0, 3, 5])
def test_wrong_number_of_options(likely: Path, count: int) -> None:
    change_rows(likely, lambda rows: [rows[0] | {"resps": [[["-1.0", "False"]]] * count}, *rows[1:]], CONFIDENCE)
    with pytest.raises(LogError, match=f"row 1: {count} responses for 4 options"):
        read_run(likely)


@pytest.mark.parametrize("row", ["text", 3, [["-1.0", "False"]], [[["much", "False"]]], [[]], [None]])
def test_responses_that_are_no_log_likelihoods(row: Any) -> None:
    with pytest.raises(LogError, match=r"here, row 1: responses .* are no log-likelihoods"):
        likelihood_columns([row], [{"choices": ["a"]}], "here")


def test_rounding_above_zero_is_not_refused() -> None:
    assert likelihood_columns([[[["1e-07", "True"]]]], [{"choices": ["a"]}], "here")[0, 0] == 1e-7


def test_ragged_repeats(tmp_path: Path) -> None:
    folder = write_run(tmp_path, [SAMPLE], noisy(1))
    change_rows(folder, lambda rows: [*rows[:6], rows[6] | {"resps": [rows[6]["resps"][0][:5]]}, *rows[7:]], SAMPLE)
    with pytest.raises(LogError, match="row 7: 5 repeats where the first row has 8"):
        read_run(folder)


@pytest.mark.parametrize("row", ["text", [], {}, ["text"], [["a"], ["b"]], [{"a": 1}]])
def test_responses_that_are_no_list_of_texts(row: Any) -> None:
    with pytest.raises(LogError, match=r"here, row 2: responses .* are no list of texts"):
        text_columns([[["fine"]], row], "here")


@pytest.mark.parametrize("row", [[[]], [[1]], [["a", None]]])
def test_responses_that_are_not_all_texts(row: Any) -> None:
    with pytest.raises(LogError, match=r"here, row 1: responses .* are not all texts"):
        text_columns([row], "here")


# --- damage anywhere -------------------------------------------------------------------------------------------------


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(kept=st.floats(0, 1, exclude_max=True), which=st.sampled_from(["results", "samples"]))
def test_a_file_cut_anywhere_is_refused(ladder: Path, kept: float, which: str) -> None:
    path = results_file(ladder) if which == "results" else samples_file(ladder)
    content = path.read_bytes()
    try:
        path.write_bytes(content.rstrip()[: int(kept * len(content.rstrip()))])
        with pytest.raises(LogError):
            read_run(ladder)
    finally:
        path.write_bytes(content)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.sampled_from(b'"{}[],:0\\\x00\xff\nx'))
def test_a_flipped_byte_in_the_samples_is_refused_or_only_changes_an_answer(
    ladder: Path, place: float, byte: int
) -> None:
    path = samples_file(ladder)
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[int(place * len(damaged))] = byte
    whole = read_noisy(1)
    try:
        path.write_bytes(damaged)
        try:
            log = read_run(ladder).tasks[LADDER]
        except AngelsShareError:
            return
        assert log.items == whole.items
        assert sum(ours != theirs for ours, theirs in zip(log.texts or (), whole.texts or (), strict=True)) <= 1
    finally:
        path.write_bytes(content)
