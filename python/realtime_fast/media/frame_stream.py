"""Received pictures as NumPy arrays, converted off the event loop where that takes longer than the way there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, get_args

import anyio
import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.errors import InvalidInputError
from realtime_fast.frames import PixelFormat, to_ndarray

BACKLOG = 32
"""Pictures kept for a reader who wants all of them: one second at 30 fps, 43 MB at 1280 x 704."""

SMALL = 640 * 360
"""Pixels up to which a picture is converted in place: 10 to 40 µs, and handing it to a thread takes 80 to 170."""

_FORMATS = get_args(PixelFormat)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One received picture.

    Attributes:
        array: uint8, in the shape of its format (`realtime_fast.frames`); nobody else holds it.
        pts: Presentation time in units of the track's clock; restarts with each connection.
        time: The same in seconds.
        seq: The number of the pixel marker in it, None where none was read.
    """

    array: NDArray[np.uint8]
    pts: int | None
    time: float | None
    seq: int | None = None


class FrameStream:
    """Pictures as they arrive, across reconnects: `async for frame in stream`.

    A slow reader misses pictures; memory stays flat. Leave it with `aclose`, or use it as a context manager; it
    ends by itself when the client does.
    """

    def __init__(
        self,
        format: PixelFormat = "rgb24",  # noqa: A002 - PyAV's word
        latest: bool = True,
        on_close: Callable[[FrameStream], None] | None = None,
    ) -> None:
        """Describe the pictures.

        Args:
            format: Of the arrays: rgb24, bgr24, rgba, bgra, gray8, yuv420p or nv12.
            latest: Only ever the newest picture; False for all of them, as long as the reader is no more than
                `BACKLOG` behind.
            on_close: Called once when the stream is closed.

        Raises:
            InvalidInputError: An unknown format.
        """
        if format not in _FORMATS:
            raise InvalidInputError(f"format must be one of {', '.join(_FORMATS)}, not {format!r}")
        self._format: PixelFormat = format
        self._box: DropOldest[tuple[VideoFrame, int | None]] = DropOldest(1 if latest else BACKLOG)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="convert")
        self._on_close = on_close

    @property
    def dropped(self) -> int:
        """Pictures that the reader missed."""
        return self._box.dropped

    def put(self, frame: VideoFrame, seq: int | None = None) -> None:
        """Offer a picture; never waits."""
        self._box.put((frame, seq))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        try:
            frame, seq = await self._box.get()
        except anyio.EndOfStream:
            self.close()
            raise StopAsyncIteration from None
        # The last few come once the thread has ended.
        if self._box.closed or frame.width * frame.height <= SMALL:
            array = to_ndarray(frame, self._format)
        else:
            loop = asyncio.get_running_loop()
            array = await loop.run_in_executor(self._executor, to_ndarray, frame, self._format)
        return Frame(array, frame.pts, frame.time, seq)

    def close(self) -> None:
        """No more pictures will come; those that wait can still be read. Ends the thread; idempotent."""
        self._box.close()
        self._executor.shutdown(wait=False)
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close(self)

    async def aclose(self) -> None:
        """As `close`; the protocol of async generators and `contextlib.aclosing`."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
