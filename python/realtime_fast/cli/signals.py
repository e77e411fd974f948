"""How a command learns that it is to end, on every system."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import anyio


@contextmanager
def ending() -> Iterator[anyio.Event]:
    """An event that SIGINT and SIGTERM set in this block, on Windows Ctrl-Break as well, in place of what they do.

    Event loops take signals on Unix only, so the handlers are the interpreter's own.
    """
    loop, told = asyncio.get_running_loop(), anyio.Event()

    def handle(*_: object) -> None:
        loop.call_soon_threadsafe(told.set)

    numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGBREAK", signal.SIGTERM)}
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
