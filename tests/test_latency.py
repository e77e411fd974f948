"""The probe ledger and the composite estimate: pure, with time as an argument."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.diagnostics.latency_tracker import to_wire
from realtime_fast.events import PixelLatencyEvent
from realtime_fast.latency import PixelProbes, composite_latency, measurement
from realtime_fast.marker import CORRUPTED


def test_an_outcome_carries_number_latency_and_wall_time() -> None:
    probes = PixelProbes(epoch=1_000.0)
    seq = probes.stamp(2.0)
    assert seq == 1  # pre-incremented
    event = probes.observe(seq, 2.25)
    assert event == PixelLatencyEvent("ok", 1, 250.0, 1_002_250.0)
    assert measurement(event) == (pixel := measurement(event))
    assert pixel is not None
    assert (pixel.seq, pixel.e2e_latency_ms) == (1, 250.0)


def test_the_default_epoch_is_the_monotonic_clocks() -> None:
    probes = PixelProbes()
    event = probes.observe(probes.stamp(0.0), time.monotonic())
    assert event is not None
    assert abs(event.timestamp - time.time() * 1000) < 1000


def test_duplicates_and_foreign_numbers_are_ignored() -> None:
    probes = PixelProbes()
    seq = probes.stamp(0.0)
    assert probes.observe(seq + 5, 0.1) is None
    assert probes.observe(None, 0.1) is None
    assert probes.observe(seq, 0.1) is not None
    assert probes.observe(seq, 0.2) is None
    assert probes.report(5.0).received == 1


def test_late_is_not_lost_before_a_minute_and_gone_after() -> None:
    probes = PixelProbes()
    first, second = probes.stamp(0.0), probes.stamp(1.0)
    assert probes.tick(59.0) == []
    assert (event := probes.observe(second, 23.0)) is not None
    assert (event.status, event.e2e_latency_ms) == ("ok", 22_000.0)
    assert [(e.status, e.seq) for e in probes.tick(60.0)] == [("lost", first)]
    assert probes.observe(first, 60.1) is None
    assert probes.tick(1_000.0) == []


def test_reordered_across_the_wrap() -> None:
    probes = PixelProbes()
    for _ in range(65_534):
        probes.observe(probes.stamp(0.0), 0.0)
    seqs = [probes.stamp(1.0) for _ in range(3)]
    assert seqs == [65_535, 0, 1]
    statuses = [probes.observe(seq, 2.0) for seq in (65_535, 1, 0)]
    assert [event and event.status for event in statuses] == ["ok", "ok", "ok_reordered"]


def test_the_report_counts_one_window() -> None:
    probes = PixelProbes(epoch=0.0)
    for index in range(100):
        probes.stamp(index * 0.01)
    for index in range(98):
        probes.observe(index + 1, index * 0.01 + (index + 1) / 1000)
    assert probes.observe(CORRUPTED, 2.0) is not None
    report = probes.report(5.0)
    assert (report.sent, report.received, report.lost, report.corrupted, report.out_of_order) == (
        100,
        98,
        0,
        1,
        0,
    )
    assert report.delivery_rate == 98 / 99
    assert (report.pending, report.timestamp) == (2, 5_000.0)
    figures = (report.p50_ms, report.p95_ms, report.p99_ms, report.max_ms, report.avg_ms)
    assert [round(figure or -1, 6) for figure in figures] == [49.0, 94.0, 98.0, 98.0, 49.5]
    wire = to_wire(report)
    assert (wire.avg_latency_ms, wire.lost, wire.corrupted, wire.out_of_order) == (49.5, 0, 1, 0)

    empty = probes.report(10.0)
    assert (empty.sent, empty.received, empty.corrupted, empty.delivery_rate) == (0, 0, 0, 0.0)
    assert empty.p50_ms is empty.max_ms is None
    assert to_wire(empty).avg_latency_ms is None

    assert len(probes.tick(100.0)) == 1, "one of the two was the corrupted one"
    assert probes.report(100.0).lost == 1


def test_a_new_connection_drops_probes_silently() -> None:
    probes = PixelProbes()
    seq = probes.stamp(0.0)
    probes.drop_in_flight()
    assert probes.pending == 0
    assert probes.observe(seq, 1.0) is None
    assert probes.observe(CORRUPTED, 1.0) is None
    assert probes.tick(100.0) == []
    assert probes.stamp(100.0) == seq + 1


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("stamp"), st.just(0)),
            st.tuples(st.just("observe"), st.integers(0, 40)),
            st.tuples(st.just("corrupted"), st.just(0)),
            st.tuples(st.just("wait"), st.integers(1, 40)),
        ),
        max_size=200,
    )
)
def test_every_probe_ends_exactly_once(steps: list[tuple[str, int]]) -> None:
    probes, now, sent = PixelProbes(), 0.0, 0
    ended: list[PixelLatencyEvent | None] = []
    for step, value in steps:
        match step:
            case "stamp":
                probes.stamp(now)
                sent += 1
            case "observe":
                ended.append(probes.observe(value, now))
            case "corrupted":
                ended.append(probes.observe(CORRUPTED, now))
            case "wait":
                now += value
        ended += probes.tick(now)
    ended += probes.tick(now + 60.0)
    outcomes = [event for event in ended if event is not None]
    named = [event.seq for event in outcomes if event.seq is not None]
    assert len(named) == len(set(named))
    assert probes.pending == 0
    corrupted = sum(event.status == "corrupted" for event in outcomes)
    assert sent - corrupted <= len(named) <= sent


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


def test_composite_adds_what_is_known() -> None:
    estimate = composite_latency(0.05, 30.0, 120.0)
    assert (estimate.client_proxy_rtt_ms, estimate.composite_e2e_ms, estimate.lower_bound) == (
        50.0,
        200.0,
        False,
    )
    unknown = composite_latency(None, None, 120.0)
    assert (unknown.server_proxy_rtt_ms, unknown.composite_e2e_ms, unknown.lower_bound) == (0.0, 120.0, True)
