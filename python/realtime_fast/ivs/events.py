"""What a stage says on its events WebSocket (docs/ivs-stage.md, Events WebSocket), and what `Stage.events()` yields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote

import msgspec

from realtime_fast.errors import ConnectError, StageError
from realtime_fast.ivs.participant_token import Claims

MAX_MESSAGE_BYTES = 1024 * 1024


def events_url(claims: Claims, trace_id: str) -> str:
    """Where the events of a token's stage are; the token travels apart from it, as the subprotocol."""
    # The topic stays readable, as the stage's own SDK sends it: quoted, but with its slash.
    topic = quote(f"{claims.topic}/publishers", safe="/")
    return f"{claims.events_url}?error_over_ws=1&topic={topic}&traceid={quote(trace_id)}"


# --- messages from the stage


class Participant(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody on the stage, as the stage last described them."""

    id: str
    user_id: str | None = None
    is_publishing: bool = False
    audio_muted: bool = False
    video_stopped: bool = False
    attributes: dict[str, Any] | None = None


class StageState(msgspec.Struct, frozen=True, rename="camel"):
    """The whole stage; of two states the one with the higher number is the newer."""

    sequence_number: int
    stage_id: str | None = None
    participants: list[Participant] = []


class Pong(msgspec.Struct, frozen=True):
    """The answer to a ping."""


class Disconnect(msgspec.Struct, frozen=True):
    """Leave, and do not come back."""

    reason: str | None = None


class Reassign(msgspec.Struct, frozen=True):
    """Publish and subscribe anew: the media moves to another host."""


class JoinError(msgspec.Struct, frozen=True):
    """The stage does not let this participant in."""

    code: int | str | None = None
    message: str | None = None


Incoming: TypeAlias = StageState | Pong | Disconnect | Reassign | JoinError

_KINDS: dict[str, type[Incoming]] = {
    "STAGE_STATE": StageState,
    "PONG": Pong,
    "DISCONNECT": Disconnect,
    "REASSIGN": Reassign,
    "JOIN_ERROR": JoinError,
}


class _Envelope(msgspec.Struct):
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"{}")


_envelope = msgspec.json.Decoder(_Envelope)


def decode(text: str | bytes) -> Incoming | None:
    """Read one message; None for a type that this client does not use.

    Raises:
        ValueError: Not a message, or a known one with wrong fields; the socket itself is fine.
    """
    try:
        envelope = _envelope.decode(text)
        kind = _KINDS.get(envelope.type.removeprefix("aws:ivs:"))
        if kind is None:
            return None
        payload = bytes(envelope.payload)
        return msgspec.json.decode(b"{}" if payload == b"null" else payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"expected a message with a type: {error}") from None


# --- messages to the stage


def ping() -> str:
    """Ask for a PONG."""
    return '{"type":"PING"}'


def set_state(*, audio_muted: bool, video_stopped: bool) -> str:
    """Tell the others whether audio and video are on."""
    state = {"type": "SET_STATE", "version": "0", "audioMuted": audio_muted, "videoStopped": video_stopped}
    return msgspec.json.encode(state).decode()


# --- what a user of the stage sees


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """Somebody else is on the stage."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class ParticipantChanged:
    """Somebody began or stopped publishing, was muted or unmuted."""

    participant: Participant
    previous: Participant


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Somebody else is gone."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """Media flows: one's own (`participant_id` is one's own), or that of a subscription.

    After a reassignment a subscription starts again with new tracks.
    """

    participant_id: str
    video: Any = field(default=None, compare=False)
    audio: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """A publication or subscription is over; `error` is None where that was asked for or announced."""

    participant_id: str
    error: ConnectError | None = None


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The events socket is gone and being redialled; media is not touched."""

    error: StageError


@dataclass(frozen=True, slots=True)
class EventsRestored:
    """The events socket is back."""


@dataclass(frozen=True, slots=True)
class StageLeft:
    """The stage is over for this participant: it said so, or its events could not be had again."""

    error: StageError


StageEvent: TypeAlias = (
    ParticipantJoined
    | ParticipantChanged
    | ParticipantLeft
    | StreamStarted
    | StreamEnded
    | EventsLost
    | EventsRestored
    | StageLeft
)
"""Everything `Stage.events()` yields."""
