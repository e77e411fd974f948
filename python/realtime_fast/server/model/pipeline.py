"""The model pipeline: queues, the stand-in for the model, delay, and figures.

    remote track ─▶ inbox (newest win) ─▶ model thread: read marker · draw · stamp ─▶ delay line ─▶ outlets

Audio bypasses the model, with the same delay.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TypeVar

import anyio
import anyio.lowlevel
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.video.frame import VideoFrame

from realtime_fast import marker
from realtime_fast.server.model.effect import Effect, canvas
from realtime_fast.server.model.fan_out import FanOut, Frame, Freshest
from realtime_fast.stamps import FrameTiming, Stamp

INBOX = 16
"""Pictures that may wait for the model, as many as a burst brings."""
PATIENCE = 0.1
"""A picture that has waited longer than this is skipped if there is a newer one."""
_RATE_LIMIT = {"video": 60, "audio": 100}
"""Frames a second that a delay line has room for."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Figures:
    """What the pipeline did since the last effect at it; durations in seconds, None where nothing happened."""

    input_fps: float
    output_fps: float
    recv_s: float | None
    latency_s: float | None
    in_depth: int
    out_depth: int
    skipped_in: int
    skipped_out: int


class DelayLine:
    """Delays frames, in order, each from its own arrival."""

    def __init__(self, delay: float, rate_limit: int, deliver: Callable[[Frame, float], None]) -> None:
        self._delay = delay
        self._deliver = deliver
        self._room = int(delay * rate_limit) + rate_limit
        self._held: deque[tuple[float, float, Frame]] = deque()
        self._wake = anyio.Event()
        self.skipped = 0

    def __len__(self) -> int:
        return len(self._held)

    def put(self, frame: Frame, began: float) -> None:
        """Delay a frame; `began` is when it arrived at the service, and is passed on with it."""
        if len(self._held) >= self._room:
            self._held.popleft()
            self.skipped += 1
        self._held.append((time.monotonic() + self._delay, began, frame))
        self._wake.set()

    async def run(self) -> None:
        """Deliver each frame when it is due, until cancelled."""
        while True:
            while not self._held:
                self._wake = anyio.Event()
                await self._wake.wait()
            wait = self._held[0][0] - time.monotonic()
            if wait > 0:
                await anyio.sleep(wait)
                continue
            _, began, frame = self._held.popleft()
            self._deliver(frame, began)
            await anyio.lowlevel.checkpoint()


class Pipeline:
    """The pipeline of one session.

    Attributes:
        video: Distributes the finished pictures.
        audio: Distributes the audio.
        stalled: While true, no picture is sent (fault injection).
        halved: While true, pictures are half as wide and high (fault injection).
        slow: Extra seconds for each picture (fault injection).
        cell: The side of a marker's cells in pixels, as the client stamps them.
    """

    def __init__(self, *, delay: float, on_output: Callable[[], None]) -> None:
        self.video = FanOut("video")
        self.audio = FanOut("audio")
        self.stalled = self.halved = False
        self.slow = 0.0
        self.cell = 1
        self.effect = Effect()
        self._on_output = on_output
        self._inbox: Freshest[tuple[float, VideoFrame]] = Freshest(INBOX, PATIENCE)
        self._requested: deque[int] = deque(maxlen=64)
        self._video_line = DelayLine(delay, _RATE_LIMIT["video"], self._finished)
        self._audio_line = DelayLine(delay, _RATE_LIMIT["audio"], lambda frame, _: self.audio.put(frame))
        self._leaving = threading.Event()
        self._model = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.frames_in = 0
        self.frames_out = 0
        self.markers_read = 0
        self._waited = 0.0
        self._latency = 0.0
        self._last_figures = (time.monotonic(), 0, 0, 0.0, 0.0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the model for the length of the scope; its thread ends with it."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._run_model)
            tasks.start_soon(self._video_line.run)
            tasks.start_soon(self._audio_line.run)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
                self._leaving.set()
                self.video.close()
                self.audio.close()
                # The thread's work is short, but waiting for it here would block the event loop.
                with anyio.CancelScope(shield=True):
                    await self.off_loop(lambda: None)
                self._model.shutdown()

    async def off_loop(self, work: Callable[[], _T]) -> _T:
        """Run something in the model's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._model, work)

    # Commands

    def stamp_next(self, seq: int) -> None:
        """Write this number on the next picture that leaves."""
        self._requested.append(seq)

    # Input

    async def feed(self, track: MediaStreamTrack) -> None:
        """Take all frames of a remote track, to its end."""
        while True:
            waiting_since = time.monotonic()
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            now = time.monotonic()
            if isinstance(frame, VideoFrame):
                self._waited += now - waiting_since
                self._take(frame, now)
            else:
                self._audio_line.put(frame, now)  # type: ignore[arg-type]

    async def feed_canvas(self, width: int, height: int, fps: int) -> None:
        """Generate pictures for a client that sends none, until cancelled."""
        blank = canvas(width, height)
        start = time.monotonic()
        for index in itertools.count():
            await anyio.sleep(max(0, start + index / fps - time.monotonic()))
            frame = await self.off_loop(lambda: Effect().draw(blank))
            frame.pts, frame.time_base = index, Fraction(1, fps)
            self._take(frame, time.monotonic())

    def _take(self, frame: VideoFrame, now: float) -> None:
        self.frames_in += 1
        self._inbox.put((now, frame))

    # Processing

    async def _run_model(self) -> None:
        while True:
            began, frame = await self._inbox.get()
            drawn, seq = await self.off_loop(partial(self._render, frame))
            if seq is not None:
                self.markers_read += 1
            self._video_line.put(drawn, began)

    def _render(self, frame: VideoFrame) -> tuple[VideoFrame, int | None]:
        """Runs in the model's thread; returns the finished picture, and the number of the marker in it.

        What it carries travels beside the pixels, and whoever encodes the picture stamps it.
        """
        if self.slow:
            self._leaving.wait(self.slow)
        effect, seq, said = self.effect, self._read(frame), frame.opaque
        drawn = frame if effect.passthrough else effect.draw(frame)
        if self.halved:
            drawn = _halved(drawn)
        drawn.opaque = Stamp(seq, self.cell, said if isinstance(said, FrameTiming) else None)
        return drawn, seq

    def _read(self, frame: VideoFrame) -> int | None:
        reading = marker.read(frame, cell=self.cell) if self._can_carry(frame) else None
        return reading if isinstance(reading, int) else None

    def _can_carry(self, frame: VideoFrame) -> bool:
        return frame.width >= marker.WIDTH * self.cell and frame.height >= marker.HEIGHT * self.cell

    def _finished(self, frame: Frame, began: float) -> None:
        if self.stalled:
            return
        if self._requested and isinstance(frame, VideoFrame) and self._can_carry(frame):
            stamp = frame.opaque if isinstance(frame.opaque, Stamp) else Stamp()
            frame.opaque = replace(stamp, number=self._requested.popleft())
        self._latency += time.monotonic() - began
        self.frames_out += 1
        self.video.put(frame)
        self._on_output()

    # Figures

    def figures(self) -> Figures:
        """What happened since the last call."""
        now = (time.monotonic(), self.frames_in, self.frames_out, self._waited, self._latency)
        span, came, left, waited, latency = (
            new - old for new, old in zip(now, self._last_figures, strict=True)
        )
        self._last_figures = now
        return Figures(
            input_fps=came / span if span > 0 else 0.0,
            output_fps=left / span if span > 0 else 0.0,
            recv_s=waited / came if came else None,
            latency_s=latency / left if left else None,
            in_depth=len(self._inbox),
            out_depth=len(self._video_line) + self.video.depth,
            skipped_in=self._inbox.skipped,
            skipped_out=self._video_line.skipped + self.video.skipped,
        )


def _halved(frame: VideoFrame) -> VideoFrame:
    smaller = frame.reformat(frame.width // 4 * 2, frame.height // 4 * 2)
    smaller.pts, smaller.time_base = frame.pts, frame.time_base
    return smaller
