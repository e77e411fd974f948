"""Realtime AI video over WebRTC and Amazon IVS: a client, a latency meter and a local service.

    async with RealtimeClient.connect(url, key, open_source("clip.mp4"), options) as client:
        async for frame in client.frames():
            ...

`realtime_fast.frames` and `realtime_fast.marker` work on pictures, `realtime_fast.ivs` on stages,
`realtime_fast.server` is the embedded service. `accelerate()` runs programs written for `decart.realtime` on it.

Times are seconds where a name does not say otherwise (`…_ms`, `…_bps`). The exceptions are names that the wire or
the hosted SDK gave: `timestamp` of an event or sample is Unix time in milliseconds, and the option
`jitter_buffer_min_delay` is in milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realtime_fast import frames, ivs, marker, models
    from realtime_fast.client.opening import Connecting
    from realtime_fast.client.preflight import ConnectivityReport, check_connectivity
    from realtime_fast.client.publisher import RealtimeClient
    from realtime_fast.client.viewer import SubscribeClient
    from realtime_fast.compat.decart import accelerate, restore
    from realtime_fast.control.subscribe_token import (
        TokenPayload,
        decode_subscribe_token,
        encode_subscribe_token,
    )
    from realtime_fast.control.urls import package_version
    from realtime_fast.diagnostics.event_log import EventLog, read_event_log
    from realtime_fast.diagnostics.otel import OpenTelemetryExporter
    from realtime_fast.errors import (
        AckTimeoutError,
        AuthenticationError,
        ConnectError,
        ConnectTimeoutError,
        ControlChannelError,
        IceError,
        InvalidInputError,
        InvalidSubscribeTokenError,
        LinkError,
        NotConnectedError,
        RealtimeError,
        RoomError,
        ServerError,
        StageError,
        UnsupportedAiortcError,
    )
    from realtime_fast.events import (
        CompositeLatency,
        ConnectionChange,
        ConnectionQuality,
        ControlChannelLatency,
        Diagnostic,
        ErrorRaised,
        Event,
        EventsDropped,
        FrameLatency,
        FrameTimingReport,
        GenerationTickMessage,
        LimitingFactor,
        PixelLatency,
        PixelLatencyEvent,
        PixelLatencyReport,
        QualityLevel,
        QualityMetrics,
        QueuePosition,
        RemoteTrack,
        ServerMetrics,
        StatsSample,
    )
    from realtime_fast.latency import FrameTimingSnapshot, LatencyFigures, LatencySnapshot, ProbeCounts
    from realtime_fast.media.frame_stream import Frame, FrameStream
    from realtime_fast.media.recorder import Recorder
    from realtime_fast.media.sources import MediaSource, VideoSource, open_source
    from realtime_fast.media.tracks import ReceivedTrack
    from realtime_fast.models import Model, ModelDefinition
    from realtime_fast.options import (
        ConnectionState,
        CustomizeOffer,
        Exporter,
        IceServer,
        ImageInput,
        LatencyTracking,
        ModelState,
        Prompt,
        QualityBands,
        RealtimeConnectOptions,
        ReconnectPolicy,
        SetInput,
        SubscribeOptions,
        Telemetry,
        VideoCodec,
    )
    from realtime_fast.session.event_hub import EventStream
    from realtime_fast.stats import (
        AudioStats,
        Candidate,
        CandidatePair,
        ConnectionStats,
        OutboundVideoStats,
        RtcStats,
        VideoStats,
    )

    __version__: str = package_version()

_HOMES = {
    "client.opening": ("Connecting",),
    "client.preflight": ("ConnectivityReport", "check_connectivity"),
    "client.publisher": ("RealtimeClient",),
    "client.viewer": ("SubscribeClient",),
    "compat.decart": ("accelerate", "restore"),
    "control.subscribe_token": ("TokenPayload", "decode_subscribe_token", "encode_subscribe_token"),
    "diagnostics.event_log": ("EventLog", "read_event_log"),
    "diagnostics.otel": ("OpenTelemetryExporter",),
    "errors": (
        "AckTimeoutError",
        "AuthenticationError",
        "ConnectError",
        "ConnectTimeoutError",
        "ControlChannelError",
        "IceError",
        "InvalidInputError",
        "InvalidSubscribeTokenError",
        "LinkError",
        "NotConnectedError",
        "RealtimeError",
        "RoomError",
        "ServerError",
        "StageError",
        "UnsupportedAiortcError",
    ),
    "events": (
        "CompositeLatency",
        "ConnectionChange",
        "ConnectionQuality",
        "ControlChannelLatency",
        "Diagnostic",
        "ErrorRaised",
        "Event",
        "EventsDropped",
        "FrameLatency",
        "FrameTimingReport",
        "GenerationTickMessage",
        "LimitingFactor",
        "PixelLatency",
        "PixelLatencyEvent",
        "PixelLatencyReport",
        "QualityLevel",
        "QualityMetrics",
        "QueuePosition",
        "RemoteTrack",
        "ServerMetrics",
        "StatsSample",
    ),
    "latency": ("FrameTimingSnapshot", "LatencyFigures", "LatencySnapshot", "ProbeCounts"),
    "media.frame_stream": ("Frame", "FrameStream"),
    "media.recorder": ("Recorder",),
    "media.sources": ("MediaSource", "VideoSource", "open_source"),
    "media.tracks": ("ReceivedTrack",),
    "models": ("Model", "ModelDefinition"),
    "options": (
        "ConnectionState",
        "CustomizeOffer",
        "Exporter",
        "IceServer",
        "ImageInput",
        "LatencyTracking",
        "ModelState",
        "Prompt",
        "QualityBands",
        "RealtimeConnectOptions",
        "ReconnectPolicy",
        "SetInput",
        "SubscribeOptions",
        "Telemetry",
        "VideoCodec",
    ),
    "session.event_hub": ("EventStream",),
    "stats": (
        "AudioStats",
        "Candidate",
        "CandidatePair",
        "ConnectionStats",
        "OutboundVideoStats",
        "RtcStats",
        "VideoStats",
    ),
}
"""Where each name lives. It is imported when it is first used: a program pays for what it needs."""

_MODULES = ("frames", "ivs", "marker", "models")
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AckTimeoutError",
    "AudioStats",
    "AuthenticationError",
    "Candidate",
    "CandidatePair",
    "CompositeLatency",
    "ConnectError",
    "ConnectTimeoutError",
    "Connecting",
    "ConnectionChange",
    "ConnectionQuality",
    "ConnectionState",
    "ConnectionStats",
    "ConnectivityReport",
    "ControlChannelError",
    "ControlChannelLatency",
    "CustomizeOffer",
    "Diagnostic",
    "ErrorRaised",
    "Event",
    "EventLog",
    "EventStream",
    "EventsDropped",
    "Exporter",
    "Frame",
    "FrameLatency",
    "FrameStream",
    "FrameTimingReport",
    "FrameTimingSnapshot",
    "GenerationTickMessage",
    "IceError",
    "IceServer",
    "ImageInput",
    "InvalidInputError",
    "InvalidSubscribeTokenError",
    "LatencyFigures",
    "LatencySnapshot",
    "LatencyTracking",
    "LimitingFactor",
    "LinkError",
    "MediaSource",
    "Model",
    "ModelDefinition",
    "ModelState",
    "NotConnectedError",
    "OpenTelemetryExporter",
    "OutboundVideoStats",
    "PixelLatency",
    "PixelLatencyEvent",
    "PixelLatencyReport",
    "ProbeCounts",
    "Prompt",
    "QualityBands",
    "QualityLevel",
    "QualityMetrics",
    "QueuePosition",
    "RealtimeClient",
    "RealtimeConnectOptions",
    "RealtimeError",
    "ReceivedTrack",
    "ReconnectPolicy",
    "Recorder",
    "RemoteTrack",
    "RoomError",
    "RtcStats",
    "ServerError",
    "ServerMetrics",
    "SetInput",
    "StageError",
    "StatsSample",
    "SubscribeClient",
    "SubscribeOptions",
    "Telemetry",
    "TokenPayload",
    "UnsupportedAiortcError",
    "VideoCodec",
    "VideoSource",
    "VideoStats",
    "__version__",
    "accelerate",
    "check_connectivity",
    "decode_subscribe_token",
    "encode_subscribe_token",
    "frames",
    "ivs",
    "marker",
    "models",
    "open_source",
    "read_event_log",
    "restore",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = importlib.import_module("realtime_fast.control.urls").package_version()
    elif name in _MODULES:
        value = importlib.import_module(f"realtime_fast.{name}")
    elif name in _HOME:
        value = getattr(importlib.import_module(f"realtime_fast.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module 'realtime_fast' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__]
