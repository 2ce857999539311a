"""Resampled clusters of items, of which only sums are kept.

Clusters are resampled, or blocks of clusters where there are many. So a mean over items is a ratio of means over at
most 4 000 clusters or blocks, and needs no more of the items than their sums in each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from angels_share.comparison.spooling import array
from angels_share.estimate import BLOCKS, MOST_CLUSTERS, Draws, Resampling, blocks, resampling

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
"""Number of each item's cluster or block."""


@dataclass(frozen=True)
class Sample:
    """Resampled clusters or blocks of items."""

    scheme: Resampling
    """Of the clusters, each of which stands for one item."""
    sizes: Floats
    """Number of items in each."""

    def mean(self, sums: Floats, extremes: tuple[float, float] | None = None) -> Draws:
        """Return the mean over items, of which these are the sums, as :meth:`Resampling.mean` would of the items."""
        if extremes is None:
            found = self.scheme.mean(sums) / self._size
        else:
            least, greatest = (extreme * self.sizes.mean() for extreme in extremes)
            found = self.scheme.mean(sums, (least, greatest)) / self._size_with_prior
        return replace(found, point=float(sums.sum() / self.sizes.sum()))

    @cached_property
    def _size(self) -> Draws:
        return self.scheme.mean(self.sizes)

    @cached_property
    def _size_with_prior(self) -> Draws:
        return self.scheme.mean(self.sizes, (self.sizes.mean(), self.sizes.mean()))


class Clusters:
    """Clusters in the order in which they appear, or blocks of them where there are more than 4 000."""

    def __init__(self, number: int) -> None:
        self._blocked = number > MOST_CLUSTERS
        self._numbers: dict[str, int] = {}
        self.width = BLOCKS if self._blocked else number
        self.sizes = np.zeros(self.width)

    def places(self, names: pa.ChunkedArray) -> Places:
        """Return the number of each item's cluster or block, and count the items."""
        found = names.combine_chunks().dictionary_encode()
        distinct = found.dictionary.to_pylist()
        if self._blocked:
            numbers = blocks(distinct)
        else:
            numbers = np.array([self._numbers.setdefault(name, len(self._numbers)) for name in distinct])
        places: Places = numbers[array(found.indices)]
        self.sizes += np.bincount(places, minlength=self.width)
        return places

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Which have items."""
        return self.sizes > 0

    def sample(self, digest: str, resamples: int) -> Sample:
        """Return the resampling that :func:`resampling` would return of the items, of those that have items."""
        names = [f"{k:04}" for k in np.flatnonzero(self.filled)] if self._blocked else list(self._numbers)
        return Sample(resampling(names, digest, resamples), self.sizes[self.filled])
