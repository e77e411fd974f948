"""Pictures that say which they are in 16 large cells: a truth beside the pixel marker, which encoders do not blur."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import numpy as np
from aiortc import VideoStreamTrack
from av import VideoFrame

from realtime_fast.diagnostics.latency_tracker import LatencyTracker
from realtime_fast.stamps import Stamp

ROWS, COLUMNS = 2, 8
_CHECK = 0x9


def drawn(number: int, width: int, height: int, below: np.ndarray | None = None) -> np.ndarray:
    """A picture (height, width) of luma with a number of 12 bits in its upper half, and another one's lower half."""
    luma = np.full((height, width), 110, np.uint8)
    if below is None:
        luma[height // 2 :] += ((np.arange(width) + 3 * (number % 40)) % 32).astype(np.uint8)[None, :]
    else:
        luma[height // 2 :] = below[height // 2 : height]
    bits = number & 0xFFF
    word = bits << 4 | (_CHECK ^ bits ^ bits >> 4 ^ bits >> 8) & 0xF
    cells = np.array([(word >> at) & 1 for at in range(16)], np.uint8).reshape(ROWS, COLUMNS)
    luma[: height // 2] = 40 + 160 * np.kron(
        cells, np.ones((height // 2 // ROWS, width // COLUMNS), np.uint8)
    )
    return luma


def told(luma: np.ndarray) -> int | None:
    """The number in a picture of any size; None where it cannot be told."""
    height, width = luma.shape[0] // 2 // ROWS, luma.shape[1] // COLUMNS
    word = 0
    for at in range(16):
        y, x = divmod(at, COLUMNS)
        cell = luma[y * height : (y + 1) * height, x * width : (x + 1) * width]
        middle = cell[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
        word |= int(middle.mean() > 120) << at
    bits, check = word >> 4, word & 0xF
    return bits if check == (_CHECK ^ bits ^ bits >> 4 ^ bits >> 8) & 0xF else None


class CodedCamera(VideoStreamTrack):
    """Numbered pictures at 30 fps.

    Args:
        width: Pixels.
        height: Pixels.
        below: Pictures (rows, width) whose lower halves they show in turn; a moving pattern without.
    """

    def __init__(self, width: int = 320, height: int = 192, below: Sequence[np.ndarray] = ()) -> None:
        super().__init__()
        self._size = width, height
        self._below = below
        self._number = 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        self._number = self._number % 4095 + 1
        below = self._below[self._number % len(self._below)] if self._below else None
        frame = VideoFrame.from_ndarray(drawn(self._number, *self._size, below), format="gray8").reformat(
            format="yuv420p"
        )
        frame.pts, frame.time_base = pts, time_base
        return frame


class Truth:
    """When each number was stamped, on which picture, and when that picture came."""

    def __init__(self) -> None:
        self.stamped: dict[int, tuple[int, float]] = {}
        self.came: dict[int, float] = {}

    def latency_ms(self, seq: int) -> float:
        """How long the picture that carried this number took."""
        code, at = self.stamped[seq]
        return (self.came[code] - at) * 1000

    def knows(self, seq: int) -> bool:
        """Whether the picture that carried this number was recognised when it came."""
        return seq in self.stamped and self.stamped[seq][0] in self.came


@contextmanager
def told_by_pictures() -> Iterator[Truth]:
    """Have the pictures of a `CodedCamera` say what is true, beside every latency tracker."""
    known = Truth()
    stamp_for, incoming = LatencyTracker.stamp_for, LatencyTracker.incoming

    def noting_outgoing(tracker: LatencyTracker, frame: VideoFrame, timed: bool) -> Stamp:
        stamp, at = stamp_for(tracker, frame, timed), time.monotonic()
        code = told(frame.to_ndarray(format="gray"))
        if stamp.number is not None and code is not None:
            known.stamped[stamp.number] = code, at
        return stamp

    def noting_incoming(tracker: LatencyTracker, frame: VideoFrame) -> int | None:
        at, seq = time.monotonic(), incoming(tracker, frame)
        if (code := told(frame.to_ndarray(format="gray"))) is not None:
            known.came.setdefault(code, at)
        return seq

    with (
        mock.patch.object(LatencyTracker, "stamp_for", noting_outgoing),
        mock.patch.object(LatencyTracker, "incoming", noting_incoming),
    ):
        yield known
