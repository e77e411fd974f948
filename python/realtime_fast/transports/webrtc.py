"""The webrtc transport: offer and answer over the control channel (docs/protocol.md, Connecting over WebRTC)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiortc import MediaStreamTrack

from realtime_fast.aio.callers import from_caller
from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.control import messages
from realtime_fast.control.signaling import Signaling
from realtime_fast.errors import ConnectError, RealtimeError, TransportName
from realtime_fast.options import CustomizeOffer, IceServer, SendOptions, VideoCodec
from realtime_fast.peer import Peer, open_peer
from realtime_fast.peer.link_events import LinkEvent, LinkLost
from realtime_fast.transports.base import InitialState

logger = logging.getLogger(__name__)


class WebRtcTransport:
    """One peer connection with the inference service."""

    name: TransportName = "webrtc"
    initial_state: InitialState = "before-media"
    phase = "webrtc-handshake"
    falls_back = False

    def __init__(
        self,
        *,
        ice_servers: Sequence[IceServer],
        video_codec: VideoCodec | None = None,
        customize_offer: CustomizeOffer | None = None,
        min_delay: float = 0.0,
        sending: SendOptions | None = None,
    ) -> None:
        self._ice_servers = ice_servers
        self._video_codec: VideoCodec = video_codec or "vp8"
        self._customize_offer = customize_offer
        self._min_delay = min_delay
        self._sending = sending

    @asynccontextmanager
    async def open(
        self,
        signaling: Signaling,
        tracks: Sequence[MediaStreamTrack],
        report: Callable[[LinkEvent], None],
    ) -> AsyncIterator[WebRtcLink]:
        """Send an offer, take the answer, connect."""
        async with open_peer(
            report,
            ice_servers=self._ice_servers,
            video_codec=self._video_codec,
            sending=self._sending,
            min_delay=self._min_delay,
        ) as peer:
            for track in tracks:
                peer.send(track)
            kinds = {track.kind for track in tracks}
            if "video" not in kinds:
                peer.receive("video")
            if not kinds:
                peer.receive("audio")
            signaling.send(messages.Offer(sdp=await peer.create_offer(self._customized)))
            async with owned_tasks() as tasks:
                tasks.start_soon(_follow, peer, signaling, report)
                await peer.wait_up()
                yield WebRtcLink(peer)

    async def _customized(self, offer: Any) -> None:
        if self._customize_offer is not None:
            await from_caller(self._customize_offer(offer))


class WebRtcLink:
    """An established peer connection."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def media_arrived(self) -> None:
        """Nothing more to wait for: the handshake ended with the media path open."""

    async def stats(self) -> Mapping[str, Any]:
        """The peer connection's report."""
        return await self._peer.stats()


async def _follow(peer: Peer, signaling: Signaling, report: Callable[[LinkEvent], None]) -> None:
    """Process the service's signaling while the link exists."""
    answered = False
    try:
        while True:
            message = await signaling.receive()
            match message:
                case messages.Answer() if answered:
                    # There is one offer of ours: a second answer is a repetition, or late for another one.
                    logger.debug("ignored an answer without an offer")
                case messages.Answer():
                    answered = True
                    await peer.accept_answer(message.sdp)
                case messages.Offer():
                    signaling.send(messages.Answer(sdp=await peer.create_answer(message.sdp)))
                case messages.IceCandidate():
                    await peer.add_candidate(message.candidate)
                case messages.IvsStageReady():
                    raise ConnectError(
                        "The service offered an IVS stage on a webrtc session", transport="webrtc"
                    )
    except RealtimeError as error:
        report(LinkLost(error))
