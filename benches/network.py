"""Our client on networks that people have: frames, gaps and latency for each row of the table in docs/media-path.md.

    python -m benches.network [--seconds 60] [--only 600k] [--transport webrtc] [--codec vp8]

Client and service run in a process each, the network in a box between them. "Path" is the median latency of the first
row; the other rows' limits count from there. The hosted service's browser SDK follows (`benches.network_browser`), if
`make browser` was run; `--transport browser` is for it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import anyio
from benches import network_browser
from benches.clip import clip_path
from benches.networks import ROWS, Row, serving

from realtime_fast import (
    LatencyTracking,
    RealtimeClient,
    RealtimeConnectOptions,
    RtcStats,
    models,
    open_source,
)
from realtime_fast.errors import TransportName

Codec = Literal["vp8", "h264"]


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
    async with (
        serving(row) as url,
        open_source(str(clip_path()), loop=True, size=size) as source,
        RealtimeClient.connect(url, "key", source, options) as client,
    ):
        began = time.monotonic()
        last = began + row.run_in + seconds
        client.on(
            "pixel_latency", lambda read: latencies.append(read.e2e_latency_ms) if measuring() else None
        )
        client.on("stats", samples.append)

        def measuring() -> bool:
            return time.monotonic() - began >= row.run_in

        with anyio.move_on_after(last - time.monotonic()):
            async for _ in client.frames():
                arrivals.append(time.monotonic())  # noqa: PERF401 - what came before the scope ends must stay
    window = [at for at in arrivals if at - began >= row.run_in]
    edges = [began + row.run_in, *window, last]
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


async def ours(transport: TransportName, codec: Codec, rows: Sequence[Row], seconds: float) -> None:
    """The rows of one transport and codec."""
    path = 0.0
    for row in rows:
        seen = await run(row, transport, codec, seconds)
        path = path or seen.p50
        print(
            f"| {row.name} | {transport} | {codec} | {seen.fps:.1f} | {seen.gap:.0f} | {seen.p50:.0f} "
            f"| {seen.p95:.0f} | {seen.size} | {seen.lost} | {seen.plis} | {seen.resent} "
            f"| {verdict(row, seen, path)} |",
            flush=True,
        )


async def main() -> None:
    transports = get_args(TransportName)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", action="append")
    parser.add_argument("--transport", action="append", choices=(*transports, "browser"))
    parser.add_argument("--codec", action="append", choices=get_args(Codec))
    given = parser.parse_args()
    wanted = given.transport or (*transports, "browser")
    codecs = given.codec or get_args(Codec)
    # The first row is the one that the others count from.
    rows = [ROWS[0], *(row for row in ROWS[1:] if not given.only or row.name in given.only)]
    print(
        "| network | transport | codec | fps | gap ms | p50 ms | p95 ms | size | lost | PLI | resent | verdict |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for transport, codec in itertools.product(transports, codecs):
        if transport in wanted:
            await ours(transport, codec, rows, given.seconds)
    if "browser" in wanted:
        print()
        await network_browser.table(rows, given.seconds)


if __name__ == "__main__":
    asyncio.run(main())
