"""Items of the tool task: which call comes next, from the first one to the end, and after a tool's error."""

from __future__ import annotations

from typing import NamedTuple

from angels_share.caskworld import KINDS
from angels_share.items import Item, Source, Stream

STAGES = ("first", "chained", "switch", "retry", "done")
"""Where a job stands: nothing was called yet; a result must be passed on; a tool is down; a call had the wrong
argument; the goal is reached."""

VERBS = ("find", "draw", "sort", "push", "check", "seek", "query", "refer")
"""Tools of caskworld."""

PREFIXES = ("get", "find", "fetch", "load", "read")
"""Beginnings of the tools' names from level 1 on."""

SORTS = (
    "order parcel truck driver depot ticket refund client street account contract supplier product machine permit "
    "sensor batch vessel berth cellar"
).split()
"""What the tools take and give from level 1 on."""

TOOLS = (3, 4, 4, 8, 16)
"""Tools that a job has, by level."""

COPIES = ((2, 1), (2, 1), (2, 1), (2, 2, 2), (3, 3, 3, 3))
"""Tools that do each of a job's calls, by level, in an order that varies."""

DOWN, WRONG = "error, tool is down", "error, not a"

RULE = "Take the first tool on the list that fits, and if it is down the next that fits. At the end call finish."


class Tool(NamedTuple):
    """A tool: what it is called, what it takes and what it gives."""

    name: str
    takes: str
    gives: str


class Job(NamedTuple):
    """A goal with the tools that lead to it."""

    tools: list[Tool]
    """In the order told."""
    sorts: list[str]
    """What is given, what each call leads to, and last the goal."""
    values: list[str]
    """The values of these."""
    zones: list[str]
    """The zone of the goal and another one, where calls name a zone; else empty."""
    down: list[bool]
    """Whether the first tool for each call is down when a call needs it."""

    def fitting(self, hop: int) -> list[Tool]:
        """Return the tools for a call, in the order told."""
        return [tool for tool in self.tools if (tool.takes, tool.gives) == (self.sorts[hop], self.sorts[hop + 1])]


class Call(NamedTuple):
    """A tool's name and its arguments."""

    tool: str
    arguments: list[str]

    def told(self, level: int) -> str:
        """Return the call as it is written down."""
        return f"{self.tool}({', '.join(self.arguments)})" if level else " ".join([self.tool, *self.arguments])


def tool(source: Source, level: int, n: int) -> list[Item]:
    """Five stages of each job, with four calls to choose from."""
    return [_item(source, level, *divmod(i, len(STAGES))) for i in range(n)]


def text(source: Source, level: int, n: int) -> list[Item]:
    """Take the items of :func:`tool`, to be answered by writing the call."""
    items = []
    for i, item in enumerate(tool(source, level, n)):
        job = _drawn(source, level, i // len(STAGES))
        calls, gold = item.pop("choices"), item.pop("gold")
        names = [*(one.name for one in job.tools), _end(level)]
        takes = [1 + bool(job.zones)] * len(job.tools) + [1]
        items.append(item | {"answer": calls[gold], "calls": calls, "tools": names, "arguments": takes})
    return items


def _drawn(source: Source, level: int, cluster: int) -> Job:
    return source.draw(
        lambda s: _job(s, level), lambda job: [job.tools, job.sorts, job.values[0]], "tool", level, cluster
    )


def _item(source: Source, level: int, cluster: int, place: int) -> Item:
    stage, job = STAGES[place], _drawn(source, level, cluster)
    s = source.stream("tool-stage", level, cluster, stage)
    trace, right, wrong = _stage(s, job, stage, level)
    options = s.shuffled(wrong)
    gold = (cluster + place) % (len(options) + 1)
    options.insert(gold, right)
    shots = _shots(source.stream("tool-shots", cluster, stage), job) if level == 1 else []
    return {
        "item_id": f"tool-{level}-{cluster}-{stage}",
        "cluster_id": f"tool-{level}-{cluster}",
        "stratum": stage,
        "level": level,
        "prompt": _prompt(job, trace, level, shots),
        "choices": [call.told(level) for call, _ in options],
        "gold": gold,
        "roles": [role for _, role in options],
    }


Option = tuple[Call, str]
"""A call with its role: ``call``, ``repeat`` of one that was made, or ``stop``."""


# --- jobs ------------------------------------------------------------------------------------------------------------


def _job(s: Stream, level: int) -> Job:
    copies = s.shuffled(COPIES[level])
    sorts = s.sample(list(KINDS) if level == 0 else SORTS, len(copies) + 1 + (level > 0) * 4)
    sorts, strange = sorts[: len(copies) + 1], sorts[len(copies) + 1 :]
    steps = [(sorts[hop], sorts[hop + 1]) for hop, many in enumerate(copies) for _ in range(many)]
    steps += [(s.choice(sorts), strange[k % len(strange)]) for k in range(TOOLS[level] - len(steps))]
    tools: list[Tool] = []
    while len(tools) < len(steps):
        takes, gives = steps[len(tools)]
        name = s.choice(VERBS) if level == 0 else f"{s.choice(PREFIXES)}_{gives}"
        if name not in [other.name for other in tools]:
            tools.append(Tool(name, takes, gives))
    zones = [f"N{k}" for k in s.sample(range(1, 10), 2)] if level > 2 else []
    down = [level == 4 and s.below(2) == 0 for _ in copies]
    return Job(s.shuffled(tools), sorts, _values(s, sorts, level), zones, down)


def _values(s: Stream, sorts: list[str], level: int) -> list[str]:
    if level == 0:
        return [s.choice(KINDS[sort]) for sort in sorts]
    return [f"{s.choice('BCDFGHJKLMPQRST')}{k}" for k in s.sample(range(10, 100), len(sorts))]


def _stage(s: Stream, job: Job, stage: str, level: int) -> tuple[list[str], Option, list[Option]]:
    """Return the calls so far with their results, the right next call, and three wrong ones."""
    last = len(job.sorts) - 1
    hop = {"first": 0, "done": last}.get(stage, s.between(1, last - 1))
    if stage == "switch":
        hop = s.choice([k for k in range(last) if len(job.fitting(k)) > 1])
    trace = [line for k in range(hop) for line in _passed(job, k, level)]
    value, before = job.values[hop], job.values[max(hop - 1, 0)]
    stop = Call(_end(level), [value]), "stop"
    if stage == "done":
        another = _call(job, s.choice(job.tools), value), "call"
        return trace, stop, [(_taken(job, last - 1), "repeat"), another, (Call(_end(level), [before]), "stop")]
    fitting = job.fitting(hop)
    broken = (stage == "switch") * (1 + (level == 4)) + (stage == "retry" and job.down[hop])
    trace += [_line(_call(job, one, value), DOWN, level) for one in fitting[:broken]]
    right = fitting[broken]
    if stage == "retry":
        trace.append(_line(_call(job, right, before), f"{WRONG} {job.sorts[hop]}", level))
    if stage == "first":
        wrong = [(_call(job, one, value), "call") for one in s.sample([one for one in job.tools if one != right], 2)]
    elif stage == "chained":
        wrong = [(_taken(job, hop - 1), "repeat"), (_call(job, right, before), "call")]
    else:
        failed = _call(job, right, before) if stage == "retry" else _call(job, fitting[broken - 1], value)
        stranger = s.choice([one for one in job.tools if one not in fitting])
        wrong = [(failed, "repeat"), (_call(job, stranger, value), "call")]
    if job.zones and s.below(2):
        wrong[1] = _call(job, right, value, 1), "call"
    return trace, (_call(job, right, value), "call"), [*wrong, stop]


def _passed(job: Job, hop: int, level: int) -> list[str]:
    """Return the calls of a step that was taken, with what they gave."""
    failed = [_line(_call(job, job.fitting(hop)[0], job.values[hop]), DOWN, level)] * job.down[hop]
    return [*failed, _line(_taken(job, hop), job.values[hop + 1], level)]


def _taken(job: Job, hop: int) -> Call:
    """Return the call by which a step was taken."""
    return _call(job, job.fitting(hop)[job.down[hop]], job.values[hop])


def _call(job: Job, one: Tool, value: str, zone: int = 0) -> Call:
    return Call(one.name, [value, *job.zones[zone : zone + 1]])


# --- words -----------------------------------------------------------------------------------------------------------


def _end(level: int) -> str:
    """Return the name of the tool that ends a job with its result."""
    return "finish" if level else "answer"


def _line(call: Call, result: str, level: int) -> str:
    if level:
        return f"{call.told(level)} = {result}"
    return f"{call.told(level)} {'not' if result == DOWN else 'wrong' if result.startswith(WRONG) else result}"


def _shots(s: Stream, job: Job) -> list[str]:
    """Return two worked examples of other stages with the same tools."""
    shots: list[str] = []
    for stage in s.sample(STAGES, 2):
        example = job._replace(values=_values(s, job.sorts, 1))
        trace, (right, _), _ = _stage(s, example, stage, 1)
        shots.append(f"{_asked(example, trace, 1)} {right.told(1)}")
    return shots


def _prompt(job: Job, trace: list[str], level: int, shots: list[str]) -> str:
    if level == 0:
        tools = [f"{one.name} {one.takes} to {one.gives}" for one in job.tools]
        return " , ".join([*tools, f"from {job.values[0]} to {job.sorts[-1]}", *trace, "now"])
    zone = ", zone" if job.zones else ""
    if level == 1:
        tools = [f"{one.name}({one.takes}) gives {one.gives}" for one in job.tools]
        return "\n".join([RULE, f"Tools: {', '.join(tools)}.", *shots, _asked(job, trace, level)])
    tools = [f"{one.name}({one.takes}{zone}) gives the {one.gives}." for one in job.tools]
    told = " ".join(tools) if level == 2 else "\n".join(tools)
    return f"{RULE}\nTools: {told}\n{_asked(job, trace, level)}"


def _asked(job: Job, trace: list[str], level: int) -> str:
    goal = f"the {job.sorts[-1]} of {job.sorts[0]} {job.values[0]}"
    if job.zones:
        goal += f" in zone {job.zones[0]}, not in zone {job.zones[1]}"
    so_far = (", " if level < 3 else "\n").join(trace) or "none"
    end = "Next:" if level == 1 else "Answer: The next call is"
    return f"Goal: {goal}.\nCalls so far: {so_far}.\n{end}"
