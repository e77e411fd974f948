"""Packet trailers in the embedded room: who can take them off gets them, and nobody else does."""

from __future__ import annotations

from typing import Any

import pytest
from aiortc.codecs import h264 as aiortc_h264
from av import VideoFrame

from realtime_fast.livekit import Room, TrackSubscribed
from realtime_fast.server import Service
from realtime_fast.stamps import FrameTiming, Stamp

from tests.server.room.client import joined
from tests.support import Colour, Token, eventually


class Timed(Colour):
    """Pictures that say something of themselves."""

    is_timed = True

    def __init__(self) -> None:
        super().__init__()
        self.said: list[FrameTiming] = []

    def stamp_for(self, frame: VideoFrame, timed: bool) -> Stamp:
        if not timed:
            return Stamp()
        self.said.append(FrameTiming(1_795_780_800_000_000 + len(self.said), len(self.said) + 1))
        return Stamp(timing=self.said[-1])


async def test_a_foreign_subscriber_gets_the_bare_picture(
    room_service: Service, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    decode = aiortc_h264.H264Decoder.decode

    def noting(decoder: Any, frame: Any) -> Any:
        seen.append(frame.data)
        return decode(decoder, frame)

    monkeypatch.setattr(aiortc_h264.H264Decoder, "decode", noting)
    camera = Timed()
    async with (
        Room(room_service.url, token("camera"), ice_servers=()) as publishing,
        Room(room_service.url, token("ours"), ice_servers=()) as ours,
        joined(room_service.url, token("theirs")) as theirs,
    ):
        events = ours.events()
        await publishing.publish(video=camera)
        media = await anext(event.media async for event in events if isinstance(event, TrackSubscribed))
        track = await theirs.until(lambda: next(iter(theirs.tracks.values()), None))
        for _ in range(5):
            ours_got, theirs_got = await media.recv(), await track.recv()
            assert isinstance(ours_got, VideoFrame)
            assert ours_got.opaque in camera.said
            assert isinstance(theirs_got, VideoFrame)
        await eventually(lambda: len(seen) > 5)
        assert [data[-4:] for data in seen if data.endswith(b"LKTS")] == []
