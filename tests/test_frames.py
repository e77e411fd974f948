"""Conversion through the Python face, against the formulas in real numbers and against PyAV."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from typing_extensions import Buffer

from realtime_fast import _native
from realtime_fast.errors import InvalidInputError
from realtime_fast.frames import Filter, Matrix, PixelFormat, Range, convert, from_ndarray, resize, to_ndarray

from tests.reference import conversion as reference
from tests.reference.channels import clip_path
from tests.reference.planes import planes

RGB: list[PixelFormat] = ["rgb24", "bgr24", "rgba", "bgra"]
COLORS = list(itertools.product(["bt601", "bt709"], ["limited", "full"]))
sides = st.integers(1, 70)


def noise(*shape: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def planes_of(
    width: int, height: int, seed: int = 1
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    half = ((height + 1) // 2, (width + 1) // 2)
    return noise(height, width, seed=seed), noise(*half, seed=seed + 1), noise(*half, seed=seed + 2)


def assert_near(got: np.ndarray, real: np.ndarray) -> None:
    assert got.shape == real.shape
    assert np.abs(got.astype(float) - real).max() <= 1


@pytest.fixture(scope="module")
def clip_frame() -> av.VideoFrame:
    """A frame of real video, 1280x704."""
    with av.open(clip_path()) as container:
        frame = next(itertools.islice(container.decode(video=0), 40, None))
        return frame.reformat(1280, 704)


@given(
    width=sides,
    height=sides,
    format=st.sampled_from(RGB),
    color=st.sampled_from(COLORS),
    seed=st.integers(0, 99),
)
def test_yuv_to_rgb_is_within_one_level_of_real_numbers(
    width: int, height: int, format: PixelFormat, color: tuple[Matrix, Range], seed: int
) -> None:
    planes = planes_of(width, height, seed)
    out = np.zeros((height, width, len(format) if format in ("rgba", "bgra") else 3), np.uint8)
    matrix, range_ = color
    convert(planes, out, source_format="yuv420p", target_format=format, matrix=matrix, range=range_)
    assert_near(reference.unpacked(out, format), reference.to_rgb(*planes, matrix, range_))
    if out.shape[2] == 4:
        assert (out[..., 3] == 255).all()


@given(
    width=sides,
    height=sides,
    format=st.sampled_from(RGB),
    color=st.sampled_from(COLORS),
    seed=st.integers(0, 99),
)
def test_rgb_to_yuv_is_within_one_level_of_real_numbers(
    width: int, height: int, format: PixelFormat, color: tuple[Matrix, Range], seed: int
) -> None:
    rgb = noise(height, width, 3, seed=seed)
    out = tuple(np.zeros_like(plane) for plane in planes_of(width, height))
    matrix, range_ = color
    array = reference.packed(rgb, format)
    convert(array, out, source_format=format, target_format="yuv420p", matrix=matrix, range=range_)
    for got, real in zip(out, reference.to_yuv(rgb, matrix, range_), strict=True):
        assert_near(got, real)


@given(width=sides, height=sides, format=st.sampled_from(RGB))
def test_nv12_is_yuv420p_with_its_chroma_woven(width: int, height: int, format: PixelFormat) -> None:
    y, u, v = planes_of(width, height)
    uv = np.stack([u, v], 2)
    channels = 4 if format in ("rgba", "bgra") else 3
    outs = [np.zeros((height, width, channels), np.uint8) for _ in range(2)]
    convert((y, u, v), outs[0], source_format="yuv420p", target_format=format)
    convert((y, uv), outs[1], source_format="nv12", target_format=format)
    assert (outs[0] == outs[1]).all()
    planar = tuple(np.zeros_like(plane) for plane in (y, u, v))
    woven = (np.zeros_like(y), np.zeros_like(uv))
    convert(outs[0], planar, source_format=format, target_format="yuv420p")
    convert(outs[0], woven, source_format=format, target_format="nv12")
    assert (woven[0] == planar[0]).all()
    assert (woven[1] == np.stack(planar[1:], 2)).all()
    back = (np.zeros_like(y), np.zeros_like(uv))
    convert((y, u, v), back, source_format="yuv420p", target_format="nv12")
    assert (back[1] == uv).all()


@given(width=sides, height=sides, color=st.sampled_from(COLORS))
def test_yuyv_has_the_chroma_of_each_row(width: int, height: int, color: tuple[Matrix, Range]) -> None:
    matrix, range_ = color
    pairs = (width + 1) // 2
    yuyv = noise(height, pairs * 4)
    out = np.zeros((height, width, 3), np.uint8)
    convert(
        yuyv, out, source_format="yuyv422", target_format="rgb24", source_size=(width, height),
        matrix=matrix, range=range_,
    )  # fmt: skip
    for y in range(height):
        luma = yuyv[y : y + 1, ::2][:, :width]
        real = reference.to_rgb(luma, yuyv[y : y + 1, 1::4], yuyv[y : y + 1, 3::4], matrix, range_)
        assert_near(out[y : y + 1], real)
    back = np.zeros_like(yuyv)
    convert(
        out, back, source_format="rgb24", target_format="yuyv422", target_size=(width, height),
        matrix=matrix, range=range_,
    )  # fmt: skip
    for y in range(height):
        luma, u, v = reference.to_yuv(out[y : y + 1], matrix, range_)
        assert_near(back[y : y + 1, ::2][:, :width], luma)
        assert_near(back[y : y + 1, 1::4], u)
        assert_near(back[y : y + 1, 3::4], v)


@pytest.mark.parametrize(("matrix", "range_"), COLORS)
def test_gray_is_luma_at_full_range(matrix: Matrix, range_: Range) -> None:
    y = np.arange(256, dtype=np.uint8).reshape(16, 16)
    neutral = np.full((8, 8), 128, np.uint8)
    gray, rgb = np.zeros_like(y), np.zeros((16, 16, 3), np.uint8)
    options: dict[str, Any] = {"matrix": matrix, "range": range_}
    convert((y, neutral, neutral), gray, source_format="yuv420p", target_format="gray8", **options)
    convert((y, neutral, neutral), rgb, source_format="yuv420p", target_format="rgb24", **options)
    assert (rgb == gray[..., None]).all()
    luma = np.zeros_like(y)
    chroma = np.zeros((2, 8, 8), np.uint8)
    convert(gray, (luma, *chroma), source_format="gray8", target_format="yuv420p", **options)
    assert (chroma == 128).all()
    black, steps, _ = reference.STEPS[range_]
    assert_near(luma, np.clip(y, black, black + steps).astype(float))
    convert(gray, rgb, source_format="gray8", target_format="rgb24")
    assert (rgb == gray[..., None]).all()


def test_agrees_with_pyav_on_real_video(clip_frame: av.VideoFrame) -> None:
    for format in RGB:
        ours, theirs = to_ndarray(clip_frame, format), clip_frame.to_ndarray(format=format)
        assert ours.shape == theirs.shape
        apart = np.abs(ours.astype(int) - theirs)
        assert apart.max() <= 4
        assert apart.mean() < 1.5
    assert (to_ndarray(clip_frame, "yuv420p") == clip_frame.to_ndarray(format="yuv420p")).all()
    rgb = to_ndarray(clip_frame, "rgb24")
    made = from_ndarray(rgb, "rgb24").to_ndarray()
    wanted = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p").to_ndarray()
    apart = np.abs(made.astype(int) - wanted)
    assert apart[:704].max() <= 2
    assert apart.mean() < 1.5


def test_colour_space_and_range_come_from_the_frame(clip_frame: av.VideoFrame) -> None:
    default = to_ndarray(clip_frame, "rgb24")
    frame = from_ndarray(to_ndarray(clip_frame, "yuv420p"), "yuv420p")
    frame.colorspace, frame.color_range = 1, 2
    y, u, v = planes(frame)
    assert_near(to_ndarray(frame, "rgb24"), reference.to_rgb(y, u, v, "bt709", "full"))
    assert (to_ndarray(frame, "rgb24", matrix="bt601", range="limited") == default).all()
    frame.colorspace = 9
    with pytest.raises(InvalidInputError, match=r"BT\.601 or BT\.709, got colour space 9"):
        to_ndarray(frame, "rgb24")
    assert to_ndarray(frame, "rgb24", matrix="bt709").shape == default.shape
    tagged = from_ndarray(default, "rgb24", matrix="bt709", range="full")
    assert (tagged.colorspace, tagged.color_range) == (1, 2)
    assert np.abs(to_ndarray(tagged, "rgb24").astype(int) - default).mean() < 3


def test_odd_frames_go_there_and_back() -> None:
    for width, height in [(1, 1), (2, 1), (1, 2), (3, 5), (33, 17), (1279, 3)]:
        rgb = np.broadcast_to(noise(1, 1, 3), (height, width, 3)).copy()
        for pix_fmt in ("yuv420p", "nv12", "yuyv422"):
            frame = from_ndarray(rgb, "rgb24", pix_fmt)
            assert (frame.width, frame.height, frame.format.name) == (width, height, pix_fmt)
            back = to_ndarray(frame, "rgb24")
            assert back.shape == rgb.shape
            assert np.abs(back.astype(int) - rgb).max() <= 3


@given(
    width=sides,
    height=sides,
    padding=st.integers(0, 40),
    start=st.integers(0, 5),
    format=st.sampled_from(RGB),
)
def test_padding_is_untouched(width: int, height: int, padding: int, start: int, format: PixelFormat) -> None:
    planes = planes_of(width, height)
    channels = 4 if format in ("rgba", "bgra") else 3
    memory = np.full((height + 2, start + width * channels + padding), 77, np.uint8)
    rows = memory[1:-1, start : start + width * channels]
    out = np.lib.stride_tricks.as_strided(rows, (height, width, channels), (memory.shape[1], channels, 1))
    dense = np.zeros((height, width, channels), np.uint8)
    convert(planes, out, source_format="yuv420p", target_format=format)
    convert(planes, dense, source_format="yuv420p", target_format=format)
    assert (out == dense).all()
    assert (memory[[0, -1]] == 77).all()
    assert (memory[:, :start] == 77).all()
    assert (memory[:, start + width * channels :] == 77).all()


def test_outputs_are_reused(clip_frame: av.VideoFrame) -> None:
    out = np.zeros((704, 1280, 3), np.uint8)
    assert to_ndarray(clip_frame, "rgb24", out) is out
    assert (out == to_ndarray(clip_frame, "rgb24")).all()
    frame = av.VideoFrame(1280, 704, "yuv420p")
    assert from_ndarray(out, "rgb24", out=frame) is frame
    assert (frame.to_ndarray() == from_ndarray(out, "rgb24").to_ndarray()).all()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_a_picture(kind: Callable[[bytes], Buffer]) -> None:
    y, u, v = planes_of(6, 4)
    flat = kind(b"".join(plane.tobytes() for plane in (y, u, v)))
    out, target = np.zeros((4, 6, 3), np.uint8), bytearray(4 * 6 * 3)
    convert((y, u, v), out, source_format="yuv420p", target_format="rgb24")
    convert(
        flat, target, source_format="yuv420p", source_size=(6, 4), target_format="rgb24", target_size=(6, 4)
    )
    assert bytes(target) == out.tobytes()


@pytest.mark.parametrize("level", _native._testing.levels())
def test_levels_agree(level: str) -> None:
    planes = planes_of(131, 37)
    expected, got = np.zeros((2, 37, 131, 3), np.uint8)
    for name, out in (("scalar", expected), (level, got)):
        _native.convert(
            planes, out, source_format="yuv420p", target_format="rgb24", matrix="bt709", level=name
        )
    assert (got == expected).all()
    with pytest.raises(InvalidInputError, match=r"expected a level of this CPU, \[scalar.*got 'avx3'"):
        _native.convert(planes, got, source_format="yuv420p", target_format="rgb24", level="avx3")


def test_many_threads_convert_at_once() -> None:
    """Eight threads, each with pictures of its own, all at the same time."""
    count, start, wrong = 8, threading.Barrier(8), []

    def work(index: int) -> None:
        planes = planes_of(320 + index, 180, seed=index)
        real = reference.to_rgb(*planes)
        out = np.zeros((180, 320 + index, 3), np.uint8)
        back = tuple(np.zeros_like(plane) for plane in planes)
        start.wait()
        for _ in range(40):
            out[:] = 0
            convert(planes, out, source_format="yuv420p", target_format="rgb24")
            convert(out, back, source_format="rgb24", target_format="yuv420p")
            if np.abs(out - real).max() > 1:
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("filter", ["area", "bilinear"])
def test_scaling_on_the_way_is_scaling_and_converting(clip_frame: av.VideoFrame, filter: Filter) -> None:
    size = (640, 358)
    scaled = resize(clip_frame, size, filter=filter)
    assert (scaled.width, scaled.height, scaled.pts, scaled.time_base) == (
        *size,
        clip_frame.pts,
        clip_frame.time_base,
    )
    rgb = to_ndarray(clip_frame, "rgb24", size=size, filter=filter)
    assert (rgb == to_ndarray(scaled, "rgb24")).all()
    theirs = clip_frame.to_ndarray(format="rgb24", width=640, height=358, interpolation="AREA")
    assert np.abs(rgb.astype(int) - theirs).mean() < 3
    whole = to_ndarray(clip_frame, "rgb24")
    small = resize(whole, size, "rgb24", filter=filter)
    assert small.shape == (358, 640, 3)
    assert resize(whole, size, "rgb24", small, filter=filter) is small
    frame = from_ndarray(whole, "rgb24", size=size, filter=filter)
    assert (frame.to_ndarray() == from_ndarray(small, "rgb24").to_ndarray()).all()


def test_area_is_the_mean_of_what_is_covered() -> None:
    pixels = noise(6, 8, 3)
    half = resize(pixels, (4, 3), "rgb24")
    mean = pixels.reshape(3, 2, 4, 2, 3).mean((1, 3))
    assert np.abs(half - mean).max() <= 0.5
