"""Conversion beside PyAV, OpenCV, libyuv and the `yuv` crate on the same pictures; results are compared before times.

Ours runs on every level of the CPU. The highest is what users call; lower ones are forced, for those whose CPU has
no more.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import av
import cv2
import numpy as np
import pytest
from benches.peers import PEERS, peer, planar
from pytest_benchmark.fixture import BenchmarkFixture

from realtime_fast import _native
from realtime_fast.frames import Filter, Picture, PixelFormat, from_ndarray, to_ndarray

Contenders: TypeAlias = dict[str, Callable[[], Any] | None]
"""By name, who makes the picture that is asked for; None who is not there, or cannot."""

FORMATS: list[PixelFormat] = ["rgb24", "bgr24", "rgba", "bgra"]
HIGHEST, *LOWER = [level for level in reversed(_native._testing.levels()) if level != "scalar"] or ["scalar"]
OURS = ["ours", "ours, out=", *(f"{who}, {level}" for level in LOWER for who in ("ours", "ours, out="))]
DST = [f"{name}, dst=" for name in ("OpenCV", *PEERS)]


def cv_code(source: str, target: str) -> int:
    """OpenCV's constant for a conversion."""
    word = {"yuv420p": "I420", "nv12": "NV12", "rgb24": "RGB", "bgr24": "BGR", "rgba": "RGBA", "bgra": "BGRA"}
    if source in ("yuv420p", "nv12"):
        name = f"COLOR_YUV2{word[target]}_{word[source]}"
    else:
        name = f"COLOR_{word[source]}2YUV_{word[target]}"
    code: int = getattr(cv2, name)
    return code


def forced(level: str, source: Picture, target: Callable[[], Any], **options: Any) -> Callable[[], Any]:
    """Our conversion on a level of the bench's choice."""

    def convert() -> Any:
        out = target()
        _native.convert(source, out, level=level, **options)
        return out

    return convert


def to_array(frame: av.VideoFrame, format: PixelFormat) -> Contenders:
    """Who can make an array of a frame, and how. A copy of the result is what nobody can beat by much."""
    source, size, pix_fmt = frame.to_ndarray(), (frame.width, frame.height), frame.format.name
    result = to_ndarray(frame, format)
    out = np.empty_like(result)
    code = cv_code(pix_fmt, format)
    contenders: Contenders = {
        "ours": lambda: to_ndarray(frame, format),
        "ours, out=": lambda: to_ndarray(frame, format, out),
        "PyAV": lambda: frame.to_ndarray(format=format),
        "OpenCV": lambda: cv2.cvtColor(source, code),
        "OpenCV, dst=": lambda: cv2.cvtColor(source, code, dst=out),
        "copy": result.copy,
    }
    for level in LOWER:
        contenders[f"ours, {level}"] = forced(level, frame, lambda: np.empty_like(out), target_format=format)
        contenders[f"ours, out=, {level}"] = forced(level, frame, lambda: out, target_format=format)
    for name in PEERS:
        contenders[f"{name}, dst="] = peer(name, source, pix_fmt, np.empty_like(result), format, size)
    return contenders


def to_frame(array: np.ndarray, format: PixelFormat, pix_fmt: PixelFormat) -> Contenders:
    """Who can make a frame of an array, and how. Only PyAV and we have frames; others write arrays."""
    height, width = array.shape[:2]
    out = av.VideoFrame(width, height, pix_fmt)
    contenders: Contenders = {
        "ours": lambda: from_ndarray(array, format, pix_fmt),
        "ours, out=": lambda: from_ndarray(array, format, pix_fmt, out),
        "PyAV": lambda: av.VideoFrame.from_ndarray(array, format=format).reformat(format=pix_fmt),
    }
    for level in LOWER:
        contenders[f"ours, {level}"] = forced(
            level, array, lambda: av.VideoFrame(width, height, pix_fmt), source_format=format
        )
        contenders[f"ours, out=, {level}"] = forced(level, array, lambda: out, source_format=format)
    if pix_fmt == "yuv420p":
        target, code = planar((width, height)), cv_code(format, pix_fmt)
        contenders["OpenCV"] = lambda: cv2.cvtColor(array, code)
        contenders["OpenCV, dst="] = lambda: cv2.cvtColor(array, code, dst=target)
    for name in PEERS:
        size = (width, height)
        contenders[f"{name}, dst="] = peer(name, array, format, planar(size), pix_fmt, size)
    return contenders


def name_row(benchmark: BenchmarkFixture, group: str, who: str, wanted: dict[str, float]) -> None:
    """Name a row of the table: for ours the level, for others what they are held against."""
    name, _, level = who.rpartition(", ")
    if who.startswith("ours"):
        own = (name, level) if level in LOWER else (who, HIGHEST)
        benchmark.extra_info |= dict(zip(("contender", "level"), own, strict=True))
    else:
        reused = who.endswith("=")
        benchmark.extra_info |= {
            "contender": who,
            "beside": "ours, out=" if reused else "ours",
            # Never slower than anybody; more where spec/performance.md says so.
            "wanted": wanted.get(who.removesuffix(", dst="), 1),
        }
    benchmark.group = group


def run(
    benchmark: BenchmarkFixture,
    group: str,
    contenders: Contenders,
    who: str,
    expected: np.ndarray,
    wanted: dict[str, float] | None = None,
) -> None:
    """Times one contender and checks that it makes the same picture but for rounding and chroma's filter."""
    work = contenders.get(who)
    if work is None:
        pytest.skip(f"{who} is not there, or cannot")
    name_row(benchmark, group, who, wanted or {})
    result = benchmark(work)
    got = result.to_ndarray() if isinstance(result, av.VideoFrame) else result
    assert got.shape == expected.shape
    assert np.abs(got.astype(np.int16) - expected).mean() < 2


@pytest.mark.parametrize("who", [*OURS, "PyAV", "OpenCV", *DST, "copy"])
def test_model_frame_to_rgb24(benchmark: BenchmarkFixture, model_frame: av.VideoFrame, who: str) -> None:
    expected = model_frame.to_ndarray(format="rgb24")
    wanted = {"PyAV": 2, "OpenCV": 4, "copy": 1 / 1.6}
    run(benchmark, "yuv420p → rgb24, 1280x704", to_array(model_frame, "rgb24"), who, expected, wanted)


@pytest.mark.parametrize("who", [*OURS, "PyAV", "OpenCV", *DST])
def test_rgb24_to_model_frame(benchmark: BenchmarkFixture, model_frame: av.VideoFrame, who: str) -> None:
    contenders = to_frame(to_ndarray(model_frame, "rgb24"), "rgb24", "yuv420p")
    run(
        benchmark,
        "rgb24 → yuv420p, 1280x704",
        contenders,
        who,
        model_frame.to_ndarray(),
        {"PyAV": 20, "OpenCV": 3.5},
    )


@pytest.mark.parametrize("who", [*OURS, "PyAV", "OpenCV", *DST])
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


@pytest.mark.parametrize("who", [*OURS, "PyAV", "OpenCV", *DST])
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12"])
def test_array_to_camera_frame(
    benchmark: BenchmarkFixture,
    camera_frame: av.VideoFrame,
    pix_fmt: PixelFormat,
    format: PixelFormat,
    who: str,
) -> None:
    contenders = to_frame(to_ndarray(camera_frame, format), format, pix_fmt)
    expected = camera_frame.reformat(format=pix_fmt).to_ndarray()
    run(benchmark, f"{format} → {pix_fmt}, 1920x1080", contenders, who, expected)


@pytest.mark.parametrize("who", [who for who in OURS if "out=" not in who] + ["PyAV", "OpenCV"])
@pytest.mark.parametrize("filter", ["area", "bilinear"])
def test_camera_frame_to_model_array(
    benchmark: BenchmarkFixture, camera_frame: av.VideoFrame, filter: Filter, who: str
) -> None:
    """The normal case: a 1080p camera and a 1280x704 model, scaled and converted in one go."""
    source, size = camera_frame.to_ndarray(), (1280, 704)
    flag = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR}[filter]
    contenders: Contenders = {
        "ours": lambda: to_ndarray(camera_frame, "rgb24", size=size, filter=filter),
        "PyAV": lambda: camera_frame.to_ndarray(
            format="rgb24", width=1280, height=704, interpolation=filter.upper()
        ),
        "OpenCV": lambda: cv2.resize(cv2.cvtColor(source, cv2.COLOR_YUV2RGB_I420), size, interpolation=flag),
    }
    for level in LOWER:
        contenders[f"ours, {level}"] = forced(
            level,
            camera_frame,
            lambda: np.empty((704, 1280, 3), np.uint8),
            target_format="rgb24",
            filter=filter,
        )
    wanted: dict[str, float] = {"OpenCV": {"area": 8, "bilinear": 3}[filter]}
    name_row(benchmark, f"yuv420p 1920x1080 → rgb24 1280x704, {filter}", who, wanted)
    work, peers = contenders[who], contenders["OpenCV"]
    assert work is not None
    assert peers is not None
    result = benchmark(work)
    assert result.shape == (704, 1280, 3)
    assert np.abs(result.astype(np.int16) - peers()).mean() < 3
