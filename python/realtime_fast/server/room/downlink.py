"""The connection on which a participant receives: the server offers, again for each change of what it receives."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from aiortc import sdp
from aiortc.rtcdtlstransport import RTCCertificate
from aiortc.rtcicetransport import RTCIceCandidate
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
)
from anyio.abc import TaskGroup

from realtime_fast.peer.agreed import ABS_SEND_TIME, MID, agreed, extended
from realtime_fast.server.forwarding.forward import Egress, Ingest
from realtime_fast.server.forwarding.sections import (
    AUDIO_LEVEL,
    Kind,
    Section,
    Transport,
    announce,
    described,
    matching,
    parse,
)
from realtime_fast.server.network import Exposure
from realtime_fast.server.room.link import Link
from realtime_fast.server.room.plane import Disturbance

logger = logging.getLogger(__name__)

MAX_STREAMS = 15
"""Tracks that one connection sends in its life: each may take two of the dynamic payload types, 96 to 127."""
PROFILE = "UDP/TLS/RTP/SAVPF"
DATA_MID = "0"
_EXTENSIONS: dict[Kind, list[tuple[int, str]]] = {
    "audio": [(1, MID), (4, AUDIO_LEVEL)],
    "video": [(1, MID), (2, ABS_SEND_TIME)],
}
_FEEDBACK = [("nack", None), ("nack", "pli"), ("ccm", "fir"), ("goog-remb", None)]
_PARAMETERS = ("level-asymmetry-allowed", "packetization-mode", "profile-level-id")
"""Those that say how to decode; the others are between the publisher and whoever offers."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A track that a participant is to receive.

    Attributes:
        sid: The track's id.
        owner: The id of the participant who publishes it.
        section: How it is published.
        ingest: Its packets.
    """

    sid: str
    owner: str
    section: Section
    ingest: Ingest


@dataclass(slots=True)
class _Stream:
    track: Outgoing
    section: Section
    egress: Egress | None = None
    wanted: bool = True


class Downlink:
    """The subscriber connection of one participant.

    Args:
        certificate: The service's own.
        exposure: What the client is shown of the sockets.
        tasks: Runs the connection.
        offer: Sends an offer with its number.
        received: Called with the id of a track that the client has accepted.
    """

    def __init__(
        self,
        certificate: RTCCertificate,
        exposure: Exposure,
        tasks: TaskGroup,
        *,
        offer: Callable[[str, int], None],
        received: Callable[[str], None],
    ) -> None:
        self._link = Link(certificate, exposure, tasks, up=self._up, ended=self._over)
        self._send = offer
        self._received = received
        self._streams: list[_Stream] = []
        self._payload_types: dict[tuple[str, ...], int] = {}
        self._early: list[RTCIceCandidate] = []
        self._met = False
        self._offer = ""
        self._number = self._offered = 0
        self._outstanding = self._changed = False

    async def open(self) -> None:
        """Send the first offer: the data channels' section only."""
        await self._link.transport.gather()
        self._negotiate()

    @property
    def tracks(self) -> set[str]:
        """The ids of the tracks that are sent."""
        return {stream.track.sid for stream in self._streams if stream.wanted}

    def add(self, track: Outgoing) -> None:
        """Send a track from now on."""
        if len(self._streams) >= MAX_STREAMS:
            logger.warning("a participant receives %d tracks, and no more on one connection", MAX_STREAMS)
        elif track.sid not in self.tracks:
            self._streams.append(_Stream(track, self._section(track.section)))
            self._negotiate()

    def remove(self, sid: str) -> None:
        """Send a track no more; harmless when repeated."""
        for stream in self._streams:
            if stream.wanted and stream.track.sid == sid:
                stream.wanted = False
                self._stop(stream)
                self._negotiate()

    def renew(self) -> None:
        """Offer again: the signal socket is another one, and what was said on the old one may be lost."""
        self._outstanding = False
        self._negotiate()

    async def take_answer(self, text: str, number: int) -> None:
        """The client's answer to the offer of that number; 0 is the newest one.

        Raises:
            UnusableOfferError: It is invalid.
        """
        if not self._outstanding or number not in (0, self._number):
            return
        description = parse(text)
        answered = {media.rtp.muxId: media for media in description.media}
        if not self._met:
            self._link.transport.meet(Transport.of([media for media in description.media if media.port]))
            self._met = True
            self._link.begin()
            early, self._early = self._early, []
            for candidate in early:
                await self._link.take_candidate(candidate)
        common = agreed(text, self._offer)
        for stream in self._streams:
            media = answered.get(stream.section.mid)
            if stream.egress is not None or not stream.wanted or media is None or not media.port:
                continue
            taken = matching(stream.section.codec, media.rtp.codecs)
            if media.direction not in ("recvonly", "sendrecv", None) or taken is None:
                continue
            stream.egress = Egress(
                stream.track.ingest,
                stream.section,
                common[stream.section.mid],
                self._link.media,
                cname=stream.track.owner,
            )
            self._received(stream.track.sid)
            if self._link.is_up:
                stream.egress.start()
        self._outstanding = False
        if self._changed:
            self._negotiate()

    async def take_candidate(self, candidate: RTCIceCandidate) -> None:
        """A trickled address of the client; it may come before the answer."""
        if self._met:
            await self._link.take_candidate(candidate)
        else:
            self._early.append(candidate)

    def disturb(self, how: Disturbance) -> None:
        """Cut the sockets, or send no more packets."""
        self._link.disturb(how)

    async def aclose(self) -> None:
        """End the connection."""
        self._outstanding = True  # nothing is offered any more
        await self._link.aclose()

    def _up(self) -> None:
        for stream in self._streams:
            if stream.egress is not None:
                stream.egress.start()

    def _over(self) -> None:
        for stream in self._streams:
            self._stop(stream)

    def _stop(self, stream: _Stream) -> None:
        if stream.egress is not None:
            stream.egress.stop()
            stream.egress = None

    # --- offers

    def _negotiate(self) -> None:
        """Offer what is to be sent; after the answer if another offer is on its way."""
        if self._outstanding or not self._link.transport.candidates:
            self._changed = True
            return
        # One section more at a time: some stacks set only the first of several up.
        self._offered = min(self._offered + 1, len(self._streams)) if self._number else 0
        self._outstanding, self._changed = True, self._offered < len(self._streams)
        self._number += 1
        description = sdp.SessionDescription()
        description.origin = f"- 1 {self._number} IN IP4 127.0.0.1"
        description.type = "offer"
        description.media.append(self._link.data_section(DATA_MID))
        transport = self._link.transport
        for stream in self._streams[: self._offered]:
            media = described(
                stream.section,
                PROFILE,
                "sendonly" if stream.wanted else "inactive",
                transport.ice_parameters,
                transport.dtls_parameters,
            )
            if stream.wanted:
                # Clients find participant and track by these ids.
                owner = stream.track.owner
                announce(
                    media, stream.section, msid=f"{owner}|{stream.track.sid} {stream.track.sid}", cname=owner
                )
            description.media.append(media)
        self._offer = extended(self._link.complete(description))
        self._send(self._offer, self._number)

    def _section(self, published: Section) -> Section:
        """A section of ours for a track: its codec under a payload type of this connection."""
        codec = replace(
            published.codec,
            payloadType=self._payload_type(published.codec),
            parameters={k: v for k, v in published.codec.parameters.items() if k in _PARAMETERS},
            rtcpFeedback=[RTCRtcpFeedback(*pair) for pair in _FEEDBACK] if published.kind == "video" else [],
        )
        rtx = None
        if published.kind == "video":
            assert codec.payloadType is not None
            rtx = RTCRtpCodecParameters(
                mimeType="video/rtx",
                clockRate=codec.clockRate,
                payloadType=codec.payloadType + 1,
                parameters={"apt": codec.payloadType},
            )
        ssrc = secrets.randbits(31) << 1
        return Section(
            mid=str(len(self._streams) + 1),
            kind=published.kind,
            codec=codec,
            rtx=rtx,
            extensions=[
                RTCRtpHeaderExtensionParameters(id=id_, uri=uri) for id_, uri in _EXTENSIONS[published.kind]
            ],
            ssrc=ssrc,
            rtx_ssrc=ssrc + 1,
        )

    def _payload_type(self, codec: RTCRtpCodecParameters) -> int:
        """One number for one configuration: bundled sections share them (RFC 8843, 9.1)."""
        words = (codec.mimeType.lower(), *(str(codec.parameters.get(name)) for name in _PARAMETERS))
        return self._payload_types.setdefault(words, 96 + 2 * len(self._payload_types))
