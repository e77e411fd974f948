"""A client in the long run: many short sessions, then one long one; what it holds, over time.

    python benches/soak.py [--cycles 200] [--minutes 10] [--transport webrtc] [--max-growth 5]

The service runs in a process of its own, so that every figure here is the client's. Exits with 1 if descriptors,
threads or tasks are not flat, or if memory grew by more than `--max-growth` per cent after the first fifth.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import anyio

from realtime_fast import LatencyTracking, ModelState, Prompt, RealtimeClient, RealtimeConnectOptions, models
from realtime_fast.media.sources import MediaSource, open_source

KEY = "soak"


@dataclass(frozen=True)
class Holdings:
    """What this process holds."""

    descriptors: int
    threads: int
    tasks: int
    rss_mb: float

    @classmethod
    def now(cls) -> Holdings:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            len(os.listdir("/proc/self/fd")),
            threading.active_count(),
            len(asyncio.all_tasks()),
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        )


class Ledger:
    """Prints holdings as they come, and judges them at the end."""

    def __init__(self, what: str) -> None:
        self._rows: list[Holdings] = []
        self._began = time.monotonic()
        print(f"\n{what}\n{'s':>8} {'step':>8} {'fds':>5} {'threads':>8} {'tasks':>6} {'RSS MB':>8}")

    def add(self, step: int) -> None:
        row = Holdings.now()
        self._rows.append(row)
        fds, threads, tasks, rss = astuple(row)
        at = time.monotonic() - self._began
        print(f"{at:8.1f} {step:8} {fds:5} {threads:8} {tasks:6} {rss:8.1f}", flush=True)

    def verdict(self, max_growth: float) -> bool:
        settled = self._rows[len(self._rows) // 5 :]
        first, last = settled[0], settled[-1]
        # Memory by the quarter's least: what is held for good, without what is in work.
        quarter = max(1, len(settled) // 4)
        before = min(row.rss_mb for row in settled[:quarter])
        growth = (min(row.rss_mb for row in settled[-quarter:]) / before - 1) * 100
        flat = (first.descriptors, first.threads, first.tasks) == (
            last.descriptors,
            last.threads,
            last.tasks,
        )
        print(f"counts {'flat' if flat else 'NOT flat'}, memory {growth:+.1f} %")
        return flat and growth < max_growth


@contextmanager
def service() -> Iterator[str]:
    """The embedded service as a process; its URL."""
    command = [sys.executable, "-m", "realtime_fast.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                if found := re.search(r"ws://\S+?:\d+", line):
                    yield found[0]
                    return
            raise SystemExit("the service did not start")
        finally:
            process.terminate()


def options(transport: str, tracking: LatencyTracking | None = None) -> RealtimeConnectOptions:
    return RealtimeConnectOptions(
        models.realtime("lucy-2.1"),
        initial_state=ModelState(prompt=Prompt("boat")),
        transport=transport,  # type: ignore[arg-type]
        latency_tracking=tracking,
        stats_interval_ms=1000,
        ice_servers=(),
    )


async def cycles(url: str, camera: MediaSource, transport: str, count: int) -> Ledger:
    """Sessions of a first picture each."""
    ledger = Ledger(f"{count} sessions over {transport}")
    for step in range(count + 1):
        if step % max(1, count // 20) == 0:
            ledger.add(step)
        async with RealtimeClient.connect(url, KEY, camera, options(transport)) as client:
            async for _ in client.frames():
                break
    ledger.add(count)
    return ledger


async def session(url: str, camera: MediaSource, transport: str, minutes: float) -> Ledger:
    """One session with everything on: pictures read, probes, statistics, prompts."""
    tracking = LatencyTracking(composite=True, pixel_marker=True, probe_interval_ms=0)
    async with RealtimeClient.connect(url, KEY, camera, options(transport, tracking)) as client:
        ledger = Ledger(f"{minutes:g} minutes over {transport}")
        pictures = 0

        async def watch() -> None:
            nonlocal pictures
            async for _ in client.frames():
                pictures += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            for step in range(40):
                await anyio.sleep(minutes * 60 / 40)
                await client.set_prompt(f"prompt {step}")
                ledger.add(pictures)
            tasks.cancel_scope.cancel()
    return ledger


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--transport", default="webrtc", choices=["webrtc", "ivs"])
    parser.add_argument("--max-growth", type=float, default=5.0)
    wanted = parser.parse_args()
    with service() as url:
        async with open_source("synthetic", size=(640, 352), fps=25) as camera:
            ledgers = []
            if wanted.cycles:
                ledgers.append(await cycles(url, camera, wanted.transport, wanted.cycles))
            if wanted.minutes:
                ledgers.append(await session(url, camera, wanted.transport, wanted.minutes))
    verdicts = [ledger.verdict(wanted.max_growth) for ledger in ledgers]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
