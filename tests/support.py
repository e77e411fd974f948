"""What many tests share: small sessions, waiting for conditions, a ledger of what is left behind."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import anyio
import numpy as np

from realtime_fast import RealtimeClient, RealtimeConnectOptions, RealtimeError
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


async def eventually(holds: Callable[[], Any], seconds: float = 10.0) -> Any:
    with anyio.fail_after(seconds):
        while not (value := holds()):
            await anyio.sleep(0.01)
    return value


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


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)

SHA = hashlib.sha256(PNG).hexdigest()


async def first_picture(client: RealtimeClient) -> np.ndarray[Any, Any]:
    async for frame in client.frames():
        return frame.array
    raise AssertionError("the client ended without a picture")
