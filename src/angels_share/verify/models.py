"""What both kinds of check have in common: how a bundle's models were run, and whether these are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from angels_share import harness
from angels_share.errors import RunError
from angels_share.logs import Run
from angels_share.submission import Report

ModelRole = Literal["teacher", "student"]


def settings_of(report: Report, suites: Sequence[str] = (), **others: Any) -> harness.Settings:
    """Return the settings under which the runs of a bundle are made again.

    Parameters
    ----------
    report : Report
    suites : sequence of str
        By default all of the bundle's.
    **others
        More fields of the settings, such as another item seed.
    """
    if not report.accepted or report.score is None:
        raise RunError(f"{report.folder}: is no sound bundle; see `angels-share validate`")
    key = report.score.key
    held = tuple(suite.suite for suite in report.score.suites)
    if unknown := [name for name in suites if name not in held]:
        raise RunError(f"{report.folder}: has no suite {unknown[0]!r}; it has {', '.join(held)}")
    known = [log.settings.canaries for log in report.runs["student"].tasks.values() if log.settings.canaries]
    fields = {"item_seed": key.item_seed, "canaries": known[0] if known else None, "access": key.access}
    return harness.Settings(tuple(suites) or held, key.track, key.profile, **{**fields, **others})


def check_template(run: Run, settings: harness.Settings) -> None:
    """Refuse to ask a model in another form than the one in which the bundle's run asked it."""
    logged = next(iter(run.tasks.values())).settings
    if (logged.chat_template_sha is not None) != settings.apply_chat_template:
        used = "a chat template" if logged.chat_template_sha else "no chat template"
        raise RunError(f"{run.place}: was run with {used}; verify with or without --apply-chat-template, likewise")
    said = settings.system_instruction
    if (hashlib.sha256(said.encode()).hexdigest() if said else None) != logged.system_instruction_sha:
        raise RunError(f"{run.place}: was run with another system instruction; give the same --system-instruction")


def check_weights(named: str | None, model: harness.ModelChoice, role: str) -> None:
    """Refuse a model whose weights lie at hand and are not those that the bundle names."""
    from angels_share.models import weights_digest

    folder = Path(model.args.get("pretrained", ""))
    if named is None or not model.args.get("pretrained") or not folder.is_dir():
        return
    if (found := weights_digest(folder)) != named:
        raise RunError(f"{folder}: has weights {found[:12]}…, the bundle's {role} has {named[:12]}…; get that model")
