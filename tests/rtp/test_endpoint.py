"""The binding of the media path: what goes in comes out, and what cannot be worked with says why."""

import itertools
import math
import re
from typing import Any

import pytest
from aiortc.rtp import RtcpPacket, RtpPacket

from realtime_fast._native import RtpEndpoint
from realtime_fast.errors import InvalidInputError

from tests.rtp.pair import AGREED, RECEIVE, VP8, Pair, picture


def pictures_of(events: list[tuple[Any, ...]]) -> list[bytes]:
    return [event[2].data for event in events if event[0] == "picture"]


def test_pictures_arrive_whole_and_in_order() -> None:
    pair = Pair({"delay": 0.04}, {"delay": 0.04})
    sender = pair.near.add_sender(**VP8, **AGREED)
    receiver = pair.far.add_receiver(**RECEIVE, **AGREED)
    sent = [picture(number) for number in range(50)]
    pair.send(sender, [memoryview(data) for data in sent])
    pair.run(2.0, 2.5)
    assert pictures_of(pair.far_events) == sent
    kind, number, first = pair.far_events[0]
    assert (kind, number, first.codec, first.key) == ("picture", receiver, "vp8", True)
    # The first waits for nothing: on the path 40 ms, and as long as the pacer takes.
    assert 0.04 <= first.first_arrival <= first.complete < 0.08
    timestamps = [event[2].timestamp for event in pair.far_events if event[0] == "picture"]
    assert [later - first.timestamp for later in timestamps] == [3600 * n for n in range(50)]
    assert all(event[2].contiguous for event in pair.far_events[1:] if event[0] == "picture")


def test_losses_are_repaired() -> None:
    pair = Pair({"delay": 0.02, "loss": 0.1}, {"delay": 0.02})
    sender = pair.near.add_sender(**VP8, **AGREED)
    receiver = pair.far.add_receiver(**RECEIVE, **AGREED)
    sent = [picture(number) for number in range(100)]
    pair.send(sender, sent)
    pair.run(4.0, 4.5)
    assert pair.up.figures()["lost"] > 10
    arrived = pictures_of(pair.far_events)
    assert set(arrived) <= set(sent)
    assert len(arrived) >= 90
    inbound, outbound = pair.far.receiver_stats(receiver), pair.near.sender_stats(sender)
    assert inbound is not None
    assert outbound is not None
    assert inbound["nackCount"] > 0
    assert outbound["nackCount"] > 0
    assert 0 < inbound["retransmittedPacketsReceived"] <= outbound["retransmittedPacketsSent"]
    assert outbound["framesEncoded"] == 100
    assert outbound["keyFramesEncoded"] >= 1
    assert (outbound["frameWidth"], outbound["frameHeight"]) == (1280, 704)
    assert outbound["totalEncodeTime"] == pytest.approx(0.5)
    assert inbound["remote"]["reportsReceived"] > 0
    assert outbound["remote"]["reportsReceived"] > 0
    transport = pair.near.transport_stats(4.5)
    assert transport["currentRoundTripTime"] == pytest.approx(0.04, abs=0.03)
    assert transport["availableOutgoingBitrate"] > 100_000
    assert transport["packetsSent"] == len(pair.sent) == pair.up.figures()["packets"]


def test_datagrams_are_what_aiortc_reads() -> None:
    pair = Pair()
    sender = pair.near.add_sender(**VP8, **AGREED)
    pair.far.add_receiver(**RECEIVE, **AGREED)
    pair.send(sender, [picture(number) for number in range(30)])
    goodbye, _, _ = pair.near.remove_sender(sender, 3.0)
    media, reports = set(), set()
    for datagram in [*pair.sent, *goodbye]:
        if 192 <= datagram[1] <= 223:
            reports |= {type(packet).__name__ for packet in RtcpPacket.parse(datagram)}
        else:
            packet = RtpPacket.parse(datagram)
            media.add((packet.payload_type, packet.ssrc))
    assert (96, 11) in media
    assert media <= {(96, 11), (97, 12)}
    assert {"RtcpSrPacket", "RtcpSdesPacket", "RtcpByePacket"} <= reports


def test_an_encoder_hears_of_key_frames_and_rates() -> None:
    pair = Pair({"delay": 0.02}, {"delay": 0.02})
    sender = pair.near.add_sender(**VP8, **AGREED)
    receiver = pair.far.add_receiver(**RECEIVE, **AGREED)
    pair.send(sender, [picture(number) for number in range(25)])
    assert ("key_frame", sender) not in pair.near_events
    pair.far_does(pair.far.request_key_frame(receiver, 1.0), 1.0)
    pair.run(1.0, 1.1)
    assert pair.near_events.count(("key_frame", sender)) == 1
    rates = [event for event in pair.near_events if event[0] == "rate"]
    assert rates
    assert all(number == sender and bitrate > 0 for _, number, bitrate in rates)


def test_sound_arrives() -> None:
    pair = Pair({"delay": 0.02})
    opus: dict[str, Any] = {
        "codec": "opus",
        "payload_type": 111,
        "clock_rate": 48_000,
        "cname": "near",
        "mid": "1",
    }
    sender = pair.near.add_sender(**opus, ssrc=31)
    receiver = pair.far.add_receiver(
        kind="audio", codecs=[(111, "opus", 48_000, None)], own_ssrc=41, cname="far", mid="1", ssrc=31
    )
    sent = [bytes([0x78, number]) * 20 for number in range(25)]
    for number, data in enumerate(sent):
        pair.near_does(pair.near.send(sender, data, 960 * number, number / 50), number / 50)
        pair.run(number / 50, number / 50 + 0.0199)
    pair.run(0.5, 1.0)
    sounds = [event for event in pair.far_events if event[0] == "sound"]
    assert [sound.data for _, number, sound in sounds if number == receiver] == sent
    assert {(sound.codec, sound.arrival > 0) for _, _, sound in sounds} == {("opus", True)}
    steps = {later[2].timestamp - sooner[2].timestamp for sooner, later in itertools.pairwise(sounds)}
    assert steps == {960}


def test_packets_are_forwarded() -> None:
    pair = Pair()
    sender = pair.near.add_sender(**VP8, **AGREED)
    pair.far.add_receiver(**RECEIVE, **AGREED, deliver="packets")
    out = RtpEndpoint(5, 0.0)
    ahead = out.add_sender(**VP8 | {"ssrc": 51, "rtx": None, "payload_type": 100})
    viewer = RtpEndpoint(6, 0.0)
    viewer.add_receiver(
        kind="video", codecs=[(100, "vp8", 90_000, None)], own_ssrc=61, cname="viewer", mid="0", ssrc=51
    )
    sent = [picture(number) for number in range(10)]
    pair.send(sender, sent)
    packets = [event[2] for event in pair.far_events if event[0] == "packet"]
    assert packets[0].key
    assert not packets[0].marker
    assert (packets[0].codec, packets[0].ssrc) == ("vp8", 11)
    assert sum(packet.marker for packet in packets) == len(sent)
    assert all(packet.payload and packet.sequence and packet.timestamp for packet in packets)
    seen: list[tuple[Any, ...]] = []
    deadline: float | None = 0.0
    for packet in [*packets, None]:
        end = packet.arrival if packet else 0.5
        while deadline is not None and deadline <= end:
            now = deadline
            datagrams, _, deadline = out.tick(now)
            seen += [event for datagram in datagrams for event in viewer.receive(datagram, now)[1]]
        if packet:
            datagrams, _, deadline = out.forward(ahead, packet, end)
            seen += [event for datagram in datagrams for event in viewer.receive(datagram, end)[1]]
    assert pictures_of(seen) == sent


def test_a_stream_that_ends_says_so() -> None:
    pair = Pair()
    sender = pair.near.add_sender(**VP8, **AGREED)
    receiver = pair.far.add_receiver(**RECEIVE, **AGREED)
    pair.send(sender, [picture(0)])
    pair.near_does(pair.near.remove_sender(sender, 1.0), 1.0)
    pair.run(1.0, 1.1)
    assert pair.far_events[-1] == ("ended", receiver)
    assert pair.near.sender_stats(sender) is None
    pair.far.remove_receiver(receiver)
    assert pair.far.receiver_stats(receiver) is None


def test_bounds_can_be_changed() -> None:
    pair = Pair()
    sender = pair.near.add_sender(**VP8, **AGREED)
    pair.far.add_receiver(**RECEIVE, **AGREED)
    pair.near.set_bitrates(200_000, 100_000, 300_000)
    pair.send(sender, [picture(number, 500) for number in range(50)])
    assert 100_000 <= pair.near.transport_stats(2.0)["availableOutgoingBitrate"] <= 300_000


def test_a_forwarder_bounds_what_it_is_sent() -> None:
    agreed: dict[str, Any] = {"extensions": {"abs_send_time": 3}, "feedback": ["remb", "nack", "pli"]}
    pair = Pair()
    sender = pair.near.add_sender(**VP8, **agreed)
    pair.far.add_receiver(**RECEIVE, **agreed)
    pair.send(sender, [picture(number) for number in range(25)])
    pair.far_does(pair.far.limit(250_000, 1.0), 1.0)
    pair.run(1.0, 3.0)
    assert pair.near_events[-1][:2] == ("rate", sender)
    assert pair.near_events[-1][2] <= 250_000


def test_delay_smooths_arrivals() -> None:
    pair = Pair({"delay": 0.02})
    sender = pair.near.add_sender(**VP8, **AGREED)
    receiver = pair.far.add_receiver(**RECEIVE, **AGREED)
    pair.far.set_delay(receiver, 0.2, 0.4)
    pair.send(sender, [picture(0)])
    assert pictures_of(pair.far_events) == []
    pair.run(0.04, 0.5)
    assert pictures_of(pair.far_events) == [picture(0)]


@pytest.mark.parametrize(
    "datagram", [b"", b"\x80", b"\x80\x60" + bytes(9), b"\x81\xcd\x00\x05", bytes(range(200))]
)
def test_what_cannot_be_read_is_counted(datagram: bytes) -> None:
    endpoint = RtpEndpoint(1, 0.0)
    endpoint.add_receiver(**RECEIVE, **AGREED)
    assert endpoint.receive(datagram, 1.0)[1] == []
    assert endpoint.transport_stats(1.0)["packetsDiscarded"] == 1


REFUSED: list[tuple[Any, str]] = [
    (lambda e: RtpEndpoint(-1, 0.0), "seed: expected an integer of 0 to 18446744073709551615, got -1"),
    (lambda e: RtpEndpoint(1, math.nan), "now: expected seconds, at least 0, got NaN"),
    (
        lambda e: RtpEndpoint(1, 0.0, min_bitrate=0),
        "bit rates: expected 0 < min <= start <= max, got min 0, ",
    ),
    (
        lambda e: e.set_bitrates(1, 2, 3),
        "bit rates: expected 0 < min <= start <= max, got min 2, start 1, max 3",
    ),
    (lambda e: e.tick(-1.0), "now: expected seconds, at least 0, got -1"),
    (lambda e: e.tick(math.inf), "now: expected seconds, at least 0, got inf"),
    (lambda e: e.send(5, b"x", 0, 0.0), "5"),
    (lambda e: e.send(-5, b"x", 0, 0.0), "stream: expected an integer of 0 to 4294967295, got -5"),
    (
        lambda e: e.send(0, b"x", 1 << 32, 0.0),
        "timestamp: expected an integer of 0 to 4294967295, got 4294967296",
    ),
    (lambda e: e.send(0, b"x", 0, 0.0, width=-1), "width: expected an integer of 0 to 4294967295, got -1"),
    (lambda e: e.send(0, b"x", 0, 0.0, quantizer=math.nan), "quantizer: expected a finite number, got NaN"),
    (
        lambda e: e.send(0, b"x", 0, 0.0, encode_time=-1.0),
        "encode_time: expected seconds, at least 0, got -1",
    ),
    (
        lambda e: e.add_sender(**VP8 | {"codec": "av1"}),
        "expected a codec of 'vp8', 'h264' or 'opus', got 'av1'",
    ),
    (lambda e: e.add_sender(**VP8 | {"payload_type": 128}), "payload_type: expected 0 to 127, got 128"),
    (
        lambda e: e.add_sender(**VP8 | {"payload_type": 300}),
        "payload_type: expected an integer of 0 to 255, got 300",
    ),
    (lambda e: e.add_sender(**VP8 | {"clock_rate": 0}), "clock_rate: expected above 0, got 0"),
    (
        lambda e: e.add_sender(**VP8 | {"rtx": (97, 11)}),
        "rtx.ssrc: expected another SSRC than the stream's, got 11",
    ),
    (lambda e: e.add_sender(**VP8, extensions={"mid": 0}), "extension id: expected 1 to 255, got 0"),
    (lambda e: e.add_sender(**VP8, extensions={"rid": 1}), "extensions: expected 'mid', "),
    (lambda e: e.add_sender(**VP8, feedback=["nak"]), "feedback: expected 'nack', "),
    (lambda e: e.add_receiver(**RECEIVE | {"codecs": []}), "codecs: expected at least one, got none"),
    (
        lambda e: e.add_receiver(**RECEIVE | {"kind": "audio"}),
        "codecs: expected codecs of the stream's kind, got Vp8",
    ),
    (
        lambda e: e.add_receiver(**RECEIVE, deliver="frames"),
        "expected a way to deliver of 'media' or 'packets', got",
    ),
    (
        lambda e: e.add_receiver(**RECEIVE, min_delay=-0.1),
        "min_delay: expected seconds, at least 0, got -0.1",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_cannot_be_worked_with_says_why(call: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(message)) as caught:
        call(RtpEndpoint(1, 0.0))
    assert isinstance(caught.value, ValueError)


def test_media_of_another_codec_is_refused() -> None:
    endpoint = RtpEndpoint(1, 0.0)
    sender = endpoint.add_sender(**VP8 | {"codec": "h264"})
    with pytest.raises(InvalidInputError, match="zeros before its first start code"):
        endpoint.send(sender, b"\x65\x88", 0, 0.0)
