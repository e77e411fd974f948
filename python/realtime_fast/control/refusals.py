"""Maps the service's error texts to errors."""

from __future__ import annotations

import re

from realtime_fast.errors import AuthenticationError, RealtimeError, ServerError

_PERMANENT_PHRASES = (
    r"permission denied",
    r"not allowed",
    r"invalid session",
    r"(?:invalid|missing|bad|wrong) api[ _-]?key",
    r"unauthori[sz]ed",
    r"forbidden",
    # The numbers alone mean nothing: `GPU worker 14013 restarted`, `frame 403 of 900`.
    r"http(?:/[\d.]+)?(?: status| error)?(?: code)?[ :=]+40[13]",
    r"(?:status|error)(?: code)?[ :=]+40[13]",
    r"40[13] (?:client )?error",
)
"""What says that trying again cannot help, as whole words."""

_PERMANENT = re.compile(rf"\A40[13](?::|\Z)|\b(?:{'|'.join(_PERMANENT_PHRASES)})\b", re.IGNORECASE)


def server_failure(text: str) -> RealtimeError:
    """The error for an error text of the service: known refusals are permanent, others may be retried."""
    if _PERMANENT.search(text):
        return AuthenticationError(text)
    return ServerError(text or "The service reported an error without a text")


_UNKNOWN_MODEL = re.compile(
    r"\b(?:unknown|invalid|unsupported|no such) model\b|\bmodel\b.*\b(?:not found|does not exist)\b",
    re.IGNORECASE,
)


def names_unknown_model(text: str) -> bool:
    """Whether the service's text says that there is no such model."""
    return _UNKNOWN_MODEL.search(text) is not None
