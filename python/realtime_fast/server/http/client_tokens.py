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


class TokenRequest(msgspec.Struct, rename="camel"):
    """What may be asked for; models, origins and durations are taken and not enforced here."""

    expires_in: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 60
    metadata: dict[str, Any] | None = None
    allowed_models: list[str] | None = None
    allowed_origins: list[str] | None = None
    constraints: dict[str, Any] | None = None


class ClientTokens:
    """Issues client tokens and tells which are still good."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._until: dict[str, float] = {}

    def issue(self, wanted: TokenRequest) -> dict[str, str]:
        """A key of its own, the same as a signed token, and when both expire."""
        until = time.time() + wanted.expires_in
        key = f"ek_{secrets.token_hex(16)}"
        token = jwt.encode({"sub": key, "exp": int(until)}, self._key, algorithm="EdDSA")
        self._until[key] = self._until[token] = until
        while len(self._until) > 2 * MAX_TOKENS:
            del self._until[next(iter(self._until))]
        return {
            "apiKey": key,
            "token": token,
            "expiresAt": datetime.fromtimestamp(until, UTC).isoformat(timespec="milliseconds"),
        }

    def accepts(self, key: str) -> bool:
        """Whether a key was issued here and has not expired."""
        return self._until.get(key, 0.0) > time.time()


async def answer(tokens: ClientTokens, request: Request) -> Response:
    """The answer to `POST /v1/client/tokens`, for a request with a valid key."""
    try:
        wanted = msgspec.json.decode(await request.body() or b"{}", type=TokenRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return JSONResponse({"error": f"unusable token request: {error}"}, 422)
    return JSONResponse(tokens.issue(wanted), 201)
