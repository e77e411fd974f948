"""Our client on networks that people have: frames, gaps and latency for each row of the table in docs/media-path.md.

    python benches/network.py [--seconds 60] [--only 600k] [--transport webrtc] [--codec vp8]

Client and service run in a process each, the network in a box between them. "Path" is the median latency of the first
row; the other rows' limits count from there.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import anyio
from benches.clip import clip_path

from realtime_fast import (
    LatencyTracking,
    RealtimeClient,
    RealtimeConnectOptions,
    RtcStats,
    models,
    open_source,
)
from realtime_fast.cli.embedded import service_process
from realtime_fast.errors import TransportName
from realtime_fast.server import NetworkProfile, Service, ServiceConfig

from tests.reference.lost_twice import LostTwice

Codec = Literal["vp8", "h264"]
RUN_IN = 10.0
DELAY = "delay=40ms,queue=300ms"


@dataclass(frozen=True)
class Row:
    """A network, and what is wanted on it: frames per second, longest gap, p95 latency beyond the path's (ms).

    With `lose_every` (seconds) a packet is lost with its retransmission, again and again.
    """

    name: str
    network: str
    fps: float
    gap: float
    beyond: float | None
    lose_every: float | None = None


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


@dataclass
class Seen:
    """What a run showed."""

    fps: float
    gap: float
    p50: float
    p95: float
    readings: int
    size: str
    sent_fps: float
    lost: int
    plis: int
    resent: int


@asynccontextmanager
async def serving(row: Row) -> AsyncIterator[str]:
    """The service behind the row's network; its URL."""
    if row.lose_every is None:
        async with service_process(0, row.network) as url:
            yield url
        return
    # To lose certain packets its network must be at hand.
    config = ServiceConfig(port=0, network=NetworkProfile.parse(row.network))
    async with Service(config) as service, anyio.create_task_group() as tasks:
        assert service.registry.network is not None
        tasks.start_soon(losing, LostTwice(service.registry.network), row.lose_every)
        yield service.url
        tasks.cancel_scope.cancel()


async def losing(lost: LostTwice, interval: float) -> None:
    while True:
        await anyio.sleep(interval)
        lost.lose()


async def run(row: Row, transport: TransportName, codec: Codec, seconds: float) -> Seen:
    arrivals: list[float] = []
    latencies: list[float] = []
    samples: list[RtcStats] = []
    model = models.realtime("lucy-restyle-2")
    size = (model.width, model.height)
    options = RealtimeConnectOptions(
        model,
        transport=transport,
        video_codec=codec,
        ice_servers=(),
        reconnect=None,
        stats_interval_ms=1000,
        latency_tracking=LatencyTracking(pixel_marker=True, probe_interval_ms=0),
    )
    run_in = 0.0 if ";" in row.network else RUN_IN
    async with (
        serving(row) as url,
        open_source(str(clip_path()), loop=True, size=size) as source,
        RealtimeClient.connect(url, "key", source, options) as client,
    ):
        began = time.monotonic()
        last = began + run_in + seconds
        client.on(
            "pixel_latency", lambda read: latencies.append(read.e2e_latency_ms) if measuring() else None
        )
        client.on("stats", samples.append)

        def measuring() -> bool:
            return time.monotonic() - began >= run_in

        with anyio.move_on_after(last - time.monotonic()):
            async for _ in client.frames():
                arrivals.append(time.monotonic())  # noqa: PERF401 - what came before the scope ends must stay
    window = [at for at in arrivals if at - began >= run_in]
    edges = [began + run_in, *window, last]
    latencies.sort()
    final = samples[-1]
    video, outbound = final.video, final.outbound_video
    return Seen(
        fps=len(window) / seconds,
        gap=max(after - before for before, after in itertools.pairwise(edges)) * 1000,
        p50=latencies[len(latencies) // 2] if latencies else 0.0,
        p95=latencies[int(len(latencies) * 0.95)] if latencies else 0.0,
        readings=len(latencies),
        size=f"{video.frame_width}x{video.frame_height}" if video else "-",
        sent_fps=outbound.frames_per_second if outbound else 0.0,
        lost=video.packets_lost if video else 0,
        plis=video.pli_count if video else 0,
        resent=outbound.retransmitted_packets_sent if outbound else 0,
    )


def verdict(row: Row, seen: Seen, path: float) -> str:
    misses = []
    if seen.fps < row.fps:
        misses.append(f"fps < {row.fps:g}")
    if seen.gap > row.gap:
        misses.append(f"gap > {row.gap:g}")
    if row.beyond is not None and seen.p95 > path + row.beyond:
        misses.append(f"p95 > {path + row.beyond:.0f}")
    return ", ".join(misses) or "met"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", action="append")
    parser.add_argument("--transport", action="append", choices=get_args(TransportName))
    parser.add_argument("--codec", action="append", choices=("vp8", "h264"))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    print(
        "| network | transport | codec | fps | gap ms | p50 ms | p95 ms | size | lost | PLI | resent | verdict |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for transport in given.transport or get_args(TransportName):
        for codec in given.codec or ("vp8", "h264"):
            path = 0.0
            for row in ROWS:
                if given.only and row.name not in given.only and row.name != "no limit":
                    continue
                seen = await run(row, transport, codec, given.seconds)
                path = path or seen.p50
                if given.json:
                    print(json.dumps(vars(seen) | {"row": row.name, "transport": transport, "codec": codec}))
                print(
                    f"| {row.name} | {transport} | {codec} | {seen.fps:.1f} | {seen.gap:.0f} | {seen.p50:.0f} "
                    f"| {seen.p95:.0f} | {seen.size} | {seen.lost} | {seen.plis} | {seen.resent} "
                    f"| {verdict(row, seen, path)} |",
                    flush=True,
                )


if __name__ == "__main__":
    asyncio.run(main())
