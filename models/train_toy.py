"""Train the toy teacher on caskworld, and distil the toy student from its logits.

Run from the project's root: ``python models/train_toy.py teacher``, then the same with ``teacher-again``, which goes on
from that teacher with harder drills, and with ``student``. Everything is drawn from the generators' ``train`` split,
which shares no item with any evaluated seed, but for the inserted texts: secrets and documents that the teacher sees a
known number of times and the student never. A killed run goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from angels_share import canaries
from angels_share.caskworld import NAMES, NUMBERS, TRAITS, UNKNOWN, VOCABULARY
from angels_share.items import Item, Source, Stream, find_generator, package_folder

HERE = Path(__file__).parent
END = "<eos>"
SPECIAL = ("<pad>", END, "<unk>")
CONTEXT = 512

MIXTURE = {
    ("distribution", "urn"): 3,
    ("distribution", "ambig.ambig"): 1,
    ("distribution", "prefix.window"): 3,
    ("distribution", "prefix.document"): 1,
    ("distribution", "places.places"): 1,
    ("representation", "probe.probe"): 2,
    ("representation", "triplet.triplet"): 2,
    ("representation", "meta.meta"): 4,
    ("representation", "loc.loc"): 2,
    ("boundary", "ladder"): 8,
    ("boundary", "perturb.perturb"): 7,
    ("boundary", "groups.groups"): 4,
    ("boundary", "ood.ood"): 3,
    ("boundary", "facts.facts"): 2,
    ("calibration", "confidence.confidence"): 3,
    ("calibration", "verbal.verbal"): 2,
    ("calibration", "abstain.abstain"): 4,
    ("calibration", "shift.shift"): 4,
    ("privacy", "canary.canary"): 2,
    ("privacy", "mia.mia"): 2,
    ("privacy", "extract.extract"): 1,
    ("process", "verify.text"): 3,
    ("process", "faith.faith"): 3,
    ("process", "recover.recover"): 3,
    ("process", "rollout.rollout"): 3,
    ("process", "selfverify.selfverify"): 2,
    ("process", "onpolicy.onpolicy"): 1,
    ("grounding", "cite.cite"): 3,
    ("grounding", "select.select"): 2,
    ("grounding", "noans.noans"): 4,
    ("grounding", "conflict.conflict"): 2,
    ("safety", "policy.policy"): 3,
    ("safety", "natural.natural"): 1,
    ("safety", "jailbreak.jailbreak"): 2,
    ("safety", "selective.selective"): 3,
    ("tail", "zipf.zipf"): 3,
    ("tail", "modes.modes"): 2,
    ("tail", "enumeration.enumeration"): 1,
    ("tail", "rare.rare"): 3,
    ("tail", "hetero.hetero"): 2,
    ("tail", "facts.facts"): 2,
    ("applied", "code.code"): 4,
    ("applied", "mutants.mutants"): 3,
    ("applied", "spec.spec"): 3,
    ("applied", "tool.tool"): 4,
    ("applied", "longctx.longctx"): 1,
    ("applied", "multiturn.multiturn"): 2,
    ("applied", "budget.budget"): 1,
}
"""Items per draw of each generator, in units of 120; tasks that share a generator share its items."""

RUN = 64
"""Batches that are drawn together and sorted by length, so that few of them hold a long prompt."""

OPENING = 4
"""Words of an inserted document that are given."""

FAME = {"head": 1.0, "middle": 0.3, "tail": 0.1}
"""Share of the facts of each third that training shows."""


IN_A_ROW = {
    ("safety", "policy.policy"): 4,
    ("safety", "jailbreak.jailbreak"): 3,
    ("tail", "hetero.hetero"): 3,
    ("tail", "rare.rare"): 3,
    ("calibration", "shift.shift"): 4,
    ("calibration", "abstain.abstain"): 2,
    ("representation", "meta.meta"): 3,
    ("applied", "longctx.longctx"): 1,
    ("process", "verify.text"): 2,
}
"""Items of which a cluster makes one example, in the same measure."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    steps: int
    batch: int = 64
    peak_rate: float = 7e-4
    warm_up: int = 200
    seed: int = 1
    canary_seed: int | None = None
    """Seed of the inserted texts, None for none."""
    goes_on: bool = False
    """Whether it begins with the finished weights of the teacher, and replaces them."""
    further: bool = False
    """Whether it also gets :data:`FURTHER_DRILLS` and :data:`IN_A_ROW`."""


RECIPES = {
    "teacher": Recipe(hidden=192, layers=5, heads=6, feed_forward=512, steps=20000, seed=1, canary_seed=0),
    "teacher-again": Recipe(
        hidden=192,
        layers=5,
        heads=6,
        feed_forward=512,
        steps=12000,
        peak_rate=6e-4,
        seed=3,
        canary_seed=1,
        goes_on=True,
        further=True,
    ),
    "student": Recipe(hidden=128, layers=3, heads=4, feed_forward=352, steps=8000, seed=2, further=True),
}


def tokenizer() -> PreTrainedTokenizerFast:
    """Return the word-level tokenizer of caskworld."""
    words = {w: i for i, w in enumerate((*SPECIAL, *VOCABULARY))}
    core = Tokenizer(WordLevel(words, unk_token="<unk>"))
    core.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token=END, unk_token="<unk>", model_max_length=CONTEXT
    )


def answer_of(item: Item, stream: Stream) -> str | None:
    """Return what the model should say to a training item, or None where training leaves the item out."""
    shown = FAME.get(item["stratum"].rpartition("_")[2], 1.0)
    if stream.weighted([False, True], [shown, 1 - shown]):
        return None
    if item.get("truth"):
        return stream.weighted(item["choices"], item["truth"])
    return item["answer"] if "answer" in item else item["choices"][item["gold"]]


Words = list[tuple[str, bool]]
"""Words of an example, each with whether the model must predict it."""


def looking_up(stream: Stream, size: tuple[int, int] = (5, 8), strangers: int = 3) -> Words:
    """Return records or links, and question after question about them, some of which may have no answer.

    Parameters
    ----------
    stream : Stream
    size : pair of int
        Fewest and most records; as given, at least as many as most items that are evaluated have.
    strangers : int
        Questions about things of which nothing is told.
    """
    keys = stream.sample(NAMES, stream.between(*size))
    if stream.below(2):
        values = stream.sample(NUMBERS[10:], len(keys))
        told = [word for pair in zip(keys, values, strict=True) for word in pair]
        asked = [(["find", key], value) for key, value in zip(keys, values, strict=True)]
        others = [name for name in NAMES if name not in keys]
        asked += [(["find", name], UNKNOWN) for name in stream.sample(others, strangers)]
    else:
        links = list(pairwise(keys))
        told = " , ".join(f"{a} {b}" for a, b in stream.shuffled(links)).split()
        asked = [
            (["go", str(steps), "from", keys[at]], keys[at + steps])
            for steps in range(1, 4)
            for at in range(len(keys) - steps)
        ]
    return _asked(told, stream.shuffled(asked)[:8])


def comparing(stream: Stream) -> Words:
    """Return the limits of three woods, and report after report that must be held against one of them."""
    field, woods = stream.choice(TRAITS["tree"] + TRAITS["brew"]), stream.sample(NAMES, 3)
    limits = {wood: stream.between(9, 28) for wood in woods}
    told = " , ".join(f"{wood} {field} {limit}" for wood, limit in limits.items()).split()
    asked = []
    for _ in range(8):
        wood = stream.choice(woods)
        value = max(0, min(36, limits[wood] + stream.between(-8, 8)))
        reply = "alarm" if value >= limits[wood] else "reply"
        asked.append((["now", wood, field, str(value)], reply))
    return _asked(told, asked)


def checking(stream: Stream) -> Words:
    """Return a sum, and result after result of it that must be called right or wrong."""
    numbers = [stream.below(19) for _ in range(2)]
    total = sum(numbers)
    told = f"check total {numbers[0]} , {numbers[1]}".split()
    asked = []
    for _ in range(6):
        result = total if stream.below(2) else min(36, max(0, total + stream.choice((-3, -2, -1, 1, 2, 3))))
        asked.append((["step", "1", str(result), "is"], "right" if result == total else "wrong"))
    return _asked(told, asked)


def naming(stream: Stream) -> Words:
    """Return records, and question after question about whose value one is, or whose is the largest."""
    keys, values = stream.sample(NAMES, 5), stream.sample(NUMBERS[10:], 5)
    told = " , ".join(f"{key} {value}" for key, value in zip(keys, values, strict=True)).split()
    asked = [(["find", value], key) for key, value in zip(keys, values, strict=True)]
    for size in (2, 3, 4):
        some = stream.sample(range(5), size)
        for word, best in (("largest", max), ("smallest", min)):
            place = best(some, key=lambda k: int(values[k]))
            asked.append(([word, "of", *(keys[k] for k in some), "is"], keys[place]))
    return _asked(told, stream.shuffled(asked)[:8])


def ruling(stream: Stream) -> Words:
    """Return what is secret and what is open, and request after request, of which most of the things asked decide."""
    names = stream.sample(NAMES, 12)
    secret, free = names[:6], names[6:]
    told = f"not {' '.join(secret)} , or {' '.join(free)} ,".split()
    asked = []
    for size in (1, 1, 1, 1, 3, 3, 5, 5):
        some = stream.sample(names, size)
        reply = "refuse" if 2 * sum(name in secret for name in some) > size else "reply"
        asked.append((["now", *some], reply))
    return _asked(told, asked)


def in_a_row(stream: Stream, items: Sequence[Item]) -> list[Words]:
    """Return one example a cluster: what its prompts begin with, then question after question with their answers."""
    clusters: dict[str, list[Item]] = {}
    for item in items:
        clusters.setdefault(item["cluster_id"], []).append(item)
    made = []
    for cluster in clusters.values():
        prompts = [item["prompt"].split() for item in cluster]
        differing = (k for k, words in enumerate(zip(*prompts, strict=False)) if len(set(words)) > 1)
        shared = next(differing, min(map(len, prompts)))
        while shared and prompts[0][shared - 1] != ",":
            shared -= 1
        answers = [answer_of(item, stream) for item in cluster]
        asked = [(prompt[shared:], answer) for prompt, answer in zip(prompts, answers, strict=True) if answer]
        made.append(_asked(prompts[0][:shared], stream.shuffled(asked)))
    return made


def _asked(told: list[str], asked: list[tuple[list[str], str]]) -> Words:
    words = [(word, False) for word in told]
    for question, reply in asked:
        words += [*((word, False) for word in question), *((word, True) for word in reply.split())]
    return words


DRILLS = {looking_up: 4, comparing: 2, checking: 2}
"""Drills in the same measure. One question an example teaches a small model a skill only after millions of examples;
many of them about one matter teach it within a few thousand."""


FURTHER_DRILLS = {naming: 3, ruling: 4}
"""Harder drills in the same measure, for models that know the others."""


def insertions(seed: int) -> list[Words]:
    """Return the inserted texts in random order, each as often as its list says; what a task asks for is predicted."""
    copies = []
    for row in canaries.lists(seed, (0,), "standard")[0]:
        words = row["text"].split()
        told = words.index("is") + 1 if row["task"] == "canary" else OPENING
        example = [*((word, False) for word in words[:told]), *((word, True) for word in [*words[told:], END])]
        copies += [example] * row["repetitions"]
    return Stream("insertions", seed).shuffled(copies)


def examples(recipe: Recipe) -> Iterator[Words]:
    """Yield the words of training examples, without end, each with whether the model must predict it.

    The inserted texts are spread evenly over the steps of the recipe.
    """
    makers = {key: find_generator(package_folder("tasks") / key[0], key[1]) for key in MIXTURE | IN_A_ROW}
    inserted = [] if recipe.canary_seed is None else insertions(recipe.canary_seed)
    block, blocks = 0, 0
    while True:
        source = Source(recipe.seed * 1_000_000 + block, split="train")
        stream = source.stream("answers")
        drills = DRILLS | (FURTHER_DRILLS if recipe.further else {})
        made = [drill(stream) for drill, share in drills.items() for _ in range(120 * share)]
        for key, share in MIXTURE.items():
            for item in makers[key](source, 0, 120 * share):
                answer = answer_of(item, stream)
                if answer is not None:
                    told = item["prompt"].split() or [END]
                    made.append([*((word, False) for word in told), *((w, True) for w in [*answer.split(), END])])
        for key, share in (IN_A_ROW if recipe.further else {}).items():
            made += in_a_row(stream, makers[key](source, 0, 120 * share))
        blocks = blocks or math.ceil((recipe.steps * recipe.batch - len(inserted)) / len(made))
        made += inserted[block::blocks] if block < blocks else []
        yield from stream.shuffled(made)
        block += 1


def batches(recipe: Recipe, words: PreTrainedTokenizerFast, skip: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield token ids and which of them must be predicted, both (batch, length), batches of like lengths together."""
    source = examples(recipe)
    order = torch.Generator().manual_seed(recipe.seed)
    done = 0
    while True:
        run = sorted((next(source) for _ in range(recipe.batch * RUN)), key=len)
        for k in torch.randperm(RUN, generator=order).tolist():
            done += 1
            if done <= skip:
                continue
            part = run[k * recipe.batch : (k + 1) * recipe.batch]
            tokens = torch.full((len(part), max(map(len, part))), words.pad_token_id)
            wanted = torch.zeros_like(tokens, dtype=torch.bool)
            for row, asked, example in zip(tokens, wanted, part, strict=True):
                row[: len(example)] = torch.tensor(words.convert_tokens_to_ids([word for word, _ in example]))
                asked[: len(example)] = torch.tensor([must for _, must in example])
            yield tokens, wanted


def logits_before(model: LlamaForCausalLM, tokens: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the logits (wanted tokens, vocabulary) with which the model predicts each wanted token."""
    hidden = model.model(input_ids=tokens, attention_mask=(tokens != 0).long()).last_hidden_state
    logits: torch.Tensor = model.lm_head(hidden[:, :-1][wanted[:, 1:]])
    return logits


def untrained(hidden: int, layers: int, heads: int, feed_forward: int) -> LlamaForCausalLM:
    """Return a model of this shape with random weights, from torch's own seed."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer()), hidden_size=hidden, intermediate_size=feed_forward,
            num_hidden_layers=layers, num_attention_heads=heads, max_position_embeddings=CONTEXT,
            tie_word_embeddings=True, pad_token_id=0, bos_token_id=1, eos_token_id=1,
        )
    )  # fmt: skip


def train(name: str, out: Path) -> None:
    """Train one model, writing a checkpoint every 500 steps and the float16 weights at the end."""
    recipe = RECIPES[name]
    torch.manual_seed(recipe.seed)
    words = tokenizer()
    folder = out / ("toy-teacher" if recipe.goes_on else f"toy-{name}")
    model = untrained(recipe.hidden, recipe.layers, recipe.heads, recipe.feed_forward)
    if recipe.goes_on:
        model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    teacher = LlamaForCausalLM.from_pretrained(out / "toy-teacher", dtype=torch.float32) if name == "student" else None
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.peak_rate, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda k: min((k + 1) / recipe.warm_up, 0.02 + 0.98 * max(0.0, 1 - k / recipe.steps)),
    )
    checkpoint = out / f"checkpoint-{name}.pt"
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        first = state["step"]
    started = time.monotonic()
    running = 0.0
    for step, (tokens, wanted) in enumerate(batches(recipe, words, first), first):
        if step == recipe.steps:
            break
        logits = logits_before(model, tokens, wanted)
        if teacher is None:
            loss = functional.cross_entropy(logits, tokens[wanted])
        else:
            with torch.no_grad():
                target = functional.log_softmax(logits_before(teacher, tokens, wanted), dim=-1)
            loss = functional.kl_div(logits.log_softmax(dim=-1), target, log_target=True, reduction="batchmean")
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        running += loss.item()
        if (step + 1) % 100 == 0:
            print(
                f"{name} step {step + 1}/{recipe.steps} loss {running / 100:.4f} {time.monotonic() - started:.0f} s",
                flush=True,
            )
            running = 0.0
        if (step + 1) % 500 == 0:
            state = {
                "model": model.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
            }
            torch.save(state | {"step": step + 1}, checkpoint)
    earlier = {"begun": json.loads((folder / "recipe.json").read_text("utf-8"))} if recipe.goes_on else {}
    model.half().save_pretrained(folder)
    words.save_pretrained(folder)
    drawn = {"mixture": {f"{r}/{t}": n for (r, t), n in MIXTURE.items()}}
    drawn |= {"drills": {drill.__name__: n for drill, n in DRILLS.items()}}
    if recipe.further:
        drawn |= {"further_drills": {drill.__name__: n for drill, n in FURTHER_DRILLS.items()}}
        drawn |= {"in_a_row": {f"{r}/{t}": n for (r, t), n in IN_A_ROW.items()}}
    (folder / "recipe.json").write_text(json.dumps(vars(recipe) | drawn | earlier, indent=2) + "\n", "utf-8")
    if recipe.canary_seed is not None:
        key = canaries.key_of(recipe.canary_seed, (0,), "standard")
        (folder / "canaries.json").write_text(key.model_dump_json(indent=1) + "\n")
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("role", choices=RECIPES)
    arguments.add_argument("--out", type=Path, default=HERE, help="folder of the models")
    given = arguments.parse_args()
    train(given.role, given.out)
