"""The validity report: planted losses are found or missed as defined, orders and headlines are compared as defined."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from scipy.stats import spearmanr, t
from streamlit.testing.v1 import AppTest

import fixture_entries as fixture
from angels_share import items, spec
from angels_share.errors import BundleError, PairingError, SpecError
from angels_share.index import write_index
from angels_share.logs.model import document_hash
from angels_share.score.model import PairScore
from angels_share.submission import read_role
from angels_share.taxonomy import ROWS
from angels_share.validity.detection import detect, half_width, row_losses, shared_tasks
from angels_share.validity.doses.invented import invented_teacher
from angels_share.validity.doses.registry import DOSES
from angels_share.validity.doses.response import measure_response
from angels_share.validity.family import FAMILY, SIZES
from angels_share.validity.headline import hidden
from angels_share.validity.literature.findings import Finding, Measured
from angels_share.validity.report import Control, Repeat, Student, Validity, validity
from angels_share.validity.stability import Agreement, agreements, at_profile, rank_correlation
from angels_share.validity.telling import sections
from angels_share.validity.writing import read, to_markdown, write

ROOT = Path(__file__).parents[1]
SUBMISSIONS = ROOT / "submissions"
SIBLINGS = ("toy-soft-1", "toy-soft-2", "toy-soft-3")


def losing(usual: float = 0.2, **by_row: float) -> PairScore:
    """Return a score with one task a row, whose loss is this or the usual one."""
    design = fixture.task_score("as_distribution_urn", 0.0, "PRESERVED")
    tasks = tuple(
        design.model_copy(
            update={"task": f"as_{row}_made_up", "row": row, "loss": fixture.estimate(by_row.get(row, usual))}
        )
        for row in ROWS
    )
    return fixture.distilled().score.model_copy(update={"tasks": tasks})


def family(spread: float = 0.0, **planted: PairScore) -> dict[str, PairScore]:
    """Return siblings whose losses are the usual one and this much to either side, and planted students."""
    siblings = zip(SIBLINGS, (0.2 - spread, 0.2, 0.2 + spread), strict=True)
    return {name: losing(usual) for name, usual in siblings} | {f"toy-planted-{r}": s for r, s in planted.items()}


class TestFamily:
    def test_one_member_is_planted_for_each_row(self) -> None:
        assert [m.planted for m in FAMILY.values() if m.planted] == list(ROWS)

    def test_siblings_differ_in_nothing_but_the_seed(self) -> None:
        siblings = [m for m in FAMILY.values() if m.sibling]
        assert len(siblings) == 5
        assert len({m.seed for m in siblings}) == len(siblings)
        assert len({(m.objective, m.size, m.planted) for m in siblings}) == 1

    def test_planted_members_are_siblings_but_for_the_plant(self) -> None:
        for member in FAMILY.values():
            if member.planted:
                assert (member.objective, member.size, member.seed) == ("soft", "large", 1)

    def test_sizes_grow(self) -> None:
        assert [size.hidden for size in SIZES.values()] == sorted(size.hidden for size in SIZES.values())


class TestDetection:
    def test_row_loss_is_the_mean_over_measured_tasks(self) -> None:
        score = fixture.distilled().score
        tasks = [
            fixture.task_score("as_tail_rare", 0.5, "HARMFUL"),
            fixture.task_score("as_tail_facts", 0.1, "HARMFUL"),
        ]
        tasks += [fixture.gap("as_boundary_groups", "teacher", "too near chance")]
        scores = {"a": score.model_copy(update={"tasks": tuple(tasks)})}
        assert row_losses(scores["a"], shared_tasks(scores)) == {"tail": pytest.approx(0.3)}

    def test_half_width_is_of_one_more_sibling(self) -> None:
        values = [0.1, 0.4, 0.3]
        expected = t.ppf(0.975, 2) * np.std(values, ddof=1) * np.sqrt(4 / 3)
        assert half_width(values) == pytest.approx(expected)

    def test_half_width_holds_another_sibling_19_times_in_20(self) -> None:
        rng = np.random.default_rng(3)
        held = [abs(four[3] - four[:3].mean()) < half_width(four[:3].tolist()) for four in rng.normal(size=(4000, 4))]
        assert np.mean(held) == pytest.approx(0.95, abs=0.015)

    def test_a_row_is_of_the_tasks_that_all_students_have(self) -> None:
        scores = family(tail=losing(tail=0.5))
        lacking = scores["toy-soft-1"]
        tasks = tuple(task for task in lacking.tasks if task.row != "privacy")
        scores["toy-soft-1"] = lacking.model_copy(update={"tasks": tasks})
        assert "privacy" not in {cell.row for cell in detect({"lite-0": scores}).cells}

    def test_one_sibling_has_no_spread(self) -> None:
        scores = family(tail=losing(tail=0.5))
        del scores["toy-soft-2"], scores["toy-soft-3"]
        with pytest.raises(PairingError, match="1 siblings were measured, at least two"):
            detect({"lite-0": scores})

    def test_a_planted_loss_is_found_in_its_row_alone(self) -> None:
        found = detect({"lite-0": family(tail=losing(tail=0.5)), "pilot-1": family(tail=losing(tail=0.4))})
        assert found.found == ("tail",)
        assert (found.misses, found.alarms, found.off_diagonal) == ((), 0, 2 * (len(ROWS) - 1))
        assert {cell.row for cell in found.cells if cell.fires} == {"tail"}

    def test_a_loss_elsewhere_is_an_alarm(self) -> None:
        found = detect({"lite-0": family(tail=losing(tail=0.5, safety=0.9))})
        assert found.alarms == 1
        assert [cell.row for cell in found.cells if cell.fires] == ["safety", "tail"]

    def test_less_than_five_hundredths_does_not_fire(self) -> None:
        found = detect({"lite-0": family(tail=losing(tail=0.249))})
        assert "less than the 5 that are asked for" in found.misses[0].reason

    def test_the_siblings_spread_must_be_exceeded(self) -> None:
        spread = 0.05
        needed = half_width([0.2 - spread, 0.2, 0.2 + spread])
        assert detect({"lite-0": family(spread, tail=losing(tail=0.2 + needed + 0.001))}).found == ("tail",)
        missed = detect({"lite-0": family(spread, tail=losing(tail=0.2 + needed - 0.001))})
        assert f"less than the {100 * needed:.1f} that their spread asks for" in missed.misses[0].reason

    def test_a_loss_must_show_on_every_set_of_items(self) -> None:
        found = detect({"lite-0": family(tail=losing(tail=0.5)), "pilot-1": family(tail=losing(tail=0.21))})
        (miss,) = found.misses
        assert (miss.row, miss.fired, miss.of) == ("tail", 1, 2)
        assert miss.reason.startswith("on pilot-1 its row loss exceeds the siblings' 20.0 by 1.0")

    def test_a_miss_names_the_tasks_that_leave_no_room(self) -> None:
        scores = {name: losing(0.97) for name in SIBLINGS} | {"toy-planted-tail": losing(1.0)}
        assert "as_tail_made_up have no room" in detect({"lite-0": scores}).misses[0].reason

    def test_a_miss_names_the_tasks_that_show_it_by_themselves(self) -> None:
        """The mean over a row hides what one task of several shows."""
        spread = 0.1
        scores = family(spread, tail=losing(tail=0.2))
        for name, score in scores.items():
            (design,) = (task for task in score.tasks if task.row == "tail")
            loss = fixture.estimate(0.3 if name == "toy-planted-tail" else 0.1)
            other = design.model_copy(update={"task": "as_tail_other", "loss": loss})
            scores[name] = score.model_copy(update={"tasks": (*score.tasks, other)})
        found = detect({"lite-0": scores})
        assert [miss.shown_by for miss in found.misses] == [("as_tail_other",)]
        unlike = losing(tail=0.2)
        assert [miss.shown_by for miss in detect({"lite-0": scores, "pilot-1": family(tail=unlike)}).misses] == [()]


class TestStability:
    def test_correlation_is_spearmans(self) -> None:
        rng = np.random.default_rng(1)
        one = rng.normal(size=15).round(1)  # with ties
        other = one + rng.normal(size=15)
        found = rank_correlation(list(zip(one.tolist(), other.tolist(), strict=True)))
        assert found is not None
        assert found.value == pytest.approx(spearmanr(one, other).statistic)
        assert found.low < found.value < found.high

    def test_a_constant_has_no_rank_correlation(self) -> None:
        assert rank_correlation([(1.0, float(k)) for k in range(6)]) is None

    def test_interval_holds_the_truth_of_independent_numbers(self) -> None:
        rng = np.random.default_rng(2)
        held = 0
        for _ in range(200):
            interval = rank_correlation(rng.normal(size=(20, 2)).tolist())
            assert interval is not None
            held += interval.low <= 0 <= interval.high
        assert held / 200 == pytest.approx(0.95, abs=0.05)

    def test_same_scores_agree_whole(self) -> None:
        scores = {f"s{k}": self.composite(k / 10) for k in range(6)}
        found = agreements({"lite-0": scores, "pilot-1": scores})
        assert {(a.number, a.students, a.correlation) for a in found} == {("composite", 6, 1.0)}

    def test_the_share_stands_in_where_there_is_no_composite(self) -> None:
        scores = {f"s{k}": self.composite(k / 10, retained=False) for k in range(6)}
        assert {a.number for a in agreements({"lite-0": scores, "pilot-1": scores})} == {"angels_share"}

    def test_few_students_say_nothing(self) -> None:
        scores = {f"s{k}": self.composite(k / 10) for k in range(4)}
        assert agreements({"lite-0": scores, "pilot-1": scores}) == []

    @staticmethod
    def composite(value: float, *, retained: bool = True) -> PairScore:
        score = fixture.distilled().score
        suite = score.suites[0]
        assert suite.angels_share is not None
        share = suite.angels_share.model_copy(update={"total": fixture.estimate(1 - value)})
        number = fixture.estimate(value) if retained else None
        suite = suite.model_copy(update={"composite": number, "angels_share": share})
        return score.model_copy(update={"suites": (suite,)})


class TestHeadline:
    def test_a_kept_headline_hides_a_lost_row(self) -> None:
        found = hidden({"lite-0": {"a": self.kept(0.97, 0.3), "b": self.kept(0.97, 0.04), "c": self.kept(0.6, 0.3)}})
        assert [h.hidden for h in found.headlines] == [True, False, False]
        assert (found.kept, found.hiding) == (2, 1)

    def test_a_row_is_lost_where_its_interval_is_clear_of_the_limit(self) -> None:
        doubtful = hidden({"lite-0": {"a": self.kept(0.97, 0.08)}})  # 0.03 to 0.13
        assert doubtful.headlines[0].lost == ()

    def test_without_retention_there_is_no_headline(self) -> None:
        score = self.kept(0.97, 0.3)
        suite = score.suites[0]
        without = suite.model_copy(update={"primary": suite.primary.model_copy(update={"retention": None})})
        assert hidden({"lite-0": {"a": score.model_copy(update={"suites": (without,)})}}).headlines == ()

    @staticmethod
    def kept(retention: float, loss: float) -> PairScore:
        score = fixture.distilled().score
        suite = score.suites[0]
        primary = suite.primary.model_copy(update={"retention": fixture.estimate(retention)})
        rows = tuple(row.model_copy(update={"loss": fixture.estimate(loss)}) for row in suite.rows)
        return score.model_copy(update={"suites": (suite.model_copy(update={"primary": primary, "rows": rows}),)})


def found(**changes: Any) -> Validity:
    """Return a small report: one loss found, one missed, one response, one control."""
    scores = {"lite-0": family(tail=losing(tail=0.5), safety=losing(safety=0.22))}
    report = Validity(
        teacher="toy-teacher",
        public="lite-0",
        students=(Student(name="toy-soft-1", objective="soft", parameters=9, planted=None, items=("lite-0",)),),
        missing={"lite-0": ("toy-self",)},
        detection=detect(scores),
        responses=(measure_response(invented_teacher("as_tail_zipf"), DOSES["as_tail_zipf"][0], resamples=100),),
        repeat=Repeat(tasks=33, moved=("as_tail_facts",)),
        controls=(Control(name="uniform", suite="rag", retention=0.0, angels_share=0.97, composite=-0.97),),
        stability=(
            Agreement(
                suite="rag", first="lite-0", second="pilot-1", number="composite",
                students=9, correlation=0.9, low=0.7, high=1.0,
            ),
        ),
        hidden=hidden({"lite-0": {"a": TestHeadline.kept(0.97, 0.3)}}),
        findings=(
            Finding(
                claim="size",
                source="A paper (arXiv 0000.00000)",
                claimed="Smaller is worse.",
                definitions={"slope": "loss per halving"},
                measured=(Measured(statistic="slope", of="family", estimate=fixture.estimate(0.2), null=0.0),),
                can="It is.",
                cannot="Why.",
            ),
        ),
        unasked=("self distillation: it was not trained",),
    )  # fmt: skip
    return report.model_copy(update=changes)


class TestReport:
    def test_the_misses_come_first(self) -> None:
        text = to_markdown(found())
        headings = [line for line in text.splitlines() if line.startswith("## ")]
        assert headings[0] == "## What it misses"
        assert "Safety boundary\\: toy-planted-safety shows on 0 of 1" in text.replace(": toy", "\\: toy")
        assert "on lite-0: toy-self." in text.replace("\\", "")

    def test_nothing_is_hidden_where_all_is_found(self) -> None:
        detection = detect({"lite-0": family(tail=losing(tail=0.5))})
        assert "Every planted loss that was measured is found" in to_markdown(found(detection=detection))

    def test_without_planted_students_nothing_is_called_found(self, tmp_path: Path) -> None:
        report = found(detection=detect({"lite-0": family()}), responses=())
        text = to_markdown(report)
        assert "No student with a planted loss was measured" in text
        assert "is found on every set" not in text
        write(report, tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {"report.json", "README.md", "headlines.svg"}

    def test_equation_8_is_shown_by_hidden_losses_alone(self) -> None:
        kept = hidden({"lite-0": {"a": TestHeadline.kept(0.97, 0.04)}})
        assert "equation 8" in to_markdown(found())
        assert "equation 8" not in to_markdown(found(hidden=kept))

    def test_the_worst_headlines_are_listed(self) -> None:
        students = {f"s{k}": TestHeadline.kept(0.97, 0.3) for k in range(20)}
        text = to_markdown(found(hidden=hidden({"lite-0": students})))
        assert "the largest 12 of 20" in text
        assert text.count("| fixture-student-700k | synthetic_data |") == 12
        assert "how often one does" in text

    def test_every_number_is_told(self) -> None:
        text = to_markdown(found())
        for told in (
            "+30.0 ●",
            "1 of 2 planted losses (1 of 2 on lite-0)",
            "1 of 33 tasks",
            "97.0",
            "0.90 [0.70, 1.00]",
            "+0.200",
        ):
            assert told in text, told

    def test_files_are_written_and_read_back(self, tmp_path: Path) -> None:
        report = found()
        write(report, tmp_path / "validity")
        names = {path.name for path in (tmp_path / "validity").iterdir()}
        assert names == {"report.json", "README.md", "matrix.svg", "responses.svg", "headlines.svg"}
        assert read(tmp_path / "validity" / "report.json") == report
        for path in (tmp_path / "validity").glob("*.svg"):
            assert ET.parse(path).getroot().tag.endswith("svg")  # noqa: S314 - written by ourselves

    def test_a_file_that_is_no_report_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "report.json").write_text("{}")
        with pytest.raises(SpecError, match=r"is no validity report .* write it again: angels-share validity"):
            read(tmp_path / "report.json")

    def test_without_the_family_the_command_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(BundleError, match=r"holds no submission of the reference family; .*: make family"):
            validity(tmp_path)


class TestSmallerProfile:
    def test_a_profile_is_a_prefix(self) -> None:
        run = read_role(SUBMISSIONS / "teachers" / "toy-teacher" / "runs" / "toy-lite-0")
        pilot = at_profile(run, "pilot")
        for name in ("as_boundary_perturb", "as_tail_zipf", "as_process_rollout"):
            log, measure = pilot.tasks[name], spec.task(name).measure
            made = items.build(
                items.find_generator(spec.task_files()[name].parent, measure.generator),
                levels=(0,),
                clusters=items.n_clusters(measure.clusters, "pilot"),
                per_cluster=measure.per_cluster,
                source=items.Source(0),
            )
            assert log.doc_hash == tuple(map(document_hash, made))
            kept = run.tasks[name].doc_hash.index(log.doc_hash[-1])
            answers = (log.texts or log.log_likelihoods)[-1]
            assert np.array_equal(answers, (run.tasks[name].texts or run.tasks[name].log_likelihoods)[kept])


class TestMethodsPage:
    def test_it_shows_the_report(self, index: Path, open_app: Callable[..., AppTest]) -> None:
        write_index([fixture.distilled()], [], index, {"validity.json": found().model_dump_json().encode()})
        app = open_app().switch_page("app_pages/methods.py").run()
        assert not app.exception
        assert [header.value for header in app.header] == [section.title for section in sections(found())]
        assert any("toy-planted-safety shows on 0 of 1" in text.value for text in app.markdown)

    def test_without_a_report_it_says_how_to_write_one(self, index: Path, open_app: Callable[..., AppTest]) -> None:
        write_index([fixture.distilled()], [], index)
        app = open_app().switch_page("app_pages/methods.py").run()
        assert not app.exception
        assert "angels-share validity" in app.info[0].value

    def test_the_index_command_takes_the_report_in(self, tmp_path: Path, command: Callable[..., Any]) -> None:
        (tmp_path / "submissions").mkdir()
        report = tmp_path / "report.json"
        report.write_text(found().model_dump_json())
        done = command("index", tmp_path / "submissions", "-o", tmp_path / "index", "--validity", report)
        assert done.code == 0, done.err
        assert "validity.json" in json.loads((tmp_path / "index" / "CURRENT.json").read_text("utf-8"))["files"]


FRESH = "pilot-1"


@pytest.fixture(scope="module")
def partial(tmp_path_factory: pytest.TempPathFactory) -> Validity:
    """Return the report of the siblings and one planted student on fresh items."""
    folder = tmp_path_factory.mktemp("some")
    shutil.copytree(SUBMISSIONS / "teachers" / "toy-teacher", folder / "teachers" / "toy-teacher")
    for path in SUBMISSIONS.glob("*/submission.json"):
        said = json.loads(path.read_text("utf-8"))
        name, on = said["student"]["name"], f"{said['key']['profile']}-{said['key']['item_seed']}"
        if on == FRESH and (name == "toy-planted-safety" or (name in FAMILY and FAMILY[name].sibling)):
            shutil.copytree(path.parent, folder / path.parent.name)
    return validity(folder, workers=1)


class TestFromBundles:
    def test_it_tells_who_was_measured_and_who_was_not(self, partial: Validity) -> None:
        assert partial.public == FRESH
        assert {student.name for student in partial.students} == {
            *SIBLINGS,
            "toy-soft-4",
            "toy-soft-5",
            "toy-planted-safety",
        }
        assert all(student.items == (FRESH,) and student.parameters for student in partial.students)
        assert set(partial.missing[FRESH]) == FAMILY.keys() - {student.name for student in partial.students}

    def test_detection_is_that_of_the_whole_family(self, partial: Validity) -> None:
        whole = read(ROOT / "validity" / "report.json").detection.cells
        expected = [cell for cell in whole if (cell.items, cell.planted) == (FRESH, "safety")]
        assert [cell.model_dump() for cell in partial.detection.cells] == [
            pytest.approx(cell.model_dump(), abs=1e-9) for cell in expected
        ]

    def test_what_was_not_measured_is_absent_and_not_nought(self, partial: Validity) -> None:
        assert (partial.repeat, partial.controls) == (None, ())
        assert any("self distillation" in told for told in partial.unasked)

    def test_a_refused_bundle_is_no_part_of_a_report(self, tmp_path: Path) -> None:
        bundle = next(SUBMISSIONS.glob("toy-planted-safety-*"))
        shutil.copytree(bundle, tmp_path / bundle.name)  # without the teacher that it refers to
        with pytest.raises(BundleError, match=f"{bundle.name}: is refused: error AS-502"):
            validity(tmp_path, workers=1)


@pytest.fixture(scope="module")
def report() -> Validity:
    return read(ROOT / "validity" / "report.json")


class TestCommittedReport:
    def test_it_is_of_the_committed_scores(self, report: Validity) -> None:
        """Validation computes the scores again; here the report must follow from them."""
        scores: dict[str, dict[str, PairScore]] = {}
        for path in sorted(SUBMISSIONS.glob("*/score.json")):
            score = PairScore.model_validate_json(path.read_bytes())
            if score.student in FAMILY:
                scores.setdefault(f"{score.key.profile}-{score.key.item_seed}", {})[score.student] = score
        ordered = {on: {name: scores[on][name] for name in FAMILY if name in scores[on]} for on in sorted(scores)}
        again = detect(ordered)
        assert [cell.model_dump(exclude={"loss", "siblings", "excess", "needed"}) for cell in again.cells] == [
            cell.model_dump(exclude={"loss", "siblings", "excess", "needed"}) for cell in report.detection.cells
        ]
        assert [c.excess for c in again.cells] == pytest.approx([c.excess for c in report.detection.cells], abs=1e-9)
        assert hidden(ordered).hiding == report.hidden.hiding

    def test_the_page_and_the_plots_are_of_the_report(self, report: Validity) -> None:
        assert (ROOT / "validity" / "README.md").read_text("utf-8") == to_markdown(report)

    def test_it_finds_what_the_readme_says(self, report: Validity) -> None:
        """Six of nine planted losses on all sets of items; the others show in a task, and not in the row's mean."""
        assert len(report.detection.found) == 6
        assert [(miss.row, bool(miss.shown_by)) for miss in report.detection.misses] == [
            ("distribution", True),
            ("grounding", True),
            ("tail", True),
        ]
        assert report.detection.alarms <= 0.05 * report.detection.off_diagonal
        assert not any(report.missing.values())

    def test_the_teacher_is_itself(self, report: Validity) -> None:
        assert report.repeat is not None
        assert len(report.repeat.moved) <= 0.05 * report.repeat.tasks
