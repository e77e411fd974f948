"""The connection on which a participant publishes: the client offers, again for each change of its tracks."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import sdp
from aiortc.rtcdtlstransport import RTCCertificate
from aiortc.rtcicetransport import RTCIceCandidate
from anyio.abc import TaskGroup

from realtime_fast.peer.agreed import agreed, extended
from realtime_fast.server.forwarding.forward import Ingest
from realtime_fast.server.forwarding.sections import (
    Section,
    Transport,
    UnusableOfferError,
    described,
    forwardable,
    idle,
    kind_of,
    parse,
    refused,
    section,
)
from realtime_fast.server.network import Exposure
from realtime_fast.server.room.link import Link
from realtime_fast.server.room.plane import Disturbance

logger = logging.getLogger(__name__)

RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
LAYERS = "qhf"
"""LiveKit's names of simulcast layers, the smallest first; clients list them in either order."""
SENDING = ("sendonly", "sendrecv", None)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A track that a client publishes.

    Attributes:
        cid: The client's id of it, as in its request to publish it.
        section: What was agreed on.
        ingest: Its packets.
    """

    cid: str
    section: Section
    ingest: Ingest


class Uplink:
    """The publisher connection of one participant.

    Args:
        certificate: The service's own.
        exposure: What the client is shown of the sockets.
        tasks: Runs the connection.
        began: Called with each new track.
        ended: Called with each track that is sent no more.
    """

    def __init__(
        self,
        certificate: RTCCertificate,
        exposure: Exposure,
        tasks: TaskGroup,
        *,
        began: Callable[[Incoming], None],
        ended: Callable[[Incoming], None],
    ) -> None:
        self._certificate, self._exposure, self._tasks = certificate, exposure, tasks
        self._began, self._ended = began, ended
        self._link: Link | None = None
        self._credentials: str | None = None
        self._early: list[RTCIceCandidate] = []
        self._tracks: dict[str, Incoming] = {}

    async def answer(self, offer: str) -> str:
        """The answer to an offer, with candidates; begins and ends tracks as it says.

        Raises:
            UnusableOfferError: It is invalid, offers nothing that can be forwarded, or comes after the end.
        """
        description = parse(offer)
        remote = Transport.of([media for media in description.media if media.port])
        link = await self._meet(remote)
        answer = sdp.SessionDescription()
        answer.origin = f"- {time.time_ns()} 2 IN IP4 127.0.0.1"
        answer.type = "answer"
        sections: dict[str, tuple[str, Section]] = {}
        for offered in description.media:
            mid = offered.rtp.muxId
            if offered.kind == "application" and offered.port:
                answer.media.append(link.data_section(mid))
                continue
            if (agreed_on := self._section(offered)) is None:
                answer.media.append(refused(offered))
                continue
            sends = offered.direction in SENDING
            answer.media.append(
                described(
                    agreed_on,
                    offered.profile,
                    "recvonly" if sends else "inactive",
                    link.transport.ice_parameters,
                    link.transport.dtls_parameters,
                )
            )
            if sends:
                sections[mid] = (offered.msid or "").rpartition(" ")[2] or mid, agreed_on
        text = _one_layer(extended(link.complete(answer), offer), _layers(offer))
        self._update(link, sections, text, offer)
        return text

    async def take_candidate(self, candidate: RTCIceCandidate) -> None:
        """A trickled address of the client; it may come before the offer."""
        if self._link is None:
            self._early.append(candidate)
        else:
            await self._link.take_candidate(candidate)

    def disturb(self, how: Disturbance) -> None:
        """Cut the sockets, or send no more packets."""
        if self._link is not None:
            self._link.disturb(how)

    async def aclose(self) -> None:
        """End the connection and its tracks."""
        if self._link is not None:
            await self._link.aclose()

    async def _meet(self, remote: Transport) -> Link:
        """The connection with this client, new or where it was."""
        link = self._link
        if link is None:
            link = self._link = Link(
                self._certificate, self._exposure, self._tasks, up=_nothing, ended=self._over, remote=remote
            )
            await link.transport.gather()
            link.begin()
        elif link.is_over:
            raise UnusableOfferError("the connection has ended")
        elif remote.ice.usernameFragment != self._credentials:
            await link.transport.move(remote)
        self._credentials = remote.ice.usernameFragment
        early, self._early = self._early, []
        for candidate in early:
            await link.take_candidate(candidate)
        return link

    def _section(self, offered: sdp.MediaDescription) -> Section | None:
        known = self._tracks.get(offered.rtp.muxId)
        if known is not None:
            return known.section
        kind, codec = kind_of(offered), forwardable(offered)
        if kind is None or codec is None:
            if kind is not None:
                logger.warning("a participant offers %s in no codec that can be forwarded here", kind)
            return None
        return section(offered, kind, codec, offered.ssrc) if offered.direction in SENDING else idle(offered)

    def _update(self, link: Link, sections: dict[str, tuple[str, Section]], answer: str, offer: str) -> None:
        for mid in self._tracks.keys() - sections.keys():
            self._end(self._tracks.pop(mid))
        common = agreed(answer, offer)
        for mid, (cid, one) in sections.items():
            if mid not in self._tracks:
                ingest = Ingest(one, common[mid], link.media, secrets.randbits(32))
                self._tracks[mid] = Incoming(cid, one, ingest)
                self._began(self._tracks[mid])

    def _over(self) -> None:
        tracks, self._tracks = self._tracks, {}
        for track in tracks.values():
            self._end(track)

    def _end(self, track: Incoming) -> None:
        track.ingest.close()
        self._ended(track)


def _nothing() -> None:
    pass


def _layers(offer: str) -> dict[str, str]:
    """What an answer says to take the largest simulcast layer of a section that offers some, by mid (RFC 8853)."""
    found = {}
    for text in re.split(r"(?m)^(?=m=)", offer)[1:]:
        mid = re.search(r"(?m)^a=mid:(\S+)", text)
        layers = re.search(r"(?m)^a=simulcast:send (\S+)", text)
        extension = re.search(rf"(?m)^a=extmap:(\d+)\S* {re.escape(RID)}\s*$", text)
        if mid and layers and extension:
            names = [name.split(",")[0].lstrip("~") for name in layers[1].split(";")]
            rid = max(names, key=LAYERS.find)
            found[mid[1]] = f"a=extmap:{extension[1]} {RID}\r\na=rid:{rid} recv\r\na=simulcast:recv {rid}\r\n"
    return found


def _one_layer(answer: str, layers: dict[str, str]) -> str:
    """Take one layer of each section: the others would be encoded and sent for nobody."""
    head, *texts = re.split(r"(?m)^(?=m=)", answer)
    for index, text in enumerate(texts):
        mid = re.search(r"(?m)^a=mid:(\S+)", text)
        texts[index] = text + (layers.get(mid[1], "") if mid else "")
    return head + "".join(texts)
