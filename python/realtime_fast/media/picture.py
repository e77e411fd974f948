"""Pictures as WebRTC senders mean them: yuv420p, BT.601, limited range, upright, square pixels."""

from __future__ import annotations

from typing import Final

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange

from realtime_fast.frames import convert, from_ndarray, to_ndarray

CONVERTIBLE: Final = frozenset(
    {"yuv420p", "yuvj420p", "nv12", "yuyv422", "gray", "rgb24", "bgr24", "rgba", "bgra"}
)
"""Formats that the core scales and converts in one pass; FFmpeg does the others."""

# AVColorSpace (ITU-T H.273, table 4): 2 is "not said", which for pictures of unknown origin means BT.601.
_BT709, _BT601 = 1, (0, 2, 5, 6)


def is_plain(frame: VideoFrame) -> bool:
    """Whether its YUV codes mean what a receiver takes them for: BT.601 of limited range."""
    return frame.colorspace in _BT601 and not _is_full_range(frame)


def as_sent(frame: VideoFrame, width: int, height: int) -> VideoFrame:
    """A copy of `frame` as yuv420p of this size with BT.601 codes of limited range, without its times."""
    if any(plane.line_size < 0 for plane in frame.planes):
        # Upside down, as FFmpeg flips pictures: only its own scaler reads that. The deeper format makes it copy.
        deeper = frame.reformat(format="yuv420p16le")
        deeper.colorspace, deeper.color_range = frame.colorspace, frame.color_range
        frame = deeper
    size = (width, height)
    resizes = (frame.width, frame.height) != size
    if not _is_yuv(frame) or is_plain(frame):
        if frame.format.name not in CONVERTIBLE:
            return frame.reformat(width=width, height=height, format="yuv420p")
        picture = VideoFrame(width, height, "yuv420p")
        convert(frame, picture, filter="area" if resizes else None)
        return picture
    if frame.format.name in CONVERTIBLE and frame.colorspace in (_BT709, *_BT601):
        rgb = to_ndarray(
            frame,
            "rgb24",
            matrix="bt709" if frame.colorspace == _BT709 else "bt601",
            range="full" if _is_full_range(frame) else "limited",
        )
    else:
        coded = frame.reformat(
            format="rgb24",
            src_colorspace=frame.colorspace,
            src_color_range=ColorRange.JPEG if _is_full_range(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
        )
        rgb = to_ndarray(coded, "rgb24")
    return from_ndarray(rgb, "rgb24", size=size if resizes else None)


def turned(frame: VideoFrame, degrees: int) -> VideoFrame:
    """A yuv420p picture turned counterclockwise, to the nearest right angle."""
    quarters = round(degrees / 90) % 4
    if not quarters:
        return frame
    width, height = (frame.height, frame.width) if quarters % 2 else (frame.width, frame.height)
    picture = VideoFrame(width, height, "yuv420p")
    rows, half = frame.height, frame.width // 2
    whole = to_ndarray(frame, "yuv420p")
    planes = (
        whole[:rows],
        whole[rows : rows * 5 // 4].reshape(rows // 2, half),
        whole[rows * 5 // 4 :].reshape(rows // 2, half),
    )
    convert(
        tuple(np.ascontiguousarray(np.rot90(plane, quarters)) for plane in planes),
        picture,
        source_format="yuv420p",
    )
    return picture


def _is_yuv(frame: VideoFrame) -> bool:
    return not frame.format.is_rgb and not frame.format.name.startswith(("gray", "pal", "mono"))


def _is_full_range(frame: VideoFrame) -> bool:
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
