"""The clocks of media: units of time stamps on the wire and in files."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

VIDEO_CLOCK_RATE: Final = 90_000
"""Ticks a second of every video format in RTP (RFC 3551 section 5)."""

VIDEO_TIME_BASE: Final = Fraction(1, VIDEO_CLOCK_RATE)

AUDIO_RATE: Final = 48_000
"""Samples a second, and the RTP clock, of Opus (RFC 7587 section 4.1)."""
