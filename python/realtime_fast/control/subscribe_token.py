"""Subscribe tokens: what a viewer needs to find a session (docs/protocol.md, Viewers)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

import msgspec

from realtime_fast.errors import InvalidSubscribeTokenError, TransportName

MAX_TOKEN_BYTES = 4096


@dataclass(frozen=True)
class TokenPayload:
    """A decoded subscribe token; `ip` and `port` may be empty over ivs. Over livekit `sid` is the room's name."""

    sid: str
    ip: str
    port: int
    transport: TransportName = "webrtc"

    @property
    def room_name(self) -> str | None:
        """The LiveKit room to watch, None on other transports."""
        return self.sid if self.transport == "livekit" else None


class _Room(msgspec.Struct):
    room_name: str


class _Payload(msgspec.Struct):
    sid: str
    ip: str = ""
    port: int = 0
    transport: Literal["webrtc", "ivs"] = "webrtc"


class _Decoded(_Payload, kw_only=True):
    sid: str = ""
    room_name: str = ""


def encode_subscribe_token(
    session_id: str, server_ip: str, server_port: int, transport: Literal["webrtc", "ivs"] = "webrtc"
) -> str:
    """The token that lets others watch a session."""
    payload = _Payload(session_id, server_ip, server_port, transport)
    return base64.urlsafe_b64encode(msgspec.json.encode(payload)).decode()


def encode_room_token(room_name: str) -> str:
    """The token that lets others watch a session over livekit."""
    return base64.urlsafe_b64encode(msgspec.json.encode(_Room(room_name))).decode()


def decode_subscribe_token(token: str) -> TokenPayload:
    """Read a token, in either base64 alphabet, padded or not.

    Raises:
        InvalidSubscribeTokenError: The token is invalid; the message does not contain it.
    """
    if not isinstance(token, str) or len(token) > MAX_TOKEN_BYTES:
        raise InvalidSubscribeTokenError
    plain = token.strip().rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        payload = msgspec.json.decode(raw, type=_Decoded)
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        raise InvalidSubscribeTokenError from None
    if payload.room_name:
        return TokenPayload(payload.room_name, "", 0, "livekit")
    reachable = payload.transport == "ivs" or (payload.ip and 0 < payload.port < 65536)
    if not payload.sid or not reachable or not 0 <= payload.port < 65536:
        raise InvalidSubscribeTokenError
    return TokenPayload(payload.sid, payload.ip, payload.port, payload.transport)
