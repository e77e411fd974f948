"""The events of a media link.

A link reports each event with one call; the records have no behaviour.
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
class LinkInterrupted:
    """The link repairs itself, and says either that it is restored or that it is lost; media may go on meanwhile."""


@dataclass(frozen=True, slots=True)
class LinkRestored:
    """The link is whole again."""


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The link was lost, or the peer went silent; `error` is the first cause."""

    error: RealtimeError


@dataclass(frozen=True, slots=True)
class TrackArrived:
    """A remote track arrived and can be read: an `aiortc.MediaStreamTrack`."""

    kind: Literal["audio", "video"]
    track: Any


@dataclass(frozen=True, slots=True)
class LinkDiagnostic:
    """An observation for the `diagnostic` event: its kind and data (snake_case keys)."""

    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """A track of the user's, or an encoder, died of this; the link lives, and nothing of that track is sent."""

    error: Exception


LinkEvent: TypeAlias = (
    LinkUp | LinkInterrupted | LinkRestored | LinkLost | TrackArrived | LinkDiagnostic | StreamFailed
)
