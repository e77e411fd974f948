"""Measure the end-to-end latency of a session, and print it as it goes.

python examples/latency_watch.py [SECONDS] [SOURCE]
"""

import asyncio
import contextlib
import os
import sys

from realtime_fast import (
    CompositeLatency,
    LatencyTracking,
    PixelLatency,
    PixelLatencyReport,
    RealtimeClient,
    RealtimeConnectOptions,
    models,
    open_source,
)

URL = os.environ.get("REALTIME_URL", "ws://127.0.0.1:8890")
API_KEY = os.environ.get("REALTIME_API_KEY", "any-key")


def show(event: object) -> None:
    match event:
        case PixelLatency():
            print(f"picture {event.seq}: {event.e2e_latency_ms:.0f} ms")
        case CompositeLatency():
            print(f"estimate: {'at least ' * event.lower_bound}{event.composite_e2e_ms:.0f} ms")
        case PixelLatencyReport() if event.p50_ms is not None and event.p95_ms is not None:
            print(
                f"{event.received} of {event.sent} markers read, {event.lost} lost: "
                f"median {event.p50_ms:.0f} ms, 95 % within {event.p95_ms:.0f} ms"
            )


async def main(seconds: str = "inf", path: str = "synthetic") -> None:
    model = models.realtime("lucy-restyle-2")
    tracking = LatencyTracking(composite=True, pixel_marker=True, probe_interval_ms=500)
    options = RealtimeConnectOptions(model, latency_tracking=tracking)
    async with open_source(path, loop=True, size=(model.width, model.height), fps=model.fps) as source:
        async with RealtimeClient.connect(URL, API_KEY, source, options) as client:
            events = client.events()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(float(seconds)):
                    async for event in events:
                        show(event)
        async for event in events:  # the last report comes with the end of the session
            show(event)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
