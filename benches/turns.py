"""Turns of `benches.streamer`, each in a process of its own, at a service in another."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benches.answers import ask, per_picture

from realtime_fast.errors import TransportName

ROOT = Path(__file__).parent.parent


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """`benches.service` as a process; its URL."""
    command = [sys.executable, "-m", "benches.service", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def turn(
    who: str, url: str, seconds: float, *, transport: TransportName = "webrtc", after: int = 90
) -> dict[str, float]:
    """Stream for so many seconds, after so many pictures have come back.

    Returns:
        Processor time for a picture out and one in (`cpu`, seconds), the frame rates `sent` and `received`, and where
        it is `timed` the median `latency` in seconds.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "benches.streamer", who, url, transport],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        with contextlib.closing(process.stdin):
            while ask(process)["received"] < after:
                time.sleep(0.1)
            before = ask(process)
            time.sleep(seconds)
            now = ask(process)
            while who == "timed" and "latency" not in now:  # it is told every five seconds
                time.sleep(0.1)
                now = ask(process)
    seen = per_picture(before, now)
    assert min(seen["sent"], seen["received"]) > 15, "it did not keep up, so its CPU says nothing"
    return seen | {"latency": now.get("latency", 0.0)}
