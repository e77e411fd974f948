"""A WebSocket as a scope: always closed, foreign errors mapped to ours.

The control channel, a stage's events socket and a room's signal socket use it, each with its own error messages.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn, Protocol

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidURI,
    ProxyError,
    WebSocketException,
)
from websockets.frames import CloseCode
from websockets.protocol import State

from realtime_fast.aio.proxies import Proxy, proxy_for
from realtime_fast.errors import RealtimeError
from realtime_fast.redaction import Secrets

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


class MessageSocket:
    """An open WebSocket; only `open_socket` makes one."""

    def __init__(
        self, connection: ClientConnection, far_side: str, purpose: str, failure: Failure, secrets: Secrets
    ) -> None:
        self._connection = connection
        self._far_side = far_side
        self._purpose = purpose
        self._failure = failure
        self._secrets = secrets

    async def send(self, message: str | bytes) -> bool:
        """Send one message; False if the socket is closed, whose cause the reader reports."""
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            return False
        return True

    def abort(self) -> None:
        """Reset the connection, without a closing handshake (fault injection)."""
        self._connection.transport.abort()

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            RealtimeError: The socket is closed; everything that came before has been delivered.
        """
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            closed = error
        raise self._failure(self._farewell(closed)) from self._secrets.cleaned_cause(closed)

    def _farewell(self, error: ConnectionClosed) -> str:
        frame = error.rcvd
        if frame is None and error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG:
            return f"{self._far_side} sent a message on {self._purpose} that is too long"
        if frame is None:
            return f"The connection for {self._purpose} broke without a closing handshake"
        reason = f" ({self._secrets.clean(frame.reason)})" if frame.reason else ""
        return f"{self._far_side} closed {self._purpose} with code {int(frame.code)}{reason}"


@asynccontextmanager
async def open_socket(
    url: str,
    *,
    far_side: str,
    purpose: str,
    failure: Failure,
    secrets: Secrets,
    may_follow: Callable[[str, str], bool],
    max_size: int,
    **options: Any,
) -> AsyncIterator[MessageSocket]:
    """Open a WebSocket; leaving closes it, with a closing handshake if that is quick, else by aborting it.

    Args:
        url: It may contain a secret, so it appears in no message and no log.
        far_side: The subject of error messages, such as "The service".
        purpose: The name of the socket in them, such as "the control channel".
        failure: Makes the errors.
        secrets: What must not show in them.
        may_follow: Called with the URL that redirects and the one it redirects to; whether to go there.
        max_size: Limit of one message in bytes.
        options: Passed on to `websockets`.

    Raises:
        RealtimeError: The server cannot be reached, or does not answer with a WebSocket.
        InvalidInputError: The environment's proxy cannot be used.
    """
    try:
        dial = _Dial(url, may_follow=may_follow, max_size=max_size, **options)
    except InvalidURI:
        raise failure(f"There is no WebSocket URL for {purpose}") from None
    connection = await _open(dial, far_side, purpose, failure, secrets)
    try:
        yield MessageSocket(connection, far_side, purpose, failure, secrets)
    finally:
        with anyio.move_on_after(CLOSE_GRACE, shield=True):
            await connection.close()
        if connection.state is not State.CLOSED:
            connection.transport.abort()
            with anyio.move_on_after(CLOSE_GRACE, shield=True):
                await connection.wait_closed()


class _RedirectError(Exception):
    """A redirect that is not followed."""


class _Dial(connect):
    """`connect` that asks before it follows a redirect, and knows its proxy."""

    def __init__(self, url: str, *, may_follow: Callable[[str, str], bool], **options: Any) -> None:
        self.by: Proxy | None = proxy_for(url)
        self._may_follow = may_follow
        super().__init__(
            url,
            logger=_quiet,
            open_timeout=None,  # the caller limits the time
            close_timeout=CLOSE_GRACE,
            proxy=self.by.url if self.by else None,
            **options,
        )

    def process_redirect(self, exc: Exception) -> Exception | str:
        try:
            target = super().process_redirect(exc)
        except (InvalidURI, ValueError):
            return _RedirectError("something that is no WebSocket URL")
        if target is exc:
            return exc
        # Not even the host is repeated: what a hostile far side answers is not for logs.
        if not isinstance(target, str) or not self._may_follow(self.uri, target):
            return _RedirectError("where its secrets must not go")
        self.by = proxy_for(target)
        self.proxy = self.by.url if self.by else None
        return target


async def _open(
    dial: _Dial, far_side: str, purpose: str, failure: Failure, secrets: Secrets
) -> ClientConnection:
    try:
        return await dial
    except ImportError:
        if dial.by is None or not dial.by.is_socks:
            raise
        raise dial.by.needs_packages() from None
    except (WebSocketException, _RedirectError, OSError, EOFError) as error:
        caught = error
    # Outside of the handler: what is caught may hold the whole URL, and would be the new error's context.
    _explain(caught, dial.by, far_side, purpose, failure, secrets)


def _explain(
    error: Exception, proxy: Proxy | None, far_side: str, purpose: str, failure: Failure, secrets: Secrets
) -> NoReturn:
    """Raise the error for a handshake that failed; it is the proxy's where one is in between."""
    match error:
        case InvalidStatus():
            status = error.response.status_code
            raise failure(f"{far_side} refused {purpose} with HTTP {status}", status=status)
        case _RedirectError():
            raise failure(f"{far_side} redirects {purpose} to {error}")
        case InvalidProxyStatus() if proxy is not None:
            raise failure(proxy.refused(purpose, error.response.status_code))
        case ProxyError() if proxy is not None:
            raise failure(proxy.unreachable(purpose, "it does not speak as a proxy does"))
        case WebSocketException():
            raise failure(f"{far_side} does not speak WebSocket for {purpose}: {type(error).__name__}")
    cause = secrets.cleaned_cause(error)
    match error:
        case ssl.SSLError():
            raise failure(f"The TLS handshake for {purpose} failed: {error.reason}") from cause
        case OSError():
            why = secrets.clean(error.strerror or str(error) or type(error).__name__)
            if proxy is not None:
                raise failure(proxy.unreachable(purpose, why)) from cause
            raise failure(f"{far_side} cannot be reached for {purpose}: {why}") from cause
    if proxy is not None:
        raise failure(proxy.unreachable(purpose, "it hung up")) from cause
    raise failure(f"{far_side} hung up before {purpose} was open") from cause
