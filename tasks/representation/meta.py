"""Items of the metamorphic task: a short relational question, and what it becomes under seven transformations.

Five transformations keep the answer (``rename``, ``paraphrase``, ``permute``, ``format``, ``distractor``), two move it
in a known way (``swap``, ``reverse``). Option ``k`` of a variant is the image of option ``k`` of the clean item, so the
place of the right option is the same in a whole cluster, and undoing a transformation is reading the same column.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from angels_share.caskworld import KINDS, LANDS, NAMES, TOWNS, invented
from angels_share.items import Item, Source, Stream, row_module

LEXICON = row_module("representation", "lexicon")

VARIANTS = ("clean", "rename", "paraphrase", "permute", "format", "distractor", "swap", "reverse")
"""The clean item and its seven variants, in the order of a cluster."""

STYLES = ("paraphrase", "permute", "format", "distractor")
"""Transformations of the telling alone; level 4 adds two of them to every variant."""

FAMILIES = ("compare", "order", "give")

PEOPLE = (3, 3, 3, 5, 7)
"""People in the story by level; three of them are asked about."""

SCALES = (
    ("tallest", "shortest", ("tall", "of average height", "short")),
    ("oldest", "youngest", ("old", "middle-aged", "young")),
    ("fastest", "slowest", ("fast", "of average speed", "slow")),
)

DISTRACTORS = (
    "It rained in the morning",
    "The clock on the wall had stopped",
    "A cat slept by the window",
    "Somebody had left the door open",
    "There was fresh paint on the fence",
    "The bridge was closed that week",
    "A train could be heard far away",
    "The soup was still warm",
)
"""Sentences that have nothing to do with any question."""


@dataclass(frozen=True)
class Problem:
    """A relational question in which three people of a story are asked about.

    Attributes
    ----------
    family : {"compare", "order", "give"}
    people : tuple of str
        From most to least, from first to last, or each the giver of the next.
    values : tuple of str
        Number or adjective of each person, or what each gave.
    asked : tuple of int
        Places in ``people`` of the answer, of somebody else, and of the answer to the converse question.
    listed : tuple of str
        The three people as the question names them.
    told : tuple of int
        Order in which the facts are told.
    scale : tuple of str
        The two superlatives of a comparison.
    converse : bool
        Whether the converse question is asked: the least, the last, who was given.
    style : frozenset of str
        Those of :data:`STYLES` that apply.
    """

    family: str
    people: tuple[str, ...]
    values: tuple[str, ...]
    asked: tuple[int, int, int]
    listed: tuple[str, ...]
    told: tuple[int, ...]
    scale: tuple[str, str]
    converse: bool = False
    style: frozenset[str] = frozenset()

    @property
    def answer(self) -> str:
        """The right answer."""
        return self.people[self.asked[2 if self.converse else 0]]


def meta(source: Source, level: int, n: int) -> list[Item]:
    """Eight items a cluster: the clean question and its seven variants.

    Level 0 is told in caskworld; 1 in English after two examples; 2 alone; 3 with two more people, numbers and chains;
    4 with four more people, and every variant composed of its own transformation and two of :data:`STYLES`.
    """
    return [_item(source, level, i // len(VARIANTS), VARIANTS[i % len(VARIANTS)]) for i in range(n)]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Take the items of :func:`meta`, to be answered in words; the candidates stand in the order of the options."""
    items = []
    for item in meta(source, level, n):
        choices, gold = item.pop("choices"), item.pop("gold")
        candidates = [choice.lower() for choice in choices]
        items.append(item | {"answer": candidates[gold], "candidates": candidates})
    return items


def _item(source: Source, level: int, cluster: int, variant: str) -> Item:
    family = FAMILIES[cluster % len(FAMILIES)]
    clean = source.draw(
        lambda s: _problem(s, family, level), lambda p: sorted(p.people), "meta", level, family, 2 * cluster
    )
    fresh = source.draw(lambda s: _others(s, clean, level), sorted, "meta", level, family, 2 * cluster + 1)
    trio = [clean.people[k] for k in clean.asked]
    options = trio[1:]
    gold = cluster // len(FAMILIES) % 3
    options.insert(gold, trio[0])
    problem, image = _transformed(clean, fresh, variant, source.stream("meta-variant", level, cluster, variant), level)
    choices = [image.get(name, name) for name in options]
    return {
        "item_id": f"meta-{level}-{cluster}-{variant}",
        "cluster_id": f"meta-{level}-{cluster}",
        "stratum": variant,
        "level": level,
        "prompt": _prompt(source, problem, level, cluster),
        "choices": choices,
        "gold": gold,
        "variant": variant,
        "family": family,
    }


def _problem(s: Stream, family: str, level: int) -> Problem:
    size = PEOPLE[level]
    people = s.sample((*NAMES, *LANDS, *TOWNS), size) if level == 0 else invented(s, size)
    facts = size if family == "compare" or (family == "order" and level in (1, 2)) else size - 1
    scale, values = ("largest", "smallest"), tuple(KINDS)
    if family == "compare" and level == 0:
        values = tuple(map(str, sorted(s.sample(range(37), size), reverse=True)))
    elif family == "compare" and level < 3:
        highest, lowest, values = s.choice(SCALES)
        scale = (highest, lowest)
    elif family == "compare":
        scale, values = ("oldest", "youngest"), tuple(map(str, sorted(s.sample(range(18, 90), size), reverse=True)))
    elif family == "give":
        things = KINDS if level == 0 else LEXICON.CATEGORIES["tool"] + LEXICON.CATEGORIES["fruit"]
        values = tuple(s.sample(list(things), facts))
    asked = _asked(s, size, adjacent=family == "give")
    return Problem(
        family=family,
        people=tuple(people),
        values=values,
        asked=asked,
        listed=tuple(s.shuffled([people[k] for k in asked])),
        told=tuple(s.shuffled(range(facts))),
        scale=scale,
    )


def _asked(s: Stream, size: int, *, adjacent: bool) -> tuple[int, int, int]:
    """Return three places: the answer, another, and the answer to the converse question."""
    if adjacent:
        giver = s.below(size - 1)
        return giver, s.choice([k for k in range(size) if k not in (giver, giver + 1)]), giver + 1
    first, between, last = sorted(s.sample(range(size), 3))
    return first, between, last


def _others(s: Stream, problem: Problem, level: int) -> list[str]:
    """Return as many names that the problem does not have."""
    pool = s.shuffled((*NAMES, *LANDS, *TOWNS)) if level == 0 else invented(s, 2 * len(problem.people))
    return [name for name in pool if name not in problem.people][: len(problem.people)]


def _transformed(
    clean: Problem, fresh: list[str], variant: str, s: Stream, level: int
) -> tuple[Problem, dict[str, str]]:
    """Return the transformed problem, and the image of each person whose role moves."""
    problem, image, style = clean, {}, {variant} & set(STYLES)
    first, between, last = (clean.people[k] for k in clean.asked)
    if variant == "rename":
        image = dict(zip(clean.people, fresh, strict=True))
        problem = _with_names(clean, image, listed=True)
    elif variant == "swap":
        other = s.choice((between, last))
        image = {first: other, other: first}
        problem = _with_names(clean, image, listed=False)
    elif variant == "reverse":
        image = {first: last, last: first}
        problem = replace(clean, converse=True)
    if level == 4 and variant in STYLES:
        style = set(STYLES) - {STYLES[STYLES.index(variant) - 1]}
    elif level == 4 and variant != "clean":
        style = set(s.sample(STYLES, 2))
    if "permute" in style:
        problem = replace(problem, listed=problem.listed[::-1], told=problem.told[::-1])
    return replace(problem, style=frozenset(style)), image


def _with_names(problem: Problem, image: dict[str, str], *, listed: bool) -> Problem:
    moved = replace(problem, people=tuple(image.get(name, name) for name in problem.people))
    return replace(moved, listed=tuple(image[name] for name in problem.listed)) if listed else moved


def _prompt(source: Source, problem: Problem, level: int, cluster: int) -> str:
    s = source.stream("meta-distractor", level, cluster)
    if level == 0:
        return _caskworld(problem, s)
    lines = []
    for j, converse in enumerate(source.stream("meta-shots", cluster).shuffled([False, True]) if level == 1 else ()):
        shot = replace(_problem(source.stream("meta-shot", cluster, j), problem.family, level), converse=converse)
        lines.append(f"{_story(shot, level, s)} {shot.answer}.")
    return "\n".join([*lines, _story(problem, level, s)])


def _caskworld(problem: Problem, s: Stream) -> str:
    """Tell a problem of level 0; formatting means leaving the commas out, paraphrasing to ask first."""
    people, values = problem.people, problem.values
    facts = {
        "compare": [f"{who} {value}" for who, value in zip(people, values, strict=False)],
        "order": [f"{one} before {two}" for one, two in pairwise(people)],
        "give": [f"{what} from {one} to {two}" for what, (one, two) in zip(values, pairwise(people), strict=False)],
    }[problem.family]
    told = [facts[k] for k in problem.told]
    if "distractor" in problem.style:
        at = s.choice(
            [k for k, (land, town) in enumerate(zip(LANDS, TOWNS, strict=True)) if not {land, town} & {*people}]
        )
        told.insert(s.below(len(told) + 1), f"capital of {LANDS[at]} is {TOWNS[at]}")
    what = {
        "compare": problem.scale[problem.converse],
        "order": ("first", "last")[problem.converse],
        "give": f"{values[problem.asked[0]]} {('from', 'to')[problem.converse]}" if problem.family == "give" else "",
    }[problem.family]
    question = f"{what} of {' '.join(problem.listed)}"
    parts = [question, *told] if "paraphrase" in problem.style else [*told, question]
    return f"{(' ' if 'format' in problem.style else ' , ').join(parts)} is"


def _story(problem: Problem, level: int, s: Stream) -> str:
    """Tell a problem in English, with its question and the beginning of the answer."""
    facts = _facts(problem, level, other="paraphrase" in problem.style)
    told = [facts[k] for k in problem.told]
    if "distractor" in problem.style:
        told.insert(s.below(len(told) + 1), s.choice(DISTRACTORS))
    what = {
        "compare": f"is the {problem.scale[problem.converse]}",
        "order": f"{'came' if level < 3 else 'arrived'} {('first', 'last')[problem.converse]}",
        "give": f"{('gave', 'got')[problem.converse]} the {problem.values[problem.asked[0] % len(problem.values)]}",
    }[problem.family]
    begun = f"The one who {what} is"
    a, b, c = problem.listed
    question = f"Who {what}: {a}, {b} or {c}?" if "paraphrase" in problem.style else f"Of {a}, {b} and {c}, who {what}?"
    if "format" in problem.style:
        told, question = [f"  - {fact}\n" for fact in told], question.upper()
    else:
        told = [f"{fact}. " for fact in told]
    return f"{''.join(told)}{question}\nAnswer: {begun}"


def _facts(problem: Problem, level: int, *, other: bool) -> list[str]:
    """Return the facts of a story in the order of its people, in one of two wordings."""
    people, values = problem.people, problem.values
    if problem.family == "give":
        form = "{two} got the {what} from {one}" if other else "{one} gave the {what} to {two}"
        pairs = zip(values, pairwise(people), strict=True)
        return [form.format(one=one, two=two, what=what) for what, (one, two) in pairs]
    if problem.family == "compare":
        if level < 3:
            form = "Everyone says that {who} is {value}" if other else "{who} is {value}"
        else:
            form = "The age of {who} is {value}" if other else "{who} is {value} years old"
        return [form.format(who=who, value=value) for who, value in zip(people, values, strict=True)]
    if level < 3:
        form = "In {place} place came {who}" if other else "{who} came {place}"
        return [form.format(who=w, place=p) for w, p in zip(people, ("first", "second", "third"), strict=True)]
    form = "{two} arrived after {one}" if other else "{one} arrived before {two}"
    return [form.format(one=one, two=two) for one, two in pairwise(people)]
