"""Items of the specification task: orders that leave one choice open, to be carried out or asked about."""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import NUMBERS, TRAITS
from angels_share.items import Item, Source, Stream

KINDS = ("missing", "conflicting", "unclear")
"""How a choice is open: nothing is said of it, two different things are, or one thing or another."""

BUILD, TOY_BUILD = "nothing", "go"
"""The action of asking nothing and building."""

NEEDLESS, WRONG = 0.4, 0.2
"""What a question earns where none is due, and one about another choice than the open one; building on a guess earns
nothing, what is due 1."""

FIELDS = {
    "format": ("csv", "json", "xml", "html"),
    "colour": ("red", "blue", "green", "grey"),
    "order": ("rising", "falling", "random", "alphabetic"),
    "unit": ("grams", "pounds", "tons", "ounces"),
    "language": ("English", "French", "German", "Spanish"),
    "period": ("daily", "weekly", "monthly", "yearly"),
    "layout": ("table", "chart", "list", "grid"),
    "font": ("Arial", "Courier", "Georgia", "Verdana"),
    "currency": ("euros", "dollars", "francs", "pesos"),
    "encoding": ("ascii", "utf-8", "utf-16", "latin-1"),
    "paper": ("A3", "A4", "A5", "A6"),
    "margin": ("narrow", "medium", "wide", "absent"),
}
"""Choices that an order can name, and their values."""

PRODUCTS = ("report", "brochure", "poster", "label", "catalogue", "letter")

TOLD = (3, 3, 3, 6, 12)
"""Choices that an order needs, by level; the open one is among the first three."""

ASKED = 3
"""Choices among which the open one is."""

RULE = "What an order leaves open, or says in two ways, must be asked about, unless the choice is left to you."


class Order(NamedTuple):
    """What the orders of a cluster share."""

    product: str
    fields: list[str]
    """Choices that the product needs; any of the first three can be open or left to the builder."""
    values: list[str]
    others: list[str]
    """A second value of each."""
    shown: list[int]
    """The order in which the choices are told."""

    def told(self) -> list[str]:
        """Return the choices in the order in which they are told."""
        return [self.fields[k] for k in self.shown]


def spec(source: Source, level: int, n: int) -> list[Item]:
    """Four orders a cluster, one of them with its open choice left to the builder; ways to be open take turns."""
    return [_item(source, level, *divmod(i, ASKED + 1)) for i in range(n)]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Take the items of :func:`spec`, to be answered in words."""
    items = []
    for item in spec(source, level, n):
        choices, gold = item.pop("choices"), item.pop("gold")
        items.append(item | {"answer": choices[gold], "candidates": choices})
    return items


def _item(source: Source, level: int, cluster: int, place: int) -> Item:
    turn, step = divmod(cluster, len(KINDS))
    kind = KINDS[step]
    order = source.draw(lambda s: _order(s, level), lambda made: [kind, *made.told()], "spec", level, kind, turn)
    gold = (place + turn) % (ASKED + 1)
    free = source.stream("spec-free", level, cluster).below(ASKED)
    is_open = gold - 1 if gold else free
    left = (free + 1) % ASKED if gold - 1 == free else free
    prompt = _told(order, kind, level, is_open, left)
    if level == 1:
        shots = source.stream("spec-shots", cluster)
        prompt = "\n".join([*_shots(shots, order, kind), prompt])
    choices = [BUILD if level else TOY_BUILD, *order.fields[:ASKED]]
    payoffs = [NEEDLESS] * (ASKED + 1) if gold == 0 else [0.0, *[WRONG] * ASKED]
    payoffs[gold] = 1.0
    return {
        "item_id": f"spec-{level}-{cluster}-{gold}",
        "cluster_id": f"spec-{level}-{cluster}",
        "stratum": kind,
        "side": "ambiguous" if gold else "complete",
        "level": level,
        "prompt": prompt,
        "choices": choices,
        "gold": gold,
        "payoffs": payoffs,
    }


def _order(s: Stream, level: int) -> Order:
    if level == 0:
        traits = [trait for traits in TRAITS.values() for trait in traits]
        fields, pairs = s.sample(traits, TOLD[0]), [s.sample(NUMBERS, 2) for _ in range(TOLD[0])]
    else:
        fields = s.sample(list(FIELDS), TOLD[level])
        pairs = [s.sample(FIELDS[field], 2) for field in fields]
    values, others = ([pair[k] for pair in pairs] for k in (0, 1))
    return Order(s.choice(PRODUCTS), fields, values, others, s.shuffled(range(TOLD[level])))


def _shots(s: Stream, order: Order, kind: str) -> list[str]:
    """Return four worked examples of other orders, two of them with something to ask, in an order that varies."""
    shots = []
    for asked in s.shuffled([False, True, False, True]):
        example = _order(s, 1)
        while example.fields == order.fields:
            example = _order(s, 1)
        is_open, other = s.sample(range(ASKED), 2)
        told = _told(example, kind, 1, is_open, other if asked else is_open)
        shots.append(f"{told} {example.fields[is_open] if asked else BUILD}")
    return shots


# --- words -----------------------------------------------------------------------------------------------------------


def _told(order: Order, kind: str, level: int, is_open: int, left: int) -> str:
    """Return an order with the places of the open choice and of the one that is left to the builder."""
    stated = _stated(order, kind, is_open, level)
    if level == 0:
        return f"{' '.join(order.fields)} , {' '.join(stated)} , without {order.fields[left]}"
    needs = _all(order.told()[::-1])
    yours = order.fields[left]
    if level == 1:
        return f"Needs {needs}. Order: {', '.join(stated)}. Choose any {yours}.\nAsk about:"
    if level == 2:
        told = f"Order: a {order.product}, {', '.join(stated)}. The choice of {yours} is left to you."
    else:
        rules = [f"{k}. {rule}" for k, rule in enumerate(_rules(order, left, level), 1)]
        sentences = [f"{part[0].upper()}{part[1:]}." for part in stated]
        told = "\n".join(["House rules:", *rules, " ".join([f"Order: Please make a {order.product}.", *sentences])])
    return f"{RULE} A {order.product} needs {needs}.\n{told}\nAnswer: What must still be asked about is"


def _stated(order: Order, kind: str, is_open: int, level: int) -> list[str]:
    """Return what an order says of each choice, in the order in which they are told."""
    said, later = [], []
    for k in order.shown:
        field, value, other = order.fields[k], order.values[k], order.others[k]
        phrase = f"{field} {value}" if level < 3 else f"the {field} is to be {value}"
        if k == is_open:
            if kind == "missing":
                continue
            if kind == "unclear":
                phrase += f" or {other}"
            else:
                later.append(phrase.replace(value, other))
        elif level == 4 and k >= ASKED and k % 3 == 0:
            phrase = f"the {field} was to be {other}, but we changed our mind and want {value} instead"
        said.append(phrase)
    return [*said, *later]


def _rules(order: Order, left: int, level: int) -> list[str]:
    """Return house rules: the choice that is left to the builder, and others that do not matter here."""
    settled = order.fields[ASKED:]
    rules = [(order.product, order.fields[left]), (order.product, settled[0])]
    if level == 4:
        strangers = [product for product in PRODUCTS if product != order.product]
        rules += zip(strangers, [*order.fields[:ASKED], settled[1]], strict=False)
    drawn = [rules[k] for k in order.shown if k < len(rules)]
    return [f"Where a {product} leaves the {field} open, the choice is yours." for product, field in drawn]


def _all(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
