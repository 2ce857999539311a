"""Displayed statistics of a task, one module a row of loss. Importing this package registers all of them."""

from angels_share.statistics import boundary, calibration, distribution, privacy, process, representation
from angels_share.statistics.registry import Shown, Statistic, get, shown, weighted_mean

__all__ = [
    "Shown",
    "Statistic",
    "boundary",
    "calibration",
    "distribution",
    "get",
    "privacy",
    "process",
    "representation",
    "shown",
    "weighted_mean",
]
