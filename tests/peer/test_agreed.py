"""What is added to descriptions, and what two of them have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiortc import RTCPeerConnection
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.peer.agreed import ABS_SEND_TIME, MID, TRANSPORT_CC, agreed, extended, sections

CHROMIUM = (Path(__file__).parents[1] / "server/stage/offers/chromium-publish.sdp").read_text()


async def offer() -> str:
    pc = RTCPeerConnection()
    try:
        pc.addTransceiver("audio")
        pc.addTransceiver("video")
        return (await pc.createOffer()).sdp
    finally:
        await pc.close()


def video_types(sdp: str) -> dict[str, int]:
    (video,) = [section for section in sections(sdp) if section.kind == "video"]
    return {name: payload_type for payload_type, name in video.codecs.items()}


async def test_an_offer_says_what_aiortc_cannot() -> None:
    plain = await offer()
    said = extended(plain)
    for section in sections(said):
        ids = [extensions.extensions[TRANSPORT_CC] for extensions in sections(said)]
        assert len(set(ids)) == 1
        assert len(set(section.extensions.values())) == len(section.extensions)
        assert section.reduced_size
    types = video_types(said)
    (video,) = [section for section in sections(said) if section.kind == "video"]
    for codec in ("vp8", "h264"):
        assert {"nack", "nack pli", "goog-remb", "transport-cc", "ccm fir"} <= video.feedback[types[codec]]
    assert not video.feedback[types["rtx"]]
    # What aiortc said itself stays, and it can read the whole again.
    assert [line for line in plain.splitlines() if line not in said.splitlines()] == []
    assert len(SessionDescription.parse(said).media) == 2
    assert extended(said) == said


async def test_an_answer_says_no_more_than_its_offer() -> None:
    answering = RTCPeerConnection()
    try:
        from aiortc import RTCSessionDescription

        await answering.setRemoteDescription(RTCSessionDescription(CHROMIUM, "offer"))
        plain = (await answering.createAnswer()).sdp
    finally:
        await answering.close()
    said = extended(plain, CHROMIUM)
    common = agreed(said, CHROMIUM)
    assert set(common) == {"0", "1"}
    video = common["1"]
    vp8 = video_types(said)["vp8"]
    assert {"transport-cc", "goog-remb", "ccm fir", "nack", "nack pli"} <= video.feedback_for(vp8)
    assert video.extensions[TRANSPORT_CC] == 3
    assert video.extensions[ABS_SEND_TIME] == 2
    assert video.extensions[MID] == 4
    assert video.reduced_size
    assert "transport-cc" in common["0"].feedback_for(111)
    bare = "\r\n".join(
        line
        for line in CHROMIUM.splitlines()
        if "transport-cc" not in line
        and TRANSPORT_CC not in line
        and "ccm fir" not in line
        and "rsize" not in line
    )
    assert extended(plain, bare + "\r\n") == plain


async def test_feedback_without_its_extension_is_not_asked_for() -> None:
    """With one but not the other, a browser would neither adapt to reports of arrival nor to an estimate."""
    without = "\r\n".join(line for line in CHROMIUM.splitlines() if TRANSPORT_CC not in line) + "\r\n"
    plain = await offer()
    common = agreed(extended(plain, without), without)
    assert all(
        "transport-cc" not in kinds for section in common.values() for kinds in section.feedback.values()
    )


async def test_trailers_are_agreed_on_where_both_sides_say_that_they_take_them_off() -> None:
    ours = extended(await offer())
    assert [section.trailers for section in sections(ours)] == [False, True], (
        "pictures have them, sound has not"
    )
    both = agreed(extended(await offer(), ours), ours)
    assert [section.trailers for section in both.values()] == [False, True]
    foreign = await offer()
    for answer, question in ((foreign, ours), (extended(foreign, foreign), foreign)):
        assert not any(section.trailers for section in agreed(answer, question).values())


@given(st.text(alphabet="vmao=:x-\r\n 019/*fbtpcrid", max_size=200))
@pytest.mark.parametrize("head", ["", "v=0\r\nm=video 9 X 96\r\n"])
def test_any_text_can_be_read(head: str, text: str) -> None:
    tuple(sections(head + text))
    agreed(head + text, text)
