"""Networks that people have, for `benches.network` and others: the rows of the table in docs/media-path.md."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from realtime_fast.cli.embedded import service_process

RUN_IN = 10.0
DELAY = "delay=40ms,queue=300ms"


@dataclass(frozen=True)
class Row:
    """A network, and what is wanted on it: frames per second, longest gap, p95 latency beyond the path's (ms).

    With `lose_every` (seconds) a packet is lost with what answers the first request for it, again and again.
    """

    name: str
    network: str
    fps: float
    gap: float
    beyond: float | None
    lose_every: float | None = None

    @property
    def run_in(self) -> float:
        """Seconds before the measurement begins."""
        return 0.0 if ";" in self.network else RUN_IN  # what changes over time is measured from its start


ROWS = (
    Row("no limit", DELAY, 24.5, 200, 60),
    Row("1000k", f"{DELAY},rate=1000k", 24, 300, 150),
    Row("600k", f"{DELAY},rate=600k", 22, 400, 250),
    Row("300k", f"{DELAY},rate=300k", 15, 1000, None),
    Row("2M-400k-2M", f"{DELAY},rate=2M;20s:{DELAY},rate=400k;40s:{DELAY},rate=2M", 15, 700, None),
    Row("loss 5%", f"{DELAY},loss=5%", 22.5, 400, 150),
    Row("a packet lost twice", DELAY, 24, 40 + 2 * 80 + 100, None, lose_every=3.0),
    Row("bursts 10%", f"{DELAY},burst_loss=10%,burst_length=4", 10, 1000, None),
)


@asynccontextmanager
async def serving(row: Row) -> AsyncIterator[str]:
    """The service behind the row's network, in a process of its own; its URL."""
    if row.lose_every is None:
        async with service_process(0, row.network) as url:
            yield url
        return
    command = [sys.executable, "-m", "benches.losing_service", row.network, f"{row.lose_every:g}"]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()
