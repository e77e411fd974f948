"""The media path of an inference session in a LiveKit room: the service is a participant like any other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import anyio
from anyio.abc import TaskGroup

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.control import messages
from realtime_fast.control.signaling import NegotiationStep
from realtime_fast.errors import RealtimeError, RoomError
from realtime_fast.livekit import (
    Participant,
    ParticipantJoined,
    ParticipantLeft,
    PublishedTrack,
    Room,
    RoomLeft,
    TrackSubscribed,
)
from realtime_fast.options import VideoCodec
from realtime_fast.peer.link_events import LinkEvent, LinkLost, LinkUp, TrackArrived
from realtime_fast.server.faults import Faults, RoomFault
from realtime_fast.server.model.pipeline import Pipeline
from realtime_fast.server.room.access_token import LIFE, Grant
from realtime_fast.server.room.plane import Plane
from realtime_fast.server.room.rooms import SERVICE

CAMERA_LIMIT = 3.0
"""Seconds for a client that has joined to publish; after that it counts as having no camera."""

STATE_LIMIT = 30.0
"""Seconds for a client that has announced a prompt or an image to send it; then the output begins without."""

AUDIO_LEAD = 0.5
"""Seconds between sound and pictures that are published apart (fault injection)."""

DEAD_URL = "ws://127.0.0.1:9"
"""Nobody listens there (fault injection)."""

MALFORMED = '{"type": "livekit_room_info", "livekit_url": 5, "room_name": null}'


class Hosted(Protocol):
    """The inference session that a path is for."""

    id: str
    pipeline: Pipeline
    faults: Faults
    waits_for_state: bool
    has_state: anyio.Event

    def report(self, event: LinkEvent) -> None:
        """Take a link event."""

    def emit_raw(self, data: str | bytes) -> None:
        """Queue arbitrary data."""


def room_of(session_id: str) -> str:
    """The name of a session's room."""
    return f"session-{session_id}"


class RoomPath:
    """Carries a session's media over its room."""

    def __init__(self, plane: Plane, url: str, codec: VideoCodec, session: Hosted, tasks: TaskGroup) -> None:
        self._plane = plane
        self._url = url
        self._codec = codec
        self._session = session
        self._tasks = tasks
        self._name = room_of(session.id)
        self._client = f"client-{session.id}"
        self._own = f"{SERVICE}{session.id}"
        self._room: Room | None = None
        self._presence = anyio.CancelScope()
        self._returns = anyio.Event()
        self._arrived = anyio.Event()
        self._camera = anyio.Event()
        self._up = False

    def greeting(self) -> Sequence[messages.ServerMessage]:
        """Nothing: the client asks first."""
        return ()

    async def handle(self, message: NegotiationStep) -> Sequence[messages.ServerMessage]:
        """On `livekit_join` the client is invited, and the service goes into the room. Ignores the others."""
        if not isinstance(message, messages.LivekitJoin):
            return ()
        self._tasks.start_soon(self._guarded, self._attend)
        url, ttl = self._url, LIFE
        match self._session.faults.room_info:
            case "never":
                return ()
            case "malformed":
                self._session.emit_raw(MALFORMED)
                return ()
            case "dead":
                url = DEAD_URL
            case "expired":
                ttl = -1.0
        return (
            messages.LivekitRoomInfo(
                livekit_url=url,
                token=self._token(self._client, ttl),
                room_name=self._name,
                session_id=self._session.id,
            ),
        )

    async def stats(self) -> Mapping[str, Any]:
        """W3C webrtc-stats entries of what is sent and of what is received."""
        return {} if self._room is None else await self._room.get_stats()

    async def renegotiate(self) -> Sequence[messages.ServerMessage]:
        """Nothing is negotiated over the control channel."""
        return ()

    def cut(self) -> None:
        """Close the client's media sockets without notice."""
        self._plane.disturb(self._name, self._client, "cut")

    def mute(self) -> None:
        """Send the client no more packets, but keep receiving."""
        self._plane.disturb(self._name, self._client, "mute")

    async def afflict(self, fault: RoomFault) -> None:
        """Play a fault of the room."""
        match fault:
            case "signal":
                self._plane.disturb(self._name, self._client, "signal")
            case "removed":
                await self._plane.remove(self._name, self._client)
            case "deleted":
                await self._plane.end(self._name)
            case "absent":
                self._presence.cancel()
            case "back":
                self._returns.set()
            case "codec":
                self._codec = "vp8" if self._codec == "h264" else "h264"
                self._returns.set()
                self._presence.cancel()
            case "twice":
                self._tasks.start_soon(self._guarded, self._stand_in, self._client)
            case "double":
                self._tasks.start_soon(self._guarded, self._stand_in, f"{self._own}-2")
            case "foreign":
                self._tasks.start_soon(self._guarded, self._stand_in, f"stranger-{self._session.id}")

    def _token(self, identity: str, ttl: float = LIFE) -> str:
        return self._plane.keys.issue(Grant(identity=identity, room=self._name), ttl)

    # --- the service's participant

    async def _attend(self) -> None:
        await anyio.sleep(self._session.faults.late)
        while True:
            with anyio.CancelScope() as self._presence:
                await self._stay()
            await self._returns.wait()
            self._returns = anyio.Event()

    async def _stay(self) -> None:
        def wants(who: Participant, _: PublishedTrack) -> bool:
            return who.identity == self._client

        token = self._token(self._own)
        async with (
            Room(self._url, token, wants=wants, video_codec=self._codec, min_delay=None) as room,
            owned_tasks() as tasks,
        ):
            self._room = room
            events = room.events()
            if any(who.identity == self._client for who in room.participants.values()):
                self._arrived.set()
            tasks.start_soon(self._publish, room)
            async for event in events:
                match event:
                    case ParticipantJoined(who) if who.identity == self._client:
                        self._arrived.set()
                    case ParticipantLeft(who) if who.identity == self._client:
                        raise RoomError("The client has left the room")
                    case TrackSubscribed():
                        self._session.report(TrackArrived(event.track.kind, event.media))
                        if event.track.kind == "video":
                            self._camera.set()
                    case RoomLeft(error):
                        raise error

    async def _publish(self, room: Room) -> None:
        """Publish the output; the link is up once the client has come, and its camera."""
        if self._session.waits_for_state:
            with anyio.move_on_after(STATE_LIMIT):
                await self._session.has_state.wait()
        video, audio = self._session.pipeline.video, self._session.pipeline.audio
        match self._session.faults.publish:
            case "audio-first":
                await room.publish(audio=audio.outlet())
                await anyio.sleep(AUDIO_LEAD)
                await room.publish(video=video.outlet())
            case "two-videos":
                await room.publish(video=video.outlet(), audio=audio.outlet())
                await room.publish(video=video.outlet())
            case None:
                await room.publish(video=video.outlet(), audio=audio.outlet())
        await self._arrived.wait()
        with anyio.move_on_after(CAMERA_LIMIT):
            await self._camera.wait()
        if not self._up:
            self._up = True
            self._session.report(LinkUp())

    async def _stand_in(self, identity: str) -> None:
        """Join and publish as somebody else (fault injection)."""
        async with Room(self._url, self._token(identity), wants=_nothing) as room:
            await room.publish(video=self._session.pipeline.video.outlet())
            await room.wait_over()

    async def _guarded(self, body: Callable[..., Awaitable[None]], *args: Any) -> None:
        try:
            await body(*args)
        except RealtimeError as error:
            self._session.report(LinkLost(error))


def _nothing(_: Participant, __: PublishedTrack) -> bool:
    return False


def over_room(
    plane: Plane, base_url: str, codec: VideoCodec
) -> Callable[[Hosted], AbstractAsyncContextManager[RoomPath]]:
    """The media path of sessions over a room, which is deleted when the session leaves it.

    Args:
        plane: Where the room is.
        base_url: The service as participants reach it.
        codec: What the service prefers to send.
    """

    @asynccontextmanager
    async def open_path(session: Hosted) -> AsyncIterator[RoomPath]:
        name = room_of(session.id)
        await plane.begin(name)
        try:
            async with owned_tasks() as tasks:
                yield RoomPath(plane, plane.address(base_url), codec, session, tasks)
        finally:
            with anyio.CancelScope(shield=True):
                await plane.end(name)

    return open_path
