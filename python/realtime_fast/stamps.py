"""What travels with a picture: a number in its pixels, and a time and a number behind its encoded bytes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FrameTiming", "Stamp"]


@dataclass(frozen=True, slots=True)
class FrameTiming:
    """What a picture says of itself behind its encoded bytes (docs/latency.md, Frame timing).

    A received `av.VideoFrame` that said something has it as its `opaque`.

    Attributes:
        user_timestamp: When it was taken, in microseconds since the Unix epoch by the clock of whoever stamped it.
        frame_id: Its number, 0 for none.
    """

    user_timestamp: int
    frame_id: int = 0


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a picture is to carry that is about to be encoded.

    Attributes:
        number: Of the marker in its pixels, None for no marker (docs/marker.md).
        cell: The side of the marker's cells in pixels.
        timing: What it says of itself, None for nothing.
    """

    number: int | None = None
    cell: int = 1
    timing: FrameTiming | None = None
