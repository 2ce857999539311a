"""Run folders of lm-evaluation-harness, read into columns. The only package that knows lm-eval's files.

The parts, in the order in which they build on each other:

* :mod:`~angels_share.logs.model`: a run, its tasks and their settings
* :mod:`~angels_share.logs.columns`: responses as columns
* :mod:`~angels_share.logs.stock`: tasks of lm-eval's own in the form of stress tasks
* :mod:`~angels_share.logs.folders`: which files belong together
* :mod:`~angels_share.logs.reading`: stress tasks, out of those files
"""

from angels_share.logs.columns import likelihood_columns, text_columns
from angels_share.logs.folders import results_files
from angels_share.logs.model import Run, Settings, TaskLog, document_hash
from angels_share.logs.reading import has_stress_tasks, raw_results, raw_rows, read_run

__all__ = [
    "Run",
    "Settings",
    "TaskLog",
    "document_hash",
    "has_stress_tasks",
    "likelihood_columns",
    "raw_results",
    "raw_rows",
    "read_run",
    "results_files",
    "text_columns",
]
