"""Cuts: pictures that have nothing to do with those before."""

from __future__ import annotations

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

_ROWS, _COLUMNS = 16, 8
"""Every how many rows and columns a pixel is looked at: 7,000 of 1280x704."""
_DIFFERENT = 20.0
"""Levels of luma by which another scene differs in the mean; noise and a hand before the camera stay below 10."""
_SUDDEN = 4.0
"""Times what the pictures before differed by: where all of them do, something moves."""
_MEMORY = 0.3
"""Share of the latest picture in what those before differed by."""


class Cuts:
    """Finds cuts in pictures that come one after the other."""

    def __init__(self) -> None:
        self._last: NDArray[np.int16] | None = None
        self._usual = 0.0

    def is_cut(self, frame: VideoFrame) -> bool:
        """Whether this picture (yuv420p) begins another scene than the one before."""
        plane = frame.planes[0]
        # PyAV's stub does not say that a plane is a buffer.
        pixels: NDArray[np.uint8] = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
        rows = pixels.reshape(-1, plane.line_size)
        last, now = self._last, rows[: frame.height : _ROWS, : frame.width : _COLUMNS].astype(np.int16)
        self._last = now
        if last is None or last.shape != now.shape:
            return False
        difference = float(np.abs(now - last).mean())
        is_cut = difference > max(_DIFFERENT, _SUDDEN * self._usual)
        self._usual += _MEMORY * (difference - self._usual)
        return is_cut
