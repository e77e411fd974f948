"""Regenerates the table of docs/marker.md: real channels, the reference reader, the robust reader.

Run as `python -m benches.marker_channels [--frames 150] [--full]`; the full table takes some ten minutes.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from tests.reference import channels
from tests.reference.channels import HEIGHT, PICTURES, WIDTH, Channel

from realtime_fast.latency import PixelProbes
from realtime_fast.marker import CORRUPTED, read

FIRST = 20_000
AHEAD = 64


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


def measure(kind: str, channel: Channel, frames: int) -> Counter[str]:
    """Counts of what both readers made of each frame, 64 numbers being in flight."""
    probes, counts, sent = PixelProbes(epoch=0.0), Counter[str](), 0
    while (seq := probes.stamp(-1e3)) != FIRST - 1:
        probes.observe(seq, -1e3)
    probes.drop_in_flight()
    settled: set[int] = set()
    for index, (number, frame) in enumerate(
        channels.received(channel, channels.stamped(kind, FIRST, frames))
    ):
        while sent < index + AHEAD:
            probes.stamp(sent / 30)
            sent += 1
        now = index / 30 + 2.0
        soft, hard = probes.read(frame, now, (WIDTH, HEIGHT)), read(frame)
        probes.observe(soft, now)
        counts["frames"] += 1
        for name, found in (("hard", hard), ("soft", soft)):
            if found == number:
                counts[name] += 1
            elif found == CORRUPTED:
                counts[f"{name} corrupted"] += 1
            elif found in settled and name == "soft":
                counts["soft repeated"] += 1  # known to be no new reading
            elif found is not None:
                counts[f"{name} wrong"] += 1
        counts["differ"] += hard == number != soft
        if isinstance(soft, int):
            settled.add(soft)
    return counts


def false_readings(corners_per_frame: int) -> tuple[int, int]:
    """(frames, false readings) on unmarked corners of the clip, with 64 numbers in flight."""
    rng, frames, false = np.random.default_rng(1), 0, 0
    for packed in channels.clip():
        luma = packed[:HEIGHT]
        ys, xs = (rng.integers(16, HEIGHT, corners_per_frame), rng.integers(0, WIDTH - 32, corners_per_frame))
        for y, x, first in zip(ys, xs, rng.integers(0, 65_536, corners_per_frame), strict=True):
            in_flight = [(int(first) + i) & 0xFFFF for i in range(AHEAD)]
            corner = luma[y - 16 : y, x : x + 32]
            frames += 1
            false += isinstance(read(corner, "soft", in_flight=in_flight, stamped_size=(32, 16)), int)
    return frames, false


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    lines = [
        "| codec | kbit/s | scale | filter | encoded | picture | hard | hard wrong | soft | soft wrong |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|---|")
    for channel in table(arguments.full):
        for kind in PICTURES:
            got = measure(kind, channel, arguments.frames)
            share = {name: f"{got[name] / got['frames']:.1%}" for name in ("hard", "soft")}
            lines.append(
                f"| {channel.codec} | {channel.bitrate // 1000} | {channel.scale} | "
                f"{channel.filter.lower() if channel.scale != 1 else '-'} | {channel.generations}x | {kind} | "
                f"{share['hard']} | {got['hard wrong']} | {share['soft']} | {got['soft wrong']} |"
            )
    frames, false = false_readings(800)
    lines.append(f"\nUnmarked video: {false} false readings in {frames} frames.")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
