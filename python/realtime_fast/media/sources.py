"""Video sources: pushed arrays, files, cameras, or synthetic pictures."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import chain
from typing import Any, Self

import anyio
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray

from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.errors import InvalidInputError
from realtime_fast.frames import PixelFormat, from_ndarray
from realtime_fast.media.clock import VIDEO_TIME_BASE
from realtime_fast.media.decode import Timed, decoded
from realtime_fast.media.inputs import LEAST_HEIGHT, LEAST_WIDTH, name_of, open_input
from realtime_fast.media.synthetic import synthetic

logger = logging.getLogger(__name__)

_CHANNELS: dict[str, int] = {"rgb24": 3, "bgr24": 3, "rgba": 4, "bgra": 4}
_PLANAR = ("yuv420p", "nv12")
_EARLY = 0.25
"""Share of the interval by which a pushed picture may come too early: who pushes them is never quite even."""
_LATE = 0.5
"""Seconds a source may lag before it stops trying to catch up."""
_CLOSE_LIMIT = 2.0
"""Seconds to wait for the thread of a source: a camera may be in the middle of a read."""


class VideoSource(MediaStreamTrack):
    """A video track of pushed arrays; it keeps the newest only.

    Timestamps follow the clock. `stop()` ends it; there is nothing else to close.

    Attributes:
        gives_frames: Whoever receives a frame owns it and may write into it.
    """

    kind = "video"
    gives_frames = True

    def __init__(self, width: int, height: int, fps: float = 30.0, format: PixelFormat = "rgb24") -> None:  # noqa: A002
        """Describe the arrays.

        Args:
            width: Width in pixels, even, at least 24.
            height: Height in pixels, even, at least 4.
            fps: Maximum frame rate.
            format: Layout of the arrays: HxWx3 (rgb24, bgr24), HxWx4 (rgba, bgra), HxW (gray8), or planes
                below each other, (H * 3 / 2)xW (yuv420p, nv12).

        Raises:
            InvalidInputError: An argument is invalid.
        """
        super().__init__()
        _check_size(width, height)
        if not 0 < fps <= 1000:
            raise InvalidInputError(f"fps must be over 0 and at most 1000, not {fps!r}")
        if format not in (*_CHANNELS, *_PLANAR, "gray8"):
            known = ", ".join([*_CHANNELS, "gray8", *_PLANAR])
            raise InvalidInputError(f"format must be one of {known}, not {format!r}")
        self.width = width
        self.height = height
        self.fps = fps
        self.format = format
        self._shape: tuple[int, ...] = (height, width)
        if format in _PLANAR:
            self._shape = (height * 3 // 2, width)
        elif format in _CHANNELS:
            self._shape = (height, width, _CHANNELS[format])
        self._box: DropOldest[VideoFrame] = DropOldest()
        self._begin: float | None = None
        self._due = 0.0
        self._pts = -1

    @property
    def dropped(self) -> int:
        """Pictures that a newer one replaced before they were sent."""
        return self._box.dropped

    def push(self, array: NDArray[np.uint8]) -> None:
        """Offer a picture; never waits. Callable from any thread; the array may be reused at once.

        Converts the picture on the calling thread, with the GIL released.

        Raises:
            InvalidInputError: The shape or dtype is wrong.
        """
        if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.shape != self._shape:
            came = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise InvalidInputError(f"push expects a uint8 array of shape {self._shape}, not {came}")
        if array.strides[0] < 0 or not array[0].flags.c_contiguous:
            array = np.ascontiguousarray(array)
        self._box.put(from_ndarray(array, self.format, range="limited"))

    async def recv(self) -> VideoFrame:
        """The newest picture, as soon as there is one and the rate allows.

        Raises:
            MediaStreamError: The source was stopped.
        """
        if self.readyState != "live":
            raise MediaStreamError
        try:
            await self._box.wait()
            early = self._due - time.monotonic()
            if early > _EARLY / self.fps:
                await anyio.sleep(early)
            frame = await self._box.get()
        except anyio.EndOfStream:
            raise MediaStreamError from None
        now, interval = time.monotonic(), 1 / self.fps
        self._due = max(self._due, now - interval) + interval
        if self._begin is None:
            self._begin = now
        self._pts = max(self._pts + 1, round((now - self._begin) / VIDEO_TIME_BASE))
        frame.pts, frame.time_base = self._pts, VIDEO_TIME_BASE
        return frame

    def stop(self) -> None:
        """End the track."""
        self._box.close()
        super().stop()


class MediaSource:
    """Video and optional audio, decoded and paced by a thread; made by `open_source`.

    Time starts when the first frame is requested. The thread ends with `aclose`, with the `async with` block, at
    the end of the media, or when nobody holds the source or its tracks any more.

    Attributes:
        video: The video track.
        audio: The audio track, None if there is no sound.
    """

    def __init__(self, frames: Iterator[Timed], *, has_audio: bool, paced: bool) -> None:
        control = _Control()
        self.video: MediaStreamTrack = _PlayedTrack("video", control)
        self.audio: MediaStreamTrack | None = _PlayedTrack("audio", control) if has_audio else None
        self._control = control
        self._thread = threading.Thread(
            target=_play, args=(frames, control.state, paced), name="media-source", daemon=True
        )
        self._thread.start()

    async def aclose(self) -> None:
        """End the tracks and the thread, and close the file or the camera; idempotent."""
        self._control.end()
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_LIMIT) as limit:
            await asyncio.wrap_future(self._control.state.finished)
        if limit.cancelled_caught:
            logger.warning("A media source did not end within %g s; its thread is abandoned", _CLOSE_LIMIT)
        else:
            self._thread.join()
        for track in (self.video, self.audio):
            if track is not None:
                track.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def open_source(
    path: str | int | os.PathLike[str],
    *,
    loop: bool = False,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    input_format: str | None = None,
) -> MediaSource:
    """Open a file, a camera, a live stream, or `"synthetic"`, a moving picture with a tone.

    Opening blocks for some milliseconds, for a camera or a stream up to seconds; a thread does the rest.

    Args:
        path: What to open: a path; a camera's device file (`/dev/video0`, `/dev/v4l/by-id/…`) or number, or
            `avfoundation:NAME` (macOS), `dshow:video=NAME` (Windows); `screen` (X11); a URL such as `rtsp://…`, `srt://…`,
            `udp://…`.
        loop: Start a file over at its end, without a jump in time.
        size: Width and height, both even, to scale to; None keeps the picture's own. A camera is asked for it.
        fps: Maximum frame rate: surplus pictures of a file are dropped, a camera is asked for it, a synthetic
            source has exactly it (30 by default).
        input_format: What a camera is asked for, such as "mjpeg"; by default that for pictures of more than 480 rows.

    Raises:
        InvalidInputError: There is no such input, it cannot be read, or has no video that can be decoded.
    """
    if size is not None:
        _check_size(*size)
    if fps is not None and not 0 < fps <= 1000:
        raise InvalidInputError(f"fps must be over 0 and at most 1000, not {fps!r}")
    name = name_of(path)
    if name == "synthetic":
        return MediaSource(synthetic(size, fps), has_audio=True, paced=True)
    source = open_input(name, size=size, fps=fps, input_format=input_format)
    return MediaSource(
        decoded(source, loop=loop and not source.is_live, size=size, fps=None if source.is_live else fps),
        has_audio=source.audio is not None,
        paced=not source.is_live,
    )


class _State:
    """State shared by tracks and thread; it refers to neither, so that an unused source can end."""

    def __init__(self) -> None:
        self.wanted = threading.Event()
        self.stop = threading.Event()
        self.finished: Future[None] = Future()
        self.finished.set_running_or_notify_cancel()  # a waiter that is cancelled must not cancel it
        self.failure: Exception | None = None
        self.boxes: dict[str, DropOldest[Any]] = {"video": DropOldest(3), "audio": DropOldest(25)}

    def end(self) -> None:
        self.stop.set()
        self.wanted.set()


class _Control:
    """Held by the source and its tracks: when the last of them is collected, the thread ends."""

    def __init__(self) -> None:
        self.state = _State()
        self.end = weakref.finalize(self, self.state.end)


class _PlayedTrack(MediaStreamTrack):
    def __init__(self, kind: str, control: _Control) -> None:
        super().__init__()
        self.kind = kind
        self._control = control

    async def recv(self) -> VideoFrame | AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        self._control.state.wanted.set()
        try:
            frame: VideoFrame | AudioFrame = await self._control.state.boxes[self.kind].get()
        except anyio.EndOfStream:
            self.stop()
            raise MediaStreamError from self._control.state.failure
        return frame


def _play(frames: Iterator[Timed], state: _State, paced: bool) -> None:
    """Put frames into their boxes when they are due; the body of a source's thread."""
    try:
        first = list(_first(frames))  # decoded before it is requested
        state.wanted.wait()
        begin = time.monotonic()
        for at, frame in chain(first, frames):
            ahead = begin + at - time.monotonic()
            if paced and ahead < -_LATE:
                begin -= ahead
            if state.stop.wait(ahead if paced and ahead > 0 else 0):
                break
            state.boxes["audio" if isinstance(frame, AudioFrame) else "video"].put(frame)
    except Exception as error:
        logger.exception("A media source ended early")
        state.failure = error
    finally:
        for box in state.boxes.values():
            box.close()
        getattr(frames, "close", lambda: None)()
        state.finished.set_result(None)


def _first(frames: Iterator[Timed]) -> Iterator[Timed]:
    for timed in frames:
        yield timed
        return


def _check_size(width: int, height: int) -> None:
    if width < LEAST_WIDTH or height < LEAST_HEIGHT or width % 2 or height % 2:
        raise InvalidInputError(
            f"Pictures must have even sides of at least {LEAST_WIDTH} x {LEAST_HEIGHT}, not {width} x {height}"
        )
