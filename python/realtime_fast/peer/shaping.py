"""A picture as the encoder takes it: yuv420p, of the wanted size, with its marker in it."""

from __future__ import annotations

from typing import Final

from av import VideoFrame

from realtime_fast import marker
from realtime_fast.frames import convert

_CONVERTIBLE: Final = frozenset(
    {"yuv420p", "yuvj420p", "nv12", "yuyv422", "gray", "rgb24", "bgr24", "rgba", "bgra"}
)
"""Formats that the core scales and converts in one pass; FFmpeg does the others."""


def shaped(
    frame: VideoFrame, width: int, height: int, number: int | None, *, owned: bool = False
) -> VideoFrame:
    """`frame` as yuv420p of this size, stamped with `number` where that is not None and it is large enough.

    It is a copy, with the frame's times, unless the frame is `owned` and nothing has to be changed but the cells of the
    marker: an encoder puts its own times on the picture, and the frame may be somebody else's as well.
    """
    if any(plane.line_size < 0 for plane in frame.planes):
        # Upside down, as FFmpeg flips pictures: only its own scaler reads that. The deeper format makes it copy.
        frame = frame.reformat(format="yuv420p16le")
        owned = False
    if owned and (frame.format.name, frame.width, frame.height) == ("yuv420p", width, height):
        picture = frame
    elif frame.format.name in _CONVERTIBLE:
        picture = VideoFrame(width, height, "yuv420p")
        resizes = (frame.width, frame.height) != (width, height)
        convert(frame, picture, filter="area" if resizes else None)
    else:
        picture = frame.reformat(width=width, height=height, format="yuv420p")
    if picture is not frame:
        picture.pts = frame.pts
        if frame.time_base is not None:
            picture.time_base = frame.time_base
    if number is not None and width >= marker.WIDTH and height >= marker.HEIGHT:
        marker.stamp(picture, number)
    return picture
