"""A rig for the connect loop: a scripted control channel on a real socket, and a link that the test holds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from websockets.asyncio.server import ServerConnection, serve

from realtime_fast.control import messages
from realtime_fast.control.signaling import Signaling
from realtime_fast.errors import TransportName
from realtime_fast.events import ConnectionChange, Diagnostic, ErrorRaised, Event
from realtime_fast.options import ReconnectPolicy
from realtime_fast.peer.link_events import LinkEvent, LinkUp
from realtime_fast.redaction import Secrets
from realtime_fast.session.attempt import Attempt, Plan
from realtime_fast.session.connect_loop import ConnectLoop
from realtime_fast.session.core import DesiredState, Identified
from realtime_fast.transports.base import InitialState

Script = Callable[[ServerConnection, int], Awaitable[None]]
QUICK = ReconnectPolicy(base_delay=0.01, max_delay=0.02, refill_after=0.0)


async def acknowledge(socket: ServerConnection) -> None:
    """Do what a well-behaved service does with every message."""
    async for text in socket:
        match json.loads(text):
            case {"type": "prompt", "prompt": prompt}:
                await socket.send(json.dumps({"type": "prompt_ack", "prompt": prompt, "success": True}))
            case {"type": "set_image"}:
                await socket.send(json.dumps({"type": "set_image_ack", "success": True}))
            case {"type": "offer"}:
                await socket.send(json.dumps({"type": "answer", "sdp": "fine"}))


@dataclass
class Service:
    """A scripted service; keeps what it was told, one list a connection."""

    script: Script
    url: str = ""
    told: list[list[dict[str, Any]]] = field(default_factory=list)

    async def handle(self, socket: ServerConnection) -> None:
        heard: list[dict[str, Any]] = []
        self.told.append(heard)
        receive = socket.recv

        async def remember(*args: Any, **kwargs: Any) -> Any:
            text = await receive(*args, **kwargs)
            heard.append(json.loads(text))
            return text

        socket.recv = remember  # type: ignore[method-assign]
        await self.script(socket, len(self.told) - 1)


@asynccontextmanager
async def service(script: Script) -> AsyncIterator[Service]:
    scripted = Service(script)
    async with serve(scripted.handle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        scripted.url = f"ws://127.0.0.1:{port}/v1/stream?api_key=s3cret"
        yield scripted


class HeldLink:
    """A link whose fate is in the test's hands."""

    async def media_arrived(self) -> None:
        pass

    async def stats(self) -> Mapping[str, Any]:
        return {}


class HeldTransport:
    """Negotiates by one offer and one answer, without media."""

    name: TransportName = "webrtc"
    phase: str | None = "webrtc-handshake"
    falls_back = False

    def __init__(self, *, initial_state: InitialState = "before-media") -> None:
        self.initial_state = initial_state
        self.reports: list[Callable[[LinkEvent], None]] = []
        self.open_links = 0

    @asynccontextmanager
    async def open(
        self, signaling: Signaling, tracks: Sequence[Any], report: Callable[[LinkEvent], None]
    ) -> AsyncIterator[HeldLink]:
        self.reports.append(report)
        signaling.send(messages.Offer(sdp="v=0"))
        while not isinstance(await signaling.receive(), messages.Answer):
            pass
        self.open_links += 1
        report(LinkUp())
        try:
            yield HeldLink()
        finally:
            self.open_links -= 1


class AttemptHost:
    """Keeps what an attempt tells its host."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.sessions: list[str] = []
        self.lived = 0
        self.changed = anyio.Event()

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self.changed.set()

    def identified(self, session: Identified) -> None:
        self.sessions.append(session.session_id)

    def received(self, track: Any) -> Callable[[], Awaitable[None]]:
        raise AssertionError("this rig has no media")

    def stream_failed(self, error: Exception) -> None:
        raise AssertionError("this rig has no media")

    async def while_live(self, attempt: Attempt) -> None:
        self.lived += 1
        self.changed.set()
        await anyio.sleep_forever()

    async def until(self, holds: Callable[[], bool], seconds: float = 5.0) -> None:
        with anyio.fail_after(seconds):
            while not holds():
                self.changed = anyio.Event()
                await self.changed.wait()

    @property
    def states(self) -> list[str]:
        return [event.state for event in self.events if isinstance(event, ConnectionChange)]

    @property
    def errors(self) -> list[Exception]:
        return [event.error for event in self.events if isinstance(event, ErrorRaised)]

    def diagnostics(self, kind: str) -> list[Mapping[str, Any]]:
        return [event.data for event in self.events if isinstance(event, Diagnostic) and event.kind == kind]


@dataclass
class Rig:
    """A connect loop with its host and its transport."""

    connect_loop: ConnectLoop
    host: AttemptHost
    transport: HeldTransport

    @classmethod
    def make(
        cls,
        url: str | None,
        *,
        desired: DesiredState = DesiredState(),  # noqa: B008 - frozen
        policy: ReconnectPolicy | None = QUICK,
        initial_state: InitialState = "before-media",
        timeout: float = 5.0,
        publishes: bool = True,
        secrets: Secrets | None = None,
    ) -> Rig:
        host, transport = AttemptHost(), HeldTransport(initial_state=initial_state)
        plan = Plan(
            transport=transport,
            url=url,
            agent="test",
            secrets=secrets or Secrets(),
            publishes=publishes,
            tracks=list,
            timeout=timeout,
        )
        return cls(ConnectLoop(plan, policy, desired, host), host, transport)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.connect_loop.run)
            await self.host.until(lambda: self.connect_loop.live is not None)
            yield
            tasks.cancel_scope.cancel()
