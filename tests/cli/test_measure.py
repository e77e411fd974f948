"""`realtime-fast measure` and `report` as a user runs them, against the service in a process of its own."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_serve import serving

COMMAND = [sys.executable, "-m", "realtime_fast.cli"]
LIMIT = 100

pytestmark = pytest.mark.timeout(2 * LIMIT)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=LIMIT, check=False)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_measurement_is_figures_tables_and_a_report(tmp_path: Path) -> None:
    folder = tmp_path / "monday"
    with serving() as (_, url):
        done = command("measure", url, "--seconds", "3", "--report", str(folder), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    figures: dict[str, Any] = json.loads(done.stdout)
    assert json.loads((folder / "summary.json").read_text()) == figures
    latencies = rows(folder / "latency.csv")
    assert sum(row["outcome"] in ("ok", "ok_reordered") for row in latencies) == figures["e2e_ms"]["n"] > 10
    assert len(rows(folder / "frames.csv")) == figures["frame_timing_ms"]["n"] > 10
    assert any(float(row["fps_received"] or 0) > 0 for row in rows(folder / "samples.csv"))
    about = json.loads((folder / "run.json").read_text())
    assert about["settings"]["service"] == url
    assert "aiortc" in about["versions"]
    again = command("measure", url, "--report", str(folder))
    assert again.returncode == 2
    assert "There is a measurement in" in again.stderr


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_what_was_written_survives_a_kill(tmp_path: Path, sent: signal.Signals) -> None:
    events = tmp_path / "killed" / "events.jsonl"
    arguments = [*COMMAND, "measure", "--report", str(events.parent)]
    with (
        serving() as (_, url),
        subprocess.Popen(
            [*arguments, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        deadline = time.monotonic() + LIMIT
        while not events.exists() or events.read_bytes().count(b'"status":"ok') < 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(sent)
        out, err = process.communicate(timeout=LIMIT)
    if sent == signal.SIGINT:
        assert (process.returncode, err) == (130, "Interrupted\n")
        assert "report.html" in out
    done = command("report", str(events.parent), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads(done.stdout)
    assert figures["e2e_ms"]["n"] >= 20
    assert figures["complete"] is (sent == signal.SIGINT)
    page = (events.parent / "report.html").read_text()
    assert ("was cut off" in page) is (sent == signal.SIGKILL)


def test_a_service_that_is_down_is_one_sentence_at_once(tmp_path: Path) -> None:
    done = command("measure", "ws://127.0.0.1:9", "--report", str(tmp_path / "none"))
    assert done.returncode == 5
    assert "cannot be reached" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["measure", "wss://service.invalid"], "set REALTIME_API_KEY"),
        (["report", "/no/such/folder"], "There is no measurement in /no/such/folder"),
    ],
)
def test_what_is_missing_is_one_sentence(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REALTIME_API_KEY", raising=False)
    done = command(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
