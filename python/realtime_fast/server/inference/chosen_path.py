"""The media path that a client's first message chooses: an offer means a peer connection, `livekit_join` a room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup, TaskStatus

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.control import messages
from realtime_fast.control.signaling import NegotiationStep
from realtime_fast.errors import InvalidInputError
from realtime_fast.server.faults import RoomFault
from realtime_fast.server.inference.session import InferenceSession, OpenPath
from realtime_fast.server.inference.webrtc_path import MediaPath

NO_ROOMS = "This service opens no LiveKit rooms: pip install 'realtime-fast[server,livekit]'"


class ChosenPath:
    """Opens a path with the first message of the negotiation, and is that path from then on."""

    def __init__(
        self, session: InferenceSession, webrtc: OpenPath, livekit: OpenPath | None, tasks: TaskGroup
    ) -> None:
        self._session = session
        self._webrtc, self._livekit = webrtc, livekit
        self._tasks = tasks
        self._path: MediaPath | None = None

    async def handle(self, message: NegotiationStep) -> Sequence[messages.ServerMessage]:
        """Open the path that the message chooses, and pass it on.

        Raises:
            InvalidInputError: A room was asked for, and what it needs is not installed.
            RealtimeError: The message cannot be used.
        """
        if self._path is None:
            wanted = self._livekit if isinstance(message, messages.LivekitJoin) else self._webrtc
            if wanted is None:
                raise InvalidInputError(NO_ROOMS)
            self._path = await self._tasks.start(self._host, wanted(self._session))
        return await self._path.handle(message)

    async def _host(
        self, opening: AbstractAsyncContextManager[MediaPath], *, task_status: TaskStatus[MediaPath]
    ) -> None:
        async with opening as path:
            task_status.started(path)
            await anyio.sleep_forever()

    async def stats(self) -> Mapping[str, Any]:
        """W3C webrtc-stats entries by id."""
        return {} if self._path is None else await self._path.stats()

    def greeting(self) -> Sequence[messages.ServerMessage]:
        """Nothing: the client begins."""
        return ()

    async def renegotiate(self) -> Sequence[messages.ServerMessage]:
        """Start a renegotiation, if the path has any."""
        return () if self._path is None else await self._path.renegotiate()

    def cut(self) -> None:
        """Close the media sockets without notice."""
        if self._path is not None:
            self._path.cut()

    def mute(self) -> None:
        """Stop sending packets, but keep receiving."""
        if self._path is not None:
            self._path.mute()

    async def afflict(self, fault: RoomFault) -> None:
        """Play a fault of the room."""
        if self._path is not None:
            await self._path.afflict(fault)


def by_first_message(webrtc: OpenPath, livekit: OpenPath | None) -> OpenPath:
    """The media path of sessions whose URL does not say which; None where there are no rooms."""

    @asynccontextmanager
    async def open_path(session: InferenceSession) -> AsyncIterator[MediaPath]:
        async with owned_tasks() as tasks:
            yield ChosenPath(session, webrtc, livekit, tasks)

    return open_path
