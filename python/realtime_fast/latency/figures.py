"""Latencies and counts as figures: of the last seconds, of a session, and what became of the pictures."""

from __future__ import annotations

import math
import time
from bisect import bisect
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal, TypeAlias

from realtime_fast.events import CompositeLatency

PROBE_TIMEOUT: Final = 60.0
"""Seconds after which a probe counts as lost; some pipelines take 20 s."""

REPORT_INTERVAL: Final = 5.0
"""Seconds between two reports."""

ProbeMethod: TypeAlias = Literal["end_to_end", "control_channel"]
"""What a probe's way is: through the whole pipeline, or to the service's output and back only."""

_MAX_WINDOW: Final = 10_000
"""Latencies kept for one report, the newest ones; bounds memory if no report is requested."""

_RESOLUTION_MS: Final = 0.5
"""To how much the percentiles of a session are exact."""


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """Latencies of some span, in milliseconds (nearest rank); None if there are none.

    Attributes:
        count: How many were measured.
        p50_ms: The median.
        p95_ms: The 95th percentile.
        p99_ms: The 99th percentile.
        max_ms: The largest.
        avg_ms: The mean.
    """

    count: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    avg_ms: float | None = None


@dataclass(frozen=True, slots=True)
class ProbeCounts:
    """What became of the probes: `sent` is always the sum of the outcomes and of those `pending`.

    Attributes:
        sent: Numbers that were stamped or requested.
        received: Those that came back.
        lost: Those that had not come back after `PROBE_TIMEOUT`.
        corrupted: Those that came back illegible, or contradicting all that is known about latency.
        dropped: Those in flight when their connection ended.
        pending: Those in flight.
        out_of_order: Those of the received that came after a later one.
    """

    sent: int = 0
    received: int = 0
    lost: int = 0
    corrupted: int = 0
    dropped: int = 0
    pending: int = 0
    out_of_order: int = 0

    @property
    def delivery_rate(self) -> float:
        """Share of the probes that ended in a picture or by time and came back; 0 if none ended."""
        ended = self.received + self.lost + self.corrupted
        return self.received / ended if ended else 0.0


@dataclass(frozen=True, slots=True)
class FrameTimingSnapshot:
    """What the stamps of encoded pictures say about latency now (docs/latency.md, Frame timing).

    Attributes:
        latest_ms: The newest measurement, None before the first.
        window: The last `REPORT_INTERVAL` seconds.
        session: The whole session, reconnects included; percentiles to half a millisecond.
        frames: What became of the stamped pictures of the whole session; none were sent where the far side has not said
            that it takes stamps off.
    """

    latest_ms: float | None
    window: LatencyFigures
    session: LatencyFigures
    frames: ProbeCounts


@dataclass(frozen=True, slots=True)
class LatencySnapshot:
    """What is known about latency now (docs/latency.md).

    Attributes:
        method: What the probes measure. `control_channel` leaves the pipeline out, and is no end-to-end latency.
        latest_ms: The newest measurement, None before the first.
        window: The last `REPORT_INTERVAL` seconds.
        session: The whole session, reconnects included; percentiles to half a millisecond.
        probes: The probes of the whole session.
        composite: The newest estimate, None before the first.
        frame_timing: What the stamps of encoded pictures say, None without `LatencyTracking(frame_timing=True)`.
    """

    method: ProbeMethod
    latest_ms: float | None
    window: LatencyFigures
    session: LatencyFigures
    probes: ProbeCounts
    composite: CompositeLatency | None = None
    frame_timing: FrameTimingSnapshot | None = None


COARSE = 0.001
"""Seconds that a clock may step by: latencies are a few of them."""


def finest_clock(resolution: float) -> Callable[[], float]:
    """The clock to time probes by where `time.monotonic` steps by so many seconds, on Windows by up to 15.6 ms."""
    return time.perf_counter if resolution > COARSE else time.monotonic


clock: Final = finest_clock(time.get_clock_info("monotonic").resolution)
"""The clock of probes in this process."""


class Latencies:
    """What one method has measured: since the last report, within the last seconds, and in all.

    Attributes:
        latest_ms: The newest measurement, None before the first.
    """

    def __init__(self) -> None:
        self.latest_ms: float | None = None
        self._window: deque[float] = deque(maxlen=_MAX_WINDOW)
        self._recent: deque[tuple[float, float]] = deque(maxlen=_MAX_WINDOW)
        self._session = _Histogram()

    def add(self, at: float, latency_ms: float) -> None:
        """A latency was measured at that time."""
        self.latest_ms = latency_ms
        self._window.append(latency_ms)
        self._recent.append((at, latency_ms))
        while at - self._recent[0][0] >= REPORT_INTERVAL:
            self._recent.popleft()
        self._session.add(latency_ms)

    def report(self) -> LatencyFigures:
        """Those since the last report; begins the next window."""
        figures = _figures(self._window)
        self._window.clear()
        return figures

    def recent(self, now: float) -> LatencyFigures:
        """Those of the last `REPORT_INTERVAL`."""
        return _figures(latency for at, latency in self._recent if now - at < REPORT_INTERVAL)

    def all(self) -> LatencyFigures:
        """Those of the session."""
        return self._session.figures()


class _Histogram:
    """Latencies of any length of time in bounded memory: counts by steps of `_RESOLUTION_MS`."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._sum = self._max = 0.0

    def add(self, latency_ms: float) -> None:
        self._counts[round(latency_ms / _RESOLUTION_MS)] += 1
        self._sum += latency_ms
        self._max = max(self._max, latency_ms)

    def figures(self) -> LatencyFigures:
        count = self._counts.total()
        if not count:
            return LatencyFigures()
        steps = sorted(self._counts)
        ends = list(accumulate(self._counts[step] for step in steps))
        p50, p95, p99 = (
            min(steps[bisect(ends, _rank(share, count))] * _RESOLUTION_MS, self._max)
            for share in (0.50, 0.95, 0.99)
        )
        return LatencyFigures(count, p50, p95, p99, self._max, self._sum / count)


def _figures(latencies: Iterable[float]) -> LatencyFigures:
    ordered = sorted(latencies)
    if not ordered:
        return LatencyFigures()
    p50, p95, p99 = (ordered[_rank(share, len(ordered))] for share in (0.50, 0.95, 0.99))
    return LatencyFigures(len(ordered), p50, p95, p99, ordered[-1], math.fsum(ordered) / len(ordered))


def _rank(share: float, count: int) -> int:
    """Place of the smallest value that at least `share` of `count` do not exceed (nearest rank)."""
    return max(0, math.ceil(share * count) - 1)
