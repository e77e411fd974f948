"""Who may ask the service for what, and what a failure looks like from outside and in the logs."""

from __future__ import annotations

import logging
import socket
from typing import Any

import anyio
import httpx2
import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from realtime_fast.errors import AuthenticationError, InvalidInputError
from realtime_fast.server import Service, ServiceConfig, bodies
from realtime_fast.server.http.gate import Gate

DEVELOPER_ROUTES = [
    ("GET", "/dev/sessions"),
    ("POST", "/dev/faults"),
    ("POST", "/dev/stages"),
    ("POST", "/dev/stages/any/tokens"),
]


async def status_of(scope: dict[str, Any], *, origins: frozenset[str] = frozenset()) -> int:
    """What a gate before an application that answers 204 to everything says."""
    sent: list[Any] = []

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def receive() -> Any:
        raise AssertionError("the gate reads no body")

    async def send(message: Any) -> None:
        sent.append(message)

    whole = {"type": "http", "method": "GET", "path": "/", "client": ("127.0.0.1", 5), "headers": [], **scope}
    await Gate(app, origins)(whole, receive, send)
    status: int = sent[0]["status"]
    return status


def headers(**values: str) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in values.items()]


@pytest.mark.parametrize(("method", "path"), DEVELOPER_ROUTES)
async def test_developer_routes_are_closed_to_names_that_only_resolve_to_this_machine(
    method: str, path: str
) -> None:
    async with Service(ServiceConfig(port=0)) as service, httpx2.AsyncClient(trust_env=False) as http:
        url = service.url.replace("ws", "http", 1) + path
        for name in ("rebound.test", "127.0.0.1.rebound.test", "rebound.test:80"):
            answer = await http.request(method, url, headers={"Host": name})
            assert (answer.status_code, "loopback" in answer.json()["error"]) == (403, True)
        evil = await http.request(method, url, headers={"Origin": "https://evil.test"})
        assert evil.status_code == 403
        forwarded = await http.request(method, url, headers={"X-Forwarded-For": "192.0.2.1"})
        assert forwarded.status_code != 403, "who the client is, no header says"


@pytest.mark.parametrize(
    ("client", "host", "status"),
    [
        ("127.0.0.1", "localhost:8787", 204),
        ("::1", "[::1]:8787", 204),
        ("127.0.0.1", "192.0.2.1:8787", 403),
        ("192.0.2.9", "localhost", 403),
        ("192.0.2.9", "192.0.2.1", 403),
        ("127.0.0.1", "", 400),
        ("127.0.0.1", "localhost:port", 400),
    ],
)
async def test_developer_routes_are_for_this_machine(client: str, host: str, status: int) -> None:
    scope = {"path": "/dev/anything", "client": (client, 5), "headers": headers(host=host)}
    assert await status_of(scope) == status
    assert await status_of({**scope, "path": "/stages/x"}) == (400 if status == 400 else 204)


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        (None, True),
        ("http://localhost:5173", True),
        ("http://127.0.0.1", True),
        ("https://[::1]:9", True),
        ("https://good.test", True),
        ("https://good.test.evil.test", False),
        ("http://good.test", False),
        ("https://evil.test", False),
        ("null", False),
        ("file://localhost/", False),
    ],
)
async def test_pages_open_websockets_from_loopback_and_from_where_they_may(
    origin: str | None, passes: bool
) -> None:
    config = ServiceConfig(port=0, origins=frozenset({"https://good.test"}))
    async with Service(config) as service:
        url = f"{service.url}/v1/stream?api_key=k&model=lucy-2.1"
        page = None if origin is None else Origin(origin)
        if passes:
            async with connect(url, origin=page, proxy=None) as socket_:
                assert "session_id" in str(await socket_.recv())
        else:
            with pytest.raises(InvalidStatus) as caught:
                await connect(url, origin=page, proxy=None)
            assert caught.value.response.status_code == 403


async def test_all_origins_may_where_all_are_allowed() -> None:
    scope = {"path": "/dev/x", "headers": headers(host="localhost", origin="https://any.test")}
    assert await status_of(scope) == 403
    assert await status_of(scope, origins=frozenset("*")) == 204


@pytest.mark.parametrize("key", ["", "%20", "%09%20"])
async def test_a_blank_key_opens_nothing(key: str) -> None:
    async with Service(ServiceConfig(port=0)) as service:
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"{service.url}/v1/stream?api_key={key}&model=lucy-2.1", proxy=None)
        assert caught.value.response.status_code == 401


@pytest.mark.parametrize(
    ("keys", "error"),
    [({""}, AuthenticationError), ({"good", " "}, AuthenticationError), ({"key\n"}, InvalidInputError)],
)
def test_a_service_takes_no_key_that_nobody_could_give(keys: set[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        ServiceConfig(api_keys=frozenset(keys))


@pytest.mark.parametrize(
    "origin", ["good.test", "https://good.test/path", "https://u@good.test", "ws://good.test", ""]
)
def test_an_origin_is_scheme_and_host(origin: str) -> None:
    with pytest.raises(InvalidInputError, match="origins must look like"):
        ServiceConfig(origins=frozenset({origin}))


REQUESTS = [
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET /nowhere HTTP/1.1\r\nHost: [\r\n\r\n",
    b"GET /dev/sessions HTTP/1.1\r\nHost: localhost:99999\r\n\r\n",
    b"GET /stages/\xff%ff%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"nonsense s3cret-body\r\n\r\n",
    b"POST /dev/faults HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n[s3",
    b"POST /dev/faults HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 40000\r\n\r\n"
    + b"[" * 40000,
    b"POST /dev/faults HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n"
    + b"x" * 99999,
    b"POST /dev/stages/x/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n\xff\xfe\x00{",
    b"POST /stages/publish/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff.\xfe.s3cret\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: 1\r\n\r\nv",
    b"GET /v1/stream?api_key=s3cret&model=%ff HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    b"\xff\xff\xff\xff",
    b"GET /subscribe/..%2f?IP=s3cret&port=x HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: short\r\n\r\n",
]


async def test_no_request_makes_a_traceback_or_repeats_itself_in_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    async with Service(ServiceConfig(port=0)) as service:
        for request in REQUESTS:
            stream = await anyio.connect_tcp(*service.address)
            async with stream:
                await stream.send(request)
                await stream.send_eof()
                with anyio.fail_after(20):
                    answer = b""
                    try:
                        async for piece in stream:
                            answer += piece
                    except anyio.BrokenResourceError:
                        pass  # cut off: an answer as well
            assert b"Traceback" not in answer
        async with await anyio.connect_tcp(*service.address) as gone:
            await gone.send(REQUESTS[-2])
            gone.extra(anyio.abc.SocketAttribute.raw_socket).setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
            )
        async with httpx2.AsyncClient(trust_env=False) as http:
            url = service.url.replace("ws", "http", 1)
            assert (await http.get(f"{url}/dev/sessions")).status_code == 200, "it lives"
    assert [record for record in caplog.records if record.exc_info] == []
    assert "Traceback" not in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("path", ["/dev/faults", "/dev/stages/{stage_id}/tokens"])
async def test_bodies_for_developer_routes_are_bounded_in_size_and_time(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Service(ServiceConfig(port=0)) as service, httpx2.AsyncClient(trust_env=False) as http:
        url = service.url.replace("ws", "http", 1) + path.format(stage_id=service.stages.create().stage_id)
        json = {"Content-Type": "application/json"}
        answer = await http.post(url, headers=json, content=b"[" * 2_000_000)
        assert answer.status_code == 413
        monkeypatch.setattr(bodies, "WITHIN", 0.1)
        path = url.partition(service.url.rpartition("/")[2])[2]
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9"
        )
        async with await anyio.connect_tcp(*service.address) as stream:
            await stream.send(f"{head}\r\n\r\n[".encode())
            with anyio.fail_after(10):
                assert (await stream.receive()).startswith(b"HTTP/1.1 408 ")


async def test_a_handler_that_fails_is_answered_and_logged_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(_: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("s3cret")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "client": None, "headers": headers(host="h")}
    await Gate(app, ())(scope, send, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 500
    (record,) = [record for record in caplog.records if record.name.startswith("realtime_fast")]
    assert record.getMessage().startswith("a http request failed on LookupError at test_gate.py:")
    assert "s3cret" not in repr(sent) + caplog.text
