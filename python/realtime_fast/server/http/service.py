"""The embedded service as an object: start it, connect to its `url`, inspect it, stop it, repeatedly."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import anyio
import uvicorn
from anyio import AsyncContextManagerMixin
from anyio.abc import TaskStatus
from starlette.datastructures import Address
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from realtime_fast.aio.callers import require_asyncio
from realtime_fast.aio.hush import hushed
from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.control import messages
from realtime_fast.errors import InvalidInputError
from realtime_fast.server.faults import Faults
from realtime_fast.server.http.app import build_app
from realtime_fast.server.http.config import ServiceConfig
from realtime_fast.server.http.registry import Registry

STOP_LIMIT = 1.0
"""Seconds for the sessions to end."""


class Service(AsyncContextManagerMixin):
    """The realtime service on a local port.

    It runs inside `async with Service(config)`; `stop()` or `kill()` end it, and `start()` restarts it on the same
    port.

    Attributes:
        config: Its settings.
        registry: Its clients; the attributes below are parts of it.
        faults: The faults of the next connections.
        sessions: The live sessions by id.
        viewers: The live viewers.
        stages: The embedded IVS stages.
        rooms: The embedded LiveKit rooms; None without the extra that they need.
        ended: Information about the sessions that ended, newest last.
    """

    def __init__(self, config: ServiceConfig | None = None) -> None:
        self.config = config or ServiceConfig()
        self.registry = registry = Registry(self.config)
        self.faults, self.stages, self.rooms = registry.faults, registry.stages, registry.rooms
        self.sessions, self.viewers, self.ended = registry.sessions, registry.viewers, registry.ended
        self._port = self.config.port
        self._server: _Server | None = None

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Service]:
        require_asyncio()
        async with owned_tasks() as self._tasks, self.stages, self.rooms or nullcontext():
            await self.start()
            try:
                yield self
            finally:
                with anyio.CancelScope(shield=True):
                    await self.stop()

    @property
    def running(self) -> bool:
        """Whether it accepts connections."""
        return self._server is not None

    @property
    def address(self) -> tuple[str, int]:
        """The address it is bound to; the port is the real one once it has started."""
        return self.config.host, self._port

    @property
    def url(self) -> str:
        """The base URL that clients connect to, with the scheme `ws`."""
        host, port = self.address
        return f"ws://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def page_url(self) -> str:
        """The URL of the web page, for a browser on this machine."""
        wildcards = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - it is replaced here
        host, port = self.address
        return f"http://{wildcards.get(host) or (f'[{host}]' if ':' in host else host)}:{port}/"

    async def start(self) -> None:
        """Start accepting connections; does nothing if it does already.

        Raises:
            InvalidInputError: The address cannot be bound to; the message says why.
        """
        if self._server is not None:
            return
        listener = _listen(self.config.host, self._port)
        self._port = listener.getsockname()[1]
        self._server = _Server(build_app(self.registry, self.abort_connection))
        self._stopped = anyio.Event()
        self.registry.open()
        await self._tasks.start(self._run, self._server, listener)

    async def stop(self) -> None:
        """End all sessions and stop; returns once everything is released."""
        for conversation in self.registry.conversations:
            conversation.stop("service stopped")
        await self._wind_up()

    async def kill(self) -> None:
        """Stop as if the process died: connections are reset without notice; returns once everything is released."""
        if self._server is not None:
            self._server.reset_connections()
        for conversation in self.registry.conversations:
            conversation.die()
        await self._wind_up()

    def set_faults(self, faults: Faults, *, live: bool = False) -> None:
        """Apply faults to later connections, and with `live` to those that exist."""
        self.registry.set_faults(faults, live=live)

    def abort_connection(self, client: Address | None) -> None:
        """Reset one client's TCP connection."""
        if self._server is not None and client is not None:
            self._server.reset_connections(tuple(client))

    async def _wind_up(self) -> None:
        if self._server is None:
            return
        with anyio.move_on_after(STOP_LIMIT, shield=True):
            for conversation in self.registry.conversations:
                await conversation.wait_finished()
        for conversation in self.registry.conversations:
            conversation.cancel()
        self.stages.clear()
        if self.rooms is not None:
            await self.rooms.clear()
        self._server.should_exit = True
        self.registry.close()
        await self._stopped.wait()
        self._server = None

    async def _run(self, server: _Server, listener: socket.socket, *, task_status: TaskStatus[None]) -> None:
        try:
            # Request lines hold API keys, and errors what clients sent.
            with (
                hushed("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"),
                anyio.CancelScope(shield=True),
            ):  # it is ended by `should_exit`, and then releases everything
                server.on_started = task_status.started
                await server.serve(sockets=[listener])
        finally:
            listener.close()
            self._stopped.set()


class _WebSocket(WebSocketsSansIOProtocol):
    """A WebSocket of uvicorn's, which takes a refusal with a body for a handshake that was never completed."""

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True


class _Server(uvicorn.Server):
    """uvicorn embedded in a program: it handles no signals and logs no URLs."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws=_WebSocket,
                ws_max_size=messages.MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,  # nor a level: the loggers are everybody's; see `hushed` below
                log_level=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self.on_started: Callable[[], None] = _nobody

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_started()

    def reset_connections(self, client: tuple[Any, ...] | None = None) -> None:
        """Reset the TCP connections of one client, or of all."""
        for connection in tuple(self.server_state.connections):
            if client is None or connection.transport.get_extra_info("peername")[:2] == client:
                connection.transport.abort()


def _nobody() -> None:
    pass


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is given: without that, the second of two short messages waits
    # 40 ms for the acknowledgement of the first.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            reason = f"Port {port} on {host} is in use; choose another, or 0 for a free one"
        else:
            reason = f"The service cannot listen on {host} port {port}: {error.strerror or error}"
        raise InvalidInputError(reason) from error
    return listener


async def serve(config: ServiceConfig | None = None) -> None:
    """Run the service until cancelled.

    Raises:
        InvalidInputError: The address cannot be bound to.
    """
    async with Service(config):
        await anyio.sleep_forever()
