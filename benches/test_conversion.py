"""Conversion beside PyAV and OpenCV on the same pictures; results are compared before times are."""

import av
import cv2
import numpy as np
import pytest

from realtime_fast.frames import from_ndarray, to_ndarray

FORMATS = ["rgb24", "bgr24", "rgba", "bgra"]


def cv_code(source, target):
    """OpenCV's constant for a conversion."""
    word = {"yuv420p": "I420", "nv12": "NV12", "rgb24": "RGB", "bgr24": "BGR", "rgba": "RGBA", "bgra": "BGRA"}
    if source in ("yuv420p", "nv12"):
        return getattr(cv2, f"COLOR_YUV2{word[target]}_{word[source]}")
    return getattr(cv2, f"COLOR_{word[source]}2YUV_{word[target]}")


def to_array(frame, format):
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


def to_frame(array, format, pix_fmt):
    """Who can make a frame of an array, and how. OpenCV has no frames and writes an array; no NV12 either."""
    height, width = array.shape[:2]
    out = av.VideoFrame(width, height, pix_fmt)
    contenders = {
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


def run(benchmark, group, contenders, who, expected, wanted=None):
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
def test_model_frame_to_rgb24(benchmark, model_frame, who):
    expected = model_frame.to_ndarray(format="rgb24")
    wanted = {"PyAV": 2, "OpenCV": 4, "copy": 1 / 1.6}
    run(benchmark, "yuv420p → rgb24, 1280x704", to_array(model_frame, "rgb24"), who, expected, wanted)


@pytest.mark.parametrize("who", ["ours", "ours, out=", "PyAV", "OpenCV", "OpenCV, dst="])
def test_rgb24_to_model_frame(benchmark, model_frame, who):
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
def test_camera_frame_to_array(benchmark, camera_frame, pix_fmt, format, who):
    frame = camera_frame.reformat(format=pix_fmt)
    expected = frame.to_ndarray(format=format)
    run(benchmark, f"{pix_fmt} → {format}, 1920x1080", to_array(frame, format), who, expected)


@pytest.mark.parametrize("who", ["ours", "ours, out=", "PyAV", "OpenCV", "OpenCV, dst="])
@pytest.mark.parametrize("format", FORMATS)
def test_array_to_camera_frame(benchmark, camera_frame, format, who):
    contenders = to_frame(to_ndarray(camera_frame, format), format, "yuv420p")
    run(benchmark, f"{format} → yuv420p, 1920x1080", contenders, who, camera_frame.to_ndarray())


@pytest.mark.parametrize("who", ["ours", "ours, out=", "PyAV"])
def test_rgb24_to_nv12_camera_frame(benchmark, camera_frame, who):
    contenders = to_frame(to_ndarray(camera_frame, "rgb24"), "rgb24", "nv12")
    expected = camera_frame.reformat(format="nv12").to_ndarray()
    run(benchmark, "rgb24 → nv12, 1920x1080", contenders, who, expected)


@pytest.mark.parametrize("who", ["ours", "PyAV", "OpenCV"])
@pytest.mark.parametrize("filter", ["area", "bilinear"])
def test_camera_frame_to_model_array(benchmark, camera_frame, filter, who):
    """The normal case: a 1080p camera and a 1280x704 model, scaled and converted in one go."""
    benchmark.group = f"yuv420p 1920x1080 → rgb24 1280x704, {filter}"
    benchmark.extra_info["contender"] = who
    planar, size = camera_frame.to_ndarray(), (1280, 704)
    flag = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR}[filter]
    contenders = {
        "ours": lambda: to_ndarray(camera_frame, "rgb24", size=size, filter=filter),
        "PyAV": lambda: camera_frame.to_ndarray(
            format="rgb24", width=1280, height=704, interpolation=filter.upper()
        ),
        "OpenCV": lambda: cv2.resize(cv2.cvtColor(planar, cv2.COLOR_YUV2RGB_I420), size, interpolation=flag),
    }
    result = benchmark(contenders[who])
    assert result.shape == (704, 1280, 3)
    assert np.abs(result.astype(np.int16) - contenders["OpenCV"]()).mean() < 3
