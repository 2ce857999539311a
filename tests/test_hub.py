"""The hub suites: lm-eval's own tasks run, read and scored as stress tasks, on small local copies of their data sets.

A made-up backend answers; what is right it has from ``hub_data``, which does not read logs.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hub_data
from angels_share import spec
from angels_share.discrepancies import get as get_discrepancy
from angels_share.errors import BundleError, LogError, RunError
from angels_share.harness import ModelChoice, PairRun, Settings, plan, run, stock
from angels_share.items import Stream, package_folder
from angels_share.logs import Run, read_run
from angels_share.logs.reading import raw_results, raw_rows
from angels_share.observables import get_utility
from angels_share.observables.registry import _OBSERVABLES
from angels_share.pairing import pair
from angels_share.score import PairScore, score_pair
from angels_share.score.measurable import observed
from angels_share.submission import pack
from angels_share.taxonomy import HUB, ROWS, SCENARIOS

SUITES = [f"{name}{HUB}" for name in SCENARIOS]
TASKS = sorted(spec.hub_entries())
CHOSEN = [name for name in TASKS if spec.task(name).measure.observable == "option_distribution"]
WRITTEN = [name for name in TASKS if spec.task(name).measure.readout == "greedy"]
SHARED = {  # options that are the same for every document
    "anli_r3", "bigbench_evaluating_information_essentiality_multiple_choice", "ethics_cm", "medmcqa",
    "medqa_4options", "pubmedqa", "toxigen", *hub_data.BELEBELE,
}  # fmt: skip
FOLDERS = (
    "anli arc belebele bigbench/multiple_choice drop gsm8k gsm_plus hendrycks_ethics lambada logiqa2 mbpp medmcqa "
    "medqa paws-x piqa pubmedqa toxigen triviaqa wikitext"
).split()
"""Where lm-eval keeps the tasks of the hub suites."""

SKILL = {"teacher": 90, "student": 60}
BACKEND = "hub_made_up"


def choice(name: str) -> ModelChoice:
    return ModelChoice(BACKEND, {"pretrained": name})


def planned(output: Path, *suites: str) -> PairRun:
    settings = Settings(suites, "toy", "pilot")
    return plan(output, settings, teacher=choice("teacher"), student=choice("student"), calibrate=False)


def of_last_word(i: int, name: str) -> float:
    """Return the probability that a model gives to the last word of a text, one that the teacher guesses or not."""
    p = (0.95, 0.9, 0.1, 0.05)[i % 4]
    return p if name == "teacher" else 0.7 * p


def per_byte(doc_id: int, name: str) -> float:
    """Return the mean probability of a byte of a page; pages differ far more than real ones, or none is measured."""
    return (5 + doc_id % 3 + 85 * Stream("page", doc_id).below(2)) * SKILL[name] / 1e4


# --- a backend without a model, and data sets without a network ------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def made_up_backend() -> None:
    """Register a backend that is right on as many documents in a hundred as its skill says, always the same ones."""
    from lm_eval.api.model import LM
    from lm_eval.api.registry import model_registry, register_model

    if BACKEND in model_registry:
        return

    @register_model(BACKEND)
    class MadeUp(LM):
        def __init__(self, pretrained: str, batch_size: str = "1", **others: object) -> None:
            super().__init__()
            self.name = pretrained

        def draw(self, request: Any, *key: object) -> Stream:
            return Stream(self.name, request.task_name, request.doc_id, *key)

        def right(self, request: Any) -> bool:
            return Stream("luck", request.task_name, request.doc_id).below(100) < SKILL[self.name]

        def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            out = []
            for request in requests:
                if request.task_name == "lambada_openai":
                    out.append((math.log(of_last_word(request.doc_id, self.name)), False))
                    continue
                good = request.args[1].strip() in hub_data.right_options(request.task_name, request.doc)
                noise = self.draw(request, request.idx).below(1000) / 1000
                out.append((-1 - noise - 2.5 * (good != self.right(request)), False))
            return out

        def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
            return [math.log(per_byte(r.doc_id, self.name)) * len(r.args[0].encode()) for r in requests]

        def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
            return [
                hub_data.right_text(r.task_name, r.doc)
                if self.right(r)
                else hub_data.wrong_text(r.task_name, r.doc, self.draw(r).below(3))
                for r in requests
            ]


@pytest.fixture(scope="module")
def manager() -> Any:
    """Return what plain lm-eval finds with ``--include_path suites``, of its own folder only the parts that are asked.

    Reading all of it takes longer than all other tests of this file together.
    """
    import lm_eval.tasks

    own = [Path(lm_eval.tasks.__file__).parent / name for name in FOLDERS]
    return lm_eval.tasks.TaskManager(include_path=[*own, package_folder("suites")], include_defaults=False)


STOCK_INDEX = stock._stock_index


@pytest.fixture(scope="module", autouse=True)
def local_copies(manager: Any) -> Iterator[None]:
    """Serve the local copies, run no program, and read lm-eval's folder once."""
    import datasets
    import evaluate
    import torch.utils.collect_env

    datasets.disable_progress_bars()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "load_dataset", hub_data.load_dataset)
        patch.setattr(evaluate, "load", {"code_eval": hub_data.CodeEval()}.__getitem__)
        patch.setenv(stock.ALLOW_CODE, "1")
        patch.setattr(stock, "_stock_index", lambda: manager.task_index)
        patch.setattr(torch.utils.collect_env, "get_pretty_env_info", lambda: "a machine")
        yield
    sys.modules.pop("lm_eval.tasks.mbpp.utils", None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a pair that ran every hub suite."""
    folder = tmp_path_factory.mktemp("hub")
    run(planned(folder, *SUITES))
    return folder


@pytest.fixture(scope="module")
def teacher(finished: Path) -> Run:
    return read_run(finished / "teacher")


@pytest.fixture(scope="module")
def student(finished: Path) -> Run:
    return read_run(finished / "student")


@pytest.fixture(scope="module")
def scores(teacher: Run, student: Run) -> dict[str, PairScore]:
    return {name: score_pair(teacher, student, suites=[name], resamples=100) for name in SUITES}


def printed(of: Run, task: str, metric: str) -> float:
    """Return a number as lm-eval printed it."""
    return float(raw_results(of, task)["results"][task][metric])


# --- what the files say ----------------------------------------------------------------------------------------------


def test_there_is_a_hub_suite_for_every_scenario() -> None:
    assert [name for name in spec.suites() if name.endswith(HUB)] == sorted(SUITES)
    assert sorted({task for name in SUITES for task in spec.suite(name).tasks}) == TASKS


@pytest.mark.parametrize("task", TASKS)
def test_task_is_lm_evals_own_in_the_version_that_is_stated(task: str, manager: Any) -> None:
    entry = manager.task_index[task]
    assert "lm_eval" in entry.yaml_path.parts
    assert spec.task(task).version == float((entry.cfg.get("metadata") or {}).get("version") or 0)


@pytest.mark.slow
def test_no_other_folder_of_lm_eval_has_a_task_of_the_same_name(manager: Any) -> None:
    whole = STOCK_INDEX()
    assert {t: whole[t].yaml_path for t in TASKS} == {t: manager.task_index[t].yaml_path for t in TASKS}


@pytest.mark.parametrize("task", TASKS)
def test_metric_and_filter_are_ones_that_lm_eval_has(task: str, manager: Any) -> None:
    config, measure = manager.task_index[task].cfg, spec.task(task).measure
    filters = [held["name"] for held in config.get("filter_list") or [{"name": "none"}]]
    metrics = [str(held["metric"]).rpartition(".")[2] for held in config["metric_list"]]
    assert measure.filter in filters
    assert measure.metric is None or measure.metric in metrics
    kind = "greedy" if config["output_type"] == "generate_until" else "likelihood"
    assert measure.readout == kind
    assert not (config.get("generation_kwargs") or {}).get("do_sample")


@pytest.mark.parametrize("task", TASKS)
def test_block_names_what_is_registered(task: str) -> None:
    measure = spec.task(task).measure
    assert measure.row in ROWS
    assert measure.observable in _OBSERVABLES
    assert get_discrepancy(measure.discrepancy).sampled is False
    if measure.utility is None:
        assert measure.direction == "none"
        return
    needed = get_utility(measure.utility).observable
    assert measure.observable in {needed, "metric_value" if needed == "filtered_answer" else needed}


@pytest.mark.parametrize("name", SUITES)
def test_suite_adds_up(name: str) -> None:
    suite = spec.suite(name)
    assert sum(suite.weights.values()) == pytest.approx(1, abs=1e-9)
    assert set(suite.weights) == {spec.task(task).measure.row for task in suite.tasks} | set(suite.weights)
    for row, critical in suite.rows.items():
        assert spec.task(critical.primary_task).measure.row == row
    primary = spec.task(suite.primary.task).measure
    metric = get_utility(suite.primary.metric)
    assert (metric.name == "logged_metric") == (primary.metric is not None)
    assert metric.name == "logged_metric" or metric.observable == primary.observable


@pytest.mark.parametrize("name", SUITES)
def test_plain_lm_eval_loads_the_group_with_its_blocks(name: str, manager: Any) -> None:
    group = spec.suite(name).group
    assert group in manager.all_groups
    loaded = manager.load([group])
    assert loaded["group_map"] == {group: list(spec.suite(name).tasks)}
    for task, held in loaded["tasks"].items():
        assert held.config.metadata["angels_share"] == spec.hub_entries()[task]["metadata"]["angels_share"]
        assert spec.task(task).version == held.VERSION
        assert len(held.eval_docs) == hub_data.N


# --- runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_documents_are_all_different_and_prompts_the_same_for_both(task: str, teacher: Run, student: Run) -> None:
    ours, theirs = raw_rows(teacher, task), raw_rows(student, task)
    wanted = spec.task(task).measure.filter
    asked = [[row["arguments"] for row in rows if row["filter"] == wanted] for rows in (ours, theirs)]
    assert asked[0] == asked[1]
    assert len(set(teacher.tasks[task].doc_hash)) == hub_data.N


@pytest.mark.parametrize("name", SUITES)
def test_every_task_is_scored_or_says_why_not(name: str, scores: dict[str, PairScore]) -> None:
    assert tuple(score.task for score in scores[name].tasks) == spec.suite(name).tasks
    for score in scores[name].tasks:
        assert score.n_items == score.n_clusters == hub_data.N
        assert score.gap is None, score.gap
        assert score.loss is not None
        assert score.divergence is not None
        assert 0 < score.loss.value <= 1
        assert (score.change is None) == (score.utility is None)
        assert score.change is None or score.change.value < 0
        assert score.divergence.value > 0.01


@pytest.mark.parametrize("name", SUITES)
def test_suite_has_a_share_and_a_retention(name: str, scores: dict[str, PairScore]) -> None:
    (suite,) = scores[name].suites
    assert suite.angels_share is not None
    assert suite.coverage == 1
    assert 0 < suite.angels_share.total.value <= 1
    assert suite.primary.retention is not None, suite.primary.reason
    assert 0 < suite.primary.retention.value < 1


@pytest.mark.parametrize("name", SUITES)
def test_teacher_against_its_own_log_lost_nothing(name: str, teacher: Run) -> None:
    score = score_pair(teacher, teacher, suites=[name], resamples=100)
    assert "IDENTICAL RESPONSES" in score.flags
    for of in (of for of in score.tasks):
        assert of.divergence is not None, of.gap
        assert of.loss is not None
        assert of.divergence.value == of.loss.value == 0


# --- what lm-eval printed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["teacher", "student"])
@pytest.mark.parametrize("task", CHOSEN)
def test_accuracy_from_the_columns_is_lm_evals(task: str, side: str, request: pytest.FixtureRequest) -> None:
    of: Run = request.getfixturevalue(side)
    log = of.tasks[task]
    rows = raw_rows(of, task)
    likeliest = observed(log).values.argmax(axis=1)
    told = [item["choices"][k].strip() for item, k in zip(log.items, likeliest, strict=True)]
    ours = [float(option in hub_data.right_options(task, row["doc"])) for option, row in zip(told, rows, strict=True)]
    assert ours == [row["acc"] for row in rows]
    assert np.mean(ours) == pytest.approx(printed(of, task, "acc,none"), abs=1e-12)
    assert get_utility("accuracy").of(log.items, observed(log)).tolist() == ours


@pytest.mark.parametrize("task", CHOSEN)
def test_the_right_option_is_the_right_one(task: str, teacher: Run) -> None:
    for item, row in zip(teacher.tasks[task].items, raw_rows(teacher, task), strict=True):
        assert item["choices"][item["gold"]].strip() in hub_data.right_options(task, row["doc"])


@pytest.mark.parametrize("side", ["teacher", "student"])
@pytest.mark.parametrize("task", WRITTEN)
def test_logged_metric_is_lm_evals(task: str, side: str, request: pytest.FixtureRequest) -> None:
    of: Run = request.getfixturevalue(side)
    log = of.tasks[task]
    measure = log.spec.measure
    values = get_utility("logged_metric").of(log.items, observed(log))
    assert values.mean() == pytest.approx(printed(of, task, f"{measure.metric},{measure.filter}"), abs=1e-12)
    assert 0.3 < values.mean() < 1
    right = [Stream("luck", task, i).below(100) < SKILL[side] for i in range(hub_data.N)]
    assert values.tolist() == [float(is_right) for is_right in right]


def test_likelihoods_of_pages_are_lm_evals(teacher: Run) -> None:
    log, rows = teacher.tasks["wikitext"], raw_rows(teacher, "wikitext")
    pages = sum(len(row["doc"]["page"].encode()) for row in rows)
    bits = -float(np.sum(log.log_likelihoods)) / pages / math.log(2)
    assert bits == pytest.approx(printed(teacher, "wikitext", "bits_per_byte,none"))
    compression = get_utility("compression").of(log.items, observed(log))
    assert compression == pytest.approx([per_byte(i, "teacher") for i in range(hub_data.N)])


# --- order of the options --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", CHOSEN)
def test_options_are_in_an_order_of_their_own_unless_shared(task: str, teacher: Run) -> None:
    log = teacher.tasks[task]
    asked = [[held["arg_1"] for held in row["arguments"].values()] for row in raw_rows(teacher, task)]
    kept = [item["choices"] == options for item, options in zip(log.items, asked, strict=True)]
    assert [sorted(item["choices"]) for item in log.items] == [sorted(options) for options in asked]
    assert all(kept) == (task in SHARED)
    assert task in SHARED or sum(kept) < 0.75 * hub_data.N


def test_place_of_the_right_option_tells_nothing_where_it_was_always_the_first(
    finished: Path, tmp_path: Path, teacher: Run
) -> None:
    def first(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["target"] = "0"

    log = edited(finished, tmp_path, "logiqa2", first).tasks["logiqa2"]
    places = Counter(int(item["gold"]) for item in log.items)
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) <= 20
    told = [[held["arg_1"] for held in row["arguments"].values()] for row in raw_rows(teacher, "logiqa2")]
    assert [item["choices"][item["gold"]] for item in log.items] == [options[0] for options in told]


def test_order_of_options_is_the_same_for_both_models(teacher: Run, student: Run) -> None:
    for task in CHOSEN:
        assert teacher.tasks[task].items == student.tasks[task].items


# --- logs that repeat a document or are garbled ----------------------------------------------------------------------


Edit = Callable[[list[dict[str, Any]]], None]


def edited(finished: Path, folder: Path, task: str, edit: Edit, side: str = "teacher") -> Run:
    """Return the log of one task after its rows were changed."""
    target = folder / side
    for path in (finished / side).rglob(f"samples_{task}_*.jsonl"):
        target.mkdir(parents=True)
        shutil.copy(path.with_name(path.name.replace(f"samples_{task}_", "results_")).with_suffix(".json"), target)
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        edit(rows)
        (target / path.name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return read_run(target)


def test_documents_that_occur_twice_are_paired_by_occurrence(finished: Path, tmp_path: Path) -> None:
    def repeat(rows: list[dict[str, Any]]) -> None:
        for key in ("doc", "doc_hash", "arguments", "target"):
            rows[5][key] = rows[2][key]

    runs = [edited(finished, tmp_path, "logiqa2", repeat, side) for side in ("teacher", "student")]
    ours, theirs = (held.tasks["logiqa2"] for held in runs)
    assert ours.doc_hash[5] == f"{ours.doc_hash[2]}-2"
    assert len(set(ours.doc_hash)) == hub_data.N
    both = pair(ours, theirs)
    assert both.teacher.doc_hash == both.student.doc_hash
    place = both.student.doc_hash.index(ours.doc_hash[5])
    assert both.student.log_likelihoods is not None
    assert theirs.log_likelihoods is not None
    assert both.student.log_likelihoods[place].tolist() == theirs.log_likelihoods[5].tolist()


@pytest.mark.parametrize(
    ("task", "key", "value", "message"),
    [
        ("logiqa2", "target", "zebra", r"row 3: the target 'zebra' is none of the 4 options"),
        ("logiqa2", "target", "7", r"row 3: the target '7' is none of the 4 options"),
        ("triviaqa", "exact_match", None, r"row 3: exact_match is None, expected a number from 0 to 1"),
        ("triviaqa", "exact_match", 3.0, r"row 3: exact_match is 3\.0, expected a number from 0 to 1"),
        ("triviaqa", "filtered_resps", [], r"row 3: the filter left '\[\]', expected one text"),
        ("triviaqa", "arguments", {"gen_args_0": {}}, r"arguments or filtered_resps are not as lm-eval writes them"),
        ("triviaqa", "doc", {"question": "?"}, r"row 3: the document does not match its doc_hash; the log was edited"),
        ("triviaqa", "filter", "none", r"document 2 is missing, repeated or lacks a field"),
    ],
)
def test_garbled_row(finished: Path, tmp_path: Path, task: str, key: str, value: Any, message: str) -> None:
    def garble(rows: list[dict[str, Any]]) -> None:
        rows[2][key] = value

    with pytest.raises(LogError, match=rf"samples_{task}_.*{message}"):
        edited(finished, tmp_path, task, garble)


def test_filter_that_the_log_does_not_have(finished: Path, tmp_path: Path) -> None:
    def rename(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["filter"] = "strict"

    with pytest.raises(LogError, match=r"holds the filters \['strict'\], expected remove_whitespace among them"):
        edited(finished, tmp_path, "triviaqa", rename)


def test_metric_that_the_log_does_not_have(finished: Path, tmp_path: Path) -> None:
    def drop(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            del row["exact_match"]

    with pytest.raises(LogError, match=r"row 1: exact_match is None"):
        edited(finished, tmp_path, "triviaqa", drop)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "0"])
def test_programs_are_not_run_without_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv(stock.ALLOW_CODE)
    if value is not None:
        monkeypatch.setenv(stock.ALLOW_CODE, value)
    with pytest.raises(RunError, match=r"mbpp_plus runs the programs that the models write.*set HF_ALLOW_CODE_EVAL=1"):
        run(planned(tmp_path / "out", "code_tools_hub"))
    assert not (tmp_path / "out").exists()


def test_data_set_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def absent(path: str, **others: object) -> None:
        raise FileNotFoundError(f"Couldn't reach {path} on the Hub\nand a second line")

    monkeypatch.setattr(datasets, "load_dataset", absent)
    with pytest.raises(RunError, match=r"^lambada_openai: .* Couldn't reach EleutherAI/lambada_openai on the Hub\. C"):
        run(planned(tmp_path, "privacy_hub"))


def test_task_that_the_installed_lm_eval_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "_stock_index", dict)
    with pytest.raises(RunError, match="the installed lm-eval has no task lambada_openai"):
        run(planned(tmp_path / "out", "privacy_hub"))


def test_finished_hub_suite_is_not_run_again(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(stock.ALLOW_CODE)
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("samples_*")}
    assert len(before) == 2 * len(TASKS)
    run(planned(finished, *SUITES))
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("samples_*")} == before


@pytest.mark.parametrize("name", SUITES)
def test_hub_suites_are_not_packed(name: str, tmp_path: Path) -> None:
    message = rf"^{name} asks data sets of the Hub, .* and pack {name.removesuffix(HUB)} for the leaderboard"
    with pytest.raises(BundleError, match=message):
        pack(tmp_path, tmp_path, tmp_path / "statement.yaml", tmp_path / "out", suites=[name])
    assert not (tmp_path / "out").exists()
