"""The items of the confidence task, to be answered in words with a stated confidence."""

from __future__ import annotations

from angels_share.items import Item, Source, row_module

CONFIDENCE = row_module("calibration", "confidence")

SURE = 9
"""Tenths of confidence that are taught where the answer can be known."""

FORM = 'Choose one of the options and say how sure you are, in the form "rye. Confidence: 70%".'
"""What is asked from level 2 on."""


def verbal(source: Source, level: int, n: int) -> list[Item]:
    """Ask for one of four options and how sure the model is: in tenths at level 0, else in percent.

    ``answer`` names the likeliest option with its true probability where the answer is drawn, and the right option with
    nine tenths where it can be known.
    """
    items = []
    for query in CONFIDENCE.queries(source, level, n):
        asked, shots = query.asked, query.shots[:2]
        if level == 0:
            prompt = f"{' or '.join(asked.choices)} , {asked.question}"
        else:
            if level == 1:
                s = source.stream("verbal-shot", query.name)
                shots = [shots[0], CONFIDENCE.draw(s, s.choice(CONFIDENCE.TENTHS), level), shots[1]]
            lines = [f"{_question(shot)} {_said(shot, level)}" for shot in shots]
            prompt = "\n".join([*[FORM] * (level > 1), *lines, _question(asked)])
        item = CONFIDENCE.fields(query, level, prompt)
        items.append(item | {"answer": _said(asked, level), "scale": 100 if level else 10})
    return items


def _question(asked: CONFIDENCE.Asked) -> str:
    return f"Question: {asked.question}\nOptions: {', '.join(asked.choices)}.\nAnswer:"


def _said(asked: CONFIDENCE.Asked, level: int) -> str:
    """Return a well calibrated answer, in the form of its level."""
    share = max(asked.odds)
    tenths = SURE if share == 1 else round(10 * share)
    named = asked.choices[asked.odds.index(share)]
    return f"{named}. Confidence: {10 * tenths}%" if level else f"{named} {tenths}"
