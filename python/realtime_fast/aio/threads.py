"""Blocking calls that may never return."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_own_thread(name: str, call: Callable[[], T]) -> T:
    """What `call` returns or raises, from a thread of its own that ends with it.

    Cancelling abandons the call. A thread that hangs for ever keeps neither the caller nor the interpreter from
    ending, as one of a pool would.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if outcome.cancelled():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result = error = None
        try:
            result = call()
        except Exception as raised:  # noqa: BLE001 - raised again by whoever waits
            error = raised
        except BaseException as raised:  # noqa: BLE001 - as it is, it would end the waiting task without a trace
            error = RuntimeError(f"the call ended with {type(raised).__name__}")
        with suppress(RuntimeError):  # the loop has ended meanwhile, and nobody waits
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await outcome
