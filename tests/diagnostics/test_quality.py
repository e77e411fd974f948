"""The verdict on a connection: pure, sample by sample."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from realtime_fast.diagnostics.quality import (
    WARM_UP,
    WINDOW,
    QualityMonitor,
    QualitySample,
    first_frame_level,
)
from realtime_fast.errors import InvalidInputError
from realtime_fast.events import ConnectionQuality, LimitingFactor, QualityLevel
from realtime_fast.options import QualityBands

FINE = QualitySample(rtt_ms=40, e2e_ms=200, packet_loss=0, frame_loss=0, fps=30, available_kbps=4000)


def fed(monitor: QualityMonitor, sample: QualitySample, count: int) -> list[ConnectionQuality]:
    return [news for _ in range(count) if (news := monitor.update(sample)) is not None]


def verdict(**changes: Any) -> tuple[QualityLevel, LimitingFactor]:
    """The verdict on a connection that has always been like this."""
    monitor = QualityMonitor(QualityBands())
    fed(monitor, replace(FINE, **changes), WARM_UP + 1)
    assert monitor.current is not None
    return monitor.current.quality, monitor.current.limiting_factor


@pytest.mark.parametrize(
    ("figures", "limits"),
    [
        ({"e2e_ms": None, "factor": "latency", "figure": "rtt_ms"}, (150, 300, 500)),
        ({"factor": "latency", "figure": "e2e_ms"}, (500, 900, 1500)),
        ({"factor": "loss", "figure": "packet_loss"}, (0.001, 0.01, 0.05)),
        ({"factor": "stall", "figure": "frame_loss"}, (0.001, 0.01, 0.05)),
        ({"factor": "stall", "figure": "fps"}, (20, 12, 5)),
        ({"factor": "bandwidth", "figure": "available_kbps"}, (3500, 2800, 1750)),
    ],
)
def test_the_bands_are_as_published(figures: dict[str, Any], limits: tuple[float, ...]) -> None:
    factor, figure = figures.pop("factor"), figures.pop("figure")
    larger_is_better = limits[0] > limits[-1]
    past = 0.999 if larger_is_better else 1.001
    for limit, within, beyond in zip(
        limits, ("good", "fair", "poor"), ("fair", "poor", "critical"), strict=True
    ):
        assert verdict(**figures, **{figure: limit})[0] == within
        assert verdict(**figures, **{figure: limit * past}) == (beyond, factor)


def test_a_relay_widens_the_band_of_the_round_trip() -> None:
    assert verdict(rtt_ms=240, e2e_ms=None, relayed=True) == ("good", "none")
    assert verdict(rtt_ms=240, e2e_ms=None) == ("fair", "latency")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"available_kbps": 100, "packet_loss": 0.5, "e2e_ms": 5000, "fps": 1}, ("critical", "bandwidth")),
        ({"packet_loss": 0.5, "e2e_ms": 5000, "fps": 1}, ("critical", "loss")),
        ({"e2e_ms": 5000, "fps": 1}, ("critical", "latency")),
        ({"e2e_ms": 1000, "fps": 1}, ("critical", "stall")),
        ({"froze": True}, ("fair", "stall")),
        ({"limitation": "bandwidth"}, ("fair", "bandwidth")),
        ({"limitation": "cpu"}, ("good", "cpu")),
        ({"limitation": "cpu", "packet_loss": 0.005}, ("fair", "loss")),
        (dict.fromkeys(("rtt_ms", "e2e_ms", "packet_loss", "frame_loss", "fps", "available_kbps")),
         ("good", "none")),
    ],
)  # fmt: skip
def test_the_worst_dimension_decides(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    assert verdict(**changes) == expected


def test_bandwidth_does_not_count_while_its_estimate_rises() -> None:
    monitor = QualityMonitor(QualityBands())
    narrow = replace(FINE, available_kbps=300, limitation="bandwidth")
    (first,) = fed(monitor, narrow, WARM_UP)
    assert (first.quality, first.warming_up) == ("good", True)
    (after,) = fed(monitor, narrow, 1)
    assert (after.quality, after.limiting_factor, after.warming_up) == ("critical", "bandwidth", False)


def test_a_level_changes_after_five_samples_in_a_row_both_ways() -> None:
    monitor = QualityMonitor(QualityBands())
    fed(monitor, FINE, WARM_UP + WINDOW)
    lossy = replace(FINE, packet_loss=0.02)
    # Three of five make the median, and five such medians the level.
    assert fed(monitor, lossy, 6) == []
    (worse,) = fed(monitor, lossy, 1)
    assert (worse.quality, worse.limiting_factor) == ("poor", "loss")
    assert fed(monitor, FINE, 6) == []
    (better,) = fed(monitor, FINE, 1)
    assert (better.quality, better.limiting_factor) == ("good", "none")
    for _ in range(20):
        assert fed(monitor, replace(FINE, froze=True), 4) == fed(monitor, FINE, 1) == [], (
            "never five in a row"
        )


def test_levels_that_go_up_and_down_settle_on_the_mildest_of_them() -> None:
    monitor = QualityMonitor(QualityBands())
    fed(monitor, FINE, WARM_UP + WINDOW)
    news = []
    for round_ in range(8):
        news += fed(monitor, replace(FINE, fps=11 if round_ < 3 else 4), 1)
    assert (news[0].quality, news[0].limiting_factor) == ("poor", "stall")


def test_another_factor_of_the_same_level_takes_five_samples_too() -> None:
    monitor = QualityMonitor(QualityBands())
    fed(monitor, replace(FINE, e2e_ms=1000), WARM_UP + WINDOW)
    (news,) = fed(monitor, replace(FINE, packet_loss=0.02), 20)
    assert (news.quality, news.limiting_factor) == ("poor", "loss")


def test_a_slow_model_and_a_low_maximum_are_no_fault_of_the_connection() -> None:
    monitor = QualityMonitor(QualityBands(), model_fps=20, max_kbps=1000)
    (first, settled) = fed(monitor, replace(FINE, fps=16, available_kbps=1000), WARM_UP + 1)
    assert (first.quality, settled.quality) == ("good", "good")
    assert fed(QualityMonitor(QualityBands(), model_fps=20), replace(FINE, fps=15.9), 1)[0].quality == "fair"


def test_a_reconnect_starts_anew() -> None:
    monitor = QualityMonitor(QualityBands())
    fed(monitor, replace(FINE, fps=0), WARM_UP + 1)
    monitor.first_frame(1234.0)
    monitor.restart()
    (news,) = fed(monitor, FINE, 1)
    assert (news.quality, news.warming_up, news.metrics.first_frame_ms) == ("good", True, 1234.0)


def test_metrics_are_smoothed_and_unknown_ones_are_none() -> None:
    monitor = QualityMonitor(QualityBands())
    for rtt, fps in ((10, 30), (500, 29), (20, 2), (30, 30), (15, 31)):
        monitor.update(QualitySample(rtt_ms=rtt, fps=fps))
    assert monitor.current is not None
    metrics = monitor.current.metrics
    assert (metrics.rtt_ms, metrics.fps, metrics.packet_loss, metrics.first_frame_ms) == (20, 2, None, None)


def test_bands_are_checked() -> None:
    assert [first_frame_level(ms, QualityBands()) for ms in (4000, 4001, 6001, 10_001)] == [
        "good",
        "fair",
        "poor",
        "critical",
    ]
    with pytest.raises(InvalidInputError, match="rtt_ms: expected 0 <= good <= fair <= poor, got 3, 2, 1"):
        QualityBands(rtt_ms=(3, 2, 1))
    with pytest.raises(InvalidInputError, match="fps: expected good >= fair >= poor >= 0"):
        QualityBands(fps=(5, 12, 20))
    with pytest.raises(InvalidInputError, match="wanted_kbps > 0"):
        QualityBands(wanted_kbps=0)
