"""Events for any number of readers, each with a bounded queue of its own, and for those who wait for a change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import anyio

from realtime_fast.aio.drop_oldest import DropOldest

T = TypeVar("T")

EVENTS_KEPT = 1024
"""Events queued for one reader; then the oldest are dropped."""


class Broadcast(Generic[T]):
    """Events from now on, to whoever reads them; used on one event loop."""

    def __init__(self) -> None:
        self._readers: list[DropOldest[T]] = []
        self._changed = anyio.Event()
        self._closed = False

    def emit(self, event: T) -> None:
        """Pass an event to every reader, and wake all who wait for a change."""
        for reader in self._readers:
            reader.put(event)
        self.wake()

    def wake(self) -> None:
        """Wake all who wait for a change, without an event."""
        self._changed.set()
        self._changed = anyio.Event()

    async def changed(self) -> None:
        """Return after the next change."""
        await self._changed.wait()

    def close(self) -> None:
        """End every reader once it has read what it has; idempotent."""
        self._closed = True
        for reader in self._readers:
            reader.close()

    def stream(self) -> AsyncIterator[T]:
        """The events from now on, until the end; a slow reader loses the oldest ones."""
        reader: DropOldest[T] = DropOldest(EVENTS_KEPT)
        if self._closed:
            reader.close()
        self._readers.append(reader)
        return self._read(reader)

    async def _read(self, reader: DropOldest[T]) -> AsyncIterator[T]:
        try:
            while True:
                yield await reader.get()
        except anyio.EndOfStream:
            return
        finally:
            self._readers.remove(reader)
