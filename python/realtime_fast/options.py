"""Frozen settings of a connection."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Protocol, TypeAlias, get_args

from realtime_fast.errors import InvalidInputError, TransportName
from realtime_fast.models import Model

ConnectionState: TypeAlias = Literal["connecting", "connected", "generating", "disconnected", "reconnecting"]
"""What `get_connection_state()` returns and `connection_change` reports."""

ImageInput: TypeAlias = bytes | str | os.PathLike[str] | IO[bytes]
"""An image: bytes, path, binary file object, data URL, http(s) URL or raw base64 text."""

VideoCodec: TypeAlias = Literal["vp8", "h264"]

DegradationPreference: TypeAlias = Literal[
    "balanced", "maintain-framerate", "maintain-resolution", "maintain-framerate-and-resolution"
]
"""What to give up first where not everything can be had (W3C mst-content-hint, `degradationPreference`)."""

DEFAULT_TELEMETRY_URL = "https://platform.decart.ai/api/v1/telemetry"


@dataclass(frozen=True)
class Prompt:
    """A prompt, and whether the service may enrich it."""

    text: str
    enhance: bool = True


@dataclass(frozen=True, kw_only=True)
class ModelState:
    """What the model starts with."""

    prompt: Prompt | None = None
    image: bytes | str | Path | None = None


@dataclass(frozen=True, kw_only=True)
class SetInput:
    """One change of the model's state; what is not given stays as it is."""

    prompt: str | None = None
    enhance: bool = True
    image: ImageInput | None = None


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server (RFC 7064, RFC 7065)."""

    urls: str | tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class SendOptions:
    """How media is sent where the network or the processor does not allow everything.

    Attributes:
        degradation_preference: What to give up first.
        start_bitrate: Bit/s to begin with, all that is sent together; it rises quickly from there.
        min_bitrate: Bit/s that are sent at least.
        max_bitrate: Bit/s that are sent at most; None for what the size of the pictures is worth, some 4 Mbit/s for
            1280x720 at 30 pictures a second.
    """

    degradation_preference: DegradationPreference = "balanced"
    start_bitrate: int = 1_000_000
    min_bitrate: int = 100_000
    max_bitrate: int | None = None

    def __post_init__(self) -> None:
        _one_of("degradation_preference", self.degradation_preference, get_args(DegradationPreference))
        most = self.start_bitrate if self.max_bitrate is None else self.max_bitrate
        if not 0 < self.min_bitrate <= self.start_bitrate <= most:
            raise InvalidInputError(
                "expected 0 < min_bitrate <= start_bitrate <= max_bitrate (bit/s), not "
                f"{self.min_bitrate!r}, {self.start_bitrate!r}, {self.max_bitrate!r}"
            )


DEFAULT_ICE_SERVERS: tuple[IceServer, ...] = (IceServer("stun:stun.l.google.com:19302"),)


@dataclass(frozen=True)
class LatencyTracking:
    """Which latency measurements run (docs/latency.md).

    Attributes:
        composite: Estimate latency as the sum of round trips and pipeline latency.
        pixel_marker: Mark pictures with numbers, and measure when these come back.
        frame_timing: Put time and number of each picture behind its encoded bytes, and measure when these come back;
            only where the far side takes them off again.
        probe_interval_ms: Milliseconds between two probes; 0 marks every frame. With frame timing all pictures are
            measured, and one is told of so often.
        reader: How received markers are read: `soft` copes with encoders and scaling, `hard` is the reference reader.
    """

    composite: bool = False
    pixel_marker: bool = False
    probe_interval_ms: float = 2000.0
    reader: Literal["soft", "hard"] = "soft"
    frame_timing: bool = False

    def __post_init__(self) -> None:
        _one_of("reader", self.reader, ("soft", "hard"))
        if not 0 <= self.probe_interval_ms < float("inf"):
            raise InvalidInputError(
                f"probe_interval_ms must be 0 (every frame) or more, not {self.probe_interval_ms!r}"
            )


Band: TypeAlias = tuple[float, float, float]
"""The limits of good, fair and poor; what is beyond the last is critical."""


@dataclass(frozen=True, kw_only=True)
class QualityBands:
    """When a connection is good, fair, poor or critical (docs/quality.md).

    Attributes:
        e2e_ms: End-to-end latency as frame timing or else markers measure it, at most.
        rtt_ms: Round trip, at most; judged where no marker measures.
        relay_ms: Milliseconds by which that band is wider where a relay is in between.
        packet_loss: Share of the packets sent that the far side reports lost, at most.
        frame_loss: Share of marked pictures that never returned, at most.
        bandwidth: Available outgoing bit rate as a share of the wanted one, at least.
        wanted_kbps: The wanted bit rate; less where `max_bitrate` is less.
        fps: Pictures received a second, at least; less for models that make fewer than 25.
        first_frame_ms: From the call of `connect` to the first picture, at most; does not count for the live verdict.
    """

    e2e_ms: Band = (500, 900, 1500)
    rtt_ms: Band = (150, 300, 500)
    relay_ms: float = 100
    packet_loss: Band = (0.001, 0.01, 0.05)
    frame_loss: Band = (0.001, 0.01, 0.05)
    bandwidth: Band = (1.0, 0.8, 0.5)
    wanted_kbps: float = 3500
    fps: Band = (20, 12, 5)
    first_frame_ms: Band = (4000, 6000, 10_000)

    def __post_init__(self) -> None:
        for name in ("e2e_ms", "rtt_ms", "packet_loss", "frame_loss", "first_frame_ms"):
            good, fair, poor = getattr(self, name)
            if not 0 <= good <= fair <= poor:
                raise InvalidInputError(
                    f"{name}: expected 0 <= good <= fair <= poor, got {good}, {fair}, {poor}"
                )
        for name in ("bandwidth", "fps"):
            good, fair, poor = getattr(self, name)
            if not good >= fair >= poor >= 0:
                raise InvalidInputError(
                    f"{name}: expected good >= fair >= poor >= 0, got {good}, {fair}, {poor}"
                )
        if not self.wanted_kbps > 0 or not self.relay_ms >= 0:
            raise InvalidInputError(
                f"expected wanted_kbps > 0 and relay_ms >= 0, got {self.wanted_kbps!r} and {self.relay_ms!r}"
            )


class Exporter(Protocol):
    """Keeps what a client raises, or passes it on: `EventLog` is one.

    Its methods are called in a thread, one at a time. One that raises is logged and called no more.
    """

    def begin(self, about: Mapping[str, Any]) -> None:
        """A session begins; `about` says which (`sdk_version`, `transport`, `model`, `integration`)."""

    def export(self, events: Sequence[tuple[float, Any]]) -> None:
        """Take events in order, each with its Unix time in milliseconds."""

    def end(self) -> None:
        """The session is over."""


@dataclass(frozen=True)
class Telemetry:
    """Where to report session statistics (`url`), and how often (`interval`, seconds)."""

    url: str = DEFAULT_TELEMETRY_URL
    interval: float = 10.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise InvalidInputError("Telemetry url must be an http:// or https:// URL")
        if not self.interval > 0:
            raise InvalidInputError(f"Telemetry interval must be positive seconds, not {self.interval!r}")


@dataclass(frozen=True, kw_only=True)
class ReconnectPolicy:
    """How a lost connection is retried (docs/protocol.md, Reconnecting).

    Attributes:
        retries: Attempts after the first one, for each loss.
        session_retries: Retries over the whole session; None for no limit.
        refill_after: Seconds a connection must live before the budget of a loss is full again.
        base_delay: Seconds before the first retry; doubled for each further one.
        max_delay: The longest wait, in seconds.
        jitter: Share of the wait that is random, 0 … 1.
        patient: Whether a session that has never been connected is retried even where it stands no chance: nobody
            listens at the address, there is no such host or model, or the service refuses (4xx).
    """

    retries: int = 5
    session_retries: int | None = None
    refill_after: float = 10.0
    base_delay: float = 1.0
    max_delay: float = 10.0
    jitter: float = 0.25
    patient: bool = False

    def __post_init__(self) -> None:
        if self.retries < 0 or (self.session_retries is not None and self.session_retries < 0):
            raise InvalidInputError("ReconnectPolicy retries must be 0 or more")
        if self.base_delay < 0 or self.max_delay < self.base_delay or not 0 <= self.jitter <= 1:
            raise InvalidInputError(
                "ReconnectPolicy needs 0 <= base_delay <= max_delay (seconds) and a jitter between 0 and 1"
            )


class CustomizeOffer(Protocol):
    """Awaited with the offer (it has `sdp` and `type`) before the local description is set."""

    def __call__(self, offer: Any, /) -> Awaitable[None]:
        """Change the offer in place."""


@dataclass(frozen=True)
class RealtimeConnectOptions:
    """How to connect; only `model` is required .

    Objects of the pure-Python SDK are accepted wherever they have the same attributes: model definitions,
    `ModelState`, `Prompt`.

    Attributes:
        model: What `models.realtime(name)` returns, or any object with name, url_path, fps, width, height.
        on_remote_stream: Called with each remote track.
        initial_state: Prompt and image the session starts with; None is passthrough.
        customize_offer: Async callable that may change the WebRTC offer.
        resolution: `"720p"`, `"1080p"` or None for the model's own.
        speed: `"fast"` for a faster and dearer tier, where the model has one.
        transport: `"webrtc"`, `"ivs"`, `"livekit"`, or `"auto"`: livekit where the service has rooms, else webrtc. The
            last two need the extra `livekit`.
        degradation_preference: What to give up first where network or processor do not allow everything: size and
            frame rate (`balanced`), size (`maintain-framerate`), frame rate (`maintain-resolution`), or neither.
        start_bitrate: Bit/s of all that is sent, to begin with; it rises quickly from there.
        min_bitrate: Bit/s that are sent at least.
        max_bitrate: Bit/s that are sent at most; None for what the size of the pictures is worth, some 4 Mbit/s for
            1280x720 at 30 pictures a second.
        latency_tracking: Which latency measurements run.
        stats_interval_ms: Milliseconds between two statistics samples, at least 500; None for off.
        telemetry: Where to report; None for nowhere.
        quality_bands: What counts as good, fair and poor.
        exporters: What keeps or passes on the session's events, such as an `EventLog`.
        extra_query_params: Added to the control channel's URL.
        jitter_buffer_min_delay: Milliseconds by which received media is delayed for an even pace (ivs).
        ice_servers: STUN and TURN servers; empty for host candidates only.
        video_codec: The codec preferred for sent video; None for the transport's default (vp8; ivs, livekit: h264).
        connect_timeout: Seconds for connecting, all phases together.
        reconnect: The reconnect policy; None for no retries.
    """

    model: Model
    on_remote_stream: Callable[[Any], object] | None = None
    initial_state: Any = field(default=None, kw_only=True)
    customize_offer: CustomizeOffer | None = field(default=None, kw_only=True)
    resolution: Literal["720p", "1080p"] | None = field(default=None, kw_only=True)
    speed: Literal["fast"] | None = field(default=None, kw_only=True)
    transport: TransportName | Literal["auto"] = field(default="webrtc", kw_only=True)
    degradation_preference: DegradationPreference = field(default="balanced", kw_only=True)
    start_bitrate: int = field(default=1_000_000, kw_only=True)
    min_bitrate: int = field(default=100_000, kw_only=True)
    max_bitrate: int | None = field(default=None, kw_only=True)
    latency_tracking: LatencyTracking | None = field(default=None, kw_only=True)
    stats_interval_ms: float | None = field(default=None, kw_only=True)
    telemetry: Telemetry | None = field(default=None, kw_only=True)
    quality_bands: QualityBands = field(default=QualityBands(), kw_only=True)
    exporters: Sequence[Exporter] = field(default=(), kw_only=True)
    extra_query_params: Mapping[str, str] | None = field(default=None, kw_only=True)
    jitter_buffer_min_delay: float = field(default=0.0, kw_only=True)
    ice_servers: tuple[IceServer, ...] = field(default=DEFAULT_ICE_SERVERS, kw_only=True)
    video_codec: VideoCodec | None = field(default=None, kw_only=True)
    connect_timeout: float = field(default=300.0, kw_only=True)
    reconnect: ReconnectPolicy | None = field(default=ReconnectPolicy(), kw_only=True)

    def __post_init__(self) -> None:
        for name in ("name", "url_path", "fps", "width", "height"):
            if not hasattr(self.model, name):
                raise InvalidInputError(
                    f"model must be a model definition such as models.realtime(name), but has no {name!r}"
                )
        _one_of("transport", self.transport, (*get_args(TransportName), "auto"))
        _one_of("speed", self.speed, (None, "fast"))
        _one_of("resolution", self.resolution, (None, "720p", "1080p"))
        _one_of("video_codec", self.video_codec, (None, *get_args(VideoCodec)))
        if self.stats_interval_ms is not None and not self.stats_interval_ms >= 500:
            raise InvalidInputError(
                f"stats_interval_ms must be at least 500 or None, not {self.stats_interval_ms!r}"
            )
        self.sending  # noqa: B018 - refuses what cannot be sent by
        if not self.connect_timeout > 0:
            raise InvalidInputError(f"connect_timeout must be positive seconds, not {self.connect_timeout!r}")
        if not self.jitter_buffer_min_delay >= 0:
            raise InvalidInputError(
                f"jitter_buffer_min_delay must be 0 or more (ms), not {self.jitter_buffer_min_delay!r}"
            )

    @property
    def sending(self) -> SendOptions:
        """The options of what is sent, together.

        Raises:
            InvalidInputError: They contradict each other.
        """
        return SendOptions(
            degradation_preference=self.degradation_preference,
            start_bitrate=self.start_bitrate,
            min_bitrate=self.min_bitrate,
            max_bitrate=self.max_bitrate,
        )


@dataclass(frozen=True)
class SubscribeOptions:
    """How to watch a session.

    Attributes:
        token: The session's `subscribe_token`.
        on_remote_stream: Called with each remote track.
        ice_servers: STUN and TURN servers (webrtc).
        connect_timeout: Seconds for connecting, all phases together (an ivs join has 30 s at the most).
        reconnect: The reconnect policy; None for no retries.
        quality_bands: What counts as good, fair and poor.
        exporters: What keeps or passes on the session's events, such as an `EventLog`.
    """

    token: str = field(repr=False)
    on_remote_stream: Callable[[Any], object] | None = None
    ice_servers: tuple[IceServer, ...] = field(default=DEFAULT_ICE_SERVERS, kw_only=True)
    connect_timeout: float = field(default=300.0, kw_only=True)
    reconnect: ReconnectPolicy | None = field(default=ReconnectPolicy(), kw_only=True)
    quality_bands: QualityBands = field(default=QualityBands(), kw_only=True)
    exporters: Sequence[Exporter] = field(default=(), kw_only=True)


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise InvalidInputError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
