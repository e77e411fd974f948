"""What the encoders cost and give, beside aiortc's: the figures of docs/encoders.md.

Run from the repository's root: `python -m benches.encoders`. Processor time is the least of several runs, quality is
luma's PSNR against what was put in, both at 1280x704 and 25 fps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from aiortc.codecs.h264 import H264Encoder as AiortcH264Encoder
from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import Vp8Encoder as AiortcVp8Encoder
from aiortc.codecs.vpx import vp8_depayload
from av import CodecContext, Packet, VideoCodecContext, VideoFrame

from realtime_fast.peer.codecs.h264 import H264Encoder
from realtime_fast.peer.codecs.pictures import VideoEncoder
from realtime_fast.peer.codecs.vp8 import Vp8Encoder

from tests.reference import video

WIDTH, HEIGHT, FPS = 1280, 704, 25


class Contender(Protocol):
    """Whose encoder it is makes no difference to who measures it."""

    def encode(self, frame: VideoFrame) -> bytes: ...


class Aiortc:
    """aiortc's encoder, its packets put together again."""

    def __init__(self, codec: str, bitrate: int) -> None:
        self._codec = AiortcVp8Encoder() if codec == "vp8" else AiortcH264Encoder()
        # aiortc tells x264 of 30 fps, so that at 25 it stays below the rate
        self._codec.target_bitrate = round(bitrate * (30 / FPS if codec == "h264" else 1))
        self._join = vp8_depayload if codec == "vp8" else h264_depayload

    def encode(self, frame: VideoFrame) -> bytes:
        payloads, _ = self._codec.encode(frame)
        return b"".join(map(self._join, payloads))


class Ours:
    def __init__(self, encoder: VideoEncoder) -> None:
        self.encoder = encoder

    def encode(self, frame: VideoFrame) -> bytes:
        made = self.encoder.encode(frame)
        return b"" if made is None else made.data


def vp8(rate: int, speed: int, denoise: int = 0) -> Ours:
    return Ours(Vp8Encoder(rate, speed=speed, denoise=denoise))


def h264(rate: int, preset: str) -> Ours:
    return Ours(H264Encoder(rate, preset=preset))


def measured(
    codec: str, make: Callable[[], Contender], pictures: Sequence[np.ndarray], runs: int
) -> tuple[float, float, float, float]:
    """kbit/s, ms of processor time a picture, dB, bits of the first picture."""
    spent = []
    for _ in range(runs):
        encoder, times, data = make(), [], []
        for index, pixels in enumerate(pictures):
            frame = video.frame(pixels, index, FPS)
            started = time.process_time()
            data.append(encoder.encode(frame))
            times.append(time.process_time() - started)
        spent.append(times)
    decoder = CodecContext.create(codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    quality = [
        video.psnr(decoder.decode(Packet(bits))[0].to_ndarray(), pixels)
        for bits, pixels in zip(data, pictures, strict=True)
        if bits
    ]
    sizes = np.array([8 * len(bits) for bits in data])
    kbits = float(sizes.mean()) * FPS / 1000
    return kbits, 1000 * float(np.min(spent, axis=0).mean()), float(np.mean(quality)), float(sizes[0])


def compare(runs: int) -> None:
    rows: dict[str, list[tuple[str, Callable[[int], Contender]]]] = {
        "vp8": [
            ("aiortc", partial(Aiortc, "vp8")),
            *((f"speed {n}", partial(vp8, speed=n)) for n in (4, 6, 8, 10, 12, 14, 16)),
            ("speed 8, denoiser", partial(vp8, speed=8, denoise=4)),
        ],
        "h264": [
            ("aiortc", partial(Aiortc, "h264")),
            *((preset, partial(h264, preset=preset)) for preset in ("ultrafast", "superfast", "veryfast")),
        ],
    }
    print(
        "| codec | encoder | asked, kbit/s | clip: kbit/s, ms, dB | with noise: kbit/s, ms, dB | first, ms of path |"
    )
    print("|---|---|---|---|---|---|")
    for codec, encoders in rows.items():
        for name, make in encoders:
            for rate in (600_000, 1_500_000):
                cells = []
                for noise in (0.0, 4.0):
                    pictures = video.clip(WIDTH, HEIGHT, 132, noise)
                    got, spent, quality, first = measured(codec, partial(make, rate), pictures, runs)
                    cells.append(f"{got:.0f}, {spent:.1f}, {quality:.1f}")
                print(
                    f"| {codec} | {name} | {rate // 1000} | {' | '.join(cells)} | {first / rate * 1000:.0f} |",
                    flush=True,
                )


def follow() -> None:
    pictures = video.clip(WIDTH, HEIGHT)
    print(
        "| codec | asked, kbit/s | first 8 pictures | first second | second and third | left out | key frames |"
    )
    print("|---|---|---|---|---|---|---|")
    encoders: dict[str, VideoEncoder] = {"vp8": Vp8Encoder(1_500_000), "h264": H264Encoder(1_500_000)}
    for codec, encoder in encoders.items():
        for part, rate in enumerate((1_500_000, 400_000, 2_000_000, 400_000, 600_000, 300_000, 1_000_000)):
            encoder.set_bitrate(rate)
            made = [
                encoder.encode(video.frame(video.picture(pictures, index), index, FPS))
                for index in range(75 * part, 75 * part + 75)
            ]
            sizes = np.array([0 if one is None else 8 * len(one.data) for one in made]) * FPS / 1000
            keys = sum(one is not None and one.key for one in made)
            means = " | ".join(f"{sizes[a:b].mean():.0f}" for a, b in ((0, 8), (0, 25), (25, 75)))
            print(f"| {codec} | {rate // 1000} | {means} | {made.count(None)} | {keys} |", flush=True)


def cut() -> None:
    pictures = video.clip(WIDTH, HEIGHT)
    encoders: dict[str, Callable[[int], Contender]] = {
        "VP8, aiortc": partial(Aiortc, "vp8"),
        "VP8": lambda rate: Ours(Vp8Encoder(rate)),
        "H.264, aiortc": partial(Aiortc, "h264"),
        "H.264": lambda rate: Ours(H264Encoder(rate)),
    }
    rates = (600_000, 1_000_000, 4_000_000)
    print(f"| ms of the path: at a cut, after it | {' | '.join(str(rate // 1000) for rate in rates)} |")
    print("|---|--:|--:|--:|")
    for name, make in encoders.items():
        cells = []
        for rate in rates:
            encoder = make(rate)
            sizes = [
                8 * len(encoder.encode(video.frame(pixels, index, FPS)))
                for index, pixels in enumerate((*pictures, *pictures[:8]))
            ]
            at_cut, after = sizes[len(pictures) : len(pictures) + 2]
            cells.append(f"{1000 * at_cut / rate:.0f}, {1000 * after / rate:.0f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    compare(parser.parse_args().runs)
    print()
    follow()
    print()
    cut()
