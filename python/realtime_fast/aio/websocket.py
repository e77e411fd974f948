"""A WebSocket as a scope: text in, text out, always closed, foreign errors mapped to ours.

The control channel and a stage's events socket use it, each with its own error messages.
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
"""Seconds to wait for the closing handshake before the socket is aborted."""

# At DEBUG, websockets logs request lines, headers and message bodies, which contain API keys, tokens and images. Its
# logger therefore stays above DEBUG, whatever the application configures.
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
        """Send one message; False if the socket is closed, whose cause the reader reports."""
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
    """Open a WebSocket; leaving closes it, with a closing handshake if that is quick, else by aborting it.

    Args:
        url: It may contain a secret, so it appears in no message and no log.
        far_side: The subject of error messages, such as "The service".
        purpose: The name of the socket in them, such as "the control channel".
        failure: Makes the errors.
        max_size: Limit of one message in bytes.
        options: Passed on to `websockets`.

    Raises:
        RealtimeError: The server cannot be reached, or does not answer with a WebSocket.
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
            open_timeout=None,  # the caller limits the time
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
