"""Work in several processes: the same results in the same order, and errors that are not lost."""

from __future__ import annotations

import math
import os
import sys
from types import ModuleType

import pytest

from angels_share.parallel import each


@pytest.fixture(autouse=True)
def plain_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new processes begin with nothing: a test of the app leaves a page of it as the main module."""
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))


@pytest.mark.parametrize("workers", [1, 2, None])
def test_results_come_in_the_order_of_the_things(workers: int | None) -> None:
    assert list(each(math.sqrt, [16.0, 4.0, 9.0], workers)) == [4.0, 2.0, 3.0]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_raised_where_its_thing_stands(workers: int) -> None:
    results = each(math.sqrt, [4.0, -1.0, 9.0], workers)
    assert next(results) == 2.0
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        next(results)


def test_other_processes_do_the_work() -> None:
    places = set(each(_place, [0] * 4, 2))
    assert os.getpid() not in places


def _place(_: int) -> int:
    return os.getpid()


def test_nothing_to_do() -> None:
    assert list(each(math.sqrt, [], 2)) == []
