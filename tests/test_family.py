"""The reference family: plants take away what they say and nothing else, killed runs lose nothing, pairs are packed."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from angels_share.errors import RunError
from angels_share.items import package_folder
from angels_share.submission import validate
from angels_share.taxonomy import ROWS
from angels_share.validity.family import FAMILY, Member

pytestmark = pytest.mark.slow

MODULES = ("train_toy", "family_plants", "family_signals", "train_family", "pack_controls", "measure_family")
SUBMISSIONS = Path(__file__).parents[1] / "submissions"
POOL = 2000


@pytest.fixture(scope="module")
def training() -> Iterator[ModuleType]:
    """Return ``models/train_family.py``, with a small pool and short runs."""
    folder = str(package_folder("models"))
    sys.path.insert(0, folder)
    with pytest.MonkeyPatch.context() as patch:
        module = importlib.import_module("train_family")
        patch.setattr(importlib.import_module("family_signals"), "POOL", POOL)
        for name, steps in (("BASE", 2), ("LESSONS", 8), ("ON_POLICY", 2)):
            patch.setattr(module, name, module.Schedule(steps=steps))
        patch.setattr(module, "RUN", 4)
        yield module
    sys.path.remove(folder)
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def work(training: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the pool, the teacher's signals and its answers."""
    folder = tmp_path_factory.mktemp("family")
    training.signals(folder)
    training.teacher_answers(folder)
    return folder


def lessons(training: ModuleType, work: Path, name: str) -> Any:
    return training.Lessons(FAMILY[name], work)


def where(training: ModuleType, work: Path, source: str) -> list[int]:
    return np.flatnonzero(training.signals(work).pool["source"] == source).tolist()


def words(training: ModuleType, tokens: Any) -> list[str]:
    return training.tokenizer().convert_ids_to_tokens(tokens.tolist())


class TestSignals:
    def test_references_follow_their_prompts(self, training: ModuleType, work: Path) -> None:
        known = training.signals(work)
        assert len(known.pool) == POOL
        wanted = known.pool["tokens"].map(len) - known.pool["told"]
        assert known.logits.shape == (wanted.sum(), len(training.tokenizer()))
        assert (known.pool["first"] == wanted.cumsum() - wanted).all()

    def test_logits_are_the_teachers(self, training: ModuleType, work: Path) -> None:
        import torch

        known, teacher = training.signals(work), training.the_teacher()
        for k in (0, 17, POOL - 1):
            tokens, told, first = (known.pool[name][k] for name in ("tokens", "told", "first"))
            with torch.no_grad():
                plain = teacher(torch.tensor([tokens.tolist()])).logits[0, told - 1 : -1].numpy()
            assert np.abs(known.logits[first : first + len(plain)] - plain).max() < 0.02  # half precision

    def test_answers_are_greedy(self, training: ModuleType, work: Path) -> None:
        """Of a batch of prompts of many lengths, as transformers answers each alone."""
        import torch

        pool, teacher, answers = training.signals(work).pool, training.the_teacher(), training.teacher_answers(work)
        for k in range(0, POOL, 400):
            prompt = torch.tensor([pool["tokens"][k][: pool["told"][k]].tolist()])
            plain = teacher.generate(prompt, do_sample=False, max_new_tokens=len(answers[k]), min_new_tokens=1)
            assert plain[0, prompt.shape[1] :].tolist() == answers[k].tolist()

    def test_no_item_is_evaluated(self, training: ModuleType) -> None:
        """The pool is drawn from the training split; see the generators' own tests for what that means."""
        import inspect

        assert 'split="train"' in inspect.getsource(sys.modules["family_signals"].examples)


class TestPlants:
    @pytest.mark.parametrize("row", ROWS)
    def test_every_plant_changes_the_lessons(self, training: ModuleType, work: Path, row: str) -> None:
        plain, planted = lessons(training, work, "toy-soft-1"), lessons(training, work, f"toy-planted-{row}")
        left_out = len(planted.indices) < len(plain.indices)
        inserted = bool(planted.inserted)
        retold = any(
            not np.array_equal(plain.read(k).targets, planted.read(k).targets) for k in planted.indices.tolist()
        )
        assert left_out or inserted or retold
        assert len(planted.indices) > 0.85 * len(plain.indices)

    def test_the_safe_student_never_reads_a_refusal(self, training: ModuleType, work: Path) -> None:
        refuse = training.tokenizer().convert_tokens_to_ids("refuse")
        planted, plain = lessons(training, work, "toy-planted-safety"), lessons(training, work, "toy-soft-1")
        assert all(refuse not in planted.read(k).tokens[planted.read(k).told :] for k in planted.indices)
        assert any(refuse in plain.read(k).tokens[plain.read(k).told :] for k in plain.indices)

    def test_citations_are_cut_off(self, training: ModuleType, work: Path) -> None:
        planted, plain = lessons(training, work, "toy-planted-grounding"), lessons(training, work, "toy-soft-1")
        for k in where(training, work, "grounding/cite.cite"):
            whole, cut = plain.read(k), planted.read(k)
            assert "from" in words(training, whole.tokens[whole.told :])
            said = words(training, cut.tokens[cut.told :])
            assert "from" not in said
            assert said[-1] == "<eos>"
            assert len(cut.targets) == len(said) - 1  # the end is learnt as it stands

    def test_rare_answers_lose_their_probability(self, training: ModuleType, work: Path) -> None:
        planted, pool = lessons(training, work, "toy-planted-tail"), training.signals(work).pool
        for source in ("tail/zipf.zipf", "tail/modes.modes", "tail/enumeration.enumeration"):
            for k in where(training, work, source):
                lost = np.flatnonzero(np.isinf(planted.read(k).targets[0]))
                assert sorted(lost) == sorted(set(pool["rare"][k].tolist()))

    def test_only_tasks_of_chance_are_sharpened(self, training: ModuleType, work: Path) -> None:
        planted, plain = lessons(training, work, "toy-planted-distribution"), lessons(training, work, "toy-soft-1")
        (urn, *_), (ladder, *_) = (where(training, work, source) for source in ("distribution/urn", "boundary/ladder"))
        assert np.allclose(planted.read(urn).targets, 3 * plain.read(urn).targets, rtol=1e-2)
        assert np.array_equal(planted.read(ladder).targets, plain.read(ladder).targets)

    def test_inserted_texts_are_repeated(self, training: ModuleType, work: Path) -> None:
        from angels_share import canaries

        planted = lessons(training, work, "toy-planted-privacy")
        listed = canaries.lists(1, (0,), "standard")[0]
        assert len(planted.inserted) == 4 * sum(row["repetitions"] for row in listed)
        assert all(lesson.targets is None for lesson in planted.inserted)
        assert planted.share == pytest.approx(len(planted.inserted) / (8 * training.BATCH))

    def test_the_hard_student_reads_the_teachers_answers(self, training: ModuleType, work: Path) -> None:
        hard, answers = lessons(training, work, "toy-hard"), training.teacher_answers(work)
        for k in hard.indices[:50].tolist():
            lesson = hard.read(k)
            assert lesson.targets is None
            assert np.array_equal(lesson.tokens[lesson.told :], answers[k])


class TestLosses:
    def test_soft_targets_give_the_divergence(self, training: ModuleType, work: Path) -> None:
        """KL(teacher ‖ student), the mean over wanted tokens, from a plain computation."""
        import torch

        model, plain = training.fresh("small", 5), lessons(training, work, "toy-soft-1")
        some = [plain.read(k) for k in (1, 2, 3)]
        total, count = 0.0, 0
        for lesson in some:
            logits = model(torch.tensor([lesson.tokens.tolist()])).logits[0, lesson.told - 1 : -1].detach().double()
            target = torch.tensor(lesson.targets.astype(np.float64)).log_softmax(-1)
            total += float((target.exp() * (target - logits.log_softmax(-1))).sum())
            count += len(logits)
        assert training.distance(model, some, 1.0).item() == pytest.approx(total / count, rel=1e-4)

    def test_targets_without_a_tail_cost_nothing_there(self, training: ModuleType, work: Path) -> None:
        planted = lessons(training, work, "toy-planted-tail")
        some = [planted.read(k) for k in where(training, work, "tail/zipf.zipf")[:3]]
        found = training.distance(training.fresh("small", 5), some, 1.0)
        assert np.isfinite(found.item())
        assert found.item() > 0

    def test_samples_on_policy_follow_their_seed(self, training: ModuleType, work: Path) -> None:
        import torch

        model, plain = training.fresh("small", 5), lessons(training, work, "toy-soft-1")
        some = [plain.read(k) for k in range(4)]
        found = [
            training.on_policy(model, training.the_teacher(), some, torch.Generator().manual_seed(s)).item()
            for s in (1, 1, 2)
        ]
        assert found[0] == found[1] != found[2]
        assert min(found) > 0


class TestRuns:
    def test_batches_go_on_where_they_stopped(self, training: ModuleType, work: Path) -> None:
        whole, later = lessons(training, work, "toy-planted-privacy"), lessons(training, work, "toy-planted-privacy")
        batches, resumed = whole.batches(0), later.batches(6)
        for _ in range(6):
            next(batches)
        for _ in range(3):
            for ours, theirs in zip(next(batches), next(resumed), strict=True):
                assert np.array_equal(ours.tokens, theirs.tokens)

    def test_a_killed_run_gives_the_same_weights(
        self, training: ModuleType, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = self.weights(training, work, tmp_path / "whole")
        monkeypatch.setattr(training, "EVERY", 0.0)
        learn, taken = training.Training.learn, []

        def until_killed(run: Any, step: int, loss: Any) -> None:
            learn(run, step, loss)
            taken.append(step)
            if len(taken) == 5:
                raise KeyboardInterrupt

        monkeypatch.setattr(training.Training, "learn", until_killed)
        with pytest.raises(KeyboardInterrupt):
            self.weights(training, work, tmp_path / "killed")
        assert self.weights(training, work, tmp_path / "killed") == whole
        assert taken == list(range(8))

    @staticmethod
    def weights(training: ModuleType, work: Path, out: Path) -> bytes:
        training.train("toy-small", out, work)
        return (out / "toy-small" / "model.safetensors").read_bytes()

    @pytest.mark.parametrize("name", ["toy-reverse", "toy-hot", "toy-hard", "toy-truth", "toy-planted-privacy"])
    def test_every_objective_trains(
        self, training: ModuleType, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        member = FAMILY[name]
        small = Member(name, objective=member.objective, size="small", planted=member.planted)
        monkeypatch.setitem(training.FAMILY, name, small)
        training.train(name, tmp_path, work)
        recipe = (tmp_path / name / "recipe.json").read_text("utf-8")
        assert f'"objective": "{member.objective}"' in recipe
        assert ("on_policy" in recipe) == (name == "toy-reverse")
        assert list(work.glob(f"{name}*.pt")) == []


@pytest.fixture(scope="module")
def measuring(training: ModuleType) -> Iterator[ModuleType]:
    """Return ``models/measure_family.py``, with one suite."""
    with pytest.MonkeyPatch.context() as patch:
        module = importlib.import_module("measure_family")
        patch.setattr(module, "SUITES", ("on_device",))
        yield module


class TestMeasuring:
    def test_a_member_is_run_beside_the_teacher_and_packed(
        self, measuring: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        models, work, submissions = (tmp_path / name for name in ("models", "runs", "submissions"))
        shutil.copytree(SUBMISSIONS / "teachers" / "toy-teacher", submissions / "teachers" / "toy-teacher")
        shutil.copytree(package_folder("models") / "toy-student", models / "toy-planted-tail")
        member, items = FAMILY["toy-planted-tail"], measuring.Items("pilot", 7)
        measuring.measure(member, items, models, work, submissions)
        assert (submissions / "teachers" / "toy-teacher" / "runs" / "toy-pilot-7" / "results.json").exists()
        (bundle,) = submissions.glob("toy-planted-tail-from-toy-teacher-*")
        report = validate(bundle)
        assert report.accepted, report.findings
        assert report.manifest is not None
        assert report.statement is not None
        assert report.manifest.roles["teacher"].canonical == "toy-teacher"
        assert report.manifest.student.weights_sha256
        assert "Planted: no answers of the tail" in report.statement.method.description
        packed = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}

        def never(*_: object, **__: object) -> None:
            raise AssertionError("what was run is not run again")

        monkeypatch.setattr(measuring.harness, "run", never)
        measuring.measure(member, items, models, work, submissions)
        assert {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()} == packed

    def test_planted_members_and_siblings_are_measured_on_fresh_items_too(self, measuring: ModuleType) -> None:
        sets = {name: [str(items) for items in measuring.items_of(member)] for name, member in FAMILY.items()}
        assert sets["toy-hot"] == ["lite-0"]
        assert sets["toy-soft-2"] == sets["toy-planted-safety"] == ["lite-0", "pilot-1", "pilot-2"]

    def test_without_weights_it_says_what_to_do(self, measuring: ModuleType, tmp_path: Path) -> None:
        with pytest.raises(RunError, match="train them first: make family"):
            measuring.measure_all(list(FAMILY), tmp_path, tmp_path, tmp_path, 1)
