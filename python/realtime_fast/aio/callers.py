"""Calls into code of the caller's, which may raise anything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from realtime_fast.errors import RealtimeError

T = TypeVar("T")


def is_own_cancellation(error: BaseException) -> bool:
    """Whether this is a real cancellation of the current task, and no `CancelledError` that somebody's code raised.

    The real one has to pass. The other kind would end a task without a trace: it is a failure like any other.
    """
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


async def from_caller(result: Awaitable[T]) -> T:
    """Await what the caller's code returned.

    Raises:
        RuntimeError: It raised `CancelledError` although nobody cancelled anything.
        Exception: Whatever else it raised.
    """
    try:
        return await result
    except asyncio.CancelledError as error:
        if is_own_cancellation(error):
            raise
        raise RuntimeError("it raised CancelledError, which nobody had asked for") from error


def require_asyncio() -> None:
    """Refuse other event loops than asyncio's.

    Raises:
        RealtimeError: This does not run on asyncio.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RealtimeError(
            "realtime_fast needs asyncio, because aiortc does: run the program with asyncio.run(main()) or "
            "anyio.run(main), not with trio"
        ) from None
