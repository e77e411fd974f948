"""What the tests of the stage client share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
import jwt
import msgspec

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


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """No task and no thread more after the block than before it."""

    def alive() -> tuple[set[asyncio.Task[Any]], set[threading.Thread]]:
        return {task for task in asyncio.all_tasks() if not task.done()}, set(threading.enumerate())

    tasks, threads = alive()
    yield
    with anyio.move_on_after(3):
        while (now := alive()) and (now[0] - tasks or now[1] - threads):
            await anyio.sleep(0.02)
    left = alive()
    assert [task.get_coro() for task in left[0] - tasks] == []
    assert left[1] - threads == set()


def break_events(stage: Stage) -> None:
    """Reset the TCP connection under a participant's events."""
    socket: Any = stage._presence._socket
    socket._socket._connection.transport.abort()


def whip_url(stage: Stage) -> str:
    """Where a stage's token says to publish."""
    return stage._host.token.claims.whip_url


def move(stage: Stage, url: str) -> None:
    """Let a stage's token name another place to publish."""
    token = stage._host.token
    object.__setattr__(token, "claims", msgspec.structs.replace(token.claims, whip_url=url))


def unverified(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def elsewhere(token: str, **claims: Any) -> str:
    """A token with other claims; only a client would take it."""
    return jwt.encode(unverified(token) | claims, "x" * 48, algorithm="HS384")
