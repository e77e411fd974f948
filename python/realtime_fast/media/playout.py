"""A received track that is held back a little, for an even pace."""

from __future__ import annotations

import time
from typing import Any

import anyio
from aiortc import MediaStreamTrack
from av.frame import Frame
from av.packet import Packet


class PlayoutTrack(MediaStreamTrack):
    """A remote track whose frames come out at the earliest `min_delay` after the quickest of them could have.

    What arrives unevenly within that time leaves evenly. A frame that is later than that is not held at all.

    Args:
        remote: What is received.
        min_delay: Seconds.
    """

    def __init__(self, remote: MediaStreamTrack, min_delay: float) -> None:
        super().__init__()
        self.kind = remote.kind
        self._remote = remote
        self._min_delay = min_delay
        self._start: float | None = None

    @property
    def id(self) -> str:
        """That of the remote track."""
        return self._remote.id

    async def recv(self) -> Frame | Packet[Any]:
        """The next frame, once it is due.

        Raises:
            MediaStreamError: The remote track has ended.
        """
        frame = await self._remote.recv()
        if frame.pts is None or frame.time_base is None:
            return frame
        now = time.monotonic()
        start = now - float(frame.pts * frame.time_base)  # when the stream began, as this frame tells
        if self._start is None or start < self._start:
            self._start = start
        await anyio.sleep(max(0.0, self._start - start + self._min_delay))
        return frame

    def stop(self) -> None:
        """Stop it, and what it reads."""
        super().stop()
        self._remote.stop()
