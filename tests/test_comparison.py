"""Any two lm-eval runs: made-up logs of each output type, cases computed by hand, and independent statistics."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import ttost_paired

from angels_share.comparison import Comparison, Metric, TaskComparison, compare_runs
from angels_share.comparison.aggregation import AGGREGATIONS, aggregate, level
from angels_share.comparison.mcnemar import p_mcnemar_clustered
from angels_share.comparison.reading import read_logs
from angels_share.comparison.sample import Clusters, Sample
from angels_share.errors import LogError, PairingError
from angels_share.estimate import p_mcnemar, resampling, robust_standard_error
from angels_share.logs import document_hash
from angels_share.logs.folders import open_folder
from commands import Outcome
from synthetic import STAMP, noisy, write_run

Row = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A made-up log of one task."""

    task: str
    output_type: str
    rows: Sequence[Row]
    """Samples without what all have: at least ``resps``, and the metrics."""
    better: Mapping[str, bool] = field(default_factory=dict)
    printed: Mapping[str, Any] = field(default_factory=dict)
    """Values in the results file that are not the mean of the items; a key has metric and filter."""
    config: Mapping[str, Any] = field(default_factory=dict)

    def change(self, change: Callable[[list[Row]], list[Row]]) -> Made:
        """Return the log with other samples."""
        return replace(self, rows=change([dict(row) for row in self.rows]))

    def configured(self, **config: Any) -> Made:
        """Return the log with other settings."""
        return replace(self, config={**self.config, **config})


METRICS = {"acc", "acc_norm", "exact_match", "utility", "f1", "perplexity", "bits_per_byte", "byte_perplexity"} | {
    "word_perplexity", "acc_mutual_info", "toxic", "strange", "bypass",
}  # fmt: skip


def write(place: Path, *logs: Made, model: str = "teacher", stamp: str = STAMP, seed: int = 1, **results: Any) -> Path:
    """Write a run folder as ``lm-eval run --output_path place --log_samples`` would, and return it."""
    folder = place / model
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "results": {},
        "group_subtasks": {},
        "configs": {},
        "versions": {},
        "higher_is_better": {},
        "n-samples": {},
        "config": {"model": "hf", "model_args": f"pretrained={model}", "limit": None, "torch_seed": seed},
        "lm_eval_version": "0.4.13",
    }
    for log in logs:
        rows = [whole(i, row) for i, row in enumerate(log.rows)]
        path = folder / f"samples_{log.task}_{stamp}.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        filters = {row["filter"] for row in rows}
        means = {
            f"{name},{of}": float(np.mean([row[name] for row in rows if row["filter"] == of]))
            for of in filters
            for name in METRICS & set(rows[0])
            if not isinstance(rows[0][name], list | str | None)
        }
        stderr = {f"{key.replace(',', '_stderr,')}": "N/A" for key in means}
        content["results"][log.task] = {"alias": log.task, **means, **stderr, **log.printed}
        names = dict.fromkeys(key.rpartition(",")[0] for key in {**means, **log.printed})
        content["configs"][log.task] = {
            "output_type": log.output_type,
            "num_fewshot": 0,
            "repeats": 1,
            "metric_list": [{"metric": name} for name in names],
            **log.config,
        }
        content["versions"][log.task] = 1.0
        content["higher_is_better"][log.task] = dict(log.better)
        n = len(rows) // len(filters)
        content["n-samples"][log.task] = {"original": n, "effective": n}
    for key, value in results.items():
        content[key] = {**content[key], **value} if isinstance(value, dict) else value
    (folder / f"results_{stamp}.json").write_text(json.dumps(content), "utf-8")
    return folder


def whole(i: int, row: Row) -> Row:
    """Return a sample with what all samples have; documents are counted within a filter."""
    doc = row.get("doc", {"question": row.get("id", i)})
    made = {
        "doc_id": row.get("id", i),
        "doc": doc,
        "target": "0",
        "filter": "none",
        "metrics": sorted(METRICS & set(row)),
        "doc_hash": document_hash(doc),
        "prompt_hash": document_hash(doc),
        "filtered_resps": row.get("resps"),
        **row,
    }
    return {key: value for key, value in made.items() if key != "id"}


def options(*values: float) -> list[list[list[str]]]:
    """Return the log-likelihoods of options as lm-eval logs them: as texts, with whether each is greedy."""
    return [[[repr(float(v)), str(v == max(values))]] for v in values]


def chosen(probabilities: Sequence[Sequence[float]], right: Sequence[int], **config: Any) -> Made:
    """Return a multiple-choice log in which ``acc`` says whether the likeliest option is the right one."""
    rows = [
        {"resps": options(*np.log(p)), "acc": float(np.argmax(p) == gold), "target": str(gold)}
        for p, gold in zip(probabilities, right, strict=True)
    ]
    return Made("choice", "multiple_choice", rows, {"acc": True}, config=config)


def scored(values: Sequence[float], clusters: Sequence[object] | None = None, task: str = "free") -> Made:
    """Return a generative log with these values of ``exact_match``."""
    rows = []
    for i, value in enumerate(values):
        doc = {"question": i} if clusters is None else {"question": i, "source": clusters[i]}
        text = f"answer {i}" if value else "nonsense"
        rows.append({"doc": doc, "resps": [[text]], "filtered_resps": [text], "exact_match": float(value)})
    return Made(task, "generate_until", rows, {"exact_match": True})


def compared(place: Path, teacher: Made, student: Made, **options: Any) -> TaskComparison:
    """Return the only task of the comparison of two logs."""
    (task,) = both(place, teacher, student, **options).tasks
    return task


def both(place: Path, teacher: Made, student: Made, **options: Any) -> Comparison:
    ours, theirs = write(place / "t", teacher), write(place / "s", student, model="student", seed=2)
    return compare_runs(ours, theirs, resamples=200, **options)


def only(task: TaskComparison) -> Metric:
    (metric,) = task.metrics
    return metric


def drawn(seed: int, n: int, p: float) -> list[float]:
    return (np.random.default_rng(seed).random(n) < p).astype(float).tolist()


# --- each output type, by hand ---------------------------------------------------------------------------------------


def test_multiple_choice_by_hand(tmp_path: Path) -> None:
    """Option distributions are the likelihoods scaled to 1; the metrics are lm-eval's, whatever they rest on."""
    teacher = chosen([[0.4, 0.1], [0.1, 0.3], [0.09, 0.01], [0.2, 0.2]] * 10, [0, 1, 0, 1] * 10)
    student = chosen([[0.3, 0.1], [0.3, 0.1], [0.02, 0.02], [0.1, 0.3]] * 10, [0, 1, 0, 1] * 10)
    normed = [teacher.change(lambda rows: [row | {"acc_norm": 1.0} for row in rows]), student]
    normed[1] = student.change(lambda rows: [row | {"acc_norm": float(i % 4 == 0)} for i, row in enumerate(rows)])
    both_better = [replace(log, better={"acc": True, "acc_norm": True}) for log in normed]
    task = compared(tmp_path, *both_better)
    assert (task.output_type, task.n_items, task.n_clusters, task.flags, task.left_out) == (
        "multiple_choice", 40, 40, (), {},
    )  # fmt: skip
    # p: .8 .25 .9 .5, q: .75 .75 .5 .25 of the first option
    assert task.answers.total_variation is not None
    assert task.answers.option_distance is not None
    assert task.answers.agreement is not None
    assert task.answers.total_variation.value == pytest.approx((0.05 + 0.5 + 0.4 + 0.25) / 4)
    assert task.answers.option_distance.value == pytest.approx((0.05**2 + 0.5**2 + 0.4**2 + 0.25**2) / 4)
    assert task.answers.agreement.value == 0.5
    by_name = {metric.name: metric for metric in task.metrics}
    acc, norm = by_name["acc"], by_name["acc_norm"]
    assert (acc.teacher.value, acc.student.value, acc.change.value) == (0.75, 0.75, 0.0)
    assert acc.flips is not None
    assert (acc.flips.both_right, acc.flips.lost, acc.flips.gained, acc.flips.both_wrong) == (20, 10, 10, 0)
    assert acc.flips.p_mcnemar == 1
    assert (norm.teacher.value, norm.student.value) == (1.0, 0.25)
    assert norm.flips is not None
    assert (norm.flips.lost, norm.flips.gained) == (30, 0)
    assert norm.flips.p_mcnemar == pytest.approx(2**-30)
    assert norm.chance == 0.5
    assert norm.retention is not None
    assert norm.retention.value == pytest.approx((0.25 - 0.5) / (1 - 0.5))
    assert norm.finding == "worse"


def test_items_with_different_numbers_of_options(tmp_path: Path) -> None:
    teacher = chosen([[0.5, 0.5], [0.2, 0.2, 0.4]] * 5, [0, 2] * 5)
    student = chosen([[0.5, 0.5], [0.4, 0.2, 0.2]] * 5, [0, 2] * 5)
    task = compared(tmp_path, teacher, student)
    assert task.answers.total_variation is not None
    assert task.answers.total_variation.value == pytest.approx(0.25 / 2)
    assert only(task).chance == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_single_option_is_no_choice(tmp_path: Path) -> None:
    task = compared(tmp_path, chosen([[0.5]] * 5, [0] * 5), chosen([[0.2]] * 5, [0] * 5))
    assert "nothing to choose between" in task.answers.absent["agreement"]
    assert task.answers.total_variation is not None
    assert task.answers.total_variation.value == pytest.approx(0.3)


def test_retention_is_above_what_guessing_gives_only_where_that_is_known(tmp_path: Path) -> None:
    log = chosen([[0.6, 0.4]] * 40, [0] * 40)
    assert only(compared(tmp_path / "own", log, log)).retention is not None
    several = log.change(lambda rows: [row | {"target": "[0, 1]"} for row in rows])
    custom = log.configured(process_results="def process_results(doc, results): ...")
    for name, unknown in (("several", several), ("custom", custom)):
        metric = only(compared(tmp_path / name, unknown, unknown))
        assert (metric.chance, metric.retention) == (None, None)
        assert metric.absent["retention"] == "what guessing gives is not known"
    graded = scored([0.5] * 40).configured(process_results="def process_results(doc, results): ...")
    assert "retention" in only(compared(tmp_path / "graded", graded, graded)).absent
    free = scored([1.0] * 40).configured(process_results="def process_results(doc, results): ...")
    assert only(compared(tmp_path / "free", free, free)).chance == 0
    weak = chosen([[0.6, 0.4]] * 40, [0, 1] * 20)
    metric = only(compared(tmp_path / "weak", weak, weak))
    assert metric.absent["retention"] == "the teacher is not surely better than guessing, which gives 0.5"


def test_unconditional_likelihoods_are_no_options(tmp_path: Path) -> None:
    rows = [{"resps": options(-1.0, -2.0, -9.0, -3.0), "acc_mutual_info": 1.0}] * 4
    log = Made("choice", "multiple_choice", rows, {"acc_mutual_info": True})
    changed = log.change(lambda rows: [row | {"resps": options(-1.0, -2.0, -3.0, -9.0)} for row in rows])
    task = compared(tmp_path, log, changed)
    assert task.answers.total_variation is not None
    assert task.answers.total_variation.value == 0
    assert only(task).chance == 0.5


def test_loglikelihood_by_hand(tmp_path: Path) -> None:
    def made(probabilities: Sequence[float]) -> Made:
        logs = [math.log(p) for p in probabilities]
        rows = [{"resps": options(v), "perplexity": v, "acc": int(v > -0.7)} for v in logs]
        printed = {"perplexity,none": math.exp(-sum(logs) / len(logs))}
        return Made("words", "loglikelihood", rows, {"acc": True, "perplexity": False}, printed)

    task = compared(tmp_path, made([0.5, 0.8] * 20), made([0.25, 0.8] * 20))
    assert task.answers.agreement is None
    assert "nothing to choose between" in task.answers.absent["agreement"]
    assert task.answers.total_variation is not None
    assert task.answers.total_variation.value == pytest.approx(0.125)
    by_name = {metric.name: metric for metric in task.metrics}
    perplexity, acc = by_name["perplexity"], by_name["acc"]
    assert perplexity.teacher.value == pytest.approx((0.5 * 0.8) ** -0.5)
    assert perplexity.student.value == pytest.approx((0.25 * 0.8) ** -0.5)
    assert perplexity.finding == "worse"
    assert "lower is better" in perplexity.absent["retention"]
    assert perplexity.absent["flips"] == "its values are not all 0 or 1"
    assert acc.retention is not None
    assert (acc.chance, acc.retention.value, acc.finding) == (0, 0.5, "worse")


def rolling(logs: Sequence[float], words: Sequence[int]) -> Made:
    """Return a log of whole documents, of five bytes a word."""
    rows = [
        {
            "resps": [[repr(v)]],
            "word_perplexity": [v, n],
            "byte_perplexity": [v, 5 * n],
            "bits_per_byte": [v, 5 * n],
        }
        for v, n in zip(logs, words, strict=True)
    ]
    nats = -sum(logs) / sum(words)
    printed = {
        "word_perplexity,none": math.exp(nats),
        "byte_perplexity,none": math.exp(nats / 5),
        "bits_per_byte,none": nats / 5 / math.log(2),
    }
    return Made(
        "texts", "loglikelihood_rolling", rows, dict.fromkeys(["word_perplexity", "bits_per_byte"], False), printed
    )


def test_rolling_by_hand(tmp_path: Path) -> None:
    task = compared(tmp_path, rolling([-8.0, -2.0] * 20, [4, 1] * 20), rolling([-8.0, -7.0] * 20, [4, 1] * 20))
    by_name = {metric.name: metric for metric in task.metrics}
    assert by_name["word_perplexity"].teacher.value == pytest.approx(math.exp(2))
    assert by_name["word_perplexity"].student.value == pytest.approx(math.exp(3))
    assert by_name["bits_per_byte"].change.value == pytest.approx(0.2 / math.log(2))
    assert by_name["bits_per_byte"].finding == "worse"
    assert by_name["byte_perplexity"].finding == "different"
    assert by_name["byte_perplexity"].absent["retention"] == "lm-eval does not say whether higher is better"
    assert set(task.answers.absent) == {"agreement", "option_distance", "total_variation"}


def test_generation_with_several_filters(tmp_path: Path) -> None:
    def made(texts: Sequence[str], filters: Sequence[str]) -> Made:
        rows = [
            {
                "id": i,
                "resps": [[text]],
                "filtered_resps": [text.strip() if of == "strict" else text.strip(" .")],
                "filter": of,
                "exact_match": float(text.strip(" ." if of == "loose" else " ") == "4"),
            }
            for of in filters
            for i, text in enumerate(texts)
        ]
        return Made("sums", "generate_until", rows, {"exact_match": True})

    teacher = made([" 4", " 4.", " 5"] * 10, ["strict", "loose"])
    found = both(tmp_path / "two", teacher, made([" 4.", " 4", " 5"] * 10, ["loose", "strict"]))
    by_filter = {task.filter: task for task in found.tasks}
    assert list(by_filter) == ["loose", "strict"]
    strict, loose = by_filter["strict"], by_filter["loose"]
    assert strict.answers.agreement is not None
    assert loose.answers.agreement is not None
    assert strict.answers.agreement.value == pytest.approx(1 / 3)
    assert loose.answers.agreement.value == 1
    assert (only(strict).teacher.value, only(loose).teacher.value) == pytest.approx((1 / 3, 2 / 3))
    assert strict.answers.absent == dict.fromkeys(
        ("option_distance", "total_variation"), "lm-eval logs no likelihoods of generated answers"
    )
    found = both(tmp_path / "one", teacher, made([" 4", " 4.", " 5"] * 10, ["loose"]))
    assert [task.filter for task in found.tasks] == ["loose"]
    assert found.left_out == {"sums, filter strict": "only one of the runs has this filter"}


def test_repeats(tmp_path: Path) -> None:
    rows = [{"resps": [["a", "b"]], "filtered_resps": [["a", "b"]], "utility": 0.5}] * 40
    log = Made("urn", "generate_until", rows, {"utility": True})
    sampling = {"repeats": 2, "generation_kwargs": {"do_sample": True, "temperature": 1.0}}
    sampled = log.configured(**sampling)
    task = compared(tmp_path / "two", sampled, sampled)
    assert task.answers.agreement is None
    assert task.answers.absent["agreement"] == "the filter leaves several answers of an item, or none"
    assert task.flags == ()
    ours, theirs = (write(tmp_path / "coupled" / side, sampled, model=side) for side in "ts")
    assert compare_runs(ours, theirs, resamples=200).tasks[0].flags == ("SAMPLED WITH ONE SEED",)
    greedy = log.configured(generation_kwargs={"do_sample": False, "temperature": 0.0})
    ours, theirs = (write(tmp_path / "greedy" / side, greedy, model=side) for side in "ts")
    assert compare_runs(ours, theirs, resamples=200).tasks[0].flags == ()
    first = scored([1.0] * 40)
    assert compared(tmp_path / "first", first.configured(repeats=4), first.configured(repeats=4)).answers.agreement


def test_truth_values_and_metrics_of_which_less_is_better(tmp_path: Path) -> None:
    def made(values: Sequence[bool]) -> Made:
        rows = [{"resps": [["text"]], "filtered_resps": ["text"], "toxic": value} for value in values]
        return Made("talk", "generate_until", rows, {"toxic": False})

    metric = only(compared(tmp_path, made([False] * 40), made([True] * 20 + [False] * 20)))
    assert metric.flips is not None
    assert (metric.teacher.value, metric.student.value) == (0, 0.5)
    assert (metric.flips.both_right, metric.flips.lost, metric.flips.gained) == (20, 20, 0)
    assert metric.finding == "worse"


# --- metrics that are not compared -----------------------------------------------------------------------------------


def left_out(place: Path, name: str, *logs: Made) -> str:
    return compared(place, *logs).left_out[name]


def test_metric_that_is_no_mean_of_its_items(tmp_path: Path) -> None:
    f1 = scored([1.0] * 5).change(lambda rows: [row | {"f1": [1, 0]} for row in rows])
    f1 = replace(f1, printed={"f1,none": 0.7})
    assert left_out(tmp_path / "f1", "f1", f1, f1) == "5 of 5 items of the teacher's log have no number of it"
    median = replace(scored([1.0, 1.0, 0.0]), printed={"exact_match,none": 1.0})
    assert left_out(tmp_path / "median", "exact_match", median, median) == (
        "the mean of the teacher's items is 0.666667, lm-eval printed 1: it is aggregated in another way"
    )
    bypass = scored([1.0] * 5).change(lambda rows: [row | {"bypass": None} for row in rows])
    bypass = replace(bypass, printed={"bypass,none": 999})
    assert "have no number of it" in left_out(tmp_path / "bypass", "bypass", bypass, bypass)
    unprinted = replace(scored([1.0] * 5), printed={"exact_match,none": "N/A"})
    assert "lm-eval printed no number" in left_out(tmp_path / "unprinted", "exact_match", unprinted, unprinted)


@pytest.mark.parametrize("value", [None, "much", math.nan, math.inf])
def test_metric_without_a_number_for_some_item(tmp_path: Path, value: object) -> None:
    def change(rows: list[Row]) -> list[Row]:
        return [rows[0] | {"strange": value}, *(row | {"strange": 1.0} for row in rows[1:])]

    log, whole_log = scored([1.0] * 5), scored([1.0] * 5).change(lambda rows: [r | {"strange": 1.0} for r in rows])
    holed = replace(log.change(change), printed={"strange,none": 1.0})
    reason = left_out(tmp_path, "strange", whole_log, holed)
    assert reason.startswith("1 of 5 items of the student's log have no number of it" if value != math.inf else "the m")


def test_metric_that_one_log_lacks(tmp_path: Path) -> None:
    bare = scored([1.0] * 5)
    more = bare.change(lambda rows: [row | {"utility": 1.0} for row in rows])
    assert left_out(tmp_path / "s", "utility", more, bare) == "the student's log lacks it"
    assert left_out(tmp_path / "t", "utility", bare, more) == "the teacher's log lacks it"


def test_metric_that_the_logs_define_differently(tmp_path: Path) -> None:
    log = scored([1.0] * 5)
    turned = replace(log, better={"exact_match": False})
    assert left_out(tmp_path, "exact_match", log, turned) == "the logs define it differently"


def test_value_beyond_all_numbers_is_not_compared(tmp_path: Path) -> None:
    log = rolling([-1.0] * 5, [1] * 5).change(lambda rows: [row | {"word_perplexity": [-1e6, 1]} for row in rows])
    log = replace(log, printed={"word_perplexity,none": 1e308})
    assert "aggregated in another way" in left_out(tmp_path, "word_perplexity", log, log)


# --- clusters --------------------------------------------------------------------------------------------------------

PAIRS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.integers(0, 7)), min_size=8, max_size=40
).filter(lambda rows: len({cluster for *_, cluster in rows}) > 2)  # fmt: skip


@given(worse=st.integers(0, 60), better=st.integers(0, 60))
def test_mcnemar_of_single_items_is_the_mid_p_of_the_exact_test(worse: int, better: int) -> None:
    p = p_mcnemar_clustered(Counter({1: worse, -1: better, 0: 3}))
    assert p == pytest.approx(p_mcnemar(worse, better), rel=1e-9)
    exact = mcnemar([[3, worse], [better, 3]], exact=True).pvalue
    tie = math.comb(worse + better, worse) / 2 ** (worse + better)
    assert p == pytest.approx(exact - tie if worse != better else 1.0, rel=1e-9)


def test_mcnemar_of_many_items() -> None:
    p = p_mcnemar_clustered(Counter({1: 100_300, -1: 99_700}))
    assert p == pytest.approx(p_mcnemar(100_300, 99_700), rel=1e-8)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=10))
def test_mcnemar_of_clusters_counts_all_swaps(sums: list[int]) -> None:
    seen = abs(sum(sums))
    totals = [abs(sum(s * d for s, d in zip(signs, sums, strict=True))) for signs in product((1, -1), repeat=len(sums))]
    expected = np.mean([(t > seen) + (t == seen) / 2 for t in totals]) if seen else 1.0
    assert p_mcnemar_clustered(Counter(sums)) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_of_clusters_keeps_its_level() -> None:
    """Equal models on clusters of five like items: the test of items rejects too often, that of clusters does not."""
    generator = np.random.default_rng(0)
    clustered, alone = [], []
    for _ in range(500):
        d = 5 * generator.choice([-1, 0, 0, 1], size=40)
        clustered.append(p_mcnemar_clustered(Counter(d.tolist())))
        alone.append(p_mcnemar(int(d[d > 0].sum()), int(-d[d < 0].sum())))
    assert np.mean(np.array(clustered) < 0.05) < 0.075
    assert np.mean(np.array(alone) < 0.05) > 0.2


@settings(max_examples=15)
@given(PAIRS)
def test_tests_are_those_of_statsmodels(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[bool, bool, int]]
) -> None:
    clusters = [c for *_, c in rows]
    logs = [scored([float(row[side]) for row in rows], clusters) for side in (0, 1)]
    change = np.array([float(s) - float(t) for t, s, _ in rows])
    place = tmp_path_factory.mktemp("run")
    metric = only(compared(place / "clustered", *logs, cluster_field="source", epsilon=0.1))
    fit = OLS(change, np.ones(len(change))).fit(cov_type="cluster", cov_kwds={"groups": np.array(clusters)}, use_t=True)
    assert metric.standard_error == pytest.approx(fit.bse[0], abs=1e-12)
    if metric.standard_error > 1e-9:
        assert metric.p_difference == pytest.approx(fit.pvalues[0], abs=1e-9)
        alone = only(compared(place / "alone", *logs, epsilon=0.1))
        expected, *_ = ttost_paired(change, np.zeros(len(change)), -0.1, 0.1)
        assert alone.p_equivalence == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["perplexity", "weighted_perplexity", "bits_per_byte", "mean"])
def test_standard_error_is_that_of_the_jackknife(name: str) -> None:
    generator = np.random.default_rng(1)
    sizes = np.full(100, 2.0)
    tops = -generator.gamma(3, size=(100, 2)).sum(axis=1) / 10
    bottoms = generator.integers(2, 18, size=100).astype(float) if AGGREGATIONS[name].pairs else sizes
    sample = Sample(resampling([f"{k:03}" for k in range(100)], "digest", 400), sizes)
    left = np.array([aggregate(*(np.delete(sums, k) for sums in (tops, bottoms)), name) for k in range(100)])
    jackknife = math.sqrt(99 / 100 * ((left - left.mean()) ** 2).sum())
    of = level(tops, bottoms, name, sample)
    assert robust_standard_error(of.influence, sample.scheme) == pytest.approx(jackknife, rel=0.03)
    assert of.draws.standard_error == pytest.approx(jackknife, rel=0.15)
    assert of.influence.mean() == pytest.approx(0, abs=1e-12)
    assert of.draws.point == pytest.approx(aggregate(tops, bottoms, name))


@pytest.mark.parametrize("clusters", [7, 4000, 4001])
@pytest.mark.parametrize("extremes", [None, (0.0, 1.0)])
def test_sums_give_the_mean_that_items_give(clusters: int, extremes: tuple[float, float] | None) -> None:
    generator = np.random.default_rng(2)
    names = [f"{k % clusters}" for k in generator.permutation(9000)]
    values = generator.random(9000)
    found = Clusters(clusters)
    sums = np.zeros(found.width)
    for start in range(0, 9000, 1000):
        places = found.places(pa.chunked_array([names[start : start + 1000]]))
        sums += np.bincount(places, values[start : start + 1000], found.width)
    ours = found.sample("digest", 50).mean(sums[found.filled], extremes)
    expected = resampling(names, "digest", 50).mean(values, extremes)
    assert ours.point == pytest.approx(expected.point, rel=1e-12)
    assert ours.replicates == pytest.approx(expected.replicates, rel=1e-12)


def test_clusters_widen_intervals(tmp_path: Path) -> None:
    t, s = np.repeat(drawn(1, 30, 0.8), 6).tolist(), np.repeat(drawn(2, 30, 0.6), 6).tolist()
    clusters = [f"text {i // 6}" for i in range(180)]
    logs = [scored(values, clusters) for values in (t, s)]
    alone = compared(tmp_path / "alone", *logs)
    grouped = compared(tmp_path / "grouped", *logs, cluster_field="source")
    assert (alone.n_clusters, grouped.n_clusters) == (180, 30)
    width = [only(task).change.high - only(task).change.low for task in (alone, grouped)]
    assert width[1] > 1.8 * width[0]
    ours, theirs = only(alone), only(grouped)
    assert ours.flips is not None
    assert theirs.flips is not None
    assert theirs.flips.p_mcnemar > 3 * ours.flips.p_mcnemar


def test_documents_without_the_field(tmp_path: Path) -> None:
    with_field, without = scored([1.0] * 40, ["a", "b"] * 20), scored([1.0] * 40, task="other")
    ours, theirs = (write(tmp_path / side, with_field, without, model=side) for side in "ts")
    found = {task.task: task for task in compare_runs(ours, theirs, cluster_field="source", resamples=200).tasks}
    assert (found["free"].n_clusters, found["other"].n_clusters) == (2, 40)
    assert found["free"].flags == ("FEW CLUSTERS",)
    assert found["other"].flags == ("NO CLUSTER FIELD",)
    with pytest.raises(LogError, match="no document has a field 'page'; name one that the documents have"):
        compare_runs(ours, theirs, cluster_field="page", resamples=200)


def test_field_that_some_documents_lack(tmp_path: Path) -> None:
    log = scored([1.0] * 5, ["a", "b", "c", "d", "e"]).change(
        lambda rows: [rows[0] | {"doc": {"question": 0}}, *rows[1:]]
    )
    with pytest.raises(PairingError, match="1 of 5 documents have no field 'source'; name one that all have, or none"):
        both(tmp_path, log, log, cluster_field="source")


@pytest.mark.parametrize("name", ["a.b", 'quo"te', "it's", "[0]", "$", "é", "a/b~1"])
def test_field_of_any_name(tmp_path: Path, name: str) -> None:
    def change(rows: list[Row]) -> list[Row]:
        return [row | {"doc": {"question": i, name: i % 3}} for i, row in enumerate(rows)]

    log = scored([1.0] * 9).change(change)
    assert compared(tmp_path, log, log, cluster_field=name).n_clusters == 3


# --- what holds of every comparison ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def choices() -> tuple[Made, Made]:
    """Return two multiple-choice logs of sixty items."""
    generator = np.random.default_rng(3)
    gold = generator.integers(0, 3, size=60).tolist()
    teacher = generator.dirichlet([1, 1, 1], size=60)
    teacher[np.arange(60), gold] += 0.5
    student = 0.5 * teacher + 0.5 * generator.dirichlet([1, 1, 1], size=60)
    return chosen((teacher / 2).tolist(), gold), chosen((student / 2).tolist(), gold)


def test_a_run_against_itself(tmp_path: Path, choices: tuple[Made, Made]) -> None:
    task = compared(tmp_path, choices[0], choices[0])
    metric = only(task)
    assert metric.change.value == metric.standard_error == 0
    assert (metric.p_difference, metric.p_adjusted) == (1, 1)
    assert metric.retention is not None
    assert (metric.retention.value, metric.retention.low, metric.retention.high) == (1, 1, 1)
    assert task.answers.agreement is not None
    assert task.answers.total_variation is not None
    assert (task.answers.agreement.value, task.answers.total_variation.value) == (1, 0)


def test_sides_are_mirrored(tmp_path: Path, choices: tuple[Made, Made]) -> None:
    there = compared(tmp_path / "there", *choices)
    back = compared(tmp_path / "back", *choices[::-1])
    ours, theirs = only(there), only(back)
    assert ours.flips is not None
    assert theirs.flips is not None
    assert ours.change.value == -theirs.change.value != 0
    assert (ours.flips.lost, ours.flips.gained) == (theirs.flips.gained, theirs.flips.lost)
    assert ours.flips.p_mcnemar == theirs.flips.p_mcnemar
    assert (ours.p_difference, ours.p_equivalence) == (theirs.p_difference, theirs.p_equivalence)
    assert there.answers == back.answers


def test_order_of_rows_does_not_matter(tmp_path: Path, choices: tuple[Made, Made]) -> None:
    def numbered(log: Made) -> Made:
        return log.change(lambda rows: [row | {"id": i, "doc": {"question": i}} for i, row in enumerate(rows)])

    teacher, student = map(numbered, choices)
    before = both(tmp_path / "before", teacher, student)
    after = both(tmp_path / "after", teacher.change(lambda rows: rows[::-1]), student)
    assert before.model_dump_json() == after.model_dump_json()


def test_same_documents_are_paired_in_their_order(tmp_path: Path) -> None:
    def made(values: Sequence[float]) -> Made:
        return scored(values).change(lambda rows: [row | {"id": i, "doc": {"same": 1}} for i, row in enumerate(rows)])

    metric = only(compared(tmp_path, made([1, 0, 1, 0, 1]), made([1, 0, 1, 1, 1])))
    assert metric.flips is not None
    assert (metric.flips.both_right, metric.flips.lost, metric.flips.gained) == (3, 0, 1)


def test_rows_are_in_the_order_of_their_keys(tmp_path: Path) -> None:
    """Keys are sorted as texts, whatever the order of the file, and values move with them."""
    rows = [row | {"doc": {"same": i % 2}, "id": i} for i, row in enumerate(scored(np.arange(24) / 100).rows)]
    made = [replace(scored([]), rows=[row | {"filter": of} for row in rows[::-1]]) for of in ("strict", "loose")]
    log = replace(made[0], rows=[*made[0].rows, *made[1].rows])
    found = read_logs(open_folder(write(tmp_path, log)), log.task, None, tmp_path / "spool")
    assert list(found) == ["loose", "strict"]
    hashes = [document_hash({"same": k}) for k in (0, 1)]
    value = {hashes[i % 2] + (f"-{i // 2 + 1}" if i > 1 else ""): i / 100 for i in range(24)}
    for of in found.values():
        rows = of.spool.chunk(0)
        assert rows.column("key").to_pylist() == sorted(value)
        assert rows.column("exact_match 0").to_pylist() == [value[key] for key in sorted(value)]


@pytest.mark.parametrize(("n", "finding"), [(20, "unclear"), (400, "equivalent")])
def test_a_few_equal_items_do_not_show_equivalence(tmp_path: Path, n: int, finding: str) -> None:
    """No flip among twenty items leaves room for a change of more than the margin, whatever the t-tests say."""
    metric = only(compared(tmp_path, scored([1.0] * n), scored([1.0] * n)))
    assert metric.p_equivalence == 0
    assert metric.finding == finding
    assert metric.equivalent == (finding == "equivalent")


def test_margin_is_in_the_unit_of_the_metric(tmp_path: Path) -> None:
    logs = [scored(drawn(1, 400, 0.5)), scored(drawn(1, 400, 0.52))]
    assert only(compared(tmp_path / "wide", *logs, epsilon=0.1)).finding == "equivalent"
    assert only(compared(tmp_path / "narrow", *logs, epsilon=0.001)).finding != "equivalent"


def test_p_values_are_adjusted_for_the_number_of_metrics(tmp_path: Path) -> None:
    logs = [
        [scored([1.0] * (40 - lost * side) + [0.0] * lost * side, task=f"t{lost}") for lost in (6, 7)]
        for side in (0, 1)
    ]
    ours, theirs = (write(tmp_path / side, *of, model=side) for side, of in zip("ts", logs, strict=True))
    found = compare_runs(ours, theirs, resamples=200)
    p = {task.task: only(task).p_adjusted for task in found.tasks}
    assert p == pytest.approx({"t6": 2**-6, "t7": 2 * 2**-7})


def test_better_and_unclear(tmp_path: Path) -> None:
    assert only(compared(tmp_path / "up", scored([0.0] * 40), scored([1.0] * 20 + [0.0] * 20))).finding == "better"
    assert only(compared(tmp_path / "few", scored([0.0] * 40), scored([1.0] * 3 + [0.0] * 37))).finding == "unclear"


def test_flags(tmp_path: Path) -> None:
    log = scored([1.0] * 40)
    asked = log.change(lambda rows: [row | {"prompt_hash": "other"} for row in rows])
    assert compared(tmp_path / "prompts", log, asked).flags == ("DIFFERENT PROMPTS",)
    counts = {"n-samples": {"free": {"original": 100, "effective": 40}}}
    ours, theirs = (write(tmp_path / side, log, model=side, **counts) for side in "ts")
    assert compare_runs(ours, theirs, resamples=200).tasks[0].flags == ("CUT TO 40 OF 100 ITEMS",)


# --- groups ----------------------------------------------------------------------------------------------------------


def grouped(place: Path, printed: Mapping[str, Any], group: Mapping[str, list[str]], *extra: Made) -> Comparison:
    """Return the comparison of a large task, on which the student loses half, and a small one, on which it gains."""
    logs = [
        [scored([1.0] * 60, task="large"), scored([0.0] * 20, task="small"), *extra],
        [scored([1.0] * 30 + [0.0] * 30, task="large"), scored([1.0] * 20, task="small")],
    ]
    results = {"group_subtasks": group, "results": printed}
    folders = [write(place / side, *of, model=side, **results) for side, of in zip("ts", logs, strict=True)]
    return compare_runs(*folders, resamples=400)


def test_group_weighed_by_items(tmp_path: Path) -> None:
    found = grouped(tmp_path, {"all": {"exact_match,none": 0.75}}, {"all": ["large", "small"]})
    (group,) = found.groups
    (metric,) = group.metrics
    assert (group.tasks, group.n_items, group.n_clusters) == (("large", "small"), 80, 80)
    assert (metric.weighting, metric.teacher.value) == ("items", 0.75)
    assert metric.student.value == pytest.approx(50 / 80)
    assert metric.flips is not None
    assert (metric.flips.lost, metric.flips.gained) == (30, 20)
    assert metric.flips.p_mcnemar == pytest.approx(p_mcnemar(30, 20))
    large, small = (only(task) for task in found.tasks)
    assert metric.standard_error == pytest.approx(math.hypot(0.75 * large.standard_error, 0.25 * small.standard_error))
    assert group.answers.agreement is not None
    assert group.answers.agreement.value == pytest.approx(30 / 80)


def test_group_weighed_by_tasks(tmp_path: Path) -> None:
    found = grouped(tmp_path, {"all": {"exact_match,none": 0.5}}, {"all": ["large", "small"]})
    ((metric,),) = (group.metrics for group in found.groups)
    assert (metric.weighting, metric.teacher.value, metric.student.value) == ("tasks", 0.5, 0.75)
    assert metric.finding == "better"
    assert metric.absent["flips"] == "each task counts the same, whatever its number of items"


def test_group_of_groups(tmp_path: Path) -> None:
    subtasks = {"all": ["part", "small"], "part": ["large"]}
    printed = {"all": {"exact_match,none": 0.75}, "part": {"exact_match,none": 1.0}}
    found = grouped(tmp_path, printed, subtasks)
    assert {group.group: group.tasks for group in found.groups} == {"all": ("large", "small"), "part": ("large",)}


def test_group_that_holds_itself_ends(tmp_path: Path) -> None:
    found = grouped(tmp_path, {"all": {"exact_match,none": 0.75}}, {"all": ["all", "large", "small"]})
    assert found.groups[0].tasks == ("large", "small")


def test_groups_that_cannot_be_compared(tmp_path: Path) -> None:
    members = ["large", "small"]
    silent = grouped(tmp_path / "silent", {}, {"all": members})
    assert silent.left_out == {"all": "lm-eval printed no value of it, so nothing says how its tasks are weighed"}
    strange = grouped(tmp_path / "strange", {"all": {"exact_match,none": 0.6}}, {"all": members})
    assert strange.groups[0].left_out == {
        "exact_match": "lm-eval printed 0.6, which is the mean neither over its items nor over its tasks"
    }
    lone = grouped(tmp_path / "lone", {}, {"all": [*members, "lone"]}, scored([1.0] * 5, task="lone"))
    assert lone.left_out["lone"] == "only the teacher's run has it"
    assert lone.left_out["all"] == "not all of its tasks were compared: lone"


# --- refusals of pairing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"num_fewshot": 5}, "num_fewshot 0, student with 5"),
        ({"repeats": 8}, "repeats 1, student with 8"),
        ({"generation_kwargs": {"temperature": 1.0}}, "generation_kwargs.temperature None, student with 1.0"),
        ({"output_type": "loglikelihood_rolling"}, "output_type 'generate_until', student with 'logl"),
    ],
)  # fmt: skip
def test_different_settings(tmp_path: Path, config: dict[str, Any], told: str) -> None:
    log = scored([1.0] * 5)
    with pytest.raises(PairingError, match="no task that can be compared") as caught:
        both(tmp_path, log, log.configured(**config))
    assert f"free, filter none: teacher was run with {told}" in str(caught.value)
    assert "run both alike" in str(caught.value)


def test_different_versions(tmp_path: Path) -> None:
    log = scored([1.0] * 5)
    ours = write(tmp_path / "t", log)
    theirs = write(tmp_path / "s", log, versions={"free": 2.0})
    with pytest.raises(PairingError, match=r"version '1\.0', student with '2\.0'"):
        compare_runs(ours, theirs)


def test_generation_settings_matter_only_to_generation(tmp_path: Path, choices: tuple[Made, Made]) -> None:
    teacher, student = choices
    assert compared(tmp_path, teacher, student.configured(generation_kwargs={"temperature": 1.0}))


def test_different_documents(tmp_path: Path) -> None:
    told = "1 documents are only in the teacher's log, 3 only in the student's; run both on the same items"
    student = scored([1.0] * 7).change(lambda rows: [rows[0] | {"doc": {"question": "new"}}, *rows[1:]])
    with pytest.raises(PairingError, match=told):
        both(tmp_path, scored([1.0] * 5), student)


def test_different_options(tmp_path: Path) -> None:
    teacher = chosen([[0.5, 0.5]] * 5, [0] * 5)
    student = chosen([[0.5, 0.5]] * 4 + [[0.3, 0.3, 0.3]], [0] * 5)
    with pytest.raises(PairingError, match="a document has more options in one log than in the other"):
        both(tmp_path, teacher, student)


def test_one_cluster(tmp_path: Path) -> None:
    with pytest.raises(PairingError, match="1 cluster of items: an interval needs at least two"):
        both(tmp_path, scored([1.0] * 5, ["a"] * 5), scored([1.0] * 5, ["a"] * 5), cluster_field="source")


def test_no_task_in_common(tmp_path: Path) -> None:
    with pytest.raises(PairingError, match="have no task in common: free and other"):
        both(tmp_path, scored([1.0] * 5), scored([1.0] * 5, task="other"))


def test_one_bad_task_does_not_keep_the_others_from_being_compared(tmp_path: Path) -> None:
    ours, theirs = (
        write(
            tmp_path / side, scored([1.0] * 5), scored([1.0] * n, task="cut"), scored([1.0] * 2, task=side), model=side
        )
        for side, n in (("t", 5), ("s", 4))
    )
    found = compare_runs(ours, theirs, resamples=200)
    assert [task.task for task in found.tasks] == ["free"]
    assert set(found.left_out) == {"cut, filter none", "t", "s"}


@pytest.mark.parametrize("rows_a_batch", [7, 32768])
def test_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_a_batch: int) -> None:
    """Many chunks and batches give the numbers of one, whatever the clusters, repeated documents and filters."""
    generator = np.random.default_rng(4)

    def made(seed: int) -> Made:
        right = drawn(seed, 400, 0.6)
        rows = [
            row | {"id": i, "filter": of, "doc": {"question": i % 150, "source": i % 9}, "utility": float(value)}
            for of in ("strict", "loose")
            for i, (row, value) in enumerate(zip(scored(right).rows, generator.integers(9, size=400) / 8, strict=True))
        ]
        return replace(scored(right), rows=[rows[k] for k in generator.permutation(800)])

    ours, theirs = (write(tmp_path / str(seed), made(seed), model=f"m{seed}") for seed in (1, 2))
    for field_ in (None, "source"):
        at_once = compare_runs(ours, theirs, cluster_field=field_, resamples=50)
        with monkeypatch.context() as patch:
            patch.setattr("angels_share.comparison.reading.BYTES_A_CHUNK", 5000)
            patch.setattr("angels_share.comparison.reading.ROWS_A_BATCH", rows_a_batch)
            in_parts = compare_runs(ours, theirs, cluster_field=field_, resamples=50)
        assert in_parts.model_dump_json() == at_once.model_dump_json()


def test_documents_are_refused_in_every_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("angels_share.comparison.reading.BYTES_A_CHUNK", 1000)
    log = scored([1.0] * 60)
    moved = log.change(lambda rows: [row | {"doc": {"question": i + 20}} for i, row in enumerate(rows)])
    with pytest.raises(PairingError, match="20 documents are only in the teacher's log, 20 only in the student's"):
        both(tmp_path, log, moved)


# --- bad logs --------------------------------------------------------------------------------------------------------


def samples(folder: Path) -> Path:
    return next(folder.rglob("samples_*"))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.unlink(), "missing; run lm-eval with --log_samples"),
        (lambda path: path.write_text(""), "a row lacks its filter, doc_id or doc_hash, or there is none"),
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), "garbled or truncated"),
        (lambda path: path.write_bytes(path.read_bytes() * 2), "has 10 rows where the results file counts 5"),
        (lambda path: path.write_text(path.read_text().replace('"doc_hash"', '"hash"')), "a row lacks its filter"),
        (lambda path: path.write_text(path.read_text().replace('"filter"', '"sieve"')), "a row lacks its filter"),
    ],
)  # fmt: skip
def test_damaged_samples(tmp_path: Path, damage: Callable[[Path], object], told: str) -> None:
    ours, theirs = (write(tmp_path / side, scored([1.0] * 5), model=side) for side in "ts")
    damage(samples(theirs))
    with pytest.raises(PairingError, match="no task that can be compared") as caught:
        compare_runs(ours, theirs)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("resps", "told"),
    [
        (options(-1.0, math.nan), "no finite log-likelihoods"),
        (options(-1.0, -math.inf), "no finite log-likelihoods"),
        ([[["-1.0", "True"]], [["much", "False"]]], "no finite log-likelihoods"),
        ([], "no finite log-likelihoods"),
        (None, "no finite log-likelihoods"),
        ([["text"]], "garbled or truncated"),
        (options(-1.0, 2.0), "a log-likelihood is 2.0, expected at most 0"),
    ],
)  # fmt: skip
def test_responses_that_are_no_likelihoods(tmp_path: Path, resps: object, told: str) -> None:
    log = chosen([[0.5, 0.5]] * 5, [0] * 5)
    with pytest.raises(PairingError) as caught:
        both(tmp_path, log, log.change(lambda rows: [*rows[:4], rows[4] | {"resps": resps}]))
    assert told in str(caught.value)


def test_long_rows(tmp_path: Path) -> None:
    """DuckDB is asked for room for rows of 64 MiB only where there are such."""
    log = scored([1.0] * 5)
    long = log.change(lambda rows: [*rows[:4], rows[4] | {"arguments": "x" * 40_000_000}])
    assert compared(tmp_path, long, log).n_items == 5
    samples(tmp_path / "t").unlink()


def test_no_room_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(LogError, match=r"nowhere: samples cannot be kept there .*No such file.*set TMPDIR"):
        both(tmp_path, scored([1.0] * 5), scored([1.0] * 5))


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ({"configs": {"free": []}}, "configs.free is no task's configuration"),
        ({"configs": {"free": {"output_type": "guess"}}}, "output type 'guess', expected one of multiple_choice"),
        ({"configs": {"free": {"output_type": "generate_until", "generation_kwargs": "x"}}}, "kwargs is no mapping"),
        ({"results": {"free": [1]}}, "results.free is no mapping"),
        ({"versions": "1"}, "versions is no mapping"),
        ({"n-samples": {"free": 5}}, "n-samples does not count the items of free"),
        ({"lm_eval_version": None, "n-samples": []}, "lacks n-samples"),
    ],
)  # fmt: skip
def test_garbled_results(tmp_path: Path, results: dict[str, Any], told: str) -> None:
    log = scored([1.0] * 5)
    ours, theirs = write(tmp_path / "t", log), write(tmp_path / "s", log, **results)
    with pytest.raises((LogError, PairingError)) as caught:
        compare_runs(ours, theirs)
    assert told in str(caught.value)


def test_folders_that_are_no_run_of_one_model(tmp_path: Path) -> None:
    ours = write(tmp_path / "t", scored([1.0] * 5))
    with pytest.raises(LogError, match="no such folder; give the --output_path"):
        compare_runs(ours, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LogError, match=r"no results_\*\.json below it"):
        compare_runs(ours, tmp_path / "empty")
    write(tmp_path / "t", scored([1.0] * 5, task="other"), model="another")
    with pytest.raises(LogError, match=r"mixes the runs of several models: another in .* and teacher in"):
        compare_runs(tmp_path / "t", ours)
    write(tmp_path / "t", scored([1.0] * 5), stamp="2026-02-02T00-00-00.000000")
    with pytest.raises(LogError, match=r"two runs of free, .*; keep one of them, or give the results file"):
        compare_runs(ours, ours)
    assert compare_runs(*[ours / f"results_{STAMP}.json"] * 2, resamples=200).tasks


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def score(command: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Return a function that runs ``angels-share score`` with these arguments."""
    return partial(command, "score")


def test_command_compares_tasks_that_are_not_ours(
    tmp_path: Path, choices: tuple[Made, Made], score: Callable[..., Outcome]
) -> None:
    printed = {"group_subtasks": {"all": ["choice"]}, "results": {"all": {"acc,none": 1.0}}}
    ours = write(tmp_path / "t", choices[0], scored([1.0] * 5, task="gone"), **printed)
    theirs = write(tmp_path / "s", choices[1], model="student")
    done = score(ours, theirs, "--resamples", 200, "-o", tmp_path / "found.json")
    assert done.code == 0
    assert done.err.strip() == f"wrote {tmp_path / 'found.json'}"
    found = Comparison.model_validate_json((tmp_path / "found.json").read_text("utf-8"))
    assert found == compare_runs(ours, theirs, resamples=200)
    metric = only(found.tasks[0])
    assert metric.flips is not None
    assert "student ← teacher" in done.out
    (line,) = (line for line in done.out.splitlines() if line.strip().startswith("choice"))
    shown = f"{metric.teacher.value:.3f} → {metric.student.value:.3f}"
    assert shown in line
    assert f"{metric.flips.lost} / {metric.flips.gained}" in line
    assert line.strip().endswith(metric.finding)
    assert "gone was not compared: only the teacher's run has it" in done.out
    assert "over single documents" in done.out


def test_command_compares_ours_only_when_asked(tmp_path: Path, score: Callable[..., Outcome]) -> None:
    tasks = ["as_boundary_ladder", "as_calibration_confidence"]
    ours = write_run(tmp_path / "t", tasks, noisy(1), model="teacher")
    theirs = write_run(tmp_path / "s", tasks, noisy(2, 0.5), sampling_seed=2, model="student")
    done = score(ours, theirs, "--any", "--cluster-field", "cluster_id", "--epsilon", 0.1, "--resamples", 200)
    assert (done.code, done.err.strip()) == (0, "")
    assert "over documents that share cluster_id" in done.out
    assert "within ±0.1," in done.out
    refused = score(ours, theirs, "--cluster-field", "cluster_id")
    assert refused.code == 2
    assert refused.err == "error: --cluster-field and --epsilon belong to a comparison of any tasks; add --any\n"
    refused = score(ours, theirs, "--any", "--suite", "rag", "--brief")
    assert refused.code == 2
    assert refused.err == "error: --suite, --brief: belongs to a score by suites; leave it out, or --any\n"


def test_command_says_why_it_cannot_compare(tmp_path: Path, score: Callable[..., Outcome]) -> None:
    ours, theirs = write(tmp_path / "t", scored([1.0] * 5)), write(tmp_path / "s", scored([1.0] * 4))
    done = score(ours, theirs)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert "1 documents are only in the teacher's log, 0 only in the student's" in done.err
