"""A client's control channel and what depends on it: the base of sessions and viewers.

One reader, one writer behind a bounded outbox, link events, and faults at the entry of each phase. Whatever ends it,
leaving `run` releases everything.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import cycle
from typing import Protocol, TypeAlias

import anyio
from anyio.abc import TaskGroup

from realtime_fast.control import messages
from realtime_fast.control.signaling import NegotiationStep
from realtime_fast.errors import RealtimeError
from realtime_fast.peer.link_events import LinkDiagnostic, LinkEvent, LinkLost, LinkUp, TrackArrived
from realtime_fast.server.faults import FaultPhase, Faults, noise
from realtime_fast.server.inference.webrtc_path import MediaPath, without_candidates

logger = logging.getLogger(__name__)

OUTBOX = 256
"""Messages queued for a client that does not read; one more and the client is dropped."""
QUEUE_STEP = 0.2
"""Seconds between two places of the queue."""
FAREWELL = 1.0
"""Seconds for the last messages and the closing handshake."""


class ChannelClosedError(Exception):
    """The control channel is closed, by either side."""


class Channel(Protocol):
    """The service's end of a control channel."""

    async def send(self, data: str | bytes) -> None:
        """Send one message; raises `ChannelClosedError`."""

    async def receive(self) -> str | bytes:
        """The next message; raises `ChannelClosedError`."""

    async def close(self, code: int, reason: str) -> None:
        """Close it; idempotent."""

    def abort(self) -> None:
        """Reset its TCP connection."""


@dataclass(frozen=True, slots=True)
class _Close:
    code: int
    reason: str


class _Reset:
    """The end without a closing handshake."""


_Item: TypeAlias = messages.ServerMessage | str | bytes | _Close | _Reset


class Conversation(ABC):
    """One connected client.

    Attributes:
        id: The session's id.
        faults: The injected faults; may be replaced at any time.
        counts: Messages received by type, `unknown` and `malformed` among them.
    """

    def __init__(self, session_id: str, channel: Channel, faults: Faults) -> None:
        self.id = session_id
        self.faults = faults
        self.counts: Counter[str] = Counter()
        self._channel = channel
        self._lingered: set[FaultPhase] = set()
        self._struck: set[FaultPhase] = set()
        self._harmed = False
        self._connected_already = False
        self._send, self._outbox = anyio.create_memory_object_stream[_Item](OUTBOX)
        self._scope = anyio.CancelScope()
        self._written = anyio.Event()
        self._finished = anyio.Event()
        self._path: MediaPath
        self._cut: Callable[[], None] = lambda: None
        self._tasks: TaskGroup

    async def run(self) -> None:
        """Serve the client until either side ends it."""
        try:
            with self._scope, self._send, self._outbox:
                async with self._media() as self._path, anyio.create_task_group() as self._tasks:
                    self._cut = self._path.cut
                    self._tasks.start_soon(self._write)
                    await self._strike("open")
                    self._opened()
                    await self._read()
                    self._tasks.cancel_scope.cancel()
        finally:
            self._finished.set()

    @property
    def _over(self) -> bool:
        """Whether it is ending: the media path outlives the tasks and still reports."""
        return self._scope.cancel_called or self._finished.is_set() or self._tasks.cancel_scope.cancel_called

    async def wait_finished(self) -> None:
        """Return once `run` has released everything."""
        await self._finished.wait()

    def cancel(self) -> None:
        """End it at once, without a closing handshake."""
        self._scope.cancel()

    def stop(self, reason: str, code: int = 1001) -> None:
        """End it with a closing handshake; `run` returns soon after."""
        self._close(code, reason)

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults; timed ones count from now if media is up."""
        self.faults = faults
        if self._connected_already:
            self._start_timed_faults()

    def emit(self, *messages: messages.ServerMessage) -> None:
        """Queue messages, in order; never blocks."""
        for message in messages:
            self._post(message)

    def emit_raw(self, data: str | bytes) -> None:
        """Queue arbitrary data, to test clients."""
        self._post(data)

    def drop(self) -> None:
        """Reset the TCP connection."""
        self._channel.abort()
        self.cancel()

    def die(self) -> None:
        """End it as if the process were killed: every socket is closed without a farewell."""
        self._harmed = True
        self._cut()
        self.drop()

    def report(self, event: LinkEvent) -> None:
        """Process a link event; called by the media path."""
        if self._over:
            return
        match event:
            case LinkUp():
                self._tasks.start_soon(self._connected)
            case LinkLost() if self._harmed:
                pass  # injected: the client has to notice by itself
            case LinkLost(error):
                logger.info("session %s: %s", self.id, error)
                self._link_lost(error)
            case TrackArrived():
                self._track_arrived(event)
            case LinkDiagnostic():
                pass

    # What sessions and viewers do differently

    @abstractmethod
    def _media(self) -> AbstractAsyncContextManager[MediaPath]:
        """The media path and all it needs, as a scope."""

    @abstractmethod
    def _opened(self) -> None:
        """The control channel is open."""

    @abstractmethod
    async def _hear(self, message: messages.ClientMessage) -> None:
        """The client said something."""

    @abstractmethod
    def _track_arrived(self, event: TrackArrived) -> None:
        """The client sends a track."""

    def _link_lost(self, error: RealtimeError) -> None:
        self.stop(f"media lost: {error}"[:120], 1011)

    async def _connected(self) -> None:
        """Media is up."""
        await self._strike("connected")
        self._connected_already = True
        self._start_timed_faults()

    def _start_timed_faults(self) -> None:
        for seconds, act in self._timed_faults():
            if seconds is not None:
                self._tasks.start_soon(self._later, seconds, act)

    def _timed_faults(self) -> tuple[tuple[float | None, Callable[[], Awaitable[None]]], ...]:
        async def silence() -> None:
            self._harmed = True
            self._path.mute()

        async def cut() -> None:
            self._harmed = True
            self._path.cut()

        async def renegotiate() -> None:
            self.emit(*await self._path.renegotiate())

        return (
            (self.faults.silence, silence),
            (self.faults.cut, cut),
            (self.faults.renegotiate, renegotiate),
        )

    # Plumbing

    async def _read(self) -> None:
        while True:
            try:
                text = await self._channel.receive()
            except ChannelClosedError:
                return
            try:
                message = messages.decode_client(text)
            except messages.MalformedMessageError as error:
                self.counts["malformed"] += 1
                self.emit(messages.Error(error=str(error)))
                continue
            if isinstance(message, messages.Unknown):
                self.counts["unknown"] += 1
                logger.debug("session %s: ignored a message of unknown type", self.id)
                continue
            self.counts[message.__struct_config__.tag] += 1  # type: ignore[index]
            await self._hear(message)

    async def _negotiate(self, message: NegotiationStep) -> None:
        """Pass a message to the media path and send its answers."""
        asks = isinstance(message, (messages.Offer, messages.LivekitJoin))
        if asks:
            await self._strike("offer")
            await self._queue()
        try:
            answers = await self._path.handle(message)
        except RealtimeError as error:
            self.emit(messages.Error(error=str(error)))
            self._close(1008, "")
            return
        if asks:
            await self._linger("answer")
        for answer in answers:
            if isinstance(answer, messages.Answer) and (order := self.faults.trickle) is not None:
                bare, candidates = without_candidates(answer.sdp)
                apart = [messages.IceCandidate(candidate=candidate) for candidate in candidates]
                first, then = ([], apart) if order == "after" else (apart, [])
                self.emit(*first, messages.Answer(sdp=bare), *then)
            else:
                self.emit(answer)
        if asks:
            await self._strike("answer")

    async def _queue(self) -> None:
        """Have the client wait for capacity, by its fault."""
        places = self.faults.queue
        for place in range(places, 0, -1):
            self.emit(messages.QueuePosition(position=place, queue_size=places))
            await anyio.sleep(QUEUE_STEP)
        await self._strike("queue")

    async def _write(self) -> None:
        try:
            await self._empty_outbox()
        finally:
            self._written.set()

    async def _empty_outbox(self) -> None:
        interference: cycle[str | bytes] = cycle(())
        kind = None
        try:
            async for item in self._outbox:
                if isinstance(item, _Reset):
                    self.drop()
                    return
                if isinstance(item, _Close):
                    break
                if kind != self.faults.noise:
                    kind = self.faults.noise
                    interference = cycle(noise(kind) if kind else ())
                if (nuisance := next(interference, None)) is not None:
                    await self._channel.send(nuisance)
                await self._channel.send(item if isinstance(item, (str, bytes)) else messages.encode(item))
            else:
                return
        except ChannelClosedError:
            return  # the reader notices too
        with anyio.move_on_after(FAREWELL, shield=True):
            await self._channel.close(item.code, item.reason)
        self.cancel()

    def _close(self, code: int, reason: str) -> None:
        self._post(_Close(code, reason))

    def _post(self, item: _Item) -> None:
        try:
            self._send.send_nowait(item)
        except anyio.WouldBlock:
            logger.warning("session %s: the client does not read its messages; dropped", self.id)
            self._send.close()  # what is still in the reader's hands is not answered, nor told again
            self.drop()
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            pass  # it has ended

    async def _later(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        await anyio.sleep(seconds)
        await act()

    async def _linger(self, phase: FaultPhase) -> None:
        """Delay a phase by its fault, the first time."""
        if phase not in self._lingered:
            self._lingered.add(phase)
            await anyio.sleep(self.faults.delay.get(phase, 0))

    async def _strike(self, phase: FaultPhase) -> None:
        """Apply a phase's faults when it is entered first; does not return if they end the conversation."""
        if phase in self._struck:
            return
        await self._linger(phase)
        self._struck.add(phase)
        faults = self.faults
        if faults.error == phase:
            self.emit(messages.Error(error=faults.error_text))
            self._close(1013, "")
        elif faults.close == phase:
            self._close(faults.close_code, "")
        elif faults.drop == phase:
            self._post(_Reset())
        else:
            return
        # Where the reader is struck, nobody else notices that the client left before it could be told.
        await self._written.wait()
        self.cancel()
        await anyio.sleep_forever()
