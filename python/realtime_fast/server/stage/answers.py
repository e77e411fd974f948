"""Answers of the embedded stage to SDP offers: which codec, which extensions, which sections (RFC 3264, 8829).

The stage forwards packets, so a session has one codec per kind: a publisher gets the first one it offers that
every client of a stage can decode, a subscriber gets the publisher's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aiortc import sdp
from aiortc.rtcdtlstransport import RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceCandidate, RTCIceParameters

from realtime_fast.peer.agreed import extended
from realtime_fast.server.forwarding.sections import (
    Kind,
    Section,
    Transport,
    UnusableOfferError,
    announce,
    described,
    forwardable,
    idle,
    kind_of,
    matching,
    parse,
    refused,
    section,
)
from realtime_fast.server.stage.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Offer:
    """A parsed offer: its sections in order, and the transport they share."""

    text: str = field(repr=False)
    media: Sequence[sdp.MediaDescription] = field(repr=False)
    transport: Transport

    @classmethod
    def parse(cls, text: str) -> Offer:
        """Read an offer.

        Raises:
            Refusal: It is invalid, or lacks a transport.
        """
        try:
            description = parse(text)
            media = [m for m in description.media if m.kind in ("audio", "video") and m.port]
            return cls(text, description.media, Transport.of(media))
        except UnusableOfferError as error:
            raise Refusal.bad_offer(str(error)) from None

    def published(self) -> dict[Kind, Section]:
        """What a publisher will send: the first usable section of each kind.

        Raises:
            Refusal: No video, as in production, or no codec that every client of a stage decodes.
        """
        found: dict[Kind, Section] = {}
        for media in self.media:
            kind = kind_of(media)
            if kind is None or kind in found or media.direction not in ("sendonly", "sendrecv", None):
                continue
            codec = forwardable(media)
            if codec is None:
                raise Refusal.no_codec(kind)
            found[kind] = section(media, kind, codec, media.ssrc)
        if "video" not in found:
            raise Refusal.no_publisher_session()
        return found

    def subscribed(self, published: Mapping[Kind, Section], ssrcs: Mapping[Kind, int]) -> dict[Kind, Section]:
        """What a subscriber will receive: the publisher's codecs under the subscriber's payload types.

        Args:
            published: The result of `published()` for the publisher's offer.
            ssrcs: The SSRCs to send with; retransmissions use the next number.

        Raises:
            Refusal: The subscriber cannot decode what is published.
        """
        found: dict[Kind, Section] = {}
        for media in self.media:
            kind = kind_of(media)
            if kind is None or kind not in published or kind in found:
                continue
            if media.direction not in ("recvonly", "sendrecv", None):
                continue
            codec = matching(published[kind].codec, media.rtp.codecs)
            if codec is None:
                raise Refusal.no_codec(kind)
            number = ssrcs[kind]
            numbers = [sdp.SsrcDescription(number), sdp.SsrcDescription(number + 1)]
            found[kind] = section(media, kind, codec, numbers)
        if not found:
            raise Refusal.bad_offer("nothing to receive in it")
        return found


def answer(
    offer: Offer,
    sections: Mapping[Kind, Section],
    direction: Literal["recvonly", "sendonly"],
    *,
    ice: RTCIceParameters,
    dtls: RTCDtlsParameters,
    candidates: Sequence[RTCIceCandidate],
    stream_id: str,
) -> str:
    """The answer's text: agreed sections in the offer's order, the others inactive, or rejected if unreadable.

    Candidates are listed in the first agreed section only, as in production.
    """
    description = sdp.SessionDescription()
    description.origin = f"- {time.time_ns()} 2 IN IP4 127.0.0.1"
    description.type = "answer"
    description.msid_semantic.append(sdp.GroupDescription("WMS", ["*"]))
    agreed = {one.mid: one for one in sections.values()}
    for offered in offer.media:
        # Nothing to send in it: inactive rather than rejected, since aiortc does not accept a port of 0.
        agreed_on = agreed.get(offered.rtp.muxId) or idle(offered)
        if agreed_on is None:
            description.media.append(refused(offered))
            continue
        way = direction if agreed_on.mid in agreed else "inactive"
        media = described(agreed_on, offered.profile, way, ice, dtls)
        if way == "sendonly":
            announce(media, agreed_on, msid=f"{stream_id} {stream_id}-{agreed_on.kind}", cname=stream_id)
        if not any(m.ice_candidates for m in description.media):
            media.ice_candidates = list(candidates)
            media.ice_candidates_complete = True
        description.media.append(media)
    mids: list[int | str] = [m.rtp.muxId for m in description.media if m.port]
    description.group.append(sdp.GroupDescription("BUNDLE", mids))
    return extended(str(description), offer.text)
