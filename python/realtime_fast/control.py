"""The control channel: a shell around one WebSocket. Text in, text out, foreign errors become ours."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.protocol import State

from realtime_fast import wire
from realtime_fast.errors import AuthenticationError, ControlChannelError, InvalidInputError, RealtimeError

CLOSE_GRACE = 0.5
"""Seconds the far side gets to answer the closing handshake before the socket is cut."""

KEEPALIVE = 10.0
"""Seconds between two pings, and seconds to wait for a pong: a half-open socket is found within twice that."""

# websockets logs request lines and message bodies when debugging: those hold the API key and whole images. Its own
# logger therefore stays above DEBUG, whatever the application sets up.
_quiet = logging.Logger("realtime_fast.control.websocket", logging.INFO)
_quiet.parent = logging.getLogger(__name__)


class ControlChannel:
    """An open channel; only `open_channel` makes one."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, text: str) -> bool:
        """Send one message; False if the channel is closed, which the reader is about to explain."""
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            return False
        return True

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            ControlChannelError: The channel is closed; everything that came before has been delivered.
        """
        try:
            return await self._socket.recv()
        except ConnectionClosed as error:
            raise _closed(error) from error


@asynccontextmanager
async def open_channel(url: str, *, agent: str) -> AsyncIterator[ControlChannel]:
    """Open the control channel and close it on leaving: politely if that goes quickly, else by cutting it.

    Args:
        url: The endpoint. It holds the API key, so it appears in no message and no log.
        agent: The user agent header.

    Raises:
        AuthenticationError: The service answered 401 or 403.
        ControlChannelError: It could not be reached, or answered with anything but a WebSocket.
    """
    socket = await _dial(url, agent)
    try:
        yield ControlChannel(socket)
    finally:
        with anyio.move_on_after(CLOSE_GRACE, shield=True):
            await socket.close()
        if socket.state is not State.CLOSED:
            socket.transport.abort()
            with anyio.move_on_after(CLOSE_GRACE, shield=True):
                await socket.wait_closed()


async def _dial(url: str, agent: str) -> ClientConnection:
    try:
        return await connect(
            url,
            logger=_quiet,
            user_agent_header=agent,
            max_size=wire.MAX_MESSAGE_BYTES,
            open_timeout=None,  # the attempt's phase is the limit
            close_timeout=CLOSE_GRACE,
            ping_interval=KEEPALIVE,
            ping_timeout=KEEPALIVE,
        )
    except InvalidURI:
        raise InvalidInputError("base_url and url_path do not make a WebSocket URL") from None
    except InvalidStatus as error:
        raise _refused(error) from None
    except InvalidHandshake as error:
        raise ControlChannelError(
            f"The service does not speak WebSocket here: {type(error).__name__}"
        ) from None
    except ssl.SSLError as error:
        raise ControlChannelError(f"The TLS handshake with the service failed: {error.reason}") from error
    except OSError as error:
        raise ControlChannelError(f"The service cannot be reached: {error.strerror or error}") from error
    except EOFError as error:
        raise ControlChannelError(
            "The service closed the connection before the WebSocket was open"
        ) from error


def _refused(error: InvalidStatus) -> RealtimeError:
    status = error.response.status_code
    if status in (401, 403):
        return AuthenticationError(
            f"The service refused the API key (HTTP {status}): check the key and its permissions"
        )
    return ControlChannelError(f"The service refused the control channel with HTTP {status}")


def _closed(error: ConnectionClosed) -> ControlChannelError:
    frame = error.rcvd
    if frame is None:
        return ControlChannelError("The control channel broke without a closing handshake")
    reason = f" ({frame.reason})" if frame.reason else ""
    return ControlChannelError(f"The service closed the control channel with code {int(frame.code)}{reason}")
