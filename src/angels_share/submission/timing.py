"""A limit on the processor time that a bundle may take."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

TIME_LIMIT = 300.0
"""Most seconds of processor time that validating a bundle may take."""


class OutOfTimeError(Exception):
    """What was done took too long."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Stop what takes more than this much processor time of the process, wherever it is.

    It counts in the main thread of a process, on systems that have such a timer; elsewhere nothing is stopped.

    Raises
    ------
    OutOfTimeError
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise OutOfTimeError(f"took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
