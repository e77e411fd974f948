"""A session as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from realtime_fast.diagnostics.event_log import EventLog, read_event_log
from realtime_fast.errors import IceError, InvalidInputError
from realtime_fast.events import (
    ConnectionChange,
    ConnectionQuality,
    Diagnostic,
    ErrorRaised,
    EventsDropped,
    QualityMetrics,
    StatsSample,
)
from realtime_fast.stats import RtcStats, VideoStats


def test_each_event_is_a_line(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "run.jsonl")
    log.begin({"transport": "webrtc", "model": "m"})
    events: list[Any] = [
        ConnectionChange("connected"),
        Diagnostic("phaseTiming", {"phase": "total", "duration_ms": 12.5}, 5.0),
        StatsSample(RtcStats(7.0, VideoStats(frames_decoded=3))),
        ErrorRaised(IceError("gone", transport="webrtc")),
        ConnectionQuality("fair", "loss", False, QualityMetrics(packet_loss=0.005)),
        EventsDropped(4),
    ]
    log.export([(1000.0 + index, event) for index, event in enumerate(events)])
    log.end()
    first, *lines, last = read_event_log(log.path)
    assert (first["event"], first["version"], first["transport"], first["model"]) == (
        "session",
        1,
        "webrtc",
        "m",
    )
    assert last["event"] == "end"
    assert [(line["t"], line["event"]) for line in lines] == [
        (1000.0 + index, event.name) for index, event in enumerate(events)
    ]
    assert lines[0]["state"] == "connected"
    assert lines[1]["data"] == {"phase": "total", "duration_ms": 12.5}
    assert lines[2]["stats"]["video"]["framesDecoded"] == 3
    assert lines[3]["error"] == {"code": "WEBRTC_ICE_ERROR", "message": "gone"}
    assert (lines[4]["quality"], lines[4]["metrics"]["packet_loss"]) == ("fair", 0.005)
    assert lines[5]["count"] == 4


def test_a_log_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    log = EventLog(path)
    log.begin({})
    log.export([(1.0, ConnectionChange("connected"))])
    written = path.read_bytes()
    log.end()
    path.write_bytes(written + b'{"t": 2.0, "eve')
    assert [line["event"] for line in read_event_log(path)] == ["session", "connection_change"]


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for text, match in (
        ("hello\n", "expected a JSON object in line 1"),
        (json.dumps({"event": "session", "version": 2}) + "\n", "version 1, got .* version 2"),
    ):
        path.write_text(text)
        with pytest.raises(InvalidInputError, match=match):
            list(read_event_log(path))
