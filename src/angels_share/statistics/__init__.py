"""Displayed statistics of a task, one module a row of loss and one for second stages.

Importing this package registers all of them.
"""

from angels_share.statistics import (
    boundary,
    calibration,
    distribution,
    privacy,
    process,
    representation,
    second_stage,
)
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
    "second_stage",
    "shown",
    "weighted_mean",
]
