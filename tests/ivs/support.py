"""What the tests of the stage client share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

import anyio
import jwt

from realtime_fast.ivs import Stage
from realtime_fast.ivs.events import StageEvent

E = TypeVar("E")


async def until(events: AsyncIterator[StageEvent], kind: type[E], within: float = 10) -> E:
    """The next event of a kind."""
    with anyio.fail_after(within):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the events ended without a {kind.__name__}")


def break_events(stage: Stage) -> None:
    """Reset the TCP connection under a participant's events."""
    socket: Any = stage._presence._socket
    socket._socket._connection.transport.abort()


def unverified(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def elsewhere(token: str, **claims: Any) -> str:
    """A token with other claims; only a client would take it."""
    return jwt.encode(unverified(token) | claims, "x" * 48, algorithm="HS384")
