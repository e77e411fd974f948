"""A bounded queue that drops its oldest items.

A video connection must neither queue without limit nor make a producer wait: a full queue drops its oldest item, and
counts it. With a capacity of 1 it holds the latest value. Any thread may put; readers wait on an event loop. Closing
wakes every reader.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel

T = TypeVar("T")


class DropOldest(Generic[T]):
    """The newest `capacity` items, in order.

    Attributes:
        put_count: Items ever put.
        dropped: Items that were dropped before anybody read them.
    """

    def __init__(self, capacity: int = 1) -> None:
        if capacity < 1:
            raise ValueError(f"The queue needs room for at least one item, not {capacity}")
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._closed = False
        self._lock = threading.Lock()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._noted = 0
        self.put_count = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether it is closed; items put before can still be read."""
        return self._closed

    def put(self, item: T) -> None:
        """Put an item; never waits. Ignored after `close`."""
        with self._lock:
            if self._closed:
                return
            self.put_count += 1
            if len(self._items) == self._capacity:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            waiting = self._waiting.popleft() if self._waiting else None
        if waiting is not None:
            _wake(waiting)

    async def get(self) -> T:
        """Wait for the oldest item, and take it.

        Raises:
            anyio.EndOfStream: The queue is closed and empty.
        """
        while True:
            await self.wait()
            with suppress(anyio.WouldBlock):  # another reader was faster
                return self.get_nowait()

    async def wait(self) -> None:
        """Wait until there is an item, and leave it there.

        Raises:
            anyio.EndOfStream: The queue is closed and empty.
        """
        while True:
            with self._lock:
                if self._items:
                    return
                closed = self._closed
                if not closed:
                    woken = asyncio.get_running_loop().create_future()
                    self._waiting.append(woken)
            if closed:
                # What closed the queue may have cancelled its reader as well: that the reader hears first.
                await anyio.lowlevel.checkpoint_if_cancelled()
                raise anyio.EndOfStream
            try:
                await woken
            except asyncio.CancelledError:
                self._pass_on(woken)
                raise

    def get_nowait(self) -> T:
        """Take the oldest item.

        Raises:
            anyio.WouldBlock: There is none.
        """
        with self._lock:
            if not self._items:
                raise anyio.WouldBlock
            return self._items.popleft()

    def newly_dropped(self) -> int:
        """Items that were dropped since the last call."""
        with self._lock:
            missing, self._noted = self.dropped - self._noted, self.dropped
        return missing

    def close(self) -> None:
        """Take no more items and wake every reader; idempotent."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
        for woken in waiting:
            _wake(woken)

    def _pass_on(self, cancelled: asyncio.Future[None]) -> None:
        """Pass a cancelled reader's wake-up on to the next reader, or withdraw its request for one."""
        with self._lock:
            if cancelled in self._waiting:
                self._waiting.remove(cancelled)
                return
            following = self._waiting.popleft() if self._items and self._waiting else None
        if following is not None:
            _wake(following)


def _wake(waiting: asyncio.Future[None]) -> None:
    loop = waiting.get_loop()
    with suppress(RuntimeError):  # its loop has ended, and the reader with it
        if _runs_here(loop):
            _settle(waiting)
        else:
            loop.call_soon_threadsafe(_settle, waiting)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this thread runs the loop: a wake-up then needs no system call."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _settle(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
