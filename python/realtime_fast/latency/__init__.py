"""End-to-end latency, without clocks or I/O: ledgers of what is in flight, and the composite estimate."""

from realtime_fast.latency.composite import Legs, composite_latency
from realtime_fast.latency.figures import (
    PROBE_TIMEOUT,
    REPORT_INTERVAL,
    FrameTimingSnapshot,
    LatencyFigures,
    LatencySnapshot,
    ProbeCounts,
    clock,
    finest_clock,
)
from realtime_fast.latency.frame_timing import FrameTimings
from realtime_fast.latency.probes import PixelProbes, measurement

__all__ = [
    "PROBE_TIMEOUT",
    "REPORT_INTERVAL",
    "FrameTimingSnapshot",
    "FrameTimings",
    "LatencyFigures",
    "LatencySnapshot",
    "Legs",
    "PixelProbes",
    "ProbeCounts",
    "clock",
    "composite_latency",
    "finest_clock",
    "measurement",
]
