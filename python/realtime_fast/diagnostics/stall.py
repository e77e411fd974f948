"""When received video counts as stalled (docs/protocol.md, Diagnostics). Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

STALL_AFTER: Final = 2.0
"""Seconds without a picture after which video is stalled: it comes at less than 0.5 a second."""

STEADY_GAP: Final = 1.0
"""Seconds between two pictures up to which they count towards the end of a stall."""

STEADY_GAPS: Final = 2
"""So many such gaps in a row end a stall: pictures that come one by one every other second do not."""


class Stall(NamedTuple):
    """The beginning or the end of a stall.

    Attributes:
        stalled: Whether it is the beginning.
        at: When it began, with the last picture before it, or ended, with the first after it.
        lasted: Seconds between the two; 0 at the beginning.
    """

    stalled: bool
    at: float
    lasted: float


class StallDetector:
    """Watches pictures arrive, over all connections of a session; times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._since: float | None = None
        self._back: float | None = None
        self._steady = 0

    @property
    def stalled(self) -> bool:
        """Whether video is stalled."""
        return self._since is not None

    def restart(self) -> None:
        """A new connection, whose first picture may take its time. A stall goes on until pictures are back."""
        self._last = self._back = None

    def picture(self, at: float) -> Stall | None:
        """Take a picture that came at `at`; the end of a stall that is known by it, else None."""
        gap = None if self._last is None else at - self._last
        self._last = at
        if self._since is None:
            # One that nobody has looked for meanwhile is over before it was noticed.
            return None
        if gap is None or gap > STEADY_GAP or self._back is None:
            self._back, self._steady = at, 0
            return None
        self._steady += 1
        if self._steady < STEADY_GAPS:
            return None
        ended = Stall(False, self._back, self._back - self._since)
        self._since = self._back = None
        return ended

    def tick(self, now: float) -> Stall | None:
        """Look at the clock; the beginning of a stall that is known by it, else None."""
        if self._since is not None or self._last is None or now - self._last < STALL_AFTER:
            return None
        self._since = self._last
        return Stall(True, self._since, 0.0)
