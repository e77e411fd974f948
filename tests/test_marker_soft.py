"""The robust reader on real encoders, on unmarked video, and where it must agree with the reference reader."""

from fractions import Fraction

import av
import numpy as np
import pytest
from tests.reference import channels
from tests.reference.channels import HEIGHT, WIDTH, Channel

from realtime_fast.latency import PixelProbes
from realtime_fast.marker import CORRUPTED, Reading, read, read_soft, stamp

AHEAD = 64


def readings(kind: str, channel: Channel, count: int) -> list[tuple[int, Reading, Reading]]:
    """(number, hard reading, soft reading) of each frame, with 64 and more numbers in flight."""
    probes = PixelProbes(epoch=0.0)
    sent = iter(range(1, count + AHEAD + 1))
    results = []
    for index, (seq, frame) in enumerate(channels.received(channel, channels.stamped(kind, 1, count))):
        while probes.pending < AHEAD and (number := next(sent, None)) is not None:
            assert probes.stamp((number - 1) / 30) == number
        now = index / 30 + 2.0
        soft = probes.read(frame, now, (WIDTH, HEIGHT))
        probes.observe(soft, now)
        results.append((seq, read(frame), soft))
    return results


@pytest.mark.parametrize("codec", ["H264", "VP8"])
@pytest.mark.parametrize("kind", ["clip", "flat"])
def test_full_size_at_500_kbit(kind: str, codec: str) -> None:
    got = readings(kind, Channel(codec, 500_000), 90)
    hard = sum(hard == seq for seq, hard, _ in got)
    soft = sum(soft == seq for seq, _, soft in got)
    assert soft >= hard
    # At 500 kbit/s the first frames of H.264 hold next to nothing.
    settled = got[10:]
    assert sum(soft == seq for seq, _, soft in settled) >= 0.9 * len(settled)
    # An encoder short of bits leaves an old marker standing, which no reader can tell from a late frame.
    others = [seq - soft for seq, _, soft in got if isinstance(soft, int) and soft != seq]
    assert all(0 < late <= 3 for late in others)
    assert len(others) <= 0.05 * len(got)
    assert all(soft == seq for seq, hard, soft in got if hard == seq)


@pytest.mark.parametrize("scale", [Fraction(2, 3), Fraction(1, 2)])
@pytest.mark.parametrize("filter_", ["BILINEAR", "AREA"])
def test_scaled_pictures_are_read_where_the_reference_reads_none(scale: Fraction, filter_: str) -> None:
    got = readings("clip", Channel("VP8", 500_000, scale, filter_), 60)
    assert not any(hard == seq for seq, hard, _ in got)
    assert sum(soft == seq for seq, _, soft in got) >= 0.9 * len(got)
    assert [(seq, soft) for seq, _, soft in got if isinstance(soft, int) and soft > seq] == []


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
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = 90
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


def test_a_repeated_frame_is_not_the_next_number() -> None:
    probes = PixelProbes(epoch=0.0)
    frame = av.VideoFrame(64, 36, "yuv420p")
    for index in range(40):
        probes.stamp(index / 30)
    for index in range(30):
        stamp(frame, index // 2 * 2 + 1)
        now = index / 30 + 0.5
        assert probes.read(frame, now) == index // 2 * 2 + 1
        assert (probes.observe(index // 2 * 2 + 1, now) is None) == (index % 2 == 1)


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
