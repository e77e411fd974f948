"""The media path of an inference session on a stage: the service is a participant like any other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import anyio
from aiortc import MediaStreamTrack
from anyio.abc import TaskGroup

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.control import messages
from realtime_fast.control.signaling import NegotiationStep
from realtime_fast.errors import RealtimeError
from realtime_fast.ivs import Stage, fault_injection
from realtime_fast.peer.link_events import LinkEvent, LinkLost, LinkUp, TrackArrived
from realtime_fast.server.faults import RoomFault
from realtime_fast.server.model.pipeline import Pipeline
from realtime_fast.server.stage.stages import SERVICE, Place, Stages
from realtime_fast.server.stage.tokens import TokenRequest
from realtime_fast.stats import merge_reports

CAMERA_LIMIT = 1.0
"""Seconds for a client that has joined to publish; after that it counts as having no camera."""

Report = Callable[[LinkEvent], None]
Tracks = Callable[[], Sequence[MediaStreamTrack]]


class StagePath:
    """Carries a session's media over its stage."""

    def __init__(
        self,
        stage: Stage,
        invitation: messages.IvsStageReady,
        client_id: str,
        tracks: Tracks,
        report: Report,
        tasks: TaskGroup,
    ) -> None:
        self._stage = stage
        self._invitation = invitation
        self._client_id = client_id
        self._tracks = tracks
        self._report = report
        self._tasks = tasks
        self._camera = anyio.Event()
        self._published = anyio.Event()

    def begin(self) -> None:
        """Publish the output and wait for the client's, while the client is still on its way to the stage."""
        for body in (self._watch, self._publish, self._see):
            self._tasks.start_soon(self._guarded, body)

    def greeting(self) -> Sequence[messages.ServerMessage]:
        """The client's invitation to the stage."""
        return (self._invitation,)

    async def handle(self, message: NegotiationStep) -> Sequence[messages.ServerMessage]:
        """On `ivs_joined` the link is up, once the output is published and the camera there. Ignores the others."""
        if isinstance(message, messages.IvsJoined):
            self._tasks.start_soon(self._joined)
        return ()

    async def stats(self) -> Mapping[str, Any]:
        """W3C webrtc-stats entries of what is sent and of what is received."""
        return merge_reports(await self._stage.get_stats())

    async def renegotiate(self) -> Sequence[messages.ServerMessage]:
        """Nothing is negotiated over the control channel."""
        return ()

    def cut(self) -> None:
        """Close the media sockets without notice."""
        fault_injection.cut(self._stage)

    def mute(self) -> None:
        """Stop sending packets, but keep receiving."""
        fault_injection.mute(self._stage)

    async def afflict(self, fault: RoomFault) -> None:
        """There is no room."""

    async def _watch(self) -> None:
        raise await self._stage.wait_over()

    async def _joined(self) -> None:
        await self._published.wait()
        with anyio.move_on_after(CAMERA_LIMIT):
            await self._camera.wait()
        self._report(LinkUp())

    async def _publish(self) -> None:
        tracks = {track.kind: track for track in self._tracks()}
        output = await self._stage.publish(video=tracks.get("video"), audio=tracks.get("audio"))
        self._published.set()
        if (error := await output.wait_ended()) is not None:
            raise error

    async def _see(self) -> None:
        """Subscribe to the client whenever it publishes."""
        while True:
            await self._stage.wait_publishing(lambda who: who.id == self._client_id)
            stream = await self._stage.subscribe(self._client_id, buffered=False)
            for kind, track in stream.tracks.items():
                self._report(TrackArrived(kind, track))
            self._camera.set()
            if (error := await stream.wait_ended()) is not None:
                raise error

    async def _guarded(self, body: Callable[[], Awaitable[None]]) -> None:
        try:
            await body()
        except RealtimeError as error:
            self._report(LinkLost(error))


@asynccontextmanager
async def stage_path(
    stages: Stages,
    session_id: str,
    base_url: str,
    tracks: Tracks,
    report: Report,
) -> AsyncIterator[StagePath]:
    """A stage for one session, deleted when the session leaves it.

    Args:
        stages: The stages of the service.
        session_id: The id by which viewers find it.
        base_url: The service as participants reach it.
        tracks: Makes the tracks of the session's output.
        report: Called with each link event.
    """
    room = stages.create()
    try:
        own = stages.issue(room, base_url, TokenRequest(user_id=SERVICE))
        client = stages.issue(room, base_url, TokenRequest(user_id="client"))
        async with AsyncExitStack() as stack:
            stage = await stack.enter_async_context(Stage(own.token, min_delay=None))
            tasks = await stack.enter_async_context(owned_tasks())
            invitation = messages.IvsStageReady(
                stage_arn=room.arn,
                client_token=client.token,
                server_publish_participant_id=own.participant_id,
            )
            path = StagePath(stage, invitation, client.participant_id, tracks, report, tasks)
            path.begin()
            stages.places[session_id] = Place(room, own.participant_id)
            yield path
    finally:
        stages.places.pop(session_id, None)
        stages.delete(room)


class Hosted(Protocol):
    """The inference session that a path is for."""

    id: str
    pipeline: Pipeline

    def report(self, event: LinkEvent) -> None:
        """Take a link event."""


def over_stage(stages: Stages, base_url: str) -> Callable[[Hosted], AbstractAsyncContextManager[StagePath]]:
    """The media path of sessions over a stage; `base_url` is the service as participants reach it."""

    def open_path(session: Hosted) -> AbstractAsyncContextManager[StagePath]:
        pipeline = session.pipeline
        return stage_path(
            stages,
            session.id,
            base_url,
            lambda: (pipeline.video.outlet(), pipeline.audio.outlet()),
            session.report,
        )

    return open_path
