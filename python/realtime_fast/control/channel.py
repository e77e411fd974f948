"""The control channel: the WebSocket between a client and the service (docs/protocol.md, Control channel)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from realtime_fast.aio.origins import same_origin
from realtime_fast.aio.websocket import MessageSocket, open_socket
from realtime_fast.errors import AuthenticationError, ControlChannelError, RealtimeError
from realtime_fast.redaction import Secrets

KEEPALIVE = 10.0
"""Seconds between pings, and to wait for a pong: a half-open socket is noticed within twice that."""

MAX_ANSWER_BYTES = 1024 * 1024
"""Limit of one message of the service; images only travel the other way."""


def open_channel(url: str, *, agent: str, secrets: Secrets) -> AbstractAsyncContextManager[MessageSocket]:
    """Open the control channel for the length of a scope.

    The URL has the API key in it, so no redirect to another origin is followed.

    Args:
        url: The endpoint, with the API key in it.
        agent: The user agent header.
        secrets: What must not show in errors.

    Raises:
        AuthenticationError: The service answered 401 or 403.
        ControlChannelError: It could not be reached, or answered with anything but a WebSocket.
        InvalidInputError: The environment's proxy cannot be used.
    """
    return open_socket(
        url,
        far_side="The service",
        purpose="the control channel",
        failure=_failure,
        secrets=secrets,
        may_follow=same_origin,
        max_size=MAX_ANSWER_BYTES,
        user_agent_header=agent,
        ping_interval=KEEPALIVE,
        ping_timeout=KEEPALIVE,
    )


def _failure(message: str, *, status: int | None = None) -> RealtimeError:
    if status in (401, 403):
        return AuthenticationError(
            f"The service rejected the API key (HTTP {status}): check the key and its permissions"
        )
    return ControlChannelError(message, status=status)
