"""The verdict on a connection whose network worsens and heals, in each dimension by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anyio
import pytest

from realtime_fast import QualityBands, RealtimeClient
from realtime_fast.events import ConnectionQuality, LimitingFactor, QualityLevel
from realtime_fast.media.sources import MediaSource
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.network import NetworkProfile

from tests.support import KEY, options

BLIND = QualityBands(
    e2e_ms=(1e6, 1e6, 1e6),
    rtt_ms=(1e6, 1e6, 1e6),
    packet_loss=(1, 1, 1),
    frame_loss=(1, 1, 1),
    bandwidth=(0, 0, 0),
    fps=(0, 0, 0),
)
"""Bands in which everything is good."""


@dataclass(frozen=True)
class Course:
    """A network that gets worse and better again, and how that is judged.

    Attributes:
        factor: What is the matter with it.
        bands: What is judged, and how.
        networks: From the best to the worst.
        seconds: How long each lasts.
    """

    factor: LimitingFactor
    bands: QualityBands
    networks: tuple[str, str, str, str]
    seconds: float

    @property
    def network(self) -> NetworkProfile:
        there_and_back = (*self.networks, *self.networks[-2::-1])
        return NetworkProfile.parse(
            ";".join(
                f"{f'{8 + self.seconds * (index - 1):g}s:' if index else ''}{network}"
                for index, network in enumerate(there_and_back)
            )
        )


COURSES = (
    Course(
        "latency",
        replace(BLIND, rtt_ms=(150, 300, 500)),
        ("delay=10ms", "delay=105ms", "delay=190ms", "delay=320ms"),
        6,
    ),
    Course(
        "loss",
        replace(BLIND, packet_loss=(0.02, 0.1, 0.22)),
        ("delay=10ms", "delay=10ms,loss=6%", "delay=10ms,loss=15%", "delay=10ms,loss=33%"),
        14,  # a report is about some thirty packets, so that by chance a verdict may take its time
    ),
    Course(
        "bandwidth",
        replace(BLIND, bandwidth=(0.9, 0.55, 0.25), wanted_kbps=500),
        ("delay=10ms,rate=2M", "delay=10ms,rate=380k", "delay=10ms,rate=200k", "delay=10ms,rate=80k"),
        10,
    ),
)


@pytest.mark.alone
@pytest.mark.timeout(150)
@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.factor)
async def test_a_network_that_worsens_and_heals_is_seen_through_all_levels_and_back(
    course: Course, camera: MediaSource
) -> None:
    wanted = ["good", "fair", "poor", "critical", "poor", "fair", "good"]
    passed: list[ConnectionQuality] = []
    seen: list[tuple[QualityLevel, LimitingFactor]] = []
    client_options = options(stats_interval_ms=500, quality_bands=course.bands)
    async with (
        Service(ServiceConfig(port=0, network=course.network)) as service,
        RealtimeClient.connect(service.url, KEY, camera, client_options) as client,
    ):
        with anyio.move_on_after(8 + 8 * course.seconds):
            async for event in client.events():
                if not isinstance(event, ConnectionQuality) or event.warming_up:
                    continue
                seen.append((event.quality, event.limiting_factor))
                # An estimate may swing over a band's edge and back, on a busy machine above all: that is no step.
                if event.quality == wanted[len(passed)]:
                    passed.append(event)
                if len(passed) == len(wanted):
                    break
    assert [one.quality for one in passed] == wanted, seen
    factors = [one.limiting_factor for one in passed]
    assert factors[2:5] == [course.factor] * 3
    # What loss took from the estimate comes back later than the packets do, and is named first where both are fair.
    assert {factors[1], factors[5]} <= {course.factor, "bandwidth"}
    assert (factors[0], factors[6]) == ("none", "none")
