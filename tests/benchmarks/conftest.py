"""What the benchmarks measured, as a table at the end of the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

TABLE = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Return what takes a line of the table."""
    return pytestconfig.stash.setdefault(TABLE, []).append


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table."""
    if lines := config.stash.get(TABLE, []):
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
