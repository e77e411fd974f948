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
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
)

from realtime_fast.peer.agreed import ABS_SEND_TIME, MID, extended
from realtime_fast.peer.descriptions import DescriptionError, tidied
from realtime_fast.server.stage.refusal import Refusal

Kind = Literal["audio", "video"]

DISCARD = "0.0.0.0"  # noqa: S104 - the address of whoever has its candidates elsewhere (RFC 8840); nothing is bound
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_EXTENSIONS: dict[Kind, tuple[str, ...]] = {"audio": (MID, AUDIO_LEVEL), "video": (MID, ABS_SEND_TIME)}
_FEEDBACK = {("nack", None), ("nack", "pli"), ("ccm", "fir"), ("goog-remb", None)}


@dataclass(frozen=True, slots=True)
class Section:
    """One agreed media section.

    Attributes:
        mid: The offer's media identification.
        kind: Audio or video.
        codec: The one codec, with the offer's payload type.
        rtx: Its retransmission codec, if offered.
        extensions: The header extensions that both sides know.
        ssrc: SSRC of the media sent in it; None if a publisher's offer names none.
        rtx_ssrc: SSRC of the retransmissions.
    """

    mid: str
    kind: Kind
    codec: RTCRtpCodecParameters
    rtx: RTCRtpCodecParameters | None
    extensions: Sequence[RTCRtpHeaderExtensionParameters]
    ssrc: int | None = None
    rtx_ssrc: int | None = None

    @property
    def codecs(self) -> list[RTCRtpCodecParameters]:
        """The codec, and its retransmissions."""
        return [self.codec] if self.rtx is None else [self.codec, self.rtx]


@dataclass(frozen=True, slots=True)
class Transport:
    """The far side of the one bundled transport."""

    ice: RTCIceParameters
    dtls: RTCDtlsParameters
    candidates: Sequence[RTCIceCandidate]


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
            description = sdp.SessionDescription.parse(tidied(text))
        except DescriptionError as error:
            raise Refusal.bad_offer(str(error)) from None
        except Exception:  # noqa: BLE001 - the parser asserts, indexes and converts; whatever fails, it is no offer
            raise Refusal.bad_offer("not a session description") from None
        media = [m for m in description.media if m.kind in ("audio", "video") and m.port]
        if not media:
            raise Refusal.bad_offer("no media section")
        if any(not m.rtp.muxId for m in media):
            raise Refusal.bad_offer("a media section without a=mid")
        first = media[0]
        if first.dtls is None or not first.dtls.fingerprints:
            raise Refusal.bad_offer("no fingerprint")
        if first.ice is None or not first.ice.usernameFragment or not first.ice.password:
            raise Refusal.bad_offer("no ICE credentials")
        candidates = [candidate for m in media for candidate in m.ice_candidates]
        return cls(text, description.media, Transport(first.ice, first.dtls, candidates))

    def published(self) -> dict[Kind, Section]:
        """What a publisher will send: the first usable section of each kind.

        Raises:
            Refusal: No video, as in production, or no codec that every client of a stage decodes.
        """
        found: dict[Kind, Section] = {}
        for media in self.media:
            kind = _kind(media)
            if kind is None or kind in found or media.direction not in ("sendonly", "sendrecv", None):
                continue
            codec = next((c for c in media.rtp.codecs if _forwardable(c)), None)
            if codec is None:
                raise Refusal.no_codec(kind)
            found[kind] = _section(media, kind, codec, media.ssrc)
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
            kind = _kind(media)
            if kind is None or kind not in published or kind in found:
                continue
            if media.direction not in ("recvonly", "sendrecv", None):
                continue
            codec = _matching(published[kind].codec, media.rtp.codecs)
            if codec is None:
                raise Refusal.no_codec(kind)
            number = ssrcs[kind]
            numbers = [sdp.SsrcDescription(number), sdp.SsrcDescription(number + 1)]
            found[kind] = _section(media, kind, codec, numbers)
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
    agreed = {section.mid: section for section in sections.values()}
    for offered in offer.media:
        section = agreed.get(offered.rtp.muxId)
        # Nothing to send in it: inactive rather than rejected, since aiortc does not accept a port of 0.
        section = section or _idle(offered)
        if section is None:
            description.media.append(_refused(offered))
            continue
        media = sdp.MediaDescription(
            section.kind, 9, offered.profile, [codec.payloadType for codec in section.codecs]
        )
        media.host = DISCARD
        media.direction = direction if section.mid in agreed else "inactive"
        media.rtp = RTCRtpParameters(
            codecs=section.codecs, headerExtensions=list(section.extensions), muxId=section.mid
        )
        media.rtcp_port, media.rtcp_host, media.rtcp_mux = 9, DISCARD, True
        if media.direction == "sendonly":
            assert section.ssrc is not None
            media.msid = f"{stream_id} {stream_id}-{section.kind}"
            media.ssrc = [sdp.SsrcDescription(section.ssrc, cname=stream_id)]
            if section.rtx is not None and section.rtx_ssrc is not None:
                media.ssrc.append(sdp.SsrcDescription(section.rtx_ssrc, cname=stream_id))
                media.ssrc_group = [sdp.GroupDescription("FID", [section.ssrc, section.rtx_ssrc])]
        media.ice, media.dtls = ice, dtls
        if not any(m.ice_candidates for m in description.media):
            media.ice_candidates = list(candidates)
            media.ice_candidates_complete = True
        description.media.append(media)
    mids: list[int | str] = [m.rtp.muxId for m in description.media if m.port]
    description.group.append(sdp.GroupDescription("BUNDLE", mids))
    return extended(str(description), offer.text)


def _kind(media: sdp.MediaDescription) -> Kind | None:
    if not media.port:
        return None
    return media.kind if media.kind in ("audio", "video") else None  # type: ignore[return-value]


def _forwardable(codec: RTCRtpCodecParameters) -> bool:
    name = codec.mimeType.lower()
    if name == "video/h264":
        return _packetization(codec) == 1 and _profile(codec) in _BASELINES
    return name in ("video/vp8", "audio/opus")


_BASELINES = (sdp.H264Profile.PROFILE_CONSTRAINED_BASELINE, sdp.H264Profile.PROFILE_BASELINE)


def _matching(
    published: RTCRtpCodecParameters, offered: Sequence[RTCRtpCodecParameters]
) -> RTCRtpCodecParameters | None:
    """The offered codec that decodes what is published; of several H.264 ones that of the same profile."""
    same = [
        c
        for c in offered
        if c.mimeType.lower() == published.mimeType.lower()
        and c.clockRate == published.clockRate
        and _packetization(c) == _packetization(published)
    ]
    # Every H.264 decoder reads constrained baseline, whatever profile it is offered under.
    same.sort(key=lambda c: _profile(c) != _profile(published))
    return same[0] if same else None


def _packetization(codec: RTCRtpCodecParameters) -> int:
    value = codec.parameters.get("packetization-mode")
    return int(value) if str(value).isdigit() else 0  # type: ignore[arg-type]


def _profile(codec: RTCRtpCodecParameters) -> sdp.H264Profile | None:
    if codec.mimeType.lower() != "video/h264":
        return None
    try:
        return sdp.parse_h264_profile_level_id(str(codec.parameters.get("profile-level-id", "42E01F")))[0]
    except ValueError:
        return None


def _section(
    media: sdp.MediaDescription,
    kind: Kind,
    codec: RTCRtpCodecParameters,
    ssrcs: Sequence[sdp.SsrcDescription],
) -> Section:
    codec.rtcpFeedback = [
        RTCRtcpFeedback(f.type, f.parameter)
        for f in codec.rtcpFeedback
        if (f.type, f.parameter) in _FEEDBACK and kind == "video"
    ]
    rtx = next(
        (
            c
            for c in media.rtp.codecs
            if c.name.lower() == "rtx" and c.parameters.get("apt") == codec.payloadType
        ),
        None,
    )
    return Section(
        mid=media.rtp.muxId,
        kind=kind,
        codec=codec,
        rtx=rtx,
        extensions=[x for x in media.rtp.headerExtensions if x.uri in _EXTENSIONS[kind]],
        ssrc=ssrcs[0].ssrc if ssrcs else None,
        rtx_ssrc=ssrcs[1].ssrc if rtx is not None and len(ssrcs) > 1 else None,
    )


def _idle(offered: sdp.MediaDescription) -> Section | None:
    kind = _kind(offered)
    codec = next((c for c in offered.rtp.codecs if _forwardable(c)), None)
    return None if kind is None or codec is None else _section(offered, kind, codec, ())


def _refused(offered: sdp.MediaDescription) -> sdp.MediaDescription:
    """A section that is not agreed on (RFC 3264, section 6): the offer's line with port 0."""
    media = sdp.MediaDescription(offered.kind, 0, offered.profile, offered.fmt)
    media.host = DISCARD
    media.direction = "inactive"
    media.rtp = RTCRtpParameters(muxId=offered.rtp.muxId)
    media.ice = RTCIceParameters()
    return media
