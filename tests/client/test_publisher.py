"""`RealtimeClient` over WebRTC, against the embedded service: real sockets, real encoders, real pictures."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import anyio
import numpy as np
import pytest

from realtime_fast import (
    AuthenticationError,
    ControlChannelError,
    InvalidInputError,
    LatencyTracking,
    ModelState,
    NotConnectedError,
    Prompt,
    RealtimeClient,
    RealtimeConnectOptions,
    ReconnectPolicy,
    ServerError,
    SetInput,
    decode_subscribe_token,
)
from realtime_fast.events import ConnectionChange, Event, EventsDropped, PixelLatencyReport
from realtime_fast.media.sources import MediaSource
from realtime_fast.models import ModelDefinition
from realtime_fast.server import Service, ServiceConfig

from tests.support import KEY, PNG, QUICK, SHA, SMALL, eventually, first_picture, leaving_nothing, options


async def test_a_session_from_first_to_last(service: Service, camera: MediaSource) -> None:
    states: list[str] = []
    tracks: list[str] = []
    start = ModelState(prompt=Prompt("boat"), image=PNG)
    async with leaving_nothing():
        connection = RealtimeClient.connect(
            service.url,
            KEY,
            camera,
            options(initial_state=start, on_remote_stream=lambda track: tracks.append(track.kind)),
        )
        async with connection as client:
            client.on("connection_change", states.append)
            assert client.is_connected()
            array = await first_picture(client)
            assert (array.shape, array.dtype) == ((SMALL.height, SMALL.width, 3), np.uint8)
            (session,) = service.sessions.values()
            assert client.session_id == session.id
            assert (session.prompt, session.image) == ("boat", SHA)
            await client.set_prompt("tree")
            assert session.prompt == "tree"
            await client.set(SetInput(prompt="bush"))
            assert (session.prompt, session.image is not None) == ("bush", True)
            await client.set_image(None)
            assert (session.prompt, session.image) == ("bush", None)
            await client.set_image(PNG, prompt="moss")
            assert (session.prompt, session.image is not None) == ("moss", True)
            await eventually(lambda: client.get_connection_state() == "generating")
            token = decode_subscribe_token(client.subscribe_token or "")
            assert (token.sid, token.transport) == (session.id, "webrtc")
        assert states == ["connecting", "connected", "generating", "disconnected"]
        assert sorted(tracks) == ["audio", "video"]
        assert not client.is_connected()
        await eventually(lambda: not service.sessions)
    assert camera.video.readyState == "live"


async def test_awaited_it_lives_until_disconnect(service: Service, camera: MediaSource) -> None:
    async with leaving_nothing():
        client = await RealtimeClient.connect(service.url, KEY, camera, options())
        assert client.get_connection_state() in ("connected", "generating")
        await client.disconnect()
        await client.disconnect()
        assert client.get_connection_state() == "disconnected"
        with pytest.raises(NotConnectedError):
            await client.set_prompt("boat")


async def test_as_a_task(service: Service, camera: MediaSource) -> None:
    client = await asyncio.create_task(RealtimeClient.connect(service.url, KEY, camera, options()))
    await client.disconnect()


async def test_the_blocks_own_error_passes_unchanged(service: Service, camera: MediaSource) -> None:
    cause = KeyError("cause")
    async with leaving_nothing():
        with pytest.raises(LookupError) as caught:
            async with RealtimeClient.connect(service.url, KEY, camera, options()):
                raise LookupError("mine") from cause
        assert caught.value.__cause__ is cause
        await eventually(lambda: not service.sessions)


async def test_the_prompt_changes_the_picture(service: Service, camera: MediaSource) -> None:
    async with RealtimeClient.connect(service.url, KEY, camera, options()) as client:
        plain = (await first_picture(client)).mean(axis=(0, 1))
        await client.set_prompt("deep blue night")

        async def changed() -> float:
            return float(np.abs((await first_picture(client)).mean(axis=(0, 1)) - plain).max())

        with anyio.fail_after(10):
            while await changed() < 10:
                pass


@pytest.mark.parametrize("interval", [0.0, 200.0])
async def test_markers_come_back(service: Service, camera: MediaSource, interval: float) -> None:
    tracking = LatencyTracking(composite=True, pixel_marker=True, probe_interval_ms=interval)
    latencies: list[float] = []
    async with RealtimeClient.connect(service.url, KEY, camera, options(latency_tracking=tracking)) as client:
        client.on("pixel_latency", lambda event: latencies.append(event.e2e_latency_ms))
        seen: dict[str, Event | EventsDropped] = {}
        with anyio.fail_after(20):
            async for event in client.events():
                seen[event.name] = event
                if {"pixel_latency_report", "composite_latency", "stats", "server_metrics"} <= seen.keys():
                    break
        report = seen["pixel_latency_report"]
        assert isinstance(report, PixelLatencyReport)
        assert report.received >= 0.9 * (report.sent - report.pending) > 0
        assert report.lost == 0
        assert all(0 < latency < 5000 for latency in latencies)
        (session,) = service.sessions.values()
        await eventually(lambda: session.received.reports)


async def test_without_a_camera_markers_are_asked_for(service: Service) -> None:
    tracking = LatencyTracking(pixel_marker=True, probe_interval_ms=100)
    wanted = options(latency_tracking=tracking, initial_state=ModelState(prompt=Prompt("boat")))
    async with RealtimeClient.connect(service.url, KEY, None, wanted) as client:
        with anyio.fail_after(20):
            async for event in client.events():
                assert event.name != "pixel_latency", "the pipeline is not in it"
                if event.name == "control_channel_latency":
                    break
            assert (latency := client.get_latency()) is not None
            assert latency.method == "control_channel"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"base_url": "nonsense"}, InvalidInputError, "base_url"),
        ({"api_key": " "}, AuthenticationError, "API key"),
        ({"local_track": 5}, InvalidInputError, "local_track"),
        ({"options": None}, InvalidInputError, "RealtimeConnectOptions"),
        ({"options": options(initial_state=ModelState(prompt=Prompt(" ")))}, InvalidInputError, "prompt"),
        (
            {"options": options(initial_state=ModelState(image="/no/such/file.png"))},
            InvalidInputError,
            "image",
        ),
    ],
)
async def test_bad_arguments_are_refused_before_anything_is_sent(
    service: Service, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    call = {"base_url": service.url, "api_key": KEY, "local_track": None, "options": options(), **arguments}
    async with leaving_nothing():
        with pytest.raises(error, match=words):
            await RealtimeClient.connect(**call)
    assert not service.sessions
    assert not service.ended


async def test_bad_calls_are_refused_at_once(service: Service, camera: MediaSource) -> None:
    async with RealtimeClient.connect(service.url, KEY, camera, options()) as client:
        with anyio.fail_after(1):
            for call in (
                client.set_prompt(""),
                client.set_prompt("  "),
                client.set(SetInput()),
                client.set(SetInput(prompt=" ")),
                client.set_image("https://", None),
                client.set_image(PNG, prompt=""),
            ):
                with pytest.raises(InvalidInputError):
                    await call
        with pytest.raises(ValueError, match="connection_change"):
            client.on("typo", print)
        assert client.is_connected()


async def test_a_wrong_key_is_refused_once(camera: MediaSource) -> None:
    async with Service(ServiceConfig(port=0, api_keys=frozenset({"other"}))) as service, leaving_nothing():
        with anyio.fail_after(2), pytest.raises(AuthenticationError) as caught:
            await RealtimeClient.connect(service.url, KEY, camera, options(reconnect=QUICK))
        assert caught.value.phase == "websocket"


SLOW = ReconnectPolicy(base_delay=1000, max_delay=1000)
"""A retry by it would outlast every test."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


async def test_nobody_listens(camera: MediaSource) -> None:
    async with leaving_nothing():
        with pytest.raises(ControlChannelError, match="cannot be reached"):
            await RealtimeClient.connect(
                f"ws://127.0.0.1:{free_port()}", KEY, camera, options(reconnect=SLOW)
            )


@pytest.mark.parametrize("host", ["localhost", "no-such-host.invalid"])
async def test_a_name_where_nobody_listens(camera: MediaSource, host: str) -> None:
    with pytest.raises(ControlChannelError, match="cannot be reached"):
        await RealtimeClient.connect(f"ws://{host}:{free_port()}", KEY, camera, options(reconnect=SLOW))


async def test_a_model_that_the_service_does_not_know(service: Service, camera: MediaSource) -> None:
    stranger = ModelDefinition("stranger", "/v1/stream", 30, 64, 64)
    async with leaving_nothing():
        with pytest.raises(ServerError, match="stranger"):
            wanted = RealtimeConnectOptions(stranger, ice_servers=(), reconnect=SLOW)
            await RealtimeClient.connect(service.url, KEY, camera, wanted)


async def test_a_session_survives_its_service(service: Service, camera: MediaSource) -> None:
    start = ModelState(prompt=Prompt("initial"))
    async with RealtimeClient.connect(
        service.url, KEY, camera, options(reconnect=QUICK, initial_state=start)
    ) as client:
        await first_picture(client)
        await client.set_image(PNG, prompt="current")
        before = client.session_id
        events = client.events()
        await service.kill()
        await service.start()
        with anyio.fail_after(10):
            async for event in events:
                if event == ConnectionChange("connected"):
                    break
        await first_picture(client)
        (session,) = service.sessions.values()
        assert (session.prompt, session.image) == ("current", SHA)
        assert client.session_id == session.id != before


async def test_disconnecting_from_a_callback(service: Service, camera: MediaSource) -> None:
    async with leaving_nothing():
        client = await RealtimeClient.connect(service.url, KEY, camera, options())

        async def leave(_: object) -> None:
            await client.disconnect()

        client.on("generation_tick", leave)
        await eventually(lambda: client.get_connection_state() == "disconnected")
        with anyio.fail_after(2):
            await client.disconnect()
        await eventually(lambda: not service.sessions)


@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.02, 0.05, 0.08, 0.15, 0.5])
async def test_cancelling_while_connecting(service: Service, camera: MediaSource, seconds: float) -> None:
    async with leaving_nothing():
        with anyio.move_on_after(seconds):
            async with RealtimeClient.connect(service.url, KEY, camera, options()):
                await anyio.sleep_forever()
        await eventually(lambda: not service.sessions)
