"""Views stand for their frames everywhere."""

from typing import Any

import av
import numpy as np
import pytest

from realtime_fast.errors import InvalidInputError
from realtime_fast.frames import View, convert, to_ndarray
from realtime_fast.marker import read, read_soft, stamp

FORMATS = ["yuv420p", "yuvj420p", "nv12", "yuyv422", "gray", "rgb24", "bgr24", "rgba", "bgra"]


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def frame_of(pix_fmt: str, colorspace: int = 2, color_range: int = 0) -> av.VideoFrame:
    frame = av.VideoFrame(102, 37, pix_fmt)
    frame.colorspace, frame.color_range = colorspace, color_range
    convert(noise(102, 37), frame, source_format="rgb24")
    return frame


@pytest.mark.parametrize("pix_fmt", FORMATS)
@pytest.mark.parametrize(("colorspace", "color_range"), [(2, 0), (1, 1), (6, 2)])
def test_a_view_is_its_frame(pix_fmt: str, colorspace: int, color_range: int) -> None:
    frame = frame_of(pix_fmt, colorspace, color_range)
    view = View(frame)
    assert (view.width, view.height) == (frame.width, frame.height)
    assert (to_ndarray(view, "rgb24") == to_ndarray(frame, "rgb24")).all()
    stamp(view, 0x1234)
    assert read(frame) == read(view) == 0x1234
    assert read_soft(view)[0] == 0x1234
    twin = frame_of(pix_fmt, colorspace, color_range)
    stamp(twin, 0x1234)
    assert (to_ndarray(frame, "rgb24") == to_ndarray(twin, "rgb24")).all()
    convert(noise(102, 37)[::-1].copy(), view, source_format="rgb24")
    assert read(frame) != 0x1234
    assert (to_ndarray(view, "rgb24", size=(50, 20)) == to_ndarray(frame, "rgb24", size=(50, 20))).all()


def test_a_view_holds_its_frame() -> None:
    view = View(frame_of("yuv420p"))
    expected = to_ndarray(view, "bgra")
    others = [frame_of("yuv420p", 1, 2) for _ in range(8)]
    assert len(others) == 8
    assert (to_ndarray(view, "bgra") == expected).all()


def test_a_view_says_what_colour_the_frame_had() -> None:
    frame = frame_of("yuv420p", 1, 1)
    view, before = View(frame), to_ndarray(frame, "rgb24")
    frame.colorspace, frame.color_range = 6, 2
    assert (to_ndarray(view, "rgb24") == before).all()
    assert (to_ndarray(View(frame), "rgb24") == to_ndarray(frame, "rgb24")).all()
    assert (to_ndarray(frame, "rgb24") != before).any()


def test_what_has_no_view() -> None:
    refused: list[tuple[Any, str]] = [
        (np.zeros((36, 64), np.uint8), "expected an av.VideoFrame, got ndarray"),
        (None, "expected an av.VideoFrame, got NoneType"),
        (av.VideoFrame(64, 36, "yuv444p"), "expected a frame of yuv420p.*got yuv444p"),
    ]
    for picture, message in refused:
        with pytest.raises(InvalidInputError, match=message):
            View(picture)
    with pytest.raises(InvalidInputError, match="expected a frame of nv12, got yuv420p"):
        convert(View(frame_of("yuv420p")), bytearray(9), source_format="nv12", target_format="rgb24")
