"""The signal socket of a room: protobuf messages over a WebSocket (docs/livekit.md, Signal socket)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, urlencode, urlsplit

from anyio.abc import ObjectReceiveStream
from google.protobuf.message import DecodeError
from livekit.protocol import rtc

from realtime_fast.aio.origins import same_origin
from realtime_fast.aio.websocket import MessageSocket, open_socket
from realtime_fast.errors import InvalidInputError, RoomError
from realtime_fast.redaction import Secrets

logger = logging.getLogger(__name__)

PROTOCOL = 15
"""The version of LiveKit's protocol that this client speaks."""

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Limit of one message: a list of thousands of participants is smaller."""

_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


def signal_url(server: str, token: str, *, resume: str | None = None) -> str:
    """The URL of the signal socket. It contains the token: never log it.

    Args:
        server: The LiveKit server's URL.
        token: The access token.
        resume: The participant's id, to take up a stay whose socket was lost.

    Raises:
        InvalidInputError: `server` is not a ws, wss, http or https URL with a host.
    """
    try:
        parts = urlsplit(server)
        host, _ = parts.hostname, parts.port  # reading the port validates it
    except (ValueError, AttributeError, TypeError):
        host = None
    if not host or parts.scheme not in _SCHEMES:
        raise InvalidInputError(
            "The LiveKit URL must be a ws://, wss://, http:// or https:// URL with a host"
        )
    query = {
        "access_token": token,
        "protocol": str(PROTOCOL),
        # Tracks are asked for one by one: what nobody wants, or nobody can decode, is not even offered.
        "auto_subscribe": "0",
        "sdk": "python",
    }
    if resume is not None:
        query |= {"reconnect": "1", "sid": resume}
    base = f"{_SCHEMES[parts.scheme]}://{parts.netloc}{parts.path.rstrip('/')}"
    return f"{base}/rtc?{urlencode(query, quote_via=quote, safe='')}"


class SignalSocket:
    """An open signal socket; only `open_signal` makes one."""

    def __init__(self, socket: MessageSocket) -> None:
        self._socket = socket

    async def send(self, request: rtc.SignalRequest) -> None:
        """Send one message; the reader reports a closed socket."""
        await self._socket.send(request.SerializeToString())

    async def send_all(self, requests: ObjectReceiveStream[rtc.SignalRequest]) -> None:
        """Send messages as they come, to the end of them."""
        async for request in requests:
            await self.send(request)

    def abort(self) -> None:
        """Reset the connection (fault injection)."""
        self._socket.abort()

    async def receive(self) -> rtc.SignalResponse:
        """The next message that can be read.

        Raises:
            RoomError: The socket is closed.
        """
        while True:
            data = await self._socket.receive()
            try:
                return rtc.SignalResponse.FromString(data if isinstance(data, bytes) else data.encode())
            except DecodeError:
                logger.warning("Ignored a malformed message from the LiveKit server (%d bytes)", len(data))


@asynccontextmanager
async def open_signal(url: str, secrets: Secrets) -> AsyncIterator[SignalSocket]:
    """Open a signal socket for the length of a scope.

    Args:
        url: From `signal_url`.
        secrets: What must not show in errors.

    Raises:
        RoomError: The server refused (`status` says how), or cannot be reached.
    """
    async with open_socket(
        url,
        far_side="The LiveKit server",
        purpose="the signal socket",
        failure=_failure,
        secrets=secrets,
        may_follow=same_origin,  # the token is in the URL
        max_size=MAX_MESSAGE_BYTES,
        ping_interval=None,  # LiveKit's own pings tell more: they reach the room itself
    ) as socket:
        yield SignalSocket(socket)


def _failure(message: str, *, status: int | None = None) -> RoomError:
    if status in (401, 403):
        message = f"The LiveKit server rejected the access token (HTTP {status}): it may have expired"
    return RoomError(message, status=status)
