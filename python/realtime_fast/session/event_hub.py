"""How events reach the user: callbacks by name, and streams of typed events.

Raising an event never waits and never fails. One task delivers events in order. Until a callback is registered for a
name, its events are kept and then delivered to that first callback; likewise the first stream begins with the first
event. So programs may register before or after connecting.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeAlias

import anyio

from realtime_fast.aio.callers import from_caller
from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.errors import InvalidInputError
from realtime_fast.events import EVENT_NAMES, Event, EventsDropped

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 1024
"""Events that one queue holds; then the oldest are dropped, and counted."""

BACKLOG_LIMIT = 256
"""Events of one name that are kept for its first callback; then the oldest are dropped, and counted."""

Callback: TypeAlias = Callable[[Any], object]
Spawn: TypeAlias = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


class EventStream:
    """Typed events, in order, as an async iterator; it ends when the client does.

    Bounded: a slow reader loses the oldest events and finds an `EventsDropped` with their number in their place.
    """

    def __init__(self, limit: int = QUEUE_LIMIT) -> None:
        self._events: DropOldest[Event] = DropOldest(limit)
        self._held: Event | None = None

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event | EventsDropped:
        try:
            return self._noting_gaps(self._held or await self._events.get())
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    def drain(self) -> Iterator[Event | EventsDropped]:
        """What can be read without waiting."""
        while self._held or len(self._events):
            yield self._noting_gaps(self._held or self._events.get_nowait())

    def _noting_gaps(self, event: Event) -> Event | EventsDropped:
        """`event`; or, if events were dropped before it, their number first and `event` the next time."""
        missing = self._events.newly_dropped()
        self._held = event if missing else None
        return EventsDropped(missing) if missing else event

    def put(self, event: Event) -> None:
        """Queue an event; a full queue drops its oldest."""
        self._events.put(event)

    def close(self) -> None:
        """No more events; what is queued can still be read."""
        self._events.close()


class EventHub:
    """Callbacks and streams of one client."""

    def __init__(self) -> None:
        self._pending: DropOldest[Event | None] = DropOldest(QUEUE_LIMIT)
        self._callbacks: dict[str, list[Callback]] = {name: [] for name in EVENT_NAMES}
        self._backlogs = {name: EventStream(BACKLOG_LIMIT) for name in EVENT_NAMES}
        self._awaited: deque[EventStream] = deque()
        self._over = False
        # Held until it is taken; from then on, as all later streams, it is collected once nobody reads it.
        self._first: EventStream | None = EventStream()
        self._streams: weakref.WeakSet[EventStream] = weakref.WeakSet([self._first])

    def on(self, name: str, callback: Callback) -> None:
        """Call back with each event of this name; the first callback also gets the events raised before.

        Raises:
            InvalidInputError: No such event; the message lists the names.
        """
        self._of(name).append(callback)
        if (backlog := self._backlogs.pop(name, None)) is not None:
            self._awaited.append(backlog)
            if self._over:
                self._replay(None)
            else:
                self._pending.put(None)  # wakes the delivery

    def off(self, name: str, callback: Callback) -> None:
        """Remove a callback; does nothing if it is not registered.

        Raises:
            InvalidInputError: No such event; the message lists the names.
        """
        callbacks = self._of(name)
        if callback in callbacks:
            callbacks.remove(callback)

    def stream(self) -> EventStream:
        """A stream of all events: the first stream from the beginning, later ones from now on."""
        stream, self._first = self._first, None
        if stream is None:
            stream = EventStream()
            self._streams.add(stream)
        return stream

    def emit(self, event: Event) -> None:
        """Raise an event."""
        self._pending.put(event)

    def close(self) -> None:
        """End: `deliver` returns once the rest is delivered, and the streams end."""
        self._pending.close()

    async def deliver(self, spawn: Spawn) -> None:
        """Deliver events until the hub is closed.

        Args:
            spawn: Runs what an async callback returned, so that it does not delay other callbacks.
        """
        try:
            while True:
                event = await self._pending.get()
                self._replay(spawn)
                if event is not None:
                    self._hand_out(event, spawn)
                if missing := self._pending.newly_dropped():
                    _warn(missing)
        except anyio.EndOfStream:
            pass
        finally:
            self._over = True
            for stream in tuple(self._streams):
                stream.close()

    def _replay(self, spawn: Spawn | None) -> None:
        """Give the first callbacks of a name what was kept for them, before anything newer."""
        while self._awaited:
            for event in self._awaited.popleft().drain():
                if isinstance(event, EventsDropped):
                    _warn(event.count)
                else:
                    self._call_back(event, spawn)

    def _hand_out(self, event: Event, spawn: Spawn) -> None:
        for stream in tuple(self._streams):
            stream.put(event)
        if (backlog := self._backlogs.get(event.name)) is not None:
            backlog.put(event)
        self._call_back(event, spawn)

    def _call_back(self, event: Event, spawn: Spawn | None) -> None:
        for callback in tuple(self._callbacks[event.name]):
            _call(callback, event, spawn)

    def _of(self, name: str) -> list[Callback]:
        try:
            return self._callbacks[name]
        except (KeyError, TypeError):
            raise InvalidInputError(f"Unknown event {name!r}; known are {', '.join(EVENT_NAMES)}") from None


def _call(callback: Callback, event: Event, spawn: Spawn | None) -> None:
    try:
        result = callback(event.payload)
    except (
        Exception,
        asyncio.CancelledError,
    ):  # nothing is cancelled between two awaits: this is the callback's own
        logger.exception("a %s callback failed", event.name)
        return
    if not inspect.isawaitable(result):
        return
    if spawn is not None:
        spawn(_logged(event.name, result))
    else:  # the session is over, and with it the task group
        logger.warning(
            "a %s callback was not awaited: it was registered after the session had ended", event.name
        )
        if inspect.iscoroutine(result):
            result.close()


def _warn(count: int) -> None:
    logger.warning("%d events were dropped before they could be delivered", count)


def _logged(name: str, result: Awaitable[object]) -> Callable[[], Coroutine[Any, Any, None]]:
    async def body() -> None:
        try:
            await from_caller(result)
        except Exception:
            logger.exception("a %s callback failed", name)

    return body
