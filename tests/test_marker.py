"""Stamping and reading on every kind of picture, against the NumPy reference."""

import threading
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from realtime_fast.marker import CORRUPTED, read, stamp, stamped_copy

from tests.reference import marker as reference
from tests.reference.planes import rows

FORMATS = ["yuv420p", "nv12", "yuyv422", "gray8", "rgb24", "bgr24", "rgba", "bgra"]
numbers = st.integers(0, 65_535)


def filled(width: int, height: int, pix_fmt: str, value: int = 90) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, pix_fmt)
    for index in range(len(frame.planes)):
        rows(frame, index)[:] = value
    return frame


@pytest.mark.parametrize("pix_fmt", FORMATS)
@pytest.mark.parametrize(("width", "height"), [(24, 4), (25, 5), (64, 36), (101, 37), (1280, 704)])
def test_every_format_and_size_reads_back(pix_fmt: str, width: int, height: int) -> None:
    if pix_fmt == "yuyv422" and width % 2:
        width += 1  # FFmpeg rounds such widths down in places
    for seq in (0, 1, 0x5555, 0xAAAA, 0xFFFF, 12_345):
        frame = filled(width, height, pix_fmt)
        assert read(frame) is None
        stamp(frame, seq)
        assert read(frame) == seq


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_nothing_but_the_marker_is_written(pix_fmt: str) -> None:
    width, height = 101 + (pix_fmt == "yuyv422"), 37
    frame, before = filled(width, height, pix_fmt, 7), filled(width, height, pix_fmt, 7)
    stamp(frame, 0xBEEF)
    step = {"yuyv422": 2, "rgb24": 3, "bgr24": 3, "rgba": 4, "bgra": 4}.get(pix_fmt, 1)
    for index in range(len(frame.planes)):
        changed = rows(frame, index) != rows(before, index)
        top, right = (
            (height - 4, 24 * step) if index == 0 else ((height - 4) // 2, 24 if pix_fmt == "nv12" else 12)
        )
        assert changed[top:, :right].any()
        changed[top : top + 4, :right] = False
        assert not changed.any()


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "rgb24", "bgr24", "rgba", "bgra", "nv12", "yuyv422"])
@pytest.mark.parametrize("full_range", [False, True])
def test_the_red_channel_of_the_converted_picture_shows_the_cells(pix_fmt: str, full_range: bool) -> None:
    frame = filled(64, 36, pix_fmt, 40)
    if full_range:
        frame.color_range = 2
    stamp(frame, 0x1234)
    rgb = frame.reformat(format="rgb24", interpolation="POINT").to_ndarray().astype(np.uint8, copy=False)
    red = rgb[-4:, :24, 0].astype(int)
    wanted = np.where(reference.bits(0x1234), 200, 50)
    assert np.abs(red - wanted).max() <= 2
    assert read(rgb) == 0x1234


def test_alpha_under_the_marker_is_opaque() -> None:
    picture = np.zeros((8, 30, 4), np.uint8)
    stamp(picture, 3, format="bgra")
    assert (picture[-4:, :24, 3] == 255).all()
    assert not picture[:, 24:].any()


@given(seq=numbers, width=st.integers(24, 60), height=st.integers(4, 40), pad=st.integers(0, 40))
def test_stamp_equals_the_reference_byte_for_byte(seq: int, width: int, height: int, pad: int) -> None:
    half = (height + 1) // 2, (width + 1) // 2
    shapes = [(height, width), half, half]
    ours, theirs = ([np.full((h, w + pad), 77, np.uint8) for h, w in shapes] for _ in range(2))
    stamp([plane[:, : plane.shape[1] - pad] for plane in ours], seq)
    y, u, v = (plane[:, : plane.shape[1] - pad] for plane in theirs)
    reference.stamp_yuv420p(y, u, v, seq)
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(our, their)
    assert read(ours[0][:, :width]) == reference.read_luma(theirs[0][:, :width]) == seq


# Cells near the threshold, right and wrong, on top of a valid marker or of nothing.
@given(
    luma=arrays(np.uint8, (5, 26), elements=st.sampled_from([0, 50, 59, 125, 126, 127, 128, 188, 200, 255])),
    seq=numbers,
    kept=arrays(bool, (5, 26), elements=st.booleans()),
    full_range=st.booleans(),
)
def test_the_hard_reader_equals_the_reference_on_any_input(
    luma: np.ndarray, seq: int, kept: np.ndarray, full_range: bool
) -> None:
    marked = luma.copy()
    reference.stamp_luma(marked, seq)
    for picture in (luma, marked, np.where(kept, marked, luma)):
        got = read(picture, full_range=full_range)
        assert got == reference.read_luma(picture, 128 if full_range else 126)


@given(st.data(), numbers)
def test_the_hard_reader_votes_as_the_reference(data: st.DataObject, seq: int) -> None:
    luma = np.zeros((4, 24), np.uint8)
    reference.stamp_luma(luma, seq)
    for _ in range(data.draw(st.integers(0, 8))):
        y, x = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 23))
        luma[y, x] = 255 - luma[y, x]
    assert read(luma) == reference.read_luma(luma)


def test_a_wrong_checksum_is_corrupted() -> None:
    luma = np.zeros((4, 24), np.uint8)
    reference.stamp_luma(luma, 5)
    luma[:, 23] = 255 - luma[:, 23]
    assert read(luma) == CORRUPTED


def test_frame_range_decides_the_levels() -> None:
    limited, full, j = filled(64, 36, "yuv420p"), filled(64, 36, "yuv420p"), filled(64, 36, "yuvj420p")
    full.color_range = 2
    for frame, levels in ((limited, {188, 59}), (full, {200, 50}), (j, {200, 50})):
        stamp(frame, 0x0F0F)
        assert set(rows(frame)[-4:, :24].ravel()) == levels


def test_a_copy_is_stamped_and_the_frame_is_not() -> None:
    frame = filled(102, 37, "yuv420p", 33)
    frame.pts, frame.time_base, frame.color_range, frame.colorspace = 9, Fraction(1, 90_000), 2, 1
    copy = stamped_copy(frame, 777)
    assert read(copy) == 777
    assert read(frame) is None
    assert (copy.pts, copy.time_base, copy.color_range, copy.colorspace) == (9, Fraction(1, 90_000), 2, 1)
    assert (copy.width, copy.height, copy.format.name) == (102, 37, "yuv420p")
    assert (rows(copy)[:-4, :102] == 33).all()
    assert (rows(frame)[:, :102] == 33).all()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((4, 23), np.uint8), "at least 24x4 pixels for the marker, got 23x4"),
        (np.zeros((3, 24), np.uint8), "at least 24x4 pixels for the marker, got 24x3"),
        (av.VideoFrame(22, 8, "yuv420p"), "at least 24x4 pixels for the marker, got 22x8"),
        (av.VideoFrame(64, 36, "yuv444p"), "expected a frame of yuv420p.*got yuv444p"),
        (np.zeros((36, 64), np.float32), "expected elements of uint8"),
        (np.zeros((36, 64, 5), np.uint8), r"got \[36, 64, 5\]"),
        (np.zeros(640, np.uint8), r"got \[640\]"),
        ((), "expected 1 to 3 planes, got 0"),
        ("picture", "expected a buffer"),
    ],
)
def test_bad_pictures_are_refused(picture: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stamp(picture, 1)
    with pytest.raises(ValueError, match=message):
        read(picture)


def test_bad_arguments_are_refused() -> None:
    picture = np.zeros((36, 64), np.uint8)
    for seq in (-1, 65_536):
        with pytest.raises(ValueError, match=f"expected 0 to 65535, got {seq}"):
            stamp(picture, seq)
    method: Any = "best"
    with pytest.raises(ValueError, match="method: expected"):
        read(picture, method)
    unknown: Any = "yuv999"
    with pytest.raises(ValueError, match=r"expected a format of .*yuv999"):
        stamp(picture, 1, format=unknown)
    with pytest.raises(ValueError, match="expected a frame of bgr24, got rgb24"):
        stamp(av.VideoFrame(64, 36, "rgb24"), 1, format="bgr24")
    picture.flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        stamp(picture, 1)
    chroma = np.zeros((18, 32), np.uint8)
    with pytest.raises(ValueError, match="in common"):
        stamp((np.zeros((36, 64), np.uint8), chroma, chroma), 1)
    with pytest.raises(ValueError, match="expected 18 rows of 32 bytes"):
        stamp((np.zeros((36, 64), np.uint8), chroma, np.zeros((18, 33), np.uint8)), 1)


def test_threads_stamp_their_own_pictures() -> None:
    results: dict[int, bool] = {}

    def work(index: int) -> None:
        frame = filled(64, 36, "yuv420p")
        wrong = 0
        for seq in range(index, 65_536, 97):
            stamp(frame, seq)
            wrong += read(frame) != seq
        results[index] = not wrong

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(8), True)
