"""A stage client of its own: all it needs is a participant token (`spec` ivs-stage, Life of a stage client)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import httpx2
from aiortc import MediaStreamTrack
from anyio.abc import TaskStatus

from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.errors import ConnectTimeoutError, InvalidInputError, StageError
from realtime_fast.ivs.events import Participant, ParticipantChanged, ParticipantLeft, StageEvent, StageLeft
from realtime_fast.ivs.participant_token import StageToken
from realtime_fast.ivs.presence import Presence
from realtime_fast.ivs.stream import Publication, Stream, Subscription
from realtime_fast.media.tracks import SentTrack
from realtime_fast.options import IceServer, VideoCodec
from realtime_fast.peer.link_events import LinkDiagnostic

EVENTS_KEPT = 1024
"""Events that a reader may leave waiting; then the oldest make room."""


class Stage(anyio.AsyncContextManagerMixin):
    """A place on an Amazon IVS stage: entering it joins, leaving it leaves.

    async with Stage(token) as stage:
        await stage.publish(video=camera, audio=microphone)
        async for event in stage.events(): ...

    Leaving ends every publication and subscription on the stage's side too, in bounded time. It can be used once.

    Args:
        token: A participant token; it says where the stage is, who one is and what one may do.
        video_codec: What to prefer for sent video; production wants H.264.
        ice_servers: STUN and TURN servers; a stage needs none as a rule.
        timeout: Seconds that joining, each publication and each subscription may take.
        on_diagnostic: Called on the event loop with what the peer connections notice.

    Raises:
        StageError: The token is none, has expired, or the stage refused it; `status` is that of HTTP.
        ConnectTimeoutError: Joining took too long.
    """

    def __init__(
        self,
        token: str,
        *,
        video_codec: VideoCodec = "h264",
        ice_servers: Sequence[IceServer] = (),
        timeout: float = 30.0,
        on_diagnostic: Callable[[LinkDiagnostic], None] | None = None,
    ) -> None:
        self.token = StageToken.parse(token)
        self.video_codec = video_codec
        self.ice_servers = tuple(ice_servers)
        self.on_diagnostic = on_diagnostic
        self._timeout = timeout
        self._presence = Presence(self.token, self.emit, self._reassigned)
        self._streams: dict[str, Stream] = {}
        self._readers: list[DropOldest[StageEvent]] = []
        self._changed = anyio.Event()
        self._over: StageError | None = StageError("The stage was not joined: enter it first")

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncIterator[Stage]:
        self.token.check(time.time())
        async with (
            httpx2.AsyncClient(timeout=self._timeout) as self.http,
            owned_tasks() as self._tasks,
        ):
            try:
                with self.limit("join"):
                    await self._tasks.start(self._stay)
                yield self
            finally:
                self._end(StageError("The stage was left"))

    async def _stay(self, *, task_status: TaskStatus[None]) -> None:
        def joined() -> None:
            self._over = None
            task_status.started()

        self._end(await self._presence.hold(joined))

    # --- who is here

    @property
    def participant_id(self) -> str:
        """One's own id."""
        return self.token.claims.jti

    @property
    def participants(self) -> Mapping[str, Participant]:
        """Everybody else on the stage, by id, as the stage last said."""
        return self._presence.roster.others

    def is_publishing(self, participant_id: str) -> bool:
        """Whether the stage last said so of another participant."""
        participant = self.participants.get(participant_id)
        return participant is not None and participant.is_publishing

    def events(self) -> AsyncIterator[StageEvent]:
        """What happens from this call on, until the stage is left; a slow reader loses the oldest events."""
        mailbox: DropOldest[StageEvent] = DropOldest(EVENTS_KEPT)
        if self._over is not None:
            mailbox.close()
        self._readers.append(mailbox)
        return self._read(mailbox)

    async def _read(self, mailbox: DropOldest[StageEvent]) -> AsyncIterator[StageEvent]:
        try:
            while True:
                yield await mailbox.get()
        except anyio.EndOfStream:
            return
        finally:
            self._readers.remove(mailbox)

    async def wait_publishing(self, choose: Callable[[Participant], bool] = lambda _: True) -> Participant:
        """The first participant of that choice who publishes, now or later.

        Raises:
            StageError: The stage is over.
        """
        while True:
            for participant in self.participants.values():
                if participant.is_publishing and choose(participant):
                    return participant
            self.check()
            await self._changed.wait()

    async def wait_over(self) -> StageError:
        """Returns why the stage is over, once it is."""
        while self._over is None:
            await self._changed.wait()
        return self._over

    # --- media

    async def publish(
        self, *, video: MediaStreamTrack | None = None, audio: MediaStreamTrack | None = None
    ) -> Publication:
        """Publish tracks; returns once media can flow. The tracks stay the caller's: they are never stopped.

        Raises:
            InvalidInputError: There is nothing to publish, or something is published already.
            StageError: The token does not allow it, or the stage refused.
            IceError: There is no network path to the stage.
            ConnectTimeoutError: It took too long.
        """
        tracks = [track for track in (video, audio) if track is not None]
        if not tracks:
            raise InvalidInputError("publish needs a video track, an audio track, or both")
        self.token.check(time.time(), publish=True)
        publication = Publication(self, lambda: [SentTrack(track) for track in tracks])
        await self._open(publication)
        await self.set_state(audio_muted=audio is None, video_stopped=video is None)
        return publication

    async def subscribe(self, participant_id: str, *, buffered: bool = True) -> Subscription:
        """Receive what another participant publishes; returns once media can flow.

        Where the stage announces their stream and still answers 404, it is asked again until time is up.

        Args:
            participant_id: Whom to receive.
            buffered: Give tracks that keep the newest frames for a slow reader. Without it they are the peer
                connection's own, which must be read to their end: nothing bounds what waits in them.

        Raises:
            InvalidInputError: That participant is oneself, or is subscribed to already.
            StageError: The token does not allow it, the stage refused, or they publish nothing (status 404).
            IceError: There is no network path to the stage.
            ConnectTimeoutError: It took too long.
        """
        if participant_id == self.participant_id:
            raise InvalidInputError("A participant cannot subscribe to itself")
        self.token.check(time.time(), subscribe=True)
        subscription = Subscription(self, participant_id, buffered=buffered)
        await self._open(subscription)
        return subscription

    async def set_state(self, *, audio_muted: bool, video_stopped: bool) -> None:
        """Tell the others whether sound and pictures are on; `publish` does so by itself."""
        await self._presence.set_state(audio_muted=audio_muted, video_stopped=video_stopped)

    @property
    def streams(self) -> Mapping[str, Stream]:
        """What flows, by participant id; under one's own id, what one publishes. Empty after leaving."""
        return self._streams

    async def get_stats(self) -> dict[str, Mapping[str, Any]]:
        """The RTC statistics of each of `streams`, by participant id."""
        return {key: await stream.get_stats() for key, stream in tuple(self._streams.items())}

    async def _open(self, stream: Stream) -> None:
        self.check()
        if stream.participant_id in self._streams:
            raise InvalidInputError(f"Cannot {stream.phase}: that stream is open already")
        self._streams[stream.participant_id] = stream
        await self._tasks.start(self._keep, stream)

    async def _keep(self, stream: Stream, *, task_status: TaskStatus[None]) -> None:
        try:
            await stream.run(task_status)
        finally:
            del self._streams[stream.participant_id]

    # --- what the stage says

    def emit(self, event: StageEvent) -> None:
        """Tell every reader of `events`, and whoever waits."""
        match event:
            case ParticipantLeft(participant) | ParticipantChanged(participant) if (
                not participant.is_publishing or isinstance(event, ParticipantLeft)
            ) and participant.id in self._streams:
                self._streams[participant.id].stop()
        for mailbox in self._readers:
            mailbox.put(event)
        self._changed.set()
        self._changed = anyio.Event()

    def _reassigned(self) -> None:
        for stream in self._streams.values():
            stream.renew()

    def _end(self, why: StageError) -> None:
        if self._over is None:
            self._over = why
            for stream in self._streams.values():
                stream.stop()
            self.emit(StageLeft(why))
            for mailbox in self._readers:
                mailbox.close()

    def check(self) -> None:
        """Raise what ended the stage, if it is over."""
        if self._over is not None:
            raise self._over

    @contextmanager
    def limit(self, phase: str) -> Iterator[None]:
        """Bound a phase by the stage's timeout; raises ConnectTimeoutError."""
        try:
            with anyio.fail_after(self._timeout):
                yield
        except TimeoutError:
            raise ConnectTimeoutError(phase, self._timeout, transport="ivs") from None
