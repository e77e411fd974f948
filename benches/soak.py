"""Client and service in the long run: many short sessions, then one long one; what each holds, over time.

    python benches/soak.py [--cycles 200] [--minutes 10] [--transport webrtc] [--max-growth 3]

The service runs in a process of its own, so that each figure is of one of the two. Exits with 1 if descriptors, threads
or tasks are not flat, or if the memory of either grew by more than `--max-growth` per cent after the first minute.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import anyio

from realtime_fast import (
    EventLog,
    LatencyTracking,
    ModelState,
    Prompt,
    RealtimeClient,
    RealtimeConnectOptions,
    Telemetry,
    models,
)
from realtime_fast.errors import TransportName
from realtime_fast.media.sources import MediaSource, open_source

KEY = "soak"
ROWS = 40
"""Of the table of one long session."""


WARM_UP = 60.0
"""Seconds after which nothing may grow."""


@dataclass(frozen=True)
class Holdings:
    """What the client and the service hold; `at` is in seconds since the first row."""

    at: float
    descriptors: int
    threads: int
    tasks: int
    rss_mb: float
    service_descriptors: int
    service_threads: int
    service_rss_mb: float


class Ledger:
    """Prints holdings as they come, and judges them at the end."""

    def __init__(self, what: str, service: int) -> None:
        self._rows: list[Holdings] = []
        self._service = Path(f"/proc/{service}")
        self._began = time.monotonic()
        self._what = what
        print(f"\n{what}\n{'':8} {'':8} {'client':>30} {'service':>23}")
        print(
            f"{'s':>8} {'step':>8} {'fds':>5} {'threads':>8} {'tasks':>6} {'RSS MB':>8}"
            f" {'fds':>5} {'threads':>8} {'RSS MB':>8}"
        )

    def add(self, step: int) -> None:
        gc.collect()
        at = time.monotonic() - self._began
        ours, service = (held(process) for process in (Path("/proc/self"), self._service))
        row = Holdings(at, ours[0], ours[1], len(asyncio.all_tasks()), ours[2], *service)
        self._rows.append(row)
        print(
            f"{at:8.1f} {step:8} {row.descriptors:5} {row.threads:8} {row.tasks:6} {row.rss_mb:8.1f}"
            f" {row.service_descriptors:5} {row.service_threads:8} {row.service_rss_mb:8.1f}",
            flush=True,
        )

    def verdict(self, max_growth: float) -> bool:
        settled = [row for row in self._rows if row.at > WARM_UP] or self._rows[len(self._rows) // 4 :]
        first, last = settled[0], settled[-1]
        flat = (first.descriptors, first.threads, first.tasks) == (
            last.descriptors,
            last.threads,
            last.tasks,
        )
        ours = growth([row.rss_mb for row in settled])
        service = growth([row.service_rss_mb for row in settled])
        print(
            f"{self._what}: counts {'flat' if flat else 'NOT flat'}, memory of the client {ours:+.1f} %,"
            f" of the service {service:+.1f} %"
        )
        return flat and max(ours, service) < max_growth


def held(process: Path) -> tuple[int, int, float]:
    """Descriptors, threads and MB of memory of a process, by its folder in /proc."""
    threads = len(os.listdir(process / "task"))
    pages = int((process / "statm").read_text().split()[1])
    return len(os.listdir(process / "fd")), threads, pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def growth(memory: list[float]) -> float:
    """Per cent from the first quarter's least to the last one's: what is held for good, without what is in work."""
    quarter = max(1, len(memory) // 4)
    return (min(memory[-quarter:]) / min(memory[:quarter]) - 1) * 100


@contextmanager
def service() -> Iterator[tuple[str, int]]:
    """The embedded service as a process; its URL and process id."""
    command = [sys.executable, "-m", "realtime_fast.cli", "serve", "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                if found := re.search(r"ws://\S+?:\d+", line):
                    yield found[0], process.pid
                    return
            raise SystemExit("the service did not start")
        finally:
            process.terminate()


def options(url: str, transport: TransportName, log: Path | None = None) -> RealtimeConnectOptions:
    """Of a session with the usual figures, or, with a log, with everything on."""
    everything = LatencyTracking(composite=True, pixel_marker=True, probe_interval_ms=0)
    return RealtimeConnectOptions(
        models.realtime("lucy-2.1"),
        initial_state=ModelState(prompt=Prompt("boat")),
        transport=transport,
        latency_tracking=everything if log else None,
        telemetry=Telemetry(f"http{url.removeprefix('ws')}/api/v1/telemetry", interval=5) if log else None,
        exporters=[EventLog(log)] if log else [],
        stats_interval_ms=1000,
        ice_servers=(),
    )


async def cycles(url: str, service: int, camera: MediaSource, transport: TransportName, count: int) -> Ledger:
    """Sessions of a first picture each."""
    ledger = Ledger(f"{count} sessions over {transport}", service)
    for step in range(count + 1):
        if step % max(1, count // 20) == 0:
            ledger.add(step)
        async with RealtimeClient.connect(url, KEY, camera, options(url, transport)) as client:
            async for _ in client.frames():
                break
    ledger.add(count)
    return ledger


async def session(
    url: str, service: int, camera: MediaSource, transport: TransportName, minutes: float
) -> Ledger:
    """One session with everything on: pictures read, probes, statistics, telemetry, a log, prompts."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = options(url, transport, Path(folder) / "log.jsonl")
        async with RealtimeClient.connect(url, KEY, camera, wanted) as client:
            ledger = Ledger(f"{minutes:g} minutes over {transport}", service)
            pictures = 0

            async def watch() -> None:
                nonlocal pictures
                async for _ in client.frames():
                    pictures += 1

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch)
                for step in range(ROWS):
                    await anyio.sleep(minutes * 60 / ROWS)
                    await client.set_prompt(f"prompt {step}")
                    ledger.add(pictures)
                tasks.cancel_scope.cancel()
    return ledger


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--transport", action="append", choices=get_args(TransportName))
    parser.add_argument("--max-growth", type=float, default=3.0)
    wanted = parser.parse_args()
    ledgers = []
    for transport in wanted.transport or get_args(TransportName):
        with service() as (url, process):
            async with open_source("synthetic", size=(640, 352), fps=25) as camera:
                if wanted.cycles:
                    ledgers.append(await cycles(url, process, camera, transport, wanted.cycles))
                if wanted.minutes:
                    ledgers.append(await session(url, process, camera, transport, wanted.minutes))
    verdicts = [ledger.verdict(wanted.max_growth) for ledger in ledgers]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
