"""Two runs of any lm-eval tasks, compared item by item: useful for every compressed, tuned or quantised model.

The parts, in the order in which they build on each other:

* :mod:`~angels_share.comparison.model`: what is reported
* :mod:`~angels_share.comparison.spooling`: the samples of a log on disk, in chunks
* :mod:`~angels_share.comparison.reading`: any task's log
* :mod:`~angels_share.comparison.sample`: resampled clusters of items, of which only sums are kept
* :mod:`~angels_share.comparison.summing`: two logs paired chunk by chunk, and why they must not be compared
* :mod:`~angels_share.comparison.aggregation`: from sums over items to the value that lm-eval prints
* :mod:`~angels_share.comparison.mcnemar`: the test of flips, for clusters too
* :mod:`~angels_share.comparison.metrics`: one metric of two models
* :mod:`~angels_share.comparison.measuring`: one task
* :mod:`~angels_share.comparison.grouping`: one group of tasks
* :mod:`~angels_share.comparison.running`: two run folders
"""

from angels_share.comparison.model import Comparison, GroupComparison, Metric, TaskComparison
from angels_share.comparison.running import EPSILON, compare_runs

__all__ = ["EPSILON", "Comparison", "GroupComparison", "Metric", "TaskComparison", "compare_runs"]
