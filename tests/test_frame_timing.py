"""The ledger of stamped pictures: pure, with time as an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.events import FrameLatency
from realtime_fast.latency import FrameTimings, ProbeCounts
from realtime_fast.latency import frame_timing as module
from realtime_fast.stamps import FrameTiming


def counts(timings: FrameTimings) -> ProbeCounts:
    return timings.snapshot(0.0).frames


def test_a_picture_that_comes_back_has_been_away_so_long() -> None:
    timings = FrameTimings(epoch=1_000.0)
    said = timings.stamp(2.0)
    assert said == FrameTiming(1_002_000_000, 1)
    assert timings.observe(said, 2.25) == FrameLatency(1, 250.0, 1_002_250.0)
    snapshot = timings.snapshot(2.25)
    assert (snapshot.latest_ms, snapshot.window.p50_ms, snapshot.session.count) == (250.0, 250.0, 1)


def test_a_service_that_passes_on_the_time_alone_is_understood() -> None:
    timings = FrameTimings(epoch=0.0)
    first, second = timings.stamp(1.0), timings.stamp(1.1)
    measured = timings.observe(FrameTiming(second.user_timestamp), 1.3)
    assert measured is not None
    assert (measured.frame_id, round(measured.e2e_latency_ms)) == (2, 200)
    assert timings.observe(FrameTiming(first.user_timestamp), 1.4) is None, "it was overtaken"


def test_the_number_counts_where_the_time_was_rounded() -> None:
    timings = FrameTimings(epoch=0.0)
    timings.stamp(1.0)
    measured = timings.observe(FrameTiming(1_000_000_000, 1), 1.5)
    assert measured is not None
    assert measured.e2e_latency_ms == 500.0


def test_those_before_it_are_lost_and_what_is_not_in_flight_is_ignored() -> None:
    timings = FrameTimings()
    said = [timings.stamp(at / 30) for at in range(5)]
    assert timings.observe(said[3], 1.0) is not None
    for nothing in (said[3], said[0], FrameTiming(5), FrameTiming(said[4].user_timestamp, 77)):
        assert timings.observe(nothing, 1.0) is None
    assert counts(timings) == ProbeCounts(sent=5, received=1, lost=3, pending=1)
    report = timings.report(1.0)
    assert (report.sent, report.received, report.lost, report.pending) == (5, 1, 3, 1)
    assert report.delivery_rate == 0.25
    again = timings.report(2.0)
    assert (again.sent, again.received, again.pending, again.p50_ms) == (0, 0, 1, None)


def test_times_never_repeat_and_numbers_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FRAME_IDS", 2)
    timings = FrameTimings(epoch=0.0)
    said = [timings.stamp(1.0) for _ in range(2)]
    timings.drop_in_flight()
    said.append(timings.stamp(1.0))
    assert [one.frame_id for one in said] == [1, 2, 1]
    assert [one.user_timestamp for one in said] == [1_000_000, 1_000_001, 1_000_002]


def test_a_minute_is_the_limit_and_a_lost_connection_drops() -> None:
    timings = FrameTimings()
    for at in (0.0, 1.0, 2.0):
        timings.stamp(at)
    timings.tick(59.9)
    assert timings.pending == 3
    timings.tick(60.5)
    assert counts(timings) == ProbeCounts(sent=3, lost=1, pending=2)
    timings.drop_in_flight()
    assert counts(timings) == ProbeCounts(sent=3, lost=1, dropped=2)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_IN_FLIGHT", 10)
    timings = FrameTimings()
    for at in range(25):
        timings.stamp(at / 30)
    assert counts(timings) == ProbeCounts(sent=25, lost=15, pending=10)


@given(st.lists(st.one_of(st.none(), st.integers(0, 40), st.just("drop")), max_size=60))
def test_the_books_balance(steps: list[int | str | None]) -> None:
    """None sends a picture, a number is one that comes back, which may be none that was sent."""
    timings, said, now = FrameTimings(), [FrameTiming(0, 0)], 0.0
    for step in steps:
        now += 0.1
        match step:
            case None:
                said.append(timings.stamp(now))
            case int():
                timings.observe(said[step % len(said)], now)
            case _:
                timings.drop_in_flight()
        timings.tick(now)
        known = counts(timings)
        assert known.sent == known.received + known.lost + known.dropped + known.pending
