"""Observable and utility of tool calls that are read from words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility


def call_in(text: str, tools: Sequence[str], arguments: Sequence[int]) -> str | None:
    """Return the first call in a text, the name of a tool and as many words behind it as the tool has arguments.

    Letter case, punctuation and the names of arguments do not count; None where no tool is named or arguments lack.

    Examples
    --------
    >>> call_in("I call get_order(client=K41).", ["get_order", "finish"], [1, 1])
    'get_order k41'
    """
    words = re.findall(r"\w+", re.sub(r"\b\w+\s*=\s*", "", text.lower()))
    for k, word in enumerate(words):
        if word in tools:
            call = words[k : k + 1 + arguments[tools.index(word)]]
            return " ".join(call) if len(call) == 1 + arguments[tools.index(word)] else None
    return None


@observable
def tool_call(items: Items, responses: Floats | Texts) -> Observation:
    """Read the first call in a text, as a one-hot row over all calls of the run and ``invalid``.

    Items name their ``tools`` in lower case and how many ``arguments`` each takes; see :func:`call_in`.

    Examples
    --------
    >>> items = [{"tools": ["find", "answer"], "arguments": [1, 1]}] * 2
    >>> tool_call(items, [["find oak"], ["oak"]]).categories
    ('find oak', 'invalid')
    """
    calls = [
        call_in(str(texts[0]), item["tools"], item["arguments"]) or INVALID
        for item, texts in zip(items, responses, strict=True)
    ]
    categories = (*sorted(set(calls) - {INVALID}), INVALID)
    values = np.zeros((len(calls), len(categories)))
    values[np.arange(len(calls)), [categories.index(call) for call in calls]] = 1.0
    return Observation(values, categories, values[:, -1].copy())


@utility("tool_call", lambda items: np.zeros(len(items)), smooth=False)
def right_call(items: Items, seen: Observation) -> Floats:
    """One where the call is the right one, ``answer``, with its arguments, else zero.

    Chance is 0: a call is written out, and no constant one is right for more than a few items.
    """
    given = [seen.categories[k] for k in seen.values.argmax(axis=1)]
    wanted = [call_in(item["answer"], item["tools"], item["arguments"]) for item in items]
    return np.array([float(one == other) for one, other in zip(given, wanted, strict=True)])
