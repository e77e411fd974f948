"""A client for Amazon IVS Real-Time stages (docs/ivs-stage.md, Life of a stage client)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
from aiortc import MediaStreamTrack
from anyio.abc import TaskStatus

from realtime_fast.aio.callers import require_asyncio
from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.aio.http import open_http
from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.errors import InvalidInputError, StageError
from realtime_fast.ivs.events import Participant, ParticipantChanged, ParticipantLeft, StageEvent
from realtime_fast.ivs.participant_token import StageToken
from realtime_fast.ivs.presence import Presence
from realtime_fast.ivs.published import Kind, PublishedStream
from realtime_fast.ivs.stage_host import StageHost
from realtime_fast.ivs.strategy import Conductor, Strategy
from realtime_fast.ivs.stream import Stream, SubscribedStream
from realtime_fast.ivs.streams import Publication, StageStream, Subscription
from realtime_fast.options import IceServer, SendOptions, VideoCodec
from realtime_fast.peer.link_events import LinkDiagnostic, StreamFailed

Handle = TypeVar("Handle", bound=StageStream)

EVENTS_KEPT = 1024
"""Events queued for one reader; then the oldest are dropped."""


class Stage(anyio.AsyncContextManagerMixin):
    """A client on an Amazon IVS stage: entering the scope joins, leaving it leaves.

    async with Stage(token) as stage:
        await stage.publish(video=camera, audio=microphone)
        async for event in stage.events(): ...

    Leaving ends every publication and subscription on the stage's side too, in bounded time. It can be used once.

    Args:
        token: A participant token; it says where the stage is, who one is and what one may do.
        strategy: What to publish and whom to receive without being told each time; None for nothing and nobody.
        video_codec: What to prefer for sent video; production wants H.264.
        ice_servers: STUN and TURN servers; a stage needs none as a rule.
        timeout: Seconds that joining, each publication and each subscription may take.
        sending: Bit rates, and what to give up first where not everything can be sent.
        min_delay: Seconds that what is received is held back at least, to smooth jitter; None to hold nothing back,
            for what is worked on and not shown.
        on_diagnostic: Called on the event loop with what the peer connections notice.

    Raises:
        StageError: The token is none, has expired, or the stage refused it; `status` is that of HTTP.
        ConnectTimeoutError: Joining took too long.
    """

    def __init__(
        self,
        token: str,
        *,
        strategy: Strategy | None = None,
        video_codec: VideoCodec = "h264",
        ice_servers: Sequence[IceServer] = (),
        timeout: float = 30.0,
        sending: SendOptions | None = None,
        min_delay: float | None = 0.0,
        on_diagnostic: Callable[[LinkDiagnostic | StreamFailed], None] | None = None,
    ) -> None:
        self._host = StageHost(
            StageToken.parse(token),
            timeout,
            video_codec,
            tuple(ice_servers),
            on_diagnostic,
            sending or SendOptions(),
            min_delay,
        )
        self._presence = Presence(self._host, self._take, self._reassigned)
        self._strategy = strategy
        self._streams: dict[str, Stream] = {}
        self._handles: dict[str, StageStream] = {}

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncIterator[Stage]:
        require_asyncio()
        self._host.token.check(time.time())
        async with (
            open_http() as self._host.http,
            owned_tasks() as self._tasks,
        ):
            try:
                with self._host.limit("join"):
                    await self._tasks.start(self._stay)
                if self._strategy is not None:
                    self._tasks.start_soon(Conductor(self._strategy, self._host, self).run, self._tasks)
                yield self
            finally:
                self._end(StageError("The stage was left"))

    async def _stay(self, *, task_status: TaskStatus[None]) -> None:
        def joined() -> None:
            self._host.over = None
            task_status.started()

        self._end(await self._presence.hold(joined))

    # --- who is here

    @property
    def participant_id(self) -> str:
        """This client's participant id."""
        return self._host.token.claims.jti

    @property
    def participants(self) -> Mapping[str, Participant]:
        """The other participants by id, as last reported by the stage."""
        return self._host.roster.others

    def events(self) -> AsyncIterator[StageEvent]:
        """The events from now on, until the stage is left; a slow reader loses the oldest ones."""
        reader: DropOldest[StageEvent] = DropOldest(EVENTS_KEPT)
        if self._host.over is not None:
            reader.close()
        self._host.readers.append(reader)
        return self._read(reader)

    async def _read(self, reader: DropOldest[StageEvent]) -> AsyncIterator[StageEvent]:
        try:
            while True:
                yield await reader.get()
        except anyio.EndOfStream:
            return
        finally:
            self._host.readers.remove(reader)

    async def wait_publishing(self, choose: Callable[[Participant], bool] = lambda _: True) -> Participant:
        """Wait for a participant that publishes and satisfies `choose`, and return it.

        Raises:
            StageError: The stage is over.
        """
        while True:
            for participant in self.participants.values():
                if participant.is_publishing and choose(participant):
                    return participant
            self._host.check()
            await self._host.changed.wait()

    async def wait_over(self) -> StageError:
        """Wait until this client is off the stage; returns why."""
        while self._host.over is None:
            await self._host.changed.wait()
        return self._host.over

    # --- media

    async def publish(
        self,
        *,
        video: MediaStreamTrack | None = None,
        audio: MediaStreamTrack | None = None,
        max_bitrate: int | None = None,
        max_fps: int | None = None,
    ) -> Publication:
        """Publish tracks; returns once media can flow. The tracks belong to the caller and are never stopped.

        Args:
            video: The pictures, None for none.
            audio: The sound, None for none.
            max_bitrate: Bit/s of the video at most; `Publication.limit` changes it.
            max_fps: Pictures a second at most; `Publication.limit` changes it.

        Raises:
            InvalidInputError: There is nothing to publish, something is published already, or a bound is below 1.
            StageError: The token does not allow it, or the stage refused.
            IceError: There is no network path to the stage.
            ConnectTimeoutError: It took too long.
        """
        given: dict[Kind, MediaStreamTrack | None] = {"video": video, "audio": audio}
        tracks = {kind: track for kind, track in given.items() if track is not None}
        if not tracks:
            raise InvalidInputError("publish needs a video track, an audio track, or both")
        self._host.token.check(time.time(), publish=True)
        stream = PublishedStream(self._host, tracks, self.set_state)
        stream.limit(max_bitrate, max_fps)
        publication = await self._open(stream, Publication(stream))
        await stream.announce()
        return publication

    async def subscribe(self, participant_id: str, *, buffered: bool = True) -> Subscription:
        """Receive what another participant publishes; returns once media can flow.

        While the stage announces the stream but answers 404, the request is repeated until the timeout.

        Args:
            participant_id: Whom to receive.
            buffered: Return tracks that drop the oldest frames of a slow reader. Otherwise they are the peer
                connection's own, which must be read to their end, since their queues are unbounded.

        Raises:
            InvalidInputError: That participant is this client, or is subscribed to already.
            StageError: The token does not allow it, the stage refused, or nothing is published (status 404).
            IceError: There is no network path to the stage.
            ConnectTimeoutError: It took too long.
        """
        if participant_id == self.participant_id:
            raise InvalidInputError("A participant cannot subscribe to itself")
        self._host.token.check(time.time(), subscribe=True)
        stream = SubscribedStream(self._host, participant_id, buffered=buffered)
        return await self._open(stream, Subscription(stream))

    async def set_state(self, *, audio_muted: bool, video_stopped: bool) -> None:
        """Tell the other participants whether audio and video are on, and do no more.

        `publish`, `Publication.mute` and `unmute` do so by themselves.
        """
        await self._presence.set_state(audio_muted=audio_muted, video_stopped=video_stopped)

    def refresh(self) -> None:
        """Ask the strategy again, whose answers have changed."""
        self._host.wake()

    async def exchange_token(self, token: str) -> None:
        """Go on with a fresh token of this participant, without leaving.

        Its expiry, capabilities, user id and attributes count from then on: what it does not allow ends, the others see
        its texts, and the strategy is asked again. Production exchanges only tokens that were signed with a key of
        one's own.

        Raises:
            InvalidInputError: A token is being exchanged already.
            StageError: It is no participant token, has expired (status 401), is for another participant, stage or place
                (400), or the stage refused; the old one then stays in use.
            ConnectTimeoutError: The stage did not answer.
        """
        new = StageToken.parse(token)
        self._host.secrets.add(new.text)
        new.check(time.time())
        self._host.token.check_exchange(new)
        with self._host.limit("exchange-token"):
            await self._presence.exchange_token(new)
        self._host.token = new
        may = new.claims.capabilities
        for key, stream in tuple(self._streams.items()):
            if not (may.allow_publish if key == self.participant_id else may.allow_subscribe):
                stream.stop()
        self._host.wake()

    @property
    def streams(self) -> Mapping[str, StageStream]:
        """Subscriptions by participant id, and the publication under this client's id. Empty after leaving."""
        return self._handles

    async def get_stats(self) -> dict[str, Mapping[str, Any]]:
        """The RTC statistics of each of `streams`, by participant id."""
        return {key: await stream.get_stats() for key, stream in tuple(self._streams.items())}

    async def _open(self, stream: Stream, handle: Handle) -> Handle:
        self._host.check()
        if stream.participant_id in self._streams:
            raise InvalidInputError(f"Cannot {stream.phase}: that stream is open already")
        self._streams[stream.participant_id] = stream
        self._handles[stream.participant_id] = handle
        await self._tasks.start(self._keep, stream)
        return handle

    async def _keep(self, stream: Stream, *, task_status: TaskStatus[None]) -> None:
        try:
            await stream.run(task_status)
        finally:
            del self._streams[stream.participant_id], self._handles[stream.participant_id]

    # --- what the stage reports

    def _take(self, event: StageEvent) -> None:
        match event:
            case ParticipantLeft(participant) | ParticipantChanged(participant) if (
                not participant.is_publishing or isinstance(event, ParticipantLeft)
            ) and participant.id in self._streams:
                self._streams[participant.id].stop()
        self._host.emit(event)

    def _reassigned(self) -> None:
        for stream in self._streams.values():
            stream.renew()

    def _end(self, why: StageError) -> None:
        if self._host.over is None:
            for stream in self._streams.values():
                stream.stop()
        self._host.end(why)
