"""RTP timestamps of what is sent: the source's own time where it makes sense, the clock's where it does not."""

from __future__ import annotations

import secrets

DISCONTINUITY = 1.0
"""Seconds by which a source may drift from the clock before it counts as having jumped."""


class RtpClock:
    """Gives each frame of one stream its timestamp, in ticks of `rate`.

    Timestamps only grow. They follow the frames' own times, so that an uneven reader does not make an uneven stream;
    a source without times, or one whose times jump (a clip that begins again, another track), goes on with the clock.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._base = secrets.randbits(31)
        self._began: float | None = None
        self._offset = 0.0
        self._last = -1

    def timestamp(self, own: float | None, now: float) -> int:
        """The 32 bits for a frame.

        Args:
            own: The frame's own time in seconds, None if it has none.
            now: When it is sent, in seconds of one monotonic clock.
        """
        if self._began is None:
            self._began = now
        elapsed = now - self._began
        if own is None:
            at = elapsed
        else:
            if self._last < 0 or abs(own - self._offset - elapsed) > DISCONTINUITY:
                self._offset = own - elapsed
            at = own - self._offset
        self._last = max(self._last + 1, round(at * self._rate))
        return (self._base + self._last) & 0xFFFFFFFF
