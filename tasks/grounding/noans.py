"""Items of the evidence task: answer where a passage says it, else search where a search can help, else abstain."""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import NAMES, NUMBERS, invented
from angels_share.items import Item, Source, Stream, row_module

FACTS = row_module("grounding", "facts")

ACTIONS = ("answer", "search", "abstain")
"""What the model may do."""

PAYOFFS = {"answer": [1.0, 0.3, 0.0], "search": [0.0, 1.0, 0.3], "abstain": [0.0, 0.3, 1.0]}
"""One minus the cost of each action, by the right one. To answer without evidence costs 1, and so does to give up with
evidence at hand; to search in vain, or to give up where a search would help, costs 0.7."""

EVIDENCE = ("sufficient", "related", "partial")
"""What the passage holds: all that is needed, the same of somebody else, or a part that does not suffice."""

POLICY = (
    "If the passage tells the answer, the assistant should answer. If it does not and the search tool covers what is "
    "asked for, it should search. Otherwise it should abstain."
)

BRIEF = "Told in the passage: answer. Not told, but covered by the search: search. Else: abstain."


class Case(NamedTuple):
    """A passage with its two variants, a question, and what a search covers."""

    told: dict[str, list[str]]
    """The sentences by the evidence that they hold."""
    question: dict[str, str]
    """The question by the evidence for it; it differs in caskworld only."""
    covered: str
    """What the search tool covers and does not."""

    def key(self) -> list[object]:
        """Return what identifies the case: the variant that answers, and what a search covers."""
        return [self.told["sufficient"], self.question["sufficient"], self.covered]


def noans(source: Source, level: int, n: int) -> list[Item]:
    """Triples of a question with all, none and a part of what answers it."""
    return [_item(source, level, *divmod(i, len(EVIDENCE))) for i in range(n)]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Take the items of :func:`noans`, to be answered in words."""
    items = []
    for item in noans(source, level, n):
        choices, gold = item.pop("choices"), item.pop("gold")
        items.append(item | {"answer": choices[gold], "candidates": choices})
    return items


def _item(source: Source, level: int, cluster: int, place: int) -> Item:
    strata = ("find", "seek") if level == 0 else tuple(r.noun for r in FACTS.RELATIONS)
    turn, kind = divmod(cluster, len(strata))
    helps, evidence = bool(turn % 2), EVIDENCE[(place + cluster) % len(EVIDENCE)]
    case = source.draw(
        lambda s: _records(s, strata[kind], helps=helps) if level == 0 else _case(s, level, kind, helps=helps),
        Case.key, "noans", level, strata[kind], turn,
    )  # fmt: skip
    s = source.stream("noans-asides", level, cluster)
    told = [FACTS.passage(sentence, level, s) for sentence in case.told[evidence]]
    due = "answer" if evidence == "sufficient" else "search" if helps else "abstain"
    return {
        "item_id": f"noans-{level}-{cluster}-{evidence}",
        "cluster_id": f"noans-{level}-{cluster}",
        "stratum": strata[kind],
        "level": level,
        "prompt": _prompt(source, case, told, evidence, level, cluster),
        "choices": list(ACTIONS),
        "gold": ACTIONS.index(due),
        "payoffs": PAYOFFS[due],
        "side": "answerable" if evidence == "sufficient" else "unanswerable",
        "evidence": evidence,
    }


def _records(s: Stream, word: str, *, helps: bool) -> Case:
    """Return records of caskworld: one key has no value, and one name is the value of another and no key."""
    full, empty, other, stranger = s.sample(NAMES, 4)
    records = s.shuffled([f"{full} {s.choice(NUMBERS[10:])}", f"{empty} not", f"{other} {stranger}"])
    asked = dict(zip(EVIDENCE, (full, stranger, empty), strict=True))
    sides = [word, "seek" if word == "find" else "find"]
    covered = "search {} not {}".format(*(sides if helps else sides[::-1]))
    return Case(dict.fromkeys(EVIDENCE, records), {e: f"{word} {name}" for e, name in asked.items()}, covered)


def _case(s: Stream, level: int, kind: int, *, helps: bool) -> Case:
    """Return a passage about invented people, and the same with one sentence about somebody else or a part.

    From level 3 on the answer takes two sentences. Each kind of sentence stands in all three variants, and each
    variant has as many words.
    """
    relation = FACTS.RELATIONS[kind]
    others = s.shuffled([r for r in FACTS.RELATIONS if r != relation])
    who, friend, value, *rest = invented(s, 14)
    people, values = rest[:6], rest[6:]
    if level == 4:
        for k in range(4):
            people[k] = FACTS.double(s, (who, friend)[k % 2], [who, friend, value, *rest, *people[:k]])
    if level < 3:
        told = {
            "sufficient": [relation.told(who, value)],
            "related": [relation.told(people[0], value)],
            "partial": [relation.shared(who, friend)],
        }
    else:
        link, name = relation.shared(who, friend), relation.told(friend, value)
        told = {
            "sufficient": [link, name],
            "related": [relation.shared(people[0], friend), name],
            "partial": [link, relation.told(people[1], value)],
        }
    beside = [relation.told(people[2], values[0]), others[0].shared(who, people[4])]
    if level > 2:
        beside += [relation.shared(people[3], people[5]), others[1].told(who, values[1])]
    if level == 4:
        beside += [others[0].told(people[3], values[2]), others[2].told(friend, values[3])]
    order = s.shuffled(range(len(beside) + len(told["sufficient"])))
    mixed = {evidence: [[*those, *beside][k] for k in order] for evidence, those in told.items()}
    question = dict.fromkeys(EVIDENCE, relation.asked(who))
    return Case(mixed, question, _covered(s, level, relation.noun, [r.noun for r in others], helps=helps))


def _covered(s: Stream, level: int, asked: str, others: list[str], *, helps: bool) -> str:
    """Return what the search tool covers; the same words are told where it covers the other side."""
    sides = [[asked], others[:1]]
    if level > 2:
        sides = [s.shuffled([asked, others[1]]), s.shuffled([others[0], others[2]])]
    with_it, without = ([f"{noun}s" for noun in side] for side in (sides if helps else sides[::-1]))
    if level < 3:
        return f"Search covers {with_it[0]}, not {without[0]}."
    return f"The search tool covers {' and '.join(with_it)}, and nothing about {' or '.join(without)}."


# --- words -----------------------------------------------------------------------------------------------------------


def _prompt(source: Source, case: Case, told: list[str], evidence: str, level: int, cluster: int) -> str:
    question = case.question[evidence]
    if level == 0:
        return " , ".join([case.covered, *told, question])
    shown = f"Passage: {' '.join(told)}\n{case.covered}\n"
    if level == 1:
        return f"{BRIEF}\n{_shots(source.stream('noans-shots', cluster))}\n{shown}Question: {question}\nDecision:"
    return f"{POLICY}\n{shown}Question: {question}\nDecision: The assistant should"


def _shots(s: Stream) -> str:
    """Return a passage with three questions about it, one for each action, in an order that varies."""
    covered, other = s.sample(FACTS.RELATIONS, 2)
    one, two, first, second = invented(s, 4)
    told = s.shuffled([covered.told(one, first), other.told(two, second)])
    known = s.choice([covered.asked(one), other.asked(two)])
    questions = [(known, "answer"), (covered.asked(two), "search"), (other.asked(one), "abstain")]
    shown = [f"Question: {question}\nDecision: {action}" for question, action in s.shuffled(questions)]
    search = f"Search covers {covered.noun}s, not {other.noun}s."
    return "\n".join([f"Passage: {' '.join(told)}", search, *shown])
