"""The robust reader on real encoders, on unmarked video, and where it must agree with the reference reader."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
import pytest

from realtime_fast.latency import PixelProbes
from realtime_fast.marker import CORRUPTED, Reading, read, read_soft, stamp

from tests.reference import channels
from tests.reference.channels import HEIGHT, WIDTH, Channel
from tests.reference.planes import rows

AHEAD = 64
START = 30
"""Frames in which encoders find their bit rate."""


class Outcome(NamedTuple):
    """What was made of one frame: what each reader saw, and the latencies that are measured with it."""

    seq: int
    hard: Reading
    soft: Reading
    measured: list[tuple[int, float]]


def received(kind: str, channel: Channel, count: int) -> list[tuple[int, av.VideoFrame]]:
    """Numbered pictures, from 1, that went through a channel."""
    return list(channels.received(channel, channels.stamped(kind, 1, count)))


def readings(
    frames: list[tuple[int, av.VideoFrame]], late: Callable[[int], float | None] = lambda index: 2.0
) -> list[Outcome]:
    """Reads frames with 64 numbers and more in flight.

    Args:
        frames: Numbers and frames.
        late: By index, how many seconds after its time a frame comes, or None if it never does.
    """
    probes, sent, results = PixelProbes(epoch=0.0), 0, []
    for index, (seq, frame) in enumerate(frames):
        while sent < index + AHEAD:
            sent += 1
            assert probes.stamp((sent - 1) / 30) == sent
        if (delay := late(index)) is None:
            continue
        soft = probes.read(frame, index / 30 + delay, (WIDTH, HEIGHT))
        events = probes.observe(soft, index / 30 + delay)
        measured = [
            (event.seq, event.e2e_latency_ms / 1000)
            for event in events
            if event.seq is not None and event.e2e_latency_ms is not None
        ]
        results.append(Outcome(seq, read(frame), soft, measured))
    return results


def share(outcomes: list[Outcome]) -> float:
    return sum(outcome.soft == outcome.seq for outcome in outcomes) / len(outcomes)


def none_wrong(outcomes: list[Outcome], late: Callable[[int], float | None] = lambda index: 2.0) -> None:
    """No latency but that of the picture which carried the number: from the first one on."""
    measured = [one for outcome in outcomes for one in outcome.measured]
    assert [one for one in measured if one[1] != pytest.approx(late(one[0] - 1), abs=1e-6)] == []
    assert len(measured) >= 0.95 * sum(outcome.soft == outcome.seq for outcome in outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["H264", "VP8"])
@pytest.mark.parametrize("kind", ["clip", "flat", "detail"])
def test_full_size_at_500_kbit(kind: str, codec: str) -> None:
    got = readings(received(kind, Channel(codec, 500_000), 90))
    assert share(got[START:]) >= 0.95
    none_wrong(got)
    assert [outcome for outcome in got if outcome.hard == outcome.seq != outcome.soft] == []


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["H264", "VP8"])
@pytest.mark.parametrize("scale", [Fraction(2, 3), Fraction(1, 2)])
@pytest.mark.parametrize("filter_", ["BILINEAR", "AREA"])
def test_scaled_pictures_are_read_where_the_reference_reads_none(
    filter_: str, scale: Fraction, codec: str
) -> None:
    got = readings(received("clip", Channel(codec, 500_000, scale, filter_), 90))
    assert not any(outcome.hard == outcome.seq for outcome in got)
    assert share(got[START:]) >= 0.95
    none_wrong(got)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [Fraction(1), Fraction(2, 3)])
def test_late_and_missing_frames_are_not_mistaken_for_each_other(scale: Fraction) -> None:
    rng = np.random.default_rng(4)
    delays = [None if rng.random() < 0.05 else 2.0 + rng.normal(0, 0.012) for _ in range(90)]
    got = readings(received("clip", Channel("H264", 500_000, scale), 90), delays.__getitem__)
    assert share(got) >= 0.85
    none_wrong(got, delays.__getitem__)


@pytest.mark.slow
def test_latency_may_jump() -> None:
    def late(index: int) -> float:
        caught_up = 0.0 if index < 70 else min(0.4, 0.03 * (index - 70))
        return 2.0 + (0.5 if index >= 40 else 0.0) - caught_up

    got = readings(received("clip", Channel("VP8", 500_000, Fraction(2, 3)), 110), late)
    assert share(got) >= 0.95
    none_wrong(got, late)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [Fraction(1), Fraction(1, 2)])
def test_a_frozen_picture_measures_nothing(scale: Fraction) -> None:
    frames = received("clip", Channel("H264", 500_000, scale), 90)
    frozen = frames[:40] + [frames[39]] * 20 + frames[60:]
    got = readings(frozen)
    assert [outcome for outcome in got[40:60] if outcome.measured] == []
    assert share(got[60:]) >= 0.95


def test_no_reading_on_unmarked_video() -> None:
    """Every corner of a grid over every frame of the clip stands for a frame of its own."""
    rng = np.random.default_rng(2)
    false, frames = [], 0
    for packed in channels.clip():
        luma = packed[:HEIGHT]
        for y, x in zip(rng.integers(16, HEIGHT + 1, 100), rng.integers(0, WIDTH - 32, 100), strict=True):
            corner = luma[y - 16 : y, x : x + 32]
            first = int(rng.integers(0, 65_536))
            found = read(
                corner, "soft", in_flight=[(first + i) & 0xFFFF for i in range(AHEAD)], stamped_size=(32, 16)
            )
            frames += 1
            if isinstance(found, int):
                false.append((y, x, found))
    assert frames > 10_000
    assert false == []


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "yuyv422", "gray8", "rgb24", "bgr24", "rgba", "bgra"])
def test_a_clear_marker_is_read_in_every_format(pix_fmt: str) -> None:
    frame = av.VideoFrame(64, 36, pix_fmt)
    for index in range(len(frame.planes)):
        rows(frame, index)[:] = 90
    for seq in (0, 1, 777, 0xAAAA, 0xFFFF):
        stamp(frame, seq)
        for in_flight in ([seq], range(seq, seq + 64) if seq < 65_000 else [seq, 0, 1], None):
            reading, confidence = read_soft(frame, in_flight=in_flight, stamped_size=(64, 36))
            assert (reading, confidence > 0.9) == (seq, True)
        assert read(frame, "soft", in_flight=[seq]) == seq


def test_a_number_that_is_not_in_flight_is_not_mistaken_for_one() -> None:
    frame = av.VideoFrame(64, 36, "yuv420p")
    for seq in range(100, 164):
        stamp(frame, seq)
        others = [number for number in range(100, 164) if number != seq]
        assert read(frame, "soft", in_flight=others, stamped_size=(64, 36)) in (None, CORRUPTED)


def test_numbers_of_the_same_picture_are_corrupted() -> None:
    picture = np.full((36, 64), 90, np.uint8)
    stamp(picture, 0x1101)
    small = picture.reshape(18, 2, 32, 2).mean((1, 3)).astype(np.uint8)
    reading, confidence = read_soft(small, in_flight=[0x1101, 0x1102], stamped_size=(64, 36))
    assert (reading, confidence > 0.9) == (CORRUPTED, True)
    assert read(small, "soft", in_flight=[0x1101, 0x1103], stamped_size=(64, 36)) == 0x1101


def test_a_repeated_frame_is_not_the_next_number() -> None:
    probes = PixelProbes(epoch=0.0)
    frame = av.VideoFrame(64, 36, "yuv420p")
    for index in range(40):
        probes.stamp(index / 30)
    for index in range(30):
        stamp(frame, index // 2 * 2 + 1)
        now = index / 30 + 0.5
        assert probes.read(frame, now) == index // 2 * 2 + 1
        events = probes.observe(index // 2 * 2 + 1, now)
        # The first is only believed once a second agrees, and the pictures between say nothing.
        assert index < 11 or len(events) == (index % 2 == 0)


def halved(rng: np.random.Generator, seq: int | None, noise: float) -> np.ndarray:
    """A picture of 128x96 at half its size, with a marker or without one."""
    picture = np.kron(rng.integers(30, 220, (12, 16), np.uint8), np.ones((8, 8), np.uint8))
    if seq is not None:
        stamp(picture, seq)
    small = picture.reshape(48, 2, 64, 2).mean((1, 3)) + rng.normal(0, noise, (48, 64))
    levels: np.ndarray = np.clip(small, 0, 255).astype(np.uint8)
    return levels


@pytest.mark.parametrize("delay", [0.3, 2.0])
def test_one_frame_in_ten_may_be_marked(delay: float) -> None:
    rng, probes = np.random.default_rng(9), PixelProbes(epoch=0.0)
    late = round(delay * 30)
    results = []
    for index in range(600 + late):
        if index % 10 == 0:
            probes.stamp(index / 30)
        if (sent := index - late) < 0:
            continue
        # From the 400th frame on none comes back marked.
        seq = sent // 10 + 1 if sent % 10 == 0 and sent < 400 else None
        now = index / 30 + rng.normal(0, 0.004) + 0.02
        reading = read_soft(
            halved(rng, seq, 6.0), in_flight=probes.in_flight, now=now, stamped_size=(128, 96)
        )[0]
        events = probes.observe(reading, now)
        results.append((seq, next((event.seq for event in events), None)))
    marked = [(seq, measured) for seq, measured in results if seq is not None]
    assert sum(seq == measured for seq, measured in marked) >= 0.95 * len(marked) == 38
    assert [result for result in results if result[1] not in (None, result[0])] == []


def test_what_a_connection_taught_ends_with_it() -> None:
    rng, taught, fresh = np.random.default_rng(10), PixelProbes(epoch=0.0), PixelProbes(epoch=0.0)
    for index in range(60):
        seq = taught.stamp(index / 30)
        assert fresh.stamp(index / 30) == seq
        read_soft(halved(rng, seq, 6.0), in_flight=taught.in_flight, now=index / 30 + 0.01)
        taught.observe(seq, index / 30 + 0.01)
    for probes in (taught, fresh):
        probes.drop_in_flight()
        for index in range(30):
            probes.stamp(10 + index / 30)
    for seq in range(61, 91):
        corner = halved(rng, seq, 25.0)
        got = [
            read_soft(corner, in_flight=probes.in_flight, now=11.0 + seq / 30) for probes in (taught, fresh)
        ]
        assert got[0] == got[1]


@pytest.mark.parametrize("size", [(1, 1), (8, 2), (11, 4), (24, 4), (2000, 3)])
def test_small_pictures_are_no_error(size: tuple[int, int]) -> None:
    luma = np.full(size[::-1], 120, np.uint8)
    assert read(luma, "soft", in_flight=[1, 2, 3]) is None
    assert read(luma, "soft", in_flight=[], stamped_size=(1280, 704)) is None


def test_bad_arguments_are_refused() -> None:
    luma = np.zeros((36, 64), np.uint8)
    with pytest.raises(ValueError, match="in_flight: expected numbers of 0 to 65535, got 65536"):
        read(luma, "soft", in_flight=[65_536])
    with pytest.raises(ValueError, match="now: expected the time of the frame"):
        read(luma, "soft", in_flight=PixelProbes().in_flight)
    with pytest.raises(ValueError, match="got 0x704"):
        read(luma, "soft", in_flight=[1], stamped_size=(0, 704))
