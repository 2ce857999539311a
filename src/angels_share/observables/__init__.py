"""What is observed of a model on an item, and how good it is: observables φ and utilities u, one module a kind.

Importing this package registers all of them.
"""

from angels_share.observables import calibration, categorical, privacy, process, relations, sequences
from angels_share.observables.registry import (
    INVALID,
    Floats,
    Items,
    Observation,
    Texts,
    Utility,
    aligned,
    get_utility,
    observe,
)

__all__ = [
    "INVALID",
    "Floats",
    "Items",
    "Observation",
    "Texts",
    "Utility",
    "aligned",
    "calibration",
    "categorical",
    "get_utility",
    "observe",
    "privacy",
    "process",
    "relations",
    "sequences",
]
