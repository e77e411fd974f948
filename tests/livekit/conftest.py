from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest

from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.room import Grant, Rooms

Token: TypeAlias = Callable[..., str]
"""Makes a token for an identity in the room of the test."""


@pytest.fixture
async def room_service() -> AsyncIterator[Service]:
    async with Service(ServiceConfig(port=0)) as running:
        yield running


@pytest.fixture
def rooms(room_service: Service) -> Rooms:
    assert room_service.rooms is not None
    room_service.rooms.create("room")
    return room_service.rooms


@pytest.fixture
def token(rooms: Rooms) -> Token:
    def make(identity: str, ttl: float = 60, **allowed: Any) -> str:
        return rooms.keys.issue(Grant(identity=identity, **{"room": "room"} | allowed), ttl)

    return make
