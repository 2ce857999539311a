"""Two run folders: every task and group that both of them hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from angels_share.comparison.grouping import compare_groups
from angels_share.comparison.measuring import NO_CLUSTER_FIELD, Measured, measure
from angels_share.comparison.metrics import judged
from angels_share.comparison.model import Comparison, Metric
from angels_share.comparison.reading import Log, chunks_of, read_logs
from angels_share.comparison.summing import pair
from angels_share.errors import LogError, MeasureError, PairingError
from angels_share.estimate import RESAMPLES, holm
from angels_share.logs.folders import Folder, open_folder

EPSILON = 0.05
"""Margin on the change of a metric within which two models count as equivalent. A default, not a standard."""


def compare_runs(
    teacher: Path,
    student: Path,
    *,
    cluster_field: str | None = None,
    epsilon: float = EPSILON,
    resamples: int = RESAMPLES,
    progress: Callable[[str], None] = lambda task: None,
) -> Comparison:
    """Return the comparison of two run folders, for every task that both logged.

    Nothing is assumed of a task but what lm-eval logs: likelihoods of options come from its output type, and what
    counts as good from its own metrics.

    Parameters
    ----------
    teacher, student : Path
        Run folders, or results files in them.
    cluster_field : str, optional
        Field of the documents that names the cluster; without it each document is its own.
    epsilon : float
        Margin of equivalence, in the unit of each metric.
    resamples : int
        Bootstrap resamples.
    progress : callable
        Told the name of each task.

    Raises
    ------
    LogError
        If a folder is no run of one model, no document of any task has the cluster field, or the folder for
        temporary files has no room for about 200 bytes a sample.
    PairingError
        If the runs have no task in common, or none that can be compared.
    """
    ours, theirs = open_folder(teacher), open_folder(student)
    left_out = {name: "only the teacher's run has it" for name in ours.tasks if name not in theirs.tasks}
    left_out |= {name: "only the student's run has it" for name in theirs.tasks if name not in ours.tasks}
    common = [name for name in ours.tasks if name in theirs.tasks]
    if not common:
        raise PairingError(
            f"{teacher} and {student} have no task in common: {', '.join(ours.tasks)} and {', '.join(theirs.tasks)}"
        )
    found: dict[tuple[str, str], Measured] = {}
    for name in common:
        progress(name)
        try:
            with TemporaryDirectory() as place:
                measured, without = _by_filter(ours, theirs, name, cluster_field, epsilon, resamples, Path(place))
        except LogError as error:
            left_out[name] = str(error)
            continue
        except OSError as error:
            raise LogError(
                f"{gettempdir()}: samples cannot be kept there while they are compared ({error.strerror or error}); "
                "set TMPDIR to a folder with room"
            ) from error
        found |= {(name, of): one for of, one in measured.items()}
        left_out |= {f"{name}, filter {of}": reason for of, reason in without.items()}
    if not found:
        told = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise PairingError(f"{teacher} and {student} have no task that can be compared: {told}")
    if cluster_field is not None and all(NO_CLUSTER_FIELD in one.comparison.flags for one in found.values()):
        raise LogError(f"{teacher}: no document has a field {cluster_field!r}; name one that the documents have")
    groups, without = compare_groups(ours, found, epsilon)
    tasks = [one.comparison for one in found.values()]
    return Comparison(
        teacher=ours.model,
        student=theirs.model,
        cluster_field=cluster_field,
        epsilon=epsilon,
        resamples=resamples,
        tasks=tuple(
            one.model_copy(update={"metrics": metrics})
            for one, metrics in zip(tasks, _judged([one.metrics for one in tasks]), strict=True)
        ),
        groups=tuple(
            one.model_copy(update={"metrics": metrics})
            for one, metrics in zip(groups, _judged([one.metrics for one in groups]), strict=True)
        ),
        left_out=left_out | without,
    )


def _by_filter(
    teacher: Folder, student: Folder, name: str, cluster_field: str | None, epsilon: float, resamples: int, place: Path
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Return the comparison of a task under each of its filters, and why others have none."""
    chunks = chunks_of(teacher, name)

    def read(side: str, run: Folder) -> dict[str, Log]:
        return read_logs(run, name, cluster_field, place / side, chunks)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(read, ("teacher", "student"), (teacher, student))
    found: dict[str, Measured] = {}
    left_out: dict[str, str] = {}
    for of in sorted(first.keys() | second.keys()):
        ours, theirs = first.get(of), second.get(of)
        if ours is None or theirs is None:
            left_out[of] = "only one of the runs has this filter"
            continue
        try:
            paired = pair(ours, theirs, chunks, resamples)
        except (PairingError, MeasureError) as error:
            left_out[of] = str(error)
            continue
        found[of] = measure(ours, theirs, paired, epsilon, clustered=cluster_field is not None)
    return found, left_out


def _judged(families: Sequence[Sequence[Metric]]) -> list[tuple[Metric, ...]]:
    """Return the metrics of each task or group with what the evidence says, their p-values adjusted as one family."""
    p = [m.flips.p_mcnemar if m.flips else m.p_difference for metrics in families for m in metrics]
    adjusted = iter(holm(p))
    return [tuple(judged(metric, next(adjusted)) for metric in metrics) for metrics in families]
