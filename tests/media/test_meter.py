"""The video meter against the definitions of webrtc-stats, worked by hand."""

from __future__ import annotations

import pytest

from realtime_fast.media.meter import VideoMeter


def fed(*times: float) -> VideoMeter:
    meter = VideoMeter()
    for now in times:
        meter.add(now, 1280, 704)
    return meter


def test_nothing_yet() -> None:
    report = VideoMeter().inbound(5.0)
    assert report["framesReceived"] == report["framesPerSecond"] == report["frameWidth"] == 0
    assert report["totalInterFrameDelay"] == report["freezeCount"] == 0


def test_gaps_are_summed_and_the_rate_is_that_of_the_last_second() -> None:
    meter = fed(*(frame / 10 for frame in range(21)))  # 0.0 … 2.0
    report = meter.inbound(2.0)
    assert report["framesReceived"] == report["framesDecoded"] == 21
    assert report["framesPerSecond"] == 10
    assert (report["frameWidth"], report["frameHeight"]) == (1280, 704)
    assert report["totalInterFrameDelay"] == pytest.approx(2.0)
    assert report["totalSquaredInterFrameDelay"] == pytest.approx(20 * 0.01)
    assert report["freezeCount"] == 0
    assert meter.rate(3.5) == 0
    assert meter.outbound(2.0)["framesSent"] == 21


def test_a_gap_of_three_times_the_mean_is_a_freeze() -> None:
    report = fed(0.0, 0.1, 0.2, 0.2 + 0.31).inbound(1.0)
    assert report["freezeCount"] == 1
    assert report["totalFreezesDuration"] == pytest.approx(0.31)


def test_at_a_high_rate_the_margin_decides() -> None:
    below = fed(0.0, 0.02, 0.04, 0.04 + 0.16)  # over three times the mean, under mean + 150 ms
    above = fed(0.0, 0.02, 0.04, 0.04 + 0.18)
    assert below.inbound(1.0)["freezeCount"] == 0
    assert above.inbound(1.0)["freezeCount"] == 1


def test_only_the_last_thirty_gaps_count_for_the_mean() -> None:
    slow, fast = [0.0, 1.0, 2.0], [2.0 + 0.02 * step for step in range(1, 31)]
    meter = fed(*slow, *fast)
    meter.add(fast[-1] + 0.2, 1280, 704)
    assert meter.inbound(fast[-1])["freezeCount"] == 1


def test_a_clock_that_stands_still_does_no_harm() -> None:
    assert fed(1.0, 1.0, 1.0).inbound(1.0)["totalInterFrameDelay"] == 0.0
