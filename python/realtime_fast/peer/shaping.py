"""A picture as the encoder takes it: as receivers expect it, of the wanted size, with its marker in it."""

from __future__ import annotations

from av import VideoFrame

from realtime_fast import marker
from realtime_fast.media.picture import as_sent, is_plain


def shaped(
    frame: VideoFrame, width: int, height: int, number: int | None, *, owned: bool = False
) -> VideoFrame:
    """`frame` as yuv420p of this size, stamped with `number` where that is not None and it is large enough.

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
    if number is not None and width >= marker.WIDTH and height >= marker.HEIGHT:
        marker.stamp(picture, number)
    return picture
