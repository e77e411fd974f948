"""Quality, preflight and exporters against a real service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from aioice import stun

from realtime_fast import EventLog, IceServer, LatencyTracking, RealtimeClient, check_connectivity
from realtime_fast.diagnostics.event_log import read_event_log
from realtime_fast.errors import InvalidInputError, TransportName
from realtime_fast.events import ConnectionQuality
from realtime_fast.media.sources import MediaSource
from realtime_fast.server import Faults, Service, ServiceConfig

from tests.support import KEY, SMALL, eventually, leaving_nothing, options


class StunServer(asyncio.DatagramProtocol):
    """Answers binding requests, after so many that it leaves out."""

    def __init__(self, deaf_to: int) -> None:
        self.deaf_to = deaf_to

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.deaf_to -= 1
        if self.deaf_to < 0:
            request = stun.parse_message(data)
            answer = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
            answer.attributes["XOR-MAPPED-ADDRESS"] = addr
            self._transport.sendto(bytes(answer), addr)


@asynccontextmanager
async def stun_server(deaf_to: int = 0) -> AsyncIterator[IceServer]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: StunServer(deaf_to), local_addr=("127.0.0.1", 0)
    )
    try:
        yield IceServer(f"stun:127.0.0.1:{transport.get_extra_info('sockname')[1]}")
    finally:
        transport.close()


@pytest.mark.parametrize("deaf_to", [0, 2])
async def test_a_path_that_a_stun_server_answers_on_is_good(deaf_to: int) -> None:
    async with leaving_nothing(), stun_server(deaf_to) as server:
        report = await check_connectivity(ice_servers=[server], timeout=10)
    assert (report.quality, report.transport, report.reasons) == ("good", "udp", ())
    assert report.metrics.rtt_ms is not None
    assert 0 < report.metrics.rtt_ms < 150, "that of the request which was answered"


async def test_a_path_without_an_answer_is_critical_and_says_what_to_do() -> None:
    async with leaving_nothing(), stun_server(deaf_to=1000) as server:
        turn = IceServer("turn:127.0.0.1:9", username="u", credential="s3cret")
        report = await check_connectivity(ice_servers=[server, turn], timeout=0.3)
    assert (report.quality, report.transport, report.metrics.rtt_ms) == ("critical", "failed", None)
    udp, relay = report.reasons
    assert "Allow outgoing UDP" in udp
    assert "The TURN server gave no relay" in relay
    assert "s3cret" not in repr(report)


async def test_a_check_that_lacks_something_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="nothing to ask"):
        await check_connectivity(ice_servers=[])
    with pytest.raises(InvalidInputError, match="needs base_url, api_key and model"):
        await check_connectivity(deep=True)


async def test_a_deep_check_ends_as_soon_as_it_knows(service: Service, transport: TransportName) -> None:
    async with leaving_nothing():
        report = await check_connectivity(
            deep=True,
            ice_servers=(),
            base_url=service.url,
            api_key=KEY,
            model=SMALL,
            transport=transport,
            seconds=60,
        )
    metrics = report.metrics
    assert metrics.first_frame_ms is not None
    assert metrics.e2e_ms is not None
    assert metrics.fps is not None
    assert metrics.rtt_ms is not None
    assert 0 < metrics.e2e_ms < 2000
    # How good a loaded machine is at that is not the point: whatever is not good has a reason.
    assert bool(report.reasons) == (report.quality != "good") or report.reasons[0].startswith("This machine")


async def test_a_deep_check_names_what_blocks_it(transport: TransportName) -> None:
    async with Service(ServiceConfig(port=0, faults=Faults(http=503))) as service:
        report = await check_connectivity(
            deep=True, base_url=service.url, api_key=KEY, model=SMALL, transport=transport, seconds=20
        )
    assert report.quality == "critical"
    (reason,) = report.reasons
    assert reason.startswith("The session failed during websocket: ")
    assert "503" in reason
    assert KEY not in reason


async def test_quality_latency_and_log_of_a_session(
    service: Service, camera: MediaSource, tmp_path: Path
) -> None:
    log = EventLog(tmp_path / "run.jsonl")
    tracking = LatencyTracking(composite=True, pixel_marker=True, probe_interval_ms=0)
    connecting = RealtimeClient.connect(
        service.url, KEY, camera, options(latency_tracking=tracking, stats_interval_ms=500, exporters=[log])
    )
    heard: list[ConnectionQuality] = []
    connecting.on("connection_quality", heard.append)
    async with leaving_nothing(), connecting as client:
        await eventually(lambda: client.connection_quality, 30)
        await eventually(lambda: (latency := client.get_latency()) and latency.session.count > 20, 30)
        await eventually(lambda: (latency := client.get_latency()) and latency.composite, 30)
        snapshot, quality = client.get_latency(), client.connection_quality
    assert quality is not None
    assert quality.metrics.first_frame_ms is not None
    assert heard[0].warming_up
    assert snapshot is not None
    assert snapshot.method == "end_to_end"
    assert snapshot.composite is not None
    assert snapshot.composite.legs == "one"
    lines = list(read_event_log(log.path))
    assert (lines[0]["event"], lines[-1]["event"]) == ("session", "end")
    assert lines[0]["model"] == SMALL.name
    names = {line["event"] for line in lines}
    assert {"connection_change", "stats", "pixel_latency", "connection_quality", "diagnostic"} <= names
    assert [line["state"] for line in lines if line["event"] == "connection_change"][-1] == "disconnected"
    assert KEY not in Path(log.path).read_text()


class Failing:
    """An exporter that cannot."""

    def begin(self, about: Mapping[str, Any]) -> None:
        raise OSError("disk full")

    def export(self, events: Sequence[tuple[float, Any]]) -> None:
        raise AssertionError("it failed before")

    def end(self) -> None:
        raise AssertionError("it failed before")


async def test_an_exporter_that_fails_disturbs_nobody(
    service: Service, camera: MediaSource, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = EventLog(tmp_path / "run.jsonl")
    async with (
        leaving_nothing(),
        RealtimeClient.connect(service.url, KEY, camera, options(exporters=[Failing(), log])) as client,
    ):
        with anyio.fail_after(20):
            async for _ in client.frames():
                break
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == [
        "the exporter Failing failed, and gets no more events"
    ]
    assert list(read_event_log(log.path))[-1]["event"] == "end"
