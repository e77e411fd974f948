"""Pictures from one pixel format to another: `av.VideoFrame`, NumPy arrays and any other buffer.

Formats are `yuv420p`, `nv12`, `yuyv422`, `gray8`, `rgb24`, `bgr24`, `rgba` and `bgra`. As an array a picture is

- `uint8[height, width, 3]` for rgb24 and bgr24, `[height, width, 4]` for rgba and bgra;
- `uint8[height, width]` for gray8, `[height, width, 2]` for yuyv422 (even width);
- `uint8[height * 3 // 2, width]`, planes one below the other as PyAV and OpenCV have them, for yuv420p and
  nv12 (even sides); or, for any size, a tuple of its planes, chroma rounded up.

A flat buffer holds the planes one after the other without padding; its size has to be given. Rows of arrays
may be any number of bytes apart; pixels of a row lie side by side. What lies between the rows is never written.

Every result is within one level of the formulas of ITU-R BT.601-7 and BT.709-6 in real numbers, the same on
every CPU; see docs/conversion.md. Pictures are converted without holding the interpreter. While a call runs,
no other thread may write to its input or touch its output, what lies between the rows of an output included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, overload

import av
import numpy as np
from numpy.typing import NDArray

from realtime_fast import _native
from realtime_fast._native import View
from realtime_fast.errors import InvalidInputError

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "Filter",
    "Matrix",
    "Picture",
    "PixelFormat",
    "Range",
    "Size",
    "View",
    "convert",
    "from_ndarray",
    "resize",
    "to_ndarray",
]

PixelFormat: TypeAlias = Literal["yuv420p", "nv12", "yuyv422", "gray8", "rgb24", "bgr24", "rgba", "bgra"]

Matrix: TypeAlias = Literal["bt601", "bt709"]
"""How red, green and blue weigh in luma."""

Range: TypeAlias = Literal["limited", "full"]
"""Luma from 16 to 235, or from 0 to 255."""

Filter: TypeAlias = Literal["area", "bilinear"]
"""How pictures are scaled: by all pixels under the new one (by the nearest two of an axis that grows), or by
the nearest two of each axis, which leaves pixels out when it shrinks below half."""

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""

Memory: TypeAlias = "NDArray[np.uint8] | Buffer"

Picture: TypeAlias = "av.VideoFrame | View | Memory | tuple[Memory, ...]"
"""A frame or a view of one, a buffer, or one buffer for each plane."""

# AVColorSpace and AVColorRange: ITU-T H.273, tables 4 and 6.
_MATRIX_CODES: Final[dict[str, int]] = {"bt709": 1, "bt601": 6}
_RANGE_CODES: Final[dict[str, int]] = {"limited": 1, "full": 2}


def convert(
    source: Picture,
    target: Picture,
    *,
    source_format: PixelFormat | None = None,
    target_format: PixelFormat | None = None,
    source_size: Size | None = None,
    target_size: Size | None = None,
    matrix: Matrix | None = None,
    range: Range | None = None,  # noqa: A002 - the standards' word
    filter: Filter | None = None,  # noqa: A002 - the usual word
) -> None:
    """Convert the picture `source` into the memory of `target`.

    Args:
        source: What to read. It must not share memory with `target`.
        target: What to write.
        source_format: Needed unless `source` is a frame.
        target_format: Needed unless `target` is a frame.
        source_size: Width and height, needed if `source` is a flat buffer.
        target_size: Width and height, needed if `target` is a flat buffer.
        matrix: Of the YUV side; as its frame says, else BT.601. Codes stay from one YUV format to another.
        range: Of the YUV side; as its frame says, else limited. Gray beside a YUV picture is always full
            range; beside RGB it is full by default.
        filter: Scale to the size of `target` on the way; without it sizes must be equal.

    Raises:
        InvalidInputError: A `ValueError`: dtype, shape, stride, overlap or read-only memory do not fit; it
            says what was expected and what came.
    """
    _native.convert(
        source,
        target,
        source_format=source_format,
        target_format=target_format,
        source_size=source_size,
        target_size=target_size,
        matrix=matrix,
        range=range,
        filter=filter,
    )


def to_ndarray(
    frame: av.VideoFrame | View,
    format: PixelFormat,  # noqa: A002 - PyAV's word
    out: NDArray[np.uint8] | None = None,
    *,
    size: Size | None = None,
    filter: Filter = "area",  # noqa: A002 - the usual word
    matrix: Matrix | None = None,
    range: Range | None = None,  # noqa: A002 - the standards' word
) -> NDArray[np.uint8]:
    """Convert a frame to an array.

    Args:
        frame: The frame, or a view of it.
        format: Of the array.
        out: The array to write to and return, in the shape of `format`; a new one by default. Reusing one
            saves the operating system's work of handing out fresh memory.
        size: Width and height to scale to on the way; the frame's by default.
        filter: How to scale.
        matrix: As the frame says, else BT.601.
        range: As the frame says, else limited, but full for gray frames.

    Raises:
        InvalidInputError: As `convert`.
    """
    if not isinstance(frame, av.VideoFrame | View):
        raise InvalidInputError(f"expected an av.VideoFrame, got {type(frame).__name__}")
    shape = _native.array_shape(format, (frame.width, frame.height) if size is None else size)
    if out is None:
        out = np.empty(shape, np.uint8)
    elif _axes(out) != shape:
        raise InvalidInputError(f"out: expected shape {shape} for {format}, got {_axes(out)}")
    convert(
        frame, out, target_format=format, matrix=matrix, range=range, filter=None if size is None else filter
    )
    return out


def from_ndarray(
    array: Memory,
    format: PixelFormat,  # noqa: A002 - PyAV's word
    pix_fmt: PixelFormat = "yuv420p",
    out: av.VideoFrame | None = None,
    *,
    size: Size | None = None,
    filter: Filter = "area",  # noqa: A002 - the usual word
    matrix: Matrix | None = None,
    range: Range | None = None,  # noqa: A002 - the standards' word
) -> av.VideoFrame:
    """Convert an array to a frame.

    Args:
        array: The picture, in the shape of `format`.
        format: Of the array.
        pix_fmt: Of the frame.
        out: The frame to write to and return; a new one by default. Nobody else may hold it any more: what
            was handed to an encoder or a track may still be read.
        size: Width and height to scale to on the way; the array's by default.
        filter: How to scale.
        matrix: BT.601 by default. Given, the frame says so.
        range: Limited by default, but full for gray8. Given, the frame says so.

    Raises:
        InvalidInputError: As `convert`.
    """
    if out is not None:
        frame = out
    else:
        frame = _native.new_frame(pix_fmt, _native.describe(array, format)[1] if size is None else size)
    convert(
        array,
        frame,
        source_format=format,
        matrix=matrix,
        range=range,
        filter=None if size is None else filter,
    )
    if out is None:
        if matrix is not None:
            frame.colorspace = _MATRIX_CODES[matrix]
        if range is not None:
            frame.color_range = _RANGE_CODES[range]
    return frame


@overload
def resize(picture: av.VideoFrame, size: Size, *, filter: Filter = ...) -> av.VideoFrame: ...
@overload
def resize(
    picture: Memory,
    size: Size,
    format: PixelFormat,
    out: NDArray[np.uint8] | None = ...,
    *,
    filter: Filter = ...,
) -> NDArray[np.uint8]: ...
def resize(
    picture: av.VideoFrame | Memory,
    size: Size,
    format: PixelFormat | None = None,  # noqa: A002 - PyAV's word
    out: NDArray[np.uint8] | None = None,
    *,
    filter: Filter = "area",  # noqa: A002 - the usual word
) -> av.VideoFrame | NDArray[np.uint8]:
    """Scale a frame to a new frame, or an array to an array; the format stays.

    `to_ndarray` and `from_ndarray` scale and convert at once, which is faster than one after the other.

    Args:
        picture: The frame or array. A frame's time, colour space and range are passed on.
        size: Width and height in pixels.
        format: Of an array; a frame knows its own.
        out: The array to write to and return; a new one by default.
        filter: How to scale.

    Raises:
        InvalidInputError: As `convert`.
    """
    form, _ = _native.describe(picture, format)
    if isinstance(picture, av.VideoFrame):
        scaled = _native.new_frame(form, size)
        scaled.pts = picture.pts
        if picture.time_base is not None:
            scaled.time_base = picture.time_base
        scaled.colorspace, scaled.color_range = picture.colorspace, picture.color_range
        convert(picture, scaled, filter=filter)
        return scaled
    if out is None:
        out = np.empty(_native.array_shape(form, size), np.uint8)
    convert(picture, out, source_format=form, target_format=form, target_size=size, filter=filter)
    return out


def _axes(buffer: Memory) -> tuple[int, ...]:
    try:
        return memoryview(cast("Buffer", buffer)).shape or ()
    except (TypeError, BufferError, ValueError) as cause:
        raise InvalidInputError(f"expected a buffer of uint8, got {type(buffer).__name__}") from cause
