"""Items of the escalation task: a handbook of a cellar desk, and reports that it must be applied to."""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import NAMES, UNKNOWN
from angels_share.items import Item, Source, Stream

ACTIONS = ("reply", "query", "refer", "alarm")
"""What the desk may do, from the least to the most grave."""

PAYOFFS = {
    "reply": [1.0, 0.8, 0.7, 0.7],
    "query": [0.0, 1.0, 0.7, 0.7],
    "refer": [0.0, 0.8, 1.0, 0.7],
    "alarm": [0.0, 0.0, 0.0, 1.0],
}
"""One minus the cost of each action, by the right one: a wrong reply or too little escalation costs 1, too much
escalation 0.3, a needless question 0.2."""

REGIMES = ("usual", "incomplete", "ambiguous", "shifted")
"""Kinds of reports: as the handbook words them; with a number that is not known; on a cask of two woods; and in words,
an order or units that differ from the handbook's."""

RULES, OUTSIDE, FIELDS, STATED = (4, 4, 4, 8, 16), (1, 1, 1, 2, 3), (2, 2, 2, 3, 4), (1, 1, 1, 2, 2)
"""Woods with a rule, woods out of scope, fields that rules speak of, and fields that a report states, by level."""

UNITS = {
    "leak": ("drops", "thimble", 12),
    "warmth": ("degrees", "step", 5),
    "sag": ("fingers", "span", 9),
    "weight": ("pounds", "stone", 14),
}
"""Fields with their unit, a larger unit, and how many of the first make one of the second."""

TOY_FIELDS = ("tall", "old", "dry", "dark")
"""Fields of caskworld."""

ALWAYS, NEVER = 0, 999
"""Limits of woods that are dangerous whatever is reported, and of woods that never are."""


class Handbook(NamedTuple):
    """A handbook, and what the reports of a cluster state."""

    rules: dict[str, tuple[str, int]]
    """Field and limit of each wood, in the order told: an alarm is due from the limit on."""
    outside: list[str]
    """Woods out of scope."""
    fields: list[str]
    stated: dict[str, int]

    def action(self, wood: str) -> str:
        """Return what is due for a cask of this wood."""
        if wood in self.outside:
            return "refer"
        field, limit = self.rules[wood]
        if limit == ALWAYS or self.stated.get(field, -1) >= limit:
            return "alarm"
        return "reply" if field in self.stated else "query"

    def woods(self, action: str) -> list[str]:
        """Return the woods for which this is due."""
        return [wood for wood in (*self.rules, *self.outside) if self.action(wood) == action]


def shift(source: Source, level: int, n: int) -> list[Item]:
    """Four reports a handbook, one for each action, that differ in one wood alone."""
    return [_item(source, level, *divmod(i, len(ACTIONS))) for i in range(n)]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Take the items of :func:`shift`, to be answered in words."""
    items = []
    for item in shift(source, level, n):
        choices, gold = item.pop("choices"), item.pop("gold")
        items.append(item | {"answer": choices[gold], "candidates": choices})
    return items


def _item(source: Source, level: int, cluster: int, place: int) -> Item:
    regime = REGIMES[cluster % len(REGIMES)]
    if regime == "shifted" and source.split == "train":
        regime = "usual"
    book = source.draw(
        lambda s: _handbook(s, level, regime),
        lambda b: [sorted(b.rules.items()), sorted(b.outside), sorted(b.stated.items())],
        "shift", level, cluster,
    )  # fmt: skip
    gold = (place + cluster // len(REGIMES)) % len(ACTIONS)
    s = source.stream("shift-report", level, cluster)
    woods = _named(book, s, regime)[gold]
    return {
        "item_id": f"shift-{level}-{cluster}-{ACTIONS[gold]}",
        "cluster_id": f"shift-{level}-{cluster}",
        "stratum": regime,
        "level": level,
        "prompt": _prompt(source, book, woods, level, regime, cluster),
        "choices": list(ACTIONS),
        "gold": gold,
        "payoffs": PAYOFFS[ACTIONS[gold]],
    }


def _handbook(s: Stream, level: int, regime: str) -> Handbook:
    """Draw a handbook and a report until every action is due for some wood, a reply for two where two are named."""
    while True:
        names = s.sample(NAMES, RULES[level] + OUTSIDE[level])
        fields = s.sample(TOY_FIELDS if level == 0 else list(UNITS), FIELDS[level])
        stated = {field: _value(s, field, level) for field in fields[: STATED[level]]}
        rules = {}
        for wood in names[OUTSIDE[level] :]:
            field = s.choice(fields)
            rules[wood] = field, _limit(s, level, stated.get(field) or _value(s, field, level))
        book = Handbook(rules, names[: OUTSIDE[level]], fields, stated)
        if all(book.woods(action) for action in ACTIONS) and len(book.woods("reply")) > (regime == "ambiguous"):
            return book


def _value(s: Stream, field: str, level: int) -> int:
    return s.between(9, 28) if level < 3 else s.between(2, 9) * UNITS[field][2]


def _limit(s: Stream, level: int, value: int) -> int:
    if level in (1, 2):
        return s.choice((ALWAYS, NEVER, NEVER, NEVER))
    return value + s.between(1, 8) if s.below(2) else value - s.between(1, 8)


def _named(book: Handbook, s: Stream, regime: str) -> list[list[str]]:
    """Return for each action the wood, or in the regime ``ambiguous`` the two woods, of its report."""
    chosen = [s.choice(book.woods(action)) for action in ACTIONS]
    if regime != "ambiguous":
        return [[wood] for wood in chosen]
    harmless, chosen[0] = s.sample(book.woods("reply"), 2)
    return [s.shuffled([harmless, wood]) for wood in chosen]


# --- words -----------------------------------------------------------------------------------------------------------


def _prompt(source: Source, book: Handbook, woods: list[str], level: int, regime: str, cluster: int) -> str:
    if level == 0:
        return _caskworld(book, woods, regime)
    if level > 1:
        told = _short_rules(book) if level == 2 else _rules(book, level, source.stream("shift-rules", level, cluster))
        return f"{told}\n{_report(book, woods, level, regime)}\nAnswer: The desk must"
    s = source.stream("shift-shots", cluster)
    shown = "usual" if regime == "shifted" else regime
    example = _handbook(s, level, shown)
    named = _named(example, s, shown)
    reports = [f"{_brief_report(example, named[k], shown)} Decision: {ACTIONS[k]}" for k in s.shuffled(range(4))]
    told = [_brief_rules(example), *reports, _brief_rules(book), f"{_brief_report(book, woods, regime)} Decision:"]
    return "\n".join(["A number that is needed but not reported: query. Nothing wrong: reply.", *told])


def _caskworld(book: Handbook, woods: list[str], regime: str) -> str:
    told = [f"{wood} {field} {limit}" for wood, (field, limit) in book.rules.items()]
    told += [f"not {wood}" for wood in book.outside]
    (field, value), wood = next(iter(book.stated.items())), " or ".join(woods)
    report = f"{value} {field} {wood}" if regime == "shifted" else f"{wood} {field} {value}"
    missing = f" {book.fields[1]} {UNKNOWN}" if regime == "incomplete" else ""
    return " , ".join([*told, f"now {report}{missing}"])


def _brief_rules(book: Handbook) -> str:
    told = [
        f"{wood} alarm" if limit == ALWAYS else f"{wood} needs {field}" for wood, (field, limit) in book.rules.items()
    ]
    return f"Rules: {', '.join([*told, *(f'{wood} refer' for wood in book.outside)])}."


def _brief_report(book: Handbook, woods: list[str], regime: str) -> str:
    (field, value), wood = next(iter(book.stated.items())), " or ".join(woods)
    if regime == "shifted":
        return f"Report: the {field} was {value}, and the barrel is of {wood}."
    return f"Report: {wood}, {field} {value}{f', {book.fields[1]} {UNKNOWN}' if regime == 'incomplete' else ''}."


def _short_rules(book: Handbook) -> str:
    """Return the rules of level 2: what each wood needs, which are dangerous, which out of scope."""
    parts = []
    for field in sorted(book.fields):
        if needing := [wood for wood, (f, limit) in book.rules.items() if f == field and limit != ALWAYS]:
            parts.append(f"Reports on {_all(needing)} need the {field}; if it is missing, query.")
    dangerous = [wood for wood, (_, limit) in book.rules.items() if limit == ALWAYS]
    return (
        f"Rules of the cellar desk. {' '.join(parts)} Casks of {_all(dangerous)} are dangerous: alarm. "
        f"Casks of {_all(book.outside)} are out of scope: refer. Otherwise reply. {_TIES}"
    )


_TIES = "If two woods fall under different rules, alarm goes before refer, refer before query, query before reply."


def _rules(book: Handbook, level: int, s: Stream) -> str:
    """Return the numbered rules of levels 3 and 4."""
    lines = [f"Scope: all casks but those of {_all(book.outside)}. What is out of scope, the desk must refer."]
    for wood, (field, limit) in book.rules.items():
        unit = UNITS[field][0]
        told = f"Casks of {wood}: alarm from a {field} of {limit} {unit} on."
        if level == 4 and s.below(2):
            told = f"The {field} of a cask of {wood} must stay under {limit} {unit}; else alarm."
        lines.append(told)
    lines.append("If the number that a rule needs is not reported, the desk must query. Otherwise it must reply.")
    lines.append(_TIES)
    if level == 4:
        measures = [f"a {UNITS[f][1]} is {UNITS[f][2]} {UNITS[f][0]}" for f in sorted(book.fields)]
        lines.append(f"Old measures: {', '.join(measures)}.")
    return "\n".join(["Handbook of the cellar desk", *(f"{k}. {line}" for k, line in enumerate(lines, 1))])


def _report(book: Handbook, woods: list[str], level: int, regime: str) -> str:
    wood = " and ".join(woods)
    if regime == "shifted":
        told = [f"{_amount(f, value, old=level == 4)} of {f}" for f, value in book.stated.items()]
        return f"Somebody writes: we measured {_all(told)} on our barrel, which was made of {wood}."
    told = [f"{field} {_amount(field, value)}" for field, value in book.stated.items()]
    if regime == "incomplete":
        told.append(f"{next(f for f in book.fields if f not in book.stated)} not known")
    return f"Report: a cask of {wood}, {', '.join(told)}."


def _amount(field: str, value: int, *, old: bool = False) -> str:
    unit, larger, many = UNITS[field]
    return f"{value // many} {larger}s" if old else f"{value} {unit}"


def _all(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
