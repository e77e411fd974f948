"""Conversion of pictures between pixel formats: `av.VideoFrame`, NumPy arrays and any other buffer.

Formats are `yuv420p`, `nv12`, `yuyv422`, `gray8`, `rgb24`, `bgr24`, `rgba` and `bgra`. As an array a picture is

- `uint8[height, width, 3]` for rgb24 and bgr24, `[height, width, 4]` for rgba and bgra;
- `uint8[height, width]` for gray8, `[height, width, 2]` for yuyv422 (even width);
- `uint8[height * 3 // 2, width]`, planes one below the other as PyAV and OpenCV have them, for yuv420p and
  nv12 (even sides); or, for any size, a tuple of its planes, chroma rounded up.

A flat buffer holds the planes one after the other without padding; its size has to be given. Rows of arrays
may have any stride, the pixels of a row are contiguous. Padding between rows is never written.

Every result is within one level of the formulas of ITU-R BT.601-7 and BT.709-6, and the same on every CPU; see
docs/conversion.md. The GIL is released while pictures are converted. Meanwhile no other thread may write to the
input or access the output, padding included.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias, TypeGuard, cast, overload

import av
import numpy as np
from numpy.typing import NDArray

from realtime_fast import _native
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
    "convert",
    "from_ndarray",
    "resize",
    "to_ndarray",
]

PixelFormat: TypeAlias = Literal["yuv420p", "nv12", "yuyv422", "gray8", "rgb24", "bgr24", "rgba", "bgra"]

Matrix: TypeAlias = Literal["bt601", "bt709"]
"""The weights of red, green and blue in luma."""

Range: TypeAlias = Literal["limited", "full"]
"""Luma from 16 to 235, or from 0 to 255."""

Filter: TypeAlias = Literal["area", "bilinear"]
"""How pictures are scaled. `area` averages all source pixels under the new one, and is bilinear on an axis that
grows. `bilinear` interpolates the nearest two of each axis, and skips pixels below half size."""

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""

Memory: TypeAlias = "NDArray[np.uint8] | Buffer"

Picture: TypeAlias = "av.VideoFrame | Memory | tuple[Memory, ...]"
"""A frame, a buffer, or one buffer for each plane."""

# Bytes of a pixel in the formats that have one plane and whole pixels.
_CHANNELS: Final[dict[str, int]] = {"gray8": 1, "yuyv422": 2, "rgb24": 3, "bgr24": 3, "rgba": 4, "bgra": 4}
_PLANES: Final[dict[str, int]] = {"yuv420p": 3, "nv12": 2}

# FFmpeg's names of formats, where they differ from ours.
_OF_FFMPEG: Final[dict[str, PixelFormat]] = {
    "gray": "gray8",
    "yuvj420p": "yuv420p",
    "yuv420p": "yuv420p",
    "nv12": "nv12",
    "yuyv422": "yuyv422",
    "rgb24": "rgb24",
    "bgr24": "bgr24",
    "rgba": "rgba",
    "bgra": "bgra",
}
_TO_FFMPEG: Final[dict[str, str]] = {"gray8": "gray"}

# AVColorSpace and AVColorRange: ITU-T H.273, tables 4 and 6.
_MATRICES: Final[dict[int, Matrix]] = {1: "bt709", 5: "bt601", 6: "bt601"}
_RANGES: Final[dict[int, Range]] = {1: "limited", 2: "full"}
_MATRIX_CODES: Final[dict[str, int]] = {"bt709": 1, "bt601": 6}
_RANGE_CODES: Final[dict[str, int]] = {"limited": 1, "full": 2}
_MAX_SIDE: Final = 65_535
_UNSPECIFIED: Final = (0, 2)  # 0 is RGB, 2 is unspecified


class _View(NamedTuple):
    """A picture as the extension takes it."""

    format: PixelFormat
    width: int
    height: int
    planes: tuple[tuple[Memory, int | None], ...]


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
        source: The picture to read. It must not share memory with `target`.
        target: The picture to write.
        source_format: Needed unless `source` is a frame.
        target_format: Needed unless `target` is a frame.
        source_size: Width and height, needed if `source` is a flat buffer.
        target_size: Width and height, needed if `target` is a flat buffer.
        matrix: Of the YUV side; by default that of its frame, else BT.601. Between two YUV formats values are kept.
        range: Of the YUV side; by default that of its frame, else limited. Gray is always full range beside a
            YUV picture, and by default beside RGB.
        filter: Scale to the size of `target` on the way; without it sizes must be equal.

    Raises:
        InvalidInputError: A `ValueError`: dtype, shape or stride are wrong, or memory overlaps or is read-only;
            it says what was expected and what came.
    """
    read, write = _view(source, source_format, source_size), _view(target, target_format, target_size)
    # The side that the colour space belongs to; gray has none of its own beside a YUV picture.
    by_target = _is_rgb(read.format) or (read.format == "gray8" and not _is_rgb(write.format))
    yuv_side, yuv_format = (target, write.format) if by_target else (source, read.format)
    _native.convert(
        read,
        write,
        _matrix(yuv_side, needed=_is_rgb(read.format) != _is_rgb(write.format)) if matrix is None else matrix,
        _range(yuv_side, yuv_format) if range is None else range,
        filter,
    )


def to_ndarray(
    frame: av.VideoFrame,
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
        frame: The frame.
        format: Of the array.
        out: The array to write to and return, in the shape of `format`; a new one by default. Reusing one
            can save the allocation of fresh memory.
        size: Width and height to scale to on the way; the frame's by default.
        filter: How to scale.
        matrix: By default the frame's, else BT.601.
        range: By default the frame's, else limited; full for gray frames.

    Raises:
        InvalidInputError: As `convert`.
    """
    if not isinstance(frame, av.VideoFrame):
        raise InvalidInputError(f"expected an av.VideoFrame, got {type(frame).__name__}")
    width, height = _checked((frame.width, frame.height) if size is None else size)
    shape = _shape(format, width, height)
    if out is None:
        out = np.empty(shape, np.uint8)
    elif _axes(out) != shape:
        raise InvalidInputError(
            f"out: expected shape {shape} for {width}x{height} {format}, got {_axes(out)}"
        )
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
        out: The frame to write to and return; a new one by default. Nobody else may hold it: an
            encoder or a track may still be reading a frame it was given.
        size: Width and height to scale to on the way; the array's by default.
        filter: How to scale.
        matrix: BT.601 by default. If given, the new frame is tagged with it.
        range: Limited by default, full for gray8. If given, the new frame is tagged with it.

    Raises:
        InvalidInputError: As `convert`.
    """
    read = _view(array, format, None)
    wanted = _checked((read.width, read.height) if size is None else size)
    frame = _new_frame(pix_fmt, *wanted) if out is None else out
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
        picture: The frame or array. A frame's time, colour space and range are kept.
        size: Width and height in pixels.
        format: Of an array; a frame knows its own.
        out: The array to write to and return; a new one by default.
        filter: How to scale.

    Raises:
        InvalidInputError: As `convert`.
    """
    read = _view(picture, format, None)
    size = _checked(size)
    if isinstance(picture, av.VideoFrame):
        scaled = _new_frame(read.format, *size)
        scaled.pts = picture.pts
        if picture.time_base is not None:
            scaled.time_base = picture.time_base
        scaled.colorspace, scaled.color_range = picture.colorspace, picture.color_range
        convert(picture, scaled, filter=filter)
        return scaled
    if out is None:
        out = np.empty(_shape(read.format, *size), np.uint8)
    convert(
        picture, out, source_format=read.format, target_format=read.format, target_size=size, filter=filter
    )
    return out


def _new_frame(format: PixelFormat, width: int, height: int) -> av.VideoFrame:  # noqa: A002
    _known(format)
    try:
        return av.VideoFrame(width, height, _TO_FFMPEG.get(format, format))
    except ValueError as cause:
        raise InvalidInputError(
            f"expected a frame that FFmpeg can hold, got {width}x{height} {format}"
        ) from cause


def _checked(size: Size) -> Size:
    """Width and height, validated."""
    try:
        width, height = map(operator.index, size)
    except (TypeError, ValueError) as cause:
        raise InvalidInputError(
            f"expected a size of two whole numbers (width, height), got {size!r}"
        ) from cause
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise InvalidInputError(
            f"expected a picture of 1x1 to {_MAX_SIDE}x{_MAX_SIDE} pixels, got {width}x{height}"
        )
    return width, height


def _is_rgb(format: PixelFormat) -> bool:  # noqa: A002
    return format not in ("yuv420p", "nv12", "yuyv422", "gray8")


def _known(format: str) -> TypeGuard[PixelFormat]:  # noqa: A002
    if isinstance(format, str) and (format in _CHANNELS or format in _PLANES):
        return True
    raise InvalidInputError(f"expected a format of {', '.join((*_PLANES, *_CHANNELS))}, got {format!r}")


def _view(picture: Picture, format: PixelFormat | None, size: Size | None) -> _View:  # noqa: A002
    if isinstance(picture, av.VideoFrame):
        name = _OF_FFMPEG.get(picture.format.name)
        if name is None:
            raise InvalidInputError(
                f"expected a frame of {', '.join(_OF_FFMPEG)}, got {picture.format.name}; "
                "frame.reformat(format=…) makes one"
            )
        if format not in (None, name):
            raise InvalidInputError(f"expected a frame of {format}, got {picture.format.name}")
        planes = tuple((plane, plane.line_size) for plane in picture.planes)
        return _View(name, picture.width, picture.height, planes)
    if format is None:
        raise InvalidInputError("expected a format beside a picture that is not a frame, got none")
    _known(format)
    if isinstance(picture, tuple):
        width, height = _size_of(picture[0] if picture else b"", "gray8") if size is None else _checked(size)
        return _View(format, width, height, tuple((plane, None) for plane in picture))
    width, height = _size_of(picture, format) if size is None else _checked(size)
    return _View(format, width, height, ((picture, None),))


def _axes(buffer: Memory) -> tuple[int, ...]:
    try:
        return memoryview(cast("Buffer", buffer)).shape or ()
    except (TypeError, BufferError, ValueError) as cause:
        raise InvalidInputError(f"expected a buffer of uint8, got {type(buffer).__name__}") from cause


def _size_of(buffer: Memory, format: PixelFormat) -> Size:  # noqa: A002
    """Width and height from the shape of an array."""
    match _axes(buffer), format:
        case (rows, width), "yuv420p" | "nv12" if rows % 3 == 0 and width % 2 == 0:
            return width, rows // 3 * 2
        case (height, width), "gray8":
            return width, height
        case (height, width, channels), _ if channels == _CHANNELS.get(format) and not (
            format == "yuyv422" and width % 2
        ):
            return width, height
        case axes, _:
            hint = "" if len(axes) > 1 else "; a flat buffer needs its size beside it"
            raise InvalidInputError(f"expected {_shapes(format)} for {format}, got shape {axes}{hint}")


def _shapes(format: PixelFormat) -> str:  # noqa: A002
    match format:
        case "gray8":
            return "(height, width)"
        case "yuyv422":
            return "(height, even width, 2)"
        case "yuv420p" | "nv12":
            return "(even height * 3 // 2, even width)"
        case _:
            return f"(height, width, {_CHANNELS[format]})"


def _shape(format: PixelFormat, width: int, height: int) -> tuple[int, ...]:  # noqa: A002
    """The shape of an array for a picture of that size."""
    _known(format)
    if format in _PLANES:
        if width % 2 or height % 2:
            raise InvalidInputError(
                f"expected even sides for an array of {format}, got {width}x{height}; "
                "convert() into a tuple of planes takes any size"
            )
        return (height * 3 // 2, width)
    if format == "yuyv422" and width % 2:
        raise InvalidInputError(f"expected an even width for an array of yuyv422, got {width}x{height}")
    return (height, width) if format == "gray8" else (height, width, _CHANNELS[format])


def _matrix(picture: Picture, *, needed: bool) -> Matrix:
    if not isinstance(picture, av.VideoFrame) or picture.colorspace in _UNSPECIFIED:
        return "bt601"
    matrix = _MATRICES.get(picture.colorspace)
    if matrix is None and needed:
        raise InvalidInputError(
            f"expected a frame in BT.601 or BT.709, got colour space {picture.colorspace} (ITU-T H.273, table 4); "
            "matrix=… overrides it"
        )
    return matrix or "bt601"


def _range(picture: Picture, format: PixelFormat) -> Range:  # noqa: A002
    if isinstance(picture, av.VideoFrame):
        said: Any = _RANGES.get(picture.color_range)
        if said is not None:
            return said  # type: ignore[no-any-return]
        if picture.format.name == "yuvj420p":
            return "full"
    return "full" if format == "gray8" else "limited"
