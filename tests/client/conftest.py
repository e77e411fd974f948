"""A real service on loopback, a synthetic camera, and a ledger of what a client leaves behind."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import anyio
import pytest

from realtime_fast import RealtimeConnectOptions, RealtimeError
from realtime_fast.errors import TransportName
from realtime_fast.events import ErrorRaised
from realtime_fast.hub import EventHub
from realtime_fast.media.sources import MediaSource, open_source
from realtime_fast.models import ModelDefinition
from realtime_fast.options import ReconnectPolicy
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.conversation import Conversation

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


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service(ServiceConfig(port=0)) as service:
        yield service


@pytest.fixture
async def camera() -> AsyncIterator[MediaSource]:
    async with open_source("synthetic", size=(SMALL.width, SMALL.height), fps=SMALL.fps) as source:
        yield source


@pytest.fixture(params=["webrtc", "ivs"])
def transport(request: pytest.FixtureRequest) -> TransportName:
    return request.param


@dataclass
class Watch:
    """What was raised for the user, and when the service did wrong."""

    errors: list[RealtimeError]
    struck: list[tuple[str, float]]

    def since(self, phase: str) -> float:
        return time.monotonic() - next(at for entered, at in reversed(self.struck) if entered == phase)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    watch = Watch([], [])
    emit, strike = EventHub.emit, Conversation._strike

    def spying_emit(hub: EventHub, event: Any) -> None:
        if isinstance(event, ErrorRaised):
            watch.errors.append(event.error)
        emit(hub, event)

    async def spying_strike(conversation: Conversation, phase: Any) -> None:
        watch.struck.append((phase, time.monotonic()))
        await strike(conversation, phase)

    monkeypatch.setattr(EventHub, "emit", spying_emit)
    monkeypatch.setattr(Conversation, "_strike", spying_strike)
    return watch


@pytest.fixture(autouse=True)
def no_secrets(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No record of any test may show the key."""
    for name in ("realtime_fast", "websockets", "httpx2"):  # the engine's log of every packet costs too much
        caplog.set_level("DEBUG", name)
    yield
    assert KEY not in caplog.text


KEY = "s3cret/+&key"
