"""How many pictures a second a track gives."""

from __future__ import annotations

from realtime_fast._native import VideoMeter

_USUAL = 30
_FEWER, _MORE = 0.7, 1.15
"""A rate within these multiples of the one that is believed is no other rate."""
_LASTING = 2.0
"""Seconds that another rate must last: a track that stalls, and what it catches up with afterwards, last less."""


class SourceRate:
    """The frame rate of a track, steady where its pictures merely stall.

    Attributes:
        fps: Whole pictures a second; what is usual until it is known better.
    """

    def __init__(self) -> None:
        self.fps = _USUAL
        self._meter = VideoMeter()
        self._other_since: float | None = None

    def add(self, now: float, pictures: int = 1) -> None:
        """Count pictures that came by `now`, in seconds."""
        for _ in range(pictures):
            self._meter.add(now, 0, 0)
        measured = round(self._meter.rate(now))
        if _FEWER * self.fps < measured < _MORE * self.fps:
            self._other_since = None
        elif self._other_since is None:
            self._other_since = now
        elif now - self._other_since >= _LASTING:
            self.fps, self._other_since = max(1, measured), None
