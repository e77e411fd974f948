"""Answers to offers: those that Chromium makes under Amazon's SDK, aiortc's, and unusable ones."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from aiortc import sdp
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceCandidate, RTCIceParameters
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.server.forwarding.sections import Kind, Section
from realtime_fast.server.stage.answers import Offer, answer
from realtime_fast.server.stage.refusal import Refusal

OFFERS = Path(__file__).parent / "offers"
PUBLISH = (OFFERS / "chromium-publish.sdp").read_text()
SUBSCRIBE = (OFFERS / "chromium-subscribe.sdp").read_text()
CANDIDATE = RTCIceCandidate(1, "1", "192.0.2.1", 5000, 1, "udp", "host")


def without(text: str, *names: str) -> str:
    """The offer without the codecs of these names."""
    lines = text.splitlines()
    gone = {
        line.split(":")[1].split()[0]
        for line in lines
        if line.startswith("a=rtpmap:") and line.split()[1].split("/")[0] in names
    }
    kept = []
    for line in lines:
        if line.startswith("m="):
            kind, port, profile, *types = line.split()
            line = " ".join([kind, port, profile, *(each for each in types if each not in gone)])
        elif (
            line.startswith(("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")) and line.split(":")[1].split()[0] in gone
        ):
            continue
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"


def reply(
    offer: Offer, sections: Mapping[Kind, Section], direction: Literal["recvonly", "sendonly"]
) -> tuple[str, sdp.SessionDescription]:
    """The parsed answer, which a stack must be able to parse."""
    text = answer(
        offer,
        sections,
        direction,
        ice=RTCIceParameters("user", "password"),
        dtls=RTCDtlsParameters([RTCDtlsFingerprint("sha-256", "AA:BB")], "client"),
        candidates=[CANDIDATE],
        stream_id="stream",
    )
    return text, sdp.SessionDescription.parse(text)


def test_a_publisher_gets_the_first_codec_it_offers_that_every_client_decodes() -> None:
    offer = Offer.parse(PUBLISH)
    found = offer.published()
    assert list(found) == ["audio", "video"]
    assert found["audio"].codec.name == "opus"
    video = found["video"]
    assert video.rtx is not None
    assert (video.codec.name, video.codec.payloadType, video.rtx.payloadType) == ("VP8", 96, 97)
    assert (video.ssrc, video.rtx_ssrc) == (1247404267, 3080462624)
    assert Offer.parse(without(PUBLISH, "VP8")).published()["video"].codec.payloadType == 102
    with pytest.raises(Refusal, match="no matching video codec") as caught:
        Offer.parse(without(PUBLISH, "VP8", "H264")).published()
    assert (caught.value.status, caught.value.code) == (400, 2014)


def test_an_offer_without_video_is_refused_as_production_does() -> None:
    with pytest.raises(Refusal, match="failed to create publisher session") as caught:
        Offer.parse(PUBLISH.partition("m=video")[0]).published()
    assert (caught.value.status, caught.value.code) == (400, 2001)


def test_a_subscriber_gets_the_publisher_s_codec_under_its_own_number() -> None:
    ssrcs: dict[Kind, int] = {"audio": 100, "video": 200}
    for gone, expected in (((), ("VP8", 96)), (("VP8",), ("H264", 102))):
        published = Offer.parse(without(PUBLISH, *gone)).published()
        video = Offer.parse(SUBSCRIBE).subscribed(published, ssrcs)["video"]
        assert (video.codec.name, video.codec.payloadType) == expected
        assert (video.ssrc, video.rtx_ssrc) == (200, 201)
    with pytest.raises(Refusal, match="no matching video codec"):
        Offer.parse(without(SUBSCRIBE, "H264")).subscribed(published, ssrcs)


def test_h264_is_matched_by_profile_and_packetization() -> None:
    constrained = without(PUBLISH, "VP8").replace("profile-level-id=42001f", "profile-level-id=640c1f")
    published = Offer.parse(constrained).published()
    assert published["video"].codec.parameters["profile-level-id"] == "42e01f"
    video = Offer.parse(SUBSCRIBE).subscribed(published, {"audio": 1, "video": 3})["video"]
    assert video.codec.parameters["profile-level-id"] == "42e01f"
    assert video.codec.parameters["packetization-mode"] == "1"


def test_an_answer_has_candidates_in_its_first_section_only_and_one_codec_a_section() -> None:
    offer = Offer.parse(PUBLISH)
    text, parsed = reply(offer, offer.published(), "recvonly")
    audio, video = parsed.media
    assert [len(m.ice_candidates) for m in (audio, video)] == [1, 0]
    assert text.count("a=end-of-candidates") == 1
    assert [m.direction for m in (audio, video)] == ["recvonly", "recvonly"]
    assert [c.name for c in video.rtp.codecs] == ["VP8", "rtx"]
    assert {(f.type, f.parameter) for f in video.rtp.codecs[0].rtcpFeedback} == {
        ("nack", None),
        ("nack", "pli"),
        ("ccm", "fir"),
        ("goog-remb", None),
        ("transport-cc", None),
    }
    assert [m.dtls and m.dtls.role for m in (audio, video)] == ["client", "client"]
    assert parsed.group[0].items == ["0", "1"]
    assert not audio.ssrc
    assert not video.ssrc


def test_an_answer_to_a_subscriber_names_what_is_sent() -> None:
    published = Offer.parse(PUBLISH).published()
    offer = Offer.parse(SUBSCRIBE)
    _, parsed = reply(offer, offer.subscribed(published, {"audio": 100, "video": 200}), "sendonly")
    audio, video = parsed.media
    assert [s.ssrc for s in audio.ssrc] == [100]
    assert [s.ssrc for s in video.ssrc] == [200, 201]
    assert video.ssrc_group[0].items == [200, 201]
    assert [(m.msid or "").split()[0] for m in (audio, video)] == ["stream", "stream"]


def test_sections_without_a_use_are_inactive_and_unknown_ones_refused() -> None:
    published: dict[Kind, Section] = {"video": Offer.parse(PUBLISH).published()["video"]}
    data = (
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n"
        "a=ice-ufrag:x\r\na=ice-pwd:y\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=sctp-port:5000\r\n"
    )
    offer = Offer.parse(SUBSCRIBE + data)
    sections = offer.subscribed(published, {"video": 200})
    text, parsed = reply(offer, sections, "sendonly")
    assert [m.port for m in parsed.media] == [9, 9, 0]
    assert [m.direction for m in parsed.media] == ["inactive", "sendonly", "inactive"]
    assert [m.rtp.muxId for m in parsed.media] == ["0", "1", "2"]
    assert parsed.group[0].items == ["0", "1"]
    assert [len(m.ice_candidates) for m in parsed.media] == [1, 0, 0]
    assert "m=application 0 " in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no media"),
        ("v=0\r\n", "no media"),
        ("hello", "no media"),
        ("m=video x y\r\n", "not a session description"),
        (PUBLISH.replace("a=fingerprint", "a=finger"), "no fingerprint"),
        (PUBLISH.replace("a=ice-pwd", "a=ice-password"), "no ICE credentials"),
        (PUBLISH.replace("a=mid:", "a=middle:"), "without a=mid"),
        (PUBLISH.replace("a=setup", "a=set"), "no fingerprint"),
    ],
)
def test_what_is_no_offer_is_refused(text: str, says: str) -> None:
    with pytest.raises(Refusal, match=says) as caught:
        Offer.parse(text)
    assert caught.value.status == 400


def test_a_subscriber_that_wants_nothing_is_refused() -> None:
    published = Offer.parse(PUBLISH).published()
    with pytest.raises(Refusal, match="nothing to receive"):
        Offer.parse(SUBSCRIBE.replace("a=recvonly", "a=sendonly")).subscribed(
            published, {"audio": 1, "video": 3}
        )


@given(st.text() | st.lists(st.sampled_from(PUBLISH.splitlines())).map("\r\n".join))
def test_nothing_but_a_refusal_comes_of_garbage(text: str) -> None:
    with contextlib.suppress(Refusal):
        offer = Offer.parse(text)
        reply(offer, offer.published(), "recvonly")
