"""Participant tokens: the claims of a stage's JWT (docs/ivs-stage.md, Participant token).

A client reads the claims without verifying the signature; the stage verifies it.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

import msgspec

from realtime_fast.aio.origins import is_token_base
from realtime_fast.errors import StageError

MAX_TOKEN_BYTES = 16 * 1024

FIXED_CLAIMS = ("jti", "resource", "topic", "whip_url", "events_url", "version")
"""What a token has in common with the one that it is exchanged for."""


class Capabilities(msgspec.Struct, frozen=True):
    """What the token's holder may do."""

    allow_publish: bool = False
    allow_subscribe: bool = False


class Claims(msgspec.Struct, frozen=True):
    """The claims a client needs; others are ignored.

    Attributes:
        jti: The participant's id.
        resource: The stage's ARN.
        topic: Name of the stage's events.
        whip_url: Base of publish and subscribe.
        events_url: Base of the events WebSocket.
        exp: Expiry, in epoch seconds.
        version: `"major.flags"`.
        capabilities: What its holder may do.
        user_id: Text of the token's issuer.
        attributes: Further texts of the issuer.
    """

    jti: str
    resource: str
    topic: str
    whip_url: str
    events_url: str
    exp: float
    version: str | float | None = None
    capabilities: Capabilities = Capabilities()
    user_id: str | None = None
    attributes: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class StageToken:
    """A participant token and its claims; the repr omits the text."""

    text: str = field(repr=False)
    claims: Claims

    @classmethod
    def parse(cls, text: str) -> StageToken:
        """Read a token's claims.

        Raises:
            StageError: It is not a participant token. The message never repeats it.
        """
        if not isinstance(text, str) or len(text) > MAX_TOKEN_BYTES:
            raise StageError("The stage token is not a JWT: expected a text of three parts")
        text = text.strip()
        parts = text.split(".")
        if len(parts) != 3:
            raise StageError(f"The stage token is not a JWT: expected three parts, got {len(parts)}")
        if not re.fullmatch(r"[A-Za-z0-9_.=-]+", text):  # it becomes an HTTP header and a subprotocol
            raise StageError("The stage token is not a JWT: it contains a character that no JWT has")
        try:
            payload = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
            claims = msgspec.json.decode(payload, type=Claims)
        except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError) as error:
            # msgspec names the offending claim, never its value; other reasons quote nothing either.
            reason = str(error) if isinstance(error, msgspec.ValidationError) else "its claims are unreadable"
            raise StageError(f"The stage token is not a participant token: {reason}") from None
        for name, scheme in (("whip_url", "https"), ("events_url", "wss")):
            if not is_token_base(getattr(claims, name), scheme):
                raise StageError(
                    f"The stage token is not usable: its {name} is not a plain {scheme} URL of host, port and path "
                    "(unencrypted ones are for loopback)"
                )
        if claims.jti in ("", ".", "..") or "/" in claims.jti:
            raise StageError("The stage token is not usable: it names no participant")
        return cls(text, claims)

    def check_exchange(self, new: StageToken) -> None:
        """Reject a token that may not take this one's place on a live stage.

        Raises:
            StageError: It is for another participant, stage or place; the message names the claims (status 400).
        """
        other = [name for name in FIXED_CLAIMS if getattr(self.claims, name) != getattr(new.claims, name)]
        if other:
            raise StageError(
                f"The stage token cannot be exchanged for one with another {', '.join(other)}", status=400
            )

    def check(self, now: float, *, publish: bool = False, subscribe: bool = False) -> None:
        """Reject what the claims rule out, before any request.

        Args:
            now: Epoch seconds.
            publish: Whether the token must allow publishing.
            subscribe: Whether the token must allow subscribing.

        Raises:
            StageError: Expired (status 401), or not allowed to (status 403).
        """
        if now >= self.claims.exp:
            raise StageError(
                f"The stage token expired {now - self.claims.exp:.0f} s ago: ask for a new one", status=401
            )
        if publish and not self.claims.capabilities.allow_publish:
            raise StageError("The stage token does not allow publishing", status=403)
        if subscribe and not self.claims.capabilities.allow_subscribe:
            raise StageError("The stage token does not allow subscribing", status=403)
