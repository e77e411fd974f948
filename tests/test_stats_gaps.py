"""Reports with gaps, and figures that were read at times of their own: no spike, no dip, no wrong rate."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_fast.stats import RtcStats, StatsParser, VideoStats

RATE = 250_000
"""Bytes a second of every stream here: 2,000 kbit/s."""


def entry(second: float, **changes: Any) -> dict[str, Any]:
    given = {
        "type": "inbound-rtp",
        "kind": "video",
        "bytesReceived": round(RATE * second),
        "packetsLost": round(10 * second),
        "nackCount": round(4 * second),
        "packetsReceived": round(200 * second),
        "totalFreezesDuration": 0.1 * second,
        **changes,
    }
    return {name: value for name, value in given.items() if value is not ...}


def video(sample: RtcStats) -> VideoStats:
    assert sample.video is not None
    return sample.video


@pytest.mark.parametrize("gone", [1, 5, 29])
def test_a_stream_that_is_gone_for_a_while_returns_without_a_spike(gone: int) -> None:
    parser = StatsParser()
    for second in range(100, 104):
        parser.parse({"v": entry(second)}, second)
    for second in range(104, 104 + gone):
        assert parser.parse({}, second).video is None
    back = 104 + gone
    returned = video(parser.parse({"v": entry(back)}, back))
    assert (returned.bitrate, returned.packets_lost_delta) == (2_000_000, 10 * (gone + 1))
    assert returned.freeze_duration_delta == pytest.approx(0.1 * (gone + 1))
    assert video(parser.parse({"v": entry(back + 1)}, back + 1)).bitrate == 2_000_000


def test_a_stream_that_is_gone_for_longer_is_a_new_one() -> None:
    parser = StatsParser()
    parser.parse({"v": entry(100)}, 100)
    for second in range(101, 140):
        parser.parse({}, second)
    assert video(parser.parse({"v": entry(2)}, 140)).packets_lost_delta == 20


@pytest.mark.parametrize("value", [..., None, float("nan"), -1, "7"])
def test_a_counter_that_is_missing_once_is_unchanged(value: Any) -> None:
    parser = StatsParser()
    for second in range(100, 103):
        parser.parse({"v": entry(second)}, second)
    names = ("bytesReceived", "packetsLost", "nackCount", "packetsReceived", "totalFreezesDuration")
    without = video(parser.parse({"v": entry(103, **dict.fromkeys(names, value))}, 103))
    assert (without.bytes_received, without.packets_lost, without.packets_received) == (
        102 * RATE, 1020, 20_400,
    )  # fmt: skip
    assert (without.packets_lost_delta, without.nack_count_delta, without.freeze_duration_delta) == (0, 0, 0)
    assert without.bitrate == 2_000_000, "unknown, so what it was"
    after = video(parser.parse({"v": entry(104)}, 104))
    assert after.bitrate == 2_000_000
    assert (after.packets_lost_delta, after.nack_count_delta) == (20, 8)


@pytest.mark.parametrize("held_up", [0.5, -0.4, 0.001])
def test_a_rate_is_over_the_time_between_the_readings(held_up: float) -> None:
    """A sample that waits for something has figures that were read before it."""
    parser = StatsParser()
    parser.parse({"v": entry(100, timestamp=100_000.0)}, 100.0)
    sample = parser.parse({"v": entry(101, timestamp=101_000.0)}, 101.0 + held_up)
    assert video(sample).bitrate == 2_000_000


@pytest.mark.parametrize("stamps", [(5.0, 5.0), (1.0, 2.0), (2000.0, 1000.0), (0.0, 1e9), (None, 1000.0)])
def test_times_that_cannot_be_true_are_not_used(stamps: tuple[Any, Any]) -> None:
    parser = StatsParser()
    for second, stamp in zip((100, 101), stamps, strict=True):
        sample = parser.parse({"v": entry(second, timestamp=stamp)}, second)
    assert video(sample).bitrate == 2_000_000
