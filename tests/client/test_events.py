"""What users are told: buffered, in order, once; stalls; telemetry over real HTTP; latency that is true."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from realtime_fast import LatencyTracking, RealtimeClient, Telemetry
from realtime_fast.events import ConnectionChange, Diagnostic, Event, EventsDropped
from realtime_fast.media.sources import MediaSource
from realtime_fast.server import Faults, Service, ServiceConfig
from realtime_fast.session.event_hub import QUEUE_LIMIT

from tests.far_side import far_side
from tests.support import KEY, eventually, first_picture, leaving_nothing, options


async def test_what_came_before_the_handlers_comes_once_and_in_order(
    service: Service, camera: MediaSource
) -> None:
    states: list[str] = []
    awaited: list[str] = []
    async with RealtimeClient.connect(service.url, KEY, camera, options()) as client:
        stream = client.events()
        client.on("connection_change", states.append)

        async def slowly(state: str) -> None:
            await anyio.sleep(0.05)
            awaited.append(state)

        def failing(_: object) -> None:
            raise RuntimeError("a callback's own fault")

        client.on("connection_change", slowly)
        client.on("connection_change", failing)
        client.on("connection_change", states.append)
        await eventually(lambda: awaited[:3] == ["connecting", "connected", "generating"])
        assert states == [state for state in awaited for _ in range(2)]
        client.off("connection_change", states.append)
    assert states[:6] == ["connecting"] * 2 + ["connected"] * 2 + ["generating"] * 2
    seen: list[Event | EventsDropped] = [event async for event in stream]
    assert [event.state for event in seen if isinstance(event, ConnectionChange)] == [
        "connecting", "connected", "generating", "disconnected",
    ]  # fmt: skip
    kinds = [event.kind for event in seen if isinstance(event, Diagnostic)]
    phases = [
        event.data["phase"] for event in seen if isinstance(event, Diagnostic) and event.kind == "phaseTiming"
    ]
    assert phases == ["websocket", "avatar-image", "webrtc-handshake", "total"]
    assert {"iceCandidate", "iceStateChange", "peerConnectionStateChange", "signalingStateChange",
            "selectedCandidatePair"} <= set(kinds)  # fmt: skip
    assert all(
        event.data["success"] and event.data["duration_ms"] > 0
        for event in seen
        if isinstance(event, Diagnostic) and event.kind == "phaseTiming"
    )


async def test_a_slow_reader_is_told_how_many_it_missed(service: Service, camera: MediaSource) -> None:
    async with RealtimeClient.connect(service.url, KEY, camera, options()) as client:
        stream = client.events()
        ticks: list[int] = []
        client.on("generation_tick", lambda tick: ticks.append(tick.seconds))
        (session,) = service.sessions.values()
        for number in range(2 * QUEUE_LIMIT):
            session.emit_raw(json.dumps({"type": "generation_tick", "seconds": number}))
            if number % 100 == 0:
                # The service cuts off a client that does not keep up.
                await eventually(lambda: number in ticks)  # noqa: B023 - called at once
        session.emit_raw(json.dumps({"type": "generation_tick", "seconds": -1}))
        await eventually(lambda: -1 in ticks)
        first = await anext(stream)
        assert isinstance(first, EventsDropped)
        assert first.count >= QUEUE_LIMIT


async def test_pictures_that_stall_and_come_back(service: Service, camera: MediaSource) -> None:
    stalls: list[dict[str, Any]] = []
    async with RealtimeClient.connect(service.url, KEY, camera, options()) as client:
        client.on(
            "diagnostic", lambda event: stalls.append(event.data) if event.kind == "videoStall" else None
        )
        await first_picture(client)
        service.set_faults(Faults(stall=0), live=True)
        await eventually(lambda: stalls and stalls[-1]["stalled"])
        assert stalls[-1] == {"stalled": True, "duration_ms": 0}
        await anyio.sleep(1)
        assert client.is_connected()
        service.set_faults(Faults(), live=True)
        await eventually(lambda: len(stalls) == 2)
        assert not stalls[-1]["stalled"]
        assert 3000 < stalls[-1]["duration_ms"] < 15_000


class Backend:
    """A telemetry endpoint over real HTTP; answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[Backend]:
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                backend.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(backend.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}/telemetry"
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend().running() as backend:
        yield backend


async def test_telemetry_over_http(service: Service, camera: MediaSource, backend: Backend) -> None:
    wanted = options(telemetry=Telemetry(backend.url, interval=0.7), stats_interval_ms=500)
    async with RealtimeClient.connect(service.url, KEY, camera, wanted, integration="demo/1") as client:
        session_id = client.session_id
        await eventually(lambda: any(body["stats"] for _, body in backend.requests))
        backend.status = 500
        failed = len(backend.requests)
        await eventually(lambda: len(backend.requests) >= failed + 2)
        backend.status = 200
        assert client.is_connected()
        delivered = len(backend.requests)
        await eventually(lambda: len(backend.requests) > delivered)
    bodies = [body for _, body in backend.requests]
    for headers, body in backend.requests:
        assert headers["x-api-key"] == KEY
        assert headers["user-agent"].startswith("realtime-fast/")
        assert body["sessionId"] == body["tags"]["session_id"] == session_id
        assert body["tags"]["transport"] == "webrtc"
        assert body["tags"]["integration"] == "demo/1"
        assert len(body["stats"]) <= 120
        assert len(body["diagnostics"]) <= 120
    names = [item["name"] for item in bodies[0]["diagnostics"]]
    assert "phaseTiming" in names  # raised before the session had an id, and kept
    # What a failed request carried comes again, and with success.
    kept = bodies[failed]["diagnostics"] + bodies[failed]["stats"]
    later = [item for body in bodies[failed + 1 :] for item in body["diagnostics"] + body["stats"]]
    assert all(item in later for item in kept)


async def test_a_dead_telemetry_backend_disturbs_nothing(
    service: Service, camera: MediaSource, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = options(telemetry=Telemetry("http://127.0.0.1:9/", interval=0.1), stats_interval_ms=500)
    async with leaving_nothing(), RealtimeClient.connect(service.url, KEY, camera, wanted) as client:
        await eventually(lambda: caplog.text.count("telemetry could not be delivered") >= 3)
        await first_picture(client)
        reporter = client._session._settings.telemetry
        assert reporter is not None
        with anyio.fail_after(5):
            for _ in range(5_000):
                reporter.buffer.add_diagnostic("x", {"n": 1}, 0.0)
        batch, items = reporter.buffer.take(), 0
        while batch is not None:
            items += len(batch.diagnostics)
            batch = reporter.buffer.take()
        assert items < 5_000


async def test_a_telemetry_backend_without_an_end_is_given_up(
    service: Service, camera: MediaSource, caplog: pytest.LogCaptureFixture
) -> None:
    async def endless(stream: SocketStream, _: bytes) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send(b"x" * 65536)

    async with far_side(endless) as side:
        wanted = options(telemetry=Telemetry(f"http://{side.place}/", interval=0.1))
        async with RealtimeClient.connect(service.url, KEY, camera, wanted):
            await eventually(lambda: "answers with more than 65536 bytes" in caplog.text)


async def quickest(service: Service, camera: MediaSource) -> float:
    """Milliseconds that the quickest pictures took: what a busy machine adds to the others is not the service's."""
    tracking = LatencyTracking(pixel_marker=True, probe_interval_ms=0)
    latencies: list[float] = []
    async with RealtimeClient.connect(service.url, KEY, camera, options(latency_tracking=tracking)) as client:
        client.on("pixel_latency", lambda event: latencies.append(event.e2e_latency_ms))
        await eventually(lambda: len(latencies) >= 90, 40)
    return sorted(latencies)[2]


@pytest.mark.alone
async def test_an_injected_delay_is_measured(camera: MediaSource) -> None:
    async with Service(ServiceConfig(port=0)) as plain:
        base = await quickest(plain, camera)
    for delay in (50, 500):
        async with Service(ServiceConfig(port=0, delay_ms=delay)) as slow:
            late = await quickest(slow, camera)
        # Never less than the service held them for; the work that fills a part of the delay is not added to it.
        assert delay <= late < base + delay + 100
