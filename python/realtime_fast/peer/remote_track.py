"""What comes out of a decoder, as a track."""

from __future__ import annotations

from typing import Literal

import anyio
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from realtime_fast.aio.drop_oldest import DropOldest

BACKLOG = {"video": 32, "audio": 100}
"""Decoded frames that may wait for a reader."""


class RemoteTrack(MediaStreamTrack):
    """A received track: decoded frames in order, the newest kept for a reader that is late."""

    def __init__(self, kind: Literal["audio", "video"], track_id: str) -> None:
        super().__init__()
        self.kind = kind
        self._track_id = track_id
        self._frames: DropOldest[VideoFrame | AudioFrame] = DropOldest(BACKLOG[kind])

    @property
    def id(self) -> str:
        """That of the far side's description."""
        return self._track_id

    @property
    def dropped(self) -> int:
        """Frames that the reader was too slow for."""
        return self._frames.dropped

    def put(self, frame: VideoFrame | AudioFrame) -> None:
        """Offer a decoded frame; never waits."""
        self._frames.put(frame)

    async def recv(self) -> VideoFrame | AudioFrame:
        """The oldest frame that is still here, or the next one.

        Raises:
            MediaStreamError: The track has ended.
        """
        try:
            return await self._frames.get()
        except anyio.EndOfStream:
            self.stop()
            raise MediaStreamError from None

    def stop(self) -> None:
        """End the track; what waits can still be read."""
        self._frames.close()
        super().stop()
