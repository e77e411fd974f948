"""One session, measured: connects, feeds a `Run`, and shows it while it lasts: what `demo` and `measure` are.

Whatever ends it, Ctrl-C included, the session, the recording and the log are ended in order.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from av import AudioFrame, VideoFrame

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.cli.live_view import LiveView
from realtime_fast.client.publisher import RealtimeClient
from realtime_fast.diagnostics.event_log import event_fields
from realtime_fast.errors import ConnectTimeoutError, RealtimeError
from realtime_fast.events import ErrorRaised
from realtime_fast.media.recorder import Recorder
from realtime_fast.media.sources import MediaSource, open_source
from realtime_fast.media.tracks import ReceivedTrack
from realtime_fast.models import realtime
from realtime_fast.options import (
    DEFAULT_ICE_SERVERS,
    Exporter,
    LatencyTracking,
    ModelState,
    Prompt,
    RealtimeConnectOptions,
    ReconnectPolicy,
)
from realtime_fast.report import Run
from realtime_fast.session.event_hub import EventStream

STATS_INTERVAL_MS = 1000.0

LAST_EVENTS_LIMIT = 1.0
"""Seconds for the events of a session that has ended."""


@dataclass(frozen=True, kw_only=True)
class Streaming:
    """What to send where, and how to measure it.

    Attributes:
        input: A video file, a camera or `synthetic`.
        model: Its name.
        prompt: To begin with; None for passthrough.
        image: To begin with; None for no image.
        transport: How media travels.
        probe_interval_ms: Milliseconds between two markers; 0 marks every frame.
        seconds: How long to stream from the first picture on; None until interrupted.
        output: The recording: a file or a live stream, None for none.
        exporters: What keeps the events.
        first_frame_limit: Seconds the first picture may take; None for any time.
        reconnect: The reconnect policy.
        local: Whether the service is on this machine, so that no STUN server is asked.
        integration: Names the command to the service.
    """

    input: str
    model: str
    prompt: str | None = None
    image: str | None = None
    transport: Any = "webrtc"
    probe_interval_ms: float = 0.0
    seconds: float | None = None
    output: str | None = None
    exporters: Sequence[Exporter] = ()
    first_frame_limit: float | None = None
    reconnect: ReconnectPolicy | None = None
    local: bool = False
    integration: str = "demo"


class Stream:
    """A session in the making and while it lasts.

    Attributes:
        run: What happens in it.
        cpu_cores: Processor time of this process since the first picture, in cores; None before its end.
    """

    def __init__(self, settings: Streaming, view: LiveView) -> None:
        self.run = Run()
        self.cpu_cores: float | None = None
        self._settings = settings
        self._view = view
        self._error: RealtimeError | None = None
        self._first = anyio.Event()
        self._over = anyio.Event()
        self._began = 0.0

    @asynccontextmanager
    async def connected(self, base_url: str, api_key: str) -> AsyncIterator[RealtimeClient]:
        """Connect, and measure for the length of the block; the body may talk to the client.

        Raises:
            RealtimeError: The session cannot be made.
        """
        settings = self._settings
        model = realtime(settings.model)
        async with AsyncExitStack() as stack:
            recorder = await stack.enter_async_context(Recorder(settings.output)) if settings.output else None
            source: MediaSource = await stack.enter_async_context(
                open_source(settings.input, loop=True, size=(model.width, model.height), fps=model.fps)
            )

            def received(track: ReceivedTrack) -> None:
                if track.kind == "video":
                    track.observers.append(self._picture)
                if recorder is not None:
                    recorder.add(track)

            prompt = None if settings.prompt is None else Prompt(settings.prompt)
            connection = RealtimeClient.connect(
                base_url,
                api_key,
                source,
                RealtimeConnectOptions(
                    model,
                    received,
                    initial_state=ModelState(prompt=prompt, image=settings.image),
                    transport=settings.transport,
                    latency_tracking=LatencyTracking(
                        composite=True,
                        pixel_marker=True,
                        frame_timing=True,
                        probe_interval_ms=settings.probe_interval_ms,
                    ),
                    stats_interval_ms=STATS_INTERVAL_MS,
                    exporters=settings.exporters,
                    reconnect=settings.reconnect,
                    ice_servers=() if settings.local else DEFAULT_ICE_SERVERS,
                ),
                settings.integration,
            )
            self._began = time.monotonic()
            self._feed("session", {"transport": settings.transport, "model": settings.model})
            tasks = await stack.enter_async_context(owned_tasks())
            stack.enter_context(self._view.shown(self.run, settings.seconds))
            tasks.start_soon(self._refresh)
            tasks.start_soon(self._listen, connection.events())
            try:
                async with connection as client:
                    yield client
            finally:
                with anyio.move_on_after(LAST_EVENTS_LIMIT, shield=True):
                    await self._over.wait()
                self._feed("end", {})

    async def stay(self) -> None:
        """Stream for as long as the settings say, or until the session is lost for good.

        Raises:
            ConnectTimeoutError: No picture came in time.
            RealtimeError: What ended the session.
        """
        settings = self._settings
        with anyio.move_on_after(settings.first_frame_limit) as waiting:
            await self._first.wait()
        if waiting.cancelled_caught and settings.first_frame_limit is not None:
            raise ConnectTimeoutError(
                "first-picture", settings.first_frame_limit, transport=settings.transport
            )
        cpu, began = time.process_time(), time.monotonic()
        try:
            with anyio.move_on_after(settings.seconds):
                await self._over.wait()
        finally:
            spent = (time.process_time() - cpu) / (time.monotonic() - began)
            self.cpu_cores = round(spent, 3)
        if self._over.is_set() and self._error is not None:
            raise self._error

    async def _listen(self, events: EventStream) -> None:
        async for event in events:
            if isinstance(event, ErrorRaised):
                self._error = event.error
            self._feed(event.name, event_fields(event))
        self._over.set()

    async def _refresh(self) -> None:
        while True:
            await anyio.sleep(self._view.interval)
            self._view.refresh()

    def _picture(self, _: VideoFrame | AudioFrame) -> None:
        if not self._first.is_set():
            self._first.set()
            self.run.first_frame_ms = round(1000 * (time.monotonic() - self._began), 1)

    def _feed(self, event: str, fields: Mapping[str, Any]) -> None:
        self.run.feed({"t": time.time() * 1000, "event": event, **fields})
