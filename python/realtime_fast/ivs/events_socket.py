"""The events WebSocket of a stage."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex

from websockets.typing import Subprotocol

from realtime_fast.aio.origins import may_carry_token
from realtime_fast.aio.websocket import MessageSocket, open_socket
from realtime_fast.errors import StageError
from realtime_fast.ivs.events import MAX_MESSAGE_BYTES, Incoming, decode, events_url
from realtime_fast.ivs.participant_token import StageToken
from realtime_fast.redaction import Secrets

logger = logging.getLogger(__name__)


class EventsSocket:
    """An open events socket; only `open_events` makes one."""

    def __init__(self, socket: MessageSocket, secrets: Secrets) -> None:
        self._socket = socket
        self._secrets = secrets

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
                logger.warning(
                    "Ignored a malformed message from the stage: %s", self._secrets.clean(str(error))
                )
                continue
            if message is not None:
                return message


@asynccontextmanager
async def open_events(token: StageToken, secrets: Secrets) -> AsyncIterator[EventsSocket]:
    """Open a stage's events socket for the length of a scope.

    A redirect is followed where WHIP's rule lets the token go, for it is sent again.

    Raises:
        StageError: The stage refused (`status` says how), or cannot be reached.
    """
    async with open_socket(
        events_url(token.claims, token_hex(8)),
        far_side="The stage",
        purpose="the events socket",
        failure=StageError,
        secrets=secrets,
        may_follow=may_carry_token,
        max_size=MAX_MESSAGE_BYTES,
        subprotocols=[Subprotocol(token.text)],
        ping_interval=None,  # the stage's own PING and PONG tell more: they reach the stage itself
    ) as socket:
        yield EventsSocket(socket, secrets)
