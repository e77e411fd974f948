"""A session as OpenTelemetry metrics and spans (docs/quality.md, OpenTelemetry).

Where they go is the business of the program's own SDK: without one they go nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from realtime_fast.diagnostics.quality import LEVELS
from realtime_fast.errors import InvalidInputError
from realtime_fast.events import (
    ConnectionQuality,
    ControlChannelLatency,
    Diagnostic,
    ErrorRaised,
    FrameLatency,
    PixelLatency,
    StatsSample,
)

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from realtime_fast.stats import RtcStats

SCOPE: Final = "realtime_fast"
"""Name of the instrumentation scope."""

LATENCIES: Final = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.9, 1.5, 3.0, 5.0, 10.0, 20.0, 30.0)
"""Bounds of the buckets of latencies, in seconds."""

RECEIVED: Final = {"network.io.direction": "receive"}
SENT: Final = {"network.io.direction": "transmit"}


class OpenTelemetryExporter:
    """Passes a session on to OpenTelemetry: give it to a client as one of its `exporters`.

    Needs `pip install 'realtime-fast[otel]'`. One exporter serves one session at a time.

    Args:
        meter_provider: Makes the metrics; the global one by default.
        tracer_provider: Makes the spans; the global one by default.

    Raises:
        InvalidInputError: OpenTelemetry's API is not installed.
    """

    def __init__(
        self,
        *,
        meter_provider: MeterProvider | None = None,
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            raise InvalidInputError(
                "OpenTelemetryExporter needs OpenTelemetry's API: pip install 'realtime-fast[otel]'"
            ) from None
        self._trace = trace
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        histogram, counter, gauge = meter.create_histogram, meter.create_counter, meter.create_gauge
        self._latency = histogram(
            "realtime.client.e2e.latency", "s", explicit_bucket_boundaries_advisory=LATENCIES
        )
        self._frames = histogram(
            "realtime.client.frame_timing.latency", "s", explicit_bucket_boundaries_advisory=LATENCIES
        )
        self._control = histogram(
            "realtime.client.control_channel.latency", "s", explicit_bucket_boundaries_advisory=LATENCIES
        )
        self._stall = histogram("realtime.client.stall.duration", "s")
        self._first = histogram("realtime.client.first_frame.duration", "s")
        self._bytes = counter("realtime.client.video.io", "By")
        self._lost = counter("realtime.client.packet.lost", "{packet}")
        self._dropped = counter("realtime.client.frame.dropped", "{frame}")
        self._reconnects = counter("realtime.client.reconnects", "{attempt}")
        self._errors = counter("realtime.client.errors", "{error}")
        self._fps = gauge("realtime.client.video.frame_rate", "{frame}/s")
        self._trip = gauge("realtime.client.round_trip", "s")
        self._available = gauge("realtime.client.bandwidth.available", "bit/s")
        self._quality = gauge("realtime.client.quality", "1")
        self._common: dict[str, str] = {}
        self._connecting: Span | None = None
        self._counted: dict[str, int] = {}

    def begin(self, about: Mapping[str, Any]) -> None:
        """A session begins."""
        names = {"transport": "realtime.transport", "model": "realtime.model"}
        self._common = {label: about[name] for name, label in names.items() if about.get(name) is not None}
        self._counted = {}

    def export(self, events: Sequence[tuple[float, Any]]) -> None:
        """Take events."""
        for _, event in events:
            match event:
                case PixelLatency():
                    self._latency.record(event.e2e_latency_ms / 1000, self._common)
                case FrameLatency():
                    self._frames.record(event.e2e_latency_ms / 1000, self._common)
                case ControlChannelLatency():
                    self._control.record(event.control_channel_ms / 1000, self._common)
                case StatsSample():
                    self._sample(event.stats)
                case ConnectionQuality():
                    level = LEVELS.index(event.quality)
                    self._quality.set(
                        level, {**self._common, "realtime.limiting_factor": event.limiting_factor}
                    )
                case ErrorRaised():
                    self._errors.add(1, {**self._common, "error.type": event.error.code})
                case Diagnostic():
                    self._diagnostic(event)
                case _:
                    pass

    def end(self) -> None:
        """The session is over."""
        if self._connecting is not None:
            self._connecting.end()
            self._connecting = None

    def _diagnostic(self, event: Diagnostic) -> None:
        data = event.data
        match event.kind:
            case "phaseTiming":
                self._phase(data, event.timestamp)
            case "reconnect":
                self._reconnects.add(1, {**self._common, "realtime.success": data["success"]})
            case "firstFrame":
                self._first.record(data["duration_ms"] / 1000, self._common)
            case "videoStall" if not data["stalled"]:
                self._stall.record(data["duration_ms"] / 1000, self._common)
            case _:
                pass

    def _phase(self, data: Mapping[str, Any], at_ms: float) -> None:
        """A connect phase ended: a span for it, below that of the whole attempt."""
        begin, end = (round(ms * 1e6) for ms in (at_ms - data["duration_ms"], at_ms))
        whole = self._connecting
        if whole is None:
            # It begins with its first phase; what happens before that takes no time.
            whole = self._connecting = self._tracer.start_span(
                "realtime connect", attributes=self._common, start_time=begin
            )
        span = whole
        if data["phase"] != "total":
            span = self._tracer.start_span(
                f"realtime connect {data['phase']}",
                context=self._trace.set_span_in_context(whole),
                attributes={**self._common, "realtime.phase": data["phase"]},
                start_time=begin,
            )
        else:
            self._connecting = None
        if not data["success"]:
            span.set_attribute("error.type", "connect")
            span.set_status(self._trace.StatusCode.ERROR, data.get("error"))
        span.end(end)

    def _sample(self, stats: RtcStats) -> None:
        video, outbound, path = stats.video, stats.outbound_video, stats.connection
        if video is not None:
            self._fps.set(video.frames_per_second, {**self._common, **RECEIVED})
            self._bytes.add(self._gain("received", video.bytes_received), {**self._common, **RECEIVED})
            self._lost.add(video.packets_lost_delta, {**self._common, **RECEIVED})
            self._dropped.add(video.frames_dropped_delta, self._common)
        if outbound is not None:
            self._fps.set(outbound.frames_per_second, {**self._common, **SENT})
            self._bytes.add(self._gain("sent", outbound.bytes_sent), {**self._common, **SENT})
        if path.current_round_trip_time is not None:
            self._trip.set(path.current_round_trip_time, self._common)
        if path.available_outgoing_bitrate is not None:
            self._available.set(path.available_outgoing_bitrate, self._common)

    def _gain(self, name: str, total: int) -> int:
        """By how much a counter has grown; a smaller one is that of a new connection."""
        before, self._counted[name] = self._counted.get(name, 0), total
        return total - before if total >= before else total
