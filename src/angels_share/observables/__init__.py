"""What is observed of a model on an item, and how good it is: observables φ and utilities u, one module a kind.

Importing this package registers all of them.
"""

from angels_share.observables import (
    budget,
    calibration,
    categorical,
    code,
    diversity,
    grounding,
    privacy,
    process,
    relations,
    safety,
    sequences,
    stock,
    tail,
    tools,
)
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
    "budget",
    "calibration",
    "categorical",
    "code",
    "diversity",
    "get_utility",
    "grounding",
    "observe",
    "privacy",
    "process",
    "relations",
    "safety",
    "sequences",
    "stock",
    "tail",
    "tools",
]
