"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from aiortc import AudioStreamTrack, VideoStreamTrack
from av import AudioFrame, VideoFrame

from realtime_fast.server import Service, ServiceConfig


class Colour(VideoStreamTrack):
    """Plain pictures of one colour at 30 fps."""

    def __init__(self, rgb: tuple[int, int, int] = (200, 40, 40), size: tuple[int, int] = (320, 240)) -> None:
        super().__init__()
        width, height = size
        self._picture = np.full((height, width, 3), rgb, np.uint8)

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame.from_ndarray(self._picture, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    """A tone of 440 Hz, in step with the clock."""

    async def recv(self) -> AudioFrame:
        silence = await super().recv()
        time = (np.arange(silence.samples) + silence.pts) / silence.sample_rate
        samples = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.pts, frame.time_base, frame.sample_rate = silence.pts, silence.time_base, silence.sample_rate
        return frame


@pytest.fixture
def anyio_backend() -> str:
    """aiortc runs on asyncio, so nothing here runs on trio."""
    return "asyncio"


@pytest.fixture
async def stage_service() -> AsyncIterator[Service]:
    """A running service."""
    async with Service(ServiceConfig(port=0)) as running:
        yield running


@pytest.fixture
def stage_room(stage_service: Service) -> Any:
    """A stage of the service."""
    return stage_service.stages.create()


@pytest.fixture
def stage_token(stage_service: Service, stage_room: Any) -> Callable[..., str]:
    """Makes tokens for the stage, or for another `room`."""
    base = stage_service.url.replace("ws", "http", 1)

    def make(**wanted: Any) -> str:
        return stage_service.stages.issue(wanted.pop("room", stage_room), base, **wanted).token

    return make


@pytest.fixture
def camera() -> type[Colour]:
    return Colour


@pytest.fixture
def microphone() -> type[Tone]:
    return Tone
