"""The events of a client: frozen records in one union.

`client.on(name, callback)` calls back with `event.payload`; `client.events()` yields the events themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from realtime_fast.errors import RealtimeError
from realtime_fast.options import ConnectionState

if TYPE_CHECKING:
    from realtime_fast.stats import RtcStats


class _Event:
    """Base of all events."""

    __slots__ = ()

    carries: ClassVar[str | None] = None
    """The field that callbacks receive; None for the whole event."""

    @property
    def payload(self) -> Any:
        """The argument of callbacks."""
        return self if self.carries is None else getattr(self, self.carries)


@dataclass(frozen=True, slots=True)
class ConnectionChange(_Event):
    """The public state changed; callbacks receive the state."""

    name: ClassVar[str] = "connection_change"
    carries: ClassVar[str | None] = "state"
    state: ConnectionState


@dataclass(frozen=True, slots=True)
class ErrorRaised(_Event):
    """A failure that no call raised, or that ended the connection; callbacks receive the error."""

    name: ClassVar[str] = "error"
    carries: ClassVar[str | None] = "error"
    error: RealtimeError


@dataclass(frozen=True, slots=True)
class GenerationTickMessage(_Event):
    """Billing tick: seconds generated so far."""

    name: ClassVar[str] = "generation_tick"
    seconds: int | float
    type: Literal["generation_tick"] = "generation_tick"


@dataclass(frozen=True, slots=True)
class QueuePosition(_Event):
    """The session waits for capacity: its place in the queue, 1 for the next one, and the length of the queue."""

    name: ClassVar[str] = "queue_position"
    position: int
    queue_size: int


@dataclass(frozen=True, slots=True)
class Diagnostic(_Event):
    """One observation about the connection (docs/protocol.md, Diagnostics).

    Attributes:
        kind: `phaseTiming`, `iceCandidate`, `iceStateChange`, `peerConnectionStateChange`,
            `signalingStateChange`, `selectedCandidatePair`, `reconnect` or `videoStall`.
        data: Its typed data, snake_case keys.
        timestamp: Epoch milliseconds.
    """

    name: ClassVar[str] = "diagnostic"
    kind: str
    data: Mapping[str, Any]
    timestamp: float


@dataclass(frozen=True, slots=True)
class StatsSample(_Event):
    """One statistics sample; callbacks receive the `RtcStats`."""

    name: ClassVar[str] = "stats"
    carries: ClassVar[str | None] = "stats"
    stats: RtcStats


@dataclass(frozen=True, slots=True)
class CompositeLatency(_Event):
    """An estimate of end-to-end latency, the sum of its parts, in milliseconds (docs/latency.md).

    `lower_bound` is true while a part of it is unknown and counted as 0. `legs` says how the round trips were summed:
    `two` ways to an SFU are added, `one` path that both ends measure counts once.
    """

    name: ClassVar[str] = "composite_latency"
    client_proxy_rtt_ms: float
    server_proxy_rtt_ms: float
    pipeline_latency_ms: float
    composite_e2e_ms: float
    lower_bound: bool = False
    legs: Literal["one", "two"] = "two"


@dataclass(frozen=True, slots=True)
class PixelLatency(_Event):
    """A marker came back: the measured end-to-end latency of that picture."""

    name: ClassVar[str] = "pixel_latency"
    seq: int
    e2e_latency_ms: float
    timestamp: float


@dataclass(frozen=True, slots=True)
class ControlChannelLatency(_Event):
    """A marker that was asked for over the control channel came back.

    It has been to the service and back with the next picture that the service sent: the pipeline is not in it, so it
    is no end-to-end latency.
    """

    name: ClassVar[str] = "control_channel_latency"
    seq: int
    control_channel_ms: float
    timestamp: float


@dataclass(frozen=True, slots=True)
class PixelLatencyEvent(_Event):
    """The outcome of one probe; `seq` is None for a corrupted marker, the latencies None unless measured."""

    name: ClassVar[str] = "pixel_latency_event"
    status: Literal["ok", "ok_reordered", "corrupted", "lost"]
    seq: int | None
    e2e_latency_ms: float | None
    timestamp: float
    control_channel_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PixelLatencyReport(_Event):
    """Five seconds of probes: counts since the last report, percentiles and mean of the window (ms, None if empty).

    Added up over all reports so far, `sent` is received + lost + corrupted + dropped, and the latest `pending`.
    `method` says what the latencies are of (`LatencySnapshot`).
    """

    name: ClassVar[str] = "pixel_latency_report"
    sent: int
    received: int
    lost: int
    corrupted: int
    out_of_order: int
    delivery_rate: float
    pending: int
    timestamp: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    avg_ms: float | None = None
    dropped: int = 0
    method: Literal["end_to_end", "control_channel"] = "end_to_end"


@dataclass(frozen=True, slots=True)
class FrameLatency(_Event):
    """A stamped picture came back: its end-to-end latency. Raised once every `probe_interval_ms`.

    `frame_id` is the picture's number, from 1 on.
    """

    name: ClassVar[str] = "frame_latency"
    frame_id: int
    e2e_latency_ms: float
    timestamp: float


@dataclass(frozen=True, slots=True)
class FrameTimingReport(_Event):
    """Five seconds of stamped pictures, all of them, as `PixelLatencyReport` is of markers.

    Added up over all reports so far, `sent` is received + lost + dropped, and the latest `pending`.
    """

    name: ClassVar[str] = "frame_timing_report"
    sent: int
    received: int
    lost: int
    dropped: int
    pending: int
    delivery_rate: float
    timestamp: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    avg_ms: float | None = None


QualityLevel: TypeAlias = Literal["good", "fair", "poor", "critical"]

LimitingFactor: TypeAlias = Literal["bandwidth", "latency", "loss", "stall", "cpu", "none"]
"""What keeps a connection from being better."""


@dataclass(frozen=True, slots=True)
class QualityMetrics:
    """The figures behind a verdict, smoothed over the last samples; None where unknown.

    Attributes:
        rtt_ms: Round trip.
        e2e_ms: End-to-end latency, as frame timing or else markers measure it.
        first_frame_ms: From the call of `connect` to the first picture.
        fps: Pictures received a second, the least of the samples.
        packet_loss: Share of the packets sent that the far side reports lost.
        frame_loss: Share of marked pictures that never returned.
        upstream_jitter_ms: Jitter of what is sent, as the far side reports it.
        frame_drop_ratio: Share of the received pictures that were never shown.
        available_upstream_kbps: What can be sent.
    """

    rtt_ms: float | None = None
    e2e_ms: float | None = None
    first_frame_ms: float | None = None
    fps: float | None = None
    packet_loss: float | None = None
    frame_loss: float | None = None
    upstream_jitter_ms: float | None = None
    frame_drop_ratio: float | None = None
    available_upstream_kbps: float | None = None


@dataclass(frozen=True, slots=True)
class ConnectionQuality(_Event):
    """The verdict on the connection changed, or its warm-up ended (docs/quality.md)."""

    name: ClassVar[str] = "connection_quality"
    quality: QualityLevel
    limiting_factor: LimitingFactor
    warming_up: bool
    metrics: QualityMetrics = QualityMetrics()


@dataclass(frozen=True, slots=True)
class ServerMetrics(_Event):
    """The service's own figures, about once a second; None where unknown."""

    name: ClassVar[str] = "server_metrics"
    rtt_ms: float | None = None
    pipeline_latency_ms: float | None = None
    frame_recv_ms: float | None = None
    input_fps: float | None = None
    output_fps: float | None = None
    video_in_depth: float | None = None
    video_out_depth: float | None = None
    skipped_in_frames: float | None = None
    skipped_out_frames: float | None = None
    event_loop_latency_ms: float | None = None
    jitter_ms: float | None = None
    inbound_loss_rate: float | None = None
    bitrate_kbps: float | None = None
    encoder_target_bitrate_kbps: float | None = None


@dataclass(frozen=True, slots=True)
class RemoteTrack(_Event):
    """A remote track arrived; callbacks receive the track."""

    name: ClassVar[str] = "remote_track"
    carries: ClassVar[str | None] = "track"
    track: Any = field(compare=False)


@dataclass(frozen=True, slots=True)
class EventsDropped(_Event):
    """The reader was too slow: `count` events were dropped at this point. Only `events()` yields it."""

    name: ClassVar[str] = "events_dropped"
    count: int


Event: TypeAlias = (
    ConnectionChange
    | ErrorRaised
    | GenerationTickMessage
    | QueuePosition
    | Diagnostic
    | StatsSample
    | CompositeLatency
    | PixelLatency
    | ControlChannelLatency
    | PixelLatencyEvent
    | PixelLatencyReport
    | FrameLatency
    | FrameTimingReport
    | ConnectionQuality
    | ServerMetrics
    | RemoteTrack
)
"""Everything a callback can be registered for."""

EVENT_NAMES: tuple[str, ...] = tuple(kind.name for kind in Event.__args__)
"""The names that `client.on` accepts."""
