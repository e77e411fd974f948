"""A packet that is lost together with its retransmission holds the picture for two round trips, no longer."""

from __future__ import annotations

import itertools
import time
from statistics import median

import anyio
import pytest

from realtime_fast import RealtimeClient, open_source
from realtime_fast.errors import TransportName
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.network import NetworkProfile

from tests.reference.lost_twice import LostTwice
from tests.support import KEY, options

INTERVAL = 1 / 30
ROUND_TRIP = 0.08
LOSSES = 3


@pytest.mark.alone
@pytest.mark.parametrize("transport", ["webrtc", "ivs"])
async def test_the_picture_is_back_within_two_round_trips(transport: TransportName) -> None:
    config = ServiceConfig(port=0, network=NetworkProfile.parse("delay=40ms,rate=2M"))
    arrivals: list[float] = []
    async with (
        Service(config) as service,
        open_source("synthetic", size=(320, 192), fps=30) as source,
        RealtimeClient.connect(service.url, KEY, source, options(transport=transport)) as client,
    ):
        network = service.registry.network
        assert network is not None
        lost = LostTwice(network)

        async def watch() -> None:
            async for _ in client.frames():
                arrivals.append(time.monotonic())  # noqa: PERF401 - read while it grows

        async def longest_gap() -> float:
            """Of the pictures from just before a loss to a second after it."""
            first, before = max(0, len(arrivals) - 2), lost.losses
            lost.lose()
            with anyio.fail_after(10):
                while lost.losses == before:
                    await anyio.sleep(0.02)
                end = time.monotonic() + 1
                while arrivals[-1] < end:
                    await anyio.sleep(0.02)
            return max(after - before for before, after in itertools.pairwise(arrivals[first:]))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            with anyio.fail_after(20):
                while len(arrivals) < 60:
                    await anyio.sleep(0.02)
            gaps = [await longest_gap() for _ in range(LOSSES)]
            tasks.cancel_scope.cancel()
    assert median(gaps) <= INTERVAL + 2 * ROUND_TRIP + 0.1, gaps
    assert max(gaps) > ROUND_TRIP, "nothing was lost"
