"""What many tests share: small sessions, cameras, waiting for conditions, a ledger of what is left behind."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio
import numpy as np
from aiortc import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from anyio.abc import Process
from av import AudioFrame, VideoFrame

from realtime_fast import RealtimeConnectOptions, RealtimeError
from realtime_fast.client.base import ClientBase
from realtime_fast.models import ModelDefinition
from realtime_fast.options import ReconnectPolicy

KEY = "s3cret/+&key"
"""An API key that has to be percent-encoded."""

MEDIA_LIMIT = 5.0
"""Seconds in which a far side that is silently dead must be noticed."""

SMALL = ModelDefinition("lucy-2.1", "/v1/stream", 30, 320, 192)
"""A model of the service, with pictures that cost little."""

QUICK = ReconnectPolicy(retries=100, base_delay=0.05, max_delay=0.2)
"""Dials often, and long enough to outlast the death of a service on a busy machine."""


def options(**changes: Any) -> RealtimeConnectOptions:
    return RealtimeConnectOptions(SMALL, **{"ice_servers": (), "reconnect": None, **changes})


class Colour(VideoStreamTrack):
    """Plain pictures of one colour at 30 fps; `given` counts them."""

    def __init__(self, rgb: tuple[int, int, int] = (200, 40, 40), size: tuple[int, int] = (320, 240)) -> None:
        super().__init__()
        width, height = size
        self._picture = np.full((height, width, 3), rgb, np.uint8)
        self.given = 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        self.given += 1
        frame = VideoFrame.from_ndarray(self._picture, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    """A tone of 440 Hz, in step with the clock."""

    async def recv(self) -> AudioFrame:
        silence = await super().recv()
        assert isinstance(silence, AudioFrame)
        assert silence.pts is not None
        time = (np.arange(silence.samples) + silence.pts) / silence.sample_rate
        samples = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.pts, frame.time_base, frame.sample_rate = silence.pts, silence.time_base, silence.sample_rate
        return frame


Issue: TypeAlias = Callable[..., str]
"""Makes a token for the stage of the test, or for another `room`; see the fixture `stage_token`."""

Token: TypeAlias = Callable[..., str]
"""Makes a token for an identity in the LiveKit room of the test; see the fixture `token`."""


async def eventually(holds: Callable[[], Any], seconds: float = 10.0) -> Any:
    with anyio.fail_after(seconds):
        while not (value := holds()):
            await anyio.sleep(0.01)
    return value


@asynccontextmanager
async def child(command: Sequence[str], **options: Any) -> AsyncIterator[Process]:
    """A process that does not outlive a test that failed: the test would wait for it."""
    async with await anyio.open_process(command, **options) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def census() -> dict[str, Counter[str]]:
    """Tasks, threads and file descriptors of this process, by what they are."""
    descriptors = Counter[str]()
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that listed them
            descriptors[os.readlink(f"/proc/self/fd/{name}").partition(":")[0]] += 1
    return {
        "tasks": Counter(task.get_name() for task in asyncio.all_tasks()),
        "threads": Counter(thread.name for thread in threading.enumerate()),
        "descriptors": descriptors,
    }


@asynccontextmanager
async def leaving_nothing() -> AsyncIterator[None]:
    """Fail unless everything that the block starts is gone soon after it."""
    before = census()

    def left() -> dict[str, Counter[str]]:
        return {kind: more for kind, now in census().items() if (more := now - before[kind])}

    yield
    with anyio.move_on_after(5):
        while left():
            await anyio.sleep(0.01)
    assert left() == {}


@dataclass
class Watch:
    """What was raised for the user, and when the service did wrong."""

    errors: list[RealtimeError]
    struck: list[tuple[str, float]]

    def since(self, phase: str) -> float:
        return time.monotonic() - next(at for entered, at in reversed(self.struck) if entered == phase)


async def mean_colour(track: MediaStreamTrack | None, count: int = 1) -> np.ndarray:
    """The mean colour (R, G, B) of the picture that comes after `count` - 1 others."""
    assert track is not None
    with anyio.fail_after(10):
        for _ in range(count):
            frame = await track.recv()
    assert isinstance(frame, VideoFrame)
    mean: np.ndarray = frame.to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
    return mean


async def shows(track: MediaStreamTrack | None, colour: Sequence[int]) -> None:
    """Wait for a picture of a colour (R, G, B): on a busy machine the rate is low, and the first ones are poor."""
    mean = np.zeros(3)
    with anyio.move_on_after(10):
        while np.abs((mean := await mean_colour(track)) - colour).max() >= 12:
            pass
    assert np.abs(mean - colour).max() < 12, mean


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)

SHA = hashlib.sha256(PNG).hexdigest()


async def first_picture(client: ClientBase) -> np.ndarray[Any, Any]:
    async for frame in client.frames():
        return frame.array
    raise AssertionError("the client ended without a picture")
