"""Participant tokens of the embedded stage: issued and verified with one ES384 key."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from realtime_fast.ivs.participant_token import MAX_TOKEN_BYTES, Claims
from realtime_fast.server.stage.refusal import Refusal

ALGORITHM = "ES384"
MAX_TTL = 14 * 24 * 3600.0
"""Seconds; production's limit."""


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
        *,
        base_url: str,
        user_id: str = "",
        attributes: Mapping[str, str] | None = None,
        publish: bool = True,
        subscribe: bool = True,
        ttl: float = 12 * 3600.0,
        front_door: bool = False,
    ) -> IssuedToken:
        """Make a token for a new participant.

        Args:
            stage_arn: The stage it is for.
            base_url: The service as the participant reaches it, `http://host:port`.
            user_id: Text that the other participants see.
            attributes: Further texts that they see.
            publish: Whether the participant may publish.
            subscribe: Whether the participant may subscribe.
            ttl: Seconds until it expires; zero or less makes an expired one.
            front_door: Publish and subscribe through the redirecting front door, as in production.
        """
        now = int(time.time())
        participant_id = secrets.token_urlsafe(9)
        stages = f"{base_url.rstrip('/')}/stages"
        claims = {
            "jti": participant_id,
            "resource": stage_arn,
            "topic": stage_arn.rpartition("/")[2],
            "whip_url": f"{stages}/front" if front_door else stages,
            "events_url": f"ws{stages.removeprefix('http')}/events",
            "user_id": user_id,
            "attributes": dict(attributes or {}),
            "capabilities": {"allow_publish": publish, "allow_subscribe": subscribe},
            "version": "1.0",
            "iat": now,
            "exp": int(now + min(ttl, MAX_TTL)),
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
