"""A session: everything that outlives a connection, and the owner of all tasks.

Events, desired state and media taps live here; the connect loop makes the connections. One owner task holds the scope
open from `start` to `stop`, so that the same session serves `await` and `async with`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
from aiortc import MediaStreamTrack
from anyio.abc import TaskGroup
from av import AudioFrame, VideoFrame

from realtime_fast.aio.callers import is_own_cancellation
from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.diagnostics.latency_tracker import LatencyTracker
from realtime_fast.diagnostics.quality import QualityMonitor
from realtime_fast.diagnostics.quality_figures import QualityFigures
from realtime_fast.diagnostics.stall import Stall, StallDetector
from realtime_fast.diagnostics.telemetry_sender import TelemetrySender
from realtime_fast.errors import RealtimeError
from realtime_fast.events import (
    ConnectionChange,
    ConnectionQuality,
    Diagnostic,
    ErrorRaised,
    Event,
    QueuePosition,
    RemoteTrack,
    ServerMetrics,
    StatsSample,
)
from realtime_fast.frames import PixelFormat
from realtime_fast.latency import LatencySnapshot
from realtime_fast.media.frame_stream import FrameStream
from realtime_fast.media.tracks import LocalMedia, ReceivedTrack, SentTrack
from realtime_fast.options import LatencyTracking, QualityBands, ReconnectPolicy
from realtime_fast.redaction import Secrets
from realtime_fast.session.attempt import Attempt, Plan
from realtime_fast.session.connect_loop import ConnectLoop
from realtime_fast.session.core import DesiredState, Identified
from realtime_fast.session.event_hub import EventHub
from realtime_fast.session.exporting import Export
from realtime_fast.stats import StatsParser
from realtime_fast.transports.base import MediaLink, Transport

logger = logging.getLogger(__name__)

FAREWELL_GRACE = 0.25
"""Seconds for callbacks and the final report when a session ends."""

QUALITY_INTERVAL = 1.0
"""Seconds between samples where no statistics are asked for: quality is judged all the same."""

STALL_INTERVAL = 0.5
"""Seconds between looks for a stall."""


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """The settings of a session."""

    transport: Transport
    url: str | None = field(repr=False)
    agent: str
    secrets: Secrets
    timeout: float
    reconnect: ReconnectPolicy | None
    media: LocalMedia
    desired: DesiredState
    on_remote_stream: Callable[[Any], object] | None = None
    latency_tracking: LatencyTracking | None = None
    stats_interval: float | None = None
    telemetry: TelemetrySender | None = None
    began: float = field(default_factory=time.monotonic)
    quality: QualityMonitor = field(default_factory=lambda: QualityMonitor(QualityBands()))
    exports: Sequence[Export] = ()


class Session:
    """One client's session: the host of its attempts."""

    def __init__(self, settings: SessionSettings, hub: EventHub) -> None:
        self.hub = hub
        self.identity: Identified | None = None
        self.queue_position: QueuePosition | None = None
        self._settings = settings
        self._media = settings.media
        self._telemetry = settings.telemetry
        self._tracker = self._make_tracker(settings)
        self._parser = StatsParser()
        self._quality = settings.quality
        self._figures = QualityFigures()
        self._has_picture = False
        self._stall = StallDetector()
        self._unread = 0
        self._video: ReceivedTrack | None = None
        # Held weakly: a stream that nobody reads is collected, and its thread ends.
        self._streams: weakref.WeakSet[FrameStream] = weakref.WeakSet()
        self._counted: weakref.WeakKeyDictionary[FrameStream, int] = weakref.WeakKeyDictionary()
        self._dead: weakref.WeakSet[MediaStreamTrack] = weakref.WeakSet()
        plan = Plan(
            transport=settings.transport,
            url=settings.url,
            agent=settings.agent,
            secrets=settings.secrets,
            publishes=bool(self._media.tracks),
            tracks=self._tracks,
            timeout=settings.timeout,
        )
        self.connect_loop = ConnectLoop(plan, settings.reconnect, settings.desired, self)
        self._serving = anyio.CancelScope()
        self._decided = anyio.Event()
        self._over = anyio.Event()
        self._failure: RealtimeError | None = None
        self._callbacks: TaskGroup | None = None

    @property
    def quality(self) -> ConnectionQuality | None:
        """The newest verdict on the connection, None before the first sample."""
        return self._quality.current

    def latency(self) -> LatencySnapshot | None:
        """What is known about latency now; None if it is not tracked."""
        return None if self._tracker is None else self._tracker.snapshot()

    # Lifetime

    async def start(self) -> None:
        """Connect; the session then lives until `stop`.

        Raises:
            RealtimeError: Connecting failed; nothing of the session remains.
        """
        # The one task outside of any task group: it holds the group, and `stop` ends it.
        self._owner = asyncio.create_task(self._own(), name="realtime_fast session")  # noqa: TID251
        try:
            await self._decided.wait()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.stop()
            raise
        if self._failure is not None:
            await self._over.wait()
            raise self._failure

    async def stop(self) -> None:
        """End the session and wait until nothing of it remains; idempotent."""
        self._serving.cancel()
        await self._over.wait()

    async def _own(self) -> None:
        try:
            async with owned_tasks() as self._callbacks:
                told = anyio.Event()
                self._callbacks.start_soon(self._tell, told)
                try:
                    with self._serving:
                        await self._serve()
                finally:
                    self._decided.set()
                    self.hub.close()
                    for export in self._settings.exports:
                        export.close()
                    with anyio.move_on_after(FAREWELL_GRACE, shield=True):
                        await told.wait()
        finally:
            for stream in tuple(self._streams):
                stream.close()
            self._over.set()

    async def _serve(self) -> None:
        try:
            async with owned_tasks() as tasks:
                if self._telemetry is not None:
                    tasks.start_soon(self._part, "Telemetry", self._telemetry.run)
                await self.connect_loop.run()
        except RealtimeError as failure:
            self._failure = failure
        except (Exception, asyncio.CancelledError) as error:
            if is_own_cancellation(error):
                raise
            self._failure = self._died("The session", error)

    async def _tell(self, told: anyio.Event) -> None:
        """Deliver and export events until both are closed."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.hub.deliver, self._spawn)
            for export in self._settings.exports:
                tasks.start_soon(export.run)
        told.set()

    def _spawn(self, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._callbacks is not None:
            self._callbacks.start_soon(body)

    # What attempts ask of their host

    def emit(self, event: Event) -> None:
        """Raise an event, and pass it to latency tracking, telemetry and exporters."""
        self.hub.emit(event)
        for export in self._settings.exports:
            export.put(event)
        match event:
            case ServerMetrics() if self._tracker is not None:
                self._tracker.figures(event)
            case QueuePosition():
                self.queue_position = event
            case ConnectionChange():
                self.queue_position = None
            case Diagnostic() if self._telemetry is not None:
                self._telemetry.buffer.add_diagnostic(event.kind, event.data, event.timestamp)
            case StatsSample() if self._telemetry is not None:
                self._telemetry.buffer.add_stats(event.stats.to_dict())
            case _:
                pass

    def identified(self, session: Identified) -> None:
        """The service named the session."""
        self.identity = session
        if self._telemetry is not None:
            self._telemetry.buffer.identified(session.session_id)

    def received(self, track: MediaStreamTrack) -> Callable[[], Awaitable[None]]:
        """A remote track arrived: hand it to the user; returns what reads it."""
        received = ReceivedTrack(track, partial(self._died, f"An observer of the received {track.kind}"))
        if track.kind == "video":
            received.observers.append(self._incoming)
            self._video = received
        self.emit(RemoteTrack(received))
        if self._settings.on_remote_stream is not None:
            try:
                self._settings.on_remote_stream(received)
            except (Exception, asyncio.CancelledError):  # no await is between: the caller's own
                logger.exception("on_remote_stream failed")
        return received.pump

    def stream_failed(self, error: Exception) -> None:
        """The encoder of a sent track failed; it is made anew for the next frame."""
        self._died("The encoder of a local track", error)

    async def while_live(self, attempt: Attempt) -> None:
        """Sample and probe while the connection is live."""
        self._decided.set()
        async with owned_tasks() as tasks:
            tasks.start_soon(self._part, "Stall detection", self._watch_stall)
            if attempt.link is not None:
                tasks.start_soon(self._part, "Statistics", partial(self._sample, attempt.link))
            if self._tracker is not None:
                self._tracker.connected(self._settings.transport.name)
                tasks.start_soon(self._part, "Latency tracking", partial(self._tracker.run, attempt.send))
            await anyio.sleep_forever()

    async def _part(self, name: str, body: Callable[[], Awaitable[None]]) -> None:
        """Run a part of the session that the others can do without."""
        try:
            await body()
        except Exception as error:  # noqa: BLE001 - told below; the session goes on
            self._died(name, error)

    def _died(self, what: str, cause: BaseException) -> RealtimeError:
        """Something ended that should not have: tell, once, what and why."""
        transport = self._settings.transport.name
        error = RealtimeError(f"{what} ended on {type(cause).__name__}: {cause}", transport=transport)
        error.__cause__ = cause
        self._settings.secrets.clean_error(error)
        self.emit(ErrorRaised(error))
        return error

    # Media

    def frames(self, format: PixelFormat, *, latest: bool) -> FrameStream:  # noqa: A002
        """A stream of the received pictures, across reconnects; it ends with the session."""
        stream = FrameStream(format, latest)
        if self._over.is_set():
            stream.close()
        self._streams.add(stream)
        return stream

    def _make_tracker(self, settings: SessionSettings) -> LatencyTracker | None:
        if settings.latency_tracking is None:
            return None
        stamps = settings.media.video is not None
        return LatencyTracker(settings.latency_tracking, stamps=stamps, emit=self.emit)

    def _tracks(self) -> Sequence[MediaStreamTrack]:
        return [
            SentTrack(
                track,
                self._tracker if track.kind == "video" else None,
                failed=partial(self._track_died, track),
            )
            for track in self._media.tracks
        ]

    def _track_died(self, track: MediaStreamTrack, cause: BaseException) -> None:
        if track not in self._dead:  # each connection finds out anew
            self._dead.add(track)
            self._died(f"The local {track.kind} track", cause)

    def _incoming(self, frame: VideoFrame | AudioFrame) -> None:
        if not isinstance(frame, VideoFrame):
            return
        now = time.monotonic()
        if not self._has_picture:
            self._has_picture = True
            first_frame_ms = (now - self._settings.began) * 1000
            self._quality.first_frame(first_frame_ms)
            self.emit(Diagnostic("firstFrame", {"duration_ms": first_frame_ms}, time.time() * 1000))
        self._stall_changed(self._stall.picture(now))
        seq = self._tracker.incoming(frame) if self._tracker is not None else None
        for stream in tuple(self._streams):
            stream.put(frame, seq)

    # Samplers

    async def _watch_stall(self) -> None:
        self._stall.restart()
        while True:
            await anyio.sleep(STALL_INTERVAL)
            self._stall_changed(self._stall.tick(time.monotonic()))

    def _stall_changed(self, change: Stall | None) -> None:
        if change is not None:
            data = {"stalled": change.stalled, "duration_ms": change.lasted * 1000}
            at = time.time() - (time.monotonic() - change.at)
            self.emit(Diagnostic("videoStall", data, at * 1000))

    async def _sample(self, link: MediaLink) -> None:
        """Take a sample every interval; a slow one delays the next."""
        wanted = self._settings.stats_interval
        self._parser.reset()
        self._figures.restart()
        self._quality.restart()
        while True:
            await anyio.sleep(wanted or QUALITY_INTERVAL)
            report = self._with_unread(await link.stats())
            now = time.monotonic()
            stats = self._parser.parse(report, now)
            if self._tracker is not None:
                self._tracker.client_rtt_s = stats.connection.current_round_trip_time
            if wanted is not None:
                self.emit(StatsSample(stats))
            fps = self._video.meter.rate(now) if self._video is not None else 0.0
            sample = self._figures.sample(report, stats, fps=fps, latency=self.latency())
            if (verdict := self._quality.update(sample)) is not None:
                self.emit(verdict)

    def _with_unread(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        """The report with the pictures that were decoded, and dropped for the user's own slow loop."""
        for stream in tuple(self._streams):
            self._unread += stream.dropped - self._counted.get(stream, 0)
            self._counted[stream] = stream.dropped
        unread = self._unread
        for id_, entry in report.items():
            if entry.get("type") == "inbound-rtp" and entry.get("kind") == "video":
                dropped = entry.get("framesDropped", 0) + unread
                return {**report, id_: {**entry, "framesDropped": dropped, "framesUnread": unread}}
        return report
