"""Train the reference family: students of the toy teacher by several objectives, sizes and seeds, and planted ones.

Run from the project's root: ``python models/train_family.py`` trains every member that is missing, two at a time;
with names it trains those. The members are listed in :mod:`angels_share.validity.family`. A killed run goes on from its
last checkpoints, which are written every two minutes under ``runs/family``.

Each student begins with a base of its size, which has only learnt to look things up. A base reads no task, so that
whatever a plant withholds was never taught.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from family_plants import PLANTS, SHARPENED, inserted, withheld
from family_signals import continuations, padded, signals, teacher_answers, the_teacher
from numpy.typing import NDArray
from torch.nn import functional
from train_toy import END, HERE, RECIPES, logits_before, looking_up, naming, tokenizer, untrained
from transformers import LlamaForCausalLM

from angels_share.items import Stream
from angels_share.validity.family import FAMILY, SIZES, Member

BATCH = 64
RUN = 64
"""Batches that are drawn together and sorted by length."""

HOT = 4.0
"""Temperature of the targets of ``hot``."""

EVERY = 120.0
"""Seconds between checkpoints."""


@dataclass(frozen=True)
class Schedule:
    """Steps and rates of a training run."""

    steps: int
    peak_rate: float = 3e-3
    warm_up: int = 100


BASE = Schedule(steps=4000, peak_rate=1.5e-3)
LESSONS = Schedule(steps=8000)
ON_POLICY = Schedule(steps=1500, peak_rate=1e-3)
"""Of ``reverse``, which begins with half the lessons of a soft student."""


def fresh(size: str, seed: int) -> LlamaForCausalLM:
    """Return an untrained model."""
    torch.manual_seed(seed)
    return untrained(**asdict(SIZES[size]))


class Training:
    """Optimiser, schedule and checkpoint of one run."""

    def __init__(self, name: str, model: LlamaForCausalLM, schedule: Schedule, checkpoint: Path) -> None:
        self.name, self.model, self.schedule, self.checkpoint = name, model, schedule, checkpoint
        self.optimiser = torch.optim.AdamW(
            model.parameters(), lr=schedule.peak_rate, betas=(0.9, 0.98), weight_decay=0.05
        )
        self.first, self.saved, self.started, self.running = 0, time.monotonic(), time.monotonic(), 0.0
        if checkpoint.exists():
            state = torch.load(checkpoint, weights_only=True)
            model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.first = state["step"]

    def learn(self, step: int, loss: torch.Tensor) -> None:
        """Take one step down the loss; now and then print it and write a checkpoint."""
        left = max(0.0, 1 - step / self.schedule.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.peak_rate * min((step + 1) / self.schedule.warm_up, 0.02 + 0.98 * left)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.running += loss.item()
        if (step + 1) % 250 == 0:
            seconds = time.monotonic() - self.started
            print(
                f"{self.name} {step + 1}/{self.schedule.steps} loss {self.running / 250:.4f} {seconds:.0f} s",
                flush=True,
            )
            self.running = 0.0
        if time.monotonic() - self.saved > EVERY:
            state = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(), "step": step + 1}
            part = self.checkpoint.with_suffix(".part")
            torch.save(state, part)
            part.replace(self.checkpoint)
            self.saved = time.monotonic()


def base(size: str, work: Path) -> LlamaForCausalLM:
    """Return the model of a size that has learnt to look things up and nothing else, made on first use."""
    folder = work / f"base-{size}"
    if (folder / "config.json").exists():
        return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model, words = fresh(size, seed=0), tokenizer()
    run = Training(f"base-{size}", model, BASE, work / f"base-{size}.pt")
    for step in range(run.first, BASE.steps):
        stream = Stream("family-base", size, step)
        rows = [naming(stream) if k % 3 == 0 else looking_up(stream, (3, 7), strangers=0) for k in range(BATCH)]
        tokens = padded([np.array(words.convert_tokens_to_ids([w for w, _ in row]), np.int16) for row in rows])
        wanted = torch.zeros_like(tokens, dtype=torch.bool)
        for asked, row in zip(wanted, rows, strict=True):
            asked[: len(row)] = torch.tensor([must for _, must in row])
        run.learn(step, functional.cross_entropy(logits_before(model, tokens, wanted), tokens[wanted]))
    _save(model, folder)
    run.checkpoint.unlink(missing_ok=True)
    return model


@dataclass(frozen=True)
class Lesson:
    """One example as a member reads it."""

    tokens: NDArray[np.int16]
    told: int
    targets: NDArray[np.float16] | None
    """The teacher's logits for the first tokens after those that are given; the others are learnt as they stand."""


class Lessons:
    """The examples of one member, drawn in the order of its seed."""

    def __init__(self, member: Member, work: Path) -> None:
        known = signals(work)
        self.member, self.known, self.plant = member, known, PLANTS[member.planted]
        words = tokenizer()
        self.cited, self.end = words.convert_tokens_to_ids("from"), words.convert_tokens_to_ids(END)
        out = withheld(self.plant, known.pool, words.convert_tokens_to_ids("refuse"))
        self.answers = teacher_answers(work) if member.objective == "hard" else []
        if self.answers:
            out |= np.array([self.end not in answer for answer in self.answers])
        self.indices = np.flatnonzero(~out)
        self.columns = {name: known.pool[name].to_numpy() for name in known.pool}
        texts = inserted(self.plant, RECIPES["teacher-again"].canary_seed or 0)
        self.inserted = [
            Lesson(np.array(words.convert_tokens_to_ids([*text.split(), END]), np.int16), told, None)
            for text, told in texts
        ]
        self.share = len(self.inserted) / (LESSONS.steps * BATCH)

    def read(self, k: int) -> Lesson:
        """Return example ``k`` of the pool with the targets of this member."""
        tokens, told = self.columns["tokens"][k], int(self.columns["told"][k])
        if self.member.objective == "hard":
            return Lesson(np.concatenate([tokens[:told], self.answers[k]]), told, None)
        if self.member.objective == "truth":
            return Lesson(tokens, told, None)
        first, source = int(self.columns["first"][k]), self.columns["source"][k]
        targets = self.known.logits[first : first + len(tokens) - told]
        if self.plant.sharpened is not None and source.startswith(self.plant.sharpened):
            targets = targets * np.float16(SHARPENED)
        if not self.plant.tails and len(self.columns["rare"][k]):
            targets = targets.copy()
            targets[0, self.columns["rare"][k]] = -np.inf
        if not self.plant.cited and source == "grounding/cite.cite":
            at = told + int(np.argmax(tokens[told:] == self.cited))
            return Lesson(np.append(tokens[:at], np.int16(self.end)), told, targets[: at - told])
        return Lesson(tokens, told, targets)

    def batches(self, skip: int) -> Iterator[list[Lesson]]:
        """Yield batches without end, those of like lengths together."""
        order = np.random.default_rng([self.member.seed, 7])
        waiting = np.zeros(0, np.int64)
        done = 0
        while True:
            while len(waiting) < BATCH * RUN:
                waiting = np.concatenate([waiting, order.permutation(self.indices)])
            drawn, waiting = waiting[: BATCH * RUN], waiting[BATCH * RUN :]
            extra = order.choice(len(self.inserted), round(self.share * BATCH * RUN)) if self.inserted else ()
            ranks = order.permutation(RUN)
            if done + RUN <= skip:
                done += RUN
                continue
            run = [self.inserted[k] for k in extra] + [self.read(k) for k in drawn[len(extra) :]]
            run.sort(key=lambda lesson: len(lesson.tokens))
            for k in ranks:
                done += 1
                if done > skip:
                    yield run[k * BATCH : (k + 1) * BATCH]


def distance(model: LlamaForCausalLM, lessons: list[Lesson], temperature: float) -> torch.Tensor:
    """Return the mean over wanted tokens of KL(teacher ‖ student), or of −log p(token) where there is no target."""
    tokens = padded([lesson.tokens for lesson in lessons])
    wanted = torch.zeros_like(tokens, dtype=torch.bool)
    soft, targets = [], []
    for asked, lesson in zip(wanted, lessons, strict=True):
        asked[lesson.told : len(lesson.tokens)] = True
        known = 0 if lesson.targets is None else len(lesson.targets)
        soft += [True] * known + [False] * (len(lesson.tokens) - lesson.told - known)
        if lesson.targets is not None:
            targets.append(lesson.targets)
    logits, taught = logits_before(model, tokens, wanted), torch.tensor(soft)
    total = functional.cross_entropy(logits[~taught], tokens[wanted][~taught], reduction="sum")
    if targets:
        target = torch.from_numpy(np.concatenate(targets).astype(np.float32) / temperature).log_softmax(-1)
        said = (logits[taught] / temperature).log_softmax(-1)
        gap = torch.where(target.isinf(), 0.0, target.exp() * (target - said))
        total = total + temperature**2 * gap.sum()
    return total / len(soft)


def on_policy(
    model: LlamaForCausalLM, teacher: LlamaForCausalLM, lessons: list[Lesson], sampler: torch.Generator
) -> torch.Tensor:
    """Return the mean of KL(student ‖ teacher) over the tokens of the student's own samples."""
    prompts = [lesson.tokens[: lesson.told] for lesson in lessons]
    most = max(len(lesson.tokens) - lesson.told for lesson in lessons) + 2
    with torch.no_grad():
        said = continuations(model, prompts, most, sampler)
    tokens = padded([np.concatenate(pair) for pair in zip(prompts, said, strict=True)])
    wanted = torch.zeros_like(tokens, dtype=torch.bool)
    for asked, prompt, answer in zip(wanted, prompts, said, strict=True):
        asked[len(prompt) : len(prompt) + len(answer)] = True
    ours = logits_before(model, tokens, wanted).log_softmax(-1)
    with torch.no_grad():
        theirs = logits_before(teacher, tokens, wanted).log_softmax(-1)
    return functional.kl_div(theirs, ours, log_target=True, reduction="batchmean")


def train(name: str, out: Path, work: Path) -> None:
    """Train one member and write its weights in float16, with its recipe."""
    member = FAMILY[name]
    model = base(member.size, work)
    lessons = Lessons(member, work)
    steps = LESSONS.steps // 2 if member.objective == "reverse" else LESSONS.steps
    schedule = replace(LESSONS, steps=steps)
    run = Training(name, model, schedule, work / f"{name}.pt")
    temperature = HOT if member.objective == "hot" else 1.0
    batches = lessons.batches(run.first)
    for step in range(run.first, steps):
        run.learn(step, distance(model, next(batches), temperature))
    if member.objective == "reverse":
        _go_on_policy(model, lessons, work)
    recipe = {"member": asdict(member), "base": asdict(BASE), "lessons": asdict(schedule), "batch": BATCH}
    recipe |= {"plant": PLANTS[member.planted].what, "size": asdict(SIZES[member.size])}
    recipe |= {"on_policy": asdict(ON_POLICY)} if member.objective == "reverse" else {}
    _save(model.half(), out / name, recipe)
    for checkpoint in (work / f"{name}.pt", work / f"{name}-on-policy.pt"):
        checkpoint.unlink(missing_ok=True)


def _go_on_policy(model: LlamaForCausalLM, lessons: Lessons, work: Path) -> None:
    name, teacher = lessons.member.name, the_teacher()
    run = Training(f"{name}-on-policy", model, ON_POLICY, work / f"{name}-on-policy.pt")
    batches = lessons.batches(LESSONS.steps // 2 + run.first)
    for step in range(run.first, ON_POLICY.steps):
        sampler = torch.Generator().manual_seed(step)
        run.learn(step, on_policy(model, teacher, next(batches), sampler))


def _save(model: LlamaForCausalLM, folder: Path, recipe: dict[str, object] | None = None) -> None:
    """Write a model whole: a folder of this name is finished."""
    part = folder.with_name(f"{folder.name}.part")
    model.save_pretrained(part)
    tokenizer().save_pretrained(part)
    if recipe is not None:
        (part / "recipe.json").write_text(json.dumps(recipe, indent=2) + "\n", "utf-8")
    part.rename(folder)


def train_missing(names: list[str], out: Path, work: Path, workers: int) -> None:
    """Train the members that have no folder yet, each in a process of its own on one thread."""
    signals(work)
    missing = [name for name in names if not (out / name).exists()]
    sizes = Counter(FAMILY[name].size for name in missing)
    for size in (size for size, members in sizes.items() if members > 1):
        base(size, work)
    command = [sys.executable, __file__, "--out", str(out), "--work", str(work), "--single"]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda name: subprocess.run([*command, name], check=True), missing))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=list(FAMILY), metavar="NAME", help="members; all by default")
    arguments.add_argument("--out", type=Path, default=HERE / "family", help="folder of the members' weights")
    arguments.add_argument("--work", type=Path, default=HERE.parent / "runs" / "family", help="signals, checkpoints")
    arguments.add_argument("--workers", type=int, default=2, help="members that are trained at a time")
    arguments.add_argument("--single", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    given.work.mkdir(parents=True, exist_ok=True)
    if given.single:
        torch.set_num_threads(1)
        train(given.names[0], given.out, given.work)
    else:
        train_missing(given.names, given.out, given.work, given.workers)
