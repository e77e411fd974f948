"""Records received video and audio across reconnects, on a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

import anyio
import av
from av import AudioFrame, VideoFrame

from realtime_fast.errors import RealtimeError
from realtime_fast.media.destination import Destination
from realtime_fast.media.tracks import ReceivedTrack
from realtime_fast.media.writer import Writer

logger = logging.getLogger(__name__)

BACKLOG = 160
"""Frames queued for writing, two seconds of both kinds; then the oldest are dropped, since a hanging disk must not
fill memory."""

_WAIT_FOR_PICTURES = 10.0
"""Seconds that sound waits for pictures that were announced: a file's streams are fixed at its beginning. Pictures wait
for no sound, whose form is known before it comes."""
_LATE, _EARLY, _BACK = 2.0, 3.0, 0.1
"""Seconds that a frame may be behind its arrival, ahead of it, and before the last one of its track; beyond, its time
stamps have jumped."""
_CLOSE_LIMIT = 10.0
"""Seconds for finishing a file."""

_Timed: TypeAlias = tuple[float, VideoFrame | AudioFrame]


class Recorder:
    """Records the tracks that are added; `recorder.add` fits `on_remote_stream`.

    Tracks of later connections continue at the current time: a gap in the media is a gap in the recording. Pictures of
    another size are scaled to that of the first one. Without any frame no file is written. `aclose`, or leaving the
    `async with` block, finishes the file, also when cancelled.

    A disk that is full, or a far end of a live stream that refuses or goes away, ends the recording and nothing else: a
    warning says so at once, and `aclose` raises it. Nothing is sent a second time; record anew for that.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Check that `path` can be written.

        Args:
            path: A file, whose suffix .mp4 or .webm selects the format, or the `rtmp://`, `rtmps://` or `srt://` URL of
                a live stream to send.

        Raises:
            InvalidInputError: It is neither, or cannot be written.
        """
        self._destination = Destination.parse(path)
        self._queue: queue.Queue[_Timed | None] = queue.Queue(BACKLOG)
        self._lanes: dict[str, _Lane] = {}
        self._begin: float | None = None
        self._closed = False
        self._dropped = 0
        self._writer: Writer | None = None
        self._finished: Future[None] = Future()
        self._finished.set_running_or_notify_cancel()  # a waiter that is cancelled must not cancel it
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path | None:
        """The file, None for a live stream."""
        return self._destination.path

    @property
    def pictures(self) -> int:
        """Pictures written so far."""
        return 0 if self._writer is None else self._writer.pictures

    @property
    def dropped(self) -> int:
        """Frames dropped because they arrived faster than they could be written."""
        return self._dropped

    def add(self, track: ReceivedTrack) -> None:
        """Record `track` from now on, in place of an earlier one of its kind."""
        lane = self._lanes[track.kind] = _Lane()

        def observe(frame: VideoFrame | AudioFrame) -> None:
            if self._lanes[track.kind] is lane and not self._closed and not self._finished.done():
                now = time.monotonic()
                self._begin = now if self._begin is None else self._begin
                self._put((lane.place(frame, now - self._begin), frame))

        track.observers.append(observe)

    async def aclose(self) -> None:
        """Finish the file; idempotent.

        Raises:
            RealtimeError: It could not be written.
        """
        if not self._closed:
            self._closed = True
            self._put(None)
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_LIMIT) as limit:
            await asyncio.wrap_future(self._finished)
        if limit.cancelled_caught:
            raise RealtimeError(
                f"The recording {self._destination.shown} was not finished within {_CLOSE_LIMIT:g} s"
            )
        self._thread.join()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            await self.aclose()
        except RealtimeError:
            if kind is None:
                raise
            logger.exception("The recording failed beside another error")

    def _put(self, item: _Timed | None) -> None:
        while True:
            try:
                self._queue.put_nowait(item)
                return
            except queue.Full:
                with suppress(queue.Empty):
                    self._queue.get_nowait()
                    self._dropped += 1

    def _run(self) -> None:
        """Write what is queued until None comes; the body of the thread."""
        try:
            held = self._first_frames()
            if held:
                picture = next((frame for _, frame in held if isinstance(frame, VideoFrame)), None)
                writer = self._writer = Writer(self._destination, picture, has_sound="audio" in self._lanes)
                try:
                    for at, frame in sorted(held, key=lambda timed: timed[0]):
                        writer.write(at, frame)
                    while (timed := self._queue.get()) is not None:
                        writer.write(*timed)
                except BaseException:
                    writer.abandon()
                    raise
                writer.finish()
                self._tell_what_is_missing(writer)
        except Exception as exc:  # noqa: BLE001 - closing the recorder raises it
            error = self._failure(exc)
            logger.warning("%s", error)
            self._finished.set_exception(error)
        else:
            self._finished.set_result(None)

    def _failure(self, cause: Exception) -> Exception:
        if not isinstance(cause, av.FFmpegError | OSError):
            return cause
        reason = cause.strerror or type(cause).__name__
        error = RealtimeError(f"The recording {self._destination.shown} could not be written: {reason}")
        if self.path is not None:  # the text of the cause names what was opened: with a stream's key
            error.__cause__ = cause
        return error

    def _first_frames(self) -> list[_Timed]:
        """Frames up to the one that shows which streams the file needs: the first picture, if any was announced."""
        held: list[_Timed] = []
        deadline: float | None = None
        while True:
            try:
                patience = None if deadline is None else max(0.0, deadline - time.monotonic())
                timed = self._queue.get(timeout=patience)
            except queue.Empty:
                return held
            if timed is None:
                self._queue.put(None)  # put back for the main loop
                return held
            held.append(timed)
            deadline = deadline or time.monotonic() + _WAIT_FOR_PICTURES
            if isinstance(timed[1], VideoFrame) or "video" not in self._lanes:
                return held

    def _tell_what_is_missing(self, writer: Writer) -> None:
        for kind, count in writer.left_out.items():
            logger.warning(
                "The recording %s is without %d %s: none had come when it began",
                self._destination.shown,
                count,
                kind,
            )
        if self._dropped:
            logger.warning(
                "The recording %s is without %d frames: they came faster than they could be written",
                self._destination.shown,
                self._dropped,
            )


@dataclass(slots=True)
class _Lane:
    """One track's timeline, shifted to where its first frame arrived, and anew wherever its time stamps jump."""

    shift: float | None = None
    last: float = float("-inf")
    step: float = 0.0
    """Seconds between the last two frames that no jump parts."""

    def place(self, frame: VideoFrame | AudioFrame, now: float) -> float:
        own = frame.time
        if own is None:
            self.last = max(now, self.last)
            return self.last
        if self.shift is None:
            self.shift = now - own
        elif max(now - _LATE, self.last - _BACK) <= own + self.shift <= now + _EARLY:
            self.step = max(0.0, own + self.shift - self.last)
        else:
            self.shift = max(now, self.last + self.step) - own
        self.last = own + self.shift
        return self.last
