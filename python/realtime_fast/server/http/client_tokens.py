"""Client tokens: keys for programs that must not know the API key (docs/protocol.md, Client tokens)."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

MAX_TOKENS = 1024
"""Tokens that are remembered; beyond that the oldest is forgotten."""


class RealtimeConstraints(msgspec.Struct, rename="camel"):
    """What bounds each session; durations are seconds."""

    max_session_duration: Annotated[float, msgspec.Meta(gt=0)] | None = None


class Constraints(msgspec.Struct):
    """What bounds the use of a token."""

    realtime: RealtimeConstraints = msgspec.field(default_factory=RealtimeConstraints)


class TokenRequest(msgspec.Struct, rename="camel"):
    """What may be asked for."""

    expires_in: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 60
    metadata: dict[str, Any] | None = None
    allowed_models: list[str] | None = None
    allowed_origins: list[str] | None = None
    constraints: Constraints | None = None

    def allows(self, *, model: str, origin: str | None) -> bool:
        """Whether a session of this model may begin, for a page of this origin; None for a program that is no page."""
        models, origins = self.allowed_models, self.allowed_origins
        return (models is None or model in models) and (origins is None or origin in (None, *origins))

    @property
    def session_limit(self) -> float:
        """Seconds that a session may take."""
        limit = None if self.constraints is None else self.constraints.realtime.max_session_duration
        return float("inf") if limit is None else limit


UNLIMITED = TokenRequest()
"""What an API key may do."""


class ClientTokens:
    """Issues client tokens and tells which are still good."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._issued: dict[str, tuple[float, TokenRequest]] = {}

    def issue(self, wanted: TokenRequest) -> dict[str, str]:
        """A key of its own, the same as a signed token, and when both expire."""
        until = time.time() + wanted.expires_in
        key = f"ek_{secrets.token_hex(16)}"
        token = jwt.encode({"sub": key, "exp": int(until)}, self._key, algorithm="EdDSA")
        self._issued[key] = self._issued[token] = until, wanted
        while len(self._issued) > 2 * MAX_TOKENS:
            del self._issued[next(iter(self._issued))]
        return {
            "apiKey": key,
            "token": token,
            "expiresAt": datetime.fromtimestamp(until, UTC).isoformat(timespec="milliseconds"),
        }

    def accepts(self, key: str) -> bool:
        """Whether a key was issued here and has not expired."""
        until, _ = self._issued.get(key, (0.0, UNLIMITED))
        return until > time.time()

    def limits(self, key: str) -> TokenRequest:
        """What a key that was accepted may do."""
        _, wanted = self._issued.get(key, (0.0, UNLIMITED))
        return wanted


async def answer(tokens: ClientTokens, request: Request) -> Response:
    """The answer to `POST /v1/client/tokens`, for a request with a valid key."""
    try:
        wanted = msgspec.json.decode(await request.body() or b"{}", type=TokenRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return JSONResponse({"error": f"unusable token request: {error}"}, 422)
    return JSONResponse(tokens.issue(wanted), 201)
