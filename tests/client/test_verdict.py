"""The verdict on a connection whose network worsens and heals."""

from __future__ import annotations

import anyio
import pytest

from realtime_fast import QualityBands, RealtimeClient
from realtime_fast.events import ConnectionQuality
from realtime_fast.media.sources import MediaSource
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.network import NetworkProfile

from tests.support import KEY, options

STEADY = QualityBands(fps=(1, 1, 1), bandwidth=(0, 0, 0), packet_loss=(1, 1, 1))
"""A busy machine's frame rate and bandwidth are not the point here: the network's delay is."""


@pytest.mark.alone
async def test_a_network_that_worsens_and_heals_is_seen_through_all_levels_and_back(
    camera: MediaSource,
) -> None:
    delays = (10, 105, 190, 320, 190, 105, 10)
    steps = ";".join(
        f"{'' if not index else f'{8 + 6 * (index - 1)}s:'}delay={delay}ms"
        for index, delay in enumerate(delays)
    )
    config = ServiceConfig(port=0, network=NetworkProfile.parse(steps))
    seen: list[ConnectionQuality] = []
    wanted = ["good", "fair", "poor", "critical", "poor", "fair", "good"]
    async with (
        Service(config) as service,
        RealtimeClient.connect(
            service.url, KEY, camera, options(stats_interval_ms=500, quality_bands=STEADY)
        ) as client,
    ):
        with anyio.move_on_after(70):
            async for event in client.events():
                if not isinstance(event, ConnectionQuality) or event.warming_up:
                    continue
                if not seen or (event.quality, event.limiting_factor) != (
                    seen[-1].quality,
                    seen[-1].limiting_factor,
                ):
                    seen.append(event)
                if [one.quality for one in seen if one.limiting_factor in ("latency", "none")] == wanted:
                    break
    by_delay = [one for one in seen if one.limiting_factor in ("latency", "none")]
    assert [one.quality for one in by_delay] == wanted, seen
    assert all((one.limiting_factor == "none") == (one.quality == "good") for one in by_delay)
