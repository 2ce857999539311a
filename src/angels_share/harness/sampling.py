"""Running a model on some documents of tasks, to be held against a log of all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from angels_share.harness.planning import PairRun, Role, check_backend
from angels_share.harness.provenance import SAMPLERS, SHOTS_SEED
from angels_share.harness.running import load, task_manager
from angels_share.harness.stock import code_allowed


def answer(pair: PairRun, documents: Mapping[str, Sequence[int]]) -> dict[str, dict[str, Any]]:
    """Return what the one model of a plan answers to documents of the package's tasks.

    Parameters
    ----------
    pair : PairRun
        A plan with a single role; nothing is written to its folder.
    documents : mapping
        Numbers of the documents of each task, at least one each.

    Returns
    -------
    dict of dicts
        For each task the responses by the document's hash, in the form in which a samples file holds them.

    Raises
    ------
    RunError
        If the backend is unknown, or the model does not load.
    """
    from lm_eval.evaluator import simple_evaluate

    (role,) = pair.roles
    check_backend(role.model.backend)
    tasks = task_manager(role, pair).load(list(documents))["tasks"]
    for task in tasks.values():
        task.aggregation = _nothing
    results = simple_evaluate(
        model=load(role, pair.settings),
        tasks=list(tasks.values()),
        samples={task: sorted(numbers) for task, numbers in documents.items()},
        batch_size=role.batch_size,
        device=pair.settings.device,
        gen_kwargs=dict(SAMPLERS.get(role.model.backend, {})) or None,
        apply_chat_template=pair.settings.apply_chat_template,
        system_instruction=pair.settings.system_instruction,
        bootstrap_iters=0,
        log_samples=True,
        **_seeds(role),
        confirm_run_unsafe_code=code_allowed(),
    )
    samples = (results or {}).get("samples", {})
    return {task: {row["doc_hash"]: _as_logged(row["resps"]) for row in rows} for task, rows in samples.items()}


def _nothing() -> Mapping[str, Any]:
    """Return an aggregation for whatever lm-eval asks: some documents have no utility, but their task as a whole."""
    return defaultdict(lambda: len)


def _seeds(role: Role) -> dict[str, int]:
    own = dict.fromkeys(("random_seed", "numpy_random_seed", "torch_random_seed"), role.sampling_seed)
    return own | {"fewshot_random_seed": SHOTS_SEED}


def _as_logged(response: Any) -> Any:
    """Return a response with its numbers and marks as texts, as lm-eval writes them."""
    return [_as_logged(part) for part in response] if isinstance(response, (list, tuple)) else str(response)
