"""End-to-end latency, without clocks or I/O: the ledger of pixel probes and the composite estimate.

Times named `now` are seconds of one monotonic clock; events carry Unix time in milliseconds.
"""

from __future__ import annotations

import math
import time
from bisect import bisect
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal, TypeAlias

import av

from realtime_fast._native import ProbeLedger
from realtime_fast.events import (
    CompositeLatency,
    ControlChannelLatency,
    PixelLatency,
    PixelLatencyEvent,
    PixelLatencyReport,
)
from realtime_fast.marker import HEIGHT, WIDTH, Reading, read

__all__ = [
    "PROBE_TIMEOUT",
    "REPORT_INTERVAL",
    "LatencyFigures",
    "LatencySnapshot",
    "Legs",
    "PixelProbes",
    "ProbeCounts",
    "composite_latency",
]

PROBE_TIMEOUT: Final = 60.0
"""Seconds after which a probe counts as lost; some pipelines take 20 s."""

REPORT_INTERVAL: Final = 5.0
"""Seconds between two reports."""

ProbeMethod: TypeAlias = Literal["end_to_end", "control_channel"]
"""What a probe's way is: through the whole pipeline, or to the service's output and back only."""

Legs: TypeAlias = Literal["one", "two"]
"""Whether both ends measure the same network path, or one each (through an SFU)."""

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
class LatencySnapshot:
    """What is known about latency now (docs/latency.md).

    Attributes:
        method: What the probes measure. `control_channel` leaves the pipeline out, and is no end-to-end latency.
        latest_ms: The newest measurement, None before the first.
        window: The last `REPORT_INTERVAL` seconds.
        session: The whole session, reconnects included; percentiles to half a millisecond.
        probes: The probes of the whole session.
        composite: The newest estimate, None before the first.
    """

    method: ProbeMethod
    latest_ms: float | None
    window: LatencyFigures
    session: LatencyFigures
    probes: ProbeCounts
    composite: CompositeLatency | None = None


COARSE = 0.001
"""Seconds that a clock may step by: latencies are a few of them."""


def finest_clock(resolution: float) -> Callable[[], float]:
    """The clock to time probes by where `time.monotonic` steps by so many seconds, on Windows by up to 15.6 ms."""
    return time.perf_counter if resolution > COARSE else time.monotonic


clock: Final = finest_clock(time.get_clock_info("monotonic").resolution)
"""The clock of probes in this process."""


class PixelProbes:
    """Follows every marker to its one outcome: ok, ok_reordered, corrupted or lost (docs/latency.md).

    `stamp` returns the number for the next marked frame, `observe` takes a reading, `tick` expires probes, `report`
    closes a window of `REPORT_INTERVAL`. Each takes constant time for any number of probes in flight (at most 32768),
    as does `read`.

    Args:
        epoch: Unix time in seconds at which `now` is 0; by default that of `clock`.
        timeout: Seconds after which a probe is lost.
        method: What the latencies are of.
        cell: The side of a marker's cells in pixels where it is stamped, 1 to 16.
    """

    def __init__(
        self,
        *,
        epoch: float | None = None,
        timeout: float = PROBE_TIMEOUT,
        method: ProbeMethod = "end_to_end",
        cell: int = 1,
    ) -> None:
        self.cell: Final = cell
        self._epoch = time.time() - clock() if epoch is None else epoch
        self._ledger = ProbeLedger(timeout)
        self._method: ProbeMethod = method
        self._given_way: list[int] = []
        self._counts: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()
        self._window: deque[float] = deque(maxlen=_MAX_WINDOW)
        self._recent: deque[tuple[float, float]] = deque(maxlen=_MAX_WINDOW)
        self._session = _Histogram()
        self._latest: float | None = None

    @property
    def in_flight(self) -> ProbeLedger:
        """The numbers in flight, as `marker.read(..., in_flight=...)` takes them."""
        return self._ledger

    @property
    def pending(self) -> int:
        """How many probes are in flight."""
        return len(self._ledger)

    def stamp(self, now: float) -> int:
        """The number for a frame that is stamped at `now`."""
        seq, given_way = self._ledger.stamp(now)
        if given_way is not None:
            self._given_way.append(given_way)
            self._counts["lost"] += 1
        self._counts["sent"] += 1
        return seq

    def read(
        self,
        frame: av.VideoFrame,
        now: float,
        stamped_size: tuple[int, int] | None = None,
        *,
        reader: Literal["soft", "hard"] = "soft",
    ) -> Reading:
        """Read a frame's marker; pass the reading to `observe`.

        Call it once for every received frame, in order: even an unreadable frame says something about latency, and so
        about the number to expect next.

        Args:
            frame: The received frame.
            now: When it arrived.
            stamped_size: Width and height at the stamper; by default the usual scales are tried.
            reader: `soft` is for pictures that were encoded or scaled; `hard` is the reference reader, which takes
                each picture at its word.
        """
        if reader == "hard":
            room = frame.width >= WIDTH * self.cell and frame.height >= HEIGHT * self.cell
            return read(frame, cell=self.cell) if room else None
        return read(frame, "soft", in_flight=self._ledger, now=now, stamped_size=stamped_size, cell=self.cell)

    def observe(self, reading: Reading, now: float) -> list[PixelLatencyEvent]:
        """The outcomes that are known by what was read at `now`, in order.

        Numbers that are not in flight (foreign, late, read before) and corrupted markers while nothing is in flight
        give none. A number from `read` that contradicts what is known about latency gives none until the next picture
        has confirmed it, which then gives two.
        """
        return [self._ended(at, arrival) for at, arrival in self._ledger.observe(reading, now)]

    def _ended(self, at: float, arrival: tuple[int, float, bool] | None) -> PixelLatencyEvent:
        if arrival is None:
            self._counts["corrupted"] += 1
            return PixelLatencyEvent("corrupted", None, None, self._timestamp(at))
        seq, latency, reordered = arrival
        self._latest = latency_ms = latency * 1000.0
        self._counts["received"] += 1
        self._counts["out_of_order"] += reordered
        self._window.append(latency_ms)
        self._recent.append((at, latency_ms))
        self._session.add(latency_ms)
        status: Final = "ok_reordered" if reordered else "ok"
        timestamp = self._timestamp(at)
        if self._method == "control_channel":
            return PixelLatencyEvent(status, seq, None, timestamp, control_channel_ms=latency_ms)
        return PixelLatencyEvent(status, seq, latency_ms, timestamp)

    def tick(self, now: float) -> list[PixelLatencyEvent]:
        """An event for each probe lost since the last call."""
        timed_out = self._ledger.lost(now)
        self._counts["lost"] += len(timed_out)
        lost, self._given_way = self._given_way + timed_out, []
        return [PixelLatencyEvent("lost", seq, None, self._timestamp(now)) for seq in lost]

    def report(self, now: float) -> PixelLatencyReport:
        """Counts and percentiles since the last report; begins the next window.

        The delivery rate is that of the probes that ended in the window, 0 if none did.
        """
        counts = ProbeCounts(pending=self.pending, **(self._counts - self._reported))
        self._reported = self._counts.copy()
        figures = _figures(self._window)
        self._window.clear()
        return PixelLatencyReport(
            sent=counts.sent,
            received=counts.received,
            lost=counts.lost,
            corrupted=counts.corrupted,
            out_of_order=counts.out_of_order,
            delivery_rate=counts.delivery_rate,
            pending=counts.pending,
            timestamp=self._timestamp(now),
            p50_ms=figures.p50_ms,
            p95_ms=figures.p95_ms,
            p99_ms=figures.p99_ms,
            max_ms=figures.max_ms,
            avg_ms=figures.avg_ms,
            dropped=counts.dropped,
            method=self._method,
        )

    def snapshot(self, now: float, composite: CompositeLatency | None = None) -> LatencySnapshot:
        """What is known at `now`; changes nothing."""
        window = [latency for at, latency in self._recent if now - at < REPORT_INTERVAL]
        return LatencySnapshot(
            method=self._method,
            latest_ms=self._latest,
            window=_figures(window),
            session=self._session.figures(),
            probes=ProbeCounts(pending=self.pending, **self._counts),
            composite=composite,
        )

    def drop_in_flight(self) -> None:
        """End the probes in flight as dropped, not lost: their connection is gone."""
        self._counts["dropped"] += self._ledger.drop_in_flight()

    def _timestamp(self, now: float) -> float:
        return (self._epoch + now) * 1000.0


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


def measurement(event: PixelLatencyEvent) -> PixelLatency | ControlChannelLatency | None:
    """The latency that an outcome measured; None if it measured none."""
    if event.seq is None:
        return None
    if event.e2e_latency_ms is not None:
        return PixelLatency(event.seq, event.e2e_latency_ms, event.timestamp)
    if event.control_channel_ms is not None:
        return ControlChannelLatency(event.seq, event.control_channel_ms, event.timestamp)
    return None


def composite_latency(
    client_rtt_s: float | None, server_rtt_ms: float | None, pipeline_ms: float | None, legs: Legs = "two"
) -> CompositeLatency:
    """The sum of the network's round trips and the pipeline latency; unknown ones count as 0.

    Args:
        client_rtt_s: `connection.current_round_trip_time` of the latest sample, in seconds.
        server_rtt_ms: `rtt_ms` of a `metrics_report`.
        pipeline_ms: `pipeline_latency_ms` of the same report.
        legs: `two` where each end measures its own way to an SFU: both are added. `one` where both measure the same
            path: it counts once, as the client measures it, or else as the service does.
    """
    client, server = (client_rtt_s or 0.0) * 1000.0, server_rtt_ms or 0.0
    if legs == "one":
        network, is_known = client or server, bool(client or server)
    else:
        network, is_known = client + server, bool(client and server)
    return CompositeLatency(
        client_proxy_rtt_ms=client,
        server_proxy_rtt_ms=server,
        pipeline_latency_ms=pipeline_ms or 0.0,
        composite_e2e_ms=network + (pipeline_ms or 0.0),
        lower_bound=not is_known or pipeline_ms is None,
        legs=legs,
    )


def _figures(latencies: Iterable[float]) -> LatencyFigures:
    ordered = sorted(latencies)
    if not ordered:
        return LatencyFigures()
    p50, p95, p99 = (ordered[_rank(share, len(ordered))] for share in (0.50, 0.95, 0.99))
    return LatencyFigures(len(ordered), p50, p95, p99, ordered[-1], math.fsum(ordered) / len(ordered))


def _rank(share: float, count: int) -> int:
    """Place of the smallest value that at least `share` of `count` do not exceed (nearest rank)."""
    return max(0, math.ceil(share * count) - 1)
