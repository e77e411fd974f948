"""Telemetry to the service's own sink, and to backends that misbehave: memory flat, the session untouched."""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

import anyio
import httpx2
import pytest

from realtime_fast import RealtimeClient, Telemetry
from realtime_fast.diagnostics import telemetry_sender
from realtime_fast.diagnostics.telemetry_sender import TelemetrySender
from realtime_fast.media.sources import MediaSource
from realtime_fast.redaction import Secrets
from realtime_fast.server import Service

from tests.support import KEY, SMALL, eventually, leaving_nothing, options

Answer = Callable[[socket.socket, threading.Event], None]


def http(service: Service) -> str:
    return service.url.replace("ws", "http", 1)


async def test_what_clients_report_can_be_read_back(service: Service, camera: MediaSource) -> None:
    telemetry = Telemetry(f"{http(service)}/api/v1/telemetry", interval=0.5)
    async with (
        httpx2.AsyncClient() as web,
        RealtimeClient.connect(
            service.url, KEY, camera, options(telemetry=telemetry, stats_interval_ms=500)
        ) as client,
    ):
        await eventually(
            lambda: any(report["body"]["stats"] for report in service.registry.telemetry.reports)
        )
        shown = (await web.get(f"{http(service)}/dev/telemetry")).json()["reports"]
        session_id = client.session_id
    assert shown
    assert len({report["id"] for report in shown}) == len(shown)
    for report in shown:
        assert report["repeats"] == 0
        assert report["body"]["sessionId"] == session_id
        assert report["body"]["model"] == SMALL.name


REPORT = {
    "sessionId": "s",
    "timestamp": 1.0,
    "sdkVersion": "1",
    "tags": {"session_id": "s", "sdk_version": "1", "transport": "webrtc"},
    "stats": [{"timestamp": 1.0}],
    "diagnostics": [{"name": "x", "data": {}, "timestamp": 1.0}],
}


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({}, 204, ""),
        ({"sessionId": ...}, 422, "sessionId"),
        ({"tags": {"session_id": "t", "sdk_version": "1"}}, 422, "differ"),
        ({"stats": [{}] * 121}, 422, "120 stats at most, this one has 121"),
        ({"diagnostics": [{"name": "x"}]}, 422, "diagnostics"),
        ({"stats": [{"x": "y" * 5_000_000}]}, 413, "bytes at most"),
    ],
)
async def test_the_sink_takes_reports_as_they_are_described(
    service: Service, changes: dict[str, object], status: int, words: str
) -> None:
    report = {name: value for name, value in {**REPORT, **changes}.items() if value is not ...}
    async with httpx2.AsyncClient() as web:
        for _ in range(2):
            answer = await web.post(
                f"{http(service)}/api/v1/telemetry",
                json=report,
                headers={"x-api-key": KEY, "idempotency-key": "one"},
            )
            assert answer.status_code == status
        assert not words or words in answer.json()["error"]
        refused = await web.post(f"{http(service)}/api/v1/telemetry", json=report)
        assert refused.status_code == 401
    kept = [(one["id"], one["repeats"]) for one in service.registry.telemetry.reports]
    assert kept == ([("one", 1)] if status == 204 else [])


def dribbling(client: socket.socket, over: threading.Event) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while not over.wait(0.02):
        client.sendall(b".")


def endless(client: socket.socket, over: threading.Event) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while not over.is_set():
        client.sendall(b"10000\r\n" + b"." * 65536 + b"\r\n")


def silent(_: socket.socket, over: threading.Event) -> None:
    over.wait(30)


def rubbish(client: socket.socket, _: threading.Event) -> None:
    client.sendall(b"\x00\xff nothing that is HTTP\r\n\r\n")


def hanging_up(_: socket.socket, __: threading.Event) -> None:
    pass


class Backend:
    """A telemetry backend that keeps the last reports it got whole, and then answers as it likes."""

    def __init__(self, answer: Answer, kept: int | None = None) -> None:
        self.received: deque[bytes] = deque(maxlen=kept)
        self.url = ""
        self._answer = answer
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[Backend]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.05)
            self.url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            accepting = threading.Thread(target=self._accept, args=(server,))
            accepting.start()
            try:
                yield self
            finally:
                self._over.set()
                accepting.join()

    def _accept(self, server: socket.socket) -> None:
        threads = []
        while not self._over.is_set():
            with suppress(TimeoutError):
                client, _ = server.accept()
                threads.append(threading.Thread(target=self._serve, args=(client,)))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(5)
            data = b""
            while b"\r\n\r\n" not in data:
                data += _some(client)
            head, _, body = data.partition(b"\r\n\r\n")
            lines = head.lower().splitlines()
            length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
            while len(body) < length:
                body += _some(client)
            self.received.append(body)
            self._answer(client, self._over)


def _some(client: socket.socket) -> bytes:
    if not (data := client.recv(65536)):
        raise ConnectionResetError
    return data


@pytest.mark.parametrize("answer", [dribbling, endless, silent, rubbish, hanging_up])
async def test_a_report_that_may_have_arrived_is_not_sent_again(
    answer: Answer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(telemetry_sender, "REQUEST_TIMEOUT", 0.3)
    async with leaving_nothing():
        with Backend(answer).running() as backend:
            sender = TelemetrySender(
                Telemetry(backend.url, interval=0.05),
                api_key=KEY,
                agent="test",
                model=None,
                integration=None,
                transport="webrtc",
                secrets=Secrets(KEY),
            )
            sender.buffer.identified("s")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(sender.run)
                for number in range(6):
                    sender.buffer.add_diagnostic("x", {"n": number}, 0.0)
                    await eventually(lambda count=number: len(backend.received) > count)  # type: ignore[misc]
                stopped = time.monotonic()
                tasks.cancel_scope.cancel()
            assert time.monotonic() - stopped < 2 + 3, "a second for the last words, and slack"
    numbers = [body.count(b'"n":%d' % number) for number in range(6) for body in backend.received]
    assert sum(numbers) == 6, "each once"
    assert caplog.text.count("telemetry could not be delivered") >= 5


@contextmanager
def refusing() -> Iterator[str]:
    """The URL of a backend that is down."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"http://127.0.0.1:{port}/"


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    with Backend(answer, kept=0).running() as backend:
        yield backend.url


def resident_mb() -> float:
    """Memory of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.alone
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(refusing, id="down"),
        *(
            pytest.param(partial(answering, answer), id=answer.__name__)
            for answer in (dribbling, endless, silent, rubbish, hanging_up)
        ),
    ],
)
async def test_ten_minutes_of_a_bad_backend_keep_memory_and_session(
    backend: Callable[[], AbstractContextManager[str]],
    service: Service,
    camera: MediaSource,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ten minutes of 20 kB a second, in a tenth of a second for each: all that is kept is what one report takes."""
    monkeypatch.setattr(telemetry_sender, "REQUEST_TIMEOUT", 0.2)
    # pytest would keep the errors that are logged, with their frames and all that these hold.
    caplog.set_level(logging.CRITICAL, telemetry_sender.__name__)
    async with leaving_nothing():
        with backend() as url:
            wanted = options(telemetry=Telemetry(url, interval=0.05), stats_interval_ms=500)
            async with RealtimeClient.connect(service.url, KEY, camera, wanted) as client:
                sender = client._session._settings.telemetry
                assert sender is not None
                for second in range(600):
                    for _ in range(20):
                        sender.buffer.add_stats({"timestamp": second, "padding": "x" * 1000})
                        sender.buffer.add_diagnostic("x", {"n": second, "padding": "x" * 1000}, 0.0)
                    if second == 200:
                        settled = resident_mb()
                    if second % 20 == 0:
                        await anyio.sleep(0.1)
                grown = resident_mb() - settled
                assert client.is_connected()
                stopped = time.monotonic()
            assert time.monotonic() - stopped < 2
    assert grown < 4, "16 MB came after the figure that it is compared with"
