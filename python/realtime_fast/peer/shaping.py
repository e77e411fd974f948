"""A picture as the encoder takes it: as receivers expect it, of the wanted size, with its marker in it."""

from __future__ import annotations

from av import VideoFrame

from realtime_fast import marker
from realtime_fast.media.picture import as_sent, is_plain
from realtime_fast.media.tracks import NOTHING
from realtime_fast.stamps import Stamp


def shaped(
    frame: VideoFrame, width: int, height: int, stamp: Stamp = NOTHING, *, owned: bool = False
) -> VideoFrame:
    """`frame` as yuv420p of this size, with the marker of `stamp` where it has one and there is room for it.

    It is a copy, with the frame's times, unless the frame is `owned` and nothing has to be changed but the cells of the
    marker: an encoder puts its own times on the picture, and the frame may be somebody else's as well.
    """
    is_ready = (frame.format.name, frame.width, frame.height) == ("yuv420p", width, height) and is_plain(
        frame
    )
    if owned and is_ready and all(plane.line_size > 0 for plane in frame.planes):
        picture = frame
    else:
        picture = as_sent(frame, width, height)
    if picture is not frame:
        picture.pts = frame.pts
        if frame.time_base is not None:
            picture.time_base = frame.time_base
    number, cell = stamp.number, stamp.cell
    if number is not None and width >= marker.WIDTH * cell and height >= marker.HEIGHT * cell:
        marker.stamp(picture, number, cell=cell)
    return picture
