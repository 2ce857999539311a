"""What holds for the whole suite: hypothesis without deadlines, and which tests share a worker of pytest-xdist."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

MODELS, BROWSER = "models", "browser"
"""Groups of the tests that run models, and of those that drive a browser: never two of a group at once."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one worker what shares generated items, models or a browser, and begin with the longest group."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=lambda item: group(item) != MODELS)


def group(item: pytest.Item) -> str:
    """Return what a test runs, or the row whose items it reads, or its file."""
    if item.get_closest_marker("slow"):
        return MODELS
    if item.get_closest_marker("browser"):
        return BROWSER
    file = item.path.stem
    task = getattr(getattr(item, "callspec", None), "params", {}).get("task", "")
    if file == "test_generators" and task:
        return str(task).split("_")[1]
    return file.removeprefix("test_tasks_")
