"""The probe ledger and the composite estimate: pure, with time as an argument."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.diagnostics.latency_tracker import to_wire
from realtime_fast.events import ControlChannelLatency, PixelLatency, PixelLatencyEvent
from realtime_fast.latency import (
    LatencyFigures,
    Legs,
    PixelProbes,
    ProbeCounts,
    composite_latency,
    finest_clock,
    measurement,
)
from realtime_fast.latency.figures import Latencies
from realtime_fast.marker import CORRUPTED


def test_an_outcome_carries_number_latency_and_wall_time() -> None:
    probes = PixelProbes(epoch=1_000.0)
    seq = probes.stamp(2.0)
    assert seq == 1  # pre-incremented
    (event,) = probes.observe(seq, 2.25)
    assert event == PixelLatencyEvent("ok", 1, 250.0, 1_002_250.0)
    assert measurement(event) == PixelLatency(1, 250.0, 1_002_250.0)


@pytest.mark.parametrize(("resolution", "clock"), [(1e-9, time.monotonic), (0.015625, time.perf_counter)])
def test_probes_are_timed_by_a_clock_that_is_fine_enough(resolution: float, clock: object) -> None:
    assert finest_clock(resolution) is clock


def test_the_default_epoch_is_the_monotonic_clocks() -> None:
    probes = PixelProbes()
    (event,) = probes.observe(probes.stamp(0.0), time.monotonic())
    assert abs(event.timestamp - time.time() * 1000) < 1000


def test_duplicates_and_foreign_numbers_are_ignored() -> None:
    probes = PixelProbes()
    seq = probes.stamp(0.0)
    assert probes.observe(seq + 5, 0.1) == []
    assert probes.observe(None, 0.1) == []
    assert len(probes.observe(seq, 0.1)) == 1
    assert probes.observe(seq, 0.2) == []
    assert probes.report(5.0).received == 1


def test_late_is_not_lost_before_a_minute_and_gone_after() -> None:
    probes = PixelProbes()
    first, second = probes.stamp(0.0), probes.stamp(1.0)
    assert probes.tick(59.0) == []
    (event,) = probes.observe(second, 23.0)
    assert (event.status, event.e2e_latency_ms) == ("ok", 22_000.0)
    assert [(e.status, e.seq) for e in probes.tick(60.0)] == [("lost", first)]
    assert probes.observe(first, 60.1) == []
    assert probes.tick(1_000.0) == []


def test_reordered_across_the_wrap() -> None:
    probes = PixelProbes()
    for _ in range(65_534):
        probes.observe(probes.stamp(0.0), 0.0)
    seqs = [probes.stamp(1.0) for _ in range(3)]
    assert seqs == [65_535, 0, 1]
    events = [event for seq in (65_535, 1, 0) for event in probes.observe(seq, 2.0)]
    assert [event.status for event in events] == ["ok", "ok", "ok_reordered"]


def test_the_report_counts_one_window() -> None:
    probes = PixelProbes(epoch=0.0)
    for index in range(100):
        probes.stamp(index * 0.01)
    for index in range(98):
        probes.observe(index + 1, index * 0.01 + (index + 1) / 1000)
    assert len(probes.observe(CORRUPTED, 2.0)) == 1
    report = probes.report(5.0)
    assert (report.sent, report.received, report.lost, report.corrupted, report.out_of_order) == (
        100,
        98,
        0,
        1,
        0,
    )
    assert report.delivery_rate == 98 / 99
    assert (report.pending, report.timestamp) == (1, 5_000.0)
    figures = (report.p50_ms, report.p95_ms, report.p99_ms, report.max_ms, report.avg_ms)
    assert [round(figure or -1, 6) for figure in figures] == [49.0, 94.0, 98.0, 98.0, 49.5]
    wire = to_wire(report)
    assert (wire.avg_latency_ms, wire.lost, wire.corrupted, wire.out_of_order) == (49.5, 0, 1, 0)

    empty = probes.report(10.0)
    assert (empty.sent, empty.received, empty.corrupted, empty.delivery_rate) == (0, 0, 0, 0.0)
    assert empty.p50_ms is empty.max_ms is None
    assert to_wire(empty).avg_latency_ms is None

    assert len(probes.tick(100.0)) == 1
    assert probes.report(100.0).lost == 1


def test_a_new_connection_drops_probes_and_says_so() -> None:
    probes = PixelProbes()
    seq = probes.stamp(0.0)
    probes.drop_in_flight()
    assert probes.pending == 0
    assert probes.observe(seq, 1.0) == []
    assert probes.observe(CORRUPTED, 1.0) == []
    assert probes.tick(100.0) == []
    report = probes.report(5.0)
    assert (report.sent, report.dropped, report.lost, report.pending) == (1, 1, 0, 0)
    assert probes.stamp(100.0) == seq + 1


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("stamp"), st.just(0)),
            st.tuples(st.just("observe"), st.integers(0, 40)),
            st.tuples(st.just("corrupted"), st.just(0)),
            st.tuples(st.just("lose"), st.just(0)),
            st.tuples(st.just("wait"), st.integers(1, 40)),
        ),
        max_size=200,
    )
)
def test_the_books_balance_at_every_report(steps: list[tuple[str, int]]) -> None:
    """Sent is received + lost + corrupted + dropped + pending: in each window, and over all of them."""
    probes, now, pending = PixelProbes(), 0.0, 0
    events: list[PixelLatencyEvent] = []
    for step, value in [*steps, ("wait", 60)]:
        match step:
            case "stamp":
                probes.stamp(now)
            case "observe":
                events += probes.observe(value, now)
            case "corrupted":
                events += probes.observe(CORRUPTED, now)
            case "lose":
                probes.drop_in_flight()
            case "wait":
                now += value
        events += probes.tick(now)
        report = probes.report(now)
        ended = report.received + report.lost + report.corrupted + report.dropped
        assert report.sent == ended + report.pending - pending
        pending = report.pending
        total = probes.snapshot(now).probes
        assert total.sent == total.received + total.lost + total.corrupted + total.dropped + total.pending
    named = [event.seq for event in events if event.seq is not None]
    assert len(named) == len(set(named))
    counts = Counter(event.status for event in events)
    assert counts["ok"] + counts["ok_reordered"] == total.received
    assert (counts["lost"], counts["corrupted"], total.pending) == (total.lost, total.corrupted, 0)


def test_a_snapshot_has_the_window_and_the_session() -> None:
    probes = PixelProbes(epoch=0.0)
    for index in range(100):
        probes.observe(probes.stamp(index), index + (0.2 if index >= 96 else 0.1))
    probes.report(99.0)
    snapshot = probes.snapshot(100.5)
    assert snapshot.latest_ms == pytest.approx(200.0)
    assert snapshot.window.count == 4
    assert snapshot.window.p50_ms == pytest.approx(200.0)
    session = snapshot.session
    assert (session.count, session.p50_ms, session.p99_ms) == (100, 100.0, 200.0)
    assert session.max_ms == pytest.approx(200.0)
    assert session.avg_ms == pytest.approx(104.0)
    assert snapshot.probes == ProbeCounts(sent=100, received=100)
    assert PixelProbes().snapshot(0.0).session == LatencyFigures()


def test_probes_over_the_control_channel_are_no_end_to_end_latency() -> None:
    probes = PixelProbes(epoch=0.0, method="control_channel")
    (event,) = probes.observe(probes.stamp(0.0), 0.03)
    assert (event.status, event.e2e_latency_ms, event.control_channel_ms) == ("ok", None, 30.0)
    assert measurement(event) == ControlChannelLatency(1, 30.0, 30.0)
    report = probes.report(5.0)
    assert (report.method, report.p50_ms) == ("control_channel", 30.0)
    assert to_wire(report).avg_latency_ms is None
    assert probes.snapshot(5.0).method == "control_channel"


@pytest.mark.alone
def test_constant_time_with_thousands_in_flight() -> None:
    def cost(in_flight: int) -> float:
        probes = PixelProbes()
        for _ in range(in_flight):
            probes.stamp(0.0)
        best = float("inf")
        for _round in range(5):
            begin = time.perf_counter()
            for _ in range(2_000):
                seq = probes.stamp(1.0)
                probes.observe((seq - in_flight) & 0xFFFF, 1.0)
                probes.tick(1.0)
            best = min(best, time.perf_counter() - begin)
        return best

    assert cost(20_000) < 5 * cost(10)


@pytest.mark.parametrize(
    ("legs", "client_s", "server_ms", "pipeline_ms", "sum_ms", "lower_bound"),
    [
        ("two", 0.05, 30.0, 120.0, 200.0, False),
        ("two", None, 30.0, 120.0, 150.0, True),
        ("two", 0.05, None, 120.0, 170.0, True),
        ("two", 0.05, 30.0, None, 80.0, True),
        ("one", 0.05, 48.0, 10.0, 60.0, False),
        ("one", None, 48.0, 10.0, 58.0, False),
        ("one", None, None, 10.0, 10.0, True),
        ("one", 0.05, 48.0, None, 50.0, True),
        ("one", 0.05, 48.0, 0.0, 50.0, False),
    ],
)
def test_composite_counts_each_leg_once(
    legs: Legs,
    client_s: float | None,
    server_ms: float | None,
    pipeline_ms: float | None,
    sum_ms: float,
    lower_bound: bool,
) -> None:
    estimate = composite_latency(client_s, server_ms, pipeline_ms, legs)
    assert (estimate.composite_e2e_ms, estimate.lower_bound, estimate.legs) == (sum_ms, lower_bound, legs)
    assert (estimate.client_proxy_rtt_ms, estimate.server_proxy_rtt_ms) == (
        (client_s or 0) * 1000,
        server_ms or 0,
    )


def test_what_the_last_seconds_need_is_all_that_is_kept_of_them() -> None:
    latencies = Latencies()
    for picture in range(30 * 60):
        latencies.add(picture / 30, 40.0)
    latencies.report()
    assert latencies.recent(60.0).count == pytest.approx(5 * 30, abs=1)
    assert len(latencies._recent) == pytest.approx(5 * 30, abs=1), (
        "memory for an hour was taken within an hour"
    )
    assert latencies.all().count == 30 * 60
