"""Forwarding, packet by packet: a source and its sinks on transports that only record."""

from __future__ import annotations

import fractions

import av
import numpy as np
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceTransport
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    HeaderExtensionsMap,
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
    is_rtcp,
    unwrap_rtx,
)

from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.server.stage.answers import ABS_SEND_TIME, MID, Section
from realtime_fast.server.stage.forward import Egress, Ingest
from realtime_fast.server.stage.keyframe import starts_key_frame

KEY, DELTA = b"\x65key", b"\x61delta"
MEDIA, RTX = 1000, 1001


CERTIFICATE = RTCCertificate.generateCertificate()


class Recorder:
    """A transport that keeps what is sent over it, and routes what is said to have come."""

    def __init__(self, *sections):
        self.dtls = RTCDtlsTransport(RTCIceTransport(RTCIceGatherer(iceServers=[])), [CERTIFICATE])
        self.rtp, self.rtcp, self.up = [], [], True
        self.map = HeaderExtensionsMap()
        for one in sections:
            self.map.configure(RTCRtpSendParameters(headerExtensions=one.extensions))
        seams.rtp_out.put(self.dtls, self._sent)

    async def _sent(self, data):
        if not self.up:
            raise ConnectionError
        if is_rtcp(data):
            self.rtcp += RtcpPacket.parse(data)
        else:
            self.rtp.append(RtpPacket.parse(data, self.map))

    async def arrive(self, packet):
        if isinstance(packet, RtpPacket):
            await seams.rtp_in.of(self.dtls)(packet.serialize(self.map), arrival_time_ms=0)
        else:
            await seams.rtcp_in.of(self.dtls)(bytes(packet))


def section(mid="0", kind="video", payload_type=96, ssrc=MEDIA, rtx=True, extensions=((3, MID),)):
    name, rate = ("video/H264", 90000) if kind == "video" else ("audio/opus", 48000)
    return Section(
        mid=mid,
        kind=kind,
        codec=RTCRtpCodecParameters(name, rate, payloadType=payload_type),
        rtx=RTCRtpCodecParameters("video/rtx", rate, payloadType=payload_type + 1) if rtx else None,
        extensions=[RTCRtpHeaderExtensionParameters(id=id_, uri=uri) for id_, uri in extensions],
        ssrc=ssrc,
        rtx_ssrc=ssrc + 1 if rtx else None,
    )


def packet(number, payload=DELTA, timestamp=None, payload_type=96, ssrc=MEDIA):
    return RtpPacket(
        payload_type=payload_type,
        sequence_number=number & 0xFFFF,
        timestamp=number * 3000 if timestamp is None else timestamp,
        ssrc=ssrc,
        payload=payload,
    )


def picture_requests(recorder):
    return [p for p in recorder.rtcp if isinstance(p, RtcpPsfbPacket) and p.fmt == RTCP_PSFB_PLI]


def packet_requests(recorder):
    return [p for p in recorder.rtcp if isinstance(p, RtcpRtpfbPacket) and p.fmt == RTCP_RTPFB_NACK]


class Rig:
    """A publisher and one subscriber."""

    def __init__(self, kind="video", rtx=True):
        published = section(kind=kind, rtx=rtx)
        wanted = section("7", kind, 102, ssrc=5000, rtx=rtx, extensions=((1, MID), (2, ABS_SEND_TIME)))
        self.up, self.down = Recorder(published), Recorder(wanted)
        self.source = Ingest(published, self.up.dtls)
        self.sink = Egress(self.source, wanted, self.down.dtls, "name")

    async def feed(self, *packets):
        for one in packets:
            await self.up.arrive(one)

    async def nack(self, *numbers):
        request = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=5000)
        request.lost = list(numbers)
        await self.down.arrive(request)


@pytest.fixture
def rig():
    return Rig()


async def test_packets_travel_on_under_the_subscriber_s_numbers(rig):
    await rig.sink.start()
    await rig.feed(packet(60000, KEY), packet(60001), packet(60002))
    sent = rig.down.rtp
    assert [p.payload for p in sent] == [KEY, DELTA, DELTA]
    assert [p.timestamp for p in sent] == [60000 * 3000, 60001 * 3000, 60002 * 3000]
    assert {(p.payload_type, p.ssrc, p.extensions.mid) for p in sent} == {(102, 5000, "7")}
    assert all(p.extensions.abs_send_time is not None for p in sent)
    first = sent[0].sequence_number
    assert first < 0x8000
    assert [p.sequence_number for p in sent] == [first, first + 1, first + 2]


async def test_numbers_go_on_when_the_publisher_s_wrap(rig):
    await rig.sink.start()
    await rig.feed(packet(65534, KEY), *(packet(65534 + n, timestamp=n) for n in range(1, 5)))
    first = rig.down.rtp[0].sequence_number
    assert [p.sequence_number - first for p in rig.down.rtp] == [0, 1, 2, 3, 4]


async def test_a_subscriber_begins_with_a_key_frame_which_is_asked_for(rig):
    await rig.feed(packet(1))
    await rig.sink.start()
    assert len(picture_requests(rig.up)) == 1
    await rig.feed(packet(2), packet(3))
    assert rig.down.rtp == []
    assert len(picture_requests(rig.up)) == 1, "one request for all of them"
    rig.source._key_frame_asked -= 1
    await rig.feed(packet(4))
    assert len(picture_requests(rig.up)) == 2, "and again if none comes"
    await rig.feed(packet(5, KEY), packet(6))
    assert [p.payload for p in rig.down.rtp] == [KEY, DELTA]


async def test_sound_begins_at_once():
    rig = Rig("audio", rtx=False)
    await rig.sink.start()
    await rig.feed(packet(1), packet(2))
    assert len(rig.down.rtp) == 2
    assert rig.up.rtcp == []


async def test_a_picture_loss_of_a_subscriber_reaches_the_publisher(rig):
    await rig.feed(packet(1, KEY))
    await rig.down.arrive(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=5000))
    (request,) = picture_requests(rig.up)
    assert request.media_ssrc == MEDIA


@pytest.mark.parametrize("rtx", [True, False])
async def test_what_a_subscriber_misses_is_repeated_from_memory(rtx):
    rig = Rig(rtx=rtx)
    await rig.sink.start()
    await rig.feed(packet(10, KEY), packet(11, b"\x61lost"), packet(12))
    lost = rig.down.rtp[1]
    await rig.nack(lost.sequence_number)
    repeated = rig.down.rtp[3]
    if rtx:
        assert (repeated.payload_type, repeated.ssrc) == (103, 5001)
        repeated = unwrap_rtx(repeated, 102, 5000)
    assert (repeated.sequence_number, repeated.payload) == (lost.sequence_number, b"\x61lost")
    assert packet_requests(rig.up) == []


async def test_what_nobody_has_is_asked_of_the_publisher_and_travels_on_when_it_comes(rig):
    await rig.sink.start()
    await rig.feed(packet(10, KEY), packet(12))
    (request,) = packet_requests(rig.up)
    assert request.lost == [11]
    missing = rig.down.rtp[0].sequence_number + 1
    await rig.nack(missing)
    assert packet_requests(rig.up)[1].lost == [11]
    repeated = packet(900, b"\x00\x0b\x61late", payload_type=97, ssrc=RTX)  # RFC 4588: the number comes first
    await rig.feed(repeated)
    assert (rig.down.rtp[-1].sequence_number, rig.down.rtp[-1].payload) == (missing, b"\x61late")


async def test_what_comes_twice_travels_once(rig):
    await rig.sink.start()
    await rig.feed(packet(1, KEY), packet(1, KEY), packet(2))
    assert len(rig.down.rtp) == 2


async def test_packets_of_other_kinds_and_padding_go_nowhere(rig):
    await rig.sink.start()
    await rig.feed(packet(1, KEY), packet(5, payload_type=13), packet(6, b"\x00", payload_type=97, ssrc=RTX))
    assert len(rig.down.rtp) == 1


async def test_the_publisher_s_clock_is_passed_on_and_reception_reported(rig):
    await rig.sink.start()
    await rig.feed(packet(1, KEY), packet(2))
    info = RtcpSenderInfo(ntp_timestamp=1 << 40, rtp_timestamp=777, packet_count=9, octet_count=9)
    await rig.up.arrive(RtcpSrPacket(ssrc=MEDIA, sender_info=info))
    (report,) = [p for p in rig.down.rtcp if isinstance(p, RtcpSrPacket)]
    assert (report.ssrc, report.sender_info.ntp_timestamp, report.sender_info.rtp_timestamp) == (
        5000,
        1 << 40,
        777,
    )
    assert report.sender_info.packet_count == 2
    await rig.source.report()
    (reception,) = [p for p in rig.up.rtcp if isinstance(p, RtcpRrPacket)]
    assert [(r.ssrc, r.highest_sequence, r.packets_lost) for r in reception.reports] == [(MEDIA, 2, 0)]
    assert reception.reports[0].lsr == (1 << 40) >> 16 & 0xFFFFFFFF


async def test_a_subscriber_that_is_gone_does_not_disturb_the_others(rig):
    wanted = section("8", payload_type=110, ssrc=6000)
    other = Recorder(wanted)
    second = Egress(rig.source, wanted, other.dtls, "name")
    await rig.sink.start()
    await second.start()
    await rig.feed(packet(1, KEY))
    rig.down.up = False
    await rig.feed(packet(2), packet(3))
    assert [p.payload_type for p in other.rtp] == [110, 110, 110]
    await second.stop()
    assert isinstance(other.rtcp[-1], RtcpByePacket)
    await rig.feed(packet(4))
    assert len(other.rtp) == 3


@pytest.mark.parametrize(("name", "encoder"), [("H264", H264Encoder), ("VP8", Vp8Encoder)])
def test_key_frames_of_real_encoders_are_told_from_the_rest(name, encoder):
    encoder, noise = encoder(), np.random.default_rng(1)
    for index in range(12):
        frame = av.VideoFrame.from_ndarray(noise.integers(0, 255, (90, 160, 3), np.uint8), format="rgb24")
        frame.pts, frame.time_base = index * 3000, fractions.Fraction(1, 90000)
        payloads, _ = encoder.encode(frame, force_keyframe=index == 7)
        assert len(payloads) > 1
        assert starts_key_frame(name, payloads[0]) == (index in (0, 7))
        if name == "VP8":
            assert not any(starts_key_frame(name, payload) for payload in payloads[1:])


@pytest.mark.parametrize(
    "payload", [b"", b"\x90", b"\x90\x80", b"\x90\xf0\x80", b"\x78", b"\x7c", b"\x7c\x05"]
)
def test_cut_off_payloads_start_no_key_frame(payload):
    assert not starts_key_frame("VP8", payload)
    assert not starts_key_frame("h264", payload)
    assert starts_key_frame("opus", payload)
