"""How one stream of frames reaches many receivers, each at its own pace."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal

import anyio
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

Frame = VideoFrame | AudioFrame

_ROOM = {"video": 3, "audio": 50}
"""Frames an outlet holds for a receiver that is behind; the oldest go first. One second of sound."""


class Outlet(MediaStreamTrack):
    """One receiver's track. It never holds the others up: a receiver that is behind loses the oldest frames.

    Until it is first read it holds only the newest one, so that nobody begins with the past.

    Attributes:
        skipped: Frames this receiver was too slow for.
    """

    def __init__(self, kind: Literal["audio", "video"], leave: Callable[[Outlet], None]) -> None:
        self.kind = kind
        super().__init__()
        self.skipped = 0
        self._leave = leave
        self._read = False
        self._frames: deque[Frame] = deque()
        self._wake = anyio.Event()

    @property
    def depth(self) -> int:
        """Frames waiting for the receiver."""
        return len(self._frames)

    def put(self, frame: Frame) -> None:
        """Offer a frame; never blocks."""
        if len(self._frames) >= (_ROOM[self.kind] if self._read else 1):
            self._frames.popleft()
            self.skipped += self._read
        self._frames.append(frame)
        self._wake.set()

    async def recv(self) -> Frame:
        """The next frame.

        Raises:
            MediaStreamError: The track has ended.
        """
        self._read = True
        while not self._frames:
            if self.readyState != "live":
                raise MediaStreamError
            self._wake = anyio.Event()
            await self._wake.wait()
        return self._frames.popleft()

    def stop(self) -> None:
        """End the track; a waiting receiver learns of it."""
        if self.readyState == "live":
            super().stop()
            self._leave(self)
            self._frames.clear()
            self._wake.set()


class Fan:
    """Hands each frame of one kind to every outlet."""

    def __init__(self, kind: Literal["audio", "video"]) -> None:
        self.kind = kind
        self._outlets: list[Outlet] = []
        self._skipped = 0

    @property
    def skipped(self) -> int:
        """Frames that some receiver never got, over all receivers so far."""
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
