"""Who is connected to the service: its sessions, their viewers and their stages, apart from how they came in."""

from __future__ import annotations

import hmac
import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import anyio

from realtime_fast.server.faults import Faults, Switch
from realtime_fast.server.http.config import ServiceConfig
from realtime_fast.server.inference.conversation import Conversation
from realtime_fast.server.inference.session import InferenceSession
from realtime_fast.server.inference.viewers import Viewer
from realtime_fast.server.stage import Stages

RESUME_LIMIT = 15.0
"""Seconds a viewer waits for a session that may come back: longer than a client waits between two attempts."""

KEPT_ENDED = 64
"""Ended sessions that are remembered."""


class Registry:
    """The conversations of one service.

    Attributes:
        config: How the service was set up.
        faults: What the next connections are met with.
        sessions: The live sessions by id.
        viewers: The live viewers.
        ended: What there was to know about the sessions that ended, newest last.
        stages: The embedded IVS stages.
    """

    def __init__(self, config: ServiceConfig) -> None:
        self.config = config
        self.faults = Switch(config.faults)
        self.sessions: dict[str, InferenceSession] = {}
        self.viewers: list[Viewer] = []
        self.ended: deque[dict[str, Any]] = deque(maxlen=KEPT_ENDED)
        self.stages = Stages(front_door=config.stage_front_door)
        self._open = False
        self._changed = anyio.Event()

    def open(self) -> None:
        """Sessions may come from here on."""
        self._open = True

    def close(self) -> None:
        """No session will come any more; whoever waits for one is told."""
        self._open = False
        self._announce()

    @property
    def conversations(self) -> tuple[Conversation, ...]:
        """Everybody who is connected, viewers first."""
        return *self.viewers, *self.sessions.values()

    def set_faults(self, faults: Faults, *, live: bool = False) -> None:
        """Put faults in force for connections to come, with `live` for those there are, too."""
        self.faults.set(faults)
        if live:
            for conversation in self.conversations:
                conversation.set_faults(faults)

    def new_id(self, api_key: str, model: str) -> str:
        """The id of a session that begins; with `resume` the first free one that follows from key and model."""
        if not self.config.resume:
            return secrets.token_hex(12)
        ids = (hmac.digest(api_key.encode(), f"{model} {n}".encode(), "sha256").hex()[:24] for n in count())
        return next(id_ for id_ in ids if id_ not in self.sessions)

    async def find_session(self, session_id: str) -> InferenceSession | None:
        """The live session of this id; with `resume` it may come back within `RESUME_LIMIT`."""
        with anyio.move_on_after(RESUME_LIMIT if self.config.resume else 0):
            while session_id not in self.sessions and self._open:
                await self._changed.wait()
        return self.sessions.get(session_id)

    @contextmanager
    def hosting(self, conversation: Conversation) -> Iterator[None]:
        """Keep a conversation in the registry while it runs."""
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
