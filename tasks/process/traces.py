"""Workings of four kinds, step by step, right or with one slip and what follows from it.

A working starts from a state and applies operations one after the other: numbers added up (``sum``), a row of names
(``list``), a stack of numbers (``stack``), words that are changed (``rewrite``). A slip writes one wrong state of the
same length; all later steps are right if one believes it, so only the step of the slip gives it away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from angels_share.caskworld import NAMES
from angels_share.items import Source, Stream

Entry = int | str
State = tuple[Entry, ...]
Op = tuple[Entry, ...]

OPERATIONS: dict[str, tuple[Callable[..., State], str, str]] = {
    "add": (lambda state, n: (state[0] + n,), "{}", "add {}"),
    "take": (lambda state, n: (state[0] - n,), "", "take away {}"),
    "times": (lambda state, n: (state[0] * n,), "", "multiply by {}"),
    "front": (lambda state, x: (x, *state), "push {} first", "put {} first"),
    "end": (lambda state, x: (*state, x), "push {} last", "put {} last"),
    "shift": (lambda state: state[1:], "pop first", "drop the first"),
    "chop": (lambda state: state[:-1], "pop last", "drop the last"),
    "turn": (lambda state: state[::-1], "", "turn the row around"),
    "push": (lambda state, n: (n, *state), "push {}", "push {}"),
    "pop": (lambda state: state[1:], "pop", "drop the top"),
    "fold": (lambda state: (state[0] + state[1], *state[2:]), "total", "add the top two"),
    "change": (lambda state, x, y: tuple(y if w == x else w for w in state), "{} to {}", "change {} to {}"),
}
"""What each operation does to a state, and how it is told in caskworld and in English."""

SIGNS = {"add": "+", "take": "-", "times": "*"}

OTHER_END = {"front": "end", "end": "front", "shift": "chop", "chop": "shift"}

LEAST_NAMES = 4
"""Names that a working has at least, where it has any, so that four of them can be offered as answers."""

FAMILIES = {
    "sum": ("total {}", "Start with {}", "What is the result?", "The result is"),
    "list": ("first {} last", "The row is {}", "Which one is first?", "The first one is"),
    "stack": ("top {}", "The stack is {}, the top first", "Which number is on top?", "The top is"),
    "rewrite": ("go {}", "The words are {}", "Which word is first?", "The first word is"),
}
"""How a start is told in caskworld and in English, what is asked about the end, and how a reply would begin."""


@dataclass(frozen=True)
class Trace:
    """A working: where it starts, what is done, and the state written down after each step."""

    family: str
    level: int
    start: State
    ops: tuple[Op, ...]
    states: tuple[State, ...]

    @property
    def answer(self) -> str:
        """The final answer: the first entry of the last state."""
        return str(self.states[-1][0])

    @property
    def names(self) -> list[str]:
        """Names that could be an answer, in the order in which the problem tells them; none where it is a number."""
        told = [*self.start, *(x for op in self.ops for x in op[1:])]
        return list(dict.fromkeys(x for x in told if isinstance(x, str)))

    def problem(self) -> str:
        """Return where the working starts and what is to be done."""
        opening = FAMILIES[self.family][self.level > 0]
        told = [OPERATIONS[str(op[0])][1 + (self.level > 0)].format(*op[1:]) for op in self.ops]
        if self.level == 0:
            return " , ".join([opening.format(self.shown(self.start)), *told])
        return f"{opening.format(self.shown(self.start))}. {', '.join(told).capitalize()}."

    def shown(self, state: State) -> str:
        """Return a state as it is written down."""
        return (", " if self.level else " ").join(map(str, state))

    def step(self, k: int) -> str:
        """Return step ``k``, from 0, without its number."""
        before, op = (self.start, *self.states)[k], self.ops[k]
        if self.family == "sum" and self.level > 0:
            return f"{before[0]} {SIGNS[str(op[0])]} {op[1]} = {self.states[k][0]}"
        return self.shown(self.states[k])

    def lines(self, first: int = 0, last: int | None = None) -> list[str]:
        """Return the numbered steps from ``first`` to before ``last``."""
        mark = ":" if self.level else ""
        return [f"step {k + 1}{mark} {self.step(k)}" for k in range(len(self.ops))[first:last]]

    def working(self, first: int = 0, last: int | None = None) -> str:
        """Return the numbered steps as one text: a line each, in caskworld one after the other."""
        return ("\n" if self.level else " ").join(self.lines(first, last))

    def final_line(self) -> str:
        """Return the line that states the final answer."""
        return f"answer{':' if self.level else ''} {self.answer}"


def after(state: State, op: Op) -> State:
    """Return the state that an operation makes of a state."""
    return OPERATIONS[str(op[0])][0](state, *op[1:])


def pair(
    source: Source, level: int, index: int, task: str, steps: int, *, slips: int, telling: bool
) -> tuple[Trace, Trace, int]:
    """Return a right working, the same with a slip, and the step of the slip, from 0.

    Families take turns, then the step of the slip, among the first ``slips``; if it is ``telling``, it changes the
    final answer.
    """
    family = list(FAMILIES)[index % len(FAMILIES)]
    at = index // len(FAMILIES) % slips
    start = source.draw(
        lambda s: MATERIALS[family](s, level, steps), lambda made: [family, *made], task, level, family, index
    )
    made = _pair(source.stream("slip", task, level, index), family, level, start, steps, at, telling=telling)
    return *made, at


def example(s: Stream, family: str, level: int, steps: int, at: int) -> tuple[Trace, Trace]:
    """Return a right working of a family and the same with a slip at step ``at`` that changes the final answer."""
    return _pair(s, family, level, MATERIALS[family](s, level, steps), steps, at, telling=True)


def _numbers(s: Stream, level: int, steps: int) -> State:
    """Return a start and what is added to it or taken away."""
    if level == 0:
        most = 36 // (steps + 1)
        return tuple(s.between(k > 0, most) for k in range(steps + 1))
    return s.between(10, 60), *(s.between(1, 9 if level < 3 else 49) for _ in range(steps))


def _names(s: Stream, level: int, steps: int) -> State:
    return tuple(s.sample(NAMES, 3 if level < 3 else 5))


def _stack(s: Stream, level: int, steps: int) -> State:
    return tuple(s.between(1, 15) for _ in range(3))


MATERIALS: dict[str, Callable[[Stream, int, int], State]] = {
    "sum": _numbers,
    "list": _names,
    "stack": _stack,
    "rewrite": _names,
}
"""What identifies a problem of each family: its start, and the numbers of a sum."""


def _pair(
    s: Stream, family: str, level: int, material: State, steps: int, at: int, *, telling: bool
) -> tuple[Trace, Trace]:
    """Return a right working and the same with a slip; operations are drawn anew until both are sound."""
    while True:
        right = _trace(s, family, level, material, steps)
        wrong = _with_slip(s, right, at, telling=telling) if right else None
        if right and wrong:
            return right, wrong


def _trace(s: Stream, family: str, level: int, material: State, steps: int) -> Trace | None:
    """Return a working with operations drawn at random, or None where one of them does nothing or leads too far."""
    start = material[:1] if family == "sum" else material
    fresh = iter(material[1:] if family == "sum" else s.sample([x for x in NAMES if x not in start], steps))
    pool = (*start, *s.sample([x for x in NAMES if x not in start], 3))
    ops: list[Op] = []
    states = [start]
    for _ in range(steps):
        state = states[-1]
        if family == "sum":
            ops.append(_sum_op(s, level, state, next(fresh)))
        elif family == "list":
            ops.append(_row_op(s, level, state, fresh))
        elif family == "stack":
            kind = s.choice(("push", "push", "fold", "pop")[: 4 if len(state) > 2 else 3 if len(state) > 1 else 2])
            ops.append((kind, s.between(1, 9)) if kind == "push" else (kind,))
        else:
            old = s.choice(state)
            ops.append(("change", old, s.choice([name for name in pool if name != old])))
        states.append(after(state, ops[-1]))
        if not _sound(level, state, ops[-1], states[-1]):
            return None
    made = Trace(family, level, start, tuple(ops), tuple(states[1:]))
    return made if not made.names or len(made.names) >= LEAST_NAMES else None


def _sum_op(s: Stream, level: int, state: State, amount: Entry) -> Op:
    kind = s.choice(("add",) if level < 2 else ("add", "take"))
    if level > 2 and int(state[0]) < 200 and s.below(5) == 0:
        return "times", s.between(2, 3)
    return kind, amount


def _row_op(s: Stream, level: int, state: State, fresh: Iterator[Entry]) -> Op:
    if level > 2 and s.below(5) == 0:
        return ("turn",)
    grow = len(state) < 3 or (len(state) < (4 if level < 3 else 6) and s.below(2) == 0)
    return (s.choice(("front", "end")), next(fresh)) if grow else (s.choice(("shift", "chop")),)


def _sound(level: int, before: State, op: Op, state: State) -> bool:
    """Tell whether a step does something, and stays among the numbers that there are."""
    numbers = [x for x in state if isinstance(x, int)]
    within = all(0 <= x <= (36 if level == 0 else 999) for x in numbers)
    return within and state != before and after(before, op) != before


def _with_slip(s: Stream, right: Trace, at: int, *, telling: bool) -> Trace | None:
    for state in s.shuffled(_slips(right, at)):
        states = [*right.states[:at], state]
        for op in right.ops[at + 1 :]:
            states.append(after(states[-1], op))
        wrong = replace(right, states=tuple(states))
        steps = zip((right.start, *states), right.ops, states, strict=False)
        sound = all(_sound(right.level, *step) for step in steps)
        if sound and (wrong.answer != right.answer or not telling):
            return wrong
    return None


def _slips(right: Trace, at: int) -> list[State]:
    """Return the wrong states that a careless hand could write at a step, all as long as the right one."""
    before, op, state = (right.start, *right.states)[at], right.ops[at], right.states[at]
    kind = str(op[0])
    if right.family in ("sum", "stack"):
        steps = (-2, -1, 1, 2) if int(state[0]) < 20 or right.level == 0 else (-10, -2, -1, 1, 2, 10)
        found = [(int(state[0]) + d, *state[1:]) for d in steps]
        found += [(before[0], *before[2:])] * (kind == "pop")
    elif kind == "change":
        found = [after(before, ("change", op[1], name)) for name in right.names if name not in op]
    else:
        found = [_exchanged(state, i, k) for k in range(len(state)) for i in range(k)]
        if kind in OTHER_END:
            found.append(after(before, (OTHER_END[kind], *op[1:])))
    return [made for made in dict.fromkeys(found) if made != state]


def _exchanged(state: State, i: int, k: int) -> State:
    out = list(state)
    out[i], out[k] = out[k], out[i]
    return tuple(out)
