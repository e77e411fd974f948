"""LiveKit access tokens: JWTs that name a room and who joins it (docs/livekit.md, Tokens)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Self

import jwt
import msgspec

ALGORITHM = "HS256"
LIFE = 600.0
"""Seconds that a token lives."""
MAX_TOKEN_BYTES = 8192


class InvalidTokenError(ValueError):
    """An access token that is not accepted; the text says why, without the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token allows.

    Attributes:
        identity: Who joins; unique in a room.
        room: The room's name.
        publish: Whether tracks may be published.
        subscribe: Whether the tracks of others are received.
    """

    identity: str
    room: str
    publish: bool = True
    subscribe: bool = True


class _Video(msgspec.Struct, rename="camel"):
    room: str = ""
    room_join: bool = False
    can_publish: bool = True
    can_subscribe: bool = True


class _Claims(msgspec.Struct):
    sub: str
    video: _Video


@dataclass(frozen=True, slots=True)
class Keys:
    """The API key and the secret of a LiveKit deployment, which sign its tokens."""

    api_key: str
    secret: str = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """Keys of a deployment of our own."""
        return cls(secrets.token_hex(8), secrets.token_hex(32))

    def issue(self, grant: Grant, ttl: float = LIFE) -> str:
        """A token; one with a `ttl` of zero or less has expired."""
        video = {
            "roomJoin": True,
            "room": grant.room,
            "canPublish": grant.publish,
            "canSubscribe": grant.subscribe,
        }
        return self._sign(ttl, video=video, sub=grant.identity)

    def administer(self, room: str) -> str:
        """A token that allows to delete a room, and to remove who is in it."""
        return self._sign(LIFE, video={"roomCreate": True, "roomAdmin": True, "room": room})

    def _sign(self, ttl: float, **claims: Any) -> str:
        now = int(time.time())
        # A clock may be late.
        common = {"iss": self.api_key, "nbf": now - 60, "exp": int(now + ttl)}
        return jwt.encode(common | claims, self.secret, algorithm=ALGORITHM)

    def verify(self, token: str) -> Grant:
        """What a token allows.

        Raises:
            InvalidTokenError: It is none, was signed with another secret, or has expired.
        """
        if len(token) > MAX_TOKEN_BYTES:
            raise InvalidTokenError("the token is too long")
        try:
            payload = jwt.decode(
                token, self.secret, algorithms=[ALGORITHM], issuer=self.api_key, options={"require": ["exp"]}
            )
            claims = msgspec.convert(payload, _Claims)
        except jwt.ExpiredSignatureError:
            raise InvalidTokenError("the token has expired") from None
        except (jwt.InvalidTokenError, msgspec.ValidationError):
            raise InvalidTokenError("not an access token of this server") from None
        if not claims.sub or not claims.video.room or not claims.video.room_join:
            raise InvalidTokenError("the token names no room to join, or nobody who joins")
        return Grant(
            identity=claims.sub,
            room=claims.video.room,
            publish=claims.video.can_publish,
            subscribe=claims.video.can_subscribe,
        )
