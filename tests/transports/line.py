"""A link's surroundings in memory: its half of the control channel, and who hears its reports."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio

from realtime_fast.control import messages
from realtime_fast.control.signaling import SignalingMessage
from realtime_fast.peer.link_events import LinkEvent

E = TypeVar("E")


class Line:
    """The link's half of a control channel, in memory."""

    def __init__(self) -> None:
        self.sent: list[messages.ClientMessage] = []
        self.asked = anyio.Event()
        self.passthrough = True
        self.phases: list[str] = []
        self.notes: list[str] = []
        self._post, self._inbox = anyio.create_memory_object_stream[SignalingMessage](math.inf)

    def say(self, message: SignalingMessage) -> None:
        self._post.send_nowait(message)

    def send(self, message: messages.ClientMessage) -> None:
        self.sent.append(message)

    async def receive(self) -> SignalingMessage:
        self.asked.set()
        return await self._inbox.receive()

    @asynccontextmanager
    async def phase(self, name: str, limit: float | None = None) -> AsyncIterator[None]:
        self.phases.append(name)
        yield

    def begin_with_state(self) -> None:
        self.notes.append("state")

    def queued(self) -> None:
        self.notes.append("queued")

    def admitted(self) -> None:
        self.notes.append("admitted")

    def close(self) -> None:
        self._post.close()
        self._inbox.close()


class Reports(list[LinkEvent]):
    """What a link reported, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._news = anyio.Event()

    def __call__(self, event: LinkEvent) -> None:
        self.append(event)
        self._news.set()
        self._news = anyio.Event()

    async def first(self, kind: type[E], within: float = 10) -> E:
        with anyio.fail_after(within):
            while not (found := [event for event in self if isinstance(event, kind)]):
                await self._news.wait()
        return found[0]
