"""What a process of sessions under load is told, and what it answers. It imports nothing that takes long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OK = "ok"


@dataclass(frozen=True, kw_only=True)
class LoadSpec:
    """What a process has to run.

    Attributes:
        url: Of the service.
        api_key: For it.
        starts: When each session begins, in seconds from now.
        seconds: How long each streams.
        model: The model's name.
        size: Width and height in pixels to send; None for those of the model.
        fps: Pictures a second to send; None for those of the model.
        transport: How media travels.
        probe_interval_ms: Milliseconds between two marked pictures.
        local: Whether the service is on this machine, so that no STUN server is asked.
    """

    url: str
    api_key: str = field(repr=False)
    starts: tuple[float, ...] = (0.0,)
    seconds: float = 30.0
    model: str = "lucy-2.1"
    size: tuple[int, int] | None = None
    fps: int | None = None
    transport: Any = "webrtc"
    probe_interval_ms: float = 500.0
    local: bool = False


@dataclass(frozen=True, kw_only=True)
class SessionResult:
    """What became of a session.

    Attributes:
        outcome: `ok`, or the code of the error that ended it.
        message: Of the error.
        connect_ms: The time connecting took, None if it failed.
        first_frame_ms: From the call of `connect` to the first picture, None if none came.
        latencies_ms: Each measured end-to-end latency.
        unreturned: Marked pictures that were lost or corrupted.
        fps: Pictures received a second, on average; None if unknown.
        reconnects: How often the connection was lost.
    """

    outcome: str
    message: str = ""
    connect_ms: float | None = None
    first_frame_ms: float | None = None
    latencies_ms: tuple[float, ...] = ()
    unreturned: int = 0
    fps: float | None = None
    reconnects: int = 0
