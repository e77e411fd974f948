"""What a media link reports to whoever holds it.

A link's callbacks do one thing each: hand one of these records over. They carry no behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from realtime_fast.errors import RealtimeError


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Media can flow: ICE and DTLS are done."""


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The link is gone, or a peer went silent; `error` is the first cause."""

    error: RealtimeError


@dataclass(frozen=True, slots=True)
class TrackArrived:
    """A remote track exists; it can be read at once. An `aiortc.MediaStreamTrack`."""

    kind: Literal["audio", "video"]
    track: Any


@dataclass(frozen=True, slots=True)
class LinkDiagnostic:
    """An observation for the `diagnostic` event: its kind and data (snake_case keys)."""

    kind: str
    data: Mapping[str, Any]


LinkEvent: TypeAlias = LinkUp | LinkLost | TrackArrived | LinkDiagnostic
