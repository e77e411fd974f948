"""The two peer connections of a room: one on which this client publishes, one on which it receives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio
from aiortc import MediaStreamTrack
from livekit.protocol import models, rtc

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.control.messages import Candidate
from realtime_fast.errors import InvalidInputError
from realtime_fast.media.tracks import SentTrack
from realtime_fast.options import IceServer, SendOptions, VideoCodec
from realtime_fast.peer import Peer, open_peer
from realtime_fast.peer.link_events import LinkDiagnostic, LinkEvent, LinkLost, StreamFailed, TrackArrived

TRAILER = (models.PTF_USER_TIMESTAMP, models.PTF_FRAME_ID)
"""What the packet trailer of timed pictures carries."""

QUEUE = 64
"""Descriptions and candidates that wait to be applied; a server that lets more pile up is broken."""

Item: TypeAlias = tuple[str, int] | Candidate | None
"""A description with its number, a candidate, or the end of candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSettings:
    """How both connections are set up.

    Attributes:
        video_codec: What sent video prefers.
        sending: Bit rates, and what to give up first.
        min_delay: Seconds that what is received is held back at least.
        on_diagnostic: Told what the connections notice.
        on_failure: Told what a sent track or its encoder died of.
    """

    video_codec: VideoCodec
    sending: SendOptions
    min_delay: float | None
    on_diagnostic: Callable[[LinkDiagnostic], None] | None
    on_failure: Callable[[Exception], None]


class _Connection:
    """What both have in common: descriptions and candidates are applied in order, and a loss ends it."""

    def __init__(self, send: Callable[[rtc.SignalRequest], None], settings: PeerSettings) -> None:
        self._send = send
        self._settings = settings
        self._post, self._inbox = anyio.create_memory_object_stream[Item](QUEUE)
        self._peer: Peer | None = None
        self._ended = anyio.Event()

    def take(self, item: Item) -> None:
        """Queue a description with its number, a candidate, or the end of candidates; ignored once it has ended.

        Raises:
            anyio.WouldBlock: The server sends faster than connections can be set up.
        """
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._post.send_nowait(item)

    def close(self) -> None:
        """Apply nothing more; idempotent."""
        self._post.close()
        self._inbox.close()

    async def stats(self) -> Mapping[str, Any]:
        """The connection's report; empty while there is none."""
        return {} if self._peer is None else await self._peer.stats()

    def cut(self) -> None:
        """Close the media sockets without telling the server (fault injection)."""
        if self._peer is not None:
            self._peer.cut()

    def mute(self) -> None:
        """Stop sending packets, but keep receiving (fault injection)."""
        if self._peer is not None:
            self._peer.mute()

    def _report(self, event: LinkEvent) -> None:
        match event:
            case LinkLost():
                self._ended.set()
            case TrackArrived():
                self._received(event)
            case StreamFailed():
                self._settings.on_failure(event.error)
            case LinkDiagnostic() if self._settings.on_diagnostic is not None:
                self._settings.on_diagnostic(event)

    @asynccontextmanager
    async def _opened(self, ice_servers: Sequence[IceServer]) -> AsyncIterator[Peer]:
        settings = self._settings
        try:
            async with open_peer(
                self._report,
                ice_servers=ice_servers,
                video_codec=settings.video_codec,
                transport="livekit",
                sending=settings.sending,
                min_delay=settings.min_delay,
                one_transport=True,
            ) as self._peer:
                yield self._peer
        finally:
            self._peer = None
            self.close()

    async def _until_lost(self, peer: Peer, up: Callable[[], None]) -> None:
        async with owned_tasks() as tasks:
            tasks.start_soon(self._apply, peer)
            await peer.wait_up()
            up()
            await self._ended.wait()
            await peer.wait_up()  # raises why it was lost

    async def _apply(self, peer: Peer) -> None:
        async for item in self._inbox:
            if isinstance(item, tuple):
                await self._describe(peer, *item)
            else:
                await peer.add_candidate(item)

    async def _describe(self, peer: Peer, sdp: str, number: int) -> None:
        raise NotImplementedError

    def _received(self, arrival: TrackArrived) -> None:
        """A remote track arrived."""


class Publisher(_Connection):
    """The connection on which this client sends: it offers, again for each change of what it sends.

    Args:
        settled: Called when the server has answered the newest offer.

    Attributes:
        turn: Held while what is sent changes.
        has_begun: Whether it was run.
    """

    def __init__(
        self,
        send: Callable[[rtc.SignalRequest], None],
        settings: PeerSettings,
        settled: Callable[[], None],
    ) -> None:
        super().__init__(send, settings)
        self._settled = settled
        self._offer: rtc.SignalRequest | None = None
        self._number = 0
        self._tracks: dict[MediaStreamTrack, SentTrack] = {}
        self.turn = anyio.Lock()
        self.has_begun = False

    @property
    def is_settled(self) -> bool:
        """Whether the server has answered the newest offer."""
        return self._offer is None

    def wrap(self, given: Sequence[MediaStreamTrack]) -> list[SentTrack]:
        """Tracks of the user, as they are sent.

        Raises:
            InvalidInputError: One is sent already.
        """
        if any(track in self._tracks for track in given):
            raise InvalidInputError("A track is published already: unpublish it first")
        tracks = [SentTrack(track) for track in given]
        self._tracks |= zip(given, tracks, strict=True)
        return tracks

    def unwrap(self, given: Sequence[MediaStreamTrack]) -> list[SentTrack]:
        """What was made of tracks that are to be sent no more.

        Raises:
            InvalidInputError: One is not sent.
        """
        if not all(track in self._tracks for track in given):
            raise InvalidInputError("A track is not published, or not any more")
        return [self._tracks.pop(track) for track in given]

    def offer_again(self) -> None:
        """The signal socket is another one: repeat an offer that was never answered."""
        if self._offer is not None:
            self._send(self._offer)

    async def run(
        self,
        ice_servers: Sequence[IceServer],
        tracks: Sequence[MediaStreamTrack],
        up: Callable[[], None],
        *,
        trailers: bool,
    ) -> None:
        """Send tracks until cancelled; `up` is called once media can flow.

        Args:
            ice_servers: STUN and TURN servers.
            tracks: What to begin with.
            up: Called once media can flow.
            trailers: As for `add`.

        Raises:
            LinkError: The connection could not be set up, or was lost.
        """
        self.has_begun = True
        async with self._opened(ice_servers) as peer:
            await self._send_these(peer, tracks, trailers)
            await self._until_lost(peer, up)

    async def add(self, tracks: Sequence[MediaStreamTrack], *, trailers: bool) -> None:
        """Send these as well.

        Args:
            tracks: The tracks.
            trailers: The server passes on that pictures carry trailers, and takes care of who cannot take them off.
        """
        if self._peer is not None:
            await self._send_these(self._peer, tracks, trailers)

    async def remove(self, tracks: Sequence[MediaStreamTrack]) -> None:
        """Send these no more."""
        if self._peer is not None:
            for track in tracks:
                await self._peer.withdraw(track)
            await self._propose(self._peer)

    async def _send_these(self, peer: Peer, tracks: Sequence[MediaStreamTrack], trailers: bool) -> None:
        for track in tracks:
            peer.send(track, trailers=trailers)
        await self._propose(peer)

    async def _propose(self, peer: Peer) -> None:
        self._number += 1
        sdp = await peer.create_offer()
        self._offer = rtc.SignalRequest(offer=rtc.SessionDescription(type="offer", sdp=sdp, id=self._number))
        self._send(self._offer)

    async def _describe(self, peer: Peer, sdp: str, number: int) -> None:
        if self._offer is not None:
            await peer.accept_answer(sdp)
            self._offer = None
            self._settled()


class Subscriber(_Connection):
    """The connection on which this client receives: the server offers, again for each change.

    Args:
        received: Called with the id and the media of each track that arrives.
    """

    def __init__(
        self,
        send: Callable[[rtc.SignalRequest], None],
        settings: PeerSettings,
        received: Callable[[str, MediaStreamTrack], None],
    ) -> None:
        super().__init__(send, settings)
        self._hand_over = received
        self._answered = False

    async def run(self, ice_servers: Sequence[IceServer], up: Callable[[], None]) -> None:
        """Receive until cancelled; `up` is called once media can flow.

        Raises:
            LinkError: The connection could not be set up, or was lost.
        """
        async with self._opened(ice_servers) as peer:
            await self._until_lost(peer, up)

    async def _describe(self, peer: Peer, sdp: str, number: int) -> None:
        if self._answered:
            # aiortc would not set up what a further offer adds while the first one is still connecting.
            await peer.wait_up()
        self._answered = True
        answer = rtc.SessionDescription(type="answer", sdp=await peer.create_answer(sdp), id=number)
        self._send(rtc.SignalRequest(answer=answer))

    def _received(self, arrival: TrackArrived) -> None:
        self._hand_over(arrival.track.id, arrival.track)


def announcement(track: SentTrack, size: tuple[int, int]) -> rtc.AddTrackRequest:
    """What the server is told of a track before it is offered."""
    if track.kind == "audio":
        return rtc.AddTrackRequest(
            cid=track.id, name="microphone", type=models.AUDIO, source=models.MICROPHONE
        )
    width, height = size
    layer = models.VideoLayer(quality=models.HIGH, width=width, height=height)
    return rtc.AddTrackRequest(
        cid=track.id,
        name="camera",
        type=models.VIDEO,
        source=models.CAMERA,
        width=width,
        height=height,
        layers=[layer],
        packet_trailer_features=TRAILER if track.is_timed else (),
    )


def passes_trailers_on(track: models.TrackInfo | None) -> bool:
    """Whether the server tells others that the pictures of a track carry trailers: it then knows what those are."""
    return track is not None and set(TRAILER) <= set(track.packet_trailer_features)


def named(servers: Sequence[rtc.ICEServer]) -> list[IceServer]:
    """The ICE servers that a room names."""
    return [IceServer(tuple(one.urls), one.username or None, one.credential or None) for one in servers]
