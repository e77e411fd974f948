"""Conversion beside PyAV and OpenCV on the same pictures; results are compared before times are."""

from collections.abc import Callable
from typing import Any, TypeAlias

import av
import cv2
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from realtime_fast.frames import Filter, PixelFormat, from_ndarray, to_ndarray

Contenders: TypeAlias = dict[str, Callable[[], Any]]
"""By name, who makes the picture that is asked for."""

FORMATS = ["rgb24", "bgr24", "rgba", "bgra"]


def cv_code(source: str, target: str) -> int:
    """OpenCV's constant for a conversion."""
    word = {"yuv420p": "I420", "nv12": "NV12", "rgb24": "RGB", "bgr24": "BGR", "rgba": "RGBA", "bgra": "BGRA"}
    if source in ("yuv420p", "nv12"):
        name = f"COLOR_YUV2{word[target]}_{word[source]}"
    else:
        name = f"COLOR_{word[source]}2YUV_{word[target]}"
    code: int = getattr(cv2, name)
    return code


def to_array(frame: av.VideoFrame, format: PixelFormat) -> Contenders:
    """Who can make an array of a frame, and how. A copy of the result is what nobody can beat by much."""
    planar = frame.to_ndarray()
    result = to_ndarray(frame, format)
    out = np.empty_like(result)
    code = cv_code(frame.format.name, format)
    return {
        "ours": lambda: to_ndarray(frame, format),
        "ours, out=": lambda: to_ndarray(frame, format, out),
        "PyAV": lambda: frame.to_ndarray(format=format),
        "OpenCV": lambda: cv2.cvtColor(planar, code),
        "OpenCV, dst=": lambda: cv2.cvtColor(planar, code, dst=out),
        "copy": result.copy,
    }


def to_frame(array: np.ndarray, format: PixelFormat, pix_fmt: PixelFormat) -> Contenders:
    """Who can make a frame of an array, and how. OpenCV has no frames and writes an array; no NV12 either."""
    height, width = array.shape[:2]
    out = av.VideoFrame(width, height, pix_fmt)
    contenders: Contenders = {
        "ours": lambda: from_ndarray(array, format, pix_fmt),
        "ours, out=": lambda: from_ndarray(array, format, pix_fmt, out),
        "PyAV": lambda: av.VideoFrame.from_ndarray(array, format=format).reformat(format=pix_fmt),
    }
    if pix_fmt == "yuv420p":
        planar = np.empty((height * 3 // 2, width), np.uint8)
        code = cv_code(format, pix_fmt)
        contenders["OpenCV"] = lambda: cv2.cvtColor(array, code)
        contenders["OpenCV, dst="] = lambda: cv2.cvtColor(array, code, dst=planar)
    return contenders


def run(
    benchmark: BenchmarkFixture,
    group: str,
    contenders: Contenders,
    who: str,
    expected: np.ndarray,
    wanted: dict[str, float] | None = None,
) -> None:
    """Times one contender and checks that it makes the same picture but for rounding and chroma's filter."""
    benchmark.group = group
    benchmark.extra_info |= {"contender": who, "beside": "ours, out=" if who.endswith("=") else "ours"}
    if not who.startswith("ours"):
        # Never slower than anybody; more where spec/performance.md says so.
        benchmark.extra_info["wanted"] = (wanted or {}).get(who.removesuffix(", dst="), 1)
    result = benchmark(contenders[who])
    got = result.to_ndarray() if isinstance(result, av.VideoFrame) else result
    assert got.shape == expected.shape
    assert np.abs(got.astype(np.int16) - expected).mean() < 1.5


@pytest.mark.parametrize("who", ["ours", "ours, out=", "PyAV", "OpenCV", "OpenCV, dst=", "copy"])
def test_model_frame_to_rgb24(benchmark: BenchmarkFixture, model_frame: av.VideoFrame, who: str) -> None:
    expected = model_frame.to_ndarray(format="rgb24")
    wanted = {"PyAV": 2, "OpenCV": 4, "copy": 1 / 1.6}
    run(benchmark, "yuv420p → rgb24, 1280x704", to_array(model_frame, "rgb24"), who, expected, wanted)


@pytest.mark.parametrize("who", ["ours", "ours, out=", "PyAV", "OpenCV", "OpenCV, dst="])
def test_rgb24_to_model_frame(benchmark: BenchmarkFixture, model_frame: av.VideoFrame, who: str) -> None:
    contenders = to_frame(to_ndarray(model_frame, "rgb24"), "rgb24", "yuv420p")
    run(
        benchmark,
        "rgb24 → yuv420p, 1280x704",
        contenders,
        who,
        model_frame.to_ndarray(),
        {"PyAV": 20, "OpenCV": 3},
    )


@pytest.mark.parametrize("who", ["ours", "ours, out=", "PyAV", "OpenCV", "OpenCV, dst="])
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12"])
def test_camera_frame_to_array(
    benchmark: BenchmarkFixture,
    camera_frame: av.VideoFrame,
    pix_fmt: PixelFormat,
    format: PixelFormat,
    who: str,
) -> None:
    frame = camera_frame.reformat(format=pix_fmt)
    expected = frame.to_ndarray(format=format)
    run(benchmark, f"{pix_fmt} → {format}, 1920x1080", to_array(frame, format), who, expected)


@pytest.mark.parametrize("who", ["ours", "ours, out=", "PyAV", "OpenCV", "OpenCV, dst="])
@pytest.mark.parametrize("format", FORMATS)
def test_array_to_camera_frame(
    benchmark: BenchmarkFixture, camera_frame: av.VideoFrame, format: PixelFormat, who: str
) -> None:
    contenders = to_frame(to_ndarray(camera_frame, format), format, "yuv420p")
    run(benchmark, f"{format} → yuv420p, 1920x1080", contenders, who, camera_frame.to_ndarray())


@pytest.mark.parametrize("who", ["ours", "ours, out=", "PyAV"])
def test_rgb24_to_nv12_camera_frame(
    benchmark: BenchmarkFixture, camera_frame: av.VideoFrame, who: str
) -> None:
    contenders = to_frame(to_ndarray(camera_frame, "rgb24"), "rgb24", "nv12")
    expected = camera_frame.reformat(format="nv12").to_ndarray()
    run(benchmark, "rgb24 → nv12, 1920x1080", contenders, who, expected)


@pytest.mark.parametrize("who", ["ours", "PyAV", "OpenCV"])
@pytest.mark.parametrize("filter", ["area", "bilinear"])
def test_camera_frame_to_model_array(
    benchmark: BenchmarkFixture, camera_frame: av.VideoFrame, filter: Filter, who: str
) -> None:
    """The normal case: a 1080p camera and a 1280x704 model, scaled and converted in one go."""
    benchmark.group = f"yuv420p 1920x1080 → rgb24 1280x704, {filter}"
    benchmark.extra_info["contender"] = who
    planar, size = camera_frame.to_ndarray(), (1280, 704)
    flag = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR}[filter]
    contenders: Contenders = {
        "ours": lambda: to_ndarray(camera_frame, "rgb24", size=size, filter=filter),
        "PyAV": lambda: camera_frame.to_ndarray(
            format="rgb24", width=1280, height=704, interpolation=filter.upper()
        ),
        "OpenCV": lambda: cv2.resize(cv2.cvtColor(planar, cv2.COLOR_YUV2RGB_I420), size, interpolation=flag),
    }
    result = benchmark(contenders[who])
    assert result.shape == (704, 1280, 3)
    assert np.abs(result.astype(np.int16) - contenders["OpenCV"]()).mean() < 3
