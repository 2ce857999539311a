"""Observables and utilities of open questions with many right answers, such as naming a kind of bird.

φ is a histogram over what was answered, K times. An answer is brought into one form first, so that "The robins." and
"robin" are one answer; what no list holds keeps a category of its own, so that two different wrong answers never count
as the same one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from angels_share.observables.registry import INVALID, Floats, Items, Observation, Texts, observable, utility

LETTERS = str.maketrans({"ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d", "ß": "ss", "æ": "ae", "ı": "i"})
"""Letters that do not come apart into a plain letter and an accent."""

ARTICLES = frozenset({"a", "an", "the"})
BREAKS = ARTICLES | {"and", "as", "because", "for", "from", "in", "is", "of", "or", "that", "which", "with"}
"""Words before which an answer that no list holds ends."""

READ = 200
"""Characters of an answer that are read."""

LONGEST_MEMBER, LONGEST_OTHER = 8, 2
"""Words of an answer that may name a member of the list, and words that stand for any other answer."""


def folded(text: str) -> list[str]:
    """Return the words of a text in lower case, without accents and punctuation.

    Examples
    --------
    >>> folded("Łódź, X-ray")
    ['lodz', 'x', 'ray']
    """
    apart = unicodedata.normalize("NFKD", text.translate(LETTERS)).lower()
    return re.findall(r"[a-z0-9]+", "".join(c for c in apart if not unicodedata.combining(c)))


def canonical(text: str, names: Mapping[str, str]) -> str:
    """Return the form in which an answer is counted.

    Of the first line, up to the first mark of punctuation, the longest beginning counts that names a member, in the
    singular or the plural, with or without an article before it; else the first two words, as far as they go before a
    word such as "that"; without any, ``invalid``.

    Parameters
    ----------
    text : str
        What a model wrote.
    names : mapping
        Members by every name of theirs, all folded.

    Examples
    --------
    >>> canonical(" the Blue Jays, of course", {"jay": "jay", "blue jay": "blue jay"})
    'blue jay'
    >>> canonical("a house cat that purrs", {"jay": "jay"}), canonical("...", {})
    ('house cat', 'invalid')
    """
    line = text.strip().partition("\n")[0][:READ]
    words = next(filter(None, map(folded, re.split(r"[,.;:!?()\"]", line))), [])
    if member := _named(words, names):
        return member
    while words and words[0] in ARTICLES:
        words = words[1:]
    if member := _named(words, names):
        return member
    end = next((k for k, word in enumerate(words) if word in BREAKS), LONGEST_OTHER)
    return " ".join(words[: min(end, LONGEST_OTHER)]) or INVALID


def _named(words: Sequence[str], names: Mapping[str, str]) -> str | None:
    """Return the member that the longest beginning of these words names."""
    beginnings = (" ".join(words[:length]) for length in range(min(len(words), LONGEST_MEMBER), 0, -1))
    forms = (form for beginning in beginnings for form in _singulars(beginning))
    return next((names[form] for form in forms if form in names), None)


def _singulars(phrase: str) -> Iterator[str]:
    """Yield a phrase and what it may be the plural of."""
    yield phrase
    for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if phrase.endswith(ending):
            yield phrase.removesuffix(ending) + instead


@lru_cache(maxsize=2**16)
def _phrase(name: str) -> str:
    return " ".join(folded(name))


def _members(item: Mapping[str, Any]) -> list[str]:
    return [_phrase(choice) for choice in item["choices"]]


def _names(item: Mapping[str, Any]) -> dict[str, str]:
    """Return the members of an item by every name of theirs."""
    other = {_phrase(alias): _phrase(member) for alias, member in item["aliases"]}
    return other | {member: member for member in _members(item)}


@observable
def member_counts(items: Items, responses: Floats | Texts) -> Observation:
    """How often each answer was among K sampled ones, members of an item's list and others alike.

    Columns are the answers of the run as :func:`canonical` reads them, the same for all items, and at last ``invalid``
    for those without a word. Each item has ``choices``, its valid members, and ``aliases``, pairs of another name and
    the member that it names. The features count the members at their places in the item's own list.

    Examples
    --------
    >>> seen = member_counts([{"choices": ["oak", "ash"], "aliases": []}], [["Oaks", "ash", "oak", "fig"]])
    >>> seen.categories, seen.values.tolist(), seen.features.tolist()
    (('ash', 'fig', 'oak', 'invalid'), [[1.0, 1.0, 2.0, 0.0]], [[2.0, 1.0]])
    """
    tables = [_names(item) for item in items]
    told = [Counter(canonical(str(t), names) for t in texts) for names, texts in zip(tables, responses, strict=True)]
    categories = (*sorted({answer for counts in told for answer in counts} - {INVALID}), INVALID)
    column = {answer: k for k, answer in enumerate(categories)}
    values = np.zeros((len(items), len(categories)))
    members = np.zeros((len(items), max(len(item["choices"]) for item in items)))
    for row, places, item, counts in zip(values, members, items, told, strict=True):
        row[[column[answer] for answer in counts]] = list(counts.values())
        places[: len(item["choices"])] = [counts[member] for member in _members(item)]
    return Observation(values, categories, values[:, -1] / values.sum(axis=1), features=members)


def counts_of_members(seen: Observation) -> Floats:
    """Return what was counted, or how probable it is, at each place of an item's own list; 0 beyond it.

    Parameters
    ----------
    seen : Observation
        Of :func:`member_counts`, or of an observable whose columns are places in the item's list of options.
    """
    if seen.features is not None:
        return seen.features
    return seen.values[:, : len(seen.categories) - (seen.categories[-1] == INVALID)]


def _best_constant(items: Items) -> Floats:
    """Return one where an item's list holds the answer that most items' lists hold, else zero."""
    lists = [set(_members(item)) for item in items]
    held = Counter(member for members in lists for member in members)
    commonest = min(held, key=lambda member: (-held[member], member))
    return np.array([float(commonest in members) for members in lists])


@utility("member_counts", _best_constant, smooth=False, credited=False)
def validity(items: Items, seen: Observation) -> Floats:
    """Share of the sampled answers that are members of the item's list, in [0, 1]; unbiased.

    Chance is the one answer that is valid for most items. It earns no credit: a student that only ever gives the
    teacher's safest answer is valid more often than the teacher, and has lost the variety that is at stake.
    """
    u: Floats = counts_of_members(seen).sum(axis=1) / seen.values.sum(axis=1)
    return u
