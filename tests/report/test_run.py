"""The records of an event log become a run, its figures and its pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime_fast.errors import InvalidInputError
from realtime_fast.latency import PROBE_TIMEOUT
from realtime_fast.report import read_measured, run_of, write_about, write_report
from realtime_fast.report.comparison import compare, confidence
from realtime_fast.report.folder import EVENTS
from realtime_fast.report.palette import MARKED
from realtime_fast.report.run import GIVEN_UP_AFTER, percentiles, summary
from realtime_fast.report.series import LIMIT, Series

BEGAN = 1_700_000_000_000.0

Record = dict[str, Any]


def record(second: float, event: str, **fields: Any) -> Record:
    return {"t": BEGAN + second * 1000, "event": event, **fields}


def probe(second: float, latency: float | None, status: str = "ok") -> Record:
    return record(second, "pixel_latency_event", status=status, seq=1, e2e_latency_ms=latency)


def phase(second: float, name: str, seconds: float) -> Record:
    data = {"phase": name, "duration_ms": seconds * 1000, "success": True}
    return record(second, "diagnostic", kind="phaseTiming", data=data)


def quality(second: float, level: str, factor: str) -> Record:
    return record(
        second,
        "connection_quality",
        quality=level,
        limiting_factor=factor,
        warming_up=False,
        metrics={"first_frame_ms": 812.0},
    )


def session(latency: float = 100.0, *, complete: bool = True, seed: int = 1) -> list[Record]:
    """A minute of a session: three phases, a loss, a stall, ten probes a second."""
    dice = np.random.default_rng(seed)
    records = [
        record(0, "session", version=1, transport="webrtc", model="lucy-2.1"),
        record(0, "connection_change", state="connecting"),
        phase(0.1, "websocket", 0.1),
        phase(0.5, "webrtc-handshake", 0.4),
        phase(0.5, "total", 0.5),
        record(0.5, "connection_change", state="connected"),
        quality(9, "good", "none"),
        record(20, "diagnostic", kind="videoStall", data={"stalled": True, "duration_ms": 0}),
        record(22, "diagnostic", kind="videoStall", data={"stalled": False, "duration_ms": 2000}),
        record(30, "connection_change", state="reconnecting"),
        record(33, "connection_change", state="connected"),
        quality(40, "fair", "latency"),
        record(50, "error", error={"code": "WEBRTC_ICE_ERROR", "message": "<gone>"}),
        *(probe(1 + number / 10, latency + float(dice.exponential(10))) for number in range(580)),
        probe(59.2, None, "lost"),
        probe(59.3, None, "corrupted"),
        record(59.5, "pixel_latency_report", sent=585, received=580, lost=1, corrupted=1, dropped=1,
               pending=2, out_of_order=3),
        *(record(2 + number, "frame_latency", frame_id=1, e2e_latency_ms=latency) for number in range(50)),
        record(58, "frame_timing_report", sent=1700, received=1690, lost=6, dropped=1, pending=3),
    ]  # fmt: skip
    for second in range(1, 60):
        sample = {
            "video": {"framesPerSecond": 24, "bitrate": 2_000_000, "frameWidth": 640, "frameHeight": 360,
                      "packetsLostDelta": 1, "jitter": 0.002},
            "outboundVideo": {"framesPerSecond": 25, "bitrate": 1_000_000},
            "connection": {"currentRoundTripTime": 0.04 if second > 1 else None},
        }  # fmt: skip
        records.append(record(second, "stats", stats=sample))
    records.sort(key=lambda one: one["t"])
    return [*records, record(60, "end")] if complete else records


def written(folder: Path, records: list[Record], tail: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / EVENTS).write_text("".join(json.dumps(one) + "\n" for one in records) + tail)
    return folder


def test_records_become_figures() -> None:
    figures = summary(run_of(session()))
    assert (figures["transport"], figures["model"], figures["size"]) == ("webrtc", "lucy-2.1", [640, 360])
    assert (figures["complete"], figures["seconds"]) == (True, 60.0)
    assert figures["connect_ms"] == {"websocket": 100.0, "webrtc-handshake": 400.0, "total": 500.0}
    assert figures["e2e_ms"]["n"] == 580
    assert (figures["frame_timing_ms"]["n"], figures["frame_timing_ms"]["p50"]) == (50, 100.0)
    assert figures["stamped"] == {"sent": 1700, "received": 1690, "lost": 6, "dropped": 1, "pending": 3}
    assert 100 < figures["e2e_ms"]["p50"] < figures["e2e_ms"]["p95"] < figures["e2e_ms"]["max"]
    assert (figures["fps_sent"], figures["fps_received"], figures["rtt_ms"]) == (25, 24, 40)
    assert (figures["kbps_sent"], figures["kbps_received"], figures["packets_lost"]) == (1000, 2000, 59)
    assert (figures["stalls"], figures["reconnects"], figures["quality"]) == (1, 1, "fair")
    assert figures["first_frame_ms"] == 812
    assert figures["errors"] == ["WEBRTC_ICE_ERROR: <gone>"]


def test_the_place_in_the_queue_is_the_state_until_the_connection_has_another() -> None:
    waiting = [record(0, "queue_position", position=2, queue_size=5)]
    assert run_of(waiting).state == "queued, 2 of 5"
    assert run_of([*waiting, record(1, "connection_change", state="connected")]).state == "connected"


def test_what_became_of_the_marked_pictures_adds_up() -> None:
    markers = summary(run_of(session()))["markers"]
    assert markers["sent"] == sum(
        markers[name] for name in ("received", "lost", "corrupted", "dropped", "pending")
    )


def test_what_is_lost_is_shown_where_it_was_sent() -> None:
    run = run_of([*session()[:3], probe(70, None, "lost"), probe(30, None, "lost")])
    assert list(run.lost) == [10, 0]
    assert GIVEN_UP_AFTER == PROBE_TIMEOUT


def test_spans_last_from_the_loss_to_the_return() -> None:
    run = run_of(session())
    assert [(span.begin, span.end) for span in run.stalls] == [(20, 22)]
    assert [(span.begin, span.end) for span in run.reconnects] == [(30, 33)]
    assert [(span.label, span.begin, span.end) for span in run.qualities] == [
        ("good", 9, 40),
        ("fair", 40, 60),
    ]


@pytest.mark.parametrize(
    ("n", "known"), [(0, ""), (1, ""), (2, "p50"), (20, "p50 p95"), (100, "p50 p95 p99")]
)
def test_a_percentile_needs_as_many_values_as_it_speaks_of(n: int, known: str) -> None:
    figures = percentiles(np.arange(n, dtype=float))
    assert " ".join(name for name in ("p50", "p95", "p99") if figures[name] is not None) == known
    assert (figures["n"], figures["max"]) == (n, n - 1 if n else None)


def test_a_year_of_samples_is_held_in_a_chart_of_bounded_size() -> None:
    series = Series()
    year, step = 365 * 86400.0, 240.0
    for number in range(int(year / step)):
        series.add(number * step, 1000.0 if number == 70_000 else 1.0)
    curve = series.curve
    assert LIMIT / 2 <= len(curve.time) <= LIMIT
    assert series.count == int(year / step) == curve.counts.sum()
    assert (curve.low.min(), curve.high.max()) == (1, 1000)  # the spike is still there
    assert curve.time[-1] == pytest.approx(year, rel=0.01)
    assert series.mean == pytest.approx(1 + 999 / series.count)


class Outline(HTMLParser):
    """What a page refers to, its ids, and whether its tags are balanced."""

    VOID = ("meta", "path", "use", "rect")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open.append(tag)
        if tag == "meta":
            self._open.pop()
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value is not None:
                self.references.append(value)
            elif name == "id" and value is not None:
                self.ids.append(value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag != "meta":
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def test_a_report_needs_nothing_else(tmp_path: Path) -> None:
    folder = written(tmp_path / "monday", session())
    write_about(folder, {"settings": {"prompt": "<script>"}, "measured": {"client_cpu_cores": 0.5}})
    page = write_report(folder, read_measured(folder)).read_text()
    outline = Outline(page)
    assert all(reference.startswith("#") for reference in outline.references)
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.tags.count("svg") == 4
    assert "script" not in outline.tags
    assert not [colour for colour in MARKED.values() if colour in page]
    assert "prefers-color-scheme: dark" in page
    assert "was cut off" not in page
    assert "&lt;gone&gt;" in page
    for name in ("latency", "distribution", "rates", "connecting"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / "summary.json").read_text())["client_cpu_cores"] == 0.5


def test_a_run_that_was_killed_is_reported_as_far_as_it_went(tmp_path: Path) -> None:
    folder = written(tmp_path / "killed", session(complete=False)[:400], tail='{"t": 17, "ev')
    measured = read_measured(folder)
    page = write_report(folder, measured).read_text()
    assert "killed was cut off" in page
    assert measured.figures["complete"] is False
    assert measured.figures["e2e_ms"]["n"] > 100


def test_a_session_that_never_connected_has_a_report_too(tmp_path: Path) -> None:
    failed = {"phase": "websocket", "duration_ms": 30, "success": False, "error": "refused"}
    records = [
        *session()[:2],
        record(0.03, "diagnostic", kind="phaseTiming", data=failed),
        record(0.1, "end"),
    ]
    folder = written(tmp_path / "refused", records)
    assert "Connecting" in write_report(folder, read_measured(folder)).read_text()


def test_two_runs_are_compared_with_their_uncertainty(tmp_path: Path) -> None:
    folders = [
        written(tmp_path / "monday", session(100)),
        written(tmp_path / "tuesday", session(150, seed=2)),
    ]
    first, second = map(read_measured, folders)
    median = next(one for one in compare(first.run, second.run) if "p50" in one.name)
    assert median.interval is not None
    assert median.interval[0] < 50 < median.interval[1]
    assert median.sure
    same = next(one for one in compare(first.run, first.run) if "p50" in one.name)
    assert not same.sure
    page = write_report(tmp_path / "both", first, second).read_text()
    Outline(page)
    assert "monday and tuesday compared" in page
    assert not (tmp_path / "both" / "summary.json").exists()


def runs_apart(dice: np.random.Generator, shift: float) -> Iterator[bool]:
    """For pairs of correlated series whose means differ by `shift`: whether the interval holds that."""

    def one() -> np.ndarray[Any, np.dtype[np.float64]]:
        noise = dice.normal(size=1200)
        for number in range(1, len(noise)):
            noise[number] += 0.8 * noise[number - 1]
        return noise

    for _ in range(60):
        low, high = confidence(one(), one() + shift, lambda values: np.asarray(values.mean(axis=-1)))
        yield low <= shift <= high


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = list(runs_apart(np.random.default_rng(7), shift=3.0))
    assert sum(held) / len(held) > 0.85


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no measurement in"),
        ("", "is empty"),
        ("nonsense\n", "is it an event log"),
        ('{"event": "session", "version": 1}\n', "is no event log of a session"),
        ('{"t": 1, "event": "session", "version": 1}\n{"t": 2, "event": "stats"}\n', "is no event log"),
    ],
)
def test_what_is_no_measurement_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / EVENTS).write_text(content)
    with pytest.raises(InvalidInputError, match=said):
        read_measured(tmp_path)
