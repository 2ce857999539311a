"""The same work on many things, in several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def each(function: Callable[[Given], Made], things: Sequence[Given], workers: int | None = None) -> Iterator[Made]:
    """Yield what a function makes of each thing, in their order, as soon as it and all before it are done.

    Parameters
    ----------
    function : callable
        Defined in a module, so that other processes can import it.
    things : sequence
    workers : int, optional
        Processes, by default one a core; with 1, or for a single thing, none but this one.
    """
    count = min(workers or os.cpu_count() or 1, len(things))
    if count <= 1:
        yield from map(function, things)
        return
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        yield from pool.map(function, things)
