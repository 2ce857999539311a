"""McNemar's test of paired right and wrong answers, for clustered items too."""

from __future__ import annotations

from collections import Counter
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]


def p_mcnemar_clustered(balances: Counter[int]) -> float:
    """Mid-p of McNemar's test where whole clusters are independent, not items.

    Were the models alike, they could be swapped in any cluster, so that each cluster's difference ``D_g = lost_g −
    gained_g`` would be as likely as its opposite. The test statistic is ``|Σ_g D_g|``, and its distribution over all
    2^G swaps is computed whole, not sampled. Where a cluster is one item this is the exact McNemar test in its mid-p
    form (Fagerland, Lydersen and Laake 2013, doi 10.1186/1471-2288-13-91).

    Parameters
    ----------
    balances : Counter
        How many clusters lost so many more items than they gained.

    Returns
    -------
    float
        In (0, 1]; 1 where nothing changed on balance.

    Examples
    --------
    >>> round(p_mcnemar_clustered(Counter({1: 5})), 6)
    0.03125
    >>> round(p_mcnemar_clustered(Counter([3, 1, 0])), 6)  # sums 4, 2, -2, -4: P(|S| = 4) is a half
    0.25
    """
    seen = abs(sum(balance * count for balance, count in balances.items()))
    if seen == 0:
        return 1.0
    sizes: Counter[int] = Counter()
    for balance, count in balances.items():
        sizes[abs(balance)] += count
    laws = []
    for size, count in sorted(sizes.items()):
        if size == 0 or count == 0:
            continue
        steps = np.zeros(2 * size * count + 1)
        steps[:: 2 * size] = _fair(count)
        laws.append(steps)
    mass = reduce(_convolved, laws)
    reached = np.abs(np.arange(len(mass)) - len(mass) // 2)
    p = mass[reached > seen].sum() + mass[reached == seen].sum() / 2
    return float(np.clip(p, 0.0, 1.0))


def _fair(n: int) -> Floats:
    """Return the probability of each number of heads in n tosses of a fair coin."""
    k = np.arange(n + 1)
    mass: Floats = np.exp(-special.betaln(k + 1, n - k + 1) - np.log(n + 1) - n * np.log(2))
    return mass


def _convolved(first: Floats, second: Floats) -> Floats:
    """Return the law of a sum; SciPy's signal processing takes long to import, and only clusters need it."""
    from scipy.signal import convolve

    law: Floats = convolve(first, second)
    return law
