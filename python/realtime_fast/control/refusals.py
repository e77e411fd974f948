"""Maps the service's error texts to errors."""

from __future__ import annotations

from realtime_fast.errors import AuthenticationError, RealtimeError, ServerError

_PERMANENT_TEXTS = (
    "permission denied",
    "not allowed",
    "invalid session",
    "invalid api key",
    "missing api key",
    "unauthorized",
    "forbidden",
    "401",
    "403",
)


def server_failure(text: str) -> RealtimeError:
    """The error for an error text of the service: known refusals are permanent, others may be retried."""
    lowered = text.lower()
    if any(permanent in lowered for permanent in _PERMANENT_TEXTS):
        return AuthenticationError(text)
    return ServerError(text or "The service reported an error without a text")
