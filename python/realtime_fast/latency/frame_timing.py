"""The ledger of stamped pictures: a time and a number behind the encoded bytes of each (docs/latency.md, Frame timing).

Times named `now` are seconds of one monotonic clock; events carry Unix time in milliseconds.
"""

from __future__ import annotations

import time
from collections import Counter

from realtime_fast.events import FrameLatency, FrameTimingReport
from realtime_fast.latency.figures import (
    PROBE_TIMEOUT,
    FrameTimingSnapshot,
    Latencies,
    ProbeCounts,
    clock,
)
from realtime_fast.stamps import FrameTiming

MAX_IN_FLIGHT = 8192
"""Stamped pictures followed at a time, more than a minute's at 120 a second."""

_FRAME_IDS = 0xFFFFFFFF
"""The greatest number; 0 is none."""


class FrameTimings:
    """Follows every stamped picture until it comes back, or one that was sent after it.

    `stamp` returns what the next picture says of itself, `observe` takes what a received one says, `tick` expires
    pictures, `report` closes a window of `REPORT_INTERVAL`. Each takes constant time a picture.

    The pictures of a stream come back in order, so one that was overtaken is lost. A picture is known again by its
    number, or by its time where a service passes on nothing else.

    Args:
        epoch: Unix time in seconds at which `now` is 0; by default that of `clock`.
        timeout: Seconds after which a picture is lost.
    """

    def __init__(self, *, epoch: float | None = None, timeout: float = PROBE_TIMEOUT) -> None:
        self._epoch = time.time() - clock() if epoch is None else epoch
        self._timeout = timeout
        self._last = FrameTiming(0, 0)
        self._flying: dict[int, tuple[int, float]] = {}
        self._ids: dict[int, int] = {}
        self._counts: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()
        self._latencies = Latencies()

    @property
    def pending(self) -> int:
        """How many pictures are in flight."""
        return len(self._flying)

    def stamp(self, now: float) -> FrameTiming:
        """What a picture says of itself that is about to be encoded at `now`."""
        taken = max(round((self._epoch + now) * 1e6), self._last.user_timestamp + 1)
        self._last = FrameTiming(taken, self._last.frame_id % _FRAME_IDS + 1)
        if self.pending == MAX_IN_FLIGHT:
            self._lose(next(iter(self._flying)))
        self._flying[self._last.frame_id] = taken, now
        self._ids[taken] = self._last.frame_id
        self._counts["sent"] += 1
        return self._last

    def observe(self, timing: FrameTiming, now: float) -> FrameLatency | None:
        """The latency of a picture that came at `now`; None if it is none of those in flight."""
        frame_id = timing.frame_id or self._ids.get(timing.user_timestamp, 0)
        if frame_id not in self._flying:
            return None
        while (oldest := next(iter(self._flying))) != frame_id:
            self._lose(oldest)
        latency_ms = (now - self._land(frame_id)) * 1000
        self._counts["received"] += 1
        self._latencies.add(now, latency_ms)
        return FrameLatency(frame_id, latency_ms, self._timestamp(now))

    def tick(self, now: float) -> None:
        """Give up the pictures that have been away for too long."""
        while self._flying:
            oldest, (_, sent) = next(iter(self._flying.items()))
            if now - sent < self._timeout:
                return
            self._lose(oldest)

    def report(self, now: float) -> FrameTimingReport:
        """Counts and percentiles since the last report; begins the next window."""
        counts = ProbeCounts(pending=self.pending, **(self._counts - self._reported))
        self._reported = self._counts.copy()
        figures = self._latencies.report()
        return FrameTimingReport(
            sent=counts.sent,
            received=counts.received,
            lost=counts.lost,
            dropped=counts.dropped,
            pending=counts.pending,
            delivery_rate=counts.delivery_rate,
            timestamp=self._timestamp(now),
            p50_ms=figures.p50_ms,
            p95_ms=figures.p95_ms,
            p99_ms=figures.p99_ms,
            max_ms=figures.max_ms,
            avg_ms=figures.avg_ms,
        )

    def snapshot(self, now: float) -> FrameTimingSnapshot:
        """What is known at `now`; changes nothing."""
        return FrameTimingSnapshot(
            latest_ms=self._latencies.latest_ms,
            window=self._latencies.recent(now),
            session=self._latencies.all(),
            frames=ProbeCounts(pending=self.pending, **self._counts),
        )

    def drop_in_flight(self) -> None:
        """End the pictures in flight as dropped, not lost: their connection is gone."""
        self._counts["dropped"] += self.pending
        self._flying.clear()
        self._ids.clear()

    def _lose(self, frame_id: int) -> None:
        self._land(frame_id)
        self._counts["lost"] += 1

    def _land(self, frame_id: int) -> float:
        """Forget a picture; returns when it was sent."""
        taken, sent = self._flying.pop(frame_id)
        del self._ids[taken]
        return sent

    def _timestamp(self, now: float) -> float:
        return (self._epoch + now) * 1000
