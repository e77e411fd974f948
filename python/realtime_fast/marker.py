"""Pixel markers: a 16-bit number written into a picture's bottom-left corner, and read back elsewhere.

The layout is docs/marker.md: 24 cells of one pixel on the four bottom rows. Pictures are `av.VideoFrame`s
(yuv420p, nv12, yuyv422, gray8, rgb24, bgr24, rgba, bgra), arrays of (height, width[, channels]) or tuples of
planes such as `(y, u, v)`; they are used where they lie, without a copy. Whoever stamps must own the picture:
`stamped_copy` is for the one who does not.

`read(picture)` is the reference reader, for pictures as they were stamped. After an encoder or a scaler,
`read(picture, "soft", in_flight=…, now=…, stamped_size=…)` finds what can still be told:

- `in_flight`: the numbers that may come, as `PixelProbes.in_flight` or any numbers, the likeliest first. Without
  it every number may come, which takes longer and needs a clearer picture. The ledger learns from each frame which
  number to expect of the next: show it every received frame once, in order.
- `now`: the frame's time beside a ledger.
- `stamped_size`: (width, height) when it was stamped; without it the scales 1, 3/4, 2/3 and 1/2 are tried.

`read_soft` also says how sure it is. Bad pictures and numbers raise `ValueError`.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import av
import numpy as np

from realtime_fast._native import read, read_soft, stamp
from realtime_fast.errors import InvalidInputError

__all__ = ["CORRUPTED", "HEIGHT", "WIDTH", "Reading", "read", "read_soft", "stamp", "stamped_copy"]

WIDTH: Final = 24
"""Width of a marker in pixels; narrower pictures are rejected."""

HEIGHT: Final = 4
"""Height of a marker in pixels; lower pictures are rejected."""

CORRUPTED: Final = "corrupted"
"""The reading of a marker whose number cannot be told."""

Reading: TypeAlias = int | Literal["corrupted"] | None
"""A number from 0 to 65535, `CORRUPTED`, or None if there is no marker."""

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


def stamped_copy(frame: av.VideoFrame, seq: int) -> av.VideoFrame:
    """A copy of `frame` with the marker `seq` in it; the frame itself stays as it is.

    Size, format, timestamp, time base and colour description are the frame's.

    Raises:
        ValueError: if the frame is smaller than 24x4, of another format, or `seq` is not 0 to 65535.
    """
    if not isinstance(frame, av.VideoFrame):
        raise InvalidInputError(f"expected an av.VideoFrame, got {type(frame).__name__}")
    read(frame)  # rejects what cannot be stamped, before copying it
    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for target, source in zip(copy.planes, frame.planes, strict=True):
        rows = np.frombuffer(memoryview(target), np.uint8).reshape(-1, target.line_size)
        theirs = np.frombuffer(memoryview(source), np.uint8).reshape(-1, source.line_size)
        # Padding depends on the allocator; the picture lies in what both have in common.
        common = min(target.line_size, source.line_size)
        rows[:, :common] = theirs[:, :common]
    for name in _CARRIED:
        if (value := getattr(frame, name)) is not None:
            setattr(copy, name, value)
    stamp(copy, seq)
    return copy
