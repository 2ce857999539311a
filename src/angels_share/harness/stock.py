"""Tasks of lm-eval's own, loaded with the measures that a hub suite attaches to them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from angels_share.errors import RunError
from angels_share.spec import hub_entries

LOADING_ERRORS = (
    OSError,
    ValueError,
    RuntimeError,
    TypeError,
    ImportError,
    LookupError,
    AttributeError,
    AssertionError,
)
"""What lm-eval's backends raise when a model cannot be loaded, and its tasks when their data set cannot be."""

ALLOW_CODE = "HF_ALLOW_CODE_EVAL"
"""Variable of the environment, of Hugging Face's ``evaluate``, that must be 1 where programs of models may be run."""


@cache
def _stock_index() -> Mapping[str, Any]:
    """Return where lm-eval keeps each task of its own, by name; reading all its files takes some seconds."""
    from lm_eval.tasks import TaskManager

    index: Mapping[str, Any] = TaskManager().task_index
    return index


def check_stock_tasks(names: Iterable[str]) -> None:
    """Refuse tasks that lm-eval does not have, and ones that run what a model writes where nobody allowed it."""
    for name in dict.fromkeys(name for name in names if name in hub_entries()):
        if name not in _stock_index():
            raise RunError(f"the installed lm-eval has no task {name}; install the version that the package asks for")
        if _stock_index()[name].cfg.get("unsafe_code") and not code_allowed():
            raise RunError(
                f"{name} runs the programs that the models write, on this machine and as you; if you want that, best "
                f"in a container without network, set {ALLOW_CODE}=1 and run again, else leave its suite out"
            )


def code_allowed() -> bool:
    """Tell whether the user allowed to run what models write."""
    return os.environ.get(ALLOW_CODE) == "1"


def stock_task(name: str, metadata: Mapping[str, Any]) -> Any:
    """Return a task of lm-eval's own with the metadata of its hub suite.

    lm-eval lays what is said of a task over the task's own file only where it stands in a group's list.
    """
    from lm_eval.tasks import TaskManager

    folder = _stock_index()[name].yaml_path.parent
    manager = TaskManager(include_path=str(folder), include_defaults=False, metadata=dict(metadata))
    try:
        return manager.load([{"group": f"{name} alone", "task": [hub_entries()[name]]}])["tasks"][name]
    except LOADING_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RunError(
            f"{name}: lm-eval could not load it: {reason}. Check that its data set can be had from the Hugging Face "
            "Hub or lies in the cache, and that lm-eval's extra for this task is installed"
        ) from error
