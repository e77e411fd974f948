"""A real service on loopback, a synthetic camera, and a ledger of what a client leaves behind."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_args

import pytest

from realtime_fast.errors import TransportName
from realtime_fast.events import ErrorRaised
from realtime_fast.media.sources import MediaSource, open_source
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.inference.conversation import Conversation
from realtime_fast.session.event_hub import EventHub

from tests.support import KEY, SMALL, Watch


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service(ServiceConfig(port=0)) as service:
        yield service


@pytest.fixture
async def camera() -> AsyncIterator[MediaSource]:
    async with open_source("synthetic", size=(SMALL.width, SMALL.height), fps=SMALL.fps) as source:
        yield source


@pytest.fixture(params=get_args(TransportName))
def transport(request: pytest.FixtureRequest) -> TransportName:
    name: TransportName = request.param
    return name


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
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
    assert [record for record in caplog.get_records("call") if KEY in record.getMessage()] == []
