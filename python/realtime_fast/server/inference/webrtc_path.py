"""The media path of a conversation: its interface, and the WebRTC implementation."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import anyio
from aiortc import MediaStreamTrack

from realtime_fast.control import messages
from realtime_fast.control.signaling import NegotiationStep
from realtime_fast.errors import IceError
from realtime_fast.peer import Peer, open_peer
from realtime_fast.peer.link_events import LinkEvent
from realtime_fast.server.faults import RoomFault
from realtime_fast.server.network import Exposure, Network

START_HINT = "x-google-start-bitrate=1500"
"""Where a browser is to begin, in kbit/s; it comes down within a second where the path takes less."""


class MediaPath(Protocol):
    """Carries one client's media; reports `LinkUp`, `LinkLost` and `TrackArrived` to its conversation."""

    async def handle(self, message: NegotiationStep) -> Sequence[messages.ServerMessage]:
        """Take one step of the negotiation and return what to answer.

        Raises:
            RealtimeError: The message cannot be used.
        """

    async def stats(self) -> Mapping[str, Any]:
        """W3C webrtc-stats entries by id."""

    def greeting(self) -> Sequence[messages.ServerMessage]:
        """The messages to send once the control channel is open."""

    async def renegotiate(self) -> Sequence[messages.ServerMessage]:
        """Start a renegotiation; returns the messages to send."""

    def cut(self) -> None:
        """Close the media sockets without notice (fault injection)."""

    def mute(self) -> None:
        """Stop sending packets, but keep receiving (fault injection)."""

    async def afflict(self, fault: RoomFault) -> None:
        """Play a fault of a room; nothing where there is none (fault injection)."""


class WebRtcPath:
    """A peer connection that answers what the client offers."""

    def __init__(
        self, peer: Peer, tracks: Callable[[], Sequence[MediaStreamTrack]], exposure: Exposure
    ) -> None:
        self._peer = peer
        self._tracks = tracks
        self._exposure = exposure
        self._answered = False
        self.cut = peer.cut
        self.mute = peer.mute

    async def handle(self, message: NegotiationStep) -> Sequence[messages.ServerMessage]:
        """Answer an offer with the complete description; take answers and candidates."""
        match message:
            case messages.Offer():
                if "\nm=" not in message.sdp:
                    raise IceError("The offer has no audio and no video section")
                tracks = () if self._answered else self._tracks()
                self._answered = True
                answer = _encouraging(await self._peer.create_answer(self._reachable(message.sdp), tracks))
                return messages.Answer(sdp=await self._exposure.description(answer)), messages.IceCandidate(
                    candidate=None
                )
            case messages.Answer():
                await self._peer.accept_answer(self._reachable(message.sdp))
            case messages.IceCandidate():
                if not self._exposure.is_relayed:
                    await self._peer.add_candidate(message.candidate)
            case messages.IvsJoined() | messages.LivekitJoin():
                raise AssertionError("the session core lets none through")
        return ()

    async def stats(self) -> Mapping[str, Any]:
        """W3C webrtc-stats entries by id."""
        return await self._peer.stats()

    def greeting(self) -> Sequence[messages.ServerMessage]:
        """Nothing: the client offers first."""
        return ()

    async def renegotiate(self) -> Sequence[messages.ServerMessage]:
        """Offer again what is already sent and received."""
        return (messages.Offer(sdp=await self._exposure.description(await self._peer.create_offer())),)

    async def afflict(self, fault: RoomFault) -> None:
        """There is no room."""

    def _reachable(self, sdp: str) -> str:
        """What the client described; behind a network it is found by its own checks only."""
        return without_candidates(sdp)[0] if self._exposure.is_relayed else sdp


def _encouraging(answer: str) -> str:
    """The answer with a hint to libwebrtc, whose VP8 else begins at 300 kbit/s and a quarter of the size."""
    return re.sub(r"(a=rtpmap:(\d+) VP8/90000\r\n)", rf"\1a=fmtp:\2 {START_HINT}\r\n", answer)


@asynccontextmanager
async def webrtc_path(
    report: Callable[[LinkEvent], None],
    tracks: Callable[[], Sequence[MediaStreamTrack]],
    network: Network | None = None,
) -> AsyncIterator[MediaPath]:
    """A peer connection for one client.

    Args:
        report: Told about the link.
        tracks: Makes what the client is sent.
        network: What lies between the service and the client.
    """
    exposure = Exposure(network)
    try:
        async with open_peer(report, min_delay=None) as peer:
            yield WebRtcPath(peer, tracks, exposure)
    finally:
        with anyio.CancelScope(shield=True):
            await exposure.aclose()


def without_candidates(sdp: str) -> tuple[str, list[messages.Candidate]]:
    """The description without its candidates, and these apart (RFC 8838, trickle ICE)."""
    lines: list[str] = []
    candidates: list[messages.Candidate] = []
    section = -1
    mid: str | None = None
    for line in sdp.splitlines():
        if line.startswith("m="):
            section, mid = section + 1, None
        elif line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:")
        if line.startswith("a=candidate:"):
            candidate = line.removeprefix("a=")
            candidates.append(messages.Candidate(candidate=candidate, sdpMid=mid, sdpMLineIndex=section))
        elif line != "a=end-of-candidates":
            lines.append(line)
    return "\r\n".join(lines) + "\r\n", candidates
