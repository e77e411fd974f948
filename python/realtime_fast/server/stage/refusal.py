"""The refusals of the embedded stage, with production's codes."""

from __future__ import annotations

from typing import Self


class Refusal(Exception):  # noqa: N818 - an answer, not an error of the stage
    """A request that is refused.

    Attributes:
        status: The HTTP status.
        code: The number in the error body.
        message: The sentence in the error body.
        join_code: What a JOIN_ERROR calls it.
    """

    def __init__(self, status: int, code: int, message: str, join_code: str = "BAD_REQUEST") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.join_code = join_code

    @classmethod
    def missing_token(cls) -> Self:
        """No token was sent."""
        return cls(401, 2001, "expected a participant token", "TOKEN_MISSING")

    @classmethod
    def invalid_token(cls, why: str) -> Self:
        """The text is not a participant token."""
        return cls(401, 2001, why, "TOKEN_INVALID")

    @classmethod
    def foreign_signature(cls) -> Self:
        """A token with a foreign signature."""
        return cls(401, 2001, "the token was not issued here", "TOKEN_INVALID_SIGNATURE")

    @classmethod
    def expired_token(cls) -> Self:
        """An expired token."""
        return cls(401, 2002, "token expired", "TOKEN_EXPIRED")

    @classmethod
    def no_permission(cls, what: str) -> Self:
        """A valid token that does not allow this."""
        return cls(403, 2003, f"the token does not allow {what}", "PARTICIPANT_DISCONNECTED")

    @classmethod
    def no_stage(cls) -> Self:
        """The stage of the token does not exist, or no longer."""
        return cls(404, 2001, "no such stage", "STAGE_DELETED")

    @classmethod
    def no_stream(cls) -> Self:
        """Nothing to subscribe to."""
        return cls(404, 2004, "the participant publishes nothing")

    @classmethod
    def no_session(cls) -> Self:
        """Nothing to delete."""
        return cls(404, 2001, "no such session")

    @classmethod
    def other_stage(cls) -> Self:
        """A valid token of another stage."""
        return cls(403, 2003, "the token is for another stage", "TOKEN_INVALID")

    @classmethod
    def no_publisher_session(cls) -> Self:
        """What production answers to an offer without video."""
        return cls(400, 2001, "failed to create publisher session")

    @classmethod
    def no_codec(cls, kind: str) -> Self:
        """No codec that both sides have."""
        return cls(400, 2014, f"no matching {kind} codec")

    @classmethod
    def bad_offer(cls, why: str) -> Self:
        """An offer that this stage cannot answer."""
        return cls(400, 2001, f"unusable offer: {why}")
