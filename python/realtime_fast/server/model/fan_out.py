"""Fans one stream of frames out to many receivers, each at its own pace, none with outdated pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

import anyio
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.media.tracks import NOTHING
from realtime_fast.stamps import Stamp

Frame = VideoFrame | AudioFrame
T = TypeVar("T")

_ROOM = {"video": 16, "audio": 50}
_PATIENCE = {"video": 0.1, "audio": 0.5}


class Freshest(Generic[T]):
    """A queue for a slow reader: items that have waited too long are skipped, if there are newer ones.

    A burst passes whole if it is read quickly; steady overload drops frames, and never adds more delay than
    `patience`.

    Attributes:
        late: Items skipped by the reader.
    """

    def __init__(self, room: int, patience: float) -> None:
        self._patience = patience
        self._box: DropOldest[tuple[float, T]] = DropOldest(room)
        self.late = 0

    def __len__(self) -> int:
        return len(self._box)

    @property
    def skipped(self) -> int:
        """Items that were never read."""
        return self.late + self._box.dropped

    def put(self, item: T) -> None:
        """Put an item; never waits."""
        self._box.put((time.monotonic(), item))

    async def get(self) -> T:
        """The oldest item that is still fresh, or the newest.

        Raises:
            anyio.EndOfStream: The queue is closed and empty.
        """
        at, item = await self._box.get()
        while len(self._box) and time.monotonic() - at > self._patience:
            self.late += 1
            at, item = await self._box.get()
        return item

    def close(self) -> None:
        """Take no more items and wake the reader; idempotent."""
        self._box.close()


class Outlet(MediaStreamTrack):
    """One receiver's track. It never delays the others: a receiver that falls behind loses the oldest frames.

    Until it is first read it holds only the newest frame, so that nobody begins with an old one.
    """

    def __init__(self, kind: Literal["audio", "video"], leave: Callable[[Outlet], None]) -> None:
        self.kind = kind
        super().__init__()
        self._leave = leave
        self._newest: Frame | None = None
        self._frames: Freshest[Frame] | None = None

    @property
    def depth(self) -> int:
        """Frames waiting for the receiver."""
        return len(self._frames or ())

    @property
    def skipped(self) -> int:
        """Frames this receiver was too slow for."""
        return self._frames.skipped if self._frames else 0

    def put(self, frame: Frame) -> None:
        """Offer a frame; never blocks."""
        if self._frames is None:
            self._newest = frame
        else:
            self._frames.put(frame)

    @property
    def is_timed(self) -> bool:
        """Whether its pictures say something of themselves (see `Stamping`): they do if those said it that came in."""
        return self.kind == "video"

    def stamp_for(self, frame: VideoFrame, timed: bool) -> Stamp:
        """What the pipeline found on the picture this one was made of (see `Stamping`)."""
        return frame.opaque if isinstance(frame.opaque, Stamp) else NOTHING

    async def recv(self) -> Frame:
        """The next frame.

        Raises:
            MediaStreamError: The track has ended.
        """
        if self.readyState != "live":
            raise MediaStreamError
        if self._frames is None:
            self._frames = Freshest(_ROOM[self.kind], _PATIENCE[self.kind])
            if self._newest is not None:
                self._frames.put(self._newest)
                self._newest = None
        try:
            return await self._frames.get()
        except anyio.EndOfStream:
            raise MediaStreamError from None

    def stop(self) -> None:
        """End the track; a waiting receiver learns of it."""
        if self.readyState == "live":
            super().stop()
            self._leave(self)
            self._newest = None
            if self._frames is not None:
                self._frames.close()


class FanOut:
    """Hands each frame of one kind to every outlet."""

    def __init__(self, kind: Literal["audio", "video"]) -> None:
        self.kind = kind
        self._outlets: list[Outlet] = []
        self._skipped = 0

    @property
    def skipped(self) -> int:
        """Frames that some receiver was too slow for, over all receivers so far."""
        return self._skipped + sum(outlet.skipped for outlet in self._outlets)

    @property
    def depth(self) -> int:
        """Frames waiting in the fullest outlet."""
        return max((outlet.depth for outlet in self._outlets), default=0)

    def outlet(self) -> Outlet:
        """A new receiver's track; `stop()` ends it."""
        outlet = Outlet(self.kind, self._left)
        self._outlets.append(outlet)
        return outlet

    def put(self, frame: Frame) -> None:
        """Hand a frame to all receivers; never blocks."""
        for outlet in self._outlets:
            outlet.put(frame)

    def close(self) -> None:
        """End every outlet."""
        for outlet in tuple(self._outlets):
            outlet.stop()

    def _left(self, outlet: Outlet) -> None:
        self._outlets.remove(outlet)
        self._skipped += outlet.skipped
