"""What a track's frames tell about it, in the terms of W3C webrtc-stats; aiortc counts none of it."""

from __future__ import annotations

from collections import deque
from typing import Any

FREEZE_WINDOW = 30
"""Gaps between frames whose mean says what a freeze is (webrtc-stats, freezeCount)."""
FREEZE_MARGIN = 0.15
"""Seconds by which a gap must exceed the mean, where three times the mean is less."""


class VideoMeter:
    """Counts the frames of one video track: number, size, rate, gaps and freezes."""

    def __init__(self) -> None:
        self.frames = 0
        self.width = 0
        self.height = 0
        self._last: float | None = None
        self._recent: deque[float] = deque()
        self._gaps: deque[float] = deque(maxlen=FREEZE_WINDOW)
        self._total_gap = 0.0
        self._total_squared_gap = 0.0
        self._freezes = 0
        self._frozen = 0.0

    def add(self, now: float, width: int, height: int) -> None:
        """Count a frame of this size that came at `now` (monotonic seconds)."""
        if self._last is not None:
            self._add_gap(max(0.0, now - self._last))
        self._last = now
        self.frames += 1
        self.width, self.height = width, height
        self._recent.append(now)
        self._forget(now)

    def rate(self, now: float) -> int:
        """Frames within the last second."""
        self._forget(now)
        return len(self._recent)

    def inbound(self, now: float) -> dict[str, Any]:
        """The fields of an `inbound-rtp` entry that come from frames."""
        return {
            "framesReceived": self.frames,
            "framesDecoded": self.frames,
            "framesPerSecond": self.rate(now),
            "frameWidth": self.width,
            "frameHeight": self.height,
            "totalInterFrameDelay": self._total_gap,
            "totalSquaredInterFrameDelay": self._total_squared_gap,
            "freezeCount": self._freezes,
            "totalFreezesDuration": self._frozen,
        }

    def outbound(self, now: float) -> dict[str, Any]:
        """The fields of an `outbound-rtp` entry that come from frames."""
        return {
            "framesSent": self.frames,
            "framesPerSecond": self.rate(now),
            "frameWidth": self.width,
            "frameHeight": self.height,
        }

    def _add_gap(self, gap: float) -> None:
        if self._gaps:
            mean = sum(self._gaps) / len(self._gaps)
            if gap >= max(3 * mean, mean + FREEZE_MARGIN):
                self._freezes += 1
                self._frozen += gap
        self._gaps.append(gap)
        self._total_gap += gap
        self._total_squared_gap += gap * gap

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()
