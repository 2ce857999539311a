"""What holds for the whole suite: hypothesis without deadlines, what shares a worker of pytest-xdist, fixtures."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
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
    "test_verify",
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


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Return a function that runs ``angels-share`` with its arguments and returns the ``commands.Outcome``."""
    from commands import call

    return lambda *arguments: call(arguments, monkeypatch, capsys)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Return the folder of the index that ``open_app`` opens."""
    return tmp_path / "index"


@pytest.fixture
def open_app(index: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that opens the leaderboard, or its page of a pair, as an ``AppTest``."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    leaderboard = Path(__file__).parents[1] / "leaderboard"
    monkeypatch.syspath_prepend(leaderboard)
    monkeypatch.setattr(sys, "argv", ["app.py", "--index", str(index)])
    st.cache_resource.clear()

    def open_page(pair: str | None = None, **query: str) -> AppTest:
        app = AppTest.from_file(leaderboard / "app.py", default_timeout=120)
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        if pair is not None:
            app.switch_page("app_pages/pair.py")
            app.query_params["id"] = pair
            app.run()
        assert not app.exception, app.exception
        return app

    return open_page
