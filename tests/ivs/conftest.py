"""A running service with a stage on it, and synthetic media to publish."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from aiortc import AudioStreamTrack, VideoStreamTrack
from av import VideoFrame

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


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service(ServiceConfig(port=0)) as running:
        yield running


@pytest.fixture
def room(service: Service) -> Any:
    return service.stages.create()


@pytest.fixture
def token(service: Service, room: Any) -> Callable[..., str]:
    """Makes tokens for the stage."""
    base = service.url.replace("ws", "http", 1)

    def make(**wanted: Any) -> str:
        return service.stages.issue(wanted.pop("room", room), base, **wanted).token

    return make


@pytest.fixture
def camera() -> type[Colour]:
    return Colour


@pytest.fixture
def microphone() -> type[AudioStreamTrack]:
    return AudioStreamTrack
