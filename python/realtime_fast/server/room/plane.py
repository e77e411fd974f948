"""Where rooms are: embedded in this service, or in a LiveKit deployment (docs/livekit.md, Rooms elsewhere)."""

from __future__ import annotations

import logging
from typing import Literal, Protocol, TypeAlias

import httpx2

from realtime_fast.server.room.access_token import Keys

logger = logging.getLogger(__name__)

Disturbance: TypeAlias = Literal["signal", "cut", "mute"]
"""A participant's signal socket is cut, its media sockets are, or the server sends it no more packets."""

API_LIMIT = 5.0
"""Seconds for one request to a deployment's room service."""


class Plane(Protocol):
    """Carries the rooms of sessions.

    Attributes:
        keys: Sign the tokens of participants.
    """

    @property
    def keys(self) -> Keys:
        """Sign the tokens of participants."""

    def address(self, base_url: str) -> str:
        """The URL at which participants find it, if they find this service at `base_url`."""

    async def begin(self, name: str) -> None:
        """Make ready for a room."""

    async def end(self, name: str) -> None:
        """End a room, and disconnect whoever is in it."""

    async def remove(self, name: str, identity: str) -> None:
        """Disconnect a participant (fault injection)."""

    def disturb(self, name: str, identity: str, how: Disturbance) -> None:
        """Disturb a participant without telling it (fault injection)."""


class Deployment:
    """A LiveKit deployment: a server, a cluster or LiveKit Cloud. Rooms come into being with their first participant.

    Args:
        url: Its URL, ws or wss.
        keys: Its API key and secret.
    """

    def __init__(self, url: str, keys: Keys) -> None:
        self.keys = keys
        self._url = url.rstrip("/")

    def address(self, base_url: str) -> str:
        """Its own URL."""
        return self._url

    async def begin(self, name: str) -> None:
        """Nothing: whoever joins first creates the room."""

    async def end(self, name: str) -> None:
        """Delete a room; where that fails, the room ends when it has been empty for a while."""
        await self._request("DeleteRoom", name, {"room": name})

    async def remove(self, name: str, identity: str) -> None:
        """Disconnect a participant."""
        await self._request("RemoveParticipant", name, {"room": name, "identity": identity})

    def disturb(self, name: str, identity: str, how: Disturbance) -> None:
        """Not possible from here."""
        logger.warning("the fault %r can be played in embedded rooms only", how)

    async def _request(self, method: str, name: str, body: dict[str, str]) -> None:
        url = f"{self._url.replace('ws', 'http', 1)}/twirp/livekit.RoomService/{method}"
        headers = {"authorization": f"Bearer {self.keys.administer(name)}"}
        try:
            async with httpx2.AsyncClient(timeout=API_LIMIT) as http:
                answer = await http.post(url, json=body, headers=headers)
        except httpx2.HTTPError as error:
            logger.warning("LiveKit's %s failed: %s", method, type(error).__name__)
            return
        if answer.status_code not in (200, 404):
            logger.warning("LiveKit's %s failed with status %d", method, answer.status_code)
