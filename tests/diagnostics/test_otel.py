"""A session as OpenTelemetry metrics and spans, as the SDK sees them."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from realtime_fast.diagnostics.otel import OpenTelemetryExporter
from realtime_fast.errors import IceError, InvalidInputError
from realtime_fast.events import (
    ConnectionChange,
    ConnectionQuality,
    ControlChannelLatency,
    Diagnostic,
    ErrorRaised,
    FrameLatency,
    PixelLatency,
    StatsSample,
)
from realtime_fast.stats import ConnectionStats, OutboundVideoStats, RtcStats, VideoStats


def exported(*events: Any) -> tuple[dict[str, dict[str, float]], list[Any]]:
    """The metrics, by name and by the attributes that are not the same for all, and the spans."""
    reader, spans = InMemoryMetricReader(), InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    exporter = OpenTelemetryExporter(
        meter_provider=MeterProvider(metric_readers=[reader]), tracer_provider=tracers
    )
    exporter.begin({"transport": "ivs", "model": "m", "integration": None})
    for event in events:
        exporter.export([(0.0, event)])
    exporter.end()
    found: dict[str, dict[str, float]] = {}
    data = reader.get_metrics_data()
    for metric in data.resource_metrics[0].scope_metrics[0].metrics if data is not None else ():
        for point in metric.data.data_points:
            attributes = dict(point.attributes or {})
            assert attributes.pop("realtime.transport") == "ivs"
            assert attributes.pop("realtime.model") == "m"
            value = point.sum if hasattr(point, "sum") else point.value
            found.setdefault(f"{metric.name} {metric.unit}", {})[" ".join(map(str, attributes.values()))] = (
                value
            )
    return found, list(spans.get_finished_spans())


def sample(received: int, sent: int, lost: int) -> StatsSample:
    video = VideoStats(
        bytes_received=received, packets_lost_delta=lost, frames_dropped_delta=2, frames_per_second=29
    )
    outbound = OutboundVideoStats(bytes_sent=sent, frames_per_second=30)
    return StatsSample(RtcStats(1.0, video, None, outbound, ConnectionStats(0.02, 3e6)))


def test_metrics_have_the_documented_names_and_units() -> None:
    metrics, _ = exported(
        ConnectionChange("connected"),
        sample(1000, 500, 3),
        sample(2500, 800, 1),
        sample(400, 900, 0),  # another connection counts from 0
        PixelLatency(1, 250.0, 0.0),
        FrameLatency(7, 240.0, 0.0),
        ControlChannelLatency(2, 30.0, 0.0),
        ConnectionQuality("poor", "loss", False),
        ErrorRaised(IceError("gone", transport="ivs")),
        Diagnostic("reconnect", {"success": True}, 0.0),
        Diagnostic("firstFrame", {"duration_ms": 1500.0}, 0.0),
        Diagnostic("videoStall", {"stalled": True, "duration_ms": 0.0}, 0.0),
        Diagnostic("videoStall", {"stalled": False, "duration_ms": 3000.0}, 0.0),
    )
    assert metrics == {
        "realtime.client.e2e.latency s": {"": 0.25},
        "realtime.client.frame_timing.latency s": {"": 0.24},
        "realtime.client.control_channel.latency s": {"": 0.03},
        "realtime.client.stall.duration s": {"": 3.0},
        "realtime.client.first_frame.duration s": {"": 1.5},
        "realtime.client.video.io By": {"receive": 2900, "transmit": 900},
        "realtime.client.packet.lost {packet}": {"receive": 4},
        "realtime.client.frame.dropped {frame}": {"": 6},
        "realtime.client.reconnects {attempt}": {"True": 1},
        "realtime.client.errors {error}": {"IVS_ICE_ERROR": 1},
        "realtime.client.video.frame_rate {frame}/s": {"receive": 29, "transmit": 30},
        "realtime.client.round_trip s": {"": 0.02},
        "realtime.client.bandwidth.available bit/s": {"": 3e6},
        "realtime.client.quality 1": {"loss": 2},
    }


def test_each_connect_phase_is_a_span_below_that_of_the_attempt() -> None:
    def phase(name: str, duration: float, at: float, error: str | None = None) -> Diagnostic:
        data = {"phase": name, "duration_ms": duration, "success": error is None}
        return Diagnostic("phaseTiming", data if error is None else {**data, "error": error}, at)

    _, spans = exported(
        phase("websocket", 100, 1100),
        phase("webrtc-handshake", 400, 1500),
        phase("total", 500, 1500),
        phase("websocket", 50, 2050, "refused"),
        phase("total", 50, 2050, "refused"),
    )
    assert [(span.name, span.start_time / 1e6, span.end_time / 1e6, span.status.is_ok) for span in spans] == [
        ("realtime connect websocket", 1000, 1100, True),
        ("realtime connect webrtc-handshake", 1100, 1500, True),
        ("realtime connect", 1000, 1500, True),
        ("realtime connect websocket", 2000, 2050, False),
        ("realtime connect", 2000, 2050, False),
    ]
    first, second, attempt, _, again = spans
    assert first.parent.span_id == second.parent.span_id == attempt.context.span_id
    assert attempt.parent is None
    assert again.context.trace_id != attempt.context.trace_id
    assert again.status.description == "refused"


def test_without_the_api_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(InvalidInputError, match=r"pip install 'realtime-fast\[otel\]'"):
        OpenTelemetryExporter()
