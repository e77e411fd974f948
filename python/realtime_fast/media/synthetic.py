"""A synthetic source: a drifting landscape of noise, a moving ball, and a tone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray

from realtime_fast.media.clock import AUDIO_RATE, VIDEO_TIME_BASE
from realtime_fast.media.decode import AUDIO_CHUNK, Timed

DEFAULT_SIZE = (1280, 720)
DEFAULT_FPS = 30.0

_TONE = 440.0
_LOUDNESS = 3000
_DRIFT = 120.0
"""Pixels a second that the landscape moves to the left."""


def synthetic(size: tuple[int, int] | None, fps: float | None) -> Iterator[Timed]:
    """Endless pictures (yuv420p) and audio (stereo s16, 20 ms)."""
    (width, height), rate = size or DEFAULT_SIZE, fps or DEFAULT_FPS
    planes = _landscape(width, height)
    pictures = chunks = 0
    while True:
        if pictures / rate <= chunks * AUDIO_CHUNK / AUDIO_RATE:
            at = pictures / rate
            yield at, _picture(planes, width, height, at)
            pictures += 1
        else:
            yield chunks * AUDIO_CHUNK / AUDIO_RATE, _tone(chunks)
            chunks += 1


def _landscape(width: int, height: int) -> list[NDArray[np.uint8]]:
    """Y, U, V of noise with the spectrum of natural pictures (1/f), twice side by side so that it wraps."""
    dice = np.random.default_rng(7)
    planes = []
    for index, (columns, rows) in enumerate([(width, height), *[(width // 2, height // 2)] * 2]):
        spectrum = np.fft.rfft2(dice.standard_normal((rows, columns)))
        across = np.fft.rfftfreq(columns) * columns
        down = np.fft.fftfreq(rows) * rows
        spectrum /= np.maximum(np.hypot(across[None, :], down[:, None]), 1.0)
        noise = np.fft.irfft2(spectrum, (rows, columns))
        spread = 45.0 if index == 0 else 25.0
        plane = np.clip(128 + noise / (noise.std() or 1.0) * spread, 16, 235).astype(np.uint8)
        planes.append(np.concatenate([plane, plane], axis=1))
    return planes


def _picture(planes: list[NDArray[np.uint8]], width: int, height: int, at: float) -> VideoFrame:
    frame = VideoFrame(width, height, "yuv420p")
    shift = int(at * _DRIFT) % width & ~1
    radius = max(2, min(width, height) // 12)
    center = width / 2 + width / 3 * math.sin(at * 1.3), height / 2 + height / 3 * math.cos(at * 1.7)
    for plane, pixels, value in zip(frame.planes, planes, (220, 60, 190), strict=True):
        scale = 1 if plane.width == width else 2
        memory: Any = plane  # a writable buffer, which its type does not say
        lines = np.frombuffer(memory, np.uint8).reshape(-1, plane.line_size)
        view = lines[: plane.height, : plane.width]
        view[:] = pixels[:, shift // scale : shift // scale + plane.width]
        x, y, r = int(center[0] / scale), int(center[1] / scale), radius // scale
        top, left = max(0, y - r), max(0, x - r)
        patch = view[top : y + r + 1, left : x + r + 1]
        rows, columns = np.ogrid[top : top + patch.shape[0], left : left + patch.shape[1]]
        patch[(rows - y) ** 2 + (columns - x) ** 2 <= r * r] = value
    frame.pts = round(at / VIDEO_TIME_BASE)
    frame.time_base = VIDEO_TIME_BASE
    return frame


def _tone(chunk: int) -> AudioFrame:
    begin = chunk * AUDIO_CHUNK
    samples = np.arange(begin, begin + AUDIO_CHUNK)
    wave = (np.sin(samples * (2 * math.pi * _TONE / AUDIO_RATE)) * _LOUDNESS).astype(np.int16)
    frame = AudioFrame.from_ndarray(np.repeat(wave, 2)[None, :], "s16", "stereo")
    frame.sample_rate = AUDIO_RATE
    frame.pts = begin
    frame.time_base = Fraction(1, AUDIO_RATE)
    return frame
