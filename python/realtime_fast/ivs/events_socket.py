"""The events WebSocket of a stage."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.typing import Subprotocol

from realtime_fast.aio.websocket import TextSocket, open_socket
from realtime_fast.errors import StageError
from realtime_fast.ivs.events import MAX_MESSAGE_BYTES, Incoming, decode, events_url
from realtime_fast.ivs.participant_token import StageToken

logger = logging.getLogger(__name__)


class EventsSocket:
    """An open events socket; only `open_events` makes one."""

    def __init__(self, socket: TextSocket) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        """Send one message; the reader reports a closed socket."""
        await self._socket.send(text)

    async def receive(self) -> Incoming:
        """The next message of a known type.

        Raises:
            StageError: The socket is closed.
        """
        while True:
            text = await self._socket.receive()
            try:
                message = decode(text)
            except ValueError as error:
                logger.warning("Ignored a malformed message from the stage: %s", error)
                continue
            if message is not None:
                return message


@asynccontextmanager
async def open_events(token: StageToken) -> AsyncIterator[EventsSocket]:
    """Open a stage's events socket for the length of a scope.

    Raises:
        StageError: The stage refused (`status` says how), or cannot be reached.
    """
    async with open_socket(
        events_url(token.claims, secrets.token_hex(8)),
        far_side="The stage",
        purpose="the events socket",
        failure=StageError,
        max_size=MAX_MESSAGE_BYTES,
        subprotocols=[Subprotocol(token.text)],
        ping_interval=None,  # the stage's own PING and PONG tell more: they reach the stage itself
    ) as socket:
        yield EventsSocket(socket)
