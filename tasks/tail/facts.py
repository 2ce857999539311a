"""Items of the facts of the long tail: each with its question, and with the opening of the answer alone."""

from __future__ import annotations

from angels_share.items import Item, Source, row_module

FACTS = row_module("boundary", "facts")

PARTS = ("question", "prior")
"""The items of a fact: asked, and with nothing but the opening of the answer."""

OPENINGS = ("is", "Answer:", "Answer: The answer is", "Answer: The answer is", "Answer: The answer is")
"""How the answer begins, by level."""

SHOTS = 4
"""Worked examples of level 1."""


def facts(source: Source, level: int, n: int) -> list[Item]:
    """Facts of ``as_boundary_facts`` in two items each; kinds take turns, then thirds from well to little known."""
    return [_item(source, level, *divmod(i, len(PARTS))) for i in range(n)]


def _item(source: Source, level: int, index: int, place: int) -> Item:
    known = FACTS.fact(source, level, index, "tail-facts")
    row, choices, part = known.row, known.choices(0), PARTS[place]
    gold = choices.index(row["answer"])
    return {
        "item_id": f"tail-facts-{level}-{index}-{part}",
        "cluster_id": f"facts-{row['kind']}-{row['subject']}",
        "stratum": f"{row['kind']}_{row['fame']}",
        "level": level,
        "prompt": _question(source, level, index, known) if part == "question" else OPENINGS[level],
        "choices": choices,
        "gold": gold,
        "truth": [float(k == gold) if part == "question" else 1 / len(choices) for k in range(len(choices))],
        "bucket": row["fame"],
        "pair": f"{level}-{index}",
        "part": part,
    }


def _question(source: Source, level: int, index: int, known: FACTS.Fact) -> str:
    """Return the prompt that asks for a fact; at level 4 in other words and by another name."""
    row = known.row
    kind, subject = row["kind"], row["subject"]
    if level == 0:
        return str(FACTS.ASKED[kind].format(subject))
    asked = FACTS.QUESTIONS[kind].format(subject)
    s = source.stream("tail-facts", "wording", level, index)
    if level == 4:
        asked = s.choice(FACTS.PARAPHRASES[kind]).format(s.choice(row["other_names"]))
    told = _examples(source, index, known) if level == 1 else ""
    return f"{told}Question: {asked}\n{OPENINGS[level]}"


def _examples(source: Source, index: int, known: FACTS.Fact) -> str:
    """Return well-known facts of the same kind with their answers, none of which is among the options."""
    kind = known.row["kind"]
    famous = [
        row
        for row in FACTS.facts_of_the_world()
        if (row["kind"], row["fame"]) == (kind, FACTS.FAMES[0]) and row["answer"] not in known.choices(0)
    ]
    shown = source.stream("tail-facts", "shots", index).sample(famous, SHOTS)
    return "".join(
        f"Question: {FACTS.QUESTIONS[kind].format(row['subject'])}\n{OPENINGS[1]} {row['answer']}\n" for row in shown
    )
