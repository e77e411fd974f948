"""`accelerate` with the SDK of 2026, whose media travels over LiveKit rooms. `make interop` runs its programs."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from enum import IntEnum
from fractions import Fraction
from types import ModuleType, SimpleNamespace
from typing import Any

import anyio
import decart.realtime
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from av import VideoFrame

from realtime_fast import InvalidInputError, decode_subscribe_token
from realtime_fast.compat import decart as compat
from realtime_fast.compat import rooms, rtc_bridge
from realtime_fast.media.tracks import ReceivedTrack

from tests.support import SMALL, Colour

PICTURE = (32, 64, 3)
TEAL = (20, 140, 120)


@pytest.fixture
def of_2026(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The installed SDK says that it is a later one."""
    monkeypatch.setattr(compat, "version", lambda _: "0.2.4")
    compat.accelerate()
    yield
    compat.restore()


@pytest.mark.usefixtures("of_2026")
def test_the_names_are_those_of_the_later_sdk() -> None:
    sdk: Any = decart.realtime
    assert sdk.RealtimeClient is rooms.RoomClient
    token = sdk.encode_subscribe_token("room-1")
    assert decode_subscribe_token(token).room_name == "room-1"
    types = importlib.import_module("decart.realtime.types")
    options = types.RealtimeConnectOptions(model=SMALL, on_remote_stream=print, speed="fast")
    assert (options.transport, options.speed, options.video_codec) == ("livekit", "fast", None)


def test_the_earlier_sdk_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "version", lambda _: "0.0.40")
    compat.accelerate()
    try:
        assert decart.realtime.RealtimeClient is compat.EXPORTS["RealtimeClient"] is not rooms.RoomClient
    finally:
        compat.restore()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.import_module

    def without_extra(name: str) -> ModuleType:
        if name == "realtime_fast.livekit":
            raise ImportError(name)
        return find(name)

    monkeypatch.setattr(compat, "version", lambda _: "0.2.4")
    monkeypatch.setattr(importlib, "import_module", without_extra)
    with pytest.raises(ImportError, match=r"decart 0\.2\.4 uses LiveKit rooms: pip install"):
        compat.accelerate()


def test_options_of_the_sdk_itself_are_taken() -> None:
    given = SimpleNamespace(
        model=SMALL, on_remote_stream=print, initial_state=None, resolution="720p", speed=None
    )
    options = rooms._adopted(given)
    assert (options.transport, options.resolution) == ("livekit", "720p")
    with pytest.raises(InvalidInputError, match="vp9"):
        rooms._adopted(SimpleNamespace(model=SMALL, on_remote_stream=print, preferred_video_codec="vp9"))
    with pytest.raises(InvalidInputError, match="options must be"):
        rooms._adopted(object())


# A stand-in for `livekit.rtc`: what the bridge touches, without the native library.


class VideoBufferType(IntEnum):
    RGBA = 0
    BGRA = 1
    I420 = 5
    RGB24 = 6
    NV12 = 9

    @classmethod
    def Name(cls, value: int) -> str:
        return cls(value).name

    @classmethod
    def Value(cls, name: str) -> int:
        return cls[name]


class Frame:
    def __init__(self, width: int, height: int, type: int, data: bytes) -> None:
        self.width, self.height, self.type, self.data = width, height, type, data

    def convert(self, type: int) -> Frame:
        assert (self.type, type) == (VideoBufferType.NV12, VideoBufferType.I420)
        return Frame(self.width, self.height, type, self.data)


class Source:
    def __init__(self) -> None:
        self.captured = 0

    def capture_frame(self, frame: Frame, *, timestamp_us: int = 0) -> None:
        self.captured += 1


class LocalTrack:
    @staticmethod
    def create_video_track(name: str, source: Source) -> LocalTrack:
        return LocalTrack()


LocalTrack.__module__ = "livekit.rtc.track"


class Stream:
    def __init__(self, track: Any, **more: Any) -> None:
        self.track = track


@pytest.fixture
def rtc(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = ModuleType("livekit.rtc")
    module.VideoBufferType, module.VideoFrame, module.VideoFrameEvent = VideoBufferType, Frame, SimpleEvent
    module.VideoRotation = SimpleNamespace(VIDEO_ROTATION_0=0)
    monkeypatch.setattr(Source, "capture_frame", Source.capture_frame)
    monkeypatch.setattr(LocalTrack, "create_video_track", staticmethod(LocalTrack.create_video_track))
    module.VideoSource, module.LocalVideoTrack, module.VideoStream = Source, LocalTrack, Stream
    module.video_stream = SimpleNamespace(VideoStream=Stream)
    rtc_bridge.install(module, setattr)
    return module


class SimpleEvent:
    def __init__(self, frame: Frame, timestamp_us: int, rotation: int) -> None:
        self.frame, self.timestamp_us, self.rotation = frame, timestamp_us, rotation


def bytes_of(layout: VideoBufferType) -> bytes:
    height, width, _ = PICTURE
    frame = VideoFrame.from_ndarray(np.full(PICTURE, TEAL, np.uint8), format="rgb24")
    names = {"I420": "yuv420p", "NV12": "yuv420p"}
    pixels = frame.reformat(format=names.get(layout.name, layout.name.lower())).to_ndarray()
    assert pixels.size == height * width * {"RGB24": 3, "RGBA": 4, "BGRA": 4}.get(layout.name, 1.5)
    return pixels.tobytes()


@pytest.mark.parametrize("layout", VideoBufferType)
async def test_what_a_program_captures_is_sent(rtc: Any, layout: VideoBufferType) -> None:
    height, width, _ = PICTURE
    source = Source()
    track = rtc.LocalVideoTrack.create_video_track("camera", source)
    tap = rtc_bridge.adopted_track(track, SMALL.width, SMALL.height, SMALL.fps)
    source.capture_frame(Frame(width, height, layout, bytes_of(layout)), timestamp_us=1)
    with anyio.fail_after(5):
        frame = await tap.recv()
    assert (frame.width, frame.height, frame.format.name) == (width, height, "yuv420p")
    assert np.abs(frame.to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0) - TEAL).max() < 6
    assert source.captured == 1  # the SDK's own gets it as well


def test_a_track_made_before_is_one_clear_error_and_others_pass(rtc: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"LocalTrack cannot be sent.*after accelerate\(\)"):
        rtc_bridge.adopted_track(LocalTrack(), 32, 32, 30)
    ours = Colour()
    assert rtc_bridge.adopted_track(ours, 32, 32, 30) is ours
    assert rtc_bridge.adopted_track(None, 32, 32, 30) is None


class Once(MediaStreamTrack):
    kind = "video"

    async def recv(self) -> VideoFrame:
        frame = VideoFrame.from_ndarray(np.full(PICTURE, TEAL, np.uint8), format="rgb24").reformat(
            format="yuv420p"
        )
        frame.pts, frame.time_base = 0, Fraction(1, 90000)
        return frame


SIZES = {None: 1.5, VideoBufferType.RGB24: 3, VideoBufferType.RGBA: 4}


@pytest.mark.parametrize("layout", SIZES)
async def test_a_video_stream_reads_our_tracks(rtc: Any, layout: VideoBufferType | None) -> None:
    stream: AsyncIterator[Any] = rtc.VideoStream(Once(), format=layout)
    with anyio.fail_after(5):
        event = await anext(stream)
    height, width, _ = PICTURE
    assert (event.frame.width, event.frame.height) == (width, height)
    assert event.frame.type == (VideoBufferType.I420 if layout is None else layout)
    assert len(event.frame.data) == height * width * SIZES[layout]
    await stream.aclose()  # type: ignore[attr-defined]
    assert [event async for event in stream] == []


async def test_a_video_stream_ends_with_its_track_and_reads_the_sdks_own(rtc: Any) -> None:
    received = ReceivedTrack(Once())
    received.stop()
    assert [event async for event in rtc.VideoStream(received)] == []
    theirs = LocalTrack()
    assert rtc.VideoStream(theirs).track is theirs
    with pytest.raises(InvalidInputError, match="VideoStream"):
        rtc.VideoStream(Once(), format=VideoBufferType.NV12)
