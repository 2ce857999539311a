"""What the reference family learns from: one pool of examples, and what the toy teacher says to each of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from train_toy import END, HERE, MIXTURE, answer_of, tokenizer
from transformers import LlamaForCausalLM

from angels_share.items import Item, Source, find_generator, package_folder

POOL_SEED = 90_000_000
"""Seed of the first block of the pool: far from those of the toy pair's own training."""

POOL = 131_072
"""Examples in the pool."""

BLOCK = 120
"""Items of each generator that are drawn together, times its share."""

UNLEARNT = {
    ("distribution", "prefix.document"),
    ("calibration", "shift.shift"),
    ("process", "verify.text"),
    ("process", "selfverify.selfverify"),
    ("safety", "policy.policy"),
    ("safety", "jailbreak.jailbreak"),
    ("tail", "rare.rare"),
    ("tail", "hetero.hetero"),
    ("applied", "longctx.longctx"),
}
"""Generators left out of the pool: tasks that the teacher did not learn, so that its answers teach nothing."""

LONGEST_ANSWER = 32
"""Tokens of a greedy answer of the teacher; no reference is longer."""

BATCH = 256


@dataclass(frozen=True)
class Signals:
    """The pool with the teacher's signals."""

    pool: pd.DataFrame
    """A row an example: ``source`` (row/generator), ``stratum``, ``tokens`` (prompt, reference and the end), ``told``
    (tokens of the prompt), ``rare`` (tokens of the tail, where there is one) and ``first`` (index in :attr:`logits` of
    its first reference token)."""
    logits: NDArray[np.float16]
    """Of the teacher for each reference token of each example, shape (tokens, vocabulary)."""


def signals(folder: Path) -> Signals:
    """Return the pool and the teacher's probabilities, made on first use and kept in ``folder`` (180 MB)."""
    table, logits = folder / "pool.parquet", folder / "logits.npy"
    if not table.exists():
        pool = examples()
        np.save(logits, of_references(the_teacher(), pool))
        _keep(pool, table)
    return Signals(pd.read_parquet(table), np.load(logits, mmap_mode="r"))


def teacher_answers(folder: Path) -> list[NDArray[np.int16]]:
    """Return the teacher's greedy answer to each prompt of the pool, made on first use and kept in ``folder``."""
    table = folder / "answers.parquet"
    if not table.exists():
        _keep(pd.DataFrame({"answer": greedy(the_teacher(), signals(folder).pool)}), table)
    return list(pd.read_parquet(table)["answer"])


def the_teacher() -> LlamaForCausalLM:
    """Return the toy teacher."""
    return LlamaForCausalLM.from_pretrained(HERE / "toy-teacher", dtype=torch.float32).eval()


def _keep(table: pd.DataFrame, path: Path) -> None:
    part = path.with_suffix(".part")
    table.to_parquet(part)
    part.rename(path)


def examples() -> pd.DataFrame:
    """Return the pool in random order, without the teacher's signals."""
    words = tokenizer()
    makers = {key: find_generator(package_folder("tasks") / key[0], key[1]) for key in MIXTURE if key not in UNLEARNT}
    made: list[dict[str, object]] = []
    block = 0
    while len(made) < POOL:
        source = Source(POOL_SEED + block, split="train")
        stream = source.stream("answers")
        for key, make in makers.items():
            for item in make(source, 0, BLOCK * MIXTURE[key]):
                answer = answer_of(item, stream)
                if answer is None:
                    continue
                told = item["prompt"].split() or [END]
                made.append(
                    {
                        "source": "/".join(key),
                        "stratum": item["stratum"],
                        "tokens": np.array(words.convert_tokens_to_ids([*told, *answer.split(), END]), np.int16),
                        "told": len(told),
                        "rare": np.array(words.convert_tokens_to_ids(rare_of(item)), np.int16),
                    }
                )
        block += 1
    pool = pd.DataFrame(made).sample(frac=1, random_state=np.random.default_rng(POOL_SEED))[:POOL]
    pool = pool.reset_index(drop=True)
    wanted = pool["tokens"].map(len) - pool["told"]
    pool["first"] = wanted.cumsum() - wanted
    return pool


def rare_of(item: Item) -> list[str]:
    """Return the answers of an item that belong to its tail: those it marks, or the less likely half of its modes."""
    if "rare" in item:
        return [choice for choice, rare in zip(item["choices"], item["rare"], strict=True) if rare]
    if item["item_id"].startswith("modes-"):
        return list(item["choices"][(len(item["choices"]) + 1) // 2 :])
    return []


def by_length(pool: pd.DataFrame, column: str) -> list[NDArray[np.int64]]:
    """Return batches of indices of examples whose ``column`` is about as long."""
    order = np.argsort(pool[column].map(len) if column == "tokens" else pool[column], kind="stable").to_numpy()
    return [order[k : k + BATCH] for k in range(0, len(order), BATCH)]


@torch.no_grad()
def of_references(teacher: LlamaForCausalLM, pool: pd.DataFrame) -> NDArray[np.float16]:
    """Return the teacher's logits before each reference token, shape (reference tokens of the pool, vocabulary)."""
    wanted = pool["tokens"].map(len) - pool["told"]
    found = np.empty((int(wanted.sum()), teacher.config.vocab_size), np.float16)
    for batch in by_length(pool, "tokens"):
        rows = [pool["tokens"][k] for k in batch]
        tokens = padded(rows)
        hidden = teacher.model(input_ids=tokens, attention_mask=(tokens != 0).long()).last_hidden_state
        for k, row, states in zip(batch, rows, hidden, strict=True):
            told, first = pool["told"][k], pool["first"][k]
            logits = teacher.lm_head(states[told - 1 : len(row) - 1])
            found[first : first + len(row) - told] = logits.numpy()
    return found


@torch.no_grad()
def greedy(teacher: LlamaForCausalLM, pool: pd.DataFrame) -> list[NDArray[np.int16]]:
    """Return the teacher's greedy answer to each prompt of the pool, with its end."""
    found: list[NDArray[np.int16]] = [np.zeros(0, np.int16)] * len(pool)
    for batch in by_length(pool, "told"):
        prompts = [pool["tokens"][k][: pool["told"][k]] for k in batch]
        most = max(len(pool["tokens"][k]) - pool["told"][k] for k in batch)
        for k, answer in zip(batch, continuations(teacher, prompts, min(LONGEST_ANSWER, most + 4)), strict=True):
            found[k] = answer
    return found


def continuations(
    model: LlamaForCausalLM, prompts: list[NDArray[np.int16]], most: int, sampler: torch.Generator | None = None
) -> list[NDArray[np.int16]]:
    """Return at most ``most`` tokens of what a model says to prompts: greedy, or sampled at temperature 1."""
    longest = max(map(len, prompts))
    tokens = torch.zeros((len(prompts), longest), dtype=torch.long)
    for row, prompt in zip(tokens, prompts, strict=True):
        row[longest - len(prompt) :] = torch.from_numpy(prompt.astype(np.int64))
    mask = (tokens != 0).long()
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    cache, said, ended = None, [], torch.zeros(len(prompts), dtype=torch.bool)
    end = model.config.eos_token_id
    while len(said) < most and not bool(ended.all()):
        out = model(
            input_ids=tokens, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        logits, cache = out.logits[:, -1], out.past_key_values
        drawn = (
            logits.argmax(-1) if sampler is None else torch.multinomial(logits.softmax(-1), 1, generator=sampler)[:, 0]
        )
        drawn = torch.where(ended, 0, drawn)
        said.append(drawn)
        ended = ended | (drawn == end)
        tokens, positions = drawn[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
    rows = torch.stack(said, dim=1).numpy().astype(np.int16)
    return [row[: int(np.argmax(row == end)) + 1] if (row == end).any() else row for row in rows]


def padded(rows: list[NDArray[np.int16]]) -> torch.Tensor:
    """Return token ids, shape (rows, longest row), zeros behind each row's own."""
    tokens = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.long)
    for to, row in zip(tokens, rows, strict=True):
        to[: len(row)] = torch.from_numpy(row.astype(np.int64))
    return tokens
