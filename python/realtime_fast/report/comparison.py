"""Two runs side by side: differences, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_fast.report.run import ENOUGH, NEAREST_RANK, Run

RESAMPLES = 1000
BLOCKS = 40
"""Blocks that a run is cut into. Neighbouring pictures share their fate, so that single ones would make differences
look surer than they are; blocks are long enough to be independent of each other (moving block bootstrap, Künsch 1989).
"""
MOST_VALUES = 4000
"""Values of a run that are resampled; more are thinned out evenly."""
SEED = 20_250_101

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of two runs.

    Attributes:
        name: What it is, with its unit.
        first: Of the first run, None if unknown.
        second: Of the second run, None if unknown.
        interval: 95 % confidence interval of second - first; None where a run has too few values.
    """

    name: str
    first: float | None
    second: float | None
    interval: tuple[float, float] | None = None

    @property
    def change(self) -> float | None:
        """Second - first."""
        return None if self.first is None or self.second is None else self.second - self.first

    @property
    def sure(self) -> bool:
        """Whether the interval leaves no room for “no difference”."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def compare(first: Run, second: Run) -> list[Difference]:
    """The figures of two runs, and their differences."""
    differences = []
    latencies = (first.probes.array, second.probes.array)
    for name, least in ENOUGH.items():
        differences.append(
            _difference(f"latency {name}, ms", *latencies, _percentile(float(name[1:])), least=least)
        )
    differences.append(_difference("latency mean, ms", *latencies, _mean, least=2))
    for name, key in (
        ("frames sent a second", "fps_sent"),
        ("frames received a second", "fps_received"),
        ("kbit/s sent", "kbps_sent"),
        ("kbit/s received", "kbps_received"),
        ("round trip, ms", "rtt_ms"),
    ):
        one, other = (run.series[key].curve.mean for run in (first, second))
        differences.append(_difference(name, one, other, _mean, least=2))
    for name, of in _COUNTS.items():
        differences.append(Difference(name, of(first), of(second)))
    return [one for one in differences if one.first is not None or one.second is not None]


def confidence(first: Floats, second: Floats, figure: Callable[[Floats], Floats]) -> tuple[float, float]:
    """95 % confidence interval of figure(second) - figure(first), by resampling blocks of each.

    Args:
        first: The values of one run, in their order.
        second: Those of the other.
        figure: Of values along the last axis.
    """
    dice = np.random.default_rng(SEED)
    spread = _resampled(second, figure, dice) - _resampled(first, figure, dice)
    low, high = np.percentile(spread, (2.5, 97.5))
    return float(low), float(high)


def _difference(
    name: str, first: Floats, second: Floats, figure: Callable[[Floats], Floats], *, least: int
) -> Difference:
    one, other = (float(figure(values)) if len(values) >= least else None for values in (first, second))
    enough = min(len(first), len(second)) >= max(least, BLOCKS // 2)
    return Difference(name, one, other, confidence(first, second, figure) if enough else None)


def _resampled(values: Floats, figure: Callable[[Floats], Floats], dice: np.random.Generator) -> Floats:
    values = values[:: -(-len(values) // MOST_VALUES)]
    block = max(1, len(values) // BLOCKS)
    starts = dice.integers(0, len(values) - block + 1, (RESAMPLES, -(-len(values) // block)))
    drawn = values[(starts[..., None] + np.arange(block)).reshape(RESAMPLES, -1)]
    return figure(drawn)


def _percentile(share: float) -> Callable[[Floats], Floats]:
    return lambda values: np.asarray(np.percentile(values, share, axis=-1, method=NEAREST_RANK))


def _mean(values: Floats) -> Floats:
    return np.asarray(values.mean(axis=-1))


def _share_lost(run: Run) -> float | None:
    ended = sum(run.markers[name] for name in ("received", "lost", "corrupted"))
    return 100 * (run.markers["lost"] + run.markers["corrupted"]) / ended if ended else None


_COUNTS: dict[str, Callable[[Run], float | None]] = {
    "marked pictures lost or corrupted, %": _share_lost,
    "first picture, ms": lambda run: run.first_frame_ms,
    "stalls": lambda run: float(len(run.stalls)),
    "reconnects": lambda run: float(len(run.reconnects)),
    "errors": lambda run: float(len(run.errors)),
}
