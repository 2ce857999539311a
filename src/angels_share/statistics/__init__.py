"""Displayed statistics of a task, one module a row of loss and one for second stages.

Importing this package registers all of them.
"""

from angels_share.statistics import (
    applied,
    boundary,
    calibration,
    code,
    distribution,
    diversity,
    grounding,
    privacy,
    process,
    representation,
    safety,
    second_stage,
    tail,
    tools,
)
from angels_share.statistics.registry import Shown, Statistic, get, shown, weighted_mean

__all__ = [
    "Shown",
    "Statistic",
    "applied",
    "boundary",
    "calibration",
    "code",
    "distribution",
    "diversity",
    "get",
    "grounding",
    "privacy",
    "process",
    "representation",
    "safety",
    "second_stage",
    "shown",
    "tail",
    "tools",
    "weighted_mean",
]
