"""What holds for the whole suite: hypothesis without deadlines, and which tests share a worker of pytest-xdist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler.loadscope import LoadScopeScheduling

from angels_share import spec

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

MODELS = "models"
"""The group of the files that run models, of which two at once would be slower than one after the other."""

RUN_MODELS = (
    "test_tasks_run",
    "test_harness",
    "test_models",
    "test_bad_input",
    "test_endpoint",
    "test_accelerate",
    "test_hub",
)


class ByGroup(LoadScopeScheduling):
    """Gives each worker whole groups of tests: what shares generated items, models or a browser stays together."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    """Return the scheduler that pytest-xdist is to use."""
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest group."""
    items.sort(key=lambda item: group(item.nodeid) != MODELS)


def group(nodeid: str) -> str:
    """Return what a test runs, or the row whose items it reads, or its file."""
    path, _, test = nodeid.partition("::")
    file = PurePosixPath(path).stem
    if file in RUN_MODELS:
        return MODELS
    row = re.search(r"\[as_([a-z]+)_", test)
    return row[1] if file == "test_generators" and row else file.removeprefix("test_tasks_")


@pytest.fixture(scope="module")
def five_tasks() -> Iterator[None]:
    """Put the suite ``synthetic.FIVE_TASKS`` in the place of ``high_risk``."""
    from synthetic import FIVE_TASKS

    read = spec._suite
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spec, "_suite", lambda name, path: FIVE_TASKS if name == FIVE_TASKS.name else read(name, path))
        spec.suites.cache_clear()
        yield
    spec.suites.cache_clear()
