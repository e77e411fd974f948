"""`realtime-fast demo` as a user runs it: a process, its files, its exit code, and what it leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import pytest

from realtime_fast.cli.measure import Measurement, percentiles
from realtime_fast.errors import IceError
from realtime_fast.events import Diagnostic, ErrorRaised, EventsDropped, PixelLatency, PixelLatencyReport

DEMO = [sys.executable, "-m", "realtime_fast.cli", "demo", "--input", "synthetic"]
LIMIT = 50


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *arguments], capture_output=True, text=True, timeout=LIMIT, check=False)


def summary(folder: Path, *arguments: str) -> dict[str, Any]:
    done = demo("--report", str(folder), *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    figures: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return figures


def test_a_run_is_measured_and_recorded(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    figures = summary(tmp_path, "--seconds", "4", "--probe-interval-ms", "500", "--output", str(output))
    assert figures["size"] == [1280, 704]
    assert figures["errors"] == []
    assert figures["frames_received"] >= 0.5 * figures["frames_sent"] > 0
    assert figures["e2e_ms"]["n"] >= 1
    markers = figures["markers"]
    assert markers["received"] == figures["e2e_ms"]["n"]
    ended = sum(markers[name] for name in ("received", "lost", "corrupted", "dropped"))
    assert markers["sent"] == ended + markers["pending"]
    assert set(figures["connect_ms"]) == {"websocket", "initial-prompt", "webrtc-handshake", "total"}
    assert 0 < figures["connect_ms"]["total"] < figures["first_frame_ms"]
    with av.open(str(output)) as recorded:
        assert {stream.type for stream in recorded.streams} == {"video", "audio"}
        assert sum(1 for _ in recorded.decode(video=0)) > 10


def test_a_delay_shows_in_the_latency(tmp_path: Path) -> None:
    figures = summary(tmp_path, "--seconds", "3", "--probe-interval-ms", "0", "--delay-ms", "700")
    assert figures["e2e_ms"]["n"] > 5
    assert 700 <= figures["e2e_ms"]["p50"] < 3000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--input", "/no/such/file.mp4"], "There is no video file at /no/such/file.mp4"),
        (["--input", __file__], "cannot be read as a video file"),
        (["--transport", "pigeon"], "transport must be one of 'webrtc', 'ivs', not 'pigeon'"),
        (["--prompt", " "], "prompt must be a non-blank string"),
        (["--output", "out.gif"], ".mp4 or .webm"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], sentence: str) -> None:
    done = demo("--seconds", "1", *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def running(mark: str) -> list[str]:
    """Command lines of the processes that carry the mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_text()
        except OSError:
            continue
        if mark in text:
            found.append(text)
    return found


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_no_process_is_left_behind(sent: signal.Signals, code: int) -> None:
    mark = "1.0625"
    with subprocess.Popen(
        [*DEMO, "--delay-ms", mark], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        deadline = time.monotonic() + LIMIT
        # A child that has only been forked still bears its parent's name.
        while len(set(running(mark))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(sent)
        assert process.wait(LIMIT) == code
    while running(mark):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_both_ends_are_counted_over_the_same_time() -> None:
    measured = Measurement("webrtc")
    measured.picture(64, 32, 9.9)
    measured.start(10.0, sent=7)
    for number in range(20):
        measured.picture(64, 32, 10.0 + number / 10)
    measured.stop(12.0, sent=47)
    measured.picture(64, 32, 12.1)
    figures = measured.summary(first_frame_ms=123.456, cpu_seconds=0.5)
    assert (figures["frames_sent"], figures["frames_received"], figures["seconds"]) == (40, 20, 2.0)
    assert (figures["fps_out"], figures["fps_in"], figures["client_cpu_cores"]) == (20.0, 10.0, 0.25)
    assert (figures["size"], figures["first_frame_ms"]) == ([64, 32], 123.5)


def test_events_become_figures() -> None:
    measured = Measurement("webrtc")
    measured.event(Diagnostic("phaseTiming", {"phase": "total", "duration_ms": 12.34, "success": True}, 0))
    for latency in (30.0, 10.0, 20.0):
        measured.event(PixelLatency(1, latency, 0))
    measured.event(PixelLatencyReport(5, 2, 1, 1, 1, 0.6, 1, 0))
    measured.event(PixelLatencyReport(5, 2, 1, 1, 1, 0.6, 1, 0, dropped=1))
    measured.event(ErrorRaised(IceError("gone")))
    measured.event(EventsDropped(4))
    measured.start(0, 0)
    measured.stop(1, 0)
    figures = measured.summary(first_frame_ms=0, cpu_seconds=0)
    assert figures["connect_ms"] == {"total": 12.3}
    assert figures["e2e_ms"] == {"n": 3, "p50": 20.0, "p95": 30.0, "p99": 30.0, "max": 30.0}
    assert figures["markers"] == {
        "sent": 10, "received": 4, "lost": 2, "corrupted": 2, "dropped": 1, "out_of_order": 2, "pending": 1,
    }  # fmt: skip
    assert figures["errors"] == ["WEBRTC_ICE_ERROR: gone", "4 events were dropped unread"]


def test_percentiles_of_nothing() -> None:
    assert percentiles([]) == {"n": 0, "p50": None, "p95": None, "p99": None, "max": None}
