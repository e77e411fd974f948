"""Which method's figures a connection is judged by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from realtime_fast.diagnostics.quality import QualitySample
from realtime_fast.diagnostics.quality_figures import QualityFigures
from realtime_fast.latency import FrameTimingSnapshot, LatencyFigures, LatencySnapshot, ProbeCounts
from realtime_fast.stats import StatsParser

MARKERS = LatencySnapshot(
    "end_to_end", 120.0, LatencyFigures(1, 120.0), LatencyFigures(), ProbeCounts(sent=10, received=8, lost=2)
)
TIMING = FrameTimingSnapshot(
    100.0, LatencyFigures(9, 100.0), LatencyFigures(), ProbeCounts(sent=90, received=89, lost=1)
)


def judged(figures: QualityFigures, latency: LatencySnapshot | None) -> QualitySample:
    return figures.sample({}, StatsParser().parse({}, 0.0), fps=30.0, latency=latency)


@pytest.mark.parametrize(
    ("latency", "e2e_ms", "frame_loss"),
    [
        (None, None, None),
        (MARKERS, 120.0, 0.2),
        (replace(MARKERS, method="control_channel"), None, None),
        (replace(MARKERS, frame_timing=TIMING), 100.0, 1 / 90),
        (replace(MARKERS, frame_timing=replace(TIMING, frames=ProbeCounts())), 120.0, 0.2),
        (replace(MARKERS, method="control_channel", frame_timing=TIMING), 100.0, 1 / 90),
    ],
)
def test_frame_timing_comes_first_where_it_measures(
    latency: LatencySnapshot | None, e2e_ms: float | None, frame_loss: float | None
) -> None:
    sample = judged(QualityFigures(), latency)
    assert (sample.e2e_ms, sample.frame_loss) == (e2e_ms, frame_loss)


def test_losses_are_counted_since_the_last_sample_of_the_same_method() -> None:
    figures = QualityFigures()
    judged(figures, MARKERS)
    assert judged(figures, replace(MARKERS, frame_timing=TIMING)).frame_loss == 1 / 90
    more = replace(TIMING, frames=ProbeCounts(sent=100, received=94, lost=6))
    assert judged(figures, replace(MARKERS, frame_timing=more)).frame_loss == 0.5
