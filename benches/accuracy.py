"""How true the measured latency is: with known delays in the service, against a code in each picture.

Run as `python -m benches.accuracy [--seconds 10] [--delays 0 50 ...] [--transport ivs] [--small]`. `error` is measured
minus true by the code in the picture, `over` is the quickest picture minus the delay and minus the quickest one without
a delay. A run says something only where both frame rates are within 5 % of 30.

With `--networks` the rows of `benches.network` lie between instead, and half of each picture is of the clip; `readings`
counts those whose picture could be recognised by its code as well.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from typing import get_args

import anyio
from benches.networks import ROWS

from realtime_fast import LatencyTracking, RealtimeClient, RealtimeConnectOptions
from realtime_fast.cli.embedded import service_process
from realtime_fast.errors import TransportName
from realtime_fast.events import PixelLatency, StatsSample
from realtime_fast.models import ModelDefinition

from tests.reference import video
from tests.reference.coded import CodedCamera, told_by_pictures

SIZES = ((320, 192), (1280, 704))
DELAYS = (0.0, 50.0, 200.0, 1000.0, 5000.0, 20_000.0)


async def run(
    transport: TransportName,
    size: tuple[int, int],
    delay_ms: float,
    seconds: float,
    network: str | None = None,
) -> tuple[list[float], list[float], float, float]:
    """Latencies and their errors in ms, and the frame rates sent and received."""
    model = ModelDefinition("lucy-2.1", "/v1/stream", 30, *size)
    options = RealtimeConnectOptions(
        model,
        transport=transport,
        latency_tracking=LatencyTracking(pixel_marker=True, probe_interval_ms=0),
        ice_servers=(),
        reconnect=None,
    )
    below = video.clip(*size) if network else ()
    measured: list[PixelLatency] = []
    rates: list[tuple[float, float]] = []
    with told_by_pictures() as truth:
        async with (
            service_process(delay_ms, network) as url,
            RealtimeClient.connect(url, "bench-key", CodedCamera(*size, below), options) as client,
        ):
            with anyio.move_on_after(seconds + delay_ms / 1000 + 3):
                async for event in client.events():
                    if isinstance(event, PixelLatency):
                        measured.append(event)
                    elif isinstance(event, StatsSample) and measured:
                        received, sent = event.stats.video, event.stats.outbound_video
                        if received is not None and sent is not None:
                            rates.append((sent.frames_per_second, received.frames_per_second))
    latencies = [event.e2e_latency_ms for event in measured]
    known = [event for event in measured if truth.knows(event.seq)] if network else measured
    errors = [event.e2e_latency_ms - truth.latency_ms(event.seq) for event in known]
    sent_fps, received_fps = (sum(rate) / len(rates) for rate in zip(*rates, strict=True))
    return latencies, errors, sent_fps, received_fps


def on_networks(transports: Sequence[TransportName], seconds: float) -> None:
    print("| transport | network | readings | error p99 ms | error max ms | fps sent | fps received |")
    print("|---|---|---|---|---|---|---|")
    rows = [row for row in ROWS if row.lose_every is None]
    for transport, row in itertools.product(transports, rows):
        _, errors, sent, received = anyio.run(run, transport, SIZES[1], 0.0, seconds, row.network)
        p99, greatest = spread(errors)
        print(
            f"| {transport} | {row.name} | {len(errors)} | {p99:.1f} | {greatest:.1f} | {sent:.1f} | {received:.1f} |",
            flush=True,
        )


def spread(errors: list[float]) -> tuple[float, float]:
    """The 99th percentile of the magnitudes, and the greatest."""
    magnitudes = sorted(abs(error) for error in errors)
    return magnitudes[int(0.99 * (len(magnitudes) - 1))], magnitudes[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--delays", type=float, nargs="+", default=DELAYS)
    parser.add_argument("--transport", action="append", choices=get_args(TransportName))
    parser.add_argument("--small", action="store_true", help="320x192 only")
    parser.add_argument("--networks", action="store_true", help="the rows of benches.network")
    arguments = parser.parse_args()
    if arguments.networks:
        on_networks(arguments.transport or get_args(TransportName), arguments.seconds)
        return
    print(
        "| transport | size | delay ms | readings | error p99 ms | error max ms | over ms | fps sent | fps received |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for transport in arguments.transport or get_args(TransportName):
        for size in SIZES[: 1 if arguments.small else 2]:
            own = 0.0
            for delay in arguments.delays:
                latencies, errors, sent, received = anyio.run(run, transport, size, delay, arguments.seconds)
                p99, greatest = spread(errors)
                own = min(latencies) if not delay else own
                print(
                    f"| {transport} | {size[0]}x{size[1]} | {delay:g} | {len(errors)} "
                    f"| {p99:.1f} | {greatest:.1f} "
                    f"| {min(latencies) - delay - own:.1f} | {sent:.1f} | {received:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
