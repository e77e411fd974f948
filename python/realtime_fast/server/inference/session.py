"""An inference session: connects the core with a control channel, a media path and a model."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

import anyio

from realtime_fast.control import messages
from realtime_fast.errors import RealtimeError, TransportName
from realtime_fast.models import ModelDefinition
from realtime_fast.options import VideoCodec
from realtime_fast.peer.link_events import TrackArrived
from realtime_fast.server.faults import Faults
from realtime_fast.server.inference.conversation import Channel, Conversation
from realtime_fast.server.inference.core import (
    Apply,
    Close,
    InferenceCore,
    Negotiate,
    Output,
    Outputs,
    Phase,
    Record,
    Send,
    StampNext,
)
from realtime_fast.server.inference.metrics import LinkMeter
from realtime_fast.server.inference.webrtc_path import MediaPath, webrtc_path
from realtime_fast.server.model.effect import Effect, ImageError, Inset
from realtime_fast.server.model.pipeline import Pipeline
from realtime_fast.server.network import Network

KEPT = 256
"""How many items of each kind in `Received` are kept for inspection."""

LARGE_CELL = 8
"""Pixels on a side of the marker's cells that `pixel_latency=1` asks for, where media is in a room."""

WRONG_PROMPT = "not the prompt that was sent"
FAILED = "The service was told to fail"


@dataclass(frozen=True, kw_only=True)
class SessionRequest:
    """What the client asked for in the control channel's URL."""

    model: ModelDefinition
    resolution: str | None = None
    latency_diagnostics: bool = False
    pixel_latency: bool = False
    livekit_codec: VideoCodec = "h264"
    transport: TransportName = "webrtc"


@dataclass
class Received:
    """The newest messages of a client, for inspection.

    Attributes:
        prompts: The prompts that took effect, in order, with the initial one; None for passthrough.
        images: SHA-256 (hex) of each reference image, None where it was cleared.
        probes: Numbers of the `latency_probe` messages.
        reports: The `e2e_latency_report` messages.
    """

    prompts: deque[str | None] = field(default_factory=lambda: deque(maxlen=KEPT))
    images: deque[str | None] = field(default_factory=lambda: deque(maxlen=KEPT))
    probes: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT))
    reports: deque[messages.E2eLatencyReport] = field(default_factory=lambda: deque(maxlen=KEPT))


OpenPath: TypeAlias = Callable[["InferenceSession"], AbstractAsyncContextManager[MediaPath]]
"""Opens a session's media path: a peer connection, a stage, or a room."""


def over_webrtc(network: Network | None) -> OpenPath:
    """The media path of WebRTC sessions; `network` lies between the service and the client."""

    def open_path(session: InferenceSession) -> AbstractAsyncContextManager[MediaPath]:
        pipeline = session.pipeline
        return webrtc_path(
            session.report, lambda: (pipeline.video.outlet(), pipeline.audio.outlet()), network
        )

    return open_path


class InferenceSession(Conversation):
    """One client's inference session.

    Attributes:
        request: The client's request.
        received: What the client sent.
        pipeline: Its model pipeline.
        waits_for_state: Whether the client has announced a prompt or an image.
        has_state: Set once a prompt or an image has been applied.
    """

    def __init__(
        self,
        session_id: str,
        channel: Channel,
        faults: Faults,
        *,
        request: SessionRequest,
        address: tuple[str, int],
        delay: float = 0.0,
        limit: float = float("inf"),
        open_path: OpenPath,
    ) -> None:
        super().__init__(session_id, channel, faults)
        self.request = request
        self.received = Received()
        self.pipeline = Pipeline(delay=delay, on_output=self._output)
        self.pipeline.slow = faults.slow
        self._core = InferenceCore(
            messages.SessionId(session_id=session_id, server_ip=address[0], server_port=address[1]),
            join_first=request.transport == "ivs",
        )
        self.waits_for_state = False
        self.has_state = anyio.Event()
        self._open_path = open_path
        self._limit = limit
        self._live = False
        self._sees = False
        self._meter = LinkMeter()

    @property
    def phase(self) -> Phase:
        """Its progress."""
        return self._core.phase

    @property
    def prompt(self) -> str | None:
        """The current prompt."""
        return self._core.prompt

    @property
    def image(self) -> str | None:
        """SHA-256 (hex) of the current image."""
        return self.received.images[-1] if self.received.images else None

    def stop(self, reason: str, code: int = 1001) -> None:
        """End it with a `generation_ended` message; `run` returns soon after."""
        self._perform_now(self._core.stopped(reason, time.monotonic(), code))

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults."""
        self.pipeline.slow = faults.slow
        self.pipeline.stalled = self.pipeline.halved = False
        super().set_faults(faults)

    def info(self) -> dict[str, Any]:
        """Information about the session, as JSON values."""
        return {
            "id": self.id,
            "model": self.request.model.name,
            "resolution": self.request.resolution,
            "latency_diagnostics": self.request.latency_diagnostics,
            "transport": self.request.transport,
            "phase": self.phase.name.lower(),
            "prompt": self.prompt,
            "image": self.image,
            "passthrough": self._core.passthrough,
            "prompts": list(self.received.prompts),
            "images": list(self.received.images),
            "messages": dict(self.counts),
            "probes": list(self.received.probes),
            "e2e_latency_reports": [
                {name: getattr(report, name) for name in report.__struct_fields__}
                for report in self.received.reports
            ],
            "frames_in": self.pipeline.frames_in,
            "frames_out": self.pipeline.frames_out,
            "markers_read": self.pipeline.markers_read,
            "faults": self.faults.given(),
        }

    @asynccontextmanager
    async def _media(self) -> AsyncIterator[MediaPath]:
        async with self.pipeline.running(), self._open_path(self) as path:
            yield path

    def _opened(self) -> None:
        self._perform_now(self._core.opened())
        self.emit(*self._path.greeting())

    async def _hear(self, message: messages.ClientMessage) -> None:
        for output in self._core.received(message):
            await self._perform(output)

    async def _perform(self, output: Output) -> None:
        match output:
            case Apply(command):
                await self._strike("state")
                error = FAILED if self.faults.ack == "fail" else await self._apply(command)
                await self._acknowledge(self._core.applied(command, error))
            case Negotiate(messages.LivekitJoin() as message):
                self.request = replace(self.request, transport="livekit")
                self.waits_for_state = message.passthrough is False or bool(message.initial_state)
                if self.request.pixel_latency:
                    self.pipeline.cell = LARGE_CELL
                # Beside the reader: what comes meanwhile is acknowledged at once.
                self._tasks.start_soon(self._negotiate, message)
            case Negotiate(message):
                await self._negotiate(message)
            case _:
                self._perform_now((output,))

    def _perform_now(self, outputs: Outputs) -> None:
        """The outputs that need no waiting."""
        for output in outputs:
            match output:
                case Send(message):
                    self.emit(message)
                case Close(code, reason):
                    self._close(code, reason)
                case StampNext(seq):
                    self.received.probes.append(seq)
                    self.pipeline.stamp_next(seq)
                case Record(report):
                    self.received.reports.append(report)
                case Apply() | Negotiate():
                    raise AssertionError("takes time: see _perform")

    async def _apply(self, command: messages.Prompt | messages.SetImage) -> str | None:
        """Change the model's state; returns the error text, None on success."""
        look = self.pipeline.effect
        prompt, inset = look.prompt, look.inset
        if isinstance(command, messages.Prompt):
            prompt = command.prompt
        else:
            if isinstance(command.prompt, str) or command.prompt is None:
                prompt = command.prompt
            if isinstance(command.image_ref, str):
                return "There is no such file: images by reference are not kept here"
            if command.image_data is None:
                inset = None
                self.received.images.append(None)
            elif isinstance(command.image_data, str):
                try:
                    inset = await self._decode(command.image_data)
                except ImageError as error:
                    return str(error)
        self.pipeline.effect = Effect(prompt, inset)
        self.received.prompts.append(prompt)
        self.has_state.set()
        return None

    async def _decode(self, image_data: str) -> Inset:
        def decode() -> tuple[Inset, str]:
            try:
                data = base64.b64decode(image_data, validate=True)
            except (binascii.Error, ValueError):
                raise ImageError("the reference image is not valid base64") from None
            return Inset.decode(data), hashlib.sha256(data).hexdigest()

        inset, digest = await self.pipeline.off_loop(decode)
        self.received.images.append(digest)
        return inset

    async def _acknowledge(self, outputs: Outputs) -> None:
        acks = [output.message for output in outputs if isinstance(output, Send)]
        match self.faults.ack:
            case "never":
                return
            case "twice":
                acks *= 2
            case "wrong":
                acks.insert(0, messages.PromptAck(prompt=WRONG_PROMPT, success=True))
        if not self.faults.ack_delay:
            self.emit(*acks)
            return

        async def late() -> None:
            self.emit(*acks)

        self._tasks.start_soon(self._later, self.faults.ack_delay, late)

    # Media

    def _track_arrived(self, event: TrackArrived) -> None:
        if event.kind == "video":
            self._sees = True
        self._tasks.start_soon(self.pipeline.feed, event.track)

    def _link_lost(self, error: RealtimeError) -> None:
        self.emit(messages.Error(error=f"Media connection lost: {error}"))
        self.stop("media connection lost", 1011)

    async def _connected(self) -> None:
        self._perform_now(self._core.media_up())
        await super()._connected()
        self._live = True
        if not self._sees:
            model = self.request.model
            self._tasks.start_soon(self.pipeline.feed_canvas, model.width, model.height, model.fps)
        # Where media is in a room, the hosted service reports nothing, and its SDKs warn of what they do not know.
        if self.request.transport != "livekit" or self.request.latency_diagnostics:
            self._tasks.start_soon(self._report)

    def _timed_faults(self) -> tuple[tuple[float | None, Callable[[], Awaitable[None]]], ...]:
        async def stall() -> None:
            self.pipeline.stalled = True

        async def resize() -> None:
            self.pipeline.halved = True

        in_room = ((after, partial(self._path.afflict, fault)) for fault, after in self.faults.room.items())
        return (*super()._timed_faults(), (self.faults.stall, stall), (self.faults.resize, resize), *in_room)

    def _output(self) -> None:
        if self._live and not self._over and (outputs := self._core.output_began(time.monotonic())):
            self._perform_now(outputs)
            self._tasks.start_soon(self._tick)

    async def _tick(self) -> None:
        until = time.monotonic() + self._limit
        async for now, _ in seconds():
            self._perform_now(self._core.tick(now))
            if now >= until:
                self.stop("timeout")

    async def _report(self) -> None:
        self.pipeline.figures()  # discards the figures from before the link was up
        async for now, late in seconds():
            self.emit(self._meter.report(self.pipeline.figures(), await self._path.stats(), now, late))


async def seconds() -> AsyncIterator[tuple[float, float]]:
    """Yield once a second: the monotonic time, and the seconds by which the event loop was late."""
    due = time.monotonic()
    while True:
        due += 1.0
        await anyio.sleep(max(0, due - time.monotonic()))
        now = time.monotonic()
        yield now, now - due
