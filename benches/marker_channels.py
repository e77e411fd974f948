"""Measures for docs/marker.md: real channels, the reference reader, the robust reader.

Run as `python -m benches.marker_channels [--frames 150] [--full]`; `--full` takes some ten minutes, and writes data,
tables and chart of the page.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from benches import marker_page
from benches.marker_page import Row

from realtime_fast.latency import PixelProbes
from realtime_fast.marker import Reading, read

from tests.reference import channels
from tests.reference.channels import HEIGHT, PICTURES, WIDTH, Channel
from tests.reference.planes import rows

FIRST = 20_000
AHEAD = 64
JITTER = 0.004
"""Standard deviation of arrivals, in seconds."""
START = 30
"""Frames in which encoders find their bit rate."""
CORNER = (16, 32)
"""Rows and columns of what stands for a picture when false readings are counted."""


def table(full: bool) -> Iterator[Channel]:
    for codec in ("H264", "VP8"):
        for bitrate in (250_000, 500_000, 1_000_000, 1_500_000) if full else (500_000,):
            yield Channel(codec, bitrate)
        for scale in (Fraction(2, 3), Fraction(1, 2)):
            for filter_ in ("BILINEAR", "AREA"):
                yield Channel(codec, 500_000, scale, filter_)
        if full:
            for scale in (Fraction(1), Fraction(2, 3), Fraction(1, 2)):
                yield Channel(codec, 500_000, scale, "BILINEAR", 2)


class Receiver:
    """A ledger with 64 numbers in flight, and frames that come two seconds late, give or take."""

    def __init__(self) -> None:
        self.probes = PixelProbes(epoch=0.0)
        while (seq := self.probes.stamp(-1e3)) != FIRST - 1:
            self.probes.observe(seq, -1e3)
        self.probes.drop_in_flight()
        self._rng = np.random.default_rng(3)
        self._sent = 0
        self._latencies: dict[int, float] = {}

    def read(self, index: int, picture: Any, stamped_size: tuple[int, int]) -> tuple[Reading, int]:
        """What frame `index` carries, and how many latencies are then measured that no frame had."""
        while self._sent < index + AHEAD:
            self.probes.stamp(self._sent / 30)
            self._sent += 1
        now = index / 30 + 2.0 + self._rng.normal(0, JITTER)
        reading = self.probes.read(picture, now, stamped_size)
        self._latencies[(FIRST + index) & 0xFFFF] = (now - index / 30) * 1000
        events = self.probes.observe(reading, now)
        wrong = sum(
            event.e2e_latency_ms is not None
            and abs(event.e2e_latency_ms - self._latencies.get(event.seq or 0, -1.0)) > 1e-3
            for event in events
        )
        return reading, wrong


def corner(frame: av.VideoFrame, scale: Fraction) -> bytes:
    """The rows that are marker through and through."""
    return rows(frame)[: frame.height][-int(4 * scale) :, : int(24 * scale)].tobytes()


def measure(kind: str, channel: Channel, frames: int) -> Counter[str]:
    """Counts of what both readers made of each frame."""
    receiver, counts, before = Receiver(), Counter[str](), b""
    pictures = channels.received(channel, channels.stamped(kind, FIRST, frames))
    for index, (number, frame) in enumerate(pictures):
        soft, wrong = receiver.read(index, frame, (WIDTH, HEIGHT))
        hard, now = read(frame), corner(frame, channel.scale)
        counts["frames"] += 1
        counts["later frames"] += index >= START
        counts["hard"] += hard == number
        counts["hard wrong"] += isinstance(hard, int) and hard != number
        counts["soft"] += soft == number
        counts["soft later"] += soft == number and index >= START
        counts["soft wrong"] += wrong
        counts["standing"] += now == before and soft != number
        counts["differ"] += hard == number != soft
        before = now
    return counts


def row(channel: Channel, kind: str, got: Counter[str]) -> Row:
    """What is kept of a measurement."""
    scaled = channel.filter.lower() if channel.scale != 1 else ""
    counts = [got[name.replace("_", " ")] for name in marker_page.COUNTS]
    return Row(
        channel.codec,
        channel.bitrate // 1000,
        str(channel.scale),
        scaled,
        channel.generations,
        kind,
        *counts,
    )


def false_in_pictures(per_frame: int) -> tuple[int, int]:
    """(corners, false readings) on any place of every frame of the clip, each by itself."""
    rng, count, false = np.random.default_rng(1), 0, 0
    height, width = CORNER
    for packed in channels.clip():
        luma = packed[:HEIGHT]
        places = (rng.integers(height, HEIGHT, per_frame), rng.integers(0, WIDTH - width, per_frame))
        for scale, y, x in zip(itertools.cycle((1, 1.5, 2)), *places, strict=False):
            first = int(rng.integers(0, 65_536))
            place: Any = luma[y - height : y, x : x + width]
            found = read(
                place,
                "soft",
                in_flight=[(first + i) & 0xFFFF for i in range(AHEAD)],
                stamped_size=(round(width * scale), round(height * scale)),
            )
            count += 1
            false += isinstance(found, int)
    return count, false


def false_in_streams(places: int) -> tuple[int, int]:
    """(frames, false readings) where a ledger follows unmarked, encoded video at so many places."""
    count = false = 0
    height, width = CORNER
    for codec, scale in itertools.product(("H264", "VP8"), (Fraction(1), Fraction(2, 3), Fraction(1, 2))):
        channel = Channel(codec, 500_000, scale)
        receivers = [Receiver() for _ in range(places)]
        rng = np.random.default_rng(5)
        unmarked = enumerate(packed.copy() for packed in channels.clip())
        for index, frame in channels.received(channel, unmarked):
            luma = rows(frame)[: frame.height, : frame.width]
            if index == 0:
                corners = list(
                    zip(
                        rng.integers(height, frame.height, places),
                        rng.integers(0, frame.width - width, places),
                        strict=True,
                    )
                )
            for receiver, (y, x) in zip(receivers, corners, strict=True):
                sized = (round(width / scale), round(height / scale))
                found, _ = receiver.read(index, luma[y - height : y, x : x + width], sized)
                count += 1
                false += isinstance(found, int)
    return count, false


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    rows, differ = [], 0
    for channel in table(arguments.full):
        for kind in PICTURES:
            got = measure(kind, channel, arguments.frames)
            differ += got["differ"]
            rows.append(row(channel, kind, got))
    print(marker_page.table(marker_page.totals(rows)))
    if arguments.full:
        marker_page.write(marker_page.DATA, rows)
        marker_page.main()
    print(f"\nThe reference reader was right and the robust one was not in {differ} frames.")
    count, false = false_in_pictures(800)
    print(f"Unmarked pictures: {false} false readings in {count} corners.")
    count, false = false_in_streams(134)
    print(f"Unmarked streams: {false} false readings in {count} frames.")


if __name__ == "__main__":
    main()
