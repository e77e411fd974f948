"""The clients of the service: sessions, viewers and stages, independent of HTTP."""

from __future__ import annotations

import hmac
import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import anyio

from realtime_fast.errors import InvalidInputError
from realtime_fast.server.faults import Faults, Switch
from realtime_fast.server.http.client_tokens import ClientTokens
from realtime_fast.server.http.config import ServiceConfig
from realtime_fast.server.http.telemetry import TelemetrySink
from realtime_fast.server.inference.conversation import Conversation
from realtime_fast.server.inference.session import InferenceSession
from realtime_fast.server.inference.viewers import Viewer
from realtime_fast.server.network import Network
from realtime_fast.server.stage import Stages

if TYPE_CHECKING:
    from realtime_fast.server.room import Plane, Rooms

RESUME_LIMIT = 15.0
"""Seconds a viewer waits for a session to return: longer than a client waits between two attempts."""

KEPT_ENDED = 64
"""Number of ended sessions that are remembered."""


def _rooms() -> Rooms | None:
    """Rooms, if LiveKit's messages are installed."""
    try:
        from realtime_fast.server.room import Rooms
    except ImportError:
        return None
    return Rooms()


def _deployment(url: str, key: str, secret: str) -> Plane:
    """A LiveKit deployment.

    Raises:
        InvalidInputError: LiveKit's messages are not installed.
    """
    try:
        from realtime_fast.server.room import Deployment, Keys
    except ImportError as error:
        raise InvalidInputError(str(error)) from error
    return Deployment(url, Keys(key, secret))


class Registry:
    """The conversations of one service.

    Attributes:
        config: The service's settings.
        faults: The faults of the next connections.
        sessions: The live sessions by id.
        viewers: The live viewers.
        ended: Information about the sessions that ended, newest last.
        stages: The embedded IVS stages.
        rooms: The embedded LiveKit rooms; None without the extra that they need.
        plane: Where the rooms of sessions are; None as above.
        client_tokens: Keys for programs that must not know the API key.
        network: What lies between the service and its clients while it runs; None for nothing.
        telemetry: What clients reported.
    """

    def __init__(self, config: ServiceConfig) -> None:
        self.config = config
        self.faults = Switch(config.faults)
        self.sessions: dict[str, InferenceSession] = {}
        self.viewers: list[Viewer] = []
        self.ended: deque[dict[str, Any]] = deque(maxlen=KEPT_ENDED)
        self.stages = Stages(front_door=config.stage_front_door)
        self.rooms = _rooms()
        self.plane: Plane | None = self.rooms
        if config.livekit_url is not None:
            self.plane = _deployment(config.livekit_url, config.livekit_key, config.livekit_secret)
        self.client_tokens = ClientTokens()
        self.network: Network | None = None
        self.telemetry = TelemetrySink()
        self._open = False
        self._changed = anyio.Event()

    @property
    def is_open(self) -> bool:
        """Whether sessions are accepted."""
        return self._open

    def open(self) -> None:
        """Accept sessions from now on."""
        self._open = True
        if self.config.network is not None and self.network is None:
            self._lie_between(Network(self.config.network))

    def close(self) -> None:
        """Accept no more sessions, and wake viewers that wait for one."""
        self._open = False
        if self.network is not None:
            self.network.close()
            self._lie_between(None)
        self._announce()

    def _lie_between(self, network: Network | None) -> None:
        self.network = self.stages.network = network
        if self.rooms is not None:
            self.rooms.network = network

    def accepts(self, api_key: str) -> bool:
        """Whether a client with this key may use the service; client tokens are keys, too."""
        return self.config.accepts(api_key) or self.client_tokens.accepts(api_key)

    @property
    def conversations(self) -> tuple[Conversation, ...]:
        """All connected clients, viewers first."""
        return *self.viewers, *self.sessions.values()

    def set_faults(self, faults: Faults, *, live: bool = False) -> None:
        """Apply faults to later connections, and with `live` to those that exist."""
        self.faults.set(faults)
        if live:
            for conversation in self.conversations:
                conversation.set_faults(faults)

    def new_id(self, api_key: str, model: str) -> str:
        """The id of a new session; with `resume`, the first free one derived from key and model."""
        if not self.config.resume:
            return secrets.token_hex(12)
        ids = (hmac.digest(api_key.encode(), f"{model} {n}".encode(), "sha256").hex()[:24] for n in count())
        return next(id_ for id_ in ids if id_ not in self.sessions)

    async def find_session(self, session_id: str) -> InferenceSession | None:
        """The live session of this id; with `resume`, waits up to `RESUME_LIMIT` seconds for its return."""
        with anyio.move_on_after(RESUME_LIMIT if self.config.resume else 0):
            while session_id not in self.sessions and self._open:
                await self._changed.wait()
        return self.sessions.get(session_id)

    @contextmanager
    def hosting(self, conversation: Conversation) -> Iterator[None]:
        """Register a conversation while it runs."""
        match conversation:
            case InferenceSession():
                self.sessions[conversation.id] = conversation
                self._announce()
            case Viewer():
                self.viewers.append(conversation)
        try:
            yield
        finally:
            match conversation:
                case InferenceSession():
                    del self.sessions[conversation.id]
                    self.ended.append(conversation.info())
                case Viewer():
                    self.viewers.remove(conversation)

    def _announce(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
