"""`realtime-fast load`, and the same sessions as a Locust user."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from realtime_fast.cli.load import _shared

from tests.cli.test_serve import serving

SMALL = ("--size", "320x180", "--fps", "10", "--seconds", "2", "--ramp", "1", "--json")

LOCUSTFILE = """
from realtime_fast.contrib.locust import RealtimeUser

class Viewer(RealtimeUser):
    seconds, size, fps, local = 1, (320, 180), 10, True
"""

pytestmark = pytest.mark.timeout(120)


def load(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "realtime_fast.cli", "load", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_every_session_is_accounted_for() -> None:
    with serving("--fault", "error=open:no room", "--fault", "times=1") as (_, url):
        done = load(url, "-n", "3", "--processes", "2", *SMALL)
    figures = json.loads(done.stdout)
    assert figures["outcomes"] == {"ok": 2, "WEBRTC_SERVER_ERROR": 1}
    assert figures["messages"] == ["no room"]
    assert figures["connect_ms"]["n"] == figures["first_frame_ms"]["n"] == 2
    assert figures["e2e_ms"]["n"] > 0
    assert figures["cpu_seconds"] > 0
    assert done.returncode == 1


def test_a_service_that_is_down_fails_every_session() -> None:
    done = load("ws://127.0.0.1:9", "-n", "2", "--processes", "1", *SMALL)
    assert json.loads(done.stdout)["outcomes"] == {"WEBRTC_WEBSOCKET_ERROR": 2}
    assert done.returncode == 1


@pytest.mark.parametrize(("sessions", "processes"), [(1, 4), (7, 3), (20, 2)])
def test_sessions_are_dealt_to_the_processes(sessions: int, processes: int) -> None:
    shares = _shared(sessions, 10.0, processes)
    assert len(shares) == min(sessions, processes)
    starts = sorted(start for share in shares for start in share)
    assert starts == [10.0 * number / sessions for number in range(sessions)]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_locust_runs_the_same_sessions_on_two_workers(tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    with serving() as (_, url):
        options = ["--headless", "--users", "2", "--spawn-rate", "2", "--run-time", "15s", "--processes", "2"]
        done = subprocess.run(
            [sys.executable, "-m", "locust", *options, "--host", url, "--csv", "load", "--only-summary"],
            cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
    assert "2 workers connected" in done.stderr
    with (tmp_path / "load_stats.csv").open(newline="") as file:
        counts = {
            row["Name"]: (int(row["Request Count"]), int(row["Failure Count"]))
            for row in csv.DictReader(file)
        }
    assert {"session", "connect", "first picture"} <= set(counts)
    assert counts["session"][0] >= 2
    assert counts["session"][1] == 0
