"""What small sessions cost, many of them in one process, and on which threads: `python -m benches.small_sessions`.

Each sends and receives 320x192 NumPy pictures at 15 fps. Figures are processor time for a picture out and one in.
"""

from __future__ import annotations

import argparse
import re
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import anyio
import numpy as np
from benches.clip import there_and_back
from benches.pace import ticks

from realtime_fast import RealtimeClient, RealtimeConnectOptions
from realtime_fast.cli.embedded import service_process
from realtime_fast.media import VideoSource
from realtime_fast.models import ModelDefinition

WIDTH, HEIGHT, FPS = 320, 192, 15
MODEL = ModelDefinition("lucy-restyle-2", "/v1/stream", FPS, WIDTH, HEIGHT)
RUN_IN = 4.0
TICK = 0.01
"""Seconds; /proc counts processor time in these."""


def by_thread() -> dict[str, float]:
    """Seconds of processor time so far, of the event loop (`MainThread`) and of threads of a kind."""
    names = {thread.native_id: re.sub(r"[-_\d]+$", "", thread.name) for thread in threading.enumerate()}
    spent: dict[str, float] = defaultdict(float)
    for task in Path("/proc/self/task").iterdir():
        figures = (task / "stat").read_text().rsplit(")", 1)[1].split()
        spent[names.get(int(task.name), "other")] += (int(figures[11]) + int(figures[12])) * TICK
    return spent


async def session(url: str, clip: list[np.ndarray], counts: Counter[str]) -> None:
    source = VideoSource(WIDTH, HEIGHT, FPS)

    async def push() -> None:
        async for number in ticks(FPS):
            source.push(clip[number % len(clip)])
            counts["sent"] += 1

    options = RealtimeConnectOptions(MODEL, ice_servers=())
    async with (
        RealtimeClient.connect(url, "key", source, options) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(push)
        async for _ in client.frames("rgb24"):
            counts["received"] += 1


async def main(sessions: int, seconds: float) -> None:
    clip, counts = there_and_back(WIDTH, HEIGHT), Counter[str]()
    async with service_process() as url, anyio.create_task_group() as tasks:
        for _ in range(sessions):
            tasks.start_soon(session, url, clip, counts)
        await anyio.sleep(RUN_IN)
        began, spent, before = time.monotonic(), time.process_time(), by_thread()
        counts.clear()
        await anyio.sleep(seconds)
        took, spent = time.monotonic() - began, time.process_time() - spent
        pairs = (counts["sent"] + counts["received"]) / 2
        rates = " and ".join(f"{counts[way] / took / sessions:.1f}" for way in ("sent", "received"))
        print(f"{sessions} sessions, {rates} fps sent and received, {1000 * spent / pairs:.2f} ms a picture")
        for name, now in by_thread().items():
            if (spent := now - before.get(name, 0.0)) > TICK:
                print(f"  {name}: {1000 * spent / pairs:.2f}")
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    anyio.run(main, given.sessions, given.seconds)
