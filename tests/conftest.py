"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import settings

from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.room import Grant, Keys, Rooms
from realtime_fast.server.stage.room import Room
from realtime_fast.server.stage.tokens import TokenRequest

from tests.support import Colour, Issue, Token, Tone

# Tests run side by side: how long one example takes says nothing about it.
settings.register_profile("side by side", deadline=None)
settings.load_profile("side by side")

pytest_plugins = ["tests.alone", "tests.sockets"]


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
def stage_room(stage_service: Service) -> Room:
    """A stage of the service."""
    return stage_service.stages.create()


@pytest.fixture
def stage_token(stage_service: Service, stage_room: Room) -> Issue:
    """Makes tokens for the stage, or for another `room`."""
    base = stage_service.url.replace("ws", "http", 1)

    def make(**wanted: Any) -> str:
        room = wanted.pop("room", stage_room)
        return stage_service.stages.issue(room, base, TokenRequest(**wanted)).token

    return make


@pytest.fixture
async def room_service() -> AsyncIterator[Service]:
    """A running service."""
    async with Service(ServiceConfig(port=0)) as running:
        yield running


@pytest.fixture
def rooms(room_service: Service) -> Rooms:
    """Its LiveKit rooms, of which there is one."""
    assert room_service.rooms is not None
    room_service.rooms.create("room")
    return room_service.rooms


@pytest.fixture
def token(rooms: Rooms) -> Token:
    """Makes tokens for the LiveKit room, or for another one, signed with its keys or others."""

    def make(identity: str, *, ttl: float = 60, keys: Keys = rooms.keys, **allowed: Any) -> str:
        return keys.issue(Grant(identity=identity, **{"room": "room"} | allowed), ttl)

    return make


@pytest.fixture
def camera() -> type[Colour]:
    return Colour


@pytest.fixture
def microphone() -> type[Tone]:
    return Tone
