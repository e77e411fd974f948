"""What cannot be converted is refused in one sentence, and nothing is written."""

import re
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_fast import frames
from realtime_fast.errors import InvalidInputError
from realtime_fast.frames import PixelFormat, convert, from_ndarray, resize, to_ndarray

from tests.reference.planes import planes, rows


def pictures() -> tuple[av.VideoFrame, NDArray[np.uint8]]:
    frame = av.VideoFrame(8, 6, "yuv420p")
    for plane in planes(frame):
        plane[:] = 128
    return frame, np.full((6, 8, 3), 77, np.uint8)


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


BAD_OUTPUTS = [
    (lambda out: out.astype(np.float32), r"expected elements of uint8.*got format 'f' of 4 bytes"),
    (lambda out: out.astype(np.int8), r"expected elements of uint8.*got format 'b'"),
    (lambda out: out[:5].copy(), r"expected .*6, 8, 3.*got .*5, 8, 3"),
    (lambda out: np.zeros((6, 8, 4), np.uint8), r"expected .*3\).*got .*6, 8, 4"),
    (lambda out: np.zeros(6 * 8 * 3, np.uint8), r"expected .*got .*144"),
    (lambda out: read_only(out), r"expected a writable buffer, got a read-only one"),
    (lambda out: np.zeros((6, 8, 6), np.uint8)[..., ::2], r"rows without gaps.*got strides \[48, 6, 2\]"),
    (lambda out: np.zeros((6, 16, 3), np.uint8)[:, ::2], r"rows without gaps.*got strides"),
    (lambda out: out[::-1], r"expected strides that run forward, got \[-24, 3, 1\]"),
    (lambda out: np.zeros((0, 0, 3), np.uint8), r"expected .*got .*0, 0, 3"),
    (lambda out: bytes(144), r"expected .*got .*144"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD_OUTPUTS)
def test_bad_outputs(spoil: Callable[[np.ndarray], Any], message: str) -> None:
    frame, out = pictures()
    with pytest.raises(InvalidInputError, match=message):
        to_ndarray(frame, "rgb24", spoil(out))
    assert (out == 77).all()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((6, 8), np.uint8), r"expected \(height, width, 3\) for rgb24, got shape \(6, 8\)"),
        (np.zeros((6, 8, 3), np.uint16), r"rgb24|RGB.*expected elements of uint8.*got format 'H'"),
        (np.zeros((6, 8, 3), np.uint8)[..., ::-1], r"expected strides that run forward"),
        (np.zeros((0, 8, 3), np.uint8), r"expected a picture of 1x1 to 65535x65535 pixels, got 8x0"),
        (np.zeros((1, 100_000, 3), np.uint8), r"got 100000x1"),
        (np.broadcast_to(np.zeros((1, 8, 3), np.uint8), (6, 8, 3)), r"stride of at least 24 bytes, got 0"),
        ([[1, 2, 3]], r"expected a buffer of uint8, got list"),
        (None, r"expected a buffer of uint8, got NoneType"),
        ("picture", r"expected a buffer of uint8, got str"),
        (b"", r"got shape \(0,\); a flat buffer needs its size"),
    ],
)
def test_bad_inputs(array: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        from_ndarray(array, "rgb24")


def test_unknown_words() -> None:
    frame, out = pictures()
    unchecked: Any = frames
    with pytest.raises(InvalidInputError, match=r"expected a format of yuv420p, .*, got 'rgb48'"):
        unchecked.to_ndarray(frame, "rgb48")
    with pytest.raises(InvalidInputError, match=r"expected a format of .*, got 'yuv444p'"):
        unchecked.from_ndarray(out, "rgb24", "yuv444p")
    with pytest.raises(InvalidInputError, match=r"expected a matrix of 'bt601' or 'bt709', got 'bt2020'"):
        unchecked.to_ndarray(frame, "rgb24", matrix="bt2020")
    with pytest.raises(InvalidInputError, match=r"expected a range of 'limited' or 'full', got 'tv'"):
        unchecked.to_ndarray(frame, "rgb24", range="tv")
    with pytest.raises(InvalidInputError, match=r"expected a filter of 'bilinear' or 'area', got 'lanczos'"):
        unchecked.resize(frame, (4, 4), filter="lanczos")
    with pytest.raises(InvalidInputError, match=r"expected a frame of .*, got yuv444p"):
        to_ndarray(av.VideoFrame(8, 6, "yuv444p"), "rgb24")
    with pytest.raises(InvalidInputError, match=r"expected an av.VideoFrame, got ndarray"):
        unchecked.to_ndarray(out, "rgb24")
    with pytest.raises(InvalidInputError, match=r"expected a frame of nv12, got yuv420p"):
        convert(frame, out, source_format="nv12", target_format="rgb24")
    with pytest.raises(InvalidInputError, match=r"expected a format beside a picture that is not a frame"):
        convert(frame, out)


def test_sizes_that_do_not_fit() -> None:
    frame, out = pictures()
    with pytest.raises(InvalidInputError, match=r"expected a picture of 8x6 pixels, got 8x4"):
        convert(frame, out[:4], target_format="rgb24")
    with pytest.raises(InvalidInputError, match=r"expected a picture of 8x6 pixels, got 6x4"):
        from_ndarray(out, "rgb24", out=av.VideoFrame(6, 4, "yuv420p"))
    with pytest.raises(InvalidInputError, match=r"expected even sides for an array of yuv420p, got 7x5"):
        to_ndarray(av.VideoFrame(7, 5, "yuv420p"), "yuv420p")
    for size in [(0, 0), (0, 4), (4, 0), (-1, 4), (100_000, 1), (2**70, 1)]:
        for call in (
            lambda size=size: resize(frame, size),
            lambda size=size: resize(out, size, "rgb24"),
            lambda size=size: to_ndarray(frame, "rgb24", size=size),
            lambda size=size: from_ndarray(out, "rgb24", size=size),
            lambda size=size: convert(
                frame, bytearray(64), target_format="rgb24", target_size=size, filter="area"
            ),
        ):
            with pytest.raises(InvalidInputError, match=r"expected .* got"):
                call()
    with pytest.raises(InvalidInputError, match=r"rgb24|RGB plane: expected at least 144 bytes, got 143"):
        convert(frame, bytearray(143), target_format="rgb24", target_size=(8, 6))


def test_shared_memory_is_refused() -> None:
    frame, out = pictures()
    with pytest.raises(InvalidInputError, match=r"apart from the input, got 144 bytes in common"):
        convert(out, out, source_format="rgb24", target_format="bgr24")
    memory = np.zeros((12, 8, 3), np.uint8)
    with pytest.raises(InvalidInputError, match=r"apart from the input, got 24 bytes in common"):
        convert(memory[:6], memory[5:11], source_format="rgb24", target_format="bgr24")
    convert(memory[:6], memory[6:], source_format="rgb24", target_format="bgr24")
    plane = np.zeros((3, 4), np.uint8)
    with pytest.raises(InvalidInputError, match=r"apart from the other output, got 12 bytes in common"):
        convert(
            out, (np.zeros((6, 8), np.uint8), plane, plane), source_format="rgb24", target_format="yuv420p"
        )
    with pytest.raises(InvalidInputError, match=r"expected memory apart from the input"):
        from_ndarray(rows(frame)[:, :8], "gray8", out=frame)


def test_wrong_planes() -> None:
    frame, _ = pictures()
    y, u = np.zeros((6, 8), np.uint8), np.zeros((3, 4), np.uint8)
    cases: list[tuple[Any, str]] = [
        ((), r"expected"),
        ((y, u), r"expected 3 plane\(s\) for yuv420p, got 2"),
        ((y, u, np.zeros((3, 5), np.uint8)), r"V: expected 3 rows of 4 bytes, got shape \[3, 5\]"),
        ((y, u, np.zeros(11, np.uint8)), r"V plane: expected at least 12 bytes, got 11"),
        ((y, u, None), r"V: expected a buffer of uint8, got NoneType"),
    ]
    for wrong, message in cases:
        with pytest.raises(InvalidInputError, match=message):
            convert(frame, wrong, target_format="yuv420p")


@given(
    shape=st.lists(st.integers(0, 9), max_size=4),
    format=st.sampled_from(["yuv420p", "nv12", "yuyv422", "gray8", "rgb24", "bgra"]),
    target=st.sampled_from(["yuv420p", "nv12", "yuyv422", "gray8", "rgb24", "bgra"]),
    dtype=st.sampled_from(["u1", "i1", "u2", "f8", "bool"]),
)
def test_any_array_is_converted_or_refused(
    shape: list[int], format: PixelFormat, target: PixelFormat, dtype: str
) -> None:
    array = np.zeros(shape, dtype)
    try:
        frame = from_ndarray(array, format, target)
    except InvalidInputError as error:
        message = str(error)
        assert re.search("expected .*got", message), message
    else:
        assert dtype == "u1"
        assert frame.width * frame.height > 0
