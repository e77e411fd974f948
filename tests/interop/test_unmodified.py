"""Programs of others, unmodified and in environments of their own, against the embedded service: `make interop`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from realtime_fast import LatencyTracking, RealtimeClient, decode_subscribe_token
from realtime_fast.livekit import Room, TrackSubscribed, TrackUnsubscribed
from realtime_fast.media.sources import open_source
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.room import Grant

from tests.interop.deployment import KEYS, SERVER, TREE, deployed
from tests.support import SMALL, Colour, eventually, first_picture, mean_colour, options

HERE = Path(__file__).parent
VERSIONS = ("0.1.0", "0.2.4")

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]


def python_with(version: str) -> str:
    """The interpreter of an environment that has this version of `decart`."""
    path = TREE / ".interop" / version / "bin" / "python"
    if not path.exists():
        pytest.skip(f"decart {version} is not installed: make interop")
    return str(path)


async def run(version: str, program: str, *args: str) -> Any:
    """Run a program; returns what it printed."""
    # libwebrtc leaves threads behind that now and then abort the process at its exit, when all is said.
    done = await anyio.run_process([python_with(version), str(HERE / program), *args], check=False)
    lines = done.stdout.decode().splitlines()
    assert lines, done.stderr.decode()[-2000:]
    return json.loads(lines[-1])


@pytest.fixture
async def deployment() -> AsyncIterator[str]:
    """The URL of a real LiveKit server on loopback."""
    if not SERVER.exists():
        pytest.skip("there is no LiveKit server: make livekit")
    async with deployed() as url:
        yield url


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_two_participants_in_an_embedded_room(codec: str) -> None:
    async with Service(ServiceConfig(port=0)) as service:
        assert service.rooms is not None
        service.rooms.create("room")
        tokens = [service.rooms.keys.issue(Grant(identity=who, room="room")) for who in ("a", "b")]
        sizes = await run("0.2.4", "two_participants.py", service.url, *tokens, codec)
        assert list(sizes) == ["640x352"], "the largest layer from the first picture on"
        # A process that libwebrtc aborts at its exit has not left: it might come back for a while.
        await eventually(lambda: not service.rooms.rooms["room"].participants, 20)  # type: ignore[union-attr]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_decart_program(version: str) -> None:
    async with Service(ServiceConfig(port=0)) as service:
        seen = await run(version, "decart_program.py", service.url)
        await eventually(lambda: service.ended)
    check(seen, service)
    assert seen["size"] == [1280, 704], "no smaller layer first"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_decart_program_on_a_deployment(version: str, deployment: str) -> None:
    config = ServiceConfig(
        port=0, livekit_url=deployment, livekit_key=KEYS.api_key, livekit_secret=KEYS.secret
    )
    async with Service(config) as service:
        seen = await run(version, "decart_program.py", service.url)
        await eventually(lambda: service.ended)
    check(seen, service)


async def test_our_client_beside_a_participant_that_watches() -> None:
    measured = await watched_by_another(ServiceConfig(port=0))
    assert measured > 30


async def test_our_client_on_a_deployment_beside_a_participant_that_watches(deployment: str) -> None:
    config = ServiceConfig(
        port=0, livekit_url=deployment, livekit_key=KEYS.api_key, livekit_secret=KEYS.secret
    )
    assert await watched_by_another(config) == 0, "livekit-server 1.9.11 knows no trailers"


async def test_our_tracks_come_and_go_on_a_deployment(deployment: str) -> None:
    def room(identity: str) -> Room:
        return Room(deployment, KEYS.issue(Grant(identity=identity, room="room")), ice_servers=())

    first, second = Colour((30, 30, 220)), Colour((30, 200, 30))
    async with room("alice") as alice, room("bob") as bob:
        events = bob.events()
        seen = []
        for track in (first, second):
            await alice.publish(video=track)
            seen.append(await anext(event async for event in events if isinstance(event, TrackSubscribed)))
            await mean_colour(seen[-1].media, 5)
        await alice.unpublish(first)
        gone = await anext(event async for event in events if isinstance(event, TrackUnsubscribed))
        assert gone.track.sid == seen[0].track.sid
        await mean_colour(seen[1].media, 5)


async def watched_by_another(config: ServiceConfig) -> int:
    """Ask for frame timing; a viewer that knows nothing of it sees the pictures. How many were measured."""
    tracking = LatencyTracking(frame_timing=True)
    async with (
        Service(config) as service,
        open_source("synthetic", size=(SMALL.width, SMALL.height), fps=SMALL.fps) as camera,
        RealtimeClient.connect(
            service.url, "key", camera, options(transport="livekit", latency_tracking=tracking)
        ) as client,
    ):
        await first_picture(client)
        assert client.subscribe_token is not None
        room = decode_subscribe_token(client.subscribe_token).room_name
        base = service.url.replace("ws", "http", 1)
        async with httpx2.AsyncClient() as http:
            answer = await http.post(f"{base}/watch-stream/{room}", headers={"x-api-key": "key"})
        grant = answer.json()
        sizes = await run("0.2.4", "watcher.py", grant["livekit_url"], grant["token"])
        await first_picture(client)
        latency = client.get_latency()
    assert list(sizes) == [f"{SMALL.width}x{SMALL.height}"]
    assert latency is not None
    assert latency.frame_timing is not None
    return latency.frame_timing.session.count


def check(seen: dict[str, Any], service: Service) -> None:
    assert "generating" in seen["states"]
    assert seen["watched"]
    (ended,) = service.ended
    assert ended["transport"] == "livekit"
    assert ended["prompts"] == ["a red boat", "a blue sky"]
