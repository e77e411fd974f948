"""The control channel: the WebSocket between a client and the service (docs/protocol.md, Control channel)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from realtime_fast.aio.websocket import TextSocket, open_socket
from realtime_fast.control import messages
from realtime_fast.errors import AuthenticationError, ControlChannelError, RealtimeError

KEEPALIVE = 10.0
"""Seconds between pings, and to wait for a pong: a half-open socket is noticed within twice that."""


def open_channel(url: str, *, agent: str) -> AbstractAsyncContextManager[TextSocket]:
    """Open the control channel for the length of a scope.

    Args:
        url: The endpoint, with the API key in it.
        agent: The user agent header.

    Raises:
        AuthenticationError: The service answered 401 or 403.
        ControlChannelError: It could not be reached, or answered with anything but a WebSocket.
    """
    return open_socket(
        url,
        far_side="The service",
        purpose="the control channel",
        failure=_failure,
        max_size=messages.MAX_MESSAGE_BYTES,
        user_agent_header=agent,
        ping_interval=KEEPALIVE,
        ping_timeout=KEEPALIVE,
    )


def _failure(message: str, *, status: int | None = None) -> RealtimeError:
    if status in (401, 403):
        return AuthenticationError(
            f"The service rejected the API key (HTTP {status}): check the key and its permissions"
        )
    return ControlChannelError(message)
