"""Stamping and reading a marker beside the same algorithms in NumPy; results are compared before times are."""

from typing import Any

import av
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from realtime_fast.frames import View
from realtime_fast.latency import PixelProbes
from realtime_fast.marker import read, stamp

from tests.reference import marker as reference
from tests.reference.planes import planes

SEQ = 0x5A3C


def name_row(benchmark: BenchmarkFixture, who: str, wanted: float) -> None:
    """Name a row of the table, and what a NumPy one is held against: ours on the same memory, taken once."""
    benchmark.extra_info["contender"] = who
    if who.startswith("NumPy"):
        beside = who.replace("NumPy, frame", "ours, view of the frame").replace("NumPy", "ours")
        benchmark.extra_info |= {"beside": beside, "wanted": wanted}


def stamp_frame(frame: av.VideoFrame, seq: int) -> None:
    y, u, v = planes(frame)
    reference.stamp_yuv420p(y, u, v, seq)


def read_frame(frame: av.VideoFrame) -> int | str | None:
    return reference.read_luma(planes(frame)[0])


# Calls go to the benchmark with their arguments: a lambda around them takes a quarter as long as our call.
@pytest.mark.benchmark(group="stamp a marker")
@pytest.mark.parametrize(
    "who", ["ours, frame", "ours, view of the frame", "ours, planes", "NumPy, frame", "NumPy, planes"]
)
def test_stamp(benchmark: BenchmarkFixture, model_frame: av.VideoFrame, who: str) -> None:
    arrays = tuple(planes(model_frame))
    calls: dict[str, tuple[Any, ...]] = {
        "ours, frame": (stamp, model_frame),
        "ours, view of the frame": (stamp, View(model_frame)),
        "ours, planes": (stamp, arrays),
        "NumPy, frame": (stamp_frame, model_frame),
        "NumPy, planes": (reference.stamp_yuv420p, *arrays),
    }
    work, *args = calls[who]
    stamp(model_frame, 0)
    work(*args, SEQ)
    assert reference.read_luma(arrays[0]) == SEQ
    name_row(benchmark, who, wanted=30)
    benchmark(work, *args, SEQ)


@pytest.mark.benchmark(group="read a marker")
@pytest.mark.parametrize(
    "who",
    [
        "ours, frame",
        "ours, view of the frame",
        "ours, plane",
        "ours, soft, 64 in flight",
        "NumPy, frame",
        "NumPy, plane",
    ],
)
def test_read(benchmark: BenchmarkFixture, model_frame: av.VideoFrame, who: str) -> None:
    stamp(model_frame, SEQ)
    luma = planes(model_frame)[0]
    probes = PixelProbes()
    while probes.stamp(0.0) != SEQ:
        if probes.pending == 64:
            probes.drop_in_flight()
    size = (model_frame.width, model_frame.height)
    soft = {"in_flight": probes.in_flight, "now": 0.0, "stamped_size": size}
    calls: dict[str, tuple[Any, ...]] = {
        "ours, frame": (read, model_frame),
        "ours, view of the frame": (read, View(model_frame)),
        "ours, plane": (read, luma),
        "ours, soft, 64 in flight": (read, model_frame, "soft"),
        "NumPy, frame": (read_frame, model_frame),
        "NumPy, plane": (reference.read_luma, luma),
    }
    work, *args = calls[who]
    options = soft if "soft" in who else {}
    assert work(*args, **options) == SEQ
    name_row(benchmark, who, wanted=50)
    benchmark(work, *args, **options)


@pytest.mark.benchmark(group="a probe through the ledger")
@pytest.mark.parametrize("in_flight", [10, 600, 20_000])
def test_ledger(benchmark: BenchmarkFixture, in_flight: int) -> None:
    probes = PixelProbes()
    for _ in range(in_flight):
        probes.stamp(0.0)

    def work() -> object:
        seq = probes.stamp(1.0)
        events = probes.observe((seq - in_flight) & 0xFFFF, 1.0)
        probes.tick(1.0)
        return events

    assert work()
    benchmark.extra_info["contender"] = f"{in_flight} in flight"
    benchmark(work)
