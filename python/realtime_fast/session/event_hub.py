"""How events reach the user: callbacks by name, and streams of typed events.

Raising an event never waits and never fails. One task delivers them in order; what was raised before the caller had
a chance to register anything is held back until `release`.
"""

from __future__ import annotations

import inspect
import logging
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio

from realtime_fast.errors import InvalidInputError
from realtime_fast.events import EVENT_NAMES, Event, EventsDropped

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 1024
"""Events that may wait in one queue; then the oldest make room, and are counted."""


class EventStream:
    """Typed events, in order, as an async iterator; it ends when the client does.

    Bounded: a slow reader loses the oldest events and finds an `EventsDropped` with their number in their place.
    """

    def __init__(self, limit: int = QUEUE_LIMIT) -> None:
        self._limit = limit
        self._queue: deque[Event] = deque()
        self._dropped = 0
        self._closed = False
        self._wake = anyio.Event()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event | EventsDropped:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._wake = anyio.Event()
            await self._wake.wait()
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            return EventsDropped(dropped)
        return self._queue.popleft()

    def put(self, event: Event) -> None:
        """Queue an event; the oldest makes room if there is none."""
        if self._closed:
            return
        if len(self._queue) >= self._limit:
            self._queue.popleft()
            self._dropped += 1
        self._queue.append(event)
        self._wake.set()

    def close(self) -> None:
        """No more events; what is queued can still be read."""
        self._closed = True
        self._wake.set()


class EventHub:
    """Callbacks and streams of one client."""

    def __init__(self) -> None:
        self._pending: EventStream = EventStream()
        self._callbacks: dict[str, list[Callable[[Any], object]]] = {name: [] for name in EVENT_NAMES}
        self._streams: weakref.WeakSet[EventStream] = (
            weakref.WeakSet()
        )  # one that nobody reads any more is gone

    def on(self, name: str, callback: Callable[[Any], object]) -> None:
        """Call back with each event of this name.

        Raises:
            InvalidInputError: No such event; the message lists the names.
        """
        self._of(name).append(callback)

    def off(self, name: str, callback: Callable[[Any], object]) -> None:
        """Undo one `on`; a callback that is not registered is no error.

        Raises:
            InvalidInputError: No such event; the message lists the names.
        """
        callbacks = self._of(name)
        if callback in callbacks:
            callbacks.remove(callback)

    def stream(self) -> EventStream:
        """A stream of all events from here on."""
        stream = EventStream()
        self._streams.add(stream)
        return stream

    def emit(self, event: Event) -> None:
        """Raise an event."""
        self._pending.put(event)

    def close(self) -> None:
        """No more events: `deliver` returns once it has delivered the rest, the streams end."""
        self._pending.close()

    async def deliver(self, spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]) -> None:
        """Hand events out until the hub is closed.

        Args:
            spawn: Starts what an async callback returned; the callback does not hold up the others.
        """
        try:
            async for event in self._pending:
                if isinstance(event, EventsDropped):
                    logger.warning("%d events were dropped before they could be delivered", event.count)
                else:
                    self._hand_out(event, spawn)
        finally:
            for stream in tuple(self._streams):
                stream.close()

    def _hand_out(
        self, event: Event, spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
    ) -> None:
        for stream in tuple(self._streams):
            stream.put(event)
        for callback in tuple(self._callbacks[event.name]):
            try:
                result = callback(event.payload)
            except Exception:
                logger.exception("a %s callback failed", event.name)
                continue
            if inspect.isawaitable(result):
                spawn(_logged(event.name, result))

    def _of(self, name: str) -> list[Callable[[Any], object]]:
        try:
            return self._callbacks[name]
        except (KeyError, TypeError):
            raise InvalidInputError(f"Unknown event {name!r}; known are {', '.join(EVENT_NAMES)}") from None


def _logged(name: str, result: Awaitable[object]) -> Callable[[], Coroutine[Any, Any, None]]:
    async def body() -> None:
        try:
            await result
        except Exception:
            logger.exception("a %s callback failed", name)

    return body
