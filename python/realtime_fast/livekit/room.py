"""A client for LiveKit rooms (docs/livekit.md, Room client)."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import anyio
from aiortc import MediaStreamTrack
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectSendStream
from livekit.protocol import models, rtc

from realtime_fast.aio.broadcast import Broadcast
from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.errors import ConnectTimeoutError, InvalidInputError, LinkError, RoomError
from realtime_fast.livekit.connections import (
    Item,
    PeerSettings,
    Publisher,
    Subscriber,
    announcement,
    named,
    passes_trailers_on,
)
from realtime_fast.livekit.events import (
    Participant,
    PublishedTrack,
    RoomEvent,
    RoomLeft,
    SendingFailed,
    SignalRestored,
    can_decode,
)
from realtime_fast.livekit.outputs import AddCandidate, Emit, HangUp, Negotiate, Output, Send, Target
from realtime_fast.livekit.room_core import RESUME_LIMIT, RoomCore, Stay
from realtime_fast.livekit.signal_socket import SignalSocket, open_signal, signal_url
from realtime_fast.media.tracks import SentTrack
from realtime_fast.options import IceServer, SendOptions, VideoCodec
from realtime_fast.peer.link_events import LinkDiagnostic
from realtime_fast.redaction import Secrets
from realtime_fast.stats import merge_reports

OUTBOX = 256
"""Messages queued for a server that does not read; one more and its signal socket is given up."""

FAREWELL = 0.5
"""Seconds for saying goodbye."""


class Room(anyio.AsyncContextManagerMixin):
    """A client in a LiveKit room: entering the scope joins, leaving it leaves. It can be used once.

    async with Room("wss://livekit.example", token) as room:
        await room.publish(video=camera, audio=microphone)
        async for event in room.events(): ...

    A signal socket that is lost is opened again, with the newest token that the server has sent, while media goes on.

    Args:
        url: The LiveKit server's URL.
        token: An access token: it names the room, and says who one is and what one may do.
        wants: Decides, for each track of the others, whether to receive it; by default all that can be decoded.
        video_codec: What to prefer for sent video.
        ice_servers: STUN and TURN servers, instead of those that the server names; None for those.
        timeout: Seconds that joining, publishing and waiting for media may take each.
        sending: Bit rates, and what to give up first where not everything can be sent.
        min_delay: Seconds that what is received is held back at least, to smooth jitter; None to hold nothing back,
            for what is worked on and not shown.
        on_diagnostic: Called on the event loop with what the peer connections notice.

    Raises:
        InvalidInputError: The URL is none.
        RoomError: The server cannot be reached, or refused; `status` is that of HTTP.
        ConnectTimeoutError: Joining took too long.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        wants: Callable[[Participant, PublishedTrack], bool] = can_decode,
        video_codec: VideoCodec = "h264",
        ice_servers: Sequence[IceServer] | None = None,
        timeout: float = 15.0,
        sending: SendOptions | None = None,
        min_delay: float | None = 0.0,
        on_diagnostic: Callable[[LinkDiagnostic], None] | None = None,
    ) -> None:
        signal_url(url, token)
        self._secrets = Secrets()
        self._core = RoomCore(url, token, wants)
        self._ice_servers = ice_servers
        self._timeout = timeout
        self._settings = PeerSettings(
            video_codec=video_codec,
            sending=sending or SendOptions(),
            min_delay=min_delay,
            on_diagnostic=on_diagnostic,
            on_failure=lambda error: self._feed.emit(SendingFailed(self._secrets.clean_error(error))),
        )
        self._feed: Broadcast[RoomEvent] = Broadcast()
        self._over: LinkError | None = RoomError("The room was not joined: enter it first")
        self._socket: SignalSocket | None = None
        self._outbox: MemoryObjectSendStream[rtc.SignalRequest] | None = None
        self._hanging_up: RoomError | None = None
        self._publisher: Publisher | None = None
        self._subscriber: Subscriber | None = None
        self._receiving = anyio.Event()
        self._connections: list[anyio.CancelScope] = []
        self._joined_once = False

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncIterator[Room]:
        async with owned_tasks() as self._tasks:
            try:
                with self._limit("livekit-connect"):
                    await self._tasks.start(self._stay)
                yield self
            finally:
                await self._say_goodbye()
                self._end(RoomError("The room was left"))
                for connection in filter(None, (self._publisher, self._subscriber)):
                    connection.close()

    # --- who is here

    @property
    def local(self) -> Participant:
        """This client, as the server describes it.

        Raises:
            RoomError: It has not joined.
        """
        if self._core.local is None:
            raise RoomError("The room was not joined: enter it first")
        return self._core.local

    @property
    def participants(self) -> Mapping[str, Participant]:
        """The other participants by their ids."""
        return self._core.participants

    def events(self) -> AsyncIterator[RoomEvent]:
        """The events from now on, until the room is left; a slow reader loses the oldest ones."""
        return self._feed.stream()

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return once a condition holds; it is looked at after each change in the room.

        Raises:
            LinkError: The room is over.
        """
        while not holds():
            self._check()
            await self._feed.changed()

    async def wait_over(self) -> LinkError:
        """Wait until this client is out of the room; returns why."""
        while self._over is None:
            await self._feed.changed()
        return self._over

    async def wait_receiving(self) -> None:
        """Return once media can be received.

        Raises:
            RoomError: The token does not allow it, or the room is over.
            LinkError: There is no network path to the server.
            ConnectTimeoutError: It took too long.
        """
        if not self._core.may_subscribe:
            raise RoomError("The access token does not allow to receive anything", status=403)
        with self._limit("subscribe"):
            await self.wait_until(self._receiving.is_set)

    # --- media

    async def publish(
        self,
        *,
        video: MediaStreamTrack | None = None,
        audio: MediaStreamTrack | None = None,
        size: tuple[int, int] = (0, 0),
    ) -> None:
        """Publish tracks until the room is left; returns once media can flow. They are the caller's, never stopped.

        Further calls publish further tracks.

        Args:
            video: Announced as a camera.
            audio: Announced as a microphone.
            size: Width and height of the video, as it is announced; 0 for unknown.

        Raises:
            InvalidInputError: There is nothing to publish, or a track is published already.
            RoomError: The token does not allow it, the server refused, or the room is over.
            LinkError: There is no network path to the server.
            ConnectTimeoutError: It took too long.
        """
        given = [track for track in (video, audio) if track is not None]
        if not given:
            raise InvalidInputError("publish needs a video track, an audio track, or both")
        publisher = self._sending()
        if not self._core.may_publish:
            raise RoomError("The access token does not allow publishing", status=403)
        tracks = publisher.wrap(given)
        with self._limit("publish-local-track"):
            async with publisher.turn:
                for track in tracks:
                    self._core.publish(announcement(track, size))
                self._flush()
                await self.wait_until(lambda: all(self._core.announced(track.id) for track in tracks))
                await self._send_these(publisher, tracks)

    async def _send_these(self, publisher: Publisher, tracks: Sequence[SentTrack]) -> None:
        """Send tracks that were announced."""
        trailers = any(passes_trailers_on(self._core.announced(track.id)) for track in tracks)
        if publisher.has_begun:
            await publisher.add(tracks, trailers=trailers)
        else:
            up = anyio.Event()
            run = partial(publisher.run, self._servers(), tracks, self._up(up), trailers=trailers)
            self._tasks.start_soon(self._keep, run)
            await self.wait_until(up.is_set)
        await self.wait_until(lambda: publisher.is_settled)

    async def unpublish(self, *tracks: MediaStreamTrack) -> None:
        """Send these tracks no more; returns once the server knows. They are not stopped.

        Raises:
            InvalidInputError: One of them is not published.
            LinkError: The room is over.
            ConnectTimeoutError: It took too long.
        """
        publisher = self._sending()
        sent = publisher.unwrap(tracks)
        with self._limit("publish-local-track"):
            async with publisher.turn:
                for track in sent:
                    self._core.unpublish(track.id)
                await publisher.remove(sent)
                await self.wait_until(lambda: publisher.is_settled)

    async def get_stats(self) -> Mapping[str, Any]:
        """W3C webrtc-stats entries of both connections, by id; empty while there are none."""
        connections = {"publisher": self._publisher, "subscriber": self._subscriber}
        return merge_reports(
            {name: await one.stats() for name, one in connections.items() if one is not None}
        )

    def _sending(self) -> Publisher:
        self._check()
        assert self._publisher is not None
        return self._publisher

    def _servers(self) -> Sequence[IceServer]:
        return named(self._core.ice_servers) if self._ice_servers is None else self._ice_servers

    # --- the stay

    async def _stay(self, *, task_status: TaskStatus[None]) -> None:
        core = self._core
        while True:
            until = core.resume_until
            try:
                with anyio.CancelScope(deadline=math.inf if until is None else until) as patience:
                    self._secrets.add(core.token)
                    url = signal_url(core.server, core.token, resume=core.resumes)
                    async with open_signal(url, self._secrets) as socket:
                        await self._converse(socket, patience, task_status)
                raise RoomError(f"The signal socket could not be opened again within {RESUME_LIMIT:g} s")
            except RoomError as error:
                delay = core.lost(error, anyio.current_time())
                self._flush()
                if delay is None:
                    assert core.failure is not None
                    if self._joined_once:
                        self._end(core.failure)
                        return
                    raise core.failure from core.failure.__cause__
            await anyio.sleep(delay)

    async def _converse(
        self, socket: SignalSocket, patience: anyio.CancelScope, task_status: TaskStatus[None]
    ) -> None:
        """Exchange messages on one socket until it is lost, or given up."""
        self._outbox, outgoing = anyio.create_memory_object_stream[rtc.SignalRequest](OUTBOX)
        self._hanging_up, self._socket = None, socket
        self._core.opened(anyio.current_time())
        try:
            async with owned_tasks() as tasks:
                tasks.start_soon(socket.send_all, outgoing)
                while self._hanging_up is None:
                    message = None
                    due = self._core.deadline
                    with anyio.CancelScope(deadline=math.inf if due is None else due):
                        message = await socket.receive()
                    now = anyio.current_time()
                    if message is not None:
                        self._core.receive(message, now)
                    self._core.tick(now)
                    if self._core.stay is Stay.JOINED:
                        patience.deadline = math.inf
                        self._begin(task_status)
                    self._flush()
                raise self._hanging_up
        finally:
            self._outbox.close()
            outgoing.close()
            self._outbox = self._socket = None

    def _begin(self, task_status: TaskStatus[None]) -> None:
        """The room was joined, if that is new."""
        if self._joined_once:
            return
        self._joined_once, self._over = True, None
        self._publisher = Publisher(self._send, self._settings, self._feed.wake)
        if self._core.may_subscribe:
            subscriber = self._subscriber = Subscriber(self._send, self._settings, self._received)
            self._tasks.start_soon(
                self._keep, lambda: subscriber.run(self._servers(), self._up(self._receiving))
            )
        task_status.started()

    def _up(self, event: anyio.Event) -> Callable[[], None]:
        """Called when a connection is up: sets the event, and wakes who waits for it."""

        def up() -> None:
            event.set()
            self._feed.wake()

        return up

    async def _keep(self, run: Callable[[], Awaitable[None]]) -> None:
        """Keep one of the connections while the stay lasts; the stay ends with it."""
        try:
            with anyio.CancelScope() as scope:
                self._connections.append(scope)
                await run()
        except LinkError as error:
            self._end(error)
        except InvalidInputError as error:
            self._end(RoomError(f"The LiveKit server names an ICE server that is none: {error}"))
        finally:
            self._feed.wake()

    def _received(self, sid: str, media: MediaStreamTrack) -> None:
        self._core.media_arrived(sid, media)
        self._flush()

    def _send(self, request: rtc.SignalRequest) -> None:
        self._core.send(request)
        self._flush()

    def _flush(self) -> None:
        """Perform the core's outputs."""
        while outputs := self._core.take():
            for output in outputs:
                self._perform(output)
        self._feed.wake()

    def _perform(self, output: Output) -> None:
        try:
            match output:
                case Send() if self._outbox is not None:
                    self._outbox.send_nowait(output.request)
                case Negotiate():
                    self._pass_on(output.target, (output.sdp, output.number))
                case AddCandidate():
                    self._pass_on(output.target, output.candidate)
                case Emit():
                    self._feed.emit(output.event)
                    if isinstance(output.event, SignalRestored) and self._publisher is not None:
                        self._publisher.offer_again()
                case HangUp():
                    self._hanging_up = output.error
                case _:
                    pass
        except anyio.WouldBlock:
            self._hanging_up = RoomError("The LiveKit server does not read, or floods the client")

    def _pass_on(self, target: Target, item: Item) -> None:
        connection = self._publisher if target == "publisher" else self._subscriber
        if connection is not None:
            connection.take(item)

    # --- the end

    async def _say_goodbye(self) -> None:
        if self._socket is not None:
            leave = rtc.LeaveRequest(reason=models.CLIENT_INITIATED, action=rtc.LeaveRequest.DISCONNECT)
            with anyio.move_on_after(FAREWELL, shield=True):
                await self._socket.send(rtc.SignalRequest(leave=leave))

    def _end(self, error: LinkError) -> None:
        """The stay is over; only the first reason counts."""
        if self._over is not None:
            return
        self._over = error
        self._core.end(error)
        for scope in self._connections:
            scope.cancel()
        self._feed.emit(RoomLeft(error))
        self._feed.close()

    def _check(self) -> None:
        if self._over is not None:
            raise self._over

    @contextmanager
    def _limit(self, phase: str) -> Iterator[None]:
        try:
            with anyio.fail_after(self._timeout):
                yield
        except TimeoutError:
            raise ConnectTimeoutError(phase, self._timeout, transport="livekit") from None
