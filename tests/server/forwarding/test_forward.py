"""Forwarding, packet by packet: an ingest and its egresses on transports that only record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import anyio
import pytest
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceTransport
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    HeaderExtensionsMap,
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    is_rtcp,
    pack_remb_fci,
    unwrap_rtx,
)

from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer.agreed import ABS_SEND_TIME, MID, Agreed
from realtime_fast.peer.media_transport import MediaTransport, Rates
from realtime_fast.server.forwarding.forward import Egress, Ingest
from realtime_fast.server.forwarding.sections import Section

KEY, DELTA = b"\x67sps", b"\x61delta"
MEDIA, RTX = 1000, 1001
CERTIFICATE = RTCCertificate.generateCertificate()
FEEDBACK = frozenset({"nack", "nack pli"})

Kind = Literal["audio", "video"]


async def repeating(act: Callable[[], Awaitable[None]], holds: Callable[[], Any]) -> None:
    """Ask as a far side does, again and again: requests that come too early to make sense are not answered."""
    with anyio.fail_after(5):
        while not holds():
            await act()
            await anyio.sleep(0.05)


async def eventually(holds: Callable[[], Any]) -> Any:
    with anyio.fail_after(5):
        while not (value := holds()):
            await anyio.sleep(0.005)
    return value


class Recorder:
    """A transport that keeps what is sent over it, and takes what is said to have come."""

    def __init__(self, one: Section) -> None:
        self.dtls = RTCDtlsTransport(RTCIceTransport(RTCIceGatherer(iceServers=[])), [CERTIFICATE])
        self.rtp: list[RtpPacket] = []
        self.rtcp: list[Any] = []
        self.up = True
        self.map = HeaderExtensionsMap()
        self.map.configure(RTCRtpSendParameters(headerExtensions=list(one.extensions)))
        self.media = MediaTransport(self.dtls, Rates())
        self.media._datagrams.send = self._sent  # type: ignore[method-assign]

    def _sent(self, data: bytes) -> bool:
        if self.up and is_rtcp(data):
            self.rtcp += RtcpPacket.parse(data)
        elif self.up:
            self.rtp.append(RtpPacket.parse(data, self.map))
        return self.up

    async def arrive(self, packet: Any) -> None:
        if isinstance(packet, RtpPacket):
            await seams.rtp_in.of(self.dtls)(packet.serialize(self.map), arrival_time_ms=0)
        else:
            await seams.rtcp_in.of(self.dtls)(bytes(packet))


def section(
    mid: str = "0",
    kind: Kind = "video",
    payload_type: int = 96,
    ssrc: int = MEDIA,
    rtx: bool = True,
    extensions: tuple[tuple[int, str], ...] = ((3, MID),),
) -> Section:
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


def agreed(one: Section) -> Agreed:
    ids = {extension.uri: extension.id for extension in one.extensions}
    feedback = FEEDBACK if one.kind == "video" else frozenset[str]()
    return Agreed({one.codec.payloadType or 0: feedback}, ids, False, "")


def packet(
    number: int,
    payload: bytes = DELTA,
    timestamp: int | None = None,
    payload_type: int = 96,
    ssrc: int = MEDIA,
) -> RtpPacket:
    return RtpPacket(
        payload_type=payload_type,
        marker=1,
        sequence_number=number & 0xFFFF,
        timestamp=number * 3000 if timestamp is None else timestamp,
        ssrc=ssrc,
        payload=payload,
    )


def picture_requests(recorder: Recorder) -> list[Any]:
    return [p for p in recorder.rtcp if isinstance(p, RtcpPsfbPacket) and p.fmt == RTCP_PSFB_PLI]


def packet_requests(recorder: Recorder) -> list[Any]:
    return [p for p in recorder.rtcp if isinstance(p, RtcpRtpfbPacket) and p.fmt == RTCP_RTPFB_NACK]


class Rig:
    """A publisher and one subscriber."""

    def __init__(self, kind: Kind = "video", rtx: bool = True) -> None:
        published = section(kind=kind, rtx=rtx)
        wanted = section("7", kind, 102, ssrc=5000, rtx=rtx, extensions=((1, MID), (2, ABS_SEND_TIME)))
        self.up, self.down = Recorder(published), Recorder(wanted)
        self.ingest = Ingest(published, agreed(published), self.up.media, own_ssrc=77)
        self.egress = Egress(self.ingest, wanted, agreed(wanted), self.down.media, "name")

    async def feed(self, *packets: RtpPacket) -> None:
        for one in packets:
            await self.up.arrive(one)

    async def sent(self, count: int) -> list[RtpPacket]:
        """The packets that the subscriber got, once there are so many: they are paced."""
        await eventually(lambda: len(self.down.rtp) >= count)
        return self.down.rtp

    async def nack(self, *numbers: int) -> None:
        request = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=5000)
        request.lost = list(numbers)
        await self.down.arrive(request)

    def close(self) -> None:
        self.up.media.close()
        self.down.media.close()


@pytest.fixture
async def rig() -> Any:
    rig = Rig()
    yield rig
    rig.close()


async def test_packets_travel_on_under_the_subscriber_s_numbers(rig: Rig) -> None:
    rig.egress.start()
    await rig.feed(packet(60000, KEY), packet(60001), packet(60002))
    sent = await rig.sent(3)
    assert [p.payload for p in sent] == [KEY, DELTA, DELTA]
    assert [p.timestamp - sent[0].timestamp for p in sent] == [0, 3000, 6000]
    assert {(p.payload_type, p.ssrc, p.extensions.mid) for p in sent} == {(102, 5000, "7")}
    assert all(p.extensions.abs_send_time is not None for p in sent)
    first = sent[0].sequence_number
    assert first < 0x8000, "a number that wraps at once can break SRTP's roll-over counter"
    assert [p.sequence_number for p in sent] == [first, first + 1, first + 2]


async def test_numbers_go_on_when_the_publisher_s_wrap(rig: Rig) -> None:
    rig.egress.start()
    await rig.feed(
        packet(65534, KEY), *(packet(65534 + n, timestamp=(65534 + n) * 3000) for n in range(1, 5))
    )
    sent = await rig.sent(5)
    assert [p.sequence_number - sent[0].sequence_number for p in sent] == [0, 1, 2, 3, 4]


async def test_a_subscriber_begins_with_a_key_frame_which_is_asked_for(rig: Rig) -> None:
    await rig.feed(packet(1))
    rig.egress.start()
    await eventually(lambda: picture_requests(rig.up))
    await rig.feed(packet(2), packet(3))
    assert rig.down.rtp == []
    assert len(picture_requests(rig.up)) == 1, "one request for all of them"
    await rig.feed(packet(4, KEY), packet(5))
    assert [p.payload for p in await rig.sent(2)] == [KEY, DELTA]


async def test_sound_begins_at_once() -> None:
    rig = Rig("audio", rtx=False)
    rig.egress.start()
    await rig.feed(packet(1), packet(2))
    await rig.sent(2)
    assert picture_requests(rig.up) == []
    rig.close()


async def test_a_picture_loss_of_a_subscriber_reaches_the_publisher(rig: Rig) -> None:
    rig.egress.start()
    await rig.feed(packet(1, KEY))
    before = len(picture_requests(rig.up))
    loss = RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=5000)
    await repeating(lambda: rig.down.arrive(loss), lambda: len(picture_requests(rig.up)) > before)
    assert picture_requests(rig.up)[-1].media_ssrc == MEDIA


@pytest.mark.parametrize("rtx", [True, False])
async def test_what_a_subscriber_misses_is_repeated_from_memory(rtx: bool) -> None:
    rig = Rig(rtx=rtx)
    rig.egress.start()
    await rig.feed(packet(10, KEY), packet(11, b"\x61lost"), packet(12))
    lost = (await rig.sent(3))[1]
    await repeating(lambda: rig.nack(lost.sequence_number), lambda: len(rig.down.rtp) > 3)
    repeated = rig.down.rtp[3]
    if rtx:
        assert (repeated.payload_type, repeated.ssrc) == (103, 5001)
        repeated = unwrap_rtx(repeated, 102, 5000)
    assert (repeated.sequence_number, repeated.payload) == (lost.sequence_number, b"\x61lost")
    assert packet_requests(rig.up) == []
    rig.close()


async def test_what_is_missing_is_asked_of_the_publisher_and_travels_on_when_it_comes(rig: Rig) -> None:
    rig.egress.start()
    await rig.feed(packet(10, KEY), packet(12))
    first = (await rig.sent(1))[0]
    request = (await eventually(lambda: packet_requests(rig.up)))[0]
    assert request.lost == [11]
    # RFC 4588: the number comes first.
    await rig.feed(packet(900, b"\x00\x0b\x61late", timestamp=33000, payload_type=97, ssrc=RTX))
    late = await eventually(lambda: [p for p in rig.down.rtp if p.payload == b"\x61late"])
    assert late[0].sequence_number == first.sequence_number + 1


async def test_what_comes_twice_travels_once(rig: Rig) -> None:
    rig.egress.start()
    await rig.feed(packet(1, KEY), packet(1, KEY), packet(2))
    assert [p.payload for p in await rig.sent(2)] == [KEY, DELTA]


async def test_packets_of_other_kinds_and_padding_go_nowhere(rig: Rig) -> None:
    rig.egress.start()
    await rig.feed(
        packet(1, KEY), packet(5, payload_type=13), packet(6, b"\x00", payload_type=97, ssrc=RTX), packet(2)
    )
    assert [p.payload for p in await rig.sent(2)] == [KEY, DELTA]


async def test_both_sides_are_told_what_was_sent_and_received(rig: Rig) -> None:
    rig.egress.start()
    await rig.feed(packet(1, KEY), packet(2))
    await rig.sent(2)
    report = (await eventually(lambda: [p for p in rig.down.rtcp if isinstance(p, RtcpSrPacket)]))[-1]
    assert report.ssrc == 5000
    assert report.sender_info.packet_count <= 2
    blocks = await eventually(
        lambda: [
            block
            for p in rig.up.rtcp
            if isinstance(p, RtcpRrPacket | RtcpSrPacket)
            for block in p.reports
            if block.ssrc == MEDIA
        ]
    )
    assert (blocks[-1].highest_sequence & 0xFFFF, blocks[-1].packets_lost) == (2, 0)


async def test_a_subscriber_that_is_gone_does_not_disturb_the_others(rig: Rig) -> None:
    wanted = section("8", payload_type=110, ssrc=6000)
    other = Recorder(wanted)
    second = Egress(rig.ingest, wanted, agreed(wanted), other.media, "name")
    rig.egress.start()
    second.start()
    await rig.feed(packet(1, KEY))
    rig.down.up = False
    await rig.feed(packet(2), packet(3))
    await eventually(lambda: len(other.rtp) == 3)
    assert [p.payload_type for p in other.rtp] == [110, 110, 110]
    second.stop()
    await eventually(lambda: any(isinstance(p, RtcpByePacket) for p in other.rtcp))
    await rig.feed(packet(4))
    assert len(other.rtp) == 3
    other.media.close()


async def test_the_publisher_is_told_what_the_path_to_the_best_subscriber_carries(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int | None] = []
    monkeypatch.setattr(rig.up.media, "limit", limits.append)
    wanted = section("8", payload_type=110, ssrc=6000)
    better = Recorder(wanted)
    second = Egress(rig.ingest, wanted, agreed(wanted), better.media, "name")
    rig.egress.start()
    second.start()
    await rig.feed(packet(1, KEY))

    async def reports(subscriber: Recorder, carries: int) -> None:
        fci = pack_remb_fci(carries, [subscriber.rtp[0].ssrc])
        await subscriber.arrive(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci))

    async def told(bitrate: int) -> None:
        await eventually(lambda: limits[-1] == pytest.approx(bitrate, rel=0.01))

    await reports(rig.down, 300_000)
    await told(1_000_000)
    await reports(better, 600_000)
    await told(600_000)
    second.stop()
    await told(300_000)
    better.media.close()


async def test_a_path_for_sound_limits_no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig("audio")
    limits: list[int | None] = []
    monkeypatch.setattr(rig.up.media, "limit", limits.append)
    wanted = section("8", "audio", 103, ssrc=6000)
    other = Recorder(wanted)
    egress = Egress(rig.ingest, wanted, agreed(wanted), other.media, "name")
    egress.start()
    await rig.feed(*(packet(number, timestamp=number * 960) for number in range(1, 4)))
    await eventually(lambda: len(other.rtp) == 3)
    assert limits == [], "what a publisher may send is one rate for all its streams"
    other.media.close()
    rig.close()
