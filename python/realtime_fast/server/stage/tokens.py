"""Participant tokens of the embedded stage: issued and verified with one ES384 key."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Annotated

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from realtime_fast.ivs.participant_token import MAX_TOKEN_BYTES, Capabilities, Claims
from realtime_fast.server.stage.refusal import Refusal

ALGORITHM = "ES384"
MAX_TTL = 14 * 24 * 3600.0
"""Seconds; production's limit."""


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a participant token is to say.

    Attributes:
        user_id: Text that the other participants see.
        attributes: Further texts that they see.
        publish: Whether the participant may publish. Left out, it is what `subscribe` is not, and both if neither is
            named: whoever asks for one capability gets that one.
        subscribe: Whether the participant may subscribe; likewise.
        ttl: Seconds until the token expires; zero or less makes an expired one.
        participant_id: Whom it is for, as a further token to be exchanged for; None for a new participant.
    """

    user_id: str = ""
    attributes: dict[str, str] = {}
    publish: bool | None = None
    subscribe: bool | None = None
    ttl: float = 12 * 3600.0
    participant_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+$")] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What its holder may do."""
        publish, subscribe = self.publish, self.subscribe
        return Capabilities(
            allow_publish=not subscribe if publish is None else publish,
            allow_subscribe=not publish if subscribe is None else subscribe,
        )


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """The token of a new participant, and its id."""

    token: str = field(repr=False)
    participant_id: str


class TokenAuthority:
    """Signs and verifies participant tokens.

    The key lives as long as the process, as the stages do.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP384R1())

    def issue(
        self,
        stage_arn: str,
        wanted: TokenRequest,
        *,
        base_url: str,
        front_door: bool = False,
    ) -> IssuedToken:
        """Make a token.

        Args:
            stage_arn: The stage it is for.
            wanted: What it is to say.
            base_url: The service as the participant reaches it, `http://host:port`.
            front_door: Publish and subscribe through the redirecting front door, as in production.
        """
        now = int(time.time())
        participant_id = wanted.participant_id or secrets.token_urlsafe(9)
        stages = f"{base_url.rstrip('/')}/stages"
        claims = {
            "jti": participant_id,
            "resource": stage_arn,
            "topic": stage_arn.rpartition("/")[2],
            "whip_url": f"{stages}/front" if front_door else stages,
            "events_url": f"ws{stages.removeprefix('http')}/events",
            "user_id": wanted.user_id,
            "attributes": wanted.attributes,
            "capabilities": msgspec.to_builtins(wanted.capabilities),
            "version": "1.0",
            "iat": now,
            "exp": int(now + min(wanted.ttl, MAX_TTL)),
        }
        return IssuedToken(jwt.encode(claims, self._key, algorithm=ALGORITHM), participant_id)

    def verify(self, text: str) -> Claims:
        """The claims of a valid token that was issued here.

        Raises:
            Refusal: The token is invalid or expired (status 401).
        """
        if len(text) > MAX_TOKEN_BYTES:
            raise Refusal.invalid_token("the token is too long")
        try:
            payload = jwt.decode(
                text,
                self._key.public_key(),
                algorithms=[ALGORITHM],
                options={"require": ["exp", "jti", "resource"]},
            )
            return msgspec.convert(payload, Claims)
        except jwt.ExpiredSignatureError:
            raise Refusal.expired_token() from None
        except jwt.InvalidSignatureError:
            raise Refusal.foreign_signature() from None
        except (jwt.InvalidTokenError, msgspec.ValidationError):
            raise Refusal.invalid_token("not a participant token") from None
