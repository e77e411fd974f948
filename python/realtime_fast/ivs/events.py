"""The messages of a stage's events WebSocket (docs/ivs-stage.md), and the events that `Stage.events()` yields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote

import msgspec

from realtime_fast.errors import ConnectError, RealtimeError, StageError
from realtime_fast.ivs.participant_token import Claims

MAX_MESSAGE_BYTES = 1024 * 1024


def events_url(claims: Claims, trace_id: str) -> str:
    """The URL of a stage's events; the token is sent apart from it, as the subprotocol."""
    # Quoted, but with its slash, as Amazon's SDK sends it.
    topic = quote(f"{claims.topic}/publishers", safe="/")
    return f"{claims.events_url}?error_over_ws=1&topic={topic}&traceid={quote(trace_id)}"


# --- messages from the stage


class Participant(msgspec.Struct, frozen=True, rename="camel"):
    """A participant, as last described by the stage."""

    id: str
    user_id: str | None = None
    is_publishing: bool = False
    audio_muted: bool = False
    video_stopped: bool = False
    attributes: dict[str, str | int | float | bool | None] | None = None


class StageState(msgspec.Struct, frozen=True, rename="camel"):
    """The whole state of a stage; a higher sequence number is newer."""

    sequence_number: int
    stage_id: str | None = None
    participants: list[Participant] = []


class Pong(msgspec.Struct, frozen=True):
    """The answer to a ping."""


class ExchangeError(msgspec.Struct, frozen=True):
    """Why a token was not exchanged."""

    message: str | None = None


class TokenExchanged(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to a request to exchange the token."""

    request_id: str
    error: ExchangeError | None = None


class Disconnect(msgspec.Struct, frozen=True):
    """Leave, and do not reconnect."""

    reason: str | None = None


class Reassign(msgspec.Struct, frozen=True):
    """Publish and subscribe again: media moves to another host."""


class JoinError(msgspec.Struct, frozen=True):
    """This participant may not join."""

    code: int | str | None = None
    message: str | None = None


Incoming: TypeAlias = StageState | Pong | TokenExchanged | Disconnect | Reassign | JoinError

_KINDS: dict[str, type[Incoming]] = {
    "STAGE_STATE": StageState,
    "PONG": Pong,
    "EXCHANGE_TOKEN": TokenExchanged,
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
    """Tell the other participants whether audio and video are on."""
    state = {"type": "SET_STATE", "version": "0", "audioMuted": audio_muted, "videoStopped": video_stopped}
    return msgspec.json.encode(state).decode()


def exchange_token(old: str, new: str, request_id: str, trace_id: str) -> str:
    """Ask the stage to go on with another token of this participant."""
    payload = {"oldToken": old, "newToken": new, "requestId": request_id, "traceId": trace_id}
    return msgspec.json.encode({"type": "aws:ivs:EXCHANGE_TOKEN", "payload": payload}).decode()


# --- events for the user of the stage


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """Another participant joined."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class ParticipantChanged:
    """Another participant started or stopped publishing, or was muted or unmuted."""

    participant: Participant
    previous: Participant


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Another participant left."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """A publication (`participant_id` is this client's own) or a subscription is up.

    After a reassignment a subscription starts again with new tracks.
    """

    participant_id: str
    video: Any = field(default=None, compare=False)
    audio: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """A publication or subscription ended; `error` is None if that was requested or announced."""

    participant_id: str
    error: ConnectError | None = None


@dataclass(frozen=True, slots=True)
class SendingFailed:
    """A published track, or its encoder, has failed; the publication goes on with what is left of it."""

    error: RealtimeError


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The events socket was lost and is being reopened; media continues."""

    error: StageError


@dataclass(frozen=True, slots=True)
class EventsRestored:
    """The events socket is back."""


@dataclass(frozen=True, slots=True)
class StageLeft:
    """This client is off the stage: the stage disconnected it, or the events socket could not be reopened."""

    error: StageError


StageEvent: TypeAlias = (
    ParticipantJoined
    | ParticipantChanged
    | ParticipantLeft
    | StreamStarted
    | StreamEnded
    | SendingFailed
    | EventsLost
    | EventsRestored
    | StageLeft
)
"""Everything `Stage.events()` yields."""
