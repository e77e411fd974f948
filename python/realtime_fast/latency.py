"""End-to-end latency, without clocks or I/O: the ledger of pixel probes and the composite estimate.

Times named `now` are seconds of one monotonic clock; events carry Unix time in milliseconds.
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Final

import av

from realtime_fast._native import ProbeLedger
from realtime_fast.events import (
    CompositeLatency,
    PixelLatency,
    PixelLatencyEvent,
    PixelLatencyReport,
)
from realtime_fast.marker import CORRUPTED, Reading, read

__all__ = ["PROBE_TIMEOUT", "REPORT_INTERVAL", "PixelProbes", "composite_latency"]

PROBE_TIMEOUT: Final = 60.0
"""Seconds after which a probe counts as lost; some pipelines take 20 s."""

REPORT_INTERVAL: Final = 5.0
"""Seconds between two reports."""

_MAX_WINDOW: Final = 10_000
"""Latencies kept for one report, the newest ones; bounds memory if no report is requested."""


class PixelProbes:
    """Follows every marker to its one outcome: ok, ok_reordered, corrupted or lost (docs/latency.md).

    `stamp` returns the number for the next marked frame, `observe` takes a reading, `tick` expires probes, `report`
    closes a window of `REPORT_INTERVAL`. Each takes constant time for any number of probes in flight (at most 32768);
    `read` tries each of them, which takes about 0.1 ms for 600.

    Args:
        epoch: Unix time in seconds at which `now` is 0; by default that of `time.monotonic`.
        timeout: Seconds after which a probe is lost.
        cell: The side of a marker's cells in pixels where it is stamped, 1 to 16.
    """

    def __init__(self, *, epoch: float | None = None, timeout: float = PROBE_TIMEOUT, cell: int = 1) -> None:
        self.cell: Final = cell
        self._epoch = time.time() - time.monotonic() if epoch is None else epoch
        self._ledger = ProbeLedger(timeout)
        self._given_way: list[int] = []
        self._begin_window()

    def _begin_window(self) -> None:
        self._sent = self._received = self._lost = self._corrupted = self._reordered = 0
        self._latencies: deque[float] = deque(maxlen=_MAX_WINDOW)

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
        self._sent += 1
        return seq

    def read(self, frame: av.VideoFrame, now: float, stamped_size: tuple[int, int] | None = None) -> Reading:
        """Read a frame's marker with the soft reader; pass the reading to `observe`.

        Call it once for every received frame, in order: even an unreadable frame says something about latency, and so
        about the number to expect next.

        Args:
            frame: The received frame.
            now: When it arrived.
            stamped_size: Width and height at the stamper; by default the usual scales are tried.
        """
        return read(frame, "soft", in_flight=self._ledger, now=now, stamped_size=stamped_size, cell=self.cell)

    def observe(self, reading: Reading, now: float) -> PixelLatencyEvent | None:
        """The event for a reading at `now`; None if it says nothing new.

        Numbers that are not in flight (foreign, late, read before) and corrupted markers while nothing is
        in flight are ignored.
        """
        if reading is None:
            return None
        if reading == CORRUPTED:
            if not self._ledger.corrupt(now):
                return None
            self._corrupted += 1
            return PixelLatencyEvent("corrupted", None, None, self._timestamp(now))
        arrival = self._ledger.arrive(reading, now)
        if arrival is None:
            return None
        latency, reordered = arrival
        latency_ms = latency * 1000.0
        self._received += 1
        self._reordered += reordered
        self._latencies.append(latency_ms)
        status: Final = "ok_reordered" if reordered else "ok"
        return PixelLatencyEvent(status, reading, latency_ms, self._timestamp(now))

    def tick(self, now: float) -> list[PixelLatencyEvent]:
        """An event for each probe lost since the last call.

        A corrupted marker ends one probe without saying which, so one of those in flight at that time ends without
        an event of its own.
        """
        lost, self._given_way = self._given_way + self._ledger.lost(now), []
        self._lost += len(lost)
        return [PixelLatencyEvent("lost", seq, None, self._timestamp(now)) for seq in lost]

    def report(self, now: float) -> PixelLatencyReport:
        """Counts and percentiles since the last report; begins the next window.

        The delivery rate is that of the probes that ended in the window, 0 if none did.
        """
        ended = self._received + self._lost + self._corrupted
        latencies = sorted(self._latencies)
        report = PixelLatencyReport(
            sent=self._sent,
            received=self._received,
            lost=self._lost,
            corrupted=self._corrupted,
            out_of_order=self._reordered,
            delivery_rate=self._received / ended if ended else 0.0,
            pending=self.pending,
            timestamp=self._timestamp(now),
            p50_ms=_percentile(latencies, 0.50),
            p95_ms=_percentile(latencies, 0.95),
            p99_ms=_percentile(latencies, 0.99),
            max_ms=latencies[-1] if latencies else None,
            avg_ms=math.fsum(latencies) / len(latencies) if latencies else None,
        )
        self._begin_window()
        return report

    def drop_in_flight(self) -> None:
        """Forget the probes in flight without counting them as lost: their connection is gone."""
        self._ledger.drop_in_flight()
        self._given_way.clear()

    def _timestamp(self, now: float) -> float:
        return (self._epoch + now) * 1000.0


def measurement(event: PixelLatencyEvent) -> PixelLatency | None:
    """The latency that an outcome measured; None if it measured none."""
    if event.seq is None or event.e2e_latency_ms is None:
        return None
    return PixelLatency(event.seq, event.e2e_latency_ms, event.timestamp)


def composite_latency(
    client_rtt_s: float | None, server_rtt_ms: float | None, pipeline_ms: float | None
) -> CompositeLatency:
    """The sum of the client's round trip, the server's, and the pipeline latency; unknown ones count as 0.

    Args:
        client_rtt_s: `connection.current_round_trip_time` of the latest sample, in seconds; None while
            unknown, and then the estimate is a lower bound.
        server_rtt_ms: `rtt_ms` of a `metrics_report`.
        pipeline_ms: `pipeline_latency_ms` of the same report.
    """
    client = (client_rtt_s or 0.0) * 1000.0
    server, pipeline = server_rtt_ms or 0.0, pipeline_ms or 0.0
    return CompositeLatency(
        client_proxy_rtt_ms=client,
        server_proxy_rtt_ms=server,
        pipeline_latency_ms=pipeline,
        composite_e2e_ms=client + server + pipeline,
        lower_bound=not client_rtt_s,
    )


def _percentile(ordered: list[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
