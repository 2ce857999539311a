"""What validating bundles brought to light, in four forms: for a terminal, as JSON, for GitHub, and as a comment.

Findings of one rule stand together: all are counted and a few are shown. A bundle may be hostile, so its words are put
on one line and cut to a length, and each form keeps them from meaning anything in it.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from angels_share import __version__
from angels_share.parallel import each
from angels_share.spec import Strict
from angels_share.statement import wording
from angels_share.statement.markdown import escape
from angels_share.submission.model import Finding, Report, Severity
from angels_share.submission.rules import RULES, finding
from angels_share.submission.validate import validate

Trust = Literal["self-reported", "recomputed"]
"""What stands behind the numbers: the submitter's word, or the project's own computation from the submitted logs."""

Comparability = Literal["same prompts", "own templates"]
"""Whether both models read the same prompts, or each in its own chat template."""

OWN_TEMPLATES = "AS-506"
"""The rule of a pair whose models were asked each through its own chat template."""

BROKEN = "AS-950"
"""The rule of a validation that did not come to its end."""

SHOWN = 5
"""Findings of one rule that are shown unless another number is asked for."""

LENGTH = 500
"""Most characters of one message."""

COMMENT = 60_000
"""Most characters of a comment; GitHub takes 65 536."""

_ORDER: tuple[Severity, ...] = ("error", "warning", "note")
_MARKS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}

Text = Annotated[str, Field(max_length=LENGTH + 1)]


class Shown(Strict):
    """One finding of a rule: where, and what was found."""

    place: Text
    message: Text


class Group(Strict):
    """All findings of one rule."""

    rule: str
    severity: Severity
    asks: str
    """What the rule asks for."""
    hint: str
    """What to do about it."""
    count: Annotated[int, Field(ge=1)]
    shown: tuple[Shown, ...]
    """The first of them."""


class Examined(Strict):
    """A bundle and what is to be said about it."""

    folder: str
    accepted: bool
    trust: Trust | None
    """None for what makes no claim: a pull request as a whole."""
    comparability: Comparability | None
    """None where the pair was not scored."""
    tasks: Annotated[int, Field(ge=0)] | None
    """How many tasks the pair was scored on, the charged ones included."""
    charged: Annotated[int, Field(ge=0)] | None
    """How many of them are charged in full because the submitter did not measure them."""
    groups: tuple[Group, ...]
    """Errors first."""

    @property
    def broken(self) -> bool:
        """Whether validation did not come to its end, so that nothing is known of the bundle."""
        return any(group.rule == BROKEN for group in self.groups)


class Validation(Strict):
    """The content of ``--format json``."""

    schema_version: Literal["angels-share/validation/1"] = "angels-share/validation/1"
    version: str = __version__
    """Release that validated."""
    bundles: tuple[Examined, ...]


def summary(report: Report, folder: str, most: int | None = SHOWN) -> Examined:
    """Return a report in short.

    Parameters
    ----------
    report : Report
    folder : str
        How the bundle's folder is called.
    most : int, optional
        Findings of one rule that are shown; None for all.
    """
    score, scored = report.score, None
    if score is not None:
        scored = [task for task in score.tasks if task.gap is None or task.gap.side == "submitter"]
    return Examined(
        folder=_short(folder),
        accepted=report.accepted,
        trust="recomputed" if report.accepted else "self-reported",
        comparability=_comparability(report),
        tasks=None if scored is None else len(scored),
        charged=None if scored is None else sum(task.gap is not None for task in scored),
        groups=grouped(report.findings, most),
    )


def _comparability(report: Report) -> Comparability | None:
    if report.score is None:
        return None
    return "own templates" if any(found.rule == OWN_TEMPLATES for found in report.findings) else "same prompts"


def grouped(findings: Iterable[Finding], most: int | None = SHOWN) -> tuple[Group, ...]:
    """Return findings by their rules, errors first, otherwise in their order."""
    by_rule: dict[str, list[Finding]] = {}
    for found in findings:
        by_rule.setdefault(found.rule, []).append(found)
    groups = [
        Group(
            rule=rule,
            severity=some[0].severity,
            asks=RULES[rule].asks,
            hint=some[0].hint,
            count=len(some),
            shown=tuple(Shown(place=_short(f.place), message=_short(f.message)) for f in some[:most]),
        )
        for rule, some in by_rule.items()
    ]
    return tuple(sorted(groups, key=lambda group: _ORDER.index(group.severity)))


def _short(text: str) -> str:
    line = wording.line(text)
    return line if len(line) <= LENGTH else f"{line[:LENGTH]}…"


# --- validating ------------------------------------------------------------------------------------------------------


def examine(
    folder: Path,
    teachers: Path | None = None,
    most: int | None = SHOWN,
    shown: str | None = None,
    workers: int | None = 1,
) -> Examined:
    """Validate a bundle; what goes wrong in doing so is a finding of rule AS-950 and no exception.

    Parameters
    ----------
    folder : Path
        The bundle's folder.
    teachers : Path, optional
        Folder of the canonical teachers, by default ``teachers`` beside the bundle.
    most : int, optional
        Findings of one rule that are shown; None for all.
    shown : str, optional
        How the folder is called in the report, by default by its path.
    workers : int, optional
        Processes; see :func:`angels_share.submission.validate`.
    """
    name = shown or folder.as_posix()
    try:
        return summary(validate(folder, teachers, workers), name, most)
    except Exception as error:  # noqa: BLE001
        return _broken(name, f"{type(error).__name__}: {error}")


def _broken(folder: str, message: str) -> Examined:
    return summary(Report(Path(folder), (finding(BROKEN, ".", message),)), folder)


def examine_all(
    folders: Sequence[Path], teachers: Path | None = None, most: int | None = SHOWN, workers: int | None = None
) -> Iterator[Examined]:
    """Validate bundles in several processes, in their order; one that takes its process down is reported."""
    done = 0
    try:
        for examined in each(partial(examine, teachers=teachers, most=most, workers=workers), folders, workers):
            yield examined
            done += 1
    except BrokenProcessPool:
        for folder in folders[done:]:
            yield _broken(folder.as_posix(), "a process of this validation was ended from outside, for want of memory?")


# --- forms -----------------------------------------------------------------------------------------------------------


def verdict(examined: Examined) -> str:
    """Return the last line about a bundle."""
    counts: Counter[Severity] = Counter()
    for group in examined.groups:
        counts[group.severity] += group.count
    parts: list[str] = []
    if examined.trust:
        parts += [examined.trust, examined.comparability or "not compared"]
        scored = examined.tasks is not None
        parts.append(f"{examined.charged} of {examined.tasks} tasks charged as unmeasured" if scored else "not scored")
    parts += [_many(counts[severity], severity) for severity in _ORDER if counts[severity]]
    return f"{_word(examined)}: {', '.join(parts) or 'nothing is wrong'}"


def _word(examined: Examined) -> str:
    return "accepted" if examined.accepted else "not validated" if examined.broken else "refused"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def as_lines(examined: Examined, width: int = 80) -> Iterator[tuple[Severity | None, str]]:
    """Yield the lines for a terminal of this width, each with the severity of what it speaks of."""
    yield None, examined.folder
    for group in examined.groups:
        head = f"{group.severity} {group.rule}{f' ({group.count} times)' if group.count > 1 else ''}: {group.asks}"
        yield from ((group.severity, line) for line in _wrapped(head, width, "  "))
        for one in group.shown:
            yield from ((None, line) for line in _wrapped(f"{one.place}: {one.message}.", width, "    "))
        if group.count > len(group.shown):
            yield None, f"    … and {group.count - len(group.shown)} more"
        yield from ((None, line) for line in _wrapped(f"→ {group.hint}", width, "    "))
    worst = examined.groups[0].severity if examined.groups else None
    for line in _wrapped(verdict(examined), width, "  "):
        yield worst, line


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)


def as_json(bundles: Sequence[Examined]) -> str:
    """Return a :class:`Validation` as JSON."""
    return Validation(bundles=tuple(bundles)).model_dump_json(indent=1)


def as_github(examined: Examined) -> Iterator[str]:
    """Yield a bundle's findings as workflow commands, which GitHub shows at the files.

    Bundle text stands only behind the command and in its properties, where ``%``, line ends, ``:`` and ``,`` are
    written in their escaped forms; so none of it can begin a command.
    """
    for group in examined.groups:
        title = group.rule if group.count == len(group.shown) else f"{group.rule} ({group.count} times)"
        for one in group.shown:
            file, line = _at(examined.folder, one.place) if examined.trust else (one.place, 1)
            where = f"file={_property(file)},line={line},title={_property(title)}"
            yield f"::{_MARKS[group.severity]} {where}::{_data(f'{one.place}: {one.message}. {group.hint}')}"
    yield f"::notice title=angels-share::{_data(f'{examined.folder} {verdict(examined)}')}"


def _at(folder: str, place: str) -> tuple[str, int]:
    """Return the file and the line that a finding's place names, or the manifest where it names no file.

    Examples
    --------
    >>> _at("submissions/pair", "student/samples/as_x.jsonl.gz, row 3")
    ('submissions/pair/student/samples/as_x.jsonl.gz', 3)
    >>> _at("submissions/pair", ".")
    ('submissions/pair/submission.json', 1)
    """
    file = place.partition(", ")[0]
    row = re.search(r", row (\d{1,9})", place)
    named = re.fullmatch(r"[\w.+-]+(/[\w.+-]+)*\.(json|jsonl\.gz)", file, re.ASCII) and ".." not in file
    return f"{folder}/{file if named else 'submission.json'}", int(row[1]) if row else 1


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_markdown(bundles: Sequence[Examined]) -> str:
    """Return a comment of at most 60 000 characters.

    Bundle text stands in code spans alone, in which GitHub makes no mention, link, image, issue reference or icon.
    """
    lines = [f"- {_code(one.folder)} **{escape(verdict(one))}**" for one in bundles]
    lines += [line for one in bundles if one.groups for line in ("", f"### {_code(one.folder)}", "", *_points(one))]
    kept: list[str] = []
    left = COMMENT - len(_CUT)
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            return "\n".join([*kept, _CUT])
        kept.append(line)
    return "\n".join(kept) + "\n"


_CUT = "\n\nThe report is longer than a comment may be: `angels-share validate` shows all of it.\n"


def _points(examined: Examined) -> Iterator[str]:
    for group in examined.groups:
        times = f" ({group.count} times)" if group.count > 1 else ""
        yield f"- **{group.severity} {group.rule}**{times}: {escape(group.asks)} {escape(group.hint)}"
        for one in group.shown:
            yield f"  - {_code(one.place)}: {_code(one.message)}"
        if group.count > len(group.shown):
            yield f"  - … and {group.count - len(group.shown)} more"


def _code(text: str) -> str:
    """Return text as a code span, with another sign in the place of the one that would end it."""
    return f"`` {text.replace('`', 'ˋ')} ``"
