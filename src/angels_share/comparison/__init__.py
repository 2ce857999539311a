"""Two runs of any lm-eval tasks, compared item by item: useful for every compressed, tuned or quantised model.

The parts:

* :mod:`~angels_share.comparison.reading`: any task's log in columns
* :mod:`~angels_share.comparison.model`: what is reported
* :mod:`~angels_share.comparison.measuring`: the comparison
"""

from angels_share.comparison.measuring import EPSILON, compare_runs
from angels_share.comparison.model import Comparison

__all__ = ["EPSILON", "Comparison", "compare_runs"]
