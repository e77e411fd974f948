"""Tracks of `livekit.rtc` on this package: local ones tapped where pictures enter, remote ones read by `VideoStream`.

A local track of LiveKit's SDK cannot be read. What can be had is what the program gives to its `VideoSource`, so
`install` has each track remember its source, and each source pass its pictures on as well.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from numpy.typing import NDArray

from realtime_fast.errors import InvalidInputError
from realtime_fast.frames import PixelFormat, from_ndarray, to_ndarray
from realtime_fast.media.sources import VideoSource

_FORMATS: dict[str, PixelFormat] = {"I420": "yuv420p", "RGB24": "rgb24", "RGBA": "rgba", "BGRA": "bgra"}
"""LiveKit's names of the layouts that need no conversion, and ours."""

_BYTES = {"rgb24": 3, "rgba": 4, "bgra": 4}


class TappedTrack(VideoSource):
    """The pictures that a program gives to a `livekit.rtc.VideoSource`, of whatever size."""

    def take(self, rtc: ModuleType, frame: Any) -> None:
        """Offer a picture of `livekit.rtc`; callable from any thread."""
        name = rtc.VideoBufferType.Name(frame.type)
        if name not in _FORMATS:
            frame, name = frame.convert(rtc.VideoBufferType.I420), "I420"
        layout, width, height = _FORMATS[name], frame.width, frame.height
        shape = (height * 3 // 2, width) if layout == "yuv420p" else (height, width, _BYTES[layout])
        array: NDArray[np.uint8] = np.frombuffer(frame.data, np.uint8).reshape(shape)
        self._box.put(from_ndarray(array, layout, range="limited"))


class FrameReader:
    """What `livekit.rtc.VideoStream` is for a track of this package: yields `VideoFrameEvent`s."""

    def __init__(self, rtc: ModuleType, track: MediaStreamTrack, wanted: int | None) -> None:
        name = "I420" if wanted is None else rtc.VideoBufferType.Name(wanted)
        if name not in _FORMATS:
            raise InvalidInputError(
                f"VideoStream(format={name}) cannot be had from realtime_fast: use {', '.join(_FORMATS)}"
            )
        self._rtc = rtc
        self._track = track
        self._type = rtc.VideoBufferType.Value(name)
        self._layout = _FORMATS[name]
        self._closed = False

    def __aiter__(self) -> FrameReader:
        return self

    async def __anext__(self) -> Any:
        while not self._closed:
            try:
                frame = await self._track.recv()
            except MediaStreamError:
                break
            if isinstance(frame, VideoFrame):
                pixels = np.ascontiguousarray(to_ndarray(frame, self._layout))
                picture = self._rtc.VideoFrame(frame.width, frame.height, self._type, pixels.tobytes())
                rotation = self._rtc.VideoRotation.VIDEO_ROTATION_0
                return self._rtc.VideoFrameEvent(picture, int(time.time() * 1e6), rotation)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Read no more; the track goes on."""
        self._closed = True


_sources: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_taps: weakref.WeakKeyDictionary[Any, weakref.WeakSet[TappedTrack]] = weakref.WeakKeyDictionary()


def install(rtc: ModuleType, replace: Callable[[Any, str, Any], None]) -> None:
    """Have tracks remember their sources, sources pass on their pictures, and `VideoStream` read tracks of ours.

    Args:
        rtc: `livekit.rtc`.
        replace: Sets an attribute of a module or class in a way that can be undone.
    """
    create, capture, stream = (
        rtc.LocalVideoTrack.create_video_track,
        rtc.VideoSource.capture_frame,
        rtc.VideoStream,
    )

    def create_video_track(name: str, source: Any) -> Any:
        track = create(name, source)
        _sources[track] = source
        return track

    def capture_frame(source: Any, frame: Any, **more: Any) -> None:
        for tap in tuple(_taps.get(source, ())):
            tap.take(rtc, frame)
        capture(source, frame, **more)

    class VideoStream(stream):  # type: ignore[misc, valid-type]
        """`livekit.rtc.VideoStream`, of a track of this package too."""

        def __new__(cls, track: Any = None, *args: Any, **more: Any) -> Any:
            if isinstance(track, MediaStreamTrack):
                return FrameReader(rtc, track, more.get("format"))
            return super().__new__(cls)

    replace(rtc.LocalVideoTrack, "create_video_track", staticmethod(create_video_track))
    replace(rtc.VideoSource, "capture_frame", capture_frame)
    replace(rtc, "VideoStream", VideoStream)
    replace(rtc.video_stream, "VideoStream", VideoStream)


def adopted_track(track: Any, width: int, height: int, fps: int) -> Any:
    """A local track as this package takes it: one of `livekit.rtc` is tapped, any other is left as it is.

    Raises:
        InvalidInputError: It is a track of `livekit.rtc` whose source is not known.
    """
    if not type(track).__module__.startswith("livekit.rtc"):
        return track
    source = _sources.get(track)
    if source is None:
        raise InvalidInputError(
            f"This {type(track).__name__} cannot be sent: its pictures are known only if it was made by "
            "LocalVideoTrack.create_video_track after accelerate(). Make it then, or pass a realtime_fast.VideoSource"
        )
    tap = TappedTrack(width, height, fps)
    _taps.setdefault(source, weakref.WeakSet()).add(tap)
    return tap
