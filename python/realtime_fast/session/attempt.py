"""One attempt at a session: a control channel, a media link and the core between them, as one scope.

An attempt is used once. It ends with its first failure, or is cancelled; nothing of it survives.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio
from aiortc import MediaStreamTrack
from anyio.abc import TaskGroup

from realtime_fast.aio.callers import is_own_cancellation
from realtime_fast.aio.websocket import MessageSocket
from realtime_fast.control import messages
from realtime_fast.control.channel import open_channel
from realtime_fast.control.signaling import SignalingMessage
from realtime_fast.errors import (
    AckTimeoutError,
    ConnectError,
    ConnectTimeoutError,
    ControlChannelError,
    LinkError,
    NotConnectedError,
    RealtimeError,
)
from realtime_fast.events import Diagnostic, ErrorRaised, Event
from realtime_fast.peer.link_events import (
    LinkDiagnostic,
    LinkEvent,
    LinkInterrupted,
    LinkLost,
    LinkRestored,
    LinkUp,
    StreamFailed,
    TrackArrived,
)
from realtime_fast.redaction import Secrets
from realtime_fast.session.acks import Command, Settled
from realtime_fast.session.core import DesiredState, Emit, Ended, Identified, Output, Relay, Send, SessionCore
from realtime_fast.session.states import AttemptState, Generation
from realtime_fast.transports.base import MediaLink, Transport

IMAGE_TIMEOUT = 30.0
PROMPT_TIMEOUT = 15.0
"""Seconds to wait for the acknowledgement of an image or a prompt, initial or later."""

_QUEUE = 1024
"""Messages queued in either direction; a service that lets more pile up is broken."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings that all attempts of a session share.

    Attributes:
        transport: How media travels.
        url: The control channel's URL, with the API key in it; None where there is none (ivs viewers).
        agent: User agent.
        secrets: What no error, event or log may show.
        publishes: Whether there is a local track.
        tracks: Makes new tracks to publish, for each attempt.
        timeout: Seconds for all phases together.
    """

    transport: Transport
    url: str | None = field(repr=False)
    agent: str
    secrets: Secrets
    publishes: bool
    tracks: Callable[[], Sequence[MediaStreamTrack]]
    timeout: float


class AttemptHost(Protocol):
    """What an attempt calls back: its session."""

    def emit(self, event: Event) -> None:
        """Raise an event for the user."""

    def identified(self, session: Identified) -> None:
        """The service named the session."""

    def received(self, track: MediaStreamTrack) -> Callable[[], Awaitable[None]]:
        """A remote track arrived; returns what reads it to its end."""

    def stream_failed(self, error: Exception) -> None:
        """Nothing of a sent track arrives any more, or for a while: its encoder failed."""

    async def while_live(self, attempt: Attempt) -> None:
        """Run while the connection is live; cancelled when it ends."""


@dataclass(slots=True)
class _Waiter:
    done: anyio.Event = field(default_factory=anyio.Event)
    error: RealtimeError | None = None


class Attempt:
    """One attempt to connect, and the connection while it is live."""

    def __init__(self, plan: Plan, host: AttemptHost, on_state_change: Callable[[], None]) -> None:
        self.core = SessionCore(plan.transport.name, plan.secrets)
        self.link: MediaLink | None = None
        self.live_since: float | None = None
        self._plan = plan
        self._host = host
        self._on_state_change = on_state_change
        self._scope = anyio.CancelScope()
        self._tasks: TaskGroup | None = None
        self._waiters: dict[int, _Waiter] = {}
        self._opening: Command | None = None
        self._deadline = float("inf")
        self._outbox, self._outgoing = anyio.create_memory_object_stream[str](_QUEUE)
        self._relay, self._signals = anyio.create_memory_object_stream[SignalingMessage](_QUEUE)
        self._core_changed = anyio.Event()
        self._seen = self.states

    @property
    def states(self) -> tuple[AttemptState, Generation]:
        """The states of the core."""
        return self.core.state, self.core.generation

    async def run(self, desired: DesiredState) -> RealtimeError:
        """Connect, put the service into the state `desired`, and run until the connection is lost.

        Returns:
            The first cause of the loss. An intended end is a cancellation and returns nothing.
        """
        try:
            with self._scope:
                async with anyio.create_task_group() as self._tasks, AsyncExitStack() as stack:
                    await self._guarded(self._live, stack, desired)
                    await anyio.sleep_forever()  # until the core ends the attempt
        finally:
            self.core.close()
            self._flush()
            for stream in (self._outbox, self._outgoing, self._relay, self._signals):
                stream.close()
        if self.core.failure is None:
            raise AssertionError("an attempt ends by failure or by cancellation")
        return self.core.failure

    async def request(self, command: Command, *, timeout: float) -> None:
        """Send a command and wait until the service has acknowledged it.

        Raises:
            NotConnectedError: The control channel is not open.
            AckTimeoutError: No acknowledgement within `timeout` seconds.
            ServerError: The service rejected it; the message is its own text.
            RealtimeError: The connection was lost meanwhile.
        """
        if self.core.state not in (AttemptState.PREPARING, AttemptState.LIVE):
            raise NotConnectedError("Not connected")
        await self._request(command, timeout, time.monotonic())

    async def _request(self, command: Command, timeout: float, now: float | None) -> None:
        ticket = self.core.request(command, timeout=timeout, now=now)
        waiter = self._waiters[ticket] = _Waiter()
        self._flush()
        try:
            await waiter.done.wait()
        finally:
            self.core.forget(ticket)
            del self._waiters[ticket]
        if waiter.error is not None:
            raise waiter.error

    def send(self, message: messages.ClientMessage) -> None:
        """Queue a message that needs no acknowledgement; dropped once the attempt is over."""
        if self.core.state is not AttemptState.CLOSED:
            self.core.send(message)
            self._flush()

    async def receive(self) -> SignalingMessage:
        """The next signaling message, for the media link."""
        return await self._signals.receive()

    async def _live(self, stack: AsyncExitStack, desired: DesiredState) -> None:
        self._deadline = time.monotonic() + self._plan.timeout
        self._start(self._watch_deadlines)
        async with self._timed("total"):
            await self._prepare(stack, desired)
        await self._host.while_live(self)

    async def _prepare(self, stack: AsyncExitStack, desired: DesiredState) -> None:
        plan, transport = self._plan, self._plan.transport
        self._opening = desired.opening(publishes=plan.publishes and transport.initial_state != "within")
        if plan.url is not None:
            async with self.phase("websocket"):
                channel = await stack.enter_async_context(
                    open_channel(plan.url, agent=plan.agent, secrets=plan.secrets)
                )
        self.core.channel_opened()
        if plan.url is not None:
            self._start(self._read, channel)
            self._start(self._write, channel)
        if transport.initial_state == "before-media":
            await self._send_state()
        async with self.phase(transport.phase) if transport.phase is not None else nullcontext():
            self.link = await stack.enter_async_context(transport.open(self, plan.tracks(), self._report))
        if transport.initial_state == "after-media":
            await self._send_state()
            async with self.phase("remote-media"):
                await self.link.media_arrived()
        self.live_since = time.monotonic()
        self.core.ready()
        self._flush()

    async def _send_state(self) -> None:
        """Put the service into the desired state."""
        command = self._opening
        if command is None:
            return
        with_image = isinstance(command, messages.SetImage)
        phase, timeout = ("avatar-image", IMAGE_TIMEOUT) if with_image else ("initial-prompt", PROMPT_TIMEOUT)
        async with self.phase(phase):
            try:
                await self.request(command, timeout=timeout)
            except AckTimeoutError as error:
                raise ConnectTimeoutError(phase, timeout) from error

    # What a transport asks for while it opens its link (control/signaling)

    @property
    def passthrough(self) -> bool:
        """Whether there is no initial state: neither prompt nor image."""
        return self._opening is None

    def begin_with_state(self) -> None:
        """Send the initial state, if there is one, without waiting for its acknowledgement."""
        if self._opening is not None:
            self._start(self._await_state, self._opening)

    async def _await_state(self, command: Command) -> None:
        timeout = IMAGE_TIMEOUT if isinstance(command, messages.SetImage) else PROMPT_TIMEOUT
        async with self._timed("initial-state"):
            try:
                await self._request(command, timeout, None)
            except RealtimeError as error:
                error.located("initial-state", None)
                raise

    def queued(self) -> None:
        """The client waits for capacity: from here on the phase has no limit of its own."""
        self.core.queued(limit=self._plan.timeout, deadline=self._deadline)
        self._flush()

    def admitted(self) -> None:
        """The service has a place for the session: from here on it owes the acknowledgement of the initial state."""
        self.core.admitted(time.monotonic())
        self._flush()

    @asynccontextmanager
    async def phase(self, name: str, limit: float | None = None) -> AsyncIterator[None]:
        """A connect phase: timed, limited, and named in the error of whatever fails in it.

        The core keeps the deadline: a cancel scope around the block would also end what the block opens for later.
        """
        deadline, shown = self._deadline, self._plan.timeout
        if limit is not None and (own := time.monotonic() + limit) < deadline:
            deadline, shown = own, limit
        self.core.enter_phase(name, limit=shown, deadline=deadline)
        self._flush()
        async with self._timed(name):
            yield
        self.core.leave_phase()

    @asynccontextmanager
    async def _timed(self, phase: str) -> AsyncIterator[None]:
        started = time.monotonic()
        done = False
        try:
            yield
            done = True
        except RealtimeError as error:
            if self.core.is_live:  # too late to fail the connecting
                self._host.emit(ErrorRaised(error))
                return
            self._fail(error)
            await anyio.sleep_forever()  # the core may decide on another cause, and cancels this
        finally:
            data: dict[str, Any] = {
                "phase": phase,
                "duration_ms": (time.monotonic() - started) * 1000,
                "success": done,
            }
            if not done and (cause := self.core.failure) is not None:
                data["error"] = cause.message
            self._diagnose("phaseTiming", data)

    def _diagnose(self, kind: str, data: dict[str, Any]) -> None:
        self._host.emit(Diagnostic(kind, self._plan.secrets.clean_data(data), time.time() * 1000))

    def _start(self, body: Callable[..., Awaitable[None]], *args: Any) -> None:
        if self._tasks is not None:
            self._tasks.start_soon(self._guarded, body, *args)

    async def _guarded(self, body: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Run a part of the attempt; whatever it raises is a failure of the attempt."""
        try:
            await body(*args)
        except RealtimeError as error:
            self._fail(error)
        except (
            Exception,
            asyncio.CancelledError,
        ) as error:  # a bug, or the user's own hook: it ends the attempt alone
            if is_own_cancellation(error):
                raise
            failure = ConnectError(f"The connection failed on an unexpected {type(error).__name__}: {error}")
            failure.__cause__ = error
            self._fail(failure)
        self._flush()

    def _fail(self, error: RealtimeError) -> None:
        self._plan.secrets.clean_error(error)
        if isinstance(error, LinkError):
            self.core.lost(error, time.monotonic())
        else:
            self.core.fail(error)
        self._flush()

    def _report(self, event: LinkEvent) -> None:
        match event:
            case LinkLost():
                self._fail(event.error)
            case LinkInterrupted():
                self.core.interrupted()
                self._flush()
            case LinkRestored():
                self.core.restored()
                self._flush()
            case TrackArrived():
                self._start(self._host.received(event.track))
            case LinkDiagnostic():
                self._diagnose(event.kind, dict(event.data))
            case StreamFailed():
                self._host.stream_failed(event.error)
            case LinkUp():
                pass

    async def _read(self, channel: MessageSocket) -> None:
        while True:
            text = await channel.receive()
            try:
                self.core.receive(messages.decode_server(text))
            except messages.MalformedMessageError as error:
                self.core.malformed(error, time.monotonic())
            self._flush()

    async def _write(self, channel: MessageSocket) -> None:
        # The reader reports a closed channel, after the service's last messages.
        async for text in self._outgoing:
            if not await channel.send(text):
                return

    async def _watch_deadlines(self) -> None:
        while True:
            self._core_changed = anyio.Event()
            deadline = self.core.deadline
            wait = float("inf") if deadline is None else deadline - time.monotonic()
            with anyio.move_on_after(max(0.0, wait)):
                await self._core_changed.wait()
            self.core.tick(time.monotonic())
            self._flush()

    def _flush(self) -> None:
        """Perform the core's outputs."""
        while outputs := self.core.take():
            for output in outputs:
                self._perform(output)
        self._core_changed.set()
        if self.states != self._seen:
            self._seen = self.states
            self._on_state_change()

    def _perform(self, output: Output) -> None:
        match output:
            case Send():
                self._queue(self._outbox, messages.encode(output.message), "does not read")
            case Relay():
                self._queue(self._relay, output.message, "floods the client with signaling")
            case Emit():
                self._host.emit(output.event)
            case Identified():
                self._host.identified(output)
            case Settled():
                if waiter := self._waiters.get(output.ticket):
                    waiter.error = output.error
                    waiter.done.set()
            case Ended():
                self._scope.cancel()

    def _queue(self, stream: anyio.abc.ObjectSendStream[Any], item: Any, fault: str) -> None:
        try:
            stream.send_nowait(item)  # type: ignore[attr-defined]
        except anyio.WouldBlock:
            self.core.fail(ControlChannelError(f"The service {fault}"))
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            self.core.fail(ControlChannelError("The control channel is closed"))
