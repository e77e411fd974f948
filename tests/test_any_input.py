"""Whatever is passed, the native functions answer with a result or with one of three errors, never with another."""

import ctypes
import mmap
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime_fast import frames, marker, stats
from realtime_fast.errors import InvalidInputError
from realtime_fast.latency import PixelProbes

FORMATS = ["yuv420p", "nv12", "yuyv422", "gray8", "rgb24", "bgr24", "rgba", "bgra"]


def closed_map() -> mmap.mmap:
    memory = mmap.mmap(-1, 4096)
    memory.close()
    return memory


def released_view() -> memoryview:
    view = memoryview(bytearray(64))
    view.release()
    return view


def upside_down() -> av.VideoFrame:
    """A frame whose rows run upwards, as FFmpeg's filter leaves it."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=64, height=36, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, 30)
    )
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    graph.push(av.VideoFrame(64, 36, "yuv420p"))
    frame = graph.pull()
    assert isinstance(frame, av.VideoFrame)
    return frame


class Unruly(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise TypeError("expected something else, got this")

    def __iter__(self) -> Any:
        raise ValueError("expected something else, got this")

    def __len__(self) -> int:
        return 1


ODD_NUMBERS = [
    True,
    0,
    -1,
    24,
    65_535,
    65_536,
    -(2**63),
    2**64,
    10**400,
    1.5,
    np.nan,
    np.inf,
    1j,
    np.uint8(3),
]
ODD_SIZES = [(), (8, 6), (0, 4), (-1, 4), (4, 2**70), (1, 2, 3), (8.0, 6.0), ("a", "b"), np.array([8, 6])]
odd = st.sampled_from([None, "", "x", "\ud800", b"rgb24", [], {}, object(), *ODD_NUMBERS, *ODD_SIZES])
shapes = st.lists(st.sampled_from([0, 1, 2, 3, 4, 6, 24, 30]), max_size=4)
SPOILT: list[Callable[[Any], Any]] = [
    lambda array: array,
    lambda array: array[::-1] if array.ndim else array,
    lambda array: array[..., ::2] if array.ndim else array,
    lambda array: array.T,
    lambda array: np.broadcast_to(array, (2, *array.shape)),
    lambda array: np.lib.stride_tricks.as_strided(array, strides=(0,) * array.ndim),
    lambda array: array.data if array.dtype.kind in "uif" else array,
]
arrays = st.builds(
    lambda shape, dtype, spoil: spoil(np.zeros(shape, dtype)),
    shapes,
    st.sampled_from(["u1", "u1", "u1", "i1", ">u2", "f4", "bool", "O", "S1", "M8[s]"]),
    st.sampled_from(SPOILT),
)
BUFFERS: list[Callable[[], Any]] = [
    released_view,
    closed_map,
    upside_down,
    lambda: memoryview(bytearray(144)).cast("I"),
    lambda: memoryview(bytearray(144))[::-1],
    lambda: memoryview(ctypes.c_ubyte(3)),
    lambda: (ctypes.c_ubyte * 144)(),
    lambda: bytearray(144),
    lambda: bytes(144),
]
buffers = st.sampled_from(BUFFERS).map(lambda make: make())
video = st.builds(
    av.VideoFrame,
    st.sampled_from([0, 1, 7, 24, 64]),
    st.sampled_from([0, 1, 5, 36]),
    st.sampled_from(["yuv420p", "nv12", "gray", "rgb24", "bgra", "yuv444p", "pal8", "gray10le", "monow"]),
)
pictures = st.one_of(arrays, buffers, video, odd, st.lists(arrays, max_size=4).map(tuple))
formats = st.one_of(st.sampled_from(FORMATS), odd)
numbers = st.one_of(odd, st.lists(odd, max_size=2), st.just(PixelProbes().in_flight))
reports = st.one_of(odd, st.dictionaries(st.sampled_from(["a", 5, "\ud800"]), odd), st.just(Unruly()))
sizes = st.one_of(st.just((8, 6)), odd)

CALLS: dict[Any, tuple[list[Any], dict[str, Any]]] = {
    frames.convert: (
        [pictures, pictures],
        {"source_format": formats, "target_format": formats, "source_size": sizes, "target_size": sizes}
        | {"matrix": odd, "range": odd, "filter": odd},
    ),
    frames.to_ndarray: (
        [st.one_of(video, pictures), formats],
        {"out": pictures, "size": sizes, "filter": odd, "matrix": odd, "range": odd},
    ),
    frames.from_ndarray: (
        [pictures, formats],
        {"pix_fmt": formats, "out": st.one_of(video, pictures), "size": sizes, "matrix": odd, "range": odd},
    ),
    frames.resize: ([pictures, sizes], {"format": formats, "out": pictures, "filter": odd}),
    marker.stamp: ([pictures, odd], {"cell": odd, "format": formats, "full_range": odd}),
    marker.stamped_copy: ([st.one_of(video, pictures), odd], {"cell": odd}),
    marker.read: (
        [pictures, st.one_of(st.sampled_from(["hard", "soft"]), odd)],
        {
            "in_flight": numbers,
            "now": odd,
            "stamped_size": sizes,
            "cell": odd,
            "format": formats,
            "full_range": odd,
        },
    ),
    marker.read_soft: (
        [pictures],
        {
            "in_flight": numbers,
            "now": odd,
            "stamped_size": sizes,
            "cell": odd,
            "format": formats,
            "full_range": odd,
        },
    ),
    stats.StatsParser().parse: ([reports, odd], {}),
    stats.merge_reports: ([st.dictionaries(st.just("a"), reports)], {}),
}


@pytest.mark.parametrize("function", CALLS, ids=lambda function: function.__name__)
@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_any_input_is_answered(function: Any, data: st.DataObject) -> None:
    positional, optional = CALLS[function]
    args = [data.draw(strategy) for strategy in positional]
    kwargs = {name: data.draw(strategy) for name, strategy in optional.items() if data.draw(st.booleans())}
    refused = None
    try:
        function(*args, **kwargs)
    except (ValueError, TypeError, BufferError) as error:
        refused = error
    if isinstance(refused, InvalidInputError):
        assert "expected" in str(refused)
        assert "got" in str(refused) or function.__name__ == "parse"  # JSON has a position instead


@pytest.mark.parametrize("size", [(), 5, (1, 2, 3), (8.0, 6.0), ("a", "b"), np.array([8.5, 6])])
def test_sizes_that_are_none(size: Any) -> None:
    frame = av.VideoFrame(8, 6, "yuv420p")
    picture = np.zeros((6, 8, 3), np.uint8)
    for call in (
        lambda: frames.resize(frame, size),
        lambda: frames.to_ndarray(frame, "rgb24", size=size),
        lambda: frames.from_ndarray(picture, "rgb24", size=size),
        lambda: frames.convert(picture.ravel(), frame, source_format="rgb24", source_size=size),
    ):
        with pytest.raises(
            InvalidInputError, match=r"expected a size of two whole numbers \(width, height\), got"
        ):
            call()


def test_numbers_beyond_64_bits() -> None:
    luma = np.zeros((36, 64), np.uint8)
    for seq in (2**64, -(2**70)):
        with pytest.raises(InvalidInputError, match=f"seq: expected 0 to 65535, got {seq}"):
            marker.stamp(luma, seq)
        with pytest.raises(InvalidInputError, match=f"in_flight: expected numbers of 0 to 65535, got {seq}"):
            marker.read(luma, "soft", in_flight=[seq])
        with pytest.raises(InvalidInputError, match=r"expected a picture of 1x1 to"):
            marker.read(luma, "soft", stamped_size=(seq, 36))
    for call in (
        lambda: marker.read(luma, now=10**400),
        lambda: stats.StatsParser().parse({}, 10**400),
    ):
        with pytest.raises(InvalidInputError, match="now: expected seconds as a float, got 1000"):
            call()


def test_copies_of_what_cannot_be_stamped() -> None:
    cases: list[tuple[Any, str]] = [
        (np.zeros((36, 64), np.uint8), "expected an av.VideoFrame, got ndarray"),
        (None, "expected an av.VideoFrame, got NoneType"),
        (av.VideoFrame(64, 36, "pal8"), "expected a frame of .*, got pal8"),
        (upside_down(), "expected rows that run downwards, got a line size of -64"),
    ]
    for picture, message in cases:
        with pytest.raises(InvalidInputError, match=message):
            marker.stamped_copy(picture, 1)


def test_reports_that_are_none() -> None:
    entries: Any = []
    with pytest.raises(
        InvalidInputError, match="a: expected a mapping of statistics entries by id, got list"
    ):
        stats.merge_reports({"a": entries})
    with pytest.raises(InvalidInputError, match=r"report: expected JSON text in Unicode, got .*surrogates"):
        stats.StatsParser().parse("\ud800", 0.0)


def test_a_frame_larger_than_ffmpeg_can_hold() -> None:
    with pytest.raises(
        InvalidInputError, match="expected a frame that FFmpeg can hold, got 65535x65535 bgra"
    ):
        frames.resize(av.VideoFrame(8, 6, "bgra"), (65_535, 65_535))
