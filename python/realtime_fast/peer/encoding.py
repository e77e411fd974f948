"""How a track is sent, as its user may change it while it is (W3C webrtc, RTCRtpEncodingParameters)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Encoding:
    """The wishes for one sender; they hold for every stream it makes.

    Attributes:
        active: Whether anything is sent. The track is read all the same, so that it goes on with what is new.
        max_bitrate: Bit/s at most; None for what the path allows.
        max_fps: Pictures a second at most; None for what the track gives.
    """

    active: bool = True
    max_bitrate: int | None = None
    max_fps: int | None = None

    def bitrate(self, allowed: int) -> int:
        """What may be spent of so many bit/s."""
        return allowed if self.max_bitrate is None else min(allowed, self.max_bitrate)

    def fps(self, given: int) -> int:
        """What is sent of so many pictures a second."""
        return given if self.max_fps is None else min(given, self.max_fps)
