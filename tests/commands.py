"""Running ``angels-share`` in this process, as the installed command does."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from angels_share.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


def call(arguments: tuple[object, ...], patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> Outcome:
    """Run ``angels-share`` with these arguments."""
    patch.setattr(sys, "argv", ["angels-share", *map(str, arguments)])
    captured.readouterr()
    with pytest.raises(SystemExit) as exit_:
        main()
    said = captured.readouterr()
    return Outcome(int(exit_.value.code or 0), said.out, said.err)
