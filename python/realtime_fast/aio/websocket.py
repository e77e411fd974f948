"""One WebSocket as a scope: text in, text out, closed for certain, foreign errors turned into ours.

The control channel and a stage's events are both this, with their own words for what goes wrong.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.protocol import State

from realtime_fast.errors import RealtimeError

CLOSE_GRACE = 0.5
"""Seconds the far side gets to answer the closing handshake before the socket is cut."""

# websockets logs request lines, headers and message bodies when debugging: those hold API keys, tokens and whole
# images. Its own logger therefore stays above DEBUG, whatever the application sets up.
_quiet = logging.Logger("realtime_fast.aio.websocket.engine", logging.INFO)
_quiet.parent = logging.getLogger(__name__)


class Failure(Protocol):
    """Makes the error for what went wrong."""

    def __call__(self, message: str, *, status: int | None = None) -> RealtimeError:
        """The error with this message; `status` is the HTTP status that refused the handshake."""


class TextSocket:
    """An open WebSocket; only `open_socket` makes one."""

    def __init__(self, connection: ClientConnection, far_side: str, purpose: str, failure: Failure) -> None:
        self._connection = connection
        self._far_side = far_side
        self._purpose = purpose
        self._failure = failure

    async def send(self, text: str) -> bool:
        """Send one message; False if the socket is closed, which the reader is about to explain."""
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            return False
        return True

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            RealtimeError: The socket is closed; everything that came before has been delivered.
        """
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise self._failure(self._farewell(error)) from error

    def _farewell(self, error: ConnectionClosed) -> str:
        frame = error.rcvd
        if frame is None:
            return f"The connection for {self._purpose} broke without a closing handshake"
        reason = f" ({frame.reason})" if frame.reason else ""
        return f"{self._far_side} closed {self._purpose} with code {int(frame.code)}{reason}"


@asynccontextmanager
async def open_socket(
    url: str, *, far_side: str, purpose: str, failure: Failure, max_size: int, **options: Any
) -> AsyncIterator[TextSocket]:
    """Open a WebSocket and close it on leaving: politely if that goes quickly, else by cutting it.

    Args:
        url: Where. It may hold a secret, so it appears in no message and no log.
        far_side: Whom messages speak of, such as "The service".
        purpose: What they call the socket, such as "the control channel".
        failure: Makes the errors.
        max_size: Limit of one message in bytes.
        options: Passed on to `websockets`.

    Raises:
        RealtimeError: It cannot be reached, or is answered with anything but a WebSocket.
    """
    connection = await _dial(url, far_side, purpose, failure, max_size, options)
    try:
        yield TextSocket(connection, far_side, purpose, failure)
    finally:
        with anyio.move_on_after(CLOSE_GRACE, shield=True):
            await connection.close()
        if connection.state is not State.CLOSED:
            connection.transport.abort()
            with anyio.move_on_after(CLOSE_GRACE, shield=True):
                await connection.wait_closed()


async def _dial(
    url: str, far_side: str, purpose: str, failure: Failure, max_size: int, options: dict[str, Any]
) -> ClientConnection:
    try:
        return await connect(
            url,
            logger=_quiet,
            max_size=max_size,
            open_timeout=None,  # whoever opens it sets the limit
            close_timeout=CLOSE_GRACE,
            **options,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        raise failure(f"{far_side} refused {purpose} with HTTP {status}", status=status) from None
    except InvalidHandshake as error:
        raise failure(f"{far_side} does not speak WebSocket for {purpose}: {type(error).__name__}") from None
    except ssl.SSLError as error:
        raise failure(f"The TLS handshake for {purpose} failed: {error.reason}") from error
    except OSError as error:
        raise failure(f"{far_side} cannot be reached for {purpose}: {error.strerror or error}") from error
    except EOFError as error:
        raise failure(f"{far_side} hung up before {purpose} was open") from error
