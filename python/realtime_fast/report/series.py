"""A figure over time in bounded memory, however long a run is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LIMIT = 1200
"""Buckets of a series: more than a chart has room for."""

FINEST = 0.25
"""Seconds a bucket lasts at the least."""

Floats = NDArray[np.float64]


class Curve(NamedTuple):
    """A series to draw: the middle of each bucket in seconds, and what was in it. Empty buckets are left out."""

    time: Floats
    low: Floats
    mean: Floats
    high: Floats
    counts: Floats


class Series:
    """Keeps least, mean and greatest value of equal spans of time; the spans double when there are too many.

    One pass over the data, in memory that does not grow: a year of samples opens like a minute of them.
    """

    def __init__(self) -> None:
        self.last: float | None = None
        self._span = FINEST
        self._count = np.zeros(LIMIT)
        self._sum = np.zeros(LIMIT)
        self._low = np.full(LIMIT, np.inf)
        self._high = np.full(LIMIT, -np.inf)

    def add(self, time: float, value: float) -> None:
        """Add a value at `time` seconds; a time before 0 counts as 0."""
        at = max(0, int(time / self._span))
        while at >= LIMIT:
            self._widen()
            at //= 2
        self._count[at] += 1
        self._sum[at] += value
        self._low[at] = min(self._low[at], value)
        self._high[at] = max(self._high[at], value)
        self.last = value

    @property
    def count(self) -> int:
        """How many values were added."""
        return int(self._count.sum())

    @property
    def mean(self) -> float | None:
        """The mean of all values, None if there are none."""
        return float(self._sum.sum()) / self.count if self.count else None

    @property
    def highest(self) -> float | None:
        """The greatest value, None if there are none."""
        return float(self._high.max()) if self.count else None

    @property
    def curve(self) -> Curve:
        """What there is to draw."""
        used = self._count > 0
        count = self._count[used]
        middle = np.asarray((np.flatnonzero(used) + 0.5) * self._span, dtype=np.float64)
        return Curve(middle, self._low[used], self._sum[used] / count, self._high[used], count)

    def _widen(self) -> None:
        """Make each bucket last twice as long."""
        half = LIMIT // 2
        for array, join, empty in (
            (self._count, np.add, 0.0),
            (self._sum, np.add, 0.0),
            (self._low, np.minimum, np.inf),
            (self._high, np.maximum, -np.inf),
        ):
            array[:half] = join(array[0::2], array[1::2])
            array[half:] = empty
        self._span *= 2
