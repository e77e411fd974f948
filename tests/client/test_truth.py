"""Latencies against an independent truth: a large code in each picture that says which one it is."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from realtime_fast import LatencyTracking, RealtimeClient
from realtime_fast.errors import TransportName
from realtime_fast.events import PixelLatency, PixelLatencyReport
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.network import NetworkProfile

from tests.reference.coded import CodedCamera, Truth, told_by_pictures
from tests.support import KEY, options

FRAME_MS = 1000 / 30


@pytest.fixture
def truth() -> Iterator[Truth]:
    with told_by_pictures() as truth:
        yield truth


@pytest.mark.parametrize(
    ("transport", "network"),
    [
        ("webrtc", "loss=1%,delay=20ms"),
        ("webrtc", "loss=5%,delay=20ms"),
        ("ivs", "loss=3%,delay=20ms"),
        ("livekit", "loss=3%,delay=20ms"),
        ("webrtc", "burst_loss=3%,delay=20ms,jitter=15ms"),
    ],
)
async def test_with_loss_the_books_balance_and_no_number_is_wrong(
    truth: Truth, transport: TransportName, network: str
) -> None:
    tracking = LatencyTracking(pixel_marker=True, probe_interval_ms=0)
    measured: list[PixelLatency] = []
    reports: list[PixelLatencyReport] = []
    config = ServiceConfig(port=0, network=NetworkProfile.parse(network))
    async with (
        Service(config) as service,
        RealtimeClient.connect(
            service.url, KEY, CodedCamera(), options(transport=transport, latency_tracking=tracking)
        ) as client,
    ):
        stream = client.events()
        with anyio.fail_after(30):
            async for event in stream:
                if isinstance(event, PixelLatency):
                    measured.append(event)
                if isinstance(event, PixelLatencyReport):
                    reports.append(event)
                    break
    reports += [event async for event in stream if isinstance(event, PixelLatencyReport)]
    pending = 0
    for report in reports:
        ended = report.received + report.lost + report.corrupted + report.dropped
        assert report.sent == ended + report.pending - pending
        pending = report.pending
    assert reports[-1].pending == 0, "what was in flight at the end is dropped"
    assert len(measured) > 30
    wrong = [
        (event.seq, event.e2e_latency_ms, truth.latency_ms(event.seq))
        for event in measured
        if abs(event.e2e_latency_ms - truth.latency_ms(event.seq)) > FRAME_MS
    ]
    assert wrong == []
