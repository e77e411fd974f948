"""One time for all streams of an input whose own time stamps are missing, jump or begin anew. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FORWARD = 3.0
"""Seconds that a stream may be ahead of everything so far; more is a jump, which nobody waits for."""

BACKWARD = 0.2
"""Seconds that a stream may step back; more is a new beginning."""

LEAST = 0.001
"""Seconds between two frames of a stream at least."""


@dataclass(slots=True)
class _Lane:
    """One stream.

    Attributes:
        last: Where its last frame was placed.
        end: Where that ends.
        shift: From its own time stamps to the time here.
        last_pts: The last presentation time stamp.
        last_dts: The last decoding time stamp.
        faulty_pts: How often the former did not grow.
        faulty_dts: How often the latter did not.
    """

    last: float
    end: float
    shift: float | None = None
    last_pts: float | None = None
    last_dts: float | None = None
    faulty_pts: int = 0
    faulty_dts: int = 0

    def better_of(self, pts: float | None, dts: float | None) -> float | None:
        """The time stamp that has been wrong less often: some containers store one kind and make the other up."""
        if dts is not None:
            self.faulty_dts += self.last_dts is not None and dts <= self.last_dts
            self.last_dts = dts
        if pts is not None:
            self.faulty_pts += self.last_pts is not None and pts <= self.last_pts
            self.last_pts = pts
        if self.last_dts is None or (pts is not None and self.faulty_pts <= self.faulty_dts):
            return pts
        return dts


class Timeline:
    """Places the frames of several streams on one time that never jumps.

    A jump moves all streams: the first that jumps decides how far, and the others follow when they come to it.

    Args:
        begin: Where the first frame goes, in seconds.
    """

    def __init__(self, begin: float = 0.0) -> None:
        self._begin = begin
        self._lanes: dict[str, _Lane] = {}
        self._shift: float | None = None

    @property
    def end(self) -> float:
        """Where the last frame so far ends."""
        return max((lane.end for lane in self._lanes.values()), default=self._begin)

    def place(self, stream: str, pts: float | None, duration: float, *, dts: float | None = None) -> float:
        """Where a frame goes, in seconds; always after the last one of its stream.

        Args:
            stream: Whose frame.
            pts: When it says it is due, in seconds; None if it does not say.
            duration: How long it lasts, by the rate of its stream.
            dts: When its packet was to be decoded, if it says.
        """
        lane = self._lanes.setdefault(stream, _Lane(self._begin - LEAST, self._begin))
        time = lane.better_of(pts, dts)
        at = lane.end if time is None else self._shifted(lane, time)
        lane.last, lane.end = at, at + duration
        return at

    def _shifted(self, lane: _Lane, time: float) -> float:
        if self._shift is None:
            self._shift = self._begin - time
        if lane.shift is None or not self._fits(lane, time + lane.shift):
            if not self._fits(lane, time + self._shift):
                self._shift = self.end - time
            lane.shift = self._shift
        return max(time + lane.shift, lane.last + LEAST)

    def _fits(self, lane: _Lane, at: float) -> bool:
        return lane.last - BACKWARD <= at <= self.end + FORWARD
