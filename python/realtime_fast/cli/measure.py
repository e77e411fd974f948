"""What a run measured: events and pictures in, `summary.json` out. Pure."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from realtime_fast.events import (
    Diagnostic,
    ErrorRaised,
    Event,
    EventsDropped,
    PixelLatency,
    PixelLatencyReport,
    StatsSample,
)

MARKERS = ("sent", "received", "lost", "corrupted", "dropped", "out_of_order")


class Measurement:
    """Collects the measurements of a session; times are seconds of one monotonic clock.

    Frames count between `start` and `stop`, so that both ends are counted over the same time.

    Attributes:
        size: Width and height of the last picture that came back.
        latencies: End-to-end latencies in milliseconds, one a marker.
        bitrate: Of the received video, bit/s, as last reported.
    """

    def __init__(self, transport: str) -> None:
        self.size: tuple[int, int] | None = None
        self.latencies: list[float] = []
        self.bitrate = 0.0
        self._transport = transport
        self._phases: dict[str, float] = {}
        self._markers: Counter[str] = Counter()
        self._pending = 0
        self._errors: list[str] = []
        self._began = self._ended = 0.0
        self._running = False
        self._received = 0
        self._sent = 0
        self._recent: deque[float] = deque()

    def start(self, now: float, sent: int) -> None:
        """Start counting frames; `sent` is the number sent so far."""
        self._began, self._sent, self._received, self._running = now, sent, 0, True

    def stop(self, now: float, sent: int) -> None:
        """Stop counting frames; `sent` is the number sent by now."""
        self._ended, self._sent, self._running = now, sent - self._sent, False

    def elapsed(self, now: float) -> float:
        """Seconds since `start`."""
        return now - self._began if self._running else self._ended - self._began

    def rate(self, now: float) -> float:
        """Pictures that came back within the last second."""
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        return float(len(self._recent))

    def picture(self, width: int, height: int, now: float) -> None:
        """A picture came back."""
        self.size = (width, height)
        self._recent.append(now)
        self.rate(now)
        self._received += self._running

    def event(self, event: Event | EventsDropped) -> None:
        """Process an event of the client."""
        match event:
            case Diagnostic(kind="phaseTiming", data=data):
                self._phases[data["phase"]] = round(data["duration_ms"], 1)
            case PixelLatency():
                self.latencies.append(event.e2e_latency_ms)
            case PixelLatencyReport():
                self._markers.update({name: getattr(event, name) for name in MARKERS})
                self._pending = event.pending
            case StatsSample() if event.stats.video is not None:
                self.bitrate = event.stats.video.bitrate
            case ErrorRaised():
                self._errors.append(f"{event.error.code}: {event.error}")
            case EventsDropped():
                self._errors.append(f"{event.count} events were dropped unread")
            case _:
                pass

    def summary(self, *, first_frame_ms: float, cpu_seconds: float) -> dict[str, Any]:
        """The figures, in the names of `summary.json`.

        Args:
            first_frame_ms: From the beginning of connecting to the first picture.
            cpu_seconds: Processor time of this process between `start` and `stop`.
        """
        seconds = self._ended - self._began
        return {
            "transport": self._transport,
            "seconds": round(seconds, 2),
            "frames_sent": self._sent,
            "frames_received": self._received,
            "fps_in": round(self._received / seconds, 2),
            "fps_out": round(self._sent / seconds, 2),
            "size": list(self.size) if self.size else None,
            "connect_ms": self._phases,
            "first_frame_ms": round(first_frame_ms, 1),
            "e2e_ms": percentiles(self.latencies),
            "markers": {name: self._markers[name] for name in MARKERS} | {"pending": self._pending},
            "client_cpu_cores": round(cpu_seconds / seconds, 3),
            "errors": self._errors,
        }


def percentiles(values: Sequence[float]) -> dict[str, float | int | None]:
    """Count, median, 95th and 99th percentile (nearest rank) and maximum; None where there is nothing."""
    ordered = sorted(values)

    def rank(share: float) -> float | None:
        return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 2) if ordered else None

    return {"n": len(ordered), "p50": rank(0.5), "p95": rank(0.95), "p99": rank(0.99), "max": rank(1.0)}
