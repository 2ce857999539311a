"""The exceptions of the project.

::

    AngelsShareError
    ├── SpecError      a task, suite or lock file that cannot be read or does not fit its schema
    ├── LogError       a run folder that is missing, truncated, garbled or not comparable
    ├── PairingError   two runs that must not be compared
    ├── MeasureError   responses or items that an observable, a discrepancy or an estimator cannot take
    ├── RunError       a model or harness run that cannot start or did not finish
    └── BundleError    a statement or submission bundle that cannot be read or written

A message says where, what was found, what was expected, and what to do. What can be reported without
stopping is not an exception: it is a flag beside a number or a finding in a list.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable


class AngelsShareError(Exception):
    """Base of every error that the package raises on purpose."""


class SpecError(AngelsShareError):
    """A task, suite or lock file cannot be read or does not fit its schema."""


class LogError(AngelsShareError):
    """A run folder is missing, truncated, garbled, or holds something else than one run."""


class PairingError(AngelsShareError):
    """Two runs must not be compared with each other."""


class MeasureError(AngelsShareError):
    """Responses or items that a measure cannot take."""


class RunError(AngelsShareError):
    """A model or a harness run cannot start or did not finish."""


class BundleError(AngelsShareError):
    """A statement or submission bundle cannot be read or written."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the known words nearest to ``name``.

    Examples
    --------
    >>> did_you_mean("high_rsk", ["high_risk", "rag"])
    'Did you mean high_risk?'
    >>> did_you_mean("zzz", ["high_risk", "rag"])
    'Known: high_risk, rag.'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Known: {', '.join(names)}."


def refuse_taken(name: str, registry: Collection[str]) -> None:
    """Refuse to register a second measure under a name: the first would silently be another one.

    Raises
    ------
    MeasureError
    """
    if name in registry:
        raise MeasureError(f"{name!r} is registered already; give the second one a name of its own")
