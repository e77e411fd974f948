"""The events WebSocket of a stage: a shell around one socket. Foreign errors become `StageError`."""

from __future__ import annotations

import logging
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.protocol import State
from websockets.typing import Subprotocol

from realtime_fast.errors import StageError
from realtime_fast.ivs.events import MAX_MESSAGE_BYTES, Incoming, decode, events_url
from realtime_fast.ivs.token import StageToken

CLOSE_GRACE = 0.5
"""Seconds the stage gets to answer the closing handshake before the socket is cut."""

logger = logging.getLogger(__name__)

# websockets logs request headers when debugging, and the subprotocol among them is the token.
_quiet = logging.Logger("realtime_fast.ivs.websocket", logging.INFO)
_quiet.parent = logger


class EventsSocket:
    """An open events socket; only `open_events` makes one."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        """Send one message; a closed socket is the reader's to explain."""
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            return

    async def receive(self) -> Incoming:
        """The next message that means something to this client.

        Raises:
            StageError: The socket is closed.
        """
        while True:
            try:
                text = await self._socket.recv()
            except ConnectionClosed as error:
                raise _closed(error) from error
            try:
                message = decode(text)
            except ValueError as error:
                logger.warning("Ignored what the stage sent: %s", error)
                continue
            if message is not None:
                return message


@asynccontextmanager
async def open_events(token: StageToken) -> AsyncIterator[EventsSocket]:
    """Open the events of a token's stage, and close them on leaving.

    Raises:
        StageError: The stage refused (`status` says how), or cannot be reached.
    """
    socket = await _dial(token)
    try:
        yield EventsSocket(socket)
    finally:
        with anyio.move_on_after(CLOSE_GRACE, shield=True):
            await socket.close()
        if socket.state is not State.CLOSED:
            socket.transport.abort()
            with anyio.move_on_after(CLOSE_GRACE, shield=True):
                await socket.wait_closed()


async def _dial(token: StageToken) -> ClientConnection:
    try:
        return await connect(
            events_url(token.claims, secrets.token_hex(8)),
            subprotocols=[Subprotocol(token.text)],
            logger=_quiet,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=None,  # whoever opens it sets the limit
            close_timeout=CLOSE_GRACE,
            ping_interval=None,  # the stage's own PING and PONG tell more: they reach the stage itself
        )
    except InvalidStatus as error:
        status = error.response.status_code
        raise StageError(f"The stage refused the events socket (HTTP {status})", status=status) from None
    except InvalidHandshake as error:
        raise StageError(f"The stage's events are no WebSocket: {type(error).__name__}") from None
    except ssl.SSLError as error:
        raise StageError(f"The TLS handshake with the stage failed: {error.reason}") from error
    except OSError as error:
        raise StageError(f"The stage's events cannot be reached: {error.strerror or error}") from error
    except EOFError as error:
        raise StageError("The stage closed the connection before its events were open") from error


def _closed(error: ConnectionClosed) -> StageError:
    if error.rcvd is None:
        return StageError("The stage's events socket broke without a closing handshake")
    return StageError(f"The stage closed its events socket with code {int(error.rcvd.code)}")
