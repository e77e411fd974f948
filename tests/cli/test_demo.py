"""`realtime-fast demo` as a user runs it: a process, its files, its exit code, and what it leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import av
import pytest

from realtime_fast.errors import TransportName

DEMO = [sys.executable, "-m", "realtime_fast.cli", "demo", "--input", "synthetic"]
LIMIT = 50


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *arguments], capture_output=True, text=True, timeout=LIMIT, check=False)


def summary(folder: Path, *arguments: str) -> dict[str, Any]:
    done = demo("--report", str(folder), *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    figures: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return figures


@pytest.mark.parametrize("transport", get_args(TransportName))
def test_a_run_is_measured_and_recorded(transport: TransportName, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    wanted = ("--transport", transport, "--seconds", "4", "--output", str(output))
    figures = summary(tmp_path / "report", *wanted)
    markers = figures["markers"]
    assert figures["errors"] == []
    assert figures["complete"]
    assert figures["fps_received"] >= 0.5 * figures["fps_sent"] > 0
    assert figures["e2e_ms"]["n"] == markers["received"] > 10
    assert markers["sent"] == sum(
        markers[name] for name in ("received", "lost", "corrupted", "dropped", "pending")
    )
    assert {"websocket", "total"} <= set(figures["connect_ms"])
    if transport == "webrtc":
        assert set(figures["connect_ms"]) == {"websocket", "initial-prompt", "webrtc-handshake", "total"}
    assert 0 < figures["connect_ms"]["total"] < figures["first_frame_ms"]
    assert "Latency, end to end" in (tmp_path / "report" / "report.html").read_text()
    with av.open(str(output)) as recorded:
        assert {stream.type for stream in recorded.streams} == {"video", "audio"}
        assert sum(1 for _ in recorded.decode(video=0)) > 10


def test_a_delay_shows_in_the_latency() -> None:
    done = demo("--seconds", "3", "--delay-ms", "700", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads(done.stdout)
    assert figures["e2e_ms"]["n"] > 5
    assert 700 <= figures["e2e_ms"]["p50"] < 3000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--input", "/no/such/file.mp4"], "There is no video file at /no/such/file.mp4"),
        (["--input", __file__], "cannot be read as a video file"),
        (
            ["--transport", "pigeon"],
            "transport must be one of 'webrtc', 'ivs', 'livekit', 'auto', not 'pigeon'",
        ),
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
        [*DEMO, "--delay-ms", mark], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        deadline = time.monotonic() + LIMIT
        # A child that has only been forked still bears its parent's name.
        while len(set(running(mark))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(sent)
        _, said = process.communicate(timeout=LIMIT)
        assert process.returncode == code
        if sent == signal.SIGINT:
            assert said == b"Interrupted\n"
    while running(mark):
        assert time.monotonic() < deadline
        time.sleep(0.05)
