"""What the validity report tells its reader, in order and without markup; the misses come first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from angels_share.statement.page import Block, Points, Table, Text
from angels_share.statement.plots import task_name
from angels_share.statement.wording import hundred, listed, signed
from angels_share.taxonomy import ROWS
from angels_share.validity.detection import LEAST_EXCESS, Cell, Detection
from angels_share.validity.doses.misses import MISSES, Miss
from angels_share.validity.doses.response import POWER, Response
from angels_share.validity.headline import KEPT, LOST
from angels_share.validity.literature.findings import Finding
from angels_share.validity.report import Validity
from angels_share.validity.stability import LEAST_STUDENTS, Agreement

Plot = Literal["matrix", "responses", "headlines"]

ALTERNATIVES: dict[Plot, str] = {
    "matrix": "Detection matrix: which planted losses show in which rows; the table below holds its numbers",
    "responses": "Measured loss against planted dose, by row; the table below holds the numbers",
    "headlines": "Retention against angel's share of every student in every suite",
}
"""What each plot shows, for those who do not see it."""

MOST_HEADLINES = 12
"""Headlines that are listed; the plot and the JSON file hold all."""

INTRODUCTION = (
    "A benchmark of hidden losses has to find losses that are known to be there, and to stay silent where there are "
    "none. This report says how far it does: on students with a planted loss, on losses of known size in a log, on the "
    "teacher against itself, and on controls. Every number was measured; those on a scale are out of 100. It speaks of "
    "toy models that know fewer than 200 words, so it can show that the benchmark misses a loss, and cannot show that "
    "it would find the same loss in a large model."
)


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    title: str
    blocks: tuple[Block, ...]
    plot: Plot | None = None


def sections(found: Validity) -> list[Section]:
    """Return the report in the order in which it is read."""
    return [
        Section("What it misses", tuple(_missed(found))),
        Section("Planted losses", tuple(_matrix(found)), "matrix" if found.detection.cells else None),
        Section("Losses of known size", tuple(_responses(found)), "responses" if found.responses else None),
        Section("The teacher against itself, and controls", tuple(_controls(found))),
        Section("Other items, and fewer", tuple(_stability(found))),
        Section("What headline scores hide", tuple(_hidden(found)), "headlines"),
        Section("What the literature claims", tuple(_literature(found))),
    ]


def _missed(found: Validity) -> Iterator[Block]:
    planted = tuple(
        f"{ROWS[miss.row].title}: {miss.member} shows on {miss.fired} of {miss.of} sets of items; {miss.reason}."
        + (f" Shown on every set by itself: {listed([*map(task_name, miss.shown_by)])}." if miss.shown_by else "")
        for miss in found.detection.misses
    )
    if not found.detection.cells:
        yield Text("No student with a planted loss was measured.", "strong")
    elif planted:
        yield Points(planted, lead="Planted losses that are not found every time:")
    else:
        yield Text("Every planted loss that was measured is found on every set of items.", "strong")
    told = MISSES.get(found.teacher, {})
    faint = tuple(
        f"{task_name(r.task)}, {_dose(r)}: loss {hundred(r.points[-1].loss)} where all of it is planted, "
        f"commonest verdict {r.points[-1].verdict.lower()}"
        + (_why(told[r.task, r.dose], r) if (r.task, r.dose) in told else "")
        + "."
        for r in found.responses
        if r.misses
    )
    if faint:
        yield Points(faint, lead="Losses in a log to which the scale answers less than a reader may expect:")
    lacking = tuple(f"on {on}: {listed(names)}." for on, names in found.missing.items() if names)
    if lacking:
        yield Points(lacking, lead="Not measured, and in no number below:")


def _why(miss: Miss, response: Response) -> str:
    found = miss.shown_by if miss.shown_by in response.shown else None
    shown = f", and the statistic {found.replace('_', ' ')} shows it" if found else ""
    return f"; {miss.reason}{shown}"


def _matrix(found: Validity) -> Iterator[Block]:
    detection = found.detection
    yield Text(
        "Each student but the siblings was distilled like them, with one row's capability taken from its lessons or "
        "distorted in them. A row fires where its loss exceeds the mean of the siblings, which differ in nothing but "
        f"the training seed, by at least {hundred(LEAST_EXCESS)} and by more than a 95 % t-interval for one more "
        "sibling."
    )
    if not detection.cells:
        return
    rows = [row for row in ROWS if any(cell.row == row for cell in detection.cells)]
    yield Table(
        "Excess of the row loss over the siblings, mean over the sets of items; ● fires on all, ◐ on some",
        ("Planted in", *rows),
        tuple(
            (planted, *(excess([c for c in detection.cells if (c.planted, c.row) == (planted, row)]) for row in rows))
            for planted in ROWS
            if any(cell.planted == planted for cell in detection.cells)
        ),
    )
    yield Text(_sensitivity(detection), "strong")
    alarms = [c for c in detection.cells if c.fires and c.row != c.planted]
    if alarms:
        yield Points(
            tuple(
                f"{c.member} on {c.items}: {ROWS[c.row].title.lower()} {signed(c.excess)}, needed {hundred(c.needed)}."
                for c in alarms
            ),
            lead="Rows that fire though nothing was planted in them:",
        )


def excess(cells: Sequence[Cell]) -> str:
    """Return the mean excess of a planted student in a row; ● fires on all sets of items, ◐ on some."""
    if not cells:
        return "–"
    fired = sum(cell.fires for cell in cells)
    mark = " ●" if fired == len(cells) else " ◐" if fired else ""
    return f"{signed(fmean(cell.excess for cell in cells))}{mark}"


def _sensitivity(detection: Detection) -> str:
    own = [cell for cell in detection.cells if cell.row == cell.planted]
    share = detection.alarms / detection.off_diagonal if detection.off_diagonal else 0.0
    each = [
        f"{sum(cell.fires for cell in own if cell.items == on)} of {sum(cell.items == on for cell in own)} on {on}"
        for on in dict.fromkeys(cell.items for cell in own)
    ]
    return (
        f"Found on every set of items: {len(detection.found)} of {len({cell.planted for cell in own})} planted losses "
        f"({listed(each)}). Off the diagonal {detection.alarms} of {detection.off_diagonal} cells fire "
        f"({hundred(share)} %)."
    )


def _responses(found: Validity) -> Iterator[Block]:
    yield Text(
        "A loss of known size is planted in the teacher's own log, without any training, and measured as a student "
        "would be. At dose 0 nothing is changed, at dose 1 all of it. Detected means that at least "
        f"{hundred(POWER)} % of the plantings, at this dose and all larger ones, get a verdict that finds a "
        "difference. The task is judged alone, without the adjustment for the other tasks of a suite."
    )
    zero, monotone = (sum(getattr(r, name) for r in found.responses) for name in ("zero", "monotone"))
    rising = sum(r.rises for r in found.responses)
    n = len(found.responses)
    yield Text(f"Of {n} responses {zero} are zero at dose 0, {monotone} never fall, and {rising} rise.", "strong")
    yield Table(
        "Smallest dose that is detected",
        ("Task", "Planted", "Loss at dose 0.1", "Loss at dose 1", "Detected from"),
        tuple(
            (
                task_name(r.task),
                _dose(r),
                *(hundred(point.loss) for point in r.points if point.dose in (0.1, 1.0)),
                "never" if r.smallest_judged is None else f"{r.smallest_judged:g}",
            )
            for r in found.responses
        ),
    )


def _dose(response: Response) -> str:
    return response.dose.replace("_", " ")


def _controls(found: Validity) -> Iterator[Block]:
    if found.repeat is None:
        yield Text("The teacher was not run again.")
    else:
        moved = f": {', '.join(map(task_name, found.repeat.moved))}" if found.repeat.moved else ""
        yield Text(
            f"Run again with another sampling seed and batch size, the teacher gets a verdict other than preserved or "
            f"inconclusive on {len(found.repeat.moved)} of {found.repeat.tasks} tasks{moved}.",
            "strong",
        )
    names = list(dict.fromkeys(control.name for control in found.controls))
    suites = list(dict.fromkeys(control.suite for control in found.controls))
    if names:
        yield Table(
            "Angel's share of the controls, whose loss is known beforehand",
            ("Suite", *names),
            tuple((suite, *(_share(found, name, suite) for name in names)) for suite in suites),
        )
        yield Text(
            "The repeat and a copy should lose nothing; a copy is charged for sampled tasks all the same, since a "
            "copied sample is no second sample. An oracle knows every right answer and differs from the teacher where "
            "the teacher errs. Whoever does not look at the item, constant, uniform and shuffled, should lose "
            "everything."
        )


def _share(found: Validity, name: str, suite: str) -> str:
    share = next((c.angels_share for c in found.controls if (c.name, c.suite) == (name, suite)), None)
    return "–" if share is None else hundred(share)


def _stability(found: Validity) -> Iterator[Block]:
    yield Text(
        "Rank correlation (Spearman) of the students' composites between two sets of items, with a 95 % bootstrap "
        "interval over the students. Where the teacher has no retention, they are ordered by their angel's share. "
        "“As pilot” is the first part of a set, the size of the smallest profile; its items are in the whole set too."
    )
    if not found.stability:
        yield Text(f"Fewer than {LEAST_STUDENTS} students were measured on more than one set of items.")
        return
    pairs = list(dict.fromkeys((a.first, a.second) for a in found.stability))
    yield Table(
        "Order of the students on other items",
        ("Suite", "Students", *(f"{first} · {second}" for first, second in pairs)),
        tuple(
            (suite, _students(found, suite), *(_correlation(found, suite, pair) for pair in pairs))
            for suite in dict.fromkeys(a.suite for a in found.stability)
        ),
    )


def _students(found: Validity, suite: str) -> str:
    counts = {a.students for a in found.stability if a.suite == suite}
    return f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"


def _correlation(found: Validity, suite: str, pair: tuple[str, str]) -> str:
    def of(a: Agreement) -> bool:
        return a.suite == suite and (a.first, a.second) == pair

    one = next(filter(of, found.stability), None)
    return "–" if one is None else f"{one.correlation:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _hidden(found: Validity) -> Iterator[Block]:
    hiding = [h for h in found.hidden.headlines if h.hidden]
    yield Text(
        f"Of {len(found.hidden.headlines)} headlines (a student in a suite, on a set of items), {found.hidden.kept} "
        f"keep at least {hundred(KEPT)} % of the primary metric. Behind {found.hidden.hiding} of these a critical row "
        f"is lost: its loss is above {hundred(LOST)}, the whole 95 % interval.",
        "strong",
    )
    if hiding:
        yield Text(
            "This is the paper's equation 8, shown: the student keeps nearly all of the teacher's primary metric and "
            "loses a capability that makes the teacher reliable."
        )
        if len(hiding) == found.hidden.kept:
            yield Text(
                "No kept headline of these students is a good one, planted or not: all of them lose something. So "
                "this shows what a headline can hide, and not how often one does."
            )
        worst = sorted(hiding, key=lambda h: -h.angels_share)[:MOST_HEADLINES]
        yield Table(
            "Kept headlines that hide a loss"
            + (f": the largest {len(worst)} of {len(hiding)}" if len(worst) < len(hiding) else ""),
            ("Student", "Suite", "Items", "Retention", "Angel's share", "Rows lost"),
            tuple(
                (h.student, h.suite, h.items, hundred(h.retention), hundred(h.angels_share), ", ".join(h.lost))
                for h in worst
            ),
        )


def _literature(found: Validity) -> Iterator[Block]:
    yield Text(
        f"Each claim is put to the students on {found.public}. Here numbers are shares and differences as they are, "
        "not times 100. Clear of zero: the 95 % interval over items does not hold it. Clear of seeds: another training "
        "seed would not explain it, by the spread of the siblings."
    )
    for finding in found.findings:
        yield from _finding(finding)
    if found.unasked:
        yield Points(found.unasked, lead="Claims that these students cannot be asked about:")


def _finding(finding: Finding) -> Iterator[Block]:
    yield Text(finding.claimed, "strong")
    yield Text(f"{finding.source}.", "aside")
    yield Text(f"This family: {finding.can}")
    yield Text(f"It cannot say: {finding.cannot}")
    yield Points(tuple(f"{name}: {told}" for name, told in finding.definitions.items()), lead="What was measured:")
    yield Table(
        "Numbers",
        ("Statistic", "Of", "On", "Value and 95 % interval", "Clear of"),
        tuple(
            (
                m.statistic,
                m.of,
                m.part or "all",
                str(m),
                listed([t for t, clear in (("zero", m.side != "around"), ("seeds", m.beyond_seeds)) if clear]) or "–"
                if m.null is not None
                else "",
            )
            for m in finding.measured
        ),
    )
