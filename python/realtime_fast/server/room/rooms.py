"""The embedded rooms of a service, and who may enter them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from aiortc.rtcdtlstransport import RTCCertificate
from livekit.protocol import models

from realtime_fast.server.network import Exposure, Network
from realtime_fast.server.room.access_token import Grant, InvalidTokenError, Keys
from realtime_fast.server.room.participant import Participant
from realtime_fast.server.room.plane import Disturbance
from realtime_fast.server.room.room import Room

SERVICE = "inference-server-"
"""How the identity of the service's own participant begins."""

GRACE = 10.0
"""Seconds for a client to come back after its signal socket broke."""


class Rooms(anyio.AsyncContextManagerMixin):
    """All rooms of a service. Open it around the application that serves `room_routes`.

    Attributes:
        rooms: By name.
        keys: Sign and verify access tokens.
        network: What lies between the rooms and participants that are not the service itself.
    """

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.keys = Keys.generate()
        self.network: Network | None = None
        self._certificate = RTCCertificate.generateCertificate()

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncIterator[Rooms]:
        async with anyio.create_task_group() as self._tasks:
            yield self
            await self.clear()
            self._tasks.cancel_scope.cancel()

    def create(self, name: str) -> Room:
        """A new, empty room."""
        room = self.rooms[name] = Room(name, self._certificate, self._tasks)
        return room

    async def delete(self, room: Room) -> None:
        """End a room and disconnect its participants."""
        self.rooms.pop(room.name, None)
        await room.aclose()

    async def clear(self) -> None:
        """End all rooms."""
        for room in list(self.rooms.values()):
            await self.delete(room)

    # --- as the plane of sessions

    def address(self, base_url: str) -> str:
        """This service: it serves the rooms itself."""
        return f"ws{base_url.removeprefix('http')}"

    async def begin(self, name: str) -> None:
        """Create a room."""
        self.create(name)

    async def end(self, name: str) -> None:
        """End a room and disconnect its participants; harmless when repeated."""
        if (room := self.rooms.get(name)) is not None:
            await self.delete(room)

    async def remove(self, name: str, identity: str) -> None:
        """Disconnect a participant, if it is there."""
        if (found := self._find(name, identity)) is not None:
            await self.rooms[name].remove(found)

    def disturb(self, name: str, identity: str, how: Disturbance) -> None:
        """Disturb a participant, if it is there."""
        if (found := self._find(name, identity)) is not None:
            found.disturb(how)

    def _find(self, name: str, identity: str) -> Participant | None:
        room = self.rooms.get(name)
        return None if room is None else room.participants.get(identity)

    # --- participants

    def admit(self, token: str) -> tuple[Room, Grant]:
        """The room and the grant of a token.

        Raises:
            InvalidTokenError: The token is invalid, or its room does not exist.
        """
        grant = self.keys.verify(token)
        room = self.rooms.get(grant.room)
        if room is None:
            raise InvalidTokenError("the room does not exist, or is over")
        return room, grant

    async def join(self, room: Room, grant: Grant, *, receives_all: bool) -> Participant:
        """Add a participant to a room."""
        # The service sits beside the room: the network is between both and everybody else.
        network = None if grant.identity.startswith(SERVICE) else self.network
        exposures = Exposure(network), Exposure(network)
        return await room.join(grant, exposures, receives_all=receives_all)

    def socket_lost(self, room: Room, participant: Participant) -> None:
        """A participant's signal socket broke: it may soon be replaced."""
        self._tasks.start_soon(self._leave_later, room, participant)

    async def _leave_later(self, room: Room, participant: Participant) -> None:
        with anyio.move_on_after(GRACE):
            await participant.left.wait()
        if participant.socket is None and not participant.left.is_set():
            await room.remove(participant, models.SIGNAL_CLOSE)
