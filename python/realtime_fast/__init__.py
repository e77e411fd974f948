"""Realtime AI video over WebRTC and Amazon IVS: a client, a latency meter and a local service.

    async with RealtimeClient.connect(url, key, open_source("clip.mp4"), options) as client:
        async for frame in client.frames():
            ...

`realtime_fast.frames` and `realtime_fast.marker` work on pictures, `realtime_fast.ivs` on stages,
`realtime_fast.server` is the embedded service. `accelerate()` makes programs written for `decart.realtime` run here.
"""

from __future__ import annotations

from realtime_fast import frames, ivs, marker, models
from realtime_fast.client.publisher import RealtimeClient
from realtime_fast.client.viewer import SubscribeClient
from realtime_fast.compat.decart import accelerate, restore
from realtime_fast.control.subscribe_token import decode_subscribe_token, encode_subscribe_token
from realtime_fast.control.urls import package_version as _package_version
from realtime_fast.errors import (
    AckTimeoutError,
    AuthenticationError,
    ConnectError,
    ConnectTimeoutError,
    ControlChannelError,
    IceError,
    InvalidInputError,
    InvalidSubscribeTokenError,
    NotConnectedError,
    RealtimeError,
    ServerError,
    StageError,
)
from realtime_fast.events import GenerationTickMessage
from realtime_fast.media import Frame, MediaSource, Recorder, VideoSource, open_source
from realtime_fast.options import (
    ConnectionState,
    IceServer,
    LatencyTracking,
    ModelState,
    Prompt,
    RealtimeConnectOptions,
    ReconnectPolicy,
    SetInput,
    SubscribeOptions,
    Telemetry,
)

__version__ = _package_version()

__all__ = [
    "AckTimeoutError",
    "AuthenticationError",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionState",
    "ControlChannelError",
    "Frame",
    "GenerationTickMessage",
    "IceError",
    "IceServer",
    "InvalidInputError",
    "InvalidSubscribeTokenError",
    "LatencyTracking",
    "MediaSource",
    "ModelState",
    "NotConnectedError",
    "Prompt",
    "RealtimeClient",
    "RealtimeConnectOptions",
    "RealtimeError",
    "ReconnectPolicy",
    "Recorder",
    "ServerError",
    "SetInput",
    "StageError",
    "SubscribeClient",
    "SubscribeOptions",
    "Telemetry",
    "VideoSource",
    "__version__",
    "accelerate",
    "decode_subscribe_token",
    "encode_subscribe_token",
    "frames",
    "ivs",
    "marker",
    "models",
    "open_source",
    "restore",
]
