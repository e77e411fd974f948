"""The ledger of pixel probes.

Times named `now` are seconds of one monotonic clock; events carry Unix time in milliseconds.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Final, Literal

import av

from realtime_fast._native import ProbeLedger
from realtime_fast.events import ControlChannelLatency, PixelLatency, PixelLatencyEvent, PixelLatencyReport
from realtime_fast.latency.figures import (
    PROBE_TIMEOUT,
    Latencies,
    LatencySnapshot,
    ProbeCounts,
    ProbeMethod,
    clock,
)
from realtime_fast.marker import HEIGHT, WIDTH, Reading, read


class PixelProbes:
    """Follows every marker to its one outcome: ok, ok_reordered, corrupted or lost (docs/latency.md).

    `stamp` returns the number for the next marked frame, `observe` takes a reading, `tick` expires probes, `report`
    closes a window of `REPORT_INTERVAL`. Each takes constant time for any number of probes in flight (at most 32768),
    as does `read`.

    Args:
        epoch: Unix time in seconds at which `now` is 0; by default that of `clock`.
        timeout: Seconds after which a probe is lost.
        method: What the latencies are of.
        cell: As the attribute.

    Attributes:
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
        self.cell = cell
        self._epoch = time.time() - clock() if epoch is None else epoch
        self._ledger = ProbeLedger(timeout)
        self._method: ProbeMethod = method
        self._given_way: list[int] = []
        self._counts: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()
        self._latencies = Latencies()

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
        latency_ms = latency * 1000.0
        self._counts["received"] += 1
        self._counts["out_of_order"] += reordered
        self._latencies.add(at, latency_ms)
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
        figures = self._latencies.report()
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

    def snapshot(self, now: float) -> LatencySnapshot:
        """What the probes say at `now`; changes nothing."""
        return LatencySnapshot(
            method=self._method,
            latest_ms=self._latencies.latest_ms,
            window=self._latencies.recent(now),
            session=self._latencies.all(),
            probes=ProbeCounts(pending=self.pending, **self._counts),
        )

    def drop_in_flight(self) -> None:
        """End the probes in flight as dropped, not lost: their connection is gone."""
        self._counts["dropped"] += self._ledger.drop_in_flight()

    def _timestamp(self, now: float) -> float:
        return (self._epoch + now) * 1000.0


def measurement(event: PixelLatencyEvent) -> PixelLatency | ControlChannelLatency | None:
    """The latency that an outcome measured; None if it measured none."""
    if event.seq is None:
        return None
    if event.e2e_latency_ms is not None:
        return PixelLatency(event.seq, event.e2e_latency_ms, event.timestamp)
    if event.control_channel_ms is not None:
        return ControlChannelLatency(event.seq, event.control_channel_ms, event.timestamp)
    return None
