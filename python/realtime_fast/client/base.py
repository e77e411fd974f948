"""What publishers and viewers have in common: state, events, received pictures, disconnecting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from realtime_fast.events import ConnectionQuality, QueuePosition
from realtime_fast.frames import PixelFormat
from realtime_fast.latency import LatencySnapshot
from realtime_fast.media.frame_stream import FrameStream
from realtime_fast.options import ConnectionState
from realtime_fast.session.event_hub import EventStream
from realtime_fast.session.session import Session


class ClientBase:
    """The methods that publishers and viewers share."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def frames(self, format: PixelFormat = "rgb24", latest: bool = True) -> FrameStream:  # noqa: A002
        """The received pictures as NumPy arrays: `async for frame in client.frames()`.

        Args:
            format: Pixel format of the arrays.
            latest: Always the newest picture, so that a slow reader never falls behind; False for every picture, in
                order, from a bounded queue.
        """
        return self._session.frames(format, latest=latest)

    def is_connected(self) -> bool:
        """Whether the connection is live."""
        return self._session.connect_loop.live is not None

    def get_connection_state(self) -> ConnectionState:
        """`connecting`, `connected`, `generating`, `reconnecting` or `disconnected`."""
        return self._session.connect_loop.state

    @property
    def connection_quality(self) -> ConnectionQuality | None:
        """The newest verdict on the connection (docs/quality.md), None before the first sample."""
        return self._session.quality

    @property
    def queue_position(self) -> QueuePosition | None:
        """The session's place in the queue for capacity, None while it does not wait."""
        return self._session.queue_position

    def get_latency(self) -> LatencySnapshot | None:
        """What is known about latency now (docs/latency.md); None without `latency_tracking`."""
        return self._session.latency()

    def on(self, event: str, callback: Callable[[Any], object]) -> None:
        """Call `callback`, sync or async, with each event of this name.

        Raises:
            InvalidInputError: No such event; the message lists the names.
        """
        self._session.hub.on(event, callback)

    def off(self, event: str, callback: Callable[[Any], object]) -> None:
        """Remove a callback.

        Raises:
            InvalidInputError: No such event; the message lists the names.
        """
        self._session.hub.off(event, callback)

    def events(self) -> EventStream:
        """All events as typed records: `async for event in client.events()`; ends with the client."""
        return self._session.hub.stream()

    async def disconnect(self) -> None:
        """End the session; idempotent. The local tracks keep running."""
        await self._session.stop()
