"""Processor time of a participant of a LiveKit room, beside PyPI's `livekit`: `python -m benches.participants`.

Two participants of a kind send each other 1280x704 pictures at 30 fps and 1 Mbit/s of VP8 through a real server, from
and to NumPy; one of them is measured. The kinds take turns. Needs `make livekit` and `make interop`.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from benches.streamer import pictures
from benches.turns import ROOT

from realtime_fast.server.room import Grant, Keys

SERVER = ROOT / ".livekit" / "livekit-server"
THEIRS = ROOT / ".interop" / "0.2.4" / "bin" / "python"
CONFIG = ROOT / "tests" / "interop" / "livekit.yaml"
URL = "ws://127.0.0.1:7880"
KEYS = Keys("devkey", "0123456789abcdef0123456789abcdef")
KINDS = {
    "ours": [sys.executable, "-m", "benches.participant"],
    "livekit": [str(THEIRS), str(ROOT / "benches" / "participant_livekit.py")],
}
ENOUGH = 90
"""Pictures that have come before anything is measured."""


class Participant:
    """A process that answers each line with its figures."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def figures(self) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        figures: dict[str, float] = json.loads(self._process.stdout.readline())
        return figures | {"time": time.perf_counter()}


@contextlib.contextmanager
def joined(kind: str, identity: str, room: str, path: Path) -> Iterator[Participant]:
    """A participant in the room."""
    token = KEYS.issue(Grant(identity=identity, room=room), 600)
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([*KINDS[kind], URL, token, str(path)], cwd=ROOT, **pipes) as process:
        try:
            yield Participant(process)
        finally:
            process.kill()


def turn(kind: str, room: str, path: Path, seconds: float) -> tuple[float, float, float]:
    """Processor time for a picture out and one in, in ms, and the frame rates sent and received."""
    with joined(kind, "measured", room, path) as measured, joined(kind, "other", room, path) as other:
        while min(measured.figures()["received"], other.figures()["received"]) < ENOUGH:
            time.sleep(0.2)
        before = measured.figures()
        time.sleep(seconds)
        after = measured.figures()
    took, cpu, sent, received = (after[name] - before[name] for name in ("time", "cpu", "sent", "received"))
    return 2000 * cpu / (sent + received), sent / took, received / took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args()
    for needed, how in ((SERVER, "make livekit"), (THEIRS, "make interop")):
        if not needed.exists():
            raise SystemExit(f"There is no {needed.relative_to(ROOT)}: {how}")
    costs: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pictures.npy"
        np.save(path, np.stack(list(itertools.islice(pictures(), 58))))
        server = subprocess.Popen([str(SERVER), "--config", str(CONFIG)], stderr=subprocess.DEVNULL)
        try:
            print("| turn | participant | ms a picture | fps sent | fps received |\n|---|---|---|---|---|")
            for number in range(given.turns):
                for kind in KINDS:
                    cost, sent, received = turn(kind, f"{kind}-{number}", path, given.seconds)
                    costs[kind].append(cost)
                    print(f"| {number} | {kind} | {cost:.2f} | {sent:.1f} | {received:.1f} |", flush=True)
        finally:
            server.terminate()
            server.wait()
    ours, theirs = (median(costs[kind]) for kind in KINDS)
    print(f"\nmedians: {ours:.2f} and {theirs:.2f} ms, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
