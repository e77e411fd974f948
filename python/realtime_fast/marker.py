"""Pixel markers: a 16-bit number written into a picture's bottom-left corner, and read back elsewhere.

The layout is described in docs/marker.md: four rows of 24 cells, of one pixel each unless `cell` says otherwise.
Pictures are `av.VideoFrame`s (yuv420p, nv12, yuyv422, gray8, rgb24, bgr24, rgba, bgra), arrays of (height, width[,
channels]) or tuples of planes such as `(y, u, v)`; they are used in place, without a copy. Whoever stamps must own the
picture: `stamped_copy` is for everybody else.

`read(picture)` is the reference reader, for pictures as they were stamped. After an encoder or a scaler,
`read(picture, "soft", in_flight=..., now=..., stamped_size=...)` reads what is still legible, and `read_soft` says
how probable the reading is as well.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import av

from realtime_fast._native import View, convert, read, read_soft, stamp
from realtime_fast.errors import InvalidInputError

__all__ = ["CORRUPTED", "HEIGHT", "WIDTH", "Reading", "read", "read_soft", "stamp", "stamped_copy"]

WIDTH: Final = 24
"""Cells a marker is wide; narrower pictures are refused."""

HEIGHT: Final = 4
"""Cells a marker is high; lower pictures are refused."""

CORRUPTED: Final = "corrupted"
"""Read where a marker is but its number cannot be told."""

Reading: TypeAlias = int | Literal["corrupted"] | None
"""A number of 0 to 65535, `CORRUPTED`, or None where no marker is."""

_CARRIED: Final = (
    "pts",
    "dts",
    "time_base",
    "duration",
    "pict_type",
    "colorspace",
    "color_range",
    "color_primaries",
    "color_trc",
    "opaque",
)


def stamped_copy(frame: av.VideoFrame, seq: int, *, cell: int = 1) -> av.VideoFrame:
    """Copies `frame` and stamps the marker `seq` on the copy.

    Args:
        frame: The frame, in a format that `stamp` takes. It is not changed.
        seq: 0 to 65535.
        cell: The side of a cell in pixels, 1 to 16.

    Returns:
        A frame of the same size, format, timestamp, time base and colour description.

    Raises:
        InvalidInputError: A `ValueError`: as `stamp`.
    """
    if not isinstance(frame, av.VideoFrame):
        raise InvalidInputError(f"expected an av.VideoFrame, got {type(frame).__name__}")
    source = View(frame)
    read(source, cell=cell)  # refuses what cannot be stamped before it is copied
    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for name in _CARRIED:
        if (value := getattr(frame, name)) is not None:
            setattr(copy, name, value)
    target = View(copy)  # not before the copy says what its range is
    convert(source, target)
    stamp(target, seq, cell=cell)
    return copy
