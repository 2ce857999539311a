"""Whether a pair may be compared with others: its names, its teacher, and how its models were asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from angels_share.logs import Settings
from angels_share.submission import files
from angels_share.submission.model import Canonical, Files, Finding, Key, ModelFacts, RefusedError, RoleName, Teacher
from angels_share.submission.rules import finding
from angels_share.submission.scoring import Runs, run_name
from angels_share.submission.teachers import TEACHER

Known = Mapping[str, Teacher]
"""The registered teachers, by the name of their folder."""

TEMPLATES = "through different chat templates"
"""What may differ between teacher and student: each model knows its own template."""

_COMPARED: tuple[RoleName, ...] = ("student", "teacher_repeat", "calibration")
_TEACHERS_RUNS: tuple[RoleName, ...] = ("teacher", "teacher_repeat", "calibration")


def registered(teachers: Path) -> dict[str, Teacher]:
    """Return the canonical teachers that a folder holds; what cannot be read is found where a pair refers to it."""
    known = {}
    for folder in sorted(teachers.iterdir()) if teachers.is_dir() else []:
        try:
            known[folder.name] = files.read_file(Teacher, folder, TEACHER)
        except RefusedError:
            continue
    return known


def folded(name: str) -> str:
    """Return a name without case and punctuation.

    Examples
    --------
    >>> folded("Toy_Teacher") == folded("toy-teacher")
    True
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def check_names(teacher: ModelFacts, student: ModelFacts, known: Known) -> list[Finding]:
    """Return where a model's name could be taken for another model's."""
    findings = []
    if folded(teacher.name) == folded(student.name):
        weights = {teacher.weights_sha256, student.weights_sha256} - {None}
        if teacher.name != student.name or len(weights) > 1:
            told = f"student {student.name} and teacher {teacher.name} have different "
            told += "weights under one name" if teacher.name == student.name else "spellings of one name"
            findings.append(finding("AS-213", "submission.json", told))
    for role, facts in (("teacher", teacher), ("student", student)):
        for theirs in (held.facts for held in known.values()):
            if folded(facts.name) != folded(theirs.name):
                continue
            if facts.name != theirs.name:
                told = f"{role} {facts.name} is spelt {theirs.name} among the registered teachers"
                findings.append(finding("AS-213", "submission.json", told))
            elif theirs.weights_sha256 not in (None, facts.weights_sha256):
                told = f"{role} {facts.name} has the name of a registered teacher and not its weights"
                findings.append(finding("AS-213", "submission.json", told))
    return findings


def check_teacher(
    teacher: ModelFacts, key: Key, roles: Mapping[RoleName, Files | Canonical], known: Known
) -> list[Finding]:
    """Return which runs of a registered teacher a pair brings of its own, or leaves out.

    A weak log of the teacher would raise retention, and a weak calibration run would take tasks out of the score.
    """
    own = [
        name
        for name, held in known.items()
        if _same_model(teacher, held.facts) and run_name("teacher", key) in held.runs
    ]
    if not own:
        return []
    referred = roles.get("teacher")
    name = referred.canonical if isinstance(referred, Canonical) and referred.canonical in own else own[0]
    findings = []
    for role in _TEACHERS_RUNS:
        wanted = Canonical(canonical=name) if run_name(role, key) in known[name].runs else None
        if roles.get(role) != wanted:
            told = f"{teacher.name} is registered as {name}, "
            told += f"with a {role} run that the pair does not refer to" if wanted else f"without a {role} run"
            findings.append(finding("AS-504", "submission.json", told))
    return findings


def _same_model(one: ModelFacts, other: ModelFacts) -> bool:
    same_weights = one.weights_sha256 is not None and one.weights_sha256 == other.weights_sha256
    return same_weights or folded(one.name) == folded(other.name)


def check_prompts(runs: Runs) -> list[Finding]:
    """Return how the models were asked differently: what cannot be compared at all, and what only apart from others."""
    findings = []
    teacher = runs["teacher"].tasks
    for role in _COMPARED:
        tasks = runs[role].tasks if role in runs else {}
        differing: dict[str, list[str]] = {}
        for name in sorted(teacher.keys() & tasks.keys()):
            if found := _difference(teacher[name].settings, tasks[name].settings):
                differing.setdefault(found, []).append(name)
        for found, names in differing.items():
            rule = "AS-506" if role == "student" and found == TEMPLATES else "AS-505"
            told = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            findings.append(finding(rule, f"{role}/results.json", f"teacher and {role} were asked {found}: {told}"))
    return findings


def _difference(ours: Settings, theirs: Settings) -> str | None:
    """Return how two runs of a task were asked differently."""
    if ours.system_instruction_sha != theirs.system_instruction_sha:
        return "with different system instructions"
    templates = {ours.chat_template_sha, theirs.chat_template_sha}
    if len(templates) == 1:
        return None
    return "with a chat template on one side alone" if None in templates else TEMPLATES
