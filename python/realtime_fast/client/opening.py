"""What `connect` returns: to be awaited, or entered with `async with`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Protocol, TypeVar

import anyio

from realtime_fast.aio.callers import require_asyncio
from realtime_fast.session.event_hub import Callback, EventHub, EventStream


class Disconnectable(Protocol):
    """The client that a connection becomes."""

    async def disconnect(self) -> None:
        """End it."""


T = TypeVar("T", bound=Disconnectable)


class Connecting(Coroutine[Any, Any, T]):
    """What `connect` and `subscribe` return.

    `await` gives the client, which lives until its `disconnect()`; `async with` gives it for the length of the block.
    It is a coroutine, so that `asyncio.create_task` and the like accept it. Callbacks and streams made on it carry
    over to the client, and see the events of connecting too.
    """

    def __init__(self, connect: Callable[[EventHub], Coroutine[Any, Any, T]]) -> None:
        self._connect = connect
        self._hub = EventHub()
        self._running: Coroutine[Any, Any, T] | None = None
        self._client: T | None = None

    def on(self, event: str, callback: Callback) -> None:
        """Call `callback`, sync or async, with each event of this name, those of connecting included.

        Raises:
            InvalidInputError: No such event; the message lists the names.
        """
        self._hub.on(event, callback)

    def off(self, event: str, callback: Callback) -> None:
        """Remove a callback.

        Raises:
            InvalidInputError: No such event; the message lists the names.
        """
        self._hub.off(event, callback)

    def events(self) -> EventStream:
        """All events as typed records: `async for event in connecting.events()`; ends with the client."""
        return self._hub.stream()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._inner().__await__()

    def send(self, value: Any) -> Any:
        """Drive it, as a coroutine."""
        return self._inner().send(value)

    def throw(self, *args: Any) -> Any:
        """Interrupt it, as a coroutine."""
        return self._inner().throw(*args)

    def close(self) -> None:
        """Close it, as a coroutine."""
        if self._running is not None:
            self._running.close()

    async def __aenter__(self) -> T:
        self._client = await self._inner()
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            with anyio.CancelScope(shield=True):
                await self._client.disconnect()

    def _inner(self) -> Coroutine[Any, Any, T]:
        if self._running is None:
            require_asyncio()
            self._running = self._connect(self._hub)
        return self._running
