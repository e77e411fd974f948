"""What the state of a room has to say: to the server, to the two connections, to the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from livekit.protocol import rtc

from realtime_fast.control.messages import Candidate
from realtime_fast.errors import RoomError
from realtime_fast.livekit.events import RoomEvent

Target: TypeAlias = Literal["publisher", "subscriber"]


@dataclass(frozen=True, slots=True)
class Send:
    """Send this on the signal socket."""

    request: rtc.SignalRequest


@dataclass(frozen=True, slots=True)
class Negotiate:
    """Apply a description to a connection, in order: an answer to the publisher, an offer to the subscriber."""

    target: Target
    sdp: str
    number: int


@dataclass(frozen=True, slots=True)
class AddCandidate:
    """Add a candidate to a connection; None is the end of them."""

    target: Target
    candidate: Candidate | None


@dataclass(frozen=True, slots=True)
class Emit:
    """Raise this event for the user."""

    event: RoomEvent


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the signal socket, for this reason; `lost` says what follows."""

    error: RoomError


Output: TypeAlias = Send | Negotiate | AddCandidate | Emit | HangUp
