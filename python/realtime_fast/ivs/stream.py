"""Publications and subscriptions: one peer connection each, renewed when the stage reassigns the participant."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal, TypeVar

import anyio
from aiortc import MediaStreamTrack
from anyio.abc import TaskStatus

from realtime_fast.aio.backoff import Backoff
from realtime_fast.aio.http import HttpClient, HttpError
from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.errors import ConnectError, RealtimeError, StageError
from realtime_fast.ivs import whip
from realtime_fast.ivs.events import StreamEnded, StreamStarted
from realtime_fast.ivs.stage_host import StageHost
from realtime_fast.media.tracks import ReceivedTrack
from realtime_fast.peer import Peer, open_peer
from realtime_fast.peer.link_events import LinkDiagnostic, LinkEvent, LinkLost, StreamFailed, TrackArrived
from realtime_fast.redaction import Secrets

logger = logging.getLogger(__name__)

DELETE_LIMIT = 2.0
"""Seconds the stage gets to delete a session when leaving."""

RETRY_INTERVAL = 0.25
"""Seconds between two attempts to subscribe to a stream that the stage announced but does not serve yet."""

RENEWAL_DELAYS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds before a stream is opened anew, if the stage asks for it again and again."""

LIVED = 5.0
"""Seconds that a stream must last for these delays to begin anew."""

T = TypeVar("T")


class Stream:
    """Runs a publication or a subscription, from its opening, through reassignments, to its end.

    Attributes:
        participant_id: Its publisher: this client for a publication.
        tracks: The received tracks, by kind.
    """

    phase: ClassVar[str]
    patience: ClassVar[float] = 0.0

    def __init__(self, host: StageHost, participant_id: str) -> None:
        self.participant_id = participant_id
        self.tracks: dict[Literal["video", "audio"], MediaStreamTrack] = {}
        self._host = host
        self._peer: Peer | None = None
        self._life = anyio.CancelScope()
        self._round = anyio.CancelScope()
        self._link_failed = anyio.Event()
        self._link_failure: RealtimeError | None = None
        self._failure: ConnectError | None = None
        self._ended = anyio.Event()

    def stop(self) -> None:
        """End the stream soon; idempotent."""
        self._life.cancel()

    def renew(self) -> None:
        """Publish or subscribe again, as after a reassignment."""
        self._round.cancel()

    def cut(self) -> None:
        """Close the media sockets without telling the stage (fault injection)."""
        if self._peer is not None:
            self._peer.cut()

    def mute(self) -> None:
        """Stop sending packets, but keep receiving (fault injection)."""
        if self._peer is not None:
            self._peer.mute()

    async def wait_ended(self) -> ConnectError | None:
        """Wait until the stream has ended; returns why, None if that was requested or announced."""
        await self._ended.wait()
        return self._failure

    async def get_stats(self) -> Mapping[str, Any]:
        """W3C webrtc-stats entries of its peer connection by id; empty while there is none."""
        return {} if self._peer is None else await self._peer.stats()

    async def run(self, task_status: TaskStatus[None]) -> None:
        """Open the stream, report it as started, keep it until it is stopped or lost.

        Raises:
            ConnectError: It could not be opened.
        """
        started = False
        pause = Backoff(RENEWAL_DELAYS, enough=LIVED)
        try:
            with self._life:
                while self._failure is None:
                    began = anyio.current_time()
                    with anyio.CancelScope() as self._round:
                        async with self._opened():
                            self._host.emit(
                                StreamStarted(
                                    self.participant_id, self.tracks.get("video"), self.tracks.get("audio")
                                )
                            )
                            if not started:
                                started = True
                                task_status.started()
                            failure = await self._lost()
                            # The stage may be about to announce the end of the stream.
                            await anyio.sleep(self.patience)
                            self._failure = failure
                    if self._failure is None:
                        await anyio.sleep(pause.after(anyio.current_time() - began))
            if not started:
                self._host.check()
                raise StageError(f"Could not {self.phase}: it was stopped meanwhile")
        except ConnectError as failure:
            self._host.secrets.clean_error(failure)
            if not started:
                raise
            self._failure = failure
        finally:
            self._ended.set()
            if started:
                self._host.emit(StreamEnded(self.participant_id, self._failure))

    async def _lost(self) -> ConnectError:
        await self._link_failed.wait()
        assert isinstance(self._link_failure, ConnectError)
        return self._link_failure

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        host = self._host
        self._link_failure, self._link_failed = None, anyio.Event()
        self.tracks.clear()
        async with (
            owned_tasks() as self._pumps,
            open_peer(
                self._report,
                ice_servers=host.ice_servers,
                video_codec=host.video_codec,
                transport="ivs",
                sending=host.sending,
                min_delay=host.min_delay,
            ) as self._peer,
        ):
            peer, resource = self._peer, None
            try:
                with host.limit(self.phase):
                    self._prepare(peer)
                    resource = await self._negotiate(await peer.create_offer())
                    await peer.accept_answer(resource.answer)
                    await peer.wait_up()
                yield
            finally:
                self._peer = None
                if resource is not None:
                    with anyio.move_on_after(DELETE_LIMIT, shield=True):
                        await self._delete(resource)

    def _report(self, event: LinkEvent) -> None:
        match event:
            case LinkLost():
                self._link_failure = self._host.secrets.clean_error(event.error)
                self._link_failed.set()
            case TrackArrived():
                self._received(event)
            case StreamFailed():
                self._host.failed("The encoder of a local track", event.error)
                if self._host.on_diagnostic is not None:
                    self._host.on_diagnostic(event)
            case LinkDiagnostic() if self._host.on_diagnostic is not None:
                self._host.on_diagnostic(event)

    def _received(self, arrival: TrackArrived) -> None:
        """A remote track arrived."""

    def _prepare(self, peer: Peer) -> None:
        raise NotImplementedError

    async def _negotiate(self, offer: str) -> whip.Resource:
        raise NotImplementedError

    async def _perform(self, flow: whip.Flow[T]) -> T:
        return await perform(self._host.http, flow, self._host.secrets, self._host.timeout)

    async def _delete(self, resource: whip.Resource) -> None:
        try:
            await self._perform(whip.end(resource.url, self._host.token.text))
        except StageError as error:
            logger.warning("A stage session was left behind: %s", error)


class SubscribedStream(Stream):
    """Another participant's tracks, received from the stage by WHEP."""

    phase = "subscribe"
    patience = 0.25

    def __init__(self, host: StageHost, participant_id: str, *, buffered: bool = True) -> None:
        super().__init__(host, participant_id)
        self._buffered = buffered

    def _received(self, arrival: TrackArrived) -> None:
        track: MediaStreamTrack = arrival.track
        if self._buffered:
            track = received = ReceivedTrack(arrival.track)
            self._pumps.start_soon(received.pump)
        self.tracks[arrival.kind] = track

    def _prepare(self, peer: Peer) -> None:
        peer.receive("video")
        peer.receive("audio")

    async def _negotiate(self, offer: str) -> whip.Resource:
        token = self._host.token
        while True:
            try:
                flow = whip.subscribe(token.claims.whip_url, self.participant_id, token.text, offer)
                return await self._perform(flow)
            except StageError as error:
                if error.status != 404 or not self._host.is_publishing(self.participant_id):
                    raise
            await anyio.sleep(RETRY_INTERVAL)


async def perform(http: HttpClient, flow: whip.Flow[T], secrets: Secrets, within: float) -> T:
    """Run a flow: send its requests, pass it the responses, return its result.

    Args:
        http: Sends it.
        flow: The exchange.
        secrets: What no error may show.
        within: Seconds for each request.

    Raises:
        StageError: The stage cannot be reached, or the flow rejects its answer.
    """
    try:
        request = next(flow)
        while True:
            response = await http.send(
                request, far_side="The stage", secrets=secrets, max_bytes=whip.MAX_ANSWER_BYTES, within=within
            )
            request = flow.send(response)
    except StopIteration as stop:
        result: T = stop.value
        return result
    except HttpError as error:
        raise StageError(str(error)) from error.__cause__
