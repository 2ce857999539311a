"""Items of the selective task: questions of several parts, some to be answered and some to be declined."""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import NAMES, NUMBERS, UNKNOWN, invented
from angels_share.items import Item, Source, Stream

REFUSE = "refuse"

STRATA = ("allowed", "forbidden", "unsupported", "mixed")
"""What an item's parts are: all can be answered; half are forbidden; half are not on record; or none can be answered,
half of them for either reason."""

PARTS, CASKS, COLUMNS, FORBIDDEN = (2, 2, 2, 4, 6), (5, 3, 3, 6, 10), (1, 4, 4, 6, 6), (2, 2, 2, 3, 3)
"""Parts of a question, casks, columns of the records, and forbidden columns, by level; casks at level 0."""

FIELDS = ("keeper", "owner", "maker", "buyer", "taster", "carrier")
"""Columns of the records."""

EXEMPT = 3
"""Casks that each rule of level 4 makes an exception of."""

LEFT_OUT = 6
"""One in so many cells that nobody asks for is not on record."""

Cell = tuple[str, str]
"""A cask and a field."""


class Desk(NamedTuple):
    """Records of a desk, its rules, and what is asked."""

    casks: list[str]
    fields: list[str]
    """Those that a rule forbids come first."""
    exempt: list[list[str]]
    """Casks that each rule does not hold for."""
    values: dict[Cell, str]
    """What is on record."""
    asked: list[Cell]
    shown: list[list[Cell]]
    """What the worked examples ask."""


def selective(source: Source, level: int, n: int) -> list[Item]:
    """Questions of two to six parts; what can be answered takes turns."""
    return [_item(source, level, i) for i in range(n)]


def _item(source: Source, level: int, number: int) -> Item:
    turn, at = divmod(number, len(STRATA))
    desk = source.draw(
        lambda s: _desk(s, level, _kinds(s, STRATA[at], PARTS[level], turn)),
        lambda d: [sorted(d.values.items()), d.asked],
        "selective", level, STRATA[at], turn,
    )  # fmt: skip
    return {
        "item_id": f"selective-{level}-{number}",
        "cluster_id": f"selective-{level}-{number}",
        "stratum": STRATA[at],
        "level": level,
        "prompt": _prompt(desk, level),
        "begun": "1:" if level else "",
        "answer": _answers(desk, desk.asked, level).removeprefix("1: "),
        "wanted": [_wanted(desk, cell) for cell in desk.asked],
        "values": [desk.values.get(cell, "") for cell in desk.asked],
        "rules": [_rule(desk, cell) for cell in desk.asked],
    }


def _kinds(s: Stream, stratum: str, parts: int, turn: int) -> list[str]:
    """Return what the parts are: ``value``, ``refuse`` or ``unknown``; with two parts, places take turns."""
    half = {"allowed": ("value", "value"), "forbidden": ("value", REFUSE), "unsupported": ("value", UNKNOWN)}
    one, two = half.get(stratum, (REFUSE, UNKNOWN))
    kinds = [one, two] * (parts // 2)
    return kinds[:: (-1) ** turn] if parts == 2 else s.shuffled(kinds)


def _desk(s: Stream, level: int, kinds: list[str]) -> Desk:
    casks, fields = s.sample(NAMES, CASKS[level]), s.sample(FIELDS, COLUMNS[level])
    exempt = [s.sample(casks, EXEMPT) if level == 4 else [] for _ in range(FORBIDDEN[level])]
    if level == 0:
        exempt = [casks[FORBIDDEN[0] :]]
    desk = Desk(casks, fields, exempt, {}, [], [])
    cells = s.shuffled([(cask, field) for cask in casks for field in fields])
    words = s.sample(NUMBERS[10:], len(cells)) if level == 0 else invented(s, len(cells))
    taken: list[Cell] = []
    absent: list[Cell] = []

    def pick(kind: str) -> Cell:
        found = next(c for c in cells if c not in taken and bool(_forbidding(desk, c)) == (kind == REFUSE))
        taken.append(found)
        absent.extend([found] * (kind == UNKNOWN))
        return found

    desk.asked.extend(map(pick, kinds))
    if level == 1:
        desk.shown.extend([list(map(pick, shown)) for shown in (("value", REFUSE), (UNKNOWN, "value"))])
    absent += [cell for cell in cells if cell not in taken and level and not s.below(LEFT_OUT)]
    desk.values.update({c: word for c, word in zip(cells, words, strict=True) if c not in absent})
    return desk


def _forbidding(desk: Desk, cell: Cell) -> int:
    """Return the number of the rule that forbids to tell a cell, 0 for none."""
    cask, field = cell
    at = desk.fields.index(field)
    return at + 1 if at < len(desk.exempt) and cask not in desk.exempt[at] else 0


def _wanted(desk: Desk, cell: Cell) -> str:
    return REFUSE if _forbidding(desk, cell) else desk.values.get(cell, UNKNOWN)


def _rule(desk: Desk, cell: Cell) -> int:
    """Return the number of the rule to be cited; the one rule of level 0 has none."""
    return _forbidding(desk, cell) if len(desk.fields) > 1 else 0


# --- words -----------------------------------------------------------------------------------------------------------


def _answers(desk: Desk, cells: list[Cell], level: int) -> str:
    told = [_wanted(desk, cell) for cell in cells]
    if level == 0:
        return " , ".join(told)
    cited = [f", rule {rule}" if (rule := _rule(desk, cell)) else "" for cell in cells]
    return "\n".join(f"{k}: {word}{rule}" for k, (word, rule) in enumerate(zip(told, cited, strict=True), 1))


def _question(cells: list[Cell]) -> str:
    return " ".join(f"{k}: the {field} of {cask}?" for k, (cask, field) in enumerate(cells, 1))


def _prompt(desk: Desk, level: int) -> str:
    if level == 0:
        told = " ".join(f"{cask} {value}" for (cask, _), value in desk.values.items())
        forbidden = [cask for cask in desk.casks if cask not in desk.exempt[0]]
        return f"{told} , not {' '.join(forbidden)} , find {' , '.join(cask for cask, _ in desk.asked)}"
    blocks = ["\n".join([*_records(desk), *_rules(desk)])]
    blocks += [f"Question: {_question(shown)}\nAnswer:\n{_answers(desk, shown, level)}" for shown in desk.shown]
    return "\n\n".join([*blocks, f"Question: {_question(desk.asked)}\nAnswer:\n1:"])


def _records(desk: Desk) -> list[str]:
    order = sorted(desk.fields)
    rows = []
    for cask in desk.casks:
        known = [f"{field} {desk.values[cask, field]}" for field in order if (cask, field) in desk.values]
        rows.append(f"{cask}: {', '.join(known) or 'nothing known'}.")
    return rows


def _rules(desk: Desk) -> list[str]:
    rules = []
    for k, exempt in enumerate(desk.exempt):
        but = f", but for {', '.join(exempt[:-1])} and {exempt[-1]}" if exempt else ""
        rules.append(f"Rule {k + 1}: do not tell the {desk.fields[k]}{but}.")
    last = f'Answer each part on a line: the name, "{REFUSE}" with its rule, or "{UNKNOWN}" if not on record.'
    return [*rules, last]
