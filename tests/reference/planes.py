"""The memory of frames as arrays."""

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray


def rows(frame: av.VideoFrame, index: int = 0) -> NDArray[np.uint8]:
    """A plane of shape (rows, line size), padding and all, to read and to write."""
    plane: Any = frame.planes[index]  # a buffer, which its annotations say from Python 3.12 on
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)


def planes(frame: av.VideoFrame) -> list[NDArray[np.uint8]]:
    """The planes of a planar frame, each of shape (rows, width)."""
    return [rows(frame, index)[:, : plane.width] for index, plane in enumerate(frame.planes)]
