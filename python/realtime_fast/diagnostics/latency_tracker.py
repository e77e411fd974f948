"""Latency diagnostics of a session: one facade over all methods (docs/latency.md).

The session creates it, hands it every outgoing and incoming picture and every figure of the service, and runs `run`
for as long as a connection lives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import anyio
from av import VideoFrame

from realtime_fast.control import messages
from realtime_fast.errors import TransportName
from realtime_fast.events import CompositeLatency, Event, PixelLatencyReport, ServerMetrics
from realtime_fast.latency import (
    REPORT_INTERVAL,
    FrameTimings,
    LatencySnapshot,
    PixelProbes,
    clock,
    composite_latency,
    measurement,
)
from realtime_fast.marker import HEIGHT, WIDTH, Reading
from realtime_fast.options import LatencyTracking
from realtime_fast.stamps import FrameTiming, Stamp

START_DELAY = 1.0
"""Seconds between connecting and the first probe."""

TICK = 0.25
"""Seconds between checks for overdue probes."""

MIN_REQUEST_INTERVAL = 1 / 30
"""Least seconds between two probes over the control channel, even if every frame is wanted."""


CELLS: dict[TransportName, int] = {"livekit": 8}
"""The side of a marker's cells in pixels where it is not 1: what services with rooms read (docs/marker.md)."""


class LatencyTracker:
    """Composite estimate, pixel probes and frame timing of one session.

    Args:
        tracking: Which methods run.
        stamps: Whether there is a local video track to stamp; without one, markers are requested over the control
            channel.
        emit: Takes the events.
    """

    def __init__(self, tracking: LatencyTracking, *, stamps: bool, emit: Callable[[Event], None]) -> None:
        self._tracking = tracking
        self._stamps = stamps
        self._transport: TransportName = "webrtc"
        self._emit = emit
        self._probes = PixelProbes(method="end_to_end" if stamps else "control_channel")
        self._timings = FrameTimings()
        self._next_told = 0.0
        self._composite: CompositeLatency | None = None
        self._probing = False
        self._next_probe = 0.0
        self.client_rtt_s: float | None = None

    @property
    def is_timed(self) -> bool:
        """Whether pictures are to say something of themselves (see `Stamping`)."""
        return self._tracking.frame_timing

    def stamp_for(self, _: VideoFrame, timed: bool) -> Stamp:
        """What the picture carries that is about to be encoded (see `Stamping`): a marker only if a probe is due."""
        now, number, timing = clock(), None, None
        if self._probing and self._tracking.pixel_marker and now >= self._next_probe:
            self._next_probe = self._after(self._next_probe, now)
            number = self._probes.stamp(now)
        if self._probing and self._tracking.frame_timing and timed:
            timing = self._timings.stamp(now)
        return Stamp(number, self._probes.cell, timing)

    def incoming(self, frame: VideoFrame) -> int | None:
        """Look at a received picture; returns the number of the probe that it answers."""
        now = clock()
        if isinstance(frame.opaque, FrameTiming):
            self._timed(frame.opaque, now)
        if not self._probes.pending:
            return None
        reading = self._read(frame, now)
        outcomes = self._probes.observe(reading, now)
        for event in outcomes:
            if (measured := measurement(event)) is not None:
                self._emit(measured)
            self._emit(event)
        return next((event.seq for event in outcomes if event.seq == reading), None)

    def _timed(self, said: FrameTiming, now: float) -> None:
        latency = self._timings.observe(said, now)
        if latency is not None and now >= self._next_told:
            self._next_told = self._after(self._next_told, now)
            self._emit(latency)

    def _read(self, frame: VideoFrame, now: float) -> Reading:
        """The marker of a picture; None where there can be none."""
        try:
            return self._probes.read(frame, now, reader=self._tracking.reader)
        except ValueError:  # too small, or of a format that markers are not read from
            if frame.width < WIDTH * self._probes.cell or frame.height < HEIGHT * self._probes.cell:
                return None
            frame = frame.reformat(format="yuv420p")
            return self._probes.read(frame, now, reader=self._tracking.reader)

    def figures(self, metrics: ServerMetrics) -> None:
        """Process the service's own figures."""
        if self._tracking.composite:
            # Over webrtc both ends measure the path between them; otherwise each measures its way to an SFU.
            self._composite = composite_latency(
                self.client_rtt_s,
                metrics.rtt_ms,
                metrics.pipeline_latency_ms,
                "one" if self._transport == "webrtc" else "two",
            )
            self._emit(self._composite)

    def snapshot(self) -> LatencySnapshot:
        """What is known now."""
        now = clock()
        return replace(
            self._probes.snapshot(now),
            composite=self._composite,
            frame_timing=self._timings.snapshot(now) if self._tracking.frame_timing else None,
        )

    def connected(self, transport: TransportName) -> None:
        """A connection is up: what follows goes over this transport."""
        self._transport = transport
        self._probes.cell = CELLS.get(transport, 1)

    async def run(self, send: Callable[[messages.ClientMessage], None]) -> None:
        """Probe until cancelled, when the connection ends; what is in flight is then dropped, not lost.

        Args:
            send: Sends a message on the control channel.
        """
        tracking = self._tracking
        if not (tracking.pixel_marker or tracking.frame_timing):
            return
        await anyio.sleep(START_DELAY)
        next_report = clock() + REPORT_INTERVAL
        try:
            self._probing = True
            while True:
                now = clock()
                if tracking.pixel_marker and not self._stamps:
                    self._request(now, send)
                for event in self._probes.tick(now):
                    self._emit(event)
                self._timings.tick(now)
                if now >= next_report:
                    next_report += REPORT_INTERVAL
                    self._report(now, send)
                await anyio.sleep(TICK if self._stamps else min(TICK, self._request_interval))
        finally:
            self._probing = False
            self._probes.drop_in_flight()
            self._timings.drop_in_flight()
            self._report(clock(), send)

    @property
    def _request_interval(self) -> float:
        return max(self._tracking.probe_interval_ms / 1000, MIN_REQUEST_INTERVAL)

    def _request(self, now: float, send: Callable[[messages.ClientMessage], None]) -> None:
        if now >= self._next_probe:
            self._next_probe = now + self._request_interval
            send(messages.LatencyProbe(seq=self._probes.stamp(now), client_time=now * 1000))

    def _report(self, now: float, send: Callable[[messages.ClientMessage], None]) -> None:
        """Report the current window; the last one is shorter."""
        if self._tracking.frame_timing:
            self._emit(self._timings.report(now))
        if self._tracking.pixel_marker:
            report = self._probes.report(now)
            self._emit(report)
            send(to_wire(report))

    def _after(self, due: float, now: float) -> float:
        """When the next is due: the pace of the interval, without catching up on what was missed."""
        interval = self._tracking.probe_interval_ms / 1000
        return max(due + interval, now + interval / 2) if interval else now


def to_wire(report: PixelLatencyReport) -> messages.E2eLatencyReport:
    """The `e2e_latency_report` message for one report: its counts are deltas already.

    Probes over the control channel measure no end-to-end latency, so that they have none to report.
    """
    is_end_to_end = report.method == "end_to_end"
    return messages.E2eLatencyReport(
        avg_latency_ms=round(report.avg_ms, 2) if is_end_to_end and report.avg_ms is not None else None,
        delivery_rate=report.delivery_rate,
        lost=report.lost,
        corrupted=report.corrupted,
        out_of_order=report.out_of_order,
    )
