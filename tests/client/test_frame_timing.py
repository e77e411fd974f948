"""Frame timing end to end: what it measures beside the other methods, what it counts, and whom it spares."""

from __future__ import annotations

from bisect import bisect
from statistics import median

import pytest

from realtime_fast import LatencyTracking, RealtimeClient
from realtime_fast.errors import TransportName
from realtime_fast.events import FrameLatency, FrameTimingReport, PixelLatency
from realtime_fast.media.sources import MediaSource
from realtime_fast.peer import agreed
from realtime_fast.server import Faults, Service, ServiceConfig

from tests.support import KEY, eventually, options

DELAY_MS = 100
AGREE_MS = 5
"""How far apart the medians of two methods may be."""

ENOUGH = 30
"""Pictures that are measured by each method."""


@pytest.mark.alone
async def test_all_methods_agree(camera: MediaSource, transport: TransportName) -> None:
    """On the pictures that both have measured: an encoder may blur a marker, and never a stamp."""
    wanted = LatencyTracking(composite=True, pixel_marker=True, frame_timing=True, probe_interval_ms=0)
    markers: list[PixelLatency] = []
    timings: list[FrameLatency] = []
    async with (
        Service(ServiceConfig(port=0, delay_ms=DELAY_MS)) as service,
        RealtimeClient.connect(
            service.url, KEY, camera, options(transport=transport, latency_tracking=wanted)
        ) as client,
    ):
        client.on("pixel_latency", markers.append)
        client.on("frame_latency", timings.append)

        def measured() -> bool:
            known = client.get_latency()
            return known is not None and known.composite is not None and len(markers) >= ENOUGH

        await eventually(measured, 40)
        known = client.get_latency()
        (session,) = service.sessions.values()
        assert session.pipeline.cell == (8 if transport == "livekit" else 1)
    when = [timing.timestamp for timing in timings]
    both = [
        (marker.e2e_latency_ms, timings[at].e2e_latency_ms)
        for marker in markers
        if (at := bisect(when, marker.timestamp - 1)) < len(when) and when[at] - marker.timestamp < 1
    ]
    assert len(both) > ENOUGH / 2
    by_marker, by_timing = (median(figures) for figures in zip(*both, strict=True))
    assert abs(by_marker - by_timing) < AGREE_MS
    assert by_timing > DELAY_MS
    # The estimate leaves out what encoders, pacing and jitter buffers take.
    assert known is not None
    assert known.composite is not None
    assert DELAY_MS < known.composite.composite_e2e_ms < max(by for _, by in both) + AGREE_MS


async def test_pictures_that_the_model_skips_are_counted(camera: MediaSource) -> None:
    """It takes 0.1 s for each: of 30 a second two thirds never come back."""
    reports: list[FrameTimingReport] = []
    wanted = LatencyTracking(frame_timing=True)
    async with Service(ServiceConfig(port=0, faults=Faults(slow=0.1))) as service:
        async with RealtimeClient.connect(
            service.url, KEY, camera, options(latency_tracking=wanted)
        ) as client:
            client.on("frame_timing_report", reports.append)

            def frames() -> int:
                known = client.get_latency()
                assert known is not None
                assert known.frame_timing is not None
                return known.frame_timing.frames.received

            await eventually(lambda: frames() >= 10, 20)
        await eventually(lambda: reports and reports[-1].pending == 0)
    sent, received, lost, dropped = (
        sum(getattr(report, name) for report in reports) for name in ("sent", "received", "lost", "dropped")
    )
    assert sent == received + lost + dropped
    assert lost > received


async def test_a_far_side_that_does_not_say_that_it_takes_trailers_off_gets_none(
    service: Service, camera: MediaSource, transport: TransportName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Descriptions lose the line on their way, as a server that does not know it would leave it out."""
    sections = agreed.sections
    monkeypatch.setattr(agreed, "TRAILERS", "x-other")
    monkeypatch.setattr(agreed, "sections", lambda sdp: sections(sdp.replace("a=x-other\r\n", "")))
    monkeypatch.setattr("realtime_fast.livekit.room.passes_trailers_on", lambda _: False)
    wanted = LatencyTracking(pixel_marker=True, frame_timing=True, probe_interval_ms=0)
    async with RealtimeClient.connect(
        service.url, KEY, camera, options(transport=transport, latency_tracking=wanted)
    ) as client:

        def markers() -> int:
            known = client.get_latency()
            assert known is not None
            assert known.frame_timing is not None
            assert known.frame_timing.frames.sent == 0
            return known.session.count

        await eventually(lambda: markers() > 5, 20)
