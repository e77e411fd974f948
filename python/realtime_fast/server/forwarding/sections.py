"""Media sections of descriptions, as a forwarder agrees on them: one codec a section (RFC 3264, 8829)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

from realtime_fast.peer.agreed import ABS_SEND_TIME, MID

Kind = Literal["audio", "video"]

DISCARD = "0.0.0.0"  # noqa: S104 - the address of whoever has its candidates elsewhere (RFC 8840); nothing is bound
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_EXTENSIONS: dict[Kind, tuple[str, ...]] = {"audio": (MID, AUDIO_LEVEL), "video": (MID, ABS_SEND_TIME)}
_FEEDBACK = {("nack", None), ("nack", "pli"), ("ccm", "fir"), ("goog-remb", None)}


class UnusableOfferError(ValueError):
    """A description that no connection can be made of; its text says what is missing."""


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

    @classmethod
    def of(cls, media: Sequence[sdp.MediaDescription]) -> Transport:
        """What bundled sections say of their transport.

        Raises:
            UnusableOfferError: It is incomplete.
        """
        if not media:
            raise UnusableOfferError("no media section")
        if any(not m.rtp.muxId for m in media):
            raise UnusableOfferError("a media section without a=mid")
        first = media[0]
        if first.dtls is None or not first.dtls.fingerprints:
            raise UnusableOfferError("no fingerprint")
        if first.ice is None or not first.ice.usernameFragment or not first.ice.password:
            raise UnusableOfferError("no ICE credentials")
        return cls(first.ice, first.dtls, [candidate for m in media for candidate in m.ice_candidates])


def parse(text: str) -> sdp.SessionDescription:
    """Read a description.

    Raises:
        UnusableOfferError: It is none.
    """
    try:
        return sdp.SessionDescription.parse(text)
    except Exception:  # noqa: BLE001 - the parser asserts, indexes and converts; whatever fails, it is no description
        raise UnusableOfferError("not a session description") from None


def kind_of(media: sdp.MediaDescription) -> Kind | None:
    """Audio or video; None for a section that is neither, or is rejected."""
    if not media.port:
        return None
    return media.kind if media.kind in ("audio", "video") else None  # type: ignore[return-value]


def forwardable(media: sdp.MediaDescription) -> RTCRtpCodecParameters | None:
    """The first codec offered that every client can decode."""
    return next((codec for codec in media.rtp.codecs if _is_forwardable(codec)), None)


def _is_forwardable(codec: RTCRtpCodecParameters) -> bool:
    name = codec.mimeType.lower()
    if name == "video/h264":
        return _packetization(codec) == 1 and _profile(codec) in _BASELINES
    return name in ("video/vp8", "audio/opus")


_BASELINES = (sdp.H264Profile.PROFILE_CONSTRAINED_BASELINE, sdp.H264Profile.PROFILE_BASELINE)


def matching(
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


def section(
    media: sdp.MediaDescription,
    kind: Kind,
    codec: RTCRtpCodecParameters,
    ssrcs: Sequence[sdp.SsrcDescription],
) -> Section:
    """What is agreed on of an offered section: this codec, its retransmissions, known feedback and extensions."""
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


def idle(offered: sdp.MediaDescription) -> Section | None:
    """A section in which nothing is sent, though it could be; None if it cannot be read."""
    kind, codec = kind_of(offered), forwardable(offered)
    return None if kind is None or codec is None else section(offered, kind, codec, ())


def described(
    agreed: Section,
    profile: str,
    direction: Literal["recvonly", "sendonly", "inactive"],
    ice: RTCIceParameters,
    dtls: RTCDtlsParameters,
) -> sdp.MediaDescription:
    """A section of a description of ours, without streams and candidates."""
    media = sdp.MediaDescription(agreed.kind, 9, profile, [codec.payloadType for codec in agreed.codecs])
    media.host = DISCARD
    media.direction = direction
    media.rtp = RTCRtpParameters(
        codecs=agreed.codecs, headerExtensions=list(agreed.extensions), muxId=agreed.mid
    )
    media.rtcp_port, media.rtcp_host, media.rtcp_mux = 9, DISCARD, True
    media.ice, media.dtls = ice, dtls
    return media


def announce(media: sdp.MediaDescription, agreed: Section, *, msid: str, cname: str) -> None:
    """Name the stream that is sent in a section (RFC 8830, 5576)."""
    assert agreed.ssrc is not None
    media.msid = msid
    media.ssrc = [sdp.SsrcDescription(agreed.ssrc, cname=cname)]
    if agreed.rtx is not None and agreed.rtx_ssrc is not None:
        media.ssrc.append(sdp.SsrcDescription(agreed.rtx_ssrc, cname=cname))
        media.ssrc_group = [sdp.GroupDescription("FID", [agreed.ssrc, agreed.rtx_ssrc])]


def refused(offered: sdp.MediaDescription) -> sdp.MediaDescription:
    """A section that is not agreed on (RFC 3264, section 6): the offer's line with port 0."""
    media = sdp.MediaDescription(offered.kind, 0, offered.profile, offered.fmt)
    media.host = DISCARD
    media.direction = "inactive"
    media.rtp = RTCRtpParameters(muxId=offered.rtp.muxId)
    media.ice = RTCIceParameters()
    return media
