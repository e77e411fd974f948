"""The control channel and the service's life, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import os
import signal
import threading
import time
from urllib.parse import urlencode

import anyio
import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realtime_fast.errors import InvalidInputError
from realtime_fast.models import REALTIME_MODELS, RETIRED_MODELS
from realtime_fast.server import Faults, Service, ServiceConfig, serve

from tests.server.client import Client, base64_png, dial, png
from tests.support import eventually

ANY_PORT = ServiceConfig(port=0)


async def session_of(service: Service, client: Client) -> dict[str, object]:
    message = await client.expect("session_id")
    return service.sessions[message["session_id"]].info()


def test_every_model_that_the_pure_python_sdk_ever_named_is_known() -> None:
    """Those of `decart` 0.0.1 to 0.0.40 (PyPI), with the path of each: read in 27 of its releases."""
    named = {
        *("mirage", "mirage_v2", "lucy_v2v_720p_rt", "lucy_2_rt", "live_avatar", "live-avatar"),
        *("lucy", "lucy-2", "lucy-2.1", "lucy-2.1-vton", "lucy-2.1-vton-2", "lucy-latest", "lucy-restyle"),
        *(
            "lucy-restyle-2",
            "lucy-restyle-latest",
            "lucy-vton",
            "lucy-vton-2",
            "lucy-vton-3",
            "lucy-vton-latest",
        ),
    }
    paths = dict.fromkeys(named, "/v1/stream") | {"avatar-live": "/v1/avatar-live/stream"}
    known = {model.name: model.url_path for model in (*REALTIME_MODELS, *RETIRED_MODELS)}
    assert {name: known.get(name) for name in paths} == paths


@pytest.mark.parametrize("model", [*REALTIME_MODELS, *RETIRED_MODELS], ids=lambda model: model.name)
async def test_every_model_has_its_control_channel(model) -> None:  # type: ignore[no-untyped-def]
    async with (
        Service(ANY_PORT) as service,
        dial(
            service.url, model.url_path, model=model.name, resolution="720p", latency_diagnostics="true"
        ) as client,
    ):
        message = await client.expect("session_id")
        assert (message["server_ip"], message["server_port"]) == ("127.0.0.1", service.address[1])
        info = await session_of(service, client)
    assert (info["model"], info["resolution"], info["latency_diagnostics"]) == (model.name, "720p", True)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"model": "gpt-1"}, "Unknown model 'gpt-1'; known are lucy-2.1"),
        ({"model": None}, "Unknown model ''"),
        ({"resolution": "8k"}, "Unknown resolution '8k'; known are 720p, 1080p"),
    ],
)
async def test_what_cannot_be_served_is_said_and_closed(query: dict[str, str], said: str) -> None:
    async with Service(ANY_PORT) as service, dial(service.url, **query) as client:
        assert said in (await client.expect("error"))["error"]
        await client.until(lambda: client.closed)
        assert client.closed == (1008, "")
        assert service.sessions == {}


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/v1/stream", "", 401),
        ("/v1/stream", "wrong", 401),
        ("/subscribe/x", "wrong", 401),
        ("/v2/x", "good", 404),
    ],
)
async def test_who_may_not_come_in_is_refused_at_the_handshake(path: str, key: str, status: int) -> None:
    async with Service(ServiceConfig(port=0, api_keys=frozenset({"good"}))) as service:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(f"{service.url}{path}?{urlencode({'api_key': key, 'model': 'lucy-2.1'})}"):
                pass
        assert caught.value.response.status_code == status
        async with dial(service.url, key="good") as client:
            await client.expect("session_id")
    assert "good" not in repr(service.config)


async def test_a_key_may_come_in_a_header() -> None:
    async with (
        Service(ServiceConfig(port=0, api_keys=frozenset({"k"}))) as service,
        connect(f"{service.url}/v1/stream?model=lucy-2.1", additional_headers={"x-api-key": "k"}) as socket,
    ):
        assert json.loads(await socket.recv())["type"] == "session_id"


async def test_state_is_acknowledged_and_kept() -> None:
    red, blue = png((255, 0, 0)), png((0, 0, 255))
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        await client.send(type="prompt", prompt="one", enhance_prompt=False)
        await client.send(type="set_image", image_data=base64_png((255, 0, 0)), prompt="two")
        await client.send(type="set_image", image_data=base64_png((0, 0, 255)))
        await client.send(type="set_image", image_data="####")
        await client.send(type="set_image", image_data="AAAA")
        await client.send(type="prompt", prompt=" ")
        await client.send(type="set_image", image_data=None, prompt=None)
        await client.expect("set_image_ack", 5)
        assert client.of("prompt_ack") == [
            {"type": "prompt_ack", "prompt": "one", "success": True, "error": None},
            {"type": "prompt_ack", "prompt": " ", "success": False, "error": "Prompt must not be empty"},
        ]
        acks = client.of("set_image_ack")
        assert [ack["success"] for ack in acks] == [True, True, False, False, True]
        assert "base64" in acks[2]["error"]
        assert "could not be read" in acks[3]["error"]
        info = await session_of(service, client)
    assert info["prompts"] == ["one", "two", "two", None]
    assert info["images"] == [hashlib.sha256(red).hexdigest(), hashlib.sha256(blue).hexdigest(), None]
    assert info["passthrough"] is True


@pytest.mark.alone
async def test_short_messages_are_not_held_back() -> None:
    """Without TCP_NODELAY each of these takes 40 ms: an answer waits for the acknowledgement of the one before."""
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        took = []
        for n in range(1, 11):
            began = time.monotonic()
            await client.send(type="prompt", prompt=str(n))
            await client.send(type="prompt", prompt=str(n))
            await client.expect("prompt_ack", 2 * n)
            took.append(time.monotonic() - began)
    assert min(took) < 0.03


async def test_unknown_messages_are_ignored_and_broken_ones_answered() -> None:
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        await client.send(type="hello", world=1)
        await client.socket.send("not json")
        await client.socket.send(b"\xff\x00")
        await client.send(type="prompt")
        await client.send(type="prompt", prompt="still here")
        await client.expect("prompt_ack")
        assert len(client.of("error")) == 3
        assert "malformed prompt" in client.of("error")[2]["error"]
        info = await session_of(service, client)
    assert info["messages"] == {"unknown": 1, "malformed": 3, "prompt": 1}


async def test_latency_reports_are_kept() -> None:
    report = {"avg_latency_ms": 12.5, "delivery_rate": 0.5, "lost": 1, "corrupted": 2, "out_of_order": 3}
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        await client.send(type="e2e_latency_report", **report)
        await client.send(type="latency_probe", seq=7, client_time=1.0)
        await client.send(type="prompt", prompt="p")
        await client.expect("prompt_ack")
        info = await session_of(service, client)
    assert info["e2e_latency_reports"] == [report]
    assert info["probes"] == [7]


async def test_a_port_in_use_is_refused() -> None:
    async with Service(ANY_PORT) as service:
        with pytest.raises(InvalidInputError, match="is in use"):
            async with Service(ServiceConfig(port=service.address[1])):
                pass


@pytest.mark.parametrize("sdp", ["", "nonsense", "v=0\r\nm=video nonsense"])
async def test_an_offer_that_is_none_ends_the_session_with_a_clear_error(sdp: str) -> None:
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        await client.send(type="offer", sdp=sdp)
        assert "offer" in (await client.expect("error"))["error"]
        await client.until(lambda: client.closed)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_it_goes_and_comes_back_on_the_same_port(how: str) -> None:
    async with Service(ANY_PORT) as service:
        url = service.url
        async with dial(url) as client:
            await client.expect("session_id")
            began = time.monotonic()
            await (service.stop() if how == "stop" else service.kill())
            assert time.monotonic() - began < 2
            await client.until(lambda: client.closed)
            assert client.closed == ((1001, "service stopped") if how == "stop" else (None, ""))
        assert (service.running, service.sessions) == (False, {})
        with pytest.raises(OSError, match="Connect"):
            async with dial(url):
                pass
        await service.start()
        async with dial(url) as client:
            await client.expect("session_id")
        assert service.url == url


async def test_serve_runs_until_cancelled() -> None:
    with anyio.move_on_after(0.3) as scope:
        await serve(ANY_PORT)
    assert scope.cancelled_caught


async def test_the_caller_keeps_signals_and_exceptions() -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(LookupError, match="mine"):
        async with Service(ANY_PORT) as service, dial(service.url) as client:
            await client.expect("session_id")
            assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
            raise LookupError("mine")


async def test_nothing_is_left_behind() -> None:
    async def once() -> None:
        async with Service(ANY_PORT) as service, dial(service.url) as client:
            await client.send(type="set_image", image_data=base64_png(), prompt="p")
            await client.expect("set_image_ack")

    def held() -> tuple[int, int, int]:
        gc.collect()
        return threading.active_count(), len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))

    await once()
    before = held()
    for _ in range(5):
        await once()
    assert held() == before


async def test_a_client_that_vanishes_is_released() -> None:
    async with Service(ANY_PORT) as service:
        async with dial(service.url) as client:
            await client.expect("session_id")
            client.socket.transport.abort()
        await eventually(lambda: not service.sessions, 5)
        assert len(service.ended) == 1


async def test_secrets_stay_out_of_the_logs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        async with Service(ANY_PORT) as service, dial(service.url, key="hush-hush") as client:
            await client.expect("session_id")
    assert not [
        r for r in caplog.records if "hush" in r.getMessage() and not r.name.startswith("websockets.client")
    ]


async def test_developer_routes_show_and_steer() -> None:
    async with Service(ANY_PORT) as service, dial(service.url) as client, httpx2.AsyncClient() as http:
        await client.send(type="prompt", prompt="p")
        await client.expect("prompt_ack")
        base = service.url.replace("ws", "http")
        (session,) = (await http.get(f"{base}/dev/sessions")).json()["sessions"]
        assert (session["prompt"], session["faults"]) == ("p", {})
        done = await http.post(f"{base}/dev/faults", json=["ack=fail", "times=1"])
        assert done.status_code == 204
        assert service.faults.faults == Faults(ack="fail", times=1)
        await http.post(f"{base}/dev/faults?live=true", json=["ack=fail"])
        await client.send(type="prompt", prompt="q")
        assert (await client.expect("prompt_ack", 2))["success"] is False
        assert (await session_of(service, client))["prompts"] == ["p"]
        refused = await http.post(f"{base}/dev/faults", json=["nonsense"])
        assert refused.status_code == 422
        assert "No fault is called" in refused.json()["error"]
        assert (await http.post(f"{base}/dev/faults", content=b'["ack=fail"]')).status_code == 415
        assert (await http.post(f"{base}/dev/faults", json={"ack": 1})).status_code == 422
